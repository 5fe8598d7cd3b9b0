"""The full screen in real terminals of several sizes: typing, resizing, scrolling, searching, pasting,
reconnecting, hostile texts, bursts."""
import os
import pty
import re
import select
import signal
import sqlite3
import struct
import subprocess
import time
import fcntl
import termios

import csmsg
import frames
from harness import NAME, check, equal, scale, until
from panes import Mux

SIZES = ((40, 10), (80, 24), (120, 36), (200, 60))


def two(env, cols=80, rows=24, **settings):
    """A server, and alice and bob in windows."""
    server = env.server(**settings)
    mux = Mux(env)
    return server, mux, mux.client(server, 'alice', cols, rows), mux.client(server, 'bob', cols, rows)


def test_talk(env):
    """The lobby, somebody alone, a group: marks, activity, titles, and Alt-a finds who calls."""
    _, _, alice, bob = two(env)
    alice.sees('--> \u2502 bob joined')
    alice.type('hello, is anybody here?')
    bob.sees('alice \u2502 hello, is anybody here?')
    alice.wait(lambda s: re.search(r'is anybody here\? +1 \+$', s, re.M), 'the number and the mark')
    bob.type('/query alice')
    bob.sees('[3:alice]')
    bob.type('for you alone')
    bob.wait(lambda s: re.search(r'for you alone +\d+ \+\+$', s, re.M), 'delivered')
    bob.sees('sealed, not verified')
    alice.sees('[Act: 3:bob!1]')
    alice.keys('M-a')
    alice.sees('bob \u2502 for you alone')
    alice.misses('Act:')
    alice.type('/create #chess')
    alice.sees('sealed for its members')
    alice.type('/invite bob')
    alice.sees('alice invited bob')
    bob.type('/join #chess')
    bob.sees('you are in #chess')
    bob.type('your move, @alice')
    alice.sees('bob \u2502 your move, @alice')
    alice.keys('M-2')
    bob.type('alice?')
    alice.sees('3:#chess*1')
    alice.keys('M-a')
    alice.sees('bob \u2502 alice?')
    alice.type('/quit')
    alice.wait(lambda s: alice.ask('#{pane_dead}') == '1', 'the end of the program')
    # When the terminal closes before its program is collected, tmux 3.3 never learns the status.
    check(alice.ask('#{pane_dead_status}') in ('0', ''), 'exit status %r' % alice.ask('#{pane_dead_status}'))


def test_sizes(env):
    """Every size shows what was said, who is talked to and the connection; what does not fit folds."""
    server, mux, alice, bob = two(env)
    alice.type('said before')
    for cols, rows in SIZES:
        alice.resize(cols, rows)
        screen = alice.wait(lambda s: s.startswith(' #lobby') and 'connected]' in s
                            and len(s.split('\n')) == rows and 'said before' in s, '%d x %d' % (cols, rows))
        check(all(len(line) <= cols for line in screen.split('\n')), 'a line is longer than the screen')
        alice.wait(lambda s: ('ROOMS' in s) == (cols >= 90), 'the rooms')
        alice.wait(lambda s: ('MEMBERS' in s) == (cols >= 110), 'the members')
        check(alice.lines()[-1].startswith('[#lobby]'), 'the line being typed')
    alice.keys('F7')
    alice.misses('ROOMS')
    alice.keys('F8')
    alice.misses('MEMBERS')


def test_typing_while_others_talk(env):
    """A half-typed line stays through messages, resizing and another room, and is sent whole."""
    _, _, alice, bob = two(env)
    alice.write('half of a li')
    bob.type('interruption one')
    alice.sees('interruption one')
    for cols, rows in SIZES:
        alice.resize(cols, rows)
        alice.wait(lambda s: s.split('\n')[-1] == '[#lobby] half of a li', 'the line at %d x %d' % (cols, rows))
    alice.keys('M-1')
    alice.wait(lambda s: s.split('\n')[-1] == '[console]', 'another room has another line')
    alice.keys('M-2')
    alice.sees('[#lobby] half of a li')
    alice.write('ne')
    alice.keys('Enter')
    bob.sees('half of a line')
    alice.keys('Up')
    alice.sees('[#lobby] half of a line')
    alice.keys('C-u')
    alice.write('one')
    alice.keys('M-Enter')
    alice.write('two')
    alice.wait(lambda s: s.split('\n')[-2:] == ['[#lobby] one', 'two'], 'two lines')
    alice.keys('Enter')
    bob.wait(lambda s: re.search('alice \u2502 one +\\d+\n +\u2502 two', s), 'one message of two lines')


