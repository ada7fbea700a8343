//! Times as people write them: RFC 3339, so long ago, or for so long.

use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock;

/// Reads `2026-11-23T12:00:00Z`, or `2h ago`, `90m`, `3 days ago`, all before now.
pub(crate) fn parse(text: &str) -> Result<prost_types::Timestamp, String> {
    parse_at(text, clock::now())
}

/// The Unix seconds of a moment; now where there is none.
pub(crate) fn unix_seconds(moment: Option<&prost_types::Timestamp>) -> i64 {
    moment.map_or_else(|| clock::now().as_second(), |moment| moment.seconds)
}

fn parse_at(text: &str, now: Timestamp) -> Result<prost_types::Timestamp, String> {
    let moment = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| before(text, now))
        .ok_or("write a time as 2026-11-23T12:00:00Z, or so long ago as `2h ago`")?;
    let nanos = moment.subsec_nanosecond();
    // The contract's nanoseconds count forward, jiff's have the sign of the seconds.
    let (seconds, nanos) = if nanos < 0 {
        (moment.as_second() - 1, nanos + 1_000_000_000)
    } else {
        (moment.as_second(), nanos)
    };
    Ok(prost_types::Timestamp { seconds, nanos })
}

/// For how long something is good: `10m`, `24h`, `90d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime(pub(crate) Duration);

impl FromStr for Lifetime {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lasting = span(text).and_then(|span| Duration::try_from(span).ok());
        lasting
            .filter(|lasting| !lasting.is_zero())
            .map(Self)
            .ok_or("write how long as 10m, 24h or 90d")
    }
}

fn before(text: &str, now: Timestamp) -> Option<Timestamp> {
    let back = span(text.strip_suffix("ago").unwrap_or(text).trim())?;
    if back.is_negative() { None } else { now.checked_sub(back).ok() }
}

/// Days have 24 hours here.
fn span(text: &str) -> Option<SignedDuration> {
    let span: jiff::Span = text.parse().ok()?;
    let days = SignedDuration::from_hours(
        24 * (i64::from(span.get_days()) + 7 * i64::from(span.get_weeks())),
    );
    let clock = SignedDuration::try_from(span.days(0).weeks(0)).ok()?;
    days.checked_add(clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<i64> {
        let noon = "2026-11-23T12:00:00Z".parse().unwrap();
        parse_at(text, noon).ok().map(|at| at.seconds - 1_795_435_200)
    }

    #[test]
    fn a_lifetime_has_a_unit_and_is_not_nothing() {
        let seconds = |text: &str| text.parse::<Lifetime>().ok().map(|lasting| lasting.0.as_secs());
        assert_eq!(seconds("10m"), Some(600));
        assert_eq!(seconds("90d"), Some(90 * 86_400));
        for text in ["", "0s", "-1h", "90", "1 month"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(seconds("2026-11-23T12:00:01Z"), Some(1));
        assert_eq!(seconds("2026-11-23T13:00:00+01:00"), Some(0));
        assert_eq!(seconds("2h ago"), Some(-7200));
        assert_eq!(seconds("90m"), Some(-5400));
        assert_eq!(seconds("3 days ago"), Some(-3 * 86_400));
        assert_eq!(seconds("1 week"), Some(-7 * 86_400));
        for text in ["", "yesterday", "-2h", "2026-11-23", "1 month ago"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
