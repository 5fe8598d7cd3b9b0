"""Prekeys, device lists and sealed messages, by the reference client against the real server: sections
6.1, 6.5 and 6.6 of docs/protocol.md, and docs/sealed.md through the server."""
import os
import signal

import csmsg
import frames
import sealed
from frames import DELIVERED, EXPIRED, HEAD, KEPT, OWN_ANSWER, REFUSED, STORED, Frame
from harness import check, equal, raises, scale
from people import leave, reference
from sealed_client import Device, Person


def enter(env, server, device, **fields):
    """A device that is logged in."""
    return env.login(device.identity, server, **fields)


def second(env, server, person, client, by):
    """Admits another device and logs it in: (device, client)."""
    device = Device(person)
    person.append(client, person.entry_add(device.keys, by.keys))
    other = enter(env, server, device)
    device.begin(other)
    return device, other


def one_time_of(bundle):
    """The id of a bundle's one-time prekey, 0 when it has none."""
    check(len(bundle) in (120, 156), 'a bundle of %d bytes' % len(bundle))
    return int.from_bytes(bundle[120:124], 'little') if bundle[119] else 0


def own_now(client):
    """The answer to KEYS own, not a notice that came before."""
    client.ping()
    client.drain()
    return client.own_keys()


def refused(frame, code, what):
    """Fails unless this is a refusal with this code; returns it."""
    equal((frame.op, frames.CODES.get(getattr(frame, 'code', 0))), (REFUSED, code), what)
    return frame


def serve_resync(client, next_id):
    """Answers the RESYNC after a broker's death."""
    client.expect('RESYNC', 20 * scale())
    client.resume(next_id=next_id)


def kill_broker(server):
    """SIGKILL, and waits for the next one."""
    since = server.log.mark()
    os.kill(server.pids('broker')[0], signal.SIGKILL)
    server.wait_log(20, after=since, sub='broker', ev='ready')


# --- prekeys ---

def test_publish_and_fetch(env):
    """Bundles as published, each one-time prekey once; few left is told to the owner, at login too."""
    server = env.server()
    _, device, bob = reference(env, server, 'bob', one_time=26)
    equal(vars(bob.own_keys()), dict(name='KEYS_S', op=OWN_ANSWER, signed=1, left=26, top=26), 'own')
    alice = env.login('alice', server)
    for number in range(1, 4):
        got = alice.fetch_keys('BOB')
        equal((got.person, got.device, len(got.bundles)), ('bob', 0, 1), 'the answer')
        one_time = number, device.one_time[number].public
        equal(got.bundles[0], sealed.bundle(device.keys.device, device.signed, one_time), 'bundle %d' % number)
    equal([bob.expect('KEYS_S', op=OWN_ANSWER).left for _ in range(2)], [24, 23], 'what the owner is told')
    bob.bye()
    again = enter(env, server, device)
    equal(again.expect('KEYS_S', op=OWN_ANSWER).left, 23, 'what the owner is told at login')
    equal(len(alice.fetch_keys('bob', device.keys.device).bundles), 1, 'of one device')
    equal(alice.fetch_keys('bob', 5).bundles, [], 'of a device that is not there')
    equal(alice.fetch_keys('alice').bundles, [], 'of somebody who published nothing')
    refused(alice.fetch_keys('nobody'), 'no-such-user', 'of nobody')
    equal(refused(alice.fetch_keys('bib'), 'no-such-user', 'a slip').near, ['bob'], 'names like it')
    equal(refused(alice.fetch_list('bib'), 'no-such-user', 'a slip').near, ['bob'], 'names like it')


