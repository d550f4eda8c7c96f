//! The examples through the real programs that call us: kustomize, kubectl and kpt.
//!
//! Every test works on a copy of the examples, in a home of its own where the program is on PATH and installed as
//! kustomize's legacy plugin. Commands that README shows are run as they stand there, and on the other examples too.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatewright::krm::source::Source;
use gatewright::krm::stream;
use serde_json::Value;

use crate::examples::{self, MAIN, NOTEBOOKS};
use crate::parts;
use crate::program::{Folder, GATEWRIGHT, Run, run};

/// Objects by apiVersion, kind, namespace and name.
pub(crate) type Objects = BTreeMap<[String; 4], Value>;
/// Files by path.
type Tree = BTreeMap<PathBuf, String>;

/// What orchestrators keep in annotations for themselves.
const BOOKKEEPING: [&str; 5] = [
    "internal.config.kubernetes.io/",
    "config.kubernetes.io/",
    "config.k8s.io/",
    "kustomize.config.k8s.io/",
    "internal.kpt.dev/",
];
/// Groups of documents that are for tools (of ours all but what is for the reporter).
const TOOLS: [&str; 3] = ["gatewright.dev/", "kpt.dev/", "kustomize.config.k8s.io/"];

pub(crate) const EXEC: &str = "exec: {path: gatewright}";
const CONTAINER: &str = "container: {image: gatewright}";

/// Another guarded Notebook.
fn notebook(namespace: &str, name: &str) -> String {
    format!(
        "apiVersion: kubeflow.org/v1\nkind: Notebook\nmetadata:\n  name: {name}\n  namespace: {namespace}\n  annotations:\n    \
         notebooks.opendatahub.io/inject-auth: \"true\"\nspec:\n  template:\n    spec:\n      containers:\n        - name: \
         {name}\n          image: example.com/{name}:1\n"
    )
}

// --- every way gives the same objects ---

#[test]
fn readme_shows_what_makes_a_platform_a_function() {
    for function in [EXEC, CONTAINER] {
        let line = format!("config.kubernetes.io/function: \"{function}\"");
        assert!(readme().contains(&line), "README.md does not show `{line}`");
    }
}

/// Flux runs no functions, and Argo CD needs none for this: the folder holds plain manifests.
#[test]
fn a_rendered_folder_holds_the_same_objects() {
    for of in examples::ALL {
        let example = Example::of(of, "rendered");
        let rendered_folder = || tree_objects(&tree(&example.path("rendered")));
        let check = "gatewright render EXAMPLE -o rendered --check";
        example
            .documented("gatewright render EXAMPLE -o rendered")
            .succeeded();
        example.documented(check).succeeded();
        assert_same(&rendered_folder(), &example.rendered());
        if parts::needs("kustomize") {
            // Flux writes such a kustomization for a folder that has none.
            let mut create = example.command("kustomize create --autodetect --recursive");
            create.current_dir(example.path("rendered"));
            run(create, b"").succeeded();
            example.same_as_render(&example.run("kustomize build rendered").succeeded());
            fs::remove_file(example.path("rendered/kustomization.yaml")).unwrap();
        }
        fs::remove_file(example.file("churn.yaml")).unwrap();
        let stale = example.run(check);
        assert_eq!(stale.code, 1);
        let line = "extra: rendered/sales-analytics/rolebinding.rbac.authorization.k8s.io_churn-notebook-access.yaml";
        assert!(stale.stderr.contains(line), "{}", stale.stderr);
        example.run("gatewright render EXAMPLE -o rendered").succeeded();
        assert_same(&rendered_folder(), &example.rendered());
    }
}

