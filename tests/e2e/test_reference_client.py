"""A second implementation, written from docs/protocol.md and docs/sealed.md, talks with the real client through
the real server. Alice is the real client; Bob is tests/reference/sealed_client.py."""
import sealed
from frames import ADMIT, ENTRIES, RECEIVE
from harness import check, equal, until
from people import edit, leave, reference, registered, seed_of, texts
from sealed_client import RESEND_REQUEST, RESENT, TEXT, Device, Person
from test_admit import show_paper

FORGOTTEN = 2  # reason of a resend request: the session is not known here


def begins(frame):
    """Is this a first message?"""
    return frame.head[0] == 2


def sizes(text):
    """What the body of a text must measure: docs/sealed.md, section 6."""
    content = 1 + 1 + 8 + 1 + len(text.encode())
    padded = next(size for size in [64 << n for n in range(7)] + list(range(8192, 73728, 4096)) if size > content)
    return padded + 17


def test_first_message_of_ours_to_the_absent(env):
    """The real client begins with somebody who is away; what waited opens in order, and the answer opens here."""
    server = env.server()
    _, phone, bob = reference(env, server, 'bob')
    leave(server, bob)
    for text in ('first', 'second'):
        env.cli(server, 'alice', 'send', 'bob', text).expect(0)
    bob = env.login(phone.identity, server)
    waiting = [bob.take_message() for _ in range(2)]
    check(all(begins(frame) for frame in waiting), 'until there is an answer every message can be the first')
    equal([phone.read(bob, frame) for frame in waiting], ['first', 'second'], 'what waited')
    alice = env.tail(server, 'alice')
    phone.send(bob, 'alice', 'answer')
    check(alice.out.wait(ev='message', text='answer')['sealed'], 'shown as not sealed')
    env.cli(server, 'alice', 'send', 'bob', 'third').expect(0)
    frame = bob.take_message()
    check(not begins(frame), 'after an answer messages carry no first part')
    equal(phone.read(bob, frame), 'third', 'after the answer')


def test_first_message_of_theirs_to_the_absent(env):
    """The second implementation begins with a real client that is away."""
    server = env.server()
    registered(env, server, 'alice')
    _, phone, bob = reference(env, server, 'bob')
    for text in ('first', 'second'):
        equal(bob.expect('ACCEPTED', id=phone.send(bob, 'alice', text)).absent, 1, 'alice is absent')
    alice = env.tail(server, 'alice')
    for text in ('first', 'second'):
        check(alice.out.wait(ev='message', text=text)['sealed'], 'shown as not sealed')
    env.cli(server, 'alice', 'send', 'bob', 'answer').expect(0)
    frame = bob.take_message()
    check(not begins(frame), 'an answer uses the session that is there')
    equal(phone.read(bob, frame), 'answer', 'at bob')


def test_both_begin_at_once(env):
    """Each has sent before it hears from the other: everything opens, and both go on in the lower session."""
    server = env.server()
    registered(env, server, 'alice')
    _, phone, bob = reference(env, server, 'bob')
    env.cli(server, 'alice', 'send', 'bob', 'from alice').expect(0)
    phone.send(bob, 'alice', 'from bob')
    equal(phone.read(bob, bob.take_message()), 'from alice', 'at bob')
    sessions = next(iter(phone.sessions.values()))
    equal(len(sessions.all), 2, 'sessions')
    alice = env.tail(server, 'alice')
    alice.out.wait(ev='message', text='from bob')
    for number in range(2):
        phone.send(bob, 'alice', 'to alice %d' % number)
        alice.out.wait(ev='message', text='to alice %d' % number)
        env.cli(server, 'alice', 'send', 'bob', 'to bob %d' % number).expect(0)
        frame = bob.take_message()
        equal(phone.read(bob, frame), 'to bob %d' % number, 'at bob')
        equal(frame.head[2:10], min(session.number for session in sessions.all)[:8], 'the session that both use')
    equal(texts(alice), ['from bob', 'to alice 0', 'to alice 1'], 'all that alice was shown')


