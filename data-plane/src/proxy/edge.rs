//! The edge: what a request must be before it is looked at any further. It reads the head once,
//! refuses what two readers could read differently, and lists the headers that may not go on.
//! It changes nothing.

use http::header::UPGRADE;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Version};

use super::headers::X_REQUEST_ID;
use super::refusal::Refusal;

pub(super) const URI_BYTES_MAX: usize = 32 * 1024;
pub(super) const HEADER_BYTES_MAX: usize = 32 * 1024;
pub(super) const HEADERS_BYTES_MAX: usize = 128 * 1024;
/// `: ` and CR LF.
const HEADER_EXTRA_BYTES: usize = 4;

/// A head that may be routed.
#[derive(Debug)]
pub(super) struct Admitted<'h> {
    /// The Host without its port.
    pub(super) host: &'h str,
    pub(super) stage: Option<&'h str>,
    /// As RFC 6455 says it.
    pub(super) asks_for_websocket: bool,
}

/// Names of headers that do not go to the backend. Kept by the worker, so that filling it
/// costs no allocation.
#[derive(Debug, Default)]
pub(super) struct Doomed {
    pub(super) always: Vec<HeaderName>,
    /// What only a trusted proxy may say.
    pub(super) unless_trusted: Vec<HeaderName>,
    /// What only the gateway may say to the backend of a bound API.
    pub(super) if_bound: Vec<HeaderName>,
}

impl Doomed {
    fn clear(&mut self) {
        self.always.clear();
        self.unless_trusted.clear();
        self.if_bound.clear();
    }
}

/// Checks the head and fills the list of headers that may not go on. Where it ends, and where its
/// body does, is beyond doubt by now.
pub(super) fn admit<'h>(head: &'h Parts, doomed: &mut Doomed) -> Result<Admitted<'h>, Refusal> {
    doomed.clear();
    check_request_line(head)?;
    let mut seen = Seen::default();
    let mut bytes_all = 0;
    for (name, value) in &head.headers {
        let bytes = name.as_str().len() + value.len();
        bytes_all += bytes + HEADER_EXTRA_BYTES;
        if bytes > HEADER_BYTES_MAX {
            return Err(Refusal::HeadersTooLarge);
        }
        match Kind::of(name.as_str()) {
            Kind::Plain => {}
            Kind::Host => once(&mut seen.host, value, "two Host headers")?,
            Kind::Stage => once(&mut seen.stage, value, "two X-Stage headers")?,
            Kind::Expect => {
                if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") {
                    return Err(Refusal::ExpectationFailed);
                }
                doomed.always.push(name.clone());
            }
            Kind::Connection => {
                doomed.always.push(name.clone());
                seen.connection_upgrade |= take_connection_list(value, &mut doomed.always)?;
            }
            Kind::Upgrade => {
                doomed.always.push(name.clone());
                once(&mut seen.upgrade, value, "two Upgrade headers")?;
            }
            Kind::NeverGoesOn => doomed.always.push(name.clone()),
            Kind::Forwarded => doomed.unless_trusted.push(name.clone()),
            Kind::Signature => doomed.if_bound.push(name.clone()),
        }
    }
    if bytes_all > HEADERS_BYTES_MAX {
        return Err(Refusal::HeadersTooLarge);
    }
    let host = check_host(head, seen.host)?;
    let stage = match seen.stage {
        None => None,
        Some(stage) => Some(stage.to_str().map_err(|_| Refusal::ApiNotFound)?),
    };
    let asks_for_websocket = seen.connection_upgrade
        && seen.upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && head.method == Method::GET
        && head.version == Version::HTTP_11;
    Ok(Admitted { host, stage, asks_for_websocket })
}

#[derive(Default)]
struct Seen<'h> {
    host: Option<&'h HeaderValue>,
    stage: Option<&'h HeaderValue>,
    upgrade: Option<&'h HeaderValue>,
    connection_upgrade: bool,
}

fn once<'h>(
    seen: &mut Option<&'h HeaderValue>,
    value: &'h HeaderValue,
    twice: &'static str,
) -> Result<(), Refusal> {
    match seen.replace(value) {
        None => Ok(()),
        Some(_) => Err(Refusal::BadFraming(twice)),
    }
}

