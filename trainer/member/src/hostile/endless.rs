//! A coordinator that always has one more thing to tell.

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zktrain_wire::messages::Notice;

use super::Run;
use crate::outcome;

/// A member that is left out answers nothing and waits for the end: which would never come, and the round's
/// secrets would stay as long.
#[test]
fn hostile_coordinator_keeps_nobody_with_notices_without_end() {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let mut run = Run::new(1, rng);
    let mut plans = (1..).map(|round| run.people.first(round, run.heads[0], rng));
    let plan = plans.find(|plan| run.people.is_agreeable(plan)).unwrap();
    let is_member = |account| plan.members.iter().any(|member| member.account == account);
    let owner = run.owners.iter_mut().find(|owner| is_member(owner.account)).unwrap();
    owner.wire.borrow_mut().trouble = 0;
    owner.start(&plan);
    assert!(owner.runs(), "it waits for the first notice");
    owner.wire.borrow_mut().notices = vec![Notice::Roster(Vec::new()); 1000];
    owner.poll(&plan);
    assert!(!owner.runs() && !owner.takes_part);
    assert!(outcome::is_over(&owner.seat.project, plan.round).unwrap(), "its secrets are erased");
}
