//! The newest writes that named a request id, so that a repeated one gets its first answer.

use std::sync::Arc;

use imbl::{HashMap, OrdMap};

use crate::event::RequestMark;
use crate::text::RequestId;

/// How many are remembered; the oldest is forgotten first.
pub const REQUESTS_REMEMBERED_MAX: usize = 65_536;

/// What a request id was used for: the request's digest and the events that it made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedRequest {
    pub mark: RequestMark,
    pub first_revision: u64,
    pub last_revision: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestWindow {
    by_id: HashMap<RequestId, Arc<RememberedRequest>>,
    by_revision: OrdMap<u64, RequestId>,
}

impl RequestWindow {
    pub fn get(&self, id: &RequestId) -> Option<&RememberedRequest> {
        self.by_id.get(id).map(AsRef::as_ref)
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &RememberedRequest> {
        self.by_revision.values().filter_map(|id| self.get(id))
    }

    /// An event of this request was applied: the first of them, or one more.
    pub(crate) fn remember(&mut self, mark: &RequestMark, first_revision: u64, last_revision: u64) {
        self.by_revision.insert(first_revision, mark.id.clone());
        let remembered = RememberedRequest { mark: mark.clone(), first_revision, last_revision };
        self.by_id.insert(mark.id.clone(), Arc::new(remembered));
        if self.by_revision.len() > REQUESTS_REMEMBERED_MAX
            && let Some((_, oldest)) = self.by_revision.remove_with_key(&self.oldest_revision())
        {
            self.by_id.remove(&oldest);
        }
    }

    fn oldest_revision(&self) -> u64 {
        self.by_revision.get_min().map_or(0, |(revision, _)| *revision)
    }
}
