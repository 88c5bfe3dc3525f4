//! The bootstrap file: what a gateway needs before it has resources. Everything else is a resource.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// `/etc/causeway/causeway.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// This gateway's name, in logs and metrics.
    pub name: String,
    /// The site it stands at.
    #[serde(default = "default_site")]
    pub site: String,
    /// Where state is kept.
    #[serde(default = "default_state")]
    pub state: PathBuf,
    /// The Unix socket of the API.
    #[serde(default = "default_socket")]
    pub socket: PathBuf,
    /// A directory whose files are applied, and applied again when they change.
    #[serde(default)]
    pub resources: Option<PathBuf>,
    /// Data-plane threads; one a core when left out.
    #[serde(default)]
    pub workers: Option<NonZeroUsize>,
    /// Where to listen.
    #[serde(default)]
    pub listen: Listen,
    /// How others reach this gateway.
    #[serde(default)]
    pub addresses: Addresses,
    /// The key that seals the store.
    #[serde(default)]
    pub key: Key,
    /// What is logged.
    #[serde(default)]
    pub log: Log,
}

/// Addresses to listen on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Plain HTTP: redirects and ACME challenges.
    pub http: Vec<SocketAddr>,
    /// HTTPS.
    pub https: Vec<SocketAddr>,
    /// DNS, over UDP and TCP.
    pub dns: Vec<SocketAddr>,
    /// The API over HTTPS, for bearers of tokens; off when left out.
    pub admin: Option<SocketAddr>,
    /// Prometheus metrics and health over plain HTTP; off when left out.
    pub metrics: Option<SocketAddr>,
}

impl Default for Listen {
    fn default() -> Self {
        let any = |port| vec![SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 0], port))];
        Self { http: any(80), https: any(443), dns: any(53), admin: None, metrics: None }
    }
}

/// How others reach this gateway.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addresses {
    /// What exposed names resolve to, where a zone says nothing else.
    #[serde(default)]
    pub public: Vec<IpAddr>,
}

/// Where the store's key is: a systemd credential, or a file of mode 0600 that is made on first start.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// A file; `store.key` in the state directory when neither is given.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// The name of a systemd credential (`LoadCredentialEncrypted=`).
    #[serde(default)]
    pub credential: Option<String>,
}

/// What is logged, and where.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// As in `RUST_LOG`.
    pub level: String,
    /// The access log: `stdout`, `off`, or a file's path.
    pub access: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), access: "stdout".into() }
    }
}

/// Why there is no bootstrap.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The file cannot be read.
    #[error("reading {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It says something wrong; the source names line and column.
    #[error("{} is not a bootstrap file", path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// Both kinds of key are named.
    #[error("{}: [key] names both a file and a credential; keep one", path.display())]
    TwoKeys {
        /// Which file.
        path: PathBuf,
    },
}

impl Bootstrap {
    /// Reads a bootstrap file.
    ///
    /// # Errors
    /// When it cannot be read or says something that is not understood; nothing is guessed.
    pub fn read(path: &Path) -> Result<Self, BootstrapError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| BootstrapError::Read { path: path.into(), source })?;
        let bootstrap: Self = toml::from_str(&text)
            .map_err(|source| BootstrapError::Parse { path: path.into(), source: Box::new(source) })?;
        if bootstrap.key.file.is_some() && bootstrap.key.credential.is_some() {
            return Err(BootstrapError::TwoKeys { path: path.into() });
        }
        Ok(bootstrap)
    }
}

fn default_site() -> String {
    "default".into()
}
fn default_state() -> PathBuf {
    "/var/lib/causeway".into()
}
fn default_socket() -> PathBuf {
    "/run/causeway/causeway.sock".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_all_that_is_needed() {
        let bootstrap: Bootstrap = toml::from_str("name = \"edge-1\"").unwrap();
        assert_eq!(bootstrap.listen.https[0].port(), 443);
        assert_eq!(bootstrap.socket, Path::new("/run/causeway/causeway.sock"));
    }

    #[test]
    fn an_unknown_field_is_refused_with_its_line() {
        let error = toml::from_str::<Bootstrap>("name = \"a\"\n[listen]\nhtps = []").unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
        assert!(error.to_string().contains("https"), "{error}");
    }

    const PAGE: &str = include_str!("../../docs/configuration.md");

    /// The fields of a table, as the reader itself lists them to who writes an unknown one.
    fn fields(section: &str) -> Vec<String> {
        let head = if section.is_empty() { String::new() } else { format!("name = \"a\"\n[{section}]\n") };
        let error = toml::from_str::<Bootstrap>(&format!("{head}nobody = 1")).unwrap_err().to_string();
        let (_, list) = error.split_once("expected ").unwrap();
        list.split('`').skip(1).step_by(2).map(|field| format!("{section}.{field}")).collect()
    }

    #[test]
    fn the_page_has_a_row_for_each_field_and_no_other() {
        let sections = ["listen", "addresses", "key", "log"];
        let top = fields("").into_iter().map(|field| field[1..].to_owned());
        let mut expected: Vec<String> = top.filter(|field| !sections.contains(&field.as_str())).collect();
        expected.extend(sections.into_iter().flat_map(fields));
        let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let described: Vec<&str> = rows.map(|(field, _)| field).collect();
        assert_eq!(described, expected);
    }

    #[test]
    fn what_the_page_shows_is_understood_and_its_defaults_are_the_defaults() {
        let blocks: Vec<Bootstrap> = PAGE
            .split("```toml\n")
            .skip(1)
            .map(|rest| toml::from_str(rest.split_once("```").unwrap().0).unwrap())
            .collect();
        let [defaults, _everything] = blocks.as_slice() else { panic!("{blocks:?}") };
        let bare: Bootstrap = toml::from_str("name = \"edge-1\"").unwrap();
        assert_eq!(format!("{defaults:?}"), format!("{bare:?}"));
        for rest in PAGE.split("```yaml\n").skip(1) {
            assert!(policy::document::parse("page", rest.split_once("```").unwrap().0).is_ok());
        }
    }
}
