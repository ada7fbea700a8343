//! What becomes of a path and a query on their way to a backend, case by case.

use std::borrow::Cow;

use countersign_shared::signing::{QueryMode, Target, TargetError, clean_path, normalize_query};

#[test]
fn a_path_without_dot_segments_is_borrowed_byte_for_byte() {
    for path in [
        "/",
        "/a",
        "/a/",
        "//a//b//",
        "//evil/a",
        "/a%2Fb/c%2fd",
        "/%7euser/%c3%a9",
        "/a%20b+c",
        "/...",
        "/.a/b./..c/d..",
        "/a.%2Fb",
        "/%252e%252e/a",
        "/e:f@g,h;i=j&k$l!m'n(o)p*q~r",
        "/\"<>[]^`{|}",
    ] {
        assert!(matches!(clean_path(path), Ok(Cow::Borrowed(same)) if same == path), "{path}");
    }
}

#[test]
fn dot_segments_are_resolved_also_encoded_ones() {
    for (raw, clean) in [
        ("", "/"),
        ("/.", "/"),
        ("/./", "/"),
        ("/a/.", "/a/"),
        ("/a/./b", "/a/b"),
        ("/a/..", "/"),
        ("/a/../", "/"),
        ("/a/../b", "/b"),
        ("/a/b/../..", "/"),
        ("/a/b/../../c", "/c"),
        ("/a/%2e%2e/b", "/b"),
        ("/a/%2E%2e/b", "/b"),
        ("/a/.%2e/b", "/b"),
        ("/a/%2E./b", "/b"),
        ("/a/%2e/b", "/a/b"),
        ("/a/b/%2e%2E", "/a/"),
        ("/a//../b", "/a/b"),
        ("//..", "/"),
        ("/a/..//evil", "//evil"),
        ("/%41/./%2F", "/%41/%2F"),
    ] {
        assert_eq!(clean_path(raw).as_deref(), Ok(clean), "{raw}");
    }
}

#[test]
fn a_path_that_two_readers_could_read_differently_is_refused() {
    use TargetError::*;
    for (raw, refusal) in [
        ("a", NotAbsolute),
        ("*", NotAbsolute),
        ("http://h/a", NotAbsolute),
        ("/..", AboveRoot),
        ("/../a", AboveRoot),
        ("/a/../..", AboveRoot),
        ("/a/%2e%2e/.%2E/b", AboveRoot),
        ("/a/..%2Fb", HiddenDotSegment { at: 3 }),
        ("/a/b%2f..", HiddenDotSegment { at: 3 }),
        ("/a/b%2F%2e%2f%2Fc", HiddenDotSegment { at: 3 }),
        ("/..%2f..%2fetc", HiddenDotSegment { at: 1 }),
        ("/a%00", ForbiddenEscape { byte: 0, at: 2 }),
        ("/a%5cb", ForbiddenEscape { byte: b'\\', at: 2 }),
        ("/a%5Cb", ForbiddenEscape { byte: b'\\', at: 2 }),
        ("/a\\b", ForbiddenByte { byte: b'\\', at: 2 }),
        ("/a b", ForbiddenByte { byte: b' ', at: 2 }),
        ("/a\tb", ForbiddenByte { byte: b'\t', at: 2 }),
        ("/a\r\nb", ForbiddenByte { byte: b'\r', at: 2 }),
        ("/a\x7f", ForbiddenByte { byte: 0x7f, at: 2 }),
        ("/é", ForbiddenByte { byte: 0xc3, at: 1 }),
        ("/a?b", ForbiddenByte { byte: b'?', at: 2 }),
        ("/a#b", ForbiddenByte { byte: b'#', at: 2 }),
        ("/a%", MalformedEscape { at: 2 }),
        ("/a%4", MalformedEscape { at: 2 }),
        ("/a%zz", MalformedEscape { at: 2 }),
        ("/a%%41", MalformedEscape { at: 2 }),
        ("/a%+1", MalformedEscape { at: 2 }),
    ] {
        assert_eq!(clean_path(raw), Err(refusal), "{raw}");
    }
}

#[test]
fn a_normal_query_is_borrowed() {
    for query in ["", "a", "a=", "a=1&b=2", "b=2&a=3&b=1", "q=%E4%BD%A0&x=%20%2B%3D", "a=~-._"] {
        assert!(matches!(normalize_query(query), Cow::Borrowed(same) if same == query), "{query}");
    }
}

