//! What is wrong with a repository, said so that a person or an editor finds it.

use crate::{
    place::{Location, Place, Sources},
    suggestion::did_you_mean,
};
use evenkeel_model::{EnvironmentName, TargetName};
use serde::Serialize;
use std::collections::BTreeSet;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Nothing is deployed from this.
    Error,
    /// Likely not what was meant.
    Warning,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable, in kebab case: `unknown-field`, `wrong-type`, `duplicate-key` …
    pub code: &'static str,
    /// What is wrong, in lower case, with no full stop.
    pub message: String,
    /// Where; `None` when it is about the repository as a whole.
    pub location: Option<Location>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Other places that have to do with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
    /// The environment that it concerns; `None`: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,
    /// The first target for which it was found, if it was found while rendering one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetName>,
}

impl Diagnostic {
    /// Whether nothing can be deployed.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Another place that has to do with a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Related {
    /// What is there.
    pub message: String,
    /// Where.
    pub location: Location,
}

/// A fault whose place is not looked up yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    severity: Severity,
    code: &'static str,
    message: String,
    place: Option<Place>,
    /// For faults of a file that has no place, since it was not read.
    file: Option<String>,
    help: Option<String>,
    related: Vec<(String, Place)>,
    environment: Option<EnvironmentName>,
    target: Option<TargetName>,
}

impl Finding {
    pub(crate) fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            place: None,
            file: None,
            help: None,
            related: Vec::new(),
            environment: None,
            target: None,
        }
    }
    pub(crate) fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }
    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }
    pub(crate) fn file(mut self, path: &str) -> Self {
        self.file = Some(path.to_owned());
        self
    }
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
    /// Adds what `wrong` was probably meant to be.
    pub(crate) fn suggest<'c>(self, wrong: &str, candidates: impl IntoIterator<Item = &'c str>) -> Self {
        let guess = did_you_mean(wrong, candidates);
        match guess {
            Some(guess) => self.help(format!("did you mean {guess:?}?")),
            None => self,
        }
    }
    pub(crate) fn related(mut self, message: impl Into<String>, place: Place) -> Self {
        self.related.push((message.into(), place));
        self
    }
}

/// So many diagnostics are told.
pub const TOLD: usize = 200;

/// Faults as they are found. Bounded: what is beyond [`Report::LIMIT`] is counted only.
#[derive(Debug, Default)]
pub(crate) struct Report {
    findings: Vec<Finding>,
    more: usize,
    /// What is found now concerns this environment.
    pub(crate) environment: Option<EnvironmentName>,
    /// … and this target.
    pub(crate) target: Option<TargetName>,
    /// Something could not be read at all, so that names may seem unknown that are not.
    pub(crate) incomplete: bool,
}

impl Report {
    /// So many findings are held.
    const LIMIT: usize = 5000;

    pub(crate) fn push(&mut self, finding: Finding) {
        if self.findings.len() >= Self::LIMIT {
            self.more += 1;
            return;
        }
        self.findings.push(Finding {
            environment: finding.environment.or_else(|| self.environment.clone()),
            target: finding.target.or_else(|| self.target.clone()),
            ..finding
        });
    }

    /// How many errors so far.
    pub(crate) fn errors(&self) -> usize {
        let errors = self.findings.iter().filter(|f| f.severity == Severity::Error);
        errors.count() + self.more
    }

    /// In the order of files and lines, each once, at most [`TOLD`] and a line that says how many more.
    pub(crate) fn tell(self, sources: &Sources) -> Vec<Diagnostic> {
        let mut seen = BTreeSet::new();
        let mut told: Vec<Diagnostic> = Vec::new();
        let mut more = self.more;
        let mut findings = self.findings;
        findings.sort_by_key(|finding| {
            let file = finding
                .place
                .map_or("", |place| sources.path(place.file))
                .to_owned();
            let file = finding.file.clone().unwrap_or(file);
            (file, finding.place, finding.severity)
        });
        findings.retain(|f| seen.insert((f.severity, f.code, f.place, f.file.clone(), f.message.clone())));
        if findings.len() > TOLD {
            findings.sort_by_key(|finding| finding.severity);
            more += findings.len() - TOLD;
            findings.truncate(TOLD);
        }
        for finding in findings {
            let file = finding.file.as_deref().map(Location::whole);
            told.push(Diagnostic {
                severity: finding.severity,
                code: finding.code,
                message: finding.message,
                location: finding.place.map(|place| sources.locate(place)).or(file),
                help: finding.help,
                related: finding
                    .related
                    .into_iter()
                    .map(|(message, place)| Related {
                        message,
                        location: sources.locate(place),
                    })
                    .collect(),
                environment: finding.environment,
                target: finding.target,
            });
        }
        if more > 0 {
            let severity = told.last().map_or(Severity::Error, |last| last.severity);
            told.push(Diagnostic {
                severity,
                code: "more",
                message: format!("{more} more faults are not shown"),
                location: None,
                help: Some("mend these first".into()),
                related: Vec::new(),
                environment: None,
                target: None,
            });
        }
        told
    }
}
