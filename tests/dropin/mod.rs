//! Under the names `mosquitto_pub`, `mosquitto_sub` and `mosquitto_rr`: what every option does, what wrong
//! usage gets to hear, and what differs from the real programs.

mod differential;
mod packets;
mod program;
mod recorded;
mod relay;
mod rows;
mod stage;
mod table;
mod wrong_usage;