def test_completion(env):
    """Commands, names, rooms; what Tab could mean stands above the status line."""
    _, _, alice, _ = two(env)
    alice.sees('bob joined')
    alice.write('/qu')
    alice.keys('Tab')
    alice.sees('/query  /quit')
    alice.write('e')
    alice.keys('Tab')
    alice.write('b')
    alice.keys('Tab')
    alice.sees('[#lobby] /query bob')
    alice.keys('Enter')
    alice.sees('[bob]')
    alice.write('see #lo')
    alice.keys('Tab')
    alice.sees('[bob] see #lobby')


def test_paste(env):
    """Three lines are text in the line; more ask: one message, a message each, or not at all."""
    _, _, alice, bob = two(env)
    alice.paste('int main(void)\n{\n}\n')
    alice.sees('[#lobby] int main(void)\n{\n}')
    alice.keys('Enter')
    bob.sees('int main(void)')
    alice.paste('a1\na2\na3\na4\n')
    alice.sees('4 lines were pasted')
    alice.keys('s')
    bob.wait(lambda s: re.search('alice \u2502 a1 +\\d+\n +\u2502 a2\n +\u2502 a3\n +\u2502 a4\n', s), 'one message')
    alice.paste('b1\n/quit\nb3\nb4')
    alice.sees('4 lines were pasted')
    alice.keys('t')
    bob.wait(lambda s: re.search('alice \u2502 b1 +\\d+\n.*alice \u2502 /quit +\\d+\n.*alice \u2502 b3', s), 'four messages')
    alice.misses('lines were pasted')
    alice.paste('c1\nc2\nc3\nc4')
    alice.sees('4 lines were pasted')
    alice.keys('c')
    alice.misses('lines were pasted')
    alice.paste('d1\nd2\nd3\nd4')
    alice.sees('4 lines were pasted')
    alice.keys('e')  # EDITOR=cat saves what was there
    alice.wait(lambda s: s.endswith('[#lobby] d1\nd2\nd3\nd4'), 'the line after the editor')
    alice.keys('C-c')
    alice.wait(lambda s: s.endswith('[#lobby]'), 'an empty line')
    bob.misses('c1')
    bob.misses('d1')


def test_reconnect(env):
    """The server goes and comes: the status line says so, typing goes on, nothing is lost."""
    server, _, alice, bob = two(env)
    server.kill_all()
    alice.wait(lambda s: re.search(r'\[(retry \d+ s|connecting)\]', s), 'that the link is down')
    alice.sees('connection lost')
    alice.type('typed meanwhile')
    alice.sees('[out 1]')
    alice.wait(lambda s: re.search('typed meanwhile +-$', s, re.M), 'the mark -')
    env.keep(server.restart())
    alice.type('/reconnect')
    alice.sees('[connected]')
    alice.misses('[out 1]')
    alice.wait(lambda s: re.search(r'typed meanwhile +1 \+$', s, re.M), 'the mark +')
    bob.sees('typed meanwhile', 30)


def test_worker_killed(env):
    """Nobody sees that a worker died."""
    server, _, alice, bob = two(env, server__workers=1)
    alice.type('before')
    bob.sees('before')
    for pid in server.pids('worker'):
        os.kill(pid, signal.SIGKILL)
    alice.type('after')
    bob.sees('after')
    check('[connected]' in alice.screen() and 'connection lost' not in alice.screen(), 'alice noticed:\n' + alice.screen())


HOSTILE = (
    b'\x1b[2J\x1b[H\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07', b'\x1bPq#0;2;0;0;0\x1b\\', b'\x9b31mred',
    b'\x1b[?1049l\x1b[?25l\x1b[?1000h\x1b=', b'\x1b[5;10r\x1b[?6h\x1bc', b'\x0e\x0f\x08\x08\x7f\r\x0b\x0c',
    '\u202eabc\u202c \u2066x\u2069'.encode(), 'zero\u200bwidth\u200djoin\ufeff'.encode(),
    ('a' + '\u0301' * 500 + 'b').encode(), ('\u6f22' * 200).encode(), '\U0001f468\u200d\U0001f469\u200d\U0001f467'.encode(),
    '\u0915\u094d\u0937\u093f \u1112\u1161\u11ab \u2764\ufe0f'.encode(), b'\xff\xfe\xc0\xaf\xed\xa0\x80',
    ('\u0a9c\u0abe' * 60).encode(), ('x' * 5000).encode(), ('\n' * 300).encode() + b'end', ('\t' * 50).encode() + b'tab')


