"""Groups, by the reference client against the real server: section 7.1 of docs/protocol.md, docs/groups.md,
and the membership log of docs/sealed.md, section 8."""
import os
import signal
import sqlite3
import time

import frames
import sealed as s
import sealed_group as sg
from frames import Frame
from group_client import Room, answer, body, groups, members
from harness import check, equal, scale, until
from people import leave
from sealed_client import Device, Person
from test_kill import need_faults


def begun(env, server, name, **fields):
    """A person with a device that is listed: (device, client)."""
    device = Device(Person(name), 0)
    client = env.login(device.identity, server, **fields)
    device.person.append(client, device.person.entry_add(device.keys))
    return device, client


def second(env, server, device, client):
    """Another device of the same person: (device, client)."""
    other = Device(device.person, 0)
    device.person.append(client, device.person.entry_add(other.keys, device.keys))
    return other, env.login(other.identity, server)


def enter(env, server, device):
    """The device is back."""
    return env.login(device.identity, server)


def created(env, server, name, room, is_open=1):
    """Somebody with a new group: (device, client, their Room)."""
    device, client = begun(env, server, name)
    mine = Room(device, room)
    ok(mine.append(client, 'create', role=is_open, text=room.encode()), 1, 'create')
    equal(mine.take(client), 'create', 'the first message')
    return device, client, mine


def joined(env, server, name, room):
    """Somebody who joins an open group: (device, client, their Room), the join entry taken."""
    device, client = begun(env, server, name)
    mine = Room(device, room)
    got = mine.join(client)
    equal(got.op, frames.G_HEAD, 'the answer to join: %s' % got)
    equal(mine.take(client), 'join', 'what a joiner reads first')
    return device, client, mine


def ok(got, seq, what):
    """Fails unless this entry was taken with that seq."""
    equal((got.op, got.head if got.op == frames.G_HEAD else got), (frames.G_HEAD, seq), what)
    return got


def no(got, code, what):
    """Fails unless this is a refusal with this code; returns its text."""
    equal((got.op, frames.CODES.get(getattr(got, 'code', 0))), (frames.NO, code), what)
    check(got.text and len(got.text) > 10, '%s: no words: %s' % (what, got))
    return got.text


def rejected(client, number, code, what):
    """The refusal of a message."""
    got = client.take_rejected(number)
    equal((got.code_name, got.subject), (code, '#chess'), what)
    return got


def fate(client, number):
    """What becomes of a message: True accepted, False refused, and that is confirmed."""
    while True:
        for frame in client.pending:
            if frame.name == 'REJECTED' and frame.id == number:
                client.take_rejected(number)
                return False
            if frame.name == 'ACCEPTED' and frame.id >= number:
                return True
        client.pending.append(client.fresh(time.monotonic() + 10 * scale()))


def silent(client, what):
    """Fails when a message comes."""
    client.ping()
    equal([f for f in client.drain(0.1) if f.name == 'DELIVER'], [], what)


def rows(server, sql):
    """What a query of the broker's store gives; read-only."""
    db = sqlite3.connect('file:%s?mode=ro' % (server.state / 'broker.db'), uri=True)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


# --- who is in ---

def test_by_invitation(env):
    """A group that nobody else sees; invited people are told, also those who come later; joiners read from then on."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess', is_open=0)
    bob, b = begun(env, server, 'bob')
    carol, c = begun(env, server, 'carol')
    equal(groups(b), {}, 'the groups of bob')
    equal(groups(b, frames.ALL_OPEN), {}, 'open groups')
    theirs = Room(bob, '#chess')
    no(theirs.fetch(b), 'not-member', 'the log, not invited')
    no(members(b, '#chess'), 'not-member', 'the members, not invited')
    rejected(b, theirs.say(b, 'hello?'), 'not-member', 'a message, not invited')
    mine.say(a, 'before')
    equal(mine.take(a), 'before', 'what alice hears of herself')
    leave(server, c)
    ok(mine.append(a, 'invite', bob.person), 2, 'invite bob')
    ok(mine.append(a, 'invite', carol.person), 3, 'invite carol')
    got = b.expect('GROUP_S', op=frames.INVITED)
    equal((got.room, got.group, got.text), ('#chess', mine.group, 'alice'), 'the notice')
    c = enter(env, server, carol)
    row = groups(c)['#chess']
    equal((row['flags'], row['role'], row['group'], row['members']), (frames.IS_INVITED, 0, mine.group, 1), 'carol, later')
    ok(theirs.join(b), 4, 'join')
    equal(theirs.take(b), 'join', 'the first that bob reads')
    mine.say(a, 'after')
    equal(theirs.take(b), 'after', 'at bob')
    equal(mine.take_until(a, 'after'), ['invite', 'invite', 'join', 'after'], 'at alice')
    got = members(a, '#CHESS')
    present, owner = frames.IS_PRESENT, frames.IS_MEMBER | frames.IS_PRESENT
    equal({n: (r['flags'], r['role']) for n, r in got.items()},
          {'alice': (owner, 3), 'bob': (owner, 1), 'carol': (frames.IS_INVITED | present, 0)}, 'members')
    silent(c, 'to somebody who is invited')


def test_open(env):
    """Listed for everybody; anybody joins, members invite."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess')
    ok(mine.append(a, 'topic', text=b'openings'), 2, 'topic')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    row = groups(b, frames.ALL_OPEN)['#chess']
    equal((row['flags'], row['role'], row['members'], row['head'], row['number'], row['topic']),
          (frames.IS_OPEN | frames.IS_MEMBER, 1, 2, 3, 3, 'openings'), 'the open group')
    carol, _ = begun(env, server, 'carol')
    ok(theirs.append(b, 'invite', carol.person), 4, 'a member invites')
    ok(mine.append(a, 'open', role=0) if mine.follow_all(a) else None, 5, 'by invitation from now on')
    dave, d = begun(env, server, 'dave')
    no(Room(dave, '#chess').join(d), 'not-member', 'a stranger')


