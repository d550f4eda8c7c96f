//! A kubeconfig file: the cluster and user of its current context.
//!
//! Source: kubernetes/client-go `tools/clientcmd/api/v1/types.go` and `client_config.go`. What would start another program,
//! or make the proxy somebody else than it seems, is refused with a message, not left out.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::krm::yaml::Piece;

/// What a kubeconfig says.
#[derive(Clone, PartialEq, Eq)]
pub struct Kubeconfig {
    /// `server`.
    pub server: String,
    /// `tls-server-name`.
    pub server_name: Option<String>,
    /// `insecure-skip-tls-verify`.
    pub skip_verify: bool,
    /// `certificate-authority-data` or `certificate-authority`.
    pub authority: Option<Material>,
    /// `client-certificate(-data)` and `client-key(-data)`.
    pub pair: Option<(Material, Material)>,
    /// `tokenFile` before `token`, as with client-go.
    pub token: Option<Material>,
}

/// Something in the file itself or in one that it names.
#[derive(Clone, PartialEq, Eq)]
pub enum Material {
    /// In the file.
    Inline(Vec<u8>),
    /// In another one; a relative path begins at the kubeconfig's folder.
    File(PathBuf),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    current_context: Option<String>,
    contexts: Option<Vec<Named<ContextOf>>>,
    clusters: Option<Vec<Named<ClusterOf>>>,
    users: Option<Vec<Named<UserOf>>>,
}

#[derive(Deserialize)]
struct Named<T> {
    name: String,
    #[serde(alias = "context", alias = "cluster", alias = "user")]
    value: Option<T>,
}

#[derive(Deserialize)]
struct ContextOf {
    cluster: String,
    user: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterOf {
    server: Option<String>,
    tls_server_name: Option<String>,
    insecure_skip_tls_verify: Option<bool>,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
    proxy_url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UserOf {
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    username: Option<String>,
    exec: Option<Value>,
    auth_provider: Option<Value>,
    #[serde(rename = "as")]
    impersonate: Option<String>,
}

// === impl Kubeconfig ===

impl Kubeconfig {
    /// Reads the text of a kubeconfig that lies in `folder`.
    pub fn read(text: &str, folder: &Path) -> Result<Self, String> {
        let value = Piece::new(text, 0..text.len(), 0)
            .value()
            // Its text could repeat a line of the file, and lines of this file are secrets.
            .map_err(|_| "it cannot be read as YAML".to_owned())?;
        let file: File = serde_path_to_error::deserialize(value).map_err(|error| {
            format!(
                "{}: this field has the wrong type, or one that it needs is missing",
                error.path()
            )
        })?;

        let name = file
            .current_context
            .filter(|name| !name.is_empty())
            .ok_or("current-context is not set")?;
        let context = find(file.contexts, &name).ok_or_else(|| format!("there is no context {name:?}"))?;
        let cluster = find(file.clusters, &context.cluster).ok_or_else(|| {
            format!(
                "there is no cluster {:?}, which context {name:?} names",
                context.cluster
            )
        })?;
        let user = match context.user.filter(|user| !user.is_empty()) {
            Some(wanted) => find(file.users, &wanted)
                .ok_or_else(|| format!("there is no user {wanted:?}, which context {name:?} names"))?,
            None => UserOf::default(),
        };
        Self::of(cluster, user, folder)
    }

    fn of(cluster: ClusterOf, user: UserOf, folder: &Path) -> Result<Self, String> {
        refuse(
            user.exec.is_some(),
            "exec",
            "programs are not started here; use token, tokenFile or a client certificate",
        )?;
        refuse(
            user.auth_provider.is_some(),
            "auth-provider",
            "use token, tokenFile or a client certificate",
        )?;
        refuse(
            user.impersonate.is_some(),
            "as",
            "give the user the rights that the proxy needs",
        )?;
        refuse(
            user.username.is_some(),
            "username",
            "API servers since Kubernetes 1.19 know no passwords",
        )?;
        refuse(
            cluster.proxy_url.is_some(),
            "proxy-url",
            "name the API server itself",
        )?;

        let server = cluster
            .server
            .filter(|server| !server.is_empty())
            .ok_or("the cluster has no server")?;
        let authority = material(
            "certificate-authority-data",
            cluster.certificate_authority_data,
            cluster.certificate_authority,
            folder,
        )?;
        let skip_verify = cluster.insecure_skip_tls_verify.unwrap_or_default();
        if skip_verify && authority.is_some() {
            return Err(
                "insecure-skip-tls-verify and certificate-authority contradict each other: leave one out"
                    .into(),
            );
        }
        let certificate = material(
            "client-certificate-data",
            user.client_certificate_data,
            user.client_certificate,
            folder,
        )?;
        let key = material("client-key-data", user.client_key_data, user.client_key, folder)?;
        let pair = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                return Err("client-certificate and client-key come together: one of them is missing".into());
            }
        };
        let token = match (user.token_file, user.token) {
            (Some(path), _) => Some(Material::File(folder.join(path))),
            (None, Some(token)) if !token.is_empty() => Some(Material::Inline(token.into_bytes())),
            _ => None,
        };
        Ok(Self {
            server,
            server_name: cluster.tls_server_name.filter(|name| !name.is_empty()),
            skip_verify,
            authority,
            pair,
            token,
        })
    }
}

fn find<T>(list: Option<Vec<Named<T>>>, name: &str) -> Option<T> {
    list.unwrap_or_default()
        .into_iter()
        .find(|one| one.name == name)?
        .value
}

fn refuse(is_there: bool, field: &str, fix: &str) -> Result<(), String> {
    if is_there {
        return Err(format!("{field} of the current context is not supported: {fix}"));
    }
    Ok(())
}

/// Data before a path, as with client-go.
fn material(
    field: &str,
    data: Option<String>,
    path: Option<PathBuf>,
    folder: &Path,
) -> Result<Option<Material>, String> {
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let packed: String = data.split_whitespace().collect();
        let bytes = STANDARD
            .decode(packed)
            .map_err(|_| format!("{field} is no base64"))?;
        return Ok(Some(Material::Inline(bytes)));
    }
    let path = path.filter(|path| !path.as_os_str().is_empty());
    Ok(path.map(|path| Material::File(folder.join(path))))
}
