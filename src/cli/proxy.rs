//! `gatewright proxy`: the guard itself, its configuration checked, and what a request would meet.
//!
//! Flags are read as Go's programs read them ([`spelling`]), then by clap ([`flags`]), then as options ([`typed`]). The exit
//! status is kube-rbac-proxy's: 1 for anything that keeps it from starting, wrong usage as well.

mod flags;
mod found;
mod spelling;
mod typed;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{Arg, Command, CommandFactory, Parser};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Cli;
use super::streams::{print, say};
use crate::error::{EXIT_FINDINGS, EXIT_OK};
use crate::proxy::options::{Limits, go};
use crate::proxy::paths::Paths;
use crate::proxy::user::{AUTHENTICATED, User};
use crate::proxy::{check, explain, run};
pub(super) use flags::ProxyArgs;
use flags::{ExplainArgs, ExplainFormat, ProxyCommand};

/// The word for the command line.
const PROXY: &str = "proxy";
/// Called by this name, the program is the proxy, with the answers of the stock one.
const STOCK_NAME: &str = "kube-rbac-proxy";

pub(super) const LONG: &str = "Guard a workload: let a request through if the API server knows who sends it and allows what it is about.

Takes the place of kube-rbac-proxy, with its flags (brancz/kube-rbac-proxy, OpenShift's and Open Data Hub's trees of it), its \
configuration file and its answers, without its faults. Called by the name kube-rbac-proxy it is \
`gatewright proxy --compatibility=kube-rbac-proxy`.

A flag is written --flag=value, --flag value or -flag=value; true and false as Go writes them (true, 1, t, …); lists with \
commas, or the flag again; times as 30s, 1m30s, 500ms.

Examples:
  gatewright proxy --secure-listen-address=:8443 --upstream=http://127.0.0.1:8888/ \\
    --config-file=config-file.yaml --tls-cert-file=tls.crt --tls-private-key-file=tls.key
  gatewright proxy --check-config FLAGS          # is everything there, and does it fit together?
  gatewright proxy explain FLAGS GET /metrics    # what would this request meet?

Exit status: 0 served until told to end (or --check-config found nothing wrong), 1 did not start.";

