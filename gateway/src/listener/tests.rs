//! The listener against real sockets and raw clients.

mod bind;
mod deadlines;
mod drain;
mod early;
mod guard;
mod kit;
mod limits;
mod protocol;
mod tls;
mod workers;
