//! Properties of the graph around many Notebooks whose names invite mix-ups: what refers to something leads somewhere, no
//! two Notebooks get an object of the same name, and nothing is served that nothing guards.

use std::collections::{BTreeMap, BTreeSet};

use gatewright::krm::source::{STDIN, Source};
use gatewright::model::keys;
use gatewright::model::names::{LABEL_MAX, joined, suffixed};
use gatewright::model::platform::Environment;
use gatewright::render::respond::{Response, respond};
use gatewright::render::{Framed, frame};
use proptest::prelude::*;
use serde_json::Value;

use crate::orchestrators::{Objects, objects};
use crate::references::unresolved;

const NAMESPACES: [&str; 5] = ["a", "b", "a-b", "a-b-c", "opendatahub"];

/// Names that ours could be taken for, with prefixes, suffixes, hashes and cuts.
fn notebook_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "c",
        "b-c",
        "c-d",
        "b-c-d",
        "x",
        "x-kube-rbac-proxy",
        "x-kube-rbac-proxy-config",
        "x-kube-rbac-proxy-tls",
        "x-notebook-access",
        "x-culler",
        "notebooks-closed",
        "notebooks",
        "kube-rbac-proxy",
        "default",
        "default-kube-rbac-proxy",
        "builder",
        "1e3",
        "yes",
    ]
    .map(str::to_owned)
    .to_vec();
    for length in [47, 48, 51, 52] {
        names.push("n".repeat(length));
    }
    names.push(format!("{}m", "n".repeat(51)));
    // What a hashed or a cut name of another looks like.
    let hashed = joined("nb", "a-b", "c");
    names.push(hashed.trim_start_matches("nb-a-").to_owned());
    let cut = suffixed(&"n".repeat(52), "k", 52);
    names.push(cut);
    assert!(names.iter().all(|name| name.len() <= LABEL_MAX));
    names
}

/// What a Notebook in the input is like.
#[derive(Debug, Clone)]
struct Given {
    namespace: usize,
    name: usize,
    /// 0 to 2: switched on; 3: switched off; 4: no switch.
    switch: usize,
    version: usize,
    /// None, one that is there, one that is not.
    account: usize,
    port: Option<u16>,
    /// What it refers to beside: there, or not.
    refers: Option<bool>,
    owner: bool,
}

#[derive(Debug, Clone)]
struct Cluster {
    flavor: bool,
    issuer: bool,
    envoy: bool,
    route_namespace: usize,
    users: bool,
    program: usize,
}

prop_compose! {
    fn given()(
        namespace in 0..NAMESPACES.len(), name in 0..notebook_names().len(), switch in 0_usize..5, version in 0_usize..3,
        account in 0_usize..6, port in prop::option::of(prop::sample::select(vec![80_u16, 8787])),
        refers in prop::option::of(any::<bool>()), owner in any::<bool>(),
    ) -> Given {
        Given { namespace, name, switch, version, account, port, refers, owner }
    }
}

prop_compose! {
    fn cluster()(
        flavor in any::<bool>(), issuer in any::<bool>(), envoy in any::<bool>(), users in any::<bool>(),
        route_namespace in 0..NAMESPACES.len(), program in 0_usize..2,
    ) -> Cluster {
        Cluster { flavor, issuer, envoy, route_namespace, users, program }
    }
}

// === impl Cluster ===

impl Cluster {
    fn platform(&self) -> String {
        let users = if self.users {
            ", users: {users: [erin], groups: [staff]}"
        } else {
            ""
        };
        format!(
            "apiVersion: gatewright.dev/v1alpha1\nkind: Platform\nmetadata: {{name: platform}}\nspec:\n  flavor: {}\n  tls: {{source: {}}}\n  \
             gateway: {{implementation: {}}}\n  sidecar: {{program: {}}}\n  notebooks: {{routeNamespace: {}{users}}}\n",
            ["Kubernetes", "OpenShift"][usize::from(self.flavor)],
            ["ServiceCA", "CertManager"][usize::from(self.issuer || !self.flavor)],
            ["Istio", "EnvoyGateway"][usize::from(self.envoy)],
            ["kube-rbac-proxy", "odh-kube-rbac-proxy"][self.program],
            NAMESPACES[self.route_namespace],
        )
    }
}

