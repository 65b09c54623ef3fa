//! What `tidegate demo` serves, over real sockets.

mod chat;
mod echo;
mod files;
mod firehose;
mod hello;
mod process;
mod server;
