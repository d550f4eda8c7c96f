//! The definitions that are walked: a gateway with its login, a Notebook behind it, and an application of the user's own.

use super::issuer::CLIENT;
use crate::program::{Folder, gatewright};

/// Where the login is: the host in people's browsers, and the namespace.
pub(crate) const HOST: &str = "gw.example.test";
pub(crate) const NAMESPACE: &str = "login-walk";
/// Name of the Gateway, and its class's controller.
pub(crate) const GATEWAY: &str = "data-science-gateway";
pub(crate) const ISTIO: &str = "istio.io/gateway-controller";
/// The login service, by Service name.
pub(crate) const LOGIN: &str = "kube-auth-proxy.login-walk.svc";
/// The application that takes every path which nothing else takes.
pub(crate) const APPLICATION: &str = "portal.opendatahub.svc";
/// Who a route that matches on an identity header leads to.
pub(crate) const ADMINISTRATION: &str = "administration.opendatahub.svc";
/// The guard of the Notebook, and its path.
pub(crate) const GUARD: &str = "churn-kube-rbac-proxy.analytics.svc";
pub(crate) const NOTEBOOK: &str = "/notebook/analytics/churn";

/// What differs between walks.
#[derive(Debug, Clone)]
pub(crate) struct Definitions {
    /// `Istio` or `EnvoyGateway`, with its version.
    pub(crate) implementation: &'static str,
    pub(crate) version: &'static str,
    pub(crate) issuer: String,
    /// Groups that may log in.
    pub(crate) allowed: &'static [&'static str],
    /// When a session is refreshed.
    pub(crate) refresh: &'static str,
}

const AUTH: &str = "apiVersion: services.platform.opendatahub.io/v1alpha1
kind: Auth
metadata:
  name: auth
  annotations: {config.kubernetes.io/local-config: 'true'}
spec:
  adminGroups: [odh-admins]
";

const NAMESPACES: &str = "apiVersion: v1
kind: Namespace
metadata: {name: login-walk}
---
apiVersion: v1
kind: Namespace
metadata: {name: opendatahub}
---
apiVersion: v1
kind: Namespace
metadata: {name: analytics}
";

const WORKBENCH: &str = "apiVersion: kubeflow.org/v1
kind: Notebook
metadata:
  name: churn
  namespace: analytics
  annotations: {notebooks.opendatahub.io/inject-auth: 'true', opendatahub.io/username: alice@example.test}
spec:
  template:
    spec:
      containers:
        - name: churn
          image: quay.io/example/jupyter-minimal:2025.2
";

/// An application that reads who is there from headers, as dashboards do; and routes that look at them.
const APPLICATIONS: &str = "apiVersion: v1
kind: Service
metadata: {name: portal, namespace: opendatahub}
spec:
  selector: {app: portal}
  ports: [{name: https, port: 8443, targetPort: 8443}]
---
apiVersion: v1
kind: Service
metadata: {name: administration, namespace: opendatahub}
spec:
  selector: {app: administration}
  ports: [{name: https, port: 8443, targetPort: 8443}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: portal, namespace: opendatahub}
spec:
  targetRefs: [{group: '', kind: Service, name: portal}]
  validation:
    caCertificateRefs: [{group: '', kind: ConfigMap, name: internal-ca}]
    hostname: portal.opendatahub.svc
    subjectAltNames: [{type: Hostname, hostname: portal.opendatahub.svc}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: administration, namespace: opendatahub}
spec:
  targetRefs: [{group: '', kind: Service, name: administration}]
  validation:
    caCertificateRefs: [{group: '', kind: ConfigMap, name: internal-ca}]
    hostname: administration.opendatahub.svc
    subjectAltNames: [{type: Hostname, hostname: administration.opendatahub.svc}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: portal, namespace: opendatahub}
spec:
  parentRefs: [{name: data-science-gateway, namespace: login-walk}]
  rules:
    - matches: [{path: {type: PathPrefix, value: /}}]
      backendRefs: [{name: portal, port: 8443}]
    - matches:
        - path: {type: PathPrefix, value: /}
          headers: [{name: x-auth-request-groups, value: odh-admins}]
      backendRefs: [{name: administration, port: 8443}]
";

// === impl Definitions ===

impl Definitions {
    /// What `gatewright render` prints for them.
    pub(crate) fn rendered(&self) -> String {
        let folder = Folder::new("walk-definitions");
        let allowed: String = self
            .allowed
            .iter()
            .map(|group| format!("\n    - {group}"))
            .collect();
        folder.write("auth.yaml", &format!("{AUTH}  allowedGroups:{allowed}\n"));
        folder.write("namespaces.yaml", NAMESPACES);
        folder.write("churn.yaml", WORKBENCH);
        folder.write("applications.yaml", APPLICATIONS);
        folder.write("gatewayconfig.yaml", &self.gateway());
        folder.write("platform.yaml", &self.platform());
        let answer = gatewright(&["render", folder.path().to_str().unwrap()], b"");
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        answer.stdout
    }

    fn gateway(&self) -> String {
        let Self { issuer, refresh, .. } = self;
        format!(
            "apiVersion: services.platform.opendatahub.io/v1alpha1
kind: GatewayConfig
metadata:
  name: default-gateway
  annotations: {{config.kubernetes.io/local-config: 'true'}}
spec:
  subdomain: gw
  certificate: {{type: CertManager, issuerRef: {{kind: ClusterIssuer, name: letsencrypt}}}}
  cookie: {{refresh: {refresh}}}
  providerCASecretName: issuer-ca
  oidc:
    issuerURL: {issuer}
    clientID: {CLIENT}
    clientSecretRef: {{name: odh-client, key: clientSecret}}
"
        )
    }

    fn platform(&self) -> String {
        let Self {
            implementation,
            version,
            ..
        } = self;
        format!(
            "apiVersion: gatewright.dev/v1alpha1
kind: Platform
metadata:
  name: platform
  annotations: {{config.kubernetes.io/local-config: 'true'}}
spec:
  flavor: Kubernetes
  domain: example.test
  authMode: OIDC
  gateway: {{namespace: {NAMESPACE}, implementation: {implementation}, version: '{version}', gatewayApi: '1.4'}}
  tls:
    source: CertManager
    issuerRef: {{kind: ClusterIssuer, name: internal-ca}}
    caRef: {{kind: ConfigMap, name: internal-ca}}
  secrets:
    strategy: ExternalSecret
    store: {{kind: ClusterSecretStore, name: vault, key: ai/kube-auth-proxy}}
"
        )
    }
}
