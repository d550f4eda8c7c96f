//! Notebooks of Open Data Hub 2, written in every style: they are converted once and stay as they are then, and nothing in
//! them changes but what had to go.

use gatewright::krm::results::Finding;
use gatewright::krm::source::{STDIN, Source};
use gatewright::krm::stream::Item;
use gatewright::model::platform::Environment;
use gatewright::render::respond::respond;
use gatewright::render::{Framed, frame};
use proptest::prelude::*;
use serde_json::{Value, json};

const PLATFORM: &str = "apiVersion: gatewright.dev/v1alpha1\nkind: Platform\nmetadata: {name: platform}\nspec: {flavor: OpenShift}\n";
const NEW: &str = "notebooks.opendatahub.io/inject-auth";
const OLD: &str = "notebooks.opendatahub.io/inject-oauth";
const LOGOUT: &str = "notebooks.opendatahub.io/oauth-logout-url";
const RECORD: &str = "gatewright.dev/notebook-injected";
const FINALIZER: &str = "notebook-oauth-client-finalizer.opendatahub.io";
const SAR: &str = r#"--openshift-sar={"verb":"get","resource":"notebooks","resourceAPIGroup":"kubeflow.org","resourceName":"nb","namespace":"team"}"#;
const SETTINGS: &str =
    r#"--ServerApp.tornado_settings={"user":"dana","hub_host":"https://x","hub_prefix":"/projects/team"}"#;
const SPACED: &str = r#"--ServerApp.tornado_settings={"user": "dana", "hub_host": "https://x"}"#;
const VOLUMES: [(&str, &str); 3] = [
    ("oauth-config", "nb-oauth-config"),
    ("oauth-client", "nb-oauth-client"),
    ("tls-certificates", "nb-tls"),
];

fn framed(text: &str) -> Framed {
    frame(Source::from_bytes(STDIN, text.as_bytes().to_vec()).unwrap())
        .unwrap_or_else(|finding| panic!("{}\n{text}", finding.to_line()))
}

fn output(text: &str) -> String {
    let response = respond(framed(text), Some(framed(PLATFORM)), &Environment::default());
    let lines: Vec<String> = response.findings.iter().map(Finding::to_line).collect();
    assert!(!response.failed(), "{lines:#?}\n{text}");
    response.output.unwrap()
}

/// What is left without the findings, which stay from run to run in a ResourceList.
fn objects(text: &str) -> &str {
    text.split("\nresults:\n").next().unwrap()
}

/// The Notebook in a text.
fn value(text: &str) -> Value {
    let framed = framed(text);
    let is_notebook = |item: &&Item| item.head.id.kind == "Notebook";
    let item = framed.stream.items.iter().find(is_notebook).unwrap();
    item.piece(&framed.source).value().unwrap()
}

/// A Notebook's value without what guards it. Says whether anything did.
fn unguarded(mut value: Value) -> (Value, bool) {
    let record = value["metadata"]["annotations"]
        .as_object_mut()
        .unwrap()
        .remove(RECORD);
    let pod = value["spec"]["template"]["spec"].as_object_mut().unwrap();
    for list in ["containers", "volumes"] {
        if let Some(Value::Array(items)) = pod.get_mut(list) {
            items.retain(|item| !item["name"].as_str().unwrap().starts_with("kube-rbac-proxy"));
        }
    }
    if pod.get("volumes").is_some_and(|volumes| volumes == &json!([])) {
        pod.remove("volumes");
    }
    if pod.get("serviceAccountName").is_some_and(|name| name == "nb") {
        pod.remove("serviceAccountName");
    }
    (value, record.is_some())
}

/// How a Notebook is written.
#[derive(Debug, Clone)]
struct Style {
    both: bool,
    logout: bool,
    proxy_first: bool,
    flow_metadata: bool,
    flow_proxy: bool,
    own_volume: bool,
    volumes_first: bool,
    comments: bool,
    carriage_returns: bool,
    last_line_break: bool,
    json: bool,
    wide: bool,
    finalizers: usize,
    account: usize,
    wrapped: usize,
    scalar: usize,
    /// The arguments; 0 and 1 are the ones that go.
    arguments: Vec<usize>,
    container_arguments: Vec<usize>,
}

prop_compose! {
    fn style()(
        flags in prop::array::uniform12(any::<bool>()),
        finalizers in 0_usize..5, account in 0_usize..3, wrapped in 0_usize..3, scalar in 0_usize..9,
        arguments in prop::collection::vec(0_usize..6, 0..6),
        container_arguments in prop::collection::vec(0_usize..6, 0..4),
    ) -> Style {
        let [both, logout, proxy_first, flow_metadata, flow_proxy, own_volume, volumes_first, comments, carriage_returns, last_line_break, json, wide] = flags;
        Style {
            both, logout, proxy_first, flow_metadata, flow_proxy, own_volume, volumes_first, comments, carriage_returns,
            last_line_break, json, wide, finalizers, account, wrapped, scalar, arguments, container_arguments,
        }
    }
}

