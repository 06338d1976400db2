//! Rounds of the coordinator's machine with real members, in virtual time.

mod bounds;
mod forged;
mod jobs;
mod large;
mod rules;
mod schedules;
mod world;
