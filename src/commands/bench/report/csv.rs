//! The figures of each second as CSV; of connecting, too, with times below 0.

use std::fmt::Write as _;

use crate::commands::bench::result::ResultFile;

/// A heading, and a row for each second of each run.
#[must_use]
pub fn csv(file: &ResultFile) -> String {
    let mut text =
        String::from("run,t_ms,offered,sent,acked,delivered,errors,connections,p50_us,p99_us,max_us\n");
    for (number, run) in file.runs.iter().enumerate() {
        // Before the load.
        for (second, before) in run.connecting.iter().zip((1..=run.connecting.len()).rev()) {
            let _ = writeln!(
                text,
                "{},-{},0,0,0,0,{},{},0,0,0",
                number + 1,
                before * 1_000,
                second.failed,
                second.connections
            );
        }
        for second in &run.series {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{},{},{},{},{},{},{},{},{},{},{}",
                number + 1,
                second.t_ms,
                second.offered,
                second.sent,
                second.acked,
                second.delivered,
                second.errors,
                second.connections,
                second.p50_us,
                second.p99_us,
                second.max_us
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::super::result::ConnectSecond;
    use super::super::super::result::tests::run;
    use super::*;

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
        assert_eq!(lines[12..14], ["2,-2000,0,0,0,0,1,7,0,0,0", "2,-1000,0,0,0,0,0,20,0,0,0"]);
        assert_eq!(lines[1], "1,0,1000,1000,1000,1000,0,20,600,1090,1100");
        assert_eq!(lines[14], "2,0,1000,1000,1000,1000,0,20,600,1090,1100");
        let columns = lines[0].split(',').count();
        assert!(lines.iter().all(|line| line.split(',').count() == columns));
    }
}
