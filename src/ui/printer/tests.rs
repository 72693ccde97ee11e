use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::SystemTime;

use bytes::Bytes;

use crate::config::UiSettings;
use crate::output::{Presentation, Text};
use mqt_proto::packet::Publish;
use mqt_proto::{Message, PacketId, Property, QoS, TopicName};

use super::*;

fn delivery(payload: &str, qos: QoS) -> Delivery {
    let message = Message {
        topic: TopicName::new("t").expect("a topic name"),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        qos,
        ..Message::default()
    };
    let packet_id = PacketId::new(1).filter(|_| qos != QoS::AtMostOnce);
    Delivery { publish: Publish { message, packet_id, dup: false }, received: SystemTime::UNIX_EPOCH }
}

fn batch(payloads: &[&str]) -> Vec<Delivery> {
    payloads.iter().map(|payload| delivery(payload, QoS::AtMostOnce)).collect()
}

fn ui() -> Ui {
    Ui::with_writers("mqt", UiSettings::default(), Box::new(io::sink()), Box::new(io::sink()))
}

fn start(writer: impl Write + Send + 'static, options: PrinterOptions) -> Printer {
    let text = Text::payload(&Presentation::default());
    Printer::start(Box::new(text), PrintSink::Writer(Box::new(writer)), options, ui()).expect("a thread")
}

