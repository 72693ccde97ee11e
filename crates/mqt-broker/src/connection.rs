//! One connection: bytes in and out of the core, in batches.

use std::io;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Notify, watch};
use tokio::time::{Duration, timeout};

use mqt_client::Stream;
use mqt_client::listen::IncomingConnection;
use mqt_proto::codec::{DecodeError, Decoder, Receiver};
use mqt_proto::packet::Connect;
use mqt_proto::{Packet, ReasonCode, Version, WriteBuffer};

use super::holdings::Held;
use super::hub::{Hub, has_stopped};
use super::slab::ConnectionId;
use super::state::OutputFlow;

/// How much is read at once, in bytes.
const READ_SIZE: usize = 64 * 1024;

/// When less room than this is left, more is made, in bytes.
const READ_LEAST: usize = 8 * 1024;

/// A buffer that once held more than this is given back when it is empty, in bytes.
const KEPT_SIZE: usize = 256 * 1024;

/// A connection's buffer of up to this many bytes is not counted.
const SMALL_SIZE: usize = READ_SIZE + READ_LEAST;

/// A CONNECT has at most five fields of 64 KiB and its properties.
const LARGEST_CONNECT: u32 = 1024 * 1024;

/// This many times the length of a SUBSCRIBE or UNSUBSCRIBE is what it may take in memory once it is decoded: three
/// bytes on the wire are a topic filter.
const FILTERS_GROW: usize = 24;

/// How long a connection that was ended from here may take to notice.
const LINGER: Duration = Duration::from_secs(1);

/// Serves a connection from its handshake to its end.
pub(crate) async fn serve(
    hub: Arc<Hub>,
    incoming: IncomingConnection,
    mut stopped: watch::Receiver<bool>,
    connect_timeout: Duration,
) {
    let mut input = BytesMut::new();
    let mut held = hub.holdings().hold(0);
    let opening = async {
        let (stream, peer) = incoming.handshake().await.ok()?;
        let (mut reader, mut writer) = tokio::io::split(stream);
        let connect = match read_connect(&hub, &mut reader, &mut input, &mut held).await {
            Ok(connect) => connect,
            Err(Some(error)) => {
                if let Some(answer) = answer_to(&error) {
                    let _ = writer.write_all(answer).await;
                    close(reader, writer).await;
                }
                return None;
            }
            Err(None) => return None,
        };
        Some((reader, writer, peer, connect))
    };
    let opened = tokio::select! {
        opened = timeout(connect_timeout, opening) => opened.ok().flatten(),
        () = has_stopped(&mut stopped) => None,
    };
    let Some((reader, writer, peer, connect)) = opened else { return };
    let decoder = Decoder::new(Receiver::Server, connect.version, hub.max_packet_size());
    let woken = Arc::new(Notify::new());
    let Some(id) = hub.connect(*connect, &peer, &woken, &stopped) else { return };
    let registration = Registration { hub: &hub, id };
    let output = WriteBuffer::new();
    let has_large_output = false;
    let mut link =
        ClientLink { hub: &hub, id, decoder, input, output, has_large_output, held, woken: &woken };
    let streams = link.run(reader, writer).await;
    drop(registration);
    if let Some((reader, writer)) = streams {
        close(reader, writer).await;
    }
}

/// Tells the core that the connection is gone, also when its task is aborted.
struct Registration<'a> {
    hub: &'a Hub,
    id: ConnectionId,
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.hub.closed(self.id);
    }
}

struct ClientLink<'a> {
    hub: &'a Hub,
    id: ConnectionId,
    decoder: Decoder,
    input: BytesMut,
    output: WriteBuffer,
    has_large_output: bool,
    /// The buffers, where they are not small.
    held: Held,
    woken: &'a Notify,
}

