//! What a node is told when it starts. Checked once, here; it never reads files, flags or the
//! environment, which is the command line's work.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use countersign_shared::id::LogId;
use countersign_shared::text::NodeName;
use countersign_transport::{ClientFiles, InvalidFile, client};
use http::Uri;

use crate::cache::Cache;
use crate::enrolment::Enrolment;
use crate::network::Network;
use crate::proxy::{CertificateFiles, UpstreamSettings};

/// How much one client may do, an IPv6 client being a /64; 0: as much as it likes.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClientLimits {
    /// Connections that it has open at a time. Trusted proxies may have any number.
    pub connections_max: u32,
    pub requests_per_second: u32,
    /// Requests that it may send at once after a silence; 0: those of one second.
    pub request_burst: u32,
}

/// How slow a client may be.
#[derive(Debug, Clone, Copy)]
pub struct ClientTimes {
    /// Between two requests, and before the first.
    pub idle_max: Duration,
    /// For a handshake and for a head once it has begun; for each piece of a body, and for taking
    /// any of an answer.
    pub pause_max: Duration,
}

impl Default for ClientTimes {
    fn default() -> Self {
        Self { idle_max: Duration::from_mins(1), pause_max: Duration::from_secs(30) }
    }
}

/// All settings of a node. Start from the default and name what differs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where control planes of the same log listen, such as `https://10.0.0.1:7400`: at least one. They
    /// are tried in turn; the one that worked last is tried first.
    pub control_planes: Vec<String>,
    /// Whom the node trusts there and what it shows, over TLS.
    pub control_plane_tls: ClientFiles,
    /// How it comes to its certificate by itself; none: what it shows is there.
    pub enrolment: Option<Enrolment>,
    /// The id of a log that may take the place of the one that the node signs with, once. Any other
    /// log than that one is refused.
    pub accept_log: Option<String>,
    /// The name under which the node presents itself: 1–128 visible ASCII characters.
    pub node: String,
    /// Names or ids of the environments to serve; the first one is the default of a request
    /// without `X-Stage`.
    pub environments: Vec<String>,
    /// Where requests come in; port 0 takes a free one.
    pub proxy_listen: SocketAddr,
    /// Where they come in over TLS, with HTTP/2 or HTTP/1.1 as the client prefers; none: nowhere.
    pub proxy_tls: Option<ProxyTls>,
    /// `/live`, `/ready` and `/metrics`; none: no status listener.
    pub status_listen: Option<SocketAddr>,
    /// One thread each; they share the port.
    pub workers: usize,
    /// The largest body that is read in order to sign it.
    pub body_bytes_max: usize,
    /// The most bytes of bodies that all requests together hold in memory.
    pub buffered_bytes_max: usize,
    /// Proxies before the node that are believed what they say of their clients in
    /// `X-Forwarded-For`, `-Host`, `-Port` and `-Proto`; of others these are dropped.
    pub trusted_proxies: Vec<Network>,
    pub client_limits: ClientLimits,
    pub client_times: ClientTimes,
    pub upstream: UpstreamSettings,
    /// Every so-many-th request of a worker is logged, with target `access`; 0: none.
    pub access_log_every: u32,
    /// Where spans go by OTLP over gRPC, such as `http://127.0.0.1:4317`; none: nothing is traced.
    pub otlp_endpoint: Option<String>,
    /// Every so-many-th request of a worker is traced where it has no parent; 0: none. With a parent
    /// the parent's sampled flag decides.
    pub trace_every: u32,
    /// Where the last good table is kept on the disk, sealed; none: nowhere.
    pub cache: Option<Cache>,
    /// How long a node that is shut down goes on as before and only says that it is not ready, so that
    /// balancers notice.
    pub drain_delay: Duration,
    /// How long a shutdown then waits for requests that are under way.
    pub drain_timeout: Duration,
}

/// A listener for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyTls {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    pub files: CertificateFiles,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            control_planes: vec!["http://127.0.0.1:7400".to_owned()],
            control_plane_tls: ClientFiles::default(),
            enrolment: None,
            accept_log: None,
            cache: None,
            node: "node".to_owned(),
            environments: vec!["RELEASE".to_owned()],
            proxy_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            proxy_tls: None,
            status_listen: None,
            workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            body_bytes_max: 12 * 1024 * 1024,
            buffered_bytes_max: 256 * 1024 * 1024,
            trusted_proxies: Vec::new(),
            client_limits: ClientLimits::default(),
            client_times: ClientTimes::default(),
            upstream: UpstreamSettings::default(),
            access_log_every: 0,
            otlp_endpoint: None,
            trace_every: 100,
            drain_delay: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    #[error("control plane `{given}`: an address such as https://10.0.0.1:7400 is needed")]
    ControlPlane { given: String },
    #[error("no control plane: name at least one, such as http://127.0.0.1:7400")]
    NoControlPlane,
    #[error(transparent)]
    ControlPlaneTls(#[from] InvalidFile),
    #[error("log `{given}` to accept: a log's id is needed, which is 32 hex digits")]
    AcceptLog { given: String },
    #[error("OTLP endpoint `{given}`: an address such as http://127.0.0.1:4317 is needed")]
    OtlpEndpoint { given: String },
    #[error("node name `{given}`: 1–128 visible ASCII characters are needed")]
    Node { given: String },
    #[error(
        "node name `{given}`: what stands in a certificate has 1–128 letters, digits and . _ - : @ +"
    )]
    NodeName { given: String },
    #[error(
        "a certificate of its own and a directory for one that it is given: name one of --control-plane-cert \
         and --identity-dir"
    )]
    TwoIdentities,
    #[error("no environment to serve: name at least one, such as RELEASE")]
    NoEnvironment,
    #[error("{given} workers: at least 1 is needed and at most {WORKERS_MAX} are possible")]
    Workers { given: usize },
    #[error(
        "a body limit of {body_bytes} bytes with a budget of {buffered_bytes}: the budget must \
         hold at least one body, and at most {BUFFERED_BYTES_MAX} bytes"
    )]
    Budget { body_bytes: usize, buffered_bytes: usize },
    #[error("0 connections to a backend: at least 1 is needed")]
    NoBackendConnections,
}

