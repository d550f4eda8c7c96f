//! Payloads that we write into `ConfigMaps` and read back: one type for both sides.

pub mod access_graph;
pub mod kube_rbac_proxy;
