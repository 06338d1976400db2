//! `zktrain init`: a project with a calibrated manifest.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use rand::RngCore;
use serde::Serialize;
use zktrain_chain::amount::parse_address;
use zktrain_commit::random::{Label, Randomness};
use zktrain_model::manifest::{LayerKind, Loss, Manifest, Network, Optimizer};
use zktrain_project::files::{self, Access};
use zktrain_project::project::{Local, Project, Round, write_toml};
use zktrain_project::secrets::create_key;
use zktrain_trainer::export::to_int_safetensors;
use zktrain_trainer::{initial_parameters, shape};

pub mod optimizer;

use self::optimizer::{OptimizerArgs, in_words};
use super::plan::{self, Plan};
use crate::error::{Error, ProjectError};
use crate::source;
use crate::ui::{Report, Ui, field, percent, success};

/// Options of `zktrain init`.
///
/// The manifest is public: feature scaling and fixed-point scales in it must not come
/// from private data. They are taken from what --calibrate-on names (public data of
/// the same columns, or `synthetic`); of the file that --data names, only the column
/// names are used. The rest of it is read to say early what `data commit` would refuse,
/// and nothing of it gets into the manifest. Presets calibrate on the bundled data, which
/// are public.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(after_help = "Examples:\n  zktrain init cancer --preset breast-cancer\n  \
    zktrain init credit --data mine.csv --label default --calibrate-on public.csv --hidden 32,16\n  \
    zktrain init credit --data mine.csv --label default --calibrate-on synthetic --classes 0,1 --scale 0.01\n  \
    zktrain init m --preset mnist --mnist DIR --image 28x28x1 --layer conv:8:5:1:2 --layer max:2 --hidden 64\n  \
    zktrain init notes --data notes.txt --calibrate-on public.txt --positions 64")]
