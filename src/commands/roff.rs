//! Text as roff takes it, for manual pages.

/// A line for roff: its escape character, hyphens, and what means something at the beginning of a line.
pub(super) fn escape(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if line.starts_with('.') { format!("\\&{line}") } else { line }
}
