//! The command line as its user meets it: the real binary, on a manifest folder and with a service. No root is needed.

use evenkeel_tests::service::{Manifests, Scratch, Service, binary};
use serde_json::Value;
use std::{
    error::Error,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

type Failed = Box<dyn Error>;
type Done = Result<(), Failed>;

const LIMIT: Duration = Duration::from_secs(30);

/// What a command said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

/// A folder to work in, with a state of its own.
struct Desk {
    scratch: Scratch,
}

impl Desk {
    fn new(name: &str) -> Result<Self, Failed> {
        let scratch = Scratch::new(name)?;
        fs::create_dir_all(scratch.path().join("shop"))?;
        Ok(Self { scratch })
    }
    fn folder(&self) -> PathBuf {
        self.scratch.path().join("shop")
    }
    fn server(&self) -> PathBuf {
        self.scratch.path().join("server")
    }
    fn command(&self, args: &[&str]) -> Result<Command, Failed> {
        let mut command = Command::new(binary()?);
        command
            .args(args)
            .current_dir(self.folder())
            .env_remove("EVENKEEL_SOCKET")
            .env_remove("NO_COLOR")
            .env("EVENKEEL_STATE", self.scratch.path().join("state"))
            .stdin(Stdio::null());
        Ok(command)
    }
    fn run(&self, args: &[&str]) -> Result<Said, Failed> {
        said(self.command(args)?.output()?)
    }
    /// The starter project, its one server being a folder of this test.
    fn starter(name: &str) -> Result<Self, Failed> {
        let desk = Self::new(name)?;
        assert_eq!(desk.run(&["init"])?.code, 0);
        let file = desk.folder().join("environments/dev.yaml");
        let text = fs::read_to_string(&file)?;
        let ours = text.replace("/tmp/evenkeel-hello", &desk.server().display().to_string());
        assert_ne!(text, ours, "the starter names its server's folder");
        fs::write(file, ours)?;
        Ok(desk)
    }
}

fn said(output: std::process::Output) -> Result<Said, Failed> {
    Ok(Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout)?,
        err: String::from_utf8(output.stderr)?,
    })
}

