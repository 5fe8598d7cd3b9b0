"""One key for a class, by the real programs: init, invite, join, sign, members; docs/sealed.md section 11."""
from frames import DONE, ENTRY, PUT, WELCOME
from harness import check, equal, until


def classroom(env, name='CSCE 513'):
    """A server with an instructor whose class has begun."""
    server = env.server()
    env.cli(server, 'prof', 'who').expect(0)
    server.ctl('role', 'prof', 'instructor')
    began = env.cli(server, 'prof', 'class', 'init', name).expect(0).event(ev='class')
    return server, began['words']


def invite(env, server, name, *more):
    """A code for somebody."""
    return env.cli(server, 'prof', 'class', 'invite', name, *more).expect(0).event(ev='invitation')['code']


def standing(env, server, user, name):
    """How `class members` of a user shows somebody."""
    return env.cli(server, user, 'class', 'members').expect(0).event(ev='member', user=name)['standing']


def test_joined(env):
    """The code alone: the student pins the anchor, the instructor's client signs; both see each other verified, and
    somebody without a code as not in class."""
    server, words = classroom(env)
    code = invite(env, server, 'alice')
    env.cli(server, 'alice', 'class', 'join', code, '--timeout', '1').expect(7)
    equal(env.cli(server, 'prof', 'class', 'list').expect(0).event(user='alice')['joined'], False, 'before')
    signed = env.cli(server, 'prof', 'class', 'sign').expect(0)
    check('alice is signed' in signed.err, 'told: %r' % signed.err)
    equal(env.cli(server, 'prof', 'class', 'list').expect(0).event(user='alice')['joined'], True, 'after')
    done = env.cli(server, 'alice', 'class', 'join', code.lower().replace('-', ' ')).expect(0)
    equal(done.event(ev='class')['words'], words, 'the anchor that was pinned')
    env.cli(server, 'alice', 'send', 'prof', 'hello').expect(0)
    check('instructor' in standing(env, server, 'alice', 'prof'), 'the instructor')
    tail = env.tail(server, 'mallory')
    people = {e['user']: e.get('class') for e in env.cli(server, 'alice', 'who').expect(0).events()}
    equal(people['mallory'], 'not in class', 'somebody without a code')
    shown = env.cli(server, 'alice', 'keys', 'verify', 'prof', json_lines=False).expect(0)
    check('verified by the class: instructor' in shown.out, 'keys verify: %r' % shown.out)
    tail.kill()


def test_who_is_signed_later(env):
    """Whoever is in hears with the next login whom the class has signed since, and keys show names the class."""
    server, words = classroom(env)
    code = invite(env, server, 'alice')
    env.cli(server, 'alice', 'class', 'join', code, '--timeout', '1').expect(7)
    env.cli(server, 'prof', 'class', 'sign').expect(0)
    env.cli(server, 'alice', 'class', 'join', code).expect(0)
    env.cli(server, 'bob', 'class', 'join', invite(env, server, 'bob'), '--timeout', '1').expect(7)
    env.cli(server, 'prof', 'class', 'sign').expect(0)
    env.tail(server, 'bob')

    def bob():
        who = env.cli(server, 'alice', 'who').expect(0).events()
        return [e['class'] for e in who if e.get('user') == 'bob']

    until(bob, 'bob is there')
    equal(bob(), ['not in class'], 'what alice knows of him so far')
    env.tail(server, 'alice')
    until(lambda: bob() == ['in class; their keys are compared with the first message'], 'bob is in class')
    shown = env.cli(server, 'alice', 'keys', 'show').expect(0).event(ev='key')
    equal((shown['class'], shown['class_key']), ('CSCE 513', words), 'keys show')


def test_signed_by_the_conversation(env):
    """An instructor who is there signs by himself; the student waits for nothing but the welcome."""
    server, _ = classroom(env)
    code = invite(env, server, 'kim', 'assistant')
    prof = env.tail(server, 'prof')
    env.cli(server, 'kim', 'class', 'join', code).expect(0)
    equal(env.cli(server, 'kim', 'class', 'members').expect(0).event(user='kim')['role'], 'assistant', 'the role')
    prof.kill()


def test_a_code_counts_once(env):
    """For one name and one account key: nobody else gets in by it; slips of the pen are said."""
    server, _ = classroom(env)
    code = invite(env, server, 'alice')
    env.cli(server, 'mallory', 'class', 'join', code, '--timeout', '1').expect(7)
    signed = env.cli(server, 'prof', 'class', 'sign').expect(0)
    check('mallory is not signed' in signed.err, 'told: %r' % signed.err)
    members = {e['user'] for e in env.cli(server, 'prof', 'class', 'members').expect(0).events()}
    equal(members, {'prof'}, 'who is in')
    env.cli(server, 'alice', 'class', 'join', code[:-1] + ('2' if code[-1] != '2' else '3')).expect(2)
    env.cli(server, 'alice', 'class', 'invite', 'bob').expect(8)
    env.cli(server, 'alice', 'class', 'init', 'mine').expect(4)


def test_the_server_in_between(env):
    """An anchor of the server's own, and a welcome made up: neither is believed, since neither knows the code. An
    entry that the anchor has not signed counts nothing."""
    server, words = classroom(env)
    code = invite(env, server, 'alice')
    env.cli(server, 'alice', 'class', 'join', code, '--timeout', '1').expect(7)
    mallory = env.login('mallory', server)
    server.ctl('role', 'mallory', 'instructor')
    equal(mallory.roster(PUT, WELCOME, 'alice', item=b'\x01' * 200).op, DONE, 'put')
    env.cli(server, 'alice', 'tail', '--timeout', '1').expect(7)
    check(env.cli(server, 'alice', 'class', 'members').status == 8, 'a made-up welcome was believed')
    env.cli(server, 'prof', 'class', 'sign').expect(0)
    equal(env.cli(server, 'alice', 'class', 'join', code).expect(0).event(ev='class')['words'], words, 'the true one')
    equal(mallory.roster(PUT, ENTRY, 'mallory', item=b'\x02' * 200).op, DONE, 'put')
    members = {e['user'] for e in env.cli(server, 'alice', 'class', 'members').expect(0).events()}
    equal(members, {'prof', 'alice'}, 'who is in')
