//! Given what relays have told, when another report comes or a relay goes, then this is known.

use super::*;

fn of(name: &str, connected_at_ms: i64, acked_revision: u64) -> NodeStatus {
    NodeStatus {
        instance: name.to_owned(),
        environments: vec![EnvironmentId::from_bytes([1; 16])],
        connected: true,
        connected_at_ms,
        last_contact_ms: connected_at_ms,
        acked_revision,
        ..NodeStatus::default()
    }
}

/// A relay's end: a registry with nodes, and what it told.
#[derive(Default)]
struct Relay {
    nodes: NodeRegistry,
    told: Told,
}

impl Relay {
    fn news(&mut self) -> Vec<v1::NodeReport> {
        self.nodes.news(&mut self.told, 0, usize::MAX)
    }
}

fn relay(plane: &NodeRegistry, name: &str) -> Registration {
    plane.connect(name, NodeStatus { relay: true, ..of(name, 1, 0) }).0
}

fn tell(plane: &NodeRegistry, stream: &Registration, reports: Vec<v1::NodeReport>) {
    plane.reported(stream, reports, &Commits::default(), Instant::now());
}

#[test]
fn only_what_changed_is_told_and_nodes_go_with_their_relay() {
    let (plane, mut one) = (NodeRegistry::default(), Relay::default());
    let stream = relay(&plane, "relay-1");
    let (node, _replaced) = one.nodes.connect("n", of("n", 5, 3));
    let first = one.news();
    assert!(first.len() == 1 && first[0].came);
    tell(&plane, &stream, first);
    let known = plane.get("n").unwrap();
    assert_eq!((known.via.as_str(), known.acked_revision, known.connected), ("relay-1", 3, true));

    one.nodes.update(&node, |node| node.last_contact_ms += 1);
    assert!(one.news().is_empty(), "that it was heard is no news");
    one.nodes.update(&node, |node| node.acked_revision = 4);
    let second = one.news();
    assert!(second.len() == 1 && !second[0].came);
    tell(&plane, &stream, second);
    assert_eq!(plane.get("n").unwrap().acked_revision, 4);

    let load = v1::NodeLoad { requests_per_second: 12.0, signatures_per_second: 11.0 };
    one.nodes.update(&node, |node| node.load = Load::told(Some(load)));
    tell(&plane, &stream, one.news());
    assert_eq!(plane.get("n").unwrap().load.latest, Some(load));
    assert!(one.news().is_empty(), "a load that goes on is no news");

    plane.disconnect(&stream);
    assert!(!plane.get("n").unwrap().connected && !plane.get("relay-1").unwrap().connected);
}

#[test]
fn a_node_is_where_it_came_last() {
    let (plane, mut one, mut two) = (NodeRegistry::default(), Relay::default(), Relay::default());
    let (stream_one, stream_two) = (relay(&plane, "relay-1"), relay(&plane, "relay-2"));
    let (left, _replaced) = one.nodes.connect("n", of("n", 5, 3));
    tell(&plane, &stream_one, one.news());
    let _here = two.nodes.connect("n", of("n", 6, 3));
    tell(&plane, &stream_two, two.news());
    one.nodes.disconnect(&left);
    tell(&plane, &stream_one, one.news());
    let known = plane.get("n").unwrap();
    assert_eq!((known.via.as_str(), known.connected), ("relay-2", true));
    plane.disconnect(&stream_one);
    assert!(plane.get("n").unwrap().connected, "the other relay does not take it along");

    let (_direct, mut replaced) = plane.connect("n", of("n", 7, 3));
    assert_eq!(plane.get("n").unwrap().via, "");
    assert!(replaced.try_recv().is_err());
}

#[test]
fn relays_in_a_row_are_all_named_and_news_come_in_parts() {
    let (plane, mut outer, mut inner) =
        (NodeRegistry::default(), Relay::default(), Relay::default());
    let at_plane = relay(&plane, "outer");
    let at_outer = relay(&outer.nodes, "inner");
    let nodes: Vec<_> =
        (0..3).map(|n| inner.nodes.connect(&format!("n{n}"), of("n", 5, 3))).collect();
    let mut parts = Vec::new();
    loop {
        let part = inner.nodes.news(&mut inner.told, 0, 2);
        if part.is_empty() {
            break;
        }
        parts.push(part.len());
        outer.nodes.reported(&at_outer, part, &Commits::default(), Instant::now());
    }
    assert_eq!((parts, nodes.len()), (vec![2, 1], 3));
    tell(&plane, &at_plane, outer.news());
    assert_eq!(plane.get("n2").unwrap().via, "outer > inner");
    assert!(plane.get("inner").unwrap().relay);
    outer.nodes.disconnect(&at_outer);
    tell(&plane, &at_plane, outer.news());
    assert!(!plane.get("n0").unwrap().connected);
}
