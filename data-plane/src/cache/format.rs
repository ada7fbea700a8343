//! A cache as bytes: a head in clear that is authenticated, then frames, each sealed by itself. The
//! first one holds the delivery keys; the others are the messages of a stream that brings the table, so
//! that reading a cache is following a stream. It never touches a file.
//!
//! ```text
//! "countersign node" │ version, 2 bytes │ length of the head, 4 bytes │ head │ salt, 32 bytes
//! length of the frame, 4 bytes │ AES-256-GCM((environment, 16 bytes │ delivery key, 32 bytes) …)
//! length of the frame, 4 bytes │ AES-256-GCM(message), with its tag          … to the end
//! ```
//!
//! Each file has a key of its own, by HKDF-SHA-256 from the cache's key and the salt. The nonce of a
//! frame is its number and whether it is the last, and everything before the first frame goes into
//! each tag: nothing can be changed, moved, left out or cut off.

use std::io::{self, Write};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf;
use countersign_delivery::DeliveryKey;
use countersign_proto::v1::SubscribeResponse;
use countersign_shared::id::EnvironmentId;
use prost::Message;
use zeroize::Zeroizing;

use super::{CacheKey, CacheRefused, KEY_BYTES};
use crate::replica::DeliveryKeys;

const MAGIC: &[u8; 16] = b"countersign node";
/// Version 1, before the first release, had secrets in its messages instead of keys.
const VERSION: u16 = 2;
pub(super) const SALT_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// What a cache is of. It is not secret.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Head {
    #[prost(string, tag = "1")]
    pub(crate) log_id: String,
    #[prost(uint64, tag = "2")]
    pub(crate) revision: u64,
    /// As the node was told to serve them, in that order.
    #[prost(string, repeated, tag = "3")]
    pub(crate) environments: Vec<String>,
    /// When the table was last known to be the control plane's, in milliseconds since 1970.
    #[prost(int64, tag = "4")]
    pub(crate) written_at_ms: i64,
}

/// A cache that is authentic.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) head: Head,
    pub(crate) keys: DeliveryKeys,
    pub(crate) messages: Vec<SubscribeResponse>,
}

/// Writes a cache of at least one message.
pub(super) fn seal(
    head: &Head,
    keys: &DeliveryKeys,
    messages: impl Iterator<Item = SubscribeResponse>,
    key: &CacheKey,
    salt: &[u8; SALT_BYTES],
    out: &mut impl Write,
) -> io::Result<()> {
    let front = front(head, salt);
    let sealing = file_key(key, salt).map_err(|_| not_sealed())?;
    out.write_all(&front)?;
    let mut frames = std::iter::once(frame_of_keys(keys))
        .chain(messages.map(|message| frame(&message)))
        .peekable();
    let mut number = 0;
    while let Some(mut frame) = frames.next() {
        let nonce = nonce(number, frames.peek().is_none());
        let sealed = sealing.seal_in_place_append_tag(nonce, Aad::from(&front), &mut *frame);
        sealed.map_err(|_| not_sealed())?;
        let length = u32::try_from(frame.len()).map_err(|_| not_sealed())?;
        out.write_all(&length.to_be_bytes())?;
        out.write_all(&frame)?;
        number += 1;
    }
    Ok(())
}

/// Reads a cache whole, or says why not; of one that was changed nothing is believed.
pub(crate) fn open(bytes: &[u8], key: &CacheKey) -> Result<Opened, CacheRefused> {
    let mut rest = Bytes(bytes);
    if rest.take(MAGIC.len())? != MAGIC {
        return Err(CacheRefused::Malformed);
    }
    let version = u16::from_be_bytes(rest.array()?);
    if version != VERSION {
        return Err(CacheRefused::Version(version));
    }
    let head_bytes = u32::from_be_bytes(rest.array()?);
    let head = rest.take(head_bytes as usize)?;
    let salt: [u8; SALT_BYTES] = rest.array()?;
    let (front, _) = bytes.split_at(bytes.len() - rest.0.len());
    let opening = file_key(key, &salt).map_err(|_| CacheRefused::NotAuthentic)?;
    let mut next = |number: u64| {
        let length = u32::from_be_bytes(rest.array()?);
        let mut frame = Zeroizing::new(rest.take(length as usize)?.to_vec());
        let is_last = rest.0.is_empty();
        let plain = opening.open_in_place(nonce(number, is_last), Aad::from(front), &mut frame);
        let length = plain.map_err(|_| CacheRefused::NotAuthentic)?.len();
        frame.truncate(length);
        Ok::<_, CacheRefused>((frame, is_last))
    };
    let (keys, mut is_last) = next(0)?;
    let keys = keys_of(&keys)?;
    let mut messages = Vec::new();
    while !is_last {
        let frame;
        (frame, is_last) = next(1 + messages.len() as u64)?;
        messages.push(SubscribeResponse::decode(&**frame).map_err(|_| CacheRefused::Malformed)?);
    }
    let head = Head::decode(head).map_err(|_| CacheRefused::Malformed)?;
    Ok(Opened { head, keys, messages })
}

/// With room for the tag from the start, so that a plain key is never moved and left behind.
fn frame_of_keys(keys: &DeliveryKeys) -> Zeroizing<Vec<u8>> {
    let mut frame = Zeroizing::new(Vec::with_capacity(keys.len() * 48 + TAG_BYTES));
    for (environment, key) in keys {
        frame.extend_from_slice(environment.as_bytes());
        frame.extend_from_slice(key.bytes());
    }
    frame
}

fn keys_of(frame: &[u8]) -> Result<DeliveryKeys, CacheRefused> {
    let mut rest = Bytes(frame);
    let mut keys = DeliveryKeys::new();
    while !rest.0.is_empty() {
        let environment = EnvironmentId::from_bytes(rest.array()?);
        let key = DeliveryKey::from_bytes(Zeroizing::new(rest.array()?));
        keys.insert(environment, Arc::new(key));
    }
    Ok(keys)
}

fn frame(message: &SubscribeResponse) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(message.encode_to_vec())
}

/// All that stands before the first frame.
fn front(head: &Head, salt: &[u8; SALT_BYTES]) -> Vec<u8> {
    let head = head.encode_to_vec();
    let length = u32::try_from(head.len()).unwrap_or(u32::MAX);
    let parts: [&[u8]; 5] = [MAGIC, &VERSION.to_be_bytes(), &length.to_be_bytes(), &head, salt];
    parts.concat()
}

fn file_key(key: &CacheKey, salt: &[u8; SALT_BYTES]) -> Result<LessSafeKey, Unspecified> {
    let mut derived = Zeroizing::new([0; KEY_BYTES]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(key.0.as_slice())
        .expand(&[b"countersign node cache v1\0"], hkdf::HKDF_SHA256)?
        .fill(derived.as_mut_slice())?;
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, derived.as_slice())?))
}

/// Used once, for the key is the file's own.
fn nonce(number: u64, is_last: bool) -> Nonce {
    let mut nonce = [0; 12];
    let (count, flags) = nonce.split_at_mut(8);
    count.copy_from_slice(&number.to_be_bytes());
    flags.copy_from_slice(&u32::from(is_last).to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn not_sealed() -> io::Error {
    io::Error::other("the table could not be sealed")
}

/// What is still to be read.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, length: usize) -> Result<&'b [u8], CacheRefused> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CacheRefused::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CacheRefused> {
        self.take(N)?.try_into().map_err(|_| CacheRefused::Malformed)
    }
}
