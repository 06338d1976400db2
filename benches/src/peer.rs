//! Measurements of EZKL, as `scripts/peer-ezkl.sh` makes them, and ratios to ours.

use serde::Deserialize;

use crate::record::Figures;

/// One configuration of EZKL on one shape. Stages that did not succeed are absent or have no
/// seconds.
#[derive(Clone, Debug, Deserialize)]
pub struct PeerRun {
    /// Version of EZKL.
    #[serde(default)]
    pub version: String,
    /// Widths joined by dashes.
    pub shape: String,
    /// Samples a step.
    pub batch: usize,
    /// `train` or `infer`.
    pub task: String,
    /// `int`: integers rescaled where the graph says so; `float`: EZKL's own scales.
    pub graph: String,
    /// Multiplier above which EZKL rescales by itself; absent where calibration failed.
    #[serde(default)]
    pub rebase_multiplier: Option<u64>,
    /// Logarithm of the circuit's rows.
    #[serde(default)]
    pub logrows: Option<u32>,
    /// Making of the proving key.
    #[serde(default)]
    pub setup: Option<Stage>,
    /// Proofs made.
    #[serde(default)]
    pub prove: Vec<Stage>,
    /// Verifications made.
    #[serde(default)]
    pub verify: Vec<Stage>,
    /// Median time of a proof, seconds.
    #[serde(default)]
    pub prove_s_median: Option<f64>,
    /// Peak memory of proving, megabytes.
    #[serde(default)]
    pub prove_rss_mb: Option<f64>,
    /// Size of the proving key.
    #[serde(default)]
    pub pk_bytes: Option<u64>,
    /// Size of the proof.
    #[serde(default)]
    pub proof_bytes: Option<u64>,
}

/// One stage in a process of its own.
#[derive(Clone, Debug, Deserialize)]
pub struct Stage {
    /// Seconds.
    #[serde(default)]
    pub s: Option<f64>,
    /// Peak memory, megabytes.
    #[serde(default)]
    pub rss_mb: Option<f64>,
    /// EZKL's own figure for a verification, seconds, without reading files.
    #[serde(default)]
    pub log_verify_s: Option<f64>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<String>,
}

impl PeerRun {
    /// How the step was quantized, in words.
    pub fn configuration(&self) -> &'static str {
        match (self.graph.as_str(), self.rebase_multiplier) {
            ("int", _) => "integers, rescaled once a product: steps chain",
            (_, Some(1)) => "EZKL's automatic rescaling: steps chain",
            _ => "EZKL's own choice: outputs not rescaled, steps do not chain",
        }
    }

    /// Median of the verification times that EZKL itself reports, milliseconds.
    pub fn verify_ms(&self) -> Option<f64> {
        let times = self.verify.iter().filter_map(|stage| stage.log_verify_s.or(stage.s));
        let mut times: Vec<f64> = times.collect();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).map(|s| 1e3 * s)
    }

    /// Peak memory of key generation, megabytes.
    pub fn setup_rss_mb(&self) -> Option<f64> {
        self.setup.as_ref().and_then(|setup| setup.rss_mb)
    }

    /// Why there is no proof, if there is none.
    pub fn failure(&self) -> Option<&str> {
        let stages = self.setup.iter().chain(&self.prove);
        stages.filter_map(|stage| stage.error.as_deref()).next()
    }
}

/// A run of EZKL beside ours of the same shape and batch, one step each.
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    /// EZKL's.
    pub peer: &'a PeerRun,
    pub ours: &'a Figures,
    /// EZKL's proving time over ours.
    pub time: f64,
    /// EZKL's peak memory of proving over ours.
    pub memory: f64,
}

/// Every proven training step of EZKL for which there is one of ours.
pub fn compare<'a>(peers: &'a [PeerRun], ours: &[&'a Figures]) -> Vec<Comparison<'a>> {
    let trained = peers.iter().filter(|peer| peer.task == "train");
    let compared = trained.filter_map(|peer| {
        let same = |f: &&&Figures| f.shape == peer.shape && f.batch == peer.batch && f.steps == 1;
        let ours: &'a Figures = ours.iter().find(same)?;
        let time = peer.prove_s_median? / ours.prove_s;
        let memory = peer.prove_rss_mb? / ours.peak_rss_mb;
        Some(Comparison { peer, ours, time, memory })
    });
    compared.collect()
}

/// The comparison with EZKL's fastest configuration for a shape: the one that targets are
/// measured by.
pub fn fastest<'a, 'b>(
    comparisons: &'b [Comparison<'a>],
    shape: &str,
) -> Option<&'b Comparison<'a>> {
    let of_shape = comparisons.iter().filter(|c| c.ours.shape == shape);
    of_shape.min_by(|a, b| a.time.total_cmp(&b.time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(graph: &str, seconds: f64) -> PeerRun {
        let text = format!(
            r#"{{"shape":"30-16-2","batch":32,"task":"train","graph":"{graph}","unknown":[1],
            "prove":[{{"s":{seconds},"rss_mb":100.5}}],"prove_s_median":{seconds},
            "prove_rss_mb":100.5,"verify":[{{"s":0.5,"log_verify_s":0.02}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_fastest_configuration_is_compared() {
        let ours = crate::targets::tests::figures("30-16-2", 1, 0.5);
        let peers = [run("int", 9.0), run("float", 3.0)];
        let compared = compare(&peers, &[&ours]);
        let best = fastest(&compared, "30-16-2").unwrap();
        assert_eq!((compared.len(), best.time), (2, 6.0));
        assert_eq!(best.peer.verify_ms(), Some(20.0));
        assert!(fastest(&compared, "784-128-10").is_none());
    }

    #[test]
    fn a_run_without_a_proof_is_not_compared() {
        let ours = crate::targets::tests::figures("30-16-2", 1, 0.5);
        let text = r#"{"shape":"30-16-2","batch":32,"task":"train","graph":"int",
            "setup":{"error":"stopped: RSS over 20 GB"}}"#;
        let failed: PeerRun = serde_json::from_str(text).unwrap();
        assert_eq!(failed.failure(), Some("stopped: RSS over 20 GB"));
        assert!(compare(&[failed], &[&ours]).is_empty());
    }
}
