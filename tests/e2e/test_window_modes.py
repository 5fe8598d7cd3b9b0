"""The full screen in real terminals: the inbox, selecting and copying, links, light and dark, vi mode, Ctrl-z."""
import os
import re
import sqlite3

import frames
from harness import Failure, check, equal
from panes import Mux
from sharing import CHUNK, Gate, content_of, downloads, make
from test_window import Terminal, two


def test_inbox(env):
    """Who needs alice stands on top; Alt-i lists it, Enter goes there, c is done with all of it."""
    _, mux, alice, bob = two(env, 100, 30)
    alice.wait(lambda s: re.search(r'^INBOX +Alt-i', s, re.M) and ' nobody waits' in s, 'an empty inbox')
    alice.keys('M-1')
    bob.type('are you there, @alice?')
    alice.sees(' * 1 mention')
    bob.type('/msg alice for you alone')
    alice.sees(' ! 1 to you alone')
    alice.keys('M-i')
    alice.wait(lambda s: re.search(r'> #lobby +\*1 +bob: are you there, @alice\?', s), 'the mention, chosen')
    alice.wait(lambda s: re.search(r'  bob +!1 +bob: for you alone', s), 'the message')
    alice.keys('Down')
    alice.sees('> bob')
    alice.keys('k')
    alice.sees('> #lobby')
    alice.keys('j', 'Enter')
    alice.sees('[3:bob]')
    alice.sees('bob \u2502 for you alone')
    alice.misses('INBOX  Enter')
    alice.wait(lambda s: 'to you alone' not in s and ' * 1 mention' in s, 'what is left')
    alice.keys('M-i')
    alice.sees('> #lobby')
    alice.keys('c')
    alice.wait(lambda s: ' nobody waits' in s and 'Act:' not in s, 'nothing')
    alice.keys('M-i')
    alice.sees('nobody waits for you')
    alice.keys('Escape')
    alice.misses('nobody waits for you')
    alice.write('typed')
    alice.sees('[bob] typed')
    alice.keys('M-i')
    alice.sees('INBOX  Enter')
    alice.keys('M-2')  # a key of the window ends it, and does what it does
    alice.sees('[#lobby]')
    alice.misses('INBOX  Enter')
    alice.type('/quit')
    alice.wait(lambda s: alice.ask('#{pane_dead}') == '1', 'the end')
    again = mux.client(env.servers[0], 'alice', 100, 30)
    again.wait(lambda s: ' nobody waits' in s and 'Act:' not in s, 'nothing after a restart')


def test_select_and_copy(env):
    """Alt-s chooses a message; y copies it to the clipboard and for Ctrl-y, o its link alone; at every size."""
    _, mux, alice, bob = two(env)
    mux.run('set-option', '-s', 'set-clipboard', 'on')
    bob.type('first \u6f22\u5b57')
    bob.type('see https://lab.example/a?b=c, please')
    bob.type('last')
    alice.sees('bob \u2502 last')
    alice.write('half')
    alice.keys('M-s')
    alice.sees('bob > last')
    alice.keys('k')
    alice.sees('bob > see')
    alice.keys('Up')
    alice.sees('bob > first')
    alice.keys('y')
    alice.sees('copied 12 bytes')
    equal(mux.run('show-buffer'), 'first \u6f22\u5b57', 'the clipboard')
    alice.sees('[#lobby] half')
    alice.keys('C-y')
    alice.sees('[#lobby] halffirst \u6f22\u5b57')
    alice.keys('C-c', 'M-s', 'o')
    alice.sees('no link in this message')
    alice.keys('k', 'o')
    alice.sees('copied 25 bytes')
    equal(mux.run('show-buffer'), 'https://lab.example/a?b=c', 'the link')
    for cols, rows in ((40, 10), (120, 36)):
        alice.resize(cols, rows)
        alice.wait(lambda s: len(s.split('\n')) == rows, 'the size')
        alice.keys('M-s')
        alice.sees('bob > last')
        alice.keys('Escape')
        alice.wait(lambda s: ' > ' not in s, 'no choice')
        alice.wait(lambda s: s.split('\n')[-1] == '[#lobby]', 'an empty line')


def test_select_in_history(env):
    """Upwards through more than a screen: the chosen one is always to be seen."""
    _, _, alice, bob = two(env)
    for number in range(60):
        bob.type('line %02d' % number)
    alice.sees('line 59')
    alice.keys('M-s')
    for number in range(58, 20, -1):
        alice.keys('k')
        alice.sees('> line %02d' % number)
    alice.keys('PPage')
    alice.wait(lambda s: re.search(r'> line (0|1)\d', s), 'a page up')
    for _ in range(8):
        alice.keys('NPage')
    alice.sees('> line 59')


