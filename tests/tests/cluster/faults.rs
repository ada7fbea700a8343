//! The faults, one after the other, and what each did to those who write and sign.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use countersign_proto::v1;
use countersign_tests::eventually;
use rustix::process::Signal;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::history::{History, Outcome};
use crate::setting::{Setting, revision};
use crate::traffic::Traffic;

/// After a fault so many writes have to come before the next one.
const WRITES_AFTER: usize = 20;
/// A member of etcd is away for so long.
const AWAY: Duration = Duration::from_millis(1_500);
/// Longer than a replica waits for one try at etcd.
const HELD: Duration = Duration::from_secs(3);

/// What one fault did.
#[derive(Debug)]
pub(crate) struct Told {
    fault: &'static str,
    acknowledged: usize,
    longest_gap: Duration,
    signed: usize,
}

pub(crate) async fn each(
    setting: &mut Setting,
    history: &History,
    traffic: &Traffic,
    told: &mut Vec<Told>,
) {
    macro_rules! fault {
        ($fault:literal, $gap_max:expr, $does:expr) => {{
            let (begun, signed) = (Instant::now(), traffic.signed());
            Box::pin($does).await;
            let before = history.count();
            eventually(concat!("writing goes on after: ", $fault), async || {
                setting.replicas.iter_mut().for_each(|replica| replica.process.assert_runs());
                (history.count() >= before + WRITES_AFTER).then_some(())
            })
            .await;
            let (acknowledged, longest_gap) = history.since(begun);
            let signed = traffic.signed() - signed;
            let gap_max: Duration = $gap_max;
            assert!(longest_gap < gap_max, "{}: no write for {longest_gap:?}", $fault);
            assert!(signed > 0, "{}: nothing was signed", $fault);
            told.push(Told { fault: $fault, acknowledged, longest_gap, signed });
        }};
    }
    let seconds = Duration::from_secs;
    fault!("none", seconds(3), writes(history, 2 * WRITES_AFTER));
    fault!("etcd's leader killed", seconds(5), member_killed(setting, true));
    fault!("another member of etcd killed", seconds(5), member_killed(setting, false));
    fault!("the leading replica killed", seconds(15), leader_killed(setting));
    fault!("the leading replica paused", seconds(15), leader_paused(setting, history));
    fault!("the leading replica cut off", seconds(20), cut_off(setting, history));
    fault!("the leading replica's answers lost", seconds(20), answers_lost(setting));
    fault!("no quorum", seconds(40), no_quorum(setting, traffic));
    fault!("all replicas restarted in turn", seconds(15), restarted(setting, history));
}

async fn writes(history: &History, count: usize) {
    let before = history.count();
    eventually("writing goes on", async || (history.count() >= before + count).then_some(())).await;
}

async fn member_killed(setting: &mut Setting, is_leader: bool) {
    let leader = setting.members.leader().await;
    let place = if is_leader { leader } else { (leader + 1) % 3 };
    setting.members.kill(place);
    tokio::time::sleep(AWAY).await;
    setting.members.go_on(place);
}

async fn leader_killed(setting: &mut Setting) {
    let leader = setting.leader().await;
    setting.replicas[leader].process.kill();
    setting.leader_of(&setting.others(leader)).await;
    setting.replicas[leader].start_again().await;
}

/// It comes back believing that it leads, and may append nothing.
async fn leader_paused(setting: &mut Setting, history: &History) {
    let leader = setting.leader().await;
    setting.replicas[leader].process.signal(Signal::STOP);
    setting.leader_of(&setting.others(leader)).await;
    writes(history, WRITES_AFTER).await;
    setting.replicas[leader].process.signal(Signal::CONT);
    catches_up(setting, leader).await;
}

/// What it sent meanwhile arrives when the way is open again, long after another one leads.
async fn cut_off(setting: &mut Setting, history: &History) {
    let leader = setting.leader().await;
    setting.gates[leader].iter().for_each(|gate| gate.pass(false, false));
    setting.leader_of(&setting.others(leader)).await;
    writes(history, WRITES_AFTER).await;
    setting.gates[leader].iter().for_each(|gate| gate.pass(true, true));
    catches_up(setting, leader).await;
}

