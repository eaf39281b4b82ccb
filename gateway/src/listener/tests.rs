//! The listener against real sockets and raw clients.

mod bind;
mod deadlines;
mod drain;
mod kit;
mod limits;
mod protocol;
mod tls;
mod workers;
