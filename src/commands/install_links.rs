//! `mqt install-links`: the names of the mosquitto clients as links to this program.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::InstallLinksArgs;
use crate::config::Tool;
use crate::error::{Failure, Kind};
use crate::ui::Ui;

/// Makes the links, or removes them, and prints the path of each.
///
/// # Errors
/// A file of another program is in the way, or the system refuses.
pub fn run(args: &InstallLinksArgs, ui: &Ui) -> Result<(), Failure> {
    let program = std::env::current_exe().and_then(|path| path.canonicalize()).map_err(|error| {
        Failure::new(Kind::Output, "this program does not know where it is").source(&error)
    })?;
    let changed = if args.remove { remove(&args.dir, &program)? } else { install(&args.dir, &program)? };
    let text: String = changed.iter().map(|path| format!("{}\n", path.display())).collect();
    ui.out(text.as_bytes())
}

fn paths(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let suffix = std::env::consts::EXE_SUFFIX;
    Tool::ALL.into_iter().map(move |tool| dir.join(format!("{}{suffix}", tool.name())))
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(Kind::Output, format!("{} cannot be {what}", path.display())).source(error)
}

/// Whether the names are copies of the program, where the system has no links for everybody.
const COPIES: bool = cfg!(not(unix));
/// What a copy of any version of this program is known by: it is in each of them, since it is here.
const MARK: &[u8] = b"mqt install-links knows its own copies by these words";

/// What is at a path.
enum LinkStanding {
    Nothing,
    /// A link to this program.
    Ours,
    /// On Windows: a copy of this program, of this version or another.
    Copy {
        is_current: bool,
    },
    Foreign,
}

fn standing(path: &Path, program: &Path) -> io::Result<LinkStanding> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(LinkStanding::Nothing),
        metadata => metadata?,
    };
    // A link whose program is gone is nobody's: it is left alone.
    if metadata.is_symlink() && path.canonicalize().is_ok_and(|target| target == program) {
        return Ok(LinkStanding::Ours);
    }
    if COPIES && metadata.is_file() {
        let found = fs::read(path)?;
        if memchr::memmem::find(&found, MARK).is_some() {
            return Ok(LinkStanding::Copy { is_current: found == fs::read(program)? });
        }
    }
    Ok(LinkStanding::Foreign)
}

fn install(dir: &Path, program: &Path) -> Result<Vec<PathBuf>, Failure> {
    fs::create_dir_all(dir).map_err(|error| failed("made", dir, &error))?;
    let mut missing = Vec::new();
    // Looked at first: either all are made or none.
    for path in paths(dir) {
        match standing(&path, program).map_err(|error| failed("looked at", &path, &error))? {
            LinkStanding::Nothing | LinkStanding::Copy { is_current: false } => missing.push(path),
            LinkStanding::Ours | LinkStanding::Copy { is_current: true } => {}
            LinkStanding::Foreign => {
                return Err(Failure::usage(format!(
                    "{} is there already, and is no link to mqt",
                    path.display()
                ))
                .hint("choose another folder, one that comes earlier in PATH, or move that file away"));
            }
        }
    }
    for path in &missing {
        link(program, path).map_err(|error| failed("made", path, &error))?;
    }
    Ok(missing)
}

fn remove(dir: &Path, program: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut removed = Vec::new();
    for path in paths(dir) {
        match standing(&path, program).map_err(|error| failed("looked at", &path, &error))? {
            LinkStanding::Ours | LinkStanding::Copy { .. } => {
                fs::remove_file(&path).map_err(|error| failed("removed", &path, &error))?;
                removed.push(path);
            }
            LinkStanding::Nothing | LinkStanding::Foreign => {}
        }
    }
    Ok(removed)
}

#[cfg(unix)]
fn link(program: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(program, path)
}

/// A symbolic link needs a right that few users have here, and a hard link to a program that runs cannot be removed.
#[cfg(not(unix))]
fn link(program: &Path, path: &Path) -> io::Result<()> {
    fs::copy(program, path).map(drop)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn links_are_made_once_and_removed_again() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().canonicalize().unwrap().join("mqt");
        fs::write(&program, "x").unwrap();
        let bin = dir.path().join("a/bin");
        let made = install(&bin, &program).unwrap();
        assert_eq!(made, ["mosquitto_pub", "mosquitto_sub", "mosquitto_rr"].map(|name| bin.join(name)));
        for path in &made {
            assert_eq!(path.canonicalize().unwrap(), program);
        }
        assert_eq!(install(&bin, &program).unwrap(), Vec::<PathBuf>::new());
        assert_eq!(remove(&bin, &program).unwrap(), made);
        assert_eq!(fs::read_dir(&bin).unwrap().count(), 0);
        assert_eq!(remove(&bin, &program).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn the_file_of_another_program_stays() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().canonicalize().unwrap().join("mqt");
        fs::write(&program, "x").unwrap();
        let foreign = dir.path().join("mosquitto_sub");
        fs::write(&foreign, "mosquitto").unwrap();
        let failure = install(dir.path(), &program).unwrap_err();
        assert_eq!(failure.kind, Kind::Usage);
        // None is made when one cannot be.
        assert!(!dir.path().join("mosquitto_pub").exists());
        assert_eq!(remove(dir.path(), &program).unwrap(), Vec::<PathBuf>::new());
        assert_eq!(fs::read_to_string(&foreign).unwrap(), "mosquitto");
    }
}