// === impl Given ===

impl Given {
    fn id(&self) -> (String, String) {
        (
            NAMESPACES[self.namespace].to_owned(),
            notebook_names()[self.name].clone(),
        )
    }

    fn is_on(&self) -> bool {
        self.switch < 3
    }

    /// The Notebook, and the objects it refers to.
    fn documents(&self) -> Vec<String> {
        let (namespace, name) = self.id();
        let mut metadata =
            format!("name: \"{name}\"\n  namespace: {namespace}\n  annotations:\n    other: x\n");
        if self.switch < 4 {
            metadata.push_str(&format!(
                "    notebooks.opendatahub.io/inject-auth: \"{}\"\n",
                self.is_on()
            ));
        }
        if self.owner {
            metadata.push_str("    opendatahub.io/username: dana\n");
        }
        let account = ["", "", "", "", "runner", "absent-runner"][self.account];
        let mut pod = String::new();
        if !account.is_empty() {
            pod.push_str(&format!("      serviceAccountName: {account}\n"));
        }
        // The guard's name is taken.
        let container = if name == "kube-rbac-proxy" { "main" } else { &name };
        pod.push_str(&format!(
            "      containers:\n      - name: \"{container}\"\n        image: i\n"
        ));
        if let Some(port) = self.port {
            pod.push_str(&format!("        ports: [{{containerPort: {port}}}]\n"));
        }
        let mut documents = Vec::new();
        if let Some(there) = self.refers {
            let word = if there { "there" } else { "absent" };
            pod.push_str(&format!(
                "        envFrom: [{{configMapRef: {{name: {word}-settings}}}}]\n        volumeMounts: [{{name: data, mountPath: /d}}]\n      \
                 volumes: [{{name: data, persistentVolumeClaim: {{claimName: {word}-data}}}}, {{name: s, secret: {{secretName: {word}-login}}}}]\n"
            ));
        }
        for (kind, object) in [
            ("ConfigMap", "there-settings"),
            ("PersistentVolumeClaim", "there-data"),
            ("Secret", "there-login"),
            ("ServiceAccount", "runner"),
        ] {
            documents.push(format!(
                "apiVersion: v1\nkind: {kind}\nmetadata: {{name: {object}, namespace: {namespace}}}\n"
            ));
        }
        let version = gatewright::input::notebook::VERSIONS[self.version];
        documents.push(format!(
            "apiVersion: kubeflow.org/{version}\nkind: Notebook\nmetadata:\n  {metadata}spec:\n  template:\n    spec:\n{pod}"
        ));
        documents
    }
}

/// One of each id.
fn distinct(given: Vec<Given>) -> Vec<Given> {
    let by_id: BTreeMap<_, Given> = given.into_iter().map(|one| (one.id(), one)).collect();
    by_id.into_values().collect()
}

fn stream(given: &[Given]) -> String {
    let documents: BTreeSet<String> = given.iter().flat_map(Given::documents).collect();
    documents.into_iter().collect::<Vec<_>>().join("---\n")
}

fn framed(text: &str) -> Framed {
    frame(Source::from_bytes(STDIN, text.as_bytes().to_vec()).unwrap())
        .unwrap_or_else(|finding| panic!("{}\n{text}", finding.to_line()))
}

fn render(text: &str, cluster: &Cluster) -> Response {
    respond(
        framed(text),
        Some(framed(&cluster.platform())),
        &Environment::default(),
    )
}

fn errors(response: &Response) -> Vec<String> {
    let lines = response
        .findings
        .iter()
        .map(gatewright::krm::results::Finding::to_line);
    lines.filter(|line| line.starts_with("error: ")).collect()
}

