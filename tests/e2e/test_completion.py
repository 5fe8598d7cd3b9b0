"""csce513fall24Msg completion: the scripts, run by the shells they are for."""
import os
import re
import shutil
import subprocess

from harness import NAME, Skipped, check, equal, scale
from panes import Mux


def script(env, shell):
    """The script of this shell."""
    return env.client('completion', shell).expect(0).out


def talk(env):
    """A history with bob and #lobby in the default home; gives the environment of a shell in which Tab sees it."""
    server = env.server()
    words = ('--server', server.name, '--user', 'alice', '--accept-new')
    env.cli(server, 'bob', 'who').expect(0)
    env.client(*words, 'send', 'bob', 'hi').expect(0)
    env.client(*words, 'send', '#lobby', 'hello').expect(0)
    env.client('read', '--timeout', '5').expect(0)
    return {**env.environ(), 'PATH': '%s:%s' % (env.build, os.environ['PATH'])}


def needs(shell):
    """The shell; a machine without it skips the test."""
    path = shutil.which(shell)
    if not path:
        raise Skipped('%s is not installed' % shell)
    return path


LINES = {  # what is typed, and what Tab offers then
    'doc': {'doctor'},
    'keys ': {'show', 'devices', 'revoke', 'paper', 'lock', 'unlock', 'verify', 'accept', 'replace-server'},
    'keys re': {'revoke', 'replace-server'},
    '--server lab:5130 --json keys sh': {'show'},
    'send x --wait ': {'accepted', 'delivered'},
    'config set time': {'timeout', 'time_format'},
    '--acc': {'--accept-new'},
    'group role x y ': {'member', 'assistant', 'owner'},
    'completion ': {'bash', 'zsh', 'fish'},
    'read b': {'bob'},
    'keys verify ': {'bob', '#lobby'},
    'tail ': set(),
}


def ask_bash(env, environ, line):
    """What bash would offer, by its own words and word breaks."""
    words = [NAME, *re.findall(r'[:=]|[^\s:=]+', line)] + ([''] if line.endswith(' ') else [])
    program = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); ' \
              '_%s "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"; printf "%%s\\n" "${COMPREPLY[@]}"' % NAME
    done = subprocess.run(['bash', '--norc', '-c', program, 'bash', env.folder / 'script', *words], env=environ, text=True,
                          capture_output=True, timeout=10 * scale(), check=False)
    equal((done.returncode, done.stderr), (0, ''), 'bash at %r' % line)
    return set(done.stdout.split())


def test_bash(env):
    """COMPREPLY at many places; a room's # is no comment."""
    environ = talk(env)
    (env.folder / 'script').write_text(script(env, 'bash'))
    for line, offered in LINES.items():
        equal(ask_bash(env, environ, line), {word.replace('#', '\\#') for word in offered}, repr(line))
    equal(ask_bash(env, environ, "read '#l"), {'#lobby'}, 'in quotes')
    equal(ask_bash(env, environ, 'send x --wait=d'), {'delivered'}, 'behind =')
    help_text = env.client('--help').expect(0).out
    commands = set(re.findall(r'^  ([a-z]+)', help_text.split('commands:\n', 1)[1].split('\n\n', 1)[0], re.M))
    equal(ask_bash(env, environ, ' '), commands, 'the commands of --help')
    equal(ask_bash(env, environ, '--'), set(re.findall(r'^ +(--[a-z-]+)', help_text, re.M)), 'the options of --help')


def test_bash_as_typed(env):
    """In a terminal, with the Tab key."""
    environ = talk(env)
    (env.folder / 'script').write_text(script(env, 'bash'))
    mux = Mux(env)
    pane = mux.pane(['env', 'PATH=' + environ['PATH'], 'PS1=go: ', 'bash', '--norc', '--noprofile', '-i'], 80, 10)
    pane.sees('go:')
    pane.type('source %s/script; echo read""y' % env.folder)
    pane.sees('\nready')
    pane.write('%s read --quiet \\#l' % NAME)
    pane.keys('Tab')
    pane.sees('read --quiet \\#lobby')
    pane.keys('Enter')
    pane.sees('hello')


def test_fish(env):
    """What fish itself says it would offer."""
    needs('fish')
    environ = talk(env)
    (env.folder / 'script').write_text(script(env, 'fish'))
    for line, offered in LINES.items():
        done = subprocess.run(['fish', '--no-config', '-c', 'source script; complete -C "$argv"', '%s %s' % (NAME, line)],
                              cwd=env.folder, env=environ, text=True, capture_output=True, timeout=10 * scale(), check=False)
        equal((done.returncode, done.stderr), (0, ''), 'fish at %r' % line)
        equal({row.split('\t')[0] for row in done.stdout.splitlines()}, offered, repr(line))


def test_zsh(env):
    """In a terminal, with the Tab key, installed as make install does it."""
    needs('zsh')
    environ = talk(env)
    (env.folder / 'site').mkdir()
    (env.folder / 'site' / ('_' + NAME)).write_text(script(env, 'zsh'))
    mux = Mux(env)
    pane = mux.pane(['env', 'PATH=' + environ['PATH'], 'PS1=go: ', 'zsh', '-f', '-i'], 100, 20)
    pane.sees('go:')
    pane.type('fpath=(%s/site $fpath); autoload -U compinit; compinit -u -D; echo read""y' % env.folder)
    pane.sees('\nready')
    for typed, completed in (('doc', 'doctor'), ('--server lab:5130 keys replace', 'replace-server'), ('send x --wait d', 'delivered'),
                             ('keys verify b', 'bob'), ('read \\#', '\\#lobby'), ('--acc', '--accept-new')):
        pane.write('%s %s' % (NAME, typed))
        pane.keys('Tab')
        pane.sees(typed[:typed.rfind(' ') + 1] + completed)
        pane.keys('C-u')
        pane.misses(completed)


def test_which_shell(env):
    """Another shell is refused with the three that there are."""
    run = env.client('completion', 'tcsh').expect(2)
    check('bash, zsh or fish' in run.err, run.err)
    env.client('completion').expect(2)
