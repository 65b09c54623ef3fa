//! Which hosts are reached without the proxy: the syntax of `no_proxy`.

use std::net::IpAddr;

use url::{Host, Url};

/// A list of hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bypass(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    /// A domain and all below it.
    Domain(String),
    /// An address and how many of its leading bits count.
    Network(IpAddr, u8),
}

impl Bypass {
    /// Reads entries between commas or spaces. What is no host, address or network matches nothing.
    pub(super) fn parse(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        Self(entries.filter_map(Rule::parse).collect())
    }

    /// Whether the host of `url` is in the list.
    pub(super) fn contains(&self, url: &Url) -> bool {
        let port = crate::http::url::port(url);
        let Some(host) = url.host() else { return false };
        self.0.iter().any(|rule| rule.port.is_none_or(|only| only == port) && rule.hosts.contain(&host))
    }
}

impl Rule {
    fn parse(entry: &str) -> Option<Self> {
        if let Some(hosts) = Hosts::parse(entry) {
            return Some(Self { hosts, port: None });
        }
        let (host, port) = entry.rsplit_once(':')?;
        Some(Self { hosts: Hosts::parse(host)?, port: Some(port.parse().ok()?) })
    }
}

impl Hosts {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let bits = bits.parse().ok().filter(|bits| *bits <= width(address))?;
            return Some(Self::Network(address, bits));
        }
        if let Ok(address) = text.parse() {
            return Some(Self::address(address));
        }
        let text = text.strip_prefix('*').unwrap_or(text);
        let text = text.strip_prefix('.').unwrap_or(text);
        match Host::parse(text.strip_suffix('.').unwrap_or(text)).ok()? {
            Host::Domain(name) => Some(Self::Domain(name)),
            Host::Ipv4(address) => Some(Self::address(address.into())),
            Host::Ipv6(address) => Some(Self::address(address.into())),
        }
    }

    fn address(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self::Network(address, width(address))
    }

    fn contain(&self, host: &Host<&str>) -> bool {
        match (self, host) {
            (Self::All, _) => true,
            (Self::Domain(domain), Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                let above = name.strip_suffix(domain.as_str());
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            (Self::Network(network, bits), Host::Ipv4(address)) => within((*address).into(), *network, *bits),
            (Self::Network(network, bits), Host::Ipv6(address)) => {
                within(IpAddr::from(*address).to_canonical(), *network, *bits)
            }
            _ => false,
        }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let differ = match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => u128::from(address.to_bits() ^ network.to_bits()) << 96,
        (IpAddr::V6(address), IpAddr::V6(network)) => address.to_bits() ^ network.to_bits(),
        _ => return false,
    };
    differ.leading_zeros() >= u32::from(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bypassed(list: &str, url: &str) -> bool {
        Bypass::parse(list).contains(&Url::parse(url).unwrap())
    }

    #[test]
    fn domains_match_themselves_and_what_is_below() {
        for list in ["h.example", ".h.example", "*.h.example", "H.Example.", "x, h.example", "x\th.example,"]
        {
            for (url, expected) in [
                ("ws://h.example/", true),
                ("wss://a.b.h.example:8443/", true),
                ("ws://h.example./", true),
                ("ws://oh.example/", false),
                ("ws://example/", false),
                ("ws://h.example.org/", false),
                ("ws://10.0.0.1/", false),
            ] {
                assert_eq!(bypassed(list, url), expected, "{list} {url}");
            }
        }
        assert!(bypassed("bücher.example", "ws://xn--bcher-kva.example/"));
    }

    #[test]
    fn addresses_and_networks() {
        for (list, url, expected) in [
            ("127.0.0.1", "ws://127.0.0.1:9/", true),
            ("127.0.0.1", "ws://127.0.0.2/", false),
            ("127.0.0.1", "ws://localhost/", false),
            ("10.0.0.0/8", "ws://10.1.2.3/", true),
            ("10.0.0.0/8", "ws://11.1.2.3/", false),
            ("10.0.0.0/8", "ws://[::ffff:10.1.2.3]/", true),
            ("0.0.0.0/0", "ws://1.2.3.4/", true),
            ("0.0.0.0/0", "ws://[::1]/", false),
            ("::1", "ws://[::1]/", true),
            ("[::1]", "ws://[::1]/", true),
            ("fd00::/8", "ws://[fd12::1]/", true),
            ("fd00::/8", "ws://[fe80::1]/", false),
            ("10.0.0.0/33", "ws://10.0.0.0/", false),
            ("10.0.0.0/x", "ws://10.0.0.0/", false),
        ] {
            assert_eq!(bypassed(list, url), expected, "{list} {url}");
        }
    }

    #[test]
    fn a_port_narrows_and_a_star_widens() {
        assert!(bypassed("h.example:8443", "wss://h.example:8443/"));
        assert!(bypassed("h.example:443", "wss://h.example/"));
        assert!(!bypassed("h.example:80", "wss://h.example/"));
        assert!(bypassed("[::1]:80", "ws://[::1]/"));
        assert!(!bypassed("h.example:x", "ws://h.example/"));
        assert!(bypassed("*", "ws://anything/") && bypassed("*", "ws://[::1]/"));
        assert!(!bypassed("", "ws://anything/") && !bypassed(" , .", "ws://anything/"));
    }
}
