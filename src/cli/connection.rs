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

/// Everything about the connection.
#[derive(Args, Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionArgs {
    /// Where the broker is.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Who we are.
    #[command(flatten)]
    pub login: LoginArgs,
    /// How TLS is done.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// The MQTT session.
    #[command(flatten)]
    pub session: SessionArgs,
    /// The will.
    #[command(flatten)]
    pub will: WillArgs,
    /// What is said on stderr.
    #[command(flatten)]
    pub talk: TalkArgs,
    /// Whose defaults, texts and exit statuses.
    #[arg(skip)]
    pub dialect: Dialect,
    /// What is to be said about the words, a line each.
    #[arg(skip)]
    pub notes: Vec<String>,
}

/// What is there only to be refused in words of its own: no help has it.
pub const HIDDEN: &[&str] = &["psk", "psk-identity", "keyform", "tls-engine", "tls-engine-kpass-sha1"];

/// Where the broker is, and the way there.
#[derive(Args, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[command(next_help_heading = "Connection")]
#[serde(default, rename_all = "kebab-case")]
pub struct ServerArgs {
    /// Connect to the broker at this URL
    ///
    /// mqtt://HOST (TCP, port 1883), mqtts://HOST (TLS, port 8883), ws://HOST/PATH (WebSocket, port 80),
    /// wss://HOST/PATH (WebSocket over TLS, port 443) or unix:///PATH. The scheme alone decides the
    /// transport; TLS never falls back to plain. User name and password may stand before the host, as in
    /// mqtts://USER:PASSWORD@HOST:8883, special characters percent-encoded. A path after mqtt:// or mqtts://
    /// is a topic, as with mosquitto. tcp:// is mqtt://, ssl:// and tls:// are mqtts://.
    #[arg(short = 'L', long, value_name = "URL")]
    #[serde(deserialize_with = "read_value")]
    pub url: Option<Endpoint>,

    /// Connect to this host [default: localhost]
    ///
    /// A name or an address; IPv6 addresses with or without brackets. --help is the help, not -h.
    #[arg(short = 'h', long, value_name = "HOST", allow_hyphen_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub host: Option<String>,

    /// Connect to this port [default: 1883, with TLS 8883]
    ///
    /// WebSocket has the default ports 80 and 443. Port 8883 without --url means TLS, as with mosquitto.
    #[arg(short = 'p', long, value_name = "PORT", allow_negative_numbers = true)]
    #[serde(deserialize_with = "read_value")]
    pub port: Option<u16>,

    /// Connect to this unix socket
    ///
    /// The same as --url unix:///PATH.
    #[arg(long, value_name = "PATH")]
    #[serde(deserialize_with = "read_value")]
    pub unix: Option<PathBuf>,

    /// Speak MQTT over WebSocket
    ///
    /// The same as a ws:// or wss:// URL, for use with --host.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub ws: Option<bool>,

    /// Request this path for WebSocket [default: /mqtt]
    ///
    /// For use with --ws; in a ws:// or wss:// URL the path stands behind the host.
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
    /// 8080, may be left out. The proxy looks the name of the broker up. TLS and WebSocket work through it.
    #[arg(long, value_name = "URL")]
    #[serde(deserialize_with = "read_value")]
    pub proxy: Option<Proxy>,

    /// Connect from this local address
    ///
    /// A name or an address of this machine.
    #[arg(short = 'A', long, value_name = "ADDRESS")]
    #[serde(deserialize_with = "read_value")]
    pub bind: Option<String>,

    /// Use IPv4 addresses only
    ///
    /// Without -4 and -6 all addresses of the broker are tried, the next one 250 ms after the one before.
    #[arg(short = '4', long, num_args = 0, default_missing_value = "true", conflicts_with = "ipv6")]
    #[serde(deserialize_with = "read_flag")]
    pub ipv4: Option<bool>,

    /// Use IPv6 addresses only
    ///
    /// The opposite of -4.
    #[arg(short = '6', long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub ipv6: Option<bool>,

