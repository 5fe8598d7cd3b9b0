"""The real client's command lines: what they print and with what status they end."""
import base64
import os
import re
import signal
import socket
import stat
import subprocess

import csmsg
import frames
from harness import Program, Server, check, equal, until

RFC3339 = re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$')


def registered(env, server, *names):
    """Lets these users log in once, so that they exist; each is gone again after it."""
    for name in names:
        env.cli(server, name, 'who').expect(0)
        server.wait_log(sub='session', ev='drop', user=name)


def free_port():
    """A port of this machine on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def test_send_and_tail(env):
    """One line of JSON a message, with all its keys; tail ends after --count."""
    server = env.server()
    bob = env.tail(server, 'bob', '--count', '2', '--timeout', '20')
    done = env.cli(server, 'alice', 'send', 'bob', 'hello Bob').expect(0)
    accepted = done.event(ev='accepted')
    check(accepted['state'] in ('accepted', 'delivered'), 'accepted: %s' % accepted)
    got = bob.out.wait(ev='message')
    equal({k: got.get(k) for k in ('ev', 'from', 'to', 'text', 'id')},
          {'ev': 'message', 'from': 'alice', 'to': 'bob', 'text': 'hello Bob',
           'id': accepted['id']}, 'the message')
    check(RFC3339.match(str(got.get('time'))), 'time is not RFC 3339: %r' % got.get('time'))
    env.cli(server, 'alice', 'send', 'bob', 'second').expect(0)
    equal(bob.wait(), 0, 'exit status of tail')
    equal([p['text'] for p in bob.out.parsed if p['ev'] == 'message'], ['hello Bob', 'second'],
          'the messages in order')
    check(all(p['ev'] != 'not JSON' for p in bob.out.parsed), 'stdout: %s' % bob.out.raw)


def test_tail_times_out(env):
    """No message in time: exit 7."""
    server = env.server()
    env.cli(server, 'bob', 'tail', '--count', '1', '--timeout', '1').expect(7)


def test_wait_delivered(env):
    """Status 0 only when the recipient has it."""
    server = env.server()
    bob = env.tail(server, 'bob', '--count', '1', '--timeout', '20')
    done = env.cli(server, 'alice', 'send', 'bob', 'hi', '--wait', 'delivered').expect(0)
    done.event(ev='accepted', state='delivered')
    equal(bob.wait(), 0, 'exit status of tail')


def test_wait_delivered_to_somebody_absent(env):
    """Stored, not delivered in time: 7, and the numbers; it arrives later, once."""
    server = env.server(limits__queue_keep='2d')
    registered(env, server, 'bob')
    done = env.cli(server, 'alice', 'send', 'bob', 'later', '--wait', 'delivered', '--timeout', '1')
    stored = done.expect(7).event(ev='accepted', state='stored')
    check('bob' in str(stored) and '1' in str(stored.get('waiting')), 'who waits, and how many: %s'
          % stored)
    tail = env.cli(server, 'bob', 'tail', '--count', '1', '--timeout', '10').expect(0)
    equal(tail.event(ev='message')['text'], 'later', 'the stored message')
    env.cli(server, 'bob', 'tail', '--count', '1', '--timeout', '1').expect(7)


def test_wait_ends_when_the_recipient_comes(env):
    """--wait delivered on a stored message ends with the receipt."""
    server = env.server()
    registered(env, server, 'bob')
    argv = env.argv(server, 'alice', '--accept-new', 'send', 'bob', 'wait for me', '--wait',
                    'delivered', '--timeout', '20')
    program = Program(argv, env.folder, environ=env.environ())
    env.programs.append(program)
    program.out.wait(ev='accepted', state='stored')
    env.cli(server, 'bob', 'tail', '--count', '1', '--timeout', '10').expect(0)
    program.out.wait(ev='accepted', state='delivered')
    equal(program.wait(), 0, 'exit status of send')


def test_text_from_stdin(env):
    """Several lines by '-', and what comes out is what went in."""
    server = env.server()
    text = 'first line\n\tsecond line, grüße\n\nfourth'
    bob = env.tail(server, 'bob', '--count', '1', '--timeout', '20')
    env.cli(server, 'alice', 'send', 'bob', '-', stdin=text).expect(0)
    equal(bob.out.wait(ev='message')['text'].rstrip('\n'), text, 'the text')


def test_long_text_from_stdin(env):
    """64 KiB pass; more is refused before or by the server, with words, and with a status."""
    server = env.server()
    text = ('0123456789abcde\n' * 4096)[:65535] + '.'
    bob = env.tail(server, 'bob', '--count', '1', '--timeout', '20')
    env.cli(server, 'alice', 'send', 'bob', '-', stdin=text).expect(0)
    equal(bob.out.wait(ev='message')['text'], text, 'the text')
    done = env.cli(server, 'alice', 'send', 'bob', '-', stdin=text + 'x' * 100)
    check(done.status not in (0, 139), 'more than 64 KiB: exit status %d' % done.status)
    check(done.err or done.out, 'more than 64 KiB: refused without a word')


def test_no_such_user(env):
    """5, with the code and a hint that names the nearest."""
    server = env.server()
    registered(env, server, 'frank')
    done = env.cli(server, 'alice', 'send', 'frnak', 'hi').expect(5)
    error = done.event(ev='error', code='no-such-user')
    check(error.get('message'), 'no message: %s' % error)
    check('frank' in error.get('hint', ''), 'the hint does not name frank: %s' % error)
    plain = env.cli(server, 'alice', 'send', 'frnak', 'hi', json_lines=False).expect(5)
    check('frnak' in plain.err and 'frank' in plain.err, 'stderr: %r' % plain.err)


def test_lobby(env):
    """A message to '#lobby' reaches who tails; joins and leaves are lines of their own."""
    server = env.server()
    bob = env.tail(server, 'bob', '--timeout', '30')
    env.cli(server, 'alice', 'send', '#lobby', 'good morning').expect(0)
    got = bob.out.wait(ev='message')
    equal((got['from'], got['to'], got['text']), ('alice', '#lobby', 'good morning'), 'the message')
    carol = env.login('carol', server, caps=frames.RECEIVE | frames.LOBBY)
    bob.out.wait(ev='join', user='carol')
    carol.bye()
    bob.out.wait(ev='leave', user='carol')


def test_who(env):
    """Lists who is connected, as JSON and as text."""
    server = env.server()
    env.tail(server, 'bob', '--timeout', '30')
    env.login('carol', server)
    done = env.cli(server, 'alice', 'who').expect(0)
    for name in ('bob', 'carol'):
        check(any(name in map(str, event.values()) for event in done.events()),
              '%s is not in %r' % (name, done.out))
    check(all(event['ev'] != 'not JSON' for event in done.events()), 'stdout: %r' % done.out)
    plain = env.cli(server, 'alice', 'who', json_lines=False).expect(0)
    check('bob' in plain.out and 'carol' in plain.out, 'stdout: %r' % plain.out)


def test_keys_show(env):
    """The own key, and the server's fingerprint as the server prints it."""
    server = env.server()
    registered(env, server, 'alice')
    plain = env.cli(server, 'alice', 'keys', 'show', json_lines=False).expect(0)
    check(server.fingerprint in plain.out, 'expected the fingerprint %s in %r' % (
        server.fingerprint, plain.out))
    done = env.cli(server, 'alice', 'keys', 'show').expect(0)
    check(done.events() and all(e.get('ev') != 'not JSON' for e in done.events()),
          'stdout: %r' % done.out)


