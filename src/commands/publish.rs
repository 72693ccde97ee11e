//! `mqt pub`: from the source of messages into the session, until each is confirmed.

use std::io::IsTerminal as _;
use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::{OnError, PublishSettings};
use crate::error::{Failure, Kind};
use crate::output::units::count_of;
use crate::ui::{Progress, Summary, Ui};
use mqt_client::{Client, ClientError, SessionChoices};
use mqt_process::random;
use mqt_proto::session::{Event, Refusal};
use mqt_proto::{QoS, ReasonCode};

use super::failure::{DENIED_BY_CLOSING, from_refusal, from_setup};
use super::feed::{Feed, Fetched};
use super::mosquitto;
use super::nearness::Nearness;
use super::signals::{Exit, Signal, Signals};
use super::talk::{Talk, outcome};
use super::{local_broker, run_to_end, sleep_until};

/// How long to wait for messages in flight after the first signal.
const GRACE: Duration = Duration::from_secs(1);
/// How many refusals are printed one by one.
const REFUSALS_SHOWN: u64 = 10;

/// Publishes.
///
/// # Errors
/// The gravest reason for which a message is not confirmed, or the input could not be read.
pub fn run(settings: PublishSettings, ui: &Ui) -> Result<Exit, Failure> {
    run_to_end(publish(settings, ui))
}

async fn publish(mut settings: PublishSettings, ui: &Ui) -> Result<Exit, Failure> {
    let broker = local_broker(settings.with_broker.take(), &mut settings.client).await?;
    let mut signals = Signals::listen().map_err(|error| super::shortage(&error))?;
    if settings.source.reads_stdin() && std::io::stdin().is_terminal() {
        let keys = if cfg!(windows) { "Ctrl-Z and Enter" } else { "Ctrl-D" };
        ui.note("stdin", &format!("reading from the terminal; {keys} at the beginning of a line ends it"));
    }
    let deadline = settings.timeout.map(|timeout| Instant::now() + timeout);
    // Standard input may take its time: nothing has been sent before it ends.
    let feed = tokio::select! {
        biased;
        signal = signals.next() => return Ok(Exit::Signal(signal)),
        feed = Feed::open(&settings) => feed?,
        () = sleep_until(deadline), if deadline.is_some() => {
            return Err(timed_out(settings.timeout, "the input did not end"));
        }
    };
    let choices = SessionChoices {
        downgrade_qos: settings.downgrade_qos,
        trace: settings.ui.debug,
        skip_denied: settings.on_error == OnError::Skip,
        seed: random::seed(),
    };
    let client = Client::new(settings.client.clone(), choices).map_err(|error| from_setup(&error))?;
    let talk = Talk::new(ui, &settings.client, client.warnings());
    let progress = feed.expected().map(|total| ui.progress(total));
    let nearness = Nearness::new(Instant::now().into_std());
    let mut publisher = Publisher {
        settings,
        client,
        feed,
        talk,
        progress,
        nearness,
        refusal: None,
        refused_outright: false,
        shown: 0,
        stop: None,
        late: false,
    };
    let result = publisher.run(signals, deadline).await;
    publisher.progress = None;
    let verdict = publisher.verdict(result);
    publisher.summarize(&verdict);
    drop(broker);
    verdict.map(|()| publisher.stop.map(|(signal, _)| signal).into())
}

struct Publisher<'a> {
    settings: PublishSettings,
    client: Client,
    feed: Feed,
    talk: Talk<'a>,
    progress: Option<Progress>,
    nearness: Nearness,
    /// The gravest refusal.
    refusal: Option<Failure>,
    /// A refusal had a reason code, or was one of the limits: not the closing of a connection alone.
    refused_outright: bool,
    shown: u64,
    /// A signal came: no more is read, and what is in flight has time until then.
    stop: Option<(Signal, Instant)>,
    /// The time of `-W` is over.
    late: bool,
}