const ARGUMENTS: [&str; 6] = [
    SETTINGS,
    SPACED,
    "--ServerApp.port=8888",
    "--ServerApp.token=''",
    "--ServerApp.base_url=/notebook/team/nb",
    "--ServerApp.quit_button=False",
];

fn texts(indices: &[usize]) -> Vec<&'static str> {
    indices.iter().map(|index| ARGUMENTS[*index]).collect()
}

fn kept(indices: &[usize]) -> Vec<&'static str> {
    texts(
        &indices
            .iter()
            .copied()
            .filter(|index| *index > 1)
            .collect::<Vec<_>>(),
    )
}

/// What the arguments are to be, where the others stay.
fn arguments_kept(style: &Style) -> String {
    let kept = kept(&style.arguments);
    let (separator, end) = if style.json {
        ("\n", "")
    } else {
        SCALARS[style.scalar]
    };
    if kept.is_empty() && !style.arguments.is_empty() {
        // A line goes with its line break.
        return end.strip_prefix('\n').unwrap_or_default().to_owned();
    }
    kept.join(separator) + end
}

/// For each way of writing a text: what stands between two arguments, and behind the last.
const SCALARS: [(&str, &str); 9] = [
    ("\n", ""),
    ("\n", "\n"),
    ("\n", "\n\n"),
    (" ", ""),
    (" ", "\n"),
    (" ", ""),
    ("\n", ""),
    (" ", ""),
    ("\n", ""),
];

/// A text in a style, for a field whose lines stand at `margin`.
fn scalar(style: &Style, margin: &str) -> String {
    let arguments = texts(&style.arguments);
    let inner = format!("\n{margin}    ");
    let lines = || {
        arguments
            .iter()
            .map(|argument| format!("{inner}{argument}"))
            .collect::<String>()
    };
    if arguments.is_empty() {
        let (_, end) = SCALARS[style.scalar];
        return serde_json::to_string(end).unwrap();
    }
    match style.scalar {
        0 => format!("|-{}", lines()),
        1 => format!("|{}", lines()),
        2 => format!("|+{}\n", lines()),
        3 => format!(">-{}", lines()),
        4 => format!(">{}", lines()),
        5 => format!("'{}'", arguments.join(" ").replace('\'', "''")),
        6 => serde_json::to_string(&arguments.join("\n")).unwrap(),
        7 if style.arguments.contains(&1) => serde_json::to_string(&arguments.join(" ")).unwrap(),
        7 => arguments.join(" "),
        // A quoted text over several lines: an empty one is a line break.
        _ => format!("'{}'", arguments.join(&format!("\n{inner}")).replace('\'', "''")),
    }
}

fn notebook(style: &Style) -> String {
    let text = if style.json {
        json_text(style)
    } else {
        yaml_text(style)
    };
    let text = if style.last_line_break {
        text
    } else {
        text.trim_end().to_owned()
    };
    if style.carriage_returns && !style.json {
        text.replace('\n', "\r\n")
    } else {
        text
    }
}

fn finalizers(style: &Style) -> Vec<&'static str> {
    [
        vec![],
        vec![FINALIZER],
        vec!["a/b", FINALIZER],
        vec![FINALIZER, "a/b"],
        vec!["a/b", FINALIZER, "c/d"],
    ][style.finalizers]
        .clone()
}

fn annotations(style: &Style) -> Vec<(&'static str, &'static str)> {
    let mut annotations = vec![
        ("first/one", "1"),
        (OLD, "true"),
        ("opendatahub.io/username", "dana"),
    ];
    if style.both {
        annotations.push((NEW, "true"));
    }
    if style.logout {
        annotations.insert(usize::from(style.own_volume), (LOGOUT, "https://x/y?z"));
    }
    annotations
}

fn proxy() -> Value {
    let mounts: Vec<Value> = VOLUMES
        .iter()
        .map(|(name, _)| json!({ "name": name, "mountPath": "/x" }))
        .collect();
    json!({
        "name": "oauth-proxy", "image": "o", "args": ["--upstream=http://localhost:8888", SAR],
        "ports": [{ "containerPort": 8443, "name": "oauth-proxy" }], "volumeMounts": mounts
    })
}

fn volumes(style: &Style) -> Vec<Value> {
    let mut volumes: Vec<Value> = VOLUMES
        .iter()
        .map(|(name, secret)| json!({ "name": name, "secret": { "secretName": secret } }))
        .collect();
    if style.own_volume {
        volumes.insert(style.account, json!({ "name": "home", "emptyDir": {} }));
    }
    volumes
}

