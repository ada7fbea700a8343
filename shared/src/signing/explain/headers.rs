//! Mistakes with the signed headers: the host above all, values, and the date.

use super::mistake::{
    DATE_OTHER, DATE_TIME_ZONE, HEADER_EMPTY, HEADER_LOWER_CASE, HEADER_NOT_TRIMMED,
    HEADER_SPACES_MERGED, HOST_CASE, HOST_OTHER, HOST_PORT,
};
use super::recipe::{Part, Recipe};
use super::{Change, Questioned};
use crate::signing::received::Found;
use crate::signing::{DATE_HEADER, SdkDate};

const PORTS: [&str; 6] = ["80", "443", "8080", "8443", "8000", "9000"];
/// Who takes the time twice is off by this much.
const OFF_SECONDS: [i64; 6] = [-3, -2, -1, 1, 2, 3];
/// The offsets of the world's clocks, in quarters of an hour.
const ZONE_QUARTERS: std::ops::RangeInclusive<i64> = -48..=56;
const QUARTER_SECONDS: i64 = 900;

pub(super) fn changes(right: &Recipe, request: &Questioned<'_>, changes: &mut Vec<Change>) {
    for (name, value) in &right.headers {
        match name.as_str() {
            "host" => hosts(value, request, changes),
            DATE_HEADER => dates(right.date, changes),
            _ => values(name, value, request, changes),
        }
    }
}

fn hosts(host: &[u8], request: &Questioned<'_>, changes: &mut Vec<Change>) {
    let mut push =
        |mistake, host: Vec<u8>| changes.push((mistake, Part::Header("host".into(), host)));
    let name = without_port(host);
    push(HOST_PORT, name.to_vec());
    for port in PORTS {
        push(HOST_PORT, [name, b":", port.as_bytes()].concat());
    }
    push(HOST_CASE, host.to_ascii_lowercase());
    let named = ["x-forwarded-host", "x-original-host"].into_iter().filter_map(|header| {
        match request.received.header(header) {
            Found::Once(value) => Some(value.trim_ascii()),
            Found::Nowhere | Found::Repeated => None,
        }
    });
    let others = request.other_hosts.iter().map(|host| host.as_bytes());
    let others = named.chain(others).chain([&b"localhost"[..], b"127.0.0.1"]);
    for other in others.filter(|other| without_port(other) != name) {
        push(HOST_OTHER, other.to_vec());
        push(HOST_OTHER, without_port(other).to_vec());
    }
}

fn without_port(host: &[u8]) -> &[u8] {
    let end = host.iter().rposition(|byte| *byte == b':');
    let digits = |at: usize| host.get(at + 1..).is_some_and(|p| p.iter().all(u8::is_ascii_digit));
    end.filter(|at| digits(*at)).and_then(|at| host.get(..at)).unwrap_or(host)
}

fn dates(date: SdkDate, changes: &mut Vec<Change>) {
    let shifted = |seconds| Part::Date(SdkDate::from_unix_seconds(date.unix_seconds() + seconds));
    changes.extend(OFF_SECONDS.map(|seconds| (DATE_OTHER, shifted(seconds))));
    let zones = ZONE_QUARTERS.map(|quarters| (DATE_TIME_ZONE, shifted(quarters * QUARTER_SECONDS)));
    changes.extend(zones);
}

fn values(name: &str, value: &[u8], request: &Questioned<'_>, changes: &mut Vec<Change>) {
    let mut push =
        |mistake, value: Vec<u8>| changes.push((mistake, Part::Header(name.to_owned(), value)));
    if let Found::Once(sent) = request.received.header(name) {
        push(HEADER_NOT_TRIMMED, sent.to_vec());
    }
    for untrimmed in [[b" ", value].concat(), [value, b" "].concat()] {
        push(HEADER_NOT_TRIMMED, untrimmed);
    }
    let words: Vec<&[u8]> =
        value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    push(HEADER_SPACES_MERGED, words.join(&b' '));
    push(HEADER_LOWER_CASE, value.to_ascii_lowercase());
    push(HEADER_EMPTY, Vec::new());
}