#[test]
fn the_example_holds_what_it_says() {
    let example = Example::new("example");
    let rendered = example.run("gatewright render examples/notebooks");
    let objects = objects(&rendered.stdout);
    let kinds: Vec<String> = objects
        .keys()
        .map(|[_, kind, _, name]| format!("{kind} {name}"))
        .collect();
    for kind in [
        "Notebook churn",
        "Notebook forecast",
        "Notebook scratch",
        "NetworkPolicy notebooks-closed",
    ] {
        assert!(
            kinds.iter().any(|found| found == kind),
            "no {kind} among {kinds:?}"
        );
    }
    assert!(
        rendered.stderr.contains("forecast.yaml:8:"),
        "the 2.x Notebook has a finding: {}",
        rendered.stderr
    );
    for (name, guarded) in [("scratch", false), ("forecast", true)] {
        let mut made = objects
            .values()
            .filter(|object| source(object).ends_with(&format!("/{name}")));
        assert_eq!(made.next().is_some(), guarded, "what is made for {name}");
    }
}

#[test]
fn kubectl_runs_the_legacy_plugin() {
    if !parts::needs("kubectl") {
        return;
    }
    for of in examples::ALL {
        let example = Example::of(of, "kubectl");
        let built = example.documented("kubectl kustomize --enable-alpha-plugins EXAMPLE");
        example.same_as_render(&built.succeeded());
    }
}

#[test]
fn kustomize_runs_the_legacy_plugin() {
    if !parts::needs("kustomize") {
        return;
    }
    for of in examples::ALL {
        let example = Example::of(of, "kustomize-legacy");
        let built = example.documented("kustomize build --enable-alpha-plugins EXAMPLE");
        example.same_as_render(&built.succeeded());
    }
}

#[test]
fn kustomize_runs_the_exec_function() {
    if !parts::needs("kustomize") {
        return;
    }
    for of in examples::ALL {
        let example = Example::of(of, "kustomize-exec");
        example.annotate_platform(EXEC);
        let built = example.documented("kustomize build --enable-alpha-plugins --enable-exec EXAMPLE");
        example.same_as_render(&built.succeeded());
    }
    let example = Example::new("kustomize-exec-from-outside");
    example.same_as_render(&example.kustomize_exec().succeeded());
}

/// README warns of this; the day it fails, the warning can go.
#[test]
fn an_exec_function_is_left_out_in_silence() {
    let example = Example::new("left-out");
    example.annotate_platform(EXEC);
    for run in example.built_by_plugin() {
        assert_eq!(run.stderr, "");
        assert!(!run.succeeded().contains("name: kube-rbac-proxy"));
    }
}

#[test]
fn kustomize_and_kubectl_run_the_container_function() {
    for of in examples::ALL {
        let example = Example::of(of, "container");
        example.annotate_platform(CONTAINER);
        for run in example.built_by_plugin() {
            example.same_as_render(&run.succeeded());
        }
    }
}

#[test]
fn kpt_renders_the_pipeline() {
    if !parts::needs("kpt") {
        return;
    }
    for of in examples::ALL {
        let example = Example::of(of, "kpt-render");
        let (before, rendered) = (example.tree(), example.rendered());
        example
            .documented("kpt fn render EXAMPLE --allow-exec")
            .succeeded();
        let once = example.tree();
        assert_ne!(before, once);
        assert_same(&tree_objects(&once), &rendered);
        // What kpt wrote is a tree that every other way reads, and whose own rendering it is.
        assert_same(&example.rendered(), &rendered);
        example.run("gatewright render --check EXAMPLE").succeeded();
        example.kpt_render();
        assert_same_tree(&example.tree(), &once);
    }
}

#[test]
fn kpt_evaluates_with_a_platform() {
    if !parts::needs("kpt") {
        return;
    }
    for of in examples::ALL {
        let example = Example::of(of, "kpt-eval-platform");
        let rendered = example.rendered();
        let line = "kpt fn eval EXAMPLE --exec gatewright --fn-config EXAMPLE/platform.yaml";
        example.documented(line).succeeded();
        assert_same(&tree_objects(&example.tree()), &rendered);
    }
}

