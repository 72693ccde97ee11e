//! Local time of an instant, in the forms that records carry.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::fmt::strtime::{BrokenDownTime, Config, PosixCustom};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Reads a time as the tools write it: RFC 3339, its offset with or without colon or, as mosquitto 2.0 has it, after a `Z`
/// that means nothing; or a number, as [`parse_epoch`] reads it.
#[must_use]
pub fn parse(text: &str) -> Option<SystemTime> {
    let time = text.parse::<Timestamp>().ok().or_else(|| {
        let (local, offset) =
            text.split_once(['Z', 'z']).filter(|(_, offset)| offset.starts_with(['+', '-']))?;
        format!("{local}{offset}").parse().ok()
    });
    time.map(SystemTime::from).or_else(|| parse_epoch(text))
}

/// Reads the time since the epoch in seconds, milliseconds, microseconds or nanoseconds, with or without a fraction. Its size
/// says which: from the year 1973 to 5138 no two of them overlap, and what is outside of it is no time.
#[must_use]
pub fn parse_epoch(digits: &str) -> Option<SystemTime> {
    // This many nanoseconds each, and where the next unit begins.
    const UNITS: [(u64, u64); 4] = [
        (1_000_000_000, 100_000_000_000),
        (1_000_000, 100_000_000_000_000),
        (1_000, 100_000_000_000_000_000),
        (1, u64::MAX),
    ];
    const BEGIN: u64 = 100_000_000;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let whole: u64 = whole.parse().ok().filter(|whole| *whole >= BEGIN)?;
    let (unit, _) = UNITS.into_iter().find(|(_, end)| whole < *end)?;
    let nine = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let billionths = nine.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    let part = Duration::from_nanos(billionths / (1_000_000_000 / unit));
    let per_second = 1_000_000_000 / unit;
    let whole = Duration::from_secs(whole / per_second) + Duration::from_nanos(whole % per_second * unit);
    UNIX_EPOCH.checked_add(whole + part)
}

/// Turns instants into local time. What is the same for a whole second is computed once a second.
#[derive(Debug, Clone)]
pub struct LocalClock {
    zone: TimeZone,
    /// The start of the second that `zoned`, `date_time` and `offset` belong to, from the epoch.
    second: i64,
    zoned: Zoned,
    date_time: [u8; 19],
    offset: [u8; 6],
}

/// One instant in local time.
#[derive(Debug)]
pub struct Moment<'a> {
    clock: &'a LocalClock,
    nanosecond: u32,
}

impl Default for LocalClock {
    /// The clock of this machine: `TZ`, or the system's time zone; UTC where there is none.
    fn default() -> Self {
        Self::in_zone(TimeZone::system())
    }
}

impl LocalClock {
    /// A clock in a time zone.
    #[must_use]
    pub fn in_zone(zone: TimeZone) -> Self {
        let mut clock = Self {
            zoned: Timestamp::UNIX_EPOCH.to_zoned(zone.clone()),
            zone,
            second: 0,
            date_time: [0; 19],
            offset: [0; 6],
        };
        clock.turn_to(Timestamp::UNIX_EPOCH);
        clock
    }

    /// Local time of an instant; of the epoch for one that no calendar here reaches (year 10,000).
    pub fn at(&mut self, time: SystemTime) -> Moment<'_> {
        let (second, nanosecond) = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => (i64::try_from(since.as_secs()).unwrap_or(0), since.subsec_nanos()),
            Err(before) => {
                let back = before.duration();
                let seconds = i64::try_from(back.as_secs()).unwrap_or(0);
                match back.subsec_nanos() {
                    0 => (-seconds, 0),
                    nanos => (-seconds - 1, 1_000_000_000 - nanos),
                }
            }
        };
        if second != self.second {
            self.turn_to(Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH));
            // Also where the calendar does not reach: the epoch is the answer for this second.
            self.second = second;
        }
        Moment { clock: self, nanosecond }
    }

    fn turn_to(&mut self, second: Timestamp) {
        self.second = second.as_second();
        self.zoned = second.to_zoned(self.zone.clone());
        let local = self.zoned.datetime();
        let year = u32::from(local.year().unsigned_abs());
        let fields = [local.month(), local.day(), local.hour(), local.minute(), local.second()];
        put_digits(&mut self.date_time[..4], year);
        for (place, (field, mark)) in fields.into_iter().zip(*b"--T::").enumerate() {
            let at = 4 + 3 * place;
            self.date_time[at] = mark;
            put_digits(&mut self.date_time[at + 1..at + 3], u32::from(field.unsigned_abs()));
        }
        let offset = self.zoned.offset().seconds();
        let minutes = offset.unsigned_abs() / 60;
        self.offset[0] = if offset < 0 { b'-' } else { b'+' };
        put_digits(&mut self.offset[1..3], minutes / 60);
        self.offset[3] = b':';
        put_digits(&mut self.offset[4..6], minutes % 60);
    }
}

