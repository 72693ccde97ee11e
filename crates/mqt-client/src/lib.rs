//! The shared connection module: from an address to a stream of events, the same for every command.

#![doc = include_str!("../README.md")]
#![warn(unreachable_pub)]

pub mod client;
mod diary;
pub mod driver;
pub mod endpoint;
pub mod error;
pub mod listen;
pub mod options;
pub mod password;
pub mod progress;
pub mod proxy;
pub mod reconnect;
mod srv;
mod stream;
pub mod tcp;
pub mod thread;
pub mod tls;
mod transport;
mod unix;
pub mod websocket;

pub use client::{Client, ClientError, Notice, SessionChoices};
pub use diary::Step;
pub use endpoint::{Endpoint, EndpointError, Scheme};
pub use error::{ConnectError, ProxyFault, SetupError, WsFault, stream_fault};
pub use options::{Attempts, ClientOptions, Patience, ReconnectPace, VersionChoice};
pub use password::PasswordSource;
pub use proxy::{Proxy, ProxyError};
pub use srv::NameServers;
pub use stream::{ByteStream, Stream};
pub use tcp::Family;
pub use tls::{TlsFault, TlsOptions, TlsPin, TlsVersion};
pub use transport::{Connected, SetupWarning, Transport, TransportOptions};
pub use websocket::WsHeader;
