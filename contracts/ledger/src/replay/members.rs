//! Who is a member: joining with data that are nobody else's, leaving, and being slashed.

use alloy_primitives::{Address, B256};

use super::super::findings::{CheckKind, Place};
use super::super::history::reason;
use super::due::Guilty;
use super::{Membership, Replay, rules};
use crate::bindings::rounds::Rounds;
use crate::export::CHAIN;
use crate::export::ExportedLog;

/// Why members are slashed, as `Slashing.sol` says.
const CRIMES: [&str; 3] = [INVALID_PROOF, "equivocation", "too long"];
/// The one that takes a verifier to show.
const INVALID_PROOF: &str = "invalid proof";

impl Replay<'_> {
    /// Records a check of an event about a member of the domain.
    fn about_member(&mut self, account: Address, field: &str, holds: bool, problem: &str) {
        let place = Place { member: Some(account), ..Place::file(CHAIN) };
        self.findings.check(CheckKind::Membership, &place, field, holds, || problem.to_owned());
    }

    pub(super) fn joined(&mut self, event: &Rounds::Joined) {
        let (account, dataset, windows) = (event.account, event.dataset, event.windows);
        let new = !self.members.contains_key(&account) && !self.standings.of(account).slashed;
        let open = !self.rules.closed;
        self.about_member(account, "joined", new && open, "it was a member, or not to become one");
        let least = self.rules.config.as_ref().map_or(0, |config| config.minWindows);
        let many = windows >= least && windows > 0;
        self.about_member(account, "windows", many, "fewer windows than the domain asks for");
        let free = !dataset.is_zero() && !self.holders.contains_key(&dataset);
        self.about_member(account, "dataset", free, "these data are another member's, or none");
        self.holders.insert(dataset, account);
        self.members.insert(account, Membership { dataset, windows, leaves_at: None });
        self.history.join(event);
        let score = self.standings.admit(account);
        self.due.scores.extend(score.map(|score| (account, score)));
        self.due.obligations.push_back(account);
    }

    pub(super) fn leaving(&mut self, event: &Rounds::Leaving, log: &ExportedLog) {
        let due = log.block.time.saturating_add(rules::MAX_ROUND);
        let member = self.members.get_mut(&event.account);
        let before = member.and_then(|member| member.leaves_at.replace(event.leavesAt));
        let known = self.members.contains_key(&event.account);
        let holds = known && before.is_none() && event.leavesAt == due;
        let problem = "it was no member, was leaving before, or leaves at another time";
        self.about_member(event.account, "leaving", holds, problem);
        self.history.leave(event);
    }

    pub(super) fn exited(&mut self, event: &Rounds::Exited, log: &ExportedLog) {
        let member = self.members.remove(&event.account);
        let due = member.and_then(|member| member.leaves_at);
        let holds = due.is_some_and(|due| log.block.time >= due);
        let problem = "it could still be in a round, or was no member";
        self.about_member(event.account, "exited", holds, problem);
        self.history.exit(event);
        if let Some(member) = member {
            self.holders.remove(&member.dataset);
        }
        self.due.obligations.push_back(event.account);
    }

    /// Its data stay taken: nobody joins with them.
    pub(super) fn member_slashed(&mut self, event: &Rounds::MemberSlashed, log: &ExportedLog) {
        let (id, account) = (event.round, event.account);
        // A member that was not in a round answers for nothing in it: its stake may cover nothing.
        let seated = self.find(id).is_some_and(|round| round.members.find(account).is_some());
        let member = self.members.remove(&account).is_some();
        let why = reason(&event.reason);
        if why == INVALID_PROOF {
            self.needs_verifier(id, log.block.time);
        }
        let crime = CRIMES.contains(&why.as_str());
        let holds = seated && member && crime;
        let problem = "it was no member of the round, or nobody is slashed for that";
        self.about(CheckKind::Membership, id, "slashed", holds, problem);
        let proven = self.due.proven.take();
        let shown = proven.is_some_and(|proven| {
            (proven.round, proven.guilty, proven.reason) == (id, account, event.reason)
                && proven.challenger == event.challenger
        });
        self.about(CheckKind::Export, id, "evidence", shown, "a slash without its evidence");
        self.history.slash_member(event);
        self.standings.ruin(account);
        self.due.scores.push_back((account, 0));
        self.due.obligations.push_back(account);
        let guilty = Guilty { round: id, account, reason: event.reason, coordinator: false };
        self.due.guilty = Some((guilty, proven));
    }

    /// Whether an account is a member with these data who may be in a new round.
    pub(super) fn may_work(&self, account: Address, dataset: B256, windows: u64) -> bool {
        self.members.get(&account).is_some_and(|known| {
            known.leaves_at.is_none() && (known.dataset, known.windows) == (dataset, windows)
        })
    }
}
