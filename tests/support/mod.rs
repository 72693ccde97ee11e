//! What the tests stand on.

pub mod broker;
pub mod certs;
#[cfg(unix)]
pub mod foreign;
#[cfg(unix)]
pub mod mosquitto;
pub mod mqt;
pub mod port;
pub mod proxy;
pub mod scripted;
pub mod skip;
pub mod wire;

/// Looks again and again until the condition holds. Fails after longer than anything takes.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "{what}: this does not come true");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
