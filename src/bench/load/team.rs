//! The threads that drive the clients: started, told what to do, and ended.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::bench::load::worker;
use crate::bench::load::worker::{SharedRun, WorkerOrder, WorkerReport};
use crate::bench::plan::scenario::ClientSpec;
use crate::commands::shortage;
use crate::error::{Failure, Kind};

/// The threads.
pub(crate) struct Team {
    orders: Vec<mpsc::UnboundedSender<WorkerOrder>>,
    /// What they tell.
    pub told: mpsc::UnboundedReceiver<WorkerReport>,
    threads: Vec<JoinHandle<std::io::Result<()>>>,
}

impl Team {
    /// Starts them, each with its share of the clients.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(shared: &Arc<SharedRun>, specs: &[ClientSpec]) -> Result<Self, Failure> {
        let (tell, told) = mpsc::unbounded_channel();
        let mut team = Self { orders: Vec::new(), told, threads: Vec::new() };
        let size = shared.gauges.len();
        for place in 0..size {
            let own: Vec<ClientSpec> = specs.iter().copied().skip(place).step_by(size).collect();
            let (order, orders) = mpsc::unbounded_channel();
            let (shared, tell) = (Arc::clone(shared), tell.clone());
            let thread = std::thread::Builder::new()
                .name(format!("load-{place}"))
                .spawn(move || worker::run(place, &shared, &own, orders, tell))
                .map_err(|error| shortage(&error))?;
            team.orders.push(order);
            team.threads.push(thread);
        }
        Ok(team)
    }

    /// Tells all of them.
    pub fn order(&self, order: WorkerOrder) {
        for thread in &self.orders {
            // A thread that is gone has said why.
            let _ = thread.send(order);
        }
    }
    /// How many there are.
    pub const fn size(&self) -> usize {
        self.orders.len()
    }

    /// Waits until all of them have ended.
    ///
    /// # Errors
    /// One of them could not do its work.
    pub fn join(&mut self) -> Result<(), Failure> {
        for thread in self.threads.drain(..) {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    return Err(Failure::new(Kind::Usage, "a thread has no runtime or timer").source(&error));
                }
                // A panic has ended the process by itself.
                Err(_) => return Err(Failure::new(Kind::Bug, "a thread ended early")),
            }
        }
        Ok(())
    }
}
