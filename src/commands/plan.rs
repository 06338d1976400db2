//! What `zktrain init` decides before it writes anything: a calibrated manifest, and
//! which data it will train on.

pub(super) mod images;
mod own;
mod words;

use std::path::{Path, PathBuf};

use zktrain_model::manifest::{Loss, MAX_SIDE, Manifest};
use zktrain_trainer::dataset::{Scaled, Source, Table, parse_csv};
use zktrain_trainer::preset::{Preset, preset};
use zktrain_trainer::{ClassWeights, DraftOptions, Images, Scaling, calibrate, draft, synthetic};

use super::init::{Args, LossOption};
use crate::error::{Error, OptionsError, ProjectError};
use crate::source;
use crate::ui::Ui;

/// What a project starts with.
pub(super) struct Plan {
    pub(super) manifest: Manifest,
    /// The owner's data, absolute or relative to the project.
    pub(super) data: PathBuf,
    pub(super) labels: Option<PathBuf>,
    /// The bundled file that the project gets a copy of.
    pub(super) bundled: Option<&'static str>,
    /// What the scales come from, for people.
    pub(super) calibrated_on: String,
    /// Columns of the data that the model does not use.
    pub(super) left_out: Vec<String>,
}

/// Batches of synthetic data that calibration sees.
const SYNTHETIC_BATCHES: usize = 8;

pub(super) fn make(args: &Args, ui: &Ui) -> Result<Plan, Error> {
    let preset = args
        .preset
        .as_deref()
        .map(|name| preset(name).ok_or_else(|| OptionsError::Preset { got: name.to_owned() }));
    let preset = preset.transpose()?;
    let own = own_data(args, preset.as_ref())?;
    let given =
        args.manifest.as_deref().map(zktrain_project::project::read_manifest).transpose()?;
    let (manifest, calibrated_on) = match given {
        Some(manifest) => complete(args, manifest)?,
        None => drafted(args, preset.as_ref(), &own, ui)?,
    };
    // The data of a preset are what it was drafted on.
    let left_out = match args.data {
        Some(_) => own::check(args, &own, &manifest, ui)?,
        None if args.ignore.is_empty() => Vec::new(),
        None => {
            return Err(Error::Argument {
                why: "--ignore is about --data, which is missing".into(),
            });
        }
    };
    let Files { data, labels, bundled } = own;
    Ok(Plan {
        manifest,
        data: if bundled.is_some() { data } else { absolute(&data)? },
        labels: labels.map(|path| absolute(&path)).transpose()?,
        bundled,
        calibrated_on,
        left_out,
    })
}

/// Files of a dataset.
#[derive(Clone)]
struct Files {
    data: PathBuf,
    labels: Option<PathBuf>,
    /// The name of a file that comes with the program, and is in no folder yet.
    bundled: Option<&'static str>,
}

impl Files {
    fn new(data: PathBuf, labels: Option<PathBuf>) -> Self {
        Self { data, labels, bundled: None }
    }

    /// Reads public data to choose scales on.
    fn read_public(&self, args: &Args, label: &str) -> Result<Table, Error> {
        if let Some(text) = self.bundled.and_then(source::bundled) {
            return Ok(parse_csv(&self.data, text, label, &args.ignore)?);
        }
        let files = source::public(&self.data, self.labels.as_deref())?;
        let files = files.with_positions(positions(args));
        Ok(files.read_without(label, &args.ignore)?)
    }
}

fn own_data(args: &Args, preset: Option<&Preset>) -> Result<Files, Error> {
    match (&args.data, preset) {
        (Some(data), _) => Ok(Files::new(data.clone(), args.labels.clone())),
        (None, Some(preset)) if preset.text => Err(OptionsError::Required {
            option: "--data",
            when: "with a preset on a text, which is not bundled",
            hint: "name your text: `--data mine.txt --calibrate-on public.txt`",
        }
        .into()),
        (None, Some(preset)) => preset_data(args, preset),
        (None, None) => Err(OptionsError::Required {
            option: "--data or --preset",
            when: "to make a project",
            hint: "name your data: `--data FILE --label COLUMN`, or take `--preset breast-cancer`",
        }
        .into()),
    }
}

