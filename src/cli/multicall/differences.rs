//! Where the old names do not lead to the old behaviour, and why: for the manual pages and the README.

/// A point in which this program differs from the mosquitto clients, called by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DialectDifference {
    /// What it is about.
    pub what: &'static str,
    /// What mosquitto's clients do.
    pub mosquitto: &'static str,
    /// What this program does.
    pub here: &'static str,
    /// Why.
    pub reason: &'static str,
}

const fn row(
    what: &'static str,
    mosquitto: &'static str,
    here: &'static str,
    reason: &'static str,
) -> DialectDifference {
    DialectDifference { what, mosquitto, here, reason }
}

/// Exit statuses.
pub const EXIT_STATUSES: &[DialectDifference] = &[
    row("The broker refuses a publish (MQTT 5)", "a warning, 0", "the warning, 12", "the message is lost"),
    row("It refuses every subscription", "a line, 0", "the line, 12", "nothing will ever arrive"),
    row("It lacks the QoS or retained messages", "0 with some versions", "24", "the message is lost"),
    row("A message is larger than it allows", "0 with some versions", "25", "the message is lost"),
    row("Some of many messages stay unconfirmed", "0", "7", "they may be lost; 2.1 leaves them out of -l"),
    row("Standard output cannot be written, as on a full disk", "0", "74", "messages are lost"),
    row("-W passes before the broker has answered", "255", "27", "it is the same time limit"),
    row("A SOCKS5 proxy refuses the login", "11 or 16, by its code", "11", "one reason, one number"),
    row("TLS fails", "1, 8 or 14, by chance", "8", "one reason, one number"),
    row(
        "The broker ends the connection (MQTT 5 DISCONNECT), as for a take-over",
        "0, or reconnecting forever",
        "7",
        "two clients of one identifier throw each other out without an end",
    ),
    row("The broker breaks the protocol", "reconnecting forever", "2", "it will do so again"),
    row("-o names a file that cannot be read", "not told, 0", "1", "its options are missing"),
    row("A defect of the program", "134 or 139", "70", "it is told as what it is"),
];

/// Everything else.
pub const BEHAVIOUR: &[DialectDifference] = &[
    row(
        "When a QoS 1 or 2 message is acknowledged",
        "when it arrives",
        "once it is written to standard output",
        "no message is lost to a full disk or a crash; under -d its line precedes that of the acknowledgement",
    ),
    row(
        "pub -l while there is no connection",
        "QoS 0 lines are dropped",
        "reading waits",
        "no message is lost",
    ),
    row(
        "NUL in the lines of pub -l",
        "damages this line and the next",
        "is a byte like others",
        "payloads are bytes",
    ),
    row(
        "%j with a payload that is not UTF-8",
        "no valid JSON",
        "payload_base64 instead of payload",
        "a reader of JSON can go on",
    ),
    row(
        "--cert and --key",
        "used with --cafile or --capath only",
        "used with any TLS",
        "the broker wants them",
    ),
    row(
        "--insecure with --tls-version or --ciphers",
        "checks nothing",
        "leaves out the name only, as without them",
        "who asks for TLS 1.3 asks for no less security",
    ),
    row(
        "--psk, --psk-identity, --tls-engine, --keyform engine",
        "work",
        "an error that says what to use instead",
        "the TLS library, rustls, has certificates in files only",
    ),
    row(
        "Certificates with keys of Ed448 or RSA-PSS",
        "accepted",
        "an error that says so",
        "rustls does not have them",
    ),
    row(
        "--ciphers",
        "the language of OpenSSL",
        "names of suites, others are an error",
        "rustls has nine suites, all of them strong",
    ),
    row(
        "-W",
        "begins when TCP is connected",
        "begins at once",
        "a host that does not answer has a limit too",
    ),
    row(
        "A connect that gets no answer",
        "ends when the system gives up",
        "ends after 127 seconds",
        "a broker that never sends CONNACK is found out",
    ),
    row(
        "The end",
        "waits for the broker to close, up to the keep alive (2.1)",
        "waits a second at most",
        "nothing more can come",
    ),
    row(
        "--remove-retained with -C or --retained-only",
        "hangs",
        "ends once everything is cleared",
        "that is what it is for",
    ),
    row("--retain-handling new with -R", "hangs", "-R counts", "it says more"),
    row("-L", "no percent escapes in the login, no [::1]", "both", "passwords have @ in them"),
    row(
        "Options files",
        "no -D, lines of 1022 characters, no byte order mark; a fault has no place",
        "-D, lines of any length, a byte order mark is passed over; the line of a fault is named",
        "there is no reason for less",
    ),
    row(
        "--password-file FILE and --password-command COMMAND",
        "unknown options",
        "the password from there, as for mqt; the last of these and -P counts",
        "all users of a machine can read -P in its list of processes",
    ),
    row(
        "mosquitto_rr ends with an answer",
        "without DISCONNECT: the broker sends the will",
        "with DISCONNECT",
        "it went well",
    ),
    row(
        "A property that no packet can carry, as topic-alias 0",
        "found while connecting or publishing, 1 or 7 without the reason (2.1)",
        "wrong usage",
        "it is known before connecting",
    ),
    row("-D connect and -x over WebSocket", "lost (2.1)", "sent", "they were asked for"),
    row(
        "A wrong topic, empty or too deep",
        "found late (2.0)",
        "wrong usage, as in 2.1",
        "it is known before connecting",
    ),
    row("--version", "names libmosquitto", "names mqt behind the version", "it is mqt"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_has_a_reason_and_is_told_once() {
        let all: Vec<_> = EXIT_STATUSES.iter().chain(BEHAVIOUR).collect();
        for (index, one) in all.iter().enumerate() {
            assert!([one.what, one.mosquitto, one.here, one.reason].iter().all(|cell| !cell.is_empty()));
            assert!(all.iter().skip(index + 1).all(|other| other.what != one.what), "{}", one.what);
            // A cell of a table in the README.
            assert!(!format!("{one:?}").contains('|'));
        }
    }
}
