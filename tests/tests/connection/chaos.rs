//! Ten thousand messages each way through the worst of networks: none missing, none twice.

use std::time::{Duration, Instant};

use tidegate::{Connection, Transport};

use crate::conversation::{Talk, Talker, converse};
use crate::proxy::{Proxy, Rules};
use crate::{ALL, over_each_transport};

/// Slow enough for dozens of kills.
const TALK: Talk = Talk { count: 10_000, pause: Some(Duration::from_millis(5)) };

/// When a run is given up. None takes as long unless it hangs.
const GUARD: Duration = Duration::from_secs(300);

/// Everything that can happen to a connection.
const CHAOS: Rules = Rules {
    cut_within: Some(500_000),
    half_open: 80,
    bad_gateway: 100,
    not_found: false,
    swallows_upgrades: false,
    delays_upgrades: Duration::ZERO,
    buffers_streams: false,
    refuses_posts: None,
    longest_post: None,
};

async fn nothing_is_lost_in_chaos(transport: Transport) {
    chaos(&[transport], CHAOS, |_| CHAOS, 0xc4a0 + transport as u64).await;
}

over_each_transport!(nothing_is_lost_in_chaos);

#[tokio::test]
async fn nothing_is_lost_while_transports_change() {
    let change =
        |random: u64| Rules { swallows_upgrades: random & 1 > 0, buffers_streams: random & 2 > 0, ..CHAOS };
    chaos(&ALL, CHAOS, change, 0xc4a9).await;
}

/// Kills everything every 300 ms, with the first rules, then those that `change` makes of a random number.
async fn chaos(transports: &[Transport], first: Rules, change: impl Fn(u64) -> Rules, seed: u64) {
    // Another network on demand.
    let other = std::env::var("TIDEGATE_SEED").map_or(0, |seed| seed.parse().unwrap());
    let seed = seed + (other << 16);
    let mut talker = Talker::start(TALK);
    let proxy = Proxy::start(talker.server.address(), seed).await;
    proxy.rules(first);
    let connection = Connection::builder(proxy.url())
        .transports(transports.iter().copied())
        .silence(Duration::from_secs(2))
        .stagger(Duration::from_millis(100))
        .climb_interval(Duration::from_millis(200))
        .connect()
        .unwrap();
    let began = Instant::now();
    let mut kills = 0;
    let mut carried_by = std::collections::BTreeMap::new();
    let worst = async {
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            *carried_by.entry(connection.transport().map(Transport::name)).or_insert(0) += 1;
            proxy.rules(change(proxy.random(4)));
            proxy.kill_all();
            kills += 1;
        }
    };
    let info = tokio::select! {
        info = converse(&connection, TALK) => info.unwrap_or_else(|error| panic!("{error}, seed {seed:#x}")),
        () = worst => unreachable!("it goes on for ever"),
        () = tokio::time::sleep(GUARD) => panic!("it hangs, seed {seed:#x}: {:?}", connection.stats()),
    };
    assert_eq!(info.close_code.get(), 1000);
    talker.found().await;
    println!(
        "{} messages each way in {:?}: {kills} kills, {} connections, seen with {carried_by:?}",
        TALK.count,
        began.elapsed(),
        proxy.accepted(),
    );
}
