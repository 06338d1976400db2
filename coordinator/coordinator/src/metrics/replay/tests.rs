use alloy::primitives::U256;
use zktrain_ledger::bindings::registry::IDomainRegistry;
use zktrain_ledger::bindings::rounds::IRounds;

use super::*;

const DOMAIN: u64 = 5;
const ROUND: u64 = 70;

fn account(number: u8) -> Address {
    Address::repeat_byte(number)
}

fn deployment() -> Deployment {
    let zero = Address::ZERO;
    Deployment {
        chain_id: 1,
        block: 0,
        verifier: B256::ZERO,
        timelock: zero,
        reward_token: account(0xa0),
        parameters: zero,
        halo2_verifier: zero,
        training_verifier: zero,
        router: zero,
        stakes: account(0xa1),
        registry: account(0xa2),
        escrow: account(0xa3),
        reputation: zero,
        rounds: account(0xa4),
        demands: zero,
        slashing: zero,
    }
}

/// A replay of an open round of members 1 and 2.
struct Case<'a> {
    at: &'a Deployment,
    replay: Replay<'a>,
    transaction: u8,
}

impl<'a> Case<'a> {
    fn new(at: &'a Deployment) -> Self {
        let mut case = Self { at, replay: Replay::new(at, DOMAIN), transaction: 0 };
        let config = IDomainRegistry::Config {
            manifest: B256::ZERO,
            verifier: B256::ZERO,
            key: B256::ZERO,
            genesis: B256::repeat_byte(1),
            coordinator: account(9),
            token: at.reward_token,
            optimistic: false,
            challengeWindow: 1,
            trainerBond: 1,
            coordinatorBond: 1,
            coordinatorShare: 1,
            minMembers: 1,
            maxBudget: 1,
            minBudget: 1,
            minDuration: 600,
            minWindows: 1,
            threshold: 6666,
            audits: 0,
            uri: String::new(),
        };
        for domain in [DOMAIN, DOMAIN + 1] {
            let owner = account(8);
            let config = config.clone();
            let opened = DomainRegistry::DomainOpened { domain, owner, spec: B256::ZERO, config };
            case.tell(at.registry, &opened);
        }
        let member = |who| IRounds::Member {
            account: account(who),
            dataset: B256::ZERO,
            windows: 1,
            weight: 1 << 15,
        };
        case.tell(
            at.rounds,
            &Rounds::RoundOpened {
                round: ROUND,
                domain: DOMAIN,
                coordinator: account(9),
                parent: B256::repeat_byte(1),
                deadline: 0,
                budget: U256::ZERO,
                settlementFee: 0,
                burnShare: 0,
                members: vec![member(1), member(2)],
            },
        );
        case
    }

    fn tell(&mut self, from: Address, event: &impl SolEvent) {
        let log = Log { address: from, data: event.encode_log_data() };
        let transaction = B256::repeat_byte(self.transaction);
        let block = Block { number: 1, hash: B256::ZERO, time: 10 };
        self.replay.apply(&Entry { block, transaction, log });
    }

    fn settled(&mut self) {
        let model = B256::ZERO;
        self.tell(self.at.rounds, &Rounds::Settled { round: ROUND, paid: U256::ZERO, model });
    }

    fn credited(&mut self, token: Address, who: u8, amount: u64) {
        let (account, amount) = (account(who), U256::from(amount));
        self.tell(self.at.escrow, &Escrow::Credited { token, account, amount });
    }

    fn shared(&mut self, domain: u64, paid: u64, returned: u64) {
        let [paid, returned] = [paid, returned].map(U256::from);
        let burned = U256::ZERO;
        self.tell(self.at.escrow, &Escrow::Shared { domain, paid, burned, returned });
    }

    fn voided(&mut self, reason: &[u8]) {
        let reason = B256::right_padding_from(reason);
        let coordinator = account(9);
        self.tell(self.at.rounds, &Rounds::Voided { round: ROUND, coordinator, reason });
    }

    fn payments(self) -> Vec<(u8, u64)> {
        let payments = self.replay.finish().unwrap().payments;
        payments.iter().map(|paid| (paid.account.0[0], paid.amount.to())).collect()
    }
}

#[test]
fn work_in_a_void_round_is_paid_and_the_round_stays_void() {
    let at = deployment();
    let mut case = Case::new(&at);
    let (round, update) = (ROUND, B256::repeat_byte(3));
    case.tell(at.rounds, &Rounds::Delivered { round, account: account(2), update });
    case.voided(b"missed deadline");
    case.settled();
    case.credited(at.reward_token, 2, 7);
    case.shared(DOMAIN, 7, 3);
    let history = case.replay.finish().unwrap();
    let round = &history.rounds[0];
    assert_eq!(round.outcome, MeasuredOutcome::Void);
    assert_eq!(round.seats.iter().map(|seat| seat.delivered).collect::<Vec<_>>(), [false, true]);
    assert_eq!((history.payments.len(), history.slashes.len()), (1, 1));
    assert_eq!(history.slashes[0].role, Role::Coordinator);
}

#[test]
fn a_round_that_is_abandoned_is_nobodys_fault() {
    let at = deployment();
    let mut case = Case::new(&at);
    case.voided(b"verifier stopped");
    let history = case.replay.finish().unwrap();
    assert_eq!(history.rounds[0].outcome, MeasuredOutcome::Void);
    assert_eq!(history.slashes, []);
}

