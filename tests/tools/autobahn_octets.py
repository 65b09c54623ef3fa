"""Octets for the test suite, which was written for Python 2.

`autobahn_port.py` copies this file into the installed suite. Python 2 kept octets in `str`. The cases go on doing so:
one character is one octet (latin-1). The WebSocket library below them has long been on `bytes`, so what passes
between the two is converted here.
"""
import binascii
import io

LOGGED_OCTETS = 64


def to_bytes(value):
    return value.encode("latin-1") if isinstance(value, str) else value


def to_str(value):
    return value.decode("latin-1") if isinstance(value, (bytes, bytearray)) else value


def b2a_hex(value):
    """Stands in for `binascii.b2a_hex`, with `str` on both sides."""
    return binascii.hexlify(to_bytes(value)).decode("ascii")


hexlify = b2a_hex


def equal(left, right):
    """Whether two logs of events say the same, be their octets `bytes` or `str`, their rows lists or tuples."""
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(equal, left, right))
    return to_str(left) == to_str(right)


def binLogData(data, maxlen=LOGGED_OCTETS):
    return b2a_hex(data) if len(data) <= maxlen - 4 else b2a_hex(data[:maxlen]) + " ..."


def asciiLogData(data, maxlen=LOGGED_OCTETS, replace=False):
    octets = to_bytes(data)
    if len(octets) > maxlen - 4:
        octets = octets[:maxlen] + b" ..."
    try:
        return octets.decode("utf-8", errors="replace" if replace else "strict")
    except UnicodeDecodeError:
        return "0x" + binLogData(data, maxlen)


def open_report(path, mode):
    return io.open(path, mode, encoding="utf-8", errors="replace")


class OctetStrings:
    """Put before the library's protocol class: the cases see `str`, the library sees `bytes`."""

    def _onMessage(self, payload, isBinary):
        self.onMessage(to_str(payload), isBinary)

    def _onPong(self, payload):
        self.onPong(to_str(payload))

    def sendMessage(self, payload, *args, **options):
        return super().sendMessage(to_bytes(payload), *args, **options)

    def sendMessageFrameData(self, payload, *args, **options):
        return super().sendMessageFrameData(to_bytes(payload), *args, **options)

    def sendFrame(self, opcode, payload=b"", *args, **options):
        return super().sendFrame(opcode, to_bytes(payload), *args, **options)

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        # A reply repeats the reason that the library has decoded; a case gives its octets.
        encoding = "utf-8" if isReply else "latin-1"
        reason = reasonUtf8.encode(encoding) if isinstance(reasonUtf8, str) else reasonUtf8
        return super().sendCloseFrame(code, reason, isReply)
