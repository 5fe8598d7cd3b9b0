"""Groups by the real client: who is in, what they read, in which order; docs/sealed.md sections 7 and 8."""
import os
import shutil
import signal
import sqlite3

from harness import Program, check, equal, full_run, until
from people import registered


def group(env, server, user, *words, status=0):
    """The command `group`, done."""
    return env.cli(server, user, 'group', *words, timeout=30).expect(status)


def say(env, server, user, room, text, status=0):
    return env.cli(server, user, 'send', room, text, timeout=30).expect(status)


def lines(program, room='#chess'):
    """What a tail has shown of a room, in short: ('alice', 'text') or ('alice', 'join')."""
    got = []
    for e in program.out.parsed if hasattr(program.out, 'parsed') else program.events():
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


def test_absent_members(env):
    """Who was away reads everything of the meantime, from keys that came while they were away."""
    server = env.server()
    registered(env, server, 'alice', 'bob', 'carol')
    alice = env.tail(server, 'alice')
    group(env, server, 'alice', 'create', '#chess', 'open')
    group(env, server, 'bob', 'join', '#chess')
    group(env, server, 'carol', 'join', '#chess')
    for number in range(5):
        say(env, server, 'alice', '#chess', 'a%d' % number)
        say(env, server, 'bob', '#chess', 'b%d' % number)
    until(lambda: lines(alice)[-1:] == [('bob', 'b4')], 'alice has all')
    equal(read(env, server, 'carol', 11), lines(alice)[2:], 'at carol')
    equal(read(env, server, 'bob', 12), lines(alice)[1:], 'at bob')


def test_joiner_reads_from_then_on(env):
    """Nothing older opens, whatever the joiner's store is given."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    alice = env.tail(server, 'alice')
    group(env, server, 'alice', 'create', '#chess', 'open')
    say(env, server, 'alice', '#chess', 'old')
    bob = env.tail(server, 'bob')
    group(env, server, 'bob', 'join', '#chess')
    say(env, server, 'alice', '#chess', 'new')
    shows(bob, [('bob', 'join'), ('alice', 'new')], 'at bob')
    shows(alice, [('alice', 'create'), ('alice', 'old'), ('bob', 'join'), ('alice', 'new')], 'at alice')


def keys_in(env, user):
    """What a store has that could open or seal in a group: kinds 12 and 14 of client/vault.h."""
    with sqlite3.connect(env.folder / ('home-' + user) / user / 'store.db') as db:
        return db.execute('SELECT count(*) FROM value WHERE kind IN (12, 14)').fetchone()[0]


def test_kicked_store_opens_nothing_later(env):
    """After a kick the store has no keys; and an older copy of it, with all its keys, opens nothing that was said since."""
    server = env.server()
    registered(env, server, 'alice', 'bob', 'carol')
    alice, carol = env.tail(server, 'alice'), env.tail(server, 'carol')
    group(env, server, 'alice', 'create', '#chess', 'open')
    group(env, server, 'bob', 'join', '#chess')
    group(env, server, 'carol', 'join', '#chess')
    say(env, server, 'alice', '#chess', 'for bob, too')
    equal(read(env, server, 'bob', 3)[-1], ('alice', 'for bob, too'), 'bob reads')
    generation = group_generations(env, 'bob')
    check(keys_in(env, 'bob') > 0, 'bob has no keys while he is in')
    group(env, server, 'alice', 'kick', '#chess', 'bob', 'noise')
    say(env, server, 'alice', '#chess', 'not for bob')
    say(env, server, 'carol', '#chess', 'nor this')
    until(lambda: lines(alice)[-1:] == [('carol', 'nor this')], 'alice has all')
    equal(read(env, server, 'bob', 1), [('alice', 'kick bob')], 'the last that bob reads')
    equal(keys_in(env, 'bob'), 0, 'keys of the group in the store of bob')
    equal(lines(carol)[-2:], [('alice', 'not for bob'), ('carol', 'nor this')], 'at carol')
    # What alice sealed with since is of a generation that no copy of bob's store was ever given.
    check(max(group_generations(env, 'carol')) > max(generation), 'no new generation after the kick')


def group_generations(env, user):
    """The generations of alice's key and others' in a store: client/group_keys.c, docs/sealed.md section 7."""
    return generations_in(env.folder / ('home-' + user) / user / 'store.db')


def generations_in(path):
    """The same of a store by its path."""
    found = []
    with sqlite3.connect(path) as db:
        for (value,) in db.execute('SELECT value FROM value WHERE kind = 14'):
            at = 40
            while at + 8 < len(value):
                size = int.from_bytes(value[at:at + 4], 'little')
                found.append(int.from_bytes(value[at + 4 + 34:at + 4 + 38], 'little'))
                at += 4 + size
    return found


def old_copy(env, actor, op):
    """Bob's store from before he went, put back: what was said since stays closed to it."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    alice = env.tail(server, 'alice')
    group(env, server, 'alice', 'create', '#chess', 'open')
    group(env, server, 'bob', 'join', '#chess')
    say(env, server, 'alice', '#chess', 'one')
    equal(read(env, server, 'bob', 2)[-1], ('alice', 'one'), 'bob reads')
    home = env.folder / 'home-bob'
    shutil.copytree(home, env.folder / 'copy')
    group(env, server, actor, op, '#chess', *(['bob'] if op == 'kick' else []))
    say(env, server, 'alice', '#chess', 'two')
    until(lambda: lines(alice)[-1:] == [('alice', 'two')], 'alice has all')
    shutil.rmtree(home)
    shutil.copytree(env.folder / 'copy', home)
    tail = env.cli(server, 'bob', 'tail', '--timeout', '4', timeout=30).expect(7)
    equal(lines(tail), [(actor, op + (' bob' if op == 'kick' else ''))], 'the old copy')
    say(env, server, 'bob', '#chess', 'still here', status=4)


