//! `zktrain train`: integer training in the drawn order, and the model's export.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use zktrain_model::manifest::Network;
use zktrain_model::trace::Parameters;
use zktrain_project::data::{registered, rules};
use zktrain_project::files::{self, Access};
use zktrain_project::project::{ModelOpeningFile, Project, Trained, read_json, write_json};
use zktrain_project::session::{Session, read_genesis};
use zktrain_trainer::dataset::Dataset;
use zktrain_trainer::export::{to_float_safetensors, to_int_safetensors};
use zktrain_trainer::replay::Replay;
use zktrain_trainer::{History, Metrics, evaluate, window_metrics};

use crate::error::{Error, OptionsError, ProjectError};
use crate::ui::{Report, Ui, field, percent, success};

/// Options of `zktrain train`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  zktrain train cancer --epochs 5\n  zktrain train cancer --steps 64\n\n\
    Training is deterministic and starts from the first model every time: training\n\
    longer continues what was trained, and the proofs made so far stay valid."
)]
pub struct Args {
    /// The project's directory.
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Times that every window is visited.
    #[arg(long, default_value_t = 1, conflicts_with = "steps")]
    pub epochs: usize,
    /// Optimizer steps instead of epochs, a multiple of the steps a proof.
    #[arg(long)]
    pub steps: Option<usize>,
}

/// Metrics at the end of an epoch.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Epoch {
    /// Epochs trained; 0 for the first model.
    pub epoch: usize,
    /// Optimizer steps trained.
    pub steps: usize,
    /// On the rows trained on.
    pub train: Metrics,
    /// On the rows held out, if there are any.
    pub held_out: Option<Metrics>,
}

/// What `zktrain train` did.
#[derive(Clone, Debug, Serialize)]
pub struct TrainReport {
    /// Optimizer steps.
    pub steps: usize,
    /// Windows, one proof each.
    pub windows: usize,
    /// Metrics before training and after every epoch.
    pub epochs: Vec<Epoch>,
    /// Seconds of training.
    pub train_s: f64,
    /// The model as real numbers.
    #[serde(serialize_with = "crate::ui::tell")]
    pub model: PathBuf,
    /// The model as integers.
    #[serde(serialize_with = "crate::ui::tell")]
    pub model_int: PathBuf,
    /// The loss curve.
    #[serde(serialize_with = "crate::ui::tell")]
    pub curve: PathBuf,
    /// Loss and accuracy over time.
    #[serde(serialize_with = "crate::ui::tell")]
    pub history: PathBuf,
}

impl Report for TrainReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let done = format!("{} steps in {} windows", self.steps, self.windows);
        success(out, format!("{done}, {:.2} s", self.train_s))?;
        print_epochs(out, &self.epochs)?;
        field(out, "model", format!("{}, {}", self.model.display(), self.model_int.display()))?;
        field(out, "loss curve", self.curve.display())?;
        field(out, "history", self.history.display())
    }
}

/// A table of epochs.
///
/// # Errors
/// If the output does not take it.
pub fn print_epochs(out: &mut dyn Write, epochs: &[Epoch]) -> std::io::Result<()> {
    writeln!(out, "  epoch  steps    loss  accuracy  held-out loss  held-out accuracy")?;
    for epoch in epochs {
        let accuracy = |m: Metrics| m.accuracy.map_or("–".into(), percent);
        let held_out = epoch
            .held_out
            .map_or(["–".into(), "–".into()], |m| [format!("{:.4}", m.loss), accuracy(m)]);
        let [loss, share] = held_out;
        let (train, steps) = (epoch.train, epoch.steps);
        writeln!(
            out,
            "  {:>5}  {steps:>5}  {:.4}  {:>8}  {loss:>13}  {share:>17}",
            epoch.epoch,
            train.loss,
            accuracy(train)
        )?;
    }
    Ok(())
}

