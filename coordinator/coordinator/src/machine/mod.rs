//! A round, as its coordinator runs it: what is taken from whom, when a phase ends, what follows.
//!
//! Phases in order, with what members send and the notice that ends each:
//!
//! | phase | sent | then published |
//! |---|---|---|
//! | Keys | keys | roster |
//! | Shares | sharings | to each that has shared: its shares |
//! | Uploads | complaints, uploads; proofs are verified | who is counted |
//! | Confirm | confirmations | all of them |
//! | Unmask | shares | |
//! | Sum | (a job) | the end, or the test |
//! | Defence | defences; then a job | the end, or disputes |
//! | Dispute | opened pairs; then a job | the end |
//!
//! A member that does not answer in a phase is not asked in the next one. A phase ends once
//! everybody who can has answered, at the latest at its deadline; jobs have deadlines too, so that
//! every round ends within [`longest_ms`](zktrain_secagg::plan::Timing::longest_ms) if [`RoundEvent::Tick`] comes at each
//! [`Machine::deadline`], but for sums that take longer than a phase ([`Bounds::sum_ms`]).
//! [`Machine::handle`] is a function of the state, an
//! event and the time that comes with it. The machine has no clock and no randomness: events that
//! are stored with their times rebuild it.
//!
//! What members send is checked once, by [`Machine::check`], before it is stored. Everything that
//! takes long is a job of the machine's owner.
//!
//! It rests on [`zktrain_secagg`]: Bonawitz et al., *Practical secure aggregation for
//! privacy-preserving machine learning*, eprint 2017/281, whose sets U1 to U5 are the roster, those
//! that have shared, the counted, those that have confirmed and those that have unmasked.

mod admit;
mod bounds;
mod event;
mod jobs;
mod notices;
mod phases;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use alloy::primitives::{Address, B256};
use zktrain_secagg::group::{Roster, Shared};
use zktrain_secagg::merkle::ShareTree;
use zktrain_secagg::messages::{
    Confirm, Defence, Keys, Reveal, Sharing, Signed, Test, Unmask, Upload,
};
use zktrain_secagg::plan::Plan;
use zktrain_wire::messages::{End, MemberMessage, Phase, Reason};

pub use admit::VerificationContext;
pub use bounds::{Bounds, Ends};
pub use event::{
    Action, Admit, Misdeed, MisdeedKind, Progress, ProofVerdict, RoundEvent, SumResult, TrialResult,
};
pub use notices::NoticeDraft;

/// A round.
///
/// ```
/// # use alloy::primitives::{Address, B256};
/// use zktrain_coordinator::machine::{Action, Machine, RoundEvent};
/// # use zktrain_secagg::messages::Signed;
/// # use zktrain_secagg::plan::{Plan, PlanMember, Timing, VERSION};
/// use zktrain_wire::messages::{End, Phase, Reason};
/// # let members = [1, 2, 3].map(|byte| PlanMember {
/// #     account: Address::repeat_byte(byte),
/// #     dataset: B256::ZERO,
/// #     windows: 1,
/// #     weight: if byte == 3 { 21846 } else { 21845 },
/// # });
/// # let plan = Plan {
/// #     version: VERSION,
/// #     chain_id: 1,
/// #     rounds: Address::ZERO,
/// #     domain: 1,
/// #     round: 1,
/// #     coordinator: Address::ZERO,
/// #     spec: B256::ZERO,
/// #     parent: B256::ZERO,
/// #     nonce: B256::ZERO,
/// #     system: 1,
/// #     optimistic: false,
/// #     threshold: 3,
/// #     least: 3,
/// #     members: members.to_vec(),
/// #     timing: Timing::even(60),
/// # };
/// # let plan = Signed { body: plan, signature: Default::default() };
///
/// // A plan of three members, and a minute for each phase.
/// let mut machine = Machine::new(plan, 0);
/// assert_eq!((machine.phase(), machine.deadline()), (Phase::Keys, Some(60_000)));
/// // Nobody sends keys.
/// let why = Reason::TooFew { phase: Phase::Keys, needed: 3, got: 0 };
/// let told = machine.handle(RoundEvent::Tick, 60_000);
/// assert!(told.contains(&Action::Ended(End::Void(why))));
/// assert_eq!((machine.phase(), machine.deadline()), (Phase::Ended, None));
/// ```
#[derive(Clone)]
pub struct Machine {
    plan: Arc<Signed<Plan>>,
    phase: Phase,
    /// The phase's members have had their time; what it waits for is a job.
    closed: bool,
    /// Milliseconds.
    deadline: Option<u64>,
    /// What is known of the chain's deadline, and of how long sums take.
    bounds: Option<Bounds>,
    /// The phase has less time than was planned.
    shortened: bool,
    keys: BTreeMap<Address, Signed<Keys>>,
    /// Fixed at the end of phase Keys.
    roster: Option<Arc<Roster>>,
    /// While phase Shares lasts.
    dealt: BTreeMap<Address, Sharing>,
    /// Fixed at the end of phase Shares, in the order of accounts.
    sharings: Arc<Vec<Sharing>>,
    /// Those of `sharings`, once it is fixed.
    shared: Option<Arc<Shared>>,
    /// Over the envelopes of each of `sharings`. Made when they are needed first: many hashes.
    trees: Arc<OnceLock<Vec<ShareTree>>>,
    /// Who complained about whom.
    complaints: BTreeSet<(Address, Address)>,
    /// Those complained about.
    convicted: BTreeSet<Address>,
    uploads: BTreeMap<Address, Signed<Upload>>,
    verdicts: BTreeMap<Address, ProofVerdict>,
    /// Fixed at the end of phase Uploads.
    counted: Option<Arc<Vec<Address>>>,
    confirms: BTreeMap<Address, Signed<Confirm>>,
    /// Phase Confirm has ended well.
    confirmed: bool,
    unmasks: BTreeMap<Address, Signed<Unmask>>,
    test: Option<Arc<Test>>,
    defences: BTreeMap<Address, Signed<Defence>>,
    /// Who is to answer whose defences.
    disputes: BTreeMap<Address, Vec<Address>>,
    reveals: BTreeMap<Address, Signed<Reveal>>,
    misdeeds: Vec<Misdeed>,
    end: Option<End>,
}

