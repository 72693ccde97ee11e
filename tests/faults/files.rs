//! Files that an option names: one fault has one sentence, whichever option it was; and what Windows makes of a text
//! file is still that file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::{CONNACK_311, assert_packets, publish, sent};
use crate::support::certs::Certs;
use crate::support::mqt::Mqt;
use crate::support::scripted::{Reserved, Scripted};

/// How an option takes its file.
#[derive(Clone, Copy, PartialEq)]
enum Taken {
    /// As bytes: what is in it is no matter of the reader.
    Bytes,
    /// As a stream of text.
    Stream,
    /// As text that may be passwords or certificates in any encoding: up to so many MiB.
    Marked(u64),
    /// As UTF-8: up to so many MiB.
    Utf8(u64),
}

/// The options that name files: the words before the name of the file.
fn options(certs: &Certs, port: u16) -> Vec<(Vec<String>, Taken)> {
    let (ca, cert, key) = (certs.ca.display(), certs.client_cert.display(), certs.client_key.display());
    let rows = [
        ("pub -t a -n --tls --cafile".to_owned(), Taken::Marked(16)),
        (format!("pub -t a -n --tls --cafile {ca} --key {key} --cert"), Taken::Marked(16)),
        (format!("sub -t a --tls --cafile {ca} --cert {cert} --key"), Taken::Marked(16)),
        (format!("pub -t a -n --tls --cafile {ca} --crl"), Taken::Marked(256)),
        (format!("pub -t a -n --tls --cert {cert} --key {key} --key-password-file"), Taken::Marked(16)),
        ("sub -t a -u me --password-file".to_owned(), Taken::Marked(16)),
        ("pub -t a -n -o".to_owned(), Taken::Utf8(16)),
        ("bench --groups".to_owned(), Taken::Utf8(16)),
        ("bench --credentials".to_owned(), Taken::Utf8(256)),
        ("bench -f".to_owned(), Taken::Bytes),
        ("pub -t a -f".to_owned(), Taken::Bytes),
        ("rr -t a -f".to_owned(), Taken::Bytes),
        ("sub -t a --will-topic w --will-file".to_owned(), Taken::Bytes),
        ("pub --json --replay".to_owned(), Taken::Stream),
    ];
    let here = ["-h".to_owned(), "127.0.0.1".to_owned(), "-p".to_owned(), port.to_string()];
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut all: Vec<_> = rows
        .into_iter()
        .map(|(line, taken)| {
            let mut args = words(&line);
            // The name of the file comes last.
            args.splice(1..1, here.clone());
            (args, taken)
        })
        .collect();
    all.extend([
        (words("watch --once --replay"), Taken::Stream),
        (words("broker -p 0 --password-file"), Taken::Utf8(256)),
        (words("bench compare"), Taken::Utf8(256)),
    ]);
    all
}

/// Files with a fault, and what is said of them behind their name.
struct Faulty {
    folder: tempfile::TempDir,
}

impl Faulty {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn with(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A file of zeros that takes no room.
    fn of_size(&self, name: &str, size: u64) -> PathBuf {
        let path = self.path(name);
        File::create(&path).unwrap().set_len(size).unwrap();
        path
    }

    /// The faults that an option can meet that takes its file so.
    fn of(&self, taken: Taken) -> Vec<(PathBuf, String)> {
        let mut faults = vec![
            (self.path("missing"), ": no such file".to_owned()),
            (self.with("plain", b"x").join("below"), ": no such file".to_owned()),
            (self.folder.path().to_owned(), ": it is a folder".to_owned()),
        ];
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let path = self.path("secret");
            if !path.exists() {
                fs::write(&path, "x").unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
            }
            if File::open(&path).is_ok() {
                crate::support::skip::skipped("root may read every file");
            } else {
                faults.push((path, ": permission denied".to_owned()));
            }
        }
        if taken != Taken::Bytes {
            for (name, content) in [("little", b"\xFF\xFE{\0}\0"), ("big", b"\xFE\xFF\0{\0}")] {
                faults.push((self.with(name, content), ": UTF-16 text; save it as UTF-8".to_owned()));
            }
        }
        if let Taken::Marked(limit) | Taken::Utf8(limit) = taken {
            let path = self.of_size(&format!("larger than {limit}"), (limit << 20) + 1);
            faults.push((path, format!(": larger than {limit} MiB")));
        }
        if matches!(taken, Taken::Utf8(_)) {
            faults.push((self.with("latin", b"# x\nna\xEFve\n"), ":2: not UTF-8 text".to_owned()));
        }
        faults
    }
}

