//! `mqt bench`: load on a broker, and results that can be believed.

pub mod clock;
pub mod deliver;
pub mod load;
pub mod plan;
pub mod report;
pub mod result;
mod run;
pub(crate) mod together;

pub use run::run;

use crate::config::{BenchSettings, CompareSettings, MergeSettings};
use crate::error::Failure;
use crate::output::sanitize::escape;
use crate::ui::Ui;

/// Whether other processes take part in the run.
fn in_parts(settings: &BenchSettings) -> bool {
    settings.shard.is_some_and(|shard| shard.count.get() > 1)
}

/// Shows what differs between two results.
///
/// # Errors
/// A file cannot be read, or is no result.
pub fn run_compare(settings: &CompareSettings, ui: &Ui) -> Result<(), Failure> {
    let (before, after) = (deliver::read(&settings.before)?, deliver::read(&settings.after)?);
    let comparison = result::compare::compare(&before, &after);
    ui.out(report::comparison::report(&comparison, ui.style()).as_bytes())
}

/// Merges the results of all shards, and delivers the result of the whole.
///
/// # Errors
/// A file cannot be read, is no result or belongs to another run; a file cannot be written; a threshold failed.
pub fn run_merge(settings: &MergeSettings, ui: &Ui) -> Result<(), Failure> {
    deliver::check_folders(&settings.outputs)?;
    let files = settings
        .files
        .iter()
        .map(|path| deliver::read(path).map(|file| (path.display().to_string(), file)))
        .collect::<Result<Vec<_>, _>>()?;
    let merged = result::merge::merge(files, settings.max_skew).map_err(|error| {
        Failure::usage(escape(&error.to_string()))
            .keyword("result")
            .hint("all shards of one run go together, each once; --max-skew allows for clocks that differ")
    })?;
    deliver::deliver(merged, &settings.outputs, &settings.thresholds, ui)
}