/// The preset's public data: bundled, and then copied to the project, or MNIST.
fn preset_data(args: &Args, preset: &Preset) -> Result<Files, Error> {
    if let Some(name) = preset.file {
        return Ok(Files { data: name.into(), labels: None, bundled: Some(name) });
    }
    let folder = args.mnist.as_deref().ok_or(OptionsError::Required {
        option: "--mnist",
        when: "with a preset on MNIST, which is not bundled",
        hint: "name the folder of MNIST's four gzipped IDX files: `--mnist DIR`",
    })?;
    let file = |part: &str| folder.join(format!("mnist-train-{part}-ubyte.gz"));
    Ok(Files::new(file("images-idx3"), Some(file("labels-idx1"))))
}

/// A manifest from a file, calibrated unless it already is.
fn complete(args: &Args, manifest: Manifest) -> Result<(Manifest, String), Error> {
    if manifest.quantization.is_some() {
        return Ok((manifest, "the manifest given".into()));
    }
    let (sample, name) = match public_files(args)? {
        Some(files) => {
            let table = source::public(&files.data, files.labels.as_deref())?;
            (table.read_for(&manifest.data)?.scaled(&manifest)?, files.data.display().to_string())
        }
        None => (synthetic_sample(args, &manifest)?, "synthetic data".into()),
    };
    Ok((calibrate(&manifest, &sample, args.seed)?, name))
}

/// A manifest drafted from options, and calibrated.
fn drafted(
    args: &Args,
    preset: Option<&Preset>,
    own: &Files,
    ui: &Ui,
) -> Result<(Manifest, String), Error> {
    let options = options(args, preset)?;
    // A preset's own data are public, unless they were replaced.
    let public = match (&args.calibrate_on, preset, &args.data) {
        (None, Some(_), None) => Some(own.clone()),
        (None, Some(preset), Some(_)) if !preset.text => Some(preset_data(args, preset)?),
        _ => public_files(args)?,
    };
    if let Some(files) = public {
        let name = files.data.display().to_string();
        ui.say(&format!("choosing scales on {name}, which must be public data"));
        let table = files.read_public(args, &options.label)?;
        let manifest = shaped(args, draft(&table, &options)?)?;
        words::warn_of_classes(&manifest, &table, ui);
        let sample = table.scaled(&manifest)?;
        let calibrated = calibrate(&manifest, &sample, args.seed);
        return Ok((calibrated.map_err(words::by_option)?, name));
    }
    let header = header(args, own, &options)?;
    let manifest = shaped(args, draft(&header, &options)?)?;
    manifest.validate().map_err(|error| words::by_option(error.into()))?;
    let sample = synthetic_sample(args, &manifest)?;
    let calibrated = calibrate(&manifest, &sample, args.seed);
    Ok((calibrated.map_err(words::by_option)?, "synthetic data".into()))
}

/// The public calibration files; `None` for synthetic data.
fn public_files(args: &Args) -> Result<Option<Files>, Error> {
    let path = args.calibrate_on.as_ref().ok_or(OptionsError::Required {
        option: "--calibrate-on",
        when: "because scales are public and must not come from private data",
        hint: "name public data of the same columns: `--calibrate-on FILE`, or use \
               `--calibrate-on synthetic`",
    })?;
    if path.as_os_str() == "synthetic" {
        return Ok(None);
    }
    let labels = args.calibrate_labels.clone();
    Ok(Some(Files::new(path.clone(), labels)))
}

fn synthetic_sample(args: &Args, manifest: &Manifest) -> Result<Scaled, Error> {
    let refused = |source| {
        Error::Project(ProjectError::Manifest {
            path: args.manifest.clone().unwrap_or_else(|| "manifest.toml".into()),
            source: Box::new(source),
        })
    };
    let rows = SYNTHETIC_BATCHES * manifest.training.batch;
    synthetic::samples(manifest, rows, args.seed).map_err(refused)
}

