"""Devices that are not in yet: ADMIT, section 6.7 of docs/protocol.md, with the five messages of
docs/sealed.md, section 12, and the account key from paper."""
import os
import signal

import csmsg
import frames
import sealed
import sealed_trust
from frames import ADMIT, CARRY, END, GIVEN_UP, GONE, HEAD, LATE, PAPER, RECEIVE, REFUSED, TAKEN_BY_OTHER, Frame
from harness import check, equal, raises, scale, until
from people import reference
from sealed_client import Device, Person


def guest(env, server, person, device=None, source=None):
    """A new device's session that may ask to be admitted: (device, client)."""
    device = device or Device(person)
    return device, env.login(device.identity, server, source, caps=ADMIT | RECEIVE)


def carried(client, step, **fields):
    """The message of a step, as it came."""
    return client.expect('ADMIT_S', op=CARRY, step=step, **fields)


def ended(client, why, attempt):
    """Fails unless the attempt ends, for this reason."""
    equal(client.expect('ADMIT_S', op=END, attempt=attempt).why, why, 'why the attempt ended')


def refused(frame, code, what):
    """Fails unless this says no with this code."""
    equal((frame.op, frames.CODES.get(getattr(frame, 'code', 0))), (REFUSED, code), what)


def asked(new, host):
    """An attempt up to the answer of a device: (its number at both ends, the answer)."""
    new.admit(1, b'commit')
    attempt = carried(host, 1).attempt
    host.admit(2, b'answer', attempt)
    equal(carried(new, 2).attempt, attempt, 'the number of the attempt')
    return attempt


def proof(person, device, name=None):
    """The signature of section 12.1 for a device."""
    text = (person.account + sealed.str8((name or person.name).encode()) + sealed.u64(device.keys.device) +
            device.keys.ed)
    return sealed.sign(person.secret, 'csmsg admit paper 1', text)


def show_paper(client, person, device, **fields):
    """ADMIT paper; the answer is the list, or refused."""
    values = dict(account_key=person.account, signature=proof(person, device))
    client.send_frames(Frame('ADMIT_C', op=PAPER, **{**values, **fields}))


# --- five messages ---

def test_admitted(env):
    """A whole run: the code is the same at both ends, the list grows, the new device reads the grant and logs in."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    laptop, new = guest(env, server, person)
    equal((new.welcome.flags, new.welcome.account, new.welcome.role, new.welcome.waiting, new.welcome.lobby_head),
          (2, 0, 0, 0, 0), 'what a guest learns')
    e_new, e_host = sealed.Pair(os.urandom(32)), sealed.Pair(os.urandom(32))
    offer = sealed_trust.admission_offer(laptop.keys, b'bob', e_new, os.urandom(32))
    commit = sealed.hash_of('csmsg admit commit 1', offer)
    new.admit(1, commit)
    first = carried(bob, 1)
    equal((first.device, first.message), (laptop.keys.device, commit), 'message 1')
    answer = sealed_trust.admission_answer(person.account, phone.keys.device, e_host, os.urandom(32))
    bob.admit(2, answer, first.attempt)
    second = carried(new, 2)
    equal((second.device, second.message), (phone.keys.device, answer), 'message 2')
    new.admit(3, offer, first.attempt)
    equal(carried(bob, 3).message, offer, 'message 3')
    t, code, key = sealed_trust.admission_secret(commit, answer, offer, sealed.dh(e_host.secret, e_new.public))
    equal(sealed_trust.admission_secret(commit, answer, offer, sealed.dh(e_new.secret, e_host.public))[1], code, 'the code')
    own = laptop.keys.self_signature(person.account, b'bob')
    new.admit(4, own, first.attempt)
    equal(carried(bob, 4).message, own, 'message 4')
    person.append(bob, person.entry_add(laptop.keys, phone.keys))
    grant = sealed.seal(key, 'csmsg admit grant 1', t, os.urandom(65_000))
    bob.admit(5, grant, first.attempt)
    equal(carried(new, 5).message, grant, 'message 5, longer than a frame')
    server.wait_log(sub='admit', ev='grant', user='bob')
    again = env.login(laptop.identity, server, caps=ADMIT | RECEIVE)
    equal((again.welcome.flags, again.welcome.account), (0, bob.welcome.account), 'the same LOGIN afterwards')
    alice = env.login('alice', server)
    alice.send('bob', 'to both')
    equal([c.take_message().text_body for c in (bob, again)], ['to both'] * 2, 'what both get')


def test_device_comes_later(env):
    """Who asks waits, and whoever of the account logs in meanwhile is told; the first to answer has it."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    tablet = Device(person)
    person.append(bob, person.entry_add(tablet.keys, phone.keys))
    bob.bye()
    server.wait_log(sub='session', ev='drop', user='bob')
    _, new = guest(env, server, person)
    new.admit(1, b'commit')
    new.ping()
    equal(new.drain(0.1), [], 'what a guest hears while nobody is there')
    one, two = env.login(phone.identity, server), env.login(tablet.identity, server)
    attempt = carried(one, 1).attempt
    equal(carried(two, 1).attempt, attempt, 'the attempt as the other device sees it')
    two.admit(2, b'answer', attempt)
    equal(carried(new, 2).device, tablet.keys.device, 'who answers')
    ended(one, TAKEN_BY_OTHER, attempt)
    one.admit(2, b'mine', attempt)
    refused(one.expect('ADMIT_S', op=REFUSED), 'no-attempt', 'a second answer')
    new.admit(3, b'offer', attempt)
    equal(carried(two, 3).message, b'offer', 'message 3')
    new.admit(4, b'self', attempt)
    equal(carried(two, 4).message, b'self', 'message 4')
    one.admit(5, b'mine', attempt)
    refused(one.expect('ADMIT_S', op=REFUSED), 'no-attempt', 'a grant by the other')
    one.send_frames(Frame('ADMIT_C', op=END, attempt=attempt))
    one.ping()
    two.admit(5, b'grant', attempt)
    equal(carried(new, 5).message, b'grant', 'message 5')
    equal([f for f in one.drain(0.1) if f.name == 'ADMIT_S'], [], 'what the other hears of it')


