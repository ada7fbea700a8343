//! The texts that people give: names, remarks, domains, keys and secrets, each a type whose
//! constructor says what it takes. The rules are those of the public APIG references.

use std::fmt;
use std::sync::Arc;

/// Why a text was not taken, as a sentence that says what would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidText(pub String);

fn invalid<T>(rule: impl Into<String>) -> Result<T, InvalidText> {
    Err(InvalidText(rule.into()))
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $check:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn parse(text: &str) -> Result<Self, InvalidText> {
                let check: fn(&str) -> Result<(), InvalidText> = $check;
                check(text)?;
                Ok(Self(Arc::from(text)))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    )*};
}

texts! {
    /// 3–64 characters: first a letter, then letters, digits, `_`.
    EnvironmentName: |text| {
        let rule = "3–64 characters: first a letter, then letters, digits or `_`";
        length(text, 3, 64, rule)?;
        first(text, |c| c.is_ascii_alphabetic(), rule)?;
        every(text, |c| c.is_ascii_alphanumeric() || c == '_', rule)
    };
    /// 3–255 characters: first a letter or digit, then letters, digits, space and `-_.:()`.
    /// No `/`, so that `group/api` names an API.
    GroupName: |text| long_name(text);
    /// As a group's name.
    ApiName: |text| long_name(text);
    /// 3–64 of letters, digits, `_` (CJK letters too), first a letter.
    KeyName: |text| {
        let rule = "3–64 characters: first a letter, then letters, digits or `_` (CJK letters too)";
        length(text, 3, 64, rule)?;
        first(text, is_letter, rule)?;
        every(text, |c| is_letter(c) || c.is_ascii_digit() || c == '_', rule)
    };
    /// At most 255 characters, none of them a control character.
    Remark: |text| {
        let rule = "at most 255 characters and no control characters";
        length(text, 0, 255, rule)?;
        every(text, |c| !c.is_control(), rule)
    };
    /// Why a write is made: at most 512 characters, none of them a control character.
    Reason: |text| {
        let rule = "at most 512 characters and no control characters";
        length(text, 0, 512, rule)?;
        every(text, |c| !c.is_control(), rule)
    };
    /// A host name in lower case, without port: labels of 1–63 letters, digits and `-`.
    Domain: |text| {
        let rule = "a host name without port, such as api.example.com";
        length(text, 1, 253, rule)?;
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if text.split('.').all(label) { Ok(()) } else { invalid(rule) }
    };
    /// 1–64 visible ASCII characters, chosen by the caller of a write.
    RequestId: |text| visible(text, 64);
    /// Who asks: 1–128 visible ASCII characters.
    Actor: |text| visible(text, 128);
    /// A node or relay as its certificate names it: 1–128 letters, digits and `._-:@+`.
    NodeName: |text| {
        let rule = "1–128 letters, digits and . _ - : @ +";
        length(text, 1, 128, rule)?;
        every(text, |c| c.is_ascii_alphanumeric() || "._-:@+".contains(c), rule)
    };
    /// As what somebody acted: the roles that allowed it, or `local` or `system`. At most 64
    /// visible ASCII characters; empty where nobody wrote it down.
    ActedAs: |text| if text.is_empty() { Ok(()) } else { visible(text, 64) };
}

fn long_name(text: &str) -> Result<(), InvalidText> {
    let rule = "3–255 characters: first a letter or digit, then letters, digits, space or -_.:()";
    let plain = |c: char| is_letter(c) || c.is_ascii_digit();
    length(text, 3, 255, rule)?;
    first(text, plain, rule)?;
    if text.ends_with(' ') {
        return invalid(rule);
    }
    every(text, |c| plain(c) || " -_.:()".contains(c), rule)
}

/// None given.
impl Default for Reason {
    fn default() -> Self {
        Self(Arc::from(""))
    }
}

impl Default for ActedAs {
    fn default() -> Self {
        Self(Arc::from(""))
    }
}

fn visible(text: &str, most: usize) -> Result<(), InvalidText> {
    let rule = format!("1–{most} visible ASCII characters");
    length(text, 1, most, &rule)?;
    every(text, |c| c.is_ascii_graphic(), &rule)
}

/// ASCII letters, and the letters of Chinese, Japanese and Korean.
fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic()
        || matches!(c,
            '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}'
            | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' | '\u{F900}'..='\u{FAFF}'
            | '\u{20000}'..='\u{323AF}')
}

pub(crate) fn length(text: &str, least: usize, most: usize, rule: &str) -> Result<(), InvalidText> {
    if (least..=most).contains(&text.chars().count()) { Ok(()) } else { invalid(rule) }
}

pub(crate) fn first(
    text: &str,
    allowed: impl Fn(char) -> bool,
    rule: &str,
) -> Result<(), InvalidText> {
    if text.chars().next().is_some_and(allowed) { Ok(()) } else { invalid(rule) }
}

pub(crate) fn every(
    text: &str,
    allowed: impl Fn(char) -> bool,
    rule: &str,
) -> Result<(), InvalidText> {
    if text.chars().all(allowed) { Ok(()) } else { invalid(rule) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_field_are_taken_and_others_are_not() {
        for good in ["RELEASE", "a_1", &"x".repeat(64)] {
            assert!(EnvironmentName::parse(good).is_ok(), "{good}");
        }
        for bad in ["ab", "1abc", "_abc", "a-b-c", "", &"x".repeat(65), "abc ", "abç"] {
            assert!(EnvironmentName::parse(bad).is_err(), "{bad}");
        }
        for good in ["密钥一", "key_1", "키이름"] {
            assert!(KeyName::parse(good).is_ok(), "{good}");
        }
        for bad in ["k1", "1密钥", "key-1", "key 1"] {
            assert!(KeyName::parse(bad).is_err(), "{bad}");
        }
        for bad in ["a/b/c", " abc", "abc ", "ab", &"x".repeat(256)] {
            assert!(ApiName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_that_ends_a_line_or_leads_elsewhere_is_in_a_text() {
        for bad in ["orders\r\nX-Ca-Key: a", "orders\n", "orders\0", "orders\u{85}"] {
            assert!(EnvironmentName::parse(bad).is_err(), "{bad:?}");
            assert!(GroupName::parse(bad).is_err() && ApiName::parse(bad).is_err(), "{bad:?}");
            assert!(KeyName::parse(bad).is_err() && NodeName::parse(bad).is_err(), "{bad:?}");
            assert!(Remark::parse(bad).is_err() && Reason::parse(bad).is_err(), "{bad:?}");
            assert!(Actor::parse(bad).is_err() && RequestId::parse(bad).is_err(), "{bad:?}");
            assert!(Domain::parse(bad).is_err(), "{bad:?}");
        }
        for bad in ["../../etc/passwd", "/etc/passwd", "a/../b", "a\\b"] {
            assert!(EnvironmentName::parse(bad).is_err() && GroupName::parse(bad).is_err());
            assert!(ApiName::parse(bad).is_err() && KeyName::parse(bad).is_err());
            assert!(NodeName::parse(bad).is_err() && Domain::parse(bad).is_err());
        }
    }

    #[test]
    fn domains_are_host_names() {
        for good in ["localhost", "api.example.com", "xn--bcher-kva.example", "1.2.3.4"] {
            assert!(Domain::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "API.example.com", "a..b", "-a.b", "a.b:80", "*.b", "a b", "a.b."] {
            assert!(Domain::parse(bad).is_err(), "{bad}");
        }
    }
}
