//! Four integers, one operation on which is wrong in the last of them: what nobody should choose.

use super::portable::Lanes;
use super::{Kernel, Lane, WORDS};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    New,
    Splat,
    ToArray,
    Gather,
    Scatter,
    Add,
    Sub,
    Mul,
    And,
    Shr,
    Shl,
}

impl Operation {
    pub(super) const ALL: [Self; 11] = [
        Self::New,
        Self::Splat,
        Self::ToArray,
        Self::Gather,
        Self::Scatter,
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::And,
        Self::Shr,
        Self::Shl,
    ];

    /// Runs a kernel with this operation wrong.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            Self::New => kernel.run::<Wrong<{ Self::New as u8 }>, 4>(),
            Self::Splat => kernel.run::<Wrong<{ Self::Splat as u8 }>, 4>(),
            Self::ToArray => kernel.run::<Wrong<{ Self::ToArray as u8 }>, 4>(),
            Self::Gather => kernel.run::<Wrong<{ Self::Gather as u8 }>, 4>(),
            Self::Scatter => kernel.run::<Wrong<{ Self::Scatter as u8 }>, 4>(),
            Self::Add => kernel.run::<Wrong<{ Self::Add as u8 }>, 4>(),
            Self::Sub => kernel.run::<Wrong<{ Self::Sub as u8 }>, 4>(),
            Self::Mul => kernel.run::<Wrong<{ Self::Mul as u8 }>, 4>(),
            Self::And => kernel.run::<Wrong<{ Self::And as u8 }>, 4>(),
            Self::Shr => kernel.run::<Wrong<{ Self::Shr as u8 }>, 4>(),
            Self::Shl => kernel.run::<Wrong<{ Self::Shl as u8 }>, 4>(),
        }
    }
}

/// Four integers.
#[derive(Clone, Copy)]
struct Wrong<const OPERATION: u8>(Lanes<4>);

impl<const OPERATION: u8> Wrong<OPERATION> {
    /// What an operation comes to: something else, if it is the wrong one.
    fn of(operation: Operation, right: Lanes<4>) -> Self {
        let mut numbers = right.to_array();
        numbers[3] ^= Self::error(operation);
        Self(Lanes::new(numbers))
    }

    fn error(operation: Operation) -> u64 {
        u64::from(OPERATION == operation as u8)
    }
}

impl<const OPERATION: u8> Lane<4> for Wrong<OPERATION> {
    fn new(v: [u64; 4]) -> Self {
        Self::of(Operation::New, Lanes::new(v))
    }

    fn splat(v: u64) -> Self {
        Self::of(Operation::Splat, Lanes::splat(v))
    }

    fn to_array(self) -> [u64; 4] {
        let mut numbers = self.0.to_array();
        numbers[3] ^= Self::error(Operation::ToArray);
        numbers
    }

    fn gather(rows: [&[u64; WORDS]; 4]) -> [Self; WORDS] {
        Lanes::gather(rows).map(|words| Self::of(Operation::Gather, words))
    }

    fn scatter(words: [Self; WORDS]) -> [[u64; WORDS]; 4] {
        let mut rows = Lanes::scatter(words.map(|word| word.0));
        rows[3][0] ^= Self::error(Operation::Scatter);
        rows
    }

    fn add(self, other: Self) -> Self {
        Self::of(Operation::Add, self.0.add(other.0))
    }

    fn sub(self, other: Self) -> Self {
        Self::of(Operation::Sub, self.0.sub(other.0))
    }

    fn mul(self, other: Self) -> Self {
        Self::of(Operation::Mul, self.0.mul(other.0))
    }

    fn and(self, other: Self) -> Self {
        Self::of(Operation::And, self.0.and(other.0))
    }

    fn shr(self, bits: u32) -> Self {
        Self::of(Operation::Shr, self.0.shr(bits))
    }

    fn shl(self, bits: u32) -> Self {
        Self::of(Operation::Shl, self.0.shl(bits))
    }
}
