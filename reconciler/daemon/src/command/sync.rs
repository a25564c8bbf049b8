//! `evenkeel sync`: Git → server, now.

use super::follow;
use crate::{
    arguments::{Common, Sync},
    failure::Failure,
};
use evenkeel_engine::Wish;

pub(crate) async fn run(common: &Common, told: &Sync) -> Result<u8, Failure> {
    let client = super::service(common).await?;
    let wish = Wish::Sync {
        environment: told.environment.clone(),
        reason: told.why.reason.clone(),
        full: told.full,
        prune_yes: told.prune,
    };
    if told.no_wait {
        return follow::ask_and_tell(common, wish).await;
    }
    follow::ask_and_wait(common, &client, wish).await
}
