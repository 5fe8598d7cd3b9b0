"""A server of docs/protocol.md for a few clients, all in memory: what an honest one says, so that a test can change one
thing of it and see whether real clients believe it. It forgets nothing, checks no signature but those of logs, and
knows neither presence nor moderation nor rosters.

    class Liar(server.Server):
        def bundles(self, asker, name, device):
            return []
    with Liar() as liar:
        env.cli(liar.name, 'alice', 'send', 'bob', 'hello')

Each method below `what a hostile server may say instead` is one such thing.
"""
import os
import socket
import struct
import threading
import time

import frames
import noise
import sealed_group as sg
from csmsg import ANSWER_MAGIC, Closed, Hello, Link, framed, prologue
from frames import Frame

YEAR = 365 * 86_400_000
MAX_TEXT, WINDOW, KEEP_S = 65536, 256, 86400
NO_SUCH_USER, NO_SUCH_ROOM, DEVICES_CHANGED, LOG_CHANGED = 20, 21, 28, 50


def now():
    """ms since 1970."""
    return int(time.time() * 1000)


class Device:
    """What is kept of a device: its stream of messages, prekeys, and the highest id that it has used."""

    def __init__(self):
        self.stream, self.last_id, self.early = [], 0, {}
        self.front, self.one_time, self.top = None, {}, 0

    def publish(self, publication):
        """`publish` of docs/sealed.md, section 3: the part in front of the count is that of a bundle, too."""
        at = 1 + 8 + 4 + 8 + 32 + 64
        at += 2 + struct.unpack('<H', publication[at:at + 2])[0]
        self.front, (count,) = publication[:at], struct.unpack('<H', publication[at:at + 2])
        for i in range(count):
            key = publication[at + 2 + 36 * i:at + 38 + 36 * i]
            number = int.from_bytes(key[:4], 'little')
            if number > self.top:
                self.one_time[number], self.top = key, number

    def bundle(self, one_time=True):
        """A bundle, with a one-time prekey that goes out once."""
        key = self.one_time.pop(min(self.one_time)) if one_time and self.one_time else b''
        return self.front + (b'\1' + key if key else b'\0')

    def signed(self):
        """The id of the signed prekey."""
        return struct.unpack('<I', self.front[9:13])[0] if self.front else 0


class Account:
    """A name, its list of devices, and what is kept of each."""

    def __init__(self, name, number):
        self.name, self.number, self.key, self.entries, self.devices = name, number, bytes(32), [], {}


class Room:
    """A group: its log, and the row of what was said."""

    def __init__(self, name, group):
        self.name, self.group, self.log, self.row = name, group, [], []

    def add(self, **fields):
        """The next in the row, as DELIVER has it."""
        flags = fields.pop('flags', 0) | frames.IN_ROOM
        frame = Frame('DELIVER', flags=flags, incarnation=0, seq=len(self.row) + 1, time=now(), to=self.name, head=b'',
                      **fields)
        self.row.append(frame)
        return frame


