"""Files between real clients while somebody is killed: docs/files.md, section 4. Every byte arrives, no more than a window
of them goes over again, and nothing is left behind."""
import collections
import os
import random
import signal
import threading

from harness import Program, check, equal, only_in_full_runs, until
from people import registered
from sharing import (CHUNK, WINDOW, Gate, content_of, downloads, ended, make, nothing_left, offer, offers, put, start,
                     state_of, states, sum_of)
from test_file_deaths import kill_broker, kill_worker_of
from test_group_client import group
from test_kill import need_faults

CHUNKS = 120
AGAIN = WINDOW + 256 * 1024  # what one death may cost: a window, and what else is said
POINTS = ('client-commit', 'client-committed', 'client-wrote')


def kill_client(_, program):
    """SIGKILL of who is moving the file."""
    program.kill()


def kill_worker(server, program):
    """Of the worker that serves it."""
    kill_worker_of(server, program.user)


def kill_the_broker(server, _):
    """Every client hears RESYNC."""
    until(lambda: server.pids('broker'), 'a broker')
    kill_broker(server)


def kill_master(server, _):
    """The master; everything goes on under the next one."""
    server.process.kill()
    server.process.wait()


KILLS = {'client': kill_client, 'worker': kill_worker, 'broker': kill_the_broker, 'master': kill_master}


