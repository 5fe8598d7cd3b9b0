"""The lobby, its order and its history, and who is there: section 7 of docs/protocol.md."""
import os
import signal
import threading

import frames
from csmsg import Identity
from frames import (ABOUT, AWAY, BACK, BACKLOG, CHANGES, IN_ROOM, JOIN, JOINED, LEFT, LOBBY,
                    PARTING, RECEIVE, REFUSED, SET, TAKEN, Frame)
from harness import check, equal, scale, until

BOTH = RECEIVE | LOBBY


def changes(client, kind, name, timeout=None):
    """Waits for this change of this person; returns its text."""
    while True:
        frame = client.expect('PRESENCE_S', timeout, op=CHANGES)
        for change in frame.changes:
            if (change['change'], change['name']) == (kind, name):
                return change['text']


def room_messages(client, count):
    """(seq, sender, text) of the next room messages, acknowledged."""
    got = []
    for _ in range(count):
        frame = client.take_message()
        check(frame.flags & IN_ROOM, 'expected a message of the room, came %s' % frame)
        equal((frame.to, frame.incarnation), ('#lobby', 0), 'to and incarnation')
        got.append((frame.seq, frame.sender, frame.text_body))
    return got


def joined(env, server, *names):
    """Members of the lobby who have seen each other come; nothing is left unread."""
    members = [env.login(name, server, caps=BOTH) for name in names]
    for member in members:
        until(lambda: all(n in p and p[n]['in_lobby'] for p in [member.people()] for n in names),
              'all are in the lobby')
    return members


def test_lobby(env):
    """Accepted means durable and numbered; everybody, the sender too, gets it under one number."""
    server = env.server()
    alice, bob = joined(env, server, 'alice', 'bob')
    number = alice.send('#lobby', 'good morning')
    got = alice.expect('ACCEPTED', id=number)
    equal((got.state, got.to), (TAKEN, ''), 'ACCEPTED')
    both = [room_messages(client, 1) for client in (alice, bob)]
    equal(both[0], both[1], 'the message as Alice and Bob saw it')
    equal(both[0][0][1:], ('alice', 'good morning'), 'sender and text')


