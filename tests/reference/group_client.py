"""Somebody in groups: docs/groups.md and docs/sealed.md, sections 7 and 8, by the reference client. Built on
sealed_client: a Device with its account on the list writes entries, and follows a group's log.

    room = Room(phone, '#chess')
    room.append(client, 'create', role=1, text=b'#chess')
    room.say(client, 'hello')
    room.take(client)                                  # -> 'hello', or the op of an entry
"""
import frames
import sealed as s
import sealed_group as sg
from frames import Frame


def body(text):
    """What looks like a sealed message of suite 2, for the newest entry of the log: the server looks no further."""
    return b'\2' + bytes(8) + b'\xff' * 4 + text.encode()


class Room:
    """A device's view of a group: its log, and the number of the last message."""

    def __init__(self, device, name):
        self.device, self.name = device, name
        self.group, self.seq, self.head = s.NONE, 0, s.NONE
        self.seen, self.heard, self.ops = 0, [], []

    def entry(self, op, subject=None, **fields):
        """The next entry; subject is a Person."""
        me = self.device.person
        actor = (me.name.encode(), me.account, self.device.keys.device, self.device.keys.ed_secret)
        whom = (subject.name.encode(), subject.account) if subject else (b'', s.NONE)
        return sg.entry(self.group, self.seq + 1, self.head, op, 1_700_000_000_000, actor, whom, **fields)

    def follow(self, raw):
        """Takes an entry that the server has ordered; False when it was known."""
        e = sg.parse(raw)
        if e['seq'] <= self.seq:
            return False
        assert (e['seq'], e['prev'], e['group']) == (self.seq + 1, self.head, self.group), 'the log does not continue'
        self.seq, self.head = e['seq'], sg.entry_hash(raw)
        if self.seq == 1:
            self.group = self.head
        self.ops.append(e)
        return True

    def send(self, client, raw):
        """GROUP append, and its answer."""
        client.send_frames(Frame('GROUP_C', op=frames.G_APPEND, entry=raw))
        return answer(client, frames.G_APPEND, frames.G_HEAD)

    def append(self, client, op, subject=None, **fields):
        """Writes an entry and has the server take it; the head that it tells."""
        raw = self.entry(op, subject, **fields)
        got = self.send(client, raw)
        if got.op == frames.G_HEAD:
            self.follow(raw)
        return got

    def fetch(self, client):
        """Fetches the log from where it is known, and follows it; a refusal is given."""
        while True:
            client.send_frames(Frame('GROUP_C', op=frames.G_LOG, room=self.name, group=self.group, after=self.seq))
            got = answer(client, frames.G_LOG, frames.G_ENTRIES)
            if got.op == frames.NO:
                return got
            for row in got.entries:
                self.follow(row['entry'])
            if self.seq >= got.head:
                return got

    def join(self, client):
        """Fetches the log and joins; the answer."""
        got = self.fetch(client)
        return got if got.op == frames.NO else self.append(client, 'join')

    def place(self, client, seen=None):
        """Says where this device is; the answer."""
        client.send_frames(Frame('GROUP_C', op=frames.G_PLACE, room=self.name, group=self.group,
                                 seen=self.seen if seen is None else seen))
        return answer(client, frames.G_PLACE, frames.PLACED)

    def follow_all(self, client):
        """Takes what has come of this group, and fetches what is missing of the log."""
        client.ping()
        for frame in [f for f in client.pending if f.name == 'DELIVER' and f.to == self.name]:
            client.pending.remove(frame)
            client.ack(frame)
            self.hear(frame)
        return self.fetch(client).op != frames.NO

    def say(self, client, text):
        """Sends; the id."""
        return client.send(self.name, body(text))

    def text_of(self, frame):
        """What a message says."""
        return frame.body[13:].decode()

    def hear(self, frame):
        """A DELIVER of this group: what it is, noted; None when it was heard before."""
        assert frame.flags & frames.IN_ROOM and frame.to == self.name, frame
        if frame.seq <= self.seen:
            return None
        self.seen = frame.seq
        if frame.flags & frames.OF_LOG:
            self.follow(frame.body)
            what = sg.parse(frame.body)['op']
        else:
            what = self.text_of(frame)
        self.heard.append((frame.seq, what))
        return what

    def take(self, client, timeout=None):
        """The next DELIVER of the group, acknowledged."""
        frame = client.expect('DELIVER', timeout, to=self.name)
        client.ack(frame)
        return self.hear(frame)

    def take_until(self, client, what, timeout=None):
        """Takes until this was heard; all that was, this last."""
        got = []
        while not got or got[-1] != what:
            got.append(self.take(client, timeout))
        return got


def answer(client, asked, op):
    """The answer of this op, or the refusal of the question; what else comes waits its turn."""
    passed = []
    while True:
        frame = client.recv()
        if frame.name == 'GROUP_S' and (frame.op == op or (frame.op == frames.NO and frame.asked == asked)):
            client.pending = passed + client.pending
            return frame
        assert frame.name != 'ERROR', frame
        passed.append(frame)


def groups(client, scope=frames.MINE):
    """The list of groups: a dictionary by name."""
    client.send_frames(Frame('GROUP_C', op=frames.G_LIST, scope=scope))
    found = {}
    while True:
        part = answer(client, frames.G_LIST, frames.GROUPS)
        if part.op == frames.NO:
            return part
        found.update((row['room'], row) for row in part.groups)
        if part.last:
            return found


def members(client, room):
    """The members of a group: a dictionary by name; or the refusal."""
    client.send_frames(Frame('GROUP_C', op=frames.G_MEMBERS, room=room))
    found = {}
    while True:
        part = answer(client, frames.G_MEMBERS, frames.MEMBERS)
        if part.op == frames.NO:
            return part
        found.update((row['name'], row) for row in part.members)
        if part.last:
            return found
