//! Attacks by objects that are not NetworkPolicies and routes of the Gateway API.

use crate::access::tests::{file, objects};
use crate::verify;
use crate::verify::judgement::Rule;

/// A Notebook without a guard that nobody reaches.
const CLOSED: &str = "
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: nb, namespace: team}
spec: {template: {spec: {containers: [{name: nb, image: x, ports: [{containerPort: 8888}]}]}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: team}
spec: {podSelector: {}, policyTypes: [Ingress]}
";

/// The rules that objects beside it break, with the object to change.
fn said(more: &str) -> Vec<(Rule, String)> {
    let all = objects(&format!("{}\n---\n{}", CLOSED.trim(), more.trim()));
    let found = verify::of(&all);
    let mut said: Vec<_> = found
        .iter()
        .map(|one| (one.rule, one.at.object.kind.clone()))
        .collect();
    said.dedup();
    said
}

fn says(more: &str, rule: Rule, kind: &str) {
    let said = said(more);
    assert!(said.contains(&(rule, kind.to_owned())), "{said:?}");
}

#[test]
fn nobody_reaches_a_closed_notebook() {
    let all = objects(CLOSED.trim());
    assert_eq!(verify::of(&all), []);
}

#[test]
fn our_own_output_is_silent() {
    for name in [
        "notebooks",
        "platform-beside-operator",
        "platform-kubernetes-envoy-gateway",
        "platform-kubernetes-istio",
        "platform-openshift",
        "platform-openshift-oidc",
    ] {
        let mut all = file(&format!("examples/.expected/{name}.yaml"));
        if name == "notebooks" {
            all.extend(file("examples/.expected/platform-kubernetes-istio.yaml"));
        }
        let found = verify::of(&all);
        let loud: Vec<_> = found.iter().filter(|one| one.rule != Rule::Unknown).collect();
        assert!(loud.is_empty(), "{name}: {loud:#?}");
    }
}

#[test]
fn a12_policies_of_other_kinds_open() {
    for (header, rule) in [
        (
            "policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy",
            "{action: Allow}",
        ),
        (
            "policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy",
            "{action: Allow}",
        ),
        (
            "policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy",
            "{action: Pass}",
        ),
        (
            "cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy",
            "{fromEntities: [all]}",
        ),
        (
            "crd.projectcalico.org/v1\nkind: GlobalNetworkPolicy",
            "{action: Allow}",
        ),
        (
            "projectcalico.org/v3\nkind: GlobalNetworkPolicy",
            "{action: Allow}",
        ),
    ] {
        let kind = header.split(": ").last().unwrap();
        let text =
            |rule: &str| format!("apiVersion: {header}\nmetadata: {{name: a}}\nspec: {{ingress: [{rule}]}}");
        says(&text(rule), Rule::TooWide, kind);
        says(&text("{action: Deny}"), Rule::Unknown, kind);
    }
    let several = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: a, namespace: team}\nspecs: [{ingress: [{}]}]";
    says(several, Rule::TooWide, "CiliumNetworkPolicy");
    assert_eq!(said(&several.replace("team", "elsewhere")), []);
}

#[test]
fn a8_what_is_empty_has_its_default() {
    for port in [
        "{port: 8888, protocol: \"\"}",
        "{port: 8888, targetPort: 0}",
        "{port: 8888, targetPort: \"\"}",
    ] {
        let service = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: out, namespace: team}}\nspec: {{type: LoadBalancer, selector: {{notebook-name: nb}}, ports: [{port}]}}"
        );
        says(&service, Rule::UnguardedRoute, "Service");
    }
}

fn virtual_service(gateways: &str, route: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: team}}\nspec: {{hosts: [nb.example.com], {gateways} {route}}}"
    )
}

#[test]
fn a1_virtual_services_are_ways_in() {
    let own = "gateways: [mesh, istio-system/public],";
    for host in ["nb", "nb.team", "nb.team.svc", "nb.team.svc.cluster.local"] {
        for rule in [
            format!("http: [{{route: [{{destination: {{host: {host}}}}}]}}]"),
            format!("http: [{{route: [{{destination: {{host: {host}, port: {{number: 80}}}}}}]}}]"),
            format!("http: [{{mirror: {{host: {host}}}}}]"),
            format!("http: [{{mirrors: [{{destination: {{host: {host}}}}}]}}]"),
            format!("tcp: [{{route: [{{destination: {{host: {host}}}}}]}}]"),
            format!("tls: [{{route: [{{destination: {{host: {host}}}}}]}}]"),
        ] {
            says(
                &virtual_service(own, &rule),
                Rule::UnguardedRoute,
                "VirtualService",
            );
            assert_eq!(said(&virtual_service("gateways: [mesh],", &rule)), []);
            assert_eq!(said(&virtual_service("", &rule)), []);
        }
    }
}