#[test]
fn a_query_is_decoded_as_a_form_and_encoded_again_in_place() {
    for (raw, normal) in [
        ("a=1+1&b=1%201&c=1%2B1", "a=1%201&b=1%201&c=1%2B1"),
        ("a+b=c", "a%20b=c"),
        ("flag&empty=&z=1&=novalue", "flag&empty=&z=1"),
        ("&&a=1&&", "a=1"),
        ("&", ""),
        ("=", ""),
        ("=a&=b", ""),
        ("a=b=c", "a=b%3Dc"),
        ("a==", "a=%3D"),
        ("path=/a/b", "path=%2Fa%2Fb"),
        ("x=%7e&y=%c3%a9", "x=~&y=%C3%A9"),
        ("%61=%62", "a=b"),
        ("%3D=1", "%3D=1"),
        ("a%26b=c%26d", "a%26b=c%26d"),
        ("a=%", "a=%25"),
        ("a=%4", "a=%254"),
        ("a=%zz%", "a=%25zz%25"),
        ("a=%%41", "a=%25A"),
        ("a=%ff%FE%c3", "a=%FF%FE%C3"),
        ("a=%00%0d%0A", "a=%00%0D%0A"),
        ("q=é", "q=%C3%A9"),
        ("q=a b", "q=a%20b"),
        ("q=a?b#c", "q=a%3Fb%23c"),
        ("a=1;b=2", "a=1%3Bb%3D2"),
        ("a[]=1", "a%5B%5D=1"),
    ] {
        assert_eq!(normalize_query(raw), normal, "{raw}");
    }
}

#[test]
fn a_target_joins_base_rest_and_query_with_one_slash() {
    for (base, rest, wire) in [
        ("", "", "/"),
        ("", "/", "/"),
        ("/", "", "/"),
        ("/", "/", "/"),
        ("", "/a", "/a"),
        ("/", "/a", "/a"),
        ("/v2", "", "/v2"),
        ("/v2/", "", "/v2/"),
        ("/v2", "/", "/v2/"),
        ("/v2", "/users", "/v2/users"),
        ("/v2/", "/users", "/v2/users"),
        ("/v2", "users", "/v2/users"),
        ("/v2", "//users/", "/v2//users/"),
        ("", "//evil/a", "//evil/a"),
    ] {
        let target = Target::join(base, rest, None, QueryMode::Normalize).unwrap();
        assert_eq!(target.as_str(), wire, "{base} {rest}");
        assert_eq!((target.path(), target.query()), (wire, ""), "{base} {rest}");

        let target = Target::join(base, rest, Some("a=1?"), QueryMode::Raw).unwrap();
        assert_eq!(target.as_str(), format!("{wire}?a=1?"), "{base} {rest}");
        assert_eq!((target.path(), target.query()), (wire, "a=1?"), "{base} {rest}");
    }
}

#[test]
fn the_query_mode_decides_what_is_sent() {
    let wire = |query, mode| Target::join("", "/a", query, mode).map(Target::into_string);
    let query = Some("b=1+1&=x&a=%7e");
    assert_eq!(wire(query, QueryMode::Normalize).unwrap(), "/a?b=1%201&a=~");
    assert_eq!(wire(query, QueryMode::Raw).unwrap(), "/a?b=1+1&=x&a=%7e");
    assert_eq!(wire(Some(""), QueryMode::Normalize).unwrap(), "/a");
    assert_eq!(wire(Some("=x"), QueryMode::Normalize).unwrap(), "/a");
    assert_eq!(wire(Some(""), QueryMode::Raw).unwrap(), "/a?");
    assert_eq!(wire(None, QueryMode::Raw).unwrap(), "/a");
}

#[test]
fn a_raw_query_that_a_request_line_cannot_hold_is_refused() {
    for (query, byte) in [("a b", b' '), ("a\nb", b'\n'), ("a#b", b'#'), ("aé", 0xc3)] {
        let refusal = TargetError::ForbiddenByte { byte, at: 1 };
        assert_eq!(Target::join("", "/", Some(query), QueryMode::Raw), Err(refusal), "{query}");
    }
}
