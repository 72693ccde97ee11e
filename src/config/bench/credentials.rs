//! Users from a CSV file: name, password and client identifier.

use std::path::Path;

use crate::error::Failure;
use mqt_client::PasswordSource;
use mqt_process::text_file::{self, TextFile};
use mqt_proto::{MAX_STRING_LENGTH, Secret};

use super::settings::Credential;

/// The columns when there is no heading.
const COLUMNS: [&str; 3] = ["username", "password", "client-id"];

pub(super) fn read(path: &Path) -> Result<Vec<Credential>, Failure> {
    let file = TextFile::read(path, text_file::DATA)?;
    let wrong = |line: usize, why: &str| {
        Failure::usage(format!("{}: {why}", file.place(line)))
            .hint("a line is USERNAME,PASSWORD or USERNAME,PASSWORD,CLIENT-ID; quotes as in CSV")
    };
    let mut order = vec![0, 1, 2];
    let mut users = Vec::new();
    for (at, line) in file.text().lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let fields = split(line).ok_or_else(|| wrong(at + 1, "a quote is not closed"))?;
        let heading: Option<Vec<usize>> = fields
            .iter()
            .map(|field| COLUMNS.iter().position(|name| *name == field.trim().replace('_', "-")))
            .collect();
        if let (true, Some(heading)) = (users.is_empty() && at == 0, heading) {
            order = heading;
            continue;
        }
        if fields.len() > order.len() {
            return Err(wrong(at + 1, &format!("{} columns, at most {}", fields.len(), order.len())));
        }
        let mut values: [Option<String>; 3] = [None, None, None];
        for (field, column) in fields.into_iter().zip(&order) {
            if field.len() > MAX_STRING_LENGTH || field.contains('\0') {
                return Err(wrong(at + 1, "a field has more than 65535 bytes, or a NUL"));
            }
            if let Some(value) = values.get_mut(*column) {
                *value = Some(field);
            }
        }
        let [user_name, password, client_id] = values;
        users.push(Credential {
            user_name: user_name
                .filter(|name| !name.is_empty())
                .ok_or_else(|| wrong(at + 1, "there is no user name"))?,
            password: password.map(|password| PasswordSource::Fixed(Secret::new(password))),
            client_id: client_id.filter(|id| !id.is_empty()),
        });
    }
    if users.is_empty() {
        return Err(Failure::usage(format!("{} names no user", path.display())));
    }
    Ok(users)
}

/// The fields of a line: commas between them, quotes around those that hold commas, `""` for a quote.
fn split(line: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let field = fields.last_mut()?;
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => fields.push(String::new()),
            other => field.push(other),
        }
    }
    (!quoted).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    type User = (String, Option<String>, Option<String>);

    fn users(text: &str) -> Result<Vec<User>, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("users.csv");
        std::fs::write(&path, text).unwrap();
        let password = |source: PasswordSource| match source {
            PasswordSource::Fixed(secret) => String::from_utf8(secret.expose().to_vec()).unwrap(),
            PasswordSource::Command(command) => command,
            PasswordSource::File(path) => path.display().to_string(),
        };
        read(&path).map(|users| {
            users
                .into_iter()
                .map(|user| (user.user_name, user.password.map(password), user.client_id))
                .collect()
        })
    }

    fn user(name: &str, password: Option<&str>, id: Option<&str>) -> User {
        (name.to_owned(), password.map(str::to_owned), id.map(str::to_owned))
    }

    #[test]
    fn columns_come_in_their_order_or_as_the_heading_says() {
        assert_eq!(
            users("a,1\nb,\"2,\"\"x\"\n\nc\nd,4,dev\r\n").unwrap(),
            [
                user("a", Some("1"), None),
                user("b", Some("2,\"x"), None),
                user("c", None, None),
                user("d", Some("4"), Some("dev")),
            ]
        );
        assert_eq!(users("client_id,username\ndev,a\n").unwrap(), [user("a", None, Some("dev"))]);
        // As Excel saves it.
        assert_eq!(users("\u{feff}password,username\r\n1,a\r\n").unwrap(), [user("a", Some("1"), None)]);
        assert_eq!(users("username,password\na,\n").unwrap(), [user("a", Some(""), None)]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, why) in [
            ("", "names no user"),
            ("username,password\n", "names no user"),
            ("a,1\n,2\n", "users.csv:2: there is no user name"),
            ("a,1,x,y\n", "users.csv:1: 4 columns, at most 3"),
            ("a,\"1\n", "users.csv:1: a quote is not closed"),
        ] {
            let failure = users(text).unwrap_err();
            assert!(failure.what.contains(why), "{failure}");
            assert!(!failure.what.contains("\"1"), "{failure}");
        }
        let missing = read(Path::new("/nowhere/users.csv")).unwrap_err();
        assert_eq!((missing.keyword, missing.what.as_str()), ("file", "/nowhere/users.csv: no such file"));
    }
}
