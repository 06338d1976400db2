//! What owners and coordinators check of each other: each rule with what happens if it is broken.

mod coordinator;
mod downloads;
mod inclusion;
mod joining;
mod liar;
mod plans;
mod registrations;
mod submissions;
mod world;
