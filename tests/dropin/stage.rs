//! Where the programs are run: certificates, files, and the ways to a peer or a broker.

use std::path::PathBuf;

use mqt_client::listen::ServerTls;

use super::relay::Relay;
use crate::support::certs::{Certs, params};
use crate::support::scripted::Reserved;

/// How a program comes to the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Plain,
    Tls,
    /// The server wants a certificate, and the client must have shown the right one.
    TlsWithClient,
    /// The server's certificate has another name.
    TlsOtherName,
    WebSocket,
    WebSocketTls,
    /// `{dir}/socket`
    Unix,
    /// A SOCKS5 proxy at `{port}`.
    Socks,
}

/// What all runs share.
pub struct Stage {
    certs: Certs,
    /// The name is not one of this machine's.
    other_cert: PathBuf,
    other_key: PathBuf,
    nobody: Reserved,
}

impl Stage {
    pub fn new() -> Self {
        let certs = Certs::new();
        let other = certs.authority.issue(&params("other", &["other.example"]));
        certs.write("other-ca.crt", &Certs::new().authority.pem());
        // The names that OpenSSL looks for in a folder of CAs are made of a hash.
        std::fs::create_dir(certs.path("authorities")).unwrap();
        let hash = std::process::Command::new("openssl")
            .args(["x509", "-noout", "-subject_hash", "-in"])
            .arg(&certs.ca)
            .output();
        let hash = match hash {
            Ok(output) if output.status.success() => {
                String::from_utf8(output.stdout).unwrap().trim().to_owned()
            }
            _ => "01234567".to_owned(),
        };
        std::fs::copy(&certs.ca, certs.path("authorities").join(format!("{hash}.0"))).unwrap();
        Self {
            other_cert: certs.write("other.crt", &other.cert),
            other_key: certs.write("other.key", &other.key),
            certs,
            nobody: Reserved::new(),
        }
    }

    /// Opens the way to a TCP port; `None`: it is that port itself.
    pub fn open(&self, way: Way, dir: &str, upstream: u16) -> Option<Relay> {
        let relay = match way {
            Way::Plain => return None,
            Way::Tls | Way::TlsWithClient | Way::TlsOtherName => {
                Relay::layers("mqtts://127.0.0.1:0", Some(self.server_tls(way)), upstream)
            }
            Way::WebSocket => Relay::layers("ws://127.0.0.1:0", None, upstream),
            Way::WebSocketTls => Relay::layers("wss://127.0.0.1:0", Some(self.server_tls(way)), upstream),
            Way::Unix => Relay::layers(&format!("unix://{dir}/socket"), None, upstream),
            Way::Socks => Relay::socks(upstream),
        };
        Some(relay)
    }

    fn server_tls(&self, way: Way) -> ServerTls {
        let certs = &self.certs;
        let (cert, key) = match way {
            Way::TlsOtherName => (&self.other_cert, &self.other_key),
            _ => (&certs.server_cert, &certs.server_key),
        };
        let client_ca = (way == Way::TlsWithClient).then(|| certs.ca.clone());
        ServerTls { cert: cert.clone(), key: key.clone(), client_ca }
    }

    /// The text with the real ports and files at the places of their names.
    pub fn fill(&self, text: &str, port: u16, dir: &str) -> String {
        let path = |name: &str| self.certs.path(name).display().to_string();
        text.replace("{port}", &port.to_string())
            .replace("{nobody}", &self.nobody.port().to_string())
            .replace("{dir}", dir)
            .replace("{ca}", &path("ca.crt"))
            .replace("{other-ca}", &path("other-ca.crt"))
            .replace("{capath}", &path("authorities"))
            .replace("{cert}", &path("client.crt"))
            .replace("{key}", &path("client.key"))
    }

    /// `-h 127.0.0.1 -p PORT`, unless the line or a file says where to connect.
    pub fn address(line: &str, way: Way, port: u16) -> Vec<String> {
        if way == Way::Unix || ["{port}", "{nobody}"].iter().any(|name| line.contains(name)) {
            return Vec::new();
        }
        ["-h", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned).to_vec()
    }
}
