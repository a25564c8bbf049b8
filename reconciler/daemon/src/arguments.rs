//! What can be typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use evenkeel_model::{DeploymentId, EnvironmentName, Span};
use std::path::PathBuf;

/// Where the options that all commands share stand in the help.
const COMMON: &str = "Common options";

/// Keeps plain Linux servers on what Git says, and shows what is true.
#[derive(Debug, Parser)]
#[command(
    name = "evenkeel",
    version,
    max_term_width = 100,
    after_help = "Exit status: 0 well done; 1 failed; 2 there is something to do (plan, diff); \
3 refused or waiting for a yes; 64 wrong usage.",
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    /// What all commands understand.
    #[command(flatten)]
    pub(crate) common: Common,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What all commands understand.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// Print JSON
    #[arg(long, global = true, help_heading = COMMON)]
    pub(crate) json: bool,
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "WHEN",
        help_heading = COMMON
    )]
    pub(crate) color: ColorChoice,
    /// The socket of the service to talk to
    #[arg(
        long,
        global = true,
        env = "EVENKEEL_SOCKET",
        hide_env_values = true,
        value_name = "PATH",
        help_heading = COMMON
    )]
    pub(crate) socket: Option<PathBuf>,
    /// Work on this manifest folder, with no service
    #[arg(
        short = 'C',
        long = "project",
        global = true,
        value_name = "FOLDER",
        help_heading = COMMON
    )]
    pub(crate) project: Option<PathBuf>,
    /// Where state is kept [default: /var/lib/evenkeel for root, else ~/.local/state/evenkeel]
    #[arg(
        long,
        global = true,
        env = "EVENKEEL_STATE",
        hide_env_values = true,
        value_name = "FOLDER",
        help_heading = COMMON
    )]
    pub(crate) state: Option<PathBuf>,
    /// Say more: -v what is done, -vv how
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = COMMON)]
    pub(crate) verbose: u8,
    /// How log lines look
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "human",
        value_name = "FORMAT",
        help_heading = COMMON
    )]
    pub(crate) log_format: LogFormat,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Who asks and why: recorded for good.
#[derive(Args, Clone, Debug)]
pub(crate) struct Reason {
    /// Why; recorded with who asked
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Keep environments on what a Git repository says, until stopped
    Serve(Serve),
    /// Show how environments stand
    Status(Scope),
    /// Show what would be done; exits 2 when there is something to do
    Plan(OneEnvironment),
    /// Show what is off, field by field; exits 2 when something is
    Diff(Scope),
    /// Do what `plan` shows, from a manifest folder or as the yes that a service waits for
    Apply(Apply),
    /// Make the servers so now: Git → server
    Sync(Sync),
    /// List deployments, newest first
    History(History),
    /// Show one deployment: plan, steps, health
    Show(Show),
    /// Deploy an earlier deployment's snapshot again, and hold
    Rollback(Rollback),
    /// Pause automation, on purpose
    Hold(HoldOrResume),
    /// Let automation go on
    Resume(HoldOrResume),
    /// List targets and whether they can be seen
    Targets(Scope),
    /// Check a manifest folder, offline
    Validate,
    /// Print what an environment comes to
    Render(OneEnvironment),
    /// Print the JSON Schema of manifests, for editors
    Schema,
    /// Write a commented starter project
    Init(Init),
    /// Start the playground: three environments on this machine, kept by a real service
    Playground(Playground),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// `serve`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Serve {
    /// The manifest repository: https://, ssh://, file:// or a folder (a working tree is watched)
    #[arg(long, env = "EVENKEEL_REPOSITORY", hide_env_values = true, value_name = "URL")]
    pub(crate) repository: String,
    /// The project's root in the repository
    #[arg(long, default_value = "", value_name = "PATH")]
    pub(crate) root: String,
    /// The branch to follow [default: the repository's own]
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// From one look at the repository to the next
    #[arg(long, default_value = "30s", value_name = "TIME")]
    pub(crate) poll: Span,
}

/// All environments, or one.
#[derive(Args, Clone, Debug)]
pub(crate) struct Scope {
    /// Only this environment
    #[arg(value_name = "ENVIRONMENT")]
    pub(crate) environment: Option<EnvironmentName>,
}

/// One environment.
#[derive(Args, Clone, Debug)]
pub(crate) struct OneEnvironment {
    /// Which environment
    #[arg(value_name = "ENVIRONMENT")]
    pub(crate) environment: EnvironmentName,
}

/// `apply`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Apply {
    /// Which environment
    #[arg(value_name = "ENVIRONMENT")]
    pub(crate) environment: EnvironmentName,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Yes, also to removing more than the environment's prune limit
    #[arg(long)]
    pub(crate) prune: bool,
    #[command(flatten)]
    pub(crate) why: Reason,
}

/// `sync`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Sync {
    /// Which environment
    #[arg(value_name = "ENVIRONMENT")]
    pub(crate) environment: EnvironmentName,
    /// Hash every file again, also those that have not moved
    #[arg(long)]
    pub(crate) full: bool,
    /// Yes, also to removing more than the environment's prune limit
    #[arg(long)]
    pub(crate) prune: bool,
    /// Do not wait for the end
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) why: Reason,
}

/// `history`.
#[derive(Args, Clone, Debug)]
pub(crate) struct History {
    /// Only this environment
    #[arg(value_name = "ENVIRONMENT")]
    pub(crate) environment: Option<EnvironmentName>,
    /// At most so many
    #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
}

/// `show`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Show {
    /// Which deployment, such as prod/17
    #[arg(value_name = "DEPLOYMENT")]
    pub(crate) deployment: DeploymentId,
}

/// `rollback`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Rollback {
    /// Which environment
    #[arg(value_name = "ENVIRONMENT")]
    pub(crate) environment: EnvironmentName,
    /// To this deployment's snapshot [default: the last one before the current that succeeded]
    #[arg(long, value_name = "DEPLOYMENT")]
    pub(crate) to: Option<DeploymentId>,
    /// Do not wait for the end
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) why: Reason,
}

/// `hold` and `resume`.
#[derive(Args, Clone, Debug)]
pub(crate) struct HoldOrResume {
    /// Which environment
    #[arg(value_name = "ENVIRONMENT")]
    pub(crate) environment: EnvironmentName,
    #[command(flatten)]
    pub(crate) why: Reason,
}

/// `init`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Init {
    /// Where
    #[arg(default_value = ".", value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

/// `playground`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Playground {
    /// The folder of example manifests to begin with
    #[arg(long, default_value = "manifests/shop", value_name = "FOLDER")]
    pub(crate) manifests: PathBuf,
    /// Forget everything, and stop
    #[arg(long)]
    pub(crate) reset: bool,
}
