//! From options to settings.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use crate::cli::bench::{
    Arrival, ClientCount, CompareArgs, Condition, CountKind, LoadArgs, LoadRate, LoadStage, MergeArgs,
    Metric, OutputArgs, PayloadPiece, PayloadSize, PayloadTemplate, Preset, Scenario, Shard, ShardChoice,
    Share, VerdictArgs,
};
use crate::cli::values::{ColorChoice, KeepAliveSeconds, TimeSpan};
use crate::config::environment::Environment;
use crate::config::settings::{BrokerSettings, UiSettings};
use crate::config::{Resolved, SetupWarning, broker, client, login, rules};
use crate::error::Failure;
use mqt_client::TransportOptions;
use mqt_process::text_file::FileError;
use mqt_proto::{MAX_REMAINING_LENGTH, Place, QoS, TopicFilter, TopicName};

use super::settings::{
    BenchSettings, ClientGroup, CompareSettings, Credential, Load, LoadPayload, LoadTiming, MergeSettings,
    OpenStage, Outputs, Thresholds,
};
use super::{credentials, group_file, preset};

const TOPIC: &str = "mqt/bench/{run}/{i}";
const ALL_TOPICS: &str = "mqt/bench/#";
const SHARE_NAME: &str = "mqt";
const SIZE: PayloadSize = PayloadSize { min: 64, max: 64 };
const DURATION: Duration = Duration::from_secs(10);
const WARMUP: Duration = Duration::from_secs(1);
const DRAIN: Duration = Duration::from_secs(5);
const CHURN_EVERY: Duration = Duration::from_secs(1);
const STORM_EVERY: Duration = Duration::from_secs(5);
const SKEW: Duration = Duration::from_secs(1);

/// Set by Kubernetes in each pod of an indexed job.
const SHARD_INDEX: &str = "JOB_COMPLETION_INDEX";

pub(in crate::config) fn compare(args: CompareArgs) -> CompareSettings {
    CompareSettings { before: args.before, after: args.after, ui: plain_ui(args.color) }
}

pub(in crate::config) fn merge(args: MergeArgs) -> MergeSettings {
    MergeSettings {
        files: args.files,
        max_skew: args.max_skew.map_or(SKEW, |span| span.0),
        thresholds: thresholds(args.verdict),
        outputs: outputs(args.output),
        ui: plain_ui(args.color),
    }
}

fn plain_ui(color: Option<ColorChoice>) -> UiSettings {
    UiSettings { color: color.unwrap_or_default(), ..UiSettings::default() }
}

fn outputs(args: OutputArgs) -> Outputs {
    Outputs { json: args.json, csv: args.csv, html: args.html, openmetrics: None }
}

fn thresholds(args: VerdictArgs) -> Thresholds {
    Thresholds { slo: args.slo, fail_if: args.fail_if }
}

