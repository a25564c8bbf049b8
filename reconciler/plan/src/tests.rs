use crate::{
    Options, PlanError, Which, batches, diff, forgotten, lint, plan, probes, prune_blocked,
    toy::{Node, Toys, World, all_applied, as_applied, id, path, resource, target},
};
use evenkeel_model::{
    Action, Applied, Digest, Probe, Resource, ResourceId, SyncStatus, TargetPlan, TargetSnapshot,
    probe::{Debt, DebtVerb},
    settings::{Batch, Rollout},
};
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

type Store = BTreeMap<ResourceId, Applied>;
const ALL: Options = Options {
    prune: true,
    only: Which::All,
};

fn made(world: &World, target: &TargetSnapshot, applied: &Store, options: Options) -> TargetPlan {
    let observation = world.observe(&probes(&Toys, target, applied));
    let (plan, contents) = plan(&Toys, target, applied, &observation, options).unwrap();
    assert_eq!(lint(&Toys, target, applied, &plan), []);
    for (digest, bytes) in contents {
        assert_eq!(Digest::of(&bytes), digest);
    }
    plan
}

fn shown(plan: &TargetPlan) -> String {
    let mut text = String::new();
    for (place, group) in plan.groups.iter().enumerate() {
        text += &format!("{place} {} {} {:?}\n", group.resource, group.status, group.needs);
        for action in &group.actions {
            text += &format!("    {action}\n");
        }
    }
    text
}

fn file(name: &str, content: &str) -> Resource {
    resource(name, json!({ "content": content }))
}
fn dir(name: &str) -> Resource {
    resource(name, json!({}))
}
fn svc(name: &str, restart_on: &[&str]) -> Resource {
    Resource {
        restart_on: restart_on.iter().map(|on| id(on)).collect(),
        ..resource(name, json!({}))
    }
}

