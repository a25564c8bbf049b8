//! Nothing runs away, whatever a repository holds.

use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// A second is the aim; the bound is wide for an unoptimised build on a machine that does ten other things.
const PATIENCE: Duration = Duration::from_secs(20);

fn codes(files: &[(&str, Vec<u8>)]) -> Vec<&'static str> {
    let tree = Memory::new(files.iter().map(|(path, bytes)| (*path, bytes)));
    validate(&tree, &Toys).iter().map(|found| found.code).collect()
}

#[test]
fn what_is_too_much_is_refused_quickly() {
    let bomb = {
        let mut text = "a0: &a0 [x, x, x]\n".to_owned();
        for level in 1..30 {
            text.push_str(&format!("a{level}: &a{level} [*a{0}, *a{0}, *a{0}]\n", level - 1));
        }
        text
    };
    let many = format!("spec: [{}]", "a,".repeat(200_000));
    let wide: String = (0..5000).map(|n| format!("k{n}: 1\n")).collect();
    for (name, bytes, code) in [
        ("bomb", bomb.into_bytes(), "alias"),
        ("large", vec![b' '; 100 * 1024 * 1024], "too-large"),
        ("flow", "[".repeat(500_000).into_bytes(), "too-deep"),
        ("maps", "{a: ".repeat(200_000).into_bytes(), "too-deep"),
        (
            "block",
            (0..400)
                .map(|n| " ".repeat(n) + "a:\n")
                .collect::<String>()
                .into_bytes(),
            "too-deep",
        ),
        ("dashes", "- ".repeat(500_000).into_bytes(), "too-deep"),
        ("many", many.into_bytes(), "too-many"),
        ("wide", wide.into_bytes(), "too-many"),
        ("latin1", b"a: \xe9\n".to_vec(), "bad-encoding"),
        ("utf16", b"\xff\xfea\0:\0".to_vec(), "bad-encoding"),
    ] {
        let begin = Instant::now();
        let found = codes(&[("x.yaml", bytes)]);
        assert!(found.contains(&code), "{name}: {found:?}");
        assert!(begin.elapsed() < PATIENCE, "{name}: {:?}", begin.elapsed());
    }
}

#[test]
fn templates_run_out_of_fuel_and_space() {
    for template in [
        "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}",
        "{{ 'x' * 100000000 }}",
        "{{ range(100000000) | list }}",
        "{% set s = 'x' * 60000 %}{% for a in range(10000) %}{{ s }}{% endfor %}",
    ] {
        let resources = format!("    - {{ kind: File, path: /f, content: \"{template}\" }}\n");
        let begin = Instant::now();
        let tree = with_resources(&resources);
        let found = validate(&tree, &Toys);
        assert!(found.iter().any(Diagnostic::is_error), "{template}");
        assert!(begin.elapsed() < PATIENCE, "{template}");
    }
}

#[test]
fn no_more_than_two_hundred_faults_are_told() {
    let wrong: String = (0..900).map(|n| format!("wrong{n}: 1\n")).collect();
    let found = validate(&Memory::new([("x.yaml", wrong)]), &Toys);
    assert_eq!(found.len(), 201);
    assert!(
        found[200].message.contains("more faults"),
        "{}",
        found[200].message
    );
}

const SEED: &str = include_str!("../../starter/apps/hello.yaml");

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let tree = Memory::new([("x.yaml", bytes)]);
        let _ = listing(&validate(&tree, &Toys), true);
    }

    #[test]
    fn arbitrary_yaml_like_text_is_answered(text in "([a-z\\-:{}\\[\\],&*!|>'\"%@#? \n\té]|kind|spec|- |: |\\{\\{|---\n){0,200}") {
        let tree = Memory::new([("x.yaml", text)]);
        let _ = listing(&validate(&tree, &Toys), true);
    }

    #[test]
    fn mutated_documents_are_answered_the_same_each_time(
        at in 0..SEED.len(), length in 0..40usize, text in "[ -~\n]{0,12}",
    ) {
        let mut bytes = SEED.as_bytes().to_vec();
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, text.bytes());
        let mut files = crate::starter().into_iter().map(|(path, text)| (path, text.as_bytes().to_vec())).collect::<Vec<_>>();
        files[1].1 = bytes;
        let tree = Memory::new(files);
        let told = listing(&validate(&tree, &Toys), false);
        prop_assert_eq!(&told, &listing(&validate(&tree, &Toys), false));
        let (project, found) = load(&tree, &Toys);
        if let Ok(rendered) = render(&project, "dev") {
            prop_assert!(!found.iter().any(Diagnostic::is_error));
            prop_assert_eq!(rendered.snapshot.id().unwrap(), render(&project, "dev").unwrap().snapshot.id().unwrap());
        }
    }

    #[test]
    fn arbitrary_templates_are_answered(
        text in "(\\{\\{ | \\}\\}|\\{% | %\\}|\\{#|values|values.port|for a in |range\\(|endfor|if |set a = |[a-z.|()'0-9+*~,\\[\\] -]){0,30}",
    ) {
        let content = Value::String(text);
        let tree = with_resources(&format!("    - {{ kind: File, path: /f, content: {content} }}\n"));
        let _ = listing(&validate(&tree, &Toys), true);
    }

    /// Where both take a text, this parser and libyaml's (through serde) read the same values.
    #[test]
    fn two_parsers_agree(text in "([a-c]: ?|- |[a-z0-9.]{1,4}|\"[a-z ]{0,3}\"|'[a-z]{0,3}'|\\[[a-c1-9, ]{0,6}\\]|\n| ){0,30}") {
        let mut report = crate::diagnostic::Report::default();
        let mut sources = crate::place::Sources::default();
        let nodes = crate::yaml::parse("x", text.as_bytes(), &mut sources, &mut report);
        if report.errors() == 0 && nodes.len() == 1
            && let Ok(other) = serde_yaml::from_str::<Value>(&text)
        {
            prop_assert_eq!(nodes[0].to_json(), other, "{}", text);
        }
    }
}
