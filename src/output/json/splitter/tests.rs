//! Objects are found wherever the input is cut, and what is not one is reported with its place.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::parse_message;
use super::*;

/// What is found in blocks that end at these places, in one line each: the place and the payload or the fault.
fn found(blocks: &[&[u8]], largest: usize) -> Vec<String> {
    let mut splitter = Splitter::new(largest);
    let mut all = Vec::new();
    let mut take = |splitter: &mut Splitter| {
        while let Some(Found { begins, object }) = splitter.next(&mut parse_message) {
            all.push(match object {
                Ok(message) => {
                    format!("{begins}: = {}", String::from_utf8_lossy(&message.payload.unwrap_or_default()))
                }
                Err(fault) => format!("{begins}: {fault}"),
            });
        }
    };
    for block in blocks {
        splitter.push(Bytes::copy_from_slice(block));
        take(&mut splitter);
        assert!(splitter.is_empty());
    }
    splitter.finish();
    take(&mut splitter);
    assert!(splitter.is_done());
    assert_eq!(splitter.consumed(), blocks.iter().map(|block| block.len() as u64).sum::<u64>());
    all
}

/// The same however the input is cut in two or three, or into bytes.
#[track_caller]
fn check_limited(input: &[u8], largest: usize, expected: &[&str]) {
    assert_eq!(found(&[input], largest), expected, "whole");
    for first in 0..=input.len() {
        let (a, rest) = input.split_at(first);
        assert_eq!(found(&[a, rest], largest), expected, "cut at {first}");
        for second in 0..=rest.len() {
            let (b, c) = rest.split_at(second);
            assert_eq!(found(&[a, b, c], largest), expected, "cut at {first} and {}", first + second);
        }
    }
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(found(&bytes, largest), expected, "byte by byte");
}

#[track_caller]
fn check(input: &str, expected: &[&str]) {
    check_limited(input.as_bytes(), 1_000, expected);
}

#[test]
fn objects_one_a_line_behind_one_another_and_over_lines() {
    check("", &[]);
    check(" \r\n\n", &[]);
    check("{\"payload\":1}\n{\"payload\":2}", &["line 1: = 1", "line 2: = 2"]);
    check("{\"payload\":1}\r\n\r\n {\"payload\":2}\r\n", &["line 1: = 1", "line 3, column 2: = 2"]);
    check(
        "{\"payload\":1}{\"payload\":2}{}",
        &["line 1: = 1", "line 1, column 14: = 2", "line 1, column 27: = "],
    );
    check("{\n  \"payload\": 1\n}\n{\n  \"payload\": {\n  }\n}\n", &["line 1: = 1", "line 4: = {\n  }"]);
    check("{\"payload\":{}\n}{\"payload\":\n2}\n", &["line 1: = {}", "line 2, column 2: = 2"]);
}

#[test]
fn arrays_are_opened() {
    check("[]", &[]);
    check("[\n]\n[{}]{}", &["line 3, column 2: = ", "line 3, column 5: = "]);
    check("[{\"payload\":[1]},{\"payload\":2}]\n", &["line 1, column 2: = [1]", "line 1, column 18: = 2"]);
    check("[\n  {},\n  {}\n]\n{}", &["line 2, column 3: = ", "line 3, column 3: = ", "line 5: = "]);
    let open = "line 1, column 4: not a JSON object: ',' or ']' expected at column 4";
    check("[{}", &["line 1, column 2: = ", open]);
    check(
        "[{},",
        &["line 1, column 2: = ", "line 1, column 5: not a JSON object: an object expected at column 5"],
    );
    check("[", &["line 1, column 2: not a JSON object: an object or ']' expected at column 2"]);
    check(
        "[1]\n{}",
        &["line 1, column 2: not a JSON object: an object or ']' expected at column 2", "line 2: = "],
    );
    check(
        "[{},]",
        &["line 1, column 2: = ", "line 1, column 5: not a JSON object: an object expected at column 5"],
    );
    check(
        "[{}\n{}]",
        &["line 1, column 2: = ", "line 2: not a JSON object: ',' or ']' expected at column 1", "line 2: = "],
    );
    check("[[{}]]\n", &["line 1, column 2: not a JSON object: an object or ']' expected at column 2"]);
}

#[test]
fn brackets_and_escapes_in_strings_are_text() {
    check(
        r#"{"payload":"}{][\"\\"}{"payload":"\u007d\\\""}"#,
        &["line 1: = }{][\"\\", "line 1, column 23: = }\\\""],
    );
    check("{\"payload\":\"é😀\"}{}", &["line 1: = é😀", "line 1, column 17: = "]);
    check("{\"payload\":[\"]\",{\"a}\":\"{\"}]\n}", &["line 1: = [\"]\",{\"a}\":\"{\"}]"]);
}