/// The stable code of a failure that was told as JSON.
fn code_of(said: &Said) -> Result<String, Failed> {
    let last = said.err.lines().last().unwrap_or_default();
    let value: Value = serde_json::from_str(last).map_err(|error| format!("{error}: {said:?}"))?;
    assert!(value["error"]["message"].is_string(), "{value}");
    Ok(value["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn from_an_empty_folder_to_a_server_that_is_kept() -> Done {
    let desk = Desk::starter("line")?;
    let valid = desk.run(&["validate"])?;
    assert_eq!(
        (valid.code, valid.out.as_str()),
        (0, ".: valid; environments: dev\n")
    );
    let again = desk.run(&["init"])?;
    assert_eq!(again.code, 1);
    assert!(again.err.starts_with("error[file-in-the-way]: "), "{}", again.err);
    let rendered = desk.run(&["render", "dev"])?;
    assert_eq!(rendered.code, 0);
    assert!(
        rendered.out.contains("/srv/hello/greeting.txt"),
        "{}",
        rendered.out
    );

    // The plan is shown as it will be done, and a look does nothing.
    let plan = desk.run(&["plan", "dev"])?;
    assert_eq!(plan.code, 2, "{plan:?}");
    assert!(
        plan.out.starts_with("here\n  Directory:/srv  Missing\n"),
        "{}",
        plan.out
    );
    assert!(
        plan.out.ends_with("  3 steps for 3 resources, 0 pruned\n"),
        "{}",
        plan.out
    );
    assert!(!desk.server().join("srv").exists());
    // Nobody can say yes through a pipe.
    let refused = desk.run(&["apply", "dev"])?;
    assert_eq!((refused.code, refused.out), (3, plan.out));
    assert!(refused.err.starts_with("error[yes-missing]: "), "{}", refused.err);
    assert!(!desk.server().join("srv").exists());

    let applied = desk.run(&["apply", "dev", "--yes"])?;
    assert_eq!(applied.code, 0, "{applied:?}");
    assert!(applied.out.ends_with("dev/1 succeeded\n"), "{}", applied.out);
    let greeting = desk.server().join("srv/hello/greeting.txt");
    assert_eq!(
        fs::read_to_string(&greeting)?,
        "Hello, developers, from here in dev.\n"
    );
    let plan = desk.run(&["plan", "dev"])?;
    assert_eq!((plan.code, plan.out.as_str()), (0, "dev: nothing to do\n"));

    // By hand, told to the letter.
    fs::write(&greeting, "Hello, developers, from here in dev.\nhacked\n")?;
    let diff = desk.run(&["diff", "dev"])?;
    let wanted = "dev  Drifted
here  File:/srv/hello/greeting.txt  Drifted
  content      sha256:FROM → sha256:TO  (Drifted)
    @@ -1,2 +1 @@
     Hello, developers, from here in dev.
    -hacked
  make it so: evenkeel sync dev
";
    let content = diff.out.lines().nth(2).unwrap_or_default();
    let digests: Vec<_> = content.split("sha256:").skip(1).map(|rest| &rest[..12]).collect();
    assert_eq!(digests.len(), 2, "{}", diff.out);
    let wanted = wanted.replace("FROM", digests[0]).replace("TO", digests[1]);
    assert_eq!((diff.code, diff.out.as_str()), (2, wanted.as_str()));

    let healed = desk.run(&["apply", "dev", "--yes", "--json"])?;
    assert_eq!(healed.code, 0, "{healed:?}");
    let end: Value = serde_json::from_str(&healed.out)?;
    // The looks in between deployed nothing: this is the second.
    assert_eq!(
        (&end["deployment"], &end["outcome"]),
        (&"dev/2".into(), &"succeeded".into())
    );
    assert!(!fs::read_to_string(&greeting)?.contains("hacked"));
    let diff = desk.run(&["diff"])?;
    assert_eq!((diff.code, diff.out.as_str()), (0, "dev  InSync\n"));
    Ok(())
}

#[test]
fn wrong_inputs_are_told_as_what_they_are() -> Done {
    let desk = Desk::starter("wrong")?;
    for args in [
        &["plan", "nosuch"][..],
        &["diff", "nosuch"],
        &["apply", "nosuch", "-y"],
        &["render", "nosuch"],
    ] {
        let said = desk.run(args)?;
        assert_eq!(said.code, 1, "{args:?}");
        let wanted = "error[no-such-environment]: there is no environment nosuch\n  help: there are: dev\n";
        assert_eq!(said.err, wanted, "{args:?}");
        let said = desk.run(&[args, &["--json"]].concat())?;
        assert_eq!(code_of(&said)?, "no-such-environment", "{args:?}");
    }
    for args in [
        &["status"][..],
        &["targets"],
        &["history"],
        &["show", "dev/1"],
        &["sync", "dev"],
        &["resume", "dev"],
        &["hold", "dev", "-r", "why"],
        &["rollback", "dev"],
    ] {
        let said = desk.run(&[args, &["--json"]].concat())?;
        assert_eq!(
            (said.code, code_of(&said)?.as_str()),
            (1, "no-service"),
            "{args:?}"
        );
        assert_eq!(said.out, "", "{args:?}");
    }
    let said = desk.run(&["status"])?;
    assert!(
        said.err.contains("start one with `evenkeel serve`"),
        "{}",
        said.err
    );

    // Wrong usage has a status of its own, so that 2 keeps its meaning.
    for (args, told) in [
        (&["plan"][..], "<ENVIRONMENT>"),
        (&["plan", "dev", "--nosuch"], "--nosuch"),
        (&["stat"], "status"),
        (&["plan", "No Such"], "No Such"),
        (&["show", "dev"], "ENVIRONMENT/NUMBER"),
        (&["hold", "dev"], "--reason TEXT"),
        (&["rollback", "dev", "--to", "prod/1"], "not of dev"),
        (&["history", "-n", "0"], "1..=1000"),
    ] {
        let said = desk.run(args)?;
        assert_eq!(said.code, 64, "{args:?}: {said:?}");
        assert!(said.err.contains(told), "{args:?}: {}", said.err);
        assert_eq!(said.out, "", "{args:?}");
    }
    let said = desk.run(&["validate", "-C", "nowhere"])?;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("nowhere"), "{}", said.err);
    Ok(())
}

#[test]
fn a_broken_manifest_is_shown_where_it_is_broken() -> Done {
    let desk = Desk::starter("broken")?;
    let app = desk.folder().join("apps/hello.yaml");
    let text = fs::read_to_string(&app)?;
    fs::write(&app, text.replace("kind: File", "kind: Files"))?;
    let said = desk.run(&["validate"])?;
    assert_eq!(said.code, 1);
    assert!(said.out.contains("apps/hello.yaml:"), "{}", said.out);
    assert!(said.out.contains("^^^^"), "{}", said.out);
    assert!(said.out.contains("File"), "did you mean: {}", said.out);
    let json = desk.run(&["validate", "--json"])?;
    assert_eq!(json.code, 1);
    let found: Value = serde_json::from_str(&json.out)?;
    let first = &found[0];
    assert_eq!(first["severity"], "error", "{found:#}");
    assert!(
        first["code"].is_string() && first["message"].is_string(),
        "{found:#}"
    );
    for command in [&["plan", "dev"][..], &["apply", "dev", "-y"]] {
        let said = desk.run(command)?;
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains("^^^^"), "{command:?}: {}", said.err);
    }
    // What is no YAML at all.
    fs::write(&app, "kind: [App\n")?;
    let said = desk.run(&["validate"])?;
    assert_eq!(said.code, 1);
    assert!(said.out.contains("apps/hello.yaml:"), "{}", said.out);
    Ok(())
}

