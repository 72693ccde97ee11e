//! The state of the screen, and how it changes: no terminal, no connection, no clock.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Size};

use crate::config::{Decode, WatchLimits};
use crate::mqtt::packet::Publish;
use crate::mqtt::{Message, Properties, QoS, TopicFilter, TopicName, Version};
use crate::output::clock::LocalClock;

use super::detail::{Detail, Tab};
use super::edit::Edit;
use super::filter::{Filter, Search};
use super::form::{Form, Outcome};
use super::store::{Kept, Store};
use super::tree::{NodeId, Order, ROOT};
use super::view::Areas;

/// So many messages wait at most while the screen is paused.
const PENDING: usize = 50_000;
/// One call of [`App::work`] takes in so many waiting messages, filters so many topics, moves so many of them.
const STEP: usize = 2_000;
/// A notice stays in the last line for so long, in microseconds.
const NOTICE_TIME: u64 = 8_000_000;
/// Topics are put into their order anew so often where it changes, in microseconds: rows that jump all the time
/// cannot be read.
const REORDER: u64 = 1_000_000;
/// So many messages that were sent can be recalled.
const SENT: usize = 50;

/// Which half of the screen the keys are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pane {
    /// The tree of topics.
    #[default]
    Topics,
    /// What is known about the selected topic.
    Detail,
}

/// The connection, or what stands in for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Link {
    /// No CONNACK yet.
    #[default]
    Connecting,
    /// Connected.
    Online {
        /// The protocol version.
        version: Version,
        /// The broker kept the session.
        resumed: bool,
    },
    /// The connection is gone, and another is tried.
    Lost,
    /// The messages come from a recording.
    Replay {
        /// It has ended.
        ended: bool,
    },
}

/// How grave a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gravity {
    /// As expected.
    Note,
    /// Something is wrong.
    Warning,
}

/// A line for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub at: u64,
    /// How grave it is.
    pub gravity: Gravity,
    /// What it says.
    pub text: String,
}

/// The topics whose retained messages are about to be cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clearing {
    /// The topics, in order.
    pub topics: Vec<NodeId>,
    /// The first that shows.
    pub top: usize,
}

/// What the keys are for.
#[derive(Debug, Clone, Default)]
pub enum Mode {
    /// Looking around.
    #[default]
    Normal,
    /// Typing what to look for.
    Search(Edit),
    /// Typing a filter.
    Filter(Edit),
    /// Writing a message.
    Publish(Box<Form>),
    /// Asked whether to clear retained messages.
    Clear(Clearing),
    /// Typing the name of a file.
    Write(Edit),
    /// Reading the help, from this line on.
    Help(usize),
}

/// What happens to the screen.
#[derive(Debug, Clone)]
pub enum Action {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has this size.
    Resize(Size),
    /// It is this late, in microseconds since the beginning.
    Tick(u64),
    /// The connection changed.
    Link(Link),
    /// Something to tell.
    Notice(Gravity, String),
    /// So many messages were published, so many of them are confirmed.
    Published {
        /// Taken by the session.
        asked: u64,
        /// Confirmed.
        confirmed: u64,
    },
    /// The recording began (with its file), or ended.
    Recording(Option<PathBuf>),
}

/// What the rest of the program is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// End.
    Quit,
    /// Stop until somebody wants it in the foreground again.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// Publish this.
    Publish(Message),
    /// Give this to the clipboard.
    Copy(Bytes),
    /// Write this to a file.
    Write(PathBuf, Bytes),
    /// Begin or end to record.
    Record,
    /// Listen to the mouse, or leave it to the terminal.
    Mouse(bool),
}

