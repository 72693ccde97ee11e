//! The right half of the screen: what is known about the selected topic.

use std::time::{Duration, SystemTime};

use ratatui::layout::Rect;

use crate::config::Decode;
use crate::output::clock::LocalClock;
use crate::output::sanitize::escape_bytes;
use crate::output::units::{self, Many};
use crate::watch::cells::{TextRole, TextSpan, short};
use crate::watch::state::diff::diff;
use crate::watch::state::document::{Document, DocumentLine, number_at, read};
use crate::watch::state::store::{KeptMessage, Store, Topic};
use crate::watch::state::tree::{NodeId, ROOT};
use mqt_proto::{Property, PropertyValue};

/// The preview of a payload is made from at most this many bytes.
const PREVIEW: usize = 512;
/// Statistics and the chart look at this many of the last messages.
const SAMPLE: usize = 2_000;

/// What the right half shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    /// The payload.
    #[default]
    Value,
    /// The last messages.
    History,
    /// What changed from one message to another.
    Diff,
    /// A number over time.
    Chart,
    /// The properties.
    Properties,
    /// Rates, sizes, intervals.
    Stats,
}

impl Tab {
    /// All, in their order.
    pub const ALL: [Self; 6] =
        [Self::Value, Self::History, Self::Diff, Self::Chart, Self::Properties, Self::Stats];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Value => "Value",
            Self::History => "History",
            Self::Diff => "Diff",
            Self::Chart => "Chart",
            Self::Properties => "Props",
            Self::Stats => "Stats",
        }
    }

    /// The next one, or the one before.
    #[must_use]
    pub fn beside(self, next: bool) -> Self {
        let at = self as usize + if next { 1 } else { Self::ALL.len() - 1 };
        Self::ALL.get(at % Self::ALL.len()).copied().unwrap_or_default()
    }
}

/// A number over time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NumberSeries {
    /// What it is.
    pub name: String,
    /// Seconds before now (not positive), and the number.
    pub points: Vec<(f64, f64)>,
}

/// What a layout was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Made {
    id: NodeId,
    number: u64,
    /// What it is compared with.
    other: u64,
    decode: Decode,
    columns: usize,
}

/// The state of the right half, and what it shows.
#[derive(Debug, Default)]
pub struct Detail {
    /// What it shows.
    pub tab: Tab,
    /// The line above.
    pub head: Vec<TextSpan>,
    /// The lines that show.
    pub lines: Vec<DocumentLine>,
    /// The place of the first of them among all.
    pub top: usize,
    /// How many lines there are.
    pub total: usize,
    /// The line with the cursor, among all.
    pub cursor: Option<usize>,
    /// What the chart shows.
    pub series: NumberSeries,
    /// The message in the history that is looked at; `None`: the newest.
    looked_at: Option<u64>,
    /// The message that another one is to be compared with.
    marked: Option<u64>,
    at: usize,
    /// Where the number of the chart is in a payload.
    field: Option<String>,
    made: Option<Made>,
    document: Document,
    /// How many lines of it differ, in words.
    changes: Option<String>,
    height: usize,
}

impl Detail {
    /// Shows something else.
    pub fn turn_to(&mut self, tab: Tab) {
        if self.tab != tab {
            self.tab = tab;
            (self.at, self.top) = (0, 0);
            self.made = None;
        }
    }

    /// Begins again with another topic.
    pub fn turn_to_topic(&mut self) {
        (self.at, self.top) = (0, 0);
        (self.looked_at, self.marked, self.made) = (None, None, None);
    }

    /// Forgets the message that another one is to be compared with, and looks at the newest again.
    pub fn unmark(&mut self) {
        (self.looked_at, self.marked) = (None, None);
    }

