//! What the tests stand on.

pub mod broker;
pub mod certs;
pub mod mqt;
pub mod wire;
