//! Profiles: tables `[profile.NAME]` in `mqt/config.toml`, with the long names of the connection options as
//! keys.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::cli::ConnectionArgs;
use crate::cli::connection::HIDDEN;
use crate::error::Failure;
use mqt_process::text_file::{self, TextFile};

use super::SetupWarning;
use super::environment::Environment;
use super::layer::{self, FoundVariable};

/// The profile that counts when none is named.
const DEFAULT: &str = "default";

/// Keys whose value does not show.
const SECRET: &[&str] = &["password", "ws-header"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileDocument {
    #[serde(default)]
    profile: BTreeMap<String, Table>,
}

type Table = BTreeMap<Spanned<String>, Spanned<toml::Value>>;

/// The configuration file as it was read.
pub struct ProfileFile {
    file: TextFile,
    profiles: BTreeMap<String, Table>,
}

impl ProfileFile {
    /// Reads the file; `None` when there is none.
    ///
    /// # Errors
    /// It cannot be read, or is not what it should be.
    pub fn read(environment: &Environment<'_>) -> Result<Option<Self>, Failure> {
        let Some(path) = path(environment) else { return Ok(None) };
        match TextFile::read(&path, text_file::CONFIGURATION) {
            Ok(file) => Self::parse(file).map(Some),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn parse(file: TextFile) -> Result<Self, Failure> {
        match toml::from_str::<ProfileDocument>(file.text()) {
            Ok(document) => Ok(Self { file, profiles: document.profile }),
            Err(error) => {
                let place = error
                    .span()
                    .map_or_else(|| file.path().display().to_string(), |span| file.place_at(span.start));
                Err(Failure::usage(format!("{place}: {}", error.message()))
                    .keyword("config")
                    .hint("the file has tables [profile.NAME] with the long names of options as keys"))
            }
        }
    }

    /// The names of the profiles, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }

    /// The options of a profile; nothing when it is the default one and is not there.
    fn options(&self, name: &str) -> Result<ConnectionArgs, Failure> {
        let Some(table) = self.profiles.get(name) else {
            if name == DEFAULT {
                return Ok(ConnectionArgs::default());
            }
            return Err(self.unknown(name));
        };
        let mut known: Vec<&str> = Vec::new();
        let args = layer::read(&mut |option| {
            known.push(option);
            let (key, value) = table.iter().find(|(key, _)| key.as_ref() == option)?;
            let origin = self.place(key);
            Some(Ok(FoundVariable { value: value.as_ref().clone(), origin }))
        })
        .map_err(|failure| failure.keyword("config"))?;
        match table.keys().find(|key| !known.contains(&key.as_ref().as_str())) {
            Some(key) => {
                known.retain(|option| !HIDDEN.contains(option));
                Err(Failure::usage(format!("{} is not a connection option", self.place(key)))
                    .keyword("config")
                    .hint(format!("the keys are {}", known.join(", "))))
            }
            None => Ok(args),
        }
    }

    fn place(&self, key: &Spanned<String>) -> String {
        format!("{}: {}", self.file.place_at(key.span().start), key.as_ref())
    }

    fn unknown(&self, name: &str) -> Failure {
        let names: Vec<&str> = self.names().collect();
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Failure::usage(format!("there is no profile '{name}' in {}", self.file.path().display()))
            .keyword("config")
            .hint(format!("profiles there: {known}"))
    }

    /// Says so when others can read a file that holds a password.
    fn warning(&self) -> Option<SetupWarning> {
        let secret = self.profiles.values().flat_map(BTreeMap::keys).any(|key| is_secret(key.as_ref()));
        let mode = readable_by_others(self.file.path()).filter(|_| secret)?;
        Some(SetupWarning {
            keyword: "config-perms",
            text: format!(
                "{} holds a secret and is mode {mode:04o}; make it `chmod 600`",
                self.file.path().display()
            ),
        })
    }

    /// One line a profile: its name and where it leads.
    #[must_use]
    pub fn list(&self) -> String {
        let mut text = String::new();
        for (name, table) in &self.profiles {
            let get = |wanted: &str| {
                let (_, value) = table.iter().find(|(key, _)| key.as_ref() == wanted)?;
                Some(shown(wanted, value.as_ref()))
            };
            let target = get("url").or_else(|| get("host")).or_else(|| get("unix")).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", format!("{name}\t{target}").trim_end());
        }
        text
    }

    /// The keys and values of a profile, secrets left out.
    ///
    /// # Errors
    /// There is no such profile, or it is not what it should be.
    pub fn show(&self, name: &str) -> Result<String, Failure> {
        let table = self.profiles.get(name).ok_or_else(|| self.unknown(name))?;
        self.options(name)?;
        let mut text = format!("[profile.{}]\n", toml_key(name));
        for (key, value) in table {
            let _ =
                writeln!(text, "{} = {}", toml_key(key.as_ref()), shown_toml(key.as_ref(), value.as_ref()));
        }
        Ok(text)
    }
}

/// The options of the profile that counts, and a warning about the file.
pub(super) fn options(
    environment: &Environment<'_>,
    asked_for: Option<&str>,
) -> Result<(ConnectionArgs, Option<SetupWarning>), Failure> {
    let variable = match asked_for {
        Some(_) => None,
        None => environment.text("MQT_PROFILE").transpose()?,
    };
    let name = asked_for.or(variable.as_deref());
    match (ProfileFile::read(environment)?, name) {
        (Some(file), name) => Ok((file.options(name.unwrap_or(DEFAULT))?, file.warning())),
        (None, None | Some(DEFAULT)) => Ok((ConnectionArgs::default(), None)),
        (None, Some(name)) => Err(missing_file(environment, name)),
    }
}

/// There is a profile to be used and no file.
#[must_use]
pub fn missing_file(environment: &Environment<'_>, name: &str) -> Failure {
    Failure::usage(format!("there is no profile '{name}': {}", no_file(environment)))
        .keyword("config")
        .hint("`mqt help profile` shows what it contains")
}

/// Says which file is not there.
#[must_use]
pub fn no_file(environment: &Environment<'_>) -> String {
    path(environment)
        .map_or_else(|| "no home folder".to_owned(), |path| format!("no file {}", path.display()))
}

fn path(environment: &Environment<'_>) -> Option<PathBuf> {
    environment.config_dir.as_ref().map(|dir| dir.join("mqt").join("config.toml"))
}

/// The number of the line that has this byte.
fn is_secret(key: &str) -> bool {
    SECRET.contains(&key)
}

fn toml_key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { format!("{key:?}") }
}

/// A value without its secrets.
fn shown(key: &str, value: &toml::Value) -> String {
    match value {
        _ if is_secret(key) => "***".to_owned(),
        toml::Value::String(text) if key == "property" => {
            match text.split_whitespace().collect::<Vec<_>>()[..] {
                [place, name, ..] if name.eq_ignore_ascii_case("authentication-data") => {
                    format!("{place} {name} ***")
                }
                _ => text.clone(),
            }
        }
        // Endpoint and Proxy leave the password out when they are displayed.
        toml::Value::String(text) if key == "url" => {
            text.parse::<mqt_client::Endpoint>().map_or_else(|_| "***".to_owned(), |url| url.to_string())
        }
        toml::Value::String(text) if key == "proxy" => {
            text.parse::<mqt_client::Proxy>().map_or_else(|_| "***".to_owned(), |url| url.to_string())
        }
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Boolean(flag) => flag.to_string(),
        toml::Value::Datetime(time) => time.to_string(),
        // No option takes a table: `show` has refused it.
        toml::Value::Table(_) => String::new(),
        toml::Value::Array(values) => {
            let values: Vec<String> = values.iter().map(|value| shown_toml(key, value)).collect();
            format!("[{}]", values.join(", "))
        }
    }
}

/// As it could be in the file.
fn shown_toml(key: &str, value: &toml::Value) -> String {
    match value {
        toml::Value::String(_) => format!("{:?}", shown(key, value)),
        _ => shown(key, value),
    }
}

/// The permission bits of a file that its group or everybody may read.
#[cfg(unix)]
fn readable_by_others(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = mqt_process::file::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn readable_by_others(_: &Path) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<ProfileFile, Failure> {
        ProfileFile::parse(TextFile::new(Path::new("config.toml"), text.to_owned()))
    }

    const TEXT: &str = "\
[profile.default]
url = \"mqtts://me:hunter2@broker.example\"
keepalive = 30

[profile.office]
host = \"office.example\"
port = 1884
username = \"me\"
password = \"hunter2\"
insecure = true
property = [\"connect user-property site hall\", \"connect Authentication-Data hunter2\"]
ws-header = [\"Authorization: Bearer hunter2\"]
";

    #[test]
    fn a_profile_gives_its_options() {
        let file = file(TEXT).unwrap();
        let office = file.options("office").unwrap();
        assert_eq!(office.server.port, Some(1884));
        assert_eq!(office.tls.insecure, Some(true));
        assert_eq!(office.session.property.len(), 2);
        assert_eq!(file.options("default").unwrap().session.keepalive.map(|seconds| seconds.0), Some(30));
    }

    #[test]
    fn faults_name_file_and_line() {
        for (text, expected) in [
            ("[profile.a]\nhots = \"x\"\n", "config.toml:2: hots is not a connection option"),
            ("[profile.a]\n\nport = \"x\"\n", "config.toml:3: port: 'x': not a whole number"),
            ("[profile.a]\nretry = []\n", "config.toml:2: retry: invalid type"),
            ("[profiles.a]\n", "config.toml:1: unknown field `profiles`"),
            ("[profile.a\n", "config.toml:1: "),
            ("[profile.a]\nurl = \"mqtt://u:hunter2@\"\n", "config.toml:2: url: the host is empty"),
        ] {
            let failure = file(text).and_then(|file| file.options("a").map(|_| ())).unwrap_err();
            assert!(failure.what.contains(expected), "{text}: {}", failure.what);
            assert!(!failure.what.contains("hunter2"), "{}", failure.what);
            assert_eq!((failure.kind.code(), failure.keyword), (1, "config"));
        }
    }

    #[test]
    fn the_keys_are_those_of_the_help() {
        let hints = file("[profile.a]\nhots = \"x\"\n").unwrap().options("a").unwrap_err().hints;
        assert!(hints[0].contains("host, port,") && hints[0].contains("tls-version"), "{hints:?}");
        assert!(!hints[0].contains("psk") && !hints[0].contains("engine") && !hints[0].contains("keyform"));
    }

    #[test]
    fn an_unknown_profile_names_the_known_ones() {
        let failure = file(TEXT).unwrap().options("home").unwrap_err();
        assert_eq!(failure.what, "there is no profile 'home' in config.toml");
        assert_eq!(failure.hints, ["profiles there: default, office"]);
        assert_eq!(file("").unwrap().options("default"), Ok(ConnectionArgs::default()));
    }

    #[test]
    fn nothing_secret_is_listed_or_shown() {
        let file = file(TEXT).unwrap();
        assert_eq!(file.list(), "default\tmqtts://me:***@broker.example\noffice\toffice.example\n");
        let office = file.show("office").unwrap();
        assert!(office.starts_with("[profile.office]\nhost = \"office.example\"\n"), "{office}");
        assert!(office.contains("password = \"***\"\n") && office.contains("ws-header = ***\n"), "{office}");
        assert!(office.contains("\"connect user-property site hall\", \"connect Authentication-Data ***\""));
        assert!(!office.contains("hunter2") && !file.show("default").unwrap().contains("hunter2"));
    }

    #[cfg(unix)]
    #[test]
    fn a_readable_file_with_a_password_is_warned_about() {
        use std::fs;
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        let warning = |text: &str, mode| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            ProfileFile::parse(TextFile::new(&path, text.to_owned())).unwrap().warning()
        };
        assert!(warning(TEXT, 0o644).unwrap().text.contains("mode 0644"));
        assert_eq!(warning(TEXT, 0o600), None);
        assert_eq!(warning("[profile.a]\nhost = \"x\"\n", 0o644), None);
    }
}
