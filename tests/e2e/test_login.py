"""Names, keys, roles and sessions, by the reference client against the real server: section 5 of
docs/protocol.md."""
import os
import signal
import time

import csmsg
import sealed_trust
from csmsg import Identity
from frames import Frame, encode
from harness import check, equal, raises, until


def refusal(env, server, identity, **fields):
    """The code with which this login is refused."""
    name = identity if isinstance(identity, str) else identity.name
    error = raises(csmsg.Refused, lambda: env.login(identity, server, **fields),
                   'login as %s' % name)
    check(error.frame is not None, 'expected an ERROR frame, came a refusal in the preface')
    check(error.frame.text, 'an ERROR without text: %s' % error.frame)
    return error.frame.code_name


def now_ms():
    """The clock, in milliseconds."""
    return int(time.time() * 1000)


def test_registration(env):
    """The first login registers, the second does not; WELCOME says what it should."""
    server = env.server(server__name='lab.example', limits__queue_keep='2d', limits__text='1KiB',
                        limits__window_messages=99)
    alice = Identity('alice')
    first = env.login(alice, server, caps=0)
    equal((first.hello.max_text, first.hello.window), (1024, 99), 'max_text and window')
    skew = abs(first.hello.server_time - now_ms())
    check(skew < 60000, 'server_time differs by %d ms from the clock' % skew)
    again = env.login(alice, server, caps=0)
    for number, (client, fresh) in enumerate(((first, 1), (again, 0)), 1):
        got = client.welcome
        equal((got.user, got.device, got.flags, got.role, got.server, got.keep_s, got.waiting,
               got.last_id), ('alice', alice.device, fresh, 0, 'lab.example', 2 * 86400, 0, 0),
              'WELCOME of login %d' % number)
        check(got.incarnation >= 1, 'expected an incarnation from 1 on, came %d' % got.incarnation)
    equal(again.welcome.account, first.welcome.account, 'the account number of the second login')
    bob = env.login('bob', server)
    check(bob.welcome.account != first.welcome.account, 'two accounts with one number')


def test_fingerprint(env):
    """The log's fingerprint, and its words, are those of the identity that the handshake shows."""
    server = env.server()
    client = env.dial(server).connect()
    words = sealed_trust.fingerprint(client.hello.server_id)
    equal(server.log.wait(sub='server', ev='ready')['words'], words, 'words')
    equal(server.ctl('status')[0]['words'], words, 'words of status')
    equal(csmsg.fingerprint(client.hello.server_id), server.fingerprint, 'fingerprint')


def test_name_in_another_case(env):
    """The same key comes in under any spelling and is called as it was registered."""
    server = env.server()
    alice = Identity('Alice')
    env.login(alice, server).bye()
    alice.name = 'aLICE'
    equal(env.login(alice, server).welcome.user, 'Alice', 'WELCOME.name')


def test_name_belongs_to_its_key(env):
    """Also after the server was restarted."""
    server = env.server()
    alice = Identity('alice')
    first = env.login(alice, server).welcome
    equal(refusal(env, server, 'alice'), 'name-taken', 'another key')
    server.stop()
    server = env.keep(server.restart())
    equal(refusal(env, server, 'alice'), 'name-taken', 'another key after the restart')
    second = env.login(alice, server).welcome
    equal((second.account, second.flags), (first.account, 0), 'account and flags after restart')
    check(second.incarnation > first.incarnation, 'the incarnation did not rise: %d, then %d' % (
        first.incarnation, second.incarnation))


def test_invalid_names(env):
    """What is no name, and what is reserved."""
    server = env.server()
    for name in ('-x', '.x', '_x', 'a b', 'a/b', 'zoë', 'a\0b', 'a\x1b[2J', '#lobby'):
        equal(refusal(env, server, name), 'name-invalid', 'name %r' % name)
    for name in ('', 'x' * 33):  # no name fits in such a field
        code = refusal(env, server, name)
        check(code in ('name-invalid', 'bad-frame'), 'name %r: came %s' % (name, code))
    equal(refusal(env, server, Identity('server')), 'name-invalid', 'a reserved name')
    for name in ('a', '7', 'x' * 32, 'a_b.c-d'):
        equal(env.login(name, server).welcome.user, name, 'a valid name')


