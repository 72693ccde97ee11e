//! What the dev broker is to do: `mqt broker`, and `--with-broker`.

use std::net::{IpAddr, Ipv4Addr};

use crate::cli::BrokerArgs;
use crate::cli::values::{ListenUrl, PacketSize};
use crate::error::Failure;
use mqt_client::listen::ServerTls;
use mqt_client::{Endpoint, Scheme};

use super::client::Merged;
use super::settings::{BrokerSettings, UiSettings};
use super::{Environment, client, memory, rules};

/// The port when none is given.
const PORT: u16 = 1883;

pub(super) fn resolve(args: BrokerArgs, environment: &Environment<'_>) -> Result<BrokerSettings, Failure> {
    let listen = listeners(&args)?;
    rules::check_broker(&args, &listen)?;
    Ok(BrokerSettings {
        listen,
        tls: args.cert.zip(args.key).map(|(cert, key)| ServerTls { cert, key, client_ca: args.cafile }),
        anonymous: args.allow_anonymous,
        password_file: args.password_file,
        verbose: args.verbose,
        max_memory: args.max_memory.map(memory),
        max_message: args.max_message.map(|PacketSize(size)| size),
        clients: 0,
        // A profile that cannot be read is no matter of the broker.
        clients_go_elsewhere: client::leads_elsewhere(environment).unwrap_or(true),
        ui: UiSettings {
            color: args.color.unwrap_or_default(),
            quiet: args.quiet,
            debug: args.debug,
            ..UiSettings::default()
        },
    })
}

fn listeners(args: &BrokerArgs) -> Result<Vec<Endpoint>, Failure> {
    let address = args.bind.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)).to_string();
    // Somebody who says exactly where to listen gets no further listener.
    let default_port = (args.listen.is_empty() && args.unix.is_none()).then_some(PORT);
    let ports = [
        (Scheme::Mqtt, args.port.or(default_port)),
        (Scheme::Mqtts, args.tls_port),
        (Scheme::Ws, args.ws_port),
        (Scheme::Wss, args.wss_port),
    ];
    let mut listen = Vec::new();
    for (scheme, port) in ports {
        if let Some(port) = port {
            let endpoint = Endpoint::default()
                .with_host(&address)
                .map_err(|error| Failure::usage(format!("--bind: {error}")))?;
            listen.push(endpoint.with_scheme(scheme).with_port(port));
        }
    }
    listen.extend(args.unix.iter().map(Endpoint::unix));
    for ListenUrl(endpoint) in &args.listen {
        let host = endpoint.host();
        if !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Failure::usage(format!("--listen {host}: that is a port and no URL"))
                .hint(format!("--port {host}, or --listen mqtt://127.0.0.1:{host}")));
        }
        listen.push(endpoint.clone());
    }
    Ok(listen)
}

/// The broker of `--with-broker`: it listens where the client will connect to.
pub(super) fn beside(endpoint: &Endpoint, merged: &Merged) -> Result<BrokerSettings, Failure> {
    rules::check_with_broker(endpoint)?;
    let listen = match endpoint.scheme() {
        Scheme::Unix => endpoint.clone(),
        // `localhost` may be two addresses: one of them is enough here.
        _ if endpoint.host().eq_ignore_ascii_case("localhost") => endpoint
            .clone()
            .with_host(&Ipv4Addr::LOCALHOST.to_string())
            .map_err(|error| Failure::usage(format!("--host: {error}")))?,
        _ => endpoint.clone(),
    };
    Ok(BrokerSettings {
        listen: vec![listen],
        tls: None,
        password_file: None,
        anonymous: false,
        verbose: false,
        max_memory: None,
        max_message: None,
        clients: 0,
        clients_go_elsewhere: merged.leads_elsewhere,
        ui: client::ui(&merged.args),
    })
}
