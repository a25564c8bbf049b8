//! A commit on its way to be what Git says: may it be deployed, and what does it come to?

use crate::{
    backoff::Backoff,
    change::News,
    desk::{Awaited, Desk},
    effect::Effect,
    environment::Environment,
    event::{Credentials, Rendering, Ticket},
    fault::Fault,
    limit,
    source::Source,
    status::Version,
};
use evenkeel_model::{Revision, Span, Timestamp};

#[derive(Debug, Default)]
pub(crate) struct Candidate {
    /// The commit that was looked at last.
    commit: Option<String>,
    stage: Stage,
    /// Why it is not what is deployed.
    pub(crate) fault: Option<Fault>,
    backoff: Backoff,
}

#[derive(Debug, Default)]
enum Stage {
    /// Accepted, or refused for good.
    #[default]
    Settled,
    Wanted,
    Accepting(Ticket),
    Rendering(Ticket, Revision),
}

impl Candidate {
    pub(crate) fn next_wakeup(&self) -> Option<Timestamp> {
        if matches!(self.stage, Stage::Wanted) {
            self.backoff.at
        } else {
            None
        }
    }
}

impl Environment {
    /// Git may have moved.
    pub(crate) fn consider(&mut self, source: &Source, desk: &mut Desk) {
        let loaded = source.environments.iter().find(|(name, _)| *name == self.name);
        if !source.environments.is_empty() {
            self.named = loaded.is_some();
        }
        let Some((_, settings)) = loaded else { return };
        if self.memory.head.is_none() && self.memory.goal.is_none() {
            // Nothing was accepted yet: the first settings seen are the ones that the first commit is judged by.
            self.memory.settings = settings.clone();
        }
        match source.commit(&settings.track, desk) {
            Err(fault) => self.source_fault = Some(fault),
            Ok(commit) => {
                self.source_fault = None;
                if let Some(commit) = commit
                    && self.candidate.commit.as_ref() != Some(&commit)
                {
                    self.candidate = Candidate {
                        commit: Some(commit),
                        stage: Stage::Wanted,
                        fault: None,
                        backoff: Backoff::default(),
                    };
                }
            }
        }
    }

    pub(crate) fn candidate_turn(&mut self, desk: &mut Desk) {
        let Some(commit) = self.candidate.commit.clone() else {
            return;
        };
        if !matches!(self.candidate.stage, Stage::Wanted) || self.candidate.backoff.waits(desk.now) {
            return;
        }
        let ticket = desk.ticket(Awaited::Accept(self.name.clone()), limit::answer_deadline());
        self.candidate.stage = Stage::Accepting(ticket);
        let deployed = self.memory.goal.as_ref().map(|goal| goal.revision.id.clone());
        // A working tree has no history.
        let history = |id: &String| !id.starts_with("worktree-") && !commit.starts_with("worktree-");
        desk.emit(Effect::Accept {
            ticket,
            environment: self.name.clone(),
            ancestor: deployed.filter(history),
            signers: self.memory.settings.accept.signers.clone(),
            commit,
        });
    }

    pub(crate) fn accepted(&mut self, ticket: Ticket, result: Result<Credentials, Fault>, desk: &mut Desk) {
        if !matches!(self.candidate.stage, Stage::Accepting(awaited) if awaited == ticket) {
            return;
        }
        let found = match result {
            Ok(found) => found,
            Err(fault) => return self.candidate_failed(fault, desk),
        };
        let short = found.revision.short().to_owned();
        let accept = &self.memory.settings.accept;
        if !found.descends && !accept.rewind {
            let text = format!(
                "{short} does not descend from what is deployed (a force-push?); the last good revision is kept. \
                 To allow it, set accept.rewind"
            );
            return self.refuse(Fault::new("git-rewind", text), desk);
        }
        let mut revision = found.revision;
        match found.signer {
            Some(Ok(principal)) => revision.signer = Some(principal),
            Some(Err(why)) => {
                let text =
                    format!("{short} is not signed by anyone who may: {why}; the last good revision is kept");
                return self.refuse(Fault::new("git-untrusted", text), desk);
            }
            None if !accept.signers.is_empty() => {
                let text = format!("nobody said who signed {short}; the last good revision is kept");
                return self.refuse(Fault::new("git-untrusted", text), desk);
            }
            None => {}
        }
        let ticket = desk.ticket(Awaited::Render(self.name.clone()), limit::answer_deadline());
        self.candidate.stage = Stage::Rendering(ticket, revision.clone());
        desk.emit(Effect::Render {
            ticket,
            environment: self.name.clone(),
            revision,
        });
    }

    pub(crate) fn rendered(&mut self, ticket: Ticket, result: Result<Rendering, Fault>, desk: &mut Desk) {
        let revision = match &self.candidate.stage {
            Stage::Rendering(awaited, revision) if *awaited == ticket => revision.clone(),
            _ => return,
        };
        match result {
            Err(fault) => self.candidate_failed(fault, desk),
            Ok(rendering) => {
                self.candidate.stage = Stage::Settled;
                self.candidate.fault = None;
                self.set_head(revision, rendering, desk);
            }
        }
    }

    fn set_head(&mut self, revision: Revision, rendering: Rendering, desk: &mut Desk) {
        let Rendering {
            snapshot,
            id,
            settings,
        } = rendering;
        let moved = self.memory.head.as_ref().is_none_or(|head| head.snapshot != id);
        self.set_settings(settings, moved);
        self.memory.head = Some(Version {
            revision: revision.clone(),
            snapshot: id,
        });
        self.head = Some(snapshot.clone());
        if self.memory.at_head() && self.goal.is_none() {
            self.goal = Some(snapshot);
        }
        if moved {
            let snapshot = id;
            desk.publish(Some(&self.name), News::Revision { revision, snapshot });
            let until = self.memory.hold.as_ref().and_then(|hold| hold.until_not);
            if until.is_some_and(|until| until != id) {
                self.drop_order("superseded", "Git moved on", desk);
                self.lift("evenkeel", desk);
            }
            self.look_now.get_or_insert_default();
        }
        self.advance(desk);
    }

    /// It cannot be used now; it is tried again.
    fn candidate_failed(&mut self, fault: Fault, desk: &mut Desk) {
        self.candidate.stage = Stage::Wanted;
        self.candidate
            .backoff
            .fail(desk.now, Span::from_secs(5), Span::from_secs(300));
        self.tell_refusal(fault, desk);
    }
    /// It must not be used.
    fn refuse(&mut self, fault: Fault, desk: &mut Desk) {
        self.candidate.stage = Stage::Settled;
        self.tell_refusal(fault, desk);
    }
    fn tell_refusal(&mut self, fault: Fault, desk: &mut Desk) {
        if self.candidate.fault.as_ref() != Some(&fault) {
            let (code, text) = (fault.code.clone(), fault.text.clone());
            desk.publish(Some(&self.name), News::Refused { code, text });
        }
        self.candidate.fault = Some(fault);
    }
}
