//! The dev broker as a server: listeners, tasks, the clock.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

use mqt_client::Endpoint;
use mqt_client::listen::{ListenError, Listener};
use mqt_proto::WriteBuffer;
use mqt_proto::packet::Connect;

use super::connection::serve;
use super::holdings::Holdings;
use super::options::BrokerOptions;
use super::session::ConnectionId;
use super::state::{Broker, Flow};

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
    shared: Arc<Shared>,
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

    /// Begins to listen, and goes on with the sessions and retained messages of a broker that stopped.
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
        let state = State { broker, writers: Vec::new(), woken: Vec::new() };
        let shared = Shared { state: Mutex::new(state), timer: Notify::new(), max_packet_size, holdings };
        Ok(Self { listeners, shared: Arc::new(shared), connections, connect_timeout })
    }

    /// Where it listens, with the real ports, in the order of the options.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.listeners.iter().map(|listener| listener.local_address().clone()).collect()
    }

    /// Serves until `shutdown` is there, then says DISCONNECT to everybody (MQTT 5: 0x8B) and ends, within
    /// two seconds. When this future is dropped, all connections just close.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Memory {
        let Self { listeners, shared, connections, connect_timeout } = self;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for listener in listeners {
            tasks.spawn(accept(listener, Arc::clone(&shared), stopped.clone(), connections, connect_timeout));
        }
        tokio::select! {
            () = shutdown => {}
            () = shared.keep_time() => {}
        }
        stop.send_replace(true);
        shared.enter(None, |broker, now| broker.shut_down(now));
        while tasks.join_next().await.is_some() {}
        let now = now();
        let mut state = shared.lock();
        Memory(std::mem::replace(&mut state.broker, Broker::new(BrokerOptions::default(), 0, now)))
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Waits until the broker stops.
pub(crate) async fn has_stopped(stopped: &mut watch::Receiver<bool>) {
    // An error says that the server is gone, which comes to the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn accept(
    listener: Listener,
    shared: Arc<Shared>,
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
                    connections.spawn(serve(Arc::clone(&shared), incoming, theirs.clone(), connect_timeout));
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

/// The core and those who wait for it.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    timer: Notify,
    max_packet_size: u32,
    holdings: Holdings,
}

#[derive(Debug)]
struct State {
    broker: Broker,
    writers: Vec<Option<Arc<Notify>>>,
    woken: Vec<ConnectionId>,
}

impl Shared {
    /// The largest packet to accept, in bytes.
    pub(crate) fn max_packet_size(&self) -> u32 {
        self.max_packet_size
    }

    /// The sum that the buffers of the connections are part of.
    pub(crate) fn holdings(&self) -> &Holdings {
        &self.holdings
    }

    /// Lets a client in, unless the broker stops. `woken` is told when there is something to write.
    pub(crate) fn connect(
        &self,
        connect: Connect,
        peer: &str,
        woken: &Arc<Notify>,
        stopped: &watch::Receiver<bool>,
    ) -> Option<ConnectionId> {
        let mut state = self.lock();
        if *stopped.borrow() {
            return None;
        }
        let id = state.broker.connect(connect, peer, now());
        if state.writers.len() <= id {
            state.writers.resize(id + 1, None);
        }
        if let Some(slot) = state.writers.get_mut(id) {
            *slot = Some(Arc::clone(woken));
        }
        self.notify(&mut state, None);
        Some(id)
    }

    /// The connection is closed.
    pub(crate) fn closed(&self, id: ConnectionId) {
        let mut state = self.lock();
        if let Some(slot) = state.writers.get_mut(id) {
            *slot = None;
        }
        state.broker.closed(id, now());
        self.notify(&mut state, Some(id));
    }

    /// Fetches what a connection is to write.
    pub(crate) fn take_output(&self, id: ConnectionId, output: &mut WriteBuffer) -> Flow {
        self.enter(Some(id), |broker, now| broker.take_output(id, output, now)).0
    }

    /// Does something with the core and wakes whoever has to write then, except `own`. Says whether it woke
    /// anybody.
    pub(crate) fn enter<T>(
        &self,
        own: Option<ConnectionId>,
        run: impl FnOnce(&mut Broker, Instant) -> T,
    ) -> (T, bool) {
        let mut state = self.lock();
        let result = run(&mut state.broker, now());
        let woke = self.notify(&mut state, own);
        (result, woke)
    }

    fn notify(&self, state: &mut State, own: Option<ConnectionId>) -> bool {
        let State { broker, writers, woken } = state;
        broker.tell_full();
        broker.take_woken(woken);
        let mut woke = false;
        for id in woken.drain(..) {
            // The one that asks looks after its own output.
            if Some(id) != own
                && let Some(Some(writer)) = writers.get(id)
            {
                writer.notify_one();
                woke = true;
            }
        }
        if broker.take_rescheduled() {
            self.timer.notify_one();
        }
        woke
    }

    /// Calls the core when something is due, for ever.
    async fn keep_time(&self) {
        loop {
            let next = self.lock().broker.next_tick();
            tokio::select! {
                () = tokio::time::sleep_until(next.into()) => {
                    self.enter(None, |broker, now| broker.tick(now));
                }
                () = self.timer.notified() => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
