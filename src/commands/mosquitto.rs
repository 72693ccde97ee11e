//! The ends of the mosquitto clients: their texts and their exit statuses for what happens to a connection.

use std::io;

use crate::cli::multicall;
use crate::config::Tool;
use crate::error::{Failure, Kind, MosquittoCode};
use crate::output::sanitize::escape;
use mqt_client::error::system_reason;
use mqt_client::{ClientError, ConnectError, ProxyFault, SetupError};
use mqt_proto::codec::DecodeError;
use mqt_proto::session::{Refusal, SessionError};
use mqt_proto::{ReasonCode, Version};

/// Where a protocol error is all that is to be reported.
const PROTOCOL_ERROR: &str = "Error: A network protocol error occurred when communicating with the broker";

/// Adds to a failure how a mosquitto client ends for it.
pub(super) fn end_by_client(failure: Failure, error: &ClientError, tool: Tool) -> Failure {
    match error {
        ClientError::Connect(error) => end_by_connect(failure, error),
        ClientError::ConnectTimeout { .. } | ClientError::ConnackTimeout { .. } => {
            failure.mosquitto(Kind::Timeout.mosquitto_code(), "Error: Connection timed out")
        }
        ClientError::OtherProtocol { protocol } => failure
            .mosquitto_text(format!("Error: The connection was lost, since this port speaks {protocol}")),
        ClientError::ClosedBeforeConnack { .. } | ClientError::Lost { source: None } => {
            failure.mosquitto_text("Error: The connection was lost")
        }
        ClientError::Lost { source: Some(error) } if error.kind() == io::ErrorKind::TimedOut => {
            failure.mosquitto_text("Error: Keepalive exceeded")
        }
        ClientError::Lost { source: Some(_) } => failure.mosquitto_text("Error: The connection was lost"),
        ClientError::WriteStalled { .. } => failure.mosquitto_text("Error: Keepalive exceeded"),
        ClientError::Session(error) => end_by_session(failure, error, tool),
        ClientError::Denied { .. }
        | ClientError::TakenOver
        | ClientError::Unencodable(_)
        | ClientError::PasswordFile(_)
        | ClientError::PasswordCommand(_) => failure,
    }
}

fn end_by_connect(failure: Failure, error: &ConnectError) -> Failure {
    match error {
        ConnectError::Lookup { .. } => failure.mosquitto_text("Unable to connect (Lookup error)."),
        ConnectError::Connect { attempts, .. }
        | ConnectError::Proxy { fault: ProxyFault::Unreachable { attempts }, .. } => {
            let reason = attempts.last().map_or_else(String::new, |(_, error)| system_reason(error));
            failure.mosquitto_text(format!("Error: {reason}"))
        }
        ConnectError::Key(error) => end_by_setup(failure, error),
        ConnectError::Tls(_) => {
            let text = format!("Error: A TLS error occurred: {}", failure.what);
            failure.mosquitto_text(text)
        }
        ConnectError::WebSocket(_) => {
            let text = format!("Error: {}", failure.what);
            failure.mosquitto(MosquittoCode::UNKNOWN.code, text)
        }
        ConnectError::Proxy { fault, .. } => {
            let (old, words) = match fault {
                ProxyFault::Login(_) | ProxyFault::Forbidden(_) => {
                    (MosquittoCode::AUTHORISATION, "Authorisation failed")
                }
                ProxyFault::Target(_) => {
                    (MosquittoCode::NOT_CONNECTED, "The client is not currently connected")
                }
                ProxyFault::Unreachable { .. } | ProxyFault::Broken(_) => {
                    (MosquittoCode::PROXY, "Proxy error")
                }
            };
            let text = format!("Error: {words}: {}", failure.what);
            failure.mosquitto(old.code, text)
        }
    }
}

