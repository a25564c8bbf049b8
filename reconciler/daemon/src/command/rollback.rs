//! `evenkeel rollback`: an earlier deployment's snapshot again, from what is kept, and a hold.

use super::follow;
use crate::{
    arguments::{Common, Rollback},
    command::EXIT_USAGE,
    failure::Failure,
};
use evenkeel_engine::Wish;

pub(crate) async fn run(common: &Common, told: &Rollback) -> Result<u8, Failure> {
    let to = match &told.to {
        Some(to) if to.environment != told.environment => {
            return Err(Failure::new(
                "wrong-environment",
                format!(
                    "{to} is a deployment of {}, not of {}",
                    to.environment, told.environment
                ),
            )
            .help(format!("see `evenkeel history {}`", told.environment))
            .exit(EXIT_USAGE));
        }
        to => to.as_ref().map(|to| to.number),
    };
    let client = super::service(common).await?;
    let reason = told
        .why
        .reason
        .clone()
        .unwrap_or_else(|| "rolled back by hand".to_owned());
    let wish = Wish::Rollback {
        environment: told.environment.clone(),
        to,
        reason,
    };
    if told.no_wait {
        return follow::ask_and_tell(common, wish).await;
    }
    follow::ask_and_wait(common, &client, wish).await
}
