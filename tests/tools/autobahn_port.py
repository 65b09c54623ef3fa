"""Installs the public WebSocket test suite (autobahntestsuite) and ports the installed copy to Python 3.

The suite is released for Python 2.7 only. Three things make it run on Python 3: lib2to3 for the syntax, the module
`autobahn_octets` between its `str` and the library's `bytes`, and the edits listed in EDITS. Each edit says how often
its text must occur, so that a package that has changed fails here and cannot give a wrong verdict later.
"""
import fcntl
import hashlib
import importlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
OCTETS = HERE / "autobahn_octets.py"

MODERN = ["setuptools==80.9.0", "wheel==0.48.0", "six==1.17.0", "zope.interface==8.7", "Twisted==26.10.0", "pyOpenSSL==26.4.0",
          "service-identity==26.1.0", "wsaccel==0.6.7", "Jinja2==3.1.6"]
# Python 3.13 no longer has lib2to3; fissix is its continuation.
SYNTAX = [] if sys.version_info < (3, 13) else ["fissix==24.4.24"]
# Their own requirements name versions that Python 3 cannot use, so they go in without dependencies.
LEGACY = ["autobahntestsuite==25.10.1", "autobahn==0.10.9", "txaio==2.1.0"]

FIXERS = ["dict", "except", "has_key", "import", "numliterals", "print", "raise", "unicode", "xrange"]
NOT_USED = re.compile(r"wamp|wsperf|testdb|testrun|_octets")


class Edit(NamedTuple):
    old: str
    new: str
    times: int = 1


IMPORT = "from autobahntestsuite import _octets"

EDITS = {
    "autobahn/websocket/protocol.py": [
        Edit("range(payload_len / len(payload))", "range(payload_len // len(payload))"),
    ],
    "autobahntestsuite/wstest.py": [
        Edit("import serializer\n", ""),
    ],
    "autobahntestsuite/fuzzing.py": [
        Edit("import os, json, binascii, time, textwrap, pkg_resources",
             f"import os, json, time, textwrap, pkg_resources\n{IMPORT}\nbinascii = _octets"),
        # The file's own two functions of these names stand above its first class.
        Edit("class FuzzingProtocol:",
             "asciiLogData, binLogData = _octets.asciiLogData, _octets.binLogData\n\n\n"
             "class FuzzingProtocol(_octets.OctetStrings):"),
        Edit("''.join(payload)", "b''.join(payload)"),
        Edit('"localCloseReason": self.localCloseReason',
             '"localCloseReason": _octets.to_str(self.localCloseReason)'),
        Edit("self.http_request_data if", "_octets.to_str(self.http_request_data) if"),
        Edit("self.http_response_data if", "_octets.to_str(self.http_response_data) if"),
        Edit("f = open(", "f = _octets.open_report(", 4),
        Edit('(c[0], case[c[0]], c[1])).encode("utf-8"))', "(c[0], case[c[0]], c[1])))"),
        Edit("ll.encode('utf8')", "ll"),
    ],
    "autobahntestsuite/case/case.py": [
        Edit("return pickle.dumps(obj1) == pickle.dumps(obj2)", f"{IMPORT}\n      return _octets.equal(obj1, obj2)"),
    ],
    "autobahntestsuite/case/case6_x_x.py": [
        Edit("v.validate(vss[:i])", "v.validate(vss[:i].encode('latin-1'))"),
    ],
    "autobahntestsuite/case/case9_9_1.py": [
        Edit("from zope.interface import implements\n", ""),
        Edit("   implements(interfaces.IPushProducer)\n", ""),
    ],
    "autobahntestsuite/case/case10_1_1.py": [
        Edit("len(self.payload) / self", "len(self.payload) // self"),
    ],
    "autobahntestsuite/case/case12_x_x.py": [
        Edit("pkg_resources, hashlib, binascii", f"pkg_resources, hashlib\n{IMPORT}\nbinascii = _octets"),
        Edit("def onMessage(self, msg, binary):\n",
             "def onMessage(self, msg, binary):\n   msg = _octets.to_bytes(msg)\n"),
    ],
}

# Without -I, the autobahn.py of a current folder would hide the library of that name.
ISOLATED = ["-I", "-W", "ignore"]

