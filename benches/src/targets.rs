//! The numbers to reach, and whether they are.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::peer::{Comparison, fastest};
use crate::record::Figures;
use crate::{Error, read};

/// The shape that most targets are about.
pub const SMALL: &str = "784-128-10";
/// The shape of a million parameters.
pub const LARGE: &str = "784-1024-256-10";

/// Which side of the bound is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// At most the bound.
    AtMost,
    /// At least the bound.
    AtLeast,
}

/// One target with its measurement.
#[derive(Clone, Debug)]
pub struct Target {
    /// Name in the file of notes.
    pub id: &'static str,
    /// What is bounded.
    pub what: String,
    /// The side.
    pub bound: Bound,
    /// The bound.
    pub limit: f64,
    /// Its unit, with a leading space where one belongs.
    pub unit: &'static str,
    /// The measurement, if there is one.
    pub measured: Option<f64>,
}

impl Target {
    /// Whether it is reached; nothing without a measurement.
    pub fn reached(&self) -> Option<bool> {
        self.measured.map(|value| match self.bound {
            Bound::AtMost => value <= self.limit,
            Bound::AtLeast => value >= self.limit,
        })
    }
}

/// Measurements that targets are computed from.
pub struct Measured<'a> {
    /// Those of the table.
    pub table: &'a [&'a Figures],
    /// Those of the scaling curve.
    pub scaling: &'a [&'a Figures],
    /// Those beside EZKL's.
    pub peers: &'a [Comparison<'a>],
}

