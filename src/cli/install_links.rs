//! The options of `mqt install-links`.

use std::path::PathBuf;

use clap::{Args, Command};

const EXAMPLES: &str = "\
Examples:
  For this user, in a folder of PATH that comes before that of mosquitto:
    mqt install-links ~/.local/bin
  Take them away again:
    mqt install-links --remove ~/.local/bin
";

/// The options of `mqt install-links`.
#[derive(Args, Debug, Clone)]
pub struct InstallLinksArgs {
    /// The folder
    ///
    /// It is created if needed. A file of another program is never replaced.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,

    /// Remove the links instead
    ///
    /// Only those that point to this program.
    #[arg(long)]
    pub remove: bool,
}

/// `mqt install-links` as a clap command.
pub(super) fn command() -> Command {
    // The texts come last: clap takes the comment of the struct for them.
    InstallLinksArgs::augment_args(Command::new("install-links"))
        .about("Make links named mosquitto_pub, mosquitto_sub and mosquitto_rr")
        .long_about(
            "Create links named mosquitto_pub, mosquitto_sub and mosquitto_rr to this program in a folder. Called by \
             one of these names, it behaves like that program.",
        )
        .after_help(EXAMPLES)
}
