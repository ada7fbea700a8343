//! Odd requests that every verifier accepts.

use base64::{Engine, engine::general_purpose::STANDARD};
use data_encoding::{HEXLOWER, HEXUPPER};
use sha2::{Digest, Sha256};

use crate::case::{BASIC, Case, KEY, LONG_SECRET, SECRET};
use crate::request::{Options, Request};

pub(crate) fn cases() -> Vec<Case> {
    [methods(), paths(), queries(), rewritten(), headers(), bodies(), clocks(), keys(), basic()]
        .into_iter()
        .flatten()
        .collect()
}

fn methods() -> Vec<Case> {
    let all = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "M-SEARCH"];
    let mut cases: Vec<_> = all
        .into_iter()
        .map(|method| {
            let id = format!("method-{}", method.to_lowercase());
            Request::new(method, "/orders?id=7").signed().accepted(&id, method)
        })
        .collect();
    let lower = Request::new("patch", "/orders").signed();
    cases.push(lower.clone().accepted("method-lower-case", "a method is signed in upper case"));
    let raised = lower.method("PATCH");
    cases.push(raised.accepted("method-case", "a method in another case is the same method"));
    cases
}

fn paths() -> Vec<Case> {
    let long = format!("/{}", "segment/".repeat(500));
    [
        ("empty", "", "no path is the root"),
        ("root", "/", "the root"),
        ("asterisk", "*", "the target of a server-wide OPTIONS"),
        ("slash", "/orders/", "a slash at the end is there already"),
        ("double-slash", "//orders//7//", "empty segments stay"),
        ("space", "/a%20b", "an escaped space"),
        ("plus", "/a+b/c%2Bd", "a plus and an escaped plus are the same in a path"),
        ("unicode", "/%E4%BD%A0%E5%A5%BD/caf%C3%A9", "escaped UTF-8"),
        ("raw-unicode", "/caf\u{e9}/\u{4f60}", "UTF-8 as it is"),
        ("lower-hex", "/%e4%bd%a0", "escapes in lower case"),
        ("slash-escape", "/a%2Fb%2fc", "an escaped slash is a slash"),
        ("unreserved-escape", "/%7Euser/%41%2D", "escapes of what needs none"),
        ("percent", "/100%25", "an escaped percent sign"),
        ("double-escape", "/%2541", "an escape is undone once"),
        ("broken-escapes", "/100%/%zz/%4/%%41/%", "a percent sign that begins no escape"),
        ("not-utf8", "/%FF%C3/%C0%80", "escapes that are no UTF-8 stay the bytes they are"),
        ("nul", "/a%00b", "an escaped NUL"),
        ("dots", "/a/./b/../c/%2e%2e/d/...", "a verifier resolves no dot segments"),
        ("reserved", "/!$&'()*+,;=:@/[]|^`{}\"<>\\", "reserved bytes as they are"),
        ("long", &long, "4000 bytes of path"),
    ]
    .into_iter()
    .map(|(id, target, says)| {
        Request::new("GET", target).signed().accepted(&format!("path-{id}"), says)
    })
    .collect()
}

