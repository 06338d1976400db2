//! The coordinator adds masked vectors up and takes the masks off.
//!
//! Vectors come one after another, each in parts as they are read from disk: the memory is that of
//! one vector, whatever the number of members. Masks that two counted members share cancel; what
//! is left are the counted members' own masks, and those that they share with members that are
//! not counted.

use alloy_primitives::{Address, B256, Keccak256};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use rayon::prelude::*;

use super::coordinator::Secrets;
use super::error::SecaggError;
use super::group::{Roster, Shared};
use super::keys::{Pair, own_mask};
use super::stream::{self, Seed, Sign};
use super::vector::{self, ELEMENT, VectorError};
use crate::messages::Upload;

/// A masked vector that arrives in parts.
pub(super) struct Incoming {
    upload: Upload,
    elements: usize,
    /// Elements that are complete.
    position: usize,
    /// The start of the next one.
    carry: Vec<u8>,
    received: u64,
    hash: Keccak256,
}

impl Incoming {
    pub(super) fn new(upload: Upload, elements: usize) -> Self {
        let hash = Keccak256::new();
        Self { upload, elements, position: 0, carry: Vec::new(), received: 0, hash }
    }

    /// Takes the next bytes. Returns the elements that they complete, with the first one's
    /// position.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(usize, Vec<Fr>), SecaggError> {
        self.received += bytes.len() as u64;
        self.check_length(self.received.min((self.elements * ELEMENT) as u64))?;
        self.hash.update(bytes);
        let missing = (ELEMENT - self.carry.len()) % ELEMENT;
        let (first, rest) = bytes.split_at(missing.min(bytes.len()));
        self.carry.extend_from_slice(first);
        let start = self.position;
        let mut found = Vec::with_capacity(1 + rest.len() / ELEMENT);
        if self.carry.len() == ELEMENT {
            found.push(self.element(start, &self.carry)?);
            self.carry.clear();
        }
        let whole = rest.chunks_exact(ELEMENT);
        self.carry.extend_from_slice(whole.remainder());
        let offset = start + found.len();
        let read = |(index, bytes)| self.element(offset + index, bytes);
        let read = rest.par_chunks_exact(ELEMENT).enumerate().with_min_len(1 << 10).map(read);
        found.extend(read.collect::<Result<Vec<Fr>, SecaggError>>()?);
        self.position += found.len();
        Ok((start, found))
    }

    fn element(&self, index: usize, bytes: &[u8]) -> Result<Fr, SecaggError> {
        Ok(vector::element(bytes).ok_or(VectorError::Unreduced { element: index })?)
    }

    fn check_length(&self, expected: u64) -> Result<(), SecaggError> {
        let got = self.received;
        if got == expected { Ok(()) } else { Err(VectorError::Length { expected, got }.into()) }
    }

    /// Checks length and hash once everything was written.
    pub(super) fn end(self) -> Result<(), SecaggError> {
        self.check_length((self.elements * ELEMENT) as u64)?;
        let (expected, got): (B256, B256) = (self.upload.masked, self.hash.finalize());
        if got != expected {
            let account = self.upload.account;
            return Err(SecaggError::Mismatch {
                what: "the masked vector",
                account,
                expected,
                got,
            });
        }
        Ok(())
    }
}

/// Checks an uploaded vector by itself: to be done before its member is counted, since what is
/// no vector cannot be summed.
pub struct Inspection(Incoming);

impl Inspection {
    /// Starts with what the member signed for its vector of so many elements.
    pub fn new(upload: &Upload, elements: usize) -> Self {
        Self(Incoming::new(*upload, elements))
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// If there are too many, or an element is not reduced.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SecaggError> {
        self.0.write(bytes).map(|_| ())
    }

    /// Ends the vector.
    ///
    /// # Errors
    /// If bytes are missing, or they are not what the member signed for.
    pub fn end(self) -> Result<(), SecaggError> {
        self.0.end()
    }
}

/// The masks of a counted member's vector that do not cancel, with the sign that takes them off.
pub(super) fn known_masks(
    roster: &Roster,
    shared: &Shared,
    account: Address,
    secrets: &Secrets,
) -> Result<Vec<(Sign, Seed)>, SecaggError> {
    let unknown = SecaggError::Stranger { account, set: "the recovered" };
    let own = secrets.own.get(&account).ok_or(unknown)?;
    let key = roster.points(account)?.mask;
    let mut masks = vec![(Sign::Minus, own_mask(shared, account, own))];
    masks.extend(secrets.masks.iter().map(|(dropped, secret)| {
        let pair = Pair::new(account, *dropped);
        (-pair.sign(account), pair.mask(shared, &(**secret * key)))
    }));
    Ok(masks)
}

/// A sum in the making. An error leaves it unusable: start again.
pub struct Unmasking {
    sums: Vec<Fr>,
    masks: Vec<(Sign, Seed)>,
    /// Counted members whose vectors are still missing.
    missing: Vec<Address>,
    incoming: Option<Incoming>,
}

impl Unmasking {
    /// Starts a sum of vectors of so many elements, over the counted members, masked for those
    /// that have shared.
    ///
    /// # Errors
    /// If a counted member's own seed is not among the secrets, or a key is not on the roster.
    pub fn new(
        roster: &Roster,
        shared: &Shared,
        counted: &[Address],
        secrets: &Secrets,
        elements: usize,
    ) -> Result<Self, SecaggError> {
        let masks = counted.iter().map(|account| known_masks(roster, shared, *account, secrets));
        let masks = masks.collect::<Result<Vec<_>, SecaggError>>()?.into_iter().flatten().collect();
        let sums = vec![Fr::ZERO; elements];
        Ok(Self { sums, masks, missing: counted.to_vec(), incoming: None })
    }

    /// Starts the next member's vector, as it signed for it.
    ///
    /// # Errors
    /// If another one is not at its end, or this one is not counted or was there before.
    pub fn start(&mut self, upload: &Upload) -> Result<(), SecaggError> {
        if self.incoming.is_some() {
            return Err(SecaggError::Conflict { what: "vector" });
        }
        let account = upload.account;
        let at = self.missing.binary_search(&account);
        let at = at.map_err(|_| SecaggError::Stranger { account, set: "the counted" })?;
        self.missing.remove(at);
        self.incoming = Some(Incoming::new(*upload, self.sums.len()));
        Ok(())
    }

    /// Adds the next bytes of the vector.
    ///
    /// # Errors
    /// If there are too many, or an element is not reduced.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SecaggError> {
        let incoming = self.incoming.as_mut().ok_or(SecaggError::Early { what: "the vector" })?;
        let (position, elements) = incoming.write(bytes)?;
        let sums = self.sums.iter_mut().skip(position);
        sums.zip(elements).for_each(|(sum, element)| *sum += element);
        Ok(())
    }

    /// Ends the vector.
    ///
    /// # Errors
    /// If bytes are missing, or they are not what the member signed for.
    pub fn end(&mut self) -> Result<(), SecaggError> {
        self.incoming.take().ok_or(SecaggError::Early { what: "the vector" })?.end()
    }

    /// Takes the masks off: the sum of the counted members' vectors.
    ///
    /// # Errors
    /// If a counted member's vector is missing.
    pub fn finish(mut self) -> Result<Vec<Fr>, SecaggError> {
        if self.incoming.is_some() || !self.missing.is_empty() {
            let (what, expected) = ("vectors that are missing", 0);
            return Err(SecaggError::Count { what, expected, got: self.missing.len() });
        }
        stream::apply(&mut self.sums, &self.masks);
        Ok(self.sums)
    }
}
