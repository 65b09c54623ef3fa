//! What the two ends agree on.

use crate::cell::{Cell, Terms};

pub(crate) async fn a_common_protocol_is_selected(cell: &Cell<'_>) {
    let terms = Terms {
        our_protocols: &["tide.v3", "tide.v2"],
        their_protocols: &["tide.v1", "tide.v2"],
        ..Terms::default()
    };
    let meeting = cell.meet_on(terms).await;
    assert_eq!((meeting.protocol.as_str(), meeting.agreed.protocol.as_str()), ("tide.v2", "tide.v2"));
}

pub(crate) async fn no_protocol_is_selected_unasked(cell: &Cell<'_>) {
    let meeting = cell.meet().await;
    assert_eq!((meeting.protocol.as_str(), meeting.agreed.protocol.as_str()), ("", ""));
}
