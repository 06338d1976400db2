//! Receipts: what a coordinator answers for once an upload is counted.

use alloy::primitives::Address;
use zktrain_ledger::SignedReceipt;
use zktrain_ledger::typed::Receipt;
use zktrain_secagg::messages::Upload;
use zktrain_secagg::plan::Plan;

use crate::signing::Scoped;

/// The receipt for an upload in a round with this plan, taken at a time in Unix seconds.
pub fn receipt(plan: &Plan, upload: &Upload, time: u64) -> Receipt {
    Receipt {
        round: plan.round,
        member: upload.account,
        plan: plan.digest(),
        masked: upload.masked,
        submission: upload.submission,
        time,
    }
}

/// What is wrong with a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// The coordinator has not signed it.
    #[error("the receipt is not signed by the coordinator {coordinator}")]
    Signature {
        /// Who should have signed.
        coordinator: Address,
    },
    /// It is for something else.
    #[error("the receipt is for another {field}")]
    Field { field: &'static str },
}

/// Checks that a receipt is the plan's coordinator's, and for this upload.
///
/// # Errors
/// What is wrong with it.
pub fn check_receipt(
    plan: &Plan,
    upload: &Upload,
    signed: &SignedReceipt,
) -> Result<(), ReceiptError> {
    let (got, expected) = (&signed.receipt, receipt(plan, upload, signed.receipt.time));
    let fields = [
        ("round", got.round == expected.round),
        ("member", got.member == expected.member),
        ("plan", got.plan == expected.plan),
        ("masked vector", got.masked == expected.masked),
        ("submission", got.submission == expected.submission),
    ];
    if let Some((field, _)) = fields.into_iter().find(|(_, holds)| !holds) {
        return Err(ReceiptError::Field { field });
    }
    let coordinator = plan.coordinator;
    match signed.is_by(&plan.scope(), coordinator) {
        true => Ok(()),
        false => Err(ReceiptError::Signature { coordinator }),
    }
}
