//! The program from outside: what it answers on which stream with which exit status, what it writes to disk, and how it
//! takes input that is wrong, huge or hostile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Folder, GATEWRIGHT, Run, gatewright, run};

const COMMANDS: [&str; 10] = [
    "fn",
    "render",
    "diff",
    "verify",
    "graph",
    "proxy",
    "crds",
    "schema",
    "install-plugin",
    "completion",
];

const PLATFORM: &str = "\
apiVersion: gatewright.dev/v1alpha1
kind: Platform
metadata:
  name: platform
  annotations: {config.kubernetes.io/local-config: \"true\"}
spec: {flavor: OpenShift}
";

const SERVICE: &str = "apiVersion: v1\nkind: Service # foreign\nmetadata: {name: web, namespace: shop}\n";

fn notebook(name: &str) -> String {
    format!(
        "apiVersion: kubeflow.org/v1\nkind: Notebook\nmetadata:\n  name: {name}\n  namespace: team\n  annotations:\n    \
         notebooks.opendatahub.io/inject-auth: \"true\"\nspec:\n  template:\n    spec:\n      containers:\n        \
         - name: {name}\n          image: quay.io/example/jupyter:1\n"
    )
}

fn bare(documents: &[&str]) -> String {
    documents.join("---\n")
}

/// A ResourceList of block-style documents, with the Platform as functionConfig.
fn resource_list(documents: &[&str]) -> String {
    let mut text = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nfunctionConfig:\n".to_owned();
    text.extend(PLATFORM.lines().map(|line| format!("  {line}\n")));
    text.push_str(if documents.is_empty() {
        "items: []\n"
    } else {
        "items:\n"
    });
    for document in documents {
        for (index, line) in document.lines().enumerate() {
            text.push_str(&format!("{}{line}\n", if index == 0 { "- " } else { "  " }));
        }
    }
    text
}

fn in_folder(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(GATEWRIGHT);
    command.args(arguments).current_dir(folder);
    run(command, b"")
}

/// Every file below a folder, by its path from there.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

impl Run {
    #[track_caller]
    fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self
    }

    /// Fails with a status, nothing on standard output, and all the words on standard error.
    #[track_caller]
    fn refuses(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{}", self.stderr);
        assert_eq!(self.stdout, "", "{}", self.stderr);
        self.says(words)
    }

    #[track_caller]
    fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in:\n{}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

// --- what standard input holds ---

#[test]
fn no_arguments_and_nothing_to_read_is_an_error() {
    for arguments in [&[][..], &["fn"]] {
        for nothing in ["", "\n \n"] {
            gatewright(arguments, nothing.as_bytes())
                .refuses(1, &["nothing on standard input", "gatewright render PATH"]);
        }
    }
}

#[test]
fn no_arguments_is_fn() {
    let input = bare(&[PLATFORM, &notebook("a")]);
    let short = gatewright(&[], input.as_bytes()).succeeds();
    assert_eq!(
        short.stdout,
        gatewright(&["fn"], input.as_bytes()).succeeds().stdout
    );
    assert!(short.stdout.contains("kind: HTTPRoute"));
}

#[test]
fn a_resource_list_is_answered_with_one() {
    let answer = gatewright(&["fn"], resource_list(&[SERVICE, &notebook("a")]).as_bytes()).succeeds();
    assert!(
        answer
            .stdout
            .starts_with("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"),
        "{}",
        answer.stdout
    );
    assert!(answer.stdout.contains("kind: Service # foreign"));
    assert!(answer.stdout.contains("  kind: HTTPRoute"));
    assert!(!answer.stdout.contains("\n---\n"));
}

#[test]
fn bare_documents_are_answered_with_documents() {
    let answer = gatewright(&["fn"], bare(&[PLATFORM, SERVICE, &notebook("a")]).as_bytes()).succeeds();
    assert!(
        answer.stdout.starts_with(&bare(&[PLATFORM, SERVICE, ""])),
        "{}",
        answer.stdout
    );
    assert!(answer.stdout.contains("\n---\n"));
    assert!(!answer.stdout.contains("ResourceList"));
}

#[test]
fn the_legacy_protocol_names_the_platform_as_argument() {
    let folder = Folder::new("legacy");
    let config = folder.write("config", PLATFORM);
    let legacy = |with_root: bool, config: &Path, stdin: &str| {
        let mut command = Command::new(GATEWRIGHT);
        command.arg(config).env_remove("KUSTOMIZE_PLUGIN_CONFIG_ROOT");
        if with_root {
            command.env("KUSTOMIZE_PLUGIN_CONFIG_ROOT", folder.path());
        }
        run(command, stdin.as_bytes())
    };
    let answer = legacy(true, &config, &notebook("a")).succeeds();
    assert!(
        answer.stdout.contains("kind: HTTPRoute") && !answer.stdout.contains("\nkind: Platform"),
        "{}",
        answer.stdout
    );
    legacy(true, &config, "").refuses(1, &["no resources on standard input", "transformers:"]);
    // Without kustomize's variable, and where there is no such file, it is a command of ours that does not exist.
    legacy(false, &config, &notebook("a")).refuses(2, &["Usage"]);
    legacy(true, &folder.path().join("nothing"), &notebook("a")).refuses(2, &["Usage"]);
    // The variable alone changes nothing.
    let mut command = Command::new(GATEWRIGHT);
    command
        .arg("fn")
        .env("KUSTOMIZE_PLUGIN_CONFIG_ROOT", folder.path());
    assert_eq!(run(command, SERVICE.as_bytes()).succeeds().stdout, SERVICE);
    folder.write("config", "apiVersion: [");
    legacy(true, &config, &notebook("a")).refuses(1, &["<functionConfig>:1:13"]);
}

// --- failure ---

#[test]
fn a_resource_list_comes_back_with_an_error_in_it() {
    let wrong = notebook("a").replace("\"true\"", "true");
    let input = resource_list(&[SERVICE, &wrong]);
    let answer = gatewright(&["fn"], input.as_bytes()).says(&["error: ", "inject-auth"]);
    assert_eq!(answer.code, 1);
    let rest = answer.stdout.strip_prefix(&input).expect("the list as it came");
    assert!(rest.starts_with("results:\n"), "{rest}");
    assert!(
        rest.contains("severity: error") && rest.contains("inject-auth"),
        "{rest}"
    );
}

#[test]
fn other_output_is_nothing_at_all_where_there_is_an_error() {
    let wrong = bare(&[PLATFORM, SERVICE, &notebook("a").replace("\"true\"", "true")]);
    gatewright(&["fn"], wrong.as_bytes()).refuses(1, &["error: <stdin>:", "inject-auth"]);
    let folder = Folder::new("failure");
    let file = folder.write("all.yaml", &wrong);
    gatewright(&["render", file.to_str().unwrap()], b"").refuses(1, &["error: ", "all.yaml:", "inject-auth"]);
    let output = folder.path().join("out");
    gatewright(
        &["render", file.to_str().unwrap(), "-o", output.to_str().unwrap()],
        b"",
    )
    .refuses(1, &["inject-auth"]);
    assert!(!output.exists());
}

#[test]
fn all_errors_are_said_at_once() {
    let wrong = bare(&[
        &PLATFORM.replace("OpenShift", "Openshift"),
        &notebook("a").replace("\"true\"", "yes"),
    ]);
    gatewright(&["fn"], wrong.as_bytes()).refuses(1, &["OpenShift", "inject-auth"]);
}

#[test]
fn what_is_not_ours_passes_without_a_platform() {
    let documents = bare(&[
        SERVICE,
        "# nothing here\n",
        "{\"apiVersion\": \"v1\", \"kind\": \"Secret\"}\n",
    ]);
    let answer = gatewright(&["fn"], documents.as_bytes()).succeeds();
    assert_eq!(
        (answer.stdout.as_str(), answer.stderr.as_str()),
        (documents.as_str(), "")
    );
}

/// A Notebook that kubectl sees and we do not would run without its guard.
#[test]
fn a_notebook_is_seen_however_it_is_spelled() {
    let plain = notebook("a");
    for (from, to) in [
        ("kind: Notebook\n", "kind: Notebook # a comment\n"),
        ("kind: Notebook\n", "kind: Notebook\t# behind a tab\n"),
        ("kind: Notebook\n", "kind:\tNotebook \t\n"),
        ("kind: Notebook\n", "kind:\n  Notebook\n"),
        ("kind: Notebook\n", "\"kind\": 'Notebook'\n"),
        ("kind: Notebook\n", "kind: \"Note\\x62ook\"\n"),
        ("kind: Notebook\n", "\"k\\u0069nd\": Notebook\n"),
        ("kind: Notebook\n", "kind: !!str Notebook\n"),
        ("kind: Notebook\n", "x: &kind Notebook\nkind: *kind\n"),
        ("kind: Notebook\n", "? kind\n: Notebook\n"),
        ("kind: Notebook\n", "kind: >-\n  Notebook\n"),
        ("kind: Notebook\n", "<<: {kind: Notebook}\n"),
        (
            "apiVersion: kubeflow.org/v1\n",
            "apiVersion: kubeflow.org/v1\t# behind a tab\n",
        ),
        (
            "apiVersion: kubeflow.org/v1\n",
            "%YAML 1.1\n---\napiVersion: kubeflow.org/v1\n",
        ),
        (
            "apiVersion: kubeflow.org/v1\n",
            "\u{feff}apiVersion: kubeflow.org/v1\n",
        ),
        ("\n", "\r\n"),
        ("  name: a\n", "  name: a\t# behind a tab\n"),
        ("inject-auth: \"true\"", "inject-auth: 'true'\t# behind a tab"),
        (
            "notebooks.opendatahub.io/inject-auth: ",
            "\"notebooks.opendatahub.io/inject-\\u0061uth\": ",
        ),
        (
            "    notebooks.opendatahub.io/inject-auth: \"true\"\n",
            "    <<: {notebooks.opendatahub.io/inject-auth: \"true\"}\n",
        ),
    ] {
        assert!(plain.contains(from));
        let spelled = plain.replace(from, to);
        let mut command = Command::new(GATEWRIGHT);
        let folder = Folder::new("spelled");
        let config = folder.write("config", PLATFORM);
        command
            .arg(config)
            .env("KUSTOMIZE_PLUGIN_CONFIG_ROOT", folder.path());
        let answer = run(command, spelled.as_bytes());
        assert_eq!(answer.code, 0, "{to:?}: {}", answer.stderr);
        assert!(
            answer.stdout.contains("kind: HTTPRoute"),
            "{to:?}: not guarded; {}",
            answer.stderr
        );
    }
}

/// YAML 1.1 readers, kubectl's among them, begin a new line at each of these; a kind could hide behind one.
#[test]
fn line_breaks_that_readers_disagree_on_are_refused() {
    let mut passed = Vec::new();
    for line_break in ["\r", "\u{85}", "\u{2028}", "\u{2029}"] {
        for value in ["'a'", "\"a\"", "{b: c}", "[b]", "a", "|", "# c", "'a' # c", "&x"] {
            let text = format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\nx: {value}{line_break}'kind': Notebook\n"
            );
            if gatewright(&["fn"], text.as_bytes()).code != 1 {
                passed.push(format!("{value}{line_break:?}"));
            }
        }
    }
    assert!(
        passed.is_empty(),
        "kubectl reads a Notebook behind each of these: {passed:?}"
    );
}

