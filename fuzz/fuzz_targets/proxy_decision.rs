//! Targets and paths: an arbitrary target, and patterns for paths that are open.
//!
//! Never a panic. What is taken has one reading: cleaned and decoded once more it is the same path, so that what was matched is
//! what the upstream will open. Parsing what is forwarded gives the same again.
#![no_main]

use gatewright::proxy::paths::{Paths, Way};
use gatewright::proxy::target::Target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, Vec<String>, bool)| {
    let (raw, patterns, compares) = input;
    let Ok(target) = Target::parse(raw, compares) else { return };
    let again = Target::parse(target.raw(), compares).expect("what is forwarded is taken");
    assert_eq!((target.path(), target.query()), (again.path(), again.query()));
    let path = target.path();
    assert!(path.starts_with('/'));
    assert!(!path.contains('\0') && !path.contains('\\'), "{path:?}");
    if compares {
        let is_dots = |segment: &str| segment == "." || segment == "..";
        assert!(!path.split('/').any(is_dots), "{path:?}");
        assert!(!path.contains("//"), "{path:?}");
        assert_eq!(path.matches('/').count(), target.raw_path().matches('/').count(), "{path:?}");
    }
    let Ok(paths) = Paths::new(&[], &patterns) else { return };
    if patterns.is_empty() {
        assert!(matches!(paths.way(&target), Way::Asked), "open without a pattern");
    }
});
