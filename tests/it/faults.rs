//! The known faults of the real odh-notebook-controller, by number (`fixtures/odh-notebook-controller/README.md`), each
//! shown on rendered output not to be ours.
//!
//! Not here, for no generator can have or lack them:
//! - 7.13: what a browser sees when its session has expired is between the gateway's login and the guard's program.
//! - 7.14: for how long a right that was taken away works on is up to the caches of the guard's program.
//! - 7.17: other kinds of workbench: a kind that is not known passes through with the bytes it came with (`fidelity.rs`).
//! - 7.18: a list of links.

use std::collections::BTreeSet;
use std::process::Command;

use gatewright::krm::source::Source;
use gatewright::krm::stream;
use serde_json::{Value, json};

use crate::parts;
use crate::program::{Run, gatewright, run};

const IMAGE: &str =
    "quay.io/example/guard@sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn platform(flavor: &str, program: &str) -> String {
    format!(
        "apiVersion: gatewright.dev/v1alpha1\nkind: Platform\nmetadata: {{name: faults}}\nspec:\n  flavor: {flavor}\n  \
         sidecar: {{program: {program}, image: \"{IMAGE}\"}}\n"
    )
}

/// A Notebook; every name is quoted, and `more` stands in its pod's container.
fn notebook(namespace: &str, name: &str, auth: &str, more: &str) -> String {
    format!(
        "apiVersion: kubeflow.org/v1\nkind: Notebook\nmetadata:\n  name: \"{name}\"\n  namespace: \"{namespace}\"\n  \
         annotations:\n    notebooks.opendatahub.io/inject-auth: \"{auth}\"\n    opendatahub.io/username: alice\nspec:\n  \
         template:\n    spec:\n      containers:\n        - name: \"{name}\"\n          image: quay.io/example/jupyter:1\n{more}"
    )
}

fn rendered_text(documents: &[String]) -> String {
    let answer: Run = gatewright(&["fn"], documents.join("---\n").as_bytes());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    answer.stdout
}

fn rendered(documents: &[String]) -> Vec<Value> {
    let source = Source::from_bytes("rendered", rendered_text(documents).into_bytes()).unwrap();
    let stream = stream::frame(&source).unwrap();
    let read = |item: &stream::Item| item.piece(&source).value().unwrap();
    stream.items.iter().map(read).collect()
}

/// One guarded Notebook, `team/churn`.
fn guarded(flavor: &str, program: &str) -> Vec<Value> {
    rendered(&[platform(flavor, program), notebook("team", "churn", "true", "")])
}

fn of<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

#[track_caller]
fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found = of(objects, kind);
    assert_eq!(found.len(), 1, "{kind}: {found:#?}");
    found[0]
}

fn containers(objects: &[Value]) -> &Vec<Value> {
    let pod = &only(objects, "Notebook")["spec"]["template"]["spec"];
    pod["containers"].as_array().unwrap()
}

fn guard(objects: &[Value]) -> &Value {
    let mut all = containers(objects).iter();
    all.find(|container| container["name"] == "kube-rbac-proxy")
        .unwrap()
}

fn args(objects: &[Value]) -> Vec<&str> {
    let args = guard(objects)["args"].as_array().unwrap();
    args.iter().map(|arg| arg.as_str().unwrap()).collect()
}

fn configuration(object: &Value) -> &str {
    object["data"]["config-file.yaml"].as_str().unwrap()
}

const PROGRAMS: [&str; 2] = ["kube-rbac-proxy", "odh-kube-rbac-proxy"];

/// A program that takes the verb from the HTTP method asks for `create` when somebody runs a cell. What it asks about is
/// then a subresource on which the generated Role grants every verb; a right on the Notebook itself is never more than
/// `get`.
#[test]
fn fault_7_1_verb_is_ignored() {
    let stock = guarded("OpenShift", "kube-rbac-proxy");
    let file = configuration(only(&stock, "ConfigMap"));
    assert!(
        file.contains("subresource: \"access\"") && !file.contains("verb:"),
        "{file}"
    );
    let rule = &only(&stock, "Role")["rules"][0];
    assert_eq!(
        (&rule["resources"], &rule["verbs"], &rule["resourceNames"]),
        (&json!(["notebooks/access"]), &json!(["*"]), &json!(["churn"]))
    );
    let fork = guarded("OpenShift", "odh-kube-rbac-proxy");
    let file = configuration(only(&fork, "ConfigMap"));
    assert!(
        file.contains("verb: \"get\"") && !file.contains("subresource:"),
        "{file}"
    );
    let rule = &only(&fork, "Role")["rules"][0];
    assert_eq!(
        (&rule["resources"], &rule["verbs"], &rule["resourceNames"]),
        (&json!(["notebooks"]), &json!(["get"]), &json!(["churn"]))
    );
}

