//! Git, once for all environments: list, fetch what moved, load the project.

use crate::{
    backoff::Backoff,
    change::News,
    desk::{Awaited, Desk},
    effect::Effect,
    event::Ticket,
    fault::Fault,
    limit,
    status::SourceStatus,
};
use evenkeel_model::{EnvironmentName, Settings, Span, Timestamp, settings::Track};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(crate) struct Source {
    refs: BTreeMap<String, String>,
    /// Where each name stood when it was fetched.
    fetched: BTreeMap<String, String>,
    fetching: BTreeMap<String, String>,
    /// Commits that could not be fetched since the last listing.
    missing: BTreeMap<String, Fault>,
    loading: Option<String>,
    loaded: Option<String>,
    /// What the project names, as last loaded.
    pub(crate) environments: Vec<(EnvironmentName, Settings)>,
    under_way: Option<Ticket>,
    again: bool,
    backoff: Backoff,
    next: Option<Timestamp>,
    seen: Option<Timestamp>,
    pub(crate) fault: Option<Fault>,
}

impl Source {
    /// Looks now, or right after the look under way.
    pub(crate) fn refresh(&mut self) {
        self.again = true;
    }

    pub(crate) fn turn(&mut self, desk: &mut Desk) {
        if self.under_way.is_some() {
            return;
        }
        if self.again || self.next.is_none_or(|next| next <= desk.now) {
            self.again = false;
            let ticket = desk.ticket(Awaited::List, limit::answer_deadline());
            self.under_way = Some(ticket);
            desk.emit(Effect::List { ticket });
        }
    }

    pub(crate) fn listed(&mut self, result: Result<BTreeMap<String, String>, Fault>, desk: &mut Desk) {
        self.under_way = None;
        match result {
            Err(fault) => self.failed(fault, desk),
            Ok(refs) => {
                self.seen = Some(desk.now);
                self.refs = refs;
                self.missing.clear();
                self.go_on(desk);
            }
        }
    }

    pub(crate) fn fetched(&mut self, result: Result<(), Fault>, desk: &mut Desk) {
        self.under_way = None;
        let fetching = std::mem::take(&mut self.fetching);
        match result {
            Err(fault) => match fetching.into_keys().find(|name| !self.refs.contains_key(name)) {
                // One environment's commit that is not there must not keep the others from theirs.
                Some(commit) => {
                    self.missing.insert(commit, fault);
                    self.go_on(desk);
                }
                None => self.failed(fault, desk),
            },
            Ok(()) => {
                self.fetched.extend(fetching);
                self.go_on(desk);
            }
        }
    }

    /// Whether the project's environments are known anew.
    pub(crate) fn loaded(
        &mut self,
        result: Result<Vec<(EnvironmentName, Settings)>, Fault>,
        desk: &mut Desk,
    ) -> bool {
        self.under_way = None;
        let loading = self.loading.take();
        match result {
            Err(fault) => {
                self.failed(fault, desk);
                false
            }
            Ok(environments) => {
                self.environments = environments;
                self.loaded = loading;
                // The project may name other references now.
                self.go_on(desk);
                true
            }
        }
    }

