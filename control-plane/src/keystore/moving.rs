//! To another epoch, and to another master key: in steps, each of which is on the disk before the
//! next one begins. Whatever a crash leaves, the next opening goes on from it, and until the keyring is
//! under the new master key the old one opens everything.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use countersign_shared::id::{LogId, SecretId};

use super::envelope::WrappedKey;
use super::keyring::{self, Epoch};
use super::{
    Header, Keyring, Keystore, KeystoreError, KeystoreFile, MasterKey, PutError, Sealer,
    WrappingKey,
};

impl Keystore {
    /// Forgets all secrets but those that live: their data keys move to a new file under the key of a
    /// new epoch, and nothing of the former file and key stays. Nothing happens where all live.
    pub fn forget_all_but(&mut self, living: &HashSet<SecretId>) -> Result<usize, PutError> {
        let dead = self.dead(living);
        if dead > 0 {
            self.move_on(Some(living), None, &mut || {})?;
        }
        Ok(dead)
    }

    /// Goes over to another master key, and to another epoch, so that the old master key opens
    /// nothing that was ever written after this. `after_step` is called after each step on the disk.
    pub fn rotate(
        &mut self,
        master: &MasterKey,
        after_step: &mut dyn FnMut(),
    ) -> Result<u32, PutError> {
        self.move_on(None, Some(master), after_step)?;
        Ok(self.ring.master_number)
    }

    /// Whether a master key is the one that is in use.
    pub fn is_under(&self, master: &MasterKey) -> bool {
        self.ring.is_under(master)
    }

    fn move_on(
        &mut self,
        living: Option<&HashSet<SecretId>>,
        master: Option<&MasterKey>,
        step: &mut dyn FnMut(),
    ) -> Result<(), PutError> {
        // Until the end: nobody is to see the one file without the other.
        let files = self.files.clone();
        let mut files = files.as_ref().map(|it| it.lock().unwrap_or_else(PoisonError::into_inner));
        let next = Epoch::random(self.ring.epoch.number.saturating_add(1))
            .map_err(|_| PutError::Crypto)?;
        let (wrapping, keys) = self.rewrapped(living, &next)?;
        self.ring.next = Some(next);
        if let Some(files) = &files {
            self.ring.write(&keyring::path_beside(files.file.path()), step)?;
        }
        let Some(next) = self.ring.next.take() else { return Ok(()) };
        if let Some(files) = &mut files {
            // Where that fails, the former file is the keystore still; the next move takes another key.
            let path = files.file.path().to_owned();
            files.file = KeystoreFile::create(&path, self.ring.log_id, &next, &keys, step)
                .map_err(PutError::of)?;
        }
        self.ring.epoch = next;
        let mut opening = self.sealer.change();
        opening.wrapping = wrapping;
        opening.keys = keys.into_iter().map(|key| (key.secret_id, key)).collect();
        drop(opening);
        let ring = master.map_or_else(|| self.ring.copy(), |master| self.ring.under(master));
        if let Some(files) = &files {
            ring.write(&keyring::path_beside(files.file.path()), step)?;
        }
        self.ring = ring;
        Ok(())
    }

    /// The data keys that stay, under the key of the next epoch.
    fn rewrapped(
        &self,
        living: Option<&HashSet<SecretId>>,
        next: &Epoch,
    ) -> Result<(WrappingKey, Vec<WrappedKey>), PutError> {
        let opening = self.sealer.opening();
        let stay = |key: &&WrappedKey| living.is_none_or(|all| all.contains(&key.secret_id));
        let stays = opening.keys.values().filter(stay);
        WrappingKey::derive(&next.key, self.ring.log_id, next.number)
            .and_then(|wrapping| {
                let keys = stays.map(|key| wrapping.wrap(&opening.wrapping.unwrap(key)?));
                let keys = keys.collect::<Result<Vec<_>, _>>()?;
                Ok((wrapping, keys))
            })
            .map_err(|_| PutError::Crypto)
    }

    /// A keystore that was never there, or of which only the keyring was made.
    pub(super) fn begin(
        path: &Path,
        master: &MasterKey,
        log_id: LogId,
        ring_path: PathBuf,
    ) -> Result<Self, KeystoreError> {
        if path.exists() {
            let what = "it is missing, while the keystore is there";
            return Err(KeystoreError::Corrupt { path: ring_path, offset: 0, what });
        }
        let ring = match Keyring::read(&ring_path, master, log_id)? {
            Some(ring) => ring,
            None => Keyring::random(master, log_id).map_err(|_| KeystoreError::Crypto)?,
        };
        Self::write(path, ring, &[])
    }

    /// A keystore from before there were keyrings, which the master key wraps itself.
    pub(super) fn bring_up_to_date(
        path: &Path,
        master: &MasterKey,
        log_id: LogId,
        header: &Header,
        bytes: &[u8],
    ) -> Result<Self, KeystoreError> {
        let (_, former) = KeystoreFile::open(path, bytes, header, master.root())?;
        let ring =
            Keyring::derived(master, log_id, header.epoch).map_err(|_| KeystoreError::Crypto)?;
        let keys = WrappingKey::derive(master.root(), log_id, header.epoch).and_then(|before| {
            let after = WrappingKey::derive(&ring.epoch.key, log_id, ring.epoch.number)?;
            former.iter().map(|key| after.wrap(&before.unwrap(key)?)).collect::<Result<Vec<_>, _>>()
        });
        let keystore = Self::write(path, ring, &keys.map_err(|_| KeystoreError::Crypto)?)?;
        tracing::info!(keys = former.len(), "the keystore was brought up to date");
        Ok(keystore)
    }

    fn write(path: &Path, ring: Keyring, keys: &[WrappedKey]) -> Result<Self, KeystoreError> {
        ring.write(&keyring::path_beside(path), &mut || {})?;
        let file = KeystoreFile::create(path, ring.log_id, &ring.epoch, keys, &mut || {})?;
        let sealer = Sealer::of(&ring, keys.iter().cloned())?;
        Ok(Self::on_disk(file, ring, sealer))
    }
}

impl Keyring {
    /// Keeps of two keys, which a crash in the middle of a move left, the one of the keystore's epoch.
    pub(super) fn settle(
        &mut self,
        keystore: &Path,
        epoch: u32,
        ring_path: &Path,
    ) -> Result<(), KeystoreError> {
        let next = self.next.take();
        let was_moving = next.is_some();
        if let Some(next) = next
            && next.number == epoch
        {
            self.epoch = next;
        }
        if self.epoch.number != epoch {
            return Err(KeystoreError::OtherEpoch { path: keystore.to_owned(), epoch });
        }
        if was_moving {
            self.write(ring_path, &mut || {})?;
        }
        Ok(())
    }
}
