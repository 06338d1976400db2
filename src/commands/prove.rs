//! `zktrain prove`: one proof for every window that was trained on.
//!
//! Order of events for each proof: the proof is made and verified, its file is
//! written and synced, then the secret state that the next proof starts from. A
//! proof counts when its state is there; a crash between the two makes it again.

use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use ark_ff::{BigInteger, PrimeField};
use serde::Serialize;
use zktrain_commit::random::LocalKey;
use zktrain_model::Hash;
use zktrain_model::trace::Trace;
use zktrain_project::circuits::{CircuitShape, Circuits};
use zktrain_project::data::{registered, rules};
use zktrain_project::files::{self, Access};
use zktrain_project::project::{ModelOpeningFile, Project, write_json};
use zktrain_project::replace::set_aside;
use zktrain_project::secrets::{DatasetSecret, read_key, read_state, write_state};
use zktrain_project::session::{Rules, Session, read_genesis};
use zktrain_prove::compress::Compressor;
use zktrain_prove::training::{Committed, Position, TrainingProver, commit_model};
use zktrain_trainer::replay::Replay;
use zktrain_verify::file::{self, StoredProof};

use crate::circuits::Compression;
use crate::error::Error;
use crate::ui::{Report, Ui, field, success};

/// Options of `zktrain prove`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain prove cancer\n  zktrain prove cancer --proofs 10\n  \
    zktrain prove cancer --compress groth16\n\n\
    Continues after the last proof that is complete, also after a crash.")]
pub struct Args {
    /// The project's directory.
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Proofs to make now; all that are missing without it.
    #[arg(long, value_name = "N")]
    pub proofs: Option<usize>,
    /// Make proofs from this one on again, counted from 0; it and later ones are moved to
    /// `secret/replaced`.
    #[arg(long, value_name = "K")]
    pub from: Option<usize>,
    /// What makes the proofs zero-knowledge and small; `none` leaves them to the owner alone.
    #[arg(long, value_name = "SYSTEM", value_enum, default_value_t)]
    pub compress: Compression,
}

/// What `zktrain prove` did.
#[derive(Clone, Debug, Serialize)]
pub struct ProveReport {
    /// Proofs made now.
    pub made: usize,
    /// Proofs that are complete.
    pub complete: usize,
    /// Windows that were trained on.
    pub trained: usize,
    /// Steps that one proof covers.
    pub steps_per_proof: usize,
    /// The folder of proofs.
    #[serde(serialize_with = "crate::ui::tell")]
    pub proofs: PathBuf,
    /// What the proofs made now were compressed with.
    pub compression: Compression,
    /// Bytes of the last proof, without its statement.
    pub proof_bytes: usize,
    /// Seconds of compressing, part of `prove_s`.
    pub compress_s: f64,
    /// Seconds of proving.
    pub prove_s: f64,
    /// Seconds a step.
    pub prove_s_per_step: f64,
    /// What shows that the model file is what the chain ends with, once all is proven.
    #[serde(serialize_with = "crate::ui::tell")]
    pub opening: Option<PathBuf>,
}

impl Report for ProveReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let state = format!("{} of {} windows are proven", self.complete, self.trained);
        success(out, format!("{} proofs made, {state}", self.made))?;
        if self.made > 0 {
            let times = format!("{:.2} s, {:.3} s a step", self.prove_s, self.prove_s_per_step);
            field(out, "time", times)?;
            let size = format!("{:.1} kB, {}", self.proof_bytes as f64 / 1e3, self.compression);
            field(out, "proof", size)?;
        }
        let note = match self.compression {
            Compression::None => " (not zero-knowledge: for you alone)",
            _ => "",
        };
        field(out, "proofs", format!("{}{note}", self.proofs.display()))?;
        match &self.opening {
            Some(path) => field(out, "model opening", path.display()),
            None => Ok(()),
        }
    }
}

/// A chain being proven.
struct Prover<'a> {
    project: &'a Project,
    session: &'a Session,
    secret: LocalKey,
    data: &'a DatasetSecret,
    rules: Rules,
    chain: Hash,
    compressor: Option<Rc<Compressor>>,
}

/// What came of proving a range.
struct Made {
    after: Committed,
    proof_bytes: usize,
    compress: Duration,
}

/// Proves.
///
/// # Errors
/// If nothing was trained, the data changed, or a proof cannot be made.
pub fn run(args: &Args, ui: &Ui) -> Result<ProveReport, Error> {
    let project = Project::new(&args.dir);
    let _lock = project.lock()?;
    let trained = project.trained()?.windows;
    let session = Session::of_project(&project, ui)?;
    let network = session.network();
    let (train, _, data) = registered(&project, &session)?;
    let rules = rules(&project, &session, &data)?;
    let genesis = read_genesis(&project.genesis_path(), network)?;
    let start =
        Committed::start(&session.key, commit_model(&session.key, session.srs.g1(), &genesis)?);
    let chain = rules.chain_id(&session.key.spec, &start.model.points);
    let secret = read_key(&project.key_path())?;
    let circuits = Circuits::new(&session, &project, ui);
    let compressor = args.compress.system();
    let compressor =
        compressor.map(|system| circuits.compressor(system, CircuitShape::Training)).transpose()?;
    let prover = Prover {
        project: &project,
        session: &session,
        secret,
        data: &data,
        rules,
        chain,
        compressor,
    };
    files::create_folder(&project.proofs_path(), Access::Owner)?;
    let (first, before) = prover.resume(args.from, trained, start)?;
    let end = args.proofs.map_or(trained, |n| trained.min(first.saturating_add(n)));
    let mut replay = Replay::new(network, &train, rules.nonce, genesis)?;
    let started = Instant::now();
    let Made { after, proof_bytes, compress } =
        prover.prove(first..end, before, &mut replay, ui)?;
    let prove_s = started.elapsed().as_secs_f64();
    let opening = prover.publish_opening(end, trained, &after, ui)?;
    let made = end - first;
    Ok(ProveReport {
        made,
        complete: end,
        trained,
        steps_per_proof: network.steps,
        proofs: project.proofs_path(),
        compression: args.compress,
        proof_bytes,
        compress_s: compress.as_secs_f64(),
        prove_s,
        prove_s_per_step: prove_s / (made * network.steps).max(1) as f64,
        opening,
    })
}

