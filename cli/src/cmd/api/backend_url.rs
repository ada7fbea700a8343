//! `--backend http://HOST:PORT`: several are several targets of one backend.

use std::str::FromStr;

use http::Uri;

use crate::failure::Failure;

/// Where requests go: a scheme and a target, nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BackendUrl {
    scheme: String,
    target: String,
}

impl FromStr for BackendUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hint = "a backend reads like http://127.0.0.1:9000";
        let uri: Uri = text.parse().map_err(|_| format!("not a URL; {hint}"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(format!("not a whole URL; {hint}"));
        };
        if authority.as_str().contains('@') {
            return Err(format!("a backend takes no user name; {hint}"));
        }
        if uri.path() != "/" || text.ends_with('/') || uri.query().is_some() {
            return Err(format!("give the path with --backend-path; {hint}"));
        }
        Ok(Self { scheme: scheme.to_owned(), target: authority.to_string() })
    }
}

/// The one scheme and the targets of several URLs; both empty where none is given.
pub(super) fn merged(urls: Vec<BackendUrl>) -> Result<(String, Vec<String>), Failure> {
    let mut scheme = String::new();
    let mut targets = Vec::with_capacity(urls.len());
    for url in urls {
        if !targets.is_empty() && url.scheme != scheme {
            return Err(Failure::usage(format!(
                "the backends differ in scheme: {scheme} and {}; an API has one for all its targets",
                url.scheme
            )));
        }
        scheme = url.scheme;
        targets.push(url.target);
    }
    Ok((scheme, targets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_urls_are_several_targets() {
        let urls = ["http://10.0.0.1:80", "http://[::1]:9000", "http://shop"];
        let urls = urls.map(|url| url.parse().unwrap()).to_vec();
        let (scheme, targets) = merged(urls).unwrap();
        assert_eq!((scheme.as_str(), targets.len()), ("http", 3));
        assert_eq!(targets, ["10.0.0.1:80", "[::1]:9000", "shop"]);
    }

    #[test]
    fn a_path_is_refused_with_the_flag_to_use() {
        for url in ["http://a/x", "http://a/", "http://a?x=1"] {
            let error = url.parse::<BackendUrl>().unwrap_err();
            assert!(error.contains("--backend-path"), "{url}: {error}");
        }
        for url in ["127.0.0.1:9000", "a", "", "http://u:p@a", "//a"] {
            assert!(url.parse::<BackendUrl>().is_err(), "{url}");
        }
    }

    #[test]
    fn schemes_do_not_mix() {
        let urls = ["http://a", "https://b"].map(|url| url.parse().unwrap()).to_vec();
        assert!(matches!(merged(urls), Err(Failure::Usage(_))));
    }
}
