//! What the tests stand on.

pub mod broker;
pub mod certs;
#[cfg(unix)]
pub mod mosquitto;
pub mod mqt;
#[cfg(unix)]
pub mod port;
pub mod proxy;
pub mod scripted;
pub mod wire;
