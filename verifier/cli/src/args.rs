//! The command line.

use std::path::PathBuf;

/// What is said beside a verdict on a key that nobody named.
pub const UNPINNED: &str = "NOTE: this holds on a key that nobody named. The prover may \
    have chosen it so that anything holds: give the name of the key that you derived, or that \
    somebody did whom you trust, with --key-name.";

/// Checks training proofs, each on its own, and has nothing to make them with.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "zktrain-verify", version)]
#[command(after_help = "Example:\n  \
    zktrain keys derive credit --contract credit/keys/halo2.contract\n  \
    zktrain-verify credit/proofs/000003.proof --manifest credit/manifest.toml \\\n    \
    --key credit/keys/halo2.contract --key-name 190a…\n\n\
    The key's name stands for the manifest, the reference string and the circuit: it is all that a\n\
    proof rests on. Take it from somebody whom you trust to have derived the key, never from the prover;\n\
    anybody can register a key on a chain, also one that accepts everything. For whom, where and on\n\
    whose data a proof was made is what it states, and shown.\n\n\
    The exit code is 0 if everything holds under the key that was named, 3 if it holds and no key\n\
    was named, and 1 otherwise; 2 if the command line cannot be read.")]
pub struct Args {
    /// Files of training proofs.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The manifest that they are of.
    #[arg(long, value_name = "FILE")]
    pub manifest: PathBuf,
    /// The key, as contracts store it: what `zktrain keys derive --contract FILE` writes.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The key's name on chain, in hexadecimal, from somebody who is trusted.
    #[arg(long, value_name = "HASH", value_parser = hash)]
    pub key_name: Option<[u8; 32]>,
    /// Fail unless the key is named.
    #[arg(long)]
    pub strict: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// A hash in hexadecimal, with or without `0x`.
fn hash(text: &str) -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes)
        .map_err(|_| "expected 32 bytes in hexadecimal".to_owned())?;
    Ok(bytes)
}
