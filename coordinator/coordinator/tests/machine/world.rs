//! Members of rounds in memory, with tiny vectors.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::signers::local::PrivateKeySigner;
use ark_bn254::Fr;
use zktrain_coordinator::machine::{
    Action, Admit, Machine, Progress, ProofVerdict, RoundEvent, SumResult, TrialResult,
};
use zktrain_ledger::merkle;
use zktrain_secagg::Policy;
use zktrain_secagg::coordinator;
use zktrain_secagg::member::Member;
use zktrain_secagg::messages::{
    Body, Ciphertext, Defence, PairOpening, Reveal, SEALED, Sharing, Signed,
};
use zktrain_secagg::plan::{Plan, PlanMember, Timing, VERSION};
use zktrain_secagg::sealed::{PromiseStore, Promises, Sealed};
use zktrain_secagg::unmasking::Unmasking;
use zktrain_wire::messages::{End, MemberMessage, Notice, Phase, Refusal};
use zktrain_wire::sign;

/// Elements of a vector.
pub const ELEMENTS: usize = 3;
/// Phases last differently, so that no two deadlines are taken for each other.
pub const TIMING: Timing =
    Timing { keys: 10, shares: 20, uploads: 300, confirm: 40, unmask: 50, defence: 60 };

#[derive(Default)]
pub struct Disk(pub Promises);

impl PromiseStore for Disk {
    type Error = zktrain_secagg::SecaggError;

    fn keep(&mut self, promises: &Promises) -> Result<(), Self::Error> {
        self.0.add(promises)
    }
}

/// A plan with the keys of its members.
#[derive(Clone)]
pub struct World {
    pub plan: Signed<Plan>,
    pub signers: Vec<PrivateKeySigner>,
    pub policy: Policy,
}

impl World {
    /// Members of these weights.
    pub fn new(weights: &[u32], threshold: u32, least: u32) -> Self {
        let signer = |n: usize| PrivateKeySigner::from_bytes(&keccak256(n.to_be_bytes())).unwrap();
        let mut signers: Vec<PrivateKeySigner> = (0..weights.len()).map(signer).collect();
        signers.sort_by_key(PrivateKeySigner::address);
        let members = signers.iter().zip(weights).map(|(signer, weight)| PlanMember {
            account: signer.address(),
            dataset: B256::repeat_byte(5),
            windows: 4,
            weight: *weight,
        });
        let coordinator = signer(1 << 20);
        let plan = Plan {
            version: VERSION,
            chain_id: 31337,
            rounds: Address::repeat_byte(1),
            domain: 1,
            round: 3,
            coordinator: coordinator.address(),
            spec: B256::repeat_byte(3),
            parent: B256::repeat_byte(4),
            nonce: B256::repeat_byte(6),
            system: 0,
            optimistic: false,
            threshold,
            least,
            members: members.collect(),
            timing: TIMING,
        };
        let policy = Policy { least, max_share: 1 << 16, colluders: Some(0), ..Policy::default() };
        let plan = sign(&plan.clone(), plan, &coordinator).unwrap();
        Self { plan, signers, policy }
    }

    /// So many members of about equal weight.
    pub fn of(members: usize, threshold: u32) -> Self {
        let share = (1 << 16) / members as u32;
        let mut weights = vec![share; members];
        weights[0] += (1 << 16) - share * members as u32;
        Self::new(&weights, threshold, 1)
    }

    pub fn account(&self, index: usize) -> Address {
        self.signers[index].address()
    }

    pub fn accounts(&self, who: &[usize]) -> Vec<Address> {
        who.iter().map(|index| self.account(*index)).collect()
    }

    pub fn index(&self, account: Address) -> usize {
        self.plan.body.index(account).unwrap()
    }

    pub fn sign<T: Body>(&self, index: usize, body: T) -> Signed<T> {
        sign(&self.plan.body, body, &self.signers[index]).unwrap()
    }

    /// A member's weighted vector.
    pub fn vector(&self, index: usize) -> Vec<Fr> {
        let weight = Fr::from(self.plan.body.members[index].weight);
        (0..ELEMENTS as u64).map(|k| weight * Fr::from(1000 * index as u64 + k * k + 1)).collect()
    }

    /// The sum of some members' weighted vectors.
    pub fn expected(&self, who: &[Address]) -> Vec<Fr> {
        let mut sum = vec![Fr::from(0); ELEMENTS];
        for account in who {
            let vector = self.vector(self.index(*account));
            sum.iter_mut().zip(vector).for_each(|(sum, element)| *sum += element);
        }
        sum
    }
}

/// How a member cheats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cheat {
    /// A share that it seals for the first other member does not open.
    Share,
    /// Its proof does not hold.
    Proof,
    /// It uploads another vector.
    Vector,
}

/// A member that answers notices.
pub struct Peer {
    pub index: usize,
    pub member: Member,
    pub disk: Disk,
    pub cheat: Option<Cheat>,
    /// Loses its memory, less what it has promised, before every notice.
    pub forgets: bool,
    /// The next notice.
    pub next: u32,
    pub masked: Option<Vec<u8>>,
}

