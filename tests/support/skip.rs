//! Tests that cannot run here: each says why at once, and the line at the end of `cargo test` counts them.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::thread;

/// Where `tests/what_was_skipped.rs` finds a line per reason and test, separated by a tab.
pub const NOTES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/skipped");

/// Says that the test that calls it is skipped, past the capture of the test runner. The test is then to return.
pub fn skipped(reason: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    // Nothing can be done about a closed stderr, or where no file can be written: the tests themselves ran.
    let _ = writeln!(std::io::stderr(), "{test}: skipped: {reason}");
    if let Ok(mut notes) = OpenOptions::new().create(true).append(true).open(NOTES) {
        // One write, so that lines of several threads do not mix.
        let _ = notes.write_all(format!("{reason}\t{test}\n").as_bytes());
    }
}
