//! What this client has asked of the server on a connection and not been answered: for deadlines, and for finding
//! the packet that a server answers by closing the connection.
//!
//! Closing is the only way in which a server of 3.1.1 can refuse a PUBLISH or a SUBSCRIBE ([MQTT-3.3.5-2] of 3.1.1), and many
//! servers of MQTT 5 do the same. To find out which packet it was, [`Session::isolate`] has everything that is open sent
//! one at a time; [`Session::refuse_asked`] continues without it.

use std::time::{Duration, Instant};

use bytestring::ByteString;

use super::outgoing::{Flow, FlowStage};
use super::{Event, Phase, Refusal, Session, SessionError};
use crate::{PacketId, QoS, ReasonCode, TopicFilter};

/// The reason string of [`Event::Subscribed`] for topic filters that the server refuses by closing the connection.
pub const REFUSED_BY_CLOSING: &str =
    "the broker closes the connection each time instead of answering SUBSCRIBE";

/// A request that wants an answer of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A PUBLISH, or its PUBREL.
    Publish {
        /// Its number, counting publishes from 1 on.
        ticket: u64,
        /// Its topic name; not escaped.
        topic: ByteString,
        /// Its QoS.
        qos: QoS,
        /// PUBREC has come, and PUBREL is what has no answer.
        released: bool,
    },
    /// A SUBSCRIBE.
    Subscribe {
        /// Its topic filters; not escaped.
        filters: Vec<TopicFilter>,
    },
    /// An UNSUBSCRIBE.
    Unsubscribe {
        /// Its topic filters; not escaped.
        filters: Vec<TopicFilter>,
    },
    /// A PINGREQ that is to prove what was published at QoS 0.
    Ping,
}

impl Asked {
    /// The packet that has no answer, as the standard names it.
    #[must_use]
    pub const fn packet(&self) -> &'static str {
        match self {
            Self::Publish { released: false, .. } => "PUBLISH",
            Self::Publish { released: true, .. } => "PUBREL",
            Self::Subscribe { .. } => "SUBSCRIBE",
            Self::Unsubscribe { .. } => "UNSUBSCRIBE",
            Self::Ping => "PINGREQ",
        }
    }

    /// Whether both are the same request, however far it has come.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Publish { ticket, .. }, Self::Publish { ticket: other, .. }) => ticket == other,
            _ => self == other,
        }
    }
}

/// The clock of [`super::SessionOptions::ack_timeout`] and what it runs for.
#[derive(Debug, Default)]
pub(super) struct Asking {
    /// When the server last took a byte of a request or answered one; `None` before the first.
    progress: Option<Instant>,
    /// How many bytes will have left the outbox once every request in it is out.
    ends_at: u64,
    /// How many had left it when bytes were last written.
    taken: u64,
    /// SUBSCRIBE and UNSUBSCRIBE packets without an answer on this connection.
    pub requests: usize,
    /// How many requests were answered on this connection.
    pub answered: u64,
    /// A PINGREQ is out whose answer somebody waits for: it proves QoS 0 messages, or that a server has come so far.
    pub proof: bool,
    /// Its answer is to be reported.
    pub probe: bool,
    /// One request at a time, until everything that is open has its answer.
    pub isolated: bool,
}

impl Asking {
    /// A new connection: nothing is asked on it.
    pub(super) fn connect(&mut self) {
        *self = Self { isolated: self.isolated, ..Self::default() };
    }
}

impl Session {
    /// A request was encoded. `first`: nothing else waits for an answer.
    #[inline]
    pub(super) fn asked(&mut self, first: bool) {
        if first {
            self.asking.progress = None;
        }
        self.asking.ends_at = self.outbox.end();
    }

    /// The server has answered a request.
    #[inline]
    pub(super) fn answered(&mut self, now: Instant) {
        self.asking.progress = Some(now);
        self.asking.answered = self.asking.answered.saturating_add(1);
    }

