//! The options of `mqt bench`.

mod args;
mod condition;
mod template;
mod values;

pub(super) use args::command;
pub use args::{
    BenchAction, BenchArgs, ClientCount, CompareArgs, LoadArgs, MergeArgs, MetricsAddress, OutputArgs,
    VerdictArgs,
};
pub use condition::{Bound, Comparison, Condition, ConditionError, CountKind, LatencyKind, MAXIMUM, Metric};
pub use template::{Piece, Template, TemplateError};
pub use values::{
    Arrival, BenchValueError, Factor, PayloadSize, Preset, Rate, RunId, Scenario, Shard, ShardChoice, Share,
    Stage, StartAt,
};
