//! What an acceptor goes by.

use std::sync::Arc;
use std::time::Duration;

use tidegate_proto::credit;
#[cfg(feature = "sessions")]
use tidegate_proto::session;
use tidegate_proto::websocket::Config;
use tokio::time::Instant;

use super::connections::{Connections, Limits};
use super::origin::OriginPolicy;
use super::policy::Policy;
use crate::http::tls::ServerTls;
use crate::http::{HeadLimits, Http2};
#[cfg(feature = "sessions")]
use crate::session::Sessions;
use crate::websocket::Tuning;

#[derive(Clone)]
pub(super) struct Settings {
    /// Shared by all connections.
    pub(super) config: Arc<Config>,
    pub(super) credits: Option<credit::Config>,
    pub(super) origins: OriginPolicy,
    pub(super) policy: Policy,
    pub(super) tls: Option<ServerTls>,
    pub(super) http2: Option<Http2>,
    pub(super) head_limits: HeadLimits,
    pub(super) handshake_timeout: Duration,
    pub(super) tuning: Tuning,
    #[cfg(feature = "sessions")]
    pub(super) sessions: Sessions,
    /// `None` where there are none.
    #[cfg(feature = "sessions")]
    pub(super) session: Option<session::Config>,
    pub(super) limits: Limits,
    pub(super) connections: Connections,
    pub(super) max_handshakes: usize,
    pub(super) drain_timeout: Duration,
}

impl Settings {
    /// Until when a handshake that begins now has to be done.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.handshake_timeout
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            config: Arc::default(),
            credits: Some(credit::Config::default()),
            origins: OriginPolicy::default(),
            policy: Policy::default(),
            tls: None,
            http2: None,
            head_limits: HeadLimits::default(),
            handshake_timeout: Duration::from_secs(10),
            tuning: Tuning::default(),
            #[cfg(feature = "sessions")]
            sessions: Sessions::default(),
            #[cfg(feature = "sessions")]
            session: Some(session::Config::default()),
            limits: Limits { total: 16 * 1024, per_ip: 4096 },
            connections: Connections::default(),
            max_handshakes: 1024,
            drain_timeout: Duration::from_secs(10),
        }
    }
}
