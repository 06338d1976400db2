//! The document's sections about our own proofs.

use super::markdown::{count, number, ratio, table};
use crate::record::{Figures, Record};
use crate::targets::{Bound, LARGE, Measured, Notes, SMALL, Target};

/// Title, machine and method.
pub(super) fn head(records: &[Record]) -> String {
    let mut text = String::from(
        "# Benchmarks\n\n\
        Written by `cargo run --release -p zktrain-benches --bin table`; do not edit.\n\n",
    );
    for record in records {
        if let Record::Machine(m) = record {
            text += &format!(
                "Measured on {} with {} ({}, {} logical cores used, {:.0} GB of memory; {}) and {}.\n\n",
                m.date,
                m.cpu,
                m.system,
                m.cores,
                m.memory_mb as f64 / 1024.0,
                m.extensions.join(", "),
                m.rustc,
            );
        }
    }
    text += &loads(records);
    text += "\
        Every case runs in a process of its own on synthetic data: a network of the given widths \
        with ReLU between its layers and softmax cross-entropy at its end, biases included, `T` \
        steps of batch `B` in one proof. Times are medians over the runs. *Prove* is everything \
        from the finished trace to the finished proof; integer training is beside it. *Memory* is \
        the process's peak of resident memory, the reference string included, in MB of 2^20 bytes. \
        The *floor* is the time of a bare multi-scalar multiplication over the entries that the \
        proof commits to, measured once in the same process. What is proven and verified is the \
        uncompressed argument, which reveals evaluations of the witness and is not for sending.\n";
    text
}

/// A sentence about other work on the machine, since times mean nothing without it.
fn loads(records: &[Record]) -> String {
    let loads = records.iter().filter_map(|record| match record {
        Record::Step { load, .. } => Some(*load),
        Record::Machine(_) | Record::Refused { .. } | Record::Failed { .. } => None,
    });
    let mut loads: Vec<f64> = loads.collect();
    loads.sort_by(f64::total_cmp);
    match loads.first() {
        Some(least) => format!(
            "The lowest load average at the start of a case was {least:.1}; later cases start with \
            the load of those before them.\n\n"
        ),
        None => String::new(),
    }
}

/// The targets, and a profile of the steps that they are about.
pub(super) fn targets(measured: &Measured, notes: &Notes) -> String {
    let targets = measured.targets();
    let rows: Vec<Vec<String>> = targets.iter().map(target_row).collect();
    let mut text = String::from("## Targets\n\n");
    text += &table(&["", "target", "measured", "reached"], &rows);
    for shape in [SMALL, LARGE] {
        if let Some(figures) = measured.find(shape, 1) {
            text += &format!("\n{}\n", profile(figures));
        }
    }
    for target in &targets {
        if let Some(note) = notes.get(target.id) {
            text += &format!("\n*{}*: {note}\n", target.what);
        }
    }
    text
}

fn target_row(target: &Target) -> Vec<String> {
    let side = match target.bound {
        Bound::AtMost => "≤",
        Bound::AtLeast => "≥",
    };
    let shown = |value: f64| match target.unit {
        "" => ratio(value),
        unit => number(value) + unit,
    };
    let measured = target.measured.map_or_else(|| "not measured".into(), shown);
    let reached = match target.reached() {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "–",
    };
    let limit = format!("{side} {}{}", target.limit, target.unit);
    vec![target.what.clone(), limit, measured, reached.into()]
}

/// Where the time of a proof goes, largest share first.
fn profile(figures: &Figures) -> String {
    let mut stages = figures.stages();
    stages.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shares: Vec<String> = stages
        .iter()
        .map(|(name, s)| format!("{name} {:.0} %", 100.0 * s / figures.prove_s))
        .collect();
    format!(
        "Where the {} s of {} go: {}.",
        number(figures.prove_s),
        figures.shape,
        shares.join(", ")
    )
}

fn name(figures: &Figures) -> String {
    format!("{}, B {}", figures.shape, figures.batch)
}

/// Time and memory.
pub(super) fn steps(cases: &[&Figures]) -> String {
    if cases.is_empty() {
        return String::new();
    }
    let one = |f: &Figures| {
        let same = |c: &&&Figures| c.shape == f.shape && c.batch == f.batch && c.steps == 1;
        cases.iter().find(same).map(|c| c.prove_per_step())
    };
    let row = |f: &&Figures| {
        vec![
            name(f),
            f.steps.to_string(),
            number(f.prove_s),
            number(f.prove_per_step()),
            one(f).map_or_else(|| "–".into(), |one| ratio(f.prove_per_step() / one)),
            number(f.verify_ms),
            number(f.peak_rss_mb),
            number(f.commit_floor_s),
            ratio(f.over_floor()),
        ]
    };
    let header = [
        "network",
        "T",
        "prove s",
        "a step s",
        "÷ T = 1",
        "verify ms",
        "memory MB",
        "floor s",
        "prove ÷ floor",
    ];
    let rows: Vec<Vec<String>> = cases.iter().map(row).collect();
    format!("## Steps\n\n{}", table(&header, &rows))
}

/// Times of the stages.
pub(super) fn stages(cases: &[&Figures]) -> String {
    if cases.is_empty() {
        return String::new();
    }
    let row = |f: &&Figures| {
        let mut cells = vec![name(f), f.steps.to_string(), number(f.train_s)];
        cells.extend(f.stages().iter().map(|(_, s)| number(*s)));
        cells
    };
    let rows: Vec<Vec<String>> = cases.iter().map(row).collect();
    let header = [
        "network",
        "T",
        "train",
        "witness",
        "commit",
        "sumchecks",
        "lookups",
        "mask and opening",
        "the rest",
    ];
    format!("## Stages, seconds\n\n{}", table(&header, &rows))
}

