//! The contracts through the client, on a node of this project's and on anvil.

#[path = "../backend/mod.rs"]
mod backend;
mod chain;
#[path = "../backend/gate.rs"]
mod gate;
mod header;
mod kill;
mod protection;
mod reorganization;
mod rounds;
mod serve;
