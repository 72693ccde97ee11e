//! What it means here: the only place that reads settings from files, the environment and the terminal.
//!
//! A connection option is taken from the command line, else from its variable `MQT_…`, else from the
//! profile, else it has its default. Values that belong together (a URL and a host, the sources of a
//! password) are taken from one of these as a whole: see `layer`.

pub mod bench;
mod broker;
mod client;
mod environment;
mod layer;
mod login;
mod mosquitto;
pub mod option_file;
pub mod profile;
mod publish;
mod request;
mod rules;
pub mod settings;
mod subscribe;
pub mod suspicion;
mod watch;

use crate::cli::bench::{CompareArgs, LoadArgs, MergeArgs};
use crate::cli::values::ByteSize;
use crate::cli::{BrokerArgs, PublishArgs, RequestArgs, SubscribeArgs, WatchArgs, WrongUsage};
use crate::error::Failure;
use crate::output::sanitize::escape;
use mqt_client::SetupWarning;
use mqt_process::text_file::FileError;

pub use crate::cli::dialect::{Dialect, Tool};
pub use crate::cli::values::Chance;
pub use crate::cli::{ColorChoice, Decode, OnError, Overflow, SummaryFormat};
pub use bench::{BenchSettings, CompareSettings, MergeSettings};
pub use environment::Environment;
pub use mosquitto::Surroundings;
pub use request::WITH_RESPONSE_TOPIC;
pub use settings::{
    BrokerSettings, MessageSource, OutputFormat, PublishSettings, Replay, RequestSettings, RequestWork,
    RetainedChoice, ServeSettings, SubscribeSettings, UiSettings, View, WatchLimits, WatchMode,
    WatchSettings,
};

/// Settings, and what is to be reported about how they came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved<T> {
    /// What to do.
    pub settings: T,
    /// To be printed before it is done.
    pub warnings: Vec<SetupWarning>,
}

impl<T> Resolved<T> {
    /// Settings about which nothing is to be reported.
    #[must_use]
    pub fn without_warnings(settings: T) -> Self {
        Self { settings, warnings: Vec::new() }
    }
}

/// What `mqt pub` is to do.
///
/// # Errors
/// Options that do not go together, and files and variables that cannot be read.
pub fn publish(
    args: PublishArgs,
    environment: &Environment<'_>,
) -> Result<Resolved<PublishSettings>, Failure> {
    publish::resolve(args, environment)
}

/// What `mqt sub` is to do.
///
/// # Errors
/// Options that do not go together, and files and variables that cannot be read.
pub fn subscribe(
    args: SubscribeArgs,
    environment: &Environment<'_>,
) -> Result<Resolved<SubscribeSettings>, Failure> {
    subscribe::resolve(args, environment)
}

/// What `mqt rr` is to do.
///
/// # Errors
/// Options that do not go together, and files and variables that cannot be read.
pub fn request(args: RequestArgs, environment: &Environment<'_>) -> Result<Resolved<RequestWork>, Failure> {
    request::resolve(args, environment)
}

/// What `mqt watch` is to do.
///
/// # Errors
/// Options that do not go together, and files and variables that cannot be read.
pub fn watch(args: WatchArgs, environment: &Environment<'_>) -> Result<Resolved<WatchSettings>, Failure> {
    watch::resolve(args, environment)
}

/// What `mqt broker` is to do.
///
/// # Errors
/// Options that do not go together.
pub fn broker(args: BrokerArgs, environment: &Environment<'_>) -> Result<BrokerSettings, Failure> {
    broker::resolve(args, environment)
}

/// What `mqt bench` is to do.
///
/// # Errors
/// Options that do not go together, and files and variables that cannot be read.
pub fn bench(args: LoadArgs, environment: &Environment<'_>) -> Result<Resolved<BenchSettings>, Failure> {
    bench::run(args, environment)
}

/// What `mqt bench compare` is to do.
#[must_use]
pub fn bench_compare(args: CompareArgs) -> CompareSettings {
    bench::compare(args)
}

/// What `mqt bench merge` is to do.
#[must_use]
pub fn bench_merge(args: MergeArgs) -> MergeSettings {
    bench::merge(args)
}

impl From<WrongUsage> for Failure {
    fn from(usage: WrongUsage) -> Self {
        let failure = Self::usage(usage.what).keyword(usage.keyword);
        usage.hints.into_iter().fold(failure, Self::hint)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::usage(escape(&error.to_string())).keyword("file")
    }
}

/// With less memory nothing useful can be done, in bytes.
const LEAST_MEMORY: usize = 64 * 1024;

/// The value of `--max-memory`, in bytes.
fn memory(ByteSize(bytes): ByteSize) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX).max(LEAST_MEMORY)
}

#[cfg(test)]
mod tests;