/// Keeps what is written.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(lock(&self.0).clone()).expect("UTF-8")
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says when a write begins, and waits until it may go on.
struct Gate {
    paper: Paper,
    entered: Sender<()>,
    open: Receiver<()>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.entered.send(()).map_err(io::Error::other)?;
        self.open.recv().map_err(io::Error::other)?;
        self.paper.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gate() -> (Gate, Paper, Receiver<()>, Sender<()>) {
    let paper = Paper::default();
    let ((entered, has_entered), (opener, open)) = (mpsc::channel(), mpsc::channel());
    (Gate { paper: paper.clone(), entered, open }, paper, has_entered, opener)
}

/// Answers each write as the script says, then takes everything.
struct Script {
    paper: Paper,
    answers: VecDeque<Result<usize, io::Error>>,
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = self.answers.pop_front().unwrap_or(Ok(usize::MAX))?;
        self.paper.write(&bytes[..bytes.len().min(most)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn script(answers: Vec<Result<usize, io::Error>>) -> (Script, Paper) {
    let paper = Paper::default();
    (Script { paper: paper.clone(), answers: answers.into() }, paper)
}

#[tokio::test]
async fn messages_are_written_in_order_and_told() {
    let paper = Paper::default();
    let mut printer = start(paper.clone(), PrinterOptions::default());
    printer.push(batch(&["1", "2"]));
    printer.push(batch(&[]));
    printer.push(batch(&["", "3"]));
    let mut written = 0;
    while written < 4 {
        let more = printer.changed().await.expect("it goes on");
        assert!(more > written && more == printer.written());
        written = more;
    }
    assert_eq!(paper.text(), "1\n2\n3\n");
    assert_eq!(printer.backlog(), Backlog::default());
    assert_eq!(printer.finish().await.expect("the end"), Printed { messages: 4, dropped: 0 });
    assert_eq!(printer.finish().await.expect("the same end"), Printed { messages: 4, dropped: 0 });
}

#[tokio::test]
async fn what_waits_meanwhile_is_written_at_once() {
    let (gate, paper, entered, opener) = gate();
    let mut printer = start(gate, PrinterOptions::default());
    printer.push(batch(&["1"]));
    entered.recv().expect("the first write begins");
    for payload in ["2", "3", "4"] {
        printer.push(batch(&[payload]));
    }
    // Blocked: nothing counts, and nobody waits but the thread.
    assert_eq!(printer.written(), 0);
    assert_eq!(printer.backlog().messages, 4);
    opener.send(()).expect("the thread waits");
    assert_eq!(printer.changed().await.expect("the first is out"), 1);
    entered.recv().expect("the second write begins");
    opener.send(()).expect("the thread waits");
    assert_eq!(printer.changed().await.expect("the others are out, by one write"), 4);
    assert_eq!(paper.text(), "1\n2\n3\n4\n");
}

#[tokio::test]
async fn large_amounts_are_written_in_pieces_and_each_message_counts_once_it_is_out() {
    let (gate, paper, entered, opener) = gate();
    let mut printer = start(gate, PrinterOptions::default());
    let line = "x".repeat(1023);
    printer.push(vec![delivery(&line, QoS::AtMostOnce); 100]);
    entered.recv().expect("64 KiB are together");
    opener.send(()).expect("the thread waits");
    assert_eq!(printer.changed().await.expect("64 of 1 KiB each"), 64);
    entered.recv().expect("the rest");
    opener.send(()).expect("the thread waits");
    assert_eq!(printer.changed().await.expect("the rest is out"), 100);
    assert_eq!(paper.text(), format!("{line}\n").repeat(100));
}

#[tokio::test]
async fn waiting_can_be_given_up_and_taken_up_again() {
    let (gate, _paper, entered, opener) = gate();
    let mut printer = start(gate, PrinterOptions::default());
    printer.push(batch(&["1"]));
    entered.recv().expect("the write begins");
    tokio::select! {
        biased;
        _ = printer.changed() => panic!("nothing is written yet"),
        () = std::future::ready(()) => {}
    }
    tokio::select! {
        biased;
        _ = printer.finish() => panic!("nothing is written yet"),
        () = std::future::ready(()) => {}
    }
    opener.send(()).expect("the thread waits");
    assert_eq!(printer.changed().await.expect("it is out"), 1);
    assert_eq!(printer.finish().await.expect("the end").messages, 1);
}

#[tokio::test]
async fn short_and_interrupted_writes_are_gone_on_with() {
    let (script, paper) = script(vec![
        Ok(1),
        Err(ErrorKind::Interrupted.into()),
        Ok(2),
        Err(ErrorKind::WouldBlock.into()),
        Ok(1),
        Ok(1),
    ]);
    let mut printer = start(script, PrinterOptions::default());
    printer.push(batch(&["one", "two"]));
    assert_eq!(printer.finish().await.expect("the end").messages, 2);
    assert_eq!(paper.text(), "one\ntwo\n");
}

/// F-66: a full device.
#[tokio::test]
async fn a_full_device_is_told_with_what_was_printed_and_lost() {
    // The third record is cut in the middle: it is lost.
    let (script, paper) = script(vec![Ok(6), Err(io::Error::from_raw_os_error(28))]);
    let mut printer = start(script, PrinterOptions::default());
    printer.push(batch(&["a", "b", "c3", "d4"]));
    assert_eq!(printer.changed().await.expect("two are out"), 2);
    let error = printer.changed().await.expect_err("no more goes out");
    assert_eq!(error.to_string(), "write: No space left on device; 2 messages printed, 2 lost");
    assert_eq!(paper.text(), "a\nb\nc3");
    printer.push(batch(&["e"]));
    assert_eq!(printer.written(), 2);
    let failure = printer.finish().await.expect_err("it stays so").into_failure().expect("no normal end");
    assert_eq!((failure.kind, failure.keyword), (Kind::Output, "output"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_full_device_of_linux_is_full() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("the device");
    let mut printer = start(full, PrinterOptions::default());
    printer.push(batch(&["a"]));
    let error = printer.changed().await.expect_err("it is full");
    assert_eq!(error.to_string(), "write: No space left on device; 0 messages printed, 1 lost");
}

/// F-65: the reader has gone away.
#[tokio::test]
async fn a_closed_pipe_is_a_normal_end() {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let mut printer = start(writer, PrinterOptions::default());
    printer.push(batch(&["a"]));
    let error = printer.changed().await.expect_err("nobody reads");
    assert!(matches!(error, PrintError::Closed { printed: 0 }));
    assert_eq!(error.into_failure(), None);
}

#[tokio::test]
async fn a_writer_that_takes_nothing_is_an_error() {
    let (script, _paper) = script(vec![Ok(0)]);
    let mut printer = start(script, PrinterOptions::default());
    printer.push(batch(&["a"]));
    assert!(matches!(printer.changed().await, Err(PrintError::Failed { printed: 0, lost: 1, .. })));
}

struct Broken;

impl Formatter for Broken {
    fn format(&mut self, _delivery: &Delivery, _out: &mut Vec<u8>) {
        panic!("a defect, caused by this test");
    }
}

#[tokio::test]
async fn a_thread_that_dies_is_noticed() {
    let sink = PrintSink::Writer(Box::new(io::sink()));
    let mut printer =
        Printer::start(Box::new(Broken), sink, PrinterOptions::default(), ui()).expect("a thread");
    printer.push(batch(&["a", "b"]));
    let error = printer.changed().await.expect_err("it is dead");
    assert_eq!(error.to_string(), "write: the output thread has died; 0 messages printed, 2 lost");
    assert!(printer.finish().await.is_err());
}

const FEW: PrinterLimits = PrinterLimits { messages: 3, bytes: usize::MAX };

/// Starts a printer whose thread is stuck in the write of a first message.
fn stuck(options: PrinterOptions) -> (Printer, Paper, Receiver<()>, Sender<()>) {
    let (gate, paper, entered, opener) = gate();
    let printer = start(gate, options);
    printer.push(batch(&["first"]));
    entered.recv().expect("the write begins");
    (printer, paper, entered, opener)
}

async fn release(printer: &mut Printer, opener: &Sender<()>) -> Printed {
    opener.send(()).expect("the thread waits");
    opener.send(()).expect("the thread waits");
    printer.finish().await.expect("the end")
}

/// F-67: a reader that does not read.
#[tokio::test]
async fn blocking_takes_all_and_says_when_it_is_full() {
    let (mut printer, paper, _entered, opener) =
        stuck(PrinterOptions { limits: FEW, ..PrinterOptions::default() });
    printer.push(batch(&["2"]));
    assert!(!printer.is_full());
    printer.push(batch(&["3", "4"]));
    assert!(printer.is_full());
    assert_eq!(release(&mut printer, &opener).await, Printed { messages: 4, dropped: 0 });
    assert!(!printer.is_full());
    assert_eq!(paper.text(), "first\n2\n3\n4\n");
}

#[tokio::test]
async fn bytes_fill_it_too() {
    let limits = PrinterLimits { messages: usize::MAX, bytes: 10_000 };
    let (mut printer, _paper, _entered, opener) =
        stuck(PrinterOptions { limits, ..PrinterOptions::default() });
    assert!(!printer.is_full());
    printer.push(batch(&["x".repeat(10_000).as_str()]));
    assert!(printer.is_full());
    release(&mut printer, &opener).await;
    assert_eq!(printer.backlog(), Backlog::default());
}

#[tokio::test]
async fn drop_new_drops_what_comes_in_but_not_qos_1_and_2() {
    let options = PrinterOptions { limits: FEW, overflow: Overflow::DropNew, ..PrinterOptions::default() };
    let (mut printer, paper, _entered, opener) = stuck(options);
    let mut more = batch(&["2", "3", "4", "5"]);
    more.push(delivery("six", QoS::AtLeastOnce));
    more.push(delivery("7", QoS::AtMostOnce));
    printer.push(more);
    assert_eq!(printer.backlog().messages, 4);
    assert!(!printer.is_full(), "one that may not be dropped is not three");
    printer.push(vec![delivery("eight", QoS::ExactlyOnce), delivery("nine", QoS::ExactlyOnce)]);
    assert!(printer.is_full());
    assert_eq!(release(&mut printer, &opener).await, Printed { messages: 6, dropped: 3 });
    assert_eq!(paper.text(), "first\n2\n3\nsix\neight\nnine\n");
    assert_eq!(printer.written(), 9, "what was dropped is done with, in its order");
}

#[tokio::test]
async fn drop_old_drops_what_waits_longest_but_not_qos_1_and_2() {
    let options = PrinterOptions { limits: FEW, overflow: Overflow::DropOld, ..PrinterOptions::default() };
    let (mut printer, paper, _entered, opener) = stuck(options);
    printer.push(vec![delivery("two", QoS::AtLeastOnce), delivery("3", QoS::AtMostOnce)]);
    printer.push(batch(&["4", "5"]));
    printer.push(batch(&["6"]));
    printer.push(vec![delivery("seven", QoS::AtLeastOnce)]);
    assert_eq!(printer.backlog().messages, 3);
    assert_eq!(printer.printed().dropped, 4);
    assert!(!printer.is_full());
    assert_eq!(release(&mut printer, &opener).await, Printed { messages: 3, dropped: 4 });
    assert_eq!(paper.text(), "first\ntwo\nseven\n");
    assert_eq!(printer.written(), 7);
}

#[tokio::test]
async fn with_full_flush_a_lone_message_still_comes_out_and_the_end_does_not_wait() {
    let paper = Paper::default();
    let options = PrinterOptions { flush: Flush::Full, ..PrinterOptions::default() };
    let mut printer = start(paper.clone(), options);
    printer.push(batch(&["1"]));
    assert_eq!(printer.changed().await.expect("after a while"), 1);
    printer.push(batch(&["2"]));
    assert_eq!(printer.finish().await.expect("the end").messages, 2);
    assert_eq!(paper.text(), "1\n2\n");
}

#[tokio::test]
async fn any_batches_through_any_writes_are_the_same_text() {
    let mut state = 7_u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..20 {
        let answers = (0..200).map(|_| Ok(1 + next(3_000) as usize)).collect();
        let (script, paper) = script(answers);
        let mut printer = start(script, PrinterOptions::default());
        let (mut expected, mut count) = (String::new(), 0);
        for _ in 0..next(60) {
            let mut deliveries = printer.batch();
            for _ in 0..next(100) {
                let payload = "y".repeat(next(300) as usize);
                if !payload.is_empty() {
                    expected.push_str(&payload);
                    expected.push('\n');
                }
                deliveries.push(delivery(&payload, QoS::AtMostOnce));
                count += 1;
            }
            printer.push(deliveries);
        }
        assert_eq!(printer.finish().await.expect("the end"), Printed { messages: count, dropped: 0 });
        assert_eq!(printer.written(), count);
        assert!(paper.text() == expected, "the text differs");
    }
}

#[tokio::test]
async fn what_a_formatter_could_not_print_is_said() {
    let paper = Paper::default();
    let ui = Ui::with_writers("mqt", UiSettings::default(), Box::new(io::sink()), Box::new(paper.clone()));
    let template = crate::output::Template::parse("<%f>").expect("a format");
    let sink = PrintSink::Writer(Box::new(io::sink()));
    let mut printer =
        Printer::start(Box::new(template), sink, PrinterOptions::default(), ui).expect("a thread");
    printer.push(batch(&["abc"]));
    printer.finish().await.expect("the end");
    assert_eq!(
        paper.text(),
        "mqt: warning[format]: the payload is not of four bytes, as '%f' wants it (topic t)\n"
    );
}

/// Messages with `count` empty user properties each, which share one large buffer.
fn heavy(messages: usize, count: usize, qos: QoS) -> Vec<Delivery> {
    let buffer = Bytes::from(vec![b'x'; 128 * 1024]);
    let one = |index: usize| {
        let mut one = delivery("", qos);
        one.publish.message.payload = buffer.slice(index..=index);
        for _ in 0..count {
            one.publish.message.properties.push(Property::UserProperty("".into(), "".into()));
        }
        one
    };
    (0..messages).map(one).collect()
}

#[tokio::test]
async fn properties_fill_it_as_payloads_do() {
    let limits = PrinterLimits { messages: usize::MAX, bytes: 100_000 };
    let (mut printer, _paper, _entered, opener) =
        stuck(PrinterOptions { limits, ..PrinterOptions::default() });
    printer.push(heavy(10, 10, QoS::AtMostOnce));
    assert!(!printer.is_full());
    printer.push(heavy(1, 2_000, QoS::AtMostOnce));
    assert!(printer.is_full());
    release(&mut printer, &opener).await;
    assert_eq!(printer.backlog(), Backlog::default());
}

#[tokio::test]
async fn what_waits_long_lets_go_of_the_buffer_that_it_was_read_into() {
    let (mut printer, _paper, _entered, opener) = stuck(PrinterOptions::default());
    let buffer = Bytes::from(vec![b'x'; 128 * 1024]);
    for index in 0..1_000 {
        let mut one = delivery("", QoS::AtLeastOnce);
        one.publish.message.payload = buffer.slice(index..=index);
        printer.push(vec![one]);
    }
    let sharing = {
        let range = buffer.as_ptr_range();
        let shares = |delivery: &&Delivery| range.contains(&delivery.publish.message.payload.as_ptr());
        let queue = lock(&printer.shared.queue);
        queue.batches.iter().flat_map(|batch| &batch.deliveries).filter(shares).count()
    };
    assert!(sharing <= 32, "{sharing}");
    assert_eq!(release(&mut printer, &opener).await, Printed { messages: 1_001, dropped: 0 });
    assert_eq!(printer.backlog(), Backlog::default());
}

#[tokio::test]
async fn nothing_is_left_of_what_is_dropped() {
    for overflow in [Overflow::DropNew, Overflow::DropOld] {
        let limits = PrinterLimits { messages: usize::MAX, bytes: 1_000_000 };
        let (mut printer, _paper, _entered, opener) =
            stuck(PrinterOptions { limits, overflow, ..PrinterOptions::default() });
        for _ in 0..200 {
            let mut batch = heavy(100, 50, QoS::AtMostOnce);
            batch.insert(50, delivery("pinned", QoS::AtLeastOnce));
            printer.push(batch);
        }
        let held = |batch: &queue::Batch| {
            let places = batch.deliveries.capacity() + batch.dropped.capacity();
            let messages = batch.deliveries.iter().map(|delivery| delivery.publish.message.held_bytes());
            places * size_of::<Delivery>() + messages.sum::<usize>()
        };
        let (all, dropped) = {
            let queue = lock(&printer.shared.queue);
            (queue.batches.iter().map(held).sum::<usize>(), queue.dropped)
        };
        assert!(all < 2_000_000, "{overflow:?}: {all}");
        assert!(dropped > 19_000, "{overflow:?}: {dropped}");
        assert_eq!(release(&mut printer, &opener).await.messages, 20_201 - dropped);
        assert_eq!(printer.written(), 20_201, "{overflow:?}");
        assert_eq!(printer.backlog(), Backlog::default());
    }
}
