"""What a server in somebody else's hands can do to people: real clients talk with tests/reference/server.py, which is
honest but for one thing. Each test shows that nobody reads, or is told, what is not so; docs/security.md, section 1,
says what is left: withholding, delaying, reordering."""
import contextlib

import frames
import sealed
import sealed_group as sg
import server
from frames import TO_ROOM, Frame
from harness import Program, check, equal, until
from people import texts
from sealed_client import NOW, Device, Person
from sealed_room import SealedRoom
from test_group_client import group, lines, say

ODD = 2 ** 40  # a number that no honest message has


@contextlib.contextmanager
def taken_over(kind=server.Server):
    """A server of this kind, for the time of a test."""
    with kind() as liar:
        yield liar


def met(env, liar, *users):
    """Real people who were here once."""
    for user in users:
        env.cli(liar.name, user, 'who').expect(0)


def follow(env, liar, user):
    """A real client that shows what comes, once it is there."""
    program = Program(env.argv(liar.name, user, '--accept-new', 'tail'), env.folder, environ=env.environ())
    env.programs.append(program)
    until(lambda: any(session.receives for session in liar.of(user)), user + ' is there')
    return program


def device_of(liar, user):
    """The number of the only device of somebody."""
    number, = liar.account(user).devices
    return number


def sent(liar, user):
    """The SENDs that came of somebody."""
    return [frame for name, frame in list(liar.heard) if name == user and frame.name == 'SEND']


def mallory(liar, name='mallory'):
    """The server's own person: listed and published like anybody's, keys in its hands."""
    person = Person(name)
    device = Device(person)
    entry = person.entry_add(device.keys)
    person.list.apply(entry)
    account = liar.account(name)
    account.key, account.entries = person.account, [entry]
    account.devices[device.keys.device] = own = server.Device()
    own.publish(device.publication())
    return person, device


# --- people ---

class Withholds(server.Server):
    """Hands out no one-time prekeys."""

    def bundles(self, asker, name, device):
        return [d.bundle(one_time=False) for number, d in self.account(name).devices.items() if device in (0, number)]


def test_withheld_prekeys_and_repeats(env):
    """Without one-time prekeys a first message still opens; that it is said again, as it was or under a new id, opens
    nothing."""
    with taken_over(Withholds) as liar:
        met(env, liar, 'alice', 'bob')
        bob = follow(env, liar, 'bob')
        for text in ('once', 'twice'):
            env.cli(liar.name, 'alice', 'send', 'bob', text).expect(0)
            bob.out.wait(ev='message', text=text)
        with liar.lock:
            first = liar.account('bob').devices[device_of(liar, 'bob')].stream[0]
            equal(first.head[78:82], bytes(4), 'the one-time prekey that it was sealed with')
            for number in (first.id, ODD):
                liar.deliver('bob', device_of(liar, 'bob'), sender='alice', from_device=first.from_device, id=number,
                             to='bob', head=first.head, body=first.body)
        bob.out.wait(ev='message', text=None)
        equal(texts(bob), ['once', 'twice', None], 'all that bob was shown')


class Swaps(server.Server):
    """Shows of Bob's device other bundles than it has published."""

    def __init__(self):
        super().__init__()
        self.shown = []

    def bundles(self, asker, name, device):
        return [self.shown.pop(0)] if self.shown else super().bundles(asker, name, device)


