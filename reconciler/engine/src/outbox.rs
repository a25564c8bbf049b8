//! Writes to the store, one after the other, again until they are confirmed; and replies that wait for them.

use crate::{
    backoff::Backoff,
    desk::{Awaited, Desk},
    effect::{Effect, Write},
    event::Ticket,
    fault::Fault,
    limit,
    request::{Accepted, Refusal, RequestId},
};
use evenkeel_model::{EnvironmentName, Span};
use std::collections::VecDeque;

/// **Invariant:** what stands before an entry is on disk before the entry goes out. So a reply never speaks of what
/// a crash could undo, and no step runs before its deployment is on record.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    entries: VecDeque<Entry>,
    under_way: Option<Ticket>,
    backoff: Backoff,
    pub(crate) fault: Option<Fault>,
}

#[derive(Debug)]
enum Entry {
    Write(Write),
    Reply(RequestId, Result<Accepted, Refusal>),
}

/// What became of the first write.
pub(crate) enum Confirmed {
    /// It is on disk.
    Yes(Write),
    /// A deployment's number is taken, and this is not our own doing.
    Conflict(Write),
    /// Not yet.
    No,
}

impl Outbox {
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= limit::OUTBOX
    }
    pub(crate) fn write(&mut self, write: Write) {
        // Only the latest memory counts, unless something waits for an earlier one.
        let behind = self.under_way.is_none() || self.entries.len() > 1;
        if let (Write::Remember { .. }, Some(Entry::Write(last @ Write::Remember { .. })), true) =
            (&write, self.entries.back_mut(), behind)
        {
            *last = write;
            return;
        }
        self.entries.push_back(Entry::Write(write));
    }
    pub(crate) fn reply(&mut self, request: RequestId, result: Result<Accepted, Refusal>) {
        self.entries.push_back(Entry::Reply(request, result));
    }

    /// Gives out what may go.
    pub(crate) fn pump(&mut self, environment: &EnvironmentName, desk: &mut Desk) {
        while self.under_way.is_none() && !self.backoff.waits(desk.now) {
            match self.entries.front() {
                None => return,
                Some(Entry::Reply(..)) => {
                    if let Some(Entry::Reply(request, result)) = self.entries.pop_front() {
                        desk.emit(Effect::Reply { request, result });
                    }
                }
                Some(Entry::Write(write)) => {
                    let write = write.clone();
                    let ticket = desk.ticket(Awaited::Write(environment.clone()), limit::answer_deadline());
                    self.under_way = Some(ticket);
                    desk.emit(Effect::Write {
                        ticket,
                        environment: environment.clone(),
                        write,
                    });
                }
            }
        }
    }

    /// Takes in the answer to the write that is under way.
    pub(crate) fn written(&mut self, result: Result<(), Fault>, desk: &Desk) -> Confirmed {
        self.under_way = None;
        let conflict = |fault: &Fault| fault.code == "store-conflict";
        match result {
            Ok(()) => self.confirmed(),
            // Sent a second time because no answer came to the first: the record is ours.
            Err(fault) if conflict(&fault) && self.backoff.attempts > 0 => self.confirmed(),
            Err(fault) if conflict(&fault) => {
                self.fault = Some(fault);
                match self.entries.pop_front() {
                    Some(Entry::Write(write)) => Confirmed::Conflict(write),
                    _ => Confirmed::No,
                }
            }
            Err(fault) => {
                self.fault = Some(fault);
                self.backoff
                    .fail(desk.now, Span::from_secs(1), Span::from_secs(60));
                Confirmed::No
            }
        }
    }

    fn confirmed(&mut self) -> Confirmed {
        self.backoff.clear();
        self.fault = None;
        match self.entries.pop_front() {
            Some(Entry::Write(write)) => Confirmed::Yes(write),
            _ => Confirmed::No,
        }
    }

    pub(crate) fn next_wakeup(&self) -> Option<evenkeel_model::Timestamp> {
        if self.entries.is_empty() {
            None
        } else {
            self.backoff.at
        }
    }
}
