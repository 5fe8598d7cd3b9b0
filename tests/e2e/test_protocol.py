"""Direct messages and their states, order, repeats and limits, by the reference client against the
real server: sections 3, 4 and 6 of docs/protocol.md."""
import os
import signal
import time

import frames
from csmsg import Identity, plain_body
from frames import DELIVERED, EXPIRED, IN_ROOM, KEPT, STORED, TAKEN, Frame, encode
from harness import check, equal, scale


def absent(env, server, name):
    """Registers a name and leaves; returns its identity."""
    identity = Identity(name)
    client = env.login(identity, server)
    client.bye()
    server.wait_log(sub='session', ev='drop', user=name)
    return identity


def texts(client, count, timeout=None):
    """The texts of the next messages, acknowledged."""
    return [client.take_message(timeout).text_body for _ in range(count)]


def nothing_delivered(client, what, timeout=0.3):
    """Fails when a DELIVER comes within this time."""
    client.ping()
    came = [f for f in client.drain(timeout) if f.name == 'DELIVER']
    equal(came, [], what)


def now_ms():
    """The clock, in milliseconds."""
    return int(time.time() * 1000)


def test_direct_message(env):
    """Every field of DELIVER; accepted as delivered once it is acknowledged."""
    server = env.server()
    alice, bob = env.login('alice', server), env.login('bob', server)
    began = now_ms()
    number = alice.send('BOB', plain_body('grüße\nzweite Zeile', form=1))
    got = bob.expect('DELIVER')
    equal((got.flags, got.sender, got.from_device, got.id, got.to, got.head, got.body),
          (0, 'alice', alice.identity.device, number, 'bob', b'',
           plain_body('grüße\nzweite Zeile', form=1)), 'DELIVER')
    equal(got.incarnation, bob.welcome.incarnation, 'DELIVER.incarnation')
    check(began - 1000 <= got.time <= now_ms() + 1000, 'DELIVER.time %d is not now' % got.time)
    bob.ack(got)
    accepted = alice.expect('ACCEPTED')
    equal((accepted.id, accepted.state, accepted.to), (number, DELIVERED, ''), 'ACCEPTED')


def test_message_to_oneself(env):
    """A note to oneself comes back like any other message."""
    server = env.server()
    alice = env.login('alice', server)
    number = alice.send('alice', 'note')
    equal(alice.take_message().text_body, 'note', 'the note')
    equal(alice.expect('ACCEPTED', id=number).state, DELIVERED, 'its state')


def test_absent(env):
    """Stored, with the numbers; later delivered in order, marked as stored, with receipts."""
    server = env.server(limits__queue_keep='3d')
    bob = absent(env, server, 'bob')
    alice = env.login('alice', server)
    for count in (1, 2, 3):
        number = alice.send('bob', 'stored %d' % count)
        got = alice.expect('ACCEPTED', id=number)
        equal((got.state, got.to, got.waiting, got.keep_s, got.absent),
              (KEPT, 'bob', count, 3 * 86400, 1), 'ACCEPTED of message %d' % count)
    back = env.login(bob, server)
    equal(back.welcome.waiting, 3, 'WELCOME.waiting')
    for count in (1, 2, 3):
        got = back.take_message()
        equal((got.text_body, got.flags & STORED, got.id), ('stored %d' % count, STORED, count),
              'message %d' % count)
    for count in (1, 2, 3):
        got = alice.expect('RECEIPT', id=count)
        equal((got.state, got.to), (DELIVERED, 'bob'), 'RECEIPT of message %d' % count)
    back.bye()
    equal(env.login(bob, server).welcome.waiting, 0, 'WELCOME.waiting after the acknowledgement')


def test_present_but_silent(env):
    """A recipient who is connected and does not acknowledge: stored, absent 2, then a receipt."""
    server = env.server()
    alice, bob = env.login('alice', server), env.login('bob', server)
    number = alice.send('bob', 'are you there')
    got = bob.expect('DELIVER')
    accepted = alice.expect('ACCEPTED', id=number, timeout=30 * scale())
    equal((accepted.state, accepted.absent, accepted.to), (KEPT, 2, 'bob'), 'ACCEPTED')
    bob.ack(got)
    equal(alice.expect('RECEIPT', id=number).state, DELIVERED, 'RECEIPT')


