//! Handing in: a proof is checked, signed, and given to the coordinator or the contract.

use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use zktrain_chain::protocol::Client;
use zktrain_ledger::SignedSubmission;
use zktrain_ledger::files::SubmissionFile;
use zktrain_member::signed::SignedLog;
use zktrain_member::work::{submission, submission_file};
use zktrain_project::files::{self, Access};
use zktrain_project::project::{Project, to_json};
use zktrain_project::proofs;
use zktrain_project::session::Session;
use zktrain_statement::compressed::CompressedProof;
use zktrain_statement::statements::TrainingStatement;
use zktrain_verify::file::StoredProof;

use crate::chain::Connection;
use crate::commands::chain::Done;
use crate::commands::proof::Source;
use crate::error::{Error, OptionsError};
use crate::ui::Ui;

/// Options of `zktrain chain submit`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  zktrain chain submit credit/rounds/7.proof --key alice.json\n  \
    zktrain chain submit credit/rounds/7.proof --on-chain --key alice.json\n\n\
    What is signed is noted where the trainer of this account looks as well, in the folder\n\
    `--outbox`. Nothing is signed while that runs, and no second submission for a round."
)]
pub struct SubmitArgs {
    /// The proof.
    #[command(flatten)]
    pub source: Source,
    /// Hand it in to the contract in an optimistic domain as well: a coordinator that leaves it out
    /// can propose no batch. It costs a verification.
    #[arg(long)]
    pub on_chain: bool,
    /// Where the signed submission goes in an optimistic domain; by default beside the proof.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over another file that is there.
    #[arg(long)]
    pub force: bool,
}

/// A proof with its statement, read with its project's manifest.
fn load(source: &Source, ui: &Ui) -> Result<(TrainingStatement, CompressedProof), Error> {
    let folder = source.file.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let (manifest, srs) = (source.manifest.as_deref(), source.srs.as_deref());
    let session = Session::of_files(&Project::new(folder), manifest, srs, ui)?;
    match proofs::read(&session.key, &source.file)? {
        (statement, StoredProof::Compressed(proof)) => Ok((statement, proof)),
        (_, StoredProof::Plain(_)) => Err(OptionsError::Required {
            option: "--compress",
            when: "because contracts check compressed proofs only",
            hint: "`zktrain chain work` makes one",
        }
        .into()),
    }
}

pub async fn submit(at: &Connection, args: &SubmitArgs, ui: &Ui) -> Result<Done, Error> {
    let (statement, proof) = load(&args.source, ui)?;
    let client = at.client(ui).await?;
    let (round, account) = (statement.binding.round, Address::from(statement.binding.prover));
    let (bytes, sent) = (statement.to_bytes(), proof.to_bytes());
    // An owner that signs a proof that does not hold can be slashed for it.
    client.judge(round, account, &bytes, &sent).await?;
    let default = || args.source.file.with_extension("submission.json");
    let path = args.out.clone().unwrap_or_else(default);
    let file = signed(&client, &statement, &proof).await?;
    let file = match file {
        None => None,
        Some(file) => {
            let bytes = to_json(&path, &file)?;
            // Before anything is paid for.
            files::may_write(&path, &bytes, args.force)?;
            note(at, &client, statement.binding.domain, &file.signed, ui).await?;
            Some(bytes)
        }
    };
    let optimistic = client.round(round).await?.optimistic;
    let done = match optimistic && !args.on_chain {
        true => Done::new(format!("signed for the coordinator of round {round}")),
        false => {
            let receipt = client.submit(round, account, &bytes, &sent).await?;
            Done::by(format!("checked by the contract in round {round}"), &receipt)
        }
    };
    let Some(file) = file else { return Ok(done) };
    files::write_new(&path, &file, Access::Public, args.force)?;
    Ok(done.with("submission", path.display().to_string()))
}

/// Writes down what is signed, where a trainer of this account looks as well.
async fn note(
    at: &Connection,
    client: &Client,
    domain: u64,
    signed: &SignedSubmission,
    ui: &Ui,
) -> Result<(), Error> {
    if !SignedLog::by_hand(client, &at.outbox()?, domain, signed).await? {
        ui.warn(&format!(
            "whether this key has signed another submission for round {} is not known here (`--outbox`): \
             two of them could be held against it",
            signed.submission.round
        ));
    }
    Ok(())
}

/// A signed submission; none if the proof is somebody else's, which is relayed.
async fn signed(
    client: &Client,
    statement: &TrainingStatement,
    proof: &CompressedProof,
) -> Result<Option<SubmissionFile>, Error> {
    if Address::from(statement.binding.prover) != client.address() {
        return Ok(None);
    }
    let signed = client.sign_submission(submission(statement, proof)).await?;
    Ok(Some(submission_file(signed, statement, proof)))
}
