//! What does not hold yet. A test that passes moves to the file of its section.

use tidegate_proto::websocket::Side;

use crate::peer::{Endpoint, UNLIMITED, compress_all, deflate, deflater, noise};

const COMPRESSED_BINARY: u8 = 0xc2;

/// A message within the limit is taken, even where compression made it longer than it was: the limit is on what
/// comes out (`Config::max_message_bytes`), and every sender of ours compresses what does not compress.
#[test]
fn a_message_of_the_limit_that_does_not_compress_is_taken() {
    let payload = noise(1000);
    let compressed = deflate(&mut deflater(), &payload);
    assert!(compressed.len() > 1000, "{} bytes", compressed.len());
    let mut server = Endpoint::new(Side::Server, compress_all().max_message_bytes(1000), UNLIMITED);
    server.gets(COMPRESSED_BINARY, compressed).reads(payload);
}
