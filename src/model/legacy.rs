//! Notebooks of Open Data Hub 2: what its controller and its dashboard put into them, what of that goes when they are
//! converted, and what stays behind in the cluster.
//!
//! Its guard was oauth-proxy (OpenShift OAuth), behind a Route. See `opendatahub-io/kubeflow`
//! `components/odh-notebook-controller`, releases before 1.10.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

use super::platform::Platform;
use super::{arguments, keys};
use crate::input::notebook::{Notebook as Document, POD_SPEC};
use crate::input::pod::Container;
use crate::krm::object_id::ObjectId;
use crate::krm::results::Finding;

/// The guard's container.
pub const PROXY: &str = "oauth-proxy";
/// The guard's volumes, and what the names of their Secrets end in behind the Notebook's.
pub const VOLUMES: [(&str, &str); 3] = [
    ("oauth-config", "-oauth-config"),
    ("oauth-client", "-oauth-client"),
    ("tls-certificates", "-tls"),
];
/// Keeps a Notebook until its `OAuthClient` is gone.
pub const FINALIZER: &str = "notebook-oauth-client-finalizer.opendatahub.io";
/// The argument that led the server's pages back to the dashboard.
pub const ARGUMENT: &str = "--ServerApp.tornado_settings";
/// The variable that holds the server's arguments.
const ARGUMENTS: &str = "NOTEBOOK_ARGS";
/// The settings that the dashboard wrote into [`ARGUMENT`].
const SETTINGS: [&str; 3] = ["user", "hub_host", "hub_prefix"];
/// Flags of oauth-proxy, beside those for rights, by which others may pass or fewer do.
const OTHER_WAYS: [&str; 7] = [
    "authenticated-emails-file",
    "bypass-auth-except-for",
    "bypass-auth-for",
    "htpasswd-file",
    "openshift-group",
    "skip-auth-preflight",
    "skip-auth-regex",
];
/// A Route whose name and namespace are longer than this together got a generated name.
const ROUTE_MAX: usize = 63;

/// What goes from a Notebook that is converted. Containers, volumes and the like are given by their position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conversion {
    /// The switch is [`keys::INJECT_OAUTH`] alone and gets its new name.
    pub rename: bool,
    /// Annotations that go.
    pub annotations: Vec<&'static str>,
    /// Finalizers that go.
    pub finalizers: Vec<usize>,
    /// Containers that go.
    pub containers: Vec<usize>,
    /// Volumes that go.
    pub volumes: Vec<usize>,
    /// Volumes that would go, but for a container of the user's.
    pub shared: Vec<Shared>,
    /// What goes from the servers' arguments.
    pub cuts: Vec<Cut>,
    /// `serviceAccountName` is the one that the controller wrote.
    pub account: bool,
    /// Variables with arguments that stand elsewhere: container and variable.
    pub elsewhere: Vec<(usize, usize)>,
}

/// A volume of the old guard that a container of the user's mounts too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// The volume's position.
    pub volume: usize,
    /// The container's name.
    pub container: String,
}

/// What goes from one text with arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// `containers` or `initContainers`.
    pub list: &'static str,
    /// The container's position.
    pub container: usize,
    /// `env`, `args` or `command`.
    pub field: &'static str,
    /// The position in that list.
    pub index: usize,
    /// The parts of the text that go; none where the item goes whole.
    pub parts: Vec<Range<usize>>,
    /// What goes, for people.
    pub text: String,
}

/// What is said of a converted Notebook needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The Notebook as it came.
    pub document: &'a Document,
    /// Its namespace.
    pub namespace: &'a str,
    /// The port that its server listens on, without the old guard.
    pub port: u16,
    /// Whether Open Data Hub 3's controller runs.
    pub beside: bool,
}

/// What Open Data Hub 2's controller left in a Notebook, as words.
pub fn leftovers(document: &Document) -> Vec<String> {
    let mut parts = Vec::new();
    if proxies(document).next().is_some() {
        parts.push(format!("container {PROXY}"));
    }
    let (gone, shared) = volumes(document);
    let shared = shared.iter().map(|shared| shared.volume);
    // Without the container a volume that is in use is the user's, whatever its name.
    let shared = shared.filter(|_| !parts.is_empty());
    let mut volumes: Vec<usize> = gone.into_iter().chain(shared).collect();
    volumes.sort_unstable();
    parts.extend(
        volumes
            .iter()
            .map(|index| format!("volume {}", document.pod.volumes[*index].name)),
    );
    if document.finalizers.iter().any(|name| name == FINALIZER) {
        parts.push(format!("finalizer {FINALIZER}"));
    }
    parts
}

