//! Failures of a connection in the user's terms: the kind that decides the exit status, what, why, and what
//! to try.

use std::io;

use bytestring::ByteString;

use crate::error::{Failure, Kind};
use crate::output::sanitize::{escape, escape_bytes};
use mqt_client::error::reason as io_reason;
use mqt_client::{ClientError, ConnectError, Endpoint, ProxyFault, SetupError, WsFault};
use mqt_proto::codec::DecodeError;
use mqt_proto::session::{Asked, REFUSED_BY_CLOSING, Refusal, SessionError};
use mqt_proto::{MAX_REMAINING_LENGTH, ReasonCode, TopicFilter, Version};

use super::mosquitto;

/// A wrong file or option of the connection.
pub(crate) fn from_setup(error: &SetupError) -> Failure {
    let kind = match error {
        SetupError::NoSystemRoots { .. } => Kind::Tls,
        _ => Kind::Usage,
    };
    let failure =
        error.hints().into_iter().fold(Failure::new(kind, escape(&error.to_string())), Failure::hint);
    let failure = match error {
        SetupError::Read(_) | SetupError::File { .. } => failure.keyword("file"),
        _ => failure,
    };
    mosquitto::end_by_setup(failure, error)
}

/// Why there is no connection.
pub(crate) fn from_client(error: &ClientError, endpoint: &Endpoint, client_id: &str) -> Failure {
    match error {
        ClientError::Connect(error) => from_connect(error),
        ClientError::ConnectTimeout { after } => Failure::new(
            Kind::Timeout,
            format!("{endpoint}: no connection within {} s", after.as_secs_f64()),
        )
        .keyword("connect")
        .hint("check the address, or allow more time with --connect-timeout"),
        ClientError::ConnackTimeout { after, version } => {
            let failure =
                Failure::new(Kind::Timeout, format!("{endpoint}: no CONNACK within {} s", after.as_secs_f64()))
                    .keyword("connack");
            let failure = match version {
                Version::V5 => {
                    failure.hint("a broker that does not know MQTT 5 may keep silent: try -V 3.1.1")
                }
                Version::V31 | Version::V311 => failure,
            };
            failure.hint("is this an MQTT port? A TLS port wants mqtts://, a WebSocket port ws:// or wss://")
        }
        ClientError::ClosedBeforeConnack { source, .. } => with_io(
            Failure::new(Kind::Lost, format!("{endpoint}: closed before CONNACK")).keyword("connect"),
            source.as_ref(),
        )
        .hint(if endpoint.scheme().is_tls() {
            "the TLS handshake succeeded, so the broker refused what followed: it may want another ALPN protocol \
             (--tls-alpn mqtt; AWS IoT on port 443: x-amzn-mqtt-ca), a client certificate that it knows (--cert, \
             --key), a client ID that its policy allows (-i; AWS IoT), or another protocol version (-V)"
        } else {
            "wrong port? The port may expect TLS (mqtts://) or WebSocket (ws://), or the broker may not speak this protocol version (-V)"
        }),
        ClientError::OtherProtocol { protocol } => {
            Failure::new(Kind::Lost, format!("{endpoint}: this port speaks {protocol}, not plain MQTT"))
                .keyword("connect")
                .hint(match *protocol {
                    "TLS" => "use an mqtts:// or wss:// URL, or --tls",
                    _ => "use a ws:// or wss:// URL, or --ws, or the port for MQTT, usually 1883",
                })
        }
        // The network took no byte for longer than the keep alive: TCP has given up before the driver did.
        ClientError::Lost { source: Some(source) } if source.kind() == io::ErrorKind::TimedOut => {
            let what = format!("{endpoint}: takes no more bytes, or does not answer any more");
            with_io(Failure::new(Kind::Stalled, what), Some(source)).hint("use --retry to keep trying")
        }
        ClientError::Lost { source } => {
            with_io(Failure::new(Kind::Lost, format!("{endpoint}: the connection was lost")), source.as_ref())
                .hint("use --retry to keep trying")
        }
        ClientError::WriteStalled { after } => {
            Failure::new(Kind::Stalled, format!("{endpoint}: took no byte for {} s", after.as_secs()))
                .hint("the broker or the network is overloaded, or the broker refuses to read on")
        }
        ClientError::Session(error) => from_session(error, endpoint, client_id),
        ClientError::Denied { asked, source } => {
            let failure = from_client(source, endpoint, client_id);
            denied_by_closing(&asked_for(asked), "").cause(failure.what)
        }
        ClientError::TakenOver => taken_over(client_id)
            .cause(format!("{endpoint}: the connection is closed again and again right after CONNACK"))
            .hint("use --retry to keep trying"),
        ClientError::Unencodable(what) => Failure::usage(format!("CONNECT cannot be sent: {}", escape(what))),
        ClientError::PasswordFile(_) => Failure::usage(escape(&error.to_string())).keyword("file"),
        ClientError::PasswordCommand(what) => Failure::usage(format!("the password command {}", escape(what)))
            .keyword("config")
            .hint("run the command by hand: it has to print the password and exit with 0"),
    }
}

