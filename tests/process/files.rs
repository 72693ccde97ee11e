//! Files that keep a command waiting: a FIFO that nobody opens, for every option that names a file.

use std::path::Path;

use nix::sys::signal::Signal;

use super::Stage;
use crate::support::mqt::Mqt;
use crate::support::skip::skipped;
use crate::support::wait_until;

/// A program and the words that name a file: `FIFO`, or a file below the home folder that is to be one.
const READ_OR_WRITTEN: &[(&str, &str)] = &[
    ("mqt", "pub -p PORT -t a -f FIFO"),
    ("mqt", "pub -p PORT --json --replay FIFO"),
    ("mqt", "rr -p PORT -t a -e b -f FIFO"),
    ("mqt", "sub -p PORT -t a --cafile FIFO"),
    ("mqt", "sub -p PORT -t a --tls --insecure --cert FIFO --key FIFO"),
    ("mqt", "pub -p PORT -t a -m x --tls --insecure --tls-keylog FIFO"),
    ("mqt", "sub -p PORT -t a -u u --password-file FIFO"),
    ("mqt", "pub -p PORT -t a -m x --will-topic w --will-file FIFO"),
    ("mqt", "pub -o FIFO -p PORT -t a -m x"),
    ("mqt", "watch -p PORT --json --record FIFO"),
    ("mqt", "watch --json --replay FIFO"),
    ("mqt", "bench pub -p PORT --publishers 1 -r 10 --duration 100ms --warmup 0 --json FIFO"),
    ("mqt", "bench pub -p PORT --publishers 1 -r 10 --duration 100ms --warmup 0 --csv FIFO"),
    ("mqt", "bench pub -p PORT --publishers 1 -r 10 --duration 100ms --warmup 0 --html FIFO"),
    ("mqt", "bench -p PORT --groups FIFO"),
    ("mqt", "bench pub -p PORT --credentials FIFO"),
    ("mqt", "bench pub -p PORT --file FIFO"),
    ("mqt", "bench compare FIFO FIFO"),
    ("mqt", "bench merge FIFO FIFO"),
    ("mqt", "broker -p 0 --password-file FIFO"),
    ("mqt", "broker -p 0 --tls-port 0 --cert FIFO --key FIFO"),
    ("mqt", "sub -p PORT -t a --tls --crl FIFO"),
    ("mqt", "sub -p PORT -t a --tls --cert x --key x --key-password-file FIFO"),
    ("mosquitto_pub", "-p PORT -t a -f FIFO"),
    ("mosquitto_sub", "-p PORT -t a --cafile FIFO"),
    ("mosquitto_rr", "-p PORT -t a -e b -f FIFO"),
    ("mosquitto_pub", "-o FIFO -p PORT -t a -m x"),
    // Found by their place.
    ("mqt", "sub -p PORT -t a @.config/mqt/config.toml"),
    ("mosquitto_sub", "-p PORT -t a @.config/mosquitto_sub"),
];

#[test]
fn no_file_keeps_a_signal_waiting() {
    let stage = Stage::new();
    for (program, line) in READ_OR_WRITTEN {
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            let (words, place) = match line.split_once(" @") {
                Some((words, place)) => (words, place),
                None => (*line, "fifo"),
            };
            let command = Mqt::program(stage.program(program), [] as [&str; 0]);
            let fifo = command.home().join(place);
            std::fs::create_dir_all(fifo.parent().unwrap()).unwrap();
            nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
            let words = words.replace("FIFO", fifo.to_str().unwrap());
            let mut running = command.args(stage.words(program, &words).split_off(1)).start();
            if !Path::new("/proc/self/wchan").exists() {
                return skipped("there is no telling that a process waits for a file");
            }
            wait_until_blocked(running.id(), || running.is_running(), &words);
            running.signal(signal);
            running.wait().assert_signal(signal);
        }
    }
}

/// Waits until the main thread of a process is inside of the opening of a FIFO, or of a write to a pipe.
pub(super) fn wait_until_blocked(id: u32, mut runs: impl FnMut() -> bool, what: &str) {
    wait_until("it waits for a file", || {
        assert!(runs(), "{what}: it has ended");
        let place = std::fs::read_to_string(format!("/proc/{id}/wchan")).unwrap_or_default();
        ["fifo", "pipe", "partner"].iter().any(|part| place.contains(part))
    });
}