impl Publisher<'_> {
    async fn run(&mut self, mut signals: Signals, deadline: Option<Instant>) -> Result<(), ClientError> {
        loop {
            self.feed_session();
            let session = self.client.session();
            let drained = session.is_drained();
            // With nothing left to do a connection that is gone need not come back.
            if drained && (self.feed.is_at_end() || self.stop.is_some()) && session.was_established() {
                if session.unproved() == 0 || self.is_mosquitto() {
                    break;
                }
                // DISCONNECT has to wait for the PINGRESP: some brokers do not write it any more behind that.
                self.client.session_mut().ask_for_proof(Instant::now().into_std());
            }
            // Without a connection the input is asked only whether it is at its end.
            let hungry = self.stop.is_none()
                && !self.feed.is_at_end()
                && (self.client.session_mut().wants_publish()
                    || (drained && self.client.session().was_established() && self.feed.may_end()));
            let until = self.stop.map(|(_, until)| until);
            let inflight = self.client.session().inflight();
            let awake = self.nearness.is_worth_waiting(inflight, Instant::now().into_std());
            tokio::select! {
                biased;
                signal = signals.next() => {
                    if self.stop.is_some() {
                        return Ok(());
                    }
                    self.stop = Some((signal, Instant::now() + GRACE));
                    if !self.client.session().is_connected() && drained {
                        return Ok(());
                    }
                }
                result = self.client.drive() => {
                    self.attend();
                    let session = self.client.session();
                    let closed = session.ledger().closed();
                    self.nearness.moved(closed, session.window(), Instant::now().into_std());
                    result?;
                }
                () = self.feed.ready(drained), if hungry => {}
                // Looks at the stream once more, without falling asleep.
                () = tokio::task::yield_now(), if awake => {}
                () = sleep_until(until), if until.is_some() => break,
                () = sleep_until(deadline), if deadline.is_some() => {
                    self.late = true;
                    break;
                }
            }
        }
        let result = self.finish(&mut signals).await;
        self.attend();
        result
    }

    fn is_mosquitto(&self) -> bool {
        self.settings.ui.dialect.is_mosquitto()
    }

    /// Says goodbye once all is written. A signal leaves that only a little time.
    async fn finish(&mut self, signals: &mut Signals) -> Result<(), ClientError> {
        if self.late {
            self.client.close(ReasonCode::SUCCESS).await;
            return Ok(());
        }
        if self.stop.is_some() {
            if self.is_mosquitto() {
                // A signal ends mosquitto_pub at once: whoever waits for the will gets it.
                self.client.leave().await;
            } else {
                self.client.close(ReasonCode::SUCCESS).await;
            }
            return Ok(());
        }
        let mut finishing = pin!(self.client.finish());
        tokio::select! {
            biased;
            signal = signals.next() => self.stop = Some((signal, Instant::now() + GRACE)),
            result = &mut finishing => return result,
        }
        tokio::select! {
            biased;
            _ = signals.next() => Ok(()),
            result = tokio::time::timeout(GRACE, finishing) => result.unwrap_or(Ok(())),
        }
    }

    fn feed_session(&mut self) {
        if self.stop.is_some() {
            return;
        }
        let session = self.client.session();
        let most = session.inflight() + self.nearness.batch(session.window());
        loop {
            let session = self.client.session_mut();
            if session.inflight() >= most || !session.wants_publish() {
                break;
            }
            let drained = session.is_drained();
            match self.feed.next(drained) {
                Fetched::Message(message) => {
                    session.publish_copy(message);
                }
                Fetched::Bad(failure) => self.refuse(failure),
                Fetched::Nothing => break,
            }
        }
        if let Some(progress) = &mut self.progress {
            let done = self.feed.position(&self.client.session().ledger());
            progress.update(done, Instant::now().into_std());
        }
    }

    fn attend(&mut self) {
        while let Some(notice) = self.client.take_notice() {
            self.talk.notice(notice);
        }
        while let Some(event) = self.client.session_mut().take_event() {
            match event {
                Event::Refused { ticket, topic, refusal } => {
                    let place = self.feed.place(ticket);
                    let failure = from_refusal(&refusal, &topic, place.as_deref());
                    self.refused_outright |= !matches!(refusal, Refusal::Closed { .. });
                    if matches!(refusal, Refusal::Closed { .. }) && self.settings.on_error == OnError::Stop {
                        self.feed.stop();
                    }
                    self.refuse(mosquitto::end_by_refusal(failure, &refusal, ticket));
                }
                Event::Unknown { count, why } => self.talk.unknown(count, why),
                other => self.talk.event(&other),
            }
        }
    }

    fn refuse(&mut self, failure: Failure) {
        // A single message tells its reason at the end.
        if self.feed.is_stream() {
            self.shown += 1;
            if self.shown <= REFUSALS_SHOWN {
                self.talk.ui.failure(&failure);
            }
        }
        self.refusal = Some(match self.refusal.take() {
            Some(first) => first.graver(failure),
            None => failure,
        });
    }

    /// What the run comes to: success only when each message is confirmed at its QoS.
    fn verdict(&mut self, result: Result<(), ClientError>) -> Result<(), Failure> {
        let ledger = self.client.session().ledger();
        let open = ledger.open();
        let mut failures = Vec::new();
        // The input was read to its end, and QoS 0 has nothing that could be sent again.
        let over = self.feed.is_at_end() && open == 0 && ledger.asked > 0;
        if let Err(error) = result
            && !(over
                && matches!(error, ClientError::Lost { .. })
                && error.is_closing()
                && !self.is_mosquitto())
        {
            let client_id = self.client.session().client_id();
            let failure = self.talk.failure(&error, &client_id);
            failures.push(if ledger.asked > 1 {
                failure.cause(format!(
                    "{} of {} confirmed",
                    ledger.confirmed,
                    count_of(ledger.asked, "message")
                ))
            } else {
                failure
            });
        }
        if let Some(refusal) = self.refusal.take() {
            let total = self.shown;
            failures.push(if self.feed.is_stream() && total > 0 {
                Failure::new(
                    refusal.kind,
                    format!(
                        "{total} of {} not published",
                        count_of(ledger.asked.max(self.feed.records()), "message")
                    ),
                )
                .keyword(refusal.keyword)
            } else {
                refusal
            });
        }
        if let Some(failure) = self.feed.take_failure() {
            failures.push(failure);
        }
        if self.settings.require_subscriber && ledger.unmatched > 0 {
            failures.push(
                Failure::new(
                    Kind::Denied,
                    format!(
                        "{} of {} reached no subscriber (0x10)",
                        ledger.unmatched,
                        count_of(ledger.asked, "message")
                    ),
                )
                .keyword("no-subscriber"),
            );
        }
        let unconfirmed = ledger.unknown + open;
        if self.late && failures.is_empty() {
            let what = format!("{unconfirmed} of {} not confirmed", count_of(ledger.asked, "message"));
            failures.push(timed_out(self.settings.timeout, &what));
        }
        if failures.is_empty() && self.stop.is_none() && unconfirmed > 0 {
            let what = format!("{unconfirmed} of {} not confirmed", count_of(ledger.asked, "message"));
            let failure = Failure::new(Kind::Partial, what);
            failures.push(if self.settings.qos != QoS::AtMostOnce {
                failure
            } else {
                failure
                    .cause("the connection ended before the broker answered the PINGREQ behind the last of them")
                    .hint("the broker refuses what it closes on: topic, size or rights; with -q 1 it confirms each message")
            });
        }
        if ledger.repeated > 0 {
            let what = count_of(ledger.repeated, "message");
            let text = format!("{what} of QoS 2 went out again in a new session and may have arrived twice");
            self.talk.ui.warning("repeated", &text);
        }
        // What was asked to be left out is a part of the run, unless it was all of it.
        if self.settings.on_error == OnError::Skip && ledger.confirmed > 0 && !self.refused_outright {
            for failure in failures.iter_mut().filter(|failure| failure.keyword == DENIED_BY_CLOSING) {
                failure.kind = Kind::Partial;
            }
        }
        failures.into_iter().reduce(Failure::graver).map_or(Ok(()), Err)
    }

    fn summarize(&self, verdict: &Result<(), Failure>) {
        let ledger = self.client.session().ledger();
        let (exit, keyword) = outcome(verdict, self.stop.map(|(signal, _)| signal));
        self.talk.ui.summary(&Summary {
            asked: ledger.asked,
            sent: ledger.sent,
            confirmed: ledger.confirmed,
            denied: ledger.refused,
            unconfirmed: ledger.open() + ledger.unknown,
            repeated: ledger.repeated,
            reconnects: self.client.reconnects(),
            exit,
            keyword,
            ..Summary::default()
        });
    }
}

/// The time of `-W` is over.
fn timed_out(limit: Option<Duration>, what: &str) -> Failure {
    let limit = humantime::format_duration(limit.unwrap_or_default());
    Failure::new(Kind::Timeout, format!("timed out after {limit} (-W): {what}"))
}
