//! Packets as text, field by field: a decoder of its own, written from the standards, that shares nothing with
//! the one in the program.

use std::fmt::Write as _;

/// A packet whose fields can be compared and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    pub packet: &'static str,
    /// Name and value, in the order of the wire.
    pub fields: Vec<(&'static str, String)>,
}

impl Fields {
    /// Replaces the value of a field, if there is one of this name.
    pub fn set(&mut self, name: &str, value: impl FnOnce(&str) -> String) {
        if let Some((_, field)) = self.fields.iter_mut().find(|(field, _)| *field == name) {
            *field = value(field);
        }
    }
}

impl std::fmt::Display for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.packet)?;
        self.fields.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// The packets of one direction. `level` is the protocol level of the CONNECT; in the direction that starts
/// with CONNECT it may be `None`. What is no packet ends the list as a packet named `garbage`.
pub fn decode(mut bytes: &[u8], mut level: Option<u8>) -> Vec<Fields> {
    let mut packets = Vec::new();
    while !bytes.is_empty() {
        let mut reader = Reader(bytes);
        let Some(packet) = reader.packet(&mut level) else {
            packets.push(Fields { packet: "garbage", fields: vec![("bytes", quoted(bytes))] });
            break;
        };
        packets.push(packet);
        bytes = reader.0;
    }
    packets
}

/// The protocol level of the CONNECT that these bytes start with.
pub fn level(bytes: &[u8]) -> Option<u8> {
    let mut level = None;
    Reader(bytes).packet(&mut level);
    level
}

fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

