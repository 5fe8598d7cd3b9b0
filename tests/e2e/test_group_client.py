"""Groups by the real client: who is in, what they read, in which order; docs/sealed.md sections 7 and 8."""
import os
import shutil
import signal

from harness import check, equal, until


def registered(env, server, *users):
    """Real people who were here once: their keys are at the server."""
    for user in users:
        env.cli(server, user, 'who').expect(0)


def group(env, server, user, *words, status=0):
    """The command `group`, done."""
    return env.cli(server, user, 'group', *words, timeout=30).expect(status)


def say(env, server, user, room, text, status=0):
    return env.cli(server, user, 'send', room, text, timeout=30).expect(status)


def lines(program, room='#chess'):
    """What a tail has shown of a room, in short: ('alice', 'text') or ('alice', 'join')."""
    got = []
    for e in program.out.parsed:
        if e.get('ev') == 'message' and e.get('to') == room:
            got.append((e['from'], e['text'] if 'unopened' not in e else '!' + e['unopened']))
        elif e.get('ev') == 'entry' and e.get('room') == room:
            got.append((e.get('from'), e.get('op') + (' ' + e['user'] if 'user' in e else '')))
        elif e.get('ev') == 'gap' and e.get('room') == room:
            got.append(('', 'gap'))
    return got


def shows(program, wanted, what, timeout=20):
    until(lambda: lines(program) == wanted, what, timeout) if lines(program) != wanted else None


def read(env, server, user, count):
    """What somebody who comes back is shown; count lines of any kind."""
    tail = env.cli(server, user, 'tail', '--count', str(count), '--timeout', '20', timeout=40).expect(0)
    return lines(tail)


def test_life_of_a_group(env):
    """Made, joined, talked in, left: the same lines in the same order for everybody who is in."""
    server = env.server()
    registered(env, server, 'alice', 'bob', 'carol')
    alice, bob = env.tail(server, 'alice'), env.tail(server, 'bob')
    group(env, server, 'alice', 'create', '#chess')
    group(env, server, 'bob', 'join', '#chess', status=4)
    group(env, server, 'alice', 'invite', '#chess', 'bob')
    say(env, server, 'alice', '#chess', 'before bob')
    group(env, server, 'bob', 'join', '#chess')
    say(env, server, 'bob', '#chess', 'hello')
    say(env, server, 'alice', '#chess', 'hello, bob')
    begun = [('alice', 'create'), ('alice', 'invite bob'), ('alice', 'before bob')]
    talk = [('bob', 'join'), ('bob', 'hello'), ('alice', 'hello, bob')]
    shows(alice, begun + talk, 'at alice')
    shows(bob, talk, 'at bob')
    say(env, server, 'carol', '#chess', 'let me in', status=4)
    rows = {e['user']: e['role'] for e in group(env, server, 'bob', 'members', '#chess').events()}
    equal(rows, {'alice': 'owner', 'bob': 'member'}, 'members')
    group(env, server, 'alice', 'topic', '#chess', 'openings', 'and', 'ends')
    listed = [e for e in group(env, server, 'bob', 'list').events() if e.get('ev') == 'group']
    equal([(e['room'], e['role'], e['topic']) for e in listed], [('#chess', 'member', 'openings and ends')], 'list')
    group(env, server, 'bob', 'leave', '#chess')
    say(env, server, 'alice', '#chess', 'alone')
    until(lambda: lines(alice)[-1:] == [('alice', 'alone')], 'alice alone')
    shows(bob, talk + [('alice', 'topic'), ('bob', 'leave')], 'bob at the end')
