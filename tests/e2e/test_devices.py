"""Several devices of one account, by the real programs: admitted by a code, or from the paper key; what one sends
shows on the others; a revoked one is out. docs/sealed.md sections 2, 10 and 12."""
import json
import os
import subprocess

from harness import Program, check, equal, until
from sealed_client import Device, Person
import frames
import sealed
import sealed_trust


class Machine:
    """Another machine of a user: a home of its own."""

    def __init__(self, env, server, user, name):
        self.env, self.server, self.user, self.home = env, server, user, env.folder / ('machine-' + name)

    def argv(self, *words):
        """A command line here."""
        return [self.env.build / 'csce513fall24Msg', '--server', self.server.name, '--user', self.user, '--home',
                self.home, '--accept-new', '--json', *words]

    def start(self, *words):
        """A program that goes on, with a pipe to its stdin."""
        program = Program(self.argv(*words), self.env.folder, environ=self.env.environ(), stdin=subprocess.PIPE)
        self.env.programs.append(program)
        return program

    def run(self, *words, stdin=b''):
        """A command to its end: exit status, events, errors."""
        done = subprocess.run([str(a) for a in self.argv(*words)], cwd=self.env.folder, input=stdin,
                              capture_output=True, timeout=40, env=self.env.environ(), check=False)
        events = [json.loads(line) for line in done.stdout.decode().splitlines()]
        return done.returncode, events, done.stderr.decode()

    def expect(self, status, *words, stdin=b''):
        """The events of a command that must end so."""
        got, events, errors = self.run(*words, stdin=stdin)
        equal(got, status, '%s: exit status (%r, %s)' % (' '.join(map(str, words)), events, errors))
        return events

    def devices(self):
        """The rows of `keys devices`."""
        return self.expect(0, 'keys', 'devices')


def say(program, text):
    """A line into a program."""
    program.process.stdin.write(text.encode() + b'\n')
    program.process.stdin.flush()


def admit(phone, laptop, *words, code=None):
    """Lets a machine in by another one: (the program on the new one, that on the old one), both still running or
    done. With code something else than what is shown is typed."""
    host = phone.start('device', 'admit', *words)
    new = laptop.start('device', 'add')
    host.out.wait(20, ev='asks')
    say(host, 'yes')
    shown = new.out.wait(20, ev='code')['code']
    host.out.wait(20, ev='code-wanted')
    say(host, code(shown) if code else shown[:4] + ' ' + shown[4:])
    return new, host


def admitted(phone, laptop, *words):
    """The same, to its good end."""
    new, host = admit(phone, laptop, *words)
    host.out.wait(20, ev='right')
    say(new, 'yes')
    equal((new.wait(20), host.wait(20)), (0, 0), 'exit of both (%s, %s)' % (new.err.raw, host.err.raw))


def pair(env, server, user='alice'):
    """An account with two machines: (phone, laptop)."""
    phone, laptop = Machine(env, server, user, user + '-phone'), Machine(env, server, user, user + '-laptop')
    phone.expect(0, 'who')
    return phone, laptop


def texts(program):
    """What a tail was shown."""
    return [(e['from'], e['to'], e['text']) for e in program.out.parsed if e.get('ev') == 'message']


def test_admitted_by_a_code(env):
    """Listed with who let it in; both get what others send, and each what the other sends, as mine."""
    server = env.server()
    phone, laptop = pair(env, server)
    admitted(phone, laptop)
    rows = phone.devices()
    equal([r['device'] for r in rows], [r['device'] for r in laptop.devices()], 'the list on both')
    equal((rows[0]['by'], rows[1]['by'], rows[1]['revoked']), (None, rows[0]['device'], False), 'by whom')
    tails = [machine.start('tail') for machine in (phone, laptop)]
    for tail in tails:
        until(lambda t=tail: any('connected' in line for line in t.err.raw), 'connected')
    bob = env.tail(server, 'bob')
    env.cli(server, 'bob', 'send', 'alice', 'to both').expect(0)
    for tail in tails:
        tail.out.wait(ev='message', text='to both')
    laptop.expect(0, 'send', 'bob', 'from the laptop')
    check(bob.out.wait(ev='message', text='from the laptop')['sealed'], 'not sealed')
    copy = tails[0].out.wait(ev='message', text='from the laptop')
    equal((copy['from'], copy['to'], copy['sealed']), ('alice', 'bob', True), 'the copy')
    equal(laptop.run('keys', 'paper', '--yes')[0], 4, 'the account key was not handed over')
    equal(laptop.run('keys', 'revoke', rows[0]['device'], '--yes')[0], 4, 'nor may it revoke')


