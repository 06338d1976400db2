//! A configuration as it is in effect, with where each value is from.

use std::fmt;
use std::ops::Deref;

use figment::Figment;
use figment::value::Value;

use super::{Key, Kind, Settings, keys, layer};

/// A configuration, and the layers that it is from.
#[derive(Clone)]
pub struct Effective<S> {
    pub(super) settings: S,
    pub(super) figment: Figment,
}

impl<S> Effective<S> {
    /// The configuration.
    pub fn into_inner(self) -> S {
        self.settings
    }
}

impl<S> Deref for Effective<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.settings
    }
}

impl<S: Settings> fmt::Debug for Effective<S> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.render())
    }
}

/// An address without what may be a secret: the scheme and the host are left of a URL, as
/// passwords stand before the host, and tokens in paths and queries.
fn without_secrets(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        // A file.
        return text.split(['?', '#']).next().unwrap_or_default().to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // Passwords may hold anything, even what ends an authority.
    let host = match rest.rsplit_once('@') {
        Some((_, after)) => after.split(['/', '?', '#']).next().unwrap_or_default(),
        None => authority,
    };
    let hidden = rest.len() > host.len();
    format!("{scheme}://{host}{}", if hidden { "/…" } else { "" })
}

fn shown(key: &Key, value: &Value) -> String {
    let text = match value {
        Value::String(_, text) => text.clone(),
        Value::Bool(_, value) => return value.to_string(),
        Value::Num(_, number) => {
            let whole = number.to_u128().map(|n| n.to_string());
            let whole = whole.or_else(|| number.to_i128().map(|n| n.to_string()));
            let any = whole.or_else(|| number.to_f64().map(|n| n.to_string()));
            return any.unwrap_or_default();
        }
        // No key has any other value.
        _ => String::new(),
    };
    let text = if key.kind == Kind::Private { without_secrets(&text) } else { text };
    toml::Value::String(text).to_string()
}

impl<S: Settings> Effective<S> {
    /// As a file that would give the same, with where each value is from. Secrets are left out.
    pub fn render(&self) -> String {
        let mut lines = String::new();
        let mut table = "";
        // Keys of no table come first, as in a file.
        let (plain, nested): (Vec<&Key>, Vec<&Key>) =
            keys::<S>().partition(|key| !key.name.contains('.'));
        for key in plain.into_iter().chain(nested) {
            let (of, name) = key.name.split_once('.').unwrap_or(("", key.name));
            if of != table {
                lines.push_str(&format!("\n[{of}]\n"));
                table = of;
            }
            let found = self.figment.find_value(key.name).ok();
            let origin = self.figment.find_metadata(key.name);
            match (found, origin) {
                (Some(value), Some(metadata)) => {
                    let (value, origin) = (shown(key, &value), layer::origin(metadata, key.name));
                    lines.push_str(&format!("{name} = {value}  # {origin}\n"));
                }
                _ => lines.push_str(&format!("# {name} is not set\n")),
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn addresses_lose_what_may_be_secret() {
        for (text, expected) in [
            ("postgres://me:pa@ss/w?rd@db.local:5432/zktrain", "postgres://db.local:5432/…"),
            ("https://node.example/v3/0123456789abcdef", "https://node.example/…"),
            ("https://node.example?token=x", "https://node.example/…"),
            ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
            ("embedded:/var/lib/chain.redb", "embedded:/var/lib/chain.redb"),
            ("sqlite:/data/c.sqlite?key=secret", "sqlite:/data/c.sqlite"),
        ] {
            assert_eq!(without_secrets(text), expected);
        }
    }
}
