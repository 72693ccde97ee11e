//! What a screen and tables have in common: the connection or a recording, and what comes from them.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::commands::failure::{from_client, from_refusal, from_setup, from_suback};
use crate::commands::outlet::Outlet;
use crate::commands::signals::{Signal, Signals};
use crate::commands::talk::Talk;
use crate::config::{WatchMode, WatchSettings};
use crate::error::{Failure, Kind};
use crate::output::Delivery;
use crate::output::clock::LocalClock;
use crate::output::sanitize::escape;
use crate::output::units::Many;
use crate::ui::Ui;
use crate::watch::io::recorder::record_to;
use crate::watch::io::replay::ReplaySource;
use crate::watch::state::app::{Action, App, Gravity, LinkState};
use crate::watch::{FOR_EVER, GRACE, SAY_EVERY};
use mqt_client::{Client, ClientError, SessionChoices};
use mqt_process::random;
use mqt_proto::session::Event;
use mqt_proto::{Message, ReasonCode, Subscription, Version};

/// A recording is taken in pieces of this many messages, between which keys are looked at.
const PIECE: usize = 1_000;

/// What is watched, the state of the screen, and what is in flight between them.
pub(crate) struct Watcher<'a> {
    pub(crate) settings: WatchSettings,
    pub(crate) ui: &'a Ui,
    pub(crate) talk: Talk<'a>,
    pub(crate) app: App,
    pub(crate) client: Option<Client>,
    pub(crate) replay: Option<ReplaySource>,
    pub(crate) recorder: Option<Outlet>,
    pub(crate) start: Instant,
    /// When the subscriptions were answered, or the first message of a recording came.
    pub(crate) since: Option<Instant>,
    pub(crate) subscribed: bool,
    pub(crate) granted: usize,
    /// What is to be published.
    pub(crate) outgoing: VecDeque<Message>,
    /// How many published messages will never be confirmed, since their connection is gone for good.
    forsaken: u64,
    /// Why there is no connection any more, or no subscription: the exit status.
    pub(crate) failure: Option<Failure>,
}

impl<'a> Watcher<'a> {
    pub(crate) fn new(settings: WatchSettings, ui: &'a Ui) -> Result<Self, Failure> {
        let on_screen = matches!(settings.mode, WatchMode::Screen { .. });
        let mut client = None;
        let mut replay = None;
        let mut source = settings.client.transport.endpoint.to_string();
        let mut began = SystemTime::now();
        match &settings.replay {
            Some(recording) => {
                source = recording.file.display().to_string();
                replay = Some(ReplaySource::open(recording)?);
                began = SystemTime::UNIX_EPOCH;
            }
            None => {
                let choices = SessionChoices {
                    downgrade_qos: true,
                    trace: settings.ui.debug && !on_screen,
                    skip_denied: true,
                    seed: random::seed(),
                };
                let made = Client::new(settings.client.clone(), choices);
                client = Some(made.map_err(|error| from_setup(&error))?);
            }
        }
        let warnings = client.as_ref().map(Client::warnings).unwrap_or_default();
        let talk = Talk::new(ui, &settings.client, warnings);
        let mut app = App::new(source, settings.limits, began, LocalClock::default());
        app.leave_out(settings.filter_out.clone());
        app.decode = settings.decode;
        if replay.is_some() {
            app.update(Action::Link(LinkState::Replay { ended: false }));
        }
        let mut watcher = Self {
            talk,
            app,
            client,
            replay,
            recorder: None,
            start: Instant::now(),
            since: None,
            subscribed: false,
            granted: 0,
            outgoing: VecDeque::new(),
            forsaken: 0,
            failure: None,
            ui,
            settings,
        };
        if let Some(path) = watcher.settings.record.clone() {
            watcher.record_to(path)?;
        }
        Ok(watcher)
    }

