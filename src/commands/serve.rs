//! `mqt rr --serve`: each request is answered by what a command prints.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::config::ServeSettings;
use crate::error::{Failure, Kind};
use crate::output::sanitize::escape;
use crate::output::units::count_of;
use crate::ui::Ui;
use mqt_client::{Client, ClientError, SessionChoices};
use mqt_proto::packet::Publish;
use mqt_proto::session::Event;
use mqt_proto::{Message, Property, QoS, ReasonCode, TopicName, Version};

use super::exec::Exec;
use super::failure::{from_refusal, from_setup, from_suback};
use super::signals::{Exit, Signal, Signals};
use super::talk::Talk;
use mqt_process::random;

/// How many unacknowledged requests the broker may send, unless the user says otherwise.
const RECEIVE_MAXIMUM: u16 = 100;
/// How many requests may wait for a free place before reading pauses.
const WAITING: usize = 100;
/// How long the commands that run may go on after the first signal.
const GRACE: Duration = Duration::from_secs(5);
/// How long the broker has to confirm the last answers then.
const CONFIRMATION: Duration = Duration::from_secs(2);
/// The user property that says why an answer is that of `--on-failure`.
const ERROR: &str = "error";

/// Serves until a signal comes or the connection is over.
pub(super) async fn serve(mut settings: ServeSettings, ui: &Ui) -> Result<Exit, Failure> {
    let mut signals = Signals::listen().map_err(|error| super::shortage(&error))?;
    let exec = Exec::new(settings.command.clone(), settings.command_timeout, settings.largest_answer)
        .map_err(|error| super::shortage(&error))?;
    let properties = &mut settings.client.connect_properties;
    if properties.receive_maximum().is_none() {
        properties.push(Property::ReceiveMaximum(RECEIVE_MAXIMUM));
    }
    let choices = SessionChoices {
        downgrade_qos: false,
        trace: settings.ui.debug,
        skip_denied: true,
        seed: random::seed(),
    };
    let mut client = Client::new(settings.client.clone(), choices).map_err(|error| from_setup(&error))?;
    client.session_mut().subscribe(settings.subscriptions.clone(), settings.subscribe_properties.clone());
    let talk = Talk::new(ui, &settings.client, client.warnings());
    let mut server = CommandServer {
        exec,
        settings,
        client,
        talk,
        waiting: VecDeque::new(),
        running: JoinSet::new(),
        open: BTreeMap::new(),
        newest: 0,
        served: false,
        refused: None,
        failure: None,
        signal: None,
        ending: false,
    };
    let result = server.run(&mut signals).await;
    server.finish(result, &mut signals).await
}

/// What came of a command.
struct CommandAnswer {
    delivery: u64,
    /// What the request was published to.
    asked: TopicName,
    /// Where it goes to; `None` when nobody waits for it.
    topic: Option<TopicName>,
    correlation: Option<Bytes>,
    /// What it printed, or why that is no answer.
    result: Result<Vec<u8>, String>,
}

struct CommandServer<'a> {
    settings: ServeSettings,
    exec: Exec,
    client: Client,
    talk: Talk<'a>,
    waiting: VecDeque<(Publish, u64)>,
    running: JoinSet<CommandAnswer>,
    /// The deliveries that are not done with, and how they came.
    open: BTreeMap<u64, QoS>,
    newest: u64,
    /// A subscription was granted: it has worked.
    served: bool,
    /// The gravest refusal of an answer.
    refused: Option<Failure>,
    failure: Option<Failure>,
    signal: Option<Signal>,
    /// What comes in now is left to the broker.
    ending: bool,
}