/// Column names of the owner's file and nothing else of it; classes from the options.
fn header(args: &Args, own: &Files, options: &DraftOptions) -> Result<Table, Error> {
    let files = zktrain_project::data::source(&own.data, own.labels.as_deref())?;
    if let Source::Text { .. } = files {
        return Err(OptionsError::Required {
            option: "--calibrate-on FILE",
            when: "with a text, whose characters must not come from private data",
            hint: "name a public text: `--calibrate-on public.txt`",
        }
        .into());
    }
    if args.classes.is_empty() && !options.regression {
        return Err(OptionsError::Required {
            option: "--classes",
            when: "with --calibrate-on synthetic, because labels are not read",
            hint: "name the classes: `--classes no,yes`",
        }
        .into());
    }
    if args.class_weights.as_deref() == Some("balanced") {
        let why = "--class-weights balanced counts public labels, and synthetic data have none";
        return Err(Error::Argument { why: why.into() });
    }
    if !options.regression && args.classes.windows(2).all(|pair| pair[0] == pair[1]) {
        return Err(value("--classes", "at least two names", &args.classes.join(",")));
    }
    let table = files.read_without(&options.label, &args.ignore)?;
    let labels =
        if options.regression { vec!["-1".into(), "1".into()] } else { args.classes.clone() };
    Ok(Table { features: Vec::new(), labels, ..table })
}

fn options(args: &Args, preset: Option<&Preset>) -> Result<DraftOptions, Error> {
    let mut options = preset.map_or_else(DraftOptions::default, |preset| preset.options.clone());
    if options.name.is_empty() {
        let stem = args.data.as_deref().and_then(Path::file_stem);
        options.name = stem.map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    }
    match (&args.label, preset) {
        (Some(label), _) => options.label.clone_from(label),
        (None, Some(_)) => {}
        (None, None) if args.labels.is_some() => "label".clone_into(&mut options.label),
        (None, None) if is_text(args) => "next".clone_into(&mut options.label),
        (None, None) => {
            return Err(OptionsError::Required {
                option: "--label",
                when: "with a CSV file",
                hint: "name the column to predict: `--label COLUMN`",
            }
            .into());
        }
    }
    if let Some(widths) = widths(args)? {
        options.hidden = widths.get(1..widths.len().max(2) - 1).unwrap_or_default().to_vec();
    }
    set(&mut options.hidden, args.hidden.clone());
    if let Some(image) = &args.image {
        let image = images::image(image)?;
        let layers = options.images.take().map_or(Vec::new(), |images| images.layers);
        options.images = Some(Images { image, layers });
    }
    if !args.layer.is_empty() {
        if is_text(args) {
            // Its channels are the text's characters, which are not read yet.
            options.images = Some(Images { image: [positions(args), 1, 1], layers: Vec::new() });
        }
        let images = options.images.as_mut().ok_or(OptionsError::Required {
            option: "--image",
            when: "with --layer",
            hint: "say what the columns are: `--image 28x28x1`",
        })?;
        images.layers = images::layers(&args.layer)?;
    }
    set(&mut options.activation, args.activation.map(Into::into));
    set(&mut options.loss, args.loss.map(Into::into));
    if args.regression {
        options.regression = true;
        // The one loss of a number: another one is refused.
        options.loss = squared(args.loss)?;
    }
    words::power_of_two("--steps-per-proof", args.steps_per_proof)?;
    of_texts(args)?;
    options.weighted |= args.every_row;
    if let Some(weights) = &args.class_weights {
        options.class_weights = Some(class_weights(weights)?);
    }
    options.optimizer = args.optimizer.apply(options.optimizer);
    set(&mut options.training.batch, args.batch);
    set(&mut options.training.steps_per_proof, args.steps_per_proof);
    set(&mut options.training.max_steps, args.max_steps);
    let synthetic = args.calibrate_on.as_deref() == Some(Path::new("synthetic"));
    if args.offset.is_some() || args.scale.is_some() || synthetic {
        let (offset, scale) = (args.offset.unwrap_or(0.0), args.scale.unwrap_or(1.0));
        options.scaling = Scaling::Uniform { offset, scale };
    }
    Ok(options)
}

