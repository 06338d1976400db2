use alloy::primitives::{Address, Bytes};
use alloy::signers::local::PrivateKeySigner;
use tempfile::TempDir;
use zktrain_ledger::typed::{Scope, Submission};
use zktrain_project::Error as ProjectError;
use zktrain_project::files::trial::{self, InjectedFault};
use zktrain_secagg::messages::{Confirm, Upload};

use super::file::MOST;
use super::*;
use crate::OwnerError;

fn hash(byte: u8) -> B256 {
    B256::repeat_byte(byte)
}

fn of() -> Of {
    let (contract, account) = (Address::repeat_byte(2), Address::repeat_byte(3));
    Of { chain_id: 1, contract, domain: 4, account }
}

fn place() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = of().path(folder.path());
    (folder, path)
}

fn open(path: &Path, after: u64) -> SignedLog {
    SignedLog::open(path, of(), after).unwrap()
}

fn submission(round: u64, update: u8) -> SignedSubmission {
    let key = PrivateKeySigner::from_bytes(&hash(7)).unwrap();
    let (statement, proof) = (Bytes::from_static(b"statement"), Bytes::from_static(b"proof"));
    let said = Submission::new(round, key.address(), &statement, &proof, hash(update));
    let scope = Scope::new(1, Address::ZERO, hash(5));
    SignedSubmission::new(said, &scope, &key).unwrap()
}

/// What an error says of a record.
fn why(error: Error) -> SignedError {
    let Error::Owner(error) = error else { panic!("{error}") };
    let OwnerError::Signed(error) = *error else { panic!("{error}") };
    error
}

fn is_otherwise(result: Result<(), Error>, expected: What) -> bool {
    let error = why(result.unwrap_err());
    matches!(error, SignedError::Otherwise { round: 7, what } if what == expected)
}

fn is_unknown(result: Result<(), Error>, expected: u64) -> bool {
    let error = why(result.unwrap_err());
    matches!(error, SignedError::Unknown { round } if round == expected)
}

#[test]
fn a_second_submission_is_never_signed() {
    let (_folder, path) = place();
    let log = open(&path, 0);
    log.may_submit(7).unwrap();
    log.submission(&submission(7, 1)).unwrap();
    drop(log);
    // The next process, whatever its project says; what is open by then is known.
    let log = open(&path, 7);
    let refused = log.may_submit(7).unwrap_err();
    assert!(matches!(refused, SignedError::Otherwise { round: 7, what: What::Submission }));
    assert!(is_otherwise(log.submission(&submission(7, 2)), What::Submission));
    log.submission(&submission(7, 1)).unwrap();
    log.may_submit(8).unwrap();
    log.submission(&submission(8, 2)).unwrap();
}

#[test]
fn no_second_secret_or_promise_leaves() {
    let (_folder, path) = place();
    let account = Address::repeat_byte(9);
    let [masked, submission, shared, counted] = [2, 3, 4, 5].map(hash);
    let upload = Upload { account, masked, submission, shared };
    let confirm = Confirm { account, shared, counted };
    let none = Promises::default;
    let all = [
        (What::Roster, Promises { roster: Some(hash(6)), ..none() }),
        (What::Shared, Promises { shared: Some(shared), ..none() }),
        (What::Upload, Promises { upload: Some(upload), ..none() }),
        (What::Confirm, Promises { confirm: Some(confirm), ..none() }),
        (What::Test, Promises { test: Some(hash(7)), ..none() }),
    ];
    let account = Address::repeat_byte(8);
    let others = [
        Promises { roster: Some(hash(1)), ..none() },
        Promises { shared: Some(hash(1)), ..none() },
        Promises { upload: Some(Upload { account, ..upload }), ..none() },
        Promises { confirm: Some(Confirm { account, ..confirm }), ..none() },
        Promises { test: Some(hash(1)), ..none() },
    ];
    let log = open(&path, 0);
    log.secret(7, hash(1), &[0x5e; 32]).unwrap();
    all.iter().for_each(|(_, promise)| log.promises(7, promise).unwrap());
    drop(log);
    let log = open(&path, 7);
    log.secret(7, hash(1), &[0x5e; 32]).unwrap();
    assert!(is_otherwise(log.secret(7, hash(1), &[0x5f; 32]), What::Secret));
    assert!(is_otherwise(log.secret(7, hash(2), &[0x5e; 32]), What::Secret));
    for ((what, promise), other) in all.iter().zip(&others) {
        log.promises(7, promise).unwrap();
        assert!(is_otherwise(log.promises(7, other), *what));
        log.promises(8, other).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&alloy::primitives::hex::encode([0x5e; 32])), "no secret is in there");
}

