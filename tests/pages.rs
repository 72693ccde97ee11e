//! README.md and the pages of docs/ are true: every command in them is run, and what is shown is what comes out.
//!
//! A `console` block is a terminal: lines after `$ ` are commands, the others what they print. In a
//! `console running` block the last command goes on while the blocks behind it are run; before them it is
//! waited for until it is ready. The blocks under one heading share a folder, a home folder and a broker. A
//! block of another language is written to the file that it names. Comments such as `<!-- test: kill -->`
//! say what happens besides. Commands fail only where the next one is `echo $?`.
//!
//! Ports are replaced by free ones. Times, durations and digests that differ from run to run are not
//! compared.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mqt::cli::multicall::differences;
use mqt::error::EXIT_STATUS;
use mqt_broker::{BrokerOptions, PasswordFile};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::support::broker::TestBroker;
use crate::support::port::free_port;

/// Longer than anything takes; only a test that fails waits for it.
const DEADLINE: Duration = Duration::from_secs(60);

/// Pages with commands that are shown and not run, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("README.md", "`cargo test` is what runs this test"),
    ("docs/src/many-machines.md", "they need several machines"),
    ("docs/src/brokers.md", "they install brokers"),
];

/// Programs of the reader that recipes call, as they are played here.
const PROGRAMS: &[(&str, &str)] = &[
    (
        "gps",
        r#"printf 'fleet/alice/location {"lat":51.4779,"lon":-0.0015}\n'
printf 'fleet/alice/location {"lat":51.4781,"lon":-0.0012}\n'
exec sleep 600"#,
    ),
    ("get-token", "echo t0ken"),
];

/// The ports of the pages.
const PORTS: [&str; 4] = ["1883", "8883", "8080", "8443"];

#[derive(Debug)]
enum Item {
    /// Commands with what each prints.
    Console { running: bool, line: usize, steps: Vec<Step> },
    /// A file below the home folder.
    File { name: String, text: String },
    /// A comment for this test.
    Directive(Vec<String>),
}

#[derive(Debug)]
struct Step {
    command: String,
    output: String,
}

/// What stands under one heading.
#[derive(Debug)]
struct Scene {
    heading: String,
    items: Vec<Item>,
}

/// The text of a page.
fn text(page: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).expect(page)
}

/// Reads a page.
fn read(page: &str) -> Vec<Scene> {
    let text = text(page);
    let mut scenes: Vec<Scene> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.starts_with('#') {
            scenes.push(Scene { heading: line.trim_start_matches('#').trim().to_owned(), items: Vec::new() });
        } else if let Some(directive) = line.strip_prefix("<!-- test: ") {
            let words = directive.trim_end_matches("-->").split_whitespace().map(str::to_owned).collect();
            scenes.last_mut().unwrap().items.push(Item::Directive(words));
        } else if let Some(info) = line.strip_prefix("```") {
            let block: Vec<&str> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            let item = match info.split(' ').collect::<Vec<_>>().as_slice() {
                ["console"] => console(false, number + 1, &block),
                ["console", "running"] => console(true, number + 1, &block),
                // Pictures of `mqt watch`, which scripts/watch-pictures makes.
                ["text", "screen"] => continue,
                ["sh", "not-run"] => {
                    assert!(
                        NOT_RUN.iter().any(|(known, _)| *known == page),
                        "{page}: commands that are not run"
                    );
                    continue;
                }
                [_, name] => Item::File {
                    name: name.trim_start_matches("~/").to_owned(),
                    text: block.join("\n") + "\n",
                },
                _ => panic!("{page}:{}: a block that is not tested: {info:?}", number + 1),
            };
            scenes.last_mut().unwrap().items.push(item);
        }
    }
    scenes
}

fn console(running: bool, line: usize, block: &[&str]) -> Item {
    let mut steps: Vec<Step> = Vec::new();
    for line in block {
        match steps.last_mut() {
            Some(step) if step.output.is_empty() && step.command.ends_with('\\') => {
                step.command.push('\n');
                step.command.push_str(line.strip_prefix("> ").expect("a continued command"));
            }
            last => match (line.strip_prefix("$ "), last) {
                (Some(command), _) => {
                    steps.push(Step { command: command.to_owned(), output: String::new() });
                }
                (None, Some(step)) => {
                    step.output.push_str(line);
                    step.output.push('\n');
                }
                (None, None) => panic!("{line:?} comes before any command"),
            },
        }
    }
    Item::Console { running, line, steps }
}

