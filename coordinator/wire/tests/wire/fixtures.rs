//! The bytes of everything that is said. What is in `fixtures/*_v1.hex` does not change: another
//! encoding is another version. `ZKTRAIN_BLESS=1` writes what is missing.

use std::fmt::Debug;
use std::path::PathBuf;

use alloy::primitives::{Address, B256, Bytes};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zktrain_ledger::SignedReceipt;
use zktrain_secagg::messages::*;
use zktrain_secagg::plan::{Plan, PlanMember, Timing};
use zktrain_wire::frame::{
    self, Answer, Ask, Frame, Greeting, Hello, IdentityProof, MAGIC, VERSION, Welcome,
};
use zktrain_wire::messages::*;
use zktrain_wire::receipts::receipt;
use zktrain_wire::{Content, sign};

/// What is in its second version: envelopes have one length.
const SECOND: [&str; 3] = ["contribution_complaint", "contribution_sharing", "notice_shares"];

fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, value: &T) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let version = 1 + u8::from(SECOND.contains(&name));
    let file = folder.join(format!("{name}_v{version}.hex"));
    let encoded = postcard::to_stdvec(value).unwrap();
    if !file.exists() && std::env::var_os("ZKTRAIN_BLESS").is_some() {
        let lines: Vec<_> = encoded.chunks(32).map(alloy::hex::encode).collect();
        std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    }
    let text = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{}", file.display()));
    let text: String = text.split_whitespace().collect();
    let fixture = alloy::hex::decode(text).unwrap();
    assert_eq!(encoded, fixture, "{name}: another encoding");
    assert_eq!(&postcard::from_bytes::<T>(&fixture).unwrap(), value, "{name}");
}

pub fn account(number: u8) -> Address {
    Address::repeat_byte(number)
}

pub fn hash(number: u8) -> B256 {
    B256::repeat_byte(number)
}

pub fn signed<T>(body: T) -> Signed<T> {
    Signed { body, signature: Bytes::from(vec![0xa5; 65]) }
}

pub fn plan() -> Plan {
    let member = |number, weight| PlanMember {
        account: account(number),
        dataset: hash(number),
        windows: 1000 + u64::from(number),
        weight,
    };
    Plan {
        version: 1,
        chain_id: 31337,
        rounds: account(1),
        domain: 2,
        round: 300,
        coordinator: account(3),
        spec: hash(4),
        parent: hash(5),
        nonce: hash(6),
        system: 7,
        optimistic: true,
        threshold: 2,
        least: 2,
        members: vec![member(16, 40_000), member(17, 25_536)],
        timing: Timing { keys: 1, shares: 2, uploads: 300, confirm: 4, unmask: 5, defence: 6 },
    }
}

pub fn keys() -> Signed<Keys> {
    signed(Keys { account: account(16), mask: [17; 32], seal: [18; 32] })
}

pub fn passed() -> Passed {
    let head = SharingHead { account: account(16), own: [1; 32], roster: hash(2), root: hash(3) };
    let sealed = Ciphertext([9; SEALED]);
    let envelope = Envelope { to: account(17), mask: hash(4), own: hash(5), sealed };
    Passed { head: signed(head), envelope, path: vec![hash(6), hash(7)] }
}

pub fn upload() -> Signed<Upload> {
    let (masked, submission, shared) = (hash(1), hash(2), hash(3));
    signed(Upload { account: account(16), masked, submission, shared })
}

pub fn confirm() -> Signed<Confirm> {
    signed(Confirm { account: account(16), shared: hash(1), counted: hash(2) })
}

fn defence() -> Defence {
    Defence { account: account(16), proof: Bytes::from_static(&[1, 2, 3]) }
}

