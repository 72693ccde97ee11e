//! `mqt rr`: requests, and the answers to them.

use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::time::Instant;

use crate::config::{RequestSettings, RequestWork, WITH_RESPONSE_TOPIC};
use crate::error::{Failure, Kind};
use crate::output::Delivery;
use crate::ui::{OutputReader, PrintError, PrinterLimits, PrinterOptions, Summary, Ui};
use mqt_client::{Client, ClientError, SessionChoices, VersionChoice};
use mqt_process::random;
use mqt_proto::packet::Publish;
use mqt_proto::session::Event;
use mqt_proto::{Message, Properties, Property, ReasonCode, Version};

use super::failure::{from_refusal, from_setup, from_suback};
use super::latency::{Latencies, Timed};
use super::outlet::Outlet;
use super::signals::{Exit, Signal, Signals};
use super::talk::{Talk, outcome};
use super::{feed, mosquitto, records, run_to_end, serve, sleep_until};

/// How long to wait for what is in flight once the end is decided, and for answers to be written when nobody waits for them.
const GRACE: Duration = Duration::from_secs(1);

/// Sends requests, or answers them.
///
/// # Errors
/// A refused subscription or request, a missing answer, a lost connection, output that cannot be written.
pub fn run(work: RequestWork, ui: &Ui) -> Result<Exit, Failure> {
    match work {
        RequestWork::Ask(settings) => run_to_end(ask(*settings, ui)),
        RequestWork::Serve(settings) => run_to_end(serve::serve(*settings, ui)),
    }
}

async fn ask(settings: RequestSettings, ui: &Ui) -> Result<Exit, Failure> {
    let mut formatter = records(&settings.output, &ui.presentation(settings.newline, settings.raw))?;
    let mut times = None;
    if settings.latency {
        let (timed, sender) = Timed::new(formatter);
        (formatter, times) = (Box::new(timed), Some(sender));
    }
    let mut signals = Signals::listen_also_to_alarm(settings.ui.dialect.is_mosquitto())
        .map_err(|error| super::shortage(&error))?;
    let payload = tokio::select! {
        biased;
        signal = signals.next() => return Ok(Exit::Signal(signal)),
        payload = feed::payload(&settings.source, ui.settings().dialect) => payload?,
    };
    let choices = SessionChoices {
        downgrade_qos: false,
        trace: settings.ui.debug,
        skip_denied: true,
        seed: random::seed(),
    };
    let mut client = Client::new(settings.client.clone(), choices).map_err(|error| from_setup(&error))?;
    client
        .session_mut()
        .subscribe(vec![settings.subscription.clone()], settings.subscribe_properties.clone());
    let talk = Talk::new(ui, &settings.client, client.warnings());
    let options =
        PrinterOptions { limits: PrinterLimits::within(settings.max_memory), ..PrinterOptions::default() };
    let outlet = Outlet::stdout(formatter, options, ui)?;
    let mut asker = Asker {
        outlet,
        reader: OutputReader::of_stdout(),
        times,
        in_step: settings.ui.debug && settings.ui.dialect.is_mosquitto(),
        reading_since: Instant::now(),
        talk,
        client,
        payload,
        random: random::seed(),
        subscribed: false,
        sent: 0,
        due: None,
        open: VecDeque::new(),
        answered: 0,
        missing: 0,
        latencies: Latencies::default(),
        failure: None,
        done: false,
        hurried: false,
        unread: false,
        signal: None,
        settings,
    };
    let result = asker.run(&mut signals).await;
    let verdict = asker.finish(result, &mut signals).await;
    asker.summarize(&verdict);
    verdict.map(|()| asker.signal.into())
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
    outlet: Outlet,
    reader: OutputReader,
    /// Takes the times that are printed behind the answers.
    times: Option<Sender<Duration>>,
    /// An answer is printed before the next packet is looked at, for lines about packets stand among the answers.
    in_step: bool,
    /// Since when the broker is heard.
    reading_since: Instant,
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
    /// A signal or a time limit wants the end.
    hurried: bool,
    /// The reader of standard output is gone.
    unread: bool,
    signal: Option<Signal>,
}