def test_receipt_waits_for_the_sender(env):
    """A receipt for a sender who was away comes with the next login."""
    server = env.server()
    bob = absent(env, server, 'bob')
    identity = Identity('alice')
    alice = env.login(identity, server)
    number = alice.send('bob', 'later')
    alice.expect('ACCEPTED', id=number, state=KEPT)
    alice.bye()
    server.wait_log(sub='session', ev='drop', user='alice')
    back = env.login(bob, server)
    equal(texts(back, 1), ['later'], 'what Bob received')
    back.ping()
    # "sent while the sender is connected": none is owed, but the message stays settled
    alice = env.login(identity, server)
    equal(alice.welcome.last_id, number, 'WELCOME.last_id')


def test_unknown_recipients(env):
    """No such user, with the nearest names; no such room."""
    server = env.server()
    for name in ('frank', 'franka', 'zoe'):
        env.login(name, server)
    alice = env.login('alice', server)
    got = [alice.take_rejected(alice.send(to, 'hi')) for to in (
        'frnak', '#nowhere', 'x y', '')]
    equal((got[0].code_name, got[0].subject), ('no-such-user', 'frnak'), 'REJECTED')
    check('frank' in got[0].near, 'expected frank among the near names, came %s' % got[0].near)
    check(got[0].text and 'zoe' not in got[0].near, 'text and near names: %s' % got[0])
    equal(got[1].code_name, 'no-such-room', 'a room that is not there')
    equal([g.code_name for g in got[2:]], ['no-such-user'] * 2, 'names that are none')
    number = alice.send('zoe', 'the next id is taken')
    alice.expect('ACCEPTED', id=number, timeout=30 * scale())


def test_bodies_that_are_refused(env):
    """Empty and too large: refused with words, the session goes on."""
    server = env.server(limits__text='1KiB')
    alice, bob = env.login('alice', server), env.login('bob', server)
    limit = alice.hello.max_text + 16
    equal(alice.take_rejected(alice.send('bob', b'')).code_name, 'bad-body', 'empty body')
    got = alice.take_rejected(alice.send('bob', bytes(limit + 1)))
    equal(got.code_name, 'too-large', 'body of %d bytes' % (limit + 1))
    check(any(c.isdigit() for c in got.text + got.hint), 'no numbers in %s' % got)
    alice.send('bob', bytes(limit))
    equal(len(bob.take_message().body), limit, 'length of the longest body')


def test_queue_full(env):
    """Refused with the numbers; those before are kept, and room is used again."""
    server = env.server(limits__queue_messages=3)
    bob = absent(env, server, 'bob')
    alice = env.login('alice', server)
    for count in range(3):
        equal(alice.expect('ACCEPTED', id=alice.send('bob', 'm%d' % count)).state, KEPT, 'state')
    got = alice.take_rejected(alice.send('bob', 'one too many'))
    equal((got.code_name, got.subject), ('queue-full', 'bob'), 'REJECTED')
    check('3' in got.text + got.hint, 'expected the number 3 in %s' % got)
    back = env.login(bob, server)
    equal(texts(back, 3), ['m0', 'm1', 'm2'], 'what Bob received')
    for count in range(3):
        alice.expect('RECEIPT', id=count + 1)
    back.bye()
    server.wait_log(sub='session', ev='drop', user='bob', count=2)
    alice.expect('ACCEPTED', id=alice.send('bob', 'again'), state=KEPT)


def test_queue_share_of_one_sender(env):
    """One sender cannot use up what waits for somebody."""
    server = env.server(limits__queue_messages=10, limits__queue_per_sender=2)
    absent(env, server, 'bob')
    alice, carol = env.login('alice', server), env.login('carol', server)
    for count in range(2):
        alice.expect('ACCEPTED', id=alice.send('bob', 'm'), state=KEPT)
    equal(alice.take_rejected(alice.send('bob', 'm')).code_name, 'queue-full', 'the third')
    carol.expect('ACCEPTED', id=carol.send('bob', 'm'), state=KEPT)


