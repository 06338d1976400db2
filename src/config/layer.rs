//! One layer of a configuration: where its values are, and that it knows each of them.

use std::path::Path;

use figment::providers::Serialized;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};

use super::{ConfigError, Key, Kind, Settings, keys, prefix, variable};

/// Values by key, from one place.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    metadata: Metadata,
    values: Vec<(String, Value)>,
}

/// One value, at a key with dots, with the place that it is from.
struct Entry<'a> {
    metadata: &'a Metadata,
    value: Serialized<Value>,
}

impl Provider for Entry<'_> {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        self.value.data()
    }
}

/// In words, where a layer has a key.
pub(super) fn origin(metadata: &Metadata, key: &str) -> String {
    metadata.interpolate(&Profile::Default, &key.split('.').collect::<Vec<_>>())
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
    let alike = |key: &&Key| (strsim::levenshtein(written, key.name), key.name);
    keys::<S>().min_by_key(alike).map_or("", |key| key.name)
}

impl Layer {
    fn new(name: &str, origin: impl Fn(&str) -> String + Clone + Send + Sync + 'static) -> Self {
        let metadata = Metadata::named(name.to_owned())
            .interpolater(move |_: &Profile, keys: &[&str]| origin(&keys.join(".")));
        Self { metadata, values: Vec::new() }
    }

    /// Lays this layer's values over those that are there.
    pub fn over(self, figment: Figment) -> Figment {
        let Self { metadata, values } = &self;
        values.iter().fold(figment, |figment, (key, value)| {
            let value = Serialized::default(key, value.clone());
            figment.merge(Entry { metadata, value })
        })
    }

    /// Puts a value that this layer has, if there is such a key.
    fn put<S: Settings>(&mut self, key: &str, value: Value) -> Result<(), ConfigError> {
        if !keys::<S>().any(|known| known.name == key) {
            let origin = origin(&self.metadata, key);
            return Err(ConfigError::Unknown { origin, near: nearest::<S>(key) });
        }
        self.values.push((key.to_owned(), value));
        Ok(())
    }

    /// What everything is where nobody says anything.
    pub fn defaults<S: Settings>() -> Self {
        let mut layer = Self::new("default", |key| format!("default of `{key}`"));
        let given = keys::<S>().filter_map(|key| Some((key.name.to_owned(), key.default?.into())));
        layer.values.extend(given);
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
