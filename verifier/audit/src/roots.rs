//! What an audit's verdict rests on.

use std::fmt::Display;

use alloy_primitives::Address;
use zktrain_ledger::ChainExport;
use zktrain_ledger::findings::{CheckKind, Place};
use zktrain_verify::round::rows_hash;

use super::auditor::Auditor;
use super::basis::Basis;
use super::live::Live;
use super::{AuditOptions, Progress};
use crate::lineage::{CHAIN, GENESIS, GROTH16, MANIFEST, SRS};
use crate::trust::{PinMismatch, Root, Roots, Trust};

/// Roots that the auditor has named; hashes in hexadecimal, in lower case.
#[derive(Clone, Debug, Default)]
pub struct AuditPins {
    /// Fingerprint of the reference string.
    pub srs: Option<String>,
    /// Hash of the Groth16 key.
    pub groth16: Option<String>,
    /// Hash of the manifest.
    pub manifest: Option<String>,
    /// Hash of the first model's row commitments.
    pub genesis: Option<String>,
    /// The contract `Rounds`.
    pub rounds: Option<Address>,
    /// Hash of its code; needs a node.
    pub code: Option<String>,
    pub domain: Option<u64>,
    /// Hash of the whole export.
    pub export: Option<String>,
    /// Whether only pinned and known roots will do.
    pub strict: bool,
    /// Whether a lineage may end before the chain's last version.
    pub stale: bool,
}

/// Collects roots; another one than asked for is a failure of the audit.
struct Collector<'a, 'b> {
    auditor: &'a mut Auditor<'b>,
    roots: Roots,
}

impl Collector<'_, '_> {
    /// Adds a root; whether it is pinned.
    fn add(&mut self, file: &str, asked: bool, root: Result<Root, PinMismatch>) -> bool {
        let name = root.as_ref().map_or_else(|mismatch| mismatch.name, |root| root.name);
        let root = match root {
            Ok(root) if !asked => root,
            Ok(root) => {
                let place = Place::file(file);
                self.auditor.findings.check(CheckKind::Root, &place, name, true, String::new);
                root
            }
            Err(mismatch) => {
                let (place, problem) = (Place::file(file), mismatch.to_string());
                self.auditor.findings.check(CheckKind::Root, &place, name, false, || problem);
                mismatch.into_root()
            }
        };
        let pinned = root.trust == Trust::Pinned;
        self.roots.push(root);
        pinned
    }

    fn value(
        &mut self,
        file: &str,
        (name, option): (&'static str, &'static str),
        value: impl Display,
        pin: Option<impl Display>,
        from: Option<&str>,
    ) -> bool {
        let pin = pin.map(|pin| pin.to_string());
        let root = Root::new(name, option, value.to_string(), pin.as_deref());
        let root = root.map(|root| match from {
            Some(from) => root.follows(from),
            None => root,
        });
        self.add(file, pin.is_some(), root)
    }
}

const NODE: &str = "the node that you named says so";
const EXPORT: &str = "from the export that you pinned";
const DOMAIN: &str = "the pinned domain's, as the node says";

/// All roots of an audit.
pub(crate) fn roots(
    auditor: &mut Auditor<'_>,
    progress: &Progress<'_>,
    options: &AuditOptions<'_>,
) -> Roots {
    let mut all = Collector { auditor, roots: Roots::default() };
    let pins = &options.pins;
    if let Some(basis) = &progress.basis {
        let root = basis.setup.root(pins.srs.as_deref());
        all.add(SRS, pins.srs.is_some(), root);
        if let Some(key) = &basis.circuit.groth16 {
            let root = Root::groth16_key(key, pins.groth16.as_deref());
            all.add(GROTH16, pins.groth16.is_some(), root);
        }
    }
    if let Some(export) = &progress.export {
        let from = chain(&mut all, export, progress.live.as_ref(), options);
        if let Some(basis) = &progress.basis {
            domain(&mut all, basis, options, from);
        }
    }
    all.roots
}

/// The chain, its contracts and the domain; where manifest and first model follow from, if they
/// are pinned.
fn chain(
    all: &mut Collector<'_, '_>,
    export: &ChainExport,
    live: Option<&Live>,
    options: &AuditOptions<'_>,
) -> Option<&'static str> {
    let pins = &options.pins;
    let hash = match export.digest() {
        Ok(digest) => hex::encode(digest),
        Err(error) => {
            let (place, problem) = (Place::file(CHAIN), || error.to_string());
            all.auditor.findings.check(CheckKind::Root, &place, "chain's events", false, problem);
            return None;
        }
    };
    // With a node that agrees, what the file says is what the node says.
    let agrees = live.is_some_and(|live| live.difference.is_none());
    let name = ("chain's events", "--export-hash");
    let whole = pins.export.is_some();
    let pinned = all.value(CHAIN, name, hash, pins.export.as_ref(), agrees.then_some(NODE));
    let of_export = (whole && pinned).then_some(EXPORT);
    let there = &export.deployment;
    let name = ("chain id", "--chain");
    let of_node = agrees.then_some(NODE);
    all.value(CHAIN, name, there.chain_id, None::<u64>, of_export.or(of_node));
    let name = ("contract Rounds", "--rounds");
    let address = all.value(CHAIN, name, there.rounds, pins.rounds, of_export);
    let contract = live.and_then(|live| live.contract.as_ref());
    let code = contract.is_none_or(|contract| {
        let hash = hex::encode(contract.code);
        all.value(CHAIN, ("contract's code", "--code-hash"), hash, pins.code.as_ref(), None)
    });
    if pins.code.is_some() && contract.is_none() {
        let problem = || "there is no node to ask for the contract's code".to_owned();
        let place = Place::file(CHAIN);
        all.auditor.findings.check(CheckKind::Root, &place, "contract's code", false, problem);
    }
    let number = all.value(CHAIN, ("domain", "--domain"), export.domain, pins.domain, of_export);
    let of_domain = (agrees && address && code && number).then_some(DOMAIN);
    of_export.or(of_domain)
}

/// What a domain was opened with.
fn domain(
    all: &mut Collector<'_, '_>,
    basis: &Basis<'_>,
    options: &AuditOptions<'_>,
    from: Option<&'static str>,
) {
    let pins = &options.pins;
    let hash = hex::encode(basis.setup.manifest().hash());
    let name = ("manifest", "--manifest-hash");
    all.value(MANIFEST, name, hash, pins.manifest.as_ref(), from);
    let hash = hex::encode(rows_hash(&basis.rows));
    let name = ("genesis model", "--genesis-hash");
    all.value(GENESIS, name, hash, pins.genesis.as_ref(), from);
}