fn contributions() -> Vec<(&'static str, MemberMessage)> {
    let Passed { head, envelope, .. } = passed();
    let complaint = Complaint { passed: passed(), shared: [1; 32], proof: [[2; 32], [3; 32]] };
    let unmask = Unmask { account: account(16), shares: vec![Some([1; 32]), None] };
    let (shared, proof) = ([1; 32], [[2; 32], [3; 32]]);
    let pair = PairOpening { with: account(17), shared, proof };
    let reveal = Reveal { account: account(16), pairs: vec![pair] };
    vec![
        ("keys", MemberMessage::Keys(keys())),
        ("sharing", MemberMessage::Sharing(Sharing { head, envelopes: vec![envelope] })),
        ("complaint", MemberMessage::Complaint(complaint)),
        ("upload", MemberMessage::Upload(upload())),
        ("confirm", MemberMessage::Confirm(confirm())),
        ("unmask", MemberMessage::Unmask(signed(unmask))),
        ("defence", MemberMessage::Defence(signed(defence()))),
        ("reveal", MemberMessage::Reveal(signed(reveal))),
    ]
}

fn notices() -> Vec<(&'static str, Notice)> {
    let counted = vec![account(16), account(17)];
    let reason = |reason| Notice::End(End::Void(reason));
    let few = Reason::TooFew { phase: Phase::Shares, needed: 3, got: 2 };
    vec![
        ("plan", Notice::Plan(signed(plan()))),
        ("roster", Notice::Roster(vec![keys()])),
        ("shares", Notice::Shares(vec![passed()])),
        ("counted", Notice::Counted(counted.clone())),
        ("confirmed", Notice::Confirmed(vec![confirm()])),
        ("test", Notice::Test(Test { uploads: vec![upload()] })),
        ("dispute", Notice::Dispute(vec![signed(defence())])),
        ("end_summed", Notice::End(End::Summed { model: hash(1), counted: counted.clone() })),
        ("end_too_few", reason(few)),
        ("end_blamed", reason(Reason::Blamed(counted))),
        ("end_unrecovered", reason(Reason::Unrecovered(account(16)))),
        ("end_called_off", reason(Reason::CalledOff)),
    ]
}

fn refusals() -> Vec<Refusal> {
    vec![
        Refusal::UnknownRound,
        Refusal::NotMember,
        Refusal::WrongPhase { now: Phase::Ended },
        Refusal::Conflict,
        Refusal::Invalid("why".into()),
        Refusal::TooLarge { most: 1, got: 300 },
        Refusal::Missing,
        Refusal::Busy,
        Refusal::Internal,
    ]
}

fn items() -> Vec<Item> {
    vec![
        Item::Registration { domain: 2 },
        Item::Masked { round: 300 },
        Item::Submission { round: 300 },
        Item::Retired { number: 300 },
        Item::Lineage { path: "rounds/300/plan.json".into() },
    ]
}

#[test]
fn what_members_send_has_its_bytes() {
    for (name, contribution) in contributions() {
        check(&format!("contribution_{name}"), &contribution);
    }
    check("items", &items());
    let what = Box::new(MemberMessage::Keys(keys()));
    let requests = vec![
        Request::Current { domain: 2 },
        Request::Notice { round: 300, number: 4 },
        Request::Send { round: 300, what },
    ];
    check("requests", &requests);
}

#[test]
fn what_coordinators_say_has_its_bytes() {
    for (name, notice) in notices() {
        check(&format!("notice_{name}"), &notice);
    }
    check("refusals", &refusals());
    let notice = Box::new(Notice::Counted(vec![account(16)]));
    let responses = vec![
        Response::Current(None),
        Response::Current(Some(300)),
        Response::Notice(notice),
        Response::Later,
        Response::Taken,
        Response::Refused(Refusal::Conflict),
    ];
    check("responses", &responses);
    let receipt = receipt(&plan(), &upload().body, 1_700_000_000);
    let receipt = SignedReceipt { receipt, signature: Bytes::from(vec![0xa5; 65]) };
    check("response_received", &Response::Received(Box::new(receipt)));
    let phases = [
        Phase::Keys,
        Phase::Shares,
        Phase::Uploads,
        Phase::Confirm,
        Phase::Unmask,
        Phase::Sum,
        Phase::Defence,
        Phase::Ended,
    ];
    check("phases", &phases.to_vec());
    check("phase_dispute", &Phase::Dispute);
}

