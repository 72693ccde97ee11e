//! Options files in the form of the mosquitto clients: one option a line, the rest of the line its value.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::cli::dialect::Tool;
use crate::cli::multicall::{OptionLine, line_words};
use crate::error::Failure;
use mqt_process::text_file::{self, FileError, TextFile};

/// An options file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub lines: Vec<OptionLine>,
}

/// The options file of a mosquitto client. `given` is the value of `-o`; without it, it is the default file of the
/// program, which need not be there.
///
/// # Errors
/// The file that was named, or one that is there, cannot be read.
pub fn read(
    tool: Tool,
    given: Option<&OsStr>,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<OptionFile>, Failure> {
    let path = match given {
        Some(path) => PathBuf::from(path),
        None => match default_path(tool, variable) {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    match text_file::read(&path, text_file::CONFIGURATION) {
        Ok(bytes) => {
            // What is not UTF-8 could be no topic and no name.
            let lines = lines(&String::from_utf8_lossy(&bytes), |line| {
                let nothing = line.starts_with('#') || line.trim_start_matches(' ').is_empty();
                (!nothing).then(|| line_words(line))
            });
            Ok(Some(OptionFile { path, lines }))
        }
        Err(error) if given.is_none() && is_out_of_reach(&error) => Ok(None),
        Err(error) => Err(unreadable(error)),
    }
}

/// The options file of a command of ours: the form of mosquitto's, in which also a tab ends the name of an option and
/// also an indented `#` begins a comment.
///
/// # Errors
/// It cannot be read.
pub fn read_named(path: &Path) -> Result<OptionFile, Failure> {
    let file = TextFile::read(path, text_file::CONFIGURATION)?;
    Ok(OptionFile { path: path.to_owned(), lines: lines(file.text(), own_words) })
}

fn is_out_of_reach(error: &FileError) -> bool {
    error.is_missing()
        || error.system().is_some_and(|error| {
            matches!(error.kind(), ErrorKind::IsADirectory | ErrorKind::PermissionDenied)
        })
}

fn unreadable(error: FileError) -> Failure {
    let path = error.path().display();
    let old = match error.system() {
        Some(reason) => {
            format!("Error: Unable to open options file \"{path}\": {}.", text_file::system_reason(reason))
        }
        None if error.is_utf_16() => format!("Error: the options file {path} is UTF-16, save it as UTF-8."),
        None => format!("Error: Unable to open options file {error}."),
    };
    Failure::from(error).mosquitto_text(old)
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

/// The lines that say something, in the words that `read` makes of them.
fn lines(text: &str, read: impl Fn(&str) -> Option<Vec<OsString>>) -> Vec<OptionLine> {
    let lines = text.split('\n').map(|line| line.trim_end_matches('\r'));
    let lines = lines.enumerate();
    lines.filter_map(|(index, line)| Some(OptionLine { number: index + 1, words: read(line)? })).collect()
}

/// The words of a line of a file of ours.
fn own_words(line: &str) -> Option<Vec<OsString>> {
    const BLANKS: [char; 2] = [' ', '\t'];
    let line = line.trim_start_matches(BLANKS);
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (name, value) = line.split_once(BLANKS).unwrap_or((line, ""));
    let with_tab = line.get(name.len()..).is_some_and(|rest| rest.trim_start_matches(' ').starts_with('\t'));
    // Values that tabs line up begin behind these.
    let value = if with_tab { value.trim_start_matches(BLANKS) } else { value };
    Some(line_words(&format!("{name} {value}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line as its number and its words.
    fn words(lines: Vec<OptionLine>) -> Vec<(usize, Vec<String>)> {
        let word = |word: OsString| word.into_string().unwrap();
        lines.into_iter().map(|line| (line.number, line.words.into_iter().map(word).collect())).collect()
    }

    fn in_file(bytes: &[u8], read: impl Fn(&Path) -> Option<OptionFile>) -> Vec<(usize, Vec<String>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("options");
        std::fs::write(&path, bytes).unwrap();
        words(read(&path).unwrap().lines)
    }

    fn of_client(text: &str) -> Vec<(usize, Vec<String>)> {
        let read = |path: &Path| read(Tool::Subscribe, Some(path.as_os_str()), &|_| None).unwrap();
        in_file(text.as_bytes(), read)
    }

    fn own(text: &str) -> Vec<(usize, Vec<String>)> {
        in_file(text.as_bytes(), |path| read_named(path).ok())
    }

    fn line<const N: usize>(number: usize, words: [&str; N]) -> (usize, Vec<String>) {
        (number, words.map(str::to_owned).to_vec())
    }

    #[test]
    fn a_line_is_an_option_and_the_rest_is_its_value() {
        for (text, expected) in [
            ("-h host\n", vec![line(1, ["-h", "host"])]),
            ("\u{feff}-h host\n", vec![line(1, ["-h", "host"])]),
            ("  -m \"a b\" \r\n-r", vec![line(1, ["-m", "\"a b\" "]), line(2, ["-r"])]),
            ("# -h x\n\n   \n-d \n", vec![line(4, ["-d"])]),
            ("-m  a\n", vec![line(1, ["-m", " a"])]),
            ("-p 1883 -q 1\n", vec![line(1, ["-p", "1883 -q 1"])]),
            (
                "-D publish content-type text/plain; charset=x\n",
                vec![line(1, ["-D", "publish", "content-type", "text/plain; charset=x"])],
            ),
            (
                "--property connect user-property a b c\n",
                vec![line(1, ["--property", "connect", "user-property", "a", "b c"])],
            ),
        ] {
            assert_eq!(of_client(text), expected, "{text:?}");
            assert_eq!(own(text), expected, "{text:?}");
        }
        // No limit to a line.
        let long = "x".repeat(5_000);
        assert_eq!(of_client(&format!("-m {long}\n")), [line(1, ["-m", &long])]);
    }

    #[test]
    fn tabs_and_indented_comments_are_no_options_here_and_faults_there() {
        for (text, there, here) in [
            (" # x\n", vec![line(1, ["#", "x"])], vec![]),
            ("\t# x\n\t\n", vec![line(1, ["\t#", "x"]), line(2, ["\t"])], vec![]),
            ("-t\ta\n", vec![line(1, ["-t\ta"])], vec![line(1, ["-t", "a"])]),
            ("\t-t \t a b\n", vec![line(1, ["\t-t", "\t a b"])], vec![line(1, ["-t", "a b"])]),
            ("-m a\tb\n", vec![line(1, ["-m", "a\tb"])], vec![line(1, ["-m", "a\tb"])]),
        ] {
            assert_eq!(of_client(text), there, "{text:?}");
            assert_eq!(own(text), here, "{text:?}");
        }
    }

    #[test]
    fn utf_16_is_named() {
        for bytes in [&b"\xff\xfe-\0d\0"[..], b"\xfe\xff\0-\0d"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("f");
            std::fs::write(&path, bytes).unwrap();
            let told = format!("{}: UTF-16 text; save it as UTF-8", path.display());
            assert_eq!(read_named(&path).unwrap_err().what, told);
            let failure = read(Tool::Subscribe, Some(path.as_os_str()), &|_| None).unwrap_err();
            let old = format!("Error: the options file {} is UTF-16, save it as UTF-8.", path.display());
            assert_eq!(failure.mosquitto_end().text, old);
        }
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
        let end = failure.mosquitto_end();
        assert_eq!(end.code, 1);
        assert!(
            end.text.starts_with("Error: Unable to open options file \"/nowhere/at-all\": "),
            "{}",
            end.text
        );
        assert_eq!(read(Tool::Publish, None, &nothing), Ok(None));
    }
}