def test_order(env):
    """Five hundred at once keep their order, and so do their numbers."""
    server = env.server()
    alice, bob = env.login('alice', server), env.login('bob', server)
    alice.send_frames(*[Frame('SEND', id=n, kind=0, to='bob', heads=[],
                              body=plain_body('m%d' % n)) for n in range(1, 501)])
    seqs = []
    for number in range(1, 501):
        got = bob.take_message()
        equal((got.text_body, got.id), ('m%d' % number, number), 'message %d' % number)
        seqs.append(got.seq)
    equal(seqs, list(range(seqs[0], seqs[0] + 500)), 'the numbers rise by one')
    alice.expect('ACCEPTED', id=500)


def test_dedupe(env):
    """An id that was settled is accepted again and not delivered again."""
    server = env.server()
    alice, bob = env.login('alice', server), env.login('bob', server)
    for text in ('one', 'two'):
        number = alice.send('bob', text)
        equal(texts(bob, 1), [text], 'first delivery')
        alice.expect('ACCEPTED', id=number)
    alice.send('bob', 'one', number=1)
    equal(alice.expect('ACCEPTED').state, TAKEN, 'the state of a repeat')
    nothing_delivered(bob, 'deliveries of a repeat')
    alice.send('bob', 'three')
    equal(texts(bob, 1), ['three'], 'the message after the repeat')


def test_dedupe_over_logins(env):
    """The mark is the device's: it holds on a new connection and after a restart."""
    server = env.server()
    me = Identity('alice')
    alice, bob = env.login(me, server), env.login(Identity('bob'), server)
    bob_identity = bob.identity
    number = alice.send('bob', 'once')
    equal(texts(bob, 1), ['once'], 'the delivery')
    alice.expect('ACCEPTED', id=number)
    second = env.login(me, server, next_id=number + 1)
    equal(second.welcome.last_id, number, 'WELCOME.last_id')
    second.send('bob', 'once', number=number)
    second.expect('ACCEPTED', state=TAKEN)
    nothing_delivered(bob, 'deliveries of a repeat')
    absent_number = second.send('bob', 'another')
    equal(texts(bob, 1), ['another'], 'the next message')
    second.expect('ACCEPTED', id=absent_number)
    bob.bye()
    server.wait_log(sub='session', ev='drop', user='bob')
    stored = second.send('bob', 'stored')
    second.expect('ACCEPTED', id=stored, state=KEPT)
    server.stop()
    server = env.keep(server.restart())
    third = env.login(me, server, next_id=stored)
    third.send('bob', 'stored', number=stored)
    third.expect('ACCEPTED', id=stored)
    back = env.login(bob_identity, server)
    equal(texts(back, 1), ['stored'], 'after the restart')
    nothing_delivered(back, 'deliveries of the repeat after the restart')


def test_gap(env):
    """An id that leaves one out: RESYNC, and nothing is delivered until the gap is closed."""
    server = env.server()
    alice, bob = env.login('alice', server), env.login('bob', server)
    alice.send('bob', 'two', number=2)
    equal(alice.expect('RESYNC').incarnation, alice.welcome.incarnation, 'RESYNC.incarnation')
    nothing_delivered(bob, 'deliveries beyond a gap')
    alice.resume(next_id=1)
    alice.send('bob', 'one', number=1)
    alice.send('bob', 'two', number=2)
    equal(texts(bob, 2), ['one', 'two'], 'after the resend')
    alice.expect('ACCEPTED', id=2)


def leave_one_out(client):
    """Provokes a RESYNC, by an id far beyond any that was used."""
    client.send_frames(Frame('SEND', id=1 << 40, kind=0, to='bob', heads=[], body=plain_body('gap')))
    client.expect('RESYNC')


def test_stale_resume(env):
    """A RESUME counts only as the answer to the last RESYNC."""
    server = env.server(server__workers=1)
    alice, bob = env.login('alice', server), env.login('bob', server)
    leave_one_out(alice)
    stale = alice.token
    os.kill(server.pids('worker')[0], signal.SIGKILL)  # the next one asks again
    fresh = alice.expect('RESYNC', 20 * scale()).token
    check(fresh != stale, 'two RESYNCs with one token')
    bob.expect('RESYNC', 20 * scale())
    bob.resume()
    alice.resume(token=stale, next_id=50)
    alice.send('bob', 'to deaf ears', number=50)
    alice.ping()
    nothing_delivered(bob, 'deliveries after a RESUME that answers an earlier RESYNC')
    alice.resume(token=fresh)
    alice.send('bob', 'one', number=1)
    equal(texts(bob, 1), ['one'], 'after the right answer')
    alice.expect('ACCEPTED', id=1)


