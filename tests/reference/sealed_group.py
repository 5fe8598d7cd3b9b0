"""Groups end to end: docs/sealed.md sections 7 and 8, written from that text."""
import re

from sealed import (Cursor, NONE, SealedError, chain_step, hash_of, label, open_sealed, pad, seal, sign, sign_pair, str8,
                    u32, u64, unpad, verify)


class SenderKey:
    """One generation of a sender: chain and signing key."""

    def __init__(self, group, generation, chain, public, secret=None, iteration=0):
        self.group, self.generation, self.iteration = group, generation, iteration
        self.chain, self.public, self.secret = chain, public, secret
        self.skipped = {}

    @classmethod
    def make(cls, group, last, random):
        chain = random.fill(32)
        public, secret = sign_pair(random.fill(32))
        return cls(group, last + 1, chain, public, secret)

    def distribution(self):
        return self.group + u32(self.generation) + u32(self.iteration) + self.chain + self.public

    @classmethod
    def accept(cls, distribution):
        c = Cursor(distribution)
        group, generation, iteration, chain, public = c.take(32), c.u32(), c.u32(), c.take(32), c.take(32)
        c.end()
        return cls(group, generation, chain, public, None, iteration)

    def ad(self, sender, number, log_hash, front):
        return label('csmsg group ad 1') + self.group + sender + u64(number) + log_hash + front

    def seal(self, sender, number, log_seq, log_hash, content):
        front = b'\2' + u32(self.generation) + u32(self.iteration) + u32(log_seq)
        ad = self.ad(sender, number, log_hash, front)
        self.chain, key = chain_step(self.chain)
        self.iteration += 1
        sealed = seal(key, 'csmsg group message 1', ad, pad(content))
        return front + sealed + sign(self.secret, 'csmsg group sign 1', ad + sealed)

    def open(self, sender, number, log_hash, body):
        front, sealed, signature = body[:13], body[13:-64], body[-64:]
        c = Cursor(front)
        if c.u8() != 2 or c.u32() != self.generation:
            raise SealedError('other')
        iteration = c.u32()
        ad = self.ad(sender, number, log_hash, front)
        verify(self.public, 'csmsg group sign 1', ad + sealed, signature)
        chain, made, at = self.chain, {}, self.iteration
        if iteration < at and iteration not in self.skipped:
            raise SealedError('no key')
        if iteration > at + 1000:
            raise SealedError('too far')
        while at <= iteration:
            chain, made[at] = chain_step(chain)
            at += 1
        key = self.skipped[iteration] if iteration < self.iteration else made[iteration]
        text = unpad(open_sealed(key, 'csmsg group message 1', ad, sealed))
        self.skipped.update(made)
        del self.skipped[iteration]
        self.chain, self.iteration = chain, at
        return text


OPS = {'create': 1, 'invite': 2, 'join': 3, 'leave': 4, 'kick': 5, 'role': 6, 'mute': 7, 'topic': 8, 'open': 9}


def entry(group, seq, prev, op, time, actor, subject=(b'', NONE), role=0, until=0, text=b''):
    """An entry; actor is (name, account key, device, the device's Ed25519 secret)."""
    out = bytes([1, OPS[op]]) + group + u32(seq) + prev + u64(time) + str8(actor[0]) + actor[1] + u64(actor[2])
    out += str8(subject[0]) + subject[1] + bytes([role]) + u64(until) + str8(text)
    return out + sign(actor[3], 'csmsg group entry 1', out)


def entry_hash(raw): return hash_of('csmsg group hash 1', raw)


OP_NAMES = {number: op for op, number in OPS.items()}
SUBJECT, ROLE, UNTIL, TEXT = 'subject', 'role', 'until', 'text'
USES = {'create': {ROLE, TEXT}, 'invite': {SUBJECT}, 'join': set(), 'leave': set(), 'kick': {SUBJECT, TEXT},
        'role': {SUBJECT, ROLE}, 'mute': {SUBJECT, UNTIL, TEXT}, 'topic': {TEXT}, 'open': {ROLE}}
NOBODY, MEMBER, ASSISTANT, OWNER = range(4)
NAME = re.compile(rb'[A-Za-z0-9][A-Za-z0-9_.-]{0,31}')
PEOPLE, LONGEST, LAST_SEQ = 1024, 1024, 65535


def parse(raw):
    """An entry's fields; SealedError('damaged') when its form is not that of its op."""
    c = Cursor(raw)
    version, op = c.u8(), OP_NAMES.get(c.u8())
    e = dict(op=op, group=c.take(32), seq=c.u32(), prev=c.take(32), time=c.u64())
    e.update(actor=c.str8(), actor_account=c.take(32), actor_device=c.u64())
    e.update(subject=c.str8(), subject_account=c.take(32), role=c.u8(), until=c.u64(), text=c.str8())
    e.update(body=raw[:c.at], signature=c.take(64))
    c.end()
    used = {SUBJECT} if e['subject'] or e['subject_account'] != NONE else set()
    used |= {field for field in (ROLE, UNTIL, TEXT) if e[field]}
    if version != 1 or not op or len(raw) > LONGEST or not used <= USES[op] or not NAME.fullmatch(e['actor']):
        raise SealedError('damaged')
    if SUBJECT in USES[op] and not NAME.fullmatch(e['subject']):
        raise SealedError('damaged')
    return e


