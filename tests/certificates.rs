//! Broker certificates of every kind that is out there, made with OpenSSL and served by a real mosquitto: who accepts
//! which. The real mosquitto_pub is asked too, where it is installed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use mqt_client::TlsPin;
use tempfile::TempDir;

use crate::support::certs::{Authority, params};
use crate::support::mosquitto::{TlsListeners, installed};
use crate::support::mqt::Mqt;

const P256: &[&str] = &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P384: &[&str] = &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
const P521: &[&str] = &["EC", "-pkeyopt", "ec_paramgen_curve:P-521"];
const RSA_2048: &[&str] = &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
const RSA_4096: &[&str] = &["RSA", "-pkeyopt", "rsa_keygen_bits:4096"];
/// With four primes it is found in a second.
const RSA_8192: &[&str] = &["RSA", "-pkeyopt", "rsa_keygen_bits:8192", "-pkeyopt", "rsa_keygen_primes:4"];
const ED25519: &[&str] = &["ED25519"];
const ED448: &[&str] = &["ED448"];

const RSA_PSS: &[&str] = &["RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"];

const LOCALHOST: &str = "subjectAltName=DNS:localhost";

/// A folder in which OpenSSL makes keys and certificates.
pub struct Workshop {
    folder: TempDir,
    openssl: PathBuf,
}

