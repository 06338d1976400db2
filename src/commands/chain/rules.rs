//! The rules that a domain is opened with, which never change.

use std::time::Duration;

use alloy::primitives::{Address, B256, U256};
use humantime::format_duration;
use zktrain_chain::amount::{parse, parse_duration, show};
use zktrain_ledger::bindings::parameters::IParameters::Values;
use zktrain_ledger::bindings::registry::IDomainRegistry::Config;
use zktrain_ledger::payments::most_budget;

use super::ChainRefusal;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Bounds of the contract `DomainRegistry`.
const CHALLENGE_WINDOW: [u64; 2] = [30 * MINUTE, 7 * DAY];
const OPTIMISTIC_CHALLENGE_WINDOW: [u64; 2] = [HOUR, 7 * DAY];
const DURATION: [u64; 2] = [10 * MINUTE, 7 * DAY];
const MOST_AUDITS: u16 = 16;
/// So many audits let a round pay half of what its coordinator answers with.
const USUAL_AUDITS: u16 = 2;
/// Rows of all updates of a round at most.
const MOST_ROWS: usize = 1_800;
/// A whole token, of eighteen decimals as all amounts here.
const TOKEN: u128 = 1_000_000_000_000_000_000;

/// Options of `zktrain chain domain open` that are rules of its rounds.
#[derive(clap::Args, Clone, Debug)]
pub struct Rules {
    /// Proofs are not checked on submission, but may be challenged: far cheaper.
    #[arg(long)]
    pub optimistic: bool,
    /// Time to challenge what a coordinator proposes; at least 1h in optimistic domains.
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = parse_duration)]
    pub challenge_window: u64,
    /// What a member answers with; by default the least.
    #[arg(long, value_name = "AMOUNT", value_parser = parse)]
    pub trainer_bond: Option<U256>,
    /// What the coordinator answers with in each round; by default the least.
    #[arg(long, value_name = "AMOUNT", value_parser = parse)]
    pub coordinator_bond: Option<U256>,
    /// Percent of a budget that are the coordinator's.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=100))]
    pub coordinator_share: u16,
    /// Least members of a round.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub min_members: u16,
    /// Most that a round may pay. By default, and at most, a quarter of the coordinator's bond for each
    /// audited delivery where proofs are not checked on submission and budgets are in reward tokens; without a
    /// bound where they are checked.
    #[arg(long, value_name = "AMOUNT", value_parser = parse)]
    pub max_budget: Option<U256>,
    /// Least that a round pays, unless it pays nothing. By default a hundredth of the most; one token if
    /// there is no bound.
    #[arg(long, value_name = "AMOUNT", value_parser = parse)]
    pub min_budget: Option<U256>,
    /// Shortest round.
    #[arg(long, default_value = "10m", value_name = "TIME", value_parser = parse_duration)]
    pub min_duration: u64,
    /// Least windows of a member's dataset.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub min_windows: u64,
    /// More than so many percent of a round's members have to be in its sum; at least 50.
    #[arg(long, default_value = "66.67%", value_name = "PERCENT", value_parser = parse_percent)]
    pub threshold: u16,
    /// Deliveries of each round that are drawn by lot and have to be proven on chain, in optimistic
    /// domains [default: 2 there, and 0 where all are].
    #[arg(long, value_name = "N")]
    pub audits: Option<u16>,
}

/// Reads percent with up to two decimals; in basis points.
fn parse_percent(text: &str) -> Result<u16, String> {
    let wrong = || format!("{text:?} is no part of a hundred: write 66.67% or 70%");
    let digits = text.trim().trim_end_matches('%').trim();
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = (1..=3).contains(&whole.len())
        && fraction.len() <= 2
        && whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit());
    let points = format!("{whole}{fraction:0<2}").parse::<u16>().ok();
    points.filter(|points| plain && *points <= 10_000).ok_or_else(wrong)
}