#[test]
fn what_is_broken_does_not_swallow_what_follows() {
    // A string without its end, a brace that is missing, no JSON at all: each on its line.
    check(
        "{\"payload\":\"x}\n{\"payload\":2}",
        &["line 1: not a JSON object: '\"' at the end of the string expected at column 15", "line 2: = 2"],
    );
    check(
        "{\"payload\":1\n{\"payload\":2}\n",
        &["line 1: not a JSON object: ',' or '}' expected at line 2, column 1", "line 2: = 2"],
    );
    check(
        "{\"qos\":1\nno JSON\n  no more\n{}",
        &["line 1: not a JSON object: ',' or '}' expected at line 2, column 1", "line 4: = "],
    );
    check(
        "no\n42\n{}\n\"{}\"\n",
        &[
            "line 1: not a JSON object: an object expected at column 1",
            "line 2: not a JSON object: an object expected at column 1",
            "line 3: = ",
            "line 4: not a JSON object: an object expected at column 1",
        ],
    );
    check(
        "{} x\n{é\n{\"qos\":tru}{}",
        &[
            "line 1: = ",
            "line 1, column 4: not a JSON object: an object expected at column 4",
            "line 2: not a JSON object: a key in double quotes expected at column 2",
            "line 3: not a JSON object: a value expected at column 8",
            "line 3, column 12: = ",
        ],
    );
    check("{\"payload\":", &["line 1: not a JSON object: a value expected at column 12"]);
    check("{\"qos\":9}{}", &["line 1: \"qos\" must be 0, 1 or 2", "line 1, column 10: = "]);
}

#[test]
fn the_objects_in_a_broken_one_are_none() {
    check(
        "{\n  \"qos\" 1,\n  \"payload\":\n  {\n  }\n}\n{}\n",
        &["line 1: not a JSON object: ':' expected at line 2, column 9", "line 7: = "],
    );
    check(
        "[\n  {\n    \"qos\": ,\n    {}\n  },\n  {},\n  {}\n]\n{}",
        &[
            "line 2, column 3: not a JSON object: a value expected at line 3, column 12",
            "line 6, column 3: = ",
            "line 7, column 3: = ",
            "line 9: = ",
        ],
    );
}

#[test]
fn byte_order_marks() {
    check("\u{feff}{\"payload\":1}{}", &["line 1: = 1", "line 1, column 14: = "]);
    check("\u{feff}", &[]);
    let utf16 = ["line 1: UTF-16; convert it: iconv -f UTF-16 -t UTF-8"];
    check_limited(b"\xff\xfe{\0}\0\n\0", 100, &utf16);
    check_limited(b"\xfe\xff\0{\0}", 100, &utf16);
    let none = "line 1: not a JSON object: an object expected at column 1";
    check_limited(b"\xef{}\n{}", 100, &[none, "line 2: = "]);
    check_limited(b"\xef\xbb", 100, &[none]);
    check_limited(b"\xff", 100, &[none]);
}

#[test]
fn no_object_is_longer_than_the_limit() {
    let long = "line 2: it is longer than any MQTT packet";
    check_limited(b"{}\n{\"payload\":\"}{}\"}\n{}", 10, &["line 1: = ", long, "line 3: = "]);
    // It breaks, too: told once.
    check_limited(b"{}\n{\"payload\":\"}{\n{}", 10, &["line 1: = ", long, "line 3: = "]);
    check_limited(b"{}\n{\"payload\":\"}{", 10, &["line 1: = ", long]);
}

#[test]
fn as_deep_as_the_parser_goes() {
    let nested = |depth| format!("{{\"payload\":{}{}}}{{}}", "[".repeat(depth), "]".repeat(depth));
    assert!(found(&[nested(MAX_DEPTH + 1).as_bytes()], 10_000)[0].starts_with("line 1: = [["));
    let deeper = found(&[nested(MAX_DEPTH + 2).as_bytes()], 10_000);
    assert!(deeper[0].contains("nesting of at most 1000 levels expected"), "{deeper:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    /// What is nearly JSON is found alike however it is cut.
    #[test]
    fn nearly_json_is_the_same_in_every_cut(
        text in "\u{feff}?([\\[\\]{},:\"\\\\ \n0é]|\\{\\}|\"qos\":|\\{\"qos\":1\\}\n|\n  \\{|\\},?\n){0,12}",
        cuts in (0_usize..40, 0_usize..40),
        largest in 4_usize..40,
    ) {
        let bytes = text.as_bytes();
        let first = cuts.0.min(bytes.len());
        let second = (first + cuts.1).min(bytes.len());
        let whole = found(&[bytes], largest);
        prop_assert_eq!(&found(&[&bytes[..first], &bytes[first..second], &bytes[second..]], largest), &whole);
        prop_assert_eq!(&found(&bytes.chunks(1).collect::<Vec<_>>(), largest), &whole);
    }

    /// An independent parser finds the same in a sequence of objects.
    #[test]
    fn agrees_with_an_independent_parser(
        payloads in proptest::collection::vec(".{0,10}", 0..6),
        between in "[ \n\r\t]{0,3}",
        pretty: bool,
    ) {
        let objects: Vec<serde_json::Value> =
            payloads.iter().map(|payload| serde_json::json!({ "payload": payload })).collect();
        let text = |object: &serde_json::Value| {
            if pretty { serde_json::to_string_pretty(object) } else { serde_json::to_string(object) }.expect("JSON")
        };
        let texts: Vec<String> = objects.iter().map(text).collect();
        for input in [texts.join(&between), text(&serde_json::Value::Array(objects))] {
            let payload = |line: String| line.split_once(": = ").map(|(_, payload)| payload.to_owned());
            let all: Option<Vec<String>> = found(&[input.as_bytes()], 1_000).into_iter().map(payload).collect();
            prop_assert_eq!(all.as_ref(), Some(&payloads));
        }
    }
}
