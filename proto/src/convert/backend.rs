//! The backend of an API. What an older event or an older node does not know of encodes to
//! nothing where it is as it always was, so that the bytes of what did not change stay the same.

use countersign_shared::api::{
    ApiPath, BACKEND_TARGETS_MAX, Backend, BackendProtocol, BackendTarget, BackendTls,
    CONCURRENCY_MAX, CONNECT_TIMEOUT_MS_DEFAULT, CONNECT_TIMEOUT_MS_MAX, CaPem, CheckPath,
    HealthCheck, IdentityName, RETRIES_MAX, Scheme, ServerName, TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX,
    TOTAL_TIMEOUT_MS_MAX,
};
use countersign_shared::text::InvalidText;

use super::{Collect, InvalidField};
use crate::v1;

pub fn backend_to_proto(backend: &Backend) -> v1::Backend {
    let connect_timeout_ms = backend.connect_timeout_ms;
    v1::Backend {
        scheme: backend.scheme.as_str().to_owned(),
        targets: backend.targets.iter().map(|t| t.authority().to_owned()).collect(),
        path: backend.path.as_ref().map(ToString::to_string).unwrap_or_default(),
        timeout_ms: backend.timeout_ms,
        retries: backend.retries,
        protocol: match backend.protocol {
            BackendProtocol::Http1 => v1::BackendProtocol::Unspecified,
            BackendProtocol::Http2 => v1::BackendProtocol::Http2,
        }
        .into(),
        tls: tls_to_proto(&backend.tls),
        connect_timeout_ms: if connect_timeout_ms == CONNECT_TIMEOUT_MS_DEFAULT {
            0
        } else {
            connect_timeout_ms
        },
        total_timeout_ms: backend.total_timeout_ms.unwrap_or_default(),
        concurrency_max: backend.concurrency_max.unwrap_or_default(),
        health_check: backend.health_check.as_ref().map(|check| v1::HealthCheck {
            path: check.path.as_str().to_owned(),
            interval_ms: check.interval_ms,
            timeout_ms: check.timeout_ms,
            unhealthy_after: check.unhealthy_after,
            healthy_after: check.healthy_after,
        }),
    }
}

fn tls_to_proto(tls: &BackendTls) -> Option<v1::BackendTls> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    (*tls != BackendTls::default()).then(|| v1::BackendTls {
        ca_pem: text(tls.ca_pem.as_ref().map(CaPem::as_str)),
        server_name: text(tls.server_name.as_ref().map(ServerName::as_str)),
        client_identity: text(tls.client_identity.as_ref().map(IdentityName::as_str)),
    })
}

/// Fields are named as within the API: `backend.…`.
pub fn backend_from_proto(message: &v1::Backend) -> Result<Backend, Vec<InvalidField>> {
    let mut bad = Vec::new();
    let scheme = Scheme::parse(&message.scheme)
        .map_err(|e| InvalidField::new("backend.scheme", e))
        .collect_into(&mut bad);
    let targets = targets_from_proto(&message.targets, &mut bad);
    let path = unless_empty("backend.path", &message.path, ApiPath::parse, &mut bad);
    let protocol = match v1::BackendProtocol::try_from(message.protocol) {
        Ok(v1::BackendProtocol::Http2) => Ok(BackendProtocol::Http2),
        Ok(v1::BackendProtocol::Unspecified | v1::BackendProtocol::Http1) => {
            Ok(BackendProtocol::Http1)
        }
        Err(_) => Err(InvalidField::new("backend.protocol", "HTTP_1 or HTTP_2")),
    };
    let protocol = protocol.collect_into(&mut bad);
    let tls = tls_from_proto(&message.tls.clone().unwrap_or_default(), &mut bad);
    let mut number = Numbers { outer: "backend", bad: &mut bad };
    let timeout_ms =
        number.or("timeout_ms", message.timeout_ms, TIMEOUT_MS_DEFAULT, 1, TIMEOUT_MS_MAX);
    let connect_timeout_ms = number.or(
        "connect_timeout_ms",
        message.connect_timeout_ms,
        CONNECT_TIMEOUT_MS_DEFAULT,
        1,
        CONNECT_TIMEOUT_MS_MAX,
    );
    let total_timeout_ms =
        number.up_to("total_timeout_ms", message.total_timeout_ms, TOTAL_TIMEOUT_MS_MAX);
    let concurrency_max = number.up_to("concurrency_max", message.concurrency_max, CONCURRENCY_MAX);
    let retries = number.up_to("retries", message.retries, RETRIES_MAX).unwrap_or(0);
    let health_check =
        message.health_check.as_ref().and_then(|check| health_check_from_proto(check, &mut bad));
    match (scheme, protocol) {
        (Some(scheme), Some(protocol)) if bad.is_empty() => Ok(Backend {
            scheme,
            targets,
            path,
            timeout_ms,
            retries,
            protocol,
            tls,
            connect_timeout_ms,
            total_timeout_ms,
            concurrency_max,
            health_check,
        }),
        _ => Err(bad),
    }
}

