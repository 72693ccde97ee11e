//! What a load test is going to do, decided before anything is sent: who, what, and when.

pub mod filling;
pub mod find_max;
pub mod scenario;
pub mod schedule;
pub mod stamp;
