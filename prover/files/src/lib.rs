//! Opens and replaces files where somebody else may have made the folder: [`regular`].
#![forbid(unsafe_code)]

pub mod regular;
