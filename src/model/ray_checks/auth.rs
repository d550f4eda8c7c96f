//! Ray's own tokens: what KubeRay takes, which versions it takes, and variables that say otherwise.

use super::versions::{self, Ray, too_old};
use crate::input::platform::RayTokens;
use crate::input::pod::EnvVar;
use crate::input::ray::{Cluster, Document, Kind};
use crate::krm::results::Finding;
use crate::model::platform::Platform;
use crate::model::ray::{AUTH_DISABLED, AUTH_MODE_VARIABLE};

/// `authOptions.mode` where tokens are on.
const TOKEN: &str = "token";
/// The variable that holds Ray's token itself.
const TOKEN_VARIABLE: &str = "RAY_AUTH_TOKEN";
/// The variable that has Ray ask the API server.
const KUBERNETES_VARIABLE: &str = "RAY_ENABLE_K8S_TOKEN_AUTH";
/// What Ray takes for yes in a variable.
const YES: [&str; 2] = ["1", "true"];

/// What Ray's tokens come to in a cluster: its own `authOptions`, or what the Platform says.
enum Tokens<'a> {
    Off,
    /// From a Secret; none where its name is left to KubeRay.
    Secret(Option<&'a str>),
    Kubernetes,
}

/// Checks a cluster.
pub(super) fn check(
    document: &Document,
    cluster: &Cluster,
    platform: &Platform,
    findings: &mut Vec<Finding>,
) {
    let ours = match platform.ray.tokens {
        RayTokens::Off => Tokens::Off,
        RayTokens::Secret => Tokens::Secret(Some(
            platform.ray.token_secret.as_deref().unwrap_or(&document.name),
        )),
        RayTokens::Kubernetes => Tokens::Kubernetes,
    };
    let Some(tokens) = options(document, cluster, platform, ours, findings) else {
        return;
    };
    if matches!(tokens, Tokens::Kubernetes) && document.kind != Kind::RayCluster {
        let message = format!(
            "KubeRay takes Kubernetes tokens in no {}: it has none itself to submit with; write authOptions with mode: token \
             and secretName",
            document.kind.word()
        );
        findings.push(Finding::error(message).at(document.kind.path("authOptions.enableK8sTokenAuth")));
    }
    version(document, cluster, &tokens, findings);
    let ray = |container: &str, path: String, env: &[EnvVar], findings: &mut Vec<Finding>| {
        variables(container, &path, env, &tokens, findings);
    };
    if let Some(head) = cluster.head.pod.containers.first() {
        let path = document
            .kind
            .path("headGroupSpec.template.spec.containers[0].env");
        ray("the head", path, &head.env, findings);
    }
    for (index, group) in cluster.workers.iter().flatten().enumerate() {
        if let Some(container) = group.pod.containers.first() {
            let path = format!("workerGroupSpecs[{index}].template.spec.containers[0].env");
            ray("the workers", document.kind.path(&path), &container.env, findings);
        }
    }
    let path = document.kind.path("autoscalerOptions.env");
    ray("the autoscaler", path, &cluster.autoscaler_env, findings);
}

/// What holds of the two; none where the document's own is refused anyway.
fn options<'a>(
    document: &Document,
    cluster: &'a Cluster,
    platform: &Platform,
    ours: Tokens<'a>,
    findings: &mut Vec<Finding>,
) -> Option<Tokens<'a>> {
    let path = document.kind.path("authOptions");
    let kuberay = platform.ray.kuberay;
    let Some(auth) = &cluster.auth else {
        let needs = match ours {
            Tokens::Off => return Some(ours),
            Tokens::Secret(_) => versions::AUTH_SECRET,
            Tokens::Kubernetes => versions::AUTH_KUBERNETES,
        };
        if kuberay < needs {
            let message = format!(
                "the Platform's rayTokens needs KubeRay {}.{}, and its kubeRay says that {}.{} runs, which would drop what is \
                 written here",
                needs.0, needs.1, kuberay.0, kuberay.1
            );
            findings.push(Finding::error(message).at(path));
        }
        return Some(ours);
    };
    if let Some(message) = too_old(kuberay, versions::AUTH) {
        findings.push(Finding::error(message).at(path));
        return None;
    }
    let mode = format!("{path}.mode");
    let tokens = match auth.mode.as_str() {
        TOKEN if auth.kubernetes => Tokens::Kubernetes,
        TOKEN => Tokens::Secret(Some(auth.secret_name.as_str()).filter(|name| !name.is_empty())),
        AUTH_DISABLED if auth.kubernetes => {
            let message = "enableK8sTokenAuth needs mode: token; KubeRay refuses the cluster for it";
            findings.push(
                Finding::error(message)
                    .at(mode)
                    .found(auth.mode.clone())
                    .propose(TOKEN),
            );
            return None;
        }
        AUTH_DISABLED => Tokens::Off,
        "" => {
            let message = "is missing: without it KubeRay makes a Secret with a token, and Ray asks nobody for it; write token \
                           or disabled";
            findings.push(Finding::error(message).at(mode).propose(TOKEN));
            return None;
        }
        other => {
            let message = "must be token or disabled";
            findings.push(Finding::error(message).at(mode).found(other));
            return None;
        }
    };
    if auth.kubernetes && !auth.secret_name.is_empty() {
        let message = "stands beside enableK8sTokenAuth, and KubeRay refuses both; keep one of the two";
        let finding = Finding::error(message).at(format!("{path}.secretName"));
        findings.push(finding.found(auth.secret_name.clone()));
    }
    for (field, there, needs) in [
        ("secretName", !auth.secret_name.is_empty(), versions::AUTH_SECRET),
        ("enableK8sTokenAuth", auth.kubernetes, versions::AUTH_KUBERNETES),
    ] {
        if let Some(message) = too_old(kuberay, needs).filter(|_| there) {
            findings.push(Finding::error(message).at(format!("{path}.{field}")));
        }
    }
    Some(tokens)
}

