//! `mqt bench` as a user meets it: reports, files, exit statuses, merging, comparing, metrics, Ctrl-C.

use std::fs;
#[cfg(unix)]
use std::io::{Read, Write};
#[cfg(unix)]
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mqt::bench::plan::stamp::Stamp;
use mqt::bench::result::ResultFile;
#[cfg(unix)]
use nix::sys::signal::Signal;

use super::faulty_broker::{FaultyBroker, payload};
use crate::support::broker::TestBroker;
use crate::support::mqt::{Mqt, Outcome};

/// A short run against a broker of its own: 400 messages from 2 publishers to 2 subscribers.
const SHORT: &str = "bench --with-broker -p 0 --publishers 2 -r 2k --count 400 --drain 30s";

fn mqt(line: &str) -> Mqt {
    Mqt::new(line.split(' '))
}

/// The first figure behind a name in a report.
#[track_caller]
fn figure<'a>(outcome: &'a Outcome, name: &str) -> &'a str {
    let mut rows = outcome.stdout().lines().filter_map(|line| line.strip_prefix(name));
    let row = rows.next().unwrap_or_else(|| panic!("no row {name}\n{outcome}"));
    row.split_whitespace().next().unwrap_or_default()
}

fn read(path: &Path) -> ResultFile {
    ResultFile::parse(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_run_ends_with_a_report_and_whole_files() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let outcome = mqt(SHORT)
        .args(["--json".as_ref(), at("r.json").as_os_str(), "--csv".as_ref(), at("r.csv").as_os_str()])
        .args(["--html".as_ref(), at("r.html").as_os_str()])
        .args(["--fail-if", "loss>0", "--slo", "max<1h", "--warmup", "300ms"])
        .run();
    outcome.assert_code(0);
    let text = outcome.stdout();
    assert!(text.starts_with("!!! "), "the broker in the same process is no broker to quote: {outcome}");
    assert_eq!((figure(&outcome, "delivered"), figure(&outcome, "lost")), ("400", "0"), "{outcome}");
    assert!(text.contains("Verdict: passed\n"), "{outcome}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{outcome}");
    assert!(!outcome.stderr().contains('\x1b') && !outcome.stderr().contains('\r'), "{outcome}");
    let file = read(&at("r.json"));
    let run = &file.runs[0];
    assert_eq!((run.counts.offered, run.counts.delivered, run.latency.response.count()), (400, 400, 400));
    assert_eq!(file.verdict.as_ref().map(|verdict| verdict.passed), Some(true));
    let schema = serde_json::from_str(include_str!("../../schema/bench.schema.json")).unwrap();
    let value = serde_json::from_str(&fs::read_to_string(at("r.json")).unwrap()).unwrap();
    let errors: Vec<String> = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap()
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let csv = fs::read_to_string(at("r.csv")).unwrap();
    assert!(csv.starts_with("run,t_ms,phase,offered,sent,acked,delivered,"), "{csv}");
    let measured =
        csv.lines().map(|row| row.split(',').collect::<Vec<_>>()).filter(|row| row[2] == "measured");
    let sums = measured.fold([0_u64; 4], |sums, row| {
        std::array::from_fn(|place| sums[place] + row[place + 3].parse::<u64>().unwrap())
    });
    let counts = run.counts;
    assert_eq!(sums, [counts.offered, counts.sent, counts.confirmed, counts.delivered], "{csv}");
    let warmed_up: u64 = run.series.iter().map(|second| second.delivered).sum::<u64>() - run.counts.delivered;
    assert!(warmed_up > 0, "the warm-up stands in other rows\n{csv}");
    assert!(fs::read_to_string(at("r.html")).unwrap().ends_with("</html>\n"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "no part of a file is left");
}

#[test]
fn a_missed_threshold_is_status_9_and_its_report_is_there_all_the_same() {
    let outcome = mqt(SHORT).args(["--fail-if", "p50>1us,loss>0", "--json", "-"]).run();
    outcome
        .assert_code(9)
        .assert_stderr_has("mqt: error[verdict]: 1 of 2 thresholds failed")
        .assert_stderr_has("caused by: --fail-if 'p50>1us': p50 is ");
    let file = ResultFile::parse(outcome.stdout()).unwrap();
    assert_eq!(file.verdict.map(|verdict| verdict.passed), Some(false));
    // 400 samples say nothing about p99.9.
    let outcome = mqt(SHORT).args(["--slo", "p99.9<1h", "--quiet", "--summary=json"]).run();
    outcome.assert_code(9);
    assert!(outcome.stderr().starts_with("{\"asked\":400,\"sent\":400,\"confirmed\":400,"), "{outcome}");
    assert!(outcome.stderr().ends_with("\"exit\":9,\"keyword\":\"verdict\"}\n"), "{outcome}");
    assert!(outcome.stdout().contains("cannot be told: 400 samples, p99.9 needs 10,000"), "{outcome}");
}

#[test]
fn the_shards_of_a_run_are_merged_and_judged_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let broker = TestBroker::start();
    let url = broker.endpoints()[0].to_string();
    let parts = ["1", "0"].map(|index| {
        mqt("bench --publishers 4 -r 2k --count 400 --drain 30s --shard /2 --run-id nightly")
            .args(["-L", &url, "--json"])
            .arg(at(index))
            .env("JOB_COMPLETION_INDEX", index)
            .start_with_stdin()
    });
    for part in parts {
        part.join().unwrap().assert_code(0);
    }
    let merge = |more: &[&str]| mqt("bench merge").args([at("1"), at("0")]).args(more).run();
    let own = fs::read_to_string(at("1")).unwrap();
    for (of, instead, why) in [
        ("\"qos\":1", "\"qos\":2", "has another configuration"),
        ("\"run_id\":\"", "\"run_id\":\"f", "is a part of run f"),
        ("\"load_started_unix_ns\":", "\"load_started_unix_ns\":1", "they did not run together"),
    ] {
        assert!(own.contains(of), "{of}");
        fs::write(at("1"), own.replacen(of, instead, 1)).unwrap();
        merge(&[]).assert_code(1).assert_stderr_has("mqt: error[result]: ").assert_stderr_has(why);
    }
    fs::write(at("1"), own).unwrap();
    let whole = at("whole.json");
    let outcome = merge(&["--slo", "loss=0", "--json", whole.to_str().unwrap()]);
    outcome.assert_code(0);
    assert_eq!(figure(&outcome, "delivered"), "400", "{outcome}");
    let (merged, parts) = (read(&whole).runs.remove(0), [read(&at("0")), read(&at("1"))]);
    let sum: u64 = parts.iter().map(|part| part.runs[0].latency.response.count()).sum();
    assert_eq!((merged.latency.response.count(), merged.connects.asked, merged.shard), (sum, 8, None));
    merge(&["--fail-if", "sent-rate>0.1"]).assert_code(9);
    assert!(outcome.stdout().contains("Clock of shard 0: "), "{outcome}");
    mqt("bench merge").arg(at("0")).run().assert_code(1).assert_stderr_has("shards are missing: 1 of 2");
}

#[test]
fn results_are_compared_and_files_that_are_none_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.json");
    mqt(SHORT).args(["--repeat", "2", "--json"]).arg(&path).run().assert_code(0);
    assert_eq!(read(&path).runs.len(), 2);
    let compare = |after: &Path| mqt("bench compare").args([&path, after]).run();
    let outcome = compare(&path);
    outcome.assert_code(0);
    assert!(outcome.stdout().contains("\nrate "), "{outcome}");
    let text = fs::read_to_string(&path).unwrap();
    let cut = dir.path().join("cut.json");
    for (content, why) in [
        (&text[..text.len() / 2], "the file is truncated"),
        ("", "line 1, column 0: the file is truncated"),
        ("{\"format\":7}", "the file has format 7, this mqt reads format 1"),
        ("[1]", "line 1, column "),
        ("{}", "not a result of mqt bench"),
    ] {
        fs::write(&cut, content).unwrap();
        compare(&cut).assert_code(1).assert_stdout("").assert_stderr_has(why).assert_stderr_has("cut.json: ");
    }
    compare(&dir.path().join("none.json")).assert_code(1).assert_stderr_has("none.json: no such file");
}