    /// Ask the domain --host for its brokers: DNS SRV
    ///
    /// The record _mqtt._tcp.HOST, with TLS _secure-mqtt._tcp.HOST, names host and port. The name servers of
    /// /etc/resolv.conf are asked. A TLS certificate has to be for the domain.
    #[arg(short = 'S', long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub srv: Option<bool>,

    /// Send small packets at once: it is always so
    ///
    /// TCP_NODELAY is on without it too: what is ready together is written together anyway. For scripts made
    /// for mosquitto.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub nodelay: Option<bool>,

    /// Give up a connect after this time [default: 10s]
    ///
    /// Name lookup, TCP, proxy, TLS, WebSocket and the broker's CONNACK together may take so long. Seconds,
    /// or a number with a unit: 500ms, 10s, 1m.
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true)]
    #[serde(deserialize_with = "read_value")]
    pub connect_timeout: Option<TimeSpan>,

    /// Give up when the broker leaves a request unanswered for this long [default: 60s]
    ///
    /// PUBLISH at QoS 1 and 2, SUBSCRIBE, UNSUBSCRIBE, and the PINGREQ that proves QoS 0 messages. The clock starts
    /// again with each byte that the broker takes and each answer that it gives. Exit status 19; 0 waits for ever.
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true)]
    #[serde(deserialize_with = "read_value")]
    pub ack_timeout: Option<TimeSpan>,

    /// Keep trying when the first connect fails, at most N times [default: not at all]
    ///
    /// Without =N, or with =forever, there is no limit. The pause between two tries grows from 0.1 s to
    /// 30 s. With =N the limit also holds for the tries in a row after a lost connection. A refused login, a
    /// wrong certificate and a take-over by another client are never tried again. A broker that closes the connection
    /// after the same request three times in a row has refused it; with =forever even that is tried on.
    #[arg(long, value_name = "N|forever", num_args = 0..=1, require_equals = true,
          default_missing_value = "forever")]
    #[serde(deserialize_with = "read_value")]
    pub retry: Option<Tries>,

    /// End when the connection is lost
    ///
    /// Otherwise a lost connection is made anew, subscriptions are made again and unconfirmed messages are
    /// sent again.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub no_reconnect: Option<bool>,

    /// Take options from this profile [default: the profile named default, if there is one]
    ///
    /// A profile is a table [profile.NAME] in ~/.config/mqt/config.toml; its keys are the long names of the
    /// connection options. Options and environment variables win over the profile. MQT_PROFILE names one
    /// too; see also `mqt profile list`.
    #[arg(long, value_name = "NAME")]
    #[serde(skip)]
    pub profile: Option<String>,

    /// Read further options from this file
    ///
    /// One option a line, the rest of the line its value, quotes included, and lines that begin with # left out: the
    /// form of the options files of mosquitto. What stands on the command line wins.
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
    /// It wins over a user name in the URL.
    #[arg(short = 'u', long, value_name = "NAME", allow_hyphen_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub username: Option<String>,

    /// Log in with this password
    ///
    /// Every user of this machine can read it in the list of processes: better is --password-file,
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
    /// One line end at its end is cut off.
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "read_value")]
    pub password_file: Option<PathBuf>,

    /// Read the password from standard input
    ///
    /// All of it; one line end at its end is cut off. Not together with messages from standard input.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(skip)]
    pub password_stdin: Option<bool>,

    /// Run this command for the password
    ///
    /// The shell runs it and its standard output is the password, one line end at its end cut off. It is
    /// asked again at each connect, so that it may print a token that expires, and may take as long as
    /// --connect-timeout says.
    #[arg(long, value_name = "COMMAND")]
    #[serde(deserialize_with = "read_value")]
    pub password_command: Option<String>,

    /// Ask for the password on the terminal
    ///
    /// Nothing that is typed shows.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(skip)]
    pub password_prompt: Option<bool>,
}

