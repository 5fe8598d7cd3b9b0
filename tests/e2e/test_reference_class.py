"""The class, by a second implementation written from docs/sealed.md, section 11, with the real client at the other end:
as a student of a real instructor, and as the instructor of a real student."""
import os
import time

import sealed
import sealed_trust as t
from frames import CLAIM, DONE, DROP, ENTRY, PUT, ROSTER_FETCH, STATE, WELCOME
from harness import check, equal
from people import reference, registered
from sealed_client import Chance
from test_class import classroom, invite, standing

HOUR = 3_600_000


def now():
    """ms since 1970."""
    return int(time.time() * 1000)


def items(client, kind, person=''):
    """{name: item} that stand at the server."""
    return {row['name']: row['item'] for row in client.roster(ROSTER_FETCH, kind, person, after=0).items}


def anchor_of(client):
    """(anchor key, the instructor's entry) of the only class: what somebody with a code alone goes by."""
    (item,) = items(client, ENTRY).values()
    return item[:32], t.read_roster_entry(item[:32], item[32:])


def test_a_student(env):
    """The code alone: the anchor is found, the real instructor signs the claim, and the welcome proves the anchor. For
    other students the second implementation is who it says."""
    server, words = classroom(env)
    person, _, bob = reference(env, server, 'bob')
    secret = t.read_code(invite(env, server, 'bob').lower().replace('-', ' '))
    anchor_key, own = anchor_of(bob)
    equal((own['name'], own['role'], t.fingerprint(anchor_key)), (b'prof', 2, words), 'whose class it is')
    claim = t.claim(secret, anchor_key, own['class_name'], b'bob', (person.account, person.secret))
    equal(bob.roster(PUT, CLAIM, item=claim).op, DONE, 'the claim')
    env.cli(server, 'prof', 'class', 'sign').expect(0)
    e = t.read_welcome(secret, anchor_key, items(bob, WELCOME, 'bob')['bob'])
    equal((e['name'], e['account_key'], e['role'], e['class_name']), (b'bob', person.account, 0, own['class_name']),
          'the welcome')
    check(e['issued'] <= now() < e['expires'], 'its time: %s' % e)
    equal(items(bob, ENTRY)['bob'][32:], items(bob, WELCOME, 'bob')['bob'][:-32], 'the entry that others see')
    code = invite(env, server, 'alice')
    env.cli(server, 'alice', 'class', 'join', code, '--timeout', '1').expect(7)
    env.cli(server, 'prof', 'class', 'sign').expect(0)
    env.cli(server, 'alice', 'class', 'join', code).expect(0)
    env.cli(server, 'alice', 'send', 'bob', 'hello').expect(0)
    check('student' in standing(env, server, 'alice', 'bob'), 'bob at alice')


def test_claims_that_do_not_count(env):
    """A claim with another code, another account key, another class, a changed name: the real instructor signs none."""
    server, _ = classroom(env)
    person, _, bob = reference(env, server, 'bob')
    secret = t.read_code(invite(env, server, 'bob'))
    anchor_key, own = anchor_of(bob)
    account, name = (person.account, person.secret), own['class_name']
    good = t.claim(secret, anchor_key, name, b'bob', account)
    other = sealed.sign_pair(os.urandom(32))
    wrong = {'another code': t.claim(t.make_code(Chance), anchor_key, name, b'bob', account),
             'another anchor': t.claim(secret, other[0], name, b'bob', account),
             'another class': t.claim(secret, anchor_key, b'other', b'bob', account),
             'another name': t.claim(secret, anchor_key, name, b'bot', account),
             'signed by another': t.claim(secret, anchor_key, name, b'bob', (person.account, other[1])),
             'a bit of the mac': good[:-70] + bytes([good[-70] ^ 1]) + good[-69:]}
    for what, claim in wrong.items():
        equal(bob.roster(PUT, CLAIM, item=claim).op, DONE, what)
        env.cli(server, 'prof', 'class', 'sign').expect(0)
        equal(set(items(bob, ENTRY)), {'prof'}, what + ': who is in')
    bob.roster(PUT, CLAIM, item=good)
    env.cli(server, 'prof', 'class', 'sign').expect(0)
    equal(set(items(bob, ENTRY)), {'prof', 'bob'}, 'who is in')
    bob.roster(PUT, CLAIM, item=t.claim(secret, anchor_key, name, b'bob', other))  # the code once more
    env.cli(server, 'prof', 'class', 'sign').expect(0)
    entry = t.read_roster_entry(anchor_key, items(bob, ENTRY)['bob'][32:])
    equal(entry['account_key'], person.account, 'whose key is signed')


def test_an_instructor(env):
    """The second implementation begins a class and invites: the real student's claim is what the document says, and its
    welcome is believed; one without the code's mac was not."""
    server = env.server()
    registered(env, server, 'alice')
    person, _, prof = reference(env, server, 'prof')
    server.ctl('role', 'prof', 'instructor')
    prof.expect('MODERATE_S', op=STATE)
    anchor, secret = sealed.sign_pair(os.urandom(32)), t.make_code(Chance)

    def entry(name, account_key, role):
        return t.roster_entry(anchor, now() // 1000, b'OS', name, account_key, role, now() - HOUR, now() + HOUR)
    prof.roster(PUT, ENTRY, 'prof', item=anchor[0] + entry(b'prof', person.account, 2))
    env.cli(server, 'alice', 'class', 'join', t.spell_code(secret), '--timeout', '1').expect(7)
    claim = t.read_claim(secret, anchor[0], items(prof, CLAIM)['alice'])
    equal((claim['name'], claim['class_name']), (b'alice', b'OS'), 'the claim')
    equal(claim['account_key'], prof.fetch_list('alice').account_key, 'the key that it is for')
    signed = entry(b'alice', claim['account_key'], 0)
    prof.roster(PUT, ENTRY, 'alice', item=anchor[0] + signed)
    made = t.welcome(secret, anchor[0], signed)
    prof.roster(PUT, WELCOME, 'alice', item=made[:-1] + bytes([made[-1] ^ 1]))
    refused = env.cli(server, 'alice', 'class', 'join', t.spell_code(secret), '--timeout', '1').expect(4)
    check('nobody with the code' in refused.err, 'the words: %r' % refused.err)
    prof.roster(PUT, WELCOME, 'alice', item=made)
    prof.roster(DROP, CLAIM, 'alice')
    done = env.cli(server, 'alice', 'class', 'join', t.spell_code(secret)).expect(0)
    equal(done.event(ev='class')['words'], t.fingerprint(anchor[0]), 'the anchor that was pinned')
    env.cli(server, 'alice', 'send', 'prof', 'hello').expect(0)
    check('instructor' in standing(env, server, 'alice', 'prof'), 'prof at alice')