/// What the edge does with a header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Host,
    Stage,
    Expect,
    Connection,
    Upgrade,
    /// Framing, which is made anew; hop-by-hop; or what only the last proxy before the backend may say.
    NeverGoesOn,
    /// What proxies say of their clients.
    Forwarded,
    Signature,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "host" => Self::Host,
            "x-stage" => Self::Stage,
            "expect" => Self::Expect,
            "connection" => Self::Connection,
            "upgrade" => Self::Upgrade,
            "authorization" => Self::Signature,
            "content-length"
            | "transfer-encoding"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "http2-settings"
            | "forwarded"
            | "x-real-ip"
            | "x-original-url"
            | "x-rewrite-url" => Self::NeverGoesOn,
            _ if name.starts_with("x-sdk-") => Self::Signature,
            "x-forwarded-for" | "x-forwarded-host" | "x-forwarded-port" | "x-forwarded-proto" => {
                Self::Forwarded
            }
            _ if name.starts_with("x-forwarded-") => Self::NeverGoesOn,
            _ if name.contains('_') => Self::of_underscored(name),
            _ => Self::Plain,
        }
    }

    /// Many backends read `X_Sdk_Date` as `X-Sdk-Date`: what means something in one form goes in
    /// no other.
    fn of_underscored(name: &str) -> Self {
        let dashed = name.replace('_', "-");
        match Self::of(&dashed) {
            Self::Plain if *dashed != X_REQUEST_ID => Self::Plain,
            _ => Self::NeverGoesOn,
        }
    }
}

fn check_request_line(head: &Parts) -> Result<(), Refusal> {
    if head.method == Method::CONNECT || head.method == Method::TRACE {
        return Err(Refusal::MethodNotAllowed);
    }
    let length = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if length > URI_BYTES_MAX {
        return Err(Refusal::UriTooLong);
    }
    if !head.uri.path().starts_with('/') {
        return Err(Refusal::bad_request("the request target does not begin with `/`"));
    }
    Ok(())
}

/// Exactly one Host, host or host:port; in absolute form the same as in the request line.
fn check_host<'h>(head: &'h Parts, host: Option<&'h HeaderValue>) -> Result<&'h str, Refusal> {
    let Some(host) = host else { return Err(Refusal::bad_request("no Host header")) };
    let text = host.to_str().unwrap_or_default();
    let name = split_port(text)
        .ok_or(Refusal::BadRequest("the Host header is not host or host:port".into()))?;
    if let Some(scheme) = head.uri.scheme_str() {
        let authority = head.uri.authority().map_or("", |a| a.as_str());
        let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        if !web || !authority.eq_ignore_ascii_case(text) {
            return Err(Refusal::bad_request(
                "the request target names another host than the Host header",
            ));
        }
    }
    Ok(name)
}

/// The host of `host[:port]`, without a final dot; none where it is not of this form.
fn split_port(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => {
            let (address, port) = v6.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (authority.get(..address.len() + 2)?, port)
        }
        None => match authority.split_once(':') {
            Some((host, _)) => (host, authority.get(host.len()..)?),
            None => (authority, ""),
        },
    };
    let digits = port.strip_prefix(':').unwrap_or("80");
    let good_port = digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok();
    let in_name = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
    let port_is_apart = port.is_empty() || port.starts_with(':');
    let host = host.strip_suffix('.').unwrap_or(host);
    (good_port && port_is_apart && !host.is_empty() && host.bytes().all(in_name)).then_some(host)
}

/// Takes a Connection list: what it names goes, but it cannot name away what the gateway says.
/// Returns whether it names an upgrade.
fn take_connection_list(
    value: &HeaderValue,
    doomed: &mut Vec<HeaderName>,
) -> Result<bool, Refusal> {
    let value = value.as_bytes();
    if value.eq_ignore_ascii_case(b"keep-alive") || value.eq_ignore_ascii_case(b"close") {
        return Ok(false);
    }
    let mut upgrades = false;
    for token in
        value.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
    {
        let name = HeaderName::from_bytes(token)
            .map_err(|_| Refusal::bad_request("the Connection header names no header"))?;
        if is_protected(&name.as_str().replace('_', "-")) {
            return Err(Refusal::bad_request(
                "the Connection header names a header of the gateway",
            ));
        }
        upgrades |= name == UPGRADE;
        doomed.push(name);
    }
    Ok(upgrades)
}

fn is_protected(name: &str) -> bool {
    matches!(name, "authorization" | "host")
        || ["x-sdk-", "content-", "x-forwarded-"].iter().any(|prefix| name.starts_with(prefix))
}
