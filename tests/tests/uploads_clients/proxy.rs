//! A proxy of TCP that cuts connections, lets them stand still, and holds them where a test wants something to happen in
//! the middle.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::GUARD;

/// Relays connections to a server until this is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// What has gone to the server, heads included.
    passed: AtomicU64,
    random: AtomicU64,
}

struct State {
    target: SocketAddr,
    /// Each connection ends after at most so many bytes to the server.
    cut_within: Option<u64>,
    /// Each of the next so many connections that lasts so long stands still in place of that.
    stalls: u64,
    /// Behind so many bytes in all, nothing more goes to the server.
    hold_at: u64,
    is_holding: bool,
    is_over: bool,
    cuts: u64,
    /// Both ends of each, as long as it lasts: the last handle that is dropped resets what still comes.
    connections: HashMap<SocketAddr, [TcpStream; 2]>,
}

impl Proxy {
    pub(crate) fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            target,
            cut_within: None,
            stalls: 0,
            hold_at: u64::MAX,
            is_holding: false,
            is_over: false,
            cuts: 0,
            connections: HashMap::new(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            passed: AtomicU64::new(0),
            random: AtomicU64::new(0x2545_f491_4f6c_dd1d),
        });
        let accepting = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = accepting.clone();
                if shared.state.lock().unwrap().is_over {
                    return;
                }
                thread::spawn(move || shared.relay(client));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Where connections lead from now on.
    pub(crate) fn leads_to(&self, target: SocketAddr) {
        self.shared.state.lock().unwrap().target = target;
    }

    /// Connections end after at most so many bytes from now on, or by themselves.
    pub(crate) fn cut_within(&self, bytes: Option<u64>) {
        self.shared.state.lock().unwrap().cut_within = bytes;
    }

    /// As often as this, a connection that comes so far stands still from now on in place of being cut: it takes nothing
    /// more and gives nothing, and neither end is told.
    pub(crate) fn stall(&self, times: u64) {
        self.shared.state.lock().unwrap().stalls = times;
    }

    /// How many connections are still to stand still.
    pub(crate) fn stalls_left(&self) -> u64 {
        self.shared.state.lock().unwrap().stalls
    }

    /// How often a connection was cut.
    pub(crate) fn cuts(&self) -> u64 {
        self.shared.state.lock().unwrap().cuts
    }

    /// How many bytes have gone to the server.
    pub(crate) fn passed(&self) -> u64 {
        self.shared.passed.load(Ordering::SeqCst)
    }

    /// Lets so many more bytes through to the server, and nothing behind them.
    pub(crate) fn hold_after(&self, bytes: u64) {
        self.shared.state.lock().unwrap().hold_at = self.passed() + bytes;
    }

    /// Waits until something is held.
    pub(crate) fn until_held(&self) {
        let state = self.shared.state.lock().unwrap();
        let waited = self.shared.changed.wait_timeout_while(state, GUARD, |state| !state.is_holding);
        assert!(!waited.unwrap().1.timed_out(), "{} bytes have passed", self.passed());
    }

    /// Everything goes through again.
    pub(crate) fn release(&self) {
        let mut state = self.shared.state.lock().unwrap();
        state.hold_at = u64::MAX;
        state.is_holding = false;
        self.shared.changed.notify_all();
    }

    /// Ends all connections that there are.
    pub(crate) fn cut_all(&self) {
        for connection in self.shared.state.lock().unwrap().connections.values().flatten() {
            break_off(connection);
        }
    }
}

/// Ends a connection so that its peer is told (RST), also one that only writes and whose window is shut: after a mere
/// shutdown the kernel would answer its probes for a minute.
fn break_off(connection: &TcpStream) {
    let _ = socket2::SockRef::from(connection).set_linger(Some(Duration::ZERO));
    let _ = connection.shutdown(Shutdown::Both);
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap().is_over = true;
        self.release();
        self.cut_all();
        // The one that accepts wakes up, and sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn relay(&self, client: TcpStream) {
        let (target, cut_within) = {
            let state = self.state.lock().unwrap();
            (state.target, state.cut_within)
        };
        let Ok(server) = TcpStream::connect(target) else { return };
        let Ok(peer) = client.peer_addr() else { return };
        for connection in [&client, &server] {
            let _ = connection.set_nodelay(true);
        }
        let both = [client.try_clone().unwrap(), server.try_clone().unwrap()];
        self.state.lock().unwrap().connections.insert(peer, both);
        let (mut from_server, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let left = cut_within.map_or(u64::MAX, |within| 1 + self.below(within));
        let is_still = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                copy_until(&is_still, &mut from_server, &mut to_client);
                if is_still.load(Ordering::SeqCst) {
                    self.until_over();
                }
                // What the client still sends is read on, until it cannot be passed on.
                let _ = to_client.shutdown(Shutdown::Write);
            });
            if self.pass(&client, &server, left, &is_still) {
                let _ = server.shutdown(Shutdown::Write);
            } else {
                [&client, &server].into_iter().for_each(break_off);
            }
        });
        self.state.lock().unwrap().connections.remove(&peer);
    }

    /// Passes on at most `left` bytes; tells whether the client has ended by itself.
    fn pass(
        &self,
        mut client: &TcpStream,
        mut server: &TcpStream,
        mut left: u64,
        is_still: &AtomicBool,
    ) -> bool {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = client.read(&mut buffer) {
            if !self.may_pass() {
                return false;
            }
            let count = read.min(usize::try_from(left).unwrap_or(usize::MAX));
            if server.write_all(&buffer[..count]).is_err() {
                return false;
            }
            self.passed.fetch_add(count as u64, Ordering::SeqCst);
            left -= count as u64;
            if left == 0 {
                self.end_or_stand_still(is_still);
                return false;
            }
        }
        true
    }

    fn end_or_stand_still(&self, is_still: &AtomicBool) {
        let mut state = self.state.lock().unwrap();
        if state.stalls > 0 {
            state.stalls -= 1;
            is_still.store(true, Ordering::SeqCst);
            drop(state);
            self.until_over();
        } else {
            state.cuts += 1;
        }
    }

    fn until_over(&self) {
        let mut state = self.state.lock().unwrap();
        while !state.is_over {
            state = self.changed.wait(state).unwrap();
        }
    }

    /// Waits while nothing may pass.
    fn may_pass(&self) -> bool {
        let began = Instant::now();
        let mut state = self.state.lock().unwrap();
        while self.passed.load(Ordering::SeqCst) >= state.hold_at && !state.is_over {
            state.is_holding = true;
            self.changed.notify_all();
            state = self.changed.wait_timeout(state, GUARD).unwrap().0;
            if began.elapsed() >= GUARD {
                return false;
            }
        }
        !state.is_over
    }

    fn below(&self, limit: u64) -> u64 {
        // Marsaglia's xorshift; two that race for the same number do no harm.
        let mut x = self.random.load(Ordering::Relaxed);
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.store(x, Ordering::Relaxed);
        (x >> 11) % limit
    }
}

/// Copies what comes, unless the connection stands still.
fn copy_until(is_still: &AtomicBool, from: &mut TcpStream, to: &mut TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if is_still.load(Ordering::SeqCst) || to.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}