/// What goes from a Notebook, if it is one of Open Data Hub 2 that is switched on.
pub fn conversion(document: &Document) -> Option<Conversion> {
    let switch = |key: &str| document.annotations.get(key).map(String::as_str);
    let rename = match (switch(keys::INJECT_AUTH), switch(keys::INJECT_OAUTH)) {
        (None, Some("true")) => true,
        (Some("true"), Some("true")) => false,
        _ => return None,
    };
    let (volumes, shared) = volumes(document);
    let cuts = cuts(document);
    let logout = document.annotations.contains_key(keys::OAUTH_LOGOUT_URL);
    let dashboards = cuts.iter().any(|cut| {
        let settings = settings(&cut.text).unwrap_or_default();
        settings.iter().any(|key| key.starts_with("hub_"))
    });
    // The switch alone is the design document's, which knows no other.
    if leftovers(document).is_empty() && !logout && !dashboards {
        return None;
    }
    let mut annotations = Vec::new();
    if !rename {
        annotations.push(keys::INJECT_OAUTH);
    }
    if logout {
        annotations.push(keys::OAUTH_LOGOUT_URL);
    }
    let finalizers = document.finalizers.iter().enumerate();
    Some(Conversion {
        rename,
        annotations,
        finalizers: finalizers
            .filter(|(_, name)| *name == FINALIZER)
            .map(|(index, _)| index)
            .collect(),
        containers: proxies(document).map(|(index, _)| index).collect(),
        volumes,
        shared,
        cuts,
        account: !document.name.is_empty() && document.pod.service_account_name == document.name,
        elsewhere: elsewhere(document),
    })
}

/// The objects that Open Data Hub 2's controller made for a Notebook and nobody takes away.
pub fn objects(conversion: &Conversion, context: Context<'_>) -> Vec<ObjectId> {
    let (name, namespace) = (&context.document.name, context.namespace);
    let in_use = |secret: &str| {
        let mut shared = conversion.shared.iter();
        shared.any(|shared| {
            context.document.pod.volumes[shared.volume]
                .secrets
                .iter()
                .any(|found| found == secret)
        })
    };
    let own = |api_version: &str, kind: &str, ending: &str| {
        ObjectId::new(api_version, kind, namespace, &format!("{name}{ending}"))
    };
    let mut objects = vec![own("route.openshift.io/v1", "Route", "")];
    // The Service has OpenShift keep the certificate in its Secret.
    if !in_use(&format!("{name}-tls")) {
        objects.push(own("v1", "Service", "-tls"));
    }
    for ending in ["-oauth-client", "-oauth-config", "-tls"] {
        if !in_use(&format!("{name}{ending}")) {
            objects.push(own("v1", "Secret", ending));
        }
    }
    let client = format!("{name}-{namespace}-oauth-client");
    objects.push(ObjectId::new("oauth.openshift.io/v1", "OAuthClient", "", &client));
    let policies = ["-oauth-np", "-ctrl-np"];
    // The newer controller has one of this name too.
    for ending in policies.iter().take(if context.beside { 1 } else { 2 }) {
        objects.push(own("networking.k8s.io/v1", "NetworkPolicy", ending));
    }
    objects
}

/// What people are to know of the conversion, apart from who can open the Notebook. Paths are those of the Notebook as it
/// came.
pub fn findings(conversion: &Conversion, context: Context<'_>) -> Vec<Finding> {
    let mut findings = vec![converted(conversion, context)];
    let document = context.document;
    for shared in &conversion.shared {
        let volume = &document.pod.volumes[shared.volume];
        let message = format!(
            "was Open Data Hub 2's, but container {} mounts it: it stays, and so does what is behind it ({})",
            shared.container,
            match volume.secrets.first() {
                Some(secret) => format!("Secret {}/{secret}", context.namespace),
                None => "no Secret".to_owned(),
            }
        );
        let path = format!("{POD_SPEC}.volumes[{}].name", shared.volume);
        findings.push(Finding::warning(message).at(path).found(volume.name.clone()));
    }
    for cut in &conversion.cuts {
        let message = match settings(&cut.text) {
            Some(keys) => {
                let own: Vec<&String> = keys
                    .iter()
                    .filter(|key| !SETTINGS.contains(&key.as_str()))
                    .collect();
                if own.is_empty() {
                    continue;
                }
                let own: Vec<&str> = own.iter().map(|key| key.as_str()).collect();
                format!("with {}, which the dashboard did not write", own.join(", "))
            }
            None => "with settings that cannot be read".to_owned(),
        };
        let message =
            format!("{ARGUMENT} goes {message}; give the server what it still needs of it in another way");
        findings.push(Finding::warning(message).at(cut.path()).found(cut.text.clone()));
    }
    for (container, variable) in &conversion.elsewhere {
        let message = format!("comes from elsewhere; take {ARGUMENT} out there, if it is in it");
        let path = format!("{POD_SPEC}.containers[{container}].env[{variable}].valueFrom");
        findings.push(Finding::warning(message).at(path));
    }
    for (index, proxy) in proxies(document) {
        asked(proxy, index, context, &mut findings);
    }
    findings
}