def test_kicked(env):
    """The kick is the last that they read, also when they are absent; they say nothing more, and come back when invited."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    carol, c, hers = joined(env, server, 'carol', '#chess')
    leave(server, c)
    mine.say(a, 'one')
    mine.follow_all(a)
    ok(mine.append(a, 'kick', bob.person, text=b'noise'), 4, 'kick bob')
    ok(mine.append(a, 'kick', carol.person), 5, 'kick carol')
    mine.say(a, 'two')
    equal(theirs.take_until(b, 'kick'), ['join', 'one', 'kick'], 'at bob')
    silent(b, 'after the kick')
    rejected(b, theirs.say(b, 'I was not finished'), 'not-member', 'a message')
    no(theirs.fetch(b), 'not-member', 'the log')
    no(members(b, '#chess'), 'not-member', 'the members')
    no(theirs.append(b, 'join'), 'log-changed', 'a join on the log as he knows it')
    no(theirs.place(b), 'not-member', 'his place')
    c = enter(env, server, carol)
    equal(groups(c), {}, 'groups of carol')
    equal(hers.place(c).upto, 6, 'how far she may read')
    equal(hers.take_until(c, 'kick') + hers.take_until(c, 'kick'), ['one', 'kick', 'kick'], 'at carol, who was absent')
    silent(c, 'after her kick')
    ok(mine.append(a, 'invite', bob.person), 6, 'invite again')
    equal(b.expect('GROUP_S', op=frames.INVITED).group, mine.group, 'the notice')
    ok(theirs.join(b), 7, 'join again')
    equal(theirs.take(b), 'join', 'what he reads next')
    equal([e['op'] for e in theirs.ops[-4:]], ['kick', 'kick', 'invite', 'join'], 'the end of the log')


def test_left(env):
    """Who leaves gets that entry on all devices; when all have left the name is free for another group."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess')
    laptop, other = second(env, server, alice, a)
    more = Room(laptop, '#chess')
    more.fetch(other)
    got = more.place(other, frames.FROM_NOW)
    equal((got.after, got.upto), (1, 1), 'a new device starts at the present')
    leave(server, other)
    mine.say(a, 'last words')
    mine.take(a)
    ok(mine.append(a, 'leave'), 2, 'leave')
    equal(mine.take(a), 'leave', 'the last message')
    equal((groups(a), groups(a, frames.ALL_OPEN)), ({}, {}), 'groups')
    rejected(a, mine.say(a, 'x'), 'no-such-room', 'a message')
    bob, b = begun(env, server, 'bob')
    again = Room(bob, '#chess')
    ok(again.append(b, 'create', role=0, text=b'#Chess'), 1, 'the name is free')
    other = enter(env, server, laptop)
    equal(more.place(other).upto, 3, 'the old group, at the other device')
    equal(more.take_until(other, 'leave'), ['last words', 'leave'], 'at the other device')
    check(again.group != mine.group, 'a new id')
    until(lambda: rows(server, 'SELECT count(*) FROM room_group') == [(1,)], 'the old group is forgotten')
    no(Room.place(more, other), 'no-such-room', 'the old group')


def test_last_owner_leaves(env):
    """The group lives on with the member who came first."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    mine.follow_all(a)
    ok(mine.append(a, 'leave'), 3, 'leave')
    equal(theirs.take(b), 'leave', 'at bob')
    equal(members(b, '#chess')['bob']['role'], 3, 'his role')
    equal(mine.take(a), 'leave', 'at alice')
    theirs.say(b, 'alone')
    theirs.take(b)
    silent(a, 'to alice')


def test_roles_mute_topic(env):
    """Each may what docs/sealed.md says, is refused with words, and the muted may read."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    carol, c, hers = joined(env, server, 'carol', '#chess')
    for room, client in ((theirs, b), (mine, a)):
        room.follow_all(client)
    no(theirs.append(b, 'mute', carol.person, until=2 ** 62), 'forbidden', 'a member mutes')
    no(theirs.append(b, 'topic', text=b'mine'), 'forbidden', 'a member sets the topic')
    ok(mine.append(a, 'role', bob.person, role=2), 4, 'assistant')
    theirs.follow_all(b)
    ok(theirs.append(b, 'topic', text=b'ours'), 5, 'an assistant sets the topic')
    no(theirs.append(b, 'kick', alice.person), 'forbidden', 'an assistant kicks the owner')
    ok(theirs.append(b, 'mute', carol.person, until=2 ** 62, text=b'too loud'), 6, 'an assistant mutes')
    equal(hers.take_until(c, 'mute'), ['role', 'topic', 'mute'], 'at carol')
    got = rejected(c, hers.say(c, 'what?'), 'muted', 'a message of hers')
    check('for another' in got.text, 'the words: %s' % got.text)
    equal(members(a, '#chess')['carol']['until'], 2 ** 62, 'until when')
    theirs.say(b, 'now it is quiet')
    equal(hers.take(c), 'now it is quiet', 'the muted read')
    ok(theirs.append(b, 'mute', carol.person, until=0), 7, 'lifted')
    hers.take_until(c, 'mute')
    c.expect('ACCEPTED', id=hers.say(c, 'thank you'))
    no(theirs.append(b, 'role', carol.person, role=2), 'forbidden', 'an assistant makes one')
    no(theirs.append(b, 'mute', Person('carol'), until=1), 'bad-entry', 'somebody with another key')


