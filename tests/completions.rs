//! Completions in the shells themselves: each loads its file, completes a line, and says nothing on stderr.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::skip::skipped;

/// Where a shell completes, what it must offer, and what it must not.
const PLACES: &[(&str, &[&str], &[&str])] = &[
    ("mqt ", &["pub", "sub", "watch", "bench", "broker", "rr"], &["Cargo.toml"]),
    ("mqt s", &["sub"], &["pub"]),
    ("mqt help ", &["sub", "exit-codes", "tls"], &["Cargo.toml"]),
    ("mqt pub --re", &["--retain", "--repeat", "--replay"], &["--qos"]),
    ("mqt pub -q ", &["0", "1", "2"], &["Cargo.toml"]),
    ("mqt pub --qos ", &["0", "1", "2"], &["Cargo.toml"]),
    ("mqt pub -t ", &[], &["Cargo.toml", "letter.txt"]),
    ("mqt pub -f le", &["letter.txt"], &[]),
    ("mqt pub --on-error ", &["stop", "skip"], &["Cargo.toml"]),
    ("mqt pub --profile ", &["office", "lab"], &["Cargo.toml"]),
    ("mqt pub --profile o", &["office"], &["lab"]),
    ("mqt sub --profile ", &["office", "lab"], &[]),
    ("mqt pub -D ", &["connect", "publish", "content-type"], &["Cargo.toml"]),
    ("mqt sub --retained", &["--retained-only"], &["--retry"]),
    ("mqt sub --overflow ", &["block", "drop-new", "drop-old", "exit"], &["Cargo.toml"]),
    ("mqt sub --retain-handling ", &["always", "new", "never"], &[]),
    ("mqt sub -V ", &["auto", "5", "3.1.1", "3.1"], &["Cargo.toml"]),
    ("mqt sub --cafile le", &["letter.txt"], &[]),
    ("mqt sub --tls-version ", &["tlsv1.2", "tlsv1.3"], &[]),
    ("mqt sub --color ", &["auto", "always", "never"], &[]),
    ("mqt sub --will-qos ", &["0", "1", "2"], &[]),
    ("mqt bench ", &["e2e", "fan-in", "compare", "merge"], &["letter.txt"]),
    ("mqt bench fan", &["fan-in", "fan-out"], &["storm"]),
    ("mqt bench --preset ", &["connect-10k", "p2p-1k"], &[]),
    ("mqt bench --arrival ", &["constant", "poisson"], &[]),
    ("mqt bench compare le", &["letter.txt"], &[]),
    ("mqt watch --decode ", &["auto", "json", "cbor"], &[]),
    ("mqt watch --record le", &["letter.txt"], &[]),
    ("mqt broker --password-file le", &["letter.txt"], &[]),
    ("mqt profile ", &["list", "show"], &[]),
    ("mqt profile show ", &["office", "lab"], &["letter.txt"]),
    ("mqt generate completions ", &["bash", "fish", "zsh"], &[]),
    ("mqt pub -", &["-t", "-m", "--json"], &["-?"]),
    ("mosquitto_pub --re", &["--retain", "--repeat"], &["--retained-only"]),
    ("mosquitto_pub --cafile le", &["letter.txt"], &[]),
    ("mosquitto_sub --retain", &["--retained-only", "--retain-as-published"], &[]),
    ("mosquitto_sub -q ", &["0", "1", "2"], &["letter.txt"]),
    ("mosquitto_rr --l", &["--latency"], &["--qos"]),
];

/// A shell, and a program in its language that loads the files and prints what each line may continue with: before the
/// answers to a line stands `== ` and the line.
struct Shell {
    name: &'static str,
    files: [&'static str; 2],
    args: &'static [&'static str],
    program: fn(files: &[PathBuf]) -> String,
}

