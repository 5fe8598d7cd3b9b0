"""Groups as docs/sealed.md, sections 7 and 8, has them: group_client.Room with a log that is verified, sender keys
that are handed out through the sessions of sealed_client.Device, and messages that are sealed.

    room = SealedRoom(phone, client, '#chess')
    room.join(client)
    room.say(client, 'hello')
    room.take(client)                       # -> 'hello', or the op of an entry
"""
import sealed as s
import sealed_group as sg
from group_client import Room
from sealed_client import NOW, SENDER_KEY, TEXT, Chance

KEPT = 4  # generations of a device


class SealedRoom(Room):
    """A device's view of a group: what it has verified, its own sender key and those of others."""

    def __init__(self, device, client, name):
        super().__init__(device, name)
        self.client, self.log, self.hashes = client, sg.Membership(self.key_of), {}
        self.own, self.given, self.keys, self.due = None, set(), {}, True

    # --- the log ---

    def row_of(self, name, device):
        """The row of a device in a list; that is fetched once more when it has no such device."""
        for fetch in (self.cached_list, self.device.list_of):
            for row in fetch(self.client, name).rows:
                if row[0] == device:
                    return row
        return None

    def cached_list(self, client, name):
        """The list as this device knows it."""
        return self.device.lists.get(name) or self.device.list_of(client, name)

    def key_of(self, e):
        """Whether the actor's device may speak: its Ed25519 key, or None. Nobody is believed to be an instructor."""
        row, name = self.row_of(e['actor'].decode(), e['actor_device']), e['actor'].decode()
        return (row and self.device.lists[name].account_key == e['actor_account'] and row[1]), False

    def follow(self, raw):
        """Takes an entry that the server has ordered; False when it was known. SealedError: it does not stand."""
        seq = sg.parse(raw)['seq']
        if seq <= self.seq:
            assert self.hashes[seq] == sg.entry_hash(raw), 'two logs'
            return False
        e = self.log.apply(raw)
        self.seq, self.head, self.group = self.log.seq, self.log.head, self.log.group
        self.hashes[self.seq] = self.head
        self.ops.append(e)
        self.due |= e['op'] in ('leave', 'kick')
        return True

    # --- sender keys ---

    def readers(self):
        """(name, device) of all that are to have our key."""
        found = set()
        for p in self.log.members().values():
            name = p.name.decode()
            found |= {(name, row[0]) for row in self.cached_list(self.client, name).rows if row[3]}
        return found - {(self.device.person.name, self.device.keys.device)}

    def hand_out(self, client):
        """A new generation when it is time, and our key to every device that lacks it."""
        readers = self.readers()
        if self.due or not self.own or self.given - readers:
            last = self.own.generation if self.own else NOW // 1000 - 1
            self.own, self.given, self.due = sg.SenderKey.make(self.group, last, Chance), set(), False
            self.keep(self.device.person.name, self.device.keys.device, self.own.distribution())
        for name in sorted({name for name, _ in readers - self.given}):
            self.give(client, name)
        self.given = readers

    def give(self, client, name):
        """Our key as it stands to the devices of an account; the id."""
        return self.device.send_content(client, name, s.content(SENDER_KEY, NOW, self.own.distribution()))

    def keep(self, name, device, distribution):
        """A sender key that came through a session. Generations only grow."""
        key, kept = sg.SenderKey.accept(distribution), self.keys.setdefault((name, device), [])
        if key.group == self.group and (not kept or key.generation > kept[-1].generation):
            kept.append(key)
            del kept[:-KEPT]

    def take_key(self, client):
        """The next sender key that comes; who sent it."""
        frame = client.expect('DELIVER', to=self.device.person.name)
        client.ack(frame)
        kind, fields = self.device.open(client, frame)
        assert kind == SENDER_KEY, (kind, fields)
        self.keep(frame.sender, frame.from_device, fields)
        return frame.sender

    # --- messages ---

    def sealed(self, number, text):
        """The body of a message with this id."""
        content = s.content(TEXT, NOW, b'\0' + text.encode())
        return self.own.seal(self.device.who, number, self.seq, self.head, content)

    def say(self, client, text):
        """Hands out what is due, seals and sends; the id."""
        self.hand_out(client)
        return client.send(self.name, self.sealed(client.next_id, text))

    def key_for(self, frame):
        """The sender key of a message; waits for it, if it has not come."""
        c = s.Cursor(frame.body)
        suite, generation = c.u8(), c.u32()
        assert suite == 2
        while True:
            for key in self.keys.get((frame.sender, frame.from_device), []):
                if key.generation == generation:
                    return key
            self.take_key(self.client)

    def open(self, frame):
        """The content of a DELIVER of this group: (kind, fields)."""
        row = self.row_of(frame.sender, frame.from_device)
        sender = self.device.lists[frame.sender]
        assert sender.account_key in self.log.members(), '%s is not in' % frame.sender
        who = s.who(sender.name, sender.account_key, *row[:3])
        log_hash = self.hashes[s.Cursor(frame.body[9:]).u32()]
        c = s.Cursor(self.key_for(frame).open(who, frame.id, log_hash, frame.body))
        version, kind = c.u8(), c.u8()
        c.u64()
        assert version == 1
        return kind, c.rest()

    def text_of(self, frame):
        """What a message says, to Room.hear."""
        kind, fields = self.open(frame)
        assert (kind, fields[0]) == (TEXT, 0), (kind, fields)
        return fields[1:].decode()