#[test]
fn kpt_evaluates_with_arguments() {
    if !parts::needs("kpt") {
        return;
    }
    // The one whose Platform says nothing else.
    let example = Example::of(NOTEBOOKS, "kpt-eval-arguments");
    let rendered = example.rendered();
    let line = format!("kpt fn eval examples/{NOTEBOOKS} --exec gatewright -- flavor=OpenShift");
    example.documented(&line).succeeded();
    assert_same(&tree_objects(&example.tree()), &rendered);
}

#[test]
fn kpt_passes_a_stream_from_hand_to_hand() {
    if !parts::needs("kpt") {
        return;
    }
    for of in examples::ALL {
        let example = Example::of(of, "kpt-stream");
        let source = example.run("kpt fn source EXAMPLE").succeeded();
        let line = "kpt fn eval - --exec gatewright --fn-config EXAMPLE/platform.yaml -o unwrap";
        let output = run(example.command(line), source.as_bytes()).succeeded();
        example.same_as_render(&output);
    }
}

// --- a tree that is rendered again ---

#[test]
fn a_deleted_notebook_takes_what_was_generated_for_it() {
    if !parts::needs("kpt") {
        return;
    }
    let [with, without] = ["kpt-delete", "kpt-never"].map(Example::new);
    for example in [&with, &without] {
        example.write(
            "examples/notebooks/retention.yaml",
            &notebook("sales-analytics", "retention"),
        );
        example.write("examples/notebooks/demand.yaml", &notebook("supply", "demand"));
    }
    with.kpt_render();
    assert!(
        with.tree()
            .values()
            .any(|text| text.contains("kubeflow.org/Notebook/sales-analytics/churn"))
    );
    for example in [&with, &without] {
        fs::remove_file(example.path("examples/notebooks/churn.yaml")).unwrap();
        example.kpt_render();
    }
    assert_same_tree(&with.tree(), &without.tree());
}

#[test]
fn switching_off_gives_back_what_was_there() {
    if !parts::needs("kpt") {
        return;
    }
    let off = |example: &Example| {
        let text = fs::read_to_string(example.path("examples/notebooks/churn.yaml")).unwrap();
        let switched = text.replace("inject-auth: \"true\"", "inject-auth: \"false\"");
        assert_ne!(text, switched);
        example.write("examples/notebooks/churn.yaml", &switched);
        // From a conversion there is no way back.
        fs::remove_file(example.path("examples/notebooks/forecast.yaml")).unwrap();
    };
    // What kpt itself does to files that no function touches.
    let never = Example::new("kpt-never-on");
    off(&never);
    never.run("kpt fn eval examples/notebooks --exec cat").succeeded();

    let example = Example::new("kpt-off");
    example.kpt_render();
    off(&example);
    example.kpt_render();
    assert_same_tree(&example.tree(), &never.tree());
}

// --- what goes wrong is seen ---

#[test]
fn an_error_fails_every_way_and_changes_nothing() {
    let misspelled = |example: &Example| {
        let text = fs::read_to_string(example.file("platform.yaml")).unwrap();
        fs::write(example.file("platform.yaml"), text.replace("flavor:", "flavour:")).unwrap();
    };
    let shows = |run: &Run| {
        assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
        assert!(
            run.stderr
                .contains("spec.flavour: no such field; did you mean `flavor`?"),
            "{}",
            run.stderr
        );
    };
    let example = Example::of(MAIN, "error");
    misspelled(&example);
    let rendered = example.run("gatewright render EXAMPLE");
    shows(&rendered);
    assert_eq!(rendered.stdout, "");
    let readme = readme();
    let shown = readme
        .lines()
        .find_map(|line| line.strip_prefix("    error: "))
        .unwrap();
    assert!(
        rendered.stderr.contains(shown),
        "README.md shows `{shown}`: {}",
        rendered.stderr
    );
    for built in example.built_by_plugin() {
        shows(&built);
        assert_eq!(built.stdout, "");
    }
    if parts::needs("kpt") {
        let before = example.tree();
        shows(&example.run("kpt fn render EXAMPLE --allow-exec"));
        let evaluated =
            example.run("kpt fn eval EXAMPLE --exec gatewright --fn-config EXAMPLE/platform.yaml");
        shows(&evaluated);
        assert_same_tree(&example.tree(), &before);
    }
    example.annotate_platform(CONTAINER);
    for built in example.built_by_plugin() {
        shows(&built);
    }
    example.annotate_platform(EXEC);
    if parts::needs("kustomize") {
        shows(&example.run("kustomize build --enable-alpha-plugins --enable-exec EXAMPLE"));
    }
}

