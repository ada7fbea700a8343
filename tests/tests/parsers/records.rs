//! Records of the log, snapshots of the state, and what callers send.

use std::sync::OnceLock;

use countersign_proto::convert::{
    backend_from_proto, backend_to_proto, definition_from_proto, definition_to_proto,
    record_from_proto, record_to_proto, snapshot_from_proto, snapshot_to_proto,
};
use countersign_proto::store::v1::Snapshot;
use countersign_proto::v1;
use countersign_shared::state::State;
use proptest::prelude::*;
use prost::Message;

use crate::cases;
use crate::edits::{changed, edits};
use crate::samples::samples;

/// The state after all of the samples' records.
fn state() -> &'static State {
    static STATE: OnceLock<State> = OnceLock::new();
    STATE.get_or_init(|| {
        let mut state = State::default();
        for bytes in &samples().records {
            let event = v1::Event::decode(bytes.as_slice()).unwrap();
            state.apply(&record_from_proto(&event).unwrap());
        }
        state
    })
}

/// The definitions that stand in the samples' events.
fn definitions() -> &'static [v1::ApiDefinition] {
    static DEFINITIONS: OnceLock<Vec<v1::ApiDefinition>> = OnceLock::new();
    DEFINITIONS.get_or_init(|| {
        let events = samples().records.iter().map(|it| v1::Event::decode(it.as_slice()).unwrap());
        let definition = |event: v1::Event| match event.payload? {
            v1::event::Payload::ApiCreated(created) => created.definition,
            v1::event::Payload::ApiUpdated(updated) => updated.definition,
            _ => None,
        };
        events.filter_map(definition).collect()
    })
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn a_record_that_is_accepted_is_written_again_as_it_is(
        which: prop::sample::Index, edits in edits(4),
    ) {
        let bytes = changed(which.get::<Vec<u8>>(&samples().records), &edits);
        if let Ok(event) = v1::Event::decode(bytes.as_slice())
            && let Ok(record) = record_from_proto(&event)
        {
            let written = record_to_proto(&record).encode_to_vec();
            let read = v1::Event::decode(written.as_slice()).unwrap();
            prop_assert_eq!(record_from_proto(&read).unwrap(), record);
        }
    }

    #[test]
    fn a_definition_that_is_accepted_is_written_again_as_it_is(
        which: prop::sample::Index, edits in edits(4),
    ) {
        let bytes = changed(&which.get(definitions()).encode_to_vec(), &edits);
        if let Ok(message) = v1::ApiDefinition::decode(bytes.as_slice()) {
            if let Ok(definition) = definition_from_proto(&message) {
                let written = definition_to_proto(&definition);
                prop_assert_eq!(definition_from_proto(&written).unwrap(), definition);
            }
            if let Some(Ok(backend)) = message.backend.as_ref().map(backend_from_proto) {
                prop_assert_eq!(backend_from_proto(&backend_to_proto(&backend)).unwrap(), backend);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn a_snapshot_that_is_accepted_is_written_again_as_it_is(edits in edits(4)) {
        let bytes = changed(&snapshot_to_proto(state()).encode_to_vec(), &edits);
        if let Ok(message) = Snapshot::decode(bytes.as_slice())
            && let Ok(state) = snapshot_from_proto(&message)
        {
            let written = snapshot_to_proto(&state).encode_to_vec();
            let read = Snapshot::decode(written.as_slice()).unwrap();
            prop_assert_eq!(snapshot_from_proto(&read).unwrap(), state);
        }
    }
}
