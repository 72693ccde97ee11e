//! What the tables have in common: words of a command line written as for a shell, and rows that run side by
//! side and report together.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The programs wait more than they compute.
const SIDE_BY_SIDE: usize = 8;

/// The words of a command line: separated by spaces, and single quotes keep what is between them together.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' | '\n' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    assert!(!quoted, "quotes in {line}");
    words.extend(word);
    words
}

/// Runs every row, some side by side, and fails with the name and the message of each row that panicked.
#[track_caller]
pub fn run_all<T: Sync>(rows: &[T], name: impl Fn(&T) -> String + Sync, run: impl Fn(&T) + Sync) {
    run_side_by_side(SIDE_BY_SIDE, rows, name, run);
}

/// The same with so many rows at once.
#[track_caller]
pub fn run_side_by_side<T: Sync>(
    at_once: usize,
    rows: &[T],
    name: impl Fn(&T) -> String + Sync,
    run: impl Fn(&T) + Sync,
) {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(row))) {
                        failures.lock().unwrap().push(format!("=== {}\n{}\n", name(row), message(&*panic)));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} rows fail:\n{}", failures.len(), rows.len(), failures.concat());
}

/// What a panic said.
pub fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text")
}

#[test]
fn words_are_split_as_a_shell_does() {
    assert_eq!(words("-t a  -m 'b c' -i '' x'y z'"), ["-t", "a", "-m", "b c", "-i", "", "xy z"]);
}
