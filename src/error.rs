//! What can go wrong as the user sees it: [`Failure`], and the exit-status table.

use std::error::Error;
use std::fmt;

/// The kind of a failure: it decides the exit status. Ordered by precedence, the gravest first: where
/// several apply, the first in this list is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A defect of mqt itself.
    Bug,
    /// stdout or a file could not be written.
    Output,
    /// An option, a file, a topic or an input is wrong.
    Usage,
    /// The broker broke the protocol or speaks another version.
    Protocol,
    /// TLS handshake or certificate.
    Tls,
    /// User name or password refused.
    Login,
    /// Not authorized.
    Auth,
    /// The broker is there and does not serve.
    Unavailable,
    /// A packet limit.
    TooLarge,
    /// A subscription or a publish was refused.
    Denied,
    /// The broker lacks what was asked for.
    Unsupported,
    /// The connection was lost for good.
    Lost,
    /// Nothing moved for too long.
    Stalled,
    /// Some messages are confirmed and some are not.
    Partial,
    /// The run went as asked for, and its result misses a threshold.
    Verdict,
    /// Name lookup.
    Lookup,
    /// No connection to be had.
    Connect,
    /// A time limit passed.
    Timeout,
}

/// A row of the exit-status table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitStatus {
    /// Which failures; `None` is success.
    pub kind: Option<Kind>,
    /// The number that the shell sees.
    pub code: u8,
    /// The number under the names of the mosquitto clients, unless the broker has given one in CONNACK.
    pub mosquitto_code: u8,
    /// The stable word.
    pub keyword: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn row(kind: Kind, code: u8, keyword: &'static str, meaning: &'static str) -> ExitStatus {
    ExitStatus { kind: Some(kind), code, mosquitto_code: code, keyword, meaning }
}

/// A row with another number under the old names.
const fn but_mosquitto(mosquitto_code: u8, row: ExitStatus) -> ExitStatus {
    ExitStatus { mosquitto_code, ..row }
}

/// The exit-status table: the only place where a number is tied to a kind.
pub const EXIT_STATUS: &[ExitStatus] = &[
    ExitStatus {
        kind: None,
        code: 0,
        mosquitto_code: 0,
        keyword: "success",
        meaning: "all that was asked for was done and confirmed",
    },
    row(Kind::Usage, 1, "usage", "wrong option, file, topic, configuration or unreadable input"),
    row(Kind::Protocol, 2, "protocol", "the broker broke the protocol, or speaks another version of it"),
    row(Kind::Unavailable, 3, "unavailable", "the broker is unavailable, busy, or sends clients elsewhere"),
    row(Kind::Login, 4, "login", "the broker refused the user name or password"),
    row(Kind::Auth, 5, "auth", "the broker says: not authorized, banned, or bad authentication method"),
    row(Kind::Lost, 7, "lost", "the connection was lost, taken over or ended by the broker"),
    row(Kind::Tls, 8, "tls", "TLS handshake or certificate"),
    row(Kind::Verdict, 9, "verdict", "a threshold of mqt bench (--fail-if, --slo) failed"),
    row(Kind::Denied, 12, "denied", "a subscription or a publish was refused"),
    but_mosquitto(
        1,
        row(Kind::Connect, 14, "connect", "connection refused, unreachable, or another network error"),
    ),
    row(Kind::Stalled, 19, "stalled", "the broker stopped answering: keep alive passed, no progress"),
    but_mosquitto(1, row(Kind::Lookup, 20, "lookup", "the host name could not be resolved")),
    row(Kind::Unsupported, 24, "unsupported", "the broker does not support this QoS, retain or subscription"),
    row(Kind::TooLarge, 25, "too-large", "larger than the broker or MQTT allows"),
    row(Kind::Timeout, 27, "timeout", "a time limit passed (-W, --idle, no CONNACK in time)"),
    but_mosquitto(7, row(Kind::Partial, 30, "partial", "some messages were confirmed and some were not")),
    row(Kind::Bug, 70, "bug", "a defect of mqt; please report it"),
    row(Kind::Output, 74, "output", "stdout or a file could not be written"),
];

impl Kind {
    /// The number that the shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        self.row().code
    }

    /// The word that is in `error[…]` when the failure names no finer one.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        self.row().keyword
    }

    /// The number under the names of the mosquitto clients.
    #[must_use]
    pub fn mosquitto_code(self) -> u8 {
        self.row().mosquitto_code
    }

    fn row(self) -> ExitStatus {
        const BUG: ExitStatus = row(Kind::Bug, 70, "bug", "a kind without a row");
        EXIT_STATUS.iter().copied().find(|row| row.kind == Some(self)).unwrap_or(BUG)
    }
}

/// A number of the mosquitto clients that tells apart what is one kind here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MosquittoCode {
    /// The number.
    pub code: u8,
    /// What it means.
    pub meaning: &'static str,
}

