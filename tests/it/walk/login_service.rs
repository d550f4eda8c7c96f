//! The login service that runs in front of an issuer: the double in `tests/parts/login`, or the real one.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use super::background::Background;
use super::client::Target;
use super::issuer::script;
use crate::parts;

/// A login service that runs.
pub(crate) struct LoginService {
    program: Background,
    target: Target,
}

/// The real kube-auth-proxy, if this machine has one.
pub(crate) fn real() -> Option<PathBuf> {
    let named = std::env::var_os("GATEWRIGHT_KUBE_AUTH_PROXY").filter(|path| !path.is_empty())?;
    Some(PathBuf::from(named))
}

/// An address of the loopback interface where nobody listens.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

// === impl LoginService ===

impl LoginService {
    /// Starts one with the arguments of kube-auth-proxy, which give it a certificate for `name` that `authority` (PEM) has
    /// signed, and waits until it answers at `address`, which they name too. What it prints goes to the file `log`.
    pub(crate) fn start(
        arguments: &[String],
        environment: &[(&str, &str)],
        (address, name, authority): (SocketAddr, &str, &str),
        log: &Path,
    ) -> Self {
        let packages = parts::login_packages();
        let mut environment = environment.to_vec();
        environment.push(("GATEWRIGHT_LOGIN_PACKAGES", packages.to_str().unwrap()));
        let program = real().map_or_else(
            || vec!["node".to_owned(), path(&script("kube-auth-proxy.mjs"))],
            |real| vec![path(&real)],
        );
        let command: Vec<&str> = program.iter().chain(arguments).map(String::as_str).collect();
        let program = Background::start(&command, &environment, log);
        let target = Target::new(address, name, Some(authority));
        // A certificate that is refused is an answer too: some tests want just that.
        program.wait(|| std::net::TcpStream::connect(address).ok());
        Self { program, target }
    }

    /// How to connect to it.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// What it has printed.
    pub(crate) fn log(&self) -> String {
        self.program.log()
    }
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