/// Who can open a Notebook now that it is converted. `by_role` says whether the guard asks for a right that the roles of a
/// namespace grant, as Open Data Hub 2 did.
pub fn who(document: &Document, platform: &Platform, by_role: bool) -> Finding {
    let owner = document
        .annotations
        .get(keys::OWNER)
        .filter(|name| !name.trim().is_empty());
    let mut people: Vec<String> = owner
        .map(|name| format!("its owner {name}"))
        .into_iter()
        .collect();
    let users = &platform.notebook_users;
    people.extend(users.users.iter().map(|name| format!("user {name}")));
    people.extend(users.groups.iter().map(|name| format!("group {name}")));
    let path = format!("metadata.annotations[{:?}]", keys::OWNER);
    let roles = if by_role {
        "whoever may get the Notebook by a role, as before"
    } else {
        "a role in the namespace that grants get on Notebooks is not enough any more"
    };
    let (is_nobody, message) = match (people.is_empty(), by_role) {
        (true, false) => (
            true,
            format!(
                "nobody can open it now: it names no owner ({}), the Platform no users, and {roles}",
                keys::OWNER
            ),
        ),
        (true, true) => (false, format!("can be opened by {roles}")),
        (false, true) => (
            false,
            format!("can be opened by {}, and {roles}", people.join(", ")),
        ),
        (false, false) => (
            false,
            format!("can be opened by {} now; {roles}", people.join(", ")),
        ),
    };
    if is_nobody {
        return Finding::warning(message).at(path);
    }
    match owner {
        Some(_) => Finding::info(message).at(path),
        None => Finding::info(message),
    }
}

/// The finding that says what is done, and what is left to do.
fn converted(conversion: &Conversion, context: Context<'_>) -> Finding {
    let document = context.document;
    let mut parts: Vec<String> = Vec::new();
    if !conversion.containers.is_empty() {
        parts.push(format!("container {PROXY}"));
    }
    let volumes = conversion.volumes.iter();
    parts.extend(volumes.map(|index| format!("volume {}", document.pod.volumes[*index].name)));
    if !conversion.finalizers.is_empty() {
        parts.push("its finalizer".to_owned());
    }
    if conversion.annotations.contains(&keys::OAUTH_LOGOUT_URL) {
        parts.push("the logout URL".to_owned());
    }
    if !conversion.cuts.is_empty() {
        parts.push(format!("argument {ARGUMENT}"));
    }
    let taken_out = if parts.is_empty() {
        String::new()
    } else {
        format!(", and what came with it goes ({})", parts.join(", "))
    };
    let switch = if conversion.rename {
        format!("becomes {}", keys::INJECT_AUTH)
    } else {
        format!("goes, beside {}", keys::INJECT_AUTH)
    };
    let long = document.name.len() + context.namespace.len() > ROUTE_MAX;
    let mut objects: Vec<String> = objects(conversion, context)
        .iter()
        .map(ToString::to_string)
        .collect();
    if long {
        objects[0] = format!(
            "the Route in {} with label {}={}",
            context.namespace,
            keys::NOTEBOOK_NAME,
            document.name
        );
    }
    let finalizer = if context.beside {
        // The newer controller knows it.
        String::new()
    } else {
        format!(", and the finalizer {FINALIZER} from the live Notebook")
    };
    let message = format!(
        "the Notebook is converted from Open Data Hub 2: this switch {switch}{taken_out}. Applied, this restarts the pod; \
         restart it by hand if its StatefulSet does not follow. Then remove what nobody else removes from the cluster: \
         {}{finalizer}",
        objects.join(", ")
    );
    Finding::warning(message).at(format!("metadata.annotations[{:?}]", keys::INJECT_OAUTH))
}