fn rendered(text: &str, cluster: &Cluster) -> Result<Objects, Vec<String>> {
    let response = render(text, cluster);
    match response.output.as_ref().filter(|_| !response.failed()) {
        Some(output) => Ok(objects(output)),
        None => Err(errors(&response)),
    }
}

/// The output. There is none where a Notebook has the name of another's Service, and for no other reason.
fn unless_they_collide(rendered: Result<Objects, Vec<String>>) -> Option<Objects> {
    let collides = |line: &String| line.contains("which is the Service of the guard of Notebook");
    rendered
        .map_err(|errors| assert!(errors.iter().all(collides), "{errors:#?}"))
        .ok()
}

fn values(objects: &Objects) -> Vec<Value> {
    objects.values().cloned().collect()
}

/// What references of `objects` lead to and is not there.
fn missing(objects: &Objects) -> BTreeSet<String> {
    let what = |line: &String| line.rsplit(": ").next().unwrap().to_owned();
    unresolved(&values(objects)).iter().map(what).collect()
}

/// The objects that were generated, by group and kind, namespace and name, with their class.
fn generated(objects: &Objects) -> BTreeMap<(String, String, String), String> {
    let ours = objects
        .iter()
        .filter_map(|([version, kind, namespace, name], object)| {
            let source = object["metadata"]["annotations"][keys::SOURCE].as_str()?;
            let group = version.split_once('/').map_or("", |(group, _)| group);
            Some((
                (format!("{group}/{kind}"), namespace.clone(), name.clone()),
                source.to_owned(),
            ))
        });
    let mut all: BTreeMap<_, _> = ours.collect();
    // Secrets are made by others, under names that we choose.
    for object in objects.values() {
        let secret = match object["kind"].as_str() {
            Some("Certificate") => &object["spec"]["secretName"],
            Some("Service") => &object["metadata"]["annotations"][keys::SERVING_CERTIFICATE],
            _ => continue,
        };
        if let (Some(secret), Some(namespace)) = (secret.as_str(), object["metadata"]["namespace"].as_str()) {
            let id = ("/Secret".to_owned(), namespace.to_owned(), secret.to_owned());
            all.insert(id, "support".to_owned());
        }
    }
    all
}

/// Whether a policy closes a namespace: it is of the class that no prune removes, selects every Notebook's pod, and lets in
/// who is named alone.
pub(crate) fn closes(policy: &Value, namespace: &str) -> bool {
    let spec = &policy["spec"];
    let every = &spec["podSelector"]["matchExpressions"][0];
    let peers = || spec["ingress"].as_array().into_iter().flatten();
    policy["kind"] == "NetworkPolicy"
        && policy["metadata"]["namespace"] == namespace
        && policy["metadata"]["annotations"][keys::CLASS] == "enforce"
        && policy["metadata"]["annotations"][keys::SOURCE]
            .as_str()
            .is_some_and(|source| !source.contains("/Notebook/"))
        && every["key"] == keys::NOTEBOOK_NAME
        && every["operator"] == "Exists"
        && spec["podSelector"]["matchLabels"].is_null()
        && spec["policyTypes"]
            .as_array()
            .is_some_and(|types| types.iter().any(|one| one == "Ingress"))
        && peers().all(|rule| {
            let named = |from: &Value| from["podSelector"]["matchLabels"].is_object();
            rule["from"]
                .as_array()
                .is_some_and(|from| !from.is_empty() && from.iter().all(named))
                && rule["ports"].as_array().is_some_and(|ports| !ports.is_empty())
        })
}

