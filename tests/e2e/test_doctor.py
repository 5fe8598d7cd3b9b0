"""csce513fall24Msg doctor: what it finds where all is well, and what where each thing is not."""
import shutil

from harness import NAME, check, equal
from panes import Mux


def settle(env, server):
    """Alice, who has been here; the words that lead to her home."""
    home = env.folder / 'home-alice'
    env.cli(server, 'alice', 'who').expect(0)
    return home, ['--server', server.name, '--home', home]


def examine(env, words, status):
    """{about: (state, message, hint)} and whether the exit status is this one."""
    run = env.client('doctor', '--json', *words).expect(status)
    return {e['about']: (e['state'], e['message'], e['hint']) for e in run.events() if e['ev'] == 'check'}


def bad(found):
    """What is not ok."""
    return {about: state for about, (state, _, _) in found.items() if state != 'ok'}


def test_all_is_well(env):
    """Every part is looked at, and nothing is said against it; in lines, too."""
    server = env.server()
    _, words = settle(env, server)
    found = examine(env, words, 0)
    equal(bad(found), {}, 'what is not ok')
    equal(set(found), {'program', 'config', 'terminal', 'folder', 'disk', 'key', 'store', 'address', 'server', 'clock',
                       'trust', 'sign-in'}, 'what was looked at')
    check(server.log.wait(sub='server', ev='ready')['words'] in found['trust'][1], found['trust'][1])
    run = env.client('doctor', *words).expect(0)
    check('ok    sign-in   as alice; 0 messages wait\n' in run.out and '12 well, 0 to look at, 0 wrong' in run.err,
          run.out + run.err)
    equal(env.client('doctor', '--quiet', *words).expect(0).out, '', 'what --quiet says')


def test_nothing_is_there(env):
    """No home, no server: what to do stands beside each, and nothing is made."""
    server = env.server()
    found = examine(env, ['--server', server.name], 0)
    equal(bad(found), {'folder': 'warn', 'trust': 'warn'}, 'a new home')
    check('init' in found['folder'][2], found['folder'])
    check(not (env.folder / '.local').exists(), 'doctor has made a folder')
    server.stop()
    found = examine(env, ['--server', server.name], 3)
    equal(bad(found), {'folder': 'warn', 'server': 'fail'}, 'without a server')
    found = examine(env, ['--server', 'nowhere.invalid'], 3)
    equal(bad(found), {'folder': 'warn', 'address': 'fail'}, 'a name without address')
    (env.folder / 'empty').mkdir(mode=0o700)
    equal(examine(env, ['--server', server.name, '--home', env.folder / 'empty'], 3)['name'][0], 'warn', 'no name')


def test_another_key(env):
    """A server whose key is not the pinned one: 6, and nobody signs in there."""
    server = env.server()
    home, words = settle(env, server)
    pins = home / 'known_servers'
    place, kind, key, day = pins.read_text().split()
    pins.write_text(' '.join((place, kind, 'A' * 43 + '=', day)) + '\n')
    found = examine(env, words, 6)
    equal(bad(found), {'trust': 'fail'}, 'what is not ok')
    check('replace-server' in found['trust'][2] and day in found['trust'][1], found['trust'])
    check('sign-in' not in found, 'it has signed in')
    pins.write_text(' '.join((place, kind, key, day)) + '\n')
    examine(env, words, 0)


def test_home(env):
    """Others can look in, the store is damaged, the key is: warned of, or 8."""
    server = env.server()
    home, words = settle(env, server)
    home.chmod(0o755)
    found = examine(env, words, 0)
    equal(bad(found), {'folder': 'warn'}, 'an open folder')
    check('chmod 700' in found['folder'][2], found['folder'])
    home.chmod(0o700)
    (home / 'alice' / 'store.db').write_text('no store at all, but long enough to be looked at ' * 100)
    equal(examine(env, words, 8)['store'][0], 'fail', 'a damaged store')
    (home / 'alice' / 'key').chmod(0o644)
    equal(examine(env, words, 8)['key'][0], 'fail', 'a key that others read')


def test_store_in_use(env):
    """Who has the store open is said by pid."""
    server = env.server()
    _, words = settle(env, server)
    tail = env.tail(server, 'alice')
    store = examine(env, words, 0)['store']
    equal(store[:2], ('ok', 'opens; in use by pid %d' % tail.pid), 'the store')


def test_locked(env):
    """A locked home is signed in from only when the passphrase is given."""
    server = env.server()
    _, words = settle(env, server)
    secret = env.folder / 'secret'
    secret.write_text('correct horse battery\n')
    env.client(*words, '--user', 'alice', '--password-file', secret, 'keys', 'lock').expect(0)
    found = examine(env, words, 0)
    check('not tried' in found['sign-in'][1] and 'locked' in found['key'][1], found)
    found = examine(env, [*words, '--password-file', secret], 0)
    check('as alice' in found['sign-in'][1], found['sign-in'])


def test_refused(env):
    """The name belongs to another key: 4, with the words of the refusal; the key here stays."""
    server = env.server()
    home, words = settle(env, server)
    env.cli(server, 'bob', 'who').expect(0)
    shutil.copy(env.folder / 'home-bob' / 'bob' / 'key', home / 'alice' / 'key')
    for left in ('store.db', 'store.db-wal', 'store.db-shm'):
        (home / 'alice' / left).unlink(missing_ok=True)
    found = examine(env, words, 4)
    equal(bad(found), {'sign-in': 'fail'}, 'what is not ok')
    check('device add' in found['sign-in'][2], found['sign-in'])
    check((home / 'alice' / 'key').exists(), 'the key is gone')


def test_config(env):
    """A config file that cannot be read is a finding, and the rest is looked at all the same."""
    server = env.server()
    _, words = settle(env, server)
    file = env.folder / 'config' / 'csmsg' / 'config'
    file.parent.mkdir(parents=True)
    file.write_text('[client]\nnonsense = 1\n')
    found = examine(env, words, 8)
    equal(bad(found), {'config': 'fail'}, 'what is not ok')
    check('config:2:1' in found['config'][1] and 'sign-in' in found, found['config'])


def test_in_a_terminal(env):
    """What the terminal is, its size, what tmux lets through; an unknown TERM is wrong."""
    mux = Mux(env)
    argv = ['sh', '-c', '"$@"; exec cat', 'sh', env.build / NAME, 'doctor', '--server', '127.0.0.1:1']
    pane = mux.pane(argv, 90, 24)
    screen = pane.sees('wrong')
    for line in ('-256color, 256 colours', 'ok    locale    UTF-8', 'ok    size      90 x 24',
                 'warn  tmux      notifications of the desktop do not get through tmux; the bell does'):
        check(line in screen, screen)
    mux.run('set-option', '-g', 'allow-passthrough', 'on')
    mux.run('set-option', '-s', 'escape-time', '20')
    mux.pane(argv, 90, 24).sees('ok    tmux      keys and notifications get through')
    mux.pane(['env', 'TERM=nonsense', *argv], 90, 24).sees('fail  terminal  "nonsense" is not in terminfo')
