//! The contract of a round whose deadline is far away.

use std::cell::RefCell;

use alloy::primitives::{B256, U256};
use zktrain_chain::protocol::Status;
use zktrain_ledger::files::SubmissionFile;

use crate::Error;
use crate::inclusion::{Cost, OwnerContracts, Standing};

/// The contract of a round whose deadline is far away: only what its owner is told, or has done, can be
/// a reason to turn to it.
pub struct DistantContracts {
    pub round: u64,
    /// What was handed in.
    pub taken: RefCell<Option<SubmissionFile>>,
}

impl OwnerContracts for DistantContracts {
    async fn current(&self, _domain: u64) -> Result<Option<u64>, Error> {
        Ok(Some(self.round))
    }

    async fn standing(&self, _round: u64) -> Result<Standing, Error> {
        Ok(Standing {
            status: Status::Open,
            optimistic: true,
            since: u64::MAX,
            deadline: u64::MAX,
            challenge_end: 0,
            time: 0,
            delivered: self.taken.borrow().is_some(),
            pay: U256::ONE,
        })
    }

    async fn hand_in(&self, file: &SubmissionFile) -> Result<Cost, Error> {
        let before = self.taken.replace(Some(file.clone()));
        assert!(before.is_none(), "once is enough");
        Ok(Cost { gas: 0, wei: U256::ZERO })
    }

    async fn listed(&self, _round: u64) -> Result<B256, Error> {
        Ok(B256::ZERO)
    }

    async fn settle(&self, _round: u64) -> Result<(), Error> {
        Ok(())
    }

    async fn claim(&self, _domain: u64) {}
}
