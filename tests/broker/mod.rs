//! The dev broker over sockets, against bytes written by hand and against an independent client.

mod command;
mod core;
mod limits;
mod listeners;
mod peer;
mod publish;
mod session;
mod subscribe;
mod will;

use std::time::Duration;

use mqt_broker::{BrokerError, BrokerLimits, BrokerOptions, PasswordFile, Server};
use mqt_client::Endpoint;

use crate::support::broker::TestBroker;
use crate::support::wire::{Wire, bytes};

fn connect_311(broker: &TestBroker, client_id: char) -> Wire {
    let mut wire = Wire::connect(broker.port());
    wire.send(&format!("10 (`MQTT` 04 02 0000 `{client_id}`)"));
    wire.expect("20 (00 00)");
    wire
}

fn connect_5(broker: &TestBroker, client_id: char) -> Wire {
    let mut wire = Wire::connect(broker.port());
    wire.send(&format!("10 (`MQTT` 05 02 0000 () `{client_id}`)"));
    wire.expect(core::CONNACK_5);
    wire
}

#[test]
fn a_message_goes_from_3_1_1_to_5_and_back() {
    // 311:3.1.4-4 5:3.1.4-5 311:3.8.4-1 5:3.8.4-1 5:4.3.1-1 311:4.3.1-1
    let broker = TestBroker::start();
    let mut old = connect_311(&broker, 'a');
    let mut new = connect_5(&broker, 'b');
    old.send("82 08 0001 0003 'x/+' 00");
    old.expect("90 03 0001 00");
    new.send("82 09 0001 00 0003 'y/#' 00");
    new.expect("90 04 0001 00 00");
    new.send("30 08 0003 'x/1' 00 'hi'");
    old.expect("30 07 0003 'x/1' 'hi'");
    old.send("30 07 0003 'y/2' 'ho'");
    new.expect("30 08 0003 'y/2' 00 'ho'");
    // 311:3.12.4-1 5:3.12.4-1
    old.send("c0 00");
    old.expect("d0 00");
}

#[test]
fn the_first_packet_is_connect() {
    // 311:3.1.0-1 5:3.1.0-1 311:3.1.4-1 5:3.1.4-1
    let broker = TestBroker::start();
    for packet in ["c0 ()", "30 (`t` 'x')", "20 (00 00)", "'GET / HTTP/1.1'", "10 (`MQTT` 05 03 0000 () `a`)"]
    {
        let mut wire = Wire::connect(broker.port());
        wire.send(packet);
        wire.expect_close();
    }
}

#[test]
fn an_unknown_version_is_told_so() {
    // 311:3.1.2-2 5:3.1.2-2
    let broker = TestBroker::start();
    for (connect, answer) in [
        ("10 (`MQTT` 06 02 0000 () `a`)", "20 (00 84 ())"),
        ("10 (`MQTT` 02 02 0000 `a`)", "20 (00 01)"),
        ("10 (`MQIsdp` 07 02 0000 `a`)", "20 (00 01)"),
    ] {
        let mut wire = Wire::connect(broker.port());
        wire.send(connect);
        wire.expect(answer);
        wire.expect_close();
    }
}

#[test]
fn a_client_that_never_connects_is_sent_away() {
    let limits = BrokerLimits { connect_timeout: Duration::from_millis(50), ..BrokerLimits::default() };
    let broker = TestBroker::start_with(BrokerOptions { limits, ..BrokerOptions::default() });
    let mut silent = Wire::connect(broker.port());
    let mut slow = Wire::connect(broker.port());
    slow.send("10 0d 0004");
    silent.expect_close();
    slow.expect_close();
}

#[test]
fn packets_may_come_in_pieces_and_together() {
    let broker = TestBroker::start();
    let mut wire = Wire::connect(broker.port());
    let packets = "10 (`MQTT` 04 02 0000 `a`) 82 (0001 `t` 01) 32 (`t` 0001 'x') c0 ()";
    let answer = "20 (00 00) 90 (0001 01) 32 (`t` 0001 'x') 40 (0001) d0 ()";
    for byte in bytes(packets) {
        wire.send_bytes(&[byte]);
    }
    wire.expect(answer);
    let mut wire = Wire::connect(broker.port());
    wire.send(packets);
    wire.expect(answer);
}