#[test]
fn frames_have_their_bytes() {
    let content = Content { len: 300, digest: hash(1) };
    let proof = IdentityProof { account: account(16), signature: Bytes::from(vec![0xa5; 65]) };
    check("frame_hello", &Hello { magic: MAGIC, version: VERSION });
    check("frame_greeting", &vec![Greeting::Version(9), Greeting::Proof(proof.clone())]);
    check("frame_proof", &proof);
    let refused = Welcome::Refused(Refusal::NotMember);
    check("frame_welcome", &vec![Welcome::Admitted, Welcome::Unproven, refused]);
    let item = Item::Masked { round: 300 };
    let download = |digest| Ask::Download { item: item.clone(), offset: 7, digest };
    let asks = vec![
        Ask::Call(Request::Current { domain: 2 }),
        Ask::Upload { item: item.clone(), content },
        download(None),
        download(Some(hash(1))),
    ];
    check("frame_ask", &asks);
    let answers = vec![
        Answer::Response(Response::Taken),
        Answer::From(300),
        Answer::Done,
        Answer::Content { content, offset: 7 },
        Answer::Refused(Refusal::Missing),
    ];
    check("frame_answer", &answers);
}

#[test]
fn a_frame_is_its_length_and_its_bytes() {
    let ask = Ask::Call(Request::Current { domain: 2 });
    assert_eq!(frame::encode(&ask).unwrap(), [0, 0, 0, 3, 0, 0, 2]);
    assert_eq!(frame::decode::<Ask>(&[0, 0, 2]).unwrap(), ask);
    let trailing = frame::decode::<Ask>(&[0, 0, 2, 0]);
    assert!(matches!(trailing, Err(frame::FrameError::Trailing { got: 1 })));
    let cut = frame::decode::<Ask>(&[0, 0]);
    assert!(matches!(cut, Err(frame::FrameError::Malformed(_))));
}

#[test]
fn frames_are_no_longer_than_their_kind_allows() {
    let signature = Bytes::from(vec![0; 300]);
    let long = IdentityProof { account: account(16), signature };
    let most = IdentityProof::MOST;
    let is_too_long =
        |error| matches!(error, frame::FrameError::TooLong { most: m, .. } if m == most);
    assert!(is_too_long(frame::encode(&long).unwrap_err()));
    let bytes = postcard::to_stdvec(&long).unwrap();
    assert!(is_too_long(frame::decode::<IdentityProof>(&bytes).unwrap_err()));
}

/// Reads bytes as everything that peers send; whatever is read is written with the same meaning.
fn read_all(bytes: &[u8]) {
    fn read<T: Frame + PartialEq + Debug>(bytes: &[u8]) {
        if let Ok(value) = frame::decode::<T>(bytes) {
            let again = frame::encode(&value).unwrap();
            assert_eq!(frame::decode::<T>(&again[4..]).unwrap(), value);
        }
    }
    read::<Hello>(bytes);
    read::<Greeting>(bytes);
    read::<IdentityProof>(bytes);
    read::<Welcome>(bytes);
    read::<Ask>(bytes);
    read::<Answer>(bytes);
}

fn examples() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (_, contribution) in contributions() {
        let ask = Ask::Call(Request::Send { round: 300, what: Box::new(contribution) });
        all.push(frame::encode(&ask).unwrap()[4..].to_vec());
    }
    for (_, notice) in notices() {
        let answer = Answer::Response(Response::Notice(Box::new(notice)));
        all.push(frame::encode(&answer).unwrap()[4..].to_vec());
    }
    all
}

/// A body that cannot be written.
#[derive(Clone, Copy, serde::Deserialize)]
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no encoding"))
    }
}

impl Body for Unwritable {
    const KIND: &'static str = "unwritable";
}

/// A signature is of a body, never of nothing: all bodies that cannot be written would share it.
#[test]
fn what_has_no_encoding_is_not_signed() {
    let signer = alloy::signers::local::PrivateKeySigner::from_bytes(&hash(9)).unwrap();
    let refused = sign(&plan(), Unwritable, &signer).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("has no encoding"), "{refused}");
    assert_eq!(signed(Unwritable).signer(&plan()), None);
    assert!(!signed(Unwritable).is_by(&plan(), signer.address()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn reading_bytes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        read_all(&bytes);
    }

    #[test]
    fn reading_changed_frames_never_panics(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = which.get(&examples()).clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_all(&bytes);
    }
}
