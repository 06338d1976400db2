//! Replaces files of a project that cannot be made again, all of them or none.
//!
//! The new files are written to a folder beside the secrets first, with a plan of what they
//! replace; renaming that folder is the decision. From then on the old files are moved aside, to
//! a numbered folder in `secret/replaced`, and then the new ones into their places; at last the
//! folder is given another name, and what is left of it deleted. A crash before the decision leaves
//! everything as it was; one after it is made good when the project's lock is taken next. Nothing
//! that was there is deleted: old blindings open old commitments.
//!
//! What only reads takes no lock, so that anybody can verify a folder; [`reading`] has it see a state
//! from before or after a replacement, and none from within.

use std::path::{Component, Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files::{self, Access};
use crate::project::{Project, read_json, write_json};

/// What a replacement is going to do; paths are relative to the project.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    /// Where the old files go.
    aside: PathBuf,
    /// The old files.
    old: Vec<PathBuf>,
    /// The new files, by place; the staged copy of the `i`-th is named `i`.
    new: Vec<PathBuf>,
}

impl Plan {
    /// That it stays in the project: the folder may be somebody else's, with any names and links.
    fn check(&self, project: &Project, folder: &Path) -> Result<(), Error> {
        let inside = |path: &PathBuf| {
            let mut parts = path.components();
            !path.as_os_str().is_empty()
                && parts.all(|part| matches!(part, Component::Normal(_)))
                && !leads_away(project, path)
        };
        let mut all = self.old.iter().chain(&self.new).chain([&self.aside]);
        if all.all(inside) {
            return Ok(());
        }
        Err(outside(&folder.join(PLAN)))
    }
}

fn outside(path: &Path) -> Error {
    let source = io::Error::new(io::ErrorKind::InvalidData, "a path outside the project");
    Error::File { path: path.to_owned(), source }
}

/// Whether a folder above a path, within the project, is a link. What a link itself is replaced by,
/// or where it is moved, stays in the project.
fn leads_away(project: &Project, path: &Path) -> bool {
    let above = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
    above.into_iter().any(|above| project.resolve(above).is_symlink())
}

const PLAN: &str = "plan.json";
/// Says that all old files have been moved.
const MOVED: &str = "moved";

fn partial(project: &Project) -> PathBuf {
    project.secret_path().join("replacing.partial")
}

fn decided(project: &Project) -> PathBuf {
    project.secret_path().join("replacing")
}

/// What was decided and done, and only has to be deleted.
fn done(project: &Project) -> PathBuf {
    project.secret_path().join("replacing.done")
}

/// New files, written but not in their places.
#[derive(Debug)]
pub struct Replacement<'a> {
    project: &'a Project,
    new: Vec<PathBuf>,
}

impl<'a> Replacement<'a> {
    /// Starts a replacement; the caller holds the project's lock.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn new(project: &'a Project) -> Result<Self, Error> {
        let folder = partial(project);
        remove_folder(&folder)?;
        files::create_folder(&folder, Access::Owner)?;
        Ok(Self { project, new: Vec::new() })
    }

    /// Writes what is to be at a path of the project.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn write(&mut self, path: &Path, bytes: &[u8], access: Access) -> Result<(), Error> {
        let staged = partial(self.project).join(self.new.len().to_string());
        files::write(&staged, bytes, access)?;
        self.new.push(self.project.relative(path));
        Ok(())
    }

    /// Moves the old files aside, as far as they are there, and the new ones to their places.
    ///
    /// # Errors
    /// If the operating system refuses; what has been decided is finished by the next command.
    pub fn commit(self, old: &[PathBuf]) -> Result<(), Error> {
        let project = self.project;
        self.decide(old)?;
        finish(project)
    }

    /// From here on the next holder of the lock carries it out.
    fn decide(self, old: &[PathBuf]) -> Result<(), Error> {
        let Self { project, new } = self;
        let mut there = Vec::new();
        for path in old {
            if files::is_there(path)? {
                there.push(project.relative(path));
            }
        }
        let plan = Plan { aside: free_folder(project), old: there, new };
        let folder = partial(project);
        plan.check(project, &folder)?;
        write_json(&folder.join(PLAN), &plan)?;
        rename(&folder, &decided(project))
    }
}

/// Finishes a replacement that was decided, if there is one; the caller holds the lock.
///
/// # Errors
/// If the operating system refuses, or the plan is not one.
pub fn finish(project: &Project) -> Result<(), Error> {
    let folder = decided(project);
    let relative = project.relative(&folder);
    if folder.is_symlink() || leads_away(project, &relative) {
        let source = io::Error::new(io::ErrorKind::InvalidData, "a link, where a folder was made");
        return Err(Error::File { path: folder, source });
    }
    remove_folder(&done(project))?;
    if !files::is_there(&folder)? {
        return Ok(());
    }
    let path = folder.join(PLAN);
    if !files::is_there(&path)? {
        return without_plan(project, &folder);
    }
    let plan: Plan = read_json(&path, "")?;
    plan.check(project, &folder)?;
    carry_out(project, &folder, &plan)?;
    close(project, &folder)
}

