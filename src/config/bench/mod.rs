//! What `mqt bench` is to do.

mod credentials;
mod group_file;
mod preset;
mod resolve;
mod settings;

pub use settings::{
    BenchSettings, CompareSettings, Credential, Group, Load, MergeSettings, OpenStage, Outputs, Payload,
    Thresholds, Timing,
};

pub(super) use resolve::{compare, merge, run};

#[cfg(test)]
mod tests;
