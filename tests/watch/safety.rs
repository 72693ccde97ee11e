//! What reaches the terminal holds no control sequence that is not the program's own.

use std::io::Write as _;

use super::tty::Tty;
use crate::support::broker::TestBroker;
use crate::support::mqt::Mqt;
use crate::support::wait_until;
use mqt::output::sanitize::is_unsafe;

/// Takes note of all that a terminal would act upon.
#[derive(Default)]
struct Acts {
    strange: Vec<String>,
    printed: u64,
}

impl vte::Perform for Acts {
    fn print(&mut self, character: char) {
        self.printed += 1;
        if is_unsafe(character) {
            self.strange.push(format!("prints {:x}", u32::from(character)));
        }
    }

    fn execute(&mut self, byte: u8) {
        self.strange.push(format!("control {byte:#x}"));
    }

    fn hook(&mut self, _: &vte::Params, _: &[u8], _: bool, action: char) {
        self.strange.push(format!("device control {action}"));
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _: bool) {
        self.strange.push(format!("operating system command {params:?}"));
    }

    fn csi_dispatch(&mut self, params: &vte::Params, marks: &[u8], _: bool, action: char) {
        let first = params.iter().next().map_or(0, |values| values[0]);
        let ours = match (marks, action) {
            // Move the cursor; colours and the like; clear the screen once at the beginning.
            (b"", 'H' | 'm') => true,
            (b"", 'J') => first == 2,
            (b"?", 'h' | 'l') => matches!(first, 25 | 1000 | 1006 | 1049 | 2004),
            _ => false,
        };
        if !ours {
            self.strange.push(format!("CSI {marks:?} {first} {action}"));
        }
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        self.strange.push(format!("escape {byte:#x}"));
    }
}

/// The pieces that terminals act on, glued together at random, with random bytes between.
const PIECES: [&str; 18] = [
    "\x1b]0;title\x07",
    "\x1b]52;c;aGk=\x07",
    "\x1b[2J",
    "\x1b[31m",
    "\x1bc",
    "\u{9b}2J",
    "\u{90}q\u{9c}",
    "\u{202e}",
    "\u{2066}",
    "\u{200d}",
    "\u{feff}",
    "o\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "温度",
    "❤\u{fe0f}",
    "\u{1f1e9}\u{1f1ea}",
    "\r\n\t\x08",
    "{\"a\":1}",
    "\u{e0041}",
];

struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..=self.next(5) {
            if self.next(3) == 0 {
                text.extend((0..4).filter_map(|_| char::from_u32(self.next(0x11_0000) as u32)));
            } else {
                text.push_str(PIECES[self.next(PIECES.len() as u64) as usize]);
            }
        }
        text
    }

    fn topic(&mut self) -> String {
        self.text().replace(['\0', '+', '#'], "/").chars().take(200).collect::<String>() + "x"
    }

    fn payload(&mut self) -> Vec<u8> {
        let mut payload = self.text().into_bytes();
        if self.next(4) == 0 {
            payload.extend((0..8).map(|_| self.next(256) as u8));
        }
        payload
    }
}

#[test]
fn random_messages_drive_no_terminal() {
    // How many messages; a script runs it with a million.
    let count = std::env::var("MQT_TEST_MESSAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(5_000);
    let broker = TestBroker::start();
    let port = broker.port().to_string();
    let mut tty = Tty::start(&["watch", "-p", &port, "--max-topics", "1000"], 200, 50);
    tty.wait_for_text("MQTT 5");
    tty.wait_for_text("waiting for messages");
    let mut feed = Mqt::new(["pub", "-p", &port, "--json", "-q", "1"]).start();
    let mut input = feed.take_stdin().unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for number in 0..count {
        use base64::Engine as _;
        let payload = base64::engine::general_purpose::STANDARD.encode(random.payload());
        let line = serde_json::json!({"topic": random.topic(), "payload_base64": payload});
        writeln!(input, "{line}").unwrap();
        // Another topic and another view from time to time, so that all of it comes by.
        if number % 50 == 0 {
            tty.send(["j", "o", "1", "2", "3", "5", "6", "v", "G", "g", "s", "\x06"][number / 50 % 12]);
        }
    }
    drop(input);
    feed.wait().assert_code(0);
    tty.send("q");
    assert_eq!(tty.wait().code(), Some(0));
    wait_until("the restored terminal", || tty.is_cooked());
    let bytes = tty.bytes();
    let mut acts = Acts::default();
    let mut parser = vte::Parser::new();
    parser.advance(&mut acts, &bytes);
    acts.strange.truncate(20);
    assert_eq!(acts.strange, Vec::<String>::new());
    assert!(acts.printed > 1_000, "{}", acts.printed);
}
