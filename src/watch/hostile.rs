//! Messages that try to drive the terminal, and a terminal parser that notices when one of them does.
//!
//! What is dangerous is written down here a second time, apart from the escaper that is under test. The tests of
//! the program in a terminal use this file, too.

use unicode_width::UnicodeWidthChar as _;

/// The pieces that terminals act on, glued together at random, with random characters between.
const PIECES: [&str; 22] = [
    "\x1b]0;title\x07",
    "\x1b]52;c;aGk=\x07",
    "\x1b[2J",
    "\x1b[31m",
    "\x1bc",
    "\x1bP1;2q#\x1b\\",
    "\u{9b}2J",
    "\u{90}q\u{9c}",
    "\u{202e}",
    "\u{2066}",
    "\u{200d}",
    "\u{feff}",
    "o\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "\u{338}\u{20dd}",
    "温度",
    "❤\u{fe0f}",
    "👨\u{200d}👩\u{1f3fd}",
    "\u{1f1e9}\u{1f1ea}",
    "\u{1100}\u{1161}\u{11a8}",
    "\r\n\t\x08",
    "{\"a\":1}",
    "\u{e0041}",
];

/// A source of hostile topics and payloads, the same for the same seed.
pub struct Hostile(u64);

impl Hostile {
    /// With a seed, which is not zero.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below this one.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..=self.below(5) {
            if self.below(3) == 0 {
                // One plane in eight is all that scripts, marks and controls are in.
                let end = if self.below(8) == 0 { 0x11_0000 } else { 0x2_0000 };
                text.extend((0..4).filter_map(|_| char::from_u32(self.below(end) as u32)));
            } else {
                text.push_str(PIECES[self.below(PIECES.len() as u64) as usize]);
            }
        }
        text
    }

    /// A topic, now and then of several levels.
    pub fn topic(&mut self) -> String {
        let mut topic = self.text();
        if self.below(8) == 0 {
            topic.push('/');
            topic.push_str(&self.text());
        }
        topic.replace(['\0', '+', '#'], "/").chars().take(200).collect::<String>() + "x"
    }

    /// A payload, text or not.
    pub fn payload(&mut self) -> Vec<u8> {
        let mut payload = self.text().into_bytes();
        if self.below(4) == 0 {
            payload.extend((0..8).map(|_| self.below(256) as u8));
        }
        payload
    }
}

/// What a terminal obeys, hides, or reorders text by: none of it may be printed.
pub fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// More marks than this on one character would cover other lines.
const MOST_MARKS: usize = 4;

/// Takes note of all that a terminal would act upon, and of how much it prints.
#[derive(Default)]
pub struct Acts {
    /// What is not the program's own, in words.
    pub strange: Vec<String>,
    /// How many characters were printed.
    pub printed: u64,
    /// Marks on the last character; `None`: the cursor was moved, and nothing is there to carry one.
    marks: Option<usize>,
}

impl Acts {
    fn note(&mut self, what: String) {
        if self.strange.len() < 20 {
            self.strange.push(what);
        }
    }
}

impl vte::Perform for Acts {
    fn print(&mut self, character: char) {
        self.printed += 1;
        if is_dangerous(character) {
            self.note(format!("prints {:x}", u32::from(character)));
        }
        if character.width() != Some(0) {
            self.marks = Some(0);
            return;
        }
        match self.marks {
            Some(count) if count < MOST_MARKS => self.marks = Some(count + 1),
            Some(_) => self.note(format!("piles {:x} up", u32::from(character))),
            None => self.note(format!("prints {:x} on what was there", u32::from(character))),
        }
    }

    fn execute(&mut self, byte: u8) {
        self.note(format!("control {byte:#x}"));
    }

    fn hook(&mut self, _: &vte::Params, _: &[u8], _: bool, action: char) {
        self.note(format!("device control {action}"));
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _: bool) {
        self.note(format!("operating system command {params:?}"));
    }

    fn csi_dispatch(&mut self, params: &vte::Params, marks: &[u8], _: bool, action: char) {
        let first = params.iter().next().map_or(0, |values| values[0]);
        let ours = match (marks, action) {
            // Move the cursor; colours and the like; clear the screen.
            (b"", 'H' | 'm') => true,
            (b"", 'J') => first == 2,
            (b"?", 'h' | 'l') => matches!(first, 25 | 1000 | 1006 | 1049 | 2004),
            _ => false,
        };
        if !ours {
            self.note(format!("CSI {marks:?} {first} {action}"));
        }
        self.marks = None;
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        self.note(format!("escape {byte:#x}"));
    }
}
