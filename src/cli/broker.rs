//! The options of `mqt broker`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Command};

use super::values::{ByteSize, ColorChoice, ListenUrl, PacketSize};

const EXAMPLES: &str = "\
Examples:
  Listen on 127.0.0.1:1883:
    mqt broker
  Pick a free port and print it:
    mqt broker --port 0
  TCP, WebSocket and TLS at once:
    mqt broker --ws-port 8080 --tls-port 8883 --cert server.pem --key server.key
  Serve the network, with user names and passwords:
    mqt broker --bind 0.0.0.0 --password-file users.txt
";

/// The options of `mqt broker`.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Listeners")]
pub struct BrokerArgs {
    /// Listen on this TCP port [default: 1883]
    ///
    /// 0 picks a free port. Each address is printed when the broker is ready.
    #[arg(short = 'p', long, value_name = "PORT")]
    pub port: Option<u16>,

    /// Listen for WebSocket on this port
    ///
    /// 0 picks a free port.
    #[arg(long, value_name = "PORT")]
    pub ws_port: Option<u16>,

    /// Listen for TLS on this port
    ///
    /// 0 picks a free port. Needs --cert and --key.
    #[arg(long, value_name = "PORT", requires = "cert")]
    pub tls_port: Option<u16>,

    /// Listen for WebSocket over TLS on this port
    ///
    /// 0 picks a free port. Needs --cert and --key.
    #[arg(long, value_name = "PORT", requires = "cert")]
    pub wss_port: Option<u16>,

    /// Listen on this unix socket
    ///
    /// The socket file is created at start and removed at exit.
    #[arg(long, value_name = "PATH")]
    pub unix: Option<PathBuf>,

    /// Listen on this URL; repeatable
    ///
    /// mqtt://ADDRESS:PORT, mqtts://…, ws://…, wss://… or unix:///PATH. Instead of --port, or in addition to it.
    #[arg(short = 'L', long, value_name = "URL", action = ArgAction::Append)]
    pub listen: Vec<ListenUrl>,

    /// Listen on this address for the port options [default: 127.0.0.1]
    ///
    /// 0.0.0.0 and :: serve the whole network, which needs --password-file or --allow-anonymous.
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<IpAddr>,

    /// Server certificate
    ///
    /// PEM, the certificate first, followed by its chain.
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "TLS")]
    pub cert: Option<PathBuf>,

    /// Private key for --cert
    ///
    /// PEM, not encrypted.
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS")]
    pub key: Option<PathBuf>,

    /// Accept only clients with a certificate signed by these CAs
    ///
    /// PEM, one or more certificates.
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS")]
    pub cafile: Option<PathBuf>,

    /// Check user names and passwords against this file
    ///
    /// One NAME:PASSWORD per line. Clients without a user name are refused unless --allow-anonymous is given too.
    #[arg(long, value_name = "FILE", help_heading = "Access")]
    pub password_file: Option<PathBuf>,

    /// Accept clients without a user name
    ///
    /// This is the default while the broker listens on this machine only and has no --password-file.
    #[arg(long, help_heading = "Access")]
    pub allow_anonymous: bool,

    /// Memory for all clients together [default: 1G]
    ///
    /// Queues, retained messages, wills, sessions, unwritten output and partly read packets, with their
    /// properties. Beyond it, messages are dropped or refused (MQTT 5: quota exceeded), which is reported
    /// once. Bytes, or a number with k, M or G.
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub max_memory: Option<ByteSize>,

    /// Accept packets up to this size [default: 256M]
    ///
    /// Bytes, or a number with k, M or G. Announced to MQTT 5 clients; a larger packet closes the connection.
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub max_message: Option<PacketSize>,

    /// Log who connects, subscribes and disconnects
    ///
    /// One line per event, on stderr.
    #[arg(short = 'v', long, help_heading = "Diagnostics")]
    pub verbose: bool,

    /// Log every packet
    ///
    /// On stderr, without passwords.
    #[arg(short = 'd', long, help_heading = "Diagnostics")]
    pub debug: bool,

    /// Suppress errors, warnings and notes
    ///
    /// Only the exit status tells. Wrong options are still reported.
    #[arg(long, help_heading = "Diagnostics")]
    pub quiet: bool,

    /// Use colours: auto, always or never [default: auto]
    ///
    /// auto: on a terminal, unless NO_COLOR is set.
    #[arg(long, value_name = "WHEN", hide_possible_values = true, help_heading = "Diagnostics")]
    pub color: Option<ColorChoice>,
}

/// `mqt broker` as a clap command.
pub(super) fn command() -> Command {
    // The texts come last: clap takes the comment of the struct for them.
    BrokerArgs::augment_args(Command::new("broker"))
        .about("Run a small broker for development")
        .long_about(
            "Run a small MQTT broker for development and tests.\n\n\
             One process, in memory: MQTT 3.1, 3.1.1 and 5, QoS 0 to 2, retained messages, wills, sessions, shared \
             subscriptions. Nothing is kept when it exits. It listens on this machine only by default, \
             and runs until it is interrupted.",
        )
        .after_long_help(EXAMPLES)
        .after_help("Examples:\n  mqt broker --port 0")
}
