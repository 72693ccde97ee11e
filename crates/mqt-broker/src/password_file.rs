//! The password file: a line `user:password` for every user.

use std::collections::HashMap;
use std::path::Path;

use mqt_process::text_file::{self, FileError, TextFile};
use mqt_proto::Secret;

/// The users and their passwords, as plain text: for development, not for production.
///
/// Lines are `user:password`; everything after the first colon is the password. Empty lines and lines
/// that begin with `#` are skipped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PasswordFile {
    users: HashMap<String, Secret>,
}

/// Why a password file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PasswordFileError {
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] FileError),
    /// A line is wrong.
    #[error("line {line} of the password file {why}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl PasswordFile {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, or one of its lines is wrong.
    pub fn read(path: &Path) -> Result<Self, PasswordFileError> {
        Self::parse(TextFile::read(path, text_file::DATA)?.text())
    }

    /// Reads the text of a password file.
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, PasswordFileError> {
        let mut users = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let wrong = |why| PasswordFileError::Line { line: index + 1, why };
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (user, password) =
                line.split_once(':').ok_or_else(|| wrong("has no ':' after the user name"))?;
            if user.is_empty() {
                return Err(wrong("has no user name before the ':'"));
            }
            if users.insert(user.to_owned(), Secret::from(password)).is_some() {
                return Err(wrong("names a user that an earlier line has"));
            }
        }
        Ok(Self { users })
    }

    /// Whether this is the password of this user. Takes as long for a wrong password as for the right one.
    #[must_use]
    pub fn accepts(&self, user: &str, password: &[u8]) -> bool {
        let known = self.users.get(user);
        let expected = known.map_or(&b""[..], Secret::expose);
        // Both are walked to the end of what the client sent, whatever differs where.
        let mut difference = usize::from(known.is_none()) | (expected.len() ^ password.len());
        for (place, byte) in password.iter().enumerate() {
            difference |= usize::from(byte ^ expected.get(place).copied().unwrap_or(0));
        }
        difference == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_told_apart_by_name_and_password() {
        let file = PasswordFile::parse("# users\n\nann:secret\nbob:a:b c \nempty:\n").unwrap();
        assert!(file.accepts("ann", b"secret"));
        assert!(file.accepts("bob", b"a:b c "));
        assert!(file.accepts("empty", b""));
        for (user, password) in
            [("ann", "secre"), ("ann", "secret1"), ("ann", ""), ("bob", "secret"), ("eve", "")]
        {
            assert!(!file.accepts(user, password.as_bytes()), "{user} {password}");
        }
        assert!(!format!("{file:?}").contains("secret"));
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, message) in [
            ("a:b\nnobody\n", "line 2 of the password file has no ':' after the user name"),
            (":x", "line 1 of the password file has no user name before the ':'"),
            ("a:1\n#\na:2", "line 3 of the password file names a user that an earlier line has"),
        ] {
            assert_eq!(PasswordFile::parse(text).unwrap_err().to_string(), message);
        }
    }
}
