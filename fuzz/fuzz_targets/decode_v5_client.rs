//! MQTT 5 as a client receives it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqt_proto::Version;
use mqt_proto::codec::Receiver;

fuzz_target!(|data: &[u8]| mqt_fuzz::decode_stream(Version::V5, Receiver::Client, data));