pub(in crate::config) fn run(
    mut args: LoadArgs,
    environment: &Environment<'_>,
) -> Result<Resolved<BenchSettings>, Failure> {
    let mut merged = client::merge(std::mem::take(&mut args.connection), environment, args.with_broker)?;
    // clap forgets that --scale requires it where it would not go with --groups.
    if args.scale.is_some() && args.preset.is_none() {
        return Err(Failure::usage("--scale needs --preset"));
    }
    let server = &mut merged.args.server;
    if args.with_broker && server.url.is_none() && server.unix.is_none() && server.port.is_none() {
        // Nobody else has to find it, and the usual port may be that of the broker to be tested.
        server.port = Some(0);
    }
    let session = &mut merged.args.session;
    if args.preset.is_some() && session.keepalive.is_none() {
        session.keepalive = Some(KeepAliveSeconds(preset::PRESET_KEEP_ALIVE));
    }
    let windows = session.max_inflight.map(|window| window.0.get());
    let client_id = client_id(session.id.take(), session.id_prefix.take(), environment)?;
    // The rules about sessions ask for an identifier, which every client of a run has.
    session.id = Some("mqt".to_owned());
    let mut client = client::resolve(&merged, environment, None)?;
    client.client_id = None;
    client.max_inflight = windows.unwrap_or(u16::MAX);
    let binds = binds(client.transport.bind.take())?;
    let named = merged.args.server.url.is_some()
        || merged.args.server.host.is_some()
        || merged.args.server.unix.is_some();
    let mut brokers: Vec<TransportOptions> = Vec::new();
    if named || args.broker.is_empty() {
        brokers.push(client.transport.clone());
    }
    let mut key_password = client.transport.tls.key_password.clone();
    for endpoint in &args.broker {
        rules::check_transport(&merged.typed, endpoint, false)?;
        if endpoint.user_name().is_some() || endpoint.password().is_some() {
            return Err(Failure::usage("--broker takes no user name and password in the URL")
                .hint("-u and --password-file are for all brokers, --credentials for many users"));
        }
        if endpoint.scheme().is_tls() && key_password.is_none() {
            key_password = login::key_password(&merged.args.tls, environment)?;
        }
        let password = key_password.clone();
        let mut transport = client::transport(&merged.args, endpoint.clone(), client.keep_alive, password);
        transport.bind = None;
        brokers.push(transport);
    }
    if let Some(first) = brokers.first() {
        client.transport = first.clone();
    }
    let with_broker =
        args.with_broker.then(|| broker::beside(&client.transport.endpoint, &merged)).transpose()?;
    let groups = groups(&args)?;
    check_pace(&args, &groups)?;
    let clients: u64 = groups.iter().map(ClientGroup::clients).sum();
    let with_broker = with_broker.map(|broker| BrokerSettings {
        // And those that look whether it is there, ask for clocks and answer for their own.
        clients: usize::try_from(clients.saturating_add(3)).unwrap_or(usize::MAX),
        ..broker
    });
    let settings = BenchSettings {
        timing: timing(&args, &groups)?,
        publish_properties: client::properties(&merged.args, Place::Publish)?,
        subscribe_properties: client::properties(&merged.args, Place::Subscribe)?,
        ui: client::ui(&merged.args),
        client,
        brokers,
        binds,
        client_id,
        groups,
        find_max: args.find_max,
        repeat: args.repeat.unwrap_or(NonZeroU32::MIN),
        shard: args.shard.map(|choice| shard(choice, environment)).transpose()?,
        start_at: args.start_at.map(|at| at.0),
        run_id: args.run_id,
        stamp: !args.no_stamp,
        threads: args.threads,
        outputs: Outputs { openmetrics: args.openmetrics.map(|at| at.0), ..outputs(args.output) },
        thresholds: thresholds(args.verdict),
        with_broker,
    };
    check(&settings)?;
    let mut warnings = merged.warnings;
    if settings.ui.debug {
        let text = "the packets of a load test are not shown: --debug is for the other commands".to_owned();
        warnings.push(SetupWarning { keyword: "debug", text });
    }
    Ok(Resolved { settings, warnings })
}

/// `-i` is a template; `-I` is followed by the number of the client.
fn client_id(
    id: Option<String>,
    prefix: Option<String>,
    environment: &Environment<'_>,
) -> Result<PayloadTemplate, Failure> {
    let (option, text) = match (id, prefix) {
        (Some(id), _) => ("--id", id),
        (None, Some(prefix)) => ("--id-prefix", format!("{prefix}{}-{{i}}", environment.process_id)),
        (None, None) => ("--id", "mqt-{run}-{i}".to_owned()),
    };
    let id: PayloadTemplate = text.parse().map_err(|error| Failure::usage(format!("{option}: {error}")))?;
    if id
        .pieces()
        .iter()
        .any(|piece| !matches!(piece, PayloadPiece::Text(_) | PayloadPiece::Index | PayloadPiece::Run))
    {
        return Err(Failure::usage(format!(
            "{option} '{id}': a client identifier takes {{i}} and {{run}} only"
        )));
    }
    Ok(id)
}

fn binds(list: Option<String>) -> Result<Vec<String>, Failure> {
    let Some(list) = list else { return Ok(Vec::new()) };
    let binds: Vec<String> = list.split(',').map(|bind| bind.trim().to_owned()).collect();
    if binds.iter().any(String::is_empty) {
        return Err(Failure::usage(format!("--bind '{list}': an address is missing"))
            .hint("write addresses with commas between them"));
    }
    Ok(binds)
}

