//! `examples/overlay` through the real kustomize and kubectl: under a prefix, a namespace, labels and a patch every
//! reference of the graph still leads somewhere.

use std::fs;

use serde_json::{Value, json};

use crate::orchestrators::{EXEC, Example, Objects, objects, with_function};
use crate::parts;
use crate::program::{Run, run};
use crate::references::unresolved;

const KUBECTL: &str = "kubectl kustomize --enable-alpha-plugins examples/overlay/production";
const KUSTOMIZE: &str = "kustomize build --enable-alpha-plugins examples/overlay/production";
const OVERLAY: &str = "examples/overlay/production/kustomization.yaml";
const PLATFORM: &str = "examples/overlay/production/platform.yaml";

/// The programs that are there, with the flags to run plugins.
fn builders() -> Vec<&'static str> {
    [("kustomize", "kustomize build"), ("kubectl", "kubectl kustomize")]
        .into_iter()
        .filter(|(program, _)| parts::needs(program))
        .map(|(_, command)| command)
        .collect()
}

fn build(example: &Example, folder: &str) -> Vec<Run> {
    let line = |command: &&str| format!("{command} --enable-alpha-plugins {folder}");
    builders()
        .iter()
        .map(|command| example.run(&line(command)))
        .collect()
}

fn edit(example: &Example, file: &str, from: &str, to: &str) {
    let text = fs::read_to_string(example.path(file)).unwrap();
    assert!(text.contains(from), "{file} holds no {from:?}");
    example.write(file, &text.replace(from, to));
}

fn values(objects: &Objects) -> Vec<Value> {
    objects.values().cloned().collect()
}

#[track_caller]
fn whole(output: &str) -> Objects {
    let objects = objects(output);
    let missing = unresolved(&values(&objects));
    assert!(missing.is_empty(), "{missing:#?}");
    objects
}

fn notebook<'a>(objects: &'a Objects, name: &str) -> &'a Value {
    let found = objects
        .values()
        .find(|object| object["kind"] == "Notebook" && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no Notebook {name} among {:?}", objects.keys()))
}

fn names(list: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = list
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    names
}

// --- the example ---

#[test]
fn every_way_gives_one_graph_and_it_is_whole() {
    let example = Example::new("overlay");
    let mut built = Vec::new();
    if parts::needs("kubectl") {
        built.push(example.documented(KUBECTL).succeeded());
    }
    if parts::needs("kustomize") {
        built.push(example.documented(KUSTOMIZE).succeeded());
        let platform = fs::read_to_string(example.path(PLATFORM)).unwrap();
        example.write(PLATFORM, &with_function(&platform, EXEC));
        let exec = KUSTOMIZE.replace("--enable-alpha-plugins", "--enable-alpha-plugins --enable-exec");
        built.push(example.run(&exec).succeeded());
    }
    for output in &built {
        assert!(objects(output) == objects(&built[0]));
        let found = whole(output);
        for name in ["prod-churn", "prod-reports", "prod-scratch"] {
            notebook(&found, name);
        }
        let made = found
            .keys()
            .map(|[_, kind, ..]| kind)
            .filter(|kind| *kind == "HTTPRoute");
        assert_eq!(made.count(), 2, "{:?}", found.keys());
        // What comes out is what the function would make of it: nothing is left to do.
        let again = through_the_function(&example, output);
        assert!(
            again.stderr.lines().all(|line| line.starts_with("info: ")),
            "{}",
            again.stderr
        );
        assert!(objects(&again.succeeded()) == found);
    }
}

/// What was built, and the Platform, through the function.
fn through_the_function(example: &Example, output: &str) -> Run {
    let platform = fs::read_to_string(example.path(PLATFORM)).unwrap();
    run(
        example.command("gatewright fn"),
        format!("{output}\n---\n{platform}").as_bytes(),
    )
}

