"""The server knows nothing: marked texts of direct messages and of a group, and every secret key of the clients, are
looked for in the server's files, its log, the memory of all its processes, and the traffic. The same search finds
them in the clients, and what the server may read, the lobby's text and a topic, in the server: so it does look."""
import base64
import os
import resource
import signal
import sqlite3

import search
from harness import Program, Skipped, check, equal, until
from search import Needles
from sharing import blobs, downloads, get, make, put

KEY = 32
VALUE_SESSIONS, VALUE_PREKEYS, VALUE_GROUP_OWN, VALUE_GROUP_KEYS, VALUE_FILE = 2, 3, 12, 14, 30  # kinds of values in a client's store
ROOM = '#marks'


def mark(what):
    """A text that nobody else writes."""
    return 'mark-%s-%s' % (what, os.urandom(8).hex())


def home(env, user):
    """Where a user's key file and store are."""
    return env.folder / ('home-' + user) / user


class Cursor:
    """Reads the fields of a stored value."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        """So many bytes."""
        self.at += size
        check(self.at <= len(self.data), 'a stored value is shorter than its fields')
        return self.data[self.at - size:self.at]

    def number(self, size):
        """An integer of so many bytes."""
        return int.from_bytes(self.take(size), 'little')


def session_keys(value):
    """Root key, ratchet secret and both chain keys of every session: docs/sealed.md, sections 5 and 5.1."""
    c = Cursor(value)
    c.take(7)
    for place in range(c.number(1)):
        state = Cursor(c.take(c.number(4))[1 + 1 + 32 + 4 + 72 + 4:])
        state.take(1 + 1 + 32)
        for name in ('root', 'ratchet secret', 'sending chain', 'receiving chain'):
            yield 'session %d %s' % (place, name), state.take(KEY)


def prekey_secrets(value):
    """The private halves of signed and one-time prekeys."""
    c = Cursor(value)
    c.take(9)
    for _ in range(c.number(1)):
        number = c.number(4)
        c.take(8)
        yield 'signed prekey %d' % number, c.take(KEY)
        c.take(KEY + 64)
    for _ in range(c.number(2)):
        number = c.number(4)
        yield 'one-time prekey %d' % number, c.take(KEY)
        c.take(KEY)


def sender_key(value, whose):
    """Chain key, keys of messages that have not come yet, and of an own one what it signs with: docs/sealed.md,
    section 7."""
    c = Cursor(value)
    c.take(1)
    own = c.number(1)
    c.take(32)
    name = '%s generation %d' % (whose, c.number(4))
    c.take(4)
    yield name + ' chain', c.take(KEY)
    c.take(KEY)
    if own:
        yield name + ' signing key', c.take(KEY)
        c.take(KEY + 8)
    for _ in range(c.number(2)):
        number = c.number(4)
        c.take(4)
        yield '%s message %d' % (name, number), c.take(KEY)


def own_sender_key(value):
    """That of this device."""
    return sender_key(value, 'own')


def other_sender_keys(value):
    """Every generation that is kept of another device."""
    c = Cursor(value)
    c.take(KEY)
    whose = 'device %x' % c.number(8)
    while c.at + 8 < len(value):
        yield from sender_key(c.take(c.number(4)), whose)


def file_key(value):
    """What a file is sealed under."""
    c = Cursor(value)
    c.take(4 + KEY)
    yield 'file key', c.take(KEY)


KEYS_IN = {VALUE_FILE: file_key, VALUE_SESSIONS: session_keys, VALUE_PREKEYS: prekey_secrets, VALUE_GROUP_OWN: own_sender_key,
           VALUE_GROUP_KEYS: other_sender_keys}


def stored_keys(env, user):
    """(name, key) of all that a client's store has now; chains that have not begun are zero, and none."""
    with sqlite3.connect(home(env, user) / 'store.db') as db:
        rows = db.execute('SELECT kind, value FROM value').fetchall()
        found = [pair for kind, value in rows if kind in KEYS_IN for pair in KEYS_IN[kind](value)]
    db.close()
    return [(user + "'s " + name, key) for name, key in found if any(key)]


def device_secrets(env, user):
    """(name, key) of the key file: seed of the device, its key for agreement, seed of the account."""
    lines = dict(line.split() for line in (home(env, user) / 'key').read_text().splitlines())
    return [(user + "'s " + name, base64.b64decode(lines[name])) for name in ('seed', 'agree', 'account')]


