//! The codec of rumqttc as an independent witness: it reads what ours writes and writes what ours reads.
//!
//! What it cannot say is left out: AUTH, MQTT 3.1, DISCONNECT with a reason and no properties, empty user
//! names and passwords, passwords that are not UTF-8, and the reason codes that it does not know.

use bytes::{Buf, BytesMut};
use mqt_proto::codec::{Decoder, Receiver, encode};
use mqt_proto::packet::Connect;
use mqt_proto::{Packet, Properties, Property, Version, WriteBuffer};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::packets::{RECEIVERS, packet};

const NO_LIMIT: u32 = u32::MAX;

fn our_bytes(packet: &Packet, version: Version) -> BytesMut {
    let mut out = WriteBuffer::new();
    encode(packet, version, &mut out).unwrap_or_else(|error| panic!("{packet:?}: {error}"));
    let len = out.len();
    BytesMut::from(&out.copy_to_bytes(len)[..])
}

fn our_packet(mut bytes: BytesMut, version: Version, receiver: Receiver) -> Packet {
    let packet = Decoder::new(receiver, version, NO_LIMIT).decode(&mut bytes).unwrap().unwrap();
    assert!(bytes.is_empty());
    packet
}

fn any_packet(version: Version) -> impl Strategy<Value = (Receiver, Packet)> {
    proptest::sample::select(&RECEIVERS[..])
        .prop_flat_map(move |receiver| (Just(receiver), packet(version, receiver)))
}

/// User name and password, when rumqttc can say them: text, and not empty.
fn login(connect: &Connect) -> Option<Option<(String, String)>> {
    let user_name = connect.user_name.as_deref().map(str::to_owned);
    let password = match &connect.password {
        Some(password) => Some(String::from_utf8(password.expose().to_vec()).ok()?),
        None => None,
    };
    if password.as_ref().is_some_and(|text| text.is_empty() || text.contains('\0'))
        || user_name.as_ref().is_some_and(String::is_empty)
    {
        return None;
    }
    if user_name.is_none() && password.is_none() {
        return Some(None);
    }
    Some(Some((user_name.unwrap_or_default(), password.unwrap_or_default())))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn mqtt_3_1_1_as_rumqttc_says_it((receiver, packet) in any_packet(Version::V311)) {
        let Some(theirs) = v4::packet(&packet) else { return Ok(()) };
        prop_assert_eq!(&v4::read(our_bytes(&packet, Version::V311)), &theirs);
        prop_assert_eq!(our_packet(v4::write(&theirs), Version::V311, receiver), packet);
    }

    #[test]
    fn mqtt_5_as_rumqttc_says_it((receiver, packet) in any_packet(Version::V5)) {
        let Some(theirs) = v5::packet(&packet) else { return Ok(()) };
        if !is_misread(&packet) {
            prop_assert_eq!(&v5::read(our_bytes(&packet, Version::V5)), &theirs);
        }
        // It writes the properties in an order of its own.
        let read = our_packet(v5::write(&theirs), Version::V5, receiver);
        prop_assert_eq!(sorted(read), sorted(packet));
    }
}

/// What rumqttc cannot read: a DISCONNECT without property length, though it writes the normal one so, and a
/// PUBLISH in which a property follows a subscription identifier, whose length it counts wrong.
fn is_misread(packet: &Packet) -> bool {
    match packet {
        Packet::Disconnect(disconnect) => disconnect.properties.is_empty(),
        Packet::Publish(publish) => {
            let properties = publish.message.properties.iter();
            properties.rev().skip(1).any(|property| matches!(property, Property::SubscriptionIdentifier(_)))
        }
        _ => false,
    }
}

