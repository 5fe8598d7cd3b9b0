"""What a message waits for: section 6.8 of docs/protocol.md, by the reference client against the real server."""
import frames
from csmsg import Identity
from frames import DELIVERED, EXPIRED, KEPT, TAKEN, UNTAKEN, WHY_MESSAGES, WHY_ROOM, WITHDRAWN, Frame
from harness import check, equal, scale, until
from people import leave, reference
from test_groups import created, enter, joined
from test_keys import kill_broker, refused, second
from test_protocol import absent, now_ms


def told(client, name, *ids):
    """The answer about these messages: (frame, {id: (state, [(state, place)])})."""
    got = client.why(name, *ids)
    equal(got.op, WHY_MESSAGES, 'the answer: %s' % got)
    equal([m['id'] for m in got.messages], list(ids), 'the messages, in the order asked')
    return got, {m['id']: (m['state'], [(d['state'], d['place']) for d in m['devices']]) for m in got.messages}


def state(client, name, number):
    """The state of one message alone."""
    return told(client, name, number)[1][number][0]


def test_waits_in_a_queue(env):
    """Each message with its place; whose they are counts; what is not there yet is not taken."""
    server = env.server(limits__queue_keep='3d')
    began = now_ms()
    bob = absent(env, server, 'bob')
    alice, carol = env.login('alice', server), env.login('carol', server)
    for client in (alice, carol, alice):
        client.expect('ACCEPTED', id=client.send('bob', 'stored'))
    got, rows = told(alice, 'BOB', 2, 1, 3)
    equal((got.to, got.present, got.keep_s), ('bob', 0, 3 * 86400), 'about bob')
    check(began - 1000 <= got.since <= now_ms() + 1000, 'last seen %d' % got.since)
    equal(rows, {1: (KEPT, [(KEPT, 1)]), 2: (KEPT, [(KEPT, 3)]), 3: (UNTAKEN, [])}, 'the messages of alice')
    device = got.messages[0]['devices'][0]
    equal(device['device'], bob.device, 'the device')
    check(abs(device['until'] - 3 * 86400000 - now_ms()) < 60000, 'kept until %d' % device['until'])
    equal(told(carol, 'bob', 1)[1], {1: (KEPT, [(KEPT, 2)])}, 'that of carol')
    back = env.login(bob, server)
    back.take_message()
    alice.expect('RECEIPT', id=1)
    equal(told(alice, 'bob', 1, 2)[1], {1: (DELIVERED, []), 2: (KEPT, [(KEPT, 2)])}, 'one is acknowledged')
    equal(told(alice, 'bob', 1)[0].present, 1, 'bob is here')


def test_under_way(env):
    """Somebody connected who does not acknowledge: on its way, not in the store yet."""
    server = env.server()
    alice, bob = env.login('alice', server), env.login('bob', server)
    alice.send('bob', 'are you there')
    got = bob.expect('DELIVER')
    equal(told(alice, 'bob', 1)[1], {1: (TAKEN, [(TAKEN, 1)])}, 'before it is stored')
    alice.expect('ACCEPTED', id=1, state=KEPT, timeout=30 * scale())
    equal(told(alice, 'bob', 1)[1], {1: (KEPT, [(KEPT, 1)])}, 'stored, and on its way')
    bob.ack(got)
    alice.expect('RECEIPT', id=1)
    equal(state(alice, 'bob', 1), DELIVERED, 'acknowledged')


def test_sender_was_away(env):
    """Delivered while the sender was away, told after a broker's death: the RECEIPT is lost, the answer is not."""
    server = env.server()
    bob = absent(env, server, 'bob')
    alice = env.login('alice', server)
    for number in (1, 2):
        alice.send('bob', 'later')
        alice.expect('ACCEPTED', id=number, state=KEPT)
    alice.bye()
    server.wait_log(sub='session', ev='drop', user='alice')
    back = env.login(bob, server)
    back.take_message()
    back.ping()
    alice = env.login(alice.identity, server, next_id=3)
    alice.ping()
    equal([f for f in alice.drain(0.1) if f.name == 'RECEIPT'], [], 'what comes by itself')
    equal(told(alice, 'bob', 1, 2)[1], {1: (DELIVERED, []), 2: (KEPT, [(KEPT, 1)])}, 'the answer')
    back.bye()
    alice.bye()
    server.wait_log(sub='session', ev='drop', user='bob', count=2)
    kill_broker(server)
    alice = env.login(alice.identity, server, next_id=3)
    got, rows = told(alice, 'bob', 1, 2)
    equal(rows, {1: (DELIVERED, []), 2: (KEPT, [(KEPT, 1)])}, 'from a new broker')
    equal(got.present, 0, 'bob')


def test_expired(env):
    """Expired while the sender was away, told by the next broker, too; the other message was delivered."""
    server = env.server(limits__queue_keep='1s')
    bob = absent(env, server, 'bob')
    alice, carol = env.login('alice', server), env.login('carol', server)
    alice.send('carol', 'in time')
    carol.take_message()
    alice.expect('ACCEPTED', id=1, state=DELIVERED)
    alice.send('bob', 'too late')
    alice.expect('ACCEPTED', id=2, state=KEPT)
    alice.bye()
    server.wait_log(30 * scale(), sub='queue', ev='expire')
    for again in (True, False):
        alice = env.login(alice.identity, server, next_id=3)
        equal(told(alice, 'bob', 2)[1], {2: (EXPIRED, [(EXPIRED, 0)])}, 'to bob')
        equal(told(alice, 'carol', 1)[1], {1: (DELIVERED, [])}, 'to carol')
        alice.close()
        if again:
            kill_broker(server)
    equal(env.login(bob, server).welcome.waiting, 0, 'what waits for bob')


