//! A thread with its share of the clients: one runtime, one task for each connection, one recorder.

mod client;
#[cfg(test)]
mod hostile;
mod link;
mod pacer;
mod payload;
mod publisher;
mod subscriber;
mod uncompared;

use std::cell::{Cell, RefCell, RefMut};
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::LocalSet;

use crate::bench::clock::{Clock, RunTime};
use crate::bench::load::usage::thread_cpu_time;
use crate::bench::plan::scenario::{ClientRole, ClientSpec, login_place, run_tag};
use crate::bench::result::recorder::{Interval, Recorder};
use crate::bench::together::clocks::Clocks;
use crate::config::bench::BenchSettings;
use crate::error::Failure;
use client::{END_WITHIN, LoadClient, keyword};
use mqt_client::{ClientError, Endpoint, Transport};
use mqt_proto::session::Credentials;
use pacer::Pacer;
use payload::PayloadPress;
use publisher::LoadPublisher;
use subscriber::LoadSubscriber;
use uncompared::Uncompared;

pub(crate) use link::LinkTerms;
pub(crate) use publisher::PublishPace;
pub(crate) use subscriber::{GroupTracker, Heard};

/// How often a thread tells how far it is.
const TICK: Duration = Duration::from_millis(10);
/// How many connections are opened at once where no rate is asked for, over all threads: as many as the
/// listener of a broker usually queues.
const CONNECTING_AT_ONCE: usize = 100;

/// What the clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkerStep {
    /// They connect, and wait.
    Connect,
    /// They publish.
    Run,
    /// They receive what is in flight.
    Drain,
    /// Subscribers of retained messages subscribe.
    Collect,
    /// Publishers take back what they have let retain.
    Clear,
    /// They disconnect.
    End,
}

/// When what begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeline {
    /// The load: ramp and warm-up first.
    pub start: RunTime,
    /// The measured phase.
    pub measured: RunTime,
    /// Its end.
    pub end: RunTime,
}

impl Timeline {
    /// Nothing has begun.
    pub const UNKNOWN: Self = Self { start: RunTime::NEVER, measured: RunTime::NEVER, end: RunTime::NEVER };

    /// Whether a time is within the measured phase.
    pub const fn is_measured(&self, time: u64) -> bool {
        self.measured.has_come(time) && !self.end.has_come(time)
    }
}

/// What all threads share.
pub(crate) struct SharedRun {
    pub settings: BenchSettings,
    pub run: u64,
    pub clock: Clock,
    /// Those of other runs, where their messages come in.
    pub clocks: Option<Arc<Clocks>>,
    pub terms: LinkTerms,
    /// The ways to the brokers, each from each local address.
    pub transports: Vec<Transport>,
    pub brokers: usize,
    /// How many publishers there are, over all groups and shards.
    pub publishers: u32,
    /// How many deliveries a message is to have, by the number of its publisher.
    pub fan_out: HashMap<u32, u32>,
    /// For each group that publishes by a schedule, its rates.
    pub paces: Vec<Option<PublishPace>>,
    /// For each group its logins; empty: the one of all.
    pub logins: Vec<Vec<Credentials>>,
    pub login: Credentials,
    /// For each group what its members receive together, if they share.
    pub group_trackers: Vec<GroupTracker>,
    /// When the first connect may begin.
    pub connect_from: u64,
    /// Connections that were opened for the first time.
    pub opened: AtomicU64,
    /// Attempts to open one that failed.
    pub failed_attempts: AtomicU64,
    /// Clients whose first connect has come to an end.
    pub settled: AtomicU64,
    /// Publishers that have sent everything.
    pub done: AtomicU64,
    /// Clients that will do no more.
    pub ended: AtomicU64,
    /// Subscribers among them.
    pub ended_subscribers: AtomicU64,
    /// Something of this changed that may be waited for.
    pub changed: Notify,
    /// How far each thread is.
    pub gauges: Vec<Gauges>,
}

/// How far a thread is.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub online: AtomicU64,
    pub sent: AtomicU64,
    pub confirmed: AtomicU64,
    /// Publishes without an answer.
    pub open: AtomicU64,
    pub expected: AtomicU64,
    pub delivered: AtomicU64,
}