class Talk:
    """Alice and Bob talk, in a group with Carol, too; what they say is marked, and their keys are noted at each
    step, since they change."""

    def __init__(self, env):
        search.need_rights()
        self.env, self.server = env, env.server()
        self.capture = search.Capture(self.server.port)
        self.marks, self.keys, self.contents = Needles(), Needles(), Needles()
        self.users, self.readers = ('alice', 'bob', 'carol'), {}

    def note_keys(self):
        """All secret keys of this moment."""
        for user in self.users:
            for name, key in device_secrets(self.env, user):
                self.keys.add(name, key)
            for name, key in stored_keys(self.env, user):
                self.keys.add('%s %s' % (name, key.hex()[:8]), key, written=False)

    def say(self, sender, to, what, *options):
        """A marked text; its mark."""
        text = mark(what)
        self.marks.add(what, text)
        self.env.cli(self.server, sender, 'send', to, text, *options).expect(0)
        self.note_keys()
        return text

    def follow(self, user):
        """Starts to read what somebody is sent."""
        self.readers[user] = self.env.tail(self.server, user)

    def read_by(self, user):
        """The marks that somebody has written or read: Carol is in the group alone, Bob has left it."""
        if user == 'bob':
            return self.marks.without('without bob')
        return self.marks.only('in the group' if user == 'carol' else '')

    def nowhere_at_the_server(self):
        """No mark and no key of so far in files, log and memory of the server."""
        for needles in (self.marks, self.keys, self.contents):
            equal(search.in_files(needles, self.server.folder), [], 'found in files of the server')
            equal(needles.inside('\n'.join(self.server.log.raw + self.server.out.raw).encode()), set(), 'found in its log')
            equal(search.in_server(needles, self.server), [], 'found in its memory')


def direct(talk):
    """First messages to somebody absent, then both directions while both are there."""
    for user in talk.users:
        talk.env.cli(talk.server, user, 'who').expect(0)
    waiting = [talk.say('alice', 'bob', 'to bob, absent %d' % number) for number in range(2)]
    talk.nowhere_at_the_server()
    for user in ('alice', 'bob'):
        talk.follow(user)
    for text in waiting:
        talk.readers['bob'].out.wait(ev='message', text=text, sealed=True)
    for number in range(4):
        sender, to = ('alice', 'bob')[number % 2], ('bob', 'alice')[number % 2]
        text = talk.say(sender, to, 'to %s, present %d' % (to, number), '--wait', 'delivered')
        talk.readers[to].out.wait(ev='message', text=text, sealed=True)
        talk.note_keys()


def grouped(talk):
    """A group of all three: said while Carol is away, then while she is there, and under a new generation after Bob
    has left."""
    for user, *words in (('alice', 'create', ROOM, 'open'), ('bob', 'join', ROOM), ('carol', 'join', ROOM)):
        talk.env.cli(talk.server, user, 'group', *words, timeout=30).expect(0)
    said = [talk.say(sender, ROOM, 'in the group, %s' % sender) for sender in ('alice', 'bob', 'alice')]
    talk.nowhere_at_the_server()
    talk.follow('carol')
    talk.env.cli(talk.server, 'bob', 'group', 'leave', ROOM, timeout=30).expect(0)
    said += [talk.say(sender, ROOM, 'in the group, present without bob, %s' % sender) for sender in ('carol', 'alice')]
    for text in said:
        talk.readers['carol'].out.wait(ev='message', text=text)
    talk.note_keys()


def shared(talk):
    """A file with a marked name and a marked content: while it waits, and fetched."""
    name, content = mark('file'), mark('content')
    talk.marks.add('to bob, present: the name of a file', name)
    talk.contents.add('what is in a file', content)
    path = make(talk.env, 'out/' + name, content.encode() * 9000)
    put(talk.env, talk.server, 'alice', path, 'bob')
    offered = talk.readers['bob'].out.wait(ev='message', text=None)
    talk.note_keys()
    check([key for key in talk.keys.names() if 'file key' in key], 'no key of a file is known')
    equal(len(blobs(talk.server)), 1, 'files at the server')
    talk.nowhere_at_the_server()
    folder = downloads(talk.env, 'bob')
    get(talk.env, talk.server, 'bob', offered['file']['id'], folder, content.encode() * 9000)
    check(search.in_files(talk.contents, folder), 'the search does not find what is in a file')


# Who seals more adds a function here that says marks through it, and a line in the test.


