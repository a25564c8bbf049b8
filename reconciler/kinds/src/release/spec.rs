//! What people write of a release, and its canonical form.

use super::{is_part, journal::Entry};
use crate::{
    decode::{Faults, canonical},
    field::{Account, PathShape},
};
use evenkeel_model::{AbsolutePath, ContentRef, Digest, FieldError, Files, Loaded, Probe};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Form {
    /// The folder that holds the releases, the link `current` and what is shared.
    #[schemars(with = "PathShape")]
    path: Option<AbsolutePath>,
    /// The version, in quotes; the name of the release's folder.
    version: Option<String>,
    /// The archive (tar; plain, gzip, xz or zstd): a file of the repository, by its path from the project's root, or
    /// an http(s) address.
    source: Option<String>,
    /// The archive's SHA-256; must be given for an address.
    sha256: Option<String>,
    /// How many releases stay; 5 if not given. The current one and the one before it stay in any case.
    #[schemars(range(min = 1, max = 100))]
    keep: Option<u32>,
    /// Leading path parts to drop from each name in the archive; 0 if not given.
    #[schemars(range(max = 16))]
    strip: Option<u32>,
    /// Paths within each release that are links to the same path within `shared`, and outlive it.
    shared: Option<Vec<String>>,
    /// Owner of all that is unpacked: a name, or a number in quotes.
    owner: Option<Account>,
    /// Group of all that is unpacked: a name, or a number in quotes.
    group: Option<Account>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) path: AbsolutePath,
    pub(super) version: String,
    pub(super) archive: Digest,
    pub(super) keep: u32,
    pub(super) strip: u32,
    /// Sorted, none beneath another.
    pub(super) shared: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<Account>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<Account>,
}

/// The record of releases is read as far as this.
pub(super) const JOURNAL_BYTES: u32 = 256 * 1024;
/// More folders than these are not looked at.
pub(super) const RELEASES: u32 = 2000;

impl Form {
    pub(super) fn load(self, files: &dyn Files, mut faults: Faults) -> Result<Loaded, Vec<FieldError>> {
        let path = faults.require("path", self.path);
        let version = faults.require("version", self.version);
        let source = faults.require("source", self.source);
        if version.as_ref().is_some_and(|version| !is_part(version)) {
            let fault = FieldError::new("bad-value", &["version"], "this cannot be a folder's name");
            faults.add(
                fault.help("1 to 128 of letters, digits, '.', '_', '-', '+', '~', not beginning with '.'"),
            );
        }
        let keep = self.keep.unwrap_or(5);
        if !(1..=100).contains(&keep) {
            faults.at("bad-value", "keep", "1 to 100 releases can stay");
        }
        let strip = self.strip.unwrap_or(0);
        if strip > 16 {
            faults.at("bad-value", "strip", "at most 16 parts can be dropped");
        }
        let shared = shared(&self.shared.unwrap_or_default(), &mut faults);
        let wanted = self.sha256.and_then(|text| match text.parse::<Digest>() {
            Ok(digest) => Some(digest),
            Err(error) => {
                faults.at("bad-value", "sha256", error.to_string());
                None
            }
        });
        let mut loaded = Loaded::default();
        let mut archive = None;
        if let Some(source) = source {
            if source.starts_with("https://") || source.starts_with("http://") {
                if wanted.is_none() && !faults.touches("sha256") {
                    let fault = FieldError::new("missing-field", &["sha256"], "`sha256` is missing");
                    faults.add(fault.help("what comes from the network is taken only with its SHA-256"));
                }
                archive = wanted.map(|digest| (digest, Some(source)));
            } else if source.contains("://") {
                faults.at(
                    "bad-value",
                    "source",
                    "only http and https addresses can be fetched",
                );
            } else {
                match files.read(&source) {
                    Ok(bytes) => {
                        let digest = Digest::of(&bytes);
                        if wanted.is_some_and(|wanted| wanted != digest) {
                            faults.at("bad-value", "sha256", format!("the file's SHA-256 is {digest}"));
                        }
                        loaded.bytes.push((digest, bytes));
                        archive = Some((digest, None));
                    }
                    Err(why) => faults.at("no-such-file", "source", why),
                }
            }
        }
        let loaded = match (path, version, archive) {
            (Some(path), Some(version), Some((archive, url))) => {
                loaded.name = path.to_string();
                loaded.contents.push(ContentRef {
                    digest: archive,
                    url,
                    secret: false,
                });
                let spec = Spec {
                    path,
                    version,
                    archive,
                    keep,
                    strip,
                    shared,
                    owner: self.owner,
                    group: self.group,
                };
                loaded.spec = canonical(&spec, &mut faults);
                Some(loaded)
            }
            _ => None,
        };
        faults.or(loaded)
    }
}

