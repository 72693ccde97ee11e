//! The tests of the protocol from outside, in one binary: a module per subject.

mod codec_oracle;
mod codec_round_trip;
mod fuzz_smoke;
mod hostile_packets;
mod hostile_session;
mod notation;
mod packets;
mod schedules;
