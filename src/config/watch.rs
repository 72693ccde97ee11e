//! What `mqt watch` is to do.

use std::time::Duration;

use crate::cli::WatchArgs;
use crate::cli::values::Speed;
use crate::error::Failure;
use mqt_client::Attempts;
use mqt_proto::{Place, TopicFilter};

use super::environment::Environment;
use super::settings::{Replay, WatchLimits, WatchMode, WatchSettings};
use super::{Resolved, broker, client, memory};

/// This many retained messages are cleared at once, where the broker takes as many: there may be thousands.
const WINDOW: u16 = 1_000;
/// From one table to the next, when nothing is said.
const INTERVAL: Duration = Duration::from_secs(2);
/// How many topics a table lists by default.
const TOP: usize = 20;
/// No table comes more often.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

pub(super) fn resolve(
    mut args: WatchArgs,
    environment: &Environment<'_>,
) -> Result<Resolved<WatchSettings>, Failure> {
    let own_broker = args.with_broker || args.replay.is_some();
    let mut merged = client::merge(std::mem::take(&mut args.connection), environment, own_broker)?;
    let mut filters = std::mem::take(&mut args.topic);
    let filter = |text: &str, what: &str| {
        TopicFilter::new(text).map_err(|error| Failure::usage(format!("{what}: {error}")).keyword("topic"))
    };
    filters.extend(merged.topic_of_url(TopicFilter::new)?);
    if filters.is_empty() {
        filters.push(filter("#", "-t")?);
    }
    if args.sys {
        filters.push(filter("$SYS/#", "--sys")?);
    }
    let mut warnings = std::mem::take(&mut merged.warnings);
    let topics = filters.iter().chain(&args.filter_out).map(|filter| &**filter);
    client::warn_of_topics(topics, &merged, environment, &mut warnings);
    let mut client = client::resolve(&merged, environment, None)?;
    if merged.args.session.max_inflight.is_none() {
        client.max_inflight = WINDOW;
    }
    let mode = mode(&args, environment)?;
    // On a screen one sees that it tries, and what it says about it.
    let retries = merged.args.server.retry.is_some() || merged.args.server.no_reconnect.is_some();
    if matches!(mode, WatchMode::Screen { .. }) && !retries {
        client.reconnect = Attempts::Unlimited;
    }
    let with_broker =
        args.with_broker.then(|| broker::beside(&client.transport.endpoint, &merged)).transpose()?;
    let settings = WatchSettings {
        subscribe_properties: client::properties(&merged.args, Place::Subscribe)?,
        ui: client::ui(&merged.args),
        client,
        filters,
        filter_out: args.filter_out,
        qos: args.qos.unwrap_or_default(),
        with_broker,
        record: args.record,
        replay: args.replay.map(|file| Replay { file, speed: args.speed.unwrap_or(Speed::RECORDED) }),
        decode: args.decode.unwrap_or_default(),
        mode,
        limits: {
            let standard = WatchLimits::default();
            let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
            WatchLimits {
                topics: args.max_topics.map_or(standard.topics, usize::from),
                history: args.history.map_or(standard.history, usize::from),
                payload: args.max_payload.map_or(standard.payload, |size| bytes(size.0)),
                memory: args.max_memory.map_or(standard.memory, memory),
            }
        },
    };
    Ok(Resolved { settings, warnings })
}

fn mode(args: &WatchArgs, environment: &Environment<'_>) -> Result<WatchMode, Failure> {
    if environment.is_interactive && !(args.plain || args.json || args.once.is_some()) {
        if args.interval.is_some() || args.top.is_some() {
            return Err(
                Failure::usage("--interval and --top are for tables").hint("add --plain, --json or --once")
            );
        }
        return Ok(WatchMode::Screen { mouse: !args.no_mouse });
    }
    let interval = args.interval.map_or(INTERVAL, |span| span.0);
    let interval = args.once.flatten().map_or(interval, |span| span.0);
    Ok(WatchMode::Table {
        json: args.json,
        interval: interval.max(SHORTEST_INTERVAL),
        once: args.once.is_some(),
        top: args.top.map(usize::from).or((!args.json).then_some(TOP)),
    })
}