#[test]
fn without_a_record_the_open_round_is_left_out_and_the_next_one_taken() {
    let (_folder, path) = place();
    let check = |log: &SignedLog| {
        assert!(matches!(log.may_submit(7), Err(SignedError::Unknown { round: 7 })));
        assert!(is_unknown(log.submission(&submission(7, 1)), 7));
        assert!(is_unknown(log.secret(7, hash(1), &[1; 32]), 7));
        assert!(is_unknown(
            log.promises(6, &Promises { test: Some(hash(1)), ..Promises::default() }),
            6
        ));
        log.may_submit(8).unwrap();
    };
    let log = open(&path, 7);
    check(&log);
    log.submission(&submission(8, 1)).unwrap();
    drop(log);
    // Nor after a restart, which begins nothing anew.
    let log = open(&path, 8);
    assert!(is_unknown(log.submission(&submission(7, 1)), 7));
    log.submission(&submission(8, 1)).unwrap();
    log.may_submit(9).unwrap();
}

#[test]
fn an_account_that_joins_takes_part_at_once_and_no_record_is_made_over_another() {
    let (_folder, path) = place();
    SignedLog::found(&path, of(), 6).unwrap();
    // It was open before the trainer was started.
    let log = open(&path, 7);
    log.submission(&submission(7, 1)).unwrap();
    SignedLog::found(&path, of(), 9).unwrap();
    drop(log);
    SignedLog::found(&path, of(), 9).unwrap();
    let log = open(&path, 7);
    log.submission(&submission(7, 1)).unwrap();
    log.may_submit(9).unwrap();
}

/// A machine's backup has the record with the project, and neither knows what was signed since.
#[test]
fn a_round_that_was_opened_before_is_left_out_unless_something_of_it_is_known() {
    let (_folder, path) = place();
    SignedLog::found(&path, of(), 6).unwrap();
    // Nothing stands there, as nothing can have been signed before.
    let log = open(&path, 7);
    log.begun(7, 1).unwrap();
    log.secret(7, hash(1), &[1; 32]).unwrap();
    drop(log);
    // A restart in the middle of a round goes on with it.
    let log = open(&path, 7);
    log.begun(7, 1).unwrap();
    log.submission(&submission(7, 1)).unwrap();
    log.begun(8, u64::MAX).unwrap();
    drop(log);
    for _ in 0..2 {
        let log = open(&path, 8);
        for opened in [1, u64::MAX] {
            let refused = log.begun(8, opened).unwrap_err();
            assert!(matches!(refused, SignedError::Before { round: 8 }), "{refused}");
        }
        assert!(!log.is_complete(8) && log.is_complete(7) && log.is_complete(9));
        assert!(matches!(log.may_submit(8), Err(SignedError::Before { round: 8 })));
        let refused = why(log.secret(8, hash(1), &[1; 32]).unwrap_err());
        assert!(matches!(refused, SignedError::Before { round: 8 }), "{refused}");
        log.submission(&submission(7, 1)).unwrap();
    }
    let log = open(&path, 8);
    log.begun(9, u64::MAX).unwrap();
    log.submission(&submission(9, 1)).unwrap();
}

/// A node that is still syncing tells of an older round first, or of none.
#[test]
fn a_round_is_as_old_as_it_is_whenever_the_node_tells_of_it() {
    for first in [0, 5] {
        let (_folder, path) = place();
        let log = open(&path, first);
        let refused = log.begun(7, now() - 60).unwrap_err();
        assert!(matches!(refused, SignedError::Before { round: 7 }), "{refused}");
        log.submission(&submission(7, 1)).unwrap_err();
        // Another process, whose clock is behind by then.
        drop(log);
        let mut log = open(&path, 0);
        log.from = Some(0);
        log.begun(7, now() - 60).unwrap_err();
        log.begun(8, now() + 60).unwrap();
        log.submission(&submission(8, 1)).unwrap();
        log.begun(8, 1).unwrap();
    }
    // The time of a test chain says nothing: what is open counts there.
    let (folder, local) = (TempDir::new().unwrap(), Of { chain_id: TEST_CHAIN, ..of() });
    let log = SignedLog::open(&local.path(folder.path()), local, 5).unwrap();
    log.begun(7, 1).unwrap();
    log.begun(5, 1).unwrap_err();
}