    /// The message that it is about.
    #[must_use]
    pub fn shown<'a>(&self, topic: &'a Topic) -> Option<&'a KeptMessage> {
        let looked_at = self.looked_at.and_then(|number| topic.place_of(number));
        looked_at.and_then(|place| topic.history.get(place)).or_else(|| topic.last())
    }

    /// Marks the message under the cursor, or compares it with the marked one. Returns what to tell.
    pub fn mark(&mut self, topic: &Topic) -> Option<String> {
        let number = self.shown(topic)?.number;
        match self.marked.filter(|marked| topic.place_of(*marked).is_some()) {
            Some(marked) if marked == number => {
                self.marked = None;
                Some("no longer marked".to_owned())
            }
            Some(_) => {
                self.looked_at = Some(number);
                self.turn_to(Tab::Diff);
                None
            }
            None => {
                self.marked = Some(number);
                Some("marked: Enter on another message compares the two".to_owned())
            }
        }
    }

    /// Has the chart show the field under the cursor of the value; without a field, the payload. Returns the
    /// field.
    pub fn chart_field(&mut self, at_cursor: bool) -> Option<String> {
        let at_cursor = at_cursor && self.tab == Tab::Value;
        let line = self.document.lines.get(self.at).filter(|_| at_cursor);
        self.field = line.and_then(|line| line.path.clone()).filter(|path| !path.is_empty());
        self.turn_to(Tab::Chart);
        self.field.clone()
    }

    /// Moves the cursor, or scrolls where there is none.
    pub fn move_by(&mut self, lines: isize, topic: Option<&Topic>) {
        let last = self.total.saturating_sub(1);
        let last = if self.has_cursor() { last } else { self.total.saturating_sub(self.height.max(1)) };
        self.at = self.at.saturating_add_signed(lines).min(last);
        self.look(topic);
    }

    /// Puts the cursor on a line that shows.
    pub fn point_at(&mut self, row: usize, topic: Option<&Topic>) {
        if self.has_cursor() {
            self.at = (self.top + row).min(self.total.saturating_sub(1));
            self.look(topic);
        }
    }

    /// In the history the cursor stays on its message when others come; at the top it stays with the newest.
    fn look(&mut self, topic: Option<&Topic>) {
        if self.tab == Tab::History {
            let number = |topic: &Topic| {
                let place = topic.history.len().checked_sub(self.at + 1)?;
                topic.history.get(place).map(|kept| kept.number)
            };
            self.looked_at = topic.and_then(number).filter(|_| self.at > 0);
        }
    }

    const fn has_cursor(&self) -> bool {
        matches!(self.tab, Tab::Value | Tab::History)
    }

    /// Makes the lines that show.
    pub fn prepare(
        &mut self,
        store: &Store,
        id: NodeId,
        decode: Decode,
        now: u64,
        (began, clock): (SystemTime, &mut LocalClock),
        area: Rect,
    ) {
        let columns = usize::from(area.width);
        self.height = usize::from(area.height);
        self.head.clear();
        self.lines.clear();
        self.cursor = None;
        let topic = store.topic(id);
        let shown = topic.and_then(|topic| self.shown(topic));
        let mut clock_text = |at: u64| local_time(clock, began + Duration::from_micros(at));
        if let Some(kept) = shown {
            let older = topic.and_then(Topic::last).is_some_and(|last| last.number != kept.number);
            self.head.push(TextSpan::new(
                clock_text(kept.at),
                if older { TextRole::Warning } else { TextRole::Plain },
            ));
            if older {
                self.head.push(TextSpan::new(" not the newest", TextRole::Warning));
            }
            let size = units::Size(kept.length as u64);
            let retain = if kept.retain { " retained" } else { "" };
            self.head.push(TextSpan::plain(format!(" QoS {}{retain} {size}", kept.qos.level())));
            if kept.is_cut() {
                let part = units::Size(kept.payload.len() as u64);
                self.head.push(TextSpan::new(format!(" cut to {part}"), TextRole::Warning));
            }
        }
        match (self.tab, topic, shown) {
            (Tab::Stats, ..) => {
                let lines = stats(store, id, topic, now, &mut clock_text);
                self.scroll_over(lines);
            }
            (_, None, _) => self.scroll_over(no_messages(store, id)),
            (_, Some(_), None) => {
                let text = ["the messages of this topic had to go:", "--max-memory keeps more"];
                self.scroll_over(text.map(|line| plain_line(line, TextRole::Faint)).into());
            }
            (Tab::Value, Some(_), Some(kept)) => {
                self.lay_out(id, kept, None, decode, columns);
                self.show_document(true);
            }
            (Tab::Diff, Some(topic), Some(kept)) => match self.compared_with(topic, kept) {
                Some(other) => {
                    // The older one first, whichever was marked.
                    let (before, after) =
                        if other.number < kept.number { (other, kept) } else { (kept, other) };
                    self.lay_out(id, after, Some(before), decode, columns);
                    let text = format!("{} → {}", clock_text(before.at), clock_text(after.at));
                    self.head = vec![TextSpan::plain(text)];
                    let changes = self.changes.as_deref().unwrap_or_default();
                    self.head.push(TextSpan::new(format!("  {changes}"), TextRole::Changed));
                    self.show_document(false);
                }
                None => {
                    let text = "there is no message before this one";
                    self.scroll_over(vec![plain_line(text, TextRole::Faint)]);
                }
            },
            (Tab::History, Some(topic), _) => self.list_history(topic, decode, &mut clock_text),
            (Tab::Chart, Some(topic), _) => self.plot(topic, decode, now),
            (Tab::Properties, Some(_), Some(kept)) => self.scroll_over(properties(kept)),
        }
    }

    /// Keeps the layout for as long as it shows the same.
    fn lay_out(
        &mut self,
        id: NodeId,
        kept: &KeptMessage,
        other: Option<&KeptMessage>,
        decode: Decode,
        columns: usize,
    ) {
        let other_number = other.map_or(0, |other| other.number);
        let made = Made { id, number: kept.number, other: other_number, decode, columns };
        if self.made == Some(made) {
            return;
        }
        self.made = Some(made);
        let document = read(&kept.payload, kept.content_type(), decode, columns.saturating_sub(2));
        self.changes = None;
        self.document = match other {
            None => document,
            Some(other) => {
                let before = read(&other.payload, other.content_type(), decode, columns.saturating_sub(2));
                let (lines, changes) = diff(&before, &document);
                self.changes = Some(match changes {
                    0 => "no difference".to_owned(),
                    1 => "1 difference".to_owned(),
                    _ => format!("{changes} differences"),
                });
                Document { lines, ..document }
            }
        };
    }

    fn show_document(&mut self, with_cursor: bool) {
        if with_cursor {
            self.head.push(TextSpan::new(format!("  {}", self.document.name), TextRole::Key));
        }
        self.scroll(self.document.lines.len());
        self.lines.extend(self.document.lines.iter().skip(self.top).take(self.height).cloned());
        self.cursor = with_cursor.then_some(self.at);
    }

    fn scroll_over(&mut self, lines: Vec<DocumentLine>) {
        self.scroll(lines.len());
        self.lines.extend(lines.into_iter().skip(self.top).take(self.height));
    }

    /// Keeps the cursor inside, and in view.
    fn scroll(&mut self, total: usize) {
        self.total = total;
        let height = self.height.max(1);
        self.at = self.at.min(total.saturating_sub(1));
        self.top = if self.has_cursor() {
            self.top.clamp(self.at.saturating_sub(height - 1), self.at)
        } else {
            self.at
        };
        self.top = self.top.min(total.saturating_sub(height));
    }

    fn compared_with<'a>(&self, topic: &'a Topic, kept: &KeptMessage) -> Option<&'a KeptMessage> {
        let marked =
            self.marked.filter(|marked| *marked != kept.number).and_then(|marked| topic.place_of(marked));
        let place = marked.or_else(|| topic.place_of(kept.number)?.checked_sub(1))?;
        topic.history.get(place)
    }

    fn list_history(&mut self, topic: &Topic, decode: Decode, time: &mut impl FnMut(u64) -> String) {
        if let Some(number) = self.looked_at {
            match topic.place_of(number) {
                Some(place) => self.at = topic.history.len() - 1 - place,
                // It had to go; the oldest is next to it.
                None => {
                    self.looked_at = topic.history.front().map(|kept| kept.number);
                    self.at = topic.history.len().saturating_sub(1);
                }
            }
        }
        self.scroll(topic.history.len());
        let marked = self.marked;
        let line = |kept: &KeptMessage| {
            let (mark, role) = match marked == Some(kept.number) {
                true => ("*", TextRole::Warning),
                false => (" ", TextRole::Plain),
            };
            let retain = if kept.retain { "R" } else { " " };
            let spans = vec![
                TextSpan::new(mark, role),
                TextSpan::new(time(kept.at), TextRole::Faint),
                TextSpan::plain(format!(" {}{retain} {:>5} ", kept.qos.level(), short(kept.length as u64))),
                TextSpan::plain(preview(kept, decode)),
            ];
            DocumentLine { depth: 0, spans, path: None }
        };
        self.lines.extend(topic.history.iter().rev().skip(self.top).take(self.height).map(line));
        self.cursor = Some(self.at);
        let (count, all) = (topic.history.len(), topic.messages);
        self.head = vec![TextSpan::new(
            match all {
                1 => "the only message".to_owned(),
                _ => format!("the last {count} of {all} messages"),
            },
            TextRole::Faint,
        )];
        if self.marked.is_some() {
            self.head.push(TextSpan::new("  * marked", TextRole::Warning));
        }
    }

    fn plot(&mut self, topic: &Topic, decode: Decode, now: u64) {
        self.total = 0;
        let field = self.field.as_deref();
        let point = |kept: &KeptMessage| {
            let number = number_at(&kept.payload, kept.content_type(), decode, field)?;
            Some((-(now.saturating_sub(kept.at) as f64) / 1e6, number))
        };
        let points: Vec<(f64, f64)> = topic.history.iter().rev().take(SAMPLE).filter_map(point).collect();
        let name = field.unwrap_or("payload").to_owned();
        self.head = vec![TextSpan::new(name.clone(), TextRole::Key)];
        if let Some((_, last)) = points.first() {
            let low = points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
            let high = points.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
            self.head.push(TextSpan::plain(format!(
                "  {last}   {low} … {high}   {}",
                Many(points.len() as u64, "value")
            )));
        } else {
            // As narrow as the pane of a terminal with 80 columns.
            let text: &[&str] = match field {
                Some(_) => &["no message has a number at this place"],
                None => {
                    &["the payloads are no numbers:", "put the cursor on a field of the value", "and press c"]
                }
            };
            self.lines.extend(text.iter().map(|line| plain_line(*line, TextRole::Faint)));
        }
        self.series = NumberSeries { name, points };
    }
}