    /// The subscriptions. Only MQTT 5 can be asked to leave the RETAIN flag on messages as it was published,
    /// which tells when a retained message comes about.
    pub(crate) fn subscriptions(&self, version: Version) -> Vec<Subscription> {
        let subscription = |filter: &mqt_proto::TopicFilter| Subscription {
            retain_as_published: version == Version::V5,
            ..Subscription::new(filter.clone(), self.settings.qos)
        };
        self.settings.filters.iter().map(subscription).collect()
    }

    pub(crate) fn record_to(&mut self, path: PathBuf) -> Result<(), Failure> {
        let (recorder, torn) = record_to(&path, self.ui)?;
        self.recorder = Some(recorder);
        if torn {
            let text =
                format!("the last line of {} had no end; it has one now", escape(&path.to_string_lossy()));
            self.tell(Gravity::Note, "record", text);
        }
        self.app.update(Action::Recording(Some(path)));
        Ok(())
    }

    /// The time of the screen: since the start, or into the recording.
    pub(crate) fn now(&self) -> u64 {
        let now = match &self.replay {
            Some(replay) => replay.position(Instant::now()),
            None => self.start.elapsed(),
        };
        u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
    }

    /// Takes in what has come in.
    pub(crate) fn arrived(&mut self, result: Result<(), ClientError>) {
        if self.replay.is_some() {
            return self.play();
        }
        self.attend();
        if let Err(error) = result
            && let Some(client) = self.client.take()
        {
            let client_id = client.session().client_id();
            self.forsaken += client.session().ledger().open();
            let failure = from_client(&error, self.talk.endpoint(), &client_id);
            self.app.update(Action::Link(LinkState::Lost));
            self.app.update(Action::Notice(Gravity::Warning, failure.what.clone()));
            self.failure = Some(failure);
        }
    }

    /// Takes in what a recording has by now.
    pub(crate) fn play(&mut self) {
        let Some(replay) = &mut self.replay else { return };
        for _ in 0..PIECE {
            let Some((into, publish)) = replay.take(Instant::now()) else { break };
            if self.since.is_none() {
                self.since = Some(Instant::now());
                self.app.began = replay.began().unwrap_or(SystemTime::UNIX_EPOCH);
            }
            self.app.receive(&publish, u64::try_from(into.as_micros()).unwrap_or(u64::MAX));
        }
        if replay.is_at_end() {
            self.app.update(Action::Link(LinkState::Replay { ended: true }));
            self.since.get_or_insert_with(Instant::now);
            let unreadable = replay.is_unreadable();
            if let Some(failure) = replay.failure().cloned() {
                self.warn(failure.what.clone());
                self.failure = Some(failure);
            } else if let Some(text) = replay.skipped() {
                if unreadable {
                    self.failure = Some(Failure::usage(text.clone()).keyword("recording"));
                }
                self.warn(text);
            }
        }
    }

    /// Tells the user: on the screen, or on standard error.
    pub(crate) fn tell(&mut self, gravity: Gravity, keyword: &str, text: String) {
        match (self.settings.mode, gravity) {
            (WatchMode::Screen { .. }, _) => self.app.update(Action::Notice(gravity, text)),
            (WatchMode::Table { .. }, Gravity::Warning) => self.ui.warning(keyword, &text),
            (WatchMode::Table { .. }, Gravity::Note) => self.ui.note(keyword, &text),
        }
    }

    pub(crate) fn warn(&mut self, text: String) {
        self.tell(Gravity::Warning, "watch", text);
    }

