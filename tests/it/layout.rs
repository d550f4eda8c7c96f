//! `render -o DIR --layout flux`: two Kustomizations of Flux, what closes before everything else.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::engines::story::objects;
use crate::parts;
use crate::program::{Folder, GATEWRIGHT, Run, run};

const EXAMPLE: &str = "examples/platform/kubernetes-istio";

fn render(folder: &Path, more: &[&str]) -> Run {
    let mut command = Command::new(GATEWRIGHT);
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join(EXAMPLE);
    command.arg("render").arg(example).args(more).current_dir(folder);
    run(command, b"")
}

/// Files below a folder, by their paths from there, without what is hidden.
fn files(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !name.starts_with('.') {
                found.insert(name);
            }
        }
    }
    found
}

fn read(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    objects(&text).into_iter().map(|object| object.value).collect()
}

#[test]
fn what_closes_has_a_folder_of_its_own() {
    let folder = Folder::new("layout");
    let answer = render(folder.path(), &["-o", "fleet/access", "--layout", "flux"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let out = folder.path().join("fleet/access");
    let found = files(&out);
    let beside: Vec<&str> = found
        .iter()
        .map(String::as_str)
        .filter(|name| !name.contains('/'))
        .collect();
    assert_eq!(beside, ["flux.yaml", "kustomization.yaml"]);
    let mut closing = BTreeSet::new();
    for name in found.iter().filter(|name| name.contains('/')) {
        let object = &read(&out.join(name))[0];
        let class = object["metadata"]["annotations"]["gatewright.dev/class"].as_str();
        let is_namespace = object["kind"] == "Namespace";
        assert_eq!(
            name.starts_with("closing/"),
            class == Some("enforce") || is_namespace,
            "{name}"
        );
        if name.starts_with("closing/") {
            closing.insert(object["kind"].as_str().unwrap().to_owned());
        }
    }
    let expected = ["BackendTLSPolicy", "EnvoyFilter", "Namespace", "NetworkPolicy"];
    assert_eq!(closing, BTreeSet::from(expected.map(str::to_owned)));

    let [first, second] = <[Value; 2]>::try_from(read(&out.join("flux.yaml"))).unwrap();
    let source = json!({ "kind": "GitRepository", "name": "flux-system" });
    assert_eq!(
        first["metadata"],
        json!({ "name": "gatewright-closing", "namespace": "flux-system" })
    );
    assert_eq!(
        first["spec"],
        json!({ "interval": "10m", "path": "./fleet/access/closing", "prune": false, "sourceRef": source,
            "timeout": "5m", "wait": true })
    );
    assert_eq!(
        second["metadata"],
        json!({ "name": "gatewright", "namespace": "flux-system" })
    );
    assert_eq!(
        second["spec"],
        json!({ "dependsOn": [{ "name": "gatewright-closing" }], "interval": "10m",
            "path": "./fleet/access/rest", "prune": true, "sourceRef": source })
    );
}

#[test]
fn the_flags_say_where_flux_finds_it() {
    let folder = Folder::new("layout-flags");
    let flags = [
        "-o",
        "out",
        "--layout",
        "flux",
        "--flux-name",
        "ai",
        "--flux-namespace",
        "tenants",
        "--flux-source",
        "fleet",
        "--flux-path",
        "./clusters/ai/",
    ];
    let answer = render(folder.path(), &flags);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let both = read(&folder.path().join("out/flux.yaml"));
    let told: Vec<[&Value; 4]> = both
        .iter()
        .map(|one| {
            let (meta, spec) = (&one["metadata"], &one["spec"]);
            [
                &meta["name"],
                &meta["namespace"],
                &spec["sourceRef"]["name"],
                &spec["path"],
            ]
        })
        .collect();
    assert_eq!(
        told,
        [
            ["ai-closing", "tenants", "fleet", "./clusters/ai/closing"],
            ["ai", "tenants", "fleet", "./clusters/ai/rest"],
        ]
    );
}

#[test]
fn without_a_folder_it_is_wrong_usage() {
    let folder = Folder::new("layout-usage");
    for (flags, part) in [
        (&["--layout", "flux"][..], "--output"),
        (&["-o", "out", "--flux-source", "fleet"], "--layout"),
        (&["-o", "out", "--layout", "argo"], "flux"),
        (&["-o", "../out", "--layout", "flux"], "--flux-path"),
        (
            &["-o", "out", "--layout", "flux", "--flux-path", "/srv/fleet"],
            "--flux-path",
        ),
    ] {
        let answer = render(folder.path(), flags);
        assert_eq!(answer.code, 2, "{flags:?}: {}", answer.stderr);
        assert!(answer.stderr.contains(part), "{flags:?}: {}", answer.stderr);
        assert_eq!(answer.stdout, "");
    }
    assert_eq!(files(folder.path()), BTreeSet::new(), "nothing is written");
}

#[test]
fn it_is_checked_and_brought_up_to_date_like_any_output() {
    let folder = Folder::new("layout-check");
    let layout = ["-o", "out", "--layout", "flux"];
    let checked = ["-o", "out", "--layout", "flux", "--check"];
    // From the other layout, and back: no file is left over.
    assert_eq!(render(folder.path(), &["-o", "out"]).code, 0);
    let flat = files(&folder.path().join("out"));
    assert_eq!(render(folder.path(), &checked).code, 1);
    assert_eq!(render(folder.path(), &layout).code, 0);
    assert_eq!(render(folder.path(), &checked).code, 0);
    let both = files(&folder.path().join("out"));
    assert_eq!(both.len(), flat.len() + 2);
    let kustomizations = folder.path().join("out/flux.yaml");
    let text = std::fs::read_to_string(&kustomizations).unwrap();
    std::fs::write(&kustomizations, text.replace("prune: false", "prune: true")).unwrap();
    let answer = render(folder.path(), &checked);
    assert_eq!(answer.code, 1);
    assert!(
        answer.stderr.contains("changed: out/flux.yaml"),
        "{}",
        answer.stderr
    );
    let answer = render(folder.path(), &layout);
    assert!(
        answer.stderr.contains("out/flux.yaml: was changed by hand"),
        "{}",
        answer.stderr
    );
    assert_eq!(std::fs::read_to_string(&kustomizations).unwrap(), text);
    assert_eq!(render(folder.path(), &["-o", "out"]).code, 0);
    assert_eq!(files(&folder.path().join("out")), flat);
}

/// Flux makes a kustomization of a folder that has none, as `kustomize create --recursive` does; the folder as a whole has one.
#[test]
fn the_folder_as_a_whole_is_the_two_kustomizations() {
    if !parts::needs("kustomize") {
        return;
    }
    let folder = Folder::new("layout-whole");
    assert_eq!(render(folder.path(), &["-o", "out", "--layout", "flux"]).code, 0);
    let mut command = Command::new(parts::find("kustomize").unwrap());
    command.arg("build").arg(folder.path().join("out"));
    let built = run(command, b"");
    assert_eq!(built.code, 0, "{}", built.stderr);
    let kinds: Vec<String> = objects(&built.stdout)
        .iter()
        .map(|object| object.id.to_string())
        .collect();
    assert_eq!(
        kinds,
        [
            "Kustomization flux-system/gatewright",
            "Kustomization flux-system/gatewright-closing"
        ]
    );
}