fn queries() -> Vec<Case> {
    let many: Vec<_> = (0..500).rev().map(|number| format!("n{}={number}", number % 7)).collect();
    let many = many.join("&");
    [
        ("empty", "", "a question mark and nothing"),
        ("ampersands", "&&a=1&&b=2&", "empty parameters are none"),
        ("unnamed", "=x&a=1&==", "a parameter without a name is left out"),
        ("no-value", "b&a", "a name without a value"),
        ("no-value-twice", "a&a=&a", "with and without an equals sign"),
        ("repeated", "a=2&b=1&a=10&a=1", "repeated names sort by value, as text"),
        ("upper-first", "a=1&B=2&_=3&Z=4", "names sort by byte"),
        ("prefix", "aa=1&a=2&a-b=3&a%20=4&a%00=5", "a name sorts before those it begins"),
        ("decoded-order", "z=1&%7B=2&a=%7D&a=z", "sorted by what is meant, not by its escapes"),
        (
            "byte-order",
            "%F0%9F%98%80=1&%EF%BD%9E=2&a=%F0%9F%98%80&a=%EF%BD%9E",
            "sorted by bytes, not by UTF-16 units",
        ),
        ("plus-space", "a=1+1&b=1%201&c=1%2B1&d+e=1", "a plus is a plus"),
        ("equals", "a=b=c&d==&e=%3D", "the first equals sign ends the name"),
        ("question", "a=1?b=2&c=/?", "a later question mark belongs to the query"),
        ("separators", "a=%26%3D&b=1;c=2", "escaped separators, and a semicolon that is none"),
        ("brackets", "a[]=2&a[]=1&b[x]=y", "brackets as they are"),
        ("reserved", "a=!$'()*,:@\"<>^`{}|\\", "reserved bytes as they are"),
        ("unicode", "%E5%90%8D=%E4%BD%A0&caf%c3%a9=%7e", "escaped UTF-8, names too"),
        ("raw-unicode", "q=\u{4f60}&\u{e9}=1", "UTF-8 as it is"),
        ("broken-escapes", "a=%zz&b=%&c=%4&d=%%41&%=%", "a percent sign that begins no escape"),
        ("not-utf8", "a=%FF&b=%C3&c=%C0%80&%FE=1", "escapes that are no UTF-8"),
        ("controls", "a=%00&b=%0A%0D&c=%7F", "escaped controls"),
        ("double-escape", "a=%2541&b=%252B", "an escape is undone once"),
        (
            "property-names",
            "__proto__=1&constructor=2&length=3",
            "names that a language may hold dear",
        ),
        ("many", &many, "500 parameters, out of order"),
    ]
    .into_iter()
    .map(|(id, query, says)| {
        let target = format!("/search?{query}");
        Request::new("GET", &target).signed().accepted(&format!("query-{id}"), says)
    })
    .collect()
}

/// What may change on the way, because it means the same.
fn rewritten() -> Vec<Case> {
    [
        ("hex-case", "/a%2Fb?q=%C3%A9", "/a%2fb?q=%c3%a9", "escapes in another case"),
        ("escaping", "/~a?b=~", "/%7ea?%62=%7E", "escapes where none are needed"),
        ("order", "/s?a=2&a=1&b=3", "/s?b=3&a=1&a=2", "parameters in another order"),
        ("equals", "/s?a&b", "/s?a=&b=", "an equals sign after an empty parameter"),
        ("last-slash", "/orders", "/orders/", "a slash at the end of the path"),
    ]
    .into_iter()
    .map(|(id, signed, sent, says)| {
        let request = Request::new("GET", signed).signed().target(sent);
        request.accepted(&format!("rewritten-{id}"), says)
    })
    .collect()
}

