//! Well-behaved clients, which must be served whatever others do.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate::{Message, Opened, Proxy, WebSocketStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How many there are.
const CLIENTS: u64 = 3;

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between an answer and the next message: the server's CPU time is to show what the others cost.
const REST: Duration = Duration::from_millis(5);

const MESSAGE_BYTES: usize = 125;

/// The clients; dropping it ends them.
pub(crate) struct Echoes {
    counted: Arc<Counted>,
    _clients: JoinSet<()>,
}

#[derive(Default)]
struct Counted {
    answered: AtomicU64,
    worst_micros: AtomicU64,
    failure: Mutex<Option<String>>,
}

impl Echoes {
    pub(crate) fn start(address: SocketAddr) -> Self {
        let counted = Arc::<Counted>::default();
        let one = |number| {
            let counted = counted.clone();
            async move {
                let Err(error) = client(number, address, &counted).await;
                let mut failure = counted.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert_with(|| format!("well-behaved client {number}: {error}"));
            }
        };
        let clients = (0..CLIENTS).map(one).collect();
        Self { counted, _clients: clients }
    }

    pub(crate) fn answered(&self) -> u64 {
        self.counted.answered.load(Ordering::Relaxed)
    }

    /// The longest that an answer took since [`forget_the_worst`](Self::forget_the_worst).
    pub(crate) fn worst(&self) -> Duration {
        Duration::from_micros(self.counted.worst_micros.load(Ordering::Relaxed))
    }

    pub(crate) fn forget_the_worst(&self) {
        self.counted.worst_micros.store(0, Ordering::Relaxed);
    }

    /// What went wrong first, if anything did.
    pub(crate) fn failure(&self) -> Option<String> {
        self.counted.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Sends and compares until something is wrong.
async fn client(
    number: u64,
    address: SocketAddr,
    counted: &Counted,
) -> Result<std::convert::Infallible, Box<dyn Error + Send + Sync>> {
    let socket = WebSocketStream::builder(format!("ws://{address}/")).proxy(Proxy::none()).connect()?;
    let Opened { mut readable, mut writable, .. } = socket.opened().await?;
    let mut round = 0;
    loop {
        let message = format!("{:>MESSAGE_BYTES$}", number + CLIENTS * round);
        let began = Instant::now();
        let echo = async {
            writable.write(message.as_str()).await?;
            readable.read().await
        };
        let echo = timeout(PATIENCE, echo).await.map_err(|_| format!("no answer within {PATIENCE:?}"))??;
        match echo {
            Some(Message::Text(text)) if *text == *message => {}
            other => return Err(format!("{other:?} came back instead of message {round}").into()),
        }
        counted.answered.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(began.elapsed().as_micros())?;
        counted.worst_micros.fetch_max(micros, Ordering::Relaxed);
        round += 1;
        sleep(REST).await;
    }
}
