//! `zktrain demo --alone`: one owner, without a network.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use zktrain_project::files::{self, Access};
use zktrain_project::project::{Project, proof_paths};
use zktrain_project::proofs;
use zktrain_project::session::Session;
use zktrain_statement::proof::own_rows;

use super::Args;
use super::model::Model;
use crate::circuits::Compression;
use crate::commands::init::optimizer::OptimizerArgs;
use crate::commands::train::{TrainReport, print_epochs};
use crate::commands::verify::VerifyReport;
use crate::commands::{data, init, prove, roots, train, verify};
use crate::error::{Error, ProjectError};
use crate::roots::Pins;
use crate::ui::{Report, Ui, field, percent, success};

/// What the demonstration showed.
#[derive(Clone, Debug, Serialize)]
pub struct DemoReport {
    /// Where everything is.
    #[serde(serialize_with = "crate::ui::tell")]
    pub dir: PathBuf,
    /// Training.
    pub train: TrainReport,
    /// Proving.
    pub prove: prove::ProveReport,
    /// Options that pin what the verdict rests on: what was made here.
    pub pins: Vec<String>,
    /// Verification of the chain.
    pub verify: VerifyReport,
    /// The proof with one bit changed.
    #[serde(serialize_with = "crate::ui::tell")]
    pub tampered: PathBuf,
    /// Why it was rejected.
    pub rejection: String,
    pub seconds: f64,
}

impl Report for DemoReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let project = Project::new(&self.dir);
        let accuracy = |epoch: Option<&train::Epoch>| {
            epoch.and_then(|e| e.held_out?.accuracy).map_or("–".into(), percent)
        };
        let [before, after] = [self.train.epochs.first(), self.train.epochs.last()].map(accuracy);
        writeln!(out)?;
        success(
            out,
            format!(
                "trained, proven and verified {} steps in {:.0} s; held-out accuracy {before} → {after}",
                self.verify.steps, self.seconds
            ),
        )?;
        let files = [
            ("manifest", project.manifest_path()),
            ("model", project.float_model_path()),
            ("model, integers", project.model_path()),
            ("loss curve", project.curve_path()),
            ("proofs", project.proofs_path()),
            ("registration", project.registration_path()),
            ("reference string", project.default_srs_path()),
            ("tampered proof", self.tampered.clone()),
            ("secrets", project.secret_path()),
        ];
        for (name, path) in files {
            field(out, name, path.display())?;
        }
        writeln!(out, "  try: zktrain verify {} {}", self.dir.display(), self.pins.join(" "))
    }
}

/// Runs the demonstration.
///
/// # Errors
/// If a command fails, or the tampered proof is accepted.
pub fn run(args: &Args, ui: &Ui) -> Result<DemoReport, Error> {
    let started = Instant::now();
    let dir = super::folder(args.out.as_deref())?;
    ui.headline("1. A model and its scales, from public data");
    let options = project(args.model, dir.clone());
    // Results of the steps before the last are part of the story, not the result.
    ui.step(&init::run(&options, ui)?)?;
    ui.headline("2. The owner registers the data: committed, proven well formed");
    let commit = data::CommitArgs { dir: dir.clone(), force: false, plain: false };
    ui.step(&data::commit(&commit, ui)?)?;
    ui.headline("3. Training in integers");
    let trained =
        train::run(&train::Args { dir: dir.clone(), epochs: args.epochs, steps: None }, ui)?;
    if !ui.json {
        // Standard error may be closed; the demonstration goes on.
        let _ = print_epochs(&mut std::io::stderr(), &trained.epochs);
    }
    ui.headline("4. A zero-knowledge proof for every step");
    let options =
        prove::Args { dir: dir.clone(), proofs: None, from: None, compress: Compression::Halo2 };
    let proven = prove::run(&options, ui)?;
    ui.step(&proven)?;
    ui.headline("5. Anyone verifies the chain, without the data; so do the contracts");
    let own = roots::Args { dir: dir.clone(), manifest: None, srs: None, options: false };
    let own = roots::run(&own, ui)?;
    ui.say(&format!("  a verifier knows from the owner: {}", own.options.join(" ")));
    let args = verify_args(dir.clone(), &own);
    let verified = verify::run(&args, ui)?;
    ui.step(&verified)?;
    verified.roots.verdict(true)?;
    ui.headline("6. One bit of one proof is changed");
    let (tampered, rejection) = tamper(&dir, &args, ui)?;
    ui.say(&format!("  rejected, as it must be: {rejection}"));
    Ok(DemoReport {
        dir,
        train: trained,
        prove: proven,
        pins: own.options,
        verify: verified,
        tampered,
        rejection,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// The owner's project, to be made.
pub(super) fn project(model: Model, dir: PathBuf) -> init::Args {
    init::Args {
        dir,
        preset: Some(model.preset().into()),
        image: model.image().map(str::to_owned),
        layer: model.layers().iter().map(|layer| (*layer).to_owned()).collect(),
        steps_per_proof: Some(model.steps_alone()),
        optimizer: OptimizerArgs { lr: model.rate_alone(), ..OptimizerArgs::default() },
        seed: 1,
        held_out: 0.25,
        shuffle_seed: Some(1),
        ..init::Args::default()
    }
}

/// Pins what was made here: the demonstration knows it first hand.
fn verify_args(path: PathBuf, own: &roots::RootsReport) -> verify::Args {
    let pin = |option: &str| {
        own.roots.iter().find(|root| root.option == option).map(|root| root.value.clone())
    };
    let pins = Pins {
        srs_fingerprint: pin("--srs-fingerprint"),
        groth16_key: pin("--groth16-key"),
        manifest_hash: pin("--manifest-hash"),
        genesis_hash: pin("--genesis-hash"),
        strict: true,
    };
    let nonce = pin("--nonce");
    verify::Args { paths: vec![path], nonce, pins, evm: true, ..verify::Args::default() }
}

/// Copies the second proof with one bit flipped, and has it verified.
fn tamper(dir: &Path, args: &verify::Args, ui: &Ui) -> Result<(PathBuf, String), Error> {
    let project = Project::new(dir);
    let session = Session::of_project(&project, &Ui { json: ui.json })?;
    let index = project.trained()?.windows.saturating_sub(1).min(1);
    let [path, _] = project.proof_paths(index);
    let mut bytes = files::read(&path)?;
    let (_, proof) = proofs::read(&session.key, &path)?;
    // The last byte of the revealed value: the claim of what the sheet is at the random point.
    let rows = 64 * (own_rows(&session.key.relation) + 1);
    let scalars = session.key.relation.layout.address_log as usize + 2;
    let position = bytes.len() - proof.encoded_len() + rows + 32 * scalars - 1;
    if let Some(byte) = bytes.get_mut(position) {
        *byte ^= 1;
    }
    let folder = dir.join("tampered");
    files::create_folder(&folder, Access::Public)?;
    let [tampered, _] = proof_paths(&folder, index);
    files::write(&tampered, &bytes, Access::Public)?;
    ui.say(&format!("  flipped bit 0 of byte {position} in a copy: {}", tampered.display()));
    // What is about the chain is none of a single proof's business.
    let pins = Pins { genesis_hash: None, ..args.pins.clone() };
    let paths = vec![tampered.clone()];
    match verify::run(&verify::Args { paths, nonce: None, pins, ..args.clone() }, ui) {
        Err(error @ (Error::Rejected { .. } | Error::Project(ProjectError::Wire { .. }))) => {
            Ok((tampered, error.to_string()))
        }
        Err(other) => Err(other),
        Ok(_) => Err(Error::TamperAccepted),
    }
}
