//! `mqt generate`: completions and manual pages from the definitions of the command line; and the table of
//! exit statuses, which is in both the manual and `mqt help exit-codes`.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use clap::Command;
use clap_mangen::Man;

use crate::cli::{GenerateArgs, GenerateTarget, command, environment_variables};
use crate::error::{EXIT_STATUS, Failure, Kind};
use crate::ui::Ui;

use super::complete;
use super::mosquitto_manual::mosquitto_manual;
use super::roff::escape;

/// Makes what is asked for.
///
/// # Errors
/// stdout or a file cannot be written.
pub fn run(args: GenerateArgs, ui: &Ui) -> Result<(), Failure> {
    match args.target {
        GenerateTarget::Completions { shell, mosquitto } => ui.out(&complete::script(shell, mosquitto).1),
        GenerateTarget::Man { dir, mosquitto } => write_manual(&dir, mosquitto).map_err(|error| {
            Failure::new(Kind::Output, format!("the manual pages cannot be written to {}", dir.display()))
                .source(&error)
        }),
    }
}

fn write_manual(dir: &Path, mosquitto: bool) -> io::Result<()> {
    let pages = if mosquitto { mosquitto_manual() } else { manual()? };
    pages.into_iter().try_for_each(|(name, page)| {
        let folder = match dir.file_name() {
            Some(last) if last == "man1" && name.ends_with(".7") => dir.with_file_name("man7"),
            _ => dir.to_owned(),
        };
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), page)
    })
}

/// The manual: file name and content of each page.
///
/// # Errors
/// None that a buffer in memory gives; it is the signature of the generator.
pub fn manual() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut top = command();
    top.build();
    let mut pages = Vec::new();
    add_page(&top, &mut pages)?;
    pages.push(exit_codes_page());
    pages.extend(top.find_subcommand("sub").map(formats_page));
    Ok(pages)
}

/// A page of section 7, about something that several commands share.
fn subject_page(name: &str, about: &str, body: &str) -> (String, Vec<u8>) {
    let page = format!(
        ".TH {} 7 \"\" \"mqt {}\" \"mqt manual\"\n.SH NAME\n{} \\- {about}\n{body}.SH SEE ALSO\n.BR mqt (1)\n",
        escape(&name.to_uppercase()),
        env!("CARGO_PKG_VERSION"),
        escape(name),
    );
    (format!("{name}.7"), page.into_bytes())
}

fn exit_codes_page() -> (String, Vec<u8>) {
    let mut body = String::from(
        ".SH DESCRIPTION\n0 means that everything that was asked for is done and confirmed. Otherwise the gravest reason decides, \
         and the line on standard error that begins with\n.B mqt: error[keyword]:\nnames it.\n.SH EXIT STATUS\n",
    );
    body.push_str(&statuses());
    body.push_str(".SH EXAMPLES\n.nf\nmqt pub \\-t a \\-m x \\-q 1 || echo \"not confirmed: $?\"\n.fi\n");
    subject_page("mqt-exit-codes", "exit statuses of mqt", &body)
}

fn formats_page(sub: &Command) -> (String, Vec<u8>) {
    let mut body = String::from(".SH DESCRIPTION\nHow\n.B mqt sub\nprints messages.\n.SH OPTIONS\n");
    for arg in sub.get_arguments().filter(|arg| arg.get_help_heading() == Some("Output")) {
        let Some(long) = arg.get_long() else { continue };
        let short = arg.get_short().map_or_else(String::new, |short| format!("-{short}, "));
        let text =
            arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
        push(&mut body, &format!(".TP\n.B {}\n", escape(&format!("{short}--{long}"))));
        for line in text.lines() {
            push(
                &mut body,
                &if line.is_empty() { ".sp\n".to_owned() } else { format!("{}\n", escape(line)) },
            );
        }
    }
    body.push_str(
        ".SH EXAMPLES\n.nf\nmqt sub \\-t home/lamp \\-F \\(aq%I %t is %p\\(aq\nmqt sub \\-t \\(aqhome/#\\(aq \\-\\-json | jq .payload\n.fi\n",
    );
    subject_page("mqt-formats", "how mqt prints messages", &body)
}

fn statuses() -> String {
    let mut text = String::new();
    for row in EXIT_STATUS {
        let meaning = format!("{}: {}", row.keyword, row.meaning);
        push(&mut text, &format!(".TP\n.B {}\n{}\n", row.code, escape(&meaning)));
    }
    text.push_str(".TP\n.B 128+n\nended by signal n\n");
    text
}

