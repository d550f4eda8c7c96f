//! Arguments as Go's programs take them, in the one spelling that clap reads. Pure.
//!
//! Go's programs know `-flag`, `--flag`, `--flag=value`, `--flag value` (where the flag is no boolean), `--flag_name`,
//! `-v=1`, `-v 1` and `-v1`; the last of several counts. clap sees `--flag=value` alone. Source: spf13/pflag `flag.go`;
//! kubernetes/component-base `cli/run.go` (underscores).

use clap::Command;

use crate::proxy::options::go;

/// klog's flags of older releases, and one of OpenShift's: accepted without effect; whether a value follows. Source:
/// brancz/kube-rbac-proxy `cmd/kube-rbac-proxy/app/options/deprecated.go`, openshift/kube-rbac-proxy `options.go`.
const WITHOUT_EFFECT: [(&str, bool); 13] = [
    ("add-dir-header", false),
    ("alsologtostderr", false),
    ("log-backtrace-at", true),
    ("log-dir", true),
    ("log-file", true),
    ("log-file-max-size", true),
    ("log-flush-frequency", true),
    ("logtostderr", false),
    ("one-output", false),
    ("skip-headers", false),
    ("skip-log-headers", false),
    ("stderrthreshold", true),
    ("tls-curve-preferences", true),
];

/// The word of the command that takes arguments.
const EXPLAIN: &str = "explain";

/// What was typed, for clap.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spelled {
    /// All flags as `--flag=value`, and what is no flag behind them.
    pub(super) arguments: Vec<String>,
    /// Flags that have no effect, as typed.
    pub(super) without_effect: Vec<String>,
}

/// What a flag takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// A value behind `=`, or none.
    Boolean,
    /// A value, behind `=` or as the next argument.
    Value,
    /// Nothing: `--help` and `--version`.
    Nothing,
}

