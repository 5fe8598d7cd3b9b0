"""`ctl demo crash`: kills under clients of its own, and says truly what came of it."""
import os
import signal
import subprocess

from harness import NAME, Program, check, equal, only_in_full_runs, scale, until

COUNTS = ('lost', 'dup', 'disorder', 'alien', 'refused', 'reconnects')


def demo(env, server, *words):
    """Starts it in the background."""
    argv = [env.build / (NAME + 'ctl'), '--socket', server.state / 'ctl.sock', '--json',
            'demo', 'crash', *words]
    program = Program(argv, env.folder)
    env.programs.append(program)
    return program


def words_of(program):
    """What it has said to people, once it has ended."""
    until(lambda: program.err.ended, 'the end of its stderr')
    return ' '.join(program.err.raw)


def held(program, timeout=60.0):
    """The line of a demo that must end well."""
    status = program.wait(timeout)
    equal(status, 0, 'exit status of the demo; it said %s %s' % (program.out.raw, program.err.raw))
    return program.out.wait(demo='crash')


def everything_is_up(server):
    """True when no process is starting, dead or being replaced."""
    rows = server.processes()
    return all(row['state'] == 'ok' for row in rows) and {row['role'] for row in rows} == {
        'master', 'keeper', 'worker', 'spare', 'broker'}


def test_demo_crash(env):
    """Workers and broker die, nothing else does; a second run is the same people."""
    server = env.server(server__workers=2)
    for _ in range(2):
        since = server.log.mark()
        line = held(demo(env, server, '--for', '4s'))
        kills = line['kills_worker'] + line['kills_broker']
        check(kills > 0 and line['kills_master'] == 0, 'kills: %s' % line)
        check(line['delivered'] == line['sent'] > 0, 'not all came: %s' % line)
        equal({key: line[key] for key in COUNTS}, dict.fromkeys(COUNTS, 0), 'what went wrong')
        check(4 <= line['seconds'] < 5 * scale() and line['clients'] == 8, 'the run: %s' % line)
        died = [row for row in server.log.parsed[since:] if row.get('ev') == 'died']
        equal([row.get('signal') for row in died], ['9'] * kills, 'deaths in the log')
    status = {row['role']: row for row in server.ctl('status')}
    equal((status['master']['pid'], status['broker']['accounts'], status['broker']['lobby_head']),
          (server.pid, 8, 0), 'master, accounts, messages in the lobby')
    equal(server.ctl('who') + server.ctl('queue'), [], 'what is left over')


def test_demo_crash_in_the_lobby(env):
    """--lobby: they speak where everybody hears them, between what others say."""
    server = env.server(server__workers=2)
    alice = env.login('alice', server, caps=3)
    program = demo(env, server, '--for', '3s', '--lobby', '--clients', '3')
    check('demo ' in alice.expect('DELIVER', 20 * scale()).text_body, 'what alice hears')
    alice.send('#lobby', 'quiet, please')
    line = held(program)
    check(line['delivered'] == line['sent'] > 0, 'not all came: %s' % line)
    equal(line['clients'], 3, 'clients')


def test_demo_crash_notices(env):
    """All of the server dies at once and comes back: connections are lost, and the demo says so."""
    server = env.server(server__workers=2)
    program = demo(env, server, '--for', '5s')
    server.wait_log(timeout=30, sub='worker', ev='died')
    os.kill(program.pid, signal.SIGSTOP)  # it kills nobody meanwhile
    until(lambda: everything_is_up(server), 'processes in service')
    server.kill_all()
    server = env.keep(server.restart())
    os.kill(program.pid, signal.SIGCONT)
    equal(program.wait(60), 1, 'exit status; it said %s' % program.out.raw)
    line = program.out.wait(demo='crash')
    check(line['reconnects'] >= 8 and line['held'] is False, 'the line: %s' % line)
    equal((line['lost'], line['dup'], line['disorder']), (0, 0, 0), 'what became of the messages')
    check('lost its connection' in words_of(program), 'the words: %s' % program.err.raw)


def test_demo_crash_where_names_are_listed(env):
    """A roster: the names to add are said, and then it works."""
    roster = env.folder / 'roster.csv'
    roster.write_text('alice\n')
    server = env.server(access__register='roster', access__roster=roster, server__workers=1)
    refused = demo(env, server, '--clients', '2')
    equal(refused.wait(30), 4, 'exit status where the names are not on the roster')
    words = words_of(refused)
    check('roster' in words and 'hint:' in words, 'the words: %s' % words)
    names = [word for word in words.replace('(', ' ').split() if word.startswith('demo-')]
    equal([name[-2:] for name in names], ['-1', '-2'], 'names in the hint: %s' % words)
    roster.write_text('alice\n%s\n%s\n' % tuple(names))
    since = server.log.mark()
    os.kill(server.pid, signal.SIGHUP)
    server.wait_log(after=since, sub='roster', ev='read')
    equal(held(demo(env, server, '--clients', '2', '--for', '2'))['clients'], 2, 'clients')


def test_demo_crash_interrupted(env):
    """SIGINT ends it in order, with its line; meanwhile a second one is sent away."""
    server = env.server(server__workers=2)
    program = demo(env, server, '--for', '1h')
    server.wait_log(timeout=30, sub='worker', ev='died')
    second = demo(env, server)
    equal(second.wait(20), 75, 'exit status of a second demo')
    os.kill(program.pid, signal.SIGINT)
    line = held(program)
    check(line['seconds'] < 30 * scale() and line['delivered'] == line['sent'], 'the line: %s' % line)
    equal(server.ctl('who'), [], 'who is left')


def test_demo_crash_without_a_server(env):
    """Nobody listens: 3 and what to do; options that make no sense: 2."""
    def run(*words):
        argv = [env.build / (NAME + 'ctl'), '--socket', env.folder / 'ctl.sock', *words]
        return subprocess.run(argv, capture_output=True, timeout=20 * scale(), text=True, check=False)
    done = run('demo', 'crash')
    equal((done.returncode, done.stdout), (3, ''), 'exit status and stdout')
    check('cannot reach' in done.stderr and 'hint: ' in done.stderr, 'the words: %s' % done.stderr)
    for words in (('demo', 'crash', '--for', 'soon'), ('demo', 'crash', '--clients', '1'),
                  ('status', '--for', '3s'), ('demo', 'dance')):
        equal(run(*words).returncode, 2, 'exit status of %s' % ' '.join(words))


@only_in_full_runs
def test_demo_crash_of_the_master(env):
    """--master, and somebody who starts the server again: nobody notices either."""
    server = env.server(server__workers=2)
    program = demo(env, server, '--for', '25s', '--master')
    masters = 0
    while program.process.poll() is None:
        if server.process.poll() is None:
            try:
                server.process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        equal(server.process.returncode, -signal.SIGKILL, 'how the master ended')
        masters += 1
        server = env.keep(server.restart())
    line = held(program)
    check(line['kills_master'] == masters > 0, '%d masters died: %s' % (masters, line))
