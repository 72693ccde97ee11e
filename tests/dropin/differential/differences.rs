//! What version 2.0.11 of the real programs does otherwise, each with its reason.

use super::{Connection, Difference, Seen};

/// Replaces text on standard output.
fn replace(seen: &mut Seen, from: &str, to: &str) {
    let [from, to] = [from, to].map(|text| text.escape_default().to_string());
    seen.stdout = seen.stdout.replace(&from, &to);
}

pub static JSON_TIME: Difference = Difference {
    reason: "2.0 printed both Z and the offset of a time; 2.1 does not",
    change: |seen| replace(seen, "Z+0000", "+0000"),
    change_ours: |_| {},
};

pub static JSON_RETAIN: Difference = Difference {
    reason: "2.1 prints retain as true or false",
    change: |seen| {
        for space in ["", "\t"] {
            replace(seen, &format!("\"retain\":{space}0"), &format!("\"retain\":{space}false"));
            replace(seen, &format!("\"retain\":{space}1"), &format!("\"retain\":{space}true"));
        }
    },
    change_ours: |_| {},
};

pub static DEBUG_NULL: Difference = Difference {
    reason: "2.1 writes null for the missing client id, except in the CONNACK line",
    change: |seen| {
        replace(seen, "Client (null) ", "Client null ");
        replace(seen, "Client null received CONNACK", "Client (null) received CONNACK");
    },
    change_ours: |_| {},
};

pub static DEBUG_ORDER: Difference = Difference {
    reason: "a message is printed before it is acknowledged, so that an end between the two loses nothing",
    change: |seen| {
        let acknowledged = "Client me sending PUBACK (m1, rc0)\n";
        replace(seen, &format!("{acknowledged}hello\n"), &format!("hello\n{acknowledged}"));
    },
    change_ours: |_| {},
};

pub static USAGE: Difference = Difference {
    reason: "the usage is our own text",
    change: |seen| leave_out_usage(seen),
    change_ours: |seen| leave_out_usage(seen),
};

fn leave_out_usage(seen: &mut Seen) {
    if seen.stdout.contains("Usage: mosquitto_") {
        "USAGE".clone_into(&mut seen.stdout);
    }
}

pub static RR_DISCONNECT: Difference = Difference {
    reason: "an end in order is told to the broker, so that it does not send the will",
    change: |seen| {
        let Some(Connection { sent, last_sent, .. }) = seen.connections.last_mut() else { return };
        if *last_sent != "DISCONNECT" {
            sent.push(crate::dropin::packets::Fields {
                packet: "DISCONNECT",
                fields: vec![("flags", "0000".to_owned())],
            });
            *last_sent = "DISCONNECT";
        }
    },
    change_ours: |_| {},
};
