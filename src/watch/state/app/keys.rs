//! What keys, the mouse and pasted text do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use crate::watch::state::app::{App, Effect, Gravity, Mode};
use crate::watch::state::detail::Tab;
use crate::watch::state::edit::Edit;
use crate::watch::state::filter::Filter;
use crate::watch::state::layout::{Areas, Pane, tab_at};
use crate::watch::state::tree::ROOT;

impl App {
    pub(crate) fn key(&mut self, key: KeyEvent) {
        self.notice.take_if(|notice| !notice.lasts);
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

    pub(crate) fn paste(&mut self, text: &str) {
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
            KeyCode::Char('/') => {
                self.notice = None;
                self.mode = Mode::Search(Edit::default());
            }
            KeyCode::Char('n') => self.search_again(true),
            KeyCode::Char('N') => self.search_again(false),
            KeyCode::Char('f') => {
                self.notice = None;
                self.mode = Mode::Filter(Edit::new(self.store.filter().text()));
            }
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

    pub(crate) fn mouse(&mut self, event: MouseEvent) {
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
                if let Some(tab) = tab_at(areas.tabs, event.column) {
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

    fn page(&self) -> isize {
        let areas = Areas::of(self.size, self.pane);
        let height = if self.pane == Pane::Topics { areas.tree.height } else { areas.detail.height };
        isize::from(height as i16).max(2) - 1
    }
}
