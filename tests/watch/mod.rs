//! `mqt watch` as people and scripts meet it.

#[cfg(unix)]
#[path = "../../src/watch/hostile.rs"]
mod hostile;
mod once;
#[cfg(unix)]
mod replay;
#[cfg(unix)]
mod safety;
#[cfg(unix)]
mod screen;
#[cfg(unix)]
mod tty;
