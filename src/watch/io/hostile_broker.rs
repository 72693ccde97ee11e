//! Brokers that send anything, and the loop of `mqt watch` without its screen.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::cli::{Request, parse};
use crate::commands::hostile_peer::{Seen, transport, within};
use crate::commands::signals::Signals;
use crate::config::{Environment, UiSettings, WatchSettings, watch};
use crate::ui::Ui;
use crate::watch::io::watcher::{Watcher, came_in};
use crate::watch::view::summary;
use mqt_client::{Client, SessionChoices};
use mqt_proto::{Message, QoS, TopicName};

/// This many times a watcher runs, each with as many sequences as it connects.
const RUNS: u64 = 2_100;
/// A run gets this many looks at its connection.
const ROUNDS: u32 = 2_000;
/// After this long the user has seen enough.
const ENOUGH: Duration = Duration::from_secs(20);

fn settings() -> WatchSettings {
    let environment = Environment::empty();
    match parse(["mqt", "watch", "--once", "--retry"].map(Into::into)).unwrap() {
        Request::Watch(args) => watch(*args, &environment).unwrap().settings,
        other => panic!("{other:?}"),
    }
}

/// One run: messages are published and received until an error, or until it is enough.
async fn run(seed: u64, settings: WatchSettings, seen: &Arc<Seen>) {
    let ui = Ui::new("mqt", UiSettings { quiet: true, ..UiSettings::default() });
    let (_sender, receiver) = mpsc::channel(1);
    let mut signals = Signals::of(receiver);
    let options = settings.client.clone();
    let mut watcher = Watcher::new(settings, &ui).unwrap();
    let choices = SessionChoices { downgrade_qos: true, seed, ..SessionChoices::default() };
    watcher.client = Some(Client::over(transport(seed << 32, seen), options, choices));
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let topic = TopicName::new("a").unwrap();
        watcher.outgoing.push_back(Message { topic, qos, payload: "x".into(), ..Message::default() });
    }
    let enough = Instant::now() + ENOUGH;
    let mut rounds = 0;
    while watcher.failure.is_none() {
        rounds += 1;
        assert!(rounds < ROUNDS, "run {seed} spins");
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(enough) => break,
            came = came_in(&mut watcher.client, &mut watcher.replay) => watcher.arrived(came),
        }
        watcher.app.work();
    }
    let report = summary::json(&mut watcher.app, None, ENOUGH);
    assert!(report.ends_with("}\n"), "{report}");
    // With or without an error: it comes back.
    let _ = watcher.finish(&mut signals, None).await;
}

#[test]
fn five_thousand_sequences_of_packets_end_and_none_of_them_spins() {
    let seen = Arc::new(Seen::default());
    let counting = Arc::clone(&seen);
    within(Duration::from_secs(240), move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let settings = settings();
        for seed in 0..RUNS {
            runtime.block_on(run(seed, settings.clone(), &counting));
        }
    });
    let (streams, most) = (seen.streams.load(Ordering::Relaxed), seen.most.load(Ordering::Relaxed));
    assert!(streams >= 5_000, "{streams} sequences");
    assert!(most < 1_000, "a stream was read from {most} times");
}
