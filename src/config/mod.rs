//! What it means here: the only place that reads settings from files, the environment and the terminal.

mod settings;

pub use settings::{
    BrokerSettings, ColorChoice, OnError, OutputFormat, Overflow, PublishSettings, RetainedChoice,
    ServerTlsSettings, Settings, Source, SubscribeSettings, SummaryFormat, UiSettings,
};
