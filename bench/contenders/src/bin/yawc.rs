//! yawc: the echo of its documentation, over hyper.

use std::io;

use bytes::Bytes;
use contenders::streams::{Serve, Stream, run};
use contenders::{FIREHOSE_BYTES, Setup, Task, cannot};
use futures_util::{SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use yawc::{CompressionLevel, Frame, OpCode, Options, UpgradeFut, WebSocket};

#[derive(Clone)]
struct Yawc {
    task: Task,
    options: Options,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let setup = Setup::from_args()?;
    // A message of 1 MiB is over the limit that it has by default.
    let options = Options::default().with_max_payload_read(16 << 20);
    let options = match setup.task {
        Task::Echo | Task::Firehose => options.without_compression(),
        Task::DeflateFast => options.with_compression_level(CompressionLevel::fast()),
        Task::DeflateSmall => options.with_compression_level(CompressionLevel::new(6)),
        Task::Broadcast => return Err(cannot(setup.task)),
    };
    run(&setup, Yawc { task: setup.task, options }).await
}

impl Serve for Yawc {
    async fn serve(self, stream: impl Stream) {
        let service = service_fn(|request| {
            let yawc = self.clone();
            async move { yawc.answer(request) }
        });
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
    }
}

impl Yawc {
    fn answer(&self, mut request: Request<Incoming>) -> yawc::Result<Response<Empty<Bytes>>> {
        let (response, upgrading) = WebSocket::upgrade_with_options(&mut request, self.options.clone())?;
        let task = self.task;
        tokio::spawn(async move {
            let _ = if task == Task::Firehose { firehose(upgrading).await } else { echo(upgrading).await };
        });
        Ok(response)
    }
}

async fn echo(upgrading: UpgradeFut) -> yawc::Result<()> {
    let Ok(mut socket) = upgrading.await else { return Ok(()) };
    while let Some(frame) = socket.next().await {
        if matches!(frame.opcode(), OpCode::Text | OpCode::Binary) {
            socket.send(frame).await?;
        }
    }
    Ok(())
}

async fn firehose(upgrading: UpgradeFut) -> yawc::Result<()> {
    let Ok(mut socket) = upgrading.await else { return Ok(()) };
    let message = Bytes::from(vec![b'x'; FIREHOSE_BYTES]);
    loop {
        socket.send(Frame::binary(message.clone())).await?;
    }
}
