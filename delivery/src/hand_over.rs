//! A delivery key on its way to one node: HPKE (RFC 9180) in base mode, to a key pair that the node
//! makes at its start and keeps in memory alone. Who has sealed it, base mode does not prove.

use std::fmt;

use countersign_shared::id::EnvironmentId;
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256 as SUITE;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey, HpkePublicKey};
use zeroize::Zeroizing;

use crate::{DeliveryKey, KEY_BYTES, NotOpened, NotSealed};

/// Of X25519, and what is encapsulated to it.
pub const PUBLIC_KEY_BYTES: usize = 32;

/// Which key goes to whom. Sealed for one, it opens for no other.
#[derive(Debug, Clone, Copy)]
pub struct HandOver<'h> {
    /// As the Welcome says it.
    pub log_id: &'h str,
    pub environment: EnvironmentId,
    pub node: &'h str,
    pub instance: &'h str,
}

/// The node's end.
pub struct Recipient {
    public: HpkePublicKey,
    private: HpkePrivateKey,
}

impl Recipient {
    pub fn generate() -> Result<Self, NotSealed> {
        let (public, private) = SUITE.generate_key_pair().map_err(|_| NotSealed)?;
        Ok(Self { public, private })
    }

    pub fn public_key(&self) -> &[u8] {
        &self.public.0
    }

    pub fn open(&self, of: &HandOver<'_>, sealed: &[u8]) -> Result<DeliveryKey, NotOpened> {
        let (encapsulated, text) = sealed.split_at_checked(PUBLIC_KEY_BYTES).ok_or(NotOpened)?;
        let encapsulated = EncapsulatedSecret(encapsulated.to_vec());
        let opened = SUITE.open(&encapsulated, &of.info(), &[], text, &self.private);
        let plain = Zeroizing::new(opened.map_err(|_| NotOpened)?);
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if plain.len() != key.len() {
            return Err(NotOpened);
        }
        key.copy_from_slice(&plain);
        Ok(DeliveryKey::from_bytes(key))
    }
}

/// Seals a delivery key to a node: what is encapsulated, then the ciphertext.
pub fn hand_over(
    key: &DeliveryKey,
    of: &HandOver<'_>,
    public_key: &[u8],
) -> Result<Vec<u8>, NotSealed> {
    if public_key.len() != PUBLIC_KEY_BYTES {
        return Err(NotSealed);
    }
    let public = HpkePublicKey(public_key.to_vec());
    let (encapsulated, text) =
        SUITE.seal(&of.info(), &[], key.bytes(), &public).map_err(|_| NotSealed)?;
    Ok([encapsulated.0, text].concat())
}

impl HandOver<'_> {
    /// Each field with its length before it, so that no two run into the same bytes.
    fn info(&self) -> Vec<u8> {
        let fields = [
            self.log_id.as_bytes(),
            self.environment.as_bytes(),
            self.node.as_bytes(),
            self.instance.as_bytes(),
        ];
        let mut info = b"countersign hand-over v1\0".to_vec();
        for field in fields {
            info.extend_from_slice(&(field.len() as u64).to_be_bytes());
            info.extend_from_slice(field);
        }
        info
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recipient(redacted)")
    }
}
