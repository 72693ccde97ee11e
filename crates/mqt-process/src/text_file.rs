//! The one reader of files that hold text: options, profiles, passwords, certificates, recordings.
//!
//! It passes a byte order mark over, which Windows writes, knows how large a file may be, and says one thing for one
//! fault, whichever option named the file.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::file;
use super::handlers::interruptible;

/// The most bytes of a file that configures: options, profiles, passwords, certificates, keys.
pub const CONFIGURATION: u64 = 16 << 20;
/// The most bytes of a file that grows with what it is about: users, revoked certificates, results.
pub const DATA: u64 = 256 << 20;

const UTF_8_MARK: &[u8] = b"\xEF\xBB\xBF";
const UTF_16_MARKS: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];

/// A file that cannot be read: its name, and why.
#[derive(Debug, Error)]
#[error("{}{fault}", path.display())]
pub struct FileError {
    path: PathBuf,
    fault: TextFault,
}

#[derive(Debug)]
enum TextFault {
    System(io::Error),
    TooLarge { limit: u64 },
    Utf16,
    NotUtf8 { line: usize },
}

/// What continues after the name of the file.
impl fmt::Display for TextFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(error) => write!(f, ": {}", words(error)),
            Self::TooLarge { limit } => write!(f, ": larger than {} MiB", limit >> 20),
            Self::Utf16 => write!(f, ": {UTF_16}"),
            Self::NotUtf8 { line } => write!(f, ":{line}: not UTF-8 text"),
        }
    }
}

const UTF_16: &str = "UTF-16 text; save it as UTF-8";

fn words(error: &io::Error) -> String {
    if error.raw_os_error().is_none() && error.get_ref().is_some() {
        return system_reason(error);
    }
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "no such file".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => system_reason(error),
    }
}

/// An IO error in the words of the operating system, without its number.
#[must_use]
pub fn system_reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}

impl FileError {
    /// What the system says when a file is opened or read.
    #[must_use]
    pub fn new(path: &Path, error: io::Error) -> Self {
        // Windows denies to open a folder.
        let is_folder = cfg!(windows) && error.kind() == ErrorKind::PermissionDenied && file::is_folder(path);
        let error = if is_folder { ErrorKind::IsADirectory.into() } else { error };
        Self { path: path.to_owned(), fault: TextFault::System(error) }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the system says, unless it is the content that is wrong.
    #[must_use]
    pub fn system(&self) -> Option<&io::Error> {
        match &self.fault {
            TextFault::System(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the file is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.system()
            .is_some_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
    }

    /// Whether it begins with the byte order mark of UTF-16.
    #[must_use]
    pub fn is_utf_16(&self) -> bool {
        matches!(self.fault, TextFault::Utf16)
    }
}

/// All bytes of a file, without a byte order mark: at most `limit` of them.
///
/// # Errors
/// It cannot be read, is larger, or is UTF-16 by its mark.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    interruptible(|| read_aside(path, limit))
}

/// [`read`] for a thread that is not waited for, as [`file::open_aside`] is.
///
/// # Errors
/// As [`read`].
pub fn read_aside(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let wrong = |fault| FileError { path: path.to_owned(), fault };
    let failed = |error| FileError::new(path, error);
    let opened = file::open_aside(path).map_err(failed)?;
    let found = opened.metadata().map_err(failed)?;
    let size = if found.is_file() { found.len() } else { 0 };
    if size > limit {
        return Err(wrong(TextFault::TooLarge { limit }));
    }
    // A buffer that grows leaves copies of a secret behind.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default().saturating_add(1));
    opened.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > limit) {
        return Err(wrong(TextFault::TooLarge { limit }));
    }
    if is_utf_16(&bytes) {
        return Err(wrong(TextFault::Utf16));
    }
    if bytes.starts_with(UTF_8_MARK) {
        bytes.drain(..UTF_8_MARK.len());
    }
    Ok(bytes)
}

fn is_utf_16(bytes: &[u8]) -> bool {
    UTF_16_MARKS.iter().any(|mark| bytes.starts_with(mark))
}

/// A file of UTF-8 text that was read, without its byte order mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFile {
    path: PathBuf,
    text: String,
}

impl TextFile {
    /// Reads a file of at most `limit` bytes.
    ///
    /// # Errors
    /// As [`read`], and the line of the first byte that is not UTF-8.
    pub fn read(path: &Path, limit: u64) -> Result<Self, FileError> {
        match String::from_utf8(read(path, limit)?) {
            Ok(text) => Ok(Self::new(path, text)),
            Err(error) => {
                let line = line_at(error.as_bytes(), error.utf8_error().valid_up_to());
                Err(FileError { path: path.to_owned(), fault: TextFault::NotUtf8 { line } })
            }
        }
    }

    /// A file with this text.
    #[must_use]
    pub fn new(path: &Path, text: String) -> Self {
        Self { path: path.to_owned(), text }
    }

    /// Its name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A line for an error, counted from 1: `users.csv:7`.
    #[must_use]
    pub fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }

    /// The line of the byte at `offset`, for an error.
    #[must_use]
    pub fn place_at(&self, offset: usize) -> String {
        self.place(line_at(self.text.as_bytes(), offset))
    }
}

