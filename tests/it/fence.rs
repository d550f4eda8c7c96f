//! FR-017: where people cannot log in, nothing is exposed, and what protects stays as it is to the byte. Random inputs show
//! it for every combination of what a Platform and the gateway's documents can say.
//!
//! I1: nothing is served without what protects it. I2: what protects is the same, whether anything is served or not. I3: with
//! success every document of the user's is still there. I4: what was written is listed.

use std::collections::{BTreeMap, BTreeSet};

use gatewright::model::keys;
use gatewright::render::respond::Response;
use proptest::prelude::*;
use serde_json::Value;

use crate::graphs::{closes, verifies};
use crate::program::gatewright;
use crate::references::unresolved_beside;
use crate::worlds::{NAMES, NAMESPACES, World, framed, lines, notebook, render, world};

// --- one input ---

const OIDC: &str = "  oidc:\n    issuerURL: https://sso.example.com/realms/ai\n    clientID: ai-platform\n    clientSecretRef: {name: oidc-client}\n";
const CONFIG: &str = "apiVersion: services.platform.opendatahub.io/v1alpha1\nkind: GatewayConfig\nmetadata:\n  name: default-gateway\nspec:\n  subdomain: ai\n";
const AUTH: &str = "apiVersion: services.platform.opendatahub.io/v1alpha1\nkind: Auth\nmetadata:\n  name: auth\nspec:\n  adminGroups: [odh-admins]\n  allowedGroups: [data-science]\n";

fn platform(mode: &str, rest: &str) -> String {
    format!(
        "apiVersion: gatewright.dev/v1alpha1\nkind: Platform\nmetadata:\n  name: platform\nspec:\n  flavor: OpenShift\n  domain: \
         apps.example.com\n  authMode: {mode}\n{rest}"
    )
}

/// A ResourceList of documents, each of which begins its own item.
fn resource_list(documents: &[&str], platform: &str) -> String {
    let item = |text: &str, first: &str, rest: &str| -> String {
        let line = |(at, line): (usize, &str)| format!("{}{line}\n", if at == 0 { first } else { rest });
        text.lines().enumerate().map(line).collect()
    };
    let items: String = documents.iter().map(|text| item(text, "- ", "  ")).collect();
    let config = item(platform, "  ", "  ");
    format!(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{items}functionConfig:\n{config}"
    )
}

/// What the program answers, which must succeed; without what it said.
fn answered(input: &str) -> String {
    let answer = gatewright(&["fn"], input.as_bytes());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    match answer.stdout.split_once("\nresults:\n") {
        Some((before, _)) => format!("{before}\n"),
        None => answer.stdout,
    }
}

/// The bytes of each item, by its id.
fn items(text: &str) -> BTreeMap<String, String> {
    let framed = framed(text);
    let items = framed.stream.items.iter();
    items
        .map(|item| {
            let text = framed.source.slice(&item.range).trim_end();
            (item.head.id.to_string(), text.to_owned())
        })
        .collect()
}

/// Those of a class.
fn of_class(items: &BTreeMap<String, String>, class: &str) -> BTreeMap<String, String> {
    let mark = format!("{}: {class}\n", keys::CLASS);
    let own = items.iter().filter(|(_, text)| text.contains(&mark));
    own.map(|(id, text)| (id.clone(), text.clone())).collect()
}

/// How people log in and whether they can, as the `AccessGraphs` say it.
fn states(items: &BTreeMap<String, String>) -> BTreeSet<String> {
    let graphs = items.values().filter(|text| text.contains("kind: AccessGraph\n"));
    graphs
        .flat_map(|text| text.lines())
        .map(str::trim)
        .filter(|line| line.starts_with("state:") || line.starts_with("authMode:"))
        .map(str::to_owned)
        .collect()
}

fn set(lines: &[&str]) -> BTreeSet<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// Configured, unconfigured, configured again: with the output fed back each time, and without.
#[test]
fn what_protects_stays_while_the_configuration_is_away() {
    for fed_back in [true, false] {
        let notebook = notebook("team", "churn", true);
        let config = format!("{CONFIG}{OIDC}");
        let platform = platform("OIDC", "");
        let first = answered(&resource_list(&[&config, AUTH, &notebook], &platform));
        let again = if fed_back {
            let indented: String = OIDC.lines().map(|line| format!("  {line}\n")).collect();
            let without = first.replacen(&indented, "", 1);
            assert_ne!(without, first);
            let second = answered(&without);
            let with = second.replacen(
                "    subdomain: ai\n",
                &format!("    subdomain: ai\n{indented}"),
                1,
            );
            (second, answered(&with))
        } else {
            let second = answered(&resource_list(&[CONFIG, AUTH, &notebook], &platform));
            (
                second,
                answered(&resource_list(&[&config, AUTH, &notebook], &platform)),
            )
        };
        let (first, second, third) = (items(&first), items(&again.0), items(&again.1));
        assert!(
            of_class(&first, "serve").len() >= 4,
            "{:#?}",
            of_class(&first, "serve").keys()
        );
        assert!(of_class(&first, "enforce").len() >= 4);
        assert_eq!(
            of_class(&second, "enforce"),
            of_class(&first, "enforce"),
            "fed back: {fed_back}"
        );
        assert_eq!(
            of_class(&second, "serve"),
            BTreeMap::new(),
            "fed back: {fed_back}"
        );
        assert_eq!(
            states(&second),
            set(&["authMode: OIDC", "state: AwaitingOIDCConfiguration"])
        );
        assert_eq!(states(&first), set(&["authMode: OIDC", "state: Open"]));
        assert_eq!(third, first, "fed back: {fed_back}");
        if !fed_back {
            assert_eq!(
                again.1,
                answered(&resource_list(&[&config, AUTH, &notebook], &platform))
            );
        }
    }
}