impl Measured<'_> {
    /// The figures of a shape in the table.
    pub fn find(&self, shape: &str, steps: usize) -> Option<&Figures> {
        let found = self.table.iter().find(|f| f.shape == shape && f.steps == steps);
        found.copied()
    }

    /// Largest over smallest time for a committed entry, from 10⁵ parameters.
    pub fn growth(&self) -> Option<f64> {
        let large = self.scaling.iter().filter(|f| f.parameters >= 100_000);
        let times: Vec<f64> = large.map(|f| f.ns_per_entry()).collect();
        let least = times.iter().copied().reduce(f64::min)?;
        let most = times.iter().copied().reduce(f64::max)?;
        (times.len() > 1).then_some(most / least)
    }

    /// Time a step in a proof of 16 steps over that in a proof of one.
    pub fn amortization(&self, shape: &str) -> Option<f64> {
        let (one, many) = (self.find(shape, 1)?, self.find(shape, 16)?);
        Some(many.prove_per_step() / one.prove_per_step())
    }

    /// A peer's time for one step over ours in a compressed proof of 16.
    fn whole(&self, peer: Option<&Comparison<'_>>) -> Option<f64> {
        Some(peer?.peer.prove_s_median? / self.find(SMALL, 16)?.total_per_step())
    }

    pub fn targets(&self) -> Vec<Target> {
        [self.of_steps(), self.of_compression(), self.of_ratios()].concat()
    }

    /// Time and memory of one step.
    fn of_steps(&self) -> Vec<Target> {
        let small = |f: fn(&Figures) -> f64| self.find(SMALL, 1).map(f);
        let large = |f: fn(&Figures) -> f64| self.find(LARGE, 1).map(f);
        let prove = |shape| format!("prove one step, {shape}");
        let memory = |shape| format!("peak memory, {shape}");
        let (s, l) = (format!("{SMALL}, B 32"), format!("{LARGE}, B 64"));
        let verify = self.table.iter().map(|f| f.verify_ms).reduce(f64::max);
        let slowest = "verification, slowest case of the table".to_owned();
        vec![
            at_most("prove-small", prove(&s), 1.5, " s", small(|f| f.prove_s)),
            at_most("memory-small", memory(&s), 600.0, " MB", small(|f| f.peak_rss_mb)),
            at_most("prove-large", prove(&l), 8.0, " s", large(|f| f.prove_s)),
            at_most("memory-large", memory(&l), 3000.0, " MB", large(|f| f.peak_rss_mb)),
            at_most("verify", slowest, 50.0, " ms", verify),
        ]
    }

    /// Time, size and gas of compressed proofs of one step.
    fn of_compression(&self) -> Vec<Target> {
        let systems = [
            ("halo2", ["h-time", "h-bytes", "h-verify", "h-gas"], [3.0, 10_000.0, 15.0, 1e6]),
            ("groth16", ["g-time", "g-bytes", "g-verify", "g-gas"], [1.5, 6_000.0, 10.0, 750e3]),
        ];
        let of = |(system, ids, limits): (&str, [&'static str; 4], [f64; 4])| {
            let found = self.find(SMALL, 1).and_then(|f| f.system(system));
            let what = |what: &str| format!("{system}: {what}, {SMALL}, B 32");
            let [time, bytes, verify, gas] = ids;
            let [seconds, most_bytes, milliseconds, most_gas] = limits;
            let measured_gas = found.and_then(|c| c.gas).map(|gas| gas as f64);
            [
                at_most(time, what("compress"), seconds, " s", found.map(|c| c.compress_s)),
                at_most(
                    bytes,
                    what("whole proof"),
                    most_bytes,
                    " bytes",
                    found.map(|c| c.proof_bytes as f64),
                ),
                at_most(verify, what("verify"), milliseconds, " ms", found.map(|c| c.verify_ms)),
                at_most(gas, what("on chain, everything included"), most_gas, " gas", measured_gas),
            ]
        };
        systems.into_iter().flat_map(of).collect()
    }

    fn of_ratios(&self) -> Vec<Target> {
        let floor = format!("prove ÷ commitment floor, {LARGE}");
        let over_floor = self.find(LARGE, 1).map(Figures::over_floor);
        let amortization = format!("cost a step at T = 16 ÷ at T = 1, {SMALL}");
        let time = format!("EZKL's proving time ÷ ours, uncompressed, {SMALL}, B 32");
        let whole = format!("EZKL's proving time ÷ ours a step at T = 16, compressed, {SMALL}");
        let memory = format!("EZKL's peak memory ÷ ours, {SMALL}, B 32");
        let growth = "largest ÷ smallest time a committed entry, 10⁵ to 10⁷ parameters".to_owned();
        let padding = format!("stored ÷ real entries, {SMALL}, B 32");
        let padded = self.find(SMALL, 1).map(Figures::padding);
        let peer = fastest(self.peers, SMALL);
        vec![
            at_most("floor", floor, 5.0, "", over_floor),
            at_most("amortization", amortization, 0.6, "", self.amortization(SMALL)),
            at_least("peer-time", time, 100.0, peer.map(|c| c.time)),
            at_least("peer-whole", whole, 100.0, self.whole(peer)),
            at_least("peer-memory", memory, 20.0, peer.map(|c| c.memory)),
            at_most("growth", growth, 1.2, "", self.growth()),
            at_most("padding", padding, 1.5, "", padded),
        ]
    }
}

fn at_most(
    id: &'static str,
    what: String,
    limit: f64,
    unit: &'static str,
    measured: Option<f64>,
) -> Target {
    Target { id, what, bound: Bound::AtMost, limit, unit, measured }
}

fn at_least(id: &'static str, what: String, limit: f64, measured: Option<f64>) -> Target {
    Target { id, what, bound: Bound::AtLeast, limit, unit: "", measured }
}

/// Sentences written by hand beside targets, by their names.
pub type Notes = BTreeMap<String, String>;

