//! How the gateway verifies the guards: which object tells it, and whose signature it trusts.
//!
//! A gateway that does not verify hands every request, token included, to whoever can answer for the address. Which kind
//! of object can say so depends on the gateway's implementation and on the version of the Gateway API that the cluster
//! serves.

use super::defaults;
use super::names::is_dns_name;
use super::platform::Tls;
use crate::input::platform::{CaRef, GatewayImplementation, TlsSpec};
use crate::krm::results::Finding;

/// First version of the Gateway API with BackendTLSPolicy in its standard channel, as `v1`.
const POLICY_SINCE: (u32, u32) = (1, 4);
/// Where a gateway's pod on OpenShift finds the service CA: the kubelet mounts it beside the pod's token.
const SERVICE_CA_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/service-ca.crt";

/// What tells the gateway to verify a guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendTls {
    /// Istio's `DestinationRule`, in the namespace of the gateway's pods: it goes before any rule in other namespaces.
    DestinationRule(Authority),
    /// Gateway API's BackendTLSPolicy, beside the guard's Service.
    Policy {
        /// Its version.
        version: &'static str,
        /// `ConfigMap` or `Secret`.
        kind: String,
        /// Name of the object with the authority's certificate, in every namespace with a guard.
        name: String,
    },
}

/// Whose signature a `DestinationRule` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// A file in the gateway's pod.
    File(&'static str),
    /// A Secret in the gateway's namespace.
    Secret(String),
    /// Anybody's: Platform turned verification off.
    Anybody,
}

/// What is known of the gateway.
pub struct Target<'a> {
    /// Its implementation.
    pub implementation: GatewayImplementation,
    /// Version of the Gateway API.
    pub gateway_api: &'a str,
    /// Namespace of its pods: where Istio looks for what concerns them.
    pub namespace: &'a str,
}

/// Chooses, by who issues the certificates and what Platform says of TLS.
///
/// # Errors
/// An authority that this kind of object cannot refer to; verification turned off where there is no way to say so.
pub fn choose(target: &Target<'_>, issuer: &Tls, tls: &TlsSpec, findings: &mut Vec<Finding>) -> BackendTls {
    let given = tls.ca_ref.as_ref();
    let skip_verify = tls.skip_verify == Some(true);
    if skip_verify {
        let message = "the guards' certificates are not verified: whoever can answer for their address can read every request";
        findings.push(Finding::warning(message).at("spec.tls.skipVerify").propose(false));
    }
    let istio = target.implementation == GatewayImplementation::Istio;
    let since = parse(target.gateway_api).is_some_and(|version| version >= POLICY_SINCE);
    // A BackendTLSPolicy reads the key `ca.crt`, which OpenShift's service CA is published under nowhere: where Istio can
    // read the file, it does.
    let from_file = istio && *issuer == Tls::ServiceCa && given.is_none();
    if istio && (skip_verify || from_file || !since) {
        let authority = if skip_verify {
            Authority::Anybody
        } else if from_file {
            Authority::File(SERVICE_CA_FILE)
        } else {
            Authority::Secret(secret(target.namespace, given, findings))
        };
        return BackendTls::DestinationRule(authority);
    }
    if skip_verify {
        let message = "a BackendTLSPolicy always verifies, and this gateway takes no other object; name the authority in \
                       tls.caRef instead";
        findings.push(
            Finding::error(message)
                .at("spec.tls.skipVerify")
                .found(true)
                .propose(false),
        );
    }
    let given = given.cloned().unwrap_or_default();
    if let Some(namespace) = &given.namespace {
        let message = "a BackendTLSPolicy reads its authority in its own namespace; remove this, and have the object in every \
                       namespace with a guarded workload";
        findings.push(
            Finding::error(message)
                .at("spec.tls.caRef.namespace")
                .found(namespace.clone()),
        );
    }
    if let Some(kind) = given
        .kind
        .as_ref()
        .filter(|kind| !["ConfigMap", "Secret"].contains(&kind.as_str()))
    {
        let finding = Finding::error("must be ConfigMap or Secret").at("spec.tls.caRef.kind");
        findings.push(finding.found(kind.clone()).propose("ConfigMap"));
    }
    if istio && given.kind.as_deref() == Some("Secret") {
        // istio/istio `pilot/pkg/config/kube/gateway/backend_policies.go`, getBackendTLSCredentialName
        let message = "Istio reads the authority of a BackendTLSPolicy from a ConfigMap alone, and would send requests unverified";
        let finding = Finding::error(message).at("spec.tls.caRef.kind").found("Secret");
        findings.push(finding.propose("ConfigMap"));
    }
    name(&given, findings);
    key(&given, findings);
    BackendTls::Policy {
        version: if since { "v1" } else { "v1alpha3" },
        kind: given.kind.unwrap_or_else(|| "ConfigMap".into()),
        name: given.name.unwrap_or_else(|| defaults::CA_NAME.openshift.into()),
    }
}

/// What must be there for the gateway to verify the guards, where nobody named it.
pub fn assumed(chosen: &BackendTls) -> Option<Finding> {
    let default = defaults::CA_NAME.openshift;
    let place = match chosen {
        BackendTls::DestinationRule(Authority::Secret(name)) if name == default => {
            "Secret, in the namespace of the gateway's pods"
        }
        BackendTls::Policy { kind, name, .. } if name == default => {
            if kind == "Secret" {
                "Secret, in each namespace with a guard or the login service"
            } else {
                "ConfigMap, in each namespace with a guard or the login service"
            }
        }
        _ => return None,
    };
    let message = format!(
        "not named, so the gateway verifies what answers it by key {} of this {place}; without it no request gets through",
        defaults::CA_KEY.openshift
    );
    Some(Finding::info(message).at("spec.tls.caRef.name").found(default))
}