#[test]
fn the_highest_rate_is_searched_and_each_step_is_shown() {
    let outcome =
        mqt("bench --with-broker -p 0 --publishers 1 -r 100 --duration 250ms --warmup 0 --find-max")
            .args(["--slo", "p50<1us"])
            .run();
    // No rate is so good: it goes down to one message a second.
    outcome.assert_code(9).assert_stderr_has("missed").assert_stderr_has("error[verdict]");
    assert!(outcome.stdout().contains("No rate held the objectives"), "{outcome}");
}

/// A broker that carries 250 messages a second and drops what is meant to be sent faster. It knows from the
/// stamps: however fast the machine is, the answer is the same.
#[test]
fn the_search_finds_the_highest_rate_that_holds() {
    let mut before = 0;
    let broker = FaultyBroker::start(Box::new(move |_, publish| {
        let intended = Stamp::decode(payload(&publish)).unwrap().intended;
        let gap = intended.abs_diff(std::mem::replace(&mut before, intended));
        if gap < 4_000_000 { vec![] } else { vec![publish] }
    }));
    let outcome = mqt("bench --publishers 1 -r 50 --duration 380ms --warmup 0 --drain 1s --find-max")
        .args(["--slo", "loss=0", "-L", &broker.endpoint().to_string(), "--json", "-"])
        .run();
    outcome.assert_code(0);
    let file = ResultFile::parse(outcome.stdout()).unwrap();
    let held = file.steps.iter().filter(|step| step.held).map(|step| step.rate).fold(0.0, f64::max);
    assert!((238.0..=250.0).contains(&held), "{outcome}");
    assert!(file.steps.iter().all(|step| step.held == (step.rate <= 250.0)), "{:?}", file.steps);
    assert_eq!(file.runs[0].counts.lost, 0, "the run is the one at the rate that was found");
}

