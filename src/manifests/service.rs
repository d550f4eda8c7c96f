//! The Service in front of a guard.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Object, meta};
use crate::model::keys;
use crate::model::notebook::{GUARD, GUARD_PORT};
use crate::model::platform::{Platform, Tls};
use crate::plan::class::Class;
use crate::plan::guard::Guard;

/// The Service of a Notebook's guard, which leads to the guard's port alone.
pub fn service(platform: &Platform, guard: &Guard) -> Object {
    let metadata = meta::of_guard(guard, &guard.service, Class::Support);
    let selector = BTreeMap::from([(keys::STATEFUL_SET.to_owned(), guard.notebook.name.clone())]);
    let port = port(GUARD, GUARD_PORT, GUARD, None);
    of_guards(platform, metadata, selector, vec![port], &guard.tls_secret)
}

/// A Service in front of guards alone, with their certificate where OpenShift makes it.
pub(super) fn of_guards(
    platform: &Platform,
    mut metadata: ObjectMeta,
    selector: BTreeMap<String, String>,
    ports: Vec<ServicePort>,
    tls_secret: &str,
) -> Object {
    if platform.tls == Tls::ServiceCa {
        meta::annotate(&mut metadata, keys::SERVING_CERTIFICATE, tls_secret);
    }
    let service = Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".into()),
            selector: Some(selector),
            ports: Some(ports),
            internal_traffic_policy: Some("Cluster".into()),
            session_affinity: Some("None".into()),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    Object::new(Class::Support, &service)
}

/// A port of a Service, which leads to a container's port by that one's name.
pub(super) fn port(name: &str, number: u16, container_port: &str, protocol: Option<&str>) -> ServicePort {
    ServicePort {
        name: Some(name.into()),
        port: i32::from(number),
        target_port: Some(IntOrString::String(container_port.into())),
        protocol: Some("TCP".into()),
        app_protocol: protocol.map(str::to_owned),
        ..ServicePort::default()
    }
}