impl Workshop {
    /// `None`: OpenSSL is not installed.
    pub fn new() -> Option<Self> {
        let openssl = installed("openssl")?;
        Some(Self { folder: TempDir::new().unwrap(), openssl })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn run(&self, args: &[&str]) {
        let output = Command::new(&self.openssl)
            .args(args)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn key(&self, name: &str, kind: &[&str]) {
        let file = format!("{name}.key");
        self.run(&[&["genpkey", "-out", &file, "-algorithm"], kind].concat());
    }

    /// A certificate that signs itself. Without extensions it is of version 1.
    fn root(&self, name: &str, kind: &[&str], subject: &str, extensions: &str) {
        self.key(name, kind);
        let [key, request, cert] = ["key", "csr", "crt"].map(|end| format!("{name}.{end}"));
        self.run(&["req", "-new", "-key", &key, "-out", &request, "-subj", subject]);
        let with = self.extensions(name, extensions);
        let with: Vec<&str> = with.iter().map(String::as_str).collect();
        let sign = ["x509", "-req", "-in", &request, "-signkey", &key, "-out", &cert, "-days", "30"];
        self.run(&[&sign[..], &with].concat());
    }

    fn authority(&self, name: &str, kind: &[&str]) {
        self.root(name, kind, &format!("/CN=CA {name}"), "basicConstraints=critical,CA:TRUE");
    }

    /// A certificate that `issuer` signs.
    fn issue(&self, name: &str, kind: &[&str], subject: &str, extensions: &str, issuer: &str) {
        self.issue_for(name, kind, subject, extensions, issuer, "30");
    }

    fn issue_for(
        &self,
        name: &str,
        kind: &[&str],
        subject: &str,
        extensions: &str,
        issuer: &str,
        days: &str,
    ) {
        self.key(name, kind);
        let [key, request, cert] = ["key", "csr", "crt"].map(|end| format!("{name}.{end}"));
        self.run(&["req", "-new", "-key", &key, "-out", &request, "-subj", subject]);
        let with = self.extensions(name, extensions);
        let with: Vec<&str> = with.iter().map(String::as_str).collect();
        let [ca, ca_key] = ["crt", "key"].map(|end| format!("{issuer}.{end}"));
        // A serial number of its own: several are made at a time.
        let serial = format!("0x{:08x}", 0x1000_0000 + name.bytes().map(u32::from).sum::<u32>());
        let sign = [
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-set_serial",
            &serial,
            "-out",
            &cert,
            "-days",
            days,
        ];
        self.run(&[&sign[..], &with].concat());
    }

    fn extensions(&self, name: &str, extensions: &str) -> Vec<String> {
        if extensions.is_empty() {
            return Vec::new();
        }
        let file = format!("{name}.ext");
        self.write(&file, extensions);
        vec!["-extfile".to_owned(), file]
    }

    fn append(&self, to: &str, from: &str) {
        let text = [fs::read_to_string(self.path(to)).unwrap(), fs::read_to_string(self.path(from)).unwrap()];
        self.write(to, &text.concat());
    }
}

/// A case: what the broker shows, what the client trusts, by which host it connects, and who accepts it.
struct Case {
    name: &'static str,
    ca: &'static str,
    host: &'static str,
    expected: &'static str,
    make: fn(&Workshop, &str),
}

/// The columns of [`Case::expected`]: `y` for accepted, `n` for refused.
const COLUMNS: [&str; 8] = [
    "mqt",
    "mqt --tls-legacy",
    "as mosquitto_pub",
    "as mosquitto_pub --insecure",
    "mqt --insecure",
    "mqt --tls-pin",
    "mosquitto_pub",
    "mosquitto_pub --insecure",
];

const fn case(
    name: &'static str,
    ca: &'static str,
    host: &'static str,
    expected: &'static str,
    make: fn(&Workshop, &str),
) -> Case {
    Case { name, ca, host, expected, make }
}

/// `ca` is the usual authority, `twin` has its name and another key; the empty name is the certificate itself.
const CASES: &[Case] = &[
    case("san", "ca", "localhost", "yyyyyy yy", |w, n| w.issue(n, P256, "/CN=x", LOCALHOST, "ca")),
    case("san-ip", "ca", "127.0.0.1", "yyyyyy yy", |w, n| {
        w.issue(n, P256, "/CN=x", "subjectAltName=IP:127.0.0.1", "ca");
    }),
    case("san-wrong", "ca", "localhost", "nnnyyy ny", |w, n| {
        w.issue(n, P256, "/CN=localhost", "subjectAltName=DNS:other.example", "ca");
    }),
    case("san-dns-address", "ca", "127.0.0.1", "nyyyyy yy", |w, n| {
        w.issue(n, P256, "/CN=x", "subjectAltName=DNS:127.0.0.1", "ca");
    }),
    case("san-ip-beside-cn", "ca", "localhost", "nyyyyy yy", |w, n| {
        w.issue(n, P256, "/CN=localhost", "subjectAltName=IP:127.0.0.1", "ca");
    }),
    case("v1", "ca", "localhost", "nyyyyy yy", |w, n| w.issue(n, P256, "/CN=localhost", "", "ca")),
    case("v1-rsa", "ca-rsa", "localhost", "nyyyyy yy", |w, n| {
        w.issue(n, RSA_2048, "/CN=localhost", "", "ca-rsa");
    }),
    case("v1-wrong-name", "ca", "localhost", "nnnyyy ny", |w, n| w.issue(n, P256, "/CN=x", "", "ca")),
    case("v1-expired", "ca", "localhost", "nnnnyy nn", |w, n| {
        w.issue_for(n, P256, "/CN=localhost", "", "ca", "-1");
    }),
    case("v1-other-key", "twin", "localhost", "nnnnyy nn", |w, n| {
        w.issue(n, P256, "/CN=localhost", "", "ca");
    }),
    case("cn", "ca", "localhost", "nyyyyy yy", |w, n| {
        w.issue(n, P256, "/CN=localhost", "keyUsage=digitalSignature", "ca");
    }),
    case("cn-wrong", "ca", "localhost", "nnnyyy ny", |w, n| {
        w.issue(n, P256, "/CN=localhost.example", "keyUsage=digitalSignature", "ca");
    }),
    case("self-cn", "", "localhost", "nyyyyy yy", |w, n| {
        w.root(n, P256, "/CN=localhost", "basicConstraints=CA:TRUE");
    }),
    case("self-san", "", "localhost", "yyyyyy yy", |w, n| {
        w.root(n, P256, "/CN=x", &format!("basicConstraints=CA:TRUE\n{LOCALHOST}"));
    }),
    case("self-san-rsa", "", "localhost", "yyyyyy yy", |w, n| {
        w.root(n, RSA_2048, "/CN=x", &format!("basicConstraints=CA:TRUE\n{LOCALHOST}"));
    }),
    case("self-san-no-ca", "", "localhost", "yyyyyy yy", |w, n| {
        w.root(n, P256, "/CN=x", &format!("basicConstraints=CA:FALSE\n{LOCALHOST}"));
    }),
    case("self-san-wrong", "", "localhost", "nnnyyy ny", |w, n| {
        w.root(n, P256, "/CN=localhost", "basicConstraints=CA:TRUE\nsubjectAltName=DNS:x");
    }),
    case("self-v1", "", "localhost", "nyyyyy yy", |w, n| w.root(n, P256, "/CN=localhost", "")),
    case("self-other", "twin", "localhost", "nnnnyy nn", |w, n| {
        w.root(n, P256, "/CN=CA ca", &format!("basicConstraints=CA:TRUE\n{LOCALHOST}"));
    }),
    case("ca-as-server", "ca", "localhost", "nyyyyy yy", |w, n| {
        w.issue(n, P256, "/CN=x", &format!("basicConstraints=CA:TRUE\n{LOCALHOST}"), "ca");
    }),
    case("ca-as-server-for-clients", "ca", "localhost", "nnnnyy nn", |w, n| {
        let extensions = format!("basicConstraints=CA:TRUE\nextendedKeyUsage=clientAuth\n{LOCALHOST}");
        w.issue(n, P256, "/CN=x", &extensions, "ca");
    }),
    case("signed-by-server", "server-as-ca", "localhost", "nnnnyy nn", |w, n| {
        w.issue(n, P256, "/CN=x", LOCALHOST, "server-as-ca");
    }),
    case("other-ca", "twin", "localhost", "nnnnyy nn", |w, n| w.issue(n, P256, "/CN=x", LOCALHOST, "ca")),
    case("root-v1", "ca-v1", "localhost", "yyyyyy yy", |w, n| w.issue(n, P256, "/CN=x", LOCALHOST, "ca-v1")),
    case("p384", "ca-p384", "localhost", "yyyyyy yy", |w, n| w.issue(n, P384, "/CN=x", LOCALHOST, "ca-p384")),
    case("p521", "ca-p521", "localhost", "yyyyyy yy", |w, n| w.issue(n, P521, "/CN=x", LOCALHOST, "ca-p521")),
    case("p521-v1", "ca-p521", "localhost", "nyyyyy yy", |w, n| {
        w.issue(n, P521, "/CN=localhost", "", "ca-p521");
    }),
    case("rsa-2048", "ca-rsa", "localhost", "yyyyyy yy", |w, n| {
        w.issue(n, RSA_2048, "/CN=x", LOCALHOST, "ca-rsa");
    }),
    case("rsa-4096", "ca-rsa", "localhost", "yyyyyy yy", |w, n| {
        w.issue(n, RSA_4096, "/CN=x", LOCALHOST, "ca-rsa");
    }),
    case("rsa-8192", "ca-8192", "localhost", "yyyyyy yy", |w, n| {
        w.issue(n, RSA_8192, "/CN=x", LOCALHOST, "ca-8192");
    }),
    case("ed25519", "ca-ed25519", "localhost", "yyyyyy yy", |w, n| {
        w.issue(n, ED25519, "/CN=x", LOCALHOST, "ca-ed25519");
    }),
    case("ed448", "ca", "localhost", "nnnnnn yy", |w, n| w.issue(n, ED448, "/CN=x", LOCALHOST, "ca")),
    case("rsa-pss", "ca", "localhost", "nnnnnn yy", |w, n| w.issue(n, RSA_PSS, "/CN=x", LOCALHOST, "ca")),
    case("signed-by-ed448", "ca-ed448", "localhost", "nnnnyy yy", |w, n| {
        w.issue(n, P256, "/CN=x", LOCALHOST, "ca-ed448");
    }),
    case("expired", "rcgen", "localhost", "nnnnyy nn", |w, n| dated(w, n, 2020, 2021)),
    case("not-yet-valid", "rcgen", "localhost", "nnnnyy nn", |w, n| dated(w, n, 2999, 3000)),
    case("ca-expired", "rcgen", "localhost", "nnnnyy nn", |w, n| {
        let ca = format!("{n}-ca");
        w.authority(&ca, P256);
        let [key, request, cert, with] = ["key", "csr", "crt", "ext"].map(|end| format!("{ca}.{end}"));
        let sign = ["x509", "-req", "-in", &request, "-signkey", &key, "-out", &cert, "-days", "-1"];
        w.run(&[&sign[..], &["-extfile", &with]].concat());
        w.issue(n, P256, "/CN=x", LOCALHOST, &ca);
    }),
    case("ca-not-yet-valid", "rcgen", "localhost", "nnnnyy nn", |w, n| {
        let authority = Authority::dated(&format!("CA {n}-ca"), 2999, 3000);
        let identity = authority.issue(&params("x", &["localhost"]));
        for (end, text) in [(".crt", &identity.cert), (".key", &identity.key), ("-ca.crt", &authority.pem())]
        {
            w.write(&format!("{n}{end}"), text);
        }
    }),
    case("client-purpose", "ca", "localhost", "nnnnyy nn", |w, n| {
        w.issue(n, P256, "/CN=x", &format!("extendedKeyUsage=clientAuth\n{LOCALHOST}"), "ca");
    }),
    case("server-purpose", "ca", "localhost", "yyyyyy yy", |w, n| {
        w.issue(n, P256, "/CN=x", &format!("extendedKeyUsage=serverAuth\n{LOCALHOST}"), "ca");
    }),
    case("critical", "ca", "localhost", "nnnnyy nn", |w, n| {
        w.issue(n, P256, "/CN=x", &format!("1.2.3.4=critical,ASN1:NULL\n{LOCALHOST}"), "ca");
    }),
    case("constrained", "ca", "localhost", "nnnnyy nn", |w, n| {
        w.issue(n, P256, "/CN=x", LOCALHOST, "example-only");
        w.append(&format!("{n}.crt"), "example-only.crt");
    }),
    // The common name has to keep to the constraints too. OpenSSL does not hold a name without a dot to them.
    case("constrained-cn", "ca", "localhost", "nnnyyy yy", |w, n| {
        w.issue(n, P256, "/CN=localhost", "keyUsage=digitalSignature", "example-only");
        w.append(&format!("{n}.crt"), "example-only.crt");
    }),
    case("chain", "ca", "localhost", "yyyyyy yy", |w, n| {
        w.issue(n, P256, "/CN=x", LOCALHOST, "intermediate");
        w.append(&format!("{n}.crt"), "intermediate.crt");
    }),
    case("chain-cn", "ca", "localhost", "nyyyyy yy", |w, n| {
        w.issue(n, P256, "/CN=localhost", "keyUsage=digitalSignature", "intermediate");
        w.append(&format!("{n}.crt"), "intermediate.crt");
    }),
    case("chain-missing", "ca", "localhost", "nnnnyy nn", |w, n| {
        w.issue(n, P256, "/CN=x", LOCALHOST, "intermediate");
    }),
];

fn dated(workshop: &Workshop, name: &str, from: i32, to: i32) {
    let authority = Authority::new(&format!("CA of {name}"));
    let mut params = params("x", &["localhost"]);
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(to, 1, 1);
    let identity = authority.issue(&params);
    workshop.write(&format!("{name}.crt"), &identity.cert);
    workshop.write(&format!("{name}.key"), &identity.key);
    workshop.write(&format!("{name}-ca.crt"), &authority.pem());
}

/// Makes the authorities, and then everything that they sign, all at a time.
fn make(workshop: &Workshop) {
    let named = |name: &str, extensions: &str| workshop.root(name, P256, "/CN=CA ca", extensions);
    let authorities: [&(dyn Fn() + Sync); 9] = [
        &|| {
            named("ca", "basicConstraints=critical,CA:TRUE");
            let ca = "basicConstraints=critical,CA:TRUE";
            workshop.issue("intermediate", P256, "/CN=Intermediate", ca, "ca");
            let constrained = format!("{ca}\nnameConstraints=critical,permitted;DNS:example.org");
            workshop.issue("example-only", P256, "/CN=Example", &constrained, "ca");
        },
        &|| named("twin", "basicConstraints=critical,CA:TRUE"),
        &|| named("ca-v1", ""),
        &|| workshop.root("server-as-ca", P256, "/CN=server", "basicConstraints=CA:FALSE"),
        &|| workshop.authority("ca-rsa", RSA_2048),
        &|| workshop.authority("ca-p384", P384),
        &|| workshop.authority("ca-p521", P521),
        &|| workshop.authority("ca-8192", RSA_8192),
        &|| {
            workshop.authority("ca-ed25519", ED25519);
            workshop.authority("ca-ed448", ED448);
        },
    ];
    thread::scope(|scope| {
        for authority in authorities {
            scope.spawn(authority);
        }
    });
    thread::scope(|scope| {
        for case in CASES {
            scope.spawn(|| (case.make)(workshop, case.name));
        }
    });
}

/// What mqt says about a certificate that it refuses.
const EXPLANATIONS: &[(&str, &str)] = &[
    ("san-wrong", "the server certificate is not for \"localhost\"; it is for other.example"),
    ("san-dns-address", "has 127.0.0.1 as a DNS name; to connect by address it needs an IP entry"),
    ("v1", "the server certificate is X.509 version 1"),
    ("cn", "the server certificate has no subjectAltName"),
    ("v1-other-key", "X.509 version 1"),
    ("self-v1", "X.509 version 1"),
    ("self-other", "self-signed and not trusted"),
    ("ca-as-server", "the server uses a CA certificate as its own"),
    ("signed-by-server", "is signed by \"CN=server\", whose own certificate is not that of a CA"),
    ("other-ca", "is not signed by the \"CN=CA ca\" that is trusted"),
    ("ed448", "the key of the broker's certificate may be one that mqt cannot verify: Ed448"),
    ("rsa-pss", "the key of the broker's certificate may be one that mqt cannot verify: Ed448, DSA, RSA-PSS"),
    ("signed-by-ed448", "is signed with Ed448, which mqt cannot verify"),
    ("expired", "the server certificate expired 2021-01-01"),
    ("not-yet-valid", "the server certificate is not valid before 2999-01-01"),
    ("ca-expired", "ca-expired-ca.crt: the certificate of the trusted CA \"CN=CA ca-expired-ca\" expired "),
    (
        "ca-not-yet-valid",
        "ca-not-yet-valid-ca.crt: the certificate of the trusted CA \"CN=CA ca-not-yet-valid-ca\" is not valid before 2999-01-01",
    ),
    ("client-purpose", "is not for a server (extendedKeyUsage: client authentication)"),
    ("critical", "has a critical extension that mqt does not know"),
    ("constrained", "has a name that its CA may not sign (name constraints)"),
    ("chain-missing", "is signed by \"CN=Intermediate\", which is not trusted"),
];

fn pin_of(cert: &Path) -> String {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    TlsPin::of(&CertificateDer::from_pem_file(cert).unwrap()).to_string()
}

#[test]
fn every_kind_of_certificate_is_accepted_by_whom_it_should_be() {
    let Some(workshop) = Workshop::new() else { return };
    let real = installed("mosquitto_pub");
    make(&workshop);
    let served: Vec<(PathBuf, PathBuf)> = CASES
        .iter()
        .map(|case| ["crt", "key"].map(|end| workshop.path(&format!("{}.{end}", case.name))).into())
        .collect();
    let Some(broker) = TlsListeners::start(&served, None) else { return };
    let old = workshop.path("mosquitto_pub");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mqt"), &old).unwrap();
    let mqt = Path::new(env!("CARGO_BIN_EXE_mqt"));

    let ask = |case: &Case, port: u16| {
        let own = workshop.path(&format!("{}.crt", case.name));
        let ca = match case.ca {
            "" => own.clone(),
            "rcgen" => workshop.path(&format!("{}-ca.crt", case.name)),
            ca => workshop.path(&format!("{ca}.crt")),
        };
        let ca = ["--cafile", ca.to_str().unwrap()].map(str::to_owned);
        let pin = ["--tls-pin".to_owned(), pin_of(&own)];
        let with = |option: &str| ca.iter().cloned().chain([option.to_owned()]).collect::<Vec<_>>();
        let real = real.as_deref();
        let runs: [(Option<&Path>, Vec<String>); 8] = [
            (Some(mqt), ca.to_vec()),
            (Some(mqt), with("--tls-legacy")),
            (Some(&old), ca.to_vec()),
            (Some(&old), with("--insecure")),
            (Some(mqt), vec!["--tls".to_owned(), "--insecure".to_owned()]),
            (Some(mqt), pin.to_vec()),
            (real, ca.to_vec()),
            (real, with("--insecure")),
        ];
        let expected = case.expected.chars().filter(|letter| *letter != ' ');
        let mut wrong = String::new();
        for (((program, options), column), expected) in runs.into_iter().zip(COLUMNS).zip(expected) {
            let Some(program) = program else { continue };
            let words = (program == mqt).then_some("pub").into_iter();
            let run = Mqt::program(program, words)
                .args(["-h", case.host, "-p", &port.to_string(), "-t", "a", "-n"])
                .args(options);
            let outcome = run.run();
            let accepted = outcome.code() == Some(0);
            let ours = column != "mosquitto_pub" && column != "mosquitto_pub --insecure";
            if ours && !accepted && outcome.code() != Some(8) || accepted != (expected == 'y') {
                writeln!(wrong, "{} | {column}: {outcome}", case.name).unwrap();
            }
            let explanation = EXPLANATIONS.iter().find(|(name, _)| column == "mqt" && *name == case.name);
            if let Some((_, text)) = explanation
                && !outcome.stderr().contains(text)
            {
                writeln!(wrong, "{} is not explained by {text:?}: {outcome}", case.name).unwrap();
            }
            // The debug text of a library is no explanation.
            if ours && ["Error(", "Other(", "Context"].iter().any(|text| outcome.stderr().contains(text)) {
                writeln!(wrong, "{} | {column}: {outcome}", case.name).unwrap();
            }
        }
        wrong
    };
    let wrong: Vec<String> = thread::scope(|scope| {
        let asked: Vec<_> =
            CASES.iter().zip(broker.ports()).map(|(case, port)| scope.spawn(|| ask(case, *port))).collect();
        asked.into_iter().map(|case| case.join().unwrap()).collect()
    });
    assert!(wrong.iter().all(String::is_empty), "{}", wrong.concat());
}

/// Client certificates and keys: of every kind, encrypted, and from commands.
#[test]
fn every_kind_of_client_key_is_shown_to_the_broker() {
    let Some(workshop) = Workshop::new() else { return };
    workshop.authority("ca", P256);
    let rsa_4608: &[&str] = &["RSA", "-pkeyopt", "rsa_keygen_bits:4608"];
    thread::scope(|scope| {
        for (name, kind) in [("p256", P256), ("p521", P521), ("rsa", rsa_4608), ("ed25519", ED25519)] {
            let workshop = &workshop;
            scope
                .spawn(move || workshop.issue(name, kind, "/CN=client", "extendedKeyUsage=clientAuth", "ca"));
        }
        scope.spawn(|| workshop.issue("server", P256, "/CN=x", LOCALHOST, "ca"));
    });
    workshop.write("password", "s3cret\n");
    workshop.write("wrong", "secret\n");
    let encrypt = |name: &str, with: &[&str]| {
        let run = ["pkcs8", "-topk8", "-in", "p521.key", "-passout", "file:password", "-out", name];
        workshop.run(&[&run[..], with].concat());
    };
    encrypt("aes256.key", &[]);
    encrypt("aes128-sha512.key", &["-v2", "aes128", "-v2prf", "hmacWithSHA512"]);
    encrypt("aes192-sha1.key", &["-v2", "aes192", "-v2prf", "hmacWithSHA1"]);
    encrypt("3des.key", &["-v2", "des3", "-iter", "10000"]);
    encrypt("scrypt.key", &["-scrypt"]);
    let sec1 = ["ec", "-in", "p521.key", "-out"];
    workshop.run(&[&sec1[..], &["sec1.key"]].concat());
    workshop.run(&[&sec1[..], &["pem.key", "-aes128", "-passout", "file:password"]].concat());
    let p12 = ["pkcs12", "-export", "-in", "p521.crt", "-inkey", "p521.key", "-out", "client.p12"];
    workshop.run(&[&p12[..], &["-passout", "file:password"]].concat());

    let server = (workshop.path("server.crt"), workshop.path("server.key"));
    let Some(broker) = TlsListeners::start(&[server], Some(&workshop.path("ca.crt"))) else { return };
    let port = broker.ports()[0].to_string();
    let path = |name: &str| workshop.path(name).display().to_string();
    let run = |cert: &str, key: &[&str]| {
        Mqt::new(["pub", "-h", "localhost", "-t", "a", "-n", "-p", &port, "--cafile", &path("ca.crt")])
            .args(["--cert", &path(cert)])
            .args(key)
            .run()
    };
    for name in ["p256", "p521", "rsa", "ed25519"] {
        run(&format!("{name}.crt"), &["--key", &path(&format!("{name}.key"))]).assert_code(0);
    }
    run("p521.crt", &["--key", &path("sec1.key")]).assert_code(0);
    for name in ["aes256.key", "aes128-sha512.key", "aes192-sha1.key"] {
        let key = ["--key", &path(name), "--key-password-file"];
        run("p521.crt", &[&key[..], &[&path("password")]].concat()).assert_code(0);
        run("p521.crt", &[&key[..], &[&path("wrong")]].concat())
            .assert_code(1)
            .assert_stderr_has(&format!("{name}: the password does not open the private key"));
    }
    run("p521.crt", &["--key", &path("aes256.key")])
        .assert_code(1)
        .assert_stderr_has("aes256.key: the private key is encrypted\n")
        .assert_stderr_has("--key-password-file FILE");
    for (name, what) in
        [("scrypt.key", "scrypt"), ("3des.key", "triple DES"), ("pem.key", "the old encryption of PEM")]
    {
        run("p521.crt", &["--key", &path(name), "--key-password-file", &path("password")])
            .assert_code(1)
            .assert_stderr_has(&format!("is encrypted with {what}, which mqt cannot open"))
            .assert_stderr_has(&format!("--key-command 'openssl pkey -in {}'", path(name)));
    }

    let password = format!("-passin file:{}", path("password"));
    for command in [
        format!("openssl pkcs12 -in {} -nocerts -nodes {password}", path("client.p12")),
        format!("openssl pkey -in {} {password}", path("scrypt.key")),
        format!("openssl pkey -in {} {password}", path("3des.key")),
        format!("cat {}", path("sec1.key")),
    ] {
        run("p521.crt", &["--key-command", &command]).assert_code(0);
    }
    let encrypted = ["--key-password-file", &path("password")];
    let command = format!("cat {}", path("aes256.key"));
    run("p521.crt", &[&["--key-command", &command][..], &encrypted].concat()).assert_code(0);
    for (command, text) in [
        ("exit 3".to_owned(), "the key command failed: exit status: 3"),
        ("true".to_owned(), "the key command printed nothing"),
        ("echo x".to_owned(), "--key-command: no PEM private key in it"),
        (format!("cat {}", path("p256.key")), "the private key in --key-command does not belong to"),
        (command, "--key-command: the private key is encrypted"),
    ] {
        run("p521.crt", &["--key-command", &command]).assert_code(1).assert_stderr_has(text);
    }
    run("p521.crt", &["--key-command", "exec sleep 600", "--connect-timeout", "100ms"])
        .assert_code(1)
        .assert_stderr_has("the key command did not end in the time for a connect");
}
