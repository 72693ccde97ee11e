//! Who may know whom: the rules of ARCHITECTURE.md, held against the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A module of the top level and the modules of the top level that it may name.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("mqtt", &[]),
    ("process", &[]),
    ("connection", &["mqtt", "process"]),
    ("broker", &["mqtt", "connection", "process"]),
    ("output", &["mqtt"]),
    ("error", &[]),
    ("cli", &["mqtt", "connection", "error"]),
    ("config", &["cli", "mqtt", "connection", "error", "output", "process"]),
    ("ui", &["config", "error", "mqtt", "output", "process"]),
    ("commands", &["broker", "cli", "config", "connection", "error", "mqtt", "output", "process", "ui"]),
];

/// A crate and the places that may name it.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("rumqttc", &[]),
    ("clap", &["cli/", "commands/generate.rs"]),
    ("clap_complete", &["cli/", "commands/generate.rs"]),
    ("clap_mangen", &["cli/", "commands/generate.rs"]),
    ("rustls", &["connection/"]),
    ("tokio_rustls", &["connection/"]),
    ("tokio_tungstenite", &["connection/"]),
    ("tokio_socks", &["connection/"]),
    ("colored", &["output/style.rs"]),
    ("indicatif", &["ui/"]),
    ("toml", &["config/"]),
    ("rpassword", &["config/"]),
    ("ratatui", &["commands/watch/"]),
    ("regex_lite", &["commands/watch/filter.rs"]),
    ("ciborium", &["commands/watch/document.rs"]),
    ("rmpv", &["commands/watch/document.rs"]),
    ("tokio", &["connection/", "broker/", "commands/", "ui/"]),
];

/// Parts of `mqt bench` that decide and compute: they know no runtime.
const WITHOUT_RUNTIME: &[&str] = &[
    "chart.rs",
    "clock.rs",
    "compare.rs",
    "comparison.rs",
    "csv.rs",
    "doubt.rs",
    "find_max.rs",
    "histogram.rs",
    "html.rs",
    "limits.rs",
    "merge.rs",
    "observer.rs",
    "openmetrics.rs",
    "recorder.rs",
    "result.rs",
    "run_config.rs",
    "scenario.rs",
    "schedule.rs",
    "snapshot.rs",
    "stamp.rs",
    "svg.rs",
    "tally.rs",
    "text.rs",
    "tracker.rs",
    "verdict.rs",
    "warning.rs",
];

/// Where `mqt watch` has a loop and threads, and the test of the loop; the rest of it is pure and names no tokio.
const LOOP_OF_WATCH: &[&str] = &[
    "mod.rs",
    "hostile_broker.rs",
    "interactive.rs",
    "recorder.rs",
    "replay.rs",
    "tables.rs",
    "terminal.rs",
    "watcher.rs",
];

/// The client side of `connection/`, which the broker must not see.
const CLIENT_SIDE: &[&str] = &["client", "driver", "reconnect", "options", "proxy"];

struct Source {
    /// Relative to `src/`, with forward slashes.
    path: String,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 30, "only {} sources were found", found.len());
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n");
            let path = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            found.push(Source { path, code });
        }
    }
}

/// The top-level module that a file belongs to; `None` for `main.rs` and `lib.rs`.
fn module(path: &str) -> Option<&str> {
    let module = path.split('/').next()?.trim_end_matches(".rs");
    (!matches!(module, "main" | "lib")).then_some(module)
}

/// The names that follow `crate::` in a source, the first level only: `crate::a::b` and `crate::{a, b::c}`.
fn named_modules(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|character| character.is_alphanumeric() || character == '_' || character == '$')
        {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let mut depth = 0;
                let mut word = String::new();
                for character in group.chars() {
                    match character {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => {
                            named.insert(first_word(&word));
                            word.clear();
                            continue;
                        }
                        _ => {}
                    }
                    word.push(character);
                }
                named.insert(first_word(&word));
            }
            None => {
                named.insert(first_word(rest));
            }
        }
    }
    named.retain(|name| !name.is_empty());
    named
}

fn first_word(text: &str) -> String {
    text.trim().chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

/// Whether a source names a crate: `name::…`, `use name…`.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + name.len()..];
        let starts = before.is_none_or(|character| {
            !(character.is_alphanumeric()
                || character == '_'
                || character == ':'
                || character == '"'
                || character == '.')
        });
        starts && (after.starts_with("::") || (code[..at].ends_with("use ") && after.starts_with(';')))
    })
}

#[test]
fn modules_name_only_what_they_may() {
    for source in sources() {
        let Some(module) = module(&source.path) else { continue };
        let (_, allowed) = MAY_NAME
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{} belongs to no module of the map", source.path));
        let modules: BTreeSet<String> = MAY_NAME.iter().map(|(name, _)| (*name).to_owned()).collect();
        for named in named_modules(&source.code).intersection(&modules) {
            assert!(
                named == module || allowed.contains(&named.as_str()),
                "src/{} names crate::{named}; {module} may name {allowed:?} only",
                source.path
            );
        }
    }
}

/// The code before the tests, which stand at the end of a file.
fn without_tests(code: &str) -> &str {
    let ends = ["#[cfg(test)]\nmod ", "#[cfg(all(test, unix))]\nmod "].map(|mark| code.find(mark));
    &code[..ends.into_iter().flatten().min().unwrap_or(code.len())]
}

