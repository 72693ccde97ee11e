//! A raw connection: bytes written by hand go out, and exactly the expected bytes must come back.

#[path = "../../crates/mqt-proto/tests/notation.rs"]
mod notation;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

pub use notation::{bytes, hex};

/// Longer than anything takes; only a test that fails waits for it.
const DEADLINE: Duration = Duration::from_secs(10);

/// A TCP connection to a broker on this machine.
pub struct Wire {
    stream: TcpStream,
}

impl Wire {
    /// Connects.
    pub fn connect(port: u16) -> Self {
        Self::over(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap())
    }

    /// Takes over a connection that a client has made.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self { stream }
    }

    /// Reads wait as long as `patience` from now on.
    pub fn read_patience(&self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).unwrap();
    }

    /// Where the other end is.
    pub fn peer_address(&self) -> SocketAddr {
        self.stream.peer_addr().unwrap()
    }

    /// Sends bytes, see [`bytes`].
    pub fn send(&mut self, text: &str) {
        self.send_bytes(&bytes(text));
    }

    /// Sends bytes.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends bytes, unless the other end is gone. Whether it was there.
    pub fn try_send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next bytes that come must be these, see [`bytes`].
    pub fn expect(&mut self, text: &str) {
        let expected = bytes(text);
        let received = self.receive(expected.len());
        assert_eq!(hex(&received), hex(&expected), "for {text}");
    }

    /// The next bytes that come: so many.
    pub fn receive(&mut self, count: usize) -> Vec<u8> {
        let mut received = Vec::new();
        let mut part = [0; 4096];
        while received.len() < count {
            let room = part.len().min(count - received.len());
            match self.read(&mut part[..room]) {
                Ok(0) => panic!("closed after {}", hex(&received)),
                Ok(more) => received.extend_from_slice(&part[..more]),
                Err(error) => panic!("{error} after {}", hex(&received)),
            }
        }
        received
    }

    /// The next whole packet, with its fixed header.
    #[track_caller]
    pub fn packet(&mut self) -> Vec<u8> {
        self.next_packet().expect("closed before a packet")
    }

    /// The next whole packet, with its fixed header; `None` when the connection is closed before it.
    #[track_caller]
    pub fn next_packet(&mut self) -> Option<Vec<u8>> {
        let mut byte = [0];
        match self.read(&mut byte) {
            Ok(0) => return None,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
        let mut packet = vec![byte[0]];
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.receive(1)[0];
            packet.push(byte);
            length |= usize::from(byte & 127) << shift;
            if byte < 128 {
                break;
            }
        }
        packet.extend(self.receive(length));
        Some(packet)
    }

    /// DISCONNECT comes next, after a PINGREQ where QoS 0 is to be proved, which is answered. A `pub` that may publish at
    /// QoS 2 gives its session up with it.
    #[track_caller]
    pub fn goodbye(&mut self) {
        let mut packet = self.packet();
        if packet == [0xC0, 0] {
            self.send_bytes(&[0xD0, 0]);
            packet = self.packet();
        }
        let gives_up_session = bytes("E0 (00 (11 00000000))");
        assert!(packet == [0xE0, 0] || packet == gives_up_session, "no DISCONNECT: {}", hex(&packet));
    }

    /// Reads until the other end is gone.
    #[track_caller]
    pub fn drain(&mut self) {
        let mut part = [0; 4096];
        loop {
            match self.read(&mut part) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
                Err(error) => panic!("the other end stays: {error}"),
            }
        }
    }

    /// Reads once. A signal, or a machine that was stopped for a moment, ends a read that has a time limit early.
    fn read(&mut self, part: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match self.stream.read(part) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Ends the connection with RST.
    pub fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Nothing more comes, and the connection is closed.
    pub fn expect_close(&mut self) {
        let mut byte = [0];
        match self.read(&mut byte) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("not closed: {other:?}, {}", hex(&byte)),
        }
    }
}