impl SharedRun {
    /// What stamps carry of the run id.
    pub fn run_tag(&self) -> u32 {
        run_tag(self.run)
    }

    /// How many publishers the groups before one have.
    pub fn publishers_before(&self, group: u16) -> u32 {
        self.settings.groups.iter().take(usize::from(group)).map(|group| group.publishers).sum()
    }

    fn transport(&self, spec: &ClientSpec) -> Option<&Transport> {
        let number = usize::try_from(spec.number).ok()?;
        // Brokers change fastest, so that each of them gets every local address.
        let broker = number.checked_rem(self.brokers)?;
        let binds = self.transports.len().checked_div(self.brokers)?;
        let bind = (number / self.brokers).checked_rem(binds)?;
        self.transports.get(broker * binds + bind)
    }

    /// The broker of a client.
    pub fn endpoint(&self, spec: &ClientSpec) -> &Endpoint {
        let number = usize::try_from(spec.number).unwrap_or(0).checked_rem(self.brokers).unwrap_or(0);
        let own = self.settings.brokers.get(number).unwrap_or(&self.settings.client.transport);
        &own.endpoint
    }

    fn credentials(&self, spec: &ClientSpec) -> Credentials {
        let place = usize::from(spec.group);
        let own = self.settings.groups.get(place).and_then(|group| login_place(group, spec));
        own.and_then(|own| self.logins.get(place)?.get(own).cloned()).unwrap_or_else(|| self.login.clone())
    }
}

/// The orders to a thread.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WorkerOrder {
    /// Go on to this step; times that are known by then.
    Go(WorkerStep, Timeline),
}

/// What a thread tells.
pub(crate) enum WorkerReport {
    /// A second of the series is over, counted from the start of the load.
    Interval(u64, Box<Interval>),
    /// A connection could not be opened or was lost: the first error of this thread.
    Failed(Failure),
    /// Everything is over.
    Ended(Box<WorkerOutcome>),
}

/// What a thread has recorded.
#[derive(Default)]
pub(crate) struct WorkerOutcome {
    pub recorder: Recorder,
    /// Each publisher with how many messages went out.
    pub sent: Vec<(u32, u64)>,
    pub heard: Vec<Heard>,
    /// CPU time of the measured phase, in milliseconds.
    pub cpu_ms: u64,
}

/// A thread's own state.
pub(crate) struct Worker {
    pub shared: Arc<SharedRun>,
    pacer: Pacer,
    pub connecting: Semaphore,
    pub online: Cell<u64>,
    /// Clients that have not ended.
    pub left: Cell<usize>,
    recorder: RefCell<Recorder>,
    uncompared: Uncompared,
    press: RefCell<PayloadPress>,
    step: Cell<WorkerStep>,
    timeline: Cell<Timeline>,
    wakers: RefCell<Vec<Option<Waker>>>,
    sent: RefCell<Vec<(u32, u64)>>,
    heard: RefCell<Vec<Heard>>,
    told: mpsc::UnboundedSender<WorkerReport>,
    has_failed: Cell<bool>,
    has_denied: Cell<bool>,
}

impl Worker {
    pub fn now(&self) -> u64 {
        self.shared.clock.now()
    }

    pub fn step(&self) -> WorkerStep {
        self.step.get()
    }

    pub fn timeline(&self) -> Timeline {
        self.timeline.get()
    }

