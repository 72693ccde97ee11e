//! A text that is being typed.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// More than this is not taken, in bytes.
const LONGEST: usize = 1 << 20;

/// A text and the place in it where typing continues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    text: String,
    /// In bytes, at the beginning of a character.
    at: usize,
}

impl Edit {
    /// A text with the place at its end.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { at: text.len(), text }
    }

    /// A text with the place between its two parts.
    #[must_use]
    pub fn at(before: &str, after: &str) -> Self {
        Self { at: before.len(), text: format!("{before}{after}") }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text before the place, and from it on.
    #[must_use]
    pub fn split(&self) -> (&str, &str) {
        self.text.split_at(self.at)
    }

    /// Puts text in.
    pub fn insert(&mut self, text: &str) {
        if self.text.len() + text.len() <= LONGEST {
            self.text.insert_str(self.at, text);
            self.at += text.len();
        }
    }

    /// Does what a key says. Returns whether it means something here.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('a') if control => self.at = 0,
            KeyCode::Char('e') if control => self.at = self.text.len(),
            KeyCode::Char('u') if control => self.cut(0),
            KeyCode::Char('w') if control => {
                let (before, _) = self.split();
                let word = before.trim_end().rfind(char::is_whitespace).map_or(0, |at| at + 1);
                self.cut(word);
            }
            KeyCode::Char(_) if control || key.modifiers.contains(KeyModifiers::ALT) => return false,
            KeyCode::Char(character) => self.insert(character.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => self.cut(self.before()),
            KeyCode::Delete => {
                let end = self.after();
                self.text.replace_range(self.at..end, "");
            }
            KeyCode::Left => self.at = self.before(),
            KeyCode::Right => self.at = self.after(),
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = self.text.len(),
            _ => return false,
        }
        true
    }

    fn cut(&mut self, from: usize) {
        self.text.replace_range(from..self.at, "");
        self.at = from;
    }

    fn before(&self) -> usize {
        self.split().0.char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        self.at + self.split().1.chars().next().map_or(0, char::len_utf8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_edit_whole_characters() {
        let mut edit = Edit::default();
        let mut press = |code, modifiers| {
            edit.key(KeyEvent::new(code, modifiers));
            edit.split().0.to_owned() + "|" + edit.split().1
        };
        for character in "wärme zwei".chars() {
            press(KeyCode::Char(character), KeyModifiers::NONE);
        }
        assert_eq!(press(KeyCode::Char('w'), KeyModifiers::CONTROL), "wärme |");
        assert_eq!(press(KeyCode::Home, KeyModifiers::NONE), "|wärme ");
        press(KeyCode::Right, KeyModifiers::NONE);
        assert_eq!(press(KeyCode::Right, KeyModifiers::NONE), "wä|rme ");
        assert_eq!(press(KeyCode::Backspace, KeyModifiers::NONE), "w|rme ");
        assert_eq!(press(KeyCode::Delete, KeyModifiers::NONE), "w|me ");
        assert_eq!(press(KeyCode::Left, KeyModifiers::NONE), "|wme ");
        assert_eq!(press(KeyCode::Backspace, KeyModifiers::NONE), "|wme ");
        assert_eq!(press(KeyCode::End, KeyModifiers::NONE), "wme |");
        assert_eq!(press(KeyCode::Char('u'), KeyModifiers::CONTROL), "|");
    }
}
