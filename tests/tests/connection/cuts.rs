//! Connections are cut at random points, or fall silent, and the conversation goes on from there.

use std::time::Duration;

use tidegate::{Connection, Transport};

use crate::conversation::{Talk, Talker, converse};
use crate::over_each_transport;
use crate::proxy::{Proxy, Rules};

const COUNT: u64 = 2000;

async fn nothing_is_lost_where_connections_are_cut(transport: Transport) {
    let rules = Rules { cut_within: Some(200_000), ..Rules::default() };
    nothing_is_lost(transport, rules, 0x5eed_0000 + transport as u64).await;
}

async fn nothing_is_lost_where_connections_fall_silent(transport: Transport) {
    let rules = Rules { cut_within: Some(200_000), half_open: 300, ..Rules::default() };
    nothing_is_lost(transport, rules, 0x5eed_0010 + transport as u64).await;
}

async fn nothing_is_lost(transport: Transport, rules: Rules, seed: u64) {
    let mut talker = Talker::start(Talk::of(COUNT));
    let proxy = Proxy::start(talker.server.address(), seed).await;
    proxy.rules(rules);
    let connection = Connection::builder(proxy.url())
        .transports([transport])
        .silence(Duration::from_secs(1))
        .connect()
        .unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(120), converse(&connection, Talk::of(COUNT))).await;
    let info = ended.unwrap_or_else(|_| panic!("it hangs, seed {seed:#x}")).unwrap();
    assert_eq!(info.close_code.get(), 1000);
    talker.found().await;
    assert!(proxy.accepted() > 2, "nothing was cut");
}

over_each_transport!(
    nothing_is_lost_where_connections_are_cut,
    nothing_is_lost_where_connections_fall_silent,
);
