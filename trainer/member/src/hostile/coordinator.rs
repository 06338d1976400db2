//! A coordinator that does what it likes with what is its to decide.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha20Rng;
use zktrain_ledger::typed::Submission;
use zktrain_secagg::analysis::Insider;
use zktrain_secagg::coordinator;
use zktrain_secagg::group::{Roster, Shared, accounts_digest};
use zktrain_secagg::member::Member;
use zktrain_secagg::messages::{
    Confirm, Defence, Keys, Passed, Sharing, Signed, Test, Unmask, Upload,
};
use zktrain_secagg::plan::Plan;
use zktrain_secagg::policy::Policy;
use zktrain_secagg::sealed::{PromiseStore, Promises, Sealed};
use zktrain_wire::messages::{End, Item, MemberMessage, Notice, Reason};
use zktrain_wire::{Scoped, sign};

use super::program::Program;
use super::wire::Sent;

/// Colluding members promise nothing.
struct Nothing;

impl PromiseStore for Nothing {
    type Error = core::convert::Infallible;

    fn keep(&mut self, _: &Promises) -> Result<(), Self::Error> {
        Ok(())
    }
}

fn open<T>(sealed: Sealed<T>) -> T {
    sealed.open(&mut Nothing).unwrap()
}

/// A member that does what the coordinator wants.
pub struct Colluder {
    pub signer: PrivateKeySigner,
    pub secret: [u8; 32],
}

impl Colluder {
    pub fn account(&self) -> Address {
        self.signer.address()
    }

    /// None in a plan that is none for anybody, such as one whose threshold is half of the members.
    fn member(&self, plan: &Plan) -> Option<Member> {
        let policy =
            Policy { least: 0, max_share: 1 << 16, colluders: Some(0), ..Policy::default() };
        Member::new(plan.clone(), self.account(), self.secret, policy).ok()
    }

    pub fn insider(&self, plan: &Plan) -> Insider {
        Insider::new(plan, self.account(), self.secret)
    }
}

/// A vector that the coordinator has, with what it knows of it.
pub struct Vector {
    pub account: Address,
    pub bytes: Vec<u8>,
    /// What was shown to the owner that has sent it.
    pub roster: B256,
    pub list: Shared,
}

/// What an owner is shown.
#[derive(Clone)]
struct View {
    roster: B256,
    /// Of the sharings among this roster.
    list: Vec<Address>,
    counted: Vec<Address>,
}

/// How a round is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// How often an owner is shown something else than the others, in a hundred.
    pub equivocates: u32,
    /// One owner's vector is taken for the list without each of the others in turn, and all else
    /// that it uploads with it refused, before it is treated as the others are.
    pub greed: bool,
    /// How often files are restored or lost before a notice, in a hundred.
    pub meddles: u32,
    /// Owners whose files may be.
    pub forgetful: usize,
}

/// A round in the hands of a hostile coordinator.
pub struct Game<'a> {
    pub plan: &'a Plan,
    pub style: Style,
    pub rng: ChaCha20Rng,
    pub colluders: &'a [Colluder],
    pub rosters: BTreeMap<B256, Roster>,
    pub keys: BTreeMap<Address, Vec<Signed<Keys>>>,
    /// By roster, then by account.
    pub sharings: BTreeMap<B256, BTreeMap<Address, Vec<Sharing>>>,
    pub vectors: Vec<Vector>,
    pub uploads: Vec<Signed<Upload>>,
    pub confirms: Vec<Signed<Confirm>>,
    pub unmasks: Vec<Signed<Unmask>>,
    /// Counted sets by their digests.
    pub sets: BTreeMap<B256, Vec<Address>>,
    defences: Vec<Signed<Defence>>,
    /// The owner that is talked to has its vector taken, and nothing else.
    greedy: bool,
    views: BTreeMap<Address, View>,
    /// Members that are counted for nobody, as if they were late.
    late: Vec<Address>,
    /// How many messages and uploads owners have sent.
    pub heard: usize,
    /// Owners whose files were restored or lost.
    pub forgetful: Vec<Address>,
    /// Uploads of submissions: whose commitments are known by their hash.
    pub submissions: Vec<Vec<u8>>,
    /// What owners have handed in to the contract.
    pub forced: BTreeMap<Address, Submission>,
}

