//! Mistakes with the secret.

use base64::{Engine, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

use super::Change;
use super::mistake::{
    Mistake, SECRET_DECODED, SECRET_IS_THE_KEY, SECRET_LINE_END, SECRET_QUOTED, SECRET_TRIMMED,
};
use super::recipe::{Part, Recipe};

pub(super) fn changes(right: &Recipe, key: &str, changes: &mut Vec<Change>) {
    let secret = right.secret.as_slice();
    let mut push = |mistake: Mistake, secret: Vec<u8>| {
        changes.push((mistake, Part::Secret(Zeroizing::new(secret))));
    };
    for end in [&b"\n"[..], b"\r\n", b"\r", b" ", b"\0"] {
        push(SECRET_LINE_END, [secret, end].concat());
    }
    push(SECRET_TRIMMED, secret.trim_ascii().to_vec());
    for quote in [b"\"", b"'"] {
        push(SECRET_QUOTED, [quote, secret, quote].concat());
    }
    let decoded = [STANDARD.decode(secret).ok(), HEXLOWER_PERMISSIVE.decode(secret).ok()];
    for decoded in decoded.into_iter().flatten() {
        push(SECRET_DECODED, decoded);
    }
    push(SECRET_IS_THE_KEY, key.as_bytes().to_vec());
}
