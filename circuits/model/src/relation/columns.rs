//! The leaves of the lookup tree: one aligned column a lookup and a table,
//! the largest first.

use super::Relation;

/// What a column of leaves stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// `1/(α − fingerprint)` for each position of this lookup.
    Lookup(usize),
    /// `−multiplicity/(α − fingerprint)` for each key of this table.
    Table(usize),
}

/// A column's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// What it stands for.
    pub kind: ColumnKind,
    /// It has `2^log` leaves.
    pub log: u32,
    /// Its first leaf, a multiple of `2^log`.
    pub offset: u64,
}

/// All columns; what lies beyond the last one are fractions `0/1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafLayout {
    /// Columns in the order of their leaves.
    pub columns: Vec<Column>,
    /// The tree has `2^log` leaves; even, as the tree's arity is four.
    pub log: u32,
}

impl LeafLayout {
    /// The columns of a relation's lookups and tables.
    pub fn of(relation: &Relation) -> Self {
        let lookups = relation.lookups.iter().enumerate();
        let lookups = lookups.map(|(i, l)| (ColumnKind::Lookup(i), l.domain.log()));
        let tables = relation.tables.iter().enumerate();
        let tables = tables.map(|(i, t)| (ColumnKind::Table(i), t.log));
        let mut sized: Vec<_> = lookups.chain(tables).collect();
        sized.sort_by_key(|(_, log)| core::cmp::Reverse(*log));
        let mut offset = 0u64;
        let columns = sized
            .into_iter()
            .map(|(kind, log)| {
                let column = Column { kind, log, offset };
                offset += 1 << log;
                column
            })
            .collect();
        let log = offset.next_power_of_two().trailing_zeros().max(4);
        Self { columns, log: log.next_multiple_of(2) }
    }
}
