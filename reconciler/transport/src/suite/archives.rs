//! Archives: unpacked, and refused when they lead out.

use super::{Bench, Bytes, patience};
use evenkeel_model::{Action, Answer, Digest, Probe};

pub(super) async fn archives(bench: &Bench<'_>) {
    let make = async |script: &str| {
        let full = format!("set -e; rm -rf pack; mkdir pack; cd pack; {script}; base64 -w0 <out");
        let Answer::Run(run) = bench.ask(bench.guard(&["sh", "-c", &full], patience())).await else {
            panic!()
        };
        assert_eq!(run.status, 0, "{}", run.output);
        let mut contents = Bytes::default();
        let digest = contents.keep(&base64(&run.output));
        bench.stage(&contents).await.unwrap();
        digest
    };
    let unpack = |archive, into: &str, strip| Action::Unpack {
        archive,
        into: bench.at(into),
        strip,
        owner: None,
        group: None,
    };
    let good = make("mkdir -p top/bin; echo hi >top/bin/run; chmod 755 top/bin/run; ln -s bin/run top/l; tar -czf out top").await;
    bench.done_twice(vec![unpack(good, "r1", 1)]).await;
    let hashed = bench.hash(&bench.at("r1/bin/run")).await.unwrap();
    assert_eq!(
        (hashed.digest, hashed.stat.mode),
        (Some(Digest::of(b"hi\n")), 0o755)
    );
    for (what, script, says) in [
        (
            "climb",
            "echo x >f; tar -cPf out --transform 's,^f,../f,' f",
            "leads out",
        ),
        (
            "absolute",
            "echo x >f; tar -cPf out --transform 's,^f,/tmp/f,' f",
            "leads out",
        ),
        ("link", "ln -s ../../x l; tar -cf out l", "leads out"),
        ("absolute link", "ln -s /etc l; tar -cf out l", "leads out"),
        ("fifo", "mkfifo p; tar -cf out p", "something other"),
        ("junk", "echo junk >out", "no archive"),
    ] {
        let archive = make(script).await;
        bench.fails(unpack(archive, "r2", 0), says).await;
        assert_eq!(bench.hash(&bench.at("r2")).await, None, "{what}");
    }
    let listing = bench
        .ask(Probe::List {
            path: bench.base.clone(),
            limit: 99,
        })
        .await;
    let Answer::List(Some(listing)) = listing else {
        panic!("{listing:?}")
    };
    assert!(
        !listing
            .entries
            .iter()
            .any(|(name, _)| name.starts_with(".evenkeel")),
        "nothing is left over: {listing:?}"
    );
    bench
        .done_twice(vec![
            Action::Remove {
                path: bench.at("r1"),
                recursive: true,
            },
            Action::Remove {
                path: bench.at("pack"),
                recursive: true,
            },
        ])
        .await;
}

fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
            .iter()
            .position(|x| *x == c)
    };
    let bits: Vec<usize> = text.bytes().filter_map(value).collect();
    let mut bytes = Vec::new();
    for four in bits.chunks(4) {
        let all = four.iter().fold(0, |all, six| all << 6 | six) << (6 * (4 - four.len()));
        bytes.extend_from_slice(&u32::try_from(all).unwrap().to_be_bytes()[1..four.len()]);
    }
    bytes
}