def test_swapped_bundles(env):
    """A bundle of somebody else's keys, of another device, or with one field changed: nothing is sealed with it, and
    with the right one everything leaves."""
    with taken_over(Swaps) as liar:
        met(env, liar, 'alice', 'bob')
        number = device_of(liar, 'bob')
        _, other = mallory(liar)
        own = liar.account('bob').devices[number]
        theirs = liar.account('mallory').devices[other.keys.device].bundle()
        good = own.bundle()
        changed = []
        for place in (0, 9, 13, 21, 53):  # suite, id, time, key, signature
            changed.append(good[:place] + bytes([good[place] ^ 1]) + good[place + 1:])
        for bundle in [theirs, good[:1] + sealed.u64(number) + theirs[9:]] + changed:
            with liar.lock:
                liar.shown = [bundle] * 20
            done = env.cli(liar.name, 'alice', 'send', 'bob', 'hello', '--timeout', '1')
            check(done.status != 0, 'it was sealed: %s' % done.out)
            equal(sent(liar, 'alice'), [], 'what left')
        with liar.lock:
            liar.shown = []
        env.cli(liar.name, 'alice', 'send', 'bob', 'now').expect(0)
        bob = follow(env, liar, 'bob')
        bob.out.wait(ev='message', text='now')


class ShowsLists(server.Server):
    """Shows of Bob's list what the test wants, and has it asked for."""

    def __init__(self):
        super().__init__()
        self.shown = None

    def list_of(self, asker, whose):
        shown = self.shown if whose.name == 'bob' and asker.name == 'alice' else None
        return shown or super().list_of(asker, whose)

    def changed(self, sender, frame):
        return 'bob' if self.shown and frame.to == 'bob' else None


def reference(env, liar, name):
    """A person of the reference client, whose account key the test has: (person, device, client)."""
    person = Person(name)
    device = Device(person)
    client = env.login(device.identity, liar)
    device.begin(client)
    return person, device, client


def with_device(person, device, by=None, secret=None, chain=None):
    """The entry that adds a device, signed with another key when one is given, of another list when there is one."""
    offer = device.keys.ed, device.keys.x.public, device.keys.self_signature(person.account, person.name.encode())
    return (chain or person.list).entry(secret or person.secret, NOW, device.keys.device, offer, by)


def stops(env, liar, text, words):
    """Alice's message is not sealed for what she was shown, and she is told so."""
    before = len(sent(liar, 'alice'))
    done = env.cli(liar.name, 'alice', 'send', 'bob', text, '--timeout', '3').expect(6)
    check(words in done.out + done.err, 'the words: %r %r' % (done.out, done.err))
    return sent(liar, 'alice')[before:]


def test_lists_of_devices(env):
    """A device slipped in, an entry exchanged, the newest withheld from who has seen it, another account key: each
    time sending stops with words, and nothing is sealed for a device that is not Bob's."""
    attacks = {'slipped in': 'not signed', 'rolled back': 'shorter', 'forked': 'another list', 'gone': 'shorter',
               'another account': 'another account key'}
    for number, (attack, words) in enumerate(attacks.items()):
        env.folder = env.folder / str(number)
        env.folder.mkdir()
        with taken_over(ShowsLists) as liar:
            met(env, liar, 'alice')
            person, phone, client = reference(env, liar, 'bob')
            tablet = Device(person)
            other_head = sealed.DeviceList(person.account, b'bob')
            other_head.apply(liar.account('bob').entries[0])
            forked = []
            for _ in range(2):
                forked.append(with_device(person, Device(person), phone.keys, chain=other_head))
                other_head.apply(forked[-1])
            person.append(client, person.entry_add(tablet.keys, phone.keys))
            other = env.login(tablet.identity, liar)
            tablet.begin(other)
            env.cli(liar.name, 'alice', 'send', 'bob', 'before').expect(0)
            whose = liar.account('bob')
            own, evil = mallory(liar)
            for _ in range(2):
                longer = with_device(own, Device(own), evil.keys)
                own.list.apply(longer)
                liar.account('mallory').entries.append(longer)
            slipped = with_device(person, evil, secret=evil.person.secret)
            liar.shown = {'slipped in': (whose.key, whose.entries + [slipped]),
                          'rolled back': (whose.key, whose.entries[:1]),
                          'forked': (whose.key, whose.entries[:1] + forked), 'gone': (bytes(32), []),
                          'another account': (evil.person.account, liar.account('mallory').entries)}[attack]
            tried = stops(env, liar, 'after', words)
            mine = {phone.keys.device, tablet.keys.device}
            check(all({row['device'] for row in frame.heads} <= mine for frame in tried), '%s: a head too many' % attack)
            equal(stops(env, liar, 'nor this', words), [], '%s: what left' % attack)
        env.folder = env.folder.parent