    /// Takes in what the connection has.
    pub(crate) fn attend(&mut self) {
        while let Some(notice) = self.client.as_mut().and_then(Client::take_notice) {
            let told = self.talk.tell(notice);
            let gravity = if told.is_warning { Gravity::Warning } else { Gravity::Note };
            self.tell(gravity, told.keyword, told.text);
        }
        let at = self.now();
        let mut last = None;
        let mut recorded = Vec::new();
        let received = self.recorder.is_some().then(SystemTime::now);
        while let Some(event) = self.client.as_mut().and_then(|client| client.session_mut().take_event()) {
            match event {
                Event::Message { publish, delivery } => {
                    last = Some(delivery);
                    let shown = self.app.receive(&publish, at);
                    if let Some(received) = received.filter(|_| shown) {
                        recorded.push(Delivery { publish, received });
                    }
                }
                Event::Connected(connack) => self.connected(connack.session_present),
                Event::Subscribed { results, reason_string } => {
                    self.subscribed(results, reason_string.as_deref());
                }
                Event::Refused { topic, refusal, .. } => {
                    self.warn(from_refusal(&refusal, &topic, None).what);
                }
                Event::Unknown { count, .. } => {
                    let were = if count == 1 { "was" } else { "were" };
                    let what = Many(count, "published message");
                    self.warn(format!("{what} {were} on the connection that broke"));
                }
                Event::Unsubscribed { .. } => {}
                other => self.talk.event(&other),
            }
        }
        let Some(client) = &mut self.client else { return };
        if let Some(delivery) = last {
            match &mut self.recorder {
                Some(recorder) => {
                    if let Some(safe) = recorder.push(recorded, delivery) {
                        client.session_mut().acknowledge(safe);
                    }
                    if recorder.is_full() {
                        client.set_reading(false);
                    }
                }
                None => client.session_mut().acknowledge(delivery),
            }
        }
        let published = client.session().ledger().asked;
        while !self.outgoing.is_empty() && client.session_mut().wants_publish() {
            if let Some(message) = self.outgoing.pop_front() {
                client.session_mut().publish(message);
            }
        }
        if client.session().ledger().asked > published {
            // At QoS 0 there is no other proof.
            client.session_mut().ask_for_proof(Instant::now().into_std());
        }
        let ledger = client.session().ledger();
        let asked = ledger.asked.saturating_sub(ledger.refused);
        self.app.update(Action::Published { asked, confirmed: ledger.confirmed });
        let online = client.session().is_connected();
        if !online && matches!(self.app.link, LinkState::Online { .. }) {
            self.app.update(Action::Link(LinkState::Lost));
        }
    }

    pub(crate) fn connected(&mut self, resumed: bool) {
        let Some(client) = &self.client else { return };
        let version = client.session().version();
        self.app.update(Action::Link(LinkState::Online { version, resumed }));
        if !std::mem::replace(&mut self.subscribed, true) {
            let subscriptions = self.subscriptions(version);
            let properties = self.settings.subscribe_properties.clone();
            if let Some(client) = &mut self.client {
                client.session_mut().subscribe(subscriptions, properties);
            }
        }
    }

    pub(crate) fn subscribed(
        &mut self,
        results: Vec<(Subscription, ReasonCode)>,
        reason_string: Option<&str>,
    ) {
        for (subscription, reason) in results {
            if reason.is_error() {
                let failure = from_suback(&subscription.filter, reason, reason_string);
                self.warn(failure.what.clone());
                self.failure = Some(failure);
            } else {
                self.granted += 1;
            }
        }
        let open = self.client.as_ref().is_some_and(|client| client.session().has_open_requests());
        if !open {
            self.since.get_or_insert_with(Instant::now);
            // One of several is enough.
            if self.granted > 0 {
                self.failure = None;
            }
        }
    }

    /// Acknowledges what is recorded.
    pub(crate) fn recorded(&mut self, written: Result<Option<u64>, crate::ui::PrintError>) {
        match written {
            Ok(safe) => {
                let full = self.recorder.as_ref().is_some_and(Outlet::is_full);
                if let Some(client) = &mut self.client {
                    if let Some(delivery) = safe {
                        client.session_mut().acknowledge(delivery);
                    }
                    client.set_reading(!full);
                }
            }
            Err(error) => {
                self.recorder = None;
                self.app.update(Action::Recording(None));
                if let Some(client) = &mut self.client {
                    client.set_reading(true);
                }
                if let Some(failure) = error.into_failure() {
                    self.warn(format!("the recording has ended: {}", failure.what));
                    self.failure = Some(failure);
                }
            }
        }
    }

