"""The load generator against our server, tiny: counts alone. Each scenario at the size of a test must
deliver and acknowledge everything, or its figures would be worth nothing."""
import json
import pathlib
import subprocess

from harness import check, equal, scale


def load(env, server, *words, driver='csmsg', pid=None):
    """Runs the generator; its result."""
    root = pathlib.Path(__file__).resolve().parents[2]
    tool = env.build / 'bench' / 'load'  # one build serves all flavours of the server
    if not tool.exists():
        tool = root / 'build' / 'bench' / 'load'
    argv = [tool, '-d', driver, '-p', server.port, '-P', pid or server.pid, '-t', 1, '-W', 0, *words]
    done = subprocess.run([str(a) for a in argv], capture_output=True, timeout=60 * scale(), check=False)
    equal(done.returncode, 0, 'exit status of load (stderr: %r)' % done.stderr)
    return json.loads(done.stdout)


def test_ping_pong(env):
    """Two answer each other; the CPU of each program is counted."""
    server = env.server()
    result = load(env, server, '-s', 'S1', '-n', 200)
    equal(result['messages'], 400, 'messages of 200 rounds')
    check(0 < result['p50_us'] <= result['p99_us'], 'latencies: %s' % result)
    equal(sorted(result['cpu_by_program']), sorted(
        ['csce513fall24Msgd', 'csce513fall24Msg-broker', 'csce513fall24Msg-keeper', 'csce513fall24Msg-worker']), 'programs seen')


def test_pairs(env):
    """Nothing is lost, left lying or unacknowledged when the pairs stop."""
    result = load(env, env.server(), '-s', 'S2', '-n', 5, '-w', 16)
    check(result['messages'] > 0, 'messages in one second: %s' % result)
    equal(result['delivered'], result['sent'], 'delivered of those sent')
    for key in ('lost', 'unacked', 'strays', 'stuck_till_nudged', 'dropped'):
        equal(result[key], 0, key)


def test_pairs_that_fill_records(env):
    """Texts so large that a turn's messages need several records."""
    result = load(env, env.server(), '-s', 'S2', '-n', 2, '-w', 32, '-b', 20000)
    check(result['messages'] > 0, 'messages in one second: %s' % result)
    equal((result['lost'], result['unacked'], result['strays']), (0, 0, 0), 'lost, unacked, strays')


def test_room(env):
    """Every member hears everything."""
    result = load(env, env.server(), '-s', 'S3', '-n', 20, '-w', 8)
    check(result['sent'] > 0, 'messages in one second: %s' % result)
    equal(result['delivered'], 20 * result['sent'], 'copies')
    equal((result['lost'], result['unacked'], result['dropped']), (0, 0, 0), 'lost, unacked, dropped')


def test_absent_and_killed(env):
    """All processes are killed with the last acknowledgement; everything comes out, once, in order."""
    words = ('-m', 2000, '-r', 20, '-w', 256)
    server = env.server()
    equal(load(env, server, '-s', 'S5register', *words)['registered'], 21, 'accounts')
    stored = load(env, server, '-s', 'S5store', *words)
    equal((stored['sent'], stored['acked']), (2000, 2000), 'sent, acknowledged')
    server.wait()
    server = env.keep(server.restart())
    drained = load(env, server, '-s', 'S5drain', *words)
    equal([drained[key] for key in ('received', 'lost', 'repeats', 'disorder', 'strays')],
          [2000, 0, 0, 0, 0], 'received, lost, repeats, disorder, strays')


def test_storm(env):
    """All connections are cut at once amid traffic: all come back and nothing is lost."""
    result = load(env, env.server(), '-s', 'S6', '-n', 40)
    equal(result['storm_back'], 40, 'back after the storm')
    check(result['direct_sent'] > 0 and result['room_sent'] > 0, 'traffic: %s' % result)
    equal((result['lost'], result['unacked'], result['dropped']), (0, 0, 0), 'lost, unacked, dropped')


def test_queues(env):
    """A login while messages wait for others."""
    result = load(env, env.server(), '-s', 'S7queues', '-m', 500, '-r', 10)
    equal((result['waiting'], result['messages']), (500, 300), 'waiting, logins')
