//! `--with-broker`: the dev broker inside the process of another command.

use tokio::sync::oneshot;

use crate::config::BrokerSettings;
use crate::error::Failure;
use crate::output::sanitize::escape;
use crate::ui::Ui;
use mqt_broker::Server;
use mqt_client::{ClientOptions, Endpoint};
use mqt_proto::{Subscription, TopicFilter};

use super::broker::{from_broker, options, reaching};

/// A dev broker that runs until this is dropped.
pub(crate) struct LocalBroker {
    endpoint: Endpoint,
    clients_go_elsewhere: bool,
    _stop: oneshot::Sender<()>,
}

/// Starts a dev broker, if one is asked for, and lets the client connect to it.
pub(crate) async fn local_broker(
    settings: Option<BrokerSettings>,
    client: &mut ClientOptions,
) -> Result<Option<LocalBroker>, Failure> {
    let Some(settings) = settings else { return Ok(None) };
    let server = Server::bind(options(&settings)?).await.map_err(|error| from_broker(&error))?;
    let Some(endpoint) = server.endpoints().into_iter().next() else { return Ok(None) };
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(async move {
        // An error says that the sender is dropped, which is the signal.
        server.run(async { drop(stopped.await) }).await;
    });
    client.transport.endpoint = endpoint.clone();
    let clients_go_elsewhere = settings.clients_go_elsewhere;
    Ok(Some(LocalBroker { endpoint, clients_go_elsewhere, _stop: stop }))
}

impl LocalBroker {
    /// Prints the command that publishes something that the first subscription receives.
    pub fn show_how_to_publish(&self, subscriptions: &[Subscription], ui: &Ui) {
        let topic = subscriptions.first().map_or_else(|| "hello".to_owned(), |first| example(&first.filter));
        let at = reaching(&self.endpoint, self.clients_go_elsewhere);
        ui.status(&format!("mqt: dev broker on {}. In another terminal:", self.endpoint));
        ui.status(&format!("  mqt pub{at} -t {} -m \"Hello World\"", escape(&topic)));
    }
}

/// A topic name that a filter matches: `a/#` → `a/hello`.
fn example(filter: &TopicFilter) -> String {
    let levels = filter.matching_part().split('/').map(|level| match level {
        "#" | "+" => "hello",
        level => level,
    });
    let topic = levels.collect::<Vec<_>>().join("/");
    let plain = |character: char| character.is_ascii_alphanumeric() || "/_-.:".contains(character);
    if topic.chars().all(plain) { topic } else { format!("'{}'", topic.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_topic_matches_the_filter_and_survives_the_shell() {
        for (filter, topic) in [
            ("mqtt/test/#", "mqtt/test/hello"),
            ("+/x", "hello/x"),
            ("$share/g/a", "a"),
            ("a b/#", "'a b/hello'"),
            ("it's", "'it'\\''s'"),
        ] {
            assert_eq!(example(&TopicFilter::new(filter).unwrap()), topic);
        }
    }
}
