//! The only way by which text reaches the screen: escaped, cut to its width, and cell by cell.
//!
//! The width of a text is the sum of the widths of its characters, as terminals count it that know nothing of
//! clusters; what terminals disagree about does not come to them.

use ratatui::buffer::Buffer;
use ratatui::style::Style;
use unicode_width::UnicodeWidthChar;

use crate::output::sanitize::{escape, is_unsafe};

/// A character carries at most this many combining marks: stacks of them would cover other lines.
const MAX_MARKS: usize = 4;
/// More of a text than this is never drawn in one line.
const MAX_DRAWN: usize = 4_096;

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextRole {
    /// Nothing special.
    #[default]
    Plain,
    /// Less important.
    Faint,
    /// A heading.
    Strong,
    /// A key of an object, the name of a field.
    Key,
    /// A text value.
    Text,
    /// A number.
    Number,
    /// `true`, `false`, `null` and the like.
    Literal,
    /// Came about, or in order.
    Added,
    /// Is gone, or out of order.
    Removed,
    /// Is another than before.
    Changed,
    /// Needs attention.
    Warning,
}

/// A piece of text of one role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextSpan {
    /// As it came; it is escaped when it is drawn.
    pub text: String,
    /// What it is.
    pub role: TextRole,
}

impl TextSpan {
    /// A piece of text.
    pub fn new(text: impl Into<String>, role: TextRole) -> Self {
        Self { text: text.into(), role }
    }

    /// A piece of text that is nothing special.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(text, TextRole::Plain)
    }
}

/// How many columns a character takes.
#[must_use]
pub fn char_width(character: char) -> usize {
    if is_selector(character) { 0 } else { character.width().unwrap_or(0) }
}

/// How many columns a text takes once it is escaped.
#[must_use]
pub fn width(text: &str) -> usize {
    escape(text).chars().map(char_width).sum()
}

/// They ask for another look of the character before them, and terminals disagree about its width then.
const fn is_selector(character: char) -> bool {
    matches!(character, '\u{fe00}'..='\u{fe0f}')
}

/// Draws a text into the columns from `x` on and returns the column after it. What does not fit is cut, which
/// is shown by `…`.
pub fn put(buffer: &mut Buffer, x: u16, y: u16, columns: u16, text: &str, style: Style) -> u16 {
    let area = buffer.area;
    let columns = columns.min(area.right().saturating_sub(x));
    if columns == 0 || y < area.top() || y >= area.bottom() || x < area.left() {
        return x;
    }
    let end = x + columns;
    let text = text.char_indices().nth(MAX_DRAWN).map_or(text, |(at, _)| &text[..at]);
    let text = escape(text);
    let mut at = x;
    let mut last = None;
    let mut marks = 0;
    for character in text.chars() {
        if is_unsafe(character) || is_selector(character) {
            continue;
        }
        let wide = char_width(character) as u16;
        if wide == 0 {
            if let Some(cell) = last.filter(|_| marks < MAX_MARKS).and_then(|at| buffer.cell_mut((at, y))) {
                let mut symbol = cell.symbol().to_owned();
                symbol.push(character);
                cell.set_symbol(&symbol);
                marks += 1;
            }
            continue;
        }
        if at + wide > end {
            // The mark takes the place of the last character, or the column that a wide one left free.
            let place = if at < end { at } else { last.unwrap_or(at) };
            if let Some(cell) = buffer.cell_mut((place, y)) {
                cell.set_symbol("…").set_style(style);
            }
            for rest in place + 1..end {
                if let Some(cell) = buffer.cell_mut((rest, y)) {
                    cell.set_symbol(" ");
                }
            }
            return end;
        }
        if let Some(cell) = buffer.cell_mut((at, y)) {
            cell.set_char(character).set_style(style);
        }
        for covered in at + 1..at + wide {
            if let Some(cell) = buffer.cell_mut((covered, y)) {
                cell.set_symbol(" ").set_style(style);
            }
        }
        last = Some(at);
        marks = 0;
        at += wide;
    }
    at
}

/// Breaks a text into lines of at most this many columns, at line feeds and where a line is full. Tabs become
/// spaces.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(4);
    let mut lines = Vec::new();
    let text = text.strip_suffix('\n').unwrap_or(text);
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line).replace('\t', "    ");
        let line = escape(&line);
        let mut current = String::new();
        let mut used = 0;
        for character in line.chars() {
            let wide = char_width(character);
            if used + wide > columns {
                lines.push(std::mem::take(&mut current));
                used = 0;
            }
            current.push(character);
            used += wide;
        }
        lines.push(current);
    }
    lines
}

