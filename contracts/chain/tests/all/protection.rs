//! What keeps coordinators, members and stakers honest, through the client: evidence that is
//! committed to, audits, receipts, lengths, limits and what funders own.

use alloy::primitives::{B256, U256, keccak256};
use zktrain_chain::protocol::{Client, ClientError, RawHeader, Status};
use zktrain_ledger::bindings::registry::IDomainRegistry::Config;
use zktrain_ledger::bindings::rounds::IRounds::Member;
use zktrain_ledger::bindings::slashing::{IRounds, Slashing};
use zktrain_ledger::typed::{Receipt, Submission};
use zktrain_ledger::{SignedReceipt, SignedSubmission, beacon};
use zktrain_testchains::Backend;
use zktrain_testchains::economy::{
    COORDINATOR_BOND, Economy, HOUR, TRAINER_BOND, plain_key, tokens,
};

async fn economy(owners: usize) -> Economy {
    Economy::new(Backend::embedded().await, owners).await
}

/// A domain with all owners as members.
async fn domain(economy: &Economy, change: impl FnOnce(&mut Config)) -> u64 {
    let (name, genesis) = (keccak256("domain"), keccak256("first model"));
    let domain = economy.domain_with(name, &plain_key(), genesis, change).await;
    for owner in &economy.owners {
        owner.stake(tokens(TRAINER_BOND)).await.unwrap();
        owner.join(domain, keccak256(owner.address()), 3).await.unwrap();
    }
    domain
}

async fn drawn(economy: &Economy, domain: u64, owners: &[usize]) -> u64 {
    let round = economy.open(domain, owners).await;
    economy.coordinator.draw(round).await.unwrap();
    round
}

/// Something signed that no proof is behind.
async fn signed(owner: &Client, round: u64, what: &str) -> SignedSubmission {
    let update = keccak256(what);
    let said = Submission::new(round, owner.address(), b"statement", what.as_bytes(), update);
    owner.sign_submission(said).await.unwrap()
}

/// The coordinator proposes these.
async fn propose(economy: &Economy, round: u64, of: &[&SignedSubmission]) {
    let coordinator = &economy.coordinator;
    let submissions: Vec<_> = of.iter().map(|signed| signed.submission.clone()).collect();
    let deliveries = coordinator.deliveries(round, &submissions).await.unwrap();
    let (sum, model) = (keccak256("sum"), keccak256("model"));
    let batch = coordinator.sign_batch(round, &deliveries, sum, model).await.unwrap();
    coordinator.propose(&batch, deliveries).await.unwrap();
}

async fn status(client: &Client, round: u64) -> Status {
    client.status(round).await.unwrap()
}

fn called(said: &Submission) -> IRounds::Submission {
    let Submission { round, member, statement, proof, update, length } = said.clone();
    IRounds::Submission { round, member, statement, proof, update, length }
}

fn seat(found: &Member) -> IRounds::Member {
    let Member { account, dataset, windows, weight } = found.clone();
    IRounds::Member { account, dataset, windows, weight }
}

#[tokio::test]
async fn evidence_is_committed_to_before_it_is_shown() {
    let economy = economy(1).await;
    let domain = domain(&economy, |_| {}).await;
    let round = drawn(&economy, domain, &[0]).await;
    let (owner, watcher) = (&economy.owners[0], &economy.watcher);
    let [first, second] = [signed(owner, round, "a").await, signed(owner, round, "b").await];
    let found = watcher.members(round).await.unwrap().find(owner.address());
    let (member, path) = found.unwrap();
    let call = Slashing::equivocationCall {
        member: seat(&member),
        path,
        first: called(&first.submission),
        firstSignature: first.signature.clone(),
        second: called(&second.submission),
        secondSignature: second.signature.clone(),
    };
    let direct = watcher.sender().send("direct", economy.at.slashing, call).await.unwrap_err();
    assert!(direct.to_string().contains("NotRevealed"), "{direct}");
    let before = economy.balance(watcher.address()).await;
    watcher.challenge_equivocation([&first, &second]).await.unwrap();
    let bounty = economy.balance(watcher.address()).await - before;
    assert_eq!(bounty, tokens(TRAINER_BOND) / U256::from(2));
    // Once more, after a crash say: it is found again, and pays once.
    watcher.challenge_equivocation([&first, &second]).await.unwrap();
    assert_eq!(economy.balance(watcher.address()).await, before + bounty);
}

/// Its stake need not cover anything then, and a friend would clear it for the bounty.
#[tokio::test]
async fn who_is_not_in_a_round_answers_for_nothing_in_it() {
    let economy = economy(2).await;
    let domain = domain(&economy, |_| {}).await;
    let round = drawn(&economy, domain, &[0]).await;
    let (owner, watcher) = (&economy.owners[1], &economy.watcher);
    let [first, second] = [signed(owner, round, "a").await, signed(owner, round, "b").await];
    let mut said = first.submission.clone();
    said.length = 98_305;
    let long = owner.sign_submission(said).await.unwrap();
    let refused = [
        watcher.challenge_equivocation([&first, &second]).await.unwrap_err(),
        watcher.challenge_length(&long).await.unwrap_err(),
    ];
    for error in refused {
        assert!(matches!(error, ClientError::NotMember { .. }), "{error}");
    }
    assert_eq!(economy.stake(owner.address()).await, tokens(TRAINER_BOND));
}

