//! Results for people and programs: pure functions from a result to text.

pub mod chart;
pub mod comparison;
pub mod csv;
pub mod html;
pub mod live;
pub mod openmetrics;
pub mod svg;
pub mod text;
