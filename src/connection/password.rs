//! Where the password of a connection comes from, and the command that tells it.

use std::process::Stdio;

use crate::mqtt::Secret;

use super::ClientError;

/// A password command may print so many bytes.
const PASSWORD_AT_MOST: usize = 65_535;

/// Where the password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// It is known.
    Fixed(Secret),
    /// The standard output of this command line (run by the shell), asked again at each connect.
    /// One trailing line end is cut off.
    Command(String),
}

impl PasswordSource {
    /// The password; runs the command where it comes from one.
    ///
    /// # Errors
    /// [`ClientError::PasswordCommand`].
    pub async fn ask(self) -> Result<Secret, ClientError> {
        match self {
            Self::Fixed(secret) => Ok(secret),
            Self::Command(command) => ask_command(&command).await,
        }
    }
}

/// Runs a command by the shell and takes what it prints, without the line end.
async fn ask_command(command: &str) -> Result<Secret, ClientError> {
    let failed = |what: String| ClientError::PasswordCommand(what);
    let output = run_in_shell(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // What it asks or complains about is for the user.
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("could not be started: {error}")))?
        .wait_with_output()
        .await
        .map_err(|error| failed(format!("could not be read: {error}")))?;
    if !output.status.success() {
        return Err(failed(format!("failed: {}", output.status)));
    }
    let mut bytes = output.stdout;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        return Err(failed("printed nothing".into()));
    }
    if bytes.len() > PASSWORD_AT_MOST {
        return Err(failed(format!(
            "printed {} bytes; a password has at most {PASSWORD_AT_MOST}",
            bytes.len()
        )));
    }
    Ok(Secret::new(bytes))
}

/// A command line for the shell of this system.
#[must_use]
pub fn run_in_shell(command: &str) -> tokio::process::Command {
    let (shell, option) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut process = tokio::process::Command::new(shell);
    process.arg(option).arg(command);
    process
}
