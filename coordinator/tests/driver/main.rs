//! Rounds with real secure aggregation, run by drivers on real stores.

mod desk;
mod faults;
mod reopened;
mod wire;
mod work;
mod world;
