//! `$SYS`: what the broker counts, under the names that mosquitto uses.

use std::time::Instant;

use mqt_proto::{Message, TopicName};

use super::state::Broker;
use super::stored::Routed;

/// Whether a topic belongs to the broker, so that no client may publish to it.
pub(crate) fn is_reserved(topic: &str) -> bool {
    topic == "$SYS" || topic.starts_with("$SYS/")
}

impl Broker {
    /// Publishes the values that changed as retained messages.
    pub(super) fn publish_sys(&mut self, now: Instant) {
        for (topic, value) in self.sys_values(now) {
            if self.retained.payload(topic) == Some(value.as_bytes()) {
                continue;
            }
            let topic = TopicName::new(topic).unwrap_or_default();
            let message = Message { topic, payload: value.into(), retain: true, ..Message::default() };
            let mut routed = Routed::new(message, now);
            self.retained.keep(routed.stored(&self.holdings), Default::default());
            self.route(None, &mut routed);
        }
    }

    fn sys_values(&self, now: Instant) -> Vec<(&'static str, String)> {
        let counters = self.counters;
        let connected = self.connected();
        let total = self.sessions.len();
        let kept = self.sessions.iter().map(|(_, session)| session.outgoing.len()).sum::<usize>();
        let queued_bytes =
            self.sessions.iter().map(|(_, session)| session.outgoing.queue_bytes()).sum::<usize>();
        let stored = self.retained.len() + kept;
        let subscriptions =
            self.sessions.iter().map(|(_, session)| session.subscriptions.len()).sum::<usize>();
        let uptime = now.saturating_duration_since(self.started).as_secs();
        vec![
            ("$SYS/broker/version", format!("mqt version {}", env!("CARGO_PKG_VERSION"))),
            ("$SYS/broker/uptime", format!("{uptime} seconds")),
            ("$SYS/broker/clients/total", total.to_string()),
            ("$SYS/broker/clients/connected", connected.to_string()),
            ("$SYS/broker/clients/active", connected.to_string()),
            ("$SYS/broker/clients/disconnected", (total - connected.min(total)).to_string()),
            ("$SYS/broker/clients/inactive", (total - connected.min(total)).to_string()),
            ("$SYS/broker/clients/maximum", counters.clients_maximum.to_string()),
            ("$SYS/broker/clients/expired", counters.clients_expired.to_string()),
            ("$SYS/broker/messages/received", counters.messages_received.to_string()),
            ("$SYS/broker/messages/sent", counters.messages_sent.to_string()),
            ("$SYS/broker/messages/stored", stored.to_string()),
            ("$SYS/broker/store/messages/count", stored.to_string()),
            ("$SYS/broker/store/messages/bytes", (self.retained.bytes() + queued_bytes).to_string()),
            ("$SYS/broker/heap/current", self.holdings.bytes().to_string()),
            ("$SYS/broker/bytes/received", counters.bytes_received.to_string()),
            ("$SYS/broker/bytes/sent", counters.bytes_sent.to_string()),
            ("$SYS/broker/publish/messages/received", counters.publish_received.to_string()),
            ("$SYS/broker/publish/messages/sent", counters.publish_sent.to_string()),
            ("$SYS/broker/publish/messages/dropped", counters.publish_dropped.to_string()),
            ("$SYS/broker/publish/bytes/received", counters.publish_bytes_received.to_string()),
            ("$SYS/broker/publish/bytes/sent", counters.publish_bytes_sent.to_string()),
            ("$SYS/broker/retained messages/count", self.retained.len().to_string()),
            ("$SYS/broker/subscriptions/count", subscriptions.to_string()),
            ("$SYS/broker/shared_subscriptions/count", self.groups.memberships().to_string()),
        ]
    }
}
