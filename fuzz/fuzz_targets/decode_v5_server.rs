//! MQTT 5 as a server receives it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqt_proto::Version;
use mqt_proto::codec::Receiver;

fuzz_target!(|data: &[u8]| mqt_fuzz::decode_stream(Version::V5, Receiver::Server, data));
