//! Reads what a terminal sends: keys, the mouse, pasted text. Bytes go in, as many and cut as they come.
//!
//! crossterm has a reader, too. It waits for the next byte while there are still some that it has not read, so that
//! the rest of a burst of more than 1,024 bytes stays where it is until somebody presses another key.

use ratatui::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

/// More of a pasted text is left out, in bytes.
const LONGEST_PASTE: usize = 1 << 20;
/// What ends it.
const PASTE_END: &[u8] = b"\x1b[201~";
/// No sequence is longer; one that seems to be is none.
const LONGEST: usize = 64;

/// What has come and is not read yet.
#[derive(Debug, Default)]
pub struct Keys {
    begun: Vec<u8>,
    paste: Option<Vec<u8>>,
}

/// What stands at the beginning of some bytes.
enum Found {
    /// More bytes are needed to tell.
    Begun,
    /// This many bytes are a key or the like, or nothing that is known here.
    Whole(usize, Option<Event>),
    /// This many bytes begin a pasted text.
    Paste(usize),
}

impl Keys {
    /// Takes bytes in and returns what is whole by now.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        self.begun.extend_from_slice(bytes);
        let begun = std::mem::take(&mut self.begun);
        let mut rest = begun.as_slice();
        while let Some(byte) = rest.first() {
            let used = match &mut self.paste {
                Some(text) => {
                    text.push(*byte);
                    if text.ends_with(PASTE_END) {
                        text.truncate(text.len() - PASTE_END.len());
                        events.push(Event::Paste(String::from_utf8_lossy(text).into_owned()));
                        self.paste = None;
                    } else if text.len() >= LONGEST_PASTE + PASTE_END.len() {
                        text.remove(LONGEST_PASTE);
                    }
                    1
                }
                None => match find(rest) {
                    Found::Begun => break,
                    Found::Whole(length, event) => {
                        events.extend(event);
                        length
                    }
                    Found::Paste(length) => {
                        self.paste = Some(Vec::new());
                        length
                    }
                },
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        self.begun = rest.to_vec();
        events
    }

    /// Whether a sequence has begun, or Esc was pressed: which of them is told by what comes next, or by nothing.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.begun.is_empty()
    }

    /// Nothing more comes for now: what has begun is Esc, or nothing.
    pub fn end(&mut self) -> Option<Event> {
        let begun = std::mem::take(&mut self.begun);
        (begun == b"\x1b").then(|| key(KeyCode::Esc))
    }
}

fn key(code: KeyCode) -> Event {
    Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn find(bytes: &[u8]) -> Found {
    match bytes {
        [] | [0x1b] | [0x1b, b'O'] => Found::Begun,
        [0x1b, 0x1b, ..] => Found::Whole(1, Some(key(KeyCode::Esc))),
        [0x1b, b'[', rest @ ..] => sequence(rest),
        [0x1b, b'O', last, ..] => Found::Whole(3, named(*last).map(key)),
        [0x1b, rest @ ..] => match find(rest) {
            Found::Whole(length, Some(Event::Key(key))) => {
                let alt = KeyEvent::new(key.code, key.modifiers | KeyModifiers::ALT);
                Found::Whole(length + 1, Some(Event::Key(alt)))
            }
            Found::Whole(length, _) => Found::Whole(length + 1, None),
            other => other,
        },
        [b'\r', ..] => Found::Whole(1, Some(key(KeyCode::Enter))),
        [b'\t', ..] => Found::Whole(1, Some(key(KeyCode::Tab))),
        [0x7f, ..] => Found::Whole(1, Some(key(KeyCode::Backspace))),
        [byte @ 1..=26, ..] => {
            let letter = char::from(b'a' + byte - 1);
            Found::Whole(1, Some(Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL))))
        }
        [0..=0x1f, ..] => Found::Whole(1, None),
        _ => character(bytes),
    }
}

/// A character in UTF-8.
fn character(bytes: &[u8]) -> Found {
    let beginning = bytes.get(..4).unwrap_or(bytes);
    let valid = match std::str::from_utf8(beginning) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => {
            beginning.get(..error.valid_up_to()).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or("")
        }
        Err(error) => return error.error_len().map_or(Found::Begun, |length| Found::Whole(length, None)),
    };
    match valid.chars().next() {
        Some(character) => Found::Whole(character.len_utf8(), Some(key(KeyCode::Char(character)))),
        None => Found::Whole(1, None),
    }
}

