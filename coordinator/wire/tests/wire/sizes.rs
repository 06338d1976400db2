//! Everything that is said in the largest round fits its frame.

use alloy::primitives::Bytes;
use zktrain_secagg::blame::defence_bytes;
use zktrain_secagg::messages::*;
use zktrain_secagg::plan::{MAX_MEMBERS, PlanMember};
use zktrain_wire::frame::{self, Answer, Ask, Frame};
use zktrain_wire::messages::*;

use crate::fixtures::{account, confirm, hash, keys, passed, plan, signed, upload};

/// As many as there can be.
fn all<T: Clone>(one: T) -> Vec<T> {
    vec![one; MAX_MEMBERS]
}

/// An envelope with the path of the largest roster.
fn farthest() -> Passed {
    Passed { path: vec![hash(1); MAX_MEMBERS.ilog2() as usize], ..passed() }
}

fn longest_defence() -> Signed<Defence> {
    let proof = Bytes::from(vec![0xff; defence_bytes(MAX_MEMBERS)]);
    signed(Defence { account: account(16), proof })
}

#[test]
fn notices_of_the_largest_round_fit_their_frame() {
    let mut plan = plan();
    let (dataset, windows, weight) = (hash(1), u64::MAX, u32::MAX);
    plan.members = all(PlanMember { account: account(1), dataset, windows, weight });
    let end = |reason| Notice::End(End::Void(reason));
    let accounts = all(account(1));
    let notices = [
        ("plan", Notice::Plan(signed(plan))),
        ("roster", Notice::Roster(all(keys()))),
        ("shares", Notice::Shares(all(farthest()))),
        ("counted", Notice::Counted(accounts.clone())),
        ("confirmed", Notice::Confirmed(all(confirm()))),
        ("test", Notice::Test(Test { uploads: all(upload()) })),
        ("dispute", Notice::Dispute(all(longest_defence()))),
        ("summed", Notice::End(End::Summed { model: hash(1), counted: accounts.clone() })),
        ("blamed", end(Reason::Blamed(accounts))),
    ];
    for (name, notice) in notices {
        let answer = Answer::Response(Response::Notice(Box::new(notice)));
        let bytes = frame::encode(&answer).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(bytes.len() <= Answer::MOST, "{name}: {}", bytes.len());
    }
}

#[test]
fn contributions_to_the_largest_round_fit_their_frame() {
    let Passed { head, envelope, .. } = farthest();
    let proof = [[0xff; 32]; 2];
    let pair = PairOpening { with: account(1), shared: [0xff; 32], proof };
    let shares = all(Some([0xff; 32]));
    let contributions = [
        MemberMessage::Sharing(Sharing { head, envelopes: all(envelope) }),
        MemberMessage::Complaint(Complaint { passed: farthest(), shared: [0xff; 32], proof }),
        MemberMessage::Unmask(signed(Unmask { account: account(1), shares })),
        MemberMessage::Defence(longest_defence()),
        MemberMessage::Reveal(signed(Reveal { account: account(1), pairs: all(pair) })),
    ];
    for what in contributions {
        let ask = Ask::Call(Request::Send { round: u64::MAX, what: Box::new(what) });
        assert!(frame::encode(&ask).is_ok());
    }
}

/// A dealer cannot have the coordinator pass on more than two sealed shares.
#[test]
fn an_envelope_has_one_length() {
    let encoded = postcard::to_stdvec(&passed().envelope).unwrap();
    // Address and hashes come after a length of one byte each.
    assert_eq!(encoded.len(), 3 + 20 + 32 + 32 + SEALED);
    assert_eq!(postcard::from_bytes::<Envelope>(&encoded).unwrap(), passed().envelope);
    for cut in 0..encoded.len() {
        assert!(postcard::from_bytes::<Envelope>(&encoded[..cut]).is_err(), "{cut}");
    }
    // A megabyte in its place, or a byte more, is no sharing: all that follows is displaced.
    for more in [1, 1_000_000] {
        let mut longer = encoded.clone();
        longer.extend(vec![0; more]);
        let what = MemberMessage::Sharing(Sharing {
            head: passed().head,
            envelopes: vec![passed().envelope],
        });
        let bytes = postcard::to_stdvec(&what).unwrap();
        let start = bytes.len() - encoded.len();
        let oversized = [&bytes[..start], &longer].concat();
        let ask = [&[0u8, 2, 1][..], &oversized].concat();
        assert!(frame::decode::<Ask>(&ask).is_err());
    }
}