impl core::fmt::Debug for Machine {
    /// Tells how far it is; members' shares are secrets.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Machine").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

/// `now` and so many seconds, in milliseconds.
fn after(now_ms: u64, seconds: u32) -> u64 {
    now_ms.saturating_add(u64::from(seconds) * 1000)
}

impl Machine {
    /// Begins a round, at a time in milliseconds.
    pub fn new(plan: Signed<Plan>, now_ms: u64) -> Self {
        let deadline = Some(after(now_ms, plan.body.timing.keys));
        Self {
            plan: Arc::new(plan),
            phase: Phase::Keys,
            closed: false,
            deadline,
            bounds: None,
            shortened: false,
            keys: BTreeMap::new(),
            roster: None,
            dealt: BTreeMap::new(),
            sharings: Arc::default(),
            shared: None,
            trees: Arc::default(),
            complaints: BTreeSet::new(),
            convicted: BTreeSet::new(),
            uploads: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            counted: None,
            confirms: BTreeMap::new(),
            confirmed: false,
            unmasks: BTreeMap::new(),
            test: None,
            defences: BTreeMap::new(),
            disputes: BTreeMap::new(),
            reveals: BTreeMap::new(),
            misdeeds: Vec::new(),
            end: None,
        }
    }

    /// Takes an event, at a time in milliseconds. Returns what is to be done now. Events that come
    /// too late, and results that nobody asked for, change nothing.
    pub fn handle(&mut self, event: RoundEvent, now_ms: u64) -> Vec<Action> {
        if self.phase == Phase::Ended {
            return Vec::new();
        }
        let mut actions = match event {
            RoundEvent::Contribution { from, what } => self.contribution(from, *what),
            RoundEvent::Judged { account, verdict } => {
                self.judged(account, verdict);
                Vec::new()
            }
            RoundEvent::Summed(result) => self.summed(result, now_ms),
            RoundEvent::Tried(result) => self.tried(result, now_ms),
            RoundEvent::CalledOff => self.over(End::Void(Reason::CalledOff)),
            RoundEvent::Tick => self.tick(now_ms),
            RoundEvent::Bounded(bounds) => self.bound(bounds, now_ms),
        };
        actions.extend(self.advance(now_ms));
        actions
    }

