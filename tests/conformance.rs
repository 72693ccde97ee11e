//! Every normative statement that binds a client has a test, or a reason why it has none: `conformance.toml`
//! says which, and this guard holds it against the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The statements, by their OASIS numbers: `311:` of MQTT 3.1.1, `5:` of MQTT 5, ranges with `..`.
const STATEMENTS: &str = "
    311:1.5.3-2 311:2.3.1-1..2 311:2.3.1-5
    311:3.1.0-1..2 311:3.1.2-6 311:3.1.2-8..11 311:3.1.2-13..23 311:3.1.3-1 311:3.1.3-3..4 311:3.1.3-7..8
    311:3.1.3-11
    311:3.3.1-1..2 311:3.3.1-4 311:3.3.2-1..2 311:3.6.1-1
    311:3.8.1-1 311:3.8.3-1 311:3.8.3-3 311:3.8.4-2 311:3.9.3-1..2 311:3.10.1-1 311:3.14.4-1..3
    311:4.1.0-1 311:4.3.2-1..2 311:4.3.3-1..2 311:4.4.0-1 311:4.5.0-2 311:4.6.0-1..4
    311:4.7.1-1..3 311:4.7.3-1..3 311:4.8.0-1 311:6.0.0-1..4

    5:1.5.4-2..3 5:1.5.5-1 5:1.5.7-1 5:2.1.3-1 5:2.2.1-2..3 5:2.2.2-1
    5:3.1.0-1..2 5:3.1.2-1 5:3.1.2-4 5:3.1.2-8..21 5:3.1.2-23 5:3.1.2-30
    5:3.1.3-1 5:3.1.3-3..4 5:3.1.3-12
    5:3.2.2-4..5 5:3.2.2-7 5:3.2.2-11 5:3.2.2-14..15 5:3.2.2-17..18 5:3.2.2-21
    5:3.3.1-1..2 5:3.3.1-4 5:3.3.2-1..2 5:3.3.2-7..10 5:3.3.2-13..14 5:3.3.2-19 5:3.3.4-6..8
    5:3.4.2-1 5:3.5.2-1 5:3.6.1-1 5:3.6.2-1 5:3.7.2-1
    5:3.8.1-1 5:3.8.3-1..2 5:3.8.3-4 5:3.8.4-2 5:3.9.3-1 5:3.10.1-1
    5:3.14.1-1 5:3.14.2-1 5:3.14.4-1..3 5:3.15.1-1
    5:4.1.0-1 5:4.3.1-1 5:4.3.2-1 5:4.3.2-3..4 5:4.3.3-1 5:4.3.3-3..6 5:4.3.3-8 5:4.3.3-10..11
    5:4.4.0-1..2 5:4.5.0-2 5:4.6.0-1..4 5:4.7.0-1 5:4.7.1-1..2 5:4.7.3-1..3 5:4.8.2-1..2
    5:4.9.0-1..3 5:4.12.0-2..7 5:4.12.1-1..2 5:4.13.1-1 5:4.13.2-1 5:6.0.0-1..4
";

fn statements() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for item in STATEMENTS.split_whitespace() {
        let (section, numbers) = item.rsplit_once('-').unwrap();
        let (first, last) = numbers.split_once("..").unwrap_or((numbers, numbers));
        for number in first.parse::<u32>().unwrap()..=last.parse().unwrap() {
            assert!(all.insert(format!("{section}-{number}")), "{section}-{number} is listed twice");
        }
    }
    all
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Tests by their paths; those of the integration tests begin with `tests::`, in a crate beside the program with its name before that.
    #[serde(default)]
    tests: Vec<String>,
    /// Why there is no test, or what a test leaves open.
    reason: Option<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files that may hold the module: `a::b` may be `a/b.rs`, `a/b/mod.rs`, or an inline module of `a.rs`.
fn files_of(modules: &[&str]) -> Vec<PathBuf> {
    let (base, modules) = match modules {
        ["tests", rest @ ..] => (root().join("tests"), rest),
        [of_crate @ ("mqt_proto" | "mqt_client" | "mqt_broker"), rest @ ..] => {
            let folder = root().join("crates").join(of_crate.replace('_', "-"));
            match rest {
                ["tests", rest @ ..] => (folder.join("tests"), rest),
                _ => (folder.join("src"), rest),
            }
        }
        _ => (root().join("src"), modules),
    };
    let mut files = Vec::new();
    for length in (1..=modules.len()).rev() {
        let path: PathBuf = modules[..length].iter().collect();
        files.push(base.join(&path).with_extension("rs"));
        files.push(base.join(&path).join("mod.rs"));
    }
    files.retain(|file| file.is_file());
    files
}

