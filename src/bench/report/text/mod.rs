//! The report for a terminal or a log: what makes it doubtful first, then tables and two small charts.

use std::fmt::Write as _;
use std::time::Duration;

use crate::bench::report::chart::{bar, bins, sparkline, squeeze};
use crate::bench::result::compare::Spread;
use crate::bench::result::histogram::{PERCENTILES, percentile_name};
use crate::bench::result::run_config::{GroupConfig, LoadConfig};
use crate::bench::result::warning::cpu_percent;
use crate::bench::result::{ClockOffset, PublisherClock, ResultFile, Rule, RunResult, SearchStep, Verdict};
use crate::cli::bench::Scenario;
use crate::output::sanitize::escape;
use crate::output::style::{Role, Style};
use crate::output::units::{Count, Latency, Many, Size, Span, Throughput};

/// From this width on tables have all their columns.
const WIDE: usize = 64;
/// Rows of the latency chart.
const BINS: usize = 12;
/// Publishers and subscriptions that are named.
const ANOMALIES_SHOWN: usize = 5;

/// The whole report, `width` columns wide.
#[must_use]
pub fn report(file: &ResultFile, style: &Style, width: usize) -> String {
    let width = width.clamp(40, 100);
    let mut page = TextPage { text: String::new(), style, width };
    for (number, run) in file.runs.iter().enumerate() {
        if file.runs.len() > 1 {
            let title = format!("Run {} of {}", number + 1, file.runs.len());
            page.blank();
            page.title(&title);
        }
        page.run(run);
    }
    if file.runs.len() > 1 {
        page.repeats(&file.runs);
    }
    if !file.steps.is_empty() {
        page.steps(&file.steps);
    }
    if let Some(verdict) = &file.verdict {
        page.verdict(verdict);
    }
    page.text
}

fn millis(millis: u64) -> Span {
    Span(Duration::from_millis(millis))
}

struct TextPage<'a> {
    text: String,
    style: &'a Style,
    width: usize,
}

