//! `mqt sub`: from the session through the filters to standard output, acknowledged once it is written.

mod end;

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use bytestring::ByteString;
use tokio::time::Instant;

use crate::config::{Chance, Overflow, RetainedChoice, SubscribeSettings, View};
use crate::error::{Failure, Kind};
use crate::output::sanitize::escape;
use crate::output::units::count_of;
use crate::output::{Delivery, Formatter, Watch};
use crate::ui::{Flush, OutputReader, PrintError, PrinterLimits, PrinterOptions, Ui};
use mqt_client::{Client, ClientError, SessionChoices};
use mqt_process::random::{self, Random};
use mqt_proto::packet::Publish;
use mqt_proto::session::Event;
use mqt_proto::{Message, Properties, Property, QoS, ReasonCode, Subscription, Version};

use super::failure::{from_refusal, from_setup, from_suback};
use super::outlet::Outlet;
use super::signals::{Exit, Signal, Signals};
use super::talk::Talk;
use super::{local_broker, records, run_to_end, sleep_until};

/// How long to wait for what is in flight after a signal or a time limit, and for PUBREL otherwise.
const GRACE: Duration = Duration::from_secs(1);
/// Of `--message-rate`.
const SECOND: Duration = Duration::from_secs(1);
/// When for this long no retained message has come behind an answer to PINGREQ, all of them have.
const SILENCE: Duration = Duration::from_millis(300);
/// How many unacknowledged messages the broker may send, unless the user says otherwise.
const RECEIVE_MAXIMUM: u16 = 1_000;

/// Subscribes and prints.
///
/// # Errors
/// A refused subscription, a lost connection, output that cannot be written, a time limit that passed.
pub fn run(settings: SubscribeSettings, ui: &Ui) -> Result<Exit, Failure> {
    run_to_end(subscribe(settings, ui))
}

async fn subscribe(mut settings: SubscribeSettings, ui: &Ui) -> Result<Exit, Failure> {
    let formatter = formatter(&settings, ui)?;
    let broker = local_broker(settings.with_broker.take(), &mut settings.client).await?;
    if let Some(broker) = &broker {
        broker.show_how_to_publish(&settings.subscriptions, ui);
    }
    let mut signals = Signals::listen_also_to_alarm(settings.ui.dialect.is_mosquitto())
        .map_err(|error| super::shortage(&error))?;
    let properties = &mut settings.client.connect_properties;
    if properties.receive_maximum().is_none() {
        let count = settings.count.and_then(|count| u16::try_from(count.get()).ok());
        let maximum = count.map_or(RECEIVE_MAXIMUM, |count| count.min(RECEIVE_MAXIMUM));
        properties.push(Property::ReceiveMaximum(maximum));
    }
    let choices = SessionChoices {
        downgrade_qos: false,
        trace: settings.ui.debug,
        skip_denied: true,
        seed: random::seed(),
    };
    let mut client = Client::new(settings.client.clone(), choices).map_err(|error| from_setup(&error))?;
    if !settings.subscriptions.is_empty() {
        client.session_mut().subscribe(settings.subscriptions.clone(), settings.subscribe_properties.clone());
    }
    for filter in &settings.unsubscribe {
        client.session_mut().unsubscribe(vec![filter.clone()], settings.unsubscribe_properties.clone());
    }
    let talk = Talk::new(ui, &settings.client, client.warnings());
    if settings.view == View::Watch {
        let endpoint = talk.endpoint();
        let mosquitto = settings.ui.dialect.is_mosquitto();
        let broker = if mosquitto { endpoint.host().to_owned() } else { endpoint.to_string() };
        ui.out(&Watch::head(&escape(&broker)))?;
    }
    let options = PrinterOptions {
        flush: if settings.buffer { Flush::Full } else { Flush::Idle },
        overflow: settings.overflow,
        limits: PrinterLimits::within(settings.max_memory),
    };
    let outlet = Outlet::stdout(formatter, options, ui)?;
    let mut subscriber = Subscriber {
        outlet,
        talk,
        reader: OutputReader::of_stdout(),
        urged: 0,
        counted: 0,
        received: 0,
        last_message: Instant::now(),
        chance: Random::new(random::seed()),
        in_step: settings.ui.debug && settings.ui.dialect.is_mosquitto(),
        answered: false,
        retained_set: RetainedSet::default(),
        cleared_before: 0,
        clearing: HashMap::new(),
        served: false,
        granted: 0,
        failure: None,
        end: None,
        signal: None,
        settings,
        client,
    };
    let result = subscriber.run(&mut signals).await;
    let verdict = subscriber.finish(result, &mut signals).await;
    subscriber.summarize(&verdict);
    drop(broker);
    verdict.map(|()| subscriber.signal.into())
}

