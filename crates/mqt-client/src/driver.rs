//! The driver: one stream ⇄ codec ⇄ session, with batching, timers and back-pressure.
//!
//! Everything that is encoded while the stream is busy goes out in one write; everything that one read
//! brings is decoded before the next. It is a poll function without a task of its own, and it keeps all its
//! state in itself: dropping the future that calls it loses nothing.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Sleep};

use mqt_proto::codec::{Decoder, Receiver};
use mqt_proto::session::{Session, SessionError};
use mqt_proto::{Version, WriteBuffer};

use super::Stream;
use super::tls::speaks_tls;

/// The first read asks for this many bytes.
const READ_AT_FIRST: usize = 4 * 1024;
/// A read never asks for more than this beyond what a packet needs, in bytes.
const READ_AT_MOST: usize = 128 * 1024;
/// This many of the first bytes tell which protocol they belong to.
const OPENING: usize = 8;
/// While this many bytes wait to be written nothing more is read: the peer has to take its answers first.
const READ_PAUSES_ABOVE: usize = 4 * 1024 * 1024;
/// A connection without keep alive counts as stalled when no byte could be written for this long.
const WRITE_STALL: Duration = Duration::from_secs(30);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// For a reason of the protocol.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The stream failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The peer closed the stream.
    #[error("the broker closed the connection")]
    Closed,
    /// The peer takes no bytes.
    #[error("the broker took no byte for {} s", after.as_secs())]
    WriteStalled {
        /// For how long.
        after: Duration,
    },
}

/// A stream on which a session runs.
pub struct Driver {
    stream: Stream,
    read: BytesMut,
    read_size: usize,
    decoder: Decoder,
    /// The first bytes from the peer, while no packet could be read.
    opening: Option<Vec<u8>>,
    unflushed: bool,
    /// A write failed; what has arrived before is still to be read.
    write_error: Option<io::Error>,
    /// Since when a write is refused.
    blocked_since: Option<Instant>,
    /// Made when something is due for the first time.
    timer: Option<Pin<Box<Sleep>>>,
    armed: Option<Instant>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("decoder", &self.decoder).finish_non_exhaustive()
    }
}

impl Driver {
    /// Takes a stream over. `max_packet_size` is the largest packet to accept, in bytes.
    #[must_use]
    pub fn new(stream: Stream, version: Version, max_packet_size: u32) -> Self {
        Self {
            stream,
            read: BytesMut::new(),
            read_size: READ_AT_FIRST,
            decoder: Decoder::new(Receiver::Client, version, max_packet_size),
            opening: Some(Vec::new()),
            unflushed: false,
            write_error: None,
            blocked_since: None,
            timer: None,
            armed: None,
        }
    }

    /// Moves bytes both ways until something is worth looking at: something was read, bytes were written so
    /// that the session may take more publishes, or events wait. With `reading` false nothing is read: the
    /// caller cannot take more.
    ///
    /// The caller takes all events before it calls again: as long as one waits, this is ready. To wait for
    /// CONNACK there is [`Self::poll_handshake`].
    ///
    /// # Errors
    /// Why the connection is over. Everything that was received before is in the session by then.
    pub fn poll_drive(
        &mut self,
        session: &mut Session,
        reading: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), DriveError>> {
        match self.poll_move(session, reading, cx) {
            Poll::Pending if session.has_events() => Poll::Ready(Ok(())),
            moved => moved,
        }
    }