#[test]
fn colour_pipes_and_completions() -> Done {
    let desk = Desk::starter("pipes")?;
    let plain = desk.run(&["plan", "dev"])?;
    assert!(!plain.out.contains('\u{1b}'), "a pipe gets no colour");
    let always = desk.run(&["plan", "dev", "--color", "always"])?;
    assert!(always.out.contains('\u{1b}'), "unless it is asked for");
    let never = desk.run(&["plan", "nosuch", "--color", "never"])?;
    assert!(!never.err.contains('\u{1b}'));

    // A reader that goes early is no failure.
    for args in [
        &["schema"][..],
        &["completions", "bash"],
        &["--help"],
        &["render", "dev"],
    ] {
        let mut child = desk
            .command(args)?
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        drop(child.stdout.take());
        let mut err = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            stderr.read_to_string(&mut err)?;
        }
        assert_eq!((child.wait()?.code(), err.as_str()), (Some(0), ""), "{args:?}");
    }
    for (shell, sign) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef evenkeel"),
        ("fish", "complete -c evenkeel"),
    ] {
        let said = desk.run(&["completions", shell])?;
        assert_eq!(said.code, 0);
        assert!(said.out.contains(sign), "{shell}");
    }
    for args in [
        &["completions", "bash"][..],
        &["schema"],
        &["validate"],
        &["render", "dev"],
        &["init", "../elsewhere"],
        &["plan", "dev"],
        &["diff"],
    ] {
        let said = desk.run(&[args, &["--json"]].concat())?;
        serde_json::from_str::<Value>(&said.out).map_err(|error| format!("{args:?}: {error}: {said:?}"))?;
    }
    Ok(())
}

const PROJECT: &str = "apiVersion: evenkeel.dev/v1\nkind: Project\nmetadata: { name: words }\nspec: {}\n";

/// Two environments, each a folder of this test: one that syncs by itself, one that waits for a yes.
fn environments(root: &Path) -> String {
    let one = |name: &str, mode: &str| {
        format!(
            "apiVersion: evenkeel.dev/v1
kind: Environment
metadata: {{ name: {name} }}
spec:
  sync: {{ mode: {mode}, interval: 1s, pruneLimit: 30 }}
  targets: [{{ name: here, local: {{ root: {}/{name} }} }}]
  apps: [{{ app: words }}]
",
            root.display()
        )
    };
    format!("{}---\n{}", one("dev", "automatic"), one("prod", "approval"))
}

