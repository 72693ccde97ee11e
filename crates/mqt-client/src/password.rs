//! Where the password of a connection comes from, and the command that tells it.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::time::{Instant, timeout_at};

use mqt_proto::Secret;

use super::ClientError;
use super::thread::in_thread;
use mqt_process::text_file::{self, FileError};

/// A password command may print this many bytes.
const PASSWORD_AT_MOST: usize = 65_535;

/// What a command did that gave no password or key before the deadline.
pub(super) const TOOK_TOO_LONG: &str = "did not end in the time for a connect (--connect-timeout)";

/// Where the password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// It is known.
    Fixed(Secret),
    /// The standard output of this command line (run by the shell), asked again at each connect.
    /// One trailing line end is cut off.
    Command(String),
    /// This file, read again at each connect: passwords change while a program runs. One trailing line end is cut off.
    File(PathBuf),
}

impl PasswordSource {
    /// The password; runs the command where it comes from one. Dropping the future ends the command, and so does
    /// the deadline.
    ///
    /// # Errors
    /// [`ClientError::PasswordCommand`] and [`ClientError::PasswordFile`].
    pub async fn ask(self, deadline: Instant) -> Result<Secret, ClientError> {
        match self {
            Self::Fixed(secret) => Ok(secret),
            Self::Command(command) => timeout_at(deadline, output_of(&command))
                .await
                .unwrap_or_else(|_| Err(TOOK_TOO_LONG.to_owned()))
                .and_then(password_in)
                .map_err(ClientError::PasswordCommand),
            Self::File(path) => {
                let name = path.clone();
                let reading =
                    in_thread("password", move || text_file::read_aside(&path, text_file::CONFIGURATION));
                let bytes = match timeout_at(deadline, reading).await {
                    Ok(Ok(read)) => read,
                    Ok(Err(error)) => Err(FileError::new(&name, error)),
                    Err(_) => Err(FileError::new(&name, std::io::Error::other("it does not answer"))),
                };
                bytes.map(without_line_end).map_err(ClientError::PasswordFile)
            }
        }
    }
}

/// Runs a command line in the shell and takes what it prints. Dropping the future ends the command. The error continues
/// after the name of the command.
pub(super) async fn output_of(command: &str) -> Result<Vec<u8>, String> {
    // Who asks on the terminal has to stay in the process group that the terminal listens to.
    heard(run_in_shell(command, !std::io::stderr().is_terminal())).await
}

async fn heard(mut process: tokio::process::Command) -> Result<Vec<u8>, String> {
    let child = process
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // What it asks or complains about is for the user.
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("could not be started: {error}"))?;
    let mut group = ProcessGroup::of(&child);
    let output = child.wait_with_output().await.map_err(|error| format!("could not be read: {error}"))?;
    group.has_ended();
    if !output.status.success() {
        return Err(format!("failed: {}", output.status));
    }
    if output.stdout.is_empty() {
        return Err("printed nothing".into());
    }
    Ok(output.stdout)
}

/// The password in what a command has printed: without the line end.
fn password_in(bytes: Vec<u8>) -> Result<Secret, String> {
    let password = without_line_end(bytes);
    match password.expose().len() {
        0 => Err("printed nothing".into()),
        length if length > PASSWORD_AT_MOST => {
            Err(format!("printed {length} bytes; a password has at most {PASSWORD_AT_MOST}"))
        }
        _ => Ok(password),
    }
}

/// Cuts one LF or CR LF off the end.
#[must_use]
pub fn without_line_end(mut bytes: Vec<u8>) -> Secret {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Secret::new(bytes)
}

/// A command line for the shell of this system. With `own_group` it has on unix a process group of its own: what it has
/// started ends with it (see [`ProcessGroup`]), and Ctrl-C leaves it alone.
#[must_use]
#[cfg(not(windows))]
pub fn run_in_shell(command: &str, own_group: bool) -> tokio::process::Command {
    let mut process = tokio::process::Command::new("sh");
    process.arg("-c").arg(command);
    #[cfg(unix)]
    if own_group {
        process.process_group(0);
    }
    process
}

/// A command line for cmd.exe, which sees it as it was written: `/s` takes away the outer quotes and nothing else, `/d`
/// leaves out what the registry says to run first. There are no process groups.
///
/// The caller must not put text of others into the line, and neither may the line expand a variable (`%NAME%`) with such
/// text in it: cmd.exe does that before it looks for `&` and `|`.
#[must_use]
#[cfg(windows)]
pub fn run_in_shell(command: &str, _own_group: bool) -> tokio::process::Command {
    let mut process = tokio::process::Command::new("cmd");
    process.raw_arg("/d /s /c \"").raw_arg(command).raw_arg("\"");
    process
}

/// The process group that a command leads, if it leads one; dropping it kills what is left of it.
#[derive(Debug)]
pub struct ProcessGroup {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

impl ProcessGroup {
    /// The group of a command that was just started.
    #[must_use]
    #[cfg_attr(not(unix), expect(unused_variables, reason = "there are no process groups"))]
    pub fn of(leader: &tokio::process::Child) -> Self {
        Self {
            #[cfg(unix)]
            leader: leader
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .and_then(rustix::process::Pid::from_raw),
        }
    }

    /// The command has ended by itself: its number may be given to another, and what it has left behind may stay.
    pub fn has_ended(&mut self) {
        #[cfg(unix)]
        {
            self.leader = None;
        }
    }
}

#[cfg(unix)]
impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            // It may have ended by itself, or lead no group.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_command_that_hangs_is_named() {
        let error = PasswordSource::Command("exec sleep 600".to_owned())
            .ask(Instant::now() + Duration::from_millis(10))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), format!("the password command {TOOK_TOO_LONG}"));
    }

    #[tokio::test]
    async fn a_command_ends_with_all_that_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("open");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let command = format!("sleep 600 > '{}' & wait", fifo.display());
        let asked = tokio::spawn(heard(run_in_shell(&command, true)));
        // Open once the second process runs, at its end once that is gone.
        let opened = tokio::task::spawn_blocking(|| std::fs::File::open(fifo).unwrap()).await.unwrap();
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
        assert_eq!(std::io::read_to_string(opened).unwrap(), "");
    }
}
