"""A person with devices that seal: docs/sealed.md through the server of docs/protocol.md, sections 6.1,
6.5 and 6.6. For tests: the account key on every device, and all state in memory.

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
TEXT, SENDER_KEY, RESEND_REQUEST, RESENT = 1, 5, 6, 7  # kinds of content


class Chance:
    """Random bytes of the system."""

    @staticmethod
    def fill(n):
        return os.urandom(n)


class Person:
    """An account: its name, its key, and its list as it should be."""

    def __init__(self, name, seed=None):
        self.name = name
        self.account, self.secret = s.sign_pair(seed or os.urandom(32))
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


class Sessions:
    """All sessions with one remote device, section 5.1: several stay, one is current. reset: the other side began
    anew although ours was open."""

    def __init__(self):
        self.all, self.current, self.reset = [], None, False

    def find(self, prefix):
        """The session that a head names, or None."""
        return next((session for session in self.all if session.number[:8] == prefix), None)

    def begun_here(self, session):
        """One that we have begun: what we send goes through it."""
        self.all.append(session)
        self.current = session

    def begun_there(self, session):
        """One that the other side has begun. When both began at once, the lower number is current at both ends."""
        started = self.current and self.current.part
        self.reset = bool(self.current) and not started
        self.all.append(session)
        if not started or session.number < self.current.number:
            self.current = session


class Device:
    """One device of a person: keys, prekeys, sessions, and the lists of others that it has seen."""

    def __init__(self, person, one_time=3):
        self.person = person
        self.keys = s.DeviceKeys(Chance)
        self.who = self.keys.who(person.account, person.name.encode())
        self.identity = csmsg.Identity(person.name, self.keys.ed_secret[:32], self.keys.device)
        self.signed = s.SignedPrekey(self.keys, person.account, 1, NOW, os.urandom(32))
        self.one_time = {i: s.Pair(os.urandom(32)) for i in range(1, one_time + 1)}
        self.sessions, self.lists, self.sent = {}, {}, {}

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
        signed_id, created, public, signature = c.u32(), c.u64(), c.take(32), c.take(64)
        assert (suite, device, c.take(c.u16())) == (s.SUITE, row[0], b'')
        s.verify(row[1], 'csmsg signed prekey 1',
                 s.signed_prekey_text(chain.account_key, device, signed_id, created, public), signature)
        opk_id, opk = (c.u32(), c.take(32)) if c.u8() else (0, None)
        c.end()
        ek = s.Pair(os.urandom(32))
        whom = s.who(chain.name, chain.account_key, *row[:3])
        sk, ad, number = s.x3dh_start(self.who, self.keys.x, whom, row[2], ek, public, opk)
        part = s.x3dh_part(self.keys.x.public, ek.public, signed_id, opk_id)
        self.sessions_with(name, device).begun_here(Session(s.Ratchet(sk, ad, Chance, peer=public), number, part))

    def sessions_with(self, name, device):
        """What there is of sessions with a device; kept, if there was nothing."""
        return self.sessions.setdefault((name, device), Sessions())

    def head_for(self, client, name, chain, row, text):
        """The head for one device."""
        if not self.sessions_with(name, row[0]).current:
            self.start(client, name, chain, row)
        session = self.sessions[name, row[0]].current
        return session.ratchet.seal(text, s.head_front(session.number, session.part))

    def seal(self, client, to, text, number):
        """SEND of a text for the devices of the lists that this device knows."""
        return self.seal_content(client, to, s.content(TEXT, NOW, b'\0' + text.encode()), number)

    def seal_content(self, client, to, content, number):
        """The same with any content."""
        me = self.person.name
        theirs, mine = (self.lists.get(n) or self.list_of(client, n) for n in (to, me))
        assert theirs.seq and mine.seq, 'nothing can be sealed for an account without a list'
        key, seqs = os.urandom(32), (mine.seq, theirs.seq)
        ad = s.body_ad(me.encode(), self.person.account, self.keys.device, number, to.encode(), theirs.account_key,
                       *seqs)
        rows = [(to, theirs, r) for r in theirs.rows] + ([(me, mine, r) for r in mine.rows] if to != me else [])
        heads = [dict(device=r[0], head=self.head_for(client, n, chain, r, s.head_text(key, *seqs)))
                 for n, chain, r in rows if r[3] and (n, r[0]) != (me, self.keys.device)]
        return Frame('SEND', id=number, kind=0, to=to, heads=heads, body=s.body(key, ad, content))

    def send_content(self, client, to, content):
        """Seals, sends, and gives the id."""
        frame = self.seal_content(client, to, content, client.next_id)
        client.next_id += 1
        self.sent[frame.id] = content
        client.send_frames(frame)
        return frame.id

    def send(self, client, to, text):
        """Seals a text, sends, and gives the id."""
        return self.send_content(client, to, s.content(TEXT, NOW, b'\0' + text.encode()))

    def send_until_taken(self, client, to, text):
        """Sends; as often as the answer is devices-changed fetches the list of whom it names, and seals anew under
        a new id. (id, how often)"""
        for tries in range(1, 4):
            number = self.send(client, to, text)
            answer = client.settling(number)
            if answer.name == 'ACCEPTED':
                return number, tries
            assert answer.code_name == 'devices-changed', answer
            client.settled(number)
            self.list_of(client, answer.subject)
        raise AssertionError('devices-changed %d times' % tries)

    def ask_again(self, client, frame, reason):
        """A resend request, kind 6, through a new session: what there was is of no use."""
        self.sessions.pop((frame.sender, frame.from_device), None)
        wanted = s.u64(frame.from_device) + s.u64(frame.id) + bytes([reason])
        return self.send_content(client, frame.sender, s.content(RESEND_REQUEST, NOW, wanted))

    def send_again(self, client, to, number):
        """The answer to one, kind 7: the content of a message of ours."""
        return self.send_content(client, to, s.content(RESENT, NOW, s.u64(number) + s.str8(to.encode()) + self.sent[number]))

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

    def open(self, client, frame):
        """The content of a DELIVER: (kind, fields)."""
        sender = self.lists.get(frame.sender) or self.list_of(client, frame.sender)
        row = sender.find(frame.from_device)
        front = frame.head[:82 if frame.head[0] == 2 else 10]
        sessions = self.sessions_with(frame.sender, frame.from_device)
        known = sessions.find(front[2:10])
        if not known and frame.head[0] != 2:
            raise s.SealedError('unknown session')
        session = known or self.answer(sender, row, front)
        c = s.Cursor(session.ratchet.open(frame.head, len(front), DAY))
        if not known:
            sessions.begun_there(session)
        session.part = None
        assert c.u8() == 1
        key, from_seq, to_seq = c.take(32), c.u32(), c.u32()
        to = self.person.account if frame.to == self.person.name else self.list_of(client, frame.to).account_key
        ad = s.body_ad(frame.sender.encode(), sender.account_key, frame.from_device, frame.id, frame.to.encode(), to,
                       from_seq, to_seq)
        content = s.Cursor(s.open_body(key, ad, frame.body))
        assert content.u8() == 1
        kind = content.u8()
        content.u64()
        return kind, content.rest()

    def read(self, client, frame):
        """The text of a DELIVER."""
        kind, fields = self.open(client, frame)
        assert kind == TEXT and fields[0] == 0, (kind, fields)
        return fields[1:].decode()
