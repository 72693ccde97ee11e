//! Messages from the server: topic aliases, duplicates of QoS 2, and acknowledgements that wait until the
//! message is safe.

use std::collections::{HashMap, VecDeque};

use crate::codec::AckKind;
use crate::packet::Publish;
use crate::{PacketId, QoS, ReasonCode, TopicName};

use super::{SessionError, Tolerated};

/// A delivered message that is not acknowledged.
#[derive(Debug, Clone, Copy)]
struct Unacknowledged {
    delivery: u64,
    packet_id: PacketId,
    qos: QoS,
    /// On which connection it came; an acknowledgement is never sent on another.
    connection: u64,
}

/// Where a QoS 2 message is between PUBLISH and PUBREL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Received {
    /// It is safe: PUBREC may be sent.
    safe: bool,
    /// The connection on which the server last sent its PUBLISH.
    connection: u64,
}

/// What to do with a PUBLISH.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PublishHandling {
    /// Hand it on, under this number.
    Deliver(u64),
    /// A duplicate that is safe already: answer PUBREC.
    AcknowledgeAgain(PacketId),
    /// A duplicate of a message that is not safe yet: its PUBREC will come.
    Ignore,
}

/// The receiving half of a session.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    connection: u64,
    delivered: u64,
    unacknowledged: VecDeque<Unacknowledged>,
    received: HashMap<PacketId, Received>,
    /// Flows that the server has open on this connection, for its side of Receive Maximum.
    open: usize,
    receive_maximum: usize,
    aliases: HashMap<u16, TopicName>,
    alias_maximum: u16,
    pub duplicates: u64,
    /// What the server did wrong, and was tolerated.
    fault: Option<Tolerated>,
    /// Deliveries that were no retained messages.
    live: u64,
}

fn violation(what: impl Into<String>, reason: ReasonCode) -> SessionError {
    SessionError::Violation { what: what.into(), reason }
}

impl Incoming {
    /// A new network connection: aliases and counts begin again ([MQTT-3.3.2-7]).
    pub(super) fn connect(&mut self, receive_maximum: u16, alias_maximum: u16) {
        self.connection = self.connection.saturating_add(1);
        self.aliases.clear();
        self.open = 0;
        self.receive_maximum = receive_maximum.into();
        self.alias_maximum = alias_maximum;
    }

    /// The server has no session: what it sent before will not be continued.
    pub(super) fn forget(&mut self) {
        self.received.clear();
        self.unacknowledged.clear();
    }

    /// Judges a PUBLISH and resolves its topic alias.
    pub(super) fn arrive(&mut self, publish: &mut Publish) -> Result<PublishHandling, SessionError> {
        self.resolve_alias(publish)?;
        self.live = self.live.saturating_add(u64::from(!publish.message.retain));
        let Some(packet_id) = publish.packet_id else {
            if publish.dup {
                publish.dup = false;
                self.fault = Some(Tolerated::DupAtQoS0);
            }
            self.delivered = self.delivered.saturating_add(1);
            return Ok(PublishHandling::Deliver(self.delivered));
        };
        let qos = publish.message.qos;
        if qos == QoS::ExactlyOnce {
            let connection = self.connection;
            if let Some(known) = self.received.get_mut(&packet_id) {
                // [MQTT-4.3.3-10]: no second delivery before PUBREL.
                let repeated = std::mem::replace(&mut known.connection, connection) != connection;
                let safe = known.safe;
                if repeated {
                    self.admit();
                }
                self.duplicates = self.duplicates.saturating_add(1);
                return Ok(if safe {
                    PublishHandling::AcknowledgeAgain(packet_id)
                } else {
                    PublishHandling::Ignore
                });
            }
            self.admit();
            self.received.insert(packet_id, Received { safe: false, connection });
        } else {
            self.admit();
        }
        self.delivered = self.delivered.saturating_add(1);
        let connection = self.connection;
        self.unacknowledged.push_back(Unacknowledged {
            delivery: self.delivered,
            packet_id,
            qos,
            connection,
        });
        Ok(PublishHandling::Deliver(self.delivered))
    }