/// Refuses options that have no meaning for the data that there are.
fn of_texts(args: &Args) -> Result<(), Error> {
    let wrong = |why: String| Err(Error::Argument { why });
    if let Some(got) = args.positions.filter(|got| !got.is_power_of_two() || *got > MAX_SIDE) {
        return wrong(format!("--positions: expected a power of two up to {MAX_SIDE}, got {got}"));
    }
    let text = is_text(args);
    if args.positions.is_some() && !text {
        return wrong("--positions is about texts, and --data is none (.txt)".into());
    }
    let given = [
        ("--hidden", args.hidden.is_some()),
        ("--shape", args.shape.is_some()),
        ("--classes", !args.classes.is_empty()),
        ("--class-weights", args.class_weights.is_some()),
        ("--regression", args.regression),
        ("--image", args.image.is_some()),
    ];
    match given.iter().find(|(_, given)| text && *given) {
        Some((option, _)) => wrong(format!("{option} has no meaning for a text")),
        None => Ok(()),
    }
}

/// Characters of a text's row.
fn positions(args: &Args) -> usize {
    args.positions.unwrap_or(64)
}

/// Whether the owner's data are a text.
fn is_text(args: &Args) -> bool {
    let named = args.data.as_deref().and_then(|data| zktrain_project::data::named(data, None));
    matches!(named, Some(Source::Text { .. }))
}

/// `balanced`, or numbers between commas.
fn class_weights(text: &str) -> Result<ClassWeights, Error> {
    if text == "balanced" {
        return Ok(ClassWeights::Balanced);
    }
    let weights: Option<Vec<f64>> = text.split(',').map(|weight| weight.parse().ok()).collect();
    let read = weights.map(ClassWeights::Each);
    read.ok_or_else(|| value("--class-weights", "balanced, or numbers like 1,0.25", text))
}

fn squared(given: Option<LossOption>) -> Result<Loss, Error> {
    match given {
        None | Some(LossOption::Mse) => Ok(Loss::Mse),
        Some(_) => Err(OptionsError::Required {
            option: "--loss mse",
            when: "with --regression, which predicts a number",
            hint: "leave --loss out, or leave --regression out to predict classes",
        }
        .into()),
    }
}

fn set<T>(place: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *place = value;
    }
}

/// The widths that `--shape` gives.
fn widths(args: &Args) -> Result<Option<Vec<usize>>, Error> {
    let Some(shape) = args.shape.as_deref() else { return Ok(None) };
    parse_shape(shape).map(Some)
}

/// Widths written as `30-16-2`.
pub(super) fn parse_shape(shape: &str) -> Result<Vec<usize>, Error> {
    let widths: Option<Vec<usize>> = shape.split('-').map(|w| w.parse().ok()).collect();
    widths
        .filter(|widths| widths.len() >= 2)
        .ok_or_else(|| value("--shape", "widths like 30-16-2", shape))
}

/// Checks that the ends of `--shape` are those of the data.
fn shaped(args: &Args, manifest: Manifest) -> Result<Manifest, Error> {
    let Some(widths) = widths(args)? else { return Ok(manifest) };
    let outputs = manifest.model.layers.last().and_then(|l| l.out).unwrap_or_default();
    let ends = [
        ("inputs", manifest.model.input, widths.first().copied()),
        ("outputs", outputs, widths.last().copied()),
    ];
    for (what, expected, got) in ends {
        let got = got.unwrap_or_default();
        if expected != got {
            return Err(OptionsError::Shape { what, expected, got }.into());
        }
    }
    Ok(manifest)
}

/// An option whose value cannot be read.
pub(super) fn value(option: &'static str, expected: &'static str, got: &str) -> Error {
    OptionsError::Value { option, expected, got: got.to_owned() }.into()
}

/// A path that stays right from every directory.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path)
        .map_err(|source| Error::Project(ProjectError::File { path: path.to_owned(), source }))
}