fn carry_out(project: &Project, folder: &Path, plan: &Plan) -> Result<(), Error> {
    let staged = |index: usize| folder.join(index.to_string());
    let moved = folder.join(MOVED);
    // If the mark is missing, nothing new is in its place, and whatever is there is old; unless all
    // new files are gone from here, which shows that a crash took the mark at the very end.
    let mut waiting = Vec::new();
    for index in 0..plan.new.len() {
        waiting.push(files::is_there(&staged(index))?);
    }
    let carried = !waiting.is_empty() && !waiting.contains(&true);
    if !files::is_there(&moved)? && !carried {
        move_aside(project, &plan.old, &plan.aside)?;
        files::write(&moved, &[], Access::Owner)?;
    }
    for (index, (place, waits)) in plan.new.iter().zip(waiting).enumerate() {
        if waits {
            rename(&staged(index), &project.resolve(place))?;
        }
    }
    Ok(())
}

/// Ends a replacement in one step. Deleting the folder takes several, in any order: after a crash
/// between them it would look like one that is to be carried out.
fn close(project: &Project, folder: &Path) -> Result<(), Error> {
    let done = done(project);
    rename(folder, &done)?;
    remove_folder(&done)
}

/// What an earlier version's crash while deleting has left. The plan was written before the
/// decision, so that it was carried out before it could be missing; if new files are here all the
/// same, somebody has taken it, and they are kept.
fn without_plan(project: &Project, folder: &Path) -> Result<(), Error> {
    let file = |source| Error::File { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(file)? {
        if entry.map_err(file)?.file_name() != MOVED {
            let free = free_folder(project);
            let aside = project.resolve(&free);
            if leads_away(project, &free) {
                return Err(outside(&aside));
            }
            if let Some(parent) = aside.parent() {
                files::create_folder(parent, Access::Owner)?;
            }
            return rename(folder, &aside);
        }
    }
    close(project, folder)
}

/// Reads files of a project, which takes no lock: what was read while files were replaced may be
/// some of the old and some of the new ones, and is no result.
///
/// # Errors
/// [`Error::Replacing`] if a replacement was under way, or happened meanwhile; else those of `read`.
pub fn reading<T, E: From<Error>>(
    project: &Project,
    read: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let still = || {
        // In this order: a folder that is made in between by one that ends in between is noticed.
        let free = free_folder(project);
        match decided(project) {
            folder if files::is_there(&folder)? => Err(Error::Replacing { path: folder }),
            _ => Ok(free),
        }
    };
    let before = still()?;
    let read = read();
    match still()? == before {
        true => read,
        false => Err(Error::Replacing { path: project.resolve(&before) }.into()),
    }
}

/// Moves files of a project aside, as far as they are there: a replacement by nothing, so that nobody
/// takes what is left in its middle for all there is. The caller holds the project's lock.
///
/// # Errors
/// If the operating system refuses.
pub fn set_aside(project: &Project, old: &[PathBuf]) -> Result<(), Error> {
    for path in old {
        if files::is_there(path)? {
            return Replacement::new(project)?.commit(old);
        }
    }
    Ok(())
}

fn move_aside(project: &Project, old: &[PathBuf], aside: &Path) -> Result<(), Error> {
    // Where old files go, the folder itself may be what leads away, or one in it.
    let kept: Vec<PathBuf> = old.iter().map(|path| aside.join(path)).collect();
    if let Some(path) = old.iter().chain(&kept).find(|path| leads_away(project, path)) {
        return Err(outside(&project.resolve(path)));
    }
    for path in old {
        let (from, to) = (project.resolve(path), project.resolve(&aside.join(path)));
        if !files::is_there(&from)? {
            continue;
        }
        if let Some(parent) = to.parent() {
            files::create_folder(parent, Access::Owner)?;
        }
        rename(&from, &to)?;
        // Some of it was public; here all files are the owner's alone.
        files::restrict(&to)?;
    }
    Ok(())
}

/// A folder that is not there yet, relative to the project.
fn free_folder(project: &Project) -> PathBuf {
    let named = |number: u32| Path::new("secret/replaced").join(number.to_string());
    let mut free = (1..).map(named).filter(|folder| !project.resolve(folder).exists());
    free.next().unwrap_or_else(|| named(0))
}

fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    let file = |source| Error::File { path: to.to_owned(), source };
    fs::rename(from, to).map_err(file)?;
    [from, to].iter().try_for_each(|path| files::sync_parent(path)).map_err(file)
}

fn remove_folder(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Error::File { path: folder.to_owned(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