#[test]
fn what_the_overlay_says_arrives() {
    for run in build(&Example::new("overlay-content"), "examples/overlay/production") {
        let found = whole(&run.succeeded());
        let churn = notebook(&found, "prod-churn");
        assert_eq!(churn["metadata"]["namespace"], "sales-production");
        assert_eq!(churn["metadata"]["labels"]["environment"], "production");
        let pod = &churn["spec"]["template"]["spec"];
        assert_eq!(names(&pod["containers"]), ["kube-rbac-proxy", "prod-churn"]);
        let container = &pod["containers"].as_array().unwrap()[0];
        // From the base, and from the patch.
        let env = &container["env"];
        assert_eq!(
            names(env),
            ["LOG_LEVEL", "MLFLOW_TRACKING_URI", "WAREHOUSE_PASSWORD"]
        );
        let level = env
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == "LOG_LEVEL");
        assert_eq!(level.unwrap()["value"], "warning");
        assert_eq!(names(&container["volumeMounts"]), ["cache", "data", "settings"]);
        assert_eq!(container["image"], "quay.io/example/jupyter-minimal:2025.2");
        assert_eq!(container["ports"][0]["containerPort"], 8888);
        let volumes = names(&pod["volumes"]);
        for volume in ["cache", "data", "settings", "kube-rbac-proxy-config"] {
            assert!(volumes.contains(&volume), "{volumes:?}");
        }
        // The hash of a generated ConfigMap comes last, and is followed too.
        let settings = container["envFrom"][0]["configMapRef"]["name"].as_str().unwrap();
        assert!(settings.starts_with("prod-warehouse-") && settings.len() > "prod-warehouse-".len());
    }
}

#[test]
fn the_committed_files_are_those_that_are_shipped() {
    for file in ["kustomize-names.yaml", "kustomize-openapi.json"] {
        let read = |folder: &str| {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(folder)
                .join(file);
            fs::read_to_string(path).unwrap()
        };
        assert!(
            read("krm-functions/gatewright") == read("examples/overlay/production"),
            "{file}: run `make schemas`"
        );
    }
}

#[test]
fn labels_leave_the_graph_whole() {
    let selectors = "includeSelectors: false";
    for labels in [
        "includeSelectors: false\n    includeTemplates: true",
        "includeSelectors: true",
        "includeTemplates: true\n    fields: [{path: spec/template/metadata/labels, create: true}]",
    ] {
        let example = Example::new("overlay-labels");
        edit(&example, OVERLAY, selectors, labels);
        for run in build(&example, "examples/overlay/production") {
            whole(&run.succeeded());
        }
    }
}

/// What the two files are for; the day it fails, they can go.
#[test]
fn without_the_files_the_graph_is_broken() {
    let example = Example::new("overlay-without-names");
    edit(
        &example,
        OVERLAY,
        "configurations:\n  - kustomize-names.yaml\n",
        "",
    );
    for run in build(&example, "examples/overlay/production") {
        let missing = unresolved(&values(&objects(&run.succeeded())));
        for line in [
            "Notebook sales-production/prod-churn: volumes: PersistentVolumeClaim sales-production/churn-data",
            "Notebook sales-production/prod-churn: envFrom: ConfigMap sales-production/warehouse",
            "Notebook sales-production/prod-scratch: serviceAccountName: ServiceAccount sales-production/scratch-runner",
        ] {
            assert!(missing.contains(line), "{missing:#?}");
        }
    }
    let example = Example::new("overlay-without-openapi");
    edit(
        &example,
        OVERLAY,
        "openapi:\n  path: kustomize-openapi.json\n",
        "",
    );
    for run in build(&example, "examples/overlay/production") {
        let found = objects(&run.succeeded());
        let container = &notebook(&found, "prod-churn")["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(
            container["image"],
            Value::Null,
            "the patch took the container's place"
        );
    }
}