fn formatter(settings: &SubscribeSettings, ui: &Ui) -> Result<Box<dyn Formatter>, Failure> {
    let records = records(&settings.output, &ui.presentation(settings.newline, settings.raw))?;
    Ok(match settings.view {
        View::Watch => Box::new(Watch::new(records, !settings.ui.dialect.is_mosquitto())),
        View::Records | View::Rate => records,
    })
}

/// Why the loop ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All that was asked for is there.
    Done,
    /// `-W`
    TimedOut,
    /// `--idle`
    Idle,
    /// A signal.
    Signal,
    /// The reader of standard output is gone.
    Unread,
    /// The reader of standard output is too slow, with `--overflow=exit`.
    Slow,
    /// `failure` says why.
    Failed,
}

/// How much is known of the retained messages, of which `--retained-only` waits for the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum RetainedSet {
    /// The subscriptions are not answered.
    #[default]
    Open,
    /// A PINGREQ is out behind SUBSCRIBE.
    Probed,
    /// It was answered; complete unless another message comes before this.
    QuietUntil(Instant),
}

struct Subscriber<'a> {
    settings: SubscribeSettings,
    client: Client,
    outlet: Outlet,
    talk: Talk<'a>,
    reader: OutputReader,
    /// Everything up to this delivery is written without waiting for more.
    urged: u64,
    counted: u64,
    received: u64,
    last_message: Instant,
    /// Drives `--random-filter`.
    chance: Random,
    /// A message is printed before the next packet is looked at, for lines about packets stand among the messages.
    in_step: bool,
    /// Every subscription and unsubscription was answered once.
    answered: bool,
    retained_set: RetainedSet,
    /// How many retained messages were cleared before `--retained-only` last looked for more.
    cleared_before: u64,
    /// Topics that `--remove-retained` has cleared, and how many echoes of that may come.
    clearing: HashMap<ByteString, u32>,
    /// Whether any connection so far has had its subscriptions acknowledged.
    served: bool,
    granted: usize,
    failure: Option<Failure>,
    end: Option<End>,
    signal: Option<Signal>,
}

