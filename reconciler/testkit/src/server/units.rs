//! Units of a simulated server: what systemd would say and do.

use super::SimServer;
use crate::system::Unit;
use evenkeel_model::{AbsolutePath, Digest, action::UnitVerb, probe::UnitState};

/// Where unit files lie, the strongest first: systemd.unit(5).
const UNIT_PATHS: [&str; 3] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/lib/systemd/system",
];

impl SimServer {
    pub(super) fn unit_state(&self, name: &str) -> UnitState {
        let unit = self.system.units.get(name).cloned().unwrap_or_default();
        let fragment = self.fragment(name);
        let installable = fragment
            .as_ref()
            .and_then(|path| self.files.bytes(path))
            .is_some_and(|text| String::from_utf8_lossy(text).contains("[Install]"));
        let text = |text: &str| text.to_owned();
        UnitState {
            load: match (unit.masked, &fragment, unit.loaded) {
                (true, ..) => text("masked"),
                (_, None, None) => text("not-found"),
                _ => text("loaded"),
            },
            active: text(match (unit.active, unit.failed) {
                (true, _) => "active",
                (_, true) => "failed",
                _ => "inactive",
            }),
            sub: text(match (unit.active, unit.failed) {
                (true, _) => "running",
                (_, true) => "failed",
                _ => "dead",
            }),
            file_state: match (unit.masked, &fragment, unit.enabled, installable) {
                (true, ..) => text("masked"),
                (_, None, ..) => String::new(),
                (_, _, true, _) => text("enabled"),
                (_, _, _, true) => text("disabled"),
                _ => text("static"),
            },
            need_daemon_reload: unit.loaded.is_some() && unit.loaded != self.unit_text(name),
            fragment: fragment.map(|path| path.to_string()),
        }
    }

    pub(super) fn unit(&mut self, name: &str, verb: UnitVerb) -> Result<(), String> {
        let text = self.unit_text(name);
        let broken = self.system.broken.contains(name);
        let unit = self.system.units.entry(name.to_owned()).or_default();
        let there = text.is_some() || unit.loaded.is_some();
        let start = |unit: &mut Unit| {
            unit.loaded = unit.loaded.or(text);
            (unit.active, unit.failed) = (!broken, broken);
            unit.starts = unit.starts.saturating_add(1);
            if broken {
                Err(format!("{name} failed to start"))
            } else {
                Ok(())
            }
        };
        match verb {
            UnitVerb::Start if unit.masked => Err(format!("unit {name} is masked")),
            UnitVerb::Start if !there => Err(format!("unit {name} not found")),
            UnitVerb::Start if unit.active => Ok(()),
            UnitVerb::Start => start(unit),
            UnitVerb::Stop => {
                (unit.active, unit.failed) = (false, false);
                Ok(())
            }
            UnitVerb::Restart if unit.active => start(unit),
            UnitVerb::Reload if unit.active => {
                unit.reloads = unit.reloads.saturating_add(1);
                Ok(())
            }
            UnitVerb::Restart | UnitVerb::Reload => Ok(()),
            UnitVerb::Enable if text.is_none() => Err(format!("unit file {name} does not exist")),
            UnitVerb::Enable if unit.masked => Err(format!("unit {name} is masked")),
            UnitVerb::Enable => {
                unit.enabled = true;
                Ok(())
            }
            UnitVerb::Disable => {
                unit.enabled = false;
                Ok(())
            }
            UnitVerb::Mask => {
                unit.masked = true;
                Ok(())
            }
            UnitVerb::Unmask => {
                unit.masked = false;
                Ok(())
            }
        }
    }

    pub(super) fn daemon_reload(&mut self) {
        let names: Vec<String> = self.system.units.keys().cloned().collect();
        for name in names {
            let text = self.unit_text(&name);
            if let Some(unit) = self.system.units.get_mut(&name) {
                unit.loaded = text;
            }
        }
    }

    fn fragment(&self, name: &str) -> Option<AbsolutePath> {
        UNIT_PATHS
            .iter()
            .filter_map(|folder| AbsolutePath::new(&format!("{folder}/{name}")).ok())
            .find(|path| self.files.bytes(path).is_some())
    }

    /// A digest of all that systemd reads for a unit: its file and its drop-ins.
    fn unit_text(&self, name: &str) -> Option<Digest> {
        let mut all = self.files.bytes(&self.fragment(name)?)?.to_vec();
        for folder in UNIT_PATHS {
            let Ok(folder) = AbsolutePath::new(&format!("{folder}/{name}.d")) else {
                continue;
            };
            for (entry, _) in self
                .files
                .list(&folder, u32::MAX)
                .map(|l| l.entries)
                .unwrap_or_default()
            {
                all.extend_from_slice(entry.as_bytes());
                let path = folder.join(&entry).ok();
                all.extend_from_slice(path.and_then(|path| self.files.bytes(&path)).unwrap_or_default());
            }
        }
        Some(Digest::of(&all))
    }
}
