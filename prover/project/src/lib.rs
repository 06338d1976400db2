//! A party's project on disk, opened for work: what an owner, a coordinator and a verifier share.
//!
//! A [`project::Project`] is a folder: manifest, settings, data's registration, proofs, and secrets that
//! only their owner reads. Its [`files`] appear whole or not at all. A [`session::Session`] is the
//! manifest with the reference string and the training key that follows from both; it is opened once and
//! handed on. [`circuits::Circuits`] are the circuit's keys of a session.
//!
//! ```
//! use zktrain_project::files::{self, Access};
//! use zktrain_project::project::Project;
//!
//! let dir = std::env::temp_dir().join(format!("zktrain-project-{}", std::process::id()));
//! let project = Project::new(&dir);
//! files::create_folder(&project.secret_path(), Access::Owner)?;
//! let lock = project.lock()?;
//! assert!(project.lock().is_err(), "one process at a time");
//! # drop(lock);
//! # std::fs::remove_dir_all(&dir).unwrap();
//! # Ok::<(), zktrain_project::Error>(())
//! ```
#![forbid(unsafe_code)]

pub mod cache;
pub mod circuits;
pub mod data;
mod error;
pub mod files;
pub mod limits;
mod notices;
pub mod project;
pub mod proofs;
pub mod replace;
pub mod secrets;
pub mod session;
pub mod version;

pub use error::Error;
pub use notices::Notices;
