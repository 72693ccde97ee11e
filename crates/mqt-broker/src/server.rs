//! The dev broker as a server: listeners, tasks, the clock.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

use mqt_client::Endpoint;
use mqt_client::listen::{ListenError, Listener};

use super::connection::serve;
use super::hub::{Hub, has_stopped, now};
use super::options::BrokerOptions;
use super::state::Broker;

/// How long the connections may take to end when the broker stops.
const GRACE: Duration = Duration::from_secs(2);

/// Why the broker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// There is nothing to listen on.
    #[error("there is no address to listen on")]
    NoListener,
    /// Everybody in the network could connect.
    #[error("{address} can be reached from other machines, and nothing asks who connects")]
    Exposed {
        /// The address.
        address: String,
    },
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// What a broker that stopped remembers: sessions and retained messages. Given to the next one, they
/// outlive a restart within the process.
#[derive(Debug)]
pub struct Memory(Broker);

/// A broker that listens and does not serve yet.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<Listener>,
    hub: Arc<Hub>,
    connections: usize,
    connect_timeout: Duration,
}

impl Server {
    /// Begins to listen.
    ///
    /// # Errors
    /// An address cannot be listened on, or is open to everybody.
    pub async fn bind(options: BrokerOptions) -> Result<Self, BrokerError> {
        let now = now();
        let seed = mqt_process::random::seed();
        Self::bind_core(options, |options| Broker::new(options, seed, now)).await
    }

    /// Begins to listen, and continues with the sessions and retained messages of a broker that stopped.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub async fn bind_with(options: BrokerOptions, memory: Memory) -> Result<Self, BrokerError> {
        let Memory(mut broker) = memory;
        Self::bind_core(options, |options| {
            broker.set_options(options);
            broker
        })
        .await
    }

    async fn bind_core(
        options: BrokerOptions,
        core: impl FnOnce(BrokerOptions) -> Broker,
    ) -> Result<Self, BrokerError> {
        if options.listeners.is_empty() {
            return Err(BrokerError::NoListener);
        }
        let is_guarded = options.password_file.is_some() || options.allow_anonymous;
        let mut listeners = Vec::with_capacity(options.listeners.len());
        for address in &options.listeners {
            if !is_guarded && !address.is_local() {
                return Err(BrokerError::Exposed { address: address.to_string() });
            }
            let tls = options.server_tls.as_ref().filter(|_| address.scheme().is_tls());
            listeners.push(Listener::bind(address, tls).await?);
        }
        let max_packet_size = options.limits.max_packet_size;
        let (connections, connect_timeout) = (options.limits.connections, options.limits.connect_timeout);
        let broker = core(options);
        let holdings = broker.holdings().clone();
        let hub = Arc::new(Hub::new(broker, max_packet_size, holdings));
        Ok(Self { listeners, hub, connections, connect_timeout })
    }

    /// Where it listens, with the real ports, in the order of the options.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.listeners.iter().map(|listener| listener.local_address().clone()).collect()
    }

    /// Serves until `shutdown` is there, then says DISCONNECT to everybody (MQTT 5: 0x8B) and ends, within
    /// two seconds. When this future is dropped, all connections just close.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Memory {
        let Self { listeners, hub, connections, connect_timeout } = self;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for listener in listeners {
            tasks.spawn(accept(listener, Arc::clone(&hub), stopped.clone(), connections, connect_timeout));
        }
        tokio::select! {
            () = shutdown => {}
            () = hub.keep_time() => {}
        }
        stop.send_replace(true);
        hub.enter(None, |broker, now| broker.shut_down(now));
        while tasks.join_next().await.is_some() {}
        Memory(hub.replace_broker(Broker::new(BrokerOptions::default(), 0, now())))
    }
}

async fn accept(
    listener: Listener,
    hub: Arc<Hub>,
    mut stopped: watch::Receiver<bool>,
    limit: usize,
    connect_timeout: Duration,
) {
    let mut connections = JoinSet::new();
    let theirs = stopped.clone();
    loop {
        tokio::select! {
            () = has_stopped(&mut stopped) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok(incoming) if connections.len() < limit => {
                    connections.spawn(serve(Arc::clone(&hub), incoming, theirs.clone(), connect_timeout));
                }
                Ok(_) => {}
                Err(error) => if let Some(pause) = error.pause {
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
    drop(listener);
    let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    connections.shutdown().await;
}
