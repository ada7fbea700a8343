//! Whether records are the log that checkpoints show: the one way of verifying, whatever the
//! records come from. Pure: records and checkpoints go in, the first thing that is wrong comes out.

use countersign_shared::id::LogId;

use crate::log::{ChainHash, Checkpoint, Head, StoredRecord, Tree, TreeHash};

/// A checkpoint whose signature is verified, and where it was found.
#[derive(Debug, Clone)]
pub struct Shown {
    pub by: String,
    pub checkpoint: Checkpoint,
}

/// A verification under way: give it all checkpoints, then all records in order.
#[derive(Debug)]
pub struct Verification {
    log_id: LogId,
    head: Head,
    /// None where the records do not begin at revision 1: then the chain alone is followed.
    tree: Option<Tree>,
    /// Those still to come, the last one first.
    shown: Vec<Shown>,
    /// The last revision up to which a checkpoint was met.
    agreed: u64,
    met: usize,
}

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub log_id: LogId,
    /// The first record is the one after it.
    pub after: u64,
    pub head: Head,
    pub root: Option<TreeHash>,
    /// How many checkpoints the records were held to, and up to which revision.
    pub checkpoints: usize,
    pub agreed: u64,
}

/// The first thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    #[error(
        "after revision {after} comes revision {found}: what was between them is missing, {} to {}",
        after + 1, found - 1
    )]
    Missing { after: u64, found: u64 },
    #[error(
        "after revision {after} comes revision {found}: a record was inserted, moved or repeated"
    )]
    OutOfPlace { after: u64, found: u64 },
    #[error("the record at revision {revision} is altered: its hash is not the one beside it")]
    Altered { revision: u64 },
    #[error(
        "the records differ from {by}, which is signed and of revision {at}: between revision {} \
         and {at} a record was changed, removed, inserted or moved", after + 1
    )]
    Differs { after: u64, at: u64, by: String },
    #[error(
        "the records end at revision {ends}, but {by} is signed and of revision {at}: {} to {at} \
         were cut off, or as many removed after revision {after}", ends + 1
    )]
    CutOff { after: u64, ends: u64, at: u64, by: String },
    #[error("{by} is of the log {found}, the records are of the log {log_id}")]
    Foreign { by: String, found: LogId, log_id: LogId },
    #[error(
        "{by} is of revision {at}, but the records go on to {ends}: nothing vouches for {} to \
         {ends}, which may have been added", at + 1
    )]
    Beyond { ends: u64, at: u64, by: String },
    #[error("there is no signed checkpoint at or after revision {first} to hold the records to")]
    Unsigned { first: u64 },
}

impl Verification {
    /// Of a whole log.
    pub fn of_log(log_id: LogId, shown: Vec<Shown>) -> Result<Self, Finding> {
        Self::after(log_id, Head::genesis(log_id), shown)
    }

    /// Of the records after a head, which the checkpoints vouch for as well: each hash of the
    /// chain stands for all that was before it.
    pub fn after(log_id: LogId, head: Head, mut shown: Vec<Shown>) -> Result<Self, Finding> {
        for Shown { by, checkpoint } in &shown {
            let found = checkpoint.log_id;
            if found != log_id {
                return Err(Finding::Foreign { by: by.clone(), found, log_id });
            }
        }
        shown.retain(|shown| shown.checkpoint.head.revision >= head.revision);
        shown.sort_by_key(|shown| std::cmp::Reverse(shown.checkpoint.head.revision));
        let tree = (head.revision == 0).then(Tree::default);
        let mut begun = Self { log_id, head, tree, shown, agreed: head.revision, met: 0 };
        begun.meet()?;
        Ok(begun)
    }

    pub fn head(&self) -> Head {
        self.head
    }

    /// The next record, with the hash of the chain that was stored with it.
    pub fn record(
        &mut self,
        revision: u64,
        stored: ChainHash,
        bytes: &[u8],
    ) -> Result<(), Finding> {
        let after = self.head.revision;
        if revision <= after {
            return Err(Finding::OutOfPlace { after, found: revision });
        }
        if revision > after + 1 {
            return Err(Finding::Missing { after, found: revision });
        }
        self.head = self.head.then(bytes);
        if self.head.hash != stored {
            return Err(Finding::Altered { revision });
        }
        if let Some(tree) = &mut self.tree {
            tree.push(stored);
        }
        self.meet()
    }

    /// A checkpoint that was found after the records that it is of, such as at an export's end.
    pub fn sealed_by(&mut self, Shown { by, checkpoint }: Shown) -> Result<(), Finding> {
        let (found, log_id) = (checkpoint.log_id, self.log_id);
        if found != log_id {
            return Err(Finding::Foreign { by, found, log_id });
        }
        let (ends, at) = (self.head.revision, checkpoint.head.revision);
        if at < ends {
            return Err(Finding::Beyond { ends, at, by });
        }
        if at > ends {
            return Err(Finding::CutOff { after: self.agreed, ends, at, by });
        }
        self.shown.push(Shown { by, checkpoint });
        self.shown.sort_by_key(|shown| std::cmp::Reverse(shown.checkpoint.head.revision));
        self.meet()
    }

    pub fn stored(&mut self, record: &StoredRecord) -> Result<(), Finding> {
        self.record(record.revision, record.hash, &record.bytes)
    }

    /// After the last record.
    pub fn finish(self, after: u64) -> Result<Verified, Finding> {
        if let Some(Shown { by, checkpoint }) = self.shown.into_iter().next() {
            let (ends, at) = (self.head.revision, checkpoint.head.revision);
            return Err(Finding::CutOff { after: self.agreed, ends, at, by });
        }
        if self.met == 0 {
            return Err(Finding::Unsigned { first: after + 1 });
        }
        Ok(Verified {
            log_id: self.log_id,
            after,
            head: self.head,
            root: self.tree.map(|tree| tree.root()),
            checkpoints: self.met,
            agreed: self.agreed,
        })
    }

    /// Holds what there is so far to the checkpoints of this revision.
    fn meet(&mut self) -> Result<(), Finding> {
        let at = self.head.revision;
        while let Some(Shown { by, checkpoint }) =
            self.shown.pop_if(|shown| shown.checkpoint.head.revision == at)
        {
            let root = self.tree.as_ref().map(Tree::root);
            let same_root = match (root, checkpoint.root) {
                (Some(found), Some(signed)) => found == signed,
                _ => true,
            };
            if checkpoint.head != self.head || !same_root {
                return Err(Finding::Differs { after: self.agreed, at, by });
            }
            self.met += 1;
            self.agreed = at;
        }
        Ok(())
    }
}
