//! `zktrain bench`: one measured step, and the accuracy table.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use zktrain_model::manifest::Optimizer;
use zktrain_project::files::{self, Access};
use zktrain_trainer::accuracy::{Comparison, accuracy_table, to_markdown};
use zktrain_trainer::{Images, architecture};

use super::init::optimizer::OptimizerOption;
use super::plan::{images, parse_shape};
use crate::bench::{StepOptions, StepReport, step};
use crate::circuits::Compression;
use crate::error::{Error, OptionsError, ProjectError};
use crate::evm::grouped;
use crate::source::{BUNDLED, write_bundled};
use crate::ui::{Report, Ui, field, success};

/// What to measure.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// Prove and verify one window of synthetic data, stage by stage.
    Step(StepArgs),
    /// Compare integer training with double precision, on all bundled data and on MNIST.
    Accuracy(AccuracyArgs),
}

/// Options of `zktrain bench step`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  zktrain bench step --shape 784-128-10 --batch 32 --steps 1 --json\n  \
    zktrain bench step --preset vgg11 --batch 16 --compress halo2"
)]
pub struct StepArgs {
    /// A network with a name, of ten classes: lenet, vgg11, resnet, resnet18 or transformer.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["shape", "image", "layer"])]
    pub preset: Option<String>,
    /// Layer widths, input first.
    #[arg(long, default_value = "784-128-10")]
    pub shape: String,
    /// Height, width and channels of the input, in place of the first width: 28x28x1.
    #[arg(long, value_name = "HxWxC")]
    pub image: Option<String>,
    /// A layer over the image, before the others: conv:8:5:1:2 (channels, kernel, stride, padding; the last two can be left
    /// out), depthwise:3:1:1, norm, layer-norm, rms-norm, scale, max:2, avg:2, avg, positions, or a transformer's block:64:4 (channels
    /// and heads) or causal-block:64:4; once for each.
    #[arg(long, value_name = "LAYER", requires = "image")]
    pub layer: Vec<String>,
    /// Samples in a batch, a power of two.
    #[arg(long, default_value_t = 32)]
    pub batch: usize,
    /// Steps that one proof covers, a power of two.
    #[arg(long, default_value_t = 1)]
    pub steps: usize,
    /// How parameters change; sgd without it.
    #[arg(long)]
    pub optimizer: Option<OptimizerOption>,
    /// Proofs made; medians are reported.
    #[arg(long, default_value_t = 3)]
    pub runs: usize,
    /// Rows of 2^C entries instead of the manifest's choice.
    #[arg(long, value_name = "C")]
    pub row_log: Option<u32>,
    /// Systems to compress with, the first one for the figures in front; `none` for none.
    #[arg(
        long,
        value_name = "SYSTEM",
        value_enum,
        value_delimiter = ',',
        default_value = "halo2,groth16"
    )]
    pub compress: Vec<Compression>,
}

/// Options of `zktrain bench accuracy`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  zktrain bench accuracy --mnist ~/mnist --convolutions -o docs/accuracy.md --force"
)]
pub struct AccuracyArgs {
    /// Folder of MNIST's four gzipped IDX files; MNIST is left out without it.
    #[arg(long, value_name = "DIR", env = "ZKTRAIN_MNIST_DIR")]
    pub mnist: Option<PathBuf>,
    /// A text on which to train a transformer, which takes long too; left out without it.
    #[arg(long, value_name = "FILE")]
    pub text: Option<PathBuf>,
    /// Also train convolutional networks on MNIST, which takes much longer than all the rest.
    #[arg(long, requires = "mnist")]
    pub convolutions: bool,
    /// The page to write.
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write the page over another file that is there.
    #[arg(long, requires = "out")]
    pub force: bool,
}

/// The accuracy table.
#[derive(Clone, Debug, Serialize)]
pub struct AccuracyReport {
    /// One entry a dataset.
    pub lines: Vec<Comparison>,
    /// The page written, if one was.
    #[serde(serialize_with = "crate::ui::tell")]
    pub page: Option<PathBuf>,
    /// Whether MNIST was left out.
    pub without_mnist: bool,
}