fn plain_line(text: impl Into<String>, role: TextRole) -> DocumentLine {
    DocumentLine { depth: 0, spans: vec![TextSpan::new(text, role)], path: None }
}

/// `11:37:41.581`
fn local_time(clock: &mut LocalClock, time: SystemTime) -> String {
    let mut text = Vec::with_capacity(40);
    clock.at(time).push_rfc3339(&mut text);
    text.get(11..23).map_or_else(String::new, |text| String::from_utf8_lossy(text).into_owned())
}

/// The beginning of a payload in one line.
#[must_use]
pub fn preview(kept: &KeptMessage, decode: Decode) -> String {
    let beginning = kept.payload.get(..PREVIEW).unwrap_or(&kept.payload);
    if kept.payload.is_empty() {
        return "(empty)".to_owned();
    }
    let is_bytes = match decode {
        Decode::Hex | Decode::Msgpack | Decode::Cbor => true,
        Decode::Text | Decode::Json => false,
        // A character may be cut at the end of the beginning.
        Decode::Auto => std::str::from_utf8(beginning)
            .is_err_and(|error| error.error_len().is_some() || beginning.len() == kept.payload.len()),
    };
    if is_bytes {
        return beginning.iter().take(64).map(|byte| format!("{byte:02x} ")).collect();
    }
    // Several lines become one.
    let words = beginning.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.map(|word| escape_bytes(word).into_owned()).collect::<Vec<_>>().join(" ")
}

