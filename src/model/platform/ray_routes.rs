//! Which ways to Ray clusters' guards can be had together with whom Platform has issue their certificates, and what a gateway that
//! the input defines makes of them.

use std::collections::BTreeSet;

use super::{Platform, Tls};
use crate::input::platform::{
    Flavor, GatewayImplementation, IngressMode, Operator, RayClientRoute, RayRoute,
};
use crate::krm::results::Finding;
use crate::model::gateway::Gateway;
use crate::model::notebook::NOBODY;

/// Longest common name of a certificate (RFC 5280, `ub-common-name`); cert-manager refuses a longer one.
const COMMON_NAME_MAX: usize = 64;
const ROUTE: &str = "spec.rayClusters.route";
const CLIENT_ROUTE: &str = "spec.rayClusters.client.route";
const LISTENER: &str = "spec.rayClusters.client.listener";

/// Checks what Platform says alone.
pub(super) fn check(platform: &Platform, findings: &mut Vec<Finding>) {
    operator(platform, findings);
    dashboard(platform, findings);
    client(platform, findings);
    certificates(platform, findings);
}

/// The real webhook where the cluster is no OpenShift: `fixtures/ray-operators/README.md`, cases 75 and 76.
fn operator(platform: &Platform, findings: &mut Vec<Finding>) {
    if platform.ray.operator == Operator::OpenDataHub && platform.flavor == Flavor::Kubernetes {
        let message = "where its webhook is registered, Open Data Hub's operator writes \"false\" into the annotation \
                       odh.ray.io/secure-trusted-network on every cluster that is no OpenShift, and GitOps writes \"true\" back for \
                       ever. The operator then makes nothing, the account that the guard runs as neither, and the guard lets nobody \
                       in. Set None, unless the operator runs without its webhook";
        let finding = Finding::warning(message).at("spec.rayClusters.operator");
        findings.push(finding.found("OpenDataHub").propose("None"));
    }
}

fn dashboard(platform: &Platform, findings: &mut Vec<Finding>) {
    match (platform.ray.route, &platform.tls) {
        (RayRoute::Route, Tls::CertManager { .. } | Tls::Provided) => {
            let message = "OpenShift's router verifies a guard by the service CA, or by an authority written out in the Route, \
                           which is not known here; without either no request gets through. Take tls.source ServiceCA, or \
                           another route";
            let finding = Finding::error(message).at(ROUTE).found("Route");
            findings.push(finding.propose("HTTPRoute"));
        }
        (RayRoute::Ingress, Tls::ServiceCa | Tls::Provided) => {
            let message = "ingress-nginx verifies a guard by the key ca.crt in the Secret of the guard's certificate, which \
                           cert-manager alone puts there. Take tls.source CertManager, or another route";
            let finding = Finding::error(message).at(ROUTE).found("Ingress");
            findings.push(finding.propose("HTTPRoute"));
        }
        (RayRoute::Ingress, Tls::CertManager { .. }) if platform.facts.domain.is_none() => {
            let message = "is missing: each dashboard's Ingress has a host of its own in it";
            findings.push(Finding::error(message).at("spec.domain"));
        }
        _ => {}
    }
}

fn client(platform: &Platform, findings: &mut Vec<Finding>) {
    if !platform.ray.client.passes_through() {
        return;
    }
    let route = platform.ray.client.route;
    let word = word(route);
    let istio = platform.facts.implementation == GatewayImplementation::Istio;
    let message = match route {
        RayClientRoute::Ingress => Some(
            "ingress-nginx passes TLS on only where its controller runs with --enable-ssl-passthrough; without that it ends the \
             clients' TLS with a certificate of its own",
        ),
        RayClientRoute::TlsRoute if istio => {
            Some("Istio reads TLSRoutes only where istiod runs with PILOT_ENABLE_ALPHA_GATEWAY_API=true")
        }
        _ => None,
    };
    findings.extend(message.map(|message| Finding::info(message).at(CLIENT_ROUTE).found(word)));
    match platform.tls {
        Tls::CertManager { .. } => {}
        Tls::ServiceCa => {
            let message = "passes TLS on to the guard, whose certificate must then be for the host that clients ask for; the \
                           service CA signs names within the cluster alone. Take tls.source CertManager";
            findings.push(Finding::error(message).at(CLIENT_ROUTE).found(word));
        }
        Tls::Provided => {
            let message = "passes TLS on to the guard: the certificate that is provided for it must be for the host of its \
                           client port too";
            findings.push(Finding::warning(message).at(CLIENT_ROUTE).found(word));
        }
    }
}

fn certificates(platform: &Platform, findings: &mut Vec<Finding>) {
    let client = &platform.ray.client;
    let mut seen = BTreeSet::new();
    for (index, person) in client.certificates.iter().enumerate() {
        let message = if person.is_empty() {
            "is empty: name a person as the API server knows them"
        } else if person.len() > COMMON_NAME_MAX {
            "does not fit into a certificate, whose common name has 64 characters at most; this person needs a token"
        } else if NOBODY.contains(&person.as_str()) {
            "is who has not logged in"
        } else if !seen.insert(person) {
            "stands here already"
        } else {
            continue;
        };
        let path = format!("spec.rayClusters.client.certificates[{index}]");
        findings.push(Finding::error(message).at(path).found(person.clone()));
    }
    if !seen.is_empty() && client.route == RayClientRoute::GrpcRoute {
        let message = "the gateway ends the clients' TLS, so that their certificates reach no guard from outside; they serve within \
                       the cluster";
        let finding = Finding::warning(message).at(CLIENT_ROUTE).found("GRPCRoute");
        findings.push(finding.propose("TLSRoute"));
    }
}

