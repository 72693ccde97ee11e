//! What the three programs have in common: session, will, properties of CONNECT, transports, option files.

use super::{IN, IN_RR, Row, row};
use crate::dropin::program::{PROGRAMS, Program};
use crate::dropin::stage::Way;

use Program::{Pub, Rr, Sub};

/// Options of MQTT 3.1.1 or 3.1, and the CONNECT that they make.
const VERSION_3: &[(&str, &str)] = &[
    ("-V 311", "10 (`MQTT` 04 02 003C ``)"),
    ("-V mqttv311", "10 (`MQTT` 04 02 003C ``)"),
    ("--protocol-version 311", "10 (`MQTT` 04 02 003C ``)"),
    ("-V 31 -i me", "10 (`MQIsdp` 03 02 003C `me`)"),
    ("-V mqttv31 -i me", "10 (`MQIsdp` 03 02 003C `me`)"),
    ("-V 311 -i me", "10 (`MQTT` 04 02 003C `me`)"),
    ("-V 311 --id 'dés 1'", "10 (`MQTT` 04 02 003C `dés 1`)"),
    ("-V 311 -I pre-", "10 (`MQTT` 04 02 003C `pre-{pid}`)"),
    ("-V 311 --id-prefix pre-", "10 (`MQTT` 04 02 003C `pre-{pid}`)"),
    ("-V 311 -k 5", "10 (`MQTT` 04 02 0005 ``)"),
    ("-V 311 --keepalive 65535", "10 (`MQTT` 04 02 FFFF ``)"),
    ("-V 311 -u ann", "10 (`MQTT` 04 82 003C `` `ann`)"),
    ("-V 311 -u ann -P secret", "10 (`MQTT` 04 C2 003C `` `ann` `secret`)"),
    ("-V 311 --username '' --pw ''", "10 (`MQTT` 04 C2 003C `` `` ``)"),
    ("-V 311 -c -i me", "10 (`MQTT` 04 00 003C `me`)"),
    ("-V 311 --disable-clean-session --id me", "10 (`MQTT` 04 00 003C `me`)"),
    ("-V 311 --will-topic w", "10 (`MQTT` 04 06 003C `` `w` ``)"),
    ("-V 311 --will-payload gone --will-topic w/x --will-qos 1", "10 (`MQTT` 04 0E 003C `` `w/x` `gone`)"),
    (
        "-V 311 --will-topic w --will-payload gone --will-qos 2 --will-retain -u ann -P secret",
        "10 (`MQTT` 04 F6 003C `` `w` `gone` `ann` `secret`)",
    ),
    ("-V 311 --will-topic w --will-retain", "10 (`MQTT` 04 26 003C `` `w` ``)"),
    // No effect that can be seen here.
    ("-V 311 --nodelay", "10 (`MQTT` 04 02 003C ``)"),
    ("-V 311 --quiet", "10 (`MQTT` 04 02 003C ``)"),
    ("-V 311 -M 1", "10 (`MQTT` 04 02 003C ``)"),
    // The last one wins; an option takes the next word whatever it is; digits count as far as they go.
    ("-V 5 -V 311 -k 10 -k 20 -i one -i two", "10 (`MQTT` 04 02 0014 `two`)"),
    ("-V 311 -u -P -P -u", "10 (`MQTT` 04 C2 003C `` `-P` `-u`)"),
    ("-V 311 -k 7x", "10 (`MQTT` 04 02 0007 ``)"),
];