/// What a served object needs beside it and has not.
fn unguarded(objects: &Objects) -> Vec<String> {
    let mut found = Vec::new();
    let served = |object: &&Value| object["metadata"]["annotations"][keys::CLASS] == "serve";
    for object in objects.values().filter(served) {
        assert_eq!(object["kind"], "HTTPRoute", "what guards this kind? {object:#}");
        for rule in object["spec"]["rules"].as_array().unwrap() {
            for backend in rule["backendRefs"].as_array().unwrap() {
                let namespace = backend["namespace"].as_str().unwrap();
                if !objects.values().any(|policy| closes(policy, namespace)) {
                    found.push(format!(
                        "{}: nothing closes {namespace}",
                        object["metadata"]["name"]
                    ));
                }
                let service = backend["name"].as_str().unwrap();
                if !objects.values().any(|rule| verifies(rule, namespace, service)) {
                    found.push(format!(
                        "{}: nothing verifies {namespace}/{service}",
                        object["metadata"]["name"]
                    ));
                }
            }
        }
    }
    found
}

/// Whether an object has the gateway verify a Service's certificate.
pub(crate) fn verifies(object: &Value, namespace: &str, service: &str) -> bool {
    let spec = &object["spec"];
    if object["metadata"]["annotations"][keys::CLASS] != "enforce" {
        return false;
    }
    match object["kind"].as_str() {
        Some("DestinationRule") => {
            let tls = &spec["trafficPolicy"]["portLevelSettings"][0]["tls"];
            spec["host"] == format!("{service}.{namespace}.svc.cluster.local")
                && tls["mode"] == "SIMPLE"
                && tls["subjectAltNames"][0] == format!("{service}.{namespace}.svc")
                && (tls["caCertificates"].is_string() || tls["credentialName"].is_string())
        }
        Some("BackendTLSPolicy") => {
            object["metadata"]["namespace"] == namespace
                && spec["targetRefs"][0]["name"] == service
                && spec["validation"]["hostname"] == format!("{service}.{namespace}.svc")
                && spec["validation"]["caCertificateRefs"][0]["name"].is_string()
        }
        _ => false,
    }
}

/// Fewer cases than usual, for each is a whole run of the generator over many Notebooks; `make soak` says how many.
fn config() -> ProptestConfig {
    let usual = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return usual;
    }
    ProptestConfig { cases: 64, ..usual }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_reference_leads_to_something(given in prop::collection::vec(given(), 1..8), cluster in cluster()) {
        let given = distinct(given);
        let text = stream(&given);
        let Some(output) = unless_they_collide(rendered(&text, &cluster)) else { return Ok(()) };
        // What was missing before is the user's.
        let before = missing(&objects(&text));
        let new: Vec<String> = missing(&output).difference(&before).cloned().collect();
        prop_assert!(new.is_empty(), "{new:#?}\n{:#?}\n{text}", unresolved(&values(&output)));
    }

    #[test]
    fn nothing_is_served_that_nothing_guards(given in prop::collection::vec(given(), 1..8), cluster in cluster()) {
        let given = distinct(given);
        let Some(output) = unless_they_collide(rendered(&stream(&given), &cluster)) else { return Ok(()) };
        let routes = output.keys().filter(|[_, kind, ..]| kind == "HTTPRoute").count();
        prop_assert_eq!(routes, given.iter().filter(|one| one.is_on()).count());
        let found = unguarded(&output);
        prop_assert!(found.is_empty(), "{found:#?}");
        // Taken away, it is missed.
        let mut open = output.clone();
        open.retain(|_, object| object["metadata"]["annotations"][keys::CLASS] != "enforce");
        prop_assert_eq!(unguarded(&open).len(), 2 * routes, "a closing policy and a TLS rule each");
    }
}

/// Whether an object is the Platform's, and so the same in every render.
fn is_shared(source: &str) -> bool {
    source.starts_with("gatewright.dev/Platform/")
}

