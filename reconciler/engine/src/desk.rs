//! What every part of the engine has at hand while an event is taken in: the time, the tickets, the tray of effects.

use crate::{
    change::{Change, News},
    dice::Dice,
    effect::Effect,
    engine::Options,
    event::Ticket,
    request::RequestId,
};
use evenkeel_model::{Catalog, EnvironmentName, Span, TargetName, Timestamp};
use std::{collections::BTreeMap, sync::Arc};

/// An answer that is awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    List,
    Fetch,
    Load,
    Accept(EnvironmentName),
    Render(EnvironmentName),
    Recall(EnvironmentName),
    /// A rollback to a deployment that the engine does not remember itself.
    RecallFor(EnvironmentName, RollbackAsked),
    Observe(EnvironmentName, TargetName),
    Apply(EnvironmentName, TargetName),
    Check(EnvironmentName, TargetName),
    Write(EnvironmentName),
}

/// A rollback that waits for its snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RollbackAsked {
    pub(crate) request: RequestId,
    pub(crate) actor: String,
    pub(crate) reason: String,
    pub(crate) to: u64,
}

pub(crate) struct Desk {
    pub(crate) now: Timestamp,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) options: Options,
    pub(crate) epoch: u64,
    /// A target has seen a newer controller: nothing is done any more.
    pub(crate) fenced: bool,
    pub(crate) effects: Vec<Effect>,
    dice: Dice,
    last: u64,
    awaited: BTreeMap<Ticket, (Awaited, Timestamp)>,
}

impl Desk {
    pub(crate) fn new(catalog: Arc<dyn Catalog>, options: Options) -> Self {
        Self {
            now: Timestamp(0),
            catalog,
            dice: Dice::new(options.seed),
            options,
            epoch: 0,
            fenced: false,
            effects: Vec::new(),
            last: 0,
            awaited: BTreeMap::new(),
        }
    }

    /// A ticket for an effect whose answer is given up after `within`.
    pub(crate) fn ticket(&mut self, what: Awaited, within: Span) -> Ticket {
        self.last += 1;
        let ticket = Ticket(self.last);
        self.awaited.insert(ticket, (what, self.now + within));
        ticket
    }
    /// Takes a ticket back; `None`: it is not awaited (any more).
    pub(crate) fn take(&mut self, ticket: Ticket) -> Option<Awaited> {
        self.awaited.remove(&ticket).map(|(what, _)| what)
    }
    /// The tickets whose time is over.
    pub(crate) fn overdue(&self) -> Vec<Ticket> {
        let due =
            |(ticket, (_, until)): (&Ticket, &(Awaited, Timestamp))| (*until <= self.now).then_some(*ticket);
        self.awaited.iter().filter_map(due).collect()
    }
    /// When the first ticket's time is over.
    pub(crate) fn first_overdue(&self) -> Option<Timestamp> {
        self.awaited.values().map(|(_, until)| *until).min()
    }
    pub(crate) fn emit(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
    pub(crate) fn publish(&mut self, environment: Option<&EnvironmentName>, news: News) {
        self.effects.push(Effect::Publish(Change {
            at: self.now,
            environment: environment.cloned(),
            news,
        }));
    }
    /// About so long from now.
    pub(crate) fn about(&mut self, span: Span) -> Timestamp {
        self.now + self.dice.spread(span)
    }
}
