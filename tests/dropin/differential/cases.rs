//! The command lines.

use super::differences::{DEBUG_NULL, DEBUG_ORDER, JSON_RETAIN, JSON_TIME, RR_DISCONNECT, USAGE};
use super::{Case, case};
use crate::dropin::program::{PROGRAMS, Program};
use crate::dropin::stage::Way;

use Program::{Pub, Rr, Sub};

const VERSIONS: [&str; 3] = ["-V 31 -i me", "-V 311", "-V 5"];

/// One message to `a/b`.
const ONE: &[&str] = &["32 (`a/b` 0001 00 'hello')"];
/// Messages to several topics; one has no payload, one is binary.
const SEVERAL: &[&str] = &[
    "32 (`a/b` 0001 00 'one')",
    "32 (`a/c d` 0002 00 'two words')",
    "32 (`b` 0003 00)",
    "32 (`a/b` 0004 00 00 'bi' FF 0A 'nary')",
];
/// A message with all properties that a broker hands on.
const RICH: &[&str] =
    &["32 (`a/b` 0001 (01 01 03 `text/plain` 08 `r/t` 09 `id` 26 `k` `v` 26 `k2` `v 2`) 'pay\"load\\')"];
const EMPTY: &[&str] = &["32 (`a/b` 0001 00)"];
const QOS_2: &[&str] = &["34 (`a/b` 0001 00 'one')"];
const QOS_2_TWICE: &[&str] = &["34 (`a/b` 0001 00 'one')", "34 (`a/b` 0002 00 'two')"];
const RETAINED: &[&str] = &["33 (`a/b` 0001 00 'old')", "33 (`a/c` 0002 00 'older')"];
const JSON: &[&str] = &["32 (`a/b` 0001 00 '{\"a\": [1, 2.50, true, null], \"b\" : {}}')"];