def test_options_before_and_after(env):
    """Options stand before the command or after it, also after the operands."""
    server = env.server()
    bob = env.tail(server, 'bob', '--count', '2', '--timeout', '20')
    common = ['--server', server.name, '--user', 'alice', '--home', env.folder / 'home-alice',
              '--accept-new', '--json']
    program = env.build / os.path.basename(env.argv(server, 'alice')[0])
    for argv in ([program, *common, 'send', 'bob', 'before'],
                 [program, 'send', 'bob', 'after', *common]):
        done = subprocess.run(argv, capture_output=True, timeout=30, env=env.environ(),
                              stdin=subprocess.DEVNULL, check=False)
        equal(done.returncode, 0, '%s: status (stderr %r)' % (argv[1:], done.stderr))
    bob.wait()
    equal([p['text'] for p in bob.out.parsed if p['ev'] == 'message'], ['before', 'after'],
          'what Bob received')


def test_text_that_looks_like_an_option(env):
    """After '--' everything is text."""
    server = env.server()
    bob = env.tail(server, 'bob', '--count', '1', '--timeout', '20')
    env.cli(server, 'alice', 'send', '--', 'bob', '--json').expect(0)
    equal(bob.out.wait(ev='message')['text'], '--json', 'the text')


def test_wrong_usage(env):
    """2, and what would have been right, on stderr."""
    server = env.server()
    for words in (['nonsense'], ['send'], ['send', 'bob', 'x', '--wait', 'sometimes'],
                  ['tail', '--count', 'many'], ['--nonsense', 'who'], ['keys', 'eat']):
        done = env.cli(server, 'alice', *words).expect(2)
        check(done.err, '%s: no words on stderr' % words)


