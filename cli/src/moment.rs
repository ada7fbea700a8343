//! Times as people write them: RFC 3339, or so long ago.

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

fn before(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.strip_suffix("ago").unwrap_or(text).trim();
    let span: jiff::Span = text.parse().ok()?;
    let days = SignedDuration::from_hours(
        24 * (i64::from(span.get_days()) + 7 * i64::from(span.get_weeks())),
    );
    let clock = SignedDuration::try_from(span.days(0).weeks(0)).ok()?;
    let back = days.checked_add(clock)?;
    if back.is_negative() { None } else { now.checked_sub(back).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<i64> {
        let noon = "2026-11-23T12:00:00Z".parse().unwrap();
        parse_at(text, noon).ok().map(|at| at.seconds - 1_795_435_200)
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
