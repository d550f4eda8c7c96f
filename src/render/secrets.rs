//! Secrets that the written objects refer to: none may be in git in plain text, and all must be there.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Batch, Framed, generated, items, place};
use crate::input::platform::ApiServerGuard;
use crate::krm::results::Finding;
use crate::krm::stream::Item;
use crate::model::certificate::{self, Maker};
use crate::model::gateway::Gateway;
use crate::model::login;
use crate::model::platform::Tls;
use crate::plan::Plan;

/// Refuses every Secret among the documents that holds what is secret and that something written refers to.
pub(super) fn check(batch: &Batch, plan: &Plan, findings: &mut Vec<Finding>) {
    let mut referred: BTreeSet<(String, String)> = plan
        .guards
        .values()
        .map(|guard| (guard.notebook.namespace.clone(), guard.tls_secret.clone()))
        .collect();
    let token = &plan.platform.api_server;
    if token.guard == ApiServerGuard::Token {
        let namespaces = plan.api_servers.keys().map(|(namespace, _)| namespace);
        referred.extend(namespaces.map(|namespace| (namespace.clone(), token.secret.clone())));
    }
    if let Some(gateway) = plan.gateway() {
        let always = [login::CREDENTIALS.to_owned()];
        let names = login::secrets(gateway).into_keys().chain(always);
        referred.extend(names.map(|name| (gateway.namespace.clone(), name)));
    }
    for (_, framed, item) in items(batch) {
        let id = &item.head.id;
        let is_secret = id.group.is_empty() && id.kind == "Secret";
        // One that names no namespace gets one from whoever applies it: any of these.
        let is_referred = referred.contains(&(id.namespace.clone(), id.name.clone()))
            || id.namespace.is_empty() && referred.iter().any(|(_, name)| *name == id.name);
        if !is_secret || !is_referred {
            continue;
        }
        let Ok(value) = item.piece(&framed.source).value() else {
            continue;
        };
        let sealed = value.get("sops").is_some();
        for field in ["data", "stringData"] {
            let entries = value[field].as_object().into_iter().flatten();
            // Certificates are public. sops leaves as they are what it was not told to encrypt.
            let plain = |(key, value): &(&String, &Value)| {
                let encrypted = sealed && value.as_str().is_some_and(|text| text.starts_with("ENC["));
                !encrypted && !["tls.crt", "ca.crt"].contains(&key.as_str())
            };
            let Some((key, _)) = entries.into_iter().find(plain) else {
                continue;
            };
            let message = "holds a secret in plain text that the written objects use: whoever reads the repository has it. \
                           Take it out, and bring it as a SealedSecret, with sops, by an ExternalSecret, or by hand; and \
                           change it, for it is in the history";
            let path = format!("{field}[{key:?}]");
            let tree = item.piece(&framed.source).tree().ok();
            findings.push(place(
                framed,
                item,
                Finding::error(message).at(path),
                tree.as_ref(),
            ));
        }
    }
}

/// Which Secrets somebody else has to bring, unless the documents do.
pub(super) fn needed(batch: &Batch, plan: &Plan, gateway: &Gateway) -> Option<Finding> {
    let brought: BTreeSet<String> = items(batch)
        .filter(|(_, _, item)| item.head.id.namespace == gateway.namespace)
        .filter_map(|(_, framed, item)| brings(framed, item))
        .collect();
    let mut needed: Vec<String> = Vec::new();
    for (name, keys) in login::secrets(gateway) {
        let made = (name == gateway.certificate.secret && gateway.certificate.maker != Maker::Provided)
            || (name == login::TLS_SECRET
                && (plan.platform.tls != Tls::Provided || gateway.login.provider.is_none()))
            || (name == login::CREDENTIALS && gateway.beside_operator);
        let fetched = gateway.login.secrets.store.is_some() && login::is_fetched(gateway, &name);
        if !made && !fetched && !brought.contains(&name) {
            needed.push(format!("{name} ({})", keys.join(", ")));
        }
    }
    if needed.is_empty() {
        return None;
    }
    let message = format!(
        "these Secrets must be in namespace {}, and are not in the input: {}",
        gateway.namespace,
        needed.join("; ")
    );
    Some(Finding::info(message).at("spec"))
}

/// The Secret that a document makes in the cluster.
fn brings(framed: &Framed, item: &Item) -> Option<String> {
    let id = &item.head.id;
    match (id.group.as_str(), id.kind.as_str()) {
        ("", "Secret") | ("bitnami.com", "SealedSecret") => Some(id.name.clone()),
        ("external-secrets.io", "ExternalSecret") => {
            let value = item.piece(&framed.source).value().ok()?;
            let target = value["spec"]["target"]["name"].as_str().unwrap_or(&id.name);
            Some(target.to_owned())
        }
        ("cert-manager.io", "Certificate") => {
            let value = item.piece(&framed.source).value().ok()?;
            value["spec"]["secretName"].as_str().map(str::to_owned)
        }
        _ => None,
    }
}

/// A Certificate of the user's that the gateway's listener uses must be for its hosts.
pub(super) fn certificates(batch: &Batch, gateway: &Gateway, findings: &mut Vec<Finding>) {
    for (_, framed, item) in items(batch).filter(|(_, _, item)| !generated::is_ours(item)) {
        let id = &item.head.id;
        if id.group != "cert-manager.io" || id.kind != "Certificate" || id.namespace != gateway.namespace {
            continue;
        }
        let Ok(value) = item.piece(&framed.source).value() else {
            continue;
        };
        if value["spec"]["secretName"] != gateway.certificate.secret.as_str() {
            continue;
        }
        let names = value["spec"]["dnsNames"].as_array().into_iter().flatten();
        let names: Vec<&str> = names
            .chain([&value["spec"]["commonName"]])
            .filter_map(Value::as_str)
            .collect();
        let hosts = [Some(&gateway.host), gateway.legacy_host.as_ref()];
        for host in hosts.into_iter().flatten() {
            if !names.iter().any(|name| certificate::covers(name, host)) {
                let message = format!("the gateway uses this certificate, and it does not cover {host}");
                let finding = Finding::error(message).at("spec.dnsNames").propose(host.clone());
                let tree = item.piece(&framed.source).tree().ok();
                findings.push(place(framed, item, finding, tree.as_ref()));
            }
        }
    }
}
