//! What only `mosquitto_sub` does, and how it and `mosquitto_rr` print.

use nix::sys::signal::Signal;

use super::{IN, IN_5, Row, row};
use crate::dropin::program::Program;

/// Filters, and the packets up to the first SUBACK.
const FILTERS: &[(&str, &str)] = &[
    ("-t a", "> 82 (0001 `a` 00) < 90 (0001 00)"),
    ("--topic +/a/# --qos 1", "> 82 (0001 `+/a/#` 01) < 90 (0001 01)"),
    ("-t a -t b -q 2 -t '#'", "> 82 (0001 `a` 02 `b` 02 `#` 02) < 90 (0001 02 02 02)"),
    ("-t a -t a", "> 82 (0001 `a` 00 `a` 00) < 90 (0001 00 00)"),
    ("-t -x", "> 82 (0001 `-x` 00) < 90 (0001 00)"),
    ("-t '$SYS/a b' -N", "> 82 (0001 `$SYS/a b` 00) < 90 (0001 00)"),
    ("-t a -R", "> 82 (0001 `a` 00) < 90 (0001 00)"),
    ("-t a --retain-as-published --retain-handling never", "> 82 (0001 `a` 00) < 90 (0001 00)"),
];

/// Options of subscriptions in MQTT 5.
const FILTERS_5: &[(&str, &str)] = &[
    ("-V 5 -t a", "82 (0001 00 `a` 00) < 90 (0001 00 00)"),
    ("-V 5 -t a -q 2", "82 (0001 00 `a` 02) < 90 (0001 00 02)"),
    ("-V 5 -t a --retain-as-published", "82 (0001 00 `a` 08) < 90 (0001 00 00)"),
    ("-V 5 -t a --retain-handling always", "82 (0001 00 `a` 00) < 90 (0001 00 00)"),
    ("-V 5 -t a --retain-handling new", "82 (0001 00 `a` 10) < 90 (0001 00 00)"),
    ("-V 5 -t a -q 1 --retain-handling never", "82 (0001 00 `a` 21) < 90 (0001 00 01)"),
    ("-V 5 -t a -R", "82 (0001 00 `a` 20) < 90 (0001 00 00)"),
    ("-V 5 -t a -R --retain-as-published -q 1", "82 (0001 00 `a` 29) < 90 (0001 00 01)"),
    ("-t a -D subscribe subscription-identifier 7", "82 (0001 (0B 07) `a` 00) < 90 (0001 00 00)"),
    ("-t a -D subscribe subscription-identifier 300", "82 (0001 (0B AC02) `a` 00) < 90 (0001 00 00)"),
    ("-t a -t b -D subscribe user-property k v", "82 (0001 (26 `k` `v`) `a` 00 `b` 00) < 90 (0001 00 00 00)"),
    ("-V 5 -t '$share/g/a'", "82 (0001 00 `$share/g/a` 00) < 90 (0001 00 00)"),
];

/// What is printed of messages in MQTT 3.1.1: options, the messages, the output.
const OUTPUT: &[(&str, &str, &str)] = &[
    ("-C 1", "30 (`a` 'x')", "x\n"),
    ("-C 2", "30 (`a` 'x') 30 (`a` 'y')", "x\ny\n"),
    // Nothing at all for nothing.
    ("-C 2", "30 (`a`) 30 (`a` 'y')", "y\n"),
    ("-C 1 -v", "30 (`a/b c` 'x y')", "a/b c x y\n"),
    ("-C 1 --verbose", "30 (`a`)", "a (null)\n"),
    ("-C 2 -N", "30 (`a` 'x') 30 (`a` 'y')", "xy"),
    ("-C 2 -N -v", "30 (`a` 'x') 30 (`b`)", "a x"),
    ("-C 1 -v -F %p", "30 (`a` 'x')", "x\n"),
    ("-C 1 -N -F '%p\\0'", "30 (`a` 'x')", "x\0"),
    ("-C 1", "30 (`a` 'two' 0A 'lines' 0A)", "two\nlines\n\n"),
    // -R hides what was retained, -T what matches; neither counts.
    ("-C 1 -R", "31 (`a` 'old') 30 (`a` 'new')", "new\n"),
    ("-C 1 -T b/#", "30 (`b/c` 'no') 30 (`a` 'yes')", "yes\n"),
    ("-C 1 --filter-out +/c -T d", "30 (`b/c` 'no') 30 (`d` 'no') 30 (`a` 'yes')", "yes\n"),
    ("-v -C 1 -T +/b", "30 (`$a/b` 'yes')", "$a/b yes\n"),
    // The first message that was not retained ends it.
    ("--retained-only", "31 (`a` 'old') 31 (`b` 'older') 30 (`a` 'new')", "old\nolder\n"),
    ("--retained-only -C 1", "31 (`a` 'old') 31 (`b` 'older')", "old\n"),
    // By chance, but these chances leave none, or each counts.
    ("-C 2 --random-filter 100", "30 (`a` 'x') 30 (`a` 'y')", "x\ny\n"),
    ("-C 1 --random-filter 100.0", "30 (`a` 'x')", "x\n"),
];

