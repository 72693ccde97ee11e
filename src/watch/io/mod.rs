//! Where `mqt watch` meets the world: the terminal, the connection, recordings, and the two loops.

#[cfg(test)]
mod hostile_broker;
mod recorder;
mod replay;
mod screen_loop;
pub(crate) mod table_loop;
pub(crate) mod terminal;
pub(crate) mod watcher;
