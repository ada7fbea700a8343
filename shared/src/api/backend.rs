//! Where an API's requests go: the targets, how they are spoken to, and what bounds an exchange.
//! A value that exists is valid by itself; what has to fit together, `ApiDefinition::check` says.

use std::sync::Arc;

use super::{ApiPath, BackendTls, HealthCheck};
use crate::text::InvalidText;

pub const BACKEND_TARGETS_MAX: usize = 10;
pub const TIMEOUT_MS_MAX: u32 = 600_000;
pub const TIMEOUT_MS_DEFAULT: u32 = 5_000;
pub const CONNECT_TIMEOUT_MS_MAX: u32 = 60_000;
pub const CONNECT_TIMEOUT_MS_DEFAULT: u32 = 2_000;
/// A day.
pub const TOTAL_TIMEOUT_MS_MAX: u32 = 86_400_000;
pub const RETRIES_MAX: u32 = 10;
pub const CONCURRENCY_MAX: u32 = 1_000_000;

/// Whether a backend is reached in clear or by TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        match text {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            _ => Err(InvalidText("`http` or `https`".to_owned())),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Where a target without a port listens.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BackendProtocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, by prior knowledge in clear and by ALPN over TLS.
    Http2,
}

/// One place of a backend.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BackendTarget {
    host: Arc<str>,
    port: Option<u16>,
    authority: Arc<str>,
}

impl BackendTarget {
    /// `host`, `host:port`, `1.2.3.4:port` or `[::1]:port`.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let rule = || InvalidText("host or host:port, such as backend.example.com:8080".into());
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
                let port =
                    port.parse::<u16>().ok().filter(|p| digits && *p > 0).ok_or_else(rule)?;
                (host, Some(port))
            }
            _ => (text, None),
        };
        let address = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let good = match address {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_host(host),
        };
        if !good {
            return Err(rule());
        }
        let host: Arc<str> = Arc::from(host.to_ascii_lowercase());
        let authority = match port {
            Some(port) => Arc::from(format!("{host}:{port}")),
            None => Arc::clone(&host),
        };
        Ok(Self { host, port, authority })
    }

    /// For connecting: an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that was given, or the scheme's.
    pub fn port(&self, scheme: Scheme) -> u16 {
        self.port.unwrap_or(scheme.default_port())
    }

    /// The Host that the backend sees: as it was written, with its port where one was given.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

/// A name, or an address of the fourth version.
pub(super) fn is_host(host: &str) -> bool {
    (1..=253).contains(&host.len())
        && !host.starts_with(['-', '.'])
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

/// Where an API's requests go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Backend {
    pub scheme: Scheme,
    pub targets: Vec<BackendTarget>,
    /// The path towards the backend; none: the path as received.
    pub path: Option<ApiPath>,
    /// Until the backend's answer has begun.
    pub timeout_ms: u32,
    /// Further tries of requests that never reached the backend.
    pub retries: u32,
    pub protocol: BackendProtocol,
    pub tls: BackendTls,
    /// For a connection, TLS included.
    pub connect_timeout_ms: u32,
    /// Until the answer has come to its end; none: no limit.
    pub total_timeout_ms: Option<u32>,
    /// Requests that a node has under way at once; none: no limit.
    pub concurrency_max: Option<u32>,
    pub health_check: Option<HealthCheck>,
}

impl Backend {
    /// These targets over HTTP/1.1 in clear, everything else as it is unless somebody says more.
    pub fn of(targets: Vec<BackendTarget>) -> Self {
        Self {
            scheme: Scheme::Http,
            targets,
            path: None,
            timeout_ms: TIMEOUT_MS_DEFAULT,
            retries: 0,
            protocol: BackendProtocol::Http1,
            tls: BackendTls::default(),
            connect_timeout_ms: CONNECT_TIMEOUT_MS_DEFAULT,
            total_timeout_ms: None,
            concurrency_max: None,
            health_check: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_a_host_and_a_port() {
        let parts = |text| {
            BackendTarget::parse(text)
                .map(|t| (t.host().to_owned(), t.port(Scheme::Http), t.authority().to_owned()))
        };
        assert_eq!(parts("Backend:8080").unwrap(), ("backend".into(), 8080, "backend:8080".into()));
        assert_eq!(parts("b.example").unwrap(), ("b.example".into(), 80, "b.example".into()));
        assert_eq!(parts("[::1]:81").unwrap(), ("[::1]".into(), 81, "[::1]:81".into()));
        assert_eq!(parts("[::1]").unwrap(), ("[::1]".into(), 80, "[::1]".into()));
        for bad in
            ["", ":80", "a:", "a:0", "a:65536", "a:+1", "a b:1", "u@a:1", "a/b:1", "[x]:1", "::1"]
        {
            assert!(parts(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn without_a_port_it_is_the_schemes() {
        let target = BackendTarget::parse("b.example").unwrap();
        assert_eq!((target.port(Scheme::Http), target.port(Scheme::Https)), (80, 443));
        let target = BackendTarget::parse("b.example:80").unwrap();
        assert_eq!(target.port(Scheme::Https), 80);
    }
}