fn no_messages(store: &Store, id: NodeId) -> Vec<DocumentLine> {
    if id == ROOT {
        return vec![plain_line("waiting for messages", TextRole::Faint)];
    }
    let node = store.tree.node(id);
    let below = if node.topics == 1 { "one topic".to_owned() } else { format!("{} topics", node.topics) };
    vec![
        plain_line(format!("{below} below this level, which"), TextRole::Faint),
        plain_line("has no message of its own", TextRole::Faint),
    ]
}

fn row(name: &str, value: impl Into<String>) -> DocumentLine {
    let spans = vec![TextSpan::new(format!("{name:<20}"), TextRole::Key), TextSpan::plain(value)];
    DocumentLine { depth: 0, spans, path: None }
}

fn properties(kept: &KeptMessage) -> Vec<DocumentLine> {
    let mut lines = vec![
        row("QoS", kept.qos.level().to_string()),
        row("retain", if kept.retain { "yes" } else { "no" }),
        row("duplicate", if kept.dup { "yes" } else { "no" }),
    ];
    let Some(properties) = &kept.properties else {
        lines.push(plain_line("no MQTT 5 properties", TextRole::Faint));
        return lines;
    };
    for property in properties.iter() {
        let name = property.kind().name();
        let line = match (property, property.value()) {
            (Property::PayloadFormatIndicator(flag), _) => {
                row("payload-format", if *flag == 1 { "1 (UTF-8)" } else { "0 (bytes)" })
            }
            (Property::MessageExpiryInterval(seconds), _) => row("message-expiry", format!("{seconds} s")),
            (Property::UserProperty(name, value), _) => {
                let spans = vec![
                    TextSpan::new(format!("{:<20}", "user-property"), TextRole::Key),
                    TextSpan::new(format!("{name} = "), TextRole::Text),
                    TextSpan::plain(&**value),
                ];
                DocumentLine { depth: 0, spans, path: None }
            }
            (_, PropertyValue::Binary(bytes)) => row(name, escape_bytes(bytes).into_owned()),
            (_, PropertyValue::Text(text)) => row(name, text),
            (_, PropertyValue::Flag(number)) => row(name, number.to_string()),
            (_, PropertyValue::U16(number)) => row(name, number.to_string()),
            (_, PropertyValue::U32(number) | PropertyValue::VarInt(number)) => row(name, number.to_string()),
            (_, PropertyValue::TextPair(key, value)) => row(name, format!("{key} = {value}")),
        };
        lines.push(line);
    }
    lines
}

