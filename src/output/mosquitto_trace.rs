//! Packets as the mosquitto clients show them under `-d`.

use super::trace::Direction;
use mqt_proto::packet::{Packet, Publish};
use mqt_proto::{RetainHandling, Subscription};

/// What there is to remember from one packet to the next.
#[derive(Debug, Default)]
pub struct MosquittoTrace {
    /// The client identifier; the one that the broker assigned, once it has.
    client_id: String,
    /// The last identifier: a publish of QoS 0 counts too, though it carries none.
    last_id: u16,
    /// Say nothing about granted subscriptions.
    quiet: bool,
}

impl MosquittoTrace {
    /// For a client with this identifier, which may be empty.
    #[must_use]
    pub fn new(client_id: &str, quiet: bool) -> Self {
        Self { client_id: client_id.to_owned(), quiet, ..Self::default() }
    }

    /// The lines about a packet, each with its line feed. Texts in them are not escaped.
    pub fn lines(&mut self, direction: Direction, packet: &Packet) -> String {
        match direction {
            Direction::Sent => self.sent(packet),
            Direction::Received => self.received(packet),
        }
    }

    fn client(&self) -> &str {
        if self.client_id.is_empty() { "null" } else { &self.client_id }
    }

    fn sent(&mut self, packet: &Packet) -> String {
        let mut text = String::new();
        let mut line = |what: &str| text.push_str(&format!("Client {} sending {what}\n", self.client()));
        match packet {
            Packet::Connect(_) => line("CONNECT"),
            Packet::Publish(publish) => {
                let id = publish.packet_id.map_or_else(|| self.last_id.wrapping_add(1).max(1), Into::into);
                line(&format!("PUBLISH ({})", described(publish, id)));
                self.last_id = id;
            }
            Packet::PubAck(ack) => line(&format!("PUBACK (m{}, rc{})", ack.packet_id, ack.reason.0)),
            Packet::PubRec(ack) => line(&format!("PUBREC (m{}, rc{})", ack.packet_id, ack.reason.0)),
            Packet::PubRel(ack) => line(&format!("PUBREL (m{})", ack.packet_id)),
            Packet::PubComp(ack) => line(&format!("PUBCOMP (m{})", ack.packet_id)),
            Packet::Subscribe(subscribe) => {
                for subscription in &subscribe.subscriptions {
                    line(&format!(
                        "SUBSCRIBE (Mid: {}, Topic: {}, QoS: {}, Options: 0x{:02x})",
                        subscribe.packet_id,
                        &*subscription.filter,
                        subscription.qos.level(),
                        options(subscription)
                    ));
                }
                self.last_id = subscribe.packet_id.get();
            }
            Packet::Unsubscribe(unsubscribe) => {
                for filter in &unsubscribe.filters {
                    line(&format!("UNSUBSCRIBE (Mid: {}, Topic: {})", unsubscribe.packet_id, &**filter));
                }
                self.last_id = unsubscribe.packet_id.get();
            }
            other => line(other.name()),
        }
        text
    }

    fn received(&mut self, packet: &Packet) -> String {
        if let Packet::ConnAck(connack) = packet
            && let Some(id) = connack.properties.assigned_client_identifier()
        {
            self.client_id = id.to_string();
        }
        let client = self.client();
        match packet {
            Packet::ConnAck(connack) => {
                let client = if self.client_id.is_empty() { "(null)" } else { client };
                format!("Client {client} received CONNACK ({})\n", connack.code)
            }
            Packet::Publish(publish) => {
                let id = publish.packet_id.map_or(0, Into::into);
                format!("Client {client} received PUBLISH ({})\n", described(publish, id))
            }
            Packet::PubAck(ack) => {
                format!("Client {client} received PUBACK (Mid: {}, RC:{})\n", ack.packet_id, ack.reason.0)
            }
            Packet::PubComp(ack) => {
                format!("Client {client} received PUBCOMP (Mid: {}, RC:{})\n", ack.packet_id, ack.reason.0)
            }
            Packet::PubRec(ack) => format!("Client {client} received PUBREC (Mid: {})\n", ack.packet_id),
            Packet::PubRel(ack) => format!("Client {client} received PUBREL (Mid: {})\n", ack.packet_id),
            Packet::SubAck(suback) => {
                let mut text = format!("Client {client} received SUBACK\n");
                if !self.quiet {
                    let granted: Vec<String> =
                        suback.reasons.iter().map(|reason| reason.0.to_string()).collect();
                    text.push_str(&format!(
                        "Subscribed (mid: {}): {}\n",
                        suback.packet_id,
                        granted.join(", ")
                    ));
                }
                text
            }
            Packet::Disconnect(disconnect) => format!("Received DISCONNECT ({})\n", disconnect.reason.0),
            other => format!("Client {client} received {}\n", other.name()),
        }
    }
}

