//! Rounds that a hostile coordinator asks for: first ones with a model, some that repeat them with
//! something changed, and some that owners have to refuse.

use alloy::primitives::{Address, B256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha20Rng;
use zktrain_secagg::group::default_threshold;
use zktrain_secagg::plan::{Plan, PlanMember, Timing, VERSION};
use zktrain_secagg::policy::third;

const WEIGHT: u32 = 1 << 16;

/// Who may be in rounds.
pub struct People {
    /// In the order of accounts. Windows are few, so that they are drawn again.
    pub all: Vec<PlanMember>,
    pub colluding: Vec<Address>,
    pub coordinator: Address,
    /// Members with weight that owners ask for at least.
    pub least: u32,
}

/// A fresh random hash.
pub fn hash(rng: &mut ChaCha20Rng) -> B256 {
    keccak256(rng.r#gen::<[u8; 32]>())
}

/// The same weight for all; what is left over is the first one's.
fn even(members: &mut [PlanMember]) {
    let share = WEIGHT / (members.len() as u32).max(1);
    members.iter_mut().for_each(|member| member.weight = share);
    let rest = WEIGHT - share * members.len() as u32;
    members.iter_mut().take(1).for_each(|first| first.weight += rest);
}

/// Somebody gets some of another's weight.
fn shift(members: &mut [PlanMember], rng: &mut ChaCha20Rng) {
    let places: Vec<usize> = (0..members.len()).collect();
    let two: Vec<usize> = places.choose_multiple(rng, 2).copied().collect();
    if let [from, to] = two[..] {
        let moved = rng.gen_range(1..=(members[from].weight / 2).max(1));
        members[from].weight -= moved;
        members[to].weight += moved;
    }
}

impl People {
    fn colluding_in(&self, plan: &Plan) -> usize {
        self.colluding.iter().filter(|account| plan.member(**account).is_some()).count()
    }

    /// So many owners may forget something in a round, besides those that collude.
    pub fn spare(&self, plan: &Plan) -> usize {
        let both = plan.members.len() + self.colluding_in(plan);
        (2 * plan.threshold as usize).saturating_sub(both + 1)
    }

    /// Whether no more collude than owners suppose.
    pub fn is_fair(&self, plan: &Plan) -> bool {
        self.colluding_in(plan) <= third(plan.members.len()) as usize
    }

    /// Whether owners may follow a plan, by the rules as they are written.
    pub fn is_agreeable(&self, plan: &Plan) -> bool {
        let (members, threshold) = (plan.members.len(), plan.threshold as usize);
        let weighty = plan.members.iter().filter(|member| member.weight > 0).count();
        threshold <= members
            && 2 * threshold > members + third(members) as usize
            && weighty >= self.least as usize
    }

    /// Whether a set may be summed, by the rules as they are written.
    pub fn may_be_summed(&self, plan: &Plan, counted: &[Address]) -> bool {
        let weights = counted.iter().filter_map(|account| plan.member(*account));
        let weights: Vec<u32> = weights.map(|member| member.weight).filter(|w| *w > 0).collect();
        let total: u32 = weights.iter().sum();
        weights.len() >= self.least as usize && weights.iter().all(|weight| 2 * weight <= total)
    }

    /// The default, or any.
    fn threshold(members: usize, rng: &mut ChaCha20Rng) -> u32 {
        let any = rng.gen_range(1..=members as u32 + 1);
        if rng.gen_ratio(2, 3) { default_threshold(members) } else { any }
    }

    /// A round that starts from a model.
    pub fn first(&self, round: u64, parent: B256, rng: &mut ChaCha20Rng) -> Plan {
        let mut fewer = self.all.clone();
        // Somebody is not there yet.
        if fewer.len() > 4 && rng.gen_ratio(1, 3) {
            fewer.remove(rng.gen_range(0..fewer.len()));
        }
        let nonce = hash(rng);
        let some = self.plan(round, parent, nonce, fewer, rng);
        match self.is_fair(&some) {
            true => some,
            false => self.plan(round, parent, nonce, self.all.clone(), rng),
        }
    }

    fn plan(
        &self,
        round: u64,
        parent: B256,
        nonce: B256,
        mut members: Vec<PlanMember>,
        rng: &mut ChaCha20Rng,
    ) -> Plan {
        even(&mut members);
        if rng.gen_ratio(1, 3) {
            shift(&mut members, rng);
        }
        let phase = 10;
        let timing = Timing::even(phase);
        Plan {
            version: VERSION,
            chain_id: 31337,
            rounds: Address::repeat_byte(1),
            domain: 1,
            round,
            coordinator: self.coordinator,
            spec: B256::ZERO,
            parent,
            nonce,
            system: 1,
            optimistic: true,
            threshold: Self::threshold(members.len(), rng),
            least: 1,
            members,
            timing,
        }
    }

    /// A round with the same model as another one: the very same, or with other members, weights,
    /// windows or another threshold. `forgetful` owners have lost something since.
    pub fn repeat(&self, plan: &Plan, round: u64, forgetful: usize, rng: &mut ChaCha20Rng) -> Plan {
        let same = Plan { round, ..plan.clone() };
        if rng.gen_ratio(1, 4) {
            return same;
        }
        let mut other = same.clone();
        if rng.gen_ratio(1, 2) {
            other.nonce = hash(rng);
        }
        if rng.gen_ratio(1, 3) {
            self.exchange(&mut other.members, rng);
        }
        if rng.gen_ratio(1, 4) {
            shift(&mut other.members, rng);
        }
        if rng.gen_ratio(1, 6) {
            other.threshold = Self::threshold(other.members.len(), rng);
        }
        if rng.gen_ratio(1, 4) {
            self.redraw(&mut other.members, rng);
        }
        match self.is_fair(&other) && self.spare(&other) >= forgetful {
            true => other,
            false => same,
        }
    }

    /// Members are left out, or replaced by others.
    fn exchange(&self, members: &mut Vec<PlanMember>, rng: &mut ChaCha20Rng) {
        let is_in = |account: Address| members.iter().any(|member| member.account == account);
        let outside: Vec<PlanMember> =
            self.all.iter().filter(|member| !is_in(member.account)).cloned().collect();
        if members.len() > 3 && (outside.is_empty() || rng.gen_ratio(2, 3)) {
            members.remove(rng.gen_range(0..members.len()));
        }
        if let Some(new) = outside.choose(rng).filter(|_| rng.gen_ratio(2, 3)) {
            members.push(new.clone());
            members.sort_by_key(|member| member.account);
        }
        even(members);
    }

    /// Those who collude say something else of their data. Owners know their own.
    fn redraw(&self, members: &mut [PlanMember], rng: &mut ChaCha20Rng) {
        let colluding = members.iter_mut().filter(|m| self.colluding.contains(&m.account));
        for member in colluding {
            member.windows = rng.gen_range(1..=4);
            member.dataset = B256::repeat_byte(rng.r#gen());
        }
    }

    /// Makes a cohort of a plan that is smaller than owners agree to: in members, or in weight.
    pub fn shrink(&self, plan: &mut Plan, rng: &mut ChaCha20Rng) {
        let few = self.least as usize - 1;
        plan.members.shuffle(rng);
        even(&mut plan.members[..few]);
        if rng.gen_ratio(1, 2) {
            plan.members.truncate(few);
            plan.threshold = few as u32;
        } else {
            plan.members[few..].iter_mut().for_each(|member| member.weight = 0);
            plan.threshold = default_threshold(plan.members.len());
        }
        plan.members.sort_by_key(|member| member.account);
    }
}

/// Windows of an owner's data.
pub fn windows(rng: &mut ChaCha20Rng) -> u64 {
    [1, 1, 2, 3][rng.gen_range(0..4)]
}

/// A member without weight yet.
pub fn member(signer: &PrivateKeySigner, windows: u64) -> PlanMember {
    PlanMember { account: signer.address(), dataset: B256::repeat_byte(5), windows, weight: 0 }
}
