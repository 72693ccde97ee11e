//! Writes messages to a file as they come, from a thread of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::commands::outlet::Outlet;
use crate::error::{Failure, Kind};
use crate::output::{Json, Presentation};
use crate::ui::{PrintSink, PrinterOptions, Ui};
use mqt_client::error::reason;
use mqt_process::file;

/// Opens a file that messages are appended to, which is made where there is none. Also returns whether its last line had no
/// line end, as a full disk leaves it: it has one now, so that the first record does not become a part of it.
///
/// # Errors
/// It cannot be opened for writing.
pub fn record_to(path: &Path, ui: &Ui) -> Result<(Outlet, bool), Failure> {
    let failed = |error: io::Error| {
        Failure::new(Kind::Output, format!("{}: {}", path.display(), reason(&error))).keyword("record")
    };
    let mut file = file::open_with(OpenOptions::new().create(true).append(true), path).map_err(failed)?;
    let torn = is_torn(path, &file).map_err(failed)?;
    if torn {
        file.write_all(b"\n").map_err(failed)?;
    }
    let formatter = Box::new(Json::new(&Presentation::default(), false));
    let sink = PrintSink::Writer(Box::new(file));
    let outlet = Outlet::start(formatter, sink, PrinterOptions::default(), ui).map_err(failed)?;
    Ok((outlet, torn))
}

/// Whether the file ends within a line. One that may be written and not read could: an empty line harms nobody.
fn is_torn(path: &Path, file: &File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    let read = file::open(path).and_then(|mut file| {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)
    });
    Ok(read.is_err() || last != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_an_end_is_torn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        for (content, torn) in [("", false), ("\n", false), ("{}\n", false), ("{}\n{\"a", true), ("{}", true)]
        {
            std::fs::write(&path, content).unwrap();
            assert_eq!(is_torn(&path, &File::open(&path).unwrap()).unwrap(), torn, "{content:?}");
        }
        assert!(!is_torn(folder.path(), &File::open(folder.path()).unwrap()).unwrap());
    }
}
