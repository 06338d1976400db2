//! A hostile coordinator against the owner's program.
//!
//! The program is the real one: it goes through rounds, keeps its journal, tries again, passes over,
//! erases. The coordinator shows every owner other rosters, lists, counted sets, confirmations, tests and
//! disputes, refuses answers, ends processes in any call, restores older files and loses journals, has
//! colluding members, chooses thresholds, lets members drop out, and plays rounds again. In the end
//! everything that it has is put into one system of linear equations: masked vectors, less the masks
//! whose secrets it has or recovers from shares, against the owners' updates. Nothing may follow but the
//! sums that honest members have unmasked.
//!
//! Of owners whose files are restored or lost there are so few, with the colluders, as the protocol
//! allows: fewer than `2t − n`.

mod algebra;
mod coordinator;
mod knowledge;
mod program;

use std::cell::OnceCell;

use alloy::primitives::{Address, B256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zktrain_network::plan::{Plan, PlanMember, Timing, VERSION};
use zktrain_network::secagg::group::default_threshold;
use zktrain_network::secagg::policy::{Policy, third};

use self::coordinator::{Colluder, Game, Style};
use self::knowledge::Ledger;
use self::program::{Program, Wire, facts};
use super::Facts;

/// What came of many runs.
#[derive(Debug, Default)]
struct Tally {
    vectors: usize,
    sums: usize,
    refused: usize,
}

thread_local! {
    static FACTS: OnceCell<Facts> = const { OnceCell::new() };
}

fn known_facts() -> Facts {
    FACTS.with(|known| known.get_or_init(facts).clone())
}

fn plan(signers: &[PrivateKeySigner], round: u64, threshold: u32, rng: &mut ChaCha20Rng) -> Plan {
    let count = signers.len() as u32;
    let share = (1 << 16) / count;
    let member = |(index, signer): (usize, &PrivateKeySigner)| PlanMember {
        account: signer.address(),
        dataset: B256::repeat_byte(5),
        windows: 1,
        weight: if index == 0 { (1 << 16) - share * (count - 1) } else { share },
    };
    let phase = 10;
    Plan {
        version: VERSION,
        chain_id: 31337,
        rounds: Address::repeat_byte(1),
        domain: 1,
        round,
        coordinator: PrivateKeySigner::from_bytes(&keccak256("coordinator")).unwrap().address(),
        spec: B256::ZERO,
        // Another parent each round, as after a sum.
        parent: keccak256(rng.r#gen::<[u8; 32]>()),
        nonce: B256::repeat_byte(6),
        system: 1,
        optimistic: true,
        threshold,
        least: 1,
        members: signers.iter().enumerate().map(member).collect(),
        timing: Timing {
            keys: phase,
            shares: phase,
            uploads: phase,
            confirm: phase,
            unmask: phase,
            defence: phase,
        },
    }
}

fn style(rng: &mut ChaCha20Rng, spare: usize) -> Style {
    let pick = |rng: &mut ChaCha20Rng, of: &[u32]| of[rng.gen_range(0..of.len())];
    Style {
        equivocates: pick(rng, &[0, 0, 10, 30, 60]),
        greed: rng.gen_ratio(1, 4),
        meddles: pick(rng, &[0, 0, 10, 40]),
        forgetful: if spare == 0 { 0 } else { rng.gen_range(0..=spare) },
    }
}

/// Some rounds of one group, by a seed. What leaks.
fn run(seed: u64, tally: &mut Tally) -> Vec<String> {
    let rng = &mut ChaCha20Rng::seed_from_u64(seed);
    let count = rng.gen_range(4..=7usize);
    let mut signers: Vec<PrivateKeySigner> = (0..count as u64)
        .map(|n| PrivateKeySigner::from_bytes(&keccak256((seed, n).abi())).unwrap())
        .collect();
    signers.sort_by_key(PrivateKeySigner::address);
    let colluding = rng.gen_range(0..=third(count) as usize);
    let facts = known_facts();
    let policy = Policy { least: 2, max_share: 1 << 15, ..Policy::default() };
    let coordinator = PrivateKeySigner::from_bytes(&keccak256("coordinator")).unwrap();
    // Whoever colludes is last or first, or in the middle.
    let from = rng.gen_range(0..=count - colluding);
    let is_colluding = |index: usize| (from..from + colluding).contains(&index);
    let trouble = [0, 20, 100][rng.gen_range(0..3)];
    let mut owners: Vec<Program> = Vec::new();
    let mut colluders = Vec::new();
    for (index, signer) in signers.iter().enumerate() {
        if is_colluding(index) {
            colluders.push(Colluder { signer: signer.clone(), secret: rng.r#gen() });
            continue;
        }
        let wire = Wire {
            notices: Vec::new(),
            sent: Vec::new(),
            rng: ChaCha20Rng::from_seed(rng.r#gen()),
            trouble,
            greedy: false,
            hung: false,
            coordinator: coordinator.clone(),
            plan: None,
        };
        owners.push(Program::new(signer.clone(), &facts, policy.clone(), wire));
    }
    let mut ledger = Ledger::default();
    let (mut last, mut forgetful): (Option<(Plan, Style)>, Vec<Address>) = Default::default();
    for round in 1..=rng.gen_range(1..=3) {
        // A round that asks for the same updates again, or one after a sum.
        let repeated = last.take().filter(|_| rng.gen_ratio(1, 2));
        let (plan, style) = match repeated {
            Some((plan, style)) => (Plan { round, nonce: keccak256([round as u8]), ..plan }, style),
            None => {
                forgetful.clear();
                let any = rng.gen_range(1..=count as u32);
                let threshold = if rng.gen_ratio(2, 3) { default_threshold(count) } else { any };
                let spare = (2 * threshold as usize).saturating_sub(count + colluding + 1);
                (plan(&signers, round, threshold, rng), style(rng, spare))
            }
        };
        let accepted = policy.check_plan(&plan, owners[0].account).is_ok();
        tally.refused += usize::from(!accepted);
        let mut game = Game::new(&plan, &colluders, style, ChaCha20Rng::from_seed(rng.r#gen()));
        game.forgetful = forgetful.clone();
        game.play(&mut owners);
        // The same round once more: what is over is not entered anew.
        if rng.gen_ratio(1, 3) {
            game.play(&mut owners);
        }
        tally.vectors += game.vectors.len();
        assert!(accepted || game.vectors.is_empty(), "seed {seed}: a refused plan was followed");
        ledger.add(&game, &owners);
        forgetful.clone_from(&game.forgetful);
        last = Some((plan, style));
    }
    tally.sums += ledger.sums();
    ledger.leaks()
}

/// Bytes of a pair of numbers.
trait Bytes {
    fn abi(&self) -> [u8; 16];
}

impl Bytes for (u64, u64) {
    fn abi(&self) -> [u8; 16] {
        let mut out = [0; 16];
        out[..8].copy_from_slice(&self.0.to_be_bytes());
        out[8..].copy_from_slice(&self.1.to_be_bytes());
        out
    }
}

/// 200 runs, or as many as `ZKTRAIN_HOSTILE_RUNS` says, from `ZKTRAIN_HOSTILE_SEED` on.
#[test]
fn hostile_coordinator_learns_nothing_but_sums() {
    let number =
        |name: &str, or: u64| std::env::var(name).ok().map_or(or, |text| text.parse().unwrap());
    let (runs, first) = (number("ZKTRAIN_HOSTILE_RUNS", 200), number("ZKTRAIN_HOSTILE_SEED", 0));
    let mut tally = Tally::default();
    for seed in first..first + runs {
        let leaks = run(seed, &mut tally);
        assert!(leaks.is_empty(), "seed {seed}: {leaks:#?}");
    }
    println!("{runs} runs: {tally:?}");
    // It is no use if nothing is ever summed, or nothing is ever sent.
    if runs >= 100 {
        assert!(tally.sums as u64 > runs / 10 && tally.vectors as u64 > 3 * runs, "{tally:?}");
    }
}
