//! The task of one client: connect, do its job, connect again, end.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytestring::ByteString;

use crate::bench::clock::RunTime;
use crate::bench::load::worker::publisher::{LoadPublisher, Task};
use crate::bench::load::worker::subscriber::LoadSubscriber;
use crate::bench::load::worker::{Worker, WorkerStep, link};
use crate::bench::plan::scenario::{ClientRole, ClientSpec, Plan, PlanError, topic_template};
use crate::bench::plan::schedule::share;
use crate::bench::result::SUBSCRIPTION_REFUSED;
use crate::bench::result::recorder::micros;
use crate::cli::bench::Scenario;
use crate::commands::failure::{from_client, from_refusal, from_suback};
use crate::config::bench::Load;
use crate::error::{Failure, Kind};
use crate::output::units::Span;
use mqt_client::driver::Driver;
use mqt_client::progress::{Life, ProgressRecord, ProgressVerdict};
use mqt_client::reconnect::Backoff;
use mqt_client::{Attempts, ClientError, Endpoint};
use mqt_process::random::Random;
use mqt_proto::Subscription;
use mqt_proto::session::{Event, Session, SessionError, SessionOptions};

/// How many messages are retained, over all publishers, where each may have its own topic and no number is
/// given.
const RETAINED_BY_DEFAULT: u64 = 1_000;

/// How many filters a SUBSCRIBE has at most.
const FILTERS_AT_ONCE: usize = 500;

/// What a client does while it is connected.
#[derive(Debug)]
enum Job {
    Hold,
    Publish(Box<LoadPublisher>),
    Subscribe(Box<LoadSubscriber>),
}

/// Why a client no longer does its job.
enum ConnectionEnd {
    /// The run is over.
    Run,
    /// It is its turn to drop.
    Drop,
    /// The connection is gone.
    Lost(ClientError),
}

/// A client of the run.
pub(crate) struct LoadClient {
    worker: Rc<Worker>,
    spec: ClientSpec,
    slot: u32,
    session: Session,
    job: Job,
    /// What it subscribes to once retained messages are there.
    held_back: Vec<Subscription>,
    /// When it drops next.
    drop_at: RunTime,
    /// Its first connect has come to an end, and its subscriptions are answered.
    is_settled: bool,
    /// When that began, in nanoseconds since the start of the run.
    settles_since: Option<u64>,
    /// What its connections have come to.
    progress: ProgressRecord,
    /// How many of them in a row ended because the broker broke the protocol.
    violations: u32,
    /// How many requests the broker has answered on those that are gone.
    answers: u64,
}