fn shard(choice: ShardChoice, environment: &Environment<'_>) -> Result<Shard, Failure> {
    let index = match environment.text(SHARD_INDEX).transpose()? {
        Some(text) if choice.index.is_none() => Some(
            text.parse().map_err(|_| Failure::usage(format!("{SHARD_INDEX}: '{text}' is not a number")))?,
        ),
        _ => None,
    };
    choice.shard(index).map_err(|_| {
        Failure::usage(format!("--shard has no index from 0 to {}", choice.count.get() - 1))
            .hint(format!("write INDEX/{}, or set {SHARD_INDEX}", choice.count))
    })
}

/// What a group is made from: a table of the group file over the options over the shape of the scenario.
struct Parts<'a> {
    args: &'a LoadArgs,
    name: String,
    table: group_file::GroupTable,
    shape: preset::PresetShape,
}

fn groups(args: &LoadArgs) -> Result<Vec<ClientGroup>, Failure> {
    let Some(path) = &args.groups else {
        let shape = match args.preset {
            Some(name) => shape_of(name, args)?,
            None => preset::of_scenario(args.scenario.unwrap_or_default()),
        };
        let table = group_file::GroupTable::default();
        return Ok(vec![Parts { args, name: "all".to_owned(), table, shape }.group()?]);
    };
    let placed = group_file::read(path)?;
    let mut groups: Vec<ClientGroup> = Vec::new();
    for (number, group_file::Placed { table, place }) in placed.into_iter().enumerate() {
        let shape = preset::of_scenario(table.scenario.unwrap_or_default());
        let name = group_file::name(&table, number);
        let at = |mut failure: Failure| {
            failure.what = format!("{place}: {}", failure.what);
            failure
        };
        if groups.iter().any(|group| group.name == name) {
            return Err(at(Failure::usage(format!("there is another group named '{name}'"))));
        }
        groups.push(Parts { args, name, table, shape }.group().map_err(at)?);
    }
    Ok(groups)
}

fn shape_of(name: Preset, args: &LoadArgs) -> Result<preset::PresetShape, Failure> {
    preset::of_preset(name).scaled(args.scale.map_or(1.0, |factor| factor.0))
}

impl Parts<'_> {
    fn group(self) -> Result<ClientGroup, Failure> {
        let Self { args, table, shape, .. } = &self;
        let scenario = shape.scenario;
        let count = |table: Option<ClientCount>, typed: Option<ClientCount>| table.or(typed).map(|n| n.0);
        let publishers = count(table.publishers, args.publishers);
        let subscribers = count(table.subscribers, args.subscribers);
        let paired = matches!(scenario, Scenario::E2e | Scenario::P2p);
        let (publishers, subscribers) = match (publishers, subscribers) {
            (Some(publishers), None) if paired => (publishers, publishers),
            (None, Some(subscribers)) if paired => (subscribers, subscribers),
            (publishers, subscribers) => {
                (publishers.unwrap_or(shape.publishers), subscribers.unwrap_or(shape.subscribers))
            }
        };
        let connections = count(table.connections, args.connections).unwrap_or(shape.connections);
        check_clients(scenario, publishers, subscribers, connections)?;
        let topics = topics(&table.topic, &args.topic)?;
        let filters = filters(scenario, &table.filter, &args.filter, &topics, subscribers)?;
        let qos = table.qos.or(args.qos).unwrap_or(QoS::AtLeastOnce);
        let path = table.credentials.as_ref().or(args.credentials.as_ref());
        let logins: Vec<Credential> =
            path.map(|path| credentials::read(path)).transpose()?.unwrap_or_default();
        Ok(ClientGroup {
            scenario,
            publishers,
            subscribers,
            connections,
            topics,
            filters,
            share_name: self.share_name()?,
            payload: self.payload()?,
            qos,
            subscribe_qos: table.subscribe_qos.or(args.subscribe_qos).unwrap_or(qos),
            retain: table.retain.unwrap_or(args.retain) || scenario == Scenario::Retained,
            load: if publishers == 0 { Load::None } else { self.load()? },
            credentials: logins,
            name: self.name,
        })
    }

    fn share_name(&self) -> Result<Option<String>, Failure> {
        let given = self.table.share_name.as_ref().or(self.args.share_name.as_ref());
        if self.shape.scenario != Scenario::Shared {
            return match given {
                Some(_) => Err(Failure::usage("--share-name is for the scenario shared")),
                None => Ok(None),
            };
        }
        let name = given.map_or(SHARE_NAME, String::as_str);
        // [MQTT-4.8.2-1], [MQTT-4.8.2-2]
        if name.is_empty() || name.contains(['/', '+', '#', '\0']) {
            return Err(Failure::usage(format!(
                "--share-name '{name}': it has at least one character, and no /, + and #"
            )));
        }
        Ok(Some(name.to_owned()))
    }

    fn payload(&self) -> Result<LoadPayload, Failure> {
        let Self { args, table, .. } = self;
        if let Some(path) = &table.file {
            return file(path);
        }
        if let Some(text) = &table.payload {
            return Ok(LoadPayload::Template(text.clone()));
        }
        if let Some(size) = table.size {
            return Ok(LoadPayload::Size(size));
        }
        match (&args.file, &args.message) {
            (Some(path), _) => file(path),
            (None, Some(text)) => Ok(LoadPayload::Template(text.clone())),
            (None, None) => {
                let default = if args.preset.is_some() { preset::PRESET_SIZE } else { SIZE };
                Ok(LoadPayload::Size(args.size.unwrap_or(default)))
            }
        }
    }

    fn load(&self) -> Result<Load, Failure> {
        let Self { args, table, shape, .. } = self;
        let arrival = table.arrival.or(args.arrival).unwrap_or(Arrival::Constant);
        let open = |stages: Vec<OpenStage>| Load::Open { stages, arrival };
        let in_stages = |stages: &[LoadStage]| open(stages.iter().copied().map(OpenStage::from).collect());
        let steady = |rate: LoadRate| open(vec![OpenStage { duration: None, rate }]);
        if let Some(rate) = table.rate {
            return Ok(steady(rate));
        }
        if !table.stages.is_empty() {
            return Ok(in_stages(&table.stages));
        }
        if let Some(window) = table.inflight.or(args.inflight) {
            return Ok(Load::Closed { inflight: window.0.get() });
        }
        if !args.stage.is_empty() {
            return Ok(in_stages(&args.stage));
        }
        Ok(steady(args.rate.map_or_else(|| shape.rate(), Ok)?))
    }
}

