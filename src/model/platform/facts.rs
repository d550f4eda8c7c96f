//! What Platform says of a gateway that the input defines, of the login service and of the pods around.

use std::collections::BTreeMap;

use super::{Pods, Resolver};
use crate::input::platform::{
    GatewayImplementation, GatewaySpec, IssuerRef, OidcSpec, OnMissingOidc, PodsSpec, SecretsSpec,
    SecretsStrategy,
};
use crate::krm::results::Finding;
use crate::model::gateway::Facts;
use crate::model::login::{Secrets, Store};
use crate::model::names::is_dns_name;
use crate::model::{backend_tls, defaults, image};

/// Longest name of a controller (the Gateway API's `GatewayController`).
const CONTROLLER_MAX: usize = 253;

// === impl Resolver ===

impl Resolver<'_> {
    /// What a gateway that the input defines is made with, as far as the gateway's own settings say it.
    pub(super) fn facts(
        &mut self,
        gateway: GatewaySpec,
        implementation: GatewayImplementation,
    ) -> Option<Facts> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let envoy_gateway = implementation == GatewayImplementation::EnvoyGateway;
        let (controller, version) = if envoy_gateway {
            (
                defaults::ENVOY_GATEWAY_CONTROLLER,
                defaults::ENVOY_GATEWAY_VERSION,
            )
        } else {
            (
                defaults::GATEWAY_CONTROLLER.on(self.flavor),
                defaults::GATEWAY_VERSION.on(self.flavor),
            )
        };
        let version = given(gateway.version.clone()).unwrap_or_else(|| version.to_owned());
        Some(Facts {
            operator: self.choice(gateway.operator, &defaults::GATEWAY_OPERATOR)?,
            class_name: self.class_name(&gateway),
            name: given(gateway.name),
            controller_name: self
                .controller_name(gateway.controller_name)
                .unwrap_or_else(|| controller.to_owned()),
            implementation,
            pod_namespace: gateway
                .pod_namespace
                .map(|given| self.checked(given, "spec.gateway.podNamespace")),
            ingress_mode: gateway.ingress_mode,
            gateway_api: (0, 0),
            version: backend_tls::parse(&version)?,
            domain: None,
            auth_mode: None,
            on_missing_oidc: OnMissingOidc::Fence,
            oidc: OidcSpec::default(),
            token_audiences: Vec::new(),
            issuer: IssuerRef::default(),
            login_image: String::new(),
            secrets: Secrets::default(),
        })
    }

    /// The class's name, where one is given.
    fn class_name(&mut self, gateway: &GatewaySpec) -> Option<String> {
        let given = gateway.class_name.clone().filter(|name| !name.is_empty())?;
        if !is_dns_name(&given) {
            let message = "is no name of a GatewayClass: lower-case letters, digits, dashes and dots";
            let finding = Finding::error(message).at("spec.gateway.className");
            self.findings.push(finding.found(given.clone()));
        }
        Some(given)
    }

    /// The controller of that class: a domain and a path (the Gateway API's `GatewayController`).
    fn controller_name(&mut self, given: Option<String>) -> Option<String> {
        let given = given.filter(|name| !name.is_empty())?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte);
        let is_name = given.split_once('/').is_some_and(|(domain, path)| {
            is_dns_name(domain) && !path.is_empty() && path.bytes().all(is_plain)
        });
        if !is_name || given.len() > CONTROLLER_MAX {
            let message =
                "is no name of a controller: a domain and a path, for example istio.io/gateway-controller";
            let finding = Finding::error(message).at("spec.gateway.controllerName");
            self.findings.push(finding.found(given.clone()));
        }
        Some(given)
    }

    pub(super) fn domain(&mut self, given: Option<String>) -> Option<String> {
        let given = given.filter(|domain| !domain.is_empty())?;
        if !is_dns_name(&given) {
            let message = "is no domain: lower-case letters, digits, dashes and dots";
            let finding = Finding::error(message).at("spec.domain").found(given.clone());
            let near = given.trim_start_matches("*.").trim_matches('.').to_lowercase();
            self.findings.push(if is_dns_name(&near) {
                finding.propose(near)
            } else {
                finding
            });
        }
        Some(given)
    }

    /// How groups are read. An empty prefix is none, and said; an empty claim is not said.
    pub(super) fn oidc(&mut self, given: OidcSpec) -> OidcSpec {
        let claim = given.groups_claim.filter(|claim| !claim.is_empty());
        if let Some(claim) = &claim {
            self.compared(claim, "spec.oidc.groupsClaim");
        }
        if let Some(prefix) = given.groups_prefix.as_ref().filter(|prefix| !prefix.is_empty()) {
            self.compared(prefix, "spec.oidc.groupsPrefix");
        }
        OidcSpec {
            groups_claim: claim,
            groups_prefix: given.groups_prefix,
        }
    }

    /// What Kubernetes tokens must be for.
    pub(super) fn token_audiences(&mut self, given: Vec<String>) -> Vec<String> {
        for (index, audience) in given.iter().enumerate() {
            self.compared(audience, &format!("spec.login.tokenAudiences[{index}]"));
        }
        given
    }

    /// Checks a text that others compare to the letter.
    fn compared(&mut self, text: &str, path: &str) {
        let message = if text.trim().is_empty() {
            "is empty"
        } else if text.trim() != text {
            "has blanks around it, and is compared to the letter"
        } else if text.contains(char::is_control) {
            "holds a control character"
        } else {
            return;
        };
        self.findings.push(Finding::error(message).at(path).found(text));
    }

    pub(super) fn secrets(&mut self, given: SecretsSpec) -> Option<Secrets> {
        let strategy = self.choice(given.strategy, &defaults::SECRETS_STRATEGY)?;
        let store = given.store.clone().unwrap_or_default();
        let name = store.name.filter(|name| !name.is_empty());
        let external = strategy == SecretsStrategy::ExternalSecret;
        if external && name.is_none() {
            let message =
                "is missing: an ExternalSecret needs a store of the External Secrets operator to fetch from";
            self.findings
                .push(Finding::error(message).at("spec.secrets.store.name"));
        }
        if !external && given.store.is_some() {
            let message = "has no effect: the strategy is Reference, so Secrets are expected to exist";
            let finding = Finding::warning(message).at("spec.secrets.store");
            self.findings.push(finding);
        }
        if let Some(wrong) = name.as_ref().filter(|name| !is_dns_name(name)) {
            let message = "is no name of a store: lower-case letters, digits, dashes and dots";
            let finding = Finding::error(message).at("spec.secrets.store.name");
            self.findings.push(finding.found(wrong.clone()));
        }
        let kind = self.text(store.kind, &defaults::STORE_KIND);
        if !["ClusterSecretStore", "SecretStore"].contains(&kind.as_str()) {
            let finding =
                Finding::error("must be ClusterSecretStore or SecretStore").at("spec.secrets.store.kind");
            self.findings
                .push(finding.found(kind.clone()).propose("ClusterSecretStore"));
        }
        let key = self.text(store.key, &defaults::STORE_KEY);
        Some(Secrets {
            store: name.filter(|_| external).map(|name| Store { name, kind, key }),
            revision: given.revision.filter(|text| !text.is_empty()),
        })
    }

    pub(super) fn login_image(&mut self, given: Option<String>, allow_tags: bool) -> String {
        let image = self.text(given, &defaults::LOGIN_IMAGE);
        image::check(&image, allow_tags, "spec.images.kubeAuthProxy", self.findings);
        image
    }

    /// The notebook controller's pods.
    pub(super) fn culler(&mut self, given: PodsSpec, applications: &str) -> Pods {
        let path = "spec.notebooks.culler";
        let (label, value) = defaults::CULLER_LABEL;
        let default = || BTreeMap::from([(label.into(), value.into())]);
        let labels = self.labels(given.labels.unwrap_or_else(default), &format!("{path}.labels"));
        if labels.is_empty() {
            let message =
                "an empty selector admits every pod of the namespace; name the notebook controller's labels";
            self.findings
                .push(Finding::error(message).at(format!("{path}.labels")));
        }
        Pods {
            namespace: match given.namespace {
                Some(given) => self.checked(given, &format!("{path}.namespace")),
                None => applications.to_owned(),
            },
            labels,
        }
    }
}
