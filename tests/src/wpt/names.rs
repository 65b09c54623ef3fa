//! The hosts and ports of the tests, and the placeholders that stand for them in `.sub.` files.

use serde::Serialize;

use crate::certificates::Certificates;

/// Where the tests are.
pub(crate) const HOST: &str = "web-platform.test";

/// Another site, for what differs between sites.
const ALTERNATIVE: &str = "not-web-platform.test";

/// The subdomains that tests use; one has letters beyond ASCII.
const SUBDOMAINS: [&str; 5] = ["www", "www1", "www2", "xn--n8j6ds53lwwkrqhv28a", "xn--lve-6lad"];

/// The ports of a lane, by the protocol that is spoken there.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Ports {
    pub(crate) http: u16,
    pub(crate) https: u16,
    pub(crate) ws: u16,
    pub(crate) wss: u16,
    pub(crate) h2: u16,
}

/// Every host that must lead to this machine.
pub(crate) fn all() -> Vec<String> {
    let sites = [HOST, ALTERNATIVE];
    let below = |site| SUBDOMAINS.iter().map(move |name| format!("{name}.{site}"));
    sites.into_iter().flat_map(|site| std::iter::once(site.to_owned()).chain(below(site))).collect()
}

/// A throwaway authority with a certificate for all of them.
pub(crate) fn certificates() -> Certificates {
    Certificates::make_for([
        HOST,
        "*.web-platform.test",
        ALTERNATIVE,
        "*.not-web-platform.test",
        "localhost",
        "127.0.0.1",
    ])
}

/// Fills in the placeholders: `{{host}}`, `{{domains[www]}}`, `{{hosts[alt][www]}}`, `{{ports[ws][0]}}`. Others stay.
pub(crate) fn substitute(text: &str, ports: Ports) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((placeholder, after)) = behind.split_once("}}") else {
            filled.push_str("{{");
            rest = behind;
            continue;
        };
        match value(placeholder, ports) {
            Some(value) => filled.push_str(&value),
            None => filled.extend(["{{", placeholder, "}}"]),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

fn value(placeholder: &str, ports: Ports) -> Option<String> {
    let mut parts = placeholder.split(['[', ']']).enumerate().filter(|(at, _)| at % 2 == 1 || *at == 0);
    let (_, name) = parts.next()?;
    let indices: Vec<&str> = parts.map(|(_, index)| index).collect();
    match (name, indices.as_slice()) {
        ("host", []) => Some(HOST.to_owned()),
        ("domains", [subdomain]) => Some(below(subdomain, HOST)),
        ("hosts", ["alt", subdomain]) => Some(below(subdomain, ALTERNATIVE)),
        ("hosts", ["", subdomain]) => Some(below(subdomain, HOST)),
        ("ports", [protocol, _]) => port(protocol, ports).map(|port| port.to_string()),
        _ => None,
    }
}

fn below(subdomain: &str, site: &str) -> String {
    if subdomain.is_empty() { site.to_owned() } else { format!("{subdomain}.{site}") }
}

fn port(protocol: &str, ports: Ports) -> Option<u16> {
    Some(match protocol {
        "http" => ports.http,
        "https" => ports.https,
        "ws" => ports.ws,
        "wss" => ports.wss,
        "h2" => ports.h2,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in_and_all_else_stays() {
        let ports = Ports { ws: 7, ..Ports::default() };
        let text = "a {{host}}:{{ports[ws][0]}} {{domains[]}} {{domains[www1]}} {{hosts[alt][]}} {{x}} {{";
        let filled = substitute(text, ports);
        assert_eq!(
            filled,
            "a web-platform.test:7 web-platform.test www1.web-platform.test not-web-platform.test {{x}} {{"
        );
    }
}
