//! What the programs that can be the guard do differently: as far as a reader of the output must know, and how each is started.
//!
//! Sources: brancz/kube-rbac-proxy v0.21.0 `pkg/authz/auth.go` and `pkg/proxy/proxy.go`; opendatahub-io/kube-rbac-proxy
//! `pkg/proxy/proxy.go`.

use crate::input::platform::SidecarProgram;
use crate::krm::results::Finding;

const PATH: &str = "spec.sidecar.program";

/// Whether a program uses the verb in its configuration.
pub fn honours_verb(program: SidecarProgram) -> bool {
    match program {
        SidecarProgram::KubeRbacProxy => false,
        SidecarProgram::OdhKubeRbacProxy | SidecarProgram::Gatewright => true,
    }
}

/// Whether a program cuts every connection after 30 s unless it is told not to, kernels' `WebSockets` included. The others
/// do not know the flag and would not start with it.
pub fn needs_upstream_timeout(program: SidecarProgram) -> bool {
    program == SidecarProgram::OdhKubeRbacProxy
}

/// The word in front of a program's flags. Ours is one of several jobs of one binary (`src/cli.rs`).
pub fn subcommand(program: SidecarProgram) -> Option<&'static str> {
    (program == SidecarProgram::Gatewright).then_some("proxy")
}

/// Where a program says on its second port that it lives, and that it can decide: ours says the two apart (`src/proxy/endpoints.rs`),
/// the others answer one path, whatever is the matter.
pub fn health_paths(program: SidecarProgram) -> [&'static str; 2] {
    match program {
        SidecarProgram::KubeRbacProxy | SidecarProgram::OdhKubeRbacProxy => ["/healthz"; 2],
        SidecarProgram::Gatewright => ["/livez", "/readyz"],
    }
}

/// What a program cannot do, and whom its reviews therefore let in.
pub fn limits(program: SidecarProgram) -> Finding {
    let message = match program {
        SidecarProgram::KubeRbacProxy => {
            "ignores a configured verb and asks by the HTTP method: reviews are about the virtual subresource \
             notebooks/access, which the generated Roles alone grant; whoever may only `get` a Notebook cannot open it"
        }
        SidecarProgram::OdhKubeRbacProxy | SidecarProgram::Gatewright => {
            "reviews ask for `get` on the Notebook: besides the people in the generated Roles, whoever some other role \
             lets get it can open it"
        }
    };
    Finding::info(message).at(PATH).found(word(program))
}

/// What the guards of Ray clusters ask for, whatever their program is.
pub fn limits_of_ray(program: SidecarProgram) -> Finding {
    let message = "the guards of Ray clusters ask by the HTTP method with any program, about a virtual subresource (rayclusters/access, \
                   rayjobs/access, rayservices/access) that the generated Roles alone grant: GET is looking, everything else is \
                   using, and so is whatever Ray's clients send to the client port";
    Finding::info(message).at(PATH).found(word(program))
}

/// Whether an image's name speaks for a program, as far as it says anything.
pub fn fits(program: SidecarProgram, image: &str) -> bool {
    named_after(image).is_none_or(|named| named == program)
}

/// Whether the program that an image is named after uses a configured verb; `None` where the name does not say.
pub fn image_honours_verb(image: &str) -> Option<bool> {
    named_after(image).map(honours_verb)
}

/// The program that an image is named after, where its name says.
fn named_after(image: &str) -> Option<SidecarProgram> {
    let repository = image.split('@').next().unwrap_or_default();
    let name = repository.rsplit('/').next().unwrap_or_default();
    if name.starts_with("odh-kube-rbac-proxy") || name.starts_with("odh-kube-auth-proxy") {
        Some(SidecarProgram::OdhKubeRbacProxy)
    } else if name.starts_with("ose-kube-rbac-proxy") {
        // OpenShift's build is upstream's; an image called kube-rbac-proxy alone may be either.
        Some(SidecarProgram::KubeRbacProxy)
    } else if name.starts_with("gatewright") {
        Some(SidecarProgram::Gatewright)
    } else {
        None
    }
}

/// Compares program and image by the image's name.
pub fn check_image(program: SidecarProgram, image: &str, findings: &mut Vec<Finding>) {
    let Some(named) = named_after(image).filter(|_| !fits(program, image)) else {
        return;
    };
    let message = match (named, program) {
        (SidecarProgram::Gatewright, _) => {
            "the image is named like ours, which does not start without the word `proxy` in front of its flags"
        }
        (_, SidecarProgram::Gatewright) => {
            "the image is named like another program, which does not start with the word `proxy` in front of its flags"
        }
        (SidecarProgram::OdhKubeRbacProxy, _) => {
            "the image is named like Open Data Hub's fork, which cuts WebSockets after 30 s unless it is told not to"
        }
        (SidecarProgram::KubeRbacProxy, _) => {
            "the image is named like the upstream program, which ignores the verb and does not start with the flags that the \
             fork needs"
        }
    };
    let finding = Finding::warning(message).at(PATH).found(word(program));
    findings.push(finding.propose(word(named)));
}

fn word(program: SidecarProgram) -> &'static str {
    match program {
        SidecarProgram::KubeRbacProxy => "kube-rbac-proxy",
        SidecarProgram::OdhKubeRbacProxy => "odh-kube-rbac-proxy",
        SidecarProgram::Gatewright => "gatewright",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_another_name_than_the_program_is_said() {
        use SidecarProgram::{Gatewright, KubeRbacProxy, OdhKubeRbacProxy};
        let check = |program, image: &str| {
            let mut findings = Vec::new();
            check_image(program, image, &mut findings);
            findings.len()
        };
        for (program, image, expected) in [
            (
                KubeRbacProxy,
                "quay.io/opendatahub/odh-kube-auth-proxy@sha256:1",
                1,
            ),
            (
                KubeRbacProxy,
                "registry.redhat.io/openshift4/ose-kube-rbac-proxy-rhel9@sha256:1",
                0,
            ),
            (
                OdhKubeRbacProxy,
                "registry.redhat.io/openshift4/ose-kube-rbac-proxy-rhel9@sha256:1",
                1,
            ),
            (
                OdhKubeRbacProxy,
                "quay.io/opendatahub/odh-kube-auth-proxy@sha256:1",
                0,
            ),
            (OdhKubeRbacProxy, "example.com/mirror/proxy@sha256:1", 0),
            (Gatewright, "example.com/mirror/proxy@sha256:1", 0),
            (Gatewright, "example.com/gatewright-guard@sha256:1", 0),
            (
                Gatewright,
                "registry.redhat.io/openshift4/ose-kube-rbac-proxy-rhel9@sha256:1",
                1,
            ),
            (KubeRbacProxy, "example.com/gatewright-guard@sha256:1", 1),
        ] {
            assert_eq!(check(program, image), expected, "{image}");
        }
    }
}
