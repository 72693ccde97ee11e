//! What the broker counts as it happens, for `$SYS`.

use std::time::Duration;

/// How often the values are published, where they changed.
pub(crate) const SYS_INTERVAL: Duration = Duration::from_secs(10);

/// What is counted as it happens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Packets of any type from clients.
    pub messages_received: u64,
    /// Packets of any type to clients.
    pub messages_sent: u64,
    /// Bytes from clients.
    pub bytes_received: u64,
    /// Bytes to clients.
    pub bytes_sent: u64,
    /// PUBLISH packets from clients.
    pub publish_received: u64,
    /// PUBLISH packets to clients.
    pub publish_sent: u64,
    /// Payload bytes in PUBLISH packets from clients.
    pub publish_bytes_received: u64,
    /// Payload bytes in PUBLISH packets to clients.
    pub publish_bytes_sent: u64,
    /// Messages that a bound kept from a subscriber or from the store of retained messages.
    pub publish_dropped: u64,
    /// The most clients that were connected at once.
    pub clients_maximum: usize,
    /// Sessions that ended because their expiry interval passed.
    pub clients_expired: u64,
}