/// Writes basis points.
pub fn percent(points: u16) -> String {
    let text = format!("{}.{:02}", points / 100, points % 100);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn duration(seconds: u64) -> String {
    format_duration(Duration::from_secs(seconds)).to_string()
}

fn within(
    option: &'static str,
    got: u64,
    [least, most]: [u64; 2],
    hint: &'static str,
) -> Result<(), ChainRefusal> {
    if (least..=most).contains(&got) {
        return Ok(());
    }
    let expected = format!("{} to {}", duration(least), duration(most));
    Err(ChainRefusal::Rule { option, expected, got: duration(got), hint })
}

fn bond(option: &'static str, given: Option<U256>, least: u128) -> Result<u128, ChainRefusal> {
    let got = given.unwrap_or(U256::from(least));
    match u128::try_from(got) {
        Ok(bond) if bond >= least => Ok(bond),
        _ => Err(ChainRefusal::Rule {
            option,
            expected: format!("{} or more", show(U256::from(least))),
            got: show(got),
            hint: "governance says how much at least: leave the option out for that",
        }),
    }
}

impl Rules {
    /// Refuses what the contracts of no deployment allow.
    ///
    /// # Errors
    /// [`ChainRefusal::Rule`].
    pub fn check(&self) -> Result<(), ChainRefusal> {
        let windows = match self.optimistic {
            true => OPTIMISTIC_CHALLENGE_WINDOW,
            false => CHALLENGE_WINDOW,
        };
        let why = "a challenger needs the time to look at what is wrong and to bring evidence, in two \
             transactions";
        within("--challenge-window", self.challenge_window, windows, why)?;
        within("--min-duration", self.min_duration, DURATION, "choose a time within these")?;
        self.check_threshold()?;
        self.check_audits()
    }

    /// Refuses more members than evidence about their updates can be of, each of so many rows.
    ///
    /// # Errors
    /// [`ChainRefusal::Rule`].
    pub fn check_rows(&self, rows: usize) -> Result<(), ChainRefusal> {
        let (most, got) = (MOST_ROWS / rows.max(1), self.min_members);
        if usize::from(got) <= most {
            return Ok(());
        }
        Err(ChainRefusal::Rule {
            option: "--min-members",
            expected: format!("{most} or fewer"),
            got: got.to_string(),
            hint: "evidence of a wrong sum of more updates of this network would not fit a \
                   transaction: lower it, or train a network with fewer rows",
        })
    }

    /// These rules as a configuration without what is the domain's own; checked before anything is
    /// paid for. `is_reward` says whether budgets are in reward tokens.
    ///
    /// # Errors
    /// If the contracts would refuse one of them.
    pub fn config(&self, least: &Values, is_reward: bool) -> Result<Config, ChainRefusal> {
        self.check()?;
        let coordinator = bond("--coordinator-bond", self.coordinator_bond, least.coordinatorBond)?;
        let most = self.most(coordinator, is_reward)?;
        Ok(Config {
            manifest: B256::ZERO,
            verifier: B256::ZERO,
            key: B256::ZERO,
            genesis: B256::ZERO,
            coordinator: Address::ZERO,
            token: Address::ZERO,
            optimistic: self.optimistic,
            challengeWindow: self.challenge_window,
            trainerBond: bond("--trainer-bond", self.trainer_bond, least.trainerBond)?,
            coordinatorBond: coordinator,
            coordinatorShare: 100 * self.coordinator_share,
            minMembers: self.min_members,
            maxBudget: most,
            minBudget: self.fewest(most)?,
            minDuration: self.min_duration,
            minWindows: self.min_windows,
            threshold: self.threshold,
            audits: self.audits(),
            uri: String::new(),
        })
    }

    /// What a round may pay at most. Where nothing is checked on submission, a round that is made up
    /// must not be worth more than what its coordinator loses for it.
    fn most(&self, coordinator_bond: u128, is_reward: bool) -> Result<u128, ChainRefusal> {
        let bounded = self.optimistic && is_reward;
        let most = if bounded { most_budget(coordinator_bond, self.audits()) } else { u128::MAX };
        let got = match self.max_budget {
            Some(got) => got,
            None if self.optimistic && !is_reward => {
                return Err(ChainRefusal::Rule {
                    option: "--max-budget",
                    expected: "the most that a round may pay".to_owned(),
                    got: "nothing".to_owned(),
                    hint: "a made-up round must not be worth more than a quarter of the coordinator's \
                         bond for each audited delivery, and what another token is worth beside that is \
                         yours to say",
                });
            }
            None => U256::from(most),
        };
        let bound = match bounded {
            true => {
                ", a quarter of the coordinator's bond for each audit, and no more than all of it"
            }
            false => "",
        };
        let fits = |budget: &u128| (1..=most).contains(budget);
        u128::try_from(got).ok().filter(fits).ok_or_else(|| ChainRefusal::Rule {
            option: "--max-budget",
            expected: format!("more than nothing, and {} or less{bound}", show(U256::from(most))),
            got: show(got),
            hint: if bounded {
                "proofs are not checked on submission here, so made-up deliveries must not be worth more \
                 than their coordinator loses when they are drawn: lower it, or raise --audits or \
                 --coordinator-bond"
            } else {
                "rounds that pay nothing are possible in every domain, whatever this says"
            },
        })
    }

    /// What a round that pays anything pays at least: rounds of next to nothing would move reputations for
    /// next to nothing.
    fn fewest(&self, most: u128) -> Result<u128, ChainRefusal> {
        let usual = match most {
            u128::MAX => TOKEN,
            most => (most / 100).max(1),
        };
        let got = self.min_budget.unwrap_or(U256::from(usual));
        let fits = |budget: &u128| (1..=most).contains(budget);
        u128::try_from(got).ok().filter(fits).ok_or_else(|| ChainRefusal::Rule {
            option: "--min-budget",
            expected: format!("more than nothing, and {} or less", show(U256::from(most))),
            got: show(got),
            hint: "it is at most what a round may pay, `--max-budget`, and a round that pays next to \
                   nothing would move reputations for nothing; rounds without any pay are possible in \
                   every domain",
        })
    }

    fn check_threshold(&self) -> Result<(), ChainRefusal> {
        match self.threshold {
            5_000..=9_999 => Ok(()),
            got => Err(ChainRefusal::Rule {
                option: "--threshold",
                expected: "50% or more, and less than 100%".to_owned(),
                got: percent(got),
                hint: "two sums of few members each would show what one of them has contributed; \
                     66.67% is right for most domains",
            }),
        }
    }

    fn audits(&self) -> u16 {
        self.audits.unwrap_or(if self.optimistic { USUAL_AUDITS } else { 0 })
    }

    fn check_audits(&self) -> Result<(), ChainRefusal> {
        let audits = self.audits();
        let most = if self.optimistic { MOST_AUDITS } else { 0 };
        if audits <= most {
            return Ok(());
        }
        let (expected, hint) = match self.optimistic {
            true => (format!("{most} or fewer"), "each costs the coordinator a verification"),
            false => ("none".to_owned(), "all proofs are checked here; or open it `--optimistic`"),
        };
        Err(ChainRefusal::Rule { option: "--audits", expected, got: audits.to_string(), hint })
    }
}

/// A domain's rules, for people.
pub fn describe(config: &Config) -> Vec<String> {
    let amount = |amount: u128| show(U256::from(amount));
    let most = match config.maxBudget {
        u128::MAX => "a round may pay anything".to_owned(),
        most => format!("a round pays at most {}", amount(most)),
    };
    let mut rules = vec![
        format!("members answer with {}", amount(config.trainerBond)),
        format!("the coordinator with {} a round", amount(config.coordinatorBond)),
        format!("{most}, {} of it the coordinator", percent(config.coordinatorShare)),
        format!("it pays nothing, or {} or more", amount(config.minBudget)),
        format!(
            "a round lasts {} or longer and has {} members or more, with {} windows or more each",
            duration(config.minDuration),
            config.minMembers,
            config.minWindows
        ),
        format!("more than {} of them are in the sum", percent(config.threshold)),
        format!("{} to challenge a proposal", duration(config.challengeWindow)),
    ];
    if config.optimistic {
        rules.push(format!("{} deliveries of each round are audited", config.audits));
    }
    rules
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        rules: Rules,
    }

    fn least() -> Values {
        Values {
            domainDeposit: 0,
            domainFee: 0,
            settlementFee: 0,
            burnShare: 5000,
            trainerBond: 10 * TOKEN,
            coordinatorBond: 100 * TOKEN,
        }
    }

    fn write(args: &[&str], is_reward: bool) -> Result<Config, ChainRefusal> {
        let line = Line::parse_from([&["open"][..], args].concat());
        line.rules.config(&least(), is_reward)
    }

    #[test]
    fn defaults_are_what_a_domain_needs() {
        let optimistic = write(&["--optimistic"], true).unwrap();
        assert_eq!((optimistic.audits, optimistic.threshold), (2, 6667));
        assert_eq!(optimistic.maxBudget, 50 * TOKEN, "a quarter of the bond for each audit");
        assert_eq!((optimistic.minDuration, optimistic.challengeWindow), (600, 3600));
        let eager = write(&[], true).unwrap();
        assert_eq!((eager.audits, eager.maxBudget), (0, u128::MAX));
        let more = write(&["--optimistic", "--coordinator-bond", "500"], true).unwrap();
        assert_eq!(more.maxBudget, 250 * TOKEN);
        for (audits, most) in [("0", 25), ("1", 25), ("3", 75), ("4", 100), ("16", 100)] {
            let some = write(&["--optimistic", "--audits", audits], true).unwrap();
            assert_eq!(some.maxBudget, most * TOKEN, "{audits} audits");
        }
        let other = write(&["--optimistic", "--max-budget", "7000"], false).unwrap();
        assert_eq!(other.maxBudget, 7000 * TOKEN);
        let least = [&optimistic, &eager, &more, &other].map(|config| config.minBudget);
        let tenths = least.map(|all| 10 * all / TOKEN);
        assert_eq!(tenths, [5, 10, 25, 700], "a hundredth of the most, or a token");
        let little = write(&["--max-budget", "0.000000000000000001"], true).unwrap();
        assert_eq!((little.minBudget, little.maxBudget), (1, 1));
        let own = write(&["--min-budget", "2.5"], true).unwrap();
        assert_eq!(own.minBudget, 5 * TOKEN / 2);
        assert!(describe(&optimistic).iter().any(|rule| rule.contains("at most 50 ZKT, 10 %")));
    }

    /// Of `n` members `floor(n * threshold / 10000) + 1` have to be in the sum: more than two thirds.
    #[test]
    fn the_default_threshold_is_more_than_two_thirds() {
        let threshold = u32::from(write(&[], true).unwrap().threshold);
        for members in 1..=256u32 {
            let got = (members * threshold / 10_000 + 1).min(members);
            assert_eq!(got, (2 * members / 3 + 1).min(members), "{members}");
        }
    }

    #[test]
    fn what_the_contracts_would_refuse_is_refused_before() {
        let cases: [(&[&str], &str); 13] = [
            (&["--max-budget", "0"], "--max-budget"),
            (&["--min-budget", "0"], "more than nothing"),
            (&["--max-budget", "5", "--min-budget", "6"], "and 5 ZKT or less"),
            (&["--optimistic", "--max-budget", "51"], "50 ZKT or less"),
            (&["--optimistic", "--max-budget", "26", "--audits", "1"], "25 ZKT or less"),
            (&["--optimistic", "--challenge-window", "59m"], "1h to 7days"),
            (&["--challenge-window", "29m"], "30m to 7days"),
            (&["--min-duration", "9m"], "10m to 7days"),
            (&["--trainer-bond", "9"], "10 ZKT or more"),
            (&["--threshold", "49%"], "50% or more"),
            (&["--threshold", "100%"], "less than 100%"),
            (&["--audits", "1"], "none, got 1"),
            (&["--optimistic", "--audits", "17"], "16 or fewer"),
        ];
        for (args, expected) in cases {
            let refused = write(args, true).unwrap_err();
            assert!(refused.to_string().contains(expected), "{args:?}: {refused}");
            assert!(refused.hint().is_some());
        }
        let unsaid = write(&["--optimistic"], false).unwrap_err();
        assert!(unsaid.to_string().contains("--max-budget"), "{unsaid}");
    }

    #[test]
    fn no_more_members_are_asked_for_than_evidence_can_be_of() {
        let rules = |least: &str| Line::parse_from(["open", "--min-members", least]).rules;
        assert_eq!(rules("60").check_rows(30), Ok(()));
        let refused = rules("61").check_rows(30).unwrap_err();
        assert!(refused.to_string().contains("--min-members: expected 60 or fewer"), "{refused}");
    }

    #[test]
    fn percent_are_read_and_written() {
        for (text, points) in [("66.67%", 6667), ("70", 7000), ("99.9 %", 9990), ("100%", 10_000)] {
            assert_eq!(parse_percent(text), Ok(points), "{text}");
            assert_eq!(parse_percent(&percent(points)), Ok(points), "{text}");
        }
        for wrong in ["", "%", "1.234", "-1", "101", "0,5", "a"] {
            assert!(parse_percent(wrong).is_err(), "{wrong}");
        }
    }
}
