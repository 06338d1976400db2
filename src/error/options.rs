//! Options of commands.

/// Options that do not go together or are missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// An option without which the command cannot do its work.
    #[error("{option} is required {when}")]
    Required {
        option: &'static str,
        /// In which case.
        when: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// An option about a chain of proofs, for proofs that are checked each on its own.
    #[error(
        "{option} is about a project's chain of proofs; single proofs are checked each on its own, \
         without it"
    )]
    OfChains { option: &'static str },
    /// A preset that does not exist.
    #[error("no preset is called {got:?}")]
    Preset {
        /// The name given.
        got: String,
    },
    /// A network that has no such name.
    #[error("no network is called {got:?}")]
    Architecture {
        /// The name given.
        got: String,
    },
    /// A shape that does not fit the data.
    #[error("--shape says {got} {what}, the data have {expected}")]
    Shape {
        /// Inputs or outputs.
        what: &'static str,
        /// What the data have.
        expected: usize,
        /// What the option says.
        got: usize,
    },
    /// A value that cannot be read.
    #[error("{option}: expected {expected}, got {got:?}")]
    Value {
        option: &'static str,
        /// What is expected.
        expected: &'static str,
        got: String,
    },
}