fn end_by_session(failure: Failure, error: &SessionError, tool: Tool) -> Failure {
    let publishing = tool == Tool::Publish;
    match error {
        // A broker that does not know MQTT 5 says so in the form of MQTT 3.
        SessionError::Malformed(DecodeError::OldConnAck { .. }) => {
            let reason = ReasonCode::UNSUPPORTED_PROTOCOL_VERSION;
            failure.mosquitto(reason.0, connection_error(reason, publishing))
        }
        SessionError::Refused { code, version: Version::V5, reason, .. } => {
            failure.mosquitto(*code, connection_error(*reason, publishing))
        }
        SessionError::Refused { code, .. } => {
            let why = match code {
                1 => "unacceptable protocol version",
                2 => "identifier rejected",
                3 => "broker unavailable",
                4 => "bad user name or password",
                5 => "not authorised",
                _ => "unknown reason",
            };
            let mut text = format!("Connection error: Connection Refused: {why}");
            if publishing {
                text.push_str(if *code <= 5 { "\nError: The connection was refused" } else { "\n" });
                if *code > 5 {
                    text.push_str(PROTOCOL_ERROR);
                }
            }
            failure.mosquitto(*code, text)
        }
        SessionError::Disconnected { reason, .. } => failure.mosquitto(
            Kind::Lost.mosquitto_code(),
            format!("Error: The connection was lost: {}", reason_text(*reason)),
        ),
        SessionError::Stalled { .. } | SessionError::Unanswered { .. } => {
            failure.mosquitto_text("Error: Keepalive exceeded")
        }
        SessionError::Malformed(_) | SessionError::Violation { .. } | SessionError::Authentication { .. } => {
            let text = format!("{PROTOCOL_ERROR}: {}", failure.causes.first().unwrap_or(&failure.what));
            failure.mosquitto_text(text)
        }
    }
}

/// A refusal of MQTT 5.
fn connection_error(reason: ReasonCode, publishing: bool) -> String {
    let mut text = format!("Connection error: {}", reason_text(reason));
    if reason == ReasonCode::UNSUPPORTED_PROTOCOL_VERSION {
        text.push_str(". Try connecting to an MQTT v5 broker, or use MQTT v3.x mode.");
    }
    if publishing {
        text.push('\n');
        text.push_str(PROTOCOL_ERROR);
    }
    text
}

/// A wrong file or option of the connection.
pub(super) fn end_by_setup(failure: Failure, error: &SetupError) -> Failure {
    match error {
        SetupError::Read(error) if error.is_missing() => {
            failure.mosquitto_text(multicall::tls_file_missing(error.path()))
        }
        SetupError::File { path, error } if error.kind() == io::ErrorKind::NotFound => {
            failure.mosquitto_text(multicall::tls_file_missing(path))
        }
        SetupError::NoSystemRoots { .. } => {
            let text = format!("Error: A TLS error occurred: {}", failure.what);
            failure.mosquitto_text(text)
        }
        _ => {
            let text = format!("Error: Problem setting TLS options: {}", failure.what);
            failure.mosquitto_text(text)
        }
    }
}

/// A publish that will not be confirmed. `number` counts the publishes.
pub(super) fn end_by_refusal(failure: Failure, refusal: &Refusal, number: u64) -> Failure {
    match refusal {
        Refusal::Broker { reason, reason_string } => {
            let said = reason_string.as_ref().map(|text| format!("\n{}", escape(text))).unwrap_or_default();
            let text = format!("Warning: Publish {number} failed: {}.{said}", reason_text(*reason));
            failure.mosquitto_text(text)
        }
        Refusal::QoS { .. } => {
            failure.mosquitto_text("Error: Message QoS not supported on broker, try a lower QoS.")
        }
        _ => failure,
    }
}