fn words(words: &[&str]) -> String {
    let files: String = words
        .iter()
        .map(|word| format!("    - {{ kind: File, path: /{word}, content: {word} }}\n"))
        .collect();
    format!(
        "apiVersion: evenkeel.dev/v1\nkind: App\nmetadata: {{ name: words }}\nspec:\n  resources:\n{files}"
    )
}

fn in_sync(status: &Value) -> bool {
    status["sync"] == "InSync"
        && status["health"] == "Healthy"
        && status["lastDeployment"]["outcome"] == "succeeded"
}

#[test]
fn with_a_service() -> Done {
    let scratch = Scratch::new("commands")?;
    let manifests = Manifests::new(scratch.path())?;
    manifests.push(
        &[
            ("project.yaml", PROJECT),
            ("environments.yaml", &environments(scratch.path())),
            ("words.yaml", &words(&["one", "two", "three"])),
        ],
        "three words",
    )?;
    let service = Service::start(&scratch.path().join("state"), &manifests.url())?;
    let run = |args: &[&str]| said(service.run(args)?);
    service.until("dev", "dev converges", LIMIT, in_sync)?;
    let waits = |status: &Value| status["waiting"]["for"] == "approval";
    service.until("prod", "prod waits for a yes", LIMIT, waits)?;

    // Approval: nothing happens before the yes, and the yes shows the plan.
    let status = run(&["status"])?;
    assert!(status.out.starts_with("ENVIRONMENT"), "{}", status.out);
    assert!(
        status.out.contains("waits for a yes: evenkeel apply prod"),
        "{}",
        status.out
    );
    assert!(!scratch.path().join("prod/one").exists());
    let asked = run(&["apply", "prod"])?;
    assert_eq!(asked.code, 3, "{asked:?}");
    assert!(asked.out.contains("File:/one  Missing"), "{}", asked.out);
    let applied = run(&["apply", "prod", "--yes", "--reason", "first words"])?;
    assert_eq!(applied.code, 0, "{applied:?}");
    assert!(applied.out.ends_with("prod/1 succeeded\n"), "{}", applied.out);
    assert_eq!(fs::read_to_string(scratch.path().join("prod/one"))?, "one");

    // Nothing to do is said as that, everywhere.
    let synced = run(&["sync", "dev"])?;
    assert_eq!(synced.code, 0, "{synced:?}");
    assert!(synced.out.contains("nothing to do"), "{synced:?}");
    let plan = run(&["plan", "dev"])?;
    assert_eq!((plan.code, plan.out.as_str()), (0, "dev: nothing to do\n"));
    let diff = run(&["diff"])?;
    assert_eq!((diff.code, diff.out.as_str()), (0, "dev  InSync\nprod  InSync\n"));

    // A hold is seen, and keeps hands off; let go, it is healed.
    let held = run(&["hold", "dev", "--reason", "looking"])?;
    assert_eq!(held.code, 0, "{held:?}");
    let status = run(&["status", "dev"])?;
    assert!(status.out.contains(": looking"), "{}", status.out);
    fs::write(scratch.path().join("dev/two"), "changed")?;
    service.until("dev", "the drift is seen", LIMIT, |status| {
        status["sync"] == "Drifted"
    })?;
    assert_eq!(run(&["diff", "dev"])?.code, 2);
    assert_eq!(run(&["resume", "dev"])?.code, 0);
    service.until("dev", "the drift is healed", LIMIT, in_sync)?;
    assert_eq!(fs::read_to_string(scratch.path().join("dev/two"))?, "two");

    // Most of it leaves Git: the brake holds until someone says yes to just that.
    manifests.push(&[("words.yaml", &words(&["one"]))], "one word")?;
    let brake = |status: &Value| status["waiting"]["for"] == "pruneYes";
    service.until("dev", "the brake holds", LIMIT, brake)?;
    assert!(scratch.path().join("dev/three").exists());
    let status = run(&["status", "dev"])?;
    assert!(
        status.out.contains("would remove 2 of 3 resources on here"),
        "{}",
        status.out
    );
    let stopped = run(&["sync", "dev"])?;
    assert_eq!(stopped.code, 3, "{stopped:?}");
    let pruned = run(&["apply", "dev", "--prune", "--yes"])?;
    assert_eq!(pruned.code, 0, "{pruned:?}");
    assert!(!scratch.path().join("dev/three").exists());

    // Back to the first, which holds; and its record.
    let back = run(&["rollback", "dev", "--to", "dev/1", "--reason", "words are missed"])?;
    assert_eq!(back.code, 0, "{back:?}");
    assert!(scratch.path().join("dev/three").exists());
    let history: Vec<Value> = serde_json::from_str(&service.must(&["history", "dev", "--json"])?)?;
    assert_eq!(history[0]["trigger"]["rollback"]["to"], "dev/1", "{history:#?}");
    assert_eq!(history[0]["reason"], "words are missed");
    let shown = run(&["show", "dev/1"])?;
    assert!(shown.out.contains("three words"), "{}", shown.out);
    let status = run(&["status", "dev"])?;
    assert!(status.out.contains("held by"), "{}", status.out);

    // Wrong inputs with a service; every answer is JSON when asked for.
    for args in [
        &["status", "nosuch"][..],
        &["targets", "nosuch"],
        &["plan", "nosuch"],
        &["sync", "nosuch"],
        &["history", "nosuch"],
        &["hold", "nosuch", "-r", "why"],
    ] {
        let said = run(&[args, &["--json"]].concat())?;
        assert_eq!(
            (said.code, code_of(&said)?.as_str()),
            (1, "no-such-environment"),
            "{args:?}"
        );
        assert!(said.err.contains("dev, prod"), "{args:?}: {}", said.err);
    }
    for (args, code) in [
        (&["show", "dev/99"][..], "no-such-deployment"),
        (&["rollback", "dev", "--to", "dev/99"], "no-such-deployment"),
    ] {
        let said = run(&[args, &["--json"]].concat())?;
        assert_ne!(said.code, 0, "{args:?}");
        assert_eq!(code_of(&said)?, code, "{args:?}");
    }
    for args in [
        &["status"][..],
        &["targets"],
        &["history"],
        &["show", "dev/1"],
        &["plan", "dev"],
        &["diff"],
        &["hold", "prod", "-r", "why"],
        &["resume", "prod"],
        &["sync", "prod"],
    ] {
        service.json(args)?;
    }
    Ok(())
}

