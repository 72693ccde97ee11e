//! What people type and write into files: formats, URLs, messages as JSON. No panic, and a URL that is
//! accepted says itself again.
#![no_main]

use std::time::SystemTime;

use libfuzzer_sys::fuzz_target;
use mqt_client::Endpoint;
use mqt_proto::packet::Publish;
use mqt_proto::{Message, TopicName};
use mqt::output::json::parse_message;
use mqt::output::{Delivery, Formatter, Template};

fuzz_target!(|data: &[u8]| {
    let _ = parse_message(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(endpoint) = text.parse::<Endpoint>()
        && endpoint.password().is_none()
    {
        assert_eq!(endpoint.to_string().parse::<Endpoint>().as_ref(), Ok(&endpoint), "{text:?}");
    }
    if let Ok(mut template) = Template::parse(text) {
        let message = Message { topic: TopicName::new("a/b").unwrap(), payload: "12".into(), ..Message::default() };
        let publish = Publish { dup: false, packet_id: None, message };
        template.format(&Delivery { publish, received: SystemTime::UNIX_EPOCH }, &mut Vec::new());
    }
});
