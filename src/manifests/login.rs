//! The login service: its Deployment and its Service.
//!
//! The flags are those of opendatahub-io/kube-auth-proxy; which of them and why: `model::login`, and the chain that was run
//! end to end with them.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EmptyDirVolumeSource, EnvVar, EnvVarSource, HTTPGetAction, KeyToPath,
    PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile,
    SecretKeySelector, SecretVolumeSource, Service, ServicePort, ServiceSpec, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::sidecar::restricted;
use super::{Object, meta, scaling};
use crate::model::gateway::Gateway;
use crate::model::login::{
    CREDENTIALS, KEYS, METRICS_PORT, MIN_REPLICAS, NAME, PORT, PORT_NAME, Provider, TLS_SECRET,
};
use crate::model::platform::{Platform, Tls};
use crate::model::{keys, login};
use crate::plan::class::Class;

/// Where its certificate is mounted.
const TLS_PATH: &str = "/etc/tls/private";
/// Where the issuer's authority is mounted.
const PROVIDER_CA_PATH: &str = "/etc/provider-ca";
/// Where the client's secret is mounted.
const CLIENT_PATH: &str = "/etc/kube-auth-proxy/client";
/// Where the secret that seals cookies is mounted.
const COOKIE_PATH: &str = "/etc/kube-auth-proxy/cookie";
/// Where it answers the kubelet: below its own prefix, so that no path of an application is answered without a login.
const PING: &str = "/oauth2/ping";
const READY: &str = "/oauth2/ready";
/// Read by the login service's user, who is not known.
const READABLE: i32 = 0o644;

/// Labels of its pods.
pub fn pod_labels() -> BTreeMap<String, String> {
    BTreeMap::from([(keys::APP.to_owned(), NAME.to_owned())])
}

/// The Deployment. `None` where there is nobody to send people to.
pub fn deployment(gateway: &Gateway) -> Option<Object> {
    let provider = gateway.login.provider.as_ref()?;
    let scaled = gateway.login.max_replicas > MIN_REPLICAS;
    let mut annotations = BTreeMap::new();
    if let Some(revision) = &gateway.login.secrets.revision {
        annotations.insert(keys::SECRET_REVISION.to_owned(), revision.clone());
    }
    let deployment = Deployment {
        metadata: meta::of_gateway(gateway, NAME, &gateway.namespace, Class::Support),
        spec: Some(DeploymentSpec {
            replicas: (!scaled).then_some(scaling::MIN_REPLICAS),
            selector: LabelSelector {
                match_labels: Some(pod_labels()),
                match_expressions: None,
            },
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".into()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(IntOrString::String("25%".into())),
                    max_unavailable: Some(IntOrString::String("25%".into())),
                }),
            }),
            progress_deadline_seconds: Some(600),
            revision_history_limit: Some(10),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(pod_labels()),
                    annotations: Some(annotations).filter(|some| !some.is_empty()),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(gateway, provider)),
            },
            ..DeploymentSpec::default()
        }),
        status: None,
    };
    Some(Object::new(Class::Support, &deployment))
}

fn pod(gateway: &Gateway, provider: &Provider) -> PodSpec {
    PodSpec {
        service_account_name: Some(NAME.into()),
        // It asks the API server who a token belongs to.
        automount_service_account_token: Some(true),
        containers: vec![container(gateway, provider)],
        volumes: Some(volumes(gateway, provider)),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".into(),
                localhost_profile: None,
            }),
            ..PodSecurityContext::default()
        }),
        topology_spread_constraints: Some(scaling::spread(&pod_labels())),
        dns_policy: Some("ClusterFirst".into()),
        restart_policy: Some("Always".into()),
        scheduler_name: Some("default-scheduler".into()),
        termination_grace_period_seconds: Some(30),
        ..PodSpec::default()
    }
}

fn container(gateway: &Gateway, provider: &Provider) -> Container {
    let port = |name: &str, number: u16| ContainerPort {
        name: Some(name.into()),
        container_port: i32::from(number),
        protocol: Some("TCP".into()),
        ..ContainerPort::default()
    };
    let image = &gateway.login.image;
    let amounts = |amounts: &[(&str, &str)]| {
        let pair = |(name, amount): &(&str, &str)| ((*name).to_owned(), Quantity((*amount).to_owned()));
        Some(amounts.iter().map(pair).collect::<BTreeMap<_, _>>())
    };
    Container {
        name: NAME.into(),
        image: Some(image.clone()),
        image_pull_policy: Some(super::sidecar::pull_policy(image).into()),
        args: Some(args(gateway, provider)),
        env: Some(environment(gateway, provider)).filter(|some| !some.is_empty()),
        ports: Some(vec![port(PORT_NAME, PORT), port("metrics", METRICS_PORT)]),
        liveness_probe: Some(probe(PING, 10, 3)),
        readiness_probe: Some(probe(READY, 5, 2)),
        // What Open Data Hub measured; a limit on the processor would only delay everybody's requests.
        resources: Some(ResourceRequirements {
            requests: amounts(&[("cpu", "500m"), ("memory", "128Mi")]),
            limits: amounts(&[("memory", "256Mi")]),
            claims: None,
        }),
        security_context: Some(restricted()),
        termination_message_path: Some("/dev/termination-log".into()),
        termination_message_policy: Some("File".into()),
        volume_mounts: Some(mounts(gateway, provider)),
        ..Container::default()
    }
}

