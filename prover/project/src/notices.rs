//! What people are told while a project is opened.

/// Takes lines for people: on a terminal, in a log, or nowhere.
pub trait Notices {
    /// A line about what is happening.
    fn say(&self, line: &str);

    /// Something that must not be overlooked. The same line may come more than once.
    fn warn(&self, line: &str);
}