const ACCOUNTS: [&str; 3] = ["nb", "", "robot"];

/// The Notebook as Open Data Hub 2 leaves it (`before`), or as it is to be without its guard.
fn meant(style: &Style, before: bool) -> Value {
    let mut annotations: serde_json::Map<String, Value> = annotations(style)
        .into_iter()
        .map(|(key, value)| (key.to_owned(), json!(value)))
        .collect();
    let mut finalizers = finalizers(style);
    let mut main = json!({ "name": "nb", "image": "i" });
    let mut containers = Vec::new();
    let mut volumes = volumes(style);
    let (arguments, container_arguments) = if before {
        (
            texts(&style.arguments).join("\n"),
            texts(&style.container_arguments),
        )
    } else {
        annotations.remove(OLD);
        annotations.remove(LOGOUT);
        annotations.insert(NEW.to_owned(), json!("true"));
        finalizers.retain(|name| *name != FINALIZER);
        volumes.retain(|volume| volume["name"] == "home");
        (arguments_kept(style), kept(&style.container_arguments))
    };
    main["env"] =
        json!([{ "name": "NOTEBOOK_ARGS", "value": arguments }, { "name": "X", "value": SETTINGS }]);
    if !container_arguments.is_empty() {
        main["args"] = json!(container_arguments);
    }
    containers.push(main);
    if before {
        containers.insert(usize::from(!style.proxy_first), proxy());
    }
    let mut pod = json!({ "containers": containers });
    if !volumes.is_empty() {
        pod["volumes"] = json!(volumes);
    }
    let account = ACCOUNTS[style.account];
    if !account.is_empty() && (before || account != "nb") {
        pod["serviceAccountName"] = json!(account);
    }
    let mut metadata = json!({ "name": "nb", "namespace": "team", "annotations": annotations });
    if !finalizers.is_empty() {
        metadata["finalizers"] = json!(finalizers);
    }
    json!({ "apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": metadata, "spec": { "template": { "spec": pod } } })
}

fn json_text(style: &Style) -> String {
    let value = meant(style, true);
    let text = if style.wide {
        serde_json::to_string_pretty(&value)
    } else {
        serde_json::to_string(&value)
    };
    text.unwrap() + "\n"
}

fn yaml_text(style: &Style) -> String {
    let comment = |text: &str| {
        if style.comments {
            format!(" # {text}")
        } else {
            String::new()
        }
    };
    let line = |margin: usize, text: &str| {
        if style.comments {
            format!("{}# {text}\n", " ".repeat(margin))
        } else {
            String::new()
        }
    };
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let mut text = line(0, "one");
    text.push_str(&format!(
        "apiVersion: kubeflow.org/v1\nkind: Notebook{}\nmetadata:\n  name: nb\n  namespace: team\n",
        comment("two")
    ));
    if style.flow_metadata {
        let annotations: Vec<String> = annotations(style)
            .iter()
            .map(|(key, value)| format!("{key}: {}", quoted(value)))
            .collect();
        text.push_str(&format!(
            "  annotations: {{{}}}{}\n",
            annotations.join(", "),
            comment("three")
        ));
        if !finalizers(style).is_empty() {
            text.push_str(&format!("  finalizers: [{}]\n", finalizers(style).join(", ")));
        }
    } else {
        if !finalizers(style).is_empty() {
            text.push_str("  finalizers:\n");
            for name in finalizers(style) {
                text.push_str(&format!("    - {name}\n"));
            }
        }
        text.push_str(&format!("  annotations:{}\n", comment("three")));
        for (key, value) in annotations(style) {
            text.push_str(&format!("    {key}: {}\n", quoted(value)));
        }
        text.push_str(&line(4, "four"));
    }
    text.push_str("spec:\n  template:\n    spec:\n");
    let dash = if style.wide { "        - " } else { "      - " };
    let margin = " ".repeat(dash.len());
    let block = |value: &Value| {
        let block = gatewright::krm::yaml::to_block(value, gatewright::krm::yaml::Quoting::WhereNeeded);
        let lines: Vec<String> = block.lines().map(|line| format!("{margin}{line}\n")).collect();
        format!("{dash}{}", lines.concat().trim_start())
    };
    let proxy = if style.flow_proxy {
        format!("{dash}{}\n", proxy())
    } else {
        block(&proxy())
    };
    let mut main = format!("{dash}name: nb{}\n{margin}image: i\n", comment("five"));
    if !style.container_arguments.is_empty() {
        main.push_str(&format!("{margin}args:\n"));
        for argument in texts(&style.container_arguments) {
            main.push_str(&format!("{margin}- {}\n", quoted(argument)));
        }
    }
    let inner = format!("{margin}  ");
    main.push_str(&format!(
        "{margin}env:\n{margin}- name: NOTEBOOK_ARGS\n{inner}value: {}\n",
        scalar(style, &inner)
    ));
    main.push_str(&format!(
        "{margin}- name: X{}\n{inner}value: {}\n",
        comment("six"),
        quoted(SETTINGS)
    ));
    let mut containers = String::from("      containers:\n");
    let parts = if style.proxy_first {
        [proxy, main]
    } else {
        [main, proxy]
    };
    containers.push_str(&parts.concat());
    let mut volumes: String = volumes(style).iter().map(block).collect();
    volumes.insert_str(0, "      volumes:\n");
    let account = match ACCOUNTS[style.account] {
        "" => String::new(),
        name => format!("      serviceAccountName: {name}{}\n", comment("seven")),
    };
    let parts = if style.volumes_first {
        [volumes, account, containers]
    } else {
        [containers, account, volumes]
    };
    text.push_str(&parts.concat());
    text + &line(0, "eight")
}