fn with_io(failure: Failure, source: Option<&io::Error>) -> Failure {
    match source {
        Some(error) => failure.cause(io_reason(error)),
        None => failure,
    }
}

pub(crate) fn from_connect(error: &ConnectError) -> Failure {
    let failure = match error {
        ConnectError::Key(_) => Failure::usage(escape(&error.to_string())).keyword("config"),
        ConnectError::Lookup { .. } => Failure::new(Kind::Lookup, escape(&error.to_string())),
        ConnectError::Tls(_) => Failure::new(Kind::Tls, escape(&error.to_string())),
        ConnectError::WebSocket(WsFault::TextFrame | WsFault::Protocol(_)) => {
            Failure::new(Kind::Protocol, escape(&error.to_string())).keyword("ws")
        }
        ConnectError::WebSocket(fault) => {
            let failure = Failure::new(Kind::Connect, escape(&error.to_string())).keyword("ws");
            match fault {
                WsFault::Refused { body, .. } if !body.is_empty() => {
                    failure.cause(format!("the server says: {}", escape_bytes(body)))
                }
                _ => failure,
            }
        }
        ConnectError::Connect { .. } | ConnectError::Proxy { fault: ProxyFault::Unreachable { .. }, .. } => {
            Failure::new(Kind::Connect, escape(&error.to_string()))
        }
        ConnectError::Proxy { .. } => {
            Failure::new(Kind::Connect, escape(&error.to_string())).keyword("proxy")
        }
    };
    error.hints().iter().fold(failure, |failure, hint| failure.hint(escape(hint)))
}

/// `not authorized (0x87) "what the broker adds"`.
fn said(reason: ReasonCode, reason_string: Option<&ByteString>) -> String {
    match reason_string {
        Some(text) => format!("{reason} \"{}\"", escape(text)),
        None => reason.to_string(),
    }
}

