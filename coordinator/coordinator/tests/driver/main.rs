//! Rounds with real secure aggregation, run by drivers on real stores.

mod bounds;
mod erased;
mod faults;
mod health;
mod receipts;
mod reopened;
mod requests;
mod wire;
mod work;
mod world;
