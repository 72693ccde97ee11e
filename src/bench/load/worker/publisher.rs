//! A publisher: when it sends what, and what becomes of it.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::sync::Arc;

use bytes::BytesMut;
use bytestring::ByteString;

use crate::bench::clock::RunTime;
use crate::bench::load::worker::{Timeline, Worker};
use crate::bench::plan::filling::{Values, fill};
use crate::bench::plan::scenario::{ClientSpec, topic_template};
use crate::bench::plan::schedule::{Arrivals, Profile, Schedule};
use crate::bench::plan::stamp::{STAMP_LEN, Stamp, StampPhase};
use crate::bench::result::recorder::micros;
use crate::cli::bench::{Arrival, PayloadPiece};
use crate::config::bench::{ClientGroup, Load, LoadPayload};
use mqt_process::random::Random;
use mqt_proto::codec::publish_len;
use mqt_proto::session::{Series, Session};
use mqt_proto::{Message, QoS, TopicName};

/// After this many messages of one go the clock is read again.
const CLOCK_EVERY: u32 = 16;
/// The same for messages that are copied from one that is encoded.
const SERIES_CLOCK_EVERY: u64 = 64;

/// The intended times of one publisher, relative to the start of the load.
#[derive(Debug, Clone)]
struct Times {
    before: Schedule,
    measured: Schedule,
    measured_from: u64,
    in_measured: bool,
}

impl Iterator for Times {
    type Item = (u64, StampPhase);

    fn next(&mut self) -> Option<Self::Item> {
        if !self.in_measured {
            if let Some(time) = self.before.next() {
                return Some((time, StampPhase::WarmUp));
            }
            self.in_measured = true;
        }
        self.measured.next().map(|time| (self.measured_from.saturating_add(time), StampPhase::Measured))
    }
}

/// The rates of a group over the run, one profile for all its publishers.
#[derive(Debug, Clone)]
pub(crate) struct PublishPace {
    /// Ramp and warm-up.
    pub before: Arc<Profile>,
    /// The measured phase.
    pub measured: Arc<Profile>,
}

#[derive(Debug)]
enum Pacing {
    /// By the schedule: what is due, and what is to be sent next. The first runs ahead while the connection
    /// takes nothing.
    Open { due: Box<Peekable<Times>>, send: Box<Peekable<Times>> },
    /// As the window allows; this many may be sent in the measured phase.
    Closed { left: u64 },
}

/// A message that is in flight to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flight {
    intended: u64,
    sent: u64,
    phase: StampPhase,
}

/// Publishes for one client.
#[derive(Debug)]
pub(crate) struct LoadPublisher {
    number: u32,
    index: u32,
    group: usize,
    client_id: ByteString,
    /// The topic, unless it changes with each message.
    topic: Option<TopicName>,
    /// How many deliveries each message is to have.
    fan_out: u64,
    /// Whether acknowledgements are what is measured.
    is_unheard: bool,
    pacing: Pacing,
    /// Messages by phase: warm-up, measured.
    sequences: [u64; 2],
    flights: VecDeque<Option<Flight>>,
    /// The ticket of the first flight.
    first_ticket: u64,
    refused: u64,
    /// Since when it can look at its schedule: its connection stands.
    attentive_from: u64,
    is_done: bool,
    /// How many of its retained messages it has taken back.
    cleared: Option<u64>,
    /// Its message, encoded, where only the stamp changes.
    series: Option<Box<Series>>,
    /// That there is none for this connection has been found out.
    has_no_series: bool,
}

fn arrivals(load: &Load) -> Arrivals {
    match load {
        Load::Open { arrival: Arrival::Poisson, .. } => Arrivals::Poisson,
        _ => Arrivals::Constant,
    }
}

/// What a publisher begins with.
pub(crate) struct Task<'a> {
    pub spec: &'a ClientSpec,
    pub group: &'a ClientGroup,
    /// The rates; `None`: as the window allows.
    pub pace: Option<&'a PublishPace>,
    pub topic: TopicName,
    pub client_id: ByteString,
    /// How many deliveries each message is to have.
    pub fan_out: u32,
    /// How many messages it may send in the measured phase.
    pub limit: u64,
    /// Drives random gaps.
    pub seed: u64,
}

