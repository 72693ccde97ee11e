//! Where the password comes from, and reading it.

use std::path::Path;

use crate::cli::connection::{LoginArgs, TlsArgs};
use crate::error::Failure;
use mqt_client::PasswordSource;
use mqt_client::password::without_line_end;
use mqt_client::tls::is_encrypted_key;
use mqt_process::{file, text_file};
use mqt_proto::{MAX_STRING_LENGTH, Secret};

use super::environment::Environment;

/// The password, or the command that will say it.
pub(super) fn password(
    login: &LoginArgs,
    environment: &Environment<'_>,
) -> Result<Option<PasswordSource>, Failure> {
    let secret = if let Some(command) = &login.password_command {
        return Ok(Some(PasswordSource::Command(command.clone())));
    } else if let Some(password) = &login.password {
        password.clone()
    } else if let Some(path) = &login.password_file {
        read_file(path)?
    } else if login.password_stdin == Some(true) {
        let bytes = (environment.read_stdin)().map_err(|error| {
            Failure::usage("the password cannot be read from standard input").source(&error)
        })?;
        without_line_end(bytes)
    } else if login.password_prompt == Some(true) {
        if !environment.stderr_is_terminal {
            return Err(Failure::usage("--password-prompt needs a terminal")
                .hint("in a script use --password-file, --password-command or MQT_PASSWORD"));
        }
        let answer = (environment.ask)("Password: ")
            .map_err(|error| Failure::usage("the password cannot be read").source(&error))?;
        Secret::new(answer)
    } else {
        return Ok(None);
    };
    if secret.expose().len() > MAX_STRING_LENGTH {
        return Err(Failure::usage("the password is longer than 65535 bytes"));
    }
    Ok(Some(match &login.password_file {
        // A pipe, as of a process substitution, tells it once.
        Some(path) if login.password.is_none() && file::metadata(path).is_ok_and(|found| found.is_file()) => {
            PasswordSource::File(path.clone())
        }
        _ => PasswordSource::Fixed(secret),
    }))
}

/// The password of an encrypted private key: out of its file, or from whoever sits at the terminal.
pub(super) fn key_password(tls: &TlsArgs, environment: &Environment<'_>) -> Result<Option<Secret>, Failure> {
    match (&tls.key, &tls.key_password_file) {
        (_, Some(path)) => read_file(path).map(Some),
        (Some(key), None) if environment.stderr_is_terminal && is_encrypted_key(key) => {
            let answer = (environment.ask)(&format!("Password of {}: ", key.display())).map_err(|error| {
                Failure::usage("the password of the private key cannot be read").source(&error)
            })?;
            Ok(Some(Secret::new(answer)))
        }
        _ => Ok(None),
    }
}

fn read_file(path: &Path) -> Result<Secret, Failure> {
    Ok(without_line_end(text_file::read(path, text_file::CONFIGURATION)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_cut_off() {
        for (bytes, expected) in
            [("pw\n", "pw"), ("pw\r\n", "pw"), ("pw", "pw"), ("pw\n\n", "pw\n"), ("", ""), ("\n", "")]
        {
            assert_eq!(without_line_end(bytes.into()).expose(), expected.as_bytes(), "{bytes:?}");
        }
    }
}