const WORKERS_MAX: usize = 1024;
const NODE_CHARACTERS_MAX: usize = 128;
/// What a 32-bit count of permits can hold.
const BUFFERED_BYTES_MAX: usize = u32::MAX as usize;

impl Config {
    /// Checks every setting; returns the parsed addresses of the control planes.
    pub(crate) fn check(&self) -> Result<Vec<Uri>, InvalidConfig> {
        checked_name(&self.node)?;
        if self.environments.is_empty() {
            return Err(InvalidConfig::NoEnvironment);
        }
        if !(1..=WORKERS_MAX).contains(&self.workers) {
            return Err(InvalidConfig::Workers { given: self.workers });
        }
        if self.buffered_bytes_max < self.body_bytes_max
            || self.buffered_bytes_max > BUFFERED_BYTES_MAX
        {
            return Err(InvalidConfig::Budget {
                body_bytes: self.body_bytes_max,
                buffered_bytes: self.buffered_bytes_max,
            });
        }
        if self.upstream.connections_max == 0 {
            return Err(InvalidConfig::NoBackendConnections);
        }
        if let Some(endpoint) = &self.otlp_endpoint {
            plain_http(endpoint)
                .ok_or_else(|| InvalidConfig::OtlpEndpoint { given: endpoint.clone() })?;
        }
        if let Some(given) = self.accept_log.as_ref().filter(|given| !is_log(given)) {
            return Err(InvalidConfig::AcceptLog { given: given.clone() });
        }
        let addresses = checked_control_planes(&self.control_planes, &self.control_plane_tls)?;
        checked_enrolment(self.enrolment.as_ref(), &self.node, &self.control_plane_tls)?;
        Ok(addresses)
    }
}

/// Addresses that certificates are asked for at; none: those of the stream.
pub(crate) fn checked_enrolment(
    enrolment: Option<&Enrolment>,
    name: &str,
    tls: &ClientFiles,
) -> Result<Vec<Uri>, InvalidConfig> {
    let Some(enrolment) = enrolment else { return Ok(Vec::new()) };
    if NodeName::parse(name).is_err() {
        return Err(InvalidConfig::NodeName { given: name.to_owned() });
    }
    if tls.own.is_some() {
        return Err(InvalidConfig::TwoIdentities);
    }
    let parsed = |text: &String| {
        address(text).ok_or_else(|| InvalidConfig::ControlPlane { given: text.clone() })
    };
    enrolment.at.iter().map(parsed).collect()
}

pub(crate) fn checked_name(name: &str) -> Result<(), InvalidConfig> {
    let is_visible = name.bytes().all(|b| b.is_ascii_graphic());
    if (1..=NODE_CHARACTERS_MAX).contains(&name.len()) && is_visible {
        return Ok(());
    }
    Err(InvalidConfig::Node { given: name.to_owned() })
}

pub(crate) fn checked_control_planes(
    given: &[String],
    tls: &ClientFiles,
) -> Result<Vec<Uri>, InvalidConfig> {
    if given.is_empty() {
        return Err(InvalidConfig::NoControlPlane);
    }
    let parsed = |text: &String| {
        address(text).ok_or_else(|| InvalidConfig::ControlPlane { given: text.clone() })
    };
    let addresses = given.iter().map(parsed).collect::<Result<Vec<_>, _>>()?;
    if addresses.iter().any(|address| address.scheme_str() == Some("https")) {
        tls.check()?;
    }
    Ok(addresses)
}

fn address(text: &str) -> Option<Uri> {
    text.parse().ok().filter(client::is_address)
}

fn plain_http(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    (uri.scheme_str() == Some("http") && uri.authority().is_some()).then_some(uri)
}

/// The id of a log, or that and one of its epochs.
fn is_log(text: &str) -> bool {
    let (id, epoch) = text.split_once('/').unzip();
    id.unwrap_or(text).parse::<LogId>().is_ok()
        && epoch.is_none_or(|epoch| epoch.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid() {
        assert!(Config::default().check().is_ok());
    }

    #[test]
    fn each_setting_that_cannot_be_used_is_named() {
        let refused = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.check().map(drop).map_err(|e| e.to_string()).unwrap_err()
        };
        let given = "localhost:7400";
        assert!(refused(|c| c.control_planes.push("localhost:7400".into())).contains(given));
        assert!(refused(|c| c.control_planes.clear()).contains("no control plane"));
        assert!(refused(|c| c.accept_log = Some("log-a".into())).contains("log `log-a`"));
        let log = LogId::from_bytes([7; 16]);
        assert!(is_log(&log.to_string()) && is_log(&format!("{log}/3")));
        assert!(!is_log(&format!("{log}/")) && !is_log(&format!("{log}/new")));
        assert!(refused(|c| c.node = "a b".into()).contains("node name `a b`"));
        assert!(refused(|c| c.environments.clear()).contains("no environment"));
        assert!(refused(|c| c.otlp_endpoint = Some("4317".into())).contains("`4317`"));
        assert!(refused(|c| c.workers = 0).contains("0 workers"));
        assert!(refused(|c| c.buffered_bytes_max = 1).contains("budget of 1"));
        assert!(refused(|c| c.upstream.connections_max = 0).contains("0 connections"));
    }
}
