//! What holds for every formatter.

use super::fixture::with_properties;
use super::sanitize::is_unsafe;
use super::*;
use mqt_proto::Property;

/// Takes the colour sequences of the palette out of a text: what is left must be printable.
fn without_colours(text: &str, style: &Style) -> String {
    [Role::Topic, Role::Key].into_iter().fold(text.to_owned(), |text, role| {
        let (before, after) = style.around(role);
        text.replace(before, "").replace(after, "")
    })
}

/// F-100: what comes from outside reaches a terminal as printable text only, through whichever formatter,
/// and no escape sequence but the colours of this program comes out.
#[test]
fn a_terminal_gets_printable_text_and_our_colours_only() {
    const PIECES: [&str; 16] = [
        "\x1b]0;title\x07",
        "\x1b[2J",
        "\u{9b}2J",
        "\u{202e}",
        "\u{90}q\u{9c}",
        "\x1bP",
        "\u{200d}",
        "\u{2066}",
        "\u{e0001}",
        "\r",
        "\n",
        "\x08",
        "\u{feff}",
        "é世🎉",
        "\"\\",
        "plain",
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let style = Style::colored();
    let presentation = Presentation {
        target: Target::Terminal,
        newline: true,
        style: style.clone(),
        mosquitto_words: false,
    };
    let template = Template::parse("%t|%20p|%P|%C|%R|%D|%j|%J|%X").expect("a format");
    let mut formatters: Vec<(&str, Box<dyn Formatter>)> = vec![
        ("payload", Box::new(Text::payload(&presentation))),
        ("verbose", Box::new(Text::verbose(&presentation))),
        ("json", Box::new(Json::new(&presentation, false))),
        ("pretty json", Box::new(Json::new(&presentation, true))),
        ("template", Box::new(template.present(&presentation, false))),
    ];
    let mut out = Vec::new();
    for _ in 0..4_000 {
        let mut words = || {
            let count = 1 + next() % 4;
            (0..count).map(|_| PIECES[(next() % 16) as usize]).collect::<String>()
        };
        let (topic, mut payload) = (words(), words().into_bytes());
        let properties = vec![
            Property::UserProperty(words().into(), words().into()),
            Property::ContentType(words().into()),
            Property::ResponseTopic(words().into()),
            Property::CorrelationData(words().into()),
        ];
        match next() % 3 {
            0 => payload.extend_from_slice(&next().to_le_bytes()),
            1 => payload = format!("{{\"a\":[{:?}]}}", next()).into_bytes(),
            _ => {}
        }
        let delivery = with_properties(&topic, &payload, properties);
        for (name, formatter) in &mut formatters {
            out.clear();
            formatter.format(&delivery, &mut out);
            let text = std::str::from_utf8(&out).expect("UTF-8");
            let left = without_colours(text, &style);
            assert!(!left.chars().any(|c| is_unsafe(c) && c != '\n' && c != '\t'), "{name}: {text:?}");
            for warning in formatter.take_warnings() {
                assert!(!warning.chars().any(is_unsafe), "{warning:?}");
            }
        }
    }
}