#[tokio::test]
async fn a_round_pays_nothing_or_what_its_domain_asks_for() {
    let economy = economy(1).await;
    let domain = domain(&economy, |config| config.minBudget = tokens(2).to()).await;
    let open = |budget: u128| {
        let accounts = vec![economy.owners[0].address()];
        economy.coordinator.open_round(domain, HOUR, budget, accounts)
    };
    let refused = open(tokens(2).to::<u128>() - 1).await.unwrap_err();
    assert!(refused.to_string().contains("BudgetTooLow"), "{refused}");
    open(0).await.unwrap();
}

#[tokio::test]
async fn what_is_too_long_to_be_shown_is_evidence_by_its_length() {
    let economy = economy(1).await;
    let domain = domain(&economy, |_| {}).await;
    let round = drawn(&economy, domain, &[0]).await;
    let owner = &economy.owners[0];
    let mut said = signed(owner, round, "a").await.submission;
    said.length = 98_304;
    let long = owner.sign_submission(said.clone()).await.unwrap();
    let refused = economy.watcher.challenge_length(&long).await.unwrap_err();
    assert!(refused.to_string().contains("NotTooLong"), "{refused}");
    said.length += 1;
    let longer = owner.sign_submission(said).await.unwrap();
    economy.watcher.challenge_length(&longer).await.unwrap();
    assert_eq!(economy.stake(owner.address()).await, U256::ZERO);
}

#[tokio::test]
async fn a_receipt_shows_what_a_batch_leaves_out() {
    let economy = economy(2).await;
    let domain = domain(&economy, |_| {}).await;
    let round = drawn(&economy, domain, &[0, 1]).await;
    let (owner, coordinator) = (&economy.owners[0], &economy.coordinator);
    let submission = signed(owner, round, "a").await;
    let other = signed(&economy.owners[1], round, "b").await;
    let scope = owner.scope(round).await.unwrap();
    let receipt = |of: &SignedSubmission| {
        let (plan, masked) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let (member, submission) = (of.submission.member, scope.hash(&of.submission));
        let receipt = Receipt { round, member, plan, masked, submission, time: 1 };
        SignedReceipt::new(receipt, &scope, coordinator.sender().signer()).unwrap()
    };
    let (counted, kept) = (receipt(&submission), receipt(&other));
    economy.pass(HOUR + 1).await;
    propose(&economy, round, &[&other]).await;
    let refused = economy.watcher.challenge_omission(&kept).await.unwrap_err();
    assert!(refused.to_string().contains("NotOmitted"), "{refused}");
    let before = economy.stake(coordinator.address()).await;
    economy.watcher.challenge_omission(&counted).await.unwrap();
    assert_eq!(economy.stake(coordinator.address()).await, before - tokens(COORDINATOR_BOND));
    assert_eq!(status(&economy.watcher, round).await, Status::Void);
    assert!(economy.watcher.is_barred(domain, coordinator.address()).await.unwrap());
}

/// Until the deadline nobody is shut out; then there is a day to propose.
#[tokio::test]
async fn a_batch_without_everybody_waits_for_the_deadline() {
    let economy = economy(2).await;
    let domain = domain(&economy, |_| {}).await;
    let round = drawn(&economy, domain, &[0, 1]).await;
    let only = signed(&economy.owners[0], round, "a").await;
    let coordinator = &economy.coordinator;
    let said = [only.submission.clone()];
    let deliveries = coordinator.deliveries(round, &said).await.unwrap();
    let batch = coordinator.sign_batch(round, &deliveries, keccak256("sum"), B256::ZERO);
    let batch = batch.await.unwrap();
    let early = coordinator.propose(&batch, deliveries.clone()).await.unwrap_err();
    assert!(early.to_string().contains("NotEverybody"), "{early}");
    economy.pass(HOUR + 1).await;
    let late = economy.watcher.challenge_deadline(round).await.unwrap_err();
    assert!(late.to_string().contains("NotLate"), "{late}");
    coordinator.propose(&batch, deliveries).await.unwrap();
}

