//! Which blocks count: those that no reorganization takes back.

use core::fmt;
use core::num::NonZeroU64;
use core::str::FromStr;

use alloy::eips::BlockNumberOrTag;

/// Which blocks count as final. What a party has signed for a block that is taken back can be
/// held against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finality {
    /// Those that the chain has finalized: on Ethereum after some 15 minutes.
    Finalized,
    /// Those that the chain calls safe, as two thirds of its stake have voted for them: on Ethereum after
    /// some 6 to 13 minutes.
    Safe,
    /// Those that are so many blocks deep, themselves included: one is the latest block.
    Blocks(NonZeroU64),
}

impl Finality {
    /// The latest block counts: on a chain that is never reorganized.
    pub const LATEST: Self = Self::Blocks(NonZeroU64::MIN);

    /// The tag that nodes know the last such block by.
    pub(super) fn tag(self) -> Option<BlockNumberOrTag> {
        match self {
            Self::Finalized => Some(BlockNumberOrTag::Finalized),
            Self::Safe => Some(BlockNumberOrTag::Safe),
            Self::LATEST => Some(BlockNumberOrTag::Latest),
            Self::Blocks(_) => None,
        }
    }

    /// The last such block, where the latest is this one and there is no tag for it.
    pub(super) fn below(self, latest: u64) -> u64 {
        match self {
            Self::Finalized | Self::Safe => latest,
            Self::Blocks(depth) => latest.saturating_sub(depth.get() - 1),
        }
    }
}

impl FromStr for Finality {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "expected `finalized`, `safe`, or a number of blocks from 1 on";
        match text {
            "finalized" => Ok(Self::Finalized),
            "safe" => Ok(Self::Safe),
            _ => text.parse().map(Self::Blocks).map_err(|_| wrong),
        }
    }
}

impl fmt::Display for Finality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finalized => f.write_str("finalized"),
            Self::Safe => f.write_str("safe"),
            Self::Blocks(depth) => depth.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_it_is_read() {
        for text in ["finalized", "safe", "1", "64"] {
            assert_eq!(text.parse::<Finality>().unwrap().to_string(), text);
        }
        for wrong in ["", "0", "-1", "latest", "Safe", "1.5"] {
            assert!(wrong.parse::<Finality>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_block_is_the_latest_and_more_are_below_it() {
        let blocks = |text: &str| text.parse::<Finality>().unwrap();
        assert_eq!(blocks("1"), Finality::LATEST);
        assert_eq!(blocks("3").below(10), 8);
        assert_eq!(blocks("30").below(10), 0);
    }
}
