//! Publishing by POST.

use std::sync::Arc;

use super::answer::Common;
use super::room::{Person, Room};
use crate::channel::Channel;
use crate::front::{BodyError, Client, Framing, Reply, read_body, send};

/// A request to publish, whose body is still to come.
pub(super) struct Publishing {
    pub(super) channel: Arc<Channel>,
    pub(super) room: Room,
    pub(super) person: Person,
    pub(super) common: Common,
}

impl Publishing {
    pub(super) async fn run(self, mut client: Client, framing: Framing, limit: usize) -> Option<Client> {
        let Self { channel, room, person, common } = self;
        let reply = match read_body(&mut client, framing, limit).await {
            Ok(body) => publish(&channel, &room, &person, body, common),
            Err(BodyError::Gone) => return None,
            Err(error) => common.on(Reply::reason(status(error), reason(error))),
        };
        send(client, reply).await
    }
}

fn publish(channel: &Arc<Channel>, room: &Room, person: &Person, body: Vec<u8>, common: Common) -> Reply {
    let Ok(text) = String::from_utf8(body) else {
        return common.on(Reply::reason(415, "a publication is text in UTF-8"));
    };
    match room.publish(channel, person, text) {
        Ok(position) => {
            let reply = Reply::new(200, "text/plain; charset=utf-8", format!("{position}\n"));
            common.position(position).on(reply)
        }
        Err(refused) => common.on(Reply::reason(refused.status, refused.reason)),
    }
}

fn status(error: BodyError) -> u16 {
    match error {
        BodyError::TooLarge => 413,
        BodyError::TimedOut => 408,
        BodyError::Malformed | BodyError::Gone => 400,
    }
}

fn reason(error: BodyError) -> &'static str {
    match error {
        BodyError::TooLarge => "the publication is longer than this server takes",
        BodyError::TimedOut => "the body did not come in time",
        BodyError::Malformed | BodyError::Gone => "the chunks of the body break the grammar of HTTP",
    }
}
