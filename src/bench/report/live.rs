//! The view of a run in progress, on stderr: a line that changes on a terminal, a line now and then in a log.

use std::fmt::Write as _;
use std::time::Duration;

use crate::bench::result::snapshot::{RunPhase, Snapshot};
use crate::output::units::{Count, Latency, Many, Rate, Span};
use crate::ui::{LiveLine, Ui};

/// In a log, this many seconds have a line each.
const OFTEN: u64 = 10;
/// After that, only every this many seconds have one.
const SELDOM: u64 = 10;

/// Shows snapshots. Dropping it clears the line.
#[derive(Debug)]
pub struct Live {
    ui: Ui,
    line: Option<LiveLine>,
    seconds: u64,
}

impl Live {
    /// Nothing is shown before the first snapshot, and nothing at all under `--quiet`.
    #[must_use]
    pub fn new(ui: &Ui) -> Self {
        Self { ui: ui.clone(), line: ui.live_line(), seconds: 0 }
    }

    /// Shows how far the run is, on a terminal: to be called some times a second.
    pub fn progress(&mut self, snapshot: &Snapshot) {
        if let Some(line) = &mut self.line {
            line.show(snapshot.done(), &describe(snapshot));
        }
    }

    /// Shows what the run has come to, in a log: to be called once a second.
    pub fn second(&mut self, snapshot: &Snapshot) {
        // What is left of a second at the end, and nothing in it.
        let is_rest =
            snapshot.phase == RunPhase::Draining && snapshot.second.delivered + snapshot.second.acked == 0;
        // Nobody has said yet how far it is.
        let is_known = snapshot.connections_asked > 0;
        if self.line.is_none() && is_known && !is_rest {
            self.seconds += 1;
            if self.seconds <= OFTEN || self.seconds.is_multiple_of(SELDOM) {
                self.ui.status(&format!("mqt: {}", describe(snapshot)));
            }
        }
    }
}

/// A snapshot in one line.
#[must_use]
pub fn describe(snapshot: &Snapshot) -> String {
    let second = &snapshot.second;
    let (online, asked) = (Count(snapshot.connections), Count(snapshot.connections_asked));
    let mut line = match (snapshot.phase, snapshot.left()) {
        (phase @ (RunPhase::Connecting | RunPhase::Waiting), _) => {
            return format!("{}: {online} of {asked} connections{}", phase.name(), faults(snapshot));
        }
        (phase, Some(left)) => {
            // Whole seconds: tenths would only flicker.
            format!(
                "{}, {} left: ",
                phase.name(),
                Span(Duration::from_secs(left.as_secs_f64().ceil() as u64))
            )
        }
        (phase, None) => format!("{}: ", phase.name()),
    };
    let totals = &snapshot.totals;
    let (count, word) = if totals.delivered > 0 {
        (second.delivered, "in")
    } else if totals.acked > 0 {
        (second.acked, "confirmed")
    } else {
        (second.sent, "out")
    };
    if totals.offered + totals.sent + count > 0 {
        let _ = write!(line, "{} {word}, ", Rate(count as f64));
    }
    if second.max_us > 0 {
        let _ = write!(line, "p50 {}, p99 {}, ", Latency(second.p50_us), Latency(second.p99_us));
    }
    // With the bar in front of it a line has 80 columns.
    let _ = match snapshot.connections == snapshot.connections_asked {
        true => write!(line, "{online} up"),
        false => write!(line, "{online} of {asked} up"),
    };
    line.push_str(&faults(snapshot));
    line
}

fn faults(snapshot: &Snapshot) -> String {
    match snapshot.totals.errors {
        0 => String::new(),
        errors => format!(", {}", Many(errors, "error")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::bench::result::Second;
    use crate::bench::result::snapshot::Totals;
    use crate::config::UiSettings;

    fn snapshot() -> Snapshot {
        Snapshot {
            phase: RunPhase::Measuring,
            elapsed: Duration::from_millis(2_001),
            length: Some(Duration::from_secs(10)),
            connections: 20,
            connections_asked: 20,
            totals: Totals { offered: 3_000, delivered: 3_000, ..Totals::default() },
            second: Second {
                delivered: 1_000,
                p50_us: 410,
                p99_us: 1_090,
                max_us: 1_500,
                ..Second::default()
            },
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_line_tells_rate_latency_connections_and_faults() {
        assert_eq!(describe(&snapshot()), "measuring, 8 s left: 1.0 k/s in, p50 410 µs, p99 1.09 ms, 20 up");
        let bad =
            Snapshot { connections: 19, totals: Totals { errors: 1_234, ..Totals::default() }, ..snapshot() };
        assert!(describe(&bad).ends_with("19 of 20 up, 1,234 errors"));
        let mut widest = Snapshot { phase: RunPhase::WarmUp, elapsed: Duration::ZERO, ..snapshot() };
        (widest.connections, widest.connections_asked) = (1_000, 1_000);
        (widest.second.p50_us, widest.second.p99_us) = (1_090, 11_500);
        // The bar and the space behind it.
        assert!(describe(&widest).chars().count() <= 80 - 11, "{}", describe(&widest));
        let early = Snapshot { phase: RunPhase::Connecting, connections: 5, ..snapshot() };
        assert_eq!(
            (describe(&early).as_str(), early.done()),
            ("connecting: 5 of 20 connections", Some(0.25))
        );
        let late = Snapshot { phase: RunPhase::Draining, ..snapshot() };
        assert!(describe(&late).starts_with("draining: ") && late.done() == Some(1.0));
        let part = snapshot().done().unwrap();
        assert!((part - 0.200_1).abs() < 1e-9);
        let counted = Snapshot { length: None, planned_count: Some(4_000), sent: 1_000, ..snapshot() };
        assert_eq!((counted.done(), counted.left()), (Some(0.25), None));
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_gets_plain_lines_and_fewer_of_them_in_a_long_run() {
        let lines = |settings: UiSettings| {
            let stderr = Written::default();
            let ui = Ui::with_writers("mqt", settings, Box::new(Vec::new()), Box::new(stderr.clone()));
            let mut live = Live::new(&ui);
            (0..40).for_each(|_| {
                live.progress(&snapshot());
                live.second(&snapshot());
            });
            let bytes = stderr.0.lock().unwrap().clone();
            String::from_utf8(bytes).unwrap()
        };
        let text = lines(UiSettings::default());
        assert_eq!(text.lines().count(), 13);
        assert!(text.lines().all(|line| line.starts_with("mqt: measuring") && !line.contains('\x1b')));
        let ui = UiSettings::default();
        let stderr = Written::default();
        let ui = Ui::with_writers("mqt", ui, Box::new(Vec::new()), Box::new(stderr.clone()));
        Live::new(&ui).second(&Snapshot::default());
        assert!(stderr.0.lock().unwrap().is_empty(), "0 of 0 connections");
        assert_eq!(lines(UiSettings { quiet: true, ..UiSettings::default() }), "");
    }
}