def test_prekeys_run_out(env):
    """Without any one-time prekey the first message still works; a refill brings them back, a repeat none."""
    server = env.server()
    _, phone, bob = reference(env, server, 'bob', one_time=1)
    _, laptop, alice = reference(env, server, 'alice')
    _, tablet, carol = reference(env, server, 'carol')
    equal(one_time_of(carol.fetch_keys('bob').bundles[0]), 1, 'the only one')
    laptop.send(alice, 'bob', 'without')
    equal(phone.read(bob, bob.take_message()), 'without', 'what bob read')
    bob.publish(phone.publication())  # the answer might have been lost
    equal(bob.expect('KEYS_S', op=OWN_ANSWER, left=0).top, 1, 'after a repeat')
    phone.one_time.update({2: sealed.Pair(os.urandom(32))})
    bob.publish(phone.publication(first=2))
    equal(bob.expect('KEYS_S', op=OWN_ANSWER, left=1).top, 2, 'after the refill')
    tablet.send(carol, 'bob', 'with')
    equal(phone.read(bob, bob.take_message()), 'with', 'what bob read then')
    equal(sorted(phone.one_time), [1], 'the prekeys that bob still has: 1 was fetched and never used')


def test_so_many_prekeys_are_kept(env):
    """The oldest go beyond the limit."""
    server = env.server(limits__one_time_prekeys=30)
    _, _, bob = reference(env, server, 'bob', one_time=40)
    equal(bob.own_keys().left, 30, 'kept')
    equal(one_time_of(env.login('alice', server).fetch_keys('bob').bundles[0]), 11, 'the oldest kept')


def test_bad_publications(env):
    """Of another device, malformed: refused, and nothing is changed. Too long a one ends the session."""
    server = env.server()
    person, device, bob = reference(env, server, 'bob')
    good = device.publication()
    for what, bad in (('of another device', Device(person).publication()), ('cut', good[:-1]), ('longer', good + b'x'),
                      ('of another suite', b'\2' + good[1:]), ('empty', b'')):
        bob.publish(bad)
        refused(bob.expect('KEYS_S', op=REFUSED, asked=frames.PUBLISH), 'bad-keys', what)
    equal((bob.own_keys().left, bob.own_keys().signed), (3, 1), 'what the server has')
    bob.publish(good + bytes(8193 - len(good)))
    equal(bob.expect('ERROR').code_name, 'bad-frame', 'a publication of 8,193 bytes')


def test_questions_are_limited(env):
    """Ten times a minute's at once, then the time until the next; everybody has tokens of their own."""
    server = env.server(limits__key_requests=1)
    alice, bob = env.login('alice', server), env.login('bob', server)
    for _ in range(10):
        equal(alice.fetch_keys('bob').op, frames.BUNDLES, 'within the burst')
    got = refused(alice.fetch_keys('bob'), 'too-fast', 'beyond it')
    check(50_000 < got.retry_ms <= 60_001, 'retry_ms: %d' % got.retry_ms)
    refused(alice.fetch_list('bob'), 'too-fast', 'a list')
    refused(alice.own_keys(), 'too-fast', 'own')
    equal(bob.fetch_list('alice').head, 0, 'somebody else')


# --- sealed messages ---

def test_sealed_conversation(env):
    """First to somebody absent, then to somebody present, in both directions."""
    server = env.server()
    _, phone, bob = reference(env, server, 'bob')
    leave(server, bob)
    _, laptop, alice = reference(env, server, 'alice')
    for text in ('are you there', 'hello?'):
        got = alice.expect('ACCEPTED', id=laptop.send(alice, 'bob', text))
        equal((got.state, got.absent), (KEPT, 1), 'ACCEPTED to the absent')
    bob = enter(env, server, phone)
    equal([phone.read(bob, bob.take_message()) for _ in range(2)], ['are you there', 'hello?'], 'what waited')
    equal([alice.expect('RECEIPT', id=n).state for n in (1, 2)], [DELIVERED] * 2, 'receipts')
    for text in ('now', 'and now'):
        phone.send(bob, 'alice', text)
        got = alice.take_message()
        equal((got.flags & STORED, laptop.read(alice, got)), (0, text), 'to somebody present')
        laptop.send(alice, 'bob', text + ' back')
        got = bob.take_message()
        equal((len(got.head), phone.read(bob, got)), (107, text + ' back'), 'the answer')


