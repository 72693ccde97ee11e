//! Thresholds held against results: a pure function of both.

use crate::bench::result::histogram::{Histogram, percentile_name, samples_needed};
use crate::bench::result::{Check, Rule, RunResult, Verdict};
use crate::cli::bench::{Bound, Condition, CountKind, LatencyKind, Metric};
use crate::config::bench::Thresholds;
use crate::error::{Failure, Kind};
use crate::output::units::{Count, Latency, Many, Throughput};

/// What the thresholds say about runs of one configuration: each must pass. `None` without thresholds.
#[must_use]
pub fn judge(runs: &[RunResult], thresholds: &Thresholds) -> Option<Verdict> {
    if thresholds.is_empty() {
        return None;
    }
    let slo = thresholds.slo.iter().map(|condition| (condition, Rule::Slo));
    let fail_if = thresholds.fail_if.iter().map(|condition| (condition, Rule::FailIf));
    let checks: Vec<Check> =
        slo.chain(fail_if).map(|(condition, rule)| check_all(runs, condition, rule)).collect();
    Some(Verdict { passed: checks.iter().all(|check| check.passed), checks })
}

/// The first run that fails speaks for all, else the last one.
fn check_all(runs: &[RunResult], condition: &Condition, rule: Rule) -> Check {
    let mut last = None;
    for (number, run) in runs.iter().enumerate() {
        let mut check = check(run, condition, rule);
        if runs.len() > 1 {
            check.text = format!("run {}: {}", number + 1, check.text);
        }
        if !check.passed {
            return check;
        }
        last = Some(check);
    }
    last.unwrap_or_else(|| Check {
        condition: condition.clone(),
        rule,
        value: None,
        passed: false,
        text: "there is no run".to_owned(),
    })
}

/// Holds one threshold against one run. What cannot be told does not pass.
#[must_use]
pub fn check(run: &RunResult, condition: &Condition, rule: Rule) -> Check {
    let (value, text) = match figure(run, condition) {
        Ok(figure) => figure,
        Err(why) => {
            let text = format!("cannot be told: {why}");
            return Check { condition: condition.clone(), rule, value: None, passed: false, text };
        }
    };
    let holds = condition.comparison.holds(value, condition.bound.value());
    let passed = holds == (rule == Rule::Slo);
    Check { condition: condition.clone(), rule, value: Some(value), passed, text }
}

/// The figure as a number like the bound's, and in words.
fn figure(run: &RunResult, condition: &Condition) -> Result<(f64, String), String> {
    match condition.metric {
        Metric::Percentile(kind, percentile) => {
            let (name, histogram) = latency(run, kind);
            let label = format!("{name}{}", percentile_name(percentile));
            match histogram.percentile_us(percentile) {
                Some(micros) => Ok((micros as f64, format!("{label} is {}", Latency(micros)))),
                None => Err(format!(
                    "{}, {label} needs {}",
                    Many(histogram.count(), "sample"),
                    Count(samples_needed(percentile))
                )),
            }
        }
        Metric::Count(kind) => count(run, kind, condition.bound),
        Metric::Rate | Metric::SentRate if run.phases.measured_ms == 0 => {
            Err("it took less than a millisecond: too short for a rate".to_owned())
        }
        Metric::Rate => Ok(rate(run.achieved_rate(), "rate")),
        Metric::SentRate => Ok(rate(run.per_second(run.counts.sent_within), "sent rate")),
    }
}

fn rate(rate: f64, name: &str) -> (f64, String) {
    (rate, format!("the {name} is {}", Throughput(rate)))
}

fn latency(run: &RunResult, kind: LatencyKind) -> (&'static str, &Histogram) {
    match kind {
        LatencyKind::Response => ("", &run.latency.response),
        LatencyKind::Service => ("service.", &run.latency.service),
        LatencyKind::Connect => ("connect.", &run.latency.connect),
        LatencyKind::ScheduleLag => ("lag.", &run.latency.schedule_lag),
    }
}