    /// Counts an open flow against our Receive Maximum (3.3.4, [MQTT-3.3.4-9]). A server that goes beyond it is not read
    /// for a while, since dropping its connection would drop its messages, too.
    fn admit(&mut self) {
        self.open = self.open.saturating_add(1);
        if self.open > self.receive_maximum {
            self.fault = Some(Tolerated::ReceiveMaximumExceeded);
        }
    }

    /// A fault that was tolerated with the last message.
    #[inline]
    pub(super) fn take_fault(&mut self) -> Option<Tolerated> {
        self.fault.take()
    }

    /// Whether more messages than the receive maximum wait to be made safe. Those that wait for PUBREL do not count: it has
    /// to be read.
    pub(super) fn is_overrun(&self) -> bool {
        self.unacknowledged.len() > self.receive_maximum
    }

    /// How many messages were delivered that were not retained ones.
    pub(super) fn live(&self) -> u64 {
        self.live
    }

    fn resolve_alias(&mut self, publish: &mut Publish) -> Result<(), SessionError> {
        let message = &mut publish.message;
        if message.properties.is_empty() {
            return Ok(());
        }
        let Some(alias) = message.properties.topic_alias().copied() else { return Ok(()) };
        if alias == 0 || alias > self.alias_maximum {
            return Err(violation(
                format!("it used topic alias {alias}, allowed are 1 to {}", self.alias_maximum),
                ReasonCode::TOPIC_ALIAS_INVALID,
            ));
        }
        if message.topic.is_empty() {
            message.topic = self.aliases.get(&alias).cloned().ok_or_else(|| {
                violation(
                    format!("it used topic alias {alias} before defining it"),
                    ReasonCode::PROTOCOL_ERROR,
                )
            })?;
        } else {
            self.aliases.insert(alias, message.topic.clone());
        }
        Ok(())
    }

    /// Acknowledges every delivery up to this number, in the order of arrival ([MQTT-4.6.0-2], [MQTT-4.6.0-3]).
    /// `send` is called for each PUBACK and PUBREC that is to go out on this connection.
    pub(super) fn acknowledge(&mut self, through: u64, mut send: impl FnMut(AckKind, PacketId)) {
        while let Some(front) = self.unacknowledged.front().copied() {
            if front.delivery > through {
                return;
            }
            self.unacknowledged.pop_front();
            match front.qos {
                QoS::ExactlyOnce => {
                    if let Some(received) = self.received.get_mut(&front.packet_id) {
                        received.safe = true;
                        // After a reconnect: only once the server has sent it again.
                        if received.connection == self.connection {
                            send(AckKind::PubRec, front.packet_id);
                        }
                    }
                }
                _ if front.connection == self.connection => {
                    self.open = self.open.saturating_sub(1);
                    send(AckKind::PubAck, front.packet_id);
                }
                // Its connection is gone; the server sends it again.
                _ => {}
            }
        }
    }

    /// PUBREL: whether the identifier was known. Always to be answered with PUBCOMP ([MQTT-4.3.3-11]).
    ///
    /// A PUBREL before our PUBREC, for a message that is not safe yet, is a violation.
    pub(super) fn release(&mut self, packet_id: PacketId) -> Result<bool, SessionError> {
        match self.received.get(&packet_id) {
            None => Ok(false),
            Some(Received { safe: false, .. }) => Err(violation(
                format!("PUBREL for packet identifier {packet_id} came before its PUBREC"),
                ReasonCode::PROTOCOL_ERROR,
            )),
            Some(Received { safe: true, .. }) => {
                // Also for a flow that began on an earlier connection: every PUBCOMP gives the server one
                // more place (4.9).
                self.open = self.open.saturating_sub(1);
                self.received.remove(&packet_id);
                Ok(true)
            }
        }
    }

    /// How many deliveries wait for [`Self::acknowledge`].
    pub(super) fn unacknowledged(&self) -> usize {
        self.unacknowledged.len()
    }

    /// How many messages of QoS 2 are acknowledged on this connection and wait for PUBREL.
    pub(super) fn awaiting_release(&self) -> usize {
        let waits = |received: &&Received| received.safe && received.connection == self.connection;
        self.received.values().filter(waits).count()
    }

    /// How many messages were delivered.
    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }
}
