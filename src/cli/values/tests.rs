use super::*;

fn seconds(text: &str) -> Result<f64, ValueError> {
    text.parse().map(|TimeSpan(span)| span.as_secs_f64())
}

#[test]
fn a_plain_number_is_seconds_and_units_are_understood() {
    assert_eq!(seconds("5"), Ok(5.0));
    assert_eq!(seconds("0.25"), Ok(0.25));
    assert_eq!(seconds(".5"), Ok(0.5));
    assert_eq!(seconds("250ms"), Ok(0.25));
    assert_eq!(seconds("1m 30s"), Ok(90.0));
    for bad in ["", "-1", "abc", "1 parsec", "inf", "nan", "1e400", "5x"] {
        assert_eq!(seconds(bad), Err(ValueError::Duration), "{bad}");
    }
}

#[test]
fn session_expiry_is_seconds_or_never() {
    for (text, expected) in [
        ("0", Some(0)),
        ("3600", Some(3600)),
        ("1h", Some(3600)),
        ("0.5", Some(1)),
        ("4294967295", Some(u32::MAX)),
        ("never", Some(u32::MAX)),
        ("-1", Some(u32::MAX)),
        ("4294967296", None),
        ("-2", None),
        ("x", None),
    ] {
        assert_eq!(text.parse().ok().map(|Expiry(n)| n), expected, "{text}");
    }
}

#[test]
fn keep_alive_and_window_hold_their_ranges() {
    assert_eq!("0".parse(), Ok(KeepAliveSeconds(0)));
    assert_eq!("65535".parse(), Ok(KeepAliveSeconds(65535)));
    assert_eq!("2m".parse(), Ok(KeepAliveSeconds(120)));
    assert_eq!("65536".parse::<KeepAliveSeconds>(), Err(ValueError::KeepAlive));
    assert_eq!("0".parse::<Window>(), Err(ValueError::Window));
    assert_eq!("0".parse::<SubscriptionId>(), Err(ValueError::SubscriptionId));
    assert_eq!("268435456".parse::<SubscriptionId>(), Err(ValueError::SubscriptionId));
    assert_eq!("268435455".parse(), Ok(SubscriptionId(268_435_455)));
    assert_eq!("20".parse::<Window>().map(|window| window.0.get()), Ok(20));
}

#[test]
fn sizes_have_units() {
    for (text, expected) in [
        ("0", Some(0)),
        ("2000000", Some(2_000_000)),
        ("64k", Some(65_536)),
        ("1M", Some(1_048_576)),
        ("1 MiB", Some(1_048_576)),
        ("3MB", Some(3_000_000)),
        ("", None),
        ("k", None),
        ("1q", None),
        ("-1", None),
        ("18446744073709551615k", None),
    ] {
        assert_eq!(text.parse().ok().map(|ByteSize(n)| n), expected, "{text}");
    }
    assert_eq!("0".parse::<PacketSize>(), Err(ValueError::PacketSize));
    assert_eq!("4G".parse::<PacketSize>(), Err(ValueError::PacketSize));
    assert_eq!("256M".parse(), Ok(PacketSize(268_435_456)));
}

#[test]
fn versions_have_the_names_that_people_use() {
    for (names, version) in [
        (&["5", "mqttv5", "5.0", "MQTTv5"][..], Version::V5),
        (&["3.1.1", "311", "mqttv311", "4"], Version::V311),
        (&["3.1", "31", "mqttv31", "3"], Version::V31),
    ] {
        for name in names {
            assert_eq!(name.parse(), Ok(VersionName(VersionChoice::Only(version))), "{name}");
        }
    }
    assert_eq!("auto".parse(), Ok(VersionName(VersionChoice::Auto)));
    assert_eq!("6".parse::<VersionName>(), Err(ValueError::Version));
}

#[test]
fn shares_and_rates() {
    for (text, tenths) in [
        ("0.1", Some(1)),
        ("100", Some(1000)),
        ("12.34%", Some(123)),
        ("0", None),
        ("100.1", None),
        ("x", None),
        ("nan", None),
    ] {
        assert_eq!(text.parse().ok().map(|Chance(tenths)| tenths), tenths, "{text}");
    }
    for (text, millis) in [
        ("100", Some(10)),
        ("0.5", Some(2000)),
        ("100/s", Some(10)),
        ("30/m", Some(2000)),
        ("60/h", Some(60_000)),
        ("0", None),
        ("-1", None),
        ("1/d", None),
        ("x/s", None),
        ("inf", None),
    ] {
        assert_eq!(
            text.parse().ok().map(|rate: RequestRate| rate.interval),
            millis.map(Duration::from_millis),
            "{text}"
        );
    }
}

#[test]
fn tries_and_separators() {
    assert_eq!("forever".parse(), Ok(Tries(Attempts::Unlimited)));
    assert_eq!("3".parse(), Ok(Tries(Attempts::AtMost(3))));
    assert_eq!("often".parse::<Tries>(), Err(ValueError::Attempts));
    let factor = |text: &str| text.parse().map(Speed::factor);
    assert_eq!((factor("10x"), factor("0.5"), factor("1")), (Ok(10.0), Ok(0.5), Ok(1.0)));
    assert_eq!(Speed::RECORDED.factor(), 1.0);
    for bad in ["", "x", "0", "-1", "nan", "inf", "10y"] {
        assert_eq!(bad.parse::<Speed>(), Err(ValueError::Speed), "{bad}");
    }
    assert_eq!("\\t".parse(), Ok(Separator("\t".to_owned())));
    assert_eq!("\\\\t".parse(), Ok(Separator("\\t".to_owned())));
    assert_eq!("".parse::<Separator>(), Err(ValueError::Separator));
}

#[test]
fn choices_ignore_case_and_name_what_they_know() {
    assert_eq!("drop-old".parse(), Ok(Overflow::DropOld));
    assert_eq!("TLSv1.3".parse(), Ok(TlsMinimum::Tls13));
    assert_eq!("x".parse::<OnError>(), Err("it is one of stop, skip".to_owned()));
}
