//! `mqt watch` as people and scripts meet it.

mod once;
#[cfg(unix)]
mod replay;
#[cfg(unix)]
mod safety;
#[cfg(unix)]
mod screen;
#[cfg(unix)]
mod tty;
