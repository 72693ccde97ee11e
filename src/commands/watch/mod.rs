//! `mqt watch`: what goes on at a broker, on the whole terminal or as tables.
//!
//! `app` is the state of the screen and how it changes, pure; `store` and `tree` are what came in, within
//! limits; `view` draws the state into cells, pure. `terminal` owns the terminal. Here is the loop that joins
//! them with the connection or a `replay`.

mod app;
mod detail;
mod diff;
mod document;
mod edit;
mod filter;
#[cfg(test)]
mod fixture;
mod form;
#[cfg(test)]
mod hostile;
#[cfg(unix)]
mod input;
mod recorder;
mod replay;
#[cfg(test)]
mod safety;
mod store;
mod table;
mod terminal;
mod text;
mod tree;
mod view;

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use ratatui::crossterm::event::{Event as Input, KeyEventKind};
use ratatui::layout::Size;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::config::{WatchMode, WatchSettings};
use crate::connection::error::reason as io_reason;
use crate::connection::{Client, ClientError, SessionChoices};
use crate::error::{Failure, Kind};
use crate::mqtt::session::Event;
use crate::mqtt::{Message, Property, ReasonCode, Subscription, Version};
use crate::output::Delivery;
use crate::output::clock::LocalClock;
use crate::output::sanitize::escape;
use crate::ui::Ui;

use super::failure::{from_client, from_refusal, from_setup};
use super::signals::{Signal, Signals};
use super::talk::Talk;
use super::{local_broker, random_seed, run_to_end, sleep_until};
use app::{Action, App, Effect, Gravity, Link};
use recorder::Recorder;
use replay::Replay;
use terminal::{CLIPBOARD, Screen, TerminalSignal, TerminalSignals};
use view::Theme;

/// Frames are at least this far apart.
const FRAME: Duration = Duration::from_millis(33);
/// Ages and rates are looked at so often.
const TICK: Duration = Duration::from_secs(1);
/// The same while nothing comes in: an idle terminal is to cost nothing.
const QUIET_TICK: Duration = Duration::from_secs(3);
/// So many unacknowledged messages of QoS 1 and 2 may be on their way.
const RECEIVE_MAXIMUM: u16 = 10_000;
/// At the end, so long for what is being published and recorded.
const GRACE: Duration = Duration::from_secs(1);
/// A recording is taken in pieces of so many messages, between which keys are looked at.
const PIECE: usize = 1_000;
/// After so long without a pause the runtime gets to look at timers and signals.
const BREATH: Duration = Duration::from_millis(5);

/// Watches until the user, a signal or the time for one table ends it.
///
/// # Errors
/// No connection, a refused subscription, a file that cannot be read or written.
pub fn run(settings: WatchSettings, ui: &Ui) -> Result<(), Failure> {
    if let Some(signal) = run_to_end(watch(settings, ui))? {
        ui.close();
        signal.die();
    }
    Ok(())
}

async fn watch(mut settings: WatchSettings, ui: &Ui) -> Result<Option<Signal>, Failure> {
    let broker = local_broker(settings.with_broker.take(), &mut settings.client).await?;
    let mut signals = Signals::listen().map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
    let properties = &mut settings.client.connect_properties;
    if properties.receive_maximum().is_none() {
        properties.push(Property::ReceiveMaximum(RECEIVE_MAXIMUM));
    }
    let mut watcher = Watcher::new(settings, ui)?;
    let end = match watcher.settings.mode {
        WatchMode::Screen { mouse } => watcher.on_screen(mouse, &mut signals).await,
        WatchMode::Table { json, interval, once, top } => {
            let form = Form { json, top, once };
            if let Some(broker) = broker.as_ref().filter(|_| !once) {
                broker.show_how_to_publish(&watcher.subscriptions(Version::V311), ui);
            }
            watcher.as_tables(form, interval, &mut signals).await
        }
    };
    let signal = end?;
    watcher.finish(&mut signals).await?;
    drop(broker);
    Ok(signal.filter(|signal| *signal != Signal::Interrupt))
}

/// How tables look.
#[derive(Debug, Clone, Copy)]
struct Form {
    json: bool,
    top: Option<usize>,
    once: bool,
}

