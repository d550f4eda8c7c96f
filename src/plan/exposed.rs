//! A Notebook that Platform allows to be exposed without a guard, and the names of what is made for it.

use crate::model::names::joined;
use crate::model::notebook::Open;

/// The port of the Service that the notebook controller gives every Notebook (opendatahub-io/kubeflow
/// `components/notebook-controller/controllers/notebook_controller.go`). A route names the Service's port, not the pod's.
pub const SERVICE_PORT: u16 = 80;

/// An exposed Notebook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposed {
    /// The Notebook.
    pub notebook: Open,
    /// HTTPRoute to the controller's Service.
    pub route: String,
    /// ReferenceGrant for the route, and NetworkPolicy for the gateway.
    pub opening: String,
}

// === impl Exposed ===

impl Exposed {
    /// Names everything for a Notebook.
    pub fn new(notebook: Open) -> Self {
        Self {
            route: joined("nb", &notebook.namespace, &notebook.name),
            opening: format!("{}-unguarded", notebook.name),
            notebook,
        }
    }
}
