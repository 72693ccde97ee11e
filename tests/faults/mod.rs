//! What goes wrong for somebody at a shell: the words, the exit status, and what becomes of the messages.

mod connecting;
mod denied;
mod files;
mod input;
#[cfg(unix)]
mod output;
mod packets;
mod progress;
mod receiving;
mod running;
mod secrets;
#[cfg(unix)]
mod signals;

use serde_json::Value;

use crate::support::mqt::{Mqt, Outcome};
use crate::support::scripted::Scripted;
use crate::support::wire::{Wire, bytes, hex};

/// CONNACK of MQTT 5, everything allowed.
pub const CONNACK: &str = "20 (00 00 00)";
/// CONNACK of MQTT 3.1.1.
pub const CONNACK_311: &str = "20 (00 00)";

/// `mqt pub` to a port of this machine.
pub fn publish(port: u16) -> Mqt {
    Mqt::new(["pub", "-h", "127.0.0.1", "-p", &port.to_string()])
}

/// `mqt sub` at a port of this machine.
pub fn subscribe(port: u16) -> Mqt {
    Mqt::new(["sub", "-h", "127.0.0.1", "-p", &port.to_string()])
}

/// The summary of `--summary=json`, the last line of standard error.
#[track_caller]
pub fn summary(outcome: &Outcome) -> Value {
    let line = outcome.stderr().lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: no summary\n{outcome}"))
}

/// Takes the SUBSCRIBE of one filter and grants what `granted` says, in hexadecimal.
#[track_caller]
fn grant(peer: &mut Wire, granted: &str) {
    let subscribe = peer.packet();
    assert_eq!(subscribe[0], 0x82, "no SUBSCRIBE: {}", hex(&subscribe));
    peer.send(&format!("90 ({} 00 {granted})", hex(&subscribe[2..4])));
}

/// The packets that a run sends after CONNECT, up to its DISCONNECT, at QoS 0. MQTT 3.1.1 unless `connack` is
/// that of 5.
#[track_caller]
fn sent(mqt: Mqt, listener: &Scripted, connack: &str) -> Vec<Vec<u8>> {
    let running = mqt.start_with_stdin();
    let mut peer = listener.accept_and_say(connack);
    let mut packets = Vec::new();
    loop {
        let packet = peer.packet();
        match packet[0] {
            0xE0 => break,
            0xC0 => peer.send("D0 00"),
            _ => packets.push(packet),
        }
    }
    drop(peer);
    running.join().unwrap().assert_code(0);
    packets
}

/// Compares packets with their texts.
#[track_caller]
fn assert_packets(packets: &[Vec<u8>], expected: &[&str]) {
    let found: Vec<String> = packets.iter().map(|packet| hex(packet)).collect();
    let expected: Vec<String> = expected.iter().map(|text| hex(&bytes(text))).collect();
    assert_eq!(found, expected);
}
