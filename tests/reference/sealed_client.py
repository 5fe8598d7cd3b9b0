"""A person with devices that seal: docs/sealed.md through the server of docs/protocol.md, sections 6.1,
6.5 and 6.6. For tests: one session with each remote device, the account key on every device, and all
state in memory.

    bob = Person('bob')
    phone = Device(bob)
    client = csmsg.Client(address, phone.identity).open()
    phone.begin(client)                           # appends it to the list, publishes prekeys
    phone.send(client, 'alice', 'hello')
    phone.read(client, client.take_message())     # -> 'hi'
"""
import os

import csmsg
import frames
import sealed as s
from frames import Frame

NOW = 1_700_000_000_000
DAY = NOW // 86_400_000


class Chance:
    """Random bytes of the system."""

    @staticmethod
    def fill(n):
        return os.urandom(n)


class Person:
    """An account: its name, its key, and its list as it should be."""

    def __init__(self, name):
        self.name = name
        self.account, self.secret = s.sign_pair(os.urandom(32))
        self.list = s.DeviceList(self.account, name.encode())

    def entry_add(self, keys, by=None):
        """The entry that adds a device; nothing is sent, and the list is as it was."""
        offer = keys.ed, keys.x.public, keys.self_signature(self.account, self.name.encode())
        return self.list.entry(self.secret, NOW, keys.device, offer, by)

    def entry_revoke(self, device, by=None):
        """The entry that revokes one."""
        return self.list.entry(self.secret, NOW, device, None, by)

    def append(self, client, entry):
        """Has the server take an entry; the head that it tells."""
        client.append(self.account, entry)
        head = client.expect('LIST_S', op=frames.HEAD, person=self.name, head=self.list.seq + 1)
        self.list.apply(entry)
        return head


class Session:
    """A session with one remote device; part: what first messages carry, until there was an answer."""

    def __init__(self, ratchet, number, part=None):
        self.ratchet, self.number, self.part = ratchet, number, part


