//! Hops of the real operator, of our own output, and of objects that nearly fit.

use super::*;
use crate::access::tests::{file, objects};

fn judged(objects: &[Object], gateway: (&str, &str), service: (&str, &str), port: usize) -> Hopped {
    let world = World::new(objects);
    let gateway = ObjectId::new("gateway.networking.k8s.io/v1", "Gateway", gateway.0, gateway.1);
    let service = world.get("", "Service", service.0, service.1).unwrap();
    let port = &fields::list(&service.value, &["spec", "ports"])[port];
    Hops::new(&world).hop(&gateway, service, port)
}

#[test]
fn our_own_hops_are_verified() {
    for (name, gateway) in [
        ("platform-kubernetes-istio", None),
        ("platform-kubernetes-envoy-gateway", None),
        ("platform-openshift", None),
        ("platform-openshift-oidc", None),
        (
            "platform-beside-operator",
            Some(("openshift-ingress", "data-science-gateway")),
        ),
    ] {
        let objects = file(&format!("examples/.expected/{name}.yaml"));
        let found = objects.iter().find(|object| object.id.kind == "Gateway");
        let gateway = found
            .map(|object| (object.id.namespace.as_str(), object.id.name.as_str()))
            .or(gateway)
            .unwrap();
        let mut seen = 0;
        for service in objects.iter().filter(|object| object.id.kind == "Service") {
            if !service.id.name.contains("kube-") {
                continue;
            }
            let hop = judged(&objects, gateway, (&service.id.namespace, &service.id.name), 0);
            assert!(
                matches!(hop.tls, HopTls::Verified(_)),
                "{name} {}: {hop:?}",
                service.id
            );
            assert!(
                hop.faults
                    .iter()
                    .all(|fault| matches!(fault.what, What::NoAuthority(_))),
                "{name}: {hop:?}"
            );
            seen += 1;
        }
        assert!(seen > 0, "{name}");
    }
}

#[test]
fn the_real_operators_rule_verifies_nothing() {
    let objects = file("fixtures/odh-gateway/01-oauth/live-1.yaml");
    let hop = judged(
        &objects,
        ("openshift-ingress", "data-science-gateway"),
        ("openshift-ingress", "kube-auth-proxy"),
        0,
    );
    let HopTls::Unverified(at) = hop.tls else {
        panic!("{hop:?}")
    };
    assert_eq!(
        (at.object.kind.as_str(), at.field.as_str()),
        (
            "DestinationRule",
            "spec.trafficPolicy.portLevelSettings[0].tls.insecureSkipVerify"
        )
    );
}

const BASE: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: istio}
spec: {controllerName: istio.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: edge}
spec: {gatewayClassName: istio}
---
apiVersion: v1
kind: Service
metadata: {name: nb, namespace: team}
spec: {ports: [{name: https, port: 443}]}
";

fn with(more: &str) -> Hopped {
    judged(
        &objects(&format!("{BASE}---\n{more}")),
        ("edge", "gw"),
        ("team", "nb"),
        0,
    )
}

fn rule(namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: r-{}, namespace: {namespace}}}\nspec: {spec}\n",
        spec.len()
    )
}

const CHECKED: &str =
    "trafficPolicy: {tls: {mode: SIMPLE, caCertificates: /ca, subjectAltNames: [nb.team.svc]}}";

#[test]
fn which_destination_rule_counts() {
    let in_team = |host: &str| rule("team", &format!("{{host: {host}, {CHECKED}}}"));
    for (host, fits) in [
        ("nb.team.svc.cluster.local", true),
        ("nb", true),
        ("'*.team.svc.cluster.local'", true),
        ("'*'", true),
        ("nb.team.svc", false),
        ("nb.team", false),
        ("nc", false),
        ("'*.other.svc.cluster.local'", false),
    ] {
        let verified = matches!(with(&in_team(host)).tls, HopTls::Verified(_));
        assert_eq!(verified, fits, "{host}");
    }
    // The gateway's namespace first, whatever fits better elsewhere.
    let both = format!(
        "{}---\n{}",
        in_team("nb"),
        rule(
            "edge",
            "{host: '*', trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true}}}"
        )
    );
    assert!(matches!(with(&both).tls, HopTls::Unverified(_)));
    let hidden = rule("team", &format!("{{host: nb, exportTo: ['.'], {CHECKED}}}"));
    assert_eq!(with(&hidden).tls, HopTls::Plain);
    let selected = |name: &str| {
        let labels = format!("{{matchLabels: {{gateway.networking.k8s.io/gateway-name: {name}}}}}");
        rule(
            "edge",
            &format!("{{host: nb.team.svc.cluster.local, workloadSelector: {labels}, {CHECKED}}}"),
        )
    };
    assert!(matches!(with(&selected("gw")).tls, HopTls::Verified(_)));
    assert_eq!(with(&selected("other")).tls, HopTls::Plain);
}