/// Checks Platform beside a gateway that the input defines. `listeners` are the names of its own.
pub fn check_gateway(
    platform: &Platform,
    gateway: &Gateway,
    listeners: &[&str],
    findings: &mut Vec<Finding>,
) {
    let client = &platform.ray.client;
    match client.route {
        RayClientRoute::GrpcRoute => {
            let message = "this gateway takes headers with underscores off every request, for some programs take them for others \
                           that it sets itself; Ray's clients say who they are in such headers (client_id) and get no session \
                           without them";
            let finding = Finding::error(message).at(CLIENT_ROUTE).found("GRPCRoute");
            findings.push(finding.propose("TLSRoute"));
        }
        RayClientRoute::TlsRoute => {
            if listeners.contains(&client.listener.as_str()) {
                let message = "is a listener for people; the client ports need one of their own";
                let finding = Finding::error(message)
                    .at(LISTENER)
                    .found(client.listener.clone());
                findings.push(finding.propose("ray-client"));
            }
            if gateway.ingress == IngressMode::OcpRoute {
                let message = "OpenShift's router stands before this gateway and hands it the gateway's own host alone: nobody \
                               from outside reaches the listener of the client ports. Let the router lead to the guards itself";
                let finding = Finding::warning(message).at(CLIENT_ROUTE).found("TLSRoute");
                findings.push(finding.propose("Route"));
            }
            if gateway.implementation == GatewayImplementation::EnvoyGateway
                && platform.facts.gateway_api < crate::model::ray::TLS_ROUTE_SINCE
            {
                let message = "this version of the Gateway API has TLSRoute in its experimental channel alone; install that";
                let finding = Finding::info(message).at(CLIENT_ROUTE).found("TLSRoute");
                findings.push(finding);
            }
        }
        RayClientRoute::Route | RayClientRoute::Ingress | RayClientRoute::None => {}
    }
}

fn word(route: RayClientRoute) -> &'static str {
    match route {
        RayClientRoute::TlsRoute => "TLSRoute",
        RayClientRoute::GrpcRoute => "GRPCRoute",
        RayClientRoute::Route => "Route",
        RayClientRoute::Ingress => "Ingress",
        RayClientRoute::None => "None",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::krm::results::{Finding, Severity};
    use crate::model::platform::{Environment, resolve};

    fn severities(flavor: &str, tls: &str, ray: Value) -> Vec<Severity> {
        let mut spec = json!({"flavor": flavor, "tls": {"source": tls}});
        spec["rayClusters"] = ray;
        let mut findings: Vec<Finding> = Vec::new();
        let spec = serde_json::from_value(spec).unwrap();
        resolve("p", spec, &Environment::default(), &mut findings);
        let of_ray = |finding: &&Finding| {
            let line = finding.to_line();
            line.contains("spec.rayClusters") || line.contains("spec.domain")
        };
        findings
            .iter()
            .filter(of_ray)
            .map(|finding| finding.severity)
            .collect()
    }

    #[test]
    fn a_way_that_nobody_could_go_is_an_error() {
        use Severity::{Error, Info, Warning};
        let beside = json!({"operator": "OpenDataHub"});
        let client = |route: &str| json!({"client": {"route": route, "domain": "ray.example.com"}});
        for (flavor, tls, ray, expected) in [
            ("OpenShift", "ServiceCA", json!({"route": "Route"}), vec![]),
            ("OpenShift", "CertManager", json!({"route": "Route"}), vec![Error]),
            ("OpenShift", "ServiceCA", json!({"route": "Ingress"}), vec![Error]),
            (
                "Kubernetes",
                "CertManager",
                json!({"route": "Ingress"}),
                vec![Error],
            ),
            ("OpenShift", "ServiceCA", client("TLSRoute"), vec![Info, Error]),
            ("OpenShift", "ServiceCA", client("GRPCRoute"), vec![]),
            ("Kubernetes", "CertManager", client("TLSRoute"), vec![Info]),
            ("Kubernetes", "Provided", client("Ingress"), vec![Info, Warning]),
            ("OpenShift", "ServiceCA", beside.clone(), vec![]),
            ("Kubernetes", "CertManager", beside, vec![Warning]),
        ] {
            assert_eq!(
                severities(flavor, tls, ray.clone()),
                expected,
                "{flavor} {tls} {ray}"
            );
        }
    }

    #[test]
    fn people_fit_into_certificates() {
        let of = |people: Value| {
            severities(
                "Kubernetes",
                "CertManager",
                json!({"client": {"certificates": people}}),
            )
            .len()
        };
        assert_eq!(of(json!(["alice", "u".repeat(64)])), 0);
        assert_eq!(
            of(json!(["", "u".repeat(65), "system:anonymous", "alice", "alice"])),
            4
        );
    }
}
