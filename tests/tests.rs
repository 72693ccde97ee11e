//! The one integration test binary: a module per subject.

#![cfg_attr(not(unix), expect(dead_code, reason = "what only tests for Unix use"))]

#[cfg(test)]
mod architecture;
#[cfg(test)]
#[cfg(unix)]
mod certificates;
#[cfg(test)]
mod cli_help;
#[cfg(test)]
#[cfg(unix)]
mod completions;
#[cfg(test)]
mod conformance;
#[cfg(test)]
#[cfg(unix)]
mod dropin;
#[cfg(test)]
mod end_of_input;
#[cfg(test)]
mod exit_codes;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod generated;
#[cfg(test)]
#[cfg(unix)]
mod interop;
#[cfg(test)]
mod loss;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
#[cfg(unix)]
mod mosquitto;
#[cfg(test)]
#[cfg(unix)]
mod multicall;
#[cfg(test)]
#[cfg(unix)]
mod pages;
#[cfg(test)]
#[cfg(unix)]
mod process;
#[cfg(test)]
#[cfg(unix)]
mod requests;
#[cfg(test)]
mod srv;
#[cfg(test)]
mod support;

#[cfg(test)]
mod bench;
#[cfg(test)]
mod broker;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod transport;
#[cfg(test)]
mod watch;
#[cfg(test)]
mod websocket;
