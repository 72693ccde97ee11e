//! The steps of a run: connecting, a common start, ramp and warm-up, the measured phase, drain, end; and what
//! the threads tell meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::bench::clock::{Offset, RunTime};
use crate::bench::load::observer::{LoadProgress, Observer};
use crate::bench::load::tally::{Gathered, tally};
use crate::bench::load::team::Team;
use crate::bench::load::usage::CpuTime;
use crate::bench::load::worker::{SharedRun, Timeline, WorkerOrder, WorkerOutcome, WorkerReport, WorkerStep};
use crate::bench::plan::scenario::{ClientSpec, Plan};
use crate::bench::result::recorder::Interval;
use crate::bench::result::snapshot::RunPhase;
use crate::bench::result::{ClockOffset, ConnectSecond, Phases, PublisherClock, RunResult, Second};
use crate::bench::together::clocks::ClockAsking;
use crate::bench::together::shards::{LOOK, OTHERS_WITHIN, Shards, no_common_start};
use crate::cli::bench::Scenario;
use crate::commands::signals::{Signal, Signals};
use crate::error::{Failure, Kind};
use crate::output::units::Span;

/// How often an observer is informed.
const SHOW: Duration = Duration::from_millis(200);
/// Between the order and the start of the load: every thread knows of it by then.
const LEAD: Duration = Duration::from_millis(5);
/// The same, where other processes are to know of it too.
const LEAD_OF_ALL: Duration = Duration::from_secs(1);
/// After the end of the measured phase, what fell due in it has a hundredth of its length to go out, and at
/// most this.
const LONGEST_GRACE: Duration = Duration::from_millis(500);
/// A second signal so soon after the first is the same one.
const SAME_SIGNAL: Duration = Duration::from_millis(500);
/// How long to wait for an answer about the clock after the load.
const CLOCK_WITHIN: Duration = Duration::from_secs(5);

/// A run that is over.
#[derive(Debug)]
pub struct Finished {
    /// What it came to.
    pub result: RunResult,
    /// What ended it before its time.
    pub signal: Option<Signal>,
    /// The first thing that went wrong with a connection.
    pub failure: Option<Failure>,
}

pub(crate) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn millis(nanoseconds: u64) -> u64 {
    nanoseconds.saturating_add(500_000) / 1_000_000
}

/// A run in progress.
pub(crate) struct LoadRun<'a> {
    pub shared: Arc<SharedRun>,
    /// The other processes, if there are any.
    pub shards: Option<&'a Shards>,
    /// How far the clock of the first one was ahead before the load.
    pub before: Option<Offset>,
    /// Other runs that publish what this one receives.
    pub asking: Option<&'a ClockAsking>,
    pub team: Team,
    pub signals: &'a mut Signals,
    pub observer: &'a mut dyn Observer,
    pub signal: Option<Signal>,
    pub failure: Option<Failure>,
    pub clients: u64,
    pub publishers: u64,
    pub subscribers: u64,
    /// Seconds that some threads have told about, and how many.
    pub intervals: BTreeMap<u64, (usize, Interval)>,
    pub connecting: Vec<ConnectSecond>,
    pub series: Vec<Second>,
    pub outcomes: Vec<WorkerOutcome>,
}

/// The sums of what the threads show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    online: u64,
    sent: u64,
    confirmed: u64,
    open: u64,
    expected: u64,
    delivered: u64,
}

/// The load itself: when it began, whether everything was sent before its time was over, what it cost.
#[derive(Default)]
struct LoadCourse {
    /// When the load starts, in nanoseconds since the start of the run.
    start: Option<u64>,
    /// All was sent before the time was over.
    is_complete: bool,
    cpu: CpuTime,
}