/// The source of a test function with the comments and attributes above it.
fn source_of(test: &str) -> Option<String> {
    let path: Vec<&str> = test.split("::").collect();
    let (name, modules) = path.split_last()?;
    for file in files_of(modules) {
        let text = fs::read_to_string(file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let is_it = |line: &&str| {
            let line = line.trim_start();
            ["fn ", "async fn "].iter().any(|start| line.starts_with(&format!("{start}{name}(")))
        };
        let Some(at) = lines.iter().position(is_it) else { continue };
        let above = lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.trim_start().starts_with("//") || line.trim_start().starts_with("#["))
            .count();
        let indent = lines[at].len() - lines[at].trim_start().len();
        let end = format!("{}}}", " ".repeat(indent));
        let length = lines[at..].iter().position(|line| **line == end)?;
        return Some(lines[at - above..=at + length].join("\n"));
    }
    None
}

/// Whether the id stands in the text as a whole: `5:3.1.2-1` is not in `5:3.1.2-11`.
fn mentions(text: &str, id: &str) -> bool {
    text.match_indices(id).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + id.len()..].chars().next();
        !before.is_some_and(|c| c.is_ascii_digit()) && !after.is_some_and(|c| c.is_ascii_digit())
    })
}

/// What is wrong with an entry.
fn complaint(id: &str, entry: &Entry) -> Option<String> {
    if entry.tests.is_empty() && entry.reason.as_deref().is_none_or(str::is_empty) {
        return Some(format!("{id} has neither a test nor a reason"));
    }
    entry.tests.iter().find_map(|test| match source_of(test) {
        None => Some(format!("{id}: there is no test {test}")),
        Some(source) if !source.contains("test]") && !source.contains("test(") => {
            Some(format!("{id}: {test} is no test"))
        }
        Some(source) if !mentions(&source, id) => Some(format!("{id}: {test} does not mention it")),
        Some(_) => None,
    })
}

#[test]
fn every_statement_has_a_test_or_a_reason() {
    let file = root().join("tests/conformance.toml");
    let entries: BTreeMap<String, Entry> = toml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let wanted = statements();
    let mut complaints: Vec<String> = entries.iter().filter_map(|(id, entry)| complaint(id, entry)).collect();
    complaints
        .extend(wanted.iter().filter(|id| !entries.contains_key(*id)).map(|id| format!("{id} is missing")));
    complaints
        .extend(entries.keys().filter(|id| !wanted.contains(*id)).map(|id| format!("{id} is not listed")));
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let tested = entries.values().filter(|entry| !entry.tests.is_empty()).count();
    assert!(tested * 100 >= wanted.len() * 95, "only {tested} of {} statements are tested", wanted.len());
}

#[test]
fn the_guard_sees_what_is_wrong() {
    // 5:3.1.0-1
    let here = "tests::conformance::the_guard_sees_what_is_wrong";
    let entry = |tests: &[&str], reason: Option<&str>| Entry {
        tests: tests.iter().map(|test| (*test).to_owned()).collect(),
        reason: reason.map(str::to_owned),
    };
    assert_eq!(complaint("5:3.1.0-1", &entry(&[here], None)), None);
    assert_eq!(complaint("5:3.1.0-9", &entry(&[], Some("why"))), None);
    for (id, entry, what) in [
        ("5:3.1.0-1", entry(&[], None), "neither"),
        ("5:3.1.0-1", entry(&[], Some("")), "neither"),
        ("5:3.1.0-1", entry(&["tests::conformance::no_such_test"], None), "no test"),
        ("5:3.1.0-1", entry(&["mqtt::nowhere::x"], Some("why")), "no test"),
        ("5:3.1.0-1", entry(&["tests::conformance::statements"], None), "is no test"),
        (concat!("5:3.1.0", "-2"), entry(&[here], None), "does not mention"),
    ] {
        let complaint = complaint(id, &entry).unwrap_or_default();
        assert!(complaint.contains(what), "{id} {entry:?}: {complaint:?}");
    }
    assert!(!mentions("5:3.1.2-11", "5:3.1.2-1") && !mentions("15:3.1.2-1", "5:3.1.2-1"));
}