/// Fills a field with the decimal digits of a value, zeros in front.
fn put_digits(field: &mut [u8], mut value: u32) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

impl Moment<'_> {
    /// RFC 3339 with microseconds and the offset of the zone: `2026-11-20T11:37:41.581159+01:00`.
    pub fn push_rfc3339(&self, out: &mut Vec<u8>) {
        self.push_microseconds(out);
        out.extend_from_slice(&self.clock.offset);
    }

    /// As mosquitto writes it in JSON, without the colon: `2026-11-20T11:37:41.581159+0100`.
    pub fn push_basic_offset(&self, out: &mut Vec<u8>) {
        self.push_microseconds(out);
        self.push_offset(out);
    }

    /// Without fraction: `2026-11-20T11:37:41+0100`.
    pub fn push_seconds(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.clock.date_time);
        self.push_offset(out);
    }

    /// Seconds since the epoch and nine digits of their fraction: `1795171061.581159042`.
    pub fn push_unix(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.clock.second.to_string().as_bytes());
        out.push(b'.');
        self.push_nanoseconds(out);
    }

    /// What C's `strftime` prints for `%` and this letter in the C locale; `N` is the nine digits of the
    /// nanoseconds. What is no conversion is printed with its `%`, as glibc does.
    pub fn push_strftime(&self, letter: u8, out: &mut Vec<u8>) {
        const DIRECT: &[u8] = b"aAbBcdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ";
        match letter {
            b'N' => self.push_nanoseconds(out),
            b'%' => out.push(b'%'),
            // glibc prints two digits where the library at hand would print one.
            b'C' => {
                let mut digits = [0; 2];
                put_digits(&mut digits, u32::from(self.clock.zoned.year().unsigned_abs()) / 100);
                out.extend_from_slice(&digits);
            }
            _ if DIRECT.contains(&letter) => {
                let config = Config::new().custom(PosixCustom::new()).lenient(true);
                let mut text = String::new();
                let format = [b'%', letter];
                // It cannot fail: a lenient format of a complete date and time into a string.
                let _ =
                    BrokenDownTime::from(&self.clock.zoned).format_with_config(&config, format, &mut text);
                out.extend_from_slice(text.as_bytes());
            }
            _ => out.extend_from_slice(&[b'%', letter]),
        }
    }

    fn push_microseconds(&self, out: &mut Vec<u8>) {
        let mut fraction = [b'.'; 7];
        put_digits(&mut fraction[1..], self.nanosecond / 1_000);
        out.extend_from_slice(&self.clock.date_time);
        out.extend_from_slice(&fraction);
    }

    fn push_nanoseconds(&self, out: &mut Vec<u8>) {
        let mut digits = [0; 9];
        put_digits(&mut digits, self.nanosecond);
        out.extend_from_slice(&digits);
    }

    fn push_offset(&self, out: &mut Vec<u8>) {
        let (hours, minutes) = self.clock.offset.split_at(3);
        out.extend_from_slice(hours);
        out.extend(minutes.iter().skip(1));
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::offset;

    use super::super::fixture::instant;
    use super::*;

    fn shown(clock: &mut LocalClock, time: SystemTime, push: impl Fn(&Moment<'_>, &mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&clock.at(time), &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn one_instant_in_each_form() {
        let clock = &mut LocalClock::in_zone(offset(1).to_time_zone());
        assert_eq!(
            shown(clock, instant(), |moment, out| moment.push_rfc3339(out)),
            "2026-11-20T11:37:41.581159+01:00"
        );
        assert_eq!(
            shown(clock, instant(), |moment, out| moment.push_basic_offset(out)),
            "2026-11-20T11:37:41.581159+0100"
        );
        assert_eq!(
            shown(clock, instant(), |moment, out| moment.push_seconds(out)),
            "2026-11-20T11:37:41+0100"
        );
        assert_eq!(shown(clock, instant(), |moment, out| moment.push_unix(out)), "1795171061.581159042");
    }

    #[test]
    fn the_forms_of_the_tools_are_read() {
        let micros = UNIX_EPOCH + Duration::from_micros(1_795_171_061_581_159);
        let millis = UNIX_EPOCH + Duration::from_millis(1_795_171_061_581);
        let seconds = UNIX_EPOCH + Duration::from_secs(1_795_171_061);
        for (text, time) in [
            ("2026-11-20T11:37:41.581159+01:00", micros),
            // mosquitto_sub 2.1, and 2.0 in two time zones.
            ("2026-11-20T11:37:41.581159+0100", micros),
            ("2026-11-20T10:37:41.581159Z+0000", micros),
            ("2026-11-20T07:07:41.581159Z-0330", micros),
            ("2026-11-20T10:37:41.581159Z", micros),
            ("2026-11-20T10:37:41Z", seconds),
            ("2026-11-20 10:37:41+00:00", seconds),
            // mosquitto_sub 1.6, and %U.
            ("1795171061", seconds),
            ("1795171061.581159000", micros),
            ("1795171061581", millis),
            ("1795171061581.159", micros),
            ("1795171061581159", micros),
            ("1795171061581159000", micros),
            ("1795171061.0", seconds),
        ] {
            assert_eq!(parse(text), Some(time), "{text}");
        }
        for text in [
            "",
            "garbage",
            "7",
            "0",
            "-1795171061",
            "1.795171061e9",
            "1795171061.",
            ".5",
            "99999999999999999999999",
            "2026-11-20",
            "2026-11-20T10:37:41",
            "2026-11-20T10:37:41Z+",
            "2026-11-20T10:37:41Z0000",
            "11:37",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(parse("18446744073709551615").is_none());
    }

    #[test]
    fn the_cached_second_follows_the_instant_and_the_zone() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a POSIX zone");
        let clock = &mut LocalClock::in_zone(zone);
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        // The last second of summer time in 2026, and the first of winter time.
        assert_eq!(
            shown(clock, at(1_792_889_999), |moment, out| moment.push_rfc3339(out)),
            "2026-10-25T02:59:59.000000+02:00"
        );
        assert_eq!(
            shown(clock, at(1_792_890_000), |moment, out| moment.push_rfc3339(out)),
            "2026-10-25T02:00:00.000000+01:00"
        );
        assert_eq!(
            shown(clock, at(1_792_889_999), |moment, out| moment.push_seconds(out)),
            "2026-10-25T02:59:59+0200"
        );
        let west = &mut LocalClock::in_zone(TimeZone::posix("<-0330>3:30").expect("a POSIX zone"));
        assert_eq!(
            shown(west, UNIX_EPOCH, |moment, out| moment.push_rfc3339(out)),
            "1969-12-31T20:30:00.000000-03:30"
        );
        let before = UNIX_EPOCH - Duration::from_nanos(1);
        assert_eq!(
            shown(west, before, |moment, out| moment.push_rfc3339(out)),
            "1969-12-31T20:29:59.999999-03:30"
        );
    }

    #[test]
    fn strftime_prints_what_the_c_locale_prints() {
        let zone = TimeZone::posix("CET-1").expect("a POSIX zone");
        let clock = &mut LocalClock::in_zone(zone);
        for (letter, text) in [
            ('a', "Fri"),
            ('A', "Friday"),
            ('b', "Nov"),
            ('h', "Nov"),
            ('B', "November"),
            ('c', "Fri Nov 20 11:37:41 2026"),
            ('C', "20"),
            ('d', "20"),
            ('D', "11/20/26"),
            ('e', "20"),
            ('F', "2026-11-20"),
            ('g', "26"),
            ('G', "2026"),
            ('H', "11"),
            ('I', "11"),
            ('j', "324"),
            ('k', "11"),
            ('l', "11"),
            ('m', "11"),
            ('M', "37"),
            ('n', "\n"),
            ('N', "581159042"),
            ('p', "AM"),
            ('P', "am"),
            ('r', "11:37:41 AM"),
            ('R', "11:37"),
            ('s', "1795171061"),
            ('S', "41"),
            ('t', "\t"),
            ('T', "11:37:41"),
            ('u', "5"),
            ('U', "46"),
            ('V', "47"),
            ('w', "5"),
            ('W', "46"),
            ('x', "11/20/26"),
            ('X', "11:37:41"),
            ('y', "26"),
            ('Y', "2026"),
            ('z', "+0100"),
            ('Z', "CET"),
            ('%', "%"),
            ('Q', "%Q"),
            ('E', "%E"),
            ('+', "%+"),
        ] {
            let byte = u8::try_from(letter).expect("ASCII");
            assert_eq!(
                shown(clock, instant(), |moment, out| moment.push_strftime(byte, out)),
                text,
                "@{letter}"
            );
        }
    }
}
