//! The owner of stdout and stderr: data, status, warnings, hints, progress.

/// The owner of stdout and stderr.
#[derive(Debug)]
pub struct Ui;

impl Ui {
    /// Prints a failure.
    pub fn failure(&self, _failure: &crate::error::Failure) {}
}
