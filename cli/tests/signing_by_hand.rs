//! `sign`, `verify` and `explain`, which need no control plane: what the one signs the others
//! accept, and a request that was signed with a mistake is told which.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::NamedTempFile;

const SECRET: &str = "a-secret-of-the-orders";
const DATE: [&str; 2] = ["--date", "2026-11-23T12:00:00Z"];
const AT: [&str; 2] = ["--at", "2026-11-23T12:05:00Z"];

fn file(text: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    file
}

fn countersign(verb: &str, secret: &[u8], arguments: &[&str], input: &[u8]) -> Output {
    let secret = file(secret);
    let mut running = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .arg(verb)
        .args(arguments)
        .arg("--secret-file")
        .arg(secret.path())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads no request may have ended.
    let _ = running.stdin.take().unwrap().write_all(input);
    let output = running.wait_with_output().unwrap();
    let shown = [output.stdout.as_slice(), &output.stderr].concat();
    assert!(!String::from_utf8_lossy(&shown).contains(SECRET), "the secret is never printed");
    output
}

/// The headers that `sign` prints, as flags.
fn signed(secret: &[u8], request: &[&str]) -> Vec<String> {
    let arguments = [request, &["--key", "orders-2026"], &DATE].concat();
    let output = countersign("sign", secret, &arguments, b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().flat_map(|line| ["-H".to_owned(), line.to_owned()]).collect()
}

fn asked(verb: &str, request: &[&str], headers: &[String], more: &[&str]) -> (Option<i32>, Value) {
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let arguments = [request, &headers, &AT, more, &["-o", "json"]].concat();
    let output = countersign(verb, SECRET.as_bytes(), &arguments, b"");
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn what_is_signed_by_hand_is_verified_and_a_change_is_not() {
    for request in [
        &["http://shop.internal/orders?b=2&a=1+1"][..],
        &["-X", "DELETE", "https://shop.internal:8443/a%20b/"],
        &["/orders", "-H", "Host: shop.internal", "-H", "X-Mark: m"],
    ] {
        let headers = signed(SECRET.as_bytes(), request);
        let (status, verdict) = asked("verify", request, &headers, &[]);
        assert_eq!((status, &verdict["verified"]), (Some(0), &true.into()));
        let (status, verdict) = asked("verify", request, &headers, &["--data", "changed"]);
        assert_eq!((status, &verdict["reason"]), (Some(1), &"SIGNATURE_MISMATCH".into()));
        let (status, verdict) = asked("verify", request, &headers, &["--key", "another"]);
        assert_eq!((status, &verdict["reason"]), (Some(1), &"UNKNOWN_KEY".into()));
    }
}

#[test]
fn basic_and_unsigned_bodies_are_signed_by_hand_too() {
    let headers = signed(SECRET.as_bytes(), &["/", "--type", "basic"]);
    let (_, verdict) = asked("verify", &["/"], &headers, &[]);
    assert_eq!(verdict["scheme"], "Basic");
    let request = ["http://h/", "-d", "x"];
    let headers = signed(SECRET.as_bytes(), &["http://h/", "-d", "x", "--unsigned-payload"]);
    let (_, verdict) = asked("verify", &request, &headers, &[]);
    assert_eq!(verdict["reason"], "UNSIGNED_PAYLOAD");
    let (_, verdict) = asked("verify", &request, &headers, &["--allow-unsigned-payload"]);
    assert_eq!(verdict["payload_signed"], false);
}

/// The mistake, the secret that is used unless it is ours, what is signed, what is sent.
type Case<'a> = (&'a str, &'a [u8], &'a [&'a str], &'a [&'a str]);

#[test]
fn a_mismatch_made_on_purpose_is_explained() {
    let url = "http://shop.internal/v2/orders?b=2&a=x%20y";
    let cases: [Case<'_>; 13] = [
        ("SECRET_LINE_END", b"a-secret-of-the-orders\n\n", &[url], &[url]),
        ("SECRET_IS_THE_KEY", b"orders-2026", &[url], &[url]),
        ("METHOD_CHANGED", b"", &["-X", "POST", url], &[url]),
        ("HOST_PORT", b"", &["http://shop.internal:8080/a"], &["http://shop.internal/a"]),
        ("HOST_OTHER", b"", &["http://www/a"], &["http://shop/a", "--host", "www"]),
        ("QUERY_MISSING", b"", &["http://h/a"], &["http://h/a?b=c"]),
        ("QUERY_PLUS_READ_AS_SPACE", b"", &["http://h/?a=x%20y"], &["http://h/?a=x+y"]),
        ("QUERY_EMPTY_VALUES_DROPPED", b"", &["http://h/?a=b"], &["http://h/?a=b&c="]),
        ("PATH_PREFIX_REMOVED", b"", &["http://h/orders"], &["http://h/api/v2/orders"]),
        ("PATH_ESCAPED_TWICE", b"", &["http://h/a%2520b"], &["http://h/a%20b"]),
        ("BODY_MISSING", b"", &["http://h/", "-X", "POST"], &["http://h/", "-d", "{}"]),
        ("BODY_LINE_END", b"", &["http://h/", "-d", "x\n"], &["http://h/", "-d", "x"]),
        (
            "BODY_JSON_REWRITTEN",
            b"",
            &["http://h/", "-d", "{\"a\":[1]}"],
            &["http://h/", "-d", "{\"a\": [1]}"],
        ),
    ];
    for (code, secret, signed_request, sent_request) in cases {
        let secret = if secret.is_empty() { SECRET.as_bytes() } else { secret };
        let headers = signed(secret, signed_request);
        let (status, explained) = asked("explain", sent_request, &headers, &[]);
        assert_eq!((status, &explained["fits"]), (Some(0), &false.into()), "{code}");
        let causes = explained["causes"].as_array().unwrap();
        assert!(causes.iter().any(|cause| cause[0]["code"] == code), "{code}: {causes:?}");
    }
}

#[test]
fn a_capture_from_the_wire_is_explained_and_a_late_clock_told_apart_from_a_mismatch() {
    let headers = signed(SECRET.as_bytes(), &["http://h:1/a", "-d", "{}"]);
    let lines: Vec<&str> = headers.iter().map(String::as_str).filter(|it| *it != "-H").collect();
    let raw = format!(
        "POST /a HTTP/1.1\r\nHost: h:1\r\n{}\r\nContent-Length: 2\r\n\r\n{{}}\n",
        lines.join("\r\n")
    );
    let explained = |more: &[&str]| {
        let arguments = [&["--raw", "-"], more].concat();
        let output = countersign("explain", SECRET.as_bytes(), &arguments, raw.as_bytes());
        String::from_utf8(output.stdout).unwrap()
    };
    let text = explained(&AT);
    assert!(text.contains("  | POST\n  | /a/\n"), "{text}");
    assert!(text.contains("verified: SDK-HMAC-SHA256 by the key orders-2026"), "{text}");
    let text = explained(&["--at", "2026-11-23T13:00:00Z"]);
    assert!(text.contains("CLOCK_SKEW") && text.contains("signature fits"), "{text}");
}

#[test]
fn what_cannot_be_read_is_told_with_what_to_do() {
    for (arguments, input, status, says) in [
        (&["--raw", "-"][..], &b"nonsense"[..], 1, "it begins with a line like"),
        (
            &["--raw", "-"],
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            1,
            "--data-file",
        ),
        (&["h/a"], b"", 2, "neither a URL"),
        (&["/a", "-H", "x"], b"", 2, "is not `Name: value`"),
        (&[], b"", 2, "URL"),
    ] {
        let output = countersign("verify", SECRET.as_bytes(), arguments, input);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{told}");
        assert!(told.contains(says), "{told}");
    }
}