    /// Fetches what moved, loads what is new, and else rests until the next poll.
    fn go_on(&mut self, desk: &mut Desk) {
        let head = self.resolve(&Track::Default, desk);
        let Some((_, commit)) = head.clone() else {
            let name = desk.options.branch.as_deref().unwrap_or("HEAD").to_owned();
            self.failed(
                Fault::new("git-no-such", format!("the repository has no branch {name:?}")),
                desk,
            );
            return;
        };
        let tracked: Vec<Track> = self.environments.iter().map(|(_, s)| s.track.clone()).collect();
        let mut names = BTreeMap::new();
        for (name, commit) in head
            .into_iter()
            .chain(tracked.iter().filter_map(|t| self.resolve(t, desk)))
        {
            if self.fetched.get(&name) != Some(&commit) && !self.missing.contains_key(&name) {
                names.insert(name, commit);
            }
        }
        // Commits by their ids go alone, one by one, after the references.
        if names.keys().any(|name| self.refs.contains_key(name)) {
            names.retain(|name, _| self.refs.contains_key(name));
        } else {
            names = names.into_iter().take(1).collect();
        }
        if !names.is_empty() {
            let ticket = desk.ticket(Awaited::Fetch, limit::answer_deadline());
            self.under_way = Some(ticket);
            let wanted = names.keys().cloned().collect();
            self.fetching = names;
            desk.emit(Effect::Fetch {
                ticket,
                names: wanted,
            });
        } else if self.loaded.as_ref() != Some(&commit) {
            let ticket = desk.ticket(Awaited::Load, limit::answer_deadline());
            self.under_way = Some(ticket);
            self.loading = Some(commit.clone());
            desk.emit(Effect::Load { ticket, commit });
        } else {
            // What nothing tracks any more need not be remembered.
            let alive: BTreeSet<String> = tracked
                .iter()
                .chain([&Track::Default])
                .filter_map(|track| self.resolve(track, desk).map(|(name, _)| name))
                .collect();
            self.fetched.retain(|name, _| alive.contains(name));
            self.fault = None;
            self.backoff.clear();
            self.next = Some(desk.about(desk.options.poll));
        }
    }

    fn failed(&mut self, fault: Fault, desk: &mut Desk) {
        let poll = desk.options.poll;
        let longest = Span::from_millis(poll.as_millis().saturating_mul(8).max(60_000));
        self.backoff.fail(desk.now, poll.min(Span::from_secs(5)), longest);
        let wait = self.backoff.at.map_or(poll, |at| at.since(desk.now));
        self.next = Some(desk.about(wait));
        if self.fault.as_ref() != Some(&fault) {
            let (code, text) = (fault.code.clone(), fault.text.clone());
            desk.publish(None, News::Refused { code, text });
        }
        self.fault = Some(fault);
    }

    /// The name to fetch and the commit that a track leads to now.
    fn resolve(&self, track: &Track, desk: &Desk) -> Option<(String, String)> {
        let find = |names: &[String]| {
            let found = names.iter().find_map(|name| Some((name, self.refs.get(name)?)));
            found.map(|(name, id)| (name.clone(), id.clone()))
        };
        match track {
            Track::Default => match &desk.options.branch {
                Some(branch) => find(&[format!("refs/heads/{branch}"), branch.clone()]),
                None => find(&["HEAD".to_owned()]),
            },
            Track::Branch(branch) => find(&[format!("refs/heads/{branch}")]),
            Track::Tag(tag) => {
                // A peeled tag's commit, fetched by the tag's own name.
                let (name, id) = find(&[format!("refs/tags/{tag}^{{}}"), format!("refs/tags/{tag}")])?;
                Some((name.trim_end_matches("^{}").to_owned(), id))
            }
            Track::Commit(id) => Some((id.clone(), id.clone())),
        }
    }

    /// The commit that an environment should look at; `Err`: its reference is gone. `Ok(None)`: not fetched yet.
    pub(crate) fn commit(&self, track: &Track, desk: &Desk) -> Result<Option<String>, Fault> {
        if self.loaded.is_none() {
            return Ok(None);
        }
        let Some((name, commit)) = self.resolve(track, desk) else {
            let text = format!("the repository has no {track:?} any more; the last good revision is kept");
            return Err(Fault::new("git-no-such", text));
        };
        if let Some(fault) = self.missing.get(&name) {
            return Err(fault.clone());
        }
        let usable = match track {
            Track::Default => self.loaded.as_ref() == Some(&commit),
            _ => self.fetched.get(&name) == Some(&commit),
        };
        Ok(usable.then_some(commit))
    }

    pub(crate) fn status(&self) -> SourceStatus {
        SourceStatus {
            seen: self.seen,
            fault: self.fault.clone(),
            next: self.next,
            commit: self.loaded.clone(),
        }
    }
    pub(crate) fn next_wakeup(&self) -> Option<Timestamp> {
        if self.under_way.is_some() { None } else { self.next }
    }
}
