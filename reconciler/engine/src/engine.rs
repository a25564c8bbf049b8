//! The engine: one event in, effects out.

use crate::{
    desk::{Awaited, Desk},
    effect::Effect,
    environment::Environment,
    event::{Event, Started, Ticket},
    fault::Fault,
    outbox::Confirmed,
    request::{Accepted, Refusal, Request, Wish},
    source::Source,
    status::{EnvironmentStatus, SourceStatus},
};
use evenkeel_model::{Catalog, EnvironmentName, Outcome, Plan, Span, StepResult, Timestamp};
use std::{collections::BTreeMap, mem, sync::Arc};

/// What the service was told.
#[derive(Clone, Debug)]
pub struct Options {
    /// The branch that the project is read from; `None`: the remote's `HEAD`.
    pub branch: Option<String>,
    /// From one look at Git to the next, about.
    pub poll: Span,
    /// Spreads intervals, so that many services do not go in step. The engine has no other chance.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            branch: None,
            poll: Span::from_secs(30),
            seed: 0,
        }
    }
}

/// The state machine of one Git remote and all environments that it names.
///
/// **Architecture Invariant:** [`Engine::step`] is a function of what it was told: same options, same events at the
/// same times, same effects. What set an event off never decides what is done about it.
pub struct Engine {
    desk: Desk,
    source: Source,
    environments: BTreeMap<EnvironmentName, Environment>,
    started: bool,
}

impl Engine {
    /// An engine that waits for [`Event::Started`].
    #[must_use]
    pub fn new(catalog: Arc<dyn Catalog>, options: Options) -> Self {
        Self {
            desk: Desk::new(catalog, options),
            source: Source::default(),
            environments: BTreeMap::new(),
            started: false,
        }
    }

    /// Takes in what happened; what is to be done now, in the order in which it was decided.
    pub fn step(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        self.desk.now = now;
        match event {
            Event::Started(started) => self.start(*started),
            event => self.hear(event),
        }
        for ticket in self.desk.overdue() {
            self.give_up(ticket);
        }
        if self.started {
            self.source.turn(&mut self.desk);
            for environment in self.environments.values_mut() {
                environment.turn(&mut self.desk);
            }
        }
        mem::take(&mut self.desk.effects)
    }