def test_the_server_knows_nothing(env):
    """Neither text nor key, of what waited and of what was delivered, in anything the server has."""
    talk = Talk(env)
    direct(talk)
    grouped(talk)
    shared(talk)
    talk.capture.stop()
    known = talk.keys.names()
    check(len(known) > 300, 'only %d keys are known' % len(known))
    for what in ('own generation', 'signing key', 'device'):
        check([name for name in known if what in name], 'no key with "%s" is known' % what)
    talk.nowhere_at_the_server()
    for needles in (talk.marks, talk.keys, talk.contents):
        equal(talk.capture.found(needles), [], 'found in the traffic')
    # The search finds them where they are.
    for user, reader in talk.readers.items():
        mine = talk.marks.only('present' if user == 'carol' else 'to %s, present' % user)
        equal(len(search.in_memory(mine, user, reader.pid)) > 0, True, 'no mark in the memory of ' + user)
        secrets = Needles(device_secrets(env, user))
        equal(len(search.in_memory(secrets, user, reader.pid)), 3, 'secrets in the memory of ' + user)
        now = Needles(device_secrets(env, user) + stored_keys(env, user))
        found = {words.rsplit(' in ', 1)[0] for words in search.in_files(now, home(env, user))}
        equal(now.names() - found, set(), 'keys that are not found in the home of ' + user)
        mine = talk.read_by(user)
        found = {words.rsplit(' in ', 1)[0] for words in search.in_files(mine, home(env, user))}
        equal(mine.names() - found, set(), 'marks that are not found in the home of ' + user)
    equal(search.in_files(talk.marks.only('without bob'), home(env, 'bob')), [], 'found at who had left')


def test_no_core_of_a_client(env):
    """A client that dies leaves no core file, whatever the user's limit is: here with none, and a signal that makes
    one of any other program."""
    server = env.server()
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    status = [env.tail(server, 'alice'), Program(['sleep', '60'], env.folder)]
    env.programs += status
    for program in status:
        os.kill(program.pid, signal.SIGABRT)
    dumped = [os.WCOREDUMP(os.waitpid(program.pid, 0)[1]) for program in status]
    equal(dumped[0], False, 'a core of the client')
    if not dumped[1]:
        raise Skipped('cores are not compared: this machine writes none')


def test_what_the_server_may_read_is_found(env):
    """The lobby's text and the topic of a group are the server's to read: found in its store and memory, and by
    nobody in the traffic."""
    search.need_rights()
    server = env.server()
    capture = search.Capture(server.port)
    env.cli(server, 'alice', 'who').expect(0)
    marks = {'the text in the lobby': mark('lobby'), 'the topic': mark('topic')}
    env.cli(server, 'alice', 'send', '#lobby', marks['the text in the lobby']).expect(0)
    env.cli(server, 'alice', 'group', 'create', ROOM).expect(0)
    env.cli(server, 'alice', 'group', 'topic', ROOM, marks['the topic']).expect(0)
    for name, text in marks.items():
        until(lambda n=name, t=text: search.in_files(Needles({n: t}), server.folder), name + ' in the store')
        check(search.in_server(Needles({name: text}), server), name + ' is not found in the memory of the server')
    capture.stop()
    equal(capture.found(Needles(marks)), [], 'found in the traffic')


def test_the_capture_sees_what_is_plain(env):
    """Who says a text aloud is heard: the preface is not encrypted, and neither is what a hostile client says."""
    search.need_rights()
    server = env.server()
    capture = search.Capture(server.port)
    text = mark('aloud')
    client = env.dial(server)
    client.send_bytes(client.preface + text.encode())
    client.ended()
    capture.stop()
    check(capture.found(Needles({'the text': text})), 'a plain text is not found in the traffic')


def test_the_network_learns_no_names(env):
    """Who logs in, and to whom they write, is not in the traffic; the server knows it."""
    search.need_rights()
    server = env.server()
    capture = search.Capture(server.port)
    users = ['sender-%s' % os.urandom(8).hex(), 'reader-%s' % os.urandom(8).hex()]
    names = Needles({user[:6]: user for user in users})
    for user in reversed(users):
        env.cli(server, user, 'who').expect(0)
    env.cli(server, users[0], 'send', users[1], 'hello').expect(0)
    capture.stop()
    equal(capture.found(names), [], 'found in the traffic')
    check(search.in_server(names, server), 'names are not found in the memory of the server')
