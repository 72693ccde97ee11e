//! One run: what it takes is looked up and made, then its steps follow each other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::Notify;

use crate::bench::clock::{Clock, TimeOfDay};
use crate::bench::load::observer::Observer;
use crate::bench::load::setup::Probed;
use crate::bench::load::steps::{Finished, LoadRun, count};
use crate::bench::load::team::Team;
use crate::bench::load::worker::{Gauges, GroupTracker, LinkTerms, SharedRun};
use crate::bench::load::{limits, setup};
use crate::bench::plan::scenario::{ClientRole, Plan, PlanError, run_tag};
use crate::bench::result::run_config::run_id;
use crate::bench::together::clocks::{Answering, ClockAsking};
use crate::bench::together::shards::{Shards, agree_on_the_clock};
use crate::cli::bench::RunId;
use crate::commands::signals::{Signal, Signals};
use crate::config::bench::BenchSettings;
use crate::error::Failure;
use crate::output::sanitize::escape;
use crate::ui::Ui;
use mqt_process::random;

/// Why there is no result.
#[derive(Debug)]
pub enum LoadStopped {
    /// Something is wrong.
    Failure(Failure),
    /// It was ended before anything was measured.
    Signal(Signal),
}

impl From<Failure> for LoadStopped {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        Self::usage(escape(&error.to_string()))
    }
}

/// Goes on with something until a signal comes.
async fn unless_ended<T>(
    signals: &mut Signals,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, LoadStopped> {
    tokio::select! {
        signal = signals.next() => Err(LoadStopped::Signal(signal)),
        result = work => result.map_err(LoadStopped::Failure),
    }
}

/// Runs once.
///
/// # Errors
/// The settings make no run, the first connection is refused, no client could connect, or another process of the
/// run is missing; or a signal came before the load.
pub async fn measure(
    settings: &BenchSettings,
    time_of_day: TimeOfDay,
    signals: &mut Signals,
    observer: &mut dyn Observer,
    ui: &Ui,
) -> Result<Finished, LoadStopped> {
    setup::check_start(settings.start_at, time_of_day)?;
    let run = run_id(settings).map_or_else(random::seed, |RunId(id)| id);
    let plan = Plan::new(settings, run).map_err(Failure::from)?;
    let specs = plan.specs();
    let Some(first) = specs.first() else {
        return Err(Failure::usage("this part of the run has no clients").into());
    };
    let fan_out = plan.fan_out().map_err(Failure::from)?;
    limits::prepare(&setup::demand(settings, specs.len()))?;
    let Probed { version, peers } = unless_ended(signals, setup::probe(settings, &plan, first, ui)).await?;
    let transports = unless_ended(signals, setup::transports(settings, &peers, ui)).await?;
    let logins = unless_ended(signals, setup::logins(settings)).await?;
    unless_ended(signals, setup::wait_for(settings.start_at, time_of_day)).await?;
    let mut clock = Clock::start(time_of_day);
    let shards = unless_ended(signals, Shards::connect(settings, run, clock)).await?;
    let tag = run_tag(run);
    let talk = async {
        let before = match &shards {
            Some(shards) => agree_on_the_clock(shards, &mut clock, ui).await?,
            None => None,
        };
        let answering = Answering::connect(settings, tag, clock, ui).await;
        let asking = ClockAsking::connect(settings, tag, clock, ui).await;
        Ok((before, answering, asking))
    };
    let (before, answering, asking) = match (unless_ended(signals, talk).await, shards.as_ref()) {
        (Err(stopped), Some(_)) => {
            if let Some(shards) = shards {
                shards.end().await;
            }
            return Err(stopped);
        }
        (talked, _) => talked?,
    };
    let threads = settings
        .threads
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, std::num::NonZeroUsize::get)
        .min(specs.len());
    let client = &settings.client;
    let shared = Arc::new(SharedRun {
        run,
        clock,
        clocks: asking.as_ref().map(ClockAsking::clocks),
        terms: LinkTerms { version, max_packet_size: client.max_packet_size, within: client.connect_timeout },
        transports,
        brokers: settings.brokers.len().max(1),
        publishers: settings.groups.iter().map(|group| group.publishers).sum(),
        fan_out,
        paces: settings.groups.iter().map(|group| setup::pace(settings, group)).collect(),
        logins: logins.groups,
        login: logins.own,
        group_trackers: settings.groups.iter().map(|_| GroupTracker::new()).collect(),
        connect_from: clock.now(),
        opened: AtomicU64::new(0),
        failed_attempts: AtomicU64::new(0),
        settled: AtomicU64::new(0),
        done: AtomicU64::new(0),
        ended: AtomicU64::new(0),
        ended_subscribers: AtomicU64::new(0),
        changed: Notify::new(),
        gauges: (0..threads).map(|_| Gauges::default()).collect(),
        settings: settings.clone(),
    });
    let team = Team::start(&shared, &specs)?;
    let with_role = |role| count(specs.iter().filter(|spec| spec.role == role).count());
    let mut run = LoadRun {
        shared: Arc::clone(&shared),
        shards: shards.as_ref(),
        before,
        asking: asking.as_ref(),
        team,
        signals,
        observer,
        signal: None,
        failure: None,
        clients: count(specs.len()),
        publishers: with_role(ClientRole::Publisher),
        subscribers: with_role(ClientRole::Subscriber),
        intervals: BTreeMap::new(),
        connecting: Vec::new(),
        series: Vec::new(),
        outcomes: Vec::new(),
    };
    let mut finished = run.complete(&plan, &specs).await;
    if let Some(asking) = asking {
        asking.end().await;
    }
    if let Some(answering) = answering {
        tokio::select! {
            () = answering.end() => {}
            // Anyone who asks for an end does not want to wait.
            signal = signals.next() => if let Ok(finished) = &mut finished {
                finished.signal.get_or_insert(signal);
            },
        }
    }
    if let Some(shards) = shards {
        shards.end().await;
    }
    finished.map_err(LoadStopped::Failure)
}
