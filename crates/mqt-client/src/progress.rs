//! The one rule of progress: what is to be learned from connections that end again and again.
//!
//! Closing the connection is the only way in which a broker of MQTT 3.1.1 can refuse a PUBLISH or a SUBSCRIBE. So a request
//! that was the oldest without an answer on three connections in a row is refused. A connection that ends while nothing was asked,
//! as an idle one that a load balancer cuts, says nothing of the kind; but when such connections end again and again
//! soon after CONNACK, another client has the same client identifier.

use std::time::Duration;

use mqt_proto::session::{Asked, Session};

/// This many connections in a row that end with the same oldest request are a refusal.
const FUTILE_LIVES: u32 = 3;
/// The same, where the broker had a session to continue and did so: what it had kept comes before the answer, and a
/// connection that breaks often may end in the middle of it.
const FUTILE_LIVES_RESUMED: u32 = 3 * FUTILE_LIVES;
/// A connection that was lost sooner than this after CONNACK may have been taken over.
const TAKEOVER_BELOW: Duration = Duration::from_secs(5);
/// This many of them in a row are suspicious.
const TAKEOVERS_SUSPECTED_FROM: u32 = 3;
/// This many are a take-over.
const TAKEOVERS: u32 = 6;

/// What follows from the end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgressVerdict {
    /// Nothing.
    GoOn,
    /// A request had no answer: from now on they are sent one at a time, so that the culprit shows.
    Isolate,
    /// The broker refuses this request by closing the connection.
    Refused(Asked),
    /// Another client may use the same client identifier.
    TakeoverSuspected,
    /// Another client uses the same client identifier.
    TakenOver,
}

/// The life of a connection since its CONNACK.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    /// How long it lasted.
    pub lasted: Duration,
    /// Something was achieved that need not be done again: a message confirmed or delivered.
    pub achieved: bool,
    /// The client identifier was chosen by somebody: another client can have the same.
    pub shared_identifier: bool,
}

/// What past connections came to.
#[derive(Debug, Clone, Default)]
pub struct ProgressRecord {
    oldest: Option<Asked>,
    futile: u32,
    short: u32,
}

impl ProgressRecord {
    /// The broker has closed a connection. To be called before [`Session::lost`].
    pub fn closed(&mut self, session: &Session, life: Life) -> ProgressVerdict {
        let Some(asked) = session.oldest_unanswered() else {
            (self.oldest, self.futile) = (None, 0);
            return self.idle(life);
        };
        self.short = 0;
        if matches!(&asked, Asked::Subscribe { filters } if session.was_granted(filters)) {
            return ProgressVerdict::GoOn;
        }
        let same = self.oldest.as_ref().is_some_and(|oldest| oldest.is_same(&asked));
        self.futile = if same { self.futile.saturating_add(1) } else { 1 };
        let enough = if life.achieved && session.resumed() { FUTILE_LIVES_RESUMED } else { FUTILE_LIVES };
        if self.futile >= enough {
            (self.oldest, self.futile) = (None, 0);
            return ProgressVerdict::Refused(asked);
        }
        self.oldest = Some(asked);
        if self.futile > 1 || session.answers() == 0 {
            ProgressVerdict::Isolate
        } else {
            ProgressVerdict::GoOn
        }
    }

    /// Nothing waited for an answer.
    fn idle(&mut self, life: Life) -> ProgressVerdict {
        let suspicious = life.shared_identifier && life.lasted < TAKEOVER_BELOW && !life.achieved;
        self.short = if suspicious { self.short.saturating_add(1) } else { 0 };
        match self.short {
            TAKEOVERS => {
                self.short = 0;
                ProgressVerdict::TakenOver
            }
            TAKEOVERS_SUSPECTED_FROM => ProgressVerdict::TakeoverSuspected,
            _ => ProgressVerdict::GoOn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(lasted: u64, achieved: bool) -> Life {
        Life { lasted: Duration::from_secs(lasted), achieved, shared_identifier: true }
    }

    fn session() -> Session {
        Session::new(mqt_proto::session::SessionOptions::default(), std::time::Instant::now())
    }

    #[test]
    fn short_idle_lives_are_a_take_over() {
        let mut progress = ProgressRecord::default();
        let verdicts: Vec<_> = (0..6).map(|_| progress.closed(&session(), life(1, false))).collect();
        let mut expected = vec![ProgressVerdict::GoOn; 6];
        expected[2] = ProgressVerdict::TakeoverSuspected;
        expected[5] = ProgressVerdict::TakenOver;
        assert_eq!(verdicts, expected);
    }

    #[test]
    fn a_delivery_a_long_life_or_an_own_identifier_is_no_take_over() {
        let own = Life { shared_identifier: false, ..life(1, false) };
        for harmless in [life(1, true), life(5, false), own] {
            let mut progress = ProgressRecord::default();
            for _ in 0..20 {
                assert_eq!(progress.closed(&session(), harmless), ProgressVerdict::GoOn);
            }
        }
    }

    /// A session that is connected and waits for the acknowledgement of one publish.
    fn waiting(answered_before: bool) -> Session {
        waiting_in(answered_before, false)
    }

    fn waiting_in(answered_before: bool, session_present: bool) -> Session {
        use mqt_proto::packet::{Ack, ConnAck};
        use mqt_proto::session::Credentials;
        use mqt_proto::{Message, Packet, PacketId, Properties, QoS, ReasonCode, TopicName, Version};

        let now = std::time::Instant::now();
        let mut session = if session_present {
            Session::new(
                mqt_proto::session::SessionOptions {
                    clean_start: false,
                    client_id: "a".into(),
                    ..Default::default()
                },
                std::time::Instant::now(),
            )
        } else {
            session()
        };
        session.connect(Version::V311, Credentials::default(), now).unwrap();
        let accepted =
            ConnAck { session_present, reason: ReasonCode::SUCCESS, code: 0, properties: Properties::new() };
        session.handle(Packet::ConnAck(accepted), now).unwrap();
        let message = Message {
            topic: TopicName::new("a").unwrap(),
            payload: "x".into(),
            qos: QoS::AtLeastOnce,
            retain: false,
            properties: Properties::new(),
        };
        if answered_before {
            session.publish(message.clone());
            let id = PacketId::new(1).unwrap();
            session.handle(Packet::PubAck(Ack::new(id, ReasonCode::SUCCESS)), now).unwrap();
        }
        session.publish(message);
        session
    }

    #[test]
    fn the_same_request_is_refused_at_the_third_futile_connection() {
        let verdicts = |answered| {
            let mut progress = ProgressRecord::default();
            [(); 4].map(|()| progress.closed(&waiting(answered), life(1, false)))
        };
        // Where nothing was answered at all, one at a time at once; where something was, from the second on.
        for (answered, first) in [(false, ProgressVerdict::Isolate), (true, ProgressVerdict::GoOn)] {
            let [one, two, three, four] = verdicts(answered);
            assert_eq!((&one, two), (&first, ProgressVerdict::Isolate), "{answered}");
            assert!(matches!(three, ProgressVerdict::Refused(_)), "{three:?}");
            assert_eq!(four, first, "it begins again");
        }
    }

    #[test]
    fn a_resumed_session_that_delivers_has_more_lives() {
        let lives = |achieved| {
            let mut progress = ProgressRecord::default();
            (1..20).find(|_| {
                let verdict = progress.closed(&waiting_in(false, true), life(1, achieved));
                matches!(verdict, ProgressVerdict::Refused(_))
            })
        };
        assert_eq!((lives(false), lives(true)), (Some(3), Some(9)));
    }
}
