//! The guard's configuration file: arbitrary text, and requests decided by what was read.
//!
//! Never a panic. What is taken strictly is taken tolerantly and means the same. A configuration that was taken always asks
//! something or refuses: no request passes without a question.
#![no_main]

use gatewright::proxy::options::Compatibility;
use gatewright::proxy::rules::{Rules, file};
use gatewright::proxy::target::Target;
use gatewright::proxy::user::User;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let tolerant = file::read(text, false);
    let strict = file::read(text, true);
    if let Ok(strict) = &strict {
        assert_eq!(Some(strict), tolerant.as_ref().ok(), "strict and tolerant differ");
    }
    let Ok(file) = tolerant else { return };
    let user = User { name: "dana".into(), ..User::default() };
    let mut headers = HeaderMap::new();
    headers.insert("x-tenant", HeaderValue::from_static("{{ .Value }}"));
    for compatibility in [Compatibility::None, Compatibility::KubeRbacProxy, Compatibility::OdhKubeRbacProxy] {
        let Ok(rules) = Rules::new(Some(&file), compatibility) else { continue };
        for target in ["/", "/api/v1/jobs/a/events?namespace=team&namespace=other", "/metrics"] {
            let Ok(target) = Target::parse(target, rules.compares_paths()) else { continue };
            for method in ["GET", "POST", "WHATEVER"] {
                if let Ok(questions) = rules.questions(method, &target, &headers, &user) {
                    assert!(!questions.is_empty(), "a request passes without a question");
                    assert!(
                        format!("{questions:?}") == format!("{:?}", rules.questions(method, &target, &headers, &user).unwrap()),
                        "not the same twice"
                    );
                }
            }
        }
    }
});
