//! CONNECT and CONNACK: how a connection begins, and what of the session continues with it.

use std::time::Instant;

use super::keep_alive::KeepAlive;
use super::{Credentials, Event, Phase, ServerLimits, Session, SessionError, increment, violation};
use crate::codec;
use crate::packet::{Auth, ConnAck, Connect, Packet};
use crate::{Properties, Property, ReasonCode, Version};

impl Session {
    /// A network connection stands: writes CONNECT.
    ///
    /// # Errors
    /// When the options make no CONNECT of this version (a text that is too long, or in 3.x an empty client
    /// identifier without a clean session).
    pub fn connect(
        &mut self,
        version: Version,
        credentials: Credentials,
        now: Instant,
    ) -> Result<(), codec::EncodeError> {
        self.version = version;
        self.outbox.clear();
        self.ping_ends_at = None;
        self.asking.connect();
        self.keep_alive = KeepAlive::new(self.options.keep_alive, now);
        let own = &self.options.connect_properties;
        let mut properties = Properties::new();
        let mut will = self.options.will.clone();
        if version == Version::V5 {
            self.incoming.connect(
                own.receive_maximum().copied().unwrap_or(u16::MAX),
                own.topic_alias_maximum().copied().unwrap_or(0),
            );
            properties = own.clone();
            if self.options.session_expiry > 0 && properties.session_expiry_interval().is_none() {
                properties.push(Property::SessionExpiryInterval(self.options.session_expiry));
            }
        } else {
            // A 3.x server hears of no limit and so need not keep to one.
            self.incoming.connect(u16::MAX, 0);
            if let Some(will) = &mut will {
                will.message.properties = Properties::new();
            }
        }
        let clean_start = self.clean_start();
        let client_id = self.client_id();
        if version != Version::V5 && !clean_start && client_id.is_empty() {
            return Err(codec::EncodeError::Invalid {
                packet: "CONNECT",
                rule: "has a client identifier unless its session is clean",
                clause: "3.1.1: MQTT-3.1.3-7",
            });
        }
        let packet = Packet::Connect(Box::new(Connect {
            version,
            clean_start,
            keep_alive: self.options.keep_alive,
            properties,
            client_id,
            will,
            user_name: credentials.user_name,
            password: credentials.password,
        }));
        codec::encode(&packet, version, &mut self.outbox)?;
        self.phase = Phase::Connecting;
        self.trace(packet);
        Ok(())
    }

    /// Whether CONNECT asks for a clean start. Once a session with an expiry is established, a reconnect
    /// continues it.
    fn clean_start(&self) -> bool {
        let expires_at_once = self.version == Version::V5
            && self.options.session_expiry == 0
            && self.options.connect_properties.session_expiry_interval().is_none_or(|seconds| *seconds == 0);
        let persistent = self.version == Version::V5 && !expires_at_once;
        self.options.clean_start && !(self.connections > 0 && persistent)
    }

    pub(super) fn connack(&mut self, connack: ConnAck, now: Instant) -> Result<(), SessionError> {
        if connack.reason != ReasonCode::SUCCESS {
            return Err(SessionError::Refused {
                reason: connack.reason,
                code: connack.code,
                version: self.version,
                reason_string: connack.properties.reason_string().cloned(),
                server_reference: connack.properties.server_reference().cloned(),
            });
        }
        // From here on the server may be told about a violation.
        self.phase = Phase::Connected;
        if connack.session_present && self.clean_start() {
            // [MQTT-3.2.2-4]
            return Err(violation("CONNACK says session present after a clean start"));
        }
        // [MQTT-4.12.0-5], [MQTT-4.12.0-6]
        let method = connack.properties.authentication_method();
        if method.is_some() && method != self.options.connect_properties.authentication_method() {
            return Err(violation("CONNACK names an authentication method that was not offered"));
        }
        self.limits = ServerLimits::from_connack(&connack.properties);
        if let Some(seconds) = connack.properties.server_keep_alive() {
            self.keep_alive = KeepAlive::new(*seconds, now);
        }
        if let Some(id) = connack.properties.assigned_client_identifier() {
            self.assigned_client_id = Some(id.clone());
        }
        self.aliases.clear();
        let first = self.connections == 0;
        increment(&mut self.connections);
        self.resumed = connack.session_present;
        self.events.push_back(Event::Connected(Box::new(connack)));
        if self.resumed {
            if first {
                self.flows.start_at(self.options.resumed_identifiers_from);
                // The first connection of this process subscribes even so: what the session holds may be
                // older than what is asked for now.
                self.subscribed = 0;
            }
            self.resume();
        } else {
            // [MQTT-3.2.2-5]
            self.incoming.forget();
            self.requeue();
            self.subscribed = 0;
        }
        self.send_requests();
        self.pump();
        Ok(())
    }

    pub(super) fn auth(&self, auth: &Auth) -> SessionError {
        if self.options.connect_properties.authentication_method().is_none() {
            return violation("AUTH came although no authentication method was offered");
        }
        SessionError::Authentication { method: auth.properties.authentication_method().cloned() }
    }
}
