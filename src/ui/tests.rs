use super::*;

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<Vec<u8>>>>);

impl Paper {
    /// What each call wrote.
    fn calls(&self) -> Vec<String> {
        lock(&self.0).iter().map(|call| String::from_utf8(call.clone()).expect("UTF-8")).collect()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Fails each write.
struct Fails(io::ErrorKind);

impl Write for Fails {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn ui(settings: UiSettings) -> (Ui, Paper) {
    let settings = UiSettings {
        color: if settings.color == ColorChoice::Auto { ColorChoice::Never } else { settings.color },
        ..settings
    };
    let paper = Paper::default();
    (Ui::with_writers("mqt", settings, Box::new(io::sink()), Box::new(paper.clone())), paper)
}

fn refused() -> Failure {
    Failure::new(Kind::Connect, "cannot connect to localhost:1883")
        .cause("connection refused")
        .hint("is a broker running there?")
}

#[test]
fn a_failure_is_one_write_of_what_why_and_what_to_try() {
    let (ui, paper) = ui(UiSettings::default());
    ui.failure(&refused());
    assert_eq!(
        paper.calls(),
        ["mqt: error[connect]: cannot connect to localhost:1883\n  caused by: connection refused\n  \
         hint: is a broker running there?\n"]
    );
}

#[test]
fn warnings_notes_and_status_have_their_forms() {
    let (ui, paper) = ui(UiSettings { debug: true, ..UiSettings::default() });
    ui.warning("slow-output", "standard output is slow");
    ui.note("version", "the broker speaks MQTT 3.1.1");
    ui.status("listening on\nmqtt://127.0.0.1:1883");
    ui.debug("> CONNECT");
    assert!(ui.is_debug());
    assert_eq!(
        paper.calls(),
        [
            "mqt: warning[slow-output]: standard output is slow\n",
            "mqt: note[version]: the broker speaks MQTT 3.1.1\n",
            "listening on\nmqtt://127.0.0.1:1883\n",
            "> CONNECT\n",
        ]
    );
}

/// F-100: whatever a broker says, stderr gets printable text.
#[test]
fn text_from_outside_cannot_reach_the_terminal() {
    let (ui, paper) = ui(UiSettings { debug: true, ..UiSettings::default() });
    let evil = "a\x1b]0;x\x07\u{202e}b\nmqt: error[bug]: not me";
    ui.failure(&Failure::new(Kind::Denied, evil).cause(evil).hint(evil).keyword("denied"));
    ui.warning("w", evil);
    ui.note("n", evil);
    ui.debug(evil);
    ui.status(evil);
    let shown = "a\\x1b]0;x\\x07\\u{202e}b\\nmqt: error[bug]: not me";
    assert_eq!(
        paper.calls(),
        [
            format!("mqt: error[denied]: {shown}\n  caused by: {shown}\n  hint: {shown}\n"),
            format!("mqt: warning[w]: {shown}\n"),
            format!("mqt: note[n]: {shown}\n"),
            format!("{shown}\n"),
            format!("{}\n", shown.replace("\\n", "\n")),
        ]
    );
}

#[test]
fn quiet_says_nothing_but_what_was_asked_for() {
    let settings = UiSettings { quiet: true, summary: Some(SummaryFormat::Json), ..UiSettings::default() };
    let (ui, paper) = ui(settings);
    ui.failure(&refused());
    ui.warning("w", "text");
    ui.note("n", "text");
    ui.status("text");
    ui.debug("text");
    assert!(paper.calls().is_empty());
    ui.summary(&Summary::default());
    ui.close();
    assert_eq!(paper.calls().len(), 1);
}

#[test]
fn the_summary_comes_when_asked_for_when_something_is_left_and_after_a_signal() {
    let left = Summary { asked: 2, unconfirmed: 1, exit: 30, keyword: "partial", ..Summary::default() };
    let (silent, paper) = ui(UiSettings::default());
    silent.summary(&Summary { asked: 2, ..Summary::default() });
    silent.close();
    silent.summary(&left);
    assert!(paper.calls().is_empty(), "it is the last line");
    silent.close();
    assert_eq!(paper.calls(), ["mqt: 1 of 2 not confirmed; 2 asked, exit 30 (partial)\n"]);
    let interrupted =
        Summary { asked: 2, confirmed: 2, exit: 130, keyword: "interrupted", ..Summary::default() };
    silent.summary(&interrupted);
    silent.close();
    assert_eq!(paper.calls()[1], "mqt: 2 asked, 2 confirmed, exit 130 (interrupted)\n");
    let (json, paper) = ui(UiSettings { summary: Some(SummaryFormat::Json), ..UiSettings::default() });
    json.summary(&left);
    json.close();
    let value: serde_json::Value = serde_json::from_str(&paper.calls()[0]).expect("JSON");
    assert_eq!((value["unconfirmed"].as_u64(), value["keyword"].as_str()), (Some(1), Some("partial")));
}

#[test]
fn colours_come_on_demand() {
    let (ui, paper) = ui(UiSettings { color: ColorChoice::Always, ..UiSettings::default() });
    ui.warning("w", "text");
    assert_eq!(paper.calls(), ["mqt: \x1b[1;35mwarning[w]:\x1b[0m text\n"]);
    assert!(ui.presentation(true, false).style.is_colored());
}

#[test]
fn a_stderr_that_fails_is_no_reason_to_stop_and_a_stdout_that_does_is() {
    let broken = |kind| {
        Ui::with_writers(
            "mqt",
            UiSettings::default(),
            Box::new(Fails(kind)),
            Box::new(Fails(io::ErrorKind::BrokenPipe)),
        )
    };
    let gone = broken(io::ErrorKind::BrokenPipe);
    gone.failure(&refused());
    gone.status("text");
    assert_eq!(gone.out(b"help\n"), Ok(()));
    let failure = broken(io::ErrorKind::StorageFull).out(b"help\n").expect_err("it is full");
    assert_eq!(failure.kind, Kind::Output);
    assert!(failure.what.starts_with("write: "), "{}", failure.what);
}

#[test]
fn no_bar_appears_where_stderr_is_no_terminal() {
    let (ui, paper) = ui(UiSettings::default());
    let mut progress = ui.progress(Amount::Messages(10));
    let now = std::time::Instant::now();
    progress.update(1, now);
    progress.update(2, now + std::time::Duration::from_secs(5));
    assert!(!progress.is_visible());
    drop(progress);
    assert!(paper.calls().is_empty());
}

#[test]
fn the_bar_appears_after_a_second_and_goes_with_the_run() {
    let (ui, _paper) = ui(UiSettings::default());
    let mut progress = Progress::new(Some(ui.clone()), Amount::Bytes(10));
    let start = std::time::Instant::now();
    for (millis, visible) in [(0, false), (999, false), (1_000, true), (1_001, true)] {
        progress.update(millis, start + std::time::Duration::from_millis(millis));
        assert_eq!(progress.is_visible(), visible, "{millis} ms");
    }
    ui.status("above the bar");
    drop(progress);
    assert!(lock(&ui.inner.bar).is_none());
}
