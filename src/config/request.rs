//! What `mqt rr` is to do.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use bytes::Bytes;

use crate::cli::RequestArgs;
use crate::error::Failure;
use mqt_client::VersionChoice;
use mqt_proto::{Place, Property, RetainHandling, Subscription, TopicFilter, TopicName, Version};

use super::environment::Environment;
use super::settings::{MessageSource, OutputFormat, RequestSettings, RequestWork, ServeSettings};
use super::{Resolved, client, memory, mosquitto, rules};
use mqt_process::random;

/// How many commands run at once when nothing is said.
const PARALLEL: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

/// How long a command may take when nothing is said.
const EXEC_TIMEOUT: Duration = Duration::from_secs(30);

/// How many bytes a command may print when nothing is said.
const LARGEST_ANSWER: usize = 1024 * 1024;

pub(super) fn resolve(
    mut args: RequestArgs,
    environment: &Environment<'_>,
) -> Result<Resolved<RequestWork>, Failure> {
    let mut merged = client::merge(std::mem::take(&mut args.connection), environment, false)?;
    args.topic.extend(merged.topic_of_url(TopicFilter::new)?);
    let mosquitto = merged.args.dialect.is_mosquitto();
    merged.hold(|connection| rules::check_request(&args, connection))?;
    let mut warnings = std::mem::take(&mut merged.warnings);
    let topics = args.topic.iter().map(|topic| &**topic).chain(args.response_topic.as_deref());
    client::warn_of_topics(topics, &merged, environment, &mut warnings);
    let mqtt5_only = if mosquitto { None } else { mqtt5_only(&args) };
    let mut client = client::resolve(&merged, environment, mqtt5_only).map_err(|failure| {
        let names_it = mqtt5_only == Some(NO_RESPONSE_TOPIC) && failure.what.starts_with(NO_RESPONSE_TOPIC);
        if names_it { failure.hint(WITH_RESPONSE_TOPIC) } else { failure }
    })?;
    if mosquitto {
        mosquitto::settle(&mut client, 1, false, random::seed());
    }
    let version_3 = matches!(client.version, VersionChoice::Only(Version::V31 | Version::V311));
    let mut properties = client::properties(&merged.args, Place::Publish)?;
    let subscribe_properties = client::properties(&merged.args, Place::Subscribe)?;
    let ui = client::ui(&merged.args);
    let qos = args.qos.unwrap_or_default();
    // What was retained before the request is no answer to it, whatever mosquitto_rr makes of it.
    let only_new = args.no_retained || !mosquitto && !args.serve && !args.retained_answers;
    let subscription = |filter: &TopicFilter| Subscription {
        qos,
        retain_as_published: args.retain_as_published && !version_3,
        retain_handling: if only_new && !version_3 {
            RetainHandling::Never
        } else {
            args.retain_handling.filter(|_| !version_3).unwrap_or_default().into()
        },
        ..Subscription::new(filter.clone(), qos)
    };
    if let Some(command) = args.exec {
        let settings = ServeSettings {
            client,
            subscriptions: args.topic.iter().map(subscription).collect(),
            subscribe_properties,
            command,
            command_timeout: Some(args.exec_timeout.map_or(EXEC_TIMEOUT, |span| span.0))
                .filter(|limit| !limit.is_zero()),
            largest_answer: merged
                .args
                .session
                .max_message
                .map_or(LARGEST_ANSWER, |size| usize::try_from(size.0).unwrap_or(usize::MAX)),
            on_failure: args.on_failure.map(|text| Bytes::copy_from_slice(text.as_encoded_bytes())),
            hide_retained: args.no_retained,
            parallel: args.parallel.unwrap_or(PARALLEL),
            response_topic: args.response_topic,
            qos,
            properties,
            ui,
        };
        return Ok(Resolved { settings: RequestWork::Serve(Box::new(settings)), warnings });
    }
    let topic = args.topic.first().map_or(Ok(TopicName::default()), |topic| {
        TopicName::new(topic.as_byte_string().clone())
            .map_err(|error| Failure::usage(format!("--topic '{topic}': {error}")).keyword("topic"))
    })?;
    let response_topic = match args.response_topic.clone() {
        Some(topic) => topic,
        None => TopicName::new(format!("mqt/rr/{:016x}", random::seed()))
            .map_err(|error| Failure::usage(error.to_string()))?,
    };
    let filter = TopicFilter::new(response_topic.as_byte_string().clone())
        .map_err(|error| Failure::usage(format!("--response-topic '{response_topic}': {error}")))?;
    // The clients of mosquitto add it last.
    if !version_3 {
        if properties.response_topic().is_some() {
            return Err(Failure::usage("the response topic is given twice: by -e and by -D")
                .mosquitto_text("Error in PUBLISH properties: Duplicate response topic."));
        }
        properties.push(Property::ResponseTopic(response_topic.as_byte_string().clone()));
    }
    let settings = RequestSettings {
        client,
        topic,
        source: source(&args),
        subscription: subscription(&filter),
        subscribe_properties,
        qos,
        properties,
        made_up_topic: args.response_topic.is_none(),
        // The flag of a message as it was published says nothing of its age, and none that is old was asked for.
        hide_retained: args.no_retained || only_new && !args.retain_as_published,
        count: args.count.unwrap_or(NonZeroU64::MIN),
        interval: args.rate.map(|rate| rate.interval),
        timeout: args.timeout.map(|span| span.0),
        latency: args.latency,
        output: output(&args, mosquitto),
        newline: !args.no_newline,
        raw: args.raw || mosquitto,
        max_memory: args.max_memory.map(memory),
        ui,
    };
    Ok(Resolved { settings: RequestWork::Ask(Box::new(settings)), warnings })
}

/// What needs MQTT 5 where no response topic is given.
const NO_RESPONSE_TOPIC: &str = "a request without a response topic (-e)";

/// What works with older versions.
pub const WITH_RESPONSE_TOPIC: &str = "-e TOPIC names the response topic, on which the responder answers by agreement: that works with MQTT 3.1.1, too";

/// The option, or the lack of one, that MQTT 3 has nothing for.
fn mqtt5_only(args: &RequestArgs) -> Option<&'static str> {
    [
        (args.retain_as_published, "--retain-as-published"),
        (args.retain_handling.is_some(), "--retain-handling"),
        (!args.serve && args.response_topic.is_none(), NO_RESPONSE_TOPIC),
    ]
    .into_iter()
    .find_map(|(given, name)| given.then_some(name))
}

fn source(args: &RequestArgs) -> MessageSource {
    if let Some(text) = &args.message {
        MessageSource::Message(Bytes::copy_from_slice(text.as_encoded_bytes()))
    } else if let Some(path) = &args.file {
        MessageSource::File(path.clone())
    } else if args.stdin_file {
        MessageSource::StdinWhole
    } else {
        MessageSource::Null
    }
}

fn output(args: &RequestArgs, mosquitto: bool) -> OutputFormat {
    match &args.format {
        Some(format) => OutputFormat::Template { format: format.clone(), pretty: args.pretty },
        None if args.verbose => OutputFormat::Verbose { null: mosquitto },
        None => OutputFormat::Payload,
    }
}