/// Trains.
///
/// # Errors
/// If the data are not registered or training is refused.
pub fn run(args: &Args, ui: &Ui) -> Result<TrainReport, Error> {
    let project = Project::new(&args.dir);
    let _lock = project.lock()?;
    let session = Session::to_train(&project, ui)?;
    let network = session.network();
    let (train, held_out, secret) = registered(&project, &session)?;
    let rules = rules(&project, &session, &secret)?;
    let windows = windows(args, network, &train)?;
    let genesis = read_genesis(&project.genesis_path(), network)?;
    let started = std::time::Instant::now();
    let mut replay = Replay::new(network, &train, rules.nonce, genesis)?;
    let (history, epochs) = learn(&mut replay, windows, [&train, &held_out], ui)?;
    let train_s = started.elapsed().as_secs_f64();
    export(&project, network, replay.model())?;
    write_json(&project.history_path(), &history)?;
    let svg = history.to_svg(&session.manifest.name)?;
    files::write(&project.curve_path(), svg.as_bytes(), Access::Public)?;
    let steps = windows * network.steps;
    let opened =
        read_json::<ModelOpeningFile>(&project.opening_path(), "").map(|opening| opening.proofs);
    if opened.ok() != Some(windows) {
        // It opens a model that was trained for longer or shorter.
        files::remove(&project.opening_path())?;
    }
    write_json(&project.trained_path(), &Trained { windows, steps })?;
    Ok(TrainReport {
        steps,
        windows,
        epochs,
        train_s,
        model: project.float_model_path(),
        model_int: project.model_path(),
        curve: project.curve_path(),
        history: project.history_path(),
    })
}

/// Windows to train on.
fn windows(args: &Args, network: &Network, train: &Dataset) -> Result<usize, Error> {
    let windows = match args.steps {
        None => args.epochs.saturating_mul(train.windows(network)),
        Some(steps) if steps % network.steps == 0 => steps / network.steps,
        Some(steps) => {
            let expected = "a multiple of the manifest's training.steps_per_proof";
            let got = steps.to_string();
            return Err(OptionsError::Value { option: "--steps", expected, got }.into());
        }
    };
    let (expected, got) = (network.max_steps, windows.saturating_mul(network.steps));
    if got > expected {
        return Err(Error::TooManySteps { expected, got });
    }
    if windows == 0 {
        return Err(OptionsError::Value {
            option: if args.steps.is_some() { "--steps" } else { "--epochs" },
            expected: "at least one",
            got: "0".into(),
        }
        .into());
    }
    Ok(windows)
}

fn learn(
    replay: &mut Replay<'_>,
    windows: usize,
    data: [&Dataset; 2],
    ui: &Ui,
) -> Result<(History, Vec<Epoch>), Error> {
    let network = replay.trainer().network().clone();
    let per_epoch = data[0].windows(&network);
    let (mut history, mut epochs) = (History::default(), Vec::new());
    let bar = ui.bar(windows as u64, "train");
    for index in 0..windows {
        if index % per_epoch == 0 {
            epochs.push(epoch(replay, index / per_epoch, index * network.steps, data)?);
        }
        let (_, trace) = replay.next_window()?;
        let metrics = window_metrics(&network, &trace);
        history.push(index * network.steps, metrics);
        let accuracy = metrics.accuracy.map(|a| format!(", accuracy {}", percent(a)));
        bar.set_message(format!("loss {:.4}{}", metrics.loss, accuracy.unwrap_or_default()));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let last = windows.div_ceil(per_epoch);
    epochs.push(epoch(replay, last, windows * network.steps, data)?);
    for epoch in &epochs {
        if let Some(metrics) = epoch.held_out {
            history.push_held_out(epoch.steps, metrics);
        }
    }
    Ok((history, epochs))
}

fn epoch(
    replay: &Replay<'_>,
    epoch: usize,
    steps: usize,
    [train, held_out]: [&Dataset; 2],
) -> Result<Epoch, Error> {
    let metrics = |data| evaluate(replay.trainer(), replay.model(), data);
    let held_out = (held_out.rows() > 0).then(|| metrics(held_out)).transpose()?;
    Ok(Epoch { epoch, steps, train: metrics(train)?, held_out })
}

fn export(project: &Project, network: &Network, model: &Parameters) -> Result<(), Error> {
    let files = [
        (project.float_model_path(), to_float_safetensors(network, model)),
        (project.model_path(), to_int_safetensors(network, model)),
    ];
    for (path, bytes) in files {
        let refused = |source| {
            Error::Project(ProjectError::Model { path: path.clone(), source: Box::new(source) })
        };
        files::write(&path, &bytes.map_err(refused)?, Access::Public)?;
    }
    Ok(())
}