def test_hostile_texts(env):
    """Whatever is sent: the terminal's state is as before, and every screen is whole."""
    server = env.server()
    mux = Mux(env)
    mallory = env.login('mallory', server, caps=frames.RECEIVE | frames.LOBBY)
    for cols, rows in ((40, 10), (80, 24), (121, 36)):
        alice = mux.client(server, 'alice%d' % cols, cols, rows)
        before = alice.state()
        for number, text in enumerate(HOSTILE):
            mallory.send('#lobby', csmsg.plain_body('') + text)
            mallory.send('#lobby', 'mark %d-%d' % (cols, number))
            screen = alice.sees('mark %d-%d' % (cols, number))
            rows_now = screen.split('\n')
            equal(len(rows_now), rows, 'rows of the screen after %r' % text)
            check(rows_now[0].startswith(' #lobby') and rows_now[-1].startswith('[#lobby]'),
                  'title and line after %r:\n%s' % (text, screen))
            check('\x1b' not in screen and '\u202e' not in screen and '\u200b' not in screen, 'raw bytes: %r' % screen)
        equal(alice.state(), before, 'state of the terminal')
        equal(mux.run('list-buffers'), '', 'buffers that somebody has put something into')
        alice.type('/quit')
        alice.wait(lambda s: alice.ask('#{pane_dead}') == '1', 'the end')
        equal(alice.ask('#{alternate_on}'), '0', 'the alternate screen after the end')


def long_history(env, count, user='alice'):
    """Somebody's store with so many lines of the lobby in it."""
    now = int(time.time() * 1000)
    path = env.folder / ('home-' + user) / user / 'store.db'
    with sqlite3.connect(path) as store:
        store.executemany(
            'INSERT INTO history(flags, incarnation, seq, time_ms, sender, device, id, recipient, body)'
            " VALUES(1, 0, ?, ?, 'prof', 7, ?, '#lobby', ?)",
            ((n, now - (count - n) * 1000, n, b'\0\0' + b'line %06d of the talk' % n) for n in range(1, count + 1)))
    shown = path.parent / 'shown'
    shown.write_bytes(struct.pack('<Q', count) + shown.read_bytes()[8:])


def test_long_history(env):
    """Scrolling and searching in 100,000 lines: what is older is read as one comes to it."""
    count = 100000
    server = env.server()
    env.cli(server, 'alice', 'who').expect(0)
    env.cli(server, 'alice', stdin='', json_lines=False).expect(0)
    long_history(env, count)
    mux = Mux(env)
    alice = mux.client(server, 'alice', 120, 36)
    alice.sees('line 100000 of the talk')
    alice.keys('PPage')
    alice.sees('[scrolled')
    for _ in range(150):
        alice.keys('PPage')
    alice.wait(lambda s: re.search(r'line 097\d\d\d of', s), 'what was not loaded at first', 30)
    alice.keys('C-s')
    alice.sees('\nsearch:')
    begun = time.monotonic()
    alice.write('LINE 000001')
    alice.sees('further back for "LINE 000001"')  # keys are answered meanwhile
    alice.sees('line 000001 of the talk', 60)
    alice.sees('found')
    print('the first of 100,000 lines: %.1f s' % (time.monotonic() - begun))
    alice.keys('Escape')
    alice.misses('\nsearch:')
    alice.write('still typing')
    alice.sees('[#lobby] still typing')
    # A sanitizer keeps what was freed.
    memory = int(re.search(r'VmRSS:\s+(\d+)', open('/proc/%d/status' % alice.pid).read())[1])
    check(scale() > 1 or memory < 80000, '%d kB for 100,000 lines' % memory)


def test_search(env):
    """/search shows the newest that fits; Enter an older one; another room keeps its line."""
    _, _, alice, bob = two(env)
    for number in range(40):
        bob.type('line %02d' % number)
    alice.sees('line 39')
    alice.write('half a line')
    alice.keys('C-s')
    alice.write('line')
    alice.sees('found "line"')
    alice.write(' 1')
    alice.sees('found "line 1"')
    alice.sees('[scrolled, 14 below]')  # line 19, and a third of the screen below it
    alice.keys('Enter')
    alice.sees('[scrolled, 15 below]')
    alice.write('0')
    alice.sees('found "line 10"')
    alice.sees('line 10')
    alice.keys('BSpace')
    alice.sees('found "line 1"')
    alice.keys('Escape')
    alice.sees('[#lobby] half a line')
    alice.keys('C-c')
    alice.type('/search nowhere to be found')
    alice.sees('there is no (other)')


def test_editor_suspend_bare(env):
    """The terminal is lent and taken back."""
    server = env.server()
    mux = Mux(env)
    editor = env.folder / 'editor'
    editor.write_text('#!/bin/sh\necho "from the editor" > "$1"\n')
    editor.chmod(0o755)
    argv = ' '.join(map(str, env.argv(server, 'alice', '--accept-new', json_lines=False)))
    alice = mux.pane(['sh', '-ic', argv + '; echo back again; read x'], 80, 24, ['VISUAL=%s' % editor])
    alice.sees('you are in')
    alice.keys('M-e')
    alice.sees('[#lobby] from the editor')
    alice.keys('C-c')
    alice.keys('M-l')
    alice.wait(lambda s: 'connected]' not in s and '\u2502' not in s, 'the bare view')
    alice.keys('Space')
    alice.sees('[connected]')
    alice.keys('C-g')
    alice.write('cons')
    alice.sees('1:console')
    alice.keys('Enter')
    alice.sees('[1:console]')
    alice.write('no commands here')
    alice.keys('Enter')
    alice.sees('nobody is talked to here')
    alice.keys('C-c', 'C-c')
    alice.sees('back again')
    equal(alice.ask('#{alternate_on}'), '0', 'the alternate screen')


