//! Who may know whom: the rules of ARCHITECTURE.md, held against the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module of the program, and the modules of the program and the crates of this workspace that it may name. What the
/// crates may name is said by their manifests.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("output", &["mqt_proto"]),
    ("cli", &["mqt_proto", "mqt_client", "error"]),
    ("config", &["mqt_proto", "mqt_client", "mqt_process", "cli", "error", "output"]),
    ("ui", &["mqt_proto", "mqt_process", "config", "error", "output"]),
    (
        "commands",
        &["mqt_proto", "mqt_client", "mqt_process", "mqt_broker", "cli", "config", "error", "output", "ui"],
    ),
    (
        "bench",
        &["mqt_proto", "mqt_client", "mqt_process", "cli", "commands", "config", "error", "output", "ui"],
    ),
    (
        "watch",
        &["mqt_proto", "mqt_client", "mqt_process", "cli", "commands", "config", "error", "output", "ui"],
    ),
];

/// A crate and the places of the program that may name it.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("clap", &["cli/", "commands/complete.rs", "commands/generate.rs", "lib.rs"]),
    ("clap_complete", &["cli/", "commands/complete.rs"]),
    ("clap_mangen", &["cli/", "commands/generate.rs"]),
    ("colored", &["output/style.rs"]),
    ("indicatif", &["ui/"]),
    ("toml", &["config/"]),
    ("rpassword", &["config/"]),
    ("ratatui", &["watch/"]),
    ("regex_lite", &["watch/state/filter.rs"]),
    ("ciborium", &["watch/state/document.rs"]),
    ("rmpv", &["watch/state/document.rs"]),
    (
        "tokio",
        &["bench/load/", "bench/together/", "bench/run.rs", "commands/", "ui/", "watch/io/", "watch/mod.rs"],
    ),
];

/// Rooms that decide, compute and draw, and what they must not name.
const PURE: &[(&str, &[&str])] = &[
    ("bench/plan/", &["crate::bench::load", "crate::commands", "std::io::std"]),
    ("bench/result/", &["crate::bench::load", "crate::commands", "std::io::std"]),
    (
        "watch/state/",
        &["mqt_client", "crate::commands", "crate::ui", "std::io::std", "Instant::now", "SystemTime::now"],
    ),
    (
        "watch/view/",
        &["mqt_client", "crate::commands", "crate::ui", "std::io::std", "Instant::now", "SystemTime::now"],
    ),
];

/// The client side of `mqt-client`, which the broker must not see.
const CLIENT_SIDE: &[&str] = &["client", "driver", "reconnect", "options", "proxy", "Client", "{Client"];

struct Source {
    /// Relative to `src/` for the program, else beginning with `crates/`; with forward slashes.
    path: String,
    code: String,
}

/// The sources of the program and of the crates beside it.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    collect(&root.join("src"), &root.join("src"), &mut found);
    for of_crate in fs::read_dir(root.join("crates")).unwrap() {
        collect(root, &of_crate.unwrap().path().join("src"), &mut found);
    }
    assert!(found.len() > 200, "only {} sources were found", found.len());
    found
}

