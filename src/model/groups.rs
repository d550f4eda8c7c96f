//! The groups of an Auth: who may administer, who may log in.

use std::collections::BTreeSet;

use super::claims::Claims;
use super::gateway::{Groups, Read};
use super::notebook::NOBODY;
use super::platform::EVERYBODY;
use crate::input::auth::{AuthSpec, NAME};
use crate::krm::results::Finding;

/// Everybody who can log in.
pub const EVERYONE: &str = "system:authenticated";

/// Checks an Auth's groups. Where it is known with which prefix the API server knows them, they must be written with it: else
/// a binding matches nobody.
///
/// # Errors
/// No admins, admins who are everybody or nobody, names that are none, a list that is missing.
pub fn check(read: &Read<AuthSpec>, claims: &Claims, findings: &mut Vec<Finding>) -> Groups {
    let mut own = Vec::new();
    if read.id.name != NAME {
        let finding = Finding::error("an Auth can have this name alone").at("metadata.name");
        own.push(finding.found(read.id.name.clone()).propose(NAME));
    }
    let lists = [
        ("adminGroups", &read.spec.admin_groups),
        ("allowedGroups", &read.spec.allowed_groups),
    ];
    let mut checked = lists.map(|(field, given)| list(field, given.as_deref(), claims, &mut own));
    let admins = std::mem::take(&mut checked[0]);
    let allowed = std::mem::take(&mut checked[1]);
    let named = admins
        .iter()
        .chain(&allowed)
        .any(|name| !name.starts_with("system:"));
    if named && claims.is_unread {
        let message = "the API server reads no groups from tokens (Authentication, claimMappings.groups.claim): roles of these \
                       groups are bound to nobody";
        own.push(Finding::warning(message).at("spec.adminGroups"));
    }
    findings.extend(own.into_iter().map(|finding| finding.about(&read.id)));
    Groups {
        source: read.id.clone(),
        admins,
        allowed,
        namespaces: BTreeSet::new(),
    }
}

fn list(field: &str, given: Option<&[String]>, claims: &Claims, findings: &mut Vec<Finding>) -> Vec<String> {
    let (prefix, place) = (claims.prefix(), claims.place);
    let path = format!("spec.{field}");
    let is_admin = field == "adminGroups";
    let Some(given) = given else {
        findings.push(Finding::error("is missing").at(path));
        return Vec::new();
    };
    if is_admin && given.is_empty() {
        let message = "names nobody; name at least one group that administers the platform";
        findings.push(Finding::error(message).at(&path));
    }
    let mut checked: Vec<String> = Vec::new();
    for (index, name) in given.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let everybody = is_admin && is_everybody(name);
        let message = if name.trim().is_empty() || name == prefix {
            "is empty".to_owned()
        } else if name.trim() != name {
            "has blanks around it, and names are compared to the letter".to_owned()
        } else if name.contains(char::is_control) {
            "holds a control character".to_owned()
        } else if NOBODY.contains(&name.as_str()) {
            "is everybody who has not logged in".to_owned()
        } else if everybody {
            "would make everybody of this group an administrator: everybody who can log in, or every workload"
                .to_owned()
        } else if !prefix.is_empty() && !name.starts_with(prefix) && !name.starts_with("system:") {
            format!(
                "the API server knows groups with the prefix {prefix} ({place}): \
                     without it a role is bound to nobody"
            )
        } else {
            if !checked.contains(name) {
                checked.push(name.clone());
            }
            continue;
        };
        let finding = Finding::error(message).at(path).found(name.clone());
        findings.push(
            if !prefix.is_empty()
                && !everybody
                && name.trim() == name
                && !name.is_empty()
                && name != prefix
                && !NOBODY.contains(&name.as_str())
            {
                finding.propose(format!("{prefix}{name}"))
            } else {
                finding
            },
        );
    }
    checked
}

fn is_everybody(name: &str) -> bool {
    let within = |group: &&str| name == *group || name.starts_with(&format!("{group}:"));
    EVERYBODY.iter().any(within)
}

/// The groups that the login service lets in: nothing where that is everybody who can log in. In OIDC mode it compares the
/// claims of a session as they are, and the groups of a Kubernetes token with their prefix: so both spellings are given.
pub fn let_in(groups: &Groups, prefix: &str) -> Option<Vec<String>> {
    if groups.allowed.iter().any(|name| name == EVERYONE) {
        return None;
    }
    let mut names: Vec<String> = Vec::new();
    for name in groups.allowed.iter().chain(&groups.admins) {
        // A claim may hold any text, but what Kubernetes itself calls so is another group: every workload, say.
        let raw = name
            .strip_prefix(prefix)
            .filter(|raw| !raw.is_empty() && (prefix.is_empty() || !raw.starts_with("system:")));
        for spelling in [Some(name.as_str()), raw].into_iter().flatten() {
            if !names.iter().any(|known| known == spelling) {
                names.push(spelling.to_owned());
            }
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::krm::object_id::ObjectId;

    fn checked(admins: &[&str], allowed: &[&str]) -> (Groups, Vec<String>) {
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let read = Read {
            id: ObjectId::new("services.platform.opendatahub.io/v1alpha1", "Auth", "", "auth"),
            is_local: false,
            spec: AuthSpec {
                admin_groups: names(admins),
                allowed_groups: names(allowed),
                ..AuthSpec::default()
            },
        };
        let mut findings = Vec::new();
        let groups = check(&read, &Claims::default(), &mut findings);
        (groups, findings.iter().map(Finding::to_line).collect())
    }

    #[test]
    fn nobody_and_everybody_are_no_administrators() {
        for wrong in [
            "",
            " odh-admins",
            "system:authenticated",
            "system:authenticated:oauth",
            "system:unauthenticated",
            "system:serviceaccounts",
            "system:serviceaccounts:team",
        ] {
            let (_, lines) = checked(&["odh-admins", wrong], &["system:authenticated"]);
            assert!(
                lines.len() == 1 && lines[0].contains("spec.adminGroups[1]"),
                "{wrong:?}: {lines:#?}"
            );
        }
        assert_eq!(checked(&[], &[]).1.len(), 1);
        assert_eq!(checked(&["a"], &["system:unauthenticated"]).1.len(), 1);
        let odd = ["team:ops", "CN=admins,OU=x", "has space", "yes", "1e3", "a", "a"];
        let (groups, lines) = checked(&odd, &[]);
        assert_eq!((groups.admins.len(), lines.len()), (6, 0));
    }

    #[test]
    fn everyone_needs_no_list_and_the_rest_is_spelled_both_ways() {
        let (everyone, _) = checked(&["odh-admins"], &["system:authenticated", "a"]);
        assert_eq!(let_in(&everyone, ""), None);
        let (some, _) = checked(&["oidc:admins"], &["oidc:team"]);
        let names = ["oidc:team", "team", "oidc:admins", "admins"].map(str::to_owned);
        assert_eq!(let_in(&some, "oidc:"), Some(names.to_vec()));
        let (system, _) = checked(&["oidc:admins"], &["oidc:system:serviceaccounts"]);
        let names = ["oidc:system:serviceaccounts", "oidc:admins", "admins"].map(str::to_owned);
        assert_eq!(
            let_in(&system, "oidc:"),
            Some(names.to_vec()),
            "without its prefix it would be every workload"
        );
        let (nobody_else, _) = checked(&["odh-admins"], &[]);
        assert_eq!(let_in(&nobody_else, ""), Some(vec!["odh-admins".to_owned()]));
    }
}
