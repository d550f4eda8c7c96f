//! That a case is a finding of ours, or that it works.

use std::collections::{BTreeMap, BTreeSet};

use gatewright::model::names::is_dns_label;
use serde_json::Value;

use super::PLATFORM;
use super::compare::{Id, id, notebooks};
use crate::recorded::difference::{text, value};
use crate::recorded::{Case, Shown, Step, ensure, render};

/// Whether a case is what `cases.tsv` says.
pub(super) fn of_case(case: &Case, steps: &[Step]) -> Shown {
    // Whatever is rendered can be reached, and by way of the guard alone.
    for step in steps {
        if let Some(rendered) = &step.answer.rendered {
            complete(rendered)?;
        }
    }
    let Some(what) = case.ours.strip_prefix("works ") else {
        return Ok(());
    };
    match what {
        "complete" => Ok(()),
        "closed" => each(steps, closed),
        "quoted" => each(steps, |step| quoted(rendered(step))),
        "kept" => each(steps, kept),
        "alone" => each(steps, alone),
        "port" => each(steps, port),
        "undone" => undone(steps),
        _ => Err(format!("no such proof: {what}")),
    }
}

fn each(steps: &[Step], shown: impl Fn(&Step) -> Shown) -> Shown {
    steps.iter().try_for_each(shown)
}

fn rendered(step: &Step) -> &[Value] {
    step.answer.rendered.as_deref().unwrap_or_default()
}

/// The document an object was generated for, if it was.
pub(crate) fn source(object: &Value) -> &str {
    text(object, "/metadata/annotations/gatewright.dev~1source")
}

/// What was generated.
pub(crate) fn generated(rendered: &[Value]) -> impl Iterator<Item = &Value> {
    rendered.iter().filter(|object| !source(object).is_empty())
}

/// The guarded Notebooks: those whose pods hold the guard that was generated.
fn guarded(rendered: &[Value]) -> Vec<Id> {
    let bindings = generated(rendered).filter(|object| object["kind"] == "ClusterRoleBinding");
    let of = |binding: &Value| {
        let parts: Vec<&str> = source(binding).split('/').collect();
        (parts[2].to_owned(), parts[3].to_owned())
    };
    bindings.map(of).collect()
}