def test_what_waits_behind_a_refusal(env):
    """Nothing behind a refusal is delivered until it is confirmed; refusals go on."""
    server = env.server()
    me = Identity('alice')
    alice, bob = env.login(me, server), env.login('bob', server)
    for number, to in enumerate(('nobody', 'none', 'bob', 'nobody', 'bob'), 1):
        alice.send(to, 'm%d' % number, number=number)
    equal([alice.expect('REJECTED').id for _ in range(2)], [1, 2], 'what is refused at once')
    alice.settled(1)
    alice.ping()
    nothing_delivered(bob, 'deliveries before both are confirmed')
    alice.settled(2)
    equal(texts(bob, 1), ['m3'], 'after the confirmation')
    equal(alice.expect('REJECTED').id, 4, 'the next refusal')
    alice.close()  # without a word about it
    again = env.login(me, server, next_id=4)
    equal(again.expect('REJECTED').id, 4, 'what is said again after a login')
    again.send('bob', 'm5', number=5)
    again.ping()
    nothing_delivered(bob, 'deliveries before the third is confirmed')
    again.close()
    last = env.login(me, server, next_id=5)
    last.send('bob', 'm5', number=5)
    equal(texts(bob, 1), ['m5'], 'when LOGIN has confirmed it')
    last.expect('ACCEPTED', id=5)


def test_next_id_moves_the_mark(env):
    """A device that lost its counter begins at any higher number."""
    server = env.server()
    me = Identity('alice')
    bob = env.login('bob', server)
    alice = env.login(me, server, next_id=1000)
    alice.send('bob', 'a', number=1000)
    alice.expect('ACCEPTED', id=0x3e8, timeout=30 * scale())
    leave_one_out(alice)
    alice.resume(next_id=5000)
    alice.send('bob', 'b', number=5000)
    equal(texts(bob, 2), ['a', 'b'], 'what Bob received')
    alice.expect('ACCEPTED', id=5000)
    alice = env.login(me, server, next_id=1)
    equal(alice.welcome.last_id, 5000, 'a lower next_id moves nothing: last_id')


def test_login_repeats_what_was_not_acknowledged(env):
    """What stands above the place in LOGIN comes again, in order, while the sender waits.

    What stands below it may come, too: a client drops it by its id, as the document says.
    """
    server = env.server()
    bob = Identity('bob')
    first = env.login(bob, server)
    alice = env.login('alice', server)
    for number in range(5):
        alice.send('bob', 'm%d' % number)
    got = [first.expect('DELIVER') for _ in range(5)]
    second = env.login(bob, server, incarnation=got[1].incarnation, seq=got[1].seq)
    again = []
    while not again or again[-1].id < 5:
        again.append(second.take_message())
    equal([g.text_body for g in again if g.id > got[1].id], ['m2', 'm3', 'm4'],
          'after a login with the place of m1')
    equal([g.id for g in again], sorted({g.id for g in again}), 'each comes once, in order')
    nothing_delivered(second, 'more than these')
    alice.expect('ACCEPTED', id=5, timeout=30 * scale())


def test_resume_repeats_what_was_not_acknowledged(env):
    """RESUME, asked for by RESYNC, means the same on an open session."""
    server = env.server()
    bob, alice = env.login('bob', server), env.login('alice', server)
    for number in range(4):
        alice.send('bob', 'm%d' % number)
    got = [bob.expect('DELIVER') for _ in range(4)]
    leave_one_out(bob)
    bob.resume(got[0].incarnation, got[0].seq, 1, 0)
    equal(texts(bob, 3), ['m1', 'm2', 'm3'], 'after RESUME with the place of m0')


