//! mqt: publish, subscribe, watch and load-test any MQTT broker.
//!
//! The map of the house: [`cli`] is what was typed, [`config`] what it means here, [`mqtt`] the protocol,
//! [`connection`] the way to a broker, [`broker`] the dev broker, [`output`] bytes for people and programs,
//! [`commands`] the glue, [`ui`] the owner of stdout and stderr, [`error`] failures and exit statuses.

pub mod broker;
pub mod cli;
pub mod commands;
pub mod config;
pub mod connection;
pub mod error;
pub mod mqtt;
pub mod output;
pub mod ui;
