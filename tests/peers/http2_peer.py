"""One WebSocket over HTTP/2 of Python's h2 and wsproto, a client or a server, led by a test.

One JSON command a line comes in, {"id", "action", "arguments"}; one JSON reply a line goes out, {"id", "value"} or
{"id", "error"}, in order. The end of the input ends the program. Everything blocks: one socket, one stream.
"""

import json
import socket
import ssl
import sys
import tempfile

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, ResponseReceived, SettingsAcknowledged, StreamEnded, StreamReset
from h2.settings import SettingCodes
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate

PATIENCE = 60


class Peer:
    """Every method without an underscore is a command."""

    def __init__(self):
        self._stream = None
        self._events = []
        self._data = b""
        self._end = None

    def listen(self, certificate):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._certificate = certificate
        return {"port": self._listener.getsockname()[1]}

    def accept(self):
        """Takes one connection, and one extended CONNECT on it, with deflate where it is offered."""
        self._socket, _ = self._listener.accept()
        if self._certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            with tempfile.NamedTemporaryFile("w") as file:
                file.write(self._certificate["chain"] + self._certificate["key"])
                file.flush()
                context.load_cert_chain(file.name)
            self._secure(context, server_side=True)
        self._begin(client_side=False)
        request = self._wait(RequestReceived)
        self._stream = request.stream_id
        headers = dict(request.headers)
        answer = [(":status", "200")]
        extensions = []
        if "permessage-deflate" in headers.get("sec-websocket-extensions", ""):
            deflate = PerMessageDeflate()
            parameters = deflate.accept(headers["sec-websocket-extensions"])
            value = "permessage-deflate" + (f"; {parameters}" if parameters else "")
            answer.append(("sec-websocket-extensions", value))
            extensions.append(deflate)
        self._h2.send_headers(self._stream, answer)
        self._flush()
        self._websocket = Connection(ConnectionType.SERVER, extensions)
        names = (":method", ":protocol", ":scheme", ":path", "sec-websocket-version", "sec-websocket-key")
        return {name: headers.get(name) for name in names}

    def connect(self, port, ca, deflate, key):
        """Opens a WebSocket, and returns the headers of the response."""
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        if ca:
            self._secure(ssl.create_default_context(cadata=ca), server_hostname="127.0.0.1")
        self._begin(client_side=True)
        self._wait(SettingsAcknowledged)
        if self._h2.remote_settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL) != 1:
            raise RuntimeError("the server does not announce extended CONNECT")
        headers = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https" if ca else "http"),
            (":authority", f"127.0.0.1:{port}"),
            (":path", "/python"),
            ("sec-websocket-version", "13"),
        ]
        extensions = [PerMessageDeflate()] if deflate else []
        if deflate:
            headers.append(("sec-websocket-extensions", f"permessage-deflate; {extensions[0].offer()}"))
        if key:
            headers.append(("sec-websocket-key", key))
        self._stream = self._h2.get_next_available_stream_id()
        self._h2.send_headers(self._stream, headers)
        self._flush()
        response = dict(self._wait(ResponseReceived).headers)
        if deflate:
            extensions[0].finalize(response["sec-websocket-extensions"])
        self._websocket = Connection(ConnectionType.CLIENT, extensions)
        return response

    def settings(self):
        """What the other end has announced, by number."""
        return {str(int(code)): value for code, value in self._h2.remote_settings.items()}

    def send(self, text, size):
        """Sends a message of one repeated letter, within the windows."""
        letters = "x" * size
        self._send(TextMessage(letters) if text else BytesMessage(letters.encode()))

    def receive(self):
        """The next message: its kind, length, and whether it repeats one letter."""
        parts = []
        while True:
            event = self._next_event()
            if isinstance(event, (TextMessage, BytesMessage)):
                parts.append(event.data)
                if event.message_finished:
                    kind = "text" if isinstance(event, TextMessage) else "binary"
                    whole = parts[0][:0].join(parts)
                    return {"kind": kind, "size": len(whole), "same": len(set(whole)) <= 1}
            elif isinstance(event, CloseConnection):
                raise RuntimeError(f"closed with {event.code}")

    def close(self, code, reason):
        """Closes, and returns what the other end closes with and whether it ends its stream."""
        self._send(CloseConnection(code, reason))
        return self.closed()

    def closed(self):
        """Reads on to the end of the stream; answers a Close where that is missing."""
        close = None
        while close is None:
            event = self._next_event()
            if isinstance(event, CloseConnection):
                close = event
                if self._websocket.state.name == "REMOTE_CLOSING":
                    self._send(event.response())
        # A server ends its stream first (RFC 6455 §7.1.1), a client when it has seen that.
        if not self._h2.config.client_side:
            self._h2.end_stream(self._stream)
            self._flush()
        while self._end is None:
            self._turn()
        if self._h2.config.client_side and self._end == "ended":
            self._h2.end_stream(self._stream)
            self._flush()
        return {"code": close.code, "reason": close.reason or "", "stream": self._end}

    def reset(self):
        self._h2.reset_stream(self._stream, 8)
        self._flush()

    def await_reset(self):
        while self._end is None:
            self._turn()
        return self._end

    def _secure(self, context, **options):
        context.set_alpn_protocols(["h2"])
        self._socket = context.wrap_socket(self._socket, **options)
        if self._socket.selected_alpn_protocol() != "h2":
            raise RuntimeError("h2 was not agreed on")

    def _begin(self, client_side):
        self._socket.settimeout(PATIENCE)
        self._h2 = H2Connection(H2Configuration(client_side=client_side, header_encoding="utf-8"))
        if not client_side:
            self._h2.local_settings = type(self._h2.local_settings)(
                client=False, initial_values={SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
            )
        self._h2.initiate_connection()
        self._flush()

    def _flush(self):
        self._socket.sendall(self._h2.data_to_send())

    def _turn(self):
        """Reads once, and takes note of what has come."""
        data = self._socket.recv(65536)
        if not data:
            raise RuntimeError("the connection has ended")
        for event in self._h2.receive_data(data):
            if isinstance(event, DataReceived):
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                self._data += event.data
            elif isinstance(event, StreamEnded):
                self._end = "ended"
            elif isinstance(event, StreamReset):
                self._end = f"reset {int(event.error_code)}"
            self._events.append(event)
        self._flush()

    def _wait(self, kind):
        while True:
            while self._events:
                event = self._events.pop(0)
                if isinstance(event, kind):
                    return event
            self._turn()

    def _next_event(self):
        while True:
            if self._data:
                data, self._data = self._data, b""
                self._websocket.receive_data(data)
            for event in self._websocket.events():
                if isinstance(event, Ping):
                    self._send(event.response())
                    continue
                return event
            self._turn()

    def _send(self, event):
        data = memoryview(self._websocket.send(event))
        while data:
            room = min(self._h2.local_flow_control_window(self._stream), self._h2.max_outbound_frame_size)
            if room == 0:
                self._turn()
                continue
            self._h2.send_data(self._stream, bytes(data[:room]))
            data = data[room:]
            self._flush()


def main():
    peer = Peer()
    for line in sys.stdin:
        command = json.loads(line)
        reply = {"id": command["id"]}
        try:
            reply["value"] = getattr(peer, command["action"])(**command["arguments"])
        except Exception as error:
            reply["error"] = f"{type(error).__name__}: {error}"
        print(json.dumps(reply), flush=True)


main()