def test_several_devices_of_the_second_implementation(env):
    """Each device of Bob's gets what Alice writes, and what the other one has written to her."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    tablet = Device(person)
    person.append(bob, person.entry_add(tablet.keys, phone.keys))
    other = env.login(tablet.identity, server)
    tablet.begin(other)
    alice = env.tail(server, 'alice')
    env.cli(server, 'alice', 'send', 'bob', 'to both').expect(0)
    equal(phone.read(bob, bob.take_message()), 'to both', 'at the phone')
    equal(tablet.read(other, other.take_message()), 'to both', 'at the tablet')
    tablet.send_until_taken(other, 'alice', 'from the tablet')
    alice.out.wait(ev='message', text='from the tablet')
    copy = bob.take_message()
    equal((copy.to, phone.read(bob, copy)), ('alice', 'from the tablet'), 'the copy at the phone')


def test_a_second_device_of_the_real_account(env):
    """The second implementation as a further device of the real client's account: Alice's own messages show there,
    its messages show at her, and Bob writes to both."""
    server = env.server()
    registered(env, server, 'alice')
    alice = env.tail(server, 'alice')
    _, phone, bob = reference(env, server, 'bob')
    phone.send(bob, 'alice', 'to one')
    alice.out.wait(ev='message', text='to one')
    person = Person('alice', seed_of(env, 'alice'))
    for entry in bob.fetch_list('alice').entries:
        person.list.apply(entry)
    tablet = Device(person)
    guest = env.dial(server, tablet.identity).connect()
    guest.login(caps=RECEIVE | ADMIT)
    show_paper(guest, person, tablet)  # who has the account key needs no device that is in
    guest.expect('LIST_S', op=ENTRIES)
    person.append(guest, person.entry_add(tablet.keys))
    guest.bye()
    mine = env.login(tablet.identity, server)
    tablet.begin(mine)
    number, tries = phone.send_until_taken(bob, 'alice', 'to both')
    equal((number, tries), (3, 2), 'sealed anew for the device that was not there before')
    alice.out.wait(ev='message', text='to both')
    equal(tablet.read(mine, mine.take_message()), 'to both', 'at the further device')
    env.cli(server, 'alice', 'send', 'bob', 'from the real one').expect(0)
    equal(phone.read(bob, bob.take_message()), 'from the real one', 'at bob')
    copy = mine.take_message()
    equal((copy.to, tablet.read(mine, copy)), ('bob', 'from the real one'), 'the copy at the further device')
    tablet.send_until_taken(mine, 'bob', 'from the further one')
    event = alice.out.wait(ev='message', text='from the further one')
    equal((event['sealed'], event['to']), (True, 'bob'), 'the copy at the real client')
    phone.list_of(bob, 'alice')
    equal(phone.read(bob, bob.take_message()), 'from the further one', 'at bob')


def test_a_new_beginning_is_told(env):
    """Bob's device begins anew although a session is open, as a clone or a copy put back would: Alice is told, and what
    was sealed with it opens."""
    server = env.server()
    _, phone, bob = reference(env, server, 'bob')
    registered(env, server, 'alice')
    alice = env.tail(server, 'alice')
    phone.send(bob, 'alice', 'one')
    alice.out.wait(ev='message', text='one')
    env.cli(server, 'alice', 'send', 'bob', 'answer').expect(0)
    phone.read(bob, bob.take_message())
    phone.send(bob, 'alice', 'two')
    alice.out.wait(ev='message', text='two')
    check(not [line for line in alice.err.raw if 'cloned' in line], 'told for nothing: %s' % alice.err.raw)
    phone.sessions.clear()
    phone.send(bob, 'alice', 'three')
    alice.out.wait(ev='message', text='three')
    until(lambda: [line for line in alice.err.raw if 'bob has begun a new conversation' in line], 'the note')


def test_we_ask_and_they_send_again(env):
    """The real client has lost its sessions: its request is understood, and what comes again is shown, once."""
    server = env.server()
    _, phone, bob = reference(env, server, 'bob')
    registered(env, server, 'alice')
    phone.send(bob, 'alice', 'one')
    env.cli(server, 'alice', 'tail', '--count', '1', '--timeout', '10').expect(0)
    env.cli(server, 'alice', 'send', 'bob', 'answer').expect(0)
    phone.read(bob, bob.take_message())  # from here on heads name the session alone
    edit(env, 'alice', 'DELETE FROM value WHERE kind = 2')
    number = phone.send(bob, 'alice', 'two')
    alice = env.tail(server, 'alice')
    check('forgotten' in alice.out.wait(ev='message', text=None)['unopened'], 'the reason')
    frame = bob.take_message()
    kind, fields = phone.open(bob, frame)
    wanted = sealed.u64(phone.keys.device) + sealed.u64(number)
    equal((kind, fields[:16], len(fields)), (RESEND_REQUEST, wanted, 17), 'the request')
    for _ in range(2):
        phone.send_again(bob, 'alice', number)
    alice.out.wait(ev='message', text='two')
    phone.send(bob, 'alice', 'three')
    alice.out.wait(ev='message', text='three')
    equal(texts(alice), [None, 'two', 'three'], 'all that alice was shown')


def test_they_ask_and_we_send_again(env):
    """The second implementation has lost its sessions and asks: the real client sends again by itself."""
    server = env.server()
    _, phone, bob = reference(env, server, 'bob')
    registered(env, server, 'alice')
    alice = env.tail(server, 'alice')
    phone.send(bob, 'alice', 'one')
    alice.out.wait(ev='message', text='one')
    phone.sessions.clear()
    number = env.cli(server, 'alice', 'send', 'bob', 'two').expect(0).event(ev='accepted')['id']
    frame = bob.take_message()
    try:
        phone.open(bob, frame)
        raise AssertionError('it opened without a session')
    except sealed.SealedError as error:
        equal(str(error), 'unknown session', 'why it did not open')
    phone.ask_again(bob, frame, FORGOTTEN)
    again = bob.take_message()
    kind, fields = phone.open(bob, again)
    equal((kind, fields[:8]), (RESENT, sealed.u64(frame.id)), 'what came')
    equal(fields[8:12], sealed.str8(b'bob'), 'whom it was written to')
    equal((fields[12:14], fields[23:]), (bytes([1, TEXT]), b'two'), 'the message inside (number %d)' % number)


def test_only_who_it_was_for_gets_it_again(env):
    """Mallory asks the real client for a message to Bob: it is not sent to her, and what she asks for of her own is."""
    server = env.server()
    reference(env, server, 'bob')
    _, phone, mallory = reference(env, server, 'mallory')
    registered(env, server, 'alice')
    alice = env.tail(server, 'alice')
    env.cli(server, 'alice', 'send', 'bob', 'for bob').expect(0)
    env.cli(server, 'alice', 'send', 'mallory', 'for mallory').expect(0)
    frame = mallory.take_message()
    equal(phone.read(mallory, frame), 'for mallory', 'at mallory')
    number = frame.id
    for wanted in (number - 1, number):
        frame.id = wanted
        phone.ask_again(mallory, frame, FORGOTTEN)
    kind, fields = phone.open(mallory, mallory.take_message())
    equal((kind, fields[:8]), (RESENT, sealed.u64(number)), 'what came')
    phone.send(mallory, 'alice', 'end')
    alice.out.wait(ev='message', text='end')
    env.cli(server, 'alice', 'send', 'mallory', 'the end').expect(0)
    equal(phone.read(mallory, mallory.take_message()), 'the end', 'nothing else came before it')


def test_sizes_are_those_of_the_classes(env):
    """At each border of the size classes: the body measures what the document says, in both directions."""
    server = env.server()
    _, phone, bob = reference(env, server, 'bob')
    registered(env, server, 'alice')
    alice = env.tail(server, 'alice')
    for length in (1, 52, 53, 116, 117, 4084, 4085, 8180, 8181):
        text = ('%d ' % length * length)[:length - 1] + '.'
        env.cli(server, 'alice', 'send', 'bob', text).expect(0)
        frame = bob.take_message()
        equal(len(frame.body), sizes(text), 'the body of %d letters' % length)
        equal(phone.read(bob, frame), text, 'at bob')
        phone.send(bob, 'alice', text)
        alice.out.wait(ev='message', text=text)


def test_a_body_of_another_size_is_refused(env):
    """A correct message whose padding is not that of its class does not open: sizes tell nothing else."""
    server = env.server()
    _, phone, bob = reference(env, server, 'bob')
    registered(env, server, 'alice')
    alice = env.tail(server, 'alice')
    phone.send(bob, 'alice', 'good')
    alice.out.wait(ev='message', text='good')
    pad, sealed.pad = sealed.pad, lambda content: (content + b'\x80').ljust(65, b'\0')
    try:
        phone.send(bob, 'alice', 'odd')
    finally:
        sealed.pad = pad
    check('damaged' in alice.out.wait(ev='message', text=None)['unopened'], 'the reason')


def test_repeats_and_forgeries_change_nothing(env):
    """A message that comes again under a new id, and one with a flipped bit, do not open, and the next one does."""
    server = env.server()
    _, phone, bob = reference(env, server, 'bob')
    registered(env, server, 'alice')
    alice = env.tail(server, 'alice')
    frame = phone.seal(bob, 'alice', 'good', bob.next_id)
    bob.send_frames(frame)
    alice.out.wait(ev='message', text='good')
    head = bytearray(frame.heads[0]['head'])
    for number, (what, changed) in enumerate((('the same', bytes(head)), ('a bit', bytes(head[:-1]) + bytes([head[-1] ^ 1]))), 2):
        frame.id, frame.heads = number, [dict(device=frame.heads[0]['device'], head=changed)]
        bob.send_frames(frame)
        check(alice.out.wait(ev='message', text=None, count=number - 1)['unopened'], what)
    bob.next_id = 4
    phone.send(bob, 'alice', 'next')
    alice.out.wait(ev='message', text='next')
    until(lambda: texts(alice) == ['good', None, None, 'next'], 'all that alice was shown')