/// The sources of the program alone.
fn of_program() -> impl Iterator<Item = Source> {
    sources().into_iter().filter(|source| !source.path.starts_with("crates/"))
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
    let crates = ["mqt_proto", "mqt_client", "mqt_process", "mqt_broker"];
    for source in of_program() {
        let Some(module) = module(&source.path) else { continue };
        let (_, allowed) = MAY_NAME
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{} belongs to no module of the map", source.path));
        let code = without_tests(&source.code);
        let modules = named_modules(code);
        let modules = MAY_NAME.iter().map(|(name, _)| *name).filter(|name| modules.contains(*name));
        for named in modules.chain(crates.into_iter().filter(|name| names_crate(code, name))) {
            assert!(
                named == module || allowed.contains(&named),
                "src/{} names {named}; {module} may name {allowed:?} only",
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

/// Files are opened by `mqt_process::file`, where a signal ends what blocks; besides it, what cannot block for ever: files
/// of the system, sockets, descriptors that are open already, and commands that listen to no signal.
#[test]
fn files_are_opened_in_one_place() {
    const ELSEWHERE: &[&str] = &[
        "crates/mqt-process/src/file.rs",
        "bench/load/limits.rs",
        "bench/load/usage.rs",
        "commands/generate.rs",
        "commands/install_links.rs",
        "crates/mqt-client/src/unix.rs",
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
            assert!(allowed, "{} calls {call}; mqt_process::file does so interruptibly", source.path);
            found.insert(source.path.clone());
        }
    }
    assert!(found.contains("crates/mqt-process/src/file.rs"), "{found:?}");
}

/// Where the system gives no thread, these panic.
#[test]
fn a_thread_that_cannot_be_started_is_an_error() {
    for source in sources().iter().filter(|source| !source.path.ends_with("tests.rs")) {
        let code = without_tests(&source.code);
        for call in ["spawn_blocking", "lookup_host", "thread::spawn(", "tokio::fs"] {
            // Modules that are made for tests as a whole.
            let is_test = ["view/safety.rs", "hostile_peer.rs", "worker/hostile.rs", "io/hostile_broker.rs"]
                .iter()
                .any(|name| source.path.ends_with(name));
            assert!(is_test || !code.contains(call), "{} names {call}", source.path);
        }
    }
}

#[test]
fn crates_are_named_only_in_their_places() {
    for source in of_program() {
        for (name, places) in ONLY_IN {
            assert!(
                places.iter().any(|place| source.path.starts_with(place)) || !names_crate(&source.code, name),
                "src/{} names the crate {name}, which belongs to {places:?}",
                source.path
            );
        }
    }
}

#[test]
fn what_decides_and_computes_meets_no_world() {
    for (room, outer) in PURE {
        let sources: Vec<Source> = of_program().filter(|source| source.path.starts_with(room)).collect();
        assert!(sources.len() > 3, "{room} has {} sources", sources.len());
        for source in sources {
            for name in *outer {
                let code = without_tests(&source.code);
                assert!(!code.contains(name), "src/{} names {name}", source.path);
            }
        }
    }
}

/// One name, one thing: a type of the program or of its crates has a name that no other has.
#[test]
fn a_type_name_means_one_thing() {
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources().iter().filter(|source| !is_test(&source.path)) {
        for line in without_tests(&source.code).lines() {
            if let Some(name) = defined_type(line) {
                places.entry(name.to_owned()).or_default().insert(source.path.clone());
            }
        }
    }
    assert!(places.len() > 400, "only {} types were found", places.len());
    let doubled: Vec<_> = places.into_iter().filter(|(_, files)| files.len() > 1).collect();
    assert!(doubled.is_empty(), "{doubled:#?}");
}

/// The name of the type that a line defines.
fn defined_type(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub") || *word == "in");
    let kind = words.find(|word| !word.ends_with(')'))?;
    if !["struct", "enum", "trait", "union"].contains(&kind) {
        return None;
    }
    let name = words.next()?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    Some(&name[..end])
}

fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/")
}

/// Files name each other in one direction only; a module and the files below it are one place.
#[test]
fn no_files_name_each_other_in_a_ring() {
    let mut names: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    let sources: Vec<Source> = sources().into_iter().filter(|source| !is_test(&source.path)).collect();
    let modules: BTreeSet<Vec<String>> = sources.iter().map(|source| module_path(&source.path)).collect();
    for source in &sources {
        let module = module_path(&source.path);
        let named = names.entry(module.clone()).or_default();
        for path in paths(without_tests(&source.code)) {
            if let Some(other) = resolve(&module, &path, &modules)
                && !module.starts_with(&other)
                && !other.starts_with(&module)
            {
                named.insert(other);
            }
        }
    }
    let arrows: usize = names.values().map(BTreeSet::len).sum();
    assert!(arrows > 800, "only {arrows} arrows were found");
    // What nobody names any more goes, again and again: only rings and what hangs below them is left.
    loop {
        let leaves: Vec<_> = names
            .iter()
            .filter(|(_, named)| !named.iter().any(|other| names.contains_key(other)))
            .map(|(module, _)| module.clone())
            .collect();
        if leaves.is_empty() {
            break;
        }
        names.retain(|module, _| !leaves.contains(module));
    }
    let left: Vec<String> = names.keys().map(|module| module.join("::")).collect();
    assert!(left.is_empty(), "in a ring, or above one: {left:#?}");
}

/// `bench/load/engine.rs` → mqt, bench, load, engine
fn module_path(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let path = match path.strip_prefix("crates/") {
        Some(path) => path.replace('-', "_").replacen("/src", "", 1),
        None => format!("mqt/{path}"),
    };
    path.split('/').filter(|part| !["lib", "main"].contains(part)).map(str::to_owned).collect()
}

/// Every path in a source: those of `use` declarations one by one, and others as they stand.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    for declaration in code.split("use ").skip(1).filter_map(|rest| rest.split(';').next()) {
        expand("", declaration, &mut found);
    }
    found.extend(
        code.split(|c| !is_part(c))
            .filter(|path| path.contains("::") && !path.ends_with("::"))
            .map(str::to_owned),
    );
    found.into_iter().map(|path| path.split("::").map(str::to_owned).collect()).collect()
}

