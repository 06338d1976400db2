//! Checks a lineage.
