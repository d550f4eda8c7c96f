use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::input::ray::{Kind, read};
use crate::manifests::addition::{Addition, Step, What};
use crate::model::names::{is_dns_label, is_dns_name};
use crate::model::platform::{Environment, resolve};
use crate::model::ray::{RayCluster, Tokens};
use crate::model::ray_said::Said;
use crate::plan::ray::Host;

fn platform(ray: Value) -> Platform {
    let mut spec =
        json!({"flavor": "Kubernetes", "domain": "apps.example.com", "tls": {"source": "CertManager"}});
    spec["rayClusters"] = ray;
    let spec = serde_json::from_value(spec).unwrap();
    let mut findings = Vec::new();
    resolve("p", spec, &Environment::default(), &mut findings).unwrap()
}

fn cluster(kind: Kind, namespace: &str, name: &str) -> RayCluster {
    RayCluster {
        kind,
        name: name.into(),
        namespace: namespace.into(),
        owner: Some("alice".into()),
        service_account: ServiceAccount::Ours,
        dashboard: 8265,
        client: 10001,
        loopback: false,
        autoscaling: false,
        tokens: Tokens::Off,
        mutual_tls: false,
        submitters: kind == Kind::RayJob,
    }
}

fn made(platform: &Platform, cluster: RayCluster) -> Vec<Object> {
    of_cluster(platform, &RayGuard::new(platform, cluster))
}

fn of_kind<'a>(objects: &'a [Object], kind: &str) -> Option<&'a Value> {
    objects
        .iter()
        .find(|object| object.id.kind == kind)
        .map(|object| &object.value)
}

/// Every way out, so that each name is made somewhere.
fn platforms() -> Vec<Platform> {
    [
        json!({"client": {"route": "TLSRoute", "domain": "ray.example.com"}}),
        json!({"client": {"route": "GRPCRoute", "domain": "ray.example.com"}, "readers": {"groups": ["g"]}}),
        json!({"route": "Route", "client": {"route": "Route", "domain": "ray.example.com"}}),
        json!({"route": "Ingress", "client": {"route": "Ingress", "domain": "ray.example.com"}}),
        json!({"operator": "OpenDataHub"}),
    ]
    .into_iter()
    .map(platform)
    .collect()
}

#[test]
fn no_two_clusters_share_an_object_a_path_or_a_host() {
    for platform in platforms() {
        let (mut ids, mut hosts) = (BTreeSet::new(), BTreeSet::new());
        for kind in Kind::ALL {
            for (namespace, name) in [
                ("a-b", "c"),
                ("a", "b-c"),
                ("a", "b"),
                ("a-b-c", "d"),
                ("a", "b-c-d"),
            ] {
                let guard = RayGuard::new(&platform, cluster(kind, namespace, name));
                for host in [
                    guard.client_host(&platform),
                    guard.dashboard_host(&platform).and_then(Host::written),
                ] {
                    assert!(host.is_none_or(|host| hosts.insert(host)), "{namespace}/{name}");
                }
                assert!(hosts.insert(guard.path()));
                for object in of_cluster(&platform, &guard) {
                    assert!(ids.insert(object.id.clone()), "{:?} twice", object.id);
                }
            }
        }
    }
}

#[test]
fn names_fit_wherever_they_are_written() {
    let dash_at_the_cut = format!("{}-{}", "n".repeat(41), "m".repeat(11));
    for platform in platforms() {
        for kind in Kind::ALL {
            // The operator's own limit, of which its ServiceAccounts' names are made.
            let longest = match (platform.ray.operator, kind) {
                (Operator::OpenDataHub, _) => 40,
                (Operator::None, Kind::RayCluster) => 53,
                (Operator::None, _) => 47,
            };
            for name in [
                "n".repeat(longest),
                dash_at_the_cut[dash_at_the_cut.len() - longest..].to_owned(),
            ] {
                let guard = RayGuard::new(&platform, cluster(kind, &"s".repeat(63), &name));
                assert!(is_dns_label(&guard.service), "{}", guard.service);
                assert!(is_dns_name(&guard.service_account), "{}", guard.service_account);
                for host in [
                    guard.client_host(&platform),
                    guard.dashboard_host(&platform).and_then(Host::written),
                ] {
                    assert!(host.is_none_or(|host| host.split('.').all(is_dns_label)));
                }
                for object in of_cluster(&platform, &guard) {
                    assert!(object.id.name.len() <= 253, "{:?}", object.id);
                    assert!(object.id.name.split('.').all(|part| !part.ends_with('-')));
                    assert!(!object.id.name.contains("--"), "{:?}", object.id);
                }
            }
        }
    }
}