def test_sealed_sizes(env):
    """A head has at most 256 bytes, a body with heads 69,649; beyond, no message."""
    server = env.server()
    bob, alice = env.login('bob', server), env.login('alice', server)
    device = bob.identity.device

    def sent(number, head, body):
        return Frame('SEND', id=number, kind=0, to='bob', heads=[dict(device=device, head=head)], body=body)
    body = os.urandom(69_649)
    alice.send_frames(sent(1, bytes(256), body))
    got = bob.take_message()
    check((got.head, got.body) == (bytes(256), body), 'the largest sealed message came otherwise')
    alice.send_frames(sent(2, b'h', body + b'x'))
    equal(alice.take_rejected(2).code_name, 'too-large', 'a longer body')
    alice.send_frames(sent(3, bytes(257), b'x'))
    equal(alice.expect('ERROR').code_name, 'bad-frame', 'a longer head')


def test_outdated_list(env):
    """devices-changed names the account, the refusal is settled, and what is sealed anew reaches both."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    _, laptop, alice = reference(env, server, 'alice')
    laptop.send(alice, 'bob', 'one')
    equal(phone.read(bob, bob.take_message()), 'one', 'to the only device')
    tablet, other = second(env, server, person, bob, phone)
    equal(alice.expect('LIST_S', op=HEAD).head, 2, 'the notice to who had fetched the list')
    number = laptop.send(alice, 'bob', 'two')
    got = alice.take_rejected(number)
    equal((got.code_name, got.subject), ('devices-changed', 'bob'), 'REJECTED')
    laptop.list_of(alice, 'bob')
    again = laptop.send(alice, 'bob', 'two, anew')
    check(again > number, 'a new id')
    equal(phone.read(bob, bob.take_message()), 'two, anew', 'at the first device')
    alice.ping()
    early = [f for f in alice.drain(0.2) if f.name == 'ACCEPTED' and f.id == again]
    equal(early, [], 'settled before both devices have it')
    equal(tablet.read(other, other.take_message()), 'two, anew', 'at the second')
    equal(alice.expect('ACCEPTED', id=again).state, DELIVERED, 'ACCEPTED')


def test_wrong_heads(env):
    """A device twice, a stranger's, one too many: refused, whoever is named."""
    server = env.server()
    _, phone, bob = reference(env, server, 'bob')
    alice = env.login('alice', server)
    mine, theirs = alice.identity.device, phone.keys.device
    for number, devices in enumerate(([theirs, theirs], [5], [theirs, 5], [theirs, mine], [mine]), 1):
        alice.send_frames(Frame('SEND', id=number, kind=0, to='bob', body=b'\1x',
                                heads=[dict(device=d, head=b'h') for d in devices]))
        got = alice.take_rejected(number)
        equal((got.code_name, got.subject), ('devices-changed', 'bob'), 'heads for %s' % devices)
    equal(bob.drain(0.1), [], 'what bob heard')


def test_heads_wait_behind_a_refusal(env):
    """What is sealed right and waits for the confirmation of a refusal keeps its heads."""
    server = env.server()
    bob, alice = env.login('bob', server), env.login('alice', server)

    def sent(number, device, head):
        return Frame('SEND', id=number, kind=0, to='bob', heads=[dict(device=device, head=head)], body=b'\1body')
    alice.send_frames(sent(1, 5, b'for nobody'), sent(2, bob.identity.device, b'for bob'))
    equal(alice.expect('REJECTED', id=1).code_name, 'devices-changed', 'the first')
    alice.ping()
    equal(bob.drain(0.1), [], 'what bob has before the refusal is confirmed')
    alice.settled(1)
    got = bob.take_message()
    equal((got.id, got.head, got.body), (2, b'for bob', b'\1body'), 'the second')


def test_two_devices_of_one_number(env):
    """Somebody chose the number that a device of mine has: the order of the heads says whose is whose."""
    server = env.server()
    person, laptop, alice = reference(env, server, 'alice')
    tablet, other = second(env, server, person, alice, laptop)
    bob = env.login(csmsg.Identity('bob', device=tablet.keys.device), server)
    heads = [dict(device=tablet.keys.device, head=head) for head in (b'for bob', b'for my tablet')]
    alice.send_frames(Frame('SEND', id=1, kind=0, to='bob', heads=heads, body=b'\1x'))
    equal((bob.take_message().head, other.take_message().head), (b'for bob', b'for my tablet'), 'the heads')


