//! What only `mosquitto_pub` does.

use nix::sys::signal::Signal;

use super::{IN, IN_5, Row, row};
use crate::dropin::program::Program;

/// The message options, and the PUBLISH that they make, after CONNACK and before DISCONNECT.
const ONE_MESSAGE: &[(&str, &str)] = &[
    ("-t a -m x", "> 30 (`a` 'x')"),
    ("--topic a/b --message 'x y'", "> 30 (`a/b` 'x y')"),
    ("-t a -m ''", "> 30 (`a`)"),
    ("-t a -n", "> 30 (`a`)"),
    ("-t a --null-message -r", "> 31 (`a`)"),
    ("-t a -m x --retain", "> 31 (`a` 'x')"),
    ("-t a -m x -q 0", "> 30 (`a` 'x')"),
    ("-t a -m x -q 1", "> 32 (`a` 0001 'x') < 40 02 0001"),
    ("-t a -m x -q 2", "> 34 (`a` 0001 'x') < 50 02 0001 > 62 02 0001 < 70 02 0001"),
    ("-t a -m x --qos 1 -r", "> 33 (`a` 0001 'x') < 40 02 0001"),
    ("-t a -m x --qos 2 --retain", "> 35 (`a` 0001 'x') < 50 02 0001 > 62 02 0001 < 70 02 0001"),
    // The next word is the value, the last topic counts, a topic may have a space, digits count as far as they go.
    ("-t -m -m -t", "> 30 (`-m` '-t')"),
    ("-t one -m --help -t two", "> 30 (`two` '--help')"),
    ("-t '/a b/$c' -m x", "> 30 (`/a b/$c` 'x')"),
    ("-t a -m x -q 1x", "> 32 (`a` 0001 'x') < 40 02 0001"),
    ("-t a -m x -q abc", "> 30 (`a` 'x')"),
    ("-t 'temperatur/küche' -m '21 °C'", "> 30 (`temperatur/küche` '21 °C')"),
    // Again and again, each after the last one is delivered.
    ("-t a -m x --repeat 3", "> 30 (`a` 'x') > 30 (`a` 'x') > 30 (`a` 'x')"),
    (
        "-t a -m x --repeat 2 -q 1 --repeat-delay 0.1",
        "> 32 (`a` 0001 'x') < 40 02 0001 > 32 (`a` 0002 'x') < 40 02 0002",
    ),
    ("-t a -n --repeat 2 --repeat-delay abc -r", "> 31 (`a`) > 31 (`a`)"),
    (
        "-t a -m x --repeat 2 -q 2",
        "> 34 (`a` 0001 'x') < 50 02 0001 > 62 02 0001 < 70 02 0001 \
         > 34 (`a` 0002 'x') < 50 02 0002 > 62 02 0002 < 70 02 0002",
    ),
    ("-t a -m x -M 1 -q 1", "> 32 (`a` 0001 'x') < 40 02 0001"),
];

/// Messages from a file or standard input: options, input, packets.
const INPUT: &[(&str, &str, &str)] = &[
    ("-t a -f {dir}/input", "two\nlines\n", "> 30 (`a` 'two' 0A 'lines' 0A)"),
    ("-t a --file {dir}/input", "", "> 30 (`a`)"),
    (
        "-t a -f {dir}/input -q 1 --repeat 2",
        "x",
        "> 32 (`a` 0001 'x') < 40 02 0001 > 32 (`a` 0002 'x') < 40 02 0002",
    ),
    ("-t a -s", "two\nlines\n", "> 30 (`a` 'two' 0A 'lines' 0A)"),
    ("-t a --stdin-file -r", "a\0b", "> 31 (`a` 'a' 00 'b')"),
    ("-t a -s --repeat 2", "x", "> 30 (`a` 'x') > 30 (`a` 'x')"),
    ("-t a -l", "one\ntwo\n", "> 30 (`a` 'one') > 30 (`a` 'two')"),
    ("-t a --stdin-line", "one\n\nlast", "> 30 (`a` 'one') > 30 (`a`) > 30 (`a` 'last')"),
    ("-t a -l", "carriage\r\n", "> 30 (`a` 'carriage' 0D)"),
    ("-t a -l", "", ""),
    ("-t a -l -r", "x\n", "> 31 (`a` 'x')"),
    ("-t a -l --repeat 3", "x\n", "> 30 (`a` 'x')"),
    ("-t a -l -q 1", "1\n2\n", "> 32 (`a` 0001 '1') > 32 (`a` 0002 '2') < 40 02 0001 40 02 0002"),
    ("-t a -l -q 1 -M 1", "1\n2\n", "> 32 (`a` 0001 '1') < 40 02 0001 > 32 (`a` 0002 '2') < 40 02 0002"),
    ("-t a -l -q 2", "1\n", "> 34 (`a` 0001 '1') < 50 02 0001 > 62 02 0001 < 70 02 0001"),
];