/// What follows `ESC [`.
fn sequence(bytes: &[u8]) -> Found {
    // Function keys of the Linux console, and the mouse of terminals that know nothing newer.
    let fixed = match bytes.first() {
        Some(b'[') => 2,
        Some(b'M') => 4,
        _ => 0,
    };
    if fixed > 0 {
        let event = match bytes {
            [b'[', b'A', ..] => Some(key(KeyCode::F(1))),
            [b'M', button, x, y, ..] => mouse(
                u16::from(button.wrapping_sub(32)),
                x.wrapping_sub(32).into(),
                y.wrapping_sub(32).into(),
                true,
            ),
            _ => None,
        };
        return if bytes.len() < fixed { Found::Begun } else { Found::Whole(2 + fixed, event) };
    }
    let Some(end) = bytes.iter().position(|byte| !(0x20..=0x3f).contains(byte)) else {
        return if bytes.len() > LONGEST { Found::Whole(2 + bytes.len(), None) } else { Found::Begun };
    };
    let (parameters, last) = (&bytes[..end], bytes[end]);
    let length = end + 3;
    if !(0x40..=0x7e).contains(&last) {
        // It broke off, and something else begins here.
        return Found::Whole(length - 1, None);
    }
    let text = std::str::from_utf8(parameters).unwrap_or_default();
    let mut numbers = text.trim_start_matches('<').split(';').map(|number| number.parse::<u16>().ok());
    let mut next = || numbers.next().flatten();
    if text.starts_with('<') {
        let (button, x, y) = (next(), next(), next());
        let event = button.zip(x).zip(y).and_then(|((button, x), y)| mouse(button, x, y, last == b'M'));
        return Found::Whole(length, event);
    }
    let first = next().unwrap_or(1);
    let held = modifiers(next().unwrap_or(1));
    if (last, first) == (b'~', 200) {
        return Found::Paste(length);
    }
    let code = if last == b'~' { numbered(first) } else { named(last) };
    Found::Whole(length, code.map(|code| Event::Key(KeyEvent::new(code, held))))
}

/// Keys that a letter stands for.
fn named(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'M' => KeyCode::Enter,
        b'P' => KeyCode::F(1),
        b'Z' => KeyCode::BackTab,
        _ => return None,
    })
}

/// Keys that a number stands for.
fn numbered(number: u16) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11 => KeyCode::F(1),
        _ => return None,
    })
}

/// The keys that are held down with another one: one more than their bits.
fn modifiers(number: u16) -> KeyModifiers {
    let bits = number.saturating_sub(1);
    let mut held = KeyModifiers::NONE;
    for (bit, modifier) in [(1, KeyModifiers::SHIFT), (2, KeyModifiers::ALT), (4, KeyModifiers::CONTROL)] {
        if bits & bit != 0 {
            held |= modifier;
        }
    }
    held
}

