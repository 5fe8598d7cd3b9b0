#!/usr/bin/python3
"""Known answers for client/sealed, made by the second implementation alone.

sealed_vectors.py            compares with tests/vectors/sealed/known.json, exits 1 on a difference
sealed_vectors.py --write    writes it. Only when docs/sealed.md has changed: stored keys and signatures
                             of the old form are then worth nothing any more.

All secrets come from streams named in the code (sealed.Random), so tests/unit/test_sealed_known.c makes
the same ones and must come to the same bytes.
"""
import json
import pathlib
import sys

sys.dont_write_bytecode = True

import sealed as s  # noqa: E402
import sealed_group as g  # noqa: E402
import sealed_trust as t  # noqa: E402

FILE = pathlib.Path(__file__).resolve().parents[1] / 'vectors' / 'sealed' / 'known.json'
NOW = 1_700_000_000_000
DAY = NOW // 86_400_000


class Person:
    """An account with its first device."""

    def __init__(self, name):
        self.name = name.encode()
        self.seed = s.Random(name + ' account').fill(32)
        self.account, self.secret = s.sign_pair(self.seed)
        self.keys = s.DeviceKeys(s.Random(name + ' device'))
        self.who = self.keys.who(self.account, self.name)


def devices(alice, out):
    laptop = s.DeviceKeys(s.Random('alice laptop'))
    chain = s.DeviceList(alice.account, alice.name)

    def add(name, time, device, added, by):
        entry = chain.entry(alice.secret, time, device, added, by)
        chain.apply(entry)
        out[name] = entry

    def offer(keys): return keys.ed, keys.x.public, keys.self_signature(alice.account, alice.name)
    add('entry_1', NOW, alice.keys.device, offer(alice.keys), None)
    add('entry_2', NOW + 1, laptop.device, offer(laptop), alice.keys)
    add('entry_3', NOW + 2, alice.keys.device, None, laptop)
    out['head'] = chain.head


def first_messages(alice, bob, out):
    """Alice writes to Bob: with a one-time prekey, and without."""
    random = s.Random('bob prekeys')
    signed = s.SignedPrekey(bob.keys, bob.account, 1, NOW, random.fill(32))
    one_time = s.Pair(random.fill(32))
    for what, opk in (('with', one_time), ('without', None)):
        mine, theirs = s.Random('alice ' + what), s.Random('bob ' + what)
        out[what + '_bundle'] = s.bundle(bob.keys.device, signed, (1, opk.public) if opk else None)
        ek = s.Pair(mine.fill(32))
        sk, ad, number = s.x3dh_start(alice.who, alice.keys.x, bob.who, bob.keys.x.public, ek, signed.pair.public,
                                      opk.public if opk else None)
        answered = s.x3dh_answer(alice.who, alice.keys.x.public, bob.who, bob.keys.x, ek.public, signed.pair, opk)
        assert answered == (sk, ad, number)
        out.update({what + '_sk': sk, what + '_ad': ad, what + '_number': number})
        part = s.x3dh_part(alice.keys.x.public, ek.public, 1, 1 if opk else 0)
        converse(what, s.Ratchet(sk, ad, mine, peer=signed.pair.public), s.Ratchet(sk, ad, theirs, pair=signed.pair),
                 number, part, out)


def converse(what, a, b, number, part, out):
    """Two first messages, an answer, and one more each: heads, and the states in the end."""
    first, later = s.head_front(number, part), s.head_front(number)
    steps = [(a, b, first), (a, b, first), (b, a, later), (a, b, later), (b, a, later), (a, b, later)]
    for i, (sender, receiver, front) in enumerate(steps):
        text = s.head_text(bytes([i] * 32), 1, 2)
        head = sender.seal(text, front)
        assert receiver.open(head, len(front), DAY) == text
        out['%s_head_%d' % (what, i)] = head
    out[what + '_state_a'], out[what + '_state_b'] = a.encode(), b.encode()