def test_somebody_else_s_message(env):
    """What Alice has written to Bob, said to be of Carol, of another device, under another id, or to somebody else;
    and a text that the server made up. Only the last can be read, and says that it is not sealed."""
    with taken_over() as liar:
        met(env, liar, 'alice', 'bob', 'carol')
        env.cli(liar.name, 'carol', 'send', 'bob', 'I am carol').expect(0)
        env.cli(liar.name, 'alice', 'send', 'bob', 'I am alice').expect(0)
        number = device_of(liar, 'bob')
        stream = liar.account('bob').devices[number].stream
        with liar.lock:
            frame = stream.pop()
            fields = {k: v for k, v in frame.fields().items() if k in ('sender', 'from_device', 'id', 'to', 'head', 'body')}
            for lie in (dict(sender='carol'), dict(sender='carol', from_device=device_of(liar, 'carol')),
                        dict(from_device=frame.from_device ^ 1), dict(id=frame.id + ODD), dict(to='carol')):
                liar.deliver('bob', number, **{**fields, **lie})
            liar.deliver('bob', number, sender='alice', from_device=frame.from_device, id=frame.id + 2 * ODD, to='bob',
                         head=b'', body=b'\0\0made up')
        bob = follow(env, liar, 'bob')
        event = bob.out.wait(ev='message', text='made up')
        equal(event['sealed'], False, 'what was made up')
        shown = [(e['from'], e.get('text')) for e in bob.out.parsed if e.get('ev') == 'message']
        check(('alice', 'I am alice') not in shown and ('carol', 'I am alice') not in shown, 'shown: %s' % shown)
        equal([text for _, text in shown if text], ['I am carol', 'made up'], 'what opened')


def test_reordered_and_repeated(env):
    """Given in another order, and everything twice: each text is shown at most once, as it was written."""
    with taken_over() as liar:
        met(env, liar, 'alice', 'bob')
        for number in range(4):
            env.cli(liar.name, 'alice', 'send', 'bob', 'number %d' % number).expect(0)
        stream = liar.account('bob').devices[device_of(liar, 'bob')].stream
        with liar.lock:
            given = [stream[i] for i in (1, 1, 0, 3, 2, 3, 0)]
            stream.clear()
            for frame in given:
                fields = frame.fields()
                for name in ('flags', 'incarnation', 'seq', 'time'):
                    fields.pop(name)
                liar.deliver('bob', device_of(liar, 'bob'), **fields)
        bob = follow(env, liar, 'bob')
        bob.out.wait(ev='message', text='number 3')
        env.cli(liar.name, 'alice', 'send', 'bob', 'last').expect(0)
        bob.out.wait(ev='message', text='last')
        shown = texts(bob)
        equal(len(shown), len(set(shown)), 'one was shown twice: %s' % shown)
        check(set(shown) <= {'number %d' % n for n in range(4)} | {'last'}, 'shown: %s' % shown)


# --- groups ---

class Forks(server.Server):
    """Shows of a group's log what the test wants, to whom it wants; and can keep what is said from going on."""

    def __init__(self):
        super().__init__()
        self.shown = {}

    def log_of(self, asker, room):
        return self.shown.get(asker.name, room.log)


def talked(env, liar, *users, room='#chess', is_open=True):
    """A group of real people in which each has said something; the lines are the same for all. Their programs."""
    met(env, liar, *users)
    programs = {user: follow(env, liar, user) for user in users}
    group(env, liar, users[0], 'create', room, *(['open'] if is_open else []))
    for user in users[1:]:
        if not is_open:
            group(env, liar, users[0], 'invite', room, user)
        group(env, liar, user, 'join', room)
    for user in users:
        say(env, liar, user, room, 'I am ' + user)
    for user, program in programs.items():
        until(lambda p=program: lines(p, room)[-1:] == [(users[-1], 'I am ' + users[-1])], 'begun at ' + user)
    return programs


