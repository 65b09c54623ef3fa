//! Counters and gauges.

#[cfg(feature = "metrics")]
pub(super) use self::on::{Numbers, refused, unopened};

#[cfg(not(feature = "metrics"))]
pub(super) use self::off::{Numbers, refused, unopened};

#[cfg(feature = "metrics")]
mod on {
    use http::StatusCode;
    use metrics::{counter, gauge};
    use tidegate_proto::websocket::Side;

    use crate::websocket::link::Link;
    use crate::websocket::observe::peer::name;
    use crate::websocket::stats::Stats;

    /// What was told of a connection so far. While it is there, the connection counts as active.
    pub(in super::super) struct Numbers {
        side: &'static str,
        told: Stats,
        charged: usize,
    }

    impl Numbers {
        pub(in super::super) fn opened(side: Side) -> Self {
            let side = name(side);
            counter!("tidegate_connections_opened_total", "side" => side).increment(1);
            gauge!("tidegate_connections_active", "side" => side).increment(1);
            Self { side, told: Stats::default(), charged: 0 }
        }

        pub(in super::super) fn pass_on(&mut self, link: &Link) {
            let now = link.stats();
            let told = std::mem::replace(&mut self.told, now);
            let side = self.side;
            let messages = |direction, count| {
                counter!("tidegate_messages_total", "side" => side, "direction" => direction)
                    .increment(count);
            };
            let bytes = |direction, count| {
                counter!("tidegate_bytes_total", "side" => side, "direction" => direction).increment(count);
            };
            messages("in", now.messages_read.saturating_sub(told.messages_read));
            messages("out", now.messages_written.saturating_sub(told.messages_written));
            bytes("in", now.bytes_read.saturating_sub(told.bytes_read));
            bytes("out", now.bytes_written.saturating_sub(told.bytes_written));
            let waits = now.write_waits.saturating_sub(told.write_waits);
            counter!("tidegate_write_waits_total", "side" => side).increment(waits);
            // Whole milliseconds of the sum, so that nothing is lost by rounding.
            let waited = now.write_waited.as_millis().saturating_sub(told.write_waited.as_millis());
            let waited = u64::try_from(waited).unwrap_or(u64::MAX);
            counter!("tidegate_write_waited_milliseconds_total", "side" => side).increment(waited);
            self.tell_charged(link.share.charged());
        }

        fn tell_charged(&mut self, charged: usize) {
            let told = std::mem::replace(&mut self.charged, charged);
            if charged != told {
                gauge!("tidegate_budget_used_bytes").increment(charged as f64 - told as f64);
            }
        }

        #[expect(clippy::needless_pass_by_ref_mut, reason = "as without the feature")]
        pub(in super::super) fn ended(&mut self, kind: &'static str) {
            counter!("tidegate_connections_ended_total", "side" => self.side, "kind" => kind).increment(1);
        }
    }

    impl Drop for Numbers {
        fn drop(&mut self) {
            gauge!("tidegate_connections_active", "side" => self.side).decrement(1);
            self.tell_charged(0);
        }
    }

    pub(in super::super) fn refused(status: StatusCode) {
        counter!("tidegate_connections_refused_total", "status" => status.as_str().to_owned()).increment(1);
    }

    pub(in super::super) fn unopened(side: Side, kind: &'static str) {
        counter!("tidegate_connections_unopened_total", "side" => name(side), "kind" => kind).increment(1);
    }
}

#[cfg(not(feature = "metrics"))]
mod off {
    use http::StatusCode;
    use tidegate_proto::websocket::Side;

    use crate::websocket::link::Link;

    pub(in super::super) struct Numbers;

    impl Numbers {
        pub(in super::super) fn opened(_: Side) -> Self {
            Self
        }

        pub(in super::super) fn pass_on(&mut self, _: &Link) {}

        pub(in super::super) fn ended(&mut self, _: &'static str) {}
    }

    pub(in super::super) fn refused(_: StatusCode) {}

    pub(in super::super) fn unopened(_: Side, _: &'static str) {}
}
