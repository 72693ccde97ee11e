//! How `mqt sub` ends: what is still written and acknowledged, and what the exit status is.

use std::time::Duration;

use super::{End, Subscriber};
use crate::commands::signals::{Signal, Signals};
use crate::commands::talk::outcome;
use crate::config::suspicion::suspect_of_silence;
use crate::error::{Failure, Kind, MosquittoCode};
use crate::output::units::count_of;
use crate::ui::Summary;
use mqt_client::{ClientError, VersionChoice};
use mqt_proto::{ReasonCode, Version};
impl Subscriber<'_> {
    /// Ends in order: output written, deliveries acknowledged, DISCONNECT.
    pub(super) async fn finish(
        &mut self,
        result: Result<(), ClientError>,
        signals: &mut Signals,
    ) -> Result<(), Failure> {
        let client_id = self.client.session().client_id();
        let reason = self.goodbye();
        if self.settings.ui.dialect.is_mosquitto() && self.signal == Some(Signal::Hangup) {
            // It ends mosquitto_sub at once: whoever waits for the will gets it.
            self.client.leave().await;
        } else {
            self.client.close(reason).await;
        }
        // For --debug: the last acknowledgements and the goodbye.
        while let Some(event) = self.client.session_mut().take_event() {
            self.talk.event(&event);
        }
        if let Err(error) = result {
            self.write_out(signals).await;
            self.remember(self.talk.failure(&error, &client_id));
        }
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let ledger = self.client.session().ledger();
        let unconfirmed = ledger.open() + ledger.unknown;
        if unconfirmed > 0 && !self.is_mosquitto() {
            let asked = count_of(ledger.asked, "retained message");
            let what = format!("{unconfirmed} of {asked} not removed, as far as the broker has confirmed");
            if matches!(self.end, Some(End::Done | End::Unread)) {
                return Err(Failure::new(Kind::Partial, what));
            }
            self.talk.ui.warning("remove-retained", &what);
        }
        let unmet = self.settings.count.filter(|count| self.counted < count.get());
        match self.end {
            Some(End::TimedOut) => Err(self.timed_out("-W", self.settings.timeout)),
            Some(End::Idle) if unmet.is_some() => Err(self.timed_out("--idle", self.settings.idle)),
            Some(End::Signal) => {
                // An endless subscriber that has worked is ended by a signal in the normal way, unless output is left
                // behind.
                let mosquitto = self.settings.ui.dialect.is_mosquitto();
                let is_normal = mosquitto || self.served && self.is_endless();
                if is_normal && self.outlet.is_written() && self.signal != Some(Signal::Hangup) {
                    self.signal = None;
                    if mosquitto && !self.client.session().was_established() {
                        let what = "a signal came before the broker had answered";
                        return Err(
                            Failure::new(Kind::Lost, what).mosquitto(MosquittoCode::BEFORE_CONNACK.code, "")
                        );
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether it was to run until somebody ends it.
    const fn is_endless(&self) -> bool {
        let settings = &self.settings;
        settings.count.is_none()
            && settings.timeout.is_none()
            && settings.idle.is_none()
            && !settings.exit_after_subscribe
    }

    /// The reason code of DISCONNECT. A mosquitto client that is cut short leaves the will to the broker, where MQTT
    /// has a word for that.
    fn goodbye(&self) -> ReasonCode {
        let cut_short = matches!(self.end, Some(End::TimedOut | End::Signal));
        let version_5 = self.settings.client.version == VersionChoice::Only(Version::V5);
        if cut_short && version_5 && self.settings.ui.dialect.is_mosquitto() {
            ReasonCode::DISCONNECT_WITH_WILL
        } else {
            ReasonCode::SUCCESS
        }
    }

    fn timed_out(&self, option: &str, limit: Option<Duration>) -> Failure {
        let limit = humantime::format_duration(limit.unwrap_or_default());
        let counted = match self.settings.count {
            Some(count) => format!("{} of {count} messages", self.counted),
            None => count_of(self.counted, "message"),
        };
        let failure =
            Failure::new(Kind::Timeout, format!("timed out after {limit} ({option}) with {counted}"))
                .mosquitto_text("Timed out");
        // Silence may be a topic that the shell has changed.
        let filters = self.settings.subscriptions.iter().filter(|_| self.received == 0);
        filters
            .filter_map(|subscription| suspect_of_silence(&subscription.filter))
            .fold(failure, Failure::hint)
    }

    pub(super) fn summarize(&self, verdict: &Result<(), Failure>) {
        let printed = self.outlet.printed();
        let ledger = self.client.session().ledger();
        let (exit, keyword) = outcome(verdict, self.signal);
        self.talk.ui.summary(&Summary {
            asked: ledger.asked,
            sent: ledger.sent,
            confirmed: ledger.confirmed,
            denied: ledger.refused,
            unconfirmed: ledger.open() + ledger.unknown,
            repeated: ledger.repeated,
            received: self.received,
            printed: printed.messages,
            duplicates: self.client.session().duplicates(),
            dropped: printed.dropped,
            reconnects: self.client.reconnects(),
            exit,
            keyword,
        });
    }
}
