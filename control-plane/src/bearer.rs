//! What a bearer token looks like: `cst_`, then 256 random bits and four bytes that check them, in
//! base64url. The prefix lets scanners for secrets find it, the check lets a typo be told from a
//! token that is not good. It is kept by its hash alone, by which it is looked up: how long that
//! takes says nothing of the token.

use countersign_shared::access::BearerHash;
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

const PREFIX: &str = "cst_";
const RANDOM_BYTES: usize = 32;
const CHECK_BYTES: usize = 4;

/// The token of some random bytes.
pub(crate) fn text(random: &[u8; RANDOM_BYTES]) -> String {
    let checked: Vec<u8> = random.iter().copied().chain(check(random)).collect();
    format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&checked))
}

/// What a token is looked up by; none where this is no token.
pub(crate) fn hash(text: &str) -> Option<BearerHash> {
    let bytes = BASE64URL_NOPAD.decode(text.strip_prefix(PREFIX)?.as_bytes()).ok()?;
    let (random, checked) = bytes.split_at_checked(RANDOM_BYTES)?;
    let is_whole = check(random).eq(checked.iter().copied());
    is_whole.then(|| BearerHash(Sha256::digest(text.as_bytes()).into()))
}

fn check(random: &[u8]) -> impl Iterator<Item = u8> {
    let digest = Sha256::new_with_prefix(b"countersign token check v1\0").chain_update(random);
    digest.finalize().into_iter().take(CHECK_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_again_and_a_typo_is_none() {
        let token = text(&[7; 32]);
        assert_eq!((token.len(), token.get(..4)), (52, Some("cst_")));
        assert_eq!(hash(&token), hash(&token));
        assert!(hash(&token).is_some());
        assert_ne!(hash(&token), hash(&text(&[8; 32])));
        let typo = token.replacen('B', "C", 1);
        for wrong in ["", "cst_", "cst_AAAA", &token[1..], &token[..51], &typo] {
            assert_eq!(hash(wrong), None, "{wrong}");
        }
    }
}
