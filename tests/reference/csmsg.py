"""A second implementation of the protocol, written from docs/protocol.md alone.

It shares no line with the C code, so that both can be checked against each other. Client is a
small blocking client for tests: it does what the document says, and on request what it forbids
(send_bytes, send_plain, seal). The parts: noise.py (section 2), records.py (3), frames.py (4 to 7).

    me = Identity('alice')
    with Client(('127.0.0.1', 5130), me) as client:
        client.open()                       # preface, handshake, login
        client.send('bob', 'hello')
        print(client.expect('ACCEPTED'))
"""
import hashlib
import os
import select
import socket
import struct
import time

from nacl import bindings
from nacl.exceptions import BadSignatureError

import frames
import noise
import records
from frames import Frame

PREFACE_MAGIC = b'CSMG'
ANSWER_MAGIC = b'CS'
PROLOGUE = b'csmsg/1'
HANDSHAKE_MAX = 1024
REASONS = {1: 'no common version', 2: 'busy', 3: 'full', 4: 'too many from this address'}
TIMEOUT = 10.0  # seconds that a wait may last when the call names no other time


class Closed(Exception):
    """The other side closed the connection."""


class Refused(Exception):
    """The server said no: in its preface (reason) or with an ERROR frame (frame)."""

    def __init__(self, text, frame=None, reason=None):
        super().__init__(text)
        self.frame, self.reason = frame, reason


class Untrusted(Exception):
    """The server's certificate does not hold."""


class Unexpected(Exception):
    """Another frame came than the one that was awaited."""


def preface(lowest=1, highest=1, flags=0, magic=PREFACE_MAGIC):
    """The client's preface."""
    return magic + struct.pack('<BBH', lowest, highest, flags)


def prologue(client_preface, server_preface):
    """What both sides mix in first."""
    return PROLOGUE + client_preface + server_preface


def framed(message):
    """A handshake message as it travels."""
    return struct.pack('<H', len(message)) + message


def sign(seed, text):
    """An Ed25519 signature by the key of this seed."""
    _, secret = bindings.crypto_sign_seed_keypair(seed)
    return bindings.crypto_sign(text, secret)[:64]


def signing_key(seed):
    """The Ed25519 public key of a seed."""
    return bindings.crypto_sign_seed_keypair(seed)[0]


def verify(public, text, signature):
    """True when the signature is by this key."""
    try:
        return bindings.crypto_sign_open(signature + text, public) == text
    except BadSignatureError:
        return False


def fingerprint(server_id):
    """A server's identity as people compare it (section 9)."""
    number = int.from_bytes(hashlib.sha256(server_id).digest()[:20], 'big')
    digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
    text = ''.join(digits[number >> shift & 31] for shift in range(155, -1, -5))
    return '-'.join(text[i:i + 4] for i in range(0, 32, 4))


def plain_body(text, form=0):
    """A body of suite 0: form 0 says, 1 acts."""
    return bytes([0, form]) + text.encode('utf-8')


class Hello:
    """The payload of handshake message 2."""

    SIZE = 176

    def __init__(self, payload):
        if len(payload) != self.SIZE:
            raise Untrusted('payload of %d bytes instead of %d' % (len(payload), self.SIZE))
        self.server_id, self.transport_key = payload[:32], payload[32:64]
        self.not_before, self.not_after = struct.unpack('<QQ', payload[64:80])
        self.signature, self.challenge = payload[80:144], payload[144:160]
        self.server_time, self.max_text, self.window = struct.unpack('<QII', payload[160:])

    @staticmethod
    def certified(server_id, transport_key, not_before, not_after):
        """What the server's identity signs."""
        return (b'srvcert1' + server_id + transport_key
                + struct.pack('<QQ', not_before, not_after))

    @classmethod
    def make(cls, seed, transport_key, not_before, not_after, challenge, server_time, max_text,
             window):
        """The payload as a server makes it."""
        server_id = signing_key(seed)
        text = cls.certified(server_id, transport_key, not_before, not_after)
        return (text[len(b'srvcert1'):] + sign(seed, text) + challenge
                + struct.pack('<QII', server_time, max_text, window))

    def check(self, static, now_ms=None):
        """Raises Untrusted unless this certifies the static key of the handshake."""
        text = self.certified(self.server_id, self.transport_key, self.not_before, self.not_after)
        if self.transport_key != static:
            raise Untrusted('the certified key is not the one of the handshake')
        if not verify(self.server_id, text, self.signature):
            raise Untrusted('the signature of the certificate is wrong')
        now = self.server_time if now_ms is None else now_ms
        if not self.not_before <= now <= self.not_after:
            raise Untrusted('the certificate is not valid at %d' % now)


