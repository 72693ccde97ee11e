//! From the words of a mosquitto client to the structs of this program.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::num::{NonZeroU16, NonZeroU64};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::connection::{ConnectionArgs, LoginArgs};
use crate::cli::property::{PLACES, PlacedProperty, properties_of};
use crate::cli::values::{
    Chance, Expiry, KeepAliveSeconds, RetainChoice, TimeSpan, TlsMinimum, Unserved, VersionName, Window,
};
use crate::cli::{PublishArgs, Request, RequestArgs, SubscribeArgs};
use mqt_client::{Scheme, VersionChoice};
use mqt_proto::{QoS, Secret, TopicFilter, TopicName, Version};

use super::super::dialect::{Dialect, Tool};
use super::option::{Definition, Opt, OptionValue};
use super::{CallFault, Outside, c_number, missing, not_loaded, property, tls_file_missing, topic, url};

/// The limit for a payload, in bytes.
const MOST_PAYLOAD: usize = 268_435_455;

/// What the words have said so far.
pub(super) struct CallReading<'a> {
    tool: Tool,
    outside: &'a dyn Outside,
    connection: ConnectionArgs,
    /// The payload options, of which there may be one.
    payload: Option<PayloadChoice>,
    topic: Option<TopicName>,
    filters: Vec<TopicFilter>,
    qos: QoS,
    version: Option<Version>,
    properties: Vec<PlacedProperty>,
    /// The first property that no packet can carry.
    unfit: Option<CallFault>,
    /// The last `--tls-version` names none.
    no_tls_version: bool,
    publish: PublishArgs,
    subscribe: SubscribeArgs,
    request: RequestArgs,
}

enum PayloadChoice {
    Message(OsString),
    File(PathBuf),
    StdinFile,
    StdinLine,
    Null,
}

impl<'a> CallReading<'a> {
    pub fn new(tool: Tool, outside: &'a dyn Outside) -> Self {
        let connection = ConnectionArgs { dialect: Dialect::Mosquitto(tool), ..ConnectionArgs::default() };
        Self {
            tool,
            outside,
            connection,
            payload: None,
            topic: None,
            filters: Vec::new(),
            qos: QoS::default(),
            version: None,
            properties: Vec::new(),
            unfit: None,
            no_tls_version: false,
            publish: PublishArgs::default(),
            subscribe: SubscribeArgs::default(),
            request: RequestArgs::default(),
        }
    }

