//! What owners and coordinators check of each other: each rule with what happens if it is broken.

#[path = "../../contracts/tests/backend/mod.rs"]
mod backend;
#[path = "../common/mod.rs"]
mod common;
mod inclusion;
mod liar;
mod operator;
mod plans;
mod registrations;
mod shelf;
mod submissions;
mod world;
