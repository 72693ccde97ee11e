//! Where in the input a publish came from, for as long as the broker may still refuse it.

use std::collections::VecDeque;

/// How many of the last publishes may still be refused: every packet identifier in use, and as many that wait.
const REFUSABLE: u64 = 2 * 65_535;

/// Which records were left out, as far as it matters for publishes that may still be refused.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    /// The number of publishes before some records that were left out, and how many these are.
    runs: VecDeque<(u64, u64)>,
    /// Records that were left out before them.
    earlier: u64,
}

impl LeftOut {
    /// One more, after this many publishes.
    pub fn add(&mut self, published: u64) {
        match self.runs.back_mut() {
            Some((before, count)) if *before == published => *count += 1,
            _ => self.runs.push_back((published, 1)),
        }
        while let Some((before, count)) = self.runs.front()
            && before + REFUSABLE < published
        {
            self.earlier += count;
            self.runs.pop_front();
        }
    }

    /// How many were left out before the publish with this number, one of the last.
    pub fn before(&self, ticket: u64) -> u64 {
        let runs = self.runs.iter().take_while(|(before, _)| *before < ticket);
        self.earlier + runs.map(|(_, count)| count).sum::<u64>()
    }
}

/// The lines on which the objects of the last publishes begin, as far as these may still be refused. As many lines from
/// one to the next as before cost nothing.
#[derive(Debug, Default)]
pub(super) struct Lines(VecDeque<LineRun>);

/// Publishes whose objects begin as many lines apart.
#[derive(Debug)]
struct LineRun {
    first: u64,
    line: u64,
    /// Lines from one to the next, once there is a second.
    step: Option<u64>,
}

impl LineRun {
    fn line(&self, ticket: u64) -> u64 {
        self.line + ticket.saturating_sub(self.first).saturating_mul(self.step.unwrap_or(0))
    }
}

impl Lines {
    /// The next publish.
    pub fn add(&mut self, ticket: u64, line: u64) {
        match self.0.back_mut() {
            Some(run) if run.step.is_none() => run.step = Some(line.saturating_sub(run.line)),
            Some(run) if run.line(ticket) == line => {}
            _ => self.0.push_back(LineRun { first: ticket, line, step: None }),
        }
        while self.0.get(1).is_some_and(|second| second.first + REFUSABLE < ticket) {
            self.0.pop_front();
        }
    }

    pub fn of(&self, ticket: u64) -> Option<u64> {
        let after = self.0.partition_point(|run| run.first <= ticket);
        self.0.get(after.checked_sub(1)?).map(|run| run.line(ticket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_objects_are_kept_in_bounded_memory() {
        let mut lines = Lines::default();
        // A gap, several in a line, then five lines each.
        for (index, line) in [1, 2, 5, 5, 5, 6].into_iter().enumerate() {
            lines.add(index as u64 + 1, line);
        }
        let line = |ticket| 6 + 5 * (ticket - 6);
        for ticket in 7..1_000 {
            lines.add(ticket, line(ticket));
        }
        assert_eq!(
            (1..=7).map(|ticket| lines.of(ticket).unwrap()).collect::<Vec<_>>(),
            [1, 2, 5, 5, 5, 6, 11]
        );
        assert_eq!(lines.of(999), Some(line(999)));
        assert!(lines.0.len() < 6, "{lines:?}");
        assert_eq!(lines.of(0), None);
        // No two alike.
        for ticket in 1_000..500_000 {
            lines.add(ticket, ticket * ticket);
        }
        assert!(lines.0.len() as u64 <= REFUSABLE + 2);
        for ticket in [499_999, 499_998, 500_000 - REFUSABLE] {
            assert_eq!(lines.of(ticket), Some(ticket * ticket));
        }
    }

    #[test]
    fn records_that_were_left_out_are_counted_in_bounded_memory() {
        let mut left_out = LeftOut::default();
        // Two bad records before the first publish, one after each.
        left_out.add(0);
        left_out.add(0);
        assert_eq!(left_out.runs.len(), 1);
        for published in 1..1_000_000 {
            left_out.add(published);
            if published % 100_000 == 1 {
                assert_eq!(left_out.before(published), published + 1);
            }
        }
        assert_eq!(left_out.before(1_000_000), 1_000_001);
        assert_eq!(left_out.before(1_000_000 - REFUSABLE), 1_000_001 - REFUSABLE);
        assert!(left_out.runs.len() as u64 <= REFUSABLE + 1);
    }
}
