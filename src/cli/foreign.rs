//! Words of other tools (mosquitto, paho, MQTTX, HiveMQ's mqtt-cli, mqttui, emqtt-bench, kcat) and slips of the keyboard:
//! what was meant by an option that is not there.

use clap::Command;

/// A name that other tools have, and what does the same here.
struct Foreign {
    /// Without case, `-`, `_` and `:`.
    names: &'static [&'static str],
    /// The commands that it holds for; empty: all.
    commands: &'static [&'static str],
    /// What does the same here.
    told: ForeignTold,
}

enum ForeignTold {
    /// The option, with its value.
    Option(&'static str),
    /// A hint of its own.
    Text(&'static str),
}

use ForeignTold::{Option as Is, Text};

const fn row(names: &'static [&'static str], told: ForeignTold) -> Foreign {
    Foreign { names, commands: &[], told }
}

const fn only(
    commands: &'static [&'static str],
    names: &'static [&'static str],
    told: ForeignTold,
) -> Foreign {
    Foreign { names, commands, told }
}

const SENDING: &[&str] = &["pub", "rr"];
const RECEIVING: &[&str] = &["sub", "rr"];
const SUB: &[&str] = &["sub"];
const PUB: &[&str] = &["pub"];
const BENCH: &[&str] = &["bench"];
const WATCH: &[&str] = &["watch"];

