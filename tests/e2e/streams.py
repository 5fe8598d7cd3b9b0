"""Two clients that talk at full speed in both directions while their worker is killed.

Messages are numbered and their texts known, so the receiver notices what is lost, repeated, out of
order or damaged. Sizes and cuts are chosen to meet every boundary that the slab has: inside a
record's length, behind it, in its body and its tag; a page, the longest record, a frame in parts,
exactly a buffer, several records at once; and a reader so slow that the sending side stays full.
"""
import collections
import os
import pathlib
import random
import select
import socket
import sys
import time
from unittest import mock

import csmsg
import frames
import records
from harness import Failure, check, equal, scale

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'tools'))

import seals  # noqa: E402

BUFFER = 131072  # of the slab
SIZES = (0, 1, 60, 500, 3960, 4096, 20000, 32768, 64900, 65000, 65400)
AT_ONCE = 24     # messages of one talker that are not accepted yet
PATTERN = 'abcdefghijklmnopqrstuvwxyz0123456789' * 1900
CUTS = ('head', 'length', 'body', 'tag', 'whole', 'many', 'buffer')


class Talker:
    """A client that follows section 6 of the protocol: outbox, numbers, RESYNC."""

    def __init__(self, env, server, name, luck):
        self.name, self.luck = name, luck
        self.client = env.login(name, server)
        self.peer = None
        self.last_id = 0
        self.texts = {}       # everything that was ever sent
        self.outbox = {}      # what is not accepted yet
        self.heard = 0        # the peer's message that came last
        self.place = (0, 0)   # incarnation and seq of the last DELIVER
        self.resyncs = 0
        self.slow = None      # bytes to read at a time; None is all
        self.raw, self.ends = bytearray(), collections.deque()  # sealed, and where records end

    # --- sending ---

    def text_of(self, number, size):
        """A text that only this message has."""
        start = number * 7 % 36
        return '%s %d %d %s' % (self.name, number, size, PATTERN[start:start + size])

    def seal(self, plaintext):
        """Queues one record."""
        self.raw += self.client.seal(plaintext)
        self.ends.append(len(self.raw))

    def queue(self, list_of_frames, full=0):
        """Frames into records: as many as fit into each, or padded to exactly full bytes."""
        plaintext = b''
        for piece in [p for frame in list_of_frames for p in frames.encode(frame)]:
            if len(plaintext) + len(piece) > records.PLAIN_MAX:
                self.seal(plaintext)
                plaintext = b''
            plaintext += piece
        missing = full - len(plaintext) - records.PAD_HEAD
        if missing >= 0:
            plaintext += frames.raw_frame(frames.TYPES['PAD'], bytes(missing))
        self.seal(plaintext if missing >= 0 else records.pad(plaintext))

    def frame_of(self, number):
        """The SEND of a message."""
        return frames.Frame('SEND', id=number, kind=0, to=self.peer.name, heads=[],
                            body=csmsg.plain_body(self.texts[number]))

    def say(self):
        """Some new messages, in records of some shape."""
        new = []
        for _ in range(self.luck.choice((1, 1, 2, 5))):
            self.last_id += 1
            text = self.text_of(self.last_id, self.luck.choice(SIZES))
            self.texts[self.last_id] = self.outbox[self.last_id] = text
            new.append(self.frame_of(self.last_id))
        shape = self.luck.choice(('each', 'together', 'longest', 'buffer'))
        if shape == 'together':
            self.queue(new)
        elif shape == 'each':
            for frame in new:
                self.queue([frame])
        else:  # two records that fill a buffer to its last byte
            self.queue(new, records.PLAIN_MAX)
            if shape == 'buffer':
                self.queue([], records.PLAIN_MAX - 2)

    def piece(self):
        """How many of the bytes to send now."""
        end = self.ends[0]
        cut = self.luck.choice(CUTS)
        size = {'head': 1, 'length': 2, 'body': end // 2, 'tag': end - 5, 'whole': end,
                'many': BUFFER + 3000, 'buffer': BUFFER}[cut]
        return min(max(size, 1), len(self.raw))

    def push(self):
        """Sends a piece, as far as the kernel takes it."""
        if not self.raw:
            return
        try:
            done = self.client.sock.send(self.raw[:self.piece()])
        except BlockingIOError:
            return
        del self.raw[:done]
        self.ends = collections.deque(end - done for end in self.ends if end > done)

    # --- receiving ---

    def read_slowly(self, at_a_time):
        """At most so many bytes at a time; None: all at once."""
        self.slow = at_a_time

    def pull(self):
        """Reads what is there, or a little of it, and handles what is whole."""
        client = self.client
        try:
            data = client.sock.recv(self.slow or 262144)
        except BlockingIOError:
            return
        if not data:
            raise csmsg.Closed('%s: end of stream' % self.name)
        client.buffer += data
        while len(client.buffer) >= 2 and len(client.buffer) >= 2 + client.coming():
            plaintext = client.inward.open(client.take_framed(0))
            for frame in client.assembler.frames(plaintext):
                self.handle(frame)

    def handle(self, frame):
        """What a client has to do."""
        if frame.name == 'DELIVER':
            self.deliver(frame)
        elif frame.name == 'ACCEPTED':
            for number in [n for n in self.outbox if n <= frame.id]:
                del self.outbox[number]
        elif frame.name == 'RESYNC':
            self.resyncs += 1
            incarnation, seq = self.place
            waiting = sorted(self.outbox)
            self.queue([frames.Frame(
                'RESUME', incarnation=incarnation, seq=seq, lobby_seen=0, token=frame.token,
                next_id=waiting[0] if waiting else self.last_id + 1)])
            for number in waiting:
                self.queue([self.frame_of(number)])
        elif frame.name in ('ERROR', 'REJECTED'):
            raise Failure('%s: %s' % (self.name, frame))

    def deliver(self, frame):
        """One message of the peer: new and the next one, or a repeat."""
        self.place = (frame.incarnation, frame.seq)
        self.queue([frames.Frame('ACK', kind=0, incarnation=frame.incarnation, seq=frame.seq, room='')])
        if frame.id <= self.heard:
            return
        equal(frame.id, self.heard + 1, 'the next message that %s gets' % self.name)
        check(frame.text_body == self.peer.texts[frame.id],
              '%s: message %d is damaged' % (self.name, frame.id))
        self.heard = frame.id

    def settled(self):
        """True when nothing of this talker is under way."""
        return not self.outbox and not self.raw and self.peer.heard == self.last_id


