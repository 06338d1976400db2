//! Whatever is altered in something that was signed, the signature no longer holds: each field of
//! each body, and each field of the plan that they are about. Fields are found in the encodings
//! themselves, so that a new one is altered too.

use std::fmt::Debug;

use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::signers::local::PrivateKeySigner;
use serde_json::Value;
use zktrain_ledger::typed;
use zktrain_secagg::messages::*;
use zktrain_secagg::plan::Plan;
use zktrain_wire::sign;

use crate::fixtures::{account, hash, plan};

/// Every value that differs in one place, with that place.
fn altered(value: &Value) -> Vec<(String, Value)> {
    let inside = |key: String, old: &Value, put: &dyn Fn(Value) -> Value| -> Vec<_> {
        let all = altered(old).into_iter();
        all.map(|(path, new)| (format!(".{key}{path}"), put(new))).collect()
    };
    let here = |new: Value| vec![(String::new(), new)];
    match value {
        Value::Null => here(serde_json::json!([9; 32].as_slice())),
        Value::Bool(value) => here((!value).into()),
        Value::Number(value) => here((value.as_u64().unwrap() ^ 1).into()),
        Value::String(text) => {
            let (rest, last) = text.split_at(text.len() - 1);
            here(format!("{rest}{}", if last == "0" { '1' } else { '0' }).into())
        }
        Value::Array(list) => {
            let mut all = Vec::new();
            for (index, old) in list.iter().enumerate() {
                all.extend(inside(index.to_string(), old, &|new| {
                    let mut list = list.clone();
                    list[index] = new;
                    list.into()
                }));
            }
            // As long as the type lets them be.
            let shorter: Vec<Value> = list.iter().skip(1).cloned().collect();
            let longer: Vec<Value> = list.iter().chain(list.first()).cloned().collect();
            let turned: Vec<Value> = list.iter().rev().cloned().collect();
            for (name, other) in [("shorter", shorter), ("longer", longer), ("turned", turned)] {
                if other != *list {
                    all.push((format!(" {name}"), other.into()));
                }
            }
            all
        }
        Value::Object(fields) => {
            let each = fields.iter().flat_map(|(key, old)| {
                inside(key.clone(), old, &|new| {
                    let mut fields = fields.clone();
                    fields.insert(key.clone(), new);
                    fields.into()
                })
            });
            each.collect()
        }
    }
}

/// All bodies that differ in one place; how many there are for each field of the body itself.
fn others<T: Body + PartialEq + Debug>(body: &T) -> Vec<(String, T)> {
    let value = serde_json::to_value(body).unwrap();
    let read = altered(&value).into_iter().filter_map(|(path, other)| {
        // Lists of fixed length have no other.
        let other: T = serde_json::from_value(other).ok()?;
        (other != *body).then_some((path, other))
    });
    let others: Vec<(String, T)> = read.collect();
    for field in value.as_object().unwrap().keys() {
        let begins = format!(".{field}");
        assert!(others.iter().any(|(path, _)| path.starts_with(&begins)), "{field} is not altered");
    }
    others
}

fn check<T: Body + Clone + PartialEq + Debug>(body: T) {
    let (plan, signer) = (plan(), PrivateKeySigner::random());
    let account = signer.address();
    let signed = sign(&plan, body.clone(), &signer).unwrap();
    assert!(signed.is_by(&plan, account) && !signed.is_by(&plan, Address::ZERO));
    for (path, body) in others(&body) {
        let other = Signed { body, signature: signed.signature.clone() };
        assert!(!other.is_by(&plan, account), "{}{path}", T::KIND);
    }
    // The same under another plan.
    for (path, plan) in others(&plan) {
        assert!(!signed.is_by(&plan, account), "{} under another plan{path}", T::KIND);
    }
    for signature in [vec![], signed.signature[..64].to_vec(), vec![0; 65]] {
        let other = Signed { body: body.clone(), signature: signature.into() };
        assert_eq!(other.signer(&plan), None, "{}", T::KIND);
    }
}

#[test]
fn every_field_is_signed_and_so_is_the_plan() {
    let [one, two] = [account(16), account(17)];
    check(plan());
    check(Keys { account: one, mask: [17; 32], seal: [18; 32] });
    check(SharingHead { account: one, own: [1; 32], roster: hash(2), root: hash(3) });
    check(Upload { account: one, masked: hash(1), submission: hash(2), shared: hash(3) });
    check(Confirm { account: one, shared: hash(2), counted: hash(3) });
    check(Unmask { account: one, shares: vec![Some([1; 32]), None] });
    check(Defence { account: one, proof: Bytes::from_static(&[1, 2, 3]) });
    let pair = PairOpening { with: two, shared: [1; 32], proof: [[2; 32], [3; 32]] };
    check(Reveal { account: one, pairs: vec![pair] });
}

#[test]
fn what_is_signed_as_one_thing_is_nothing_else() {
    /// Encoded as a defence is.
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Twin(Defence);

    impl Body for Twin {
        const KIND: &'static str = "twin";
    }

    let (plan, signer) = (plan(), PrivateKeySigner::random());
    let defence = Defence { account: account(16), proof: Bytes::from_static(&[1, 2, 3]) };
    let signed = sign(&plan, defence.clone(), &signer).unwrap();
    let twin = Signed { body: Twin(defence), signature: signed.signature.clone() };
    let encoded = [postcard::to_stdvec(&twin.body), postcard::to_stdvec(&signed.body)];
    assert_eq!(encoded[0].as_ref().unwrap(), encoded[1].as_ref().unwrap());
    assert!(!twin.is_by(&plan, signer.address()));
    let kinds = [
        Plan::KIND,
        Keys::KIND,
        SharingHead::KIND,
        Upload::KIND,
        Confirm::KIND,
        Unmask::KIND,
        Defence::KIND,
        Reveal::KIND,
    ];
    let distinct: std::collections::BTreeSet<&str> = kinds.into_iter().collect();
    assert_eq!(distinct.len(), kinds.len());
}

mod structs {
    alloy::sol! {
        struct Message {
            bytes32 plan;
            string kind;
            bytes32 body;
        }
    }
}

fn check_typed<T: Body>(body: T) {
    let (plan, signer) = (plan(), PrivateKeySigner::random());
    let hash = |bytes: postcard::Result<Vec<u8>>| -> B256 { keccak256(bytes.unwrap()) };
    let (of_plan, of_body) = (hash(postcard::to_stdvec(&plan)), hash(postcard::to_stdvec(&body)));
    let message = structs::Message { plan: of_plan, kind: T::KIND.into(), body: of_body };
    let (domain, signed) =
        (typed::domain(plan.chain_id, plan.rounds), sign(&plan, body, &signer).unwrap());
    assert_eq!(plan.domain_separator(), domain.separator());
    let who = typed::signer(&message, &domain, &signed.signature);
    assert_eq!(who, Some(signer.address()), "{}", T::KIND);
}

/// Members hash typed data without what a chain's client hashes it with, to the same.
#[test]
fn what_is_signed_is_typed_data() {
    check_typed(plan());
    check_typed(Keys { account: account(16), mask: [17; 32], seal: [18; 32] });
    check_typed(Confirm { account: account(16), shared: hash(2), counted: hash(3) });
}
