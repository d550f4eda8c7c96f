//! What KubeRay starts in the head's container, out of a RayCluster: our own words for
//! `ray-operator/controllers/ray/common/pod.go` (`setMissingRayStartParams`, `generateRayStartCommand`, `convertParamMap`,
//! `setContainerEnvVars`, `SetContainerTokenAuthEnvVars`) at v1.6.2.

use std::collections::BTreeMap;

use serde_json::Value;

/// Where a head's GCS listens, if nothing moves it.
const GCS_PORT: &str = "6379";
/// Settings that take `true` and `false` as values; others are switches.
const WITH_VALUE: [&str; 3] = ["log-color", "include-dashboard", "include-log-monitor"];

/// The shell's command.
pub(super) fn command(cluster: &Value) -> String {
    let mut params = given(cluster);
    for (name, value) in [
        ("dashboard-host", "0.0.0.0"),
        ("metrics-export-port", "8080"),
        ("dashboard-agent-listen-port", "52365"),
    ] {
        params.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    params.insert("block".to_owned(), "true".to_owned());
    let resources = &container(cluster)["resources"];
    let cpus = [&resources["limits"]["cpu"], &resources["requests"]["cpu"]];
    if let Some(cpus) = cpus.into_iter().find(|value| !value.is_null()) {
        params.entry("num-cpus".to_owned()).or_insert_with(|| whole(cpus));
    }
    let memory = &resources["limits"]["memory"];
    if !memory.is_null() {
        params.entry("memory".to_owned()).or_insert_with(|| whole(memory));
    }
    let flags: String = params
        .iter()
        .filter_map(|(name, value)| match value.to_lowercase().as_str() {
            "true" if !WITH_VALUE.contains(&name.as_str()) => Some(format!(" --{name} ")),
            "false" if !WITH_VALUE.contains(&name.as_str()) => None,
            _ => Some(format!(" --{name}={value} ")),
        })
        .collect();
    format!("ulimit -n ${{RAY_START_ULIMIT_OPEN_FILES:-65536}}; ray start --head {flags}")
}

/// The environment: what the document says of it, and what KubeRay adds that matters here. `secrets` gives the values of keys
/// in Secrets.
pub(super) fn environment(
    cluster: &Value,
    secrets: &dyn Fn(&str, &str) -> String,
) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for variable in container(cluster)["env"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str().unwrap().to_owned();
        all.insert(
            name,
            variable["value"].as_str().expect("a plain value").to_owned(),
        );
    }
    let mut add = |name: &str, value: String| {
        all.entry(name.to_owned()).or_insert(value);
    };
    let port = given(cluster)
        .remove("port")
        .unwrap_or_else(|| GCS_PORT.to_owned());
    add("RAY_ADDRESS", format!("127.0.0.1:{port}"));
    add("RAY_PORT", port);
    add("RAY_USAGE_STATS_KUBERAY_IN_USE", "1".to_owned());
    let auth = &cluster["spec"]["authOptions"];
    if auth["mode"] == "token" {
        assert_ne!(
            auth["enableK8sTokenAuth"], true,
            "tokens of Kubernetes are not tried here"
        );
        add("RAY_AUTH_MODE", "token".to_owned());
        let own = cluster["metadata"]["name"].as_str().unwrap();
        let secret = auth["secretName"].as_str().unwrap_or(own);
        add("RAY_AUTH_TOKEN", secrets(secret, "auth_token"));
    }
    all
}

/// Ray's container is the first, whatever its name.
pub(super) fn container(cluster: &Value) -> &Value {
    &cluster["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
}

fn given(cluster: &Value) -> BTreeMap<String, String> {
    let params = cluster["spec"]["headGroupSpec"]["rayStartParams"].as_object();
    let of = |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap().to_owned());
    params.into_iter().flatten().map(of).collect()
}

/// A quantity as a whole number, rounded up: those that fixtures have.
fn whole(quantity: &Value) -> String {
    let text = quantity
        .as_str()
        .map_or_else(|| quantity.to_string(), str::to_owned);
    let parse = |number: &str| number.parse::<u64>().unwrap();
    let number = match text.char_indices().find(|(_, letter)| !letter.is_ascii_digit()) {
        None => parse(&text),
        Some((at, _)) => match &text[at..] {
            "m" => parse(&text[..at]).div_ceil(1000),
            "Mi" => parse(&text[..at]) << 20,
            "Gi" => parse(&text[..at]) << 30,
            other => panic!("a quantity in {other}"),
        },
    };
    number.to_string()
}

#[test]
fn the_command_is_kuberays() {
    let cluster = serde_json::json!({ "spec": { "headGroupSpec": {
        "rayStartParams": { "num-gpus": "1", "log-color": "true", "no-monitor": "false", "dashboard-port": "9265" },
        "template": { "spec": { "containers": [{ "name": "any", "resources": {
            "limits": { "memory": "2Gi" }, "requests": { "cpu": "1500m", "memory": "1Gi" } } }] } },
    } } });
    assert_eq!(
        command(&cluster),
        "ulimit -n ${RAY_START_ULIMIT_OPEN_FILES:-65536}; ray start --head  --block  \
         --dashboard-agent-listen-port=52365  --dashboard-host=0.0.0.0  --dashboard-port=9265  --log-color=true  \
         --memory=2147483648  --metrics-export-port=8080  --num-cpus=2  --num-gpus=1 "
    );
}