def test_own_queue_is_full(env):
    """A device of mine that never comes holds up what I seal, with words that say so."""
    server = env.server(limits__queue_messages=2)
    person, laptop, alice = reference(env, server, 'alice')
    _, _, bob = reference(env, server, 'bob')
    _, other = second(env, server, person, alice, laptop)
    leave(server, other)
    for _ in range(2):
        number = laptop.send(alice, 'bob', 'one of two')
        bob.take_message()
        alice.expect('ACCEPTED', id=number)
    got = alice.take_rejected(laptop.send(alice, 'bob', 'too many'))
    said = 'wait for "alice"' in got.text and 'revoke it' in got.hint
    equal((got.code_name, said), ('queue-full', True), 'REJECTED: %s' % got)


def test_own_devices(env):
    """What I send shows on my other devices, present or not; they do not count as the recipient."""
    server = env.server()
    person, laptop, alice = reference(env, server, 'alice')
    _, phone, bob = reference(env, server, 'bob')
    laptop.list_of(alice, 'alice')
    tablet, other = second(env, server, person, alice, laptop)
    tablet.list_of(other, 'bob')
    got = alice.take_rejected(laptop.send(alice, 'bob', 'one'))
    equal((got.code_name, got.subject), ('devices-changed', 'alice'), 'REJECTED')
    laptop.list_of(alice, 'alice')
    number = laptop.send(alice, 'bob', 'seen by both')
    equal(phone.read(bob, bob.take_message()), 'seen by both', 'at bob')
    got = other.take_message()
    equal((got.sender, got.from_device, got.id, got.to, tablet.read(other, got)),
          ('alice', laptop.keys.device, number, 'bob', 'seen by both'), 'at the other device')
    equal(alice.expect('ACCEPTED', id=number).state, DELIVERED, 'ACCEPTED')
    leave(server, other)
    number = laptop.send(alice, 'bob', 'while it is off')
    bob.take_message()
    got = alice.expect('ACCEPTED', id=number)
    equal((got.state, got.to), (DELIVERED, ''), 'ACCEPTED: bob is there, that is what counts')
    other = enter(env, server, tablet)
    got = other.take_message()
    equal((got.flags & STORED, got.to, tablet.read(other, got)), (STORED, 'bob', 'while it is off'), 'the stored copy')
    alice.ping()
    equal([f for f in alice.drain(0.2) if f.name == 'RECEIPT'], [], 'receipts for copies')
    laptop.send(alice, 'alice', 'note')
    equal(tablet.read(other, other.take_message()), 'note', 'a note to oneself')
    alice.ping()
    equal([f for f in alice.drain(0.2) if f.name == 'DELIVER'], [], 'at the device that wrote it')


