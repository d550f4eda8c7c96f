//! Random inputs: what a Platform, the gateway's documents and Notebooks can say together.

use std::collections::BTreeSet;

use gatewright::krm::results::Finding;
use gatewright::krm::source::{STDIN, Source};
use gatewright::model::platform::Environment;
use gatewright::render::respond::{Response, respond};
use gatewright::render::{Framed, frame};
use proptest::prelude::*;

pub(crate) fn notebook(namespace: &str, name: &str, on: bool) -> String {
    format!(
        "apiVersion: kubeflow.org/v1\nkind: Notebook\nmetadata:\n  name: {name}\n  namespace: {namespace}\n  annotations:\n    \
         notebooks.opendatahub.io/inject-auth: \"{on}\"\nspec:\n  template:\n    spec:\n      containers:\n      - name: {name}\n        image: i:1\n"
    )
}

/// What an input says.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) openshift: bool,
    pub(crate) envoy: bool,
    /// `BackendTLSPolicy` instead of `DestinationRule`.
    pub(crate) newer: bool,
    pub(crate) load_balancer: bool,
    /// 0: the flavor's; 1: cert-manager; 2: somebody else.
    pub(crate) tls: usize,
    pub(crate) policies: Option<bool>,
    /// 0: OpenShift; 1, 2: OIDC; 3: None.
    pub(crate) mode: usize,
    /// 0: none; 1: the design document's Gateway; 2, 3: GatewayConfig.
    pub(crate) gateway: usize,
    /// Which of issuer, client and Secret are there.
    pub(crate) client: [bool; 3],
    /// Whether Auth has the client.
    pub(crate) of_auth: bool,
    pub(crate) auth: bool,
    pub(crate) everyone: bool,
    pub(crate) notebooks: Vec<(usize, usize, bool)>,
    pub(crate) operator: bool,
    pub(crate) store: bool,
    pub(crate) certificate: usize,
    pub(crate) authority: bool,
    pub(crate) two_pods: bool,
    pub(crate) tokens: bool,
    pub(crate) own_names: bool,
    pub(crate) old_istio: bool,
}

pub(crate) const NAMESPACES: [&str; 3] = ["team", "team-a", "opendatahub"];
pub(crate) const NAMES: [&str; 4] = ["churn", "a", "kube-auth-proxy", "1e3"];

prop_compose! {
    pub(crate) fn world()(
        flags in prop::array::uniform16(any::<bool>()),
        client in prop::sample::select(vec![[true; 3], [true; 3], [true; 3], [false; 3], [true, true, false], [true, false, true], [false, true, true]]),
        policies in prop::option::weighted(0.4, any::<bool>()), tls in 0_usize..3, mode in 0_usize..4, gateway in 0_usize..4,
        certificate in 0_usize..4,
        notebooks in prop::collection::vec((0..NAMESPACES.len(), 0..NAMES.len(), prop::bool::weighted(0.8)), 0..4),
    ) -> World {
        let [openshift, envoy, newer, load_balancer, of_auth, auth, no_auth, everyone, operator, operator_too, store, authority, two_pods, tokens, own_names, old_istio] = flags;
        World {
            openshift, envoy, newer, load_balancer, tls, policies, mode, gateway, client, of_auth, auth: auth || !no_auth, everyone,
            notebooks, operator: operator && operator_too, store, certificate, authority, two_pods, tokens, own_names, old_istio,
        }
        .sensible()
    }
}

// === impl World ===

impl World {
    /// Without what is refused, for other tests show that.
    pub(crate) fn sensible(mut self) -> Self {
        if !self.openshift && self.mode == 0 {
            self.mode = 1;
        }
        if self.operator {
            self.envoy = false;
            self.own_names = false;
            self.store = false;
            if self.gateway == 1 {
                self.gateway = 2;
            }
            // Half a client is refused there.
            if self.client != [true; 3] {
                self.client = [false; 3];
            }
        }
        if !self.openshift || self.envoy {
            self.load_balancer = true;
        }
        if !self.openshift && self.tls == 0 {
            self.tls = 1;
        }
        if self.envoy {
            self.newer = true;
        }
        if self.newer && self.tls == 0 && self.envoy {
            self.tls = 1;
        }
        // The router's certificate is in the router's namespace.
        if self.certificate == 0 && (!self.openshift || self.own_names)
            || self.operator && self.certificate == 2
        {
            self.certificate = 1;
        }
        self.of_auth &= self.auth && self.mode != 0 && self.mode != 3;
        let mut seen = BTreeSet::new();
        self.notebooks
            .retain(|(namespace, name, _)| seen.insert((*namespace, *name)));
        self
    }

    pub(crate) fn fenced(&self) -> Self {
        Self {
            client: [false; 3],
            ..self.clone()
        }
    }

    fn is_complete(&self) -> bool {
        self.client == [true; 3]
    }

