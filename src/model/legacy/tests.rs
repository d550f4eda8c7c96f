use serde_json::json;

use super::*;
use crate::input;
use crate::model::platform::{Environment, resolve};

const SAR: &str = r#"--openshift-sar={"verb":"get","resource":"notebooks","resourceAPIGroup":"kubeflow.org","resourceName":"nb","namespace":"$(NAMESPACE)"}"#;

/// A Notebook as Open Data Hub 2 leaves it, changed.
fn document(change: impl FnOnce(&mut Value)) -> Document {
    let mounts: Vec<Value> = VOLUMES
        .iter()
        .map(|(name, _)| json!({ "name": name, "mountPath": "/x" }))
        .collect();
    let volumes: Vec<Value> = VOLUMES
        .iter()
        .map(|(name, ending)| json!({ "name": name, "secret": { "secretName": format!("nb{ending}") } }))
        .collect();
    let mut value = json!({
        "metadata": {
            "name": "nb",
            "namespace": "ns",
            "annotations": { keys::INJECT_OAUTH: "true", keys::OAUTH_LOGOUT_URL: "https://x" },
            "finalizers": ["mine", FINALIZER],
        },
        "spec": { "template": { "spec": {
            "serviceAccountName": "nb",
            "containers": [
                { "name": "nb", "env": [{
                    "name": ARGUMENTS,
                    "value": format!("--a\n{ARGUMENT}={{\"user\":\"u\",\"hub_host\":\"h\",\"hub_prefix\":\"p\"}}")
                }] },
                { "name": PROXY, "args": ["--upstream=http://localhost:8888", "--email-domain=*", SAR], "volumeMounts": mounts },
            ],
            "volumes": volumes,
        } } },
    });
    change(&mut value);
    input::notebook::read(&value).unwrap()
}

fn containers(value: &mut Value) -> &mut Value {
    &mut value["spec"]["template"]["spec"]["containers"]
}

fn lines(document: &Document) -> Vec<String> {
    let conversion = conversion(document).unwrap();
    let context = Context {
        document,
        namespace: "ns",
        port: 8888,
        beside: false,
    };
    findings(&conversion, context)
        .iter()
        .map(Finding::to_line)
        .collect()
}

#[test]
fn what_2x_added_goes_and_nothing_else() {
    let document = document(|_| ());
    let found = conversion(&document).unwrap();
    assert_eq!(
        found,
        Conversion {
            rename: true,
            annotations: vec![keys::OAUTH_LOGOUT_URL],
            finalizers: vec![1],
            containers: vec![1],
            volumes: vec![0, 1, 2],
            cuts: found.cuts.clone(),
            account: true,
            ..Conversion::default()
        }
    );
    assert_eq!(found.cuts.len(), 1);
    assert_eq!(
        found.cuts[0].path(),
        "spec.template.spec.containers[0].env[0].value"
    );
    let lines = lines(&document);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    for object in [
        "Route ns/nb,",
        "Service ns/nb-tls,",
        "Secret ns/nb-oauth-client,",
        "Secret ns/nb-oauth-config,",
        "Secret ns/nb-tls,",
        "OAuthClient nb-ns-oauth-client,",
        "NetworkPolicy ns/nb-oauth-np,",
        "NetworkPolicy ns/nb-ctrl-np,",
    ] {
        assert!(lines[0].contains(object), "{object}: {lines:#?}");
    }
}

#[test]
fn beside_the_newer_controller_its_own_stays() {
    let document = document(|_| ());
    let context = Context {
        document: &document,
        namespace: "ns",
        port: 8888,
        beside: true,
    };
    let message = &findings(&conversion(&document).unwrap(), context)[0].message;
    assert!(message.ends_with("NetworkPolicy ns/nb-oauth-np"), "{message}");
}