/// Shells that run one scene.
struct Stage {
    folder: TempDir,
    ports: [u16; 4],
    broker: Option<TestBroker>,
    environment: bool,
    running: Vec<Shell>,
}

impl Stage {
    fn new(scene: &Scene) -> Self {
        let folder = TempDir::new().unwrap();
        for name in ["work", "home", "bin"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let mut stage = Self {
            folder,
            ports: [0; 4].map(|_| free_port()),
            broker: None,
            environment: true,
            running: vec![],
        };
        let mut options = BrokerOptions::default();
        let mut own_broker = false;
        for item in &scene.items {
            match item {
                Item::Directive(words) => match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                    ["no-broker"] => own_broker = true,
                    ["no-environment"] => stage.environment = false,
                    ["login", name, password] => {
                        let file = stage.path("users");
                        fs::write(&file, format!("{name}:{password}\n")).unwrap();
                        options.password_file = Some(PasswordFile::read(&file).unwrap());
                    }
                    ["program", name] => stage.provide(name),
                    ["kill" | "restart-broker"] => {}
                    _ => panic!("no such directive: {words:?}"),
                },
                Item::Console { steps, .. } => {
                    own_broker |= steps.iter().any(|step| {
                        step.command.contains("--with-broker") && !step.command.starts_with("mqt bench")
                    });
                }
                Item::File { .. } => {}
            }
        }
        if !own_broker {
            let broker = TestBroker::start_with(options);
            stage.ports[0] = broker.port();
            stage.broker = Some(broker);
        }
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a program of the reader where the shells find it.
    fn provide(&self, name: &str) {
        let (_, body) = PROGRAMS.iter().find(|(known, _)| *known == name).expect(name);
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The text of a page with the ports of this stage.
    fn localize(&self, text: &str) -> String {
        let text = PORTS
            .iter()
            .zip(self.ports)
            .fold(text.to_owned(), |text, (shown, port)| text.replace(shown, &port.to_string()));
        text.replace("cargo run --release --", "mqt")
            .replace("--with-broker", &format!("--with-broker --port {}", self.ports[0]))
            // It takes a free port by itself, whoever has that of the others.
            .replace(&format!("mqt bench --with-broker --port {}", self.ports[0]), "mqt bench --with-broker")
    }

    /// Output as a page would show it: with its ports, of which the default ones are not told.
    fn globalize(&self, text: &str) -> String {
        let text = PORTS
            .iter()
            .zip(self.ports)
            .fold(text.to_owned(), |text, (shown, port)| text.replace(&port.to_string(), shown));
        text.replace(" --url mqtt://127.0.0.1:1883", "")
            .replace("mqtt://localhost:1883:", "mqtt://localhost:")
    }

    fn shell(&self, script: &str, debug: bool) -> Shell {
        let program = Path::new(env!("CARGO_BIN_EXE_mqt"));
        let path = std::env::join_paths(
            [self.path("bin"), program.parent().unwrap().to_owned()]
                .into_iter()
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        )
        .unwrap();
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!("exec 2>&1\n{script}"))
            .current_dir(self.path("work"))
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8")
            .env("COLUMNS", "100")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0);
        if self.environment {
            command.env("MQT_URL", format!("mqtt://localhost:{}", self.ports[0]));
        }
        if debug {
            command.env("MQT_DEBUG", "true");
        }
        Shell::start(&mut command)
    }

    /// Runs a block to its end and compares what each command printed.
    fn run(&self, place: &str, steps: &[Step]) {
        let script: String = steps
            .iter()
            .map(|step| {
                let command = self.localize(&step.command);
                format!("{command}\nstatus=$?; printf '\\036%s\\n' $status; (exit $status)\n")
            })
            .collect();
        let mut shell = self.shell(&script, false);
        shell.wait(place);
        let output = shell.output();
        let mut rest = output.as_str();
        for (index, step) in steps.iter().enumerate() {
            let (printed, after) =
                rest.split_once('\u{1e}').unwrap_or_else(|| panic!("{place}: no end of {step:?}\n{output}"));
            let (status, after) = after.split_once('\n').unwrap();
            rest = after;
            let may_fail = steps.get(index + 1).is_some_and(|next| next.command.starts_with("echo $?"));
            assert!(status == "0" || may_fail, "{place}: {step:?}: status {status}\n{output}");
            let printed = self.globalize(printed);
            assert_eq!(stable(&printed), stable(&step.output), "{place}: {}\n{printed}", step.command);
        }
    }