/// Each Notebook rendered alone, as repositories that know nothing of each other do; then all of them at once.
#[test]
fn no_two_notebooks_share_the_name_of_an_object() {
    let cluster = Cluster {
        flavor: false,
        issuer: true,
        envoy: false,
        route_namespace: 4,
        users: true,
        program: 0,
    };
    let all = (0..NAMESPACES.len()).flat_map(|namespace| {
        (0..notebook_names().len()).map(move |name| Given {
            namespace,
            name,
            switch: 0,
            version: 0,
            account: 0,
            port: Some(8787),
            refers: None,
            owner: true,
        })
    });
    let all: Vec<Given> = all.collect();
    let mut made: BTreeMap<(String, String, String), (String, String)> = BTreeMap::new();
    let mut shared = Vec::new();
    for one in &all {
        let alone = generated(&rendered(&stream(std::slice::from_ref(one)), &cluster).unwrap());
        for (id, _) in alone.into_iter().filter(|(_, source)| !is_shared(source)) {
            let first = made.entry(id).or_insert_with(|| one.id());
            if *first != one.id() {
                shared.push((one.id(), first.clone()));
            }
        }
    }
    // The notebook controller gives each Notebook a Service of its name.
    let mut taken = BTreeSet::new();
    for one in &all {
        let (namespace, name) = one.id();
        if let Some(other) = made.get(&("/Service".to_owned(), namespace, name)) {
            taken.insert((one.id(), other.clone()));
        }
    }
    assert!(shared.iter().all(|pair| taken.contains(pair)), "{shared:#?}");
    let errors = rendered(&stream(&all), &cluster).unwrap_err();
    assert_eq!(errors.len(), taken.len(), "{errors:#?}");
    for ((namespace, name), (_, other)) in &taken {
        let said = |line: &&String| {
            line.contains(&format!("Notebook {namespace}/{name}: "))
                && line.contains(&format!("of Notebook {other};"))
        };
        assert_eq!(
            errors.iter().filter(said).count(),
            1,
            "{namespace}/{name}: {errors:#?}"
        );
    }
    assert_eq!(taken.len(), 2 * NAMESPACES.len(), "{taken:?}");
    // Without them all of it can stand side by side; an id that came twice would be seen by whoever reads the output.
    let rest: Vec<Given> = all
        .into_iter()
        .filter(|one| !taken.iter().any(|(id, _)| *id == one.id()))
        .collect();
    let together = generated(&rendered(&stream(&rest), &cluster).unwrap());
    let common = together.values().filter(|source| is_shared(source)).count();
    assert_eq!(common, 2 * NAMESPACES.len(), "a closing policy and what lists it");
    let of_rest = made
        .values()
        .filter(|source| rest.iter().any(|one| one.id() == **source))
        .count();
    assert_eq!(together.len() - common, of_rest);
}

/// The resolver sees what is missing: every object that is taken out of a whole graph, but for those that nobody names.
#[test]
fn the_resolver_misses_what_is_taken_out() {
    let one = Given {
        namespace: 0,
        name: 0,
        switch: 0,
        version: 0,
        account: 0,
        port: Some(8787),
        refers: Some(true),
        owner: true,
    };
    for flavor in [true, false] {
        let cluster = Cluster {
            flavor,
            issuer: false,
            envoy: false,
            route_namespace: 4,
            users: true,
            program: 0,
        };
        let whole = rendered(&stream(std::slice::from_ref(&one)), &cluster).unwrap();
        assert_eq!(missing(&whole), BTreeSet::new());
        for (id, object) in &whole {
            let [_, kind, _, name] = id;
            // What lists the others is listed by nobody, and no Notebook names this account.
            let is_lonely = kind == "AccessGraph" || name == "runner";
            let without = |change: &dyn Fn(&mut Objects)| {
                let mut other = whole.clone();
                change(&mut other);
                !missing(&other).is_empty()
            };
            let put = |field: &'static str| {
                let mut other = object.clone();
                other["metadata"][field] = "elsewhere".into();
                without(&|objects| drop(objects.insert(id.clone(), other.clone())))
            };
            let gone = without(&|objects| drop(objects.remove(id)));
            assert_eq!(gone, !is_lonely, "{id:?} taken out");
            assert_eq!(put("name"), !is_lonely, "{id:?} renamed");
            assert_eq!(put("namespace"), !is_lonely, "{id:?} moved");
        }
    }
}
