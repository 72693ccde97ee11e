//! mqt: publish, subscribe, watch and load-test any MQTT broker.
//!
//! The map of the house: [`cli`] is what was typed, [`config`] what it means here, [`commands`] the glue,
//! [`mod@bench`] and [`watch`] the two large commands, [`output`] bytes for people and programs, [`ui`] the owner of
//! stdout and stderr, [`error`] failures and exit statuses. The protocol, the way to a broker, the dev broker and
//! what the program owes the system that runs it are the crates `mqt_proto`, `mqt_client`, `mqt_broker` and
//! `mqt_process`.

pub mod bench;
pub mod cli;
pub mod commands;
pub mod config;
pub mod error;
pub mod output;
pub mod ui;
pub mod watch;

use std::ffi::OsString;
use std::io::Write;
use std::panic::PanicHookInfo;
use std::path::PathBuf;
use std::process::ExitCode;

use cli::Request;
use cli::bench::BenchAction;
use cli::multicall::{self, Called, WrongCall};
use commands::signals::Exit;
use config::option_file::OptionFile;
use config::{Dialect, Environment, RequestWork, Resolved, Surroundings, Tool, UiSettings};
use error::{Failure, Kind};
use ui::Ui;

/// The name at the beginning of each line on stderr.
const PROGRAM: &str = "mqt";

/// Does what the arguments say, the name of the program first among them, and returns the exit status.
pub fn run(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    std::panic::set_hook(Box::new(report_defect));
    mqt_process::signal::prepare();
    let mut argv = argv.into_iter();
    if let Some(shell) = std::env::var_os(commands::complete::VARIABLE).filter(|shell| !shell.is_empty()) {
        let ui = Ui::new(PROGRAM, UiSettings::default());
        return match commands::complete::answer(&shell, argv.collect(), &ui) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                ui.failure(&failure);
                ui.close();
                ExitCode::from(failure.kind.code())
            }
        };
    }
    let program = argv.next().unwrap_or_default();
    let result = match Tool::of(&program) {
        Some(tool) => return run_as(tool, argv.collect()),
        None => parse(std::iter::once(program).chain(argv).collect())
            .map_err(FailedCommand::early)
            .and_then(|request| dispatch(request, &Environment::of_process())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(FailedCommand { failure, ui }) => {
            ui.failure(&failure);
            ui.close();
            ExitCode::from(failure.kind.code())
        }
    }
}

/// Understands the arguments, and those of the options file that they name: they precede the others.
fn parse(argv: Vec<OsString>) -> Result<Request, Failure> {
    let request = cli::parse(argv.clone())?;
    let Some(path) = request.options_file() else { return Ok(request) };
    let OptionFile { path, lines } = config::option_file::read_named(path)?;
    let place = |number: usize| format!("{}, line {number}", path.display());
    let (mut request, notes) = cli::options_file::parse(&argv, lines).map_err(|(number, wrong)| {
        let failure = Failure::from(wrong);
        Failure { what: format!("{}: {}", place(number), failure.what), ..failure }
    })?;
    request.note(notes.into_iter().map(|(number, text)| format!("{}: {text}", place(number))));
    Ok(request)
}

/// Understands what a mosquitto client is asked for, by its options file and these arguments. The clients leave a file
/// out that they cannot read: here that is reported after everything else that is wrong.
fn call(tool: Tool, given: Option<OsString>, args: Vec<OsString>) -> Result<Called, WrongCall> {
    let read = config::option_file::read(tool, given.as_deref(), &|name| std::env::var_os(name));
    let (path, lines, unread) = match read {
        Ok(Some(OptionFile { path, lines })) => (path, lines, None),
        Ok(None) => (PathBuf::new(), Vec::new(), None),
        Err(failure) => (PathBuf::new(), Vec::new(), Some(failure.mosquitto_end().text)),
    };
    match (multicall::parse(tool, lines, args, &Surroundings), unread) {
        (Ok(Called::Run(_)), Some(text)) => Err(WrongCall { text, usage: None, line: None }),
        (Err(wrong), Some(text)) => Err(WrongCall { text: format!("{}\n{text}", wrong.text), ..wrong }),
        (Err(WrongCall { text, usage, line: Some(number) }), None) => {
            let text = format!("{text}\nIt is in line {number} of the options file {}.", path.display());
            Err(WrongCall { text, usage, line: Some(number) })
        }
        (called, _) => called,
    }
}

/// Does what a mosquitto client does with these arguments.
fn run_as(tool: Tool, args: Vec<OsString>) -> ExitCode {
    let talk = Ui::new(PROGRAM, UiSettings { dialect: Dialect::Mosquitto(tool), ..UiSettings::default() });
    let called = multicall::options_file(tool, &args).and_then(|given| call(tool, given, args));
    let request = match called {
        Ok(Called::Run(request)) => request,
        Ok(Called::Text(text)) => {
            return ExitCode::from(match talk.out(text.as_bytes()) {
                Ok(()) => Kind::Usage.mosquitto_code(),
                Err(failure) => failure.kind.mosquitto_code(),
            });
        }
        Err(WrongCall { text, usage, .. }) => {
            talk.status(&text);
            // There is one exit status for both.
            drop(usage.map(|usage| talk.out(usage.as_bytes())));
            talk.close();
            return ExitCode::from(Kind::Usage.mosquitto_code());
        }
    };
    match dispatch(request, &Environment::of_process_without_options()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(FailedCommand { failure, ui }) => {
            // What is wrong with the options is reported before it is known how to talk.
            let ui = if ui.settings().dialect.is_mosquitto() { ui } else { talk };
            ui.failure(&failure);
            ui.close();
            ExitCode::from(failure.mosquitto_end().code)
        }
    }
}

