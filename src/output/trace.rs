//! Packets as lines for `--debug`: the header fields, the size of payloads, never a password.

use std::fmt::Write as _;

use mqt_proto::packet::{Ack, Packet};
use mqt_proto::{Properties, PropertyKind, PropertyValue, ReasonCode};

/// Which way a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From us to the broker.
    Sent,
    /// From the broker to us.
    Received,
}

/// One line about a packet: `> PUBLISH id 1, "a/b", QoS 1, 12 bytes`. Texts in it are not escaped.
#[must_use]
pub fn line(direction: Direction, packet: &Packet) -> String {
    let arrow = match direction {
        Direction::Sent => '>',
        Direction::Received => '<',
    };
    let mut text = format!("{arrow} {}", packet.name());
    describe(packet, &mut text);
    text
}

fn describe(packet: &Packet, text: &mut String) {
    let mut separator = " ";
    let mut add = |part: String| {
        text.push_str(std::mem::replace(&mut separator, ", "));
        text.push_str(&part);
    };
    match packet {
        Packet::Connect(connect) => {
            add(format!("MQTT {}", connect.version));
            add(format!("client id \"{}\"", connect.client_id));
            add(format!("clean start {}", connect.clean_start));
            add(format!("keep alive {} s", connect.keep_alive));
            if let Some(name) = &connect.user_name {
                add(format!("user name \"{name}\""));
            }
            if connect.password.is_some() {
                add("password ***".to_owned());
            }
            if let Some(will) = &connect.will {
                let message = &will.message;
                add(format!(
                    "will \"{}\", QoS {}, retain {}, {} bytes",
                    message.topic,
                    message.qos,
                    message.retain,
                    message.payload.len()
                ));
                if !message.properties.is_empty() {
                    add(format!("will {}", properties(&message.properties)));
                }
            }
            if !connect.properties.is_empty() {
                add(properties(&connect.properties));
            }
        }
        Packet::ConnAck(connack) => {
            add(connack.reason.to_string());
            add(format!("session present {}", connack.session_present));
            if !connack.properties.is_empty() {
                add(properties(&connack.properties));
            }
        }
        Packet::Publish(publish) => {
            let message = &publish.message;
            if let Some(id) = publish.packet_id {
                add(format!("id {id}"));
            }
            add(format!("\"{}\"", message.topic));
            add(format!("QoS {}", message.qos));
            if publish.dup {
                add("DUP".to_owned());
            }
            if message.retain {
                add("retain".to_owned());
            }
            add(match message.payload.len() {
                1 => "1 byte".to_owned(),
                size => format!("{size} bytes"),
            });
            if !message.properties.is_empty() {
                add(properties(&message.properties));
            }
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            add(acknowledgement(ack));
        }
        Packet::Subscribe(subscribe) => {
            add(format!("id {}", subscribe.packet_id));
            for subscription in &subscribe.subscriptions {
                add(format!("\"{}\" QoS {}", subscription.filter, subscription.qos));
            }
            if !subscribe.properties.is_empty() {
                add(properties(&subscribe.properties));
            }
        }
        Packet::SubAck(ack) | Packet::UnsubAck(ack) => {
            add(format!("id {}", ack.packet_id));
            for reason in &ack.reasons {
                // Of a subscription it is no mere success, it is QoS 0.
                add(match (packet, *reason) {
                    (Packet::SubAck(_), ReasonCode::SUCCESS) => "granted QoS 0 (0x00)".to_owned(),
                    (_, reason) => reason.to_string(),
                });
            }
            if !ack.properties.is_empty() {
                add(properties(&ack.properties));
            }
        }
        Packet::Unsubscribe(unsubscribe) => {
            add(format!("id {}", unsubscribe.packet_id));
            for filter in &unsubscribe.filters {
                add(format!("\"{filter}\""));
            }
        }
        Packet::Disconnect(disconnect) => {
            add(disconnect.reason.to_string());
            if !disconnect.properties.is_empty() {
                add(properties(&disconnect.properties));
            }
        }
        Packet::Auth(auth) => {
            add(auth.reason.to_string());
            if !auth.properties.is_empty() {
                add(properties(&auth.properties));
            }
        }
        Packet::PingReq | Packet::PingResp => {}
    }
}

fn acknowledgement(ack: &Ack) -> String {
    let mut text = format!("id {}, {}", ack.packet_id, ack.reason);
    if !ack.properties.is_empty() {
        let _ = write!(text, ", {}", properties(&ack.properties));
    }
    text
}

fn properties(properties: &Properties) -> String {
    let mut text = String::from("properties");
    for property in properties {
        let name = property.kind().name();
        let _ = match property.value() {
            // Authentication data is a credential; other binary data is shown by its size.
            PropertyValue::Binary(_) if property.kind() == PropertyKind::AuthenticationData => {
                write!(text, " {name}=***")
            }
            PropertyValue::Binary(data) => write!(text, " {name}={} bytes", data.len()),
            PropertyValue::TextPair(key, value) => write!(text, " {name}={key}:{value}"),
            PropertyValue::Text(value) => write!(text, " {name}={value}"),
            PropertyValue::Flag(value) => write!(text, " {name}={value}"),
            PropertyValue::U16(value) => write!(text, " {name}={value}"),
            PropertyValue::U32(value) | PropertyValue::VarInt(value) => write!(text, " {name}={value}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqt_proto::packet::{Connect, Publish};
    use mqt_proto::{Message, PacketId, Property, QoS, TopicName, Version};

    #[test]
    fn a_password_never_shows() {
        let connect = Connect {
            version: Version::V5,
            clean_start: true,
            keep_alive: 60,
            properties: vec![Property::AuthenticationData("canary".into())].into(),
            client_id: "me".into(),
            will: None,
            user_name: Some("joe".into()),
            password: Some("canary".into()),
        };
        assert_eq!(
            line(Direction::Sent, &Packet::Connect(Box::new(connect))),
            "> CONNECT MQTT 5, client id \"me\", clean start true, keep alive 60 s, user name \"joe\", \
             password ***, properties authentication-data=***"
        );
    }

    #[test]
    fn a_publish_shows_its_header_and_the_size_of_its_payload() {
        let message = Message {
            topic: TopicName::new("a/b").unwrap(),
            payload: "12345".into(),
            qos: QoS::AtLeastOnce,
            retain: true,
            properties: Properties::new(),
        };
        let publish = Publish { dup: true, packet_id: PacketId::new(7), message };
        assert_eq!(
            line(Direction::Received, &Packet::Publish(publish)),
            "< PUBLISH id 7, \"a/b\", QoS 1, DUP, retain, 5 bytes"
        );
        assert_eq!(line(Direction::Sent, &Packet::PingReq), "> PINGREQ");
    }
}