    /// Starts a block whose last command goes on, and waits until that is ready.
    fn start(&mut self, place: &str, steps: &[Step]) {
        let script: Vec<String> = steps.iter().map(|step| self.localize(&step.command)).collect();
        let mut shell = self.shell(&script.join("\n"), true);
        shell.expected = steps.iter().map(|step| step.output.as_str()).collect();
        shell.place = place.to_owned();
        let last = script.last().unwrap();
        shell.ready = if last.starts_with("mqt broker") {
            "mqt: dev broker on"
        } else if last.contains("mqt sub") || last.contains("--serve") {
            "< SUBACK"
        } else {
            "< PUBACK"
        };
        shell.wait_for(|output| output.contains(shell.ready));
        self.running.push(shell);
    }

    fn follow(&mut self, directive: &str) {
        match directive {
            "restart-broker" => {
                // What came before is written before the loss is told: two streams have no order of their own.
                for shell in &self.running {
                    self.wait_for_expected(shell, shell.expected.split("mqt: warning[lost]").next().unwrap());
                }
                let counts: Vec<usize> = self.running.iter().map(Shell::times_ready).collect();
                self.broker.as_mut().expect("a broker to restart").restart();
                for (shell, before) in self.running.iter().zip(counts) {
                    shell.wait_for(|_| shell.times_ready() > before);
                }
            }
            "kill" => {
                let mut shell = self.running.pop().expect("something that runs");
                self.finish(&mut shell, Signal::SIGKILL);
                // The others see it before anything else happens.
                for shell in &self.running {
                    self.wait_for_expected(shell, &shell.expected);
                }
            }
            _ => {}
        }
    }

    fn wait_for_expected(&self, shell: &Shell, expected: &str) {
        let expected = stable(expected);
        shell.wait_for(|output| stable(&self.globalize(&untraced(output))).len() >= expected.len());
    }

    /// Waits for what a running block is to print, ends it and compares all of it.
    fn finish(&self, shell: &mut Shell, signal: Signal) {
        self.wait_for_expected(shell, &shell.expected);
        shell.signal(signal);
        shell.wait(&shell.place.clone());
        let printed = self.globalize(&untraced(&shell.output()));
        assert_eq!(stable(&printed), stable(&shell.expected), "{}\n{printed}", shell.place);
    }

    fn play(mut self, page: &str, scene: &Scene) {
        for item in &scene.items {
            match item {
                Item::Console { running, line, steps } => {
                    let place = format!("{page}:{line} ({})", scene.heading);
                    if *running { self.start(&place, steps) } else { self.run(&place, steps) }
                }
                Item::File { name, text } => {
                    let path = self.path("home").join(name);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, self.localize(text)).unwrap();
                }
                Item::Directive(words) => self.follow(&words[0]),
            }
        }
        // The broker was started first and ends last.
        while let Some(mut shell) = self.running.pop() {
            self.finish(&mut shell, Signal::SIGINT);
        }
    }
}

/// A shell with its children, and what they have printed so far. Killed when dropped.
struct Shell {
    child: Child,
    output: Arc<(Mutex<Output>, Condvar)>,
    reader: Option<thread::JoinHandle<()>>,
    expected: String,
    place: String,
    ready: &'static str,
}

#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    ended: bool,
}

