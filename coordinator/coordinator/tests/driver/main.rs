//! Rounds with real secure aggregation, run by drivers on real stores.

mod bounds;
mod desk;
mod erased;
mod faults;
mod health;
mod receipts;
mod reopened;
mod wire;
mod work;
mod world;