pub struct Args {
    /// The project's directory.
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Model, hyper-parameters and public data that belong together: breast-cancer,
    /// german-credit, digits, mnist, lenet, resnet or transformer. Other options change them.
    #[arg(long, value_name = "NAME", conflicts_with = "manifest")]
    pub preset: Option<String>,
    /// A manifest to start from, complete or a draft without `[quantization]`.
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// The owner's data: CSV with a header, features as NPY or (gzipped) IDX, or a text (.txt), whose next character is
    /// predicted.
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// Labels of NPY or IDX data; NPY may have one for each position of a sample.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Folder of MNIST's four gzipped IDX files, for the presets mnist, lenet and resnet.
    #[arg(long, value_name = "DIR", env = "ZKTRAIN_MNIST_DIR")]
    pub mnist: Option<PathBuf>,
    /// Name of the label column.
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<String>,
    /// Where scales come from: a public file of the same columns, or `synthetic`.
    #[arg(long, value_name = "FILE|synthetic")]
    pub calibrate_on: Option<PathBuf>,
    /// Labels of an NPY or IDX calibration file.
    #[arg(long, value_name = "FILE")]
    pub calibrate_labels: Option<PathBuf>,
    /// A column that the model does not use, an identifier for example; once for each.
    #[arg(long, value_name = "COLUMN", conflicts_with = "manifest")]
    pub ignore: Vec<String>,
    /// Names of the classes; with `--calibrate-on synthetic`.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub classes: Vec<String>,
    /// Subtracted from every feature, in place of each column's mean.
    #[arg(long, allow_negative_numbers = true)]
    pub offset: Option<f64>,
    /// Multiplied with every feature, in place of each column's deviation.
    #[arg(long)]
    pub scale: Option<f64>,
    /// Height, width and channels, where the columns are an image's numbers, row by row: 28x28x1.
    #[arg(long, value_name = "HxWxC", conflicts_with = "manifest")]
    pub image: Option<String>,
    /// Characters that a text is cut into; 64 without it.
    #[arg(long, value_name = "N", conflicts_with_all = ["manifest", "image"])]
    pub positions: Option<usize>,
    /// A layer over the image, before the hidden ones: conv:8:5:1:2 (channels, kernel, stride, padding; the last two can be left
    /// out), depthwise:3:1:1, norm, layer-norm, rms-norm, scale, max:2, avg:2, avg, positions, or a transformer's block:64:4 (channels
    /// and heads) or causal-block:64:4; once for each.
    #[arg(long, value_name = "LAYER", conflicts_with = "manifest")]
    pub layer: Vec<String>,
    /// Widths of the hidden layers, for example 32,16; one of 16 without it.
    #[arg(long, value_delimiter = ',', value_name = "WIDTHS", conflicts_with = "shape")]
    pub hidden: Option<Vec<usize>>,
    /// All widths, for example 30-16-2.
    #[arg(long, value_name = "WIDTHS")]
    pub shape: Option<String>,
    /// Activation after every hidden layer; relu without it.
    #[arg(long)]
    pub activation: Option<ActivationOption>,
    /// Loss function; softmax-cross-entropy without it, mse with --regression.
    #[arg(long)]
    pub loss: Option<LossOption>,
    /// Predict the label as a number.
    #[arg(long)]
    pub regression: bool,
    /// Samples in a batch; 32 without it. Any number: what is no power of two is filled up with rows of weight zero.
    #[arg(long)]
    pub batch: Option<usize>,
    /// Train on every row: windows are filled up with rows of weight zero, and empty labels of --data are not learned from. So it
    /// is with texts, with --class-weights, and where --batch is no power of two.
    #[arg(long, conflicts_with = "manifest")]
    pub every_row: bool,
    /// How much each class counts, at most 1 and at least 1/16384, in their order; or `balanced`, all together as much as the rarest.
    #[arg(long, value_name = "WEIGHTS|balanced", conflicts_with = "manifest")]
    pub class_weights: Option<String>,
    /// Steps that one proof covers, a power of two; 1 without it.
    #[arg(long, value_name = "T")]
    pub steps_per_proof: Option<usize>,
    /// Steps that a chain of proofs may have; 8192 without it, 7500 of the preset lenet and 5625 of resnet.
    #[arg(long)]
    pub max_steps: Option<usize>,
    #[command(flatten)]
    pub optimizer: OptimizerArgs,
    /// Seed of the first model, and of the order of rows unless that is random.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Share of the rows that is held out of training.
    #[arg(long, default_value_t = 0.25)]
    pub held_out: f64,
    /// Keep the file's order of rows instead of shuffling them.
    #[arg(long, conflicts_with = "shuffle_seed")]
    pub keep_order: bool,
    /// Seed of the order of rows; random, and secret, without it.
    #[arg(long)]
    pub shuffle_seed: Option<u64>,
    /// The reference string; without it an insecure one is generated when it is needed.
    #[arg(long, value_name = "FILE")]
    pub srs: Option<PathBuf>,
    /// The owner's address, 20 bytes in hexadecimal; random without it.
    #[arg(long, value_parser = address)]
    pub prover: Option<String>,
    /// EIP-155 id of the chain that settles; 0 off chain.
    #[arg(long, default_value_t = 0)]
    pub chain_id: u64,
    /// Address of the contract there that proofs are for, 20 bytes in hexadecimal; none off chain.
    #[arg(long, value_parser = address)]
    pub contract: Option<String>,
    /// The domain there, as the contract numbers them.
    #[arg(long)]
    pub domain: Option<u64>,
    /// The round.
    #[arg(long, default_value_t = 0)]
    pub round: u64,
    /// The round's nonce, 32 bytes in hexadecimal; derived from the registration without it.
    #[arg(long)]
    pub nonce: Option<String>,
}

/// An address, if it is not mistyped; it stays as it was written.
fn address(text: &str) -> Result<String, String> {
    parse_address(text).map(|_| text.to_owned())
}

/// Activations of hidden layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ActivationOption {
    /// `max(x, 0)`
    Relu,
    /// Logistic function
    Sigmoid,
    /// Hyperbolic tangent
    Tanh,
    /// `x`, or `x/100` where it is negative
    #[value(alias = "leaky_relu")]
    LeakyRelu,
    /// `x·Φ(x)`, with the normal distribution
    Gelu,
    /// `x/(1 + exp(−x))`
    Silu,
}

impl From<ActivationOption> for LayerKind {
    fn from(option: ActivationOption) -> Self {
        match option {
            ActivationOption::Relu => Self::Relu,
            ActivationOption::Sigmoid => Self::Sigmoid,
            ActivationOption::Tanh => Self::Tanh,
            ActivationOption::LeakyRelu => Self::LeakyRelu,
            ActivationOption::Gelu => Self::Gelu,
            ActivationOption::Silu => Self::Silu,
        }
    }
}

/// Loss functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LossOption {
    /// One output a class
    SoftmaxCrossEntropy,
    /// One output for two classes
    Logistic,
    /// Squared error
    Mse,
}

