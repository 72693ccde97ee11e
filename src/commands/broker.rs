//! stub
use crate::broker::{BrokerError, BrokerOptions};
use crate::config::BrokerSettings;
use crate::error::Failure;
use crate::ui::Ui;

pub(super) fn options(settings: &BrokerSettings, _ui: &Ui) -> Result<BrokerOptions, Failure> {
    Ok(BrokerOptions {
        listeners: settings.listen.clone(),
        allow_anonymous: settings.anonymous,
        ..BrokerOptions::default()
    })
}

pub(super) fn from_broker(error: &BrokerError) -> Failure {
    Failure::usage(error.to_string())
}
