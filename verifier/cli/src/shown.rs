//! Output, in which nothing that a file says moves a cursor.

use std::io::{ErrorKind, Write};

/// Prints on standard output, at once; whether it was taken. A reader who has closed it has read
/// enough.
pub fn print(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    let text = format!("{}\n", escaped(text.trim_end()));
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) => error.kind() == ErrorKind::BrokenPipe,
        Ok(()) => true,
    }
}

/// A line on standard error; if it does not take it, nobody can be told.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", escaped(text));
}

/// The text with what a terminal would obey, or show in another order, as `\u{1b}`.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c != '\n' && (c.is_control() || reorders) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        assert_eq!(escaped("a\nb — ✓"), "a\nb — ✓");
        assert_eq!(escaped("a\u{1b}[2K\u{202e}"), "a\\u{1b}[2K\\u{202e}");
    }
}