def test_plain_to_several_devices(env):
    """Without heads everything is as it was: each device of the recipient gets it."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    _, other = second(env, server, person, bob, phone)
    alice = env.login('alice', server)
    number = alice.send('bob', 'plain')
    equal([c.take_message().text_body for c in (bob, other)], ['plain'] * 2, 'at both')
    equal(alice.expect('ACCEPTED', id=number).state, DELIVERED, 'ACCEPTED')


def test_copies_expire_silently(env):
    """A copy that nobody fetches goes without a receipt, what bob misses with one."""
    server = env.server(limits__queue_keep='1s')
    person, laptop, alice = reference(env, server, 'alice')
    _, _, bob = reference(env, server, 'bob')
    _, other = second(env, server, person, alice, laptop)
    leave(server, other)
    leave(server, bob)
    number = laptop.send(alice, 'bob', 'nobody reads this')
    got = alice.expect('ACCEPTED', id=number)
    equal((got.state, got.to, got.waiting), (KEPT, 'bob', 1), 'ACCEPTED')
    got = alice.expect('RECEIPT', 20 * scale())
    equal((got.id, got.state, got.to), (number, EXPIRED, 'bob'), 'RECEIPT')
    alice.ping()
    equal([f for f in alice.drain(0.3) if f.name == 'RECEIPT'], [], 'further receipts')


# --- device lists ---

def test_list(env):
    """Fetched whole or in part; appended one by one; a repeat is answered, a gap and a forgery refused."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    alice = env.login('alice', server)
    got = alice.fetch_list('alice')
    equal((got.account_key, got.head, got.entries), (bytes(32), 0, []), 'of somebody who has none')
    tablet = Device(person)
    one, two = alice.fetch_list('bob').entries[0], person.entry_add(tablet.keys, phone.keys)

    def trial(entry, code, what, key=person.account):
        bob.append(key, entry)
        refused(bob.expect('LIST_S', op=REFUSED, asked=frames.APPEND), code, what)
    forged = bytearray(two)
    forged[-1] ^= 1
    trial(bytes(forged), 'bad-entry', 'a wrong signature')
    trial(two, 'bad-entry', 'another account key', key=bytes(32))
    trial(b'junk', 'bad-entry', 'junk')
    other = person.list.entry(person.secret, 1, 5, None)
    trial(other, 'bad-entry', 'revoking who is not in')
    person.append(bob, two)
    trial(two[:2] + sealed.u32(9) + two[6:], 'list-changed', 'a gap')
    trial(one[:6] + b'\1' + one[7:], 'list-changed', 'an old one')
    bob.append(person.account, two)
    equal(bob.expect('LIST_S', op=HEAD).head, 2, 'a repeat')
    got = alice.fetch_list('BOB')
    equal((got.person, got.account_key, got.head, got.entries), ('bob', person.account, 2, [one, two]), 'the list')
    equal(alice.fetch_list('bob', after=1).entries, [two], 'its end')
    refused(alice.fetch_list('nobody'), 'no-such-user', 'of nobody')


def test_first_entry_is_ones_own(env):
    """A list begins with the device that is there: nobody is locked out by another's."""
    server = env.server()
    person = Person('bob')
    phone, tablet = Device(person), Device(person)
    bob = enter(env, server, phone)
    bob.append(person.account, person.entry_add(tablet.keys))
    refused(bob.expect('LIST_S', op=REFUSED), 'bad-entry', 'a list without oneself')
    phone.begin(bob)
    equal(bob.fetch_list('bob').head, 1, 'the list')


def test_device_admitted(env):
    """A second device is a stranger until the list has it; then it gets what comes from then on."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    tablet = Device(person)
    no = raises(csmsg.Refused, lambda: enter(env, server, tablet), 'before it is admitted')
    equal(no.frame.code_name, 'name-taken', 'ERROR')
    alice = env.login('alice', server)
    alice.send('bob', 'before')
    bob.take_message()
    person.append(bob, person.entry_add(tablet.keys, phone.keys))
    other = enter(env, server, tablet)
    equal((other.welcome.account, other.welcome.waiting), (bob.welcome.account, 0), 'WELCOME')
    impostor = csmsg.Identity('bob', device=tablet.keys.device)
    no = raises(csmsg.Refused, lambda: env.login(impostor, server), 'its number with another key')
    equal(no.frame.code_name, 'name-taken', 'ERROR')
    alice.send('bob', 'after')
    equal(other.take_message().text_body, 'after', 'what it gets')


def test_device_revoked(env):
    """Its session ends, its queue and prekeys go, it never comes back; the others go on."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    _, laptop, alice = reference(env, server, 'alice')
    tablet, other = second(env, server, person, bob, phone)
    leave(server, other)
    got = {sealed.Cursor(b[1:]).u64() for b in alice.fetch_keys('bob').bundles}
    equal(got, {phone.keys.device, tablet.keys.device}, 'devices with bundles')
    number = laptop.send(alice, 'bob', 'waits for the tablet')
    equal(phone.read(bob, bob.take_message()), 'waits for the tablet', 'at the phone')
    equal(alice.expect('ACCEPTED', id=number).state, KEPT, 'ACCEPTED')
    other = enter(env, server, tablet)
    other.expect('DELIVER')
    person.append(bob, person.entry_revoke(tablet.keys.device, phone.keys))
    equal(other.expect('ERROR').code_name, 'revoked', 'how its session ends')
    no = raises(csmsg.Refused, lambda: enter(env, server, tablet), 'when it comes back')
    equal(no.frame.code_name, 'revoked', 'ERROR')
    check('revoked from the account "bob"' in no.frame.text, 'the reason: %s' % no.frame.text)
    got = [sealed.Cursor(b[1:]).u64() for b in alice.fetch_keys('bob').bundles]
    equal(got, [phone.keys.device], 'devices with bundles afterwards')
    got = alice.take_rejected(laptop.send(alice, 'bob', 'for both'))
    equal((got.code_name, got.subject), ('devices-changed', 'bob'), 'a head too many')
    laptop.list_of(alice, 'bob')
    laptop.send(alice, 'bob', 'for one')
    equal(phone.read(bob, bob.take_message()), 'for one', 'at the phone')
    equal([row for row in server.ctl('queue') if row['user'] == 'bob'], [], 'what still waits')