fn quoted(text: &str) -> String {
    format!("'{text}'")
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn in_bash(files: &[PathBuf]) -> String {
    let mut text: String = files.iter().map(|file| format!("source {}\n", file.display())).collect();
    for (line, ..) in PLACES {
        let words = words(line);
        let list: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        text.push_str(&format!(
            "echo '== {line}'\nCOMP_WORDS=({}); COMP_CWORD={}; COMP_TYPE=9; COMP_LINE={}; COMPREPLY=()\n\
             _clap_complete_{} {} {} ''\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
            list.join(" "),
            words.len() - 1,
            quoted(line),
            words[0],
            words[0],
            quoted(words.last().unwrap()),
        ));
    }
    text
}

/// Sourced, and without the line editor: what would be shown is printed.
fn in_zsh(files: &[PathBuf]) -> String {
    let mut text = String::from(
        "autoload -U compinit && compinit -D -u\n\
         _describe() { while [[ $1 == -* || $1 == values ]]; do shift; done; print -l -- \"${(@P)1%%:*}\" }\n",
    );
    for file in files {
        text.push_str(&format!("source {}\n", file.display()));
    }
    for (line, ..) in PLACES {
        let words = words(line);
        let list: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        text.push_str(&format!(
            "print -r -- '== {line}'\nwords=({}); CURRENT={}; $_comps[{}]\n",
            list.join(" "),
            words.len(),
            words[0],
        ));
    }
    text
}

fn in_fish(files: &[PathBuf]) -> String {
    let mut text: String = files.iter().map(|file| format!("source {}\n", file.display())).collect();
    for (line, ..) in PLACES {
        text.push_str(&format!("echo '== {line}'\ncomplete -C {}\n", quoted(line)));
    }
    text
}

const SHELLS: &[Shell] = &[
    Shell {
        name: "bash",
        files: ["mqt.bash", "mosquitto.bash"],
        args: &["--norc", "--noprofile"],
        program: in_bash,
    },
    Shell { name: "zsh", files: ["_mqt", "_mosquitto"], args: &["-f"], program: in_zsh },
    Shell { name: "fish", files: ["mqt.fish", "mosquitto.fish"], args: &["--no-config"], program: in_fish },
];

fn check(shell: &Shell) {
    if Command::new(shell.name).arg("--version").output().is_err() {
        return skipped(&format!("{} is not installed", shell.name));
    }
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join(".config/mqt");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(
        config.join("config.toml"),
        "[profile.office]\nhost = \"o\"\n[profile.lab]\nhost = \"l\"\n",
    )
    .unwrap();
    let here = home.path().join("here");
    std::fs::create_dir(&here).unwrap();
    std::fs::write(here.join("letter.txt"), "").unwrap();
    std::fs::write(here.join("Cargo.toml"), "").unwrap();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    let program = home.path().join("program");
    std::fs::write(&program, (shell.program)(&shell.files.map(|file| scripts.join(file)))).unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_mqt")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let output = Command::new(shell.name)
        .args(shell.args)
        .arg(&program)
        .env_clear()
        .envs([
            ("PATH", path.as_str()),
            ("HOME", home.path().to_str().unwrap()),
            ("LC_ALL", "C.UTF-8"),
            ("TERM", "dumb"),
        ])
        .current_dir(&here)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}\n{text}", shell.name);
    let mut wrong = Vec::new();
    for (line, offered, kept_back) in PLACES {
        let head = format!("== {line}\n");
        let Some((_, rest)) = text.split_once(&head) else {
            wrong.push(format!("{line}: not reached"));
            continue;
        };
        let answers: Vec<&str> = rest
            .lines()
            .take_while(|line| !line.starts_with("== "))
            .map(|line| line.split('\t').next().unwrap_or_default().trim())
            .collect();
        for one in *offered {
            if !answers.contains(one) {
                wrong.push(format!("{line}: {one} is missing in {answers:?}"));
            }
        }
        for one in *kept_back {
            if answers.contains(one) {
                wrong.push(format!("{line}: {one} is offered"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", shell.name, wrong.join("\n"));
}

#[test]
fn bash_completes() {
    check(&SHELLS[0]);
}

#[test]
fn zsh_completes() {
    check(&SHELLS[1]);
}

#[test]
fn fish_completes() {
    check(&SHELLS[2]);
}

/// A file of completions in a folder of `fpath` is the body of a function, which has to answer the first time, too.
#[test]
fn zsh_completes_the_first_time_from_a_folder() {
    let zsh = &SHELLS[1];
    if Command::new(zsh.name).arg("--version").output().is_err() {
        return skipped("zsh is not installed");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    let bin = Path::new(env!("CARGO_BIN_EXE_mqt")).parent().unwrap();
    let program = format!(
        "fpath=({} $fpath); autoload -U compinit && compinit -D -u\n\
         _describe() {{ while [[ $1 == -* || $1 == values ]]; do shift; done; print -l -- \"${{(@P)1%%:*}}\" }}\n\
         words=(mqt s); CURRENT=2; $_comps[mqt]\nwords=(mosquitto_rr --lat); CURRENT=2; $_comps[mosquitto_rr]\n",
        folder.display(),
    );
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let output = Command::new("zsh").args(["-f", "-c", &program]).env("PATH", path).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "sub\n--latency\n");
}

#[test]
fn a_shell_that_is_not_known_is_an_error() {
    use crate::support::mqt::Mqt;
    Mqt::new(["--", "mqt", "s"])
        .env("MQT_COMPLETE", "tcsh")
        .run()
        .assert_code(1)
        .assert_stderr_has("MQT_COMPLETE");
}