    /// How many published messages have no outcome yet.
    fn unconfirmed(&self) -> u64 {
        let of_session = self.client.as_ref().map_or(0, |client| {
            // The end of the connection proves what is at QoS 0.
            let session = client.session();
            if session.is_drained() { 0 } else { session.ledger().open() }
        });
        self.waiting().saturating_add(of_session)
    }

    /// How many wait for their place in the window.
    fn waiting(&self) -> u64 {
        u64::try_from(self.outgoing.len()).unwrap_or(u64::MAX)
    }

    /// Ends in order: what is recorded gets a moment, what is published the time that it needs, then DISCONNECT. A
    /// signal ends the wait; one that has come before makes it short.
    ///
    /// # Errors
    /// Published messages are left without a confirmation; why the connection or the recording has ended.
    pub(crate) async fn finish(
        &mut self,
        signals: &mut Signals,
        signal: Option<Signal>,
    ) -> Result<(), Failure> {
        let short = Instant::now() + GRACE;
        let mut say_at = short;
        let (mut left, mut fewer_since) = (self.unconfirmed(), Instant::now());
        loop {
            let now = Instant::now();
            let unconfirmed = self.unconfirmed();
            if unconfirmed < left {
                fewer_since = now;
            }
            left = unconfirmed;
            let is_recorded = self.recorder.as_ref().is_none_or(Outlet::is_written);
            let within = match self.settings.client.ack_timeout {
                Duration::ZERO => FOR_EVER,
                within => within,
            };
            let patient_until = if left == 0 || signal.is_some() { short } else { fewer_since + within };
            if (left == 0 && is_recorded) || self.client.is_none() || now >= patient_until {
                break;
            }
            if left > 0 && now >= say_at {
                self.ui.status(&format!("mqt: {} not confirmed yet; Ctrl-C gives up", are(left)));
                say_at = now + SAY_EVERY;
            }
            tokio::select! {
                biased;
                _ = signals.next() => break,
                written = written(&mut self.recorder) => self.recorded(written),
                () = tokio::time::sleep_until(patient_until.min(say_at)) => {}
                came = came_in(&mut self.client, &mut self.replay) => self.arrived(came),
            }
        }
        if let Some(client) = &mut self.client {
            let unknown = client.session().ledger().unknown;
            client.close(ReasonCode::SUCCESS).await;
            let ledger = client.session().ledger();
            self.forsaken += ledger.open() + ledger.unknown.saturating_sub(unknown);
        }
        self.forsaken += self.waiting();
        if let Some(recorder) = &mut self.recorder {
            let ended = tokio::time::timeout(GRACE, recorder.finish()).await;
            if let Ok(Err(error)) = ended
                && let Some(failure) = error.into_failure()
            {
                return Err(failure);
            }
        }
        let partial = (self.forsaken > 0).then(|| {
            Failure::new(Kind::Partial, format!("{} not confirmed", are(self.forsaken)))
                .hint("what they were to change may be as it was: start again and look")
        });
        match (self.failure.take(), partial) {
            (Some(failure), Some(partial)) => {
                self.ui.warning(partial.keyword, &partial.what);
                Err(failure)
            }
            (failure, partial) => failure.or(partial).map_or(Ok(()), Err),
        }
    }
}

/// Messages as the subject of a sentence.
fn are(count: u64) -> String {
    format!("{} {}", Many(count, "published message"), if count == 1 { "is" } else { "are" })
}

/// Waits until something has come in.
pub(crate) async fn came_in(
    client: &mut Option<Client>,
    replay: &mut Option<ReplaySource>,
) -> Result<(), ClientError> {
    match (client, replay) {
        (Some(client), _) => client.drive().await,
        (None, Some(replay)) if !replay.is_at_end() => {
            replay.ready().await;
            Ok(())
        }
        (None, _) => std::future::pending().await,
    }
}

/// Waits until something is recorded.
pub(crate) async fn written(recorder: &mut Option<Outlet>) -> Result<Option<u64>, crate::ui::PrintError> {
    match recorder {
        Some(recorder) => recorder.written().await,
        None => std::future::pending().await,
    }
}
