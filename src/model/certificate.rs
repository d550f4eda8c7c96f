//! The certificate of the gateway's listener: who makes it, and in which Secret it is.

use super::defaults;
use super::login;
use super::names::is_dns_name;
use crate::input::gateway::{CertificateSpec, CertificateType};
use crate::input::platform::{Flavor, IngressMode, IssuerRef};
use crate::krm::results::Finding;

/// The Secret of OpenShift's default ingress certificate, in the router's namespace.
pub const ROUTER_SECRET: &str = "router-certs-default";
/// The namespace of OpenShift's router.
pub const ROUTER_NAMESPACE: &str = "openshift-ingress";

/// A listener's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its Secret, in the gateway's namespace.
    pub secret: String,
    /// Who makes it.
    pub maker: Maker,
}

/// Who makes a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Maker {
    /// OpenShift's service CA, for the gateway's Service: a Route stands before it.
    ServiceCa,
    /// OpenShift's ingress operator.
    Router,
    /// cert-manager, signed by itself.
    SelfSigned,
    /// cert-manager, by an issuer that exists.
    Issuer {
        /// Its name.
        name: String,
        /// Its kind.
        kind: String,
        /// Its group.
        group: String,
    },
    /// Somebody else.
    Provided,
}

/// What is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The document's words.
    pub given: Option<&'a CertificateSpec>,
    /// How traffic comes in.
    pub mode: IngressMode,
    /// What the cluster is.
    pub flavor: Flavor,
    /// The gateway's name.
    pub gateway: &'a str,
    /// The gateway's namespace.
    pub namespace: &'a str,
    /// The Secret's name where the document does not say it.
    pub secret: &'a str,
    /// The issuer where the document does not say it: Platform's.
    pub issuer: &'a IssuerRef,
}

/// The certificate, with what is odd about it.
///
/// # Errors
/// A maker that is not there; a name that is none.
pub fn resolve(known: &Known<'_>, findings: &mut Vec<Finding>) -> Certificate {
    let given = known.given.cloned().unwrap_or_default();
    let name = given.secret_name.clone().filter(|name| !name.is_empty());
    if let Some(wrong) = name.as_ref().filter(|name| !is_dns_name(name)) {
        let finding = Finding::error("is no name of a Secret: lower-case letters, digits, dashes and dots");
        findings.push(finding.at("spec.certificate.secretName").found(wrong.clone()));
    }
    if let Some(taken) = name
        .as_ref()
        .filter(|name| login::RESERVED.contains(&name.as_str()))
    {
        let message = "is a name of the login service's own: two would write one object";
        findings.push(
            Finding::error(message)
                .at("spec.certificate.secretName")
                .found(taken.clone())
                .propose(known.secret),
        );
    }
    if known.mode == IngressMode::OcpRoute {
        // The router's default certificate is what people see there; Open Data Hub writes this type into its own.
        let routers = matches!(given.kind, Some(CertificateType::OpenshiftDefaultIngress));
        if known.given.is_some() && !routers {
            let message = "has no effect behind a Route: the router has the certificate that people see, and OpenShift's \
                           service CA signs the gateway's own; set ingressMode: LoadBalancer to have it used";
            findings.push(Finding::warning(message).at("spec.certificate"));
        }
        return Certificate {
            secret: format!("{}-service-tls", known.gateway),
            maker: Maker::ServiceCa,
        };
    }
    let default = match known.flavor {
        Flavor::OpenShift => CertificateType::OpenshiftDefaultIngress,
        Flavor::Kubernetes => CertificateType::CertManager,
    };
    let kind = given.kind.unwrap_or(default);
    if given.issuer_ref.is_some() && !matches!(kind, CertificateType::CertManager) {
        let message = "is asked only where certificate.type is CertManager";
        findings.push(Finding::error(message).at("spec.certificate.issuerRef"));
    }
    let secret = name.clone().unwrap_or_else(|| known.secret.to_owned());
    let (secret, maker) = match kind {
        CertificateType::OpenshiftDefaultIngress => {
            router(known, findings);
            // The router's own Secret: no copy that would go stale, no private key in other hands.
            (ROUTER_SECRET.to_owned(), Maker::Router)
        }
        CertificateType::SelfSigned => (secret, Maker::SelfSigned),
        CertificateType::CertManager => {
            let issuer = given.issuer_ref.unwrap_or_default();
            let or = |own: Option<String>, platform: &Option<String>, default: &defaults::Default| {
                own.or_else(|| platform.clone())
                    .filter(|text| !text.is_empty())
                    .unwrap_or_else(|| default.on(known.flavor).to_owned())
            };
            let maker = Maker::Issuer {
                name: or(issuer.name, &known.issuer.name, &defaults::ISSUER_NAME),
                kind: or(issuer.kind, &known.issuer.kind, &defaults::ISSUER_KIND),
                group: or(issuer.group, &known.issuer.group, &defaults::ISSUER_GROUP),
            };
            (secret, maker)
        }
        CertificateType::Provided => {
            if name.is_none() {
                let message = "is missing, so the certificate is expected under this name";
                let finding = Finding::warning(message).at("spec.certificate.secretName");
                findings.push(finding.propose(secret.clone()));
            }
            (secret, Maker::Provided)
        }
    };
    Certificate { secret, maker }
}

