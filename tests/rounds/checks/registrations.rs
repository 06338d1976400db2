//! Members whose data are not registered as they say.

use zktrain_cli::coordinator::admission::{Registered, RegistrationError, check};
use zktrain_statement::compressed::CompressedProof;
use zktrain_statement::statements::DatasetStatement;
use zktrain_verify::file::Registration;

use crate::checks::world::world;

fn checked(by: usize, bytes: &[u8]) -> Result<Registered, RegistrationError> {
    let world = world();
    check(&world.session, &world.project, world.owner(by).address(), bytes)
}

#[test]
fn a_registration_is_of_the_data_that_it_is_about() {
    let world = world();
    for owner in [0, 1] {
        let member = &world.plan.members[owner];
        let registered = checked(owner, &world.registration(owner)).unwrap();
        assert_eq!((registered.dataset, registered.windows), (member.dataset, member.windows));
    }
}

#[test]
fn someone_elses_registration_is_refused() {
    let world = world();
    let owner = world.owner(1).address().into_array();
    let refused = checked(0, &world.registration(1)).unwrap_err();
    assert!(matches!(refused, RegistrationError::Owner { owner: o } if o == owner), "{refused}");
    // Renamed: the proof is bound to its owner.
    let mut stolen = world.chunks[1].clone();
    for (statement, _) in &mut stolen {
        statement.owner = world.owner(0).address().into_array();
    }
    let stolen = Registration::Compressed(stolen).to_bytes();
    let refused = checked(0, &stolen).unwrap_err();
    assert!(matches!(refused, RegistrationError::Proof(_)), "{refused}");
}

#[test]
fn what_reveals_the_data_is_refused() {
    let world = world();
    let plain = world.cohort.members[0].chunks.clone();
    let owner = plain[0].0.owner;
    assert_ne!(owner, world.owner(0).address().into_array(), "and that is looked at later");
    let refused = checked(0, &Registration::Plain(plain).to_bytes()).unwrap_err();
    assert!(matches!(refused, RegistrationError::Plain), "{refused}");
}

#[test]
fn registrations_that_do_not_hold_are_refused() {
    let world = world();
    let changes: [fn(&mut DatasetStatement, &mut CompressedProof); 6] = [
        |statement, _| statement.spec[0] ^= 1,
        |statement, _| statement.windows += 1,
        |statement, _| statement.first += 1,
        |statement, _| statement.rows.swap(0, 1),
        |_, proof| proof.rows.swap(0, 1),
        |_, proof| proof.opening.linearisation = proof.opening.batch,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut chunks = world.chunks[0].clone();
        let (statement, proof) = &mut chunks[0];
        change(statement, proof);
        let bytes = Registration::Compressed(chunks).to_bytes();
        let refused = checked(0, &bytes).unwrap_err();
        let named = matches!(refused, RegistrationError::Proof(_) | RegistrationError::Decode(_));
        assert!(named, "{index}: {refused}");
    }
    let honest = world.registration(0);
    let mut foreign = honest.clone();
    foreign[0] ^= 1;
    for bytes in [&b""[..], b"registration", &honest[1..], &honest[..honest.len() - 1], &foreign] {
        let refused = checked(0, bytes).unwrap_err();
        assert!(matches!(refused, RegistrationError::Decode(_)), "{refused}");
    }
    let empty = checked(0, &Registration::Compressed(Vec::new()).to_bytes());
    assert!(empty.is_err());
}
