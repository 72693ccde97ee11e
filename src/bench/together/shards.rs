//! What the processes of one run tell each other, through the broker: how far their clocks are apart, that all
//! of them are ready, when the load starts, and that everything has arrived.
//!
//! The first process answers, the others ask, each under its index: a question says how far its process is and
//! comes again until an answer does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::bench::clock::{Clock, Offset};
use crate::bench::plan::scenario::run_tag;
use crate::bench::together::messenger;
use crate::cli::bench::Shard;
use crate::config::bench::BenchSettings;
use crate::error::{Failure, Kind};
use crate::output::units::Span;
use crate::ui::Ui;
use mqt_client::Client;
use mqt_proto::session::Event;
use mqt_proto::{Message, ReasonCode, TopicName};

/// How often the clock is asked for.
const QUESTIONS: u32 = 16;
/// How long an answer may take before the question comes again.
const ANSWER_WITHIN: Duration = Duration::from_millis(250);
/// Between two questions that are not about the clock.
const PAUSE: Duration = Duration::from_millis(50);
/// How often to ask, however little there is to ask: a process that is not heard for long is gone.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// A process that was not heard for this long is not waited for.
const GONE_AFTER: Duration = Duration::from_secs(5);
/// The first process continues answering until every other one has ended, or nobody has asked for this long.
const QUIET: Duration = Duration::from_secs(2);

/// How long to wait for the other processes of the run: they may be started by hand, or by a scheduler.
pub(crate) const OTHERS_WITHIN: Duration = Duration::from_secs(300);
/// How often it is looked whether something has come.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// How far a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum ShardStanding {
    /// It connects.
    Connecting = 0,
    /// Its clients stand.
    Ready = 1,
    /// It has sent what it had to.
    Sent = 2,
    /// It will receive no more.
    Ended = 3,
}

/// What a question says: how far its process is, how many deliveries its messages are to have, over all
/// processes, and how many came in in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Report {
    standing: ShardStanding,
    expected: u64,
    delivered: u64,
}

const AT_FIRST: Report = Report { standing: ShardStanding::Connecting, expected: 0, delivered: 0 };

impl Report {
    fn encode(self, asked: u64) -> Bytes {
        let numbers = [asked, self.expected, self.delivered].map(u64::to_be_bytes).concat();
        [&[self.standing as u8][..], &numbers].concat().into()
    }

    /// When it was asked, and what it says.
    fn decode(payload: &[u8]) -> Option<(u64, Self)> {
        let (standing, rest) = payload.split_first()?;
        let standing = match standing {
            0 => ShardStanding::Connecting,
            1 => ShardStanding::Ready,
            2 => ShardStanding::Sent,
            3 => ShardStanding::Ended,
            _ => return None,
        };
        let (asked, rest) = rest.split_first_chunk()?;
        let (expected, rest) = rest.split_first_chunk()?;
        let (delivered, _) = rest.split_first_chunk()?;
        let [asked, expected, delivered] =
            [asked, expected, delivered].map(|bytes| u64::from_be_bytes(*bytes));
        Some((asked, Self { standing, expected, delivered }))
    }
}

/// What the first process knows of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Whole {
    /// When the load starts, in nanoseconds since 1970 by the clock of the first process; 0: not yet known;
    /// the greatest number: never.
    start: u64,
    /// Every process has sent what it had to.
    is_sent: bool,
    /// And all of it has arrived.
    has_arrived: bool,
}

/// A question with its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Exchange {
    /// In nanoseconds since 1970, as the others.
    asked: u64,
    came: u64,
    left: u64,
    answered: u64,
    whole: Whole,
}

impl Exchange {
    fn offset(self) -> Offset {
        Offset::of([self.asked, self.came, self.left, self.answered])
    }

    /// The answer to a question.
    fn encode(asked: u64, came: u64, left: u64, whole: Whole) -> Bytes {
        let numbers = [asked, came, left, whole.start].map(u64::to_be_bytes).concat();
        [&numbers[..], &[u8::from(whole.is_sent), u8::from(whole.has_arrived)]].concat().into()
    }

