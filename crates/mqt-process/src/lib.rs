//! What the program owes the system that runs it: it ends when a signal asks for that, whatever it waits for, and it
//! says what is missing when descriptors run out.
//!
//! [`signal`] decides what a signal does: before a command listens, and while it is inside of a call that may block,
//! the default action stays. [`mod@file`] is the only way to files by name, and every call in it is such a call: a FIFO
//! that nobody opens, or a mount that hangs, cannot keep the program from being ended. [`text_file`] reads those that
//! hold text, and words what is wrong with them.

#![doc = include_str!("../README.md")]
#![warn(unreachable_pub)]

pub mod descriptors;
pub mod file;
mod handlers;
pub mod random;
pub mod readiness;
pub mod signal;
pub mod text_file;
