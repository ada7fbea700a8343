//! How a node asks a target on its own account whether it is well. A value that exists is valid.

use std::sync::Arc;

use crate::text::InvalidText;

const PATH_CHARACTERS_MAX: usize = 512;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HealthCheck {
    pub path: CheckPath,
    /// From one check to the next.
    pub interval_ms: u32,
    /// For a check.
    pub timeout_ms: u32,
    /// So many failures in a row take a target out.
    pub unhealthy_after: u32,
    /// So many answers in a row bring it back.
    pub healthy_after: u32,
}

impl HealthCheck {
    pub const INTERVAL_MS_MIN: u32 = 50;
    pub const INTERVAL_MS_MAX: u32 = 3_600_000;
    pub const INTERVAL_MS_DEFAULT: u32 = 10_000;
    pub const TIMEOUT_MS_MAX: u32 = 60_000;
    pub const TIMEOUT_MS_DEFAULT: u32 = 1_000;
    pub const IN_A_ROW_MAX: u32 = 100;
    pub const UNHEALTHY_AFTER_DEFAULT: u32 = 3;
    pub const HEALTHY_AFTER_DEFAULT: u32 = 2;
}

/// What is asked for: a path, with a query perhaps.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CheckPath(Arc<str>);

impl CheckPath {
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:@/%?".contains(&b);
        if text.starts_with('/') && text.len() <= PATH_CHARACTERS_MAX && text.bytes().all(is_plain)
        {
            return Ok(Self(Arc::from(text)));
        }
        Err(InvalidText(format!(
            "at most {PATH_CHARACTERS_MAX} characters of a URL's path and query, first `/`"
        )))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_have_a_query() {
        for good in ["/", "/healthz", "/a%20b?deep=1&x=/"] {
            assert_eq!(CheckPath::parse(good).unwrap().as_str(), good);
        }
        for bad in
            ["", "healthz", "/a b", "/a#b", "/ü", "/a\r\nX: 1", &format!("/{}", "a".repeat(512))]
        {
            assert!(CheckPath::parse(bad).is_err(), "{bad}");
        }
    }
}