def test_mute_ends(env):
    """A mute is over at its time, without anybody's help."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    mine.follow_all(a)
    now = b.hello.server_time
    ok(mine.append(a, 'mute', bob.person, until=now + 2500), 3, 'mute')
    theirs.take(b)
    rejected(b, theirs.say(b, 'x'), 'muted', 'a message')

    until(lambda: fate(b, theirs.say(b, 'y')), 'a message after its time')


def test_instructor(env):
    """An instructor moderates a group without being in, and sees those by invitation."""
    roster = env.folder / 'roster.csv'
    roster.write_text('alice,student\nbob,student\nprof,instructor\n')
    server = env.server(access__register='roster', access__roster=roster)
    alice, a, mine = created(env, server, 'alice', '#chess', is_open=0)
    bob, b = begun(env, server, 'bob')
    ok(mine.append(a, 'invite', bob.person), 2, 'invite')
    theirs = Room(bob, '#chess')
    ok(theirs.join(b), 3, 'join')
    prof, p = begun(env, server, 'prof')
    row = groups(p, frames.ALL_OPEN)['#chess']
    equal((row['flags'], row['role']), (0, 0), 'what the instructor sees')
    room = Room(prof, '#chess')
    room.fetch(p)
    ok(room.append(p, 'kick', alice.person, text=b'not in class'), 4, 'kicks the owner')
    theirs.take_until(b, 'kick')
    equal(members(b, '#chess')['bob']['role'], 3, 'the next owner')
    rejected(p, room.say(p, 'x'), 'not-member', 'to speak one must be in')
    no(room.append(p, 'leave'), 'bad-entry', 'to leave as well')


def audited(server):
    """What the audit log has of groups."""
    return [tuple(row[k] for k in ('by', 'origin', 'act', 'user', 'room', 'role', 'reason'))
            for row in server.ctl('audit') if row['room'] != '#lobby' and row['room']]


def test_operators_instructor(env):
    """Who is made an instructor by the operator is one for groups at once, and no longer when that is taken back; what they do
    from outside is in the audit log, what members do is not."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess', is_open=0)
    bob, b = begun(env, server, 'bob')
    ok(mine.append(a, 'invite', bob.person), 2, 'invite')
    ok(Room(bob, '#chess').join(b), 3, 'join')
    prof, p = begun(env, server, 'prof')
    room = Room(prof, '#chess')
    no(room.fetch(p), 'not-member', 'a student')
    server.ctl('role', 'prof', 'instructor')
    room.fetch(p)
    ok(room.append(p, 'mute', bob.person, until=int(time.time() * 1000) + 3_600_000, text=b'loud'), 4, 'mutes')
    ok(room.append(p, 'mute', bob.person, until=0), 5, 'lifts it')
    ok(room.append(p, 'role', bob.person, role=2), 6, 'a role')
    ok(room.append(p, 'topic', text=b'\x1b[31mred'), 7, 'a topic')
    ok(room.append(p, 'open', role=1), 8, 'open')
    ok(room.append(p, 'open', role=0), 9, 'by invitation')
    ok(room.append(p, 'kick', bob.person, text=b'not in class'), 10, 'kicks')
    ok(room.append(p, 'invite', prof.person), 11, 'invites')
    ok(room.append(p, 'join'), 12, 'joins')
    ok(room.append(p, 'topic', text=b'from within'), 13, 'a topic by a member')
    lines = audited(server)
    equal([line[2:6] for line in lines],
          [('mute', 'bob', '#chess', 'member'), ('unmute', 'bob', '#chess', 'member'),
           ('role', 'bob', '#chess', 'assistant'), ('topic', '', '#chess', 'member'),
           ('open-group', '', '#chess', 'member'), ('invite-only', '', '#chess', 'member'),
           ('kick', 'bob', '#chess', 'member'), ('invite', 'prof', '#chess', 'instructor')], 'the audit log')
    equal({line[:2] for line in lines}, {('prof', 'client')}, 'by whom')
    equal((lines[0][6], '\x1b' in lines[3][6], 'red' in lines[3][6], lines[6][6]),
          ('loud', False, True, 'not in class'), 'reasons')
    server.ctl('role', 'prof', 'member')
    no(room.append(p, 'kick', alice.person), 'forbidden', 'a role taken back')


def test_ban_keeps_membership(env):
    """A banned account's sessions end; it stays in its groups, and has what was said when it may come again."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    server.ctl('ban', 'bob')
    b.expect('ERROR')
    a.expect('ACCEPTED', id=mine.say(a, 'meanwhile'))
    equal(members(a, '#chess')['bob']['role'], 1, 'he is in')
    server.ctl('unban', 'bob')
    b = enter(env, server, bob)
    theirs.place(b)
    equal(theirs.take_until(b, 'meanwhile')[-1], 'meanwhile', 'what he gets')


# --- refusals and limits ---

def test_entries_refused(env):
    """Forged, of others, out of order, malformed: refused with the reason, and nothing has changed."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b = begun(env, server, 'bob')
    theirs = Room(bob, '#chess')
    theirs.fetch(b)
    good = theirs.entry('join')
    no(theirs.send(b, good[:-1] + bytes([good[-1] ^ 1])), 'bad-entry', 'a wrong signature')
    no(theirs.send(b, b'junk'), 'bad-entry', 'junk')
    no(theirs.send(b, good[:34] + s.u32(9) + good[38:]), 'log-changed', 'a gap')
    no(mine.send(b, mine.entry('topic', text=b'x')), 'forbidden', 'an entry by somebody else')
    stranger = Room(Device(bob.person, 0), '#chess')
    stranger.fetch(b)
    no(stranger.append(b, 'join'), 'forbidden', 'a device that is not in his list')
    no(mine.append(a, 'invite', Person('bob')), 'no-such-user', 'a wrong key')
    no(mine.append(a, 'invite', Person('nobody')), 'no-such-user', 'nobody')
    no(mine.append(a, 'invite', alice.person), 'bad-entry', 'who is in already')
    nowhere = Room(bob, '#nowhere')
    nowhere.group, nowhere.seq, nowhere.head = os.urandom(32), 1, os.urandom(32)
    no(nowhere.append(b, 'join'), 'no-such-room', 'no such group')
    no(Room(bob, '#nowhere').fetch(b), 'no-such-room', 'the log of no group')
    no(members(b, '#nowhere'), 'no-such-room', 'the members of no group')
    no(nowhere.place(b), 'no-such-room', 'a place in no group')
    no(theirs.place(b), 'not-member', 'a place of a stranger')
    plain = env.login('mallory', server)
    no(Room(Device(Person('mallory'), 0), '#mine').append(plain, 'create', role=1, text=b'#mine'), 'forbidden', 'no list')
    ok(theirs.send(b, good), 2, 'the good one')
    b.send_frames(Frame('GROUP_C', op=frames.G_APPEND, entry=bytes(1025)))
    equal(b.expect('ERROR').code_name, 'bad-frame', 'an entry of 1,025 bytes')


