//! What owners and coordinators check of each other: each rule with what happens if it is broken.

mod downloads;
mod inclusion;
mod joining;
mod liar;
mod coordinator;
mod plans;
mod registrations;
mod submissions;
mod world;
