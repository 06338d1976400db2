//! The document's section about EZKL.

use super::markdown::{count, number, optional, ratio, table};
use crate::peer::{Comparison, PeerRun};

/// The measurements and what they compare.
pub(super) fn section(peers: &[PeerRun], compared: &[Comparison<'_>]) -> String {
    let Some(version) = peers.first().map(|peer| &peer.version) else {
        return String::new();
    };
    let mut text = format!(
        "## EZKL {version} on the same step\n\n\
        The same shape and batch, every stage of either program in a process of its own. EZKL's \
        lines come from `benches/results/peer.jsonl`: measured on a quiet machine of the same kind, \
        in a run of their own. Medians; EZKL's peak is that of proving alone, without key generation, and its \
        verification time is the one that it prints.\n\n"
    );
    text += &table(&ABSOLUTE, &peers.iter().map(absolute).collect::<Vec<_>>());
    if !compared.is_empty() {
        text += "\nEZKL over zktrain:\n\n";
        text += &table(&RATIOS, &compared.iter().map(ratios).collect::<Vec<_>>());
    }
    text += WHAT;
    text
}

const ABSOLUTE: [&str; 9] = [
    "network",
    "how quantized",
    "log rows",
    "setup s",
    "setup MB",
    "key GB",
    "prove s",
    "prove MB",
    "verify ms",
];

fn absolute(peer: &PeerRun) -> Vec<String> {
    let task = if peer.task == "train" { "" } else { " (forward only)" };
    let setup = peer.setup.as_ref().filter(|setup| setup.error.is_none());
    let prove = match peer.failure() {
        Some(reason) => reason.replace('|', "/").replace('\n', " ").chars().take(60).collect(),
        None => optional(peer.prove_s_median),
    };
    vec![
        format!("{}, B {}{task}", peer.shape, peer.batch),
        peer.configuration().into(),
        peer.logrows.map_or_else(|| "–".into(), |log| log.to_string()),
        optional(setup.and_then(|setup| setup.s)),
        optional(peer.setup_rss_mb()),
        optional(peer.pk_bytes.map(|bytes| bytes as f64 / 1e9)),
        prove,
        optional(peer.prove_rss_mb),
        optional(peer.verify_ms()),
    ]
}

const RATIOS: [&str; 12] = [
    "network",
    "how quantized",
    "EZKL prove s",
    "ours s",
    "time ×",
    "EZKL MB",
    "ours MB",
    "memory ×",
    "EZKL verify ms",
    "ours ms",
    "EZKL proof bytes",
    "ours bytes",
];

fn ratios(comparison: &Comparison<'_>) -> Vec<String> {
    let Comparison { peer, ours, time, memory } = comparison;
    let bytes = peer.proof_bytes.map_or_else(|| "–".into(), |bytes| count(bytes as usize));
    vec![
        format!("{}, B {}", ours.shape, ours.batch),
        peer.configuration().into(),
        optional(peer.prove_s_median),
        number(ours.prove_s),
        ratio(*time),
        optional(peer.prove_rss_mb),
        number(ours.peak_rss_mb),
        ratio(*memory),
        optional(peer.verify_ms()),
        number(ours.verify_ms),
        bytes,
        count(ours.proof_bytes),
    ]
}

const WHAT: &str = "\n\
What is compared, and what is not:\n\n\
- Where EZKL picks its own scales it never rescales: the updated weights leave its circuit at a \
much larger scale than the one they came in with, so that a second step needs a circuit between. \
That is the cheaper of its configurations, and the only one that proved 784-128-10 in less than 20 GB. Our \
steps chain.\n\
- EZKL's step is forward, squared-error gradient, backward and update, without biases or softmax. \
Ours has biases, softmax cross-entropy with its lookups, and saturation at every rounding. Momentum \
and weight decay are zero in both.\n\
- EZKL's proof is finished: it can be sent and checked by a contract. Ours is the uncompressed \
argument, which reveals evaluations of the witness and stays with its owner; compressing it costs \
more time and is not part of these figures. The verification compared is of these two things.\n\
- EZKL commits to inputs and outputs without blinding, ours are blinded.\n\
- EZKL's reference string and key are made beforehand and are not in its times, nor is ours in ours; \
its memory holds its key, ours holds our reference string.\n";
