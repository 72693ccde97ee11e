//! How far the clocks of publishers are ahead of that of a process that only receives what they publish: `bench
//! sub` on one host, `bench pub` on others, each a run of its own.
//!
//! The run id in the first message that comes in tells whom to ask. Anyone who publishes answers, at
//! `mqt/clocks/RUN/question/ASKER` and `mqt/clocks/RUN/answer/ASKER` (QoS 0), with RUN as stamps carry it. Each
//! publishing process is asked twice: when it is first heard, so that times can be corrected, and at the end, to see
//! how far the clocks have moved apart. Whichever of the two ends first sees to that: a process that publishes says
//! so to all that have asked, and waits a little for their last questions.

mod answering;
mod message;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::bench::clock::{Clock, Offset};
use crate::bench::result::{ClockOffset, PublisherClock};
use crate::bench::together::messenger;
use crate::cli::bench::Scenario;
use crate::config::bench::{BenchSettings, ClientGroup};
use crate::output::units::Span;
use crate::ui::Ui;
use message::{ClockAnswer, Question};
use mqt_client::Client;
use mqt_process::random;
use mqt_proto::session::Event;
use mqt_proto::{Message, ReasonCode, TopicName};

pub(crate) use answering::Answering;

/// How often a clock is asked for.
const QUESTIONS: u32 = 16;
/// How long an answer may take before the question comes again.
const ANSWER_WITHIN: Duration = Duration::from_millis(250);
/// A process that has left this many questions unanswered is taken to be gone.
const SILENT_AFTER: u32 = 20;
/// This many publishing processes are told apart; of further ones nothing is known.
const SOURCES: usize = 1_000;
/// How long connecting and subscribing may take: the load does not depend on it.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a connection may take to end.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// What is known of the clock by which a message was stamped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// It is this many microseconds ahead of the own one.
    By(i64),
    /// It is being asked for.
    Asked,
    /// Nobody says.
    Unknown,
}

/// A publishing process, as far as its clock is concerned.
#[derive(Debug, Default)]
struct ClockSource {
    /// Who answers for it.
    by: Option<u64>,
    /// Found when it was first heard.
    before: Option<Offset>,
    /// Found at the end.
    after: Option<Offset>,
    /// The best of the questions that go on, and how many of them are left.
    best: Option<Offset>,
    questions: u32,
    /// When the last question left.
    waiting_since: Option<Instant>,
    unanswered: u32,
    /// It, or the own run, is about to end.
    is_ending: bool,
    /// Nothing more is to be found out.
    is_settled: bool,
}

impl ClockSource {
    fn new() -> Self {
        Self { questions: QUESTIONS, ..Self::default() }
    }

    const fn ahead(&self) -> Ahead {
        match self.before {
            Some(before) => Ahead::By(before.micros),
            None if self.is_settled => Ahead::Unknown,
            None => Ahead::Asked,
        }
    }

    /// Whether it is time for a question.
    fn is_due(&self, now: Instant) -> bool {
        self.questions > 0 && self.waiting_since.is_none_or(|since| now >= since + ANSWER_WITHIN)
    }

    /// Is told when a question goes out: one that is still open was lost, or is late.
    fn asks(&mut self, now: Instant) {
        if self.waiting_since.replace(now).is_some() {
            self.unanswered += 1;
            if self.best.is_some() || self.unanswered >= SILENT_AFTER {
                self.is_one_less();
                self.waiting_since = (self.questions > 0).then_some(now);
            }
        }
    }

    fn is_one_less(&mut self) {
        self.questions = if self.best.is_some() { self.questions.saturating_sub(1) } else { 0 };
        if self.questions > 0 {
            return;
        }
        self.waiting_since = None;
        self.unanswered = 0;
        let found = self.best.take();
        if self.before.is_none() {
            self.before = found;
            self.is_settled = found.is_none();
            if self.is_ending {
                self.end();
            }
        } else {
            self.after = found;
            self.is_settled = true;
        }
    }