impl Peer {
    pub fn new(world: &World, index: usize) -> Self {
        let member = Member::new(
            world.plan.body.clone(),
            world.account(index),
            keccak256([index as u8, 77]).0,
            world.policy.clone(),
        );
        let (cheat, forgets, next, masked) = (None, false, 0, None);
        let (member, disk) = (member.unwrap(), Disk::default());
        Self { index, member, disk, cheat, forgets, next, masked }
    }

    /// Starts again with its secret and its promises, and reads the notices again.
    fn restart(&mut self, world: &World, machine: &Machine) {
        let promises = self.disk.0.clone();
        let (plan, account) = (world.plan.body.clone(), world.account(self.index));
        let secret = keccak256([self.index as u8, 77]).0;
        self.member =
            Member::resume(plan, account, secret, world.policy.clone(), promises).unwrap();
        self.masked = None;
        for number in 0..self.next {
            let notice = machine.notice(account, number).unwrap();
            self.answer(world, notice);
        }
    }

    /// What it sends once it has read all notices.
    pub fn poll(&mut self, world: &World, machine: &Machine) -> Vec<MemberMessage> {
        let mut said = Vec::new();
        while let Some(notice) = machine.notice(world.account(self.index), self.next) {
            if self.forgets {
                self.restart(world, machine);
            }
            self.next += 1;
            said.extend(self.answer(world, notice));
        }
        said
    }

    fn open<T>(&mut self, sealed: Sealed<T>) -> T {
        sealed.open(&mut self.disk).unwrap()
    }

    fn answer(&mut self, world: &World, notice: Notice) -> Vec<MemberMessage> {
        let index = self.index;
        let account = world.account(index);
        match notice {
            Notice::Plan(_) => {
                let keys = self.member.keys();
                vec![MemberMessage::Keys(world.sign(index, self.open(keys)))]
            }
            Notice::Roster(keys) => {
                let Ok(sharing) = self.member.roster(&keys) else {
                    return Vec::new();
                };
                let (mut head, mut envelopes) = self.open(sharing);
                if self.cheat == Some(Cheat::Share) {
                    let victim = envelopes.iter_mut().find(|e| e.to != account).unwrap();
                    victim.sealed = Ciphertext([0; SEALED]);
                    let leaf = |e: &zktrain_secagg::messages::Envelope| {
                        let sealed = keccak256(e.sealed.0);
                        let parts = [e.to.as_slice(), &e.mask.0, &e.own.0, &sealed.0];
                        keccak256(keccak256(parts.concat()))
                    };
                    head.root = merkle::root(&envelopes.iter().map(leaf).collect::<Vec<_>>());
                }
                vec![MemberMessage::Sharing(Sharing { head: world.sign(index, head), envelopes })]
            }
            Notice::Shares(passed) => {
                let complaints = self.member.shares(&passed).unwrap();
                let complaints = self.open(complaints);
                let mut said: Vec<_> =
                    complaints.into_iter().map(MemberMessage::Complaint).collect();
                let mut vector = world.vector(index);
                if self.cheat == Some(Cheat::Vector) {
                    vector[1] += Fr::from(1);
                }
                let sealed = self.member.mask(&vector, B256::repeat_byte(index as u8)).unwrap();
                let (upload, masked) = self.open(sealed);
                self.masked = Some(masked);
                said.push(MemberMessage::Upload(world.sign(index, upload)));
                said
            }
            Notice::Counted(counted) => {
                let confirm = self.member.counted(&counted).ok();
                let confirm = confirm.map(|confirm| self.open(confirm));
                confirm.map(|c| MemberMessage::Confirm(world.sign(index, c))).into_iter().collect()
            }
            Notice::Confirmed(confirms) => {
                let unmask = self.member.confirmed(&confirms).ok();
                let unmask = unmask.map(|unmask| self.open(unmask));
                unmask.map(|u| MemberMessage::Unmask(world.sign(index, u))).into_iter().collect()
            }
            Notice::Test(_) => {
                let defence = Defence { account, proof: Bytes::from(vec![index as u8; 9]) };
                vec![MemberMessage::Defence(world.sign(index, defence))]
            }
            Notice::Dispute(defences) => {
                let with = defences.iter().map(|defence| defence.body.account);
                let pairs =
                    with.map(|with| PairOpening { with, shared: [1; 32], proof: [[2; 32]; 2] });
                let reveal = Reveal { account, pairs: pairs.collect() };
                vec![MemberMessage::Reveal(world.sign(index, reveal))]
            }
            Notice::End(_) => Vec::new(),
        }
    }
}

/// A round with its members, and what happened in it.
pub struct Round {
    pub world: World,
    pub machine: Machine,
    pub peers: Vec<Peer>,
    pub now: u64,
    /// Events with their times, encoded as they are stored.
    pub log: Vec<(Vec<u8>, u64)>,
    /// What the machine was like after each of them.
    pub states: Vec<(Progress, Vec<Action>)>,
    /// Jobs that were asked for, and the end.
    pub actions: Vec<Action>,
}

