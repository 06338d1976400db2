//! Misbehaviour on purpose, to show in demonstrations and tests what becomes of it.

use std::str::FromStr;

use ark_ec::CurveGroup;
use zktrain_commit::srs::Powers;
use zktrain_statement::statements::TrainingStatement;

/// What an owner does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Stops after it has shared its secrets, before it uploads.
    LeaveBeforeUpload,
    /// Claims another update than the one that it proves.
    WrongUpdate,
    /// Uploads another masked vector than that of the update that it proves.
    WrongVector,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "leave-before-upload" => Ok(Self::LeaveBeforeUpload),
            "wrong-update" => Ok(Self::WrongUpdate),
            "wrong-vector" => Ok(Self::WrongVector),
            _ => Err(format!("no misbehaviour is called {text:?}")),
        }
    }
}

/// Adds something to the update that was proven.
pub fn falsify(statement: &mut TrainingStatement, g1: Powers<'_>) {
    if let (Some(row), Some(point)) = (statement.update.first_mut(), g1.first()) {
        *row = (*row + point).into_affine();
    }
}
