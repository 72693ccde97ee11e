//! The three programs: ours under their names, and the installed ones.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::mosquitto::installed;

/// One of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    Pub,
    Sub,
    Rr,
}

/// The version that the differences are written for, that of Debian 12.
const MEASURE: &str = "2.0.11";

/// All of them.
pub const PROGRAMS: [Program; 3] = [Program::Pub, Program::Sub, Program::Rr];

impl Program {
    /// The name that decides what the program is.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pub => "mosquitto_pub",
            Self::Sub => "mosquitto_sub",
            Self::Rr => "mosquitto_rr",
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where three programs with these names are.
pub struct Programs {
    folder: Folder,
}

enum Folder {
    Links(TempDir),
    Installed([PathBuf; 3]),
}

impl Programs {
    /// Links with these names to the built program.
    pub fn ours() -> Self {
        let folder = TempDir::new().unwrap();
        for program in PROGRAMS {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mqt"), folder.path().join(program.name()))
                .unwrap();
        }
        Self { folder: Folder::Links(folder) }
    }

    /// The real ones of [`MEASURE`]; `None`: not installed, or another version, which was said on stderr.
    pub fn theirs() -> Option<Self> {
        let [publisher, subscriber, requester] = PROGRAMS.map(|program| installed(program.name()));
        let version = Command::new(publisher.as_ref()?).arg("--version").output().unwrap().stdout;
        let version = String::from_utf8_lossy(&version).into_owned();
        if !version.starts_with(&format!("mosquitto_pub version {MEASURE} ")) {
            // Past the capture of the test runner; nothing can be done about a closed stderr.
            let _ = writeln!(std::io::stderr(), "compared only with {MEASURE}: skipped with {version}");
            return None;
        }
        Some(Self { folder: Folder::Installed([publisher?, subscriber?, requester?]) })
    }

    /// The ones in this folder.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self { folder: Folder::Installed(PROGRAMS.map(|program| folder.join(program.name()))) }
    }

    /// The path of one of them.
    pub fn path(&self, program: Program) -> PathBuf {
        match &self.folder {
            Folder::Links(folder) => Path::join(folder.path(), program.name()),
            Folder::Installed(paths) => paths[program as usize].clone(),
        }
    }
}
