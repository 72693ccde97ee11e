//! The shared connection module: from an address to a stream of events, the same for every command.

pub mod options;

/// How to reach a broker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TransportOptions {}

pub use options::{Attempts, ClientOptions, PasswordSource, VersionChoice};