impl LoadPublisher {
    pub fn new(task: Task<'_>) -> Self {
        let Task { spec, group, pace, topic, client_id, fan_out, limit, seed } = task;
        let pacing = match pace {
            Some(pace) => {
                let schedule = |profile: &Arc<Profile>, limit, seed| {
                    let (index, all) = (spec.index, group.publishers);
                    Schedule::new(Arc::clone(profile), arrivals(&group.load), index, all, limit, seed)
                };
                let times = Times {
                    before: schedule(&pace.before, u64::MAX, seed),
                    measured: schedule(&pace.measured, limit, !seed),
                    measured_from: pace.before.length(),
                    in_measured: false,
                }
                .peekable();
                Pacing::Open { due: Box::new(times.clone()), send: Box::new(times) }
            }
            None => Pacing::Closed { left: limit },
        };
        let is_fixed =
            topic_template(group, spec.index).is_none_or(|template| template.is_fixed_per_client());
        Self {
            number: spec.number,
            index: spec.index,
            group: usize::from(spec.group),
            client_id,
            topic: is_fixed.then_some(topic),
            fan_out: fan_out.into(),
            is_unheard: fan_out == 0,
            pacing,
            sequences: [0; 2],
            flights: VecDeque::new(),
            first_ticket: 1,
            refused: 0,
            attentive_from: 0,
            is_done: false,
            cleared: None,
            series: None,
            has_no_series: false,
        }
    }

    /// Its number, and how many of its messages of the measured phase went out without being refused.
    pub fn sent(&self) -> (u32, u64) {
        let [_, measured] = self.sequences;
        (self.number, measured.saturating_sub(self.refused))
    }

    /// There is no connection any more: what has no acknowledgement will have none.
    pub fn give_up(&mut self, worker: &Worker) {
        let open = self.flights.iter().flatten().count();
        let recorder = &mut *worker.recorder();
        recorder.open = recorder.open.saturating_sub(u64::try_from(open).unwrap_or(u64::MAX));
    }

    /// There is a connection: until now nobody could look at what falls due.
    pub const fn connected(&mut self, now: u64) {
        self.attentive_from = now;
        self.has_no_series = false;
    }

    /// Sends what is due, as far as the connection takes it, and asks to be woken for the rest.
    pub fn offer(&mut self, session: &mut Session, worker: &Worker, slot: u32) {
        if self.is_done {
            return;
        }
        let timeline = worker.timeline();
        match self.pacing {
            Pacing::Open { .. } => self.offer_by_schedule(session, worker, slot, timeline),
            Pacing::Closed { .. } => self.offer_by_window(session, worker, slot, timeline),
        }
    }

    fn offer_by_schedule(&mut self, session: &mut Session, worker: &Worker, slot: u32, timeline: Timeline) {
        let mut now = worker.now();
        let mut since_clock = 0;
        loop {
            let Pacing::Open { due, send } = &mut self.pacing else { return };
            let ends = timeline.end;
            while let Some((time, phase)) = due.next_if(|(time, _)| {
                let time = timeline.start.after(*time);
                time.has_come(now) && time < ends
            }) {
                let recorder = &mut *worker.recorder();
                recorder.interval.offered += 1;
                if phase == StampPhase::Measured {
                    recorder.counts.offered += 1;
                    // Whether or not the broker takes it now: this much the generator itself is late.
                    let intended = timeline.start.after(time).max(RunTime::at(self.attentive_from));
                    recorder.latency.schedule_lag.record(micros(RunTime::at(now).since(intended)));
                }
            }
            let at = |time: u64| timeline.start.after(time);
            let Some((time, phase)) = send.peek().copied().filter(|(time, _)| at(*time) < ends) else {
                return self.done(worker);
            };
            let Some(intended) = at(time).known().filter(|intended| *intended <= now) else {
                worker.pacer.wake_at(slot, at(time));
                return;
            };
            if !session.wants_publish() {
                // What falls due meanwhile is counted all the same.
                if let Some(time) = due.peek().map(|(time, _)| at(*time)).filter(|time| *time < ends) {
                    worker.pacer.wake_at(slot, time);
                }
                return;
            }
            send.next();
            self.send(session, worker, intended, now, phase);
            since_clock += 1;
            if since_clock == CLOCK_EVERY {
                since_clock = 0;
                now = worker.now();
            }
        }
    }