class Somebody:
    """What the log says of an account."""

    def __init__(self, name):
        self.name, self.role, self.invited, self.barred, self.until, self.joined = name, NOBODY, False, False, 0, 0

    def traceless(self):
        """Is there nothing to remember?"""
        return not (self.role or self.invited or self.barred or self.until)


class Membership:
    """The log as somebody has followed it. key_of(entry): (the device's Ed25519 key or None, is it an instructor)."""

    def __init__(self, key_of):
        self.key_of, self.group, self.seq, self.head = key_of, NONE, 0, NONE
        self.is_open, self.name, self.topic, self.people = False, b'', b'', {}

    def apply(self, raw):
        """Takes an entry, and gives its fields; SealedError and no change otherwise."""
        e = parse(raw)
        if e['seq'] != self.seq + 1 or e['seq'] > LAST_SEQ:
            raise SealedError('gap')
        if e['prev'] != self.head or e['group'] != self.group:
            raise SealedError('fork')
        key, instructor = self.key_of(e)
        if not key:
            raise SealedError('stranger')
        verify(key, 'csmsg group entry 1', e['body'], e['signature'])
        self.judge(e, instructor)
        getattr(self, 'do_' + e['op'])(e)
        self.people = {account: p for account, p in self.people.items() if not p.traceless()}
        self.inherit()
        self.seq, self.head = e['seq'], entry_hash(raw)
        self.group = self.group if self.seq > 1 else self.head
        return e

    def members(self):
        """Who is in, by account key."""
        return {account: p for account, p in self.people.items() if p.role}

    def person(self, name, account):
        """What is said of somebody from now on."""
        return self.people.setdefault(account, Somebody(name))

    # --- who may what ---

    def judge(self, e, instructor):
        """Raises what stands against an entry in its place and well signed."""
        actor = self.people.get(e['actor_account'], Somebody(b''))
        known = e['subject_account'] in self.people
        subject = self.people.get(e['subject_account'], Somebody(b''))
        if (self.seq == 0) != (e['op'] == 'create') or not self.may(e['op'], actor, subject, instructor):
            raise SealedError('forbidden')
        if not self.sense(e, actor, subject):
            raise SealedError('senseless')
        adds = e['op'] == 'invite' and not known or e['op'] == 'join' and e['actor_account'] not in self.people
        if adds and len(self.people) >= PEOPLE:
            raise SealedError('full')

    def may(self, op, actor, subject, instructor):
        """The column `who may`."""
        moderates = instructor or actor.role == OWNER and subject.role != OWNER \
            or actor.role == ASSISTANT and subject.role <= MEMBER
        return {'create': True, 'leave': True, 'kick': moderates, 'mute': moderates,
                'invite': instructor or actor.role >= ASSISTANT or self.is_open and actor.role == MEMBER,
                'join': actor.invited or self.is_open and not actor.barred,
                'role': instructor or actor.role == OWNER, 'open': instructor or actor.role == OWNER,
                'topic': instructor or actor.role >= ASSISTANT}[op]

    @staticmethod
    def sense(e, actor, subject):
        """Is there anything that it could do?"""
        return {'create': e['role'] <= 1 and e['text'][:1] == b'#' and NAME.fullmatch(e['text'][1:]),
                'invite': not subject.role and not subject.invited, 'join': not actor.role, 'leave': actor.role,
                'kick': subject.role or subject.invited, 'mute': subject.role, 'topic': True, 'open': e['role'] <= 1,
                'role': subject.role and MEMBER <= e['role'] <= OWNER and e['role'] != subject.role}[e['op']]

    # --- what it does ---

    def do_create(self, e):
        self.person(e['actor'], e['actor_account']).role = OWNER
        self.people[e['actor_account']].joined = 1
        self.is_open, self.name = bool(e['role']), e['text']

    def do_invite(self, e):
        subject = self.person(e['subject'], e['subject_account'])
        subject.invited, subject.barred = True, False

    def do_join(self, e):
        actor = self.person(e['actor'], e['actor_account'])
        actor.name, actor.role, actor.invited, actor.joined = e['actor'], MEMBER, False, e['seq']

    def do_leave(self, e):
        self.people[e['actor_account']].role = NOBODY

    def do_kick(self, e):
        subject = self.people[e['subject_account']]
        subject.role, subject.invited, subject.barred = NOBODY, False, True

    def do_role(self, e):
        self.people[e['subject_account']].role = e['role']

    def do_mute(self, e):
        self.people[e['subject_account']].until = e['until']

    def do_topic(self, e):
        self.topic = e['text']

    def do_open(self, e):
        self.is_open = bool(e['role'])

    def inherit(self):
        """Nobody owns it: the highest, of these who came first, does."""
        inside = self.members().values()
        if inside and all(p.role != OWNER for p in inside):
            min(inside, key=lambda p: (-p.role, p.joined)).role = OWNER
