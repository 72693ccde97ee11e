//! The client: connects, speaks MQTT, and connects again, behind one call.

mod error;

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytestring::ByteString;
use tokio::time::{Instant, Sleep};

use mqt_proto::session::{Asked, Credentials, Session, SessionError, SessionOptions};
use mqt_proto::{Property, ReasonCode, Version};

use super::diary::Step;
use super::driver::{DriveError, Driver};
use super::error::{ConnectError, SetupError};
use super::password::TOOK_TOO_LONG;
use super::progress::{Life, ProgressRecord, ProgressVerdict};
use super::reconnect::Backoff;
use super::transport::SetupWarning;
use super::{Attempts, ClientOptions, Connected, Patience, ReconnectPace, Transport, VersionChoice};

pub use error::ClientError;

/// How long [`Client::close`] waits for the broker to take the last bytes and to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// After a connection without a fault for this long, one that breaks the protocol is the first again.
const FAULTLESS_FOR: Duration = Duration::from_secs(60);

/// What happens to the connection while a client lives; for status lines.
#[derive(Debug)]
pub enum Notice {
    /// The broker did not take MQTT 5; 3.1.1 is tried on a new connection.
    Fallback {
        /// What it did instead.
        error: ClientError,
    },
    /// An established connection is gone, and another is tried after a pause.
    Lost {
        /// Why.
        error: ClientError,
        /// The pause.
        pause: Duration,
    },
    /// An attempt to connect failed, and another follows after a pause. Only for the first in a row.
    Failed {
        /// Why.
        error: ClientError,
        /// The pause.
        pause: Duration,
    },
    /// The steps of connecting, with [`SessionChoices::trace`].
    Steps(Vec<Step>),
    /// Connected again.
    Back {
        /// How long there was no connection.
        after: Duration,
        /// The broker kept the session.
        session_present: bool,
    },
    /// Connections keep being lost right after CONNACK: another client may use the same identifier.
    TakeoverSuspected,
    /// The broker closes the connection each time after this request; it is tried on, because that was asked for.
    Futile {
        /// The request.
        asked: Asked,
    },
}

type Attempt = Pin<Box<dyn Future<Output = Result<(Connected, Credentials), ClientError>> + Send>>;

enum State {
    Idle,
    Connecting(Attempt),
    /// CONNECT is out; this many CONNACK packets came on earlier streams.
    Handshake(Box<Driver>, u64),
    Online(Box<Driver>, Online),
    Waiting,
    Closed,
}

/// How a connection began.
#[derive(Debug, Clone, Copy)]
struct Online {
    since: Instant,
    /// What was achieved before it.
    achieved: u64,
}

/// A client of one broker.
pub struct Client {
    options: ClientOptions,
    transport: Arc<Transport>,
    session: Session,
    state: State,
    /// The end of the pause, or of the time for connecting.
    timer: Pin<Box<Sleep>>,
    version: Version,
    backoff: Backoff,
    progress: ProgressRecord,
    /// How many requests were answered on earlier connections.
    answers: u64,
    /// How many publishes were refused by closing.
    denied: u64,
    skip_denied: bool,
    violations: u32,
    reading: bool,
    reconnects: u64,
    offline_since: Instant,
    notices: VecDeque<Notice>,
    peer: String,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What a session adds to the options of its connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionChoices {
    /// Lower the QoS of a message to what the server supports instead of refusing it.
    pub downgrade_qos: bool,
    /// Report every packet as an event.
    pub trace: bool,
    /// Go on without any number of publishes that the broker refuses by closing the connection. Otherwise the
    /// second is the end.
    pub skip_denied: bool,
    /// Drives the random client identifier and the jitter of the pauses.
    pub seed: u64,
}

impl Client {
    /// Prepares a client; nothing is sent before [`Self::drive`].
    ///
    /// # Errors
    /// Files that the options name are missing or wrong.
    pub fn new(options: ClientOptions, choices: SessionChoices) -> Result<Self, SetupError> {
        let transport = Transport::new(options.transport.clone())?;
        Ok(Self::over(transport, options, choices))
    }

