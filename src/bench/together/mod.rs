//! What the processes of one run, or of a publishing and a subscribing one, tell each other through the broker.

pub(crate) mod clocks;
pub(crate) mod messenger;
pub(crate) mod shards;
