//! Replacements: wherever a crash comes, all of the old files or all of the new ones.

use super::*;

fn project() -> (tempfile::TempDir, Project) {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(dir.path());
    files::create_folder(&project.secret_path(), Access::Owner).unwrap();
    files::create_folder(&project.proofs_path(), Access::Owner).unwrap();
    fs::write(project.dataset_path(), "old blindings").unwrap();
    fs::write(project.registration_path(), "old").unwrap();
    fs::write(project.proof_paths(0)[0].clone(), "proof").unwrap();
    (dir, project)
}

fn old(project: &Project) -> Vec<PathBuf> {
    let [proof, plain] = project.proof_paths(0);
    vec![proof, plain, project.dataset_path(), project.registration_path()]
}

fn staged(project: &Project) -> Replacement<'_> {
    let mut new = Replacement::new(project).unwrap();
    new.write(&project.dataset_path(), b"new blindings", Access::Owner).unwrap();
    new.write(&project.registration_path(), b"new", Access::Public).unwrap();
    new
}

fn check_replaced(project: &Project) {
    assert_eq!(files::read(&project.dataset_path()).unwrap(), b"new blindings");
    assert_eq!(files::read(&project.registration_path()).unwrap(), b"new");
    assert!(!project.proof_paths(0)[0].exists() && !decided(project).exists());
    let aside = project.secret_path().join("replaced/1");
    let kept = |name: &str| fs::read_to_string(aside.join(name)).unwrap();
    assert_eq!(kept("secret/dataset"), "old blindings");
    assert_eq!((kept("registration"), kept("proofs/000000.proof")), ("old".into(), "proof".into()));
}

#[test]
fn what_was_there_is_kept_aside() {
    let (_dir, project) = project();
    staged(&project).commit(&old(&project)).unwrap();
    check_replaced(&project);
    set_aside(&project, &[project.dataset_path()]).unwrap();
    assert!(project.secret_path().join("replaced/2/secret/dataset").exists());
}

#[test]
fn a_crash_before_the_decision_changes_nothing() {
    let (_dir, project) = project();
    drop(staged(&project));
    finish(&project).unwrap();
    assert_eq!(files::read(&project.dataset_path()).unwrap(), b"old blindings");
    staged(&project).commit(&old(&project)).unwrap();
    check_replaced(&project);
}

#[test]
fn a_plan_stays_in_the_project() {
    for path in ["../outside", "/outside", "secret/../../outside", ""] {
        let (_dir, project) = project();
        drop(staged(&project));
        let (aside, old) = ("secret/replaced/1".into(), vec![path.into()]);
        let plan = Plan { aside, old, new: Vec::new() };
        write_json(&partial(&project).join(PLAN), &plan).unwrap();
        rename(&partial(&project), &decided(&project)).unwrap();
        assert!(finish(&project).unwrap_err().to_string().contains("outside the project"));
    }
}

/// A project whose registration is a link.
#[cfg(unix)]
fn project_of_links(to: &Path) -> (tempfile::TempDir, Project) {
    let (dir, project) = project();
    fs::remove_file(project.registration_path()).unwrap();
    std::os::unix::fs::symlink(to, project.registration_path()).unwrap();
    (dir, project)
}

#[test]
#[cfg(unix)]
fn a_plan_follows_no_links_out_of_the_project() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("key"), "of somebody").unwrap();
    let link = |project: &Project, at: &str| {
        std::os::unix::fs::symlink(outside.path(), project.resolve(Path::new(at))).unwrap();
    };
    let plans: [(&str, &[&str], &[&str]); 5] = [
        ("away", &["registration"], &[]),
        ("kept", &["secret/dataset"], &[]),
        ("secret/replaced/1", &["away/key"], &[]),
        ("secret/replaced/1", &[], &["away/key"]),
        ("away/1", &["registration"], &[]),
    ];
    for (aside, old, new) in plans {
        let (_dir, project) = project();
        link(&project, "away");
        fs::create_dir(project.resolve(Path::new("kept"))).unwrap();
        link(&project, "kept/secret");
        drop(staged(&project));
        let [old, new] = [old, new].map(|paths| paths.iter().map(PathBuf::from).collect());
        let plan = Plan { aside: aside.into(), old, new };
        write_json(&partial(&project).join(PLAN), &plan).unwrap();
        rename(&partial(&project), &decided(&project)).unwrap();
        assert!(finish(&project).unwrap_err().to_string().contains("outside the project"));
    }
    let (_dir, project) = project();
    link(&project, "secret/replacing");
    assert!(finish(&project).unwrap_err().to_string().contains("a link"));
    let (_dir, project) = self::project();
    link(&project, "secret/replaced");
    let refused = set_aside(&project, &[project.dataset_path()]).unwrap_err().to_string();
    assert!(refused.contains("outside the project"));
    let (_dir, project) = project_of_links(&outside.path().join("key"));
    let mode = || {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(outside.path().join("key")).unwrap().permissions().mode()
    };
    let before = mode();
    set_aside(&project, &[project.registration_path()]).unwrap();
    assert_eq!(mode(), before, "a link is moved, and what it leads to stays as it is");
    let names = fs::read_dir(outside.path()).unwrap().count();
    assert_eq!(
        (names, fs::read_to_string(outside.path().join("key")).unwrap().as_str()),
        (1, "of somebody")
    );
}

