//! One server, and how to reach it.

use crate::{AbsolutePath, Span, TargetName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One server of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Unique in its environment.
    pub name: TargetName,
    /// By which environments choose apps, and templates values.
    pub labels: BTreeMap<String, String>,
    /// How to reach it.
    pub connection: Connection,
    /// The address that `{{ target.address }}` and checks use: the ssh host, or `127.0.0.1`.
    pub address: String,
}

/// How to reach a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Connection {
    /// This machine.
    Local {
        /// Every path of every resource lies beneath this folder; `None`: the whole machine.
        root: Option<AbsolutePath>,
    },
    /// Another machine, by the system's OpenSSH.
    Ssh(SshConnection),
}

/// What is told to ssh(1); all else comes from the user's ssh configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SshConnection {
    /// Host name, address, or alias of the ssh configuration. Never begins with `-`.
    pub host: String,
    /// Port, if not the configuration's.
    pub port: Option<u16>,
    /// Login name, if not the configuration's.
    pub user: Option<String>,
    /// Become root with `sudo -n`.
    pub r#become: bool,
    /// A `known_hosts` file for this target, in the controller's file system; `None`: ssh's own.
    pub known_hosts: Option<String>,
    /// A private key file in the controller's file system; `None`: ssh's own choice and its agent.
    pub identity: Option<String>,
    /// To be connected within this.
    pub connect_timeout: Span,
}

/// What a target says of itself. All text is a stranger's, each at most 200 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// `uname -s`, lower case.
    pub kernel: String,
    /// `uname -m`.
    pub arch: String,
    /// `uname -n`.
    pub hostname: String,
    /// `ID` of os-release(5).
    pub os: String,
    /// `VERSION_ID` of os-release(5).
    pub os_version: String,
    /// Processors.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory: u64,
}
