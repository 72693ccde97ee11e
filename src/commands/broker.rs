//! stub
use crate::broker::{BrokerError, BrokerOptions};
use crate::config::BrokerSettings;
use crate::error::Failure;
use crate::ui::Ui;

pub(super) fn options(settings: &BrokerSettings, _ui: &Ui) -> Result<BrokerOptions, Failure> {
    let listeners = settings
        .listen
        .iter()
        .map(|text| text.replacen("tcp://", "mqtt://", 1).replacen("tls://", "mqtts://", 1).parse())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error: crate::connection::EndpointError| Failure::usage(error.to_string()))?;
    Ok(BrokerOptions { listeners, allow_anonymous: settings.anonymous, ..BrokerOptions::default() })
}

pub(super) fn from_broker(error: &BrokerError) -> Failure {
    Failure::usage(error.to_string())
}
