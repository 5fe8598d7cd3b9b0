"""Groups: a second implementation, written from docs/sealed.md, sections 7 and 8, talks with the real client through
the real server. Alice and Carol are real clients; Bob and Mallory are tests/reference/sealed_room.py."""
import sealed
from frames import CODES, NO
from harness import check, equal, raises, until
from people import reference, registered
from sealed_client import Device
from sealed_room import SealedRoom
from test_group_client import group, lines, read, say


def member(env, server, name, room='#chess'):
    """Somebody of the reference client who joins: (device, client, their view)."""
    _, device, client = reference(env, server, name)
    view = SealedRoom(device, client, room)
    joined = view.join(client)
    check(joined.op != NO, '%s cannot join: %s' % (name, joined))
    equal(view.take(client), 'join', 'what %s hears first' % name)
    return device, client, view


def accepted(client, number):
    """Fails unless the server took this message."""
    client.expect('ACCEPTED', id=number)


def test_both_directions(env):
    """Each opens what the other has sealed, in the order of the room; so does a real client that was away."""
    server = env.server()
    registered(env, server, 'alice', 'carol')
    alice = env.tail(server, 'alice')
    group(env, server, 'alice', 'create', '#chess', 'open')
    group(env, server, 'carol', 'join', '#chess')
    _, client, bob = member(env, server, 'bob')
    wanted = []
    for number in range(4):
        say(env, server, 'alice', '#chess', 'a%d' % number)
        equal(bob.take(client), 'a%d' % number, 'at bob')
        accepted(client, bob.say(client, 'b%d' % number))
        equal(bob.take(client), 'b%d' % number, 'his own')
        wanted += [('alice', 'a%d' % number), ('bob', 'b%d' % number)]
    until(lambda: lines(alice)[3:] == wanted, 'at alice')
    equal(read(env, server, 'carol', 10)[2:], wanted, 'at carol, who was away')


def test_a_group_of_the_second_implementation(env):
    """Made, ruled and left by the second implementation: the real client takes every entry of its log."""
    server = env.server()
    registered(env, server, 'alice', 'carol')
    _, phone, client = reference(env, server, 'bob')
    bob = SealedRoom(phone, client, '#chess')
    bob.append(client, 'create', role=0, text=b'#chess')
    for name in ('alice', 'carol'):
        phone.list_of(client, name)
        bob.append(client, 'invite', Subject(phone, name))
    alice = env.tail(server, 'alice')
    group(env, server, 'alice', 'join', '#chess')
    bob.fetch(client)
    for op, fields in (('role', dict(role=2)), ('mute', dict(until=1)), ('topic', dict(text=b'ends')),
                       ('open', dict(role=1)), ('kick', dict(text=b'noise'))):
        subject = {'kick': 'carol'}.get(op, 'alice') if op in ('role', 'mute', 'kick') else None
        answer = bob.append(client, op, subject and Subject(phone, subject), **fields)
        check(answer.op != NO, '%s: %s' % (op, answer))
    accepted(client, bob.say(client, 'hello'))
    alice.out.wait(ev='message', text='hello')
    equal([what for _, what in lines(alice)], ['join', 'role alice', 'mute alice', 'topic', 'open', 'kick carol', 'hello'],
          'at alice')
    bob.append(client, 'leave')
    say(env, server, 'alice', '#chess', 'mine now')
    rows = {e['user']: e['role'] for e in group(env, server, 'alice', 'members', '#chess').events()}
    equal(rows, {'alice': 'owner'}, 'who is in')


class Subject:
    """Whom an entry is about, as Room.entry wants it: somebody whose list a device has fetched."""

    def __init__(self, device, name):
        self.name, self.account = name, device.lists[name].account_key


