//! The program: everything put together and started.
//!
//! Nothing listens before everything was read and fits. What follows files does so in one task (`Followed`); the end is
//! SIGTERM or SIGINT.
#![expect(clippy::disallowed_methods, reason = "the configuration is a file")]

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::api::Api;
use super::audit::Audit;
use super::authenticate::Authenticator;
use super::authorize::Authorizer;
use super::drain;
use super::endpoints::Endpoints;
use super::gate::Gate;
use super::metrics::{Event, Metrics};
use super::options::{Options, socket_address};
use super::paths::Paths;
use super::rules::{Rules, file};
use super::serve::{self, App};
use super::tls::{ServerTls, UpstreamTls};
use super::upstream::Upstream;

/// Everything went well: it served, and was told to end.
const FINE: u8 = 0;
/// It did not start (kube-rbac-proxy's).
const FAILED: u8 = 1;
/// After draining: answers that are being written get so long to leave.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// Serves until told to end. Gives the exit status.
pub fn run(options: Options) -> u8 {
    let Ok((audit, writer)) = Audit::new(options.verbosity) else {
        return FAILED;
    };
    let code = match runtime() {
        Ok(runtime) => {
            let code = match runtime.block_on(serve(options, audit.clone())) {
                Ok(()) => FINE,
                Err(message) => {
                    // To whoever started it, as every other fault of a start.
                    let _ = writeln!(std::io::stderr(), "error: {message}");
                    FAILED
                }
            };
            runtime.shutdown_timeout(LAST_MOMENT);
            code
        }
        Err(error) => {
            audit.say("error", &format!("no runtime: {error}"));
            FAILED
        }
    };
    drop(audit);
    writer.finish();
    code
}

/// As many threads as the container may use cores; with one core, none but this: a pool would cost memory and wake-ups.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if cores > 1 {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores)
            .enable_all()
            .build()
    } else {
        tokio::runtime::Builder::new_current_thread().enable_all().build()
    }
}