    pub fn recorder(&self) -> RefMut<'_, Recorder> {
        self.recorder.borrow_mut()
    }

    fn press(&self) -> RefMut<'_, PayloadPress> {
        self.press.borrow_mut()
    }

    /// Remembers how to wake a client.
    fn register(&self, slot: u32, cx: &Context<'_>) {
        let mut wakers = self.wakers.borrow_mut();
        let Some(place) = usize::try_from(slot).ok().and_then(|slot| wakers.get_mut(slot)) else { return };
        if !place.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *place = Some(cx.waker().clone());
        }
    }

    fn wake(&self, slot: u32) {
        let wakers = self.wakers.borrow();
        if let Some(Some(waker)) = usize::try_from(slot).ok().and_then(|slot| wakers.get(slot)) {
            waker.wake_by_ref();
        }
    }

    /// When a client connects for the first time.
    fn connect_at(&self, spec: ClientSpec) -> u64 {
        let shared = &*self.shared;
        let after =
            shared.settings.timing.connect_rate.map_or(0.0, |rate| f64::from(spec.number) / rate.get());
        let after = Duration::try_from_secs_f64(after).unwrap_or(Duration::MAX);
        shared.connect_from.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX))
    }

    fn client_is_settled(&self) {
        self.shared.settled.fetch_add(1, Ordering::Relaxed);
        self.shared.changed.notify_one();
    }

    fn publisher_is_done(&self) {
        self.shared.done.fetch_add(1, Ordering::Relaxed);
        self.shared.changed.notify_one();
    }

    fn connect_failed(&self, error: &ClientError) {
        let mut recorder = self.recorder();
        recorder.error("connect");
        *recorder.connects.failed.entry(keyword(self, error).to_owned()).or_default() += 1;
    }

    fn connection_lost(&self, error: &ClientError, failure: impl FnOnce() -> Failure) {
        {
            let mut recorder = self.recorder();
            recorder.connects.lost += 1;
            recorder.error(keyword(self, error));
        }
        self.first_failure(failure);
    }

    /// A connection that was lost will not be opened again.
    fn given_up(&self) {
        let mut recorder = self.recorder();
        recorder.connects.given_up += 1;
        recorder.error("given-up");
    }

    /// A subscription or a publish is refused, or never answered.
    fn first_denial(&self, failure: impl FnOnce() -> Failure) {
        if !self.has_denied.replace(true) {
            drop(self.told.send(WorkerReport::Failed(failure())));
        }
    }

    /// A connection could not be opened, or was lost.
    fn first_failure(&self, failure: impl FnOnce() -> Failure) {
        if !self.has_failed.replace(true) {
            drop(self.told.send(WorkerReport::Failed(failure())));
        }
    }

    /// A client will do no more.
    fn client_has_ended(&self, role: ClientRole) {
        self.shared.ended.fetch_add(1, Ordering::Relaxed);
        if role == ClientRole::Subscriber {
            self.shared.ended_subscribers.fetch_add(1, Ordering::Relaxed);
        }
        self.shared.changed.notify_one();
    }

    fn publisher_ended(&self, publisher: LoadPublisher) {
        self.sent.borrow_mut().push(publisher.sent());
    }

    fn subscriber_ended(&self, subscriber: LoadSubscriber) {
        self.heard.borrow_mut().push(subscriber.into_heard());
    }

    fn go(&self, step: WorkerStep, timeline: Timeline) {
        self.timeline.set(timeline);
        self.step.set(step);
        for waker in self.wakers.borrow().iter().flatten() {
            waker.wake_by_ref();
        }
    }

    fn show(&self, place: usize) {
        let Some(gauges) = self.shared.gauges.get(place) else { return };
        let recorder = self.recorder.borrow();
        let counts = &recorder.counts;
        for (gauge, value) in [
            (&gauges.online, self.online.get()),
            (&gauges.sent, counts.sent),
            (&gauges.confirmed, counts.confirmed),
            (&gauges.open, recorder.open),
            (&gauges.expected, counts.expected),
            (&gauges.delivered, counts.delivered),
        ] {
            gauge.store(value, Ordering::Relaxed);
        }
    }

    /// Tells about the seconds that are over.
    fn close_intervals(&self, next: &mut u64) {
        let start = self.timeline().start;
        let end_of = |second: u64| start.after(second.saturating_add(1).saturating_mul(1_000_000_000));
        while end_of(*next).has_come(self.now()) {
            self.send_interval(*next);
            *next += 1;
        }
    }

    fn send_interval(&self, second: u64) {
        let interval = self.recorder().take_interval();
        drop(self.told.send(WorkerReport::Interval(second, Box::new(interval))));
    }
}

/// CPU time of a thread from the beginning of the measured phase to its end.
#[derive(Default)]
struct Busy {
    from: Option<Duration>,
    to: Option<Duration>,
}

impl Busy {
    fn look(&mut self, now: u64, timeline: Timeline) {
        if self.from.is_none() && timeline.measured.has_come(now) {
            self.from = thread_cpu_time();
        }
        if self.from.is_some() && self.to.is_none() && timeline.end.has_come(now) {
            self.to = thread_cpu_time();
        }
    }