fn targets_from_proto(texts: &[String], bad: &mut Vec<InvalidField>) -> Vec<BackendTarget> {
    if texts.is_empty() || texts.len() > BACKEND_TARGETS_MAX {
        let rule = format!("1–{BACKEND_TARGETS_MAX} of host or host:port");
        bad.push(InvalidField::new("backend.targets", rule));
    }
    let mut targets = Vec::with_capacity(texts.len());
    for (i, target) in texts.iter().enumerate() {
        match BackendTarget::parse(target) {
            Ok(target) => targets.push(target),
            Err(e) => bad.push(InvalidField::new(format!("backend.targets[{i}]"), e)),
        }
    }
    targets
}

fn tls_from_proto(message: &v1::BackendTls, bad: &mut Vec<InvalidField>) -> BackendTls {
    BackendTls {
        ca_pem: unless_empty("backend.tls.ca_pem", &message.ca_pem, CaPem::parse, bad),
        server_name: unless_empty(
            "backend.tls.server_name",
            &message.server_name,
            ServerName::parse,
            bad,
        ),
        client_identity: unless_empty(
            "backend.tls.client_identity",
            &message.client_identity,
            IdentityName::parse,
            bad,
        ),
    }
}

fn health_check_from_proto(
    message: &v1::HealthCheck,
    bad: &mut Vec<InvalidField>,
) -> Option<HealthCheck> {
    type H = HealthCheck;
    let path = CheckPath::parse(&message.path)
        .map_err(|e| InvalidField::new("backend.health_check.path", e))
        .collect_into(bad);
    let mut number = Numbers { outer: "backend.health_check", bad };
    let v1::HealthCheck { interval_ms, timeout_ms, unhealthy_after, healthy_after, .. } = *message;
    let (least, most) = (H::INTERVAL_MS_MIN, H::INTERVAL_MS_MAX);
    let interval_ms = number.or("interval_ms", interval_ms, H::INTERVAL_MS_DEFAULT, least, most);
    let timeout_ms =
        number.or("timeout_ms", timeout_ms, H::TIMEOUT_MS_DEFAULT, 1, H::TIMEOUT_MS_MAX);
    let mut in_a_row =
        |field, given, otherwise| number.or(field, given, otherwise, 1, H::IN_A_ROW_MAX);
    let unhealthy_after = in_a_row("unhealthy_after", unhealthy_after, H::UNHEALTHY_AFTER_DEFAULT);
    let healthy_after = in_a_row("healthy_after", healthy_after, H::HEALTHY_AFTER_DEFAULT);
    Some(HealthCheck { path: path?, interval_ms, timeout_ms, unhealthy_after, healthy_after })
}

fn unless_empty<T>(
    field: &str,
    text: &str,
    parse: fn(&str) -> Result<T, InvalidText>,
    bad: &mut Vec<InvalidField>,
) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    parse(text).map_err(|e| InvalidField::new(field, e)).collect_into(bad)
}

