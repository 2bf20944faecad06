//! The environment variables by which a scheduler passes parameters, files and the parties' names.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// What the names of parameters begin with.
pub const PARAMETER: &str = "runtime.component.parameter.";
const INPUT: &str = "runtime.component.input.train_data";
const OUTPUT: &str = "runtime.component.output.train_data";
const STORAGES: [&str; 2] = ["system.storage", "system.storage.host.url"];
const NODE_ID: &str = "config.node_id.";
const NODE_IP: &str = "config.node_ip.";
const SELF_ROLE: &str = "config.self_role";

/// The variables that concern this program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

/// The parties as a scheduler names them (`host.0`, `guest.0`), in the order of ranks, which is that of
/// their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    /// Every party's name, by rank.
    pub names: Vec<String>,
    /// The own rank.
    pub rank: usize,
    /// Every party's address, if all are told.
    pub addresses: Option<Vec<String>>,
}

impl Environment {
    /// The variables of this process.
    ///
    /// # Errors
    /// [`Error::Config`] naming a variable that is not UTF-8.
    pub fn of_process() -> Result<Self> {
        let mut variables = BTreeMap::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| {
                ["runtime.component.", "system.", "config."].iter().any(|prefix| name.starts_with(prefix))
            }) else {
                continue;
            };
            let value =
                value.into_string().map_err(|_| Error::Config(format!("{name}: the value is not UTF-8")))?;
            variables.insert(name.to_owned(), value);
        }
        Ok(Self(variables))
    }

    /// Given variables, by name.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// The parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.get(&format!("{PARAMETER}{name}"))
    }

    /// The names of all parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(|name| name.strip_prefix(PARAMETER))
    }

    /// The own table, if it is told: the storage's root, the `namespace` and the `name` of the variable
    /// `runtime.component.input.train_data`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the variable that is wrong.
    pub fn input(&self) -> Result<Option<PathBuf>> {
        self.data_file(INPUT)
    }

    /// Where the result goes, likewise by `runtime.component.output.train_data`.
    ///
    /// # Errors
    /// As [`Environment::input`].
    pub fn output(&self) -> Result<Option<PathBuf>> {
        self.data_file(OUTPUT)
    }

    fn data_file(&self, variable: &str) -> Result<Option<PathBuf>> {
        let Some(text) = self.get(variable) else { return Ok(None) };
        // Two slashes belong to the URL, the second of them also to the path.
        let root = STORAGES.iter().find_map(|name| self.get(name)?.strip_prefix("file:/"));
        let Some(root) = root.filter(|root| root.starts_with('/')) else {
            return Err(Error::Config(format!(
                "{variable} is set, but neither {} nor {} is a file:// URL; set one, or unset {variable} to use the flags",
                STORAGES[0], STORAGES[1]
            )));
        };
        let wrong = |problem: &str| Error::Config(format!("{variable}: {problem}"));
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|failure| wrong(&format!("not JSON: {failure}")))?;
        let part = |key: &str| {
            value.get(key).and_then(serde_json::Value::as_str).ok_or_else(|| {
                wrong(&format!(
                    "`{key}` must be there and a text, as in {{\"namespace\":\"data\",\"name\":\"a.csv\"}}"
                ))
            })
        };
        Ok(Some(PathBuf::from(format!("{root}/{}/{}", part("namespace")?, part("name")?))))
    }

    /// The parties as `config.self_role` and `config.node_id.*` name them, with the addresses of
    /// `config.node_ip.*`.
    ///
    /// # Errors
    /// [`Error::Config`] if the own role has no node.
    pub fn roles(&self) -> Result<Option<Roles>> {
        let Some(own) = self.get(SELF_ROLE) else { return Ok(None) };
        let names: Vec<String> =
            self.0.keys().filter_map(|name| name.strip_prefix(NODE_ID)).map(str::to_owned).collect();
        let rank = names.iter().position(|name| name == own).ok_or_else(|| {
            Error::Config(format!(
                "{SELF_ROLE} is {own}, but there is no {NODE_ID}{own}; name every party there"
            ))
        })?;
        let addresses =
            names.iter().map(|name| self.get(&format!("{NODE_IP}{name}")).map(str::to_owned)).collect();
        Ok(Some(Roles { names, rank, addresses }))
    }

    /// The address of a transport gateway, if one is told.
    pub fn gateway(&self) -> Option<&str> {
        self.get("system.transport")
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::of(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    const FILE: (&str, &str) = (INPUT, r#"{"namespace":"data", "name":"psi_1.csv"}"#);

    #[test]
    fn files_are_put_together_as_the_reference_does() {
        for (storage, url, path) in [
            ("system.storage", "file:///srv/x", "//srv/x/data/psi_1.csv"),
            ("system.storage.host.url", "file://srv/x", "/srv/x/data/psi_1.csv"),
        ] {
            let environment = environment(&[(storage, url), FILE]);
            assert_eq!(environment.input().unwrap().unwrap().to_str(), Some(path));
            assert_eq!(environment.output().unwrap(), None);
        }
        let both =
            environment(&[("system.storage", "https://x"), ("system.storage.host.url", "file:///y"), FILE]);
        assert!(both.input().unwrap().unwrap().starts_with("/y"));
        let output = environment(&[("system.storage", "file:///o"), (OUTPUT, FILE.1)]);
        assert!(output.output().unwrap().unwrap().ends_with("o/data/psi_1.csv"));
    }

    #[test]
    fn wrong_files_name_their_variable() {
        for (variables, named) in [
            (vec![FILE], "file:// URL"),
            (vec![("system.storage", "https://x"), FILE], "file:// URL"),
            (vec![("system.storage", "file:///x"), (INPUT, "psi.csv")], "not JSON"),
            (vec![("system.storage", "file:///x"), (INPUT, r#"{"namespace":"d"}"#)], "`name`"),
            (vec![("system.storage", "file:///x"), (INPUT, r#"{"namespace":1,"name":"d"}"#)], "`namespace`"),
        ] {
            let error = environment(&variables).input().unwrap_err().to_string();
            assert!(error.contains(INPUT) && error.contains(named), "{error}");
        }
    }

    #[test]
    fn roles_are_ranked_by_name() {
        let all = [
            ("config.self_role", "host.0"),
            ("config.node_id.host.0", "alice"),
            ("config.node_id.guest.0", "bob"),
            ("config.node_ip.host.0", "a:1"),
            ("config.node_ip.guest.0", "b:2"),
        ];
        let roles = environment(&all).roles().unwrap().unwrap();
        assert_eq!((roles.names, roles.rank), (vec!["guest.0".into(), "host.0".into()], 1));
        assert_eq!(roles.addresses, Some(vec!["b:2".into(), "a:1".into()]));
        assert_eq!(environment(&all[..4]).roles().unwrap().unwrap().addresses, None);
        assert_eq!(environment(&all[1..]).roles().unwrap(), None);
        let error = environment(&all[..1]).roles().unwrap_err().to_string();
        assert!(error.contains("config.node_id.host.0"), "{error}");
    }
}
