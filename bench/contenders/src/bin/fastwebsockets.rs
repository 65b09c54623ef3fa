//! fastwebsockets: the echo of its example, over hyper.

use std::io;

use bytes::Bytes;
use contenders::streams::{Serve, Stream, run};
use contenders::{FIREHOSE_BYTES, Setup, Task, cannot};
use fastwebsockets::upgrade::{UpgradeFut, upgrade};
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, WebSocketError};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

#[derive(Clone)]
struct Fast {
    task: Task,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let setup = Setup::from_args()?;
    match setup.task {
        Task::Echo | Task::Firehose => run(&setup, Fast { task: setup.task }).await,
        task => Err(cannot(task)),
    }
}

impl Serve for Fast {
    async fn serve(self, stream: impl Stream) {
        let service = service_fn(|request| {
            let answer = self.answer(request);
            async move { answer }
        });
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
    }
}

impl Fast {
    fn answer(&self, mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, WebSocketError> {
        let (response, upgrading) = upgrade(&mut request)?;
        let task = self.task;
        tokio::spawn(tokio::task::unconstrained(async move {
            let _ = if task == Task::Firehose { firehose(upgrading).await } else { echo(upgrading).await };
        }));
        Ok(response)
    }
}

async fn echo(upgrading: UpgradeFut) -> Result<(), WebSocketError> {
    let mut socket = FragmentCollector::new(upgrading.await?);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}

async fn firehose(upgrading: UpgradeFut) -> Result<(), WebSocketError> {
    let mut socket = FragmentCollector::new(upgrading.await?);
    let message = vec![b'x'; FIREHOSE_BYTES];
    loop {
        socket.write_frame(Frame::binary(Payload::Borrowed(&message))).await?;
    }
}
