//! Packages of a simulated server: their files and the units that they start, as on a Debian.

use super::SimServer;
use crate::{
    filesystem::{Node, What},
    system::Offer,
};
use evenkeel_model::{
    AbsolutePath,
    action::{PackageVerb, UnitVerb},
    probe::PackageState,
};
use std::sync::Arc;

impl SimServer {
    /// Puts a package on offer: its versions (oldest first), files, and the units that installing it starts.
    pub fn offer(&mut self, name: &str, versions: &[&str], files: &[(&str, &str)], starts: &[&str]) {
        let unit_file = |unit: &&str| {
            (
                format!("/usr/lib/systemd/system/{unit}"),
                format!(
                    "[Unit]\nDescription={unit}\n[Service]\nExecStart=/usr/bin/{name}\n[Install]\nWantedBy=multi-user.target\n"
                ),
            )
        };
        let plain = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        let offer = Offer {
            versions: versions.iter().map(ToString::to_string).collect(),
            files: plain
                .chain(starts.iter().map(unit_file))
                .filter_map(|(path, text)| Some((AbsolutePath::new(&path).ok()?, text)))
                .collect(),
            starts: starts.iter().map(ToString::to_string).collect(),
        };
        self.system.offers.insert(name.to_owned(), offer);
    }

    pub(super) fn package(&mut self, name: &str, verb: &PackageVerb) -> Result<(), String> {
        match verb {
            PackageVerb::Install { version, .. } => {
                let offer = self.system.offers.get(name).cloned();
                let offer = offer.ok_or_else(|| format!("unable to locate package {name}"))?;
                let there = self.system.packages.get(name).cloned().unwrap_or_default();
                let wanted = match (version, &there.version) {
                    (None, Some(_)) => return Ok(()),
                    (Some(version), _) if !offer.versions.contains(version) => {
                        return Err(format!("version {version} of {name} was not found"));
                    }
                    (Some(version), Some(have)) if version == have => return Ok(()),
                    (Some(version), _) => Some(version.clone()),
                    (None, None) => offer.versions.last().cloned(),
                };
                let state = PackageState {
                    version: wanted,
                    held: there.held,
                };
                self.system.packages.insert(name.to_owned(), state);
                for (path, text) in &offer.files {
                    if let Some(parent) = path.parent() {
                        self.files.make_directories(&parent);
                    }
                    self.files
                        .put(path, Node::new(What::File(Arc::from(text.as_bytes())), 0o755))?;
                }
                for unit in offer.starts.iter().filter(|_| there.version.is_none()) {
                    if !self.system.units.get(unit).is_some_and(|unit| unit.masked) {
                        self.unit(unit, UnitVerb::Enable)?;
                        self.unit(unit, UnitVerb::Start)?;
                    }
                }
                Ok(())
            }
            PackageVerb::Remove => {
                if self.system.packages.remove(name).is_some() {
                    let offer = self.system.offers.get(name).cloned().unwrap_or_default();
                    for unit in &offer.starts {
                        self.unit(unit, UnitVerb::Stop)?;
                        self.unit(unit, UnitVerb::Disable)?;
                        if let Some(unit) = self.system.units.get_mut(unit) {
                            unit.loaded = None;
                        }
                    }
                    for (path, _) in &offer.files {
                        self.files.remove(path);
                    }
                }
                Ok(())
            }
            PackageVerb::Hold | PackageVerb::Unhold => {
                // apt-mark(8) takes a hold only for what dpkg knows.
                let held = *verb == PackageVerb::Hold;
                match self.system.packages.get_mut(name) {
                    Some(package) => package.held = held,
                    None if held => return Err(format!("{name} is not installed")),
                    None => {}
                }
                Ok(())
            }
        }
    }
}
