//! Messages that leave the screen: for the clipboard, for a file.

use std::path::PathBuf;

use bytes::Bytes;

use crate::output::units::Many;
use crate::watch::state::app::{App, Effect, Gravity, Mode};
use crate::watch::state::edit::Edit;
use crate::watch::state::store::KeptMessage;
use crate::watch::state::tree::ROOT;

impl App {
    /// The message that the right half shows.
    pub(crate) fn shown(&self) -> Option<&KeptMessage> {
        self.detail.shown(self.store.topic(self.selected)?)
    }

    pub(crate) fn copy_value(&mut self) {
        match self.shown().map(|kept| (Bytes::copy_from_slice(&kept.payload), kept.is_cut())) {
            Some((bytes, cut)) => {
                let part = if cut { "the beginning of the payload" } else { "the payload" };
                self.tell(
                    Gravity::Note,
                    format!("{part} is on its way to the clipboard ({})", Many(bytes.len() as u64, "byte")),
                );
                self.effects.push(Effect::Copy(bytes));
            }
            None => self.tell(Gravity::Warning, "there is no message here to copy"),
        }
    }

    pub(crate) fn copy_topic(&mut self) {
        if self.selected != ROOT {
            let topic = self.store.tree.node(self.selected).path().to_owned();
            self.effects.push(Effect::Copy(topic.into()));
            self.tell(Gravity::Note, "the topic is on its way to the clipboard");
        }
    }

    pub(crate) fn begin_write(&mut self) {
        match self.shown() {
            Some(kept) if kept.is_cut() => {
                self.tell(
                    Gravity::Warning,
                    "only the beginning of this payload is kept: --max-payload keeps more",
                );
            }
            Some(_) => {
                self.notice = None;
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

    pub(crate) fn write_value(&mut self, name: &str) -> Result<(), String> {
        if name.trim().is_empty() {
            return Err("the file needs a name".to_owned());
        }
        if let Some(kept) = self.shown() {
            let bytes = Bytes::copy_from_slice(&kept.payload);
            self.effects.push(Effect::Write(PathBuf::from(name), bytes));
        }
        Ok(())
    }
}
