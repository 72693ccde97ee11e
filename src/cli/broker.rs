//! The options of `mqt broker`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Command};

use super::values::{ByteSize, ColorChoice, ListenUrl, PacketSize};

const EXAMPLES: &str = "\
Examples:
  Listen on 127.0.0.1:1883:
    mqt broker
  Take any free port and print it:
    mqt broker --port 0
  TCP, WebSocket and TLS at once:
    mqt broker --ws-port 8080 --tls-port 8883 --cert server.pem --key server.key
  Serve the network, with user names and passwords:
    mqt broker --bind 0.0.0.0 --password-file users.txt
";

/// What was typed after `mqt broker`.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Listeners")]
pub struct BrokerArgs {
    /// Listen on this TCP port [default: 1883]
    ///
    /// 0 takes a free one. Each address is printed when the broker is ready.
    #[arg(short = 'p', long, value_name = "PORT")]
    pub port: Option<u16>,

    /// Listen for WebSocket on this port
    ///
    /// 0 takes a free one.
    #[arg(long, value_name = "PORT")]
    pub ws_port: Option<u16>,

    /// Listen for TLS on this port
    ///
    /// 0 takes a free one. Needs --cert and --key.
    #[arg(long, value_name = "PORT", requires = "cert")]
    pub tls_port: Option<u16>,

    /// Listen for WebSocket over TLS on this port
    ///
    /// 0 takes a free one. Needs --cert and --key.
    #[arg(long, value_name = "PORT", requires = "cert")]
    pub wss_port: Option<u16>,

    /// Listen on this unix socket
    ///
    /// The socket file is made at the start and taken away at the end.
    #[arg(long, value_name = "PATH")]
    pub unix: Option<PathBuf>,

    /// Listen at this URL; repeatable
    ///
    /// mqtt://ADDRESS:PORT, mqtts://…, ws://…, wss://… or unix:///PATH. In place of --port, or besides it.
    #[arg(short = 'L', long, value_name = "URL", action = ArgAction::Append)]
    pub listen: Vec<ListenUrl>,

    /// Listen on this address for the port options [default: 127.0.0.1]
    ///
    /// 0.0.0.0 or :: serve the whole network; that needs --password-file or --allow-anonymous.
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<IpAddr>,

    /// Show this certificate to clients
    ///
    /// PEM, the certificate first and the chain behind it.
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "TLS")]
    pub cert: Option<PathBuf>,

    /// Use this private key for --cert
    ///
    /// PEM, not encrypted.
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS")]
    pub key: Option<PathBuf>,

    /// Let only clients in that show a certificate signed by these CAs
    ///
    /// PEM, one or more certificates.
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS")]
    pub cafile: Option<PathBuf>,

    /// Check user names and passwords against this file
    ///
    /// NAME:PASSWORD a line. Clients without a user name are refused unless --allow-anonymous is given too.
    #[arg(long, value_name = "FILE", help_heading = "Access")]
    pub password_file: Option<PathBuf>,

    /// Let clients in without user name
    ///
    /// That is so anyway while the broker listens on this machine only and has no --password-file.
    #[arg(long, help_heading = "Access")]
    pub allow_anonymous: bool,

    /// Hold at most this much for all clients together [default: 1G]
    ///
    /// Queues, retained messages, wills, sessions, output that is not written and packets that are read in part,
    /// properties and all. Beyond it messages are dropped or refused (MQTT 5: quota exceeded), and that is said
    /// once. Bytes, or a number with k, M, G.
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub max_memory: Option<ByteSize>,

    /// Accept packets up to this size [default: 256M]
    ///
    /// Bytes, or a number with k, M, G. Clients are told (MQTT 5); a larger packet ends the connection.
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub max_message: Option<PacketSize>,

    /// Say who connects, subscribes and leaves
    ///
    /// One line an event, on stderr.
    #[arg(short = 'v', long, help_heading = "Diagnostics")]
    pub verbose: bool,

    /// Show packets as they go by
    ///
    /// On stderr; passwords are left out.
    #[arg(short = 'd', long, help_heading = "Diagnostics")]
    pub debug: bool,

    /// Print no errors, warnings and notes
    ///
    /// The exit status alone tells. What is wrong with the options is printed all the same.
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
             subscriptions. Nothing is kept when it ends. It listens on this machine only unless told \
             otherwise, and runs until it is interrupted.",
        )
        .after_long_help(EXAMPLES)
        .after_help("Examples:\n  mqt broker --port 0\n  mqt broker --help     everything, with more examples")
}
