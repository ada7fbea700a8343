//! The date of a signature, `YYYYMMDDTHHMMSSZ` in UTC, from and to Unix seconds.
//! It never reads a clock, and knows nothing of time zones or leap seconds.

use std::fmt;

const DAY_SECONDS: i64 = 86_400;
const YEAR_ZERO_UNIX: i64 = -62_167_219_200;
const YEAR_9999_END_UNIX: i64 = 253_402_300_799;

/// A moment as `X-Sdk-Date` writes it, always valid.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SdkDate {
    text: [u8; 16],
    unix_seconds: i64,
}

impl SdkDate {
    /// A time outside the years 0000 to 9999, which four digits cannot write, becomes the nearest
    /// that can be written.
    pub fn from_unix_seconds(seconds: i64) -> Self {
        let unix_seconds = seconds.clamp(YEAR_ZERO_UNIX, YEAR_9999_END_UNIX);
        let (year, month, day) = civil_from_days(unix_seconds.div_euclid(DAY_SECONDS));
        let second = unix_seconds.rem_euclid(DAY_SECONDS);
        let [c1, c2] = two_digits(year / 100);
        let [y1, y2] = two_digits(year % 100);
        let [m1, m2] = two_digits(month);
        let [d1, d2] = two_digits(day);
        let [h1, h2] = two_digits(second / 3_600);
        let [n1, n2] = two_digits(second / 60 % 60);
        let [s1, s2] = two_digits(second % 60);
        let text = [c1, c2, y1, y2, m1, m2, d1, d2, b'T', h1, h2, n1, n2, s1, s2, b'Z'];
        Self { text, unix_seconds }
    }

    /// Reads exactly the form this writes: no other length, sign, space or case, and no moment
    /// that does not exist.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let [c1, c2, y1, y2, m1, m2, d1, d2, b'T', h1, h2, n1, n2, s1, s2, b'Z'] = *text else {
            return None;
        };
        let year = number(c1, c2)? * 100 + number(y1, y2)?;
        let (month, day) = (number(m1, m2)?, number(d1, d2)?);
        let (hour, minute, second) = (number(h1, h2)?, number(n1, n2)?, number(s1, s2)?);
        let days = days_from_civil(year, month, day);
        // Writing it again refuses every field out of range, the 30th of February too.
        let unix_seconds = days * DAY_SECONDS + hour * 3_600 + minute * 60 + second;
        let date = Self::from_unix_seconds(unix_seconds);
        (date.text == *text).then_some(date)
    }

    pub fn unix_seconds(&self) -> i64 {
        self.unix_seconds
    }

    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.text
    }
}

impl fmt::Display for SdkDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text))
    }
}

impl fmt::Debug for SdkDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SdkDate({self})")
    }
}

/// Year, month and day of a count of days since 1970-01-01, by Howard Hinnant's
/// `civil_from_days`: the year begins in March, so that the leap day comes last.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn two_digits(number: i64) -> [u8; 2] {
    [digit(number / 10), digit(number)]
}

fn digit(number: i64) -> u8 {
    u8::try_from(number % 10).map_or(b'0', |digit| b'0' + digit)
}

fn number(tens: u8, ones: u8) -> Option<i64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_are_written_and_read() {
        for (unix_seconds, text) in [
            (0, "19700101T000000Z"),
            (-1, "19691231T235959Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_573_789_015, "20191115T033655Z"),
            (1_795_435_200, "20261123T120000Z"),
            (4_107_542_400, "21000301T000000Z"),
            (YEAR_9999_END_UNIX, "99991231T235959Z"),
            (YEAR_ZERO_UNIX, "00000101T000000Z"),
        ] {
            let date = SdkDate::from_unix_seconds(unix_seconds);
            assert_eq!(date.to_string(), text);
            assert_eq!(SdkDate::parse(text.as_bytes()), Some(date));
            assert_eq!(date.unix_seconds(), unix_seconds);
        }
    }

    #[test]
    fn a_moment_that_four_digits_cannot_write_becomes_the_nearest() {
        assert_eq!(SdkDate::from_unix_seconds(i64::MAX).to_string(), "99991231T235959Z");
        assert_eq!(SdkDate::from_unix_seconds(i64::MIN).to_string(), "00000101T000000Z");
    }

    #[test]
    fn anything_but_the_one_form_is_refused() {
        for text in [
            "",
            "20261123T120000",
            "20261123T120000z",
            "20261123t120000Z",
            "20261123 120000Z",
            "2026-11-23T12:00:00Z",
            "20261123T120000Z ",
            "+0261123T120000Z",
            "20261323T120000Z",
            "20260023T120000Z",
            "20260230T120000Z",
            "20270229T120000Z",
            "20261100T120000Z",
            "20261123T240000Z",
            "20261123T126000Z",
            "20261123T120060Z",
        ] {
            assert_eq!(SdkDate::parse(text.as_bytes()), None, "{text}");
        }
    }
}