def moved(env, way, whom):
    """One file up or down, through a gate that stops it at several points, at each of which somebody is killed."""
    server = env.server(server__workers=2)
    registered(env, server, 'alice', 'bob')
    gate, content = Gate(server), content_of(CHUNKS * CHUNK + 5)
    path, folder = make(env, 'out/film.mkv', content), downloads(env, 'bob')
    if way == 'up':
        user, words = 'alice', ('put', str(path), 'bob')
    else:
        put(env, server, 'alice', path, 'bob')
        user, words = 'bob', ('get', str(offer(env, server, 'bob')['id']), str(folder))
    stops = [1, 24 * CHUNK, 60 * CHUNK, 61 * CHUNK, 118 * CHUNK]
    gate.allow(way, 3000)
    program = started(env, gate, user, words)
    for stop in stops:
        gate.allow(way, 3000 + stop)
        gate.reached(way)
        KILLS[whom](server, program)
        if whom == 'master':
            server = env.keep(server.restart())
        if whom == 'client':
            program = started(env, gate, user, words)
    gate.allow(way)
    ended(program)
    over = gate.passed[way] - len(content)
    check(over < len(content) // 8 + len(stops) * AGAIN, '%d bytes too many went %s' % (over, way))
    if way == 'up':
        env.cli(server, 'bob', 'get', str(offer(env, server, 'bob')['id']), str(folder), timeout=60).expect(0)
    equal((folder / 'film.mkv').read_bytes() == content, True, 'the file')
    equal([p.name for p in folder.iterdir()], ['film.mkv'], 'the folder')
    nothing_left(server)
    equal(states(env, server, 'alice'), ['fetched'], 'what alice is told')
    equal(sum(len(list((env.folder / ('home-' + u) / u / 'transfers').glob('*'))) for u in ('alice', 'bob')
              if (env.folder / ('home-' + u) / u / 'transfers').exists()), 0, 'states of transfers that are left')


def started(env, gate, user, words):
    """A client that moves a file through the gate."""
    program = start(env, gate, user, *words)
    program.user = user
    return program


def test_up_clients(env):
    """The sender is killed at each point; the same command goes on."""
    moved(env, 'up', 'client')


def test_down_clients(env):
    """The one who fetches is."""
    moved(env, 'down', 'client')


def test_up_workers(env):
    """The worker of the sender is."""
    moved(env, 'up', 'worker')


def test_down_workers(env):
    """The worker of who fetches is."""
    moved(env, 'down', 'worker')


def test_up_brokers(env):
    """The broker is, while it goes up."""
    moved(env, 'up', 'broker')


def test_down_brokers(env):
    """The broker is, while it comes down."""
    moved(env, 'down', 'broker')


def test_up_masters(env):
    """The master is, while it goes up; a new one takes over."""
    moved(env, 'up', 'master')


def test_down_masters(env):
    """The master is, while it comes down."""
    moved(env, 'down', 'master')


def test_while_it_goes_up(env):
    """Who fetches follows who sends: he has what is there before all of it is, and the rest when it comes."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    gate, content = Gate(server), content_of(CHUNKS * CHUNK)
    folder = downloads(env, 'bob')
    gate.allow('up', 80 * CHUNK)
    sender = start(env, gate, 'alice', 'put', str(make(env, 'out/live.log', content)), 'bob')
    gate.reached('up')
    # The message waits for bob's keys, the file for nothing: where it stands before the offer, a little more may pass.
    until(lambda: offers(env, server, 'bob') or gate.allow('up', gate.allowed['up'] + CHUNK // 8), 'the offer')
    getter = start(env, server, 'bob', 'get', str(offer(env, server, 'bob')['id']), str(folder))
    part = folder / 'live.log.part'
    until(lambda: part.exists() and part.stat().st_size > 60 * CHUNK, 'the part that is there')
    equal((sender.process.poll(), getter.process.poll()), (None, None), 'both go on')
    kill_worker_of(server, 'bob')
    gate.allow('up')
    ended(sender)
    ended(getter)
    equal((folder / 'live.log').read_bytes() == content, True, 'the file')
    nothing_left(server)


def test_each_step_of_a_client(env):
    """SIGKILL before and after each of its transactions and writes, sending and fetching."""
    if not need_faults(env):
        return
    server = env.server()
    registered(env, server, 'alice', 'bob')
    content, deaths = content_of(2 * CHUNK + 1), 0
    for point in POINTS:
        path = make(env, 'out/' + point, content)
        deaths += dies_everywhere(env, server, 'alice', point, 'put', str(path), 'bob')
        folder = downloads(env, 'bob')
        row, *more = offers(env, server, 'bob')
        for again in more:  # it died when all was done and had not been said: then the same command begins anew
            env.cli(server, 'bob', 'decline', str(again['id'])).expect(0)
        deaths += dies_everywhere(env, server, 'bob', point, 'get', str(row['id']), str(folder))
        equal([p.name for p in folder.iterdir()], [point], 'what is there')
        equal((folder / point).read_bytes() == content, True, 'the file')
        equal(state_of(env, server, 'bob', row['id'])['state'], 'here', 'what bob knows')
    nothing_left(server)
    equal(set(states(env, server, 'alice')), {'fetched'}, 'what alice is told')
    check(deaths >= 4 * len(POINTS), 'only %d deaths' % deaths)


def dies_everywhere(env, server, user, point, *words):
    """The same command dies at its first passage of a point, then at its second, until it ends by itself."""
    for nth in range(1, 40):
        done = env.folder / ('fault.' + point)
        argv = env.argv(server, user, '--accept-new', *words)
        program = Program(argv, env.folder, environ={**env.environ(), 'CSMSG_FAULT': '%s:%d' % (point, nth)})
        env.programs.append(program)
        program.wait(30)
        if not done.exists():
            equal(program.process.returncode, 0, '%s at %s:%d (%s)' % (words[0], point, nth, program.err.raw))
            return nth - 1
        done.unlink()
    raise AssertionError('%s is passed again and again' % point)


# --- many ---

class Reaper(threading.Thread):
    """Kills a worker again and again until it is told to stop."""

    def __init__(self, server, every):
        super().__init__(daemon=True)
        self.server, self.every, self.over, self.kills = server, every, threading.Event(), 0

    def run(self):
        while not self.over.wait(self.every):
            pids = self.server.pids('worker')
            try:
                os.kill(random.choice(pids), signal.SIGKILL)
                self.kills += 1
            except (IndexError, ProcessLookupError):
                continue


def swarm(env, files, members, size_max, every):
    """Many files to a group of which half is there and half comes later, while workers are killed."""
    # Each death makes the sender ask for the device lists of all members again.
    server = env.server(server__workers=2, limits__key_requests=1000000)
    users = ['u%02d' % n for n in range(members)]
    registered(env, server, 'alice', *users)
    group(env, server, 'alice', 'create', '#swarm', 'open')
    for user in users:
        group(env, server, user, 'join', '#swarm')
    luck = random.Random(files)
    sums, paths = collections.Counter(), []
    for number in range(files):
        paths.append(make(env, 'out/f%03d' % number, content_of(luck.randint(0, size_max), number)))
        sums[sum_of(paths[-1])] += 1
    places = {user: downloads(env, user) for user in users}
    present = {user: receiver(env, server, user, places[user]) for user in users[:members // 2]}
    reaper = Reaper(server, every)
    reaper.start()
    for at in range(0, files, 60):
        env.cli(server, 'alice', 'put', *map(str, paths[at:at + 60]), '#swarm', timeout=300).expect(0)
    later = {user: receiver(env, server, user, places[user]) for user in users[members // 2:]}
    for user, program in {**present, **later}.items():
        until(lambda p=program: sum(e.get('state') == 'here' for e in p.out.parsed) >= files, 'all files at ' + user, 300)
    reaper.over.set()
    reaper.join()
    for user in users:
        equal(collections.Counter(sum_of(p) for p in places[user].iterdir()), sums, 'what %s has' % user)
    nothing_left(server)
    check(reaper.kills >= 3, 'only %d workers were killed' % reaper.kills)


def receiver(env, server, user, folder):
    """Somebody who fetches all that comes."""
    config = env.folder / ('config-' + user)
    config.write_text('[client]\nauto_accept = anybody 1GiB\ndownload = %s\n' % folder)
    config.chmod(0o600)
    return start(env, server, user, '--config', str(config), 'tail')


def test_swarm(env):
    """12 files, 8 members."""
    swarm(env, 12, 8, 60 * CHUNK, 0.04)


@only_in_full_runs
def test_swarm_large(env):
    """200 files, 50 members, a worker killed every 200 ms."""
    swarm(env, 200, 50, 4 * CHUNK, 0.2)


@only_in_full_runs
def test_five_gib(env):
    """A sparse file beyond 4 GiB, with a kill of either side in the middle."""
    server = env.server(limits__file_size='6GiB')
    registered(env, server, 'alice', 'bob')
    path, folder = env.folder / 'out.img', downloads(env, 'bob')
    with open(path, 'wb') as file:
        file.truncate(5 << 30)
        for at in (0, (4 << 30) - 3, (4 << 30) + CHUNK, (5 << 30) - 7):
            os.pwrite(file.fileno(), b'here %d' % (at % 97), at)
    for user, words in (('alice', ('put', str(path), 'bob')), ('bob', None)):
        words = words or ('get', str(offer(env, server, 'bob')['id']), str(folder))
        program = start(env, server, user, *words)
        program.out.wait(120, ev='progress')
        until(lambda p=program: max((e.get('done', 0) for e in p.out.parsed), default=0) > 2 << 30, 'the middle', 150)
        program.kill()
        ended(start(env, server, user, *words), timeout=170)
    equal(sum_of(folder / 'out.img'), sum_of(path), 'the file')
    nothing_left(server)
