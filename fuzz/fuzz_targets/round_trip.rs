//! Whatever the codec reads it writes, and reads again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqt_proto::Version;
use mqt_proto::codec::Receiver;

fuzz_target!(|data: &[u8]| {
    for version in [Version::V31, Version::V311, Version::V5] {
        for receiver in [Receiver::Client, Receiver::Server] {
            mqt_fuzz::round_trip(version, receiver, data);
        }
    }
});