/// Names that KubeRay, its forks and the CodeFlare operator make or delete, for a cluster `n` (`fixtures/ray-operators/README.md`).
#[test]
fn none_of_the_names_is_an_operators() {
    let theirs = [
        "n",
        "n-head",
        "n-workers",
        "n-head-svc",
        "n-headless",
        "n-serve-svc",
        "n-head-ingress",
        "n-head-route",
        "n-oauth-proxy-sa",
        "n-oidc-proxy-sa",
        "kube-rbac-proxy-config-n",
        "kuberay-gateway-access",
        "ray-selfsigned-issuer-n",
        "ray-ca-issuer-n",
        "ray-ca-certificate-n",
        "ray-head-cert-n",
        "ray-worker-cert-n",
        "ray-head-secret-n",
        "ray-worker-secret-n",
        "n-oauth",
        "n-oauth-config",
        "n-proxy-tls-secret",
        "s-n",
        "n-s-auth",
    ];
    for platform in platforms() {
        let guard = RayGuard::new(&platform, cluster(Kind::RayCluster, "s", "n"));
        for object in of_cluster(&platform, &guard)
            .iter()
            .chain(&of_namespace(&platform, "s"))
        {
            assert!(!theirs.contains(&object.id.name.as_str()), "{:?}", object.id);
        }
        assert!(!theirs.contains(&guard.tls_secret.as_str()));
    }
}