/// A settled round: the first member is in the sum, the second has delivered to the contract alone.
fn ended(aggregate: B256) -> MeasuredRound {
    let at = deployment();
    let mut case = Case::new(&at);
    let (round, update) = (ROUND, B256::repeat_byte(3));
    case.tell(at.rounds, &Rounds::Delivered { round, account: account(2), update });
    let delivery = |submission| IRounds::Delivery { update, submission };
    let deliveries = vec![delivery(B256::repeat_byte(4)), delivery(B256::ZERO)];
    let [root, model] = [B256::ZERO; 2];
    let proposed = Rounds::Proposed { round, root, aggregate, model, challengeEnd: 1, deliveries };
    case.tell(at.rounds, &proposed);
    case.settled();
    case.replay.finish().unwrap().rounds.remove(0)
}

#[test]
fn what_was_delivered_to_the_contract_alone_is_in_no_sum() {
    let settled = ended(B256::repeat_byte(5));
    assert_eq!(settled.outcome, MeasuredOutcome::Settled);
    let seats = settled.seats.iter().map(|seat| (seat.delivered, seat.summed));
    assert_eq!(seats.collect::<Vec<_>>(), [(true, true), (true, false)]);
    let unchanged = ended(B256::ZERO);
    assert_eq!(unchanged.outcome, MeasuredOutcome::Unchanged);
    assert!(unchanged.seats.iter().all(|seat| seat.delivered && !seat.summed));
}

#[test]
fn only_what_a_settlement_credits_is_a_payment() {
    let at = deployment();
    let mut case = Case::new(&at);
    case.credited(at.reward_token, 1, 1);
    case.settled();
    case.credited(account(0xbb), 1, 2);
    case.credited(at.reward_token, 1, 4);
    case.shared(DOMAIN, 4, 0);
    case.credited(at.reward_token, 1, 8);
    case.shared(DOMAIN, 8, 0);
    case.settled();
    case.transaction = 1;
    case.credited(at.reward_token, 2, 16);
    case.shared(DOMAIN, 16, 0);
    assert_eq!(case.payments(), [(1, 4)]);
}

#[test]
fn other_contracts_and_domains_change_nothing() {
    let at = deployment();
    let mut case = Case::new(&at);
    let before = case.replay.clone().finish().unwrap();
    let (round, model) = (ROUND, B256::ZERO);
    case.tell(account(0xbb), &Rounds::Settled { round, paid: U256::ZERO, model });
    case.tell(at.rounds, &Rounds::Settled { round: 71, paid: U256::ZERO, model });
    let (domain, dataset) = (DOMAIN + 1, B256::ZERO);
    case.tell(at.rounds, &Rounds::Joined { domain, account: account(1), dataset, windows: 1 });
    let (who, challenger, reason) = (account(1), account(2), B256::ZERO);
    let slashed = Rounds::MemberSlashed { round: 71, account: who, challenger, reason };
    case.tell(at.rounds, &slashed);
    let (version, parent, aggregate) = (1, B256::ZERO, B256::ZERO);
    let advanced =
        DomainRegistry::ModelAdvanced { domain, version, round, parent, model, aggregate };
    case.tell(at.registry, &advanced);
    let (from, to, value) = (account(1), account(2), U256::from(3));
    case.tell(account(0xbb), &RewardToken::Transfer { from, to, value });
    assert_eq!(case.replay.finish().unwrap(), before);
}

#[test]
fn a_slash_takes_an_accounts_own_stake_first() {
    let at = deployment();
    let mut case = Case::new(&at);
    let guilty = account(1);
    let n = |n: u64| U256::from(n);
    for staker in [guilty, account(2)] {
        let (amount, shares, ticket) = (n(100), n(100), U256::from_be_slice(staker.as_slice()));
        case.tell(at.stakes, &StakeManager::Staked { operator: guilty, staker, amount, shares });
        let (amount, shares) = (n(70), n(70));
        let unbonding = StakeManager::Unbonding {
            operator: guilty,
            staker,
            ticket,
            amount,
            shares,
            releaseTime: 0,
        };
        case.tell(at.stakes, &unbonding);
    }
    let mut slash = |own: u64, delegated: u64| {
        let (challenger, reason, bounty, since) = (account(3), B256::ZERO, n(own / 2), 0);
        let (own, delegated) = (n(own), n(delegated));
        case.tell(
            at.stakes,
            &StakeManager::Slashed {
                operator: guilty,
                challenger,
                reason,
                own,
                delegated,
                bounty,
                since,
            },
        );
        case.replay.clone().finish().unwrap().stakes[&guilty].to::<u64>()
    };
    // What is left of its own and of others' active stake: `zktrain_ledger::stakes` has the parts.
    assert_eq!(slash(20, 0), 10 + 30);
    // Of others' stake 11 * 30 / 100 = 3 are of the active part.
    assert_eq!(slash(40, 11), 27);
    let (staker, ticket, amount) = (account(2), U256::ONE, n(62));
    case.tell(at.stakes, &StakeManager::Withdrawn { operator: guilty, staker, ticket, amount });
    assert_eq!(case.replay.finish().unwrap().stakes[&guilty], n(27));
}