fn headers() -> Vec<Case> {
    let get = || Request::new("GET", "/orders?id=7");
    let signing = |name: &str, value: &[u8]| {
        let mut names = ["host", "x-sdk-date", name];
        names.sort_unstable();
        get().header(name, value).signed_by(KEY, SECRET, &names)
    };
    let elsewhere = Options { signature_header: Some("X-Gateway-Signature"), ..Options::default() };
    let moved = get().signed();
    let value = moved.value("authorization").unwrap().to_vec();
    let moved = moved.replaced("authorization", "Bearer of the application");
    let required = Options { required_headers: &["x-tenant"], ..Options::default() };
    let upper = Request { headers: get().signed().headers, ..get() };
    let upper = Request {
        headers: upper.headers.into_iter().map(|(name, at)| (name.to_uppercase(), at)).collect(),
        stages: get().signed().stages,
        ..get()
    };
    vec![
        upper.accepted("header-name-case", "header names in upper case"),
        signing("x-tenant", b" \t a  b\tc \t")
            .accepted("header-trimmed", "ends are trimmed, inner spaces kept"),
        signing("x-tenant", b"").accepted("header-empty", "an empty value"),
        signing("x-tenant", "caf\u{e9} \u{4f60}".as_bytes())
            .accepted("header-utf8", "a value of UTF-8"),
        signing("x-tenant", b"\xa0caf\xe9\x85\xa0")
            .accepted("header-latin1", "bytes above 0x7F are neither text nor space"),
        signing("x-!#$%&'*+-.^_`|~", b"1")
            .accepted("header-odd-name", "every byte a header name may have"),
        signing("x-tenant", &[b'x'; 32_000])
            .accepted("header-large", "a signed header of 32000 bytes"),
        get()
            .header("X-Trace", "1")
            .header("x-trace", "2")
            .signed()
            .accepted("header-unsigned-repeated", "an unsigned header may repeat"),
        signing("x-tenant", b"7")
            .options(required)
            .accepted("header-required", "a further header that must be signed, and is"),
        moved
            .header("x-gateway-signature", value)
            .options(elsewhere)
            .accepted("header-elsewhere", "the signature in a header of another name"),
        get().signed().claiming(", ", ",").accepted("claim-tight", "no space after the commas"),
        get()
            .signed()
            .claiming("256 A", "256 \t A")
            .accepted("claim-wide", "white space after the scheme"),
        get()
            .signed()
            .claiming("SDK", " \tSDK")
            .accepted("claim-padded", "white space around the header"),
        get()
            .replaced("host", "backend.example.com:8443")
            .signed()
            .accepted("host-port", "a host with a port"),
        get()
            .replaced("host", "[2001:db8::1]:9000")
            .signed()
            .accepted("host-ipv6", "a host in brackets"),
        get()
            .replaced("host", "Backend.Example.COM")
            .signed()
            .accepted("host-case", "a host is signed as it is written"),
        get()
            .replaced("x-sdk-date", " 20261123T120000Z ")
            .signed()
            .accepted("date-padded", "white space around the date"),
    ]
}

fn bodies() -> Vec<Case> {
    let post = |body: &[u8]| Request::new("POST", "/orders").body(body);
    let bytes: Vec<u8> = (0..=255).collect();
    let large = vec![0x5a; 16 * 1024];
    let json = br#"{"name":"caf\u00e9","n":1.0}"#;
    let hash = Sha256::digest(json);
    let unsigned = || post(b"anything").header("X-Sdk-Content-Sha256", "UNSIGNED-PAYLOAD").signed();
    let allowed = || Options { unsigned_payload_allowed: true, ..Options::default() };
    let limit = |bytes| Options { body_bytes_max: Some(bytes), ..Options::default() };
    let unsigned_limit = Options { body_bytes_max: Some(4), ..allowed() };
    let hashed = |value: &str| post(json).header("X-Sdk-Content-Sha256", value);
    let beside = hashed(&HEXLOWER.encode(&hash)).signed_by(KEY, SECRET, &["host", "x-sdk-date"]);
    vec![
        post(b"").signed().accepted("body-empty", "no byte of body"),
        post(json).signed().accepted("body-json", "signed as it was sent"),
        post(b"\r\n").signed().accepted("body-newline", "a body of white space"),
        post(&bytes).signed().accepted("body-binary", "every byte"),
        post(&large).signed().accepted("body-16k", "16 KiB"),
        Request::new("GET", "/orders")
            .body("get")
            .signed()
            .accepted("body-get", "a GET with a body"),
        post(b"1234")
            .signed()
            .options(limit(4))
            .accepted("body-limit", "exactly as large as the limit"),
        hashed(&HEXLOWER.encode(&hash))
            .signed()
            .accepted("content-hash", "the body's hash in a header"),
        hashed(&HEXUPPER.encode(&hash))
            .signed()
            .accepted("content-hash-upper", "the body's hash in upper case"),
        beside.accepted("content-hash-beside", "the hash's header covered as the payload only"),
        unsigned().options(allowed()).accepted("unsigned", "an unsigned body, where allowed"),
        unsigned()
            .options(allowed())
            .body("")
            .accepted("unsigned-other", "another body, for nobody signed it"),
        unsigned()
            .options(unsigned_limit)
            .accepted("unsigned-limit", "a body that is not read has no limit"),
    ]
}

