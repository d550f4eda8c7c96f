//! What a gateway's documents may not say beside what runs in the cluster, and what whoever applies the output must know.

use super::{Documents, Facts, Gateway, LEGACY, Names, Read, Spec, config_of};
use crate::input::gateway::{self as document, GatewayConfigSpec};
use crate::input::platform::{GatewayImplementation, Operator};
use crate::krm::results::{self, Finding};
use crate::model::certificate::{self, Certificate, Maker};
use crate::model::names::{LABEL_MAX, is_dns_label, is_dns_name};
use crate::model::platform::Platform;
use crate::model::{defaults, host, login, operator};

/// Longest name of a Gateway's document: with what is put around it, it still names an object.
const NAME_MAX: usize = 200;

/// What whoever applies the output has to know or do, beside it.
pub fn notes(documents: &Documents, gateway: &Gateway) -> Vec<Finding> {
    let mut notes = Vec::new();
    if let Some(read) = documents
        .gateway
        .as_ref()
        .filter(|read| !read.is_local && !gateway.beside_operator)
    {
        let message = "goes to the cluster, which must know this kind. Where Open Data Hub's operator runs there, it writes the \
                       same objects: say gateway.operator: OpenDataHub in the Platform. Where it does not, keep the document \
                       from the cluster with the annotation config.kubernetes.io/local-config: \"true\"";
        notes.push(Finding::info(message).about(&read.id).at("metadata"));
    }
    if gateway.login.provider == Some(login::Provider::OpenShift) && !gateway.beside_operator {
        let message = format!(
            "the OAuthClient {} has no secret in git: set its field `secret` in the cluster to the value of key {} of the Secret \
             {}, or nobody can log in; who applies the output leaves that field alone",
            gateway.oauth_client,
            login::KEYS[1],
            login::CREDENTIALS
        );
        notes.push(Finding::info(message).about(&gateway.source).at("spec"));
    }
    if gateway.login.image == defaults::LOGIN_IMAGE.openshift && gateway.login.provider.is_some() {
        let message = "the login service has the image that Open Data Hub pinned once, the default; name the one that your release pins in the \
                       Platform, images.kubeAuthProxy";
        notes.push(Finding::info(message).about(&gateway.source).at("spec"));
    }
    notes.extend(every_identity(documents, gateway));
    if gateway.beside_operator {
        notes.extend(operator::notes(gateway));
    }
    notes
}

/// That the gateway asks a Kubernetes token for nothing but to be one. kube-auth-proxy asks about tokens before anything
/// else, and without audiences the API server takes those that every `ServiceAccount` has (its `oauthproxy.go`,
/// `pkg/authentication/k8s/tokenreview.go`).
fn every_identity(documents: &Documents, gateway: &Gateway) -> Option<Finding> {
    let login = &gateway.login;
    let is_asked = login.allowed_groups.is_some() || !login.review_limits.audiences.is_empty();
    if is_asked || !login.token_review || login.provider.is_none() {
        return None;
    }
    let message = "every identity of the cluster passes the gateway, every ServiceAccount with its token included: no group is \
                   asked for, and no audience. What stands behind it must ask, as the guards do; name groups here, or \
                   audiences in the Platform (login.tokenAudiences), to refuse them before";
    Some(match &documents.auth {
        Some(read) => Finding::info(message).about(&read.id).at("spec.allowedGroups"),
        None => Finding::info(message.replace("name groups here", "name groups in an Auth"))
            .about(&gateway.source)
            .at("spec"),
    })
}

/// What a document may not be beside what runs in the cluster.
pub(super) fn check_document(read: &Read<Spec>, facts: &Facts, findings: &mut Vec<Finding>) {
    let beside = facts.operator == Operator::OpenDataHub;
    match &read.spec {
        Spec::Gateway(_) if beside => {
            let message = "Open Data Hub's operator knows no such kind; write a GatewayConfig";
            findings.push(
                Finding::error(message)
                    .at("kind")
                    .found(document::GATEWAY)
                    .propose(document::GATEWAY_CONFIG),
            );
        }
        Spec::Config(_) if read.id.name != document::CONFIG_NAME => {
            let message = "Open Data Hub takes a GatewayConfig of this name alone";
            let finding = Finding::error(message)
                .at("metadata.name")
                .found(read.id.name.clone());
            findings.push(finding.propose(document::CONFIG_NAME));
        }
        // The name is part of others' names.
        Spec::Gateway(_) if !is_dns_name(&read.id.name) || read.id.name.len() > NAME_MAX => {
            let message = "must be the name of an object: lower-case letters, digits, dashes and dots, 200 characters at most";
            let finding = Finding::error(message).at("metadata.name");
            findings.push(finding.found(read.id.name.clone()));
        }
        _ => {}
    }
    if beside {
        let own = [
            ("gateway.name", &facts.name, LEGACY),
            (
                "gateway.className",
                &facts.class_name,
                defaults::GATEWAY_CLASS.openshift,
            ),
        ];
        for (field, given, theirs) in own {
            if let Some(given) = given.as_ref().filter(|given| *given != theirs) {
                let message = format!(
                    "beside Open Data Hub's operator Platform's {field} can only be {theirs}, not {given}"
                );
                findings.push(Finding::error(message).at("metadata.name"));
            }
        }
        if facts.implementation != GatewayImplementation::Istio {
            let message = "Open Data Hub's operator works with Istio alone; set gateway.implementation: Istio in the Platform";
            findings.push(Finding::error(message).at("kind"));
        }
    }
    let Some(config) = config_of(&read.spec) else {
        return;
    };
    if config.additional_ingresses.is_some() {
        let message = "is read, and nothing acts on it: there is one gateway, with one host";
        findings.push(Finding::warning(message).at("spec.additionalIngresses"));
    }
    let other = config
        .certificate
        .as_ref()
        .and_then(|certificate| certificate.kind)
        == Some(document::CertificateType::CertManager);
    if other && !read.is_local {
        let message = "is no type that Open Data Hub's own CRD takes; keep the document from the cluster with the annotation \
                       config.kubernetes.io/local-config: \"true\"";
        let finding = Finding {
            severity: if beside {
                results::Severity::Error
            } else {
                results::Severity::Warning
            },
            ..Finding::error(message)
        };
        findings.push(finding.at("spec.certificate.type").found("CertManager"));
    }
}

