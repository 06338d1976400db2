//! One level of the tree: regions that are still long, and the dense run behind them.

use ark_bn254::Fr;
use rayon::prelude::*;

use super::block::{Batching, Binding, Block, Full, Node, Ones, Parts, Totals};
use super::region::{Region, Share, bind_dense, sum_dense};
use super::small::Small;
use super::twin::Twin;
use super::weights::{EqTables, weight_below};

/// The nodes of a level, grouped in blocks of four siblings.
pub(super) struct Level {
    /// By descending size, one after another from index 0.
    pub(super) regions: Vec<AnyRegion>,
    pub(super) run: Run,
}

/// A region of any kind of blocks.
pub(super) enum AnyRegion {
    /// With general numerators.
    Full(Region<Full>),
    /// With numerators one.
    Ones(Region<Ones>),
    /// With numerators one and denominators that are small integers but for a constant.
    Small(Region<Small>),
    /// The same after one variable.
    Twin(Region<Twin>),
}

/// Calls the same method on the region of any kind.
macro_rules! on_region {
    ($any:expr, $region:ident => $body:expr) => {
        match $any {
            AnyRegion::Full($region) => $body,
            AnyRegion::Ones($region) => $body,
            AnyRegion::Small($region) => $body,
            AnyRegion::Twin($region) => $body,
        }
    };
}

impl AnyRegion {
    /// The logarithm of the number of blocks.
    pub(super) fn log(&self) -> u32 {
        on_region!(self, region => region.log)
    }

    pub(super) fn share(&self, eq: &EqTables, z: &[Fr], batching: &Batching) -> Share {
        on_region!(self, region => region.share(eq, z, batching))
    }

    pub(super) fn rest_value(&self, batching: &Batching) -> Fr {
        on_region!(self, region => region.rest_value(batching))
    }

    pub(super) fn bind(self, binding: &Binding) -> Self {
        match self {
            Self::Full(region) => Self::Full(region.bind(binding)),
            Self::Ones(region) => Self::Ones(region.bind(binding)),
            Self::Small(region) => Self::Twin(region.bind(binding)),
            Self::Twin(region) => Self::Ones(region.bind(binding)),
        }
    }

    pub(super) fn single(&self, batching: &Batching) -> Full {
        on_region!(self, region => region.single(batching))
    }

    fn nodes(&self) -> Vec<Node> {
        on_region!(self, region => region.nodes().collect())
    }

    fn parents(&self) -> Self {
        Self::Full(on_region!(self, region => region.parents()))
    }
}

/// Stored blocks up to the last one used; those behind hold zeros.
pub(super) struct Run {
    /// Index of the first block in the level.
    pub(super) first: usize,
    pub(super) blocks: Vec<Full>,
}

impl Run {
    /// A run of nodes, the first of which is node `4·first`.
    pub(super) fn of(first: usize, nodes: &[Node]) -> Self {
        let block = |group: &[Node]| {
            Full::of(core::array::from_fn(|i| group.get(i).copied().unwrap_or(Node::zero())))
        };
        Self { first, blocks: nodes.chunks(4).map(block).collect() }
    }

    pub(super) fn parts(&self, eq: &EqTables, variables: usize, zero: &Full) -> Parts {
        if self.blocks.is_empty() {
            return Parts::zero();
        }
        sum_dense(&self.blocks, zero, self.first / 2, eq.over(variables))
    }

    /// The weight of all pairs behind the run.
    pub(super) fn rest(&self, z: &[Fr]) -> Fr {
        Fr::from(1u64) - weight_below(z, (self.first + self.blocks.len()).div_ceil(2))
    }

    pub(super) fn bind(&mut self, binding: &Binding, zero: &Full) {
        self.first /= 2;
        self.blocks = bind_dense(&self.blocks, zero, &binding.t);
    }
}

impl Level {
    /// The level above. Regions of fewer than `4^min` of its blocks dissolve.
    pub(super) fn parents(&self, keep_regions: bool) -> Self {
        let kept = self.regions.iter().take_while(|region| keep_regions && region.log() >= 2);
        let regions: Vec<AnyRegion> = kept.map(AnyRegion::parents).collect();
        let mut nodes: Vec<Node> =
            self.regions[regions.len()..].iter().flat_map(AnyRegion::nodes).collect();
        nodes.par_extend(self.run.blocks.par_iter().map(|block| block.node(&())));
        let first = regions.iter().map(|region| 1 << region.log()).sum();
        Self { regions, run: Run::of(first, &nodes) }
    }

    pub(super) fn prepare(&mut self, batching: &Batching) {
        for region in &mut self.regions {
            on_region!(region, region => region.prepare(batching));
        }
        self.run.blocks.iter_mut().for_each(|block| block.prepare(batching));
    }
}
