//! What earlier rounds say of members: who is not asked again for a while, and what measures count.
//!
//! A member that spoils a sum costs everybody the round. The chain takes no evidence of it (a masked
//! vector is far too large for a contract), so a coordinator that went on asking such a member could
//! be kept from ever making a sum, for nothing.

use std::time::Duration;

use alloy::primitives::Address;
use serde::Serialize;
use zktrain_chain::protocol::Candidate;
use zktrain_coordinator::machine::MisdeedKind;
use zktrain_coordinator::metrics::{DeliveryVerdict, Misdeed as Label, VerdictKind};
use zktrain_wire::messages::Phase;

use super::history::RoundRecord;

/// Whether an account is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Nothing speaks against it.
    Free,
    /// It was silent so lately that it is not asked yet.
    Paused,
    /// It has been shown to spoil sums.
    Barred,
}

/// What a misdeed means for the account that has done it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Nothing: it is punished on the chain, or has spoiled nothing.
    Nothing,
    /// A pause, as after so many silences more.
    Silences(u32),
    /// It is not asked again.
    Bars,
}

/// What a misdeed of a round means.
pub fn weight(round: &RoundRecord, kind: &MisdeedKind) -> Weight {
    match kind {
        MisdeedKind::Share { .. } | MisdeedKind::Dealer | MisdeedKind::Blamed => Weight::Bars,
        MisdeedKind::Undefended => Weight::Silences(1),
        MisdeedKind::Absent { .. } if !round.counted.is_empty() => Weight::Nothing,
        MisdeedKind::Absent { phase: Phase::Unmask } => Weight::Silences(2),
        MisdeedKind::Absent { .. } => Weight::Silences(1),
        // What is signed is punished on the chain, what is not spoils nothing.
        MisdeedKind::Submission { .. } => Weight::Nothing,
    }
}

/// For how many rounds from now on an account is not asked; none if for all of them. A member that is shown
/// to spoil sums has signed what shows it. One that was silent when others depended on it may have lost its
/// connection: it is not asked for two rounds the first time, twice as many each further time. Silence
/// that kept the sum from being unmasked counts twice, as everybody's work was done; silence in a round
/// that has a sum does not count, since sums are made to bear it.
pub fn left(told: &[RoundRecord], account: Address) -> Option<usize> {
    let (mut silences, mut until) = (0u32, 0usize);
    for (place, round) in told.iter().enumerate() {
        for misdeed in round.misdeeds.iter().filter(|misdeed| misdeed.account == account) {
            let counts = match weight(round, &misdeed.kind) {
                Weight::Bars => return None,
                Weight::Nothing => continue,
                Weight::Silences(counts) => counts,
            };
            silences = silences.saturating_add(counts);
            let pause = 1usize.checked_shl(silences).unwrap_or(usize::MAX);
            until = place.saturating_add(1).saturating_add(pause);
        }
    }
    Some(until.saturating_sub(told.len()))
}

/// What earlier rounds say of an account.
pub fn standing(told: &[RoundRecord], account: Address) -> Standing {
    match left(told, account) {
        None => Standing::Barred,
        Some(0) => Standing::Free,
        Some(_) => Standing::Paused,
    }
}

/// Those that may be asked: all that are free. If without the others no round could be opened, and so no
/// pause would ever be over, those that are paused as well; never those that are barred.
pub fn eligible(told: &[RoundRecord], candidates: &[Candidate], least: usize) -> Vec<Candidate> {
    let with = |paused: bool| -> Vec<Candidate> {
        let may = |candidate: &&Candidate| match standing(told, candidate.account) {
            Standing::Free => true,
            Standing::Paused => paused,
            Standing::Barred => false,
        };
        candidates.iter().filter(may).copied().collect()
    };
    let free = with(false);
    if free.len() >= least { free } else { with(true) }
}

/// Rounds in a row that may come to nothing before there is a pause.
const FRUITLESS: usize = 3;
/// The first pause.
const REST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(3600);

/// How many of the last rounds in a row have come to nothing.
pub fn fruitless(told: &[RoundRecord]) -> usize {
    told.iter().rev().take_while(|round| round.counted.is_empty()).count()
}