    /// Stores what a member has sent.
    fn contribution(&mut self, from: Address, what: MemberMessage) -> Vec<Action> {
        if self.admit(from, &what) != Ok(Admit::New) {
            return Vec::new();
        }
        match what {
            MemberMessage::Keys(keys) => drop(self.keys.insert(from, keys)),
            MemberMessage::Sharing(sharing) => drop(self.dealt.insert(from, sharing)),
            MemberMessage::Complaint(complaint) => {
                let dealer = complaint.passed.head.body.account;
                self.complaints.insert((from, dealer));
                if self.convicted.insert(dealer) {
                    self.misdeed(dealer, MisdeedKind::Share { to: from });
                }
            }
            MemberMessage::Upload(upload) => {
                self.uploads.insert(from, upload);
                return vec![Action::Judge { account: from }];
            }
            MemberMessage::Confirm(confirm) => drop(self.confirms.insert(from, confirm)),
            MemberMessage::Unmask(unmask) => drop(self.unmasks.insert(from, unmask)),
            MemberMessage::Defence(defence) => drop(self.defences.insert(from, defence)),
            MemberMessage::Reveal(reveal) => drop(self.reveals.insert(from, reveal)),
        }
        Vec::new()
    }

    fn misdeed(&mut self, account: Address, kind: MisdeedKind) {
        self.misdeeds.push(Misdeed { account, kind });
    }

    /// When [`RoundEvent::Tick`] is due, in milliseconds; none once the round is over.
    pub fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    pub fn plan(&self) -> &Signed<Plan> {
        &self.plan
    }

    /// Who takes part, once that is known.
    pub fn roster(&self) -> Option<&Roster> {
        self.roster.as_deref()
    }

    /// Who has shared, once that is known: what vectors are masked for.
    pub fn shared(&self) -> Option<&Shared> {
        self.shared.as_deref()
    }

    /// Their accounts; empty until that is known.
    fn sharers(&self) -> &[Address] {
        self.shared.as_deref().map(Shared::accounts).unwrap_or_default()
    }

    /// Sharings, one a member that has shared, in the order of accounts; empty until all are known.
    pub fn sharings(&self) -> &[Sharing] {
        &self.sharings
    }

    /// Who is counted, in ascending order; empty until that is known.
    pub fn counted(&self) -> &[Address] {
        self.counted.as_deref().map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether the coordinator answers for a member's upload: it is counted, for good, and nothing was
    /// found against its sender but silence. Until then a proof or a complaint may still drop it, and
    /// a member that had a receipt already could say that the coordinator had left it out.
    pub fn answers_for(&self, account: Address) -> bool {
        let is_counted = self.counted().binary_search(&account).is_ok();
        let spoils = |misdeed: &Misdeed| !matches!(misdeed.kind, MisdeedKind::Absent { .. });
        let mut own = self.misdeeds.iter().filter(|misdeed| misdeed.account == account);
        is_counted && !own.any(spoils)
    }

    /// Of each member that may have a receipt, or may get one, the struct hash of the submission that it
    /// names: a batch with another one would belie the receipt, whatever became of the round after it.
    /// These are the counted, once they are fixed, also those against whom something was found later.
    pub fn promised(&self) -> BTreeMap<Address, B256> {
        let counted = self.counted().iter();
        let named = counted.filter_map(|account| Some((*account, self.uploads.get(account)?)));
        named.map(|(account, upload)| (account, upload.body.submission)).collect()
    }

    /// What members signed of their uploads, whether counted or not.
    pub fn uploads(&self) -> &BTreeMap<Address, Signed<Upload>> {
        &self.uploads
    }

    /// Shares that unmask.
    pub fn unmasks(&self) -> Vec<Unmask> {
        self.unmasks.values().map(|unmask| unmask.body.clone()).collect()
    }

    /// Where uploads are tested, if the sum is wrong.
    pub fn test(&self) -> Option<&Test> {
        self.test.as_deref()
    }

    pub fn defences(&self) -> &BTreeMap<Address, Signed<Defence>> {
        &self.defences
    }

    /// Pairs that members have opened in disputes.
    pub fn reveals(&self) -> &BTreeMap<Address, Signed<Reveal>> {
        &self.reveals
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let dealers = self.dealt.keys().chain(self.sharers());
        Progress {
            phase: self.phase,
            deadline: self.deadline,
            roster: self.keys.keys().copied().collect(),
            shared: dealers.copied().collect(),
            uploaded: self.uploads.keys().copied().collect(),
            counted: self.accepted(),
            confirmed: self.confirms.keys().copied().collect(),
            unmasked: self.unmasks.keys().copied().collect(),
            misdeeds: self.misdeeds.clone(),
            end: self.end.clone(),
        }
    }
}
