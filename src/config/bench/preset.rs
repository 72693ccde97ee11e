//! What each scenario has when nothing is said, and the cases of the Open MQTT Benchmark Suite.

use std::time::Duration;

use crate::cli::bench::{LoadRate, PayloadSize, Preset, Scenario};
use crate::error::Failure;

/// Numbers of clients, and the pace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PresetShape {
    pub scenario: Scenario,
    pub publishers: u32,
    pub subscribers: u32,
    pub connections: u32,
    /// Messages per second in total.
    pub rate: f64,
    /// Connections per second.
    pub connect_rate: Option<f64>,
}

/// What all cases of the suite have in common.
pub(super) const PRESET_SIZE: PayloadSize = PayloadSize { min: 16, max: 16 };
/// Seconds.
pub(super) const PRESET_KEEP_ALIVE: u16 = 300;
pub(super) const PRESET_DURATION: Duration = Duration::from_secs(60);

/// What a scenario has when nothing is said.
pub(super) const fn of_scenario(scenario: Scenario) -> PresetShape {
    let (publishers, subscribers, connections) = match scenario {
        Scenario::Connect | Scenario::Churn | Scenario::Storm => (0, 0, 100),
        Scenario::Pub => (1, 0, 0),
        Scenario::Sub => (0, 1, 0),
        Scenario::E2e | Scenario::P2p => (10, 10, 0),
        Scenario::FanIn => (100, 1, 0),
        Scenario::FanOut => (1, 100, 0),
        Scenario::Shared => (10, 2, 0),
        Scenario::Retained => (1, 10, 0),
    };
    // 100 subscribers get what one message is: 1,000 deliveries a second in both.
    let rate = if matches!(scenario, Scenario::FanOut) { 10.0 } else { 1_000.0 };
    PresetShape { scenario, publishers, subscribers, connections, rate, connect_rate: None }
}

/// The numbers of a case.
pub(super) fn of_preset(preset: Preset) -> PresetShape {
    let shape = |scenario, publishers, subscribers, rate| PresetShape {
        scenario,
        publishers,
        subscribers,
        connections: 0,
        rate,
        connect_rate: None,
    };
    let connect = |connections, connect_rate| PresetShape {
        scenario: Scenario::Connect,
        publishers: 0,
        subscribers: 0,
        connections,
        rate: 1.0,
        connect_rate: Some(connect_rate),
    };
    match preset {
        Preset::Connect10k => connect(10_000, 100.0),
        Preset::Connect1m => connect(1_000_000, 5_000.0),
        Preset::FanOut1 => shape(Scenario::FanOut, 1, 1_000, 1.0),
        Preset::FanOut5 => shape(Scenario::FanOut, 5, 1_000, 250.0),
        Preset::P2p1k => shape(Scenario::P2p, 1_000, 1_000, 1_000.0),
        Preset::P2p50k => shape(Scenario::P2p, 50_000, 50_000, 50_000.0),
        Preset::Shared1k => shape(Scenario::Shared, 1_000, 5, 1_000.0),
        Preset::Shared50k => shape(Scenario::Shared, 50_000, 500, 50_000.0),
    }
}

impl PresetShape {
    /// Everything multiplied; what is there at all stays at least one client. The fan of a fan-out lies in
    /// its subscribers: there the rate stays, so that the deliveries are multiplied once.
    pub(super) fn scaled(self, factor: f64) -> Result<Self, Failure> {
        let clients = |count: u32| -> Result<u32, Failure> {
            let scaled = (f64::from(count) * factor).round();
            if scaled > f64::from(u32::MAX) {
                return Err(Failure::usage("--scale makes more clients than there can be"));
            }
            Ok((scaled as u32).max(u32::from(count > 0)))
        };
        let rate = if self.scenario == Scenario::FanOut { self.rate } else { self.rate * factor };
        Ok(Self {
            scenario: self.scenario,
            publishers: if self.scenario == Scenario::FanOut {
                self.publishers
            } else {
                clients(self.publishers)?
            },
            subscribers: clients(self.subscribers)?,
            connections: clients(self.connections)?,
            rate,
            connect_rate: self.connect_rate.map(|rate| rate * factor),
        })
    }

    /// The pace as a rate.
    pub(super) fn rate(self) -> Result<LoadRate, Failure> {
        LoadRate::per_second(self.rate).ok_or_else(|| Failure::usage("--scale reduces a rate to nothing"))
    }
}
