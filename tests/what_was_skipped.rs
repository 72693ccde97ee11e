//! Runs behind the tests and says which of them were skipped, and why: a green line hides that otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;

#[path = "support/skip.rs"]
#[expect(dead_code, reason = "the tests write the notes")]
mod skip;

fn main() {
    let notes = fs::read_to_string(skip::NOTES).unwrap_or_default();
    // The next run begins again.
    let _ = fs::remove_file(skip::NOTES);
    let mut tests: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (reason, test) in notes.lines().filter_map(|line| line.split_once('\t')) {
        tests.entry(reason).or_default().insert(test);
    }
    let reasons: Vec<String> =
        tests.iter().map(|(reason, tests)| format!("{reason} ({} tests)", tests.len())).collect();
    let line = if reasons.is_empty() { "nothing".to_owned() } else { reasons.join("; ") };
    let _ = writeln!(std::io::stdout(), "skipped: {}", line.replace("(1 tests)", "(1 test)"));
}