    fn is_answered(&mut self, by: u64, offset: Offset) {
        if self.questions == 0 {
            return;
        }
        if *self.by.get_or_insert(by) != by {
            // Which of them a message comes from cannot be told.
            *self = Self { is_settled: true, ..Self::default() };
            return;
        }
        self.best = Some(offset.better(self.best));
        self.waiting_since = None;
        self.is_one_less();
    }

    /// It is to be asked for the last time, unless that is happening already.
    const fn end(&mut self) {
        self.is_ending = true;
        if self.questions == 0 && !self.is_settled {
            self.questions = QUESTIONS;
        }
    }

    fn offset(&self) -> Option<ClockOffset> {
        let before = self.before?;
        Some(ClockOffset {
            before_us: before.micros,
            after_us: self.after.map(|after| after.micros),
            error_us: before.error_us.max(self.after.map_or(0, |after| after.error_us)),
        })
    }
}

/// The clocks of all processes that were heard: shared by whoever receives and the task that asks.
#[derive(Debug, Default)]
pub(crate) struct Clocks {
    /// The run of this process, where it publishes too: that is its own clock.
    own: Option<u32>,
    state: Mutex<ClockState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct ClockState {
    /// By run, ascending.
    sources: Vec<(u32, ClockSource)>,
    /// Nothing can be asked any more.
    is_lost: bool,
}

impl ClockState {
    /// Where a run is, or is to be.
    fn place(&self, run: u32) -> Result<usize, usize> {
        self.sources.binary_search_by_key(&run, |(known, _)| *known)
    }
}

impl Clocks {
    fn state(&self) -> MutexGuard<'_, ClockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock of the process that publishes under this run id. Unless that is known, it is asked for.
    pub fn ahead(&self, run: u32) -> Ahead {
        if self.own == Some(run) {
            return Ahead::By(0);
        }
        let mut state = self.state();
        let (is_full, is_lost) = (state.sources.len() >= SOURCES, state.is_lost);
        match state.place(run) {
            Ok(place) => state.sources.get(place).map_or(Ahead::Unknown, |(_, source)| source.ahead()),
            Err(_) if is_full => Ahead::Unknown,
            Err(place) => {
                let source = if is_lost {
                    ClockSource { is_settled: true, ..ClockSource::default() }
                } else {
                    ClockSource::new()
                };
                let ahead = source.ahead();
                state.sources.insert(place, (run, source));
                drop(state);
                self.changed.notify_one();
                ahead
            }
        }
    }

    fn lost(&self) {
        let mut state = self.state();
        state.is_lost = true;
        for (_, source) in &mut state.sources {
            (source.questions, source.is_settled) = (0, true);
        }
    }
}

/// Connects beside the load; else, says why not.
async fn connect(settings: &BenchSettings, id: &str, filter: &str) -> Result<Client, String> {
    match timeout(CONNECT_WITHIN, messenger::connect(settings, id, filter)).await {
        Ok(connected) => connected.map_err(|failure| failure.what),
        Err(_) => Err(format!("the broker does not answer within {}", Span(CONNECT_WITHIN))),
    }
}

/// Asks publishing processes for their clocks.
#[derive(Debug)]
pub(crate) struct ClockAsking {
    clocks: Arc<Clocks>,
    task: JoinHandle<()>,
}

impl ClockAsking {
    /// Connects a client of its own, where messages of other runs are to come in.
    pub async fn connect(settings: &BenchSettings, run: u32, clock: Clock, ui: &Ui) -> Option<Self> {
        let listens = |group: &ClientGroup| group.scenario == Scenario::Sub && group.subscribers > 0;
        if !settings.stamp || !settings.groups.iter().any(listens) {
            return None;
        }
        let asker = random::seed();
        let id = format!("mqt-q{asker:016x}");
        match connect(settings, &id, &format!("mqt/clocks/+/answer/{asker:016x}")).await {
            Ok(client) => {
                let publishes = settings.groups.iter().any(|group| group.publishers > 0);
                let clocks = Arc::new(Clocks { own: publishes.then_some(run), ..Clocks::default() });
                let task = tokio::spawn(ask_along(client, asker, clock, Arc::clone(&clocks)));
                Some(Self { clocks, task })
            }
            Err(why) => {
                ui.note("clocks", &format!("publishers cannot be asked for their clocks: {why}"));
                None
            }
        }
    }

