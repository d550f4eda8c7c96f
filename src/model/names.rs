//! Names: their limits, and how ours are put together so that no two can meet.
//!
//! A plain `a-b` join is ambiguous (`a`/`b-c` and `a-b`/`c`), and every system in this field was bitten by that. Ours are a
//! pure function of namespace and name, so that two renders that know nothing of each other agree.

use super::digest::sha256;

/// Longest DNS label (RFC 1123): Service, volume, label value, namespace.
pub const LABEL_MAX: usize = 63;
/// Longest name of a Notebook: its `StatefulSet`'s pods get a label with the name and eleven more characters
/// (kubernetes/kubernetes issue 64023).
pub const NOTEBOOK_MAX: usize = 52;
/// Longest name of most objects (RFC 1123's DNS names).
const NAME_MAX: usize = 253;
/// Digits of the hash in a name.
const HASH_DIGITS: usize = 10;

/// Whether a text is a DNS label: lower-case letters, digits and dashes, neither first nor last a dash, 63 at most.
pub fn is_dns_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=LABEL_MAX).contains(&bytes.len())
        && bytes.iter().all(|byte| alphanumeric(byte) || *byte == b'-')
        && bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
}

/// Whether a text can be a label's value: letters, digits, dashes, dots and underscores, 63 at most, alphanumeric at both
/// ends (kubernetes/apimachinery `pkg/util/validation/validation.go`).
pub fn is_label_value(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= LABEL_MAX
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte))
        && bytes.first().is_none_or(u8::is_ascii_alphanumeric)
        && bytes.last().is_none_or(u8::is_ascii_alphanumeric)
}

/// Whether a text can be a label's key: a label value that is not empty, with a DNS name and a slash before it or not.
pub fn is_label_key(text: &str) -> bool {
    let (prefix, name) = text
        .rsplit_once('/')
        .map_or((None, text), |(prefix, name)| (Some(prefix), name));
    !name.is_empty() && is_label_value(name) && prefix.is_none_or(is_dns_name)
}

/// Whether a text is a DNS name: labels with dots between them, 253 characters at most.
pub fn is_dns_name(text: &str) -> bool {
    text.len() <= NAME_MAX && text.split('.').all(is_dns_label)
}

/// Whether a text can be a key of a Secret or ConfigMap: letters, digits, dashes, dots and underscores, 253 at most.
pub fn is_secret_key(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len())
        && ![".", ".."].contains(&text)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

