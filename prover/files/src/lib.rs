//! Opens and replaces files where somebody else may have made the folder: [`regular`].
//!
//! ```
//! use std::io::{Read, Write};
//! use zktrain_files::regular;
//!
//! let path = std::env::temp_dir().join(format!("zktrain-files-{}", std::process::id()));
//! regular::replace(&path, |file| file.write_all(b"whole, or not at all"))?;
//! let mut text = String::new();
//! regular::open(&path)?.read_to_string(&mut text)?;
//! assert_eq!(text, "whole, or not at all");
//! assert!(regular::open(&std::env::temp_dir()).is_err(), "a folder is no file");
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), std::io::Error>(())
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod regular;
