//! The forms of an export for tables and for event pipelines: what each event says, without its
//! stored bytes. They cannot be verified by themselves; the chain's hash in each ties it to the log.

use countersign_control_plane::log::ChainHash;
use countersign_proto::v1::Event;
use countersign_shared::id::LogId;
use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::json;

pub(crate) const CSV_HEADER: &str =
    "revision,time,actor,source,request_id,reason,first_revision,type,hash,what";

/// A line of RFC 4180; `what` is the payload as JSON. What people chose is kept from being a formula.
pub(crate) fn csv_line(event: &Event, hash: ChainHash) -> Result<String, Failure> {
    let (kind, payload) = payload(event)?;
    let fields = [
        event.revision.to_string(),
        time(event),
        no_formula(&event.actor),
        event.source.clone(),
        no_formula(&event.request_id),
        no_formula(&event.reason),
        event.first_revision.to_string(),
        kind,
        BASE64.encode(hash.as_bytes()),
        payload.to_string(),
    ];
    Ok(fields.map(|field| quoted(&field)).join(","))
}

/// An event of `CloudEvents` 1.0 in JSON; `id` is the revision, unique in the log that `source` names.
pub(crate) fn cloud_event(
    log_id: LogId,
    event: &Event,
    hash: ChainHash,
) -> Result<String, Failure> {
    let (kind, payload) = payload(event)?;
    let named = |field: &str| payload.get(field).and_then(Value::as_str);
    let subject = ["id", "signature_key", "api", "log_id"].into_iter().find_map(named);
    let cloud_event = json!({
        "specversion": "1.0",
        "id": event.revision.to_string(),
        "source": format!("/countersign/log/{log_id}"),
        "type": format!("countersign.v1.{kind}"),
        "subject": subject.unwrap_or_default(),
        "time": time(event),
        "datacontenttype": "application/json",
        "chainhash": BASE64.encode(hash.as_bytes()),
        "data": json::compact(event)?,
    });
    Ok(cloud_event.to_string())
}

/// The name of the payload's field, and the payload.
fn payload(event: &Event) -> Result<(String, Value), Failure> {
    let alone = Event { payload: event.payload.clone(), ..Event::default() };
    let Value::Object(alone) = json::compact(&alone)? else {
        return Ok(("unknown".to_owned(), Value::Null));
    };
    Ok(alone.into_iter().next().unwrap_or_else(|| ("unknown".to_owned(), Value::Null)))
}

fn time(event: &Event) -> String {
    event
        .time
        .and_then(|time| jiff::Timestamp::new(time.seconds, time.nanos).ok())
        .map(|time| time.to_string())
        .unwrap_or_default()
}

/// Spreadsheets calculate what begins like this; behind an apostrophe they show it.
fn no_formula(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() }
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use countersign_proto::v1::KeyBound;
    use countersign_proto::v1::event::Payload;

    use super::*;

    fn event() -> Event {
        Event {
            revision: 7,
            time: Some(prost_types::Timestamp { seconds: 1_795_435_200, nanos: 5_000_000 }),
            actor: "ann".into(),
            reason: "say \"when\", then go".into(),
            payload: Some(Payload::KeyBound(KeyBound {
                signature_key: "k".into(),
                api: "a".into(),
                environment: "e".into(),
            })),
            ..Event::default()
        }
    }

    #[test]
    fn a_line_of_csv_has_as_many_fields_as_its_header() {
        let line = csv_line(&event(), ChainHash::from_bytes([0; 32])).unwrap();
        let what = r#""{""signature_key"":""k"",""api"":""a"",""environment"":""e""}""#;
        let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        assert_eq!(
            line,
            format!(
                r#"7,2026-11-23T12:00:00.005Z,ann,,,"say ""when"", then go",0,key_bound,{hash},{what}"#
            )
        );
        assert_eq!(CSV_HEADER.split(',').count(), 10);
    }

    #[test]
    fn what_people_chose_is_no_formula_of_a_spreadsheet() {
        let event = Event {
            actor: "=cmd|'/c".into(),
            request_id: "@SUM(A1)".into(),
            reason: "-1+HYPERLINK(\"http://x\", 1)".into(),
            ..event()
        };
        let line = csv_line(&event, ChainHash::from_bytes([0; 32])).unwrap();
        let expected = r#",'=cmd|'/c,,'@SUM(A1),"'-1+HYPERLINK(""http://x"", 1)",0,"#;
        assert!(line.contains(expected), "{line}");
    }

    #[test]
    fn a_cloud_event_has_what_the_specification_asks_for() {
        let log_id = LogId::from_bytes([7; 16]);
        let line = cloud_event(log_id, &event(), ChainHash::from_bytes([0; 32])).unwrap();
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["specversion"], "1.0");
        assert_eq!(
            (&value["id"], &value["type"]),
            (&json!("7"), &json!("countersign.v1.key_bound"))
        );
        assert_eq!(value["source"], format!("/countersign/log/{log_id}"));
        assert_eq!((&value["subject"], &value["data"]["actor"]), (&json!("k"), &json!("ann")));
    }
}
