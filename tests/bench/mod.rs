//! `mqt bench`.

mod command;
mod engine;
mod faulty_broker;
#[cfg(unix)]
mod interrupt;
mod mosquitto;