    /// Takes the words of the command line, or of one line of an options file.
    pub fn take(&mut self, words: Vec<OsString>) -> Result<(), CallFault> {
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let Some(definition) = Definition::find(self.tool, &word) else {
                return Err(CallFault::Plain(format!("Error: Unknown option '{}'.", word.to_string_lossy())));
            };
            self.check_repeated(definition.option)?;
            match definition.value {
                OptionValue::None => self.flag(definition.option)?,
                OptionValue::Property => {
                    let count = definition.words(words.as_slice());
                    match property::read(words.by_ref().take(count).collect())? {
                        Ok(found) => self.properties.push(found),
                        Err(fault) => self.unfit = self.unfit.take().or(Some(fault)),
                    }
                    self.version = Some(Version::V5);
                }
                OptionValue::Word(noun) => match words.next() {
                    Some(value) => self.value(definition, value)?,
                    None if definition.option == Opt::MaxInflight => {
                        return Err(CallFault::Spaced(
                            "Error: -M argument given but max_inflight not specified.".to_owned(),
                        ));
                    }
                    None => return Err(missing(definition.flag(), noun)),
                },
            }
        }
        Ok(())
    }

    fn flag(&mut self, option: Opt) -> Result<(), CallFault> {
        let connection = &mut self.connection;
        match option {
            Opt::WebSocket => connection.server.ws = Some(true),
            Opt::NoDelay => connection.server.nodelay = Some(true),
            Opt::Srv => connection.server.srv = Some(true),
            Opt::StdinFile => self.payload = Some(PayloadChoice::StdinFile),
            Opt::StdinLine => self.payload = Some(PayloadChoice::StdinLine),
            Opt::NullMessage => self.payload = Some(PayloadChoice::Null),
            Opt::Retain => self.publish.retain = true,
            Opt::Latency => self.request.latency = true,
            Opt::ExitAfterSubscribe => self.subscribe.exit_after_subscribe = true,
            Opt::NoRetained => {
                self.subscribe.no_retained = true;
                self.request.no_retained = true;
            }
            Opt::RetainedOnly => self.subscribe.retained_only = true,
            Opt::RemoveRetained => self.subscribe.remove_retained = true,
            Opt::RetainAsPublished => {
                self.subscribe.retain_as_published = true;
                self.request.retain_as_published = true;
            }
            Opt::NoNewline => {
                self.subscribe.no_newline = true;
                self.request.no_newline = true;
            }
            Opt::Verbose => {
                self.subscribe.verbose = true;
                self.request.verbose = true;
            }
            Opt::Pretty => {
                self.subscribe.pretty = true;
                self.request.pretty = true;
            }
            Opt::Watch => self.subscribe.watch = true,
            Opt::MessageRate => self.subscribe.message_rate = true,
            Opt::DisableCleanSession => connection.session.disable_clean_session = Some(true),
            Opt::WillRetain => connection.will.will_retain = Some(true),
            Opt::TlsUseOsCerts => connection.tls.tls_use_os_certs = Some(true),
            Opt::Insecure => connection.tls.insecure = Some(true),
            Opt::NoTls => connection.tls.no_tls = Some(true),
            Opt::Debug => connection.talk.debug = Some(true),
            Opt::Quiet => connection.talk.quiet = Some(true),
            Opt::Help => return Err(CallFault::Help),
            // The rest takes values.
            _ => return Err(CallFault::Version),
        }
        Ok(())
    }

    /// Faults that are reported even where the value is missing.
    fn check_repeated(&self, option: Opt) -> Result<(), CallFault> {
        let session = &self.connection.session;
        let text = match option {
            Opt::Message | Opt::File | Opt::StdinFile | Opt::StdinLine | Opt::NullMessage
                if self.payload.is_some() =>
            {
                "Error: Only one type of message can be sent at once."
            }
            Opt::Id if session.id_prefix.is_some() => TWO_IDENTIFIERS,
            Opt::IdPrefix if session.id.is_some() => TWO_IDENTIFIERS,
            _ => return Ok(()),
        };
        Err(CallFault::Spaced(text.to_owned()))
    }

    fn value(&mut self, definition: &Definition, value: OsString) -> Result<(), CallFault> {
        let bytes = value.as_encoded_bytes();
        let text = value.to_string_lossy();
        let flag = definition.flag();
        let spaced = |text: String| Err(CallFault::Spaced(text));
        let connection = &mut self.connection;
        match definition.option {
            Opt::Host => connection.server.host = Some(text.into_owned()),
            Opt::Port => match u16::try_from(c_number::int(&text)) {
                Ok(port) => connection.server.port = Some(port),
                Err(_) => {
                    return Err(CallFault::Plain(format!(
                        "Error: Invalid port given: {}",
                        c_number::int(&text)
                    )));
                }
            },
            Opt::Url => {
                let found = url::read(&text, connection)?;
                self.topic(found.as_bytes(), "-L topic")?;
            }
            Opt::Unix => {
                connection.server.host = Some(text.into_owned());
                connection.server.port = Some(0);
            }
            Opt::Bind => connection.server.bind = Some(text.into_owned()),
            Opt::Proxy => connection.server.proxy = Some(url::proxy(&text)?),
            Opt::Topic => self.topic(bytes, "-t")?,
            Opt::Message if bytes.len() > MOST_PAYLOAD => {
                return spaced(format!("Error: Message length must be less than {MOST_PAYLOAD} bytes."));
            }
            Opt::Message => self.payload = Some(PayloadChoice::Message(value)),
            Opt::File => self.payload = Some(PayloadChoice::File(value.into())),
            Opt::QoS => match qos(&text) {
                Ok(qos) => self.qos = qos,
                Err(level) => return Err(CallFault::Plain(format!("Error: Invalid QoS given: {level}"))),
            },
            Opt::Repeat => match u64::try_from(c_number::int(&text)).ok().and_then(NonZeroU64::new) {
                Some(count) => self.publish.repeat = Some(count),
                None => return spaced("Error: --repeat argument must be >0.".to_owned()),
            },
            Opt::RepeatDelay => match Duration::try_from_secs_f64(c_number::float(&text)) {
                Ok(delay) => self.publish.repeat_delay = Some(TimeSpan(delay)),
                Err(_) => return spaced("Error: --repeat-delay argument must be >=0.0.".to_owned()),
            },
            Opt::ResponseTopic => self.request.response_topic = Some(topic::name(bytes, "-e", "response")?),
            Opt::FilterOut => self.subscribe.filter_out.push(topic::filter(bytes, "-T", "filter")?),
            Opt::Unsubscribe => self.subscribe.unsubscribe.push(topic::filter(bytes, "-U", "unsubscribe")?),
            Opt::Count => match count(&text) {
                Ok(count) => self.subscribe.count = Some(count),
                Err(number) => return spaced(format!("Error: Invalid message count \"{number}\".")),
            },
            Opt::Timeout => match count(&text) {
                Ok(seconds) => {
                    let limit = Some(TimeSpan(Duration::from_secs(seconds.get())));
                    (self.subscribe.timeout, self.request.timeout) = (limit, limit);
                }
                Err(number) => return spaced(format!("Error: Invalid timeout \"{number}\".")),
            },
            Opt::RetainHandling => match &*text {
                "always" | "new" | "never" => {
                    let choice = text.parse::<RetainChoice>().ok();
                    (self.subscribe.retain_handling, self.request.retain_handling) = (choice, choice);
                }
                _ => return spaced(format!("Error: Unknown value '{text}' for --retain-handling.")),
            },
            Opt::RandomFilter => match Chance::from_percent(c_number::float(&text)) {
                Some(chance) => self.subscribe.random_filter = Some(chance),
                None => {
                    return spaced("Error: --random-filter chance must be between 0.1-100.0".to_owned());
                }
            },
            Opt::Format => {
                if let Some(fault) = self.outside.format_fault(&text) {
                    return Err(CallFault::Plain(fault));
                }
                let format = Some(text.into_owned());
                (self.subscribe.format, self.request.format) = (format.clone(), format);
            }
            Opt::ProtocolVersion => match &*text {
                "mqttv31" | "31" => self.version = Some(Version::V31),
                "mqttv311" | "311" => self.version = Some(Version::V311),
                "mqttv5" | "5" => self.version = Some(Version::V5),
                _ => return spaced("Error: Invalid protocol version argument given.".to_owned()),
            },
            Opt::Id | Opt::IdPrefix => return self.identifier(definition.option, value),
            Opt::SessionExpiry => {
                connection.session.session_expiry = Some(session_expiry(&text)?);
                self.version = Some(Version::V5);
            }
            Opt::KeepAlive => match u16::try_from(c_number::int(&text)) {
                Ok(seconds @ 5..) => connection.session.keepalive = Some(KeepAliveSeconds(seconds)),
                _ => {
                    return spaced(
                        "Error: Invalid keepalive given, it must be between 5 and 65535 inclusive."
                            .to_owned(),
                    );
                }
            },
            Opt::MaxInflight => {
                let most = u16::try_from(c_number::int(&text).min(i32::from(u16::MAX)));
                match most.ok().and_then(NonZeroU16::new) {
                    Some(window) => connection.session.max_inflight = Some(Window(window)),
                    None => {
                        return spaced("Error: Maximum inflight messages must be greater than 0.".to_owned());
                    }
                }
            }
            Opt::Username => match value.into_string() {
                Ok(name) => connection.login.username = Some(name),
                Err(_) => return Err(login_fault()),
            },
            // The last of the three counts.
            Opt::Password => {
                connection.login = LoginArgs {
                    username: connection.login.username.take(),
                    password: Some(Secret::new(value.into_encoded_bytes())),
                    ..LoginArgs::default()
                };
            }
            Opt::PasswordFile => {
                connection.login = LoginArgs {
                    username: connection.login.username.take(),
                    password_file: Some(value.into()),
                    ..LoginArgs::default()
                };
            }
            Opt::PasswordCommand => {
                connection.login = LoginArgs {
                    username: connection.login.username.take(),
                    password_command: Some(text.into_owned()),
                    ..LoginArgs::default()
                };
            }
            Opt::WillTopic => connection.will.will_topic = Some(topic::name(bytes, "--will-topic", "will")?),
            Opt::WillPayload => connection.will.will_payload = Some(value),
            Opt::WillQoS => match qos(&text) {
                Ok(qos) => connection.will.will_qos = Some(qos),
                Err(level) => return spaced(format!("Error: Invalid will QoS {level}.")),
            },
            Opt::CaFile => connection.tls.cafile = Some(value.into()),
            Opt::CaPath => connection.tls.capath = Some(value.into()),
            Opt::Crl => connection.tls.crl = Some(value.into()),
            Opt::Cert => connection.tls.cert = Some(value.into()),
            Opt::Key => connection.tls.key = Some(value.into()),
            Opt::TlsVersion => {
                connection.tls.tls_version = match &*text.to_ascii_lowercase() {
                    "tlsv1.2" => Some(TlsMinimum::Tls12),
                    "tlsv1.3" => Some(TlsMinimum::Tls13),
                    _ => None,
                };
                // The clients look at it when everything else was found right.
                self.no_tls_version = connection.tls.tls_version.is_none();
            }
            Opt::TlsAlpn => connection.tls.tls_alpn = Some(text.into_owned()),
            Opt::TlsKeyLog => connection.tls.tls_keylog = Some(value.into()),
            Opt::Ciphers => connection.tls.ciphers = Some(text.into_owned()),
            Opt::Psk => connection.tls.psk = Some(Unserved),
            Opt::PskIdentity => connection.tls.psk_identity = Some(Unserved),
            Opt::KeyForm => connection.tls.keyform = Some(text.into_owned()),
            Opt::TlsEngine => connection.tls.tls_engine = Some(Unserved),
            Opt::TlsEngineKpassSha1 => connection.tls.tls_engine_kpass_sha1 = Some(Unserved),
            // The file was read before these words.
            Opt::OptionsFile => {}
            // The rest takes no value.
            _ => return Err(missing(flag, "value")),
        }
        Ok(())
    }

    fn identifier(&mut self, option: Opt, value: OsString) -> Result<(), CallFault> {
        let Ok(text) = value.into_string() else { return Err(self.identifier_fault()) };
        let session = &mut self.connection.session;
        if option == Opt::Id {
            session.id = Some(text);
        } else {
            session.id_prefix = Some(text);
        }
        Ok(())
    }

    fn identifier_fault(&self) -> CallFault {
        let text = if self.tool == Tool::Publish {
            "Error: Invalid id."
        } else {
            "Error: Invalid id and/or clean_session."
        };
        CallFault::Bare(text.to_owned())
    }

    fn topic(&mut self, bytes: &[u8], argument: &str) -> Result<(), CallFault> {
        if self.tool == Tool::Subscribe {
            self.filters.push(topic::filter(bytes, argument, "subscription")?);
        } else {
            self.topic = Some(topic::name(bytes, argument, "publish")?);
        }
        Ok(())
    }

    /// What has been said as a whole. The order of the checks is that of the clients: which of two faults is reported is
    /// part of what they do.
    pub fn finish(mut self) -> Result<Request, CallFault> {
        self.check_will_and_tls()?;
        self.check_identifier()?;
        self.check_file()?;
        self.check_topics()?;
        if self.connection.session.id.as_deref() == Some("") {
            return Err(self.identifier_fault());
        }
        let version = self.version();
        let login = &self.connection.login;
        let password = login.password.is_some() || login.password_file.is_some();
        if (password || login.password_command.is_some())
            && login.username.is_none()
            && version != Version::V5
        {
            return Err(login_fault());
        }
        self.check_tls_version()?;
        self.check_properties()?;
        self.settle_connection(version);
        let Self { connection, payload, topic, filters, qos, publish, subscribe, request, .. } = self;
        Ok(match self.tool {
            Tool::Publish => {
                let mut args = PublishArgs { connection, qos: Some(qos), ..publish };
                args.topic.extend(topic);
                match payload {
                    Some(PayloadChoice::Message(text)) => args.message = Some(text),
                    Some(PayloadChoice::File(path)) => args.file = Some(path),
                    Some(PayloadChoice::StdinFile) => args.stdin_file = true,
                    Some(PayloadChoice::StdinLine) => args.stdin_line = true,
                    Some(PayloadChoice::Null) | None => args.null_message = true,
                }
                if args.stdin_line {
                    (args.repeat, args.repeat_delay) = (None, None);
                }
                Request::Publish(Box::new(args))
            }
            Tool::Subscribe => {
                let mut args = SubscribeArgs { connection, topic: filters, qos: Some(qos), ..subscribe };
                // Each overrules the other as the clients have it.
                args.verbose &= args.format.is_none();
                args.watch &= !args.message_rate;
                Request::Subscribe(Box::new(args))
            }
            Tool::Request => {
                let mut args = RequestArgs { connection, qos: Some(qos), ..request };
                args.topic.extend(topic.and_then(|topic| TopicFilter::new(&**topic.as_byte_string()).ok()));
                match payload {
                    Some(PayloadChoice::Message(text)) => args.message = Some(text),
                    Some(PayloadChoice::File(path)) => args.file = Some(path),
                    Some(PayloadChoice::StdinFile) => args.stdin_file = true,
                    Some(PayloadChoice::StdinLine | PayloadChoice::Null) | None => args.null_message = true,
                }
                args.verbose &= args.format.is_none();
                Request::Request(Box::new(args))
            }
        })
    }

    /// The version to speak. What only MQTT 5 has decides it, wherever `-V` stands.
    fn version(&self) -> Version {
        let needs_5 = !self.properties.is_empty() || self.connection.session.session_expiry.is_some();
        match self.version {
            _ if needs_5 => Version::V5,
            Some(version) => version,
            None if self.tool == Tool::Request => Version::V5,
            None => Version::V311,
        }
    }

    fn check_will_and_tls(&self) -> Result<(), CallFault> {
        let (will, tls) = (&self.connection.will, &self.connection.tls);
        let rules: [(bool, &str); 7] = [
            (
                will.will_payload.is_some() && will.will_topic.is_none(),
                "Error: Will payload given, but no will topic given.",
            ),
            (
                will.will_retain == Some(true) && will.will_topic.is_none(),
                "Error: Will retain given, but no will topic given.",
            ),
            (
                tls.cert.is_some() != tls.key.is_some(),
                "Error: Both certfile and keyfile must be provided if one of them is set.",
            ),
            (
                tls.keyform.is_some() && tls.key.is_none(),
                "Error: If keyform is set, keyfile must be also specified.",
            ),
            (
                tls.tls_engine_kpass_sha1.is_some() && (tls.keyform.is_none() || tls.tls_engine.is_none()),
                "Error: when using tls-engine-kpass-sha1, both tls-engine and keyform must also be provided.",
            ),
            (
                tls.psk.is_some() && (tls.cafile.is_some() || tls.capath.is_some()),
                "Error: Only one of --psk or --cafile/--capath may be used at once.",
            ),
            (
                tls.psk.is_some() && tls.psk_identity.is_none(),
                "Error: --psk-identity required if --psk used.",
            ),
        ];
        hold(&rules)
    }

    fn check_properties(&self) -> Result<(), CallFault> {
        if let Some(fault) = &self.unfit {
            return Err(fault.clone());
        }
        for place in PLACES {
            properties_of(&self.properties, *place).map_err(|error| property::unfit(*place, &error))?;
        }
        Ok(())
    }

    /// The file of `-f` is there and can be read.
    fn check_file(&self) -> Result<(), CallFault> {
        let Some(PayloadChoice::File(path)) = &self.payload else { return Ok(()) };
        match self.outside.unreadable(path) {
            Some(error) => Err(CallFault::Bare(not_loaded(path, &error))),
            None => Ok(()),
        }
    }

    /// A wrong `--tls-version`, which a missing file comes before.
    fn check_tls_version(&self) -> Result<(), CallFault> {
        if !self.no_tls_version {
            return Ok(());
        }
        let tls = &self.connection.tls;
        let is_missing = |path: &&Path| {
            self.outside.unreadable(path).is_some_and(|error| error.kind() == ErrorKind::NotFound)
        };
        let text = match [&tls.cafile, &tls.cert, &tls.key]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
            .find(is_missing)
        {
            Some(path) => tls_file_missing(path),
            None => "Error: Problem setting TLS options, check the options are valid.".to_owned(),
        };
        Err(CallFault::Bare(text))
    }

    fn check_identifier(&self) -> Result<(), CallFault> {
        let session = &self.connection.session;
        let persistent = session.disable_clean_session == Some(true);
        let for_ever = session.session_expiry == Some(Expiry::NEVER);
        // In MQTT 5 a session that is kept never expires, unless -x says otherwise.
        let for_ever =
            for_ever || (persistent && session.session_expiry.is_none() && self.version() == Version::V5);
        hold(&[
            (
                persistent && !for_ever && session.id.is_none(),
                "Error: You must provide a client id if you are using the -c option.",
            ),
            (
                for_ever && session.id.is_none(),
                "Error: You must provide a client id if you are using an infinite session expiry interval.",
            ),
        ])
    }

    fn check_topics(&self) -> Result<(), CallFault> {
        match self.tool {
            Tool::Publish if self.topic.is_none() || self.payload.is_none() => {
                Err(CallFault::Usage("Error: Both topic and message must be supplied."))
            }
            Tool::Publish => Ok(()),
            Tool::Subscribe => hold(&[(
                self.filters.is_empty() && self.subscribe.unsubscribe.is_empty(),
                "Error: You must specify a topic to subscribe to (-t) or unsubscribe from (-U).",
            )])
            .and_then(|()| {
                if self.subscribe.no_retained && self.subscribe.retained_only {
                    return Err(CallFault::Bare(
                        "\nError: Combining '-R' and '--retained-only' makes no sense.".to_owned(),
                    ));
                }
                Ok(())
            }),
            Tool::Request => {
                let lacking =
                    self.topic.is_none() || self.payload.is_none() || self.request.response_topic.is_none();
                hold(&[(lacking, "Error: All of topic, message, and response topic must be supplied.")])
            }
        }
    }

    /// What is left open about the connection, in mosquitto's way.
    fn settle_connection(&mut self, version: Version) {
        let connection = &mut self.connection;
        connection.session.protocol_version = Some(VersionName(VersionChoice::Only(version)));
        connection.session.property = std::mem::take(&mut self.properties);
        if connection.will.will_topic.is_none() {
            connection.will.will_qos = None;
            connection.session.property.retain(|item| item.place != mqt_proto::Place::Will);
        }
        let (server, tls) = (&mut connection.server, &mut connection.tls);
        let authorities = tls.cafile.is_some() || tls.capath.is_some() || tls.psk.is_some();
        let asked_for = authorities
            || tls.tls_use_os_certs == Some(true)
            || server.port == Some(Scheme::Mqtts.default_port());
        let on = asked_for && tls.no_tls != Some(true);
        if server.port == Some(0) {
            server.unix = Some(server.host.take().unwrap_or_else(|| "localhost".to_owned()).into());
            server.port = None;
            server.ws = None;
        } else {
            let tls_port = authorities && on;
            let scheme = if tls_port { Scheme::Mqtts } else { Scheme::Mqtt };
            server.port.get_or_insert(scheme.default_port());
        }
        tls.tls = Some(on && server.unix.is_none());
    }
}

