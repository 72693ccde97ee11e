//! The options of a client's connection, one group for every command that has one.
//!
//! Each value is optional: what is not typed comes from the environment (`MQT_` and the long name), then
//! from the profile, then from the default. The names of the fields are the names there too.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args};
use serde::Deserialize;

use mqt_client::{Endpoint, Proxy, TlsPin, WsHeader};
use mqt_proto::{QoS, Secret, TopicName};

use super::dialect::Dialect;
use super::property::PlacedProperty;
use super::values::{
    ColorChoice, Expiry, KeepAliveSeconds, PacketSize, SummaryFormat, TimeSpan, TlsMinimum, Tries, Unserved,
    VersionName, Window, read_flag, read_list, read_value, secret_parser,
};

/// All connection options.
#[derive(Args, Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionArgs {
    /// Where the broker is.
    #[command(flatten)]
    pub server: ServerArgs,
    /// User name and password.
    #[command(flatten)]
    pub login: LoginArgs,
    /// TLS options.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// The MQTT session.
    #[command(flatten)]
    pub session: SessionArgs,
    /// The will.
    #[command(flatten)]
    pub will: WillArgs,
    /// What is printed on stderr.
    #[command(flatten)]
    pub talk: TalkArgs,
    /// Whose defaults, texts and exit statuses.
    #[arg(skip)]
    pub dialect: Dialect,
    /// What is to be reported about the words, a line each.
    #[arg(skip)]
    pub notes: Vec<String>,
}

/// Options that exist only so that they can be refused with an explanation; not listed in the help.
pub const HIDDEN: &[&str] = &["psk", "psk-identity", "keyform", "tls-engine", "tls-engine-kpass-sha1"];

/// Where the broker is and how to reach it.
#[derive(Args, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[command(next_help_heading = "Connection")]
#[serde(default, rename_all = "kebab-case")]
pub struct ServerArgs {
    /// Connect to the broker at this URL
    ///
    /// mqtt://HOST (TCP, port 1883), mqtts://HOST (TLS, port 8883), ws://HOST/PATH (WebSocket, port 80),
    /// wss://HOST/PATH (WebSocket over TLS, port 443) or unix:///PATH. The scheme alone decides the
    /// transport; TLS never falls back to plain. User name and password may precede the host, as in
    /// mqtts://USER:PASSWORD@HOST:8883, with special characters percent-encoded. A path after mqtt:// or mqtts://
    /// is a topic, as with mosquitto. tcp:// is mqtt://, ssl:// and tls:// are mqtts://.
    #[arg(short = 'L', long, value_name = "URL")]
    #[serde(deserialize_with = "read_value")]
    pub url: Option<Endpoint>,

    /// Connect to this host [default: localhost]
    ///
    /// A name or an address; IPv6 addresses with or without brackets. Help is --help, not -h.
    #[arg(short = 'h', long, value_name = "HOST", allow_hyphen_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub host: Option<String>,

    /// Connect to this port [default: 1883, with TLS 8883]
    ///
    /// WebSocket uses 80 and 443. Port 8883 without --url means TLS, as with mosquitto.
    #[arg(short = 'p', long, value_name = "PORT", allow_negative_numbers = true)]
    #[serde(deserialize_with = "read_value")]
    pub port: Option<u16>,

    /// Connect to this unix socket
    ///
    /// The same as --url unix:///PATH.
    #[arg(long, value_name = "PATH")]
    #[serde(deserialize_with = "read_value")]
    pub unix: Option<PathBuf>,

    /// Use WebSocket
    ///
    /// The same as a ws:// or wss:// URL, for use with --host.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub ws: Option<bool>,

    /// Request this path for WebSocket [default: /mqtt]
    ///
    /// For use with --ws; in a ws:// or wss:// URL the path follows the host.
    #[arg(long, value_name = "PATH")]
    #[serde(deserialize_with = "read_value")]
    pub ws_path: Option<String>,

    /// Send this HTTP header with the WebSocket request; repeatable
    ///
    /// For example --ws-header 'Authorization: Bearer TOKEN'. The value is treated as a secret. MQT_WS_HEADER
    /// holds one header.
    #[arg(long, value_name = "NAME: VALUE", action = ArgAction::Append)]
    #[serde(deserialize_with = "read_list")]
    pub ws_header: Vec<WsHeader>,

