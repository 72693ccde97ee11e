//! Loss accounting: connections are cut, processes killed and brokers misbehave, and a judge that stands
//! beside counts what arrived.

mod every_byte;
mod judge;
mod memory;
#[cfg(unix)]
mod publish;
mod schedules;
#[cfg(unix)]
mod subscribe;

/// Packet identifiers of this process begin somewhere, so that no test relies on where.
const SEED: u64 = 20_240_607;