/// The packet with its properties in the order of their identifiers.
fn sorted(mut packet: Packet) -> Packet {
    fn sort(properties: &mut Properties) {
        let mut list: Vec<Property> = properties.iter().cloned().collect();
        list.sort_by_key(Property::kind);
        *properties = list.into();
    }
    match &mut packet {
        Packet::Connect(connect) => {
            sort(&mut connect.properties);
            if let Some(will) = &mut connect.will {
                sort(&mut will.message.properties);
            }
        }
        Packet::ConnAck(conn_ack) => sort(&mut conn_ack.properties),
        Packet::Publish(publish) => sort(&mut publish.message.properties),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            sort(&mut ack.properties);
        }
        Packet::Subscribe(subscribe) => sort(&mut subscribe.properties),
        Packet::SubAck(ack) | Packet::UnsubAck(ack) => sort(&mut ack.properties),
        Packet::Unsubscribe(unsubscribe) => sort(&mut unsubscribe.properties),
        Packet::Disconnect(disconnect) => sort(&mut disconnect.properties),
        Packet::Auth(auth) => sort(&mut auth.properties),
        Packet::PingReq | Packet::PingResp => {}
    }
    packet
}

/// MQTT 3.1.1.
mod v4 {
    use bytes::BytesMut;
    use mqt_proto::{Packet, QoS, ReasonCode, Version};
    use rumqttc::mqttbytes::{self, Protocol, v4 as theirs};

    pub(super) fn read(mut bytes: BytesMut) -> theirs::Packet {
        theirs::Packet::read(&mut bytes, usize::MAX).unwrap()
    }

    pub(super) fn write(packet: &theirs::Packet) -> BytesMut {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, usize::MAX).unwrap();
        bytes
    }

    fn qos(qos: QoS) -> mqttbytes::QoS {
        match qos {
            QoS::AtMostOnce => mqttbytes::QoS::AtMostOnce,
            QoS::AtLeastOnce => mqttbytes::QoS::AtLeastOnce,
            QoS::ExactlyOnce => mqttbytes::QoS::ExactlyOnce,
        }
    }

    fn code(reason: ReasonCode) -> theirs::SubscribeReasonCode {
        match QoS::from_level(reason.0) {
            Some(level) => theirs::SubscribeReasonCode::Success(qos(level)),
            None => theirs::SubscribeReasonCode::Failure,
        }
    }

    /// The same packet in their words.
    pub(super) fn packet(packet: &Packet) -> Option<theirs::Packet> {
        Some(match packet {
            Packet::Connect(connect) if connect.version == Version::V311 => {
                theirs::Packet::Connect(theirs::Connect {
                    protocol: Protocol::V4,
                    keep_alive: connect.keep_alive,
                    client_id: connect.client_id.to_string(),
                    clean_session: connect.clean_start,
                    last_will: connect.will.as_ref().map(|will| theirs::LastWill {
                        topic: will.message.topic.to_string(),
                        message: will.message.payload.clone(),
                        qos: qos(will.message.qos),
                        retain: will.message.retain,
                    }),
                    login: super::login(connect)?
                        .map(|(username, password)| theirs::Login { username, password }),
                })
            }
            Packet::ConnAck(conn_ack) => theirs::Packet::ConnAck(theirs::ConnAck {
                session_present: conn_ack.session_present,
                code: match conn_ack.code {
                    0 => theirs::ConnectReturnCode::Success,
                    1 => theirs::ConnectReturnCode::RefusedProtocolVersion,
                    2 => theirs::ConnectReturnCode::BadClientId,
                    3 => theirs::ConnectReturnCode::ServiceUnavailable,
                    4 => theirs::ConnectReturnCode::BadUserNamePassword,
                    _ => theirs::ConnectReturnCode::NotAuthorized,
                },
            }),
            Packet::Publish(publish) => theirs::Packet::Publish(theirs::Publish {
                dup: publish.dup,
                qos: qos(publish.message.qos),
                retain: publish.message.retain,
                topic: publish.message.topic.to_string(),
                pkid: publish.packet_id.map_or(0, u16::from),
                payload: publish.message.payload.clone(),
            }),
            Packet::PubAck(ack) => theirs::Packet::PubAck(theirs::PubAck::new(ack.packet_id.get())),
            Packet::PubRec(ack) => theirs::Packet::PubRec(theirs::PubRec::new(ack.packet_id.get())),
            Packet::PubRel(ack) => theirs::Packet::PubRel(theirs::PubRel::new(ack.packet_id.get())),
            Packet::PubComp(ack) => theirs::Packet::PubComp(theirs::PubComp::new(ack.packet_id.get())),
            Packet::Subscribe(subscribe) => theirs::Packet::Subscribe(theirs::Subscribe {
                pkid: subscribe.packet_id.get(),
                filters: subscribe
                    .subscriptions
                    .iter()
                    .map(|one| theirs::SubscribeFilter::new(one.filter.to_string(), qos(one.qos)))
                    .collect(),
            }),
            Packet::SubAck(ack) => theirs::Packet::SubAck(theirs::SubAck {
                pkid: ack.packet_id.get(),
                return_codes: ack.reasons.iter().copied().map(code).collect(),
            }),
            Packet::Unsubscribe(unsubscribe) => theirs::Packet::Unsubscribe(theirs::Unsubscribe {
                pkid: unsubscribe.packet_id.get(),
                topics: unsubscribe.filters.iter().map(ToString::to_string).collect(),
            }),
            Packet::UnsubAck(ack) => theirs::Packet::UnsubAck(theirs::UnsubAck::new(ack.packet_id.get())),
            Packet::PingReq => theirs::Packet::PingReq,
            Packet::PingResp => theirs::Packet::PingResp,
            Packet::Disconnect(_) => theirs::Packet::Disconnect,
            Packet::Connect(_) | Packet::Auth(_) => return None,
        })
    }
}

