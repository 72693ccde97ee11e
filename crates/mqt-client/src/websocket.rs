//! MQTT over WebSocket (section 6 of both standards).

use std::io;
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use futures_core::Stream as _;
use futures_sink::Sink as _;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{self, HeaderName, HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config, client_async_with_config};

use super::endpoint::{Bracketed, Endpoint};
use super::error::{ConnectError, WsFault, stream_fault};
use super::stream::Stream;
use mqt_proto::Secret;

/// The subprotocol of MQTT \[MQTT-6.0.0-3\].
const SUBPROTOCOL: &str = "mqtt";

/// The largest MQTT packet: what a frame or a message may have.
const MAX_SIZE: usize = 268_435_460;

/// How much is written into one frame at most before it goes out without a flush.
const FRAME_SIZE: usize = 128 * 1024;

/// How much of the body of a refusal is kept.
const BODY_SHOWN: usize = 200;

/// A header field of the WebSocket request. Its value may be a token and never shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WsHeader {
    /// The field name.
    pub name: String,
    /// The field value.
    pub value: Secret,
}

/// The text is not a header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WsHeaderError {
    /// No colon, or a name that HTTP does not allow.
    #[error("expected NAME: VALUE")]
    Form,
    /// A control character in the value.
    #[error("the value of a header field has no control characters")]
    Value,
    /// WebSocket itself needs this field.
    #[error("this header field belongs to the WebSocket handshake and cannot be set")]
    Reserved,
}

impl FromStr for WsHeader {
    type Err = WsHeaderError;

    fn from_str(text: &str) -> Result<Self, WsHeaderError> {
        let (name, value) = text.split_once(':').ok_or(WsHeaderError::Form)?;
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(WsHeaderError::Form);
        }
        let lower = name.to_ascii_lowercase();
        if lower.starts_with("sec-websocket-")
            || ["connection", "upgrade", "content-length", "transfer-encoding"].contains(&lower.as_str())
        {
            return Err(WsHeaderError::Reserved);
        }
        let value = value.trim_matches([' ', '\t']);
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(WsHeaderError::Value);
        }
        Ok(Self { name: name.to_owned(), value: Secret::from(value) })
    }
}

/// Asks the peer of an open stream for a WebSocket.
pub(super) async fn connect(
    stream: Stream,
    endpoint: &Endpoint,
    headers: &[WsHeader],
) -> Result<Stream, ConnectError> {
    let request = request(endpoint, headers).map_err(|error| WsFault::Answer(error.to_string()))?;
    match client_async_with_config(request, HeadFirst::over(stream), Some(config())).await {
        Ok((socket, _)) => Ok(Box::new(WebSocket::new(socket))),
        Err(WsError::Io(error)) => {
            Err(stream_fault(&error).unwrap_or_else(|| WsFault::Broken(super::error::reason(&error)).into()))
        }
        Err(error) => Err(refusal(error).into()),
    }
}

fn request(endpoint: &Endpoint, headers: &[WsHeader]) -> http::Result<http::Request<()>> {
    // The zone of an address means nothing to the peer.
    let host = endpoint.host().split_once('%').map_or(endpoint.host(), |(address, _)| address);
    let host = if endpoint.port() == endpoint.scheme().default_port() {
        Bracketed(host).to_string()
    } else {
        format!("{}:{}", Bracketed(host), endpoint.port())
    };
    // Of the URI, only the path goes over the wire.
    let mut request = http::Request::builder()
        .uri(format!("{}://h{}", endpoint.scheme(), endpoint.http_path()))
        .header(header::HOST, host)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, generate_key())
        .header(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
        .body(())?;
    for WsHeader { name, value } in headers {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        let mut value = HeaderValue::from_bytes(value.expose())?;
        value.set_sensitive(true);
        if name == header::HOST {
            request.headers_mut().insert(name, value);
        } else {
            request.headers_mut().append(name, value);
        }
    }
    Ok(request)
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MAX_SIZE))
        .max_frame_size(Some(MAX_SIZE))
        // Allocated at once for each connection, so not the default of 128 KiB.
        .read_buffer_size(32 * 1024)
}

fn refusal(error: WsError) -> WsFault {
    match error {
        WsError::Http(response) => {
            let (parts, body) = response.into_parts();
            let location = parts.headers.get(header::LOCATION);
            let mut body = body.unwrap_or_default();
            body.truncate(BODY_SHOWN);
            WsFault::Refused {
                status: parts.status.as_u16(),
                location: location.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
                body,
            }
        }
        WsError::Protocol(ProtocolError::SecWebSocketSubProtocolError(
            SubProtocolError::NoSubProtocol | SubProtocolError::InvalidSubProtocol,
        )) => WsFault::Subprotocol,
        WsError::Protocol(ProtocolError::HandshakeIncomplete) => {
            WsFault::Broken("closed by the peer".to_owned())
        }
        WsError::Protocol(ProtocolError::HttparseError(_)) => WsFault::Answer("not HTTP".to_owned()),
        error => WsFault::Answer(error.to_string()),
    }
}

/// Answers the request of a client on an open stream, whatever its path. A client that does not offer the
/// subprotocol `mqtt` is refused \[MQTT-6.0.0-3\].
pub(super) async fn accept(stream: Stream) -> Result<Stream, WsError> {
    let socket = accept_hdr_async_with_config(HeadFirst::over(stream), agree, Some(config())).await?;
    Ok(Box::new(WebSocket::new(socket)))
}

#[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
fn agree(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offers = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let offers = offers.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if offers.map(str::trim).any(|offer| offer == SUBPROTOCOL) {
        let agreed = HeaderValue::from_static(SUBPROTOCOL);
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, agreed);
        Ok(response)
    } else {
        let mut refused = ErrorResponse::new(Some("the WebSocket subprotocol mqtt is required\n".to_owned()));
        *refused.status_mut() = StatusCode::BAD_REQUEST;
        Err(refused)
    }
}

