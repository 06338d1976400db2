//! Reads a lineage's files, each in the one encoding of its content.

use std::collections::BTreeSet;

use alloy_primitives::Signature;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zktrain_ledger::findings::{CheckKind, Findings, Place};

use crate::lineage::Lineage;

/// An audit under way.
pub(crate) struct Auditor<'a> {
    /// What is audited.
    pub lineage: &'a Lineage,
    /// What was found.
    pub findings: Findings,
    used: BTreeSet<String>,
}

impl<'a> Auditor<'a> {
    pub fn new(lineage: &'a Lineage) -> Self {
        Self { lineage, findings: Findings::default(), used: BTreeSet::new() }
    }

    /// Whether a file is there.
    pub fn has(&self, name: &str) -> bool {
        self.lineage.names().contains(name)
    }

    /// Marks a file as one that was looked at.
    pub fn uses(&mut self, name: &str) {
        self.used.insert(name.to_owned());
    }

    /// Files that belong to nothing.
    pub fn unused(&self) -> Vec<String> {
        let unused = self.lineage.names().difference(&self.used);
        unused.chain(self.lineage.strange()).cloned().collect()
    }

    /// A file that has to be there.
    pub fn bytes(&mut self, place: &Place) -> Option<Vec<u8>> {
        self.uses(&place.file);
        let read = self.lineage.read(&place.file);
        let read = self.findings.result(CheckKind::Encoding, place, "file", read)?;
        let problem = || "the file is missing".to_owned();
        self.findings.check(CheckKind::Encoding, place, "file", read.is_some(), problem);
        read
    }

    /// A content has one encoding.
    pub fn canonical(&mut self, place: &Place, bytes: &[u8], again: &[u8]) -> bool {
        let differs = bytes.iter().zip(again).position(|(a, b)| a != b);
        let at = differs.unwrap_or(bytes.len().min(again.len()));
        let problem = || format!("byte {at} is not as this content is written");
        self.findings.check(CheckKind::Encoding, place, "encoding", bytes == again, problem)
    }

    /// A file of JSON that has to be there.
    pub fn json<T: Serialize + DeserializeOwned>(&mut self, place: &Place) -> Option<T> {
        let bytes = self.bytes(place)?;
        let read = serde_json::from_slice::<T>(&bytes).and_then(|value| {
            let again = serde_json::to_vec_pretty(&value)?;
            Ok((value, again))
        });
        let (value, mut again) =
            self.findings.result(CheckKind::Encoding, place, "content", read)?;
        again.push(b'\n');
        self.canonical(place, &bytes, &again);
        Some(value)
    }

    /// A signature has one encoding.
    pub fn signature(
        &mut self,
        kind: CheckKind,
        place: &Place,
        signature: &[u8],
        by: bool,
    ) -> bool {
        let decoded = Signature::try_from(signature);
        let one = decoded.is_ok_and(|decoded| decoded.as_bytes().as_slice() == signature);
        let problem = || "not the signature of the account that has to sign it".to_owned();
        self.findings.check(kind, place, "signature", one && by, problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serializer, ser::Error};

    /// Something that is read and cannot be written.
    #[derive(Deserialize)]
    struct Unwritable {}

    impl Serialize for Unwritable {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("not to be written"))
        }
    }

    #[test]
    fn a_content_without_an_encoding_is_a_failure_and_not_an_empty_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(crate::lineage::CHAIN), "{}").unwrap();
        let lineage = Lineage::open(dir.path()).unwrap();
        let mut auditor = Auditor::new(&lineage);
        assert!(auditor.json::<Unwritable>(&Place::file(crate::lineage::CHAIN)).is_none());
        let failures = auditor.findings.failures();
        assert_eq!(failures.len(), 1);
        assert_eq!(
            (failures[0].check, failures[0].field.as_str()),
            (CheckKind::Encoding, "content")
        );
        assert!(failures[0].problem.contains("not to be written"), "{}", failures[0].problem);
    }
}
