//! The runtime's part, on a virtual clock: carries effects out, with faults, and feeds their results back.

use crate::{
    chance::Chance,
    manifest::{ENVIRONMENTS, SICK, TARGETS, VARIANTS, manifests},
    world::{Commit, World},
};
use evenkeel_engine::{
    CheckResult, Credentials, Effect, Engine, Event, Fault, Kept, Options, Recall, Rendering, Request,
    RequestId, Ticket, Wish, Write,
};
use evenkeel_model::{
    EnvironmentName, Observation, Outcome, SnapshotId, Span, TargetName, Timestamp, Trigger,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What is to happen.
enum Happening {
    Do(Effect),
    Tell(Event),
    Act,
}

pub(crate) struct Drive {
    pub(crate) seed: u64,
    pub(crate) now: i64,
    chance: Chance,
    pub(crate) world: World,
    pub(crate) engine: Engine,
    /// The life of the controller that a happening belongs to.
    life: u32,
    queue: BTreeMap<(i64, u64), (u32, Happening)>,
    count: u64,
    pub(crate) faults: bool,
    requests: BTreeMap<RequestId, Wish>,
    /// Held by somebody, and told so.
    held: BTreeSet<EnvironmentName>,
}

fn fault(code: &str) -> Fault {
    Fault::new(code, "simulated")
}

fn engine(seed: u64) -> Engine {
    let options = Options {
        branch: Some("main".to_owned()),
        poll: Span::from_secs(60),
        seed,
    };
    Engine::new(Arc::new(evenkeel_kinds::Kinds), options)
}

impl Drive {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let world = World::new(&mut chance);
        let mut drive = Self {
            seed,
            now: 1_000_000,
            chance,
            world,
            engine: engine(seed),
            life: 0,
            queue: BTreeMap::new(),
            count: 0,
            faults: true,
            requests: BTreeMap::new(),
            held: BTreeSet::new(),
        };
        let started = drive.world.started();
        drive.tell(started);
        drive.after(1000, Happening::Act);
        drive
    }

    fn after(&mut self, millis: u64, what: Happening) {
        self.count += 1;
        let at = self.now + i64::try_from(millis).unwrap();
        self.queue.insert((at, self.count), (self.life, what));
    }
    fn strikes(&mut self, percent: u64) -> bool {
        self.faults && self.chance.percent(percent)
    }

    /// Runs until `end`, or until `over` holds.
    pub(crate) fn run(&mut self, end: i64, over: impl Fn(&Self) -> bool) {
        let mut steps = 0_u64;
        while self.now < end && !over(self) {
            steps += 1;
            assert!(steps < 200_000, "it does not come to rest");
            let next = self.queue.first_key_value().map(|(key, _)| key.0);
            let wake = self
                .engine
                .next_wakeup()
                .map_or(i64::MAX, |at| at.0.max(self.now));
            if next.is_none_or(|next| wake < next) {
                assert!(wake < i64::MAX, "nothing will ever happen");
                // The runtime's timers are never exact.
                self.now = wake + 1;
                self.tell(Event::Tick);
                continue;
            }
            let Some(((at, _), (life, what))) = self.queue.pop_first() else {
                return;
            };
            self.now = self.now.max(at);
            match what {
                Happening::Act => self.act(),
                // What was sent arrives, though its sender is dead.
                Happening::Do(effect @ Effect::Apply { .. }) => self.carry_out(effect, life),
                Happening::Do(effect) if life == self.life => self.carry_out(effect, life),
                Happening::Tell(event) if life == self.life => self.tell(event),
                _ => {}
            }
        }
    }

    fn tell(&mut self, event: Event) {
        let effects = self.engine.step(Timestamp(self.now), event);
        for effect in effects {
            self.judge(&effect);
            match effect {
                Effect::Publish(_) => {}
                Effect::Reply { request, result } => {
                    if result.is_ok() {
                        self.note(request);
                    }
                }
                effect => {
                    let slow = if self.strikes(3) { 8000 } else { 0 };
                    let wait = 1 + self.chance.below(50) + slow;
                    self.after(wait, Happening::Do(effect));
                }
            }
        }
        if self.strikes(1) && self.chance.percent(30) {
            self.crash();
        }
    }

    /// The controller dies, and another one starts from what the store remembers.
    fn crash(&mut self) {
        self.life += 1;
        self.engine = engine(self.seed);
        let started = self.world.started();
        self.after(100, Happening::Tell(started));
    }

    /// A hold counts from its answer on. What ends one counts from when it was asked: a crash may eat its answer.
    fn note(&mut self, request: RequestId) {
        if let Some(Wish::Hold { environment, .. }) = self.requests.remove(&request) {
            self.held.insert(environment);
        }
    }

    /// What must hold of every effect, at any time.
    fn judge(&self, effect: &Effect) {
        let Effect::Apply {
            environment,
            deployment,
            target,
            plan,
            ..
        } = effect
        else {
            return;
        };
        let known = self
            .world
            .records
            .deployments
            .get(deployment)
            .expect("it is on record before a step");
        assert!(!known.outcome.is_final(), "a step of {known:?}");
        let recorded = &self.world.records.plans[deployment];
        let part = recorded.targets.iter().find(|part| part.target == target.name);
        assert_eq!(part, Some(&**plan), "steps as recorded");
        let asked = matches!(
            known.trigger,
            Trigger::Request | Trigger::Rollback { .. } | Trigger::AutomaticRollback { .. }
        );
        let status = self.engine.status();
        let status = status.iter().find(|status| status.name == *environment).unwrap();
        let held = status.hold.is_some() || self.held.contains(environment);
        assert!(!held || asked, "a step under a hold: {known:?}");
        let last = self
            .world
            .records
            .plans
            .keys()
            .rfind(|id| id.environment == *environment);
        assert_eq!(last, Some(deployment), "only the latest deployment takes steps");
    }

    fn carry_out(&mut self, effect: Effect, life: u32) {
        let lost = self.strikes(1);
        let twice = self.strikes(5);
        let Some(event) = self.perform(effect) else { return };
        if life != self.life || lost {
            return;
        }
        if twice {
            self.after(500, Happening::Tell(event.clone()));
        }
        let wait = 1 + self.chance.below(50);
        self.after(wait, Happening::Tell(event));
    }

    fn perform(&mut self, effect: Effect) -> Option<Event> {
        let broken = self.strikes(6);
        Some(match effect {
            Effect::List { ticket } => {
                let refs = self
                    .world
                    .main
                    .map(|id| ("refs/heads/main".to_owned(), format!("c{id}")));
                let result = if broken {
                    Err(fault("git-unreachable"))
                } else {
                    Ok(refs.into_iter().collect())
                };
                Event::Listed { ticket, result }
            }
            Effect::Fetch { ticket, .. } => {
                let result = if broken {
                    Err(fault("git-deadline"))
                } else {
                    Ok(())
                };
                Event::Fetched { ticket, result }
            }
            Effect::Load { ticket, .. } => {
                let all = self
                    .world
                    .settings
                    .iter()
                    .map(|(name, s)| (name.clone(), s.clone()));
                let result = if broken {
                    Err(fault("manifest"))
                } else {
                    Ok(all.collect())
                };
                Event::Loaded { ticket, result }
            }
            Effect::Accept {
                ticket,
                commit,
                ancestor,
                ..
            } => {
                let number = |id: &str| id.trim_start_matches('c').parse().unwrap();
                let descends = ancestor.is_none_or(|a| self.world.descends(number(&commit), number(&a)));
                let found = Credentials {
                    revision: World::revision(&commit),
                    descends,
                    signer: None,
                };
                let result = if broken {
                    Err(fault("git-damaged"))
                } else {
                    Ok(found)
                };
                Event::Accepted { ticket, result }
            }
            Effect::Render {
                ticket,
                environment,
                revision,
            } => {
                let id: usize = revision.id.trim_start_matches('c').parse().unwrap();
                let variant = self.world.commits[id].variant;
                let (id, snapshot) = manifests().snapshots[&(environment.clone(), variant)].clone();
                let settings = self.world.settings[&environment].clone();
                let found = Rendering {
                    snapshot,
                    id,
                    settings,
                };
                let result = if broken { Err(fault("manifest")) } else { Ok(found) };
                Event::Rendered { ticket, result }
            }
            Effect::Recall { ticket, what } => {
                let result = if broken {
                    Err(fault("store-broken"))
                } else {
                    Ok(self.kept(&what))
                };
                Event::Recalled { ticket, result }
            }
            Effect::Observe {
                ticket,
                environment,
                target,
                probes,
                ..
            } => {
                let stale = self.strikes(3);
                let host = &self.world.hosts[&(environment, target.name.clone())];
                let result = if broken || host.off_until > self.now {
                    Err(fault("target-unreachable"))
                } else {
                    let server = if stale { &host.before } else { &host.server };
                    let at = Timestamp(if stale { self.now - 60_000 } else { self.now });
                    let answers = probes.iter().map(|p| (p.clone(), server.answer(p))).collect();
                    Ok(Arc::new(Observation { at, answers }))
                };
                Event::Observed { ticket, result }
            }
            effect @ Effect::Apply { .. } => self.perform_apply(effect, broken)?,
            Effect::Check {
                ticket,
                environment,
                target,
                checks,
            } => {
                let server = &self.world.hosts[&(environment, target.name.clone())].server;
                let sick = broken || server.text("/srv/app/config").is_none_or(|text| text == "sick");
                let outcome = || if sick { Err("500".to_owned()) } else { Ok(()) };
                let results = checks.iter().map(|check| CheckResult {
                    app: check.app.clone(),
                    name: check.name.clone(),
                    outcome: outcome(),
                });
                Event::Checked {
                    ticket,
                    results: results.collect(),
                }
            }
            Effect::Write {
                ticket,
                environment,
                write,
            } => self.perform_write(ticket, &environment, &write, broken),
            Effect::Reply { .. } | Effect::Publish(_) => return None,
        })
    }

    fn perform_write(
        &mut self,
        ticket: Ticket,
        environment: &EnvironmentName,
        write: &Write,
        broken: bool,
    ) -> Event {
        let result = if broken && self.chance.percent(50) {
            Err(fault("store-broken"))
        } else {
            match self.world.write(environment, write) {
                // Done, and the answer says that it was not.
                Ok(()) if broken => Err(fault("store-broken")),
                Ok(()) => Ok(()),
                Err(why) => Err(Fault::new("store-conflict", why)),
            }
        };
        Event::Written { ticket, result }
    }

    fn perform_apply(&mut self, effect: Effect, broken: bool) -> Option<Event> {
        let Effect::Apply {
            ticket,
            environment,
            target,
            deployment,
            epoch,
            plan,
            ..
        } = effect
        else {
            return None;
        };
        let host = self.world.hosts.get_mut(&(environment, target.name.clone()))?;
        if broken || host.off_until > self.now {
            let result = Err(fault("target-unreachable"));
            return Some(Event::Applied { ticket, result });
        }
        if host.server.epoch > epoch {
            let result = Err(fault("target-fenced"));
            return Some(Event::Applied { ticket, result });
        }
        host.server.epoch = epoch;
        let actions: usize = plan.groups.iter().map(|group| group.actions.len()).sum();
        let some = |chance: &mut Chance| usize::try_from(chance.below(actions as u64 + 1)).unwrap();
        let reached = if self.strikes(8) {
            some(&mut self.chance)
        } else {
            usize::MAX
        };
        let heard = if self.strikes(8) {
            some(&mut self.chance)
        } else {
            reached
        };
        let breaks = if self.strikes(8) {
            Some(some(&mut self.chance))
        } else {
            None
        };
        let at = Timestamp(self.now);
        let results = self.world.apply(
            &deployment,
            &target.name,
            &plan.groups,
            (heard.min(reached), reached),
            breaks,
            at,
        );
        Some(Event::Applied {
            ticket,
            result: Ok(results),
        })
    }

    fn kept(&self, what: &Recall) -> Option<Kept> {
        let (id, revision) = match what {
            Recall::Snapshot(id) => (*id, World::revision("c0")),
            Recall::Deployment(id) => {
                let known = self.world.records.deployments.get(id)?;
                (known.snapshot, known.revision.clone())
            }
        };
        let (_, snapshot) = manifests().snapshots.values().find(|(known, _)| *known == id)?;
        Some(Kept {
            snapshot: snapshot.clone(),
            id,
            revision,
        })
    }

    /// People and accidents.
    fn act(&mut self) {
        if !self.faults {
            return;
        }
        let wait = 5000 + self.chance.below(90_000);
        self.after(wait, Happening::Act);
        self.queue.values_mut().for_each(|(life, what)| {
            if matches!(what, Happening::Act) {
                *life = self.life;
            }
        });
        let environment = EnvironmentName::new(*self.chance.pick(&ENVIRONMENTS)).unwrap();
        let target = TargetName::new(*self.chance.pick(&TARGETS)).unwrap();
        let host = self.world.hosts.get_mut(&(environment.clone(), target)).unwrap();
        match self.chance.below(13) {
            0..=2 => {
                let variant = usize::try_from(self.chance.below(VARIANTS as u64)).unwrap();
                let parent = self.world.main.unwrap_or(self.world.commits.len() - 1);
                self.push(vec![parent], variant);
            }
            3 => {
                let old = usize::try_from(self.chance.below(self.world.commits.len() as u64)).unwrap();
                self.push(vec![old], SICK - 1);
            }
            4 => self.world.main = None,
            5 => {
                host.server.make_directory("/srv/app");
                host.server.edit_file("/srv/app/config", "by hand");
            }
            6 => host.server.edit_file("/etc/passwd", "unmanaged"),
            7 => {
                if host.server.text("/srv/app/config").is_some() {
                    host.server.remove("/srv/app/config");
                }
            }
            8 => host.off_until = self.now + i64::try_from(self.chance.below(120_000)).unwrap(),
            9 => {
                if host.server.system.processes.get("web").is_some_and(|p| p.running) {
                    host.server.kill_process("web");
                }
            }
            10 => host.server.reboot(),
            _ => self.ask(environment),
        }
    }

    fn push(&mut self, parents: Vec<usize>, variant: usize) {
        self.world.commits.push(Commit { parents, variant });
        self.world.main = Some(self.world.commits.len() - 1);
    }

    fn ask(&mut self, environment: EnvironmentName) {
        let reason = || "because".to_owned();
        let prune_yes = self.chance.percent(50);
        let wish = match self.chance.below(7) {
            0 | 1 => Wish::Sync {
                environment,
                reason: None,
                full: false,
                prune_yes,
            },
            2 => Wish::Approve {
                environment,
                snapshot: None,
                prune_yes,
                reason: None,
            },
            3 => Wish::Hold {
                environment,
                reason: reason(),
            },
            4 => Wish::Resume { environment },
            5 => Wish::Rollback {
                environment,
                to: self.chance.percent(50).then_some(1),
                reason: reason(),
            },
            _ => Wish::Refresh {
                environment: Some(environment),
                full: false,
            },
        };
        self.request(wish);
    }

    pub(crate) fn request(&mut self, wish: Wish) {
        self.count += 1;
        let id = RequestId(self.count);
        self.requests.insert(id, wish.clone());
        if let Wish::Resume { environment } | Wish::Rollback { environment, .. } = &wish {
            self.held.remove(environment);
            self.requests
                .retain(|_, open| open.environment() != Some(environment));
        }
        let actor = "ada".to_owned();
        self.tell(Event::Request(Request { id, actor, wish }));
    }

    /// The faults are over: everything works, nobody touches anything, and one last good commit joins all lines.
    pub(crate) fn calm(&mut self, variant: usize) -> BTreeMap<EnvironmentName, SnapshotId> {
        self.faults = false;
        for host in self.world.hosts.values_mut() {
            host.off_until = 0;
        }
        let all = (0..self.world.commits.len()).rev().take(64).collect();
        self.push(all, variant);
        let names = ENVIRONMENTS
            .iter()
            .map(|name| EnvironmentName::new(*name).unwrap());
        names
            .map(|name| (name.clone(), World::snapshot_id(&name, variant)))
            .collect()
    }

    /// What is recorded as done was done.
    pub(crate) fn check_history(&self) {
        for ((id, target), results) in &self.world.records.steps {
            for result in results.iter().filter(|result| result.outcome == Outcome::Done) {
                let key = (id.clone(), target.clone(), result.group, result.action);
                assert!(
                    self.world.done.contains(&key),
                    "{key:?} is recorded, and was not done"
                );
            }
        }
        for deployment in self.world.records.deployments.values() {
            assert!(deployment.outcome.is_final(), "left open: {deployment:?}");
        }
    }
}
