//! The state of the screen, and how it changes: no terminal, no connection, no clock.

mod export;
mod keys;
mod publish;
mod select;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use ratatui::crossterm::event::{KeyEvent, MouseEvent};
use ratatui::layout::Size;

use crate::config::{Decode, WatchLimits};
use crate::output::clock::LocalClock;
use crate::watch::state::detail::Detail;
use crate::watch::state::edit::Edit;
use crate::watch::state::filter::TopicSearch;
use crate::watch::state::form::PublishForm;
use crate::watch::state::layout::{Areas, Pane};
use crate::watch::state::store::{KeptMessage, Store};
use crate::watch::state::tree::{FADE, NodeId, ROOT, SortOrder};
use mqt_proto::packet::Publish;
use mqt_proto::{Message, TopicFilter, TopicName, Version};

/// This many messages wait at most while the screen is paused.
const PENDING: usize = 50_000;
/// One call of [`App::work`] takes in this many waiting messages, filters this many topics, moves this many of them.
const STEP: usize = 2_000;
/// A notice stays in the last line for this long at most, in microseconds.
const NOTICE_TIME: u64 = 8_000_000;
/// How often topics are sorted again where their order changes, in microseconds: rows that jump all the time
/// cannot be read.
const REORDER: u64 = 1_000_000;

/// The connection, or what stands in for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LinkState {
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
pub struct WatchNotice {
    /// When.
    pub at: u64,
    /// How grave it is.
    pub gravity: Gravity,
    /// What it says.
    pub text: String,
    /// The next key does not take it away: nobody has asked for it.
    lasts: bool,
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
    Publish(Box<PublishForm>),
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
    Link(LinkState),
    /// Something to tell.
    Notice(Gravity, String),
    /// This many messages were published, this many of them are confirmed.
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
    /// Draw everything again.
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
    pub link: LinkState,
    /// The last notice.
    pub notice: Option<WatchNotice>,
    /// Nothing changes on the screen.
    pub paused: bool,
    /// The mouse is listened to.
    pub mouse: bool,
    /// Where the recording goes.
    pub recording: Option<PathBuf>,
    /// Messages published, and how many of them are confirmed.
    published: (u64, u64),
    /// How many were published a second, faded to the time of the last of them.
    published_at: (f64, u64),
    /// Messages sent before, the newest last.
    pub sent: VecDeque<Message>,
    /// The messages that came while the screen was paused and wait to be taken in.
    pending: VecDeque<(TopicName, KeptMessage)>,
    pending_cost: usize,
    filter_out: Vec<TopicFilter>,
    search: Option<TopicSearch>,
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
            link: LinkState::Connecting,
            notice: None,
            paused: false,
            mouse: false,
            recording: None,
            published: (0, 0),
            published_at: (0.0, 0),
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
        let kept = KeptMessage::new(publish, at, self.store.limits().payload);
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

    /// How many messages were published a second, of the last seconds.
    #[must_use]
    pub fn publish_rate(&self) -> f64 {
        let (rate, at) = self.published_at;
        rate * (-(self.now.saturating_sub(at) as f64 / 1e6) / FADE).exp()
    }

    /// How many messages were published.
    #[must_use]
    pub fn publishes(&self) -> u64 {
        self.published.0
    }

    /// How many published messages are not confirmed yet.
    #[must_use]
    pub fn open_publishes(&self) -> u64 {
        self.published.0.saturating_sub(self.published.1)
    }

    /// How many messages wait for the end of the pause.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// What is kept takes this many bytes, about.
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
            Action::Notice(gravity, text) => {
                // The clock of a recording ends with it.
                let lasts = gravity == Gravity::Warning && !matches!(self.link, LinkState::Replay { .. });
                self.notice = Some(WatchNotice { at: self.now, gravity, text, lasts });
            }
            Action::Published { asked, confirmed } => {
                if self.published == (asked, confirmed) {
                    return;
                }
                let new = asked.saturating_sub(self.published.0);
                if new > 0 {
                    self.published_at = (self.publish_rate() + new as f64 / FADE, self.now);
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
        let is_over = |notice: &mut WatchNotice| self.now >= notice.at + NOTICE_TIME;
        let is_gone = self.notice.take_if(is_over).is_some();
        self.is_dirty |= is_gone || !(self.paused || self.store.tree.is_empty());
        if self.store.tree.order() != SortOrder::Name && !self.paused && self.now >= self.reordered + REORDER
        {
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

    /// Answers a key, until the next one.
    fn tell(&mut self, gravity: Gravity, text: impl Into<String>) {
        self.notice = Some(WatchNotice { at: self.now, gravity, text: text.into(), lasts: false });
    }

    fn pause(&mut self) {
        self.paused = !self.paused;
    }

    /// The time of a moment.
    #[must_use]
    pub fn time_of(&self, at: u64) -> SystemTime {
        self.began + Duration::from_micros(at)
    }
}

#[cfg(test)]
mod tests;
