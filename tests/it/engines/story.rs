//! What the engines are given, one thing after the other: an example, and what becomes of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gatewright::cluster::object::Object;
use gatewright::krm::source::Source;
use gatewright::krm::stream as frames;
use gatewright::order::flux::Closing;

use super::recorder::object;
use crate::program::{Folder, gatewright};

/// What is in git at a time.
pub(crate) struct Chapter {
    /// What happens.
    pub(crate) name: &'static str,
    /// The example, where it is another than the story's.
    example: Option<&'static str>,
    /// Besides `churn`, a second Notebook behind a guard.
    second: bool,
    /// Files and what is replaced in them.
    edits: &'static [(&'static str, &'static str, &'static str)],
    /// Nothing but the Namespaces.
    emptied: bool,
    /// What is open for a moment with one Kustomization, and is known to be: a namespace's first Notebook and an API server
    /// come before their first policy.
    pub(crate) open_under_flux: &'static [&'static str],
}

const PLAIN: Chapter = Chapter {
    name: "",
    example: None,
    second: false,
    edits: &[],
    emptied: false,
    open_under_flux: &[],
};

/// Until the first policy is there, with two Notebooks that are switched on and one that is not, and KubeRay's API server.
const FIRST_MOMENT: [&str; 4] = [
    "everybody, every pod of the cluster included, may reach ports 8887, 8888 of Deployment opendatahub/kuberay-apiserver, past its guard",
    "everybody, every pod of the cluster included, may reach port 8888 of Notebook sales-analytics/churn, past its guard",
    "everybody, every pod of the cluster included, may reach port 8888 of Notebook sales-analytics/scratch, which has no guard",
    "everybody, every pod of the cluster included, may reach port 8888 of Notebook sales-analytics/second, past its guard",
];

/// The login of an issuer.
pub(crate) fn on_kubernetes() -> Vec<Chapter> {
    let nobody = &[("platform.yaml", "authMode: OIDC", "authMode: None")];
    let unconfigured = &[(
        "gatewayconfig.yaml",
        "    issuerURL: https://id.example.com/realms/staff\n",
        "",
    )];
    vec![
        Chapter {
            name: "switched on",
            second: true,
            open_under_flux: &FIRST_MOMENT,
            ..PLAIN
        },
        Chapter {
            name: "one Notebook removed",
            ..PLAIN
        },
        Chapter {
            name: "nobody can log in",
            edits: nobody,
            ..PLAIN
        },
        Chapter {
            name: "people can log in again",
            ..PLAIN
        },
        Chapter {
            name: "OIDC unconfigured",
            edits: unconfigured,
            ..PLAIN
        },
        Chapter {
            name: "OIDC configured again, and a second Notebook",
            second: true,
            ..PLAIN
        },
        Chapter {
            name: "everything removed",
            emptied: true,
            ..PLAIN
        },
    ]
}

/// From `OpenShift`'s own login to that of an issuer.
pub(crate) fn on_openshift() -> Vec<Chapter> {
    vec![
        Chapter {
            name: "switched on",
            second: true,
            open_under_flux: &FIRST_MOMENT,
            ..PLAIN
        },
        Chapter {
            name: "one Notebook removed",
            ..PLAIN
        },
        Chapter {
            name: "another way to log in",
            example: Some("platform/openshift-oidc"),
            ..PLAIN
        },
        Chapter {
            name: "and back",
            ..PLAIN
        },
        Chapter {
            name: "everything removed",
            emptied: true,
            ..PLAIN
        },
    ]
}

/// What is rendered of a chapter.
pub(crate) fn rendered(example: &str, chapter: &Chapter) -> Vec<Object> {
    let folder = input(example, chapter);
    let answer = gatewright(&["render", folder.path().to_str().unwrap()], b"");
    assert_eq!(answer.code, 0, "{}: {}", chapter.name, answer.stderr);
    let mut objects = objects(&answer.stdout);
    if chapter.emptied {
        objects.retain(|object| object.id.kind == "Namespace");
    }
    objects
}

/// The files that a chapter is rendered from.
fn input(example: &str, chapter: &Chapter) -> Folder {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(chapter.example.unwrap_or(example));
    let folder = Folder::new("story");
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut text = fs::read_to_string(&path).unwrap();
        for (file, old, new) in chapter.edits {
            if *file == name {
                assert!(text.contains(old), "{name} has no {old:?}");
                text = text.replace(old, new);
            }
        }
        if chapter.second && name == "churn.yaml" {
            folder.write("second.yaml", &text.replace("churn", "second"));
        }
        folder.write(&name, &text);
    }
    folder
}

/// Every object of a stream.
pub(crate) fn objects(text: &str) -> Vec<Object> {
    let source = Source::from_bytes("output", text.as_bytes().to_vec()).unwrap();
    let items = frames::frame(&source).unwrap().items;
    items
        .iter()
        .map(|item| object(item.piece(&source).value().unwrap()))
        .collect()
}

/// Namespaces that the cluster has anyway.
pub(crate) fn foreign_namespaces(all: &[&Object]) -> BTreeSet<String> {
    let own: BTreeSet<&str> = all
        .iter()
        .filter(|object| object.id.kind == "Namespace")
        .map(|object| object.id.name.as_str())
        .collect();
    all.iter()
        .map(|object| object.id.namespace.as_str())
        .filter(|namespace| !namespace.is_empty() && !own.contains(namespace))
        .map(str::to_owned)
        .collect()
}

/// As two Kustomizations: what `render --layout flux` writes into their folders, which is what the simulation takes for them.
pub(crate) fn laid_out(example: &str, chapter: &Chapter, rendered: &[Object]) -> (Vec<Object>, Vec<Object>) {
    let folder = input(example, chapter);
    let root = folder.path().to_str().unwrap();
    let output = format!("{root}/.out");
    let arguments = [
        "render",
        root,
        "-o",
        &output,
        "--layout",
        "flux",
        "--flux-path",
        "out",
    ];
    let answer = gatewright(&arguments, b"");
    assert_eq!(answer.code, 0, "{}: {}", chapter.name, answer.stderr);
    let read = |half: &str| {
        let mut objects = Vec::new();
        below(&Path::new(&output).join(half), &mut objects);
        objects.retain(|object| !chapter.emptied || object.id.kind == "Namespace");
        objects
    };
    let (closing, rest) = (read("closing"), read("rest"));
    if !chapter.emptied {
        let known = Closing::of(rendered);
        assert!(!closing.is_empty() && closing.iter().all(|object| known.holds(object)));
        assert!(!rest.is_empty() && !rest.iter().any(|object| known.holds(object)));
    }
    assert_eq!(closing.len() + rest.len(), rendered.len());
    (closing, rest)
}

fn below(folder: &Path, found: &mut Vec<Object>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, found);
        } else {
            found.extend(objects(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Objects as an engine reads them.
pub(crate) fn stream(objects: &[Object]) -> String {
    let documents: Vec<String> = objects.iter().map(|object| object.value.to_string()).collect();
    documents.join("\n---\n")
}