fn router(known: &Known<'_>, findings: &mut Vec<Finding>) {
    let message = match known.flavor {
        Flavor::Kubernetes => "only OpenShift has a default ingress certificate",
        Flavor::OpenShift if known.namespace != ROUTER_NAMESPACE => {
            "OpenShift's default ingress certificate is in namespace openshift-ingress, and the gateway is in another: it \
             would have no certificate. Name another type, or set gateway.namespace in the Platform"
        }
        Flavor::OpenShift => return,
    };
    let finding = Finding::error(message).at("spec.certificate.type");
    findings.push(finding.found("OpenshiftDefaultIngress").propose("CertManager"));
}

/// Whether a certificate's name covers a host: the same, or a wildcard in the place of its first label (RFC 6125).
pub fn covers(name: &str, host: &str) -> bool {
    let name = name.to_lowercase();
    name == host
        || name
            .strip_prefix("*.")
            .is_some_and(|rest| host.split_once('.').is_some_and(|(_, domain)| domain == rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(
        kind: Option<CertificateType>,
        secret: Option<&str>,
        mode: IngressMode,
        flavor: Flavor,
    ) -> (Certificate, Vec<String>) {
        let given = (kind.is_some() || secret.is_some()).then(|| CertificateSpec {
            kind,
            secret_name: secret.map(str::to_owned),
            issuer_ref: None,
        });
        let mut findings = Vec::new();
        let known = Known {
            given: given.as_ref(),
            mode,
            flavor,
            gateway: "data-science-gateway",
            namespace: ROUTER_NAMESPACE,
            secret: "default-gateway-tls",
            issuer: &IssuerRef::default(),
        };
        let certificate = resolve(&known, &mut findings);
        (certificate, findings.iter().map(Finding::to_line).collect())
    }

    /// Where the Secret is, who makes it, and how many findings there are.
    fn check(
        (kind, secret): (Option<CertificateType>, Option<&str>),
        mode: IngressMode,
        flavor: Flavor,
        expected: &(&str, Maker, usize),
    ) {
        let (found, said) = resolved(kind, secret, mode, flavor);
        let found = (found.secret.as_str(), found.maker, said.len());
        assert_eq!(&found, expected, "{kind:?} {mode:?} {flavor:?}: {said:#?}");
    }

    fn platforms_issuer() -> Maker {
        Maker::Issuer {
            name: "selfsigned".into(),
            kind: "ClusterIssuer".into(),
            group: "cert-manager.io".into(),
        }
    }

    #[test]
    fn on_openshift_each_type_has_its_maker_and_its_secret() {
        use CertificateType::{CertManager, OpenshiftDefaultIngress, Provided, SelfSigned};
        use IngressMode::{LoadBalancer, OcpRoute};
        let behind = "data-science-gateway-service-tls";
        let default = "default-gateway-tls";
        for (given, mode, expected) in [
            ((None, None), OcpRoute, (behind, Maker::ServiceCa, 0)),
            ((Some(SelfSigned), None), OcpRoute, (behind, Maker::ServiceCa, 1)),
            ((None, None), LoadBalancer, (ROUTER_SECRET, Maker::Router, 0)),
            (
                (Some(OpenshiftDefaultIngress), Some("copy")),
                LoadBalancer,
                (ROUTER_SECRET, Maker::Router, 0),
            ),
            (
                (Some(SelfSigned), Some("own")),
                LoadBalancer,
                ("own", Maker::SelfSigned, 0),
            ),
            (
                (Some(CertManager), None),
                LoadBalancer,
                (default, platforms_issuer(), 0),
            ),
            (
                (Some(Provided), None),
                LoadBalancer,
                (default, Maker::Provided, 1),
            ),
            (
                (Some(Provided), Some("Mine")),
                LoadBalancer,
                ("Mine", Maker::Provided, 1),
            ),
        ] {
            check(given, mode, Flavor::OpenShift, &expected);
        }
    }

    #[test]
    fn elsewhere_cert_manager_makes_it_unless_somebody_brings_it() {
        use CertificateType::{OpenshiftDefaultIngress, Provided};
        for (given, expected) in [
            ((None, None), ("default-gateway-tls", platforms_issuer(), 0)),
            ((Some(Provided), Some("mine")), ("mine", Maker::Provided, 0)),
            (
                (Some(OpenshiftDefaultIngress), None),
                (ROUTER_SECRET, Maker::Router, 1),
            ),
        ] {
            check(given, IngressMode::LoadBalancer, Flavor::Kubernetes, &expected);
        }
    }

    #[test]
    fn a_wildcard_covers_one_label() {
        for (name, host, expected) in [
            ("rh-ai.apps.example.com", "rh-ai.apps.example.com", true),
            ("*.apps.example.com", "rh-ai.apps.example.com", true),
            ("*.APPS.example.com", "rh-ai.apps.example.com", true),
            ("*.example.com", "rh-ai.apps.example.com", false),
            ("apps.example.com", "rh-ai.apps.example.com", false),
            ("*.com", "com", false),
        ] {
            assert_eq!(covers(name, host), expected, "{name} {host}");
        }
    }
}