impl From<LossOption> for Loss {
    fn from(option: LossOption) -> Self {
        match option {
            LossOption::SoftmaxCrossEntropy => Self::SoftmaxCrossEntropy,
            LossOption::Logistic => Self::Logistic,
            LossOption::Mse => Self::Mse,
        }
    }
}

/// What `zktrain init` made.
#[derive(Clone, Debug, Serialize)]
pub struct InitReport {
    /// The project's directory.
    #[serde(serialize_with = "crate::ui::tell")]
    pub dir: PathBuf,
    /// The manifest.
    #[serde(serialize_with = "crate::ui::tell")]
    pub manifest: PathBuf,
    /// Its hash, in hexadecimal.
    pub manifest_hash: String,
    /// Layer widths.
    pub shape: String,
    /// Parameters of the network.
    pub parameters: usize,
    /// Samples in a batch.
    pub batch: usize,
    /// Steps that one proof covers.
    pub steps_per_proof: usize,
    /// A reference string must have `2^row_log` powers.
    pub row_log: u32,
    /// What the scales come from.
    pub calibrated_on: String,
    /// Activations, one a hidden layer.
    pub activations: Vec<LayerKind>,
    /// The loss function.
    pub loss: Loss,
    /// Hyper-parameters.
    pub optimizer: Optimizer,
    /// Steps that a chain of proofs may have.
    pub max_steps: usize,
    /// The label column.
    pub label: String,
    /// Classes in the order of the outputs; none where a number is predicted.
    pub classes: Option<Vec<String>>,
    /// Columns of the data that the model does not use.
    pub left_out: Vec<String>,
    /// Fractional bits of the inputs: how finely features are told apart.
    pub input_frac: u32,
    /// Share of the rows that is held out of training.
    pub held_out: f64,
    /// The owner's address.
    pub prover: String,
}

impl Report for InitReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        success(out, format!("project {}", self.dir.display()))?;
        field(out, "manifest", self.manifest.display())?;
        field(out, "hash", &self.manifest_hash)?;
        field(out, "network", format!("{}, {} parameters", self.shape, self.parameters))?;
        field(out, "predicts", self.prediction())?;
        if !self.left_out.is_empty() {
            field(out, "not used", some(&self.left_out))?;
        }
        field(out, "optimizer", self.hyper_parameters())?;
        let steps = format!("{} steps a proof, {} at most", self.steps_per_proof, self.max_steps);
        field(out, "batch", format!("{} × {steps}", self.batch))?;
        field(out, "held out", percent(self.held_out))?;
        field(out, "rows", format!("2^{} entries", self.row_log))?;
        let bits = format!("inputs have {} fractional bits", self.input_frac);
        field(out, "scales from", format!("{}; {bits}", self.calibrated_on))?;
        field(out, "prover", &self.prover)
    }
}

impl InitReport {
    /// What the model predicts, and how that is measured.
    fn prediction(&self) -> String {
        let (label, loss) = (&self.label, name_of(&self.loss));
        match &self.classes {
            Some(classes) => {
                let count = classes.len();
                format!("{label}: {count} classes, {}; loss {loss}", some(classes))
            }
            None => format!("{label}: a number; loss {loss}"),
        }
    }

    /// The hyper-parameters, those that nobody chose included.
    fn hyper_parameters(&self) -> String {
        let activations: Vec<String> = self.activations.iter().map(name_of).collect();
        format!(
            "{}, activations {}",
            in_words(&self.optimizer),
            if activations.is_empty() { "none".into() } else { activations.join(", ") }
        )
    }
}

/// What options and manifests call it.
fn name_of(value: &impl Serialize) -> String {
    let name = serde_json::to_value(value).ok();
    name.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_owned()
}

/// Names that are listed; of more only the number is said.
const LISTED: usize = 8;