    pub(crate) fn mode(&self) -> &'static str {
        ["OpenShift", "OIDC", "OIDC", "None"][self.mode]
    }

    /// Whether anything may be exposed.
    pub(crate) fn is_open(&self) -> bool {
        match self.mode() {
            "None" => false,
            "OIDC" => self.gateway == 0 || self.is_complete(),
            _ => true,
        }
    }

    pub(crate) fn platform(&self) -> String {
        let flavor = if self.openshift { "OpenShift" } else { "Kubernetes" };
        let mut text = format!(
            "apiVersion: gatewright.dev/v1alpha1\nkind: Platform\nmetadata: {{name: platform}}\nspec:\n  flavor: {flavor}\n  domain: \
             apps.example.com\n  authMode: {}\n  gateway:\n    implementation: {}\n",
            self.mode(),
            if self.envoy { "EnvoyGateway" } else { "Istio" },
        );
        if self.newer {
            text.push_str("    gatewayApi: \"1.4\"\n");
        }
        match (self.envoy, self.newer, self.old_istio) {
            (true, ..) => text.push_str("    version: \"1.5\"\n"),
            (_, true, _) => text.push_str("    version: \"1.28\"\n"),
            (_, _, true) => text.push_str("    version: \"1.24\"\n"),
            _ => {}
        }
        if self.own_names {
            text.push_str("    name: ai\n    namespace: ai-ingress\n");
        }
        if self.operator {
            text.push_str("    operator: OpenDataHub\n");
        }
        match self.tls {
            0 => {}
            tls => {
                let kind = if self.newer { "ConfigMap" } else { "Secret" };
                let source = ["", "CertManager", "Provided"][tls];
                text.push_str(&format!(
                    "  tls:\n    source: {source}\n    caRef: {{kind: {kind}, name: inside-ca}}\n"
                ));
            }
        }
        if self.store {
            text.push_str("  secrets:\n    strategy: ExternalSecret\n    store: {name: vault, kind: ClusterSecretStore, key: ai}\n");
        }
        text
    }

    fn client(&self, names: [&str; 3]) -> String {
        let values = ["https://sso.example.com:8443/ai", "ai-platform", "oidc-client"];
        let rows: Vec<String> = (0..3)
            .filter(|index| self.client[*index])
            .map(|index| match names[index] {
                "clientSecretRef" => format!("    clientSecretRef: {{name: {}}}\n", values[index]),
                name => format!("    {name}: {}\n", values[index]),
            })
            .collect();
        if rows.is_empty() {
            String::new()
        } else {
            format!("  oidc:\n{}", rows.concat())
        }
    }

    /// The documents, in order.
    pub(crate) fn documents(&self) -> Vec<String> {
        let mut documents = Vec::new();
        let mode = if self.load_balancer {
            "LoadBalancer"
        } else {
            "OcpRoute"
        };
        let kind = ["", "Gateway", "GatewayConfig", "GatewayConfig"][self.gateway];
        let group = "apiVersion: services.platform.opendatahub.io/v1alpha1\nkind";
        if self.gateway > 0 {
            let name = if self.gateway == 1 {
                "gateway"
            } else {
                "default-gateway"
            };
            let local = if self.certificate == 2 {
                ", annotations: {config.kubernetes.io/local-config: \"true\"}"
            } else {
                ""
            };
            let mut text =
                format!("{group}: {kind}\nmetadata: {{name: {name}{local}}}\nspec:\n  ingressMode: {mode}\n");
            if self.load_balancer {
                text.push_str(match self.certificate {
                    0 => "  certificate: {type: OpenshiftDefaultIngress}\n",
                    1 => "  certificate: {type: SelfSigned}\n",
                    2 => "  certificate: {type: CertManager}\n",
                    _ => "  certificate: {type: Provided, secretName: own-tls}\n",
                });
            }
            if self.gateway > 1 {
                if let Some(enabled) = self.policies {
                    text.push_str(&format!("  networkPolicy: {{ingress: {{enabled: {enabled}}}}}\n"));
                }
                if self.two_pods {
                    text.push_str("  authProxyMaxReplicas: 2\n");
                }
                if !self.tokens {
                    text.push_str("  enableK8sTokenValidation: false\n");
                }
                if self.authority && self.mode() == "OIDC" {
                    text.push_str("  providerCASecretName: sso-ca\n");
                }
                if !self.of_auth {
                    text.push_str(&self.client(["issuerURL", "clientID", "clientSecretRef"]));
                }
            }
            documents.push(text);
        }
        if self.auth || self.gateway == 1 {
            let allowed = if self.everyone {
                "system:authenticated"
            } else {
                "data-science"
            };
            let mut text = format!(
                "{group}: Auth\nmetadata: {{name: auth}}\nspec:\n  adminGroups: [odh-admins]\n  allowedGroups: [{allowed}]\n"
            );
            if self.of_auth || self.gateway == 1 {
                text.push_str(&self.client(["issuerUrl", "clientId", "clientSecretName"]));
            }
            documents.push(text);
        }
        for (namespace, name, on) in &self.notebooks {
            let quoted = format!("\"{}\"", NAMES[*name]);
            documents.push(notebook(NAMESPACES[*namespace], &quoted, *on));
        }
        documents.push(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: of-the-user, namespace: team} # as it is\n"
                .to_owned(),
        );
        documents
    }

    pub(crate) fn text(&self) -> String {
        self.documents().join("---\n")
    }
}

pub(crate) fn framed(text: &str) -> Framed {
    frame(Source::from_bytes(STDIN, text.as_bytes().to_vec()).unwrap())
        .unwrap_or_else(|finding| panic!("{}\n{text}", finding.to_line()))
}

pub(crate) fn render(text: &str, world: &World) -> Response {
    render_with(text, &world.platform())
}

/// The same with a Platform written out.
pub(crate) fn render_with(text: &str, platform: &str) -> Response {
    respond(framed(text), Some(framed(platform)), &Environment::default())
}

pub(crate) fn lines(response: &Response) -> Vec<String> {
    response.findings.iter().map(Finding::to_line).collect()
}