/// TLS.
#[derive(Args, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[command(next_help_heading = "TLS")]
#[serde(default, rename_all = "kebab-case")]
pub struct TlsArgs {
    /// Speak TLS
    ///
    /// For use with --host; a URL says it by mqtts:// or wss://. The broker's certificate is checked against
    /// the CAs of this system unless --cafile, --capath or --tls-pin say otherwise. Each of these and
    /// --cert and --tls-use-os-certs turn TLS on by themselves.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub tls: Option<bool>,

    /// Trust the CA certificates in this file only
    ///
    /// PEM, one or more certificates. The certificate of a self-signed broker can be given here too.
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "read_value")]
    pub cafile: Option<PathBuf>,

    /// Trust the CA certificates in this folder only
    ///
    /// Every PEM file in it is read.
    #[arg(long, value_name = "DIR")]
    #[serde(deserialize_with = "read_value")]
    pub capath: Option<PathBuf>,

    /// Trust the CAs of this system too
    ///
    /// They are trusted anyway unless --cafile or --capath is given.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub tls_use_os_certs: Option<bool>,

    /// Refuse certificates that this list of revoked certificates names
    ///
    /// PEM or DER; a PEM file may hold the CRLs of several CAs. One of them has to be from the CA that signed the
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

    /// Show this client certificate to the broker
    ///
    /// PEM, the certificate first and the chain behind it. Needs --key or --key-command.
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "read_value")]
    pub cert: Option<PathBuf>,

    /// Use this private key for --cert
    ///
    /// PEM. The password of an encrypted key is read from --key-password-file, or asked for on the terminal.
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "read_value")]
    pub key: Option<PathBuf>,

    /// Run this command for the private key of --cert
    ///
    /// The shell runs it at the first connect, and its standard output is the key (PEM): for PKCS#12 files, password
    /// stores and vaults. It may take as long as --connect-timeout says.
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
    /// The name is sent as SNI too. For brokers reached by an address or through a tunnel.
    #[arg(long, value_name = "NAME")]
    #[serde(deserialize_with = "read_value")]
    pub tls_server_name: Option<String>,

    /// Trust exactly the certificate with this digest; repeatable
    ///
    /// sha256: and 64 hexadecimal digits: the SHA-256 of the certificate or of its public key. For
    /// self-signed brokers: neither CA nor name nor dates are checked then.
    #[arg(long, value_name = "sha256:DIGEST", action = ArgAction::Append)]
    #[serde(deserialize_with = "read_list")]
    pub tls_pin: Vec<TlsPin>,

    /// Offer this protocol by ALPN
    ///
    /// Some brokers take MQTT on port 443 when asked for the protocol mqtt or x-amzn-mqtt-ca.
    #[arg(long, value_name = "PROTOCOL")]
    #[serde(deserialize_with = "read_value")]
    pub tls_alpn: Option<String>,

    /// Refuse TLS versions older than this: tlsv1.2 or tlsv1.3 [default: tlsv1.2]
    ///
    /// TLS 1.1 and older are never spoken.
    #[arg(long, value_name = "VERSION", ignore_case = true, hide_possible_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub tls_version: Option<TlsMinimum>,

    /// Do not check the broker's certificate
    ///
    /// Anybody on the way can then read and change everything, the password too. --tls-pin is the safe way
    /// to a broker with a self-signed certificate.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub insecure: Option<bool>,

    /// Do not speak TLS, whatever other options say
    ///
    /// It wins over --tls, --cafile and the like, and over port 8883. Not for mqtts:// and wss:// URLs.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub no_tls: Option<bool>,

    /// Offer these cipher suites only
    ///
    /// Names separated by colons, as OpenSSL or the standards write them: ECDHE-RSA-AES128-GCM-SHA256 or
    /// TLS13_AES_128_GCM_SHA256. A name that is not known here is an error that lists those that are.
    #[arg(long, value_name = "NAMES")]
    #[serde(deserialize_with = "read_value")]
    pub ciphers: Option<String>,

    /// Not available: TLS with a pre-shared key
    ///
    /// mosquitto's option, known by name so that the error says what to use instead: the TLS library of mqt
    /// (rustls) has certificates only.
    #[arg(long, value_name = "HEX", hide = true)]
    #[serde(deserialize_with = "read_value")]
    pub psk: Option<Unserved>,

    /// Not available: the identity of --psk
    ///
    /// See --psk.
    #[arg(long, value_name = "TEXT", hide = true)]
    #[serde(deserialize_with = "read_value")]
    pub psk_identity: Option<Unserved>,

    /// Not available but for pem: the form of --key
    ///
    /// mosquitto's option: pem is the one form that mqt reads, engine needs OpenSSL.
    #[arg(long, value_name = "FORM", hide = true)]
    #[serde(deserialize_with = "read_value")]
    pub keyform: Option<String>,

    /// Not available: an engine of OpenSSL
    ///
    /// mosquitto's option, known by name so that the error says what to use instead.
    #[arg(long, value_name = "ENGINE", hide = true)]
    #[serde(deserialize_with = "read_value")]
    pub tls_engine: Option<Unserved>,

    /// Not available: the password of a key in an engine
    ///
    /// See --tls-engine.
    #[arg(long, value_name = "HEX", hide = true)]
    #[serde(deserialize_with = "read_value")]
    pub tls_engine_kpass_sha1: Option<Unserved>,

    /// Append the session secrets to this file
    ///
    /// In the format that Wireshark reads. Whoever has the file can read the traffic.
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "read_value")]
    pub tls_keylog: Option<PathBuf>,
}