fn described(publish: &Publish, id: u16) -> String {
    let message = &publish.message;
    format!(
        "d{}, q{}, r{}, m{id}, '{}', ... ({} bytes)",
        u8::from(publish.dup),
        message.qos.level(),
        u8::from(message.retain),
        &*message.topic,
        message.payload.len()
    )
}

/// The subscription options without the QoS.
fn options(subscription: &Subscription) -> u8 {
    let handling = match subscription.retain_handling {
        RetainHandling::Always => 0,
        RetainHandling::New => 0x10,
        RetainHandling::Never => 0x20,
    };
    handling
        | if subscription.no_local { 0x04 } else { 0 }
        | if subscription.retain_as_published { 0x08 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqt_proto::packet::{Ack, ConnAck, Disconnect, SubAck, Subscribe};
    use mqt_proto::{Message, PacketId, Properties, Property, QoS, ReasonCode, TopicFilter, TopicName};

    fn publish(qos: QoS, id: Option<u16>) -> Packet {
        let message =
            Message { topic: TopicName::new("a").unwrap(), payload: "x".into(), qos, ..Message::default() };
        Packet::Publish(Publish { message, packet_id: id.and_then(PacketId::new), ..Publish::default() })
    }

    fn id(number: u16) -> PacketId {
        PacketId::new(number).unwrap()
    }

    #[test]
    fn lines_are_those_of_the_clients() {
        let mut trace = MosquittoTrace::new("", false);
        let connack = |properties: Vec<Property>| {
            Packet::ConnAck(ConnAck {
                session_present: false,
                reason: ReasonCode::SUCCESS,
                code: 0,
                properties: properties.into(),
            })
        };
        assert_eq!(
            trace.lines(Direction::Received, &connack(Vec::new())),
            "Client (null) received CONNACK (0)\n"
        );
        let mut special = Subscription::new(TopicFilter::new("b/#").unwrap(), QoS::AtLeastOnce);
        special.retain_as_published = true;
        special.retain_handling = RetainHandling::Never;
        let subscribe = Subscribe {
            packet_id: id(1),
            properties: Properties::new(),
            subscriptions: vec![Subscription::new(TopicFilter::new("a").unwrap(), QoS::AtMostOnce), special],
        };
        assert_eq!(
            trace.lines(Direction::Sent, &Packet::Subscribe(subscribe)),
            "Client null sending SUBSCRIBE (Mid: 1, Topic: a, QoS: 0, Options: 0x00)\n\
             Client null sending SUBSCRIBE (Mid: 1, Topic: b/#, QoS: 1, Options: 0x28)\n"
        );
        let suback = Packet::SubAck(SubAck {
            packet_id: id(1),
            properties: Properties::new(),
            reasons: vec![ReasonCode(0), ReasonCode(128)],
        });
        assert_eq!(
            trace.lines(Direction::Received, &suback),
            "Client null received SUBACK\nSubscribed (mid: 1): 0, 128\n"
        );
        // A publish of QoS 0 counts where it carries no identifier.
        assert_eq!(
            trace.lines(Direction::Sent, &publish(QoS::AtMostOnce, None)),
            "Client null sending PUBLISH (d0, q0, r0, m2, 'a', ... (1 bytes))\n"
        );
        assert_eq!(
            trace.lines(Direction::Received, &publish(QoS::AtMostOnce, None)),
            "Client null received PUBLISH (d0, q0, r0, m0, 'a', ... (1 bytes))\n"
        );
        assert_eq!(
            trace.lines(
                Direction::Received,
                &connack(vec![Property::AssignedClientIdentifier("given".into())])
            ),
            "Client given received CONNACK (0)\n"
        );
        let ack = Ack { packet_id: id(3), reason: ReasonCode::SUCCESS, properties: Properties::new() };
        for (direction, packet, line) in [
            (Direction::Received, Packet::PubAck(ack.clone()), "received PUBACK (Mid: 3, RC:0)"),
            (Direction::Received, Packet::PubRec(ack.clone()), "received PUBREC (Mid: 3)"),
            (Direction::Sent, Packet::PubRel(ack.clone()), "sending PUBREL (m3)"),
            (Direction::Received, Packet::PubComp(ack.clone()), "received PUBCOMP (Mid: 3, RC:0)"),
            (Direction::Sent, Packet::PubAck(ack.clone()), "sending PUBACK (m3, rc0)"),
            (Direction::Sent, Packet::PubComp(ack), "sending PUBCOMP (m3)"),
            (Direction::Sent, Packet::PingReq, "sending PINGREQ"),
            (Direction::Received, Packet::PingResp, "received PINGRESP"),
        ] {
            assert_eq!(trace.lines(direction, &packet), format!("Client given {line}\n"));
        }
        let disconnect = Disconnect { reason: ReasonCode::SESSION_TAKEN_OVER, properties: Properties::new() };
        assert_eq!(
            trace.lines(Direction::Received, &Packet::Disconnect(disconnect)),
            "Received DISCONNECT (142)\n"
        );
    }
}
