//! A hostile coordinator against the owner's program.
//!
//! The program is the real one: it goes through rounds, keeps its journal, tries again, passes over,
//! erases. The coordinator shows every owner other rosters, lists, counted sets, confirmations, tests and
//! disputes, refuses answers, ends processes in any call and between any two effects on files, has disks
//! refuse, restores older files and loses journals, has colluding members, chooses thresholds, lets
//! members drop out, plays rounds again, and asks for the same updates in other rounds: with other
//! members, weights, windows or thresholds. Models that it plants and cohorts below the owners' least
//! number have to be refused before anything leaves an owner. In the end everything that it has is put
//! into one system of linear equations: masked vectors, less the masks whose secrets it has or recovers
//! from shares, against the owners' updates. Nothing may follow but the sums that honest members have
//! unmasked.
//!
//! Of owners whose files are restored or lost there are so few, with the colluders, as the protocol
//! allows: fewer than `2t − n`.

mod algebra;
mod coordinator;
mod distant;
mod endless;
mod folders;
mod knowledge;
mod plans;
mod program;
mod receipts;
mod restored;
pub(crate) mod untrained;
mod wire;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use alloy::primitives::{Address, B256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zktrain_secagg::group::default_threshold;
use zktrain_secagg::plan::Plan;
use zktrain_secagg::policy::{Policy, third};

use self::coordinator::{Colluder, Game, Style};
use self::knowledge::Ledger;
use self::plans::People;
use self::program::Program;
use self::untrained::facts;
use self::wire::Wire;
use super::PublicProject;

/// What came of many runs.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    /// Masked vectors that the coordinator was sent.
    vectors: usize,
    /// Sums that it knows.
    sums: usize,
    /// Rounds whose terms owners do not agree to.
    refused: usize,
    /// Rounds with another threshold than the default that owners agree to.
    chosen: usize,
    /// Rounds that ask for the updates of an earlier one.
    repeated: usize,
    /// Of these, those that ask for something else as well.
    changed: usize,
    /// Rounds with a model that does not follow from the one before.
    planted: usize,
    /// Rounds with too few members, or too few with weight.
    shrunk: usize,
    /// Processes that ended between two effects on files, and disks that refused one.
    troubles: usize,
    /// Proofs that owners have handed in to the contract.
    forced: usize,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.vectors += other.vectors;
        self.sums += other.sums;
        self.refused += other.refused;
        self.chosen += other.chosen;
        self.repeated += other.repeated;
        self.changed += other.changed;
        self.planted += other.planted;
        self.shrunk += other.shrunk;
        self.troubles += other.troubles;
        self.forced += other.forced;
    }
}

static FACTS: OnceLock<PublicProject> = OnceLock::new();

fn style(rng: &mut ChaCha20Rng, spare: usize) -> Style {
    let pick = |rng: &mut ChaCha20Rng, of: &[u32]| of[rng.gen_range(0..of.len())];
    Style {
        equivocates: pick(rng, &[0, 0, 10, 30, 60]),
        greed: rng.gen_ratio(1, 4),
        meddles: pick(rng, &[0, 0, 10, 40]),
        // Each of them works again and again, and there are so many independent blindings only.
        forgetful: rng.gen_range(0..=spare.min(3)),
    }
}

fn coordinator_key() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256("coordinator")).unwrap()
}

/// A round, which later ones may repeat.
struct Chain {
    plan: Plan,
    style: Style,
    /// Owners that have lost files since its model was first trained on.
    forgetful: Vec<Address>,
}

/// Some rounds of one group.
struct Run {
    seed: u64,
    people: People,
    colluders: Vec<Colluder>,
    owners: Vec<Program>,
    ledger: Ledger,
    /// The versions of the model, as all owners have computed them.
    heads: Vec<B256>,
    chain: Option<Chain>,
    round: u64,
}