def test_order_of_steps(env):
    """Each says its own steps, in turn, of its own attempt; anything else is refused and changes nothing."""
    server = env.server()
    person, _, bob = reference(env, server, 'bob')
    _, _, alice = reference(env, server, 'alice')
    _, new = guest(env, server, person)
    for step in (2, 3, 4, 5):
        new.admit(step, b'x', 7)
        refused(new.expect('ADMIT_S', op=REFUSED), 'no-attempt', 'step %d of no attempt' % step)
    attempt = asked(new, bob)
    for step in (1, 2, 3, 4, 5):
        for client in (bob, alice):
            client.admit(step, b'x', attempt)
            refused(client.expect('ADMIT_S', op=REFUSED), 'no-attempt', 'step %d by a device' % step)
    for step, number in ((2, attempt), (4, attempt), (5, attempt), (3, attempt + 1)):
        new.admit(step, b'x', number)
        refused(new.expect('ADMIT_S', op=REFUSED), 'no-attempt', 'step %d by the guest' % step)
    new.admit(3, b'offer', attempt)
    equal(carried(bob, 3).message, b'offer', 'message 3')
    new.admit(4, b'self', attempt)
    equal(carried(bob, 4).message, b'self', 'message 4')
    bob.admit(5, b'grant', attempt)
    equal(carried(new, 5).message, b'grant', 'message 5')
    bob.admit(5, b'grant', attempt)
    refused(bob.expect('ADMIT_S', op=REFUSED), 'no-attempt', 'once more')
    equal(alice.drain(0.1), [], 'what another account hears')