/// Options of MQTT 5, and the CONNECT that they make. `RM` is the receive maximum that is sent without being
/// asked for: 20, and 1 by rr.
const VERSION_5: &[(&str, &str)] = &[
    ("-V 5", "10 (`MQTT` 05 02 003C (RM) ``)"),
    ("-V mqttv5", "10 (`MQTT` 05 02 003C (RM) ``)"),
    ("--protocol-version 5 --id me", "10 (`MQTT` 05 02 003C (RM) `me`)"),
    ("-V 5 -P secret", "10 (`MQTT` 05 42 003C (RM) `` `secret`)"),
    ("-V 5 -c -i me", "10 (`MQTT` 05 00 003C (11 FFFFFFFF RM) `me`)"),
    ("-V 5 -c -i me -x 10", "10 (`MQTT` 05 00 003C (11 0000000A RM) `me`)"),
    ("-x 60", "10 (`MQTT` 05 02 003C (11 0000003C RM) ``)"),
    ("-x 0x10", "10 (`MQTT` 05 02 003C (11 00000010 RM) ``)"),
    ("-x 010", "10 (`MQTT` 05 02 003C (11 00000008 RM) ``)"),
    ("-x 0", "10 (`MQTT` 05 02 003C (RM) ``)"),
    ("-x -1 -i me", "10 (`MQTT` 05 02 003C (11 FFFFFFFF RM) `me`)"),
    ("-x ∞ -i me", "10 (`MQTT` 05 02 003C (11 FFFFFFFF RM) `me`)"),
    ("-x 4294967294", "10 (`MQTT` 05 02 003C (11 FFFFFFFE RM) ``)"),
    ("-V 5 --will-topic w --will-payload gone", "10 (`MQTT` 05 06 003C (RM) `` 00 `w` `gone`)"),
    (
        "--will-topic w -D will will-delay-interval 5 -D will message-expiry-interval 9 \
         -D will payload-format-indicator 1 -D will content-type text/plain -D will response-topic r/t \
         -D will correlation-data id -D will user-property k v",
        "10 (`MQTT` 05 06 003C (RM) `` (18 00000005 02 00000009 01 01 03 `text/plain` 08 `r/t` 09 `id` \
         26 `k` `v`) `w` ``)",
    ),
    (
        "-D connect user-property k v --property CONNECT User-Property k v2",
        "10 (`MQTT` 05 02 003C (26 `k` `v` 26 `k` `v2` RM) ``)",
    ),
    (
        "-D connect authentication-method m -D connect authentication-data d",
        "10 (`MQTT` 05 02 003C (15 `m` 16 `d` RM) ``)",
    ),
    ("-D connect maximum-packet-size 1000", "10 (`MQTT` 05 02 003C (27 000003E8 RM) ``)"),
    ("-D connect receive-maximum 5", "10 (`MQTT` 05 02 003C (21 0005) ``)"),
    (
        "-D connect request-problem-information 0 -D connect request-response-information 1",
        "10 (`MQTT` 05 02 003C (17 00 19 01 RM) ``)",
    ),
    (
        "-D connect topic-alias-maximum 10 -D connect session-expiry-interval 7",
        "10 (`MQTT` 05 02 003C (22 000A 11 00000007 RM) ``)",
    ),
];

/// Options that say something in DISCONNECT.
const AT_THE_END: &[(&str, &str)] = &[
    ("-D disconnect reason-string bye", "E0 (00 (1F `bye`))"),
    ("-D disconnect user-property k v", "E0 (00 (26 `k` `v`))"),
    ("-x 9 -D disconnect session-expiry-interval 8", "E0 (00 (11 00000008))"),
];

/// The least that a program does, after these options.
fn least(program: Program, options: &str) -> Row {
    let line = match program {
        Pub => "-t a -m x",
        Sub => "-t a -E",
        Rr => "-t a -m x -e b",
    };
    let row = row(program, format!("{options} {line}"));
    if program == Rr { row.stdout("y\n") } else { row }
}

/// What is said after CONNECT by a program that does the least.
fn after_3(program: Program) -> &'static str {
    match program {
        Pub => "< 20 02 00 00 > 30 (`a` 'x') > E0 00",
        Sub => "< 20 02 00 00 > 82 (0001 `a` 00) < 90 (0001 00) > E0 00",
        Rr => "< 20 02 00 00 > 82 (0001 `b` 00) < 90 (0001 00) > 30 (`a` 'x') < 30 (`b` 'y') > E0 00",
    }
}

/// The same in MQTT 5, without the end.
fn after_5(program: Program) -> &'static str {
    match program {
        Pub => "< 20 (00 00 00) > 30 (`a` 00 'x')",
        Sub => "< 20 (00 00 00) > 82 (0001 00 `a` 00) < 90 (0001 00 00)",
        Rr => {
            "< 20 (00 00 00) > 82 (0001 00 `b` 00) < 90 (0001 00 00) > 30 (`a` (08 `b`) 'x') \
             < 30 (`b` 00 'y')"
        }
    }
}

fn receive_maximum(program: Program) -> &'static str {
    if program == Rr { "21 0001" } else { "21 0014" }
}