/// OpenShift's default certificate is for one domain.
pub(super) fn covered(
    certificate: &Certificate,
    host: &host::Host,
    legacy: Option<&String>,
    findings: &mut Vec<Finding>,
) {
    let Some(domain) = host
        .ingress_domain
        .as_ref()
        .filter(|_| [Maker::Router, Maker::ServiceCa].contains(&certificate.maker))
    else {
        return;
    };
    let wildcard = format!("*.{domain}");
    for name in [Some(&host.name), legacy].into_iter().flatten() {
        if !certificate::covers(&wildcard, name) {
            let message = format!(
                "OpenShift's default ingress certificate is for {wildcard} and does not cover {name}"
            );
            findings.push(if certificate.maker == Maker::Router {
                let finding = Finding::warning(message).at("spec.certificate.type");
                finding.propose("CertManager")
            } else {
                let message = format!("{message}: give the router one that does, or browsers warn");
                Finding::warning(message).at("spec.domain")
            });
        }
    }
}

/// The Secret that holds the listener's certificate cannot hold the client's secret.
pub(super) fn secrets_apart(certificate: &Certificate, login: &login::Login, findings: &mut Vec<Finding>) {
    let Some(login::Provider::Oidc { secret, .. }) = &login.provider else {
        return;
    };
    if *secret == certificate.secret {
        let message = format!(
            "the client's secret is to be in {secret}, which holds a certificate; name another Secret for it"
        );
        findings.push(Finding::error(message).at("spec.oidc"));
    }
}

/// The gateway's name is an object's, and Istio's controller makes a Service of it and the class's.
pub(super) fn service_name(names: &Names, facts: &Facts, findings: &mut Vec<Finding>) {
    let service = format!("{}-{}", names.gateway, names.class);
    let message = if service.len() > LABEL_MAX {
        format!(
            "the gateway's controller names its Service {service}, which is longer than {LABEL_MAX} characters; shorten \
             gateway.name or gateway.className in the Platform"
        )
    } else if !is_dns_name(&names.gateway) {
        format!(
            "the gateway is to be named {}, which is no name of an object: lower-case letters, digits, dashes and dots; change \
             gateway.name in the Platform",
            names.gateway
        )
    } else if facts.implementation == GatewayImplementation::Istio && !is_dns_label(&service) {
        format!(
            "the gateway's controller names its Service {service}, which no Service can be named; take the dots out of \
             gateway.name or gateway.className in the Platform"
        )
    } else {
        return;
    };
    findings.push(Finding::error(message).at("metadata.name"));
}

pub(super) fn network_policies(config: Option<&GatewayConfigSpec>, findings: &mut Vec<Finding>) -> bool {
    let enabled = config.and_then(|spec| spec.network_policy.as_ref()?.ingress.as_ref()?.enabled);
    if enabled == Some(false) {
        let message = "without NetworkPolicies any pod of the cluster reaches the login service; meant for clusters that \
                       refuse policies in this namespace";
        let finding = Finding::warning(message).at("spec.networkPolicy.ingress.enabled");
        findings.push(finding.found(false));
    }
    enabled != Some(false)
}

/// The oldest release of each implementation whose fields are known (login-chain's table; Envoy Gateway's CRDs). An Envoy
/// that does not know a field of its filter refuses the whole filter, and is open.
pub(super) fn version(platform: &Platform, findings: &mut Vec<Finding>) {
    let facts = &platform.facts;
    let (name, oldest) = match facts.implementation {
        GatewayImplementation::Istio => ("Istio", (1, 24)),
        GatewayImplementation::EnvoyGateway => ("Envoy Gateway", (1, 5)),
    };
    let (major, minor) = facts.version;
    if facts.version < oldest || major != oldest.0 {
        let message = format!(
            "is not a release of {name} that this version writes for: 1.{} and later ones are; a gateway that does not know a \
             field of its filter would be open",
            oldest.1
        );
        let finding = Finding::error(message).at("spec.gateway.version");
        let finding = finding.found(format!("{major}.{minor}")).about(&platform.id());
        findings.push(finding);
    }
}