LIST_CASES = """
from autobahntestsuite.case import Cases
for case in Cases:
    print(case.__name__.removeprefix("Case").replace("_", "."))
"""


class PortFailed(Exception):
    """An installed package is not the one that the port was written for, or cannot be installed."""


class Venv:
    """The suite's own virtual environment."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        self.python = self.folder / "bin" / "python"
        self.wstest = self.folder / "bin" / "wstest"
        self._case_list = self.folder / "cases.txt"

    def cases(self):
        return self._case_list.read_text(encoding="ascii").split()

    def ensure(self, say):
        """Installs the suite unless this very recipe was installed already. One process at a time does it."""
        if self._ready().exists():
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with open(f"{self.folder}.lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._ready().exists():
                say(f"installing the suite in {self.folder} (a minute or two, once)")
                self._install(say)
                self._ready().touch()

    def _ready(self):
        recipe = hashlib.sha256(str(sys.version_info[:2]).encode())
        recipe.update(Path(__file__).read_bytes() + OCTETS.read_bytes())
        return self.folder / f"installed-{recipe.hexdigest()[:12]}"

    def _install(self, say):
        shutil.rmtree(self.folder, ignore_errors=True)
        pip = [self.python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        say("step 1 of 4: the virtual environment")
        checked(sys.executable, "-m", "venv", self.folder)
        say("step 2 of 4: the packages")
        checked(*pip, *MODERN, *SYNTAX)
        checked(*pip, "--no-deps", "--no-build-isolation", *LEGACY)
        say("step 3 of 4: the port to Python 3")
        checked(self.python, *ISOLATED, __file__)
        say("step 4 of 4: the list of cases")
        self._case_list.write_text(checked(self.python, *ISOLATED, "-c", LIST_CASES), encoding="ascii")


def checked(*command):
    """Runs a command and returns what it printed; its complaint becomes the exception's text."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise PortFailed(f"{' '.join(map(str, command[:6]))} … ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout


def port(site):
    """Rewrites the packages below `site`. Runs under the virtual environment's own Python."""
    suite = site / "autobahntestsuite"
    shutil.copyfile(OCTETS, suite / "_octets.py")
    for name, edits in EDITS.items():
        apply_edits(site / name, edits)
    for path in sorted((suite / "case").glob("*.py")):
        path.write_text(keep_octets(path.read_text(encoding="latin-1")), encoding="utf-8")
    sources = [*suite.glob("*.py"), *(suite / "case").glob("*.py")]
    translate(path for path in sorted(sources) if not NOT_USED.match(path.stem))


def apply_edits(path, edits):
    source = path.read_text(encoding="utf-8")
    for edit in edits:
        found = source.count(edit.old)
        if found != edit.times:
            raise PortFailed(f"{path.name}: {edit.old!r} occurs {found} times, not {edit.times}")
        source = source.replace(edit.old, edit.new)
    path.write_text(source, encoding="utf-8")


def keep_octets(source):
    """A case's source, read as latin-1: literals beyond ASCII become the octets that Python 2 saw in the file."""
    source = re.sub(r"[\x80-\xff]", lambda octet: f"\\x{ord(octet[0]):02x}", source)
    source = re.sub(r"^import binascii$", f"{IMPORT} as binascii", source, flags=re.MULTILINE)
    # `object` first leaves Python 3 no order to look methods up in.
    return source.replace("(object, Case, )", "(Case, )")


def translate(paths):
    family = "lib2to3" if sys.version_info < (3, 13) else "fissix"
    refactor = importlib.import_module(f"{family}.refactor")
    tool = refactor.RefactoringTool([f"{family}.fixes.fix_{name}" for name in FIXERS])
    for path in paths:
        source = path.read_text(encoding="utf-8").rstrip("\n") + "\n"
        path.write_text(str(tool.refactor_string(source, str(path))), encoding="utf-8")


if __name__ == "__main__":
    if os.environ.get("VIRTUAL_ENV") is None and sys.prefix == sys.base_prefix:
        sys.exit("autobahn_port.py: started by autobahn.py, inside the suite's own virtual environment")
    try:
        port(Path(sysconfig.get_paths()["purelib"]))
    except PortFailed as failed:
        sys.exit(str(failed))
