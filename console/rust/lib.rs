//! The console's pages, embedded as they were built from `../src`, and the answers that bring them
//! to a browser. Knows nothing of gRPC: whoever serves them puts the services beside them.

mod files;
pub mod guard;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName,
    IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use files::File;

/// What a browser lets the pages do: load what is served beside them, and nothing else. No inline
/// script or style, no frame around them or in them, no text that becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// With every answer.
const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", POLICY),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// The answer to a request that is for no service: a file, or the page, which finds its way from
/// the path itself.
pub fn answer(method: &Method, path: &str, headers: &HeaderMap) -> Response<Bytes> {
    if method != Method::GET && method != Method::HEAD {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "this is a page: GET it\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match files::find(path) {
        Some(file) => with_file(file, method, headers),
        None => plain(StatusCode::NOT_FOUND, "no such file\n"),
    }
}

/// The pages and their headers, added to what another handler has answered.
pub fn protect(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

/// Files keep their names from version to version, so a browser asks each time whether it has the
/// newest, and is told in a few bytes.
fn with_file(file: &File, method: &Method, headers: &HeaderMap) -> Response<Bytes> {
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim().trim_start_matches("W/") == file.tag);
    let packed = accepts_gzip(headers);
    let body = match (is_known || method == Method::HEAD, packed) {
        (true, _) => Bytes::new(),
        (false, true) => file.packed.clone(),
        (false, false) => file.bytes.clone(),
    };
    let mut response = Response::new(body);
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    protect(headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if packed && !is_known {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Ok(tag) = HeaderValue::from_str(&file.tag) {
        headers.insert(ETAG, tag);
    }
    response
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        is_gzip && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn plain(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    protect(response.headers_mut());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_LENGTH;

    use super::*;

    fn asked(path: &str, headers: &[(HeaderName, &str)]) -> Response<Bytes> {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        answer(&Method::GET, path, &headers)
    }

    #[test]
    fn every_path_of_the_console_is_its_page_and_a_missing_file_is_none() {
        let page = asked("/", &[]);
        assert!(page.body().starts_with(b"<!doctype html>"), "{:?}", page.body());
        assert_eq!(asked("/keys/0123", &[]).body(), page.body());
        assert_eq!(asked("/nothing.js", &[]).status(), StatusCode::NOT_FOUND);
        assert_eq!(asked("/../Cargo.toml", &[]).status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let first = asked("/console.js", &[]);
        let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
        let again = asked("/console.js", &[(IF_NONE_MATCH, &format!("\"x\", W/{tag}"))]);
        assert_eq!((again.status(), again.body().len()), (StatusCode::NOT_MODIFIED, 0));
    }

    #[test]
    fn it_is_packed_for_who_can_unpack_it_and_within_the_budget() {
        let plain = asked("/console.js", &[]);
        assert!(!plain.headers().contains_key(CONTENT_ENCODING));
        let packed = asked("/console.js", &[(ACCEPT_ENCODING, "br, gzip;q=0.8")]);
        assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
        assert!(packed.body().len() <= 200 << 10, "{} bytes of script", packed.body().len());
        let refused = asked("/console.js", &[(ACCEPT_ENCODING, "gzip;q=0")]);
        assert!(!refused.headers().contains_key(CONTENT_ENCODING));
        assert!(!packed.headers().contains_key(CONTENT_LENGTH), "the server writes it");
    }

    #[test]
    fn no_answer_goes_without_the_policy_and_no_page_says_anything_inline() {
        for path in ["/", "/console.js", "/nothing.js"] {
            let headers = asked(path, &[]).headers().clone();
            for (name, value) in HEADERS {
                assert_eq!(headers[name], value);
            }
        }
        assert!(!POLICY.contains("unsafe"));
        let page = String::from_utf8(asked("/", &[]).into_body().to_vec()).unwrap();
        assert!(!page.contains("<style") && !page.contains("style="), "{page}");
        assert_eq!(
            page.matches("<script").count(),
            page.matches("<script type=\"module\" crossorigin src=").count()
        );
        assert_eq!(
            answer(&Method::POST, "/", &HeaderMap::new()).status(),
            StatusCode::METHOD_NOT_ALLOWED
        );
    }
}