struct Watcher<'a> {
    settings: WatchSettings,
    ui: &'a Ui,
    talk: Talk<'a>,
    app: App,
    client: Option<Client>,
    replay: Option<Replay>,
    recorder: Option<Recorder>,
    start: Instant,
    /// When the subscriptions were answered, or the first message of a recording came.
    since: Option<Instant>,
    subscribed: bool,
    granted: usize,
    /// What is to be published.
    outgoing: VecDeque<Message>,
    /// Why there is no connection any more, or no subscription: the exit status.
    failure: Option<Failure>,
}

impl<'a> Watcher<'a> {
    fn new(settings: WatchSettings, ui: &'a Ui) -> Result<Self, Failure> {
        let on_screen = matches!(settings.mode, WatchMode::Screen { .. });
        let mut client = None;
        let mut replay = None;
        let mut source = settings.client.transport.endpoint.to_string();
        let mut began = SystemTime::now();
        match &settings.replay {
            Some(recording) => {
                source = recording.file.display().to_string();
                replay = Some(Replay::open(recording)?);
                began = SystemTime::UNIX_EPOCH;
            }
            None => {
                let choices = SessionChoices {
                    downgrade_qos: true,
                    trace: settings.ui.debug && !on_screen,
                    seed: random_seed(),
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
            app.update(Action::Link(Link::Replay { ended: false }));
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
    fn subscriptions(&self, version: Version) -> Vec<Subscription> {
        let subscription = |filter: &crate::mqtt::TopicFilter| Subscription {
            retain_as_published: version == Version::V5,
            ..Subscription::new(filter.clone(), self.settings.qos)
        };
        self.settings.filters.iter().map(subscription).collect()
    }

    fn record_to(&mut self, path: PathBuf) -> Result<(), Failure> {
        self.recorder = Some(Recorder::open(&path, self.ui)?);
        self.app.update(Action::Recording(Some(path)));
        Ok(())
    }

    /// The time of the screen: since the start, or into the recording.
    fn now(&self) -> u64 {
        let now = match &self.replay {
            Some(replay) => replay.position(Instant::now()),
            None => self.start.elapsed(),
        };
        u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
    }

    /// Takes in what has come in.
    fn arrived(&mut self, result: Result<(), ClientError>) {
        if self.replay.is_some() {
            return self.play();
        }
        self.attend();
        if let Err(error) = result
            && let Some(client) = self.client.take()
        {
            let client_id = client.session_state().client_id();
            let failure = from_client(&error, self.talk.endpoint(), &client_id);
            self.app.update(Action::Link(Link::Lost));
            self.app.update(Action::Notice(Gravity::Warning, failure.what.clone()));
            self.failure = Some(failure);
        }
    }

    /// Takes in what a recording has by now.
    fn play(&mut self) {
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
            self.app.update(Action::Link(Link::Replay { ended: true }));
            self.since.get_or_insert_with(Instant::now);
            if replay.skipped > 0 {
                let text = format!("{} lines of the recording are no messages", replay.skipped);
                self.warn(text);
            }
        }
    }

    /// Tells the user: on the screen, or on standard error.
    fn tell(&mut self, gravity: Gravity, keyword: &str, text: String) {
        match (self.settings.mode, gravity) {
            (WatchMode::Screen { .. }, _) => self.app.update(Action::Notice(gravity, text)),
            (WatchMode::Table { .. }, Gravity::Warning) => self.ui.warning(keyword, &text),
            (WatchMode::Table { .. }, Gravity::Note) => self.ui.note(keyword, &text),
        }
    }

    fn warn(&mut self, text: String) {
        self.tell(Gravity::Warning, "watch", text);
    }

    /// Takes in what the connection has.
    fn attend(&mut self) {
        while let Some(notice) = self.client.as_mut().and_then(Client::take_notice) {
            let told = self.talk.tell(notice);
            let gravity = if told.is_warning { Gravity::Warning } else { Gravity::Note };
            self.tell(gravity, told.keyword, told.text);
        }
        let at = self.now();
        let mut last = None;
        let mut recorded = Vec::new();
        let received = self.recorder.is_some().then(SystemTime::now);
        while let Some(event) = self.client.as_mut().and_then(|client| client.session().take_event()) {
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
                Event::Unknown { count } => {
                    self.warn(format!("{count} published messages were on the connection that broke"));
                }
                Event::Unsubscribed { .. } => {}
                other => self.talk.event(&other),
            }
        }
        let Some(client) = &mut self.client else { return };
        if let Some(delivery) = last {
            match &mut self.recorder {
                Some(recorder) => {
                    recorder.push(recorded, delivery);
                    if recorder.is_full() {
                        client.set_reading(false);
                    }
                }
                None => client.session().acknowledge(delivery),
            }
        }
        while !self.outgoing.is_empty() && client.session().wants_publish() {
            if let Some(message) = self.outgoing.pop_front() {
                client.session().publish(message);
            }
        }
        let ledger = client.session_state().ledger();
        let asked = ledger.asked.saturating_sub(ledger.refused);
        self.app.update(Action::Published { asked, confirmed: ledger.confirmed });
        let online = client.session_state().is_connected();
        if !online && matches!(self.app.link, Link::Online { .. }) {
            self.app.update(Action::Link(Link::Lost));
        }
    }

    fn connected(&mut self, resumed: bool) {
        let Some(client) = &self.client else { return };
        let version = client.session_state().version();
        self.app.update(Action::Link(Link::Online { version, resumed }));
        if !std::mem::replace(&mut self.subscribed, true) {
            let subscriptions = self.subscriptions(version);
            let properties = self.settings.subscribe_properties.clone();
            if let Some(client) = &mut self.client {
                client.session().subscribe(subscriptions, properties);
            }
        }
    }

    fn subscribed(&mut self, results: Vec<(Subscription, ReasonCode)>, reason_string: Option<&str>) {
        for (subscription, reason) in results {
            if reason.is_error() {
                let said = reason_string.map(|text| format!(" \"{}\"", escape(text))).unwrap_or_default();
                let text = format!("subscribe \"{}\": {reason}{said}", escape(&subscription.filter));
                self.warn(text.clone());
                self.failure = Some(Failure::new(Kind::Denied, text));
            } else {
                self.granted += 1;
            }
        }
        let open = self.client.as_ref().is_some_and(|client| client.session_state().has_open_requests());
        if !open {
            self.since.get_or_insert_with(Instant::now);
            // One of several is enough.
            if self.granted > 0 {
                self.failure = None;
            }
        }
    }

    /// Acknowledges what is recorded.
    fn recorded(&mut self, written: Result<Option<u64>, crate::ui::PrintError>) {
        match written {
            Ok(safe) => {
                let full = self.recorder.as_ref().is_some_and(Recorder::is_full);
                if let Some(client) = &mut self.client {
                    if let Some(delivery) = safe {
                        client.session().acknowledge(delivery);
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

    /// Prints tables until a signal, the end of a recording, or the first one is enough.
    async fn as_tables(
        &mut self,
        form: Form,
        interval: Duration,
        signals: &mut Signals,
    ) -> Result<Option<Signal>, Failure> {
        let mut due: Option<Instant> = None;
        let mut breath = Instant::now();
        loop {
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if due.is_none() {
                due = self.since.map(|since| since + interval);
            }
            let ended = self.replay.as_ref().is_some_and(Replay::is_at_end);
            let now = Instant::now();
            if ended || due.is_some_and(|due| now >= due) {
                self.print(form)?;
                if form.once || ended {
                    return Ok(None);
                }
                due = Some(due.map_or(now, |due| due + interval).max(now));
            }
            self.app.work();
            if breath.elapsed() >= BREATH {
                tokio::task::yield_now().await;
                breath = Instant::now();
            }
            tokio::select! {
                biased;
                signal = signals.next() => return Ok(Some(signal)),
                written = written(&mut self.recorder) => self.recorded(written),
                () = sleep_until(due), if due.is_some() => {}
                came = came_in(&mut self.client, &mut self.replay) => self.arrived(came),
            }
        }
    }

    fn print(&mut self, form: Form) -> Result<(), Failure> {
        const COLUMNS: usize = 120;
        let now = self.now();
        self.app.update(Action::Tick(now));
        let text = if form.json {
            let elapsed = self.since.map(|since| since.elapsed()).unwrap_or_default();
            table::json(&mut self.app, form.top, elapsed)
        } else {
            let columns = if self.ui.stdout_is_terminal() { Screen::size().width.into() } else { COLUMNS };
            let mut text = table::plain(&self.app, form.top, columns);
            if !form.once {
                text.push('\n');
            }
            text
        };
        self.ui.out(text.as_bytes())
    }

    /// Uses the whole terminal until the user or a signal ends it.
    async fn on_screen(&mut self, mouse: bool, signals: &mut Signals) -> Result<Option<Signal>, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(Kind::Output, format!("the terminal cannot be used: {}", io_reason(&error)))
                .hint("--plain needs no terminal")
        };
        let theme = Theme { colored: self.ui.presentation(false, false).style.is_colored() };
        let mut terminal_signals = TerminalSignals::listen().map_err(failed)?;
        let (sender, mut inputs) = mpsc::channel(256);
        let mut screen = Screen::open(theme, mouse).map_err(failed)?;
        terminal::listen(sender).map_err(failed)?;
        self.app.mouse = mouse;
        self.app.update(Action::Resize(Screen::size()));
        let mut next_frame = Instant::now();
        let mut next_tick = Instant::now() + TICK;
        let mut breath = Instant::now();
        loop {
            // Without a connection that has ever been there is nothing to look at.
            if self.failure.is_some() && self.since.is_none() {
                drop(screen);
                return Err(self.failure.take().unwrap_or_else(|| Failure::new(Kind::Bug, "no failure")));
            }
            for effect in self.app.take_effects() {
                if effect == Effect::Quit {
                    return Ok(None);
                }
                self.act(effect, &mut screen).map_err(failed)?;
            }
            let now = Instant::now();
            if now >= next_tick {
                let time = self.now();
                self.app.update(Action::Tick(time));
                let quiet = self.app.quiet_for() >= QUIET_TICK;
                next_tick = now + if quiet { QUIET_TICK } else { TICK };
            }
            if self.app.is_dirty() && now >= next_frame && screen.is_idle() {
                let time = self.now();
                self.app.now = self.app.now.max(time);
                self.app.prepare();
                screen.draw(&self.app).map_err(failed)?;
                next_frame = Instant::now() + FRAME;
            }
            let has_work = self.app.has_work();
            if has_work {
                self.app.work();
            }
            if breath.elapsed() >= BREATH {
                tokio::task::yield_now().await;
                breath = Instant::now();
            }
            let wake = if self.app.is_dirty() { next_frame.min(next_tick) } else { next_tick };
            // A terminal that is busy is looked at again with the next frame.
            let wake = if screen.is_idle() { wake } else { wake.max(Instant::now() + FRAME / 4) };
            tokio::select! {
                biased;
                signal = signals.next() => return Ok(Some(signal)),
                signal = terminal_signals.next() => match signal {
                    TerminalSignal::Stop => screen.suspend().map_err(failed)?,
                    TerminalSignal::GoOn => screen.take_again().map_err(failed)?,
                    TerminalSignal::Resize => self.app.update(Action::Resize(Screen::size())),
                },
                input = inputs.recv() => match input {
                    Some(input) => self.input(input),
                    // The terminal is gone.
                    None => return Ok(Some(Signal::Hangup)),
                },
                written = written(&mut self.recorder) => self.recorded(written),
                () = tokio::time::sleep_until(wake) => {}
                came = came_in(&mut self.client, &mut self.replay) => self.arrived(came),
                () = std::future::ready(()), if has_work => {}
            }
            if matches!(self.app.size, Size { width: 0, .. } | Size { height: 0, .. }) {
                self.app.update(Action::Resize(Screen::size()));
            }
        }
    }

    fn input(&mut self, input: Input) {
        let time = self.now();
        self.app.now = self.app.now.max(time);
        match input {
            Input::Key(key) if key.kind != KeyEventKind::Release => self.app.update(Action::Key(key)),
            Input::Mouse(event) => self.app.update(Action::Mouse(event)),
            Input::Paste(text) => self.app.update(Action::Paste(text)),
            Input::Resize(width, height) => self.app.update(Action::Resize(Size::new(width, height))),
            Input::Key(_) | Input::FocusGained | Input::FocusLost => {}
        }
    }

    /// Does what the screen asks for.
    fn act(&mut self, effect: Effect, screen: &mut Screen) -> std::io::Result<()> {
        match effect {
            Effect::Quit => {}
            Effect::Suspend => screen.suspend()?,
            Effect::Redraw => {
                screen.redraw()?;
                self.app.update(Action::Resize(Screen::size()));
            }
            Effect::Mouse(mouse) => screen.listen_to_mouse(mouse),
            Effect::Copy(bytes) if bytes.len() > CLIPBOARD => {
                let text =
                    format!("{} bytes are too many for a clipboard: w writes them to a file", bytes.len());
                self.warn(text);
            }
            Effect::Copy(bytes) => screen.copy(&bytes),
            Effect::Write(path, bytes) => match write_new(&path, &bytes) {
                Ok(()) => {
                    let text = format!("{} bytes written to {}", bytes.len(), path.display());
                    self.tell(Gravity::Note, "write", text);
                }
                Err(error) => self.warn(format!("{}: {}", path.display(), io_reason(&error))),
            },
            Effect::Record => self.turn_recording(),
            Effect::Publish(message) => {
                if self.client.is_some() {
                    self.outgoing.push_back(message);
                    self.attend();
                } else {
                    self.warn("there is no connection: nothing was published".to_owned());
                }
            }
        }
        Ok(())
    }

    /// Ends the recording, or begins one: in the file of `--record`, or in one with the time in its name.
    fn turn_recording(&mut self) {
        if self.replay.is_some() {
            return self.warn("this is a recording already".to_owned());
        }
        if self.recorder.take().is_some() {
            self.app.update(Action::Recording(None));
            return self.tell(Gravity::Note, "record", "the recording has ended".to_owned());
        }
        let path = self.settings.record.clone().unwrap_or_else(|| {
            let mut name = Vec::new();
            LocalClock::default().at(SystemTime::now()).push_seconds(&mut name);
            // 2026-11-20T11:37:41+0100; a colon is not for every file system.
            let name = String::from_utf8_lossy(name.get(..19).unwrap_or_default()).replace(':', "");
            PathBuf::from(format!("mqt-{name}.jsonl"))
        });
        let text = format!("recording to {}", path.display());
        match self.record_to(path) {
            Ok(()) => self.tell(Gravity::Note, "record", text),
            Err(failure) => self.warn(failure.what),
        }
    }

    /// Ends in order: what is published and recorded gets a moment, then DISCONNECT.
    async fn finish(&mut self, signals: &mut Signals) -> Result<(), Failure> {
        let until = Instant::now() + GRACE;
        loop {
            let drained = self.client.as_ref().is_none_or(|client| {
                client.session_state().is_drained() || !client.session_state().is_connected()
            });
            let recorded = self.recorder.as_ref().is_none_or(Recorder::is_done);
            if drained && recorded && self.outgoing.is_empty() || Instant::now() >= until {
                break;
            }
            tokio::select! {
                biased;
                _ = signals.next() => break,
                written = written(&mut self.recorder) => self.recorded(written),
                came = came_in(&mut self.client, &mut self.replay), if !drained => self.arrived(came),
                () = tokio::time::sleep_until(until) => break,
            }
        }
        if let Some(client) = &mut self.client {
            client.close(ReasonCode::SUCCESS).await;
        }
        if let Some(recorder) = &mut self.recorder {
            let ended = tokio::time::timeout(GRACE, recorder.finish()).await;
            if let Ok(Err(error)) = ended
                && let Some(failure) = error.into_failure()
            {
                return Err(failure);
            }
        }
        self.failure.take().map_or(Ok(()), Err)
    }
}

/// Waits until something has come in.
async fn came_in(client: &mut Option<Client>, replay: &mut Option<Replay>) -> Result<(), ClientError> {
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
async fn written(recorder: &mut Option<Recorder>) -> Result<Option<u64>, crate::ui::PrintError> {
    match recorder {
        Some(recorder) => recorder.written().await,
        None => std::future::pending().await,
    }
}

/// A file that is there is not overwritten.
fn write_new(path: &Path, bytes: &Bytes) -> std::io::Result<()> {
    std::fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests;
