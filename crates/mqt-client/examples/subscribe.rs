//! Connects, subscribes and prints: `cargo run -p mqt-client --example subscribe -- mqtt://localhost 'home/#'`.

use std::error::Error;
use std::io::Write as _;

use mqt_client::{Client, ClientOptions, SessionChoices, TransportOptions};
use mqt_proto::session::Event;
use mqt_proto::{Properties, QoS, Subscription, TopicFilter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "mqtt://localhost".to_owned());
    let filter = args.next().unwrap_or_else(|| "#".to_owned());
    let transport = TransportOptions { endpoint: url.parse()?, ..TransportOptions::default() };
    let options = ClientOptions { transport, ..ClientOptions::default() };
    let mut client = Client::new(options, SessionChoices::default())?;
    let subscription = Subscription::new(TopicFilter::new(filter)?, QoS::AtLeastOnce);
    client.session_mut().subscribe(vec![subscription], Properties::new());
    loop {
        client.drive().await?;
        while let Some(event) = client.session_mut().take_event() {
            if let Event::Message { publish, delivery } = event {
                let message = publish.message;
                let text = String::from_utf8_lossy(&message.payload);
                writeln!(std::io::stdout(), "{} {text}", message.topic)?;
                client.session_mut().acknowledge(delivery);
            }
        }
    }
}
