//! `mqt rr --serve`: each request is answered by what a command prints.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::process::Stdio;

use bytes::Bytes;
use bytestring::ByteString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::config::ServeSettings;
use crate::connection::password::run_in_shell;
use crate::connection::{Client, ClientError, SessionChoices};
use crate::error::{Failure, Kind};
use crate::mqtt::packet::Publish;
use crate::mqtt::session::Event;
use crate::mqtt::{MAX_REMAINING_LENGTH, Message, Property, ReasonCode, TopicName, Version};
use crate::output::sanitize::escape;
use crate::ui::Ui;

use super::failure::{from_refusal, from_setup, from_suback};
use super::random_seed;
use super::signals::{Signal, Signals};
use super::talk::Talk;

/// How many unacknowledged requests the broker may send, unless the user says otherwise.
const RECEIVE_MAXIMUM: u16 = 100;
/// So many requests wait for a free place before nothing more is read.
const WAITING: usize = 100;

/// Serves until a signal comes or the connection is over.
pub(super) async fn serve(mut settings: ServeSettings, ui: &Ui) -> Result<Option<Signal>, Failure> {
    let mut signals = Signals::listen().map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
    let properties = &mut settings.client.connect_properties;
    if properties.receive_maximum().is_none() {
        properties.push(Property::ReceiveMaximum(RECEIVE_MAXIMUM));
    }
    let choices = SessionChoices { downgrade_qos: false, trace: settings.ui.debug, seed: random_seed() };
    let mut client = Client::new(settings.client.clone(), choices).map_err(|error| from_setup(&error))?;
    client.session().subscribe(settings.subscriptions.clone(), settings.subscribe_properties.clone());
    let talk = Talk::new(ui, &settings.client, client.warnings());
    let mut server = Server {
        settings,
        client,
        talk,
        waiting: VecDeque::new(),
        running: JoinSet::new(),
        open: BTreeSet::new(),
        newest: 0,
        failure: None,
        signal: None,
    };
    let result = server.run(&mut signals).await;
    server.finish(result, &mut signals).await
}

/// What came of a command.
struct Answer {
    delivery: u64,
    /// Where it goes to; `None` when nobody waits for it.
    topic: Option<TopicName>,
    correlation: Option<Bytes>,
    /// What it printed, or why there is nothing.
    result: Result<Vec<u8>, String>,
}

struct Server<'a> {
    settings: ServeSettings,
    client: Client,
    talk: Talk<'a>,
    waiting: VecDeque<(Publish, u64)>,
    running: JoinSet<Answer>,
    /// The deliveries that are not done with.
    open: BTreeSet<u64>,
    newest: u64,
    failure: Option<Failure>,
    signal: Option<Signal>,
}

impl Server<'_> {
    async fn run(&mut self, signals: &mut Signals) -> Result<(), ClientError> {
        while self.failure.is_none() {
            self.start_waiting();
            tokio::select! {
                biased;
                signal = signals.next() => {
                    self.signal = Some(signal);
                    return Ok(());
                }
                Some(answer) = self.running.join_next() => {
                    if let Ok(answer) = answer {
                        self.reply(answer);
                    }
                }
                result = self.client.drive() => {
                    self.attend();
                    result?;
                }
            }
        }
        Ok(())
    }

    /// Starts commands while there are requests and places.
    fn start_waiting(&mut self) {
        while self.running.len() < self.settings.parallel.get()
            && let Some((publish, delivery)) = self.waiting.pop_front()
        {
            let topic = response_topic(&publish).or_else(|| self.settings.response_topic.clone());
            let correlation = publish.message.properties.correlation_data().cloned();
            let command = self.settings.command.clone();
            self.running.spawn(async move {
                let result = answer(&command, &publish, topic.as_deref()).await;
                Answer { delivery, topic, correlation, result }
            });
        }
        self.client.set_reading(self.waiting.len() < WAITING);
    }

    fn attend(&mut self) {
        while let Some(notice) = self.client.take_notice() {
            self.talk.notice(notice);
        }
        while let Some(event) = self.client.session().take_event() {
            match event {
                Event::Message { publish, delivery } => {
                    self.newest = delivery;
                    self.open.insert(delivery);
                    self.waiting.push_back((publish, delivery));
                }
                Event::Subscribed { results, reason_string } => {
                    for (subscription, reason) in results {
                        if reason.is_error() {
                            let failure = from_suback(&subscription.filter, reason, reason_string.as_deref());
                            self.failure.get_or_insert(failure);
                        }
                    }
                }
                Event::Refused { topic, refusal, .. } => {
                    self.talk.ui.failure(&from_refusal(&refusal, &topic, None));
                }
                other => self.talk.event(&other),
            }
        }
    }

    /// Publishes an answer, and acknowledges every request up to the oldest that is still open.
    fn reply(&mut self, answer: Answer) {
        match (answer.result, answer.topic) {
            (Ok(payload), Some(topic)) => {
                let mut message =
                    Message { topic, payload: payload.into(), qos: self.settings.qos, ..Message::default() };
                if self.client.session_state().version() == Version::V5 {
                    message.properties = self.settings.properties.clone();
                    if let Some(data) = answer.correlation {
                        message.properties.push(Property::CorrelationData(data));
                    }
                }
                self.client.session().publish(message);
            }
            (Ok(_), None) => {}
            (Err(why), _) => self.talk.ui.warning("exec", &why),
        }
        self.open.remove(&answer.delivery);
        let done = self.open.first().map_or(self.newest, |oldest| oldest.saturating_sub(1));
        self.client.session().acknowledge(done);
    }

    /// Ends in order: what runs is answered, unless a second signal comes.
    async fn finish(
        mut self,
        result: Result<(), ClientError>,
        signals: &mut Signals,
    ) -> Result<Option<Signal>, Failure> {
        self.waiting.clear();
        while result.is_ok() && (!self.running.is_empty() || !self.client.session_state().is_drained()) {
            tokio::select! {
                biased;
                signal = signals.next() => {
                    self.signal = Some(signal);
                    break;
                }
                Some(answer) = self.running.join_next() => {
                    if let Ok(answer) = answer {
                        self.reply(answer);
                    }
                }
                result = self.client.drive() => {
                    self.attend();
                    self.waiting.clear();
                    if result.is_err() {
                        break;
                    }
                }
            }
        }
        self.running.abort_all();
        let client_id = self.client.session_state().client_id();
        self.client.close(ReasonCode::SUCCESS).await;
        if let Err(error) = result {
            return Err(self.talk.failure(&error, &client_id));
        }
        match self.failure {
            Some(failure) => Err(failure),
            // Its normal end, as with an endless subscriber.
            None => Ok(self.signal.filter(|signal| *signal == Signal::Hangup)),
        }
    }
}

