//! What only `mosquitto_rr` does.

use nix::sys::signal::Signal;

use super::{IN, IN_RR, Row, row};
use crate::dropin::program::Program;

const SUBSCRIBED: &str = "> 82 (0001 00 `re` 00) < 90 (0001 00 00)";
const ASKED: &str = "> 30 (`q` (08 `re`) 'x')";

/// Options, the request, the answer, and what is printed.
const ANSWERS: &[(&str, &str, &str, &str)] = &[
    ("-m x", "> 30 (`q` (08 `re`) 'x')", "30 (`re` 00 'answer')", "answer\n"),
    ("--message 'x y'", "> 30 (`q` (08 `re`) 'x y')", "30 (`re` 00 'two' 0A)", "two\n\n"),
    ("-n", "> 30 (`q` (08 `re`))", "30 (`re` 00)", ""),
    ("--null-message -v", "> 30 (`q` (08 `re`))", "30 (`re` 00)", "re (null)\n"),
    ("-m x -v", ASKED, "30 (`re` 00 'y')", "re y\n"),
    ("-m x --verbose -N", ASKED, "30 (`re` 00 'y')", "re y"),
    ("-m x -N", ASKED, "30 (`re` 00 'y')", "y"),
    ("-m x -F '%t %l %p'", ASKED, "30 (`re` 00 'y')", "re 1 y\n"),
    ("-m x -F '%D|%C' -v", ASKED, "30 (`re` (09 `id` 03 `t`) 'y')", "id|t\n"),
    (
        "-m x -D publish correlation-data id",
        "> 30 (`q` (09 `id` 08 `re`) 'x')",
        "30 (`re` (09 `id`) 'y')",
        "y\n",
    ),
    (
        "-m x -D publish user-property k v -D publish message-expiry-interval 5",
        "> 30 (`q` (26 `k` `v` 02 00000005 08 `re`) 'x')",
        "30 (`re` 00 'y')",
        "y\n",
    ),
    // The first message is the answer.
    ("-m x", ASKED, "31 (`re` 00 'kept') 30 (`re` 00 'y')", "kept\n"),
    ("-m x --qos 0", ASKED, "30 (`re` 00 'y')", "y\n"),
    ("-m x --quiet", ASKED, "30 (`re` 00 'y')", "y\n"),
];

/// Options of the subscription.
const SUBSCRIPTIONS: &[(&str, &str)] = &[
    ("-R", "20"),
    ("--retain-as-published", "08"),
    ("--retain-handling new", "10"),
    ("--retain-handling never --retain-as-published", "28"),
    ("--retain-handling always", "00"),
];

