//! A pod's spec, wherever a document holds one: the fields we need of it, read with every wrong type named.
//!
//! Everything not named here is the user's and never looked at.

use serde_json::Value;

use super::place::{Place, Reader};

/// The fields of a pod's spec that this crate reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the API's own fields")]
pub struct Pod {
    /// `serviceAccountName`
    pub service_account_name: String,
    /// `serviceAccount`, the deprecated alias.
    pub service_account: String,
    /// `hostNetwork`
    pub host_network: bool,
    /// `hostPID`
    pub host_pid: bool,
    /// `hostIPC`
    pub host_ipc: bool,
    /// `shareProcessNamespace`
    pub share_process_namespace: bool,
    /// `automountServiceAccountToken`
    pub automount_token: Option<bool>,
    /// `containers`
    pub containers: Vec<Container>,
    /// `initContainers`
    pub init_containers: Vec<Container>,
    /// `volumes`
    pub volumes: Vec<Volume>,
    /// `securityContext`
    pub security: Security,
}

/// A volume's fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volume {
    /// `name`
    pub name: String,
    /// Whether it is a `hostPath`.
    pub host_path: bool,
    /// The Secrets that it names, in whatever field of whatever kind of volume.
    pub secrets: Vec<String>,
    /// Its projected `serviceAccountToken`s for the API server itself: their indexes among the sources.
    pub tokens: Vec<usize>,
}

/// A container's fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// `name`
    pub name: String,
    /// `image`
    pub image: String,
    /// `ports`
    pub ports: Vec<Port>,
    /// Names in `volumeMounts`
    pub volume_mounts: Vec<String>,
    /// Paths in `volumeMounts`
    pub mount_paths: Vec<String>,
    /// `command`
    pub command: Vec<String>,
    /// `args`
    pub args: Vec<String>,
    /// `env`
    pub env: Vec<EnvVar>,
    /// Names in `envFrom[].secretRef`; empty where it is none.
    pub env_from_secrets: Vec<String>,
    /// `securityContext.privileged`
    pub privileged: bool,
    /// `securityContext.capabilities.add`
    pub capabilities: Vec<String>,
    /// The rest of `securityContext` that matters.
    pub security: Security,
}

/// Fields of a `securityContext`, a container's or the pod's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Security {
    /// `procMount`; empty for none.
    pub proc_mount: String,
    /// `seLinuxOptions.type`; empty for none.
    pub se_linux_type: String,
    /// `windowsOptions.hostProcess`
    pub host_process: bool,
    /// `runAsUser`
    pub run_as_user: Option<i64>,
}

/// A variable of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvVar {
    /// `name`
    pub name: String,
    /// `value`
    pub value: String,
    /// Whether it has a `valueFrom`.
    pub from_elsewhere: bool,
    /// `valueFrom.secretKeyRef.name`
    pub secret: String,
}

/// A container port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Port {
    /// `name`; empty for none.
    pub name: String,
    /// `containerPort`
    pub number: u16,
    /// `hostPort`
    pub host_port: Option<u16>,
    /// `protocol`; empty for the default, which is TCP.
    pub protocol: String,
}

/// Reads the pod's spec at a place.
pub(super) fn read(reader: &mut Reader, pod: &Place<'_>) -> Pod {
    Pod {
        service_account_name: reader.text(&pod.field("serviceAccountName")),
        service_account: reader.text(&pod.field("serviceAccount")),
        host_network: reader.flag(&pod.field("hostNetwork")).unwrap_or_default(),
        host_pid: reader.flag(&pod.field("hostPID")).unwrap_or_default(),
        host_ipc: reader.flag(&pod.field("hostIPC")).unwrap_or_default(),
        share_process_namespace: reader
            .flag(&pod.field("shareProcessNamespace"))
            .unwrap_or_default(),
        automount_token: reader.flag(&pod.field("automountServiceAccountToken")),
        containers: reader.list(&pod.field("containers"), container),
        init_containers: reader.list(&pod.field("initContainers"), container),
        volumes: reader.list(&pod.field("volumes"), volume),
        security: security(reader, &pod.field("securityContext")),
    }
}

fn container(reader: &mut Reader, place: &Place<'_>) -> Container {
    let port = |reader: &mut Reader, place: &Place<'_>| Port {
        name: reader.text(&place.field("name")),
        number: reader.number(&place.field("containerPort")),
        host_port: match place.field("hostPort") {
            place if place.value.is_null() || place.value == &Value::from(0) => None,
            place => Some(reader.number(&place)),
        },
        protocol: reader.text(&place.field("protocol")),
    };
    Container {
        name: reader.text(&place.field("name")),
        image: reader.text(&place.field("image")),
        ports: reader.list(&place.field("ports"), port),
        volume_mounts: reader.list(&place.field("volumeMounts"), |reader, place| {
            reader.text(&place.field("name"))
        }),
        mount_paths: place
            .field("volumeMounts")
            .items(|mount| Place::root(mount).field("mountPath").lenient()),
        command: place.field("command").items(|text| Place::root(text).lenient()),
        args: place.field("args").items(|text| Place::root(text).lenient()),
        env: reader.list(&place.field("env"), variable),
        env_from_secrets: reader.list(&place.field("envFrom"), |reader, place| {
            reader.text(&place.field("secretRef").field("name"))
        }),
        privileged: reader
            .flag(&place.field("securityContext").field("privileged"))
            .unwrap_or_default(),
        capabilities: reader.list(
            &place.field("securityContext").field("capabilities").field("add"),
            Reader::text,
        ),
        security: security(reader, &place.field("securityContext")),
    }
}

/// A variable.
pub(super) fn variable(reader: &mut Reader, place: &Place<'_>) -> EnvVar {
    EnvVar {
        name: reader.text(&place.field("name")),
        value: reader.text(&place.field("value")),
        from_elsewhere: !place.field("valueFrom").value.is_null(),
        secret: reader.text(&place.field("valueFrom").field("secretKeyRef").field("name")),
    }
}

fn security(reader: &mut Reader, place: &Place<'_>) -> Security {
    Security {
        proc_mount: reader.text(&place.field("procMount")),
        se_linux_type: reader.text(&place.field("seLinuxOptions").field("type")),
        host_process: reader
            .flag(&place.field("windowsOptions").field("hostProcess"))
            .unwrap_or_default(),
        run_as_user: place.field("runAsUser").value.as_i64(),
    }
}

fn volume(reader: &mut Reader, place: &Place<'_>) -> Volume {
    let mut secrets = Vec::new();
    named_secrets(place.value, &mut secrets);
    let sources = place.field("projected").field("sources");
    let of_the_server = |source: &Value| {
        let token = &source["serviceAccountToken"];
        !token.is_null() && token["audience"].as_str().is_none_or(str::is_empty)
    };
    let tokens = sources.value.as_array().into_iter().flatten().enumerate();
    Volume {
        name: reader.text(&place.field("name")),
        host_path: !place.field("hostPath").value.is_null(),
        secrets,
        tokens: tokens
            .filter(|(_, source)| of_the_server(source))
            .map(|(index, _)| index)
            .collect(),
    }
}

/// Every Secret that a volume names: `secretName`, and the name in `secret` and in whatever ends in `secretRef`.
fn named_secrets(value: &Value, secrets: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if key == "secretName" {
                    secrets.extend(value.as_str().map(str::to_owned));
                } else if key == "secret" || key.to_lowercase().ends_with("secretref") {
                    secrets.extend(value["name"].as_str().map(str::to_owned));
                }
                named_secrets(value, secrets);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| named_secrets(item, secrets)),
        _ => {}
    }
}
