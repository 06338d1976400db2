//! `zktrain roots`: what a verdict on a project rests on, for those who verify to pin.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use zktrain_audit::trust::{Root, Roots, Trust};
use zktrain_project::files;
use zktrain_project::project::{Project, settings};
use zktrain_project::session::{Session, read_genesis};
use zktrain_prove::training::commit_model;
use zktrain_verify::groth16::Groth16Key;

use super::verify::{genesis_root, manifest_root, srs_root};
use crate::error::{Error, ProjectError};
use crate::roots::nonce as nonce_root;
use crate::ui::{Report, Ui, field, success};

/// Options of `zktrain roots`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain roots cancer\n  \
    zktrain verify copy-of-cancer $(zktrain roots cancer --options)\n\n\
    Run it on files that you made or know. What it prints about files that came with proofs pins\n\
    nothing: they are what the prover has chosen.")]
pub struct Args {
    /// The project's directory.
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// The manifest; by default the project's.
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// The reference string; by default the project's.
    #[arg(long, value_name = "FILE")]
    pub srs: Option<PathBuf>,
    /// Print nothing but the options for `zktrain verify`.
    #[arg(long)]
    pub options: bool,
}

/// Roots of a project.
#[derive(Clone, Debug, Serialize)]
pub struct RootsReport {
    /// The project.
    #[serde(serialize_with = "crate::ui::tell")]
    pub dir: PathBuf,
    /// Its roots, none of them pinned.
    pub roots: Roots,
    /// Options of `zktrain verify` that pin them.
    pub options: Vec<String>,
    /// Whether only the options are printed.
    #[serde(skip)]
    options_only: bool,
}

impl Report for RootsReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        if self.options_only {
            return writeln!(out, "{}", self.options.join(" "));
        }
        success(out, format!("roots of {}", self.dir.display()))?;
        for root in self.roots.iter() {
            field(out, root.name, &root.value)?;
            if let (Trust::Known, Some(source)) = (root.trust, &root.source) {
                field(out, "", format!("known: {source}"))?;
            }
        }
        writeln!(out, "\n  a verifier pins them with")?;
        self.options.chunks(2).try_for_each(|pair| writeln!(out, "    {}", pair.join(" ")))
    }
}

/// Reads a project's roots.
///
/// # Errors
/// If a file is missing or refused.
pub fn run(args: &Args, ui: &Ui) -> Result<RootsReport, Error> {
    let project = Project::new(&args.dir);
    let (manifest, srs) = (args.manifest.as_deref(), args.srs.as_deref());
    let session = Session::of_files(&project, manifest, srs, ui)?;
    let mut roots = Roots::default();
    roots.push(srs_root(&session, None)?);
    roots.push(manifest_root(&session, None)?);
    let genesis = read_genesis(&project.genesis_path(), session.network())?;
    let model = commit_model(&session.key, session.srs.g1(), &genesis)?.points;
    roots.push(genesis_root(&model, None)?);
    if project.round_path().exists() {
        let nonce = project.round()?.nonce().map_err(|e| settings(&project.round_path(), e))?;
        roots.push(nonce_root(nonce.map(hex::encode), None)?);
    }
    let path = project.keys_path().join("groth16.vk");
    if path.exists() {
        let key = Groth16Key::from_bytes(&files::read(&path)?)
            .map_err(|e| Error::Project(ProjectError::Groth16Key { path, source: Box::new(e) }))?;
        roots.push(Root::groth16_key(&key, None)?);
    }
    let options = roots.iter().flat_map(|root| [root.option.to_owned(), root.value.clone()]);
    let options = options.collect();
    Ok(RootsReport { dir: args.dir.clone(), roots, options, options_only: args.options })
}
