//! Beside Open Data Hub's operator: what we render, applied over what the real one made (`fixtures/odh-gateway`).
//!
//! Server-side apply leaves what another owner wrote and we do not name. On the operator's objects that must be nothing
//! that matters: an argument, a variable or a port of its own beside ours would be a third thing that nobody meant.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::{APPLY, Added, differences, is_ours, named, namespaces, objects, remove, root, text_of, version};
use crate::control_plane;
use crate::examples;
use crate::program::{Folder, gatewright};

/// What stays of the operator's on objects that are ours now, and why that is harmless: kind (empty: every kind), how the
/// difference begins, reason.
const STAYS: [(&str, &str, &str); 5] = [
    (
        "",
        "/metadata/labels/",
        "its labels: what has the opt-out it does not look at",
    ),
    (
        "Deployment",
        "/spec/template/metadata/labels/app.kubernetes.io~1component was added",
        "a label that nothing selects",
    ),
    (
        "Deployment",
        "/spec/template/metadata/annotations was added: {\"opendatahub.io/secret-hash\"",
        "its hash of secrets, which nothing reads",
    ),
    (
        "Deployment",
        "/spec/template/spec/containers/0/ports was ",
        "its port 4180, at which nothing listens any more",
    ),
    (
        "OAuthClient",
        "/secret was added",
        "the client's secret, which is never in git",
    ),
];

/// The client of the recording with OIDC.
const OIDC: &str = "  oidc:
    issuerURL: https://idp.example.com/realms/data
    clientID: data-client
    clientSecretRef: {name: oidc-client, key: clientSecret}
";

/// What we render from the example, in a mode of the recordings.
fn rendered(case: &str) -> Vec<Value> {
    if case == "01-oauth" {
        return objects(&examples::rendered("platform/beside-operator"));
    }
    let folder = Folder::new("takeover");
    for (name, text) in examples::files("platform/beside-operator") {
        let text = text.replace("type: IntegratedOAuth", "type: OIDC");
        let text = text.replace(
            "  ingressMode: OcpRoute",
            &format!("  ingressMode: OcpRoute\n{OIDC}#"),
        );
        folder.write(&name, &text);
    }
    let answer = gatewright(&["render", folder.path().to_str().unwrap()], b"");
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    objects(&answer.stdout)
}

/// What the operator had applied, as far as a server takes it again.
fn recorded(case: &str) -> Vec<Value> {
    let text = fs::read_to_string(root().join(format!("fixtures/odh-gateway/{case}/live-1.yaml"))).unwrap();
    let mut all = objects(&text);
    // The Secret's values and the Group's kind are not in the recording.
    all.retain(|object| !["Secret", "Group", "GatewayConfig", "Auth"].contains(&named(object).0));
    for object in &mut all {
        let object = object.as_object_mut().unwrap();
        object.remove("status");
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.remove("ownerReferences");
        metadata.remove("generation");
        if object["kind"] == "Service" {
            let spec = object["spec"].as_object_mut().unwrap();
            for given in ["clusterIP", "clusterIPs"] {
                spec.remove(given);
            }
        }
    }
    all
}

#[test]
fn nothing_of_the_operators_is_left_that_matters() {
    let Some(plane) = control_plane::shared() else {
        return;
    };
    let _names = super::lock();
    let mut stay = BTreeSet::new();
    for case in ["01-oauth", "03-oidc"] {
        let theirs = recorded(case);
        let ours = rendered(case);
        plane.namespaces(namespaces(&theirs));
        plane.namespaces(namespaces(&ours));
        let operator = [
            "apply",
            "--server-side",
            "--validate=false",
            "--force-conflicts",
            "--field-manager=gatewayconfig",
        ];
        plane.on(&operator, &theirs);
        let taken: Vec<Value> = ours
            .iter()
            .filter(|object| is_ours(object) && theirs.iter().any(|other| same(object, other)))
            .cloned()
            .collect();
        assert!(taken.len() > 12, "{case}: only {}", taken.len());
        plane.on(&APPLY, &taken);
        let second = plane.on(&APPLY, &taken);
        let read = plane.on(&["get"], &taken);
        let mut wrong = Vec::new();
        for ((written, second), read) in taken.iter().zip(&second).zip(&read) {
            let (kind, name) = named(written);
            assert_eq!(version(second), version(read), "{case}: {kind} {name}");
            let left = differences(kind, "", written, read, Added::ServerOwned);
            for what in left {
                match STAYS.iter().position(|row| stays(*row, kind, &what)) {
                    Some(row) => _ = stay.insert(row),
                    None => wrong.push(format!("{case}: {kind} {name}: {what}")),
                }
            }
            let managed = &read["metadata"]["annotations"]["opendatahub.io/managed"];
            assert_eq!(managed, &json!("false"), "{case}: {kind} {name}");
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        remove(plane, &theirs);
    }
    assert_eq!(stay.len(), STAYS.len(), "no longer there: {stay:?}");
}

fn stays((of, begin, _): (&str, &str, &str), kind: &str, what: &str) -> bool {
    (of.is_empty() || of == kind) && what.starts_with(begin)
}

fn same(left: &Value, right: &Value) -> bool {
    let id = |object: &Value| {
        let namespace = text_of(&object["metadata"]["namespace"]).to_owned();
        let (kind, name) = named(object);
        (kind.to_owned(), namespace, name.to_owned())
    };
    id(left) == id(right)
}
