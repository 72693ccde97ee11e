//! Topic filters match what section 4.7 says, held against a naive reading of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqt_proto::{TopicFilter, TopicName};

fuzz_target!(|texts: (&str, &str)| {
    let (Ok(filter), Ok(topic)) = (TopicFilter::new(texts.0), TopicName::new(texts.1)) else { return };
    let levels: Vec<&str> = filter.matching_part().split('/').collect();
    let is_hidden = topic.starts_with('$') && matches!(levels.first(), Some(&("#" | "+")));
    let expected = !is_hidden && mqt_fuzz::matches_naively(&levels, &topic.split('/').collect::<Vec<_>>());
    assert_eq!(filter.matches(&topic), expected, "{filter} {topic}");
});