/// Files are opened by `process::file`, where a signal ends what blocks; besides it, what cannot block for ever: files
/// of the system, sockets, descriptors that are open already, and commands that listen to no signal.
#[test]
fn files_are_opened_in_one_place() {
    const ELSEWHERE: &[&str] = &[
        "process/file.rs",
        "commands/bench/limits.rs",
        "commands/bench/usage.rs",
        "commands/generate.rs",
        "commands/install_links.rs",
        "connection/unix.rs",
    ];
    const CALLS: &[&str] = &[
        "fs::read",
        "fs::write",
        "fs::metadata",
        "fs::canonicalize",
        "fs::rename",
        "File::open",
        "File::create",
        ".open(path)",
        "path.is_file()",
        "path.is_dir()",
        "path.exists()",
        "folder.is_dir()",
        "folder.exists()",
    ];
    let mut found = BTreeSet::new();
    for source in sources() {
        let code = without_tests(&source.code);
        if source.path.ends_with("tests.rs") || source.path.contains("/tests/") {
            continue;
        }
        // A name that only ends so.
        let code = code.replace("KeyLogFile::", "");
        for call in CALLS.iter().filter(|call| code.contains(**call)) {
            let allowed = ELSEWHERE.contains(&source.path.as_str());
            assert!(allowed, "src/{} calls {call}; crate::process::file does so interruptibly", source.path);
            found.insert(source.path.clone());
        }
    }
    assert!(found.contains("process/file.rs"), "{found:?}");
}

/// Where the system gives no thread, these panic.
#[test]
fn a_thread_that_cannot_be_started_is_an_error() {
    for source in sources().iter().filter(|source| !source.path.ends_with("tests.rs")) {
        let code = without_tests(&source.code);
        for call in ["spawn_blocking", "lookup_host", "thread::spawn(", "tokio::fs"] {
            // Modules that are made for tests as a whole.
            let is_test =
                ["watch/safety.rs", "hostile_peer.rs", "worker/hostile.rs", "watch/hostile_broker.rs"]
                    .iter()
                    .any(|name| source.path.ends_with(name));
            assert!(is_test || !code.contains(call), "src/{} names {call}", source.path);
        }
    }
}

#[test]
fn crates_are_named_only_in_their_places() {
    for source in sources() {
        for (name, places) in ONLY_IN {
            let allowed = places.iter().any(|place| source.path.starts_with(place))
                || (*name == "clap" && source.path == "lib.rs");
            assert!(
                allowed || !names_crate(&source.code, name),
                "src/{} names the crate {name}, which belongs to {places:?}",
                source.path
            );
        }
    }
}

#[test]
fn what_a_load_test_computes_knows_no_runtime() {
    let mut found = BTreeSet::new();
    for source in sources() {
        let Some(rest) = source.path.strip_prefix("commands/bench/") else { continue };
        let name = rest.rsplit('/').next().unwrap_or(rest);
        if let Some(name) = WITHOUT_RUNTIME.iter().find(|known| **known == name) {
            found.insert(*name);
            assert!(!names_crate(&source.code, "tokio"), "src/{} names tokio", source.path);
        }
    }
    assert_eq!(found.len(), WITHOUT_RUNTIME.len(), "all of them are there");
}

/// A client whose events nobody takes is ready again at once, for ever: one place drives those of the load test, and
/// hands the events over.
#[test]
fn the_load_test_drives_its_clients_in_one_place() {
    let bench = |source: &Source| source.path.starts_with("commands/bench/");
    let driving: Vec<String> = sources()
        .into_iter()
        .filter(|source| bench(source) && source.code.contains("client.drive()"))
        .map(|source| source.path)
        .collect();
    assert_eq!(driving, ["commands/bench/messenger.rs"]);
}

#[test]
fn the_state_of_watch_is_pure() {
    for source in sources() {
        let Some(name) = source.path.strip_prefix("commands/watch/") else { continue };
        if !LOOP_OF_WATCH.contains(&name) {
            for outer in
                ["tokio", "crate::connection", "crate::ui", "std::io::std", "Instant::now", "SystemTime::now"]
            {
                assert!(!source.code.contains(outer), "src/{} names {outer}", source.path);
            }
        }
    }
}

#[test]
fn the_broker_and_the_client_do_not_see_each_other() {
    for source in sources() {
        if source.path.starts_with("broker/") {
            for part in CLIENT_SIDE {
                assert!(
                    !source.code.contains(&format!("connection::{part}")),
                    "src/{} names connection::{part}",
                    source.path
                );
            }
            assert!(
                !source.code.contains("Client,") && !source.code.contains("connection::Client"),
                "{}",
                source.path
            );
        }
    }
}

#[test]
fn every_test_file_is_part_of_the_test_binary() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let runner = fs::read_to_string(folder.join("tests.rs")).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_module =
            path.extension().is_some_and(|extension| extension == "rs") || path.join("mod.rs").exists();
        if is_module && name != "tests" {
            assert!(
                runner.lines().any(|line| line.trim() == format!("mod {name};")),
                "tests/{name} is not declared in tests/tests.rs"
            );
        }
    }
}

#[test]
fn the_detectors_detect() {
    let code = "use crate::{mqtt::{A, B}, ui};\nfn f() { crate::error::x(); $crate::no; mycrate::no }";
    assert_eq!(named_modules(code).into_iter().collect::<Vec<_>>(), ["error", "mqtt", "ui"]);
    assert!(names_crate("use rustls::ClientConfig;", "rustls"));
    assert!(names_crate("let x = tokio::time::sleep(y);", "tokio"));
    assert!(!names_crate("use tokio_rustls::x;", "rustls"));
    assert!(!names_crate("self.tokio::x", "tokio"));
}