#[test]
fn a_notebook_needs_a_platform() {
    gatewright(&["fn"], notebook("a").as_bytes()).refuses(1, &["a Platform is needed", "flavor: OpenShift"]);
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [
        &["nonsense"][..],
        &["render"],
        &["render", "--nonsense", "."],
        &["schema", "nonsense"],
        &["completion"],
        &["completion", "nonsense"],
        &["fn", "extra"],
    ] {
        let answer = gatewright(arguments, b"");
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(!answer.stderr.is_empty());
    }
}

#[test]
fn a_path_that_is_not_there_is_named() {
    gatewright(&["render", "no/such/path"], b"").refuses(1, &["no/such/path"]);
    let folder = Folder::new("no-platform");
    folder.write("in/a.yaml", &notebook("a"));
    in_folder(folder.path(), &["render", "in", "--platform", "none.yaml"]).refuses(1, &["none.yaml"]);
}

// --- render ---

#[test]
fn render_prints_what_goes_to_the_cluster() {
    let folder = Folder::new("render");
    folder.write("package/platform.yaml", PLATFORM);
    folder.write("package/a.yaml", &notebook("a"));
    folder.write("package/web/service.yml", SERVICE);
    folder.write(
        "package/web/secret.json",
        "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"}}",
    );
    folder.write("package/copy.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: copy\n  annotations:\n    config.kubernetes.io/local-config: \"true\"\n");
    folder.write("package/kustomization.yaml", "resources: [a.yaml]\n");
    folder.write(
        "package/Kptfile",
        "apiVersion: kpt.dev/v1\nkind: Kptfile\nmetadata: {name: p}\n",
    );
    folder.write("package/README.md", "no: [manifest\n");
    folder.write("package/.hidden/a.yaml", "no: [manifest\n");
    folder.write(
        "package/kpt.yaml",
        "apiVersion: kpt.dev/v1\nkind: Kptfile\nmetadata: {name: p}\n",
    );
    let answer = in_folder(folder.path(), &["render", "package"]).succeeds();
    assert!(answer.stdout.contains("kind: Service # foreign"));
    assert!(answer.stdout.contains("\"kind\":\"Secret\""));
    assert!(answer.stdout.contains("name: kube-rbac-proxy"));
    for left_out in [
        "\nkind: Platform",
        "name: copy",
        "resources: [a.yaml]",
        "kind: Kptfile",
    ] {
        assert!(!answer.stdout.contains(left_out), "{left_out}");
    }
    let answer = answer.says(&["info: package/kustomization.yaml: skipped"]);
    assert!(!answer.stderr.contains("error"), "{}", answer.stderr);
    assert_eq!(
        answer.stdout,
        in_folder(folder.path(), &["render", "package"]).stdout,
        "twice the same bytes"
    );
    // `fn` gives local-config copies back: kpt must keep them on disk.
    let copy = std::fs::read_to_string(folder.path().join("package/copy.yaml")).unwrap();
    let kept = gatewright(&["fn"], bare(&[PLATFORM, &copy, &notebook("a")]).as_bytes()).succeeds();
    assert!(kept.stdout.contains(&copy));
}

