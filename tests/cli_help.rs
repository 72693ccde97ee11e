//! The command line as a user meets it: help, wrong usage, configuration, secrets.

use std::net::TcpListener;

use crate::support::mqt::Mqt;

fn mqt(line: &str) -> Mqt {
    Mqt::new(line.split(' '))
}

/// A port that nothing listens on: what was checked before connecting did not end the run.
fn closed_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

#[test]
fn help_goes_to_stdout_and_is_success() {
    for line in [
        "--help",
        "-?",
        "-h",
        "help",
        "help broker",
        "pub --help",
        "pub -?",
        "pub -h",
        "help sub",
        "broker --help",
    ] {
        let outcome = mqt(line).run();
        outcome.assert_code(0);
        assert!(outcome.stdout().contains("Usage: mqt"), "{outcome}");
        assert!(outcome.stderr.is_empty(), "{outcome}");
    }
    mqt("--version").run().assert_code(0).assert_stdout(concat!("mqt ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn the_help_of_a_command_is_the_same_however_it_is_asked_for() {
    assert_eq!(mqt("help pub").run().stdout(), mqt("pub -h").run().stdout());
    assert_eq!(Mqt::new([""; 0]).run().assert_code(0).stdout(), mqt("help").run().stdout());
    assert_eq!(mqt("pub -h").run().stdout(), mqt("pub -?").run().stdout());
    let long = mqt("sub --help").run();
    assert!(
        long.stdout().contains("[env: MQT_URL]") && long.stdout().contains("[env: MQT_PASSWORD]"),
        "{long}"
    );
}

#[test]
fn help_has_a_page_for_each_group_of_options_and_colours_where_they_are_asked_for() {
    for (page, option) in [
        ("connection", "--proxy <URL>"),
        ("login", "--password-file <FILE>"),
        ("tls", "--tls-pin"),
        ("session", "--session-expiry"),
        ("will", "--will-topic"),
        ("output", "--format <FORMAT>"),
    ] {
        let outcome = mqt(&format!("help {page}")).run();
        outcome.assert_code(0);
        assert!(outcome.stdout().contains(option), "{outcome}");
        assert!(
            !outcome.stdout().contains("Usage:") && !outcome.stdout().contains("--retained-only"),
            "{outcome}"
        );
    }
    assert!(!mqt("pub -h").run().stdout().contains('\u{1b}'));
    assert!(mqt("pub -h").env("MQT_COLOR", "always").run().stdout().contains('\u{1b}'));
}

#[test]
fn help_shows_no_value_of_the_environment() {
    let outcome =
        mqt("pub --help").env("MQT_PASSWORD", "hunter2").env("MQT_URL", "mqtt://me:hunter2@x").run();
    assert!(!outcome.stdout().contains("hunter2"), "{outcome}");
}

#[test]
fn the_table_of_exit_statuses_is_a_help_topic() {
    let outcome = mqt("help exit-codes").run();
    outcome.assert_code(0);
    for row in mqt::error::EXIT_STATUS {
        let line = outcome.stdout().lines().find(|line| line.contains(row.meaning)).unwrap_or_default();
        assert_eq!(line.split_whitespace().next(), Some(row.code.to_string().as_str()), "{outcome}");
    }
}

#[test]
fn wrong_usage_is_status_1_on_stderr_in_our_form() {
    for (line, what, hint) in [
        ("pubb", "mqt: error[usage]: unknown command 'pubb'", "hint: did you mean 'pub'?"),
        ("sub --topc x", "mqt: error[usage]: unknown option '--topc'", "hint: did you mean '--topic'?"),
        ("pub -t a", "mqt: error[usage]: nothing to publish is given", "hint: add -m TEXT"),
        ("pub -m x", "mqt: error[usage]: no topic is given", "hint: add -t TOPIC"),
        ("sub", "mqt: error[usage]: no topic filter is given", "hint: add -t FILTER"),
        ("sub -t a -c", "mqt: error[usage]: -c needs a client identifier", "hint: add -i NAME"),
        ("pub -n -t a/#", "mqt: error[topic]: --topic 'a/#': it contains", ""),
        ("sub -t a#", "mqt: error[topic]: --topic 'a#': '#' must be", ""),
        ("pub -n -t a -V 3.1.1 -x 5", "a session expiry (-x) needs MQTT 5", "hint: leave -V out"),
        (
            "broker --bind 0.0.0.0",
            "can be reached from other machines, and nothing asks who connects",
            "hint: --password-file FILE",
        ),
    ] {
        let outcome = mqt(line).run();
        outcome.assert_code(1).assert_stdout("").assert_stderr_has(what).assert_stderr_has(hint);
    }
    Mqt::new(["pub", "-n", "-t", ""]).run().assert_code(1).assert_stderr_has("error[topic]");
}

#[test]
fn quiet_does_not_hide_what_is_wrong_with_the_options() {
    mqt("sub --quiet").run().assert_code(1).assert_stderr_has("no topic filter is given");
    mqt("sub -t a# --quiet").run().assert_code(1).assert_stderr_has("error[topic]");
    mqt("sub -t a --quiet --tls --cafile /none").run().assert_code(1).assert_stderr_has("/none");
    mqt("pub -t a -f /none --quiet").run().assert_code(1).assert_stderr_has("error[file]: /none");
    // Nor does it hide less than it says.
    Mqt::new(["pub", "-t", "a", "-n", "--quiet", "-p"])
        .arg(closed_port())
        .run()
        .assert_code(14)
        .assert_stderr("");
}

#[test]
fn a_value_that_is_too_long_loses_its_middle() {
    let outcome = Mqt::new(["pub", "-n", "-t", &"x".repeat(70_000)]).run();
    outcome.assert_code(1).assert_stderr_has("x…x").assert_stderr_has("65535");
    assert!(outcome.stderr().len() < 3_000, "{outcome}");
}

#[test]
fn wrong_usage_has_the_colours_that_are_asked_for() {
    mqt("sub --color always").run().assert_code(1).assert_stderr_has("\u{1b}[");
    mqt("sub").env("MQT_COLOR", "always").run().assert_code(1).assert_stderr_has("\u{1b}[");
    mqt("sub --nonsense --color=always").run().assert_code(1).assert_stderr_has("\u{1b}[");
}

#[test]
fn a_list_of_profiles_without_a_file_says_so() {
    mqt("profile list")
        .run()
        .assert_code(0)
        .assert_stdout("")
        .assert_stderr_has("mqt: note[config]: no file");
}

#[test]
fn a_file_named_dash_leads_to_s() {
    mqt("pub -t a -f -").run().assert_code(1).assert_stderr_has("  hint: -s reads standard input");
}

#[test]
fn the_environment_and_a_profile_say_where_the_broker_is() {
    let (flag, variable, profile) = (closed_port(), closed_port(), closed_port());
    let run = |line: &str, with_variable: bool, with_profile: bool| {
        let mut run = mqt(line);
        if with_profile {
            run.home_file(
                ".config/mqt/config.toml",
                format!("[profile.default]\nurl = \"mqtt://127.0.0.1:{profile}\"\n"),
            );
        }
        if with_variable {
            run = run.env("MQT_URL", format!("mqtt://127.0.0.1:{variable}"));
        }
        run.run()
    };
    run("pub -t a -n", false, true).assert_code(14).assert_stderr_has(&profile);
    run("pub -t a -n", true, true).assert_code(14).assert_stderr_has(&variable).assert_stderr_lacks(&profile);
    let line = format!("pub -t a -n -h 127.0.0.1 -p {flag}");
    run(&line, true, true).assert_code(14).assert_stderr_has(&flag).assert_stderr_lacks(&variable);
}

#[test]
fn a_wrong_configuration_is_named_with_its_line() {
    let run = mqt("pub -t a -n");
    run.home_file(".config/mqt/config.toml", "[profile.default]\nhots = \"x\"\n");
    run.run().assert_code(1).assert_stderr_has("error[config]").assert_stderr_has("config.toml:2: hots");
    mqt("pub -t a -n --profile office")
        .run()
        .assert_code(1)
        .assert_stderr_has("there is no profile 'office'");
    mqt("pub -t a -n").env("MQT_PORT", "x").run().assert_code(1).assert_stderr_has("MQT_PORT: ");
}

#[test]
fn profiles_are_listed_and_shown_without_secrets() {
    const TEXT: &str = "[profile.office]\nurl = \"mqtts://me:hunter2@office.example\"\n[profile.lab]\nhost = \"lab\"\npassword = \"hunter2\"\n";
    let run = |line: &str| {
        let run = mqt(line);
        run.home_file(".config/mqt/config.toml", TEXT);
        run.run()
    };
    run("profile list").assert_code(0).assert_stdout("lab\tlab\noffice\tmqtts://me:***@office.example\n");
    run("profile show lab")
        .assert_code(0)
        .assert_stdout("[profile.lab]\nhost = \"lab\"\npassword = \"***\"\n");
    run("profile show x").assert_code(1).assert_stderr_has("hint: profiles there: lab, office");
    mqt("profile list").run().assert_code(0).assert_stdout("");
}

#[test]
fn a_missing_password_file_is_found_before_connecting() {
    mqt("pub -t a -n -u me --password-file /nonexistent/pw")
        .run()
        .assert_code(1)
        .assert_stderr_has("/nonexistent/pw");
    mqt("pub -t a -l --password-stdin -u me")
        .run()
        .assert_code(1)
        .assert_stderr_has("standard input cannot be");
    mqt("pub -t a -n --password-prompt -u me").run().assert_code(1).assert_stderr_has("needs a terminal");
}