/// Numbers of one message, of which 0 is one that was left out.
struct Numbers<'a> {
    outer: &'a str,
    bad: &'a mut Vec<InvalidField>,
}

impl Numbers<'_> {
    fn or(&mut self, field: &str, given: u32, otherwise: u32, least: u32, most: u32) -> u32 {
        let number = if given == 0 { otherwise } else { given };
        if !(least..=most).contains(&number) {
            self.refuse(field, format!("{least}–{most}, or 0 for {otherwise}"));
        }
        number
    }

    fn up_to(&mut self, field: &str, given: u32, most: u32) -> Option<u32> {
        if given > most {
            self.refuse(field, format!("0–{most}"));
        }
        Some(given).filter(|given| *given > 0)
    }

    fn refuse(&mut self, field: &str, rule: String) {
        self.bad.push(InvalidField::new(format!("{}.{field}", self.outer), rule));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> v1::Backend {
        v1::Backend {
            scheme: "http".into(),
            targets: vec!["a:1".into()],
            timeout_ms: 5_000,
            ..v1::Backend::default()
        }
    }

    #[test]
    fn what_is_as_it_always_was_encodes_to_nothing() {
        let backend = backend_from_proto(&plain()).unwrap();
        assert_eq!(backend, Backend::of(backend.targets.clone()));
        assert_eq!(backend_to_proto(&backend), plain());
    }

    #[test]
    fn everything_there_and_back() {
        let full = v1::Backend {
            scheme: "https".into(),
            path: "/v1".into(),
            retries: 2,
            protocol: v1::BackendProtocol::Http2.into(),
            tls: Some(v1::BackendTls {
                ca_pem: "-----BEGIN CERTIFICATE-----\n".into(),
                server_name: "backend.example".into(),
                client_identity: "gateway".into(),
            }),
            connect_timeout_ms: 100,
            total_timeout_ms: 60_000,
            concurrency_max: 8,
            health_check: Some(v1::HealthCheck {
                path: "/healthz".into(),
                interval_ms: 50,
                timeout_ms: 20,
                unhealthy_after: 1,
                healthy_after: 1,
            }),
            ..plain()
        };
        assert_eq!(backend_to_proto(&backend_from_proto(&full).unwrap()), full);
    }

    #[test]
    fn every_bad_field_is_told_at_once() {
        let bad = backend_from_proto(&v1::Backend {
            scheme: "ftp".into(),
            targets: vec!["a:1".into(), "b:".into()],
            path: "x".into(),
            timeout_ms: 600_001,
            retries: 11,
            protocol: 9,
            tls: Some(v1::BackendTls {
                ca_pem: "no".into(),
                server_name: "a:1".into(),
                client_identity: "../key".into(),
            }),
            connect_timeout_ms: 60_001,
            total_timeout_ms: 86_400_001,
            concurrency_max: 1_000_001,
            health_check: Some(v1::HealthCheck {
                path: String::new(),
                interval_ms: 49,
                timeout_ms: 60_001,
                unhealthy_after: 101,
                healthy_after: 101,
            }),
        });
        let mut fields: Vec<_> = bad.unwrap_err().into_iter().map(|bad| bad.field).collect();
        fields.sort();
        assert_eq!(
            fields,
            [
                "backend.concurrency_max",
                "backend.connect_timeout_ms",
                "backend.health_check.healthy_after",
                "backend.health_check.interval_ms",
                "backend.health_check.path",
                "backend.health_check.timeout_ms",
                "backend.health_check.unhealthy_after",
                "backend.path",
                "backend.protocol",
                "backend.retries",
                "backend.scheme",
                "backend.targets[1]",
                "backend.timeout_ms",
                "backend.tls.ca_pem",
                "backend.tls.client_identity",
                "backend.tls.server_name",
                "backend.total_timeout_ms",
            ]
        );
    }
}
