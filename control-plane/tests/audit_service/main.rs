//! The audit over gRPC, against a control plane on a real log: the state at any moment is the one
//! that was live then, proofs hold, and each event says what it changed and why. Seeded.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod plane;

use std::time::Duration;

use countersign_control_plane::log::{
    ChainHash, Checkpoint, Head, TreeHash, VerifierKey, verify_consistency, verify_inclusion,
};
use countersign_proto::v1;
use countersign_proto::v1::apis_client::ApisClient;
use countersign_proto::v1::get_state_request::At;
use countersign_proto::v1::resource::Kind;
use plane::{Numbers, Plane};

const MOMENTS: usize = 100;
const WRITES: usize = 400;
const PATIENCE: Duration = Duration::from_mins(2);

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_at_a_hundred_random_moments_is_the_one_that_was_live() {
    in_time(async {
        let plane = Plane::start().await;
        let mut random = Numbers(11);
        let mut recorded = Vec::new();
        for write in 0..WRITES {
            plane.write(&mut random).await;
            // So many of the writes that are left, as there are moments still to record.
            if random.below(WRITES - write) < MOMENTS - recorded.len() {
                recorded.push((plane.revision(), plane.live().await));
            }
        }
        assert_eq!(recorded.len(), MOMENTS);
        assert!(
            recorded
                .iter()
                .any(|(_, live)| live.iter().any(|it| matches!(it.kind, Some(Kind::Binding(_)))))
        );
        for (revision, live) in &recorded {
            let (head, found) = plane.state_at(At::Revision(*revision)).await;
            assert_eq!(head.revision, *revision);
            assert_eq!(&found, live, "at revision {revision}");
            // At the time of its event there is this state, or one of a later event at that time.
            let (by_time, found) = plane.state_at(At::Time(head.time.unwrap())).await;
            assert!(by_time.revision >= *revision && by_time.time == head.time);
            assert!(by_time.revision != *revision || &found == live);
        }
        let request = v1::GetStateRequest {
            at: Some(At::Revision(plane.revision() + 1)),
            ..Default::default()
        };
        assert_eq!(
            plane.audit().get_state(request).await.unwrap_err().code(),
            tonic::Code::OutOfRange
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_over_the_wire_hold_for_a_verifier_that_trusts_nothing_but_the_key() {
    in_time(async {
        let plane = Plane::start().await;
        let mut random = Numbers(12);
        while plane.revision() < 60 {
            plane.write(&mut random).await;
        }
        let newest = plane
            .audit()
            .get_checkpoint(v1::GetCheckpointRequest::default())
            .await
            .unwrap()
            .into_inner();
        let key: VerifierKey = newest.public_key.parse().unwrap();
        let hash = |bytes: &Vec<u8>| -> [u8; 32] { bytes.as_slice().try_into().unwrap() };
        let tree = |note: &str| {
            let checkpoint = Checkpoint::open(note, &key).unwrap();
            (checkpoint.head.revision, checkpoint.root.unwrap())
        };
        for _ in 0..100 {
            let at = 1 + random.below(newest.revision as usize) as u64;
            let revision = 1 + random.below(at as usize) as u64;
            let request = v1::GetInclusionProofRequest { revision, checkpoint_revision: at };
            let proof = plane.audit().get_inclusion_proof(request).await.unwrap().into_inner();
            let (size, root) = tree(&proof.checkpoint);
            let before = ChainHash::from_bytes(hash(&proof.hash_before));
            let record = proof.record.unwrap();
            let head = Head { revision: revision - 1, hash: before }.then(&record.event);
            assert_eq!((size, head.hash.as_bytes()), (at, &hash(&record.hash)));
            let hashes: Vec<_> =
                proof.hashes.iter().map(|it| TreeHash::from_bytes(hash(it))).collect();
            let holds =
                |leaf| verify_inclusion(revision - 1, TreeHash::leaf(leaf), size, root, &hashes);
            assert!(holds(head.hash) && !holds(before));

            let request = v1::GetConsistencyProofRequest { old_revision: revision, revision: at };
            let proof = plane.audit().get_consistency_proof(request).await.unwrap().into_inner();
            let request = v1::GetCheckpointRequest { revision };
            let old = plane.audit().get_checkpoint(request).await.unwrap().into_inner();
            let hashes: Vec<_> =
                proof.hashes.iter().map(|it| TreeHash::from_bytes(hash(it))).collect();
            assert!(verify_consistency(tree(&old.checkpoint), tree(&proof.checkpoint), &hashes));
        }
        let beyond =
            v1::GetInclusionProofRequest { revision: newest.revision + 9, checkpoint_revision: 0 };
        assert_eq!(
            plane.audit().get_inclusion_proof(beyond).await.unwrap_err().code(),
            tonic::Code::OutOfRange
        );
        let none = v1::GetInclusionProofRequest { revision: 5, checkpoint_revision: 4 };
        assert_eq!(
            plane.audit().get_inclusion_proof(none).await.unwrap_err().code(),
            tonic::Code::InvalidArgument
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_says_what_was_before_and_after_and_why() {
    in_time(async {
        let plane = Plane::start().await;
        let mut random = Numbers(13);
        while plane.revision() < 80 {
            plane.write(&mut random).await;
        }
        let all = plane.changes(v1::ListChangesRequest::default()).await;
        let revisions: Vec<_> = all.iter().map(|it| it.event.as_ref().unwrap().revision).collect();
        assert_eq!(revisions, (1..=plane.revision()).collect::<Vec<_>>());
        for change in &all[2..] {
            let event = change.event.as_ref().unwrap();
            assert!(event.reason.starts_with("step "), "{event:?}");
            let difference = &change.differences[0];
            let name = format!("{:?}", event.payload.as_ref().unwrap());
            assert!(difference.before != difference.after, "{name}");
        }
        let replaced = all.iter().find(|it| {
            matches!(
                it.event.as_ref().unwrap().payload,
                Some(v1::event::Payload::SecretReplaced(_))
            )
        });
        let replaced = replaced.unwrap();
        let fingerprint = |resource: &Option<v1::Resource>| match resource
            .as_ref()
            .unwrap()
            .kind
            .as_ref()
            .unwrap()
        {
            Kind::SignatureKey(key) => key.secret_fingerprint.clone(),
            other => panic!("{other:?}"),
        };
        let difference = &replaced.differences[0];
        assert_ne!(fingerprint(&difference.before), fingerprint(&difference.after));
        assert!(!format!("{replaced:?}").contains("ciphertext: [1"), "a ciphertext is shown");

        let Some(v1::event::Payload::SecretReplaced(payload)) =
            &replaced.event.as_ref().unwrap().payload
        else {
            panic!()
        };
        let of_key = plane
            .changes(v1::ListChangesRequest { resource: payload.id.clone(), ..Default::default() })
            .await;
        assert!(!of_key.is_empty() && of_key.len() < all.len());
        let part =
            v1::ListChangesRequest { revision_from: 5, revision_to: 7, ..Default::default() };
        assert_eq!(plane.changes(part).await, all[4..7]);
        let too_long =
            v1::DeleteApiRequest { api: "x".into(), reason: "x".repeat(513), ..Default::default() };
        let refused =
            ApisClient::new(plane.channel.clone()).delete_api(too_long).await.unwrap_err();
        assert!(refused.message().contains("512"), "{refused}");
    })
    .await;
}