fn from_session(error: &SessionError, endpoint: &Endpoint, client_id: &str) -> Failure {
    match error {
        SessionError::Malformed(DecodeError::OldConnAck { .. }) => Failure::new(
            Kind::Protocol,
            format!("{endpoint}: the broker answered with an MQTT 3.1.1 CONNACK"),
        )
        .keyword("version")
        .hint("it does not speak MQTT 5: try -V 3.1.1, or -V auto"),
        SessionError::Malformed(DecodeError::TooLarge { size, limit, .. }) => Failure::new(
            Kind::TooLarge,
            format!("{endpoint}: the broker sent a packet of {size} bytes, allowed are {limit}"),
        )
        .hint("--max-message allows more"),
        SessionError::Malformed(error) => {
            Failure::new(Kind::Protocol, format!("{endpoint}: the broker sent a bad packet"))
                .cause(escape(&error.to_string()))
                .hint("is this an MQTT port?")
        }
        SessionError::Violation { what, .. } => {
            Failure::new(Kind::Protocol, format!("{endpoint}: the broker broke the protocol"))
                .cause(escape(what))
        }
        SessionError::Refused { reason, reason_string, server_reference, .. } => {
            refused(*reason, reason_string.as_ref(), server_reference.as_ref(), endpoint, client_id)
        }
        SessionError::Disconnected { reason, reason_string, server_reference } => {
            let text = said(*reason, reason_string.as_ref());
            if *reason == ReasonCode::SESSION_TAKEN_OVER {
                return taken_over(client_id).cause(format!("{endpoint}: {text}"));
            }
            let kind = match *reason {
                ReasonCode::USE_ANOTHER_SERVER | ReasonCode::SERVER_MOVED => Kind::Unavailable,
                ReasonCode::NOT_AUTHORIZED => Kind::Auth,
                ReasonCode::PACKET_TOO_LARGE => Kind::TooLarge,
                _ => Kind::Lost,
            };
            let failure = Failure::new(kind, format!("{endpoint}: the broker ended the connection: {text}"))
                .keyword("disconnected");
            referenced(failure, server_reference.as_ref())
        }
        SessionError::Authentication { method } => Failure::new(
            Kind::Auth,
            match method {
                Some(method) => {
                    format!("{endpoint}: the broker asks for the authentication method \"{}\"", escape(method))
                }
                None => format!("{endpoint}: the broker asks for an authentication exchange"),
            },
        )
        .hint("mqt knows no challenge-response authentication: use a user name and password, a token or a client certificate"),
        SessionError::Unanswered { asked, after } => Failure::new(
            Kind::Stalled,
            format!("{endpoint}: no answer to {} within {} s", asked_for(asked), after.as_secs_f64()),
        )
        .hint("--ack-timeout waits longer; 0 waits forever"),
        SessionError::Stalled { keep_alive } => Failure::new(
            Kind::Stalled,
            format!("{endpoint}: no answer within the keep alive of {} s", keep_alive.as_secs()),
        ),
    }
}

/// The keyword of what a broker refuses by closing the connection.
pub(crate) const DENIED_BY_CLOSING: &str = "denied";

/// The broker closes the connection each time after a packet.
fn denied_by_closing(asked: &str, place: &str) -> Failure {
    Failure::new(Kind::Denied, format!("the broker closes the connection each time after {asked}{place}"))
        .keyword(DENIED_BY_CLOSING)
        .hint("it may not take the topic, the QoS or the size, or this user has no right to it")
        .hint("the log of the broker says why; so may -V 5, where it answers with a reason")
}

/// A packet that wants an answer, in words.
pub(crate) fn asked_for(asked: &Asked) -> String {
    let filters = |filters: &[TopicFilter]| {
        let quoted = filters.iter().map(|filter| format!(" \"{}\"", escape(filter)));
        quoted.collect::<Vec<_>>().join(",")
    };
    let packet = asked.packet();
    match asked {
        Asked::Publish { topic, qos, .. } => format!("{packet} \"{}\" at QoS {qos}", escape(topic)),
        Asked::Subscribe { filters: asked } | Asked::Unsubscribe { filters: asked } => {
            format!("{packet}{}", filters(asked))
        }
        Asked::Ping => packet.to_owned(),
    }
}

/// Another client has the same client identifier.
fn taken_over(client_id: &str) -> Failure {
    Failure::new(Kind::Lost, format!("another client uses the client id \"{}\"", escape(client_id)))
        .keyword("takeover")
        .hint("give each client an id of its own with -i, or leave -i out")
}