/// Reads notes: a TOML table of strings.
///
/// # Errors
/// If the file is not of that form, or a note is for no target.
pub fn notes(path: &Path) -> Result<Notes, Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct File(Notes);
    let name = path.display().to_string();
    let File(notes) = toml::from_str(&read(path)?)
        .map_err(|source| Error::Notes { path: name.clone(), source: Box::new(source) })?;
    let measured = Measured { table: &[], scaling: &[], peers: &[] };
    let known: Vec<&str> = measured.targets().iter().map(|t| t.id).collect();
    match notes.keys().find(|key| !known.contains(&key.as_str())) {
        Some(unknown) => Err(Error::NoteWithoutTarget { path: name, got: unknown.clone() }),
        None => Ok(notes),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::record::Compressed;

    /// Made-up figures.
    pub(crate) fn figures(shape: &str, steps: usize, prove_s: f64) -> Figures {
        Figures {
            shape: shape.into(),
            batch: 32,
            steps,
            parameters: 100_000,
            row_log: 12,
            runs: 1,
            threads: 2,
            train_s: 0.1,
            witness_s: 0.1 * prove_s,
            commit_s: 0.2 * prove_s,
            sumcheck_s: 0.2 * prove_s,
            lookup_s: 0.3 * prove_s,
            open_s: 0.1 * prove_s,
            prove_s,
            verify_ms: 10.0,
            proof_bytes: 1000,
            plain_verify_ms: 12.0,
            plain_proof_bytes: 20_000,
            total_s: prove_s + 1.0,
            compressed: vec![compressed("halo2", 1.0), compressed("groth16", 2.0)],
            permutations: 100,
            rows: 7,
            peak_rss_mb: 500.0,
            committed_entries: 1000,
            padded_entries: 1200,
            commit_floor_s: 0.25 * prove_s,
            argument_elements: 300,
        }
    }

    fn compressed(system: &str, compress_s: f64) -> Compressed {
        Compressed {
            system: system.into(),
            key_s: 1.0,
            circuit: 8192,
            compress_s,
            verify_ms: 5.0,
            proof_bytes: 5000,
            circuit_proof_bytes: 1000,
            gas: Some(800_000),
        }
    }

    fn reached(measured: &Measured, id: &str) -> Option<bool> {
        measured.targets().iter().find(|t| t.id == id).unwrap().reached()
    }

    #[test]
    fn targets_are_met_missed_or_unmeasured() {
        let (one, many) = (figures(SMALL, 1, 2.0), figures(SMALL, 16, 16.0));
        let table = [&one, &many];
        let measured = Measured { table: &table, scaling: &[], peers: &[] };
        assert_eq!(reached(&measured, "prove-small"), Some(false));
        assert_eq!(reached(&measured, "memory-small"), Some(true));
        assert_eq!(reached(&measured, "amortization"), Some(true));
        assert_eq!(reached(&measured, "padding"), Some(true));
        assert_eq!(reached(&measured, "h-time"), Some(true));
        assert_eq!(reached(&measured, "g-time"), Some(false));
        assert_eq!(reached(&measured, "h-gas"), Some(true));
        assert_eq!(reached(&measured, "g-gas"), Some(false));
        assert_eq!(reached(&measured, "prove-large"), None);
        assert_eq!(reached(&measured, "peer-time"), None);
        assert_eq!(reached(&measured, "growth"), None);
    }

    #[test]
    fn growth_looks_at_large_networks_only() {
        let mut curve = [1.0, 1.1, 1.3].map(|s| figures(SMALL, 1, s));
        let growth = |curve: &[Figures; 3]| {
            let scaling: Vec<&Figures> = curve.iter().collect();
            Measured { table: &[], scaling: &scaling, peers: &[] }.growth().unwrap()
        };
        assert!((growth(&curve) - 1.3).abs() < 1e-9);
        curve[0].parameters = 10_000;
        assert!((growth(&curve) - 1.3 / 1.1).abs() < 1e-9);
    }

    #[test]
    fn notes_belong_to_targets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.toml");
        crate::write(&path, "floor = \"why\"\n").unwrap();
        assert_eq!(notes(&path).unwrap()["floor"], "why");
        crate::write(&path, "flor = \"why\"\n").unwrap();
        assert!(matches!(notes(&path), Err(Error::NoteWithoutTarget { .. })));
        crate::write(&path, "floor = 3\n").unwrap();
        assert!(matches!(notes(&path), Err(Error::Notes { .. })));
    }
}