impl MosquittoCode {
    /// A proxy has no way to the broker.
    pub const NOT_CONNECTED: Self = Self { code: 4, meaning: "also: the proxy does not reach the broker" };
    /// A proxy refuses the login, or the broker as a target.
    pub const AUTHORISATION: Self =
        Self { code: 11, meaning: "the proxy refuses the login, or to lead there" };
    /// A WebSocket handshake is refused.
    pub const UNKNOWN: Self = Self { code: 13, meaning: "the WebSocket handshake is refused" };
    /// Anything else about a proxy that could be reached.
    pub const PROXY: Self = Self { code: 16, meaning: "another fault of the proxy" };
    /// A signal before the broker has answered, of mosquitto_sub.
    pub const BEFORE_CONNACK: Self =
        Self { code: 255, meaning: "a signal, before the broker has answered (mosquitto_sub)" };

    /// All of them.
    pub const ALL: &[Self] =
        &[Self::NOT_CONNECTED, Self::AUTHORISATION, Self::UNKNOWN, Self::PROXY, Self::BEFORE_CONNACK];
}

/// How a mosquitto client ends for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MosquittoEnd {
    /// The number that the shell sees.
    pub code: u8,
    /// What is on stderr, one or more lines without the last line feed; empty for nothing.
    pub text: String,
}

/// A failure that ends a command: what, why, and what to try next.
///
/// Printed by [`crate::ui::Ui::failure`] as
/// `mqt: error[keyword]: what`, then `  caused by: …` and `  hint: …` lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Decides the exit status.
    pub kind: Kind,
    /// The stable word in brackets; usually the kind's.
    pub keyword: &'static str,
    /// One line: what happened, and where.
    pub what: String,
    /// Why, outermost cause first.
    pub causes: Vec<String>,
    /// What to try.
    pub hints: Vec<String>,
    /// How it is reported under the names of the mosquitto clients, where that is not plainly what and why.
    pub mosquitto: Option<Box<MosquittoEnd>>,
}

impl Failure {
    /// A failure under the keyword of its kind. Text from outside must be escaped already
    /// (`output::sanitize`).
    #[must_use]
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self {
            kind,
            keyword: kind.keyword(),
            what: what.into(),
            causes: Vec::new(),
            hints: Vec::new(),
            mosquitto: None,
        }
    }

    /// A wrong option, file or value: exit status 1.
    #[must_use]
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Kind::Usage, what)
    }

    /// Puts another word in the brackets.
    #[must_use]
    pub fn keyword(mut self, keyword: &'static str) -> Self {
        self.keyword = keyword;
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// How a mosquitto client ends for this reason.
    #[must_use]
    pub fn mosquitto(mut self, code: u8, text: impl Into<String>) -> Self {
        self.mosquitto = Some(Box::new(MosquittoEnd { code, text: text.into() }));
        self
    }

    /// What a mosquitto client says for this reason; the number is that of the kind.
    #[must_use]
    pub fn mosquitto_text(self, text: impl Into<String>) -> Self {
        let code = self.kind.mosquitto_code();
        self.mosquitto(code, text)
    }

    /// The end under the names of the mosquitto clients: what and why on one line, where nothing else is said.
    #[must_use]
    pub fn mosquitto_end(&self) -> MosquittoEnd {
        match &self.mosquitto {
            Some(end) => (**end).clone(),
            None => {
                let mut text = format!("Error: {}", self.what);
                self.causes.iter().for_each(|cause| text.extend([": ", cause]));
                MosquittoEnd { code: self.kind.mosquitto_code(), text }
            }
        }
    }

    /// Adds a cause as text.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds an error and its chain of sources as causes.
    #[must_use]
    pub fn source(mut self, error: &dyn Error) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            next = error.source();
        }
        self
    }

    /// Of two failures, the one that decides the exit status.
    #[must_use]
    pub fn graver(self, other: Self) -> Self {
        if other.kind < self.kind { other } else { self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.keyword, self.what)
    }
}

impl Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_row_and_no_number_stands_twice() {
        let mut codes: Vec<u8> = EXIT_STATUS.iter().map(|row| row.code).collect();
        codes.dedup();
        assert_eq!(codes.len(), EXIT_STATUS.len());
        assert!(codes.is_sorted() && codes.iter().all(|code| *code < 128));
        assert_eq!(Kind::Bug.code(), 70);
        assert_eq!(Kind::Timeout.code(), 27);
    }

    #[test]
    fn the_graver_failure_decides() {
        let denied = Failure::new(Kind::Denied, "a");
        let lost = Failure::new(Kind::Lost, "b");
        assert_eq!(lost.clone().graver(denied.clone()).kind, Kind::Denied);
        assert_eq!(denied.graver(lost).kind, Kind::Denied);
    }
}