#[test]
fn what_a_person_signs_is_known_to_the_next_process() {
    let (_folder, path) = place();
    SignedLog::found(&path, of(), 0).unwrap();
    assert!(open(&path, 0).told(&submission(7, 1)).unwrap());
    let log = open(&path, 7);
    assert!(is_otherwise(log.submission(&submission(7, 2)), What::Submission));
    assert!(is_otherwise(log.told(&submission(7, 2)).map(|_| ()), What::Submission));
    assert!(log.told(&submission(7, 1)).unwrap());
    // Without a record it is that person's word, and all else of the round stays unknown.
    let (_folder, path) = place();
    let log = open(&path, 7);
    assert!(!log.told(&submission(7, 1)).unwrap());
    assert!(is_otherwise(log.told(&submission(7, 2)).map(|_| ()), What::Submission));
    drop(log);
    let log = open(&path, 7);
    log.submission(&submission(7, 1)).unwrap();
    assert!(is_unknown(log.secret(7, hash(1), &[1; 32]), 7));
}

#[test]
fn rounds_in_which_an_update_was_masked_are_known() {
    let (_folder, path) = place();
    let log = open(&path, 0);
    log.update(7, hash(1)).unwrap();
    log.update(7, hash(1)).unwrap();
    assert!(is_otherwise(log.update(7, hash(2)), What::Update));
    log.update(8, hash(2)).unwrap();
    log.update(9, hash(1)).unwrap();
    drop(log);
    let log = open(&path, 9);
    assert_eq!([log.masked(hash(1)), log.masked(hash(2))], [vec![7, 9], vec![8]]);
    assert!(log.masked(hash(3)).is_empty());
}

#[cfg(unix)]
#[test]
fn a_record_that_is_a_link_is_refused_at_once_and_named() {
    let (folder, path) = place();
    let elsewhere = folder.path().join("elsewhere");
    open(&path, 0).submission(&submission(7, 1)).unwrap();
    std::fs::rename(&path, &elsewhere).unwrap();
    let before = std::fs::read(&elsewhere).unwrap();
    for target in [&elsewhere, &folder.path().join("nowhere")] {
        std::os::unix::fs::symlink(target, &path).unwrap();
        let opened = SignedLog::open(&path, of(), 7).unwrap_err();
        let said = opened.to_string();
        assert!(said.contains(&path.display().to_string()) && said.contains("link"), "{said}");
        for error in [opened, SignedLog::found(&path, of(), 7).unwrap_err()] {
            assert!(matches!(why(error), SignedError::Link { .. }));
        }
        std::fs::remove_file(&path).unwrap();
    }
    assert_eq!(std::fs::read(&elsewhere).unwrap(), before);
}

#[test]
fn a_record_that_is_damaged_names_itself_and_what_to_do() {
    let (_folder, path) = place();
    let log = open(&path, 3);
    log.submission(&submission(7, 1)).unwrap();
    log.submission(&submission(8, 1)).unwrap();
    drop(log);
    let honest = std::fs::read(&path).unwrap();
    let lines: Vec<&[u8]> = honest.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 3);
    let head = lines[0].len();
    let damaged = [
        (1, Vec::new()),
        (1, honest[..head - 1].to_vec()),
        (1, honest[head..].to_vec()),
        (2, [lines[0], b"{}\n", lines[2]].concat()),
        (3, [lines[0], lines[1], b"\n"].concat()),
        // Two submissions in one round: which of them has left is not known.
        (4, [&honest[..], lines[1]].concat()),
    ];
    for (number, bytes) in damaged {
        std::fs::write(&path, &bytes).unwrap();
        let error = SignedLog::open(&path, of(), 9).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(&path.display().to_string()) && said.contains("away"), "{said}");
        assert!(
            matches!(why(error), SignedError::Damaged { line, .. } if line == number),
            "{said}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "it is left alone");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(is_unknown(open(&path, 8).submission(&submission(8, 1)), 8));
}

/// What stood behind a line that is cut off is not known either.
#[test]
fn a_record_that_is_cut_off_is_as_none_but_for_what_it_says() {
    let (_folder, path) = place();
    let log = open(&path, 0);
    log.submission(&submission(7, 1)).unwrap();
    let kept = std::fs::read(&path).unwrap().len();
    log.submission(&submission(8, 1)).unwrap();
    drop(log);
    let honest = std::fs::read(&path).unwrap();
    for cut in kept + 1..honest.len() {
        std::fs::write(&path, &honest[..cut]).unwrap();
        for _ in 0..2 {
            let log = open(&path, 8);
            log.submission(&submission(7, 1)).unwrap();
            assert!(is_otherwise(log.submission(&submission(7, 2)), What::Submission));
            assert!(is_unknown(log.submission(&submission(8, 1)), 8));
            log.may_submit(9).unwrap();
        }
    }
    // Of the round of the last lines others may be gone, whatever the chain's node says by now.
    std::fs::write(&path, &honest[..kept + 1]).unwrap();
    let log = open(&path, 0);
    log.submission(&submission(7, 1)).unwrap();
    assert!(is_unknown(log.secret(7, hash(1), &[1; 32]), 7));
}