/// Two environments of one base in one namespace: names are told apart by their prefix.
#[test]
fn one_base_twice_in_one_namespace() {
    let example = Example::new("overlay-twice");
    let files = ["kustomize-names.yaml", "platform.yaml"];
    for (folder, rest) in [
        ("a", "resources: [../base]\nnamespace: sales\nnamePrefix: a-\n"),
        ("b", "resources: [../base]\nnamespace: sales\nnameSuffix: -b\n"),
        ("both", "resources: [../a, ../b]\ntransformers: [platform.yaml]\n"),
    ] {
        for file in files {
            let text =
                fs::read_to_string(example.path(&format!("examples/overlay/production/{file}"))).unwrap();
            example.write(&format!("examples/overlay/{folder}/{file}"), &text);
        }
        let kustomization = format!("configurations: [kustomize-names.yaml]\n{rest}");
        example.write(
            &format!("examples/overlay/{folder}/kustomization.yaml"),
            &kustomization,
        );
    }
    for run in build(&example, "examples/overlay/both") {
        let found = whole(&run.succeeded());
        for name in ["a-churn", "churn-b"] {
            let pod = &notebook(&found, name)["spec"]["template"]["spec"];
            assert_eq!(pod["containers"][0]["name"], name);
        }
    }
}

// --- what kustomize cannot follow ---

/// What kustomize changes after the function ran. It cannot follow a name into a text, nor into another namespace.
const AFTERWARDS: [&str; 3] = ["namePrefix: late-", "nameSuffix: -late", "namespace: late"];

/// `inner` runs the function, `rendered` holds files that it wrote; `outer` is built around one of them.
fn nested() -> Example {
    let example = Example::new("overlay-nested");
    let copy = |from: &str, to: &str| example.write(to, &fs::read_to_string(example.path(from)).unwrap());
    for folder in ["inner", "outer"] {
        for file in ["kustomize-names.yaml", "platform.yaml"] {
            let to = format!("examples/overlay/{folder}/{file}");
            copy(&format!("examples/overlay/production/{file}"), &to);
        }
    }
    let inner = "resources: [../base]\nnamespace: sales\ntransformers: [platform.yaml]\nconfigurations: [kustomize-names.yaml]\n";
    example.write("examples/overlay/inner/kustomization.yaml", inner);
    let built = build(&example, "examples/overlay/inner").remove(0).succeeded();
    example.write("examples/overlay/rendered/all.yaml", &built);
    example.write(
        "examples/overlay/rendered/kustomization.yaml",
        "resources: [all.yaml]\n",
    );
    example
}

fn outer(example: &Example, base: &str, change: &str, function: &str) {
    let text =
        format!("resources: [../{base}]\n{change}\n{function}\nconfigurations: [kustomize-names.yaml]\n");
    example.write("examples/overlay/outer/kustomization.yaml", &text);
}

const AGAIN: &str = "transformers: [platform.yaml]";

/// README warns of this; the day it fails, the warning can go.
#[test]
fn names_that_change_after_the_function_break_the_graph() {
    if builders().is_empty() {
        return;
    }
    let example = nested();
    for base in ["inner", "rendered"] {
        for change in AFTERWARDS {
            outer(&example, base, change, "");
            for run in build(&example, "examples/overlay/outer") {
                let output = run.succeeded();
                let missing = unresolved(&values(&objects(&output)));
                assert!(
                    missing
                        .iter()
                        .any(|line| line.contains("guard's configuration: asks about")),
                    "{base}, {change}: {missing:#?}"
                );
                // Whoever pipes it through the function is told, and gets nothing that could be applied.
                let again = through_the_function(&example, &output);
                assert_eq!((again.code, again.stdout.as_str()), (1, ""), "{base}, {change}");
            }
        }
    }
}

