//! Signed notes, in the form of C2SP signed-note: a text, an empty line, and signatures by named
//! keys. Owns the signature lines and the keys' text form; never what the text says.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The first byte of a key that says Ed25519.
const ALGORITHM_ED25519: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const PUBLIC_KEY_BYTES: usize = 32;
const SIGNATURE_PREFIX: &str = "— ";

/// What verifies notes: the public half of a key, and its name. Its text has the form
/// `<name>+<key id>+<base64>`, as public tools take it.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public: [u8; PUBLIC_KEY_BYTES],
}

/// Signs notes.
pub(super) struct NoteKey {
    verifier: VerifierKey,
    pair: Ed25519KeyPair,
}

/// What is wrong with a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoteError {
    Malformed,
    /// It has no signature by the key, or one that is not of its text.
    Signature,
}

/// The text is not a verifier key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a public key reads `<name>+<8 hex digits>+<base64>`, as `countersign audit key` prints it"
)]
pub struct InvalidKey;

impl NoteKey {
    #[expect(clippy::expect_used, reason = "every 32 bytes are the seed of an Ed25519 key")]
    pub(super) fn from_seed(name: String, seed: &Zeroizing<[u8; 32]>) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice())
            .expect("32 bytes are the seed of an Ed25519 key");
        let mut public = [0; PUBLIC_KEY_BYTES];
        public.copy_from_slice(pair.public_key().as_ref());
        Self { verifier: VerifierKey { name, public }, pair }
    }

    pub(super) fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The note of a text, which ends with a line's end.
    pub(super) fn sign(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        let signature = BASE64.encode(&[&self.verifier.id(), signature.as_ref()].concat());
        format!("{text}\n{SIGNATURE_PREFIX}{} {signature}\n", self.verifier.name)
    }
}

impl VerifierKey {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same key under another name.
    pub(super) fn named(&self, name: String) -> Self {
        Self { name, public: self.public }
    }

    /// The text of a note, once the key's signature on it is verified. It has exactly one by
    /// the key; those by others, such as witnesses, are passed over.
    pub(super) fn verify<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        let end = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (text, signatures) = note.split_at(end + 1);
        let signatures = signatures.strip_prefix('\n').and_then(|it| it.strip_suffix('\n'));
        let mut ours = Vec::new();
        for line in signatures.ok_or(NoteError::Malformed)?.split('\n') {
            let (name, bytes) = parse_line(line).ok_or(NoteError::Malformed)?;
            match bytes.split_at_checked(KEY_ID_BYTES) {
                Some((id, signature)) if name == self.name && id == self.id() => {
                    ours.push(signature.to_vec());
                }
                Some(_) => {}
                None => return Err(NoteError::Malformed),
            }
        }
        let [signature] = ours.as_slice() else { return Err(NoteError::Signature) };
        UnparsedPublicKey::new(&ED25519, self.public)
            .verify(text.as_bytes(), signature)
            .map_err(|_| NoteError::Signature)?;
        Ok(text)
    }

    /// The key's fingerprint in notes.
    fn id(&self) -> [u8; KEY_ID_BYTES] {
        let digest = Sha256::new_with_prefix(&self.name)
            .chain_update([b'\n', ALGORITHM_ED25519])
            .chain_update(self.public)
            .finalize();
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(digest.split_at(KEY_ID_BYTES).0);
        id
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = BASE64.encode(&[&[ALGORITHM_ED25519], self.public.as_slice()].concat());
        write!(f, "{}+{}+{key}", self.name, HEXLOWER.encode(&self.id()))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let (name, rest) = text.trim().split_once('+').ok_or(InvalidKey)?;
        let (id, key) = rest.split_once('+').ok_or(InvalidKey)?;
        let bytes = BASE64.decode(key.as_bytes()).map_err(|_| InvalidKey)?;
        let (algorithm, public) = bytes.split_first().ok_or(InvalidKey)?;
        let public = public.try_into().map_err(|_| InvalidKey)?;
        let key = Self { name: name.to_owned(), public };
        let whole = *algorithm == ALGORITHM_ED25519 && id == HEXLOWER.encode(&key.id());
        whole.then_some(key).ok_or(InvalidKey)
    }
}

fn parse_line(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, encoded) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
    let bytes = BASE64.decode(encoded.as_bytes()).ok()?;
    (!name.is_empty()).then_some((name, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and the note of the specification of Go's sum database, golang.org/x/mod/sumdb/note.
    #[test]
    fn a_note_signed_by_another_program_verifies() {
        let key: VerifierKey =
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let note = format!(
            "{text}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
        );
        assert_eq!(key.verify(&note), Ok(text));
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn other_peoples_signatures_are_passed_over_and_ours_is_there_once() {
        let ours = NoteKey::from_seed("ours".into(), &Zeroizing::new([1; 32]));
        let theirs = NoteKey::from_seed("theirs".into(), &Zeroizing::new([2; 32]));
        let note = ours.sign("text\n");
        let line = |key: &NoteKey| key.sign("text\n").rsplit_once("\n\n").unwrap().1.to_owned();
        let cosigned = format!("{note}{}", line(&theirs));
        assert_eq!(ours.verifier().verify(&cosigned), Ok("text\n"));
        assert_eq!(theirs.verifier().verify(&note), Err(NoteError::Signature));
        assert_eq!(
            ours.verifier().verify(&format!("{note}{}", line(&ours))),
            Err(NoteError::Signature)
        );
        assert_eq!(ours.verifier().verify(&format!("{note}more\n")), Err(NoteError::Malformed));
    }
}
