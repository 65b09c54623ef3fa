//! Serves the public web-platform-tests of `websockets/` from a folder, with Tidegate's own server behind their
//! WebSocket handlers: `cargo xtask wpt` starts it.
//!
//! Usage: `wpt-server ROOT LANES [FOLDER MODULE SETTINGS]`: how many times to serve it all, and a module to be used
//! in place of the browser's `WebSocketStream`, with settings in JSON. It prints one line of JSON that tells what
//! there is, and ends when its input does.

use std::process::ExitCode;

use tidegate_tests::wpt::{Inject, Options, start};
use tokio::io::AsyncReadExt as _;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let options = match arguments() {
        Ok(options) => options,
        Err(reason) => {
            eprintln!("wpt-server: {reason}\nusage: wpt-server ROOT LANES [FOLDER MODULE SETTINGS]");
            return ExitCode::from(2);
        }
    };
    match start(&options).await {
        Ok(told) => println!("{told}"),
        Err(error) => {
            eprintln!("wpt-server: {}: {error}", options.root.display());
            return ExitCode::from(2);
        }
    }
    let mut input = tokio::io::stdin();
    let mut scratch = [0; 64];
    while matches!(input.read(&mut scratch).await, Ok(1..)) {}
    ExitCode::SUCCESS
}

fn arguments() -> Result<Options, String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (root, lanes, inject) = match words.as_slice() {
        [root, lanes] => (root, lanes, None),
        [root, lanes, folder, module, settings] => (
            root,
            lanes,
            Some(Inject { folder: folder.into(), module: module.clone(), settings: settings.clone() }),
        ),
        _ => return Err("two or five words are expected".to_owned()),
    };
    let lanes = lanes.parse().map_err(|_| format!("no number of lanes: {lanes}"))?;
    Ok(Options { root: root.into(), inject, lanes })
}
