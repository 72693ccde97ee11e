//! The figures of each second as CSV; of connecting, too, with times below 0.

use std::fmt::Write as _;

use crate::bench::result::{MeasuredCounts, ResultFile};

/// A heading, and a row for each second of each run. A second with messages of the measured phase and others has two:
/// the rows `measured` add up to the counts of the report.
#[must_use]
pub fn csv(file: &ResultFile) -> String {
    let mut text =
        String::from("run,t_ms,phase,offered,sent,acked,delivered,errors,connections,p50_us,p99_us,max_us\n");
    for (number, run) in file.runs.iter().enumerate() {
        let number = number + 1;
        // Writing to a String cannot fail. Before the load:
        for (second, before) in run.connecting.iter().zip((1..=run.connecting.len()).rev()) {
            let _ = writeln!(
                text,
                "{number},-{},connect,0,0,0,0,{},{},0,0,0",
                before * 1_000,
                second.failed,
                second.connections
            );
        }
        let begin = run.phases.ramp_ms + run.phases.warmup_ms;
        for second in &run.series {
            let measured = second.measured;
            let others = MeasuredCounts {
                offered: second.offered.saturating_sub(measured.offered),
                sent: second.sent.saturating_sub(measured.sent),
                acked: second.acked.saturating_sub(measured.acked),
                delivered: second.delivered.saturating_sub(measured.delivered),
            };
            let is_before = second.t_ms < begin;
            // What is late, there twice, or of somebody else is not counted.
            let others = (if is_before { "warmup" } else { "other" }, others);
            let measured = ("measured", measured);
            let [main, besides] = if is_before { [others, measured] } else { [measured, others] };
            for (is_main, (phase, counts)) in [(true, main), (false, besides)] {
                if !is_main && counts == MeasuredCounts::default() {
                    continue;
                }
                // Of the whole second, so they stand once.
                let [errors, p50, p99, max] = if is_main {
                    [second.errors, second.p50_us, second.p99_us, second.max_us]
                } else {
                    [0; 4]
                };
                let _ = writeln!(
                    text,
                    "{number},{},{phase},{},{},{},{},{errors},{},{p50},{p99},{max}",
                    second.t_ms,
                    counts.offered,
                    counts.sent,
                    counts.acked,
                    counts.delivered,
                    second.connections,
                );
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::result::ConnectSecond;
    use crate::bench::result::tests::run;

    #[test]
    fn every_second_of_every_run_has_a_row() {
        let mut slow = run();
        slow.connecting = vec![
            ConnectSecond { t_ms: 0, opened: 7, failed: 1, connections: 7 },
            ConnectSecond { t_ms: 1_000, opened: 13, failed: 0, connections: 20 },
        ];
        let text = csv(&ResultFile::new(vec![run(), slow]));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + 2 * 11 + 2);
        assert_eq!(
            lines[12..14],
            ["2,-2000,connect,0,0,0,0,1,7,0,0,0", "2,-1000,connect,0,0,0,0,0,20,0,0,0"]
        );
        assert_eq!(lines[1], "1,0,warmup,1000,1000,1000,1000,0,20,600,1090,1100");
        assert_eq!(lines[2], "1,1000,measured,1000,1000,1000,1000,0,20,600,1090,1100");
        assert_eq!(lines[14], "2,0,warmup,1000,1000,1000,1000,0,20,600,1090,1100");
        let columns = lines[0].split(',').count();
        assert!(lines.iter().all(|line| line.split(',').count() == columns));
    }

    #[test]
    fn a_second_of_two_phases_has_two_rows() {
        let mut run = run();
        run.phases.warmup_ms = 500;
        run.series.truncate(2);
        run.series[0].measured = MeasuredCounts { offered: 500, sent: 500, acked: 498, delivered: 499 };
        run.series[0].errors = 1;
        run.series[1].measured.delivered = 999;
        let text = csv(&ResultFile::new(vec![run]));
        let expected = [
            "1,0,warmup,500,500,502,501,1,20,600,1090,1100",
            "1,0,measured,500,500,498,499,0,20,0,0,0",
            "1,1000,measured,1000,1000,1000,999,0,20,600,1090,1100",
            "1,1000,other,0,0,0,1,0,20,0,0,0",
        ];
        assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), expected);
    }
}
