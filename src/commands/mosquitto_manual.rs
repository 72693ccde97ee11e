//! The manual pages of the old names.

use crate::cli::dialect::Tool;
use crate::cli::multicall::{self, differences};
use crate::error::{EXIT_STATUS, MosquittoCode};

use super::roff::escape;

/// The manual of each: file name and content.
#[must_use]
pub fn mosquitto_manual() -> Vec<(String, Vec<u8>)> {
    Tool::ALL.map(|tool| (format!("{}.1", tool.name()), page(tool).into_bytes())).into()
}

/// A page in the making.
struct ManualPage(String);

impl ManualPage {
    fn raw(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn section(&mut self, name: &str) {
        self.raw(&format!(".SH {name}"));
    }

    fn text(&mut self, text: &str) {
        self.raw(&escape(text));
    }

    /// A term and what it means.
    fn term(&mut self, term: &str, text: &str) {
        self.raw(&format!(".TP\n.B {}", escape(term)));
        self.text(text);
    }
}

fn page(tool: Tool) -> String {
    let name = tool.name();
    let mut page = ManualPage(String::new());
    page.raw(".ie \\n(.g .ds Aq \\(aq");
    page.raw(".el .ds Aq '");
    let (title, version) = (name.to_uppercase(), env!("CARGO_PKG_VERSION"));
    page.raw(&format!(".TH {title} 1 \"\" \"mqt {version}\" \"mqt manual\""));
    page.section("NAME");
    page.raw(&format!("{} \\- mqt in the manner of {}", escape(name), escape(name)));
    page.section("SYNOPSIS");
    page.text(&format!("{name} {}", multicall::synopsis(tool)));
    page.section("DESCRIPTION");
    page.text(&format!(
        "Called as {name}, by a link or as a copy, mqt behaves as that program of mosquitto {} does: the same options \
         and defaults, options files, output and exit statuses. See OTHER THAN MOSQUITTO for what differs, and \
         mqt(1) for what else there is.",
        multicall::MOSQUITTO_VERSION
    ));
    page.raw(".PP");
    page.text(
        "Options are whole words, and values the words behind them, whatever these are. They count from left to right: a \
         later one wins, and the first fault ends the program.",
    );
    page.section("OPTIONS");
    for (names, about) in multicall::option_texts(tool) {
        page.term(names.trim(), &format!("{about}."));
    }
    page.section("\"EXIT STATUS\"");
    for row in EXIT_STATUS.iter().filter(|row| row.kind != Some(crate::error::Kind::Verdict)) {
        page.term(&row.mosquitto_code.to_string(), row.meaning);
    }
    page.term("1 to 5, 128 to 162", "also: the code with which the broker refused the connection");
    for old in MosquittoCode::ALL {
        page.term(&old.code.to_string(), old.meaning);
    }
    page.raw(".PP\nOther than mosquitto, for 0 hid a loss there or the number was left to chance:");
    for one in differences::EXIT_STATUSES {
        page.term(one.what, &format!("{} (mosquitto: {}), since {}.", one.here, one.mosquitto, one.reason));
    }
    page.section("\"OTHER THAN MOSQUITTO\"");
    for one in differences::BEHAVIOUR {
        page.term(one.what, &format!("{} (mosquitto: {}): {}.", one.here, one.mosquitto, one.reason));
    }
    page.section("FILES");
    page.term(
        &format!("$XDG_CONFIG_HOME/{name}, $HOME/.config/{name}"),
        "Options, one a line, the rest of the line behind one space the value, quotes included; a line that begins \
         with # is a comment. The command line wins.",
    );
    page.section("ENVIRONMENT");
    page.term("XDG_CONFIG_HOME, HOME", "where the options file is");
    page.term("SSL_CERT_FILE, SSL_CERT_DIR", "CA certificates to trust instead of those of this system");
    page.term("TZ", "the time zone of times in -F");
    page.section("EXAMPLES");
    page.raw(".nf");
    page.text(match tool {
        Tool::Publish => "mosquitto_pub -h broker.example -t home/lamp -m on -q 1 -r",
        Tool::Subscribe => "mosquitto_sub -h broker.example -t 'home/#' -v",
        Tool::Request => "mosquitto_rr -h broker.example -t service/time -e reply/me -m now -W 2",
    });
    page.raw(".fi");
    page.section("\"SEE ALSO\"");
    page.raw(".BR mqt (1),\n.BR mqt\\-install\\-links (1)");
    page.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_tells_every_option_and_every_exception() {
        for (name, page) in mosquitto_manual() {
            let page = String::from_utf8(page).unwrap();
            assert!(page.contains(".TP\n.B \\-h, \\-\\-host <host>\n"), "{name}");
            for one in differences::EXIT_STATUSES {
                assert!(page.contains(&format!(".B {}\n", escape(one.what))), "{name}: {}", one.what);
            }
            // No line is taken for a command of roff that is none.
            for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
                let command = line.split(' ').next().unwrap_or_default();
                assert!(
                    [".ie", ".el", ".TH", ".SH", ".TP", ".B", ".BR", ".PP", ".nf", ".fi"].contains(&command),
                    "{name}: {line}"
                );
            }
        }
    }
}
