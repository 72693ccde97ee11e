//! What `mqt pub` is to do.

use std::num::NonZeroU64;

use bytes::Bytes;

use crate::cli::PublishArgs;
use crate::cli::values::Speed;
use crate::error::Failure;
use mqt_client::ClientOptions;
use mqt_proto::{Place, Property, QoS, TopicName};

use super::environment::Environment;
use super::settings::{MessageSource, PublishSettings, Replay};
use super::{Resolved, broker, client, mosquitto, rules};
use mqt_process::random;

pub(super) fn resolve(
    mut args: PublishArgs,
    environment: &Environment<'_>,
) -> Result<Resolved<PublishSettings>, Failure> {
    let mut merged = client::merge(std::mem::take(&mut args.connection), environment, args.with_broker)?;
    args.topic.extend(merged.topic_of_url(TopicName::new)?);
    merged.hold(|connection| rules::check_publish(&args, connection))?;
    let mut warnings = std::mem::take(&mut merged.warnings);
    let will_topic = merged.args.will.will_topic.as_deref();
    let topics = args.topic.iter().map(|topic| &**topic).chain(will_topic);
    client::warn_of_topics(topics, &merged, environment, &mut warnings);
    let mqtt5_only = args.require_subscriber.then_some("--require-subscriber");
    let mut client = client::resolve(&merged, environment, mqtt5_only)?;
    if merged.args.dialect.is_mosquitto() {
        mosquitto::settle(&mut client, mosquitto::RECEIVE_MAXIMUM, args.stdin_line, random::seed());
    } else if merged.args.session.session_expiry.is_none() && may_be_exactly_once(&args) {
        keep_session_while_running(&mut client);
    }
    let with_broker =
        args.with_broker.then(|| broker::beside(&client.transport.endpoint, &merged)).transpose()?;
    let settings = PublishSettings {
        properties: client::properties(&merged.args, Place::Publish)?,
        ui: client::ui(&merged.args),
        client,
        source: source(&args),
        topics: args.topic,
        split_topic: args.split_topic.map(|separator| Bytes::from(separator.0)),
        qos: args.qos.unwrap_or_default(),
        retain: args.retain,
        repeat: args.repeat.unwrap_or(NonZeroU64::MIN),
        repeat_delay: args.repeat_delay.map(|span| span.0).unwrap_or_default(),
        timeout: args.timeout.map(|span| span.0),
        on_error: args.on_error.unwrap_or_default(),
        downgrade_qos: args.downgrade_qos,
        require_subscriber: args.require_subscriber,
        with_broker,
    };
    Ok(Resolved { settings, warnings })
}

/// How long the broker keeps the session of a `pub` that was killed, in seconds. Nothing is queued in it.
const SESSION_WHILE_RUNNING: u32 = 3_600;

/// Whether a message may be one of QoS 2.
fn may_be_exactly_once(args: &PublishArgs) -> bool {
    args.qos == Some(QoS::ExactlyOnce) || args.json || args.replay.is_some()
}

/// Asks for a session that outlives a lost connection, and gives it up in DISCONNECT: without it a QoS 2 message whose
/// flow is cut has to be published as new, and may arrive twice (MQTT 5, 3.1.2.11.2 and 3.14.2.2.2).
fn keep_session_while_running(client: &mut ClientOptions) {
    if client.session_expiry != 0 || client.connect_properties.session_expiry_interval().is_some() {
        return;
    }
    client.session_expiry = SESSION_WHILE_RUNNING;
    if client.disconnect_properties.session_expiry_interval().is_none() {
        client.disconnect_properties.push(Property::SessionExpiryInterval(0));
    }
}

fn source(args: &PublishArgs) -> MessageSource {
    if let Some(text) = &args.message {
        MessageSource::Message(Bytes::copy_from_slice(text.as_encoded_bytes()))
    } else if let Some(path) = &args.file {
        MessageSource::File(path.clone())
    } else if args.stdin_file {
        MessageSource::StdinWhole
    } else if args.stdin_null {
        MessageSource::Lines { delimiter: 0, crlf: false }
    } else if args.stdin_line || args.split_topic.is_some() {
        // On Windows lines end with CR LF, as standard input in text mode has it for other programs.
        MessageSource::Lines { delimiter: b'\n', crlf: args.crlf || cfg!(windows) }
    } else if let Some(file) = &args.replay {
        MessageSource::Recording(Replay { file: file.clone(), speed: args.speed.unwrap_or(Speed::RECORDED) })
    } else if args.json {
        MessageSource::JsonLines
    } else {
        MessageSource::Null
    }
}