def test_new_generations(env):
    """Who leaves reads on nothing, at both ends: the real client makes a new key, and so does the second
    implementation; who comes is given the chain where it stands."""
    server = env.server()
    registered(env, server, 'alice')
    alice = env.tail(server, 'alice')
    group(env, server, 'alice', 'create', '#chess', 'open')
    _, client, bob = member(env, server, 'bob')
    say(env, server, 'alice', '#chess', 'one')
    say(env, server, 'alice', '#chess', 'two')
    equal(bob.take_until(client, 'two'), ['one', 'two'], 'at bob')
    phone, other, mallory = member(env, server, 'mallory')
    say(env, server, 'alice', '#chess', 'three')
    equal(mallory.take(other), 'three', 'at mallory')
    (key,), = [keys for (name, _), keys in mallory.keys.items() if name == 'alice']
    equal((key.iteration, sorted(key.skipped)), (3, []), 'where the chain stood: after two messages, and one opened')
    equal(bob.take_until(client, 'three'), ['join', 'three'], 'at bob')
    accepted(client, bob.say(client, 'four'))
    equal(mallory.take(other), 'four', 'at mallory')
    old = {name: list(keys) for name, keys in mallory.keys.items()}
    mallory.append(other, 'leave')
    say(env, server, 'alice', '#chess', 'without her')
    equal(bob.take_until(client, 'without her'), ['four', 'leave', 'without her'], 'at bob')
    first, second = (key.generation for key in bob.keys['alice', next(d for n, d in bob.keys if n == 'alice')])
    check(second > first, 'no new generation of alice: %d, %d' % (first, second))
    check(all(second != key.generation for keys in old.values() for key in keys), 'mallory has it')
    generation = bob.own.generation
    accepted(client, bob.say(client, 'nor this'))
    check(bob.own.generation > generation, 'no new generation of bob')
    until(lambda: lines(alice)[-1:] == [('bob', 'nor this')], 'at alice')
    equal([frame for frame in other.drain() if frame.name == 'DELIVER' and frame.to == 'mallory'], [],
          'keys that went to mallory')


def test_every_device_has_the_key(env):
    """A further device of the second implementation: given the real client's key, and its own account's."""
    server = env.server()
    registered(env, server, 'alice')
    alice = env.tail(server, 'alice')
    group(env, server, 'alice', 'create', '#chess', 'open')
    phone, client, bob = member(env, server, 'bob')
    say(env, server, 'alice', '#chess', 'to one')
    equal(bob.take(client), 'to one', 'at the phone')
    tablet = Device(phone.person)
    phone.person.append(client, phone.person.entry_add(tablet.keys, phone.keys))
    other = env.login(tablet.identity, server)
    tablet.begin(other)
    second = SealedRoom(tablet, other, '#chess')
    second.fetch(other)
    second.place(other, seen=2 ** 64 - 1)
    phone.list_of(client, 'bob')
    say(env, server, 'alice', '#chess', 'to both')
    equal((bob.take(client), second.take(other)), ('to both', 'to both'), 'at both')
    accepted(other, second.say(other, 'from the tablet'))
    until(lambda: lines(alice)[-1:] == [('bob', 'from the tablet')], 'at alice')
    equal(bob.take(client), 'from the tablet', 'at the phone')


def test_a_hostile_member(env):
    """What a member sends who has everybody's keys: another's body under its own number, for which she has handed
    out that one's key as hers; one of another group, one that has come before, one with a flipped bit, one under
    another entry of the log. None opens, and what follows does."""
    server = env.server()
    registered(env, server, 'alice')
    alice = env.tail(server, 'alice')
    for room in ('#chess', '#draughts'):
        group(env, server, 'alice', 'create', room, 'open')
    phone, client, mallory = member(env, server, 'mallory')
    draughts = SealedRoom(phone, client, '#draughts')
    draughts.join(client)
    say(env, server, 'alice', '#chess', 'from alice')
    mallory.take_key(client)
    (stolen,), = mallory.keys.values()
    frame = client.expect('DELIVER', to='#chess')
    mallory.own, mallory.due = stolen, False
    mallory.give(client, 'alice')
    equal(client.send('#chess', frame.body), frame.id, 'the number of what is repeated')
    mallory.due, draughts.own = True, stolen  # generations only grow
    mallory.hand_out(client)
    draughts.hand_out(client)
    bodies = ['another group', 'flipped', 'another entry', 'once']
    first = client.next_id
    sealed_as = dict(zip(bodies, range(first, first + len(bodies))))
    texts = {'another group': draughts.sealed(sealed_as['another group'], 'of another group')}
    flipped = bytearray(mallory.sealed(sealed_as['flipped'], 'flipped'))
    flipped[-70] ^= 1
    texts['flipped'] = bytes(flipped)
    mallory.head = mallory.hashes[1]  # not that of the entry which she names
    texts['another entry'] = mallory.sealed(sealed_as['another entry'], 'under another entry')
    mallory.head = mallory.hashes[mallory.seq]
    texts['once'] = mallory.sealed(sealed_as['once'], 'once')
    for what in bodies + ['once']:
        client.send('#chess', texts[what])
    accepted(client, mallory.say(client, 'next'))
    until(lambda: lines(alice)[-1:] == [('mallory', 'next')], 'after')
    shown = [text for who, text in lines(alice) if who == 'mallory'][1:]
    equal([text if text[0] != '!' else '!' for text in shown], ['!', '!', '!', '!', 'once', '!', 'next'], 'at alice')
    equal([text for who, text in lines(alice) if who == 'alice'], ['create', 'from alice'], 'what is alice\'s')