class Identity:
    """A user's name, and the key and number of one device."""

    def __init__(self, name, seed=None, device=None):
        self.name = name
        self.seed = seed or os.urandom(32)
        self.device = int.from_bytes(os.urandom(8), 'little') if device is None else device
        self.key = signing_key(self.seed)

    def login(self, h, challenge, **fields):
        """A LOGIN frame; fields replaces any of its values."""
        name = fields.get('user', self.name)
        name = name if isinstance(name, bytes) else name.encode()
        device = fields.get('device', self.device)
        text = b'login1' + h + challenge + name + struct.pack('<Q', device)
        values = dict(
            user=self.name, device=self.device, device_key=self.key,
            caps=frames.RECEIVE, incarnation=0, seq=0, next_id=1, lobby_seen=frames.NEWCOMER,
            signature=sign(self.seed, text))
        values.update(fields)
        return Frame('LOGIN', **values)


class Link:
    """A connected socket: bytes with deadlines, then records and frames."""

    def __init__(self, sock):
        self.sock = sock
        sock.setblocking(False)
        self.buffer = b''
        self.out = self.inward = None
        self.assembler = frames.Assembler()
        self.ready = []      # frames received and not yet handed out
        self.pending = []    # frames that expect() has passed over
        self.token = 0       # of the last RESYNC

    def start_records(self, sending, receiving):
        """From here on everything is records under these keys."""
        self.out, self.inward = records.Direction(sending), records.Direction(receiving)

    def wait(self, deadline, writing=False):
        """Waits until the socket is ready; TimeoutError at the deadline."""
        left = deadline - time.monotonic()
        poll = select.poll()
        poll.register(self.sock, select.POLLOUT if writing else select.POLLIN)
        if left <= 0 or not poll.poll(left * 1000):
            raise TimeoutError('nothing came in time')

    def send_bytes(self, data, timeout=None):
        """Raw bytes to the socket, whatever they are."""
        deadline = time.monotonic() + (TIMEOUT if timeout is None else timeout)
        view = memoryview(data)
        while view:
            try:
                view = view[self.sock.send(view):]
            except BlockingIOError:
                self.wait(deadline, writing=True)
            except (ConnectionResetError, BrokenPipeError) as error:
                raise Closed('while sending: %s' % error) from error

    def fill(self, deadline):
        """Reads what is there into the buffer; Closed at the end of the stream."""
        self.wait(deadline)
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Closed('reset by the other side') from error
        if not data:
            raise Closed('end of stream')
        self.buffer += data

    def take(self, size, deadline):
        """Exactly so many bytes."""
        while len(self.buffer) < size:
            self.fill(deadline)
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def take_framed(self, deadline):
        """What stands behind a u16 length; nothing is taken before it is complete."""
        while len(self.buffer) < 2 or len(self.buffer) < 2 + self.coming():
            self.fill(deadline)
        size = self.coming()
        data, self.buffer = self.buffer[2:2 + size], self.buffer[2 + size:]
        return data

    def coming(self):
        """The length in front of the buffer."""
        return struct.unpack('<H', self.buffer[:2])[0]

    def seal(self, plaintext):
        """A record of this plaintext, ready for send_bytes; its counter is used up."""
        return self.out.seal(plaintext)

    def send_plain(self, plaintext, padding=True):
        """One record with this plaintext."""
        self.send_bytes(self.seal(records.pad(plaintext) if padding else plaintext))

    def send_frames(self, *list_of_frames):
        """Frames in as few records as hold them."""
        plaintext = b''
        for data in [piece for frame in list_of_frames for piece in frames.encode(frame)]:
            if len(plaintext) + len(data) > records.PLAIN_MAX:
                self.send_plain(plaintext)
                plaintext = b''
            plaintext += data
        self.send_plain(plaintext)

    def fresh(self, deadline):
        """The next frame that nobody has seen yet."""
        while not self.ready:
            plaintext = self.inward.open(self.take_framed(deadline))
            self.ready.extend(self.assembler.frames(plaintext))
        frame = self.ready.pop(0)
        if frame.name == 'RESYNC':
            self.token = frame.token
        return frame

    def recv(self, timeout=None):
        """The next frame in the order of the wire; TimeoutError, Closed."""
        if self.pending:
            return self.pending.pop(0)
        return self.fresh(time.monotonic() + (TIMEOUT if timeout is None else timeout))

    def expect(self, name, timeout=None, **fields):
        """The first frame of this name with these fields; what else comes waits its turn.

        An ERROR that was not asked for ends the wait: nothing follows it.
        """
        def fits(frame):
            return frame.name == name and all(getattr(frame, k) == v for k, v in fields.items())
        for frame in self.pending:
            if fits(frame):
                self.pending.remove(frame)
                return frame
        deadline = time.monotonic() + (TIMEOUT if timeout is None else timeout)
        wanted = Frame(name, **fields)
        while True:
            try:
                frame = self.fresh(deadline)
            except (Closed, TimeoutError) as error:
                raise type(error)('expected %s; came %s; then %s' % (
                    wanted, self.pending[-8:] or 'nothing', error)) from error
            if fits(frame):
                return frame
            self.pending.append(frame)
            if frame.name == 'ERROR':
                raise Unexpected('expected %s, came %s' % (wanted, frame))

    def drain(self, timeout=0.0):
        """All frames that are there or come within timeout seconds of silence."""
        found = []
        try:
            while True:
                found.append(self.recv(timeout))
        except (TimeoutError, Closed):
            return found

    def ended(self, timeout=None):
        """Waits for the end of the stream; returns the frames that came before it."""
        found = []
        try:
            while True:
                if self.inward is None:
                    deadline = time.monotonic() + (TIMEOUT if timeout is None else timeout)
                    self.fill(deadline)
                else:
                    found.append(self.recv(timeout))
        except Closed:
            return found

    def close(self):
        """Closes the socket without a word."""
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Client(Link):
    """A client: preface and handshake, login, messages."""

    def __init__(self, address, identity=None, source=None):
        host = (source, 0) if source else None
        super().__init__(socket.create_connection(address, TIMEOUT, host))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.identity = identity
        self.preface = preface()
        self.ephemeral = os.urandom(32)
        self.hello = self.h = self.welcome = None
        self.next_id = 1

    def opening(self):
        """The bytes a client begins with: preface and message 1."""
        return self.preface + framed(noise.public_key(self.ephemeral))

    def connect(self, send=True):
        """Preface and handshake; send=False when opening() was already sent."""
        if send:
            self.send_bytes(self.opening())
        deadline = time.monotonic() + TIMEOUT
        answer = self.take(4, deadline)
        if answer[:2] != ANSWER_MAGIC:
            raise Untrusted('not a server of this protocol: %s' % answer.hex())
        if answer[2] == 0:
            reason = REASONS.get(answer[3], 'reason %d' % answer[3])
            raise Refused(reason, reason=answer[3])
        self.handshake(answer, self.take_framed(deadline))
        return self

    def handshake(self, answer, message_2):
        """Everything after the server's preface and message 2 have come."""
        initiator = noise.Initiator(prologue(self.preface, answer), self.ephemeral)
        initiator.message_1()
        self.hello = Hello(initiator.read_2(message_2))
        self.hello.check(initiator.remote_static)
        self.h = initiator.h
        self.start_records(*initiator.keys())

    def login(self, **fields):
        """Sends LOGIN and returns the WELCOME; Refused with the ERROR frame."""
        self.send_frames(self.identity.login(self.h, self.hello.challenge, **fields))
        return self.greeted()

    def greeted(self):
        """Waits for the answer to a LOGIN."""
        frame = self.recv()
        if frame.name == 'ERROR':
            raise Refused('%s: %s' % (frame.code_name, frame.text), frame=frame)
        if frame.name != 'WELCOME':
            raise Unexpected('expected WELCOME, came %s' % frame)
        self.welcome = frame
        self.next_id = max(self.next_id, frame.last_id + 1)
        return frame

    def open(self, **fields):
        """connect() and login()."""
        self.connect()
        self.login(**fields)
        return self

    def send(self, to, text, number=None):
        """SEND of a plain text, or of a body of bytes; returns its id."""
        body = text if isinstance(text, bytes) else plain_body(text)
        number = self.next_id if number is None else number
        self.next_id = max(self.next_id, number + 1)
        self.send_frames(Frame('SEND', id=number, kind=int(to.startswith('#')), to=to, heads=[],
                               body=body))
        return number

    def publish(self, publication):
        """KEYS publish, of docs/sealed.md section 3."""
        self.send_frames(Frame('KEYS_C', op=frames.PUBLISH, publish=publication))

    def fetch_keys(self, name, device=0):
        """KEYS fetch: the answer, bundles or refused."""
        self.send_frames(Frame('KEYS_C', op=frames.FETCH, person=name, device=device))
        return self.answer_of('KEYS_S', frames.BUNDLES, frames.FETCH)

    def own_keys(self):
        """KEYS own: what the server has of this device."""
        self.send_frames(Frame('KEYS_C', op=frames.OWN))
        return self.answer_of('KEYS_S', frames.OWN_ANSWER, frames.OWN)

    def fetch_list(self, name, after=0):
        """LIST fetch: the answer, entries or refused."""
        self.send_frames(Frame('LIST_C', op=frames.LIST_FETCH, person=name, after=after))
        return self.answer_of('LIST_S', frames.ENTRIES, frames.LIST_FETCH)

    def append(self, account_key, entry):
        """LIST append; the answer is a head, or refused."""
        self.send_frames(Frame('LIST_C', op=frames.APPEND, account_key=account_key, entry=entry))

    def answer_of(self, name, op, asked, **fields):
        """The answer of this op with these fields, or the refusal of the question; what else comes waits its turn."""
        def fits(frame):
            if frame.op == frames.REFUSED:
                return frame.asked == asked
            return frame.op == op and all(getattr(frame, k) == v for k, v in fields.items())
        passed = []
        while True:
            frame = self.recv()
            if frame.name == name and fits(frame):
                self.pending = passed + self.pending
                return frame
            if frame.name == 'ERROR':
                raise Unexpected('expected %s, came %s' % (name, frame))
            passed.append(frame)

    def moderate(self, act, person='', seconds=0, reason='', room='#lobby'):
        """MODERATE: what came of it, done or refused."""
        self.send_frames(Frame('MODERATE_C', act=act, room=room, person=person, seconds=seconds, reason=reason))
        return self.answer_of('MODERATE_S', frames.ACTED, act, act=act, by=self.welcome.user)

    def roster(self, op, kind, person='', **fields):
        """ROSTER: the answer, items, done, or refused."""
        self.send_frames(Frame('ROSTER_C', op=op, kind=kind, person=person, **fields))
        return self.answer_of('ROSTER_S', frames.ITEMS if op == frames.ROSTER_FETCH else frames.DONE, op)

    def why(self, name, *ids):
        """WHY about messages to somebody: the answer, or refused."""
        self.send_frames(Frame('WHY_C', op=frames.WHY_MESSAGES, to=name, ids=list(ids)))
        return self.answer_of('WHY_S', frames.WHY_MESSAGES, frames.WHY_MESSAGES)

    def why_room(self, room, group, number):
        """WHY about a message of a group: the first part of the answer, or refused."""
        self.send_frames(Frame('WHY_C', op=frames.WHY_ROOM, to=room, group=group, number=number))
        return self.answer_of('WHY_S', frames.WHY_ROOM, frames.WHY_ROOM, number=number)

    def admit(self, step, message, attempt=0):
        """ADMIT: carries a message of docs/sealed.md, section 12."""
        self.send_frames(Frame('ADMIT_C', op=frames.CARRY, attempt=attempt, step=step, message=message))

    def ack(self, frame):
        """Acknowledges a DELIVER."""
        in_room = frame.flags & frames.IN_ROOM
        self.send_frames(Frame(
            'ACK', kind=int(bool(in_room)), incarnation=frame.incarnation, seq=frame.seq,
            room=frame.to if in_room else ''))

    def take_message(self, timeout=None, **fields):
        """The next DELIVER with these fields, acknowledged."""
        frame = self.expect('DELIVER', timeout, **fields)
        self.ack(frame)
        return frame

    def settled(self, upto):
        """ACK of kind 2: confirms a REJECTED, and with it all ids up to this one."""
        self.send_frames(Frame('ACK', kind=2, incarnation=0, seq=upto, room=''))

    def settling(self, number):
        """What became of the message of this id: ACCEPTED or REJECTED; what else comes waits its turn."""
        passed = []
        while True:
            frame = self.recv()
            if frame.name in ('ACCEPTED', 'REJECTED') and frame.id == number:
                self.pending = passed + self.pending
                return frame
            if frame.name == 'ERROR':
                raise Unexpected('expected what became of %d, came %s' % (number, frame))
            passed.append(frame)

    def take_rejected(self, number, timeout=None):
        """The REJECTED of this id, confirmed."""
        frame = self.expect('REJECTED', timeout, id=number)
        self.settled(number)
        return frame

    def resume(self, incarnation=0, seq=0, next_id=1, lobby_seen=0, token=None):
        """RESUME; as a rule the answer to the last RESYNC."""
        self.send_frames(Frame('RESUME', incarnation=incarnation, seq=seq, next_id=next_id,
                               lobby_seen=lobby_seen, token=self.token if token is None else token))

    def ping(self, value=1):
        """PING, and waits for its PONG: everything sent before has been read by then."""
        self.send_frames(Frame('PING', value=value))
        return self.expect('PONG', value=value)

    def people(self):
        """PRESENCE list: a dictionary of who is connected."""
        self.send_frames(Frame('PRESENCE_C', op=frames.LIST))
        found = {}
        while True:
            part = self.expect('PRESENCE_S', op=frames.LIST)
            found.update((p['name'], p) for p in part.people)
            if part.flags & 1:
                return found

    def about(self, name):
        """PRESENCE about."""
        self.send_frames(Frame('PRESENCE_C', op=frames.ABOUT, person=name))
        return self.expect('PRESENCE_S', op=frames.ABOUT)

    def bye(self):
        """Ends the session on purpose."""
        self.send_frames(Frame('BYE'))
        self.close()
