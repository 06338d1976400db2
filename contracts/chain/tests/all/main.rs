//! The contracts through the client, on a node of this project's and on anvil.

mod chain;
mod header;
mod kill;
mod protection;
mod reorganization;
mod rounds;
