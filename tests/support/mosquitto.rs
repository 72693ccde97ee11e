//! A real mosquitto broker for a test, and its clients: the judges that were written by others.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::certs::Certs;
use super::port::free_port;
use super::skip::skipped;

/// Longer than a start takes; only a test that fails waits for it.
const START_LIMIT: Duration = Duration::from_secs(30);
/// So often other ports are tried when another program took one between choosing and listening.
const START_TRIES: usize = 10;

/// Where a program of mosquitto is. If it is not installed, says so on stderr, past the capture of the
/// test runner, and returns `None`: the test is then to return.
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Systems keep the broker where only root has it in PATH.
    let more = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"];
    let found = std::env::split_paths(&path)
        .chain(more.map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        skipped(&format!("{program} is not installed"));
    }
    found
}

/// What the broker is to do besides plain TCP and WebSocket.
#[derive(Default)]
pub struct MosquittoOptions<'a> {
    /// Listen for TLS too, with these certificates.
    pub certs: Option<&'a Certs>,
    /// Let only clients with a certificate of that authority in.
    pub client_certificates: bool,
    /// Let only these users in: name and password.
    pub users: &'a [(&'a str, &'a str)],
    /// Keep sessions and retained messages over a restart.
    pub persistence: bool,
    /// Keep any number of messages for a client that is slow.
    pub endless_queues: bool,
}

/// The four listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Mqtt,
    Mqtts,
    Ws,
    Wss,
}

/// A running mosquitto with listeners on ports of its own. Killed when dropped.
pub struct Mosquitto {
    program: PathBuf,
    folder: TempDir,
    tls: bool,
    ports: [u16; 4],
    child: Option<Child>,
    log: Arc<Mutex<String>>,
}

impl Mosquitto {
    /// A broker for TCP and WebSocket that lets everybody in and forgets everything at its end.
    pub fn start() -> Option<Self> {
        Self::start_with(&MosquittoOptions::default())
    }

    /// A broker with these options; `None`: mosquitto is not installed.
    pub fn start_with(options: &MosquittoOptions<'_>) -> Option<Self> {
        let program = installed("mosquitto")?;
        let passwords = if options.users.is_empty() { None } else { Some(installed("mosquitto_passwd")?) };
        let mut broker = Self {
            program,
            folder: TempDir::new().unwrap(),
            tls: options.certs.is_some(),
            ports: [0; 4],
            child: None,
            log: Arc::default(),
        };
        if let Some(program) = passwords {
            write_users(&program, &broker.folder.path().join("users"), options.users);
        }
        for _ in 0..START_TRIES {
            broker.ports = [0; 4].map(|_| free_port());
            let config = broker.config(options);
            std::fs::write(broker.folder.path().join("mosquitto.conf"), config).unwrap();
            if broker.run() {
                return Some(broker);
            }
        }
        panic!("mosquitto does not start:\n{}", broker.log());
    }

    fn config(&self, options: &MosquittoOptions<'_>) -> String {
        let folder = self.folder.path().display();
        // As root it would become another user, who cannot read the files of the test.
        let mut text = String::from("user root\nlog_dest stderr\nlog_type all\nsys_interval 1\n");
        writeln!(text, "allow_anonymous {}", options.users.is_empty()).unwrap();
        if !options.users.is_empty() {
            writeln!(text, "password_file {folder}/users").unwrap();
        }
        if options.endless_queues {
            text.push_str("max_queued_messages 0\n");
        }
        if options.persistence {
            writeln!(text, "persistence true\npersistence_location {folder}/").unwrap();
        }
        for (scheme, port) in SCHEMES.into_iter().zip(self.ports) {
            if scheme.is_tls() && options.certs.is_none() {
                continue;
            }
            writeln!(text, "listener {port} 127.0.0.1").unwrap();
            if matches!(scheme, Scheme::Ws | Scheme::Wss) {
                text.push_str("protocol websockets\n");
            }
            if let Some(certs) = options.certs.filter(|_| scheme.is_tls()) {
                let [ca, cert, key] = [&certs.ca, &certs.server_cert, &certs.server_key].map(|p| p.display());
                writeln!(text, "cafile {ca}\ncertfile {cert}\nkeyfile {key}").unwrap();
                writeln!(text, "require_certificate {}", options.client_certificates).unwrap();
            }
        }
        text
    }

