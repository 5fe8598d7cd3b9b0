"""Entries, claims and welcomes of the class roster: section 7.2 of docs/protocol.md, with what
docs/sealed.md, section 11, puts into them."""
import os
import signal
import time

import frames
import sealed
import sealed_trust
from frames import CLAIM, DONE, DROP, ENTRY, ITEMS, NEWS, PUT, REFUSED, ROSTER_FETCH, STATE, WELCOME
from harness import check, equal
from sealed_client import Chance


def refused(frame, code, what):
    """Fails unless this says no with this code."""
    equal((frame.op, frames.CODES.get(getattr(frame, 'code', 0))), (REFUSED, code), what)


def instructor(env, server, name='prof'):
    """Somebody whom the operator has made one."""
    client = env.login(name, server)
    server.ctl('role', name, 'instructor')
    client.expect('MODERATE_S', op=STATE)
    return client


def fetch(client, kind, person='', after=0):
    """{name: item} of one answer."""
    got = client.roster(ROSTER_FETCH, kind, person, after=after)
    equal(got.op, ITEMS, 'the answer: %s' % got)
    return {row['name']: row['item'] for row in got.items}


def news(client):
    """(kind, how many) of the next news."""
    got = client.expect('ROSTER_S', op=NEWS)
    return got.kind, got.waiting


def test_a_student_comes_to_class(env):
    """A code, a claim, a signed entry, a welcome: each end checks what the other made, the server carries it."""
    server = env.server()
    prof = instructor(env, server)
    anchor, account = sealed.sign_pair(os.urandom(32)), sealed.sign_pair(os.urandom(32))
    secret = sealed_trust.make_code(Chance)
    alice = env.login('alice', server)
    claim = sealed_trust.claim(secret, anchor[0], b'os', b'alice', account)
    equal(alice.roster(PUT, CLAIM, item=claim).op, DONE, 'the claim')
    equal(news(prof), (CLAIM, 1), 'what the instructor is told')
    equal(fetch(prof, CLAIM), {'alice': claim}, 'what waits')
    entry = sealed_trust.roster_entry(anchor, 1, b'os', b'alice', account[0], 0, 1, 2 ** 40)
    welcome = sealed_trust.welcome(secret, anchor[0], entry)
    for kind, item in ((ENTRY, entry), (WELCOME, welcome)):
        equal(prof.roster(PUT, kind, 'alice', item=item).person, 'alice', 'what the instructor puts')
    equal(prof.roster(DROP, CLAIM, 'alice').op, DONE, 'the claim is answered')
    equal(fetch(prof, CLAIM), {}, 'what still waits')
    equal(news(alice), (WELCOME, 1), 'what the student is told')
    equal(fetch(alice, WELCOME, 'alice'), {'alice': welcome}, 'the welcome')
    equal(alice.roster(DROP, WELCOME).op, DONE, 'it is taken')
    bob = env.login('bob', server)
    equal((fetch(bob, ENTRY, 'ALICE'), fetch(bob, ENTRY, 'bob')), ({'alice': entry}, {}), 'what others read')
    equal(fetch(bob, WELCOME, 'bob'), {}, 'no welcome')


def test_waits(env):
    """A claim for the instructor, a welcome for the student: told at the login, again and again until it is taken."""
    server = env.server()
    prof, alice, bob = instructor(env, server), env.login('alice', server), env.login('bob', server)
    prof.bye()
    alice.roster(PUT, CLAIM, item=b'first')
    alice.roster(PUT, CLAIM, item=b'second')
    bob.roster(PUT, CLAIM, item=b'mine')
    os.kill(server.pids('broker')[0], signal.SIGKILL)
    server.wait_log(20, count=2, sub='broker', ev='ready')
    prof = env.login(prof.identity, server)
    equal(news(prof), (CLAIM, 2), 'at the login')
    equal(fetch(prof, CLAIM), {'alice': b'second', 'bob': b'mine'}, 'the newest of each')
    prof.roster(PUT, WELCOME, 'alice', item=b'welcome')
    alice.close()
    for _ in range(2):
        again = env.login(alice.identity, server)
        equal(news(again), (WELCOME, 1), 'at the login')
        again.bye()
    again = env.login(alice.identity, server)
    news(again)
    again.roster(DROP, WELCOME, 'alice')
    again.bye()
    again = env.login(alice.identity, server)
    again.ping()
    equal([f for f in again.drain(0.1) if f.name == 'ROSTER_S'], [], 'afterwards')


