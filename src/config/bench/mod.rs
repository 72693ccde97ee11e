//! What `mqt bench` is to do.

mod credentials;
mod group_file;
mod preset;
mod resolve;
mod settings;

pub use settings::{
    BenchSettings, ClientGroup, CompareSettings, Credential, Load, LoadPayload, LoadTiming, MergeSettings,
    OpenStage, Outputs, Thresholds,
};

pub(super) use resolve::{compare, merge, run};

#[cfg(test)]
mod tests;
