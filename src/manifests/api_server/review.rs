//! The guards that ask the API server of Kubernetes about every caller: one in front of HTTP, one in front of gRPC.

use super::super::rbac::{EVERY_VERB, granted, one, people};
use super::super::sidecar::{self, Proxy, value};
use super::super::{Object, backend_tls, certificate, config, http_route, meta, rbac, service};
use crate::config::kube_rbac_proxy::ResourceAttributes;
use crate::input::api_server::{GROUP, POD_SPEC, VERSION};
use crate::manifests::addition::{Addition, keys};
use crate::model::api_server::{Door, VOLUMES};
use crate::model::platform::Platform;
use crate::plan::api_server::GuardedApiServer;
use crate::plan::class::Class;

/// What reviews are about, in plural.
const RESOURCE: &str = "deployments";
/// What a guard asks for who only looks: GET and nothing else.
const LOOK: &str = "get";
/// gRPC is HTTP/2 and nothing else: the word by which meshes know what to speak, inside TLS too.
const GRPC: &str = "grpc";

/// What goes into the Deployment.
pub(super) fn additions(platform: &Platform, guard: &GuardedApiServer) -> Vec<Addition> {
    let field = |list: &'static str| keys(POD_SPEC.split('.').chain([list]));
    let containers = Door::ALL.iter().map(|door| container(platform, guard, *door));
    let volumes = sidecar::volumes(VOLUMES, &guard.config_map, &guard.tls_secret);
    vec![
        Addition::items(field("containers"), "name", containers.collect()),
        Addition::items(field("volumes"), "name", volumes.iter().map(value).collect()),
    ]
}

fn container(platform: &Platform, guard: &GuardedApiServer, door: Door) -> serde_json::Value {
    let program = platform.sidecar.program;
    let mut args = sidecar::arguments(program, guard.port(door), guard.server.port(door), door.health());
    if door == Door::Grpc {
        // gRPC is HTTP/2 and nothing else, here without TLS.
        args.push("--upstream-force-h2c=true".to_owned());
    }
    value(&sidecar::container(Proxy {
        name: door.container(),
        image: &platform.sidecar.image,
        program,
        resources: &platform.sidecar.resources,
        args,
        port: (door.container_port(), guard.port(door)),
        health: (door.health_port(), door.health()),
        volumes: VOLUMES,
    }))
}

/// What is made beside it.
pub(super) fn objects(platform: &Platform, guard: &GuardedApiServer) -> Vec<Object> {
    let namespace = guard.server.namespace.as_str();
    let here = |name: &str| meta::of_api_server(guard, name, Some(namespace), Class::Support);
    let delegator = meta::of_api_server(guard, &guard.delegator, None, Class::Support);
    let mut objects = vec![
        rbac::delegator(delegator, &guard.server.service_account, namespace),
        config::of_review(here(&guard.config_map), question(guard)),
        service::of_guards(
            platform,
            here(&guard.service),
            guard.server.selector.clone(),
            Door::ALL.iter().map(|door| port(guard, *door)).collect(),
            &guard.tls_secret,
        ),
    ];
    objects.extend(certificate::of_api_server(platform, guard));
    // The virtual subresource: nobody gains a right on the Deployment itself.
    let asked = |verb: &str| {
        let resource = format!("{RESOURCE}/{}", config::SUBRESOURCE);
        vec![one(GROUP, resource, &guard.server.name, vec![verb.to_owned()])]
    };
    let api_server = &platform.api_server;
    objects.extend(granted(
        &here(&guard.access),
        asked(EVERY_VERB),
        people(None, &api_server.users),
    ));
    objects.extend(granted(
        &here(&guard.view),
        asked(LOOK),
        people(None, &api_server.readers),
    ));
    if api_server.route {
        objects.push(backend_tls::of_api_server(platform, guard));
        objects.push(http_route::api_server_grant(platform, guard));
        objects.push(http_route::api_server_route(platform, guard));
    }
    objects
}

/// By the HTTP method there is something to look at and something to do, and gRPC is POST.
fn question(guard: &GuardedApiServer) -> ResourceAttributes {
    ResourceAttributes {
        namespace: guard.server.namespace.clone(),
        api_group: GROUP.into(),
        api_version: VERSION.into(),
        resource: RESOURCE.into(),
        subresource: Some(config::SUBRESOURCE.to_owned()),
        verb: None,
        name: guard.server.name.clone(),
    }
}

fn port(guard: &GuardedApiServer, door: Door) -> k8s_openapi::api::core::v1::ServicePort {
    let protocol = (door == Door::Grpc).then_some(GRPC);
    service::port(
        door.service_port(),
        guard.port(door),
        door.container_port(),
        protocol,
    )
}
