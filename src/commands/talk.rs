//! What happens to the connection, told on stderr: the same words for every command.

use std::cell::RefCell;

use crate::config::Tool;
use crate::error::{EXIT_STATUS, Failure};
use crate::output::mosquitto_trace::MosquittoTrace;
use crate::output::sanitize::escape;
use crate::output::trace::{self, Direction};
use crate::output::units::{Span, count_of};
use crate::ui::Ui;
use mqt_client::{ClientError, ClientOptions, Endpoint, Notice, SetupWarning};
use mqt_proto::session::{Event, SessionError, UnknownWhy};

use super::failure::{asked_for, from_client};
use super::mosquitto;
use super::signals::Signal;

/// A change of the connection's state in words.
pub(crate) struct Saying {
    /// It needs attention.
    pub is_warning: bool,
    /// The stable word in brackets.
    pub keyword: &'static str,
    /// One line.
    pub text: String,
}

/// Tells the user what happens to the connection.
pub(crate) struct Talk<'a> {
    pub ui: &'a Ui,
    endpoint: Endpoint,
    client_id: String,
    /// What the lines of a mosquitto client remember.
    trace: RefCell<MosquittoTrace>,
}

impl<'a> Talk<'a> {
    /// Begins with what is to be reported about the options.
    pub fn new(ui: &'a Ui, options: &ClientOptions, warnings: &[SetupWarning]) -> Self {
        // The mosquitto clients say nothing about what works.
        for warning in warnings.iter().filter(|_| !ui.settings().dialect.is_mosquitto()) {
            ui.warning(warning.keyword, &warning.text);
        }
        let client_id = options.client_id.as_deref().unwrap_or_default().to_owned();
        // mosquitto_rr does not tell what was granted.
        let quiet = ui.settings().quiet || ui.settings().dialect.tool() == Some(Tool::Request);
        let trace = RefCell::new(MosquittoTrace::new(&client_id, quiet));
        Self { ui, endpoint: options.transport.endpoint.clone(), client_id, trace }
    }

    /// Where the connection leads.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Why a run ends, in the words of either dialect.
    pub fn failure(&self, error: &ClientError, client_id: &str) -> Failure {
        let failure = from_client(error, &self.endpoint, client_id);
        match self.ui.settings().dialect.tool() {
            Some(tool) => mosquitto::end_by_client(failure, error, tool),
            None => failure,
        }
    }

    /// One line for each change of state; attempts in between are silent. A mosquitto client comes back without a
    /// word.
    pub fn notice(&self, notice: Notice) {
        if self.ui.settings().dialect.is_mosquitto() {
            return;
        }
        if let Notice::Steps(steps) = &notice {
            for (at, what) in steps {
                let after = format!("{:.1}", at.as_secs_f64() * 1_000.0);
                self.ui.debug(&format!("{after:>6} ms  {what}"));
            }
            return;
        }
        let Saying { is_warning, keyword, text } = self.tell(notice);
        if is_warning {
            self.ui.warning(keyword, &text);
        } else {
            self.ui.note(keyword, &text);
        }
    }

    /// A change of state in words.
    pub fn tell(&self, notice: Notice) -> Saying {
        let reason = |error| {
            let failure = from_client(&error, &self.endpoint, &self.client_id);
            match failure.causes.as_slice() {
                [] => failure.what,
                causes => format!("{}: {}", failure.what, causes.join(": ")),
            }
        };
        let (is_warning, keyword, text) = match notice {
            Notice::Fallback { error } => (
                false,
                "version",
                format!("the broker did not take MQTT 5 ({}); trying MQTT 3.1.1", short_reason(&error)),
            ),
            Notice::Lost { error, pause } => {
                (true, "lost", format!("{}; trying again in {}", reason(error), Span(pause)))
            }
            Notice::Failed { error, pause } => (
                true,
                "connect",
                format!("{}; trying again in {}, then less often", reason(error), Span(pause)),
            ),
            Notice::Back { after, session_present } => {
                let session = if session_present { "the session goes on" } else { "a new session" };
                (false, "back", format!("connected again after {}; {session}", Span(after)))
            }
            Notice::Steps(steps) => {
                let steps: Vec<_> = steps.iter().map(|(_, what)| escape(what)).collect();
                (false, "connect", steps.join("; "))
            }
            Notice::Futile { asked } => (
                true,
                "denied?",
                format!(
                    "the broker closes the connection each time after {}; trying again, as --retry says",
                    asked_for(&asked)
                ),
            ),
            Notice::TakeoverSuspected => (
                true,
                "takeover?",
                format!(
                    "the connection is lost again and again right after CONNACK: does another client use the id \"{}\"?",
                    self.client_id
                ),
            ),
        };
        Saying { is_warning, keyword, text }
    }

    /// Messages of which nobody can know whether they arrived.
    pub fn unknown(&self, count: u64, why: UnknownWhy) {
        let what = count_of(count, "message");
        self.ui.warning(
            "unknown",
            &match why {
                UnknownWhy::Unproved => {
                    format!("{what} of QoS 0 on the connection that ended may be lost")
                }
                UnknownWhy::Violation => format!(
                    "{what} of QoS 2 may or may not have arrived, since the broker broke the protocol; not sent again"
                ),
            },
        );
    }

    /// Faults of the broker that are lived with, and the packets, under `--debug`.
    pub fn event(&self, event: &Event) {
        if let Event::Tolerated(fault) = event
            && !self.ui.settings().dialect.is_mosquitto()
        {
            self.ui.warning("broker", &fault.to_string());
        }
        let (direction, packet) = match event {
            Event::Sent(packet) => (Direction::Sent, packet),
            Event::Received(packet) => (Direction::Received, packet),
            _ => return,
        };
        if self.ui.settings().dialect.is_mosquitto() {
            self.ui.debug_among_messages(&self.trace.borrow_mut().lines(direction, packet));
        } else {
            self.ui.debug(&trace::line(direction, packet));
        }
    }
}

/// What a broker that does not take MQTT 5 did instead.
fn short_reason(error: &ClientError) -> String {
    match error {
        ClientError::ClosedBeforeConnack { .. } => "it closed before CONNACK".to_owned(),
        ClientError::Session(SessionError::Refused { reason, .. }) => format!("CONNACK {reason}"),
        other => escape(&other.to_string()).into_owned(),
    }
}

/// The exit status of a run and the word for it. `signal`: the one that the process will end by.
pub(crate) fn outcome(verdict: &Result<(), Failure>, signal: Option<Signal>) -> (u8, &'static str) {
    match (verdict, signal) {
        (Err(failure), _) => (failure.kind.code(), failure.keyword),
        (Ok(()), Some(signal)) => (signal.exit_code(), "interrupted"),
        (Ok(()), None) => (0, EXIT_STATUS.first().map_or("", |row| row.keyword)),
    }
}
