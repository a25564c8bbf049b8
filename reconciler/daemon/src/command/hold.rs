//! `evenkeel hold` and `evenkeel resume`.

use super::{EXIT_USAGE, follow};
use crate::{
    arguments::{Common, HoldOrResume},
    failure::Failure,
};
use evenkeel_engine::Wish;

pub(crate) async fn hold(common: &Common, told: &HoldOrResume) -> Result<u8, Failure> {
    let reason = told.why.reason.clone().ok_or_else(|| {
        Failure::new(
            "reason-missing",
            "a hold needs a reason, for those who find it later",
        )
        .help("say it with --reason TEXT")
        .exit(EXIT_USAGE)
    })?;
    follow::ask_and_tell(
        common,
        Wish::Hold {
            environment: told.environment.clone(),
            reason,
        },
    )
    .await
}

pub(crate) async fn resume(common: &Common, told: &HoldOrResume) -> Result<u8, Failure> {
    follow::ask_and_tell(
        common,
        Wish::Resume {
            environment: told.environment.clone(),
        },
    )
    .await
}
