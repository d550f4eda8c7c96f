//! Between Envoy and a server: what passes can be cut, held, or led elsewhere, and who was asked for is noted.
//!
//! The bytes are TLS and stay so; only the name in the first message is read.

use std::io::{self, Cursor, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use rustls::server::Acceptor;

/// What happens to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It leads to a server.
    To(SocketAddr),
    /// Nobody listens.
    Down,
    /// It is taken and ended at once.
    Cut,
    /// It is taken, and nothing is ever said.
    Silent,
}

struct State {
    way: Way,
    open: Vec<TcpStream>,
    names: Vec<Option<String>>,
    /// Whether connections that are open are to end.
    worn: Arc<AtomicBool>,
}

/// A relay.
pub(crate) struct Relay {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// How often it looks at what it is to do.
const PAUSE: Duration = Duration::from_millis(5);

// === impl Relay ===

impl Relay {
    /// A relay to a server.
    pub(crate) fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            way: Way::To(to),
            open: Vec::new(),
            names: Vec::new(),
            worn: Arc::default(),
        }));
        let shared = Arc::downgrade(&state);
        thread::spawn(move || {
            let mut listener = Some(listener);
            while let Some(state) = shared.upgrade() {
                let way = state.lock().unwrap().way;
                if way == Way::Down {
                    listener = None;
                } else if listener.is_none() {
                    listener = TcpListener::bind(address).ok();
                }
                if let Some(listener) = &listener {
                    listener.set_nonblocking(true).unwrap();
                    while let Ok((stream, _)) = listener.accept() {
                        stream.set_nonblocking(false).unwrap();
                        take(stream, way, &state);
                    }
                }
                drop(state);
                thread::sleep(PAUSE);
            }
        });
        Self { address, state }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections, and treats new ones so; gives how they were treated before.
    pub(crate) fn turn(&self, way: Way) -> Way {
        let before = {
            let mut state = self.state();
            let before = std::mem::replace(&mut state.way, way);
            for stream in state.open.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
            before
        };
        thread::sleep(PAUSE * 10); // until its thread has seen it
        before
    }

    /// Ends all connections; new ones are treated as before.
    pub(crate) fn cut(&self) {
        let way = self.state().way;
        self.turn(way);
    }

    /// The server names that were asked for since this was asked last; nothing where a connection named none.
    pub(crate) fn names(&self) -> Vec<Option<String>> {
        std::mem::take(&mut self.state().names)
    }

    /// The connections that are open end when they are used next, as those of a server that has been replaced.
    pub(crate) fn wear_out(&self) {
        let mut state = self.state();
        state.worn.store(true, Ordering::SeqCst);
        state.worn = Arc::default(); // of those to come
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn take(stream: TcpStream, way: Way, state: &Arc<Mutex<State>>) {
    let keep = |stream: &TcpStream| state.lock().unwrap().open.push(stream.try_clone().unwrap());
    match way {
        Way::Down | Way::Cut => drop(stream),
        Way::Silent => keep(&stream),
        Way::To(address) => {
            keep(&stream);
            let state = Arc::clone(state);
            thread::spawn(move || forward(stream, address, &state));
        }
    }
}

fn forward(mut client: TcpStream, address: SocketAddr, state: &Mutex<State>) -> Option<()> {
    let (first, name) = hello(&mut client).ok()?;
    let mut server = TcpStream::connect(address).ok()?;
    let worn = {
        let mut state = state.lock().unwrap();
        state.names.push(name);
        state.open.push(server.try_clone().ok()?);
        Arc::clone(&state.worn)
    };
    server.write_all(&first).ok()?;
    let (mut from_server, mut to_client) = (server.try_clone().ok()?, client.try_clone().ok()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });
    let mut buffer = [0; 16_384];
    loop {
        let count = client.read(&mut buffer).ok()?;
        if count == 0 {
            break;
        }
        if worn.load(Ordering::SeqCst) {
            let _ = client.shutdown(Shutdown::Both);
            break;
        }
        server.write_all(&buffer[..count]).ok()?;
    }
    let _ = server.shutdown(Shutdown::Write);
    Some(())
}

/// The first message of TLS, as it came, and the name in it.
fn hello(client: &mut TcpStream) -> io::Result<(Vec<u8>, Option<String>)> {
    let mut acceptor = Acceptor::default();
    let (mut all, mut buffer) = (Vec::new(), [0; 16_384]);
    loop {
        let count = client.read(&mut buffer)?;
        if count == 0 {
            return Ok((all, None));
        }
        all.extend(&buffer[..count]);
        acceptor.read_tls(&mut Cursor::new(&buffer[..count]))?;
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                let name = accepted.client_hello().server_name().map(str::to_owned);
                return Ok((all, name));
            }
            Err(_) => return Ok((all, None)),
        }
    }
}