/// The MQTT session.
#[derive(Args, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[command(next_help_heading = "Session")]
#[serde(default, rename_all = "kebab-case")]
pub struct SessionArgs {
    /// Speak this version of MQTT: auto, 5, 3.1.1 or 3.1 [default: auto]
    ///
    /// auto: MQTT 5 first, and 3.1.1 on a new connection when the broker does not speak 5. What only MQTT 5
    /// has (-D, -x, …) makes it 5. The names of mosquitto (mqttv5, mqttv311, 311, mqttv31, 31) are
    /// understood.
    #[arg(short = 'V', long, value_name = "VERSION")]
    #[serde(deserialize_with = "read_value")]
    pub protocol_version: Option<VersionName>,

    /// Use this client identifier [default: mqt- and 16 random hexadecimal digits]
    ///
    /// Two clients with one identifier push each other out.
    #[arg(short = 'i', long, value_name = "ID", allow_hyphen_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub id: Option<String>,

    /// Use this and the process number as client identifier
    ///
    /// For brokers that allow identifiers by their beginning.
    #[arg(short = 'I', long, value_name = "PREFIX", allow_hyphen_values = true, conflicts_with = "id")]
    #[serde(deserialize_with = "read_value")]
    pub id_prefix: Option<String>,

    /// Keep the session at the broker: subscriptions and unsent messages
    ///
    /// Needs --id, so that the session is found again. It never expires unless --session-expiry says so.
    #[arg(short = 'c', long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub disable_clean_session: Option<bool>,

    /// Let the session expire this long after the connection ended [default: 0, with -c never]
    ///
    /// Seconds, a number with a unit, or never. MQTT 5 only.
    #[arg(short = 'x', long, value_name = "DURATION", allow_hyphen_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub session_expiry: Option<Expiry>,

    /// Have something sent at least this often [default: 60]
    ///
    /// The keep alive: whole seconds, or a number with a unit; 0 turns it off. A broker that stays silent
    /// for one and a half times as long counts as lost.
    #[arg(short = 'k', long, value_name = "DURATION", allow_negative_numbers = true)]
    #[serde(deserialize_with = "read_value")]
    pub keepalive: Option<KeepAliveSeconds>,