/// How long to wait before the next round is opened: nothing, unless many in a row have come to
/// nothing, each of which costs the coordinator gas and members work.
pub fn rest(told: &[RoundRecord]) -> Duration {
    let Some(beyond) = fruitless(told).checked_sub(FRUITLESS) else { return Duration::ZERO };
    let times = u32::try_from(beyond).ok().and_then(|beyond| 1u32.checked_shl(beyond));
    REST.saturating_mul(times.unwrap_or(u32::MAX)).min(LONGEST)
}

/// The members of the last round, if it came to nothing after they had confirmed whose updates are
/// counted. What they sent, those with the same model and window send for no other list of members; for
/// the same list once more they do (`docs/adr/0034`).
pub fn once_more(told: &[RoundRecord], present: &[Candidate]) -> Option<Vec<Address>> {
    let last = told.last().filter(|round| round.confirmed && round.counted.is_empty())?;
    let is_there = |account: &Address| present.iter().any(|c| c.account == *account);
    let all = !last.missing.is_empty() && last.missing.iter().all(is_there);
    all.then(|| last.missing.clone())
}

/// How a misdeed is counted.
pub fn label(kind: &MisdeedKind) -> Label {
    match kind {
        MisdeedKind::Share { .. } | MisdeedKind::Dealer => Label::Complaint,
        MisdeedKind::Submission { .. } => Label::Proof,
        MisdeedKind::Blamed => Label::Blamed,
        MisdeedKind::Undefended => Label::Undefended,
        MisdeedKind::Absent { .. } => Label::Absent,
    }
}

/// What was found about deliveries, as far as the chain does not know it.
pub fn verdicts(told: &[RoundRecord]) -> Vec<DeliveryVerdict> {
    told.iter().flat_map(of_round).collect()
}

