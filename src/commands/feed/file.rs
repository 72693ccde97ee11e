//! A payload that is a whole file.

use std::path::Path;

use bytes::Bytes;

use crate::cli::multicall;
use crate::commands::input::read_whole;
use crate::error::{Failure, Kind};
use mqt_process::file;
use mqt_process::signal::interruptible;
use mqt_process::text_file::FileError;

/// A payload from a file, read whole.
pub(super) fn file_payload(path: &Path) -> Result<Bytes, Failure> {
    let is_stdin = path.as_os_str() == "-";
    let failed = |error: std::io::Error| {
        let old = multicall::not_loaded(path, &error);
        let failure = Failure::from(FileError::new(path, error)).mosquitto_text(old);
        if is_stdin { failure.hint("-s reads standard input") } else { failure }
    };
    let file = file::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    if size > u64::try_from(mqt_proto::MAX_REMAINING_LENGTH).unwrap_or(u64::MAX) {
        return Err(too_large(size, &path.display().to_string()));
    }
    interruptible(|| read_whole(file)).map_err(failed)
}

/// A payload that fits into no packet.
pub(super) fn too_large(size: u64, place: &str) -> Failure {
    Failure::new(
        Kind::TooLarge,
        format!("{place}: {size} bytes, an MQTT packet has at most {}", mqt_proto::MAX_REMAINING_LENGTH),
    )
}