/// What it sends arrives, and is carried out; what etcd says of it never comes.
async fn answers_lost(setting: &mut Setting) {
    let leader = setting.leader().await;
    setting.gates[leader].iter().for_each(|gate| gate.pass(true, false));
    tokio::time::sleep(HELD).await;
    setting.gates[leader].iter().for_each(|gate| {
        gate.break_all();
        gate.pass(true, true);
    });
    catches_up(setting, leader).await;
}

async fn no_quorum(setting: &mut Setting, traffic: &Traffic) {
    let leader = setting.members.leader().await;
    let dead = [leader, (leader + 1) % 3];
    for place in dead {
        setting.members.kill(place);
    }
    let management = setting.replicas[0].management();
    eventually("a write is refused, and why", async || {
        let request = v1::DeleteSignatureKeyRequest {
            signature_key: "nobody".to_owned(),
            ..Default::default()
        };
        let refusal = management.signature_keys().delete_signature_key(request).await.err()?;
        let reason = refusal.get_error_details().error_info()?.reason.clone();
        let is_told = refusal.code() == Code::Unavailable
            && ["LOG_UNAVAILABLE", "NOT_LEADING"].contains(&reason.as_str())
            && refusal.message().contains("etcd does not answer");
        is_told.then_some(())
    })
    .await;
    let signed = traffic.signed();
    for replica in &setting.replicas {
        assert!(revision(&replica.management()).await.is_some(), "reads go on");
    }
    eventually("signing goes on", async || (traffic.signed() > signed + 10).then_some(())).await;
    for place in dead {
        setting.members.go_on(place);
    }
}

/// A client that asks again is told of no failure, and a node misses no revision: it never needs the
/// whole of its table again.
async fn restarted(setting: &mut Setting, history: &History) {
    let (written, again) = (history.count(), history.asked_again());
    for place in 0..setting.replicas.len() {
        let status = setting.replicas[place].process.stop().await;
        assert!(status.success(), "{status}");
        setting.replicas[place].start_again().await;
        writes(history, WRITES_AFTER).await;
    }
    // All of them are new, and so are their counts.
    let snapshots = setting.snapshots_sent().await;
    let (written, again) = (history.count() - written, history.asked_again() - again);
    println!(
        "while all replicas were restarted in turn: {written} writes acknowledged, 0 failed, {again} calls asked \
         again, {snapshots} snapshots to nodes"
    );
    assert_eq!(snapshots, 0, "nodes go on by deltas");
}

/// Whatever it believed, it has what the others have, and runs on.
async fn catches_up(setting: &mut Setting, replica: usize) {
    let other = setting.replicas[(replica + 1) % 3].management();
    let newest = eventually("another answers", async || revision(&other).await).await;
    let here = setting.replicas[replica].management();
    eventually("it has followed", async || {
        setting.replicas[replica].process.assert_runs();
        (revision(&here).await? >= newest).then_some(())
    })
    .await;
}

/// One line for each fault.
pub(crate) fn tell(told: &[Told], rounds: usize, outcome: &Outcome) {
    let mut lines: BTreeMap<usize, (&str, usize, Duration, usize)> = BTreeMap::new();
    let of_round = told.len() / rounds;
    for (place, told) in told.iter().enumerate() {
        let line = lines.entry(place % of_round).or_insert((told.fault, 0, Duration::ZERO, 0));
        (line.1, line.3) = (line.1 + told.acknowledged, line.3 + told.signed);
        line.2 = line.2.max(told.longest_gap);
    }
    println!("{:36} rounds acknowledged lost repeated  longest gap  signed", "fault");
    for (fault, acknowledged, gap, signed) in lines.values() {
        println!("{fault:36} {rounds:6} {acknowledged:12}    0        0 {gap:11.2?}  {signed:6}");
    }
    println!("in all: {outcome}");
}
