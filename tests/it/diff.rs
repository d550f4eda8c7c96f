//! `gatewright diff`: what it says of scripted changes, reviewed as prose, and how it is called.
//!
//! `fixtures/diff/CASE/{base,head}` gives `snapshots/diff/CASE.{txt,md,json}`. After a change that is meant:
//! `INSTA_UPDATE=always cargo test --test it diff`, and read the difference as a reviewer would who knows only Kubernetes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::program::{Folder, GATEWRIGHT, Run, run};

/// The case in which nothing changes.
const NOTHING: &str = "order-and-comments";
const FORMATS: [(&str, &str); 3] = [("text", "txt"), ("markdown", "md"), ("json", "json")];
/// What GitHub takes as one comment.
const COMMENT: usize = 65_536;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn diff(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(GATEWRIGHT);
    command
        .arg("diff")
        .args(arguments)
        .current_dir(folder)
        .env_remove("KUSTOMIZE_PLUGIN_CONFIG_ROOT")
        .env_remove("RELATED_IMAGE_OSE_KUBE_RBAC_PROXY_IMAGE");
    run(command, b"")
}

fn cases() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("fixtures/diff")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn scripted_changes_are_told_as_reviewed() {
    let snapshots = root().join("snapshots/diff");
    let update = std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "always");
    let mut known: BTreeSet<PathBuf> = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in cases() {
        for (format, ending) in FORMATS {
            let (base, head) = (format!("{case}/base"), format!("{case}/head"));
            let answer = diff(&root().join("fixtures/diff"), &[&base, &head, "--format", format]);
            let expected = i32::from(case != NOTHING);
            assert_eq!(answer.code, expected, "{case}: {}", answer.stderr);
            assert!(answer.stdout.len() < COMMENT || format != "markdown");
            let path = snapshots.join(format!("{case}.{ending}"));
            if update {
                fs::create_dir_all(&snapshots).unwrap();
                fs::write(&path, &answer.stdout).unwrap();
            } else if fs::read_to_string(&path).unwrap_or_default() != answer.stdout {
                wrong.push(format!("{}:\n{}", path.display(), answer.stdout));
            }
            known.insert(path);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let there = fs::read_dir(&snapshots).unwrap();
    let there: BTreeSet<PathBuf> = there.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(there, known);
}

#[test]
fn the_other_way_round_gains_are_losses() {
    let folder = root().join("fixtures/diff");
    for case in cases() {
        let (base, head) = (format!("{case}/base"), format!("{case}/head"));
        let json = |one: &str, other: &str| -> Value {
            serde_json::from_str(&diff(&folder, &[one, other, "--format", "json"]).stdout).unwrap()
        };
        let (there, back) = (json(&base, &head), json(&head, &base));
        let count = |answer: &Value, change: &str| {
            let all = answer["access"].as_array().unwrap();
            all.iter().filter(|one| one["change"] == change).count()
        };
        for (one, other) in [
            ("gains", "loses"),
            ("workload-appears", "workload-gone"),
            ("switched-off", "switched-on"),
            ("way-opens", "way-closes"),
            ("verdict-appears", "verdict-gone"),
            ("caller-gained", "caller-lost"),
        ] {
            assert_eq!(count(&there, one), count(&back, other), "{case}: {one}");
            assert_eq!(count(&there, other), count(&back, one), "{case}: {other}");
        }
    }
}

#[test]
fn a_side_beside_itself_does_not_change() {
    for example in crate::examples::ALL {
        let path = root().join("examples").join(example);
        let path = path.to_str().unwrap();
        let answer = diff(root(), &[path, path]);
        assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);
        assert!(answer.stdout.starts_with("Nothing changes"), "{}", answer.stdout);
    }
}

/// Sources say by themselves that they are rendered; their render, compared with them, is the same.
#[test]
fn sources_are_compared_as_rendered() {
    let answer = diff(
        root(),
        &["examples/notebooks", "examples/.expected/notebooks.yaml"],
    );
    let text = &answer.stdout;
    assert!(
        text.contains("Access does not change; 1 object changes."),
        "{text}"
    );
    assert!(text.contains("removed Platform platform"), "{text}");
    assert!(
        answer
            .stderr
            .contains("examples/notebooks is rendered before it is compared"),
        "{}",
        answer.stderr
    );
    let as_written = diff(
        root(),
        &[
            "examples/notebooks",
            "examples/.expected/notebooks.yaml",
            "--no-render",
        ],
    );
    assert!(
        as_written.stdout.contains("added DestinationRule"),
        "{}",
        as_written.stdout
    );
}

struct Repository(Folder);

impl Repository {
    fn new(test: &str) -> Self {
        let repository = Self(Folder::new(test));
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        repository
    }

    fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        command
            .args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.com",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(arguments)
            .current_dir(self.0.path());
        let done = run(command, b"");
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.stderr);
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Puts a side of a case into a folder of the repository.
    fn take(&self, case: &str, side: &str, folder: &str) {
        let from = root().join("fixtures/diff").join(case).join(side);
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let text = fs::read_to_string(entry.path()).unwrap();
            let name = entry.file_name().into_string().unwrap();
            self.0.write(&format!("{folder}/{name}"), &text);
        }
    }

    fn diff(&self, arguments: &[&str]) -> Run {
        diff(self.0.path(), arguments)
    }
}