    fn millis(&self) -> u64 {
        let used = self.to.zip(self.from).map_or(Duration::ZERO, |(to, from)| to.saturating_sub(from));
        u64::try_from(used.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Drives the clients of one thread to the end of the run. To be called in a thread of its own.
///
/// # Errors
/// The system gives no runtime or timer.
pub(crate) fn run(
    place: usize,
    shared: &Arc<SharedRun>,
    specs: &[ClientSpec],
    orders: mpsc::UnboundedReceiver<WorkerOrder>,
    told: mpsc::UnboundedSender<WorkerReport>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    let outcome = tasks.block_on(&runtime, drive(place, shared, specs, orders, told.clone()))?;
    drop(told.send(WorkerReport::Ended(Box::new(outcome))));
    drop(tasks);
    runtime.shutdown_background();
    Ok(())
}

async fn drive(
    place: usize,
    shared: &Arc<SharedRun>,
    specs: &[ClientSpec],
    mut orders: mpsc::UnboundedReceiver<WorkerOrder>,
    told: mpsc::UnboundedSender<WorkerReport>,
) -> io::Result<WorkerOutcome> {
    let threads = shared.gauges.len().max(1);
    let at_once = match shared.settings.timing.connect_rate {
        Some(_) => Semaphore::MAX_PERMITS,
        None => (CONNECTING_AT_ONCE / threads).max(1),
    };
    let seed = shared.run ^ u64::try_from(place).unwrap_or(0);
    let worker = Rc::new(Worker {
        shared: Arc::clone(shared),
        pacer: Pacer::new(shared.clock, specs.len())?,
        connecting: Semaphore::new(at_once),
        online: Cell::new(0),
        left: Cell::new(specs.len()),
        recorder: RefCell::default(),
        uncompared: Uncompared::default(),
        press: RefCell::new(PayloadPress::new(seed)),
        step: Cell::new(WorkerStep::Connect),
        timeline: Cell::new(Timeline::UNKNOWN),
        wakers: RefCell::new(vec![None; specs.len()]),
        sent: RefCell::default(),
        heard: RefCell::default(),
        told,
        has_failed: Cell::new(false),
        has_denied: Cell::new(false),
    });
    worker.recorder().connects.asked = u64::try_from(specs.len()).unwrap_or(u64::MAX);
    for (spec, slot) in specs.iter().zip(0_u32..) {
        // The plan has been checked: there is no error here.
        if let Ok(client) = LoadClient::new(Rc::clone(&worker), *spec, slot) {
            // On the heap: a future keeps what it is called with twice.
            tokio::task::spawn_local(Box::new(client).run());
        }
    }
    let pacing = Rc::clone(&worker);
    tokio::task::spawn_local(poll_fn(move |cx| pacing.pacer.poll(cx, |slot| pacing.wake(slot))));
    let mut second = 0;
    let mut busy = Busy::default();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(WorkerOrder::Go(step, timeline)) if step != WorkerStep::End => worker.go(step, timeline),
                _ => break,
            },
            _ = tick.tick() => {
                worker.uncompared.record(&worker, false);
                worker.close_intervals(&mut second);
                worker.show(place);
                busy.look(worker.now(), worker.timeline());
            }
        }
    }
    let timeline = worker.timeline();
    busy.look(worker.now(), Timeline { end: timeline.end.min(RunTime::at(worker.now())), ..timeline });
    worker.go(WorkerStep::End, Timeline { end: timeline.end.min(RunTime::at(worker.now())), ..timeline });
    let give_up = tokio::time::sleep(END_WITHIN);
    tokio::pin!(give_up);
    while worker.left.get() > 0 {
        tokio::select! {
            () = &mut give_up => break,
            _ = tick.tick() => worker.close_intervals(&mut second),
        }
    }
    worker.uncompared.record(&worker, true);
    worker.close_intervals(&mut second);
    if !worker.timeline().start.is_never() {
        worker.send_interval(second);
    }
    worker.show(place);
    Ok(WorkerOutcome {
        recorder: worker.recorder.take(),
        sent: worker.sent.take(),
        heard: worker.heard.take(),
        cpu_ms: busy.millis(),
    })
}
