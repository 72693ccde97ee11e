//! What a session says about itself: counts, and whether anything is still open.

use std::time::Duration;

use super::super::Version;
use super::outgoing::Flow;
use super::{Ledger, Phase, ServerLimits, Session};
impl Session {
    /// The counts of what this session publishes.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.ledger
    }

    /// Whether every publish has its outcome, but for QoS 0 messages that are sent and not proved: see
    /// [`Self::ask_for_proof`].
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.pending.is_empty() && self.ledger.open() == self.unproved
    }

    /// Whether every publish has its outcome, QoS 0 messages included.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.ledger.open() == 0
    }

    /// How many QoS 0 messages are not proved to have been read.
    #[must_use]
    pub fn unproved(&self) -> u64 {
        self.unproved
    }

    /// How many messages of QoS 2 came in, are acknowledged, and wait for the server's PUBREL.
    #[must_use]
    pub fn awaiting_release(&self) -> usize {
        self.incoming.awaiting_release()
    }

    /// Whether CONNACK is in and DISCONNECT is not out.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// Whether a CONNACK was ever received.
    #[must_use]
    pub fn was_established(&self) -> bool {
        self.connections > 0
    }

    /// How many CONNACK packets accepted a connection.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections
    }

    /// Whether the server continued its session at the last CONNACK.
    #[must_use]
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// The protocol version of the current or last connection.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// What the server allows.
    #[must_use]
    pub fn limits(&self) -> &ServerLimits {
        &self.limits
    }

    /// The keep alive in force; zero is off.
    #[must_use]
    pub fn keep_alive(&self) -> Duration {
        self.keep_alive.interval()
    }

    /// Deliveries that wait for [`Self::acknowledge`], QoS 1 and 2 only.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.incoming.unacknowledged()
    }

    /// How many messages were delivered that were not retained ones.
    #[must_use]
    pub fn delivered_live(&self) -> u64 {
        self.incoming.live()
    }

    /// How many messages were delivered.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.incoming.delivered()
    }

    /// How many duplicates of QoS 2 messages were held back.
    #[must_use]
    pub fn duplicates(&self) -> u64 {
        self.incoming.duplicates
    }

    /// Whether a subscribe or unsubscribe has no answer yet, sent or not.
    #[must_use]
    pub fn has_open_requests(&self) -> bool {
        self.subscribed < self.subscriptions.len()
            || !self.unsubscriptions.is_empty()
            || self.flows.iter().any(|flow| matches!(flow, Flow::Subscribe(_) | Flow::Unsubscribe(_)))
    }
}