    fn decode(payload: &[u8], answered: u64) -> Option<Self> {
        let (asked, rest) = payload.split_first_chunk()?;
        let (came, rest) = rest.split_first_chunk()?;
        let (left, rest) = rest.split_first_chunk()?;
        let (start, rest) = rest.split_first_chunk()?;
        let [is_sent, has_arrived, ..] = rest else { return None };
        let [asked, came, left, start] = [asked, came, left, start].map(|bytes| u64::from_be_bytes(*bytes));
        let whole = Whole { start, is_sent: *is_sent != 0, has_arrived: *has_arrived != 0 };
        Some(Self { asked, came, left, answered, whole })
    }
}

/// What is known of the run, shared between the run and the task that asks or answers.
#[derive(Debug)]
struct ShardBoard {
    shard: Shard,
    state: Mutex<ShardsState>,
    changed: Notify,
}

#[derive(Debug)]
struct ShardsState {
    own: Report,
    /// What the others have said: only the first process hears it.
    others: BTreeMap<u32, (Report, Instant)>,
    whole: Whole,
    /// Questions for the clock that are still to be asked.
    questions: u32,
    best: Option<Offset>,
    /// When the last question or answer came.
    heard: Instant,
    /// The connection is gone.
    is_lost: bool,
}

impl ShardsState {
    /// How many of the processes are at least so far.
    fn count(&self, standing: ShardStanding) -> u32 {
        let others = self.others.values().filter(|(report, _)| report.standing >= standing).count();
        u32::from(self.own.standing >= standing) + u32::try_from(others).unwrap_or(u32::MAX)
    }

    /// What the first process knows of all.
    fn judge(&mut self, count: u32) {
        self.whole.is_sent = self.count(ShardStanding::Sent) >= count;
        let reports = || self.others.values().map(|(report, _)| report).chain([&self.own]);
        let expected: u64 = reports().map(|report| report.expected).sum();
        let delivered: u64 = reports().map(|report| report.delivered).sum();
        self.whole.has_arrived = self.whole.is_sent && delivered >= expected;
    }

    /// Whether an answer is waited for.
    const fn wants_answer(&self) -> bool {
        self.questions > 0
            || match self.own.standing {
                ShardStanding::Connecting => false,
                ShardStanding::Ready => self.whole.start == 0,
                ShardStanding::Sent => !self.whole.has_arrived,
                ShardStanding::Ended => false,
            }
    }
}

