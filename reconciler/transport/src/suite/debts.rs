//! Restarts and reloads that are owed.

use super::Bench;
use evenkeel_model::{
    Action, Answer, Probe, ResourceId,
    probe::{Debt, DebtVerb},
};

pub(super) async fn debts(bench: &Bench<'_>) {
    let to = |name: &str| ResourceId::new("Unit", name).unwrap();
    bench
        .done_twice(vec![
            Action::Owe {
                to: to("it's.service"),
                verb: DebtVerb::Restart,
            },
            Action::Owe {
                to: to("b"),
                verb: DebtVerb::Reload,
            },
        ])
        .await;
    let Answer::Debts(mut owed) = bench.ask(Probe::Debts).await else {
        panic!("no debts")
    };
    owed.sort();
    let debt = |name: &str, verb| Debt { to: to(name), verb };
    assert_eq!(
        owed,
        [
            debt("b", DebtVerb::Reload),
            debt("it's.service", DebtVerb::Restart)
        ]
    );
    bench
        .done_twice(vec![
            Action::Settle {
                to: to("it's.service"),
            },
            Action::Settle { to: to("b") },
        ])
        .await;
    assert_eq!(bench.ask(Probe::Debts).await, Answer::Debts(Vec::new()));
}