impl Shell {
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stdout.take().unwrap();
        let output = Arc::new((Mutex::new(Output::default()), Condvar::new()));
        let filled = Arc::clone(&output);
        let reader = thread::spawn(move || {
            let mut block = [0; 4096];
            loop {
                let count = pipe.read(&mut block).unwrap_or(0);
                let mut output = filled.0.lock().unwrap();
                output.bytes.extend_from_slice(&block[..count]);
                output.ended = count == 0;
                filled.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self { child, output, reader: Some(reader), expected: String::new(), place: String::new(), ready: "" }
    }

    fn output(&self) -> String {
        String::from_utf8(self.output.0.lock().unwrap().bytes.clone()).unwrap()
    }

    fn times_ready(&self) -> usize {
        self.output().matches(self.ready).count()
    }

    /// Waits until the output is as it should be.
    fn wait_for(&self, holds: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            // Without the lock: what holds may look at the output itself.
            let text = self.output();
            if holds(&text) {
                return;
            }
            let output = self.output.0.lock().unwrap();
            if output.bytes.len() > text.len() {
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if output.ended || left.is_zero() {
                drop(output);
                panic!("{}: waits in vain, with\n{text}", self.place);
            }
            drop(self.output.1.wait_timeout(output, left).unwrap());
        }
    }

    fn signal(&self, signal: Signal) {
        killpg(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Waits for the end of the shell and of everything that it started.
    fn wait(&mut self, place: &str) {
        self.place = place.to_owned();
        let deadline = Instant::now() + DEADLINE;
        let mut output = self.output.0.lock().unwrap();
        while !output.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(output);
                panic!("{place}: does not end, with\n{}", self.output());
            }
            output = self.output.1.wait_timeout(output, left).unwrap().0;
        }
        drop(output);
        self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::SIGKILL);
            drop(self.child.wait());
        }
    }
}

/// Output without the lines of `--debug`, which tell this test what is going on, and without what the end
/// by this test brings.
fn untraced(output: &str) -> String {
    let of_the_test = |line: &str| {
        line.starts_with("> ")
            || line.starts_with("< ")
            || is_step(line)
            || line.ends_with(", exit 130 (interrupted)\n")
    };
    output.split_inclusive('\n').filter(|line| !of_the_test(line)).collect()
}

/// A step of connecting, as `--debug` shows it.
fn is_step(line: &str) -> bool {
    line.starts_with(' ') && line.contains(" ms  ")
}

/// Output without what differs from run to run: times of receipt, durations, digests, addresses that do not answer.
fn stable(output: &str) -> String {
    let in_vain =
        |line: &&str| is_step(line) && !line.ends_with(": connected") && !line.ends_with(": CONNACK");
    output.lines().filter(|line| !in_vain(line)).map(|line| stable_line(line) + "\n").collect()
}

fn stable_line(line: &str) -> String {
    let line = replace_between(line, "\"tst\":\"", "\"", "TIME");
    let line = replace_between(&line, "sha256:", " ", "DIGEST");
    let mut words: Vec<&str> = Vec::new();
    for word in line.split(' ') {
        let unit = word.trim_end_matches(';');
        match words.last_mut() {
            // Settings are whole seconds, and compared.
            Some(number)
                if number.parse::<f64>().is_ok()
                    && (unit == "ms" || (unit == "s" && number.contains('.'))) =>
            {
                *number = "N";
                words.push(if unit == word { "s" } else { "s;" });
            }
            _ => words.push(word),
        }
    }
    words.join(" ")
}

/// Replaces what stands between `start` and the next `end`.
fn replace_between(text: &str, start: &str, end: &str, by: &str) -> String {
    match text.split_once(start) {
        Some((before, rest)) => {
            let after = rest.find(end).map_or("", |at| &rest[at..]);
            format!("{before}{start}{by}{after}")
        }
        None => text.to_owned(),
    }
}

/// Runs every recipe of a page; with SCENE=WORDS those alone whose heading has these words.
fn play(page: &str) {
    let only = std::env::var("SCENE").ok();
    let scenes = read(page)
        .into_iter()
        .filter(|scene| !scene.items.is_empty())
        .filter(|scene| only.as_ref().is_none_or(|only| scene.heading.contains(only.as_str())));
    let mut failed = Vec::new();
    for scene in scenes {
        let stage = Stage::new(&scene);
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| stage.play(page, &scene))).is_err() {
            failed.push(scene.heading);
        }
    }
    assert!(failed.is_empty(), "these recipes of {page} fail: {failed:?}");
}

/// A test for each page, so that they run side by side.
macro_rules! pages {
    ($($test:ident $page:literal,)*) => {
        const PLAYED: &[&str] = &[$($page),*];
        $(
            #[test]
            fn $test() {
                play($page);
            }
        )*
    };
}

