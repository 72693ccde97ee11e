//! Ports for programs that cannot be asked to take a free one themselves.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that systems give to outgoing connections, so that none of those takes one meanwhile.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A port of this machine that was free a moment ago, and that this process has not been given before.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two processes begin at different places.
    let start = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(COUNT)).unwrap();
    loop {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(offset < COUNT, "no port is free");
        let port = FIRST + (start + offset) % COUNT;
        let free = |address| TcpListener::bind((address, port)).is_ok();
        if free(Ipv4Addr::LOCALHOST) && free(Ipv4Addr::UNSPECIFIED) {
            return port;
        }
    }
}