    /// Prepares a client whose streams come from this transport, whatever the options say about the way.
    #[must_use]
    pub fn over(mut transport: Transport, mut options: ClientOptions, choices: SessionChoices) -> Self {
        match options.connect_properties.maximum_packet_size() {
            Some(size) => options.max_packet_size = *size,
            None if options.max_packet_size < ClientOptions::LARGEST_PACKET => {
                options.connect_properties.push(Property::MaximumPacketSize(options.max_packet_size));
            }
            None => {}
        }
        if choices.trace {
            transport.keep_diary();
        }
        let client_id = options
            .client_id
            .clone()
            .unwrap_or_else(|| ByteString::from(format!("mqt-{:016x}", choices.seed)));
        let now = Instant::now();
        let session = Session::new(
            SessionOptions {
                client_id,
                clean_start: options.clean_start,
                session_expiry: options.session_expiry,
                keep_alive: options.keep_alive,
                will: options.will.clone(),
                connect_properties: options.connect_properties.clone(),
                disconnect_properties: options.disconnect_properties.clone(),
                max_inflight: options.max_inflight,
                ack_timeout: options.ack_timeout,
                close_proves: options.patience == Patience::Mosquitto,
                downgrade_qos: choices.downgrade_qos,
                trace: choices.trace,
                report_confirmed: false,
                resumed_identifiers_from: u16::try_from(choices.seed & 0x7FFF).unwrap_or(0),
            },
            now.into_std(),
        );
        let version = match options.version {
            VersionChoice::Auto => Version::V5,
            VersionChoice::Only(version) => version,
        };
        Self {
            options,
            transport: Arc::new(transport),
            session,
            state: State::Idle,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            version,
            backoff: Backoff::new(choices.seed),
            progress: ProgressRecord::default(),
            answers: 0,
            denied: 0,
            skip_denied: choices.skip_denied,
            violations: 0,
            reading: true,
            reconnects: 0,
            offline_since: now,
            notices: VecDeque::new(),
            peer: String::new(),
        }
    }

    /// The session: where to publish, subscribe, acknowledge, and where the events are.
    pub fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// The session, to look at.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What happened to the connection.
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// With `false` nothing more is read from the broker until it is `true` again: back-pressure.
    pub fn set_reading(&mut self, reading: bool) {
        self.reading = reading;
    }

    /// How often an established connection was replaced by another.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.reconnects
    }

    /// The address that the current or last stream leads to.
    #[must_use]
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Remarks of the set-up that the user should see, such as a key file that others can read.
    #[must_use]
    pub fn warnings(&self) -> &[SetupWarning] {
        self.transport.warnings()
    }

    /// Drives the connection until something is worth looking at: events in the session, notices, or room for
    /// more publishes. Cancel-safe: dropping the future loses nothing.
    ///
    /// # Errors
    /// The connection is over for good.
    pub async fn drive(&mut self) -> Result<(), ClientError> {
        poll_fn(|cx| self.poll_drive(cx)).await
    }

