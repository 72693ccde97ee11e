//! MQTT over WebSocket (section 6 of both standards).

use std::str::FromStr;

use thiserror::Error;

use crate::mqtt::Secret;

/// A header field of the WebSocket request. Its value may be a token and never shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WsHeader {
    /// The field name.
    pub name: String,
    /// The field value.
    pub value: Secret,
}

/// The text is not a header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WsHeaderError {
    /// No colon, or a name that HTTP does not allow.
    #[error("expected NAME: VALUE")]
    Form,
    /// A control character in the value.
    #[error("the value of a header field has no control characters")]
    Value,
    /// WebSocket itself needs this field.
    #[error("this header field belongs to the WebSocket handshake and cannot be set")]
    Reserved,
}

impl FromStr for WsHeader {
    type Err = WsHeaderError;

    fn from_str(text: &str) -> Result<Self, WsHeaderError> {
        let (name, value) = text.split_once(':').ok_or(WsHeaderError::Form)?;
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(WsHeaderError::Form);
        }
        let lower = name.to_ascii_lowercase();
        if lower.starts_with("sec-websocket-")
            || ["connection", "upgrade", "content-length", "transfer-encoding"].contains(&lower.as_str())
        {
            return Err(WsHeaderError::Reserved);
        }
        let value = value.trim_matches([' ', '\t']);
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(WsHeaderError::Value);
        }
        Ok(Self { name: name.to_owned(), value: Secret::from(value) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_are_read_and_redacted() {
        let header: WsHeader = "Authorization:  Bearer canary ".parse().unwrap();
        assert_eq!((header.name.as_str(), header.value.expose()), ("Authorization", &b"Bearer canary"[..]));
        assert!(!format!("{header:?}").contains("canary"));
        for (text, error) in [
            ("x", WsHeaderError::Form),
            (": x", WsHeaderError::Form),
            ("a b: x", WsHeaderError::Form),
            ("a: x\r\nb: y", WsHeaderError::Value),
            ("Upgrade: x", WsHeaderError::Reserved),
            ("sec-websocket-key: x", WsHeaderError::Reserved),
        ] {
            assert_eq!(text.parse::<WsHeader>(), Err(error), "{text:?}");
        }
    }
}