/// kubectl reads YAML as the guard's program does.
#[test]
fn fault_7_2_unquoted_names() {
    let names = [
        "yes", "on", "no", "true", "null", "1e3", "0x1f", "123", "0", "12e03", "y",
    ];
    let mut documents = vec![platform("OpenShift", "odh-kube-rbac-proxy")];
    documents.extend(names.iter().map(|name| notebook("team", name, "true", "")));
    documents.extend(names.iter().map(|name| notebook(name, "churn", "true", "")));
    let objects = rendered(&documents);
    let configs = of(&objects, "ConfigMap");
    assert_eq!(configs.len(), 2 * names.len());
    for config in &configs {
        for line in configuration(config).lines().filter(|line| !line.ends_with(':')) {
            let (_, scalar) = line.split_once(": ").unwrap();
            assert!(
                scalar.starts_with('"') && scalar.ends_with('"'),
                "not quoted: {line}"
            );
        }
    }
    if !parts::needs("kubectl") {
        return;
    }
    let as_object = |config: &&Value| {
        let head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n";
        format!("{head}{}", configuration(config))
    };
    let text: Vec<String> = configs.iter().map(as_object).collect();
    let mut kubectl = Command::new(parts::find("kubectl").unwrap());
    kubectl.args(["label", "--local", "-o", "json", "-f", "-", "read=back"]);
    let answer = run(kubectl, text.join("---\n").as_bytes());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let read: Vec<Value> = serde_json::Deserializer::from_str(&answer.stdout)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let said = |value: &Value| -> (String, String) {
        let attributes = &value["authorization"]["resourceAttributes"];
        let text = |field: &str| {
            attributes[field]
                .as_str()
                .unwrap_or_else(|| panic!("{attributes}"))
                .to_owned()
        };
        (text("namespace"), text("name"))
    };
    let said: BTreeSet<(String, String)> = read.iter().map(said).collect();
    let in_team = names.iter().map(|name| ("team".to_owned(), (*name).to_owned()));
    let churn = names.iter().map(|name| ((*name).to_owned(), "churn".to_owned()));
    assert_eq!(said, in_team.chain(churn).collect());
}

/// The fork cuts every connection after 30 seconds unless told not to; the others do not know the flag and do not start.
#[test]
fn fault_7_3_upstream_timeout() {
    for (program, flag) in [("kube-rbac-proxy", false), ("odh-kube-rbac-proxy", true)] {
        let objects = guarded("OpenShift", program);
        let timeouts: Vec<&str> = args(&objects)
            .into_iter()
            .filter(|arg| arg.starts_with("--upstream-timeout"))
            .collect();
        assert_eq!(
            timeouts,
            if flag {
                vec!["--upstream-timeout=0"]
            } else {
                Vec::new()
            },
            "{program}"
        );
        // A timeout on the route would do the same.
        assert!(only(&objects, "HTTPRoute")["spec"]["rules"][0]["timeouts"].is_null());
    }
}

#[test]
fn fault_7_4_route_without_auth() {
    let platform = platform("OpenShift", "odh-kube-rbac-proxy");
    for auth in ["false", "true"] {
        let objects = rendered(&[platform.clone(), notebook("team", "churn", auth, "")]);
        if auth == "false" {
            for kind in ["HTTPRoute", "Service", "ReferenceGrant"] {
                assert_eq!(of(&objects, kind).len(), 0, "{kind}");
            }
            continue;
        }
        // What a route leads to is a port of the Service, a port of the pod, and open to the gateway.
        let backend = &only(&objects, "HTTPRoute")["spec"]["rules"][0]["backendRefs"][0];
        let service = only(&objects, "Service");
        let port = &service["spec"]["ports"][0];
        assert_eq!(
            (&backend["name"], &backend["port"]),
            (&service["metadata"]["name"], &port["port"])
        );
        let own = &guard(&objects)["ports"][0];
        assert_eq!(
            (&port["targetPort"], &own["containerPort"]),
            (&own["name"], &json!(8443))
        );
        let policies = of(&objects, "NetworkPolicy");
        let open = policies.iter().any(|policy| {
            let rule = &policy["spec"]["ingress"][0];
            let from = &rule["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"];
            rule["ports"][0]["port"] == 8443 && *from == "openshift-ingress"
        });
        assert!(open, "{policies:#?}");
    }
}