class Session(Link):
    """A connection, and its thread."""

    def __init__(self, server, sock):
        super().__init__(sock)
        self.server, self.user, self.device, self.places = server, None, None, {}
        self.sending = threading.Lock()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        """Until the client goes."""
        try:
            self.handshake()
            self.login(self.recv(3600))
            while True:
                frame = self.recv(3600)
                with self.server.lock:
                    self.server.heard.append((self.user.name, frame))
                    getattr(self, 'on_' + frame.name, lambda _: None)(frame)
        except (Closed, TimeoutError, OSError, ValueError):  # the last: this side has closed it
            pass
        finally:
            with self.server.lock:
                self.server.sessions = [s for s in self.server.sessions if s is not self]
            self.sock.close()

    def handshake(self):
        """Sections 1 and 2."""
        deadline = time.monotonic() + 10
        preface, answer = self.take(8, deadline), ANSWER_MAGIC + b'\1\0'
        responder = noise.Responder(prologue(preface, answer), self.server.static)
        responder.read_1(self.take_framed(deadline))
        payload = Hello.make(self.server.seed, noise.public_key(self.server.static), now() - YEAR, now() + YEAR,
                             os.urandom(16), now(), MAX_TEXT, WINDOW)
        self.send_bytes(answer + framed(responder.message_2(payload)))
        self.start_records(*responder.keys())

    def login(self, frame):
        """Whoever comes is who they say. What waits for a device follows its WELCOME."""
        with self.server.lock:
            self.user = self.server.account(frame.user)
            self.device = frame.device
            own = self.user.devices.setdefault(self.device, Device())
            own.last_id = max(own.last_id, frame.next_id - 1)
            self.say(Frame('WELCOME', user=self.user.name, account=self.user.number, device=self.device, incarnation=1,
                           last_id=own.last_id, flags=0, role=0, lobby_head=0, waiting=0, keep_s=KEEP_S,
                           server='reference'))
            self.server.sessions.append(self)
            self.receives = bool(frame.caps & frames.RECEIVE)
            if self.receives:
                self.say(*[f for f in own.stream if (frame.incarnation, frame.seq) < (1, f.seq)])

    def say(self, *list_of_frames):
        """Frames to this client, from any thread."""
        with self.sending:
            if list_of_frames:
                self.send_frames(*list_of_frames)

    # --- what a client asks ---

    def on_PING(self, frame):
        self.say(Frame('PONG', value=frame.value))

    def on_PRESENCE_C(self, frame):
        if frame.op == frames.LIST:
            self.say(Frame('PRESENCE_S', op=frames.LIST, flags=1, people=[]))

    def on_KEYS_C(self, frame):
        own = self.user.devices[self.device]
        if frame.op == frames.FETCH:
            found = self.server.bundles(self.user, frame.person, frame.device)
            self.say(Frame('KEYS_S', op=frames.BUNDLES, person=frame.person, device=frame.device, bundles=found))
            return
        if frame.op == frames.PUBLISH:
            own.publish(frame.publish)
        self.say(Frame('KEYS_S', op=frames.OWN_ANSWER, signed=own.signed(), left=len(own.one_time), top=own.top))

    def on_LIST_C(self, frame):
        if frame.op == frames.APPEND:
            self.user.key = frame.account_key
            if frame.entry not in self.user.entries:
                self.user.entries.append(frame.entry)
            self.server.tell(self.user.name, Frame('LIST_S', op=frames.HEAD, person=self.user.name,
                                                   head=len(self.user.entries)))
            return
        whose = self.server.accounts.get(frame.person.lower())
        if not whose:
            self.say(Frame('LIST_S', op=frames.REFUSED, asked=frame.op, person=frame.person, code=NO_SUCH_USER,
                           retry_ms=0, text='nobody has this name', near=[]))
            return
        key, entries = self.server.list_of(self.user, whose)
        self.say(Frame('LIST_S', op=frames.ENTRIES, person=whose.name, account_key=key, head=len(entries),
                       entries=entries[frame.after:]))

    def on_SEND(self, frame):
        own = self.user.devices[self.device]
        own.early[frame.id] = frame
        while own.last_id + 1 in own.early:  # several programs of one device, each with a connection
            own.last_id += 1
            self.judge(own.early[own.last_id])
        own.early = {number: early for number, early in own.early.items() if number > own.last_id}

    def judge(self, frame):
        """A SEND whose turn it is."""
        changed = self.server.changed(self.user, frame)
        if changed:
            self.told(Frame('REJECTED', id=frame.id, code=DEVICES_CHANGED, subject=changed, text='other devices', hint='',
                            near=[]))
            return
        self.told(Frame('ACCEPTED', id=frame.id, state=frames.TAKEN, to='', waiting=0, keep_s=0, absent=0))
        if frame.kind == frames.TO_ROOM:
            room = self.server.rooms[frame.to.lower()]
            self.server.to_room(room, self.user.name, self.device, frame.id, frame.body)
        else:
            self.server.to_user(self.user, self.device, frame)

    def told(self, frame):
        """What became of a message, to every session of this device."""
        for session in self.server.of(self.user.name):
            if session.device == self.device:
                session.say(frame)

    def on_GROUP_C(self, frame):
        server = self.server
        if frame.op == frames.G_APPEND:
            self.append(frame.entry)
        elif frame.op == frames.G_LIST:
            self.say(Frame('GROUP_S', op=frames.GROUPS, last=1, groups=[]))
        elif frame.op in (frames.G_LOG, frames.G_PLACE):
            room = server.rooms.get(frame.room.lower())
            if not room:
                self.no(frame.op, frame.room, NO_SUCH_ROOM)
            elif frame.op == frames.G_LOG:
                rows = server.log_of(self.user, room)
                self.say(Frame('GROUP_S', op=frames.G_ENTRIES, room=room.name, group=room.group, head=len(rows),
                               entries=[dict(number=n, entry=e) for n, e in rows[frame.after:]]))
            else:
                self.place(room, min(frame.seen, len(room.row)))

    def append(self, entry):
        """GROUP append: the next of its log, or the first of a new one."""
        e = sg.parse(entry)
        room = self.server.by_group(e['group']) or Room(e['text'].decode(), sg.entry_hash(entry))
        if e['seq'] != len(room.log) + 1:
            self.no(frames.G_APPEND, room.name, LOG_CHANGED)
            return
        self.server.rooms[room.name.lower()] = room
        number = self.server.enter(room, entry)
        self.say(Frame('GROUP_S', op=frames.G_HEAD, room=room.name, group=room.group, head=len(room.log), number=number))
        if e['op'] in ('create', 'join'):
            for session in self.server.of(self.user.name):
                session.place(room, number - 1, told=False)

    def no(self, asked, room, code):
        """GROUP refused."""
        self.say(Frame('GROUP_S', op=frames.NO, room=room, asked=asked, code=code, retry_ms=0, text='not so'))

    def place(self, room, seen, told=True):
        """From here on this session gets what is said in a room."""
        if told:
            self.say(Frame('GROUP_S', op=frames.PLACED, room=room.name, group=room.group, after=seen,
                           upto=len(room.row)))
        if self.receives:
            self.places[room.name] = True
            self.say(*room.row[seen:])