/// MQTT 5.
mod v5 {
    use bytes::BytesMut;
    use mqt_proto::{Packet, Properties, Property, QoS, ReasonCode, RetainHandling};
    use rumqttc::v5::mqttbytes::{self, v5 as theirs};

    pub(super) fn read(mut bytes: BytesMut) -> theirs::Packet {
        theirs::Packet::read(&mut bytes, None).unwrap()
    }

    pub(super) fn write(packet: &theirs::Packet) -> BytesMut {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, None).unwrap();
        bytes
    }

    fn qos(qos: QoS) -> mqttbytes::QoS {
        match qos {
            QoS::AtMostOnce => mqttbytes::QoS::AtMostOnce,
            QoS::AtLeastOnce => mqttbytes::QoS::AtLeastOnce,
            QoS::ExactlyOnce => mqttbytes::QoS::ExactlyOnce,
        }
    }

    fn user_properties(properties: &Properties) -> Vec<(String, String)> {
        properties
            .iter()
            .filter_map(|property| match property {
                Property::UserProperty(name, value) => Some((name.to_string(), value.to_string())),
                _ => None,
            })
            .collect()
    }

    fn identifiers(properties: &Properties) -> Vec<usize> {
        properties
            .iter()
            .filter_map(|property| match property {
                Property::SubscriptionIdentifier(id) => Some(*id as usize),
                _ => None,
            })
            .collect()
    }

    fn text(text: Option<&bytestring::ByteString>) -> Option<String> {
        text.map(ToString::to_string)
    }

    /// `None` for an empty list, as theirs has it.
    fn unless_empty<T>(properties: &Properties, list: T) -> Option<T> {
        (!properties.is_empty()).then_some(list)
    }

    macro_rules! plain_properties {
        ($type:ident, $properties:expr) => {
            unless_empty(
                $properties,
                theirs::$type {
                    reason_string: text($properties.reason_string()),
                    user_properties: user_properties($properties),
                },
            )
        };
    }

    macro_rules! reason {
        ($type:ident, $reason:expr, $($code:literal => $name:ident),*) => {
            match $reason.0 {
                $($code => theirs::$type::$name,)*
                _ => return None,
            }
        };
    }

    fn sub_ack_reason(reason: ReasonCode) -> Option<theirs::SubscribeReasonCode> {
        if let Some(level) = QoS::from_level(reason.0) {
            return Some(theirs::SubscribeReasonCode::Success(qos(level)));
        }
        Some(reason!(SubscribeReasonCode, reason,
            0x80 => Unspecified, 0x83 => ImplementationSpecific, 0x87 => NotAuthorized,
            0x8F => TopicFilterInvalid, 0x91 => PkidInUse, 0x97 => QuotaExceeded,
            0x9E => SharedSubscriptionsNotSupported, 0xA1 => SubscriptionIdNotSupported,
            0xA2 => WildcardSubscriptionsNotSupported))
    }

    fn unsub_ack_reason(reason: ReasonCode) -> Option<theirs::UnsubAckReason> {
        Some(reason!(UnsubAckReason, reason,
            0x00 => Success, 0x11 => NoSubscriptionExisted, 0x80 => UnspecifiedError,
            0x83 => ImplementationSpecificError, 0x87 => NotAuthorized, 0x8F => TopicFilterInvalid,
            0x91 => PacketIdentifierInUse))
    }

    fn connect(connect: &super::Connect) -> Option<theirs::Packet> {
        let list = &connect.properties;
        let properties = unless_empty(
            list,
            theirs::ConnectProperties {
                session_expiry_interval: list.session_expiry_interval().copied(),
                receive_maximum: list.receive_maximum().copied(),
                max_packet_size: list.maximum_packet_size().copied(),
                topic_alias_max: list.topic_alias_maximum().copied(),
                request_response_info: list.request_response_information().copied(),
                request_problem_info: list.request_problem_information().copied(),
                user_properties: user_properties(list),
                authentication_method: text(list.authentication_method()),
                authentication_data: list.authentication_data().cloned(),
            },
        );
        let will = connect.will.as_ref().map(|will| {
            let list = &will.message.properties;
            theirs::LastWill {
                topic: will.message.topic.as_byte_string().as_bytes().clone(),
                message: will.message.payload.clone(),
                qos: qos(will.message.qos),
                retain: will.message.retain,
                properties: unless_empty(
                    list,
                    theirs::LastWillProperties {
                        delay_interval: list.will_delay_interval().copied(),
                        payload_format_indicator: list.payload_format_indicator().copied(),
                        message_expiry_interval: list.message_expiry_interval().copied(),
                        content_type: text(list.content_type()),
                        response_topic: text(list.response_topic()),
                        correlation_data: list.correlation_data().cloned(),
                        user_properties: user_properties(list),
                    },
                ),
            }
        });
        let login = super::login(connect)?.map(|(username, password)| theirs::Login { username, password });
        let connect = theirs::Connect {
            keep_alive: connect.keep_alive,
            client_id: connect.client_id.to_string(),
            clean_start: connect.clean_start,
            properties,
        };
        Some(theirs::Packet::Connect(connect, will, login))
    }

    fn conn_ack_properties(list: &Properties) -> theirs::ConnAckProperties {
        theirs::ConnAckProperties {
            session_expiry_interval: list.session_expiry_interval().copied(),
            receive_max: list.receive_maximum().copied(),
            max_qos: list.maximum_qos().copied(),
            retain_available: list.retain_available().copied(),
            max_packet_size: list.maximum_packet_size().copied(),
            assigned_client_identifier: text(list.assigned_client_identifier()),
            topic_alias_max: list.topic_alias_maximum().copied(),
            reason_string: text(list.reason_string()),
            user_properties: user_properties(list),
            wildcard_subscription_available: list.wildcard_subscription_available().copied(),
            subscription_identifiers_available: list.subscription_identifier_available().copied(),
            shared_subscription_available: list.shared_subscription_available().copied(),
            server_keep_alive: list.server_keep_alive().copied(),
            response_information: text(list.response_information()),
            server_reference: text(list.server_reference()),
            authentication_method: text(list.authentication_method()),
            authentication_data: list.authentication_data().cloned(),
        }
    }

    fn publish_properties(list: &Properties) -> theirs::PublishProperties {
        theirs::PublishProperties {
            payload_format_indicator: list.payload_format_indicator().copied(),
            message_expiry_interval: list.message_expiry_interval().copied(),
            topic_alias: list.topic_alias().copied(),
            response_topic: text(list.response_topic()),
            correlation_data: list.correlation_data().cloned(),
            user_properties: user_properties(list),
            subscription_identifiers: identifiers(list),
            content_type: text(list.content_type()),
        }
    }

    /// The same packet in their words.
    pub(super) fn packet(packet: &Packet) -> Option<theirs::Packet> {
        Some(match packet {
            Packet::Connect(packet) => return connect(packet),
            Packet::ConnAck(conn_ack) => theirs::Packet::ConnAck(theirs::ConnAck {
                session_present: conn_ack.session_present,
                code: reason!(ConnectReturnCode, conn_ack.reason,
                    0x00 => Success, 0x80 => UnspecifiedError, 0x81 => MalformedPacket, 0x82 => ProtocolError,
                    0x83 => ImplementationSpecificError, 0x84 => UnsupportedProtocolVersion,
                    0x85 => ClientIdentifierNotValid, 0x86 => BadUserNamePassword, 0x87 => NotAuthorized,
                    0x88 => ServerUnavailable, 0x89 => ServerBusy, 0x8A => Banned,
                    0x8C => BadAuthenticationMethod, 0x90 => TopicNameInvalid, 0x95 => PacketTooLarge,
                    0x97 => QuotaExceeded, 0x99 => PayloadFormatInvalid, 0x9A => RetainNotSupported,
                    0x9B => QoSNotSupported, 0x9C => UseAnotherServer, 0x9D => ServerMoved,
                    0x9F => ConnectionRateExceeded),
                properties: unless_empty(&conn_ack.properties, conn_ack_properties(&conn_ack.properties)),
            }),
            Packet::Publish(publish) => {
                let message = &publish.message;
                theirs::Packet::Publish(theirs::Publish {
                    dup: publish.dup,
                    qos: qos(message.qos),
                    retain: message.retain,
                    topic: message.topic.as_byte_string().as_bytes().clone(),
                    pkid: publish.packet_id.map_or(0, u16::from),
                    payload: message.payload.clone(),
                    properties: unless_empty(&message.properties, publish_properties(&message.properties)),
                })
            }
            Packet::PubAck(ack) => theirs::Packet::PubAck(theirs::PubAck {
                pkid: ack.packet_id.get(),
                reason: reason!(PubAckReason, ack.reason,
                    0x00 => Success, 0x10 => NoMatchingSubscribers, 0x80 => UnspecifiedError,
                    0x83 => ImplementationSpecificError, 0x87 => NotAuthorized, 0x90 => TopicNameInvalid,
                    0x91 => PacketIdentifierInUse, 0x97 => QuotaExceeded, 0x99 => PayloadFormatInvalid),
                properties: plain_properties!(PubAckProperties, &ack.properties),
            }),
            Packet::PubRec(ack) => theirs::Packet::PubRec(theirs::PubRec {
                pkid: ack.packet_id.get(),
                reason: reason!(PubRecReason, ack.reason,
                    0x00 => Success, 0x10 => NoMatchingSubscribers, 0x80 => UnspecifiedError,
                    0x83 => ImplementationSpecificError, 0x87 => NotAuthorized, 0x90 => TopicNameInvalid,
                    0x91 => PacketIdentifierInUse, 0x97 => QuotaExceeded, 0x99 => PayloadFormatInvalid),
                properties: plain_properties!(PubRecProperties, &ack.properties),
            }),
            Packet::PubRel(ack) => theirs::Packet::PubRel(theirs::PubRel {
                pkid: ack.packet_id.get(),
                reason: reason!(PubRelReason, ack.reason, 0x00 => Success, 0x92 => PacketIdentifierNotFound),
                properties: plain_properties!(PubRelProperties, &ack.properties),
            }),
            Packet::PubComp(ack) => theirs::Packet::PubComp(theirs::PubComp {
                pkid: ack.packet_id.get(),
                reason: reason!(PubCompReason, ack.reason, 0x00 => Success, 0x92 => PacketIdentifierNotFound),
                properties: plain_properties!(PubCompProperties, &ack.properties),
            }),
            Packet::Subscribe(subscribe) => theirs::Packet::Subscribe(theirs::Subscribe {
                pkid: subscribe.packet_id.get(),
                filters: subscribe
                    .subscriptions
                    .iter()
                    .map(|one| theirs::Filter {
                        path: one.filter.to_string(),
                        qos: qos(one.qos),
                        nolocal: one.no_local,
                        preserve_retain: one.retain_as_published,
                        retain_forward_rule: match one.retain_handling {
                            RetainHandling::Always => theirs::RetainForwardRule::OnEverySubscribe,
                            RetainHandling::New => theirs::RetainForwardRule::OnNewSubscribe,
                            RetainHandling::Never => theirs::RetainForwardRule::Never,
                        },
                    })
                    .collect(),
                properties: unless_empty(
                    &subscribe.properties,
                    theirs::SubscribeProperties {
                        id: identifiers(&subscribe.properties).first().copied(),
                        user_properties: user_properties(&subscribe.properties),
                    },
                ),
            }),
            Packet::SubAck(ack) => theirs::Packet::SubAck(theirs::SubAck {
                pkid: ack.packet_id.get(),
                return_codes: ack.reasons.iter().copied().map(sub_ack_reason).collect::<Option<_>>()?,
                properties: plain_properties!(SubAckProperties, &ack.properties),
            }),
            Packet::Unsubscribe(unsubscribe) => theirs::Packet::Unsubscribe(theirs::Unsubscribe {
                pkid: unsubscribe.packet_id.get(),
                filters: unsubscribe.filters.iter().map(ToString::to_string).collect(),
                properties: unless_empty(
                    &unsubscribe.properties,
                    theirs::UnsubscribeProperties {
                        user_properties: user_properties(&unsubscribe.properties),
                    },
                ),
            }),
            Packet::UnsubAck(ack) => theirs::Packet::UnsubAck(theirs::UnsubAck {
                pkid: ack.packet_id.get(),
                reasons: ack.reasons.iter().copied().map(unsub_ack_reason).collect::<Option<_>>()?,
                properties: plain_properties!(UnsubAckProperties, &ack.properties),
            }),
            Packet::PingReq => theirs::Packet::PingReq(theirs::PingReq),
            Packet::PingResp => theirs::Packet::PingResp(theirs::PingResp),
            // Theirs has a byte more than its Remaining Length says.
            Packet::Disconnect(disconnect)
                if disconnect.properties.is_empty() && disconnect.reason != ReasonCode::SUCCESS =>
            {
                return None;
            }
            Packet::Disconnect(disconnect) => theirs::Packet::Disconnect(theirs::Disconnect {
                reason_code: disconnect_reason(disconnect.reason)?,
                properties: unless_empty(
                    &disconnect.properties,
                    theirs::DisconnectProperties {
                        session_expiry_interval: disconnect.properties.session_expiry_interval().copied(),
                        reason_string: text(disconnect.properties.reason_string()),
                        user_properties: user_properties(&disconnect.properties),
                        server_reference: text(disconnect.properties.server_reference()),
                    },
                ),
            }),
            Packet::Auth(_) => return None,
        })
    }

    fn disconnect_reason(reason: ReasonCode) -> Option<theirs::DisconnectReasonCode> {
        reason.0.try_into().ok()
    }
}