/// The Secret that a `DestinationRule`'s `credentialName` names.
fn secret(gateway_namespace: &str, given: Option<&CaRef>, findings: &mut Vec<Finding>) -> String {
    let given = given.cloned().unwrap_or_default();
    if let Some(kind) = given.kind.as_ref().filter(|kind| *kind != "Secret") {
        let message = "Istio's DestinationRule reads the authority from a Secret; from Gateway API 1.4 on \
                       (gateway.gatewayApi) it can be a ConfigMap";
        findings.push(
            Finding::error(message)
                .at("spec.tls.caRef.kind")
                .found(kind.clone())
                .propose("Secret"),
        );
    }
    if let Some(namespace) = given
        .namespace
        .as_ref()
        .filter(|namespace| *namespace != gateway_namespace)
    {
        let message = "Istio reads the Secret in the namespace of the gateway's pods";
        findings.push(
            Finding::error(message)
                .at("spec.tls.caRef.namespace")
                .found(namespace.clone())
                .propose(gateway_namespace),
        );
    }
    name(&given, findings);
    key(&given, findings);
    given.name.unwrap_or_else(|| defaults::CA_NAME.openshift.into())
}

fn name(given: &CaRef, findings: &mut Vec<Finding>) {
    if let Some(name) = given.name.as_ref().filter(|name| !is_dns_name(name)) {
        let message = "is no name of an object: lower-case letters, digits, dashes and dots";
        findings.push(
            Finding::error(message)
                .at("spec.tls.caRef.name")
                .found(name.clone()),
        );
    }
}

fn key(given: &CaRef, findings: &mut Vec<Finding>) {
    let default = defaults::CA_KEY.openshift;
    if let Some(key) = given.key.as_ref().filter(|key| *key != default) {
        let finding = Finding::error("gateways read this key alone").at("spec.tls.caRef.key");
        findings.push(finding.found(key.clone()).propose(default));
    }
}

/// Major and minor number of a version.
pub fn parse(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(
        implementation: GatewayImplementation,
        gateway_api: &str,
        tls: &Tls,
        given: Option<&CaRef>,
        skip_verify: bool,
    ) -> (BackendTls, Vec<String>) {
        let target = Target {
            implementation,
            gateway_api,
            namespace: "ingress",
        };
        let mut findings = Vec::new();
        let spec = TlsSpec {
            ca_ref: given.cloned(),
            skip_verify: Some(skip_verify),
            ..TlsSpec::default()
        };
        let chosen = choose(&target, tls, &spec, &mut findings);
        (chosen, findings.iter().map(Finding::to_line).collect())
    }

    fn policy(version: &'static str, kind: &str, name: &str) -> BackendTls {
        BackendTls::Policy {
            version,
            kind: kind.into(),
            name: name.into(),
        }
    }

    #[test]
    fn each_gateway_is_told_in_its_own_words() {
        use GatewayImplementation::{EnvoyGateway, Istio};
        let file = BackendTls::DestinationRule(Authority::File(SERVICE_CA_FILE));
        let secret = BackendTls::DestinationRule(Authority::Secret("gatewright-backend-ca".into()));
        let named = CaRef {
            name: Some("my-ca".into()),
            ..CaRef::default()
        };
        let default = "gatewright-backend-ca";
        for (implementation, version, tls, given, expected) in [
            (Istio, "1.2", &Tls::ServiceCa, None, file.clone()),
            (Istio, "1.4", &Tls::ServiceCa, None, file),
            (
                Istio,
                "1.4",
                &Tls::ServiceCa,
                Some(&named),
                policy("v1", "ConfigMap", "my-ca"),
            ),
            (Istio, "1.3", &Tls::Provided, None, secret),
            (
                Istio,
                "1.10",
                &Tls::Provided,
                None,
                policy("v1", "ConfigMap", default),
            ),
            (
                EnvoyGateway,
                "1.3",
                &Tls::Provided,
                None,
                policy("v1alpha3", "ConfigMap", default),
            ),
            (
                EnvoyGateway,
                "1.4",
                &Tls::ServiceCa,
                None,
                policy("v1", "ConfigMap", default),
            ),
        ] {
            let (found, lines) = chosen(implementation, version, tls, given, false);
            assert_eq!(
                (found, lines),
                (expected, Vec::new()),
                "{implementation:?} {version}"
            );
        }
    }

    #[test]
    fn what_cannot_be_referred_to_is_an_error() {
        let given = CaRef {
            kind: Some("ConfigMap".into()),
            namespace: Some("elsewhere".into()),
            key: Some("service-ca.crt".into()),
            ..CaRef::default()
        };
        let (_, lines) = chosen(
            GatewayImplementation::Istio,
            "1.2",
            &Tls::Provided,
            Some(&given),
            false,
        );
        assert_eq!(lines.len(), 3, "{lines:#?}");
        let (_, lines) = chosen(
            GatewayImplementation::EnvoyGateway,
            "1.4",
            &Tls::Provided,
            Some(&given),
            true,
        );
        assert_eq!(lines.len(), 4, "{lines:#?}");
    }

    #[test]
    fn turned_off_is_turned_off_only_where_that_can_be_said() {
        let (found, lines) = chosen(GatewayImplementation::Istio, "1.4", &Tls::Provided, None, true);
        assert_eq!(found, BackendTls::DestinationRule(Authority::Anybody));
        assert!(
            lines.len() == 1 && lines[0].starts_with("warning: "),
            "{lines:#?}"
        );
        let (_, lines) = chosen(
            GatewayImplementation::EnvoyGateway,
            "1.4",
            &Tls::Provided,
            None,
            true,
        );
        assert!(lines[1].contains("always verifies"), "{lines:#?}");
    }
}