/// A least row that goes well, in the program's own version.
fn lets_in(program: Program, options: &str) -> Row {
    least(program, options).wire(match program {
        Rr => format!("{}{} > E0 00", IN_RR.split('<').next().unwrap(), after_5(Rr)),
        _ => format!("{}{}", IN.split('<').next().unwrap(), after_3(program)),
    })
}

/// Options that change nothing that the peer can see, each with its way.
const WAYS: &[(&str, Way)] = &[
    ("--cafile {ca}", Way::Tls),
    ("--capath {capath}", Way::Tls),
    ("--cafile {ca} --cert {cert} --key {key}", Way::TlsWithClient),
    ("--capath {capath} --key {key} --cert {cert} --keyform pem", Way::TlsWithClient),
    ("--cafile {ca} --insecure", Way::TlsOtherName),
    ("--cafile {ca} --ws", Way::WebSocketTls),
    ("--ws", Way::WebSocket),
    ("--unix {dir}/socket", Way::Unix),
    ("-h {dir}/socket -p 0", Way::Unix),
    ("--cafile {ca} --no-tls", Way::Plain),
    // Alone they do not switch TLS on.
    ("--insecure", Way::Plain),
    ("--tls-version tlsv1.3", Way::Plain),
];

fn common(program: Program) -> Vec<Row> {
    let mut rows = Vec::new();
    for (options, connect) in VERSION_3 {
        rows.push(least(program, options).wire(format!("> {connect} {}", after_3(program))));
    }
    for (options, connect) in VERSION_5 {
        let connect = connect.replace("RM", receive_maximum(program));
        rows.push(least(program, options).wire(format!("> {connect} {} > E0 00", after_5(program))));
    }
    for (options, end) in AT_THE_END {
        let expiry = if options.contains("-x 9") { "11 00000009" } else { "" };
        let connect = format!("10 (`MQTT` 05 02 003C ({expiry} {}) ``)", receive_maximum(program));
        rows.push(least(program, options).wire(format!("> {connect} {} > {end}", after_5(program))));
    }
    for (options, way) in WAYS {
        rows.push(lets_in(program, options).way(*way));
    }
    rows.push(lets_in(program, "-A 127.0.0.2").from("127.0.0.2"));
    rows.push(lets_in(program, "--host 127.0.0.1 --port {port}"));
    rows.push(lets_in(program, "-p {port}"));

    // TLS, as the ClientHello shows it: application protocol, name, suites, version.
    let tls = |options: &str| lets_in(program, options).way(Way::Tls);
    rows.push(tls("--cafile {ca} --tls-alpn mqtt").client_hello(b"\x00\x10\x00\x07\x00\x05\x04mqtt"));
    rows.push(
        tls("--cafile {ca} -h localhost -p {port}")
            .client_hello(b"\x00\x00\x00\x0e\x00\x0c\x00\x00\x09localhost"),
    );
    rows.push(tls("--cafile {ca} --tls-version tlsv1.3").client_hello(b"\x00\x2b\x00\x03\x02\x03\x04"));
    rows.push(tls("--cafile {ca} --tls-version TLSV1.2"));
    rows.push(tls("--cafile {ca} --ciphers ECDHE-ECDSA-AES256-GCM-SHA384").client_hello(b"\xc0\x2c"));
    rows.push(tls("--tls-use-os-certs").env("SSL_CERT_FILE", "{ca}"));
    rows.push(
        tls("--cafile {ca} --tls-keylog {dir}/secrets")
            .file_has("secrets", "SERVER_HANDSHAKE_TRAFFIC_SECRET "),
    );
    rows.push(
        least(program, "--cafile {ca}").way(Way::TlsOtherName).stdout("").code(8).stderr_has("certificate"),
    );

    // SOCKS5: greeting, login, CONNECT to the name and the port.
    rows.push(
        lets_in(program, "--proxy socks5h://127.0.0.1:{port} -h broker.invalid -p 1884")
            .way(Way::Socks)
            .heard("05 01 00 05 01 00 03 0E 'broker.invalid' 075C"),
    );
    rows.push(
        lets_in(program, "-h broker.invalid --proxy socks5h://me:p%3Aw@127.0.0.1:{port}")
            .way(Way::Socks)
            .heard("05 02 00 02 01 02 'me' 03 'p:w' 05 01 00 03 0E 'broker.invalid' 075B"),
    );

    // Options from files: the one of the program, another one, and what the command line has overrides both.
    let in_home: &'static str = match program {
        Pub => ".config/mosquitto_pub",
        Sub => ".config/mosquitto_sub",
        Rr => ".config/mosquitto_rr",
    };
    let named = |id: &str| format!("> 10 (`MQTT` 04 02 0009 `{id}`) {}", after_3(program));
    let file = "# comment\n\n  --id from file \n-V 311\r\n-k 9";
    rows.push(least(program, "").file(in_home, file).wire(named("from file ")));
    rows.push(least(program, "-i mine").file(in_home, file).wire(named("mine")));
    rows.push(least(program, "-o {dir}/other").file("other", file).wire(named("from file ")));
    rows.push(
        least(program, "-o {dir}/other")
            .file(in_home, "-i wrong\n--retain-nonsense\n")
            .file("other", file)
            .wire(named("from file ")),
    );
    rows.push(
        least(program, "")
            .env("XDG_CONFIG_HOME", "{dir}/elsewhere")
            .file(
                match program {
                    Pub => "elsewhere/mosquitto_pub",
                    Sub => "elsewhere/mosquitto_sub",
                    Rr => "elsewhere/mosquitto_rr",
                },
                file,
            )
            .wire(named("from file ")),
    );

    // A line is one option: the rest of it is the value, with quotes and blanks.
    rows.push(
        least(program, "")
            .file(in_home, "-V 311\n-i \"a -k\" 7 ")
            .wire(format!("> 10 (`MQTT` 04 02 003C `\"a -k\" 7 `) {}", after_3(program))),
    );
    rows.push(
        least(program, "")
            .file(in_home, "-V 311\n-k 9 -i two\n")
            .wire(format!("> 10 (`MQTT` 04 02 0009 ``) {}", after_3(program))),
    );
    rows.push(least(program, "").file(in_home, "-D connect user-property k v w\n").wire(format!(
        "> 10 (`MQTT` 05 02 003C (26 `k` `v w` {}) ``) {} > E0 00",
        receive_maximum(program),
        after_5(program)
    )));
    rows.push(least(program, "-o {dir}/missing").stdout("").code(1).stderr_has("missing\": No such file"));
    for wrong in ["  # indented\n", "-k\t9\n", "--nonsense\n", "stray\n"] {
        rows.push(least(program, "").file(in_home, wrong).stdout("").code(1).stderr_has("Error: "));
    }
    rows.push(least(program, "").file(in_home, "--version\n").code(1).stdout_has(" version "));
    rows.push(least(program, "-i me").file(in_home, "-I prefix\n").stdout("").code(1).stderr_has("-I"));

    // Help and version are on stdout and end with 1, wherever they stand.
    rows.push(row(program, "--help").code(1).stdout_has(match program {
        Pub => "Usage: mosquitto_pub ",
        Sub => "Usage: mosquitto_sub ",
        Rr => "Usage: mosquitto_rr ",
    }));
    rows.push(row(program, "-t a --version --nonsense").code(1).stdout_has(match program {
        Pub => "mosquitto_pub version 2.1",
        Sub => "mosquitto_sub version 2.1",
        Rr => "mosquitto_rr version 2.1",
    }));

    // Properties are of MQTT 5, whatever version is asked for.
    let connect = format!("> 10 (`MQTT` 05 02 003C (26 `k` `v` {}) ``)", receive_maximum(program));
    rows.push(
        least(program, "-D connect user-property k v -V 311")
            .wire(format!("{connect} {} > E0 00", after_5(program))),
    );

    // What rustls has not is refused by name.
    for (options, what) in [
        ("--psk 00ff --psk-identity me", "--psk"),
        ("--tls-engine pkcs11", "--tls-engine"),
        ("--cafile {ca} --cert {cert} --key {key} --keyform engine", "--keyform"),
        (
            "--tls-engine pkcs11 --cafile {ca} --cert {cert} --key {key} --keyform engine \
             --tls-engine-kpass-sha1 0123456789012345678901234567890123456789",
            "--tls-engine",
        ),
    ] {
        rows.push(least(program, options).stdout("").code(1).stderr_has(what));
    }

    rows.push(least(program, "-S -h nobody.invalid -p {port}").stdout("").code(1).stderr_has("Lookup error"));

    // How the broker refuses: the code is the exit code, in MQTT 3.1.1 and 5.
    let refused = |options: &str, answer: &str| {
        let connect = if options.contains("-V 5") {
            format!("10 (`MQTT` 05 02 003C ({}) ``)", receive_maximum(program))
        } else {
            "10 (`MQTT` 04 02 003C ``)".to_owned()
        };
        least(program, options).stdout("").wire(format!("> {connect} < {answer}"))
    };
    for (code, text) in [
        (1, "unacceptable protocol version"),
        (2, "identifier rejected"),
        (3, "broker unavailable"),
        (4, "bad user name or password"),
        (5, "not authorised"),
    ] {
        rows.push(refused("-V 311", &format!("20 02 00 0{code}")).code(code).stderr_has(text));
    }
    for (code, text) in [
        (133, "Client Identifier not valid"),
        (134, "Bad User Name or Password"),
        (135, "Not authorized"),
        (136, "Server unavailable"),
        (137, "Server busy"),
        (138, "Banned"),
        (140, "Bad authentication method"),
    ] {
        rows.push(refused("-V 5", &format!("20 (00 {code:02x} 00)")).code(code).stderr_has(text));
    }
    rows.push(refused("-V 311", "20 02 00 09").code(9).stderr_has("unknown reason"));
    rows.push(refused("-V 5", "20 (00 84 00)").code(132).stderr_has("Unsupported Protocol Version"));
    rows.push(refused("-V 5", "20 02 00 01").code(132).stderr_has("Unsupported Protocol Version"));
    rows.push(refused("--quiet -V 311", "20 02 00 05").code(5));
    rows.push(refused("--quiet -V 5", "20 (00 87 00)").code(135));
    rows.push(least(program, "-h 127.0.0.1 -p {nobody}").stdout("").code(1).stderr_has("onnection refused"));
    rows.push(least(program, "--quiet -h 127.0.0.1 -p {nobody}").stdout("").code(1));
    rows.push(least(program, "-h nobody.invalid -p {port}").stdout("").code(1).stderr_has("Lookup error"));

    // A URL sets host, port, topic and login, at its place among the options.
    let by_url = |options: &str, login: &str, flags: &str, topic: &str| {
        let (line, wire) = match program {
            Pub => ("-m x", format!("< 20 02 00 00 > 30 (`{topic}` 'x') > E0 00")),
            Sub => ("-E", format!("< 20 02 00 00 > 82 (0001 `{topic}` 00) < 90 (0001 00) > E0 00")),
            Rr => (
                "-m x -e b",
                format!(
                    "< 20 02 00 00 > 82 (0001 `b` 00) < 90 (0001 00) > 30 (`{topic}` 'x') < 30 (`b` 'y') \
                     > E0 00"
                ),
            ),
        };
        let row = row(program, format!("-V 311 {options} {line}"))
            .wire(format!("> 10 (`MQTT` 04 {flags} 003C `` {login}) {wire}"));
        if program == Rr { row.stdout("y\n") } else { row }
    };
    rows.push(by_url("-L mqtt://127.0.0.1:{port}/a/b", "", "02", "a/b"));
    rows.push(by_url("--url MQTT://ann:secret@127.0.0.1:{port}//a", "`ann` `secret`", "C2", "/a"));
    rows.push(by_url("-p 1 -L mqtt://ann@localhost:{port}/a%20?b", "`ann`", "82", "a%20?b"));
    rows.push(by_url("-L mqtt://localhost:1/a -h 127.0.0.1 -p {port}", "", "02", "a"));
    rows.push(by_url("-L mqtts://127.0.0.1:{port}/a --cafile {ca}", "", "02", "a").way(Way::Tls));
    rows.push(by_url("-L ws://127.0.0.1:{port}/a", "", "02", "a").way(Way::WebSocket));
    rows.push(by_url("-L wss://127.0.0.1:{port}/a --cafile {ca}", "", "02", "a").way(Way::WebSocketTls));
    rows
}

pub fn rows() -> Vec<Row> {
    PROGRAMS.into_iter().flat_map(common).collect()
}
