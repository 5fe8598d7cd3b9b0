"""Death at every step of a worker's turn, by the list in ipc/slab_steps.h: connections go on, every
message arrives once, whole and in order, and no number is used for two plaintexts."""
import os
import pathlib
import random
import re
import signal

import csmsg
from harness import check, equal, until
from movers import Movers
from streams import Streams, judge_seals, kill_worker, seals, worker_pid
from test_kill import need_faults, serve_resync

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIST = ROOT / 'ipc' / 'slab_steps.h'
SEED = int(os.environ.get('CSMSG_SEED', '3'))
# Which test dies at the steps that begin so.
TESTED = {'RX': 'test_receiving', 'TX': 'test_sending', 'COMMIT': 'test_commits_and_buffers',
          'BUFFER': 'test_commits_and_buffers', 'TURN': 'test_commits_and_buffers',
          'START': 'test_places', 'END': 'test_places', 'ADOPT': 'test_adoption', 'FILE': 'test_files_move'}


def steps(*groups):
    """{name: number} of the steps of these groups, or of all."""
    names = re.findall(r'\bX\((\w+)\)', LIST.read_text())
    return {name: number for number, name in enumerate(names)
            if not groups or name.split('_')[0] in groups}


def die_everywhere(env, groups, passes, trigger=None):
    """Kills at each step of the groups, at several of its passes."""
    if not need_faults(env):
        return
    streams = Streams(env, SEED)
    luck, deaths = random.Random(SEED), 0
    print('seed %d' % SEED)
    for name, number in steps(*groups).items():
        for most in passes:
            streams.die_at(name, number, luck.randint(1 + most // 4, most), trigger and trigger(streams, name))
            deaths += 1
    streams.finish(deaths)


def test_every_step_has_a_marker_and_a_test(env):
    """A row without STEP(), a STEP() without a row, a step that none of these tests dies at: failures."""
    del env
    marked = set()
    for path in list((ROOT / 'ipc').glob('*.c')) + list((ROOT / 'worker').glob('*.c')):
        marked |= set(re.findall(r'^\s*STEP\((\w+)\);', path.read_text(), re.M))
    equal(sorted(set(steps()) ^ marked), [], 'steps that are only listed or only marked')
    for name in steps():
        test = TESTED.get(name.split('_')[0])
        check(test in globals(), 'no test dies at %s' % name)


def test_receiving(env):
    """RX_*: from an empty place for bytes to a record that is consumed."""
    die_everywhere(env, ('RX',), (1, 3, 8, 25))


def test_sending(env):
    """TX_*: from plaintext to bytes that the kernel has."""
    die_everywhere(env, ('TX',), (1, 3, 8, 25, 40))


def test_commits_and_buffers(env):
    """COMMIT_*, BUFFER_*, TURN_*: what both directions have."""
    die_everywhere(env, ('COMMIT', 'BUFFER', 'TURN'), (1, 8, 25, 60, 90))


def visitor(streams, name):
    """Somebody who comes (START) and goes (END) again and again, politely or not."""
    state = {'rounds': 0}
    me = streams.visitor

    def come_and_go():
        client = streams.env.dial(streams.server, me)
        state['rounds'] += 1
        try:
            client.open()
            if name.startswith('END') and state['rounds'] % 2:
                client.bye()
        except (csmsg.Closed, csmsg.Unexpected, ConnectionError):
            pass  # its handshake died with the worker: it dials again
        client.close()
    return come_and_go


def test_places(env):
    """START_*, END_*: somebody else comes and goes; whoever was there goes on."""
    die_everywhere(env, ('START', 'END'), (1, 2), visitor)


def die_in_adoption(streams, name, number, passes, first=None):
    """A worker is killed, and its successor at this step."""
    pid = worker_pid(streams.server)
    todo = [first or (lambda: os.kill(pid, signal.SIGKILL))]
    streams.die_at(name, number, passes, lambda: todo and todo.pop()())


def crash(streams):
    """A frame at which the worker dies of its own fault."""
    mallory = streams.env.login('mallory', streams.server)
    return mallory, lambda: mallory.send_plain(bytes([0x7f, 0, 0]))


def unseen(streams):
    """A connection that the worker has not seen when it dies."""
    pid = worker_pid(streams.server)
    os.kill(pid, signal.SIGSTOP)
    client = streams.env.dial(streams.server, 'late')
    client.send_bytes(client.opening())
    for _ in range(3):  # the master takes it in a turn before it answers
        streams.server.ctl('status')
    return client, lambda: os.kill(pid, signal.SIGKILL)


def half_open(streams):
    """A connection in its handshake."""
    client = streams.env.dial(streams.server, 'half')
    client.send_bytes(csmsg.preface())
    return client, lambda: kill_worker(streams.server)


def test_adoption(env):
    """ADOPT_*: the successor dies, and so does its own."""
    if not need_faults(env):
        return
    streams = Streams(env, SEED, process__heartbeat_limit='30s')
    special = {'ADOPT_STRUCK': crash, 'ADOPT_BEGUN': unseen, 'ADOPT_REFUSED': half_open}
    once = ('MAPPED', 'POOLED', 'ORDERED', 'WIPED', 'DONE')  # the others come once for each connection
    deaths = 0
    for name, number in steps('ADOPT').items():
        for passes in (1, 1) if name[6:] in once else (1, 2, 3) if name not in special else (1,):
            if name in special:
                client, first = die_special(streams, name, number, special[name])
                finish_special(streams, name, client)
            else:
                die_in_adoption(streams, name, number, passes)
            deaths += 2
    streams.finish(deaths)


def die_special(streams, name, number, prepare):
    """As die_in_adoption, with a connection of its own that leads there; it is made once the step is armed."""
    made = []

    def trigger():
        if not made:
            client, first = prepare(streams)
            made.append((client, first))
            first()
    streams.die_at(name, number, 1, trigger)
    return made[0]


def finish_special(streams, name, client):
    """What becomes of the connection that led there."""
    client.ended(15)  # in its handshake: closed; crashing: it does so once more
    if name == 'ADOPT_STRUCK':
        line = streams.server.wait_log(sub='session', ev='quarantine')
        equal(line['user'], 'mallory', 'who is in quarantine')


def test_kills_at_random(env):
    """SIGKILL from outside at any moment: no number is used for two plaintexts."""
    if not need_faults(env):
        return
    streams = Streams(env, SEED)
    for number in range(20):
        old = worker_pid(streams.server)
        streams.since = streams.server.log.mark()
        rounds = iter(range(streams.luck.randrange(40)))
        streams.talk_until(lambda left=rounds: next(left, None) is None, 'some talk')
        os.kill(old, signal.SIGKILL)
        streams.bob.read_slowly(streams.luck.choice((None, 0, 700)))
        streams.talk_until(lambda: streams.logged(sub='session', ev='adopt'), 'adoption %d' % number)
    streams.finish(20)


def entry(kind, number, position, plain=b'', key=b'key'):
    """An entry of the log of seals."""
    return seals.ENTRY.pack(kind, key, number, plain, position)


def test_the_judge_of_seals(env):
    """What it lets pass, and what not: record 5 ends at byte 900."""
    del env
    one, two = entry(seals.SEALED, 5, 900, b'one'), entry(seals.SEALED, 5, 950, b'two')
    for log, good in (
            (one + one, True), (one + entry(seals.SEALED, 5, 900, b'two', b'other'), True),
            (one + two, False),                                      # by one worker
            (one + entry(seals.ADOPTED, 5, 800) + two, True),        # died before the commit
            (one + entry(seals.ADOPTED, 6, 900) + two, False),       # it was committed
            (one + entry(seals.ADOPTED, 5, 900), False),             # so the number is used up
            (one + entry(seals.LEAVES, 6, 900) + entry(seals.ADOPTED, 5, 800), False),  # it was sent
            (one + entry(seals.LEAVES, 5, 800) + entry(seals.ADOPTED, 5, 800) + two, True),
            (one[:-1], False), (bytes(seals.ENTRY.size), False)):
        equal(not seals.judge(log)[0], good, 'the verdict on %r' % log)


def escape(env, what):
    """A worker that tries this with its own connection in hand; that one ends, the other lives."""
    log_of_seals = env.folder / 'seals'
    server = env.server(server__workers=1, environ={'CSMSG_SEALS': str(log_of_seals)})
    evil, bob = env.login('mallory', server), env.login('bob', server)
    evil.send_plain(bytes([0x7d, 1, 0, what]))
    for count in (1, 2):  # the frame was not consumed, so it strikes the successor, too
        line = server.wait_log(timeout=20, sub='worker', ev='died', count=count)
        equal((line.get('w'), line.get('signal')), ('0', str(int(signal.SIGSYS))), 'how the worker died')
    line = server.wait_log(timeout=20, sub='session', ev='quarantine')
    equal(line['user'], 'mallory', 'who is in quarantine')
    evil.ended(10)
    serve_resync(bob)
    bob.send('bob', 'alive')
    equal(bob.take_message(20).text_body, 'alive', 'what Bob sent himself')
    equal(server.log.matches(0, {'sub': 'fault', 'ev': 'escape'}), [], 'attempts that were survived')
    equal(server.log.matches(0, {'sub': 'session', 'ev': ('drop', 'lost'), 'user': 'bob'}), [], 'Bob')
    judge_seals(log_of_seals)


def test_a_worker_opens_a_socket(env):
    """socket() kills it; its connections live on, but for the one in whose name it was tried."""
    if need_faults(env):
        escape(env, 1)


def sandboxed(env):
    """False under sanitizers, where the sandbox is relaxed."""
    return need_faults(env) and env.build.name != 'asan'


def test_a_worker_shrinks_its_slab(env):
    """ftruncate() kills it as well."""
    if sandboxed(env):
        escape(env, 2)


def test_a_worker_grows_its_slab(env):
    """In either direction."""
    if sandboxed(env):
        escape(env, 3)


def test_a_sealed_slab_keeps_its_size(env):
    """Without the system call filter ftruncate() comes to the seal, and fails."""
    if not need_faults(env):
        return
    server = env.server(server__workers=1, sandbox__enabled='no')
    evil = env.login('mallory', server)
    for count, what in enumerate((2, 3), 1):
        evil.send_plain(bytes([0x7d, 1, 0, what]))
        line = server.wait_log(sub='fault', ev='escape', count=count)
        equal((line['result'], line['errno']), ('-1', '1'), 'ftruncate() of the slab')
    evil.ping()


def test_a_worker_opens_a_file(env):
    """open() is refused, not deadly: libraries try it. Nothing is opened, and the worker goes on."""
    if not sandboxed(env):
        return
    server = env.server(server__workers=1)
    evil = env.login('mallory', server)
    pid = worker_pid(server)
    evil.send_plain(bytes([0x7d, 1, 0, 0]))
    line = server.wait_log(sub='fault', ev='escape')
    equal((line['result'], line['errno']), ('-1', '13'), 'open()')
    evil.ping()
    equal(until(lambda: worker_pid(server), 'a worker'), pid, 'the worker')


def test_files_move(env):
    """FILE_*, and every step of a turn with a file on its way in both directions."""
    if not need_faults(env):
        return
    movers, luck, deaths = Movers(env), random.Random(SEED), 0
    print('seed %d' % SEED)
    for name, number in steps('FILE', 'RX', 'TX', 'COMMIT', 'BUFFER', 'TURN').items():
        if name in ('RX_COPIED', 'RX_MOVED'):
            continue  # a record must come cut just so, which is chance here: the talkers above cut theirs
        for most in (1, 6):
            movers.die_at(name, number, luck.randint(1 + most // 4, most))
            deaths += 1
    movers.finish(deaths)


def test_files_are_adopted(env):
    """ADOPT_*: the successor dies, too, with a file on its way."""
    if not need_faults(env):
        return
    movers, deaths = Movers(env, process__heartbeat_limit='30s'), 0
    for name, number in steps('ADOPT').items():
        if name in ('ADOPT_STRUCK', 'ADOPT_BEGUN', 'ADOPT_REFUSED'):
            continue  # these are about connections that carry no file
        movers.die_at(name, number, 1, lambda: kill_worker(movers.server))
        deaths += 2
    movers.finish(deaths)
