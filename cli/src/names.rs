//! Names for ids, for those tables whose messages carry ids alone. Asked for once per id and
//! only where a table is shown; an id whose resource is gone is shown by its beginning.

use std::collections::HashMap;

use countersign_proto::v1::{
    GetApiGroupRequest, GetApiRequest, GetEnvironmentRequest, GetSignatureKeyRequest,
};

use crate::client::ControlPlane;

/// How much of an id is enough to find it again.
const SHORT_ID_CHARACTERS: usize = 8;

#[derive(Debug)]
pub(crate) struct Names {
    plane: ControlPlane,
    known: HashMap<String, String>,
}

/// What an id belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resource {
    Environment,
    Group,
    /// Named with its group, as `group/name`.
    Api,
    Key,
}

impl Names {
    pub(crate) fn new(plane: &ControlPlane) -> Self {
        Self { plane: plane.clone(), known: HashMap::new() }
    }

    /// A name that came by, so that it need not be asked for; also that of a resource that is gone.
    pub(crate) fn learn(&mut self, id: &str, name: impl Into<String>) {
        self.known.insert(id.to_owned(), name.into());
    }

    pub(crate) async fn of(&mut self, resource: Resource, id: &str) -> String {
        if let Some(name) = self.known.get(id) {
            return name.clone();
        }
        let name = self.ask(resource, id).await.unwrap_or_else(|| short(id));
        self.learn(id, name.clone());
        name
    }

    async fn ask(&mut self, resource: Resource, id: &str) -> Option<String> {
        let id = id.to_owned();
        match resource {
            Resource::Environment => {
                let request = GetEnvironmentRequest { environment: id };
                let reply = self.plane.environments().get_environment(request).await.ok()?;
                reply.into_inner().environment.map(|environment| environment.name)
            }
            Resource::Group => {
                let request = GetApiGroupRequest { api_group: id };
                let reply = self.plane.api_groups().get_api_group(request).await.ok()?;
                reply.into_inner().api_group.map(|group| group.name)
            }
            Resource::Api => {
                let reply = self.plane.apis().get_api(GetApiRequest { api: id }).await.ok()?;
                let api = reply.into_inner().api?;
                Some(format!("{}/{}", api.api_group_name, api.name))
            }
            Resource::Key => {
                let request = GetSignatureKeyRequest { signature_key: id };
                let reply = self.plane.signature_keys().get_signature_key(request).await.ok()?;
                reply.into_inner().signature_key.map(|key| key.name)
            }
        }
    }
}

fn short(id: &str) -> String {
    id.chars().take(SHORT_ID_CHARACTERS).collect::<String>() + "…"
}
