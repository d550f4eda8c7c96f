//! `--allow-paths` and `--ignore-paths`. Pure.
//!
//! Globs are compared with the decoded path. Where there are any, a [`Target`] is read with `compares_paths`, so that this path
//! and the one that is forwarded cannot be two.

use super::glob::Glob;
use super::target::Target;

/// The globs.
#[derive(Debug, Clone, Default)]
pub struct Paths {
    allow: Vec<Glob>,
    ignore: Vec<Glob>,
}

/// What the globs say of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Its path is not one of `--allow-paths`.
    Refused,
    /// Its path is one of `--ignore-paths`: nobody is asked about it.
    Ignored,
    /// Who sends it must be known and allowed.
    Asked,
}

// === impl Paths ===

impl Paths {
    /// Reads the globs, as typed.
    ///
    /// # Errors
    /// A glob that is malformed, or both flags at once; the message begins as kube-rbac-proxy's.
    pub fn new(allow: &[String], ignore: &[String]) -> Result<Self, String> {
        if !allow.is_empty() && !ignore.is_empty() {
            return Err("cannot use --allow-paths and --ignore-paths together".to_owned());
        }
        let read = |globs: &[String], what: &str| -> Result<Vec<Glob>, String> {
            globs
                .iter()
                .map(|text| {
                    Glob::new(text).map_err(|bad| format!("failed to verify {what} path: {text}: {bad}"))
                })
                .collect()
        };
        Ok(Self {
            allow: read(allow, "allow")?,
            ignore: read(ignore, "ignored")?,
        })
    }

    /// What the globs say of this target.
    pub fn way(&self, target: &Target) -> Way {
        let is_one_of = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(target.path()));
        if !self.allow.is_empty() && !is_one_of(&self.allow) {
            Way::Refused
        } else if is_one_of(&self.ignore) {
            Way::Ignored
        } else {
            Way::Asked
        }
    }

    /// Whether there are none, and nothing is compared.
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.ignore.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(globs: &[&str]) -> Vec<String> {
        globs.iter().map(|glob| (*glob).to_owned()).collect()
    }

    fn way(paths: &Paths, target: &str) -> Way {
        paths.way(&Target::parse(target, !paths.is_empty()).unwrap())
    }

    #[test]
    fn allowed_paths_are_asked_about_and_others_refused() {
        let globs = [
            "/metrics",
            "/api/v1/label/*/values",
            "/pub/*",
            "/deep/*/*",
            "/exact/",
        ];
        let paths = Paths::new(&of(&globs), &[]).unwrap();
        for (target, expected) in [
            ("/metrics", Way::Asked),
            ("/", Way::Refused),
            ("/api/v1/label/job/values", Way::Asked),
            ("/api/v1/label/name", Way::Refused),
            ("/metrics?next=/secret", Way::Asked),
            ("/secret?x=/metrics", Way::Refused),
            ("/metrics/", Way::Refused),
            ("/exact/", Way::Asked),
            ("/pub/", Way::Asked),
            ("/pub/a/b", Way::Refused),
            ("/%6detrics", Way::Asked),
            ("/METRICS", Way::Refused),
            ("/metrics;v=1", Way::Refused),
            ("/deep/%252e%252e/secret", Way::Asked),
        ] {
            assert_eq!(way(&paths, target), expected, "{target}");
        }
        let both = Paths::new(&of(&["/one", "/two"]), &[]).unwrap();
        assert_eq!(way(&both, "/two"), Way::Asked);
        let blank = Paths::new(&of(&["/one", " /two"]), &[]).unwrap();
        assert_eq!(way(&blank, "/two"), Way::Refused);
    }

    #[test]
    fn ignored_paths_are_not_asked_about() {
        let paths = Paths::new(&[], &of(&["/healthz", "/open/*", "/open/*/x"])).unwrap();
        for (target, expected) in [
            ("/healthz", Way::Ignored),
            ("/", Way::Asked),
            ("/open/a", Way::Ignored),
            ("/open/a/b", Way::Asked),
            ("/open/a/x", Way::Ignored),
            ("/healthz/", Way::Asked),
        ] {
            assert_eq!(way(&paths, target), expected, "{target}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_at_start() {
        let error = |allow: &[&str], ignore: &[&str]| Paths::new(&of(allow), &of(ignore)).unwrap_err();
        assert_eq!(
            error(&["/a"], &["/b"]),
            "cannot use --allow-paths and --ignore-paths together"
        );
        assert!(error(&["/a[b"], &[]).starts_with("failed to verify allow path: /a[b"));
        assert!(error(&[], &["/a[ "]).starts_with("failed to verify ignored path: /a[ "));
        assert!(Paths::new(&[], &[]).unwrap().is_empty());
    }
}
