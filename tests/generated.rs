//! The files that are made from the definitions of the command line are the committed ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mqt::commands::complete::scripts;
use mqt::commands::generate::manual;
use mqt::commands::mosquitto_manual::mosquitto_manual;

use crate::support::mqt::Mqt;

/// Set, it has these tests write the files instead of comparing them.
const REFRESH: &str = "REFRESH_GENERATED";

#[track_caller]
fn assert_committed(dir: &str, files: Vec<(String, Vec<u8>)>) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    if std::env::var_os(REFRESH).is_some() {
        drop(fs::remove_dir_all(&dir));
        fs::create_dir_all(&dir).unwrap();
        for (name, content) in &files {
            fs::write(dir.join(name), content).unwrap();
        }
    }
    let made: BTreeMap<PathBuf, Vec<u8>> =
        files.into_iter().map(|(name, content)| (dir.join(name), content)).collect();
    let committed: BTreeMap<PathBuf, Vec<u8>> = fs::read_dir(&dir)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    let stale: Vec<_> = made
        .keys()
        .chain(committed.keys())
        .filter(|path| made.get(*path) != committed.get(*path))
        .map(|path| path.display().to_string())
        .collect();
    assert!(
        stale.is_empty(),
        "stale: {}\nmake them anew with: {REFRESH}=1 cargo test --test tests generated",
        stale.join(", ")
    );
}

#[test]
fn completions_are_fresh() {
    assert_committed("completions", scripts());
}

#[test]
fn manual_pages_are_fresh() {
    assert_committed("man", manual().unwrap().into_iter().chain(mosquitto_manual()).collect());
}

#[test]
fn the_program_prints_completions_and_writes_manual_pages() {
    for (shell, both) in ["bash", "elvish", "fish", "powershell", "zsh"].into_iter().zip(scripts().chunks(2))
    {
        let [(_, own), (_, mosquitto)] = both else { panic!("{both:?}") };
        Mqt::new(["generate", "completions", shell]).run().assert_code(0).assert_stdout(own);
        Mqt::new(["generate", "completions", shell, "--mosquitto"])
            .run()
            .assert_code(0)
            .assert_stdout(mosquitto);
    }
    let mqt = Mqt::new(["generate", "man"]);
    let dir = mqt.home().join("made/man1");
    let outcome = mqt.arg(&dir).run();
    outcome.assert_code(0).assert_stdout("");
    for (name, page) in manual().unwrap() {
        let folder = if name.ends_with(".7") { "made/man7" } else { "made/man1" };
        assert_eq!(fs::read(outcome.home().join(folder).join(&name)).unwrap(), page, "{name}");
    }
}

/// What man itself has to say about the pages.
#[test]
#[cfg(unix)]
fn the_pages_are_read_without_warnings() {
    if std::process::Command::new("man").arg("--version").output().is_err() {
        return crate::support::skip::skipped("man is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, page) in manual().unwrap().into_iter().chain(mosquitto_manual()) {
        let path = folder.path().join(&name);
        fs::write(&path, page).unwrap();
        let output = std::process::Command::new("man")
            .args(["--warnings", "-Tutf8", "-l"])
            .arg(&path)
            .env("LC_ALL", "C.UTF-8")
            .env("MANWIDTH", "80")
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name}");
        assert!(output.status.success() && output.stdout.len() > 500, "{name}");
    }
}

#[test]
fn every_command_has_a_page_with_what_a_page_needs() {
    let pages = manual().unwrap();
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "mqt.1",
        "mqt-pub.1",
        "mqt-sub.1",
        "mqt-broker.1",
        "mqt-profile.1",
        "mqt-generate.1",
        "mqt-exit-codes.7",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    for (name, page) in pages.iter().filter(|(name, _)| name.ends_with(".1")) {
        let page = std::str::from_utf8(page).unwrap();
        for section in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH EXIT STATUS", ".SH EXAMPLES"] {
            assert!(page.contains(section), "{name} lacks {section}");
        }
        if ["mqt-pub.1", "mqt-sub.1"].contains(&name.as_str()) {
            assert!(page.contains(".SH ENVIRONMENT\n") && page.contains(".SH FILES\n"), "{name}");
            assert!(page.contains("MQT_URL") && page.contains("MQT_PASSWORD"), "{name}");
        }
    }
}
