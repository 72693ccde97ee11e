//! The load itself: threads with their clients, the steps of a run, and what the system gives for it.

pub mod engine;
pub mod limits;
pub mod observer;
pub(crate) mod setup;
pub mod steps;
pub(crate) mod tally;
mod team;
pub mod usage;
pub(crate) mod worker;
