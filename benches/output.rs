//! From received messages to bytes, and from JSON to messages, without a broker: nanoseconds a message.

#![expect(clippy::expect_used, reason = "a benchmark that cannot begin is to stop")]

use std::hint::black_box;
use std::io;
use std::time::{Duration, SystemTime};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mqt::config::UiSettings;
use mqt::output::json::parse_message;
use mqt::output::{Delivery, Formatter, Json, Presentation, Template, Text};
use mqt::ui::{PrintSink, Printer, PrinterOptions, Ui};
use mqt_proto::packet::Publish;
use mqt_proto::{Message, Properties, QoS, TopicName};

/// Messages that are printed in one go.
const BATCH: usize = 1_000;

fn delivery(payload: &str) -> Delivery {
    let message = Message {
        topic: TopicName::new("sensors/kitchen/temperature").expect("a topic name"),
        payload: payload.to_owned().into(),
        qos: QoS::AtMostOnce,
        retain: false,
        properties: Properties::new(),
    };
    Delivery {
        publish: Publish { dup: false, packet_id: None, message },
        received: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    }
}

fn formatting(c: &mut Criterion) {
    let presentation = Presentation::default();
    let template = |format| -> Box<dyn Formatter> { Box::new(Template::parse(format).expect("a format")) };
    let formatters: [(&str, Box<dyn Formatter>); 5] = [
        ("-v", Box::new(Text::verbose(&presentation))),
        ("--json", Box::new(Json::new(&presentation, false))),
        ("-F '%t %p'", template("%t %p")),
        ("-F '%I %t %q %x'", template("%I %t %q %x")),
        ("-F %j", template("%j")),
    ];
    let delivery = delivery(r#"{"temperature":21.5,"unit":"degrees","from":"kitchen"}"#);
    let mut group = c.benchmark_group("format");
    for (name, mut formatter) in formatters {
        let mut out = Vec::new();
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                formatter.format(black_box(&delivery), &mut out);
            });
        });
    }
    group.finish();
}

fn reading(c: &mut Criterion) {
    let line = |payload: &str| format!(r#"{{"topic":"a/b","payload":{payload}}}"#);
    let lines = [
        (
            "83 bytes",
            r#"{"topic":"sensors/kitchen/temperature","payload":"21.5","qos":1,"retain":false}   "#
                .to_owned(),
        ),
        ("10 kB of plain text", line(&format!("\"{}\"", "hello world, this is text. ".repeat(380)))),
        (
            "10 kB of text with escapes",
            line(&format!("\"{}\"", r#"{\"temp\":21.5,\"hum\":40},"#.repeat(400))),
        ),
        ("10 kB of JSON", line(&format!("[{}1]", r#"{"temp":21.5,"hum":40},"#.repeat(430)))),
    ];
    let mut group = c.benchmark_group("read JSON");
    for (name, line) in lines {
        parse_message(line.as_bytes()).expect("a message");
        group.throughput(Throughput::Bytes(line.len() as u64));
        group.bench_function(name, |b| b.iter(|| parse_message(black_box(line.as_bytes()))));
    }
    group.finish();
}

fn printing(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let ui = Ui::new("bench", UiSettings::default());
    let formatter = Box::new(Text::verbose(&Presentation::default()));
    let sink = PrintSink::Writer(Box::new(io::sink()));
    let mut printer = Printer::start(formatter, sink, PrinterOptions::default(), ui).expect("a thread");
    let delivery = delivery("21.5");
    let mut pushed = 0;
    let mut group = c.benchmark_group("printer");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("-v, to nowhere", |b| {
        b.iter_batched(
            || vec![delivery.clone(); BATCH],
            |batch| {
                printer.push(batch);
                runtime.block_on(async {
                    pushed += BATCH as u64;
                    while printer.changed().await.expect("the printer goes on") < pushed {}
                });
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, formatting, reading, printing);
criterion_main!(benches);
