//! The sheet: all integers of a proof in rows of `2^c`.

use rayon::prelude::*;
use zktrain_model::relation::{Group, SheetLayout, TensorId};

use zktrain_model::trace::Parameters;
use zktrain_msm::Row;

/// The rows of a layout, filled with values. A row that nothing was written to
/// takes no memory.
#[derive(Clone, Debug)]
pub struct Sheet {
    layout: SheetLayout,
    rows: Vec<Row>,
    /// Position in `rows` of each row number of the address space.
    positions: Vec<u32>,
}

const ABSENT: u32 = u32::MAX;

impl Sheet {
    /// All cells zero.
    pub fn new(layout: SheetLayout) -> Self {
        let mut positions = vec![ABSENT; 1 << layout.hi_log()];
        for (position, row) in layout.rows.iter().enumerate() {
            positions[row.index as usize] = position as u32;
        }
        let rows = vec![Row::Dense(Vec::new()); layout.rows.len()];
        Self { layout, rows, positions }
    }

    pub fn layout(&self) -> &SheetLayout {
        &self.layout
    }

    /// The rows, in the order of the layout.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows of a group.
    pub fn group(&self, group: Group) -> Vec<&Row> {
        self.layout.group_rows(group).map(|position| &self.rows[position]).collect()
    }

    /// Entries of all rows that exist, padding included.
    pub fn entries(&self) -> usize {
        self.rows.len() << self.layout.row_log
    }

    /// Writes a tensor: its real cells, row-major in the order of its dimensions.
    ///
    /// # Panics
    /// If `values` is not as long as the tensor has real cells.
    pub fn fill(&mut self, id: TensorId, values: &[i32]) {
        let tensor = self.layout.tensor(id).clone();
        assert_eq!(values.len(), tensor.cells(), "cells of {}", tensor.name);
        let Some((last, outer)) = tensor.dims.split_last() else { return };
        let mut index = vec![0usize; outer.len()];
        for run in values.chunks(last.axis.size) {
            self.write(tensor.address(&index), run);
            for (x, dim) in index.iter_mut().zip(outer).rev() {
                *x += 1;
                if *x < dim.axis.size {
                    break;
                }
                *x = 0;
            }
        }
    }

    /// Writes one cell.
    pub fn set(&mut self, id: TensorId, flat: usize, value: i32) {
        let address = self.layout.tensor(id).flat_address(flat);
        self.write(address, &[value]);
    }

    /// Reads one cell.
    pub fn get(&self, id: TensorId, flat: usize) -> i32 {
        let address = self.layout.tensor(id).flat_address(flat);
        let (row, offset) = self.row_at(address);
        row.get(offset).copied().unwrap_or(0)
    }

    /// Whether nothing but zeros was ever written to the tensor's rows.
    pub fn is_untouched(&self, id: TensorId) -> bool {
        let c = self.layout.row_log;
        let pieces = self.layout.tensor(id).pieces();
        pieces.iter().all(|piece| {
            let last = piece.address + piece.len as u64 - 1;
            (piece.address >> c..=last >> c).all(|row| self.row_at(row << c).0.is_empty())
        })
    }

    /// The stored part of the row that holds an address, and the offset in it.
    pub fn row_at(&self, address: u64) -> (&[i32], usize) {
        let c = self.layout.row_log;
        let offset = (address & ((1 << c) - 1)) as usize;
        let position = self.positions[(address >> c) as usize];
        match self.rows.get(position as usize) {
            Some(Row::Dense(entries)) => (entries, offset),
            _ => (&[], offset),
        }
    }

    fn write(&mut self, mut address: u64, mut values: &[i32]) {
        let c = self.layout.row_log;
        while !values.is_empty() {
            let offset = (address & ((1 << c) - 1)) as usize;
            let (now, rest) = values.split_at(values.len().min((1 << c) - offset));
            let position = self.positions[(address >> c) as usize];
            if let Some(Row::Dense(entries)) = self.rows.get_mut(position as usize) {
                if entries.is_empty() && now.iter().any(|v| *v != 0) {
                    entries.resize(1 << c, 0);
                }
                if !entries.is_empty() {
                    entries[offset..offset + now.len()].copy_from_slice(now);
                }
            }
            address += now.len() as u64;
            values = rest;
        }
    }

    /// Bytes of memory that the rows take.
    pub fn bytes(&self) -> usize {
        self.rows.par_iter().map(|row| 4 * row.width()).sum()
    }
}

/// A block of parameters, or of anything with one integer a parameter, in the
/// order of the block's tensors.
pub fn fill_block(sheet: &mut Sheet, ids: &[TensorId], parameters: &Parameters) {
    for (id, values) in ids.iter().zip(parameters.tensors()) {
        sheet.fill(*id, values);
    }
}
