//! `mqt bench`.

#[cfg(unix)]
mod clocks;
mod command;
mod engine;
mod faulty_broker;
#[cfg(unix)]
mod interrupt;
mod mosquitto;
mod stall;