/// Which deliveries must be proven follows from a later block, and anyone can see that it does.
#[tokio::test]
async fn an_audit_draws_what_anybody_can_check() {
    let economy = economy(4).await;
    let domain = domain(&economy, |config| config.audits = 2).await;
    let round = drawn(&economy, domain, &[0, 1, 2, 3]).await;
    let mut submissions = Vec::new();
    for owner in &economy.owners {
        submissions.push(signed(owner, round, "made up").await);
    }
    propose(&economy, round, &submissions.iter().collect::<Vec<_>>()).await;
    let watcher = &economy.watcher;
    let audit = watcher.audit_of(round).await.unwrap().unwrap();
    let demanded = watcher.audit(round).await.unwrap().unwrap();
    assert_eq!(watcher.audit(round).await.unwrap(), None, "once");

    let random = RawHeader::of(watcher.sender().chain(), audit.target).await.unwrap().random;
    let known = watcher.round(round).await.unwrap();
    let seed = beacon::audit_seed(random, round, economy.at.demands, known.batch);
    let listed = watcher.members(round).await.unwrap().0;
    let tickets = listed.iter().map(|member| (member.account, member.weight)).collect();
    assert_eq!(demanded, beacon::draw(seed, tickets, 2));
    let mut open = watcher.demanded(round).await.unwrap();
    open.sort_unstable();
    let mut drawn = demanded.clone();
    drawn.sort_unstable();
    assert_eq!(open, drawn);
    let export = watcher.export(domain).await.unwrap();
    assert_eq!(export.audited_by(round).unwrap().random(), Some(random));
    assert_eq!(
        export.drawn_by(round).map(|drawing| drawing.block.number),
        Some(known.openedAt + 2)
    );
    let random = export.drawn_by(round).unwrap().random().unwrap();
    let at = economy.at.rounds;
    let nonce = beacon::nonce(random, round, at, domain, known.members, known.parent);
    assert_eq!(nonce, known.nonce);

    economy.pass(HOUR + 1).await;
    let pending = watcher.settle(round).await.unwrap_err();
    assert!(pending.to_string().contains("StillPending"), "{pending}");
    assert!(watcher.is_pending(round).await.unwrap());
    economy.pass(24 * HOUR).await;
    let before = economy.balance(watcher.address()).await;
    watcher.challenge_unanswered(round, demanded[0]).await.unwrap();
    let bounty = economy.balance(watcher.address()).await - before;
    assert_eq!(bounty, tokens(COORDINATOR_BOND) / U256::from(2));
    assert_eq!(status(watcher, round).await, Status::Void);
}

#[tokio::test]
async fn who_does_not_draw_an_audit_is_slashed() {
    let economy = economy(1).await;
    let domain = domain(&economy, |config| config.audits = 1).await;
    let round = drawn(&economy, domain, &[0]).await;
    let only = signed(&economy.owners[0], round, "a").await;
    propose(&economy, round, &[&only]).await;
    assert!(economy.watcher.challenge_unaudited(round).await.is_err(), "it can still be drawn");
    economy.pass(24 * HOUR + 1).await;
    economy.watcher.challenge_unaudited(round).await.unwrap();
    assert_eq!(status(&economy.watcher, round).await, Status::Void);
}

#[tokio::test]
async fn delegators_say_how_much_they_risk() {
    let economy = economy(1).await;
    let (account, watcher) = (economy.coordinator.address(), &economy.watcher);
    economy.coordinator.set_limit(tokens(50).to()).await.unwrap();
    assert_eq!(watcher.exposure(account).await.unwrap(), tokens(50), "announced");
    let refused = watcher.delegate(account, tokens(5), tokens(49)).await.unwrap_err();
    assert!(refused.to_string().contains("LimitTooHigh"), "{refused}");
    watcher.delegate(account, tokens(5), tokens(50)).await.unwrap();
    let pool = watcher.pool(account).await.unwrap();
    assert_eq!((pool.own, pool.delegated), (tokens(1_000).to(), tokens(5).to()));
}

#[tokio::test]
async fn what_is_left_of_a_domain_is_its_funders() {
    let economy = economy(1).await;
    let domain = domain(&economy, |_| {}).await;
    let (sponsor, owner) = (&economy.watcher, &economy.coordinator);
    sponsor.fund(domain, tokens(500)).await.unwrap();
    let active = sponsor.withdraw_funds(domain).await.unwrap_err();
    assert!(active.to_string().contains("DomainIsActive"), "{active}");
    owner.close_domain(domain).await.unwrap();
    assert_eq!(sponsor.withdraw_funds(domain).await.unwrap(), tokens(500));
    assert_eq!(owner.withdraw_funds(domain).await.unwrap(), tokens(1_000));
    let [own, all] = sponsor.funded(domain, sponsor.address()).await.unwrap();
    assert_eq!((own, all), (U256::ZERO, U256::ZERO));
}

#[tokio::test]
async fn domains_are_handed_over_to_those_who_take_them() {
    let economy = economy(1).await;
    let domain = domain(&economy, |_| {}).await;
    let (owner, heir) = (&economy.coordinator, &economy.watcher);
    assert!(heir.accept_domain(domain).await.is_err(), "not offered");
    owner.offer_domain(domain, heir.address()).await.unwrap();
    heir.accept_domain(domain).await.unwrap();
    assert!(owner.close_domain(domain).await.is_err(), "no longer its");
    heir.set_coordinator(domain, heir.address()).await.unwrap();
    heir.close_domain(domain).await.unwrap();
    // One dataset stands for one member.
    let member = &economy.owners[0];
    let holder = heir.holder_of(domain, keccak256(member.address())).await.unwrap();
    assert_eq!(holder, Some(member.address()));
}