def test_ends(env):
    """Given up, gone, begun anew: the other side is told, and a new attempt has another number."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    _, new = guest(env, server, person)
    first = asked(new, bob)
    new.send_frames(Frame('ADMIT_C', op=END, attempt=first))
    ended(bob, GIVEN_UP, first)
    second = asked(new, bob)
    check(second != first, 'two attempts of one number')
    bob.send_frames(Frame('ADMIT_C', op=END, attempt=second))
    ended(new, GIVEN_UP, second)
    third = asked(new, bob)
    new.admit(1, b'anew')
    ended(bob, GIVEN_UP, third)
    fourth = carried(bob, 1, message=b'anew').attempt
    bob.admit(2, b'answer', fourth)
    carried(new, 2)
    bob.bye()
    ended(new, GONE, fourth)
    bob = env.login(phone.identity, server)
    fifth = asked(new, bob)
    new.close()
    ended(bob, GONE, fifth)


def test_time_is_limited(env):
    """After limits.guest_time the session ends, and so does the attempt."""
    server = env.server(limits__guest_time='1s')
    person, _, bob = reference(env, server, 'bob')
    _, new = guest(env, server, person)
    attempt = asked(new, bob)
    equal(new.expect('ERROR').code_name, 'timeout', 'how it ends')
    ended(bob, LATE, attempt)


def test_guests_are_limited(env):
    """So many for one account, so many from one address; whoever goes makes room."""
    server = env.server(limits__guests_per_account=2, limits__guests_per_address=3)
    bob_person, carol_person = (reference(env, server, n)[0] for n in ('bob', 'carol'))
    guests = [guest(env, server, bob_person)[1] for _ in range(2)]
    no = raises(csmsg.Refused, lambda: guest(env, server, bob_person), 'a third of one account')
    equal((no.frame.code_name, no.frame.retry_ms), ('busy', 60_000), 'ERROR')
    guest(env, server, carol_person)
    no = raises(csmsg.Refused, lambda: guest(env, server, carol_person), 'a fourth from one address')
    equal((no.frame.code_name, 'from this address' in no.frame.text), ('busy', True), 'ERROR: %s' % no.frame.text)
    guest(env, server, carol_person, source='127.0.0.2')
    guests[0].close()
    guests[1].close()

    def enters():
        try:
            return guest(env, server, bob_person)
        except csmsg.Refused:
            return None
    until(enters, 'room for another')


def test_what_a_guest_may_not(env):
    """Nothing but to ask; not for names that nobody has, not under a number that is in, not when it was revoked."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    for frame in (Frame('SEND', id=1, kind=0, to='bob', heads=[], body=b'\0\0x'), Frame('PRESENCE_C', op=frames.LIST),
                  Frame('KEYS_C', op=frames.FETCH, person='bob', device=0), Frame('RESUME', incarnation=0, seq=0, next_id=1,
                                                                                  lobby_seen=0, token=0),
                  Frame('LIST_C', op=frames.LIST_FETCH, person='bob', after=0), Frame('PART', data=b'x'),
                  Frame('ROSTER_C', op=frames.ROSTER_FETCH, kind=1, person='', after=0),
                  Frame('GROUP_C', op=frames.G_LIST, scope=frames.ALL_OPEN)):
        _, new = guest(env, server, person)
        new.send_frames(frame)
        equal(new.expect('ERROR').code_name, 'bad-state', frame.name)
    for what, identity, code in (
            ('nobody', csmsg.Identity('nobody'), 'no-such-user'),
            ('a number that is in', csmsg.Identity('bob', device=phone.keys.device), 'name-taken')):
        no = raises(csmsg.Refused, lambda: env.login(identity, server, caps=ADMIT), what)
        equal(no.frame.code_name, code, what)
    tablet = Device(person)
    person.append(bob, person.entry_add(tablet.keys, phone.keys))
    person.append(bob, person.entry_revoke(tablet.keys.device, phone.keys))
    no = raises(csmsg.Refused, lambda: guest(env, server, person, tablet), 'the revoked')
    equal(no.frame.code_name, 'revoked', 'ERROR')
    equal(bob.drain(0.1), [], 'what bob hears of all that')
    _, new = guest(env, server, person)
    new.send_frames(Frame('ADMIT_C', op=CARRY, attempt=0, step=1, message=bytes(4097)))
    equal(new.expect('ERROR').code_name, 'bad-frame', 'a message of 4,097 bytes')


def test_too_many_tries(env):
    """A guest says 64 frames, then it has to come again."""
    server = env.server()
    person, _, _ = reference(env, server, 'bob')
    _, new = guest(env, server, person)
    for _ in range(65):
        new.admit(3, b'x', 1)
    equal(new.expect('ERROR').code_name, 'too-fast', 'beyond')
    equal(len([f for f in new.pending if f.name == 'ADMIT_S']), 64, 'answers before it')