#[test]
fn one_state_has_one_service() -> Done {
    let scratch = Scratch::new("alone")?;
    let manifests = Manifests::new(scratch.path())?;
    manifests.push(&[("project.yaml", PROJECT)], "a project")?;
    let state = scratch.path().join("state");
    let _first = Service::start(&state, &manifests.url())?;
    let other = scratch.path().join("other.sock");
    for socket in [state.join("evenkeel.sock"), other] {
        let output = Command::new(binary()?)
            .args(["serve", "--repository", &manifests.url(), "--state"])
            .arg(&state)
            .arg("--socket")
            .arg(socket)
            .stdin(Stdio::null())
            .output()?;
        let second = said(output)?;
        assert_eq!(second.code, 1, "{second:?}");
        assert!(second.err.contains("error[state-in-use]: "), "{}", second.err);
    }
    Ok(())
}

#[test]
fn a_repository_that_is_not_there_yet_is_told_and_found_later() -> Done {
    let scratch = Scratch::new("later")?;
    let url = format!("file://{}/manifests.git", scratch.path().display());
    let service = Service::start(&scratch.path().join("state"), &url)?;
    let told = |_: &Value| {
        let status = service.must(&["status"]).unwrap_or_default();
        status.contains("git[git-unreachable]: ")
    };
    service.until("dev", "the fault is told", LIMIT, told)?;
    let said = said(service.run(&["status"])?)?;
    assert!(said.out.contains("manifests.git"), "{}", said.out);
    let manifests = Manifests::new(scratch.path())?;
    manifests.push(
        &[
            ("project.yaml", PROJECT),
            ("environments.yaml", &environments(scratch.path())),
            ("words.yaml", &words(&["one"])),
        ],
        "here now",
    )?;
    service.until("dev", "it is found and deployed", 2 * LIMIT, in_sync)?;
    Ok(())
}
