//! The lines of an options file of ours (`-o`): each is looked at alone, so that none takes its value from the next.

use std::ffi::OsString;

use clap::{Arg, Command};

use super::multicall::OptionLine;
use super::property::takes_next_word;
use super::{COMMANDS, Request, WrongUsage};

/// What a line says, by its number.
type Numbered<T> = (usize, T);

/// What is asked for, and what is to be reported about lines.
type Understood = (Request, Vec<Numbered<String>>);

/// Understands the arguments, the name of the program first, and the lines of an options file: they precede the
/// others. Also returns what is to be reported about lines.
///
/// # Errors
/// The first line that is wrong.
pub fn parse(argv: &[OsString], lines: Vec<OptionLine>) -> Result<Understood, Numbered<WrongUsage>> {
    let name = argv.get(1).and_then(|name| name.to_str()).unwrap_or_default();
    let shown = format!("mqt {name}");
    let define = COMMANDS.iter().find(|row| row.name == name).map(|row| row.define);
    let command = define.map_or_else(Command::default, |define| define());
    let mut notes = Vec::new();
    for OptionLine { number, words } in &lines {
        check(&command, words).map_err(|what| (*number, WrongUsage::new(what, &shown)))?;
        if is_quoted(words) {
            notes.push((*number, "the quotes are part of the value".to_owned()));
        }
    }
    // Behind the names of the program and of the command.
    let (names, rest) = argv.split_at(argv.len().min(2));
    let with = |lines: &[OptionLine]| {
        let words = lines.iter().flat_map(|line| &line.words);
        super::parse(names.iter().chain(words).chain(rest).cloned())
    };
    match with(&lines) {
        Ok(request) => Ok((request, notes)),
        Err(wrong) => {
            // The first with which the rest does not go.
            let upto = (1..=lines.len()).find(|count| with(lines.get(..*count).unwrap_or(&lines)).is_err());
            let number = upto.and_then(|count| lines.get(count - 1)).map_or(0, |line| line.number);
            Err((number, wrong))
        }
    }
}

/// An option that is there, with a value where it takes one and only there.
fn check(command: &Command, line: &[OsString]) -> Result<(), String> {
    let (name, value) = match line {
        [name] => (name.to_string_lossy(), None),
        [name, value, ..] => (name.to_string_lossy(), Some(value.to_string_lossy())),
        [] => return Ok(()),
    };
    if !name.starts_with('-') {
        return Err(format!("'{name}' is not an option"));
    }
    let (plain, attached) = match name.split_once('=') {
        Some((plain, _)) if name.starts_with("--") => (plain, true),
        _ => (&*name, false),
    };
    let Some(arg) = find(command, plain) else {
        // `-p1883` and `-rd` are for the whole to judge.
        let bundle = !name.starts_with("--") && name.len() > 2 && value.is_none();
        return if bundle { Ok(()) } else { Err(format!("unknown option '{name}'")) };
    };
    if arg.get_id() == "options_file" {
        return Err("an options file cannot name another one".to_owned());
    }
    let takes = takes_next_word(arg);
    match value {
        Some(value) if attached || !takes => {
            if arg.is_require_equals_set() && !attached {
                return Err(format!("write {name}={value}"));
            }
            Err(format!("{plain} takes no value '{value}'"))
        }
        None if takes && !attached => Err(format!("{plain} needs a value")),
        _ => Ok(()),
    }
}

fn find<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| match name.strip_prefix("--") {
        Some(long) => {
            arg.get_long() == Some(long) || arg.get_all_aliases().unwrap_or_default().contains(&long)
        }
        None => {
            let mut letters = name.chars().skip(1);
            let only = letters.next().filter(|_| letters.next().is_none());
            only.is_some() && arg.get_short() == only
        }
    })
}

/// A value between quotes, as for a shell. A payload may be JSON.
fn is_quoted(line: &[OsString]) -> bool {
    let [name, value] = line else { return false };
    let value = value.as_encoded_bytes();
    let within = |quote: u8| value.len() > 1 && value.first() == Some(&quote) && value.last() == Some(&quote);
    let payload = ["-m", "--message", "--will-payload", "-F", "--format"].iter().any(|option| name == option);
    (within(b'"') || within(b'\'')) && !payload
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize, words: &[&str]) -> OptionLine {
        OptionLine { number, words: words.iter().map(OsString::from).collect() }
    }

    fn parse_lines(argv: &str, lines: &[&[&str]]) -> Result<Understood, Numbered<String>> {
        let argv: Vec<OsString> = argv.split(' ').map(OsString::from).collect();
        let lines = lines.iter().enumerate().map(|(index, words)| line(index + 1, words)).collect();
        parse(&argv, lines).map_err(|(number, wrong)| (number, wrong.what))
    }

    #[test]
    fn a_line_never_takes_its_value_from_the_next() {
        for (lines, number, what) in [
            (&[&["-u"][..], &["-P", "secret"]][..], 1, "-u needs a value"),
            (&[&["-t", "a"], &["--username"], &["-d"]], 2, "--username needs a value"),
            (&[&["-d", "yes"]], 1, "-d takes no value 'yes'"),
            (&[&["--retry", "3"]], 1, "write --retry=3"),
            (&[&["--qos=1", "2"]], 1, "--qos takes no value '2'"),
            (&[&["--bogus", "x"]], 1, "unknown option '--bogus'"),
            (&[&["-Z"]], 1, "unknown option '-Z'"),
            (&[&["host", "h"]], 1, "'host' is not an option"),
            (&[&["-o", "other"]], 1, "an options file cannot name another one"),
            (&[&["-d"], &["-q", "3"]], 2, "-q"),
            (&[&["-d"], &["-4"], &["-6"]], 3, "--ipv4 does not go with --ipv6"),
        ] {
            let (found, told) = parse_lines("mqt sub -o f -t a", lines).unwrap_err();
            assert!(told.contains(what), "{told} is not {what}");
            assert_eq!(found, number, "{what}");
        }
    }

    #[test]
    fn well_formed_lines_are_options() {
        let lines: &[&[&str]] = &[
            &["-p1884"],
            &["--qos=1"],
            &["--retry"],
            &["-D", "connect", "user-property", "k", "v w"],
            &["--password", "x"],
            &["-u", "\"me\""],
        ];
        let (request, notes) = parse_lines("mqt sub -o f -t a -q 2", lines).unwrap();
        let Request::Subscribe(args) = request else { panic!("{request:?}") };
        assert_eq!(args.connection.server.port, Some(1884));
        assert_eq!(args.qos.map(mqt_proto::QoS::level), Some(2));
        assert_eq!(args.connection.session.property.len(), 1);
        assert_eq!(notes, [(6, "the quotes are part of the value".to_owned())]);
        let (_, notes) = parse_lines("mqt pub -o f -t a", &[&["-m", "\"on\""]]).unwrap();
        assert_eq!(notes, []);
    }
}