fn file(path: &Path) -> Result<LoadPayload, Failure> {
    let content = mqt_process::file::read(path).map_err(|error| FileError::new(path, error))?;
    if content.len() > MAX_REMAINING_LENGTH {
        return Err(Failure::usage(format!(
            "the payload file {} does not fit into a packet",
            path.display()
        )));
    }
    Ok(LoadPayload::File { path: path.to_owned(), content: Bytes::from(content) })
}

fn check_clients(
    scenario: Scenario,
    publishers: u32,
    subscribers: u32,
    connections: u32,
) -> Result<(), Failure> {
    let needs = |what: &str| Err(Failure::usage(format!("the scenario {scenario} needs {what}")));
    match scenario {
        Scenario::Connect | Scenario::Churn | Scenario::Storm if connections == 0 => {
            return needs("--connections");
        }
        Scenario::Connect | Scenario::Churn | Scenario::Storm => {}
        _ if connections > 0 => {
            return Err(Failure::usage(format!("--connections does not go with the scenario {scenario}"))
                .hint("it is for connect, churn and storm"));
        }
        Scenario::Pub if publishers == 0 => return needs("--publishers"),
        Scenario::Pub if subscribers > 0 => return needs("no subscribers; e2e has them"),
        Scenario::Sub if subscribers == 0 => return needs("--subscribers"),
        Scenario::Sub if publishers > 0 => return needs("no publishers; e2e has them"),
        Scenario::Pub | Scenario::Sub => {}
        Scenario::P2p if publishers != subscribers => return needs("as many subscribers as publishers"),
        _ if publishers == 0 || subscribers == 0 => return needs("publishers and subscribers"),
        _ => {}
    }
    Ok(())
}

fn parsed(text: &str) -> Result<PayloadTemplate, Failure> {
    text.parse().map_err(|error| Failure::usage(format!("the topic '{text}': {error}")))
}

/// A text that stands for what a template comes to.
fn example(template: &PayloadTemplate) -> String {
    template.fill(|piece| match piece {
        PayloadPiece::Random(digits) => Some("0".repeat(digits.get().into())),
        _ => Some("0".to_owned()),
    })
}

