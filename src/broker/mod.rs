//! The dev broker: the same protocol over the same transports, in one process and in memory.
