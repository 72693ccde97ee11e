//! One connection: bytes in and out of the core, in batches.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Notify, watch};
use tokio::time::{Duration, timeout};

use crate::connection::Stream;
use crate::connection::listen::Incoming;
use crate::mqtt::codec::{DecodeError, Decoder, Receiver};
use crate::mqtt::packet::Connect;
use crate::mqtt::{Packet, Version, WriteBuffer};

use super::server::{Shared, has_stopped};
use super::session::ConnectionId;
use super::state::Flow;

/// How much is read at once, in bytes.
const READ_SIZE: usize = 64 * 1024;

/// When less room than this is left, more is made, in bytes.
const READ_LEAST: usize = 8 * 1024;

/// A buffer that once held more than this is given back when it is empty, in bytes.
const KEPT_SIZE: usize = 256 * 1024;

/// How long a connection that was ended from here may take to notice.
const LINGER: Duration = Duration::from_secs(1);

/// Serves a connection from its handshake to its end.
pub async fn serve(
    shared: Arc<Shared>,
    incoming: Incoming,
    mut stopped: watch::Receiver<bool>,
    connect_timeout: Duration,
) {
    let mut input = BytesMut::new();
    let opening = async {
        let (stream, peer) = incoming.handshake().await.ok()?;
        let (mut reader, mut writer) = tokio::io::split(stream);
        let connect = match read_connect(&mut reader, &mut input).await {
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
    let decoder = Decoder::new(Receiver::Server, connect.version, shared.max_packet_size());
    let woken = Arc::new(Notify::new());
    let Some(id) = shared.connect(*connect, &peer, &woken, &stopped) else { return };
    let registration = Registration { shared: &shared, id };
    let output = WriteBuffer::new();
    let mut link =
        Link { shared: &shared, id, decoder, input, output, has_large_output: false, woken: &woken };
    let streams = link.run(reader, writer).await;
    drop(registration);
    if let Some((reader, writer)) = streams {
        close(reader, writer).await;
    }
}

/// Tells the core that the connection is gone, also when its task is aborted.
struct Registration<'a> {
    shared: &'a Shared,
    id: ConnectionId,
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.shared.closed(self.id);
    }
}

struct Link<'a> {
    shared: &'a Shared,
    id: ConnectionId,
    decoder: Decoder,
    input: BytesMut,
    output: WriteBuffer,
    has_large_output: bool,
    woken: &'a Notify,
}

impl Link<'_> {
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
            if self.input.capacity() - self.input.len() < READ_LEAST {
                self.input.reserve(READ_SIZE);
            }
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
                read = reader.read_buf(&mut self.input), if flow.is_open && !flow.is_congested => {
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

    /// Fetches the next output when all of the last is written.
    fn fetch(&mut self) -> Flow {
        if self.has_large_output {
            self.output.release();
        }
        let flow = self.shared.take_output(self.id, &mut self.output);
        self.has_large_output = self.output.len() > KEPT_SIZE;
        flow
    }

    /// Gives what was read to the core, and says whether other connections have to write now.
    fn process(&mut self, bytes: usize) -> (Flow, bool) {
        let Self { shared, id, decoder, input, output, .. } = self;
        let had_large_input = input.len() > KEPT_SIZE;
        let result = shared.enter(Some(*id), |broker, now| {
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

/// Reads until the CONNECT is there. `Err(None)`: the connection is gone, or sends something else.
async fn read_connect(
    reader: &mut ReadHalf<Stream>,
    input: &mut BytesMut,
) -> Result<Box<Connect>, Option<DecodeError>> {
    // A CONNECT has at most five fields of 64 KiB and its properties.
    let decoder = Decoder::new(Receiver::Server, Version::V5, 1024 * 1024);
    loop {
        match decoder.decode(input) {
            Ok(Some(Packet::Connect(connect))) => return Ok(connect),
            Ok(Some(_)) => return Err(None),
            Ok(None) => {}
            Err(error) => return Err(Some(error)),
        }
        input.reserve(READ_LEAST);
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
