//! Brokers written by others, for tests that every broker has to pass: mosquitto, NATS and aedes, set up alike: nobody may
//! use the topics below `denied/`. One that is not installed is left out with a note; `scripts/interop --install-only`
//! installs them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::mosquitto::{follow, installed};
use super::port::free_port;
use super::skip::skipped;

/// Longer than a start takes; only a test that fails waits for it.
const START_LIMIT: Duration = Duration::from_secs(30);
/// So often other ports are tried when another program took one between choosing and listening.
const START_TRIES: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Mosquitto,
    Nats,
    Aedes,
}

impl Kind {
    /// Which versions of MQTT it speaks.
    pub fn versions(self) -> &'static [&'static str] {
        match self {
            Self::Mosquitto => &["5", "3.1.1"],
            Self::Nats | Self::Aedes => &["3.1.1"],
        }
    }

    /// Which qualities of service it takes a publish at.
    pub fn publish_qos(self) -> &'static [&'static str] {
        match self {
            Self::Nats => &["0", "1"],
            Self::Mosquitto | Self::Aedes => &["0", "1", "2"],
        }
    }

    /// Whether sessions and what waits in them outlive a restart.
    pub fn keeps_sessions(self) -> bool {
        self != Self::Aedes
    }

    /// The end of the line that it prints when it listens.
    fn ready(self) -> &'static str {
        match self {
            Self::Mosquitto => " running",
            Self::Nats => "Server is ready",
            Self::Aedes => "ready",
        }
    }

    /// The program, or a note and `None`.
    fn program(self) -> Option<PathBuf> {
        match self {
            Self::Mosquitto => installed("mosquitto"),
            Self::Nats => installed("nats-server"),
            Self::Aedes => {
                if !node_modules().join("aedes").is_dir() {
                    skipped("aedes is not installed");
                    return None;
                }
                installed("node")
            }
        }
    }
}

/// Where `scripts/interop` installs packages of npm.
fn node_modules() -> PathBuf {
    let cache = std::env::var_os("INTEROP_CACHE").map(PathBuf::from);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    cache.unwrap_or_else(|| target.join("interop")).join("npm/node_modules")
}

/// A running broker on ports of its own. Killed when dropped.
pub struct Foreign {
    pub kind: Kind,
    program: PathBuf,
    folder: TempDir,
    /// MQTT, and what NATS speaks itself.
    ports: [u16; 2],
    child: Option<Child>,
    log: Arc<Mutex<String>>,
}

impl Foreign {
    /// All that are installed, running.
    pub fn all() -> impl Iterator<Item = Self> {
        [Kind::Mosquitto, Kind::Nats, Kind::Aedes].into_iter().filter_map(Self::start)
    }

    /// Starts one; `None`: it is not installed.
    pub fn start(kind: Kind) -> Option<Self> {
        let program = kind.program()?;
        let folder = TempDir::new().unwrap();
        let mut broker = Self { kind, program, folder, ports: [0; 2], child: None, log: Arc::default() };
        for _ in 0..START_TRIES {
            broker.ports = [0; 2].map(|_| free_port());
            broker.configure();
            if broker.run() {
                return Some(broker);
            }
        }
        panic!("{kind:?} does not start:\n{}", broker.log());
    }

    /// Writes the settings for the ports.
    fn configure(&self) {
        let folder = self.folder.path().display();
        let [port, own] = self.ports;
        let (name, text) = match self.kind {
            Kind::Mosquitto => {
                let access = "topic readwrite #\ntopic deny denied/#\n";
                std::fs::write(self.folder.path().join("access"), access).unwrap();
                let text = format!(
                    "user root\nlog_dest stderr\nlog_type all\nallow_anonymous true\nmax_queued_messages 0\n\
                     acl_file {folder}/access\npersistence true\npersistence_location {folder}/\n\
                     listener {port} 127.0.0.1\n"
                );
                ("settings", text)
            }
            Kind::Nats => {
                // MQTT needs the name and JetStream.
                let text = format!(
                    r#"
server_name: test
host: 127.0.0.1
port: {own}
jetstream {{ store_dir: "{folder}/store" }}
mqtt {{ host: 127.0.0.1, port: {port} }}
authorization {{ users = [
  {{ user: anyone, password: none, permissions: {{ publish: {{ deny: "denied.>" }}, subscribe: {{ deny: "denied.>" }} }} }}
] }}
no_auth_user: anyone
"#
                );
                ("settings", text)
            }
            Kind::Aedes => ("ports", format!("{{\"tcp\":{port}}}")),
        };
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Starts the program and waits until it listens; false: it ended instead.
    fn run(&mut self) -> bool {
        let mut command = Command::new(&self.program);
        let settings = self.folder.path().join("settings");
        match self.kind {
            Kind::Mosquitto | Kind::Nats => command.arg("-c").arg(settings),
            Kind::Aedes => {
                let ports = std::fs::read_to_string(self.folder.path().join("ports")).unwrap();
                // Its key and certificate are for TLS, which it is not asked for.
                command
                    .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/aedes.js"))
                    .args([ports.as_str(), "/dev/null", "/dev/null"])
                    .env("NODE_PATH", node_modules())
            }
        };
        command.stdin(Stdio::null());
        // It says that it is ready on either of them.
        let (output, input) = std::io::pipe().unwrap();
        let errors = input.try_clone().unwrap();
        let mut child = command.stdout(input).stderr(errors).spawn().unwrap();
        // The ends of the pipe that were given away must not stay open here.
        drop(command);
        let running = follow(output, self.kind.ready(), Arc::clone(&self.log));
        match running.recv_timeout(START_LIMIT) {
            Ok(()) => {
                self.child = Some(child);
                true
            }
            Err(_) => {
                drop(child.kill());
                drop(child.wait());
                false
            }
        }
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.ports[0])
    }

    /// Ends it in order, so that it writes down what it is to keep.
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("it does not run");
        let id = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        child.wait().unwrap();
    }

    /// Starts it again on the same ports.
    pub fn start_again(&mut self) {
        assert!(self.run(), "{:?} does not start again:\n{}", self.kind, self.log());
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
        if thread::panicking() {
            let _ = writeln!(std::io::stderr(), "--- log of {:?}:\n{}", self.kind, self.log());
        }
    }
}