def test_unread(env):
    """What came while nobody looked stands below a rule, after a restart, too."""
    server, mux, alice, bob = two(env)
    alice.keys('M-1')
    bob.type('one')
    bob.type('two')
    alice.sees('2:#lobby+2')
    alice.keys('M-2')
    screen = alice.sees(' 2 new ')
    check(screen.index(' 2 new ') < screen.index('\u2502 one'), 'the rule stands above what is new:\n' + screen)
    alice.keys('M-1')
    alice.keys('M-2')
    alice.misses(' 2 new ')


class Terminal:
    """The client on a pseudo terminal, without anything between: for times."""

    def __init__(self, env, server, user, cols=120, rows=36, words=(), environ=()):
        environ = {**env.environ(), 'TERM': 'xterm-256color', 'INPUTRC': '/dev/null', **dict(environ)}
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', rows, cols, 0, 0))
        self.process = subprocess.Popen(
            [str(a) for a in env.argv(server, user, '--accept-new', *words, json_lines=False)], stdin=slave, stdout=slave,
            stderr=slave, env=environ, cwd=env.folder, start_new_session=False)
        os.close(slave)
        self.seen = b''

    def read(self, timeout):
        """What comes within this time; nothing: b''."""
        if not select.select([self.master], [], [], timeout)[0]:
            return b''
        data = os.read(self.master, 65536)
        self.seen = (self.seen + data)[-200000:]
        return data

    def sees(self, text, timeout=20):
        """Reads until the bytes come."""
        deadline = time.monotonic() + timeout * scale()
        while text not in self.seen:
            check(time.monotonic() < deadline, '%r never came; the end was %r' % (text, self.seen[-500:]))
            self.read(0.1)

    def echo(self, key, timeout=10):
        """Seconds from a key until it stands on the screen."""
        self.seen, begun = b'', time.monotonic()
        os.write(self.master, key)
        while key not in self.seen and time.monotonic() - begun < timeout:
            self.read(0.01)
        return time.monotonic() - begun

    def cpu(self):
        """Clock ticks that it has used."""
        fields = open('/proc/%d/stat' % self.process.pid).read().rsplit(')', 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def end(self):
        """The program ends."""
        self.process.terminate()
        self.process.wait()


def test_idle_uses_no_cpu(env):
    """Nothing happens, nothing runs."""
    server = env.server()
    alice = Terminal(env, server, 'alice')
    alice.sees(b'you are in')
    while alice.read(0.5):
        pass
    before, deadline = alice.cpu(), time.monotonic() + 3
    while time.monotonic() < deadline:
        alice.read(deadline - time.monotonic())
    check(alice.cpu() - before <= 2, '%d ticks in 3 s' % (alice.cpu() - before))
    alice.end()


def test_burst(env):
    """Thousands of messages at once: keys are answered in between, and all are there."""
    count = 10000
    server = env.server(limits__window_messages=count, limits__window_bytes='16MiB')
    alice = Terminal(env, server, 'alice')
    alice.sees(b'you are in')
    mallory = env.login('mallory', server, caps=frames.RECEIVE | frames.LOBBY)
    quiet = max(alice.echo(b'%c' % key) for key in b'%&@^_`')
    for number in range(count - 1):
        mallory.send('#lobby', 'flood %05d' % number)
    mallory.send('#lobby', 'the last of them')
    waits = []
    while b'the last of them' not in alice.seen and len(waits) < 2000:
        waits.append(alice.echo(b'%c' % b'%&@^_`{}~'[len(waits) % 9]))
    alice.sees(b'the last of them')
    print('keys: %.0f ms when quiet; in the burst %d keys, at most %.0f ms' % (
        quiet * 1000, len(waits), max(waits or [0]) * 1000))
    check(max(waits or [0]) < 0.5 * scale(), 'a key waited %.3f s' % max(waits))
    alice.end()


def test_refused_from_another_room(env):
    """What /msg said to somebody who does not exist asks for a look from wherever one is."""
    _, _, alice, _ = two(env)
    alice.type('/msg bbo are you there?')
    alice.sees('3:bbo!')
    alice.keys('M-a')
    alice.sees('no such user')
