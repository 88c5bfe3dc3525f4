//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use policy::id::Span;

/// Causeway: a gateway for the edge of each cluster or site.
#[derive(Debug, Parser)]
#[command(name = "causeway", version, propagate_version = true)]
pub struct Arguments {
    /// How to reach the gateway.
    #[command(flatten)]
    pub connection: Connection,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The heading of [`Connection`] in the help of each command.
const GATEWAY: &str = "Which gateway";

/// How to reach a gateway.
#[derive(Args, Clone, Debug)]
pub struct Connection {
    /// The gateway's Unix socket.
    #[arg(long, global = true, help_heading = GATEWAY, env = "CAUSEWAY_SOCKET", default_value = "/run/causeway/causeway.sock")]
    pub socket: PathBuf,
    /// The gateway's API over HTTPS, instead of the socket, e.g. https://edge-1:8443.
    #[arg(long, global = true, help_heading = GATEWAY, env = "CAUSEWAY_SERVER")]
    pub server: Option<String>,
    /// A file with the token for --server.
    #[arg(long, global = true, help_heading = GATEWAY, env = "CAUSEWAY_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Roots that --server is checked against, in PEM; the gateway writes its own to api-ca.pem in its state folder.
    #[arg(long, global = true, help_heading = GATEWAY, env = "CAUSEWAY_CA_FILE")]
    pub ca_file: Option<PathBuf>,
}

/// What can be done. Exit codes: 0 done, 1 findings or differences or not in time, 2 wrong usage or refused.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway.
    Run {
        /// The bootstrap file.
        #[arg(long, default_value = "/etc/causeway/causeway.toml")]
        config: PathBuf,
    },
    /// Run a whole gateway on high ports, with a sample app: no root, no internet, nothing kept.
    Demo,
    /// Create or change the resources of files: all or none.
    Apply {
        /// What to apply.
        #[command(flatten)]
        files: Files,
        /// Say what would happen, and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Show resources.
    Get {
        /// A kind, e.g. applications, or KIND/NAME; or `all`.
        kind: String,
        /// One of them.
        name: Option<String>,
        /// In this namespace only; without it, in all.
        #[arg(short, long)]
        namespace: Option<String>,
        /// All namespaces, which is the default.
        #[arg(short = 'A', long, conflicts_with = "namespace")]
        all_namespaces: bool,
        /// Go on with what changes, until interrupted.
        #[arg(short, long)]
        watch: bool,
        /// How to show them.
        #[arg(short, long, default_value = "table")]
        output: Output,
    },
    /// Delete resources: all or none.
    Delete {
        /// KIND NAME or KIND/NAME, unless files are given.
        #[arg(num_args = 0..=2, value_names = ["KIND", "NAME"])]
        resource: Vec<String>,
        /// The namespace of KIND NAME.
        #[arg(short, long, default_value = "default")]
        namespace: String,
        /// Delete the resources that these files name.
        #[arg(short = 'f', long = "filename")]
        files: Vec<PathBuf>,
    },
    /// Show what applying files would change. Exit code 1 if anything would.
    Diff {
        /// What would be applied.
        #[command(flatten)]
        files: Files,
    },
    /// Show what files compile to, without a gateway.
    Compile {
        /// What to compile.
        #[command(flatten)]
        files: Files,
        /// How to show it.
        #[arg(short, long, default_value = "yaml")]
        output: Output,
    },
    /// Find mistakes, in files or in the running gateway. Exit code 1 if any is an error.
    Vet {
        /// Look at these files instead of the gateway.
        #[arg(short = 'f', long = "filename")]
        files: Vec<PathBuf>,
        /// How to show them.
        #[arg(short, long, default_value = "table")]
        output: Output,
        /// Print the page of a code.
        #[arg(long, value_name = "CODE")]
        explain: Option<String>,
    },
    /// Show what is bound, stored and in force.
    Status {
        /// How to show it.
        #[arg(short, long, default_value = "table")]
        output: Output,
    },
    /// Wait until what was applied is in force, or a condition holds. Exit code 1 if not in time.
    Wait {
        /// `enforced`, or `condition=TYPE`.
        #[arg(long = "for", default_value = "enforced")]
        what: String,
        /// KIND NAME or KIND/NAME, for a condition.
        #[arg(num_args = 0..=2, value_names = ["KIND", "NAME"])]
        resource: Vec<String>,
        /// The namespace of KIND NAME.
        #[arg(short, long, default_value = "default")]
        namespace: String,
        /// For how long: 30s, 5m, or a number of seconds.
        #[arg(long, default_value = "30s", value_parser = timeout)]
        timeout: Duration,
    },
    /// Write everything, secrets sealed under a passphrase, to a file or standard output.
    Export {
        /// The file.
        #[arg(short, long)]
        output: Option<PathBuf>,
        /// A file with the passphrase.
        #[arg(long)]
        passphrase_file: PathBuf,
    },
    /// Take what `export` wrote: all or nothing.
    Import {
        /// The file.
        #[arg(short = 'f', long = "filename")]
        file: PathBuf,
        /// A file with the passphrase.
        #[arg(long)]
        passphrase_file: PathBuf,
    },
    /// Order every certificate anew now.
    Renew,
    /// Print the JSON Schema of a kind.
    Schema {
        /// The kind.
        kind: String,
    },
    /// Print the Kubernetes CustomResourceDefinitions.
    Crds,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// As others write it: with a unit, or in seconds.
fn timeout(text: &str) -> Result<Duration, policy::id::InvalidSpan> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_not_a_number) => text.parse().map(Span::duration),
    }
}