def test_acks_that_mean_nothing(env):
    """Another incarnation, a place not yet reached, one already acknowledged."""
    server = env.server()
    me = Identity('bob')
    bob, alice = env.login(me, server), env.login('alice', server)
    alice.send('bob', 'kept')
    got = bob.expect('DELIVER')
    for incarnation in (0, got.incarnation + 1, got.incarnation - 1):
        bob.send_frames(Frame('ACK', kind=0, incarnation=incarnation, seq=got.seq, room=''))
    bob.ping()
    second = env.login(me, server)
    equal(texts(second, 1), ['kept'], 'a message whose acknowledgement did not count')


def test_window(env):
    """No more than window messages without acknowledgement; then the rest, in order."""
    server = env.server(limits__window_messages=8)
    bob, alice = env.login('bob', server), env.login('alice', server)
    equal(bob.hello.window, 8, 'window')
    for number in range(30):
        alice.send('bob', 'm%d' % number)
    got = [bob.expect('DELIVER') for _ in range(8)]
    nothing_delivered(bob, 'deliveries beyond the window')
    bob.ack(got[7])
    more = [bob.expect('DELIVER') for _ in range(8)]
    nothing_delivered(bob, 'deliveries beyond the second window')
    bob.ack(more[7])
    rest = [bob.take_message() for _ in range(14)]
    equal([g.text_body for g in got + more + rest], ['m%d' % n for n in range(30)], 'the order')


def test_stored_before_new(env):
    """What waits goes out before what is new, also when it is more than a window."""
    server = env.server(limits__window_messages=8)
    bob = absent(env, server, 'bob')
    alice = env.login('alice', server)
    for number in range(30):
        alice.send('bob', 'm%d' % number)
    alice.expect('ACCEPTED', id=30)
    back = env.login(bob, server)
    for number in range(30, 40):
        alice.send('bob', 'm%d' % number)
    equal(texts(back, 40), ['m%d' % n for n in range(40)], 'stored and new ones')
    alice.expect('ACCEPTED', id=40)


def test_expiry(env):
    """What waited longer than it is kept is gone, and its sender hears of it."""
    server = env.server(limits__queue_keep='1s')
    bob = absent(env, server, 'bob')
    alice = env.login('alice', server)
    number = alice.send('bob', 'too late')
    equal(alice.expect('ACCEPTED', id=number).keep_s, 1, 'ACCEPTED.keep_s')
    got = alice.expect('RECEIPT', id=number, timeout=30 * scale())
    equal((got.state, got.to), (EXPIRED, 'bob'), 'RECEIPT')
    back = env.login(bob, server)
    equal(back.welcome.waiting, 0, 'WELCOME.waiting')
    nothing_delivered(back, 'deliveries of what has expired')


def test_elsewhere(env):
    """One receiving session a device; sessions that only send end nobody."""
    server = env.server()
    me = Identity('alice')
    first = env.login(me, server)
    script = env.login(me, server, caps=0)
    script.ping()
    first.ping()
    second = env.login(me, server)
    error = first.expect('ERROR')
    equal(error.code_name, 'elsewhere', 'the end of the older session')
    equal(first.ended(), [], 'frames after the ERROR')
    script.ping()
    env.login('bob', server).send('alice', 'to the newer')
    equal(texts(second, 1), ['to the newer'], 'what the newer session received')
    script.ping()
    equal([f.name for f in script.drain(0.2) if f.name == 'DELIVER'], [], 'the script received')


def test_sender_without_receive(env):
    """A device that only sends: its user's messages wait for one that receives."""
    server = env.server()
    me = Identity('alice')
    script = env.login(me, server, caps=0)
    bob = env.login('bob', server)
    script.send('bob', 'from a script')
    equal(texts(bob, 1), ['from a script'], 'what Bob received')
    script.expect('ACCEPTED', id=1, state=DELIVERED)
    got = bob.expect('ACCEPTED', id=bob.send('alice', 'for later'), timeout=30 * scale())
    equal(got.state, KEPT, 'state of a message to somebody who does not receive')
    equal(texts(env.login(me, server), 1), ['for later'], 'what Alice received')