fn add_page(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let man = Man::new(command.clone());
    let mut page = format!(
        ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n.TH {} 1 \"\" \"mqt {}\" \"mqt manual\"\n",
        name.to_uppercase(),
        env!("CARGO_PKG_VERSION")
    )
    .into_bytes();
    page.extend(section(|out| man.render_name_section(out))?);
    // The usage line: the generator's own synopsis is a list of all options.
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
    page.extend(format!(".SH SYNOPSIS\n{}\n", escape(usage)).into_bytes());
    page.extend(section(|out| man.render_description_section(out))?);
    page.extend(section(|out| man.render_options_section(out))?);
    if command.has_subcommands() {
        page.extend(section(|out| man.render_subcommands_section(out))?);
    }
    page.extend_from_slice(further_sections(command, &name).as_bytes());
    pages.push((format!("{name}.1"), page));
    command.get_subcommands().try_for_each(|below| add_page(below, pages))
}

/// A section without the definition of the apostrophe, which the generator puts before each: the page begins
/// with it.
fn section(render: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    render(&mut text)?;
    let start = text.windows(3).position(|window| window == b".SH").unwrap_or_default();
    Ok(text.split_off(start))
}

fn further_sections(command: &Command, name: &str) -> String {
    let mut text = String::from(".SH EXIT STATUS\n");
    text.push_str(&statuses());
    let variables = environment_variables(command);
    if !variables.is_empty() {
        text.push_str(".SH ENVIRONMENT\n");
        text.push_str("An option wins over its variable, and the variable over the profile.\n");
        for (variable, meaning) in &variables {
            push(&mut text, &format!(".TP\n.B {}\n{}\n", escape(variable), escape(meaning)));
        }
        for (variable, meaning) in [
            ("NO_COLOR", "no colours, whatever its value"),
            ("SSL_CERT_FILE, SSL_CERT_DIR", "CA certificates to trust instead of those of this system"),
            ("XDG_CONFIG_HOME", "where mqt/config.toml is, instead of ~/.config"),
        ] {
            push(&mut text, &format!(".TP\n.B {}\n{}\n", escape(variable), escape(meaning)));
        }
    }
    if !variables.is_empty() || name.starts_with("mqt-profile") || name == "mqt" {
        text.push_str(".SH FILES\n.TP\n.I ~/.config/mqt/config.toml\n");
        text.push_str(
            "The profiles: tables [profile.NAME] with the long names of the connection options as keys.\n",
        );
    }
    let examples = command.get_after_long_help().or_else(|| command.get_after_help());
    if let Some(examples) = examples {
        let examples = examples.to_string();
        text.push_str(".SH EXAMPLES\n.nf\n");
        for line in examples.lines().skip(1) {
            push(&mut text, &format!("{}\n", escape(line.strip_prefix("  ").unwrap_or(line))));
        }
        text.push_str(".fi\n");
    }
    let own = if name == "mqt" { ".BR mqt-sub (1),\n.BR mqt-pub (1),\n" } else { ".BR mqt (1),\n" };
    push(
        &mut text,
        &format!(
            ".SH SEE ALSO\n{}.BR mqt\\-exit\\-codes (7),\n.BR mqt\\-formats (7)\n",
            own.replace("mqt-", "mqt\\-")
        ),
    );
    text
}

fn push(text: &mut String, more: &str) {
    text.push_str(more);
}

/// `mqt help exit-codes`: the table for people.
#[must_use]
pub fn exit_codes() -> String {
    let mut text = String::from("Exit statuses:\n");
    for row in EXIT_STATUS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:>5}  {:<12} {}", row.code, row.keyword, row.meaning);
    }
    text.push_str("  128+n               ended by signal n\n\n");
    text.push_str(
        "When several apply, the gravest counts. stderr says `mqt: error[keyword]: …` with this keyword, or with one\n\
         that says more precisely what it was: topic, file, config, json (1), listen, proxy, ws (14), connack (27),\n\
         and connect also where a connection ended (7) or took too long (27) before it stood.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roff_gets_text_and_no_commands() {
        assert_eq!(escape(".x -a 'b' \\t"), "\\&.x \\-a \\(aqb\\(aq \\et");
        assert_eq!(escape("'"), "\\(aq");
    }

    #[test]
    fn every_row_of_the_table_is_shown() {
        let shown = exit_codes();
        for row in EXIT_STATUS {
            assert!(shown.lines().any(|line| line.contains(row.keyword) && line.contains(row.meaning)));
        }
    }
}