/// Files of resources.
#[derive(Args, Debug)]
pub struct Files {
    /// A file, a folder, or `-` for standard input; may be given several times.
    #[arg(short = 'f', long = "filename", required = true)]
    pub files: Vec<PathBuf>,
}

/// How something is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// As it is applied.
    Yaml,
    /// For programs.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn files_may_be_given_several_times_and_must_be_given_once() {
        let parsed = parse("causeway apply -f a.yaml -f - --dry-run").unwrap();
        assert!(matches!(parsed.command, Command::Apply { files, dry_run: true } if files.files.len() == 2));
        assert!(parse("causeway apply").is_err());
    }

    #[test]
    fn one_namespace_and_all_of_them_exclude_each_other() {
        assert!(parse("causeway get zones -A").is_ok());
        assert!(parse("causeway get zones -n shop").is_ok());
        assert!(parse("causeway get zones -A -n shop").is_err());
    }

    #[test]
    fn the_gateway_can_be_named_before_and_after_the_command() {
        for line in ["causeway --socket /s status", "causeway status --socket /s"] {
            assert_eq!(parse(line).unwrap().connection.socket, PathBuf::from("/s"));
        }
    }

    #[test]
    fn wait_is_for_enforced_and_thirty_seconds_unless_said() {
        let seconds = Duration::from_secs;
        let parsed = parse("causeway wait").unwrap();
        assert!(
            matches!(parsed.command, Command::Wait { what, timeout, .. } if what == "enforced" && timeout == seconds(30))
        );
    }

    #[test]
    fn a_timeout_is_seconds_or_has_a_unit() {
        for (text, seconds) in [("5", 5), ("0", 0), ("30s", 30), ("2m", 120)] {
            assert_eq!(timeout(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "s", "-1", "5x"] {
            assert!(parse(&format!("causeway wait --timeout={text}")).is_err(), "{text}");
        }
    }

    #[test]
    fn how_to_reach_the_gateway_stands_apart_in_the_help() {
        let help = parse("causeway wait --help").unwrap_err().to_string();
        let (own, connection) = help.split_once("\nWhich gateway:\n").unwrap();
        for option in ["--socket", "--server", "--token-file", "--ca-file"] {
            assert!(connection.contains(option) && !own.contains(option), "{help}");
        }
        assert!(own.contains("--timeout"), "{help}");
    }
}
