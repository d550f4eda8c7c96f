//! A guarded Notebook and the names of everything that is made for it.

use crate::input::platform::Operator;
use crate::model::companion;
use crate::model::names::{guard_secret, guard_service, joined};
use crate::model::notebook::{COMMON_ACCOUNTS, Notebook, ServiceAccount};

/// A guarded Notebook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The Notebook.
    pub notebook: Notebook,
    /// Service in front of the guard.
    pub service: String,
    /// ConfigMap with the guard's configuration.
    pub config_map: String,
    /// Secret with the guard's certificate.
    pub tls_secret: String,
    /// The ServiceAccount the pods run as.
    pub service_account: String,
    /// ClusterRoleBinding that lets the guard ask who somebody is and what they may do.
    pub delegator: String,
    /// Role and `RoleBinding` of the people who may open the Notebook.
    pub access: String,
    /// HTTPRoute to the guard.
    pub route: String,
    /// ReferenceGrant for that route.
    pub grant: String,
    /// HTTPRoute that redirects from `/notebooks/NAME`, if there is to be one.
    pub short_route: Option<String>,
}

// === impl Guard ===

impl Guard {
    /// Names everything for a Notebook.
    ///
    /// Beside Open Data Hub's controller its Service has the name that the controller gives it.
    pub fn new(notebook: Notebook, controller: Operator) -> Self {
        let (namespace, name) = (&notebook.namespace, &notebook.name);
        let service = match controller {
            Operator::None => guard_service(name),
            Operator::OpenDataHub => companion::Names::new(namespace, name).service,
        };
        let route = joined("nb", namespace, name);
        let service_account = match &notebook.service_account {
            // An account that pods get without asking must not hold the guard's rights.
            ServiceAccount::Ours if COMMON_ACCOUNTS.contains(&name.as_str()) => service.clone(),
            ServiceAccount::Ours => name.clone(),
            ServiceAccount::Theirs(theirs) => theirs.clone(),
        };
        Self {
            config_map: format!("{service}-config"),
            tls_secret: guard_secret(&service),
            delegator: format!("{route}-auth-delegator"),
            access: format!("{name}-notebook-access"),
            grant: format!("{service}-route"),
            short_route: None,
            service,
            route,
            service_account,
            notebook,
        }
    }

    /// The name of the guard's Service within the cluster, which its certificate is for.
    pub fn host(&self) -> String {
        format!("{}.{}.svc", self.service, self.notebook.namespace)
    }
}
