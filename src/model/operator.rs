//! Beside Open Data Hub's operator: what a person must know of it. Measured; its controllers were run.

use super::gateway::Gateway;
use super::login::CREDENTIALS;
use crate::input::platform::IngressMode;
use crate::krm::results::Finding;

/// The operator's rule that verifies nobody, for every Service: other components need it, so it stays.
const WIDE_RULE: &str = "data-science-tls-rule";

/// What an administrator of the cluster has to do, and to leave alone.
pub fn notes(gateway: &Gateway) -> Vec<Finding> {
    let mode = match gateway.ingress {
        IngressMode::OcpRoute => "OcpRoute",
        IngressMode::LoadBalancer => "LoadBalancer",
    };
    let texts = [
        (
            "spec".to_owned(),
            "what is written carries opendatahub.io/managed: \"false\", so that Open Data Hub's operator leaves it alone: it \
             follows this input, and no longer the operator's host, mode, TLS profile, image or secrets"
                .to_owned(),
        ),
        (
            "spec.ingressMode".to_owned(),
            format!(
                "even so the operator deletes a Gateway that does not fit the mode in its GatewayConfig: keep ingressMode: {mode} \
                 in the document that is applied, and change both in one commit"
            ),
        ),
        (
            "spec".to_owned(),
            "what changes outside the GatewayConfig (auth mode, ingress domain, TLS profile, secrets) reaches the operator's own \
             objects only with a new generation of it: change its spec in the same commit"
                .to_owned(),
        ),
        (
            "spec".to_owned(),
            format!(
                "the Secret {CREDENTIALS} stays the operator's: any annotation on it (a tracking id is enough) makes the operator \
                 delete it and make new secrets; keep it out of git, or give it opendatahub.io/managed: \"false\" too. Without \
                 OIDC, the OAuthClient keeps the secret that the operator gave it"
            ),
        ),
        (
            "spec.enableK8sTokenValidation".to_owned(),
            "the operator's ClusterRoleBinding kube-auth-proxy-tokenreview stays: it lets the login service make \
             SubjectAccessReviews too, and the role of a binding cannot be changed"
                .to_owned(),
        ),
        (
            "spec".to_owned(),
            format!(
                "the operator's DestinationRule {WIDE_RULE} stays, for components that are not in this input: it verifies no \
                 certificate. The hops that are written here have rules of their own, which go first"
            ),
        ),
    ];
    let note = |(field, text): (String, String)| Finding::info(text).about(&gateway.source).at(field);
    texts.into_iter().map(note).collect()
}
