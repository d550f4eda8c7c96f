//! What the API server makes of the groups in an issuer's tokens: the claim that it reads, and the prefix that it puts
//! before each.
//!
//! On OpenShift a copy of the cluster's `Authentication` says both. Elsewhere they are the API server's own flags
//! (`--oidc-groups-claim`, `--oidc-groups-prefix`) or its `AuthenticationConfiguration` (`claimMappings.groups`), of which
//! only the Platform can tell. The login service learns of neither by itself: it compares the claims of a session as the
//! issuer wrote them.

use super::gateway::Read;
use super::groups::EVERYONE;
use super::platform::Platform;
use crate::input::auth::AuthSpec;
use crate::input::cluster::Authentication;
use crate::input::platform::{AuthMode, Flavor};
use crate::krm::results::Finding;

/// What is known of claim and prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The claim; none where nothing says it.
    pub claim: Option<String>,
    /// Whether the API server is known to read no groups at all.
    pub is_unread: bool,
    /// The prefix; none where nothing says it, empty where there is none.
    pub prefix: Option<String>,
    /// Which document says the prefix, and where.
    pub place: &'static str,
}

/// Claim and prefix, of the copy or of the Platform. Without OIDC there is neither.
///
/// # Errors
/// The two contradict each other.
pub fn resolve(
    mode: Option<AuthMode>,
    copy: Option<&Read<Authentication>>,
    platform: &Platform,
    findings: &mut Vec<Finding>,
) -> Claims {
    let said = &platform.facts.oidc;
    let is_said = said.groups_claim.is_some() || said.groups_prefix.is_some();
    match mode {
        Some(AuthMode::Oidc) => {}
        Some(mode) => {
            if is_said {
                let message = format!(
                    "has no effect: people log in by authMode {}, so no groups come from an issuer's tokens",
                    mode.word()
                );
                let finding = Finding::warning(message).at("spec.oidc");
                findings.push(finding.about(&platform.id()));
            }
            return Claims::default();
        }
        None => return Claims::default(),
    }
    let Some(provider) = copy.and_then(|copy| copy.spec.providers.first()) else {
        return Claims {
            claim: said.groups_claim.clone(),
            is_unread: false,
            prefix: said.groups_prefix.clone(),
            place: "Platform, spec.oidc.groupsPrefix",
        };
    };
    for (field, given, theirs, place) in [
        (
            "groupsClaim",
            &said.groups_claim,
            &provider.groups_claim,
            "claimMappings.groups.claim",
        ),
        (
            "groupsPrefix",
            &said.groups_prefix,
            &provider.group_prefix,
            "claimMappings.groups.prefix",
        ),
    ] {
        if let Some(given) = given.as_ref().filter(|given| *given != theirs) {
            let other = if theirs.is_empty() {
                "none".to_owned()
            } else {
                format!("{theirs:?}")
            };
            let message = format!(
                "the Authentication in the input says {other} (spec.oidcProviders[0].{place}): let both say the same, or remove \
                 this one"
            );
            let finding = Finding::error(message)
                .at(format!("spec.oidc.{field}"))
                .found(given.clone());
            findings.push(finding.about(&platform.id()));
        }
    }
    Claims {
        claim: Some(provider.groups_claim.clone()).filter(|claim| !claim.is_empty()),
        is_unread: provider.groups_claim.is_empty(),
        prefix: Some(provider.group_prefix.clone()),
        place: "Authentication, claimMappings.groups.prefix",
    }
}

// === impl Claims ===

