//! Which verb a method asks for. Methods match with case, as HTTP has them.

/// For reviews of the whole file: what is none of the five asks for `*`, which only a role with `*` grants
/// (brancz/kube-rbac-proxy `pkg/proxy/proxy.go`).
pub fn of_method(method: &str) -> &'static str {
    match method {
        "POST" => "create",
        "GET" => "get",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "*",
    }
}

/// For endpoints: none for a method that has no verb (red-hat-data-services/kube-rbac-proxy `pkg/authz/endpoints.go`).
pub fn of_endpoint(method: &str) -> Option<&'static str> {
    match method {
        "HEAD" => Some("head"),
        "OPTIONS" => Some("options"),
        method => Some(of_method(method)).filter(|verb| *verb != "*"),
    }
}
