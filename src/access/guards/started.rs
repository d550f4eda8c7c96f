//! What a container starts: `command` replaces the program of its image.

use super::Candidate;
use super::files;
use crate::access::answer::Program;
use crate::access::fields;

/// Names of the programs, by their files.
const KUBE_RBAC_PROXY: &[&str] = &["kube-rbac-proxy", "odh-kube-rbac-proxy", "ose-kube-rbac-proxy"];
const OAUTH_PROXY: &[&str] = &["oauth-proxy", "oauth_proxy"];
const SECURITY_PROXY: &[&str] = &["security_proxy", "security-proxy"];
const GATEWRIGHT: &[&str] = &["gatewright"];

/// Whether a container starts the program that its arguments are those of, as far as its `command` says. What a shell starts
/// is not read.
pub(super) fn is_itself(candidate: &Candidate<'_>, program: Program) -> bool {
    let command = fields::list(candidate.value, &["command"]);
    let Some(first) = command.first() else {
        return true;
    };
    let first = first.as_str().unwrap_or_default();
    // A flag is no program: nothing starts.
    if first.starts_with('-') {
        return true;
    }
    let names = match program {
        Program::KubeRbacProxy => KUBE_RBAC_PROXY,
        Program::OauthProxy => OAUTH_PROXY,
        Program::SecurityProxy => SECURITY_PROXY,
        Program::Gatewright => GATEWRIGHT,
    };
    let name = first.rsplit('/').next().unwrap_or_default();
    let known = names.contains(&name) || (program == Program::Gatewright && KUBE_RBAC_PROXY.contains(&name));
    known && !first.contains("$(") && !files::is_mounted(candidate.value, first)
}