    /// Connect through this proxy
    ///
    /// socks5h://USER:PASSWORD@HOST:PORT or http://USER:PASSWORD@HOST:PORT (CONNECT); login and port, 1080 or
    /// 8080, may be omitted. The proxy resolves the broker's name. TLS and WebSocket work through it.
    #[arg(long, value_name = "URL")]
    #[serde(deserialize_with = "read_value")]
    pub proxy: Option<Proxy>,

    /// Connect from this local address
    ///
    /// A name or address of this machine.
    #[arg(short = 'A', long, value_name = "ADDRESS")]
    #[serde(deserialize_with = "read_value")]
    pub bind: Option<String>,

    /// Use IPv4 addresses only
    ///
    /// Without -4 and -6 all addresses of the broker are tried, each 250 ms after the one before.
    #[arg(short = '4', long, num_args = 0, default_missing_value = "true", conflicts_with = "ipv6")]
    #[serde(deserialize_with = "read_flag")]
    pub ipv4: Option<bool>,

    /// Use IPv6 addresses only
    ///
    /// The opposite of -4.
    #[arg(short = '6', long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub ipv6: Option<bool>,

    /// Look up the brokers of the domain --host (DNS SRV)
    ///
    /// The record _mqtt._tcp.HOST, with TLS _secure-mqtt._tcp.HOST, names host and port. The name servers of
    /// /etc/resolv.conf are asked. The TLS certificate must be for the domain.
    #[arg(short = 'S', long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub srv: Option<bool>,

    /// Accepted for compatibility; TCP_NODELAY is always on
    ///
    /// Packets that are ready together are written together anyway. For scripts written
    /// for mosquitto.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub nodelay: Option<bool>,

    /// Connection timeout [default: 10s]
    ///
    /// Covers name lookup, TCP, proxy, TLS, WebSocket and CONNACK. Seconds,
    /// or a duration such as 500ms, 10s or 1m.
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true)]
    #[serde(deserialize_with = "read_value")]
    pub connect_timeout: Option<TimeSpan>,

    /// Give up when the broker does not answer a request for this long [default: 60s]
    ///
    /// PUBLISH at QoS 1 and 2, SUBSCRIBE, UNSUBSCRIBE, and the PINGREQ that confirms QoS 0 messages. The clock restarts
    /// with each byte that the broker takes and each answer that it sends. Exit status 19; 0 waits forever.
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true)]
    #[serde(deserialize_with = "read_value")]
    pub ack_timeout: Option<TimeSpan>,

    /// Retry the first connection, up to N times [default: do not retry]
    ///
    /// Without =N, or with =forever, there is no limit. The pause between attempts grows from 0.1 s to
    /// 30 s. With =N the limit also applies to consecutive attempts after a lost connection. A refused login, a
    /// wrong certificate and a takeover by another client are never retried. A broker that closes the connection
    /// after the same request three times in a row has refused it; with =forever even that is retried.
    #[arg(long, value_name = "N|forever", num_args = 0..=1, require_equals = true,
          default_missing_value = "forever")]
    #[serde(deserialize_with = "read_value")]
    pub retry: Option<Tries>,

    /// Exit instead of reconnecting when the connection is lost
    ///
    /// Without this, mqt reconnects, subscribes again and resends unconfirmed
    /// messages.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub no_reconnect: Option<bool>,

    /// Use the options in this profile [default: the profile named default, if it exists]
    ///
    /// A profile is a table [profile.NAME] in ~/.config/mqt/config.toml; its keys are the long names of the
    /// connection options. Options and environment variables override the profile. MQT_PROFILE names one
    /// too; see also `mqt profile list`.
    #[arg(long, value_name = "NAME")]
    #[serde(skip)]
    pub profile: Option<String>,

    /// Read further options from this file
    ///
    /// One option per line, the rest of the line being its value, quotes included; lines that begin with # are ignored. This is
    /// the format of mosquitto's options files. The command line overrides the file.
    #[arg(short = 'o', long, value_name = "FILE")]
    #[serde(skip)]
    pub options_file: Option<PathBuf>,
}

/// User name and password.
#[derive(Args, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[command(next_help_heading = "Login")]
#[serde(default, rename_all = "kebab-case")]
pub struct LoginArgs {
    /// Log in with this user name
    ///
    /// Overrides a user name in the URL.
    #[arg(short = 'u', long, value_name = "NAME", allow_hyphen_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub username: Option<String>,