/// What an owner is told, in order.
const ROSTER: usize = 0;
const SHARES: usize = 1;
const COUNTED: usize = 2;
const CONFIRMED: usize = 3;
const TEST: usize = 4;
const DISPUTE: usize = 5;

/// Mostly nobody; never so many that there can be no sum.
fn late(plan: &Plan, rng: &mut ChaCha20Rng) -> Vec<Address> {
    let most = plan.members.len().saturating_sub(plan.threshold as usize);
    let count = if rng.gen_ratio(1, 3) { rng.gen_range(0..=most) } else { 0 };
    plan.members.choose_multiple(rng, count).map(|member| member.account).collect()
}

impl<'a> Game<'a> {
    pub fn new(
        plan: &'a Plan,
        colluders: &'a [Colluder],
        style: Style,
        mut rng: ChaCha20Rng,
    ) -> Self {
        let late = late(plan, &mut rng);
        Self {
            plan,
            style,
            rng,
            colluders,
            rosters: BTreeMap::new(),
            keys: BTreeMap::new(),
            sharings: BTreeMap::new(),
            vectors: Vec::new(),
            uploads: Vec::new(),
            confirms: Vec::new(),
            unmasks: Vec::new(),
            sets: BTreeMap::new(),
            defences: Vec::new(),
            greedy: false,
            views: BTreeMap::new(),
            late,
            heard: 0,
            forgetful: Vec::new(),
            submissions: Vec::new(),
            forced: BTreeMap::new(),
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.gen_ratio(percent, 100)
    }

    /// Plays a round to its end.
    pub fn play(&mut self, owners: &mut [Program]) {
        for colluder in self.colluders {
            let Some(member) = colluder.member(self.plan) else { continue };
            let keys = open(member.keys());
            let keys = sign(self.plan, keys, &colluder.signer).unwrap();
            self.keys.insert(colluder.account(), vec![keys]);
        }
        owners.iter_mut().for_each(|owner| owner.start(self.plan));
        let last = if self.chance(25) { DISPUTE } else { CONFIRMED };
        for notices in 0..=last + 1 {
            let mut order: Vec<usize> = (0..owners.len()).collect();
            order.shuffle(&mut self.rng);
            for index in order {
                self.advance(&mut owners[index], notices);
            }
        }
        for owner in owners {
            if owner.takes_part && self.chance(70) {
                self.end(owner);
            }
            self.collect(owner);
            owner.crash();
            self.is_turned_away_from(owner);
        }
    }

    /// An owner that was called off, or left out, turns to the contract with what it has signed: the
    /// coordinator sees that, as everybody does, and it is nothing new.
    fn is_turned_away_from(&mut self, owner: &Program) {
        let Some(file) = owner.turns_to_the_contract(self.plan) else { return };
        assert!(!owner.relies_on_the_coordinator(self.plan.round), "nobody pays without need");
        let submission = file.signed.submission.clone();
        assert!(file.is_signed(&self.plan.scope()) && submission.member == owner.account);
        let earlier = self.forced.insert(owner.account, submission.clone());
        let forgets = self.forgetful.contains(&owner.account);
        assert!(forgets || earlier.is_none_or(|earlier| earlier == submission), "two for a round");
        self.submissions.push(serde_json::to_vec(&file).unwrap());
    }

    fn end(&mut self, owner: &mut Program) {
        let counted = self.views.get(&owner.account).map(|view| view.counted.clone());
        let end = match self.rng.gen_range(0..3) {
            0 => End::Void(Reason::CalledOff),
            _ => End::Summed { model: B256::ZERO, counted: counted.unwrap_or_default() },
        };
        owner.wire.borrow_mut().notices.push(Notice::End(end));
        owner.poll(self.plan);
    }

    /// Brings an owner so far that it has answered so many notices, if it can be brought there. Its
    /// process may end at any point, and is started again.
    fn advance(&mut self, owner: &mut Program, notices: usize) {
        let is_victim = notices == SHARES + 1 && self.style.greed && self.is_victim(owner.account);
        for _ in 0..10 {
            let taken = self.vectors.iter().filter(|v| v.account == owner.account).count();
            self.greedy = is_victim && taken + 1 < self.plan.members.len();
            owner.wire.borrow_mut().greedy = self.greedy;
            self.meddle(owner);
            if !owner.takes_part {
                break;
            }
            if !owner.runs() {
                owner.start(self.plan);
                self.collect(owner);
                self.choose_again(owner.account);
            }
            if self.tell(owner, notices) {
                break;
            }
        }
        self.collect(owner);
    }

    fn is_victim(&self, account: Address) -> bool {
        let first = self.plan.members.iter().map(|member| member.account);
        let mut honest = first.filter(|a| self.colluders.iter().all(|c| c.account() != *a));
        honest.next() == Some(account)
    }

    /// Tells an owner so many notices. Whether there is nothing more to be done about it.
    fn tell(&mut self, owner: &mut Program, notices: usize) -> bool {
        loop {
            let next = owner.wire.borrow().notices.len();
            if next >= notices {
                break;
            }
            let Some(notice) = self.notice(owner.account, next) else { break };
            owner.wire.borrow_mut().notices.push(notice);
            let runs = owner.poll(self.plan);
            self.collect(owner);
            if !runs {
                return !owner.takes_part;
            }
        }
        true
    }

    /// Files are restored from a copy, or lost.
    fn meddle(&mut self, owner: &mut Program) {
        if self.chance(30) && owner.copies() < 4 {
            owner.back_up();
        }
        let known = self.forgetful.contains(&owner.account);
        if !known && self.forgetful.len() >= self.style.forgetful
            || !self.rng.gen_ratio(self.style.meddles, 100)
        {
            return;
        }
        if !known {
            self.forgetful.push(owner.account);
        }
        match owner.copies() {
            copies if copies > 0 && self.chance(80) => {
                let copy = self.rng.gen_range(0..copies);
                owner.restore(copy);
            }
            _ => owner.lose(self.plan.round),
        }
        owner.start(self.plan);
        self.collect(owner);
        self.views.remove(&owner.account);
    }

    /// Takes what an owner has sent.
    fn collect(&mut self, owner: &Program) {
        let sent = std::mem::take(&mut owner.wire.borrow_mut().sent);
        self.heard += sent.len();
        for sent in sent {
            match sent {
                Sent::Said(what) => self.said(owner.account, what),
                Sent::Uploaded(Item::Masked { .. }, bytes) => {
                    let view = self.views[&owner.account].clone();
                    let list = self.shared(&view);
                    let (account, roster) = (owner.account, view.roster);
                    self.vectors.push(Vector { account, bytes, roster, list });
                }
                Sent::Uploaded(_, bytes) => self.submissions.push(bytes),
            }
        }
    }

    fn said(&mut self, account: Address, what: MemberMessage) {
        match what {
            MemberMessage::Keys(keys) => {
                let known = self.keys.entry(account).or_default();
                if known.iter().all(|k| k.body != keys.body) {
                    known.push(keys);
                }
            }
            MemberMessage::Sharing(sharing) => {
                let of = self.sharings.entry(sharing.head.body.roster).or_default();
                let known = of.entry(account).or_default();
                if !known.contains(&sharing) {
                    known.push(sharing);
                }
            }
            MemberMessage::Upload(upload) => self.uploads.push(upload),
            MemberMessage::Confirm(confirm) => self.confirms.push(confirm),
            MemberMessage::Unmask(unmask) => self.unmasks.push(unmask),
            MemberMessage::Defence(defence) => self.defences.push(defence),
            MemberMessage::Complaint(_) | MemberMessage::Reveal(_) => {}
        }
    }

    /// The sharings of a list, the latest of each.
    fn listed(&self, view: &View) -> Vec<Sharing> {
        let of = self.sharings.get(&view.roster);
        let latest = |account: &Address| of?.get(account)?.last().cloned();
        view.list.iter().filter_map(latest).collect()
    }

    fn shared(&self, view: &View) -> Shared {
        let sharings = self.listed(view);
        let heads = sharings.iter().map(|sharing| &sharing.head.body);
        Shared::new(&self.rosters[&view.roster], heads).unwrap()
    }

    /// A subset, with this one in it; mostly all.
    fn some(&mut self, of: &[Address], with: Address) -> Vec<Address> {
        if !self.chance(self.style.equivocates) {
            return of.to_vec();
        }
        let least = (self.plan.threshold as usize).saturating_sub(self.rng.gen_range(0..2));
        let count = self.rng.gen_range(least.min(of.len())..=of.len());
        let mut chosen: Vec<Address> = of.iter().copied().filter(|a| *a != with).collect();
        chosen.shuffle(&mut self.rng);
        chosen.truncate(count.saturating_sub(1));
        chosen.push(with);
        chosen.sort_unstable();
        chosen
    }

    /// An owner that starts again may be shown something else.
    fn choose_again(&mut self, account: Address) {
        if self.style.greed || self.chance(self.style.equivocates) {
            let roster = self.views.get(&account).map(|view| view.roster);
            self.views.remove(&account);
            // Often the same roster, which it has promised.
            let keep = self.style.greed || self.chance(75);
            if let Some(roster) = roster.filter(|_| keep) {
                let (list, counted) = (Vec::new(), Vec::new());
                self.views.insert(account, View { roster, list, counted });
            }
        }
    }

    fn notice(&mut self, account: Address, number: usize) -> Option<Notice> {
        match number {
            ROSTER => {
                let roster = self.choose_roster(account)?;
                Some(Notice::Roster(self.rosters[&roster].signed().to_vec()))
            }
            SHARES => self.shares(account).map(Notice::Shares),
            COUNTED => self.counted(account).map(Notice::Counted),
            CONFIRMED => self.confirmed(account).map(Notice::Confirmed),
            TEST => self.test(account).map(Notice::Test),
            _ => {
                let mut others = self.defences.clone();
                others.retain(|defence| defence.body.account != account);
                others.sort_by_key(|defence| defence.body.account);
                others.dedup_by_key(|defence| defence.body.account);
                Some(Notice::Dispute(others))
            }
        }
    }

    fn choose_roster(&mut self, account: Address) -> Option<B256> {
        if let Some(view) = self.views.get(&account) {
            return Some(view.roster);
        }
        let known: Vec<B256> = self.rosters.keys().copied().collect();
        let roster = match known.choose(&mut self.rng) {
            Some(roster) if !self.chance(self.style.equivocates / 2) => *roster,
            _ => self.new_roster(account)?,
        };
        let (list, counted) = (Vec::new(), Vec::new());
        self.views.insert(account, View { roster, list, counted });
        Some(roster)
    }

    fn new_roster(&mut self, account: Address) -> Option<B256> {
        let all: Vec<Address> = self.keys.keys().copied().collect();
        let chosen = self.some(&all, account);
        let mut keys = Vec::new();
        for account in &chosen {
            let known = self.keys.get(account)?.clone();
            let old = self.chance(10);
            keys.push(if old { known.first()?.clone() } else { known.last()?.clone() });
        }
        let roster = Roster::new(self.plan, &keys).ok()?;
        let digest = roster.digest();
        for colluder in self.colluders.iter().filter(|c| chosen.contains(&c.account())) {
            let sealed = colluder.member(self.plan)?.roster(roster.signed()).ok()?;
            let (head, envelopes) = open(sealed);
            let head = sign(self.plan, head, &colluder.signer).unwrap();
            let of = self.sharings.entry(digest).or_default();
            of.insert(colluder.account(), vec![Sharing { head, envelopes }]);
        }
        self.rosters.insert(digest, roster);
        Some(digest)
    }

    fn shares(&mut self, account: Address) -> Option<Vec<Passed>> {
        let mut view = self.views.get(&account)?.clone();
        if view.list.is_empty() {
            let all: Vec<Address> = self.sharings.get(&view.roster)?.keys().copied().collect();
            // Mostly a list that somebody was shown before.
            let roster = view.roster;
            let others = self.views.values().filter(|v| v.roster == roster && !v.list.is_empty());
            let others: Vec<Vec<Address>> = others.map(|view| view.list.clone()).collect();
            let known = others.into_iter().find(|list| list.contains(&account));
            let chosen = self.some(&all, account);
            let again = !self.chance(self.style.equivocates);
            view.list = match self.greedy {
                true => self.without_one(&all, account),
                false => known.filter(|_| again).unwrap_or(chosen),
            };
            self.views.insert(account, view.clone());
        }
        let sharings = self.listed(&view);
        coordinator::pass(&sharings, &coordinator::trees(&sharings), account).ok()
    }

    /// All but one of the others, another one each time.
    fn without_one(&self, all: &[Address], account: Address) -> Vec<Address> {
        let taken = self.vectors.iter().filter(|vector| vector.account == account).count();
        let left_out = all.iter().filter(|other| **other != account).nth(taken).copied();
        let list = all.iter().copied().filter(|other| Some(*other) != left_out);
        list.collect()
    }

    fn counted(&mut self, account: Address) -> Option<Vec<Address>> {
        let mut view = self.views.get(&account)?.clone();
        if view.counted.is_empty() {
            let digest = self.shared(&view).digest();
            let uploaded = |a: &Address| {
                let by = |upload: &Signed<Upload>| {
                    upload.body.account == *a && upload.body.shared == digest
                };
                self.colluders.iter().any(|c| c.account() == *a) || self.uploads.iter().any(by)
            };
            let all = view.list.iter().copied().filter(uploaded);
            let all: Vec<Address> = all.filter(|a| !self.late.contains(a)).collect();
            // Mostly a set that somebody with the same list was shown before.
            let is_known = |v: &&View| {
                v.roster == view.roster && v.list == view.list && v.counted.contains(&account)
            };
            let known = self.views.values().find(is_known).map(|view| view.counted.clone());
            let chosen = self.some(&all, account);
            let again = !self.chance(self.style.equivocates);
            view.counted = known.filter(|_| again).unwrap_or(chosen);
            self.views.insert(account, view.clone());
        }
        self.sets.insert(accounts_digest(&view.counted), view.counted.clone());
        Some(view.counted)
    }

    fn confirmed(&mut self, account: Address) -> Option<Vec<Signed<Confirm>>> {
        let view = self.views.get(&account)?.clone();
        let (shared, counted) = (self.shared(&view).digest(), accounts_digest(&view.counted));
        let mut confirms = self.confirms.clone();
        confirms.retain(|c| (c.body.shared, c.body.counted) == (shared, counted));
        for colluder in self.colluders.iter().filter(|c| view.counted.contains(&c.account())) {
            let confirm = Confirm { account: colluder.account(), shared, counted };
            confirms.push(sign(self.plan, confirm, &colluder.signer).unwrap());
        }
        confirms.sort_by_key(|confirm| confirm.body.account);
        confirms.dedup_by_key(|confirm| confirm.body.account);
        Some(confirms)
    }

    fn test(&mut self, account: Address) -> Option<Test> {
        let view = self.views.get(&account)?.clone();
        let shared = self.shared(&view).digest();
        let uploads = view.counted.iter().map(|account| {
            if let Some(colluder) = self.colluders.iter().find(|c| c.account() == *account) {
                let [masked, submission] = [keccak256("m"), keccak256("s")];
                let upload = Upload { account: *account, masked, submission, shared };
                return sign(self.plan, upload, &colluder.signer).ok();
            }
            let of = self.uploads.iter().rev();
            of.clone().find(|u| u.body.account == *account && u.body.shared == shared).cloned()
        });
        Some(Test { uploads: uploads.collect::<Option<_>>()? })
    }
}