def test_an_old_copy_of_a_store(env):
    """Of somebody who was put out."""
    old_copy(env, 'alice', 'kick')


def test_an_old_copy_of_who_left(env):
    """Of somebody who left."""
    old_copy(env, 'bob', 'leave')


def test_racing_orders(env):
    """Two members change the log at the same moment, again and again: every order is carried out, in one order for both."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    tails = [env.tail(server, user) for user in ('alice', 'bob')]
    group(env, server, 'alice', 'create', '#chess', 'open')
    group(env, server, 'bob', 'join', '#chess')
    group(env, server, 'alice', 'role', '#chess', 'bob', 'assistant')
    for number in range(6):
        racers = [Program(env.argv(server, user, 'group', 'topic', '#chess', '%s %d' % (user, number)), env.folder,
                          environ=env.environ()) for user in ('alice', 'bob')]
        env.programs.extend(racers)
        equal([racer.wait(30) for racer in racers], [0, 0], 'both are carried out')
    for tail in tails:
        until(lambda t=tail: len([line for line in lines(t) if line[1] == 'topic']) == 12, 'twelve topics')
    equal(lines(tails[0])[1:], lines(tails[1]), 'the same order')


def test_deleted_while_away(env):
    """The operator deletes the group while a member is away: what they say to it is refused, and says why."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    group(env, server, 'alice', 'create', '#chess', 'open')
    group(env, server, 'bob', 'join', '#chess')
    server.ctl('group', 'delete', '#chess', '--yes')
    say(env, server, 'bob', '#chess', 'anybody?', status=5)
    equal(keys_in(env, 'bob'), 0, 'keys of the group')