def entry_of(room, person, device, op, subject=None, **fields):
    """The next entry of a log, by the server's own person."""
    last = room.log[-1][1]
    actor = person.name.encode(), person.account, device.keys.device, device.keys.ed_secret
    whom = subject or (b'', sealed.NONE)
    return sg.entry(room.group, len(room.log) + 1, sg.entry_hash(last), op, NOW, actor, whom, **fields)


def refused(env, liar, programs, what, room='#chess'):
    """A forged entry is shown as such, and nobody writes into that group any more."""
    for user, program in programs.items():
        until(lambda p=program: any(text[:1] == '!' for _, text in lines(p, room)), '%s: seen by %s' % (what, user))
        done = say(env, liar, user, room, 'after', status=4)
        check(done.event(ev='error')['code'] == 'forbidden', '%s: what %s is told: %s' % (what, user, done.out))


def test_forged_entries(env):
    """The server writes into a log: its own person joins by itself, throws the owner out, or an entry is signed with
    another's key. (That it throws somebody else out is shown as its word: test_group_instructor.) Shown as forged, with the one who is named as before; and nobody seals anything for it."""
    for number, attack in enumerate(('joins', 'kicks', 'signs')):
        env.folder = env.folder / str(number)
        env.folder.mkdir()
        with taken_over() as liar:
            programs = talked(env, liar, 'alice', 'bob', is_open=False)
            person, device = mallory(liar)
            room = liar.rooms['#chess']
            if attack == 'joins':
                entry = entry_of(room, person, device, 'join')
            elif attack == 'kicks':
                entry = entry_of(room, person, device, 'kick', (b'alice', liar.account('alice').key))
            else:
                alice = Person('alice')
                alice.account = liar.account('alice').key
                device.keys.device = device_of(liar, 'alice')
                entry = entry_of(room, alice, device, 'invite', (b'mallory', person.account))
            before = len(liar.heard)
            with liar.lock:
                liar.enter(room, entry)
            refused(env, liar, programs, attack)
            keys = [frame for _, frame in liar.heard[before:] if frame.name == 'SEND']
            equal(keys, [], '%s: what was sealed after it' % attack)
            for program in programs.values():
                program.kill()
        env.folder = env.folder.parent


def test_a_withheld_kick(env):
    """Bob is not shown that Mallory was put out. Alice's key goes to Bob alone; what she writes names an entry that
    Bob lacks, so he is told that it did not open, instead of talking on in a group that is another one."""
    with taken_over(Forks) as liar:
        programs = talked(env, liar, 'alice', 'bob', 'mallory')
        room = liar.rooms['#chess']
        known = list(room.log)
        with liar.lock:
            liar.shown['bob'] = known
            for session in liar.of('bob'):
                session.places.clear()
        before = len(sent(liar, 'alice'))
        group(env, liar, 'alice', 'kick', '#chess', 'mallory')
        say(env, liar, 'alice', '#chess', 'without mallory')
        to = [frame.to for frame in sent(liar, 'alice')[before:] if frame.kind != TO_ROOM]
        equal(to, ['bob'], 'who was given the new key')
        with liar.lock:
            for session in liar.of('bob'):
                session.say(room.row[-1])
        until(lambda: lines(programs['bob'])[-1][1][:1] == '!', 'bob is told', 30)
        until(lambda: ('alice', 'kick mallory') in lines(programs['mallory']), 'mallory is out')
        check(('alice', 'without mallory') not in lines(programs['bob']) + lines(programs['mallory']), 'it was read')


