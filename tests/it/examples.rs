//! The examples: which there are, what they render to, and what must be true of each.
//!
//! `make examples` writes `examples/.expected`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gatewright::model::keys::SOURCE;
use serde_json::Value;

use crate::orchestrators::{Objects, objects};
use crate::program::{Folder, gatewright};

/// README's main example.
pub(crate) const MAIN: &str = "platform/openshift";
/// Notebooks alone.
pub(crate) const NOTEBOOKS: &str = "notebooks";
/// Every folder of `examples` with a Platform and all that belongs to it.
pub(crate) const ALL: [&str; 6] = [
    MAIN,
    "platform/openshift-oidc",
    "platform/kubernetes-istio",
    "platform/kubernetes-envoy-gateway",
    "platform/beside-operator",
    NOTEBOOKS,
];

/// What `gatewright render` prints for an example.
pub(crate) fn rendered(example: &str) -> String {
    let answer = gatewright(&["render", &format!("examples/{example}")], b"");
    assert_eq!(answer.code, 0, "{example}: {}", answer.stderr);
    answer.stdout
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn expected(example: &str) -> PathBuf {
    let name = example.replace('/', "-");
    root().join(format!("examples/.expected/{name}.yaml"))
}

fn subfolders(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("examples").join(folder)).unwrap();
    let entries = entries.map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

/// Objects of one kind.
fn of_kind<'a>(objects: &'a Objects, kind: &str) -> Vec<&'a Value> {
    let of_kind = objects.iter().filter(|(id, _)| id[1] == kind);
    of_kind.map(|(_, value)| value).collect()
}

#[test]
fn the_table_names_every_example() {
    let platform = subfolders("platform");
    let named: BTreeSet<String> = ALL
        .iter()
        .filter_map(|example| example.strip_prefix("platform/"))
        .map(str::to_owned)
        .collect();
    assert_eq!(named, platform);
    let files: BTreeSet<PathBuf> = fs::read_dir(root().join("examples/.expected"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files, ALL.map(expected).into_iter().collect());
}

#[test]
fn the_expected_outputs_are_what_render_prints() {
    for example in ALL {
        let path = expected(example);
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            expected == rendered(example),
            "{} is not what `gatewright render examples/{example}` prints; run `make examples`",
            path.display()
        );
    }
}

#[test]
fn readme_shows_a_part_of_the_main_example() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, from_excerpt) = readme.split_once("<!-- excerpt -->\n```yaml\n").unwrap();
    let (excerpt, _) = from_excerpt.split_once("```").unwrap();
    assert!(
        rendered(MAIN).contains(excerpt),
        "README.md shows another output:\n{excerpt}"
    );
}

/// What is written is a tree of its own, and rendering that changes nothing.
#[test]
fn rendering_the_output_again_gives_the_same() {
    for example in ALL {
        let folder = Folder::new("examples-twice");
        let output = rendered(example);
        folder.write("output.yaml", &output);
        // What goes to no cluster is not in the output, and defines it.
        let local =
            |(_, text): &(String, String)| text.contains("config.kubernetes.io/local-config: \"true\"");
        for (name, text) in files(example).into_iter().filter(local) {
            folder.write(&name, &text);
        }
        let again = gatewright(&["render", folder.path().to_str().unwrap()], b"");
        assert_eq!(again.code, 0, "{example}: {}", again.stderr);
        assert_eq!(objects(&again.stdout), objects(&output), "{example}");
    }
}

/// The files of an example, by name.
pub(crate) fn files(example: &str) -> Vec<(String, String)> {
    let folder = root().join("examples").join(example);
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.is_file()).map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    files.collect()
}

#[test]
fn every_generated_object_is_in_one_access_graph() {
    for example in ALL {
        let objects = objects(&rendered(example));
        let graphs = of_kind(&objects, "AccessGraph");
        let listed: Vec<[&str; 4]> = graphs
            .iter()
            .flat_map(|graph| graph["spec"]["objects"].as_array().unwrap())
            .map(|member| ["group", "kind", "namespace", "name"].map(|key| text(&member[key])))
            .collect();
        let unique: BTreeSet<&[&str; 4]> = listed.iter().collect();
        assert_eq!(unique.len(), listed.len(), "{example}: an object is listed twice");
        let made: BTreeSet<[&str; 4]> = objects
            .values()
            .filter(|object| object["metadata"]["annotations"].get(SOURCE).is_some())
            .filter(|object| object["kind"] != "AccessGraph")
            .map(|object| {
                let (group, _) = text(&object["apiVersion"]).rsplit_once('/').unwrap_or_default();
                let metadata = &object["metadata"];
                [
                    group,
                    text(&object["kind"]),
                    text(&metadata["namespace"]),
                    text(&metadata["name"]),
                ]
            })
            .collect();
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), made, "{example}");
    }
}

/// What each example is there to show.
#[test]
fn each_example_holds_what_its_name_says() {
    for (example, mode, kinds, absent) in [
        (
            MAIN,
            "OpenShift",
            &["Route", "OAuthClient", "DestinationRule"][..],
            &["Certificate"][..],
        ),
        (
            "platform/openshift-oidc",
            "OIDC",
            &["DestinationRule"],
            &["Route", "OAuthClient", "Certificate"],
        ),
        (
            "platform/kubernetes-istio",
            "OIDC",
            &["BackendTLSPolicy", "Certificate", "ExternalSecret"],
            &["Route", "OAuthClient", "GatewayConfig", "Auth"],
        ),
        (
            "platform/kubernetes-envoy-gateway",
            "OIDC",
            &["BackendTLSPolicy", "Certificate", "EnvoyProxy"],
            &["Route", "OAuthClient", "EnvoyFilter", "DestinationRule", "Auth"],
        ),
        (
            "platform/beside-operator",
            "OpenShift",
            &["Route", "GatewayConfig", "Auth"],
            &["Secret", "Group"],
        ),
    ] {
        let objects = objects(&rendered(example));
        let always = [
            "Deployment",
            "Gateway",
            "HTTPRoute",
            "NetworkPolicy",
            "HorizontalPodAutoscaler",
        ];
        for kind in always.iter().chain(kinds) {
            assert!(!of_kind(&objects, kind).is_empty(), "{example}: no {kind}");
        }
        for kind in absent {
            assert!(of_kind(&objects, kind).is_empty(), "{example}: a {kind}");
        }
        assert_eq!(of_kind(&objects, "Notebook").len(), 2, "{example}");
        let graphs = of_kind(&objects, "AccessGraph");
        let of_login: Vec<_> = graphs
            .iter()
            .filter_map(|graph| graph["spec"].get("authMode"))
            .collect();
        assert_eq!(of_login, [mode, mode], "{example}: of Auth and of the gateway");
    }
}

/// Beside the operator, whatever has the name of an object of its own must carry its opt-out, or the two fight.
#[test]
fn beside_the_operator_the_gateways_objects_are_opted_out() {
    let objects = objects(&rendered("platform/beside-operator"));
    let of_gateway = objects.values().filter(|object| {
        text(&object["metadata"]["annotations"][SOURCE]).starts_with("services.platform.opendatahub.io/")
            && object["kind"] != "AccessGraph"
    });
    let mut count = 0;
    for object in of_gateway {
        let managed = &object["metadata"]["annotations"]["opendatahub.io/managed"];
        assert_eq!(managed, "false", "{object:#}");
        count += 1;
    }
    assert!(count > 15, "{count}");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