def test_bodies(env):
    """What is said in a group is sealed; as long as it may be, and no longer."""
    server = env.server(limits__window_bytes='1MiB')
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    rejected(a, a.send('#chess', 'plain text'), 'bad-body', 'a text that is not sealed')
    rejected(a, a.send('#chess', b''), 'bad-body', 'nothing')
    longest = b'\2' + os.urandom(65536 + 4189 - 1)
    a.expect('ACCEPTED', id=a.send('#chess', longest))
    got = b.take_message()
    check(got.body == longest and got.head == b'', 'the longest message came otherwise')
    rejected(a, a.send('#chess', longest + b'x'), 'too-large', 'a longer one')
    got = a.take_rejected(a.send('#ches', b'\2x'))
    equal((got.code_name, got.near), ('no-such-room', ['#chess']), 'a slip of the fingers')


def test_names(env):
    """The rules of users' names; unique without case and look-alikes; what clients say is kept."""
    server = env.server()
    alice, a, _ = created(env, server, 'alice', '#chess')

    def attempt(name):
        return Room(alice, name).append(a, 'create', role=1, text=name.encode())
    no(attempt('#lobby'), 'name-invalid', 'the lobby')
    no(attempt('#server'), 'name-invalid', 'a reserved name')
    no(attempt('chess'), 'name-invalid', 'without #')
    no(attempt('#-x'), 'name-invalid', 'a bad beginning')
    no(attempt('#' + 'x' * 33), 'name-invalid', 'too long')
    no(attempt('#CHESS'), 'name-taken', 'another case')
    check('looks too much like #chess' in no(attempt('#che5s'), 'name-taken', 'a look-alike'), 'the words')
    ok(attempt('#' + 'y' * 32), 1, 'the longest name')
    ok(attempt('#Go-1.0_x'), 1, 'a good name')
    check('#Go-1.0_x' in groups(a), 'the name as it was written: %s' % groups(a).keys())


def test_limits(env):
    """Groups of a user, people of a group, entries of its log: each reached and refused; leaving always works."""
    server = env.server(groups__per_user=2, groups__members=3, groups__log=5)
    alice, a, mine = created(env, server, 'alice', '#chess')
    ok(Room(alice, '#go').append(a, 'create', role=1, text=b'#go'), 1, 'the second group')
    third = Room(alice, '#shogi')
    check('2 groups' in no(third.append(a, 'create', role=1, text=b'#shogi'), 'too-many', 'the third'), 'the words')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    mine.follow_all(a)
    dave, d = begun(env, server, 'dave')
    ok(mine.append(a, 'invite', dave.person), 3, 'the third person')
    carol, c = begun(env, server, 'carol')
    no(mine.append(a, 'invite', carol.person), 'too-many', 'the fourth, invited')
    no(Room(carol, '#chess').join(c), 'too-many', 'the fourth, joining')
    ok(Room(dave, '#chess').join(d), 4, 'the invited one has a place')
    mine.follow_all(a)
    ok(mine.append(a, 'topic', text=b'full'), 5, 'the last entry')
    no(mine.append(a, 'topic', text=b'x'), 'too-many', 'one more')
    ok(mine.append(a, 'leave'), 6, 'leaving')


def test_a_long_list_is_cut(env):
    """However many groups there are, nobody is drowned in them: the list comes in parts, and says when it is cut."""
    server = env.server(groups__per_user=10000, limits__key_requests=1000000)
    alice, a, _ = created(env, server, 'alice', '#chess')
    for number in range(700):
        room = Room(alice, '#g%d' % number)
        raw = room.entry('create', role=1, text=room.name.encode())
        room.group = room.head = sg.entry_hash(raw)
        room.seq = 1
        a.send_frames(Frame('GROUP_C', op=frames.G_APPEND, entry=raw))
        ok(answer(a, frames.G_APPEND, frames.G_HEAD), 1, 'create')
        ok(room.append(a, 'topic', text=b't' * 255), 2, 'topic')
        a.pending = []
    a.send_frames(Frame('GROUP_C', op=frames.G_LIST, scope=frames.ALL_OPEN))
    parts = [answer(a, frames.G_LIST, frames.GROUPS) for _ in range(4)]
    equal([part.last for part in parts], [0, 0, 0, 2], 'the parts')
    listed = sum(len(part.groups) for part in parts)
    check(500 < listed < 701, 'listed: %d' % listed)


def test_questions_are_limited(env):
    """Groups share their tokens with keys; a place costs nothing."""
    server = env.server(limits__key_requests=1)
    alice, a, mine = created(env, server, 'alice', '#chess')
    for _ in range(8):
        groups(a)
    got = groups(a)
    no(got, 'too-fast', 'beyond the burst')
    check(got.retry_ms > 0, 'when')
    no(mine.append(a, 'topic', text=b'x'), 'too-fast', 'an entry')
    equal(mine.place(a).op, frames.PLACED, 'a place')


# --- one order, everything for the absent ---

