//! Text from outside on its way to a terminal: nothing that a terminal obeys comes out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqt::output::sanitize::{escape_bytes, is_unsafe};

fuzz_target!(|data: &[u8]| {
    let text = escape_bytes(data);
    assert!(!text.chars().any(is_unsafe), "{text:?}");
});
