//! Bytes for people and programs: pure functions into buffers.