def test_unreachable(env):
    """Nobody listens: 3, in time."""
    nobody = '127.0.0.1:%d' % free_port()
    for words in (['send', 'bob', 'hi', '--timeout', '1'], ['who', '--timeout', '1']):
        done = env.cli(nobody, 'alice', *words).expect(3)
        check('127.0.0.1' in done.err + done.out, 'the words do not name the server: %r' % done.err)


def test_unknown_server_key(env):
    """Without --accept-new and without a terminal: 6, the fingerprint is shown, nothing pinned."""
    server = env.server()
    done = env.cli(server, 'alice', 'send', 'bob', 'hi', accept=False).expect(6)
    check(server.fingerprint in done.err + done.out, 'the fingerprint is not shown: %r' % done.err)
    env.cli(server, 'alice', 'who', accept=False).expect(6)


def test_pinned_server(env):
    """--accept-new pins; from then on it is not needed. The file has its form and its mode."""
    server = env.server()
    env.cli(server, 'alice', 'who').expect(0)
    env.cli(server, 'alice', 'who', accept=False).expect(0)
    path, = (env.folder / 'home-alice').rglob('known_servers')
    words = path.read_text().split()
    client = env.dial(server).connect()
    equal(words[:3], [server.name, 'ed25519', base64.b64encode(client.hello.server_id).decode()],
          'the line in known_servers')


def test_only_the_owner_reads(env):
    """Key, store and pins are the owner's alone."""
    server = env.server()
    registered(env, server, 'alice')
    home = env.folder / 'home-alice'
    for path in [home, *home.rglob('*')]:
        mode = stat.S_IMODE(path.stat().st_mode)
        check(not mode & 0o077, '%s has mode %o' % (path.relative_to(env.folder), mode))


def test_changed_server_key(env):
    """Another identity under a pinned address: 6 and loud words, --accept-new or not."""
    server = env.server()
    registered(env, server, 'alice')
    server.stop()
    place = env.folder / 'impostor'
    place.mkdir()
    other = env.keep(Server(env.build, place, server.settings, server.name))
    for accept in (True, False):
        done = env.cli(other, 'alice', 'send', 'bob', 'secret', accept=accept).expect(6)
        check('changed' in done.err.lower() + done.out.lower(), 'the words: %r' % done.err)
    check(not other.log.matches(0, {'sub': 'session', 'ev': 'open'}), 'the client has logged in')


def test_rotated_transport_key(env):
    """A new transport key under the same identity: nobody is warned."""
    server = env.server()
    registered(env, server, 'alice')
    server.ctl('key', 'rotate')
    done = env.cli(server, 'alice', 'who', accept=False).expect(0)
    check('changed' not in done.err.lower(), 'a warning: %r' % done.err)


def test_name_taken(env):
    """Another key for a name: 4, with words that help."""
    server = env.server()
    registered(env, server, 'alice')
    (env.folder / 'home-alice').rename(env.folder / 'old-home')
    done = env.cli(server, 'alice', 'who').expect(4)
    check('alice' in done.err + done.out, 'the words: %r %r' % (done.err, done.out))
    done.event(ev='error', code='name-taken')


def test_queue_full(env):
    """Too many wait: 75, with the number."""
    server = env.server(limits__queue_messages=2)
    registered(env, server, 'bob')
    for _ in range(2):
        env.cli(server, 'alice', 'send', 'bob', 'hi').expect(0)
    done = env.cli(server, 'alice', 'send', 'bob', 'hi').expect(75)
    check('2' in done.event(ev='error', code='queue-full')['message'], 'no number in %s' % done.out)


def test_foreign_text_is_shown_harmlessly(env):
    """Escape sequences and direction overrides of others never reach stdout raw."""
    server = env.server()
    argv = env.argv(server, 'bob', '--accept-new', 'tail', '--count', '1', '--timeout', '20',
                    json_lines=False)
    since = server.log.mark()
    bob = Program(argv, env.folder, parse=lambda line: {'line': line}, environ=env.environ())
    env.programs.append(bob)
    server.wait_log(after=since, sub='session', ev='open', user='bob')
    mallory = env.login('mallory', server)
    mallory.send('bob', 'red \x1b[31m title \x1b]0;x\x07 c1 \x9b31m back \x08 turn \u202eevil end')
    equal(bob.wait(), 0, 'exit status of tail')
    until(lambda: bob.out.ended, 'the end of its stdout')
    shown = '\n'.join(bob.out.raw)
    check('red' in shown and 'end' in shown, 'the message is not shown: %r' % shown)
    bad = [c for c in shown if c in '\x1b\x07\x08\x9b\u202e']
    equal(bad, [], 'raw control characters in the output')