/// What the screen shows.
pub struct App {
    /// Where the messages come from, for the head line.
    pub source: String,
    /// The topics and their messages.
    pub store: Store,
    /// Microseconds since the beginning.
    pub now: u64,
    /// The time of the beginning.
    pub began: SystemTime,
    /// Local time.
    pub clock: LocalClock,
    /// The size of the terminal.
    pub size: Size,
    /// Which half has the keys.
    pub pane: Pane,
    /// What the keys are for.
    pub mode: Mode,
    /// The selected topic or level, [`ROOT`] for none.
    pub selected: NodeId,
    /// The first row of the tree that shows.
    pub top: usize,
    /// The state of the right half.
    pub detail: Detail,
    /// How payloads are read where nothing else is said.
    pub decode: Decode,
    /// The connection.
    pub link: Link,
    /// The last notice.
    pub notice: Option<Notice>,
    /// Nothing changes on the screen.
    pub paused: bool,
    /// The mouse is listened to.
    pub mouse: bool,
    /// Where the recording goes.
    pub recording: Option<PathBuf>,
    /// Messages published and confirmed.
    pub published: (u64, u64),
    /// Messages sent before, the newest last.
    pub sent: VecDeque<Message>,
    /// The messages that came while the screen was paused and wait to be taken in.
    pending: VecDeque<(TopicName, Kept)>,
    pending_cost: usize,
    filter_out: Vec<TopicFilter>,
    search: Option<Search>,
    /// The user has moved the selection: it stays on its topic from now on.
    moved: bool,
    /// How far the selected row is from the top.
    offset: usize,
    reordered: u64,
    reordering: bool,
    is_dirty: bool,
    effects: Vec<Effect>,
}

impl App {
    /// An empty screen.
    #[must_use]
    pub fn new(source: String, limits: WatchLimits, began: SystemTime, clock: LocalClock) -> Self {
        Self {
            source,
            store: Store::new(limits),
            now: 0,
            began,
            clock,
            size: Size::new(80, 24),
            pane: Pane::Topics,
            mode: Mode::Normal,
            selected: ROOT,
            top: 0,
            detail: Detail::default(),
            decode: Decode::Auto,
            link: Link::Connecting,
            notice: None,
            paused: false,
            mouse: false,
            recording: None,
            published: (0, 0),
            sent: VecDeque::new(),
            pending: VecDeque::new(),
            pending_cost: 0,
            filter_out: Vec::new(),
            search: None,
            moved: false,
            offset: 0,
            reordered: 0,
            reordering: false,
            is_dirty: true,
            effects: Vec::new(),
        }
    }

    /// Leaves out what matches one of these.
    pub fn leave_out(&mut self, filters: Vec<TopicFilter>) {
        self.filter_out = filters;
    }

    /// Takes a message in, or has it wait while the screen is paused. Returns whether it is one of those that
    /// are not left out.
    pub fn receive(&mut self, publish: &Publish, at: u64) -> bool {
        let topic = &publish.message.topic;
        if self.filter_out.iter().any(|filter| filter.matches(topic)) {
            return false;
        }
        let kept = Kept::new(publish, at, self.store.limits().payload);
        self.now = self.now.max(at);
        self.is_dirty = true;
        if !self.paused && self.pending.is_empty() {
            self.store.add(topic, kept);
            return true;
        }
        self.pending_cost += kept.cost() + topic.len();
        let topic = TopicName::new(topic.to_string()).unwrap_or_default();
        self.pending.push_back((topic, kept));
        while self.pending.len() > PENDING || self.pending_cost > self.store.limits().memory / 4 {
            let Some((topic, kept)) = self.pending.pop_front() else { break };
            self.pending_cost -= kept.cost() + topic.len();
            self.store.dropped.while_paused += 1;
        }
        true
    }