/// Names in a line.
fn some(names: &[String]) -> String {
    let listed = names.get(..LISTED).unwrap_or(names).join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

/// Makes the project.
///
/// # Errors
/// If a project is there already, options are missing, or no scales can be chosen.
pub fn run(args: &Args, ui: &Ui) -> Result<InitReport, Error> {
    let project = empty(args)?;
    let Plan { manifest, data, labels, bundled, calibrated_on, left_out } = plan::make(args, ui)?;
    let refused = |source| {
        Error::Project(ProjectError::Manifest {
            path: project.manifest_path(),
            source: Box::new(source),
        })
    };
    let network = manifest.network().map_err(refused)?;
    let round = round(args, &project)?;
    let held_out = held_out(args)?;
    // A command that fails leaves nothing: all that can be refused is, before a folder is made.
    files::create_folder(&args.dir, Access::Public)?;
    if let Some(name) = bundled {
        source::write_bundled(&args.dir, name)?;
    }
    files::create_folder(&project.secret_path(), Access::Owner)?;
    create_key(&project.key_path())?;
    let local = Local {
        data,
        labels,
        held_out,
        shuffle: shuffle(args)?,
        srs: args.srs.as_deref().map(plan::absolute).transpose()?.unwrap_or("srs.bin".into()),
    };
    write_toml(&project.local_path(), LOCAL_HEADER, &local, Access::Owner)?;
    write_toml(&project.round_path(), ROUND_HEADER, &round, Access::Public)?;
    write_genesis(&project, &network, args.seed)?;
    // Last, because it is what makes the directory a project.
    write_manifest(&project, &manifest)?;
    Ok(InitReport {
        dir: args.dir.clone(),
        manifest: project.manifest_path(),
        manifest_hash: hex::encode(manifest.hash()),
        shape: shape(&network),
        parameters: network.parameters(),
        batch: manifest.training.batch,
        steps_per_proof: network.steps,
        row_log: network.row_log,
        calibrated_on,
        activations: activations(&manifest),
        loss: manifest.model.loss,
        optimizer: manifest.optimizer,
        max_steps: network.max_steps,
        label: manifest.data.label,
        classes: manifest.data.classes,
        left_out,
        input_frac: network.input_frac,
        held_out,
        prover: round.prover,
    })
}

/// The folder, where there is no project yet.
fn empty(args: &Args) -> Result<Project, Error> {
    let project = Project::new(&args.dir);
    let hint = "choose another directory for a new project";
    files::free(&project.manifest_path(), false, hint)?;
    // Without a manifest this is no project, but its secrets may open commitments all the same.
    files::free(&project.dataset_path(), false, hint)?;
    Ok(project)
}

fn activations(manifest: &Manifest) -> Vec<LayerKind> {
    let kinds = manifest.model.layers.iter().map(|layer| layer.kind);
    kinds.filter(|kind| !kind.begins_layer()).collect()
}

const LOCAL_HEADER: &str = "# The owner's settings: stay on this machine.\n";
const ROUND_HEADER: &str = "# What every proof is bound to: public.\n";

/// The seed of the order of rows; none for the file's own order.
fn shuffle(args: &Args) -> Result<Option<u64>, Error> {
    match (args.keep_order, args.shuffle_seed) {
        (true, _) => Ok(None),
        (false, Some(seed)) => Ok(Some(seed)),
        (false, None) => Ok(Some(Randomness::fresh(Label::RowOrder)?.next_u64())),
    }
}

/// An address that is nobody's, for proofs off chain.
fn random_address() -> Result<String, Error> {
    let mut address = [0; 20];
    Randomness::fresh(Label::Address)?.fill_bytes(&mut address);
    Ok(format!("0x{}", hex::encode(address)))
}

/// What proofs are bound to, if it can be read again.
fn round(args: &Args, project: &Project) -> Result<Round, Error> {
    let round = Round {
        chain_id: args.chain_id,
        contract: args.contract.clone(),
        domain: args.domain,
        round: args.round,
        prover: args.prover.clone().map_or_else(random_address, Ok)?,
        nonce: args.nonce.clone(),
    };
    let read = round.binding().and(round.nonce());
    read.map_err(|e| zktrain_project::project::settings(&project.round_path(), e))?;
    Ok(round)
}

fn held_out(args: &Args) -> Result<f64, Error> {
    let share = args.held_out;
    if (0.0..1.0).contains(&share) {
        return Ok(share);
    }
    let expected = "a share from 0 to below 1";
    Err(plan::value("--held-out", expected, &share.to_string()))
}

fn write_genesis(project: &Project, network: &Network, seed: u64) -> Result<(), Error> {
    let path = project.genesis_path();
    let model = initial_parameters(network, seed);
    let bytes = to_int_safetensors(network, &model).map_err(|source| {
        Error::Project(ProjectError::Model { path: path.clone(), source: Box::new(source) })
    })?;
    Ok(files::write(&path, &bytes, Access::Public)?)
}

fn write_manifest(project: &Project, manifest: &Manifest) -> Result<(), Error> {
    let path = project.manifest_path();
    let text = manifest.to_toml().map_err(|source| {
        Error::Project(ProjectError::Manifest { path: path.clone(), source: Box::new(source) })
    })?;
    Ok(files::write(&path, text.as_bytes(), Access::Public)?)
}
