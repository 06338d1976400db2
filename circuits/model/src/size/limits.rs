//! What a reader is prepared to do for somebody else's manifest.

use std::ops::Deref;

use super::Size;
use crate::chunks::{ChunkSize, check_size};
use crate::compile::CompileError;
use crate::manifest::Network;

/// The largest relation that a reader compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows of the sheet.
    pub rows: u64,
    /// Bits of a cell's address.
    pub address_bits: u32,
    /// Leaves of the lookup argument's tree.
    pub leaves: u64,
    /// Bytes of memory that proving takes.
    pub memory: u64,
}

impl Default for Limits {
    /// 2^16 rows, 2^40 addresses, 2^36 leaves, 64 GiB.
    fn default() -> Self {
        Self { rows: 1 << 16, address_bits: 40, leaves: 1 << 36, memory: 64 << 30 }
    }
}

/// Which of the [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::rows`].
    Rows,
    /// [`Limits::address_bits`].
    AddressBits,
    /// [`Limits::leaves`].
    Leaves,
    /// [`Limits::memory`].
    Memory,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rows => "rows",
            Self::AddressBits => "bits of an address",
            Self::Leaves => "leaves of the lookup argument",
            Self::Memory => "bytes of memory to prove",
        })
    }
}

/// A relation that is larger than the reader allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the relation would take {got} {limit}; the limit is {most}")]
pub struct TooLarge {
    /// Of what.
    pub limit: Limit,
    /// The reader's limit.
    pub most: u64,
    /// What the relation would take.
    pub got: u64,
}

/// Why a network is not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmitError {
    /// Its relations are larger than the reader allows.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// There are no relations of it.
    #[error("no relation can be written for this network: {0}")]
    Compile(#[from] CompileError),
}

/// A chunk of a registration that is not compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// No chunk has so many windows.
    #[error(transparent)]
    Size(#[from] ChunkSize),
    /// Its relation cannot be written.
    #[error("no relation can be written for the registration: {0}")]
    Compile(#[from] CompileError),
    /// Its relation is too large.
    #[error("a registration of {windows} windows: {source}")]
    TooLarge {
        /// Windows of the chunk.
        windows: usize,
        /// What is too large.
        #[source]
        source: TooLarge,
    },
}

impl Limits {
    /// Refuses a relation that is too large.
    ///
    /// # Errors
    /// [`TooLarge`] with the first limit that does not hold.
    pub fn check(&self, size: &Size) -> Result<(), TooLarge> {
        // Both are counted with `usize`, whatever the reader would allow: on 32 bits it has less.
        let address_bits = self.address_bits.min(usize::BITS - 1);
        let leaves = self.leaves.min(usize::MAX as u64);
        let all = [
            (Limit::Rows, self.rows, size.rows),
            (Limit::AddressBits, address_bits.into(), size.address_bits.into()),
            (Limit::Leaves, leaves, size.leaves),
            (Limit::Memory, self.memory, size.memory),
        ];
        let found = all.into_iter().find(|(_, most, got)| got > most);
        found.map_or(Ok(()), |(limit, most, got)| Err(TooLarge { limit, most, got }))
    }

    /// The network, if the relations of its training proofs and of the registration of one window
    /// are within these limits.
    ///
    /// # Errors
    /// [`AdmitError`]: they are too large, or cannot be written.
    pub fn admit(self, network: Network) -> Result<Bounded, AdmitError> {
        self.check(&Size::training(&network)?)?;
        self.check(&Size::dataset(&network, 1)?)?;
        Ok(Bounded { network, limits: self })
    }
}

/// A network whose relations are no larger than somebody allows. Compiling takes no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounded {
    network: Network,
    limits: Limits,
}

impl Bounded {
    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The size of the relation of a chunk of so many windows.
    ///
    /// # Errors
    /// If no chunk has so many windows, or their relation is too large or cannot be written.
    pub fn chunk(&self, windows: usize) -> Result<Size, ChunkError> {
        check_size(&self.network, windows)?;
        let size = Size::dataset(&self.network, windows)?;
        let too_large = |source| ChunkError::TooLarge { windows, source };
        self.limits.check(&size).map_err(too_large)?;
        Ok(size)
    }
}

impl Deref for Bounded {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}
