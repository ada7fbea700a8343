//! What each call needs. A call without a row here is refused to everybody: a test finds it.

use countersign_shared::access::{Right, Target};

/// What has to be shown or held for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing: whoever adds such a call checks what it is asked by itself.
    Nothing,
    /// The certificate of a node or relay.
    Node,
    /// To be an operator, whatever it may do.
    Known,
    Right(Right, Scope),
}

/// Where the right is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// In any environment and group.
    Any,
    /// In all environments and groups.
    All,
    /// In the environment that is named, for all groups.
    Environment,
    /// For the group that is named, in all environments.
    Group,
    /// For the group of the API.
    Apis,
    /// In the environment that is named, for the group of the API.
    Place,
}

impl Scope {
    /// As much of it as is known before the request is read; the rest is checked where the command
    /// is decided (`decide/permit.rs`).
    pub(super) fn before_reading(self) -> Target {
        if self == Self::All { Target::Everywhere } else { Target::Somewhere }
    }
}

use Needs::{Known, Node, Nothing, Right as R};
use Right::{Administer, Audit, Define, Keys, Operate, View};
use Scope::{All, Any, Apis, Environment, Group, Place};

/// A service, its call, and what that needs. `*` is every call of a service.
pub(super) const TABLE: &[(&str, &str, Needs)] = &[
    ("grpc.health.v1.Health", "*", Nothing),
    ("grpc.reflection.v1.ServerReflection", "*", Known),
    ("grpc.reflection.v1alpha.ServerReflection", "*", Known),
    ("countersign.v1.Enrolment", "*", Nothing),
    ("countersign.v1.Sync", "*", Node),
    ("countersign.v1.Environments", "CreateEnvironment", R(Define, All)),
    ("countersign.v1.Environments", "GetEnvironment", R(View, Any)),
    ("countersign.v1.Environments", "ListEnvironments", R(View, Any)),
    ("countersign.v1.Environments", "UpdateEnvironment", R(Define, Environment)),
    ("countersign.v1.Environments", "DeleteEnvironment", R(Define, Environment)),
    ("countersign.v1.ApiGroups", "CreateApiGroup", R(Define, All)),
    ("countersign.v1.ApiGroups", "GetApiGroup", R(View, Any)),
    ("countersign.v1.ApiGroups", "ListApiGroups", R(View, Any)),
    ("countersign.v1.ApiGroups", "UpdateApiGroup", R(Define, Group)),
    ("countersign.v1.ApiGroups", "DeleteApiGroup", R(Define, Group)),
    ("countersign.v1.Apis", "CreateApi", R(Define, Apis)),
    ("countersign.v1.Apis", "GetApi", R(View, Any)),
    ("countersign.v1.Apis", "ListApis", R(View, Any)),
    ("countersign.v1.Apis", "UpdateApi", R(Define, Apis)),
    ("countersign.v1.Apis", "DeleteApi", R(Define, Apis)),
    ("countersign.v1.Apis", "PublishApi", R(Operate, Place)),
    ("countersign.v1.Apis", "TakeApiOffline", R(Operate, Place)),
    ("countersign.v1.Apis", "ListPublications", R(View, Any)),
    ("countersign.v1.SignatureKeys", "CreateSignatureKey", R(Keys, All)),
    ("countersign.v1.SignatureKeys", "GetSignatureKey", R(View, Any)),
    ("countersign.v1.SignatureKeys", "ListSignatureKeys", R(View, Any)),
    ("countersign.v1.SignatureKeys", "UpdateSignatureKey", R(Keys, All)),
    ("countersign.v1.SignatureKeys", "ReplaceSecret", R(Keys, All)),
    ("countersign.v1.SignatureKeys", "DeleteSignatureKey", R(Keys, All)),
    ("countersign.v1.Bindings", "CreateBinding", R(Operate, Place)),
    ("countersign.v1.Bindings", "GetBinding", R(View, Any)),
    ("countersign.v1.Bindings", "ListBindings", R(View, Any)),
    ("countersign.v1.Bindings", "DeleteBinding", R(Operate, Place)),
    ("countersign.v1.Events", "ListEvents", R(Audit, All)),
    ("countersign.v1.Events", "TailEvents", R(Audit, All)),
    ("countersign.v1.Audit", "GetCheckpoint", R(Audit, All)),
    ("countersign.v1.Audit", "GetInclusionProof", R(Audit, All)),
    ("countersign.v1.Audit", "GetConsistencyProof", R(Audit, All)),
    ("countersign.v1.Audit", "ReadRecords", R(Audit, All)),
    ("countersign.v1.Audit", "GetState", R(Audit, All)),
    ("countersign.v1.Audit", "ListChanges", R(Audit, All)),
    ("countersign.v1.Audit", "ListAttempts", R(Audit, All)),
    ("countersign.v1.Backups", "CreateBackup", R(Administer, All)),
    ("countersign.v1.MasterKeys", "GetMasterKey", R(Administer, All)),
    ("countersign.v1.MasterKeys", "RotateMasterKey", R(Administer, All)),
    ("countersign.v1.Nodes", "GetNode", R(View, Any)),
    ("countersign.v1.Nodes", "ListNodes", R(View, Any)),
    ("countersign.v1.Nodes", "WatchNodes", R(View, Any)),
    ("countersign.v1.Nodes", "WaitForRevision", R(View, Any)),
    ("countersign.v1.Nodes", "CreateNodeToken", R(Administer, All)),
    ("countersign.v1.Nodes", "ListNodeTokens", R(Administer, All)),
    ("countersign.v1.Nodes", "RevokeNodeToken", R(Administer, All)),
    ("countersign.v1.Nodes", "RevokeNode", R(Administer, All)),
    ("countersign.v1.Access", "GrantAccess", R(Administer, All)),
    ("countersign.v1.Access", "RevokeAccess", R(Administer, All)),
    ("countersign.v1.Access", "ListGrants", R(Administer, All)),
    ("countersign.v1.Access", "CreateToken", R(Administer, All)),
    ("countersign.v1.Access", "RevokeToken", R(Administer, All)),
    ("countersign.v1.Access", "ListTokens", R(Administer, All)),
    ("countersign.v1.Access", "WhoAmI", Known),
    ("countersign.v1.Verification", "ExplainRequest", R(View, Any)),
];