pub fn rows() -> Vec<Row> {
    let request = |options: &str| row(Program::Rr, format!("-t q -e re {options}"));
    let mut rows = Vec::new();
    for (options, asked, answer, output) in ANSWERS {
        rows.push(
            request(options).wire(format!("{IN_RR} {SUBSCRIBED} {asked} < {answer} > E0 00")).stdout(*output),
        );
    }
    for (options, byte) in SUBSCRIPTIONS {
        rows.push(
            request(&format!("-m x {options}"))
                .wire(format!(
                    "{IN_RR} > 82 (0001 00 `re` {byte}) < 90 (0001 00 00) {ASKED} < 30 (`re` 00 'y') > E0 00"
                ))
                .stdout("y\n"),
        );
    }
    // QoS for both.
    rows.push(
        request("-m x -q 1")
            .wire(format!(
                "{IN_RR} > 82 (0001 00 `re` 01) < 90 (0001 00 01) > 32 (`q` 0002 (08 `re`) 'x') < 40 02 0002 \
                 32 (`re` 0005 00 'y') > 40 02 0005 > E0 00"
            ))
            .stdout("y\n"),
    );
    rows.push(
        request("-m x --qos 2")
            .wire(format!(
                "{IN_RR} > 82 (0001 00 `re` 02) < 90 (0001 00 02) > 34 (`q` 0002 (08 `re`) 'x') < 50 02 0002 \
                 > 62 02 0002 < 70 02 0002 34 (`re` 0005 00 'y') > 50 02 0005 < 62 02 0005 > 70 02 0005 > E0 00"
            ))
            .stdout("y\n"),
    );
    // Without properties in MQTT 3.1.1.
    rows.push(
        request("-m x -V 311 -v")
            .wire(format!("{IN} > 82 (0001 `re` 00) < 90 (0001 00) > 30 (`q` 'x') < 30 (`re` 'y') > E0 00"))
            .stdout("re y\n"),
    );
    rows.push(
        row(Program::Rr, "--topic q -e re -s")
            .stdin("from\nstdin\n")
            .wire(format!(
                "{IN_RR} {SUBSCRIBED} > 30 (`q` (08 `re`) 'from' 0A 'stdin' 0A) < 30 (`re` 00 'y') > E0 00"
            ))
            .stdout("y\n"),
    );
    rows.push(
        request("--stdin-file")
            .stdin("x")
            .wire(format!("{IN_RR} {SUBSCRIBED} {ASKED} < 30 (`re` 00 'y') > E0 00"))
            .stdout("y\n"),
    );
    for option in ["-f", "--file"] {
        rows.push(
            request(&format!("{option} {{dir}}/request"))
                .file("request", "x")
                .wire(format!("{IN_RR} {SUBSCRIBED} {ASKED} < 30 (`re` 00 'y') > E0 00"))
                .stdout("y\n"),
        );
    }
    rows.push(
        request("-m x --latency")
            .wire(format!("{IN_RR} {SUBSCRIBED} {ASKED} < 30 (`re` 00 'y') > E0 00"))
            .stdout_has("y\nLatency: "),
    );
    rows.push(
        request("-m x -F %j --pretty")
            .wire(format!("{IN_RR} {SUBSCRIBED} {ASKED} < 30 (`re` 00 'y') > E0 00"))
            .stdout_has("\t\"payload\":\t\"y\"\n}\n"),
    );
    // No answer in time, no permission, no connection.
    rows.push(
        request("-m x -W 1")
            .wire(format!("{IN_RR} {SUBSCRIBED} {ASKED} > E0 01 04"))
            .code(27)
            .stderr("Timed out\n"),
    );
    rows.push(
        request("-m x -W 1")
            .wire("> 10 (`MQTT` 05 02 003C (21 0001) ``) ! wait for the end")
            .code(27)
            .stderr("Timed out\n"),
    );
    rows.push(
        request("-m x -k 5")
            .wire(
                "> 10 (`MQTT` 05 02 0005 (21 0001) ``) < 20 (00 00 00) > 82 (0001 00 `re` 00) \
                 < 90 (0001 00 00) > 30 (`q` (08 `re`) 'x') > C0 00 ! wait for the end",
            )
            .code(19)
            .stderr_has("Keepalive exceeded"),
    );
    rows.push(
        request("-m x")
            .wire(format!("{IN_RR} > 82 (0001 00 `re` 00) < 90 (0001 00 87) > E0 00"))
            .code(12)
            .stderr_has("Not authorized"),
    );
    rows.push(
        request("-m x")
            .wire(format!("{IN_RR} {SUBSCRIBED} {ASKED} ! close"))
            .code(7)
            .stderr_has("The connection was lost"),
    );
    for (step, signal) in [("SIGINT", Signal::SIGINT), ("SIGTERM", Signal::SIGTERM)] {
        rows.push(
            request("-m x")
                .wire(format!("{IN_RR} {SUBSCRIBED} {ASKED} ! {step} ! wait for the end"))
                .signal(signal),
        );
    }
    for option in ["-d", "--debug"] {
        rows.push(
            request(&format!("-m x {option} -i me"))
                .wire(format!(
                    "> 10 (`MQTT` 05 02 003C (21 0001) `me`) < 20 (00 00 00) {SUBSCRIBED} {ASKED} \
                 < 30 (`re` 00 'y') > E0 00"
                ))
                .stdout(
                    "Client me sending CONNECT\nClient me received CONNACK (0)\n\
                 Client me sending SUBSCRIBE (Mid: 1, Topic: re, QoS: 0, Options: 0x00)\n\
                 Client me received SUBACK\n\
                 Client me sending PUBLISH (d0, q0, r0, m2, 'q', ... (1 bytes))\n\
                 Client me received PUBLISH (d0, q0, r0, m0, 're', ... (1 bytes))\ny\n\
                 Client me sending DISCONNECT\n",
                ),
        );
    }
    rows
}