fn count(run: &RunResult, kind: CountKind, bound: Bound) -> Result<(f64, String), String> {
    let counts = &run.counts;
    let receives = || {
        if run.has_deliveries() { Ok(()) } else { Err("no message was to arrive anywhere".to_owned()) }
    };
    let (name, what, count) = match kind {
        CountKind::Lost => {
            receives()?;
            if matches!(bound, Bound::Percent(_)) {
                let percent = counts.lost as f64 * 100.0 / counts.expected.max(1) as f64;
                return Ok((percent, format!("loss is {percent:.3} %")));
            }
            ("message", "lost", counts.lost)
        }
        CountKind::Duplicates => {
            receives()?;
            ("message", "duplicated", counts.duplicates)
        }
        CountKind::OutOfOrder => {
            receives()?;
            ("message", "out of order", counts.out_of_order)
        }
        CountKind::Errors => ("error", "", run.error_count()),
        CountKind::Refused => {
            let refused = counts.refused + run.refused_connects() + run.refused_subscriptions();
            return Ok((refused as f64, format!("{} refused", Count(refused))));
        }
        CountKind::Disconnects => ("connection", "lost", run.connects.lost),
    };
    Ok((count as f64, format!("{} {what}", Many(count, name)).trim_end().to_owned()))
}

/// The failure that a verdict ends the command with; `None` when it passed.
#[must_use]
pub fn failure(verdict: &Verdict) -> Option<Failure> {
    if verdict.passed {
        return None;
    }
    let failed: Vec<&Check> = verdict.checks.iter().filter(|check| !check.passed).collect();
    let words = |check: &Check| {
        let rule = match check.rule {
            Rule::Slo => "--slo",
            Rule::FailIf => "--fail-if",
        };
        format!("{rule} '{}': {}", check.condition, check.text)
    };
    let what = format!("{} of {} thresholds failed", failed.len(), verdict.checks.len());
    Some(
        failed
            .into_iter()
            .fold(Failure::new(Kind::Verdict, what), |failure, check| failure.cause(words(check))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::result::tests::run;

    fn thresholds(slo: &[&str], fail_if: &[&str]) -> Thresholds {
        let parse = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Thresholds { slo: parse(slo), fail_if: parse(fail_if) }
    }

    #[test]
    fn an_objective_must_hold_and_a_fault_must_not() {
        let run = run();
        for (condition, holds) in [
            ("p99<50ms", true),
            ("p99<1ms", false),
            ("max<1.2ms", true),
            ("service.p50<600us", true),
            ("loss=0", true),
            ("loss<=0.1%", true),
            ("loss>0", false),
            ("rate>=1000", true),
            ("sent-rate<1k", false),
            ("errors=0", true),
            ("disconnects>0", false),
            ("duplicates=0", true),
            ("reordered!=0", false),
            ("refused<1", true),
            ("lag.p99<1ms", true),
        ] {
            let condition: Condition = condition.parse().unwrap();
            assert_eq!(check(&run, &condition, Rule::Slo).passed, holds, "{condition}");
            assert_eq!(check(&run, &condition, Rule::FailIf).passed, !holds, "{condition}");
        }
    }

    #[test]
    fn what_cannot_be_told_never_passes() {
        let mut run = run();
        for text in ["p99.99<1h", "connect.p99<1h"] {
            let condition: Condition = text.parse().unwrap();
            for rule in [Rule::Slo, Rule::FailIf] {
                let check = check(&run, &condition, rule);
                assert!(!check.passed && check.value.is_none(), "{text}");
                assert!(check.text.contains("cannot be told"), "{}", check.text);
            }
        }
        (run.counts.expected, run.counts.delivered) = (0, 0);
        let check = check(&run, &"loss=0".parse().unwrap(), Rule::Slo);
        assert!(!check.passed && check.text.contains("no message was to arrive"), "{}", check.text);
    }

    #[test]
    fn every_run_must_pass_and_the_failure_names_what_did_not() {
        let mut bad = run();
        bad.counts.lost = 100;
        let thresholds = thresholds(&["p99<50ms", "loss<0.5%"], &["loss>0"]);
        assert!(judge(&[run()], &thresholds).unwrap().passed);
        let verdict = judge(&[run(), bad], &thresholds).unwrap();
        assert!(!verdict.passed);
        let failure = failure(&verdict).unwrap();
        assert_eq!((failure.kind, failure.kind.code(), failure.keyword), (Kind::Verdict, 9, "verdict"));
        assert_eq!(failure.what, "2 of 3 thresholds failed");
        assert_eq!(
            failure.causes,
            ["--slo 'loss<0.5%': run 2: loss is 1.000 %", "--fail-if 'loss>0': run 2: 100 messages lost"]
        );
        assert_eq!(judge(&[run()], &Thresholds::default()), None);
        assert!(!judge(&[], &thresholds).unwrap().passed);
    }
}
