//! What `mqt sub` is to do.

use crate::cli::SubscribeArgs;
use crate::error::Failure;
use mqt_client::VersionChoice;
use mqt_proto::{Place, Property, RetainHandling, Subscription, TopicFilter, Version};

use super::environment::Environment;
use super::settings::{OutputFormat, RetainedChoice, SubscribeSettings, View};
use super::{Resolved, broker, client, memory, mosquitto, rules};
use mqt_process::random;

pub(super) fn resolve(
    mut args: SubscribeArgs,
    environment: &Environment<'_>,
) -> Result<Resolved<SubscribeSettings>, Failure> {
    let mut merged = client::merge(std::mem::take(&mut args.connection), environment, args.with_broker)?;
    args.topic.extend(merged.topic_of_url(TopicFilter::new)?);
    merged.hold(|connection| rules::check_subscribe(&args, connection))?;
    let mut warnings = std::mem::take(&mut merged.warnings);
    let filters = args.topic.iter().chain(&args.filter_out).chain(&args.unsubscribe);
    client::warn_of_topics(filters.map(|filter| &**filter), &merged, environment, &mut warnings);
    let mosquitto = merged.args.dialect.is_mosquitto();
    // MQTT 3 has nothing for these, and the mosquitto clients take them without a word.
    let mqtt5_only = if mosquitto { None } else { mqtt5_only(&args) };
    let mut client = client::resolve(&merged, environment, mqtt5_only)?;
    if mosquitto {
        let count = args.count.and_then(|count| u16::try_from(count.get()).ok());
        let receive_maximum = count.map_or(u16::MAX, |count| count).min(mosquitto::RECEIVE_MAXIMUM);
        mosquitto::settle(&mut client, receive_maximum, true, random::seed());
    }
    if !mosquitto && args.remove_retained && merged.args.session.max_inflight.is_none() {
        client.max_inflight = CLEARS_INFLIGHT;
    }
    let version_3 = matches!(client.version, VersionChoice::Only(Version::V31 | Version::V311));
    let with_broker =
        args.with_broker.then(|| broker::beside(&client.transport.endpoint, &merged)).transpose()?;
    let mut subscribe_properties = client::properties(&merged.args, Place::Subscribe)?;
    if let Some(number) = args.subscription_id {
        subscribe_properties.push(Property::SubscriptionIdentifier(number.0));
    }
    let settings = SubscribeSettings {
        subscriptions: subscriptions(&args, version_3, mosquitto),
        subscribe_properties,
        unsubscribe_properties: client::properties(&merged.args, Place::Unsubscribe)?,
        ui: client::ui(&merged.args),
        client,
        output: output(&args, mosquitto),
        random_filter: args.random_filter,
        view: match (args.message_rate, args.watch) {
            (true, _) => View::Rate,
            (_, true) => View::Watch,
            _ => View::Records,
        },
        unsubscribe: args.unsubscribe,
        filter_out: args.filter_out,
        count: args.count,
        timeout: args.timeout.map(|span| span.0),
        idle: args.idle.map(|span| span.0),
        exit_after_subscribe: args.exit_after_subscribe,
        retained: match (args.no_retained, args.retained_only) {
            (true, _) => RetainedChoice::Hide,
            (_, true) => RetainedChoice::Only,
            _ => RetainedChoice::All,
        },
        remove_retained: args.remove_retained,
        strict: args.strict,
        with_broker,
        newline: !args.no_newline,
        raw: args.raw || mosquitto,
        buffer: args.buffer,
        overflow: args.overflow.unwrap_or_default(),
        max_memory: args.max_memory.map(memory),
    };
    Ok(Resolved { settings, warnings })
}

/// How many clearing publishes may be unacknowledged, unless the broker allows fewer.
const CLEARS_INFLIGHT: u16 = 1_000;

/// The option that MQTT 3 has nothing for. `-R` is none: what is not asked of the broker is hidden here.
fn mqtt5_only(args: &SubscribeArgs) -> Option<&'static str> {
    [
        (args.no_local, "--no-local"),
        (args.retain_as_published, "--retain-as-published"),
        (args.retain_handling.is_some(), "--retain-handling"),
        (args.subscription_id.is_some(), "--subscription-id"),
    ]
    .into_iter()
    .find_map(|(given, name)| given.then_some(name))
}

fn subscriptions(args: &SubscribeArgs, version_3: bool, mosquitto: bool) -> Vec<Subscription> {
    let retain_handling = if args.no_retained && !version_3 {
        RetainHandling::Never
    } else {
        args.retain_handling.filter(|_| !version_3).unwrap_or_default().into()
    };
    let subscription = |filter: &TopicFilter| Subscription {
        filter: filter.clone(),
        qos: args.qos.unwrap_or_default(),
        // What --remove-retained clears comes back otherwise.
        no_local: args.no_local || (args.remove_retained && !mosquitto && filter.share().is_none()),
        retain_as_published: args.retain_as_published && !version_3,
        retain_handling,
    };
    args.topic.iter().map(subscription).collect()
}

fn output(args: &SubscribeArgs, mosquitto: bool) -> OutputFormat {
    if let Some(format) = &args.format {
        OutputFormat::Template { format: format.clone(), pretty: args.pretty }
    } else if args.json {
        OutputFormat::Json { pretty: args.pretty }
    } else if args.verbose {
        OutputFormat::Verbose { null: mosquitto }
    } else {
        OutputFormat::Payload
    }
}