#[test]
fn kpt_lists_every_finding_as_a_result() {
    if !parts::needs("kpt") {
        return;
    }
    let example = Example::new("results");
    let broken = notebook("sales-analytics", "broken").replace("\"true\"", "\"yes\"");
    example.write("examples/notebooks/broken.yaml", &broken);
    let failed = example.run("kpt fn render examples/notebooks --allow-exec --results-dir results");
    assert_eq!(failed.code, 1);
    let results = fs::read_to_string(example.path("results/results.yaml")).unwrap();
    for part in [
        "proposedValue: \"true\"",
        "path: broken.yaml",
        "severity: error",
        "severity: warning",
        "name: forecast",
    ] {
        assert!(results.contains(part), "no {part} in {results}");
    }
}

#[test]
fn a_platform_among_generators_or_validators_fails() {
    let example = Example::new("generators");
    let kustomizations = [
        "examples/notebooks/kustomization.yaml",
        "examples/notebooks/exec/kustomization.yaml",
    ];
    let texts = kustomizations.map(|name| fs::read_to_string(example.path(name)).unwrap());
    for field in ["generators", "validators"] {
        for (name, text) in kustomizations.iter().zip(&texts) {
            example.write(name, &text.replace("transformers:", &format!("{field}:")));
        }
        let mut built = Vec::new();
        if parts::needs("kustomize") {
            built.push(example.run("kustomize build --enable-alpha-plugins examples/notebooks"));
            built.push(example.kustomize_exec());
        }
        if parts::needs("kubectl") {
            built.push(example.run("kubectl kustomize --enable-alpha-plugins examples/notebooks"));
        }
        for run in built {
            assert_ne!(run.code, 0, "{field}: {}", run.stdout);
            assert_eq!(run.stdout, "");
            // Of a validator that changes anything, kustomize itself says so.
            let message = if field == "generators" {
                "list the Platform under `transformers:`"
            } else {
                "validator shouldn't modify the resource map"
            };
            assert!(run.stderr.contains(message), "{}", run.stderr);
        }
    }
}

/// An orchestrator takes an empty output for a wish to have everything removed.
#[test]
fn what_is_not_empty_never_comes_out_empty() {
    let example = Example::new("empty");
    let off = notebook("a", "off").replace("\"true\"", "\"false\"");
    let config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n".to_owned();
    let generated = objects(&example.run("gatewright render examples/notebooks").succeeded())
        .into_values()
        .find(|object| object["kind"] == "Service")
        .unwrap();
    let rows = [
        ("foreign", config_map),
        ("off", off),
        (
            "list",
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: s}}\n"
                .to_owned(),
        ),
        // Generated for a Notebook that is gone, and nothing beside it.
        ("stale", generated.to_string()),
    ];
    for (name, text) in rows {
        for (folder, annotation) in [("legacy", ""), ("exec", EXEC)] {
            let folder = format!("{name}-{folder}");
            example.write(&format!("{folder}/input.yaml"), &text);
            let kustomization = "resources: [input.yaml]\ntransformers: [platform.yaml]\n";
            example.write(&format!("{folder}/kustomization.yaml"), kustomization);
            let platform = fs::read_to_string(example.path("examples/notebooks/platform.yaml")).unwrap();
            let platform = if annotation.is_empty() {
                platform
            } else {
                with_function(&platform, annotation)
            };
            example.write(&format!("{folder}/platform.yaml"), &platform);
            let mut built = Vec::new();
            if parts::needs("kustomize") {
                built.push(example.run(&format!(
                    "kustomize build --enable-alpha-plugins --enable-exec {folder}"
                )));
            }
            // kubectl leaves exec functions out without a word.
            if parts::needs("kubectl") && annotation.is_empty() {
                built.push(example.run(&format!("kubectl kustomize --enable-alpha-plugins {folder}")));
            }
            for run in built {
                assert!(
                    run.code != 0 || !run.stdout.trim().is_empty(),
                    "{folder}: empty, and exit status 0: {}",
                    run.stderr
                );
            }
        }
    }
}