impl Run {
    fn new(seed: u64, rng: &mut ChaCha20Rng) -> Self {
        let count = rng.gen_range(4..=7usize);
        let mut signers: Vec<PrivateKeySigner> = (0..count as u64)
            .map(|n| PrivateKeySigner::from_bytes(&keccak256((seed, n).abi())).unwrap())
            .collect();
        signers.sort_by_key(PrivateKeySigner::address);
        let colluding = rng.gen_range(0..=third(count) as usize);
        // Colluders are last or first, or in the middle.
        let from = rng.gen_range(0..=count - colluding);
        let least = [3, 3, count as u32 - 1][rng.gen_range(0..3)];
        let trouble = [0, 20, 100][rng.gen_range(0..3)];
        let coordinator = coordinator_key().address();
        let (all, colluding_accounts) = (Vec::new(), Vec::new());
        let people = People { all, colluding: colluding_accounts, coordinator, least };
        let (ledger, heads, chain, round) = (Ledger::default(), Vec::new(), None, 0);
        let (colluders, owners) = (Vec::new(), Vec::new());
        let mut run = Self { seed, people, colluders, owners, ledger, heads, chain, round };
        for (index, signer) in signers.into_iter().enumerate() {
            run.join(signer, (from..from + colluding).contains(&index), trouble, rng);
        }
        run.advance(rng);
        run
    }

