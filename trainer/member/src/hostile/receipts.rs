//! A coordinator that says that it counts an upload answers for that with its key: nothing is confirmed otherwise.

use alloy::primitives::keccak256;
use alloy::signers::local::PrivateKeySigner;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::coordinator::{Game, Style};
use super::{Run, coordinator_key};

/// A round in which nothing goes wrong but who signs the receipts: vectors and confirmations of owners.
fn round(seed: u64, by: &PrivateKeySigner) -> [usize; 2] {
    let rng = &mut ChaCha20Rng::seed_from_u64(seed);
    let mut run = Run::new(seed, rng);
    for owner in &run.owners {
        let mut wire = owner.wire.borrow_mut();
        (wire.coordinator, wire.trouble) = (by.clone(), 0);
    }
    let mut plans = (1..).map(|round| run.people.first(round, run.heads[0], rng));
    let plan = plans.find(|plan| run.people.is_agreeable(plan)).unwrap();
    let style = Style { equivocates: 0, greed: false, meddles: 0, forgetful: 0 };
    let mut game = Game::new(&plan, &run.colluders, style, ChaCha20Rng::seed_from_u64(seed));
    game.play(&mut run.owners);
    let owners = &run.owners;
    let is_owner = |account| owners.iter().any(|owner| owner.account == account);
    let confirms = game.confirms.iter().filter(|confirm| is_owner(confirm.body.account));
    [game.vectors.len(), confirms.count()]
}

#[test]
fn hostile_coordinator_is_confirmed_nothing_that_it_does_not_answer_for() {
    let stranger = PrivateKeySigner::from_bytes(&keccak256("stranger")).unwrap();
    let mut sums = [0; 2];
    for seed in 0..8 {
        let honest = round(seed, &coordinator_key());
        sums = [sums[0] + honest[0], sums[1] + honest[1]];
        let [_, confirmed] = round(seed, &stranger);
        assert_eq!(confirmed, 0, "seed {seed}");
    }
    // Where it does, rounds go on.
    assert!(sums[0] > 8 && sums[1] > 8, "{sums:?}");
}