/// The language of `-F`: the format, and what comes out of [`RICH`].
const FORMATS: &[(&str, &str)] = &[
    ("text", "text"),
    ("%%", "%"),
    ("%t", "a/b"),
    ("<%8t>", "<     a/b>"),
    ("<%-8t>", "<a/b     >"),
    ("<%08t>", "<     a/b>"),
    ("<%.2t>", "<a/>"),
    ("<%-6.1t>", "<a     >"),
    ("%p", "payload"),
    ("<%3p>", "<pay>"),
    ("<%10p>", "<   payload>"),
    ("<%-10p>", "<payload   >"),
    ("<%010p>", "<000payload>"),
    ("%x", "7061796c6f6164"),
    ("%X", "7061796C6F6164"),
    ("%.2x", "70 61 79 6c 6f 61 64"),
    ("%.2:X", "70:61:79:6C:6F:61:64"),
    ("%.4_x", "7061_796c_6f61_64"),
    ("<%20x>", "<      7061796c6f6164>"),
    ("<%-20x>", "<7061796c6f6164      >"),
    ("<%020X>", "<0000007061796C6F6164>"),
    ("<%3x>", "<706179>"),
    ("%l", "7"),
    ("<%3l>", "<  7>"),
    ("<%-3l>", "<7  >"),
    ("<%03l>", "<007>"),
    ("%q", "1"),
    ("<%5q>", "<1>"),
    ("%r", "1"),
    ("%m", "17"),
    ("<%5m>", "<   17>"),
    ("%C", "text/plain"),
    ("<%12C>", "<  text/plain>"),
    ("<%.4C>", "<text>"),
    ("%D", "id"),
    ("%E", "60"),
    ("<%05E>", "<00060>"),
    ("%F", "1"),
    ("%P", "k:v k2:v 2"),
    ("%R", "r/t"),
    ("<%-5R>", "<r/t  >"),
    ("%S", "7"),
    ("<%3A>", "<   >"),
    ("<%A>", "<>"),
    ("\\\\\\a\\e\\n\\r\\t\\v", "\\\x07\x1b\n\r\t\x0b"),
    ("@@@%", "@%"),
    ("%t %p", "a/b payload"),
    ("%t|%q|%r|%p", "a/b|1|1|payload"),
];

/// A message with everything.
const RICH: &str = "33 (`a/b` 0011 (01 01 02 0000003C 03 `text/plain` 08 `r/t` 09 `id` 0B 07 26 `k` `v` \
                    26 `k2` `v 2`) 'payload')";

/// The same of a message with nothing.
const BARE_FORMATS: &[(&str, &str)] = &[
    ("<%p>", "<>"),
    ("<%3p>", "<   >"),
    ("<%x>", "<>"),
    ("%l %q %r %m", "0 0 0 0"),
    ("<%C|%D|%E|%F|%P|%R|%S|%A>", "<|||||||>"),
    ("<%3C|%3E|%03F|%3S>", "<   |   |000|   >"),
];