    /// Log in with this password
    ///
    /// Every user of this machine can see it in the process list; prefer --password-file,
    /// --password-command or the variable MQT_PASSWORD. In a profile the key is password.
    #[arg(
        short = 'P',
        long = "pw",
        visible_alias = "password",
        value_name = "PASSWORD",
        allow_hyphen_values = true,
        value_parser = secret_parser()
    )]
    #[serde(deserialize_with = "read_value")]
    pub password: Option<Secret>,

    /// Read the password from this file
    ///
    /// A trailing newline is removed.
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "read_value")]
    pub password_file: Option<PathBuf>,

    /// Read the password from standard input
    ///
    /// All of it; a trailing newline is removed. Cannot be combined with messages from standard input.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(skip)]
    pub password_stdin: Option<bool>,

    /// Use the output of this command as the password
    ///
    /// It is run by the shell; a trailing newline of its output is removed. It is
    /// run again for each connection, so it can print a token that expires, and may take as long as
    /// --connect-timeout allows.
    #[arg(long, value_name = "COMMAND")]
    #[serde(deserialize_with = "read_value")]
    pub password_command: Option<String>,

    /// Ask for the password on the terminal
    ///
    /// Input is not echoed.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(skip)]
    pub password_prompt: Option<bool>,
}

/// TLS.
#[derive(Args, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[command(next_help_heading = "TLS")]
#[serde(default, rename_all = "kebab-case")]
pub struct TlsArgs {
    /// Use TLS
    ///
    /// For use with --host; in a URL write mqtts:// or wss://. The broker's certificate is checked against
    /// the system's CAs unless --cafile, --capath or --tls-pin is given. Each of these, as well as
    /// --cert and --tls-use-os-certs, turns TLS on.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub tls: Option<bool>,

