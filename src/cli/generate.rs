//! The options of `mqt generate`.

use std::path::PathBuf;

use clap::{Args, Command, Subcommand};
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  Completions for bash:
    mqt generate completions bash > ~/.local/share/bash-completion/completions/mqt
  Manual pages:
    mqt generate man ~/.local/share/man/man1
    mqt generate man --mosquitto ~/.local/share/man/man1
";

/// The options of `mqt generate`.
#[derive(Args, Debug, Clone)]
pub struct GenerateArgs {
    /// What to make.
    #[command(subcommand)]
    pub target: GenerateTarget,
}

/// What to generate.
#[derive(Subcommand, Debug, Clone)]
pub enum GenerateTarget {
    /// Print completions for a shell
    ///
    /// On standard output.
    #[command(after_help = "Examples:\n  mqt generate completions zsh > ~/.zfunc/_mqt")]
    Completions {
        /// The shell
        ///
        /// bash, elvish, fish, powershell or zsh.
        #[arg(value_name = "SHELL", hide_possible_values = true)]
        shell: Shell,

        /// Print those of mosquitto_pub, mosquitto_sub and mosquitto_rr instead
        ///
        /// For use with `mqt install-links`.
        #[arg(long)]
        mosquitto: bool,
    },
    /// Write the manual pages into a folder
    ///
    /// mqt.1 and one page per command; pages of section 7 go to man7 beside a folder named man1. Folders are created if
    /// needed.
    #[command(after_help = "Examples:\n  mqt generate man ~/.local/share/man/man1")]
    Man {
        /// The folder
        ///
        /// Files of the same names are overwritten.
        #[arg(value_name = "DIR")]
        dir: PathBuf,

        /// Write those of mosquitto_pub, mosquitto_sub and mosquitto_rr instead
        ///
        /// For folders where `mqt install-links` has created these names: they hide mosquitto's pages.
        #[arg(long)]
        mosquitto: bool,
    },
}

/// `mqt generate` as a clap command.
pub(super) fn command() -> Command {
    // The texts come last: clap takes the comment of the struct for them.
    GenerateArgs::augment_args(Command::new("generate"))
        .about("Make shell completions and manual pages")
        .long_about("Generate shell completions and manual pages.")
        .after_help(EXAMPLES)
        .subcommand_required(true)
}