/// Formats whose output has times, with every run of digits as 9.
const TIMES: &[(&str, &str)] = &[
    ("%I", "9-9-9T9:9:9+9\n"),
    ("%U", "9.9\n"),
    ("@Y-@m-@dT@H:@M:@S@z @Z", "9-9-9T9:9:9+9 UTC\n"),
    ("@s.@N", "9.9\n"),
    ("<%30I>", "<      9-9-9T9:9:9+9>\n"),
    (
        "%j",
        "{\"tst\":\"9-9-9T9:9:9.9+9\",\"topic\":\"a\",\"qos\":9,\"retain\":false,\"payloadlen\":9,\
         \"payload\":\"x\"}\n",
    ),
];

/// JSON: a PUBLISH of MQTT 5, and the line after `tst`.
const JSON: &[(&str, &str, &str)] = &[
    ("%j", "30 (`a` 00)", "\"topic\":\"a\",\"qos\":9,\"retain\":false,\"payloadlen\":9,\"payload\":null}\n"),
    (
        "%j",
        "33 (`a` 0001 00 'q\"b\\t' 09 01)",
        "\"topic\":\"a\",\"qos\":9,\"retain\":true,\"payloadlen\":9,\"mid\":9,\
         \"payload\":\"q\\\"b\\\\t\\t\\u9\"}\n",
    ),
    (
        "%j",
        "30 (`a` (03 `t` 26 `k` `v` 02 00000005 26 `k` `w`) 'x')",
        "\"topic\":\"a\",\"qos\":9,\"retain\":false,\"payloadlen\":9,\"properties\":{\"content-type\":\"t\",\
         \"user-properties\":[{\"k\":\"v\"},{\"k\":\"w\"}],\"message-expiry-interval\":9},\"payload\":\"x\"}\n",
    ),
    (
        "%J",
        "30 (`a` 00 '{\"b\" : [1, true, null ], \"a\":\"x\"} ')",
        "\"topic\":\"a\",\"qos\":9,\"retain\":false,\"payloadlen\":9,\
         \"payload\":{\"b\":[9,true,null],\"a\":\"x\"}}\n",
    ),
];