    /// Bytes were written: those of requests are progress.
    #[inline]
    pub(super) fn requests_taken(&mut self, now: Instant) {
        if self.asking.taken < self.asking.ends_at {
            self.asking.progress = Some(now);
        }
        self.asking.taken = self.outbox.taken();
    }

    /// The caller does not read: answers cannot be seen.
    pub(super) fn answers_unread(&mut self, now: Instant) {
        if self.asking.progress.is_some() {
            self.asking.progress = Some(now);
        }
    }

    /// How many requests have no answer on this connection.
    fn unanswered(&self) -> usize {
        self.inflight.saturating_add(self.asking.requests).saturating_add(usize::from(self.asking.proof))
    }

    /// Whether nothing waits for an answer on this connection.
    #[inline]
    pub(super) fn is_answered(&self) -> bool {
        self.unanswered() == 0
    }

    /// When the server counts as stalled for not having answered.
    #[inline]
    pub(super) fn answer_due(&self) -> Option<Instant> {
        if self.options.ack_timeout.is_zero() || self.is_answered() {
            return None;
        }
        self.asking.progress?.checked_add(self.options.ack_timeout)
    }

    /// The error of a server that does not answer.
    pub(super) fn no_answer(&self) -> SessionError {
        let after: Duration = self.options.ack_timeout;
        SessionError::Unanswered { asked: Box::new(self.oldest_unanswered().unwrap_or(Asked::Ping)), after }
    }

