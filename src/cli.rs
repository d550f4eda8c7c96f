//! The command line: what was typed, and which command it calls.
//!
//! The edge. Here files, environment, standard streams and the terminal are; everything else gets values.

mod complete;
mod diff;
mod documents;
mod files;
mod function;
mod git;

mod graph;
mod install_plugin;
mod manifests;
mod progress;
#[cfg(feature = "proxy")]
mod proxy;
mod render;
mod streams;
mod trees;
mod verify;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::error::{EXIT_OK, EXIT_TROUBLE, EXIT_USAGE, Error};
use crate::model::defaults::SIDECAR_IMAGE_VARIABLE;
use crate::model::platform::Environment;

/// Access to AI workloads on Kubernetes, kept in git.
#[derive(Debug, Parser)]
#[command(name = "gatewright", version, about, long_about = LONG, arg_required_else_help = false, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

const LONG: &str = "Access to AI workloads on Kubernetes, kept in git.

Reads Notebook definitions and writes the access graph around them: the guard in each Notebook, its configuration, \
Service, certificate and account, the route to it, and the network policies that leave no way around it. The same input \
gives the same output; no webhook, no operator, no secret.

A Notebook is guarded when it carries the annotation notebooks.opendatahub.io/inject-auth: \"true\". A GatewayConfig or \
Gateway, with an Auth, defines the gateway and the login in front of it: certificate, routes, login service, filter, roles.
The target cluster is described by a Platform document; `gatewright schema defaults` lists its fields' defaults.

Example:
  gatewright render examples/platform/openshift/

Without a command and with something on standard input, `fn` runs.
Exit status: 0 fine, 1 errors in the input (or --check found a difference), 2 wrong usage, 70 a bug of ours.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run as a KRM function: a ResourceList, or YAML documents, from standard input to standard output
    #[command(long_about = FUNCTION)]
    Fn,
    /// Render files: manifests in, manifests with the access graph out
    #[command(long_about = RENDER)]
    Render(RenderArgs),
    /// Say what changes in access between two trees, renders or git revisions
    #[command(long_about = DIFF)]
    Diff(DiffArgs),
    /// Judge manifests: does anything lead around a guard?
    #[command(long_about = VERIFY)]
    Verify(VerifyArgs),
    /// Draw manifests: who reaches what through which guard
    #[command(long_about = GRAPH)]
    Graph(GraphArgs),
    /// Guard a workload: ask the API server who calls and whether they may
    #[cfg(feature = "proxy")]
    #[command(long_about = proxy::LONG, after_long_help = proxy::fixed_limits())]
    Proxy(Box<proxy::ProxyArgs>),
    /// Print the `CustomResourceDefinitions` of our own kinds
    #[command(
        long_about = "Print the CustomResourceDefinitions of our own kinds as YAML.\n\nExample:\n  gatewright crds | kubectl apply -f -"
    )]
    Crds,
    /// Print a schema, the function's definition, the table of defaults, or a file for kustomize
    #[command(long_about = SCHEMA)]
    Schema {
        /// What to print
        #[arg(value_enum, default_value_t = SchemaKind::Platform)]
        what: SchemaKind,
    },
    /// Put this program where plain `kubectl kustomize --enable-alpha-plugins` finds it
    #[command(long_about = INSTALL_PLUGIN)]
    InstallPlugin(InstallPluginArgs),
    /// Print a completion script for a shell
    #[command(
        long_about = "Print a completion script for a shell.\n\nExample:\n  gatewright completion bash > ~/.local/share/bash-completion/completions/gatewright"
    )]
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

const FUNCTION: &str = "Run as a KRM function.

Reads standard input, tells by itself what it holds, and answers in kind on standard output:
  - a ResourceList (kustomize exec and container functions, kpt); the Platform is its functionConfig;
  - YAML or JSON documents; the Platform is one of them;
  - kustomize's legacy exec plugins: the Platform is the file that kustomize names as first argument.

Items that need no change leave with the bytes they came with. Findings go into `results` and onto standard error. With \
an error the exit status is 1 and nothing is changed: a ResourceList comes back as it was, other input gives no output.

Examples:
  kpt fn eval . --exec gatewright --fn-config platform.yaml
  cat platform.yaml notebook.yaml | gatewright fn";

const RENDER: &str = "Render files: manifests in, manifests with the access graph out.

Reads .yaml, .yml and .json files, folders recursively (hidden ones skipped). The Platform is one of the documents, or \
the one given with --platform. Without -o everything is printed as one stream, ready for kubectl apply -f -. With -o each \
object gets a file; files written before and no longer needed are removed.