fn publishes() -> Vec<Case> {
    let mut cases = Vec::new();
    let publish = |line: &str| case(Pub, line);
    for version in VERSIONS {
        for qos in ["0", "1", "2"] {
            cases.push(publish(&format!("{version} -t a/b -m hello -q {qos}")));
            cases.push(publish(&format!("{version} -t a/b -m hello -q {qos} -r")));
        }
        cases.push(publish(&format!("{version} -t a -n")));
        cases.push(publish(&format!("{version} -t a -m '' -r -q 1")));
        cases.push(publish(&format!("{version} -t a -l -q 1")).stdin("one\n\nthree"));
        cases.push(publish(&format!("{version} -t a -l")).stdin("one\r\ntwo\n"));
        cases.push(publish(&format!("{version} -t a -l -q 2 -M 1")).stdin("one\ntwo\n"));
        cases.push(publish(&format!("{version} -t a -s")).stdin("one\ntwo\n"));
        cases.push(publish(&format!("{version} -t a -f {{dir}}/input -q 1")).file("input", "from a\nfile\n"));
        cases.push(publish(&format!("{version} -t a -m x --repeat 3 -q 1")));
        cases.push(publish(&format!("{version} -t a -m x --will-topic w --will-payload gone --will-qos 1")));
        cases.push(publish(&format!("{version} -t a -m x -k 10 -u ann -P right")).login());
        cases.push(publish(&format!("{version} -t a -m x -u ann -P wrong")).login());
        cases.push(publish(&format!("{version} -t a -m x -q 1")).login());
    }
    for line in [
        "-t a -m x -i 'my id'",
        "-t a -m x -I prefix-",
        "-t a -m x -c -i me",
        "-V 5 -t a -m x -c -i me",
        "-V 5 -t a -m x -x 60",
        "-V 5 -t a -m x -x -1 -i me",
        "-t a -m x -V 5 -P onlypassword",
        "-t a -m x --will-topic w --will-retain --will-qos 2",
        "-t a -m x --repeat 2 --repeat-delay 0.05",
        "-t -m -m -t",
        "-t one -t two -m x",
        "-t a -m x -q abc",
        "-t a -m x -q 1x",
        "-t a -m x -k 7x -A 127.0.0.1 --nodelay -M 3 --quiet",
        "-t '/a b/ü/$c' -m 'ä€'",
        "-L mqtt://127.0.0.1:{port}/a/b -m x",
        "-L mqtt://ann:right@127.0.0.1:{port}//a%20b -m x",
        "-p 1 -L mqtt://127.0.0.1:{port}/a -m x",
        "-t a -m x -D publish content-type text/plain",
        "-t a -m x -D publish correlation-data id -D publish response-topic r/t -q 1",
        "-t a -m x -D publish message-expiry-interval 60 -D publish payload-format-indicator 1",
        "-t a -m x -D publish user-property b 2 -D PUBLISH User-Property a 1 -q 2",
        "-t topic -m x -D publish topic-alias 1 -q 1",
        "-t a -m x -D connect user-property k v -D connect receive-maximum 3",
        "-t a -m x -D connect maximum-packet-size 1000 -D connect topic-alias-maximum 5",
        "-t a -m x -D connect request-problem-information 0 -D connect request-response-information 1",
        "-t a -m x -D connect session-expiry-interval 9",
        "-t a -m x -D disconnect reason-string bye -D disconnect user-property k v",
        "-t a -m x -V 5 --will-topic w --will-payload g -D will will-delay-interval 5 -D will content-type t",
        "-t a -m x --will-topic w -D will user-property k v -D will message-expiry-interval 6",
        "-t a -m x -p {nobody}",
        "-t a -m x -h nobody.invalid -p {port}",
        "-t a -m x --nonsense",
        "-t a -f {dir}/missing",
        "-t a -m x -D connect authentication-method nobody",
    ] {
        cases.push(publish(line));
    }
    for line in [
        "-V 5 -t a -m x --will-topic w -D will content-type t -D will response-topic r -D will correlation-data d \
         -D will message-expiry-interval 3 -D will payload-format-indicator 1 -D will will-delay-interval 4",
        "-t topic -m x --repeat 3 -D publish topic-alias 2 -q 1",
        "-t a -n --repeat 3 -q 2",
        "-t a -m x --repeat 2x --repeat-delay 0.01y -q 1",
        "-t a -m x -u '' -P ''",
        "-t a -m x -V 31 -i a-client-identifier-of-more-than-23-bytes",
        "-t a -m x -V mqttv31 -i me",
        "-t a -m x -V mqttv311",
        "-t a -m x -V mqttv5",
        "-t 'a b' -m ' ' -q 1",
        "-t a -m x --insecure --ciphers x --tls-alpn mqtt",
        "-t a -m x -p abc",
        "-t a -m x -A nobody.invalid -p {port}",
        "-t a -m x -D disconnect session-expiry-interval 0 -x 5 -V 5",
        "-t a -m x -V 5 -D PubLish Content-Type 't t'",
    ] {
        cases.push(publish(line));
    }
    cases.push(publish("-t a -l -r -q 1").stdin("x\n"));
    cases.push(publish("-t a -l --repeat 3").stdin("x\ny\n"));
    cases.push(publish("-t a -l"));
    cases.push(publish("-t a -s"));
    cases.push(publish("-t a -s --repeat 2 -q 1").stdin("x\0y"));
    cases.push(publish("-t topic -l -D publish topic-alias 2 -q 1").stdin("1\n2\n3\n"));
    cases.push(publish("-t a -f {dir}/empty -q 1").file("empty", ""));
    cases.push(publish("-t a -m x -I pre").file(".config/mosquitto_pub", "-i me\n"));
    cases.push(publish("-t a -m x").file(".config/mosquitto_pub", "-m y\n"));
    cases.push(
        publish("-t a -m x").file("config/mosquitto_pub", "-q 1\n").env("XDG_CONFIG_HOME", "{dir}/config"),
    );
    cases.push(publish("-t a").but(&USAGE));
    cases.push(publish("-t a -m x -d").but(&DEBUG_NULL));
    cases.push(publish("-t a -m x -d -i me -q 1"));
    cases.push(publish("-t a -m x -d -i me -q 2 -r"));
    cases.push(publish("-t a -m x -d -i me -V 5 -q 1"));
    cases.push(publish("-m x").file(".config/mosquitto_pub", "-t from/file\n-q 1\n--will-topic w x\n"));
    cases.push(publish("-m x -q 0").file(".config/mosquitto_pub", "# comment\n\n  -t  two blanks\n-q 1"));
    cases
}