def test_mute_role_refusals(env):
    """The server's words reach who is refused."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    group(env, server, 'alice', 'create', '#chess', 'open')
    group(env, server, 'bob', 'join', '#chess')
    group(env, server, 'bob', 'kick', '#chess', 'alice', status=4)
    group(env, server, 'bob', 'invite', '#chess', 'nobody', status=5)
    group(env, server, 'bob', 'join', '#draughts', status=5)
    group(env, server, 'alice', 'mute', '#chess', 'bob', '10m', 'noise')
    refused = say(env, server, 'bob', '#chess', 'but', status=4)
    equal(refused.event(ev='error')['code'], 'muted', 'the code')
    group(env, server, 'alice', 'mute', '#chess', 'bob', '0')
    group(env, server, 'alice', 'role', '#chess', 'bob', 'assistant')
    say(env, server, 'bob', '#chess', 'thank you')
    group(env, server, 'bob', 'topic', '#chess', 'mine')
    say(env, server, 'bob', '#nowhere', 'hello', status=5)


def test_killed_clients_and_broker(env):
    """Members and the broker are killed in the middle of talk: everybody ends with the same lines, each once."""
    server = env.server()
    registered(env, server, 'alice', 'bob', 'carol')
    tails = {user: env.tail(server, user) for user in ('alice', 'bob', 'carol')}
    group(env, server, 'alice', 'create', '#chess', 'open')
    group(env, server, 'bob', 'join', '#chess')
    group(env, server, 'carol', 'join', '#chess')
    seen = {user: [] for user in tails}
    for number in range(24):
        say(env, server, ('alice', 'bob', 'carol')[number % 3], '#chess', 'number %d' % number)
        if number % 5 == 2:
            victim = ('bob', 'carol', 'alice')[number % 3]
            tails[victim].kill()
            seen[victim] += lines(tails[victim])
            tails[victim] = env.tail(server, victim)
        if number in (7, 15):
            os.kill(server.pids('broker')[0], signal.SIGKILL)
    end = ('carol', 'number 23')
    for user, tail in tails.items():
        until(lambda t=tail: lines(t)[-1:] == [end], 'the end at ' + user, 30)
        seen[user] += lines(tail)
    equal([text for who, text in seen['alice'] if text.startswith('number')],
          ['number %d' % n for n in range(24)], 'at alice')
    equal(seen['bob'], seen['alice'][1:], 'at bob')
    equal(seen['carol'], seen['alice'][2:], 'at carol')


def test_by_lines(env):
    """The conversation by lines from a pipe: create, talk to the group, names, list."""
    server = env.server()
    registered(env, server, 'bob')
    first = env.cli(server, 'alice', stdin='/create #chess open\nhello, all\n/topic openings\n', json_lines=False)
    check('you are in #chess' in first.expect(0).out, 'not in: ' + first.out)
    second = env.cli(server, 'alice', stdin='/names #chess\n/list\ntata\n/join #nothing\n', json_lines=False)
    for words in ('owner', 'openings', 'error: #nothing', 'you have left'):
        check(words in second.expect(0).out, 'no "%s" in: %s' % (words, second.out))
    group(env, server, 'bob', 'join', '#chess')
    third = env.cli(server, 'alice', stdin='/query #chess\nwelcome\n', json_lines=False).expect(0)
    for words in ('alice created the group, open to all', 'alice set the topic: openings', 'bob joined'):
        check(words in first.out + second.out + third.out, 'no "%s" in: %s' % (words, third.out))
    equal(read(env, server, 'bob', 2), [('bob', 'join'), ('alice', 'welcome')], 'at bob')


def test_two_hundred_members(env):
    """Half of them away: whoever comes back reads all of it, in the order of the others."""
    present, absent = 3, 197 if full_run() else 21
    server = env.server(**{'limits.key_requests': 6000})
    names = ['m%03d' % n for n in range(present + absent)]
    registered(env, server, *names)
    tails = [env.tail(server, user) for user in names[:present]]
    group(env, server, names[0], 'create', '#chess', 'open')
    for user in names[1:]:
        group(env, server, user, 'join', '#chess')
    for number in range(6):
        say(env, server, names[number % present], '#chess', 'number %d' % number)
    end = (names[2], 'number 5')
    for tail in tails:
        until(lambda t=tail: lines(t)[-1:] == [end], 'the end at who is present', 60)
    everything = lines(tails[0])
    equal(len(everything), len(names) + 6, 'lines of who was there from the first on')
    for place, user in enumerate(names):
        if place >= present and (place % 2 or place == len(names) - 1):
            equal(read(env, server, user, len(everything) - place), everything[place:], 'at ' + user)


def orders_in(env, user):
    """How many orders for groups a store keeps: kind 16 of client/vault.h."""
    with sqlite3.connect(env.folder / ('home-' + user) / user / 'store.db') as db:
        return db.execute('SELECT count(*) FROM value WHERE kind = 16').fetchone()[0]


def test_orders_outlive_their_process(env):
    """Orders that were given while the server was away, one by a process that was killed then: the next one that stays connected
    carries them out, in their order and once."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    group(env, server, 'alice', 'create', '#chess', 'open')
    group(env, server, 'bob', 'join', '#chess')
    server.stop()
    kept = group(env, server, 'alice', 'topic', '#chess', 'first', '--timeout', '1', status=3)
    check('it is kept' in kept.err, 'told: %r' % kept.err)
    killed = Program(env.argv(server, 'alice', 'group', 'kick', '#chess', 'bob'), env.folder, environ=env.environ())
    env.programs.append(killed)
    until(lambda: orders_in(env, 'alice') == 2, 'the order is in the store')
    killed.kill()
    again = env.keep(server.restart())
    env.tail(again, 'alice')
    until(lambda: orders_in(env, 'alice') == 0, 'the orders are done')
    done = [('bob', 'join'), ('alice', 'topic'), ('alice', 'kick bob')]
    equal(read(env, again, 'bob', 3), done, 'at bob')


def test_an_order_that_was_half_done(env):
    """The entry was taken, and the process killed before it heard so: the same entry is said again, and stands once."""
    server = env.server()
    registered(env, server, 'alice')
    alice = env.tail(server, 'alice')
    group(env, server, 'alice', 'create', '#chess', 'open')
    store = env.folder / 'home-alice' / 'alice' / 'store.db'
    with sqlite3.connect(store) as db:
        db.execute('CREATE TRIGGER stays BEFORE DELETE ON value WHEN old.kind = 16 BEGIN SELECT RAISE(IGNORE); END')
    group(env, server, 'alice', 'topic', '#chess', 'once')
    equal(orders_in(env, 'alice'), 1, 'orders, as if nobody had heard')
    with sqlite3.connect(store) as db:
        db.execute('DROP TRIGGER stays')
    until(lambda: registered(env, server, 'alice') or orders_in(env, 'alice') == 0, 'said again and answered')
    group(env, server, 'alice', 'topic', '#chess', 'twice')
    until(lambda: lines(alice)[-1:] == [('alice', 'topic')] and len(lines(alice)) >= 3, 'the second topic')
    equal(lines(alice), [('alice', 'create'), ('alice', 'topic'), ('alice', 'topic')], 'the log')
