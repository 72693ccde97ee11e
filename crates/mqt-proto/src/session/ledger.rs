//! The acknowledgement ledger: every publish that is asked for enters it, and leaves it only with a
//! confirmed outcome.

/// Counts of application messages that this client publishes. Exit status 0 needs [`Ledger::open`] to be 0
/// and nothing refused or lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Handed to the session.
    pub asked: u64,
    /// Put on the wire at least once.
    pub sent: u64,
    /// QoS 1 and 2: acknowledged below 0x80. QoS 0: a PINGRESP came to a PINGREQ behind it.
    pub confirmed: u64,
    /// Refused by the broker, or beyond what the broker allows.
    pub refused: u64,
    /// QoS 0 messages that were on a connection when it broke, and QoS 2 messages that were open when the server
    /// broke the protocol: nobody can know.
    pub unknown: u64,
    /// Among the confirmed: reason code 0x10, no matching subscribers.
    pub unmatched: u64,
    /// Sent again with DUP, or as new because the session was gone.
    pub resent: u64,
    /// Among those: QoS 2 messages that were published as new because the server had lost the session. They may have
    /// arrived twice.
    pub repeated: u64,
}

impl Ledger {
    /// How many have an outcome.
    #[must_use]
    pub const fn closed(&self) -> u64 {
        self.confirmed.saturating_add(self.refused).saturating_add(self.unknown)
    }

    /// How many have no outcome yet.
    #[must_use]
    pub const fn open(&self) -> u64 {
        self.asked.saturating_sub(self.closed())
    }
}
