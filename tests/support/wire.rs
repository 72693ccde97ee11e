//! A raw connection: bytes written by hand go out, and exactly the expected bytes must come back.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Longer than anything takes; only a test that fails waits for it.
const DEADLINE: Duration = Duration::from_secs(10);

/// A TCP connection to a broker on this machine.
pub struct Wire {
    stream: TcpStream,
}

impl Wire {
    /// Connects.
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self { stream }
    }

    /// Sends bytes, see [`bytes`].
    pub fn send(&mut self, text: &str) {
        self.send_bytes(&bytes(text));
    }

    /// Sends bytes.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
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
            match self.stream.read(&mut part[..room]) {
                Ok(0) => panic!("closed after {}", hex(&received)),
                Ok(more) => received.extend_from_slice(&part[..more]),
                Err(error) => panic!("{error} after {}", hex(&received)),
            }
        }
        received
    }

    /// Nothing more comes, and the connection is closed.
    pub fn expect_close(&mut self) {
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("not closed: {other:?}, {}", hex(&byte)),
        }
    }
}

/// Bytes from text: hexadecimal digits, two a byte, and text between single quotes. Spaces do not matter.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, part) in text.split('\'').enumerate() {
        if index % 2 == 1 {
            bytes.extend_from_slice(part.as_bytes());
            continue;
        }
        let digits: Vec<u8> =
            part.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap() as u8).collect();
        assert!(digits.len().is_multiple_of(2), "an odd number of digits in {text}");
        bytes.extend(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]));
    }
    bytes
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x} ")).collect()
}