    /// Moves bytes both ways until the session is connected. Events stay in the session, and none of them
    /// makes this ready.
    ///
    /// # Errors
    /// Why there is no connection; CONNACK may have come just before.
    pub fn poll_handshake(
        &mut self,
        session: &mut Session,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), DriveError>> {
        while !session.is_connected() {
            ready!(self.poll_move(session, true, cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Ready only when a byte has moved: whoever calls it in a loop waits.
    fn poll_move(
        &mut self,
        session: &mut Session,
        reading: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), DriveError>> {
        let mut worth_a_look = false;
        loop {
            let mut again = false;
            worth_a_look |= self.try_write(session, cx);
            let may_read = reading && session.wants_reading() && session.outbox().len() < READ_PAUSES_ABOVE;
            if may_read || self.write_error.is_some() {
                match self.poll_read(session, cx) {
                    Poll::Ready(Ok(())) => {
                        // An acknowledgement is no event, but the caller may wait for it.
                        worth_a_look = true;
                        // Answers leave at once: the peer works on them while the caller makes the next publishes.
                        self.try_write(session, cx);
                    }
                    Poll::Ready(Err(DriveError::Closed)) if self.write_error.is_some() => {
                        return Poll::Ready(Err(self.write_failure()));
                    }
                    Poll::Ready(Err(error)) => {
                        // Best effort: the peer is told why where that is possible.
                        let _ = self.poll_write(session, cx);
                        return Poll::Ready(Err(error));
                    }
                    Poll::Pending if self.write_error.is_some() => {
                        return Poll::Ready(Err(self.write_failure()));
                    }
                    Poll::Pending => {}
                }
            }
            match self.poll_timers(session, may_read, cx) {
                Poll::Ready(Ok(())) => again = true,
                Poll::Ready(Err(error)) => {
                    let _ = self.poll_write(session, cx);
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => {}
            }
            if worth_a_look {
                return Poll::Ready(Ok(()));
            }
            if !again {
                return Poll::Pending;
            }
        }
    }

    /// What the peer speaks, when its first bytes are no packet and are known to be something else.
    #[must_use]
    pub fn other_protocol(&self) -> Option<&'static str> {
        let opening = self.opening.as_deref()?;
        if speaks_tls(opening) {
            Some("TLS")
        } else if opening.starts_with(b"HTTP/") {
            Some("HTTP")
        } else {
            None
        }
    }

    /// Writes unless a write has failed before. Returns whether any byte was taken.
    fn try_write(&mut self, session: &mut Session, cx: &mut Context<'_>) -> bool {
        if self.write_error.is_some() {
            return false;
        }
        match self.poll_write(session, cx) {
            Ok(wrote) => wrote,
            Err(error) => {
                self.write_error = Some(error);
                false
            }
        }
    }

    fn write_failure(&mut self) -> DriveError {
        self.write_error.take().map_or(DriveError::Closed, DriveError::Io)
    }

    /// Writes as much as the stream takes. Returns whether any byte was taken.
    fn poll_write(&mut self, session: &mut Session, cx: &mut Context<'_>) -> io::Result<bool> {
        let mut wrote = false;
        while !session.outbox().is_empty() {
            match write_some(&mut self.stream, session.outbox(), cx) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(_)) => {
                    wrote = true;
                    self.unflushed = true;
                    self.blocked_since = None;
                    session.fill_outbox();
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.blocked_since.get_or_insert_with(Instant::now);
                    break;
                }
            }
        }
        if wrote {
            session.bytes_sent(Instant::now().into_std());
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(Ok(())) => {
                    self.unflushed = false;
                    if session.outbox().is_empty() {
                        self.blocked_since = None;
                    }
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.blocked_since.get_or_insert_with(Instant::now);
                }
            }
        }
        Ok(wrote)
    }

    /// One read, and everything that it completes.
    fn poll_read(&mut self, session: &mut Session, cx: &mut Context<'_>) -> Poll<Result<(), DriveError>> {
        let wanted = match self.decoder.frame_len(&self.read) {
            // A large packet: the buffer grows as the bytes come, not as the length claims.
            Ok(Some(length)) => {
                length.saturating_sub(self.read.len()).min(self.read.len().max(self.read_size))
            }
            _ => 0,
        };
        self.read.reserve(wanted.max(self.read_size));
        let Poll::Ready(count) = pin!(self.stream.read_buf(&mut self.read)).poll(cx)? else {
            self.release_when_quiet();
            return Poll::Pending;
        };
        if count == 0 {
            return Poll::Ready(Err(DriveError::Closed));
        }
        if count >= self.read_size {
            self.read_size = (self.read_size * 2).min(READ_AT_MOST);
        }
        let now = Instant::now().into_std();
        session.bytes_received(now);
        if let Some(opening) = &mut self.opening {
            opening.clear();
            opening.extend(self.read.iter().take(OPENING));
        }
        loop {
            match self.decoder.decode(&mut self.read) {
                Ok(Some(packet)) => {
                    self.opening = None;
                    session.handle(packet, now)?;
                }
                Ok(None) => break,
                Err(error) => {
                    let error = SessionError::from(error);
                    session.tell(&error);
                    return Poll::Ready(Err(error.into()));
                }
            }
        }
        self.release_when_quiet();
        Poll::Ready(Ok(()))
    }

    /// A quiet connection holds no buffer.
    fn release_when_quiet(&mut self) {
        if self.read.is_empty() && self.read_size == READ_AT_FIRST {
            self.read = BytesMut::new();
        }
    }

    /// Ready when something was due. While nothing is read, the peer's silence means nothing.
    fn poll_timers(
        &mut self,
        session: &mut Session,
        reading: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), DriveError>> {
        if !reading {
            session.not_reading(Instant::now().into_std());
        }
        let keep_alive = session.keep_alive();
        let stall = if keep_alive.is_zero() { WRITE_STALL } else { keep_alive + keep_alive / 2 };
        loop {
            let write_deadline = self.blocked_since.map(|since| since + stall);
            let deadline = session.deadline().map(Instant::from_std);
            let Some(next) = [write_deadline, deadline].into_iter().flatten().min() else {
                return Poll::Pending;
            };
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next)));
            // A deadline mostly moves away: the timer may fire too early and is set again then.
            if self.armed.is_none_or(|armed| armed > next) {
                self.armed = Some(next);
                timer.as_mut().reset(next);
            }
            ready!(timer.as_mut().poll(cx));
            self.armed = None;
            let now = Instant::now();
            if write_deadline.is_some_and(|deadline| now >= deadline) {
                return Poll::Ready(Err(DriveError::WriteStalled { after: stall }));
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Poll::Ready(session.timeout(now.into_std()).map_err(DriveError::from));
            }
        }
    }

    /// Writes everything that waits, with no limit but that bytes move.
    ///
    /// # Errors
    /// The stream failed, or took no byte for too long.
    pub async fn write_out(&mut self, session: &mut Session) -> Result<(), DriveError> {
        poll_fn(|cx| {
            loop {
                self.poll_write(session, cx)?;
                if session.outbox().is_empty() && !self.unflushed {
                    return Poll::Ready(Ok(()));
                }
                ready!(self.poll_timers(session, true, cx))?;
            }
        })
        .await
    }

    /// Writes what is left, closes our side and waits until the peer has closed its own: then it has read
    /// everything. The caller limits the time.
    ///
    /// # Errors
    /// The stream failed before that, so that what was written last may not have arrived.
    pub async fn close(&mut self, session: &mut Session) -> io::Result<()> {
        while !session.outbox().is_empty() {
            self.stream.write_buf(session.outbox()).await?;
        }
        self.stream.flush().await?;
        self.stream.shutdown().await?;
        // What still comes is useless: many connections that end together need no buffers for it.
        self.read = BytesMut::new();
        let mut rest = [0; 256];
        loop {
            match self.stream.read(&mut rest).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // TLS without close_notify.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes one attempt to write what is left, for a peer that is not waited for.
    pub async fn flush_once(&mut self, session: &mut Session) {
        poll_fn(|cx| {
            let _ = self.poll_write(session, cx);
            Poll::Ready(())
        })
        .await;
    }
}

fn write_some(
    stream: &mut Stream,
    outbox: &mut WriteBuffer,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    pin!(stream.write_buf(outbox)).poll(cx)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqt_proto::session::{Credentials, SessionOptions};

    /// Anyone who waits for CONNACK need not take events: none of them makes the wait a loop without a pause.
    #[tokio::test]
    async fn events_that_nobody_takes_do_not_end_the_wait_for_connack() {
        let options = SessionOptions { client_id: "c".into(), trace: true, ..SessionOptions::default() };
        let mut session = Session::new(options, std::time::Instant::now());
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let mut driver = Driver::new(Box::new(ours), Version::V5, 1_000);
        session.connect(Version::V5, Credentials::default(), std::time::Instant::now()).unwrap();
        assert!(session.has_events(), "CONNECT is told");
        let once = async |driver: &mut Driver, session: &mut Session| {
            poll_fn(|cx| Poll::Ready(driver.poll_handshake(session, cx))).await
        };
        assert!(once(&mut driver, &mut session).await.is_pending());
        theirs.write_all(&[0x20, 3, 0, 0]).await.unwrap();
        assert!(once(&mut driver, &mut session).await.is_pending(), "half of it");
        // The rest, and DISCONNECT in the same segment.
        theirs.write_all(&[0, 0xE0, 1, 0x97]).await.unwrap();
        let Poll::Ready(Err(DriveError::Session(error))) = once(&mut driver, &mut session).await else {
            panic!("it has ended")
        };
        assert!(matches!(error, SessionError::Disconnected { .. }), "{error}");
        assert_eq!(session.connections(), 1, "after it was accepted");
    }
}