    /// Starts the program and waits until it listens; false: it ended instead.
    fn run(&mut self) -> bool {
        let mut child = Command::new(&self.program)
            .arg("-c")
            .arg(self.folder.path().join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let running = follow(child.stderr.take().unwrap(), " running", Arc::clone(&self.log));
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

    /// The port of a listener.
    pub fn port(&self, scheme: Scheme) -> u16 {
        self.ports[SCHEMES.iter().position(|other| *other == scheme).unwrap()]
    }

    /// Where clients find a listener, by the name that the certificate has.
    pub fn url(&self, scheme: Scheme) -> String {
        assert!(self.tls || !scheme.is_tls(), "this broker has no TLS");
        let name = match scheme {
            Scheme::Mqtt => "mqtt",
            Scheme::Mqtts => "mqtts",
            Scheme::Ws => "ws",
            Scheme::Wss => "wss",
        };
        format!("{name}://localhost:{}", self.port(scheme))
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
        assert!(self.run(), "mosquitto does not start again:\n{}", self.log());
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
        if thread::panicking() {
            let _ = writeln!(std::io::stderr(), "--- log of mosquitto:\n{}", self.log());
        }
    }
}

/// A mosquitto with a TLS listener for each of some certificates. Killed when dropped.
pub struct TlsListeners {
    child: Child,
    ports: Vec<u16>,
    _folder: TempDir,
}

impl TlsListeners {
    /// Listens with these certificates and keys; with `client_ca`, lets only clients with a certificate of it in.
    /// `None`: mosquitto is not installed.
    pub fn start(served: &[(PathBuf, PathBuf)], client_ca: Option<&Path>) -> Option<Self> {
        let program = installed("mosquitto")?;
        let folder = TempDir::new().unwrap();
        let log = Arc::default();
        for _ in 0..START_TRIES {
            let ports: Vec<u16> = served.iter().map(|_| free_port()).collect();
            let mut text = String::from("user root\nlog_dest stderr\nlog_type all\nallow_anonymous true\n");
            for ((cert, key), port) in served.iter().zip(&ports) {
                writeln!(text, "listener {port} 127.0.0.1").unwrap();
                writeln!(text, "certfile {}\nkeyfile {}", cert.display(), key.display()).unwrap();
                if let Some(ca) = client_ca {
                    writeln!(text, "cafile {}\nrequire_certificate true", ca.display()).unwrap();
                }
            }
            let config = folder.path().join("mosquitto.conf");
            std::fs::write(&config, text).unwrap();
            let mut child = Command::new(&program)
                .arg("-c")
                .arg(&config)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let running = follow(child.stderr.take().unwrap(), " running", Arc::clone(&log));
            if running.recv_timeout(START_LIMIT).is_ok() {
                return Some(Self { child, ports, _folder: folder });
            }
            drop(child.kill());
            drop(child.wait());
        }
        panic!("mosquitto does not start:\n{}", log.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The ports, in the order of the certificates.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }
}

impl Drop for TlsListeners {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const SCHEMES: [Scheme; 4] = [Scheme::Mqtt, Scheme::Mqtts, Scheme::Ws, Scheme::Wss];

impl Scheme {
    /// Whether it goes through TLS.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Mqtts | Self::Wss)
    }
}

/// Collects the log of a broker; the receiver hears of the line that ends with `ready`, and errs when the broker has ended
/// before that.
pub fn follow(
    output: impl std::io::Read + Send + 'static,
    ready: &'static str,
    log: Arc<Mutex<String>>,
) -> Receiver<()> {
    let (tell, running) = mpsc::channel();
    thread::spawn(move || {
        let mut tell = Some(tell);
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.ends_with(ready)
                && let Some(tell) = tell.take()
            {
                // An error says that nobody waits any more.
                let _ = tell.send(());
            }
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
        }
    });
    running
}

fn write_users(program: &Path, file: &Path, users: &[(&str, &str)]) {
    std::fs::write(file, "").unwrap();
    for (name, password) in users {
        let status = Command::new(program).arg("-b").arg(file).args([name, password]).status().unwrap();
        assert!(status.success(), "mosquitto_passwd: {status}");
    }
}
