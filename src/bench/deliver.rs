//! The end of a run: warnings and verdict, the report, and the files.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use crate::bench::report::{csv, html, text};
use crate::bench::result::ResultFile;
use crate::bench::result::{verdict, warning};
use crate::config::bench::{Outputs, Thresholds};
use crate::error::{Failure, Kind};
use crate::ui::Ui;
use mqt_process::file;
use mqt_process::text_file::{self, TextFile};

/// A file that may be asked for, and how its text is made.
type Output<'a> = (&'a Option<PathBuf>, &'a dyn Fn() -> Result<String, Failure>);

/// Writes what was asked for: the report to standard output, the others to their files.
///
/// # Errors
/// A file or standard output cannot be written; else, a threshold failed.
pub fn deliver(
    mut file: ResultFile,
    outputs: &Outputs,
    thresholds: &Thresholds,
    ui: &Ui,
) -> Result<(), Failure> {
    for run in &mut file.runs {
        run.warnings = warning::warnings(run);
    }
    file.verdict = verdict::judge(&file.runs, thresholds);
    let makers: [Output<'_>; 3] = [
        (&outputs.json, &|| file.to_json().map_err(|error| Failure::new(Kind::Bug, error.to_string()))),
        (&outputs.csv, &|| Ok(csv::csv(&file))),
        (&outputs.html, &|| Ok(html::page(&file))),
    ];
    let mut failure = None;
    let mut stdout_is_taken = false;
    for (path, make) in makers {
        let Some(path) = path else { continue };
        let done = if path.as_os_str() == "-" {
            stdout_is_taken = true;
            make().and_then(|text| ui.out(text.as_bytes()))
        } else {
            make().and_then(|text| write_whole(path, text.as_bytes()))
        };
        // The other files and the report are worth having all the same.
        failure = match (failure, done.err()) {
            (Some(first), Some(second)) => Some(Failure::graver(first, second)),
            (first, second) => first.or(second),
        };
    }
    if !stdout_is_taken {
        ui.out(text::report(&file, ui.style(), ui.width()).as_bytes())?;
    }
    match failure.or_else(|| file.verdict.as_ref().and_then(verdict::failure)) {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// Writes to another name in the same folder, and gives the file its name when it is whole. A link stays a link; what
/// is no file, such as a pipe or a device, is written to, and nothing takes its place.
fn write_whole(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::new(Kind::Output, format!("{} cannot be written", path.display())).source(&error)
    };
    if file::metadata(path).is_ok_and(|found| !found.is_file()) {
        let opened = file::open_with(OpenOptions::new().write(true), path);
        return opened.and_then(|mut file| file::write_all(&mut file, content)).map_err(failed);
    }
    let path = &file::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    file::write_in_place_of(path, &part, content).map_err(failed)
}

/// Whether all files can be written, before anything is measured: their folders are there.
///
/// # Errors
/// The first folder that is not there.
pub fn check_folders(outputs: &Outputs) -> Result<(), Failure> {
    for path in [&outputs.json, &outputs.csv, &outputs.html].into_iter().flatten() {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if file::is_folder(path) || folder.is_some_and(|folder| !file::is_folder(folder)) {
            let why = if file::is_folder(path) { "it is a folder" } else { "there is no such folder" };
            return Err(Failure::new(Kind::Output, format!("{} cannot be written: {why}", path.display())));
        }
    }
    Ok(())
}

/// Reads a result file.
///
/// # Errors
/// It cannot be read, or is no result of this version.
pub fn read(path: &Path) -> Result<ResultFile, Failure> {
    let file = TextFile::read(path, text_file::DATA)?;
    ResultFile::parse(file.text()).map_err(|error| {
        Failure::usage(format!("{}: {error}", path.display()))
            .keyword("result")
            .hint("results are what `mqt bench --json FILE` has written")
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::bench::result::tests::run;
    use crate::config::UiSettings;

    fn ui() -> Ui {
        Ui::with_writers("mqt", UiSettings::default(), Box::new(Vec::new()), Box::new(Vec::new()))
    }

    #[test]
    fn files_are_whole_or_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| Some(dir.path().join(name));
        let outputs =
            Outputs { json: at("r.json"), csv: at("r.csv"), html: at("r.html"), ..Outputs::default() };
        fs::write(outputs.json.as_ref().unwrap(), "old").unwrap();
        let mut one = run();
        one.counts.lost = 1;
        deliver(ResultFile::new(vec![one]), &outputs, &Thresholds::default(), &ui()).unwrap();
        let mut names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["r.csv", "r.html", "r.json"]);
        let read = read(outputs.json.as_ref().unwrap()).unwrap();
        assert_eq!(read.runs[0].warnings[0].keyword, "loss");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_graver_than_a_verdict_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let thresholds = Thresholds { slo: vec!["loss>5".parse().unwrap()], ..Thresholds::default() };
        let mut outputs = Outputs { json: Some(dir.path().join("r.json")), ..Outputs::default() };
        let deliver = |outputs: &Outputs| {
            deliver(ResultFile::new(vec![run()]), outputs, &thresholds, &ui()).unwrap_err()
        };
        assert_eq!(deliver(&outputs).kind, Kind::Verdict);
        assert!(!read(&dir.path().join("r.json")).unwrap().verdict.unwrap().passed);
        outputs.html = Some(dir.path().join("none/r.html"));
        assert_eq!(deliver(&outputs).kind, Kind::Output);
        assert!(check_folders(&outputs).unwrap_err().what.contains("no such folder"));
        // A folder of that name stays as it is, and no part of the file is left.
        fs::create_dir(dir.path().join("page")).unwrap();
        outputs.html = Some(dir.path().join("page"));
        assert_eq!(deliver(&outputs).kind, Kind::Output);
        assert!(check_folders(&outputs).unwrap_err().what.contains("it is a folder"));
        let parts = fs::read_dir(dir.path()).unwrap();
        assert!(parts.into_iter().all(|entry| !entry.unwrap().path().to_string_lossy().contains("part")));
        assert_eq!(check_folders(&Outputs::default()), Ok(()));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_stays_what_it_is() {
        use std::os::unix::fs::FileTypeExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (pipe, link) = (dir.path().join("pipe"), dir.path().join("link to the pipe"));
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink("pipe", &link).unwrap();
        for path in [&pipe, &link] {
            let reader = std::thread::spawn({
                let pipe = pipe.clone();
                move || fs::read_to_string(pipe).unwrap()
            });
            write_whole(path, b"into the pipe").unwrap();
            assert_eq!(reader.join().unwrap(), "into the pipe");
        }
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        let (file, link) = (dir.path().join("file"), dir.path().join("link to the file"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        write_whole(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4);
    }

    #[test]
    fn other_files_are_no_results() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.json");
        assert!(read(&path).unwrap_err().what.ends_with("r.json: no such file"));
        fs::write(&path, "{\"format\":1,").unwrap();
        let failure = read(&path).unwrap_err();
        assert!(failure.what.contains("r.json: line 1, column"), "{failure}");
        assert_eq!((failure.kind, failure.keyword), (Kind::Usage, "result"));
    }
}
