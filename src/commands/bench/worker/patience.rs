//! When a client gives up on a broker that answers nothing: one that keeps silent, and one that closes the
//! connection each time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Sleep;

use crate::mqtt::TopicFilter;
use crate::output::sanitize::escape;

/// So many connections in a row may end without an answer to the same packet.
const FUTILE_LIVES: u32 = 3;

/// The packet that has waited longest for its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// SUBSCRIBE, with its first topic filter.
    Subscribe(TopicFilter),
    /// PUBLISH: its number, counting publishes of the client from 1 on, and its topic name or the template of it.
    Publish(u64, String),
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subscribe(filter) => write!(f, "SUBSCRIBE \"{}\"", escape(filter)),
            Self::Publish(_, topic) => write!(f, "PUBLISH \"{}\"", escape(topic)),
        }
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Life {
    /// The broker answered something on it.
    Answered,
    /// It did not; nothing may have been asked.
    Unanswered,
    /// It did not, nor on the connections before, to the same packet.
    Futile(Asked),
}

/// Counts connections that ended without an answer, and watches for silence on one.
#[derive(Debug)]
pub(super) struct Patience {
    /// An answer may take so long.
    within: Duration,
    /// How many answers had come when the connection began.
    answers: u64,
    /// What had no answer on the last connections, and how many these are.
    futile: Option<(Asked, u32)>,
    /// The end of the time for an answer, and how many had come when it was set.
    timer: Option<(Pin<Box<Sleep>>, u64)>,
}

impl Patience {
    /// Of a client without a connection.
    pub const fn new(within: Duration) -> Self {
        Self { within, answers: 0, futile: None, timer: None }
    }

    /// A connection begins; so many answers have come on those before.
    pub fn begin(&mut self, answers: u64) {
        self.answers = answers;
        self.timer = None;
    }

    /// A connection has ended. `answers` counts those of all connections, `oldest` is what still waits.
    pub fn end(&mut self, answers: u64, oldest: Option<Asked>) -> Life {
        if answers != self.answers {
            self.futile = None;
            return Life::Answered;
        }
        let Some(asked) = oldest else { return Life::Unanswered };
        let lives = match self.futile.take() {
            Some((same, lives)) if same == asked => lives + 1,
            _ => 1,
        };
        if lives >= FUTILE_LIVES {
            return Life::Futile(asked);
        }
        self.futile = Some((asked, lives));
        Life::Unanswered
    }

    /// Ready when something has waited for its answer all the time that it has, and nothing else was answered
    /// meanwhile. The timer is set when it is asked for first, and not with each packet.
    pub fn poll_silence(
        &mut self,
        answers: u64,
        is_owed: impl Fn() -> bool,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            let Some((timer, before)) = &mut self.timer else {
                if !is_owed() {
                    return Poll::Pending;
                }
                self.timer = Some((Box::pin(tokio::time::sleep(self.within)), answers));
                continue;
            };
            ready!(timer.as_mut().poll(cx));
            let is_silent = *before == answers && is_owed();
            self.timer = None;
            if is_silent {
                return Poll::Ready(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(ticket: u64) -> Option<Asked> {
        Some(Asked::Publish(ticket, "t".to_owned()))
    }

    #[test]
    fn three_lives_without_an_answer_to_one_packet_are_enough() {
        let mut patience = Patience::new(Duration::from_secs(60));
        let mut life = |answers: (u64, u64), oldest| {
            patience.begin(answers.0);
            patience.end(answers.1, oldest)
        };
        assert_eq!(life((0, 0), publish(1)), Life::Unanswered);
        assert_eq!(life((0, 0), publish(1)), Life::Unanswered);
        // Another packet, or an answer to any, and the count begins again.
        assert_eq!(life((0, 0), publish(2)), Life::Unanswered);
        assert_eq!(life((0, 0), publish(2)), Life::Unanswered);
        assert_eq!(life((0, 1), publish(2)), Life::Answered);
        assert_eq!(life((1, 1), publish(2)), Life::Unanswered);
        // A connection on which nothing was asked says nothing.
        assert_eq!(life((1, 1), None), Life::Unanswered);
        assert_eq!(life((1, 1), publish(2)), Life::Unanswered);
        let Life::Futile(asked) = life((1, 1), publish(2)) else { panic!("the third") };
        assert_eq!(asked.to_string(), "PUBLISH \"t\"");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_the_whole_time_without_an_answer() {
        let start = tokio::time::Instant::now();
        let mut patience = Patience::new(Duration::from_secs(60));
        std::future::poll_fn(|cx| patience.poll_silence(5, || true, cx)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(60));
        // An answer meanwhile gives it as long again; so does a new connection.
        let mut is_silent = async |answers, is_owed| {
            tokio::time::advance(Duration::from_secs(60)).await;
            if answers == 9 {
                patience.begin(answers);
            }
            std::future::poll_fn(|cx| Poll::Ready(patience.poll_silence(answers, || is_owed, cx).is_ready()))
                .await
        };
        assert!(!is_silent(6, true).await, "set");
        assert!(!is_silent(7, true).await, "answered");
        assert!(!is_silent(9, true).await, "a new connection");
        assert!(!is_silent(8, false).await, "nothing is owed");
    }
}
