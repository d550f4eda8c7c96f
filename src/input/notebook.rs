//! `kubeflow.org` Notebook: the fields we need of it, read from a value with every wrong type named.
//!
//! Takes the value as kubectl reads it, so an unquoted `true` in an annotation is the boolean that an API server would
//! refuse. Everything not named here is the user's and never looked at.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::krm::results::Finding;
use crate::krm::tree::push_key;

/// API group of Notebooks.
pub const GROUP: &str = "kubeflow.org";
/// Kind of Notebooks.
pub const KIND: &str = "Notebook";
/// The versions that the Notebook CRD serves.
pub const VERSIONS: [&str; 3] = ["v1", "v1beta1", "v1alpha1"];
/// Where the pod spec is.
pub const POD_SPEC: &str = "spec.template.spec";

/// The fields of a Notebook that this crate reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the API's own fields")]
pub struct Notebook {
    /// `metadata.name`
    pub name: String,
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.labels`
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`
    pub annotations: BTreeMap<String, String>,
    /// `metadata.finalizers`
    pub finalizers: Vec<String>,
    /// `spec.template.spec.serviceAccountName`
    pub service_account_name: String,
    /// `spec.template.spec.serviceAccount`, the deprecated alias.
    pub service_account: String,
    /// `spec.template.spec.hostNetwork`
    pub host_network: bool,
    /// `spec.template.spec.hostPID`
    pub host_pid: bool,
    /// `spec.template.spec.hostIPC`
    pub host_ipc: bool,
    /// `spec.template.spec.shareProcessNamespace`
    pub share_process_namespace: bool,
    /// `spec.template.spec.automountServiceAccountToken`
    pub automount_token: Option<bool>,
    /// `spec.template.spec.containers`
    pub containers: Vec<Container>,
    /// `spec.template.spec.initContainers`
    pub init_containers: Vec<Container>,
    /// `spec.template.spec.volumes`
    pub volumes: Vec<Volume>,
    /// `spec.template.spec.securityContext`
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

/// Reads a Notebook.
///
/// # Errors
/// All fields of the wrong type, at once.
pub fn read(value: &Value) -> Result<Notebook, Vec<Finding>> {
    let mut reader = Reader { findings: Vec::new() };
    let metadata = Place::root(value).field("metadata");
    let template = Place::root(value).field("spec").field("template");
    for place in [
        &metadata,
        &Place::root(value).field("spec"),
        &template,
        &template.field("spec"),
    ] {
        reader.mapping(place);
    }
    let pod = Place::root(value).field("spec").field("template").field("spec");
    let notebook = Notebook {
        name: reader.text(&metadata.field("name")),
        namespace: reader.text(&metadata.field("namespace")),
        labels: reader.texts(&metadata.field("labels")),
        annotations: reader.texts(&metadata.field("annotations")),
        finalizers: reader.list(&metadata.field("finalizers"), Reader::text),
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
        security: security(&mut reader, &pod.field("securityContext")),
    };
    if reader.findings.is_empty() {
        Ok(notebook)
    } else {
        Err(reader.findings)
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
        command: place.field("command").items(|text| Place::root(text).lenient()),
        args: place.field("args").items(|text| Place::root(text).lenient()),
        env: reader.list(&place.field("env"), |reader, place| EnvVar {
            name: reader.text(&place.field("name")),
            value: reader.text(&place.field("value")),
            from_elsewhere: !place.field("valueFrom").value.is_null(),
            secret: reader.text(&place.field("valueFrom").field("secretKeyRef").field("name")),
        }),
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

/// A value and the path to it.
struct Place<'a> {
    value: &'a Value,
    path: String,
}

struct Reader {
    findings: Vec<Finding>,
}

// === impl Place ===

impl<'a> Place<'a> {
    fn root(value: &'a Value) -> Self {
        Self {
            value,
            path: String::new(),
        }
    }

    fn field(&self, name: &str) -> Self {
        let mut path = self.path.clone();
        push_key(&mut path, name);
        Self {
            value: self.value.get(name).unwrap_or(&Value::Null),
            path,
        }
    }

    /// The text here; empty for anything else, which is left to the API server to refuse.
    fn lenient(&self) -> String {
        self.value.as_str().unwrap_or_default().to_owned()
    }

    /// The list here, item by item; empty for anything else.
    fn items<T>(&self, read: impl FnMut(&Value) -> T) -> Vec<T> {
        self.value.as_array().into_iter().flatten().map(read).collect()
    }
}

// === impl Reader ===

impl Reader {
    fn text(&mut self, place: &Place<'_>) -> String {
        match place.value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => {
                let finding = Finding::error("must be text; quote it")
                    .at(&place.path)
                    .found(other.clone());
                self.findings.push(if other.is_boolean() || other.is_number() {
                    finding.propose(other.to_string())
                } else {
                    finding
                });
                String::new()
            }
        }
    }

    fn mapping(&mut self, place: &Place<'_>) {
        if !place.value.is_null() && !place.value.is_object() {
            let finding = Finding::error("must be a mapping").at(&place.path);
            self.findings.push(finding.found(place.value.clone()));
        }
    }

    fn flag(&mut self, place: &Place<'_>) -> Option<bool> {
        match place.value {
            Value::Null => None,
            Value::Bool(flag) => Some(*flag),
            other => {
                self.findings.push(
                    Finding::error("must be true or false")
                        .at(&place.path)
                        .found(other.clone()),
                );
                None
            }
        }
    }

    fn number(&mut self, place: &Place<'_>) -> u16 {
        let number = place.value.as_u64().and_then(|number| u16::try_from(number).ok());
        number.filter(|number| *number > 0).unwrap_or_else(|| {
            let finding = Finding::error("must be a port number from 1 to 65535").at(&place.path);
            self.findings.push(finding.found(place.value.clone()));
            0
        })
    }

    fn texts(&mut self, place: &Place<'_>) -> BTreeMap<String, String> {
        match place.value {
            Value::Null => BTreeMap::new(),
            Value::Object(fields) => fields
                .keys()
                .map(|key| (key.clone(), self.text(&place.field(key))))
                .collect(),
            other => {
                self.findings.push(
                    Finding::error("must be a mapping")
                        .at(&place.path)
                        .found(other.clone()),
                );
                BTreeMap::new()
            }
        }
    }

    fn list<T>(&mut self, place: &Place<'_>, mut read: impl FnMut(&mut Self, &Place<'_>) -> T) -> Vec<T> {
        match place.value {
            Value::Null => Vec::new(),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, value)| {
                    read(
                        self,
                        &Place {
                            value,
                            path: format!("{}[{index}]", place.path),
                        },
                    )
                })
                .collect(),
            other => {
                self.findings.push(
                    Finding::error("must be a list")
                        .at(&place.path)
                        .found(other.clone()),
                );
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_holds_fields_is_a_mapping() {
        for (value, path) in [
            (json!({"metadata": "x"}), "metadata"),
            (json!({"spec": "x"}), "spec"),
            (json!({"spec": {"template": ["x"]}}), "spec.template"),
            (json!({"spec": {"template": {"spec": 1}}}), "spec.template.spec"),
        ] {
            let lines: Vec<String> = read(&value).unwrap_err().iter().map(Finding::to_line).collect();
            assert!(
                lines[0].starts_with(&format!("error: {path}: must be a mapping")),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn every_wrong_type_is_named() {
        let value = json!({
            "metadata": {"name": true, "annotations": {"notebooks.opendatahub.io/inject-auth": true}},
            "spec": {"template": {"spec": {"containers": [{"name": 1, "ports": [{"containerPort": "8888"}]}], "volumes": {}}}}
        });
        let lines: Vec<String> = read(&value).unwrap_err().iter().map(Finding::to_line).collect();
        assert_eq!(
            lines,
            [
                "error: metadata.name: must be text; quote it (found true; write \"true\")",
                "error: metadata.annotations[\"notebooks.opendatahub.io/inject-auth\"]: must be text; quote it (found true; write \"true\")",
                "error: spec.template.spec.containers[0].name: must be text; quote it (found 1; write \"1\")",
                "error: spec.template.spec.containers[0].ports[0].containerPort: must be a port number from 1 to 65535 (found \"8888\")",
                "error: spec.template.spec.volumes: must be a list (found {})",
            ]
        );
    }
}
