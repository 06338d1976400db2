//! Evidence of fraud, and demands.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, U256};
use ark_bn254::{Fr, G1Projective};
use ark_ec::CurveGroup;
use zktrain_circuits::opening::{Words, point_bytes};

use super::Done;
use crate::chain::Connection;
use crate::chain::amount::parse_address;
use crate::chain::files::{self, BatchFile, SubmissionFile};
use crate::error::Error;
use crate::ui::Ui;

/// What to show.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// A coordinator has proposed nothing until the deadline.
    #[command(after_help = "Example:\n  zktrain chain challenge late 7 --key watcher.json")]
    Late {
        /// The round.
        round: u64,
    },
    /// A signed submission's proof does not hold, or is not what the round asked for.
    #[command(
        after_help = "Example:\n  zktrain chain challenge proof 7.submission.json --key watcher.json"
    )]
    Proof {
        /// The submission.
        submission: PathBuf,
        /// It is in the proposed batch: the coordinator answers for it, too.
        #[arg(long)]
        delivered: bool,
    },
    /// A member has signed two submissions for one round.
    #[command(after_help = "Example:\n  zktrain chain challenge equivocation a.submission.json \
        b.submission.json --key watcher.json")]
    Equivocation {
        /// One.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A coordinator has signed two batches for one round.
    #[command(
        after_help = "Example:\n  zktrain chain challenge batches a.json b.json --key watcher.json"
    )]
    Batches {
        /// One.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The proposed sum is not the weighted sum of the updates.
    #[command(
        after_help = "Example:\n  zktrain chain challenge aggregate 7.batch.json --key watcher.json"
    )]
    Aggregate {
        /// The batch with its rows.
        batch: PathBuf,
    },
    /// Demand that a delivery be proven on chain; costs a bond.
    #[command(after_help = "Example:\n  zktrain chain challenge demand 7 \
        0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf --key watcher.json")]
    Demand {
        /// The round.
        round: u64,
        /// The member.
        #[arg(value_parser = parse_address)]
        account: Address,
    },
    /// Nobody has answered a demand in time.
    #[command(after_help = "Example:\n  zktrain chain challenge unanswered 7 \
        0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf --key watcher.json")]
    Unanswered {
        /// The round.
        round: u64,
        /// The member.
        #[arg(value_parser = parse_address)]
        account: Address,
    },
    /// Take back the bond of a demand in a void round.
    #[command(after_help = "Example:\n  zktrain chain challenge refund 7 \
        0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf --key watcher.json")]
    Refund {
        /// The round.
        round: u64,
        /// The member.
        #[arg(value_parser = parse_address)]
        account: Address,
    },
}

const SUBMISSION: &str = "name a file that `zktrain chain submit` wrote";
const BATCH: &str = "name a file that `zktrain chain propose` wrote";

fn submission(path: &Path) -> Result<SubmissionFile, Error> {
    files::read(path, SUBMISSION)
}

pub async fn run(at: &Connection, command: &Command, ui: &Ui) -> Result<Done, Error> {
    let client = at.client(ui).await?;
    let before = client.balance(client.at().reward_token, client.address()).await?;
    let (what, receipt) = match command {
        Command::Late { round } => {
            ("the coordinator is slashed", client.challenge_deadline(*round).await?)
        }
        Command::Proof { submission: path, delivered: false } => {
            let evidence = submission(path)?.evidence();
            ("the member is slashed", client.challenge_proof(&evidence).await?)
        }
        Command::Proof { submission: path, delivered: true } => {
            let evidence = submission(path)?.evidence();
            ("member and coordinator are slashed", client.challenge_delivery(&evidence).await?)
        }
        Command::Equivocation { first, second } => {
            let both = [submission(first)?.signed, submission(second)?.signed];
            ("the member is slashed", client.challenge_equivocation(both.each_ref()).await?)
        }
        Command::Batches { first, second } => {
            let read = |path: &Path| files::read::<BatchFile>(path, BATCH);
            let both = [read(first)?.signed, read(second)?.signed];
            ("the coordinator is slashed", client.challenge_batches(both.each_ref()).await?)
        }
        Command::Aggregate { batch } => {
            let file: BatchFile = files::read(batch, BATCH)?;
            let row = wrong_row(batch, &file)?;
            let round = file.signed.batch.round;
            let updates = file.updates.into_iter().map(|update| update.rows).collect();
            let sum = Some((file.aggregate, U256::from(row)));
            let receipt = client.challenge_aggregate(round, updates, sum).await?;
            ("the coordinator is slashed", receipt)
        }
        Command::Demand { round, account } => {
            ("the coordinator has a day to answer", client.demand(*round, *account).await?)
        }
        Command::Unanswered { round, account } => {
            let receipt = client.challenge_unanswered(*round, *account).await?;
            ("the coordinator is slashed", receipt)
        }
        Command::Refund { round, account } => {
            ("the bond is back", client.refund_demand(*round, *account).await?)
        }
    };
    let after = client.balance(client.at().reward_token, client.address()).await?;
    let shown = crate::chain::amount::show;
    let change = match after.checked_sub(before) {
        Some(more) => format!("{} more", shown(more)),
        None => format!("{} less", shown(before - after)),
    };
    Ok(Done::by(what, &receipt).with("balance", format!("{} ({change})", shown(after))))
}

/// The first row of the sum that is wrong.
fn wrong_row(path: &Path, file: &BatchFile) -> Result<usize, Error> {
    let malformed = |why: &str| Error::Submission { path: path.to_owned(), why: why.to_owned() };
    let rows = |bytes: &[u8]| -> Option<Vec<G1Projective>> {
        let mut words = Words::new(bytes, 0);
        let whole = bytes.len().is_multiple_of(64);
        let point = |_| words.point().ok().map(G1Projective::from);
        whole.then(|| (0..bytes.len() / 64).map(point).collect())?
    };
    let mut updates = Vec::new();
    for update in &file.updates {
        let read = rows(&update.rows).ok_or_else(|| malformed("an update has a bad row"))?;
        updates.push((Fr::from(update.weight), read));
    }
    let claimed = file.aggregate.chunks(64);
    for (index, claimed) in claimed.enumerate() {
        let terms = updates.iter().filter_map(|(w, rows)| Some(*rows.get(index)? * w));
        let sum: G1Projective = terms.sum();
        if point_bytes(&sum.into_affine()).as_slice() != claimed {
            return Ok(index);
        }
    }
    Err(malformed("its sum is right: there is nothing to challenge"))
}