def test_with_the_account_key(env):
    """Handed over only when asked: then the second device admits a third, and can revoke the first."""
    server = env.server()
    phone, laptop = pair(env, server)
    admitted(phone, laptop, '--with-account-key')
    tablet = Machine(env, server, 'alice', 'tablet')
    admitted(laptop, tablet)
    first = phone.devices()[0]['device']
    laptop.expect(0, 'keys', 'revoke', first, '--yes')
    equal([r['revoked'] for r in laptop.devices()], [True, False, False], 'the list')


def test_wrong_code(env):
    """One try: nothing is listed, both say why and end with an error, and the new machine can start again."""
    server = env.server()
    phone, laptop = pair(env, server)
    new, host = admit(phone, laptop, code=lambda shown: '%08d' % ((int(shown) + 1) % 10 ** 8))
    equal((new.wait(20), host.wait(20)), (4, 4), 'exit of both')
    check('the code is not the one' in ' '.join(host.err.raw), 'the words: %s' % host.err.raw)
    equal(len(phone.devices()), 1, 'devices')
    admitted(phone, laptop)


def test_the_person_says_no(env):
    """The host took a code (perhaps of an attacker in the middle): without the yes nothing is believed."""
    server = env.server()
    phone, laptop = pair(env, server)
    new, host = admit(phone, laptop)
    host.out.wait(20, ev='right')
    say(new, 'no')
    equal((new.wait(20), host.wait(20)), (4, 4), 'exit of both')
    equal(len(phone.devices()), 1, 'devices')
    check(not list(laptop.home.glob('alice/key')), 'a key that is nobody\'s was left behind')


def test_nobody_there(env):
    """Who asks in vain gives up in time, and says what to do; an unknown name, and a name in other capitals."""
    server = env.server()
    phone, laptop = pair(env, server)
    status, events, _ = laptop.run('device', 'add', '--timeout', '1')
    equal((status, events[-1]['code']), (7, 'no-answer'), 'in vain')
    check('device admit' in events[-1]['hint'], 'the hint: %s' % events)
    stranger = Machine(env, server, 'nobody', 'nobody')
    equal(stranger.run('device', 'add')[0], 5, 'an unknown name')
    equal(phone.run('device', 'admit', '--timeout', '1')[0], 7, 'no device asks')
    host = phone.start('device', 'admit')
    loud = Machine(env, server, 'ALICE', 'loud').start('device', 'add')
    host.out.wait(20, ev='asks')
    say(host, 'yes')
    equal((host.wait(20), loud.wait(20)), (4, 4), 'other capitals')
    check('capitals' in ' '.join(host.err.raw), 'the words: %s' % host.err.raw)


def test_somebody_in_the_middle(env):
    """A host that is not the account's (here: the reference client with a key of its own) shows another code than
    the phone would take; what it hands over is not believed, and message 3 exchanged on the way is noticed."""
    server = env.server()
    phone, laptop = pair(env, server)
    host = phone.start('device', 'admit')
    person = Person('alice')
    eve = Device(person)
    client = env.login(eve.identity, server, caps=frames.ADMIT | frames.RECEIVE)
    offer = sealed_trust.admission_offer(eve.keys, b'alice', sealed.Pair(os.urandom(32)), os.urandom(32))
    client.admit(1, sealed.hash_of('csmsg admit commit 1', offer))
    host.out.wait(20, ev='asks')
    say(host, 'yes')
    second = client.expect('ADMIT_S', op=frames.CARRY, step=2)
    other = sealed_trust.admission_offer(eve.keys, b'alice', sealed.Pair(os.urandom(32)), os.urandom(32))
    client.admit(3, other, second.attempt)
    equal(host.wait(20), 4, 'exit of the host')
    check('exchanged' in ' '.join(host.err.raw), 'the words: %s' % host.err.raw)
    equal(len(phone.devices()), 1, 'devices')


