//! Rounds under random faults, in virtual time: they end in time, their sums are right, they can be
//! rebuilt from what was stored, and no honest member is accused.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256};
use proptest::prelude::*;
use zktrain_coordinator::machine::{
    Action, MisdeedKind, ProofVerdict, RoundEvent, SumResult, TrialResult,
};
use zktrain_wire::messages::{End, MemberMessage, Phase, Refusal};

use crate::world::{Cheat, Round, TIMING, World};

/// What a member is like.
#[derive(Clone, Copy, Debug)]
struct Nature {
    /// It answers nothing from this many notices on.
    silent_from: u32,
    /// How long it takes to answer, in per mille of the phase.
    slow: u64,
    forgets: bool,
    /// Sends what it sent before, what is of another phase or not its own, and something else
    /// than before.
    noisy: bool,
    cheat: Option<Cheat>,
}

/// How jobs go.
#[derive(Clone, Copy, Debug)]
struct Jobs {
    /// How long they take, in per mille of their time.
    slow: u64,
    fail: bool,
    /// Defences contradict each other first.
    dispute: bool,
}

fn nature() -> impl Strategy<Value = Nature> {
    let silent = prop_oneof![6 => Just(9u32), 1 => 0..7u32];
    let slow = prop_oneof![6 => 0..900u64, 1 => 900..1500u64];
    let cheat = prop_oneof![
        8 => Just(None),
        1 => Just(Some(Cheat::Share)),
        1 => Just(Some(Cheat::Proof)),
        1 => Just(Some(Cheat::Vector)),
    ];
    (silent, slow, any::<bool>(), any::<bool>(), cheat).prop_map(
        |(silent_from, slow, forgets, noisy, cheat)| Nature {
            silent_from,
            slow,
            forgets,
            noisy,
            cheat,
        },
    )
}

fn jobs() -> impl Strategy<Value = Jobs> {
    let slow = prop_oneof![8 => 0..500u64, 1 => 500..1500u64];
    (slow, prop_oneof![12 => Just(false), 1 => Just(true)], any::<bool>())
        .prop_map(|(slow, fail, dispute)| Jobs { slow, fail, dispute })
}

/// Something that is to happen.
#[derive(Clone, Debug)]
enum Task {
    /// A member reads its notices and answers.
    Poll(usize),
    /// What a member has made some time ago arrives.
    Arrive(usize, Vec<MemberMessage>),
    Result(RoundEvent),
}

struct Schedule {
    round: Round,
    natures: Vec<Nature>,
    jobs: Jobs,
    /// By time and number.
    queue: BTreeMap<(u64, u64), Task>,
    tasks: u64,
    /// What was taken of each member.
    taken: Vec<Vec<MemberMessage>>,
    /// Actions that were followed.
    followed: usize,
    right: bool,
}

impl Schedule {
    fn new(world: World, natures: Vec<Nature>, jobs: Jobs) -> Self {
        let mut round = Round::new(world);
        for (peer, nature) in round.peers.iter_mut().zip(&natures) {
            (peer.cheat, peer.forgets) = (nature.cheat, nature.forgets);
        }
        let taken = vec![Vec::new(); natures.len()];
        let (queue, tasks, followed, right) = Default::default();
        Self { round, natures, jobs, queue, tasks, taken, followed, right }
    }

    fn plan(&mut self, delay: u64, task: Task) {
        self.tasks += 1;
        self.queue.insert((self.round.now + delay, self.tasks), task);
    }

    /// Per mille of what is left of the phase.
    fn part(&self, slow: u64) -> u64 {
        let deadline = self.round.machine.deadline().unwrap_or_default();
        deadline.saturating_sub(self.round.now) * slow / 1000
    }

    /// Whether something new was published wakes everybody; jobs begin.
    fn follow(&mut self, published: bool) {
        let actions: Vec<Action> = self.round.actions[self.followed..].to_vec();
        self.followed = self.round.actions.len();
        let delay = self.part(self.jobs.slow);
        for action in actions {
            let event = match action {
                Action::Judge { account } => Some(self.judge(account)),
                Action::Sum => Some(RoundEvent::Summed(self.sum())),
                Action::Try => Some(RoundEvent::Tried(self.trial())),
                _ => None,
            };
            event.into_iter().for_each(|event| self.plan(delay, Task::Result(event)));
        }
        if published {
            (0..self.natures.len()).for_each(|index| self.plan(0, Task::Poll(index)));
        }
    }

    fn judge(&self, account: Address) -> RoundEvent {
        let cheat = self.natures[self.round.world.index(account)].cheat;
        let verdict = match cheat {
            Some(Cheat::Proof) => ProofVerdict::Rejected { signed: true, why: "wrong".into() },
            _ => ProofVerdict::Accepted,
        };
        RoundEvent::Judged { account, verdict }
    }

    fn sum(&mut self) -> SumResult {
        if self.jobs.fail {
            return SumResult::Failed;
        }
        let expected = self.round.world.expected(self.round.machine.counted());
        match self.round.sum() {
            Ok(sum) => {
                self.right = sum == expected;
                let model = B256::repeat_byte(1);
                if self.right { SumResult::Right { model } } else { SumResult::Wrong }
            }
            Err(result) => result,
        }
    }

