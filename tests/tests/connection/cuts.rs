//! Connections are cut at random points, and the conversation goes on from there.

use std::time::Duration;

use tidegate::{Connection, Transport};

use crate::conversation::{Talker, converse};
use crate::over_each_transport;
use crate::proxy::{Proxy, Rules};

const COUNT: u64 = 2000;

async fn nothing_is_lost_where_connections_are_cut(transport: Transport) {
    let seed = 0x5eed_0000 + transport as u64;
    let mut talker = Talker::start(COUNT);
    let proxy = Proxy::start(talker.server.address(), seed).await;
    proxy.rules(Rules { cut_within: Some(200_000), ..Rules::default() });
    let connection = Connection::builder(proxy.url()).transports([transport]).connect().unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(120), converse(&connection, COUNT)).await;
    let info = ended.unwrap_or_else(|_| panic!("it hangs, seed {seed:#x}")).unwrap();
    assert_eq!(info.close_code.get(), 1000);
    talker.found().await;
    assert!(proxy.accepted() > 2, "nothing was cut");
}

over_each_transport!(nothing_is_lost_where_connections_are_cut);
