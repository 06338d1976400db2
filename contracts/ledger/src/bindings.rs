//! Calls, errors and bytecode of the contracts, from their artifacts.
#![allow(missing_docs)] // generated: the documentation is in the Solidity interfaces
#![allow(clippy::too_many_arguments)] // as in the Solidity

use crate::revert::{Decode, reader};

macro_rules! contracts {
    ($($module:ident: $name:ident, $errors:ident, $path:literal;)*) => {
        $(
            #[doc = concat!("`contracts/src/", stringify!($name), ".sol`")]
            pub mod $module {
                alloy_sol_types::sol!(
                    #[derive(Debug, PartialEq, Eq)]
                    $name,
                    $path
                );
            }
        )*

        /// Readers of the errors of all contracts.
        pub(crate) const ERRORS: &[Decode] = &[$(reader::<$module::$name::$errors>()),*];
    };
}

contracts! {
    training: TrainingVerifier, TrainingVerifierErrors, "../artifacts/TrainingVerifier.json";
    halo2: Halo2Verifier, Halo2VerifierErrors, "../artifacts/Halo2Verifier.json";
    timelock: Timelock, TimelockErrors, "../artifacts/Timelock.json";
    token: RewardToken, RewardTokenErrors, "../artifacts/RewardToken.json";
    parameters: Parameters, ParametersErrors, "../artifacts/Parameters.json";
    router: VerifierRouter, VerifierRouterErrors, "../artifacts/VerifierRouter.json";
    stakes: StakeManager, StakeManagerErrors, "../artifacts/StakeManager.json";
    registry: DomainRegistry, DomainRegistryErrors, "../artifacts/DomainRegistry.json";
    escrow: Escrow, EscrowErrors, "../artifacts/Escrow.json";
    reputation: Reputation, ReputationErrors, "../artifacts/Reputation.json";
    rounds: Rounds, RoundsErrors, "../artifacts/Rounds.json";
    demands: Demands, DemandsErrors, "../artifacts/Demands.json";
    slashing: Slashing, SlashingErrors, "../artifacts/Slashing.json";
}