impl LoadClient {
    /// A client that is not connected.
    pub fn new(worker: Rc<Worker>, spec: ClientSpec, slot: u32) -> Result<Self, PlanError> {
        let shared = &*worker.shared;
        let settings = &shared.settings;
        let plan = Plan::new_unchecked(settings, shared.run);
        let client_id = ByteString::from(plan.client_id(&spec));
        let mut held_back = Vec::new();
        let mut job = Job::Hold;
        let mut max_inflight = settings.client.max_inflight;
        if let Some(group) = plan.group(&spec) {
            match spec.role {
                ClientRole::Idle => {}
                ClientRole::Publisher => {
                    let pace = shared.paces.get(usize::from(spec.group)).and_then(Option::as_ref);
                    if let Load::Closed { inflight } = group.load {
                        max_inflight = inflight;
                    }
                    let rank = shared.publishers_before(spec.group) + spec.index;
                    let is_fixed =
                        topic_template(group, spec.index).is_none_or(|topic| topic.is_fixed_per_client());
                    let limit = match settings.timing.count {
                        // Another message would take the place of the first.
                        _ if group.scenario == Scenario::Retained && is_fixed => 1,
                        Some(count) => share(count.get(), rank, shared.publishers),
                        None if group.scenario == Scenario::Retained => {
                            share(RETAINED_BY_DEFAULT, rank, shared.publishers)
                        }
                        None => u64::MAX,
                    };
                    let fan_out = shared.fan_out.get(&spec.number).copied().unwrap_or(0);
                    let topic = plan.topic(&spec)?;
                    job = Job::Publish(Box::new(LoadPublisher::new(Task {
                        spec: &spec,
                        group,
                        pace,
                        topic,
                        client_id: client_id.clone(),
                        fan_out,
                        limit,
                        seed: shared.run,
                    })));
                }
                ClientRole::Subscriber => {
                    let filters = plan.filters(&spec)?;
                    let run = (group.scenario != Scenario::Sub).then(|| shared.run_tag());
                    job = Job::Subscribe(Box::new(LoadSubscriber::new(
                        spec.number,
                        usize::from(spec.group),
                        run,
                        filters.is_shared,
                    )));
                    held_back = filters
                        .filters
                        .into_iter()
                        .map(|filter| Subscription::new(filter, group.subscribe_qos))
                        .collect();
                }
            }
        }
        let options = &settings.client;
        let session = Session::new(
            SessionOptions {
                client_id,
                clean_start: options.clean_start,
                session_expiry: options.session_expiry,
                keep_alive: options.keep_alive,
                will: options.will.clone(),
                connect_properties: options.connect_properties.clone(),
                disconnect_properties: options.disconnect_properties.clone(),
                max_inflight,
                ack_timeout: options.ack_timeout,
                close_proves: false,
                downgrade_qos: false,
                trace: false,
                report_confirmed: spec.role == ClientRole::Publisher,
                resumed_identifiers_from: 0,
            },
            Instant::now(),
        );
        let waits = plan.group(&spec).is_some_and(|group| group.scenario == Scenario::Retained);
        let mut client = Self {
            spec,
            slot,
            session,
            job,
            held_back,
            drop_at: RunTime::NEVER,
            is_settled: false,
            settles_since: None,
            progress: ProgressRecord::default(),
            violations: 0,
            answers: 0,
            worker,
        };
        if !waits {
            client.subscribe();
        }
        Ok(client)
    }

    /// Subscribes to what has been held back, in packets that brokers take.
    fn subscribe(&mut self) {
        let mut left = std::mem::take(&mut self.held_back).into_iter().peekable();
        while left.peek().is_some() {
            let part = left.by_ref().take(FILTERS_AT_ONCE).collect();
            self.session.subscribe(part, self.worker.shared.settings.subscribe_properties.clone());
        }
    }