def test_broker_killed(env):
    """A guest has to come again, also when somebody else was admitted under its number meanwhile."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    laptop, new = guest(env, server, person)
    other = Device(person)
    other.keys.device = laptop.keys.device
    person.append(bob, person.entry_add(other.keys, phone.keys))
    since = server.log.mark()
    os.kill(server.pids('broker')[0], signal.SIGKILL)
    server.wait_log(20, after=since, sub='broker', ev='ready')
    equal(new.expect('ERROR', 20 * scale()).code_name, 'reconnect', 'the guest')
    guest(env, server, person)


def test_workers_killed(env):
    """The worker of the one or of the other dies: the attempt ends for both, and another one works."""
    server = env.server(server__workers=2)
    person, _, bob = reference(env, server, 'bob')
    since = server.log.mark()
    laptop, new = guest(env, server, person)
    slots = server.ctl('who')[0]['worker'], int(server.wait_log(after=since, sub='session', ev='open')['w'])
    equal(sorted(slots), [0, 1], 'workers of bob and of the guest')
    pids = {row['slot']: row['pid'] for row in server.processes('worker')}
    first = asked(new, bob)
    os.kill(pids[slots[0]], signal.SIGKILL)
    ended(new, GONE, first)
    bob.expect('RESYNC', 20 * scale())
    bob.resume()
    second = asked(new, bob)
    os.kill(pids[slots[1]], signal.SIGKILL)
    equal(new.expect('ERROR', 20 * scale()).code_name, 'reconnect', 'the guest')
    ended(bob, GONE, second)
    _, new = guest(env, server, person, laptop)
    asked(new, bob)


# --- the account key, from paper ---

def test_paper(env):
    """Every device is lost: who has the account key sees the list, adds itself, and logs in."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    bob.bye()
    laptop, new = guest(env, server, person)
    show_paper(new, person, laptop)
    got = new.expect('LIST_S', op=frames.ENTRIES)
    equal((got.person, got.account_key, got.head, len(got.entries)), ('bob', person.account, 1, 1), 'the list')
    entry = person.entry_add(laptop.keys)
    new.append(person.account, entry)
    equal(new.expect('LIST_S', op=HEAD).head, 2, 'the answer')
    person.list.apply(entry)
    bob = env.login(laptop.identity, server)
    equal(bob.welcome.flags, 0, 'the login')
    person.append(bob, person.entry_revoke(phone.keys.device, laptop.keys))
    raises(csmsg.Refused, lambda: env.login(phone.identity, server), 'the lost phone')


def test_paper_after_the_last_was_revoked(env):
    """No device is in any more: the paper key brings the account back; those who are there are told."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    alice = env.login('alice', server)
    alice.fetch_list('bob')
    bob.append(person.account, person.entry_revoke(phone.keys.device))
    person.list.apply(person.entry_revoke(phone.keys.device))
    equal(bob.expect('ERROR').code_name, 'revoked', 'the last device')
    laptop, new = guest(env, server, person)
    show_paper(new, person, laptop)
    new.expect('LIST_S', op=frames.ENTRIES)
    new.append(person.account, person.entry_add(laptop.keys))
    equal(new.expect('LIST_S', op=HEAD).head, 3, 'the answer')
    equal(alice.expect('LIST_S', op=HEAD, head=3).person, 'bob', 'what alice is told')
    env.login(laptop.identity, server)


def test_paper_forged(env):
    """Another key, another device, another name, an account without a list: all refused alike. No entry but its own."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    other, _, _ = reference(env, server, 'carol')
    env.login('dave', server)
    laptop, new = guest(env, server, person)
    said = set()
    for what, fields in (
            ('another account key', dict(account_key=other.account)),
            ("another's signature", dict(signature=proof(other, laptop))),
            ('for another device', dict(signature=proof(person, phone))),
            ('for another name', dict(signature=proof(person, laptop, 'carol')))):
        show_paper(new, person, laptop, **fields)
        no = new.expect('ADMIT_S', op=REFUSED, asked=PAPER)
        refused(no, 'not-account-key', what)
        said.add(no.text)
    dave = Person('dave')
    tablet, stranger = guest(env, server, dave)
    show_paper(stranger, dave, tablet)
    said.add(stranger.expect('ADMIT_S', op=REFUSED, asked=PAPER).text)
    equal(len(said), 1, 'ways to say no')
    show_paper(new, person, laptop)
    new.expect('LIST_S', op=frames.ENTRIES)
    watch = Device(person)
    offer = laptop.keys.ed, laptop.keys.x.public, laptop.keys.self_signature(person.account, b'bob')
    for what, entry in (('another device', person.entry_add(watch.keys)),
                        ('revoking', person.entry_revoke(phone.keys.device)),
                        ('admitted by a device', person.entry_add(laptop.keys, phone.keys)),
                        ('forged', person.list.entry(other.secret, 1, laptop.keys.device, offer))):
        new.append(person.account, entry)
        refused(new.expect('LIST_S', op=REFUSED, asked=frames.APPEND), 'bad-entry', what)
    new.send_frames(Frame('LIST_C', op=frames.LIST_FETCH, person='carol', after=0))
    refused(new.expect('LIST_S', op=REFUSED), 'no-right', "carol's list")
    equal(bob.fetch_list('bob').head, 1, 'the list')


def test_account_banned(env):
    """Guests of a banned account go and do not come, and hear no reason."""
    server = env.server()
    person, _, _ = reference(env, server, 'bob')
    _, new = guest(env, server, person)
    server.ctl('ban', 'bob', '1h', 'secret', 'reason')
    equal((new.expect('ERROR').code_name), 'banned', 'the guest')
    no = raises(csmsg.Refused, lambda: guest(env, server, person), 'another one')
    equal((no.frame.code_name, 'secret' in no.frame.text), ('banned', False), 'ERROR')