#[test]
fn a_first_deployment_reads_as_it_will_be_done() {
    let owned = resource("File:/srv/shop/conf", json!({ "content": "a", "owner": "shop" }));
    let target = target(vec![
        svc("Svc:shop", &["File:/srv/shop/conf"]),
        owned,
        dir("Dir:/srv/shop"),
        dir("User:shop"),
        Resource {
            after: vec![id("Svc:shop")],
            ..file("File:/motd", "hello")
        },
    ]);
    let mut world = World::default();
    world.nodes.insert(path("/srv"), Node::Dir(None));
    insta::assert_snapshot!(shown(&made(&world, &target, &Store::new(), ALL)), @r"
    0 Dir:/srv/shop Missing []
        make directory /srv/shop
    1 User:shop Missing []
        make user shop so
    2 File:/srv/shop/conf Missing [0, 1]
        note that Svc:shop needs a restart
        write /srv/shop/conf (sha256:ca978112ca1b)
    3 Svc:shop Pending [2]
        start shop
        note that Svc:shop got what it was owed
    4 File:/motd Missing [3]
        write /motd (sha256:2cf24dba5fb0)
    ");
}

#[test]
fn what_left_git_goes_last_and_from_the_inside_out() {
    let owned = resource("File:/d/f", json!({ "content": "a", "owner": "u" }));
    let before = target(vec![
        dir("Dir:/d"),
        dir("Dir:/d/e"),
        owned,
        dir("User:u"),
        file("File:/x", "1"),
    ]);
    let mut world = World::default();
    let first = made(&world, &before, &Store::new(), ALL);
    assert_eq!(world.apply(&first.groups, usize::MAX).1, Vec::<String>::new());
    let after = target(vec![file("File:/x", "2")]);
    let applied = all_applied(&before);
    let second = made(&world, &after, &applied, ALL);
    insta::assert_snapshot!(shown(&second), @r"
    0 File:/x Pending []
        write /x (sha256:d4735e3a265e)
    1 File:/d/f Extra []
        remove /d/f
    2 User:u Extra [1]
        remove user u
    3 Dir:/d/e Extra []
        remove /d/e
    4 Dir:/d Extra [1, 3]
        remove /d
    ");
    assert_eq!(
        (second.prunes, second.applied, second.prune_percent()),
        (4, 5, 80)
    );
    assert!(prune_blocked(&second, 79) && !prune_blocked(&second, 80));
    let kept = made(
        &world,
        &after,
        &applied,
        Options {
            prune: false,
            only: Which::All,
        },
    );
    assert_eq!((kept.groups.len(), kept.prunes), (1, 0));
    assert_eq!(world.apply(&second.groups, usize::MAX).1, Vec::<String>::new());
    assert_eq!(world.nodes.len(), 1);
}

#[test]
fn nothing_that_stays_loses_what_it_stands_on() {
    let owned = resource("File:/d/f", json!({ "content": "a", "owner": "u" }));
    let before = target(vec![
        dir("Dir:/d"),
        owned.clone(),
        dir("User:u"),
        file("File:/x", "1"),
        dir("Dir:/k"),
        Resource {
            keep: true,
            ..file("File:/k/data", "1")
        },
        resource("File:/never", json!({ "absent": true })),
    ]);
    let mut world = World::default();
    world.apply(&made(&world, &before, &Store::new(), ALL).groups, usize::MAX);
    // Someone else's: the file that Git once wanted away.
    world
        .nodes
        .insert(path("/never"), Node::File(Digest::of(b"mine"), None));
    // The directory, the owner and what was to be kept leave Git; a file becomes a link.
    let after = target(vec![owned, resource("Link:/x", json!({ "to": "y" }))]);
    let applied = all_applied(&before);
    let plan = made(&world, &after, &applied, ALL);
    assert_eq!(plan.prunes, 0, "{}", shown(&plan));
    let observation = world.observe(&probes(&Toys, &after, &applied));
    assert_eq!(
        forgotten(&Toys, &after, &applied, &observation),
        [id("File:/never"), id("File:/x")],
        "the others are remembered, and go when what needs them goes"
    );
    let found = diff(&Toys, &after, &applied, &observation);
    assert!(
        found
            .resources
            .iter()
            .all(|diff| diff.status != SyncStatus::Extra),
        "{found:?}"
    );
}

#[test]
fn a_declared_cycle_is_named_and_an_implied_one_gives_way() {
    let after = |r: Resource, on: &str| Resource {
        after: vec![id(on)],
        ..r
    };
    let world = World::default();
    let circle = target(vec![
        after(file("File:/c", ""), "File:/a"),
        after(file("File:/a", ""), "File:/b"),
        after(file("File:/b", ""), "File:/c"),
        after(file("File:/behind", ""), "File:/a"),
    ]);
    let observation = world.observe(&probes(&Toys, &circle, &Store::new()));
    let error = plan(&Toys, &circle, &Store::new(), &observation, ALL).unwrap_err();
    assert_eq!(
        error,
        PlanError::Cycle(vec![id("File:/a"), id("File:/b"), id("File:/c")])
    );
    assert_eq!(
        error.to_string(),
        "these wait for each other: File:/a after File:/b after File:/c after File:/a"
    );
    // The directory says that it comes after its own file: so be it.
    let odd = target(vec![after(dir("Dir:/d"), "File:/d/f"), file("File:/d/f", "")]);
    let order: Vec<_> = made(&world, &odd, &Store::new(), ALL)
        .groups
        .into_iter()
        .map(|g| g.resource)
        .collect();
    assert_eq!(order, [id("File:/d/f"), id("Dir:/d")]);
}

#[test]
fn what_cannot_be_seen_holds_back_what_comes_after_it_and_nothing_else() {
    let target = target(vec![
        dir("Dir:/d"),
        file("File:/d/f", "a"),
        file("File:/x", "a"),
        svc("Svc:s", &["File:/d/f"]),
    ]);
    let mut world = World::default();
    world.hidden.insert(Probe::Hash(path("/d")));
    let plan = made(&world, &target, &Store::new(), ALL);
    assert_eq!(
        plan.groups.iter().map(|g| &g.resource).collect::<Vec<_>>(),
        [&id("File:/x")]
    );
    let found = diff(
        &Toys,
        &target,
        &Store::new(),
        &world.observe(&probes(&Toys, &target, &Store::new())),
    );
    assert_eq!(found.status, SyncStatus::Unknown);
    assert_eq!(found.resources[0].why.as_deref(), Some("hidden"));
}

#[test]
fn statuses_roll_up_to_the_worst_and_missing_shows_as_pending() {
    use SyncStatus::{Drifted, Extra, InSync, Missing, Pending, Unknown};
    for (children, parent) in [
        (vec![], InSync),
        (vec![InSync, Missing], Pending),
        (vec![Missing, Pending], Pending),
        (vec![Extra, Missing], Extra),
        (vec![Drifted, Extra], Drifted),
        (vec![Unknown, Drifted, InSync], Unknown),
    ] {
        assert_eq!(crate::roll_up(children.clone()), parent, "{children:?}");
    }
}

#[test]
fn healing_and_deploying_can_be_told_apart() {
    let before = target(vec![
        file("File:/a", "1"),
        file("File:/b", "1"),
        file("File:/gone", "1"),
    ]);
    let mut world = World::default();
    world.apply(&made(&world, &before, &Store::new(), ALL).groups, usize::MAX);
    world
        .nodes
        .insert(path("/a"), Node::File(Digest::of(b"by hand"), None));
    let after = target(vec![file("File:/a", "1"), file("File:/b", "2")]);
    let only = |only| {
        let plan = made(
            &world,
            &after,
            &all_applied(&before),
            Options { prune: true, only },
        );
        plan.groups
            .into_iter()
            .map(|g| g.resource.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(only(Which::Drifted), ["File:/a"]);
    assert_eq!(only(Which::Pending), ["File:/b", "File:/gone"]);
    assert_eq!(only(Which::All), ["File:/a", "File:/b", "File:/gone"]);
}

#[test]
fn what_is_owed_is_paid_once_and_strangers_are_settled() {
    let target = target(vec![svc("Svc:s", &[]), file("File:/f", "1")]);
    let mut world = World::default();
    world.apply(&made(&world, &target, &Store::new(), ALL).groups, usize::MAX);
    for (to, verb) in [
        ("Svc:s", DebtVerb::Reload),
        ("Svc:gone", DebtVerb::Restart),
        ("File:/f", DebtVerb::Reload),
    ] {
        world.debts.insert(Debt { to: id(to), verb });
    }
    let plan = made(&world, &target, &all_applied(&target), ALL);
    insta::assert_snapshot!(shown(&plan), @r"
    0 File:/f InSync []
        note that File:/f got what it was owed
    1 Svc:s InSync []
        reload s
        note that Svc:s got what it was owed
    2 Svc:gone InSync []
        note that Svc:gone got what it was owed
    ");
    world.apply(&plan.groups, usize::MAX);
    assert_eq!(made(&world, &target, &all_applied(&target), ALL).groups, []);
}

#[test]
fn what_cannot_be_taken_away_is_forgotten_and_never_extra() {
    let empty = target(Vec::new());
    let lasting = resource("Svc:lasting", json!({ "lasts": true }));
    let applied = Store::from_iter([&lasting, &svc("Svc:ours", &[])].map(|r| (r.id.clone(), as_applied(r))));
    let mut world = World {
        running: BTreeMap::from([("lasting".into(), 1), ("ours".into(), 1)]),
        ..World::default()
    };
    world.debts.insert(Debt {
        to: lasting.id.clone(),
        verb: DebtVerb::Restart,
    });
    let seen = world.observe(&probes(&Toys, &empty, &applied));
    let ids = forgotten(&Toys, &empty, &applied, &seen);
    assert_eq!(ids.iter().collect::<Vec<_>>(), [&lasting.id]);
    let extra: Vec<String> = diff(&Toys, &empty, &applied, &seen)
        .resources
        .iter()
        .map(|diff| diff.resource.to_string())
        .collect();
    assert_eq!(extra, ["Svc:ours"]);
    // Nothing is done to it; what is owed to it is crossed out, which is no prune.
    let plan = made(&world, &empty, &applied, ALL);
    assert_eq!(plan.prunes, 1);
    insta::assert_snapshot!(shown(&plan), @r"
    0 Svc:ours Extra []
        stop ours
    1 Svc:lasting InSync []
        note that Svc:lasting got what it was owed
    ");
    world.apply(&plan.groups, usize::MAX);
    assert!(world.running.contains_key("lasting") && world.debts.is_empty());

    // What cannot be seen could still be anything, and what is kept is asked for.
    world.hidden = BTreeSet::from([Probe::Unit("lasting".into())]);
    let unseen = world.observe(&probes(&Toys, &empty, &applied));
    assert!(!forgotten(&Toys, &empty, &applied, &unseen).contains(&lasting.id));
    let kept = Resource {
        keep: true,
        ..lasting
    };
    let applied = Store::from([(kept.id.clone(), as_applied(&kept))]);
    assert_eq!(forgotten(&Toys, &empty, &applied, &seen), []);
}

/// A snapshot closed under what it needs: directories /d0…, files in them, owners, services that watch files.
fn snapshots() -> impl Strategy<Value = TargetSnapshot> {
    let dirs = proptest::collection::btree_set(0..3_u8, 0..=3);
    let files = proptest::collection::btree_map((0..4_u8, 0..3_u8), (0..3_u8, 0..3_u8), 0..8);
    let services = proptest::collection::vec(proptest::collection::btree_set(0..8_usize, 0..4), 0..3);
    (dirs, files, services).prop_map(|(dirs, files, services)| {
        let mut resources: Vec<Resource> = dirs.iter().map(|d| dir(&format!("Dir:/d{d}"))).collect();
        let mut users = BTreeSet::new();
        let mut names = Vec::new();
        for ((d, f), (content, user)) in files {
            let name = if dirs.contains(&d) {
                format!("File:/d{d}/f{f}")
            } else {
                format!("File:/f{f}")
            };
            if names.contains(&name) {
                continue;
            }
            let mut spec = json!({ "content": content.to_string() });
            if user > 0 {
                users.insert(user);
                spec["owner"] = json!(format!("u{user}"));
            }
            resources.push(resource(&name, spec));
            names.push(name);
        }
        resources.extend(users.iter().map(|user| dir(&format!("User:u{user}"))));
        for (number, watched) in services.iter().enumerate() {
            let on: Vec<&str> = watched
                .iter()
                .filter_map(|i| names.get(*i))
                .map(String::as_str)
                .collect();
            resources.push(svc(&format!("Svc:s{number}"), &on));
        }
        target(resources)
    })
}

/// What the engine does with the store around one apply.
fn deploy(world: &mut World, target: &TargetSnapshot, applied: &mut Store, most: usize) -> TargetPlan {
    let plan = made(world, target, applied, ALL);
    let observation = world.observe(&probes(&Toys, target, applied));
    let forget = forgotten(&Toys, target, applied, &observation);
    for resource in &target.resources {
        let meant = Applied {
            resource: resource.clone(),
            fields: None,
        };
        applied.entry(resource.id.clone()).or_insert(meant);
    }
    world.watchers.clear();
    for service in &target.resources {
        for watched in &service.restart_on {
            world
                .watchers
                .entry(path(&watched.name))
                .or_default()
                .insert(service.id.name.clone());
        }
    }
    let (done, errors) = world.apply(&plan.groups, most);
    assert_eq!(errors, Vec::<String>::new(), "\n{}", shown(&plan));
    for id in done {
        match target.resources.iter().find(|r| r.id == id) {
            Some(resource) => drop(applied.insert(id, as_applied(resource))),
            None => drop(applied.remove(&id)),
        }
    }
    for id in forget {
        applied.remove(&id);
    }
    plan
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Snapshots follow one another, the last ones cut off at any action, files change by hand; then one whole
    /// deployment makes all so, a second has nothing to do, and no service runs on what it read too early.
    #[test]
    fn one_whole_deployment_converges_from_anywhere(
        history in proptest::collection::vec((snapshots(), 0..24_usize, 0..3_u8), 0..4),
        last in snapshots(),
        retry in proptest::bool::weighted(0.7),
    ) {
        // Mostly what was cut off last is tried again: only then is a debt all that tells of what is still to do.
        let last = history.last().filter(|_| retry).map_or(last, |(snapshot, _, _)| snapshot.clone());
        let (mut world, mut applied) = (World::default(), Store::new());
        for (snapshot, most, drift) in history {
            deploy(&mut world, &snapshot, &mut applied, most);
            match drift {
                1 => {
                    let spoil = |node: &mut Node| {
                        if let Node::File(digest, _) = node {
                            *digest = Digest::of(b"by hand");
                        }
                    };
                    world.nodes.values_mut().for_each(spoil);
                }
                2 => world.nodes.retain(|_, node| !matches!(node, Node::File(..))),
                _ => {}
            }
        }
        deploy(&mut world, &last, &mut applied, usize::MAX);
        let again = made(&world, &last, &applied, ALL);
        prop_assert_eq!(&again.groups, &[], "{}", shown(&again));
        let observation = world.observe(&probes(&Toys, &last, &applied));
        let found = diff(&Toys, &last, &applied, &observation);
        prop_assert_eq!(found.status, SyncStatus::InSync, "{:?}", found);
        prop_assert!(world.debts.is_empty());
        prop_assert_eq!(world.nodes.len() + world.users.len() + world.running.len(), last.resources.len());
        for service in last.resources.iter().filter(|r| r.id.kind == "Svc") {
            let due = world.due.get(&service.id.name).copied().unwrap_or(0);
            prop_assert!(due <= world.running[&service.id.name], "{} runs on what it read too early", service.id);
        }
    }

    /// Every file changes, and the deployment is cut off after each of its actions in turn: whoever watches still
    /// reads what is new in the end.
    #[test]
    fn no_debt_is_lost_wherever_it_is_cut(snapshot in snapshots()) {
        let mut old = snapshot.clone();
        for file in old.resources.iter_mut().filter(|r| r.id.kind == "File") {
            file.spec["content"] = json!("old");
        }
        for cut in 0..20 {
            let (mut world, mut applied) = (World::default(), Store::new());
            deploy(&mut world, &old, &mut applied, usize::MAX);
            let plan = deploy(&mut world, &snapshot, &mut applied, cut);
            deploy(&mut world, &snapshot, &mut applied, usize::MAX);
            for (service, due) in &world.due {
                prop_assert!(due <= &world.running[service], "{} lost at {}\n{}", service, cut, shown(&plan));
            }
            prop_assert!(world.debts.is_empty());
        }
    }

    /// The same input gives the same plan, and the order in which resources are listed is no input.
    #[test]
    fn a_plan_depends_on_nothing_else(snapshot in snapshots()) {
        let world = World::default();
        let plan = made(&world, &snapshot, &Store::new(), ALL);
        let mut turned = snapshot.clone();
        turned.resources.reverse();
        prop_assert_eq!(plan, made(&world, &turned, &Store::new(), ALL));
    }

    #[test]
    fn batches_reach_every_target_once_in_order(
        steps in proptest::collection::vec(
            prop_oneof![(0..20_u32).prop_map(Batch::Count), (0..=100_u8).prop_map(Batch::Percent)], 0..5),
        targets in 0..50_usize,
    ) {
        let ranges = batches(&Rollout { batches: steps, ..Rollout::default() }, targets);
        prop_assert!(ranges.iter().all(|range| !range.is_empty()));
        let all: Vec<usize> = ranges.into_iter().flatten().collect();
        prop_assert_eq!(all, (0..targets).collect::<Vec<_>>());
    }
}

#[test]
fn batches_are_cumulative_and_round_up() {
    let of = |steps: &[Batch], targets| {
        batches(
            &Rollout {
                batches: steps.to_vec(),
                ..Rollout::default()
            },
            targets,
        )
    };
    let usual = [Batch::Count(1), Batch::Percent(25), Batch::Percent(100)];
    assert_eq!(of(&usual, 10), [0..1, 1..3, 3..10]);
    assert_eq!(of(&usual, 1), vec![0..1; 1]);
    assert_eq!(of(&usual, 0), []);
    assert_eq!(of(&[Batch::Percent(10)], 7), vec![0..7; 1]);
    assert_eq!(
        of(&[Batch::Count(5), Batch::Count(2), Batch::Count(9)], 8),
        [0..5, 5..8]
    );
}

#[test]
fn the_second_reader_sees_every_fault() {
    let target = target(vec![file("File:/a", "1"), svc("Svc:s", &["File:/a"])]);
    let applied = Store::from([(id("File:/old"), as_applied(&file("File:/old", "1")))]);
    let mut world = World::default();
    world
        .nodes
        .insert(path("/old"), Node::File(Digest::of(b"1"), None));
    let good = made(&world, &target, &applied, ALL);
    assert_eq!(good.groups.len(), 3);
    let fault = |spoil: &dyn Fn(&mut TargetPlan)| {
        let mut plan = good.clone();
        spoil(&mut plan);
        let faults = lint(&Toys, &target, &applied, &plan);
        faults.iter().map(crate::Fault::code).collect::<Vec<_>>()
    };
    let remove = |at: &str| Action::Remove {
        path: path(at),
        recursive: true,
    };
    assert_eq!(
        fault(&|plan| plan.groups[0].needs = vec![0]),
        ["lint-needs-forward"]
    );
    assert_eq!(
        fault(&|plan| plan.groups[1].needs = vec![2]),
        ["lint-needs-forward"]
    );
    assert_eq!(fault(&|plan| plan.contents.clear()), ["lint-unlisted"]);
    assert_eq!(
        fault(&|plan| plan.groups[2].actions = vec![remove("/")]),
        ["lint-root"]
    );
    assert_eq!(
        fault(&|plan| plan.groups[2].actions = vec![remove("/etc")]),
        ["lint-unmanaged"]
    );
    assert_eq!(
        fault(&|plan| plan.groups[0].actions.rotate_left(1)),
        ["lint-owe-late"]
    );
    assert_eq!(
        fault(&|plan| plan.groups[1].actions.rotate_left(1)),
        ["lint-bad-settle"]
    );
    assert_eq!(
        fault(&|plan| plan.groups[1].prune = true),
        ["lint-miscounted", "lint-bad-prune"]
    );
    assert_eq!(
        fault(&|plan| plan.groups[2].prune = false),
        ["lint-miscounted", "lint-stranger"]
    );
    assert_eq!(fault(&|plan| plan.groups[2].actions.clear()), ["lint-idle"]);
    assert_eq!(
        fault(&|plan| plan.groups[1].resource = id("File:/a")),
        ["lint-twice", "lint-bad-settle"]
    );
    assert_eq!(
        fault(&|plan| plan.target = "web-2".parse().unwrap()),
        ["lint-elsewhere"]
    );
}
