"""The first run: somebody new in a terminal, on both faces, and scripts, which are asked nothing."""
import re

from harness import NAME, check, equal
from panes import Mux


def words_of(server):
    """The six words that the server says when it starts."""
    return server.log.wait(sub='server', ev='ready')['words']


def new_here(mux, server, *words, user='alice'):
    """The client in a terminal of somebody who has never run it."""
    # A shell notes how it ended: tmux does not learn it when the terminal closes before the program is collected.
    noted = ['sh', '-c', 'trap : INT; to=$1; shift; "$@"; echo $? > "$to"', 'sh', mux.env.folder / 'status']
    return mux.pane([*noted, mux.env.build / NAME, server.name, *words], 100, 30, environ=['USER=' + user])


def exit_status(pane):
    """Waits for the end of the program in a pane."""
    pane.wait(lambda screen: pane.ask('#{pane_dead}') == '1', 'its end')
    return int((pane.mux.env.folder / 'status').read_text())


def begin(env, *face):
    """From nothing into the conversation; gives the pane."""
    server = env.server()
    pane = new_here(Mux(env), server, *face)
    pane.sees('First time at %s. Its fingerprint is\n  %s\n' % (server.name, words_of(server)))
    pane.type('yes')
    pane.sees('Name [alice]:')
    pane.keys('Enter')
    pane.sees('free, and yours now')
    pane.sees('Made your key on this machine:')
    pane.sees('Show them now? [yes/no]:')
    pane.type('yes')
    screen = pane.sees('Written down?')
    check(re.search(r'(?:^[a-z]{4,7}(?: [a-z]{4,7}){5}\n){4}Written', screen, re.M), 'no paper key:\n' + screen)
    pane.keys('Enter')
    return server, pane


def test_plain(env):
    """Server, name, key, paper, and in; from then on no option is needed."""
    server, pane = begin(env, '--plain')
    pane.sees('*** you are in.')
    pane.type('hello')
    pane.sees('+ accepted')
    pane.type('/quit')
    equal(exit_status(pane), 0, 'exit status')
    shown = env.client('keys', 'show', '--json').expect(0).event(ev='key', user='alice', server=server.name)
    equal(shown['server_words'], words_of(server), 'the server that is pinned')


def test_window(env):
    """The same on the full screen; the questions do not stay there."""
    _, pane = begin(env)
    screen = pane.sees('connected]')
    check('Written down?' not in screen, screen)
    pane.type('hello')
    pane.wait(lambda now: re.search(r'hello +\d+ \+', now), 'its mark')


def test_not_the_right_server(env):
    """Who says no has signed in nowhere, and nothing was made."""
    server = env.server()
    pane = new_here(Mux(env), server, '--plain')
    pane.sees('[yes/no]:')
    pane.type('no')
    equal(exit_status(pane), 6, 'exit status')
    env.client('--server', server.name, 'who').expect(2)


def test_a_name_of_somebody_else(env):
    """It is asked again, and the key of the name that could not be had is gone."""
    server = env.server()
    env.cli(server, 'alice', 'who').expect(0)
    pane = new_here(Mux(env), server, '--accept-new', '--plain')
    pane.sees('Name [alice]:')
    pane.keys('Enter')
    pane.sees('choose another name')
    pane.wait(lambda screen: screen.count('Name [alice]:') == 2, 'the question again')
    pane.type('two words')
    pane.wait(lambda screen: screen.count('Name [alice]:') == 3, 'the question again')
    pane.type('alice2')
    pane.sees('Show them now?')
    pane.type('no')
    pane.sees('*** you are in.')
    env.client('keys', 'show', '--json').expect(0).event(ev='key', user='alice2')


def test_interrupted(env):
    """Ctrl-C ends it at the last question, too; the name stays, and the next start goes on with it."""
    server = env.server()
    pane = new_here(Mux(env), server, '--accept-new', '--plain')
    pane.sees('Name [alice]:')
    pane.keys('Enter')
    pane.sees('Show them now?')
    pane.keys('C-c')
    equal(exit_status(pane), 130, 'exit status')
    env.client('keys', 'show', '--json').expect(0).event(ev='key', user='alice')


def test_scripts(env):
    """Nothing is asked: what is open is an error that says what to give."""
    server = env.server()
    run = env.client('init', server.name).expect(6)
    check(words_of(server) in run.err and '--accept-new' in run.err, run.err)
    run = env.client('init', server.name, '--accept-new').expect(2)
    check('--user' in run.err, run.err)
    made = env.client('init', server.name, '--user', 'bob', '--json').expect(0).event(ev='init')
    equal((made['user'], made['new'], made['server'], made['server_words']), ('bob', True, server.name, words_of(server)),
          'what is told')
    again = env.client('init', '--json').expect(0).event(ev='init', new=False)
    equal((again['user'], again['account']), ('bob', made['account']), 'a second time')
    run = env.client('init', 'a', 'b').expect(2)
    check('help init' in run.err, run.err)
    server.stop()
    run = env.client('init').expect(3)
    check('doctor' in run.err, run.err)


def test_no_name_yet(env):
    """Every command says how to get one; a pipe with a name in it needs none."""
    server = env.server()
    for words in ((), ('who',), ('send', 'bob', 'hi')):
        run = env.client('--server', server.name, *words).expect(2)
        check('there is no name in' in run.err and ' init ' in run.err, run.err)
    env.client(server.name, '--accept-new', '--user', 'carol', stdin='hello\n').expect(0)
    env.client('keys', 'show', '--json').expect(0).event(ev='key', user='carol')