    fn offer_by_window(&mut self, session: &mut Session, worker: &Worker, slot: u32, timeline: Timeline) {
        let mut now = worker.now();
        let mut since_clock = 0;
        while session.wants_publish() {
            if !timeline.start.has_come(now) {
                worker.pacer.wake_at(slot, timeline.start);
                return;
            }
            let is_measured = timeline.measured.has_come(now);
            let phase = if is_measured { StampPhase::Measured } else { StampPhase::WarmUp };
            let Pacing::Closed { left } = self.pacing else { return };
            if timeline.end.has_come(now) || left == 0 {
                return self.done(worker);
            }
            if self.has_series(session, worker, phase) {
                self.send_series(session, worker, now, phase, left.min(SERIES_CLOCK_EVERY));
                now = worker.now();
                continue;
            }
            self.count_offered(worker, phase, 1);
            self.send(session, worker, now, now, phase);
            since_clock += 1;
            if since_clock == CLOCK_EVERY {
                since_clock = 0;
                now = worker.now();
            }
        }
    }

    fn done(&mut self, worker: &Worker) {
        if !self.is_done {
            self.is_done = true;
            worker.publisher_is_done();
        }
    }

    /// Messages of the closed loop take their places in the counts.
    fn count_offered(&mut self, worker: &Worker, phase: StampPhase, count: u64) {
        let recorder = &mut *worker.recorder();
        recorder.interval.offered += count;
        if phase == StampPhase::Measured {
            recorder.counts.offered += count;
            if let Pacing::Closed { left } = &mut self.pacing {
                *left -= count;
            }
        }
    }

    /// This many messages of `length` bytes each have been given to the session.
    fn count_sent(&self, worker: &Worker, now: u64, phase: StampPhase, count: u64, length: usize) {
        let recorder = &mut *worker.recorder();
        recorder.interval.sent += count;
        if worker.timeline().is_measured(now) {
            recorder.counts.sent_within += count;
            recorder.last_within = now;
        }
        if phase == StampPhase::Measured {
            recorder.counts.sent += count;
            recorder.counts.bytes_sent += count * u64::try_from(length).unwrap_or(0);
            recorder.counts.expected += count * self.fan_out;
        }
    }

    const fn sequence(&mut self, phase: StampPhase) -> &mut u64 {
        let [warm_up, measured] = &mut self.sequences;
        if matches!(phase, StampPhase::Measured) { measured } else { warm_up }
    }

    fn stamp(
        &self,
        worker: &Worker,
        intended: u64,
        now: u64,
        phase: StampPhase,
        sequence: u64,
    ) -> Option<Stamp> {
        let shared = &*worker.shared;
        shared.settings.stamp.then(|| Stamp {
            run: shared.run_tag(),
            publisher: self.number,
            sequence,
            intended: shared.clock.unix(intended),
            phase,
            delay: u32::try_from(micros(now.saturating_sub(intended))).unwrap_or(u32::MAX),
        })
    }

    fn message(
        &self,
        worker: &Worker,
        intended: u64,
        now: u64,
        phase: StampPhase,
        sequence: u64,
    ) -> Option<Message> {
        let shared = &*worker.shared;
        let group = shared.settings.groups.get(self.group)?;
        let values = Values {
            index: self.index,
            sequence,
            client: &self.client_id,
            now: shared.clock.unix(now),
            run: shared.run,
        };
        let stamp = self.stamp(worker, intended, now, phase, sequence);
        let mut press = worker.press();
        let topic = self.topic_for(group, values, press.random());
        let payload = press.press(&group.payload, stamp.as_ref(), values);
        Some(Message {
            topic,
            payload,
            qos: group.qos,
            retain: group.retain,
            properties: shared.settings.publish_properties.clone(),
        })
    }