/// Properties of PUBLISH, and its bytes.
const PROPERTIES: &[(&str, &str)] = &[
    ("-V 5", "30 (`a` 00 'x')"),
    ("-D publish content-type text/plain", "30 (`a` (03 `text/plain`) 'x')"),
    ("-D publish correlation-data id", "30 (`a` (09 `id`) 'x')"),
    ("-D publish message-expiry-interval 60", "30 (`a` (02 0000003C) 'x')"),
    ("-D publish payload-format-indicator 1", "30 (`a` (01 01) 'x')"),
    ("-D publish response-topic r/t", "30 (`a` (08 `r/t`) 'x')"),
    ("--property Publish USER-PROPERTY 'a key' 'a value'", "30 (`a` (26 `a key` `a value`) 'x')"),
    (
        "-D publish user-property b 2 -D publish user-property a 1 -D publish user-property b 2",
        "30 (`a` (26 `b` `2` 26 `a` `1` 26 `b` `2`) 'x')",
    ),
    (
        "-D publish content-type t -D publish payload-format-indicator 0 -D publish correlation-data c",
        "30 (`a` (03 `t` 01 00 09 `c`) 'x')",
    ),
    ("-D publish message-expiry-interval 4294967295 -r", "31 (`a` (02 FFFFFFFF) 'x')"),
];