impl Round {
    pub fn new(world: World) -> Self {
        let machine = Machine::new(world.plan.clone(), 0);
        let peers = (0..world.signers.len()).map(|index| Peer::new(&world, index)).collect();
        let (log, states, actions) = Default::default();
        Self { world, machine, peers, now: 0, log, states, actions }
    }

    /// Everybody.
    pub fn all(&self) -> Vec<usize> {
        (0..self.peers.len()).collect()
    }

    pub fn handle(&mut self, event: RoundEvent) -> Vec<Action> {
        self.log.push((postcard::to_stdvec(&event).unwrap(), self.now));
        let actions = self.machine.handle(event, self.now);
        self.states.push((self.machine.progress(), self.machine.pending()));
        self.actions.extend(actions.iter().filter(|a| **a != Action::Published).cloned());
        actions
    }

    pub fn send(&mut self, index: usize, what: MemberMessage) -> Result<Admit, Refusal> {
        let from = self.world.account(index);
        let admit = self.machine.check(from, &what)?;
        if admit == Admit::New {
            self.handle(RoundEvent::Contribution { from, what: Box::new(what) });
        }
        Ok(admit)
    }

    /// What a member would send now.
    pub fn said(&mut self, index: usize) -> Vec<MemberMessage> {
        self.peers[index].poll(&self.world, &self.machine)
    }

    /// These members read their notices and answer.
    pub fn poll(&mut self, who: &[usize]) {
        let said: Vec<_> = who.iter().map(|index| (*index, self.said(*index))).collect();
        for (index, said) in said {
            for what in said {
                self.send(index, what).unwrap();
            }
        }
    }

    pub fn judge(&mut self, index: usize, verdict: ProofVerdict) -> Vec<Action> {
        let account = self.world.account(index);
        self.handle(RoundEvent::Judged { account, verdict })
    }

    pub fn accept(&mut self, who: &[usize]) {
        who.iter().for_each(|index| drop(self.judge(*index, ProofVerdict::Accepted)));
    }

    pub fn summed(&mut self, result: SumResult) -> Vec<Action> {
        self.handle(RoundEvent::Summed(result))
    }

    pub fn tried(&mut self, result: TrialResult) -> Vec<Action> {
        self.handle(RoundEvent::Tried(result))
    }

    /// Time passes until the deadline.
    pub fn tick(&mut self) -> Vec<Action> {
        self.now = self.machine.deadline().unwrap();
        self.handle(RoundEvent::Tick)
    }

    /// Everybody answers until this phase begins; proofs hold.
    pub fn to(&mut self, phase: Phase) {
        let all = self.all();
        while self.machine.phase() < phase {
            match self.machine.phase() {
                Phase::Sum => drop(self.summed(SumResult::Wrong)),
                Phase::Uploads => {
                    self.poll(&all);
                    self.accept(&all);
                }
                _ => self.poll(&all),
            }
        }
        assert_eq!(self.machine.phase(), phase);
    }

    pub fn end(&self) -> Option<End> {
        self.machine.progress().end
    }

    /// The unmasked sum, as the coordinator makes it.
    pub fn sum(&self) -> Result<Vec<Fr>, SumResult> {
        let (plan, machine) = (&self.world.plan.body, &self.machine);
        let (roster, counted) = (machine.roster().unwrap(), machine.counted());
        let (sharings, unmasks) = (machine.sharings(), machine.unmasks());
        let secrets = coordinator::recover(plan, roster, sharings, counted, &unmasks);
        let secrets = secrets.map_err(|error| match error.guilty.is_empty() {
            true => SumResult::Short(error.short),
            false => SumResult::Guilty(error.guilty),
        })?;
        let shared = machine.shared().unwrap();
        let mut sum = Unmasking::new(roster, shared, counted, &secrets, ELEMENTS).unwrap();
        for account in counted {
            sum.start(&machine.uploads()[account].body).unwrap();
            let peer = &self.peers[self.world.index(*account)];
            sum.write(peer.masked.as_ref().unwrap()).unwrap();
            sum.end().unwrap();
        }
        Ok(sum.finish().unwrap())
    }

    /// Rebuilds the machine from its stored events, and compares it after each of them.
    pub fn replay(&self) -> Machine {
        let mut machine = Machine::new(self.world.plan.clone(), 0);
        for ((event, now), state) in self.log.iter().zip(&self.states) {
            machine.handle(postcard::from_bytes(event).unwrap(), *now);
            assert_eq!((machine.progress(), machine.pending()), *state);
        }
        for account in self.world.plan.body.members.iter().map(|member| member.account) {
            for number in 0..9 {
                assert_eq!(machine.notice(account, number), self.machine.notice(account, number));
            }
        }
        machine
    }
}