impl ClientLink<'_> {
    /// Gives the stream back when the connection was ended from here, and nothing when it is gone.
    async fn run(
        &mut self,
        mut reader: ReadHalf<Stream>,
        mut writer: WriteHalf<Stream>,
    ) -> Option<(ReadHalf<Stream>, WriteHalf<Stream>)> {
        // What came together with the CONNECT.
        let (mut flow, _) = self.process(0);
        let mut needs_flush = false;
        loop {
            if self.output.is_empty() && !needs_flush && !flow.is_open {
                return Some((reader, writer));
            }
            let at_most = if flow.is_open && !flow.is_congested {
                match self.make_room() {
                    Some(at_most) => at_most,
                    None => {
                        flow = self.give_up();
                        continue;
                    }
                }
            } else {
                0
            };
            let mut room = (&mut self.input).limit(at_most);
            tokio::select! {
                written = write(&mut writer, &mut self.output), if !self.output.is_empty() || needs_flush => {
                    needs_flush = written.ok()?;
                    if self.output.is_empty() {
                        flow = self.fetch();
                    }
                }
                () = self.woken.notified(), if self.output.is_empty() => {
                    flow = self.fetch();
                }
                read = reader.read_buf(&mut room), if at_most != 0 => {
                    let Ok(bytes @ 1..) = read else { return None };
                    let woke_others;
                    (flow, woke_others) = self.process(bytes);
                    if woke_others {
                        // Lets them write this batch before the next one makes it longer.
                        tokio::task::yield_now().await;
                    }
                }
            }
        }
    }

    /// Makes room for the next read, and says how many bytes it may bring. `None`: there is no room for the packet
    /// that has begun.
    ///
    /// A large packet gets a buffer of its own, which grows with the bytes that come and not with the length that
    /// is claimed, so that no message after it keeps all of it alive.
    fn make_room(&mut self) -> Option<usize> {
        // What is wrong with a packet is for the core to say.
        let length = self.decoder.frame_len(&self.input).ok().flatten().unwrap_or(0);
        let missing = length.saturating_sub(self.input.len());
        let is_large = length > READ_SIZE;
        let (wanted, at_most, least) = if is_large {
            (missing.min(self.input.len().max(READ_SIZE)), missing, missing.min(READ_LEAST))
        } else {
            (READ_SIZE, usize::MAX, READ_LEAST)
        };
        // SUBSCRIBE and UNSUBSCRIBE
        let grows = is_large && matches!(self.input.first(), Some(0x82 | 0xA2));
        if grows && !self.hub.holdings().has_room(length.saturating_mul(FILTERS_GROW)) {
            return None;
        }
        if self.input.capacity() - self.input.len() < least {
            if is_large && !self.hub.holdings().has_room(wanted) {
                return None;
            }
            self.input.reserve(wanted);
            self.count();
        }
        Some(at_most)
    }

    /// Closes the connection: what it sends does not fit into the memory.
    fn give_up(&mut self) -> OutputFlow {
        self.input = BytesMut::new();
        let Self { hub, id, output, .. } = self;
        let (flow, _) = hub.enter(Some(*id), |broker, now| {
            broker.disconnect(*id, ReasonCode::QUOTA_EXCEEDED, now);
            broker.take_output(*id, output, now)
        });
        self.count();
        flow
    }

    /// Brings the sum up to date after a buffer has changed.
    fn count(&mut self) {
        let large = |size: usize| if size > SMALL_SIZE { size } else { 0 };
        self.held.set(large(self.input.capacity()) + large(self.output.held_bytes()));
    }

    /// Fetches the next output when all of the last is written.
    fn fetch(&mut self) -> OutputFlow {
        if self.has_large_output || !self.hub.holdings().has_room(0) {
            self.output.release();
        }
        let flow = self.hub.take_output(self.id, &mut self.output);
        self.has_large_output = self.output.len() > KEPT_SIZE;
        self.count();
        flow
    }

    /// Gives what was read to the core, and says whether other connections have to write now.
    fn process(&mut self, bytes: usize) -> (OutputFlow, bool) {
        let Self { hub, id, decoder, input, output, .. } = self;
        let had_large_input = input.len() > READ_SIZE;
        let result = hub.enter(Some(*id), |broker, now| {
            if bytes != 0 {
                broker.heard(*id, bytes, now);
            }
            loop {
                match decoder.decode(input) {
                    Ok(Some(packet)) => broker.packet(*id, packet, now),
                    Ok(None) => break,
                    Err(error) => {
                        broker.disconnect(*id, error.reason(), now);
                        break;
                    }
                }
            }
            broker.take_output(*id, output, now)
        });
        if had_large_input && input.is_empty() {
            *input = BytesMut::new();
        }
        self.has_large_output |= output.len() > KEPT_SIZE;
        self.count();
        result
    }
}

/// Writes some of the output, or flushes when there is none left. Says whether it is still to be flushed.
/// Cancel-safe.
async fn write(writer: &mut WriteHalf<Stream>, output: &mut WriteBuffer) -> io::Result<bool> {
    if output.is_empty() {
        writer.flush().await?;
        return Ok(false);
    }
    match writer.write_buf(output).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        _ => Ok(true),
    }
}

/// Reads until the CONNECT is there. `Err(None)`: the connection is gone, sends something else, or there is no
/// room for what it sends.
async fn read_connect(
    hub: &Hub,
    reader: &mut ReadHalf<Stream>,
    input: &mut BytesMut,
    held: &mut Held,
) -> Result<Box<Connect>, Option<DecodeError>> {
    let decoder = Decoder::new(Receiver::Server, Version::V5, hub.max_packet_size().min(LARGEST_CONNECT));
    loop {
        match decoder.decode(input) {
            Ok(Some(Packet::Connect(connect))) => return Ok(connect),
            Ok(Some(_)) => return Err(None),
            Ok(None) => {}
            Err(error) => return Err(Some(error)),
        }
        if input.len() > SMALL_SIZE && !hub.holdings().has_room(READ_LEAST) {
            return Err(None);
        }
        input.reserve(READ_LEAST);
        if input.capacity() > SMALL_SIZE {
            held.set(input.capacity());
        }
        if !matches!(reader.read_buf(input).await, Ok(1..)) {
            return Err(None);
        }
    }
}

/// The CONNACK to a CONNECT of an unknown version ([MQTT-3.1.2-2]): in the words of MQTT 5 for a later one,
/// else in those of 3.x. Nothing is said to what is no CONNECT at all.
fn answer_to(error: &DecodeError) -> Option<&'static [u8]> {
    match error {
        DecodeError::UnsupportedProtocol { name, level } if name == "MQTT" && *level > 5 => {
            Some(&[0x20, 0x03, 0x00, 0x84, 0x00])
        }
        DecodeError::UnsupportedProtocol { name, .. } if name == "MQTT" || name == "MQIsdp" => {
            Some(&[0x20, 0x02, 0x00, 0x01])
        }
        _ => None,
    }
}

/// Ends a stream so that the last packet arrives: closing while bytes are unread would take it back.
async fn close(mut reader: ReadHalf<Stream>, mut writer: WriteHalf<Stream>) {
    let gone = async {
        writer.shutdown().await?;
        let mut rest = [0; 4096];
        while reader.read(&mut rest).await? != 0 {}
        io::Result::Ok(())
    };
    let _ = timeout(LINGER, gone).await;
}
