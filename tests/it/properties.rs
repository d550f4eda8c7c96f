//! Properties of the generator over Notebooks written in every style: rendering twice is rendering once, switching off gives
//! back what was switched on, and success is never empty.

use gatewright::krm::source::{STDIN, Source};
use gatewright::model::platform::Environment;
use gatewright::render::respond::{Response, respond};
use gatewright::render::{Framed, frame};
use proptest::prelude::*;

const PLATFORM: &str = "apiVersion: gatewright.dev/v1alpha1\nkind: Platform\nmetadata: {name: platform}\nspec: {flavor: OpenShift}\n";

fn framed(text: &str) -> Framed {
    frame(Source::from_bytes(STDIN, text.as_bytes().to_vec()).unwrap())
        .unwrap_or_else(|finding| panic!("{}\n{text}", finding.to_line()))
}

fn run(text: &str, kubernetes: bool) -> Response {
    let platform = if kubernetes {
        PLATFORM.replace("OpenShift", "Kubernetes")
    } else {
        PLATFORM.to_owned()
    };
    respond(framed(text), Some(framed(&platform)), &Environment::default())
}

fn output(text: &str) -> String {
    let response = run(text, false);
    let lines: Vec<String> = response
        .findings
        .iter()
        .map(gatewright::krm::results::Finding::to_line)
        .collect();
    assert!(!response.failed(), "{lines:#?}\n{text}");
    response.output.unwrap()
}

/// A ResourceList without what the function said: that stays from run to run.
fn without_results(text: String) -> String {
    let framed = framed(&text);
    let Some(range) = framed.stream.resource_list.and_then(|list| list.results) else {
        return text;
    };
    let key = text[..range.start].rfind("results").unwrap();
    let (start, end) = if text[..range.start].ends_with('\n') || text[key..].starts_with("results:\n") {
        (key, range.end + usize::from(text[range.end..].starts_with('\n')))
    } else {
        (text[..key].rfind(',').unwrap(), range.end)
    };
    format!("{}{}", &text[..start], &text[end..])
}

/// How a Notebook is written.
#[derive(Debug, Clone)]
struct Style {
    flow_pod: bool,
    flow_lists: bool,
    wide: bool,
    json: bool,
    carriage_returns: bool,
    last_line_break: bool,
    comments: bool,
    quoted_keys: bool,
    volumes: usize,
    account: usize,
    containers: usize,
    tail: usize,
    wrapped: usize,
    port: Option<u16>,
    order: bool,
}

prop_compose! {
    fn style()(
        flags in prop::array::uniform9(any::<bool>()),
        volumes in 0_usize..7, account in 0_usize..5, containers in 1_usize..4, tail in 0_usize..4, wrapped in 0_usize..3,
        port in prop::option::of(prop::sample::select(vec![80_u16, 8787, 8888])),
    ) -> Style {
        let [flow_pod, flow_lists, wide, json, carriage_returns, last_line_break, comments, quoted_keys, order] = flags;
        Style { flow_pod, flow_lists, wide, json, carriage_returns, last_line_break, comments, quoted_keys, volumes, account, containers, tail, wrapped, port, order }
    }
}

const SWITCH: &str = "notebooks.opendatahub.io/inject-auth";