    fn join(
        &mut self,
        signer: PrivateKeySigner,
        colludes: bool,
        trouble: u32,
        r: &mut ChaCha20Rng,
    ) {
        let windows = plans::windows(r);
        self.people.all.push(plans::member(&signer, windows));
        if colludes {
            self.people.colluding.push(signer.address());
            self.colluders.push(Colluder { signer, secret: r.r#gen() });
            return;
        }
        let wire = Wire {
            notices: Vec::new(),
            sent: Vec::new(),
            rng: ChaCha20Rng::from_seed(r.r#gen()),
            trouble,
            greedy: false,
            loses_uploads: false,
            hung: false,
            coordinator: coordinator_key(),
            plan: None,
            uploaded: None,
        };
        let policy = Policy { least: self.people.least, max_share: 1 << 15, ..Policy::default() };
        let facts = PublicProject { windows, ..FACTS.get_or_init(facts).clone() };
        self.owners.push(Program::new(signer, &facts, policy, wire));
    }

    /// Another version of the model, as after a sum. Owners have computed it.
    fn advance(&mut self, rng: &mut ChaCha20Rng) -> B256 {
        let head = plans::hash(rng);
        self.heads.push(head);
        self.owners.iter_mut().for_each(|owner| owner.head = head);
        head
    }

    /// A round with a new version, or one that asks for the updates of the last round again.
    fn next(&mut self, rng: &mut ChaCha20Rng, tally: &mut Tally) {
        self.round += 1;
        let repeated = self.chain.take().filter(|_| rng.gen_ratio(1, 2));
        let chain = match repeated {
            Some(chain) => {
                let forgetful = chain.forgetful.len();
                let plan = self.people.repeat(&chain.plan, self.round, forgetful, rng);
                tally.repeated += 1;
                let same = Plan { round: self.round, ..chain.plan.clone() };
                tally.changed += usize::from(plan != same);
                Chain { plan, ..chain }
            }
            None => {
                let head = self.advance(rng);
                let plan = self.people.first(self.round, head, rng);
                let style = style(rng, self.people.spare(&plan));
                Chain { plan, style, forgetful: Vec::new() }
            }
        };
        let forgetful = self.play(&chain, rng, tally);
        self.chain = Some(Chain { forgetful, ..chain });
    }

    /// Plays a round. Who has forgotten something by then.
    fn play(&mut self, chain: &Chain, rng: &mut ChaCha20Rng, tally: &mut Tally) -> Vec<Address> {
        let plan = &chain.plan;
        let forgetful = chain.style.forgetful.min(self.people.spare(plan));
        let style = Style { forgetful, ..chain.style };
        let is_agreeable = self.people.is_agreeable(plan);
        let is_default = plan.threshold == default_threshold(plan.members.len());
        tally.refused += usize::from(!is_agreeable);
        tally.chosen += usize::from(is_agreeable && !is_default);
        let rounds = ChaCha20Rng::from_seed(rng.r#gen());
        let mut game = Game::new(plan, &self.colluders, style, rounds);
        game.forgetful.clone_from(&chain.forgetful);
        game.play(&mut self.owners);
        // The same round once more: what is over is not entered anew.
        if rng.gen_ratio(1, 3) {
            game.play(&mut self.owners);
        }
        tally.vectors += game.vectors.len();
        tally.forced += game.forced.len();
        let seed = self.seed;
        assert!(is_agreeable || game.heard == 0, "seed {seed}: terms that nobody agrees to");
        self.ledger.add(&game, &self.owners, &self.people);
        game.forgetful
    }

    fn trained(&self) -> usize {
        self.owners.iter().map(|owner| owner.seat.worker.made.borrow().len()).sum()
    }

    /// A round that owners have to refuse, whatever they have done before: its model is planted, an
    /// older one or any, or it is one of too few. Nothing leaves them, and nothing is trained.
    fn refused(&mut self, rng: &mut ChaCha20Rng, tally: &mut Tally) {
        self.round += 1;
        let head = self.heads.last().copied().unwrap_or_default();
        let mut plan = self.people.first(self.round, head, rng);
        if rng.gen_ratio(1, 2) {
            let older = &self.heads[..self.heads.len() - 1];
            let older = older.choose(rng).copied().filter(|_| rng.gen_ratio(1, 2));
            plan.parent = older.unwrap_or_else(|| plans::hash(rng));
            tally.planted += 1;
        } else {
            self.people.shrink(&mut plan, rng);
            tally.shrunk += 1;
        }
        let style = style(rng, 0);
        let trained = self.trained();
        let rounds = ChaCha20Rng::from_seed(rng.r#gen());
        let mut game = Game::new(&plan, &self.colluders, style, rounds);
        game.play(&mut self.owners);
        let has_left = game.heard;
        let seed = self.seed;
        assert_eq!((has_left, self.trained()), (0, trained), "seed {seed}: {plan:?} was followed");
    }
}

/// Some rounds of one group, by a seed. What leaks.
fn run(seed: u64, tally: &mut Tally) -> Vec<String> {
    let rng = &mut ChaCha20Rng::seed_from_u64(seed);
    let mut run = Run::new(seed, rng);
    for _ in 0..rng.gen_range(1..=3) {
        if rng.gen_ratio(1, 4) {
            run.refused(rng, tally);
        }
        run.next(rng, tally);
    }
    tally.troubles += run.owners.iter().map(|owner| owner.troubles).sum::<usize>();
    let (leaks, sums) = run.ledger.judge();
    tally.sums += sums;
    leaks
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

/// Tells the seed of a run that fails, and has the other threads stop.
struct Guard<'a> {
    next: &'a AtomicU64,
    last: u64,
    seed: u64,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {} fails", self.seed);
            self.next.store(self.last, Ordering::Relaxed);
        }
    }
}

/// Runs seeds until there are none left.
fn runs(next: &AtomicU64, last: u64) -> Tally {
    let (mut tally, mut guard) = (Tally::default(), Guard { next, last, seed: 0 });
    loop {
        guard.seed = next.fetch_add(1, Ordering::Relaxed);
        if guard.seed >= last {
            return tally;
        }
        let leaks = run(guard.seed, &mut tally);
        assert!(leaks.is_empty(), "{leaks:#?}");
    }
}

/// 200 runs, or as many as `ZKTRAIN_HOSTILE_RUNS` says, from `ZKTRAIN_HOSTILE_SEED` on.
#[test]
fn hostile_coordinator_learns_nothing_but_sums() {
    let number =
        |name: &str, or: u64| std::env::var(name).ok().map_or(or, |text| text.parse().unwrap());
    let (runs, first) = (number("ZKTRAIN_HOSTILE_RUNS", 200), number("ZKTRAIN_HOSTILE_SEED", 0));
    let (last, next) = (first + runs, AtomicU64::new(first));
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| self::runs(&next, last))).collect();
        threads.into_iter().for_each(|thread| tally.add(&thread.join().unwrap()));
    });
    println!("{runs} runs: {tally:?}");
    // It is no use if nothing is ever summed, or nothing is ever sent.
    if runs >= 100 {
        assert!(tally.sums as u64 > runs / 10 && tally.vectors as u64 > 3 * runs, "{tally:?}");
        let Tally { refused, chosen, repeated, changed, planted, shrunk, .. } = tally;
        let Tally { troubles, forced, .. } = tally;
        let played = [refused, chosen, repeated, changed, planted, shrunk, troubles, forced];
        assert!(played.iter().all(|count| *count > 3), "{tally:?}");
    }
}
