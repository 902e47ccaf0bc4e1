//! Who may use whom: the table of ARCHITECTURE.md, checked against what cargo says.

use anyhow::Result;
use serde::Deserialize;

use super::run::Finding;
use crate::process;

/// A crate, the crates of ours that it may use, and the outside ones that it must not.
struct Layer {
    package: &'static str,
    may_use: &'static [&'static str],
    never: &'static [&'static str],
}

const SOCKETS: &[&str] = &["tokio", "tokio-websockets", "hyper", "axum", "rustls"];

const LAYERS: &[Layer] = &[
    Layer { package: "openclaw-protocol", may_use: &[], never: SOCKETS },
    Layer { package: "openclaw-config", may_use: &[], never: SOCKETS },
    Layer { package: "openclaw-identity", may_use: &["openclaw-protocol"], never: SOCKETS },
    Layer {
        package: "openclaw-store",
        may_use: &["openclaw-protocol", "openclaw-identity", "openclaw-config"],
        never: &["tokio-websockets", "hyper", "axum"],
    },
    Layer { package: "openclaw-client", may_use: &["openclaw-protocol", "openclaw-identity"], never: &["rusqlite"] },
    Layer {
        package: "openclaw-node",
        may_use: &["openclaw-protocol", "openclaw-identity", "openclaw-config", "openclaw-store", "openclaw-client"],
        never: &["rusqlite"],
    },
    Layer {
        package: "openclaw-gateway",
        may_use: &["openclaw-protocol", "openclaw-identity", "openclaw-config", "openclaw-store"],
        never: &["rusqlite"],
    },
    Layer {
        package: "openclaw",
        may_use: &[
            "openclaw-protocol",
            "openclaw-identity",
            "openclaw-config",
            "openclaw-store",
            "openclaw-client",
            "openclaw-node",
            "openclaw-gateway",
        ],
        never: &["rusqlite"],
    },
    Layer {
        package: "openclaw-testkit",
        may_use: &[
            "openclaw-protocol",
            "openclaw-identity",
            "openclaw-config",
            "openclaw-store",
            "openclaw-client",
            "openclaw-node",
            "openclaw-gateway",
        ],
        never: &[],
    },
    Layer { package: "xtask", may_use: &[], never: SOCKETS },
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// What cargo says about a crate of the workspace.
#[derive(Deserialize)]
pub(super) struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or nothing for a normal one.
    kind: Option<String>,
}

impl Package {
    /// # Errors
    /// When cargo cannot describe the workspace.
    pub(super) fn all() -> Result<Vec<Self>> {
        let described =
            process::output_of(process::cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]))?;
        Ok(serde_json::from_str::<Metadata>(&described)?.packages)
    }
}

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let Some(layer) = LAYERS.iter().find(|layer| layer.package == package.name) else {
            let text = "is not in the table of layers (crates/xtask/src/tidy/layers.rs and ARCHITECTURE.md)";
            findings.push(Finding { place: package.name.clone(), text: text.to_owned() });
            continue;
        };
        // Tests may look at anything; what ships may not.
        let shipped = package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() != Some("dev"));
        for used in shipped.map(|dependency| dependency.name.as_str()) {
            let ours = LAYERS.iter().any(|layer| layer.package == used);
            if (ours && !layer.may_use.contains(&used)) || layer.never.contains(&used) {
                let text = format!("must not depend on {used}: ARCHITECTURE.md says who may use whom");
                findings.push(Finding { place: package.name.clone(), text });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        let dependency = |(name, kind): &(&str, Option<&str>)| Dependency {
            name: (*name).to_owned(),
            kind: kind.map(str::to_owned),
        };
        Package { name: name.to_owned(), dependencies: dependencies.iter().map(dependency).collect() }
    }

    #[test]
    fn a_dependency_against_the_direction_is_found() {
        assert_eq!(check(&[package("openclaw-client", &[("openclaw-store", None)])]).len(), 1);
        assert_eq!(check(&[package("openclaw-protocol", &[("tokio", None)])]).len(), 1);
        assert_eq!(check(&[package("openclaw-gateway", &[("openclaw-testkit", None)])]).len(), 1);
    }

    #[test]
    fn tests_may_use_what_their_crate_must_not() {
        assert!(check(&[package("openclaw-gateway", &[("openclaw-testkit", Some("dev"))])]).is_empty());
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(check(&[package("openclaw-extras", &[])]).len(), 1);
    }
}
