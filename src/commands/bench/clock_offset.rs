//! How far the clocks of the processes of one run are apart, asked through the broker.
//!
//! The first process answers, the others ask: when they asked and had the answer by their own clock, when it
//! came and left by that of the first. The question with the shortest way there and back says most, and half
//! of that way is how far off it may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::commands::random_seed;
use crate::config::bench::BenchSettings;
use crate::connection::{Attempts, Client, SessionChoices};
use crate::mqtt::session::Event;
use crate::mqtt::{Message, Properties, QoS, ReasonCode, Subscription, TopicFilter, TopicName};

use super::clock::Clock;
use super::in_parts;

/// How often is asked.
const QUESTIONS: u32 = 16;
/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_millis(250);
/// How long the first process may keep the others waiting for its first answer.
const FIRST_ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// The first process goes on answering until nobody has asked for so long.
const QUIET: Duration = Duration::from_secs(2);

/// How far the clock of the first process is ahead of the own one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offset {
    /// Microseconds; below zero when it is behind.
    pub micros: i64,
    /// How far off that may be, in microseconds.
    pub error_us: u64,
}

/// The four times of a question, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Exchange {
    asked: u64,
    came: u64,
    left: u64,
    answered: u64,
}

impl Exchange {
    fn offset(self) -> Offset {
        let difference = |later: u64, earlier: u64| i128::from(later) - i128::from(earlier);
        let ahead = difference(self.came, self.asked) + difference(self.left, self.answered);
        let way = difference(self.answered, self.asked) - difference(self.left, self.came);
        Offset {
            micros: i64::try_from(ahead / 2_000).unwrap_or(i64::MAX),
            error_us: u64::try_from((way.max(0) + 1_999) / 2_000).unwrap_or(u64::MAX),
        }
    }

    /// The answer to a question: it, and the two times of whoever answers.
    fn encode(asked: u64, came: u64, left: u64) -> Bytes {
        [asked, came, left].map(u64::to_be_bytes).concat().into()
    }

    fn decode(payload: &[u8], answered: u64) -> Option<Self> {
        let (asked, rest) = payload.split_first_chunk()?;
        let (came, rest) = rest.split_first_chunk()?;
        let (left, _) = rest.split_first_chunk()?;
        Some(Self {
            asked: u64::from_be_bytes(*asked),
            came: u64::from_be_bytes(*came),
            left: u64::from_be_bytes(*left),
            answered,
        })
    }
}

/// The own part in the comparison of clocks.
#[derive(Debug)]
pub(super) enum Clocks {
    /// This is the first process: a task answers.
    Answers {
        task: JoinHandle<()>,
        /// When somebody asked last, in nanoseconds since the start of the run.
        asked: Arc<AtomicU64>,
        clock: Clock,
    },
    /// This is one of the others.
    Asks { client: Box<Client>, question: TopicName, clock: Clock, has_answer: bool },
}

impl Clocks {
    /// Connects a client of its own. `None`: there are no other processes, or no connection.
    pub async fn connect(settings: &BenchSettings, run: u64, clock: Clock) -> Option<Self> {
        let shard = settings.shard.filter(|_| in_parts(settings))?;
        let own = shard.index;
        let mut options = settings.client.clone();
        options.client_id = Some(format!("mqt-clock-{run:016x}-{own}").into());
        (options.clean_start, options.session_expiry) = (true, 0);
        options.first_connect = Attempts::AtMost(0);
        let choices = SessionChoices { seed: random_seed(), ..SessionChoices::default() };
        let mut client = Client::new(options, choices).ok()?;
        let filter = if own == 0 {
            format!("mqt/clock/{run:016x}/question/+")
        } else {
            format!("mqt/clock/{run:016x}/answer/{own}")
        };
        let subscription = Subscription::new(TopicFilter::new(filter).ok()?, QoS::AtMostOnce);
        client.session().subscribe(vec![subscription], Properties::new());
        while !client.session_state().is_connected() || client.session_state().has_open_requests() {
            client.drive().await.ok()?;
            while client.take_notice().is_some() {}
            // Whoever leaves them there is never made to wait.
            while client.session().take_event().is_some() {}
        }
        if own > 0 {
            let question = TopicName::new(format!("mqt/clock/{run:016x}/question/{own}")).ok()?;
            return Some(Self::Asks { client: Box::new(client), question, clock, has_answer: false });
        }
        let asked = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(answer(client, clock, Arc::clone(&asked)));
        Some(Self::Answers { task, asked, clock })
    }

