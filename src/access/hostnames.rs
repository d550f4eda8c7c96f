//! Hostnames of listeners and routes: which ones both mean.
//!
//! Gateway API, `Listener.hostname` and `HTTPRouteSpec.hostnames`: `*.example.com` means every name with at least one label
//! before `.example.com`; an absent hostname means all.

/// Any host.
pub const ANY: &str = "*";

/// What both a listener and a route mean; nothing: they never meet. Without hostnames a route means all.
pub fn shared(listener: Option<&str>, route: &[&str]) -> Vec<String> {
    let listener = listener.filter(|name| !name.is_empty()).unwrap_or(ANY);
    let own = if route.is_empty() { &[ANY][..] } else { route };
    let mut shared: Vec<String> = own.iter().filter_map(|name| both(listener, name)).collect();
    shared.sort();
    shared.dedup();
    shared
}

fn both(left: &str, right: &str) -> Option<String> {
    let (left, right) = (left.to_ascii_lowercase(), right.to_ascii_lowercase());
    if covers(&left, &right) {
        Some(right)
    } else if covers(&right, &left) {
        Some(left)
    } else {
        None
    }
}

/// Whether every host that `inner` means is meant by `outer`.
pub fn covers(outer: &str, inner: &str) -> bool {
    if outer == ANY || outer == inner {
        return true;
    }
    let Some(suffix) = outer.strip_prefix('*') else {
        return false;
    };
    let inner = inner.strip_prefix('*').unwrap_or(inner);
    inner.len() > suffix.len() && inner.ends_with(suffix)
}

#[cfg(test)]
mod tests {
    use super::shared;

    #[test]
    fn both_sides_must_mean_a_host() {
        assert_eq!(shared(None, &[]), ["*"]);
        assert_eq!(shared(Some("a.example.com"), &[]), ["a.example.com"]);
        assert_eq!(
            shared(Some("*.example.com"), &["a.example.com", "b.org"]),
            ["a.example.com"]
        );
        assert_eq!(
            shared(Some("*.example.com"), &["example.com"]),
            Vec::<String>::new()
        );
        assert_eq!(
            shared(Some("*.example.com"), &["*.b.example.com"]),
            ["*.b.example.com"]
        );
        assert_eq!(
            shared(Some("a.b.example.com"), &["*.example.com"]),
            ["a.b.example.com"]
        );
        assert_eq!(
            shared(Some("*.ample.com"), &["a.example.com"]),
            Vec::<String>::new()
        );
    }
}
