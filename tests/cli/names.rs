//! No two public types of the workspace's libraries have one name: a name in a message, a document or
//! a search then means one thing, and no import has to be renamed.
//!
//! It is the source text that is read: public types at the top of a module, but those that macros write.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Names that several crates may give to a type, and why.
const ALLOWED: &[(&str, &str)] = &[(
    "Error",
    "the one error of a crate whose callers see no other: it is read with the crate's name",
)];

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Folders of the workspace's libraries, relative to its root: all members but programs and benches.
fn libraries() -> Vec<String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap().iter();
    let members = members.map(|member| member.as_str().unwrap().to_owned());
    members.filter(|m| m != "benches" && root().join(m).join("src/lib.rs").is_file()).collect()
}

/// All Rust files of a folder and the folders in it.
pub(super) fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// The name that a line gives to a public type.
fn declared(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub ")?;
    let rest = rest.strip_prefix("unsafe ").unwrap_or(rest);
    let kinds = ["struct ", "enum ", "trait ", "type ", "union "];
    let rest = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// Where each name is declared.
fn names() -> BTreeMap<String, BTreeSet<String>> {
    let mut names = BTreeMap::<String, BTreeSet<String>>::new();
    for library in libraries() {
        let mut files = Vec::new();
        sources(&root().join(&library).join("src"), &mut files);
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            let place = file.strip_prefix(root()).unwrap().display().to_string();
            for name in text.lines().filter_map(declared) {
                names.entry(name.to_owned()).or_default().insert(place.clone());
            }
        }
    }
    names
}

#[test]
fn no_two_public_types_have_one_name() {
    let names = names();
    assert!(names.len() > 400, "only {} types were found", names.len());
    let allowed = |name: &str| ALLOWED.iter().any(|(known, _)| *known == name);
    let twice: Vec<_> = names.iter().filter(|(n, at)| at.len() > 1 && !allowed(n)).collect();
    assert!(twice.is_empty(), "say in each name what the type is: {twice:#?}");
    for (name, why) in ALLOWED {
        assert!(names.contains_key(*name), "no type is called `{name}`, which is allowed as {why}");
    }
}

#[test]
fn names_are_found_where_types_are_declared() {
    assert_eq!(declared("pub struct Sheet<'a> {"), Some("Sheet"));
    assert_eq!(declared("pub type Row = [Fr; 4];"), Some("Row"));
    assert_eq!(declared("pub trait Work: Send {"), Some("Work"));
    for other in ["pub(crate) struct A;", "    pub struct B;", "pub fn struct_of() {", "struct C;"]
    {
        assert_eq!(declared(other), None, "{other}");
    }
}
