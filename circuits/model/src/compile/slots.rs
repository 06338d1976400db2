//! An operator's tensors by name, and in which order its numbers lie in them.

use std::collections::BTreeMap;
use std::fmt;

use super::builder::RoundedIds;
use super::error::CompileError;
use super::tensors::Tensors;
use super::wide::{DigitStack, WideIds, place_digits};
use crate::manifest::{Features, Network, RoundSpec};
use crate::quant::Expansion;
use crate::relation::TensorId;

/// Where the numbers of one tensor of a trace are committed to.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Numbers at each position.
    pub channels: usize,
    /// Sizes of the positions: a trace's `(T, B, sides…, channels)` is the tensors' `(channels, T, B, sides…)`.
    pub sides: Vec<usize>,
    /// The tensors.
    pub ids: SlotIds,
}

/// The tensors of a slot.
#[derive(Clone, Debug)]
pub enum SlotIds {
    /// One, of numbers as they are.
    Plain(TensorId),
    /// Those of numbers that are rounded.
    Rounded(RoundedIds),
    /// Digits of wide integers, `(channels, T)` each, or `(T, B, sides…)` where there is one of each position.
    Wide(WideIds),
}

/// The tensors of a layer's operators, or of a loss, by the names that these give them.
#[derive(Clone, Default)]
pub struct Slots {
    slots: BTreeMap<&'static str, Slot>,
    stacks: Vec<DigitStack>,
}

/// Stacks only where there are some: digests of other relations are what they were before there were any.
impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slots, stacks } = self;
        let mut all = f.debug_struct("Slots");
        all.field("slots", slots);
        if !stacks.is_empty() {
            all.field("stacks", stacks);
        }
        all.finish()
    }
}

impl Slots {
    /// Names and slots, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Slot)> + '_ {
        self.slots.iter().map(|(name, slot)| (*name, slot))
    }

    /// The tensor of that name, of numbers as they are.
    pub fn plain(&self, name: &str) -> Option<TensorId> {
        match self.slots.get(name)?.ids {
            SlotIds::Plain(id) => Some(id),
            SlotIds::Rounded(_) | SlotIds::Wide(_) => None,
        }
    }

    /// The tensors of that name, of numbers that are rounded.
    pub fn rounded(&self, name: &str) -> Option<&RoundedIds> {
        match &self.slots.get(name)?.ids {
            SlotIds::Rounded(ids) => Some(ids),
            SlotIds::Plain(_) | SlotIds::Wide(_) => None,
        }
    }

    /// The digits of wide integers of that name.
    pub fn wide(&self, name: &str) -> Option<&WideIds> {
        match &self.slots.get(name)?.ids {
            SlotIds::Wide(ids) => Some(ids),
            SlotIds::Plain(_) | SlotIds::Rounded(_) => None,
        }
    }

    /// Where the digits of all wide integers lie.
    pub fn stacks(&self) -> &[DigitStack] {
        &self.stacks
    }

    /// The same, to be changed.
    #[cfg(test)]
    pub fn rounded_mut(&mut self, name: &str) -> Option<&mut RoundedIds> {
        match &mut self.slots.get_mut(name)?.ids {
            SlotIds::Rounded(ids) => Some(ids),
            SlotIds::Plain(_) | SlotIds::Wide(_) => None,
        }
    }

    /// Without that name.
    #[cfg(test)]
    pub fn remove(&mut self, name: &str) {
        self.slots.remove(name);
    }
}

/// What an operator declares its tensors to.
pub(crate) struct Declaration<'a> {
    pub network: &'a Network,
    /// What the tensors' names begin with.
    pub name: &'a str,
    tensors: &'a mut Tensors,
    slots: Slots,
}

impl<'a> Declaration<'a> {
    /// Nothing declared yet.
    pub fn new(network: &'a Network, name: &'a str, tensors: &'a mut Tensors) -> Self {
        Self { network, name, tensors, slots: Slots::default() }
    }

