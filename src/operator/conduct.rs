//! What earlier rounds say of members: who is not asked again for a while, and what measures count.
//!
//! Whoever spoils a sum costs everybody the round. The chain takes no evidence of it (a masked
//! vector is far too large for a contract), so a coordinator that went on asking such a member could
//! be kept from ever making a sum, for nothing.

use alloy::primitives::Address;
use zktrain_coordinator::machine::MisdeedKind;
use zktrain_coordinator::metrics::{Misdeed as Label, Verdict, VerdictKind};

use super::history::Told;

/// Whether an account has been shown to spoil sums, or was silent so lately when it was to defend
/// itself that it is not asked yet: for two rounds the first time, twice as many each further time.
///
/// Who is shown has signed what shows it; who is silent may have lost its connection.
pub fn is_barred(told: &[Told], account: Address) -> bool {
    let (mut silences, mut until) = (0, 0);
    for (place, round) in told.iter().enumerate() {
        for misdeed in round.misdeeds.iter().filter(|misdeed| misdeed.account == account) {
            match misdeed.kind {
                MisdeedKind::Share { .. } | MisdeedKind::Dealer | MisdeedKind::Blamed => {
                    return true;
                }
                MisdeedKind::Undefended => {
                    silences += 1;
                    let pause = 1usize.checked_shl(silences).unwrap_or(usize::MAX);
                    until = place.saturating_add(1).saturating_add(pause);
                }
                // What is signed is punished on the chain, what is not spoils nothing.
                MisdeedKind::Submission { .. } => {}
            }
        }
    }
    told.len() < until
}

/// How a misdeed is counted.
pub fn label(kind: &MisdeedKind) -> Label {
    match kind {
        MisdeedKind::Share { .. } | MisdeedKind::Dealer => Label::Complaint,
        MisdeedKind::Submission { .. } => Label::Proof,
        MisdeedKind::Blamed => Label::Blamed,
        MisdeedKind::Undefended => Label::Undefended,
    }
}

/// What was found about deliveries, as far as the chain does not know it.
pub fn verdicts(told: &[Told]) -> Vec<Verdict> {
    told.iter().flat_map(of_round).collect()
}

fn of_round(told: &Told) -> impl Iterator<Item = Verdict> + '_ {
    let verdict = |account, kind| {
        let seconds = told.verified.get(&account).copied();
        Verdict { round: told.round, account, kind, seconds }
    };
    let accepted = told.counted.iter().map(move |account| verdict(*account, VerdictKind::Accepted));
    let found = told.misdeeds.iter().filter_map(move |misdeed| {
        let kind = match misdeed.kind {
            MisdeedKind::Submission { .. } => VerdictKind::Rejected,
            MisdeedKind::Blamed => VerdictKind::Blamed,
            // Nothing of theirs was wrong in what was to go into the model.
            MisdeedKind::Share { .. } | MisdeedKind::Dealer | MisdeedKind::Undefended => {
                return None;
            }
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

    fn round(round: u64, misdeeds: Vec<Misdeed>) -> Told {
        Told {
            round,
            model: B256::ZERO,
            counted: vec![OTHER],
            missing: vec![WHO],
            slashed: Vec::new(),
            misdeeds,
            verified: BTreeMap::from([(OTHER, 0.5)]),
            settled: true,
            loss: None,
            accuracy: None,
            improvement: None,
            budget: None,
        }
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
            assert!(is_barred(&told, WHO));
            assert!(!is_barred(&told, OTHER), "the others are");
        }
        assert!(!is_barred(&[round(1, by(WHO, rejected(true)))], WHO), "that is the chain's");
        assert!(!is_barred(&[], WHO));
    }

    /// How many rounds pass after each of so many silences until the member is asked again.
    fn pauses(silences: usize) -> Vec<usize> {
        let (mut told, mut pauses) = (Vec::new(), Vec::new());
        for _ in 0..silences {
            told.push(round(1, by(WHO, MisdeedKind::Undefended)));
            let before = told.len();
            while is_barred(&told, WHO) {
                told.push(round(1, Vec::new()));
            }
            pauses.push(told.len() - before);
        }
        pauses
    }

    #[test]
    fn who_was_silent_is_asked_again_after_ever_longer_pauses() {
        assert_eq!(pauses(6), [2, 4, 8, 16, 32, 64]);
    }

    #[test]
    fn more_silences_than_a_number_has_bits_bar_for_good() {
        let told: Vec<Told> =
            (0..70).map(|number| round(number, by(WHO, MisdeedKind::Undefended))).collect();
        assert!(is_barred(&told, WHO));
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
