//! What `cargo metadata` says about this workspace, as far as the checks need it.

use crate::{cargo, floors};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every package of the dependency graph, and where things lie.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target_directory: PathBuf,
    pub(crate) packages: Vec<Package>,
}

#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: Option<String>,
    pub(crate) rust_version: Option<String>,
    pub(crate) manifest: PathBuf,
    pub(crate) is_member: bool,
    pub(crate) is_publishable: bool,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

/// One line of a manifest, not of the resolved graph.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) is_dev: bool,
    /// The `cfg(..)` or the triple it is limited to.
    pub(crate) platform: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kinds: Vec<String>,
    pub(crate) source: PathBuf,
    pub(crate) required_features: Vec<String>,
}

impl Workspace {
    /// The workspace around the current directory.
    pub(crate) fn read() -> Result<Workspace, String> {
        let mut command = cargo::cargo(Path::new("."));
        command.args(["metadata", "--format-version", "1"]);
        let text = cargo::read(&mut command)?;
        let json = serde_json::from_str(&text)
            .map_err(|error| format!("cargo metadata is not JSON: {error}"))?;
        Workspace::from_json(&json)
            .ok_or_else(|| "cargo metadata has another shape than expected".to_owned())
    }

    /// `None` when a field is missing or of another type than cargo documents.
    pub(crate) fn from_json(json: &Value) -> Option<Workspace> {
        let members: BTreeSet<&str> = json["workspace_members"]
            .as_array()?
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let packages = json["packages"].as_array()?;
        Some(Workspace {
            root: path(&json["workspace_root"])?,
            target_directory: path(&json["target_directory"])?,
            packages: packages
                .iter()
                .map(|package| Package::from_json(package, &members))
                .collect::<Option<_>>()?,
        })
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.is_member)
    }

    /// The crates that are published: the members that stand on a floor.
    pub(crate) fn products(&self) -> impl Iterator<Item = &Package> {
        self.members()
            .filter(|package| floors::is_product(&package.name))
    }

    pub(crate) fn package(&self, name: &str, version: &str) -> Option<&Package> {
        self.packages
            .iter()
            .find(|package| package.name == name && package.version == version)
    }
}

impl Package {
    fn from_json(json: &Value, members: &BTreeSet<&str>) -> Option<Package> {
        Some(Package {
            name: text(&json["name"])?,
            version: text(&json["version"])?,
            licence: text(&json["license"]),
            rust_version: text(&json["rust_version"]),
            manifest: path(&json["manifest_path"])?,
            is_member: members.contains(json["id"].as_str()?),
            // Cargo says `null` for "to any registry" and an empty list for "never".
            is_publishable: json["publish"].as_array().is_none_or(|to| !to.is_empty()),
            dependencies: json["dependencies"]
                .as_array()?
                .iter()
                .map(Dependency::from_json)
                .collect::<Option<_>>()?,
            targets: json["targets"]
                .as_array()?
                .iter()
                .map(Target::from_json)
                .collect::<Option<_>>()?,
        })
    }
}

impl Dependency {
    fn from_json(json: &Value) -> Option<Dependency> {
        Some(Dependency {
            name: text(&json["name"])?,
            is_dev: json["kind"].as_str() == Some("dev"),
            platform: text(&json["target"]),
        })
    }
}

impl Target {
    fn from_json(json: &Value) -> Option<Target> {
        Some(Target {
            name: text(&json["name"])?,
            kinds: texts(&json["kind"]),
            source: path(&json["src_path"])?,
            required_features: texts(&json["required-features"]),
        })
    }

    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kinds.iter().any(|own| own == kind)
    }
}

fn text(json: &Value) -> Option<String> {
    json.as_str().map(str::to_owned)
}

fn texts(json: &Value) -> Vec<String> {
    let list = json.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(text).collect()
}

fn path(json: &Value) -> Option<PathBuf> {
    json.as_str().map(PathBuf::from)
}

/// Made-up workspaces for the tests of the checks.
#[cfg(test)]
pub(crate) mod made_up {
    use super::*;
    use serde_json::json;

    /// A member with these dependencies, each `(name, kind, platform)` as cargo writes them.
    pub(crate) fn member(name: &str, dependencies: &[(&str, Option<&str>, Option<&str>)]) -> Value {
        let dependencies: Vec<Value> = dependencies
            .iter()
            .map(|(name, kind, platform)| json!({"name": name, "kind": kind, "target": platform}))
            .collect();
        json!({
            "name": name,
            "version": "0.1.0",
            "id": name,
            "license": "MIT OR Apache-2.0",
            "rust_version": "1.88",
            "manifest_path": format!("/src/{name}/Cargo.toml"),
            "publish": null,
            "dependencies": dependencies,
            "targets": [{"name": name, "kind": ["lib"], "src_path": format!("/src/{name}/src/lib.rs")}],
        })
    }

    pub(crate) fn workspace(packages: &[Value]) -> Workspace {
        let members: Vec<&Value> = packages.iter().map(|package| &package["id"]).collect();
        let json = json!({
            "workspace_root": "/src",
            "target_directory": "/src/target",
            "workspace_members": members,
            "packages": packages,
        });
        Workspace::from_json(&json).expect("the shape is cargo's")
    }

    #[test]
    fn metadata_becomes_a_workspace() {
        let mut tool = member("xtask", &[]);
        tool["publish"] = json!([]);
        let dependencies = [("loom", Some("dev"), Some("cfg(loom)"))];
        let workspace = workspace(&[member("bookdrop-queue", &dependencies), tool]);

        let queue = workspace.package("bookdrop-queue", "0.1.0");
        let queue = queue.expect("the package is there");
        assert!(queue.is_publishable);
        assert!(queue.targets[0].is("lib"));
        let loom = &queue.dependencies[0];
        assert_eq!(
            (loom.name.as_str(), loom.is_dev, loom.platform.as_deref()),
            ("loom", true, Some("cfg(loom)"))
        );

        let products: Vec<_> = workspace.products().map(|package| &package.name).collect();
        assert_eq!(products, ["bookdrop-queue"]);
        assert!(workspace.members().any(|member| !member.is_publishable));
    }

    #[test]
    fn another_shape_is_noticed() {
        assert!(Workspace::from_json(&json!({"packages": []})).is_none());
    }
}
