//! How many connections each client holds.
//!
//! A client is an address of IPv4, or the first 64 bits of one of IPv6: that much is given to a single customer, who
//! could come from another address with every connection. The table has an entry for each client that holds a
//! connection, so it is never longer than the listener's `max_connections`, and none where there is no limit. It is
//! locked when a connection is accepted and when one ends, and never for a request.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Mutex,
};

use super::drain::lock;

/// Connections by client.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<HashMap<Client, u32>>);

/// One client, as far as addresses tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Client(u128);

impl Client {
    /// IPv4 has the place that IPv6 gives it, which no network of IPv6 begins with.
    fn of(address: IpAddr) -> Client {
        match address.to_canonical() {
            IpAddr::V4(v4) => Client(v4.to_ipv6_mapped().to_bits()),
            IpAddr::V6(v6) => Client(v6.to_bits() & !u128::from(u64::MAX)),
        }
    }
}

impl std::fmt::Display for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ipv6Addr::from_bits(self.0).to_canonical().fmt(f)
    }
}

impl Clients {
    /// Counts one more connection in; an error is the client that has as many as it may.
    pub(super) fn enter(&self, address: IpAddr, most: NonZeroU32) -> Result<Client, Client> {
        let client = Client::of(address);
        let mut clients = lock(&self.0);
        let held = clients.entry(client).or_insert(0);
        if *held >= most.get() {
            return Err(client);
        }
        *held += 1;
        Ok(client)
    }

    /// One that was counted in has ended.
    pub(super) fn leave(&self, client: Client) {
        let mut clients = lock(&self.0);
        let Some(held) = clients.get_mut(&client) else { return };
        *held -= 1;
        if *held > 0 {
            return;
        }
        clients.remove(&client);
        // What a flood has taken is given back.
        if clients.capacity() > 4 * (clients.len() + 64) {
            clients.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(clients: &Clients, address: &str, most: u32) -> Result<Client, Client> {
        clients.enter(address.parse().unwrap(), NonZeroU32::new(most).unwrap())
    }

    #[test]
    fn each_client_has_its_own_number_and_gets_its_places_back() {
        let clients = Clients::default();
        let first = enter(&clients, "192.0.2.1", 2).unwrap();
        enter(&clients, "::ffff:192.0.2.1", 2).unwrap();
        assert_eq!(enter(&clients, "192.0.2.1", 2).unwrap_err().to_string(), "192.0.2.1");
        assert!(enter(&clients, "192.0.2.2", 2).is_ok());
        clients.leave(first);
        assert!(enter(&clients, "192.0.2.1", 2).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let clients = Clients::default();
        enter(&clients, "2001:db8:1:2::1", 1).unwrap();
        assert_eq!(enter(&clients, "2001:db8:1:2:ffff::", 1).unwrap_err().to_string(), "2001:db8:1:2::");
        assert!(enter(&clients, "2001:db8:1:3::1", 1).is_ok());
        assert!(enter(&clients, "::1", 1).is_ok() && enter(&clients, "0.0.0.0", 1).is_ok());
    }

    #[test]
    fn a_lower_limit_holds_at_once() {
        let clients = Clients::default();
        for _ in 0..3 {
            enter(&clients, "192.0.2.1", 3).unwrap();
        }
        assert!(enter(&clients, "192.0.2.1", 2).is_err() && enter(&clients, "192.0.2.1", 4).is_ok());
    }

    #[test]
    fn clients_that_have_left_take_no_memory() {
        let clients = Clients::default();
        let address = |index: u32| IpAddr::from(index.to_be_bytes());
        let one = NonZeroU32::MIN;
        let all: Vec<_> = (0..10_000).map(|index| clients.enter(address(index), one).unwrap()).collect();
        all.into_iter().for_each(|client| clients.leave(client));
        let left = lock(&clients.0);
        assert!(left.is_empty() && left.capacity() < 1_000, "{}", left.capacity());
    }
}
