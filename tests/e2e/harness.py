"""What the end-to-end tests stand on: the real server and clients, and waits on events.

A test is a function test_*(env) in tests/e2e/test_*.py; env is an Env. Everything that a test
starts stays in the session (setsid) of its own process, so the runner can end all of it, and
nothing else, whatever happens. Nothing sleeps for luck: wait_log(), expect() and wait_event()
return as soon as the event is there, and say what came instead when it does not come.

    def test_hello(env):
        server = env.server()
        alice, bob = env.login('alice', server), env.login('bob', server)
        alice.send('bob', 'hello')
        assert bob.take_message().text_body == 'hello'
"""
import collections
import json
import os
import pathlib
import select
import shlex
import signal
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'reference'))

import csmsg  # noqa: E402

NAME = 'csce513fall24Msg'
START_TIME = 15.0
OPEN_DOORS = {  # tests come from one address, faster than people
    'limits.connects_per_address': 10000, 'limits.connects_per_network': 10000,
    'presence.tick': '100ms'}
SANITIZER_WORDS = ('AddressSanitizer', 'LeakSanitizer', 'runtime error:')


class Failure(AssertionError):
    """A test's expectation that did not hold; the text says what was expected and what came."""


class Skipped(Exception):
    """A test that this machine does not let run; the text says what it lacks."""


def equal(got, expected, what):
    """Fails unless got is expected."""
    if got != expected:
        raise Failure('%s: expected %r, came %r' % (what, expected, got))


def check(condition, what):
    """Fails with these words unless the condition holds."""
    if not condition:
        raise Failure(what)


def raises(kind, call, what):
    """Calls; returns the exception of this kind, fails when there is none."""
    try:
        result = call()
    except kind as error:
        return error
    raise Failure('%s: expected %s, came %r' % (what, kind.__name__, result))


def until(question, what, timeout=10.0):
    """Asks again until the answer is true: for what has no event to wait on."""
    deadline = time.monotonic() + timeout * scale()
    answer = question()
    while not answer:
        if time.monotonic() > deadline:
            raise Failure('%s: still %r after %.0f s' % (what, answer, timeout * scale()))
        threading.Event().wait(0.02)
        answer = question()
    return answer


def scale():
    """How much longer things may take in this build."""
    return 4.0 if 'asan' in os.environ.get('CSMSG_BUILD', '') else 1.0


def full_run():
    """True when the runner was asked for the long versions."""
    return os.environ.get('CSMSG_FULL') == '1'


def only_in_full_runs(test):
    """Marks a test that takes too long for every day; the runner leaves it out."""
    test.only_in_full_runs = True
    return test


def dotted(settings):
    """Keyword arguments as the server's keys: a__b is a.b."""
    return {key.replace('__', '.'): value for key, value in settings.items()}


def parse_logfmt(line):
    """{key: value} of a line of the log; words without '=' are left out."""
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    return dict(word.split('=', 1) for word in words if '=' in word)


class Lines:
    """Reads a stream in a thread; lets others wait for a line."""

    def __init__(self, stream, parse, what):
        self.parse, self.what = parse, what
        self.raw, self.parsed = [], []
        self.ended = False
        self.news = threading.Condition()
        threading.Thread(target=self.read, args=(stream,), daemon=True).start()

    def read(self, stream):
        """The thread: line by line until the end."""
        for line in stream:
            text = line.decode('utf-8', 'replace').rstrip('\n')
            with self.news:
                self.raw.append(text)
                self.parsed.append(self.parse(text))
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def mark(self):
        """A place in the lines: pass it as after."""
        return len(self.parsed)

    def matches(self, after, wanted):
        """The parsed lines after a mark in which all these values stand; a tuple is a choice."""
        def fits(value, choice):
            return str(value) in map(str, choice if isinstance(choice, tuple) else (choice,))
        return [p for p in self.parsed[after:]
                if all(fits(p.get(k), v) for k, v in wanted.items())]

    def wait(self, timeout=10.0, after=0, count=1, **wanted):
        """The count-th line with these values; Failure at the time-out or the end."""
        deadline = time.monotonic() + timeout * scale()
        with self.news:
            while True:
                found = self.matches(after, wanted)
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                if left <= 0 or self.ended:
                    ending = 'then its end' if self.ended else 'in %.1f s' % (timeout * scale())
                    raise Failure('%s: expected %d line(s) with %s, came %d, %s; last lines:\n  %s'
                                  % (self.what, count, wanted, len(found), ending,
                                     '\n  '.join(self.raw[after:][-12:]) or '(none)'))
                self.news.wait(left)