pub(super) fn sizes(cases: &[&Figures]) -> String {
    if cases.is_empty() {
        return String::new();
    }
    let row = |f: &&Figures| {
        vec![
            name(f),
            f.steps.to_string(),
            count(f.parameters),
            count(f.committed_entries),
            ratio(f.padding()),
            f.row_log.to_string(),
            f.rows.to_string(),
            count(f.sheet()),
            count(f.argument_elements),
            count(f.proof_bytes),
        ]
    };
    let header = [
        "network",
        "T",
        "parameters",
        "entries",
        "padding",
        "log row",
        "rows",
        "sheet",
        "elements",
        "proof bytes",
    ];
    let rows: Vec<Vec<String>> = cases.iter().map(row).collect();
    format!(
        "## Sizes\n\n{}\n\
        *Entries* are the real cells that a proof commits to, *padding* the stored ones over them: \
        powers of two inside tensors. *Rows* of 2^*log row* entries count those of the data, the \
        parameters and the tables too, and *sheet* is their room, with the empty ends of rows, \
        which cost no group operation. *Elements* are the field elements of the argument.\n",
        table(&header, &rows)
    )
}

/// Cases without figures.
pub(super) fn absent(records: &[Record]) -> String {
    let mut text = String::new();
    for record in records {
        match record {
            Record::Refused { case, needed_mb, available_mb } => {
                text += &format!(
                    "- {case}: refused before proving, needs {needed_mb} MB and {available_mb} MB were free.\n"
                );
            }
            Record::Failed { case, reason } => text += &format!("- {case}: ended with {reason}.\n"),
            Record::Machine(_) | Record::Step { .. } => {}
        }
    }
    if text.is_empty() { text } else { format!("Not measured:\n\n{text}") }
}

/// The sweep of row lengths.
pub(super) fn row_lengths(cases: &[&Figures]) -> String {
    let Some(first) = cases.first() else {
        return String::new();
    };
    let row = |f: &&Figures| {
        vec![
            f.row_log.to_string(),
            f.rows.to_string(),
            number(f.prove_s),
            number(f.commit_s),
            number(f.open_s),
            number(f.verify_ms),
            number(f.peak_rss_mb),
            ratio(f.padding()),
            count(f.proof_bytes),
        ]
    };
    let header = [
        "log row",
        "rows",
        "prove s",
        "commit s",
        "mask and opening s",
        "verify ms",
        "memory MB",
        "padding",
        "proof bytes",
    ];
    let rows: Vec<Vec<String>> = cases.iter().map(row).collect();
    format!(
        "## Row length\n\n{}, one step. Short rows make the opening cheap; each row is one more \
        commitment for a contract to combine.\n\n{}",
        name(first),
        table(&header, &rows)
    )
}

/// The scaling curve.
pub(super) fn scaling(measured: &Measured, records: &[Record]) -> String {
    let cases = measured.scaling;
    if cases.is_empty() {
        return String::new();
    }
    let row = |f: &&Figures| {
        vec![
            name(f),
            count(f.parameters),
            count(f.committed_entries),
            number(f.prove_s),
            number(f.commit_floor_s),
            ratio(f.over_floor()),
            number(f.ns_per_entry()),
            ratio(f.padding()),
            number(f.peak_rss_mb),
        ]
    };
    let header = [
        "network",
        "parameters",
        "entries",
        "prove s",
        "floor s",
        "prove ÷ floor",
        "ns an entry",
        "padding",
        "memory MB",
    ];
    let rows: Vec<Vec<String>> = cases.iter().map(row).collect();
    let growth = measured.growth().map_or_else(String::new, |growth| {
        format!(
            " From 10⁵ parameters on, the largest time for a committed entry is {} times the \
            smallest.",
            ratio(growth)
        )
    });
    format!(
        "## Scaling\n\n![Proving time, memory and time a committed entry over the parameters]\
        (images/scaling.svg)\n\nOne step, {} run{} each.{growth} A width is stored as the next power of \
        two, so that a width just above one nearly doubles its matrix: *padding* says by how much. \
        Large widths are powers of two here, to show growth alone.\n\n{}{}",
        cases[0].runs,
        if cases[0].runs == 1 { "" } else { "s" },
        table(&header, &rows),
        absent(records),
    )
}

/// The commands.
pub(super) fn repeat() -> String {
    "## How to repeat this\n\n\
    ```sh\n\
    sh scripts/peer-ezkl.sh results/peer-ezkl.jsonl b0 c0 d0\n\
    cargo run --release -p zktrain-benches --bin scaling -- -o docs/images/scaling.svg --json results/scaling.jsonl\n\
    cargo run --release -p zktrain-benches --bin table -- --runs 3 -o docs/benchmarks.md \\\n    \
        --json results/benchmarks.jsonl --scaling results/scaling.jsonl \\\n    \
        --peer results/peer-ezkl.jsonl --notes benches/notes.toml\n\
    cargo bench -p zktrain-benches\n\
    ```\n\n\
    The peer takes about half an hour and 12 GB for its largest shape; both others some minutes. \
    `table --from results/benchmarks.jsonl` writes this page again without measuring, and `zktrain \
    bench step` measures a single case. The last command times the kernels.\n"
        .to_owned()
}