def test_who_was_put_out_speaks_on(env):
    """The server goes on carrying what Mallory says after she was put out, and what Carol says while she is muted:
    nobody is shown either, although her keys are known."""
    with taken_over() as liar:
        programs = talked(env, liar, 'alice', 'bob', 'carol')
        person, device = mallory(liar)
        client = env.login(device.identity, liar)
        view = SealedRoom(device, client, '#chess')
        view.join(client)
        view.say(client, 'I am mallory')
        for user in ('alice', 'bob'):
            until(lambda u=user: lines(programs[u])[-1:] == [('mallory', 'I am mallory')], 'mallory at ' + user)
        group(env, liar, 'alice', 'kick', '#chess', 'mallory')
        group(env, liar, 'alice', 'mute', '#chess', 'carol', '1h')
        client.send('#chess', view.sealed(client.next_id, 'still here'))
        env.cli(liar.name, 'carol', 'send', '#chess', 'so am I', timeout=30)
        say(env, liar, 'alice', '#chess', 'the end')
        until(lambda: lines(programs['bob'])[-1:] == [('alice', 'the end')], 'the end', 30)
        shown = [text for who, text in lines(programs['bob']) if who in ('mallory', 'carol')]
        check('still here' not in shown and 'so am I' not in shown, 'shown: %s' % shown)
        check(shown[-1][0] == '!', 'that mallory has spoken is not said: %s' % shown)


def test_two_logs(env):
    """Alice and Bob each write the entry of one number, and the server tells both that it stands. What Alice says
    under hers does not open under Bob's; and shown hers as well, he is told, and sends nothing more."""
    with taken_over(Forks) as liar:
        programs = talked(env, liar, 'alice', 'bob')
        met(env, liar, 'carol')
        room = liar.rooms['#chess']
        trunk = list(room.log)
        liar.fan_out = lambda *_: None
        group(env, liar, 'alice', 'invite', '#chess', 'carol')
        with liar.lock:
            first, room.log = room.log, list(trunk)
        group(env, liar, 'bob', 'invite', '#chess', 'carol')
        equal([len(first), len(room.log)], [len(trunk) + 1] * 2, 'two entries of one number')
        with liar.lock:
            second, room.log = room.log, first
        say(env, liar, 'alice', '#chess', 'under hers')
        with liar.lock:
            room.log = second
            for session in liar.of('bob'):
                session.say(room.row[-1])
        until(lambda: any(text[:1] == '!' for _, text in lines(programs['bob'])), 'it does not open')
        with liar.lock:
            other = Frame('DELIVER', flags=frames.IN_ROOM | frames.OF_LOG, incarnation=0, seq=len(room.row) + 1, time=NOW,
                          sender='alice', from_device=device_of(liar, 'alice'), id=0, to=room.name, head=b'',
                          body=first[-1][1])
            for session in liar.of('bob'):
                session.say(other)
        until(lambda: sum(text[:1] == '!' for _, text in lines(programs['bob'])) == 2, 'bob is told')
        say(env, liar, 'bob', '#chess', 'after', status=4)


def test_a_shorter_log(env):
    """After Bob was put out the server shows Alice the log from before, as if he were in: she remembers, and what she
    says is for Carol alone."""
    with taken_over(Forks) as liar:
        programs = talked(env, liar, 'alice', 'bob', 'carol')
        room = liar.rooms['#chess']
        known = list(room.log)
        group(env, liar, 'alice', 'kick', '#chess', 'bob')
        until(lambda: ('alice', 'kick bob') in lines(programs['alice']), 'alice knows')
        programs.pop('alice').kill()
        with liar.lock:
            liar.shown['alice'] = known
        before = len(sent(liar, 'alice'))
        say(env, liar, 'alice', '#chess', 'without bob')
        to = [frame.to for frame in sent(liar, 'alice')[before:] if frame.kind != TO_ROOM]
        equal(to, ['carol'], 'who was given the new key')
        until(lambda: ('alice', 'without bob') in lines(programs['carol']), 'carol reads it')
        check(('alice', 'without bob') not in lines(programs['bob']), 'bob reads it')


