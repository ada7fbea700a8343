//! How an API's definition reads in a table.

use countersign_proto::v1::{Backend, MatchMode, Method};

use crate::output::enum_name;

pub(crate) fn method(method: Method) -> &'static str {
    enum_name(method.as_str_name())
}

pub(crate) fn match_mode(mode: MatchMode) -> &'static str {
    enum_name(mode.as_str_name())
}

/// The backend as a URL; further targets by their number.
pub(crate) fn backend(backend: Option<&Backend>) -> String {
    let Some(backend) = backend else { return "-".to_owned() };
    let Some((first, others)) = backend.targets.split_first() else { return "-".to_owned() };
    let others = if others.is_empty() { String::new() } else { format!(" (+{})", others.len()) };
    format!("{}://{first}{}{others}", backend.scheme, backend.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_reads_as_a_url() {
        let mut shown = Backend {
            scheme: "http".into(),
            targets: vec!["a:1".into()],
            path: "/v1".into(),
            ..Default::default()
        };
        assert_eq!(backend(Some(&shown)), "http://a:1/v1");
        shown.targets.push("b:2".into());
        assert_eq!(backend(Some(&shown)), "http://a:1/v1 (+1)");
        assert_eq!(backend(None), "-");
        assert_eq!((method(Method::Any), match_mode(MatchMode::Swa)), ("ANY", "SWA"));
    }
}
