#!/usr/bin/env python3
"""Runs the public WebSocket test suite (Autobahn, 517 cases) against a server or a client.

The suite is installed by itself at the first run, into a virtual environment of its own. Cases are chosen by one
argument, its parts separated by commas, read from left to right:

  all             every case (the default)
  core            1 to 7 and 10: framing, pings, reserved bits, fragments, UTF-8, closing     247 cases, 20 s
  limits          9: messages of 16 MiB, messages of 65,536 fragments                          54 cases, 20 s
  deflate         12 and 13: permessage-deflate                                               216 cases, 25 min
  deflate-small   those of 12 and 13 with messages of 8 KiB at the most                        84 cases, 70 s
  7.9.3  6.*      one case, or all that match
  -9.*            without these; as the first part it means all but these

A server under test echoes every message as it came, and listens on a loopback address. The limits need one that takes
messages of 16 MiB and of 65,536 fragments.

A client under test is a command with {url} among its arguments, where the base URL goes. It
  1. opens {url}/getCaseCount and reads the number N, one text message;
  2. opens {url}/runCase?case=I&agent=NAME for each I from 1 to N, and echoes what comes until the connection ends;
     a connection that fails is how many cases end, and no reason to stop;
  3. opens {url}/updateReports?agent=NAME, waits for it to be closed, and exits with 0.

A case passes when the suite judges behavior and close OK or INFORMATIONAL. NON-STRICT fails, unless --lenient is given.

examples:
  autobahn.py server ws://127.0.0.1:9001 core,limits --jobs 2
  autobahn.py client '6.*,-6.4.*' -- target/release/autobahn-client {url}
  autobahn.py list deflate-small

exit status: 0 every case passed, 1 some failed, 2 there is no verdict (bad usage, nothing to test, no suite).
The last line is always 'N passed, M failed'.
"""
import argparse
import base64
import collections
import fnmatch
import ipaddress
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from autobahn_port import HERE, PortFailed, Venv

ROOT = HERE.parent.parent
SETS = {
    "all": ["*"],
    "core": ["*", "-9.*", "-12.*", "-13.*"],
    "limits": ["9.*"],
    "deflate": ["12.*", "13.*"],
    "deflate-small": ["1[23].?.[1-6]", "1[23].?.11"],
}
STARTED = b"Running test case ID "
CRASHED = b"Traceback (most recent call last)"


class NoVerdict(Exception):
    """Why the suite could not judge at all."""


def say(text):
    print(f"autobahn: {text}", file=sys.stderr, flush=True)


# What to run -----------------------------------------------------------------------------------------------------


def select(every, argument):
    """The cases that `argument` names, in the suite's order."""
    parts = [part for part in argument.split(",") if part]
    patterns = [pattern for part in parts for pattern in SETS.get(part, [part])]
    chosen = set(every) if patterns and patterns[0].startswith("-") else set()
    for pattern in patterns:
        matching = set(fnmatch.filter(every, pattern.removeprefix("-")))
        if not matching:
            raise NoVerdict(f"no case is called {pattern!r}; `autobahn.py list` shows them all")
        chosen = chosen - matching if pattern.startswith("-") else chosen | matching
    if not chosen:
        raise NoVerdict(f"{argument!r} leaves no case to run")
    return [case for case in every if case in chosen]


def loopback_address(url):
    """The host and port of a ws:// URL on this machine. Nothing else is ever tested."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port or 80
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if parts.scheme != "ws" or not local:
        raise NoVerdict(f"{url!r} is not a ws:// URL of a loopback address")
    return host, port


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


# The processes ---------------------------------------------------------------------------------------------------


class Child:
    """A process of ours. What it prints goes to a file; leaving the `with` block ends it."""

    def __init__(self, command, log):
        self.log = log
        environment = dict(os.environ, PYTHONWARNINGS="ignore", PYTHONUNBUFFERED="1")
        with open(log, "wb") as output:
            try:
                self._process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                                 stdout=output, stderr=subprocess.STDOUT, env=environment)
            except OSError as error:
                raise NoVerdict(f"cannot start {command[0]}: {error.strerror}") from error

    def status(self):
        """The exit status, or None while it runs."""
        return self._process.poll()

    def end(self):
        if self.status() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def last_words(self):
        return self.log.read_text(encoding="utf-8", errors="replace")[-1500:]


class ServerJob:
    """Some cases against a server: the suite connects, and ends when it is through."""

    def __init__(self, folder, wstest, cases, url):
        spec = {"outdir": str(folder), "cases": cases, "servers": [{"agent": "server", "url": url}]}
        self.folder, self.cases, self.problem = folder, cases, None
        self.suite = start_suite(folder, wstest, "fuzzingclient", spec)

    def step(self):
        """Whether it is over."""
        return self.suite.status() is not None

    def end(self):
        self.suite.end()


class ClientJob:
    """Some cases against a client: the suite listens, and the client's end is the end."""

    def __init__(self, folder, wstest, cases, command):
        self.folder, self.cases, self.problem = folder, cases, None
        self._port = free_port()
        url = f"ws://127.0.0.1:{self._port}"
        self.suite = start_suite(folder, wstest, "fuzzingserver", {"outdir": str(folder), "cases": cases, "url": url})
        self._client = None
        try:
            self._wait_until_listening()
            words = [word.replace("{url}", url) for word in command]
            self._client = Child(words, folder / "client.log")
        except BaseException:
            self.end()
            raise

    def step(self):
        if self._client.status() is None and self.suite.status() is None:
            return False
        if self._client.status() is None:
            self.problem = f"the suite ended before the client did: {self.suite.last_words()}"
            return True
        if self._client.status() != 0:
            self.problem = f"the client ended with status {self._client.status()}: {self._client.last_words()}"
        # A client that died has not asked for the reports, so that is done in its place.
        ask_for_reports(self._port)
        return True

    def end(self):
        for child in (self._client, self.suite):
            if child is not None:
                child.end()

    def _wait_until_listening(self):
        for _ in range(300):
            if self.suite.status() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise NoVerdict(f"the suite does not listen: {self.suite.last_words()}")