/// One mode after the other, each fed back: what protects is the same, and only a mode that people can log in by serves.
#[test]
fn modes_change_and_what_protects_does_not() {
    let notebook = notebook("team", "churn", true);
    let config = format!("{CONFIG}{OIDC}");
    let mut text = resource_list(&[&config, AUTH, &notebook], &platform("OpenShift", ""));
    let mut enforced: Option<BTreeMap<String, String>> = None;
    let mut before: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    let mut last = "OpenShift";
    for mode in [
        "OpenShift",
        "OIDC",
        "None",
        "OIDC",
        "OpenShift",
        "None",
        "OpenShift",
    ] {
        // The Platform stands behind the items, and an AccessGraph among them has the same words.
        let (head, config) = text.split_once("functionConfig:").unwrap();
        let config = config.replacen(&format!("authMode: {last}\n"), &format!("authMode: {mode}\n"), 1);
        text = answered(&format!("{head}functionConfig:{config}"));
        let all = items(&text);
        let own = of_class(&all, "enforce");
        assert_eq!(enforced.get_or_insert_with(|| own.clone()), &own, "{mode}");
        assert_eq!(of_class(&all, "serve").is_empty(), mode == "None", "{mode}");
        let state = if mode == "None" {
            "state: AuthModeUnsupported"
        } else {
            "state: Open"
        };
        assert_eq!(states(&all), set(&[&format!("authMode: {mode}"), state]));
        let known = before.entry(mode).or_insert_with(|| all.clone());
        assert_eq!(*known, all, "{mode} again");
        last = mode;
    }
}

#[test]
fn where_it_is_to_fail_it_changes_nothing() {
    let documents = [CONFIG, AUTH, &notebook("team", "churn", true)];
    let input = resource_list(&documents, &platform("OIDC", "  onMissingOidc: fail\n"));
    let answer = gatewright(&["fn"], input.as_bytes());
    assert_eq!(answer.code, 1, "{}", answer.stderr);
    assert_eq!(items(&answer.stdout), items(&input));
    let bare = format!(
        "{}---\n{}",
        platform("OIDC", "  onMissingOidc: fail\n"),
        documents.join("---\n")
    );
    let answer = gatewright(&["fn"], bare.as_bytes());
    assert_eq!((answer.code, answer.stdout.as_str()), (1, ""));
    for word in [
        "spec.oidc.issuerURL",
        "spec.oidc.clientID",
        "spec.oidc.clientSecretRef.name",
    ] {
        assert!(answer.stderr.contains(word), "{}", answer.stderr);
    }
}

// --- any input ---

fn values(items: &BTreeMap<String, String>) -> Vec<Value> {
    let value = |text: &String| {
        let framed = framed(text);
        framed.stream.items[0].piece(&framed.source).value().unwrap()
    };
    items.values().map(value).collect()
}

/// The Secrets that the findings ask for, and those that a cluster has by itself.
fn brought(world: &World, response: &Response) -> BTreeSet<(String, String)> {
    let mut brought = BTreeSet::new();
    for line in lines(response) {
        if let Some((_, rest)) = line.split_once("these Secrets must be in namespace ") {
            let (namespace, rest) = rest.split_once(", ").unwrap();
            let names = rest.split_once("input: ").unwrap().1.split("; ");
            brought
                .extend(names.map(|one| (namespace.to_owned(), one.split(' ').next().unwrap().to_owned())));
        }
        if let Some((_, rest)) = line.split_once("the Secret kube-auth-proxy-creds stays") {
            assert!(rest.contains("operator"), "{line}");
            brought.insert(("openshift-ingress".to_owned(), "kube-auth-proxy-creds".to_owned()));
        }
    }
    // Platform says that the guards' are there.
    for (namespace, name, _) in world.notebooks.iter().filter(|_| world.tls == 2) {
        let secret = format!("{}-kube-rbac-proxy-tls", NAMES[*name]);
        brought.insert((NAMESPACES[*namespace].to_owned(), secret));
    }
    // OpenShift's router has one.
    brought.insert(("openshift-ingress".to_owned(), "router-certs-default".to_owned()));
    brought
}