#[test]
fn a_search_with_too_few_samples_says_so_and_ends() {
    // A step lasts half a second: too short to tell an overload, so that a busy machine changes nothing.
    let outcome = mqt("bench --with-broker -p 0 --publishers 1 -r 20 --duration 50ms --warmup 0")
        .args(["--drain", "100ms", "--find-max", "--slo", "p99<1h"])
        .run();
    outcome.assert_code(9).assert_stderr_has("cannot be told");
    assert_eq!(outcome.stderr().matches("missed").count(), 1, "{outcome}");
}

#[test]
fn what_the_broker_refuses_is_said_first_and_is_status_12() {
    let broker = FaultyBroker::start(Box::new(|_, publish| vec![publish]));
    let url = broker.endpoint().to_string();
    let publishing = "bench pub -t refused/{i} -r 1k --count 20";
    let outcome = mqt(publishing).args(["-L", &url]).run();
    outcome.assert_code(12).assert_stderr_has("error[denied]: publish \"refused/0\": ");
    assert!(outcome.stdout().starts_with("!!! the broker refused 20 publishes\n"), "{outcome}");
    assert_eq!(figure(&outcome, "refused"), "20", "{outcome}");
    // Whoever has thresholds decides alone.
    mqt(publishing).args(["-L", &url, "--fail-if", "refused>20"]).run().assert_code(0);
    let outcome = mqt("bench sub --filter refused/# --duration 100ms --warmup 0").args(["-L", &url]).run();
    outcome.assert_code(12).assert_stderr_has("error[denied]: subscribe \"refused/#\": ");
    assert!(outcome.stdout().contains("!!! the broker refused a subscription\n"), "{outcome}");
    let outcome = mqt("bench sub --filter refused/# --duration 100ms --warmup 0 --fail-if refused>0")
        .args(["-L", &url])
        .run();
    outcome.assert_code(9);
}

#[test]
fn a_file_that_cannot_be_written_is_found_before_anything_is_measured() {
    mqt("bench -p 1 --json /nowhere/r.json")
        .run()
        .assert_code(74)
        .assert_stdout("")
        .assert_stderr_has("/nowhere/r.json cannot be written: there is no such folder");
}

