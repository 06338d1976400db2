//! The document's text (`benchmarks.md.jinja`), and how it writes numbers.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

use crate::Error;

/// The text with these values in it.
pub(super) fn render(values: &impl Serialize) -> Result<String, Error> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).keep_trailing_newline(true).build();
    environment.set_syntax(syntax.map_err(Error::Text)?);
    // A value that is not there is a mistake in the text, not an empty cell.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("number", |value: Option<f64>| dashed(value, number));
    environment.add_filter("ratio", |value: Option<f64>| dashed(value, ratio));
    environment.add_filter("count", |value: Option<u64>| dashed(value, count));
    environment.add_filter("or_dash", |value: Option<Value>| dashed(value, |v| v.to_string()));
    environment.add_filter("fixed", |value: f64, digits: usize| format!("{value:.digits$}"));
    let text = include_str!("benchmarks.md.jinja");
    environment.render_named_str("benchmarks.md", text, Serde(values)).map_err(Error::Text)
}

/// A value as it is written, or a dash.
fn dashed<T>(value: Option<T>, write: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), write)
}

/// Three significant digits for what is below a hundred, none behind the point above.
fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        v if v >= 0.995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A number with its unit; a ratio where it has none.
pub(super) fn measure(value: f64, unit: &str) -> String {
    if unit.is_empty() { ratio(value) } else { number(value) + unit }
}

/// A ratio, two digits behind the point below ten.
fn ratio(value: f64) -> String {
    if value < 9.995 { format!("{value:.2}") } else { number(value) }
}

/// A count with thin spaces between thousands.
fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_what_they_tell() {
        let cases =
            [(1234.6, "1235"), (99.96, "100"), (12.34, "12.3"), (1.234, "1.23"), (0.0567, "0.057")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(ratio(0.5), "0.50");
        assert_eq!(dashed(None, number), "–");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(count(12), "12");
    }

    #[test]
    fn a_text_without_its_values_is_refused() {
        let values = serde_json::json!({ "machines": [] });
        assert!(matches!(render(&values), Err(Error::Text(_))));
    }
}