def test_who_may_what(env):
    """Entries and welcomes are the instructor's, claims one's own; what is another's cannot be read."""
    server = env.server()
    prof, alice, bob = instructor(env, server), env.login('alice', server), env.login('bob', server)
    server.ctl('role', 'bob', 'assistant')
    prof.roster(PUT, WELCOME, 'alice', item=b'w')
    alice.roster(PUT, CLAIM, item=b'c')
    for client, op, kind, person in (
            (alice, PUT, ENTRY, 'alice'), (alice, PUT, WELCOME, 'alice'), (alice, PUT, CLAIM, 'bob'),
            (alice, DROP, ENTRY, 'alice'), (bob, PUT, ENTRY, 'bob'), (bob, DROP, CLAIM, 'alice'),
            (bob, DROP, WELCOME, 'alice'), (prof, PUT, CLAIM, 'alice')):
        more = dict(item=b'x') if op == PUT else {}
        refused(client.roster(op, kind, person, **more), 'no-right', '%s %d %d' % (client.identity.name, op, kind))
    for client, kind, person in ((alice, CLAIM, ''), (bob, CLAIM, 'alice'), (bob, WELCOME, 'alice'), (prof, WELCOME, 'alice'),
                                 (prof, WELCOME, '')):
        refused(client.roster(ROSTER_FETCH, kind, person, after=0), 'no-right', '%s reads %d' % (client.identity.name, kind))
    equal(fetch(alice, CLAIM, 'alice'), {'alice': b'c'}, 'her own claim')
    for op in (PUT, DROP, ROSTER_FETCH):
        more = {PUT: dict(item=b'x'), DROP: {}, ROSTER_FETCH: dict(after=0)}[op]
        refused(prof.roster(op, ENTRY, 'nobody', **more), 'no-such-user', 'nobody')
    prof.roster(PUT, ENTRY, 'alice', item=bytes(512))
    equal(fetch(bob, ENTRY), {'alice': bytes(512)}, 'the longest')
    prof.send_frames(frames.Frame('ROSTER_C', op=PUT, kind=ENTRY, person='alice', item=bytes(513)))
    equal(prof.expect('ERROR').code_name, 'bad-frame', 'a longer one')


def test_all_in_parts(env):
    """More than one answer holds comes in parts, each entry once, in one order; dropped ones are gone."""
    server = env.server(limits__key_requests=1000)
    prof = instructor(env, server)
    names = ['student%d' % n for n in range(150)]
    for name in names:
        env.login(name, server).close()
        prof.roster(PUT, ENTRY, name, item=name.encode() * 40)
    prof.roster(DROP, ENTRY, 'student7')
    found, after, parts = [], 0, 0
    before = time.time() * 1000
    while True:
        got = prof.roster(ROSTER_FETCH, ENTRY, after=after)
        found += got.items
        parts, after = parts + 1, got.next
        check(all(abs(row['time'] - before) < 60_000 for row in got.items), 'times')
        if not after:
            break
    check(parts > 1, 'it came in %d part(s)' % parts)
    equal([row['name'] for row in found], [n for n in names if n != 'student7'], 'the names')
    check(all(row['item'] == row['name'].encode() * 40 for row in found), 'the entries')


def test_claims_are_limited(env):
    """Beyond limits.roster_claims no further ones, but one's own may be made anew; an answer makes room."""
    server = env.server(limits__roster_claims=2)
    prof = instructor(env, server)
    clients = [env.login(name, server) for name in ('alice', 'bob', 'carol')]
    for client in clients[:2]:
        equal(client.roster(PUT, CLAIM, item=b'c').op, DONE, 'within the limit')
    refused(clients[2].roster(PUT, CLAIM, item=b'c'), 'queue-full', 'beyond it')
    equal(clients[0].roster(PUT, CLAIM, item=b'anew').op, DONE, 'instead of the old one')
    prof.roster(DROP, CLAIM, 'bob')
    equal(clients[2].roster(PUT, CLAIM, item=b'c').op, DONE, 'when there is room')
    equal(fetch(prof, CLAIM), {'alice': b'anew', 'carol': b'c'}, 'what waits')


def test_questions_are_limited(env):
    """They cost as other questions do."""
    server = env.server(limits__key_requests=1)
    alice = env.login('alice', server)
    for _ in range(10):
        equal(fetch(alice, ENTRY), {}, 'within the burst')
    refused(alice.roster(ROSTER_FETCH, ENTRY, after=0), 'too-fast', 'beyond it')