pub fn rows() -> Vec<Row> {
    let publish = |line: &str| row(Program::Pub, line);
    let mut rows = Vec::new();
    for (options, packets) in ONE_MESSAGE {
        rows.push(publish(options).wire(format!("{IN} {packets} > E0 00")));
    }
    for (options, input, packets) in INPUT {
        let row = publish(options).wire(format!("{IN} {packets} > E0 00"));
        rows.push(if options.contains("{dir}") { row.file("input", *input) } else { row.stdin(input) });
    }
    for (options, packet) in PROPERTIES {
        rows.push(publish(&format!("-t a -m x {options}")).wire(format!("{IN_5} > {packet} > E0 00")));
    }

    // An alias stands for the topic from the second message on.
    rows.push(publish("-t topic -m x --repeat 2 -D publish topic-alias 1").wire(
        "> 10 (`MQTT` 05 02 003C (21 0014) ``) < 20 (00 00 (22 000A)) > 30 (`topic` (23 0001) 'x') \
         > 30 (`` (23 0001) 'x') > E0 00",
    ));
    // What MQTT 5 brokers allow.
    let limited = |line: &str, limits: &str, packets: &str| {
        publish(line).wire(format!("> 10 (`MQTT` 05 02 003C (21 0014) ``) < 20 (00 00 ({limits})) {packets}"))
    };
    rows.push(
        limited("-V 5 -t a -m x -q 2", "24 01", "> E0 00")
            .code(24)
            .stderr_has("QoS not supported on broker, try a lower QoS"),
    );
    rows.push(
        limited("-V 5 -t a -m 'more than this' -q 1", "27 0000000C", "> E0 00")
            .code(25)
            .stderr_has("22 bytes, the broker allows 12"),
    );
    rows.push(
        limited(
            "-V 5 -t a -l -q 1",
            "21 0001",
            "> 32 (`a` 0001 00 '1') < 40 02 0001 > 32 (`a` 0002 00 '2') < 40 02 0002 > E0 00",
        )
        .stdin("1\n2\n"),
    );

    // The broker refuses a message: said, and no success.
    rows.push(
        publish("-V 5 -t a -m x -q 1")
            .wire(format!("{IN_5} > 32 (`a` 0001 00 'x') < 40 (0001 87) > E0 00"))
            .code(12)
            .stderr_has("Warning: Publish 1 failed: Not authorized"),
    );
    rows.push(
        publish("-V 5 -t a -m x -q 1")
            .wire(format!("{IN_5} > 32 (`a` 0001 00 'x') < 40 (0001 97 (1F `too much`)) > E0 00"))
            .code(12)
            .stderr_has("too much"),
    );
    rows.push(
        publish("-V 5 -t a -m x -q 2")
            .wire(format!("{IN_5} > 34 (`a` 0001 00 'x') < 50 (0001 99) > E0 00"))
            .code(12)
            .stderr_has("Payload format invalid"),
    );
    rows.push(
        publish("-V 5 -t a -m x -q 1 --quiet")
            .wire(format!("{IN_5} > 32 (`a` 0001 00 'x') < 40 (0001 87) > E0 00"))
            .code(12),
    );
    // Nobody is subscribed: no fault.
    rows.push(
        publish("-V 5 -t a -m x -q 1").wire(format!("{IN_5} > 32 (`a` 0001 00 'x') < 40 (0001 10) > E0 00")),
    );

    // The connection is lost.
    rows.push(
        publish("-t a -m x -q 1")
            .wire(format!("{IN} > 32 (`a` 0001 'x') ! close"))
            .code(7)
            .stderr_has("The connection was lost"),
    );
    rows.push(publish("-t a -m x --quiet -q 1").wire(format!("{IN} > 32 (`a` 0001 'x') ! reset")).code(7));
    rows.push(
        publish("-t a -m x")
            .wire("> 10 (`MQTT` 04 02 003C ``) ! close")
            .code(7)
            .stderr_has("The connection was lost"),
    );
    // Lines are kept for the next connection; for a clean session they are new messages.
    rows.push(publish("-t a -l -q 1").stdin("1\n2\n").wire(format!(
        "{IN} > 32 (`a` 0001 '1') > 32 (`a` 0002 '2') < 40 02 0001 ! close ! accept {IN} \
         > 32 (`a` 0003 '2') < 40 02 0003 > E0 00"
    )));
    // Lines go as they come.
    rows.push(publish("-t a -l").wire(format!(
        "{IN} ! line one > 30 (`a` 'one') ! line two > 30 (`a` 'two') ! end of input > E0 00"
    )));

    rows.push(
        publish("-t a -m x -q 1")
            .wire(format!("{IN} > 32 (`a` 0001 'x') < F1 00"))
            .code(2)
            .stderr_has("Error: "),
    );
    rows.push(
        publish("-t a -m x").wire("> 10 (`MQTT` 04 02 003C ``) < 30 (`a` 'x')").code(2).stderr_has("Error: "),
    );
    rows.push(
        publish("-V 5 -t a -m x -q 1")
            .wire(format!("{IN_5} > 32 (`a` 0001 00 'x') < E0 01 8B"))
            .code(7)
            .stderr_has("shutting down"),
    );

    // The message may come from the options file, and is then the only one.
    rows.push(
        publish("")
            .file(".config/mosquitto_pub", "-t a\n-m \"b c\" \n")
            .wire(format!("{IN} > 30 (`a` '\"b c\" ') > E0 00")),
    );
    rows.push(
        publish("-m x")
            .file(".config/mosquitto_pub", "-t a\n-n\n")
            .code(1)
            .stderr_has("Only one type of message"),
    );

    // Nobody answers pings.
    rows.push(
        publish("-t a -m x -q 1 -k 5")
            .wire("> 10 (`MQTT` 04 02 0005 ``) < 20 02 00 00 > 32 (`a` 0001 'x') > C0 00 ! wait for the end")
            .code(19)
            .stderr_has("Keepalive exceeded"),
    );
    // Signals kill it.
    for (step, signal) in
        [("SIGINT", Signal::SIGINT), ("SIGTERM", Signal::SIGTERM), ("SIGHUP", Signal::SIGHUP)]
    {
        rows.push(
            publish("-t a -m x -q 1")
                .wire(format!("{IN} > 32 (`a` 0001 'x') ! {step} ! wait for the end"))
                .signal(signal),
        );
    }

    // Debug lines are on standard output.
    rows.push(publish("-t a -m x -d").wire(format!("{IN} > 30 (`a` 'x') > E0 00")).stdout(
        "Client null sending CONNECT\nClient (null) received CONNACK (0)\n\
         Client null sending PUBLISH (d0, q0, r0, m1, 'a', ... (1 bytes))\nClient null sending DISCONNECT\n",
    ));
    rows.push(
        publish("--debug -i me -t a/b -m hello -q 1 -r")
            .wire(
                "> 10 (`MQTT` 04 02 003C `me`) < 20 02 00 00 > 33 (`a/b` 0001 'hello') < 40 02 0001 > E0 00",
            )
            .stdout(
                "Client me sending CONNECT\nClient me received CONNACK (0)\n\
                 Client me sending PUBLISH (d0, q1, r1, m1, 'a/b', ... (5 bytes))\n\
                 Client me received PUBACK (Mid: 1, RC:0)\nClient me sending DISCONNECT\n",
            ),
    );
    rows.push(
        publish("-d -i me -t a -m x -q 2")
            .wire(
                "> 10 (`MQTT` 04 02 003C `me`) < 20 02 00 00 > 34 (`a` 0001 'x') < 50 02 0001 > 62 02 0001 \
                 < 70 02 0001 > E0 00",
            )
            .stdout(
                "Client me sending CONNECT\nClient me received CONNACK (0)\n\
                 Client me sending PUBLISH (d0, q2, r0, m1, 'a', ... (1 bytes))\n\
                 Client me received PUBREC (Mid: 1)\nClient me sending PUBREL (m1)\n\
                 Client me received PUBCOMP (Mid: 1, RC:0)\nClient me sending DISCONNECT\n",
            ),
    );
    // An MQTT 5 broker gives a name.
    rows.push(
        publish("-d -V 5 -t a -m x")
            .wire("> 10 (`MQTT` 05 02 003C (21 0014) ``) < 20 (00 00 (12 `given`)) > 30 (`a` 00 'x') > E0 00")
            .stdout(
                "Client null sending CONNECT\nClient given received CONNACK (0)\n\
                 Client given sending PUBLISH (d0, q0, r0, m1, 'a', ... (1 bytes))\n\
                 Client given sending DISCONNECT\n",
            ),
    );
    rows
}
