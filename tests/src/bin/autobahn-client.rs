//! The client that the public WebSocket suite puts to the test: it runs every case by echoing until the end.
//!
//! Usage: `autobahn-client ws://127.0.0.1:9001`

use std::error::Error;
use std::process::ExitCode;

use tidegate::{Config, Opened, WebSocketStream};

const AGENT: &str = "tidegate";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(url) = std::env::args().nth(1) else {
        eprintln!("usage: autobahn-client URL");
        return ExitCode::from(2);
    };
    match run_all(&url).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("autobahn-client: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run_all(url: &str) -> Result<(), Box<dyn Error>> {
    let count = case_count(url).await?;
    for case in 1..=count {
        // A case may well end in a failed connection: the suite is the judge, not this program.
        let _ = echo(&format!("{url}/runCase?case={case}&agent={AGENT}")).await;
    }
    echo(&format!("{url}/updateReports?agent={AGENT}")).await
}

async fn case_count(url: &str) -> Result<u32, Box<dyn Error>> {
    let socket = WebSocketStream::connect(format!("{url}/getCaseCount"))?;
    let Opened { mut readable, .. } = socket.opened().await?;
    let message = readable.read().await?.ok_or("the suite told no number of cases")?;
    let count = message.as_text().ok_or("the number of cases is not text")?.parse()?;
    socket.close(())?;
    socket.closed().await?;
    Ok(count)
}

/// The limits that sections 9.* need: messages of 16 MiB, and of 65,536 fragments.
fn limits() -> Config {
    Config::default().max_frame_bytes(32 << 20).max_message_bytes(32 << 20).max_fragments(100_000)
}

async fn echo(url: &str) -> Result<(), Box<dyn Error>> {
    let socket = WebSocketStream::builder(url).config(limits()).connect()?;
    let Opened { mut readable, mut writable, .. } = socket.opened().await?;
    while let Some(message) = readable.read().await? {
        writable.write(message).await?;
    }
    socket.closed().await?;
    Ok(())
}