#[test]
fn large_messages_go_through_whole() {
    let broker = TestBroker::start();
    let mut wire = connect_311(&broker, 'a');
    wire.send("82 (0001 `t` 00)");
    wire.expect("90 (0001 00)");
    let payload: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let mut packet = bytes("30 c3 8d b7 01 `t`");
    packet.extend(&payload);
    let sender = packet.clone();
    let mut publisher = connect_311(&broker, 'b');
    let sending = std::thread::spawn(move || publisher.send_bytes(&sender));
    assert!(wire.receive(packet.len()) == packet, "the message was changed on its way");
    sending.join().unwrap();
}

#[test]
fn a_client_that_broke_the_protocol_still_reads_why() {
    let broker = TestBroker::start();
    let mut wire = connect_5(&broker, 'a');
    // More than the broker reads at once follows the broken packet.
    wire.send("32 (`t` 0000 () 'x')");
    wire.send_bytes(&[0; 200_000]);
    wire.expect("e0 (82)");
}

#[test]
fn everybody_hears_that_the_broker_stops() {
    let mut broker = TestBroker::start();
    let mut new = connect_5(&broker, 'a');
    let mut old = connect_311(&broker, 'b');
    broker.stop();
    new.expect("e0 (8b)");
    new.expect_close();
    old.expect_close();
}

#[test]
fn sessions_outlive_a_restart_that_remembers_them() {
    let mut broker = TestBroker::start();
    let port = broker.port();
    let open = |broker: &TestBroker, answer: &str| {
        let mut wire = Wire::connect(broker.port());
        wire.send("10 (`MQTT` 04 00 0000 `a`)");
        wire.expect(answer);
        wire
    };
    open(&broker, "20 (00 00)");
    broker.restart();
    assert_eq!(broker.port(), port);
    open(&broker, "20 (01 00)");
    broker.restart_empty();
    open(&broker, "20 (00 00)");
}

#[test]
fn the_network_is_served_only_on_purpose() {
    let listening = |address: &str| vec![Endpoint::listening(address).unwrap()];
    let bind = |options: BrokerOptions| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Server::bind(options)).map(|server| server.endpoints())
    };
    let open = BrokerOptions { listeners: listening("mqtt://0.0.0.0:0"), ..BrokerOptions::default() };
    assert!(matches!(bind(open.clone()), Err(BrokerError::Exposed { .. })));
    assert!(bind(BrokerOptions { allow_anonymous: true, ..open.clone() }).is_ok());
    let users = PasswordFile::parse("ann:secret").unwrap();
    assert!(bind(BrokerOptions { password_file: Some(users), ..open.clone() }).is_ok());
    for local in ["mqtt://127.0.0.2:0", "mqtt://localhost:0"] {
        let endpoints = bind(BrokerOptions { listeners: listening(local), ..open.clone() }).unwrap();
        assert_ne!(endpoints[0].port(), 0);
    }
    assert!(matches!(bind(BrokerOptions::default()), Err(BrokerError::NoListener)));
}

#[test]
fn it_runs_on_several_threads_and_loses_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    let listeners = vec![Endpoint::listening("mqtt://127.0.0.1:0").unwrap()];
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server =
        runtime.block_on(Server::bind(BrokerOptions { listeners, ..BrokerOptions::default() })).unwrap();
    let port = server.endpoints()[0].port();
    let running = runtime.spawn(server.run(async { drop(stopped.await) }));
    let readers: Vec<_> = (0..4)
        .map(|number| {
            let mut wire = Wire::connect(port);
            wire.send(&format!("10 (`MQTT` 04 02 0000 `reader{number}`) 82 (0001 `t/{number}` 00)"));
            wire.expect("20 (00 00) 90 (0001 00)");
            std::thread::spawn(move || {
                (0..5000).for_each(|count| wire.expect(&format!("30 (`t/{number}` '{count:06}')")));
            })
        })
        .collect();
    let writers: Vec<_> = (0..4)
        .map(|number| {
            let mut wire = Wire::connect(port);
            wire.send(&format!("10 (`MQTT` 04 02 0000 `writer{number}`)"));
            wire.expect("20 (00 00)");
            std::thread::spawn(move || {
                let packets: String =
                    (0..5000).map(|count| format!("30 (`t/{number}` '{count:06}')")).collect();
                wire.send(&packets);
                wire.send("c0 ()");
                wire.expect("d0 ()");
            })
        })
        .collect();
    writers.into_iter().chain(readers).for_each(|thread| thread.join().unwrap());
    drop(stop);
    runtime.block_on(running).unwrap();
}