def test_last_device_revoked(env):
    """Nobody is there to read: the sender is told so."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    alice = env.login('alice', server)
    bob.append(person.account, person.entry_revoke(phone.keys.device))
    equal(bob.expect('ERROR').code_name, 'revoked', 'how the session ends')
    equal(alice.take_rejected(alice.send('bob', 'hello?')).code_name, 'no-device', 'REJECTED')
    equal(alice.about('bob').online, 0, 'PRESENCE about')


# --- deaths ---

def test_broker_killed_between_fetch_and_use(env):
    """The prekey that was handed out stays good for its message and is handed out no more."""
    server = env.server()
    _, phone, bob = reference(env, server, 'bob')
    _, laptop, alice = reference(env, server, 'alice')
    _, tablet, carol = reference(env, server, 'carol')
    frame = laptop.seal(alice, 'bob', 'sealed before the death', alice.next_id)
    kill_broker(server)
    for client in (alice, bob, carol):
        serve_resync(client, next_id=1)
    alice.send_frames(frame)
    equal(phone.read(bob, bob.take_message(20 * scale())), 'sealed before the death', 'what bob read')
    tablet.send(carol, 'bob', 'with the next one')
    equal(phone.read(bob, bob.take_message()), 'with the next one', 'what bob read from carol')
    equal(sorted(phone.one_time), [3], 'prekeys left at bob')
    equal(own_now(bob).left, 1, 'and at the server')


def test_restart_keeps_everything(env):
    """Prekeys, lists, the revoked, and stored copies are there after all processes were killed."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    alicia, laptop, alice = reference(env, server, 'alice')
    tablet, other = second(env, server, alicia, alice, laptop)
    gone = Device(alicia)
    alicia.append(alice, alicia.entry_add(gone.keys))
    alicia.append(alice, alicia.entry_revoke(gone.keys.device))
    equal(one_time_of(alice.fetch_keys('bob').bundles[0]), 1, 'fetched before')
    leave(server, other)
    leave(server, bob)
    number = laptop.send(alice, 'bob', 'kept')
    equal(alice.expect('ACCEPTED', id=number).state, KEPT, 'ACCEPTED')
    server.kill_all()
    server = env.keep(server.restart())
    bob, other, alice = (enter(env, server, d) for d in (phone, tablet, laptop))
    equal(phone.read(bob, bob.take_message()), 'kept', 'at bob')
    tablet.list_of(other, 'bob')
    got = other.take_message()
    equal((got.to, tablet.read(other, got)), ('bob', 'kept'), 'the copy')
    own = bob.own_keys()
    equal((own.signed, own.left, own.top), (1, 1, 3), 'prekeys of bob')
    got = bob.fetch_list('alice')
    equal((got.account_key, got.head, len(got.entries)), (alicia.account, 4, 4), 'the list of alice')
    equal(bob.fetch_list('bob').account_key, person.account, 'the account key of bob')
    no = raises(csmsg.Refused, lambda: enter(env, server, gone), 'the revoked')
    equal(no.frame.code_name, 'revoked', 'ERROR')
    laptop.send(alice, 'bob', 'and on')
    equal(phone.read(bob, bob.take_message()), 'and on', 'afterwards, at bob')
    equal(tablet.read(other, other.take_message()), 'and on', 'afterwards, the copy')
