//! Which commits are taken: signatures, references, rewritten history.

use crate::stage::Stage;
use evenkeel_model::{
    Settings,
    settings::{Signer, Track},
};

const F: &str = "/etc/a";

fn signed_by(names: &[&str]) -> Settings {
    let mut settings = Settings::default();
    let key = |name: &&str| Signer::Ssh {
        principal: (*name).to_owned(),
        key: format!("ssh-ed25519 {name}"),
    };
    settings.accept.signers = names.iter().map(key).collect();
    settings
}

fn tracking(track: Track) -> Settings {
    Settings {
        track,
        ..Settings::default()
    }
}

#[test]
fn an_unsigned_commit_is_refused_and_cannot_let_itself_in() {
    let mut stage = Stage::new(1);
    stage.push_signed("c1", &[(F, "1")], &signed_by(&["ada"]), Some("ada"));
    stage.start();
    assert_eq!(stage.text(F), "1");
    // Neither unsigned, nor by a policy of its own, nor by a key that only itself names.
    let cases = [
        ("c2", signed_by(&["ada"]), None),
        ("c3", Settings::default(), None),
        ("c4", signed_by(&["eve"]), Some("eve")),
    ];
    for (id, settings, signer) in cases {
        stage.push_signed(id, &[(F, id)], &settings, signer);
        stage.run(120);
        assert_eq!(
            (stage.text(F).as_str(), stage.deployed().as_str()),
            ("1", "c1"),
            "{id}"
        );
        assert_eq!(stage.faults(), ["git-untrusted"], "{id}");
    }
    // The last good is still kept true, and a signed one is taken.
    stage.server("s0").edit_file(F, "by hand");
    stage.run(120);
    assert_eq!(stage.text(F), "1");
    stage.push_signed("c5", &[(F, "5")], &signed_by(&["ada", "bob"]), Some("ada"));
    stage.run(120);
    assert_eq!((stage.text(F).as_str(), stage.faults().len()), ("5", 0));
    // Deployed, it brought bob in.
    stage.push_signed("c6", &[(F, "6")], &signed_by(&["ada", "bob"]), Some("bob"));
    stage.run(120);
    assert_eq!(stage.text(F), "6");
}

#[test]
fn it_follows_the_branch_tag_or_commit_that_it_is_told_to() {
    let branch = Track::Branch("release".to_owned());
    let tracks = [
        branch,
        Track::Tag("v1".to_owned()),
        Track::Commit("c1".to_owned()),
    ];
    for track in tracks {
        let settings = tracking(track.clone());
        let mut stage = Stage::new(1);
        stage.push("c1", &[(F, "1")], &settings);
        stage.push("c2", &[(F, "2")], &settings);
        stage.point("refs/heads/release", "c1");
        stage.point("refs/tags/v1", "0a");
        stage.point("refs/tags/v1^{}", "c1");
        stage.start();
        assert_eq!(
            (stage.text(F).as_str(), stage.deployed().as_str()),
            ("1", "c1"),
            "{track:?}"
        );
        if let Track::Branch(_) = track {
            stage.point("refs/heads/release", "c2");
            stage.run(60);
            assert_eq!(stage.text(F), "2");
        }
    }
}

#[test]
fn a_branch_that_is_gone_keeps_the_last_good() {
    let settings = tracking(Track::Branch("release".to_owned()));
    let mut stage = Stage::new(1);
    stage.push("c1", &[(F, "1")], &settings);
    stage.point("refs/heads/release", "c1");
    stage.start();
    stage.refs.remove("refs/heads/release");
    stage.run(60);
    assert_eq!(stage.faults(), ["git-no-such"]);
    stage.server("s0").remove(F);
    stage.run(120);
    assert_eq!(stage.text(F), "1");
    stage.point("refs/heads/release", "c1");
    stage.run(60);
    assert_eq!(stage.faults(), [""; 0]);
}

#[test]
fn a_rewritten_branch_is_refused_unless_it_was_allowed_before() {
    for allowed in [false, true] {
        let mut settings = Settings::default();
        settings.accept.rewind = allowed;
        let mut stage = Stage::new(1);
        stage.push("c1", &[(F, "1")], &settings);
        stage.start();
        stage.refs.clear();
        // What it says of itself does not count.
        settings.accept.rewind = true;
        stage.push("d1", &[(F, "rewritten")], &settings);
        stage.run(120);
        let (text, faults) = (stage.text(F), stage.faults());
        if allowed {
            assert_eq!((text.as_str(), faults.len()), ("rewritten", 0));
        } else {
            assert_eq!((text.as_str(), faults), ("1", vec!["git-rewind".to_owned()]));
        }
    }
}

#[test]
fn after_a_restart_nothing_is_said_of_git_before_it_was_read() {
    use evenkeel_engine::{Engine, Event, Options, Started};
    let mut engine = Engine::new(std::sync::Arc::new(evenkeel_kinds::Kinds), Options::default());
    let started = Started {
        epoch: 2,
        memories: std::iter::once((crate::stage::prod(), serde_json::json!({}))).collect(),
        ..Started::default()
    };
    engine.step(evenkeel_model::Timestamp(1), Event::Started(Box::new(started)));
    let status = engine.status();
    assert_eq!(status.len(), 1, "it is remembered");
    let codes: Vec<_> = status[0].faults.iter().map(|fault| fault.code.as_str()).collect();
    assert!(!codes.contains(&"environment-gone"), "{codes:?}");
}