    /// All that was declared.
    pub fn slots(self) -> Slots {
        self.slots
    }

    /// The list of tensors itself.
    pub fn tensors(&mut self) -> &mut Tensors {
        self.tensors
    }

    /// Numbers as they are, of every step and sample.
    ///
    /// # Errors
    /// If fewer tensors were placed.
    pub fn plain(&mut self, part: &'static str, of: &Features) -> Result<(), CompileError> {
        self.cells(part, of.channels, of.sides())
    }

    /// The same at positions with any number of sides.
    ///
    /// # Errors
    /// As [`Self::plain`].
    pub fn cells(
        &mut self,
        part: &'static str,
        channels: usize,
        sides: &[usize],
    ) -> Result<(), CompileError> {
        let window = [channels, self.network.steps, self.network.batch];
        let sizes: Vec<usize> = window.into_iter().chain(sides.iter().copied()).collect();
        let id = self.tensors.plain(format!("{}.{part}", self.name), &sizes)?;
        let slot = Slot { channels, sides: sides.to_vec(), ids: SlotIds::Plain(id) };
        self.slots.slots.insert(part, slot);
        Ok(())
    }

    /// One number a sample.
    ///
    /// # Errors
    /// As [`Self::plain`].
    pub fn each(&mut self, part: &'static str, of: &Features) -> Result<(), CompileError> {
        let sides = of.sides().to_vec();
        let sizes = [&[self.network.steps, self.network.batch], &sides[..]].concat();
        let id = self.tensors.plain(format!("{}.{part}", self.name), &sizes)?;
        let slot = Slot { channels: 1, sides, ids: SlotIds::Plain(id) };
        self.slots.slots.insert(part, slot);
        Ok(())
    }

    /// Numbers that are rounded.
    ///
    /// # Errors
    /// As [`Self::plain`].
    pub fn rounded(
        &mut self,
        part: &'static str,
        spec: &RoundSpec,
        of: &Features,
    ) -> Result<(), CompileError> {
        let name = format!("{}.{part}", self.name);
        let ids = self.tensors.rounded(&name, spec, &self.network.tensor(of))?;
        let (channels, sides) = (of.channels, of.sides().to_vec());
        self.slots.slots.insert(part, Slot { channels, sides, ids: SlotIds::Rounded(ids) });
        Ok(())
    }

    /// Wide integers, one of each channel and step, whose digits lie in stacks.
    ///
    /// # Errors
    /// As [`Self::plain`].
    pub fn wide(
        &mut self,
        parts: &[(&'static str, &Expansion)],
        channels: usize,
    ) -> Result<(), CompileError> {
        self.stacked(parts, channels, &[channels, self.network.steps])
    }

    /// The same, one of each step, sample and position.
    ///
    /// # Errors
    /// As [`Self::plain`].
    pub fn wide_rows(
        &mut self,
        parts: &[(&'static str, &Expansion)],
        sides: &[usize],
    ) -> Result<(), CompileError> {
        self.stacked(parts, 1, &[&[self.network.steps, self.network.batch], sides].concat())
    }

    /// The same, one of each number of these features, step and sample.
    ///
    /// # Errors
    /// As [`Self::plain`].
    pub fn wide_at(
        &mut self,
        parts: &[(&'static str, &Expansion)],
        of: &Features,
    ) -> Result<(), CompileError> {
        self.stacked(parts, of.channels, &self.network.tensor(of))
    }

    fn stacked(
        &mut self,
        parts: &[(&'static str, &Expansion)],
        channels: usize,
        sizes: &[usize],
    ) -> Result<(), CompileError> {
        let (stacks, wide) = place_digits(self.tensors, self.name, parts, sizes)?;
        self.slots.stacks.extend(stacks);
        for ((part, _), ids) in parts.iter().zip(wide) {
            let slot = Slot { channels, sides: Vec::new(), ids: SlotIds::Wide(ids) };
            self.slots.slots.insert(part, slot);
        }
        Ok(())
    }
}
