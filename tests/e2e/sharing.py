"""Real clients that send files to each other, and a gate between a client and the server that counts bytes and holds
them back, so that a test knows where a transfer stands."""
import hashlib
import os
import pathlib
import random
import selectors
import socket
import threading

from harness import Program, check, equal, until

CHUNK = 64512            # of content, docs/files.md
WINDOW = 1024 * 1024     # bytes under way
OPEN = 1 << 62


def content_of(size, seed=1):
    """Bytes that nobody would guess, the same each time."""
    return random.Random(seed * 1000003 + size).randbytes(size)


def make(env, name, content):
    """A file to be sent."""
    path = env.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def sum_of(path):
    """What tells one content from another."""
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'blake2b').hexdigest()


class Gate:
    """A relay to the server on a port of its own. What a client says is `up`, what it hears is `down`; allow() is
    how much of it may pass, counted over all connections."""

    PIECE = 16384

    def __init__(self, server):
        self.target = server.address
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.name = '127.0.0.1:%d' % self.listener.getsockname()[1]
        self.passed = {'up': 0, 'down': 0}
        self.allowed = {'up': OPEN, 'down': OPEN}
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.wake_out, self.wake_in = os.pipe()
        self.selector.register(self.wake_out, selectors.EVENT_READ, None)
        self.held = []
        self.ended = set()
        threading.Thread(target=self.run, daemon=True).start()

    def allow(self, way, upto=OPEN):
        """So many bytes may have passed this way."""
        self.allowed[way] = upto
        os.write(self.wake_in, b'x')

    def reached(self, way, timeout=20):
        """Waits until all has passed that may."""
        until(lambda: self.passed[way] >= self.allowed[way], 'the %d bytes %s' % (self.allowed[way], way), timeout)

    def accept(self):
        """A client: its connection and the one to the server."""
        client, _ = self.listener.accept()
        try:
            server = socket.create_connection(self.target)
        except OSError:
            client.close()
            return
        for one, other, way in ((client, server, 'up'), (server, client, 'down')):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(one, selectors.EVENT_READ, (other, way))

    def move(self, one, other, way):
        """What has come on one side, as far as it may pass."""
        room = self.allowed[way] - self.passed[way]
        if room <= 0:
            self.selector.unregister(one)
            self.held.append((one, other, way))
            return
        try:
            data = one.recv(min(self.PIECE, room))
            if data:
                other.sendall(data)
            else:
                self.half(one, other)
        except OSError:
            self.drop(one, other)
            return
        self.passed[way] += len(data)

    def half(self, one, other):
        """One end says no more: the other hears that, and may still answer."""
        self.selector.unregister(one)
        self.ended.add(one)
        other.shutdown(socket.SHUT_WR)
        if other in self.ended:
            self.drop(one, other)

    def drop(self, one, other):
        """Both ends."""
        self.ended -= {one, other}
        self.held = [h for h in self.held if h[0] not in (one, other)]
        for end in (one, other):
            if end.fileno() >= 0 and end in self.selector.get_map():
                self.selector.unregister(end)
            end.close()

    def release(self):
        """What was held back is looked at again."""
        held, self.held = self.held, []
        for one, other, way in held:
            self.selector.register(one, selectors.EVENT_READ, (other, way))

    def run(self):
        """The thread of it."""
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    self.accept()
                elif key.fileobj == self.wake_out:
                    os.read(self.wake_out, 4096)
                    self.release()
                elif key.fileobj.fileno() >= 0 and key.fileobj in self.selector.get_map():
                    self.move(key.fileobj, *key.data)


def start(env, server, user, *words, stdin=None):
    """A command of a real client in the background; server may be a gate."""
    program = Program(env.argv(server.name, user, '--accept-new', *words), env.folder, environ=env.environ(), stdin=stdin)
    env.programs.append(program)
    return program


def ended(program, status=0, timeout=30):
    """Its events, once it has ended so."""
    equal(program.wait(timeout), status, 'exit status (%s, %s)' % (program.out.raw[-3:], program.err.raw[-5:]))
    return program.out.parsed


def put(env, server, user, path, to, *words):
    """A file to somebody, until the server has it."""
    env.cli(server.name, user, 'put', str(path), to, *words, timeout=60).expect(0)


def offers(env, server, user):
    """The files that were offered to a user and wait: [row]. Fetches messages first."""
    env.cli(server.name, user, 'inbox').expect(0)
    return [row for row in env.cli(server.name, user, 'files').expect(0).events() if row['state'] == 'offered']


def offer(env, server, user):
    """The one file that waits."""
    until(lambda: offers(env, server, user), 'an offer for %s' % user)
    row, = offers(env, server, user)
    return row


def state_of(env, server, user, number):
    """Of a file in the user's list."""
    return next(row for row in env.cli(server.name, user, 'files').expect(0).events() if row['id'] == number)


def states(env, server, user):
    """What has become of a user's files, once what waits for him has come."""
    env.cli(server.name, user, 'inbox').expect(0)
    return [row['state'] for row in env.cli(server.name, user, 'files').expect(0).events()]


def get(env, server, user, number, to, content):
    """Fetches a file and compares it."""
    env.cli(server.name, user, 'get', str(number), str(to), timeout=60).expect(0)
    path, = [p for p in ([to] if pathlib.Path(to).is_file() else pathlib.Path(to).iterdir())]
    check(path.read_bytes() == content, '%s is not what was sent' % path)
    equal(path.stat().st_mode & 0o777, 0o600, 'mode of %s' % path)
    return path


def downloads(env, user):
    """An empty folder of a user."""
    folder = env.folder / ('downloads-%s-%s' % (user, os.urandom(3).hex()))
    folder.mkdir()
    return folder


def blobs(server):
    """The files that the server keeps."""
    return sorted(path.name for path in (server.state / 'blobs').iterdir())


def nothing_left(server):
    """Waits until it keeps none."""
    until(lambda: not blobs(server), 'an empty folder of files')
    equal(server.ctl('file', 'list'), [], 'file list')


def pipe_of(program, data):
    """All of it into a program's stdin, which is closed then."""
    program.process.stdin.write(data)
    program.process.stdin.close()


