//! RFC 7692 §7.1: the parameters of permessage-deflate.

use tidegate_proto::websocket::Extension;
use tidegate_proto::websocket::deflate::{
    DeflateConfig, DeflateParams, UnacceptableExtensions, accept, confirm, offer,
};

fn parse(header: &str) -> Vec<Extension> {
    Extension::parse_all([header]).expect("the test's header is well-formed")
}

fn config() -> DeflateConfig {
    DeflateConfig::default()
}

/// `agreed(server_no_context_takeover, client_no_context_takeover, server bits, client bits)`
fn agreed(server_forgets: bool, client_forgets: bool, server_bits: u8, client_bits: u8) -> DeflateParams {
    DeflateParams {
        server_no_context_takeover: server_forgets,
        client_no_context_takeover: client_forgets,
        server_max_window_bits: server_bits,
        client_max_window_bits: client_bits,
    }
}

#[track_caller]
fn accepts(offers: &str, config: DeflateConfig, params: DeflateParams, answer: &str) {
    assert_eq!(accept(&parse(offers), &config), Some((params, answer.to_owned())), "{offers}");
}

#[track_caller]
fn declines(offers: &str) {
    assert_eq!(accept(&parse(offers), &config()), None, "{offers}");
}

#[track_caller]
fn confirms(answer: &str, config: DeflateConfig, params: DeflateParams) {
    assert_eq!(confirm(&parse(answer), &config), Ok(Some(params)), "{answer}");
}

#[track_caller]
fn fails(answer: &str, config: DeflateConfig, why: UnacceptableExtensions) {
    assert_eq!(confirm(&parse(answer), &config), Err(why), "{answer}");
}

#[test]
fn the_client_offers_what_is_set() {
    assert_eq!(offer(&config()), "permessage-deflate; client_max_window_bits");
    assert_eq!(offer(&config().client_max_window_bits(10)), "permessage-deflate; client_max_window_bits=10");
    assert_eq!(
        offer(&config().server_max_window_bits(9)),
        "permessage-deflate; server_max_window_bits=9; client_max_window_bits"
    );
    assert_eq!(
        offer(&config().server_no_context_takeover(true).client_no_context_takeover(true)),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"
    );
}

#[test]
fn the_server_accepts_the_examples_of_the_rfc() {
    accepts("permessage-deflate", config(), agreed(false, false, 15, 15), "permessage-deflate");
    accepts(
        "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
        config(),
        agreed(false, false, 10, 15),
        "permessage-deflate; server_max_window_bits=10",
    );
    accepts(
        "permessage-deflate; client_max_window_bits; server_max_window_bits=10, \
         permessage-deflate; client_max_window_bits",
        config(),
        agreed(false, false, 10, 15),
        "permessage-deflate; server_max_window_bits=10",
    );
}

#[test]
fn either_end_can_ask_for_no_context_takeover() {
    let server = "permessage-deflate; server_no_context_takeover";
    let client = "permessage-deflate; client_no_context_takeover";
    accepts(server, config(), agreed(true, false, 15, 15), server);
    accepts(client, config(), agreed(false, true, 15, 15), client);
    let forgetful = config().server_no_context_takeover(true).client_no_context_takeover(true);
    let both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    for offer in ["permessage-deflate", server, client, both] {
        accepts(offer, forgetful, agreed(true, true, 15, 15), both);
    }
}

#[test]
fn the_smaller_server_window_wins() {
    let ours = config().server_max_window_bits(11);
    for (offered, bits) in [("9", 9), ("11", 11), ("15", 11)] {
        accepts(
            &format!("permessage-deflate; server_max_window_bits={offered}"),
            ours,
            agreed(false, false, bits, 15),
            &format!("permessage-deflate; server_max_window_bits={bits}"),
        );
    }
    // A server may limit itself unasked, and accepts a limit by naming it, be it no limit at all (§7.1.2.1).
    accepts(
        "permessage-deflate",
        ours,
        agreed(false, false, 11, 15),
        "permessage-deflate; server_max_window_bits=11",
    );
    accepts(
        "permessage-deflate; server_max_window_bits=15",
        config(),
        agreed(false, false, 15, 15),
        "permessage-deflate; server_max_window_bits=15",
    );
}

#[test]
fn the_client_window_is_limited_only_where_the_client_allows_it() {
    let ours = config().client_max_window_bits(11);
    accepts("permessage-deflate", ours, agreed(false, false, 15, 15), "permessage-deflate");
    let limited = |bits: u8| format!("permessage-deflate; client_max_window_bits={bits}");
    accepts("permessage-deflate; client_max_window_bits", ours, agreed(false, false, 15, 11), &limited(11));
    for (offered, bits) in [(8, 8), (9, 9), (11, 11), (12, 11), (15, 11)] {
        accepts(&limited(offered), ours, agreed(false, false, 15, bits), &limited(bits));
    }
    accepts(&limited(9), config(), agreed(false, false, 15, 9), &limited(9));
    accepts(&limited(15), config(), agreed(false, false, 15, 15), "permessage-deflate");
}

#[test]
fn a_quoted_value_is_the_same_value() {
    accepts(
        "permessage-deflate; server_max_window_bits=\"10\"",
        config(),
        agreed(false, false, 10, 15),
        "permessage-deflate; server_max_window_bits=10",
    );
}

