//! The options of `mqt profile`.

use clap::{Args, Command, Subcommand};

const EXAMPLES: &str = "\
Examples:
  List the profiles:
    mqt profile list
  Show what a profile says, secrets left out:
    mqt profile show office
  Use it:
    mqt sub --profile office -t '#' -v

A profile is a table in ~/.config/mqt/config.toml, or $XDG_CONFIG_HOME/mqt/config.toml where that is
set, and in %APPDATA%\\mqt\\config.toml on Windows; its keys are the long names of the connection options. The profile named default is used when no other one is named:
  [profile.default]
  url = \"mqtts://broker.example\"
  username = \"me\"
  password-command = \"pass show broker\"
";

/// The options of `mqt profile`.
#[derive(Args, Debug, Clone)]
pub struct ProfileArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: ProfileAction,
}

/// What to do with profiles.
#[derive(Subcommand, Debug, Clone)]
pub enum ProfileAction {
    /// List the profiles
    ///
    /// One name per line, with its broker.
    #[command(after_help = "Examples:\n  mqt profile list")]
    List,
    /// Show a profile
    ///
    /// Its keys and values; secrets are shown as ***.
    #[command(after_help = "Examples:\n  mqt profile show office")]
    Show {
        /// The profile
        ///
        /// As in [profile.NAME].
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// `mqt profile` as a clap command.
pub(super) fn command() -> Command {
    // The texts come last: clap takes the comment of the struct for them.
    ProfileArgs::augment_args(Command::new("profile"))
        .about("List and show profiles")
        .long_about("List and show the profiles of the configuration file.")
        .after_help(EXAMPLES)
        .subcommand_required(true)
}