/// I1: what is served, and what has to be there for that.
fn unprotected(world: &World, objects: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    let class = |object: &Value| object["metadata"]["annotations"][keys::CLASS].clone();
    for object in objects.iter().filter(|object| class(object) == "serve") {
        let name = &object["metadata"]["name"];
        if !world.is_open() {
            found.push(format!("{name} is served while nobody can log in"));
        }
        if world.gateway > 0 && !objects.iter().any(asks) {
            found.push(format!("{name}: nothing asks the login service"));
        }
        let mut backends: Vec<(String, String)> = Vec::new();
        for rule in object["spec"]["rules"].as_array().into_iter().flatten() {
            for backend in rule["backendRefs"].as_array().into_iter().flatten() {
                let text = |field: &str| backend[field].as_str().unwrap().to_owned();
                backends.push((text("namespace"), text("name")));
            }
        }
        match object["kind"].as_str().unwrap() {
            "HTTPRoute" => {}
            // It leads to the gateway, and that asks the login service.
            "Route" => backends.push((
                object["metadata"]["namespace"].as_str().unwrap().to_owned(),
                "kube-auth-proxy".to_owned(),
            )),
            // It says which route of the login needs none.
            "SecurityPolicy" => {
                let route = &object["spec"]["targetRefs"][0]["name"];
                let is_it =
                    |other: &&Value| other["kind"] == "HTTPRoute" && other["metadata"]["name"] == *route;
                let login = objects.iter().find(is_it);
                let alone = |route: &Value| {
                    let rules = route["spec"]["rules"].as_array().unwrap();
                    let exact = |rule: &Value| rule["matches"][0]["path"]["type"] == "Exact";
                    let redirect = |rule: &Value| rule["backendRefs"].is_null();
                    rules.iter().all(|rule| exact(rule) || redirect(rule))
                };
                if !login.is_some_and(alone) {
                    found.push(format!("{name}: opens {route}"));
                }
            }
            other => panic!("what protects a {other}?"),
        }
        for (namespace, service) in backends {
            if !objects.iter().any(|rule| verifies(rule, &namespace, &service)) {
                found.push(format!("{name}: nothing verifies {namespace}/{service}"));
            }
            let login = service == "kube-auth-proxy";
            let pinned = |policy: &Value| {
                policy["kind"] == "NetworkPolicy"
                    && class(policy) == "enforce"
                    && policy["metadata"]["namespace"] == namespace.as_str()
                    && policy["spec"]["podSelector"]["matchLabels"]["app"] == "kube-auth-proxy"
            };
            let closed = if login {
                world.policies == Some(false) || objects.iter().any(pinned)
            } else {
                objects.iter().any(|policy| closes(policy, &namespace))
            };
            if !closed {
                found.push(format!("{name}: nothing closes {namespace}"));
            }
        }
    }
    found
}

/// Whether an object makes the gateway ask the login service about every request, and refuse where that does not answer.
fn asks(object: &Value) -> bool {
    let spec = &object["spec"];
    if object["metadata"]["annotations"][keys::CLASS] != "enforce" {
        return false;
    }
    match object["kind"].as_str() {
        Some("EnvoyFilter") => spec["configPatches"].as_array().is_some_and(|patches| {
            patches.iter().any(|patch| {
                let value = &patch["patch"]["value"];
                value["name"] == "envoy.filters.http.ext_authz"
                    && patch["applyTo"] == "HTTP_FILTER"
                    && value["typed_config"]["failure_mode_allow"] == false
            })
        }),
        Some("SecurityPolicy") => {
            spec["extAuth"]["failOpen"] == false && spec["targetRefs"][0]["kind"] == "Gateway"
        }
        _ => false,
    }
}