const NAMES: [&str; 16] = [
    "reserved",
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH",
];

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn number(&mut self, bytes: usize) -> Option<u32> {
        Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    fn variable(&mut self) -> Option<u32> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value |= u32::from(byte & 127) << shift;
            if byte < 128 {
                return Some(value);
            }
        }
        None
    }

    fn binary(&mut self) -> Option<&'a [u8]> {
        let length = self.number(2)?;
        self.take(length as usize)
    }

    fn text(&mut self) -> Option<String> {
        self.binary().map(quoted)
    }

    fn packet(&mut self, level: &mut Option<u8>) -> Option<Fields> {
        let first = self.byte()?;
        let length = self.variable()?;
        let mut body = Reader(self.take(length as usize)?);
        let mut fields = vec![("flags", format!("{:04b}", first & 15))];
        body.body(first, level, &mut fields)?;
        if !body.0.is_empty() {
            fields.push(("more", quoted(body.0)));
        }
        Some(Fields { packet: NAMES[usize::from(first >> 4)], fields })
    }

    fn body(
        &mut self,
        first: u8,
        level: &mut Option<u8>,
        fields: &mut Vec<(&'static str, String)>,
    ) -> Option<()> {
        let mut add = |name, value| fields.push((name, value));
        match first >> 4 {
            1 => {
                add("protocol", self.text()?);
                let protocol = self.byte()?;
                *level = Some(protocol);
                add("level", protocol.to_string());
                let flags = self.byte()?;
                add("connect-flags", format!("{flags:08b}"));
                add("keep-alive", self.number(2)?.to_string());
                if protocol == 5 {
                    add("properties", self.properties()?);
                }
                add("client-id", self.text()?);
                if flags & 0x04 != 0 {
                    if protocol == 5 {
                        add("will-properties", self.properties()?);
                    }
                    add("will-topic", self.text()?);
                    add("will-payload", self.text()?);
                }
                if flags & 0x80 != 0 {
                    add("user-name", self.text()?);
                }
                if flags & 0x40 != 0 {
                    add("password", self.text()?);
                }
            }
            2 => {
                add("acknowledge-flags", self.byte()?.to_string());
                add("reason", self.byte()?.to_string());
                if *level == Some(5) {
                    add("properties", self.properties()?);
                }
            }
            3 => {
                add("topic", self.text()?);
                if first & 0x06 != 0 {
                    add("id", self.number(2)?.to_string());
                }
                if *level == Some(5) {
                    add("properties", self.properties()?);
                }
                add("payload", quoted(std::mem::take(&mut self.0)));
            }
            4..=7 => {
                add("id", self.number(2)?.to_string());
                self.reason_and_properties(&mut add)?;
            }
            8 | 10 => {
                add("id", self.number(2)?.to_string());
                if *level == Some(5) {
                    add("properties", self.properties()?);
                }
                while !self.0.is_empty() {
                    add("filter", self.text()?);
                    if first >> 4 == 8 {
                        add("options", format!("{:08b}", self.byte()?));
                    }
                }
            }
            9 | 11 => {
                add("id", self.number(2)?.to_string());
                if *level == Some(5) {
                    add("properties", self.properties()?);
                }
                while let Some(reason) = self.byte() {
                    add("reason", reason.to_string());
                }
            }
            14 | 15 => self.reason_and_properties(&mut add)?,
            _ => {}
        }
        Some(())
    }

    /// Both may be left out in MQTT 5, and are not there before it.
    fn reason_and_properties(&mut self, add: &mut impl FnMut(&'static str, String)) -> Option<()> {
        if let Some(reason) = self.byte() {
            add("reason", reason.to_string());
            if !self.0.is_empty() {
                add("properties", self.properties()?);
            }
        }
        Some(())
    }

    /// Section 2.2.2 of MQTT 5.
    fn properties(&mut self) -> Option<String> {
        let length = self.variable()?;
        let mut reader = Reader(self.take(length as usize)?);
        let mut text = String::from("[");
        while let Some(identifier) = reader.byte() {
            if text.len() > 1 {
                text.push(' ');
            }
            let value = match identifier {
                0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => reader.byte()?.to_string(),
                0x13 | 0x21..=0x23 => reader.number(2)?.to_string(),
                0x02 | 0x11 | 0x18 | 0x27 => reader.number(4)?.to_string(),
                0x0B => reader.variable()?.to_string(),
                0x26 => format!("{}:{}", reader.text()?, reader.text()?),
                0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1A | 0x1C | 0x1F => reader.text()?,
                _ => return None,
            };
            write!(text, "{identifier:02x}:{value}").unwrap();
        }
        text.push(']');
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::decode;
    use crate::support::wire::bytes;

    fn texts(wire: &str, level: Option<u8>) -> Vec<String> {
        decode(&bytes(wire), level).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn packets_of_mqtt_3_1_1_are_read() {
        let client = "10 (`MQTT` 04 EE 003C `me` `will` `gone` `user` `pw`) 33 (`a/b` 0001 'hi') \
                      82 (0002 `a` 00 `b` 02) E0 00";
        assert_eq!(
            texts(client, None),
            [
                "CONNECT flags=0000 protocol=\"MQTT\" level=4 connect-flags=11101110 keep-alive=60 \
                 client-id=\"me\" will-topic=\"will\" will-payload=\"gone\" user-name=\"user\" password=\"pw\"",
                "PUBLISH flags=0011 topic=\"a/b\" id=1 payload=\"hi\"",
                "SUBSCRIBE flags=0010 id=2 filter=\"a\" options=00000000 filter=\"b\" options=00000010",
                "DISCONNECT flags=0000",
            ]
        );
        assert_eq!(
            texts("20 02 01 05 40 02 0001 90 (0002 00 80)", Some(4)),
            [
                "CONNACK flags=0000 acknowledge-flags=1 reason=5",
                "PUBACK flags=0000 id=1",
                "SUBACK flags=0000 id=2 reason=0 reason=128",
            ]
        );
    }

    #[test]
    fn properties_of_mqtt_5_are_read() {
        let client = "10 (`MQTT` 05 02 0005 (21 0014 26 `k` `v`) ``) 30 (`a` (01 01 02 0000000A) 'x') \
                      E0 (04) E0 (00 (11 00000009)) 62 (0007 92)";
        assert_eq!(
            texts(client, None),
            [
                "CONNECT flags=0000 protocol=\"MQTT\" level=5 connect-flags=00000010 keep-alive=5 \
                 properties=[21:20 26:\"k\":\"v\"] client-id=\"\"",
                "PUBLISH flags=0000 topic=\"a\" properties=[01:1 02:10] payload=\"x\"",
                "DISCONNECT flags=0000 reason=4",
                "DISCONNECT flags=0000 reason=0 properties=[11:9]",
                "PUBREL flags=0010 id=7 reason=146",
            ]
        );
    }

    #[test]
    fn what_is_no_packet_is_shown() {
        assert_eq!(
            texts("D0 00 30 05 00", Some(4)),
            ["PINGRESP flags=0000", "garbage bytes=\"0\\x05\\x00\""]
        );
        assert_eq!(texts("40 (0001 00)", Some(4)), ["PUBACK flags=0000 id=1 reason=0"]);
    }
}