/// Who could pass the old guard, where that was not just who may get the Notebook; and where it led.
fn asked(proxy: &Container, index: usize, context: Context<'_>, findings: &mut Vec<Finding>) {
    let command = flags(&proxy.command)
        .into_iter()
        .map(|flag| ("command", &proxy.command, flag));
    let args = flags(&proxy.args)
        .into_iter()
        .map(|flag| ("args", &proxy.args, flag));
    let mut rights = 0;
    for (list, texts, (at, name, value)) in command.chain(args) {
        let finding = match name {
            "openshift-sar" | "openshift-delegate-urls" | "openshift-sar-by-host" => {
                rights += 1;
                if is_get_notebook(name, value, context) {
                    continue;
                }
                "let in who had another right than to get this Notebook; that right opens it no longer".to_owned()
            }
            "upstream" if leads_to(value, context.port) => continue,
            "upstream" => format!(
                "led elsewhere than the guard does, which takes the first port of the first container: {} of this pod",
                context.port
            ),
            "email-domain" if value == "*" => continue,
            name if name == "email-domain" || OTHER_WAYS.contains(&name) => {
                "said in a way of its own who gets in without a right, or who does not with it; the guard knows nothing like \
                 it"
                .to_owned()
            }
            _ => continue,
        };
        let path = format!("{POD_SPEC}.containers[{index}].{list}[{at}]");
        findings.push(Finding::warning(finding).at(path).found(texts[at].clone()));
    }
    if rights == 0 {
        let message = "asked for no right: whoever could log in could open the Notebook, and can no longer";
        findings.push(Finding::warning(message).at(format!("{POD_SPEC}.containers[{index}]")));
    }
}

/// The flags of a command line as Go programs read them: position, name, value.
fn flags(args: &[String]) -> Vec<(usize, &str, &str)> {
    let mut flags = Vec::new();
    for (at, argument) in args.iter().enumerate() {
        let Some(rest) = argument.strip_prefix('-') else {
            continue;
        };
        let rest = rest.strip_prefix('-').unwrap_or(rest);
        let next = args.get(at + 1).filter(|next| !next.starts_with('-'));
        match rest.split_once('=') {
            Some((name, value)) => flags.push((at, name, value)),
            None => flags.push((at, rest, next.map_or("", String::as_str))),
        }
    }
    flags
}

/// Whether a flag asks for `get` on the Notebook and nothing else.
fn is_get_notebook(flag: &str, value: &str, context: Context<'_>) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(value) else {
        return false;
    };
    let reviews: Vec<&Value> = match (&value, flag) {
        (Value::Object(paths), "openshift-delegate-urls") => {
            if paths.keys().any(|path| path != "/") {
                return false;
            }
            paths.values().collect()
        }
        (Value::Array(reviews), _) => reviews.iter().collect(),
        (review, _) => vec![review],
    };
    let is = |review: &Value, keys: &[&str], wanted: &[&str]| {
        let mut keys = keys.iter();
        keys.any(|key| review[*key].as_str().is_some_and(|found| wanted.contains(&found)))
    };
    !reviews.is_empty()
        && reviews.iter().all(|review| {
            let narrower = ["subresource", "resourceSubresource", "path"];
            narrower
                .iter()
                .all(|key| review[*key].as_str().is_none_or(str::is_empty))
                && is(review, &["verb"], &["get"])
                && is(review, &["resource"], &["notebooks"])
                && is(
                    review,
                    &["resourceAPIGroup", "group"],
                    &[crate::input::notebook::GROUP],
                )
                && is(review, &["resourceName", "name"], &[&context.document.name])
                && is(review, &["namespace"], &["$(NAMESPACE)", context.namespace])
        })
}

/// Whether an upstream is a port of this pod, and all of it.
fn leads_to(upstream: &str, port: u16) -> bool {
    let rest = upstream.split_once("://").map_or(upstream, |(_, rest)| rest);
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let local = ["localhost", "127.0.0.1", "[::1]"];
    path.is_empty() && local.iter().any(|host| address == format!("{host}:{port}"))
}

// --- parts ---

fn proxies(document: &Document) -> impl Iterator<Item = (usize, &Container)> {
    let containers = document.pod.containers.iter().enumerate();
    containers.filter(|(_, container)| container.name == PROXY)
}

