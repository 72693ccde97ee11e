//! A dev broker in the background of a test, on a port of its own.

use std::sync::mpsc;
use std::thread::JoinHandle;

use mqt_broker::{BrokerOptions, Memory, Server};
use mqt_client::Endpoint;
use tokio::sync::oneshot;

/// The dev broker in a thread with its own runtime. Stops when it is dropped.
pub struct TestBroker {
    options: BrokerOptions,
    running: Option<Running>,
    memory: Option<Memory>,
}

struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Memory>,
}

impl TestBroker {
    /// A broker that listens on 127.0.0.1 and a free port.
    pub fn start() -> Self {
        Self::start_with(BrokerOptions::default())
    }

    /// A broker with these options. Without listeners it gets one on 127.0.0.1 and a free port.
    pub fn start_with(mut options: BrokerOptions) -> Self {
        if options.listeners.is_empty() {
            options.listeners.push(Endpoint::listening("mqtt://127.0.0.1:0").unwrap());
        }
        let mut broker = Self { options, running: None, memory: None };
        broker.run();
        broker
    }

    fn run(&mut self) {
        let options = self.options.clone();
        let memory = self.memory.take();
        let (stop, stopped) = oneshot::channel();
        let (ready, endpoints) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = match memory {
                    Some(memory) => Server::bind_with(options, memory).await.unwrap(),
                    None => Server::bind(options).await.unwrap(),
                };
                ready.send(server.endpoints()).unwrap();
                server
                    .run(async {
                        // An error says that the test is over.
                        let _ = stopped.await;
                    })
                    .await
            })
        });
        self.options.listeners = endpoints.recv().unwrap();
        self.running = Some(Running { stop, thread });
    }

    /// Where it listens, in the order of the options.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.options.listeners
    }

    /// The port of the first listener.
    pub fn port(&self) -> u16 {
        self.options.listeners[0].port()
    }

    /// Ends it in order: MQTT 5 clients are told. What it remembers is kept for a restart.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            // An error says that its thread has panicked, which the join reports.
            let _ = running.stop.send(());
            self.memory = Some(running.thread.join().unwrap());
        }
    }

    /// Starts it again on the same ports, with its sessions and retained messages.
    pub fn restart(&mut self) {
        self.stop();
        self.run();
    }

    /// Starts it again on the same ports, with nothing.
    pub fn restart_empty(&mut self) {
        self.stop();
        self.memory = None;
        self.run();
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = running.stop.send(());
            let ended = running.thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the broker panicked");
        }
    }
}
