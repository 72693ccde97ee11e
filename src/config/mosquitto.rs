//! The defaults of the mosquitto clients, where they are not those of mqt.

use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use crate::cli::multicall::Outside;
use crate::output::{Template, TemplateError};
use mqt_client::{Attempts, ClientOptions, Patience, ReconnectPace, VersionChoice};
use mqt_process::file;
use mqt_proto::{Property, Version};

/// How long a connect may take: about what TCP itself allows.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(127);
/// The pause before a lost connection is made again.
const PAUSE: Duration = Duration::from_secs(1);
/// How many unacknowledged messages the broker may send, unless the command wants fewer.
pub(super) const RECEIVE_MAXIMUM: u16 = 20;

/// Gives a client the habits of mosquitto's. `lasting`: a lost connection is made again, forever. `seed` drives
/// the client identifier that MQTT 3.1 needs.
pub(super) fn settle(client: &mut ClientOptions, receive_maximum: u16, lasting: bool, seed: u64) {
    client.connect_timeout = CONNECT_TIMEOUT;
    client.first_connect = Attempts::AtMost(0);
    client.reconnect = if lasting { Attempts::Unlimited } else { Attempts::AtMost(0) };
    client.pace = ReconnectPace::Every(PAUSE);
    client.patience = Patience::Mosquitto;
    client.ack_timeout = Duration::ZERO;
    if client.client_id.is_none() {
        let needed = client.version == VersionChoice::Only(Version::V31);
        client.client_id = Some(if needed { identifier(seed) } else { String::new() }.into());
    }
    // Their order on the wire is part of what there is to be the same.
    let properties = &mut client.connect_properties;
    if client.session_expiry > 0 && properties.session_expiry_interval().is_none() {
        properties.push(Property::SessionExpiryInterval(client.session_expiry));
    }
    if properties.receive_maximum().is_none() {
        properties.push(Property::ReceiveMaximum(receive_maximum));
    }
}

/// `mosq-` and 18 letters and digits.
fn identifier(seed: u64) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut state = seed | 1;
    let letters = (0..18).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let index = usize::try_from((state >> 32) % 62).unwrap_or_default();
        char::from(LETTERS.get(index).copied().unwrap_or(b'0'))
    });
    format!("mosq-{}", letters.collect::<String>())
}

/// What the words of a mosquitto client cannot say themselves: formats and files.
pub struct Surroundings;

impl Outside for Surroundings {
    fn format_fault(&self, format: &str) -> Option<String> {
        Some(match Template::parse(format).err()? {
            TemplateError::IncompleteSpecifier => "Error: Incomplete format specifier.".to_owned(),
            TemplateError::InvalidSpecifier(letter) => format!("Error: Invalid format specifier '{letter}'."),
            TemplateError::IncompleteEscape => "Error: Incomplete escape specifier.".to_owned(),
            TemplateError::InvalidEscape(letter) => format!("Error: Invalid escape specifier '{letter}'."),
            error @ TemplateError::TooWide => format!("Error: Invalid format - {error}."),
        })
    }

    fn unreadable(&self, path: &Path) -> Option<io::Error> {
        match file::metadata(path) {
            // Opening a pipe could wait, and would take from it.
            Ok(found) if found.is_file() || found.is_dir() => {
                file::open(path).and_then(|mut file| file.read(&mut [0])).err()
            }
            Ok(_) => None,
            Err(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_for_mqtt_3_1_is_mosq_and_18_letters() {
        for seed in [0, 1, u64::MAX] {
            let id = identifier(seed);
            assert_eq!(id.len(), 23, "{id}");
            assert!(id.starts_with("mosq-") && id.bytes().skip(5).all(|byte| byte.is_ascii_alphanumeric()));
        }
        assert_ne!(identifier(2), identifier(40));
    }

    #[test]
    fn a_wrong_format_is_told_in_the_words_of_the_clients() {
        for (format, text) in [
            ("%", "Error: Incomplete format specifier."),
            ("@", "Error: Incomplete format specifier."),
            ("%Z", "Error: Invalid format specifier 'Z'."),
            ("\\", "Error: Incomplete escape specifier."),
            ("\\q", "Error: Invalid escape specifier 'q'."),
        ] {
            assert_eq!(Surroundings.format_fault(format).as_deref(), Some(text));
        }
        assert_eq!(Surroundings.format_fault("%t %p @Y \\n"), None);
    }

    #[test]
    fn a_file_is_looked_at_without_reading_it() {
        let folder = tempfile::tempdir().unwrap();
        let kind = |path: &Path| Surroundings.unreadable(path).map(|error| error.kind());
        assert_eq!(kind(folder.path()), Some(io::ErrorKind::IsADirectory));
        let path = folder.path().join("file");
        assert_eq!(kind(&path), Some(io::ErrorKind::NotFound));
        std::fs::write(&path, "x").unwrap();
        assert_eq!(kind(&path), None);
    }
}