impl Subscriber<'_> {
    async fn run(&mut self, signals: &mut Signals) -> Result<(), ClientError> {
        let timeout = self.settings.timeout.map(|timeout| Instant::now() + timeout);
        let mut rate = tokio::time::interval_at(Instant::now() + SECOND, SECOND);
        let mut counted = 0;
        loop {
            if self.end.is_some() {
                return self.settle(signals).await;
            }
            let printing = self.in_step && !self.outlet.is_written();
            if self.in_step && !printing && self.client.session().has_events() {
                self.attend();
                continue;
            }
            let quiet = match self.retained_set {
                RetainedSet::QuietUntil(until) => Some(until),
                RetainedSet::Open | RetainedSet::Probed => None,
            };
            let idle = self.settings.idle.filter(|_| self.answered).map(|idle| self.last_message + idle);
            tokio::select! {
                biased;
                signal = signals.next() => match signal {
                    Signal::Alarm => self.end = Some(End::TimedOut),
                    signal => {
                        // What has come in counts.
                        self.attend();
                        self.signal = Some(signal);
                        self.end = Some(End::Signal);
                    }
                },
                written = self.outlet.written(), if !self.outlet.is_written() => self.acknowledge(written),
                result = self.client.drive(), if !printing => {
                    self.attend();
                    result?;
                }
                // Nothing more can be read, and the broker may wait for acknowledgements.
                () = std::future::ready(()), if self.holds_back_acknowledgements() => self.write_now(),
                () = self.reader.gone() => self.end = Some(End::Unread),
                _ = rate.tick(), if self.settings.view == View::Rate => {
                    let before = std::mem::replace(&mut counted, self.received);
                    let line = format!("{} msgs/s\n", counted - before);
                    match self.talk.ui.print(line.as_bytes()) {
                        Ok(true) => {}
                        Ok(false) => self.end = Some(End::Unread),
                        Err(failure) => self.fail(failure),
                    }
                }
                () = sleep_until(timeout), if timeout.is_some() => self.end = Some(End::TimedOut),
                () = sleep_until(idle), if idle.is_some() => self.end = Some(End::Idle),
                () = sleep_until(quiet), if quiet.is_some() => self.retained_set_is_complete(),
            }
        }
    }

    /// Nothing retained has come for a while. Brokers that send a part of a large set only, or pass over some while others are
    /// cleared, are asked again until nothing comes.
    fn retained_set_is_complete(&mut self) {
        let cleared = self.client.session().ledger().confirmed;
        if !self.settings.remove_retained || cleared == self.cleared_before {
            self.end = Some(End::Done);
        } else if self.client.session().is_settled() {
            self.cleared_before = cleared;
            self.answered = false;
            self.granted = 0;
            self.retained_set = RetainedSet::Open;
            self.client.session_mut().subscribe_again();
        } else {
            // What is cleared must be gone before the next look.
            self.retained_set = RetainedSet::QuietUntil(Instant::now() + SILENCE);
        }
    }

    /// Whether messages that are to be acknowledged may wait in the buffer of `--buffer`.
    fn holds_back_acknowledgements(&self) -> bool {
        self.settings.buffer
            && self.urged < self.outlet.newest()
            && self.client.session().unacknowledged() > 0
    }

    fn write_now(&mut self) {
        self.urged = self.outlet.newest();
        self.outlet.write_now();
    }

    /// Waits until what was taken is written and what was asked of the broker is confirmed, within limits.
    async fn settle(&mut self, signals: &mut Signals) -> Result<(), ClientError> {
        let hurried = self.is_hurried();
        let until = Instant::now() + GRACE;
        let mut told = false;
        self.write_now();
        let session = self.client.session();
        if hurried && session.is_drained() && session.awaiting_release() == 0 {
            // What would be read now could only be thrown away, and at QoS 0 nobody else has it.
            self.outlet.read_no_more();
            self.client.set_reading(false);
        }
        loop {
            let late = Instant::now() >= until;
            let unwritten = !self.outlet.is_written() && !matches!(self.end, Some(End::Unread));
            let session = self.client.session();
            let open = session.ledger().open();
            // What this command has asked for is waited for; PUBREL is the broker's business.
            let unconfirmed = open > 0 || (session.awaiting_release() > 0 && !late);
            if late && hurried || !unwritten && !unconfirmed {
                return Ok(());
            }
            if late && open > 0 && !std::mem::replace(&mut told, true) {
                let text = format!("{} to be confirmed by the broker", count_of(open, "clearing message"));
                self.talk.ui.note("remove-retained", &text);
            }
            tokio::select! {
                biased;
                signal = signals.next() => {
                    self.signal = Some(signal);
                    return Ok(());
                }
                written = self.outlet.written(), if unwritten => self.acknowledge(written),
                result = self.client.drive() => {
                    self.attend();
                    result?;
                }
                () = tokio::time::sleep_until(until), if !late => {}
            }
        }
    }

    /// A reader that is slow is waited for without a limit, unless the user wants the end.
    fn is_hurried(&self) -> bool {
        matches!(self.end, Some(End::Signal | End::TimedOut | End::Slow))
    }

    /// Without a connection: waits until what was taken is written, or a signal wants the end.
    async fn write_out(&mut self, signals: &mut Signals) {
        let until = self.is_hurried().then(|| Instant::now() + GRACE);
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
                    self.client.set_reading(true);
                }
            }
            Err(error) => match error.into_failure() {
                None => self.end = Some(End::Unread),
                Some(failure) => self.fail(failure),
            },
        }
    }

    fn attend(&mut self) {
        while let Some(notice) = self.client.take_notice() {
            self.talk.notice(notice);
        }
        let mut batch = self.outlet.batch();
        let mut newest = self.outlet.newest();
        let mut received = None;
        while let Some(event) = self.client.session_mut().take_event() {
            match event {
                Event::Message { publish, delivery } => {
                    self.received += 1;
                    // What comes after the end stays unacknowledged: the broker keeps it.
                    if self.end.is_some() {
                        continue;
                    }
                    newest = delivery;
                    if self.take(&publish) {
                        let received = *received.get_or_insert_with(SystemTime::now);
                        batch.push(Delivery { publish, received });
                        if self.in_step {
                            break;
                        }
                    }
                }
                Event::Subscribed { results, reason_string } => {
                    for (subscription, reason) in results {
                        self.subscribed(&subscription, reason, reason_string.as_deref());
                    }
                    // A mosquitto client does not wait for the answers to its unsubscriptions.
                    let mosquitto = self.settings.ui.dialect.is_mosquitto();
                    self.answers(mosquitto && self.settings.exit_after_subscribe);
                }
                Event::Unsubscribed { results } => {
                    for (filter, reason) in results {
                        if reason.is_error() {
                            self.fail(Failure::new(
                                Kind::Denied,
                                format!("unsubscribe \"{}\": {reason}", escape(&filter)),
                            ));
                        } else if reason == ReasonCode::NO_SUBSCRIPTION_EXISTED {
                            self.talk.ui.note(
                                "unsubscribed",
                                &format!("\"{filter}\": there was no such subscription"),
                            );
                        }
                    }
                    self.answers(false);
                }
                Event::Refused { topic, refusal, .. } => {
                    let failure = from_refusal(&refusal, &topic, None);
                    self.talk.ui.failure(&failure);
                    self.remember(failure);
                }
                // The session is gone, and what was subscribed is subscribed again.
                Event::Connected(connack) if !connack.session_present => {
                    self.answered = false;
                    self.granted = 0;
                    self.retained_set = RetainedSet::Open;
                    self.session_is_new();
                }
                Event::Probed => {
                    if self.retained_set == RetainedSet::Probed {
                        self.retained_set = RetainedSet::QuietUntil(Instant::now() + SILENCE);
                    }
                }
                Event::Unknown { count, why } => self.talk.unknown(count, why),
                other => self.talk.event(&other),
            }
        }
        self.push(batch, newest);
    }

    fn push(&mut self, batch: Vec<Delivery>, newest: u64) {
        let is_empty = batch.is_empty();
        if let Some(delivery) = self.outlet.push(batch, newest) {
            // Filtered out: nothing has to be written first.
            self.client.session_mut().acknowledge(delivery);
            return;
        }
        if !is_empty {
            self.last_message = Instant::now();
            let window = self.settings.client.connect_properties.receive_maximum().copied();
            if self.settings.buffer
                && self.client.session().unacknowledged()
                    >= usize::from(window.unwrap_or(RECEIVE_MAXIMUM)) / 2
            {
                self.write_now();
            }
        }
        if self.outlet.has_filled_up() {
            match self.settings.overflow {
                Overflow::Exit => {
                    self.fail(
                        Failure::new(Kind::Output, "standard output is too slow: the queue is full")
                            .keyword("slow-output")
                            .hint("--overflow=block waits for the reader instead"),
                    );
                    self.end = Some(End::Slow);
                }
                Overflow::Block => {
                    self.client.set_reading(false);
                    self.talk.ui.warning(
                        "slow-output",
                        "standard output is slower than the broker; nothing more is read until it catches up",
                    );
                }
                Overflow::DropNew | Overflow::DropOld => {}
            }
        }
    }

    /// Whether a message is to be printed; does what else it asks for.
    fn take(&mut self, publish: &Publish) -> bool {
        let message = &publish.message;
        if self.settings.view == View::Rate {
            return false;
        }
        if self.is_own_echo(message) {
            return false;
        }
        if self.settings.retained == RetainedChoice::Only {
            if let RetainedSet::QuietUntil(until) = &mut self.retained_set {
                *until = Instant::now() + SILENCE;
            }
            if !message.retain {
                if self.is_mosquitto() {
                    self.end = Some(End::Done);
                }
                return false;
            }
        }
        if self.settings.filter_out.iter().any(|filter| filter.matches(&message.topic)) {
            return false;
        }
        if self.settings.remove_retained && message.retain && !message.payload.is_empty() {
            if self.client.session().version() != Version::V5 && !self.is_mosquitto() {
                let echoes = self.clearing.entry(message.topic.as_byte_string().clone()).or_default();
                *echoes = echoes.saturating_add(1);
            }
            self.client.session_mut().publish(Message {
                topic: message.topic.clone(),
                payload: Bytes::new(),
                qos: QoS::AtLeastOnce,
                retain: true,
                properties: Properties::new(),
            });
        }
        if self.settings.retained == RetainedChoice::Hide && message.retain {
            return false;
        }
        self.counted += 1;
        if self.settings.count.is_some_and(|count| self.counted >= count.get()) {
            self.end = Some(End::Done);
        }
        self.is_chosen()
    }

    /// Whether a message is what `--remove-retained` has published: MQTT 5 does not send it back, older versions do.
    fn is_own_echo(&mut self, message: &Message) -> bool {
        if self.clearing.is_empty() || message.retain || !message.payload.is_empty() {
            return false;
        }
        let Some(echoes) = self.clearing.get_mut(message.topic.as_byte_string()) else { return false };
        *echoes = echoes.saturating_sub(1);
        if *echoes == 0 {
            self.clearing.remove(message.topic.as_byte_string());
        }
        true
    }

    fn is_mosquitto(&self) -> bool {
        self.settings.ui.dialect.is_mosquitto()
    }

    /// A new session where an old one was to go on: what the broker kept in it is gone.
    fn session_is_new(&mut self) {
        let options = &self.settings.client;
        let persistent = !options.clean_start || options.session_expiry > 0;
        if !persistent || self.is_mosquitto() || self.client.session().connections() < 2 {
            return;
        }
        let what = "the broker has lost the session: messages that came in the meantime are gone";
        if self.settings.strict {
            self.fail(Failure::new(Kind::Lost, what).keyword("session"));
        } else {
            self.talk.ui.warning("session", what);
        }
    }

    /// Lets `--random-filter` decide.
    fn is_chosen(&mut self) -> bool {
        let Some(Chance(tenths)) = self.settings.random_filter else { return true };
        self.chance.below(1000) < u64::from(tenths)
    }

    fn subscribed(&mut self, subscription: &Subscription, reason: ReasonCode, reason_string: Option<&str>) {
        let filter = escape(&subscription.filter);
        if reason.is_error() {
            let failure = from_suback(&subscription.filter, reason, reason_string);
            if self.settings.strict {
                self.fail(failure);
            } else {
                self.remember(failure);
            }
            return;
        }
        self.granted += 1;
        let granted = QoS::from_level(reason.0).unwrap_or_default();
        if granted < subscription.qos {
            let text = format!("\"{filter}\": asked for QoS {}, granted {granted}", subscription.qos);
            if self.settings.strict {
                self.fail(Failure::new(Kind::Unsupported, text).keyword("qos"));
            } else {
                self.talk.ui.note("qos", &text);
            }
        }
    }

    /// After every SUBACK and UNSUBACK is in, or with `enough` before: is there anything to wait for?
    fn answers(&mut self, enough: bool) {
        if self.answered || (!enough && self.client.session().has_open_requests()) {
            return;
        }
        self.answered = true;
        self.last_message = Instant::now();
        if self.granted == 0 && !self.settings.subscriptions.is_empty() {
            self.end = Some(End::Failed);
            return;
        }
        self.served = true;
        // One of several was refused: the others go on, and this is said at once.
        if let Some(failure) = self.failure.as_ref().filter(|_| self.end.is_none()) {
            self.talk.ui.warning(failure.keyword, &failure.what);
        }
        self.failure = self.failure.take().filter(|_| self.end.is_some());
        if self.settings.exit_after_subscribe && self.end.is_none() {
            self.end = Some(End::Done);
        }
        if self.settings.retained == RetainedChoice::Only && !self.is_mosquitto() {
            self.retained_set = RetainedSet::Probed;
            self.client.session_mut().probe(Instant::now().into_std());
        }
    }

    fn remember(&mut self, failure: Failure) {
        self.failure = Some(match self.failure.take() {
            Some(first) => first.graver(failure),
            None => failure,
        });
    }

    fn fail(&mut self, failure: Failure) {
        self.remember(failure);
        self.end = Some(End::Failed);
    }
}
