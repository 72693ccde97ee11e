//! Files by name. Each call may block for as long as a FIFO has no other end or a mount does not answer, and each can be
//! ended by a signal.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::handlers::interruptible;

/// Opens a file for reading.
///
/// # Errors
/// As [`File::open`].
pub fn open(path: &Path) -> io::Result<File> {
    interruptible(|| File::open(path))
}

/// Opens a file in another way.
///
/// # Errors
/// As [`OpenOptions::open`].
pub fn open_with(options: &OpenOptions, path: &Path) -> io::Result<File> {
    interruptible(|| options.open(path))
}

/// All bytes of a file.
///
/// # Errors
/// As [`fs::read`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    interruptible(|| fs::read(path))
}

/// [`open`] for a thread that is not waited for: whoever wants the bytes looks at signals meanwhile, so that they need not
/// end the process.
///
/// # Errors
/// As [`File::open`].
pub fn open_aside(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// All of a file that is UTF-8.
///
/// # Errors
/// As [`fs::read_to_string`].
pub fn read_to_string(path: &Path) -> io::Result<String> {
    interruptible(|| fs::read_to_string(path))
}

/// What the system knows about a file.
///
/// # Errors
/// As [`fs::metadata`].
pub fn metadata(path: &Path) -> io::Result<Metadata> {
    interruptible(|| fs::metadata(path))
}

/// Whether it is a folder that is there.
#[must_use]
pub fn is_folder(path: &Path) -> bool {
    metadata(path).is_ok_and(|found| found.is_dir())
}

/// The regular files in a folder, links to such files among them, by name.
///
/// # Errors
/// As [`fs::read_dir`].
pub fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    interruptible(|| {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_file() {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    })
}

/// Writes all of it. Only a regular file is trusted to take it: a FIFO may have a reader that does not read.
///
/// # Errors
/// As [`io::Write::write_all`].
pub fn write_all(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    if file.metadata().is_ok_and(|file| file.is_file()) {
        file.write_all(bytes)
    } else {
        interruptible(|| file.write_all(bytes))
    }
}

/// The name of a file without links.
///
/// # Errors
/// As [`fs::canonicalize`].
pub fn canonicalize(path: &Path) -> io::Result<PathBuf> {
    interruptible(|| fs::canonicalize(path))
}

/// Makes the file `part` and gives it the name `path` once it is whole, in the place of whatever has that name.
///
/// # Errors
/// It cannot be made, written or renamed; nothing is left of `part` then.
pub fn write_in_place_of(path: &Path, part: &Path, content: &[u8]) -> io::Result<()> {
    interruptible(|| {
        let written = File::create(part)
            .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(part, path));
        if written.is_err() {
            // It may not even be there.
            drop(fs::remove_file(part));
        }
        written
    })
}