/// The containers that stay, with list and position.
fn users(document: &Document) -> impl Iterator<Item = (&'static str, usize, &Container)> {
    let main = document.pod.containers.iter().enumerate();
    let main = main.filter(|(_, container)| container.name != PROXY);
    let init = document.pod.init_containers.iter().enumerate();
    main.map(|(index, container)| ("containers", index, container))
        .chain(init.map(|(index, container)| ("initContainers", index, container)))
}

/// The old guard's volumes: those that go, and those that a container of the user's mounts too. The name alone proves
/// nothing: people call volumes of their own `tls-certificates`.
fn volumes(document: &Document) -> (Vec<usize>, Vec<Shared>) {
    let (mut gone, mut shared) = (Vec::new(), Vec::new());
    for (index, volume) in document.pod.volumes.iter().enumerate() {
        let Some((_, ending)) = VOLUMES.iter().find(|(name, _)| *name == volume.name) else {
            continue;
        };
        let mounts = |container: &Container| container.volume_mounts.contains(&volume.name);
        let proxys = proxies(document).any(|(_, proxy)| mounts(proxy));
        if !proxys && !volume.secrets.contains(&format!("{}{ending}", document.name)) {
            continue;
        }
        match users(document).find(|(_, _, container)| mounts(container)) {
            None => gone.push(index),
            Some((_, _, container)) => shared.push(Shared {
                volume: index,
                container: container.name.clone(),
            }),
        }
    }
    (gone, shared)
}

/// Where the argument stands in what starts the servers.
fn cuts(document: &Document) -> Vec<Cut> {
    let mut cuts = Vec::new();
    for (list, container, found) in users(document) {
        let mut add = |field, index, parts: Vec<Range<usize>>, text: &str| {
            let whole = arguments::without(text, &parts).trim().is_empty();
            let texts = parts.iter().map(|part| text[part.clone()].trim());
            cuts.push(Cut {
                list,
                container,
                field,
                index,
                text: texts.collect::<Vec<_>>().join("\n"),
                parts: if whole && field != "env" {
                    Vec::new()
                } else {
                    parts
                },
            });
        };
        for (index, variable) in found.env.iter().enumerate() {
            let parts = arguments::cuts(&variable.value, ARGUMENT);
            if variable.name == ARGUMENTS && !parts.is_empty() {
                add("env", index, parts, &variable.value);
            }
        }
        for (field, texts) in [("command", &found.command), ("args", &found.args)] {
            let mut named = false;
            for (index, text) in texts.iter().enumerate() {
                let parts = arguments::cuts(text, ARGUMENT);
                if named && !text.starts_with('-') {
                    // The value of the name in the item before.
                    add(field, index, std::iter::once(0..text.len()).collect(), text);
                    named = false;
                } else {
                    named = text.trim() == ARGUMENT;
                    if !parts.is_empty() {
                        add(field, index, parts, text);
                    }
                }
            }
        }
    }
    cuts
}

fn elsewhere(document: &Document) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (index, container) in document.pod.containers.iter().enumerate() {
        for (at, variable) in container.env.iter().enumerate() {
            if container.name != PROXY && variable.name == ARGUMENTS && variable.from_elsewhere {
                found.push((index, at));
            }
        }
    }
    found
}

/// The names of the settings in an argument's text, of which each line is one or is the value alone; `None` where they
/// cannot be read.
fn settings(text: &str) -> Option<Vec<String>> {
    if text == ARGUMENT {
        return Some(Vec::new());
    }
    let mut names = Vec::new();
    let starts: Vec<usize> = text.match_indices(ARGUMENT).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let texts: Vec<&str> = if starts.is_empty() {
        vec![text]
    } else {
        starts
            .iter()
            .zip(ends)
            .map(|(start, end)| &text[*start..end])
            .collect()
    };
    for text in texts {
        let value = arguments::value(text, ARGUMENT);
        let plain = value.replace("\\\"", "\"");
        let read = serde_json::from_str(value).or_else(|_| serde_json::from_str(&plain));
        let fields: BTreeMap<String, Value> = read.ok()?;
        names.extend(fields.into_keys());
    }
    Some(names)
}

// === impl Cut ===

impl Cut {
    /// Where the text is.
    pub fn path(&self) -> String {
        let value = if self.field == "env" { ".value" } else { "" };
        format!(
            "{POD_SPEC}.{}[{}].{}[{}]{value}",
            self.list, self.container, self.field, self.index
        )
    }
}

#[cfg(test)]
#[path = "legacy/tests.rs"]
mod tests;
