//! Opening a round: who is asked, and when.

use std::time::{Duration, Instant};

use alloy::primitives::{Address, U256};
use zktrain_chain::amount;
use zktrain_chain::protocol::Candidate;
use zktrain_coordinator::metrics::Standing as Label;

use super::conduct::{self, Standing, eligible, once_more, rest, standing};
use super::history::RoundRecord;
use super::lottery::{choose, seed};
use super::{Coordinator, PAUSE};
use crate::error::Error;

impl Coordinator {
    /// Opens a round if enough members are there, after waiting a while for the others.
    pub(super) async fn open(&self) -> Result<Option<u64>, Error> {
        self.close();
        // An old backup may not have it: nobody could be told what to start from, and the bond would be lost.
        self.models.require(self.client.head(self.options.domain).await?)?;
        // Whatever came of earlier rounds, also by somebody else's evidence.
        self.erase().await?;
        let told = self.account.held()?;
        self.rest(&told).await;
        // Somebody may have been pardoned meanwhile.
        let told = self.account.held()?;
        let options = &self.options;
        let all = self.client.candidates(options.domain).await?;
        let candidates = eligible(&told, &all, options.least);
        let present = self.covered(self.present(&candidates).await).await?;
        self.show_standings(&told, &all, present.len());
        let (there, known) = (present.len(), candidates.len());
        let fits = |members: &Vec<Address>| (options.least..=options.most).contains(&members.len());
        let chosen = match once_more(&told, &present).filter(fits) {
            Some(members) => Some(members),
            None => {
                let seed = self.seed(&told).await?;
                choose(present, options.least, options.most, seed)
            }
        };
        let Some(chosen) = chosen else {
            let least = options.least;
            self.say(format!(
                "waiting for members: {there} of {known} that could be asked are there, and a round \
                 needs {least}"
            ));
            return Ok(None);
        };
        self.say(String::new());
        self.send_opening(chosen).await.map(Some)
    }

    async fn send_opening(&self, chosen: Vec<Address>) -> Result<u64, Error> {
        let options = &self.options;
        self.require_stake().await?;
        let asked = chosen.len();
        let improvement = self.account.last_improvement()?;
        let budget = self.terms.at_least(options.pay.next(improvement));
        let round =
            self.client.open_round(options.domain, options.duration, budget, chosen).await?;
        let budget = amount::show(U256::from(budget));
        // The contract leaves out members that have left since they were asked.
        let members = self.client.members(round).await?.0.len();
        tracing::info!(round, members, asked, budget, improvement, "opened");
        Ok(round)
    }

    /// Those whose stake covers what they answer with: the contract leaves out others.
    async fn covered(&self, present: Vec<Candidate>) -> Result<Vec<Candidate>, Error> {
        let mut covered = Vec::new();
        for candidate in present {
            if self.client.is_covered(candidate.account).await? {
                covered.push(candidate);
            }
        }
        Ok(covered)
    }

    /// Waits if many rounds in a row have come to nothing: each costs gas, and members' work.
    async fn rest(&self, told: &[RoundRecord]) {
        let pause = rest(told);
        if pause.is_zero() {
            return;
        }
        let rounds = conduct::fruitless(told);
        let pause_text = humantime::format_duration(pause);
        tracing::warn!(
            rounds,
            pause = %pause_text,
            "the last rounds have come to nothing: the next one is opened after a pause. If their \
             members sit out, as they have masked their updates of this model before, the domain \
             needs owners with other windows (docs/coordinator.md)"
        );
        tokio::time::sleep(pause).await;
    }

    /// Candidates that are there, once all are or were waited for.
    async fn present(&self, candidates: &[Candidate]) -> Vec<Candidate> {
        let (options, begun) = (&self.options, Instant::now());
        let register = &self.handler.library().register;
        loop {
            let present = register.present(candidates, options.silence, Instant::now());
            if present.len() >= candidates.len() || begun.elapsed() >= options.gathering {
                return present;
            }
            tokio::time::sleep(PAUSE.min(options.gathering.max(Duration::from_millis(10)))).await;
        }
    }

    /// What draws the members of the next round: the one before it.
    async fn seed(&self, told: &[RoundRecord]) -> Result<alloy::primitives::B256, Error> {
        let Some(last) = told.last() else { return Ok(seed(0, Default::default())) };
        let nonce = self.client.round(last.round).await?.nonce;
        Ok(seed(last.round, nonce))
    }

    fn show_standings(&self, told: &[RoundRecord], all: &[Candidate], present: usize) {
        let count = |which: Standing| {
            all.iter().filter(|candidate| standing(told, candidate.account) == which).count()
        };
        for (label, count) in [
            (Label::Candidate, all.len()),
            (Label::Paused, count(Standing::Paused)),
            (Label::Barred, count(Standing::Barred)),
            (Label::Present, present),
        ] {
            self.metrics.set_standing(label, count);
        }
    }
}