fn probe(path: &str, period: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.into()),
            port: IntOrString::String(PORT_NAME.into()),
            scheme: Some("HTTPS".into()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        failure_threshold: Some(failures),
        success_threshold: Some(1),
        timeout_seconds: Some(1),
        ..Probe::default()
    }
}

/// The Secrets that are mounted: volume, Secret, path, key (all keys if none is named).
fn secrets<'a>(
    gateway: &'a Gateway,
    provider: &'a Provider,
) -> Vec<(&'static str, &'a str, &'static str, Option<&'a str>)> {
    let mut secrets = vec![("tls-certs", TLS_SECRET, TLS_PATH, None)];
    if let Some(authority) = &gateway.login.provider_ca {
        secrets.push(("provider-ca-cert", authority, PROVIDER_CA_PATH, Some("ca.crt")));
    }
    if let (Provider::Oidc { secret, key, .. }, false) = (provider, gateway.beside_operator) {
        // Read anew at every exchange of a code: a new secret needs no new pod.
        secrets.push(("client-secret", secret, CLIENT_PATH, Some(key)));
        secrets.push(("cookie-secret", CREDENTIALS, COOKIE_PATH, Some(KEYS[2])));
    }
    secrets
}

fn volumes(gateway: &Gateway, provider: &Provider) -> Vec<Volume> {
    let secret = |(name, secret, _, key): (&str, &str, &str, Option<&str>)| Volume {
        name: name.into(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.into()),
            default_mode: Some(READABLE),
            items: key.map(|key| {
                vec![KeyToPath {
                    key: key.into(),
                    path: key.into(),
                    mode: None,
                }]
            }),
            optional: None,
        }),
        ..Volume::default()
    };
    let mut volumes: Vec<Volume> = secrets(gateway, provider).into_iter().map(secret).collect();
    volumes.push(Volume {
        name: "tmp".into(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: Some("Memory".into()),
            size_limit: Some(Quantity("10Mi".into())),
        }),
        ..Volume::default()
    });
    volumes
}

fn mounts(gateway: &Gateway, provider: &Provider) -> Vec<VolumeMount> {
    let mount = |name: &str, path: &str, read_only| VolumeMount {
        name: name.into(),
        mount_path: path.into(),
        read_only,
        ..VolumeMount::default()
    };
    let secrets = secrets(gateway, provider);
    let mut mounts: Vec<VolumeMount> = secrets
        .iter()
        .map(|(name, _, path, _)| mount(name, path, Some(true)))
        .collect();
    mounts.push(mount("tmp", "/tmp", None));
    mounts
}

/// What it takes from the environment: OpenShift's provider reads its secret nowhere else, and beside Open Data Hub's
/// operator all three are in the Secret that the operator keeps.
fn environment(gateway: &Gateway, provider: &Provider) -> Vec<EnvVar> {
    let keys: &[&str] = match (gateway.beside_operator, provider) {
        (true, _) => &KEYS,
        (false, Provider::OpenShift) => &KEYS[1..],
        (false, Provider::Oidc { .. }) => &[],
    };
    let variable = |key: &&str| EnvVar {
        name: (*key).to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: CREDENTIALS.into(),
                key: (*key).to_owned(),
                optional: None,
            }),
            ..EnvVarSource::default()
        }),
    };
    keys.iter().map(variable).collect()
}