    /// Runs until the end of the run, or until there is no connection to be had.
    pub async fn run(mut self: Box<Self>) {
        let worker = Rc::clone(&self.worker);
        let mut backoff = Backoff::new(worker.shared.run ^ u64::from(self.spec.number));
        let first_at = worker.connect_at(self.spec);
        let mut turn = first_at;
        let mut is_first = true;
        loop {
            self.wait_until(turn).await;
            if worker.step() == WorkerStep::End {
                break;
            }
            let due = if is_first { first_at } else { turn };
            let Some(connected) = self.connect_unless_ended(is_first, due).await else {
                self.session.lost();
                break;
            };
            match connected {
                Ok(mut driver) => {
                    is_first = false;
                    backoff.connected();
                    let since = worker.now();
                    self.settles_since.get_or_insert(since);
                    let achieved = self.achieved();
                    worker.online.set(worker.online.get() + 1);
                    if let Job::Publish(publisher) = &mut self.job {
                        publisher.connected(worker.now());
                    }
                    self.plan_drop();
                    let ended = poll_fn(|cx| self.poll(&mut driver, cx)).await;
                    match ended {
                        ConnectionEnd::Run => {
                            Box::pin(link::close(driver, &mut self.session)).await;
                            worker.online.set(worker.online.get().saturating_sub(1));
                            break;
                        }
                        ConnectionEnd::Drop => {
                            if self.scenario() == Some(Scenario::Storm) {
                                drop(driver);
                                self.session.lost();
                            } else {
                                Box::pin(link::close(driver, &mut self.session)).await;
                            }
                            worker.online.set(worker.online.get().saturating_sub(1));
                            turn = 0;
                        }
                        ConnectionEnd::Lost(error) => {
                            drop(driver);
                            worker.online.set(worker.online.get().saturating_sub(1));
                            worker.connection_lost(&error, || self.failure(&error));
                            if error.is_violation() {
                                self.session.give_up_exactly_once();
                            }
                            let lasted = Duration::from_nanos(worker.now().saturating_sub(since));
                            // Two clients never have one identifier here.
                            let life = Life {
                                lasted,
                                achieved: self.achieved() > achieved,
                                shared_identifier: false,
                            };
                            backoff.lived(lasted, life.achieved);
                            let hopeless = self.hopeless(&error, life);
                            self.session.lost();
                            self.discard_events();
                            if let Some(failure) = hopeless {
                                worker.first_denial(|| failure);
                                self.give_up(&worker);
                                break;
                            }
                            match self.next_try(&mut backoff, &error, worker.shared.settings.client.reconnect)
                            {
                                Some(time) => turn = time,
                                None => {
                                    self.give_up(&worker);
                                    break;
                                }
                            }
                        }
                    }
                }
                Err(error) => {
                    self.session.lost();
                    self.discard_events();
                    worker.recorder().connects.failed_attempts += 1;
                    worker.shared.failed_attempts.fetch_add(1, Ordering::Relaxed);
                    let options = &worker.shared.settings.client;
                    let allowed = if is_first { options.first_connect } else { options.reconnect };
                    match self.next_try(&mut backoff, &error, allowed) {
                        Some(time) => turn = time,
                        None => {
                            if is_first {
                                worker.connect_failed(&error);
                            } else {
                                self.give_up(&worker);
                            }
                            worker.first_failure(|| self.failure(&error));
                            break;
                        }
                    }
                }
            }
        }
        self.settle();
        self.end(&worker);
    }

    fn endpoint(&self) -> &Endpoint {
        self.worker.shared.endpoint(&self.spec)
    }

    fn failure(&self, error: &ClientError) -> Failure {
        from_client(error, self.endpoint(), &self.session.client_id())
    }

    /// A count that grows with what need not be done again on another connection.
    fn achieved(&self) -> u64 {
        self.session.ledger().confirmed.saturating_add(self.session.delivered_live())
    }

    /// Why there is no use in another connection after one that has ended; `None`: there may be.
    fn hopeless(&mut self, error: &ClientError, life: Life) -> Option<Failure> {
        self.answers += self.session.answers();
        let is_silent = matches!(error, ClientError::Session(SessionError::Unanswered { .. }));
        // A broker that has never answered anything will not begin with it.
        if is_silent && self.answers == 0 {
            return Some(self.failure(error));
        }
        self.violations = match error.is_violation() {
            true if life.achieved => 1,
            true => self.violations + 1,
            false => 0,
        };
        if self.violations > 1 {
            return Some(self.failure(error));
        }
        if error.is_closing()
            && let ProgressVerdict::Refused(asked) = self.progress.closed(&self.session, life)
        {
            let source = Box::new(ClientError::Lost { source: None });
            let denied = ClientError::Denied { asked: Box::new(asked), source };
            return Some(self.failure(if is_silent { error } else { &denied }));
        }
        // One that answers a little each time is not waited for either.
        let within = self.worker.shared.settings.client.ack_timeout;
        let since = self.settles_since.filter(|_| !self.is_settled && !within.is_zero())?;
        (Duration::from_nanos(self.worker.now().saturating_sub(since)) >= within).then(|| {
            let what =
                format!("{}: not all subscriptions were answered within {}", self.endpoint(), Span(within));
            Failure::new(Kind::Stalled, what).cause(self.failure(error).what)
        })
    }

    /// There is no further connection.
    fn give_up(&mut self, worker: &Worker) {
        worker.given_up();
        if let Job::Publish(publisher) = &mut self.job {
            publisher.give_up(worker);
        }
    }

    fn scenario(&self) -> Option<Scenario> {
        let group = self.worker.shared.settings.groups.get(usize::from(self.spec.group))?;
        Some(group.scenario)
    }