#[test]
fn the_function_in_the_outermost_overlay_reports_what_changed_after_it_ran() {
    if builders().is_empty() {
        return;
    }
    let example = nested();
    for base in ["inner", "rendered"] {
        for change in AFTERWARDS {
            outer(&example, base, change, AGAIN);
            for run in build(&example, "examples/overlay/outer") {
                assert_ne!(run.code, 0, "{base}, {change}");
                assert_eq!(run.stdout, "", "{base}, {change}");
                // Among the errors is that of the text that kustomize cannot follow.
                let said = |line: &str| {
                    line.contains("error: ") && line.contains("ConfigMap") && line.contains("churn")
                };
                assert!(run.stderr.lines().any(said), "{base}, {change}: {}", run.stderr);
            }
        }
        // What changes no name is followed, and the graph stays whole.
        for change in [
            "",
            "labels: [{pairs: {environment: late}, includeSelectors: false}]",
            "commonAnnotations: {team: sales}",
        ] {
            outer(&example, base, change, AGAIN);
            for run in build(&example, "examples/overlay/outer") {
                let found = whole(&run.succeeded());
                assert_eq!(
                    found.keys().filter(|[_, kind, ..]| kind == "HTTPRoute").count(),
                    2
                );
            }
        }
    }
}

/// kustomize corrects references only after every transformer has run, so the function sees the account's old name in the
/// Notebook; the account itself says what it was called before.
#[test]
fn an_account_that_the_same_overlay_renames_is_followed() {
    let example = Example::new("overlay-account");
    let from = "    spec:\n      containers:\n        - name: reports";
    let to = from.replace(
        "    spec:\n",
        "    spec:\n      serviceAccountName: scratch-runner\n",
    );
    edit(&example, "examples/overlay/base/reports.yaml", from, &to);
    for run in build(&example, "examples/overlay/production") {
        whole(&run.succeeded());
    }
    if parts::needs("kustomize") {
        // Behind kustomize instead of within it, the function sees the new one.
        let build = format!("{KUSTOMIZE} -o build.yaml");
        let render = format!("gatewright render build.yaml --platform {PLATFORM}");
        example.documented(&build).succeeded();
        whole(&example.documented(&render).succeeded());
    }
}

// --- the files, row by row ---

/// Fields that hold lists, of those on the paths of the configuration.
const LISTS: [&str; 17] = [
    "backendRefs",
    "certificateRefs",
    "containers",
    "env",
    "envFrom",
    "ephemeralContainers",
    "imagePullSecrets",
    "initContainers",
    "listeners",
    "parentRefs",
    "resourceClaims",
    "resourceNames",
    "rules",
    "sources",
    "targetRefs",
    "to",
    "volumes",
];

/// A value with something at a path.
fn at_path(path: &[String], inside: &Value) -> Value {
    let Some((first, rest)) = path.split_first() else {
        return inside.clone();
    };
    let inner = at_path(rest, inside);
    let is_list = LISTS.contains(&first.as_str());
    json!({ first: if is_list { json!([inner]) } else { inner } })
}

fn steps(path: &str) -> Vec<String> {
    let marked = path.replace("\\/", "\0");
    marked.split('/').map(|step| step.replace('\0', "/")).collect()
}

