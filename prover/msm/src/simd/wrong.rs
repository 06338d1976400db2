//! Four integers, one operation on which is wrong in the last of them: what nobody should choose.

use core::cell::Cell;

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
        WRONG.set(Some(self));
        let output = kernel.run::<Wrong, 4>();
        WRONG.set(None);
        output
    }
}

thread_local! {
    /// The operation that is wrong in this thread. A type for each would have every kernel compiled
    /// eleven times more.
    static WRONG: Cell<Option<Operation>> = const { Cell::new(None) };
}

/// Four integers.
#[derive(Clone, Copy)]
struct Wrong(Lanes<4>);

impl Wrong {
    /// What an operation comes to: something else, if it is the wrong one.
    fn of(operation: Operation, right: Lanes<4>) -> Self {
        let mut numbers = right.to_array();
        numbers[3] ^= Self::error(operation);
        Self(Lanes::new(numbers))
    }

    fn error(operation: Operation) -> u64 {
        u64::from(WRONG.get() == Some(operation))
    }
}

impl Lane<4> for Wrong {
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
