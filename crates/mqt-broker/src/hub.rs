//! The broker as its connections share it: one lock around the core, the clock, and who has something to write.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, watch};

use mqt_proto::WriteBuffer;
use mqt_proto::packet::Connect;

use super::holdings::Holdings;
use super::slab::{ConnectionId, Key as _};
use super::state::{Broker, OutputFlow};

pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Waits until the broker stops.
pub(crate) async fn has_stopped(stopped: &mut watch::Receiver<bool>) {
    // An error says that the server is gone, which comes to the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// The core and those who wait for it.
#[derive(Debug)]
pub(crate) struct Hub {
    state: Mutex<HubState>,
    timer: Notify,
    max_packet_size: u32,
    holdings: Holdings,
}

#[derive(Debug)]
struct HubState {
    broker: Broker,
    writers: Vec<Option<Arc<Notify>>>,
    woken: Vec<ConnectionId>,
}

impl Hub {
    /// Around a core that nobody is connected to.
    pub(crate) fn new(broker: Broker, max_packet_size: u32, holdings: Holdings) -> Self {
        let state = HubState { broker, writers: Vec::new(), woken: Vec::new() };
        Self { state: Mutex::new(state), timer: Notify::new(), max_packet_size, holdings }
    }

    /// Takes the core out, and puts another one in its place.
    pub(crate) fn replace_broker(&self, broker: Broker) -> Broker {
        std::mem::replace(&mut self.lock().broker, broker)
    }

    /// The largest packet to accept, in bytes.
    pub(crate) fn max_packet_size(&self) -> u32 {
        self.max_packet_size
    }

    /// The sum that the buffers of the connections are part of.
    pub(crate) fn holdings(&self) -> &Holdings {
        &self.holdings
    }

    /// Lets a client in, unless the broker stops. `woken` is notified when there is something to write.
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
        if state.writers.len() <= id.number() {
            state.writers.resize(id.number() + 1, None);
        }
        if let Some(slot) = state.writers.get_mut(id.number()) {
            *slot = Some(Arc::clone(woken));
        }
        self.notify(&mut state, None);
        Some(id)
    }

    /// The connection is closed.
    pub(crate) fn closed(&self, id: ConnectionId) {
        let mut state = self.lock();
        if let Some(slot) = state.writers.get_mut(id.number()) {
            *slot = None;
        }
        state.broker.closed(id, now());
        self.notify(&mut state, Some(id));
    }

    /// Fetches what a connection is to write.
    pub(crate) fn take_output(&self, id: ConnectionId, output: &mut WriteBuffer) -> OutputFlow {
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

    fn notify(&self, state: &mut HubState, own: Option<ConnectionId>) -> bool {
        let HubState { broker, writers, woken } = state;
        broker.tell_full();
        broker.take_woken(woken);
        let mut woke = false;
        for id in woken.drain(..) {
            // The one that asks looks after its own output.
            if Some(id) != own
                && let Some(Some(writer)) = writers.get(id.number())
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

    /// Calls the core when something is due, forever.
    pub(crate) async fn keep_time(&self) {
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

    fn lock(&self) -> MutexGuard<'_, HubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
