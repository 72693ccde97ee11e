//! The options of the three mosquitto clients: one table of names, programs and values.

use std::ffi::{OsStr, OsString};

use super::super::dialect::Tool;

/// An option, whatever its names are: the table below says what each is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Opt {
    Bind,
    CaFile,
    CaPath,
    Crl,
    Cert,
    Ciphers,
    Count,
    Debug,
    DisableCleanSession,
    ExitAfterSubscribe,
    File,
    FilterOut,
    Format,
    Help,
    Host,
    Id,
    IdPrefix,
    Insecure,
    KeepAlive,
    Key,
    KeyForm,
    Latency,
    MaxInflight,
    Message,
    MessageRate,
    NoDelay,
    NoNewline,
    NoRetained,
    NoTls,
    NullMessage,
    OptionsFile,
    Password,
    PasswordCommand,
    PasswordFile,
    Port,
    Pretty,
    Property,
    ProtocolVersion,
    Proxy,
    Psk,
    PskIdentity,
    QoS,
    Quiet,
    RandomFilter,
    RemoveRetained,
    Repeat,
    RepeatDelay,
    ResponseTopic,
    Retain,
    RetainAsPublished,
    RetainHandling,
    RetainedOnly,
    SessionExpiry,
    Srv,
    StdinFile,
    StdinLine,
    Timeout,
    TlsAlpn,
    TlsEngine,
    TlsEngineKpassSha1,
    TlsKeyLog,
    TlsUseOsCerts,
    TlsVersion,
    Topic,
    Unix,
    Unsubscribe,
    Url,
    Username,
    Verbose,
    Version,
    Watch,
    WebSocket,
    WillPayload,
    WillQoS,
    WillRetain,
    WillTopic,
}

/// Which of the programs have an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tools(u8);

const P: Tools = Tools(1);
const S: Tools = Tools(2);
const R: Tools = Tools(4);
const PR: Tools = Tools(5);
const SR: Tools = Tools(6);
const ALL: Tools = Tools(7);

impl Tools {
    const fn have(self, tool: Tool) -> bool {
        let one = match tool {
            Tool::Publish => P.0,
            Tool::Subscribe => S.0,
            Tool::Request => R.0,
        };
        self.0 & one != 0
    }
}