def test_racing_appends(env):
    """Of two entries for one place one is taken, whoever else was first; a repeat is answered as the first time."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    mine.follow_all(a)
    ok(mine.append(a, 'role', bob.person, role=3), 3, 'two owners')
    theirs.follow_all(b)
    for turn in range(20):
        left, right = mine.entry('topic', text=b'a%d' % turn), theirs.entry('topic', text=b'b%d' % turn)
        a.send_frames(Frame('GROUP_C', op=frames.G_APPEND, entry=left))
        b.send_frames(Frame('GROUP_C', op=frames.G_APPEND, entry=right))
        got = [answer(x, frames.G_APPEND, frames.G_HEAD) for x in (a, b)]
        won = [g.op == frames.G_HEAD for g in got]
        equal(sorted(won), [False, True], 'who won')
        no(got[won.index(False)], 'log-changed', 'who lost')
        winner = (mine, theirs)[won.index(True)]
        raw = (left, right)[won.index(True)]
        again = winner.send((a, b)[won.index(True)], raw)
        equal((again.op, again.head, again.number), (frames.G_HEAD, 4 + turn, got[won.index(True)].number), 'a repeat')
        for room, client in ((mine, a), (theirs, b)):
            room.take_until(client, 'topic')
    equal(mine.heard[-20:], theirs.heard[-20:], 'the order')
    mine.send(a, mine.entry('topic', text=b'twice'))
    raw = mine.entry('topic', text=b'twice')
    a.send_frames(*[Frame('GROUP_C', op=frames.G_APPEND, entry=raw)] * 2)  # the second while the first is on its way
    ok(answer(a, frames.G_APPEND, frames.G_HEAD), 24, 'a repeat under way')


def talk(clients, turns, luck=None):
    """Everybody says something, and the topic changes now and then; names of what was said."""
    said = []
    for turn in range(turns):
        room, client = clients[turn % len(clients)]
        said.append('%s %d' % (room.device.person.name, turn))
        room.say(client, said[-1])
        if turn % 5 == 4:
            owner, a = clients[0]
            owner.follow_all(a)
            ok(owner.append(a, 'topic', text=b'%d' % turn), owner.seq, 'topic')
    return said


def test_one_order(env):
    """Messages and entries come in one order to all, present, absent half of the time, or on another worker."""
    server = env.server(server__workers=2, limits__window_messages=8)
    alice, a, mine = created(env, server, 'alice', '#chess')
    people = [(mine, a)] + [joined(env, server, name, '#chess')[1:][::-1] for name in ('bob', 'carol', 'dave')]
    start = max(room.seen for room, _ in people)
    absent = people[3]
    leave(server, absent[1])
    talk(people[:3], 30)
    people[0][0].say(a, 'the end')
    heard = []
    for room, client in people[:3]:
        room.take_until(client, 'the end')
    back_again = enter(env, server, absent[0].device)
    equal(absent[0].place(back_again).op, frames.PLACED, 'dave is back')
    absent[0].take_until(back_again, 'the end')
    for room, _ in people:
        heard.append([h for h in room.heard if h[0] > start])
        equal([n for n, _ in heard[-1]], list(range(start + 1, start + 1 + len(heard[-1]))), 'numbers without a gap')
    check(heard[0] == heard[1] == heard[2] == heard[3], 'the orders differ: %s' % heard)
    equal(len(heard[0]), 37, 'what was said')


def test_two_hundred(env):
    """Of 200 members half are absent; all get all, once, in one order; the log travels in parts."""
    server = env.server(server__workers=2)
    alice, a, mine = created(env, server, 'alice', '#chess')
    for number in range(10):
        ok(mine.append(a, 'topic', text=b'%d ' % number * 85), 2 + number, 'topic')
    people = []
    for number in range(199):
        device, client = begun(env, server, 'p%03d' % number)
        room = Room(device, '#chess')
        equal(room.join(client).op, frames.G_HEAD, 'join')
        if number % 2:
            client.bye()
        people.append((device, room, client))
    equal(len(people[-1][1].ops), 210, 'the log that the last one knows')
    check(rows(server, 'SELECT sum(length(entry)) FROM group_entry')[0][0] > 49152, 'the log is too short')
    for number in range(40):
        mine.say(a, 'message %d' % number)
    gone = people[1][0].person
    people[2][1].follow_all(people[2][2])
    mine.follow_all(a)
    ok(mine.append(a, 'kick', gone), 211, 'kick')
    mine.say(a, 'the end')
    equal(mine.take_until(a, 'the end')[-1], 'the end', 'alice')
    expected = mine.heard
    for number, (device, room, client) in enumerate(people):
        if number % 2:
            client = enter(env, server, device)
            equal(room.place(client).op, frames.PLACED, 'back')
        last = 'kick' if number == 1 else 'the end'
        room.take_until(client, last)
        own = next(i for i, (n, what) in enumerate(expected) if n == 12 + number)
        upto = len(expected) - (1 if number == 1 else 0)
        equal(room.heard, expected[own:upto], 'what member %d has heard' % number)
        if number == 1:
            silent(client, 'to the kicked')
        client.bye()
    a.bye()
    until(lambda: rows(server, 'SELECT count(*) FROM room_message WHERE room>1') == [(0,)], 'everything read is forgotten')
    equal(len(rows(server, 'SELECT * FROM group_place')), 199, 'places: one for each member device')


def test_nobody_speaks_behind_the_kick(env):
    """Kicked and speaking at the same moment: the message has a number before the kick, or is refused."""
    server = env.server(server__workers=2)
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    mine.follow_all(a)
    fates = set()
    for turn in range(25):
        kick = Frame('GROUP_C', op=frames.G_APPEND, entry=mine.entry('kick', bob.person))
        first = b.next_id
        b.next_id += 8
        sends = [Frame('SEND', id=first + k, kind=1, to='#chess', heads=[], body=body('x')) for k in range(8)]
        b.send_frames(*sends[:turn % 7 + 1])
        a.send_frames(kick)
        b.send_frames(*sends[turn % 7 + 1:])
        number = ok(answer(a, frames.G_APPEND, frames.G_HEAD), mine.seq + 1, 'kick').number
        fates |= {fate(b, first + k) for k in range(8)}
        mine.follow(kick.entry)
        mine.take_until(a, 'kick')
        ok(mine.append(a, 'invite', bob.person), mine.seq, 'invite')
        mine.take_until(a, 'invite')
        equal([(n, what) for n, what in mine.heard if n > number], [(number + 1, 'invite')], 'what stands behind the kick')
        theirs.follow_all(b)
        ok(theirs.append(b, 'join'), theirs.seq, 'join')
        mine.take_until(a, 'join')
        b.pending = [f for f in b.pending if f.name != 'ACCEPTED']
    equal(fates, {True, False}, 'some were in time, some were not')


def test_devices(env):
    """Each device of a member gets everything; a new one from the present on; a revoked one holds up nothing."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    mine.say(a, 'before')
    theirs.take(b)
    tablet, t = second(env, server, bob, b)
    room = Room(tablet, '#chess')
    equal(groups(t)['#chess']['flags'], frames.IS_OPEN | frames.IS_MEMBER, 'the list')
    room.fetch(t)
    equal(room.place(t, frames.FROM_NOW).after, 3, 'from the present on')
    mine.say(a, 'to both')
    equal((theirs.take(b), room.take(t)), ('to both', 'to both'), 'at both')
    room.say(t, 'from the tablet')
    equal((theirs.take(b), room.take(t)), ('from the tablet', 'from the tablet'), 'at both, from one')
    leave(server, t)
    mine.say(a, 'while it is off')
    theirs.take(b)
    mine.take_until(a, 'while it is off')
    equal(rows(server, 'SELECT count(*) FROM room_message WHERE room>1 AND number=6'), [(1,)], 'it waits')
    bob.person.append(b, bob.person.entry_revoke(tablet.keys.device, bob.keys))
    until(lambda: rows(server, 'SELECT count(*) FROM room_message WHERE room>1') == [(0,)], 'nothing waits any more')
    equal(len(rows(server, 'SELECT * FROM group_place')), 2, 'places')


