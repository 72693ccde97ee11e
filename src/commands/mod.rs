//! Glue: settings → client → formatter → exit status, one module a command.

pub mod broker;
pub mod complete;
mod exec;
pub(crate) mod failure;
mod feed;
pub mod generate;
#[cfg(test)]
pub(crate) mod hostile_peer;
mod input;
pub mod install_links;
pub(crate) mod latency;
mod local_broker;
mod mosquitto;
pub mod mosquitto_manual;
pub(crate) mod nearness;
pub(crate) mod objects;
pub(crate) mod outlet;
pub mod profile;
pub mod publish;
pub(crate) mod recording;
pub mod request;
mod roff;
mod serve;
pub mod signals;
pub mod subscribe;
pub(crate) mod talk;

use std::future::Future;

use tokio::time::Instant;

use crate::config::OutputFormat;
use crate::error::{Failure, Kind};
use crate::output::{Formatter, Json, Presentation, Template, Text};
use mqt_client::error::reason;

pub(crate) use local_broker::local_broker;

/// How many descriptors the runtime takes: of its poll and the copy of it, of its waker, and three of its signals.
const OF_RUNTIME: usize = 6;

/// The system has not enough of something that every command needs.
pub(crate) fn shortage(error: &std::io::Error) -> Failure {
    Failure::new(Kind::Connect, format!("the system has no room for this: {}", reason(error)))
        .keyword("resources")
        .hint("`ulimit -a` shows the limits: open files (-n), processes and threads (-u), memory (-v)")
}

/// Runs a command on a runtime of one thread, and does not wait for what it leaves behind, such as a
/// name lookup that the system cannot cancel.
pub(crate) fn run_to_end<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    // The runtime panics when it finds none for its signals.
    mqt_process::descriptors::check(OF_RUNTIME).map_err(|error| shortage(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| shortage(&error))?;
    let result = runtime.block_on(command);
    runtime.shutdown_background();
    result
}

/// How messages are printed, one by one.
pub(crate) fn records(
    output: &OutputFormat,
    presentation: &Presentation,
) -> Result<Box<dyn Formatter>, Failure> {
    Ok(match output {
        OutputFormat::Payload => Box::new(Text::payload(presentation)),
        OutputFormat::Verbose { null: true } => Box::new(Text::mosquitto_verbose(presentation)),
        OutputFormat::Verbose { null: false } => Box::new(Text::verbose(presentation)),
        OutputFormat::Json { pretty } => Box::new(Json::new(presentation, *pretty)),
        OutputFormat::Template { format, pretty } => {
            let template = Template::parse(format).map_err(|error| {
                Failure::usage(format!("-F: {error}")).hint("mqt sub --help lists the escapes")
            })?;
            Box::new(template.present(presentation, *pretty))
        }
    })
}

pub(crate) async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
