//! The dev broker behind every kind of listener at once.

use mqt_broker::BrokerOptions;
use mqt_client::listen::ServerTls;
use mqt_client::{Endpoint, TlsOptions, Transport, TransportOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::broker::TestBroker;
use crate::support::certs::Certs;
use crate::support::wire::{bytes, hex};

#[test]
fn one_message_reaches_clients_on_every_listener() {
    let certs = Certs::new();
    let mut listeners: Vec<Endpoint> = ["mqtt", "mqtts", "ws", "wss"]
        .map(|scheme| Endpoint::listening(&format!("{scheme}://127.0.0.1:0")).unwrap())
        .into();
    if cfg!(unix) {
        listeners.push(Endpoint::unix(certs.path("socket")));
    }
    let count = listeners.len();
    let tls = ServerTls { cert: certs.server_cert.clone(), key: certs.server_key.clone(), client_ca: None };
    let options = BrokerOptions { listeners, server_tls: Some(tls), ..BrokerOptions::default() };
    let mut broker = TestBroker::start_with(options);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut streams = Vec::new();
        for (number, endpoint) in broker.endpoints().iter().enumerate() {
            let mut options = TransportOptions { endpoint: endpoint.clone(), ..TransportOptions::default() };
            if endpoint.scheme().is_tls() {
                options.tls = TlsOptions { ca_file: Some(certs.ca.clone()), ..TlsOptions::default() };
            }
            let mut stream = Transport::new(options).unwrap().connect().await.unwrap().stream;
            let opening = format!("10 (`MQTT` 05 02 0000 () `client{number}`) 82 (0001 () `t` 00)");
            stream.write_all(&bytes(&opening)).await.unwrap();
            stream.flush().await.unwrap();
            let answer = bytes(&format!("{} 90 (0001 () 00)", super::core::CONNACK_5));
            expect(&mut stream, &answer).await;
            streams.push(stream);
        }
        assert_eq!(streams.len(), count);
        let large = format!("30 (`t` () '{}')", "x".repeat(100_000));
        for packet in ["30 (`t` () 'small')", &large] {
            let publisher = &mut streams[0];
            publisher.write_all(&bytes(packet)).await.unwrap();
            for stream in &mut streams {
                expect(stream, &bytes(packet)).await;
            }
        }
        broker.stop();
        for mut stream in streams {
            expect(&mut stream, &bytes("e0 (8b)")).await;
            let mut rest = Vec::new();
            // Some transports say that the end came without a farewell of their own.
            let _ = stream.read_to_end(&mut rest).await;
            assert_eq!(hex(&rest), "");
        }
    });
}

async fn expect(stream: &mut mqt_client::Stream, expected: &[u8]) {
    let mut received = vec![0; expected.len()];
    stream.read_exact(&mut received).await.unwrap();
    assert!(received == expected, "{} is not {}", hex(&received), hex(expected));
}
