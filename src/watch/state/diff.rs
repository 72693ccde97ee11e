//! What differs between two payloads, line by line of their layout.

use crate::watch::cells::{TextRole, TextSpan};
use crate::watch::state::document::{Document, DocumentLine};

/// Beyond this product of the numbers of lines that differ, all of them are shown as removed and added.
const MOST_WORK: usize = 4_000_000;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DiffStep {
    Same,
    Removed,
    Added,
}

/// The lines of both: unchanged, removed (`-`), added (`+`), or another value at the same place (`~`). Also how
/// many differ.
#[must_use]
pub fn diff(before: &Document, after: &Document) -> (Vec<DocumentLine>, usize) {
    let steps = steps(&before.lines, &after.lines);
    let (mut old, mut new) = (before.lines.iter(), after.lines.iter());
    let mut lines: Vec<DocumentLine> = Vec::with_capacity(steps.len());
    let mut changes = 0;
    let mut steps = steps.into_iter().peekable();
    while let Some(step) = steps.next() {
        match step {
            DiffStep::Same => {
                old.next();
                lines.extend(new.next().map(|line| marked(line, "  ", None)));
            }
            DiffStep::Removed => {
                let Some(gone) = old.next() else { break };
                changes += 1;
                // The same field with another value is one change.
                let replaced = new.as_slice().first().filter(|line| {
                    steps.peek() == Some(&DiffStep::Added) && line.path.is_some() && line.path == gone.path
                });
                match replaced {
                    Some(line) => {
                        lines.push(changed(gone, line));
                        new.next();
                        steps.next();
                    }
                    None => lines.push(marked(gone, "- ", Some(TextRole::Removed))),
                }
            }
            DiffStep::Added => {
                changes += 1;
                lines.extend(new.next().map(|line| marked(line, "+ ", Some(TextRole::Added))));
            }
        }
    }
    (lines, changes)
}

fn marked(line: &DocumentLine, mark: &str, role: Option<TextRole>) -> DocumentLine {
    let mut spans = vec![TextSpan::new(indented(mark, line.depth), role.unwrap_or_default())];
    spans.extend(line.spans.iter().map(|span| TextSpan::new(span.text.clone(), role.unwrap_or(span.role))));
    DocumentLine { depth: 0, spans, path: line.path.clone() }
}

fn indented(mark: &str, depth: usize) -> String {
    format!("{mark}{}", "  ".repeat(depth))
}

fn changed(before: &DocumentLine, after: &DocumentLine) -> DocumentLine {
    let mut spans = vec![TextSpan::new(indented("~ ", after.depth), TextRole::Changed)];
    if let Some((value, keys)) = after.spans.split_last() {
        spans.extend_from_slice(keys);
        spans.push(TextSpan::new(
            before.spans.last().map_or("", |span| span.text.as_str()),
            TextRole::Removed,
        ));
        spans.push(TextSpan::plain(" → "));
        spans.push(TextSpan::new(value.text.clone(), TextRole::Added));
    }
    DocumentLine { depth: 0, spans, path: after.path.clone() }
}

/// The longest common subsequence, in the order of the lines: removed ones before added ones. Lines of the same
/// place in a tree stand next to each other where both are between the same unchanged lines.
fn steps(before: &[DocumentLine], after: &[DocumentLine]) -> Vec<DiffStep> {
    let same =
        |a: &DocumentLine, b: &DocumentLine| a.path == b.path && a.depth == b.depth && a.spans == b.spans;
    let head = before.iter().zip(after).take_while(|(a, b)| same(a, b)).count();
    let (old, new) = (&before[head..], &after[head..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| same(a, b)).count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    let mut steps = vec![DiffStep::Same; head];
    let mut middle = Vec::new();
    if old.len().saturating_mul(new.len()) > MOST_WORK {
        middle.extend(std::iter::repeat_n(DiffStep::Removed, old.len()));
        middle.extend(std::iter::repeat_n(DiffStep::Added, new.len()));
    } else {
        let wide = new.len() + 1;
        let mut longest = vec![0_u32; (old.len() + 1) * wide];
        for (row, a) in old.iter().enumerate().rev() {
            for (column, b) in new.iter().enumerate().rev() {
                longest[row * wide + column] = if same(a, b) {
                    longest[(row + 1) * wide + column + 1] + 1
                } else {
                    longest[(row + 1) * wide + column].max(longest[row * wide + column + 1])
                };
            }
        }
        let (mut row, mut column) = (0, 0);
        while row < old.len() || column < new.len() {
            if row < old.len() && column < new.len() && same(&old[row], &new[column]) {
                middle.push(DiffStep::Same);
                (row, column) = (row + 1, column + 1);
                continue;
            }
            // Fields that changed in a row are taken in pairs.
            let pair = row < old.len()
                && column < new.len()
                && old[row].path.is_some()
                && old[row].path == new[column].path
                && longest[row * wide + column] == longest[(row + 1) * wide + column + 1];
            if pair {
                middle.extend([DiffStep::Removed, DiffStep::Added]);
                (row, column) = (row + 1, column + 1);
            } else if column >= new.len()
                || row < old.len() && longest[(row + 1) * wide + column] >= longest[row * wide + column + 1]
            {
                middle.push(DiffStep::Removed);
                row += 1;
            } else {
                middle.push(DiffStep::Added);
                column += 1;
            }
        }
    }
    steps.extend(middle);
    steps.extend(std::iter::repeat_n(DiffStep::Same, tail));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Decode;
    use crate::watch::state::document::read;

    fn shown(before: &[u8], after: &[u8]) -> (Vec<String>, usize) {
        let document = |payload| read(payload, None, Decode::Auto, 80);
        let (lines, changes) = diff(&document(before), &document(after));
        (lines.iter().map(DocumentLine::text).collect(), changes)
    }

    #[test]
    fn fields_that_changed_show_both_values() {
        let (lines, changes) =
            shown(br#"{"t":21.5,"h":40,"on":true,"gone":1}"#, br#"{"t":21.7,"h":41,"on":true,"new":[1]}"#);
        assert_eq!(
            lines,
            [
                "  {",
                "~   \"t\": 21.5 → 21.7",
                "~   \"h\": 40 → 41",
                "    \"on\": true",
                "-   \"gone\": 1",
                "+   \"new\": [",
                "+     1",
                "+   ]",
                "  }",
            ]
        );
        assert_eq!(changes, 6);
    }

    #[test]
    fn text_is_compared_by_lines() {
        assert_eq!(shown(b"a\nb\nc", b"a\nx\nc").0, ["  a", "- b", "+ x", "  c"]);
        assert_eq!(shown(b"same", b"same"), (vec!["  same".to_owned()], 0));
        assert_eq!(shown(b"", b"x").1, 2);
    }

    #[test]
    fn very_different_long_texts_take_bounded_work() {
        let long = |seed: u32| (0..5_000).map(|n| format!("{}\n", n ^ seed)).collect::<String>();
        let (lines, changes) = shown(long(0).as_bytes(), long(1 << 20).as_bytes());
        assert_eq!((lines.len(), changes), (10_000, 10_000));
    }
}
