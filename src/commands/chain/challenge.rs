//! Evidence of fraud. What others could take for their own is committed to first and shown a block
//! later: two transactions, and the contract is asked before the first whether the second will hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alloy::primitives::{Address, Bytes, U256};
use alloy::rpc::types::TransactionReceipt;
use ark_bn254::{Fr, G1Projective};
use ark_ec::CurveGroup;
use zktrain_argument::opening::{Words, point_bytes};
use zktrain_chain::amount::{parse_address, show};
use zktrain_chain::protocol::Client;
use zktrain_ledger::files::{BatchFile, SubmissionFile};
use zktrain_ledger::{SignedReceipt, is_summed};
use zktrain_statement::statements::TrainingStatement;

use super::{ChainRefusal, Done};
use crate::chain::Connection;
use crate::chain::files;
use crate::error::Error;
use crate::ui::Ui;

/// What to show.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// A coordinator has proposed nothing in time: neither until the deadline nor on the day after it.
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
    /// The coordinator has signed a receipt for a submission, and proposed another or none in its place.
    #[command(
        after_help = "Example:\n  zktrain chain challenge omitted credit/rounds/7.receipt.json \
        --key alice.json"
    )]
    Omitted {
        /// The receipt, as `zktrain trainer` keeps it.
        receipt: PathBuf,
    },
    /// A member has signed a submission that is longer than any valid one.
    #[command(after_help = "Example:\n  zktrain chain challenge too-long 7.submission.json \
        --key watcher.json")]
    TooLong {
        /// The submission.
        submission: PathBuf,
    },
    /// The proposed sum is not the weighted sum, and the coordinator keeps its rows to itself.
    #[command(after_help = "Example:\n  zktrain chain challenge undisclosed 7 *.submission.json \
        --key watcher.json")]
    Undisclosed {
        /// The round.
        round: u64,
        /// The submissions of all whose updates are in the sum; what is kept back can be demanded.
        #[arg(required = true)]
        submissions: Vec<PathBuf>,
    },
    /// Nobody has drawn a round's audit in time.
    #[command(after_help = "Example:\n  zktrain chain challenge unaudited 7 --key watcher.json")]
    Unaudited {
        /// The round.
        round: u64,
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
}

const SUBMISSION: &str = "name a file that `zktrain chain submit` wrote";
const RECEIPT: &str = "name a file that `zktrain trainer` wrote: PROJECT/rounds/ROUND.receipt.json";
const BATCH: &str = "name a file that `zktrain chain propose` wrote";

fn submission(path: &Path) -> Result<SubmissionFile, Error> {
    files::read(path, SUBMISSION)
}

pub async fn run(at: &Connection, command: &Command, ui: &Ui) -> Result<Done, Error> {
    let client = at.client(ui).await?;
    let before = client.balance(client.at().reward_token, client.address()).await?;
    let (guilty, receipt) = bring(&client, command).await?;
    let after = client.balance(client.at().reward_token, client.address()).await?;
    let change = match after.checked_sub(before) {
        Some(more) => format!("{} more", show(more)),
        None => format!("{} less", show(before - after)),
    };
    Ok(Done::by(guilty, &receipt).with("balance", format!("{} ({change})", show(after))))
}

const MEMBER: &str = "the member is slashed";
const COORDINATOR: &str = "the coordinator is slashed";
const BOTH: &str = "member and coordinator are slashed";

/// Brings the evidence; who is slashed, in words.
async fn bring(
    client: &Client,
    command: &Command,
) -> Result<(&'static str, TransactionReceipt), Error> {
    Ok(match command {
        Command::Late { round } => (COORDINATOR, client.challenge_deadline(*round).await?),
        Command::Unaudited { round } => (COORDINATOR, client.challenge_unaudited(*round).await?),
        Command::Unanswered { round, account } => {
            (COORDINATOR, client.challenge_unanswered(*round, *account).await?)
        }
        Command::Proof { submission: path, delivered: false } => {
            (MEMBER, client.challenge_proof(&submission(path)?.evidence()).await?)
        }
        Command::Proof { submission: path, delivered: true } => {
            (BOTH, client.challenge_delivery(&submission(path)?.evidence()).await?)
        }
        Command::TooLong { submission: path } => {
            (MEMBER, client.challenge_length(&submission(path)?.signed).await?)
        }
        Command::Equivocation { first, second } => {
            let both = [submission(first)?.signed, submission(second)?.signed];
            (MEMBER, client.challenge_equivocation(both.each_ref()).await?)
        }
        Command::Batches { first, second } => {
            let read = |path: &Path| files::read::<BatchFile>(path, BATCH);
            let both = [read(first)?.signed, read(second)?.signed];
            (COORDINATOR, client.challenge_batches(both.each_ref()).await?)
        }
        Command::Omitted { receipt } => {
            let signed: SignedReceipt = files::read(receipt, RECEIPT)?;
            (COORDINATOR, client.challenge_omission(&signed).await?)
        }
        Command::Aggregate { batch } => (COORDINATOR, aggregate(client, batch).await?),
        Command::Undisclosed { round, submissions } => {
            (COORDINATOR, undisclosed(client, *round, submissions).await?)
        }
    })
}

async fn aggregate(client: &Client, batch: &Path) -> Result<TransactionReceipt, Error> {
    let file: BatchFile = files::read(batch, BATCH)?;
    let row = wrong_row(batch, &file)?;
    let round = file.signed.batch.round;
    let updates = file.updates.into_iter().map(|update| update.rows).collect();
    let sum = Some((file.aggregate, U256::from(row)));
    Ok(client.challenge_aggregate(round, updates, sum).await?)
}

/// Adds up what is in the sum, on chain: only the coordinator knows which row is wrong.
async fn undisclosed(
    client: &Client,
    round: u64,
    paths: &[PathBuf],
) -> Result<TransactionReceipt, Error> {
    let mut given = BTreeMap::new();
    for path in paths {
        let file = submission(path)?;
        let malformed = |why: String| Error::Submission { path: path.clone(), why };
        let statement = TrainingStatement::from_bytes(&file.statement)
            .map_err(|error| malformed(error.to_string()))?;
        let rows: Vec<u8> = statement.update.iter().flat_map(point_bytes).collect();
        given.insert(file.signed.submission.member, Bytes::from(rows));
    }
    let deliveries = client.proposed(round).await?.deliveries;
    let members = client.members(round).await?.0;
    let both = members.iter().zip(&deliveries);
    let summed = both.filter(|(_, delivery)| is_summed(delivery));
    let rows = |account: Address| {
        let why = format!("the submission of {account} is needed, whose update is in the sum");
        given.get(&account).cloned().ok_or(Error::Argument { why })
    };
    let updates = summed.map(|(member, _)| rows(member.account)).collect::<Result<_, _>>()?;
    Ok(client.challenge_aggregate(round, updates, None).await?)
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
    Err(ChainRefusal::no_evidence("its sum is right"))
}