/// `a::{b, c::{d}}` → `a::b`, `a::c::d`
fn expand(before: &str, declaration: &str, found: &mut Vec<String>) {
    let declaration = declaration.trim();
    let Some((head, group)) = declaration.split_once('{') else {
        let path = declaration.split_whitespace().next().unwrap_or_default();
        found.push(format!("{before}{path}"));
        return;
    };
    let (mut depth, mut start) = (0, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                let item = &group[start..at];
                if !item.trim().is_empty() {
                    expand(&format!("{before}{}", head.trim()), item, found);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The file that a path in this module leads to.
fn resolve(module: &[String], path: &[String], modules: &BTreeSet<Vec<String>>) -> Option<Vec<String>> {
    let mut rest = path;
    let mut at = match path.first()?.as_str() {
        "crate" => vec![module.first()?.clone()],
        "self" => module.to_vec(),
        "super" => {
            let levels = path.iter().take_while(|part| *part == "super").count();
            rest = &path[levels - 1..];
            module[..module.len().checked_sub(levels)?].to_vec()
        }
        name if name.starts_with("mqt_") => vec![name.to_owned()],
        _ => return None,
    };
    rest = &rest[1..];
    while let Some(next) = rest.first() {
        at.push(next.clone());
        if !modules.contains(&at) {
            at.pop();
            break;
        }
        rest = &rest[1..];
    }
    modules.contains(&at).then_some(at)
}

/// A client whose events nobody takes is ready again at once, for ever: one place drives those of the load test, and
/// hands the events over.
#[test]
fn the_load_test_drives_its_clients_in_one_place() {
    let driving: Vec<String> = of_program()
        .filter(|source| source.path.starts_with("bench/") && source.code.contains("client.drive()"))
        .map(|source| source.path)
        .collect();
    assert_eq!(driving, ["bench/together/messenger.rs"]);
}

#[test]
fn the_broker_does_not_see_the_client() {
    for source in sources().iter().filter(|source| source.path.starts_with("crates/mqt-broker/")) {
        for part in CLIENT_SIDE {
            let name = format!("mqt_client::{part}");
            assert!(!source.code.contains(&name), "{} names {name}", source.path);
        }
    }
}

/// What ARCHITECTURE.md names in backquotes with a folder or as a file of this house.
#[test]
fn the_map_names_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let mut files = BTreeSet::new();
    for folder in [
        "src",
        "crates",
        "tests",
        "scripts",
        "docs",
        "schema",
        "fuzz",
        "benches",
        "completions",
        "man",
        ".cargo",
    ] {
        list(&root.join(folder), root, &mut files);
    }
    let mut checked = 0;
    for word in map.split('`').skip(1).step_by(2) {
        let is_path = word.ends_with('/') || [".rs", ".toml", ".json"].iter().any(|end| word.ends_with(end));
        if !is_path || word.contains([' ', '<', '*']) {
            continue;
        }
        let ending = format!("/{}", word.trim_end_matches('/'));
        assert!(
            files.iter().any(|file| file.ends_with(&ending)),
            "ARCHITECTURE.md names {word}, which is not there"
        );
        checked += 1;
    }
    assert!(checked > 80, "{checked} paths");
}

/// The files and folders below a folder, with a slash before each.
fn list(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.insert(format!("/{}", path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/")));
        if path.is_dir() && !path.ends_with("target") {
            list(&path, root, found);
        }
    }
    found.insert(format!("/{}", folder.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/")));
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
        if is_module && !["tests", "what_was_skipped"].contains(&name.as_str()) {
            assert!(
                runner.lines().any(|line| line.trim() == format!("mod {name};")),
                "tests/{name} is not declared in tests/tests.rs"
            );
        }
    }
}

#[test]
fn the_detectors_detect() {
    let code = "use crate::{output::{A, B}, ui};\nfn f() { crate::error::x(); $crate::no; mycrate::no }";
    assert_eq!(named_modules(code).into_iter().collect::<Vec<_>>(), ["error", "output", "ui"]);
    assert!(names_crate("use rustls::ClientConfig;", "rustls"));
    assert!(names_crate("let x = tokio::time::sleep(y);", "tokio"));
    assert!(!names_crate("use tokio_rustls::x;", "rustls"));
    assert!(!names_crate("self.tokio::x", "tokio"));
    assert_eq!(defined_type("pub(in crate::output) enum JsonForm {"), Some("JsonForm"));
    assert_eq!(defined_type("struct Marks<T>(T);"), Some("Marks"));
    assert_eq!(defined_type("    let structure = 1;"), None);
    let named = paths("use super::{a::{B, c}, d as e};\nfn f() { crate::g::h() }");
    let named: Vec<String> = named.iter().map(|path| path.join("::")).collect();
    assert_eq!(named, ["super::a::B", "super::a::c", "super::d", "crate::g::h"]);
    let modules = BTreeSet::from([module_path("a/mod.rs"), module_path("a/b.rs"), module_path("g.rs")]);
    let of = |path: &str| {
        let path: Vec<String> = path.split("::").map(str::to_owned).collect();
        resolve(&module_path("a/b.rs"), &path, &modules).map(|module| module.join("::"))
    };
    assert_eq!(of("crate::g::h").as_deref(), Some("mqt::g"));
    assert_eq!(of("super::X").as_deref(), Some("mqt::a"));
    assert_eq!(of("super::super::g::X").as_deref(), Some("mqt::g"));
    assert_eq!(of("std::fs"), None);
}
