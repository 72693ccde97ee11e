//! The dev broker: the same protocol over the same transports, in one process and in memory.
//!
//! It speaks MQTT 3.1, 3.1.1 and 5 with QoS 0, 1 and 2, retained messages, wills, persistent sessions,
//! shared subscriptions and `$SYS`, for development and tests. Inside, [`Broker`] is the whole protocol
//! without IO and without a clock; [`Server`] gives it sockets and the time.
//!
//! Its limits: everything is in memory and gone when the process ends; one process, no cluster, no bridges,
//! no plugins, no access rules but the password file; nobody but the broker publishes to `$SYS`. What a
//! client can make it keep is bounded, see [`BrokerLimits`]: by default 1 GiB for all clients together, counted as it
//! lies in memory; in it 100,000 messages or 64 MiB in the queue of a session, 8 MiB (and as much again being written) for a client that reads slowly, 100,000 messages or
//! 256 MiB retained, 1024 messages in flight to a client, 64 topic aliases a client, 10,000 subscriptions a
//! session, 200 levels a topic filter, 20,000 sessions, 10,000 connections a listener. Beyond a bound QoS 0
//! is dropped, QoS 1 and 2 are queued up to theirs and then dropped; `$SYS/broker/publish/messages/dropped`
//! counts both. It sends no topic aliases, imposes no keep alive and offers no extended authentication.

#![doc = include_str!("../README.md")]
#![warn(unreachable_pub)]

mod connection;
mod counters;
mod holdings;
mod hub;
mod options;
mod outgoing;
mod password_file;
mod receive;
mod retained;
mod route;
mod server;
mod session;
mod shared;
mod slab;
mod state;
mod stored;
mod sys;
mod topics;

pub use options::{Activity, BrokerLimits, BrokerOptions, Observer};
pub use password_file::{PasswordFile, PasswordFileError};
pub use server::{BrokerError, Memory, Server};
pub use slab::ConnectionId;
pub use state::{Broker, OutputFlow};
