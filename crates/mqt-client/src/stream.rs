//! Bytes both ways: what every layer below MQTT is made of.

use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes both ways, whatever lies below.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for S {}

/// An open stream to a peer. Writes may be held back until they are flushed.
pub type Stream = Box<dyn ByteStream>;
