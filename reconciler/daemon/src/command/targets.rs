//! `evenkeel targets`: servers, and whether they can be seen.

use crate::{
    arguments::{Common, Scope},
    failure::Failure,
    output::{self, age, one_line, paint::Paint, table},
};
use evenkeel_engine::EnvironmentStatus;

pub(crate) async fn run(common: &Common, scope: &Scope) -> Result<u8, Failure> {
    let client = super::service(common).await?;
    let all: Vec<EnvironmentStatus> = client.get("status").await?;
    let chosen = super::status::choose(all, scope)?;
    if common.json {
        let targets: Vec<_> = chosen
            .iter()
            .flat_map(|one| {
                one.targets
                    .iter()
                    .map(|target| serde_json::json!({ "environment": one.name, "target": target }))
            })
            .collect();
        output::json(&targets)?;
        return Ok(0);
    }
    let paint = Paint {
        on: output::colour(common, &std::io::stdout()),
    };
    let now = age::now();
    let rows: Vec<_> = chosen
        .iter()
        .flat_map(|one| one.targets.iter().map(move |target| (one, target)))
        .map(|(one, target)| {
            vec![
                one.name.to_string(),
                target.name.to_string(),
                paint.sync(target.sync),
                paint.health(target.health),
                target
                    .seen
                    .map_or_else(|| "never".to_owned(), |seen| age::age(now, seen)),
                format!("{} ({} off)", target.resources, target.off_count),
                target
                    .fault
                    .as_ref()
                    .map(|fault| one_line(&fault.text))
                    .unwrap_or_default(),
            ]
        })
        .collect();
    let heading = [
        "ENVIRONMENT",
        "TARGET",
        "SYNC",
        "HEALTH",
        "SEEN",
        "RESOURCES",
        "FAULT",
    ];
    output::print(&table::table(&heading, &rows));
    Ok(0)
}
