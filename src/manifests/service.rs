//! The Service in front of a guard.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Object, meta};
use crate::model::keys;
use crate::model::notebook::{GUARD, GUARD_PORT};
use crate::model::platform::{Platform, Tls};
use crate::plan::class::Class;
use crate::plan::guard::Guard;

/// The Service, which leads to the guard's port alone.
pub fn service(platform: &Platform, guard: &Guard) -> Object {
    let mut metadata = meta::of_guard(guard, &guard.service, Class::Support);
    if platform.tls == Tls::ServiceCa {
        meta::annotate(&mut metadata, keys::SERVING_CERTIFICATE, &guard.tls_secret);
    }
    let service = Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".into()),
            selector: Some(BTreeMap::from([(
                keys::STATEFUL_SET.into(),
                guard.notebook.name.clone(),
            )])),
            ports: Some(vec![ServicePort {
                name: Some(GUARD.into()),
                port: i32::from(GUARD_PORT),
                target_port: Some(IntOrString::String(GUARD.into())),
                protocol: Some("TCP".into()),
                ..ServicePort::default()
            }]),
            internal_traffic_policy: Some("Cluster".into()),
            session_affinity: Some("None".into()),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    Object::new(Class::Support, &service)
}
