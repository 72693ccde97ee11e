use super::*;

#[test]
fn dates_and_spans_are_plain() {
    let fault = TlsFault::Expired { not_after: 1_609_459_200, now: 1_609_459_200 + 5 * 31_556_952 };
    assert_eq!(fault.to_string(), "the server certificate expired 2021-01-01 00:00 UTC (5 years ago)");
    assert_eq!(fault.hints(), ["this machine's clock says 2026-01-01 05:06 UTC; is that right?"]);
    for (seconds, text) in
        [(1, "1 second"), (119, "119 seconds"), (120, "2 minutes"), (7200, "2 hours"), (172_800, "2 days")]
    {
        assert_eq!(span(seconds), text);
    }
    assert_eq!(date(u64::MAX), "18446744073709551615 s after 1970");
}

#[test]
fn a_signer_of_the_same_name_and_another_key_is_told_apart() {
    let pin = TlsPin::of(b"certificate");
    let fault = |subject: &str, issuer: &str| {
        let (subject, issuer) = (subject.to_owned(), issuer.to_owned());
        TlsFault::of_certificate(CertificateError::BadSignature, subject, issuer, pin)
    };
    assert!(matches!(fault("CN=localhost", "CN=localhost"), TlsFault::UnknownIssuer { .. }));
    assert!(matches!(fault("CN=localhost", "CN=My CA"), TlsFault::OtherIssuer { .. }));
}

#[test]
fn first_bytes_tell_the_protocol() {
    assert_eq!(plain_protocol(b"HTTP/1.1 400"), Some("HTTP"));
    assert_eq!(plain_protocol(&[0x20, 2, 0, 1]), Some("MQTT"));
    assert_eq!(plain_protocol(&[0x15, 3, 3]), None);
    assert!(speaks_tls(&[0x15, 3, 3, 0, 2, 2, 10]));
    assert!(!speaks_tls(&[0x20, 2, 0, 0]));
}

#[test]
fn names_of_a_library_become_words() {
    assert_eq!(words(&InvalidMessage::MessageTooLarge), "message too large");
    assert_eq!(words(&"UnsupportedCriticalExtension(x)"), "unsupported critical extension");
    assert_eq!(alert_name(AlertDescription::UnknownCA), "unknown_ca");
    assert_eq!(alert_name(AlertDescription::BadCertificate), "bad_certificate");
    assert_eq!(alert_name(AlertDescription::from(200)), "alert 200");
}
