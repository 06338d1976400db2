//! A round of many members: how long the coordinator takes, and its memory.

use std::time::{Duration, Instant};

use zktrain_secagg::group::default_threshold;
use zktrain_wire::messages::Phase;

use crate::world::{Round, World};

/// Peak memory of this process in MiB, where the system tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? / 1024)
}

/// Fifty members, or as many as `ZKTRAIN_TEST_MEMBERS` says: the members' own work grows with the
/// square of their number.
#[test]
fn many_members() {
    let members = std::env::var("ZKTRAIN_TEST_MEMBERS").ok().and_then(|count| count.parse().ok());
    let members = members.unwrap_or(50usize);
    let mut round = Round::new(World::of(members, default_threshold(members)));
    let all = round.all();
    let (mut coordinator, started) = (Duration::ZERO, Instant::now());
    while round.machine.phase() < Phase::Sum {
        let mut said = Vec::new();
        for index in &all {
            // What members wait for is made once; the time of their own work is theirs.
            let begun = Instant::now();
            let account = round.world.account(*index);
            let notice = round.machine.notice(account, round.peers[*index].next);
            coordinator += begun.elapsed();
            drop(notice);
            said.push(round.said(*index));
        }
        let begun = Instant::now();
        for (index, said) in all.iter().zip(said) {
            for what in said {
                round.send(*index, what).unwrap();
            }
        }
        if round.machine.phase() == Phase::Uploads {
            round.accept(&all);
        }
        coordinator += begun.elapsed();
        println!("{:?}: {coordinator:?} in all, peak {:?} MiB", round.machine.phase(), peak());
    }
    let begun = Instant::now();
    let sum = round.sum().unwrap();
    println!("sum of {} vectors: {:?}", all.len(), begun.elapsed());
    assert_eq!(sum, round.world.expected(&round.world.accounts(&all)));
    println!("with all members' work: {:?}, peak {:?} MiB", started.elapsed(), peak());
}