    /// When [`Event::Tick`] is due, if nothing else happens before.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        if !self.started {
            return None;
        }
        let environments = self
            .environments
            .values()
            .filter_map(|e| e.next_wakeup(&self.desk));
        let all = environments
            .chain(self.source.next_wakeup())
            .chain(self.desk.first_overdue());
        all.min()
    }

    /// How every environment stands, by name.
    #[must_use]
    pub fn status(&self) -> Vec<EnvironmentStatus> {
        self.environments
            .values()
            .map(|environment| environment.status(&self.desk))
            .collect()
    }

    /// How Git stands.
    #[must_use]
    pub fn source_status(&self) -> SourceStatus {
        self.source.status()
    }

    /// What would be done to get to what Git says, by what was seen last; `None`: no such environment, or nothing of
    /// it was rendered yet.
    #[must_use]
    pub fn plan_of(&self, environment: &EnvironmentName) -> Option<Result<Plan, Fault>> {
        self.environments.get(environment)?.plan_of(&self.desk)
    }

    fn start(&mut self, started: Started) {
        if mem::replace(&mut self.started, true) {
            return;
        }
        self.desk.epoch = started.epoch;
        let Started {
            memories,
            mut applied,
            mut history,
            unfinished,
            ..
        } = started;
        let names = memories.keys().chain(history.keys());
        let names = names.chain(unfinished.iter().map(|deployment| &deployment.id.environment));
        let names: std::collections::BTreeSet<EnvironmentName> = names.cloned().collect();
        for name in names {
            let mut environment = Environment::new(name.clone());
            if let Some(memory) = memories.get(&name) {
                environment.memory = crate::memory::Memory::read(memory);
                environment.remembered = Some(environment.memory.clone());
            }
            environment.applied = applied.remove(&name).unwrap_or_default();
            let cut = unfinished
                .iter()
                .filter(|deployment| deployment.id.environment == name);
            let history = history.remove(&name).unwrap_or_default();
            environment.take_up(history, cut.cloned().collect(), &self.desk);
            self.environments.insert(name, environment);
        }
    }

    fn hear(&mut self, event: Event) {
        let ticket = match &event {
            Event::Listed { ticket, .. }
            | Event::Fetched { ticket, .. }
            | Event::Loaded { ticket, .. }
            | Event::Accepted { ticket, .. }
            | Event::Rendered { ticket, .. }
            | Event::Recalled { ticket, .. }
            | Event::Observed { ticket, .. }
            | Event::Applied { ticket, .. }
            | Event::Checked { ticket, .. }
            | Event::Written { ticket, .. } => *ticket,
            Event::Request(request) => return self.request(request.clone()),
            Event::Started(_) | Event::Tick => return,
        };
        if let Some(awaited) = self.desk.take(ticket) {
            self.answer(ticket, awaited, event);
        }
    }

    /// An awaited answer. One of the wrong sort is none: its ticket is spent, and counts as never answered.
    fn answer(&mut self, ticket: Ticket, awaited: Awaited, event: Event) {
        let desk = &mut self.desk;
        match (awaited, event) {
            (Awaited::List, Event::Listed { result, .. }) => {
                self.source.listed(result, desk);
                self.consider();
            }
            (Awaited::Fetch, Event::Fetched { result, .. }) => {
                self.source.fetched(result, desk);
                self.consider();
            }
            (Awaited::Load, Event::Loaded { result, .. }) => {
                if self.source.loaded(result, desk) {
                    for (name, _) in &self.source.environments {
                        let new = || Environment::new(name.clone());
                        self.environments.entry(name.clone()).or_insert_with(new);
                    }
                }
                self.consider();
            }
            (Awaited::Accept(name), Event::Accepted { result, .. }) => {
                if let Some(environment) = self.environments.get_mut(&name) {
                    environment.accepted(ticket, result, desk);
                }
            }
            (Awaited::Render(name), Event::Rendered { result, .. }) => {
                if let Some(environment) = self.environments.get_mut(&name) {
                    environment.rendered(ticket, result, desk);
                }
            }
            (Awaited::Recall(name), Event::Recalled { result, .. }) => {
                if let Some(environment) = self.environments.get_mut(&name) {
                    environment.recalled(ticket, result, desk);
                }
            }
            (Awaited::RecallFor(name, asked), Event::Recalled { result, .. }) => {
                if let Some(environment) = self.environments.get_mut(&name) {
                    environment.recalled_for(asked, result, desk);
                }
            }
            (Awaited::Observe(name, target), Event::Observed { result, .. }) => {
                if let Some(environment) = self.environments.get_mut(&name) {
                    environment.observed(&target, ticket, result, desk);
                }
            }
            (Awaited::Apply(name, target), Event::Applied { result, .. }) => {
                if let Some(environment) = self.environments.get_mut(&name) {
                    environment.run_applied(&target, ticket, result, desk);
                }
            }
            (Awaited::Check(name, target), Event::Checked { results, .. }) => {
                if let Some(environment) = self.environments.get_mut(&name) {
                    environment.checked(&target, ticket, results, desk);
                }
            }
            (Awaited::Write(name), Event::Written { result, .. }) => {
                if let Some(environment) = self.environments.get_mut(&name) {
                    match environment.outbox.written(result, desk) {
                        Confirmed::Yes(write) => environment.run_begun(write, desk),
                        Confirmed::Conflict(write) => environment.run_conflict(&write, desk),
                        Confirmed::No => {}
                    }
                }
            }
            (awaited, _) => self.never_came(ticket, awaited),
        }
    }

    fn consider(&mut self) {
        for environment in self.environments.values_mut() {
            environment.consider(&self.source, &mut self.desk);
        }
    }

    fn give_up(&mut self, ticket: Ticket) {
        if let Some(awaited) = self.desk.take(ticket) {
            self.never_came(ticket, awaited);
        }
    }

    /// An answer that never came is a fault like any other; for steps it says that nobody knows.
    fn never_came(&mut self, ticket: Ticket, awaited: Awaited) {
        let fault = || Fault::new("no-answer", "no answer came in time");
        let event = match &awaited {
            Awaited::List => Event::Listed {
                ticket,
                result: Err(fault()),
            },
            Awaited::Fetch => Event::Fetched {
                ticket,
                result: Err(fault()),
            },
            Awaited::Load => Event::Loaded {
                ticket,
                result: Err(fault()),
            },
            Awaited::Accept(_) => Event::Accepted {
                ticket,
                result: Err(fault()),
            },
            Awaited::Render(_) => Event::Rendered {
                ticket,
                result: Err(fault()),
            },
            Awaited::Recall(_) | Awaited::RecallFor(..) => Event::Recalled {
                ticket,
                result: Err(fault()),
            },
            Awaited::Observe(..) => Event::Observed {
                ticket,
                result: Err(fault()),
            },
            Awaited::Apply(..) => Event::Applied {
                ticket,
                result: Ok(vec![StepResult {
                    group: 0,
                    action: 0,
                    outcome: Outcome::Unknown("no answer came in time".to_owned()),
                    output: String::new(),
                    at: self.desk.now,
                }]),
            },
            Awaited::Check(..) => Event::Checked {
                ticket,
                results: Vec::new(),
            },
            Awaited::Write(_) => Event::Written {
                ticket,
                result: Err(fault()),
            },
        };
        self.answer(ticket, awaited, event);
    }

    fn request(&mut self, request: Request) {
        let Request { id, actor, wish } = request;
        if matches!(wish, Wish::Refresh { .. }) {
            self.source.refresh();
        }
        let Some(environment) = wish.environment().cloned() else {
            let result = Ok(Accepted {
                text: "looking at Git".to_owned(),
            });
            return self.desk.emit(Effect::Reply { request: id, result });
        };
        match self.environments.get_mut(&environment) {
            Some(environment) => environment.ask(id, &actor, wish, &mut self.desk),
            None => {
                let known: Vec<&str> = self.environments.keys().map(EnvironmentName::as_str).collect();
                let text = format!(
                    "there is no environment {environment}; there are: {}",
                    known.join(", ")
                );
                let result = Err(Refusal::new("no-such-environment", text));
                self.desk.emit(Effect::Reply { request: id, result });
            }
        }
    }
}
