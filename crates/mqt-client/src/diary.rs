//! The steps of connecting with their times, for `--debug`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A step: how long after the begin of the attempt, and what happened; not escaped.
pub type Step = (Duration, String);

/// What happens while a connection is made. Kept only where somebody wants to read it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Diary(Option<Arc<Mutex<Pages>>>);

#[derive(Debug)]
struct Pages {
    begin: Instant,
    steps: Vec<Step>,
}

impl Diary {
    /// One that is kept.
    #[must_use]
    pub(crate) fn kept() -> Self {
        Self(Some(Arc::new(Mutex::new(Pages { begin: Instant::now(), steps: Vec::new() }))))
    }

    /// An attempt begins.
    pub(super) fn begin(&self) {
        if let Some(pages) = &self.0 {
            *pages.lock().unwrap_or_else(PoisonError::into_inner) =
                Pages { begin: Instant::now(), steps: Vec::new() };
        }
    }

    /// Writes a step down.
    pub(super) fn note(&self, text: impl FnOnce() -> String) {
        if let Some(pages) = &self.0 {
            let mut pages = pages.lock().unwrap_or_else(PoisonError::into_inner);
            let at = pages.begin.elapsed();
            pages.steps.push((at, text()));
        }
    }

    /// The steps since they were last taken.
    pub(super) fn take(&self) -> Vec<Step> {
        match &self.0 {
            Some(pages) => std::mem::take(&mut pages.lock().unwrap_or_else(PoisonError::into_inner).steps),
            None => Vec::new(),
        }
    }
}
