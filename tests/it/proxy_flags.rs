//! `gatewright proxy` from outside: which flags it takes and with which exit status it does not start, beside what
//! kube-rbac-proxy and Open Data Hub's fork were recorded with; its help, `--check-config` and `explain`.

use std::path::Path;
use std::process::Command;

use crate::program::{Folder, GATEWRIGHT, Run, gatewright, run};

/// Every flag of the four programs that are called kube-rbac-proxy (but the hidden ones).
const STOCK: [&str; 41] = [
    "secure-listen-address",
    "insecure-listen-address",
    "upstream",
    "upstream-force-h2c",
    "upstream-ca-file",
    "upstream-client-cert-file",
    "upstream-client-key-file",
    "upstream-timeout",
    "config-file",
    "allow-paths",
    "ignore-paths",
    "proxy-endpoints-port",
    "tls-cert-file",
    "tls-private-key-file",
    "tls-min-version",
    "tls-cipher-suites",
    "tls-reload-interval",
    "client-ca-file",
    "auth-header-fields-enabled",
    "auth-header-user-field-name",
    "auth-header-groups-field-name",
    "auth-header-groups-field-separator",
    "auth-token-audiences",
    "oidc-issuer",
    "oidc-clientID",
    "oidc-username-claim",
    "oidc-groups-claim",
    "oidc-username-prefix",
    "oidc-groups-prefix",
    "oidc-sign-alg",
    "oidc-ca-file",
    "kubeconfig",
    "kube-api-qps",
    "kube-api-burst",
    "http2-disable",
    "http2-max-concurrent-streams",
    "http2-max-size",
    "v",
    "vmodule",
    "version",
    "help",
];

/// Ours.
const OURS: [&str; 13] = [
    "compatibility",
    "check-config",
    "strict-config",
    "oidc-and-token-review",
    "stale-if-error",
    "drain-timeout",
    "max-connections",
    "head-timeout",
    "body-idle-timeout",
    "keep-alive-timeout",
    "token-ttl",
    "allowed-ttl",
    "denied-ttl",
];