#[cfg(unix)]
#[test]
fn metrics_are_served_while_it_runs_and_ctrl_c_ends_with_the_report_of_what_ran() {
    let mut running = mqt("bench --with-broker -p 0 --duration 1h -r 500 --warmup 0 --openmetrics 0").start();
    let note = running.wait_for_stderr("metrics at http://");
    let address = note.split("http://").nth(1).unwrap().strip_suffix("/metrics").unwrap().to_owned();
    // A second is over.
    running.wait_for_stderr("measuring");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("# EOF\n"), "{answer}");
    assert!(answer.contains("\nmqt_bench_connections 20\n"), "{answer}");
    running.signal(Signal::SIGINT);
    let outcome = running.wait();
    outcome.assert_signal(Signal::SIGINT);
    assert!(outcome.stdout().contains("!!! it was ended before its time, after "), "{outcome}");
    assert!(outcome.stdout().contains("\ndelivered "), "{outcome}");
}

/// The browser, if one is installed.
fn browser() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    })
}

#[test]
fn the_page_is_drawn_by_a_real_browser() {
    let Some(browser) = browser() else {
        crate::support::skip::skipped("chromium is not installed");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("r.html");
    mqt("bench --with-broker -p 0 --publishers 2 -r 1k --duration 4s --warmup 0 --slo loss=0 --html")
        .arg(&page)
        .run()
        .assert_code(0);
    let image = dir.path().join("r.png");
    let run = |more: &[String]| {
        let output = Command::new(browser)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"])
            .args(["--timeout=20000", "--window-size=820,2600"])
            .arg(format!("--user-data-dir={}", dir.path().join("profile").display()))
            .args(more)
            .arg(format!("file://{}", page.display()))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        // What the policy of the page refuses, and every other complaint about it.
        assert!(!errors.contains("CONSOLE"), "{errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let shown = run(&["--dump-dom".to_owned()]);
    for part in ["Messages per second", "Response time of each second", "Verdict: passed", "data-keyword"] {
        assert!(shown.contains(part), "{part:?} is not in {shown}");
    }
    assert!(shown.matches("<polyline").count() >= 5, "{shown}");
    run(&[format!("--screenshot={}", image.display())]);
    let png = fs::read(&image).unwrap();
    // A page without charts has a third of it.
    assert!(png.starts_with(b"\x89PNG") && png.len() > 60_000, "{} bytes", png.len());
}

#[test]
fn wrong_options_are_told_before_anything_is_connected() {
    for (line, what) in [
        ("bench -r fast", "--rate 'fast': not a rate"),
        ("bench --stage 10s", "--stage '10s': not a stage"),
        ("bench --groups /nowhere", "/nowhere: no such file"),
        ("bench --fail-if p99", "'p99' has no comparison"),
        ("bench e3e", "'e3e'"),
        ("bench -t a/{seq}", "changes from message to message"),
        ("bench --shard 0/2", "--shard needs --run-id or --start-at"),
        ("bench --shard 0/2 --run-id x --with-broker", "--shard does not go with --with-broker"),
    ] {
        mqt(line)
            .limit(Duration::from_secs(20))
            .run()
            .assert_code(1)
            .assert_stdout("")
            .assert_stderr_has(what);
    }
}

/// The words behind `args:` in the manifest of the Kubernetes job.
fn arguments_of_the_job() -> Vec<String> {
    let text = include_str!("../../docs/src/bench-job.yaml");
    let block = text.lines().skip_while(|line| line.trim() != "args:").skip(1);
    block
        .map(str::trim)
        .take_while(|line| line.starts_with("- ") || line.starts_with('#'))
        .filter_map(|line| line.strip_prefix("- ").map(str::to_owned))
        .collect()
}

#[test]
fn the_command_line_of_the_kubernetes_job_is_understood() {
    let args = arguments_of_the_job();
    assert_eq!(args.first().map(String::as_str), Some("bench"));
    assert!(args.len() > 8, "{args:?}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let args = args.into_iter().map(|arg| match arg.strip_prefix("--url=") {
        Some(_) => format!("--url=mqtt://127.0.0.1:{nobody}"),
        None => arg.replace("10k", "20"),
    });
    let args: Vec<String> = args.collect();
    // Nobody listens there any more: the options were understood.
    Mqt::new(&args).env("JOB_COMPLETION_INDEX", "1").run().assert_code(14).assert_stdout("");
    // Outside of Kubernetes there is no index.
    Mqt::new(&args).run().assert_code(1).assert_stderr_has("JOB_COMPLETION_INDEX");
}
