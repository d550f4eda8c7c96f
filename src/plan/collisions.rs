//! Names of Ray clusters that meet those of others, over the whole input.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use super::ray::ray_id;
use crate::input::platform::Operator;
use crate::input::ray::Kind;
use crate::krm::results::Finding;
use crate::model::login;
use crate::model::notebook::ServiceAccount;
use crate::model::ray_companion;

/// A document with a Ray cluster in it, guarded or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ray {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Services that KubeRay makes for it.
    pub services: Vec<String>,
}

/// Says where a name that a Ray cluster needs is another's. `notebooks` are those that are not guarded.
pub fn of_rays(
    plan: &Plan,
    notebooks: &BTreeMap<(String, String), u16>,
    rays: &[Ray],
    findings: &mut Vec<Finding>,
) {
    let mut taken = Taken::default();
    let mut said = Vec::new();
    for ((namespace, name), guard) in &plan.guards {
        let whose = format!("that of the guard of Notebook {name}");
        taken.services.insert((namespace, &guard.service), whose);
        if guard.notebook.service_account == ServiceAccount::Ours {
            let whose = format!("that of Notebook {name}");
            taken.accounts.insert((namespace, &guard.service_account), whose);
        }
    }
    for (namespace, name) in plan.guards.keys().chain(notebooks.keys()) {
        let whose = format!("the one that the notebook controller makes for Notebook {name}");
        taken.services.insert((namespace, name), whose);
    }
    if let Some(gateway) = plan.gateway() {
        taken.services.insert(
            (&gateway.namespace, login::NAME),
            "the login service's".to_owned(),
        );
    }
    let mut seen = BTreeSet::new();
    for ray in rays {
        let id = ray_id(ray.kind, &ray.namespace, &ray.name);
        // One that is given twice is said elsewhere.
        if !seen.insert(id.clone()) {
            continue;
        }
        for service in &ray.services {
            let whose = format!("the one that KubeRay makes for {} {}", ray.kind.word(), ray.name);
            let other = taken.services.insert((&ray.namespace, service), whose);
            said.extend(other.map(|other| {
                let message = format!("KubeRay gives its head the Service {service}, which is {other}");
                (id.clone(), message)
            }));
        }
    }
    for guard in plan.rays.values() {
        let namespace = &guard.cluster.namespace;
        let whose = format!(
            "that of the guard of {} {}",
            guard.cluster.kind.word(),
            guard.cluster.name
        );
        let other = taken.services.insert((namespace, &guard.service), whose);
        said.extend(other.map(|other| {
            let message = format!("its guard gets the Service {}, which is {other}", guard.service);
            (guard.id(), message)
        }));
        let account = (namespace.as_str(), guard.service_account.as_str());
        let other = taken
            .accounts
            .get(&account)
            .filter(|_| guard.cluster.service_account == ServiceAccount::Ours);
        said.extend(other.map(|other| {
            let message = format!("its head gets the ServiceAccount {}, which is {other}", account.1);
            (guard.id(), message)
        }));
    }
    for (id, message) in said {
        let finding = Finding::error(format!("{message}; rename one of them")).at("metadata.name");
        let name = id.name.clone();
        findings.push(finding.found(name).about(&id));
    }
    if plan.platform.ray.operator == Operator::OpenDataHub {
        beside_the_operator(rays, findings);
    }
}

/// Whose names are: by namespace and name.
#[derive(Default)]
struct Taken<'a> {
    services: BTreeMap<(&'a str, &'a str), String>,
    accounts: BTreeMap<(&'a str, &'a str), String>,
}

/// Open Data Hub's operator joins namespace and name by a dash. One that is given twice is said elsewhere.
fn beside_the_operator(rays: &[Ray], findings: &mut Vec<Finding>) {
    let clusters = rays.iter().filter(|ray| ray.kind == Kind::RayCluster);
    let places: BTreeSet<(String, String)> = clusters
        .map(|ray| (ray.namespace.clone(), ray.name.clone()))
        .collect();
    let places: Vec<(String, String)> = places.into_iter().collect();
    for ((namespace, name), finding) in ray_companion::collisions(&places) {
        findings.push(finding.about(&ray_id(Kind::RayCluster, &namespace, &name)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::platform::{self, Environment};

    fn said(notebooks: &[&str], rays: &[(Kind, &str, &str, &[&str])]) -> Vec<String> {
        let spec = json!({"flavor": "OpenShift", "rayClusters": {"operator": "OpenDataHub"}});
        let spec = serde_json::from_value(spec).unwrap();
        let platform = platform::resolve("p", spec, &Environment::default(), &mut Vec::new()).unwrap();
        let others = notebooks
            .iter()
            .map(|name| (("a".to_owned(), (*name).to_owned()), 8888))
            .collect();
        let ray = |(kind, namespace, name, services): &(Kind, &str, &str, &[&str])| Ray {
            kind: *kind,
            namespace: (*namespace).to_owned(),
            name: (*name).to_owned(),
            services: services.iter().map(|name| (*name).to_owned()).collect(),
        };
        let rays: Vec<Ray> = rays.iter().map(ray).collect();
        let mut findings = Vec::new();
        let plan = super::super::make(
            platform,
            None,
            Vec::new(),
            Vec::new(),
            Vec::new(),
            &others,
            &mut findings,
        );
        of_rays(&plan, &others, &rays, &mut findings);
        findings.iter().map(Finding::to_line).collect()
    }

    #[test]
    fn names_that_meet_are_said_and_others_are_not() {
        let head: &[&str] = &["x-head-svc"];
        assert_eq!(said(&["x", "y"], &[(Kind::RayCluster, "a", "x", head)]), [""; 0]);
        let service = said(&["x-head-svc"], &[(Kind::RayCluster, "a", "x", head)]);
        assert!(
            service.len() == 1
                && service[0].contains("the notebook controller makes for Notebook x-head-svc"),
            "{service:?}"
        );
        let two = [
            (Kind::RayCluster, "a", "x", head),
            (Kind::RayService, "a", "x", head),
        ];
        assert_eq!(said(&[], &two).len(), 1);
        let joined = [
            (Kind::RayCluster, "a-b", "c", head),
            (Kind::RayCluster, "a", "b-c", head),
        ];
        let both = said(&[], &joined);
        let same = |line: &String| line.contains("calls its route to this cluster a-b-c");
        assert!(both.len() == 2 && both.iter().all(same), "{both:?}");
        let kinds = [
            (Kind::RayJob, "a-b", "c", head),
            (Kind::RayCluster, "a", "b-c", head),
        ];
        assert_eq!(said(&[], &kinds), [""; 0]);
    }
}
