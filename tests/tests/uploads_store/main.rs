//! The stores of uploads: what every store does, and what the files store survives.

mod behaviour;
mod crashes;
mod files;
mod objects;