Flux applies workloads and routes before the policies that close them: with one Kustomization, a namespace's very first \
Notebook is there for a moment before its policy. --layout flux writes two: closing/ holds everything of class enforce and \
the Namespaces that it needs, rest/ everything else, and DIR/flux.yaml the Kustomizations, the second of which waits for the \
first. The first prunes nothing: what closes outlives what it closes.

Examples:
  gatewright render examples/platform/openshift/ | kubectl apply -f -
  gatewright render notebooks/ --platform production.yaml -o rendered/
  gatewright render notebooks/ --platform production.yaml -o rendered/ --check   # in CI: is it up to date?
  gatewright render notebooks/ --platform production.yaml -o clusters/ai/access --layout flux";

const DIFF: &str = "Say what changes in access between two trees, renders or git revisions.

Who gains, who loses, which way from outside opens, closes or moves, which guard, hop or image changes, what is newly \
exposed; then the objects that change, by their ids. The order of documents, keys and sets, comments and formatting do not \
count.

BASE and HEAD are each:
  a path, if it exists: a file or a folder of manifests, read as `render` reads them;
  else a revision of the git repository in the working directory: main, HEAD~1, a tag, a hash, or REV:PATH as in git.
Paths behind -- limit revisions. A revision beside a path is compared at that path. Without HEAD, BASE is a revision and the \
files that lie there now are the other side. Where a branch is called like a folder, write refs/heads/NAME.

A side that holds a Platform is rendered before it is compared, and standard error says so: in sources, a line may change \
what many objects become. A side without one (a render, or any manifests) is compared as written. --render and --no-render \
say otherwise for both sides; --platform FILE is a Platform for both. Kustomizations are not built: compare their builds.

Exit status, as of diff: 0 nothing changes, 1 something changes, 2 the comparison failed.

Examples:
  gatewright diff main                               # the working tree against main
  gatewright diff main HEAD -- notebooks/            # what a branch changes below a folder
  gatewright diff main HEAD --format markdown        # for a comment on a pull request
  gatewright diff old/ new/ --format json
  gatewright diff <(kustomize build base/) <(kustomize build production/)";
const VERIFY: &str = "Judge manifests, ours or anybody's: does anything lead around a guard?

Reads .yaml, .yml and .json files, folders recursively (hidden ones skipped), or standard input (-), and follows every way \
from outside (Gateway API routes, Ingresses, OpenShift Routes, LoadBalancer and NodePort Services, ports of the node) and from \
inside the cluster (a gateway's pods, a pod of the same namespace, a pod of another) to the ports of Notebooks, RayClusters and \
whatever else stands behind a known guard. Each exposure is said with the way that proves it, object by object, with file and \
line. What the manifests do not say is said too, and is never counted as safe.

error    an exposure: somebody reaches what asks nobody, or a guard that lets them by
warning  what is wider than needed, leads nowhere, or does not work
info     what the manifests do not say

With --from OLD every moment of the way from OLD to PATH is judged as well: an apply or a prune that is interrupted stays where \
it is. One moment is left, and named: the first Notebook of a namespace under Flux, whose pod Flux makes before the policy that \
closes it; `gatewright render -o DIR --layout flux` writes the form that has none.

Examples:
  gatewright verify rendered/
  gatewright verify rendered/ --from last-release/
  kustomize build overlays/production | gatewright verify -
  gatewright verify rendered/ --format sarif > verify.sarif   # for code scanning

Exit status: 1 with any exposure (with --strict: any warning too) or where something cannot be read, 0 without, 2 wrong usage.";

const SCHEMA: &str = "Print a schema, the function's definition, the table of defaults, or a file for kustomize.

Example: for an editor, save the Platform's schema and name it in the document's first line:
  gatewright schema > platform.schema.json
  # yaml-language-server: $schema=platform.schema.json

Example: for an overlay with a namePrefix, or with a patch of a Notebook, save these beside its kustomization.yaml:
  gatewright schema kustomize-names > kustomize-names.yaml
  gatewright schema kustomize-openapi > kustomize-openapi.json
and list them in it:
  configurations: [kustomize-names.yaml]
  openapi: {path: kustomize-openapi.json}
Without the first, what a Notebook refers to by name is renamed and the Notebook is not. Without the second, a strategic \
merge patch replaces a Notebook's containers, volumes and environment instead of adding to them. kustomize takes one \
`openapi:` file for a whole build, in place of its own; this one has the built-in kinds too.";

const INSTALL_PLUGIN: &str = "Put this program where plain `kubectl kustomize --enable-alpha-plugins` finds it.

kubectl runs no exec functions; it does run kustomize's older exec plugins. This makes a link to this program under \
gatewright.dev/v1alpha1/platform/Platform in the plugin folder: --dir, else $KUSTOMIZE_PLUGIN_HOME, else \
$XDG_CONFIG_HOME/kustomize/plugin, else ~/.config/kustomize/plugin. Then a kustomization that lists a Platform under \
`transformers:` works.

Example:
  gatewright install-plugin
  kubectl kustomize --enable-alpha-plugins examples/platform/openshift/";

#[derive(Debug, Args)]
struct RenderArgs {
    /// Files and folders to read
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The Platform to use
    #[arg(long, value_name = "FILE")]
    platform: Option<PathBuf>,
    /// Write one file an object into this folder instead of printing
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// How -o arranges the files (without it: one folder a namespace)
    #[arg(long, value_enum, requires = "output")]
    layout: Option<LayoutKind>,
    /// With --layout flux: the name of the second Kustomization; the first has it with -closing behind
    #[arg(long, value_name = "NAME", default_value = "gatewright", requires = "layout")]
    flux_name: String,
    /// With --layout flux: the namespace of the Kustomizations and of their source
    #[arg(
        long,
        value_name = "NAMESPACE",
        default_value = "flux-system",
        requires = "layout"
    )]
    flux_namespace: String,
    /// With --layout flux: the name of the Git source that the output is committed to
    #[arg(long, value_name = "NAME", default_value = "flux-system", requires = "layout")]
    flux_source: String,
    /// With --layout flux: where DIR is in that repository (default: DIR as it is written)
    #[arg(long, value_name = "PATH", requires = "layout")]
    flux_path: Option<PathBuf>,
    /// Write nothing; exit 1 if what is there differs from what would be written (with -o: in DIR, else: in PATH itself)
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LayoutKind {
    /// Two Kustomizations of Flux: what closes in closing/, applied first and never pruned; everything else in rest/
    Flux,
}

