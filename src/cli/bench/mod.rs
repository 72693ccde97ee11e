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
pub use condition::{Bound, Condition, ConditionError, CountKind, LatencyKind, MAXIMUM, Metric, Relation};
pub use template::{PayloadPiece, PayloadTemplate, PayloadTemplateError};
pub use values::{
    Arrival, BenchValueError, Factor, LoadRate, LoadStage, PayloadSize, Preset, RunId, Scenario, Shard,
    ShardChoice, Share, StartAt,
};
