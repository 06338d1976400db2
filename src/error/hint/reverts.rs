//! What helps against what contracts refuse most often.

/// Names of errors, and what to do.
pub(super) const REVERTS: &[(&str, &str)] = &[
    ("NotCovered", "stake more first: `zktrain chain stake`"),
    ("ERC20InsufficientBalance", "the account has fewer tokens: `zktrain chain status`"),
    ("TooEarly", "wait; `zktrain chain status --round` says until when"),
    (
        "TooLittleOwn",
        "stake more of your own: `zktrain chain stake`; at least half of what \
          somebody answers with is",
    ),
    (
        "OverLimit",
        "stake more: `zktrain chain stake`; or answer with more of what others have \
          staked with you: `zktrain chain stake limit`",
    ),
    (
        "BadMemberCount",
        "members have joined, are covered by stake, and are not leaving; others \
          are left out",
    ),
    ("BudgetTooHigh", "`zktrain chain status --domain` says how much a round may pay"),
    (
        "BudgetTooLow",
        "`zktrain chain status --domain` says how much a round pays at least; a round may \
          also pay nothing: 0",
    ),
    (
        "BadDuration",
        "`zktrain chain status --domain` says how short a round may be; the longest \
          are 7days",
    ),
    (
        "Barred",
        "a coordinator that was slashed in a domain opens no round of it again; the domain's \
          owner names another: `zktrain chain domain coordinator`",
    ),
    (
        "TooFewWindows",
        "`zktrain chain status --domain` says how many windows a member needs; a \
          smaller --batch makes more of them, in another domain",
    ),
    (
        "DatasetTaken",
        "a dataset stands for one member; its holder frees it by leaving: `zktrain \
          chain exit`",
    ),
    ("TooLate", "`zktrain chain status --round` says what can still be done"),
    (
        "StillPending",
        "have the audit drawn, `zktrain chain audit`, and demands answered, \
          `zktrain chain answer`",
    ),
    ("BondTooLow", "the base fee has risen: demand again, with a higher bond"),
    ("AlreadyDemanded", "`zktrain chain status --round` says until when it is answered"),
    ("NothingToCollect", "a bond is paid out once its round is settled or void"),
    ("NoRandomness", "this chain's blocks have no `prevrandao`: rounds need another chain"),
    (
        "VerifierInUse",
        "nothing could be said against the round any more when the stop began: settle it: \
          `zktrain chain settle`",
    ),
    (
        "VerifierIsStopped",
        "a round that needs this verifier is abandoned a day after the stop: \
          `zktrain chain abandon`",
    ),
    (
        "DomainIsActive",
        "funds come back once the domain is closed, or no round has moved any for \
          90 days",
    ),
    ("NotOverdue", "`zktrain chain status --round` says until when it can be answered"),
    ("NotLate", "`zktrain chain status --round` says until when it can be proposed and audited"),
    ("NotEnoughFunds", "pay into the budget: `zktrain chain domain fund`"),
    ("StillUnbonding", "wait until the ticket is due"),
    ("ProofIsValid", "there is nothing to challenge: the proof holds"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    /// A renamed error would lose its hint without anybody noticing.
    #[test]
    fn hints_are_about_errors_that_contracts_have() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts/artifacts");
        let mut names = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let artifact: Value = serde_json::from_str(&text).unwrap();
            let parts = artifact["abi"].as_array().into_iter().flatten();
            let errors = parts.filter(|part| part["type"] == "error");
            names.extend(errors.map(|part| part["name"].as_str().unwrap().to_owned()));
        }
        for (error, _) in REVERTS {
            assert!(names.contains(*error), "{error}");
        }
    }
}