/// Puts the arguments behind `gatewright proxy` into one spelling. `command` is clap's own description of them.
pub(super) fn spell(typed: &[String], command: &Command) -> Result<Spelled, String> {
    let mut flags = Vec::new();
    let mut others = Vec::new();
    let mut without_effect = Vec::new();
    let mut rest = typed.iter();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            others.extend(rest.by_ref().cloned());
            break;
        }
        let Some((name, value)) = flag_of(argument, command) else {
            // An empty argument is what a variable without a value leaves; Go's programs do not count it.
            if !argument.is_empty() {
                others.push(argument.clone());
            }
            continue;
        };
        if let Some((name, takes)) = WITHOUT_EFFECT.iter().find(|(known, _)| *known == name) {
            without_effect.push(format!("--{name}"));
            if *takes && value.is_none() {
                rest.next();
            }
            continue;
        }
        match (takes(command, &name), value) {
            (Some(Takes::Value), None) => match rest.next() {
                Some(value) => flags.push(format!("--{name}={value}")),
                None => flags.push(format!("--{name}")),
            },
            (Some(Takes::Nothing), Some(value)) => {
                if value == "raw" || go::boolean(&value).map_err(|fix| format!("--{name}={value}: {fix}"))? {
                    flags.push(format!("--{name}"));
                }
            }
            (_, Some(value)) => flags.push(format!("--{name}={value}")),
            (_, None) => flags.push(format!("--{name}")),
        }
    }
    let mut arguments = Vec::new();
    if others.first().is_some_and(|first| first == EXPLAIN) {
        arguments.push(others.remove(0));
    } else if !others.is_empty() {
        return Err(format!(
            "`proxy` takes flags and the word `{EXPLAIN}`, and no other arguments; got {}",
            others
                .iter()
                .map(|other| format!("`{other}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ));
    }
    arguments.extend(flags);
    if !others.is_empty() {
        arguments.push("--".into());
        arguments.extend(others);
    }
    Ok(Spelled {
        arguments,
        without_effect,
    })
}

/// A flag's long name and the value typed with it; none for what is no flag.
fn flag_of(argument: &str, command: &Command) -> Option<(String, Option<String>)> {
    let split = |text: &str| match text.split_once('=') {
        Some((name, value)) => (name.replace('_', "-"), Some(value.to_owned())),
        None => (text.replace('_', "-"), None),
    };
    if let Some(long) = argument.strip_prefix("--") {
        return Some(split(long));
    }
    let single = argument.strip_prefix('-').filter(|rest| !rest.is_empty())?;
    let (name, value) = split(single);
    let known = WITHOUT_EFFECT.iter().any(|(known, _)| *known == name);
    if known || takes(command, &name).is_some() {
        return Some((name, value));
    }
    let short = single.chars().next()?;
    let long = command
        .get_arguments()
        .find(|known| known.get_short() == Some(short))
        .and_then(|known| known.get_long());
    match long {
        Some(long) => {
            let value = single.strip_prefix(short).filter(|value| !value.is_empty());
            let value = value.map(|value| value.strip_prefix('=').unwrap_or(value).to_owned());
            Some((long.to_owned(), value))
        }
        // clap says that it is not known.
        None => Some((name, value)),
    }
}

/// What the flag of a name takes; none for a name that is not known.
fn takes(command: &Command, name: &str) -> Option<Takes> {
    let found = command
        .get_arguments()
        .find(|known| known.get_long() == Some(name))?;
    Some(if !found.get_action().takes_values() {
        Takes::Nothing
    } else if found.is_require_equals_set() {
        Takes::Boolean
    } else {
        Takes::Value
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::proxy::description;

    fn spelled(typed: &[&str]) -> Spelled {
        let typed: Vec<String> = typed.iter().map(|word| (*word).to_owned()).collect();
        spell(&typed, &description()).unwrap()
    }

    #[test]
    fn every_spelling_of_a_flag_is_one() {
        for typed in [
            &["--upstream=http://a/"][..],
            &["--upstream", "http://a/"],
            &["-upstream=http://a/"],
            &["-upstream", "http://a/"],
        ] {
            assert_eq!(spelled(typed).arguments, ["--upstream=http://a/"], "{typed:?}");
        }
        for typed in [&["-v=2"][..], &["-v2"], &["-v", "2"], &["--v=2"], &["--v", "2"]] {
            assert_eq!(spelled(typed).arguments, ["--v=2"], "{typed:?}");
        }
        assert_eq!(spelled(&["--oidc_clientID=x"]).arguments, ["--oidc-clientID=x"]);
        assert_eq!(spelled(&["-h"]).arguments, ["--help"]);
        assert_eq!(spelled(&["--version=true"]).arguments, ["--version"]);
        assert!(spelled(&["--help=false"]).arguments.is_empty());
    }

    #[test]
    fn a_value_may_look_like_a_flag() {
        assert_eq!(
            spelled(&["--auth-header-groups-field-separator", "-", "--http2-disable"]).arguments,
            ["--auth-header-groups-field-separator=-", "--http2-disable"]
        );
    }

    #[test]
    fn a_boolean_takes_no_word_behind_it() {
        let typed = ["--http2-disable", "false"].map(str::to_owned);
        assert!(spell(&typed, &description()).unwrap_err().contains("got `false`"));
        assert_eq!(
            spelled(&["--http2-disable=false"]).arguments,
            ["--http2-disable=false"]
        );
    }

    #[test]
    fn flags_without_effect_are_taken_off_with_their_values() {
        let typed = [
            "--logtostderr=true",
            "-alsologtostderr",
            "--log_dir",
            "/nowhere",
            "--stderrthreshold=2",
            "--upstream=http://a/",
        ];
        let spelled = spelled(&typed);
        assert_eq!(spelled.arguments, ["--upstream=http://a/"]);
        assert_eq!(
            spelled.without_effect,
            [
                "--logtostderr",
                "--alsologtostderr",
                "--log-dir",
                "--stderrthreshold"
            ]
        );
    }

    #[test]
    fn other_words_are_refused_and_empty_ones_do_not_count() {
        let typed = ["extra"].map(str::to_owned);
        assert!(spell(&typed, &description()).unwrap_err().contains("`extra`"));
        let typed = ["--", "--upstream=x"].map(str::to_owned);
        assert!(spell(&typed, &description()).is_err());
        assert!(spelled(&["", "--v=0", ""]).arguments == ["--v=0"]);
    }

    #[test]
    fn explain_stands_before_or_behind_the_flags() {
        let wanted = [
            "explain",
            "--allow-paths=/a",
            "--header=X-A: b",
            "--output=json",
            "--",
            "GET",
            "/a",
        ];
        for typed in [
            &[
                "explain",
                "--allow-paths=/a",
                "-H",
                "X-A: b",
                "-o",
                "json",
                "GET",
                "/a",
            ][..],
            &[
                "--allow-paths",
                "/a",
                "explain",
                "GET",
                "/a",
                "-HX-A: b",
                "-o=json",
            ],
        ] {
            assert_eq!(spelled(typed).arguments, wanted, "{typed:?}");
        }
    }
}