def test_join_again(env):
    """Out and in again while a device was absent: it reads from the new join on, and is told what it has lost."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    tablet, t = second(env, server, bob, b)
    room = Room(tablet, '#chess')
    room.fetch(t)
    room.place(t, frames.FROM_NOW)
    room.seen = 2
    leave(server, t)
    mine.say(a, 'lost')
    theirs.take(b)
    ok(theirs.append(b, 'leave'), 3, 'leave')
    theirs.take(b)
    mine.say(a, 'not for him')
    mine.take_until(a, 'not for him')
    ok(theirs.join(b), 4, 'join')
    equal(theirs.take(b), 'join', 'at the device that joined')
    equal(theirs.seen, 6, 'its place')
    t = enter(env, server, tablet)
    equal(room.place(t).after, 5, 'the place of the other')
    got = t.expect('GROUP_S', op=frames.GAP)
    equal((got.room, got.first, got.final), ('#chess', 3, 5), 'what it has lost')
    room.fetch(t)
    equal(room.take(t), 'join', 'what it reads next')


def test_gap(env):
    """What the limits do not keep is named to those who miss it; the rest comes."""
    server = env.server(groups__queue_messages=8)
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    leave(server, b)
    for number in range(1, 21):
        a.expect('ACCEPTED', id=mine.say(a, 'm%d' % number))
        mine.take_until(a, 'm%d' % number)
    until(lambda: rows(server, 'SELECT count(*) FROM room_message WHERE room>1')[0][0] <= 8, 'no more than 8 are kept')
    b = enter(env, server, bob)
    equal(theirs.place(b).after, 2, 'where bob is')
    got = b.expect('GROUP_S', op=frames.GAP)
    equal((got.room, got.first), ('#chess', 3), 'the gap')
    check(got.final >= 14, 'the end of the gap: %d' % got.final)
    theirs.seen = got.final
    heard = theirs.take_until(b, 'm20')
    equal(heard[0], 'm%d' % (got.final - 1), 'what comes next')


def test_bytes_are_limited(env):
    """The oldest go when what waits is too many bytes."""
    server = env.server(groups__queue_bytes='4KiB')
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    leave(server, b)
    for number in range(10):
        a.expect('ACCEPTED', id=mine.say(a, '%d ' % number + 'x' * 1000))
    until(lambda: rows(server, 'SELECT sum(length(body)) FROM room_message WHERE room>1')[0][0] <= 4096, '4 KiB are kept')
    b = enter(env, server, bob)
    theirs.place(b)
    theirs.seen = b.expect('GROUP_S', op=frames.GAP).final
    equal(theirs.take(b)[:2], '%d ' % (theirs.seen - 3), 'what comes next')


def test_expiry(env):
    """Nothing waits longer than queue_keep; who was away longer is told, and goes on."""
    server = env.server(limits__queue_keep='1s')
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    leave(server, b)
    mine.say(a, 'too late')
    mine.take_until(a, 'too late')
    until(lambda: rows(server, 'SELECT count(*) FROM room_message WHERE room>1') == [(0,)], 'it is gone', 20)
    b = enter(env, server, bob)
    theirs.place(b)
    got = b.expect('GROUP_S', op=frames.GAP)
    equal((got.first, got.final), (3, 3), 'the gap')
    theirs.seen = 3
    mine.say(a, 'in time')
    equal(theirs.take(b), 'in time', 'what comes next')


def test_slow_reader(env):
    """Somebody who does not acknowledge is served from the store, a window at a time, and holds up nobody."""
    server = env.server(limits__window_messages=4)
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    for number in range(20):
        mine.say(a, 'm%d' % number)
    mine.take_until(a, 'm19')
    b.ping()
    came = [f for f in b.pending if f.name == 'DELIVER']
    check(len(came) <= 4, '%d messages came without an acknowledgement' % len(came))
    equal(theirs.take_until(b, 'm19')[-1], 'm19', 'at bob')
    equal([n for n, _ in theirs.heard], list(range(2, 23)), 'his numbers')


# --- deaths ---

def test_broker_dies_between_two_members(env):
    """A message reaches the first worker's members, then the broker dies: one order for all, nothing twice."""
    if not need_faults(env):
        return
    server = env.server(server__workers=2)
    alice, a, mine = created(env, server, 'alice', '#chess')
    people = [(mine, a)] + [joined(env, server, name, '#chess')[1:][::-1] for name in ('bob', 'carol', 'dave')]
    for room, client in people:
        room.follow_all(client)
    server.stop()
    for _, client in people:
        client.close()
    server = env.keep(server.restart())
    server.stop()
    server.environ = {'CSMSG_FAULT': 'room.half'}
    server = env.keep(server.restart())
    people = [(room, enter(env, server, room.device)) for room, _ in people]
    for room, client in people:
        equal(room.place(client).op, frames.PLACED, 'place')
        room.heard = []
    workers = {row['user']: row['worker'] for row in server.ctl('who')}
    equal(len(set(workers.values())), 2, 'workers in use')
    a = people[0][1]
    a.next_id = 1
    first = people[0][0].say(a, 'first')
    early = []
    for room, client in people:
        early.append(len(heard_by(client, room)))
    equal(sorted(early), [0, 0, 1, 1], 'who heard it before the death')
    for room, client in people:
        client.resume(next_id=1)
        equal(room.place(client).op, frames.PLACED, 'place')
    a.send('#chess', body('first'), first)
    a.send('#chess', body('second'), first + 1)
    for room, client in people:
        room.take_until(client, 'second', 20 * scale())
        equal([what for _, what in room.heard], ['first', 'second'], 'what %s heard' % room.device.person.name)
        equal(room.heard, people[0][0].heard, 'the numbers')