/// What of the limits no flag sets.
pub(super) fn fixed_limits() -> String {
    let limits = Limits::default();
    let rows = [
        ("a request's target", bytes(limits.target_bytes), "414"),
        ("a request's head, HTTP/1.1", bytes(limits.head_bytes), "431"),
        (
            "headers of a request, in number",
            limits.headers.to_string(),
            "431",
        ),
        (
            "headers of a request, HTTP/2",
            bytes(usize::try_from(limits.http2_header_list_bytes).unwrap_or(usize::MAX)),
            "431",
        ),
        ("a token", bytes(limits.token_bytes), "401"),
        (
            "a TLS handshake",
            go::Span(limits.handshake_timeout).to_string(),
            "the connection ends",
        ),
        (
            "a token that is nobody's, remembered",
            go::Span(limits.refused_token_ttl).to_string(),
            "",
        ),
        (
            "users remembered by their token",
            format!("{}, {} bytes", limits.token_entries, limits.token_cache_bytes),
            "the oldest go",
        ),
        (
            "answers remembered",
            format!(
                "{}, {} bytes",
                limits.decision_entries, limits.decision_cache_bytes
            ),
            "the oldest go",
        ),
    ];
    let mut text = String::from("Limits without a flag (and what comes beyond them):\n");
    for (what, limit, beyond) in rows {
        let line = format!("  {what:<38} {limit:<22} {beyond}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn bytes(number: usize) -> String {
    format!("{number} bytes")
}

/// The arguments as `gatewright proxy …`, if it is the proxy that is called.
pub(super) fn called(arguments: &[OsString]) -> Option<Vec<OsString>> {
    let name = arguments
        .first()
        .and_then(|path| Path::new(path).file_stem())
        .and_then(OsStr::to_str);
    if name == Some(STOCK_NAME) {
        let mut all = vec![format!("--compatibility={STOCK_NAME}").into()];
        all.extend(arguments.iter().skip(1).cloned());
        return Some(all);
    }
    (arguments.get(1).and_then(|word| word.to_str()) == Some(PROXY))
        .then(|| arguments.iter().skip(2).cloned().collect())
}

/// Runs the proxy with the arguments behind its name, and gives the exit status.
pub(super) fn proxy(arguments: Vec<OsString>) -> u8 {
    match parse(arguments) {
        Ok((args, without_effect)) => {
            if !without_effect.is_empty() {
                say(&format!("warning: without effect: {}", without_effect.join(", ")));
            }
            command(&args)
        }
        Err(code) => code,
    }
}

/// Reads the arguments; what is wrong with them has been said.
fn parse(arguments: Vec<OsString>) -> Result<(ProxyArgs, Vec<String>), u8> {
    let failed = |message: String| {
        say(&format!("error: {message}"));
        EXIT_FINDINGS
    };
    let words: Result<Vec<String>, OsString> = arguments.into_iter().map(OsString::into_string).collect();
    let words = words.map_err(|word| failed(format!("{} is not UTF-8", word.display())))?;
    let spelled = spelling::spell(&words, &description()).map_err(failed)?;
    let all = ["gatewright", PROXY]
        .map(str::to_owned)
        .into_iter()
        .chain(spelled.arguments);
    match Cli::try_parse_from(all) {
        Ok(Cli {
            command: Some(super::Command::Proxy(args)),
        }) => Ok((*args, spelled.without_effect)),
        // The word `proxy` is there, so it is no other command.
        Ok(_) => Err(EXIT_FINDINGS),
        Err(error) => {
            let wrong = error.use_stderr();
            // A closed pipe is no failure of ours.
            let _ = error.print();
            Err(if wrong { EXIT_FINDINGS } else { EXIT_OK })
        }
    }
}

/// All that may be typed behind `proxy`: the flags, and those of `explain`.
fn description() -> Command {
    let mut cli = Cli::command();
    cli.build();
    let proxy = cli.find_subcommand(PROXY).cloned().unwrap_or_default();
    let explain = proxy.get_subcommands().next().cloned().unwrap_or_default();
    let own = |arg: &&Arg| !proxy.get_arguments().any(|known| known.get_id() == arg.get_id());
    let more: Vec<Arg> = explain.get_arguments().filter(own).cloned().collect();
    proxy.args(more)
}

/// Runs the command with what was read of its arguments, and gives the exit status.
pub(super) fn command(args: &ProxyArgs) -> u8 {
    let result = match &args.command {
        Some(ProxyCommand::Explain(explain)) => explained(explain),
        None => typed::options(&args.flags).and_then(|typed| {
            let faults = check::errors(&typed.options);
            if !faults.is_empty() {
                return Err(faults);
            }
            say_all("warning", &typed.warnings);
            say_all("warning", &check::warnings(&typed.options));
            // Before it serves as well: so that all that is wrong is said at once, each with its flag.
            let lines = found::all(&typed.options)?;
            if !args.flags.ours.check_config {
                return Ok(run::run(typed.options));
            }
            let _ = print(&format!("{}\nok\n", lines.join("\n")));
            Ok(EXIT_OK)
        }),
    };
    result.unwrap_or_else(|faults| {
        say_all("error", &faults);
        EXIT_FINDINGS
    })
}

fn say_all(severity: &str, lines: &[String]) {
    for line in lines {
        say(&format!("{severity}: {line}"));
    }
}

fn explained(args: &ExplainArgs) -> Result<u8, Vec<String>> {
    let one = |fault: String| vec![fault];
    let (rights, ours) = (&args.flags.rights, &args.flags.ours);
    let globs = (
        typed::lists(&rights.allow_paths),
        typed::lists(&rights.ignore_paths),
    );
    let paths = Paths::new(&globs.0, &globs.1).map_err(one)?;
    let compatibility = ours.compatibility.into();
    let rules = found::rules(rights.config_file.as_deref(), ours.strict_config, compatibility)?;
    let mut headers = HeaderMap::new();
    for header in &args.headers {
        let (name, value) = header_of(header).map_err(one)?;
        headers.append(name, value);
    }
    let mut user = User {
        name: args.user.clone().unwrap_or_default(),
        groups: args.groups.clone(),
        ..User::default()
    };
    user.groups.push(AUTHENTICATED.into());
    let asked = explain::Asked {
        method: &args.method,
        target: &args.path,
        headers: &headers,
        user: &user,
    };
    let explanation = explain::explain(&asked, &paths, &rules, compatibility);
    let _ = print(&match args.output {
        ExplainFormat::Text => explanation.to_text(),
        ExplainFormat::Json => explanation.to_json(),
    });
    Ok(EXIT_OK)
}

/// `Name: value`, as curl takes it.
fn header_of(typed: &str) -> Result<(HeaderName, HeaderValue), String> {
    let wrong = || format!("--header={typed}: no header; write 'Name: value'");
    let (name, value) = typed.split_once(':').ok_or_else(wrong)?;
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| wrong())?;
    Ok((name, value))
}