def start_suite(folder, wstest, mode, spec):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.json").unlink(missing_ok=True)
    (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    # -u 0: no page for browsers, which would take a fixed port.
    web = ["-u", "0"] if mode == "fuzzingserver" else []
    return Child([wstest, "-m", mode, "-s", folder / "spec.json", *web], folder / "suite.log")


def ask_for_reports(port):
    """The client's last request. The suite closes the connection once its reports are written."""
    key = base64.b64encode(os.urandom(16)).decode("ascii")
    lines = ["GET /updateReports?agent=runner HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: Upgrade",
             "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", "", ""]
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.settimeout(120)
            connection.sendall("\r\n".join(lines).encode("ascii"))
            answer = b""
            while not answer.partition(b"\r\n\r\n")[2]:
                received = connection.recv(4096)
                if not received:
                    break
                answer += received
    except OSError as error:
        say(f"the suite did not write its reports: {error}")


# Waiting ---------------------------------------------------------------------------------------------------------


class Progress:
    """How many cases have begun: a bar on a terminal, else a line every 20 s."""

    def __init__(self, total):
        self._total, self._terminal = total, sys.stderr.isatty()
        self._began = time.monotonic()
        self._due = 0.0 if self._terminal else 20.0

    def show(self, jobs):
        elapsed = time.monotonic() - self._began
        if elapsed < self._due:
            return
        self._due = elapsed + (0.5 if self._terminal else 20.0)
        begun = sum(job.suite.log.read_bytes().count(STARTED) for job in jobs)
        text = f"{begun} of {self._total} cases begun, {elapsed:.0f} s"
        if self._terminal:
            filled = 30 * min(begun, self._total) // self._total
            print(f"\r[{'#' * filled:.<30}] {text}\x1b[K", end="", file=sys.stderr, flush=True)
        else:
            say(text)

    def clear(self):
        if self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def run_jobs(jobs, seconds):
    """Waits for all jobs, each at most until the deadline, and returns what went wrong besides the cases."""
    progress = Progress(sum(len(job.cases) for job in jobs))
    deadline = time.monotonic() + seconds
    running = list(jobs)
    while running and time.monotonic() < deadline:
        running = [job for job in running if not job.step()]
        progress.show(jobs)
        time.sleep(0.05)
    progress.clear()
    problems = [job.problem for job in jobs if job.problem]
    if running:
        problems.append(f"not through after {seconds:g} s; --timeout gives more")
    return problems


# The verdict -----------------------------------------------------------------------------------------------------


def collect(jobs, problems):
    """The suite's judgement of each case: its behavior and how it closed."""
    results = {}
    for job in jobs:
        if CRASHED in job.suite.log.read_bytes():
            say(f"the suite's own log shows an exception, see {job.suite.log}")
        index = job.folder / "index.json"
        agents = json.loads(index.read_text(encoding="utf-8")) if index.exists() else {}
        for cases in agents.values():
            for case, report in cases.items():
                if case in results:
                    problems.append(f"case {case} ran more than once")
                results[case] = (report["behavior"], report["behaviorClose"])
    return results


def judge(cases, results, lenient):
    """Prints the summary and returns how many cases failed."""
    accepted = {"OK", "INFORMATIONAL"} | ({"NON-STRICT"} if lenient else set())
    failed = collections.defaultdict(list)
    for case in cases:
        behavior, close = results.get(case, ("no result", "no result"))
        if behavior not in accepted or close not in {"OK", "INFORMATIONAL"}:
            failed[behavior if behavior == close else f"{behavior}, close {close}"].append(case)
    for place, title in enumerate(("behavior", "close")):
        counts = collections.Counter(result[place] for result in results.values())
        print(f"{title}: " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    for verdict, ids in failed.items():
        more = f" and {len(ids) - 40} more" if len(ids) > 40 else ""
        print(f"FAILED {verdict}: {' '.join(ids[:40])}{more}")
    return sum(map(len, failed.values()))


def run(arguments, venv):
    cases = select(venv.cases(), arguments.cases)
    count = max(1, min(arguments.jobs, len(cases)))
    out = Path(arguments.out).resolve()
    shutil.rmtree(out, ignore_errors=True)
    began = time.monotonic()
    jobs, problems = [], []
    try:
        for number in range(count):
            folder = out / f"job-{number + 1}"
            share = cases[number::count]
            if arguments.role == "server":
                jobs.append(ServerJob(folder, venv.wstest, share, arguments.url))
            else:
                jobs.append(ClientJob(folder, venv.wstest, share, arguments.command))
        problems += run_jobs(jobs, arguments.timeout)
    finally:
        for job in jobs:
            job.end()
    failed = judge(cases, collect(jobs, problems), arguments.lenient)
    for problem in problems:
        print(f"PROBLEM {problem}")
    print(f"{len(cases)} cases in {time.monotonic() - began:.1f} s, reports in {out}")
    # A problem beside the cases, as a client that crashed at its end, is a failure too.
    failed = failed or len(problems)
    print(f"{len(cases) - min(failed, len(cases))} passed, {failed} failed")
    return 1 if failed else 0


# The command line ------------------------------------------------------------------------------------------------


def parse(argv):
    parser = argparse.ArgumentParser(prog="autobahn.py", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    common = argparse.ArgumentParser(add_help=False)
    tools = os.environ.get("TIDEGATE_TOOLS") or ROOT / "target" / "tools"
    common.add_argument("--venv", metavar="DIR", default=Path(tools) / "autobahn",
                        help="where the suite is installed (default: %(default)s)")
    testing = argparse.ArgumentParser(add_help=False)
    testing.add_argument("--jobs", type=int, default=1, metavar="N", help="share the cases among N suites (default 1)")
    testing.add_argument("--timeout", type=float, default=3600, metavar="S", help="give up after S seconds (3600)")
    testing.add_argument("--lenient", action="store_true", help="let NON-STRICT pass")
    testing.add_argument("--out", metavar="DIR", help="where the reports go (default: target/autobahn/ROLE)")
    selection = argparse.ArgumentParser(add_help=False)
    selection.add_argument("cases", metavar="CASES", nargs="?", default="all", help="which cases (default: all)")
    roles = parser.add_subparsers(dest="role", required=True, metavar="server | client | list | install")
    server = roles.add_parser("server", parents=[common, testing], help="test the echo server at URL")
    server.add_argument("url", metavar="URL")
    server.add_argument("cases", metavar="CASES", nargs="?", default="all", help="which cases (default: all)")
    roles.add_parser("client", parents=[common, testing, selection], help="test a client program",
                     usage="autobahn.py client [options] [CASES] -- COMMAND … {url}")
    roles.add_parser("list", parents=[common, selection], help="print the chosen cases")
    roles.add_parser("install", parents=[common], help="only install the suite")
    command = []
    if "--" in argv:
        split = argv.index("--")
        argv, command = argv[:split], argv[split + 1:]
    # "-9.*" is a choice of cases; argparse would take it for an option.
    arguments = parser.parse_args([f"all,{word}" if re.match(r"-\d", word) else word for word in argv])
    arguments.command = command
    if arguments.role == "client" and not any("{url}" in word for word in command):
        parser.error("client needs a command with {url} in it: autobahn.py client core -- ./client {url}")
    return arguments


def main(argv):
    arguments = parse(argv)
    venv = Venv(arguments.venv)
    # So that `finally` ends the children.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if arguments.role == "server":
            address = loopback_address(arguments.url)
            try:
                socket.create_connection(address, 5).close()
            except OSError as error:
                raise NoVerdict(f"nothing listens at {arguments.url}: {error.strerror}") from error
        venv.ensure(say)
        if arguments.role == "list":
            print("\n".join(select(venv.cases(), arguments.cases)))
            return 0
        if arguments.role == "install":
            return 0
        if arguments.out is None:
            arguments.out = ROOT / "target" / "autobahn" / arguments.role
        return run(arguments, venv)
    except (NoVerdict, PortFailed) as reason:
        say(reason)
        print("0 passed, 0 failed")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