impl TextPage<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn blank(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    fn title(&mut self, title: &str) {
        let painted = self.style.paint(Role::Note, title).into_owned();
        self.line(&painted);
    }

    /// Words, broken at spaces where the line is full; further lines are indented.
    fn words(&mut self, indent: &str, text: &str, role: Option<Role>) {
        let mut line = String::new();
        let mut lines = Vec::new();
        for word in text.split_whitespace() {
            let columns = line.chars().count();
            if columns > 0 && columns + 1 + word.chars().count() + indent.len() > self.width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
        for (number, line) in lines.iter().enumerate() {
            let painted = role.map_or_else(|| line.clone(), |role| self.style.paint(role, line).into_owned());
            let indent = if number == 0 { "" } else { indent };
            self.line(&format!("{indent}{painted}"));
        }
    }

    fn run(&mut self, run: &RunResult) {
        self.blank();
        for warning in &run.warnings {
            self.words("    ", &format!("!!! {}", escape(&warning.text)), Some(Role::Warning));
        }
        if !run.warnings.is_empty() {
            self.blank();
        }
        self.head(run);
        self.messages(run);
        self.latencies(run);
        self.distribution(run);
        self.connecting(run);
        self.rate(run);
        self.anomalies(run);
        self.footer(run);
    }

    fn head(&mut self, run: &RunResult) {
        let config = &run.config;
        let brokers: Vec<String> = config.brokers.iter().map(|broker| escape(broker).into_owned()).collect();
        self.words(
            "  ",
            &format!("mqt bench at {}, MQTT {}", brokers.join(", "), config.mqtt_version),
            Some(Role::Note),
        );
        for group in &config.groups {
            let name =
                if config.groups.len() > 1 { format!("{}: ", escape(&group.name)) } else { String::new() };
            self.words("  ", &format!("{name}{}", describe(group)), None);
        }
        let mut phases = Vec::new();
        for (name, span) in [("ramp", run.phases.ramp_ms), ("warm-up", run.phases.warmup_ms)] {
            if span > 0 {
                phases.push(format!("{name} {}", millis(span)));
            }
        }
        phases.push(format!("measured {}", millis(run.phases.measured_ms)));
        if run.phases.drain_ms > 0 {
            phases.push(format!("drain {}", millis(run.phases.drain_ms)));
        }
        let shard =
            run.shard.map_or_else(String::new, |(index, count)| format!(", shard {index} of {count}"));
        // To the second: the file has the rest.
        let started = match run.started.split_once('.') {
            Some((second, _)) => format!("{second}Z"),
            None => run.started.clone(),
        };
        let line = format!("{}, run {}{shard}, {}", phases.join(", "), escape(&run.run_id), escape(&started));
        self.words("  ", &line, Some(Role::Faint));
    }

    fn messages(&mut self, run: &RunResult) {
        let counts = &run.counts;
        let publishes = run.config.groups.iter().any(|group| group.publishers > 0);
        let subscribes = run.has_deliveries();
        if !publishes && !subscribes {
            return;
        }
        self.blank();
        self.row(&["Messages", "total", "per second"], true);
        for TextFlow { name, count, within } in flows(run) {
            let rate = within.map_or_else(String::new, |count| run.rate_text(count));
            self.row(&[name, &Count(count).to_string(), &rate], false);
        }
        if counts.refused > 0 {
            self.row(&["refused", &Count(counts.refused).to_string()], false);
        }
        if subscribes && run.config.stamp {
            for (name, count) in [
                ("lost", counts.lost),
                ("duplicates", counts.duplicates),
                ("out of order", counts.out_of_order),
            ] {
                self.row(&[name, &Count(count).to_string()], false);
            }
        }
    }

    /// A name and right-aligned figures.
    fn row(&mut self, cells: &[&str], head: bool) {
        let mut line = String::new();
        for (number, cell) in cells.iter().enumerate() {
            let pad = if number == 0 { 14 } else { 13 };
            let fill = " ".repeat(usize::saturating_sub(pad, cell.chars().count()));
            if number == 0 {
                let _ = write!(line, "{cell}{fill}");
            } else {
                let _ = write!(line, "{fill}{cell}");
            }
        }
        if head { self.title(&line) } else { self.line(&line) }
    }

    fn latencies(&mut self, run: &RunResult) {
        let latency = &run.latency;
        let columns =
            [("response", &latency.response), ("service", &latency.service), ("connect", &latency.connect)];
        let mut columns: Vec<_> =
            columns.into_iter().filter(|(_, histogram)| !histogram.is_empty()).collect();
        if self.width < WIDE {
            columns.truncate(2);
        }
        if columns.is_empty() {
            return;
        }
        self.blank();
        let to_the_broker = !run.has_deliveries() && !latency.response.is_empty();
        let mut head = vec![if to_the_broker { "Confirmation" } else { "Latency" }];
        head.extend(columns.iter().map(|(name, _)| *name));
        self.row(&head, true);
        for percentile in PERCENTILES.into_iter().chain([100_000]) {
            let cells: Vec<String> = columns
                .iter()
                .map(|(_, histogram)| {
                    histogram.percentile_us(percentile).map_or_else(String::new, |us| Latency(us).to_string())
                })
                .collect();
            if cells.iter().all(String::is_empty) {
                continue;
            }
            let name = percentile_name(percentile);
            let mut row = vec![name.as_str()];
            row.extend(cells.iter().map(String::as_str));
            self.row(&row, false);
        }
        let counts: Vec<String> =
            columns.iter().map(|(_, histogram)| Count(histogram.count()).to_string()).collect();
        let mut row = vec!["samples"];
        row.extend(counts.iter().map(String::as_str));
        self.row(&row, false);
    }

    fn distribution(&mut self, run: &RunResult) {
        let histogram = &run.latency.response;
        let bins = bins(histogram, BINS);
        let most = bins.iter().map(|bin| bin.count).max().unwrap_or(0);
        if bins.len() < 2 || most == 0 {
            return;
        }
        self.blank();
        self.title("Response time");
        let space = self.width.saturating_sub(34).min(40);
        for bin in bins {
            let part = bin.count as f64 / most as f64;
            let percent = bin.count as f64 * 100.0 / histogram.count() as f64;
            let bar = bar(part, space);
            let pad = " ".repeat(space.saturating_sub(bar.chars().count()));
            let bounds =
                format!("{:>8} – {:<8}", Latency(bin.from_us).to_string(), Latency(bin.to_us).to_string());
            let painted = self.style.paint(Role::Key, &bar).into_owned();
            self.line(&format!("{bounds} {painted}{pad} {percent:>6.2} %"));
        }
    }

    /// How the connections were opened, where that took a while.
    fn connecting(&mut self, run: &RunResult) {
        // The last one may be a part of a second.
        let whole = run.connecting.len().saturating_sub(1);
        let values: Vec<u64> = run.connecting.iter().take(whole).map(|second| second.opened).collect();
        let (Some(low), Some(high)) = (values.iter().min(), values.iter().max()) else { return };
        if *high == 0 || values.len() < 3 {
            return;
        }
        self.blank();
        self.title(&format!(
            "Connections opened over {}: {} to {}",
            millis(values.len() as u64 * 1_000),
            Throughput(*low as f64),
            Throughput(*high as f64)
        ));
        let line = sparkline(&squeeze(&values, self.width));
        let painted = self.style.paint(Role::Key, &line).into_owned();
        self.line(&painted);
    }

    fn rate(&mut self, run: &RunResult) {
        let read: fn(&crate::bench::result::Second) -> u64 = if run.has_deliveries() {
            |second| second.delivered
        } else if run.config.is_confirmed() && run.counts.confirmed > 0 {
            |second| second.acked
        } else {
            |second| second.sent
        };
        // The last one may be a part of a second.
        let whole = run.series.len().saturating_sub(1);
        let values: Vec<u64> = run.series.iter().take(whole).map(read).collect();
        let (Some(low), Some(high)) = (values.iter().min(), values.iter().max()) else { return };
        if *high == 0 || values.len() < 3 {
            return;
        }
        let name = match () {
            () if run.has_deliveries() => "Delivered",
            () if run.config.is_confirmed() && run.counts.confirmed > 0 => "Confirmed",
            () => "Sent",
        };
        self.blank();
        self.title(&format!(
            "{name} over {}: {} to {}",
            millis(values.len() as u64 * 1_000),
            Throughput(*low as f64),
            Throughput(*high as f64)
        ));
        let line = sparkline(&squeeze(&values, self.width));
        let painted = self.style.paint(Role::Key, &line).into_owned();
        self.line(&painted);
    }

    fn anomalies(&mut self, run: &RunResult) {
        if run.anomalies.is_empty() {
            return;
        }
        self.blank();
        self.title("Where messages were lost, came twice or out of order");
        for anomaly in run.anomalies.iter().take(ANOMALIES_SHOWN) {
            let to = anomaly
                .subscriber
                .map_or_else(|| "all subscribers".to_owned(), |n| format!("subscriber {n}"));
            let line = format!(
                "publisher {} to {to}: {} lost, {}, {} out of order",
                anomaly.publisher,
                Count(anomaly.lost),
                Many(anomaly.duplicates, "duplicate"),
                Count(anomaly.out_of_order)
            );
            self.words("  ", &line, None);
        }
        let shown = run.anomalies.len().min(ANOMALIES_SHOWN) as u64;
        if run.anomalies_total > shown {
            self.line(&format!("and {} more", Count(run.anomalies_total - shown)));
        }
    }

    fn footer(&mut self, run: &RunResult) {
        let connects = &run.connects;
        self.blank();
        let mut line = format!(
            "Connections: {} of {} opened in {}",
            Count(connects.established),
            Count(connects.asked),
            millis(run.phases.connect_ms)
        );
        if run.phases.connect_ms > 0 && connects.established > 1 {
            let rate = connects.established as f64 * 1_000.0 / run.phases.connect_ms as f64;
            let _ = write!(line, " ({})", Throughput(rate));
        }
        if connects.failed_attempts > 0 {
            let _ = write!(line, ", {} failed", Many(connects.failed_attempts, "attempt"));
        }
        let _ = write!(line, ", {} lost", Count(connects.lost));
        if connects.reconnected > 0 {
            let _ = write!(line, ", {} opened again", Count(connects.reconnected));
        }
        if connects.given_up > 0 {
            let _ = write!(line, ", {} not opened again", Count(connects.given_up));
        }
        self.words("  ", &line, None);
        for line in describe_clocks(run) {
            self.words("  ", &line, None);
        }
        for (keyword, count) in &run.errors {
            self.words(
                "  ",
                &format!("Error {}: {}", escape(keyword), Many(*count, "time")),
                Some(Role::Error),
            );
        }
        let (counts, resources) = (&run.counts, &run.resources);
        self.words(
            "  ",
            &format!("Traffic: {} sent, {} received", Size(counts.bytes_sent), Size(counts.bytes_received)),
            None,
        );
        let cores = resources.cores.min(resources.threads);
        let mut line = format!("Generator: {:.1} % of {}", cpu_percent(run), Many(cores.into(), "core"));
        let lag = &run.latency.schedule_lag;
        if let Some(p99) = lag.percentile_us(99_000) {
            let _ = write!(line, ", late by p99 {} ({})", Latency(p99), Many(lag.count(), "sample"));
        }
        if resources.max_rss_bytes > 0 {
            let _ = write!(line, ", {}", Size(resources.max_rss_bytes));
        }
        self.words("  ", &line, None);
    }

    fn repeats(&mut self, runs: &[RunResult]) {
        self.blank();
        self.title(&format!("Over {} runs: the lowest, the one in the middle, the highest", runs.len()));
        let rate = Spread::of(&runs.iter().map(RunResult::achieved_rate).collect::<Vec<_>>());
        if let Some(spread) = rate {
            let cells = [spread.min, spread.median, spread.max].map(|value| Throughput(value).to_string());
            self.row(&["rate", &cells[0], &cells[1], &cells[2]], false);
        }
        for percentile in PERCENTILES.into_iter().chain([100_000]) {
            let values: Vec<f64> = runs
                .iter()
                .filter_map(|run| run.latency.response.percentile_us(percentile))
                .map(|micros| micros as f64)
                .collect();
            if values.len() < runs.len() {
                continue;
            }
            if let Some(spread) = Spread::of(&values) {
                let cells =
                    [spread.min, spread.median, spread.max].map(|value| Latency(value as u64).to_string());
                self.row(&[&percentile_name(percentile), &cells[0], &cells[1], &cells[2]], false);
            }
        }
    }

    fn steps(&mut self, steps: &[SearchStep]) {
        self.blank();
        self.title("Search for the highest rate");
        self.row(&["offered", "achieved", "p99", "lost", ""], false);
        for step in steps {
            self.line(&step_columns(step));
            if !step.reasons.is_empty() {
                self.text.push_str("  ");
                self.words("  ", &format!("because: {}", escape(&step.reasons.join("; "))), None);
            }
        }
        match steps.iter().filter(|step| step.held).map(|step| step.rate).max_by(f64::total_cmp) {
            Some(rate) => {
                self.title(&format!("Highest rate that holds the objectives: {}", Throughput(rate)))
            }
            None => self.title("No rate held the objectives"),
        }
    }

    fn verdict(&mut self, verdict: &Verdict) {
        self.blank();
        let (word, role) =
            if verdict.passed { ("Verdict: passed", Role::Note) } else { ("Verdict: failed", Role::Error) };
        let painted = self.style.paint(role, word).into_owned();
        self.line(&painted);
        for check in &verdict.checks {
            let mark = if check.passed { "ok  " } else { "FAIL" };
            let rule = match check.rule {
                Rule::Slo => "slo",
                Rule::FailIf => "fail-if",
            };
            let line =
                format!("{mark} {rule} {}: {}", escape(&check.condition.to_string()), escape(&check.text));
            self.words("       ", &line, (!check.passed).then_some(Role::Error));
        }
    }
}

/// Messages in flight: how many, and how many of whichever phase within the measured time.
pub(crate) struct TextFlow {
    pub name: &'static str,
    pub count: u64,
    /// What the rate is made from; `None`: it was another time.
    pub within: Option<u64>,
}

/// What was offered, sent, confirmed and delivered, as far as it means something for a run.
pub(crate) fn flows(run: &RunResult) -> Vec<TextFlow> {
    let (config, counts) = (&run.config, &run.counts);
    let publishes = config.groups.iter().any(|group| group.publishers > 0);
    // What is retained has been published before the measured time.
    let is_before = config.groups.iter().any(|group| group.scenario == Scenario::Retained);
    let row = |name, count, within| TextFlow { name, count, within: Some(within) };
    let mut rows = Vec::new();
    if config.is_open_loop() {
        rows.push(row("offered", counts.offered, counts.offered));
    }
    if publishes {
        rows.push(row("sent", counts.sent, counts.sent_within));
    }
    if publishes && config.is_confirmed() {
        rows.push(row("confirmed", counts.confirmed, counts.confirmed_within));
    }
    if is_before {
        rows.iter_mut().for_each(|row| row.within = None);
    }
    if run.has_deliveries() {
        rows.push(row("delivered", counts.delivered, counts.delivered_within));
    }
    rows
}

/// A step of the search in one line, as it is shown while the search continues.
#[must_use]
pub fn step_line(step: &SearchStep) -> String {
    let p99 = step.p99_us.map_or_else(String::new, |micros| format!(", p99 {}", Latency(micros)));
    let mut line = format!(
        "{} {}, {} came in{p99}",
        Throughput(step.rate),
        if step.held { "held" } else { "missed" },
        Throughput(step.achieved)
    );
    if !step.reasons.is_empty() {
        let _ = write!(line, ": {}", escape(&step.reasons.join("; ")));
    }
    line
}

/// A step of the search as a row of the table.
fn step_columns(step: &SearchStep) -> String {
    let p99 = step.p99_us.map_or_else(|| "-".to_owned(), |micros| Latency(micros).to_string());
    format!(
        "{:<14}{:>13}{p99:>13}{:>13}   {}",
        Throughput(step.rate).to_string(),
        Throughput(step.achieved).to_string(),
        Count(step.lost).to_string(),
        if step.held { "held" } else { "missed" }
    )
}

/// How many clocks of publishers are described.
const CLOCKS_SHOWN: usize = 5;

/// How other clocks differed from the own one, each in a line.
pub(crate) fn describe_clocks(run: &RunResult) -> Vec<String> {
    let mut lines: Vec<String> = run
        .clock
        .iter()
        .map(|clock| describe_clock("shard 0", clock, "before the load", "after it"))
        .collect();
    for PublisherClock { run, clock } in run.publisher_clocks.iter().take(CLOCKS_SHOWN) {
        let whose = format!("run {}", escape(run));
        lines.push(match clock {
            Some(clock) => describe_clock(&whose, clock, "at first", "at the end"),
            None => format!("Clock of {whose}: not known; times are as they came"),
        });
    }
    match run.publisher_clocks.len().saturating_sub(CLOCKS_SHOWN) {
        0 => {}
        1 => lines.push("The clock of 1 more run is in the result file".to_owned()),
        more => lines.push(format!("Clocks of {more} more runs are in the result file")),
    }
    lines
}

fn describe_clock(whose: &str, clock: &ClockOffset, first: &str, last: &str) -> String {
    let ahead = |micros: i64| {
        let word = if micros < 0 { "behind" } else { "ahead" };
        format!("{} {word}", Latency(micros.unsigned_abs()))
    };
    let after = clock
        .after_us
        .map_or_else(|| format!("not measured {last}"), |after| format!("{} {last}", ahead(after)));
    format!(
        "Clock of {whose}: {} {first}, {after}, each within {}; times are corrected by what it was {first}",
        ahead(clock.before_us),
        Latency(clock.error_us)
    )
}

/// What a group of clients did, in one line.
#[must_use]
pub fn describe(group: &GroupConfig) -> String {
    let mut parts = vec![group.scenario.to_string()];
    for (count, name) in [
        (group.publishers, "publisher"),
        (group.subscribers, "subscriber"),
        (group.connections, "connection"),
    ] {
        if count > 0 {
            parts.push(Many(count.into(), name).to_string());
        }
    }
    match &group.load {
        // They are there before anything is measured, however fast.
        LoadConfig::Open { .. } if group.scenario == Scenario::Retained => {}
        LoadConfig::Open { stages, arrival } => {
            let rates: Vec<String> = stages
                .iter()
                .map(|(span, rate)| {
                    let span = span.map_or_else(String::new, |span| format!(" for {}", millis(span)));
                    format!("{}{span}", Throughput(rate.get()))
                })
                .collect();
            let arrival = match arrival {
                crate::cli::bench::Arrival::Constant => "",
                crate::cli::bench::Arrival::Poisson => " at random",
            };
            parts.push(format!("{}{arrival}", rates.join(", then ")));
        }
        LoadConfig::Closed { inflight } => parts.push(format!("{inflight} in flight")),
        LoadConfig::None => {}
    }
    if group.publishers > 0 {
        parts.push(escape(&group.payload).into_owned());
        parts.push(format!("QoS {}", group.qos));
    } else if group.subscribers > 0 || group.scenario == Scenario::Sub {
        parts.push(format!("QoS {}", group.subscribe_qos));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests;
