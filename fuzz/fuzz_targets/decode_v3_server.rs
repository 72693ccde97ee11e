//! MQTT 3.1 and 3.1.1 as a server receives it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqt_proto::Version;
use mqt_proto::codec::Receiver;

fuzz_target!(|data: &[u8]| {
    for version in [Version::V31, Version::V311] {
        mqt_fuzz::decode_stream(version, Receiver::Server, data);
    }
});