impl CommandServer<'_> {
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
                CommandAnswer { delivery, asked: publish.message.topic, topic, correlation, result }
            });
        }
        self.client.set_reading(self.waiting.len() < WAITING);
    }

    fn attend(&mut self) {
        while let Some(notice) = self.client.take_notice() {
            self.talk.notice(notice);
        }
        while let Some(event) = self.client.session_mut().take_event() {
            match event {
                // What comes after the end is decided stays unacknowledged.
                Event::Message { .. } if self.ending => {}
                Event::Message { publish, delivery } => {
                    self.newest = delivery;
                    if publish.message.retain && self.settings.hide_retained {
                        self.acknowledge();
                    } else {
                        self.open.insert(delivery, publish.message.qos);
                        self.waiting.push_back((publish, delivery));
                    }
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
                    let failure = from_refusal(&refusal, &topic, None);
                    self.talk.ui.failure(&failure);
                    self.refused = Some(match self.refused.take() {
                        Some(first) => first.graver(failure),
                        None => failure,
                    });
                }
                Event::Unknown { count, why } => self.talk.unknown(count, why),
                other => self.talk.event(&other),
            }
        }
    }

    /// Publishes an answer, and acknowledges the request.
    fn reply(&mut self, answer: CommandAnswer) {
        let (payload, why) = match answer.result {
            Ok(payload) => (Some(Bytes::from(payload)), None),
            Err(why) => (self.settings.on_failure.clone(), Some(why)),
        };
        if let Some(why) = &why {
            let what = match (&payload, &answer.topic) {
                (Some(_), Some(_)) => "the answer is that of --on-failure",
                _ => "no answer is sent",
            };
            let text = format!("the command for \"{}\" {why}; {what}", escape(&answer.asked));
            self.talk.ui.warning("exec", &text);
        }
        if let (Some(payload), Some(topic)) = (payload, answer.topic) {
            let mut message = Message { topic, payload, qos: self.settings.qos, ..Message::default() };
            if self.client.session().version() == Version::V5 {
                message.properties = self.settings.properties.clone();
                if let Some(data) = answer.correlation {
                    message.properties.push(Property::CorrelationData(data));
                }
                if let Some(why) = why {
                    message.properties.push(Property::UserProperty(ERROR.into(), why.into()));
                }
            }
            self.client.session_mut().publish(message);
        }
        self.open.remove(&answer.delivery);
        self.acknowledge();
    }

    /// Acknowledges every request up to the oldest that is still open.
    fn acknowledge(&mut self) {
        let oldest = self.open.first_key_value();
        let done = oldest.map_or(self.newest, |(oldest, _)| oldest.saturating_sub(1));
        self.client.session_mut().acknowledge(done);
    }

    async fn finish(
        mut self,
        mut result: Result<(), ClientError>,
        signals: &mut Signals,
    ) -> Result<Exit, Failure> {
        self.ending = true;
        // For the acknowledgements of answers, also where too many requests wait.
        self.client.set_reading(true);
        if self.signal.is_some() && !self.running.is_empty() {
            let (what, whom) = match self.running.len() {
                1 => ("a command is".to_owned(), "it"),
                count => (format!("{count} commands are"), "them"),
            };
            self.talk.ui.note(
                "exec",
                &format!(
                    "{what} still running, for {} at most; another signal kills {whom} at once",
                    humantime::format_duration(GRACE)
                ),
            );
        }
        if result.is_ok() {
            result = self.settle(signals).await;
        }
        self.running.shutdown().await;
        let client_id = self.client.session().client_id();
        self.client.close(ReasonCode::SUCCESS).await;
        self.attend();
        let lost = result.err().map(|error| self.talk.failure(&error, &client_id));
        self.verdict(lost)
    }

    /// Lets the commands that run finish and the broker confirm their answers, unless that takes too long or another signal
    /// comes.
    async fn settle(&mut self, signals: &mut Signals) -> Result<(), ClientError> {
        let killed_at = Instant::now() + GRACE;
        let mut confirmed_by = None;
        loop {
            let idle = self.running.is_empty();
            let session = self.client.session();
            if idle && session.is_settled() && session.awaiting_release() == 0 {
                return Ok(());
            }
            if idle && session.is_drained() {
                self.client.session_mut().ask_for_proof(Instant::now().into_std());
            }
            let until = if idle {
                *confirmed_by.get_or_insert_with(|| Instant::now() + CONFIRMATION)
            } else {
                killed_at
            };
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
                () = sleep_until(until) => {
                    if idle {
                        return Ok(());
                    }
                    self.running.shutdown().await;
                }
            }
        }
    }

    /// What the service comes to: success only when every request that came before the end was answered, or is kept by
    /// the broker, and every answer was confirmed.
    fn verdict(self, lost: Option<Failure>) -> Result<Exit, Failure> {
        let ui = self.talk.ui;
        let session_kept = self.is_session_kept();
        let kept = self.open.values().filter(|qos| session_kept && **qos != QoS::AtMostOnce).count();
        let dropped = self.open.len().saturating_sub(kept);
        if kept > 0 {
            let count = count_of(kept as u64, "request");
            ui.note("unanswered", &format!("{count} left unanswered; the broker keeps them in the session"));
        }
        let unanswered = (dropped > 0).then(|| {
            let count = count_of(dropped as u64, "request");
            Failure::new(Kind::Partial, format!("{count} left unanswered"))
                .keyword("unanswered")
                .hint("with -q 1, -c and -i NAME the broker keeps requests for the next run")
        });
        let ledger = self.client.session().ledger();
        let unconfirmed = (ledger.open() + ledger.unknown > 0).then(|| {
            let count = count_of(ledger.asked, "answer");
            Failure::new(
                Kind::Partial,
                format!("{} of {count} not confirmed", ledger.open() + ledger.unknown),
            )
        });
        let failures = [lost, self.failure, self.refused, unanswered, unconfirmed];
        let mut gravest: Option<Failure> = None;
        for failure in failures.into_iter().flatten() {
            gravest = Some(match gravest {
                Some(first) => {
                    let (first, second) =
                        if failure.kind < first.kind { (failure, first) } else { (first, failure) };
                    ui.warning(second.keyword, &second.what);
                    first
                }
                None => failure,
            });
        }
        match gravest {
            Some(failure) => Err(failure),
            // Its normal end, as with an endless subscriber.
            None => Ok(self.signal.filter(|signal| !self.served || *signal == Signal::Hangup).into()),
        }
    }

    /// Whether the broker continues with the session when this client comes again, and with what is not acknowledged in it.
    fn is_session_kept(&self) -> bool {
        let options = &self.settings.client;
        let expiry = || {
            let at_the_end = options.disconnect_properties.session_expiry_interval();
            let from_the_start = options.connect_properties.session_expiry_interval();
            *at_the_end.or(from_the_start).unwrap_or(&options.session_expiry)
        };
        options.client_id.is_some()
            && match self.client.session().version() {
                Version::V5 => expiry() > 0,
                Version::V31 | Version::V311 => !options.clean_start,
            }
    }
}

fn response_topic(publish: &Publish) -> Option<TopicName> {
    TopicName::new(publish.message.properties.response_topic()?.clone()).ok()
}