fn of_round(told: &RoundRecord) -> impl Iterator<Item = DeliveryVerdict> + '_ {
    let verdict = |account, kind| {
        let seconds = told.verified.get(&account).copied();
        DeliveryVerdict { round: told.round, account, kind, seconds }
    };
    let accepted = told.counted.iter().map(move |account| verdict(*account, VerdictKind::Accepted));
    let found = told.misdeeds.iter().filter_map(move |misdeed| {
        let kind = match misdeed.kind {
            MisdeedKind::Submission { .. } => VerdictKind::Rejected,
            MisdeedKind::Blamed => VerdictKind::Blamed,
            // Nothing of theirs was wrong in what was to go into the model.
            MisdeedKind::Share { .. }
            | MisdeedKind::Dealer
            | MisdeedKind::Undefended
            | MisdeedKind::Absent { .. } => return None,
        };
        Some(verdict(misdeed.account, kind))
    });
    accepted.chain(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use alloy::primitives::B256;
    use zktrain_coordinator::machine::Misdeed;

    use super::*;

    const WHO: Address = Address::repeat_byte(1);
    const OTHER: Address = Address::repeat_byte(2);

    fn round(round: u64, misdeeds: Vec<Misdeed>) -> RoundRecord {
        RoundRecord {
            counted: vec![OTHER],
            missing: vec![WHO],
            misdeeds,
            verified: BTreeMap::from([(OTHER, 0.5)]),
            ..RoundRecord::empty(round)
        }
    }

    /// A round that came to nothing.
    fn void(misdeeds: Vec<Misdeed>) -> RoundRecord {
        RoundRecord { counted: Vec::new(), ..round(1, misdeeds) }
    }

    fn by(account: Address, kind: MisdeedKind) -> Vec<Misdeed> {
        vec![Misdeed { account, kind }]
    }

    fn rejected(signed: bool) -> MisdeedKind {
        MisdeedKind::Submission { signed, why: "the proof does not hold".into() }
    }

    #[test]
    fn who_was_shown_to_spoil_sums_is_never_asked_again() {
        let shown = [MisdeedKind::Share { to: OTHER }, MisdeedKind::Dealer, MisdeedKind::Blamed];
        for kind in shown {
            let mut told = vec![round(1, by(WHO, kind))];
            told.extend((2..2000).map(|number| round(number, Vec::new())));
            assert_eq!(standing(&told, WHO), Standing::Barred);
            assert_eq!(standing(&told, OTHER), Standing::Free, "the others are asked");
        }
        let rejected = [round(1, by(WHO, rejected(true)))];
        assert_eq!(standing(&rejected, WHO), Standing::Free, "that is the chain's");
        assert_eq!(standing(&[], WHO), Standing::Free);
    }

    /// How many rounds pass after each of so many silences until the member is asked again.
    fn pauses(silences: usize, kind: &MisdeedKind) -> Vec<usize> {
        let (mut told, mut pauses) = (Vec::new(), Vec::new());
        for _ in 0..silences {
            told.push(void(by(WHO, kind.clone())));
            let before = told.len();
            while standing(&told, WHO) != Standing::Free {
                told.push(round(1, Vec::new()));
            }
            pauses.push(told.len() - before);
        }
        pauses
    }

    #[test]
    fn who_was_silent_is_asked_again_after_ever_longer_pauses() {
        assert_eq!(pauses(6, &MisdeedKind::Undefended), [2, 4, 8, 16, 32, 64]);
        for phase in [Phase::Uploads, Phase::Confirm] {
            assert_eq!(pauses(4, &MisdeedKind::Absent { phase }), [2, 4, 8, 16]);
        }
        assert_eq!(pauses(3, &MisdeedKind::Absent { phase: Phase::Unmask }), [4, 16, 64]);
    }

    #[test]
    fn silence_that_a_sum_has_borne_does_not_count() {
        for phase in [Phase::Uploads, Phase::Confirm, Phase::Unmask] {
            let told = [round(1, by(WHO, MisdeedKind::Absent { phase }))];
            assert_eq!(standing(&told, WHO), Standing::Free, "{phase:?}");
        }
    }

    fn candidates() -> Vec<Candidate> {
        let candidate = |account| Candidate { account, dataset: B256::ZERO, windows: 1, score: 9 };
        [WHO, OTHER].map(candidate).to_vec()
    }

    #[test]
    fn pauses_do_not_last_for_ever_where_no_round_can_be_opened_without_the_silent() {
        let told = [void(by(WHO, MisdeedKind::Absent { phase: Phase::Uploads }))];
        assert_eq!(eligible(&told, &candidates(), 1), candidates()[1..]);
        assert_eq!(eligible(&told, &candidates(), 2), candidates());
        let told = [void(by(WHO, MisdeedKind::Dealer))];
        assert_eq!(eligible(&told, &candidates(), 2), candidates()[1..], "a cheat stays out");
    }

    #[test]
    fn rounds_that_come_to_nothing_one_after_another_come_ever_more_slowly() {
        let mut told = vec![round(1, Vec::new())];
        let mut rests = Vec::new();
        for _ in 0..40 {
            rests.push(rest(&told).as_secs());
            told.push(void(Vec::new()));
        }
        assert_eq!(rests[..7], [0, 0, 0, 30, 60, 120, 240]);
        assert_eq!(*rests.last().unwrap(), 3600);
        told.push(round(2, Vec::new()));
        assert_eq!((rest(&told), fruitless(&told)), (Duration::ZERO, 0));
    }

    #[test]
    fn a_confirmed_round_without_a_sum_is_tried_once_more_with_the_same_members() {
        let mut told = vec![void(Vec::new())];
        assert_eq!(once_more(&told, &candidates()), None, "nobody had confirmed");
        told[0].confirmed = true;
        assert_eq!(once_more(&told, &candidates()), Some(vec![WHO]));
        assert_eq!(once_more(&told, &candidates()[1..]), None, "it is not there");
        told[0].counted = vec![OTHER];
        assert_eq!(once_more(&told, &candidates()), None, "it has a sum");
    }

    #[test]
    fn more_silences_than_a_number_has_bits_bar_for_good() {
        let told: Vec<RoundRecord> =
            (0..70).map(|number| round(number, by(WHO, MisdeedKind::Undefended))).collect();
        assert_eq!(standing(&told, WHO), Standing::Paused);
    }

    #[test]
    fn measures_get_verdicts_on_deliveries() {
        let mut told = round(7, by(WHO, rejected(false)));
        told.misdeeds.extend(by(WHO, MisdeedKind::Undefended));
        let found = verdicts(&[told, round(8, by(WHO, MisdeedKind::Blamed))]);
        let kinds: Vec<_> = found.iter().map(|v| (v.round, v.account, v.kind, v.seconds)).collect();
        let expected = [
            (7, OTHER, VerdictKind::Accepted, Some(0.5)),
            (7, WHO, VerdictKind::Rejected, None),
            (8, OTHER, VerdictKind::Accepted, Some(0.5)),
            (8, WHO, VerdictKind::Blamed, None),
        ];
        assert_eq!(kinds, expected);
    }
}
