//! `mqt profile`: what profiles there are, and what they say.

use crate::cli::{ProfileAction, ProfileArgs};
use crate::config::Environment;
use crate::config::profile::{ProfileFile, missing_file, no_file};
use crate::error::Failure;
use crate::ui::Ui;

/// Lists or shows profiles on stdout.
///
/// # Errors
/// The file cannot be read or understood, or the profile is not there; stdout cannot be written.
pub fn run(args: &ProfileArgs, environment: &Environment<'_>, ui: &Ui) -> Result<(), Failure> {
    let file = ProfileFile::read(environment)?;
    let text = match (&args.action, file) {
        (ProfileAction::List, Some(file)) => file.list(),
        (ProfileAction::List, None) => {
            ui.note("config", &no_file(environment));
            String::new()
        }
        (ProfileAction::Show { name }, Some(file)) => file.show(name)?,
        (ProfileAction::Show { name }, None) => return Err(missing_file(environment, name)),
    };
    ui.out(text.as_bytes())
}