fn refused(
    reason: ReasonCode,
    reason_string: Option<&ByteString>,
    server_reference: Option<&ByteString>,
    endpoint: &Endpoint,
    client_id: &str,
) -> Failure {
    let text = said(reason, reason_string);
    let failure =
        |kind, what: &str| Failure::new(kind, format!("{endpoint}: the broker refused {what}: {text}"));
    match reason {
        ReasonCode::BAD_USER_NAME_OR_PASSWORD => failure(Kind::Login, "the login")
            .hint("check -u and the password (--password-file, MQT_PASSWORD, -P)"),
        ReasonCode::NOT_AUTHORIZED | ReasonCode::BANNED | ReasonCode::BAD_AUTHENTICATION_METHOD => {
            failure(Kind::Auth, "the login")
                .hint("check -u, the password, the client id and the broker's access rules")
        }
        ReasonCode::UNSUPPORTED_PROTOCOL_VERSION => failure(Kind::Protocol, "the protocol version")
            .keyword("version")
            .hint("try -V 3.1.1 or -V 5, or leave -V out"),
        ReasonCode::CLIENT_IDENTIFIER_NOT_VALID => {
            failure(Kind::Protocol, &format!("the client id \"{}\"", escape(client_id)))
                .keyword("client-id")
                .hint("give another with -i")
        }
        ReasonCode::MALFORMED_PACKET | ReasonCode::PROTOCOL_ERROR => failure(Kind::Protocol, "CONNECT"),
        ReasonCode::PACKET_TOO_LARGE => failure(Kind::TooLarge, "CONNECT"),
        ReasonCode::RETAIN_NOT_SUPPORTED | ReasonCode::QOS_NOT_SUPPORTED => {
            failure(Kind::Unsupported, "the will")
        }
        ReasonCode::TOPIC_NAME_INVALID | ReasonCode::PAYLOAD_FORMAT_INVALID => {
            failure(Kind::Denied, "the will")
        }
        _ => referenced(failure(Kind::Unavailable, "the connection"), server_reference),
    }
}

fn referenced(failure: Failure, server_reference: Option<&ByteString>) -> Failure {
    match server_reference {
        Some(server) => failure.hint(format!("the broker names another server: {}", escape(server))),
        None => failure,
    }
}

/// A subscription that the broker refuses.
pub(crate) fn from_suback(filter: &str, reason: ReasonCode, reason_string: Option<&str>) -> Failure {
    if reason_string == Some(REFUSED_BY_CLOSING) {
        return denied_by_closing(&format!("SUBSCRIBE \"{}\"", escape(filter)), "");
    }
    let kind = match reason {
        ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED
        | ReasonCode::SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED
        | ReasonCode::WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED => Kind::Unsupported,
        _ => Kind::Denied,
    };
    let said = reason_string.map(|text| format!(" \"{}\"", escape(text))).unwrap_or_default();
    Failure::new(kind, format!("subscribe \"{}\": {reason}{said}", escape(filter)))
        .mosquitto_text("All subscription requests were denied.")
}

/// A publish that will not be confirmed. `place` says where its input stood: `line 7`.
pub(crate) fn from_refusal(refusal: &Refusal, topic: &str, place: Option<&str>) -> Failure {
    let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
    let what = |text: String| format!("publish \"{}\"{place}: {text}", escape(topic));
    match refusal {
        Refusal::Broker { reason, reason_string } => {
            let kind = match *reason {
                ReasonCode::PACKET_TOO_LARGE => Kind::TooLarge,
                ReasonCode::QOS_NOT_SUPPORTED | ReasonCode::RETAIN_NOT_SUPPORTED => Kind::Unsupported,
                _ => Kind::Denied,
            };
            Failure::new(kind, what(said(*reason, reason_string.as_ref())))
        }
        Refusal::TooLarge { size, allowed: MAX_REMAINING_LENGTH } => Failure::new(
            Kind::TooLarge,
            what(format!("{size} bytes, an MQTT packet has at most {MAX_REMAINING_LENGTH}")),
        ),
        Refusal::TooLarge { size, allowed } => {
            Failure::new(Kind::TooLarge, what(format!("{size} bytes, the broker allows {allowed}")))
        }
        Refusal::Closed { packet, qos } => {
            denied_by_closing(&format!("{packet} \"{}\" at QoS {qos}", escape(topic)), &place)
        }
        Refusal::AcknowledgedAtQoS1 => Failure::new(Kind::Unsupported, what(refusal.to_string()))
            .hint("-q 1 asks for no more than that; --downgrade-qos takes what the broker has"),
        Refusal::QoS { .. } => Failure::new(Kind::Unsupported, what(refusal.to_string()))
            .hint("--downgrade-qos publishes at the QoS that the broker has"),
        Refusal::Retain => Failure::new(Kind::Unsupported, what(refusal.to_string())).hint("leave -r out"),
        Refusal::TopicAlias { .. } => Failure::new(Kind::Unsupported, what(refusal.to_string())),
        Refusal::Unencodable(why) => Failure::usage(what(escape(why).into_owned())),
    }
}