#[test]
fn revisions_of_git_are_compared() {
    let repository = Repository::new("diff-git");
    repository.take("switched-off", "base", "team");
    repository.0.write(
        "other/note.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: note}\n",
    );
    repository.0.write(".github/broken.yaml", "{{ not yaml");
    repository.commit("on");
    repository.git(&["checkout", "--quiet", "-b", "work"]);
    repository.take("switched-off", "head", "team");
    repository.commit("off");
    let says = |answer: &Run| {
        assert_eq!(answer.code, 1, "{}{}", answer.stdout, answer.stderr);
        assert!(
            answer
                .stdout
                .contains("Notebook sales-analytics/churn is switched off"),
            "{}",
            answer.stdout
        );
    };
    let both = repository.diff(&["main", "work"]);
    says(&both);
    assert!(
        both.stdout.contains("(work:team/churn.yaml:2)"),
        "{}",
        both.stdout
    );
    says(&repository.diff(&["main", "HEAD", "--", "team"]));
    says(&repository.diff(&["main:team", "work:team"]));
    says(&repository.diff(&["main", "team"]));
    // The working tree, from anywhere in it.
    says(&repository.diff(&["main"]));
    says(&diff(&repository.0.path().join("team"), &["main", "--", "."]));
    says(&diff(
        &repository.0.path().join("other"),
        &["main", "work", "--", "../team"],
    ));
    assert_eq!(repository.diff(&["HEAD"]).code, 0);
    assert_eq!(repository.diff(&["main", "work", "--", "other"]).code, 0);
    // What one side does not have yet is new.
    repository.take("switched-off", "base", "new");
    repository.git(&["rm", "-r", "--quiet", "team"]);
    repository.commit("moved");
    let moved = repository.diff(&["main", "HEAD"]);
    assert_eq!(moved.code, 0, "{}{}", moved.stdout, moved.stderr);
}

#[test]
fn what_cannot_be_compared_is_trouble() {
    let repository = Repository::new("diff-trouble");
    repository.0.write(
        "a/a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
    );
    repository.0.write(
        "twice/a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
    );
    repository.0.write(
        "twice/b.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
    );
    repository.0.write("broken/b.yaml", "a: [");
    repository.0.write("empty/readme.md", "nothing");
    repository.commit("all");
    for (arguments, words) in [
        (&["a"][..], "say what to compare it with"),
        (&["nope", "a"], "nope is neither a path nor a git revision here"),
        (&["--", "a"], "required"),
        (
            &["HEAD:nope", "a"],
            "HEAD:nope: that revision has no manifests there",
        ),
        (
            &["HEAD", "HEAD", "--", "nope"],
            "nope: neither revision has manifests there",
        ),
        (&["HEAD", "HEAD", "--", "../.."], "is outside the git repository"),
        (&["a", "a", "--", "a"], "BASE and HEAD are paths already"),
        (&["a", "twice"], "this object is given twice"),
        (&["a", "broken"], "broken/b.yaml:1"),
        (&["empty", "empty"], "there is nothing to compare"),
        (&["a", "a", "--render", "--no-render"], "cannot be used with"),
        (&["--upload-pack=x", "a"], "unexpected argument"),
    ] {
        let answer = repository.diff(arguments);
        assert_eq!(answer.code, 2, "{arguments:?}: {}", answer.stdout);
        assert_eq!(answer.stdout, "", "{arguments:?}");
        assert!(answer.stderr.contains(words), "{arguments:?}: {}", answer.stderr);
    }
    let outside = Folder::new("diff-outside");
    outside.write("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    let mut command = Command::new(GATEWRIGHT);
    command
        .args(["diff", "main", "a.yaml"])
        .current_dir(outside.path())
        .env("GIT_CEILING_DIRECTORIES", outside.path().parent().unwrap());
    let answer = run(command, b"");
    assert_eq!(answer.code, 2);
    assert!(
        answer.stderr.contains("is in no git repository"),
        "{}",
        answer.stderr
    );
}

#[test]
fn a_comment_is_never_too_long() {
    let folder = Folder::new("diff-long");
    let mut objects = String::new();
    for index in 0..3000 {
        objects.push_str(&format!(
            "---\napiVersion: kubeflow.org/v1\nkind: Notebook\nmetadata: {{name: n{index}, namespace: team}}\nspec:\n  \
             template: {{spec: {{containers: [{{name: n{index}, image: \"quay.io/example/n:{index}\"}}]}}}}\n"
        ));
    }
    folder.write(
        "base/a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
    );
    folder.write("head/a.yaml", &objects);
    let answer = diff(folder.path(), &["base", "head", "--format", "markdown"]);
    assert_eq!(answer.code, 1, "{}", answer.stderr);
    assert!(answer.stdout.chars().count() < COMMENT);
    assert!(answer.stdout.contains("do not fit into a comment"));
    assert!(answer.stdout.ends_with("</details>\n"));
}

#[test]
fn json_has_the_shape_that_its_schema_says() {
    let schema: Value = serde_json::from_str(&run_schema().stdout).unwrap();
    assert_eq!(schema["title"], "Diff");
    let known = schema["properties"].as_object().unwrap();
    let text = fs::read_to_string(root().join("snapshots/diff/policy-dropped.json")).unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    for key in answer.as_object().unwrap().keys() {
        assert!(known.contains_key(key), "{key}");
    }
    assert_eq!(answer["format"], "gatewright.dev/diff/v1");
}

fn run_schema() -> Run {
    let mut command = Command::new(GATEWRIGHT);
    command.args(["schema", "diff"]);
    run(command, b"")
}