/// Every guarded Notebook has everything that it takes to be reached through its guard, under names of its own; no
/// generated route leads anywhere else.
pub(crate) fn complete(rendered: &[Value]) -> Shown {
    let mut seen = BTreeSet::new();
    for object in rendered.iter().filter(|object| object["kind"] != "Notebook") {
        let key = (object["kind"].to_string(), id(object));
        ensure(seen.insert(key.clone()), || format!("two objects are {key:?}"))?;
    }
    let find = |kind: &str, id: &Id| -> Result<&Value, String> {
        generated(rendered)
            .find(|object| object["kind"] == kind && super::compare::id(object) == *id)
            .ok_or_else(|| format!("no {kind} {id:?}"))
    };
    let of = |kind: &str, id: &Id| -> Result<&Value, String> {
        let reference = format!("kubeflow.org/Notebook/{}/{}", id.0, id.1);
        let mut found =
            generated(rendered).filter(|object| object["kind"] == kind && source(object) == reference);
        let first = found.next().ok_or_else(|| format!("no {kind} of {id:?}"))?;
        ensure(found.next().is_none(), || format!("two {kind} of {id:?}"))?;
        Ok(first)
    };
    let all = guarded(rendered);
    let routes = generated(rendered)
        .filter(|object| object["kind"] == "HTTPRoute")
        .count();
    ensure(routes == all.len(), || {
        format!("{routes} routes for {} guarded Notebooks", all.len())
    })?;
    for nb in &all {
        let (namespace, name) = nb;
        let route = of("HTTPRoute", nb)?;
        let backend = &route["spec"]["rules"][0]["backendRefs"][0];
        ensure(text(backend, "/namespace") == namespace, || {
            "the route leads elsewhere".to_owned()
        })?;
        let service = find("Service", &(namespace.clone(), text(backend, "/name").to_owned()))?;
        ensure(is_dns_label(text(service, "/metadata/name")), || {
            format!("no name of a Service: {}", id(service).1)
        })?;
        ensure(
            service["spec"]["ports"][0]["port"] == backend["port"] && backend["port"] == 8443,
            || "the route leads to another port".to_owned(),
        )?;
        ensure(service["spec"]["selector"]["statefulset"] == **name, || {
            "the Service leads to other pods".to_owned()
        })?;
        let path = &route["spec"]["rules"][0]["matches"][0]["path"]["value"];
        ensure(*path == format!("/notebook/{namespace}/{name}"), || {
            format!("{path} is another's")
        })?;
        let grant = of("ReferenceGrant", nb)?;
        ensure(
            grant["spec"]["to"][0]["name"] == service["metadata"]["name"],
            || "the grant is for another Service".to_owned(),
        )?;
        let notebook = rendered
            .iter()
            .find(|object| object["kind"] == "Notebook" && id(object) == *nb)
            .ok_or("the Notebook is gone")?;
        let pod = &notebook["spec"]["template"]["spec"];
        let guards = containers(notebook)
            .filter(|container| container["name"] == "kube-rbac-proxy")
            .count();
        ensure(guards == 1, || format!("{guards} guards in {nb:?}"))?;
        let subject = &of("ClusterRoleBinding", nb)?["subjects"][0];
        ensure(text(subject, "/namespace") == namespace, || {
            "the right goes elsewhere".to_owned()
        })?;
        let account = [&pod["serviceAccountName"], &pod["serviceAccount"]]
            .into_iter()
            .find(|name| name.is_string());
        ensure(account == Some(&subject["name"]), || {
            format!("the right goes to {subject}, and the pod runs as {account:?}")
        })?;
        // One that is called like the Notebook is its own, and nobody else makes it.
        if subject["name"] == **name {
            find("ServiceAccount", nb)?;
        }
        let volumes = pod["volumes"].as_array().into_iter().flatten();
        let config = volumes
            .filter_map(|volume| volume["configMap"]["name"].as_str())
            .find(|config| config.contains("kube-rbac-proxy"));
        find(
            "ConfigMap",
            &(namespace.clone(), config.unwrap_or_default().to_owned()),
        )?;
        let closed = generated(rendered).any(|object| {
            object["kind"] == "NetworkPolicy"
                && id(object).0 == *namespace
                && object["spec"]["podSelector"]["matchExpressions"][0]["operator"] == "Exists"
        });
        ensure(closed, || format!("{namespace} is not closed"))?;
    }
    Ok(())
}

