//! What the workspace is made of: versions, origins, and nothing that is not used.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// What cargo says of the workspace and of everything that it depends on.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    rust_version: Option<String>,
    /// None for packages of this repository.
    source: Option<String>,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    rename: Option<String>,
    /// None for what the package itself needs, or `dev`, or `build`.
    kind: Option<String>,
    req: String,
    path: Option<PathBuf>,
}

fn metadata() -> Metadata {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

impl Metadata {
    fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }
}

/// `1.94.1` or `1.94`, as numbers that compare.
fn numbers(version: &str) -> [u64; 3] {
    let mut parts = version.split('.').map(|part| part.parse().unwrap());
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[test]
fn the_stated_compiler_is_not_older_than_a_dependency_needs() {
    let metadata = metadata();
    let needed = metadata.packages.iter().filter(|package| package.source.is_some());
    let needed =
        needed.filter_map(|package| Some((numbers(package.rust_version.as_ref()?), package)));
    let (most, by) = needed.max_by_key(|(version, _)| *version).unwrap();
    for member in metadata.members() {
        let stated = member.rust_version.as_deref();
        let stated = stated.unwrap_or_else(|| panic!("{} states no rust-version", member.name));
        assert!(
            numbers(stated) >= most,
            "{} states Rust {stated}, but {} {} needs {most:?}: raise rust-version in Cargo.toml",
            member.name,
            by.name,
            by.version,
        );
    }
}

#[test]
fn the_readme_names_the_stated_compiler() {
    let metadata = metadata();
    let stated = metadata.members().find_map(|member| member.rust_version.clone()).unwrap();
    let [major, minor, _] = numbers(&stated);
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&format!("Rust {major}.{minor}")), "README.md: Rust {stated}");
}

#[test]
fn everything_comes_from_here_or_from_the_one_registry_with_a_version() {
    let metadata = metadata();
    for package in &metadata.packages {
        match package.source.as_deref() {
            None => assert!(metadata.workspace_members.contains(&package.id), "{}", package.name),
            Some(source) => assert_eq!(
                source, "registry+https://github.com/rust-lang/crates.io-index",
                "{}",
                package.name
            ),
        }
    }
    for member in metadata.members() {
        for dependency in member.dependencies.iter().filter(|d| d.path.is_none()) {
            assert_ne!(dependency.req, "*", "{}: {}", member.name, dependency.name);
        }
    }
}

/// Dependencies that are there for their features alone, with the package that names them.
const FOR_THEIR_FEATURES: [(&str, &str); 0] = [];

#[test]
fn every_dependency_is_used() {
    let metadata = metadata();
    let mut unused = Vec::new();
    for member in metadata.members() {
        let folder = member.manifest_path.parent().unwrap();
        let library = sources(folder, &["src"]);
        let tests = sources(folder, &["src", "tests", "benches", "examples", "fuzz"]);
        for dependency in &member.dependencies {
            let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
            let text = match dependency.kind.as_deref() {
                None => &library,
                Some("dev") => &tests,
                Some(_) => continue,
            };
            let excused = FOR_THEIR_FEATURES.contains(&(member.name.as_str(), name.as_str()));
            if !excused && !names(text, &name.replace('-', "_")) {
                unused.push(format!("{} of {}", name, member.name));
            }
        }
    }
    assert!(unused.is_empty(), "take these out of Cargo.toml: {unused:?}");
}

/// The text of all Rust files in these folders of a package.
fn sources(package: &Path, folders: &[&str]) -> String {
    let mut text = String::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| package.join(folder)).collect();
    while let Some(folder) = open.pop() {
        // A package has some of the folders only.
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    text
}

/// Whether a text names a crate as code does: before `::`, `!` or `;`, or with another name.
fn names(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = &text[at + name.len()..];
        !before.is_some_and(is_part)
            && ["::", "!", ";", " as "].iter().any(|end| after.starts_with(end))
    })
}

#[test]
fn only_images_are_linked_as_a_whole() {
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
    let profiles = manifest["profile"].as_table().unwrap();
    for (name, profile) in profiles {
        let whole = profile.get("lto").is_some_and(|lto| lto.as_bool() != Some(false));
        assert_eq!(whole, name == "image", "profile {name}");
    }
    let container = include_str!("../../deploy/container/Containerfile");
    assert!(container.contains("cargo build --profile image --locked"));
    assert!(container.contains("target/image/zktrain"));
}

/// A crate that is not listed would be tested without its assertions.
#[test]
fn every_crate_of_the_workspace_is_tested_with_assertions_and_checks_of_overflow() {
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
    let packages = manifest["profile"]["ci"]["package"].as_table().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    let folders = members.iter().map(|member| member.as_str().unwrap()).chain(["."]);
    for folder in folders {
        let path = format!("{}/{folder}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
        let package: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
        let name = package["package"]["name"].as_str().unwrap();
        let own = packages.get(name).unwrap_or_else(|| panic!("{name} is not in profile ci"));
        for check in ["debug-assertions", "overflow-checks"] {
            assert_eq!(
                own.get(check).and_then(toml::Value::as_bool),
                Some(true),
                "{name}: {check}"
            );
        }
    }
}

#[test]
fn the_floor_is_the_one_that_programs_check() {
    let config: toml::Table = include_str!("../../.cargo/config.toml").parse().unwrap();
    let flags = &config["target"]["x86_64-unknown-linux-gnu"]["rustflags"];
    let flags: Vec<&str> = flags.as_array().unwrap().iter().filter_map(|f| f.as_str()).collect();
    assert_eq!(flags, ["-Ctarget-cpu=x86-64-v3", "-Ctarget-feature=+adx"]);
}

#[test]
fn names_are_whole_words_of_code() {
    assert!(names("use rand::Rng;", "rand"));
    assert!(names("use {rand as chance};", "rand"));
    assert!(names("hex!(\"00\")", "hex"));
    assert!(!names("use ark_rand::Rng; // rand is not used", "rand"));
}