    /// What is known, for those that receive.
    pub fn clocks(&self) -> Arc<Clocks> {
        Arc::clone(&self.clocks)
    }

    /// Whether times wait for an answer.
    pub fn is_open(&self) -> bool {
        self.clocks.state().sources.iter().any(|(_, source)| source.ahead() == Ahead::Asked)
    }

    /// The run is over: all that are still there are to be asked once more.
    pub fn ask_again(&self) {
        self.clocks.state().sources.iter_mut().for_each(|(_, source)| source.end());
        self.clocks.changed.notify_one();
    }

    /// Whether all is found out that can be.
    pub fn is_settled(&self) -> bool {
        self.clocks.state().sources.iter().all(|(_, source)| source.is_settled)
    }

    /// What was found out: one entry for each publishing process.
    pub fn found(&self) -> Vec<PublisherClock> {
        let state = self.clocks.state();
        let entry = |(run, source): &(u32, ClockSource)| PublisherClock {
            run: format!("{run:08x}"),
            clock: source.offset(),
        };
        state.sources.iter().map(entry).collect()
    }

    /// Ends the connection.
    pub async fn end(self) {
        self.clocks.lost();
        self.clocks.changed.notify_one();
        // It says so, or the connection is gone.
        let _ = timeout(CLOSE_WITHIN, self.task).await;
    }
}

async fn ask_along(mut client: Client, asker: u64, clock: Clock, clocks: Arc<Clocks>) {
    loop {
        let now = Instant::now();
        let mut next = None;
        let mut due = Vec::new();
        let is_over = {
            let mut state = clocks.state();
            for (run, source) in &mut state.sources {
                if source.is_due(now) {
                    source.asks(now);
                    if source.questions > 0 {
                        due.push(*run);
                    }
                }
                if let (true, Some(since)) = (source.questions > 0, source.waiting_since) {
                    next = Some(next.unwrap_or(since + ANSWER_WITHIN).min(since + ANSWER_WITHIN));
                }
            }
            state.is_lost
        };
        for run in due {
            ask(&mut client, run, asker, Question::Time(clock.unix(clock.now())));
        }
        if is_over {
            client.close(ReasonCode::SUCCESS).await;
            return;
        }
        let until = next.unwrap_or(now + Duration::from_secs(3_600));
        let events = tokio::select! {
            driven = messenger::drive(&mut client) => match driven {
                Ok(events) => events,
                Err(_) => break,
            },
            () = clocks.changed.notified() => Vec::new(),
            () = tokio::time::sleep_until(until) => Vec::new(),
        };
        let answered = clock.unix(clock.now());
        for event in events {
            let Event::Message { publish, .. } = event else { continue };
            let message = publish.message;
            let run = message.topic.split('/').nth(2).and_then(|run| u32::from_str_radix(run, 16).ok());
            let (Some(run), Some(answer)) = (run, ClockAnswer::decode(&message.payload)) else { continue };
            let mut state = clocks.state();
            let Ok(place) = state.place(run) else { continue };
            let Some((_, source)) = state.sources.get_mut(place) else { continue };
            let was_settled = source.is_settled;
            match answer {
                // However late it is: the times say how much it is worth.
                ClockAnswer::Time { by, asked, came, left } => {
                    source.is_answered(by, Offset::of([asked, came, left, answered]));
                }
                ClockAnswer::Ends { by } if source.by.is_none_or(|known| known == by) => source.end(),
                ClockAnswer::Ends { .. } => {}
            }
            let bids_farewell =
                source.is_settled && (!was_settled || matches!(answer, ClockAnswer::Ends { .. }));
            drop(state);
            if bids_farewell {
                ask(&mut client, run, asker, Question::Farewell);
            }
        }
    }
    clocks.lost();
}

fn ask(client: &mut Client, run: u32, asker: u64, question: Question) {
    // It has no character that a topic may not have.
    let topic = TopicName::new(format!("mqt/clocks/{run:08x}/question/{asker:016x}")).unwrap_or_default();
    client.session_mut().publish(Message { topic, payload: question.encode(), ..Message::default() });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(source: &mut ClockSource, by: u64, micros: i64, error_us: u64) {
        source.asks(Instant::now());
        source.is_answered(by, Offset { micros, error_us });
    }

    #[test]
    fn a_source_is_asked_twice_and_the_shortest_way_counts() {
        let mut source = ClockSource::new();
        assert!(source.is_due(Instant::now()) && source.ahead() == Ahead::Asked);
        for number in 0..u64::from(QUESTIONS) {
            answered(
                &mut source,
                1,
                -500 + if number == 3 { 0 } else { 100 },
                if number == 3 { 20 } else { 90 },
            );
        }
        assert_eq!((source.ahead(), source.is_settled), (Ahead::By(-500), false));
        assert!(!source.is_due(Instant::now()), "that is all for now");
        assert_eq!(source.offset(), Some(ClockOffset { before_us: -500, after_us: None, error_us: 20 }));
        source.end();
        for _ in 0..QUESTIONS {
            answered(&mut source, 1, -480, 30);
        }
        assert_eq!((source.ahead(), source.is_settled), (Ahead::By(-500), true));
        assert_eq!(
            source.offset(),
            Some(ClockOffset { before_us: -500, after_us: Some(-480), error_us: 30 })
        );
    }

    #[test]
    fn an_end_that_comes_early_is_followed_by_the_last_questions() {
        let mut source = ClockSource::new();
        answered(&mut source, 1, 5, 9);
        source.end();
        for _ in 0..2 * QUESTIONS - 1 {
            assert!(!source.is_settled);
            answered(&mut source, 1, 5, 9);
        }
        assert_eq!(source.offset(), Some(ClockOffset { before_us: 5, after_us: Some(5), error_us: 9 }));
        assert!(source.is_settled);
    }

    #[test]
    fn who_says_nothing_is_given_up_and_two_with_one_run_id_are_not_believed() {
        let mut source = ClockSource::new();
        let now = Instant::now();
        for _ in 0..SILENT_AFTER {
            source.asks(now);
            assert_eq!(source.ahead(), Ahead::Asked);
            assert!(!source.is_due(now) && source.is_due(now + ANSWER_WITHIN));
        }
        source.asks(now);
        assert_eq!((source.ahead(), source.offset()), (Ahead::Unknown, None));
        // One that falls silent in the middle has said enough.
        let mut source = ClockSource::new();
        answered(&mut source, 1, 5, 9);
        for _ in 0..QUESTIONS {
            source.asks(now);
        }
        assert_eq!(source.ahead(), Ahead::By(5));
        let mut source = ClockSource::new();
        answered(&mut source, 1, 5, 9);
        answered(&mut source, 2, 5, 9);
        assert_eq!((source.ahead(), source.offset(), source.questions), (Ahead::Unknown, None, 0));
    }

    #[test]
    fn the_own_clock_needs_no_question_and_nobody_is_asked_without_a_connection() {
        let clocks = Clocks { own: Some(7), ..Clocks::default() };
        assert_eq!((clocks.ahead(7), clocks.ahead(8)), (Ahead::By(0), Ahead::Asked));
        clocks.lost();
        assert_eq!((clocks.ahead(8), clocks.ahead(9)), (Ahead::Unknown, Ahead::Unknown));
        assert_eq!(clocks.state().sources.len(), 2);
    }
}
