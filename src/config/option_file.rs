//! Options files in the form of the mosquitto clients: one option a line, the rest of the line its value.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::cli::multicall::{Tool, line_words};
use crate::error::Failure;

/// The words of an options file, line by line. `given` is the value of `-o`; without it, it is the default file of
/// the program, which need not be there.
///
/// # Errors
/// The file that was named, or one that is there, cannot be read.
pub fn read(
    tool: Tool,
    given: Option<&OsStr>,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Vec<Vec<OsString>>, Failure> {
    let path = match given {
        Some(path) => PathBuf::from(path),
        None => match default_path(tool, variable) {
            Some(path) => path,
            None => return Ok(Vec::new()),
        },
    };
    match fs::read(&path) {
        Ok(bytes) => Ok(lines(&bytes)),
        Err(error) if given.is_none() && is_missing(error.kind()) => Ok(Vec::new()),
        Err(error) => Err(unreadable(&path, &error)),
    }
}

/// The words of the options file of a command, line by line.
///
/// # Errors
/// It cannot be read.
pub fn read_named(path: &Path) -> Result<Vec<Vec<OsString>>, Failure> {
    fs::read(path).map(|bytes| lines(&bytes)).map_err(|error| unreadable(path, &error))
}

fn is_missing(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::PermissionDenied
    )
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let reason = crate::connection::error::system_reason(error);
    let what = format!("the options file {} cannot be read", path.display());
    Failure::usage(what)
        .keyword("config")
        .cause(reason.clone())
        .old_text(format!("Error: Unable to open options file \"{}\": {reason}.", path.display()))
}

/// `$XDG_CONFIG_HOME/NAME`, else `$HOME/.config/NAME`, on Windows `%USERPROFILE%\NAME.conf`. A variable that is set
/// and empty counts, as it does in the clients.
fn default_path(tool: Tool, variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let name = tool.name();
    if cfg!(windows) {
        return Some(PathBuf::from(variable("USERPROFILE")?).join(format!("{name}.conf")));
    }
    match variable("XDG_CONFIG_HOME") {
        Some(folder) if folder.is_empty() => Some(Path::new("/").join(name)),
        Some(folder) => Some(PathBuf::from(folder).join(name)),
        None => Some(PathBuf::from(variable("HOME")?).join(".config").join(name)),
    }
}

/// The words of each line that is neither empty nor a comment.
fn lines(bytes: &[u8]) -> Vec<Vec<OsString>> {
    // What is not UTF-8 could be no topic and no name.
    let text = String::from_utf8_lossy(bytes);
    text.split('\n')
        .map(|line| line.trim_end_matches('\r'))
        .filter(|line| !line.starts_with('#') && !line.trim_start_matches(' ').is_empty())
        .map(line_words)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<String>> {
        let lines = lines(text.as_bytes());
        lines
            .into_iter()
            .map(|line| line.into_iter().map(|word| word.into_string().unwrap()).collect())
            .collect()
    }

    #[test]
    fn a_line_is_an_option_and_the_rest_is_its_value() {
        for (text, expected) in [
            ("-h host\n", vec![vec!["-h", "host"]]),
            ("  -m \"a b\" \r\n-r", vec![vec!["-m", "\"a b\" "], vec!["-r"]]),
            ("# -h x\n\n   \n-d \n", vec![vec!["-d"]]),
            (" # x\n", vec![vec!["#", "x"]]),
            ("-m  a\n", vec![vec!["-m", " a"]]),
            ("-t\ta\n", vec![vec!["-t\ta"]]),
            ("-p 1883 -q 1\n", vec![vec!["-p", "1883 -q 1"]]),
            (
                "-D publish content-type text/plain; charset=x\n",
                vec![vec!["-D", "publish", "content-type", "text/plain; charset=x"]],
            ),
            (
                "--property connect user-property a b c\n",
                vec![vec!["--property", "connect", "user-property", "a", "b c"]],
            ),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
        // No limit to a line.
        let long = format!("-m {}\n", "x".repeat(5_000));
        assert_eq!(words(&long), [["-m".to_owned(), "x".repeat(5_000)]]);
    }

    #[test]
    #[cfg(unix)]
    fn the_default_file_is_found_by_two_variables() {
        let path = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, OsString)> =
                pairs.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
            default_path(Tool::Subscribe, &|name| {
                pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            })
        };
        assert_eq!(path(&[("HOME", "/h")]), Some("/h/.config/mosquitto_sub".into()));
        assert_eq!(path(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")]), Some("/x/mosquitto_sub".into()));
        assert_eq!(path(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "")]), Some("/mosquitto_sub".into()));
        assert_eq!(path(&[]), None);
    }

    #[test]
    fn a_file_that_is_named_has_to_be_there() {
        let nothing = |_: &str| None;
        let failure = read(Tool::Publish, Some(OsStr::new("/nowhere/at-all")), &nothing).unwrap_err();
        let end = failure.old_end();
        assert_eq!(end.code, 1);
        assert!(
            end.text.starts_with("Error: Unable to open options file \"/nowhere/at-all\": "),
            "{}",
            end.text
        );
        assert_eq!(read(Tool::Publish, None, &nothing), Ok(Vec::new()));
    }
}
