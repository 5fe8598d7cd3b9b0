"""A home that is locked with a passphrase: nothing of it can be read without, everything works with it, and a crash
while it is being locked or unlocked loses nothing."""
import os
import sqlite3
import subprocess

from harness import check, equal
from people import found_in, store_of

MARK = 'a-mark-that-nobody-else-writes'


def secret(env, text='correct horse'):
    """--password-file with this passphrase."""
    path = env.folder / 'secret'
    path.write_text(text + '\n')
    return '--password-file', str(path)


def talked(env):
    """A server, and alice who has written to bob and heard of him; her home is locked, with which words."""
    server = env.server()
    env.cli(server, 'bob', 'who').expect(0)
    env.cli(server, 'alice', 'send', 'bob', MARK + '-sent').expect(0)
    env.cli(server, 'bob', 'tail', '--count', '1', '--timeout', '10').expect(0)
    env.cli(server, 'bob', 'send', 'alice', MARK + '-heard').expect(0)
    env.cli(server, 'alice', 'tail', '--count', '1', '--timeout', '10').expect(0)
    return server


def files(env):
    """Where alice's things are."""
    return env.folder / 'home-alice'


def secrets(env):
    """The lines of the key file that nobody else may see."""
    text = (files(env) / 'alice' / 'key').read_text()
    return [line.split()[1] for line in text.splitlines() if line.split()[0] in ('seed', 'agree', 'account')]


def test_locked(env):
    """Texts and keys are gone from the disk; each command works with the passphrase, and says so without."""
    server = talked(env)
    keys = secrets(env)
    check(len(keys) == 3 and found_in(files(env), MARK), 'the search finds nothing where it must')
    words = secret(env)
    env.cli(server, 'alice', 'keys', 'lock', *words).expect(0)
    equal(found_in(files(env), MARK), [], 'files with the texts')
    for key in keys:
        equal(found_in(files(env), key), [], 'files with a key')
    done = env.cli(server, 'alice', 'who').expect(6)
    check('locked with a passphrase' in done.event(ev='error', code='passphrase')['message'], 'words: %r' % done.out)
    other = env.folder / 'wrong'
    other.write_text('incorrect horse\n')
    done = env.cli(server, 'alice', 'who', '--password-file', str(other)).expect(6)
    check('passphrase is wrong' in done.event(ev='error', code='passphrase')['message'], 'words: %r' % done.out)
    env.cli(server, 'bob', 'send', 'alice', MARK + '-again').expect(0)
    tail = env.tail(server, 'alice', *words)
    tail.out.wait(ev='message', text=MARK + '-again')
    # another process of the same home, at the same time
    env.cli(server, 'alice', 'send', 'bob', MARK + '-too', '--password-command', 'cat %s' % words[1]).expect(0)
    done = env.cli(server, 'alice', 'keys', 'unlock', *words).expect(8)
    check('another program of yours' in done.event(ev='error')['message'], 'words: %r' % done.out)
    equal(found_in(files(env), MARK), [], 'files with the texts, in use')
    tail.kill()
    equal(env.cli(server, 'bob', 'tail', '--count', '1', '--timeout', '10').expect(0).event(ev='message')['text'],
          MARK + '-too', 'what bob got')
    env.cli(server, 'alice', 'keys', 'unlock', *words).expect(0)
    equal(secrets(env), keys, 'the keys afterwards')
    check(found_in(files(env), MARK), 'the texts are lost')
    env.cli(server, 'alice', 'send', 'bob', 'open again').expect(0)


def crash(env, server, name, *words):
    """A command of alice that dies at a named point."""
    argv = [str(a) for a in env.argv(server, 'alice', *words)]
    done = subprocess.run(argv, env={**env.environ(), 'CSMSG_FAULT': name}, capture_output=True, timeout=40, check=False)
    equal(done.returncode, -9, 'it did not die there: %r' % done.stderr)


def test_killed_while_locking(env):
    """Between key file and store, in both directions: the next command with the passphrase mends it."""
    if 'faults' not in os.environ['CSMSG_BUILD'] and 'asan' not in os.environ['CSMSG_BUILD']:
        return
    server = talked(env)
    words = secret(env)
    crash(env, server, 'lock-key', 'keys', 'lock', *words)
    env.cli(server, 'alice', 'send', 'bob', 'one').expect(6)
    env.cli(server, 'alice', 'send', 'bob', 'one', *words).expect(0)
    equal(found_in(files(env), MARK), [], 'files with the texts')
    crash(env, server, 'unlock-store', 'keys', 'unlock', *words)
    env.cli(server, 'alice', 'send', 'bob', 'two', *words).expect(0)
    equal(found_in(files(env), MARK), [], 'files with the texts, after the second crash')
    env.cli(server, 'alice', 'keys', 'unlock', *words).expect(0)
    env.cli(server, 'alice', 'send', 'bob', 'three').expect(0)
    got = [e['text'] for e in env.cli(server, 'bob', 'tail', '--count', '3', '--timeout', '10').expect(0).events()]
    equal(got, ['one', 'two', 'three'], 'what bob got')


def test_a_lost_store(env):
    """The identity does not hang on the store: with the key file and the passphrase it goes on, sealed."""
    server = talked(env)
    words = secret(env)
    env.cli(server, 'alice', 'keys', 'lock', *words).expect(0)
    for path in store_of(env, 'alice').parent.glob('store.db*'):
        path.unlink()
    env.cli(server, 'alice', 'send', 'bob', MARK + '-new', *words).expect(0)
    env.cli(server, 'bob', 'tail', '--count', '1', '--timeout', '10').expect(0)
    equal(found_in(files(env), MARK), [], 'files with the texts')


def test_a_value_is_exchanged(env):
    """Whoever can write to the disk cannot put one sealed value in the place of another."""
    server = talked(env)
    env.cli(server, 'alice', 'send', 'carol', 'x', '--timeout', '1')
    words = secret(env)
    env.cli(server, 'alice', 'keys', 'lock', *words).expect(0)

    with sqlite3.connect(store_of(env, 'alice')) as db:
        db.execute("UPDATE value SET value = (SELECT value FROM value WHERE kind = 1 AND name = 'bob')"
                   " WHERE kind = 1 AND name = 'alice'")
    done = env.cli(server, 'alice', 'send', 'bob', 'hello', *words)
    equal(done.status, 8, 'exit')
    check('damaged' in done.out, 'the words: %r' % done.out)