#[test]
fn the_server_declines_what_breaks_the_rules() {
    for param in [
        "unknown",
        "unknown=1",
        "Server_no_context_takeover",
        "server_no_context_takeover=true",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover=1",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits; client_max_window_bits",
        "client_max_window_bits; client_max_window_bits=10",
    ] {
        declines(&format!("permessage-deflate; {param}"));
    }
    for bits in ["0", "1", "7", "16", "08", "010", "+9", "-9", "9.0", "0x9", "x", "256", "264", "99999999999"]
    {
        declines(&format!("permessage-deflate; server_max_window_bits={bits}"));
        declines(&format!("permessage-deflate; client_max_window_bits={bits}"));
    }
}

#[test]
fn the_server_declines_a_window_it_cannot_compress_with() {
    declines("permessage-deflate; server_max_window_bits=8");
}

#[test]
fn the_server_takes_the_first_acceptable_offer() {
    accepts(
        "x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=8, permessage-deflate; unknown, \
         permessage-deflate; server_no_context_takeover, permessage-deflate",
        config(),
        agreed(true, false, 15, 15),
        "permessage-deflate; server_no_context_takeover",
    );
    declines("permessage-bzip2, Permessage-Deflate, permessage-deflate2");
    assert_eq!(accept(&[], &config()), None);
}

#[test]
fn the_client_confirms_what_it_offered() {
    assert_eq!(confirm(&[], &config()), Ok(None));
    confirms("permessage-deflate", config(), agreed(false, false, 15, 15));
    confirms("permessage-deflate; server_max_window_bits=10", config(), agreed(false, false, 10, 15));
    confirms("permessage-deflate; server_max_window_bits=8", config(), agreed(false, false, 8, 15));
    confirms("permessage-deflate; client_max_window_bits=9", config(), agreed(false, false, 15, 9));
    confirms(
        "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
        config(),
        agreed(true, true, 15, 15),
    );
}

#[test]
fn the_client_keeps_its_own_promises_unasked() {
    let promised = config().client_no_context_takeover(true).client_max_window_bits(12);
    confirms("permessage-deflate", promised, agreed(false, true, 15, 12));
    confirms("permessage-deflate; client_max_window_bits=10", promised, agreed(false, true, 15, 10));
}

#[test]
fn the_client_fails_what_it_did_not_offer() {
    use UnacceptableExtensions::{IgnoredParam, NotOffered, Repeated};
    fails("x-mux", config(), NotOffered("x-mux".into()));
    fails("permessage-deflate, x-mux", config(), NotOffered("x-mux".into()));
    fails("permessage-deflate, permessage-deflate", config(), Repeated);
    let server_limited = config().server_max_window_bits(10);
    confirms("permessage-deflate; server_max_window_bits=10", server_limited, agreed(false, false, 10, 15));
    for too_large in ["permessage-deflate", "permessage-deflate; server_max_window_bits=11"] {
        fails(too_large, server_limited, IgnoredParam("server_max_window_bits"));
    }
    fails(
        "permessage-deflate; client_max_window_bits=11",
        config().client_max_window_bits(10),
        IgnoredParam("client_max_window_bits"),
    );
    fails(
        "permessage-deflate",
        config().server_no_context_takeover(true),
        IgnoredParam("server_no_context_takeover"),
    );
}

#[test]
fn the_client_fails_a_malformed_answer() {
    use UnacceptableExtensions::{InvalidValue, RepeatedParam, UnknownParam, UnsupportedClientWindow};
    fails("permessage-deflate; x=1", config(), UnknownParam("x".into()));
    for param in ["server_no_context_takeover", "client_no_context_takeover"] {
        fails(&format!("permessage-deflate; {param}=1"), config(), InvalidValue(param));
        fails(&format!("permessage-deflate; {param}; {param}"), config(), RepeatedParam(param.into()));
    }
    for param in ["server_max_window_bits", "client_max_window_bits"] {
        fails(&format!("permessage-deflate; {param}"), config(), InvalidValue(param));
        fails(&format!("permessage-deflate; {param}=9; {param}=9"), config(), RepeatedParam(param.into()));
        for bits in ["0", "7", "16", "08", "010", "+9", "264", "x"] {
            fails(&format!("permessage-deflate; {param}={bits}"), config(), InvalidValue(param));
        }
    }
    fails("permessage-deflate; client_max_window_bits=8", config(), UnsupportedClientWindow);
}

/// Whatever the two ends set, they agree, and both read the agreement alike.
#[test]
fn both_ends_agree_whatever_is_set() {
    let mut configs = Vec::new();
    for flags in 0..4 {
        for server_bits in 9..=15 {
            for client_bits in 9..=15 {
                configs.push(
                    config()
                        .server_no_context_takeover(flags & 1 != 0)
                        .client_no_context_takeover(flags & 2 != 0)
                        .server_max_window_bits(server_bits)
                        .client_max_window_bits(client_bits),
                );
            }
        }
    }
    for client in &configs {
        let offers = parse(&offer(client));
        for server in &configs {
            let (params, answer) = accept(&offers, server).expect("our own offer is acceptable");
            assert_eq!(confirm(&parse(&answer), client), Ok(Some(params)), "{client:?} {server:?}");
        }
    }
}
