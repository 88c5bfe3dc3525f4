//! What each subcommand does, and how it ends.

mod archive;
mod files;
mod named;
mod resources;
mod serve;
mod show;
mod vet;
mod wait;
mod watch;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory as _;
use http::Method;
use policy::document::Fault;
use policy::id::Kind;

use crate::app::StartError;
use crate::arguments::{Arguments, Command, Output};
use crate::bootstrap::BootstrapError;
use crate::client::{Client, ClientError};
use crate::demo::DemoError;
use crate::telemetry;

/// Where the API's calls are.
const BASE: &str = "/apis/causeway.dev/v1";

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("starting")]
    Bootstrap(#[from] BootstrapError),
    #[error("starting")]
    Start {
        #[source]
        source: StartError,
        fix: Option<String>,
    },
    #[error("the demo")]
    Demo(#[from] DemoError),
    #[error("starting")]
    Log(#[from] telemetry::InvalidLevel),
    #[error("{0}")]
    Usage(String),
    #[error("{} faults", .0.len())]
    Faults(Vec<Fault>),
    /// Some of what the gateway names stands in the files, the rest is stored.
    #[error("{} faults", faults.len() + causes.len())]
    Refused { faults: Vec<Fault>, causes: Vec<serde_json::Value> },
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("writing the answer")]
    Output(#[from] std::io::Error),
    #[error("the answer cannot be shown")]
    Shown(#[from] serde_json::Error),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ended {
    /// 0.
    Well,
    /// 1: findings, differences, or not in time.
    Otherwise,
}

/// Runs a command. Exit code 0: done; 1: findings, differences, or not in time; 2: wrong usage or refused.
pub async fn run(arguments: Arguments) -> ExitCode {
    match dispatch(arguments).await {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::Otherwise) => ExitCode::from(1),
        // Who reads our output has stopped reading; that is no fault.
        Err(CommandError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            report(&error);
            ExitCode::from(2)
        }
    }
}

/// Says what went wrong, cause by cause.
fn report(error: &CommandError) {
    let mut out = std::io::stderr().lock();
    // Nobody is left to be told if this fails.
    let _gone = match error {
        CommandError::Faults(faults) => faults.iter().try_for_each(|fault| show::fault(&mut out, fault)),
        CommandError::Refused { faults, causes } => {
            let said = faults.iter().try_for_each(|fault| show::fault(&mut out, fault));
            said.and_then(|()| causes.iter().try_for_each(|cause| show::cause(&mut out, cause)))
        }
        CommandError::Client(ClientError::Refused { message, causes, .. }) => {
            let said = writeln!(out, "error: {message}");
            said.and_then(|()| causes.iter().try_for_each(|cause| show::cause(&mut out, cause)))
        }
        CommandError::Start { fix: Some(fix), .. } => {
            writeln!(out, "error: {}\n  fix: {fix}", crate::chain(error))
        }
        CommandError::Bootstrap(_)
        | CommandError::Start { fix: None, .. }
        | CommandError::Demo(_)
        | CommandError::Log(_)
        | CommandError::Usage(_)
        | CommandError::Client(_)
        | CommandError::File { .. }
        | CommandError::Output(_)
        | CommandError::Shown(_) => writeln!(out, "error: {}", crate::chain(error)),
    };
}

async fn dispatch(arguments: Arguments) -> Result<Ended, CommandError> {
    let client = Client::new(arguments.connection);
    match arguments.command {
        Command::Run { config } => serve::run(&config).await?,
        Command::Demo => {
            telemetry::log_to_stderr("warn")?;
            crate::demo::run(|line| {
                let _gone = writeln!(std::io::stdout(), "{line}");
            })
            .await?;
        }
        Command::Apply { files, dry_run } => resources::apply(&client, &files.files, dry_run).await?,
        Command::Get { kind, name, namespace, all_namespaces: _, watch, output } => {
            let (kind, name) = match (kind.split_once('/'), name.as_deref()) {
                (Some((kind, name)), None) => (kind, Some(name)),
                (_, name) => (kind.as_str(), name),
            };
            let namespace = namespace.as_deref();
            if watch {
                watch::run(&client, kind, name, namespace, output).await?;
            } else {
                resources::get(&client, kind, name, namespace, output).await?;
            }
        }
        Command::Delete { resource, namespace, files } => {
            resources::delete(&client, &resource, &namespace, &files).await?;
        }
        Command::Diff { files } => return resources::diff(&client, &files.files).await,
        Command::Compile { files, output } => resources::compile(&files.files, output)?,
        Command::Vet { files, output, explain } => return vet::run(&client, &files, output, explain).await,
        Command::Status { output } => {
            let status = client.json(Method::GET, &format!("{BASE}/status"), String::new()).await?;
            let output = if output == Output::Table { Output::Yaml } else { output };
            show::value(&status, output)?;
        }
        Command::Wait { what, resource, namespace, timeout } => {
            return wait::run(&client, &what, &resource, &namespace, timeout).await;
        }
        Command::Export { output, passphrase_file } => {
            archive::export(&client, output, &passphrase_file).await?;
        }
        Command::Import { file, passphrase_file } => {
            archive::import(&client, &file, &passphrase_file).await?
        }
        Command::Renew => {
            client.json(Method::POST, &format!("{BASE}/renew"), String::new()).await?;
            writeln!(
                std::io::stdout(),
                "every certificate is being ordered anew; `causeway get all` shows them"
            )?;
        }
        Command::Schema { kind } => show::value(&policy::document::schema(self::kind(&kind)?), Output::Json)?,
        Command::Crds => {
            for kind in Kind::ALL {
                show::value(&policy::document::crd(kind), Output::Yaml)?;
            }
        }
        Command::Completions { shell } => {
            // Into memory first: the generator panics where its reader has gone.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "causeway", &mut script);
            std::io::stdout().write_all(&script)?;
        }
    }
    Ok(Ended::Well)
}

fn kind(word: &str) -> Result<Kind, CommandError> {
    Kind::find(word).ok_or_else(|| {
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.plural()).collect();
        CommandError::Usage(format!("there is no kind {word:?}; known: {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests;
