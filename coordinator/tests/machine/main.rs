//! Rounds of the coordinator's machine with real members, in virtual time.

mod forged;
mod jobs;
mod large;
mod rules;
mod schedules;
mod world;