#[test]
fn a13_external_names_and_endpoints_are_followed() {
    let entry = |port: &str| {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: i, namespace: away}}\nspec: {{defaultBackend: {{service: {{name: alias, port: {port}}}}}}}"
        )
    };
    let alias = |spec: &str| {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: alias, namespace: away}}\nspec: {spec}")
    };
    let named = alias("{type: ExternalName, externalName: nb.team.svc.cluster.local}");
    says(
        &format!("{named}\n---\n{}", entry("{number: 80}")),
        Rule::UnguardedRoute,
        "Service",
    );
    let circle = alias("{type: ExternalName, externalName: alias.away.svc}");
    says(
        &format!("{circle}\n---\n{}", entry("{number: 80}")),
        Rule::Unknown,
        "Service",
    );
    let bare = "apiVersion: v1\nkind: Service\nmetadata: {name: bare, namespace: team}\nspec: {type: LoadBalancer, ports: [{port: 80}]}";
    says(bare, Rule::Unknown, "Service");
    let slice = |endpoint: &str| {
        format!(
            "{bare}\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: s, namespace: team, labels: {{kubernetes.io/service-name: bare}}}}\nports: [{{port: 8888}}]\nendpoints: [{endpoint}]"
        )
    };
    let pod = slice("{addresses: [10.0.0.1], targetRef: {kind: Pod, name: nb-0}}");
    says(&pod, Rule::UnguardedRoute, "Service");
    says(&slice("{addresses: [10.0.0.1]}"), Rule::TooWide, "Service");
}

#[test]
fn a1_kinds_that_are_not_followed_are_said() {
    let of = |header: &str, namespace: &str, spec: &str| {
        format!("apiVersion: {header}\nmetadata: {{name: r, namespace: {namespace}}}\nspec: {spec}")
    };
    let traefik = "traefik.io/v1alpha1\nkind: IngressRoute";
    let services = "{routes: [{services: [{name: nb, port: 80}]}]}";
    says(&of(traefik, "team", services), Rule::TooWide, "IngressRoute");
    assert_eq!(said(&of(traefik, "away", services)), []);
    let away = "{routes: [{services: [{name: nb, namespace: team, port: 80}]}]}";
    says(&of(traefik, "away", away), Rule::TooWide, "IngressRoute");
    let mapping = "getambassador.io/v3alpha1\nkind: Mapping";
    for service in ["nb.team:80", "http://nb.team.svc.cluster.local/x"] {
        let spec = format!("{{service: \"{service}\"}}");
        says(&of(mapping, "away", &spec), Rule::TooWide, "Mapping");
    }
    let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i, namespace: team, annotations: {nginx.ingress.kubernetes.io/default-backend: nb}}";
    says(ingress, Rule::TooWide, "Ingress");
}

/// A Ray cluster's fields, in an object of a kind.
fn ray(kind: &str, head: &str, more: &str) -> String {
    let at = match kind {
        "RayCluster" => "",
        "RayJob" => "rayClusterSpec: {",
        _ => "rayClusterConfig: {",
    };
    let end = if at.is_empty() { "" } else { "}" };
    format!(
        "apiVersion: ray.io/v1\nkind: {kind}\nmetadata: {{name: ray, namespace: team}}\nspec: {{{more} {at}headGroupSpec: {{{head} template: {{spec: {{containers: [{{name: head, image: x}}]}}}}}}{end}}}"
    )
}

#[test]
fn a3_what_kuberay_opens_by_itself() {
    for kind in ["RayCluster", "RayJob", "RayService"] {
        assert_eq!(said(&ray(kind, "", "")), [], "{kind}");
        for head in [
            "serviceType: LoadBalancer,",
            "serviceType: NodePort,",
            "headService: {metadata: {name: own}, spec: {type: LoadBalancer}},",
            "enableIngress: true,",
        ] {
            let all = objects(&ray(kind, head, ""));
            let found = verify::of(&all);
            let open = found
                .iter()
                .any(|one| one.rule == Rule::UnguardedRoute && one.message.contains("8265"));
            assert!(open, "{kind} {head}: {found:#?}");
        }
    }
    let serve = ray("RayService", "", "serveService: {spec: {type: LoadBalancer}},");
    says(&serve, Rule::UnguardedRoute, "RayService");
}