/// A count in at most five columns: `9999`, `12.3k`, `1.2M`.
#[must_use]
pub fn short(count: u64) -> String {
    const STEPS: [(u64, &str); 4] =
        [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    if count < 10_000 {
        return count.to_string();
    }
    let (step, unit) = STEPS.into_iter().find(|(step, _)| count >= *step).unwrap_or((1, ""));
    match count / step {
        whole @ 0..100 => format!("{whole}.{}{unit}", count % step * 10 / step),
        whole => format!("{whole}{unit}"),
    }
}

/// A rate in at most six columns: `0.3/s`, `950/s`, `1.2k/s`.
#[must_use]
pub fn short_rate(rate: f64) -> String {
    match rate {
        _ if rate < 0.05 => String::new(),
        _ if rate < 9.95 => format!("{rate:.1}/s"),
        _ if rate < 999.5 => format!("{rate:.0}/s"),
        _ if rate < 9_950.0 => format!("{:.1}k/s", rate / 1e3),
        _ if rate < 999_500.0 => format!("{:.0}k/s", rate / 1e3),
        _ => format!("{:.1}M/s", rate / 1e6),
    }
}

/// How long ago something was, in at most three columns: `now`, `59s`, `59m`, `23h`, `99d`.
#[must_use]
pub fn short_age(micros: u64) -> String {
    match micros / 1_000_000 {
        0 => "now".to_owned(),
        seconds @ 1..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", (seconds / 86_400).min(99)),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::*;

    fn drawn(text: &str, columns: u16) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        put(&mut buffer, 0, 0, columns, text, Style::default());
        let mut line = String::new();
        let mut skip = 0;
        for cell in &buffer.content {
            if skip == 0 {
                line.push_str(cell.symbol());
                skip = cell.symbol().chars().map(char_width).sum::<usize>().saturating_sub(1);
            } else {
                skip -= 1;
            }
        }
        line.trim_end().to_owned()
    }

    #[test]
    fn text_is_cut_to_its_columns() {
        assert_eq!(drawn("hello", 12), "hello");
        assert_eq!(drawn("hello", 4), "hel…");
        assert_eq!(drawn("温度計", 12), "温度計");
        assert_eq!(drawn("温度計", 5), "温度…");
        assert_eq!(drawn("温度計", 4), "温…");
        assert_eq!(drawn("", 4), "");
    }

    #[test]
    fn what_drives_a_terminal_is_written_out() {
        assert_eq!(drawn("a\x1b[2J", 12), "a\\x1b[2J");
        assert_eq!(drawn("a\u{202e}b", 12), "a\\u{202e}b");
        assert_eq!(drawn("\u{200d}", 12), "\\u{200d}");
    }

    #[test]
    fn marks_do_not_pile_up() {
        let zalgo: String = std::iter::once('o').chain(std::iter::repeat_n('\u{301}', 50)).collect();
        assert_eq!(drawn(&zalgo, 12).chars().count(), 1 + MAX_MARKS);
        assert_eq!(drawn("\u{301}a", 12), "a");
        assert_eq!(drawn("❤\u{fe0f}x", 12), "❤x");
    }

    #[test]
    fn lines_are_broken_where_they_are_full() {
        assert_eq!(wrap("abcdef\ng\n", 4), ["abcd", "ef", "g"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("温度計", 4), ["温度", "計"]);
        assert_eq!(wrap("a\tb\x07", 20), ["a    b\\x07"]);
    }

    #[test]
    fn numbers_are_short() {
        for (count, text) in [
            (0, "0"),
            (9_999, "9999"),
            (12_345, "12.3k"),
            (123_456, "123k"),
            (1_234_567, "1.2M"),
            (u64::MAX, "18446744T"),
        ] {
            assert_eq!(short(count), text);
        }
        for (rate, text) in
            [(0.0, ""), (0.31, "0.3/s"), (950.0, "950/s"), (1_234.0, "1.2k/s"), (48_900.0, "49k/s")]
        {
            assert_eq!(short_rate(rate), text);
        }
        for (micros, text) in
            [(0, "now"), (59_000_000, "59s"), (3_599_000_000, "59m"), (90_000_000_000, "1d")]
        {
            assert_eq!(short_age(micros), text);
        }
    }
}
