//! `mqt rr --serve`: each request is answered by what a command prints.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::config::ServeSettings;
use crate::connection::{Client, ClientError, SessionChoices};
use crate::error::{Failure, Kind};
use crate::mqtt::packet::Publish;
use crate::mqtt::session::Event;
use crate::mqtt::{Message, Property, ReasonCode, TopicName, Version};
use crate::ui::Ui;

use super::exec::Exec;
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
    let choices = SessionChoices {
        downgrade_qos: false,
        trace: settings.ui.debug,
        skip_denied: true,
        seed: random_seed(),
    };
    let mut client = Client::new(settings.client.clone(), choices).map_err(|error| from_setup(&error))?;
    client.session().subscribe(settings.subscriptions.clone(), settings.subscribe_properties.clone());
    let talk = Talk::new(ui, &settings.client, client.warnings());
    let exec = Exec {
        command: settings.command.clone(),
        time: settings.command_timeout,
        output: settings.client.max_packet_size as usize,
    };
    let mut server = Server {
        exec,
        settings,
        client,
        talk,
        waiting: VecDeque::new(),
        running: JoinSet::new(),
        open: BTreeSet::new(),
        newest: 0,
        served: false,
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
    exec: Exec,
    client: Client,
    talk: Talk<'a>,
    waiting: VecDeque<(Publish, u64)>,
    running: JoinSet<Answer>,
    /// The deliveries that are not done with.
    open: BTreeSet<u64>,
    newest: u64,
    /// A subscription was granted: it has worked.
    served: bool,
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
            let exec = self.exec.clone();
            self.running.spawn(async move {
                let result = exec.answer(&publish, topic.as_deref()).await;
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
                        self.served |= !reason.is_error();
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
        if self.signal.is_some() && !self.running.is_empty() {
            let what = match self.running.len() {
                1 => "a command is".to_owned(),
                count => format!("{count} commands are"),
            };
            self.talk.ui.note("exec", &format!("{what} still waited for; Ctrl-C once more ends that"));
        }
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
            None => Ok(self.signal.filter(|signal| !self.served || *signal == Signal::Hangup)),
        }
    }
}

fn response_topic(publish: &Publish) -> Option<TopicName> {
    TopicName::new(publish.message.properties.response_topic()?.clone()).ok()
}