def narrow_connection(address, timeout, source):
    """A connection on whose way there is little room: small segments and a small window."""
    del source
    sock = socket.socket()
    sock.settimeout(timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    sock.connect(address)
    return sock


class Streams:
    """A server with one worker, two talkers and somebody who arms the points of death."""

    def __init__(self, env, seed, **settings):
        self.log_of_seals = env.folder / 'seals'
        self.luck = random.Random(seed)
        self.server = env.server(
            server__workers=1, limits__window_bytes='1MiB', log__level='info',
            environ={'CSMSG_SEALS': str(self.log_of_seals)}, **settings)
        self.env = env
        self.alice, self.kate = (Talker(env, self.server, name, self.luck) for name in ('alice', 'kate'))
        with mock.patch.object(socket, 'create_connection', narrow_connection):
            self.bob = Talker(env, self.server, 'bob', self.luck)
        self.alice.peer, self.bob.peer, self.kate.peer = self.bob, self.alice, self.kate
        self.visitor = csmsg.Identity('visitor')
        self.talkers = (self.alice, self.bob, self.kate)
        self.since = 0  # the log's mark of this round

    def pump(self):
        """Everybody sends a piece and reads what has come."""
        poll = select.poll()
        by_fd = {}
        for talker in self.talkers:
            talker.push()
            if talker.slow == 0:
                continue
            by_fd[talker.client.sock.fileno()] = talker
            poll.register(talker.client.sock, select.POLLIN)
        for fd, _ in poll.poll(1):
            by_fd[fd].pull()

    def talk_until(self, question, what, trigger=None, timeout=15.0):
        """Both talk until the answer is true; trigger() is called in every round."""
        deadline = time.monotonic() + timeout * scale()
        patience = time.monotonic() + 0.3  # with a reader that stops all traffic
        while not question():
            if self.bob.slow is not None and time.monotonic() > patience:
                self.bob.read_slowly(None)
            if time.monotonic() > deadline:
                raise Failure('%s: not after %.0f s of talking' % (what, timeout * scale()))
            for talker in (self.alice, self.bob):
                if len(talker.outbox) < AT_ONCE:
                    talker.say()
            if trigger:
                trigger()
            self.pump()

    def settle(self, timeout=15.0):
        """Reads and repeats until everything has arrived once."""
        self.bob.read_slowly(None)
        deadline = time.monotonic() + timeout * scale()
        while not all(talker.settled() for talker in self.talkers):
            if time.monotonic() > deadline:
                raise Failure('not settled after %.0f s: %s' % (timeout * scale(), [
                    (t.name, sorted(t.outbox)[:3], len(t.raw), t.heard, t.peer.last_id, t.resyncs)
                    for t in self.talkers]))
            self.pump()

    def logged(self, **wanted):
        """How often this stands in the log of this round."""
        return len(self.server.log.matches(self.since, wanted))

    def arm(self, step, number, passes):
        """The worker will die at this step."""
        self.since = self.server.log.mark()
        self.kate.seal(records.pad(frames.raw_frame(0x7e, bytes([number]) + passes.to_bytes(2, 'little'))))
        while not self.logged(sub='fault', ev='armed', step=step):
            self.pump()

    def die_at(self, step, number, passes, trigger=None):
        """Arms, talks until the worker has died there, and sees that nothing is lost."""
        self.bob.read_slowly(self.luck.choice((None, 0, 700, 5000)))
        self.arm(step, number, passes)
        try:
            self.talk_until(lambda: self.logged(sub='fault', ev='step', step=step),
                            'the worker reaches %s' % step, trigger)
            self.settle()
        except (Failure, csmsg.Closed, OSError) as error:
            raise Failure('death at %s, pass %d: %s: %s' % (step, passes, type(error).__name__, error)) from error

    def finish(self, deaths):
        """Same connections, and no number for two plaintexts; deaths: at least so many."""
        self.settle()
        names = tuple(t.name for t in self.talkers)
        for event in ('drop', 'lost', 'quarantine', 'refuse'):
            equal(self.server.log.matches(0, {'sub': 'session', 'ev': event, 'user': names}), [],
                  'connections that ended')
        died = self.server.log.matches(0, {'sub': 'worker', 'ev': 'died'})
        check(len(died) >= deaths, '%d workers died instead of %d' % (len(died), deaths))
        check(self.alice.resyncs >= 1 and self.alice.last_id > 0, 'Alice has not noticed anything')
        judge_seals(self.log_of_seals)


def judge_seals(path, least=1):
    """Fails when a number was used for two plaintexts; the log must not be empty."""
    wrong, sealed, adopted = seals.judge(path.read_bytes())
    equal(wrong[:5], [], 'numbers used twice')
    check(sealed >= least and adopted >= least, 'the log of seals has %d records, %d adoptions' % (sealed, adopted))


def worker_pid(server):
    """The process that serves everybody."""
    return server.pids('worker')[0]


def kill_worker(server):
    """SIGKILL from outside."""
    os.kill(worker_pid(server), 9)