impl Report for StepReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let what = format!("{}, batch {}, {} steps a proof", self.shape, self.batch, self.steps);
        success(out, format!("{what}; medians of {} runs, {} threads", self.runs, self.threads))?;
        let seconds = |x: f64| format!("{x:.3} s");
        field(out, "train", seconds(self.train_s))?;
        field(
            out,
            "prove",
            format!("{}, {} a step", seconds(self.prove_s), seconds(self.prove_s_per_step)),
        )?;
        field(out, "  witness", seconds(self.witness_s))?;
        field(out, "  commit", seconds(self.commit_s))?;
        field(out, "  sumcheck", seconds(self.sumcheck_s))?;
        field(out, "  lookup", seconds(self.lookup_s))?;
        field(out, "  open", seconds(self.open_s))?;
        field(
            out,
            "commit floor",
            format!(
                "{} (prove ÷ floor {:.1})",
                seconds(self.commit_floor_s),
                self.prove_over_floor
            ),
        )?;
        for c in &self.compressed {
            let gas = c
                .gas
                .map_or("not checkable on chain".into(), |gas| format!("{} gas", grouped(gas)));
            let size = format!("{} bytes, {gas}", c.proof_bytes);
            let times = format!("{:.3} s, verified in {:.1} ms", c.compress_s, c.verify_ms);
            field(out, c.system, format!("{times}, {size}"))?;
            let circuit = format!("2^{:.1} rows or constraints", (c.circuit as f64).log2());
            field(out, "  circuit", format!("{circuit}, keys in {:.1} s", c.key_s))?;
        }
        field(
            out,
            "total",
            format!("{:.3} s, {:.3} s a step", self.total_s, self.total_s_per_step),
        )?;
        let plain =
            format!("{} bytes, verified in {:.1} ms", self.plain_proof_bytes, self.plain_verify_ms);
        field(out, "uncompressed", plain)?;
        field(
            out,
            "committed",
            format!("{} entries (padding × {:.2})", self.committed_entries, self.padding),
        )?;
        field(out, "peak memory", format!("{:.0} MB", self.peak_rss_mb))
    }
}

impl Report for AccuracyReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for line in &self.lines {
            let (integer, float) = (100.0 * line.integer, 100.0 * line.float);
            let difference = line.difference();
            writeln!(
                out,
                "  {:<14} {:<12} integers {integer:.2} %  double {float:.2} %  {difference:+.2} points",
                line.name, line.shape
            )?;
        }
        if self.without_mnist {
            writeln!(out, "  MNIST was left out: name its folder with --mnist")?;
        }
        match &self.page {
            Some(page) => field(out, "page", page.display()),
            None => Ok(()),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// If the shape is not supported, memory does not suffice or data are missing.
pub fn run(command: &Command, ui: &Ui) -> Result<(), Error> {
    match command {
        Command::Step(args) => {
            let mut options = StepOptions {
                image: image(args)?,
                by_position: false,
                optimizer: None,
                shape: parse_shape(&args.shape)?,
                batch: args.batch,
                steps: args.steps,
                runs: args.runs,
                row_log: args.row_log,
                systems: args.compress.iter().filter_map(|c| c.system()).collect(),
            };
            if let Some(name) = &args.preset {
                take(&mut options, name)?;
            }
            if let Some(OptimizerOption::Adam) = args.optimizer {
                options.optimizer = Some(Optimizer::adam(0.001));
            }
            ui.report(&step(&options).map_err(Box::new)?)
        }
        Command::Accuracy(args) => ui.report(&accuracy(args, ui)?),
    }
}

/// Measures a network that has a name.
fn take(options: &mut StepOptions, name: &str) -> Result<(), Error> {
    let unknown = || OptionsError::Architecture { got: name.to_owned() };
    let network = architecture(name).ok_or_else(unknown)?;
    let input = network.images.image.iter().product();
    options.shape = [input].into_iter().chain(network.hidden).chain([10]).collect();
    options.by_position = network.by_position;
    options.image = Some(network.images);
    options.optimizer = Some(Optimizer::sgd(network.learning_rate));
    Ok(())
}

/// The image and the layers over it that are asked for.
fn image(args: &StepArgs) -> Result<Option<Images>, Error> {
    let Some(image) = &args.image else { return Ok(None) };
    let (image, layers) = (images::image(image)?, images::layers(&args.layer)?);
    Ok(Some(Images { image, layers }))
}

fn accuracy(args: &AccuracyArgs, ui: &Ui) -> Result<AccuracyReport, Error> {
    if let Some(page) = &args.out {
        files::free(page, args.force, files::OVERWRITE)?;
    }
    let temporary =
        |source| Error::Project(ProjectError::File { path: std::env::temp_dir(), source });
    let folder = tempfile::tempdir().map_err(temporary)?;
    for (name, _) in BUNDLED {
        write_bundled(folder.path(), name)?;
    }
    if args.mnist.is_none() {
        ui.warn("MNIST is left out: name the folder of its files with --mnist");
    }
    let tell = |what: &str| ui.say(&format!("training {what}"));
    let (mnist, text) = (args.mnist.as_deref(), args.text.as_deref());
    let lines = accuracy_table(folder.path(), mnist, text, args.convolutions, tell);
    let lines = lines.map_err(Box::new)?;
    if let Some(page) = &args.out {
        files::write(page, to_markdown(&lines).as_bytes(), Access::Public)?;
    }
    Ok(AccuracyReport { lines, page: args.out.clone(), without_mnist: args.mnist.is_none() })
}