    /// Asks; `None` for the first process, and when it does not answer.
    pub async fn offset(&mut self) -> Option<Offset> {
        let Self::Asks { client, question, clock, has_answer } = self else { return None };
        let until = clock.now().saturating_add(u64::try_from(FIRST_ANSWER_WITHIN.as_nanos()).ok()?);
        let mut best: Option<Offset> = None;
        let mut questions = 0;
        while questions < QUESTIONS {
            match timeout(ANSWER_WITHIN, ask(client, question, *clock)).await {
                Ok(Some(exchange)) => {
                    *has_answer = true;
                    let offset = exchange.offset();
                    if best.is_none_or(|best| offset.error_us < best.error_us) {
                        best = Some(offset);
                    }
                    questions += 1;
                }
                // The connection is gone.
                Ok(None) => return best,
                Err(_) if *has_answer => questions += 1,
                Err(_) if clock.now() >= until => return None,
                Err(_) => {}
            }
        }
        best
    }

    /// Answers until nobody asks any more, and disconnects.
    pub async fn end(self) {
        match self {
            Self::Asks { mut client, .. } => {
                client.close(ReasonCode::SUCCESS).await;
            }
            Self::Answers { task, asked, clock } => {
                let quiet = u64::try_from(QUIET.as_nanos()).unwrap_or(u64::MAX);
                let ended = clock.now();
                loop {
                    let last = asked.load(Ordering::Relaxed).max(ended);
                    let until = last.saturating_add(quiet);
                    if task.is_finished() || clock.now() >= until {
                        break;
                    }
                    tokio::time::sleep_until(clock.instant(until).into()).await;
                }
                task.abort();
            }
        }
    }
}

async fn ask(client: &mut Client, question: &TopicName, clock: Clock) -> Option<Exchange> {
    let asked = clock.unix(clock.now());
    let payload = Bytes::copy_from_slice(&asked.to_be_bytes());
    client.session().publish(Message { topic: question.clone(), payload, ..Message::default() });
    loop {
        client.drive().await.ok()?;
        let answered = clock.unix(clock.now());
        while client.take_notice().is_some() {}
        while let Some(event) = client.session().take_event() {
            if let Event::Message { publish, .. } = event
                && let Some(exchange) = Exchange::decode(&publish.message.payload, answered)
                && exchange.asked == asked
            {
                return Some(exchange);
            }
        }
    }
}

/// Answers every question until the connection is lost.
async fn answer(mut client: Client, clock: Clock, asked: Arc<AtomicU64>) {
    while client.drive().await.is_ok() {
        let came = clock.unix(clock.now());
        while client.take_notice().is_some() {}
        while let Some(event) = client.session().take_event() {
            let Event::Message { publish, .. } = event else { continue };
            let message = publish.message;
            let (Some(question), Ok(topic)) = (
                message.payload.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)),
                TopicName::new(message.topic.replace("/question/", "/answer/")),
            ) else {
                continue;
            };
            asked.store(clock.now(), Ordering::Relaxed);
            let payload = Exchange::encode(question, came, clock.unix(clock.now()));
            client.session().publish(Message { topic, payload, ..Message::default() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_right_for_equal_ways_and_within_its_error_for_others() {
        // The other clock is 5 ms ahead; 1 ms there, 0.2 ms to answer, 1 ms back.
        let exchange = Exchange { asked: 0, came: 6_000_000, left: 6_200_000, answered: 2_200_000 };
        assert_eq!(exchange.offset(), Offset { micros: 5_000, error_us: 1_000 });
        // 3 ms behind, and all of the way is the way back.
        let exchange = Exchange { asked: 10_000_000, came: 7_000_000, left: 7_000_000, answered: 12_000_000 };
        let Offset { micros, error_us } = exchange.offset();
        assert_eq!((micros, error_us), (-4_000, 1_000));
        let bytes = Exchange::encode(1, 2, u64::MAX);
        let read = Exchange::decode(&bytes, 3).unwrap();
        assert_eq!(read, Exchange { asked: 1, came: 2, left: u64::MAX, answered: 3 });
        assert_eq!(Exchange::decode(&bytes[..23], 3), None);
    }
}