fn topics(table: &[PayloadTemplate], typed: &[PayloadTemplate]) -> Result<Vec<PayloadTemplate>, Failure> {
    let topics = match (table, typed) {
        ([], []) => vec![parsed(TOPIC)?],
        ([], typed) => typed.to_vec(),
        (table, _) => table.to_vec(),
    };
    for topic in &topics {
        TopicName::new(example(topic))
            .map_err(|error| Failure::usage(format!("--topic '{topic}': {error}")).keyword("topic"))?;
    }
    Ok(topics)
}

fn filters(
    scenario: Scenario,
    table: &[PayloadTemplate],
    typed: &[PayloadTemplate],
    topics: &[PayloadTemplate],
    subscribers: u32,
) -> Result<Option<Vec<PayloadTemplate>>, Failure> {
    let given = if table.is_empty() { typed } else { table };
    for filter in given {
        TopicFilter::new(example(filter))
            .map_err(|error| Failure::usage(format!("--filter '{filter}': {error}")).keyword("topic"))?;
    }
    if !given.is_empty() {
        if subscribers == 0 {
            return Err(Failure::usage("--filter is given, and nobody subscribes"));
        }
        return Ok(Some(given.to_vec()));
    }
    if subscribers == 0 {
        return Ok(None);
    }
    match scenario {
        Scenario::Sub => Ok(Some(vec![parsed(ALL_TOPICS)?])),
        Scenario::E2e | Scenario::P2p | Scenario::Retained => {
            match topics.iter().find(|topic| !topic.is_fixed_per_client()) {
                Some(topic) => Err(Failure::usage(format!(
                    "--topic '{topic}' changes from message to message: what is to be subscribed to?"
                ))
                .hint("add --filter, or use {i}, {client} and {run} only")),
                None => Ok(None),
            }
        }
        _ => topics.iter().map(everything).collect::<Result<Vec<_>, _>>().map(|mut filters| {
            filters.dedup();
            Some(filters)
        }),
    }
}

/// The filter that matches whatever a topic template comes to: `+` for each level that is not the same for
/// all messages of a run.
fn everything(topic: &PayloadTemplate) -> Result<PayloadTemplate, Failure> {
    const MARK: &str = "\u{0}";
    let marked = topic.fill(|piece| {
        Some(if matches!(piece, PayloadPiece::Run) { "{run}".to_owned() } else { MARK.to_owned() })
    });
    let levels: Vec<&str> =
        marked.split('/').map(|level| if level.contains(MARK) { "+" } else { level }).collect();
    parsed(&levels.join("/"))
}

fn timing(args: &LoadArgs, groups: &[ClientGroup]) -> Result<LoadTiming, Failure> {
    let span = |given: Option<TimeSpan>, default: Duration| given.map_or(default, |span| span.0);
    let only_holds = groups
        .iter()
        .all(|group| matches!(group.scenario, Scenario::Connect | Scenario::Churn | Scenario::Storm));
    let staged = groups.iter().filter_map(|group| match &group.load {
        Load::Open { stages, .. } => stages.iter().map(|stage| stage.duration).sum::<Option<Duration>>(),
        Load::Closed { .. } | Load::None => None,
    });
    let duration = match (args.duration, staged.max(), args.count) {
        (Some(TimeSpan(given)), _, _) => Some(given),
        (None, Some(staged), _) => Some(staged),
        (None, None, Some(_)) => None,
        (None, None, None) if args.preset.is_some() => Some(preset::PRESET_DURATION),
        (None, None, None) => Some(DURATION),
    };
    if duration.is_some_and(|duration| duration.is_zero()) {
        return Err(Failure::usage("--duration is 0: nothing would be measured"));
    }
    let connect_rate = match (args.connect_rate, args.preset) {
        (Some(rate), _) => Some(rate),
        (None, Some(name)) => shape_of(name, args)?.connect_rate.and_then(LoadRate::per_second),
        (None, None) => None,
    };
    let storm = groups.iter().any(|group| group.scenario == Scenario::Storm);
    let no_warmup = only_holds || args.count.is_some();
    Ok(LoadTiming {
        connect_rate,
        ramp: span(args.ramp, Duration::ZERO),
        warmup: span(args.warmup, if no_warmup { Duration::ZERO } else { WARMUP }),
        duration,
        count: args.count,
        drain: span(args.drain, DRAIN),
        churn_share: args.churn.unwrap_or(Share::TENTH),
        churn_every: span(args.churn_every, if storm { STORM_EVERY } else { CHURN_EVERY }),
    })
}