/// KubeRay refuses a cluster with tokens that does not say which Ray it runs.
fn version(document: &Document, cluster: &Cluster, tokens: &Tokens<'_>, findings: &mut Vec<Finding>) {
    let needs = match tokens {
        Tokens::Off => return,
        Tokens::Secret(_) => versions::RAY_AUTH,
        Tokens::Kubernetes => versions::RAY_AUTH_KUBERNETES,
    };
    let path = document.kind.path("rayVersion");
    let wanted = format!("Ray's tokens need Ray {}.{} or later", needs.0, needs.1);
    let image = cluster.head.pod.containers.first().map(|ray| ray.image.as_str());
    let finding = match versions::of(cluster) {
        Ray::Given(version) if version >= needs => return,
        Ray::Given(_) => Finding::error(format!("{wanted}: KubeRay refuses the cluster for it")).at(path),
        Ray::Malformed => Finding::error(format!("is no version of Ray: {wanted}")).at(path),
        Ray::Unknown => {
            let message = format!(
                "is missing: {wanted}, and KubeRay refuses a cluster that does not say which it runs"
            );
            findings.push(Finding::error(message).at(path));
            return;
        }
        Ray::Image(version) if version < needs => {
            let message = format!("is missing, and the head's image is an older one: {wanted}");
            findings.push(Finding::error(message).at(path));
            return;
        }
        Ray::Image(_) => {
            let message = format!(
                "is missing: {wanted}, and KubeRay refuses a cluster that does not say which it runs; the head's image is {}",
                image.unwrap_or_default()
            );
            let tag = image.and_then(versions::tag).unwrap_or_default();
            findings.push(Finding::error(message).at(path).propose(tag));
            return;
        }
    };
    findings.push(finding.found(cluster.ray_version.clone()));
}

/// Variables of Ray's own that say something else than `authOptions` does, or that are written here as well.
fn variables(whose: &str, path: &str, env: &[EnvVar], tokens: &Tokens<'_>, findings: &mut Vec<Finding>) {
    for (index, variable) in env.iter().enumerate() {
        let value = variable.value.as_str();
        let yes = YES.contains(&value.to_lowercase().as_str());
        let message = match (variable.name.as_str(), tokens) {
            (AUTH_MODE_VARIABLE, _) if variable.from_elsewhere => {
                format!("says from elsewhere whether {whose} asks for tokens; write authOptions instead")
            }
            // As it would be written; theirs stays.
            (AUTH_MODE_VARIABLE, Tokens::Off) if value == AUTH_DISABLED => continue,
            (AUTH_MODE_VARIABLE, Tokens::Off) => format!(
                "has {whose} ask for tokens, where authOptions or the Platform's rayTokens say that nobody has one: write \
                 authOptions with mode: token, and remove it"
            ),
            (AUTH_MODE_VARIABLE, _) if value != TOKEN => {
                format!("has {whose} ask for no token, where authOptions or the Platform's rayTokens say token; remove it")
            }
            (KUBERNETES_VARIABLE, Tokens::Kubernetes) if !yes => {
                format!("has {whose} compare tokens, where Kubernetes is to review them; remove it")
            }
            (KUBERNETES_VARIABLE, Tokens::Off | Tokens::Secret(_)) if yes || variable.from_elsewhere => format!(
                "has {whose} ask the API server about tokens, which authOptions or the Platform's rayTokens do not say; write \
                 authOptions.enableK8sTokenAuth, and remove it"
            ),
            (TOKEN_VARIABLE, Tokens::Off) => {
                "is a token that Ray asks nobody for: authOptions or the Platform's rayTokens say that tokens are off; remove it"
                    .to_owned()
            }
            (TOKEN_VARIABLE, Tokens::Kubernetes) => {
                format!("is a token that {whose} sends in place of the ServiceAccount's own; remove it")
            }
            (TOKEN_VARIABLE, Tokens::Secret(secret)) if Some(variable.secret.as_str()) != *secret => {
                format!("is another token than that of authOptions, and {whose} cannot speak with the others; remove it")
            }
            _ => continue,
        };
        findings.push(
            Finding::error(message)
                .at(format!("{path}[{index}]"))
                .found(variable.name.clone()),
        );
    }
}