    /// How many messages wait for the end of the pause.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// What is kept takes so many bytes, about.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.store.cost() + self.pending_cost
    }

    /// Changes the state.
    pub fn update(&mut self, action: Action) {
        match action {
            Action::Key(key) => self.key(key),
            Action::Mouse(event) => self.mouse(event),
            Action::Paste(text) => self.paste(&text),
            Action::Resize(size) => self.size = size,
            Action::Tick(now) => {
                self.now = self.now.max(now);
                self.tick();
                return;
            }
            Action::Link(link) => self.link = link,
            Action::Notice(gravity, text) => self.tell(gravity, text),
            Action::Published { asked, confirmed } => {
                if self.published == (asked, confirmed) {
                    return;
                }
                self.published = (asked, confirmed);
            }
            Action::Recording(file) => self.recording = file,
        }
        self.is_dirty = true;
    }

    /// What the rest of the program is to do, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether the screen may look different from what was drawn last.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Ages, rates and notices change with time alone.
    fn tick(&mut self) {
        let fades = self.notice.as_ref().is_some_and(|notice| self.now < notice.at + NOTICE_TIME + 2_000_000);
        self.is_dirty |= fades || !(self.paused || self.store.tree.is_empty());
        if self.notice.as_ref().is_some_and(|notice| self.now >= notice.at + NOTICE_TIME) {
            self.notice = None;
        }
        if self.store.tree.order() != Order::Name && !self.paused && self.now >= self.reordered + REORDER {
            self.reordered = self.now;
            self.reordering = true;
        }
    }

    /// For how long no message has come in.
    #[must_use]
    pub fn quiet_for(&self) -> Duration {
        Duration::from_micros(self.now.saturating_sub(self.store.tree.node(ROOT).changed))
    }

    /// Whether [`Self::work`] has something to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.store.has_work() || self.reordering || !(self.paused || self.pending.is_empty())
    }

    /// Does a bounded piece of what takes long.
    pub fn work(&mut self) {
        self.is_dirty |= self.has_work();
        self.store.work(STEP as NodeId);
        if !self.paused {
            for _ in 0..STEP {
                let Some((topic, kept)) = self.pending.pop_front() else { break };
                self.pending_cost -= kept.cost() + topic.len();
                self.store.add(&topic, kept);
            }
        }
        if self.reordering {
            self.reordering = self.store.tree.settle(STEP);
        }
    }

    /// Makes everything ready for drawing, which then only looks.
    pub fn prepare(&mut self) {
        self.is_dirty = false;
        let areas = Areas::of(self.size, self.pane);
        self.settle_selection(usize::from(areas.tree.height));
        let decode = self.decode_of(self.selected);
        self.detail.prepare(
            &self.store,
            self.selected,
            decode,
            self.now,
            (self.began, &mut self.clock),
            areas.detail,
        );
    }

    /// How the payloads of a topic are read.
    #[must_use]
    pub fn decode_of(&self, id: NodeId) -> Decode {
        self.store.topic(id).and_then(|topic| topic.decode).unwrap_or(self.decode)
    }

    /// Keeps the selected topic in view, as far from the top as it was.
    fn settle_selection(&mut self, height: usize) {
        let tree = &self.store.tree;
        let rows = tree.rows();
        let mut row = None;
        if self.moved {
            // What the filter or a closed level hides gives way to what is above it.
            let mut at = self.selected;
            while at != ROOT && row.is_none() {
                row = tree.row_of(at);
                if row.is_none() {
                    at = tree.node(at).parent;
                } else {
                    self.selected = at;
                }
            }
        }
        let row = row.unwrap_or(0);
        if !self.moved || tree.row_of(self.selected).is_none() {
            self.selected = tree.at_row(row).unwrap_or(ROOT);
        }
        let height = height.max(1);
        self.offset = self.offset.min(height - 1);
        self.top = row.saturating_sub(self.offset).min(rows.saturating_sub(height));
        self.offset = row - self.top;
    }

    fn tell(&mut self, gravity: Gravity, text: impl Into<String>) {
        self.notice = Some(Notice { at: self.now, gravity, text: text.into() });
    }

    fn key(&mut self, key: KeyEvent) {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('z') if control => return self.effects.push(Effect::Suspend),
            KeyCode::Char('l') if control => return self.effects.push(Effect::Redraw),
            _ => {}
        }
        match std::mem::take(&mut self.mode) {
            Mode::Normal => self.look_around(key),
            Mode::Help(top) => {
                self.mode = match key.code {
                    KeyCode::Down | KeyCode::Char('j') => Mode::Help(top + 1),
                    KeyCode::Up | KeyCode::Char('k') => Mode::Help(top.saturating_sub(1)),
                    KeyCode::PageDown | KeyCode::Char(' ') => Mode::Help(top + 10),
                    KeyCode::PageUp => Mode::Help(top.saturating_sub(10)),
                    _ => Mode::Normal,
                };
            }
            Mode::Clear(clearing) => self.confirm_clearing(clearing, key),
            Mode::Publish(form) => self.write_message(form, key),
            Mode::Search(edit) => self.prompt(edit, key, Mode::Search, Self::search_for),
            Mode::Filter(edit) => self.prompt(edit, key, Mode::Filter, Self::filter_by),
            Mode::Write(edit) => self.prompt(edit, key, Mode::Write, Self::write_value),
        }
    }

    /// One line that is typed, until Enter or Esc.
    fn prompt(
        &mut self,
        mut edit: Edit,
        key: KeyEvent,
        mode: impl Fn(Edit) -> Mode,
        done: impl Fn(&mut Self, &str) -> Result<(), String>,
    ) {
        let cancels = key.code == KeyCode::Esc
            || key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        if cancels {
            return;
        }
        if key.code == KeyCode::Enter {
            if let Err(why) = done(self, edit.text()) {
                self.tell(Gravity::Warning, why);
                self.mode = mode(edit);
            }
            return;
        }
        edit.key(key);
        self.mode = mode(edit);
    }

    fn paste(&mut self, text: &str) {
        match &mut self.mode {
            Mode::Publish(form) => form.paste(text),
            Mode::Search(edit) | Mode::Filter(edit) | Mode::Write(edit) => {
                edit.insert(text.lines().next().unwrap_or_default());
            }
            Mode::Normal | Mode::Clear(_) | Mode::Help(_) => {}
        }
    }

    fn look_around(&mut self, key: KeyEvent) {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if control => self.effects.push(Effect::Quit),
            KeyCode::Char('d') if control => self.move_by(10),
            KeyCode::Char('u') if control => self.move_by(-10),
            KeyCode::Char(_) if control => {}
            KeyCode::Char('q') => self.effects.push(Effect::Quit),
            KeyCode::Char('?') | KeyCode::F(1) => self.mode = Mode::Help(0),
            KeyCode::Char('/') => self.mode = Mode::Search(Edit::default()),
            KeyCode::Char('n') => self.search_again(true),
            KeyCode::Char('N') => self.search_again(false),
            KeyCode::Char('f') => self.mode = Mode::Filter(Edit::new(self.store.filter().text())),
            KeyCode::Char(' ') => self.pause(),
            KeyCode::Char('s') => self.next_order(),
            KeyCode::Char('o') => self.store.tree.set_open_all(true),
            KeyCode::Char('O') => self.store.tree.set_open_all(false),
            KeyCode::Char('v') => self.next_decode(),
            KeyCode::Char('y') => self.copy_value(),
            KeyCode::Char('Y') => self.copy_topic(),
            KeyCode::Char('p') => self.begin_message(),
            KeyCode::Char('w') => self.begin_write(),
            KeyCode::Char('r') => self.effects.push(Effect::Record),
            KeyCode::Char('m') => {
                self.mouse = !self.mouse;
                self.effects.push(Effect::Mouse(self.mouse));
                let whose =
                    if self.mouse { "mqt listens to the mouse" } else { "the mouse is the terminal's" };
                self.tell(Gravity::Note, whose);
            }
            KeyCode::Delete | KeyCode::Char('D') => self.begin_clearing(),
            KeyCode::Tab | KeyCode::BackTab => self.turn_pane(),
            KeyCode::Char(digit @ '1'..='6') => {
                if let Some(tab) = Tab::ALL.get(usize::from(digit as u8 - b'1')) {
                    self.detail.turn_to(*tab);
                }
            }
            KeyCode::Char(']') => self.detail.turn_to(self.detail.tab.beside(true)),
            KeyCode::Char('[') => self.detail.turn_to(self.detail.tab.beside(false)),
            KeyCode::Esc if !self.store.filter().is_empty() => self.store.set_filter(Filter::default()),
            KeyCode::Esc => {
                self.notice = None;
                self.detail.unmark();
                self.pane = Pane::Topics;
            }
            KeyCode::Down | KeyCode::Char('j') => self.move_by(1),
            KeyCode::Up | KeyCode::Char('k') => self.move_by(-1),
            KeyCode::PageDown => self.move_by(self.page()),
            KeyCode::PageUp => self.move_by(-self.page()),
            KeyCode::Home | KeyCode::Char('g') => self.move_by(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.move_by(isize::MAX),
            _ if self.pane == Pane::Topics => self.key_for_topics(key.code),
            _ => self.key_for_detail(key.code),
        }
    }

    fn key_for_topics(&mut self, code: KeyCode) {
        let tree = &mut self.store.tree;
        let id = self.selected;
        if id == ROOT {
            return;
        }
        self.moved = true;
        let node = tree.node(id);
        match code {
            KeyCode::Enter if node.has_children() => {
                let open = !node.open;
                tree.set_open(id, open);
            }
            KeyCode::Enter => self.pane = Pane::Detail,
            KeyCode::Left | KeyCode::Char('h') => {
                if node.open && node.has_children() {
                    tree.set_open(id, false);
                } else if node.parent != ROOT {
                    let parent = node.parent;
                    self.select(parent);
                }
            }
            KeyCode::Right | KeyCode::Char('l') => {
                if !node.has_children() {
                    self.pane = Pane::Detail;
                } else if node.open {
                    self.move_by(1);
                } else {
                    tree.set_open(id, true);
                }
            }
            KeyCode::Char('c') => self.chart_field(),
            _ => {}
        }
    }

    fn key_for_detail(&mut self, code: KeyCode) {
        match code {
            KeyCode::Right | KeyCode::Char('l') => self.detail.turn_to(self.detail.tab.beside(true)),
            KeyCode::Left | KeyCode::Char('h') => {
                if self.detail.tab == Tab::Value {
                    self.pane = Pane::Topics;
                } else {
                    self.detail.turn_to(self.detail.tab.beside(false));
                }
            }
            KeyCode::Enter if self.detail.tab == Tab::History => {
                let topic = self.store.topic(self.selected);
                if let Some(text) = topic.and_then(|topic| self.detail.mark(topic)) {
                    self.tell(Gravity::Note, text);
                }
            }
            KeyCode::Char('c') => self.chart_field(),
            KeyCode::Enter if self.detail.tab == Tab::Value => self.chart_field(),
            _ => {}
        }
    }

    /// Has the chart show the field under the cursor, or the payload as a number.
    fn chart_field(&mut self) {
        let what = match self.detail.chart_field(self.pane == Pane::Detail) {
            Some(path) => format!("the chart shows {path}"),
            None => "the chart shows the payload as a number".to_owned(),
        };
        self.tell(Gravity::Note, what);
    }

    fn page(&self) -> isize {
        let areas = Areas::of(self.size, self.pane);
        let height = if self.pane == Pane::Topics { areas.tree.height } else { areas.detail.height };
        isize::from(height as i16).max(2) - 1
    }

    fn move_by(&mut self, rows: isize) {
        if self.pane == Pane::Detail {
            let topic = self.store.topic(self.selected);
            return self.detail.move_by(rows, topic);
        }
        let tree = &self.store.tree;
        let last = tree.rows().saturating_sub(1);
        let row = tree.row_of(self.selected).unwrap_or(0);
        let row = row.saturating_add_signed(rows).min(last);
        if let Some(id) = tree.at_row(row) {
            self.select(id);
        }
    }

    /// Selects a node, which is visible, and scrolls as little as is needed.
    fn select(&mut self, id: NodeId) {
        self.moved = true;
        if self.selected != id {
            self.selected = id;
            self.detail.turn_to_topic();
        }
        let height = usize::from(Areas::of(self.size, self.pane).tree.height).max(1);
        let row = self.store.tree.row_of(id).unwrap_or(0);
        self.offset = if row < self.top { 0 } else { (row - self.top).min(height - 1) };
    }

    fn turn_pane(&mut self) {
        self.pane = match self.pane {
            Pane::Topics => Pane::Detail,
            Pane::Detail => Pane::Topics,
        };
    }

    fn pause(&mut self) {
        self.paused = !self.paused;
    }

    fn next_order(&mut self) {
        let (order, text) = match self.store.tree.order() {
            Order::Name => (Order::Rate, "sorted by rate"),
            Order::Rate => (Order::Change, "sorted by last change"),
            Order::Change => (Order::Name, "sorted by name"),
        };
        self.store.set_order(order);
        self.tell(Gravity::Note, text);
    }

    fn next_decode(&mut self) {
        let next = match self.decode_of(self.selected) {
            Decode::Auto => Decode::Json,
            Decode::Json => Decode::Text,
            Decode::Text => Decode::Hex,
            Decode::Hex => Decode::Msgpack,
            Decode::Msgpack => Decode::Cbor,
            Decode::Cbor => Decode::Auto,
        };
        self.store.set_decode(self.selected, (next != self.decode).then_some(next));
    }

    fn search_for(&mut self, text: &str) -> Result<(), String> {
        if !text.is_empty() {
            self.search = Some(Search::parse(text)?);
        }
        self.search_again(true);
        Ok(())
    }

    fn search_again(&mut self, forward: bool) {
        let Some(search) = &self.search else {
            return self.tell(Gravity::Note, "nothing to look for yet: / begins a search");
        };
        let tree = &self.store.tree;
        let mut at = self.selected;
        let mut found = None;
        // Once around, the selected one last.
        for _ in 0..tree.len() {
            let next = if forward { tree.after(at) } else { tree.before(at) };
            at = match next {
                Some(id) => id,
                None if forward => tree.after(ROOT).unwrap_or(ROOT),
                None => tree.last().unwrap_or(ROOT),
            };
            let node = tree.node(at);
            if at != ROOT && tree.is_shown(at) && node.is_topic && search.matches(node.path()) {
                found = Some(at);
                break;
            }
        }
        match found {
            Some(id) => {
                self.store.tree.reveal(id);
                self.pane = Pane::Topics;
                self.select(id);
            }
            None => self.tell(Gravity::Warning, "no topic has that in it"),
        }
    }

    fn filter_by(&mut self, text: &str) -> Result<(), String> {
        self.store.set_filter(Filter::parse(text)?);
        Ok(())
    }

    /// The message that the right half shows.
    fn shown(&self) -> Option<&Kept> {
        self.detail.shown(self.store.topic(self.selected)?)
    }

    fn copy_value(&mut self) {
        match self.shown().map(|kept| (Bytes::copy_from_slice(&kept.payload), kept.is_cut())) {
            Some((bytes, cut)) => {
                let part = if cut { "the beginning of the payload" } else { "the payload" };
                self.tell(
                    Gravity::Note,
                    format!("{part} is on its way to the clipboard ({} bytes)", bytes.len()),
                );
                self.effects.push(Effect::Copy(bytes));
            }
            None => self.tell(Gravity::Warning, "there is no message here to copy"),
        }
    }

    fn copy_topic(&mut self) {
        if self.selected != ROOT {
            let topic = self.store.tree.node(self.selected).path().to_owned();
            self.effects.push(Effect::Copy(topic.into()));
            self.tell(Gravity::Note, "the topic is on its way to the clipboard");
        }
    }

    fn begin_write(&mut self) {
        match self.shown() {
            Some(kept) if kept.is_cut() => {
                self.tell(
                    Gravity::Warning,
                    "only the beginning of this payload is kept: --max-payload keeps more",
                );
            }
            Some(_) => {
                let name = self.store.tree.node(self.selected).name();
                let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
                let name: String = name.chars().take(64).map(plain).collect();
                let name = name.trim_start_matches('.');
                self.mode = Mode::Write(Edit::new(format!(
                    "{}.payload",
                    if name.is_empty() { "mqtt" } else { name }
                )));
            }
            None => self.tell(Gravity::Warning, "there is no message here to write"),
        }
    }

    fn write_value(&mut self, name: &str) -> Result<(), String> {
        if name.trim().is_empty() {
            return Err("the file needs a name".to_owned());
        }
        if let Some(kept) = self.shown() {
            let bytes = Bytes::copy_from_slice(&kept.payload);
            self.effects.push(Effect::Write(PathBuf::from(name), bytes));
        }
        Ok(())
    }

    fn can_publish(&mut self) -> bool {
        let can = !matches!(self.link, Link::Replay { .. });
        if !can {
            self.tell(Gravity::Warning, "this is a recording: there is no broker to publish to");
        }
        can
    }

    fn begin_message(&mut self) {
        if !self.can_publish() {
            return;
        }
        let node = self.store.tree.node(self.selected);
        let message = self.shown().and_then(|kept| kept.to_message(node.path()));
        self.mode = Mode::Publish(Box::new(Form::new(node.path(), message.as_ref())));
    }

    fn write_message(&mut self, mut form: Box<Form>, key: KeyEvent) {
        match form.key(key) {
            Outcome::Open => self.mode = Mode::Publish(form),
            Outcome::Closed => {}
            Outcome::Send(message) => {
                self.tell(Gravity::Note, format!("publishing to {}", &*message.topic));
                self.sent.retain(|sent| *sent != message);
                self.sent.push_back(message.clone());
                if self.sent.len() > SENT {
                    self.sent.pop_front();
                }
                self.effects.push(Effect::Publish(message));
            }
            Outcome::Recall { older } => {
                let last = self.sent.len().checked_sub(1);
                let place = match (form.recalled, older) {
                    (None, true) => last,
                    (Some(place), true) => Some(place.saturating_sub(1)),
                    (Some(place), false) => Some(place + 1).filter(|place| Some(*place) <= last),
                    (None, false) => None,
                };
                if let Some(message) = place.and_then(|place| self.sent.get(place)) {
                    *form = Form { field: form.field, ..Form::new(&message.topic, Some(message)) };
                    form.recalled = place;
                }
                self.mode = Mode::Publish(form);
            }
        }
    }

    fn begin_clearing(&mut self) {
        if !self.can_publish() {
            return;
        }
        let tree = &self.store.tree;
        let depth = tree.node(self.selected).depth;
        let mut topics = Vec::new();
        if self.selected != ROOT && tree.node(self.selected).retained > 0 {
            let mut at = Some(self.selected);
            while let Some(id) = at {
                if id != self.selected && tree.node(id).depth <= depth {
                    break;
                }
                if tree.is_shown(id) && self.store.topic(id).is_some_and(|topic| topic.retained) {
                    topics.push(id);
                }
                at = tree.after(id);
            }
        }
        if topics.is_empty() {
            self.tell(Gravity::Note, "there is no retained message here, as far as this client knows");
        } else {
            self.mode = Mode::Clear(Clearing { topics, top: 0 });
        }
    }

    fn confirm_clearing(&mut self, mut clearing: Clearing, key: KeyEvent) {
        let last = clearing.topics.len().saturating_sub(1);
        match key.code {
            KeyCode::Char('y') => {
                self.tell(Gravity::Note, format!("clearing {} retained messages", clearing.topics.len()));
                for id in clearing.topics {
                    let topic = TopicName::new(self.store.tree.node(id).path().to_owned());
                    let Ok(topic) = topic else { continue };
                    self.store.cleared(id);
                    self.effects.push(Effect::Publish(Message {
                        topic,
                        payload: Bytes::new(),
                        qos: QoS::AtLeastOnce,
                        retain: true,
                        properties: Properties::new(),
                    }));
                }
                return;
            }
            KeyCode::Down | KeyCode::Char('j') => clearing.top = (clearing.top + 1).min(last),
            KeyCode::Up | KeyCode::Char('k') => clearing.top = clearing.top.saturating_sub(1),
            KeyCode::PageDown => clearing.top = (clearing.top + 10).min(last),
            KeyCode::PageUp => clearing.top = clearing.top.saturating_sub(10),
            _ => {
                self.tell(Gravity::Note, "nothing was cleared");
                return;
            }
        }
        self.mode = Mode::Clear(clearing);
    }

    fn mouse(&mut self, event: MouseEvent) {
        if !matches!(self.mode, Mode::Normal) {
            return;
        }
        let areas = Areas::of(self.size, self.pane);
        let place = Position::new(event.column, event.row);
        let over_tree = areas.tree.contains(place);
        match event.kind {
            MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
                let rows = if event.kind == MouseEventKind::ScrollDown { 3 } else { -3 };
                self.pane = if over_tree { Pane::Topics } else { Pane::Detail };
                self.move_by(rows);
            }
            MouseEventKind::Down(MouseButton::Left) if over_tree => {
                self.pane = Pane::Topics;
                let row = self.top + usize::from(event.row - areas.tree.y);
                if let Some(id) = self.store.tree.at_row(row) {
                    let again = self.selected == id;
                    self.select(id);
                    if again && self.store.tree.node(id).has_children() {
                        let open = !self.store.tree.node(id).open;
                        self.store.tree.set_open(id, open);
                    }
                }
            }
            MouseEventKind::Down(MouseButton::Left) if areas.tabs.contains(place) => {
                if let Some(tab) = super::view::tab_at(areas.tabs, event.column) {
                    self.detail.turn_to(tab);
                }
            }
            MouseEventKind::Down(MouseButton::Left) if areas.detail.contains(place) => {
                self.pane = Pane::Detail;
                let row = usize::from(event.row - areas.detail.y);
                let topic = self.store.topic(self.selected);
                self.detail.point_at(row, topic);
            }
            _ => {}
        }
    }

    /// The time of a moment.
    #[must_use]
    pub fn time_of(&self, at: u64) -> SystemTime {
        self.began + Duration::from_micros(at)
    }
}
