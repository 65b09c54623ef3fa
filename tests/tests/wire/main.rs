//! How the library must behave, seen from the other end of the wire: scripted peers on real sockets.

mod known_bugs;
mod opening_client;
mod opening_server;
mod process;
mod raw;
