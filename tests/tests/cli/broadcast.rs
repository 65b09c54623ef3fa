//! `tidegate listen --broadcast`: what one sends, all the others get, and who does not read is told what it lost.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::backpressure::in_flight;
use crate::connect::noise;
use crate::process::Tidegate;

#[test]
fn what_one_sends_all_the_others_get() {
    let (_server, url) = Tidegate::listen(["--broadcast"]);
    let [mut first, mut second, mut third] = [(); 3].map(|()| Tidegate::connected(&url, ["-k"]));
    // A connection is in before its first message is taken. Whether the first one is in shows when it hears something.
    let is_heard = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_heard.load(Ordering::Relaxed) {
                say(&mut second, "knock");
                thread::sleep(Duration::from_millis(20));
            }
        });
        assert_eq!(first.stdout_line(), "knock");
        is_heard.store(true, Ordering::Relaxed);
    });
    say(&mut third, "from the third");
    assert_eq!(hears(&mut first), "from the third");
    assert_eq!(hears(&mut second), "from the third");
    say(&mut first, "from the first");
    assert_eq!(hears(&mut second), "from the first");
    assert_eq!(hears(&mut third), "from the first");
    // The first one's own line did not come back to it: this is what it hears next.
    say(&mut second, "from the second");
    assert_eq!(hears(&mut first), "from the second");
    assert_eq!(hears(&mut third), "from the second");
}

fn say(member: &mut Tidegate, line: &str) {
    member.stdin.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// What it hears next, knocking apart.
fn hears(member: &mut Tidegate) -> String {
    loop {
        let line = member.stdout_line();
        if line != "knock" {
            return line;
        }
    }
}

/// What is kept for slow readers, and what a process may grow by besides.
const GROWTH: u64 = (4 << 20) + (4 << 20);

#[test]
fn one_that_does_not_read_holds_up_nobody_and_is_told() {
    // Compressing noise in a debug build takes longer than all the rest.
    let (server, url) = Tidegate::listen(["--broadcast", "--no-compress"]);
    let mut stuck = Tidegate::connected(&url, ["-b", "-k"]);
    let mut healthy = Tidegate::connected(&url, ["-b", "-k"]);
    let mut publisher = Tidegate::connected(&url, ["-b"]);
    let before = server.resident_bytes();
    // Twice what fits in flight, and what is kept: the stuck one cannot have all of it.
    let input = Arc::new(noise(2 * usize::try_from(in_flight() + GROWTH).unwrap()));
    let (mut stdin, source) = (publisher.stdin.take().unwrap(), input.clone());
    let writer = thread::spawn(move || {
        for chunk in source.chunks(64 * 1024) {
            stdin.write_all(chunk).unwrap();
        }
    });
    let mut received = vec![0; input.len()];
    healthy.stdout.as_mut().unwrap().read_exact(&mut received).unwrap();
    assert!(received == *input, "the healthy one got something else");
    writer.join().unwrap();
    let now = server.resident_bytes();
    assert!(now < before + GROWTH, "grown from {before} to {now} bytes");
    let left = stuck.finish();
    assert!(left.stdout.len() < input.len(), "it has everything");
    assert!(left.stderr.contains("1013"), "{}", left.stderr);
    assert!(left.stderr.contains("read too slowly: messages "), "{}", left.stderr);
}