#[test]
fn the_platform_may_be_named() {
    let folder = Folder::new("platform");
    folder.write("in/a.yaml", &notebook("a"));
    folder.write("in/staging.yaml", PLATFORM);
    folder.write(
        "production.yaml",
        &PLATFORM.replace(
            "{flavor: OpenShift}",
            "{flavor: Kubernetes, tls: {source: CertManager}}",
        ),
    );
    let inner = in_folder(folder.path(), &["render", "in"]).succeeds();
    assert!(!inner.stdout.contains("kind: Certificate"));
    let named = in_folder(folder.path(), &["render", "in", "--platform", "production.yaml"]).succeeds();
    assert!(named.stdout.contains("kind: Certificate") && !named.stdout.contains("\nkind: Platform"));
    folder.write("two.yaml", &bare(&[PLATFORM, PLATFORM]));
    in_folder(folder.path(), &["render", "in", "--platform", "two.yaml"])
        .refuses(1, &["two.yaml", "must hold one document"]);
}

#[test]
fn nothing_to_render_is_an_error() {
    let folder = Folder::new("nothing");
    folder.write("in/platform.yaml", PLATFORM);
    in_folder(folder.path(), &["render", "in"]).refuses(1, &["nothing to render"]);
    in_folder(folder.path(), &["render", "in", "-o", "out"]).refuses(1, &["nothing to render"]);
}