    /// Whether its messages can be copied from one that is encoded; makes it so where it can be.
    fn has_series(&mut self, session: &Session, worker: &Worker, phase: StampPhase) -> bool {
        if self.series.as_ref().is_some_and(|series| session.fits(series)) {
            return true;
        }
        if self.has_no_series {
            return false;
        }
        let groups = &worker.shared.settings.groups;
        let is_steady = self.topic.is_some()
            && groups.get(self.group).is_some_and(|group| match &group.payload {
                LoadPayload::Size(size) => size.min == size.max,
                LoadPayload::File { .. } => true,
                LoadPayload::Template(_) => false,
            });
        self.series = is_steady
            .then(|| self.message(worker, 0, 0, phase, 0))
            .flatten()
            .and_then(|message| session.series(&message))
            .map(Box::new);
        self.has_no_series = self.series.is_none();
        !self.has_no_series
    }

    /// Sends at most this many messages that are all meant for now.
    fn send_series(
        &mut self,
        session: &mut Session,
        worker: &Worker,
        now: u64,
        phase: StampPhase,
        most: u64,
    ) {
        let Some(mut series) = self.series.take() else { return };
        let groups = &worker.shared.settings.groups;
        let is_behind =
            groups.get(self.group).is_some_and(|group| matches!(group.payload, LoadPayload::File { .. }));
        let first = *self.sequence(phase);
        let mut stamp = self.stamp(worker, now, now, phase, first);
        let mut left = most;
        let count = session.publish_series(&mut series, |payload| {
            if left == 0 {
                return false;
            }
            left -= 1;
            if let Some(stamp) = &mut stamp {
                let place =
                    if is_behind { payload.last_chunk_mut() } else { payload.first_chunk_mut::<STAMP_LEN>() };
                if let Some(place) = place {
                    *place = stamp.encode();
                }
                stamp.sequence += 1;
            }
            true
        });
        *self.sequence(phase) += count;
        self.first_ticket += count;
        self.count_offered(worker, phase, count);
        self.count_sent(worker, now, phase, count, series.packet_len());
        self.series = Some(series);
    }

    fn send(&mut self, session: &mut Session, worker: &Worker, intended: u64, now: u64, phase: StampPhase) {
        let sequence = *self.sequence(phase);
        let Some(message) = self.message(worker, intended, now, phase, sequence) else { return };
        *self.sequence(phase) += 1;
        let qos = message.qos;
        worker.recorder().open += u64::from(qos != QoS::AtMostOnce);
        self.count_sent(worker, now, phase, 1, publish_len(&message, session.version()));
        session.publish(message);
        if qos != QoS::AtMostOnce {
            self.flights.push_back(Some(Flight { intended, sent: now, phase }));
        } else {
            self.first_ticket += 1;
        }
    }

    fn topic_for(&self, group: &ClientGroup, values: Values<'_>, random: &mut Random) -> TopicName {
        if let Some(topic) = &self.topic {
            return topic.clone();
        }
        let mut text = BytesMut::new();
        if let Some(template) = topic_template(group, self.index) {
            fill(template, values, random, &mut text);
        }
        // What made a topic with one filling makes one with another, unless it is too long.
        TopicName::new(ByteString::try_from(text.freeze()).unwrap_or_default()).unwrap_or_default()
    }