def test_links(env):
    """A terminal that knows links gets them, with nothing else in them; another one does not."""
    server = env.server()
    mallory = env.login('mallory', server, caps=frames.RECEIVE | frames.LOBBY)
    for user, more, wanted in (('alice', {'VTE_VERSION': '7200'}, True), ('bob', {}, False)):
        terminal = Terminal(env, server, user, environ=more)
        terminal.sees(b'you are in')
        mallory.send('#lobby', b'\0\0go https://lab.example/%s?q=1\x1b]8;;http://evil\x07 now' % user.encode())
        terminal.sees(b'now')
        link = b'\x1b]8;;https://lab.example/%s?q=1\x1b\\' % user.encode()
        if wanted:
            terminal.sees(link)
        while terminal.read(0.3):
            pass
        equal(link in terminal.seen, wanted, 'a link of %s in %r' % (user, terminal.seen[-3000:]))
        check(b'\x1b]8;;http://evil\x07' not in terminal.seen, 'bytes of others')
        terminal.end()


def test_screen_with_links(env):
    """Links are written behind the back of curses: the screen is the same as without."""
    server = env.server()
    mux = Mux(env)
    alice = mux.client(server, 'alice', 80, 24, environ=['VTE_VERSION=7200', 'TMUX='])
    plain = mux.client(server, 'bob', 80, 24)
    for number in range(30):
        plain.type('%d: https://lab.example/%s and text' % (number, 'x' * (number * 5)))
    alice.sees('\u2502 29:')
    plain.sees('\u2502 29:')
    for _ in range(2):
        alice.keys('PPage')
        plain.keys('PPage')
    alice.sees('[scrolled')
    plain.sees('[scrolled')

    def lines(screen):
        return [re.sub(r'^\d\d:\d\d|[ +]+$', '', line) for line in screen.split('\n')[2:20]]
    alice.wait(lambda s: lines(s) == lines(plain.screen()), 'the same lines')


def forget(env, server, upto):
    """The server with the lobby's lines up to this number gone from its store."""
    server.stop()
    with sqlite3.connect(server.state / 'broker.db') as store:
        store.execute('DELETE FROM room_message WHERE number <= ?', (upto,))
    return env.keep(server.restart())


def said_before(env, count, forgotten=0, **settings):
    """A server where so many lines were said, of which the first are not kept; alice comes after that."""
    server = env.server(**settings)
    mux = Mux(env)
    bob = mux.client(server, 'bob', 80, 24)
    mallory = env.login('mallory', server, caps=frames.RECEIVE | frames.LOBBY)
    for number in range(1, count + 1):
        mallory.send('#lobby', 'talk %03d' % number)
    bob.sees('talk %03d' % count)
    if forgotten:
        server = forget(env, server, forgotten)
    alice = mux.client(server, 'alice', 80, 40)
    alice.sees('talk %03d' % count)
    return alice


def page(pane, key):
    """Half a page; the screen then, or None when that was the end."""
    before = pane.screen()
    pane.keys(key)
    try:
        return pane.wait(lambda s: s != before, 'another screen', 1)
    except Failure:
        return None


def test_gaps(env):
    """What the lobby said before is there when somebody comes to see it; the line about it is gone then."""
    alice = said_before(env, 330, lobby__backlog=30)
    for _ in range(30):
        if 'talk 001' in (page(alice, 'PPage') or alice.screen()):
            break
    alice.sees('talk 001')
    seen, screen = set(), alice.screen()
    while screen:
        seen |= set(re.findall(r'talk (\d+)', screen))
        screen = page(alice, 'NPage')
    equal(sorted(seen), ['%03d' % n for n in range(1, 331)], 'every line was there')
    alice.misses('missing')
    alice.misses('scrolled')


def test_gap_that_stays(env):
    """What the server does not keep any more is missing, and said to be."""
    alice = said_before(env, 200, 50, lobby__backlog=5)
    for _ in range(12):
        if 'has no more of them' in (page(alice, 'PPage') or alice.screen()):
            break
    screen = alice.sees('messages are missing here: the server has no more of them')
    check('50 messages are missing here' in screen and 'talk 051' in screen, screen)