/// What the clients call a reason code.
pub(super) fn reason_text(reason: ReasonCode) -> String {
    let text = match reason {
        ReasonCode::DISCONNECT_WITH_WILL => "Disconnect with Will Message",
        ReasonCode::GRANTED_QOS_1 => "Granted QoS 1",
        ReasonCode::GRANTED_QOS_2 => "Granted QoS 2",
        ReasonCode::MALFORMED_PACKET => "Malformed Packet",
        ReasonCode::PROTOCOL_ERROR => "Protocol Error",
        ReasonCode::UNSUPPORTED_PROTOCOL_VERSION => "Unsupported Protocol Version",
        ReasonCode::CLIENT_IDENTIFIER_NOT_VALID => "Client Identifier not valid",
        ReasonCode::BAD_USER_NAME_OR_PASSWORD => "Bad User Name or Password",
        ReasonCode::KEEP_ALIVE_TIMEOUT => "Keep Alive timeout",
        ReasonCode::TOPIC_FILTER_INVALID => "Topic Filter invalid",
        ReasonCode::TOPIC_NAME_INVALID => "Topic Name invalid",
        ReasonCode::PACKET_IDENTIFIER_IN_USE => "Packet Identifier in use",
        ReasonCode::PACKET_IDENTIFIER_NOT_FOUND => "Packet Identifier not found",
        ReasonCode::RECEIVE_MAXIMUM_EXCEEDED => "Receive Maximum exceeded",
        ReasonCode::TOPIC_ALIAS_INVALID => "Topic Alias invalid",
        ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED => "Shared Subscriptions not supported",
        ReasonCode::SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED => "Subscription identifiers not supported",
        ReasonCode::WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED => "Wildcard Subscriptions not supported",
        // The others are written as the standard writes them, with a capital letter.
        _ => {
            let text = reason.known_text().unwrap_or("unknown reason");
            let (first, rest) = text.split_at_checked(1).unwrap_or(("", text));
            return first.to_uppercase() + rest;
        }
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_the_words_of_the_clients() {
        for (code, text) in [
            (0, "Success"),
            (16, "No matching subscribers"),
            (128, "Unspecified error"),
            (131, "Implementation specific error"),
            (134, "Bad User Name or Password"),
            (135, "Not authorized"),
            (140, "Bad authentication method"),
            (142, "Session taken over"),
            (149, "Packet too large"),
            (155, "QoS not supported"),
            (162, "Wildcard Subscriptions not supported"),
            (200, "Unknown reason"),
        ] {
            assert_eq!(reason_text(ReasonCode(code)), text, "{code}");
        }
    }

    fn end(error: &ClientError, tool: Tool) -> (u8, String) {
        let failure = crate::commands::failure::from_client(error, &mqt_client::Endpoint::default(), "c");
        let end = end_by_client(failure, error, tool).mosquitto_end();
        (end.code, end.text)
    }

    fn refused(code: u8, version: Version) -> ClientError {
        let reason = if version == Version::V5 { ReasonCode(code) } else { ReasonCode::NOT_AUTHORIZED };
        SessionError::Refused { reason, code, version, reason_string: None, server_reference: None }.into()
    }

    #[test]
    fn a_refused_connection_ends_with_the_code_of_the_broker() {
        assert_eq!(
            end(&refused(5, Version::V311), Tool::Subscribe),
            (5, "Connection error: Connection Refused: not authorised".to_owned())
        );
        assert_eq!(
            end(&refused(5, Version::V311), Tool::Publish).1,
            "Connection error: Connection Refused: not authorised\nError: The connection was refused"
        );
        assert_eq!(
            end(&refused(135, Version::V5), Tool::Publish),
            (135, format!("Connection error: Not authorized\n{PROTOCOL_ERROR}"))
        );
        assert_eq!(
            end(&refused(132, Version::V5), Tool::Subscribe).1,
            "Connection error: Unsupported Protocol Version. Try connecting to an MQTT v5 broker, or use MQTT v3.x mode."
        );
    }

    #[test]
    fn a_lost_connection_is_7_and_a_silent_one_19() {
        assert_eq!(
            end(&ClientError::Lost { source: None }, Tool::Publish),
            (7, "Error: The connection was lost".to_owned())
        );
        let keep_alive = std::time::Duration::from_secs(60);
        assert_eq!(
            end(&SessionError::Stalled { keep_alive }.into(), Tool::Publish),
            (19, "Error: Keepalive exceeded".to_owned())
        );
    }
}