def test_lobby_has_one_order(env):
    """Five write at once; all see the same numbers, without a gap, each sender in order."""
    server = env.server()
    names = ['a1', 'b2', 'c3', 'd4', 'e5']
    members = joined(env, server, *names)

    def write(client):
        for number in range(40):
            client.send('#lobby', '%s-%d' % (client.identity.name, number))
    threads = [threading.Thread(target=write, args=(m,)) for m in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = [room_messages(member, 200) for member in members]
    for name, other in zip(names, seen):
        check(other == seen[0], '%s saw another order than %s' % (name, names[0]))
    first = seen[0][0][0]
    equal([s for s, _, _ in seen[0]], list(range(first, first + 200)), 'the numbers')
    for name in names:
        equal([t for _, n, t in seen[0] if n == name], ['%s-%d' % (name, k) for k in range(40)],
              'the order of %s' % name)


def test_newcomer_gets_a_backlog(env):
    """As many as configured, the newest, marked; then what is new."""
    server = env.server(lobby__backlog=5)
    alice, = joined(env, server, 'alice')
    for number in range(12):
        alice.send('#lobby', 'm%d' % number)
    equal(len(room_messages(alice, 12)), 12, 'messages')
    bob = env.login('bob', server, caps=BOTH)
    got = [bob.expect('DELIVER') for _ in range(5)]
    equal([g.text_body for g in got], ['m%d' % n for n in range(7, 12)], 'the backlog')
    equal([g.flags & (IN_ROOM | BACKLOG) for g in got], [IN_ROOM | BACKLOG] * 5, 'flags')
    equal(got[-1].seq, bob.welcome.lobby_head, 'WELCOME.lobby_head')
    bob.ack(got[-1])
    alice.send('#lobby', 'new')
    new = bob.take_message()
    equal((new.text_body, new.flags & BACKLOG), ('new', 0), 'the next message')


def test_who_was_away_gets_what_was_missed(env):
    """LOGIN's lobby_seen: everything after it, once."""
    server = env.server()
    me = Identity('bob')
    alice, = joined(env, server, 'alice')
    alice.send('#lobby', 'm0')
    bob = env.login(me, server, caps=BOTH)
    seen = room_messages(bob, 1)[-1][0]
    bob.bye()
    for number in range(1, 5):
        alice.send('#lobby', 'm%d' % number)
    equal(len(room_messages(alice, 5)), 5, 'messages that Alice saw')
    bob = env.login(me, server, caps=BOTH, lobby_seen=seen)
    equal([t for _, _, t in room_messages(bob, 4)], ['m1', 'm2', 'm3', 'm4'], 'what was missed')
    bob.ping()
    equal([f for f in bob.drain(0.2) if f.name == 'DELIVER'], [], 'more than these')


def test_lobby_over_a_kill(env):
    """Numbers go on after every process was killed; nothing accepted is lost."""
    server = env.server()
    me = Identity('alice')
    alice = env.login(me, server, caps=BOTH)
    for number in range(20):
        alice.send('#lobby', 'm%d' % number)
    alice.expect('ACCEPTED', id=20)
    server.kill_all()
    server = env.keep(server.restart())
    bob = env.login('bob', server, caps=BOTH)
    got = room_messages(bob, 20)
    equal([t for _, _, t in got], ['m%d' % n for n in range(20)], 'what was accepted')
    bob.send('#lobby', 'after')
    equal(room_messages(bob, 1)[0][0], got[-1][0] + 1, 'the number after the kill')


def test_lobby_window(env):
    """A member who acknowledges nothing is soon left behind, and then reads on in order."""
    server = env.server(limits__window_messages=8)
    alice, bob = joined(env, server, 'alice', 'bob')
    got, sent = [], 0

    def held_back():
        nonlocal sent
        alice.send('#lobby', 'm%d' % sent)
        alice.take_message()
        sent += 1
        try:
            got.append(bob.expect('DELIVER', timeout=0.1))
        except TimeoutError:
            return True
        return False
    for _ in range(8):
        check(not held_back(), 'held back after %d messages, within the window' % len(got))
    until(held_back, 'Bob is held back', 20)
    bob.ack(got[-1])
    got += [bob.take_message() for _ in range(sent - len(got))]
    equal([g.text_body for g in got], ['m%d' % n for n in range(sent)], 'all, in order')


def test_not_a_member(env):
    """Who has left the lobby hears nothing of it, and comes back."""
    server = env.server()
    alice, bob = joined(env, server, 'alice', 'bob')
    changes(alice, JOINED, 'bob')  # or both changes would cancel each other out
    bob.send_frames(Frame('GROUP_C', op=PARTING, room='#lobby'))
    equal(bob.expect('GROUP_S').op, PARTING, 'the answer to part')
    changes(alice, LEFT, 'bob')
    alice.send('#lobby', 'without Bob')
    room_messages(alice, 1)
    bob.ping()
    equal([f for f in bob.drain(0.2) if f.name == 'DELIVER'], [], 'what Bob heard')
    refused = bob.take_rejected(bob.send('#lobby', 'from outside'))
    equal(refused.code_name, 'not-member', 'a message of somebody who has left')
    bob.send_frames(Frame('GROUP_C', op=JOIN, room='#lobby'))
    answer = bob.expect('GROUP_S')
    equal((answer.op, answer.room, answer.members), (JOIN, '#lobby', 2), 'the answer to join')
    changes(alice, JOINED, 'bob')
    alice.send('#lobby', 'with Bob')
    until(lambda: bob.take_message().text_body == 'with Bob', 'Bob hears again')


def test_unknown_room(env):
    """The only room is the lobby."""
    server = env.server()
    alice = env.login('alice', server)
    for operation in (JOIN, PARTING):
        alice.send_frames(Frame('GROUP_C', op=operation, room='#nowhere'))
        answer = alice.expect('GROUP_S')
        equal((answer.op, answer.room), (REFUSED, '#nowhere'), 'the answer')
        check(answer.text, 'a refusal without a reason: %s' % answer)


def test_history(env):
    """So many from a number on; the end says how far it went."""
    server = env.server()
    alice, = joined(env, server, 'alice')
    for number in range(10):
        alice.send('#lobby', 'm%d' % number)
    first = room_messages(alice, 10)[0][0]
    reader = env.login('reader', server)
    for after, count, expected in ((first + 2, 4, range(3, 7)), (0, 3, range(0, 3)),
                                   (first + 7, 500, range(8, 10)), (first + 9, 5, range(0))):
        reader.send_frames(Frame('HISTORY_C', room='#lobby', after=after, count=count))
        end = reader.expect('HISTORY_S')
        got = [f for f in reader.pending if f.name == 'DELIVER']
        reader.pending.clear()
        equal([g.text_body for g in got], ['m%d' % n for n in expected],
              'history of %d after %d' % (count, after))
        equal([g.flags & 3 for g in got], [IN_ROOM | BACKLOG] * len(got), 'flags')
        equal((end.room, end.upto), ('#lobby', got[-1].seq if got else after), 'HISTORY')


def test_joins_and_leaves(env):
    """Told to the members: who came, who left on purpose, with nothing about oneself lost."""
    server = env.server()
    alice, = joined(env, server, 'alice')
    bob = env.login('bob', server, caps=BOTH)
    changes(alice, JOINED, 'bob')
    bob.bye()
    changes(alice, LEFT, 'bob')


def test_outside_the_lobby_nobody_is_told(env):
    """A session without the LOBBY bit joins nothing."""
    server = env.server()
    alice, = joined(env, server, 'alice')
    env.login('quiet', server, caps=RECEIVE)
    env.login('loud', server, caps=BOTH)
    changes(alice, JOINED, 'loud')
    names = {c['name'] for f in alice.pending if f.name == 'PRESENCE_S' and f.op == CHANGES
             for c in f.changes}
    check('quiet' not in names, 'a session outside the lobby was announced')
    equal(alice.people()['quiet']['in_lobby'], 0, 'in_lobby')


def test_away_and_back(env):
    """With the text, to the lobby and in the list."""
    server = env.server()
    alice, bob = joined(env, server, 'alice', 'bob')
    bob.send_frames(Frame('PRESENCE_C', op=SET, state=1, text='at lunch'))
    equal(changes(alice, AWAY, 'bob'), 'at lunch', 'the text')
    row = alice.people()['bob']
    equal((row['state'], row['text']), (1, 'at lunch'), 'state and text in the list')
    bob.send_frames(Frame('PRESENCE_C', op=SET, state=0, text=''))
    changes(alice, BACK, 'bob')
    equal(alice.people()['bob']['state'], 0, 'state in the list')


def test_grace(env):
    """A lost connection that comes back in time is no change; one that does not is."""
    server = env.server(presence__grace='1s')
    alice, = joined(env, server, 'alice')
    me = Identity('bob')
    bob = env.login(me, server, caps=BOTH)
    changes(alice, JOINED, 'bob')
    bob.close()
    server.wait_log(sub='session', ev='drop', user='bob')
    bob = env.login(me, server, caps=BOTH)
    alice.ping()
    alice.drain(1.5 * scale())
    told = [c for f in alice.pending if f.name == 'PRESENCE_S' and f.op == CHANGES
            for c in f.changes if c['name'] == 'bob']
    equal(told, [], 'changes for a connection that came back')
    bob.close()
    changes(alice, LEFT, 'bob')


def test_many_changes_are_folded(env):
    """Of many only the first 16 are listed, the others counted; together nobody is missing."""
    server = env.server(presence__tick='1s')
    alice, = joined(env, server, 'alice')
    crowd = [env.login('guest%d' % n, server, caps=BOTH) for n in range(60)]
    seen, folded = set(), 0
    while len(seen) + folded < len(crowd):
        frame = alice.expect('PRESENCE_S', timeout=15 * scale(), op=CHANGES)
        check(len(frame.changes) <= 16, '%d changes in one frame' % len(frame.changes))
        seen |= {c['name'] for c in frame.changes if c['name'] != 'alice'}
        folded += frame.joined
    equal(len(seen) + folded, len(crowd), 'joins listed and counted')
    check(folded, 'expected some joins to be counted instead of listed')


def test_list(env):
    """Everybody who is connected, once, with the time of login."""
    server = env.server()
    alice = env.login('alice', server)
    names = ['guest%d' % n for n in range(150)]
    for name in names:
        env.login(name, server, caps=BOTH)
    until(lambda: len(alice.people()) == 151, 'all are listed')
    people = alice.people()
    equal(sorted(people), sorted(names + ['alice']), 'the names')
    since = people['guest7']['since']
    check(abs(since - alice.hello.server_time) < 60000, 'since %d is not a time near %d' % (
        since, alice.hello.server_time))


def test_about(env):
    """About somebody present, absent, unknown."""
    server = env.server()
    alice, bob = joined(env, server, 'alice', 'bob')
    got = alice.about('BOB')
    equal((got.found, got.person, got.online, got.state, got.role, got.device_key),
          (1, 'bob', 1, 0, 0, bob.identity.key), 'about Bob')
    bob.bye()
    until(lambda: not alice.about('bob').online, 'Bob is offline')
    alice.expect('ACCEPTED', id=alice.send('bob', 'waits'), timeout=20 * scale())
    got = alice.about('bob')
    equal((got.found, got.online, got.waiting), (1, 0, 1), 'about Bob, absent')
    check(got.since, 'no time when Bob was last seen')
    got = alice.about('nobody-here')
    equal((got.found, got.device_key), (0, bytes(32)), 'about a name that does not exist')
    equal(frames.TYPES['PRESENCE_S'], 0x31, 'type')
    equal(got.op, ABOUT, 'op')


def test_a_new_broker_repeats_nothing(env):
    """Its death is no news: nobody is said to join who was there, and who went meanwhile is said to go."""
    server = env.server(server__workers=2, presence__grace='200ms')
    alice, bob, carol = joined(env, server, 'alice', 'bob', 'carol')
    changes(alice, JOINED, 'carol')  # with it, or before it, came Bob's
    os.kill(server.pids('broker')[0], signal.SIGKILL)
    carol.close()  # before or after the next one is there: who can tell
    for client in (alice, bob):
        client.expect('RESYNC', 20 * scale())
        client.resume(next_id=1)
    heard = []
    while not any(c['change'] == LEFT for c in heard):
        frame = alice.expect('PRESENCE_S', 20 * scale())
        if frame.op == CHANGES:
            heard += frame.changes
    equal([(c['change'], c['name']) for c in heard], [(LEFT, 'carol')], 'what Alice was told')
    dave = env.login('dave', server, caps=BOTH)
    changes(alice, JOINED, 'dave')
    dave.bye()
    changes(alice, LEFT, 'dave')