/// A Notebook alone, between other documents, or in a ResourceList.
fn wrapped(style: &Style) -> String {
    let text = notebook(style);
    match style.wrapped {
        0 => text,
        1 => format!("# first\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\n---\n{text}"),
        _ => {
            let list = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n";
            let plain = text.replace("\r\n", "\n");
            let mut first = true;
            let mut items = String::new();
            for line in plain.lines() {
                let lead = match line.chars().next() {
                    None => "",
                    Some('#') if first => "  ",
                    Some(_) if first => {
                        first = false;
                        "- "
                    }
                    Some(_) => "  ",
                };
                items.push_str(&format!("{lead}{line}\n"));
            }
            format!("{list}{items}")
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_2x_notebook_is_converted_once_and_keeps_the_rest(style in style()) {
        let text = wrapped(&style);
        let once = output(&text);
        let (left, is_guarded) = unguarded(value(&once));
        prop_assert!(is_guarded);
        prop_assert_eq!(&left, &meant(&style, false), "{}\n=== became\n{}", text, once);
        if style.comments && !style.json {
            for comment in ["# one", "# two", "# three", "# five", "# six", "# eight"] {
                prop_assert!(once.contains(comment), "{}: {}", comment, once);
            }
        }
        let again = output(&once);
        prop_assert!(objects(&again) == objects(&once), "{}\n=== became\n{}\n=== became\n{}", text, once, again);

        let off = once.replacen(&format!("{NEW}: \"true\""), &format!("{NEW}: \"false\""), 1)
            .replacen(&format!("\"{NEW}\": \"true\""), &format!("\"{NEW}\": \"false\""), 1)
            .replacen(&format!("\"{NEW}\":\"true\""), &format!("\"{NEW}\":\"false\""), 1);
        prop_assert_ne!(&off, &once);
        let mut wanted = meant(&style, false);
        wanted["metadata"]["annotations"][NEW] = json!("false");
        prop_assert_eq!(value(&output(&off)), wanted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_torn_2x_notebook_is_refused_or_stable(style in style(), at in 0_usize..3000, gone in 0_usize..60, new in "[-:{}\\[\\]'\"&*#|> \n]{0,2}") {
        let mut text = wrapped(&style);
        let (start, end) = (at.min(text.len()), (at + gone).min(text.len()));
        text.replace_range(start..end, &new);
        let Ok(framed) = frame(Source::from_bytes(STDIN, text.into_bytes()).unwrap()) else { return Ok(()) };
        let run = |framed| respond(framed, Some(self::framed(PLATFORM)), &Environment::default());
        let once = run(framed);
        if once.failed() {
            return Ok(());
        }
        let once = once.output.unwrap();
        let again = run(self::framed(&once));
        prop_assert!(!again.failed(), "{}", once);
        let again = again.output.unwrap();
        prop_assert!(objects(&again) == objects(&once), "{}\n=== became\n{}", once, again);
    }
}

/// What became of a Notebook under the real controllers when it was migrated by hand, beside what becomes of it here.
#[test]
fn what_is_the_users_is_as_after_a_migration_by_hand() {
    let recorded = |name: &str| {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/fixtures/odh-notebook-controller/68-legacy-migrate"
        );
        std::fs::read_to_string(format!("{folder}/{name}")).unwrap()
    };
    let (ours, is_guarded) = unguarded(value(&output(&recorded("input.yaml"))));
    assert!(is_guarded);
    // The controller's finalizers, and the defaults that the API server writes.
    let (mut theirs, _) = unguarded(value(&recorded("live-4.yaml")));
    theirs["metadata"].as_object_mut().unwrap().remove("finalizers");
    for container in theirs["spec"]["template"]["spec"]["containers"]
        .as_array_mut()
        .unwrap()
    {
        container.as_object_mut().unwrap().remove("resources");
    }
    assert_eq!(ours, theirs);
}