/// What follows the name of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OptionValue {
    /// Nothing.
    None,
    /// One word, called so when it is missing.
    Word(&'static str),
    /// The three or four words of a property.
    Property,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Definition {
    pub option: Opt,
    /// `-t`, or empty.
    pub short: &'static str,
    /// `--topic`, or empty.
    pub long: &'static str,
    tools: Tools,
    pub value: OptionValue,
}

const fn flag(option: Opt, short: &'static str, long: &'static str, tools: Tools) -> Definition {
    Definition { option, short, long, tools, value: OptionValue::None }
}

const fn word(
    option: Opt,
    short: &'static str,
    long: &'static str,
    tools: Tools,
    noun: &'static str,
) -> Definition {
    Definition { option, short, long, tools, value: OptionValue::Word(noun) }
}

/// All options, in the order of the help.
pub(super) const OPTIONS: &[Definition] = &[
    word(Opt::Host, "-h", "--host", ALL, "host"),
    word(Opt::Port, "-p", "--port", ALL, "port"),
    word(Opt::Url, "-L", "--url", ALL, "URL"),
    word(Opt::Unix, "", "--unix", ALL, "socket path"),
    flag(Opt::WebSocket, "", "--ws", ALL),
    word(Opt::Bind, "-A", "", ALL, "address"),
    flag(Opt::NoDelay, "", "--nodelay", ALL),
    flag(Opt::Srv, "-S", "", ALL),
    word(Opt::Proxy, "", "--proxy", ALL, "proxy url"),
    word(Opt::Topic, "-t", "--topic", ALL, "topic"),
    word(Opt::Message, "-m", "--message", PR, "message"),
    word(Opt::File, "-f", "--file", PR, "file"),
    flag(Opt::StdinFile, "-s", "--stdin-file", PR),
    flag(Opt::StdinLine, "-l", "--stdin-line", P),
    flag(Opt::NullMessage, "-n", "--null-message", PR),
    word(Opt::QoS, "-q", "--qos", ALL, "QoS"),
    flag(Opt::Retain, "-r", "--retain", P),
    word(Opt::Repeat, "", "--repeat", P, "count"),
    word(Opt::RepeatDelay, "", "--repeat-delay", P, "time"),
    word(Opt::ResponseTopic, "-e", "", R, "response topic"),
    flag(Opt::Latency, "", "--latency", R),
    word(Opt::FilterOut, "-T", "--filter-out", S, "topic filter"),
    word(Opt::Unsubscribe, "-U", "--unsubscribe", S, "unsubscribe topic"),
    word(Opt::Count, "-C", "", S, "count"),
    word(Opt::Timeout, "-W", "", SR, "timeout"),
    flag(Opt::ExitAfterSubscribe, "-E", "", S),
    flag(Opt::NoRetained, "-R", "", SR),
    flag(Opt::RetainedOnly, "", "--retained-only", S),
    flag(Opt::RemoveRetained, "", "--remove-retained", S),
    flag(Opt::RetainAsPublished, "", "--retain-as-published", SR),
    word(Opt::RetainHandling, "", "--retain-handling", SR, "option"),
    word(Opt::RandomFilter, "", "--random-filter", S, "chance"),
    flag(Opt::NoNewline, "-N", "", SR),
    flag(Opt::Verbose, "-v", "--verbose", SR),
    word(Opt::Format, "-F", "", SR, "format"),
    flag(Opt::Pretty, "", "--pretty", SR),
    flag(Opt::Watch, "-w", "--watch", S),
    flag(Opt::MessageRate, "", "--message-rate", S),
    word(Opt::ProtocolVersion, "-V", "--protocol-version", ALL, "version"),
    word(Opt::Id, "-i", "--id", ALL, "id"),
    word(Opt::IdPrefix, "-I", "--id-prefix", ALL, "id prefix"),
    flag(Opt::DisableCleanSession, "-c", "--disable-clean-session", ALL),
    word(Opt::SessionExpiry, "-x", "", ALL, "session expiry interval"),
    word(Opt::KeepAlive, "-k", "--keepalive", ALL, "keepalive"),
    word(Opt::MaxInflight, "-M", "", ALL, "max_inflight"),
    Definition {
        option: Opt::Property,
        short: "-D",
        long: "--property",
        tools: ALL,
        value: OptionValue::Property,
    },
    word(Opt::Username, "-u", "--username", ALL, "username"),
    word(Opt::Password, "-P", "--pw", ALL, "password"),
    word(Opt::PasswordFile, "", "--password-file", ALL, "file"),
    word(Opt::PasswordCommand, "", "--password-command", ALL, "command"),
    word(Opt::WillTopic, "", "--will-topic", ALL, "will topic"),
    word(Opt::WillPayload, "", "--will-payload", ALL, "will payload"),
    word(Opt::WillQoS, "", "--will-qos", ALL, "will QoS"),
    flag(Opt::WillRetain, "", "--will-retain", ALL),
    word(Opt::CaFile, "", "--cafile", ALL, "file"),
    word(Opt::CaPath, "", "--capath", ALL, "directory"),
    flag(Opt::TlsUseOsCerts, "", "--tls-use-os-certs", ALL),
    word(Opt::Crl, "", "--crl", ALL, "file"),
    word(Opt::Cert, "", "--cert", ALL, "file"),
    word(Opt::Key, "", "--key", ALL, "file"),
    word(Opt::TlsVersion, "", "--tls-version", ALL, "version"),
    word(Opt::TlsAlpn, "", "--tls-alpn", ALL, "protocol"),
    flag(Opt::Insecure, "", "--insecure", ALL),
    word(Opt::TlsKeyLog, "", "--tls-keylog", ALL, "file"),
    flag(Opt::NoTls, "", "--no-tls", ALL),
    word(Opt::Ciphers, "", "--ciphers", ALL, "ciphers"),
    word(Opt::Psk, "", "--psk", ALL, "key"),
    word(Opt::PskIdentity, "", "--psk-identity", ALL, "identity"),
    word(Opt::KeyForm, "", "--keyform", ALL, "keyform"),
    word(Opt::TlsEngine, "", "--tls-engine", ALL, "engine_id"),
    word(Opt::TlsEngineKpassSha1, "", "--tls-engine-kpass-sha1", ALL, "kpass sha1"),
    word(Opt::OptionsFile, "-o", "", ALL, "options file"),
    flag(Opt::Debug, "-d", "--debug", ALL),
    flag(Opt::Quiet, "", "--quiet", ALL),
    flag(Opt::Help, "", "--help", ALL),
    flag(Opt::Version, "", "--version", ALL),
];

impl Definition {
    /// The option that this whole word names in this program.
    pub fn find(tool: Tool, word: &OsStr) -> Option<&'static Self> {
        let word = word.to_str().filter(|word| word.starts_with('-'))?;
        Self::of_tool(tool).find(|definition| definition.short == word || definition.long == word)
    }

    /// The options of a program.
    pub fn of_tool(tool: Tool) -> impl Iterator<Item = &'static Self> {
        OPTIONS.iter().filter(move |definition| definition.tools.have(tool))
    }

    /// The name that is in messages: the short one, wherever there is one.
    pub fn flag(&self) -> &'static str {
        match (self.option, self.short) {
            (Opt::ProtocolVersion, _) | (_, "") => self.long,
            (_, short) => short,
        }
    }

    /// How many of the next words belong to the option.
    pub fn words(&self, next: &[OsString]) -> usize {
        match self.value {
            OptionValue::None => 0,
            OptionValue::Word(_) => 1,
            OptionValue::Property => {
                let pair = next.get(1).is_some_and(|name| name.eq_ignore_ascii_case("user-property"));
                if pair { 4 } else { 3 }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_twice_in_a_program() {
        for tool in Tool::ALL {
            let mut names: Vec<&str> = Definition::of_tool(tool)
                .flat_map(|definition| [definition.short, definition.long])
                .filter(|name| !name.is_empty())
                .collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{tool:?}");
        }
    }

    #[test]
    fn each_program_knows_its_own_options_only() {
        let knows = |tool, word: &str| Definition::find(tool, OsStr::new(word)).is_some();
        for (word, publish, subscribe, request) in [
            ("-m", true, false, true),
            ("-l", true, false, false),
            ("-C", false, true, false),
            ("-W", false, true, true),
            ("-e", false, false, true),
            ("--latency", false, false, true),
            ("--watch", false, true, false),
            ("--topic", true, true, true),
            ("--topi", false, false, false),
            ("--topic=a", false, false, false),
            ("t", false, false, false),
            ("", false, false, false),
            ("-ta", false, false, false),
        ] {
            assert_eq!(knows(Tool::Publish, word), publish, "pub {word}");
            assert_eq!(knows(Tool::Subscribe, word), subscribe, "sub {word}");
            assert_eq!(knows(Tool::Request, word), request, "rr {word}");
        }
    }
}
