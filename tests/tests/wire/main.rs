//! How the library must behave, seen from the other end of the wire: scripted peers on real sockets.

mod closing;
mod counted;
mod deflate;
mod failing;
mod idle;
mod laws;
mod leaving;
mod memory;
mod opening_client;
mod opening_server;
mod process;
mod tls;