fn look_up(value: &Value, path: &[String]) -> Value {
    path.iter()
        .fold(value.clone(), |value, step| match value.get(step) {
            Some(Value::Array(items)) => items[0].clone(),
            other => other.cloned().unwrap_or_default(),
        })
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Every row of the configuration, with an object that names and one that is named.
#[test]
fn kustomize_follows_every_name_of_the_configuration() {
    let example = Example::new("overlay-rows");
    let file = fs::read_to_string(example.path("examples/overlay/production/kustomize-names.yaml")).unwrap();
    let configuration = gatewright::krm::yaml::Piece::new(&file, 0..file.len(), 0)
        .value()
        .unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let api_version = |of: &Value| match text(&of["group"]).as_str() {
        "" => "v1".to_owned(),
        group => format!("{group}/v1"),
    };
    let mut documents = Vec::new();
    let mut rows = Vec::new();
    for target in configuration["nameReference"].as_array().unwrap() {
        for field in target["fieldSpecs"].as_array().unwrap() {
            let index = rows.len();
            let path = steps(field["path"].as_str().unwrap());
            documents.push(json!({
                "apiVersion": api_version(target), "kind": target["kind"],
                "metadata": { "name": format!("t{index}"), "namespace": "team" }
            }));
            let last = path.last().unwrap().as_str();
            let inside = match last {
                // kustomize reads name and namespace below these.
                "backendRefs" | "parentRefs" | "certificateRefs" => json!({ "name": format!("t{index}") }),
                _ => json!(format!("t{index}")),
            };
            let mut referrer = json!({
                "apiVersion": api_version(field), "kind": field["kind"],
                "metadata": { "name": format!("r{index}"), "namespace": "team" }
            });
            merge(&mut referrer, at_path(&path, &inside));
            documents.push(referrer);
            rows.push((
                format!("p-r{index}"),
                field["kind"].clone(),
                path,
                format!("p-t{index}"),
            ));
        }
    }
    assert!(rows.len() > 50, "{}", rows.len());
    let stream: Vec<String> = documents.iter().map(ToString::to_string).collect();
    example.write("rows/all.yaml", &stream.join("\n---\n"));
    example.write("rows/names.yaml", &file);
    let kustomization = "resources: [all.yaml]\nnamePrefix: p-\nconfigurations: [names.yaml]\n";
    example.write("rows/kustomization.yaml", kustomization);
    for run in build(&example, "rows") {
        let found = objects(&run.succeeded());
        for (name, kind, path, renamed) in &rows {
            let referrer = found
                .values()
                .find(|object| object["metadata"]["name"] == **name && object["kind"] == *kind)
                .unwrap();
            let value = look_up(referrer, path);
            let value = value.get("name").unwrap_or(&value);
            assert_eq!(value, renamed, "{kind}: {}", path.join("/"));
        }
    }
}

/// A patch for each list that merges: something is added, and what was there stays.
fn patched(
    example: &Example,
    api_version: &str,
    kind: &str,
    base: &Value,
    patch: &Value,
    openapi: bool,
) -> Vec<Value> {
    let whole = |content: &Value| {
        let mut object = json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": "n" } });
        merge(&mut object, content.clone());
        object.to_string()
    };
    example.write("merge/base.yaml", &whole(base));
    example.write("merge/patch.yaml", &whole(patch));
    let schema =
        fs::read_to_string(example.path("examples/overlay/production/kustomize-openapi.json")).unwrap();
    example.write("merge/openapi.json", &schema);
    let openapi = if openapi {
        "openapi: {path: openapi.json}\n"
    } else {
        ""
    };
    let kustomization = format!("resources: [base.yaml]\npatches: [{{path: patch.yaml}}]\n{openapi}");
    example.write("merge/kustomization.yaml", &kustomization);
    build(example, "merge")
        .into_iter()
        .map(|run| objects(&run.succeeded()).into_values().next().unwrap())
        .collect()
}

/// A pod spec in which every list that merges has an element, named after `word`.
fn pod(word: &str, number: u16) -> Value {
    let path = format!("/{word}");
    let container = || {
        json!({
            "name": "shared", "tty": true, word: word,
            "env": [{ "name": word, "value": word }, { "name": "shared", word: word }],
            "ports": [{ "containerPort": number, "protocol": "TCP" }, { "containerPort": 80, "protocol": "TCP", word: word }],
            "volumeMounts": [{ "name": word, "mountPath": path }, { "name": "v", "mountPath": "/shared", word: word }],
            "volumeDevices": [{ "name": word, "devicePath": path }]
        })
    };
    json!({
        "containers": [container(), { "name": word }],
        "initContainers": [container(), { "name": word }],
        "ephemeralContainers": [{ "name": word }],
        "volumes": [{ "name": word, "emptyDir": {} }, { "name": "shared", word: {} }],
        "imagePullSecrets": [{ "name": word }],
        "hostAliases": [{ "ip": format!("10.0.0.{number}"), "hostnames": [word] }],
        "topologySpreadConstraints": [{ "topologyKey": word, "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1 }],
        // Lists that do not merge.
        "tolerations": [{ "key": word, "operator": "Exists" }]
    })
}

#[test]
fn every_list_of_a_notebook_merges() {
    let example = Example::new("overlay-lists");
    let in_template = |pod: Value| json!({ "spec": { "template": { "spec": pod } } });
    let mut base = pod("base", 1);
    let newer = |word: &str| {
        json!({
            "resourceClaims": [{ "name": word }],
            "schedulingGates": [{ "name": word }]
        })
    };
    merge(&mut base, newer("base"));
    let mut patch = pod("patch", 2);
    merge(&mut patch, newer("patch"));
    for version in gatewright::input::notebook::VERSIONS {
        let api_version = format!("kubeflow.org/{version}");
        let found = patched(
            &example,
            &api_version,
            "Notebook",
            &in_template(base.clone()),
            &in_template(patch.clone()),
            true,
        );
        for object in found {
            let pod = &object["spec"]["template"]["spec"];
            for list in ["containers", "initContainers"] {
                assert_eq!(names(&pod[list]), ["base", "patch", "shared"]);
                let of = pod[list].as_array().unwrap().iter();
                let container = of.clone().find(|one| one["name"] == "shared").unwrap();
                assert_eq!(
                    (&container["base"], &container["patch"]),
                    (&json!("base"), &json!("patch"))
                );
                assert_eq!(names(&container["env"]), ["base", "patch", "shared"]);
                for (list, count) in [("ports", 3), ("volumeMounts", 3), ("volumeDevices", 2)] {
                    assert_eq!(
                        container[list].as_array().unwrap().len(),
                        count,
                        "{list}: {container:#}"
                    );
                }
            }
            assert_eq!(names(&pod["volumes"]), ["base", "patch", "shared"]);
            for list in [
                "ephemeralContainers",
                "imagePullSecrets",
                "resourceClaims",
                "schedulingGates",
            ] {
                assert_eq!(names(&pod[list]), ["base", "patch"], "{list}");
            }
            for list in ["hostAliases", "topologySpreadConstraints"] {
                assert_eq!(pod[list].as_array().unwrap().len(), 2, "{list}");
            }
            assert_eq!(
                pod["tolerations"],
                json!([{ "key": "patch", "operator": "Exists" }])
            );
        }
    }
}

/// Of a Ray cluster the pods of the head and of who submits a job merge; groups of workers are one list, replaced whole.
#[test]
fn a_ray_cluster_merges_as_its_definition_says() {
    let example = Example::new("overlay-ray");
    for kind in gatewright::input::ray::Kind::ALL {
        let of = |word: &str, number: u16| {
            let template = json!({ "spec": pod(word, number) });
            let cluster = json!({
                "headGroupSpec": {
                    "template": template,
                    "headService": { "spec": { "ports": [{ "port": number, "name": word }] } }
                },
                "workerGroupSpecs": [{ "groupName": word, "template": template }]
            });
            let path: Vec<String> = kind.steps().iter().map(|&step| step.to_owned()).collect();
            let mut document = at_path(&path, &cluster);
            if kind == gatewright::input::ray::Kind::RayJob {
                document["spec"]["submitterPodTemplate"] = template;
            }
            document
        };
        for version in gatewright::input::ray::VERSIONS {
            let api_version = format!("ray.io/{version}");
            let (base, patch) = (of("base", 1), of("patch", 2));
            for object in patched(&example, &api_version, kind.word(), &base, &patch, true) {
                let cluster = kind.steps().iter().fold(&object, |value, step| &value[*step]);
                let head = &cluster["headGroupSpec"];
                let mut pods = vec![&head["template"]["spec"]];
                if kind == gatewright::input::ray::Kind::RayJob {
                    pods.push(&object["spec"]["submitterPodTemplate"]["spec"]);
                }
                for pod in pods {
                    for list in ["containers", "initContainers", "volumes"] {
                        assert_eq!(names(&pod[list]), ["base", "patch", "shared"], "{kind:?} {list}");
                    }
                    let containers = pod["containers"].as_array().unwrap();
                    let shared = containers.iter().find(|one| one["name"] == "shared").unwrap();
                    assert_eq!(names(&shared["env"]), ["base", "patch", "shared"]);
                    for list in ["ports", "volumeMounts"] {
                        assert_eq!(shared[list].as_array().unwrap().len(), 3, "{list}: {shared:#}");
                    }
                }
                assert_eq!(names(&head["headService"]["spec"]["ports"]), ["base", "patch"]);
                assert_eq!(
                    cluster["workerGroupSpecs"],
                    json!([{ "groupName": "patch", "template": { "spec": pod("patch", 2) } }])
                );
            }
        }
    }
}

/// A file under `openapi:` takes the place of all that kustomize knows; ours has it again.
#[test]
fn built_in_kinds_merge_as_they_do_without_the_file() {
    let example = Example::new("overlay-built-in");
    let template =
        |pod: Value| json!({ "metadata": { "finalizers": [pod["tolerations"][0]["key"]] }, "spec": pod });
    let workload = |pod: Value| json!({ "spec": { "template": template(pod) } });
    let finalizers = |word: &str| json!({ "metadata": { "finalizers": [word] } });
    let mut rows = Vec::new();
    for (api_version, kind) in [
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("apps/v1", "ReplicaSet"),
        ("batch/v1", "Job"),
        ("v1", "ReplicationController"),
    ] {
        rows.push((
            api_version,
            kind,
            workload(pod("base", 1)),
            workload(pod("patch", 2)),
        ));
    }
    let pair = |of: &dyn Fn(&str, u16) -> Value| (of("base", 1), of("patch", 2));
    for (api_version, kind, (base, patch)) in [
        (
            "v1",
            "Pod",
            pair(&|word, number| json!({ "spec": pod(word, number) })),
        ),
        (
            "v1",
            "PodTemplate",
            pair(&|word, number| json!({ "template": template(pod(word, number)) })),
        ),
        (
            "batch/v1",
            "CronJob",
            pair(
                &|word, number| json!({ "spec": { "jobTemplate": { "metadata": { "finalizers": [word] }, "spec": { "template": template(pod(word, number)) } } } }),
            ),
        ),
        (
            "v1",
            "Service",
            pair(
                &|word, number| json!({ "spec": { "ports": [{ "port": number, "name": word }, { "port": 80, word: word }] } }),
            ),
        ),
        (
            "v1",
            "ServiceAccount",
            pair(&|word, _| json!({ "secrets": [{ "name": word }], "imagePullSecrets": [{ "name": word }] })),
        ),
        (
            "v1",
            "Node",
            pair(&|word, _| json!({ "spec": { "podCIDRs": [word] } })),
        ),
        (
            "storage.k8s.io/v1",
            "CSINode",
            pair(&|word, _| json!({ "spec": { "drivers": [{ "name": word }] } })),
        ),
        (
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            pair(&|word, _| json!({ "webhooks": [{ "name": word }, { "name": "shared", word: word }] })),
        ),
    ] {
        rows.push((api_version, kind, base, patch));
    }
    // Kinds without lists of their own, and one that kustomize does not know.
    for (api_version, kind) in [
        ("v1", "ConfigMap"),
        ("v1", "Namespace"),
        ("v1", "PersistentVolumeClaim"),
        ("v1", "Secret"),
        ("networking.k8s.io/v1", "Ingress"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("policy/v1", "PodDisruptionBudget"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ] {
        let rules = |word: &str| json!({ "rules": [{ word: word }], "spec": { "rules": [{ word: word }] } });
        let (mut base, mut patch) = (finalizers("base"), finalizers("patch"));
        merge(&mut base, rules("base"));
        merge(&mut patch, rules("patch"));
        rows.push((api_version, kind, base, patch));
    }
    for (api_version, kind, base, patch) in rows {
        let with = patched(&example, api_version, kind, &base, &patch, true);
        let without = patched(&example, api_version, kind, &base, &patch, false);
        assert_eq!(with, without, "{api_version} {kind}");
    }
}