#[test]
fn an_object_given_twice_is_an_error() {
    let folder = Folder::new("twice");
    folder.write("in/a.yaml", SERVICE);
    folder.write("in/b.yaml", SERVICE);
    in_folder(folder.path(), &["render", "in"]).refuses(1, &["in/b.yaml:", "given twice", "in/a.yaml"]);
    // The same file named twice is one file.
    in_folder(
        folder.path(),
        &["render", "in/a.yaml", "in/a.yaml", "./in/../in/a.yaml"],
    )
    .succeeds();
}

/// A package of two Notebooks and a folder it was rendered into.
fn rendered(test: &str) -> Folder {
    let folder = Folder::new(test);
    folder.write("in/platform.yaml", PLATFORM);
    folder.write("in/a.yaml", &notebook("a"));
    folder.write("in/b.yaml", &notebook("b"));
    assert_eq!(into_out(&folder, &[]).succeeds().stdout, "");
    folder
}

fn into_out(folder: &Folder, more: &[&str]) -> Run {
    let mut arguments = vec!["render", "in", "-o", "out"];
    arguments.extend(more);
    in_folder(folder.path(), &arguments)
}

fn check(folder: &Folder) -> Run {
    into_out(folder, &["--check"])
}

#[test]
fn one_file_an_object_and_none_left_over() {
    let folder = rendered("output");
    let out = folder.path().join("out");
    let first = files(&out);
    let manifests = first.keys().filter(|name| !name.starts_with('.')).count();
    let printed = in_folder(folder.path(), &["render", "in"]).succeeds().stdout;
    assert_eq!(manifests, printed.split("\n---\n").count());
    for (name, text) in first.iter().filter(|(name, _)| !name.starts_with('.')) {
        assert!(printed.contains(text), "{name} is not in what is printed");
        assert!(!text.contains("\n---\n"), "{name} holds more than one object");
    }
    into_out(&folder, &[]).succeeds();
    assert_eq!(files(&out), first, "twice the same files");
    std::fs::remove_file(folder.path().join("in/b.yaml")).unwrap();
    into_out(&folder, &[]).succeeds();
    let second = files(&out);
    let (gone, kept): (Vec<_>, Vec<_>) = first.keys().partition(|name| !second.contains_key(*name));
    assert!(gone.len() > 5, "{gone:?}");
    assert!(
        kept.iter()
            .any(|name| name.ends_with("notebook.kubeflow.org_a.yaml"))
    );
    for name in gone {
        let text = &first[name];
        assert!(
            text.contains("name: b\n") || text.contains("team/b"),
            "{name} was of another Notebook:\n{text}"
        );
    }
}