fn stats(
    store: &Store,
    id: NodeId,
    topic: Option<&Topic>,
    now: u64,
    time: &mut impl FnMut(u64) -> String,
) -> Vec<DocumentLine> {
    let node = store.tree.node(id);
    let mut lines = Vec::new();
    if id == ROOT || node.has_children() {
        lines.push(row("topics", node.topics.to_string()));
    }
    lines.push(row("messages", node.messages.to_string()));
    lines.push(row("rate", units::Rate(node.rate(now)).to_string()));
    lines.push(row("payload bytes", units::Size(node.bytes).to_string()));
    lines.push(row("retained", node.retained.to_string()));
    if node.messages > 0 {
        lines.push(row("last message", time(node.changed)));
    }
    let Some(topic) = topic.filter(|topic| !topic.history.is_empty()) else { return lines };
    let sample = topic.history.iter().rev().take(SAMPLE);
    let mut sizes: Vec<u64> = sample.clone().map(|kept| kept.length as u64).collect();
    let mut gaps: Vec<u64> = sample.clone().filter_map(|kept| kept.since_last).collect();
    lines.push(DocumentLine::default());
    lines.push(plain_line(
        match sizes.len() {
            1 => "of the last message of the topic".to_owned(),
            count => format!("of the last {count} messages of the topic"),
        },
        TextRole::Faint,
    ));
    let span = |micros: u64| units::Span(Duration::from_micros(micros)).to_string();
    let size = |bytes: u64| units::Size(bytes).to_string();
    lines.extend(percentiles("size", &mut sizes, size));
    lines.extend(percentiles("interval", &mut gaps, span));
    lines
}

fn percentiles(name: &str, values: &mut [u64], show: impl Fn(u64) -> String) -> Vec<DocumentLine> {
    if values.is_empty() {
        return Vec::new();
    }
    values.sort_unstable();
    let at = |part: f64| {
        let place = (part * values.len() as f64).ceil() as usize;
        show(values[place.saturating_sub(1).min(values.len() - 1)])
    };
    let parts = [("least", 0.0), ("median", 0.5), ("p90", 0.9), ("p99", 0.99), ("most", 1.0)];
    parts.into_iter().map(|(word, part)| row(&format!("{name}, {word}"), at(part))).collect()
}