#[test]
fn what_the_gateway_passes_on_is_not_wrapped_again_and_the_guard_has_its_name() {
    let tls = platform(json!({"client": {"route": "TLSRoute", "domain": "ray.example.com"}}));
    let objects = made(&tls, cluster(Kind::RayCluster, "s", "n"));
    let certificate = of_kind(&objects, "Certificate").unwrap();
    assert_eq!(
        certificate["spec"]["dnsNames"],
        json!([
            "n-ray-proxy.s.svc",
            "n-ray-proxy.s.svc.cluster.local",
            "ray-s-n.ray.example.com"
        ])
    );
    let ports = |objects: &[Object]| {
        let settings =
            &of_kind(objects, "DestinationRule").unwrap()["spec"]["trafficPolicy"]["portLevelSettings"];
        settings
            .as_array()
            .unwrap()
            .iter()
            .map(|port| port["port"]["number"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(ports(&objects), [8443]);
    assert_eq!(
        of_kind(&objects, "TLSRoute").unwrap()["spec"]["parentRefs"][0]["sectionName"],
        "ray-client"
    );
    let grpc = platform(json!({"client": {"route": "GRPCRoute", "domain": "ray.example.com"}}));
    let objects = made(&grpc, cluster(Kind::RayCluster, "s", "n"));
    assert_eq!(ports(&objects), [8443, 8445]);
    let from = &of_kind(&objects, "ReferenceGrant").unwrap()["spec"]["from"];
    assert_eq!(
        (&from[0]["kind"], &from[1]["kind"]),
        (&json!("HTTPRoute"), &json!("GRPCRoute"))
    );
    let certificate = of_kind(&objects, "Certificate").unwrap();
    assert_eq!(certificate["spec"]["dnsNames"].as_array().unwrap().len(), 2);
}

#[test]
fn a_client_server_with_tls_of_its_own_stays_closed() {
    let platform = platform(
        json!({"client": {"route": "TLSRoute", "domain": "ray.example.com", "certificates": ["alice"]}}),
    );
    let cluster = RayCluster {
        mutual_tls: true,
        ..cluster(Kind::RayCluster, "s", "n")
    };
    let guard = RayGuard::new(&platform, cluster.clone());
    let objects = made(&platform, cluster);
    assert!(of_kind(&objects, "TLSRoute").is_none());
    let ports = of_kind(&objects, "Service").unwrap()["spec"]["ports"]
        .as_array()
        .unwrap();
    assert_eq!(
        ports.iter().map(|port| &port["name"]).collect::<Vec<_>>(),
        ["dashboard"]
    );
    let document =
        json!({"spec": {"headGroupSpec": {"template": {"spec": {"containers": [{"name": "ray-head"}]}}}}});
    let document = read(Kind::RayCluster, &document).unwrap().cluster.unwrap();
    let additions = head::additions(&platform, &guard, &Said::of(&document));
    let names: Vec<&Value> = additions
        .iter()
        .flat_map(items)
        .map(|item| &item["name"])
        .collect();
    assert!(
        names.contains(&&json!("kube-rbac-proxy-dashboard"))
            && !names.contains(&&json!("kube-rbac-proxy-client"))
    );
    assert!(!names.contains(&&json!("ray-proxy-client-ca")));
    assert!(
        additions
            .iter()
            .any(|addition| at(addition) == "spec.tlsOptions.enabled")
    );
}

fn items(addition: &Addition) -> &[Value] {
    match &addition.what {
        What::Items { items, .. } => items,
        _ => &[],
    }
}

fn at(addition: &Addition) -> String {
    let steps = addition.path.iter().map(|step| match step {
        Step::Key(key) => key.clone(),
        Step::Index(index) => index.to_string(),
    });
    steps.collect::<Vec<_>>().join(".")
}

#[test]
fn people_of_certificates_have_their_own_and_nobody_the_authoritys_key() {
    let platform =
        platform(json!({"client": {"certificates": ["alice", "Alice", "system:serviceaccount:s:x"]}}));
    let objects = of_namespace(&platform, "s");
    let certificates: Vec<&Value> = objects
        .iter()
        .filter(|object| object.id.kind == "Certificate")
        .map(|object| &object.value)
        .collect();
    let secrets: BTreeSet<&str> = certificates
        .iter()
        .map(|one| one["spec"]["secretName"].as_str().unwrap())
        .collect();
    assert_eq!(secrets.len(), 4, "{secrets:?}");
    for role in objects.iter().filter(|object| object.id.kind == "Role") {
        let names = &role.value["rules"][0]["resourceNames"];
        assert_ne!(names, &json!([clients::AUTHORITY]));
        assert!(secrets.contains(names[0].as_str().unwrap()), "{names}");
    }
    let person = certificates
        .iter()
        .find(|one| one["spec"]["commonName"] == "alice")
        .unwrap();
    assert_eq!(
        person["spec"]["usages"],
        json!(["digital signature", "key encipherment", "client auth"])
    );
    assert_eq!(person["spec"]["issuerRef"]["name"], clients::AUTHORITY);
    let guard = RayGuard::new(&platform, cluster(Kind::RayCluster, "s", "n"));
    let additions = head::additions(&platform, &guard, &Said::default());
    let volume = additions
        .iter()
        .flat_map(items)
        .find(|item| item["name"] == "ray-proxy-client-ca")
        .unwrap();
    assert_eq!(
        volume["secret"]["items"],
        json!([{"key": "ca.crt", "path": "ca.crt"}])
    );
}

#[test]
fn names_of_a_jobs_pods_are_ours_and_tokens_are_off_everywhere() {
    let platform = platform(json!({}));
    let mut cluster = cluster(Kind::RayJob, "s", "n");
    cluster.autoscaling = true;
    let guard = RayGuard::new(&platform, cluster);
    let containers = json!([{"name": "ray"}, {"name": "other"}]);
    let group = json!({"template": {"spec": {"containers": containers}}});
    let said = json!({"template": {"spec": {"containers": [{"name": "ray", "env": [{"name": "RAY_AUTH_MODE", "value": "disabled"}]}]}}});
    let document = json!({"spec": {"rayClusterSpec": {"enableInTreeAutoscaling": true, "headGroupSpec": group,
        "workerGroupSpecs": [group, said]}}});
    let document = read(Kind::RayJob, &document).unwrap().cluster.unwrap();
    let places: Vec<String> = head::additions(&platform, &guard, &Said::of(&document))
        .iter()
        .map(at)
        .collect();
    let expected = [
        "spec.rayClusterSpec.headGroupSpec.template.metadata.labels.gatewright.dev/ray-source",
        "spec.rayClusterSpec.workerGroupSpecs.0.template.metadata.labels.gatewright.dev/ray-source",
        "spec.rayClusterSpec.workerGroupSpecs.1.template.metadata.labels.gatewright.dev/ray-source",
        "spec.rayClusterSpec.headGroupSpec.template.spec.containers.0.env",
        "spec.rayClusterSpec.workerGroupSpecs.0.template.spec.containers.0.env",
        "spec.rayClusterSpec.autoscalerOptions.env",
        "spec.rayClusterSpec.headGroupSpec.enableIngress",
        "spec.rayClusterSpec.headGroupSpec.template.spec.serviceAccountName",
        "spec.rayClusterSpec.autoscalerOptions.volumeMounts",
        "spec.rayClusterSpec.headGroupSpec.template.spec.containers",
        "spec.rayClusterSpec.headGroupSpec.template.spec.volumes",
    ];
    assert_eq!(places, expected);
}

#[test]
fn beside_the_operator_our_route_names_methods_and_no_object_is_the_operators() {
    let platform = platform(json!({"operator": "OpenDataHub"}));
    let objects = made(&platform, cluster(Kind::RayCluster, "s", "n"));
    assert!(of_kind(&objects, "ServiceAccount").is_none());
    let route = of_kind(&objects, "HTTPRoute").unwrap();
    assert_eq!(
        route["metadata"]["labels"],
        json!({"app.kubernetes.io/managed-by": "gatewright"})
    );
    // The Gateway API takes one match in a rule that rewrites a prefix.
    let rules = route["spec"]["rules"].as_array().unwrap();
    let matches = |rule: &Value| rule["matches"].as_array().unwrap().clone();
    let methods = |rules: &[Value]| -> BTreeSet<String> {
        let all = rules.iter().flat_map(matches);
        all.map(|one| one["method"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(methods(&rules[..1]).len(), 9);
    assert_eq!(methods(&rules[1..]).len(), 9);
    assert!(rules[1..].iter().all(|rule| matches(rule).len() == 1));
    let subject = &of_kind(&objects, "ClusterRoleBinding").unwrap()["subjects"][0]["name"];
    assert_eq!(subject, "n-oauth-proxy-sa");
    let guards = objects
        .iter()
        .find(|object| object.id.kind == "NetworkPolicy" && object.id.name == "n-ray-proxy");
    let ports = &guards.unwrap().value["spec"]["ingress"][0]["ports"];
    assert_eq!(
        (&ports[0]["port"], &ports[1]["port"]),
        (&json!(8453), &json!(8455))
    );
}

#[test]
fn nodes_that_reach_their_cluster_alone_reach_names_and_the_api_server_too() {
    let open = platform(json!({}));
    let closed = platform(json!({"egress": {"to": "Cluster", "apiServers": ["10.0.0.1/32"]}}));
    let types = |platform: &Platform| {
        let of_all = of_namespace(platform, "s");
        let of_one = made(platform, cluster(Kind::RayJob, "s", "n"));
        [of_all, of_one].map(|objects| of_kind(&objects, "NetworkPolicy").unwrap()["spec"].clone())
    };
    for spec in types(&open) {
        assert_eq!(spec["policyTypes"], json!(["Ingress"]));
        assert_eq!(spec.get("egress"), None);
    }
    let [all, one] = types(&closed);
    assert_eq!(all["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(all["egress"][0]["to"][0]["podSelector"], json!({}));
    assert_eq!(all["egress"][0]["ports"].as_array().unwrap().len(), 4);
    assert_eq!(
        all["egress"][1]["to"],
        json!([{"ipBlock": {"cidr": "10.0.0.1/32"}}])
    );
    let nodes = json!({"matchLabels": {"gatewright.dev/ray-source": "rayjob.n"}});
    assert_eq!(one["podSelector"], nodes);
    assert_eq!(one["egress"][0]["to"], one["ingress"][0]["from"]);
    let submitters = &one["ingress"][1]["from"][0]["podSelector"]["matchLabels"];
    assert_eq!(submitters["ray.io/originated-from-cr-name"], "n");
}

#[test]
fn who_looks_gets_get_and_who_uses_gets_everything_on_the_virtual_subresource() {
    let platform = platform(json!({"readers": {"groups": ["lookers"]}}));
    let cluster = RayCluster {
        tokens: Tokens::Kubernetes,
        ..cluster(Kind::RayCluster, "s", "n")
    };
    let objects = made(&platform, cluster);
    let rules = |name: &str| {
        let role = objects
            .iter()
            .find(|object| object.id.kind == "Role" && object.id.name == name);
        role.unwrap().value["rules"].clone()
    };
    let rule = |resource: &str, verb: &str| json!({"apiGroups": ["ray.io"], "resources": [resource], "resourceNames": ["n"], "verbs": [verb]});
    assert_eq!(
        rules("n-ray-access"),
        json!([rule("rayclusters/access", "*"), rule("rayclusters", "ray:write")])
    );
    assert_eq!(rules("n-ray-view"), json!([rule("rayclusters/access", "get")]));
}