/// Flags that every case has, as the recordings have them: a base, and one thing changed.
struct Base {
    folder: Folder,
    flags: Vec<(&'static str, String)>,
}

// === impl Base ===

impl Base {
    fn new() -> Self {
        let folder = Folder::new("proxy-flags");
        let (certificate, key) = pair();
        let (_, other) = pair();
        let path = |name: &str, text: &str| folder.write(name, text).display().to_string();
        let kubeconfig = "\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
current-context: c
";
        let flags = vec![
            ("--secure-listen-address", "127.0.0.1:0".to_owned()),
            ("--upstream", "http://127.0.0.1:1/".to_owned()),
            ("--kubeconfig", path("kubeconfig", kubeconfig)),
            ("--tls-cert-file", path("tls.crt", &certificate)),
            ("--tls-private-key-file", path("tls.key", &key)),
            ("--kube-api-qps", "200".to_owned()),
            ("--kube-api-burst", "400".to_owned()),
        ];
        path("other.key", &other);
        path("bad.pem", "nothing\n");
        Self { folder, flags }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The base's flags with a case's in their place; `{unset}` takes one off.
    fn with(&self, own: &[&str]) -> Vec<String> {
        let own: Vec<String> = own
            .iter()
            .map(|flag| {
                flag.replace("{missing}", &self.file("missing"))
                    .replace("{bad_pem}", &self.file("bad.pem"))
                    .replace("{other_key}", &self.file("other.key"))
            })
            .collect();
        let is_own = |name: &str| own.iter().any(|flag| flag.split('=').next() == Some(name));
        let base = self.flags.iter().filter(|(name, _)| !is_own(name));
        let base = base.map(|(name, value)| format!("{name}={value}"));
        let own = own.iter().filter(|flag| !flag.ends_with("={unset}")).cloned();
        base.chain(own).collect()
    }

    fn run(&self, own: &[&str]) -> Run {
        proxy(&self.with(own))
    }
}

/// A certificate for this machine and its key, as PEM.
fn pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// Runs the proxy outside of any cluster. It must end by itself.
fn proxy(arguments: &[String]) -> Run {
    let mut command = Command::new(GATEWRIGHT);
    command.arg("proxy").args(arguments);
    command.env_remove("KUBERNETES_SERVICE_HOST");
    command.env_remove("KUBERNETES_SERVICE_PORT");
    run(command, b"")
}

/// The recorded cases of the group `startup` (and of others that end at start) that end with exit status 1, with a word of our
/// message. Of these both programs, or kube-rbac-proxy, ended; where one started, the line says why we do not.
const REFUSED: [(&str, &[&str], &str); 26] = [
    (
        "start-no-address",
        &["--secure-listen-address={unset}"],
        "no listen address provided",
    ),
    (
        "start-allow-and-ignore",
        &["--allow-paths=/a", "--ignore-paths=/b"],
        "cannot use --allow-paths and --ignore-paths together",
    ),
    (
        "start-bad-allow-glob",
        &["--allow-paths=/a[b"],
        "failed to verify allow path: /a[b",
    ),
    (
        "ignore-bad-glob",
        &["--ignore-paths=/a[ "],
        "failed to verify ignored path: /a[ ",
    ),
    (
        "start-bad-tls-version",
        &["--tls-min-version=VersionTLS14"],
        "VersionTLS14",
    ),
    (
        "start-bad-cipher",
        &["--tls-cipher-suites=NOPE"],
        "NOPE not supported or doesn't exist",
    ),
    ("start-bad-upstream", &["--upstream=:bad:"], "--upstream=:bad:"),
    // Both started and could forward nothing: a known fault.
    ("start-no-upstream", &["--upstream={unset}"], "--upstream=http://"),
    (
        "start-no-kubeconfig",
        &["--kubeconfig={missing}"],
        "failed to load kubeconfig",
    ),
    (
        "start-no-cluster",
        &["--kubeconfig={unset}"],
        "KUBERNETES_SERVICE_HOST",
    ),
    ("start-unknown-flag", &["--no-such-flag=1"], "--no-such-flag"),
    ("start-positional", &["extra"], "extra"),
    ("start-bad-bool", &["--auth-header-fields-enabled=maybe"], "maybe"),
    ("start-bad-port", &["--proxy-endpoints-port=abc"], "abc"),
    (
        "start-missing-config",
        &["--config-file={missing}"],
        "--config-file",
    ),
    (
        "start-cert-without-key",
        &["--tls-private-key-file={unset}"],
        "--tls-private-key-file",
    ),
    ("start-cert-missing", &["--tls-cert-file={missing}"], "missing"),
    (
        "start-cert-mismatch",
        &["--tls-private-key-file={other_key}"],
        "do not belong together",
    ),
    (
        "start-client-ca-bad",
        &["--client-ca-file={bad_pem}"],
        "--client-ca-file",
    ),
    (
        "start-upstream-ca-bad",
        &["--upstream-ca-file={bad_pem}"],
        "--upstream-ca-file",
    ),
    (
        "start-upstream-ca-missing",
        &["--upstream-ca-file={missing}"],
        "--upstream-ca-file",
    ),
    (
        "start-oidc-http-issuer",
        &["--oidc-issuer=http://127.0.0.1:1", "--oidc-clientID=x"],
        "URL scheme must be https",
    ),
    // Ours beside them: what no recorded case has.
    ("a bad duration", &["--upstream-timeout=5"], "a unit is missing"),
    (
        "a port that is none",
        &["--proxy-endpoints-port=70000"],
        "1 to 65535",
    ),
    ("a value that is missing", &["--kubeconfig"], "--kubeconfig"),
    (
        "HTTP/2 in clear text by TLS",
        &["--upstream=https://a/", "--upstream-force-h2c"],
        "clear text",
    ),
];

/// The recorded configuration files that nothing starts with; ours says line and field. kube-rbac-proxy itself ends with 2 (a nil
/// dereference) on the two without `authorization`, and starts with the endpoints, which it does not read: known faults.
const FILES: [(&str, &str, &str); 8] = [
    ("start-bad-yaml", "authorization: [\n", "line "),
    (
        "start-wrong-type",
        "authorization:\n  resourceAttributes: text\n",
        "authorization.resourceAttributes",
    ),
    ("start-no-authorization", "{}\n", "authorization"),
    ("start-null-authorization", "authorization:\n", "authorization"),
    (
        "start-static-conflict",
        "authorization:\n  static:\n  - resourceRequest: true\n    path: /x\n",
        "authorization.static[0]",
    ),
    (
        "start-static-neither",
        "authorization:\n  static:\n  - user: {name: u}\n",
        "authorization.static[0]",
    ),
    (
        "start-endpoint-no-path",
        "authorization:\n  endpoints:\n  - mappings:\n    - methods: [get]\n      resources: [{}]\n",
        "authorization.endpoints[0].path",
    ),
    (
        "start-endpoint-no-methods",
        "authorization:\n  endpoints:\n  - path: /a\n    mappings:\n    - resources: [{}]\n",
        "methods",
    ),
];

#[test]
fn what_the_stock_program_does_not_start_with_ends_with_its_exit_status() {
    let base = Base::new();
    for (name, flags, says) in REFUSED {
        let ended = base.run(flags);
        assert_eq!(ended.code, 1, "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains(says), "{name}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{name}");
    }
    for (name, text, says) in FILES {
        let file = base.folder.write("config-file.yaml", text);
        let flag = format!("--config-file={}", file.display());
        let ended = base.run(&[&flag]);
        assert_eq!(ended.code, 1, "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains(says), "{name}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("config-file.yaml"),
            "{name}: {}",
            ended.stderr
        );
    }
}

#[test]
fn an_address_that_is_taken_ends_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let ended = Base::new().run(&[&format!("--secure-listen-address={address}")]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains(&address.to_string()), "{}", ended.stderr);
}

/// The recorded cases that start, without a port: `--check-config` reads the same.
#[test]
fn what_the_stock_programs_start_with_is_accepted() {
    let base = Base::new();
    for (name, flags, warns) in [
        (
            "start-klog-flags",
            &[
                "--logtostderr=true",
                "--v=2",
                "--add-dir-header=true",
                "--alsologtostderr=true",
                "--log-backtrace-at=:0",
                "--log-dir=/nowhere",
                "--log-file=/nowhere/x",
                "--log-file-max-size=1",
                "--one-output=true",
                "--skip-headers=true",
                "--skip-log-headers=true",
                "--stderrthreshold=2",
                "--vmodule=x=1",
            ][..],
            "without effect: --logtostderr, --add-dir-header",
        ),
        ("start-single-dash", &["-v=1"], ""),
        ("start-upstream-timeout", &["--upstream-timeout=5s"], ""),
        ("h2-disabled", &["--http2-disable=true"], ""),
        ("tls-min-fork-spelling", &["--tls-min-version=TLS1.3"], ""),
        (
            "an old version",
            &["--tls-min-version=VersionTLS10"],
            "1.2 is the oldest",
        ),
        (
            "some suites",
            &["--tls-cipher-suites=TLS_RSA_WITH_AES_128_CBC_SHA,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
            "weak: TLS_RSA_WITH_AES_128_CBC_SHA",
        ),
        (
            "an empty argument",
            &["", "--allow-paths=/a", "--allow-paths", "/b,/c", "-http2-disable"],
            "",
        ),
        (
            "the last one counts",
            &["--proxy-endpoints-port=1", "--proxy-endpoints-port=2"],
            "",
        ),
    ] {
        let mut arguments = base.with(flags);
        arguments.push("--check-config".into());
        let checked = proxy(&arguments);
        assert_eq!(checked.code, 0, "{name}: {}", checked.stderr);
        assert!(checked.stdout.ends_with("\nok\n"), "{name}: {}", checked.stdout);
        assert!(checked.stderr.contains(warns), "{name}: {}", checked.stderr);
        assert_eq!(
            checked.stderr.lines().count() > 0,
            !warns.is_empty(),
            "{name}: {}",
            checked.stderr
        );
    }
}

#[test]
fn help_has_every_flag_and_the_limits() {
    let help = gatewright(&["proxy", "--help"], b"");
    assert_eq!(help.code, 0);
    let (stock, ours) = help.stdout.split_once("\nOurs:\n").unwrap();
    let has = |text: &str, name: &str| {
        text.split([' ', '\n', '[', ',', '.', '='])
            .any(|word| word == format!("--{name}"))
    };
    for name in STOCK {
        assert!(has(&help.stdout, name), "{name}");
    }
    for name in OURS {
        assert!(has(ours, name), "{name}");
        let defined = format!("--{name}");
        let is_defined = |line: &str| line.trim_start().starts_with(&defined);
        assert!(!stock.lines().any(is_defined), "{name} is ours");
    }
    assert!(help.stdout.contains("a token"), "{}", help.stdout);
    assert!(help.stdout.contains("16384 bytes"), "{}", help.stdout);
    assert_eq!(gatewright(&["proxy", "--version"], b"").code, 0);
    // Nothing of it is a flag that no test knows.
    let known = |name: &str| STOCK.contains(&name) || OURS.contains(&name);
    for line in help.stdout.lines().map(str::trim_start) {
        let flag = line
            .strip_prefix("-v, ")
            .or_else(|| line.strip_prefix("-h, "))
            .unwrap_or(line);
        if let Some(rest) = flag.strip_prefix("--")
            && !line.contains("gatewright")
        {
            let name = rest.split([' ', '[', '=']).next().unwrap();
            assert!(known(name), "{line}");
        }
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let base = Base::new();
    let checked = base.run(&[
        "--check-config",
        "--tls-cert-file={missing}",
        "--client-ca-file={bad_pem}",
        "--kubeconfig={missing}",
        "--config-file={missing}",
    ]);
    assert_eq!(checked.code, 1);
    assert_eq!(checked.stdout, "");
    let lines: Vec<&str> = checked.stderr.lines().collect();
    assert_eq!(lines.len(), 4, "{}", checked.stderr);
    for (flag, line) in [
        "--tls-cert-file",
        "--config-file",
        "--client-ca-file",
        "kubeconfig",
    ]
    .iter()
    .zip(lines)
    {
        assert!(line.starts_with("error: ") && line.contains(flag), "{line}");
    }
}

/// A file is as strict as it is told to be.
#[test]
fn unknown_keys_are_errors_unless_told_otherwise() {
    let base = Base::new();
    let text = "authorization:\n  resourceAttributes: {resource: pods, verb: get}\n  colour: red\n";
    let file = base.folder.write("config-file.yaml", text);
    let file = format!("--config-file={}", file.display());
    let strict = base.run(&["--check-config", &file]);
    assert_eq!(strict.code, 1);
    assert!(
        strict.stderr.contains("line 3: authorization.colour"),
        "{}",
        strict.stderr
    );
    let tolerant = base.run(&["--check-config", "--strict-config=false", &file]);
    assert_eq!(tolerant.code, 0, "{}", tolerant.stderr);
}

#[cfg(unix)]
#[test]
fn by_the_stock_name_it_is_the_stock_program() {
    let base = Base::new();
    let link = base.folder.path().join("kube-rbac-proxy");
    std::os::unix::fs::symlink(GATEWRIGHT, &link).unwrap();
    // kube-rbac-proxy itself does not read endpoints; by its name we refuse what would mean something else to it.
    let text = "\
authorization:
  endpoints:
  - path: /a
    mappings: [{methods: [get], resources: [{resourceAttributes: {resource: pods, verb: get}}]}]
";
    let file = base.folder.write("config-file.yaml", text);
    let file = format!("--config-file={}", file.display());
    let checked = |program: &Path, more: &[&str]| {
        let mut arguments = base.with(&["--check-config", &file]);
        arguments.extend(more.iter().map(|flag| (*flag).to_owned()));
        let mut command = Command::new(program);
        command.args(arguments);
        run(command, b"")
    };
    let stock = checked(&link, &[]);
    assert_eq!(stock.code, 1);
    assert!(
        stock.stderr.contains("authorization.endpoints"),
        "{}",
        stock.stderr
    );
    let fork = checked(&link, &["--compatibility=odh-kube-rbac-proxy"]);
    assert_eq!(fork.code, 0, "{}", fork.stderr);
}

#[test]
fn explain_says_rule_questions_and_refusals() {
    let folder = Folder::new("proxy-explain");
    let text = "\
authorization:
  resourceAttributes: {apiGroup: kubeflow.org, resource: notebooks, namespace: team-a, name: lab, verb: get}
";
    let file = format!(
        "--config-file={}",
        folder.write("config-file.yaml", text).display()
    );
    let explain = |more: &[&str]| {
        let arguments = [&["proxy", "explain", file.as_str()], more].concat();
        gatewright(&arguments, b"")
    };
    let asked = explain(&[
        "POST",
        "/notebook/team-a/lab/api/kernels",
        "--user",
        "dana",
        "--group=ds",
    ]);
    assert_eq!(asked.code, 0, "{}", asked.stderr);
    assert_eq!(
        asked.stdout,
        "POST /notebook/team-a/lab/api/kernels\n\
         rule: authorization.resourceAttributes\n\
         passes for dana, if all of this is allowed:\n  \
         kubectl auth can-i get notebooks.kubeflow.org/lab --namespace=team-a --as=dana --as-group=ds \
         --as-group=system:authenticated\n"
    );
    let json = explain(&["GET", "/x", "-o", "json"]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(value["outcome"], "asked");
    assert_eq!(value["reviews"][0]["spec"]["resourceAttributes"]["name"], "lab");
    let refused = explain(&["--allow-paths=/metrics", "GET", "/x"]);
    assert!(refused.stdout.contains("refused with 404"), "{}", refused.stdout);
    let moved = explain(&["GET", "/a//b?c=d"]);
    assert!(moved.stdout.contains("refused with 307"), "{}", moved.stdout);
    assert!(moved.stdout.contains("/a/b?c=d"), "{}", moved.stdout);
    // Wrong usage has the proxy's exit status.
    assert_eq!(explain(&["GET"]).code, 1);
    assert_eq!(explain(&["GET", "/x", "-H", "nothing"]).code, 1);
    assert_eq!(explain(&["--config-file=/nowhere", "GET", "/x"]).code, 1);
}