/// The visitor's token ends at the guard: the gateway takes the headers off that its login service adds.
#[test]
fn fault_7_5_token_headers() {
    for program in PROGRAMS {
        let objects = guarded("OpenShift", program);
        let filters = only(&objects, "HTTPRoute")["spec"]["rules"][0]["filters"]
            .as_array()
            .unwrap();
        let removed: Vec<&Value> = filters
            .iter()
            .filter_map(|filter| filter["requestHeaderModifier"]["remove"].as_array())
            .flatten()
            .collect();
        for header in ["x-forwarded-access-token", "x-auth-request-access-token"] {
            assert!(
                removed.iter().any(|name| **name == *header),
                "{header}: {filters:#?}"
            );
        }
        // The guard needs this one, and takes it off itself.
        assert!(
            !removed
                .iter()
                .any(|name| name.as_str().unwrap().eq_ignore_ascii_case("authorization"))
        );
    }
}

#[test]
fn fault_7_6_routes_stand_in_one_namespace() {
    let objects = guarded("OpenShift", "odh-kube-rbac-proxy");
    assert_eq!(
        only(&objects, "HTTPRoute")["metadata"]["namespace"],
        "opendatahub"
    );
    let grant = &only(&objects, "ReferenceGrant")["spec"];
    assert_eq!(grant["from"][0]["namespace"], "opendatahub");
    assert_eq!(
        grant["to"][0]["name"], "churn-kube-rbac-proxy",
        "and nothing else of the namespace"
    );
}

#[test]
fn fault_7_7_right_to_review_tokens() {
    let objects = guarded("OpenShift", "odh-kube-rbac-proxy");
    let binding = only(&objects, "ClusterRoleBinding");
    assert_eq!(binding["roleRef"]["name"], "system:auth-delegator");
    assert_eq!(
        binding["subjects"],
        json!([{"kind": "ServiceAccount", "name": "churn", "namespace": "team"}])
    );
    let account = only(&objects, "ServiceAccount");
    assert_eq!(account["metadata"]["name"], "churn");
    assert_eq!(account["automountServiceAccountToken"], false);
    let volumes = only(&objects, "Notebook")["spec"]["template"]["spec"]["volumes"]
        .as_array()
        .unwrap();
    let with_token: Vec<&Value> = volumes
        .iter()
        .filter(|volume| volume.to_string().contains("serviceAccountToken"))
        .map(|volume| &volume["name"])
        .collect();
    assert_eq!(with_token.len(), 1);
    for container in containers(&objects) {
        let mounts = container["volumeMounts"].as_array().into_iter().flatten();
        let mounted = mounts.filter(|mount| mount["name"] == *with_token[0]).count();
        assert_eq!(
            mounted,
            usize::from(container["name"] == "kube-rbac-proxy"),
            "{container}"
        );
    }
    // Nobody shares an account that every pod gets.
    let named = notebook("team", "default", "true", "");
    let objects = rendered(&[platform("OpenShift", "odh-kube-rbac-proxy"), named]);
    assert_ne!(
        only(&objects, "ClusterRoleBinding")["subjects"][0]["name"],
        "default"
    );
}

#[test]
fn fault_7_8_random_names() {
    let long = "n".repeat(52);
    let mut documents = vec![platform("OpenShift", "odh-kube-rbac-proxy")];
    for namespace in ["a", "a-b", "a-b-c", &"s".repeat(63)] {
        for name in ["c", "b-c", "x-rbac-a", &long] {
            documents.push(notebook(namespace, name, "true", ""));
        }
    }
    let identities = |documents: &[String]| -> BTreeSet<String> {
        let objects = rendered(documents);
        let identity = |object: &Value| {
            let metadata = &object["metadata"];
            assert!(metadata["generateName"].is_null(), "{object}");
            format!(
                "{} {} {}",
                object["kind"], metadata["namespace"], metadata["name"]
            )
        };
        let all: BTreeSet<String> = objects.iter().map(identity).collect();
        assert_eq!(all.len(), objects.len(), "no two objects have one name");
        all
    };
    let forwards = identities(&documents);
    documents[1..].reverse();
    assert_eq!(identities(&documents), forwards);
    // Each alone gives the names that it has among the others.
    for alone in &documents[1..] {
        let own = identities(&[documents[0].clone(), alone.clone()]);
        assert!(own.is_subset(&forwards), "{:#?}", own.difference(&forwards));
    }
}

/// A culler that cannot ask a notebook takes it for idle.
#[test]
fn fault_7_9_culler() {
    for (more, port) in [("", 8888), ("          ports: [{containerPort: 8787}]\n", 8787)] {
        let platform = platform("OpenShift", "odh-kube-rbac-proxy");
        // The Notebook beside it is not guarded, and closed all the same.
        let busy = [
            notebook("team", "churn", "true", more),
            notebook("team", "plain", "false", more),
        ];
        let objects = rendered(&[platform, busy[0].clone(), busy[1].clone()]);
        for name in ["churn", "plain"] {
            let reaches = of(&objects, "NetworkPolicy").iter().any(|policy| {
                let selector = &policy["spec"]["podSelector"];
                let selects = selector["matchLabels"]["notebook-name"] == *name
                    || selector["matchExpressions"][0]["operator"] == "Exists";
                let rules = policy["spec"]["ingress"].as_array().unwrap();
                selects
                    && rules.iter().any(|rule| {
                        rule["ports"][0]["port"] == port
                            && rule["from"][0]["podSelector"]["matchLabels"]["app"] == "notebook-controller"
                    })
            });
            assert!(reaches, "{name} {port}");
        }
    }
}