def bodies(alice, bob, out):
    key = s.Random('body key').fill(32)
    ad = s.body_ad(alice.name, alice.account, alice.keys.device, 7, bob.name, bob.account, 1, 2)
    contents = {
        'text': s.content(1, NOW, b'\0' + 'gr\u00fc\u00dfe'.encode()),
        'file': s.content(2, NOW, bytes(range(32)) + bytes(range(32, 64)) + s.u64(1 << 33) + bytes(range(64, 96)) +
                          s.str8(b'hw3.pdf') + b'here'),
        'receipt': s.content(3, NOW, b'\2\2' + s.u64(5) + s.u64(6)),
        'sync': s.content(4, NOW, b'\1' + s.str8(b'bob') + s.u64(9)),
        'sender_key': s.content(5, NOW, bytes(104)),
        'resend': s.content(6, NOW, s.u64(3) + s.u64(4) + b'\1'),
        'resent': s.content(7, NOW, s.u64(4) + s.str8(b'bob') + s.content(1, NOW, b'\1waves')),
    }
    for name, content in contents.items():
        out['content_' + name] = content
        out['body_' + name] = s.body(key, ad, content)
    out['body_long'] = s.body(key, ad, s.content(1, NOW, b'\0' + b'x' * 65536))[-64:]


def group(alice, bob, out):
    def actor(p): return p.name, p.account, p.keys.device, p.keys.ed_secret
    carol = Person('carol')
    steps = [('create', alice, {'text': b'#sealed', 'role': 0}), ('invite', alice, {'subject': (bob.name, bob.account)}),
             ('join', bob, {}), ('role', alice, {'subject': (bob.name, bob.account), 'role': 2}),
             ('topic', bob, {'text': b'HW3 due Friday'}), ('open', alice, {'role': 1}), ('join', carol, {}),
             ('mute', bob, {'subject': (carol.name, carol.account), 'until': NOW + 9, 'text': b'noise'}),
             ('kick', bob, {'subject': (carol.name, carol.account), 'text': b'more noise'}), ('leave', alice, {})]
    number, head = s.NONE, s.NONE
    for i, (op, who, fields) in enumerate(steps):
        raw = g.entry(number, i + 1, head, op, NOW + i, actor(who), **fields)
        head = g.entry_hash(raw)
        number = number if i else head
        out['entry_%d' % (i + 1)] = raw
    out['group'], out['head'] = number, head

    key = g.SenderKey.make(number, 0, s.Random('alice group'))
    reader = g.SenderKey.accept(key.distribution())
    out['distribution'] = key.distribution()
    for i in range(3):
        text = s.content(1, NOW, b'\0to all')
        out['body_%d' % i] = key.seal(alice.who, 20 + i, 10, head, text)
    for i in (2, 0, 1):
        assert reader.open(alice.who, 20 + i, head, out['body_%d' % i]) == s.content(1, NOW, b'\0to all')
    out['distribution_later'] = key.distribution()


def trust(alice, bob, out):
    number, words = t.safety_number((alice.account, alice.name), (bob.account, b'Bob'))
    out.update(safety=number, safety_words=words, fingerprint=t.fingerprint(alice.account), paper=t.paper_key(alice.seed))
    anchor = s.sign_pair(s.Random('anchor').fill(32))
    secret = t.make_code(s.Random('code'))
    out['code'] = t.spell_code(secret)
    out['claim'] = t.claim(secret, anchor[0], b'csce513', bob.name, (bob.account, bob.secret))
    out['roster'] = t.roster_entry(anchor, 3, b'csce513', bob.name, bob.account, 0, NOW, NOW + 1000)
    out['welcome'] = t.welcome(secret, anchor[0], out['roster'])
    laptop = s.DeviceKeys(s.Random('alice laptop'))
    names = 'commit', 'answer', 'offer', 'digits', 'grant'
    out.update(zip(names, t.admission(laptop, alice.name, alice.account, alice.keys.device, s.Random('newcomer'),
                                      s.Random('host'), b'the list', b'gift')))


def make():
    alice, bob = Person('alice'), Person('bob')
    parts = {'devices': (devices, alice), 'first': (first_messages, alice, bob), 'bodies': (bodies, alice, bob),
             'group': (group, alice, bob), 'trust': (trust, alice, bob)}
    known = {}
    for name, (run, *who) in parts.items():
        known[name] = {}
        run(*who, known[name])
    return {part: {k: v.hex() if isinstance(v, bytes) else v for k, v in values.items()} for part, values in known.items()}


def main():
    text = json.dumps(make(), indent=1) + '\n'
    if '--write' in sys.argv:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(text)
    same = FILE.read_text() == text
    print('sealed known answers: %d, %s' % (text.count('": "'), 'as frozen' if same else 'NOT as frozen'))
    sys.exit(0 if same else 1)


if __name__ == '__main__':
    main()