/// A DNS label near to a text that is none, for a proposal; `None` where nothing of it is left.
pub fn near_label(text: &str, max: usize) -> Option<String> {
    let dashed: String = text
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(max)
        .collect();
    let trimmed = dashed.trim_matches('-');
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// A name from a prefix, a namespace and a name, different for every pair. Plain where the parts can be told apart again:
/// the namespace holds no dash and the name does not end like one of our hashes; else with a hash of both.
pub fn joined(prefix: &str, namespace: &str, name: &str) -> String {
    let plain = format!("{prefix}-{namespace}-{name}");
    if !namespace.contains('-') && !ends_like_a_hash(name) {
        return plain;
    }
    format!("{plain}-{}", hash(&[namespace, name]))
}

/// A name with a suffix, within a limit: too long ones are cut and get a hash of the whole name, and so does one that ends
/// like such a hash itself.
pub fn suffixed(name: &str, suffix: &str, max: usize) -> String {
    let plain = format!("{name}-{suffix}");
    if plain.len() <= max && !ends_like_a_hash(name) {
        return plain;
    }
    let room = max.saturating_sub(suffix.len() + HASH_DIGITS + 2);
    let head: String = name.chars().take(room).collect();
    format!("{}-{}-{suffix}", head.trim_end_matches('-'), hash(&[name]))
}

/// A name within a limit: a longer one is cut and gets a hash of the whole.
pub fn within(name: &str, max: usize) -> String {
    if name.len() <= max {
        return name.to_owned();
    }
    let head: String = name.chars().take(max.saturating_sub(HASH_DIGITS + 1)).collect();
    format!("{}-{}", head.trim_end_matches('-'), hash(&[name]))
}

/// A name for what belongs to a person, different for every person: user names hold what no object's name may. The dot keeps it
/// apart from every name that is made of a workload's, which has none.
pub fn of_person(prefix: &str, person: &str) -> String {
    let near = near_label(person, LABEL_MAX - HASH_DIGITS - 1);
    let parts = near.into_iter().chain([hash(&[person])]);
    format!("{prefix}.{}", parts.collect::<Vec<String>>().join("-"))
}

/// The path a Notebook is served under: its server's own base path, so nothing is rewritten.
pub fn notebook_path(namespace: &str, name: &str) -> String {
    format!("/notebook/{namespace}/{name}")
}

/// The Service in front of a workload's guard.
pub fn guard_service(workload: &str) -> String {
    suffixed(workload, super::notebook::GUARD, LABEL_MAX)
}

/// The Secret with the certificate of a guard, by its Service.
pub fn guard_secret(service: &str) -> String {
    format!("{service}-tls")
}

fn ends_like_a_hash(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(_, tail)| {
        tail.len() == HASH_DIGITS
            && tail
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

fn hash(parts: &[&str]) -> String {
    sha256(&parts.join("/")).chars().take(HASH_DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn joined_names_are_injective() {
        assert_eq!(joined("nb", "team", "my-notebook"), "nb-team-my-notebook");
        let pairs = [
            ("a", "b-c"),
            ("a-b", "c"),
            ("a", "b"),
            ("a-b-c", "d"),
            ("a", "b-c-d"),
            ("a-b", "c-d"),
        ];
        let names: BTreeSet<String> = pairs.iter().map(|(ns, name)| joined("nb", ns, name)).collect();
        assert_eq!(names.len(), pairs.len(), "{names:?}");
        // Whoever gives a Notebook the name that another's hash would make gets a hash of its own.
        let hashed = joined("nb", "a-b", "c");
        let copy = hashed.strip_prefix("nb-a-").unwrap();
        assert_ne!(joined("nb", "a", copy), hashed);
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let long = "n".repeat(52);
        let other = format!("{}m", "n".repeat(51));
        let name = suffixed(&long, "kube-rbac-proxy", LABEL_MAX);
        assert!(name.len() <= LABEL_MAX && is_dns_label(&name), "{name}");
        assert_ne!(name, suffixed(&other, "kube-rbac-proxy", LABEL_MAX));
        assert_eq!(suffixed("nb", "kube-rbac-proxy", LABEL_MAX), "nb-kube-rbac-proxy");
        // Whoever takes the name that a long one is cut to gets another.
        let copy = name.strip_suffix("-kube-rbac-proxy").unwrap();
        assert!(copy.len() < 48);
        assert_ne!(suffixed(copy, "kube-rbac-proxy", LABEL_MAX), name);
        assert_eq!(suffixed(&"n".repeat(47), "kube-rbac-proxy", LABEL_MAX).len(), 63);
    }

    #[test]
    fn labels_of_pods_are_what_an_api_server_takes() {
        for good in ["app", "example.com/app", "a_b.C", "notebook-name"] {
            assert!(is_label_key(good), "{good}");
        }
        for bad in [
            "",
            "a b",
            "/app",
            "Example.com/app",
            "a/b/c",
            "-a",
            &"a".repeat(64),
        ] {
            assert!(!is_label_key(bad), "{bad}");
        }
        assert!(
            is_label_value("")
                && is_label_value("A.b_c-1")
                && !is_label_value("c d")
                && !is_label_value("x-")
        );
    }

    #[test]
    fn labels_are_dns_labels() {
        for good in ["a", "1e3", "yes", "a-b", &"a".repeat(63)] {
            assert!(is_dns_label(good), "{good}");
        }
        for bad in ["", "A", "a.b", "-a", "a-", "a_b", "é", &"a".repeat(64)] {
            assert!(!is_dns_label(bad), "{bad}");
        }
        assert_eq!(near_label("My_Notebook.", 52).as_deref(), Some("my-notebook"));
        assert_eq!(near_label("...", 52), None);
    }
}