// --- running ---

/// A copy of the examples in a home of its own.
pub(crate) struct Example {
    folder: Folder,
    /// Which one of them a command is about.
    of: &'static str,
}

impl Example {
    pub(crate) fn new(test: &str) -> Self {
        Self::of(NOTEBOOKS, test)
    }

    /// For commands about one of them.
    fn of(of: &'static str, test: &str) -> Self {
        let example = Self {
            folder: Folder::new(&format!("orchestrators-{test}")),
            of,
        };
        for folder in ["examples/notebooks", "examples/overlay", "examples/platform"] {
            copy(&root().join(folder), &example.path(folder));
        }
        fs::create_dir(example.path("bin")).unwrap();
        std::os::unix::fs::symlink(GATEWRIGHT, example.path("bin/gatewright")).unwrap();
        // A container runtime that runs our program, whatever it is asked to run.
        let docker = example
            .folder
            .write("bin/docker", &format!("#!/bin/sh\nexec '{GATEWRIGHT}'\n"));
        fs::set_permissions(docker, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        example.documented("gatewright install-plugin").succeeded();
        example
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of the example.
    fn file(&self, name: &str) -> PathBuf {
        self.path(&format!("examples/{}/{name}", self.of))
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        self.folder.write(name, text);
    }

    /// A command that runs in the home. `EXAMPLE` stands for the example's folder.
    pub(crate) fn command(&self, line: &str) -> Command {
        let line = line.replace("EXAMPLE", &format!("examples/{}", self.of));
        let mut words = line.split(' ');
        let program = words.next().unwrap();
        let program = if program == "gatewright" {
            self.path("bin/gatewright")
        } else {
            parts::find(program).unwrap()
        };
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(self.path("bin")).chain(std::env::split_paths(&path));
        command.args(words).current_dir(self.folder.path());
        command
            .env("PATH", std::env::join_paths(paths).unwrap())
            .env("HOME", self.folder.path());
        for variable in [
            "KUSTOMIZE_PLUGIN_HOME",
            "XDG_CONFIG_HOME",
            "RELATED_IMAGE_OSE_KUBE_RBAC_PROXY_IMAGE",
        ] {
            command.env_remove(variable);
        }
        command
    }

    pub(crate) fn run(&self, line: &str) -> Run {
        run(self.command(line), b"")
    }

    /// A command that README shows for its main example.
    pub(crate) fn documented(&self, line: &str) -> Run {
        let shown = line.replace("EXAMPLE", &format!("examples/{MAIN}"));
        assert!(
            readme().lines().any(|line| line == shown),
            "README.md does not show `{shown}`"
        );
        self.run(line)
    }

    /// The example's folder for exec functions shares the files of the folder above it.
    fn kustomize_exec(&self) -> Run {
        let flags = "--enable-alpha-plugins --enable-exec --load-restrictor LoadRestrictionsNone";
        self.run(&format!("kustomize build {flags} examples/notebooks/exec"))
    }

    /// By kustomize and by kubectl, with the flag that lets plugins and containers run.
    fn built_by_plugin(&self) -> Vec<Run> {
        let builders = [("kustomize", "build"), ("kubectl", "kustomize")];
        let there = builders.iter().filter(|(program, _)| parts::needs(program));
        there
            .map(|(program, command)| {
                self.run(&format!("{program} {command} --enable-alpha-plugins EXAMPLE"))
            })
            .collect()
    }

    fn kpt_render(&self) {
        self.run("kpt fn render EXAMPLE --allow-exec").succeeded();
    }

    /// Makes the example's Platform a function, of that kind alone.
    fn annotate_platform(&self, function: &str) {
        let path = self.file("platform.yaml");
        let text = fs::read_to_string(&path).unwrap();
        let other = |line: &&str| !line.contains("config.kubernetes.io/function");
        let text: String = text.split_inclusive('\n').filter(other).collect();
        fs::write(path, with_function(&text, function)).unwrap();
    }

    fn rendered(&self) -> Objects {
        objects(&self.run("gatewright render EXAMPLE").succeeded())
    }

    fn same_as_render(&self, output: &str) {
        assert_same(&objects(output), &self.rendered());
    }

    fn tree(&self) -> Tree {
        tree(&self.path(&format!("examples/{}", self.of)))
    }
}

impl Run {
    /// Its output, if it succeeded.
    pub(crate) fn succeeded(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self.stdout
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

pub(crate) fn with_function(platform: &str, function: &str) -> String {
    let local = "    config.kubernetes.io/local-config: \"true\"\n";
    let both = format!("{local}    config.kubernetes.io/function: \"{function}\"\n");
    let text = platform.replacen(local, &both, 1);
    assert_ne!(text, platform);
    text
}

// --- comparing ---

/// The objects of a stream that go to a cluster, without the orchestrators' bookkeeping.
pub(crate) fn objects(text: &str) -> Objects {
    let mut objects = Objects::new();
    let source = Source::from_bytes("output", text.as_bytes().to_vec()).unwrap();
    for item in stream::frame(&source).unwrap().items {
        let mut value = item.piece(&source).value().unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let id = [
            &value["apiVersion"],
            &value["kind"],
            &value["metadata"]["namespace"],
            &value["metadata"]["name"],
        ]
        .map(text);
        let is_local = value["metadata"]["annotations"]["config.kubernetes.io/local-config"] == "true";
        let is_tools = TOOLS.iter().any(|group| id[0].starts_with(group)) && id[1] != "AccessGraph";
        if is_local || is_tools {
            continue;
        }
        if let Some(Value::Object(metadata)) = value.get_mut("metadata") {
            if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
                annotations.retain(|key, _| !BOOKKEEPING.iter().any(|prefix| key.starts_with(prefix)));
            }
            metadata.retain(|key, value| {
                key != "annotations" || value.as_object().is_some_and(|all| !all.is_empty())
            });
        }
        assert!(objects.insert(id.clone(), value).is_none(), "{id:?} came twice");
    }
    objects
}

fn tree_objects(tree: &Tree) -> Objects {
    let mut all = Objects::new();
    for (path, text) in tree {
        if path.extension().is_some_and(|ending| ending == "yaml") {
            for (id, value) in objects(text) {
                assert!(all.insert(id.clone(), value).is_none(), "{id:?} came twice");
            }
        }
    }
    all
}

fn assert_same(found: &Objects, expected: &Objects) {
    assert!(!expected.is_empty());
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (id, value) in found {
        assert_eq!(value, &expected[id], "{id:?}");
    }
}

fn assert_same_tree(found: &Tree, expected: &Tree) {
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (path, text) in found {
        assert_eq!(text, &expected[path], "{}", path.display());
    }
}

fn source(object: &Value) -> &str {
    object["metadata"]["annotations"]["gatewright.dev/source"]
        .as_str()
        .unwrap_or_default()
}

fn tree(root: &Path) -> Tree {
    let mut files = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                files.insert(path.strip_prefix(root).unwrap().to_owned(), text);
            }
        }
    }
    files
}

fn copy(from: &Path, to: &Path) {
    for (path, text) in tree(from) {
        let path = to.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}