def test_light_and_dark(env):
    """What the terminal says of its background decides; whenever it says so, it is no part of the line."""
    server = env.server()
    mux = Mux(env)
    mux.run('new-session', '-d', '-s', 'keep', 'sleep', '600')
    mux.run('set-option', '-g', 'window-style', 'bg=#ffffff')
    light = mux.client(server, 'alice', 80, 24)
    light.wait(lambda s: s.split('\n')[-1] == '[#lobby]', 'an empty line')
    check('48;5;253' in light.screen(True), 'no light bar:\n%r' % light.screen(True)[:300])
    mux.run('set-option', '-g', 'window-style', 'bg=#000000')
    dark = mux.client(server, 'bob', 80, 24)
    dark.wait(lambda s: s.split('\n')[-1] == '[#lobby]', 'an empty line')
    check('48;5;237' in dark.screen(True), 'no dark bar:\n%r' % dark.screen(True)[:300])
    terminal = Terminal(env, server, 'carol')
    terminal.sees(b'you are in')
    check(b'\x1b]11;?\x1b\\' in terminal.seen, 'it was not asked')
    check(b'48;5;237m' in terminal.seen, 'no dark bar without an answer')
    terminal.seen = b''
    os.write(terminal.master, b'typ\x1b]11;rgb:ffff/fff')
    terminal.sees(b'typ')
    os.write(terminal.master, b'f/ffff\x1b\\ed')
    terminal.sees(b'48;5;253m')
    terminal.sees(b'typed')
    check(b'rgb' not in terminal.seen, 'the answer is in the line')
    terminal.end()
    asked = Terminal(env, server, 'dave', words=('--theme', 'light'))
    asked.sees(b'you are in')
    check(b'\x1b]11;?' not in asked.seen, 'asked although it was told')
    asked.end()


def test_vi_mode(env):
    """`set editing-mode vi` of ~/.inputrc: Escape leaves inserting, commands edit the line, bound keys go on working."""
    server = env.server()
    mux = Mux(env)
    rc = env.folder / 'inputrc'
    rc.write_text('set editing-mode vi\n')
    alice = mux.client(server, 'alice', environ=['INPUTRC=%s' % rc])
    alice.write('one two three')
    alice.sees('[#lobby] one two three')
    alice.keys('Escape')
    alice.wait(lambda s: alice.ask('#{cursor_x}') == str(len('[#lobby] one two thre')), 'the cursor on the last letter')
    alice.write('bdw')
    alice.sees('[#lobby] one two')
    alice.misses('three')
    alice.write('0iand ')
    alice.sees('[#lobby] and one two')
    alice.keys('Enter')
    alice.wait(lambda s: re.search(r'alice \u2502 and one two +1 \+', s), 'the message')
    alice.keys('M-1')
    alice.sees('[1:console]')


def test_suspend(env):
    """Ctrl-z gives the terminal to the shell, fg takes it back; what came meanwhile is there."""
    server = env.server()
    mux = Mux(env)
    argv = ' '.join(map(str, env.argv(server, 'alice', '--accept-new', json_lines=False)))
    shell = mux.pane(['bash', '--norc', '-i'], 80, 24, ['PS1=$ '])
    shell.sees('$')
    shell.type(argv)
    shell.sees('[connected]')
    bob = mux.client(server, 'bob')
    shell.write('half a line')
    shell.sees('[#lobby] half a line')
    shell.keys('C-z')
    shell.sees('Stopped')
    equal(shell.ask('#{alternate_on}'), '0', 'the alternate screen')
    shell.type('echo $((6 * 7)) | tr 4 f')
    shell.sees('f2')
    bob.type('said meanwhile')
    bob.wait(lambda s: re.search(r'said meanwhile +\d+ \+', s), 'taken by the server')
    shell.type('fg')
    shell.sees('bob \u2502 said meanwhile')
    shell.wait(lambda s: s.split('\n')[-1] == '[#lobby] half a line', 'the line')
    equal(shell.ask('#{alternate_on}'), '1', 'the alternate screen')


def test_transfers(env):
    """A file that is offered calls; on its way it shows how far it is, in a pane or a line; F6 hides it."""
    server = env.server()
    gate = Gate(server)
    mux = Mux(env)
    content = content_of(40 * CHUNK)
    bob = mux.client(server, 'bob', 100, 30)
    alice = mux.client(gate, 'alice', 100, 36)
    bob.type('/send %s alice' % make(env, 'lab3-trace.pcap', content))
    alice.sees(' < 1 file offered')
    alice.keys('M-i')
    alice.wait(lambda s: re.search(r'bob +<\d+ +lab3-trace\.pcap, 2\.5 MiB: /get \d+', s), 'the offer in the inbox')
    number = re.search(r': /get (\d+)', alice.screen())[1]
    alice.keys('Escape')
    alice.misses('INBOX  Enter')
    gate.allow('down', gate.passed['down'] + 20 * CHUNK)
    alice.type('/get %s %s/' % (number, downloads(env, 'alice')))
    gate.reached('down')
    screen = alice.wait(lambda s: re.search(r'^< lab3-trace\.pcap.*\n  \[####......\]  4\d%', s, re.M), 'half of it')
    check('TRANSFERS         F6' in screen and 'file offered' not in screen, screen)
    alice.resize(60, 16)
    alice.wait(lambda s: re.search(r'^ get lab3-trace\.pcap \[####......\]  4\d%', s, re.M), 'a line')
    alice.keys('F6')
    alice.misses('get lab3')
    alice.keys('F6')
    alice.sees('get lab3')
    alice.resize(100, 36)
    alice.sees('TRANSFERS')
    gate.allow('down')
    alice.misses('TRANSFERS')
    bob.misses('TRANSFERS')