def test_several_devices(env):
    """Delivered when every device has it; one that was revoked before is told of."""
    server = env.server()
    _, laptop, alice = reference(env, server, 'alice')
    person, phone, bob = reference(env, server, 'bob')
    tablet, other = second(env, server, person, bob, phone)
    since = server.log.mark()
    other.bye()
    server.wait_log(after=since, sub='session', ev='drop', user='bob')
    number = laptop.send(alice, 'bob', 'to both')
    bob.take_message()
    alice.expect('ACCEPTED', id=number, state=KEPT)
    got, rows = told(alice, 'bob', number)
    equal(rows, {number: (KEPT, [(KEPT, 1)])}, 'the tablet is off')
    equal(got.messages[0]['devices'][0]['device'], tablet.keys.device, 'which')
    person.append(bob, person.entry_revoke(tablet.keys.device))
    equal(told(alice, 'bob', number)[1], {number: (WITHDRAWN, [(WITHDRAWN, 0)])}, 'it will never get it')


def test_questions_refused(env):
    """Nobody of that name; too many questions; a malformed one ends the connection."""
    server = env.server(limits__key_requests=6)
    alice = env.login('alice', server)
    env.login('bob', server)
    got = refused(alice.why('bop', 1), 'no-such-user', 'a name that nobody has')
    equal((got.asked, got.person, got.near), (WHY_MESSAGES, 'bop', ['bob']), 'what it says')
    last = None
    for _ in range(70):
        last = alice.why('bob', 1)
        if last.op == frames.REFUSED:
            break
    check(refused(last, 'too-fast', 'in the end').retry_ms > 0, 'when: %s' % last)
    alice.send_frames(Frame('WHY_C', op=WHY_MESSAGES, to='bob', ids=[]))
    equal(alice.expect('ERROR').code_name, 'bad-frame', 'no ids')


def member_rows(client, mine, number):
    """{name: (role, state, devices, waiting, present)} of a message of the group."""
    got = client.why_room(mine.name, mine.group, number)
    equal((got.op, getattr(got, 'last', 0)), (WHY_ROOM, 1), 'the answer: %s' % got)
    return {m['name']: (m['role'], m['state'], m['devices'], m['waiting'], m['present']) for m in got.members}


def test_group(env):
    """Per member; who is absent, who has left without having read it, and nobody who is not in may ask."""
    server = env.server()
    _, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    _, c, carols = joined(env, server, 'carol', '#chess')
    leave(server, b)
    mine.say(a, 'hello')
    mine.take_until(a, 'hello')
    carols.take_until(c, 'hello')
    number = mine.seen
    owner, member = (3, DELIVERED, 1, 0, 1), (1, DELIVERED, 1, 0, 1)
    until(lambda: member_rows(a, mine, number)['carol'] == member, 'carol has it')
    rows = member_rows(c, carols, number)
    equal(rows, {'alice': owner, 'carol': member, 'bob': (1, KEPT, 1, 1, 0)}, 'bob is away')
    kill_broker(server)
    c = env.login(c.identity, server)
    a = env.login(a.identity, server)
    until(lambda: member_rows(c, carols, number)['bob'] == (1, KEPT, 1, 1, 0), 'a new broker says the same')
    mine.place(a)
    mine.append(a, 'kick', bob.person)
    equal(member_rows(a, mine, number)['bob'], (0, KEPT, 1, 1, 0), 'out, and not read to the end')
    joined(env, server, 'dave', '#chess')
    equal('dave' in member_rows(a, mine, number), False, 'who came later')
    b = enter(env, server, bob)
    refused(b.why_room('#chess', mine.group, number), 'not-member', 'who was kicked')
    refused(a.why_room('#chess', bytes(32), 1), 'not-member', 'a group that there is not')
    refused(a.why_room('#chess', mine.group, mine.seq + 50), 'no-such-message', 'beyond the newest')
    theirs.place(b)
    theirs.take_until(b, 'hello')
    b.ping()
    until(lambda: member_rows(a, mine, number).get('bob', (0, 0))[1] != KEPT, 'bob has it')


def test_group_message_expired(env):
    """What the server does not keep any more will not be delivered."""
    server = env.server(limits__queue_keep='1s')
    _, a, mine = created(env, server, 'alice', '#chess')
    _, b, _ = joined(env, server, 'bob', '#chess')
    leave(server, b)
    mine.say(a, 'too late')
    mine.take_until(a, 'too late')
    number = mine.seen
    until(lambda: member_rows(a, mine, number)['bob'] == (1, EXPIRED, 1, 1, 0), 'bob will not get it', 20)


def test_only_own_messages(env):
    """The numbers of another device, or of another person, lead nowhere."""
    server = env.server()
    absent(env, server, 'bob')
    alice = env.login('alice', server)
    alice.expect('ACCEPTED', id=alice.send('bob', 'private'))
    mallory = env.login(Identity('mallory', device=alice.identity.device), server)
    equal(told(mallory, 'bob', 1)[1], {1: (UNTAKEN, [])}, 'the same numbers')