pub fn rows() -> Vec<Row> {
    let subscribe = |line: &str| row(Program::Sub, line);
    let mut rows = Vec::new();
    for (options, packets) in FILTERS {
        rows.push(subscribe(&format!("{options} -E")).wire(format!("{IN} {packets} > E0 00")));
    }
    for (options, packets) in FILTERS_5 {
        rows.push(subscribe(&format!("{options} -E")).wire(format!("{IN_5} > {packets} > E0 00")));
    }
    for (options, messages, output) in OUTPUT {
        rows.push(
            subscribe(&format!("-t '#' {options}"))
                .wire(format!("{IN} > 82 (0001 `#` 00) < 90 (0001 00) {messages} > E0 00"))
                .stdout(*output),
        );
    }
    let one_of_5 = |options: &str, message: &str| {
        subscribe(&format!("-V 5 -t '#' -q 1 -C 1 {options}")).wire(format!(
            "> 10 (`MQTT` 05 02 003C (21 0001) ``) < 20 (00 00 00) > 82 (0001 00 `#` 01) \
             < 90 (0001 00 01) {message}"
        ))
    };
    for (format, output) in FORMATS {
        rows.push(
            one_of_5(&format!("-F '{format}'"), &format!("{RICH} > 40 02 0011 > E0 00"))
                .stdout(format!("{output}\n")),
        );
    }
    for (format, output) in BARE_FORMATS {
        rows.push(one_of_5(&format!("-F '{format}'"), "30 (`a` 00) > E0 00").stdout(format!("{output}\n")));
    }
    for (format, output) in TIMES {
        rows.push(one_of_5(&format!("-F '{format}'"), "30 (`a` 00 'x') > E0 00").stdout_shape(*output));
    }
    for (format, message, output) in JSON {
        let ack = if message.starts_with("33") { "> 40 02 0001" } else { "" };
        rows.push(
            one_of_5(&format!("-F {format}"), &format!("{message} {ack} > E0 00"))
                .stdout_shape(format!("{{\"tst\":\"9-9-9T9:9:9.9+9\",{output}")),
        );
    }
    rows.push(one_of_5("-F %j --pretty", "30 (`a` 00 'x') > E0 00").stdout_shape(
        "{\n\t\"tst\":\t\"9-9-9T9:9:9.9+9\",\n\t\"topic\":\t\"a\",\n\t\"qos\":\t9,\n\t\"retain\":\tfalse,\n\
         \t\"payloadlen\":\t9,\n\t\"payload\":\t\"x\"\n}\n",
    ));
    // Payloads as numbers of the machine, little-endian here.
    if cfg!(target_endian = "little") {
        rows.push(
            one_of_5("-F '%f %.2f <%9.1f>'", "30 (`a` 00 0000C03F) > E0 00")
                .stdout("1.500000 1.50 <      1.5>\n"),
        );
        rows.push(
            one_of_5("-F '%d %.3d'", "30 (`a` 00 00000000000004C0) > E0 00").stdout("-2.500000 -2.500\n"),
        );
    }
    rows.push(
        one_of_5("-F 'x%fx'", "30 (`a` 00 'abc') > E0 00")
            .stdout("xx\n")
            .stderr_has("requested float printing, but non-float data received"),
    );
    rows.push(
        one_of_5("-F 'x%dx'", "30 (`a` 00 'abc') > E0 00")
            .stdout("xx\n")
            .stderr_has("requested double printing, but non-double data received"),
    );
    rows.push(
        one_of_5("-F '<%J>'", "30 (`x/1` 00 'abc') > E0 00")
            .stdout("<>\n")
            .stderr_has("Error: Message payload is not valid JSON on topic x/1."),
    );
    // An alias is resolved, and shown.
    rows.push(
        subscribe("-t '#' -C 2 -F '%t %A %p' -D connect topic-alias-maximum 5")
            .wire(
                "> 10 (`MQTT` 05 02 003C (22 0005 21 0002) ``) < 20 (00 00 00) > 82 (0001 00 `#` 00) \
                 < 90 (0001 00 00) 30 (`a` (23 0003) 'x') 30 (`` (23 0003) 'y') > E0 00",
            )
            .stdout("a 3 x\na 3 y\n"),
    );

    // Every QoS is answered; a message of QoS 2 is printed once.
    rows.push(
        subscribe("-t a -q 1 -C 2 -F '%q %m %p'")
            .wire(format!(
                "{IN} > 82 (0001 `a` 01) < 90 (0001 01) 32 (`a` 0007 'x') > 40 02 0007 < 32 (`a` 0008 'y') \
                 > 40 02 0008 > E0 00"
            ))
            .stdout("1 7 x\n1 8 y\n"),
    );
    rows.push(
        subscribe("-t a -q 2 -C 1")
            .wire(format!(
                "{IN} > 82 (0001 `a` 02) < 90 (0001 02) 34 (`a` 0007 'x') > 50 02 0007 < 3C (`a` 0007 'x') \
                 > 50 02 0007 < 62 02 0007 > 70 02 0007 > E0 00"
            ))
            .stdout("x\n"),
    );

    // Unsubscribing: a packet for each, after the subscriptions.
    rows.push(
        subscribe("-t a -U b --unsubscribe c/# -E").wire(format!(
            "{IN} > 82 (0001 `a` 00) > A2 (0002 `b`) > A2 (0003 `c/#`) < 90 (0001 00) > E0 00"
        )),
    );
    rows.push(
        subscribe("-t a -U b -D unsubscribe user-property k v -C 1")
            .wire(
                "> 10 (`MQTT` 05 02 003C (21 0001) ``) < 20 (00 00 00) > 82 (0001 00 `a` 00) \
             > A2 (0002 (26 `k` `v`) `b`) < 90 (0001 00 00) B0 (0002 00 00) 30 (`a` 00 'x') > E0 00",
            )
            .stdout("x\n"),
    );
    rows.push(
        subscribe("-U b -W 1")
            .wire(format!("{IN} > A2 (0001 `b`) < B0 02 0001 > E0 00"))
            .code(27)
            .stderr_has("Timed out"),
    );

    // Retained messages are cleared.
    rows.push(
        subscribe("-t a -W 1 --remove-retained -v")
            .wire(format!(
                "{IN} > 82 (0001 `a` 00) < 90 (0001 00) 31 (`a` 'old') > 33 (`a` 0002) < 40 02 0002 \
                 30 (`a`) > E0 00"
            ))
            .stdout("a old\na (null)\n")
            .code(27)
            .stderr_has("Timed out"),
    );

    // Time limits.
    rows.push(
        subscribe("-t a -W 1")
            .wire(format!("{IN} > 82 (0001 `a` 00) < 90 (0001 00) 30 (`a` 'x') > E0 00"))
            .stdout("x\n")
            .code(27)
            .stderr("Timed out\n"),
    );
    rows.push(
        subscribe("-t a -W 1 --quiet")
            .wire(format!("{IN} > 82 (0001 `a` 00) < 90 (0001 00) > E0 00"))
            .code(27),
    );
    rows.push(
        subscribe("-V 5 -t a -W 1")
            .wire(format!("{IN_5} > 82 (0001 00 `a` 00) < 90 (0001 00 00) > E0 01 04"))
            .code(27)
            .stderr("Timed out\n"),
    );
    rows.push(
        subscribe("-t a -C 1 -W 30")
            .wire(format!("{IN} > 82 (0001 `a` 00) < 90 (0001 00) 30 (`a` 'x') > E0 00"))
            .stdout("x\n"),
    );
    rows.push(
        subscribe("-t a --message-rate -W 2")
            .wire(format!("{IN} > 82 (0001 `a` 00) < 90 (0001 00) 30 (`a` 'x') 30 (`a` 'y') > E0 00"))
            .stdout_has(" msgs/s\n")
            .code(27)
            .stderr("Timed out\n"),
    );
    for option in ["-w", "--watch"] {
        rows.push(
            subscribe(&format!("-t '#' -C 3 {option}"))
                .wire(format!(
                    "{IN} > 82 (0001 `#` 00) < 90 (0001 00) 30 (`a` 'x') 30 (`b` 'y') 30 (`a` 'z') > E0 00"
                ))
                .stdout_has("\u{1b}[2;1Hz"),
        );
    }

    rows.push(
        subscribe("-t a -W 1")
            .wire("> 10 (`MQTT` 04 02 003C ``) ! wait for the end")
            .code(27)
            .stderr("Timed out\n"),
    );

    // Signals end it in order.
    rows.push(
        subscribe("-t a")
            .wire(format!("{IN} > 82 (0001 `a` 00) < 90 (0001 00) ! SIGALRM > E0 00"))
            .code(27)
            .stderr_has("Timed out"),
    );
    rows.push(
        subscribe("-t a")
            .wire(format!("{IN} > 82 (0001 `a` 00) < 90 (0001 00) ! SIGHUP ! wait for the end"))
            .signal(Signal::SIGHUP),
    );
    for signal in ["SIGINT", "SIGTERM"] {
        rows.push(
            subscribe("-t a").wire(format!("{IN} > 82 (0001 `a` 00) < 90 (0001 00) ! {signal} > E0 00")),
        );
    }
    rows.push(
        subscribe("-V 5 -t a")
            .wire(format!("{IN_5} > 82 (0001 00 `a` 00) < 90 (0001 00 00) ! SIGTERM > E0 01 04")),
    );

    // Refused subscriptions.
    rows.push(
        subscribe("-t a")
            .wire(format!("{IN} > 82 (0001 `a` 00) < 90 (0001 80) > E0 00"))
            .code(12)
            .stderr_has("All subscription requests were denied."),
    );
    rows.push(
        subscribe("-V 5 -t a -t b")
            .wire(format!("{IN_5} > 82 (0001 00 `a` 00 `b` 00) < 90 (0001 00 87 8F) > E0 00"))
            .code(12)
            .stderr_has("All subscription requests were denied."),
    );
    rows.push(
        subscribe("-t a -t b -E")
            .wire(format!("{IN} > 82 (0001 `a` 00 `b` 00) < 90 (0001 80 00) > E0 00"))
            .stderr_has("subscribe \"a\""),
    );
    rows.push(
        subscribe("-t a --quiet").wire(format!("{IN} > 82 (0001 `a` 00) < 90 (0001 80) > E0 00")).code(12),
    );

    // A lost connection is made again, and the subscriptions too.
    rows.push(
        subscribe("-t a -C 2")
            .wire(format!(
                "{IN} > 82 (0001 `a` 00) < 90 (0001 00) 30 (`a` 'x') ! close ! accept {IN} \
                 > 82 (0002 `a` 00) < 90 (0002 00) 30 (`a` 'y') > E0 00"
            ))
            .stdout("x\ny\n"),
    );
    rows.push(
        subscribe("-t a -C 1")
            .wire(format!(
                "> 10 (`MQTT` 04 02 003C ``) ! close ! accept {IN} > 82 (0001 `a` 00) < 90 (0001 00) \
                 30 (`a` 'x') > E0 00"
            ))
            .stdout("x\n"),
    );
    // Another client with the same identifier: to come back would throw that one out.
    rows.push(
        subscribe("-V 5 -t a -i me")
            .wire(
                "> 10 (`MQTT` 05 02 003C (21 0014) `me`) < 20 (00 00 00) > 82 (0001 00 `a` 00) \
                 < 90 (0001 00 00) E0 01 8E",
            )
            .code(7)
            .stderr_has("taken over"),
    );
    // A ping when it is quiet.
    rows.push(
        subscribe("-t a -k 5 -C 1")
            .wire(
                "> 10 (`MQTT` 04 02 0005 ``) < 20 02 00 00 > 82 (0001 `a` 00) < 90 (0001 00) > C0 00 < D0 00 \
                 30 (`a` 'x') > E0 00",
            )
            .stdout("x\n"),
    );

    // Debug lines. A message is printed before it is acknowledged.
    rows.push(
        subscribe("-d -i me -t a -t b -q 1 -C 1")
            .wire(
                "> 10 (`MQTT` 04 02 003C `me`) < 20 02 00 00 > 82 (0001 `a` 01 `b` 01) < 90 (0001 01 80) \
                 32 (`a` 0003 'x') > 40 02 0003 > E0 00",
            )
            .stdout(
                "Client me sending CONNECT\nClient me received CONNACK (0)\n\
                 Client me sending SUBSCRIBE (Mid: 1, Topic: a, QoS: 1, Options: 0x00)\n\
                 Client me sending SUBSCRIBE (Mid: 1, Topic: b, QoS: 1, Options: 0x00)\n\
                 Client me received SUBACK\nSubscribed (mid: 1): 1, 128\n\
                 Client me received PUBLISH (d0, q1, r0, m3, 'a', ... (1 bytes))\n\
                 x\nClient me sending PUBACK (m3, rc0)\nClient me sending DISCONNECT\n",
            )
            .stderr_has("subscribe \"b\""),
    );
    rows.push(
        subscribe("--debug --quiet -i me -t a -U b -C 1")
            .wire(
                "> 10 (`MQTT` 04 02 003C `me`) < 20 02 00 00 > 82 (0001 `a` 00) > A2 (0002 `b`) \
                 < 90 (0001 00) B0 02 0002 34 (`a` 0003 'x') > 50 02 0003 < 62 02 0003 > 70 02 0003 > E0 00",
            )
            .stdout(
                "Client me sending CONNECT\nClient me received CONNACK (0)\n\
                 Client me sending SUBSCRIBE (Mid: 1, Topic: a, QoS: 0, Options: 0x00)\n\
                 Client me sending UNSUBSCRIBE (Mid: 2, Topic: b)\n\
                 Client me received SUBACK\nClient me received UNSUBACK\n\
                 Client me received PUBLISH (d0, q2, r0, m3, 'a', ... (1 bytes))\n\
                 x\nClient me sending PUBREC (m3, rc0)\nClient me received PUBREL (Mid: 3)\n\
                 Client me sending PUBCOMP (m3)\nClient me sending DISCONNECT\n",
            ),
    );
    rows
}