#[test]
fn only_what_is_switched_on_and_of_2x_is_converted() {
    let annotations = |annotations: Value| document(|value| value["metadata"]["annotations"] = annotations);
    let both = annotations(json!({ keys::INJECT_OAUTH: "true", keys::INJECT_AUTH: "true" }));
    let found = conversion(&both).unwrap();
    assert!(!found.rename && found.annotations == [keys::INJECT_OAUTH]);
    for other in [
        json!({}),
        json!({ keys::INJECT_OAUTH: "false" }),
        json!({ keys::INJECT_AUTH: "true" }),
        json!({ keys::INJECT_OAUTH: "true", keys::INJECT_AUTH: "false" }),
        json!({ keys::INJECT_OAUTH: "True" }),
    ] {
        assert_eq!(conversion(&annotations(other.clone())), None, "{other}");
    }
    let plain = |annotations: Value, arguments: &str| {
        document(|value| {
            value["metadata"] = json!({ "name": "nb", "annotations": annotations });
            value["spec"]["template"]["spec"] = json!({ "containers": [
                { "name": "nb", "env": [{ "name": ARGUMENTS, "value": arguments }] },
            ] });
        })
    };
    let on = json!({ keys::INJECT_OAUTH: "true" });
    // The design document's switch stays what it is, and so does an argument that the dashboard did not write.
    assert_eq!(conversion(&plain(on.clone(), "--a")), None);
    assert_eq!(
        conversion(&plain(on.clone(), &format!("{ARGUMENT}={{\"headers\":{{}}}}"))),
        None
    );
    assert!(conversion(&plain(on.clone(), &format!("{ARGUMENT}={{\"hub_host\":\"h\"}}"))).is_some());
    let logout = json!({ keys::INJECT_OAUTH: "true", keys::OAUTH_LOGOUT_URL: "" });
    assert!(conversion(&plain(logout, "")).is_some());
}

#[test]
fn a_volume_goes_only_if_it_is_the_proxys_alone() {
    let shared = document(|value| {
        containers(value)[0]["volumeMounts"] = json!([{ "name": "tls-certificates" }]);
    });
    let found = conversion(&shared).unwrap();
    assert_eq!(found.volumes, [0, 1]);
    assert_eq!(found.shared[0].volume, 2);
    let said = lines(&shared);
    assert!(
        said[1].contains("volumes[2].name: was Open Data Hub 2's, but container nb mounts it"),
        "{said:#?}"
    );
    assert!(
        !said[0].contains("nb-tls") && said[0].contains("nb-oauth-client"),
        "{said:#?}"
    );
    // Of that name, but neither the proxy's nor from its Secret.
    let own = document(|value| {
        containers(value)[1]["volumeMounts"] = json!([]);
        value["spec"]["template"]["spec"]["volumes"][2] =
            json!({ "name": "tls-certificates", "configMap": {} });
    });
    assert_eq!(conversion(&own).unwrap().volumes, [0, 1]);
    // Whatever is behind it: mounted by the proxy and by nobody else.
    let renamed = document(|value| {
        value["spec"]["template"]["spec"]["volumes"][2]["secret"]["secretName"] = json!("other-tls");
    });
    assert_eq!(conversion(&renamed).unwrap().volumes, [0, 1, 2]);
}

#[test]
fn arguments_are_found_wherever_a_server_is_started() {
    let document = document(|value| {
        let other = format!("--a {ARGUMENT}={{\"user\": \"u v\"}} --b");
        containers(value)[0]["args"] =
            json!([format!("{ARGUMENT}={{}}"), "--x", other, ARGUMENT, "{}", "--y"]);
        containers(value)[0]["command"] =
            json!(["sh", "-c", format!("start {ARGUMENT}='{{\"headers\": 1}}'")]);
        containers(value)[0]["env"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "name": "OTHER", "value": format!("{ARGUMENT}={{}}") }));
        value["spec"]["template"]["spec"]["initContainers"] =
            json!([{ "name": "i", "env": [{ "name": ARGUMENTS, "value": format!("{ARGUMENT}=x y") }] }]);
    });
    let cuts: Vec<(String, usize)> = conversion(&document)
        .unwrap()
        .cuts
        .iter()
        .map(|cut| (cut.path().replace("spec.template.spec.", ""), cut.parts.len()))
        .collect();
    let wanted = [
        ("containers[0].env[0].value", 1),
        ("containers[0].command[2]", 1),
        ("containers[0].args[0]", 0),
        ("containers[0].args[2]", 1),
        ("containers[0].args[3]", 0),
        ("containers[0].args[4]", 0),
        ("initContainers[0].env[0].value", 1),
    ];
    assert_eq!(cuts, wanted.map(|(path, parts)| (path.to_owned(), parts)));
    let said = lines(&document);
    let own: Vec<&String> = said.iter().filter(|line| line.contains("goes with")).collect();
    assert_eq!(own.len(), 2, "{said:#?}");
    assert!(
        own[0].contains("command[2]: --ServerApp.tornado_settings goes with headers,"),
        "{said:#?}"
    );
    assert!(
        own[1].contains("initContainers[0].env[0].value") && own[1].contains("cannot be read"),
        "{said:#?}"
    );
}