/// How much of the head of a handshake is collected before it is handed on, in bytes.
const HEAD: usize = 64 * 1024;

/// A stream whose first bytes, the head of an HTTP message, are handed on in one piece. The handshake below takes a head in
/// many small pieces for an attack, and such a peer is only slow.
struct HeadFirst {
    stream: Stream,
    head: HandshakeHead,
}

enum HandshakeHead {
    /// It is not whole.
    Collecting(BytesMut),
    /// It is handed on, and what came with it.
    Complete(Bytes),
}

impl HeadFirst {
    fn over(stream: Stream) -> Self {
        Self { stream, head: HandshakeHead::Collecting(BytesMut::new()) }
    }

    /// Reads until the head is whole, the peer has closed, or more has come than a head has.
    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<io::Result<&mut Bytes>> {
        while let HandshakeHead::Collecting(head) = &mut self.head {
            let mut part = [0; 1024];
            let mut buffer = ReadBuf::new(&mut part);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            let is_over = buffer.filled().is_empty();
            // The end of the head may cross the border of two reads.
            let from = head.len().saturating_sub(3);
            head.extend_from_slice(buffer.filled());
            let is_whole = memchr::memmem::find(head.get(from..).unwrap_or_default(), b"\r\n\r\n").is_some();
            if is_over || is_whole || head.len() >= HEAD || !may_be_http(head) {
                self.head = HandshakeHead::Complete(std::mem::take(head).freeze());
            }
        }
        match &mut self.head {
            HandshakeHead::Complete(rest) => Poll::Ready(Ok(rest)),
            HandshakeHead::Collecting(_) => Poll::Pending,
        }
    }
}

/// Whether bytes may be the start of a response, or of the request for a WebSocket.
fn may_be_http(start: &[u8]) -> bool {
    [&b"HTTP/"[..], b"GET "].iter().any(|word| {
        let len = word.len().min(start.len());
        start.get(..len) == word.get(..len)
    })
}

impl AsyncRead for HeadFirst {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = ready!(self.poll_head(context))?;
        if rest.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let part = rest.split_to(rest.len().min(buffer.remaining()));
        buffer.put_slice(&part);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HeadFirst {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The bytes of MQTT in binary frames: what is written between two flushes goes out as one frame, and
/// packets may cross the frames that come in \[MQTT-6.0.0-2\].
struct WebSocket {
    socket: WebSocketStream<HeadFirst>,
    unread: Bytes,
    unsent: BytesMut,
}

impl WebSocket {
    fn new(socket: WebSocketStream<HeadFirst>) -> Self {
        Self { socket, unread: Bytes::new(), unsent: BytesMut::new() }
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.unsent.is_empty() {
            ready!(Pin::new(&mut self.socket).poll_ready(context)).map_err(broken)?;
            let frame = Message::Binary(self.unsent.split().freeze());
            Pin::new(&mut self.socket).start_send(frame).map_err(broken)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for WebSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            self.unread = match ready!(Pin::new(&mut self.socket).poll_next(context)) {
                Some(Ok(Message::Binary(bytes))) => bytes,
                Some(Ok(Message::Text(_))) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, WsFault::TextFrame)));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(_))) | None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(broken(error))),
            };
        }
        let len = self.unread.len().min(buffer.remaining());
        buffer.put_slice(self.unread.get(..len).unwrap_or_default());
        self.unread.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WebSocket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.unsent.len() >= FRAME_SIZE {
            ready!(self.poll_send(context))?;
        }
        let mut written = 0;
        for slice in slices {
            let len = slice.len().min(FRAME_SIZE - self.unsent.len());
            self.unsent.extend_from_slice(slice.get(..len).unwrap_or_default());
            written += len;
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.socket).poll_flush(context).map_err(broken)
    }

    /// Sends Close, then shuts the stream below down.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        match ready!(Pin::new(&mut self.socket).poll_close(context)) {
            Ok(()) | Err(WsError::ConnectionClosed | WsError::AlreadyClosed) => {}
            Err(error) => return Poll::Ready(Err(broken(error))),
        }
        Pin::new(self.socket.get_mut()).poll_shutdown(context)
    }
}

fn broken(error: WsError) -> io::Error {
    match error {
        WsError::Io(error) => error,
        WsError::ConnectionClosed | WsError::AlreadyClosed => io::ErrorKind::BrokenPipe.into(),
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => io::ErrorKind::UnexpectedEof.into(),
        // What is written after a Close frame, no matter whose.
        WsError::Protocol(ProtocolError::SendAfterClosing) => io::ErrorKind::BrokenPipe.into(),
        WsError::Capacity(CapacityError::MessageTooLong { size, .. }) => {
            invalid(format!("{size} bytes in one frame"))
        }
        error => invalid(error.to_string()),
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, WsFault::Protocol(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_are_read_and_redacted() {
        let header: WsHeader = "Authorization:  Bearer canary ".parse().unwrap();
        assert_eq!((header.name.as_str(), header.value.expose()), ("Authorization", &b"Bearer canary"[..]));
        assert!(!format!("{header:?}").contains("canary"));
        for (text, error) in [
            ("x", WsHeaderError::Form),
            (": x", WsHeaderError::Form),
            ("a b: x", WsHeaderError::Form),
            ("a: x\r\nb: y", WsHeaderError::Value),
            ("Upgrade: x", WsHeaderError::Reserved),
            ("sec-websocket-key: x", WsHeaderError::Reserved),
        ] {
            assert_eq!(text.parse::<WsHeader>(), Err(error), "{text:?}");
        }
    }
}