/// A project whose replacement was decided, and the plan.
fn planned() -> (tempfile::TempDir, Project, Plan) {
    let (dir, project) = project();
    let new = staged(&project).new;
    let files = old(&project).into_iter().filter(|path| path.exists());
    let old = files.map(|path| project.relative(&path)).collect();
    let plan = Plan { aside: free_folder(&project), old, new };
    write_json(&partial(&project).join(PLAN), &plan).unwrap();
    rename(&partial(&project), &decided(&project)).unwrap();
    (dir, project, plan)
}

/// Every rename may be the last one before a crash: the next command finishes, and its own
/// crash is made good by the one after it.
#[test]
fn a_crash_after_the_decision_is_made_good() {
    for steps in 0..8 {
        let (_dir, project, plan) = planned();
        let folder = decided(&project);
        let aside = plan.old.len().min(steps);
        move_aside(&project, &plan.old[..aside], &plan.aside).unwrap();
        let more = steps.saturating_sub(plan.old.len());
        if more > 0 {
            files::write(&folder.join(MOVED), &[], Access::Owner).unwrap();
        }
        for index in 0..plan.new.len().min(more.saturating_sub(1)) {
            let place = project.resolve(&plan.new[index]);
            rename(&folder.join(index.to_string()), &place).unwrap();
        }
        if more > plan.new.len() + 1 {
            rename(&folder, &done(&project)).unwrap();
            files::remove(&done(&project).join(PLAN)).unwrap();
        }
        finish(&project).unwrap();
        check_replaced(&project);
        assert!(!done(&project).exists());
        finish(&project).unwrap();
    }
}

/// An earlier version deleted the folder under its own name, in the order of the file system.
#[test]
fn a_crash_while_deleting_loses_nothing() {
    for gone in [&[PLAN][..], &[MOVED], &[PLAN, MOVED]] {
        let (_dir, project, plan) = planned();
        let folder = decided(&project);
        carry_out(&project, &folder, &plan).unwrap();
        gone.iter().for_each(|name| files::remove(&folder.join(name)).unwrap());
        finish(&project).unwrap();
        check_replaced(&project);
        assert!(!done(&project).exists() && !project.secret_path().join("replaced/2").exists());
    }
    // New files without a plan are not deleted.
    let (_dir, project, _) = planned();
    files::remove(&decided(&project).join(PLAN)).unwrap();
    finish(&project).unwrap();
    assert!(!decided(&project).exists());
    let kept = files::read(&project.secret_path().join("replaced/1/0")).unwrap();
    assert_eq!(kept, b"new blindings");
    assert_eq!(files::read(&project.dataset_path()).unwrap(), b"old blindings");
}

#[test]
fn nothing_is_read_from_within_a_replacement() {
    let (_dir, project, _) = planned();
    let unread = reading(&project, || -> Result<(), Error> { unreachable!() });
    assert!(matches!(unread, Err(Error::Replacing { .. })));
    finish(&project).unwrap();
    assert_eq!(reading(&project, || Ok::<_, Error>(7)).unwrap(), 7);
    // Whatever it found meanwhile, good or bad, may be half of each.
    let replaced = || {
        set_aside(&project, &[project.dataset_path()])?;
        Ok::<_, Error>(7)
    };
    assert!(matches!(reading(&project, replaced), Err(Error::Replacing { .. })));
    let begun = || {
        files::create_folder(&decided(&project), Access::Owner)?;
        Err::<(), _>(Error::DataChanged)
    };
    assert!(matches!(reading(&project, begun), Err(Error::Replacing { .. })));
}

#[test]
fn nothing_is_read_while_files_are_moved_aside() {
    let (_dir, project) = project();
    let proofs: Vec<PathBuf> = (0..60).map(|index| project.proof_paths(index)[0].clone()).collect();
    proofs.iter().for_each(|path| fs::write(path, "proof").unwrap());
    let count = || Ok::<_, Error>(proofs.iter().filter(|path| path.exists()).count());
    std::thread::scope(|threads| {
        let moved = threads.spawn(|| set_aside(&project, &proofs));
        while !moved.is_finished() {
            // A reader may begin at any point; it sees all of them or none.
            match reading(&project, count) {
                Ok(seen) => assert!(seen == 0 || seen == proofs.len(), "{seen}"),
                Err(error) => assert!(matches!(error, Error::Replacing { .. }), "{error}"),
            }
        }
        moved.join().unwrap().unwrap();
    });
    assert_eq!(reading(&project, count).unwrap(), 0);
    set_aside(&project, &proofs).unwrap();
    assert!(!project.secret_path().join("replaced/2").exists());
}

#[test]
fn a_crash_while_files_are_moved_aside_is_made_good() {
    let (_dir, project) = project();
    let files = old(&project);
    Replacement::new(&project).unwrap().decide(&files).unwrap();
    let plan: Plan = read_json(&decided(&project).join(PLAN), "").unwrap();
    move_aside(&project, &plan.old[..1], &plan.aside).unwrap();
    assert!(matches!(reading(&project, || Ok::<_, Error>(())), Err(Error::Replacing { .. })));
    finish(&project).unwrap();
    assert!(files.iter().all(|path| !path.exists()));
    assert!(reading(&project, || Ok::<_, Error>(())).is_ok());
}
