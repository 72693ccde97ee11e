//! `mqt rr`: requests, and the answers to them.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::time::Instant;

use crate::config::{RequestSettings, RequestWork};
use crate::connection::{Client, ClientError, SessionChoices, VersionChoice};
use crate::error::{Failure, Kind};
use crate::mqtt::packet::Publish;
use crate::mqtt::session::Event;
use crate::mqtt::{Message, Properties, Property, ReasonCode, Version};
use crate::output::{Delivery, Formatter};
use crate::ui::{Summary, Ui};

use super::failure::{from_refusal, from_setup, from_suback};
use super::latency::{Latencies, in_words};
use super::signals::{Signal, Signals};
use super::talk::{Talk, outcome};
use super::{feed, mosquitto, random_seed, records, run_to_end, serve, sleep_until};

/// After the end is decided, so long for what is on its way.
const GRACE: Duration = Duration::from_secs(1);

/// Sends requests, or answers them.
///
/// # Errors
/// A refused subscription or request, a missing answer, a lost connection, output that cannot be written.
pub fn run(work: RequestWork, ui: &Ui) -> Result<(), Failure> {
    let signal = match work {
        RequestWork::Ask(settings) => run_to_end(ask(*settings, ui))?,
        RequestWork::Serve(settings) => run_to_end(serve::serve(*settings, ui))?,
    };
    if let Some(signal) = signal {
        ui.close();
        signal.die();
    }
    Ok(())
}

async fn ask(settings: RequestSettings, ui: &Ui) -> Result<Option<Signal>, Failure> {
    let formatter = records(&settings.output, &ui.presentation(settings.newline, settings.raw))?;
    let mut signals = Signals::listen_also_to_alarm(settings.ui.dialect.tool().is_some())
        .map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
    let payload = tokio::select! {
        biased;
        signal = signals.next() => return Ok(Some(signal)),
        payload = feed::payload(&settings.source, ui.settings().dialect) => payload?,
    };
    let choices = SessionChoices { downgrade_qos: false, trace: settings.ui.debug, seed: random_seed() };
    let mut client = Client::new(settings.client.clone(), choices).map_err(|error| from_setup(&error))?;
    client.session().subscribe(vec![settings.subscription.clone()], settings.subscribe_properties.clone());
    let talk = Talk::new(ui, &settings.client, client.warnings());
    let mut asker = Asker {
        formatter,
        talk,
        client,
        payload,
        random: random_seed(),
        subscribed: false,
        sent: 0,
        due: None,
        open: VecDeque::new(),
        answered: 0,
        missing: 0,
        latencies: Latencies::default(),
        failure: None,
        done: false,
        signal: None,
        settings,
    };
    let result = asker.run(&mut signals).await;
    let verdict = asker.finish(result).await;
    asker.summarize(&verdict);
    verdict.map(|()| asker.signal)
}

/// A request that is not answered yet.
struct Open {
    number: u64,
    sent: Instant,
    /// The correlation data that its answer carries.
    correlation: Option<Bytes>,
}

struct Asker<'a> {
    settings: RequestSettings,
    formatter: Box<dyn Formatter>,
    talk: Talk<'a>,
    client: Client,
    payload: Bytes,
    /// Makes the correlation data of this run its own.
    random: u64,
    subscribed: bool,
    sent: u64,
    /// When the next request is to be sent, at a rate.
    due: Option<Instant>,
    /// In the order of sending.
    open: VecDeque<Open>,
    answered: u64,
    missing: u64,
    latencies: Latencies,
    failure: Option<Failure>,
    done: bool,
    signal: Option<Signal>,
}