#[test]
fn chains_contracts_domains_and_accounts_do_not_mix() {
    let (folder, path) = place();
    let mine = of();
    let others = [
        Of { chain_id: 9, ..mine },
        Of { contract: Address::repeat_byte(9), ..mine },
        Of { domain: 9, ..mine },
        Of { account: Address::repeat_byte(9), ..mine },
    ];
    let log = open(&path, 0);
    log.submission(&submission(7, 1)).unwrap();
    // Also at the same time.
    for other in others {
        let elsewhere = SignedLog::open(&other.path(folder.path()), other, 0).unwrap();
        elsewhere.may_submit(7).unwrap();
        elsewhere.submission(&submission(7, 2)).unwrap();
    }
    drop(log);
    for other in others {
        let refused = why(SignedLog::open(&path, other, 0).unwrap_err());
        assert!(matches!(refused, SignedError::Foreign { .. }), "{refused}");
    }
    open(&path, 0).submission(&submission(7, 1)).unwrap();
}

#[test]
fn one_process_has_it_at_a_time() {
    let (_folder, path) = place();
    let log = open(&path, 0);
    let refused = SignedLog::open(&path, of(), 0).unwrap_err();
    assert!(matches!(refused, Error::Project(ProjectError::Busy { .. })), "{refused}");
    drop(log);
    open(&path, 0);
}

#[test]
fn what_cannot_be_written_down_does_not_leave() {
    let (_folder, path) = place();
    let log = open(&path, 0);
    for steps in 0.. {
        trial::begin(Some((steps, InjectedFault::Refuses)));
        let recorded = log.submission(&submission(7, 1));
        let Some(_) = trial::end() else {
            assert!(recorded.is_ok() && steps > 1);
            break;
        };
        assert!(matches!(recorded, Err(Error::Project(ProjectError::File { .. }))));
        // What did not leave binds nobody, once the disk works.
        log.may_submit(7).unwrap();
    }
    // Nor is the file taken for another, or made anew while it is used.
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let error = log.submission(&submission(8, 1)).unwrap_err();
    assert!(matches!(why(error), SignedError::Changed { .. }));
    std::fs::remove_file(&path).unwrap();
    let error = log.submission(&submission(8, 1)).unwrap_err();
    assert!(matches!(error, Error::Project(ProjectError::File { .. })) && !path.exists());
}

/// Wherever the process ends: something has left and is known, or has not left.
#[test]
fn what_has_left_is_known_after_a_crash() {
    for steps in 0.. {
        let (_folder, path) = place();
        SignedLog::found(&path, of(), 0).unwrap();
        let log = open(&path, 0);
        trial::begin(Some((steps, InjectedFault::Ends)));
        let left = log.submission(&submission(7, 1)).is_ok();
        let happened = trial::end();
        drop(log);
        let log = open(&path, 7);
        assert!(!left || is_otherwise(log.submission(&submission(7, 2)), What::Submission));
        // The very same may leave in any case.
        log.submission(&submission(7, 1)).unwrap();
        if happened.is_none() {
            assert!(left && steps > 1);
            break;
        }
    }
}

#[test]
fn rounds_that_are_long_over_are_forgotten_and_not_signed_for() {
    let (_folder, path) = place();
    let log = open(&path, 0);
    let rounds = 3 * KEEP as u64;
    let mut most = 0;
    for round in 1..=rounds {
        log.submission(&submission(round, 1)).unwrap();
        most = most.max(std::fs::metadata(&path).unwrap().len());
    }
    let last = |log: &SignedLog| {
        log.submission(&submission(rounds, 1)).unwrap();
        log.submission(&submission(rounds, 2)).unwrap_err();
        log.submission(&submission(rounds - KEEP as u64 + 1, 1)).unwrap();
        assert!(is_unknown(log.submission(&submission(1, 1)), 1));
        assert!(matches!(log.may_submit(1), Err(SignedError::Unknown { .. })));
        log.may_submit(rounds + 1).unwrap();
    };
    last(&log);
    drop(log);
    last(&open(&path, 0));
    assert!(most * 8 < MOST, "{most}: all kinds of lines find a place");
}

#[cfg(unix)]
#[test]
fn nobody_else_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = place();
    let log = open(&path, 0);
    log.submission(&submission(7, 1)).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}