impl Claims {
    /// The prefix, as far as it is known.
    pub fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or_default()
    }

    /// A group that looks as if it had a prefix where nothing says whether groups have one: the login service would look for
    /// the whole name in a claim that holds it without. Other clusters than OpenShift have no `Authentication` that says it.
    pub fn likely_prefix(
        &self,
        auth: &Read<AuthSpec>,
        mode: Option<AuthMode>,
        flavor: Flavor,
    ) -> Option<Finding> {
        if mode != Some(AuthMode::Oidc) || flavor != Flavor::Kubernetes || self.prefix.is_some() {
            return None;
        }
        let lists = [
            ("allowedGroups", &auth.spec.allowed_groups),
            ("adminGroups", &auth.spec.admin_groups),
        ];
        let named = lists.into_iter().flat_map(|(field, names)| {
            let names = names.iter().flatten().enumerate();
            names.map(move |(index, name)| (format!("spec.{field}[{index}]"), name))
        });
        let named: Vec<_> = named.collect();
        if named.iter().any(|(_, name)| *name == EVERYONE) {
            return None; // no names are compared
        }
        let (path, name, prefix) = named.into_iter().find_map(|(path, name)| {
            let end = name.find(':').filter(|_| !name.starts_with("system:"))?;
            Some((path, name, &name[..=end]))
        })?;
        let message = format!(
            "the login compares the groups in a token as the issuer writes them: if {prefix:?} is what the API server puts before \
             them (--oidc-groups-prefix, or claimMappings.groups.prefix of its AuthenticationConfiguration), nobody of this \
             group can log in. Write spec.oidc.groupsPrefix: {prefix:?} into the Platform, or \"\" where there is no prefix"
        );
        let finding = Finding::warning(message).at(path).found(name.clone());
        Some(finding.about(&auth.id))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::input::cluster::OidcProvider;
    use crate::krm::object_id::ObjectId;
    use crate::model::platform::{self, Environment};

    fn platform(oidc: Value) -> Platform {
        let mut spec = json!({ "flavor": "Kubernetes" });
        spec["oidc"] = oidc;
        let spec = serde_json::from_value(spec).unwrap();
        platform::resolve("platform", spec, &Environment::default(), &mut Vec::new()).unwrap()
    }

    fn read<T>(spec: T) -> Read<T> {
        Read {
            id: ObjectId::new("example/v1", "Example", "", "one"),
            is_local: true,
            spec,
        }
    }

    fn copy(claim: &str, prefix: &str) -> Read<Authentication> {
        let provider = OidcProvider {
            groups_claim: claim.into(),
            group_prefix: prefix.into(),
            ..OidcProvider::default()
        };
        read(Authentication {
            kind: "OIDC".into(),
            providers: vec![provider],
        })
    }

    fn resolved(oidc: Value, copy: Option<&Read<Authentication>>) -> (Claims, Vec<String>) {
        let mut findings = Vec::new();
        let claims = resolve(Some(AuthMode::Oidc), copy, &platform(oidc), &mut findings);
        (claims, findings.iter().map(Finding::to_line).collect())
    }

    #[test]
    fn copy_and_platform_agree_or_the_run_fails() {
        let theirs = copy("roles", "oidc:");
        for agreed in [
            json!({}),
            json!({ "groupsClaim": "roles" }),
            json!({ "groupsClaim": "roles", "groupsPrefix": "oidc:" }),
        ] {
            let (claims, lines) = resolved(agreed, Some(&theirs));
            assert_eq!(
                (claims.claim.as_deref(), claims.prefix()),
                (Some("roles"), "oidc:")
            );
            assert_eq!(lines, [""; 0]);
        }
        for (said, theirs, field) in [
            (json!({ "groupsClaim": "groups" }), theirs.clone(), "groupsClaim"),
            (json!({ "groupsPrefix": "" }), theirs, "groupsPrefix"),
            (
                json!({ "groupsPrefix": "oidc:" }),
                copy("roles", ""),
                "groupsPrefix",
            ),
            (json!({ "groupsClaim": "roles" }), copy("", ""), "groupsClaim"),
        ] {
            let (_, lines) = resolved(said, Some(&theirs));
            assert_eq!(lines.len(), 1, "{lines:#?}");
            assert!(
                lines[0].starts_with("error: ") && lines[0].contains(field),
                "{lines:#?}"
            );
        }
        let nothing_said = read(Authentication::default());
        let (claims, _) = resolved(json!({ "groupsPrefix": "oidc:" }), Some(&nothing_said));
        assert_eq!(claims.prefix(), "oidc:");
    }

    #[test]
    fn a_likely_prefix_is_asked_about_where_nothing_is_said_and_names_are_compared() {
        let auth = |admins: &[&str], allowed: &[&str]| {
            let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
            read(AuthSpec {
                admin_groups: names(admins),
                allowed_groups: names(allowed),
                ..AuthSpec::default()
            })
        };
        let asked = |oidc: Value, auth: &Read<AuthSpec>, flavor| {
            let (claims, _) = resolved(oidc, None);
            let finding = claims.likely_prefix(auth, Some(AuthMode::Oidc), flavor)?;
            finding.field.map(|field| field.path)
        };
        let prefixed = auth(&["oidc:admins"], &["system:serviceaccounts:ci", "oidc:team"]);
        let field = asked(json!({}), &prefixed, Flavor::Kubernetes);
        assert_eq!(field.as_deref(), Some("spec.allowedGroups[1]"));
        let admins = auth(&["oidc:admins"], &["team"]);
        let field = asked(json!({}), &admins, Flavor::Kubernetes);
        assert_eq!(field.as_deref(), Some("spec.adminGroups[0]"));
        let everybody = auth(&["oidc:admins"], &[EVERYONE]);
        for (oidc, auth, flavor) in [
            (json!({ "groupsPrefix": "" }), &prefixed, Flavor::Kubernetes),
            (json!({ "groupsPrefix": "oidc:" }), &prefixed, Flavor::Kubernetes),
            (json!({}), &prefixed, Flavor::OpenShift),
            (json!({}), &everybody, Flavor::Kubernetes),
            (json!({}), &auth(&["admins"], &["team"]), Flavor::Kubernetes),
        ] {
            assert_eq!(asked(oidc, auth, flavor), None);
        }
    }
}
