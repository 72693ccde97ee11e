//! Connections beside the load: over them processes tell each other something through the broker, and a first
//! look is taken at it.

use crate::commands::failure::{from_client, from_setup};
use crate::config::bench::BenchSettings;
use crate::error::{Failure, Kind};
use crate::output::sanitize::escape;
use mqt_client::{Attempts, Client, ClientError, SessionChoices};
use mqt_process::random;
use mqt_proto::session::Event;
use mqt_proto::{Properties, QoS, Subscription, TopicFilter};

/// Connects under this client identifier, and subscribes to one filter at QoS 0.
///
/// # Errors
/// There is no connection, or the broker refuses the subscription.
pub(crate) async fn connect(settings: &BenchSettings, id: &str, filter: &str) -> Result<Client, Failure> {
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
    let choices = SessionChoices { seed: random::seed(), ..SessionChoices::default() };
    let mut client = Client::new(options, choices).map_err(|error| from_setup(&error))?;
    let refused = |reason: &str| {
        Failure::new(Kind::Denied, format!("the broker refused the subscription to {filter}"))
            .cause(escape(reason).into_owned())
    };
    let topics = TopicFilter::new(filter.to_owned()).map_err(|error| refused(&error.to_string()))?;
    client.session_mut().subscribe(vec![Subscription::new(topics, QoS::AtMostOnce)], Properties::new());
    // A broker that does not answer, or closes each time, is given up by the client.
    while !client.session().is_connected() || client.session().has_open_requests() {
        for event in drive(&mut client).await.map_err(|error| from_client(&error, &endpoint, id))? {
            if let Event::Subscribed { results, .. } = event
                && let Some((_, reason)) = results.into_iter().find(|(_, reason)| reason.is_error())
            {
                return Err(refused(&reason.to_string()));
            }
        }
    }
    Ok(client)
}

/// Waits until something has happened on a connection, and hands over what: an event that nobody took would
/// make the next call return at once, again and again. Dropping the future loses nothing.
///
/// # Errors
/// The connection is over for good.
pub(crate) async fn drive(client: &mut Client) -> Result<Vec<Event>, ClientError> {
    client.drive().await?;
    while client.take_notice().is_some() {}
    Ok(std::iter::from_fn(|| client.session_mut().take_event()).collect())
}
