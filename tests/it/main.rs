//! Every integration test in one binary: each target would link k8s-openapi anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    clippy::struct_excessive_bools,
    clippy::needless_pass_by_value,
    reason = "tests fail by panicking, and read and write files"
)]

mod api_server;
mod cli;
mod companion;
mod control_plane;
mod determinism;
mod diff;
mod documents;
mod engines;
mod envoy_gateway;
mod examples;
mod faults;
mod fence;
mod fidelity;
mod gateway_conformance;
mod gateway_faults;
mod gateway_recordings;
mod golden;
mod graphs;
#[cfg(feature = "proxy")]
mod guarded;
mod house;
mod istiod;
mod judged;
mod kuberay_api_server;
mod layout;
mod legacy;
mod login_faults;
mod orchestrators;
mod overlay;
mod packets;
mod parts;
mod pictures;
mod program;
mod properties;
#[cfg(feature = "proxy")]
mod proxy_flags;
#[cfg(feature = "proxy")]
mod proxy_table;
mod ray_companion;
mod ray_faults;
mod ray_head;
mod ray_proof;
mod ray_recordings;
mod ray_routes;
mod ray_samples;
mod recorded;
mod recordings;
mod references;
mod requirements;
mod scalars;
mod scale;
mod verify_mutations;
mod verify_recordings;
mod walk;
mod windows;
mod worlds;