/// Checks the shared paths; sorted, in normal form.
fn shared(paths: &[String], faults: &mut Faults) -> Vec<String> {
    let mut normal = Vec::new();
    for (index, text) in paths.iter().enumerate() {
        let path = AbsolutePath::new(&format!("/{text}"));
        match path {
            Ok(path) if !text.starts_with('/') && path.as_str() != "/" => {
                normal.push(path.as_str().trim_start_matches('/').to_owned());
            }
            _ => faults.add(
                FieldError::new(
                    "bad-value",
                    &["shared", &index.to_string()],
                    "this is no path within a release",
                )
                .help("write it relative, such as var/uploads; '..' is not allowed"),
            ),
        }
    }
    if normal.len() > 100 {
        faults.at("bad-value", "shared", "at most 100 paths can be shared");
    }
    normal.sort();
    normal.dedup();
    let within = |path: &str, above: &str| path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
    for path in normal.iter().take(100) {
        if let Some(above) = normal.iter().find(|above| within(path, above)) {
            let message = format!("{path:?} lies in {above:?}, which is shared as a whole");
            faults.at("bad-value", "shared", message);
        }
    }
    normal
}

impl Spec {
    fn below(&self, part: &str) -> Result<AbsolutePath, String> {
        self.path.join(part).map_err(|error| error.to_string())
    }
    /// The link to the active release.
    pub(super) fn current(&self) -> Result<AbsolutePath, String> {
        self.below("current")
    }
    /// The folder of releases.
    pub(super) fn releases(&self) -> Result<AbsolutePath, String> {
        self.below("releases")
    }
    /// One release's folder.
    pub(super) fn release(&self, dir: &str) -> Result<AbsolutePath, String> {
        self.below(&format!("releases/{dir}"))
    }
    /// The record of releases.
    pub(super) fn journal(&self) -> Result<AbsolutePath, String> {
        self.below("releases/.history")
    }
    /// Where a shared path's data lies.
    pub(super) fn data(&self, shared: &str) -> Result<AbsolutePath, String> {
        self.below(&format!("shared/{shared}"))
    }
    /// Where a shared path's link stands in the active release.
    pub(super) fn link(&self, shared: &str) -> Result<AbsolutePath, String> {
        self.below(&format!("current/{shared}"))
    }
    /// What such a link says: relative, so that the whole folder can be moved.
    pub(super) fn link_text(shared: &str) -> String {
        let up = "../".repeat(shared.split('/').count() + 1);
        format!("{up}shared/{shared}")
    }
    /// The line of the record for this release in a folder.
    pub(super) fn entry(&self, dir: &str) -> Entry {
        Entry {
            dir: dir.to_owned(),
            version: self.version.clone(),
            archive: self.archive,
            strip: self.strip,
            owner: self.owner.as_ref().map(|owner| owner.0.clone()),
            group: self.group.as_ref().map(|group| group.0.clone()),
        }
    }
    /// What must be asked; `None` when a path is too long to be one.
    pub(super) fn probes(&self) -> Option<Vec<Probe>> {
        let mut probes = vec![
            Probe::Stat(self.path.clone()),
            Probe::Stat(self.current().ok()?),
            Probe::List {
                path: self.releases().ok()?,
                limit: RELEASES,
            },
            Probe::Read {
                path: self.journal().ok()?,
                limit: JOURNAL_BYTES,
            },
        ];
        for shared in &self.shared {
            probes.push(Probe::Stat(self.data(shared).ok()?));
            probes.push(Probe::Stat(self.link(shared).ok()?));
        }
        Some(probes)
    }
}
