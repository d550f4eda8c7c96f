//! Gateways: their hosts, whether they ask for a login, and whom the login service lets in.

use std::collections::BTreeMap;

use super::change::{Reference, Target, What};
use super::{Found, Places};
use crate::access::answer::{Access, Gateway, Login};
use crate::access::study::Study;

type Key<'a> = (&'a str, &'a str, &'a str, &'a str);

pub(super) fn compare(base: &Study<'_>, head: &Study<'_>, found: &mut Found<'_>) {
    let (old, new) = (index(&base.access), index(&head.access));
    // Of a login service that is not in the manifests nobody knows whom it lets in: `verify` says so, and no guess is made.
    let known = |gateway: &Gateway| {
        [base, head].iter().all(|study| {
            let login = study.logins.get(&gateway.id);
            login.is_none_or(|login| login.groups_known)
        })
    };
    for (key, gateway) in &new {
        if let Some(before) = old.get(key) {
            both(before, gateway, known(gateway), found);
        } else {
            let what = What::GatewayAppears {
                hosts: gateway.hosts.clone(),
                asks: gateway.login.is_some(),
            };
            let target = target(gateway, gateway.login.as_ref(), &found.head);
            found.add(what, target);
        }
    }
    for (_, gateway) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
        let what = What::GatewayGone {
            hosts: gateway.hosts.clone(),
        };
        let target = target(gateway, None, &found.base);
        found.add(what, target);
    }
}

fn index(access: &Access) -> BTreeMap<Key<'_>, &Gateway> {
    let known = access.gateways.iter().filter(|gateway| gateway.known);
    known.map(|gateway| (gateway.id.key(), gateway)).collect()
}

fn target(gateway: &Gateway, login: Option<&Login>, places: &Places<'_>) -> Target {
    Target {
        object: Reference::from(&gateway.id),
        part: String::new(),
        url: String::new(),
        by: login.map(|login| places.step(&login.by)).into_iter().collect(),
    }
}

fn both(old: &Gateway, new: &Gateway, known: bool, found: &mut Found<'_>) {
    if old.hosts != new.hosts {
        let what = What::Hosts {
            gone: old.hosts.difference(&new.hosts).cloned().collect(),
            new: new.hosts.difference(&old.hosts).cloned().collect(),
        };
        let target = target(new, None, &found.head);
        found.add(what, target);
    }
    match (&old.login, &new.login) {
        (None, None) => {}
        (Some(old), None) => {
            let target = target(new, Some(old), &found.base);
            found.add(What::GatewayLogin { asks: false }, target);
        }
        (None, Some(login)) => {
            let target = target(new, Some(login), &found.head);
            found.add(What::GatewayLogin { asks: true }, target);
        }
        (Some(old), Some(login)) => {
            let target = target(new, Some(login), &found.head);
            service(old, login, &target, found);
            if known {
                groups(old, login, &target, found);
            }
        }
    }
}

fn service(old: &Login, new: &Login, target: &Target, found: &mut Found<'_>) {
    if old.service != new.service {
        let name = |login: &Login| login.service.as_ref().map(ToString::to_string);
        let what = What::LoginService {
            from: name(old).unwrap_or_default(),
            to: name(new).unwrap_or_default(),
        };
        found.add(what, target.clone());
    }
}

fn groups(old: &Login, new: &Login, target: &Target, found: &mut Found<'_>) {
    match (old.groups.is_empty(), new.groups.is_empty()) {
        (true, true) => {}
        (false, true) => {
            let groups = old.groups.clone();
            found.add(What::LoginEverybody { may: true, groups }, target.clone());
        }
        (true, false) => {
            let groups = new.groups.clone();
            found.add(What::LoginEverybody { may: false, groups }, target.clone());
        }
        (false, false) => {
            for (may, groups) in [
                (true, new.groups.difference(&old.groups)),
                (false, old.groups.difference(&new.groups)),
            ] {
                let groups: std::collections::BTreeSet<String> = groups.cloned().collect();
                if !groups.is_empty() {
                    found.add(What::LoginGroups { may, groups }, target.clone());
                }
            }
        }
    }
}
