//! The flags that say how a backend is reached, the same for a new API and for one that changes.
//! What is not given is not named in an update, and the contract's default in a new API.

use clap::Args;
use countersign_proto::v1::{Backend, BackendProtocol, BackendTls, HealthCheck};

use super::backend_url::{self, BackendUrl};
use super::choice::Protocol;
use crate::failure::Failure;

#[derive(Debug, Default, Args)]
pub(super) struct BackendFlags {
    /// The path towards the backend, with `{param}` of the API's path; empty: as received
    #[arg(long, value_name = "PATH")]
    backend_path: Option<String>,

    /// http1, or http2: by prior knowledge on http, by ALPN on https; gRPC needs it
    #[arg(long, value_enum, ignore_case = true, value_name = "http1|http2")]
    #[arg(hide_possible_values = true)]
    backend_protocol: Option<Protocol>,

    /// PEM file of the CA certificates that may vouch for an https backend; '' for the system's
    #[arg(long, value_name = "FILE")]
    backend_ca: Option<String>,

    /// What the certificate of an https backend must bear; '' for the target's host
    #[arg(long, value_name = "NAME")]
    backend_server_name: Option<String>,

    /// The client certificate to show, by the name under which the nodes hold it with its key
    /// (`data-plane --backend-identity-dir`); '' for none
    #[arg(long, value_name = "NAME")]
    backend_identity: Option<String>,

    /// How long the backend may take to begin its answer, 1–600000; 0 for 5000
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u32>,

    /// How long a connection may take, TLS included, 1–60000; 0 for 2000
    #[arg(long, value_name = "MS")]
    connect_timeout_ms: Option<u32>,

    /// How long an answer may take to its end, at most 86400000; 0 for no limit
    #[arg(long, value_name = "MS")]
    total_timeout_ms: Option<u32>,

    /// Further tries of requests that never reached the backend, 0–10
    #[arg(long, value_name = "N")]
    retries: Option<u32>,

    /// The most requests that a node has under way at once, at most 1000000; 0 for no limit
    #[arg(long, value_name = "N")]
    concurrency_max: Option<u32>,

    /// What each target is asked for on the node's own account; '' for no health check
    #[arg(long, value_name = "PATH")]
    health_path: Option<String>,

    #[command(flatten)]
    health: HealthFlags,
}

#[derive(Debug, Default, Args)]
struct HealthFlags {
    /// From one health check to the next, 50–3600000; 0 for 10000
    #[arg(id = "health_interval_ms", long = "health-interval-ms", value_name = "MS")]
    #[arg(requires = "health_path", default_value_t = 0, hide_default_value = true)]
    interval_ms: u32,

    /// How long a health check may take, 1–60000; 0 for 1000
    #[arg(id = "health_timeout_ms", long = "health-timeout-ms", value_name = "MS")]
    #[arg(requires = "health_path", default_value_t = 0, hide_default_value = true)]
    timeout_ms: u32,

    /// So many failed checks in a row take a target out, 1–100; 0 for 3
    #[arg(id = "health_unhealthy_after", long = "health-unhealthy-after", value_name = "N")]
    #[arg(requires = "health_path", default_value_t = 0, hide_default_value = true)]
    unhealthy_after: u32,

    /// So many good checks in a row bring it back, 1–100; 0 for 2
    #[arg(id = "health_healthy_after", long = "health-healthy-after", value_name = "N")]
    #[arg(requires = "health_path", default_value_t = 0, hide_default_value = true)]
    healthy_after: u32,
}

/// As a list of flags reads in a message.
pub(super) const FLAGS: &str = "--backend, --backend-path, --backend-protocol, --backend-ca, \
    --backend-server-name, --backend-identity, --timeout-ms, --connect-timeout-ms, \
    --total-timeout-ms, --retries, --concurrency-max, --health-path";