/// The first row that holds counts.
const FOREIGN: &[Foreign] = &[
    // Where the broker is.
    row(&["hostname", "server", "serverhost", "brokerhost", "mqtthost"], Is("-h HOST")),
    row(&["broker", "address", "addr", "uri", "brokerurl", "serveruri", "connection"], Text(BROKER)),
    row(&["brokerport", "serverport", "mqttport"], Is("-p PORT")),
    row(&["websocket", "websockets", "usewebsocket"], Is("--ws")),
    row(&["wss"], Is("--ws --tls")),
    row(&["path", "wspath", "websocketpath"], Is("--ws-path PATH")),
    row(&["wsheaders", "header", "headers", "wsheader"], Is("--ws-header 'NAME: VALUE'")),
    row(&["ifaddr", "bindaddress", "localaddress", "interface"], Is("-A ADDRESS")),
    row(
        &["reconnectperiod", "maximumreconnecttimes", "reconnect", "autoreconnect", "retries"],
        Is("--retry=N"),
    ),
    row(&["noautoreconnect"], Is("--no-reconnect")),
    row(&["config", "configfile", "conf", "loadoptions", "options"], Is("-o FILE")),
    // Login.
    row(&["user", "usr", "login"], Is("-u NAME")),
    row(&["passwd", "pass", "pwd"], Is("--password-file FILE (or -P PASSWORD)")),
    row(&["passwordenv", "passwordvar"], Text("the variable MQT_PASSWORD holds the password")),
    row(&["token", "bearertoken", "jwt"], Is("--password-file FILE")),
    // TLS.
    row(
        &[
            "ca",
            "cacert",
            "cacerts",
            "caroot",
            "rootca",
            "catls",
            "tlsca",
            "trustedca",
            "serverca",
            "cacertificate",
        ],
        Is("--cafile FILE"),
    ),
    row(&["cadir", "cafolder", "capathdir"], Is("--capath DIR")),
    row(&["certfile", "clientcert", "tlscert", "crt", "certificate", "clientcertificate"], Is("--cert FILE")),
    row(&["keyfile", "clientkey", "tlskey", "privatekey", "privkey"], Is("--key FILE")),
    row(&["mtls"], Is("--cert FILE --key FILE")),
    row(
        &[
            "tlsinsecure",
            "skipverify",
            "noverify",
            "allowinsecure",
            "skiptlsverify",
            "insecureskipverify",
            "acceptinvalidcerts",
            "noservercertauth",
            "disableservercertauth",
        ],
        Is("--insecure (--tls-pin is the safe way)"),
    ),
    row(&["ssl", "usetls", "usessl", "secure", "enablessl", "enabletls"], Is("--tls")),
    row(&["alpn"], Is("--tls-alpn PROTOCOL")),
    row(&["sni", "servername", "tlsname"], Is("--tls-server-name NAME")),
    row(&["sslversion", "tlsprotocol"], Is("--tls-version VERSION")),
    row(&["keylog", "sslkeylog"], Is("--tls-keylog FILE")),
    // Session.
    only(BENCH, &["prefix", "clientidprefix"], Is("-I PREFIX")),
    row(&["clientid", "cid", "identifier", "clientidentifier", "client"], Is("-i NAME")),
    row(&["clientidprefix", "identifierprefix"], Is("-I PREFIX")),
    row(
        &["clean", "cleansession", "cleanstart"],
        Text("a session is clean unless -c is given: leave it out"),
    ),
    row(
        &["noclean", "nocleansession", "nocleanstart", "persistent", "persist", "durable", "keepsession"],
        Is("-c, with -i NAME"),
    ),
    row(&["sessionexpiryinterval", "expiry", "sessiontimeout"], Is("-x SECONDS")),
    row(&["keepaliveinterval", "ka", "ping", "pinginterval"], Is("-k SECONDS")),
    row(
        &["mqttversion", "mqttver", "protocol", "proto", "version", "ver", "mqttv"],
        Is("-V 5, -V 3.1.1 or -V 3.1"),
    ),
    row(&["mqtt5", "v5"], Is("-V 5")),
    row(&["mqtt3", "mqtt311", "v311", "v3"], Is("-V 3.1.1")),
    row(&["receivemax", "inflightwindow", "maxinflightmessages"], Is("-M N")),
    row(&["receivemaximum"], Is("-D connect receive-maximum N")),
    row(&["maximumpacketsize", "maxpacketsize"], Is("--max-message SIZE")),
    row(&["topicaliasmaximum"], Is("-D connect topic-alias-maximum N")),
    row(&["connecttimeoutms", "connectiontimeout"], Is("--connect-timeout DURATION")),
    // The will.
    row(
        &["willmessage", "willmsg", "lwtpayload", "lwtmessage", "lastwillmessage", "lastwill", "will"],
        Is("--will-payload TEXT"),
    ),
    row(&["lwttopic", "lastwilltopic"], Is("--will-topic TOPIC")),
    row(&["lwtqos", "lastwillqos"], Is("--will-qos QOS")),
    row(&["lwtretain", "lastwillretain"], Is("--will-retain")),
    row(&["willdelayinterval", "willdelay"], Is("-D will will-delay-interval SECONDS")),
    // The message.
    only(
        SENDING,
        &["payload", "msg", "text", "body", "data", "content", "value", "messagepayload"],
        Is("-m TEXT"),
    ),
    only(BENCH, &["payload", "msg", "text", "body", "data", "content"], Is("-m TEXT")),
    only(
        SUB,
        &["payload", "msg", "text", "body", "message"],
        Text("a message is published: `mqt pub -t TOPIC -m TEXT`"),
    ),
    only(
        SENDING,
        &["filename", "payloadfile", "messagefile", "fileread", "input", "inputfile"],
        Is("-f FILE"),
    ),
    only(
        PUB,
        &["stdin", "lines", "line", "multiline", "stdinlines", "readlines"],
        Is("-l (a line a message)"),
    ),
    only(&["rr"], &["stdin"], Is("-s")),
    only(PUB, &["delimiter", "separator", "keydelimiter"], Is("--split-topic=SEP")),
    only(PUB, &["empty", "null", "messageempty"], Is("-n")),
    only(PUB, &["retained"], Is("-r")),
    only(PUB, &["count", "times", "number", "num", "limit"], Is("--repeat N")),
    only(
        PUB,
        &["interval", "delay", "messageinterval", "messagedelay", "period"],
        Is("--repeat-delay DURATION"),
    ),
    only(
        &["pub", "rr", "bench"],
        &["messageexpiryinterval", "messageexpiry", "expiryinterval"],
        Is("-D publish message-expiry-interval SECONDS"),
    ),
    only(&["pub", "rr", "bench"], &["contenttype"], Is("-D publish content-type TYPE")),
    only(PUB, &["responsetopic"], Is("-D publish response-topic TOPIC")),
    only(SENDING, &["correlationdata"], Is("-D publish correlation-data DATA")),
    only(&["pub", "rr", "bench"], &["payloadformatindicator"], Is("-D publish payload-format-indicator 1")),
    only(PUB, &["topicalias"], Is("-D publish topic-alias N")),
    row(&["userproperty", "userproperties", "userprops"], Is("-D PACKET user-property KEY VALUE")),
    // What is received.
    only(SUB, &["filter", "subscribe", "topicfilter"], Is("-t FILTER")),
    only(SUB, &["exclude", "ignore", "filterexclude"], Is("-T FILTER")),
    only(
        SUB,
        &["retain", "retained"],
        Text("--retained-only prints retained messages only, -R leaves them out"),
    ),
    only(SUB, &["num", "number", "limit", "maxmessages", "messages", "n"], Is("-C N")),
    only(SUB, &["once", "one", "exitafterfirst"], Is("-C 1")),
    only(RECEIVING, &["wait", "time", "maxtime", "duration", "for"], Is("-W DURATION")),
    only(
        RECEIVING,
        &["timestamp", "timestamps", "showtime", "showtimestamp", "ts"],
        Text("-F '%I %t %p' prints time, topic and payload"),
    ),
    only(
        RECEIVING,
        &["hex", "hexdump", "payloadhex", "ashex"],
        Text("-F %x prints the payload in hexadecimal"),
    ),
    only(SUB, &["base64", "b64"], Text("--json has payloads that are not text as payload_base64")),
    only(RECEIVING, &["showtopics", "showtopic", "topics", "withtopic"], Is("-v")),
    only(SUB, &["jsonoutput", "outputjson", "jsonl", "jsonlines"], Is("--json")),
    only(SUB, &["outputmode", "outputformat", "template"], Is("-F FORMAT (or --json)")),
    only(&["rr"], &["outputmode", "outputformat", "template"], Is("-F FORMAT")),
    only(
        RECEIVING,
        &["output", "outputtofile", "outputfile", "filesave", "filewrite", "save", "out"],
        Text("the shell writes into a file: > FILE"),
    ),
    only(SUB, &["nolocalflag", "nl"], Is("--no-local")),
    only(SUB, &["rap", "retainaspublish"], Is("--retain-as-published")),
    only(SUB, &["subscriptionidentifier", "subid", "si"], Is("--subscription-id N")),
    only(SUB, &["shared", "share", "group", "sharename", "consumergroup"], Is("-t '$share/NAME/FILTER'")),
    only(RECEIVING, &["noeol", "nonl", "nolinefeed"], Is("-N")),
    only(RECEIVING, &["prettyprint", "indent"], Is("--pretty")),
    only(WATCH, &["filter", "subscribe", "topicfilter"], Is("-t FILTER")),
    // Load.
    only(
        BENCH,
        &["clients", "client", "conns", "connection", "numclients", "numberofclients", "threadsgroup"],
        Is("-n N (or --publishers N and --subscribers N)"),
    ),
    only(BENCH, &["pubs", "producers", "senders", "numpublishers"], Is("--publishers N")),
    only(BENCH, &["subs", "consumers", "receivers", "numsubscribers"], Is("--subscribers N")),
    only(BENCH, &["messages", "limit", "number", "messagecount", "num", "iterations"], Is("--count N")),
    only(BENCH, &["messagesize", "payloadsize", "msgsize", "bytes"], Is("-s SIZE")),
    only(BENCH, &["msgrate", "messagerate", "throughput", "qps", "tps", "rps", "pubrate"], Is("-r RATE")),
    only(
        BENCH,
        &["interval", "intervalofmsg", "messageinterval", "delay"],
        Is("-r RATE, in messages a second"),
    ),
    only(BENCH, &["time", "runtime", "testtime", "length"], Is("--duration DURATION")),
    only(BENCH, &["connrate", "connectinterval", "numretryconnect"], Is("--connect-rate RATE")),
    only(BENCH, &["rampup", "rampuptime"], Is("--ramp DURATION")),
    only(BENCH, &["pubqos"], Is("-q QOS")),
    only(BENCH, &["subqos"], Is("--subscribe-qos QOS")),
    only(BENCH, &["output", "outputfile", "report", "format"], Is("--json FILE, --csv FILE or --html FILE")),
    only(BENCH, &["prometheus", "metrics", "metricsport"], Is("--openmetrics ADDRESS")),
    only(BENCH, &["retained"], Is("--retain")),
    // What is said.
    row(&["trace", "loglevel", "log", "debuglog", "logs", "verbosity"], Is("-d")),
    only(&["pub", "bench", "watch"], &["verbose"], Is("-d")),
    row(&["silent", "noerrors", "noerror"], Is("--quiet")),
    row(&["nocolor", "nocolors", "nocolour"], Is("--color never")),
    row(&["stats", "statistics", "progress"], Is("--summary")),
];

