//! `/routes`: the node's table, page by page, as JSON. It shows fingerprints of secrets and has no
//! way to anything else of them.

use countersign_shared::api::{BodyPolicy, MatchMode};
use countersign_shared::key::SignatureKeyType;
use countersign_shared::signing::QueryMode;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use crate::table::{ListPlace, Listed, RoutingTable, SignatureKey};

const PAGE_SIZE: usize = 100;
const PAGE_SIZE_MAX: usize = 1_000;

/// What a caller wants to see.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    page_size: usize,
    from: ListPlace,
    environment: Option<String>,
    /// A part of the path or of a domain.
    contains: Option<String>,
    method: Option<String>,
    bound: Option<bool>,
    /// Of the signature key.
    key: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Page<'t> {
    revision: u64,
    routes: Vec<Row<'t>>,
    /// Empty on the last page.
    next_page_token: String,
}

#[derive(Debug, Serialize)]
struct Row<'t> {
    environment: &'t str,
    /// Empty: any host.
    domains: Vec<&'t str>,
    method: &'static str,
    path: &'t str,
    match_mode: &'static str,
    group_id: String,
    api_id: String,
    backend: BackendRow<'t>,
    body_policy: &'static str,
    query_mode: &'static str,
    /// Null: requests go on unsigned.
    signature_key: Option<KeyRow<'t>>,
}

#[derive(Debug, Serialize)]
struct BackendRow<'t> {
    scheme: &'static str,
    targets: Vec<&'t str>,
    /// Empty: the path as it was received.
    path: &'t str,
    timeout_ms: u64,
    retries: u32,
}

#[derive(Debug, Serialize)]
struct KeyRow<'t> {
    id: String,
    r#type: &'static str,
    key: &'t str,
    secret_fingerprint: String,
}

impl Wanted {
    /// Reads a query; a sentence where it cannot be read.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut wanted = Self {
            page_size: PAGE_SIZE,
            from: ListPlace::default(),
            environment: None,
            contains: None,
            method: None,
            bound: None,
            key: None,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| format!("{name}: not UTF-8"))?.into_owned();
            match name {
                _ if value.is_empty() => {}
                "page_size" => {
                    let size = value.parse().ok().filter(|size| (1..=PAGE_SIZE_MAX).contains(size));
                    wanted.page_size = size.ok_or(format!("page_size: 1–{PAGE_SIZE_MAX}"))?;
                }
                "page_token" => {
                    let place = place_of(&value).ok_or("page_token: not one of this list")?;
                    wanted.from = place;
                }
                "environment" => wanted.environment = Some(value),
                "contains" => wanted.contains = Some(value),
                "method" => wanted.method = Some(value.to_ascii_uppercase()),
                "bound" => wanted.bound = Some(value.parse().map_err(|_| "bound: true or false")?),
                "key" => wanted.key = Some(value),
                _ => {
                    return Err(format!(
                        "{name}: known are page_size, page_token, environment, contains, method, \
                         bound and key"
                    ));
                }
            }
        }
        Ok(wanted)
    }

    pub(super) fn page<'t>(&self, table: &'t RoutingTable) -> Page<'t> {
        let mut wanted = table.list(self.from).filter(|listed| self.is_met_by(listed));
        let routes = wanted.by_ref().take(self.page_size).map(|listed| Row::of(&listed)).collect();
        let next = wanted.next().map(|listed| token_of(listed.place));
        Page { revision: table.revision, routes, next_page_token: next.unwrap_or_default() }
    }

    fn is_met_by(&self, listed: &Listed<'_>) -> bool {
        let definition = listed.route.definition();
        let is = |wanted: &Option<String>, actual: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| Some(wanted.as_str()) == actual)
        };
        let contains = self.contains.as_ref().is_none_or(|part| {
            definition.path.as_str().contains(part)
                || listed.domains.iter().any(|domain| domain.as_str().contains(part))
        });
        contains
            && is(&self.environment, Some(listed.environment))
            && is(&self.method, Some(definition.method.as_str()))
            && is(&self.key, listed.key.map(|key| &*key.key))
            && self.bound.is_none_or(|bound| bound == listed.key.is_some())
    }
}

fn place_of(token: &str) -> Option<ListPlace> {
    let (environment, slot) = token.split_once('.')?;
    Some(ListPlace { environment: environment.parse().ok()?, slot: slot.parse().ok()? })
}

fn token_of(place: ListPlace) -> String {
    format!("{}.{}", place.environment, place.slot)
}

impl<'t> Row<'t> {
    fn of(listed: &Listed<'t>) -> Self {
        let definition = listed.route.definition();
        let backend = &definition.backend;
        Self {
            environment: listed.environment,
            domains: listed.domains.iter().map(countersign_shared::text::Domain::as_str).collect(),
            method: definition.method.as_str(),
            path: definition.path.as_str(),
            match_mode: match definition.match_mode {
                MatchMode::Normal => "NORMAL",
                MatchMode::Swa => "SWA",
            },
            group_id: listed.group.to_string(),
            api_id: listed.api.to_string(),
            backend: BackendRow {
                scheme: backend.scheme.as_str(),
                targets: backend
                    .targets
                    .iter()
                    .map(countersign_shared::api::BackendTarget::authority)
                    .collect(),
                path: backend.path.as_ref().map_or("", |path| path.as_str()),
                timeout_ms: backend.timeout_ms.into(),
                retries: backend.retries,
            },
            body_policy: match definition.body_policy {
                BodyPolicy::Required => "REQUIRED",
                BodyPolicy::Auto => "AUTO",
                BodyPolicy::Unsigned => "UNSIGNED",
            },
            query_mode: match definition.query_mode {
                QueryMode::Normalize => "NORMALIZE",
                QueryMode::Raw => "RAW",
            },
            signature_key: listed.key.map(KeyRow::of),
        }
    }
}

impl<'t> KeyRow<'t> {
    fn of(key: &'t SignatureKey) -> Self {
        Self {
            id: key.id.to_string(),
            r#type: match key.key_type {
                SignatureKeyType::Hmac => "HMAC",
                SignatureKeyType::Basic => "BASIC",
            },
            key: &key.key,
            secret_fingerprint: key.fingerprint.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_what_is_wanted_or_is_refused() {
        let wanted = Wanted::parse("page_size=7&page_token=1.20&contains=%2Forders&bound=true");
        let wanted = wanted.unwrap();
        assert_eq!((wanted.page_size, wanted.from), (7, ListPlace { environment: 1, slot: 20 }));
        assert_eq!((wanted.contains.as_deref(), wanted.bound), (Some("/orders"), Some(true)));
        assert_eq!(Wanted::parse("").unwrap(), Wanted::parse("method=&key=").unwrap());
        for (query, named) in [
            ("page_size=0", "page_size"),
            ("page_size=1001", "page_size"),
            ("page_token=7", "page_token"),
            ("bound=perhaps", "bound"),
            ("contains=%ff", "contains"),
            ("secret=x", "secret: known are"),
        ] {
            assert!(Wanted::parse(query).unwrap_err().starts_with(named), "{query}");
        }
    }
}