#[test]
fn one_fault_of_a_file_is_told_in_one_way() {
    let certs = Certs::new();
    let nobody = Reserved::new();
    let faulty = Faulty::new();
    for (args, taken) in options(&certs, nobody.port()) {
        for (path, fault) in faulty.of(taken) {
            // It compares two files.
            let again = (args.last().unwrap() == "compare").then_some(&path);
            let outcome = Mqt::new(&args).arg(&path).args(again).run();
            let told = format!("error[file]: {}{fault}\n", path.display());
            assert!(outcome.stderr().contains(&told), "{args:?}: {told}{outcome}");
            outcome.assert_code(1).assert_stderr_lacks("os error").assert_stdout("");
        }
    }
}

/// A file as an editor of Windows saves it.
fn from_windows(text: &str) -> String {
    format!("\u{feff}{}", text.replace("\r\n", "\n").replace('\n', "\r\n"))
}

#[test]
fn a_profile_is_a_file_like_others() {
    let profile = |content: &[u8]| {
        let mqt = Mqt::new(["pub", "-t", "a", "-n"]);
        let path = mqt.home_file(".config/mqt/config.toml", content);
        (path, mqt.run())
    };
    let (path, outcome) = profile(b"\xFF\xFE[\0");
    let told = format!("error[file]: {}: UTF-16 text; save it as UTF-8\n", path.display());
    outcome.assert_code(1).assert_stderr_has(&told);
    let (path, outcome) = profile(b"[profile.default]\nhost = \"b\xE9\"\n");
    outcome.assert_code(1).assert_stderr_has(&format!("error[file]: {}:2: not UTF-8 text\n", path.display()));
    let (path, outcome) = profile(from_windows("[profile.default]\nhost = \"b\"\nhots = \"b\"\n").as_bytes());
    outcome.assert_code(1).assert_stderr_has(&format!("error[config]: {}:3: hots", path.display()));
    let nobody = Reserved::new();
    let text = format!("[profile.default]\nhost = \"127.0.0.1\"\nport = {}\n", nobody.port());
    profile(from_windows(&text).as_bytes()).1.assert_code(14);
}

#[test]
fn a_byte_order_mark_and_crlf_do_not_change_what_is_said() {
    let certs = Certs::new();
    let nobody = Reserved::new();
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let crl = certs.authority.crl(&[9], 2_050);
    for (args, _) in options(&certs, nobody.port()) {
        let content = match args.last().unwrap().as_str() {
            "--cafile" => read(&certs.ca),
            "--cert" => read(&certs.client_cert),
            "--key" => read(&certs.client_key),
            "--crl" => crl.clone(),
            "-o" => "-q 1\n# x\n".to_owned(),
            "--groups" => "[[group]]\nname = \"a\"\n".to_owned(),
            "--credentials" => "username,password\na,b\n".to_owned(),
            _ => continue,
        };
        let mqt = Mqt::new(&args);
        let path = mqt.home_file("file", from_windows(&content));
        // Everything was understood, and nobody listens there.
        let outcome = mqt.arg(path).run();
        assert_eq!(outcome.code(), Some(14), "{args:?}: {outcome}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_password() {
    for (content, expected) in [
        (&b"\xEF\xBB\xBFsecret\r\n"[..], &b"\0\x06secret"[..]),
        (b"\xEF\xBB\xBFsecret", b"\0\x06secret"),
        (b"secret\n", b"\0\x06secret"),
        (b"se\xEF\xBB\xBFcret\r\n\r\n", b"\0\x0Bse\xEF\xBB\xBFcret\r\n"),
    ] {
        let listener = Scripted::listen();
        let mqt =
            publish(listener.port()).args(["-V", "311", "-t", "a", "-n", "-u", "me", "--password-file"]);
        let path = mqt.home_file("password", content);
        let running = mqt.arg(path).start_with_stdin();
        let (mut peer, connect) = listener.accept_connect();
        assert!(connect.ends_with(expected), "{content:?}: {connect:?}");
        peer.send(CONNACK_311);
        peer.expect("30 (`a`)");
        peer.goodbye();
        drop(peer);
        running.join().unwrap().assert_code(0);
    }
}

#[test]
fn a_recording_from_windows_is_replayed() {
    let listener = Scripted::listen();
    let mqt = publish(listener.port()).args(["-V", "311", "--json", "--replay"]);
    let lines = "{\"tst\":\"2026-01-01T00:00:00Z\",\"topic\":\"a\",\"payload\":\"x\"}\n";
    let path = mqt.home_file("r.jsonl", from_windows(&lines.repeat(2)));
    let packets = sent(mqt.arg(path), &listener, CONNACK_311);
    assert_packets(&packets, &["30 (`a` 'x')", "30 (`a` 'x')"]);
}