const BROKER: &str = "-h HOST says where the broker is, and -L URL takes a URL";

/// What to type for an option that is not there.
pub(super) fn hint(word: &str, command: &Command) -> Option<String> {
    let long = word.strip_prefix("--")?;
    let plain: String = long.chars().filter(|c| !"-_:.".contains(*c)).flat_map(char::to_lowercase).collect();
    let holds = |row: &&Foreign| {
        row.names.contains(&&*plain)
            && (row.commands.is_empty() || row.commands.contains(&command.get_name()))
    };
    // Commands without a connection have other options.
    let connects = command.get_arguments().any(|arg| arg.get_id() == "url");
    match FOREIGN.iter().find(holds).filter(|_| connects).map(|row| &row.told) {
        Some(Is(option)) => return Some(format!("here that is {option}")),
        Some(Text(text)) => return Some((*text).to_owned()),
        None => {}
    }
    let known = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set())
        .flat_map(|arg| arg.get_long().into_iter().chain(arg.get_visible_aliases().unwrap_or_default()));
    nearest(long, known).map(|name| format!("did you mean '--{name}'?"))
}

/// Commands of other tools.
const FOREIGN_COMMANDS: &[(&[&str], &str)] = &[
    (&["publish", "send", "produce"], "pub"),
    (&["subscribe", "listen", "consume", "log", "read-one", "readone"], "sub"),
    (&["request", "req", "ask"], "rr"),
    (&["benchmark", "load", "perf", "conn", "simulate"], "bench"),
    (&["tui", "top", "explore", "explorer", "monitor"], "watch"),
    (&["server", "serve"], "broker"),
    (&["completion", "completions"], "generate"),
];

