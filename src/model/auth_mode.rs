//! How people log in: said outright, or read off a copy of the cluster's `Authentication`. Never guessed: with a wrong mode
//! everybody is locked out, or let in.

use crate::input::auth::Provider;
use crate::input::platform::{AuthMode, Flavor};
use crate::krm::results::Finding;

/// What is known of the mode.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Platform's `authMode`.
    pub platform: Option<AuthMode>,
    /// Auth's `provider`.
    pub provider: Option<Provider>,
    /// `spec.type` of the `Authentication` in the input.
    pub copy: Option<&'a str>,
}

/// Which document says something that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Platform's `authMode`.
    Platform,
    /// Auth's `provider`.
    Provider,
    /// The `Authentication`.
    Copy,
    /// None: nothing was said.
    Nowhere,
}

/// Why a mode cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where to put it right.
    pub place: Place,
    /// What is wrong, and what to do.
    pub message: String,
    /// What stands there.
    pub found: Option<String>,
}

// === impl AuthMode ===

impl AuthMode {
    /// The word for it in a Platform.
    pub fn word(self) -> &'static str {
        match self {
            Self::OpenShift => "OpenShift",
            Self::Oidc => "OIDC",
            Self::None => "None",
        }
    }
}

// === impl Problem ===

impl Problem {
    fn new(place: Place, message: impl Into<String>, found: Option<&str>) -> Self {
        Self {
            place,
            message: message.into(),
            found: found.map(str::to_owned),
        }
    }

    /// As a finding, with the field's path in its document.
    pub fn finding(self) -> Finding {
        let finding = Finding::error(self.message).at(match self.place {
            Place::Provider => "spec.provider",
            Place::Copy => "spec.type",
            Place::Platform | Place::Nowhere => "spec.authMode",
        });
        match self.found {
            Some(found) => finding.found(found),
            None => finding,
        }
    }
}

/// The mode.
///
/// # Errors
/// Nothing says it; two places contradict each other; the cluster has something that only a word of the user's can stand
/// for; OpenShift's OAuth server on another cluster.
pub fn resolve(known: Known<'_>, flavor: Flavor) -> Result<AuthMode, Problem> {
    let provider = known.provider.map(|provider| match provider {
        Provider::OpenShift => AuthMode::OpenShift,
        Provider::Oidc => AuthMode::Oidc,
    });
    if let (Some(platform), Some(provider)) = (known.platform, provider)
        && platform != provider
    {
        let message = format!(
            "the Platform's authMode is {}; let both say the same, or remove one",
            platform.word()
        );
        return Err(Problem::new(Place::Provider, message, Some(provider.word())));
    }
    let (said, place) = match (known.platform, provider) {
        (Some(mode), _) => (Some(mode), Place::Platform),
        (None, Some(mode)) => (Some(mode), Place::Provider),
        (None, None) => (None, Place::Nowhere),
    };
    let copy = known.copy.map(of_cluster).transpose()?;
    let mode = match (said, copy) {
        (Some(said), Some(copy)) if said != copy => {
            let message = format!(
                "the Authentication in the input is of type {}, which is {}: one of them is not this cluster's",
                known
                    .copy
                    .filter(|kind| !kind.is_empty())
                    .unwrap_or("IntegratedOAuth"),
                copy.word()
            );
            return Err(Problem::new(place, message, Some(said.word())));
        }
        (Some(said), _) => said,
        (None, Some(AuthMode::None)) => {
            let message = "nobody can log in on a cluster of this type by way of the gateway; write authMode: None into the \
                           Platform if that is meant";
            return Err(Problem::new(Place::Copy, message, known.copy));
        }
        (None, Some(copy)) => copy,
        (None, None) => {
            let message = "is missing: nothing says how people log in. Set it to OpenShift, OIDC or None, or put a copy of \
                           Authentication/cluster into the input, marked config.kubernetes.io/local-config: \"true\"";
            return Err(Problem::new(Place::Nowhere, message, None));
        }
    };
    if mode == AuthMode::OpenShift && flavor == Flavor::Kubernetes {
        let message = "only OpenShift has an OAuth server of its own; use OIDC";
        return Err(Problem::new(place, message, Some(mode.word())));
    }
    Ok(mode)
}

/// openshift/api `config/v1/types_authentication.go`: an empty type is the integrated OAuth server.
fn of_cluster(kind: &str) -> Result<AuthMode, Problem> {
    match kind {
        "" | "IntegratedOAuth" => Ok(AuthMode::OpenShift),
        "OIDC" => Ok(AuthMode::Oidc),
        "None" => Ok(AuthMode::None),
        other => {
            let message = "is no type that is known: IntegratedOAuth, OIDC or None";
            Err(Problem::new(Place::Copy, message, Some(other)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_said_or_read_and_never_guessed() {
        use AuthMode::{None as Nobody, Oidc, OpenShift};
        let oidc = Some(Provider::Oidc);
        let openshift = Some(Provider::OpenShift);
        for (platform, provider, copy, expected) in [
            (Some(OpenShift), None, None, Ok(OpenShift)),
            (Some(Oidc), None, None, Ok(Oidc)),
            (Some(Nobody), None, None, Ok(Nobody)),
            (None, openshift, None, Ok(OpenShift)),
            (None, oidc, None, Ok(Oidc)),
            (Some(Oidc), oidc, Some("OIDC"), Ok(Oidc)),
            (None, None, Some(""), Ok(OpenShift)),
            (None, None, Some("IntegratedOAuth"), Ok(OpenShift)),
            (None, None, Some("OIDC"), Ok(Oidc)),
            (Some(Nobody), None, Some("None"), Ok(Nobody)),
            (None, None, None, Err(Place::Nowhere)),
            (None, None, Some("None"), Err(Place::Copy)),
            (None, None, Some("Custom"), Err(Place::Copy)),
            (Some(Oidc), None, Some("Custom"), Err(Place::Copy)),
            (Some(OpenShift), oidc, None, Err(Place::Provider)),
            (Some(Nobody), oidc, None, Err(Place::Provider)),
            (Some(OpenShift), None, Some("OIDC"), Err(Place::Platform)),
            (Some(Nobody), None, Some(""), Err(Place::Platform)),
            (None, oidc, Some("IntegratedOAuth"), Err(Place::Provider)),
            (None, oidc, Some("None"), Err(Place::Provider)),
        ] {
            let known = Known {
                platform,
                provider,
                copy,
            };
            let found = resolve(known, Flavor::OpenShift).map_err(|problem| problem.place);
            assert_eq!(found, expected, "{known:?}");
        }
    }

    #[test]
    fn no_other_kubernetes_has_openshifts_oauth_server() {
        let known = |platform| Known {
            platform: Some(platform),
            ..Known::default()
        };
        assert!(resolve(known(AuthMode::OpenShift), Flavor::Kubernetes).is_err());
        assert_eq!(
            resolve(known(AuthMode::Oidc), Flavor::Kubernetes),
            Ok(AuthMode::Oidc)
        );
    }
}
