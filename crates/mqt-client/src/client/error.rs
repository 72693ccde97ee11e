//! Why a client has no connection, and what may be done about it.

use std::io;
use std::time::Duration;

use crate::driver::DriveError;
use crate::error::ConnectError;
use crate::stream_fault;
use mqt_process::text_file::FileError;
use mqt_proto::session::{Asked, SessionError};
use mqt_proto::{ReasonCode, Version};

/// Why a client has no connection.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No stream to the broker.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There was no stream to the broker in time.
    #[error("no connection within {} s", after.as_secs_f64())]
    ConnectTimeout {
        /// The limit.
        after: Duration,
    },
    /// Connect and CONNACK took longer than allowed.
    #[error("no CONNACK within {} s", after.as_secs_f64())]
    ConnackTimeout {
        /// The limit.
        after: Duration,
        /// The version that was tried.
        version: Version,
    },
    /// The broker closed the stream before CONNACK.
    #[error("the broker closed the connection before CONNACK")]
    ClosedBeforeConnack {
        /// The version that was tried last.
        version: Version,
        /// What the stream said, where it said something.
        source: Option<io::Error>,
    },
    /// What came instead of CONNACK is another protocol.
    #[error("this port speaks {protocol}")]
    OtherProtocol {
        /// What it is.
        protocol: &'static str,
    },
    /// The stream is gone.
    #[error("the connection was lost")]
    Lost {
        /// What the stream said, where it said something.
        source: Option<io::Error>,
    },
    /// The broker takes no bytes.
    #[error("the broker took no byte for {} s", after.as_secs())]
    WriteStalled {
        /// For how long.
        after: Duration,
    },
    /// A reason of the protocol.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The broker closes the connection each time after this request, which is how it refuses.
    #[error("the broker closes the connection each time after {}", asked.packet())]
    Denied {
        /// The request.
        asked: Box<Asked>,
        /// How the last connection ended.
        source: Box<Self>,
    },
    /// The broker closes the connection again and again soon after CONNACK, with nothing asked: another client has the
    /// same client identifier.
    #[error("another client uses the same client identifier")]
    TakenOver,
    /// The options make no CONNECT.
    #[error("{0}")]
    Unencodable(String),
    /// The password command gave no password.
    #[error("the password command {0}")]
    PasswordCommand(String),
    /// The password file cannot be read any more.
    #[error(transparent)]
    PasswordFile(FileError),
}

impl ClientError {
    /// Whether trying again can help and does no harm. A refused login, a wrong certificate and a take-over
    /// are final. `established`: it has worked before, and what is wrong now may be so only while something is rolled out.
    #[must_use]
    pub fn is_transient(&self, established: bool) -> bool {
        match self {
            Self::Connect(error) => error.is_transient(established),
            Self::ConnectTimeout { .. }
            | Self::ConnackTimeout { .. }
            | Self::ClosedBeforeConnack { .. }
            | Self::Lost { .. }
            | Self::WriteStalled { .. } => true,
            Self::Session(error) => match error {
                SessionError::Stalled { .. }
                | SessionError::Unanswered { .. }
                | SessionError::Malformed(_)
                | SessionError::Violation { .. } => true,
                SessionError::Authentication { .. } => false,
                SessionError::Refused { reason, .. } if established => !matches!(
                    *reason,
                    ReasonCode::BAD_USER_NAME_OR_PASSWORD
                        | ReasonCode::NOT_AUTHORIZED
                        | ReasonCode::BANNED
                        | ReasonCode::BAD_AUTHENTICATION_METHOD
                ),
                SessionError::Refused { reason, .. } | SessionError::Disconnected { reason, .. } => matches!(
                    *reason,
                    ReasonCode::SUCCESS
                        | ReasonCode::UNSPECIFIED_ERROR
                        | ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR
                        | ReasonCode::SERVER_UNAVAILABLE
                        | ReasonCode::SERVER_BUSY
                        | ReasonCode::SERVER_SHUTTING_DOWN
                        | ReasonCode::KEEP_ALIVE_TIMEOUT
                        | ReasonCode::MESSAGE_RATE_TOO_HIGH
                        | ReasonCode::QUOTA_EXCEEDED
                        | ReasonCode::CONNECTION_RATE_EXCEEDED
                        | ReasonCode::MAXIMUM_CONNECT_TIME
                ),
            },
            Self::OtherProtocol { .. } | Self::PasswordCommand(_) | Self::PasswordFile(_) => established,
            Self::Denied { .. } | Self::TakenOver | Self::Unencodable(_) => false,
        }
    }

    /// Says in the terms of a client why a stream ended; `before_connack` has the version that was tried.
    #[must_use]
    pub fn from_drive(error: DriveError, before_connack: Option<Version>) -> Self {
        let source = match error {
            DriveError::Session(error) => return error.into(),
            DriveError::WriteStalled { after } => return Self::WriteStalled { after },
            DriveError::Closed => None,
            DriveError::Io(error) => match stream_fault(&error) {
                Some(alert) => return alert.into(),
                None => Some(error),
            },
        };
        match before_connack {
            Some(version) => Self::ClosedBeforeConnack { version, source },
            None => Self::Lost { source },
        }
    }

    /// Whether the broker has ended the connection, so that what it did not answer may be the reason.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        match self {
            Self::Lost { source } => {
                source.as_ref().is_none_or(|error| error.kind() != io::ErrorKind::TimedOut)
            }
            Self::Session(SessionError::Disconnected { reason, .. }) => !matches!(
                *reason,
                ReasonCode::SERVER_SHUTTING_DOWN | ReasonCode::SERVER_BUSY | ReasonCode::KEEP_ALIVE_TIMEOUT
            ),
            _ => false,
        }
    }

    /// Whether the broker has broken the protocol. Once may be an accident, a second time in a row is not.
    #[must_use]
    pub fn is_violation(&self) -> bool {
        matches!(self, Self::Session(SessionError::Malformed(_) | SessionError::Violation { .. }))
    }

    /// Whether a broker that does not know the version that was tried may answer like this.
    #[must_use]
    pub fn may_mean_wrong_version(&self) -> bool {
        match self {
            Self::ClosedBeforeConnack { .. } => true,
            Self::Session(SessionError::Refused { reason, .. }) => {
                matches!(
                    *reason,
                    ReasonCode::UNSUPPORTED_PROTOCOL_VERSION
                        | ReasonCode::PROTOCOL_ERROR
                        | ReasonCode::MALFORMED_PACKET
                )
            }
            Self::Session(SessionError::Malformed(_)) => true,
            _ => false,
        }
    }
}
