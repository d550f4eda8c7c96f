//! The command line: what was typed, and which command it calls.
//!
//! The edge. Here files, environment, standard streams and the terminal are; everything else gets values.

mod complete;
mod documents;
mod files;
mod function;
mod install_plugin;
mod progress;
mod render;
mod streams;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::error::{EXIT_OK, EXIT_USAGE, Error};
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
