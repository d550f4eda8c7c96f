//! Everything around Envoy: the issuer, the login service as its Deployment says, the applications, and the API server.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::authority::{Authority, Signed};
use super::client::Target;
use super::definitions::{ADMINISTRATION, APPLICATION, Definitions, GUARD, HOST, LOGIN, NAMESPACE};
use super::envoy::Surroundings;
use super::issuer::{CLIENT_SECRET, Issuer};
use super::login_service::{LoginService, free_address};
use super::relay::Relay;
use super::upstream::Upstream;
use crate::control_plane::{self, ControlPlane};
use crate::istiod;
use crate::program::Folder;

/// A stage. Its parts end with it.
pub(crate) struct Stage {
    pub(crate) authority: Authority,
    pub(crate) issuer: Issuer,
    pub(crate) login: LoginService,
    /// Between Envoy and the login service.
    pub(crate) to_login: Relay,
    pub(crate) portal: Upstream,
    pub(crate) to_portal: Relay,
    pub(crate) administration: Upstream,
    pub(crate) guard: Upstream,
    pub(crate) to_guard: Relay,
    pub(crate) plane: &'static ControlPlane,
    pub(crate) rendered: String,
    listener: Signed,
    /// Last, so that it goes when nobody writes to it any more.
    pub(crate) folder: Folder,
}

// === impl Stage ===

impl Stage {
    /// Sets everything up. The issuer's address is put into the definitions, and what is rendered from them is run: the
    /// login service with the arguments of its Deployment, after `change` has had a look at them.
    pub(crate) fn new(mut definitions: Definitions, change: impl Fn(&mut Vec<String>)) -> Option<Self> {
        let plane = control_plane::shared()?;
        let folder = Folder::new("walk");
        let authority = Authority::new("internal");
        let issuers = Authority::new("issuers");
        let callback = format!("https://{HOST}/oauth2/callback");
        let issuer = Issuer::start(&issuers, &folder, &[&callback]);
        issuer.url().clone_into(&mut definitions.issuer);
        let rendered = definitions.rendered();
        let objects = istiod::documents(&rendered);
        let address = free_address();
        let mut arguments = arguments(&objects);
        change(&mut arguments);
        let signed = authority.sign(&[LOGIN]);
        let files = [
            ("/etc/tls/private/tls.crt", signed.certificate.as_str()),
            ("/etc/tls/private/tls.key", &signed.key),
            ("/etc/provider-ca/ca.crt", issuers.pem()),
            ("/etc/kube-auth-proxy/client/clientSecret", CLIENT_SECRET),
            (
                "/etc/kube-auth-proxy/cookie/OAUTH2_PROXY_COOKIE_SECRET",
                "0123456789abcdef0123456789abcdef",
            ),
        ];
        for argument in &mut arguments {
            for (path, text) in files {
                if argument.contains(path) {
                    let file = folder.write(&format!("login{path}"), text);
                    *argument = argument.replace(path, file.to_str().unwrap());
                }
            }
            *argument = argument
                .replace("0.0.0.0:8443", &address.to_string())
                .replace("0.0.0.0:9000", &free_address().to_string())
                .replace("$$", "$");
        }
        let kubeconfig = access(plane, &objects, &folder);
        arguments.push(format!("--kubeconfig={kubeconfig}"));
        let log = folder.path().join("login.log");
        let served = (address, LOGIN, authority.pem());
        let login = LoginService::start(&arguments, &[], served, &log);
        let upstream = |name, host: &str| Upstream::start(name, &authority.sign(&[host]));
        let portal = upstream("portal", APPLICATION);
        let guard = upstream("guard", GUARD);
        Some(Self {
            to_login: Relay::start(address),
            to_portal: Relay::start(portal.address()),
            portal,
            administration: upstream("administration", ADMINISTRATION),
            to_guard: Relay::start(guard.address()),
            guard,
            listener: authority.sign(&[HOST]),
            authority,
            issuer,
            login,
            plane,
            rendered,
            folder,
        })
    }

    /// What stands around Envoy.
    pub(crate) fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            services: BTreeMap::from([
                (LOGIN, self.to_login.address()),
                (APPLICATION, self.to_portal.address()),
                (ADMINISTRATION, self.administration.address()),
                (GUARD, self.to_guard.address()),
            ]),
            listener: &self.listener,
            authority: self.authority.pem(),
        }
    }

    /// The certificate of the gateway's listeners, PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.listener.certificate
    }

    /// How to reach an Envoy of the stage from outside.
    pub(crate) fn gateway(&self, address: SocketAddr) -> Target {
        Target::new(address, HOST, Some(self.authority.pem()))
    }
}

/// The arguments of the login service's container.
fn arguments(objects: &[Value]) -> Vec<String> {
    let deployment = objects
        .iter()
        .find(|object| object["kind"] == "Deployment" && object["metadata"]["name"] == "kube-auth-proxy")
        .unwrap();
    let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    let arguments = arguments.as_array().unwrap().iter();
    arguments
        .map(|argument| argument.as_str().unwrap().to_owned())
        .collect()
}

/// Gives the login service what it is given in the cluster, its account with its role and nothing else, and
/// writes down how it reaches the API server.
fn access(plane: &ControlPlane, objects: &[Value], folder: &Folder) -> String {
    plane.namespaces([NAMESPACE, "analytics", "opendatahub"]);
    let of_login = |object: &&Value| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let kind = object["kind"].as_str().unwrap_or_default();
        ["ServiceAccount", "ClusterRole", "ClusterRoleBinding"].contains(&kind)
            && name.starts_with("kube-auth-proxy")
    };
    let given: Vec<Value> = objects.iter().filter(of_login).cloned().collect();
    assert_eq!(given.len(), 3, "an account, a role and a binding");
    let workload = json!({ "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": { "name": "pipeline", "namespace": "analytics" } });
    let given: Vec<Value> = given.into_iter().chain([workload]).collect();
    plane.on(&["apply", "--server-side", "--force-conflicts"], &given);
    let token = plane.output(&["create", "token", "kube-auth-proxy", "-n", NAMESPACE], b"");
    let admin = std::fs::read_to_string(plane.folder().join("kubeconfig")).unwrap();
    let mut kubeconfig: Value = serde_json::from_str(&admin).unwrap();
    kubeconfig["users"][0]["user"] = json!({ "token": token.trim() });
    let file = folder.write("login/kubeconfig", &kubeconfig.to_string());
    file.to_str().unwrap().to_owned()
}