fn clocks() -> Vec<Case> {
    let get = || Request::new("GET", "/orders").signed();
    let skew = |seconds| Options { clock_skew_seconds_max: Some(seconds), ..Options::default() };
    let leap = Request::new("GET", "/").replaced("x-sdk-date", "20280229T235959Z");
    let new_year = Request::new("GET", "/").replaced("x-sdk-date", "20261231T235959Z");
    vec![
        get().now(900).accepted("clock-late", "signed exactly 900 s ago"),
        get().now(-900).accepted("clock-early", "signed exactly 900 s ahead"),
        get().now(0).options(skew(0)).accepted("clock-exact", "no skew, where none is allowed"),
        get().now(5).options(skew(5)).accepted("clock-option", "a skew of one's own"),
        leap.signed().now(40_046_400).accepted("clock-leap-day", "one second after a leap day"),
        new_year.signed().now(3_326_401).accepted("clock-new-year", "across a year's end"),
    ]
}

fn keys() -> Vec<Case> {
    let signed = |key: &str, secret: &str| {
        let request = Request::new("GET", "/orders?id=7");
        request.signed_by(key, secret, &["host", "x-sdk-date"])
    };
    let new = Options { replay_guard_answers: Some(true), ..Options::default() };
    [
        ("signature_key2", "signature_secret2", "key-other", "another key"),
        ("rotating_key", "secret_of_today", "key-new", "the first of several secrets"),
        ("rotating_key", "secret_of_yesterday", "key-old", "the second of several secrets"),
        ("rotating_key", "secret_of_old", "key-oldest", "the last of several secrets"),
        (
            "key with spaces; and = signs",
            "spaced_secret",
            "key-odd",
            "a key is all up to the comma",
        ),
        ("ключ", "пароль-你好-🔑", "key-unicode", "key and secret of UTF-8"),
        ("long_secret_key", LONG_SECRET, "key-long", "a secret longer than a hash block"),
        ("newline_key", "ends_in_newline\n", "key-newline", "a secret is never trimmed"),
    ]
    .into_iter()
    .map(|(key, secret, id, says)| signed(key, secret).accepted_from(key, id, says))
    .chain([signed(KEY, SECRET).options(new).accepted("replay-new", "the guard has not seen it")])
    .collect()
}

fn basic() -> Vec<Case> {
    let sent = |value: String| {
        let request = Request::new("POST", "/orders").body("12345").header("Authorization", value);
        request.without("x-sdk-date").without("host")
    };
    let basic = |credentials: &str| sent(format!("Basic {}", STANDARD.encode(credentials)));
    let spelled =
        |scheme: &str| sent(scheme.to_owned() + &STANDARD.encode("basic_key:basic_secret1"));
    let limit = Options { body_bytes_max: Some(4), ..Options::default() };
    [
        (basic("basic_key:basic_secret1"), "basic_key", "basic", "key and secret, nothing else"),
        (basic("basic_key:basic_secret2"), "basic_key", "basic-second", "the second secret"),
        (
            basic("colon_key:a:secret:with:colons"),
            "colon_key",
            "basic-colon",
            "the first colon ends the key",
        ),
        (basic("ключ:пароль-你好-🔑"), "ключ", "basic-unicode", "key and secret of UTF-8"),
        (spelled("bASIC "), "basic_key", "basic-case", "the scheme in any case"),
        (spelled(" Basic \t "), "basic_key", "basic-padded", "white space around the parts"),
        (
            spelled("Basic ").options(limit),
            "basic_key",
            "basic-limit",
            "a body that is not read has no limit",
        ),
    ]
    .into_iter()
    .map(|(request, key, id, says)| {
        request.verified(key, BASIC, false, &format!("accept-{id}"), says)
    })
    .collect()
}