fn response_topic(publish: &Publish) -> Option<TopicName> {
    TopicName::new(publish.message.properties.response_topic()?.clone()).ok()
}

/// Runs the command for a request.
async fn answer(command: &str, publish: &Publish, topic: Option<&str>) -> Result<Vec<u8>, String> {
    let failed = |what: String| format!("the command for \"{}\" {what}", escape(&publish.message.topic));
    let mut child = run_in_shell(command)
        .envs(variables(publish, topic))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("could not be started: {error}")))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A command need not read its input.
            let _ = stdin.write_all(&publish.message.payload).await;
        }
    };
    let most = u64::try_from(MAX_REMAINING_LENGTH).unwrap_or(u64::MAX);
    let read = async {
        let mut printed = Vec::new();
        match stdout {
            Some(stdout) => stdout.take(most).read_to_end(&mut printed).await.map(|_| printed),
            None => Ok(printed),
        }
    };
    let ((), printed) = tokio::join!(feed, read);
    let status = child.wait().await.map_err(|error| failed(format!("could not be waited for: {error}")))?;
    let printed = printed.map_err(|error| failed(format!("could not be read: {error}")))?;
    if status.success() { Ok(printed) } else { Err(failed(format!("failed: {status}; no answer is sent"))) }
}

/// What the command learns about the request besides its payload.
fn variables(publish: &Publish, topic: Option<&str>) -> HashMap<String, String> {
    let message = &publish.message;
    let properties = &message.properties;
    let mut variables = HashMap::from([
        ("MQT_TOPIC".to_owned(), message.topic.to_string()),
        ("MQT_QOS".to_owned(), message.qos.level().to_string()),
        ("MQT_RETAIN".to_owned(), u8::from(message.retain).to_string()),
    ]);
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            variables.insert(name.to_owned(), value);
        }
    };
    add("MQT_RESPONSE_TOPIC", topic.map(str::to_owned));
    add("MQT_CONTENT_TYPE", properties.content_type().map(ByteString::to_string));
    let hexadecimal = |data: &Bytes| data.iter().map(|byte| format!("{byte:02x}")).collect();
    add("MQT_CORRELATION_DATA", properties.correlation_data().map(hexadecimal));
    for property in properties {
        if let Property::UserProperty(name, value) = property {
            let name: String = name
                .chars()
                .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' })
                .collect();
            variables.insert(format!("MQT_USER_{name}"), value.to_string());
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(properties: Vec<Property>) -> Publish {
        let message = Message {
            topic: TopicName::new("service/time").unwrap(),
            payload: Bytes::from_static(b"now"),
            properties: properties.into(),
            ..Message::default()
        };
        Publish { message, ..Publish::default() }
    }

    #[test]
    fn a_command_learns_topic_and_properties() {
        let publish = request(vec![
            Property::ContentType("a/b".into()),
            Property::CorrelationData(Bytes::from_static(b"\x00\xff")),
            Property::UserProperty("Site name".into(), "Main; $(hall)".into()),
        ]);
        let variables = variables(&publish, Some("reply"));
        for (name, value) in [
            ("MQT_TOPIC", "service/time"),
            ("MQT_QOS", "0"),
            ("MQT_RETAIN", "0"),
            ("MQT_RESPONSE_TOPIC", "reply"),
            ("MQT_CONTENT_TYPE", "a/b"),
            ("MQT_CORRELATION_DATA", "00ff"),
            ("MQT_USER_SITE_NAME", "Main; $(hall)"),
        ] {
            assert_eq!(variables.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(variables.len(), 7);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_a_command_prints_is_the_answer() {
        let publish = request(Vec::new());
        assert_eq!(
            answer("cat; printf \" $MQT_TOPIC\"", &publish, None).await,
            Ok(b"now service/time".to_vec())
        );
        // A command that does not read.
        assert_eq!(answer("echo x", &publish, None).await, Ok(b"x\n".to_vec()));
        let failed = answer("echo x; exit 3", &publish, None).await.unwrap_err();
        assert!(failed.contains("the command for \"service/time\" failed: exit status: 3"), "{failed}");
    }
}