    fn next_try(&self, backoff: &mut Backoff, error: &ClientError, allowed: Attempts) -> Option<u64> {
        if !error.is_transient(self.session.was_established()) {
            return None;
        }
        let pause = backoff.next(allowed)?;
        Some(self.worker.now().saturating_add(u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Waits for a time since the start of the run, or the end of the run.
    async fn wait_until(&mut self, time: u64) {
        let worker = &*self.worker;
        let slot = self.slot;
        poll_fn(|cx| {
            worker.register(slot, cx);
            if worker.step() == WorkerStep::End || worker.now() >= time {
                return Poll::Ready(());
            }
            worker.pacer.wake_at(slot, RunTime::at(time));
            Poll::Pending
        })
        .await;
    }

    /// Connects; `None`: the run ended meanwhile, and whatever was begun is dropped.
    async fn connect_unless_ended(
        &mut self,
        is_first: bool,
        due: u64,
    ) -> Option<Result<Driver, ClientError>> {
        let (worker, slot) = (Rc::clone(&self.worker), self.slot);
        let mut connecting = pin!(self.connect(is_first, due));
        poll_fn(|cx| {
            worker.register(slot, cx);
            if worker.step() == WorkerStep::End {
                return Poll::Ready(None);
            }
            connecting.as_mut().poll(cx).map(Some)
        })
        .await
    }

    /// Connects; `due` is when it was to begin.
    async fn connect(&mut self, is_first: bool, due: u64) -> Result<Driver, ClientError> {
        let worker = &*self.worker;
        // This many at once that the queue of the broker's listener takes them.
        let permit = worker.connecting.acquire().await;
        let shared = &*worker.shared;
        // By a schedule, waiting for earlier connects counts; otherwise the broker sets the pace.
        let is_scheduled = is_first && shared.settings.timing.connect_rate.is_some();
        let started = if is_scheduled { due } else { worker.now() };
        let Some(transport) = shared.transport(&self.spec) else {
            return Err(ClientError::Lost { source: None });
        };
        let credentials = shared.credentials(&self.spec);
        let session = &mut self.session;
        let driver = Box::pin(link::connect(transport, shared.terms, credentials, session)).await?;
        drop(permit);
        shared.opened.fetch_add(u64::from(is_first), Ordering::Relaxed);
        let recorder = &mut *worker.recorder();
        let connects = &mut recorder.connects;
        *(if is_first { &mut connects.established } else { &mut connects.reconnected }) += 1;
        recorder.latency.connect.record(micros(worker.now().saturating_sub(started)));
        Ok(driver)
    }

    /// Decides when this client drops its connection next.
    fn plan_drop(&mut self) {
        let scenario = self.scenario();
        if !matches!(scenario, Some(Scenario::Churn | Scenario::Storm)) {
            return;
        }
        let timing = &self.worker.shared.settings.timing;
        let every = u64::try_from(timing.churn_every.as_nanos()).unwrap_or(u64::MAX).max(1);
        let timeline = self.worker.timeline();
        if timeline.measured.is_never() {
            // Once the load begins.
            self.drop_at = RunTime::NEVER;
            return;
        }
        let passed = RunTime::at(self.worker.now()).since(timeline.measured) / every;
        let rounds = if scenario == Some(Scenario::Storm) {
            0..1
        } else {
            // Each round takes its own share; whoever is not drawn in a thousand rounds stays.
            0..1000
        };
        self.drop_at = rounds
            .map(|round| passed + 1 + round)
            .find(|round| {
                scenario == Some(Scenario::Storm)
                    || Random::new(u64::from(self.spec.number) << 32 ^ round).fraction()
                        < timing.churn_share.get()
            })
            .map_or(RunTime::NEVER, |round| timeline.measured.after(round.saturating_mul(every)));
        if self.drop_at >= timeline.end {
            self.drop_at = RunTime::NEVER;
        }
        if !self.drop_at.is_never() {
            self.worker.pacer.wake_at(self.slot, self.drop_at);
        }
    }

    fn poll(&mut self, driver: &mut Driver, cx: &mut Context<'_>) -> Poll<ConnectionEnd> {
        let worker = Rc::clone(&self.worker);
        worker.register(self.slot, cx);
        self.attend();
        loop {
            match worker.step() {
                WorkerStep::End => return Poll::Ready(ConnectionEnd::Run),
                WorkerStep::Run if self.drop_at.is_never() => self.plan_drop(),
                WorkerStep::Run if self.drop_at.has_come(worker.now()) => {
                    return Poll::Ready(ConnectionEnd::Drop);
                }
                WorkerStep::Collect if !self.held_back.is_empty() => {
                    if let Job::Subscribe(subscriber) = &mut self.job {
                        subscriber.subscribed_at = Some(worker.now());
                    }
                    self.subscribe();
                }
                _ => {}
            }
            if let Job::Publish(publisher) = &mut self.job {
                match worker.step() {
                    WorkerStep::Run => publisher.offer(&mut self.session, &worker, self.slot),
                    WorkerStep::Clear => publisher.clear(&mut self.session, &worker),
                    _ => {}
                }
            }
            match driver.poll_drive(&mut self.session, true, cx) {
                Poll::Ready(Ok(())) => self.attend(),
                Poll::Ready(Err(error)) => {
                    self.attend();
                    return Poll::Ready(ConnectionEnd::Lost(ClientError::from_drive(error, None)));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Takes what the session has to say.
    fn attend(&mut self) {
        let worker = Rc::clone(&self.worker);
        let mut now = None;
        let mut delivered = None;
        while let Some(event) = self.session.take_event() {
            match event {
                Event::Message { publish, delivery } => {
                    delivered = Some(delivery);
                    if let Job::Subscribe(subscriber) = &mut self.job {
                        let now = *now.get_or_insert_with(|| worker.now());
                        subscriber.arrived(&publish, now, &self.session, &worker);
                    }
                }
                Event::Refused { ticket, topic, refusal, .. } => {
                    if let Job::Publish(publisher) = &mut self.job {
                        publisher.refused(ticket, &worker);
                    }
                    worker.first_denial(|| from_refusal(&refusal, &topic, None));
                }
                Event::Subscribed { results, reason_string } => {
                    for (subscription, reason) in results {
                        if reason.is_error() {
                            worker.recorder().error(SUBSCRIPTION_REFUSED);
                            worker.first_denial(|| {
                                from_suback(&subscription.filter, reason, reason_string.as_deref())
                            });
                        }
                    }
                }
                _ => {}
            }
        }
        if let Job::Publish(publisher) = &mut self.job {
            publisher.take_confirmed(&mut self.session, &worker);
        }
        if let Some(delivery) = delivered {
            self.session.acknowledge(delivery);
        }
        if !self.is_settled && self.session.is_connected() && !self.session.has_open_requests() {
            self.settle();
        }
    }

    fn discard_events(&mut self) {
        while self.session.take_event().is_some() {}
        while self.session.take_confirmed().is_some() {}
    }

    fn settle(&mut self) {
        if !self.is_settled {
            self.is_settled = true;
            self.worker.client_is_settled();
        }
    }

    fn end(self: Box<Self>, worker: &Worker) {
        match self.job {
            Job::Hold => {}
            Job::Publish(mut publisher) => {
                publisher.end(worker);
                worker.publisher_ended(*publisher);
            }
            Job::Subscribe(subscriber) => worker.subscriber_ended(*subscriber),
        }
        worker.left.set(worker.left.get().saturating_sub(1));
        worker.client_has_ended(self.spec.role);
    }
}

/// The keyword under which an error of a connection is counted.
pub(crate) fn keyword(worker: &Worker, error: &ClientError) -> &'static str {
    from_client(error, &worker.shared.settings.client.transport.endpoint, "").keyword
}

/// How long clients that still connect are waited for at the end.
pub(crate) const END_WITHIN: Duration = Duration::from_millis(1_800);