def test_look_alikes(env):
    """Names that the eye takes for one another."""
    server = env.server()
    for name, likes in (('paul', ('pau1', 'PauI', 'p.aul')), ('modern', ('rnodern', 'm0dern'))):
        env.login(name, server)
        for like in likes:
            equal(refusal(env, server, like), 'name-invalid', '%s beside %s' % (like, name))


def test_roster(env):
    """Only who is on the roster; the role is the roster's."""
    (env.folder / 'roster.csv').write_text(
        'name,role\nalice,instructor\nbob,member\ncarol,assistant\n')
    server = env.server(access__register='roster', access__roster=env.folder / 'roster.csv')
    for name, role in (('alice', 2), ('bob', 0), ('carol', 1)):
        equal(env.login(name, server).welcome.role, role, 'role of %s' % name)
    equal(refusal(env, server, 'dave'), 'not-on-roster', 'a name that is not listed')


def test_too_many_sessions(env):
    """Sessions of one user have a limit."""
    server = env.server(limits__sessions_per_user=3)
    me = Identity('alice')
    for _ in range(3):
        env.login(me, server, caps=0)
    equal(refusal(env, server, me, caps=0), 'too-many-sessions', 'the fourth')
    env.login('bob', server)


def test_key_rotation(env):
    """A new transport key, the same identity; sessions go on, new ones see the new key."""
    server = env.server()
    alice = env.login('alice', server)
    server.ctl('key', 'rotate')
    old = alice.hello.transport_key
    until(lambda: env.dial(server).connect().hello.transport_key != old, 'a new transport key')
    bob = env.login('bob', server)
    equal(bob.hello.server_id, alice.hello.server_id, 'server_id')
    alice.send('bob', 'still here')
    equal(bob.take_message().text_body, 'still here', 'what Bob received')
    server.stop()
    server = env.keep(server.restart())
    later = env.dial(server).connect()
    equal((later.hello.server_id, later.hello.transport_key),
          (bob.hello.server_id, bob.hello.transport_key), 'identity and key after a restart')


def test_stop_says_so(env):
    """SIGTERM: every session ends with ERROR stopping."""
    server = env.server()
    clients = [env.login(name, server) for name in ('alice', 'bob')]
    server.stop()
    for client in clients:
        equal(client.expect('ERROR').code_name, 'stopping', 'the last frame')


def test_bye_and_broken_connection(env):
    """BYE and a lost connection both end the session; the log tells them apart."""
    server = env.server()
    alice, bob = env.login('alice', server), env.login('bob', server)
    alice.bye()
    bob.close()
    reasons = [server.wait_log(sub='session', ev='drop', user=name)['reason']
               for name in ('alice', 'bob')]
    check(reasons[0] != reasons[1], 'one reason for both: %s' % reasons)


def cpu_ticks(pid):
    """User and system time of a process so far, in hundredths of a second."""
    with open('/proc/%d/stat' % pid, encoding='ascii') as stat:
        fields = stat.read().rsplit(')', 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_talking_while_the_broker_is_awaited(env):
    """What a client says before its LOGIN is answered wakes nobody again and again, and is heard after it."""
    server = env.server(server__workers=1)
    worker, broker = server.pids('worker')[0], server.pids('broker')[0]
    client = env.dial(server, 'alice').connect()
    os.kill(broker, signal.SIGSTOP)
    try:
        for frame in (client.identity.login(client.h, client.hello.challenge), Frame('PING', value=7)):
            client.send_bytes(client.seal(b''.join(encode(frame))))
        before = cpu_ticks(worker)
        time.sleep(0.5)  # what is measured is what the worker does in half a second in which nothing comes
        spent = cpu_ticks(worker) - before
    finally:
        os.kill(broker, signal.SIGCONT)
    client.expect('WELCOME')
    client.expect('PONG', value=7)
    check(spent < 15, 'the worker was busy for %d of 50 ticks' % spent)