/// Proofs from here on, their secret states, and the opening of the model that they ended with:
/// what follows a proof that is made again does not continue it. A state comes before its proof,
/// which counts only with it.
pub fn files_from(project: &Project, first: usize) -> Vec<PathBuf> {
    let mut paths = vec![project.opening_path()];
    for index in first.. {
        let state = project.state_path(index);
        if !state.exists() && project.find_proof(index).is_none() {
            break;
        }
        paths.push(state);
        paths.extend(project.proof_paths(index));
    }
    paths
}

impl Prover<'_> {
    /// Where to continue, and from which commitments.
    fn resume(
        &self,
        from: Option<usize>,
        trained: usize,
        start: Committed,
    ) -> Result<(usize, Committed), Error> {
        let mut complete = 0;
        let mut before = start.clone();
        while complete < from.unwrap_or(trained).min(trained) && self.is_complete(complete) {
            complete += 1;
        }
        if let Some(got) = from {
            if got > trained {
                return Err(Error::NotTrained { expected: trained, got });
            }
            if got > complete {
                return Err(Error::NotProven { expected: complete, got });
            }
            set_aside(self.project, &files_from(self.project, got))?;
        }
        if let Some(last) = complete.checked_sub(1) {
            before = read_state(&self.project.state_path(last), &self.chain, last)?;
        }
        Ok((complete, before))
    }

    fn is_complete(&self, index: usize) -> bool {
        self.project.state_path(index).exists() && self.project.find_proof(index).is_some()
    }

    fn prove(
        &self,
        range: std::ops::Range<usize>,
        before: Committed,
        replay: &mut Replay<'_>,
        ui: &Ui,
    ) -> Result<Made, Error> {
        let bar = ui.bar(range.end as u64, "prove");
        let mut made = Made { after: before, proof_bytes: 0, compress: Duration::ZERO };
        if !range.is_empty() {
            set_aside(self.project, &files_from(self.project, range.start))?;
        }
        for index in 0..range.end {
            let (window, trace) = replay.next_window()?;
            bar.set_position(index as u64);
            if index >= range.start {
                self.prove_one(index, window, &trace, &mut made)?;
            }
        }
        bar.finish_and_clear();
        Ok(made)
    }

    fn prove_one(
        &self,
        index: usize,
        window: u64,
        trace: &Trace,
        made: &mut Made,
    ) -> Result<(), Error> {
        let key = &self.session.key;
        let step = (index * key.network.steps) as u64;
        let position = Position { binding: self.rules.binding, step, window };
        let (g1, dataset) = (self.session.srs.g1(), &self.data.dataset);
        let prover = TrainingProver { key, g1, secret: &self.secret, dataset };
        let proved = prover.prove(&made.after, position, trace)?;
        let started = Instant::now();
        let circuit = self.compressor.as_ref().map(|c| c.key()).unwrap_or_default();
        let proof = match &self.compressor {
            // Asked for by `--compress none`: for the owner's disk.
            None => StoredProof::Plain(proved.proof.reveal()),
            Some(compressor) => StoredProof::Compressed(compressor.compress(proved.proof)?),
        };
        made.compress += started.elapsed();
        zktrain_verify::training::verify(key, &circuit, &proved.statement, &proof)
            .map_err(|source| Error::OwnProof { index, source: Box::new(source) })?;
        let [compressed, plain] = self.project.proof_paths(index);
        let (path, access) = match &proof {
            StoredProof::Plain(_) => (plain, Access::Owner),
            StoredProof::Compressed(_) => (compressed, Access::Public),
        };
        files::write(&path, &file::encode_for_owner(&proved.statement, &proof), access)?;
        write_state(&self.project.state_path(index), &self.chain, index, &proved.after)?;
        (made.after, made.proof_bytes) = (proved.after, proof.encoded_len());
        Ok(())
    }

    /// Publishes the summed blindings of the final model once all of its windows are
    /// proven: with the model itself they reveal nothing more about the updates that
    /// led there.
    fn publish_opening(
        &self,
        complete: usize,
        trained: usize,
        end: &Committed,
        ui: &Ui,
    ) -> Result<Option<PathBuf>, Error> {
        let path = self.project.opening_path();
        if self.project.find_proof(trained).is_some() {
            ui.warn(&format!(
                "there are more proofs than the {trained} windows of the model: train at least as \
                 long as before, or set the later proofs aside with `--from {trained}`"
            ));
            files::remove(&path)?;
            return Ok(None);
        }
        if complete != trained {
            return Ok(None);
        }
        let scalar = |b: &ark_bn254::Fr| hex::encode(b.into_bigint().to_bytes_be());
        let blindings = end.model.blinds.iter().map(scalar).collect();
        write_json(&path, &ModelOpeningFile { proofs: trained, blindings })?;
        Ok(Some(path))
    }
}
