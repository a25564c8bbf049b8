//! What the store remembers, as the engine's first event.

use evenkeel_engine::{
    Event, Started,
    port::store::{Store, StoreError},
};

/// How many deployments of each environment the engine is told of.
const HISTORY: u32 = 100;

/// Counts the epoch up and gathers what is remembered.
pub(crate) async fn started(store: &dyn Store) -> Result<Event, StoreError> {
    let epoch = store.next_epoch().await?;
    let memories = store.memories().await?;
    let unfinished = store.unfinished().await?;
    let mut started = Started {
        epoch,
        ..Started::default()
    };
    let mut names: Vec<_> = memories.keys().cloned().collect();
    names.extend(
        unfinished
            .iter()
            .map(|deployment| deployment.id.environment.clone()),
    );
    names.sort();
    names.dedup();
    for name in names {
        started.applied.insert(name.clone(), store.applied(&name).await?);
        let history = store.deployments(Some(&name), None, HISTORY).await?;
        started.history.insert(name, history);
    }
    started.memories = memories;
    started.unfinished = unfinished;
    Ok(Event::Started(Box::new(started)))
}
