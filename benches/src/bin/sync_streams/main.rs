//! The nodes' streams under load: one change to a thousand of them beside etcd, a thousand that come
//! back at once, and a gateway with a million bindings. `benches/sync/run` builds and starts it.
//!
//! Clients run in this process, all by one thread; servers are processes of their own, on the disk
//! that the build is on.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measurement that cannot go on panics"
)]

mod arrivals;
mod call;
mod clock;
mod etcd;
mod fan_out;
mod filler;
mod fleet;
mod gateway;
mod machine;
mod million;
mod observer;
mod report;
mod settings;
mod storm;
mod traffic;

use settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let settings = Settings::of(std::env::args().skip(1));
    machine::allow_many_files();
    let build = std::env::current_exe().unwrap();
    let directory = tempfile::tempdir_in(build.parent().unwrap()).unwrap();
    if settings.wants("fan-out") {
        fan_out::measure(&settings, directory.path()).await;
    }
    if settings.wants("storm") {
        storm::measure(&settings, directory.path()).await;
    }
    if settings.wants("million") {
        million::measure(&settings, directory.path()).await;
    }
}
