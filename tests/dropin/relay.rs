//! Ways to a plain TCP port: a relay that ends TLS, WebSocket or the unix socket, and a SOCKS5 proxy.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use mqt_client::listen::{Listener, ServerTls};
use mqt_client::{Endpoint, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// What is between a client and a plain TCP port. Ends when it is dropped.
pub struct Relay {
    port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What a relay speaks with its clients.
enum Front {
    Layers(Box<Endpoint>, Option<ServerTls>),
    Socks,
}

impl Relay {
    /// Listens at an address such as `mqtts://localhost:0` or `unix:///path`, and forwards what comes there.
    pub fn layers(address: &str, tls: Option<ServerTls>, upstream: u16) -> Self {
        Self::start(Front::Layers(Box::new(Endpoint::listening(address).unwrap()), tls), upstream)
    }

    /// A SOCKS5 proxy that wants no login, or takes any; wherever a client wants to go, it gets there.
    pub fn socks(upstream: u16) -> Self {
        Self::start(Front::Socks, upstream)
    }

    fn start(front: Front, upstream: u16) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (ready, port) = mpsc::channel();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let serve = async {
                    match front {
                        Front::Layers(address, tls) => {
                            let listener = Listener::bind(&address, tls.as_ref()).await.unwrap();
                            ready.send(listener.local_address().port()).unwrap();
                            loop {
                                let incoming = listener.accept().await.unwrap();
                                tokio::spawn(async move {
                                    // A client that does not finish its handshake is what some rows are about.
                                    if let Ok((stream, _)) = incoming.handshake().await {
                                        forward(stream, upstream).await;
                                    }
                                });
                            }
                        }
                        Front::Socks => {
                            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                            ready.send(listener.local_addr().unwrap().port()).unwrap();
                            loop {
                                let (stream, _) = listener.accept().await.unwrap();
                                tokio::spawn(tunnel(stream, upstream, Arc::clone(&hears)));
                            }
                        }
                    }
                };
                tokio::select! {
                    // An error says that the test is over.
                    _ = stopped => {}
                    () = serve => {}
                }
            });
        });
        Self { port: port.recv().unwrap(), heard, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the clients of a SOCKS5 proxy said to it.
    pub fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error says that its thread has panicked, which the join reports.
            let _ = stop.send(());
        }
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))) || std::thread::panicking(), "the relay panicked");
    }
}

async fn forward(mut client: Stream, upstream: u16) {
    let Ok(mut server) = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, upstream))).await else {
        return;
    };
    server.set_nodelay(true).unwrap();
    let (mut from_client, mut from_server) = ([0; 16 * 1024], [0; 16 * 1024]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => match read {
                Ok(count @ 1..) if server.write_all(&from_client[..count]).await.is_ok() => {}
                _ => break,
            },
            read = server.read(&mut from_server) => match read {
                Ok(count @ 1..)
                    if client.write_all(&from_server[..count]).await.is_ok()
                        && client.flush().await.is_ok() => {}
                _ => break,
            },
        }
    }
    // What came from one end is written; both hear of the end. Errors say that they know it.
    let _ = server.shutdown().await;
    let _ = client.shutdown().await;
}

/// RFC 1928 and 1929, the server's side.
async fn tunnel(mut client: TcpStream, upstream: u16, heard: Arc<Mutex<Vec<u8>>>) {
    let greeting = async {
        let mut said = vec![0; 2];
        client.read_exact(&mut said).await?;
        let mut methods = vec![0; usize::from(said[1])];
        client.read_exact(&mut methods).await?;
        let login = methods.contains(&2);
        said.extend(methods);
        client.write_all(&[5, if login { 2 } else { 0 }]).await?;
        if login {
            said.push(client.read_u8().await?);
            for _ in 0..2 {
                let length = client.read_u8().await?;
                let mut text = vec![0; usize::from(length)];
                client.read_exact(&mut text).await?;
                said.push(length);
                said.extend(text);
            }
            client.write_all(&[1, 0]).await?;
        }
        let mut request = [0; 5];
        client.read_exact(&mut request).await?;
        // A name with its length, or an IPv4 address, of which one byte is read already; and the port.
        let left = if request[3] == 3 { usize::from(request[4]) + 2 } else { 5 };
        let mut rest = vec![0; left];
        client.read_exact(&mut rest).await?;
        said.extend(request);
        said.extend(rest);
        heard.lock().unwrap().extend(said);
        client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]).await
    };
    if greeting.await.is_ok() {
        forward(Box::new(client), upstream).await;
    }
}