/// A Notebook in a style, switched on or off.
fn notebook(style: &Style, name: &str, on: bool) -> String {
    let text = if style.json {
        json(style, name, on)
    } else {
        yaml(style, name, on)
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

fn json(style: &Style, name: &str, on: bool) -> String {
    let containers: Vec<String> = (0..style.containers)
        .map(|index| {
            format!(
                "{{\"name\": \"{}\", \"image\": \"i\"}}",
                if index == 0 {
                    name.to_owned()
                } else {
                    format!("c{index}")
                }
            )
        })
        .collect();
    let volumes = [
        "",
        ", \"volumes\": []",
        ", \"volumes\": null",
        ", \"volumes\": [{\"name\": \"v\"}]",
    ][style.volumes % 4];
    let account = [
        "",
        ", \"serviceAccountName\": \"\"",
        ", \"serviceAccountName\": null",
    ][style.account % 3];
    let separator = if style.wide { ",\n        " } else { ", " };
    format!(
        "{{\n  \"apiVersion\": \"kubeflow.org/v1\",\n  \"kind\": \"Notebook\",\n  \"metadata\": {{\"name\": \"{name}\", \"namespace\": \"team\", \"annotations\": {{\"{SWITCH}\": \"{on}\"}}}},\n  \"spec\": {{\"template\": {{\"spec\": {{\"containers\": [{}]{volumes}{account}}}}}}}\n}}\n",
        containers.join(separator)
    )
}

fn yaml(style: &Style, name: &str, on: bool) -> String {
    let key = |key: &str| {
        if style.quoted_keys {
            format!("\"{key}\"")
        } else {
            key.to_owned()
        }
    };
    let comment = |text: &str| {
        if style.comments {
            format!(" # {text}")
        } else {
            String::new()
        }
    };
    let line = |text: &str| {
        if style.comments {
            format!("{text}\n")
        } else {
            String::new()
        }
    };
    let dash = if style.wide { "          - " } else { "        - " };
    let inner = " ".repeat(dash.len());
    let mut text = line("# a notebook");
    text.push_str(&format!(
        "{}: kubeflow.org/v1{}\n{}: Notebook\n",
        key("apiVersion"),
        comment("one"),
        key("kind")
    ));
    if style.flow_lists {
        text.push_str(&format!(
            "{}: {{name: {name}, namespace: team, annotations: {{{SWITCH}: '{on}'}}}}\n",
            key("metadata")
        ));
    } else {
        text.push_str(&format!("{}:\n  name: {name}\n  namespace: team\n  annotations:{}\n    {SWITCH}: \"{on}\"{}\n    other: |\n      x\n\n", key("metadata"), comment("two"), comment("three")));
    }
    let port = style.port.map_or(String::new(), |port| {
        format!(", ports: [{{containerPort: {port}}}]")
    });
    if style.flow_pod {
        let containers: Vec<String> = (0..style.containers)
            .map(|index| {
                if index == 0 {
                    format!("{{name: {name}, image: i{port}}}")
                } else {
                    format!("{{name: c{index}, image: i}}")
                }
            })
            .collect();
        let volumes = [
            "",
            ", volumes: []",
            ", volumes: [ ]",
            ", volumes: ~",
            ", volumes: null",
            ", volumes: [{name: v}]",
            ", volumes: [{name: v},]",
        ][style.volumes];
        let account = ["", ", serviceAccountName: ''", ", serviceAccountName: ~", "", ""][style.account];
        text.push_str(&format!(
            "spec:\n  template:\n    spec: {{containers: [{}]{volumes}{account}}}{}\n",
            containers.join(",\n      "),
            comment("pod")
        ));
        return text;
    }
    let volumes = match style.volumes {
        0 => String::new(),
        1 => format!("      volumes:{}\n", comment("none yet")),
        2 => format!("      volumes: ~{}\n", comment("none")),
        3 => "      volumes: []\n".to_owned(),
        4 => "      volumes: [{name: v, emptyDir: {}}]\n".to_owned(),
        _ => format!(
            "      volumes:\n{dash}name: v{}\n{inner}emptyDir: {{}}\n{}",
            comment("mine"),
            line("      # below")
        ),
    };
    let account = [
        "",
        "      serviceAccountName:\n",
        "      serviceAccountName: ~ \n",
        "      serviceAccountName: \"\"\n",
        "",
    ][style.account];
    let mut containers = String::from("      containers:\n");
    for index in 0..style.containers {
        let own = if index == 0 {
            name.to_owned()
        } else {
            format!("c{index}")
        };
        if style.flow_lists && index > 0 {
            containers.push_str(&format!("{dash}{{name: {own}, image: i}}{}\n", comment("flow")));
            continue;
        }
        containers.push_str(&format!(
            "{dash}name: {own}\n{inner}image: i{}\n",
            comment("image")
        ));
        if let (0, Some(port)) = (index, style.port) {
            containers.push_str(&format!("{inner}ports:\n{inner}- containerPort: {port}\n"));
        }
        let last = [
            "",
            "args: [\"a\", 'b']",
            "env:\nI- name: X\nI  value: |+\nI    text\n\n",
            "command: >-\nI  folded\nI  text",
        ][style.tail];
        if !last.is_empty() {
            containers.push_str(&format!("{inner}{}\n", last.replace('I', &inner)));
        }
    }
    text.push_str("spec:\n  template:\n    spec:\n");
    let parts = if style.order {
        [volumes, account.to_owned(), containers]
    } else {
        [containers, account.to_owned(), volumes]
    };
    text.push_str(&parts.concat());
    text.push_str(&line("# the end"));
    text
}

/// A Notebook alone, between other documents, or in a ResourceList.
fn wrapped(style: &Style, on: bool) -> String {
    let text = notebook(style, "nb", on);
    match style.wrapped {
        0 => text,
        1 => format!("# first\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\n---\n{text}"),
        _ => {
            let list = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n";
            if style.json {
                return format!("{list}- {}\n", text.trim_end().replace('\n', " "));
            }
            let plain = text.replace("\r\n", "\n");
            let mut items = String::new();
            let mut first = true;
            for line in plain.trim_end().lines() {
                let lead = if line.is_empty() {
                    ""
                } else if first && !line.starts_with('#') {
                    "- "
                } else {
                    "  "
                };
                if lead == "- " {
                    first = false;
                }
                items.push_str(&format!("{lead}{line}\n"));
            }
            // A comment above the first field stands above the dash.
            let text = format!("{list}{items}");
            if style.last_line_break {
                text
            } else {
                text.trim_end().to_owned()
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rendering_what_was_rendered_changes_nothing(style in style()) {
        let once = output(&wrapped(&style, true));
        prop_assert!(once.contains("kube-rbac-proxy"), "{once}");
        prop_assert_eq!(output(&once), once);
    }

    #[test]
    fn switching_off_gives_back_what_was_switched_on(style in style()) {
        let off = wrapped(&style, false);
        prop_assert_eq!(&output(&off), &off);
        let on = without_results(output(&wrapped(&style, true)));
        let switched = on.replacen(&format!("{SWITCH}: \"true\""), &format!("{SWITCH}: \"false\""), 1)
            .replacen(&format!("{SWITCH}: 'true'"), &format!("{SWITCH}: 'false'"), 1)
            .replacen(&format!("\"{SWITCH}\": \"true\""), &format!("\"{SWITCH}\": \"false\""), 1);
        prop_assert_ne!(&switched, &on);
        // What was cut off may have brought the last line break along.
        let back = output(&switched);
        prop_assert_eq!(back.trim_end(), off.trim_end());
    }

    #[test]
    fn another_platform_replaces_just_what_it_changes(style in style()) {
        let there = run(&output(&wrapped(&style, true)), true);
        prop_assert!(!there.failed());
        let text = there.output.unwrap();
        prop_assert!(text.contains("cert-manager.io"));
        prop_assert_eq!(output(&text).contains("cert-manager.io"), false);
    }

    #[test]
    fn success_is_never_empty(text in "[ -~\n\t]{0,200}", style in style(), cut in 0_usize..2000) {
        let notebook = wrapped(&style, true);
        let mut end = cut.min(notebook.len());
        while !notebook.is_char_boundary(end) {
            end -= 1;
        }
        for text in [text.as_str(), &notebook[..end]] {
            let Ok(source) = Source::from_bytes(STDIN, text.as_bytes().to_vec()) else { continue };
            let Ok(framed) = frame(source) else { continue };
            let items = framed.stream.items.len();
            let response = respond(framed, None, &Environment::default());
            if !response.failed() {
                let output = response.output.unwrap();
                prop_assert!(!output.trim().is_empty());
                prop_assert!(super_framed(&output) >= items);
            }
        }
    }
}

#[test]
fn a_renamed_notebook_takes_its_guard_along() {
    let text = "apiVersion: kubeflow.org/v1\nkind: Notebook\nmetadata:\n  name: nb\n  namespace: team\n  annotations:\n    notebooks.opendatahub.io/inject-auth: \"true\"\nspec:\n  template:\n    spec:\n      containers:\n      - name: main\n";
    let renamed = output(&output(text).replacen("  name: nb\n", "  name: other\n", 1));
    assert!(renamed.contains("      serviceAccountName: other\n"), "{renamed}");
    assert!(!renamed.contains("nb-kube-rbac-proxy"), "{renamed}");
    assert_eq!(output(&renamed), renamed);
    let off = output(&renamed.replacen("inject-auth: \"true\"", "inject-auth: \"false\"", 1));
    assert_eq!(
        off,
        text.replace("name: nb", "name: other")
            .replace("\"true\"", "\"false\"")
    );
}

fn super_framed(text: &str) -> usize {
    framed(text).stream.items.len()
}

/// A Ray document in many styles: how its annotations, the head's settings, containers and workers are written.
fn ray(kind: &str, parts: [&str; 3], json: bool, returns: bool) -> String {
    let [head, container, workers] = parts;
    let cluster = format!(
        "headGroupSpec:\n{head}  template:\n    spec:\n      containers:\n      - name: ray-head\n{container}{workers}"
    );
    let indented = |by: &str| -> String { cluster.lines().map(|line| format!("{by}{line}\n")).collect() };
    let spec = if kind == "RayCluster" {
        indented("  ")
    } else {
        let key = if kind == "RayJob" {
            "rayClusterSpec"
        } else {
            "rayClusterConfig"
        };
        format!("  {key}:\n{}", indented("    "))
    };
    let text = format!(
        "apiVersion: ray.io/v1\nkind: {kind}\nmetadata:\n  name: training\n  namespace: team\n  annotations:\n    \
         odh.ray.io/secure-trusted-network: \"true\" # switch\nspec:\n{spec}"
    );
    let text = if json {
        let framed = framed(&text);
        let item = &framed.stream.items[0];
        item.piece(&framed.source).value().unwrap().to_string()
    } else {
        text
    };
    if returns { text.replace('\n', "\r\n") } else { text }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn ray_clusters_are_rendered_once_and_taken_back_to_the_byte(
        kind in prop::sample::select(vec!["RayCluster", "RayJob", "RayService"]),
        head in prop::sample::select(vec!["", "  rayStartParams: {}\n", "  rayStartParams: ~\n", "  enableIngress: # none\n  rayStartParams:\n    num-cpus: \"0\"\n"]),
        container in prop::sample::select(vec!["        image: a\n", "        image: a\n        env: []\n", "        image: a\n        env:\n          - {name: A, value: b} # b\n          # more\n", "        image: a\n        env:\n      volumes: ~\n"]),
        workers in prop::sample::select(vec!["", "workerGroupSpecs:\n- groupName: small\n  minReplicas: 0\n  maxReplicas: 1\n  template: {spec: {containers: [{name: ray-worker, image: a}]}}\n", "workerGroupSpecs:\n  - groupName: small\n    minReplicas: 0\n    maxReplicas: 1\n    template:\n      metadata: {}\n      spec:\n        containers:\n          - name: ray-worker\n            image: a\n"]),
        json in any::<bool>(), returns in any::<bool>(),
    ) {
        let text = ray(kind, [head, container, workers], json, returns);
        let on = output(&text);
        prop_assert_ne!(&on, &text);
        prop_assert_eq!(&output(&on), &on);
        let off = |text: &str| text
            .replacen("network: \"true\"", "network: \"false\"", 1)
            .replacen("network\":\"true\"", "network\":\"false\"", 1);
        prop_assert_eq!(output(&off(&on)), off(&text));
    }
}
