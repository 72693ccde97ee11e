//! Two results side by side, for a terminal or a log.

use crate::bench::result::compare::{Comparison, Difference, Judgement, Row};
use crate::output::sanitize::escape;
use crate::output::style::{Role, Style};

/// How many characters of a configuration value are shown.
const LONGEST_VALUE: usize = 60;

/// The comparison as a table, at most 80 columns wide.
#[must_use]
pub fn report(comparison: &Comparison, style: &Style) -> String {
    let mut text = String::new();
    for (Difference { place, before, after }, at) in comparison.config.iter().zip(0_usize..) {
        let head = if at == 0 { "!!! the configurations differ: " } else { "    " };
        let (place, before, after) = (escape(place), brief(before), brief(after));
        let line = format!("{head}{place} was {before} and is {after}");
        text.push_str(&style.paint(Role::Warning, &line));
        text.push('\n');
    }
    if !comparison.config.is_empty() {
        text.push('\n');
    }
    let head = format!("{:<14}{:>12}{:>12}{:>10}  difference", "", "before", "after", "change");
    text.push_str(&style.paint(Role::Note, head.trim_end()));
    text.push('\n');
    for row in &comparison.rows {
        text.push_str(&line(row, style));
        text.push('\n');
    }
    let few = comparison.rows.iter().any(|row| row.judgement == Judgement::FewRuns);
    if few {
        text.push_str("\nToo few runs to tell a difference from noise: run both with --repeat 5 or more.\n");
    } else {
        text.push_str("\nMedians of the runs. p: how often chance alone brings about such a difference.\n");
    }
    text
}

/// A value of a configuration; a list of groups is not for one line.
fn brief(value: &str) -> String {
    let mut text: String = value.chars().take(LONGEST_VALUE).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    escape(&text).into_owned()
}

fn line(row: &Row, style: &Style) -> String {
    let change = row.change.map_or_else(String::new, |change| format!("{change:+.1} %"));
    let (words, role) = match row.judgement {
        Judgement::Same => ("same".to_owned(), None),
        Judgement::Noise(p) => (format!("noise explains it (p {p:.2})"), None),
        Judgement::Better(p) => (format!("better (p {p:.3})"), Some(Role::Topic)),
        Judgement::Worse(p) => (format!("worse (p {p:.3})"), Some(Role::Error)),
        Judgement::FewRuns => ("?".to_owned(), None),
    };
    let words = role.map_or_else(|| words.clone(), |role| style.paint(role, &words).into_owned());
    let show = |value| row.unit.show(value);
    format!(
        "{:<14}{:>12}{:>12}{change:>10}  {words}",
        row.name,
        show(row.before.median),
        show(row.after.median)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::result::ResultFile;
    use crate::bench::result::compare::compare;
    use crate::bench::result::tests::run;

    #[test]
    fn noise_differences_and_too_few_runs_are_told_apart() {
        let with_rates = |rates: [u64; 5]| {
            ResultFile::new(
                rates
                    .into_iter()
                    .map(|delivered| {
                        let mut run = run();
                        run.counts.delivered_within = delivered;
                        run
                    })
                    .collect(),
            )
        };
        let before = with_rates([10_000, 10_010, 10_020, 10_030, 10_040]);
        let worse = with_rates([5_000, 5_010, 5_020, 5_030, 5_040]);
        let noise = with_rates([10_005, 10_015, 10_025, 9_990, 10_060]);
        let shown = |after: &ResultFile| report(&compare(&before, after), &Style::plain());
        let text = shown(&worse);
        assert!(text.contains("rate               1,002/s       502/s   -49.9 %  worse (p 0.008)"), "{text}");
        assert!(shown(&noise).contains("noise explains it (p"), "{}", shown(&noise));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let mut one = ResultFile::new(vec![run()]);
        one.runs[0].counts.delivered_within = 9_000;
        one.runs[0].config.brokers = vec!["mqtt://other:1883".to_owned()];
        let text = shown(&one);
        assert!(text.contains("Too few runs to tell"), "{text}");
        assert!(text.starts_with("!!! the configurations differ: brokers[0] was"), "{text}");
        one.runs[0].config.drain_ms = 7;
        let text = shown(&one);
        assert!(text.contains("\n    drain_ms was 5000 and is 7\n\n"), "{text}");
    }
}
