"""Each function of the system as sender, receiver and server window show it: the pictures of docs/report.md."""
import json
import os
import re
import signal
import subprocess

from drawing import board
from harness import NAME, until
from panes import Mux

SERVER = 149, 10  # columns and rows: as wide as two clients
CLIENT = 74, 18


class Stage:
    """A server in a terminal, and clients beside each other."""

    def __init__(self, env, folder):
        self.env, self.folder = env, folder
        self.mux = Mux(env)
        self.state = env.folder / 'state'
        config = env.folder / 'server.conf'
        config.write_text('[server]\nlisten = 127.0.0.1:0\nstate_dir = %s\nworkers = 2\n' % self.state)
        self.server = self.mux.pane([env.build / (NAME + 'd'), config], *SERVER)
        screen = self.server.sees('join with')
        self.address = re.search(r'--server (\S+)', screen).group(1)

    def client(self, name, *words):
        """One who is in the lobby."""
        return self.mux.client(self.address, name, *CLIENT, *words)

    def fresh(self):
        """What the server's window said before is not part of the next picture."""
        self.mux.run('send-keys', '-R', '-t', self.server.name)
        self.mux.run('clear-history', '-t', self.server.name)

    def ctl(self, *words):
        argv = [self.env.build / (NAME + 'ctl'), '--socket', self.state / 'ctl.sock', '--json', *words]
        return [json.loads(line) for line in subprocess.run(argv, capture_output=True, check=True, timeout=15).stdout.splitlines()]

    def board(self, name, *clients):
        """The server above, (title, pane) of each client below."""
        board(self.folder / (name + '.png'), [('the server', self.server)], list(clients))


def stage(env, folder):
    """One function after the other, with the same people."""
    s = Stage(env, folder)
    s.fresh()
    alice, bob = s.client('alice'), s.client('bob')
    both = ('alice, the sender', alice), ('bob, the receiver', bob)
    alice.sees('bob joined')
    connect(s, alice, bob, both)
    direct(s, alice, bob, both)
    lobby(s, alice, bob)
    bob = absent(s, alice, bob)
    both = ('alice, the sender', alice), ('bob, the receiver', bob)
    group(s, alice, bob, both)
    files(s, alice, bob, both)
    verified(s, alice, bob)
    killed(s, alice, bob, both)
    s.mux.server.terminate()
    s.mux.server.wait()


def connect(s, alice, bob, both):
    """Two who have just come; one is typing while the other speaks."""
    alice.write('this line is half typed while bob')
    bob.type('my keyboard and my socket share one poll()')
    alice.sees('share one poll()')
    alice.sees('half typed while bob')
    s.board('f-connect', *both)
    alice.keys('C-u')


def direct(s, alice, bob, both):
    """A message from client to client, and its answer."""
    s.fresh()
    alice.type('/query bob')
    alice.sees('[bob]')
    alice.type('are you in the lab?')
    bob.sees('!1')
    bob.type('/query alice')
    bob.sees('are you in the lab?')
    bob.type('on my way, ten minutes')
    alice.sees('on my way')
    alice.type('/msg bbo and a name that is not there')
    alice.sees('4:bbo!')
    alice.keys('M-a')
    alice.sees('did you mean "bob"')
    s.server.sees('from=bob to=alice')
    s.board('f-direct', *both)


def lobby(s, alice, bob):
    """Joins, what everybody reads, and tata."""
    for one in (alice, bob):
        one.keys('M-2')
        one.sees('[#lobby]')
    s.fresh()
    carol = s.client('carol')
    alice.sees('carol joined')
    carol.type('hello, everybody who is here')
    bob.sees('hello, everybody')
    carol.type('tata')
    bob.sees('carol left')
    alice.sees('carol left')
    s.board('f-lobby', ('carol, who leaves with tata', carol), ('bob, who stays', bob))
    carol.type('/quit')
    until(lambda: carol.ask('#{pane_dead}') == '1', 'the end of carol')


def absent(s, alice, bob):
    """Nobody there: it waits, and is there when he comes back."""
    bob.type('/quit')
    until(lambda: bob.ask('#{pane_dead}') == '1', 'the end of bob')
    s.fresh()
    alice.keys('M-3')
    alice.sees('[bob]')
    alice.type('the report is due on Friday')
    alice.sees('bob is absent')
    s.server.sees('state=absent')
    s.board('f-absent', ('alice, the sender; bob is away', alice))
    bob = s.client('bob')
    bob.sees('!1')
    bob.keys('M-a')
    bob.sees('due on Friday')
    alice.wait(lambda t: re.search(r'due on Friday +.*\+\+', t), 'the mark')
    s.board('f-offline', ('alice, the sender', alice), ('bob, who has come back', bob))
    return bob


def group(s, alice, bob, both):
    """A group of two, sealed."""
    s.fresh()
    alice.type('/create #proj-07')
    alice.sees('sealed for its members')
    alice.type('/invite bob')
    alice.sees('alice invited bob')
    bob.type('/join #proj-07')
    bob.sees('you are in #proj-07')
    bob.type('who takes the chapter on files?')
    alice.sees('chapter on files')
    alice.type('me')
    bob.wait(lambda t: re.search(r'alice .* me', t), 'the answer')
    s.board('f-group', *both)


def files(s, alice, bob, both):
    """A file to the group, and its fetching."""
    path = s.env.folder / 'report-draft.pdf'
    path.write_bytes(os.urandom(3 << 20))
    s.fresh()
    alice.type('/send %s' % path)
    number = re.search(r'\[file (\d+)\]', bob.sees('[file ')).group(1)
    (s.env.folder / 'fetched').mkdir()
    bob.type('/get %s %s' % (number, s.env.folder / 'fetched'))
    bob.sees('is here, verified')
    alice.sees('it or do not want it')
    s.server.sees('why=fetched')
    s.board('f-file', *both)


def verified(s, alice, bob):
    """The same words on both screens."""
    s.fresh()
    alice.type('/query bob')
    bob.type('/query alice')
    alice.sees('[bob]')
    bob.sees('[alice]')
    alice.type('/verify bob')
    bob.type('/verify alice')
    alice.sees('when they see the same')
    bob.sees('when they see the same')
    s.board('f-verify', ('alice', alice), ('bob: the same number, the same words', bob))


def killed(s, alice, bob, both):
    """Every worker is killed under them."""
    s.fresh()
    for row in s.ctl('status'):
        if row.get('role') == 'worker':
            os.kill(row['pid'], signal.SIGKILL)
    s.server.wait(lambda t: t.count('adopted=') >= 2, 'both successors')
    alice.type('both workers were just killed: kill -9')
    bob.sees('kill -9')
    bob.type('and my connection is still the same')
    alice.sees('still the same')
    s.board('f-killed', *both)