#[test]
fn what_a_destination_rule_says() {
    for (policy, expected) in [
        (
            "{tls: {mode: SIMPLE, credentialName: ca, subjectAltNames: [nb.team.svc]}}",
            "Verified",
        ),
        (
            "{tls: {mode: MUTUAL, caCertificates: /ca, subjectAltNames: [nb.example.com]}}",
            "Verified",
        ),
        // A name that is shown is no name that is asked for.
        (
            "{tls: {mode: SIMPLE, caCertificates: /ca, sni: nb.team.svc}}",
            "Unverified",
        ),
        ("{tls: {mode: SIMPLE, caCertificates: /ca}}", "Unknown"),
        ("{tls: {mode: ISTIO_MUTUAL}}", "Verified"),
        ("{tls: {mode: SIMPLE}}", "Unknown"),
        ("{tls: {mode: DISABLE}}", "Plain"),
        ("{loadBalancer: {simple: RANDOM}}", "Plain"),
        (
            "{tls: {mode: SIMPLE, caCertificates: /ca, insecureSkipVerify: true}}",
            "Unverified",
        ),
        // A port's settings replace those of all, TLS included.
        (
            "{tls: {mode: SIMPLE, caCertificates: /ca}, portLevelSettings: [{port: {number: 443}}]}",
            "Plain",
        ),
        (
            "{tls: {mode: SIMPLE, caCertificates: /ca, subjectAltNames: [nb]}, portLevelSettings: [{port: {number: 80}}]}",
            "Verified",
        ),
    ] {
        let hop = with(&rule("team", &format!("{{host: nb, trafficPolicy: {policy}}}")));
        assert!(
            format!("{:?}", hop.tls).starts_with(expected),
            "{policy}: {hop:?}"
        );
    }
}

const GOOD: &str = "hostname: nb.team.svc, subjectAltNames: [{type: Hostname, hostname: nb.team.svc}], caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]";

#[test]
fn names_of_other_services() {
    let said = |names: &str| {
        let tls = format!("{{mode: SIMPLE, caCertificates: /ca, subjectAltNames: [{names}]}}");
        let hop = with(&rule(
            "team",
            &format!("{{host: nb, trafficPolicy: {{tls: {tls}}}}}"),
        ));
        assert!(matches!(hop.tls, HopTls::Verified(_)));
        hop.faults.into_iter().map(|fault| fault.what).next()
    };
    for own in [
        "nb.team.svc",
        "nb.team.svc.cluster.local",
        "nb",
        "'*.team.svc'",
        "other.team.svc, nb.team.svc",
        "nb.example.com",
    ] {
        assert_eq!(said(own), None, "{own}");
    }
    for other in [
        "nc.team.svc",
        "nb.other.svc",
        "nbx.team.svc",
        "nb.teams.svc.cluster.local",
    ] {
        assert_eq!(said(other), Some(What::OtherName(other.to_owned())), "{other}");
    }
}

#[test]
fn which_policy_counts() {
    let policy = |name: &str, section: &str, validation: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {{name: {name}, namespace: team}}\n\
             spec: {{targetRefs: [{{group: '', kind: Service, name: nb{section}}}], validation: {{{validation}}}}}\n"
        )
    };
    let hop = with(&policy("p", "", GOOD));
    assert!(matches!(hop.tls, HopTls::Verified(_)), "{hop:?}");
    assert!(matches!(hop.faults[0].what, What::NoAuthority(_)));
    assert!(matches!(
        with(&policy("p", ", sectionName: https", GOOD)).tls,
        HopTls::Verified(_)
    ));
    assert_eq!(with(&policy("p", ", sectionName: http", GOOD)).tls, HopTls::Plain);
    // Istio: no name, no check of it; a Secret, no check at all.
    assert!(matches!(
        with(&policy("p", "", "hostname: nb.team.svc")).tls,
        HopTls::Unverified(_)
    ));
    let secret = GOOD.replace("ConfigMap", "Secret");
    assert!(matches!(
        with(&policy("p", "", &secret)).tls,
        HopTls::Unverified(_)
    ));
    let two = format!("{}---\n{}", policy("p", "", GOOD), policy("q", "", GOOD));
    assert!(
        with(&two)
            .faults
            .iter()
            .any(|fault| matches!(fault.what, What::Contradicted(_)))
    );
}

#[test]
fn what_a_gateway_elsewhere_does_is_not_known() {
    let known = objects(BASE);
    let alone = &known[2..];
    assert_eq!(
        judged(alone, ("edge", "gw"), ("team", "nb"), 0).tls,
        HopTls::Unknown
    );
    assert_eq!(
        judged(&known, ("edge", "gw"), ("team", "nb"), 0).tls,
        HopTls::Plain
    );
    let near = objects(&format!(
        "{BASE}---\napiVersion: v1\nkind: Service\nmetadata: {{name: x, namespace: edge}}\n"
    ));
    assert_eq!(
        judged(&near[2..], ("edge", "gw"), ("team", "nb"), 0).tls,
        HopTls::Plain
    );
}

#[test]
fn routes_of_openshift() {
    let route = |tls: &str| {
        let text = format!(
            "apiVersion: route.openshift.io/v1\nkind: Route\nmetadata: {{name: r, namespace: a}}\nspec: {{host: x{tls}}}\n"
        );
        format!("{:?}", of_route(&objects(&text)[0]))
    };
    for (tls, expected) in [
        ("", "Plain"),
        (", tls: {termination: edge}", "Plain"),
        (", tls: {termination: reencrypt}", "Verified"),
        (", tls: {termination: passthrough}", "Passed"),
    ] {
        assert!(route(tls).starts_with(expected), "{tls}");
    }
}

#[test]
fn a_rule_for_pods_that_are_perhaps_the_gateways_verifies_nothing() {
    let perhaps = rule(
        "edge",
        &format!(
            "{{host: nb.team.svc.cluster.local, workloadSelector: {{matchLabels: {{app: something}}}}, {CHECKED}}}"
        ),
    );
    assert_eq!(with(&perhaps).tls, HopTls::Unknown);
}
