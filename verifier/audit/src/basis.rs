//! What a lineage starts from: reference string, manifest, key, first model, registrations.

use std::collections::BTreeSet;
use std::path::Path;

use alloy_primitives::{Address, B256};
use ark_bn254::G1Affine;
use zktrain_ledger::bindings::registry::IDomainRegistry::Config;
use zktrain_ledger::findings::{CheckKind, Place};
use zktrain_ledger::history::DomainHistory;
use zktrain_model::manifest::Network;
use zktrain_model::trace::Parameters;
use zktrain_statement::compressed::ProofSystem;
use zktrain_trainer::export::to_int_safetensors;
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::file::decode_registration;
use zktrain_verify::round::rows_hash;

use crate::auditor::Auditor;
use crate::backend::{AuditBackend, Setup};
use crate::lineage::{GENESIS, GROTH16, MANIFEST, SRS, registration};

/// What everything else is checked against.
pub(crate) struct Basis<'b> {
    /// Manifest, reference string and key.
    pub setup: Box<dyn Setup + 'b>,
    /// The proofs' system.
    pub system: ProofSystem,
    /// What checks the circuits' proofs.
    pub circuit: CircuitKey,
    /// The first model.
    pub genesis: Parameters,
    /// Its row commitments.
    pub rows: Vec<G1Affine>,
}

impl<'b> Basis<'b> {
    /// Reads and checks all of it against the domain's configuration; none if the rest cannot be
    /// checked without what is wrong.
    pub fn read(
        auditor: &mut Auditor<'_>,
        opened: &(Config, B256),
        srs: Option<&Path>,
        backend: &'b dyn AuditBackend,
    ) -> Option<Self> {
        let (config, spec) = opened;
        let setup = setup(auditor, config.manifest, srs, backend)?;
        let place = Place::file(MANIFEST);
        let findings = &mut auditor.findings;
        let same =
            findings.equal(CheckKind::Domain, &place, "spec", *spec, setup.key().spec.into());
        let (genesis, rows) = genesis(auditor, backend, &*setup, config)?;
        let (system, circuit) = key(auditor, &*setup, config)?;
        same.then_some(Self { setup, system, circuit, genesis, rows })
    }
}

/// What follows from the manifest, if that is the domain's: nothing is computed from another one.
fn setup<'b>(
    auditor: &mut Auditor<'_>,
    domains: B256,
    srs: Option<&Path>,
    backend: &'b dyn AuditBackend,
) -> Option<Box<dyn Setup + 'b>> {
    let place = Place::file(MANIFEST);
    let text = auditor.bytes(&place)?;
    let manifest_path = auditor.lineage.path(MANIFEST)?;
    let manifest = backend.manifest(&manifest_path);
    let manifest = auditor.findings.result(CheckKind::Encoding, &place, "content", manifest)?;
    let again = manifest.to_toml();
    let again = auditor.findings.result(CheckKind::Encoding, &place, "content", again)?;
    auditor.canonical(&place, &text, again.as_bytes());
    auditor.uses(SRS);
    let hash = B256::from(manifest.hash());
    if !auditor.findings.equal(CheckKind::Domain, &place, "hash", domains, hash) {
        return None;
    }
    let (file, path) = match srs {
        Some(path) => (path.display().to_string(), path.to_owned()),
        None => (SRS.to_owned(), auditor.lineage.dir().join(SRS)),
    };
    let place = Place::file(&file);
    let file = backend.reference_string(&path);
    let file = auditor.findings.result(CheckKind::Encoding, &place, "content", file)?;
    // All of the file that came with the lineage, of the auditor's own as much as is used.
    if srs.is_none() {
        let checked = file.check();
        let checked = auditor.findings.result(CheckKind::Encoding, &place, "content", checked)?;
        auditor.findings.result(CheckKind::ReferenceString, &place, "powers", checked)?;
    }
    let setup = file.setup(&manifest_path, auditor.lineage.dir());
    auditor.findings.result(CheckKind::ReferenceString, &place, "content", setup)
}