    /// Takes back what the broker keeps of this run, as far as the topics are known: an empty retained message
    /// to each ([MQTT-3.3.1-6]).
    pub fn clear(&mut self, session: &mut Session, worker: &Worker) {
        let shared = &*worker.shared;
        let Some(group) = shared.settings.groups.get(self.group) else { return };
        let changes_by_chance = topic_template(group, self.index).is_some_and(|topic| {
            topic.pieces().iter().any(|piece| matches!(piece, PayloadPiece::Random(_) | PayloadPiece::Now))
        });
        let [_, sent] = self.sequences;
        let total = if changes_by_chance { 0 } else { sent };
        let mut cleared = self.cleared.unwrap_or(0);
        if self.cleared == Some(total) {
            return;
        }
        while cleared < total && session.wants_publish() {
            let values = Values {
                index: self.index,
                sequence: cleared,
                client: &self.client_id,
                now: shared.clock.unix(worker.now()),
                run: shared.run,
            };
            let topic = self.topic_for(group, values, worker.press().random());
            session.publish(Message { topic, qos: group.qos, retain: true, ..Message::default() });
            if group.qos == QoS::AtMostOnce {
                self.first_ticket += 1;
            } else {
                let now = worker.now();
                worker.recorder().open += 1;
                self.flights.push_back(Some(Flight { intended: now, sent: now, phase: StampPhase::WarmUp }));
            }
            cleared += 1;
        }
        self.cleared = Some(cleared);
        if cleared == total {
            worker.publisher_is_done();
        }
    }

    fn land(&mut self, ticket: u64) -> Option<Flight> {
        let place = usize::try_from(ticket.checked_sub(self.first_ticket)?).ok()?;
        let flight = self.flights.get_mut(place)?.take();
        while let Some(None) = self.flights.front() {
            self.flights.pop_front();
            self.first_ticket += 1;
        }
        flight
    }

    /// Takes what the broker has confirmed.
    pub fn take_confirmed(&mut self, session: &mut Session, worker: &Worker) {
        let Some(mut ticket) = session.take_confirmed() else { return };
        let now = worker.now();
        // Many were sent in one go, so that their times are the same.
        let mut run: Option<(Flight, u64)> = None;
        loop {
            if let Some(flight) = self.land(ticket) {
                match &mut run {
                    Some((same, count)) if *same == flight => *count += 1,
                    _ => {
                        if let Some((flight, count)) = run.replace((flight, 1)) {
                            self.record(flight, count, now, worker);
                        }
                    }
                }
            }
            let Some(next) = session.take_confirmed() else { break };
            ticket = next;
        }
        if let Some((flight, count)) = run {
            self.record(flight, count, now, worker);
        }
    }

    /// This many publishes with the same times are confirmed.
    fn record(&self, flight: Flight, count: u64, now: u64, worker: &Worker) {
        let recorder = &mut *worker.recorder();
        recorder.open = recorder.open.saturating_sub(count);
        recorder.interval.acked += count;
        if worker.timeline().is_measured(now) {
            recorder.counts.confirmed_within += count;
            recorder.last_within = now;
        }
        let response = micros(now.saturating_sub(flight.intended));
        if self.is_unheard {
            recorder.interval.response.record_n(response, count);
        }
        if flight.phase == StampPhase::Measured {
            recorder.counts.confirmed += count;
            if self.is_unheard {
                recorder.latency.response.record_n(response, count);
                recorder.latency.service.record_n(micros(now.saturating_sub(flight.sent)), count);
            }
        }
    }

    /// A publish is refused.
    pub fn refused(&mut self, ticket: u64, worker: &Worker) {
        // At QoS 0 nothing is remembered: it is of the phase that sends.
        let flight = self.land(ticket);
        let phase = flight.map_or(StampPhase::Measured, |flight| flight.phase);
        let recorder = &mut *worker.recorder();
        recorder.open = recorder.open.saturating_sub(u64::from(flight.is_some()));
        recorder.error("refused");
        if phase == StampPhase::Measured {
            self.refused += 1;
            recorder.counts.refused += 1;
            recorder.counts.expected = recorder.counts.expected.saturating_sub(self.fan_out);
        }
    }

    /// It will send no more: counts what fell due and was never looked at, because the connection was gone or
    /// the run ended early.
    pub fn end(&mut self, worker: &Worker) {
        self.done(worker);
        let timeline = worker.timeline();
        let until = timeline.end.min(RunTime::at(worker.now()));
        if let Pacing::Open { due, .. } = &mut self.pacing {
            while let Some((_, phase)) = due.next_if(|(time, _)| timeline.start.after(*time) < until) {
                worker.recorder().counts.offered += u64::from(phase == StampPhase::Measured);
            }
        }
    }
}
