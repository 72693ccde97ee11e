//! A broker that does what the test says, byte by byte, for the built program to connect to.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::wire::Wire;

/// Longer than anything takes; only a test that fails waits for it.
const DEADLINE: Duration = Duration::from_secs(20);

/// Listens on 127.0.0.1 and a free port. Connections wait until [`Scripted::accept`] takes them.
pub struct Scripted {
    port: u16,
    streams: Receiver<TcpStream>,
    ended: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
}

impl Scripted {
    pub fn listen() -> Self {
        Self::on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
    }

    fn on(listener: TcpListener) -> Self {
        let port = listener.local_addr().unwrap().port();
        let (sender, streams) = channel();
        let (ended, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (end, counter) = (Arc::clone(&ended), Arc::clone(&count));
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                counter.fetch_add(1, Ordering::SeqCst);
                // An error says that the test is over.
                let _ = sender.send(stream);
            }
        });
        Self { port, streams, ended, count }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections there were so far.
    pub fn connections(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// The next connection.
    #[track_caller]
    pub fn accept(&self) -> Wire {
        match self.streams.recv_timeout(DEADLINE) {
            Ok(stream) => Wire::over(stream),
            Err(RecvTimeoutError::Timeout) => panic!("nobody connects"),
            Err(RecvTimeoutError::Disconnected) => panic!("the listener has ended"),
        }
    }

    /// The next connection, after its CONNECT was read; see [`Wire::packet`].
    #[track_caller]
    pub fn accept_connect(&self) -> (Wire, Vec<u8>) {
        let mut peer = self.accept();
        let connect = peer.packet();
        assert_eq!(connect[0], 0x10, "not CONNECT");
        (peer, connect)
    }

    /// The next connection, its CONNECT answered with these bytes, as for [`super::wire::bytes`].
    #[track_caller]
    pub fn accept_and_say(&self, answer: &str) -> Wire {
        let (mut peer, _) = self.accept_connect();
        peer.send(answer);
        peer
    }
}

/// A port of 127.0.0.1 that refuses connections and that nobody else can take.
pub struct Reserved(Socket);

impl Reserved {
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        Self(socket)
    }

    /// Its number.
    pub fn port(&self) -> u16 {
        self.0.local_addr().unwrap().as_socket().unwrap().port()
    }

    /// Begins to listen.
    pub fn listen(self) -> Scripted {
        self.0.listen(8).unwrap();
        Scripted::on(self.0.into())
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread, so that it ends.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}