#[test]
fn an_emptied_folder_goes() {
    let folder = rendered("emptied");
    folder.write(
        "in/b.yaml",
        &notebook("b").replace("namespace: team", "namespace: other"),
    );
    into_out(&folder, &[]).succeeds();
    assert!(folder.path().join("out/other").is_dir());
    std::fs::remove_file(folder.path().join("in/b.yaml")).unwrap();
    into_out(&folder, &[]).succeeds();
    assert!(!folder.path().join("out/other").exists());
}

fn service_of_a(folder: &Folder) -> PathBuf {
    let path = folder.path().join("out/team/service_a-kube-rbac-proxy.yaml");
    assert!(path.is_file());
    path
}

#[test]
fn an_edit_by_hand_is_warned_of_and_written_again() {
    let folder = rendered("by-hand");
    let path = service_of_a(&folder);
    let before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{before}# mine\n")).unwrap();
    into_out(&folder, &[])
        .succeeds()
        .says(&["warning: out/team/service_a-kube-rbac-proxy.yaml: was changed by hand"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn a_foreign_file_stays() {
    let folder = rendered("foreign");
    let theirs = folder.write("out/theirs.yaml", SERVICE);
    into_out(&folder, &[])
        .succeeds()
        .says(&["warning: out/theirs.yaml: is not of this render and stays"]);
    assert_eq!(std::fs::read_to_string(theirs).unwrap(), SERVICE);
    // One that stands where we would write is not overwritten, and nothing else is written beside it.
    folder.write("in/c.yaml", &notebook("c"));
    let in_the_way = folder.write("out/team/service_c-kube-rbac-proxy.yaml", SERVICE);
    let before = files(&folder.path().join("out"));
    into_out(&folder, &[]).refuses(
        1,
        &[
            "error: out/team/service_c-kube-rbac-proxy.yaml",
            "would be overwritten",
        ],
    );
    assert_eq!(files(&folder.path().join("out")), before);
    assert_eq!(std::fs::read_to_string(in_the_way).unwrap(), SERVICE);
}

#[test]
fn the_output_may_not_hold_the_input() {
    let folder = rendered("holds");
    for output in ["in", ".", "in/../in"] {
        in_folder(folder.path(), &["render", "in", "-o", output]).refuses(2, &["holds the input"]);
    }
    in_folder(
        folder.path(),
        &[
            "render",
            "in/a.yaml",
            "--platform",
            "in/platform.yaml",
            "-o",
            "in",
        ],
    )
    .refuses(2, &["holds the input"]);
    // The other way round is fine: it is not read.
    in_folder(folder.path(), &["render", "in", "-o", "in/out"]).succeeds();
    in_folder(folder.path(), &["render", "in", "-o", "in/out"]).succeeds();
    in_folder(folder.path(), &["render", "in", "-o", "in/out", "--check"]).succeeds();
}

#[test]
fn the_index_names_nothing_outside_its_folder() {
    let folder = rendered("index");
    let outside = folder.write("precious.yaml", SERVICE);
    let index = folder.path().join("out/.gatewright-index");
    let text = std::fs::read_to_string(&index).unwrap();
    let precious = format!(
        "{}  ../precious.yaml\n{}  {}\n",
        "0".repeat(64),
        "0".repeat(64),
        outside.display()
    );
    std::fs::write(&index, format!("{text}{precious}")).unwrap();
    into_out(&folder, &[]).succeeds();
    assert!(outside.is_file());
}

#[test]
fn no_object_is_written_outside_the_output() {
    let outside = Folder::new("outside-target");
    for namespace in [
        "..",
        "../..",
        "a/../../b",
        ".git",
        outside.path().to_str().unwrap(),
    ] {
        let folder = Folder::new("outside");
        folder.write(
            "in/s.yaml",
            &format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s, namespace: \"{namespace}\"}}\n"),
        );
        let answer = in_folder(folder.path(), &["render", "in", "-o", "deep/out"]);
        let written: Vec<String> = files(folder.path())
            .into_keys()
            .filter(|name| !name.starts_with("in/"))
            .collect();
        assert!(
            written.iter().all(|name| name.starts_with("deep/out/")),
            "{namespace}: {written:?}"
        );
        assert!(files(outside.path()).is_empty(), "{namespace}");
        // Refused, or written in a way that the next run finds again.
        if answer.code == 0 {
            in_folder(folder.path(), &["render", "in", "-o", "deep/out", "--check"]).succeeds();
        } else {
            answer.refuses(1, &["namespace"]);
        }
    }
}

/// What is said beside the notes on the Platform's program.
fn beside_notes(stderr: &str) -> String {
    let lines = stderr
        .lines()
        .filter(|line| !line.contains("spec.sidecar.program"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn check_sees_missing_changed_and_extra() {
    let folder = rendered("check");
    let clean = check(&folder).succeeds();
    assert_eq!(
        (clean.stdout.as_str(), beside_notes(&clean.stderr)),
        ("", String::new())
    );
    let path = service_of_a(&folder);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}# mine\n")).unwrap();
    std::fs::remove_file(folder.path().join("out/team/notebook.kubeflow.org_b.yaml")).unwrap();
    folder.write("out/team/more.yaml", SERVICE);
    let before = files(&folder.path().join("out"));
    check(&folder).refuses(
        1,
        &[
            "changed: out/team/service_a-kube-rbac-proxy.yaml\n",
            "missing: out/team/notebook.kubeflow.org_b.yaml\n",
            "extra: out/team/more.yaml\n",
            "3 file(s) differ",
        ],
    );
    assert_eq!(files(&folder.path().join("out")), before, "check writes nothing");
    let none = in_folder(folder.path(), &["render", "in", "-o", "none", "--check"]);
    none.refuses(1, &["missing: none/team/notebook.kubeflow.org_a.yaml"]);
    assert!(!folder.path().join("none").exists());
}

#[test]
fn check_without_output_looks_at_the_input_itself() {
    let folder = Folder::new("check-in-place");
    let input = bare(&[PLATFORM, &notebook("a")]);
    let file = folder.write("in/all.yaml", &input);
    in_folder(folder.path(), &["render", "in", "--check"])
        .refuses(1, &["changed: in/all.yaml", "missing: ", "differ"]);
    let done = gatewright(&["fn"], input.as_bytes()).succeeds().stdout;
    std::fs::write(&file, &done).unwrap();
    in_folder(folder.path(), &["render", "in", "--check"]).succeeds();
    let off = done.replace("inject-auth: \"true\"", "inject-auth: \"false\"");
    assert_ne!(off, done);
    std::fs::write(&file, off).unwrap();
    in_folder(folder.path(), &["render", "in", "--check"]).refuses(1, &["extra: in/all.yaml"]);
}

// --- help, completion, plugin ---

#[test]
fn every_command_shows_an_example() {
    for arguments in COMMANDS
        .map(|command| vec![command, "--help"])
        .into_iter()
        .chain([vec!["--help"]])
    {
        let help = gatewright(&arguments, b"").succeeds();
        assert!(help.stdout.contains("Example"), "{arguments:?}:\n{}", help.stdout);
        assert!(
            help.stdout.contains("  gatewright ") || help.stdout.contains("| gatewright "),
            "{arguments:?}:\n{}",
            help.stdout
        );
        assert_eq!(help.stderr, "");
    }
}

#[test]
fn help_lists_the_commands_that_are_tested_here() {
    let help = gatewright(&["--help"], b"").succeeds().stdout;
    let section = help
        .split("Commands:\n")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap();
    let lines = section
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> = lines
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert_eq!(names, COMMANDS);
}

#[test]
fn version_is_the_package_version() {
    let answer = gatewright(&["--version"], b"").succeeds();
    assert_eq!(
        answer.stdout,
        format!("gatewright {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn completion_for_the_usual_shells() {
    for (shell, word) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef gatewright"),
        ("fish", "complete -c gatewright"),
    ] {
        let script = gatewright(&["completion", shell], b"").succeeds().stdout;
        assert!(script.contains(word), "{shell}");
        assert!(COMMANDS.iter().all(|command| script.contains(command)), "{shell}");
    }
    if crate::parts::find("bash").is_some() {
        let script = gatewright(&["completion", "bash"], b"").stdout;
        let mut bash = Command::new("bash");
        bash.args(["-n", "/dev/stdin"]);
        run(bash, script.as_bytes()).succeeds();
    }
}

const PLUGIN: &str = "gatewright.dev/v1alpha1/platform/Platform";

fn install(arguments: &[&str], environment: &[(&str, &Path)]) -> Run {
    let mut command = Command::new(GATEWRIGHT);
    command.arg("install-plugin").args(arguments);
    for name in ["KUSTOMIZE_PLUGIN_HOME", "XDG_CONFIG_HOME", "HOME"] {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
    run(command, b"")
}

#[test]
fn the_plugin_goes_where_kustomize_looks() {
    let folder = Folder::new("plugin");
    let [dir, plugin_home, config, home] =
        ["dir", "plugins", "config", "home"].map(|name| folder.path().join(name));
    let dir_text = dir.to_str().unwrap().to_owned();
    let all = [
        ("KUSTOMIZE_PLUGIN_HOME", plugin_home.as_path()),
        ("XDG_CONFIG_HOME", &config),
        ("HOME", &home),
    ];
    let by_dir: &[&str] = &["--dir", dir_text.as_str()];
    // Each place wins over those behind it.
    for (arguments, environment, place) in [
        (by_dir, &all[..], dir.clone()),
        (&[], &all, plugin_home.clone()),
        (&[], &all[1..], config.join("kustomize/plugin")),
        (&[], &all[2..], home.join(".config/kustomize/plugin")),
    ] {
        let link = place.join(PLUGIN);
        assert!(!link.exists());
        let answer = install(arguments, environment).succeeds();
        assert_eq!(answer.stdout, format!("{}\n", link.display()));
        let mut plugin = Command::new(&link);
        plugin.arg("--version");
        run(plugin, b"").succeeds();
        install(arguments, environment).succeeds();
    }
    install(&[], &[]).refuses(2, &["--dir"]);
}

#[test]
fn the_plugin_replaces_no_file_of_somebody_else() {
    let folder = Folder::new("plugin-foreign");
    let theirs = folder.write(PLUGIN, "#!/bin/sh\n");
    let dir = folder.path().to_str().unwrap();
    install(&["--dir", dir], &[]).refuses(2, &["--force"]);
    assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "#!/bin/sh\n");
    install(&["--dir", dir, "--force"], &[]).succeeds();
    assert!(theirs.is_symlink());
}

// --- pipes ---

#[test]
fn a_closed_pipe_is_no_failure() {
    let folder = Folder::new("pipe");
    folder.write("in/platform.yaml", PLATFORM);
    for index in 0..40 {
        folder.write(&format!("in/n{index}.yaml"), &notebook(&format!("n{index}")));
    }
    let path = folder.path().join("in");
    for arguments in [
        vec!["render", path.to_str().unwrap()],
        vec!["crds"],
        vec!["schema"],
        vec!["--help"],
    ] {
        let mut command = Command::new(GATEWRIGHT);
        command
            .args(&arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), beside_notes(&stderr)),
            (Some(0), String::new()),
            "{arguments:?}"
        );
    }
}

// --- input that is wrong or hostile ---

/// What is refused names line and column, and nothing is printed.
#[track_caller]
fn refused_at(input: &[u8], place: &str, words: &[&str]) {
    let mut all = vec![place];
    all.extend(words);
    gatewright(&["fn"], input).refuses(1, &all);
}

#[test]
fn bytes_that_are_no_text() {
    refused_at(b"apiVersion: v1\nkind: \xff\n", "<stdin>:2:7", &["UTF-8"]);
    refused_at(b"\xff\xfea\0", "<stdin>:1:1", &["UTF-8"]);
    // Cut within a character.
    refused_at(b"apiVersion: v1\nkind: \xc3", "<stdin>:2:7", &["UTF-8"]);
}

#[test]
fn streams_that_end_too_early() {
    for (text, place) in [
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, names",
            "<stdin>:3:11",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"a",
            "<stdin>:4:9",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: 'b\n\n",
            "<stdin>:5:6",
        ),
        ("{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\"", "<stdin>:1:1"),
        (
            "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: [{apiVersion: v1, kind: A}, {",
            "<stdin>:3:",
        ),
    ] {
        refused_at(text.as_bytes(), place, &["never closed"]);
    }
}

#[test]
fn nesting_ten_thousand_deep() {
    let deep = 10_000;
    let flow = format!("x: {}{}\n", "[".repeat(deep), "]".repeat(deep));
    let maps = format!("x: {}{}\n", "{a: ".repeat(deep), "}".repeat(deep));
    let dashes = format!("x:\n  {}a\n", "- ".repeat(deep));
    let block: String = (0..deep)
        .map(|level| format!("{}a:\n", " ".repeat(level + 1)))
        .collect();
    let block = format!("x:\n{block}");
    let config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    for top in [notebook("a"), config_map.to_owned()] {
        let lines = bare(&[PLATFORM, &top]).lines().count();
        // In block style the place is a thousand lines further down.
        for (bottom, place) in [
            (&flow, lines + 1),
            (&maps, lines + 1),
            (&dashes, lines + 2),
            (&block, lines + 1001),
        ] {
            let input = bare(&[PLATFORM, &format!("{top}{bottom}")]);
            refused_at(input.as_bytes(), &format!("<stdin>:{place}:"), &["nesting"]);
        }
    }
    let list = format!(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- {}\n",
        flow.trim_end()
    );
    refused_at(list.as_bytes(), "<stdin>:4:", &["nesting"]);
    refused_at("[".repeat(deep).as_bytes(), "<stdin>:1:1", &[]);
}

#[test]
fn aliases_that_expand_without_end() {
    let mut bomb = format!("{}  l0: &l0 [x, x, x, x, x, x, x, x, x]\n", notebook("a"));
    for level in 1..12 {
        let inner = vec![format!("*l{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("  l{level}: &l{level} [{inner}]\n"));
    }
    let begin = Instant::now();
    refused_at(
        bare(&[PLATFORM, &bomb]).as_bytes(),
        "<stdin>:",
        &["Notebook team/a"],
    );
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}

#[test]
fn a_field_given_twice() {
    let twice = format!("{}kind: Notebook\n", notebook("a"));
    let line = twice.lines().count();
    refused_at(twice.as_bytes(), &format!("<stdin>:{line}:1"), &["kind", "twice"]);
    let inner = format!("{}spec: {{}}\n", notebook("a"));
    let input = bare(&[PLATFORM, &inner]);
    refused_at(
        input.as_bytes(),
        &format!("<stdin>:{}:1", input.lines().count()),
        &["spec"],
    );
}

#[test]
fn documents_that_are_no_objects() {
    for text in [
        "word\n",
        "- a\n",
        "a: b\n",
        "apiVersion: v1\n",
        "kind: Service\n",
        "[]",
        "42\n",
    ] {
        refused_at(text.as_bytes(), "<stdin>:1:1", &[]);
    }
    refused_at(format!("{SERVICE}---\nword\n").as_bytes(), "<stdin>:5:1", &[]);
}

// --- input that is large ---

const MEGABYTE: usize = 1_000_000;

/// 100 MB with optimisation (`make soak`); a quarter of it in the everyday tests, which run without.
const LARGE: usize = if cfg!(debug_assertions) {
    25 * MEGABYTE
} else {
    100 * MEGABYTE
};

/// Runs `fn` with so many bytes of address space at most per byte of input, beside what the program itself needs.
fn bounded(input: &[u8], factor: usize) -> Run {
    let kilobytes = input.len() * factor / 1024 + 256 * 1024;
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("ulimit -v {kilobytes}; exec \"$0\" fn"),
        GATEWRIGHT,
    ]);
    let begin = Instant::now();
    let answer = run(command, input);
    let limit = Duration::from_secs(if cfg!(debug_assertions) { 120 } else { 20 });
    assert!(
        begin.elapsed() < limit,
        "{:?} for {} bytes",
        begin.elapsed(),
        input.len()
    );
    answer
}

fn repeated(head: &str, line: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(LARGE + 1024);
    text.push_str(head);
    for index in 0.. {
        if text.len() >= LARGE {
            break;
        }
        text.push_str(&line(index));
    }
    text
}

#[test]
fn large_single_object() {
    let head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: large}\ndata:\n  text: |\n";
    let text = repeated(head, |_| {
        "    words, and again words: - [of no meaning #\n".to_owned()
    });
    let answer = bounded(text.as_bytes(), 5).succeeds();
    assert!(answer.stdout == text, "other bytes came out");
}

#[test]
fn large_list_of_foreign_objects() {
    let head = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n";
    let text = repeated(head, |index| {
        format!(
            "- apiVersion: apps/v1\n  kind: Deployment\n  metadata:\n    name: d{index}\n    namespace: team\n  spec:\n    template:\n      \
             spec:\n        containers:\n        - {{name: c, image: \"i\"}} # {index}\n        - name: d\n          args: ['a', \"b\", c]\n"
        )
    });
    let answer = bounded(text.as_bytes(), 8).succeeds();
    assert!(answer.stdout == text, "other bytes came out");
}

#[test]
fn large_and_without_sense() {
    for byte in [
        "[", "{", "-", "\"", "&", "- ", "? ", "a:\n", "---\n", "#\n", "{a: ",
    ] {
        let text = byte.repeat(LARGE / byte.len() / 25);
        let answer = bounded(text.as_bytes(), 8).says(&[]);
        assert!(
            answer.code == 1 || answer.code == 0,
            "{byte:?}: {} {}",
            answer.code,
            answer.stderr
        );
    }
    let answer = bounded("[".repeat(LARGE).as_bytes(), 5);
    answer.refuses(1, &["<stdin>:1:1"]);
}

/// The commands of README that judge what is committed, with what they end in: nothing is open, and logins differ.
#[test]
fn readme_judges_what_is_committed() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let shown = ["gatewright verify examples/", "gatewright diff examples/"];
    let commands: Vec<Vec<&str>> = readme
        .lines()
        .filter(|line| shown.iter().any(|start| line.starts_with(start)))
        .map(|line| line.split_whitespace().skip(1).collect())
        .collect();
    assert_eq!(commands.len(), 4, "{commands:?}");
    for command in commands {
        let run = gatewright(&command, b"");
        assert!(!run.stdout.is_empty(), "{command:?}");
        let expected = i32::from(command[0] == "diff");
        assert_eq!(run.code, expected, "{command:?}\n{}\n{}", run.stdout, run.stderr);
    }
}