/// A run goes through these steps. Each is waited for with [`LoadRun::until`], which shows how far it is, takes what the
/// threads report, and ends early when a signal comes; the step is then what it is, and the run continues to its end.
///
/// ```text
/// connect ─► common start ─► ramp, warm-up ─► measured ─► drain ─► end ─► clocks ─► tally
///                              └─ retained: publish ─► subscribe, receive ─► clear ─┘
/// ```
impl LoadRun<'_> {
    /// Goes through all the steps.
    ///
    /// # Errors
    /// No client could connect, another process of the run is missing, or a thread could not do its work.
    pub async fn complete(&mut self, plan: &Plan<'_>, specs: &[ClientSpec]) -> Result<Finished, Failure> {
        let shared = Arc::clone(&self.shared);
        let mut timeline = Timeline::UNKNOWN;
        let connected = self.connect().await;
        if self.signal.is_none() && self.has_nobody() {
            self.finish().await?;
            return Err(self.nobody());
        }
        let mut load = LoadCourse::default();
        if self.signal.is_none() && shared.opened.load(Ordering::Relaxed) > 0 {
            match self.common_start().await {
                Ok(start) => load.start = start,
                Err(failure) => {
                    self.finish().await?;
                    return Err(failure);
                }
            }
        }
        if let Some(start) = load.start {
            if self.is_retained() {
                self.retained_load(start, &mut timeline, &mut load).await;
            } else {
                self.load(start, &mut timeline, &mut load).await;
            }
        }
        let drained = shared.clock.now();
        if let Some(asking) = self.asking {
            // What has come in by then has its latency when its clock is known.
            self.wait_for_clocks(|| !asking.is_open()).await;
        }
        self.finish().await?;
        if load.start.is_some() {
            // Unless its length ended it, it lasted until the last message.
            let last = self.outcomes.iter().map(|outcome| outcome.recorder.last_within).max().unwrap_or(0);
            let over = RunTime::at(if load.is_complete { last } else { drained });
            timeline.end = timeline.end.min(over).max(timeline.measured);
        }
        let nobody = self.outcomes.iter().all(|outcome| outcome.recorder.connects.established == 0);
        if nobody && self.signal.is_none() {
            return Err(self.nobody());
        }
        for (second, (_, interval)) in std::mem::take(&mut self.intervals) {
            self.close_second(second, &interval);
        }
        let clock = self.clock_offset().await;
        let publisher_clocks = self.publisher_clocks().await;
        let result = tally(Gathered {
            shared: &shared,
            plan,
            specs,
            outcomes: std::mem::take(&mut self.outcomes),
            connecting: std::mem::take(&mut self.connecting),
            series: std::mem::take(&mut self.series),
            phases: self.phases(connected, timeline, drained),
            cpu: load.cpu,
            is_interrupted: self.signal.is_some(),
            clock,
            publisher_clocks,
            load_started: load.start,
        });
        Ok(Finished { result, signal: self.signal, failure: self.failure.take() })
    }

    fn is_retained(&self) -> bool {
        self.shared.settings.groups.iter().any(|group| group.scenario == Scenario::Retained)
    }

    /// Waits until every client is connected or has given up. Returns when that was.
    async fn connect(&mut self) -> u64 {
        let settled = |run: &Self| run.shared.settled.load(Ordering::Relaxed) >= run.clients;
        self.until(RunPhase::Connecting, Timeline::UNKNOWN, RunTime::NEVER, settled).await;
        let connected = self.shared.clock.now();
        // The gauges show what has been by the next tick.
        let shown = RunTime::at(connected).after(nanoseconds(LOOK));
        self.until(RunPhase::Connecting, Timeline::UNKNOWN, shown, |_| false).await;
        self.close_connect_second();
        connected
    }

    /// Publishes and receives: ramp and warm-up, the measured phase, drain.
    async fn load(&mut self, start: u64, timeline: &mut Timeline, load: &mut LoadCourse) {
        let shared = Arc::clone(&self.shared);
        let timing = shared.settings.timing;
        let start = RunTime::at(start);
        let measured = start.after(nanoseconds(timing.ramp)).after(nanoseconds(timing.warmup));
        let end = timing.duration.map_or(RunTime::NEVER, |length| measured.after(nanoseconds(length)));
        *timeline = Timeline { start, measured, end };
        self.team.order(WorkerOrder::Go(WorkerStep::Run, *timeline));
        self.until(RunPhase::WarmUp, *timeline, measured, |_| false).await;
        let cpu_before = CpuTime::now();
        // A rate of one message an hour has sent its last long before the end.
        let ends_when_all_is_sent = timing.duration.is_none() || timing.count.is_some();
        self.until_all_is_sent(*timeline, ends_when_all_is_sent).await;
        // Then what is still to come in belongs to the measured time.
        load.is_complete = self.signal.is_none() && !end.has_come(shared.clock.now());
        if end.has_come(shared.clock.now()) {
            // What fell due just before the end still goes out; a queue that has grown does not.
            let grace = (end.since(measured) / 100).clamp(nanoseconds(LOOK), nanoseconds(LONGEST_GRACE));
            self.until(RunPhase::Draining, *timeline, end.after(grace), Self::all_is_sent).await;
        }
        if !load.is_complete {
            timeline.end = timeline.end.min(RunTime::at(shared.clock.now()));
            load.cpu = CpuTime::now().since(cpu_before);
        }
        self.team.order(WorkerOrder::Go(WorkerStep::Drain, *timeline));
        self.drain(*timeline, true).await;
        if load.is_complete {
            load.cpu = CpuTime::now().since(cpu_before);
        }
    }

    /// Publishes retained messages, which are there before anything is measured, however long that takes; then measures
    /// how subscribers get them, and clears them.
    async fn retained_load(&mut self, start: u64, timeline: &mut Timeline, load: &mut LoadCourse) {
        let shared = Arc::clone(&self.shared);
        let start = RunTime::at(start);
        *timeline = Timeline { start, measured: start, end: RunTime::NEVER };
        self.team.order(WorkerOrder::Go(WorkerStep::Run, *timeline));
        self.until(RunPhase::WarmUp, *timeline, start, |_| false).await;
        let cpu_before = CpuTime::now();
        self.until_all_is_sent(*timeline, true).await;
        load.is_complete = self.signal.is_none();
        if self.signal.is_none() {
            self.drain(*timeline, false).await;
            if let Some(shards) = self.shards {
                let sums = self.sums();
                shards.sent(sums.expected, sums.delivered);
                self.until(RunPhase::Measuring, *timeline, RunTime::NEVER, |_| shards.nobody_sends()).await;
            }
            timeline.measured = RunTime::at(shared.clock.now());
            self.team.order(WorkerOrder::Go(WorkerStep::Collect, *timeline));
            self.drain(*timeline, true).await;
        }
        timeline.end = RunTime::at(shared.clock.now());
        load.cpu = CpuTime::now().since(cpu_before);
        self.team.order(WorkerOrder::Go(WorkerStep::Clear, *timeline));
        let until = timeline.end.after(nanoseconds(shared.settings.timing.drain));
        self.until(RunPhase::Draining, *timeline, until, |run| {
            run.shared.done.load(Ordering::Relaxed) >= 2 * run.publishers && run.sums().open == 0
        })
        .await;
        if load.is_complete {
            load.cpu = CpuTime::now().since(cpu_before);
        }
    }

    fn all_is_sent(&self) -> bool {
        self.shared.done.load(Ordering::Relaxed) >= self.publishers
    }

    /// The measured phase: to its end, or until everything is sent where that ends it.
    async fn until_all_is_sent(&mut self, timeline: Timeline, ends_then: bool) {
        if let Some(shards) = self.shards.filter(|_| self.publishers == 0) {
            shards.sent(0, 0);
        }
        let ends_then = ends_then && self.shared.publishers > 0;
        self.until(RunPhase::Measuring, timeline, timeline.end, |run| {
            // A process without publishers hears from the others that it is over.
            let others_send = run.publishers == 0 && run.shards.is_some_and(|shards| !shards.nobody_sends());
            ends_then && run.all_is_sent() && !others_send
        })
        .await;
    }

    /// How long each phase took.
    fn phases(&self, connected: u64, timeline: Timeline, drained: u64) -> Phases {
        let connect_ms = millis(connected.saturating_sub(self.shared.connect_from));
        if timeline.start.is_never() {
            return Phases { connect_ms, ..Phases::default() };
        }
        let ramp = if self.is_retained() { 0 } else { nanoseconds(self.shared.settings.timing.ramp) };
        Phases {
            connect_ms,
            ramp_ms: millis(ramp),
            warmup_ms: millis(timeline.measured.since(timeline.start)).saturating_sub(millis(ramp)),
            measured_ms: millis(timeline.end.since(timeline.measured)),
            drain_ms: millis(RunTime::at(drained).since(timeline.end)),
        }
    }

    /// Whether nobody is left to measure anything: every client has given up, or everyone who was to receive.
    fn has_nobody(&self) -> bool {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let is_deaf = self.subscribers > 0 && read(&self.shared.ended_subscribers) >= self.subscribers;
        read(&self.shared.ended) >= self.clients || is_deaf
    }

    fn nobody(&mut self) -> Failure {
        let failure = self.failure.take();
        failure.unwrap_or_else(|| Failure::new(Kind::Connect, "no client could connect"))
    }

    /// When the load starts: soon, or when the first process says. `None`: a signal came.
    async fn common_start(&mut self) -> Result<Option<u64>, Failure> {
        let shared = Arc::clone(&self.shared);
        let Some(shards) = self.shards else { return Ok(Some(shared.clock.now() + nanoseconds(LEAD))) };
        shards.ready();
        let limit = RunTime::at(shared.clock.now()).after(nanoseconds(OTHERS_WITHIN));
        let knows = || if shards.is_first() { shards.all_are_ready() } else { shards.start().is_some() };
        self.until(RunPhase::Waiting, Timeline::UNKNOWN, limit, |_| knows() || shards.trouble().is_some())
            .await;
        if self.signal.is_some() {
            return Ok(None);
        }
        if !knows() {
            let why = shards
                .trouble()
                .unwrap_or_else(|| format!("{} for {}", shards.missing(), Span(OTHERS_WITHIN)));
            return Err(no_common_start(why));
        }
        if shards.is_first() {
            let start = shared.clock.now() + nanoseconds(LEAD_OF_ALL);
            shards.start_at(shared.clock.unix(start));
            return Ok(Some(start));
        }
        Ok(shards.start().map(|start| shared.clock.since_start(start)))
    }

    /// How far the clock of the first process is ahead of this one's, before and after the load.
    async fn clock_offset(&mut self) -> Option<ClockOffset> {
        let (shards, before) = (self.shards?, self.before?);
        shards.measure_clock();
        self.wait_for_clocks(|| shards.offset().is_some()).await;
        let after = shards.offset();
        Some(ClockOffset {
            before_us: before.micros,
            after_us: after.map(|after| after.micros),
            error_us: before.error_us.max(after.map_or(0, |after| after.error_us)),
        })
    }

    /// How far the clocks of those are ahead who have published what this process has received.
    async fn publisher_clocks(&mut self) -> Vec<PublisherClock> {
        let Some(asking) = self.asking else { return Vec::new() };
        asking.ask_again();
        self.wait_for_clocks(|| asking.is_settled()).await;
        asking.found()
    }

    /// Waits for answers about clocks, unless a signal comes meanwhile.
    async fn wait_for_clocks(&mut self, is_known: impl Fn() -> bool) {
        let clock = self.shared.clock;
        let limit = clock.now().saturating_add(nanoseconds(CLOCK_WITHIN));
        while !is_known() && clock.now() < limit {
            tokio::select! {
                signal = self.signals.next() => {
                    self.signal.get_or_insert(signal);
                    return;
                }
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Goes on until a time, until something is done, or until a signal comes.
    async fn until(
        &mut self,
        phase: RunPhase,
        timeline: Timeline,
        end: RunTime,
        is_done: impl Fn(&Self) -> bool,
    ) {
        let clock = self.shared.clock;
        let from = match phase {
            RunPhase::Connecting | RunPhase::Waiting => RunTime::at(self.shared.connect_from),
            RunPhase::WarmUp => timeline.start,
            RunPhase::Measuring => timeline.measured,
            RunPhase::Draining => timeline.end,
        };
        let mut shown = 0;
        let is_connecting = phase == RunPhase::Connecting;
        while self.signal.is_none() && !is_done(self) {
            let now = clock.now();
            let elapsed = RunTime::at(now).since(from);
            if is_connecting && elapsed / 1_000_000_000 > count(self.connecting.len()) {
                self.close_connect_second();
            }
            if end.has_come(now) {
                return;
            }
            if now.saturating_sub(shown) >= nanoseconds(SHOW) {
                shown = now;
                let sums = self.sums();
                let progress = LoadProgress {
                    phase,
                    elapsed: Duration::from_nanos(elapsed),
                    length: end.known().map(|_| Duration::from_nanos(end.since(from))),
                    online: sums.online,
                    asked: self.clients,
                    sent: sums.sent,
                    confirmed: sums.confirmed,
                    delivered: sums.delivered,
                };
                self.observer.progress(&progress);
            }
            let look = now.saturating_add(nanoseconds(LOOK)).min(end.known().unwrap_or(u64::MAX));
            let changed = self.shared.changed.notified();
            tokio::select! {
                signal = self.signals.next() => self.signal = Some(signal),
                told = self.team.told.recv() => match told {
                    Some(told) => self.take(told),
                    None => return,
                },
                () = changed => {}
                () = tokio::time::sleep_until(clock.instant(look).into()) => {}
            }
        }
    }

    /// Waits for what is in flight: acknowledgements, and deliveries if asked for.
    async fn drain(&mut self, timeline: Timeline, deliveries: bool) {
        let shared = Arc::clone(&self.shared);
        if shared.publishers == 0 {
            return;
        }
        let began = shared.clock.now();
        let drain = nanoseconds(shared.settings.timing.drain);
        // Until every thread has shown what it had sent when it heard of the end.
        let settled = RunTime::at(began).after(2 * nanoseconds(LOOK));
        self.until(RunPhase::Draining, timeline, settled, |_| false).await;
        let Some(shards) = self.shards.filter(|_| deliveries) else {
            let limit = RunTime::at(began).after(drain);
            self.until(RunPhase::Draining, timeline, limit, |run| {
                let sums = run.sums();
                sums.open == 0 && (!deliveries || sums.delivered >= sums.expected)
            })
            .await;
            return;
        };
        // As long as another process sends, something may come.
        let nobody_sends_since = std::cell::Cell::new(None);
        self.until(RunPhase::Draining, timeline, RunTime::NEVER, |run| {
            let (sums, now) = (run.sums(), run.shared.clock.now());
            shards.sent(sums.expected, sums.delivered);
            if shards.nobody_sends() && nobody_sends_since.get().is_none() {
                nobody_sends_since.set(Some(now));
            }
            let is_late = nobody_sends_since.get().is_some_and(|since| now.saturating_sub(since) >= drain);
            is_late || (sums.open == 0 && shards.all_has_arrived())
        })
        .await;
    }

    /// Ends every connection and takes what the threads have recorded.
    async fn finish(&mut self) -> Result<(), Failure> {
        self.team.order(WorkerOrder::Go(WorkerStep::End, Timeline::UNKNOWN));
        let mut again = None;
        let patient_until = self.shared.clock.now().saturating_add(nanoseconds(SAME_SIGNAL));
        while self.outcomes.len() < self.team.size() {
            tokio::select! {
                told = self.team.told.recv() => match told {
                    Some(told) => self.take(told),
                    None => break,
                },
                // Anyone who asks twice does not want to wait.
                signal = self.signals.next() => {
                    // Some send the same signal to the process and to its group.
                    if self.signal.is_some() && self.shared.clock.now() < patient_until {
                        continue;
                    }
                    self.signal = Some(signal);
                    again = Some(signal);
                    break;
                }
            }
        }
        if again.is_some() {
            return Ok(());
        }
        self.team.join()
    }

    fn take(&mut self, told: WorkerReport) {
        match told {
            WorkerReport::Interval(second, interval) => {
                let (threads, sum) = self.intervals.entry(second).or_default();
                *threads += 1;
                sum.merge(&interval);
                while let Some(entry) = self.intervals.first_entry()
                    && entry.get().0 >= self.shared.gauges.len()
                {
                    let (second, (_, interval)) = entry.remove_entry();
                    self.close_second(second, &interval);
                }
            }
            WorkerReport::Failed(failure) => {
                self.failure = Some(match self.failure.take() {
                    Some(first) => first.graver(failure),
                    None => failure,
                });
            }
            WorkerReport::Ended(outcome) => self.outcomes.push(*outcome),
        }
    }

    /// Adds what has happened since the last second of connecting.
    fn close_connect_second(&mut self) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (opened, failed) = (read(&self.shared.opened), read(&self.shared.failed_attempts));
        let total = |read: fn(&ConnectSecond) -> u64| self.connecting.iter().map(read).sum::<u64>();
        let second = ConnectSecond {
            t_ms: count(self.connecting.len()) * 1_000,
            opened: opened.saturating_sub(total(|second| second.opened)),
            failed: failed.saturating_sub(total(|second| second.failed)),
            connections: self.sums().online,
        };
        self.connecting.push(second);
    }

    fn close_second(&mut self, second: u64, interval: &Interval) {
        let response = &interval.response;
        let second = Second {
            t_ms: second.saturating_mul(1_000),
            offered: interval.offered,
            sent: interval.sent,
            acked: interval.acked,
            delivered: interval.delivered,
            errors: interval.errors,
            connections: self.sums().online,
            p50_us: response.quantile_us(0.5),
            p99_us: response.quantile_us(0.99),
            max_us: response.max_us(),
            measured: interval.measured,
        };
        self.observer.second(&second);
        self.series.push(second);
    }

    fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for gauges in &self.shared.gauges {
            let read = |gauge: &AtomicU64| gauge.load(Ordering::Relaxed);
            sums.online += read(&gauges.online);
            sums.sent += read(&gauges.sent);
            sums.confirmed += read(&gauges.confirmed);
            sums.open += read(&gauges.open);
            sums.expected += read(&gauges.expected);
            sums.delivered += read(&gauges.delivered);
        }
        sums
    }
}