def heard_by(client, room):
    """What came before RESYNC, noted."""
    got = []
    while True:
        frame = client.recv(20 * scale())
        if frame.name == 'RESYNC':
            return got
        if frame.name == 'DELIVER':
            got.append(room.hear(frame))


def converse(env, role, rounds, workers=1):
    """Three members talk and change the topic while a process is killed now and then; then everybody has heard everything."""
    server = env.server(server__workers=workers)
    alice, a, mine = created(env, server, 'alice', '#chess')
    people = [(mine, a)] + [joined(env, server, name, '#chess')[1:][::-1] for name in ('bob', 'carol')]
    absent = joined(env, server, 'dave', '#chess')
    leave(server, absent[1])
    start = absent[2].seen
    for room, client in people:
        room.follow_all(client)
    outbox = {client: {} for _, client in people}
    for turn in range(rounds):
        since, pid = server.log.mark(), server.pids(role)[0]
        for room, client in people:
            for _ in range(5):
                number = client.next_id
                outbox[client][number] = '%s %d' % (room.device.person.name, number)
                room.say(client, outbox[client][number])
        raw = mine.entry('topic', text=b'%d' % turn)
        a.send_frames(Frame('GROUP_C', op=frames.G_APPEND, entry=raw))
        os.kill(pid, signal.SIGKILL)  # in the middle of it
        server.wait_log(20, after=since, sub=role, ev='ready')
        for room, client in people:
            serve(client, room, outbox[client])
        follow_up(mine, a, raw)
        for room, client in people:
            settle(client, room, outbox[client])
    for room, client in people:
        client.expect('ACCEPTED', 20 * scale(), id=room.say(client, 'bye %s' % room.device.person.name))
    last = mine.say(a, 'the end')
    a.expect('ACCEPTED', 20 * scale(), id=last)
    d = enter(env, server, absent[0])
    absent[2].place(d)
    for room, client in people + [(absent[2], d)]:
        room.take_until(client, 'the end', 20 * scale())
    heard = [[h for h in room.heard if h[0] > start] for room in [r for r, _ in people] + [absent[2]]]
    for one in heard:
        equal(one, heard[0], 'what each has heard')
    equal([n for n, _ in heard[0]], list(range(start + 1, start + 1 + len(heard[0]))), 'numbers without a gap')
    said = [what for _, what in heard[0] if ' ' in what and not what.startswith(('the', 'bye'))]
    equal(sorted(said), sorted('%s %d' % (r.device.person.name, n) for r, c in people for n in c.said), 'each message once')
    equal(sum(what == 'topic' for _, what in heard[0]), rounds, 'each entry once')


def serve(client, room, outbox):
    """What a client does at RESYNC: its place, its outbox again."""
    client.said = getattr(client, 'said', []) + [n for n in outbox if n not in getattr(client, 'said', [])]
    while True:
        frame = client.recv(20 * scale())
        if frame.name == 'RESYNC':
            break
        note(client, room, outbox, frame)
    for frame in client.pending:
        note(client, room, outbox, frame)
    client.pending = []
    client.resume(next_id=min(outbox, default=client.next_id))
    room.place(client)
    for number in sorted(outbox):
        client.send('#chess', body(outbox[number]), number)


def note(client, room, outbox, frame):
    """ACCEPTED settles, DELIVER is heard."""
    if frame.name == 'ACCEPTED':
        for number in [n for n in outbox if n <= frame.id]:
            del outbox[number]
    elif frame.name == 'DELIVER':
        client.ack(frame)
        room.hear(frame)


def follow_up(room, client, raw):
    """The entry again, until it stands."""
    got = room.send(client, raw)
    equal(got.op, frames.G_HEAD, 'the entry after the death: %s' % got)
    room.follow(raw)