def test_long_text(env):
    """64 KiB of text, there and back."""
    server = env.server()
    alice, bob = env.login('alice', server), env.login('bob', server)
    equal(alice.hello.max_text, 65536, 'max_text')
    text = ''.join('line %06d äöü\n' % n for n in range(4000)).encode()[:65536]
    text = text.decode('utf-8', 'ignore').ljust(1)
    body = plain_body(text)
    number = alice.send('bob', body)
    equal(len(body) > 65500, True, 'the body needs PARTs')
    got = bob.take_message()
    check(got.body == body, 'the body came back changed, %d instead of %d bytes' % (
        len(got.body), len(body)))
    alice.expect('ACCEPTED', id=number)
    bob.bye()
    server.wait_log(sub='session', ev='drop', user='bob')
    number = alice.send('bob', body)
    alice.expect('ACCEPTED', id=number, state=KEPT)
    check(env.login(bob.identity, server).take_message().body == body, 'the stored body changed')


def test_small_parts(env):
    """A SEND in many small PARTs, in one record and in several, with PADs between."""
    server = env.server()
    alice, bob = env.login('alice', server), env.login('bob', server)
    frame = Frame('SEND', id=1, kind=0, to='bob', heads=[], body=plain_body('in pieces'))
    payload = frames.payload_of(frame)
    pieces = [frames.raw_frame(1, payload[i:i + 1]) for i in range(len(payload) - 2)]
    closing = frames.raw_frame(frames.TYPES['SEND'], payload[-2:])
    half = len(pieces) // 2
    alice.send_plain(b''.join(pieces[:half]))
    alice.send_frames(Frame('PAD', zeros=bytes(5)))
    for piece in pieces[half:]:
        alice.send_plain(piece, padding=False)
    alice.send_plain(closing)
    equal(texts(bob, 1), ['in pieces'], 'what Bob received')


def test_sizes_around_a_part(env):
    """Bodies that end just before, at and after the length at which PARTs begin."""
    server = env.server()
    alice, bob = env.login('alice', server), env.login('bob', server)
    head = len(frames.payload_of(Frame('SEND', id=1, kind=0, to='bob', heads=[], body=b'')))
    for size in range(frames.PART_OVER - 2, frames.PART_OVER + 25):
        body = bytes(2) + b'x' * (size - head - 2)
        number = alice.send('bob', body)
        got = bob.take_message()
        check(got.body == body, 'a SEND of %d bytes: %d of %d bytes of the body came' % (
            size, len(got.body), len(body)))
        alice.expect('ACCEPTED', id=number)


def test_many_frames_in_a_record(env):
    """A record holds as many frames as fit; padding is not required to be there."""
    server = env.server()
    alice = env.login('alice', server)
    plaintext = b''.join(b''.join(encode(Frame('PING', value=n))) for n in range(5000))
    alice.send_plain(plaintext, padding=False)
    for number in range(5000):
        equal(alice.expect('PONG').value, number, 'PONG')


def test_rekey(env):
    """Both directions change their key after 65536 records and go on."""
    server = env.server(limits__messages_per_second=1000000)
    alice = env.login('alice', server)
    ping = b''.join(encode(Frame('PING', value=0)))
    while alice.inward.counter < 65540:
        alice.send_bytes(alice.seal(ping))
        alice.recv()
    check(alice.out.counter > 65536, 'only %d records were sent' % alice.out.counter)
    alice.ping(99)


def test_stored_survive_a_kill(env):
    """SIGKILL of every process right after the last ACCEPTED: all are there, in order, once."""
    server = env.server()
    bob = absent(env, server, 'bob')
    alice = env.login('alice', server)
    alice.send_frames(*[Frame('SEND', id=n, kind=0, to='bob', heads=[],
                              body=plain_body('m%d' % n)) for n in range(1, 301)])
    alice.expect('ACCEPTED', id=300)
    before = alice.welcome.incarnation
    server.kill_all()
    server = env.keep(server.restart())
    back = env.login(bob, server)
    check(back.welcome.incarnation > before, 'the incarnation did not rise after the kill')
    equal(texts(back, 300), ['m%d' % n for n in range(1, 301)], 'what Bob received')
    nothing_delivered(back, 'more than these')


def test_room_flag(env):
    """What is direct has no room flag, what is of the room has one."""
    server = env.server()
    alice = env.login('alice', server, caps=3)
    alice.send('#lobby', 'to all')
    equal(alice.take_message().flags & IN_ROOM, IN_ROOM, 'flags')