impl Asker<'_> {
    async fn run(&mut self, signals: &mut Signals) -> Result<(), ClientError> {
        // The time limit of mosquitto's holds for all of it, the connect included.
        let overall =
            self.settings.timeout.filter(|_| self.is_mosquitto()).map(|limit| Instant::now() + limit);
        while !self.done {
            self.send_due();
            let printing = self.in_step && !self.outlet.is_written();
            if self.in_step && !printing && self.client.session().has_events() {
                self.attend();
                continue;
            }
            let patience = match (self.settings.timeout, self.open.front()) {
                // What is not read cannot be missing.
                _ if overall.is_none() && self.outlet.holds_back() => None,
                (Some(limit), Some(oldest)) if overall.is_none() => {
                    Some(oldest.sent.max(self.reading_since) + limit)
                }
                _ => overall,
            };
            let due = self.due.filter(|_| self.may_send());
            tokio::select! {
                biased;
                signal = signals.next() => match signal {
                    Signal::Alarm => self.give_up(true),
                    signal => {
                        self.signal = Some(signal);
                        self.hurried = true;
                        self.done = true;
                    }
                },
                written = self.outlet.written(), if !self.outlet.is_written() => self.acknowledge(written),
                result = self.client.drive(), if !printing => {
                    self.attend();
                    result?;
                }
                // Before the first answer somebody waits for the exit status.
                () = self.reader.gone(), if self.answered > 0 => {
                    self.unread = true;
                    self.done = true;
                }
                () = sleep_until(patience), if patience.is_some() => self.give_up(overall.is_some()),
                () = sleep_until(due), if due.is_some() => {}
            }
        }
        self.settle(signals).await
    }

    /// Waits until the answers are written, and gives what is still in flight a little time: the confirmation of a
    /// request, and the rest of a QoS 2 answer.
    async fn settle(&mut self, signals: &mut Signals) -> Result<(), ClientError> {
        let until = Instant::now() + GRACE;
        let mut lost = false;
        loop {
            let late = Instant::now() >= until;
            let unwritten = !self.outlet.is_written();
            let session = self.client.session();
            // A signal does not wait for confirmations.
            let settled = if self.is_mosquitto() { session.is_drained() } else { session.is_settled() };
            let unconfirmed = self.signal.is_none() && (!settled || session.awaiting_release() > 0);
            if late && self.hurried || !unwritten && (late || !unconfirmed) {
                return Ok(());
            }
            tokio::select! {
                biased;
                signal = signals.next() => {
                    self.signal = Some(signal);
                    return Ok(());
                }
                written = self.outlet.written(), if unwritten => self.acknowledge(written),
                result = self.client.drive(), if !lost => {
                    self.attend();
                    match result {
                        Err(error) if unconfirmed => return Err(error),
                        // Answers are printed without a connection, too.
                        result => lost = result.is_err(),
                    }
                }
                () = tokio::time::sleep_until(until), if !late => {}
            }
        }
    }

    /// Without a connection: waits until the answers are written, or a signal wants the end.
    async fn write_out(&mut self, signals: &mut Signals) {
        let until = self.hurried.then(|| Instant::now() + GRACE);
        while !self.outlet.is_written() {
            tokio::select! {
                biased;
                signal = signals.next() => {
                    self.signal = Some(signal);
                    return;
                }
                written = self.outlet.written() => self.acknowledge(written),
                () = sleep_until(until), if until.is_some() => return,
            }
        }
    }

    /// Acknowledges what is written.
    fn acknowledge(&mut self, written: Result<Option<u64>, PrintError>) {
        match written {
            Ok(safe) => {
                if let Some(delivery) = safe {
                    self.client.session_mut().acknowledge(delivery);
                }
                if self.outlet.has_caught_up() {
                    self.reading_since = Instant::now();
                    self.client.set_reading(true);
                }
            }
            Err(error) => {
                self.unread = true;
                self.done = true;
                // A reader that is gone is a normal end.
                if let Some(failure) = error.into_failure() {
                    self.fail(failure);
                }
            }
        }
    }

    fn is_mosquitto(&self) -> bool {
        self.settings.ui.dialect.is_mosquitto()
    }

    fn may_send(&self) -> bool {
        self.subscribed
            && !self.outlet.holds_back()
            && self.sent < self.settings.count.get()
            && self.client.session().wants_publish()
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
        if self.client.session().version() == Version::V5 {
            properties = self.settings.properties.clone();
            correlation = properties.correlation_data().cloned();
            if correlation.is_none() && !self.is_mosquitto() {
                let data = Bytes::from(format!("{:016x}-{}", self.random, self.sent));
                properties.push(Property::CorrelationData(data.clone()));
                correlation = Some(data);
            }
        }
        self.open.push_back(Open { number: self.sent, sent: now, correlation });
        let is_last = self.sent >= self.settings.count.get() && !self.is_mosquitto();
        self.client.session_mut().publish(Message {
            topic: self.settings.topic.clone(),
            payload: self.payload.clone(),
            qos: self.settings.qos,
            retain: false,
            properties,
        });
        if is_last {
            // At QoS 0 its answer proves the requests; it costs no time, for the answers take longer.
            self.client.session_mut().ask_for_proof(now.into_std());
        }
    }

    fn attend(&mut self) {
        while let Some(notice) = self.client.take_notice() {
            self.talk.notice(notice);
        }
        let mut answers = self.outlet.batch();
        let mut newest = self.outlet.newest();
        while let Some(event) = self.client.session_mut().take_event() {
            match event {
                Event::Message { publish, delivery } => {
                    // What comes after the end is no answer of this run.
                    newest = delivery;
                    if !self.done && self.answer(&publish) {
                        answers.push(Delivery { publish, received: SystemTime::now() });
                        if self.in_step {
                            break;
                        }
                    }
                }
                Event::Subscribed { results, reason_string } => {
                    for (subscription, reason) in results {
                        if reason.is_error() {
                            let failure = from_suback(&subscription.filter, reason, reason_string.as_deref());
                            self.fail(failure.mosquitto_text(mosquitto::reason_text(reason)));
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
        self.push(answers, newest);
    }

    fn push(&mut self, answers: Vec<Delivery>, newest: u64) {
        if self.unread {
            // Nobody has read them: nothing more is acknowledged.
            return;
        }
        if let Some(delivery) = self.outlet.push(answers, newest) {
            self.client.session_mut().acknowledge(delivery);
            return;
        }
        if self.outlet.has_filled_up() {
            self.client.set_reading(false);
            self.talk.ui.warning(
                "slow-output",
                "standard output is slower than the answers; nothing more is asked or read until it catches up",
            );
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

    /// Whether a message answers a request; counts it then.
    fn answer(&mut self, publish: &Publish) -> bool {
        let now = Instant::now();
        let Some(open) = self.answers(publish).and_then(|index| self.open.remove(index)) else {
            return false;
        };
        self.answered += 1;
        if let Some(times) = &self.times {
            let taken = now - open.sent;
            self.latencies.add(taken);
            // The thread of the printer may have died, which it has told by itself.
            let _ = times.send(taken);
        }
        self.done |= self.is_complete();
        true
    }

    fn is_complete(&self) -> bool {
        self.answered + self.missing >= self.settings.count.get()
    }

    /// The oldest request has waited long enough, or with `all` the whole run.
    fn give_up(&mut self, all: bool) {
        if all {
            self.missing = self.settings.count.get() - self.answered;
            self.hurried = true;
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

    async fn finish(
        &mut self,
        result: Result<(), ClientError>,
        signals: &mut Signals,
    ) -> Result<(), Failure> {
        let client_id = self.client.session().client_id();
        let mosquitto =
            self.is_mosquitto() && self.settings.client.version == VersionChoice::Only(Version::V5);
        let reason = if mosquitto && self.missing > 0 {
            ReasonCode::DISCONNECT_WITH_WILL
        } else {
            ReasonCode::SUCCESS
        };
        if self.is_mosquitto() && self.signal.is_some() {
            // A signal ends mosquitto_rr at once: whoever waits for the will gets it.
            self.client.leave().await;
        } else {
            self.client.close(reason).await;
        }
        // For --debug: the last acknowledgements and the goodbye.
        while let Some(event) = self.client.session_mut().take_event() {
            self.talk.event(&event);
        }
        if self.settings.latency && self.settings.count.get() > 1 {
            self.talk.ui.status(&format!("latency: {}", self.latencies.summary()));
        }
        if let Err(error) = result {
            self.write_out(signals).await;
            let mut failure = self.talk.failure(&error, &client_id);
            if self.settings.made_up_topic && error.may_mean_wrong_version() && !self.is_mosquitto() {
                failure = failure.hint(WITH_RESPONSE_TOPIC);
            }
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
        let failure = Failure::new(Kind::Timeout, what).mosquitto_text("Timed out");
        if self.client.session().ledger().unmatched > 0 {
            return failure.cause("the broker says that nobody has subscribed to the topic (0x10)");
        }
        failure
    }

    fn summarize(&self, verdict: &Result<(), Failure>) {
        let ledger = self.client.session().ledger();
        let (exit, keyword) = outcome(verdict, self.signal);
        self.talk.ui.summary(&Summary {
            asked: ledger.asked,
            sent: ledger.sent,
            confirmed: ledger.confirmed,
            denied: ledger.refused,
            unconfirmed: ledger.open() + ledger.unknown,
            repeated: ledger.repeated,
            received: self.client.session().delivered(),
            printed: self.outlet.printed().messages,
            duplicates: self.client.session().duplicates(),
            reconnects: self.client.reconnects(),
            exit,
            keyword,
            ..Summary::default()
        });
    }
}