def settle(client, room, outbox):
    """Until nothing of this client is under way."""
    while outbox:
        note(client, room, outbox, client.recv(20 * scale()))


def test_broker_killed(env):
    """SIGKILL of the broker under talk and entries, three times."""
    converse(env, 'broker', 3)


def test_worker_killed(env):
    """SIGKILL of the worker under talk and entries, three times: connections stay."""
    converse(env, 'worker', 3)


def test_master_killed(env):
    """Groups go on without a master, and with the next one."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    os.kill(server.pids('master')[0], signal.SIGKILL)
    server.process.wait()
    mine.say(a, 'nobody up there')
    equal(theirs.take(b), 'nobody up there', 'without a master')
    mine.follow_all(a)
    ok(mine.append(a, 'topic', text=b'x'), 3, 'an entry')
    server = env.keep(server.restart())
    theirs.say(b, 'hello, master')
    equal(mine.take_until(a, 'hello, master')[-2:], ['topic', 'hello, master'], 'with the next')


def test_everything_survives(env):
    """All processes killed at once: logs, roles, mutes, places, what waits, who was out."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    carol, c, hers = joined(env, server, 'carol', '#chess')
    leave(server, b)
    leave(server, c)
    mine.follow_all(a)
    mine.say(a, 'waits')
    ok(mine.append(a, 'role', bob.person, role=2), 4, 'role')
    ok(mine.append(a, 'mute', bob.person, until=2 ** 62), 5, 'mute')
    ok(mine.append(a, 'kick', carol.person), 6, 'kick')
    mine.say(a, 'not for carol')
    mine.take_until(a, 'not for carol')
    server.kill_all()
    server = env.keep(server.restart())
    a, b, c = (enter(env, server, d) for d in (alice, bob, carol))
    got = members(a, '#chess')
    equal({n: r['role'] for n, r in got.items()}, {'alice': 3, 'bob': 2}, 'members')
    equal(got['bob']['until'], 2 ** 62, 'the mute')
    theirs.place(b)
    equal(theirs.take_until(b, 'not for carol'), ['join', 'waits', 'role', 'mute', 'kick', 'not for carol'], 'at bob')
    rejected(b, theirs.say(b, 'x'), 'muted', 'bob')
    hers.place(c)
    equal(hers.take_until(c, 'kick'), ['waits', 'role', 'mute', 'kick'], 'at carol')
    silent(c, 'behind her kick')
    mine.place(a)
    ok(mine.append(a, 'mute', bob.person, until=0), 7, 'and on')
    equal(theirs.take(b), 'mute', 'at bob')
    b.expect('ACCEPTED', id=theirs.say(b, 'thanks'))
    equal(mine.take_until(a, 'thanks'), ['mute', 'thanks'], 'at alice')


def test_damaged_log(env):
    """A log that does not read back takes no entry, and says so; its messages go on."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    mine.follow_all(a)
    ok(mine.append(a, 'topic', text=b'openings'), 3, 'topic')
    server.stop()
    db = sqlite3.connect(server.state / 'broker.db')
    db.execute('UPDATE group_entry SET entry=x\'00\' WHERE seq=3')
    db.commit()
    db.close()
    server = env.keep(server.restart())
    server.wait_log(sub='group', ev='damaged', room='#chess', entry='3')
    a, b = enter(env, server, alice), enter(env, server, bob)
    check('damaged' in no(mine.append(a, 'topic', text=b'x'), 'bad-entry', 'an entry'), 'the words')
    theirs.place(b)
    a.expect('ACCEPTED', id=mine.say(a, 'still here'))
    equal(theirs.take_until(b, 'still here')[-1], 'still here', 'at bob')


# --- the operator ---

def test_ctl(env):
    """group list, show, delete: who is in, how far they are behind; deleting ends it for all."""
    server = env.server()
    alice, a, mine = created(env, server, 'alice', '#chess')
    ok(mine.append(a, 'topic', text=b'\x1b[31m\xff'), 2, 'a hostile topic')
    bob, b, theirs = joined(env, server, 'bob', '#chess')
    leave(server, b)
    mine.say(a, 'one')
    mine.take_until(a, 'one')
    row, = server.ctl('group', 'list')
    equal({k: row[k] for k in ('group', 'creator', 'open', 'members', 'entries', 'number', 'kept', 'topic')},
          dict(group='#chess', creator='alice', open=True, members=2, entries=3, number=4, kept=row['kept'],
               topic='(not text)'), 'list')
    check(row['kept'] >= 1, 'what is kept: %s' % row)
    found = {r['member']: r for r in server.ctl('group', 'show', 'chess') if 'member' in r}
    equal((found['alice']['role'], found['alice']['present'], found['alice']['behind']), ('owner', True, 0), 'alice')
    equal((found['bob']['role'], found['bob']['present'], found['bob']['behind']), ('member', False, 1), 'bob')
    equal(server.ctl('group', 'show', '#go', status=5)[0]['error'][:13], 'no such group', 'no such group')
    server.ctl('group', 'delete', '#chess', status=2)
    equal(server.ctl('group', 'delete', '#chess', '--yes'), [{'deleted': '#chess'}], 'delete')
    equal(a.expect('GROUP_S', op=frames.DELETED).group, mine.group, 'the notice')
    rejected(a, mine.say(a, 'x'), 'no-such-room', 'a message')
    equal((groups(a), server.ctl('group', 'list')), ({}, []), 'groups')
    equal(audited(server), [('operator', 'ctl', 'delete', '', '#chess', 'member', '')], 'the audit log')
    until(lambda: rows(server, 'SELECT count(*) FROM room_message WHERE room>1') == [(0,)], 'its messages are gone')
    ok(Room(alice, '#chess').append(a, 'create', role=0, text=b'#chess'), 1, 'the name is free')
    b = enter(env, server, bob)
    no(theirs.place(b), 'no-such-room', 'bob, later')
