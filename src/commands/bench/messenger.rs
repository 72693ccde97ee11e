//! A connection beside the load, over which processes tell each other something through the broker.

use crate::commands::failure::{from_client, from_setup};
use crate::commands::random_seed;
use crate::config::bench::BenchSettings;
use crate::connection::{Attempts, Client, SessionChoices};
use crate::error::{Failure, Kind};
use crate::mqtt::session::Event;
use crate::mqtt::{Properties, QoS, Subscription, TopicFilter};
use crate::output::sanitize::escape;

/// Connects under this client identifier, and subscribes to one filter at QoS 0.
///
/// # Errors
/// There is no connection, or the broker refuses the subscription.
pub(super) async fn connect(settings: &BenchSettings, id: &str, filter: &str) -> Result<Client, Failure> {
    let mut options = settings.client.clone();
    options.client_id = Some(id.into());
    (options.clean_start, options.session_expiry) = (true, 0);
    options.first_connect = Attempts::AtMost(0);
    // Nobody is to hear of the end of this one.
    options.will = None;
    // Where only the clients have logins, any of them may talk.
    let login = settings.groups.iter().find_map(|group| group.credentials.first());
    if let (None, Some(login)) = (&options.user_name, login) {
        options.user_name = Some(login.user_name.as_str().into());
        options.password = login.password.clone();
    }
    let endpoint = options.transport.endpoint.clone();
    let choices = SessionChoices { seed: random_seed(), ..SessionChoices::default() };
    let mut client = Client::new(options, choices).map_err(|error| from_setup(&error))?;
    let refused = |reason: &str| {
        Failure::new(Kind::Denied, format!("the broker refused the subscription to {filter}"))
            .cause(escape(reason).into_owned())
    };
    let topics = TopicFilter::new(filter.to_owned()).map_err(|error| refused(&error.to_string()))?;
    client.session().subscribe(vec![Subscription::new(topics, QoS::AtMostOnce)], Properties::new());
    while !client.session_state().is_connected() || client.session_state().has_open_requests() {
        client.drive().await.map_err(|error| from_client(&error, &endpoint, id))?;
        while client.take_notice().is_some() {}
        while let Some(event) = client.session().take_event() {
            if let Event::Subscribed { results, .. } = event
                && let Some((_, reason)) = results.into_iter().find(|(_, reason)| reason.is_error())
            {
                return Err(refused(&reason.to_string()));
            }
        }
    }
    Ok(client)
}

/// Whoever leaves events there is never made to wait.
pub(super) fn discard(client: &mut Client) {
    while client.take_notice().is_some() {}
    while client.session().take_event().is_some() {}
}
