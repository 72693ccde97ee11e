//! The tests of the protocol from outside, in one binary: a module per subject.

#[cfg(test)]
mod codec_oracle;
#[cfg(test)]
mod codec_round_trip;
#[cfg(test)]
mod fuzz_smoke;
#[cfg(test)]
mod hostile_packets;
#[cfg(test)]
mod hostile_session;
#[cfg(test)]
mod notation;
#[cfg(test)]
mod packets;
#[cfg(test)]
mod schedules;
