//! What was seen, as lines for people and as JSON for programs.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::output::json::Json;
use crate::output::sanitize::escape;
use crate::output::units::{Rate, Size};
use crate::output::{Delivery, Formatter as _, Presentation};
use crate::watch::cells::{char_width, short_age, width};
use crate::watch::state::app::App;
use crate::watch::state::detail::preview;
use crate::watch::state::store::{KeptMessage, Topic};
use crate::watch::state::tree::{NodeId, ROOT};
use mqt_proto::packet::Publish;
use mqt_proto::{Message, TopicName};

/// The topics with the highest rates, and how many there are.
fn busiest(app: &App, top: Option<usize>) -> Vec<(NodeId, &Topic)> {
    let tree = &app.store.tree;
    let mut topics: Vec<(NodeId, &Topic)> = app.store.topics().collect();
    let compare = |a: &(NodeId, &Topic), b: &(NodeId, &Topic)| -> Ordering {
        let rate = |id: NodeId| own_rate(app, id);
        rate(b.0)
            .total_cmp(&rate(a.0))
            .then_with(|| b.1.messages.cmp(&a.1.messages))
            .then_with(|| tree.node(a.0).path().cmp(tree.node(b.0).path()))
    };
    if let Some(top) = top.filter(|top| *top < topics.len()) {
        topics.select_nth_unstable_by(top, compare);
        topics.truncate(top);
    }
    topics.sort_unstable_by(compare);
    topics
}

/// The rate of a topic: of what comes at and below its level, the part that is its own.
fn own_rate(app: &App, id: NodeId) -> f64 {
    let node = app.store.tree.node(id);
    let own = app.store.topic(id).map_or(0, |topic| topic.messages);
    node.rate(app.now) * (own as f64 / node.messages.max(1) as f64)
}

/// A table of at most this many lines and columns: a line about all, the heads, a line a topic.
#[must_use]
pub fn plain(app: &App, top: Option<usize>, columns: usize) -> String {
    let root = app.store.tree.node(ROOT);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "topics {}  messages {}  rate {}  payload {}",
        root.topics,
        root.messages,
        Rate(root.rate(app.now)),
        Size(root.bytes)
    );
    let topics = busiest(app, top);
    let name = topics.iter().map(|(id, _)| width(app.store.tree.node(*id).path())).max().unwrap_or(0);
    let name = name.clamp(5, (columns / 2).max(20));
    let _ = writeln!(text, "{:>8}  {:>9}  {:>4}  {:<name$}  value", "messages", "rate", "age", "topic");
    for (id, topic) in topics {
        let node = app.store.tree.node(id);
        let value = topic.last().map_or_else(String::new, |kept| preview(kept, app.decode));
        let value = cut(&escape(&value), columns.saturating_sub(name + 29).max(20));
        let path = cut(&escape(node.path()), name);
        let pad = " ".repeat(name.saturating_sub(width(&path)));
        let line = format!(
            "{:>8}  {:>9}  {:>4}  {path}{pad}  {value}",
            topic.messages,
            Rate(own_rate(app, id)).to_string(),
            short_age(app.now.saturating_sub(node.changed)),
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The beginning of a text that fits.
fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += char_width(*c);
        used <= columns
    };
    let mut text: String = text.chars().take_while(fits).collect();
    text.push('…');
    text
}

/// One object: what `schema/watch.schema.json` describes.
#[must_use]
pub fn json(app: &mut App, top: Option<usize>, elapsed: Duration) -> String {
    let mut formatter = Json::with_clock(
        &Presentation { newline: false, ..Presentation::default() },
        false,
        app.clock.clone(),
    );
    let app = &*app;
    let root = app.store.tree.node(ROOT);
    let topics: Vec<Value> = busiest(app, top)
        .into_iter()
        .map(|(id, topic)| {
            let node = app.store.tree.node(id);
            let mut entry = Map::new();
            entry.insert("topic".to_owned(), node.path().into());
            entry.insert("messages".to_owned(), topic.messages.into());
            entry.insert("rate".to_owned(), rounded(own_rate(app, id)));
            entry.insert("retained".to_owned(), topic.retained.into());
            let last = topic.last().and_then(|kept| last_message(app, node.path(), kept, &mut formatter));
            entry.insert("last".to_owned(), last.unwrap_or(Value::Null));
            Value::Object(entry)
        })
        .collect();
    let dropped = &app.store.dropped;
    let object = json!({
        "broker": app.source,
        "seconds": rounded(elapsed.as_secs_f64()),
        "messages": root.messages,
        "bytes": root.bytes,
        "rate": rounded(root.rate(app.now)),
        "topic_count": root.topics,
        "dropped": {
            "of_more_topics": dropped.of_topics,
            "old": dropped.of_history,
            "cut": dropped.cut,
        },
        "topics": topics,
    });
    format!("{object}\n")
}

fn rounded(value: f64) -> Value {
    ((value * 1_000.0).round() / 1_000.0).into()
}

/// The last message as `mqt sub --json` prints it, with `truncated` when only the beginning of its payload is
/// kept.
fn last_message(app: &App, topic: &str, kept: &KeptMessage, formatter: &mut Json) -> Option<Value> {
    let message = Message {
        topic: TopicName::new(topic.to_owned()).ok()?,
        payload: kept.payload.to_vec().into(),
        qos: kept.qos,
        retain: kept.retain,
        properties: kept.properties.as_deref().cloned().unwrap_or_default(),
    };
    let publish = Publish { message, dup: kept.dup, ..Publish::default() };
    let mut line = Vec::new();
    formatter.format(&Delivery { publish, received: app.time_of(kept.at) }, &mut line);
    let mut value: Value = serde_json::from_slice(&line).ok()?;
    if let Some(object) = value.as_object_mut().filter(|_| kept.is_cut()) {
        object.insert("payloadlen".to_owned(), kept.length.into());
        object.insert("truncated".to_owned(), true.into());
    }
    Some(value)
}
