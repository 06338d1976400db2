//! One layer of a configuration: where its values are, and that it knows each of them.

use std::path::Path;

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider, Source};

use super::{ConfigError, Key, Kind, Settings, keys, prefix, variable};

/// Values by key, from one place.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    metadata: Metadata,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// In words, where a layer has a key.
pub(super) fn origin(metadata: &Metadata, key: &str) -> String {
    metadata.interpolate(&Profile::Default, &key.split('.').collect::<Vec<_>>())
}

/// Puts a value at a key with dots.
fn put(values: &mut Dict, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            values.insert(key.to_owned(), value);
        }
        Some((table, rest)) => {
            let inner = values.entry(table.to_owned()).or_insert_with(|| Dict::new().into());
            if !matches!(inner, Value::Dict(..)) {
                *inner = Dict::new().into();
            }
            if let Value::Dict(_, inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// All values with their keys.
fn leaves(values: &Dict, above: &str, found: &mut Vec<(String, Value)>) {
    for (key, value) in values {
        let key = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        match value {
            Value::Dict(_, inner) => leaves(inner, &key, found),
            _ => found.push((key, value.clone())),
        }
    }
}

/// The key that is most like what somebody wrote.
fn nearest<S: Settings>(written: &str) -> &'static str {
    let alike = |key: &&Key| (written_distance(written, key.name), key.name);
    keys::<S>().min_by_key(alike).map_or("", |key| key.name)
}

/// Levenshtein's distance.
fn written_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (done, from) in left.chars().enumerate() {
        let mut next = vec![done + 1];
        for ((to, above), pair) in right.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or_default();
            next.push((pair + usize::from(from != *to)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

impl Layer {
    fn new(name: &str, origin: impl Fn(&str) -> String + Clone + Send + Sync + 'static) -> Self {
        let metadata = Metadata::named(name.to_owned())
            .interpolater(move |_: &Profile, keys: &[&str]| origin(&keys.join(".")));
        Self { metadata, values: Dict::new() }
    }

    /// Puts a value that this layer has, if there is such a key.
    fn put<S: Settings>(&mut self, key: &str, value: Value) -> Result<(), ConfigError> {
        if !keys::<S>().any(|known| known.name == key) {
            let origin = origin(&self.metadata, key);
            return Err(ConfigError::Unknown { origin, near: nearest::<S>(key) });
        }
        put(&mut self.values, key, value);
        Ok(())
    }

    /// What everything is where nobody says anything.
    pub fn defaults<S: Settings>() -> Self {
        let mut layer = Self::new("default", |key| format!("default of `{key}`"));
        for key in keys::<S>() {
            if let Some(value) = key.default {
                put(&mut layer.values, key.name, value.into());
            }
        }
        layer
    }

    /// A file's values.
    pub fn file<S: Settings>(path: &Path) -> Result<Self, ConfigError> {
        let shown = path.display().to_string();
        let mut layer = Self::new("file", move |key| format!("{shown}: `{key}`"));
        layer.metadata.source = Some(Source::File(path.to_owned()));
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
        let read: Dict = toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let why = error.message().to_owned();
            ConfigError::Syntax { path: path.to_owned(), line, why }
        })?;
        let mut found = Vec::new();
        leaves(&read, "", &mut found);
        let folder = path.parent().unwrap_or(Path::new(""));
        for (key, mut value) in found {
            let is_path = keys::<S>().any(|known| known.name == key && known.kind == Kind::Path);
            let is_list = keys::<S>().any(|known| known.name == key && known.kind == Kind::List);
            if let (true, Some(items)) = (is_list, value.as_array()) {
                let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                if let Some(texts) = texts {
                    value = texts.join(", ").into();
                }
            }
            // A path is text, and stays it: file and folder are.
            if let (true, Some(relative)) = (is_path, value.as_str()) {
                let joined = folder.join(relative);
                let joined = joined
                    .to_str()
                    .ok_or_else(|| ConfigError::NotText { origin: path.display().to_string() })?;
                value = joined.into();
            }
            layer.put::<S>(&key, value)?;
        }
        Ok(layer)
    }

    /// The variables that are this program's.
    pub fn environment<S: Settings>(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut layer = Self::new("environment", |key| format!("variable {}", variable::<S>(key)));
        for (name, value) in variables {
            if let Some(key) = name.strip_prefix(&prefix::<S>()) {
                let key = key.to_lowercase().replace("__", ".");
                layer.put::<S>(&key, value.into())?;
            }
        }
        Ok(layer)
    }

    /// What the command line says.
    pub fn flags<S: Settings>(flags: &[(String, String)]) -> Result<Self, ConfigError> {
        let mut layer = Self::new("command line", |key| {
            match keys::<S>().find(|known| known.name == key).and_then(|known| known.flag) {
                Some(flag) => format!("flag {flag}"),
                None => format!("flag --set {key}"),
            }
        });
        for (key, value) in flags {
            layer.put::<S>(key, value.as_str().into())?;
        }
        Ok(layer)
    }
}