fn subscribes() -> Vec<Case> {
    let mut cases = Vec::new();
    let subscribe = |line: &str| case(Sub, line);
    for version in VERSIONS {
        for qos in ["0", "1", "2"] {
            cases.push(subscribe(&format!("{version} -t a/b -q {qos} -C 1")).then(ONE));
            cases.push(subscribe(&format!("{version} -t '#' -v -q {qos} -C 4")).then(SEVERAL));
        }
        cases.push(subscribe(&format!("{version} -t a -t '+/b' -t 'c/#' -E")));
        cases.push(subscribe(&format!("{version} -t a/# -v -C 2")).before(RETAINED));
        cases.push(subscribe(&format!("{version} -t a/# -v -R -C 1")).before(RETAINED).then(ONE));
        cases.push(subscribe(&format!("{version} -t a/# -v --retained-only")).before(RETAINED).then(ONE));
        cases.push(subscribe(&format!("{version} -t a/b -U c -U d/# -C 1")).after_acks(3).then(ONE));
        cases.push(subscribe(&format!("{version} -t a/b -W 1 -v")).then(ONE));
        cases.push(subscribe(&format!("{version} -t a/b -q 1 -c -i me -E")));
        cases.push(subscribe(&format!("{version} -t a -u ann -P wrong")).login());
        cases.push(subscribe(&format!("{version} -t a/b -q 1 -C 2 -v")).then(ONE).again(ONE));
    }
    for line in [
        "-t a/# -T a/c/# -T +/none -C 1 -v",
        "-t a/b -C 1 -N",
        "-t a/b -C 1 -N -v",
        "-t a/b -C 1 -F '%t %q %r %m %l %p|%%|@@'",
        "-t a/b -C 1 -F '<%10t|%-10t|%.1t|%3p|%9p|%-9p|%09p>'",
        "-t a/b -C 1 -F '%x %X %4l %-4l|%04l' -q 1",
        "-t a/b -C 1 -F '\\\\\\a\\e\\n\\r\\t\\v\\0'",
        "-t a/b -C 1 -F '%I %U @Y-@m-@dT@H:@M:@S @s'",
        "-t a/b -C 1 -F '%A%C%D%P%R%S' -V 5",
        "-t a/b -C 1 -V 5 --retain-as-published",
        "-t a/b -C 1 -t a/b",
        "-t a/b -C 1 -W 20 --quiet",
        "-t a/b -C 1 -k 10 -I pre- --nodelay -A 127.0.0.1",
        "-t a/b -C 1 --will-topic w --will-payload gone",
        "-L mqtt://127.0.0.1:{port}/a/b -C 1",
        "-L mqtt://127.0.0.1:{port}/a/b -C 1 -t c -v",
        "-t a/b -C 1 -D connect topic-alias-maximum 0 -D connect user-property k v",
        "-t a/b -C 1 -D subscribe subscription-identifier 7 -F '%S %p'",
        "-t a/b -C 1 -D subscribe user-property k v -q 2",
        "-t '$share/g/a/b' -C 1 -V 5",
    ] {
        cases.push(subscribe(line).then(ONE));
    }
    for version in VERSIONS {
        cases.push(subscribe(&format!("{version} -t a/b -C 1 -q 2 -v")).then(QOS_2));
        cases.push(subscribe(&format!("{version} -t a/b -C 2 -q 2 -F '%q %m %p'")).then(QOS_2_TWICE));
        cases.push(subscribe(&format!("{version} -t a/b -C 2 -q 1")).then(QOS_2_TWICE));
    }
    for line in [
        "-t a/# -t b/+/c -t + -q 2 -E -V 5 -R",
        "-t a --retain-as-published -V 5 -E",
        "-t $share/g/a -V 311 -E",
        "-L mqtt://u:p@127.0.0.1:{port}/q/r?x=%20 -E",
        "-L MQTT://127.0.0.1:{port}/a/# -t b -E",
        "-t a -x 5 -i me -E -V 5",
        "-t a -E -A 127.0.0.9",
    ] {
        cases.push(subscribe(line));
    }
    cases.push(subscribe("-t c -E").file(".config/mosquitto_sub", "-t a\n-t b\n"));
    cases.push(subscribe("-t a").file(".config/mosquitto_sub", "--bogus\n"));
    for format in [
        "",
        "[%.3t] [%20.3t] [%-20.6t] [%020t]",
        "[%03l] [%-5l] [%5l] [%-05l] [%5m] [%05q] [%r]",
        "@Q @E @n @t @% %%",
    ] {
        cases.push(subscribe(&format!("-t a/b -C 1 -F '{format}'")).then(ONE));
    }
    for output in ["", "-v", "-N", "-v -N", "-F %p", "-F '%t|%3p|%x|%l'"] {
        cases.push(subscribe(&format!("-t a/b -C 1 {output}")).then(EMPTY));
    }
    for format in ["%C|%D|%F|%P|%R|%S|%A", "<%12C|%-6R|%.2C|%3F>", "%t %p", "%5q|%5r|%3A|%3S|%3m"] {
        cases.push(subscribe(&format!("-V 5 -q 1 -t a/b -C 1 -F '{format}'")).then(RICH));
    }
    cases.push(subscribe("-t a/b -C 1 -F %j").then(ONE).but(&JSON_TIME).but(&JSON_RETAIN));
    cases.push(subscribe("-t a/b -C 1 -q 1 -F '%j'").then(RICH).but(&JSON_TIME).but(&JSON_RETAIN));
    cases.push(subscribe("-t a/b -C 1 -F '%J'").then(JSON).but(&JSON_TIME).but(&JSON_RETAIN));
    cases.push(subscribe("-t a/b -C 1 -F %J --pretty").then(JSON).but(&JSON_TIME).but(&JSON_RETAIN));
    cases.push(subscribe("-t a/b -d -C 1").then(ONE).but(&DEBUG_NULL));
    cases.push(subscribe("-t a/b -d -i me -C 1 -q 2 -V 5").then(ONE).but(&DEBUG_ORDER));
    cases.push(subscribe("-t a/b -t c -U d -d -i me -C 1 -q 1").after_acks(2).then(ONE).but(&DEBUG_ORDER));
    cases.push(subscribe("-t a/# -v --remove-retained -W 1").before(RETAINED));
    cases.push(subscribe("-C 1 -v").file(".config/mosquitto_sub", "-t a/b\n-q 2\n").then(ONE));
    for line in
        ["-p {nobody} -t a", "-h nobody.invalid -t a -p {port}", "-t a/#/b", "", "-t a -C 0", "-t a -F %Z"]
    {
        cases.push(subscribe(line));
    }
    cases
}