class Device:
    """One device of a person: keys, prekeys, sessions, and the lists of others that it has seen."""

    def __init__(self, person, one_time=3):
        self.person = person
        self.keys = s.DeviceKeys(Chance)
        self.who = self.keys.who(person.account, person.name.encode())
        self.identity = csmsg.Identity(person.name, self.keys.ed_secret[:32], self.keys.device)
        self.signed = s.SignedPrekey(self.keys, person.account, 1, NOW, os.urandom(32))
        self.one_time = {i: s.Pair(os.urandom(32)) for i in range(1, one_time + 1)}
        self.sessions, self.lists = {}, {}

    def publication(self, first=1):
        """`publish` of section 3, with the one-time prekeys from an id on."""
        fresh = [(i, pair) for i, pair in sorted(self.one_time.items()) if i >= first]
        return (bytes([s.SUITE]) + s.u64(self.keys.device) + self.signed.encode() + s.str16(b'') + s.u16(len(fresh)) +
                b''.join(s.u32(i) + pair.public for i, pair in fresh))

    def begin(self, client, by=None):
        """Lists this device, unless it is, and publishes its prekeys."""
        if all(row[0] != self.keys.device for row in self.person.list.rows):
            self.person.append(client, self.person.entry_add(self.keys, by))
        client.publish(self.publication())
        return client.expect('KEYS_S', op=frames.OWN_ANSWER)

    # --- others ---

    def list_of(self, client, name):
        """Fetches and verifies the list of an account."""
        got = client.fetch_list(name)
        chain = s.DeviceList(got.account_key, got.person.encode())
        for entry in got.entries:
            chain.apply(entry)
        assert chain.seq == got.head
        self.lists[name] = chain
        return chain

    def start(self, client, name, chain, row):
        """X3DH with a device that there is no session with yet."""
        bundle, = client.fetch_keys(name, row[0]).bundles
        c = s.Cursor(bundle)
        suite, device = c.u8(), c.u64()
        number, created, public, signature = c.u32(), c.u64(), c.take(32), c.take(64)
        assert (suite, device, c.take(c.u16())) == (s.SUITE, row[0], b'')
        s.verify(row[1], 'csmsg signed prekey 1',
                 s.signed_prekey_text(chain.account_key, device, number, created, public), signature)
        opk_id, opk = (c.u32(), c.take(32)) if c.u8() else (0, None)
        c.end()
        ek = s.Pair(os.urandom(32))
        whom = s.who(chain.name, chain.account_key, *row[:3])
        sk, ad, session = s.x3dh_start(self.who, self.keys.x, whom, row[2], ek, public, opk)
        part = s.x3dh_part(self.keys.x.public, ek.public, number, opk_id)
        self.sessions[name, device] = Session(s.Ratchet(sk, ad, Chance, peer=public), session, part)

    def head_for(self, client, name, chain, row, text):
        """The head for one device."""
        if (name, row[0]) not in self.sessions:
            self.start(client, name, chain, row)
        session = self.sessions[name, row[0]]
        return session.ratchet.seal(text, s.head_front(session.number, session.part))

    def seal(self, client, to, text, number):
        """SEND for the devices of the lists that this device knows."""
        me = self.person.name
        theirs, mine = (self.lists.get(n) or self.list_of(client, n) for n in (to, me))
        key, seqs = os.urandom(32), (mine.seq, theirs.seq)
        ad = s.body_ad(me.encode(), self.person.account, self.keys.device, number, to.encode(), theirs.account_key,
                       *seqs)
        rows = [(to, theirs, r) for r in theirs.rows] + ([(me, mine, r) for r in mine.rows] if to != me else [])
        heads = [dict(device=r[0], head=self.head_for(client, n, chain, r, s.head_text(key, *seqs)))
                 for n, chain, r in rows if r[3] and (n, r[0]) != (me, self.keys.device)]
        content = s.content(1, NOW, b'\0' + text.encode())
        return Frame('SEND', id=number, kind=0, to=to, heads=heads, body=s.body(key, ad, content))

    def send(self, client, to, text):
        """Seals, sends, and gives the id."""
        frame = self.seal(client, to, text, client.next_id)
        client.next_id += 1
        client.send_frames(frame)
        return frame.id

    # --- reading ---

    def answer(self, sender, row, front):
        """The session that a first message begins."""
        c = s.Cursor(front[10:])
        ik, ek, signed_id, opk_id = c.take(32), c.take(32), c.u32(), c.u32()
        assert ik == row[2] and signed_id == self.signed.id
        opk = self.one_time.pop(opk_id) if opk_id else None
        whom = s.who(sender.name, sender.account_key, *row[:3])
        sk, ad, number = s.x3dh_answer(whom, ik, self.who, self.keys.x, ek, self.signed.pair, opk)
        assert number[:8] == front[2:10]
        return Session(s.Ratchet(sk, ad, Chance, pair=self.signed.pair), number)

    def read(self, client, frame):
        """The text of a DELIVER."""
        sender = self.lists.get(frame.sender) or self.list_of(client, frame.sender)
        row = sender.find(frame.from_device)
        front = frame.head[:82 if frame.head[0] == 2 else 10]
        session = self.sessions.get((frame.sender, frame.from_device))
        if not session or session.number[:8] != front[2:10]:
            session = self.answer(sender, row, front)
        c = s.Cursor(session.ratchet.open(frame.head, len(front), DAY))
        self.sessions[frame.sender, frame.from_device] = session
        session.part = None
        assert c.u8() == 1
        key, from_seq, to_seq = c.take(32), c.u32(), c.u32()
        to = self.person.account if frame.to == self.person.name else self.lists[frame.to].account_key
        ad = s.body_ad(frame.sender.encode(), sender.account_key, frame.from_device, frame.id, frame.to.encode(), to,
                       from_seq, to_seq)
        return s.open_body(key, ad, frame.body)[11:].decode()
