//! `mqt bench`.

#[cfg(unix)]
mod clocks;
mod command;
mod engine;
mod faulty_broker;
mod giving_up;
#[cfg(unix)]
mod interrupt;
#[cfg(unix)]
mod mosquitto;
mod stall;