def test_a_group_under_another_name(env):
    """The server shows the log of one group to somebody who asks for another: they are not in, and what they say
    there is not said here."""
    with taken_over() as liar:
        talked(env, liar, 'alice', 'bob', room='#open')
        met(env, liar, 'carol')
        with liar.lock:
            room = liar.rooms['#open']
            other = server.Room('#staff', room.group)
            other.log, other.row = room.log, room.row
            liar.rooms['#staff'] = other
        done = env.cli(liar.name, 'carol', 'group', 'join', '#staff', '--timeout', '3', timeout=30)
        check(done.status != 0, 'carol is in #staff, which is #open: %s' % done.out)


def test_messages_of_a_group_moved(env):
    """Said again, as somebody else's, under another id, in another group: none of it opens, and what follows does."""
    with taken_over() as liar:
        programs = talked(env, liar, 'alice', 'bob', 'carol')
        group(env, liar, 'alice', 'create', '#draughts', 'open')
        group(env, liar, 'bob', 'join', '#draughts')
        say(env, liar, 'alice', '#draughts', 'begun')
        until(lambda: lines(programs['bob'], '#draughts')[-1:] == [('alice', 'begun')], 'begun')
        rooms = liar.rooms
        frame = next(f for f in rooms['#chess'].row if f.sender == 'alice' and not f.flags & frames.OF_LOG)
        said = 'alice', frame.from_device, frame.id, frame.body
        carol = device_of(liar, 'carol')
        with liar.lock:
            for lie in (said, ('carol', carol) + said[2:], said[:1] + (carol,) + said[2:],
                        said[:2] + (frame.id + ODD, frame.body)):
                server.Server.to_room(liar, rooms['#chess'], *lie)
            server.Server.to_room(liar, rooms['#draughts'], *said)
        say(env, liar, 'alice', '#chess', 'next')
        say(env, liar, 'alice', '#draughts', 'next')
        for name in ('#chess', '#draughts'):
            until(lambda n=name: lines(programs['bob'], n)[-1:] == [('alice', 'next')], 'bob in ' + name, 40)
        equal([line for line in lines(programs['bob']) if line[1] == 'I am alice'], [('alice', 'I am alice')], 'once')
        check(all(text != 'I am alice' for _, text in lines(programs['bob'], '#draughts')), 'in the other group')


class Withdraws(Forks):
    """Keeps direct messages of Alice's to itself while it is told to."""

    keeps = False

    def to_user(self, sender, device, frame):
        if not (self.keeps and sender.name == 'alice'):
            super().to_user(sender, device, frame)


def test_what_is_asked_for_comes_where_it_was_said(env):
    """A message that Alice has written to Bob alone is kept by the server; something of that number stands in the
    group instead. Bob asks, Alice sends it again; it is not shown as said in the group."""
    with taken_over(Withdraws) as liar:
        programs = talked(env, liar, 'alice', 'bob')
        alice = device_of(liar, 'alice')
        liar.keeps = True
        env.cli(liar.name, 'alice', 'send', 'bob', 'for bob alone').expect(0)
        kept = sent(liar, 'alice')[-1]
        equal(kept.to, 'bob', 'what was kept')
        liar.keeps = False
        said = [f for f in liar.rooms['#chess'].row if f.sender == 'alice' and not f.flags & frames.OF_LOG][-1]
        with liar.lock:
            generation = int.from_bytes(said.body[1:5], 'little') + 1  # whose key will never come
            body = said.body[:1] + sealed.u32(generation) + said.body[5:]
            liar.to_room(liar.rooms['#chess'], 'alice', alice, kept.id, body)
        until(lambda: sent(liar, 'bob')[-1].to == 'alice', 'bob asks', 30)
        until(lambda: sent(liar, 'alice')[-1].to == 'bob' and sent(liar, 'alice')[-1].id > kept.id, 'alice answers')
        for to in ('#chess', 'bob'):
            env.cli(liar.name, 'alice', 'send', to, 'the end').expect(0)
            programs['bob'].out.wait(ev='message', text='the end', to=to)
        check(all(text != 'for bob alone' for _, text in lines(programs['bob'])), 'shown in the group')