fn requests() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in VERSIONS {
        for qos in ["0", "1", "2"] {
            let line = format!("{version} -t q -e re -m ask -q {qos} -v");
            cases.push(case(Rr, line).answer("30 (`re` 00 'answer')").but(&RR_DISCONNECT));
        }
    }
    for line in [
        "-t q -e re -n",
        "-t q -e re -m x -D publish correlation-data id -F '%t %p %D'",
        "-t q -e re -m x -D publish user-property k v -N",
        "-t q -e re -m x -i me -k 9 --will-topic w",
        "-L mqtt://127.0.0.1:{port}/q -e re -m x",
    ] {
        cases.push(case(Rr, line).answer("30 (`re` 00 'answer')").but(&RR_DISCONNECT));
    }
    cases.push(case(Rr, "-t nobody/listens -e re -m x -W 1"));
    cases.push(case(Rr, "-t q -e re -m x -u ann -P wrong").login());
    cases.push(case(Rr, "-t q -m x"));
    cases.push(case(Rr, "-t q -e re/# -m x"));
    cases.push(case(Rr, "-t q -e re -m x -p {nobody}"));
    cases
}

/// Through TLS, by each program.
fn over_tls() -> Vec<Case> {
    let mut cases = Vec::new();
    for program in PROGRAMS {
        let least = |options: &str, way: Way| {
            let case = match program {
                Pub => case(program, format!("{options} -t a/b -m x -q 1")),
                Sub => case(program, format!("{options} -t a/b -C 1")).then(ONE),
                Rr => case(program, format!("{options} -t q -e re -m x"))
                    .answer("30 (`re` 00 'y')")
                    .but(&RR_DISCONNECT),
            };
            case.way(way)
        };
        cases.push(least("--cafile {ca}", Way::Tls));
        cases.push(least("--cafile {ca} -h localhost -p {port}", Way::Tls));
        cases.push(least("--capath {capath}", Way::Tls));
        cases.push(least("--cafile {ca} --tls-version tlsv1.2", Way::Tls));
        cases.push(least("--cafile {ca} --tls-version tlsv1.3 --tls-alpn mqtt", Way::Tls));
        cases.push(least("--cafile {ca} --cert {cert} --key {key}", Way::TlsWithClient));
        cases.push(least("--cafile {ca} --insecure", Way::TlsOtherName));
        cases.push(least("--tls-use-os-certs", Way::Tls).env("SSL_CERT_FILE", "{ca}"));
        cases.push(least("--cafile {ca} --ciphers ECDHE-ECDSA-AES256-GCM-SHA384", Way::Tls));
        cases.push(least("--unix {dir}/socket", Way::Unix));
        cases.push(least("--proxy socks5h://127.0.0.1:{port} -h broker.invalid -p 1884", Way::Socks));
        let fails = |options: &str, way: Way| {
            let line = match program {
                Pub => "-t a -m x",
                Sub => "-t a",
                Rr => "-t q -e re -m x",
            };
            case(program, format!("{options} {line}")).way(way)
        };
        cases.push(fails("--cafile {dir}/missing", Way::Tls));
        cases.push(fails("--cafile {ca} --cert {cert}", Way::Tls));
    }
    cases
}

pub fn all() -> Vec<Case> {
    [publishes(), subscribes(), requests(), over_tls()].into_iter().flatten().collect()
}
