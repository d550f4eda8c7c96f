//! The login service: the double of `tests/parts/login`, or the real kube-auth-proxy where `GATEWRIGHT_KUBE_AUTH_PROXY`
//! names it.

use std::net::SocketAddr;

use super::background::Background;
use super::client::Target;
use crate::program::Folder;

/// How it is started.
pub(crate) struct Start<'a> {
    pub(crate) arguments: &'a [String],
    pub(crate) environment: &'a [(&'a str, &'a str)],
    pub(crate) folder: &'a Folder,
    pub(crate) address: SocketAddr,
}

/// One that runs.
pub(crate) struct LoginService {
    program: Background,
    address: SocketAddr,
}

impl LoginService {
    pub(crate) fn start(start: &Start<'_>) -> Self {
        let real = std::env::var("GATEWRIGHT_KUBE_AUTH_PROXY").unwrap();
        let mut command = vec![real.as_str()];
        command.extend(start.arguments.iter().map(String::as_str));
        let log = start.folder.path().join("login.log");
        let program = Background::start(&command, start.environment, &log);
        let target = Target::new(start.address, "localhost", None);
        program.wait(|| {
            let answer = target
                .exchange(
                    "GET",
                    "/oauth2/ready",
                    &[("Host", "x"), ("Connection", "close")],
                    b"",
                )
                .ok()?;
            (answer.status == 200).then_some(())
        });
        Self {
            program,
            address: start.address,
        }
    }
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
    pub(crate) fn log(&self) -> String {
        self.program.log()
    }
}