fn containers(notebook: &Value) -> impl Iterator<Item = &Value> {
    notebook["spec"]["template"]["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten()
}

/// Nothing is exposed, and nothing is in the way.
fn closed(step: &Step) -> Shown {
    let made: Vec<Id> = generated(rendered(step)).map(id).collect();
    ensure(made.is_empty(), || format!("made {made:?}"))?;
    kept(step)
}

/// Notebooks and all else are as they were written, but for what is added.
fn kept(step: &Step) -> Shown {
    for written in &step.input {
        let kind = &written["kind"];
        let mut now = rendered(step)
            .iter()
            .find(|object| object["kind"] == *kind && id(object) == id(written))
            .cloned()
            .ok_or_else(|| format!("{kind} {:?} is gone", id(written)))?;
        if guarded(rendered(step)).contains(&id(written)) && *kind == "Notebook" {
            take_off(&mut now);
        }
        ensure(now == *written, || {
            format!("{kind} {:?} has become {now}", id(written))
        })?;
    }
    Ok(())
}

/// Takes what we add out of a Notebook that had no volumes and no account of its own.
fn take_off(notebook: &mut Value) {
    let annotations = notebook["metadata"]["annotations"].as_object_mut().unwrap();
    annotations.remove("gatewright.dev/notebook-injected");
    let pod = notebook["spec"]["template"]["spec"].as_object_mut().unwrap();
    let ours = |item: &Value| text(item, "/name").starts_with("kube-rbac-proxy");
    for field in ["containers", "volumes"] {
        let items = pod[field].as_array_mut().unwrap();
        items.retain(|item| !ours(item));
        if items.is_empty() {
            pod.remove(field);
        }
    }
    pod.remove("serviceAccountName");
    pod.remove("automountServiceAccountToken");
}

/// What is generated is the same with nothing but the Notebooks in the input.
fn alone(step: &Step) -> Shown {
    let documents: Vec<&str> = step
        .text
        .split("---\n")
        .filter(|text| text.contains("kind: Notebook\n"))
        .collect();
    ensure(documents.len() < step.input.len(), || {
        "nothing else is in the input".to_owned()
    })?;
    let again = render(PLATFORM, &documents.join("---\n"));
    let same = |rendered: &[Value]| -> Vec<Value> { generated(rendered).cloned().collect() };
    let (first, second) = (same(rendered(step)), same(&again.rendered.ok_or("refused")?));
    ensure(first == second, || {
        "other objects in the input change what is made".to_owned()
    })
}

/// The configuration of every guard names the Notebook to the letter, for readers of YAML 1.1 too.
pub(crate) fn quoted(rendered: &[Value]) -> Shown {
    let configs: BTreeMap<Id, &Value> = generated(rendered)
        .filter(|object| object["kind"] == "ConfigMap")
        .map(|object| (id(object), object))
        .collect();
    ensure(!configs.is_empty(), || "no configuration".to_owned())?;
    for config in configs.values() {
        let file = text(config, "/data/config-file.yaml");
        for line in file.lines().filter(|line| !line.ends_with(':')) {
            let scalar = line.split_once(": ").map_or("", |(_, scalar)| scalar);
            ensure(scalar.starts_with('"') && scalar.ends_with('"'), || {
                format!("not quoted: {line}")
            })?;
        }
        let attributes = value(file)["authorization"]["resourceAttributes"].clone();
        let parts: Vec<&str> = source(config).split('/').collect();
        ensure(
            attributes["namespace"] == parts[2] && attributes["name"] == parts[3],
            || format!("asks about {attributes}"),
        )?;
    }
    Ok(())
}

/// Guard and policies go where the first container listens.
fn port(step: &Step) -> Shown {
    for nb in notebooks(rendered(step)) {
        let notebook = rendered(step)
            .iter()
            .find(|object| object["kind"] == "Notebook" && id(object) == nb);
        let notebook = notebook.ok_or("the Notebook is gone")?;
        let port = &containers(notebook).next().ok_or("no container")?["ports"][0]["containerPort"];
        let upstream = format!("--upstream=http://127.0.0.1:{port}/");
        let leads = containers(notebook).any(|container| {
            container["args"]
                .as_array()
                .is_some_and(|args| args.iter().any(|arg| *arg == *upstream))
        });
        ensure(leads, || format!("no guard has {upstream}"))?;
        let open = generated(rendered(step)).any(|object| {
            let spec = &object["spec"];
            object["kind"] == "NetworkPolicy"
                && spec["podSelector"]["matchLabels"]["notebook-name"] == *nb.1
                && spec["ingress"][0]["ports"][0]["port"] == *port
        });
        ensure(open, || format!("the culler cannot reach {port}"))?;
    }
    Ok(())
}

/// Switched off over what was rendered before, a Notebook is as it was before it was switched on, and its objects go.
fn undone(steps: &[Step]) -> Shown {
    let [on, off] = steps else {
        return Err("takes two steps".to_owned());
    };
    let switch = "    notebooks.opendatahub.io/inject-auth: 'true'\n";
    let before = &on.answer.stdout;
    let documents = before.split_once("---\n").ok_or("no Platform")?.1;
    ensure(documents.matches(switch).count() == 1, || "one switch".to_owned())?;
    let after = render(PLATFORM, &documents.replace(switch, ""))
        .rendered
        .ok_or("refused")?;
    let routes = generated(&after)
        .filter(|object| object["kind"] != "NetworkPolicy")
        .count();
    ensure(routes == 0, || format!("{routes} objects are left"))?;
    let notebook = after
        .iter()
        .find(|object| object["kind"] == "Notebook")
        .ok_or("gone")?;
    ensure(notebook["spec"] == off.input[0]["spec"], || {
        format!("{notebook} is left")
    })
}
