//! What reaches a terminal from the real program holds no control sequence that is not its own. Here a few
//! messages come all the way; a test next to the drawing draws a million.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::hostile::{Acts, Hostile};
use super::tty::Tty;
use crate::support::broker::TestBroker;
use crate::support::mqt::Mqt;
use crate::support::wait_until;

/// How often each topic gets a message; the next one is published when the last is on the screen.
const ROUNDS: usize = 60;
/// So few that all of them show.
const TOPICS: usize = 20;

#[test]
fn random_messages_drive_no_terminal() {
    let broker = TestBroker::start();
    let port = broker.port().to_string();
    let mut tty = Tty::start(&["watch", "-p", &port], 200, 50);
    tty.wait_for_text("waiting for messages");
    let mut feed = Mqt::new(["pub", "-p", &port, "--json", "-q", "1"]).start();
    let mut input = feed.take_stdin().unwrap();
    let mut hostile = Hostile::new(0x9e37_79b9_7f4a_7c15);
    let topics: Vec<String> = (0..TOPICS).map(|_| hostile.topic()).collect();
    for round in 0..ROUNDS {
        for topic in &topics {
            let payload = STANDARD.encode(hostile.payload());
            writeln!(input, "{}", serde_json::json!({"topic": topic, "payload_base64": payload})).unwrap();
        }
        tty.wait_for_text(&format!("  {} messages", (round + 1) * TOPICS));
        // Another topic and another view, so that all of it comes by.
        tty.send(["o", "j", "1", "2", "3", "5", "6", "v", "G", "g", "s", "\x06"][round % 12]);
    }
    drop(input);
    feed.wait().assert_code(0);
    tty.send("q");
    assert_eq!(tty.wait().code(), Some(0));
    wait_until("the restored terminal", || tty.is_cooked());
    let mut acts = Acts::default();
    vte::Parser::new().advance(&mut acts, &tty.bytes());
    assert_eq!(acts.strange, Vec::<String>::new());
    assert!(acts.printed > (ROUNDS * TOPICS) as u64, "{}", acts.printed);
}
