"""Many real clients at once (tests/tools/crowd.c): idle ones, and messages to many absent users."""
import json
import pathlib
import subprocess

from harness import check, equal, full_run, scale


def tool_argv(env, server, *words):
    """The command line of the tool."""
    root = pathlib.Path(__file__).resolve().parents[2]
    tool = env.build / 'tools' / 'crowd'  # the flavour with faults has none of its own
    if not tool.exists():
        tool = root / 'build' / 'tools' / 'crowd'
    argv = [tool, words[0], server.name, *words[1:], ','.join(map(str, server.pids()))]
    return [str(a) for a in argv]


def crowd(env, server, *words):
    """Runs the tool; its result line."""
    done = subprocess.run(tool_argv(env, server, *words), capture_output=True, timeout=170 * scale(), check=False)
    check(done.stdout, 'crowd said nothing; stderr %r' % done.stderr)
    result = json.loads(done.stdout.splitlines()[-1])
    equal(done.returncode, 0, 'exit status of crowd: %s %r' % (result, done.stderr))
    return result


def test_idle_crowd(env):
    """Thousands logged in at once, on one worker; nobody is lost, and each has a session."""
    clients = 10000 if scale() == 1 else 500
    server = env.server(server__workers=1)
    result = crowd(env, server, 'idle', clients, 5)  # the store rests after two quiet seconds
    equal(result['lost'], 0, 'connections lost')
    if scale() == 1:  # sanitizers have a memory of their own
        check(result['pss_bytes_per_client'] <= 1536, 'memory of an idle client: %s' % result)


def test_stored_by_many_killed_at_the_last(env):
    """Every process dies with the last acknowledgement; all messages are there, in order, once."""
    messages, users = (100000, 1000) if full_run() else (10000, 200)
    server = env.server(limits__key_requests=1000000)
    argv = tool_argv(env, server, 'store', messages, users)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as people:
        try:
            stored = json.loads(people.stdout.readline())
            equal(stored['accepted'], messages, 'accepted')
            server.kill()
            server = env.keep(server.restart())
            out, _ = people.communicate(server.name + '\n', timeout=170 * scale())
        finally:
            people.kill()
    result = json.loads(out.splitlines()[-1])
    equal((result['got'], result['lost'], result['disorder']), (messages, 0, 0), 'what came out')
