//! What is on the screen and how it changes: no terminal, no connection, no clock.

pub(crate) mod app;
pub(crate) mod detail;
pub(crate) mod diff;
pub(crate) mod document;
pub(crate) mod edit;
pub(crate) mod filter;
pub(crate) mod form;
pub(crate) mod layout;
pub(crate) mod store;
pub(crate) mod tree;
