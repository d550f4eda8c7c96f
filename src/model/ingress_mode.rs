//! How traffic reaches the gateway.

use crate::input::platform::{Flavor, GatewayImplementation, IngressMode};

/// Why a mode cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Only OpenShift has Routes.
    NoRoutes,
    /// The Service of an Envoy Gateway has a name that only its controller knows.
    NoService,
}

// === impl Problem ===

impl Problem {
    /// What is wrong, and what to do.
    pub fn message(self) -> &'static str {
        match self {
            Self::NoRoutes => "only OpenShift has Routes",
            Self::NoService => {
                "Envoy Gateway gives its Service a name that is not known before it runs, so no Route can lead to it"
            }
        }
    }
}

/// The mode: the gateway's own document, else Platform, else a Route where there are Routes and a Service to lead to.
///
/// # Errors
/// A Route where there can be none.
pub fn resolve(
    given: Option<IngressMode>,
    platform: Option<IngressMode>,
    flavor: Flavor,
    implementation: GatewayImplementation,
) -> Result<IngressMode, Problem> {
    let problem = match (flavor, implementation) {
        (Flavor::Kubernetes, _) => Some(Problem::NoRoutes),
        (Flavor::OpenShift, GatewayImplementation::EnvoyGateway) => Some(Problem::NoService),
        (Flavor::OpenShift, GatewayImplementation::Istio) => None,
    };
    match (given.or(platform), problem) {
        (Some(IngressMode::OcpRoute), Some(problem)) => Err(problem),
        (Some(mode), _) => Ok(mode),
        (None, Some(_)) => Ok(IngressMode::LoadBalancer),
        (None, None) => Ok(IngressMode::OcpRoute),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_the_default_only_where_there_can_be_one() {
        use Flavor::{Kubernetes, OpenShift};
        use GatewayImplementation::{EnvoyGateway, Istio};
        use IngressMode::{LoadBalancer, OcpRoute};
        for (given, platform, flavor, implementation, expected) in [
            (None, None, OpenShift, Istio, Ok(OcpRoute)),
            (None, Some(LoadBalancer), OpenShift, Istio, Ok(LoadBalancer)),
            (Some(OcpRoute), Some(LoadBalancer), OpenShift, Istio, Ok(OcpRoute)),
            (
                Some(LoadBalancer),
                Some(OcpRoute),
                OpenShift,
                Istio,
                Ok(LoadBalancer),
            ),
            (None, None, OpenShift, EnvoyGateway, Ok(LoadBalancer)),
            (
                Some(OcpRoute),
                None,
                OpenShift,
                EnvoyGateway,
                Err(Problem::NoService),
            ),
            (None, None, Kubernetes, Istio, Ok(LoadBalancer)),
            (None, Some(OcpRoute), Kubernetes, Istio, Err(Problem::NoRoutes)),
            (
                Some(OcpRoute),
                None,
                Kubernetes,
                EnvoyGateway,
                Err(Problem::NoRoutes),
            ),
        ] {
            assert_eq!(
                resolve(given, platform, flavor, implementation),
                expected,
                "{given:?} {platform:?} {flavor:?} {implementation:?}"
            );
        }
    }
}
