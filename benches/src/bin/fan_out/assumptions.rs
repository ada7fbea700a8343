//! What the study takes for granted, each by its name and changed by `name=value`.

#[derive(Debug, Clone)]
pub(crate) struct Assumptions {
    pub(crate) nodes: usize,
    pub(crate) bindings: usize,
    /// What sending or receiving one message costs a processor, the system's part included.
    pub(crate) message_us: f64,
    /// What making one resource of a snapshot costs: opening its secret and encoding it.
    pub(crate) resource_us: f64,
    /// What a relay or a node takes until what it received is in force and can be served on.
    pub(crate) apply_us: f64,
    pub(crate) cores: f64,
    pub(crate) uplink_gbit: f64,
    /// One way, evenly spread between the two.
    pub(crate) latency_ms_min: f64,
    pub(crate) latency_ms_max: f64,
    pub(crate) seed: u64,
}

impl Assumptions {
    pub(crate) fn of(arguments: impl Iterator<Item = String>) -> Self {
        let mut assumed = Self {
            nodes: 100_000,
            bindings: 10_000,
            message_us: 10.0,
            resource_us: 3.0,
            apply_us: 100.0,
            cores: 2.0,
            uplink_gbit: 10.0,
            latency_ms_min: 1.0,
            latency_ms_max: 20.0,
            seed: 1,
        };
        for argument in arguments {
            let Some((name, value)) = argument.split_once('=') else {
                panic!("`{argument}` is not name=value")
            };
            match name {
                "nodes" => assumed.nodes = value.parse().unwrap(),
                "bindings" => assumed.bindings = value.parse().unwrap(),
                "message_us" => assumed.message_us = value.parse().unwrap(),
                "resource_us" => assumed.resource_us = value.parse().unwrap(),
                "apply_us" => assumed.apply_us = value.parse().unwrap(),
                "cores" => assumed.cores = value.parse().unwrap(),
                "uplink_gbit" => assumed.uplink_gbit = value.parse().unwrap(),
                "latency_ms_min" => assumed.latency_ms_min = value.parse().unwrap(),
                "latency_ms_max" => assumed.latency_ms_max = value.parse().unwrap(),
                "seed" => assumed.seed = value.parse().unwrap(),
                _ => panic!("nothing is named `{name}`"),
            }
        }
        assumed
    }
}
