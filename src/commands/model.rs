//! `zktrain model`: looks at parameter files, and at what a manifest's proofs take.

use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde::Serialize;
use sha3::Digest;
use zktrain_project::files;
use zktrain_project::project::{exists, read_manifest};
use zktrain_project::session::model_error;
use zktrain_trainer::export::ExportError;

use crate::cost::cost;
use crate::error::Error;
use crate::ui::{Report, Ui, field, printable};

/// What to do with a model.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// Show the tensors of a safetensors file.
    Inspect(InspectArgs),
    /// Say what a proof of a manifest takes, before anything is trained: cells, rows, bytes, gas, memory, time.
    Cost(CostArgs),
}

/// Options of `zktrain model cost`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:
  zktrain model cost cancer/manifest.toml
  zktrain model cost cancer/manifest.toml --time --json")]
pub struct CostArgs {
    /// The manifest, with its scales.
    pub manifest: PathBuf,
    /// Make three small proofs first, to say how long proving takes on this machine.
    #[arg(long)]
    pub time: bool,
}

/// Options of `zktrain model inspect`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain model inspect cancer/model.int.safetensors")]
pub struct InspectArgs {
    /// The file.
    pub file: PathBuf,
}

/// What a model file holds.
#[derive(Clone, Debug, Serialize)]
pub struct ModelReport {
    /// The file.
    #[serde(serialize_with = "crate::ui::tell")]
    pub file: PathBuf,
    /// Keccak-256 of the file, in hexadecimal.
    pub hash: String,
    /// Parameters in all.
    pub parameters: usize,
    /// Fractional bits, in a file of integers.
    pub weight_frac: Option<u32>,
    /// The tensors, in order of their names.
    pub tensors: Vec<Tensor>,
}

/// One tensor, its statistics as real numbers.
#[derive(Clone, Debug, Serialize)]
pub struct Tensor {
    /// Name.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: String,
    /// Smallest element.
    pub min: f64,
    /// Largest element.
    pub max: f64,
    /// Root of the mean square.
    pub rms: f64,
}

impl Report for ModelReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "{}", printable(&self.file.to_string_lossy()))?;
        field(out, "parameters", self.parameters)?;
        if let Some(frac) = self.weight_frac {
            field(out, "fractional bits", frac)?;
        }
        field(out, "keccak256", &self.hash)?;
        for tensor in &self.tensors {
            let shape = tensor.shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×");
            writeln!(
                out,
                "  {:<18} {:<4} {shape:<12} {:>9.4} … {:<9.4} rms {:.4}",
                printable(&tensor.name),
                tensor.dtype,
                tensor.min,
                tensor.max,
                tensor.rms
            )?;
        }
        Ok(())
    }
}

/// Runs the command.
///
/// # Errors
/// If the file is missing, or not a parameter file or a manifest.
pub fn run(command: &Command, ui: &Ui) -> Result<(), Error> {
    match command {
        Command::Inspect(args) => ui.report(&inspect(&args.file)?),
        Command::Cost(args) => {
            let manifest = read_manifest(&args.manifest)?;
            let report = cost(&args.manifest, &manifest, args.time).map_err(Box::new)?;
            ui.report(&report)
        }
    }
}

/// Looks at a parameter file.
///
/// # Errors
/// As [`run`].
pub fn inspect(path: &Path) -> Result<ModelReport, Error> {
    exists(path, "name a safetensors file: `zktrain train` writes model.safetensors")?;
    let bytes = files::read(path)?;
    let (weight_frac, tensors) =
        tensors(&bytes).map_err(|source| model_error(path, &bytes, source))?;
    Ok(ModelReport {
        file: path.to_owned(),
        hash: hex::encode(sha3::Keccak256::digest(&bytes)),
        parameters: tensors.iter().map(|t| t.shape.iter().product::<usize>()).sum(),
        weight_frac,
        tensors,
    })
}

fn tensors(bytes: &[u8]) -> Result<(Option<u32>, Vec<Tensor>), ExportError> {
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let frac = header.metadata().as_ref().and_then(|m| m.get("weight_frac")?.parse().ok());
    let file = SafeTensors::deserialize(bytes)?;
    let mut tensors = Vec::new();
    for (name, view) in file.tensors() {
        let (elements, _) = view.data().as_chunks::<4>();
        let values: Vec<f64> = match view.dtype() {
            Dtype::F32 => elements.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
            Dtype::I32 => {
                let exponent = -(frac.unwrap_or(0) as i32);
                let real = |b: &[u8; 4]| f64::from(i32::from_le_bytes(*b)) * 2f64.powi(exponent);
                elements.iter().map(real).collect()
            }
            got => return Err(ExportError::ElementType { name, got }),
        };
        let squares: f64 = values.iter().map(|x| x * x).sum();
        tensors.push(Tensor {
            name,
            shape: view.shape().to_vec(),
            dtype: view.dtype().to_string(),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            rms: (squares / values.len().max(1) as f64).sqrt(),
        });
    }
    // The integers of this program always say where their point is.
    let frac = tensors.iter().any(|t| t.dtype == "I32").then_some(frac).flatten();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((frac, tensors))
}