    /// Trust only the CA certificates in this file
    ///
    /// PEM, one or more certificates. A self-signed broker certificate can be given here too.
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "read_value")]
    pub cafile: Option<PathBuf>,

    /// Trust only the CA certificates in this folder
    ///
    /// Every PEM file in it is read.
    #[arg(long, value_name = "DIR")]
    #[serde(deserialize_with = "read_value")]
    pub capath: Option<PathBuf>,

    /// Also trust the system's CAs
    ///
    /// The default unless --cafile or --capath is given.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub tls_use_os_certs: Option<bool>,

    /// Reject certificates revoked by this CRL
    ///
    /// PEM or DER; a PEM file may hold the CRLs of several CAs. One of them must come from the CA that signed the
    /// broker's certificate, and none may be out of date.
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "read_value")]
    pub crl: Option<PathBuf>,

    /// Accept old kinds of broker certificates, as mosquitto does
    ///
    /// Certificates of X.509 version 1, host names in the common name, DNS entries that are addresses, and CA
    /// certificates in use as the broker's own. The signature of the CA, the dates and the name are still checked.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub tls_legacy: Option<bool>,

    /// Client certificate
    ///
    /// PEM, the certificate first, followed by its chain. Needs --key or --key-command.
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "read_value")]
    pub cert: Option<PathBuf>,

    /// Private key for --cert
    ///
    /// PEM. The password of an encrypted key is read from --key-password-file or prompted for.
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "read_value")]
    pub key: Option<PathBuf>,

    /// Use the output of this command as the private key for --cert
    ///
    /// It is run by the shell at the first connection and prints the key (PEM): for PKCS#12 files, password
    /// stores and vaults. It may take as long as --connect-timeout allows.
    #[arg(long, value_name = "COMMAND")]
    #[serde(deserialize_with = "read_value")]
    pub key_command: Option<String>,

    /// Read the password of an encrypted private key from this file
    ///
    /// A trailing newline is removed. For keys in PKCS#8 form (BEGIN ENCRYPTED PRIVATE KEY).
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "read_value")]
    pub key_password_file: Option<PathBuf>,

    /// Check the broker's certificate for this name instead of the host
    ///
    /// The name is also sent as SNI. For brokers reached by an address or through a tunnel.
    #[arg(long, value_name = "NAME")]
    #[serde(deserialize_with = "read_value")]
    pub tls_server_name: Option<String>,

    /// Trust exactly the certificate with this digest; repeatable
    ///
    /// sha256: and 64 hexadecimal digits: the SHA-256 of the certificate or of its public key. For
    /// self-signed brokers: CA, name and dates are then not checked.
    #[arg(long, value_name = "sha256:DIGEST", action = ArgAction::Append)]
    #[serde(deserialize_with = "read_list")]
    pub tls_pin: Vec<TlsPin>,

    /// Offer this ALPN protocol
    ///
    /// Some brokers accept MQTT on port 443 with the protocol mqtt or x-amzn-mqtt-ca.
    #[arg(long, value_name = "PROTOCOL")]
    #[serde(deserialize_with = "read_value")]
    pub tls_alpn: Option<String>,

    /// Oldest TLS version to accept: tlsv1.2 or tlsv1.3 [default: tlsv1.2]
    ///
    /// TLS 1.1 and older are not supported.
    #[arg(long, value_name = "VERSION", ignore_case = true, hide_possible_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub tls_version: Option<TlsMinimum>,

    /// Do not check the broker's certificate
    ///
    /// Anyone on the network path can then read and change everything, the password included. --tls-pin is the safe way
    /// to connect to a broker with a self-signed certificate.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub insecure: Option<bool>,

    /// Do not use TLS, whatever other options say
    ///
    /// Overrides --tls, --cafile and the like, and port 8883. Not for mqtts:// and wss:// URLs.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub no_tls: Option<bool>,

    /// Offer only these cipher suites
    ///
    /// Names separated by colons, as OpenSSL or the standards write them: ECDHE-RSA-AES128-GCM-SHA256 or
    /// TLS13_AES_128_GCM_SHA256. An unknown name is an error that lists the known ones.
    #[arg(long, value_name = "NAMES")]
    #[serde(deserialize_with = "read_value")]
    pub ciphers: Option<String>,

    /// Not available: TLS with a pre-shared key
    ///
    /// A mosquitto option, recognised so that the error can say what to use instead: mqt's TLS library
    /// (rustls) supports only certificates.
    #[arg(long, value_name = "HEX", hide = true)]
    #[serde(deserialize_with = "read_value")]
    pub psk: Option<Unserved>,

    /// Not available: the identity of --psk
    ///
    /// See --psk.
    #[arg(long, value_name = "TEXT", hide = true)]
    #[serde(deserialize_with = "read_value")]
    pub psk_identity: Option<Unserved>,

    /// Only pem is available: the form of --key
    ///
    /// A mosquitto option: mqt reads only PEM; engine needs OpenSSL.
    #[arg(long, value_name = "FORM", hide = true)]
    #[serde(deserialize_with = "read_value")]
    pub keyform: Option<String>,

    /// Not available: an OpenSSL engine
    ///
    /// A mosquitto option, recognised so that the error can say what to use instead.
    #[arg(long, value_name = "ENGINE", hide = true)]
    #[serde(deserialize_with = "read_value")]
    pub tls_engine: Option<Unserved>,

    /// Not available: the password of a key in an engine
    ///
    /// See --tls-engine.
    #[arg(long, value_name = "HEX", hide = true)]
    #[serde(deserialize_with = "read_value")]
    pub tls_engine_kpass_sha1: Option<Unserved>,

    /// Append the TLS session secrets to this file
    ///
    /// In the format that Wireshark reads. Anyone with the file can read the traffic.
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "read_value")]
    pub tls_keylog: Option<PathBuf>,
}

/// The MQTT session.
#[derive(Args, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[command(next_help_heading = "Session")]
#[serde(default, rename_all = "kebab-case")]
pub struct SessionArgs {
    /// MQTT version: auto, 5, 3.1.1 or 3.1 [default: auto]
    ///
    /// auto: MQTT 5 first, then 3.1.1 on a new connection if the broker does not speak 5. Anything that only MQTT 5
    /// has (-D, -x, …) selects 5. mosquitto's names (mqttv5, mqttv311, 311, mqttv31, 31) are
    /// accepted too.
    #[arg(short = 'V', long, value_name = "VERSION")]
    #[serde(deserialize_with = "read_value")]
    pub protocol_version: Option<VersionName>,

    /// Client identifier [default: mqt- and 16 random hexadecimal digits]
    ///
    /// Two clients with the same identifier disconnect each other.
    #[arg(short = 'i', long, value_name = "ID", allow_hyphen_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub id: Option<String>,

    /// Use this prefix and the process ID as the client identifier
    ///
    /// For brokers that allow identifiers by prefix.
    #[arg(short = 'I', long, value_name = "PREFIX", allow_hyphen_values = true, conflicts_with = "id")]
    #[serde(deserialize_with = "read_value")]
    pub id_prefix: Option<String>,

    /// Keep the session when disconnecting: subscriptions and queued messages
    ///
    /// Needs --id, so that the session can be found again. It never expires unless --session-expiry is given.
    #[arg(short = 'c', long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub disable_clean_session: Option<bool>,