fn line_at(bytes: &[u8], offset: usize) -> usize {
    bytes.iter().take(offset).filter(|byte| **byte == b'\n').count().saturating_add(1)
}

/// A stream of text without the byte order mark that it may begin with. The mark of UTF-16 is an error.
#[derive(Debug)]
pub struct Unmarked<R> {
    input: R,
    /// What was read to see whether it is a mark, and is none.
    front: Vec<u8>,
    begun: bool,
}

impl<R: Read> Unmarked<R> {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(input: R) -> Self {
        Self { input, front: Vec::new(), begun: false }
    }

    /// Reads as much as tells whether there is a mark.
    ///
    /// # Errors
    /// As [`Read::read`]; it is UTF-16.
    pub fn begin(&mut self) -> io::Result<()> {
        let begins_mark = |front: &[u8]| {
            let mut marks = UTF_16_MARKS.into_iter().chain([UTF_8_MARK]);
            marks.any(|mark| front.len() < mark.len() && mark.starts_with(front))
        };
        while !self.begun && begins_mark(&self.front) {
            let mut byte = [0];
            match self.input.read(&mut byte) {
                Ok(0) => break,
                Ok(_) => self.front.extend(byte),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if is_utf_16(&self.front) {
            return Err(io::Error::new(ErrorKind::InvalidData, UTF_16));
        }
        if self.front == UTF_8_MARK {
            self.front.clear();
        }
        self.begun = true;
        Ok(())
    }
}

impl<R: Read> Read for Unmarked<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if !self.begun {
            self.begin()?;
        }
        if self.front.is_empty() {
            return self.input.read(space);
        }
        let count = self.front.as_slice().read(space)?;
        self.front.drain(..count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(content: &[u8], look: impl FnOnce(&Path) -> T) -> T {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, content).unwrap();
        look(&path)
    }

    /// What is said behind the name of the file.
    fn fault(path: &Path, error: &FileError) -> String {
        error.to_string().strip_prefix(path.to_str().unwrap()).unwrap().to_owned()
    }

    #[test]
    fn a_mark_is_passed_over_once() {
        for (content, expected) in [
            (&b"\xEF\xBB\xBFa\r\n"[..], "a\r\n"),
            (b"\xEF\xBB\xBF\xEF\xBB\xBFa", "\u{feff}a"),
            (b"a\xEF\xBB\xBF", "a\u{feff}"),
            (b"\xEF\xBB\xBF", ""),
            (b"", ""),
        ] {
            with(content, |path| assert_eq!(TextFile::read(path, CONFIGURATION).unwrap().text(), expected));
            let streamed = io::read_to_string(Unmarked::new(content)).unwrap();
            assert_eq!(streamed, expected);
        }
        // What begins like a mark and is none.
        for content in [&b"\xEF"[..], b"\xEF\xBB", b"\xEF\xBBx", b"\xFF", b"\xFExy"] {
            let mut streamed = Vec::new();
            Unmarked::new(content).read_to_end(&mut streamed).unwrap();
            assert_eq!(streamed, content);
            with(content, |path| assert_eq!(read(path, CONFIGURATION).unwrap(), content));
        }
    }

    #[test]
    fn each_fault_has_its_words() {
        for (content, limit, expected) in [
            (&b"\xFF\xFEa\0"[..], CONFIGURATION, ": UTF-16 text; save it as UTF-8"),
            (b"\xFE\xFF\0a", CONFIGURATION, ": UTF-16 text; save it as UTF-8"),
            (b"a\nb\xE9\n", CONFIGURATION, ":2: not UTF-8 text"),
            (&[b'a'; (1 << 20) + 1], 1 << 20, ": larger than 1 MiB"),
        ] {
            with(content, |path| {
                let error = TextFile::read(path, limit).unwrap_err();
                assert_eq!(fault(path, &error), expected);
                assert!(error.system().is_none() && !error.is_missing());
            });
        }
        with(&[b'a'; 1 << 20], |path| assert_eq!(read(path, 1 << 20).unwrap().len(), 1 << 20));
        with(b"", |path| {
            for missing in [path.with_extension("none"), path.join("below")] {
                let error = read(&missing, CONFIGURATION).unwrap_err();
                assert_eq!(fault(&missing, &error), ": no such file");
                assert!(error.is_missing());
            }
            let folder = path.parent().unwrap();
            assert_eq!(fault(folder, &read(folder, CONFIGURATION).unwrap_err()), ": it is a folder");
        });
        let mut streamed = Unmarked::new(&b"\xFF\xFEa\0"[..]);
        assert_eq!(streamed.begin().unwrap_err().to_string(), UTF_16);
    }

    // Of what has no size, no more is read than the limit allows.
    #[cfg(unix)]
    #[test]
    fn what_never_ends_is_too_large() {
        let error = read(Path::new("/dev/zero"), 1 << 20).unwrap_err();
        assert_eq!(error.to_string(), "/dev/zero: larger than 1 MiB");
    }

    #[test]
    fn a_place_is_name_and_line() {
        let file = TextFile::new(Path::new("f"), "a\r\nb\nc".to_owned());
        assert_eq!([0, 2, 3, 5].map(|offset| file.place_at(offset)), ["f:1", "f:1", "f:2", "f:3"]);
    }
}