impl Asker<'_> {
    async fn run(&mut self, signals: &mut Signals) -> Result<(), ClientError> {
        // The time limit of mosquitto's holds for all of it, the connect included.
        let overall =
            self.settings.timeout.filter(|_| self.is_mosquitto()).map(|limit| Instant::now() + limit);
        while !self.done {
            self.send_due();
            let patience = match (self.settings.timeout, self.open.front()) {
                (Some(limit), Some(oldest)) if overall.is_none() => Some(oldest.sent + limit),
                _ => overall,
            };
            let due = self.due.filter(|_| self.may_send());
            tokio::select! {
                biased;
                signal = signals.next() => match signal {
                    Signal::Alarm => self.give_up(true),
                    signal => {
                        self.signal = Some(signal);
                        self.done = true;
                    }
                },
                result = self.client.drive() => {
                    self.attend();
                    result?;
                }
                () = sleep_until(patience), if patience.is_some() => self.give_up(overall.is_some()),
                () = sleep_until(due), if due.is_some() => {}
            }
        }
        if self.signal.is_none() {
            self.settle(signals).await?;
        }
        Ok(())
    }

    /// Gives what is still on its way a little time: the confirmation of a request, and the rest of a QoS 2 answer.
    async fn settle(&mut self, signals: &mut Signals) -> Result<(), ClientError> {
        let until = Instant::now() + GRACE;
        loop {
            let session = self.client.session_state();
            if session.is_drained() && session.awaiting_release() == 0 {
                return Ok(());
            }
            tokio::select! {
                biased;
                signal = signals.next() => {
                    self.signal = Some(signal);
                    return Ok(());
                }
                result = self.client.drive() => {
                    self.attend();
                    result?;
                }
                () = tokio::time::sleep_until(until) => return Ok(()),
            }
        }
    }

    fn is_mosquitto(&self) -> bool {
        self.settings.ui.dialect.tool().is_some()
    }

    fn may_send(&self) -> bool {
        self.subscribed
            && self.sent < self.settings.count.get()
            && self.client.session_state().wants_publish()
            && (self.settings.interval.is_some() || self.open.is_empty())
    }

    fn send_due(&mut self) {
        while !self.done && self.may_send() {
            let now = Instant::now();
            if let Some(interval) = self.settings.interval {
                let due = self.due.unwrap_or(now);
                if due > now {
                    return;
                }
                // Intended times: a late request does not move those behind it.
                self.due = Some(due + interval);
            }
            self.send(now);
        }
    }

    fn send(&mut self, now: Instant) {
        self.sent += 1;
        let mut properties = Properties::new();
        let mut correlation = None;
        if self.client.session_state().version() == Version::V5 {
            properties = self.settings.properties.clone();
            correlation = properties.correlation_data().cloned();
            if correlation.is_none() && !self.is_mosquitto() {
                let data = Bytes::from(format!("{:016x}-{}", self.random, self.sent));
                properties.push(Property::CorrelationData(data.clone()));
                correlation = Some(data);
            }
        }
        self.open.push_back(Open { number: self.sent, sent: now, correlation });
        self.client.session().publish(Message {
            topic: self.settings.topic.clone(),
            payload: self.payload.clone(),
            qos: self.settings.qos,
            retain: false,
            properties,
        });
    }

    fn attend(&mut self) {
        while let Some(notice) = self.client.take_notice() {
            self.talk.notice(notice);
        }
        while let Some(event) = self.client.session().take_event() {
            match event {
                Event::Message { publish, delivery } => {
                    if !self.done {
                        self.answer(publish);
                    }
                    self.client.session().acknowledge(delivery);
                }
                Event::Subscribed { results, reason_string } => {
                    for (subscription, reason) in results {
                        if reason.is_error() {
                            let failure = from_suback(&subscription.filter, reason, reason_string.as_deref());
                            self.fail(failure.old_text(mosquitto::reason_text(reason)));
                        }
                    }
                    self.subscribed = true;
                }
                Event::Refused { ticket, topic, refusal } => {
                    let failure = from_refusal(&refusal, &topic, None);
                    self.fail(mosquitto::end_by_refusal(failure, &refusal, ticket));
                }
                other => self.talk.event(&other),
            }
        }
    }

    /// Which open request a message answers.
    fn answers(&self, publish: &Publish) -> Option<usize> {
        let message = &publish.message;
        if message.retain && self.settings.hide_retained {
            return None;
        }
        match message.properties.correlation_data() {
            // mosquitto_rr looks at no correlation data.
            Some(data) if !self.is_mosquitto() => self.open.iter().position(|open| match &open.correlation {
                Some(own) => own == data,
                None => true,
            }),
            // It cannot be told apart: of a service that does not return the data, or of MQTT 3.
            _ => (!self.open.is_empty()).then_some(0),
        }
    }

    fn answer(&mut self, publish: Publish) {
        let now = Instant::now();
        let Some(open) = self.answers(&publish).and_then(|index| self.open.remove(index)) else { return };
        self.answered += 1;
        let taken = now - open.sent;
        let mut record = Vec::new();
        self.formatter.format(&Delivery { publish, received: SystemTime::now() }, &mut record);
        for warning in self.formatter.take_warnings() {
            self.talk.ui.warning("format", &warning);
        }
        if self.settings.latency {
            self.latencies.add(taken);
            record.extend_from_slice(format!("Latency: {}\n", in_words(taken)).as_bytes());
        }
        match self.talk.ui.print(&record) {
            Ok(true) => {}
            // The reader is gone: a normal end.
            Ok(false) => self.done = true,
            Err(failure) => self.fail(failure),
        }
        self.done |= self.is_complete();
    }

    fn is_complete(&self) -> bool {
        self.answered + self.missing >= self.settings.count.get()
    }

    /// The oldest request has waited long enough, or with `all` the whole run.
    fn give_up(&mut self, all: bool) {
        if all {
            self.missing = self.settings.count.get() - self.answered;
            self.done = true;
            return;
        }
        if let Some(open) = self.open.pop_front() {
            self.missing += 1;
            if self.settings.count.get() > 1 {
                let text = format!("request {} was not answered", open.number);
                self.talk.ui.warning("unanswered", &text);
            }
        }
        self.done |= self.is_complete();
    }

    fn fail(&mut self, failure: Failure) {
        self.failure = Some(match self.failure.take() {
            Some(first) => first.graver(failure),
            None => failure,
        });
        self.done = true;
    }

    async fn finish(&mut self, result: Result<(), ClientError>) -> Result<(), Failure> {
        let client_id = self.client.session_state().client_id();
        let mosquitto =
            self.is_mosquitto() && self.settings.client.version == VersionChoice::Only(Version::V5);
        let reason = if mosquitto && self.missing > 0 {
            ReasonCode::DISCONNECT_WITH_WILL
        } else {
            ReasonCode::SUCCESS
        };
        self.client.close(reason).await;
        // For --debug: the last acknowledgements and the goodbye.
        while let Some(event) = self.client.session().take_event() {
            self.talk.event(&event);
        }
        if self.settings.latency && self.settings.count.get() > 1 {
            self.talk.ui.status(&format!("latency: {}", self.latencies.summary()));
        }
        if let Err(error) = result {
            let failure = self.talk.failure(&error, &client_id);
            self.fail(failure);
        }
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if self.missing > 0 {
            return Err(self.unanswered());
        }
        Ok(())
    }

    fn unanswered(&self) -> Failure {
        let limit = humantime::format_duration(self.settings.timeout.unwrap_or(Duration::ZERO));
        let what = match self.settings.count.get() {
            1 => format!("no answer within {limit} (-W)"),
            count => format!("{} of {count} requests were not answered within {limit} (-W)", self.missing),
        };
        let failure = Failure::new(Kind::Timeout, what).old_text("Timed out");
        if self.client.session_state().ledger().unmatched > 0 {
            return failure.cause("the broker says that nobody has subscribed to the topic (0x10)");
        }
        failure
    }

    fn summarize(&self, verdict: &Result<(), Failure>) {
        let ledger = self.client.session_state().ledger();
        let (exit, keyword) = outcome(verdict, self.signal);
        self.talk.ui.summary(&Summary {
            asked: ledger.asked,
            sent: ledger.sent,
            acked: ledger.confirmed,
            denied: ledger.refused,
            unconfirmed: ledger.open() + ledger.unknown,
            received: self.client.session_state().delivered(),
            printed: self.answered,
            duplicates: self.client.session_state().duplicates(),
            reconnects: self.client.reconnects(),
            exit,
            keyword,
            ..Summary::default()
        });
    }
}
