//! The way to a connection, and its end in order.

use std::future::poll_fn;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use mqt_client::driver::Driver;
use mqt_client::{ClientError, Transport};
use mqt_proto::session::{Credentials, Session};
use mqt_proto::{ReasonCode, Version};

/// How long a connection may take to end in order.
pub(crate) const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// What all connections have in common.
#[derive(Debug, Clone, Copy)]
pub struct LinkTerms {
    /// The protocol version.
    pub version: Version,
    /// The largest packet to accept, in bytes.
    pub max_packet_size: u32,
    /// How long connecting and CONNACK together may take.
    pub within: Duration,
}

/// Connects a session: the stream, CONNECT, CONNACK.
///
/// # Errors
/// Why there is no connection.
pub(crate) async fn connect(
    transport: &Transport,
    terms: LinkTerms,
    credentials: Credentials,
    session: &mut Session,
) -> Result<Driver, ClientError> {
    let mut has_stream = false;
    let attempt = async {
        let connected = transport.connect().await?;
        has_stream = true;
        let mut driver = Driver::new(connected.stream, terms.version, terms.max_packet_size);
        session
            .connect(terms.version, credentials, Instant::now())
            .map_err(|error| ClientError::Unencodable(error.to_string()))?;
        let connections = session.connections();
        poll_fn(|cx| driver.poll_handshake(session, cx)).await.map_err(|error| {
            // CONNACK and the end may come together.
            let is_accepted = session.connections() > connections;
            ClientError::from_drive(error, (!is_accepted).then_some(terms.version))
        })?;
        Ok(driver)
    };
    match timeout(terms.within, attempt).await {
        Ok(result) => result,
        Err(_) if has_stream => {
            Err(ClientError::ConnackTimeout { after: terms.within, version: terms.version })
        }
        Err(_) => Err(ClientError::ConnectTimeout { after: terms.within }),
    }
}

/// Says DISCONNECT and waits a little until the broker has closed.
pub(crate) async fn close(mut driver: Driver, session: &mut Session) {
    session.disconnect(ReasonCode::SUCCESS);
    if let Ok(Ok(())) = timeout(CLOSE_WITHIN, driver.close(session)).await {
        session.closed_in_order();
    } else {
        session.lost();
    }
}