/// A failure, and who is to report it.
struct FailedCommand {
    failure: Failure,
    ui: Ui,
}

impl FailedCommand {
    /// Before it is known how to talk: what is wrong with the options is said even under `--quiet`.
    fn early(failure: Failure) -> Self {
        Self { failure, ui: plain_ui() }
    }
}

// Every command has its way here: one copy will do.
#[inline(never)]
fn plain_ui() -> Ui {
    Ui::new(PROGRAM, asked_ui())
}

/// Colours as the command line and the environment ask for them, whatever else is said.
fn asked_ui() -> UiSettings {
    let color = cli::asked_color(std::env::args_os(), std::env::var_os("MQT_COLOR"));
    UiSettings { color, ..UiSettings::default() }
}

fn dispatch(request: Request, environment: &Environment<'_>) -> Result<(), FailedCommand> {
    match request {
        Request::Publish(args) => {
            run_command(config::publish(*args, environment), |settings| settings.ui, commands::publish::run)
        }
        Request::Subscribe(args) => run_command(
            config::subscribe(*args, environment),
            |settings| settings.ui,
            commands::subscribe::run,
        ),
        Request::Request(args) => {
            run_command(config::request(*args, environment), RequestWork::ui, commands::request::run)
        }
        Request::Watch(args) => {
            run_command(config::watch(*args, environment), |settings| settings.ui, watch::run)
        }
        Request::Bench(args) => match args.action {
            None => run_command(config::bench(args.load, environment), |settings| settings.ui, bench::run),
            Some(BenchAction::Compare(args)) => {
                let settings = config::bench_compare(args);
                with_ui(settings.ui, |ui| bench::run_compare(&settings, ui))
            }
            Some(BenchAction::Merge(args)) => {
                let settings = config::bench_merge(args);
                with_ui(settings.ui, |ui| bench::run_merge(&settings, ui))
            }
        },
        Request::Broker(args) => run_command(
            config::broker(*args, environment).map(Resolved::without_warnings),
            |settings| settings.ui,
            commands::broker::run,
        ),
        Request::Profile(args) => {
            with_ui(UiSettings::default(), |ui| commands::profile::run(&args, environment, ui))
        }
        Request::InstallLinks(args) => {
            with_ui(UiSettings::default(), |ui| commands::install_links::run(&args, ui))
        }
        Request::Generate(args) => with_ui(UiSettings::default(), |ui| commands::generate::run(args, ui)),
        Request::ExitCodes => {
            with_ui(UiSettings::default(), |ui| ui.out(commands::generate::exit_codes().as_bytes()))
        }
        Request::Text(text) => with_ui(asked_ui(), |ui| {
            let colored = ui.style().is_colored();
            let text = if colored { text.ansi().to_string() } else { text.to_string() };
            ui.out(text.as_bytes())
        }),
    }
}

/// Runs a command that may end by a signal: says first what is to be reported about its settings.
fn run_command<S>(
    resolved: Result<Resolved<S>, Failure>,
    ui_of: impl Fn(&S) -> UiSettings,
    command: impl FnOnce(S, &Ui) -> Result<Exit, Failure>,
) -> Result<(), FailedCommand> {
    let Resolved { settings, warnings } = resolved.map_err(FailedCommand::early)?;
    with_ui(ui_of(&settings), |ui| {
        warnings.iter().for_each(|warning| ui.warning(warning.keyword, &warning.text));
        if let Exit::Signal(signal) = command(settings, ui)? {
            ui.close();
            signal.die();
        }
        Ok(())
    })
}

fn with_ui(
    settings: UiSettings,
    command: impl FnOnce(&Ui) -> Result<(), Failure>,
) -> Result<(), FailedCommand> {
    let ui = Ui::new(PROGRAM, settings);
    match command(&ui) {
        Ok(()) => {
            ui.close();
            Ok(())
        }
        Err(failure) => Err(FailedCommand { failure, ui }),
    }
}

/// A panic is a defect: it is reported without its message, which could hold a payload or a secret, and ends
/// the process from whatever thread it happens in.
#[expect(clippy::exit, reason = "a thread cannot end the process in another way")]
fn report_defect(panic: &PanicHookInfo<'_>) {
    let place =
        panic.location().map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()));
    let version = env!("CARGO_PKG_VERSION");
    // Nothing can be done about a stderr that is closed, or that nobody reads.
    #[cfg(unix)]
    let is_read = mqt_process::readiness::takes_bytes(&std::io::stderr());
    #[cfg(not(unix))]
    let is_read = true;
    if is_read {
        drop(writeln!(
            std::io::stderr(),
            "{PROGRAM}: error[bug]: mqt {version} has a defect{place}\n  hint: please report it with what you typed"
        ));
    }
    std::process::exit(Kind::Bug.code().into());
}
