//! Rounds with real secure aggregation, run by drivers on real stores.

mod desk;
mod erased;
mod faults;
mod receipts;
mod reopened;
mod wire;
mod work;
mod world;