fn args(gateway: &Gateway, provider: &Provider) -> Vec<String> {
    let login = &gateway.login;
    let mut args: Vec<String> = vec![
        format!("--https-address=0.0.0.0:{PORT}"),
        format!("--metrics-address=0.0.0.0:{METRICS_PORT}"),
        "--email-domain=*".into(),
        "--upstream=static://200".into(),
        "--skip-provider-button".into(),
        "--skip-jwt-bearer-tokens=true".into(),
        "--set-xauthrequest=true".into(),
        format!("--enable-k8s-token-validation={}", login.token_review),
        format!("--redirect-url=https://{}{}", gateway.host, login::PATHS[1]),
        // Its log would hold the code of every login.
        format!("--exclude-logging-path={}", login::PATHS[1]),
        format!("--ping-path={PING}"),
        format!("--ready-path={READY}"),
        format!("--tls-cert-file={TLS_PATH}/tls.crt"),
        format!("--tls-key-file={TLS_PATH}/tls.key"),
        format!("--tls-min-version={}", login.tls.min_version),
        format!("--tls-cipher-suite={}", login.tls.ciphers.join(",")),
        "--use-system-trust-store=true".into(),
        format!("--ssl-insecure-skip-verify={}", !login.verify_provider),
        format!("--cookie-name={}", login::COOKIE),
        format!("--cookie-domain={}", gateway.host),
        format!("--cookie-expire={}", login.expire.to_go()),
        format!("--cookie-refresh={}", login.refresh.to_go()),
        "--cookie-secure=true".into(),
        "--cookie-httponly=true".into(),
        "--cookie-samesite=lax".into(),
        // One for each login that is under way, or two tabs end each other's.
        "--cookie-csrf-per-request=true".into(),
        "--cookie-csrf-per-request-limit=5".into(),
    ];
    if login.provider_ca.is_some() {
        args.push(format!("--provider-ca-file={PROVIDER_CA_PATH}/ca.crt"));
    }
    let limits = &login.review_limits;
    args.extend(limits.qps.map(|qps| format!("--kube-api-qps={qps}")));
    args.extend(limits.burst.map(|burst| format!("--kube-api-burst={burst}")));
    args.extend(
        limits
            .cache
            .map(|time| format!("--kube-api-cache-ttl={}", time.to_go())),
    );
    // Each a flag of its own; a value is a row of CSV, as of the groups (its `pkg/apis/options/options.go`).
    for audience in &limits.audiences {
        args.push(format!("--kubernetes-audiences={}", as_csv(audience)));
    }
    for group in login.allowed_groups.iter().flatten() {
        args.push(format!("--allowed-group={}", as_csv(group)));
    }
    match provider {
        Provider::OpenShift => {
            args.extend(
                [
                    "--provider=openshift",
                    "--scope=user:full",
                    "--pass-access-token=true",
                ]
                .map(str::to_owned),
            );
            if !gateway.beside_operator {
                args.push(format!("--client-id={}", gateway.oauth_client));
            }
        }
        Provider::Oidc {
            issuer,
            client_id,
            key,
            ..
        } => {
            args.extend([
                "--provider=oidc".to_owned(),
                format!("--oidc-issuer-url={issuer}"),
                "--skip-oidc-discovery=false".to_owned(),
                "--insecure-oidc-skip-nonce=false".to_owned(),
                "--code-challenge-method=S256".to_owned(),
                "--pass-authorization-header=true".to_owned(),
                "--set-authorization-header=true".to_owned(),
            ]);
            if let Some(claim) = &login.groups_claim {
                args.push(format!("--oidc-groups-claim={claim}"));
            }
            if !gateway.beside_operator {
                args.push(format!("--client-id={client_id}"));
                args.push(format!("--client-secret-file={CLIENT_PATH}/{key}"));
                args.push(format!("--cookie-secret-file={COOKIE_PATH}/{}", KEYS[2]));
            }
        }
    }
    args.iter().map(|argument| to_the_letter(argument)).collect()
}

/// An argument of a container as it is to arrive: the kubelet puts variables in for `$(NAME)`, and makes `$` of `$$`.
fn to_the_letter(argument: &str) -> String {
    argument.replace('$', "$$")
}

/// A flag of several values takes each as a row of CSV: a name with a comma in it would be two.
fn as_csv(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) || name.starts_with(' ') {
        return format!("\"{}\"", name.replace('"', "\"\""));
    }
    name.to_owned()
}

/// The Service. It stays when nobody can log in: who asks it then gets no answer, and nobody gets in.
pub fn service(platform: &Platform, gateway: &Gateway) -> Object {
    let mut metadata = meta::of_gateway(gateway, NAME, &gateway.namespace, Class::Support);
    if platform.tls == Tls::ServiceCa {
        meta::annotate(&mut metadata, keys::SERVING_CERTIFICATE, TLS_SECRET);
    }
    let port = |name: &str, number: u16| ServicePort {
        name: Some(name.into()),
        port: i32::from(number),
        target_port: Some(IntOrString::String(name.into())),
        protocol: Some("TCP".into()),
        ..ServicePort::default()
    };
    let service = Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".into()),
            selector: Some(pod_labels()),
            ports: Some(vec![port(PORT_NAME, PORT), port("metrics", METRICS_PORT)]),
            internal_traffic_policy: Some("Cluster".into()),
            session_affinity: Some("None".into()),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    Object::new(Class::Support, &service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_variable_of_the_pod_is_put_into_an_argument() {
        let argument = "--client-id=$(OAUTH2_PROXY_CLIENT_SECRET)$$";
        assert_eq!(
            to_the_letter(argument),
            "--client-id=$$(OAUTH2_PROXY_CLIENT_SECRET)$$$$"
        );
    }

    #[test]
    fn a_group_is_one_value_whatever_is_in_its_name() {
        for (name, flag) in [
            ("team:ops", "team:ops"),
            ("has space", "has space"),
            ("CN=admins,OU=x", "\"CN=admins,OU=x\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
        ] {
            assert_eq!(as_csv(name), flag);
        }
    }
}