def parse_json(line):
    """A line of JSON, or a dictionary that shows what it is instead."""
    try:
        value = json.loads(line)
    except ValueError:
        return {'ev': 'not JSON', 'line': line}
    return value if isinstance(value, dict) else {'ev': 'not an object', 'line': line}


class Program:
    """A program that a test has started, with its output read in threads."""

    def __init__(self, argv, cwd, parse=parse_json, environ=None, stdin=None):
        self.argv = [str(a) for a in argv]
        self.process = subprocess.Popen(
            self.argv, cwd=cwd, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, process_group=0, env=environ)
        name = os.path.basename(self.argv[0])
        self.out = Lines(self.process.stdout, parse, name + ' stdout')
        self.err = Lines(self.process.stderr, parse_logfmt, name + ' stderr')

    @property
    def pid(self):
        """Its process id, which is its process group, too."""
        return self.process.pid

    def wait(self, timeout=10.0):
        """Its exit status; Failure when it goes on running."""
        try:
            return self.process.wait(timeout * scale())
        except subprocess.TimeoutExpired:
            raise Failure('%s still runs after %.0f s; stderr: %s' % (
                ' '.join(self.argv), timeout * scale(), self.err.raw[-5:])) from None

    def kill(self):
        """SIGKILL to its whole process group."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


class Server(Program):
    """A running server: log, control socket, ways to stop it."""

    def __init__(self, build, folder, settings, listen='127.0.0.1:0', environ=None):
        self.build, self.folder, self.settings = build, folder, settings
        self.environ = environ or {}
        self.state = folder / 'state'
        config = folder / 'server.conf'
        config.write_text('[server]\nlisten = %s\nstate_dir = %s\n' % (listen, self.state))
        argv = [build / (NAME + 'd'), config]
        for key, value in settings.items():
            argv += ['--set', '%s=%s' % (key, value)]
        super().__init__(argv, folder, parse=parse_logfmt,
                         environ={**os.environ, **self.environ})
        self.log = self.err
        self.log.what = 'server log'
        try:
            listening = self.log.wait(START_TIME, sub='server', ev='listen')
            self.fingerprint = self.log.wait(START_TIME, sub='server', ev='ready')['fingerprint']
        except Failure:
            self.kill()
            raise
        self.host, port = listening['addr'].rsplit(':', 1)
        self.port = int(port)
        self.name = '%s:%d' % (self.host, self.port)

    @property
    def address(self):
        """(host, port) for a socket."""
        return self.host, self.port

    def wait_log(self, timeout=10.0, **wanted):
        """A line of the log; see Lines.wait."""
        return self.log.wait(timeout, **wanted)

    def ctl(self, *words, status=0):
        """Runs the control program; its output as a list of JSON objects."""
        argv = [self.build / (NAME + 'ctl'), '--socket', self.state / 'ctl.sock', '--json', *words]
        done = subprocess.run(
            argv, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=15 * scale(), check=False)
        equal(done.returncode, status, '%s %s: exit status (stderr: %s)' % (
            NAME + 'ctl', ' '.join(words), done.stderr.decode('utf-8', 'replace').strip()))
        return [parse_json(line) for line in done.stdout.decode().splitlines()]

    def processes(self, role=None):
        """The rows of `status`, of one role or all."""
        return [row for row in self.ctl('status')
                if 'pid' in row and role in (None, row.get('role'))]

    def pids(self, role=None):
        """Process ids, of one role or all."""
        return [row['pid'] for row in self.processes(role)]

    def stop(self, timeout=15.0):
        """SIGTERM; fails unless the server ends in order."""
        self.process.send_signal(signal.SIGTERM)
        equal(self.wait(timeout), 0, 'exit status of the server after SIGTERM')

    def kill_all(self):
        """SIGKILL to every process of the server at once, and waits until they are gone."""
        pids = set(self.pids())
        check(self.pid in pids, 'status does not list the master %d: %s' % (self.pid, pids))
        ends = [os.pidfd_open(pid) for pid in pids]  # readable once it has ended, reaped or not
        self.process.kill()  # first, or it would replace the others
        for pid in pids - {self.pid}:
            os.kill(pid, signal.SIGKILL)
        self.kill()
        for end in ends:
            check(select.select([end], [], [], 10 * scale())[0], 'a killed process does not end')
            os.close(end)

    def restart(self, **settings):
        """A new server with the same state and address; this one must have ended."""
        merged = {**self.settings, **dotted(settings)}
        return Server(self.build, self.folder, merged, self.name, self.environ)


class Finished(collections.namedtuple('Finished', 'status out err argv')):
    """A command that has run: exit status, output, errors."""

    def events(self):
        """stdout as JSON objects."""
        return [parse_json(line) for line in self.out.splitlines()]

    def expect(self, status):
        """Itself when the exit status is this one."""
        equal(self.status, status, '%s: exit status; stdout %r, stderr %r' % (
            ' '.join(self.argv[1:]), self.out, self.err))
        return self

    def event(self, **wanted):
        """The first JSON line with these values."""
        for event in self.events():
            if all(event.get(k) == v for k, v in wanted.items()):
                return event
        raise Failure('%s: expected a line with %s, came %r (stderr %r)' % (
            ' '.join(self.argv[1:]), wanted, self.out, self.err))


class Env:
    """What a test gets: its build, its folder, and the makers of servers and clients."""

    def __init__(self, build, folder):
        self.build, self.folder = pathlib.Path(build).resolve(), pathlib.Path(folder)
        self.servers, self.programs, self.clients = [], [], []

    def server(self, folder='server', environ=None, **settings):
        """Starts a server; a__b=c means --set a.b=c, environ adds to its environment."""
        place = self.folder / folder
        place.mkdir(exist_ok=True)
        chosen = {**OPEN_DOORS, **dotted(settings)}
        return self.keep(Server(self.build, place, chosen, environ=environ))

    def keep(self, server):
        """Notes a server (after restart(), too), so that its log is shown on failure."""
        self.servers.append(server)
        return server

    def dial(self, server, identity=None, source=None):
        """A reference client that has not said anything yet."""
        if isinstance(identity, str):
            identity = csmsg.Identity(identity)
        client = csmsg.Client(server.address, identity, source)
        self.clients.append(client)
        return client

    def login(self, identity, server, source=None, **fields):
        """A reference client that is logged in."""
        return self.dial(server, identity, source).open(**fields)

    def argv(self, server, user, *words, json_lines=True):
        """The command line of the real client; its home belongs to the user."""
        address = server if isinstance(server, str) else server.name
        line = [self.build / NAME, '--server', address, '--user', user,
                '--home', self.folder / ('home-' + user)]
        return line + (['--json'] if json_lines else []) + list(words)

    def environ(self):
        """The environment of clients: nothing of the real user's home."""
        return {**os.environ, 'HOME': str(self.folder), 'XDG_CONFIG_HOME': str(self.folder / 'config'), 'LC_ALL': 'C.UTF-8', 'TERM': 'dumb'}

    def cli(self, server, user, *words, stdin='', timeout=20.0, accept=True, json_lines=True):
        """Runs the real client to its end."""
        if accept:
            words = ('--accept-new',) + words
        return self.client(*self.argv(server, user, *words, json_lines=json_lines)[1:], stdin=stdin, timeout=timeout)

    def client(self, *words, stdin='', timeout=20.0):
        """The same with these words alone: what they leave open is in the config file, or by default."""
        argv = [str(a) for a in (self.build / NAME, *words)]
        data = stdin if isinstance(stdin, bytes) else stdin.encode()
        try:
            done = subprocess.run(argv, cwd=self.folder, input=data, capture_output=True,
                                  timeout=timeout * scale(), env=self.environ(), check=False)
        except subprocess.TimeoutExpired as late:
            raise Failure('%s still runs after %.0f s; stdout %r, stderr %r' % (
                ' '.join(argv[1:]), late.timeout, late.stdout, late.stderr)) from None
        return Finished(done.returncode, done.stdout.decode('utf-8', 'replace'),
                        done.stderr.decode('utf-8', 'replace'), argv)

    def tail(self, server, user, *words):
        """Starts the real client as `tail --json` in the background, once it is logged in."""
        since = server.log.mark()
        argv = self.argv(server, user, '--accept-new', 'tail', *words)
        program = Program(argv, self.folder, environ=self.environ())
        self.programs.append(program)
        try:
            server.wait_log(after=since, sub='session', ev='open', user=user)
        except Failure as failure:
            raise Failure('%s\ntail of %s said: %s' % (failure, user, program.err.raw)) from None
        return program

    def finish(self):
        """After a test that passed: no sanitizer has reported anything, here or at the end."""
        for client in self.clients:
            client.close()
        for server in self.servers:
            if scale() > 1 and server.process.poll() is None:
                server.stop(30)
            found = [line for line in server.log.raw if any(w in line for w in SANITIZER_WORDS)]
            equal(found, [], 'reports of sanitizers in the log of the server')

    def close(self):
        """Ends what the test has started, by process group."""
        for client in self.clients:
            client.close()
        for program in self.programs + self.servers:
            program.kill()

    def report(self, lines=15):
        """The ends of the logs, for a failure."""
        out = []
        for number, server in enumerate(self.servers, 1):
            out += ['server %d, last lines of its log:' % number]
            out += ['  ' + line for line in server.log.raw[-lines:]]
        return '\n'.join(out)