fn genesis(
    auditor: &mut Auditor<'_>,
    backend: &dyn AuditBackend,
    setup: &dyn Setup,
    config: &Config,
) -> Option<(Parameters, Vec<G1Affine>)> {
    let place = Place::file(GENESIS);
    let bytes = auditor.bytes(&place)?;
    let path = auditor.lineage.path(GENESIS)?;
    let network: &Network = &setup.key().network;
    let model = backend.genesis(&path, network);
    let model = auditor.findings.result(CheckKind::Encoding, &place, "content", model)?;
    let again = to_int_safetensors(network, &model);
    let again = auditor.findings.result(CheckKind::Encoding, &place, "content", again)?;
    auditor.canonical(&place, &bytes, &again);
    let rows = setup.commit(&model);
    let rows = auditor.findings.result(CheckKind::Domain, &place, "rows", rows)?;
    let hash = B256::from(rows_hash(&rows));
    auditor.findings.equal(CheckKind::Domain, &place, "hash", config.genesis, hash);
    Some((model, rows))
}

/// The circuit's key, of whichever system the domain's contracts check.
fn key(
    auditor: &mut Auditor<'_>,
    setup: &dyn Setup,
    config: &Config,
) -> Option<(ProofSystem, CircuitKey)> {
    let circuits = setup.circuits();
    let groth16 = auditor.has(GROTH16);
    let systems = if groth16 {
        vec![ProofSystem::Groth16, ProofSystem::Halo2]
    } else {
        vec![ProofSystem::Halo2]
    };
    auditor.uses(GROTH16);
    let place = Place::file(MANIFEST);
    for system in systems {
        let circuit = circuits.key(system);
        let place =
            if system == ProofSystem::Groth16 { Place::file(GROTH16) } else { place.clone() };
        let circuit = auditor.findings.result(CheckKind::Domain, &place, "key", circuit)?;
        let hash = circuits.contract_key(&circuit, system);
        let hash = auditor.findings.result(CheckKind::Domain, &place, "key", hash)?;
        if config.key == hash {
            return Some((system, circuit));
        }
    }
    let problem = || "the domain checks proofs with another key".to_owned();
    auditor.findings.check(CheckKind::Domain, &place, "key", false, problem);
    None
}

/// Registrations of all whose updates are in a sum, and of others whose are there.
pub(crate) fn registrations(
    auditor: &mut Auditor<'_>,
    basis: &Basis<'_>,
    history: &DomainHistory,
) -> u64 {
    let counted = history.rounds.iter().filter(|round| round.is_settled());
    let needed: BTreeSet<Address> =
        counted.flat_map(|round| round.counted()).map(|member| member.account).collect();
    let circuits = basis.setup.circuits();
    let key = basis.setup.key();
    let mut found = Vec::new();
    for account in history.joined.keys() {
        let name = registration(*account);
        if !needed.contains(account) && !auditor.has(&name) {
            continue;
        }
        let place = Place { member: Some(*account), ..Place::file(&name) };
        let Some(bytes) = auditor.bytes(&place) else { continue };
        let read = decode_registration(key, &bytes);
        let read = auditor.findings.result(CheckKind::Encoding, &place, "content", read);
        let Some(registration) = read else { continue };
        auditor.canonical(&place, &bytes, &registration.to_bytes());
        found.push((*account, place, registration));
    }
    let chunks = found.iter().map(|(_, _, registration)| registration.statements().len() as u64);
    let chunks = chunks.sum();
    for (account, place, registration) in &found {
        let root = circuits.registration(registration);
        let findings = &mut auditor.findings;
        let statements = registration.statements();
        let first = statements.first();
        let owner = first.map(|s| Address::from(s.owner)).unwrap_or_default();
        findings.equal(CheckKind::Registration, place, "owner", *account, owner);
        let Some(root) = findings.result(CheckKind::Registration, place, "proof", root) else {
            continue;
        };
        let windows = first.map_or(0, |s| s.windows);
        let joined = history.joined.get(account);
        let known = joined.is_some_and(|all| all.contains(&(root.into(), windows)));
        let problem = || "not the dataset that the member joined with".to_owned();
        findings.check(CheckKind::Registration, place, "root", known, problem);
        let rounds = history.rounds.iter().filter(|round| round.is_settled());
        for round in rounds {
            let used = round.counted().into_iter().find(|member| member.account == *account);
            let Some(used) = used else { continue };
            let place = Place { round: Some(round.id), ..place.clone() };
            let same = (used.dataset, used.windows) == (root.into(), windows);
            findings.check(CheckKind::Registration, &place, "root", same, problem);
        }
    }
    chunks
}