    fn poll_drive(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        loop {
            match &mut self.state {
                State::Idle => self.begin_attempt(),
                State::Connecting(attempt) => match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok((connected, credentials))) => {
                        self.peer = connected.peer;
                        let driver =
                            Driver::new(connected.stream, self.version, self.options.max_packet_size);
                        if let Err(error) =
                            self.session.connect(self.version, credentials, Instant::now().into_std())
                        {
                            self.state = State::Closed;
                            return Poll::Ready(Err(ClientError::Unencodable(error.to_string())));
                        }
                        self.state = State::Handshake(Box::new(driver), self.session.connections());
                    }
                    Poll::Ready(Err(error)) => self.failed(error, false)?,
                    Poll::Pending => {
                        ready!(self.timer.as_mut().poll(cx));
                        self.failed(self.connect_took_too_long(), false)?;
                    }
                },
                State::Handshake(driver, accepted_before) => {
                    let accepted_before = *accepted_before;
                    let result = match driver.poll_drive(&mut self.session, true, cx) {
                        Poll::Ready(result) => result.map_err(Some),
                        Poll::Pending => {
                            ready!(self.timer.as_mut().poll(cx));
                            Err(None)
                        }
                    };
                    if self.session.is_connected() && result.is_ok() {
                        self.online();
                        return Poll::Ready(Ok(()));
                    }
                    match result {
                        Ok(()) => {
                            if self.session.has_events() {
                                return Poll::Ready(Ok(()));
                            }
                        }
                        Err(None) => {
                            let (after, version) = (self.options.connect_timeout, self.version);
                            self.failed(ClientError::ConnackTimeout { after, version }, false)?;
                        }
                        Err(Some(error)) => {
                            // CONNACK and the end may come together.
                            let online = self.session.connections() > accepted_before;
                            let error = match driver.other_protocol() {
                                Some(protocol) => ClientError::OtherProtocol { protocol },
                                None => ClientError::from_drive(error, (!online).then_some(self.version)),
                            };
                            if online {
                                let began = Online { since: Instant::now(), achieved: self.achieved() };
                                self.ended(error, began)?;
                            } else {
                                self.failed(error, false)?;
                            }
                        }
                    }
                }
                State::Online(driver, online) => {
                    let online = *online;
                    match ready!(driver.poll_drive(&mut self.session, self.reading, cx)) {
                        Ok(()) => return Poll::Ready(Ok(())),
                        Err(error) => {
                            let error = ClientError::from_drive(error, None);
                            self.offline_since = Instant::now();
                            self.ended(error, online)?;
                        }
                    }
                }
                State::Waiting => {
                    if !self.notices.is_empty() || self.session.has_events() {
                        return Poll::Ready(Ok(()));
                    }
                    ready!(self.timer.as_mut().poll(cx));
                    self.begin_attempt();
                }
                State::Closed => return Poll::Ready(Err(ClientError::Lost { source: None })),
            }
        }
    }

    fn begin_attempt(&mut self) {
        let transport = Arc::clone(&self.transport);
        let user_name = self.options.user_name.clone();
        let password = self.options.password.clone();
        let deadline = Instant::now() + self.options.connect_timeout;
        self.timer.as_mut().reset(deadline);
        self.state = State::Connecting(Box::pin(async move {
            let password = match password {
                Some(source) => Some(source.ask(deadline).await?),
                None => None,
            };
            let connected = transport.connect().await?;
            Ok((connected, Credentials { user_name, password }))
        }));
    }

    /// There is no stream in time: because of the name lookup, or of what follows it.
    fn connect_took_too_long(&self) -> ClientError {
        let after = self.options.connect_timeout;
        match self.transport.pending_lookup() {
            Some(host) => {
                let reason = format!("no answer within {} s", after.as_secs_f64());
                ConnectError::Lookup { host, reason }.into()
            }
            None if self.transport.waits_for_key() => {
                ConnectError::Key(SetupError::KeyCommand(TOOK_TOO_LONG.to_owned())).into()
            }
            None => ClientError::ConnectTimeout { after },
        }
    }

    fn online(&mut self) {
        let State::Handshake(driver, _) = std::mem::replace(&mut self.state, State::Closed) else { return };
        self.backoff.connected();
        self.transport.note(|| format!("MQTT {}: CONNACK", self.version));
        self.tell_steps();
        if self.session.connections() > 1 {
            self.reconnects = self.reconnects.saturating_add(1);
            self.notices.push_back(Notice::Back {
                after: self.offline_since.elapsed(),
                session_present: self.session.resumed(),
            });
        }
        self.state = State::Online(driver, Online { since: Instant::now(), achieved: self.achieved() });
    }

    fn tell_steps(&mut self) {
        let steps = self.transport.take_steps();
        if !steps.is_empty() {
            self.notices.push_back(Notice::Steps(steps));
        }
    }

    /// A count that grows with what need not be done again on the next connection. A retained message does not count: it
    /// comes with each subscription.
    fn achieved(&self) -> u64 {
        self.session.ledger().confirmed.saturating_add(self.session.delivered_live())
    }

    /// Learns from the end of a connection on which there was a CONNACK.
    fn ended(&mut self, error: ClientError, online: Online) -> Result<(), ClientError> {
        let life = Life {
            lasted: online.since.elapsed(),
            achieved: self.achieved() > online.achieved,
            // Nobody else has an identifier that was made up for this client.
            shared_identifier: self.options.client_id.is_some(),
        };
        if life.achieved || life.lasted >= FAULTLESS_FOR {
            self.violations = 0;
        }
        self.backoff.lived(life.lasted, life.achieved);
        if error.is_violation() {
            self.session.give_up_exactly_once();
        }
        self.answers = self.answers.saturating_add(self.session.answers());
        let unanswered = matches!(error, ClientError::Session(SessionError::Unanswered { .. }));
        let endless = self.options.patience == Patience::Endless;
        // A broker that has never answered anything will not begin with it.
        if unanswered && self.answers == 0 && !endless {
            return self.give_up(error);
        }
        let verdict = if (error.is_closing() || unanswered) && self.options.patience != Patience::Mosquitto {
            self.progress.closed(&self.session, life)
        } else {
            ProgressVerdict::GoOn
        };
        let mut refused = None;
        match verdict {
            ProgressVerdict::GoOn => {}
            ProgressVerdict::Isolate => self.session.isolate(),
            ProgressVerdict::Refused(asked) if endless => self.notices.push_back(Notice::Futile { asked }),
            ProgressVerdict::Refused(_) if unanswered => return self.give_up(error),
            ProgressVerdict::Refused(asked) => {
                let is_publish = matches!(asked, Asked::Publish { .. });
                if is_publish && self.denied > 0 && !self.skip_denied {
                    let source = Box::new(error);
                    return self.give_up(ClientError::Denied { asked: Box::new(asked), source });
                }
                self.denied = self.denied.saturating_add(u64::from(is_publish));
                refused = Some(asked);
            }
            ProgressVerdict::TakeoverSuspected => self.notices.push_back(Notice::TakeoverSuspected),
            ProgressVerdict::TakenOver if endless => {}
            ProgressVerdict::TakenOver => return self.give_up(ClientError::TakenOver),
        }
        // Where a single attempt is allowed, its end is the answer.
        let is_last = self.options.reconnect == Attempts::AtMost(0);
        let result = self.failed(error, true);
        if let Some(asked) = refused.filter(|_| !is_last) {
            self.session.isolate();
            self.session.refuse_asked(&asked);
        }
        result
    }

    fn give_up(&mut self, error: ClientError) -> Result<(), ClientError> {
        self.session.lost();
        self.state = State::Closed;
        Err(error)
    }

    /// Decides what follows a failure: another version, another attempt after a pause, or the end.
    /// `online`: there was a CONNACK before it.
    fn failed(&mut self, error: ClientError, online: bool) -> Result<(), ClientError> {
        // A broker that cannot answer a SUBSCRIBE cannot do so the next time either. mqt tries once more all the same.
        let cannot_subscribe = self.session.is_subscribing()
            && matches!(self.options.pace, ReconnectPace::Every(_))
            && error.is_violation();
        self.session.lost();
        self.state = State::Closed;
        self.tell_steps();
        if self.options.version == VersionChoice::Auto
            && self.version == Version::V5
            && !self.session.was_established()
            && error.may_mean_wrong_version()
        {
            self.version = Version::V311;
            self.notices.push_back(Notice::Fallback { error });
            self.begin_attempt();
            return Ok(());
        }
        self.violations = if error.is_violation() { self.violations.saturating_add(1) } else { 0 };
        let comes_back = matches!(
            (self.options.pace, &error),
            (ReconnectPace::Every(_), ClientError::ClosedBeforeConnack { .. })
        );
        let established = self.session.was_established() || comes_back;
        let allowed = if established { self.options.reconnect } else { self.options.first_connect };
        let final_violation = error.is_violation() && (self.violations > 1 || !established);
        if !error.is_transient(established) || final_violation || cannot_subscribe {
            return Err(error);
        }
        let first_in_a_row = self.backoff.failures() == 0;
        let Some(pause) = self.backoff.next(allowed) else { return Err(error) };
        let pause = match self.options.pace {
            ReconnectPace::Growing => pause,
            ReconnectPace::Every(pause) => pause,
        };
        if self.options.version == VersionChoice::Auto && !established {
            // Neither version found a broker: the next attempt begins with the first again.
            self.version = Version::V5;
        }
        self.timer.as_mut().reset(Instant::now() + pause);
        self.state = State::Waiting;
        if online {
            self.notices.push_back(Notice::Lost { error, pause });
        } else if first_in_a_row {
            self.notices.push_back(Notice::Failed { error, pause });
        }
        Ok(())
    }

    /// Ends the connection in order as [`Self::close`] does, but gives the bytes that wait all the time that they
    /// need, as long as some move: a large QoS 0 message on a slow link has no other proof.
    ///
    /// # Errors
    /// The broker takes no more bytes.
    pub async fn finish(&mut self) -> Result<(), ClientError> {
        if let State::Online(driver, _) = &mut self.state {
            self.session.disconnect(ReasonCode::SUCCESS);
            let stalled = match driver.write_out(&mut self.session).await {
                Err(DriveError::WriteStalled { after }) => Some(ClientError::WriteStalled { after }),
                // TCP has given up first.
                Err(DriveError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
                    Some(ClientError::Lost { source: Some(error) })
                }
                _ => None,
            };
            if let Some(error) = stalled {
                self.state = State::Closed;
                self.session.lost();
                return Err(error);
            }
        }
        self.close(ReasonCode::SUCCESS).await;
        Ok(())
    }

    /// Closes without DISCONNECT, so that the broker publishes the will. What is encoded is written where that takes no
    /// waiting.
    pub async fn leave(&mut self) {
        if let State::Online(mut driver, _) | State::Handshake(mut driver, _) =
            std::mem::replace(&mut self.state, State::Closed)
        {
            driver.flush_once(&mut self.session).await;
        }
        self.session.lost();
    }

    /// Ends the connection in order: DISCONNECT, then waits at most a second until the broker has closed.
    /// Returns whether it did; QoS 0 messages count as confirmed then.
    pub async fn close(&mut self, reason: ReasonCode) -> bool {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Online(mut driver, _) => {
                self.session.disconnect(reason);
                let closed = tokio::time::timeout(CLOSE_WITHIN, driver.close(&mut self.session)).await;
                if matches!(closed, Ok(Ok(()))) || (closed.is_err() && self.session.outbox().is_empty()) {
                    self.session.closed_in_order();
                    return true;
                }
            }
            State::Handshake(mut driver, _) => {
                self.session.disconnect(reason);
                driver.flush_once(&mut self.session).await;
            }
            _ => {}
        }
        self.session.lost();
        false
    }
}

#[cfg(test)]
mod tests;