    /// Blames those that uploaded something else, and those that are silent.
    fn trial(&self) -> TrialResult {
        let (round, defences) = (&self.round, self.round.machine.defences());
        if self.jobs.fail {
            return TrialResult::Failed;
        }
        let wrong = |a: &&_| self.natures[round.world.index(**a)].cheat == Some(Cheat::Vector);
        let counted = round.machine.counted();
        let defended: Vec<_> = defences.keys().copied().collect();
        if self.jobs.dispute
            && round.machine.phase() == Phase::Defence
            && let (Some(a), Some(b)) = (defended.first(), defended.iter().find(wrong))
            && a != b
        {
            return TrialResult::Disputes(vec![(*a, vec![*b]), (*b, vec![*a])]);
        }
        let blamed = counted.iter().filter(|a| wrong(a) || !defences.contains_key(*a));
        TrialResult::Guilty(blamed.copied().collect())
    }

    fn poll(&mut self, index: usize) {
        let nature = self.natures[index];
        if self.round.peers[index].next >= nature.silent_from {
            return;
        }
        let said = self.round.said(index);
        if !said.is_empty() {
            self.plan(self.part(nature.slow), Task::Arrive(index, said));
        }
    }

    fn arrive(&mut self, index: usize, said: Vec<MemberMessage>) {
        if self.natures[index].noisy {
            self.make_noise(index, &said);
        }
        for what in said {
            match self.round.send(index, what.clone()) {
                Ok(_) => self.taken[index].push(what),
                Err(Refusal::WrongPhase { .. }) => {}
                // A convicted dealer, or a sender that is late for an earlier phase.
                Err(Refusal::Invalid(_)) => {}
                Err(other) => panic!("{other}"),
            }
        }
    }

    /// Nothing of this is new, or it is refused.
    fn make_noise(&mut self, index: usize, said: &[MemberMessage]) {
        let before = (self.round.machine.progress(), self.round.log.len());
        for what in self.taken[index].clone() {
            self.round.send(index, what).expect("it was taken before");
        }
        let other = (index + 1) % self.natures.len();
        for what in said.iter().chain(&self.taken[other].clone()) {
            let from = self.round.world.account(if said.contains(what) { other } else { index });
            self.round.machine.check(from, what).expect_err("it speaks for another member");
        }
        for what in self.taken[index].clone() {
            let MemberMessage::Upload(upload) = what else { continue };
            let mut body = upload.body;
            body.masked = B256::repeat_byte(8);
            let what = MemberMessage::Upload(self.round.world.sign(index, body));
            self.round.send(index, what).expect_err("it has uploaded something else");
        }
        assert_eq!(before, (self.round.machine.progress(), self.round.log.len()));
    }

    /// Until the round is over.
    fn run(&mut self) {
        self.follow(true);
        while let Some(deadline) = self.round.machine.deadline() {
            let events = self.round.log.len();
            let before = self.round.machine.phase();
            match self.queue.first_key_value().map(|(key, _)| *key) {
                Some(key) if key.0 < deadline => {
                    self.round.now = key.0;
                    match self.queue.remove(&key).unwrap() {
                        Task::Poll(index) => self.poll(index),
                        Task::Arrive(index, said) => self.arrive(index, said),
                        Task::Result(event) => drop(self.round.handle(event)),
                    }
                }
                _ => drop(self.round.tick()),
            }
            let published = before != self.round.machine.phase();
            if events != self.round.log.len() {
                self.follow(published);
            }
        }
    }

    fn check(&self) {
        let round = &self.round;
        assert!(round.now <= TIMING.longest_ms(), "{} ms", round.now);
        let end = round.end().unwrap();
        if let End::Summed { counted, .. } = &end {
            assert!(self.right && counted == round.machine.counted());
            assert!(counted.len() >= round.world.plan.body.threshold as usize);
        }
        for misdeed in round.machine.progress().misdeeds {
            let index = round.world.index(misdeed.account);
            let cheat = self.natures[index].cheat;
            let is_just = match misdeed.kind {
                MisdeedKind::Share { .. } => cheat == Some(Cheat::Share),
                MisdeedKind::Submission { .. } => cheat == Some(Cheat::Proof),
                MisdeedKind::Blamed => cheat == Some(Cheat::Vector),
                // Only of those that did not answer in time.
                MisdeedKind::Undefended | MisdeedKind::Absent { .. } => {
                    let nature = self.natures[index];
                    cheat.is_some() || nature.silent_from < 7 || nature.slow >= 900
                }
                MisdeedKind::Dealer => false,
            };
            assert!(is_just, "{misdeed:?} of {:?}", self.natures[index]);
        }
        let again = round.replay();
        assert_eq!(again.progress().end, Some(end));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn rounds_end_in_time_and_right(
        (natures, threshold, jobs) in (4usize..7).prop_flat_map(|count| {
            let thresholds = count as u32 / 2 + 1..=count as u32;
            (prop::collection::vec(nature(), count), thresholds, jobs())
        }),
    ) {
        let mut schedule = Schedule::new(World::of(natures.len(), threshold), natures, jobs);
        schedule.run();
        schedule.check();
    }
}

#[test]
fn faults_are_met() {
    // What random schedules come to, so that they do not all end in the first phase.
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let natures = prop::collection::vec(nature(), 6);
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..40 {
        let natures = natures.new_tree(&mut runner).unwrap().current();
        let jobs = jobs().new_tree(&mut runner).unwrap().current();
        let mut schedule = Schedule::new(World::of(6, 4), natures, jobs);
        schedule.run();
        schedule.check();
        let end = format!("{:?}", schedule.round.end().unwrap());
        let kind = end.split(['{', '[']).next().unwrap_or_default().to_string();
        *ends.entry(kind).or_default() += 1;
    }
    println!("{ends:?}");
    for kind in ["Summed", "Void(TooFew", "Void(Blamed"] {
        assert!(ends.keys().any(|end| end.starts_with(kind)), "{kind} among {ends:?}");
    }
}