    /// Have at most this many QoS 1 and 2 messages on the way [default: 20]
    ///
    /// A smaller limit of the broker wins (receive maximum, MQTT 5).
    #[arg(short = 'M', long, value_name = "N", allow_negative_numbers = true)]
    #[serde(deserialize_with = "read_value")]
    pub max_inflight: Option<Window>,

    /// Accept packets up to this size [default: 256M]
    ///
    /// Bytes, or with a unit: 64k, 16M. The broker is told (MQTT 5); a larger packet ends the connection.
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    #[serde(deserialize_with = "read_value")]
    pub max_message: Option<PacketSize>,

    /// Add an MQTT 5 property: PACKET NAME VALUE; repeatable
    ///
    /// PACKET is connect, publish, subscribe, unsubscribe, disconnect or will. The name user-property takes
    /// two values: -D publish user-property KEY VALUE. For example -D publish content-type text/plain,
    /// -D publish message-expiry-interval 60, -D will will-delay-interval 5. Makes the version 5. In a
    /// profile it is a list of texts, MQT_PROPERTY holds one.
    #[arg(short = 'D', long, value_names = ["PACKET", "NAME", "VALUE"], num_args = 3..=4,
          action = ArgAction::Append)]
    #[serde(deserialize_with = "read_list")]
    pub property: Vec<PlacedProperty>,
}

/// The will: what the broker publishes when this client is lost.
#[derive(Args, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[command(next_help_heading = "Will")]
#[serde(default, rename_all = "kebab-case")]
pub struct WillArgs {
    /// Have a message published to this topic when the connection is lost
    ///
    /// The broker sends it when the client goes without saying goodbye. -D will adds properties, as in
    /// -D will will-delay-interval 5.
    #[arg(long, value_name = "TOPIC", allow_hyphen_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub will_topic: Option<TopicName>,

    /// Use this payload for the will [default: empty]
    ///
    /// Needs --will-topic.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub will_payload: Option<OsString>,

    /// Use the content of this file as payload of the will
    ///
    /// Byte for byte, at most 65,535 bytes. Needs --will-topic.
    #[arg(long, value_name = "FILE", conflicts_with = "will_payload")]
    #[serde(deserialize_with = "read_value")]
    pub will_file: Option<PathBuf>,

    /// Publish the will at this quality of service: 0, 1 or 2 [default: 0]
    ///
    /// Needs --will-topic.
    #[arg(long, value_name = "QOS")]
    #[serde(deserialize_with = "read_value")]
    pub will_qos: Option<QoS>,

    /// Have the will retained
    ///
    /// Needs --will-topic.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub will_retain: Option<bool>,
}

/// What is said on stderr, and how.
#[derive(Args, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[command(next_help_heading = "Diagnostics")]
#[serde(default, rename_all = "kebab-case")]
pub struct TalkArgs {
    /// Show packets as they go by
    ///
    /// On stderr; passwords and tokens are left out.
    #[arg(short = 'd', long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub debug: Option<bool>,

    /// Print no errors, warnings, notes and progress
    ///
    /// The exit status alone tells. What is wrong with the options is printed all the same.
    #[arg(long, num_args = 0, default_missing_value = "true")]
    #[serde(deserialize_with = "read_flag")]
    pub quiet: Option<bool>,

    /// Use colours: auto, always or never [default: auto]
    ///
    /// auto: on a terminal, unless NO_COLOR is set.
    #[arg(long, value_name = "WHEN", hide_possible_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub color: Option<ColorChoice>,

    /// Print a summary at the end: text or json [default: only when something stayed unconfirmed, or on Ctrl-C]
    ///
    /// On stderr, one line with counts: asked, sent, confirmed, denied, unconfirmed, repeated, received, printed,
    /// duplicates, reconnects, and the exit status with its keyword.
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "text", hide_possible_values = true)]
    #[serde(deserialize_with = "read_value")]
    pub summary: Option<SummaryFormat>,
}