#[derive(Debug, Args)]
struct DiffArgs {
    /// The older side: a path or a git revision
    base: String,
    /// The newer side: a path or a git revision; without it, the working tree
    head: Option<String>,
    /// What to print
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    format: DiffFormat,
    /// Render both sides first, whether or not a Platform is in them
    #[arg(long, conflicts_with = "no_render")]
    render: bool,
    /// Compare both sides as written, even where a Platform is in them
    #[arg(long)]
    no_render: bool,
    /// The Platform to render both sides with
    #[arg(long, value_name = "FILE", conflicts_with = "no_render")]
    platform: Option<PathBuf>,
    /// Paths in the revisions
    #[arg(last = true, value_name = "PATH")]
    paths: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DiffFormat {
    /// For a terminal
    Text,
    /// For a comment on a pull request; at most 60,000 characters
    Markdown,
    /// For programs; `gatewright schema diff` prints its schema
    Json,
}

const GRAPH: &str = "Draw manifests, ours or anybody's: who reaches what through which guard.

Reads what `verify` reads. From left to right: people and groups, and where else ways begin (outside, pods of the cluster); \
gateways and what their login lets in; routes; guards and what they ask; workloads. A green way is let in by a guard, with the \
right that lets it in. A red one is open: no guard asks. What `verify` finds is marked on what it is about.

mermaid  for Markdown: GitHub and GitLab draw it
dot      for Graphviz: gatewright graph PATH --format dot | dot -Tpdf > access.pdf
svg      one file, for light and dark pages
html     one page, for people: search a person, group or workload, see each way and guard, choose anything to see its file and \
line. It fetches nothing; mail it or keep it as an artifact of CI

--for draws what one person reaches. Manifests do not say which groups a user is in, so name them: each --for is one more name \
of the same person. Everybody is in system:authenticated. What is open is drawn for everybody; a person's code runs in the \
workloads they reach, so what those pods reach unasked is drawn as well.

More than 60 nodes are folded by namespace; what is open is never folded together with what is guarded.

Examples:
  gatewright graph rendered/                                   # Mermaid
  gatewright graph rendered/ -o access.html                    # by the file's ending
  gatewright graph rendered/ --for User:dana --for Group:data-science -o dana.svg
  kustomize build overlays/production | gatewright graph - --for ServiceAccount:team-a/pipeline

Exit status: 0 drawn, whatever is open in it (`verify` judges); 1 something cannot be read; 2 wrong usage.";

#[derive(Debug, Args)]
struct VerifyArgs {
    /// Files and folders to read; - is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How to say it
    #[arg(long, value_enum, default_value_t = VerifyFormat::Text)]
    format: VerifyFormat,
    /// Warnings make the exit status 1 too
    #[arg(long)]
    strict: bool,
    /// What was applied before: judges every moment of the way from there, as Flux and Argo CD go it. An empty folder is a
    /// first apply
    #[arg(long, value_name = "OLD")]
    from: Option<PathBuf>,
    /// Whose order counts with --from; may be given more than once [default: flux and argocd]
    #[arg(long, value_enum, requires = "from")]
    order: Vec<OrderArg>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VerifyFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For code scanning: SARIF 2.1.0
    Sarif,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OrderArg {
    /// Flux, with one Kustomization
    Flux,
    /// Flux, with the two Kustomizations that `render --layout flux` writes
    FluxLayout,
    /// Argo CD, with one Application
    Argocd,
}

#[derive(Debug, Args)]
struct GraphArgs {
    /// Files and folders to read; - is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What to write; without it, what the ending of -o says, else mermaid
    #[arg(long, value_enum)]
    format: Option<GraphFormat>,
    /// Only what this person reaches: User:NAME, Group:NAME, ServiceAccount:NAMESPACE/NAME, or the NAME of a user or group.
    /// Repeat it for a person's groups
    #[arg(long = "for", value_name = "SUBJECT")]
    subjects: Vec<String>,
    /// Write to this file instead of printing
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Whether namespaces are folded
    #[arg(long, value_enum, default_value_t = GraphCollapse::Auto)]
    collapse: GraphCollapse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GraphFormat {
    /// For Markdown
    Mermaid,
    /// For Graphviz
    Dot,
    /// A drawing
    Svg,
    /// A page to search in
    Html,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GraphCollapse {
    /// Where there are more than 60 nodes
    Auto,
    /// In any case
    Always,
    /// In no case
    Never,
}

#[derive(Debug, Args)]
struct InstallPluginArgs {
    /// The plugin folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Replace a file there that is not a link
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemaKind {
    /// JSON Schema of Platform
    Platform,
    /// JSON Schema of what `diff --format json` prints
    Diff,
    /// KRMFunctionDefinition of the generator
    Function,
    /// The defaults of Platform's fields, as a Markdown table
    Defaults,
    /// What an Argo CD Application is to ignore beside Open Data Hub's notebook controller
    Argocd,
    /// kustomize `configurations:` file: the fields that hold names
    KustomizeNames,
    /// kustomize `openapi:` file: the lists that strategic merge patches merge
    KustomizeOpenapi,
}

/// Runs the command line and gives the exit status.
pub fn run() -> u8 {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if let Some(config) = streams::legacy_plugin_config(&arguments) {
        return finish(function::legacy_plugin(&config, &environment()));
    }
    // Its arguments are spelled as Go's programs take them.
    #[cfg(feature = "proxy")]
    if let Some(arguments) = proxy::called(&arguments) {
        return proxy::proxy(arguments);
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let usage = error.use_stderr();
            // A closed pipe is no failure of ours.
            let _ = error.print();
            return if usage { EXIT_USAGE } else { EXIT_OK };
        }
    };
    let result = match cli.command {
        Some(Command::Render(args)) => render::render(&args, &environment()),
        Some(Command::Diff(args)) => {
            let result = diff::diff(&args, &environment());
            let trouble = !matches!(result, Ok(()) | Err(Error::Changes));
            let code = finish(result);
            return if trouble { EXIT_TROUBLE } else { code };
        }
        Some(Command::Verify(args)) => verify::verify(&args),
        Some(Command::Graph(args)) => graph::graph(&args),
        // Where the word is not the first, there is nothing that clap lets stand in front of it.
        #[cfg(feature = "proxy")]
        Some(Command::Proxy(args)) => return proxy::command(&args),
        Some(Command::Crds) => documents::crds(),
        Some(Command::Schema { what }) => documents::schema(what),
        Some(Command::InstallPlugin(args)) => install_plugin::install(&args),
        Some(Command::Completion { shell }) => complete::print(shell, &mut Cli::command()),
        None if std::io::stdin().is_terminal() => {
            let _ = Cli::command().print_help();
            return EXIT_USAGE;
        }
        Some(Command::Fn) | None => function::function(&environment()),
    };
    finish(result)
}

fn finish(result: Result<(), Error>) -> u8 {
    match result {
        Ok(()) => EXIT_OK,
        Err(error) => {
            if let Error::Usage(_) | Error::Io { .. } | Error::Differs(_) = &error {
                streams::say(&format!("error: {error}"));
            }
            error.exit_code()
        }
    }
}

/// The words of the environment that the generator may know.
fn environment() -> Environment {
    Environment {
        sidecar_image: streams::variable(SIDECAR_IMAGE_VARIABLE),
    }
}
