//! The report as one page with charts that needs nothing else: no script, no font, nothing from elsewhere.

use std::fmt::Write as _;

use crate::bench::report::chart::bins;
use crate::bench::report::svg::{Chart, ChartLine, Scale, bars, escaped};
use crate::bench::report::text::{TextFlow, describe, describe_clocks, flows};
use crate::bench::result::compare::Spread;
use crate::bench::result::histogram::{Histogram, PERCENTILES, percentile_name, samples_needed};
use crate::bench::result::warning::cpu_percent;
use crate::bench::result::{ResultFile, Rule, RunResult, Verdict};
use crate::output::units::{Count, Latency, Many, Size, Throughput};

/// Points of a line at most: more than a screen has columns.
const POINTS: usize = 1_000;
/// Bars of the distribution.
const BARS: usize = 16;

const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2430;--soft:#5b6675;--grid:#dfe4ea;--card:#f5f7f9;\
--c1:#0b6e99;--c2:#b4540a;--c3:#8a2be2;--bad:#b00020;--good:#176b3a}\
@media(prefers-color-scheme:dark){:root{--bg:#14181d;--fg:#e6eaf0;--soft:#9aa6b4;--grid:#2b333d;--card:#1d232a;\
--c1:#56b4d9;--c2:#f0a35e;--c3:#c69cf4;--bad:#ff7a85;--good:#6fd394}}\
body{font:15px/1.5 system-ui,sans-serif;background:var(--bg);color:var(--fg);margin:0 auto;max-width:800px;\
padding:24px 16px}h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:32px 0 8px}p{margin:4px 0}\
.soft{color:var(--soft);overflow-wrap:anywhere}.warning{border-left:4px solid var(--bad);background:var(--card);\
padding:8px 12px;margin:8px 0;font-weight:600}.bad{color:var(--bad)}.good{color:var(--good)}\
.tiles{display:flex;flex-wrap:wrap;gap:12px;margin:16px 0}.tile{background:var(--card);border-radius:6px;\
padding:10px 12px;min-width:80px;flex:1}.tile b{display:block;font-size:20px;white-space:nowrap}\
table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{text-align:right;padding:2px 14px 2px 0}\
td:first-child,th:first-child{text-align:left}th{color:var(--soft);font-weight:600}\
svg{width:100%;height:auto;display:block}.grid{stroke:var(--grid)}.tick{fill:var(--soft);font-size:12px}\
.line{fill:none;stroke-width:1.8;stroke-linejoin:round}.line.c1{stroke:var(--c1)}.line.c2{stroke:var(--c2)}\
.line.c3{stroke:var(--c3)}.bar{fill:var(--c1)}.legend{font-size:13px}.key{margin-right:14px}\
.key::before{content:'';display:inline-block;width:14px;height:3px;margin-right:6px;vertical-align:middle}\
.key.c1::before{background:var(--c1)}.key.c2::before{background:var(--c2)}.key.c3::before{background:var(--c3)}";

/// The page.
#[must_use]
pub fn page(file: &ResultFile) -> String {
    let mut out = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    // Writing to a String cannot fail.
    let _ = write!(out, "<title>mqt bench</title>\n<style>{STYLE}</style>\n</head>\n<body>\n");
    if let Some(verdict) = &file.verdict {
        write_verdict(verdict, &mut out);
    }
    for (number, run) in file.runs.iter().enumerate() {
        let of = if file.runs.len() > 1 {
            format!(", run {} of {}", number + 1, file.runs.len())
        } else {
            String::new()
        };
        write_run(run, &of, &mut out);
    }
    if file.runs.len() > 1 {
        write_repeats(&file.runs, &mut out);
    }
    if !file.steps.is_empty() {
        write_steps(file, &mut out);
    }
    let _ = write!(out, "<p class=\"soft\">{}</p>\n</body>\n</html>\n", escaped(&file.tool));
    out
}

fn write_verdict(verdict: &Verdict, out: &mut String) {
    let (class, word) = if verdict.passed { ("good", "passed") } else { ("bad", "failed") };
    let _ = writeln!(out, "<section id=\"verdict\"><h1 class=\"{class}\">Verdict: {word}</h1>");
    for check in &verdict.checks {
        let class = if check.passed { "good" } else { "bad" };
        let mark = if check.passed { "✓" } else { "✗" };
        let rule = match check.rule {
            Rule::Slo => "slo",
            Rule::FailIf => "fail-if",
        };
        let _ = writeln!(
            out,
            "<p class=\"{class}\">{mark} {rule} {}: {}</p>",
            escaped(&check.condition.to_string()),
            escaped(&check.text)
        );
    }
    out.push_str("</section>\n");
}

fn write_run(run: &RunResult, of: &str, out: &mut String) {
    let _ = writeln!(
        out,
        "<section class=\"run\">\n<h1>mqt bench at {}{of}</h1>",
        escaped(&run.config.brokers.join(", "))
    );
    for group in &run.config.groups {
        let name = if run.config.groups.len() > 1 { format!("{}: ", group.name) } else { String::new() };
        let _ = writeln!(out, "<p>{}</p>", escaped(&format!("{name}{}", describe(group))));
    }
    let _ = writeln!(
        out,
        "<p class=\"soft\">MQTT {}, {}, run {}</p>",
        escaped(&run.config.mqtt_version),
        escaped(&run.started),
        escaped(&run.run_id)
    );
    for warning in &run.warnings {
        let _ = writeln!(
            out,
            "<p class=\"warning\" data-keyword=\"{}\">{}</p>",
            escaped(&warning.keyword),
            escaped(&warning.text)
        );
    }
    write_tiles(run, out);
    write_connecting(run, out);
    write_series(run, out);
    write_percentiles(run, out);
    write_distribution(run, out);
    write_messages(run, out);
    write_table(run, out);
    write_rest(run, out);
    out.push_str("</section>\n");
}

fn write_tiles(run: &RunResult, out: &mut String) {
    let response = &run.latency.response;
    let mut tiles: Vec<(&str, String)> = Vec::new();
    if run.counts.sent > 0 || run.has_deliveries() {
        let name = if run.has_deliveries() { "delivered" } else { "sent" };
        tiles.push((name, Throughput(run.achieved_rate()).to_string()));
    }
    for (name, percentile) in [("p50", 50_000), ("p99", 99_000), ("max", 100_000)] {
        if let Some(micros) = response.percentile_us(percentile) {
            tiles.push((name, Latency(micros).to_string()));
        }
    }
    if run.has_deliveries() {
        tiles.push(("lost", Count(run.counts.lost).to_string()));
    }
    tiles.push(("connections", Count(run.connects.established).to_string()));
    out.push_str("<div class=\"tiles\">");
    for (name, value) in tiles {
        let _ = write!(out, "<div class=\"tile\"><b>{}</b>{name}</div>", escaped(&value));
    }
    out.push_str("</div>\n");
}

fn seconds_text(seconds: f64) -> String {
    // Marks are at round values: a fraction is there only where it is one.
    format!("{} s", (seconds * 10.0).round() / 10.0)
}

fn rate_text(rate: f64) -> String {
    Throughput(rate).to_string()
}

fn latency_text(micros: f64) -> String {
    Latency(micros.round() as u64).to_string()
}

fn write_series(run: &RunResult, out: &mut String) {
    // The last one may be a part of a second.
    let whole = run.series.get(..run.series.len().saturating_sub(1)).unwrap_or_default();
    let Some(last) = whole.last() else { return };
    let every = whole.len().div_ceil(POINTS);
    let line = |name: &str, color, read: &dyn Fn(&crate::bench::result::Second) -> u64| ChartLine {
        name: name.to_owned(),
        color,
        points: whole
            .chunks(every)
            .filter_map(|part| {
                let first = part.first()?;
                // A mean for rates would hide a stall, and so would it for latencies: the worst counts.
                Some((first.t_ms as f64 / 1e3, part.iter().map(read).max()? as f64))
            })
            .collect(),
    };
    let x = Scale::Linear((last.t_ms as f64 / 1e3).max(1.0));
    let mut rates: Vec<ChartLine> = Vec::new();
    if run.config.is_open_loop() {
        rates.push(line("offered", 2, &|second| second.offered));
    }
    if run.has_deliveries() {
        rates.push(line("delivered", 1, &|second| second.delivered));
    } else if run.config.is_confirmed() && run.counts.sent > 0 {
        rates.push(line("confirmed", 1, &|second| second.acked));
    } else if run.counts.sent > 0 {
        rates.push(line("sent", 1, &|second| second.sent));
    } else {
        rates.push(line("connections", 1, &|second| second.connections));
    }
    let count_text = |count: f64| Count(count.round() as u64).to_string();
    let is_rate = run.counts.sent > 0 || run.has_deliveries();
    let title = if is_rate { "Messages per second" } else { "Open connections" };
    draw(title, x, Scale::linear(most(&rates)), if is_rate { &rate_text } else { &count_text }, &rates, out);
    let latencies = [
        line("p50", 1, &|second| second.p50_us),
        line("p99", 2, &|second| second.p99_us),
        line("max", 3, &|second| second.max_us),
    ];
    let highest = most(&latencies);
    if highest > 0.0 {
        let lowest = latencies
            .iter()
            .flat_map(|line| &line.points)
            .map(|(_, y)| *y)
            .filter(|y| *y > 0.0)
            .fold(f64::INFINITY, f64::min);
        draw("Response time of each second", x, Scale::log(lowest, highest), &latency_text, &latencies, out);
    }
}

/// How the connections were opened, where that took a while.
fn write_connecting(run: &RunResult, out: &mut String) {
    let whole = run.connecting.get(..run.connecting.len().saturating_sub(1)).unwrap_or_default();
    let Some(last) = whole.last().filter(|_| whole.len() > 2) else { return };
    let points = whole.iter().map(|second| (second.t_ms as f64 / 1e3, second.opened as f64)).collect();
    let lines = [ChartLine { name: "opened".to_owned(), color: 1, points }];
    let x = Scale::Linear(last.t_ms as f64 / 1e3);
    draw("Connections opened per second", x, Scale::linear(most(&lines)), &rate_text, &lines, out);
}

fn most(lines: &[ChartLine]) -> f64 {
    lines.iter().flat_map(|line| &line.points).map(|(_, y)| *y).fold(0.0, f64::max)
}

fn draw(
    title: &str,
    x: Scale,
    y: Scale,
    y_text: &dyn Fn(f64) -> String,
    lines: &[ChartLine],
    out: &mut String,
) {
    // A point is no line.
    if lines.iter().all(|line| line.points.len() < 2) {
        return;
    }
    let chart = Chart { label: title, x, y, x_marks: Chart::marks(x, seconds_text), y_text, lines };
    let _ = write!(out, "<h2>{title}</h2>\n{}", chart.draw());
}

/// Latency against percentile: the x axis is the number of nines.
fn write_percentiles(run: &RunResult, out: &mut String) {
    let curve = |name: &str, color, histogram: &Histogram| {
        let marks = [
            50_000, 60_000, 70_000, 80_000, 90_000, 95_000, 98_000, 99_000, 99_500, 99_800, 99_900, 99_950,
            99_980, 99_990,
        ];
        let points = marks
            .into_iter()
            .filter(|percentile| histogram.count() >= samples_needed(*percentile))
            .map(|percentile| {
                let beyond = 100_000.0 / f64::from(100_000 - percentile);
                (beyond, histogram.quantile_us(f64::from(percentile) / 100_000.0) as f64)
            })
            .collect();
        ChartLine { name: name.to_owned(), color, points }
    };
    let lines: Vec<ChartLine> =
        [curve("response time", 1, &run.latency.response), curve("service time", 2, &run.latency.service)]
            .into_iter()
            .filter(|line| line.points.len() > 2)
            .collect();
    if lines.is_empty() {
        return;
    }
    let right = lines.iter().flat_map(|line| &line.points).map(|(x, _)| *x).fold(10.0, f64::max);
    let marks = [(2.0, "p50"), (10.0, "p90"), (100.0, "p99"), (1e3, "p99.9"), (1e4, "p99.99")];
    let chart = Chart {
        label: "Latency by percentile",
        x: Scale::Log(2.0, right),
        y: Scale::linear(most(&lines)),
        x_marks: marks
            .into_iter()
            .filter(|(place, _)| *place <= right)
            .map(|(place, name)| (place, name.to_owned()))
            .collect(),
        y_text: &latency_text,
        lines: &lines,
    };
    let _ = write!(out, "<h2>Latency by percentile</h2>\n{}", chart.draw());
}

fn write_distribution(run: &RunResult, out: &mut String) {
    let histogram = &run.latency.response;
    let rows: Vec<(String, f64, String)> = bins(histogram, BARS)
        .into_iter()
        .map(|bin| {
            let percent = bin.count as f64 * 100.0 / histogram.count() as f64;
            (
                format!("{} – {}", Latency(bin.from_us), Latency(bin.to_us)),
                bin.count as f64,
                format!("{percent:.2} %"),
            )
        })
        .collect();
    if rows.len() > 1 {
        let _ = write!(out, "<h2>Response time</h2>\n{}", bars("Distribution of the response time", &rows));
    }
}

fn write_messages(run: &RunResult, out: &mut String) {
    let counts = &run.counts;
    if flows(run).is_empty() {
        return;
    }
    out.push_str("<h2>Messages</h2>\n<table><tr><th></th><th>total</th><th>per second</th></tr>\n");
    let mut row = |name: &str, count: u64, rate: &str| {
        let _ = writeln!(out, "<tr><td>{name}</td><td>{}</td><td>{rate}</td></tr>", Count(count));
    };
    for TextFlow { name, count, within } in flows(run) {
        let rate = within.map_or_else(String::new, |count| run.rate_text(count));
        row(name, count, &rate);
    }
    for (name, count) in [
        ("refused", counts.refused),
        ("lost", counts.lost),
        ("duplicates", counts.duplicates),
        ("out of order", counts.out_of_order),
    ] {
        row(name, count, "");
    }
    out.push_str("</table>\n");
}

fn write_table(run: &RunResult, out: &mut String) {
    let latency = &run.latency;
    let columns = [
        ("response", &latency.response),
        ("service", &latency.service),
        ("connect", &latency.connect),
        ("generator lag", &latency.schedule_lag),
    ];
    out.push_str("<h2>Latencies</h2>\n<table><tr><th></th>");
    for (name, _) in columns {
        let _ = write!(out, "<th>{name}</th>");
    }
    out.push_str("</tr>\n");
    for percentile in PERCENTILES.into_iter().chain([100_000]) {
        let cells = columns.map(|(_, histogram)| histogram.percentile_us(percentile));
        if cells.iter().all(Option::is_none) {
            continue;
        }
        let _ = write!(out, "<tr><td>{}</td>", percentile_name(percentile));
        for cell in cells {
            let _ = write!(out, "<td>{}</td>", cell.map_or_else(String::new, |us| Latency(us).to_string()));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("<tr><td>samples</td>");
    for (_, histogram) in columns {
        let _ = write!(out, "<td>{}</td>", Count(histogram.count()));
    }
    out.push_str("</tr></table>\n");
}

fn write_rest(run: &RunResult, out: &mut String) {
    let (connects, counts, resources) = (&run.connects, &run.counts, &run.resources);
    let _ = write!(
        out,
        "<h2>Connections and generator</h2>\n<p>{} of {} connections opened, {} failed, {} lost, {} opened again, {} given up</p>\n\
         <p>{} sent, {} received</p>\n<p>The generator used {:.1} % of {} and {}</p>\n",
        Count(connects.established),
        Count(connects.asked),
        Many(connects.failed_attempts, "attempt"),
        Count(connects.lost),
        Count(connects.reconnected),
        Count(connects.given_up),
        Size(counts.bytes_sent),
        Size(counts.bytes_received),
        cpu_percent(run),
        Many(resources.cores.min(resources.threads).into(), "core"),
        Size(resources.max_rss_bytes)
    );
    for line in describe_clocks(run) {
        let _ = writeln!(out, "<p>{}</p>", escaped(&line));
    }
    for (keyword, count) in &run.errors {
        let _ = writeln!(out, "<p class=\"bad\">{}: {}</p>", escaped(keyword), Many(*count, "time"));
    }
}

fn write_repeats(runs: &[RunResult], out: &mut String) {
    out.push_str(
        "<h2>Over all runs</h2>\n<table><tr><th></th><th>lowest</th><th>in the middle</th><th>highest</th></tr>\n",
    );
    let mut row = |name: &str, values: &[f64], show: &dyn Fn(f64) -> String| {
        if values.len() == runs.len()
            && let Some(spread) = Spread::of(values)
        {
            let _ = writeln!(
                out,
                "<tr><td>{name}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                show(spread.min),
                show(spread.median),
                show(spread.max)
            );
        }
    };
    row("rate", &runs.iter().map(RunResult::achieved_rate).collect::<Vec<_>>(), &rate_text);
    for percentile in PERCENTILES.into_iter().chain([100_000]) {
        let values: Vec<f64> = runs
            .iter()
            .filter_map(|run| run.latency.response.percentile_us(percentile))
            .map(|micros| micros as f64)
            .collect();
        row(&percentile_name(percentile), &values, &latency_text);
    }
    out.push_str("</table>\n");
}

fn write_steps(file: &ResultFile, out: &mut String) {
    out.push_str(
        "<h2>Search for the highest rate</h2>\n<table><tr><th>offered</th><th>achieved</th><th>p99</th>\
         <th>lost</th><th></th></tr>\n",
    );
    for step in &file.steps {
        let (class, word) = if step.held { ("good", "held") } else { ("bad", "missed") };
        let p99 = step.p99_us.map_or_else(String::new, |us| Latency(us).to_string());
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{p99}</td><td>{}</td><td class=\"{class}\">{word} {}</td></tr>",
            Throughput(step.rate),
            Throughput(step.achieved),
            Count(step.lost),
            escaped(&step.reasons.join("; "))
        );
    }
    out.push_str("</table>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::result::tests::run;
    use crate::bench::result::{Check, RunWarning, SearchStep};

    #[test]
    fn a_page_needs_nothing_else_and_holds_no_foreign_markup() {
        let mut file = ResultFile::new(vec![run(), run()]);
        file.runs[0].warnings =
            vec![RunWarning { keyword: "x".to_owned(), text: "<script>alert(1)".to_owned() }];
        file.runs[0].config.brokers = vec!["mqtt://\"><img src=x>:1".to_owned()];
        file.runs[0].errors = vec![("<em>".to_owned(), 2)];
        file.steps = vec![SearchStep {
            rate: 1.0,
            achieved: 1.0,
            p99_us: None,
            lost: 0,
            held: false,
            reasons: vec!["<u>".to_owned()],
        }];
        file.verdict = Some(Verdict {
            passed: false,
            checks: vec![Check {
                condition: "loss=0".parse().unwrap(),
                rule: Rule::Slo,
                value: None,
                passed: false,
                text: "<i>".to_owned(),
            }],
        });
        let page = page(&file);
        for bad in ["<script", "<img", "<em>", "<u>", "<i>", "http:", "https:", "url(", "href=", "@import"] {
            assert!(!page.contains(bad), "{bad}");
        }
        for there in [
            "<h1 class=\"bad\">Verdict: failed</h1>",
            "&lt;script&gt;alert(1)",
            "Messages per second",
            "Response time of each second",
            "Latency by percentile",
            "Over all runs",
            "<td>10,000</td>",
        ] {
            assert!(page.contains(there), "{there}");
        }
    }

    #[test]
    fn every_element_is_closed() {
        let page = page(&ResultFile::new(vec![run()]));
        for name in ["section", "svg", "table", "tr", "td", "th", "p", "h1", "h2", "div", "text", "title"] {
            let opened =
                page.matches(&format!("<{name}>")).count() + page.matches(&format!("<{name} ")).count();
            assert_eq!(opened, page.matches(&format!("</{name}>")).count(), "{name}");
        }
    }

    #[test]
    fn a_run_without_messages_shows_its_connections() {
        let mut bare = run();
        bare.counts = crate::bench::result::Counts::default();
        bare.latency = crate::bench::result::LatencyFigures::default();
        bare.series.iter_mut().for_each(|second| (second.p50_us, second.p99_us, second.max_us) = (0, 0, 0));
        let text = page(&ResultFile::new(vec![bare]));
        assert!(text.contains("Open connections") && !text.contains("Latency by percentile"));
        assert_eq!([0.0, 0.5, 1.0, 30.0].map(seconds_text), ["0 s", "0.5 s", "1 s", "30 s"]);
        let mut empty = run();
        empty.series.clear();
        assert!(!page(&ResultFile::new(vec![empty])).contains("Messages per second"));
    }
}