def test_revoked(env):
    """Its sessions end, it cannot come back, and what is sent from then on is sealed for who remains."""
    server = env.server()
    phone, laptop = pair(env, server)
    admitted(phone, laptop)
    bob = env.tail(server, 'bob')
    lost = laptop.start('tail')
    until(lambda: any('connected' in line for line in lost.err.raw), 'connected')
    env.cli(server, 'bob', 'send', 'alice', 'before').expect(0)
    lost.out.wait(ev='message', text='before')
    number = phone.devices()[1]['device']
    equal(phone.run('keys', 'revoke', number)[0], 2, 'without --yes')
    equal(phone.run('keys', 'revoke', 'ffff', '--yes')[0], 5, 'no such device')
    phone.expect(0, 'keys', 'revoke', number[:8], '--yes')
    equal(lost.wait(20), 4, 'the exit of the revoked device')
    equal(phone.devices()[1]['revoked'], True, 'the list')
    tail = phone.start('tail')
    env.cli(server, 'bob', 'send', 'alice', 'after').expect(0)
    tail.out.wait(20, ev='message', text='after')
    phone.expect(0, 'send', 'bob', 'alone again')
    bob.out.wait(ev='message', text='alone again')
    equal(laptop.run('who')[0], 4, 'it comes back')


def test_paper_key(env):
    """24 words restore the identity when every machine is lost; the account's key comes with them."""
    server = env.server()
    phone, laptop = pair(env, server)
    equal(phone.run('keys', 'paper')[0], 2, 'elsewhere than to a terminal')
    words = phone.expect(0, 'keys', 'paper', '--yes')[0]['words']
    equal(len(words.split()), 24, 'words')
    short = '\n'.join(w[:4].upper() for w in words.split())
    laptop.expect(0, 'device', 'add', '--paper', stdin=short.encode() + b'\n')
    rows = laptop.devices()
    equal([r['by'] for r in rows], [None, None], 'by the account key alone')
    laptop.expect(0, 'keys', 'revoke', rows[0]['device'], '--yes')
    env.cli(server, 'bob', 'send', 'alice', 'hello').expect(0)
    equal(laptop.expect(0, 'tail', '--count', '1', '--timeout', '10')[-1]['text'], 'hello', 'what comes')
    equal(laptop.expect(0, 'keys', 'paper', '--yes')[0]['words'], words, 'the words from there')


def test_wrong_paper(env):
    """Slips on paper are named; the key of another account opens nothing; no home is left behind."""
    server = env.server()
    phone, laptop = pair(env, server)
    words = phone.expect(0, 'keys', 'paper', '--yes')[0]['words'].split()

    def slip(text):
        status, events, _ = laptop.run('device', 'add', '--paper', stdin=' '.join(text).encode())
        return status, events[-1]['message']

    for text, expected in ((words[:23], '23 words'), (['qqqq'] + words[1:], 'word 1 ')):
        status, message = slip(text)
        equal(status, 1, 'exit of %s' % expected)
        check(expected in message, 'the words: %s' % message)
    # The checksum has 8 bits: one exchange in 256 looks like the paper of somebody else.
    exchanged = [slip(words[:n] + [words[n + 1], words[n]] + words[n + 2:]) for n in range(0, 6, 2)]
    check(all(status in (1, 4) for status, _ in exchanged), 'exchanged words were taken: %s' % exchanged)
    check(any(status == 1 and 'exchanged' in message for status, message in exchanged), 'words exchanged: %s' % exchanged)
    other = Machine(env, server, 'bob', 'bob')
    other.expect(0, 'who')
    foreign = other.expect(0, 'keys', 'paper', '--yes')[0]['words']
    equal(laptop.run('device', 'add', '--paper', stdin=foreign.encode())[0], 4, "another account's paper")
    check(not (laptop.home / 'alice').exists(), 'a home was left behind')


def test_admitted_in_the_conversation(env):
    """/admit does the same."""
    server = env.server()
    phone, laptop = pair(env, server)
    argv = [a for a in phone.argv() if a != '--json']
    chat = Program(argv, env.folder, environ=env.environ(), stdin=subprocess.PIPE, parse=lambda line: {'line': line})
    env.programs.append(chat)
    until(lambda: any('connected to' in line for line in chat.out.raw), 'the conversation')
    new = laptop.start('device', 'add')
    until(lambda: any('wants to be one of yours' in line for line in chat.out.raw), 'the question')
    say(chat, '/admit')
    code = new.out.wait(20, ev='code')['code']
    until(lambda: any('/admit CODE' in line for line in chat.out.raw), 'the code is wanted')
    say(chat, '/admit %s-%s' % (code[:4], code[4:]))
    until(lambda: any('the code is right' in line for line in chat.out.raw), 'it is right')
    say(new, 'yes')
    equal(new.wait(20), 0, 'exit of the new device')
    until(lambda: any('is a device of yours now' in line for line in chat.out.raw), 'told')