fn hold(rules: &[(bool, &str)]) -> Result<(), CallFault> {
    match rules.iter().find(|(broken, _)| *broken) {
        Some((_, text)) => Err(CallFault::Plain((*text).to_owned())),
        None => Ok(()),
    }
}

const TWO_IDENTIFIERS: &str = "Error: -i and -I argument cannot be used together.";

fn login_fault() -> CallFault {
    CallFault::Bare("Error: Problem setting username and/or password.".to_owned())
}

fn qos(text: &str) -> Result<QoS, i32> {
    let level = c_number::int(text);
    u8::try_from(level).ok().and_then(QoS::from_level).ok_or(level)
}

fn count(text: &str) -> Result<NonZeroU64, i32> {
    let number = c_number::int(text);
    u64::try_from(number).ok().and_then(NonZeroU64::new).ok_or(number)
}

fn session_expiry(text: &str) -> Result<Expiry, CallFault> {
    if text == "∞" {
        return Ok(Expiry::NEVER);
    }
    let spaced = |text: &str| CallFault::Spaced(text.to_owned());
    match c_number::whole(text) {
        Ok(-1) => Ok(Expiry::NEVER),
        Ok(seconds) => u32::try_from(seconds)
            .map(Expiry)
            .map_err(|_| spaced("Error: session-expiry-interval out of range.")),
        Err(c_number::NumberError::NotANumber) => Err(spaced("Error: session-expiry-interval not a number.")),
        Err(c_number::NumberError::Range) => Err(spaced("Error: session-expiry-interval out of range.")),
    }
}