/// The left button that goes down, and the wheel; places count from 1.
fn mouse(button: u16, x: u16, y: u16, is_down: bool) -> Option<Event> {
    // Shift, Alt and Ctrl make no difference.
    let kind = match button & !0b1_1100 {
        0 if is_down => MouseEventKind::Down(MouseButton::Left),
        64 => MouseEventKind::ScrollUp,
        65 => MouseEventKind::ScrollDown,
        _ => return None,
    };
    let (column, row) = (x.checked_sub(1)?, y.checked_sub(1)?);
    Some(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: KeyModifiers = KeyModifiers::NONE;

    fn pressed(code: KeyCode, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(code, modifiers))
    }

    /// What some bytes are, all at once and one by one.
    #[track_caller]
    fn read(bytes: &[u8]) -> Vec<Event> {
        let mut whole = Keys::default();
        let mut events = whole.push(bytes);
        events.extend(whole.end());
        let mut keys = Keys::default();
        let mut one_by_one: Vec<Event> = bytes.iter().flat_map(|byte| keys.push(&[*byte])).collect();
        one_by_one.extend(keys.end());
        assert_eq!(one_by_one, events);
        events
    }

    #[test]
    fn keys_are_read() {
        let control = KeyModifiers::CONTROL;
        for (bytes, code, modifiers) in [
            ("a", KeyCode::Char('a'), NONE),
            ("ä", KeyCode::Char('ä'), NONE),
            ("温", KeyCode::Char('温'), NONE),
            ("🦀", KeyCode::Char('🦀'), NONE),
            ("\r", KeyCode::Enter, NONE),
            ("\n", KeyCode::Char('j'), control),
            ("\t", KeyCode::Tab, NONE),
            ("\x7f", KeyCode::Backspace, NONE),
            ("\x03", KeyCode::Char('c'), control),
            ("\x1a", KeyCode::Char('z'), control),
            ("\x1b", KeyCode::Esc, NONE),
            ("\x1b\r", KeyCode::Enter, KeyModifiers::ALT),
            ("\x1bx", KeyCode::Char('x'), KeyModifiers::ALT),
            ("\x1b[A", KeyCode::Up, NONE),
            ("\x1bOB", KeyCode::Down, NONE),
            ("\x1b[1;5C", KeyCode::Right, control),
            ("\x1b[H", KeyCode::Home, NONE),
            ("\x1b[4~", KeyCode::End, NONE),
            ("\x1b[3~", KeyCode::Delete, NONE),
            ("\x1b[5~", KeyCode::PageUp, NONE),
            ("\x1b[6;2~", KeyCode::PageDown, KeyModifiers::SHIFT),
            ("\x1b[Z", KeyCode::BackTab, NONE),
            ("\x1bOP", KeyCode::F(1), NONE),
            ("\x1b[11~", KeyCode::F(1), NONE),
            ("\x1b[[A", KeyCode::F(1), NONE),
        ] {
            assert_eq!(read(bytes.as_bytes()), [pressed(code, modifiers)], "{bytes:?}");
        }
    }

    #[test]
    fn keys_follow_each_other() {
        let codes = [KeyCode::Esc, KeyCode::Up, KeyCode::Char('q'), KeyCode::Esc];
        assert_eq!(read(b"\x1b\x1b[Aq\x1b"), codes.map(|code| pressed(code, NONE)));
        assert_eq!(read(&b"j".repeat(5_000)).len(), 5_000);
    }

    #[test]
    fn what_is_unknown_or_broken_is_left_out() {
        for bytes in [
            &b"\x1b[99~"[..],
            b"\x1b[?1;2c",
            b"\x1b[I",
            b"\x1b[",
            b"\x1b[1;",
            b"\x1bOz",
            b"\xff",
            b"\xe6\xb8",
            b"\0",
            b"\x1b\x1c",
        ] {
            assert_eq!(read(bytes), [], "{bytes:?}");
        }
        // The next one is not: where it breaks off is seen.
        assert_eq!(read(b"\x1b[99~\xffq"), [pressed(KeyCode::Char('q'), NONE)]);
        assert_eq!(read(b"\x1b[1\x1b[A"), [pressed(KeyCode::Up, NONE)]);
        let endless = [b"\x1b[".as_slice(), &b"1".repeat(10 * LONGEST)].concat();
        let mut keys = Keys::default();
        keys.push(&endless);
        assert!(!keys.is_open());
    }

    #[test]
    fn the_mouse_is_read() {
        let at = |kind| Event::Mouse(MouseEvent { kind, column: 9, row: 4, modifiers: NONE });
        let left = MouseEventKind::Down(MouseButton::Left);
        assert_eq!(read(b"\x1b[<0;10;5M\x1b[<0;10;5m"), [at(left)]);
        assert_eq!(read(b"\x1b[<64;10;5M"), [at(MouseEventKind::ScrollUp)]);
        assert_eq!(read(b"\x1b[<81;10;5M"), [at(MouseEventKind::ScrollDown)]);
        assert_eq!(read(b"\x1b[M *%"), [at(left)]);
        assert_eq!(read(b"\x1b[<2;10;5M\x1b[<0;0;0M\x1b[<0;9M\x1b[<32;1;1M"), []);
    }

    #[test]
    fn pasted_text_is_one_piece_whatever_is_in_it() {
        assert_eq!(
            read(b"\x1b[200~a\nq\x1b[A\x03\x1b[201~x"),
            [Event::Paste("a\nq\x1b[A\x03".to_owned()), pressed(KeyCode::Char('x'), NONE)]
        );
        assert_eq!(read(b"\x1b[200~\x1b[201~"), [Event::Paste(String::new())]);
        let long = [b"\x1b[200~".as_slice(), &b"x".repeat(LONGEST_PASTE + 100), PASTE_END, b"q"].concat();
        let events = Keys::default().push(&long);
        assert!(events == [Event::Paste("x".repeat(LONGEST_PASTE)), pressed(KeyCode::Char('q'), NONE)]);
        // It may end at any time.
        let mut keys = Keys::default();
        assert_eq!(keys.push(b"\x1b[200~abc\x1b[20"), []);
        assert!(!keys.is_open());
        assert_eq!(keys.push(b"1~"), [Event::Paste("abc".to_owned())]);
    }
}
