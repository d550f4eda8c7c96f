//! The text of a rule with a request's value in it: what kube-rbac-proxy's files use of Go's `text/template`. Pure.
