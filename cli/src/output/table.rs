//! Tables without borders: headers in capitals, two spaces between columns. Never asks what a
//! terminal is; its caller says whether lines may wrap.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use prost_reflect::{DynamicMessage, EnumDescriptor, Kind, ReflectMessage as _, Value};
use prost_types::Timestamp;

/// The last column wraps where a terminal leaves it at least so much; else lines run on.
const WRAPPED_COLUMNS_MIN: u16 = 24;
/// What stands between two columns.
const GAP_COLUMNS: u16 = 2;

/// One row for each element, under headers. With the width of a terminal the last column wraps;
/// the others never do, so that whatever stands in them can be copied.
pub(super) fn rows(columns: &[&str], rows: Vec<Vec<String>>, width: Option<u16>) -> String {
    let mut table = bare();
    table.set_header(columns);
    table.add_rows(rows);
    let widths = table.column_max_content_widths();
    if let (Some(width), Some((_, others))) = (width, widths.split_last()) {
        let taken = others.iter().map(|column| column + GAP_COLUMNS).sum::<u16>();
        if width.saturating_sub(taken) >= WRAPPED_COLUMNS_MIN {
            table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
            for column in table.column_iter_mut().take(others.len()) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
    }
    finished(table)
}

/// One field on each line: name and value.
pub(super) fn fields(message: &DynamicMessage) -> String {
    let mut lines = Vec::new();
    collect(message, "", &mut lines);
    let mut table = bare();
    table.add_rows(lines.into_iter().map(|(name, value)| [name, value]));
    finished(table)
}

/// A time to the second, in UTC; `-` where there is none.
pub(crate) fn time(time: Option<&Timestamp>) -> String {
    time.and_then(|time| jiff::Timestamp::from_second(time.seconds).ok())
        .map_or_else(|| "-".to_owned(), |time| time.to_string())
}

/// An enum value's name without the enum's own, such as `HMAC`.
pub(crate) fn enum_name(full: &str) -> &str {
    const PREFIXES: [&str; 8] = [
        "SIGNATURE_KEY_TYPE_",
        "METHOD_",
        "MATCH_MODE_",
        "BODY_POLICY_",
        "QUERY_MODE_",
        "RESOURCE_KIND_",
        "OPERATOR_ROLE_",
        "BACKEND_PROTOCOL_",
    ];
    PREFIXES.iter().find_map(|prefix| full.strip_prefix(prefix)).unwrap_or(full)
}

fn bare() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn finished(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP_COLUMNS));
    }
    table.trim_fmt()
}

/// The message's fields in the order of the proto: a resource in a reply without its name,
/// other messages as `backend.path`; no id beside which its name stands.
fn collect(message: &DynamicMessage, prefix: &str, lines: &mut Vec<(String, String)>) {
    let descriptor = message.descriptor();
    let is_reply = descriptor.name().ends_with("Response");
    for field in descriptor.fields() {
        let is_named = descriptor.get_field_by_name(&format!("{}_name", field.name())).is_some();
        if is_named || (field.supports_presence() && !message.has_field(&field)) {
            continue;
        }
        let name = format!("{prefix}{}", field.name());
        match (message.get_field(&field).as_ref(), field.kind()) {
            (Value::Message(inner), _) if is_timestamp(inner) => {
                lines.push((name, timestamp_text(inner)));
            }
            (Value::Message(inner), _) if is_reply => collect(inner, prefix, lines),
            (Value::Message(inner), _) => collect(inner, &format!("{name}."), lines),
            (value, kind) => lines.push((name, text(value, &kind))),
        }
    }
}

fn text(value: &Value, kind: &Kind) -> String {
    let text = match (value, kind) {
        (Value::String(text), _) => text.clone(),
        (Value::Bool(is), _) => if *is { "yes" } else { "no" }.to_owned(),
        (Value::U32(number), _) => number.to_string(),
        (Value::U64(number), _) => number.to_string(),
        (Value::EnumNumber(number), Kind::Enum(descriptor)) => enum_text(*number, descriptor),
        (Value::List(items), kind) => {
            items.iter().map(|item| text_of_item(item, kind)).collect::<Vec<_>>().join(", ")
        }
        (Value::Bytes(bytes), _) => data_encoding::HEXLOWER.encode(bytes),
        (other, _) => format!("{other:?}"),
    };
    if text.is_empty() { "-".to_owned() } else { text }
}

fn text_of_item(item: &Value, kind: &Kind) -> String {
    match item {
        Value::List(_) => String::new(), // proto has no lists of lists
        item => text(item, kind),
    }
}

/// Nothing for what was left to its default.
fn enum_text(number: i32, descriptor: &EnumDescriptor) -> String {
    if number == 0 {
        return String::new();
    }
    descriptor
        .get_value(number)
        .map_or_else(|| number.to_string(), |value| enum_name(value.name()).to_owned())
}

fn is_timestamp(message: &DynamicMessage) -> bool {
    message.descriptor().full_name() == "google.protobuf.Timestamp"
}

fn timestamp_text(message: &DynamicMessage) -> String {
    message.transcode_to::<Timestamp>().map_or_else(|_| "-".to_owned(), |at| time(Some(&at)))
}

#[cfg(test)]
mod tests {
    use countersign_proto::v1;

    use super::*;

    #[test]
    fn columns_stand_two_spaces_apart_and_lines_have_no_tail() {
        let cells = vec![vec!["RELEASE".to_owned(), String::new()], vec!["a".into(), "b".into()]];
        assert_eq!(rows(&["NAME", "REMARK"], cells, None), "NAME     REMARK\nRELEASE\na        b");
    }

    #[test]
    fn on_a_terminal_the_last_column_alone_wraps() {
        let long = "so that it is told in more words than a line has";
        let cells = || vec![vec!["a-name-that-is-kept-whole".to_owned(), long.to_owned()]];
        let wrapped = rows(&["NAME", "WHAT"], cells(), Some(55));
        let lines: Vec<&str> = wrapped.lines().collect();
        assert_eq!(lines[1], "a-name-that-is-kept-whole  so that it is told in more");
        assert_eq!(lines[2], "                           words than a line has");
        let too_narrow = rows(&["NAME", "WHAT"], cells(), Some(50));
        assert!(too_narrow.ends_with(&format!("a-name-that-is-kept-whole  {long}")));
    }

    #[test]
    fn a_name_stands_for_its_id() {
        let binding = v1::Binding {
            signature_key: "0123".into(),
            signature_key_name: "orders".into(),
            published: true,
            ..Default::default()
        };
        let reply =
            v1::CreateBindingResponse { binding: Some(binding), revision: 7, ..Default::default() };
        let shown = fields(&crate::json::dynamic(&reply).unwrap());
        assert!(shown.starts_with("signature_key_name      orders\n"), "{shown}");
        assert!(shown.contains("\npublished               yes\n"), "{shown}");
        assert!(!shown.contains("0123"), "{shown}");
    }

    #[test]
    fn times_are_utc_to_the_second() {
        let at = Timestamp { seconds: 1_795_435_200, nanos: 999_999_999 };
        assert_eq!(time(Some(&at)), "2026-11-23T12:00:00Z");
        assert_eq!(time(None), "-");
    }

    #[test]
    fn enum_names_are_short() {
        assert_eq!(enum_name("SIGNATURE_KEY_TYPE_HMAC"), "HMAC");
        assert_eq!(enum_name("METHOD_ANY"), "ANY");
        assert_eq!(enum_name("OPERATOR_ROLE_KEY_ADMIN"), "KEY_ADMIN");
        assert_eq!(enum_name("ELSE"), "ELSE");
    }
}