    /// Session lifetime after disconnecting [default: 0, with -c never]
    ///
    /// Seconds, a duration such as 2h, or never. MQTT 5 only.
    #[arg(short = 'x', long, value_name = "DURATION", allow_hyphen_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub session_expiry: Option<Expiry>,

    /// Keepalive interval [default: 60]
    ///
    /// Whole seconds, or a duration such as 2m; 0 turns it off. A broker that stays silent
    /// for one and a half times as long is considered lost.
    #[arg(short = 'k', long, value_name = "DURATION", allow_negative_numbers = true)]
    #[serde(deserialize_with = "read_value")]
    pub keepalive: Option<KeepAliveSeconds>,

    /// Maximum number of unacknowledged QoS 1 and 2 messages [default: 20]
    ///
    /// A smaller limit set by the broker (receive maximum, MQTT 5) takes precedence.
    #[arg(short = 'M', long, value_name = "N", allow_negative_numbers = true)]
    #[serde(deserialize_with = "read_value")]
    pub max_inflight: Option<Window>,

    /// Accept packets up to this size [default: 256M]
    ///
    /// Bytes, or a number with k, M or G. Announced to the broker (MQTT 5); a larger packet closes the connection.
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    #[serde(deserialize_with = "read_value")]
    pub max_message: Option<PacketSize>,

    /// Add an MQTT 5 property: PACKET NAME VALUE; repeatable
    ///
    /// PACKET is connect, publish, subscribe, unsubscribe, disconnect or will. The name user-property takes
    /// two values: -D publish user-property KEY VALUE. For example -D publish content-type text/plain,
    /// -D publish message-expiry-interval 60, -D will will-delay-interval 5. Selects MQTT 5. In a
    /// profile it is a list of strings; MQT_PROPERTY holds one.
    #[arg(short = 'D', long, value_names = ["PACKET", "NAME", "VALUE"], num_args = 3..=4,
          action = ArgAction::Append)]
    #[serde(deserialize_with = "read_list")]
    pub property: Vec<PlacedProperty>,
}

/// The will message, published by the broker when this client is lost.
#[derive(Args, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[command(next_help_heading = "Will")]
#[serde(default, rename_all = "kebab-case")]
pub struct WillArgs {
    /// Topic of the will message, published by the broker if the connection is lost
    ///
    /// Sent when the client disappears without DISCONNECT. -D will adds properties, as in
    /// -D will will-delay-interval 5.
    #[arg(long, value_name = "TOPIC", allow_hyphen_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub will_topic: Option<TopicName>,

    /// Payload of the will message [default: empty]
    ///
    /// Needs --will-topic.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub will_payload: Option<OsString>,

    /// Read the payload of the will message from this file
    ///
    /// Byte for byte, at most 65,535 bytes. Needs --will-topic.
    #[arg(long, value_name = "FILE", conflicts_with = "will_payload")]
    #[serde(deserialize_with = "read_value")]
    pub will_file: Option<PathBuf>,

    /// QoS level of the will message: 0, 1 or 2 [default: 0]
    ///
    /// Needs --will-topic.
    #[arg(long, value_name = "QOS")]
    #[serde(deserialize_with = "read_value")]
    pub will_qos: Option<QoS>,

    /// Retain the will message
    ///
    /// Needs --will-topic.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub will_retain: Option<bool>,
}

/// What is printed on stderr, and how.
#[derive(Args, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[command(next_help_heading = "Diagnostics")]
#[serde(default, rename_all = "kebab-case")]
pub struct TalkArgs {
    /// Log every packet
    ///
    /// On stderr, without passwords and tokens.
    #[arg(short = 'd', long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub debug: Option<bool>,

    /// Suppress errors, warnings, notes and progress
    ///
    /// Only the exit status tells. Wrong options are still reported.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub quiet: Option<bool>,

    /// Use colours: auto, always or never [default: auto]
    ///
    /// auto: on a terminal, unless NO_COLOR is set.
    #[arg(long, value_name = "WHEN", hide_possible_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub color: Option<ColorChoice>,

    /// Print a summary at exit: text or json [default: only if something is unconfirmed, or on Ctrl-C]
    ///
    /// On stderr, one line with counts: asked, sent, confirmed, denied, unconfirmed, repeated, received, printed,
    /// duplicates, reconnects, and the exit status with its keyword.
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "text", hide_possible_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub summary: Option<SummaryFormat>,
}
