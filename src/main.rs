//! The `mqt` program: argv in, exit status out.

fn main() {}
