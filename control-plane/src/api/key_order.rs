//! By what a list of signature keys is ordered, other than by their creation.

use countersign_proto::convert::InvalidField;
use countersign_shared::id::KeyId;
use countersign_shared::key::SignatureKey;
use tonic::Status;

use super::status;

#[derive(Debug, Clone, Copy)]
enum By {
    Name,
    Type,
    Key,
    BindingCount,
    CreateTime,
    UpdateTime,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct KeyOrder {
    by: By,
    is_descending: bool,
}

impl KeyOrder {
    /// None where the text is empty.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, Status> {
        let (name, is_descending) = match text.strip_suffix(" desc") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let by = match name {
            "" if !is_descending => return Ok(None),
            "name" => By::Name,
            "type" => By::Type,
            "key" => By::Key,
            "binding_count" => By::BindingCount,
            "create_time" => By::CreateTime,
            "update_time" => By::UpdateTime,
            _ => {
                let rule = "name, type, key, binding_count, create_time or update_time, and ` desc` after it";
                return Err(status::invalid(vec![InvalidField::new("order_by", rule)]));
            }
        };
        Ok(Some(Self { by, is_descending }))
    }

    /// Equal ones stay in the order that they come in.
    pub(super) fn sorted<'a>(
        self,
        keys: impl Iterator<Item = &'a SignatureKey>,
        binding_count: impl Fn(KeyId) -> u32,
    ) -> Vec<KeyId> {
        let mut keys: Vec<&SignatureKey> = keys.collect();
        match self.by {
            By::Name => keys.sort_by_cached_key(|key| key.name.as_str().to_lowercase()),
            By::Type => keys.sort_by_key(|key| key.key_type as u8),
            By::Key => keys.sort_by(|one, two| one.key.as_str().cmp(two.key.as_str())),
            By::BindingCount => keys.sort_by_cached_key(|key| binding_count(key.id)),
            By::CreateTime => keys.sort_by_key(|key| key.created.revision),
            By::UpdateTime => keys.sort_by_key(|key| key.updated.revision),
        }
        if self.is_descending {
            keys.reverse();
        }
        keys.into_iter().map(|key| key.id).collect()
    }
}
