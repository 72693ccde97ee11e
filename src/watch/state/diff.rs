//! What differs between two payloads, line by line of their layout.

use crate::watch::cells::{Role, Span};
use crate::watch::state::document::{Document, Line};

/// Beyond this product of the numbers of lines that differ, all of them are shown as removed and added.
const MOST_WORK: usize = 4_000_000;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Same,
    Removed,
    Added,
}

/// The lines of both: unchanged, removed (`-`), added (`+`), or another value at the same place (`~`). Also how
/// many differ.
#[must_use]
pub fn diff(before: &Document, after: &Document) -> (Vec<Line>, usize) {
    let steps = steps(&before.lines, &after.lines);
    let (mut old, mut new) = (before.lines.iter(), after.lines.iter());
    let mut lines: Vec<Line> = Vec::with_capacity(steps.len());
    let mut changes = 0;
    let mut steps = steps.into_iter().peekable();
    while let Some(step) = steps.next() {
        match step {
            Step::Same => {
                old.next();
                lines.extend(new.next().map(|line| marked(line, "  ", None)));
            }
            Step::Removed => {
                let Some(gone) = old.next() else { break };
                changes += 1;
                // The same field with another value is one change.
                let replaced = new.as_slice().first().filter(|line| {
                    steps.peek() == Some(&Step::Added) && line.path.is_some() && line.path == gone.path
                });
                match replaced {
                    Some(line) => {
                        lines.push(changed(gone, line));
                        new.next();
                        steps.next();
                    }
                    None => lines.push(marked(gone, "- ", Some(Role::Removed))),
                }
            }
            Step::Added => {
                changes += 1;
                lines.extend(new.next().map(|line| marked(line, "+ ", Some(Role::Added))));
            }
        }
    }
    (lines, changes)
}

fn marked(line: &Line, mark: &str, role: Option<Role>) -> Line {
    let mut spans = vec![Span::new(indented(mark, line.depth), role.unwrap_or_default())];
    spans.extend(line.spans.iter().map(|span| Span::new(span.text.clone(), role.unwrap_or(span.role))));
    Line { depth: 0, spans, path: line.path.clone() }
}

fn indented(mark: &str, depth: usize) -> String {
    format!("{mark}{}", "  ".repeat(depth))
}

fn changed(before: &Line, after: &Line) -> Line {
    let mut spans = vec![Span::new(indented("~ ", after.depth), Role::Changed)];
    if let Some((value, keys)) = after.spans.split_last() {
        spans.extend_from_slice(keys);
        spans.push(Span::new(before.spans.last().map_or("", |span| span.text.as_str()), Role::Removed));
        spans.push(Span::plain(" → "));
        spans.push(Span::new(value.text.clone(), Role::Added));
    }
    Line { depth: 0, spans, path: after.path.clone() }
}

/// The longest common subsequence, in the order of the lines: removed ones before added ones. Lines of the same
/// place in a tree stand next to each other where both are between the same unchanged lines.
fn steps(before: &[Line], after: &[Line]) -> Vec<Step> {
    let same = |a: &Line, b: &Line| a.path == b.path && a.depth == b.depth && a.spans == b.spans;
    let head = before.iter().zip(after).take_while(|(a, b)| same(a, b)).count();
    let (old, new) = (&before[head..], &after[head..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| same(a, b)).count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    let mut steps = vec![Step::Same; head];
    let mut middle = Vec::new();
    if old.len().saturating_mul(new.len()) > MOST_WORK {
        middle.extend(std::iter::repeat_n(Step::Removed, old.len()));
        middle.extend(std::iter::repeat_n(Step::Added, new.len()));
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
                middle.push(Step::Same);
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
                middle.extend([Step::Removed, Step::Added]);
                (row, column) = (row + 1, column + 1);
            } else if column >= new.len()
                || row < old.len() && longest[(row + 1) * wide + column] >= longest[row * wide + column + 1]
            {
                middle.push(Step::Removed);
                row += 1;
            } else {
                middle.push(Step::Added);
                column += 1;
            }
        }
    }
    steps.extend(middle);
    steps.extend(std::iter::repeat_n(Step::Same, tail));
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
        (lines.iter().map(Line::text).collect(), changes)
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