async fn serve(options: Options, audit: Audit) -> Result<(), String> {
    let metrics = Arc::new(Metrics::default());
    let paths = Paths::new(&options.allow_paths, &options.ignore_paths)?;
    let (rules, text) = rules(&options)?;
    for warning in rules.warnings() {
        audit.say("warning", &warning);
    }
    let tls = if options.secure_listen_address.is_some() {
        let tls = ServerTls::new(options.tls.clone(), !options.http2.disabled)?;
        Some(Arc::new(tls))
    } else {
        None
    };
    let upstream_tls = if options.upstream.tls {
        Some(Arc::new(UpstreamTls::new(&options.upstream)?))
    } else {
        None
    };
    let api = Arc::new(Api::new(&options.api).await?);
    let trouble = audit.clone();
    api.tell(move |why| trouble.say("warning", &format!("nobody can be let in anew: {why}")));
    let authenticator = Authenticator::new(&options, Arc::clone(&api), Arc::clone(&metrics)).await?;
    let authorizer = Authorizer::new(&options, api, Arc::clone(&metrics));
    let gate = Gate::new(
        paths,
        rules,
        authenticator,
        authorizer,
        options.limits.token_bytes,
    );
    let upstream = Upstream::new(&options.upstream, upstream_tls.clone())?;

    let mut listeners = Vec::new();
    for (address, is_secure) in options.listen_addresses() {
        let tls = if is_secure { tls.clone() } else { None };
        listeners.push((bind(address).await?, tls));
    }
    let endpoints = match (options.proxy_endpoints_port, &options.secure_listen_address) {
        (Some(port), Some(beside)) => Some(bind(&format!("{}:{port}", host(beside))).await?),
        // As with the stock programs: without TLS there is no second port.
        _ => None,
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;

    let (drain, watch) = drain::channel();
    if let (Some(listener), Some(tls)) = (endpoints, &tls) {
        let endpoints = Endpoints {
            metrics: Arc::clone(&metrics),
            phase: watch.signal(),
        };
        tokio::spawn(endpoints.listen(listener, Arc::clone(tls)));
    }
    let (drain_timeout, interval) = (options.limits.drain_timeout, options.tls.reload_interval);
    let app = Arc::new(App {
        gate,
        upstream,
        options,
        metrics: Arc::clone(&metrics),
        audit: audit.clone(),
    });
    if let Some(tls) = &tls {
        metrics.certificate_ends(tls.ends());
    }
    let followed = Followed {
        app: Arc::clone(&app),
        tls,
        upstream_tls,
        rules: text,
        failed: Vec::new(),
    };
    tokio::spawn(followed.follow(interval));
    for (listener, tls) in listeners {
        tokio::spawn(serve::listen(listener, tls, Arc::clone(&app), watch.clone()));
    }
    drop(watch);
    audit.say("info", "serving");

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    audit.say("info", "draining");
    if !drain.drain(drain_timeout).await {
        audit.say("warning", "the time for draining is up: connections are cut");
    }
    Ok(())
}

/// The rules, and the text that they were read from.
fn rules(options: &Options) -> Result<(Rules, String), String> {
    let Some(name) = &options.config_file else {
        let rules = Rules::new(None, options.compatibility).map_err(|faults| faults.join("\n"))?;
        return Ok((rules, String::new()));
    };
    let named = |reason: String| format!("--config-file {}: {reason}", name.display());
    let text = std::fs::read_to_string(name).map_err(|error| named(error.to_string()))?;
    let all = |faults: Vec<String>| named(faults.join("; "));
    let file = file::read(&text, options.strict_config).map_err(all)?;
    let rules = Rules::new(Some(&file), options.compatibility).map_err(all)?;
    Ok((rules, text))
}

/// An address as Go's `net.Listen` reads it; a name is resolved.
async fn bind(address: &str) -> Result<TcpListener, String> {
    let bound = match socket_address(address) {
        Some(address) => TcpListener::bind(address).await,
        None => TcpListener::bind(address).await,
    };
    bound.map_err(|error| format!("failed to listen on {address}: {error}"))
}

/// The host of an address: the second port is where the first is.
fn host(address: &str) -> &str {
    address.rsplit_once(':').map_or("", |(host, _)| host)
}

/// What is read again while the program runs. What cannot be used is said once and counted; what was read last stays.
struct Followed {
    app: Arc<App>,
    tls: Option<Arc<ServerTls>>,
    upstream_tls: Option<Arc<UpstreamTls>>,
    rules: String,
    failed: Vec<String>,
}

// === impl Followed ===

impl Followed {
    async fn follow(mut self, interval: Duration) {
        let mut ticks = tokio::time::interval(interval.max(Duration::from_millis(100)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            self.look();
        }
    }

    fn look(&mut self) {
        let mut failed = Vec::new();
        if let Some(tls) = self.tls.clone() {
            self.note("the serving certificate", tls.reload(), &mut failed);
            self.app.metrics.certificate_ends(tls.ends());
        }
        if let Some(tls) = self.upstream_tls.clone() {
            self.note("the certificates for the upstream", tls.reload(), &mut failed);
        }
        let rules = rules(&self.app.options).map(|(rules, text)| {
            let is_new = text != self.rules;
            if is_new {
                self.app.gate.replace_rules(rules);
                self.rules = text;
            }
            is_new
        });
        self.note("the configuration", rules, &mut failed);
        self.failed = failed;
    }

    fn note(&self, what: &str, read: Result<bool, String>, failed: &mut Vec<String>) {
        match read {
            Ok(false) => {}
            Ok(true) => {
                self.app.metrics.count(Event::Reloaded);
                self.app
                    .audit
                    .say("info", &format!("{what}: read again and in use"));
            }
            Err(reason) => {
                self.app.metrics.count(Event::ReloadFailed);
                if !self.failed.contains(&reason) {
                    let message = format!("{what}: cannot be used, what was read last stays: {reason}");
                    self.app.audit.say("warning", &message);
                }
                failed.push(reason);
            }
        }
    }
}