def test_no_key_for_a_stranger(env):
    """Who is not in is refused by the server, and gets no key from anybody: nothing comes to their devices."""
    server = env.server()
    registered(env, server, 'alice', 'carol')
    group(env, server, 'alice', 'create', '#chess')
    group(env, server, 'alice', 'invite', '#chess', 'carol')
    group(env, server, 'carol', 'join', '#chess')
    _, phone, client = reference(env, server, 'mallory')
    mallory = SealedRoom(phone, client, '#chess')
    equal(CODES[mallory.fetch(client).code], 'not-member', 'the log')
    say(env, server, 'alice', '#chess', 'for carol')
    equal(read(env, server, 'carol', 2)[-1], ('alice', 'for carol'), 'at carol')
    equal([frame for frame in client.drain() if frame.name == 'DELIVER'], [], 'what came to mallory')
    raises(KeyError, lambda: mallory.hashes[1], 'what she knows of the log')


def test_a_resend_in_a_group(env):
    """The second implementation has lost its keys of the real client: it asks, and gets message and key again."""
    server = env.server()
    registered(env, server, 'alice')
    alice = env.tail(server, 'alice')
    group(env, server, 'alice', 'create', '#chess', 'open')
    phone, client, bob = member(env, server, 'bob')
    say(env, server, 'alice', '#chess', 'one')
    equal(bob.take(client), 'one', 'before')
    bob.keys.clear()
    say(env, server, 'alice', '#chess', 'two')
    frame = client.expect('DELIVER', to='#chess')
    client.ack(frame)
    phone.ask_again(client, frame, 2)
    found = {}
    while len(found) < 2:
        kind, fields = phone.open(client, client.take_message(to='bob'))
        found[kind] = fields
    check(found[7].startswith(sealed.u64(frame.id)) and found[7].endswith(b'two'), 'what came again: %s' % found)
    bob.keep('alice', frame.from_device, found[5])
    say(env, server, 'alice', '#chess', 'three')
    equal(bob.take(client), 'three', 'after')
    alice.kill()


def test_no_resend_of_what_was_said_before(env):
    """Who joins later asks for a message of before by its number: the real client sends it to nobody who was not in,
    and sends again what was said since."""
    server = env.server()
    registered(env, server, 'alice')
    alice = env.tail(server, 'alice')
    group(env, server, 'alice', 'create', '#chess', 'open')
    old = say(env, server, 'alice', '#chess', 'before').event(ev='accepted')['id']
    phone, client, bob = member(env, server, 'bob')
    say(env, server, 'alice', '#chess', 'since')
    frame = client.expect('DELIVER', to='#chess')
    equal(bob.hear(frame), 'since', 'at bob')
    number = frame.id
    for wanted in (old, number):
        frame.id = wanted
        phone.ask_again(client, frame, 2)
    found = {}
    while len(found) < 2:
        kind, fields = phone.open(client, client.take_message(to='bob'))
        found[kind] = fields
    check(found[7].startswith(sealed.u64(number)), 'what came again: %s' % found)
    alice.kill()
