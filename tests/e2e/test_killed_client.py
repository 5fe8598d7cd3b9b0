"""SIGKILL of a client before and after each of its transactions and writes, one after the other, from the first contact
on: no key is lost or used twice, nothing is shown twice, nothing stays closed (docs/sealed.md section 13)."""
from harness import Program, check, equal, until
from test_kill import need_faults
from test_sealed import registered, texts

# Named in client/vault.h and client/client.c.
POINTS = ('client-commit', 'client-committed', 'client-wrote')
DEATHS_MAX = 60


def dies_at(env, server, user, point, nth, *words):
    """Runs a command that dies when it comes to the point for the nth time: (did it die, the program)."""
    marker = env.folder / ('fault.' + point)
    program = Program(env.argv(server, user, '--accept-new', *words), env.folder,
                      environ={**env.environ(), 'CSMSG_FAULT': '%s:%d' % (point, nth)})
    env.programs.append(program)
    program.wait()
    died = marker.exists()
    marker.unlink(missing_ok=True)
    return died, program


def each_death(env, server, user, point, words):
    """Lets the command die at each passage of a point until it ends by itself: [program], the last one lived."""
    programs = []
    for nth in range(1, DEATHS_MAX):
        died, program = dies_at(env, server, user, point, nth, *words(nth))
        programs.append(program)
        if not died:
            equal(program.process.returncode, 0, '%s:%d passed' % (point, nth))
            return programs
    raise AssertionError('%s is passed again and again' % point)


def test_sender(env):
    """What a sender took before it died comes once; what was said accepted has come; all of it opens."""
    if not need_faults(env):
        return
    server = env.server()
    registered(env, server, 'bob')
    tail = env.tail(server, 'bob')
    said, deaths = [], 0
    for number, point in enumerate(POINTS):
        user = 'alice%d' % number  # new: registration and the first message are among the steps
        programs = each_death(env, server, user, point, lambda nth, p=point: ('send', 'bob', '%s %d' % (p, nth)))
        deaths += len(programs) - 1
        said += ['%s %d' % (point, n + 1) for n, p in enumerate(programs)
                 if any(e.get('ev') == 'accepted' for e in p.out.parsed)]
        env.cli(server, user, 'send', 'bob', 'end of ' + point).expect(0)
    until(lambda: 'end of ' + POINTS[-1] in texts(tail), 'the last text', 20)
    got = texts(tail)
    check(deaths >= 3 * len(POINTS), 'only %d deaths' % deaths)
    check(None not in got, 'one did not open: %s' % got)
    equal(len(got), len(set(got)), 'texts that came twice: %s' % got)
    equal([t for t in said if t not in got], [], 'accepted, and lost')


def test_receiver(env):
    """A reader that dies at each step, and comes back, shows every text once, in order."""
    if not need_faults(env):
        return
    server = env.server()
    for number, point in enumerate(POINTS):
        user, sender = 'bob%d' % number, 'alice%d' % number
        registered(env, server, user, sender)
        sent, got, deaths = [], [], 0
        for nth in range(1, DEATHS_MAX):
            for text in ('%d a' % nth, '%d b' % nth):
                env.cli(server, sender, 'send', user, text).expect(0)
                sent.append(text)
            died, tail = dies_at(env, server, user, point, nth, 'tail', '--count', str(len(sent) - len(got)), '--timeout', '10')
            got += texts(tail)
            deaths += died
            if not died:
                break
        check(deaths >= 2, 'only %d deaths at %s' % (deaths, point))
        equal(got, sent, 'what was shown, %s' % point)