#[test]
fn what_the_proxy_asked_for_is_said_where_it_was_something_else() {
    let with = |args: Value| lines(&document(|value| containers(value)[1]["args"] = args));
    let list = format!("[{0},{0}]", SAR.split_once('=').unwrap().1);
    for same in [
        json!([SAR]),
        json!(["-openshift-sar", SAR.split_once('=').unwrap().1]),
        json!([format!("--openshift-sar={list}")]),
        json!([SAR.replace("-sar=", "-delegate-urls={\"/\":") + "}"]),
        json!([
            SAR.replace("$(NAMESPACE)", "ns"),
            "--upstream=http://127.0.0.1:8888/"
        ]),
    ] {
        let lines = with(same.clone());
        assert_eq!(lines.len(), 1, "{same}: {lines:#?}");
    }
    for (other, word) in [
        (json!([]), "asked for no right"),
        (json!([SAR.replace("get", "update")]), "another right"),
        (json!([SAR.replace("\"nb\"", "\"other\"")]), "another right"),
        (
            json!([SAR.replace("\"resourceName\":\"nb\",", "")]),
            "another right",
        ),
        (json!(["--openshift-sar=x"]), "another right"),
        (
            json!([SAR.replace("-sar=", "-delegate-urls={\"/x\":") + "}"]),
            "another right",
        ),
        (json!([SAR, "--upstream=http://localhost:8787"]), "led elsewhere"),
        (json!([SAR, "--upstream=http://other:8888"]), "led elsewhere"),
        (
            json!([SAR, "--upstream=http://localhost:8888/lab/"]),
            "led elsewhere",
        ),
        (json!([SAR, "--skip-auth-regex=^/api"]), "a way of its own"),
        (json!([SAR, "--email-domain=example.com"]), "a way of its own"),
    ] {
        let lines = with(other.clone());
        assert!(lines.len() == 2 && lines[1].contains(word), "{other}: {lines:#?}");
    }
}

#[test]
fn it_is_said_who_can_open_it_now() {
    let platform = |users: Value| {
        let spec = serde_json::from_value(json!({ "flavor": "OpenShift", "notebooks": { "users": users } }))
            .unwrap();
        resolve("p", spec, &Environment::default(), &mut Vec::new()).unwrap()
    };
    let nobodys = document(|_| ());
    let danas = document(|value| value["metadata"]["annotations"][keys::OWNER] = json!("dana"));
    let some = platform(json!({ "users": ["kim"], "groups": ["admins"] }));
    for (document, platform, by_role, wanted) in [
        (&nobodys, &platform(json!({})), false, "warning: "),
        (
            &nobodys,
            &platform(json!({})),
            true,
            "info: can be opened by whoever may get",
        ),
        (
            &nobodys,
            &some,
            false,
            "info: can be opened by user kim, group admins now",
        ),
        (
            &danas,
            &platform(json!({})),
            false,
            "its owner dana now; a role in the namespace",
        ),
        (
            &danas,
            &some,
            true,
            "its owner dana, user kim, group admins, and whoever",
        ),
    ] {
        let line = who(document, platform, by_role).to_line();
        assert!(line.contains(wanted), "{wanted}: {line}");
    }
}

#[test]
fn a_route_with_a_generated_name_is_known_by_its_label() {
    let document = document(|value| value["metadata"]["name"] = json!("n".repeat(52)));
    let conversion = conversion(&document).unwrap();
    let context = Context {
        document: &document,
        namespace: "a-namespace",
        port: 1,
        beside: false,
    };
    assert_eq!(context.document.name.len() + context.namespace.len(), 63);
    assert!(
        findings(&conversion, context)[0]
            .message
            .contains("Route a-namespace/nnn")
    );
    let longer = Context {
        namespace: "a-longer-namespace",
        ..context
    };
    let line = &findings(&conversion, longer)[0].message;
    assert!(
        line.contains("the Route in a-longer-namespace with label notebook-name=nnn"),
        "{line}"
    );
}