/// What a call needs, by its path; none where there is no such call.
pub(super) fn needs(path: &str) -> Option<Needs> {
    let (service, call) = path.strip_prefix('/')?.split_once('/')?;
    let row = TABLE.iter().find(|row| row.0 == service && (row.1 == call || row.1 == "*"));
    row.map(|row| row.2)
}

/// What only reads begins with,
const READS: [&str; 8] = ["Get", "List", "Watch", "Wait", "Tail", "Read", "Explain", "WhoAmI"];
/// and what concerns the one replica that is called.
const OF_ONE_REPLICA: [&str; 2] = ["CreateBackup", "RotateMasterKey"];

/// Whether a call may write to the log: of several replicas the one that leads has to answer it.
pub(super) fn is_write(path: &str) -> bool {
    let call = path.strip_prefix("/countersign.v1.").and_then(|path| path.split_once('/'));
    call.is_some_and(|(service, call)| {
        service != "Sync"
            && !READS.iter().any(|reads| call.starts_with(reads))
            && !OF_ONE_REPLICA.contains(&call)
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use countersign_shared::access::Role;
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    /// The path of every call of the contract.
    fn calls() -> Vec<String> {
        let set = FileDescriptorSet::decode(countersign_proto::DESCRIPTORS).unwrap();
        let services = set.file.iter().flat_map(|file| {
            file.service.iter().map(|service| (file.package().to_owned(), service))
        });
        let calls = services.flat_map(|(package, service)| {
            let path = format!("{package}.{}", service.name());
            service.method.iter().map(move |call| format!("/{path}/{}", call.name()))
        });
        calls.collect()
    }

    #[test]
    fn every_call_of_the_contract_has_a_row_and_every_row_a_call() {
        let calls = calls();
        let lacking: Vec<_> = calls.iter().filter(|path| needs(path).is_none()).collect();
        assert!(lacking.is_empty(), "add rows for {lacking:?} to permissions.rs");
        for (service, call, _) in TABLE.iter().filter(|row| row.1 != "*") {
            assert!(calls.contains(&format!("/{service}/{call}")), "{service}/{call} is no more");
        }
    }

    #[test]
    fn what_writes_is_sent_on_and_nothing_else() {
        let writes = calls().into_iter().filter(|path| is_write(path));
        let names = writes.map(|path| path.rsplit('/').next().unwrap().to_owned());
        let mut names: Vec<_> = names.collect();
        names.sort();
        let expected = [
            "CreateApi",
            "CreateApiGroup",
            "CreateBinding",
            "CreateEnvironment",
            "CreateNodeToken",
            "CreateSignatureKey",
            "CreateToken",
            "DeleteApi",
            "DeleteApiGroup",
            "DeleteBinding",
            "DeleteEnvironment",
            "DeleteSignatureKey",
            "EnrolNode",
            "GrantAccess",
            "PublishApi",
            "RenewCertificate",
            "ReplaceSecret",
            "RevokeAccess",
            "RevokeNode",
            "RevokeNodeToken",
            "RevokeToken",
            "TakeApiOffline",
            "UpdateApi",
            "UpdateApiGroup",
            "UpdateEnvironment",
            "UpdateSignatureKey",
        ];
        assert_eq!(names, expected, "is it a write? then here, else in READS or OF_ONE_REPLICA");
    }

    #[test]
    fn the_table_in_the_documents_is_this_one() {
        let mut rows = String::new();
        for (service, call, needs) in TABLE {
            let name = service.rsplit('.').next().unwrap();
            let call = if *call == "*" { "all" } else { call };
            let (right, scope, roles) = match needs {
                Nothing => ("–", "–", "everybody".to_owned()),
                Node => ("–", "–", "a node's or relay's certificate".to_owned()),
                Known => ("–", "–", "every operator".to_owned()),
                R(right, scope) => {
                    let roles = Role::ALL.into_iter().filter(|role| role.has(*right));
                    let roles: Vec<_> = roles.map(Role::as_str).collect();
                    let scope = match scope {
                        Any => "any",
                        All => "all",
                        Environment => "the environment, all groups",
                        Group => "the group, all environments",
                        Apis => "the API's group",
                        Place => "the environment and the API's group",
                    };
                    (right.as_str(), scope, roles.join(", "))
                }
            };
            writeln!(rows, "| {name} | {call} | {right} | {scope} | {roles} |").unwrap();
        }
        let page = include_str!("../../../docs/security.md");
        assert!(page.contains(&rows), "docs/security.md should have:\n{rows}");
    }
}
