//! One chain of proofs for all tests of a file.

use std::sync::OnceLock;

use zktrain_statement::proof::SheetProof;
use zktrain_statement::statements::TrainingStatement;

use super::Run;
use super::cases::Case;

/// Statements with their proofs.
pub type Proofs = Vec<(TrainingStatement, SheetProof)>;

/// A run with momentum, several rows a block and a chain of three proofs.
pub fn made() -> &'static (Run, Proofs) {
    static MADE: OnceLock<(Run, Proofs)> = OnceLock::new();
    MADE.get_or_init(|| {
        let case = Case { momentum: 0.9, batch: 2, row_log: 5, ..Case::plain(&[7, 5, 3]) };
        let run = Run::of(&case, 5).unwrap();
        let proofs = run.prove(3);
        (run, proofs)
    })
}