    /// How many requests the server has answered on this connection.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.asking.answered
    }

    /// The oldest request that was sent on this connection and has no answer. To be asked before [`Self::lost`].
    #[must_use]
    pub fn oldest_unanswered(&self) -> Option<Asked> {
        if self.connections == 0 {
            return None;
        }
        let sent_before = if self.asking.isolated { self.resend } else { u64::MAX };
        let flow = self.flows.numbered().find_map(|(number, flow)| {
            let sent = number < sent_before;
            match flow {
                Flow::Publish { stage: FlowStage::Waiting, .. } | Flow::Done => None,
                Flow::Publish { ticket, message, stage } => sent.then(|| Asked::Publish {
                    ticket: *ticket,
                    topic: message.topic.as_byte_string().clone(),
                    qos: message.qos,
                    released: matches!(stage, FlowStage::Released { .. }),
                }),
                Flow::Subscribe(request) => sent.then(|| Asked::Subscribe {
                    filters: request.subscriptions.iter().map(|one| one.filter.clone()).collect(),
                }),
                Flow::Unsubscribe(request) => {
                    sent.then(|| Asked::Unsubscribe { filters: request.filters.clone() })
                }
            }
        });
        flow.or(self.asking.proof.then_some(Asked::Ping))
    }

    /// Whether the server has granted all of these topic filters before: a connection that ends before the answer to them is
    /// no refusal then.
    #[must_use]
    pub fn was_granted(&self, filters: &[TopicFilter]) -> bool {
        filters.iter().all(|filter| self.granted.contains(filter))
    }

    // ---- One at a time -------------------------------------------------------------------------------

    /// From the next connection on everything that is open is sent one at a time, until each has its answer: a
    /// server that closes instead of answering shows with it which request it does not take. Every topic filter gets a
    /// SUBSCRIBE of its own. To be called while there is no connection.
    pub fn isolate(&mut self) {
        if self.asking.isolated {
            return;
        }
        self.asking.isolated = true;
        let whole = std::mem::take(&mut self.subscriptions);
        for (properties, subscriptions) in whole {
            self.subscriptions.extend(subscriptions.into_iter().map(|one| (properties.clone(), vec![one])));
        }
        self.subscribed = 0;
        self.flows.finish_all(|flow| matches!(flow, Flow::Subscribe(_)));
    }

    /// Whether requests are sent one at a time.
    #[must_use]
    pub fn is_isolated(&self) -> bool {
        self.asking.isolated
    }

    /// Goes on without a request that the server answers by closing the connection. It is reported as refused. To be
    /// called while there is no connection.
    pub fn refuse_asked(&mut self, asked: &Asked) {
        match asked {
            Asked::Publish { ticket, topic, qos, .. } => {
                let open =
                    |flow: &Flow| matches!(flow, Flow::Publish { ticket: other, .. } if other == ticket);
                match self.flows.find(open) {
                    Some(packet_id) => self.flows.finish(packet_id),
                    None => {
                        let before = self.pending.len();
                        self.pending.retain(|pending| pending.ticket != *ticket);
                        if self.pending.len() == before {
                            return;
                        }
                    }
                }
                let refusal = Refusal::Closed { packet: asked.packet(), qos: *qos };
                self.refuse(*ticket, topic.clone(), refusal);
            }
            Asked::Subscribe { filters } => {
                let open = |flow: &Flow| {
                    matches!(flow, Flow::Subscribe(request)
                        if request.subscriptions.iter().all(|one| filters.contains(&one.filter)))
                };
                self.flows.finish_all(open);
                let refused = self.forget_subscriptions(filters);
                self.events.push_back(Event::Subscribed {
                    results: refused.into_iter().map(|one| (one, ReasonCode::UNSPECIFIED_ERROR)).collect(),
                    reason_string: Some(REFUSED_BY_CLOSING.into()),
                });
            }
            Asked::Unsubscribe { filters } => {
                let open =
                    |flow: &Flow| matches!(flow, Flow::Unsubscribe(request) if request.filters == *filters);
                match self.flows.find(open) {
                    Some(packet_id) => self.flows.finish(packet_id),
                    None => self.unsubscriptions.retain(|(_, other)| other != filters),
                }
                self.unsubscribe_failed(filters.clone());
            }
            Asked::Ping => {}
        }
    }

    /// Sends the next request while everything is sent one at a time: first what an earlier connection left behind,
    /// then subscriptions, then publishes that wait.
    pub(super) fn pump_isolated(&mut self) {
        while self.phase == Phase::Connected && self.is_answered() {
            if self.resend < self.flows.end() {
                let Some((number, packet_id, _)) = self.flows.next_from(self.resend) else {
                    self.resend = self.flows.end();
                    continue;
                };
                self.resend = number.saturating_add(1);
                self.ask_again(packet_id);
            } else if self.subscribed < self.subscriptions.len() {
                let Some((properties, subscriptions)) = self.subscriptions.get(self.subscribed).cloned()
                else {
                    return;
                };
                self.subscribed = self.subscribed.saturating_add(1);
                self.send_subscribe(properties, subscriptions);
            } else if !self.unsubscriptions.is_empty() {
                let (properties, filters) = self.unsubscriptions.remove(0);
                self.send_unsubscribe(properties, filters);
            } else if let Some(next) = self.pending.front() {
                if !self.may_send(next.message.qos)
                    || self.outbox.len() >= super::publishing::OUTBOX_HIGH_WATER
                {
                    return;
                }
                self.transmit_pending();
            } else {
                self.asking.isolated = false;
                return;
            }
        }
    }

    /// Sends again what is open under an identifier of an earlier connection.
    fn ask_again(&mut self, packet_id: PacketId) {
        let packet = match self.flows.get_mut(packet_id) {
            Some(Flow::Publish { stage: FlowStage::Released { .. }, .. }) => {
                return self.release_again(packet_id);
            }
            Some(Flow::Publish { .. }) => return self.publish_one_again(packet_id),
            Some(Flow::Subscribe(request)) => crate::Packet::Subscribe(request.clone()),
            Some(Flow::Unsubscribe(request)) => crate::Packet::Unsubscribe(request.clone()),
            Some(Flow::Done) | None => return,
        };
        self.request_again(packet_id, packet);
    }
}