impl ShardBoard {
    fn new(shard: Shard) -> Self {
        let state = ShardsState {
            own: AT_FIRST,
            others: BTreeMap::new(),
            whole: Whole::default(),
            questions: 0,
            best: None,
            heard: Instant::now(),
            is_lost: false,
        };
        Self { shard, state: Mutex::new(state), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, ShardsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_first(&self) -> bool {
        self.shard.index == 0
    }

    /// Unless it has started.
    fn never_start(&self) {
        let mut state = self.state();
        if state.whole.start == 0 {
            state.whole.start = u64::MAX;
        }
    }

    fn report(&self, report: Report) {
        let mut state = self.state();
        state.own = report;
        if self.is_first() {
            state.judge(self.shard.count.get());
        }
        drop(state);
        self.changed.notify_one();
    }
}

/// The own part in what the processes of a run tell each other.
#[derive(Debug)]
pub(crate) struct Shards {
    board: Arc<ShardBoard>,
    task: JoinHandle<()>,
}

impl Shards {
    /// Connects a client of its own. `None`: there are no other processes.
    ///
    /// # Errors
    /// There is no connection, or the broker refuses the subscription.
    pub async fn connect(settings: &BenchSettings, run: u64, clock: Clock) -> Result<Option<Self>, Failure> {
        let Some(shard) = settings.shard.filter(|shard| shard.count.get() > 1) else { return Ok(None) };
        let own = shard.index;
        let filter = match own {
            0 => format!("mqt/shards/{run:016x}/question/+"),
            _ => format!("mqt/shards/{run:016x}/answer/{own}"),
        };
        let id = format!("mqt-s{:08x}-{own}", run_tag(run));
        let client =
            messenger::connect(settings, &id, &filter).await.map_err(|failure| match failure.kind {
                Kind::Denied => failure.hint(
                    "the shards of a run talk to each other there: let the users of the load test do so",
                ),
                _ => failure,
            })?;
        let board = Arc::new(ShardBoard::new(shard));
        let task = if own == 0 {
            tokio::spawn(answer_along(client, clock, Arc::clone(&board)))
        } else {
            let question = format!("mqt/shards/{run:016x}/question/{own}");
            // It has no character that a topic may not have.
            let question = TopicName::new(question).unwrap_or_default();
            tokio::spawn(ask_along(client, question, clock, Arc::clone(&board)))
        };
        Ok(Some(Self { board, task }))
    }

    /// Whether this is the process that the others ask.
    pub fn is_first(&self) -> bool {
        self.board.is_first()
    }

    /// Begins to ask for the clock of the first process.
    pub fn measure_clock(&self) {
        let mut state = self.board.state();
        (state.questions, state.best) = (QUESTIONS, None);
        drop(state);
        self.board.changed.notify_one();
    }

    /// What [`Self::measure_clock`] has found, once it is done.
    pub fn offset(&self) -> Option<Offset> {
        let state = self.board.state();
        state.best.filter(|_| state.questions == 0)
    }

    /// The clients of this process stand.
    pub fn ready(&self) {
        self.board.report(Report { standing: ShardStanding::Ready, ..AT_FIRST });
    }

    /// This process has sent everything. To be told again while more comes in.
    pub fn sent(&self, expected: u64, delivered: u64) {
        self.board.report(Report { standing: ShardStanding::Sent, expected, delivered });
    }

    /// Whether every process is ready: only the first one knows.
    pub fn all_are_ready(&self) -> bool {
        self.board.state().count(ShardStanding::Ready) >= self.board.shard.count.get()
    }

    /// Tells the others when the load starts, in nanoseconds since 1970.
    pub fn start_at(&self, start: u64) {
        self.board.state().whole.start = start;
    }

    /// When the load starts, in nanoseconds since 1970 by the clock of the first process, once that is known.
    pub fn start(&self) -> Option<u64> {
        Some(self.board.state().whole.start).filter(|start| !matches!(*start, 0 | u64::MAX))
    }

    /// Nothing more is to be expected: every process has sent everything, or is gone.
    pub fn nobody_sends(&self) -> bool {
        let state = self.board.state();
        let is_gone = |heard: &Instant| heard.elapsed() > GONE_AFTER;
        if !self.is_first() {
            return state.whole.is_sent || state.is_lost || is_gone(&state.heard);
        }
        let rest =
            |(report, heard): &(Report, Instant)| report.standing >= ShardStanding::Sent || is_gone(heard);
        state.is_lost || state.others.values().all(rest)
    }

    /// Every process has sent everything, and all of it has arrived.
    pub fn all_has_arrived(&self) -> bool {
        self.board.state().whole.has_arrived
    }

    /// Why there will be no common start, if that is certain.
    pub fn trouble(&self) -> Option<String> {
        let state = self.board.state();
        if state.is_lost {
            return Some("the connection to the other shards is lost".to_owned());
        }
        if state.whole.start == u64::MAX {
            return Some("shard 0 has ended".to_owned());
        }
        let ended = state.others.iter().find(|(_, (report, _))| report.standing == ShardStanding::Ended);
        ended.map(|(index, _)| format!("shard {index} has ended"))
    }

    /// The processes that are not ready, in words.
    pub fn missing(&self) -> String {
        if !self.is_first() {
            return "shard 0 says nothing".to_owned();
        }
        let state = self.board.state();
        let is_ready = |index: &u32| {
            state.others.get(index).is_some_and(|(report, _)| report.standing >= ShardStanding::Ready)
        };
        let missing: Vec<String> = (1..self.board.shard.count.get())
            .filter(|index| !is_ready(index))
            .take(10)
            .map(|index| index.to_string())
            .collect();
        format!("not ready: shard {}", missing.join(", "))
    }

    /// Says that this process ends, and ends the talk: the first one when nobody asks any more.
    pub async fn end(self) {
        let own = self.board.state().own;
        if self.is_first() {
            let count = self.board.shard.count.get();
            self.board.never_start();
            self.board.report(Report { standing: ShardStanding::Ended, ..own });
            while !self.task.is_finished() {
                let (all_have_ended, until) = {
                    let state = self.board.state();
                    (state.count(ShardStanding::Ended) >= count, state.heard + QUIET)
                };
                if all_have_ended || Instant::now() >= until {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            self.task.abort();
        } else {
            self.board.report(Report { standing: ShardStanding::Ended, ..own });
            // It has said so once, or the connection is gone.
            let _ = timeout(QUIET, self.task).await;
        }
    }
}

/// Goes by the clock of the first process from now on, which may come late.
pub(crate) async fn agree_on_the_clock(
    shards: &Shards,
    clock: &mut Clock,
    ui: &Ui,
) -> Result<Option<Offset>, Failure> {
    if shards.is_first() {
        return Ok(None);
    }
    shards.measure_clock();
    let began = clock.now();
    let mut is_told = false;
    loop {
        if let Some(offset) = shards.offset() {
            clock.follow(offset.micros);
            return Ok(Some(offset));
        }
        let waited = Duration::from_nanos(clock.now().saturating_sub(began));
        if let Some(trouble) = shards.trouble() {
            return Err(no_common_start(trouble));
        }
        if waited > OTHERS_WITHIN {
            return Err(no_common_start(format!("{} for {}", shards.missing(), Span(OTHERS_WITHIN))));
        }
        if waited > Duration::from_secs(1) && !is_told {
            is_told = true;
            ui.status("mqt: waiting for shard 0");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The processes of the run did not come together.
pub(crate) fn no_common_start(why: String) -> Failure {
    Failure::new(Kind::Timeout, "the shards of the run did not start together")
        .keyword("shard")
        .cause(why)
        .hint("every shard needs the same options and --run-id or --start-at, and the same broker")
}

/// Asks as long as something is to be known; says at the end that it is the end.
async fn ask_along(mut client: Client, question: TopicName, clock: Clock, board: Arc<ShardBoard>) {
    let sign_of_life = tokio::time::sleep(SIGN_OF_LIFE);
    tokio::pin!(sign_of_life);
    loop {
        let (wants_answer, questions, own) = {
            let state = board.state();
            (state.wants_answer(), state.questions, state.own)
        };
        if own.standing == ShardStanding::Ended {
            let _ = timeout(ANSWER_WITHIN, ask(&mut client, &question, clock, own)).await;
            client.close(ReasonCode::SUCCESS).await;
            return;
        }
        if !wants_answer {
            tokio::select! {
                driven = messenger::drive(&mut client) => if driven.is_err() { break },
                () = board.changed.notified() => {}
                () = &mut sign_of_life => {}
            }
            if !sign_of_life.is_elapsed() {
                continue;
            }
        }
        sign_of_life.as_mut().reset(Instant::now() + SIGN_OF_LIFE);
        match timeout(ANSWER_WITHIN, ask(&mut client, &question, clock, own)).await {
            Ok(Some(exchange)) => {
                let mut state = board.state();
                state.whole = exchange.whole;
                state.heard = Instant::now();
                let offset = exchange.offset();
                if state.questions > 0 {
                    state.best = Some(offset.better(state.best));
                    state.questions = state.questions.saturating_sub(1);
                }
            }
            Ok(None) => break,
            // It may not be there yet, or the question was lost.
            Err(_) => {
                let mut state = board.state();
                if state.best.is_some() {
                    state.questions = state.questions.saturating_sub(1);
                }
            }
        }
        if questions == 0 {
            let pause = tokio::time::sleep(PAUSE);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    driven = messenger::drive(&mut client) => if driven.is_err() { break },
                    () = &mut pause => break,
                }
            }
        }
    }
    board.state().is_lost = true;
}

async fn ask(client: &mut Client, question: &TopicName, clock: Clock, own: Report) -> Option<Exchange> {
    let asked = clock.unix(clock.now());
    let payload = own.encode(asked);
    client.session_mut().publish(Message { topic: question.clone(), payload, ..Message::default() });
    loop {
        let events = messenger::drive(client).await.ok()?;
        let answered = clock.unix(clock.now());
        for event in events {
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
async fn answer_along(mut client: Client, clock: Clock, board: Arc<ShardBoard>) {
    while let Ok(events) = messenger::drive(&mut client).await {
        let came = clock.unix(clock.now());
        for event in events {
            let Event::Message { publish, .. } = event else { continue };
            let message = publish.message;
            let index = message.topic.rsplit('/').next().and_then(|index| index.parse::<u32>().ok());
            let (Some((question, report)), Some(index), Ok(topic)) = (
                Report::decode(&message.payload),
                index.filter(|index| (1..board.shard.count.get()).contains(index)),
                TopicName::new(message.topic.replace("/question/", "/answer/")),
            ) else {
                continue;
            };
            let whole = {
                let mut state = board.state();
                state.heard = Instant::now();
                let heard = state.heard;
                state.others.insert(index, (report, heard));
                state.judge(board.shard.count.get());
                state.whole
            };
            let payload = Exchange::encode(question, came, clock.unix(clock.now()), whole);
            client.session_mut().publish(Message { topic, payload, ..Message::default() });
        }
    }
    board.state().is_lost = true;
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn questions_and_answers_are_read_as_they_were_written() {
        let report = Report { standing: ShardStanding::Sent, expected: 7, delivered: u64::MAX };
        let bytes = report.encode(9);
        assert_eq!(Report::decode(&bytes), Some((9, report)));
        assert_eq!(Report::decode(&bytes[..24]), None);
        assert_eq!(Report::decode(&[4; 25]), None);
        let whole = Whole { start: 5, is_sent: true, has_arrived: false };
        let bytes = Exchange::encode(1, 2, u64::MAX, whole);
        let read = Exchange { asked: 1, came: 2, left: u64::MAX, answered: 3, whole };
        assert_eq!(Exchange::decode(&bytes, 3), Some(read));
        assert_eq!(Exchange::decode(&bytes[..33], 3), None);
    }

    #[tokio::test]
    async fn all_has_arrived_when_everybody_has_sent_and_nothing_is_missing() {
        let board = ShardBoard::new(Shard { index: 0, count: NonZeroU32::new(2).unwrap() });
        let own = |standing, expected, delivered| board.report(Report { standing, expected, delivered });
        let other = |standing, expected, delivered| {
            let mut state = board.state();
            state.others.insert(1, (Report { standing, expected, delivered }, Instant::now()));
            state.judge(2);
        };
        let whole = || {
            let whole = board.state().whole;
            (whole.is_sent, whole.has_arrived)
        };
        own(ShardStanding::Sent, 10, 10);
        assert_eq!(whole(), (false, false), "the other one may still send");
        other(ShardStanding::Ready, 0, 0);
        assert_eq!((whole(), board.state().count(ShardStanding::Ready)), ((false, false), 2));
        other(ShardStanding::Sent, 10, 9);
        assert_eq!(whole(), (true, false));
        // It may have come to another process than the one that counted on it.
        own(ShardStanding::Sent, 10, 11);
        assert_eq!(whole(), (true, true));
    }
}