/// I4: every document that something was written for has its graph.
fn unlisted(objects: &[Value]) -> BTreeSet<String> {
    let source = |object: &Value| {
        object["metadata"]["annotations"][keys::SOURCE]
            .as_str()
            .map(str::to_owned)
    };
    let graphs = || objects.iter().filter(|object| object["kind"] == "AccessGraph");
    let listed: BTreeSet<String> = graphs().filter_map(source).collect();
    let others = objects.iter().filter(|object| object["kind"] != "AccessGraph");
    others
        .filter_map(source)
        .filter(|source| !listed.contains(source))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: ProptestConfig::default().cases / 16, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_input_says(world in world(), pick in 0_usize..4) {
        let text = world.text();
        let response = render(&text, &world);
        // The guard's name, and the name of a Service that is there already, are refused to Notebooks; nothing else is here.
        prop_assert!(!response.failed(), "{:#?}", lines(&response));
        let output = response.output.clone().unwrap();
        let same = render(&text, &world).output;
        prop_assert_eq!(same.as_ref(), Some(&output), "the same input, the same bytes");
        let again = render(&output, &world);
        prop_assert_eq!(again.output.as_ref(), Some(&output), "rendering twice is rendering once");

        let all = items(&output);
        for id in items(&text).keys() {
            prop_assert!(all.contains_key(id), "{} is gone", id);
        }
        let objects = values(&all);
        prop_assert_eq!(unprotected(&world, &objects), Vec::<String>::new());
        prop_assert_eq!(unlisted(&objects), BTreeSet::new());
        let missing = unresolved_beside(&objects, &brought(&world, &response));
        prop_assert_eq!(missing, BTreeSet::new());

        // Whatever is taken away or said of the login, what protects is the same.
        let enforced = of_class(&all, "enforce");
        let mut others = vec![world.fenced(), World { mode: 3, ..world.clone() }, World { mode: 1, client: [true; 3], ..world.clone() }];
        others.extend(world.openshift.then(|| World { mode: 0, authority: false, ..world.clone() }));
        let picked = pick % others.len();
        for (index, other) in others.into_iter().map(World::sensible).enumerate() {
            // Fed back, and by itself: the documents change places with the new ones.
            let own = other.text();
            let generated: Vec<&str> = all.iter().filter(|(_, text)| text.contains(keys::SOURCE)).map(|(_, text)| text.as_str()).collect();
            let fed_back = if generated.is_empty() { own.clone() } else { format!("{own}---\n{}\n", generated.join("\n---\n")) };
            for text in [Some(&own), Some(&fed_back).filter(|_| index == picked)].into_iter().flatten() {
                let response = render(text, &other);
                prop_assert!(!response.failed(), "{:#?}", lines(&response));
                let all = items(&response.output.unwrap());
                prop_assert_eq!(&of_class(&all, "enforce"), &enforced);
                prop_assert_eq!(unprotected(&other, &values(&all)), Vec::<String>::new());
            }
        }
    }
}

/// The world is not all alike: each kind of answer comes up.
#[test]
fn the_inputs_differ() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeMap::new();
    for _ in 0..200 {
        let world = world().new_tree(&mut runner).unwrap().current();
        let of_gateway = ["no gateway", "Gateway", "GatewayConfig", "GatewayConfig"][world.gateway];
        *seen.entry((of_gateway, world.is_open())).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
    assert!(seen.values().all(|count| *count >= 5), "{seen:?}");
}

/// The resolver of references misses each object of the gateway that another one names.
#[test]
fn what_is_taken_out_of_the_gateways_graph_is_missed() {
    let world = World {
        openshift: false,
        envoy: false,
        newer: false,
        load_balancer: true,
        tls: 1,
        policies: None,
        mode: 1,
        gateway: 2,
        client: [true; 3],
        of_auth: false,
        auth: true,
        everyone: false,
        notebooks: vec![(0, 0, true)],
        operator: false,
        store: true,
        certificate: 1,
        authority: false,
        two_pods: false,
        tokens: true,
        own_names: true,
        old_istio: false,
    };
    let response = render(&world.text(), &world);
    let brought = brought(&world, &response);
    let whole = values(&items(&response.output.unwrap()));
    // What lists everything would miss everything.
    let whole: Vec<Value> = whole
        .into_iter()
        .filter(|object| object["kind"] != "AccessGraph")
        .collect();
    assert_eq!(unresolved_beside(&whole, &brought), BTreeSet::new());
    let mut missed = BTreeSet::new();
    for (index, object) in whole.iter().enumerate() {
        let mut without = whole.clone();
        without.remove(index);
        if !unresolved_beside(&without, &brought).is_empty() {
            let text = |field: &str| object[field].as_str().unwrap().to_owned();
            missed.insert(format!(
                "{} {}",
                text("kind"),
                object["metadata"]["name"].as_str().unwrap()
            ));
        }
    }
    for expected in [
        "Certificate default-gateway-tls",
        "Certificate kube-auth-proxy",
        "ClusterRole kube-auth-proxy-tokenreview-ai-ingress-ai",
        "ConfigMap ai-config",
        "Deployment kube-auth-proxy",
        "ExternalSecret kube-auth-proxy-creds",
        "ExternalSecret oidc-client",
        "Gateway ai",
        "Issuer ai-selfsigned",
        "Service kube-auth-proxy",
        "ServiceAccount kube-auth-proxy",
    ] {
        assert!(
            missed.iter().any(|one| one.starts_with(expected)),
            "{expected}: {missed:#?}"
        );
    }
}