/// An option about the pace has somebody whose pace it is.
fn check_pace(args: &LoadArgs, groups: &[ClientGroup]) -> Result<(), Failure> {
    let scheduled = [
        (args.rate.is_some(), "--rate"),
        (!args.stage.is_empty(), "--stage"),
        (args.arrival.is_some(), "--arrival"),
        (args.find_max, "--find-max"),
    ];
    let given =
        |options: &[(bool, &'static str)]| options.iter().find(|(given, _)| *given).map(|(_, name)| *name);
    let mut publishing = groups.iter().filter(|group| group.publishers > 0).peekable();
    if publishing.peek().is_none() {
        return match given(&scheduled).or_else(|| given(&[(args.inflight.is_some(), "--inflight")])) {
            Some(name) => Err(Failure::usage(format!("{name} is about publishing, and nobody publishes"))),
            None => check_churn(args, groups),
        };
    }
    if let (true, Some(name)) =
        (publishing.all(|group| group.scenario == Scenario::Retained), given(&scheduled))
    {
        return Err(Failure::usage(format!("{name} does not go with the scenario retained"))
            .hint("it publishes as fast as the broker takes it, before anything is measured"));
    }
    check_churn(args, groups)
}

fn check_churn(args: &LoadArgs, groups: &[ClientGroup]) -> Result<(), Failure> {
    let has = |scenario| groups.iter().any(|group| group.scenario == scenario);
    if args.churn.is_some() && !has(Scenario::Churn) {
        return Err(Failure::usage("--churn is for the scenario churn"));
    }
    if args.churn_every.is_some() && !has(Scenario::Churn) && !has(Scenario::Storm) {
        return Err(Failure::usage("--churn-every is for the scenarios churn and storm"));
    }
    Ok(())
}

/// Rules about more than one option.
fn check(settings: &BenchSettings) -> Result<(), Failure> {
    let clients = settings.clients();
    if u32::try_from(clients).is_err() {
        return Err(Failure::usage(format!("{clients} clients are more than there can be")));
    }
    let open = settings.groups.iter().any(|group| matches!(group.load, Load::Open { .. }));
    if settings.find_max && !open {
        return Err(Failure::usage("--find-max searches for a rate, and nobody publishes at one"));
    }
    if settings.shard.is_some_and(|shard| shard.count.get() > 1) {
        if settings.run_id.is_none() && settings.start_at.is_none() {
            return Err(Failure::usage("--shard needs --run-id or --start-at, the same for all shards")
                .hint("they know each other's messages by it: --run-id and a word that no other run has"));
        }
        if settings.with_broker.is_some() {
            return Err(Failure::usage(
                "--shard does not go with --with-broker: each would have its own broker",
            ));
        }
    }
    if settings.timing.count.is_some() && settings.groups.iter().all(|group| group.publishers == 0) {
        return Err(
            Failure::usage("--count counts published messages, and nobody publishes").hint("use --duration")
        );
    }
    if clients > 1 && !settings.client_id.is_unique_per_client() {
        return Err(Failure::usage(format!(
            "--id '{}': {clients} clients with one identifier push each other out",
            settings.client_id
        ))
        .hint("put {i} into it: the number of the client"));
    }
    let measured = |condition: &&Condition| match condition.metric {
        Metric::Percentile(kind, _) => kind != crate::cli::bench::LatencyKind::Connect,
        Metric::Count(kind) => {
            matches!(kind, CountKind::Lost | CountKind::Duplicates | CountKind::OutOfOrder)
        }
        Metric::Rate | Metric::SentRate => false,
    };
    let thresholds = &settings.thresholds;
    if !settings.stamp
        && let Some(condition) = thresholds.slo.iter().chain(&thresholds.fail_if).find(measured)
    {
        return Err(Failure::usage(format!("'{condition}' cannot be measured with --no-stamp")));
    }
    let stdout = [&settings.outputs.json, &settings.outputs.csv, &settings.outputs.html];
    if stdout.into_iter().flatten().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(Failure::usage("only one of --json, --csv and --html can go to standard output"));
    }
    Ok(())
}
