//! Packets as text in tests: the bytes as the standard prints them.

/// Bytes from text. Hexadecimal digits, two a byte; text between single quotes as it is; text between
/// backticks after its length in two bytes; what is in parentheses after its length as a variable byte
/// integer. Spaces do not matter. `30 (`a/b` 00 'hi')` is a PUBLISH of MQTT 5.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut open: Vec<Vec<u8>> = vec![Vec::new()];
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let last = open.last_mut().unwrap();
        match c {
            ' ' | '\n' => {}
            '\'' => last.extend(rest.by_ref().take_while(|c| *c != '\'').collect::<String>().bytes()),
            '`' => {
                let string: String = rest.by_ref().take_while(|c| *c != '`').collect();
                last.extend(u16::try_from(string.len()).unwrap().to_be_bytes());
                last.extend(string.bytes());
            }
            '(' => open.push(Vec::new()),
            ')' => {
                let inner = open.pop().unwrap();
                let outer = open.last_mut().unwrap();
                outer.extend(variable_byte_integer(inner.len()));
                outer.extend(inner);
            }
            high => {
                let pair = [high, rest.next().unwrap()].map(|c| c.to_digit(16).expect(text) as u8);
                last.push(pair[0] << 4 | pair[1]);
            }
        }
    }
    assert_eq!(open.len(), 1, "parentheses in {text}");
    open.remove(0)
}

fn variable_byte_integer(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let more = if value > 127 { 0x80 } else { 0 };
        bytes.push((value & 127) as u8 | more);
        value >>= 7;
        if value == 0 {
            return bytes;
        }
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x} ")).collect()
}