pages! {
    readme "README.md",
    guide "docs/src/guide.md",
    cookbook "docs/src/cookbook.md",
    scripting "docs/src/scripting.md",
    tls_and_logins "docs/src/tls-and-logins.md",
    formats "docs/src/formats.md",
    watch "docs/src/watch.md",
    bench "docs/src/bench.md",
    mosquitto "docs/src/mosquitto.md",
}

/// README.md and the pages of the book.
fn all() -> Vec<String> {
    let folder = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let pages = names.filter(|name| name.ends_with(".md")).map(|name| format!("docs/src/{name}"));
    pages.chain(["README.md".to_owned()]).collect()
}

#[test]
fn every_page_is_played_and_in_the_summary() {
    let summary = text("docs/src/SUMMARY.md");
    for page in all() {
        let has_commands = read(&page).iter().any(|scene| !scene.items.is_empty());
        assert!(!has_commands || PLAYED.contains(&page.as_str()), "{page} is not played");
        let name = page.rsplit('/').next().unwrap();
        assert!(
            ["README.md", "SUMMARY.md"].contains(&name) || summary.contains(&format!("({name})")),
            "the summary lacks {name}"
        );
    }
}

#[test]
fn the_first_page_is_short() {
    let lines = text("README.md").lines().count();
    assert!(lines <= 250, "README.md has {lines} lines");
}

#[test]
fn the_table_of_exit_statuses_is_the_one_of_the_program() {
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        match cells.as_slice() {
            ["", code, keyword, meaning, ""] => {
                Some((code.parse::<u8>().ok()?, (*keyword).to_owned(), (*meaning).to_owned()))
            }
            _ => None,
        }
    };
    let shown: Vec<_> = text("docs/src/scripting.md").lines().filter_map(row).collect();
    let real: Vec<_> = EXIT_STATUS
        .iter()
        .map(|status| (status.code, status.keyword.to_owned(), status.meaning.to_owned()))
        .collect();
    assert_eq!(shown, real);
}

#[test]
fn the_differences_from_mosquitto_are_those_of_the_manual() {
    let page = text("docs/src/mosquitto.md");
    for one in differences::EXIT_STATUSES.iter().chain(differences::BEHAVIOUR) {
        let row = format!("| {} | {} | {} | {} |", one.what, one.mosquitto, one.here, one.reason);
        assert!(page.lines().any(|line| line == row), "docs/src/mosquitto.md lacks:\n{row}");
    }
}

/// What can be linked to in a page: its headings, as they are named in links.
fn anchors(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            words.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
        })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for page in all() {
        let text = text(&page);
        let folder = root.join(&page).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) =
                link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
            if link.contains("://") {
                continue;
            }
            let target = if file.is_empty() { root.join(&page) } else { folder.join(file) };
            assert!(target.exists(), "{page}: {link} does not exist");
            if file.ends_with(".svg") {
                let picture = fs::read_to_string(&target).unwrap();
                let is_whole = picture.starts_with("<svg ") && picture.trim_end().ends_with("</svg>");
                assert!(is_whole && picture.contains("<text "), "{page}: {link} is no picture");
            }
            if let Some(anchor) = anchor {
                let there = fs::read_to_string(&target).unwrap();
                assert!(anchors(&there).contains(anchor), "{page}: no heading for {link}");
            }
        }
    }
}

#[test]
fn what_differs_from_run_to_run_is_not_compared() {
    assert_eq!(stable("again in 89 ms\nx"), stable("again in 104 ms\nx"));
    assert_eq!(stable("after 1.2 s;"), stable("after 300 ms;"));
    assert_ne!(stable("keep alive 60 s"), stable("keep alive 61 s"));
    assert_ne!(stable("60 messages"), stable("61 messages"));
    assert_eq!(stable("{\"tst\":\"a\",\"x\":1}"), stable("{\"tst\":\"b\",\"x\":1}"));
    assert_ne!(stable("{\"tst\":\"a\",\"x\":1}"), stable("{\"tst\":\"a\",\"x\":2}"));
    assert_eq!(stable("pin sha256:ab\n"), stable("pin sha256:cd\n"));
}
