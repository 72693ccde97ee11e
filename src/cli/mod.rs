//! What was typed: clap definitions and value parsers, without IO.
