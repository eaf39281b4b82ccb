//! Listeners and the admin listener: names, addresses that exclude each other, deadlines, certificates.

use std::net::{IpAddr, SocketAddr};

use super::Check;
use crate::{
    config::file::Config,
    listener::{self, config::ListenerConfig},
    value::{Duration, ListenAddress, Located, Place},
};

/// What Pingora's HTTP/1 parser reads of a head at most, and one byte.
const MOST_HEAD: u64 = 1 << 20;

pub fn check(check: &mut Check<'_>, config: &Config) {
    if config.listeners.is_empty() {
        let place = check.place("listeners");
        check.error(place, "there is no listener; add one with a name and an address");
    }
    names(check, &config.listeners);
    addresses(check, config);
    for (index, listener) in config.listeners.iter().enumerate() {
        one(check, &format!("listeners[{index}]"), listener);
    }
    if !config.admin.address.get().ip().is_loopback() {
        let place = admin_place(check, config);
        check.warning(place, "the admin listener has no authentication, and other machines may reach it; keep it on 127.0.0.1 or behind a firewall");
    }
}

fn names(check: &mut Check<'_>, listeners: &[ListenerConfig]) {
    for (index, listener) in listeners.iter().enumerate() {
        if let Some(first) = listeners[..index].iter().find(|other| other.name == listener.name) {
            let line = first.name.place().line;
            let text =
                format!("the listener in line {line} is named `{}` too; give it another name", listener.name);
            check.error(listener.name.place().clone(), text);
        }
    }
}

fn addresses(check: &mut Check<'_>, config: &Config) {
    let mut taken: Vec<(SocketAddr, String, u32)> = Vec::new();
    let listeners = config.listeners.iter().map(|l| (format!("the listener `{}`", l.name), &l.address));
    let admin = ("the admin listener".to_owned(), &config.admin.address);
    for (who, address) in listeners.chain([admin]) {
        if let Some((_, other, line)) = taken.iter().find(|(other, ..)| collide(*other, address.get())) {
            let line = if *line > 0 { format!(" (line {line})") } else { String::new() };
            let text = format!(
                "{who} listens on `{address}`, which collides with {other}{line}; give it another port"
            );
            let place =
                if address.place().is_known() { address.place().clone() } else { check.place("admin") };
            check.error(place, text);
        }
        taken.push((address.get(), who, address.place().line));
    }
}

/// Whether both cannot be bound: the same port, and one address covers the other.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let covers =
        |a: IpAddr, b: IpAddr| a == b || (a.is_unspecified() && (a.is_ipv4() == b.is_ipv4() || a.is_ipv6()));
    a.port() != 0 && a.port() == b.port() && (covers(a.ip(), b.ip()) || covers(b.ip(), a.ip()))
}

fn one(check: &mut Check<'_>, path: &str, listener: &ListenerConfig) {
    let deadlines = &listener.deadlines;
    let times = [
        ("tls_handshake", deadlines.tls_handshake),
        ("head", deadlines.head),
        ("body", deadlines.body),
        ("idle", deadlines.idle),
    ];
    for (key, _) in times.into_iter().filter(|(_, time): &(_, Duration)| time.is_zero()) {
        let place = check.place(&format!("{path}.deadlines.{key}"));
        check.error(place, "a deadline of 0s would close every connection; write for example `10s`");
    }
    if !(1..=256).contains(&listener.limits.headers) {
        let place = check.place(&format!("{path}.limits.headers"));
        check.error(
            place,
            format!("`{}` is not between 1 and 256; write for example `100`", listener.limits.headers),
        );
    }
    if listener.limits.head.bytes() < 1024 {
        let place = check.place(&format!("{path}.limits.head"));
        check.error(
            place,
            format!("`{}` is too small for any browser; write for example `60KiB`", listener.limits.head),
        );
    }
    if listener.limits.head.bytes() > MOST_HEAD {
        let place = check.place(&format!("{path}.limits.head"));
        let text = format!(
            "`{}` is more than the 1MiB that can be read; write `1MiB` or less",
            listener.limits.head
        );
        check.error(place, text);
    }
    if let Some(most) = listener.max_connections_per_client
        && most > listener.max_connections
    {
        let place = check.place(&format!("{path}.max_connections_per_client"));
        let text = format!(
            "never reached, because there are {} connections in all; lower it",
            listener.max_connections
        );
        check.warning(place, text);
    }
    certificates(check, path, listener);
    for (index, network) in listener.trusted_proxies.iter().enumerate() {
        if network.to_string().ends_with("/0") {
            let place = check.place(&format!("{path}.trusted_proxies[{index}]"));
            check.warning(place, "everybody is trusted to name the client's address; list only your proxies");
        }
    }
}

fn certificates(check: &mut Check<'_>, path: &str, listener: &ListenerConfig) {
    let Some(tls) = &listener.tls else { return };
    // The listener reads them itself; this remembers them for the watch and the version.
    for pair in &tls.certificates {
        for file in [&pair.certificate, &pair.key] {
            drop(check.files.read(file));
        }
    }
    if let Err(error) = listener::check_tls(tls) {
        let place = Some(error.place).filter(Place::is_known);
        let place = place.unwrap_or_else(|| check.place(&format!("{path}.tls")));
        check.error(place, error.message);
    }
}

fn admin_place(check: &Check<'_>, config: &Config) -> Place {
    let address: &Located<ListenAddress> = &config.admin.address;
    if address.place().is_known() { address.place().clone() } else { check.place("admin") }
}