/// The path of the route is the one that the notebook controller tells the server (`NB_PREFIX`), and is not rewritten.
#[test]
fn fault_7_10_base_path() {
    let rule = &only(&guarded("OpenShift", "odh-kube-rbac-proxy"), "HTTPRoute")["spec"]["rules"][0].clone();
    assert_eq!(
        rule["matches"],
        json!([{"path": {"type": "PathPrefix", "value": "/notebook/team/churn"}}])
    );
    for filter in rule["filters"].as_array().into_iter().flatten() {
        assert_eq!(filter["type"], "RequestHeaderModifier", "{filter}");
    }
}

/// What a guarded pod mounts is there before it: in the order of the output and in Argo CD's.
#[test]
fn fault_7_11_first_notebook() {
    let objects = guarded("OpenShift", "odh-kube-rbac-proxy");
    for kind in ["ConfigMap", "Service", "ServiceAccount", "ClusterRoleBinding"] {
        let wave = only(&objects, kind)["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"].as_str();
        assert!(wave.unwrap().parse::<i32>().unwrap() < 0, "{kind}");
    }
    let pod = &only(&objects, "Notebook")["spec"]["template"]["spec"];
    let mounted: Vec<&Value> = pod["volumes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|volume| volume["configMap"].get("name"))
        .collect();
    assert_eq!(mounted, [&only(&objects, "ConfigMap")["metadata"]["name"]]);
}

/// Nothing restarts that did not change: rendered again, the same bytes; and no tag that means another image tomorrow.
/// (That no Notebook can be written while a webhook is away cannot happen to who has none.)
#[test]
fn fault_7_12_restarts() {
    let documents = [
        platform("OpenShift", "odh-kube-rbac-proxy"),
        notebook("team", "churn", "true", ""),
    ];
    let first = rendered_text(&documents);
    assert_eq!(rendered_text(std::slice::from_ref(&first)), first);
    let tag = documents[0].replace(IMAGE, "quay.io/example/guard:latest");
    let answer = gatewright(&["fn"], [tag, documents[1].clone()].join("---\n").as_bytes());
    assert_eq!(answer.code, 1, "{}", answer.stdout);
    assert!(answer.stderr.contains("sidecar.image"), "{}", answer.stderr);
}

#[test]
fn fault_7_15_certificates() {
    const ASKS_SERVICE_CA: &str = "service.beta.openshift.io/serving-cert-secret-name";
    let secret = |objects: &[Value]| -> Value {
        let volumes = &only(objects, "Notebook")["spec"]["template"]["spec"]["volumes"];
        let mut all = volumes.as_array().unwrap().iter();
        all.find_map(|volume| volume["secret"].get("secretName"))
            .unwrap()
            .clone()
    };
    let kubernetes = guarded("Kubernetes", "odh-kube-rbac-proxy");
    let service = only(&kubernetes, "Service");
    let certificate = &only(&kubernetes, "Certificate")["spec"];
    assert_eq!(certificate["secretName"], secret(&kubernetes));
    let host = format!("{}.team.svc", service["metadata"]["name"].as_str().unwrap());
    assert_eq!(certificate["dnsNames"][0], host);
    assert!(service["metadata"]["annotations"][ASKS_SERVICE_CA].is_null());
    let openshift = guarded("OpenShift", "odh-kube-rbac-proxy");
    let service = only(&openshift, "Service");
    assert_eq!(
        service["metadata"]["annotations"][ASKS_SERVICE_CA],
        secret(&openshift)
    );
    assert_eq!(of(&openshift, "Certificate").len(), 0);
}

/// No bundle of the cluster's certificates is made, so none stays incomplete: sources in the input change nothing.
#[test]
fn fault_7_16_incomplete_bundle() {
    let source = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: odh-trusted-ca-bundle, namespace: team}\ndata: {ca-bundle.crt: x}\n";
    let documents = [
        platform("OpenShift", "odh-kube-rbac-proxy"),
        notebook("team", "churn", "true", ""),
    ];
    let without = rendered(&documents);
    let [platform, notebook] = documents;
    let mut with = rendered(&[platform, notebook, source.to_owned()]);
    with.retain(|object| object["metadata"]["name"] != "odh-trusted-ca-bundle");
    assert_eq!(with, without);
}
