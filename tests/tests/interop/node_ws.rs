//! npm's ws, as client and as server.

use crate::cell::matrix;

matrix!(NodeWs {
    to_our_server: Server, Ws, Off;
    to_our_server_with_deflate: Server, Ws, Deflate;
    to_our_tls_server: Server, Wss, Off;
    to_our_tls_server_with_deflate: Server, Wss, Deflate;
    from_our_client: Client, Ws, Off;
    from_our_client_with_deflate: Client, Ws, Deflate;
    from_our_tls_client: Client, Wss, Off;
    from_our_tls_client_with_deflate: Client, Wss, Deflate;
} {
    opening: a_common_protocol_is_selected, no_protocol_is_selected_unasked;
    messages:
        every_message_comes_back,
        our_fragments_become_one_message,
        fragments_of_the_peer_become_one_message,
        small_messages_keep_their_order_both_ways,
        a_ping_is_answered_while_nobody_reads,
        a_ping_is_answered_while_a_reader_waits;
    closing:
        our_close_reaches_the_peer,
        our_empty_close_has_no_code,
        the_peers_close_is_clean,
        messages_before_our_close_all_arrive,
        messages_before_the_peers_close_outlive_it,
        a_reader_finds_the_close_behind_many_messages,
        a_drop_is_unclean_behind_every_message;
    backpressure: our_write_waits_for_the_peers_reader, the_peers_write_waits_for_our_reader;
});