/// What to type for a command that is not there.
pub(super) fn command_hint(word: &str, definition: &Command) -> Option<String> {
    let known = || definition.get_subcommands().map(Command::get_name);
    let foreign = FOREIGN_COMMANDS.iter().find(|(names, _)| names.contains(&word)).map(|(_, name)| *name);
    let name =
        foreign.filter(|name| known().any(|known| known == *name)).or_else(|| nearest(word, known()))?;
    Some(format!("did you mean '{name}'?"))
}

/// The one name that is a slip away: a letter too many, too few, another or in another place. In longer names two.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = if word.chars().count() > 4 { 2 } else { 1 };
    let near = known.map(|name| (distance(word, name), name)).filter(|(distance, _)| *distance <= most);
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// How many slips lead from one word to the other (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before_last = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    let mut letter_before = None;
    for (row, letter) in one.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, wanted) in other.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut least = (at(&last, column) + usize::from(letter != *wanted))
                .min(at(&last, column + 1) + 1)
                .min(at(&current, column) + 1);
            let wanted_before = column.checked_sub(1).and_then(|before| other.get(before));
            if letter_before == Some(*wanted) && wanted_before == Some(&letter) {
                least = least.min(at(&before_last, column - 1) + 1);
            }
            current.push(least);
        }
        before_last = std::mem::replace(&mut last, current);
        letter_before = Some(letter);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (one, other, slips) in [
            ("sub", "sub", 0),
            ("sbu", "sub", 1),
            ("sb", "sub", 1),
            ("pubb", "pub", 1),
            ("", "ab", 2),
            ("hex", "help", 2),
        ] {
            assert_eq!(distance(one, other), slips, "{one} {other}");
            assert_eq!(distance(other, one), slips, "{other} {one}");
        }
        assert_eq!(nearest("sbu", ["pub", "sub", "rr"].into_iter()), Some("sub"));
        assert_eq!(nearest("hex", ["help"].into_iter()), None);
    }

    #[test]
    fn no_row_has_a_name_that_is_an_option_and_every_option_in_one_is_there() {
        let plain = |name: &str| name.replace('-', "");
        for super::super::CommandRow { name, define, .. } in super::super::COMMANDS {
            let command = define();
            if !command.get_arguments().any(|arg| arg.get_id() == "url") {
                continue;
            }
            let longs: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
            let shorts: Vec<char> = command.get_arguments().filter_map(clap::Arg::get_short).collect();
            for row in FOREIGN.iter().filter(|row| row.commands.is_empty() || row.commands.contains(name)) {
                if !row.commands.is_empty() {
                    for foreign in row.names {
                        assert!(!longs.iter().any(|long| plain(long) == *foreign), "{name} has --{foreign}");
                    }
                }
                let (Is(text) | Text(text)) = &row.told;
                for word in text.split([' ', ',', ':', '(', ')', '=', '`', '\'']) {
                    let is_there = match word.strip_prefix("--") {
                        Some(long) => longs.contains(&long),
                        None => match word.strip_prefix('-').and_then(|rest| rest.chars().next()) {
                            Some(short) => shorts.contains(&short),
                            None => true,
                        },
                    };
                    // What another command does is reported too.
                    assert!(is_there || text.contains("`mqt "), "{name} has no {word}: {text}");
                }
            }
        }
    }

    #[test]
    fn no_name_stands_twice_for_a_command() {
        for super::super::CommandRow { name, .. } in super::super::COMMANDS {
            let mut names: Vec<&str> = FOREIGN
                .iter()
                .filter(|row| row.commands.contains(name))
                .flat_map(|row| row.names)
                .copied()
                .collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{name}");
        }
    }
}