#[test]
fn a3_routes_to_services_that_kuberay_makes() {
    let own = "headService: {metadata: {name: own}},";
    for (kind, service) in [
        ("RayCluster", "ray-head-svc"),
        ("RayCluster", "own"),
        ("RayService", "ray-head-svc"),
        ("RayService", "ray-serve-svc"),
        ("RayService", "ray-raycluster-abcde-head-svc"),
        ("RayJob", "ray-abcde-head-svc"),
        ("RayJob", "own"),
    ] {
        let port = if service.contains("serve") { 8000 } else { 8265 };
        let more = format!(
            "{}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: i, namespace: team}}\nspec: {{defaultBackend: {{service: {{name: {service}, port: {{number: {port}}}}}}}}}",
            ray(kind, own, "")
        );
        let said = said(&more);
        assert!(
            said.iter().any(|(rule, _)| *rule == Rule::UnguardedRoute),
            "{kind} {service}: {said:?}"
        );
        assert!(
            !said.iter().any(|(rule, _)| *rule == Rule::DanglingReference),
            "{kind} {service}: {said:?}"
        );
    }
}

#[test]
fn b3_routes_lend_no_identity() {
    let mut all = file("examples/.expected/notebooks.yaml");
    all.extend(file("examples/.expected/platform-kubernetes-istio.yaml"));
    for (place, header) in [
        ("add", "Authorization"),
        ("set", "x-auth-request-user"),
        ("set", "Impersonate-User"),
    ] {
        let mut all = all.clone();
        let routes = all
            .iter_mut()
            .filter(|object| object.id.kind == "HTTPRoute" && object.id.name.starts_with("nb-"));
        for route in routes {
            let filter = &mut route.value["spec"]["rules"][0]["filters"][0];
            filter["requestHeaderModifier"][place] = serde_json::json!([{"name": header, "value": "x"}]);
        }
        let found = verify::of(&all);
        assert!(
            found.iter().any(|one| one.rule == Rule::GuardBypass),
            "{header}: {found:#?}"
        );
    }
}

#[test]
fn a15_methods_by_a_pattern_are_others() {
    let route = |first: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\nmetadata: {{name: g, namespace: team}}\nspec: {{parentRefs: [{{name: gw}}], rules: [{{matches: [{{method: {{service: s, {first}method: m}}}}], backendRefs: [{{name: away, namespace: away, port: 1}}]}}, {{matches: [{{method: {{service: s, type: RegularExpression, method: m}}}}], backendRefs: [{{name: nb, port: 80}}]}}]}}"
        )
    };
    says(&route(""), Rule::UnguardedRoute, "GRPCRoute");
    let hidden = said(&route("type: RegularExpression, "));
    assert!(
        !hidden.contains(&(Rule::UnguardedRoute, "GRPCRoute".to_owned())),
        "{hidden:?}"
    );
}

#[test]
fn a2_routes_attach_to_sets_of_listeners() {
    let route = |parent: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: h, namespace: team}}\nspec: {{parentRefs: [{parent}], rules: [{{backendRefs: [{{name: nb, port: 80}}]}}]}}"
        )
    };
    let gateway = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw, namespace: front}\nspec: {gatewayClassName: istio, listeners: [{name: other, port: 443, protocol: HTTPS, hostname: other.example.com}]}";
    for (version, kind) in [
        ("gateway.networking.k8s.io/v1", "ListenerSet"),
        ("gateway.networking.x-k8s.io/v1alpha1", "XListenerSet"),
    ] {
        let group = version.split('/').next().unwrap();
        let own = route(&format!("{{group: {group}, kind: {kind}, name: set}}"));
        let set = |from: &str| {
            format!(
                "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: set, namespace: team}}\nspec: {{parentRef: {{name: gw, namespace: front}}, listeners: [{{name: l, port: 443, protocol: HTTPS, hostname: nb.example.com, allowedRoutes: {{namespaces: {{from: {from}}}}}}}]}}"
            )
        };
        says(&own, Rule::UnguardedRoute, "HTTPRoute");
        says(
            &format!("{own}\n---\n{}", set("Same")),
            Rule::UnguardedRoute,
            "HTTPRoute",
        );
        let whole = format!("{own}\n---\n{}\n---\n{gateway}", set("All"));
        says(&whole, Rule::UnguardedRoute, "HTTPRoute");
        says(&whole, Rule::ForeignRoutes, kind);
        let found = verify::of(&objects(&format!("{}\n---\n{whole}", CLOSED.trim())));
        let by = found
            .iter()
            .any(|one| one.message.contains("https://nb.example.com/*"));
        assert!(by, "{found:#?}");
    }
    let other = "{group: example.com, kind: Door, name: d}";
    says(&route(other), Rule::UnguardedRoute, "HTTPRoute");
    assert_eq!(said(&route("{group: \"\", kind: Service, name: nb}")), []);
}