class Server:
    """Listens on loopback until it is closed. lock: hold it to look at what is kept, or to say something."""

    def __init__(self):
        self.seed, self.static = os.urandom(32), os.urandom(32)
        self.lock = threading.RLock()
        self.accounts, self.rooms, self.sessions, self.heard = {}, {}, [], []
        self.sock = socket.create_server(('127.0.0.1', 0))
        self.address = self.sock.getsockname()
        self.name = '%s:%d' % self.address
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        """Accepts until the socket is closed."""
        try:
            while True:
                sock = self.sock.accept()[0]
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                Session(self, sock)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()
        for session in list(self.sessions):
            session.sock.close()

    # --- what it knows ---

    def account(self, name):
        """An account, made when somebody comes for the first time."""
        return self.accounts.setdefault(name.lower(), Account(name, len(self.accounts) + 1))

    def of(self, name):
        """The sessions of an account."""
        return [session for session in self.sessions if session.user.name.lower() == name.lower()]

    def by_group(self, group):
        """The room with this id, or None."""
        return next((room for room in self.rooms.values() if room.group == group), None)

    def tell(self, name, *list_of_frames):
        """Frames to every session of an account."""
        for session in self.of(name):
            session.say(*list_of_frames)

    # --- what it does with messages ---

    def deliver(self, name, device, **fields):
        """A direct message into the stream of a device; the frame."""
        stream = self.account(name).devices[device].stream
        frame = Frame('DELIVER', flags=0, incarnation=1, seq=len(stream) + 1, time=now(), **fields)
        stream.append(frame)
        for session in self.of(name):
            if session.device == device and session.receives:
                session.say(frame)
        return frame

    def enter(self, room, entry):
        """An entry into a log and a row; its number."""
        e = sg.parse(entry)
        frame = room.add(flags=frames.OF_LOG, sender=e['actor'].decode(), from_device=e['actor_device'], id=0, body=entry)
        room.log.append((frame.seq, entry))
        self.fan_out(room, frame)
        return frame.seq

    def fan_out(self, room, frame):
        """To everybody who is in."""
        for session in self.sessions:
            if session.places.get(room.name):
                session.say(frame)

    # --- what a hostile server may say instead ---

    def list_of(self, asker, whose):
        """(account key, entries) of a list, as somebody is shown it."""
        return whose.key, whose.entries

    def bundles(self, asker, name, device):
        """The bundles of one device, or of all."""
        devices = self.account(name).devices
        return [d.bundle() for number, d in devices.items() if device in (0, number) and d.front]

    def log_of(self, asker, room):
        """[(number, entry)]: the log of a group, as somebody is shown it."""
        return room.log

    def changed(self, sender, frame):
        """Whose devices are others than those which a SEND has heads for; None: nobody's, as far as this server looks."""

    def to_user(self, sender, device, frame):
        """A SEND with heads: to each device that has one."""
        for row in frame.heads:
            for name in (frame.to, sender.name):
                if row['device'] in self.account(name).devices:
                    self.deliver(name, row['device'], sender=sender.name, from_device=device, id=frame.id, to=frame.to,
                                 head=row['head'], body=frame.body)
                    break

    def to_room(self, room, sender, device, number, body):
        """A SEND to a group; the frame as everybody got it."""
        frame = room.add(sender=sender, from_device=device, id=number, body=body)
        self.fan_out(room, frame)
        return frame
