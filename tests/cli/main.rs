//! The program: its commands as processes, and what comes with it.

mod adam;
mod answers;
mod attention;
mod chain;
mod commands;
#[path = "../common/mod.rs"]
mod common;
mod compression;
mod coordinator;
mod data;
mod demo_killed;
mod genesis;
mod images;
mod limits;
mod members;
mod names;
mod network;
mod network_anvil;
mod network_trouble;
mod overwrite;
mod privacy;
#[path = "../project/mod.rs"]
mod project;
mod redteam;
mod relay;
mod roots;
mod srs_forged;
mod srs_refused;
mod supply;
mod tour;
mod walls;
mod weights;