def test_invalid_bodies_of_others(env):
    """Bodies of another suite, or no UTF-8: shown as such or left out, tail goes on."""
    server = env.server()
    bob = env.tail(server, 'bob', '--timeout', '30')
    mallory = env.login('mallory', server)
    for body in (b'\x00', b'\x00\x00', b'\x07\x00new suite', b'\x00\x00\xff\xfe\xc0', b'\x00\x09x'):
        mallory.send('bob', body)
    mallory.send('bob', 'still alive')
    bob.out.wait(ev='message', text='still alive')


def test_acting(env):
    """Form 1 is /me: it comes out as a message, too."""
    server = env.server()
    bob = env.tail(server, 'bob', '--timeout', '30')
    alice = env.login('alice', server)
    alice.send('bob', csmsg.plain_body('waves', form=1))
    check('waves' in bob.out.wait(ev='message')['text'], 'the text: %s' % bob.out.raw)


def test_tail_survives_a_restart(env):
    """The server ends and comes back: tail dials again and misses nothing."""
    server = env.server()
    bob = env.tail(server, 'bob', '--count', '2', '--timeout', '45')
    env.cli(server, 'alice', 'send', 'bob', 'before').expect(0)
    bob.out.wait(ev='message', text='before')
    server.stop()
    server = env.keep(server.restart())
    env.cli(server, 'alice', 'send', 'bob', 'after').expect(0)
    equal(bob.wait(30), 0, 'exit status of tail')
    equal([p['text'] for p in bob.out.parsed if p['ev'] == 'message'], ['before', 'after'],
          'the messages')


def test_tail_survives_a_killed_worker(env):
    """A worker is killed: it is replaced at once, its clients dial again and lose nothing."""
    server = env.server(server__workers=1)
    bob = env.tail(server, 'bob', '--count', '20', '--timeout', '45')
    alice = env.login('alice', server)
    for number in range(10):
        alice.send('bob', 'm%d' % number)
    since = server.log.mark()
    for pid in server.pids('worker'):
        os.kill(pid, signal.SIGKILL)
    server.wait_log(after=since, sub='worker', ev='start')
    again = env.login(alice.identity, server)
    for number in range(20):
        again.send('bob', 'm%d' % number, number=number + 1)
    equal(bob.wait(30), 0, 'exit status of tail')
    equal([p['text'] for p in bob.out.parsed if p['ev'] == 'message'],
          ['m%d' % n for n in range(20)], 'the messages')


def test_outbox_is_sent_later(env):
    """What could not be sent stands in the outbox and goes out with the next command."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    server.stop()
    env.cli(server, 'alice', 'send', 'bob', 'written offline', '--timeout', '1').expect(3)
    server = env.keep(server.restart())
    env.cli(server, 'alice', 'send', 'bob', 'written later').expect(0)
    done = env.cli(server, 'bob', 'tail', '--count', '2', '--timeout', '10').expect(0)
    equal([e['text'] for e in done.events() if e['ev'] == 'message'],
          ['written offline', 'written later'], 'the messages')


def test_two_senders_of_one_home(env):
    """Two commands at once share an outbox: both messages arrive, each once."""
    server = env.server()
    bob = env.tail(server, 'bob', '--count', '6', '--timeout', '40')
    registered(env, server, 'alice')
    senders = []
    for number in range(6):
        argv = env.argv(server, 'alice', '--accept-new', 'send', 'bob', 'p%d' % number)
        senders.append(Program(argv, env.folder, environ=env.environ()))
        env.programs.append(senders[-1])
    for sender in senders:
        equal(sender.wait(30), 0, 'exit status of a sender (stderr %s)' % sender.err.raw)
    equal(bob.wait(30), 0, 'exit status of tail')
    equal(sorted(p['text'] for p in bob.out.parsed if p['ev'] == 'message'),
          ['p%d' % n for n in range(6)], 'the messages')


def test_interrupted(env):
    """Ctrl-C: 130."""
    server = env.server()
    bob = env.tail(server, 'bob')
    os.kill(bob.pid, signal.SIGINT)
    equal(bob.wait(), 130, 'exit status after SIGINT')
    until(lambda: server.log.matches(0, {'sub': 'session', 'ev': 'drop', 'user': 'bob'}),
          'the session ends')