impl BackendFlags {
    /// The fields of the API that are named by these flags.
    pub(super) fn given(&self) -> [(&'static str, bool); 11] {
        [
            ("backend.path", self.backend_path.is_some()),
            ("backend.timeout_ms", self.timeout_ms.is_some()),
            ("backend.retries", self.retries.is_some()),
            ("backend.protocol", self.backend_protocol.is_some()),
            ("backend.tls.ca_pem", self.backend_ca.is_some()),
            ("backend.tls.server_name", self.backend_server_name.is_some()),
            ("backend.tls.client_identity", self.backend_identity.is_some()),
            ("backend.connect_timeout_ms", self.connect_timeout_ms.is_some()),
            ("backend.total_timeout_ms", self.total_timeout_ms.is_some()),
            ("backend.concurrency_max", self.concurrency_max.is_some()),
            ("backend.health_check", self.health_path.is_some()),
        ]
    }

    /// The backend; reads the file of certificates.
    pub(super) fn backend(self, urls: Vec<BackendUrl>) -> Result<Backend, Failure> {
        let (scheme, targets) = backend_url::merged(urls)?;
        let tls = BackendTls {
            ca_pem: certificates(self.backend_ca)?,
            server_name: self.backend_server_name.unwrap_or_default(),
            client_identity: self.backend_identity.unwrap_or_default(),
        };
        let health = self.health;
        let check = |path| HealthCheck {
            path,
            interval_ms: health.interval_ms,
            timeout_ms: health.timeout_ms,
            unhealthy_after: health.unhealthy_after,
            healthy_after: health.healthy_after,
        };
        Ok(Backend {
            scheme,
            targets,
            path: self.backend_path.unwrap_or_default(),
            timeout_ms: self.timeout_ms.unwrap_or_default(),
            retries: self.retries.unwrap_or_default(),
            protocol: self.backend_protocol.map(BackendProtocol::from).unwrap_or_default().into(),
            tls: Some(tls).filter(|tls| *tls != BackendTls::default()),
            connect_timeout_ms: self.connect_timeout_ms.unwrap_or_default(),
            total_timeout_ms: self.total_timeout_ms.unwrap_or_default(),
            concurrency_max: self.concurrency_max.unwrap_or_default(),
            health_check: self.health_path.filter(|path| !path.is_empty()).map(check),
        })
    }
}

fn certificates(file: Option<String>) -> Result<String, Failure> {
    match file.filter(|file| !file.is_empty()) {
        None => Ok(String::new()),
        Some(file) => std::fs::read_to_string(&file)
            .map_err(|error| Failure::usage(format!("--backend-ca {file}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: BackendFlags,
    }

    fn flags(line: &str) -> BackendFlags {
        Line::parse_from(line.split(' ')).flags
    }

    #[test]
    fn nothing_given_is_nothing_said() {
        let flags = flags("x");
        assert!(flags.given().iter().all(|(_, given)| !given));
        assert_eq!(flags.backend(vec![]).unwrap(), Backend::default());
    }

    #[test]
    fn certificates_come_from_a_file() {
        let file = std::env::temp_dir().join(format!("countersign-ca-{}", std::process::id()));
        std::fs::write(&file, "the certificates").unwrap();
        let read = flags(&format!("x --backend-ca {}", file.display())).backend(vec![]);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(read.unwrap().tls.unwrap().ca_pem, "the certificates");
        let gone = flags(&format!("x --backend-ca {}", file.display())).backend(vec![]);
        assert!(matches!(gone, Err(Failure::Usage(_))));
    }

    #[test]
    fn a_health_check_needs_its_path() {
        let line = "x --health-path /healthz --health-interval-ms 500 --health-healthy-after 1";
        let check = flags(line).backend(vec![]).unwrap().health_check.unwrap();
        assert_eq!((check.path.as_str(), check.interval_ms), ("/healthz", 500));
        assert_eq!((check.healthy_after, check.unhealthy_after), (1, 0));
        assert!(Line::try_parse_from(["x", "--health-interval-ms", "500"]).is_err());
        let none = flags("x --health-path=");
        assert!(none.given().contains(&("backend.health_check", true)));
        assert_eq!(none.backend(vec![]).unwrap().health_check, None);
    }
}
