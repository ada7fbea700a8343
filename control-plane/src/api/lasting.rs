//! How long calls last: which of them go on, and when the others are given up.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tonic::Code;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Response};

use super::status::status;

/// Unless somebody wants another time.
pub const CALL_TIME_MAX: Duration = Duration::from_secs(30);

/// Answers that go on, by service and call.
const STREAMS: [(&str, &str); 7] = [
    ("Audit", "ReadRecords"),
    ("Audit", "GetState"),
    ("Audit", "ListChanges"),
    ("Backups", "CreateBackup"),
    ("Events", "TailEvents"),
    ("Nodes", "WatchNodes"),
    ("Sync", "Subscribe"),
];
/// Those that end by themselves: by the time that is asked for, and by that of a command.
const PATIENT: [(&str, &str); 2] =
    [("Nodes", "WaitForRevision"), ("MasterKeys", "RotateMasterKey")];

/// Whether the answer goes on. Of calls that are not ours it is taken to.
pub(super) fn is_stream(path: &str) -> bool {
    ours(path).is_none_or(|call| STREAMS.contains(&call))
}

/// How long until there has to be an answer: what the caller says, and no longer than anybody gets.
pub(super) fn time_max(path: &str, headers: &HeaderMap, most: Duration) -> Option<Duration> {
    if is_stream(path) || ours(path).is_some_and(|call| PATIENT.contains(&call)) {
        return None;
    }
    let asked = headers.get("grpc-timeout").and_then(|text| text.to_str().ok()).and_then(parse);
    Some(asked.map_or(most, |asked| asked.min(most)))
}

/// The answer, or that there is none yet.
pub(super) fn within<E>(
    time: Option<Duration>,
    answering: impl Future<Output = Result<Response<Body>, E>>,
) -> impl Future<Output = Result<Response<Body>, E>> {
    let ends = time.map(|time| (time, Instant::now() + time));
    async move {
        let Some((time, end)) = ends else { return answering.await };
        timeout_at(end, answering).await.unwrap_or_else(|_| Ok(given_up(time)))
    }
}

fn given_up(time: Duration) -> Response<Body> {
    let message =
        format!("the call took longer than {time:?} and was given up; what it wrote stays");
    let metadata = [("time_max_seconds", format!("{:.3}", time.as_secs_f64()))];
    status(Code::DeadlineExceeded, "CALL_TOO_LONG", message, metadata).into_http()
}

fn ours(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("/countersign.v1.")?.split_once('/')
}

/// At most eight digits and a unit, as gRPC writes it.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn the_streams_are_those_of_the_contract() {
        let set = FileDescriptorSet::decode(countersign_proto::DESCRIPTORS).unwrap();
        for service in set.file.iter().flat_map(|file| &file.service) {
            for call in &service.method {
                let path = format!("/countersign.v1.{}/{}", service.name(), call.name());
                assert_eq!(is_stream(&path), call.server_streaming(), "{path}");
            }
        }
        assert!(is_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"));
    }

    #[test]
    fn the_shorter_of_both_times_counts_and_streams_have_none() {
        let most = Duration::from_secs(30);
        let time = |path: &str, text: &str| {
            time_max(
                path,
                &HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), text.parse().unwrap())]),
                most,
            )
        };
        let get = "/countersign.v1.Apis/GetApi";
        assert_eq!(time_max(get, &HeaderMap::new(), most), Some(most));
        assert_eq!(time(get, "250m"), Some(Duration::from_millis(250)));
        assert_eq!(time(get, "2S"), Some(Duration::from_secs(2)));
        for other in ["1H", "99999999H", "999999999S", "5", "", "-1S", "S", "1x", "é"] {
            assert_eq!(time(get, other), Some(most), "{other}");
        }
        assert_eq!(time("/countersign.v1.Events/TailEvents", "1S"), None);
        assert_eq!(time("/countersign.v1.Nodes/WaitForRevision", "1S"), None);
    }
}
