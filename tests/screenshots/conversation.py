"""A class in the lobby, with its group: the pictures of README.md."""
import os
import re
import signal
import time

from drawing import LIGHT, draw
from panes import Mux
from sharing import Gate


def said(speaker, line, *hearers):
    """Somebody says a line, and everybody has it."""
    speaker.type(line)
    for hearer in hearers:
        hearer.sees(line.split(' @')[0][:30])


def slow_link(env, server, mux, sender, folder):
    """A file comes to somebody over a link of about 600 KiB a second."""
    gate = Gate(server)
    erin = mux.client(gate, 'erin', 120, 30)
    path = env.folder / 'lab3-trace.pcap'
    path.write_bytes(os.urandom(4 << 20))
    sender.type('/send %s erin' % path)
    erin.sees('1 file offered')
    erin.keys('M-i')
    offer = erin.wait(lambda s: re.search(r': /get (\d+)', s), 'the offer')
    number = re.search(r': /get (\d+)', offer)[1]
    erin.keys('Enter')
    erin.sees('[prof]')
    gate.allow('down', gate.passed['down'])
    erin.type('/get %s %s/got-%s' % (number, env.folder, path.name))
    for _ in range(60):
        gate.allow('down', gate.allowed['down'] + 32 * 1024)
        time.sleep(0.05)
    erin.sees('/s 0:')
    draw(erin, folder / 'transfers.png')
    gate.allow('down')
    erin.misses('TRANSFERS')


def stage(env, folder):
    """The conversation, and its pictures."""
    server = env.server(server__workers=2)
    mux = Mux(env)
    window = {name: mux.client(server, name, 120, 34) for name in ('alice', 'prof', 'bob', 'carol')}
    alice, prof, bob, carol = window.values()
    alice.sees('carol joined')
    said(prof, 'Welcome. Today: preforked servers. Questions go here.', alice, bob)
    said(bob, 'does accept() race between the workers?', alice, carol)
    said(carol, 'the master accepts; workers only get the descriptor, through SCM_RIGHTS', alice, prof)
    said(prof, 'right. @alice, can you show the recvmsg loop?', alice)
    alice.paste('ssize_t n = recvmsg(ch, &m,\n                    MSG_CMSG_CLOEXEC);\nif (n <= 0)\n    return -1;\n')
    alice.sees('lines were pasted')
    draw(alice, folder / 'paste.png')
    alice.keys('s')
    prof.sees('MSG_CMSG_CLOEXEC')
    alice.type('/create #proj-07')
    alice.sees('sealed for its members')
    alice.type('/topic report until Friday')
    alice.sees('| report until Friday')
    for name in ('bob', 'carol'):
        alice.type('/invite %s' % name)
        alice.sees('alice invited %s' % name)
        window[name].type('/join #proj-07')
        window[name].sees('you are in #proj-07')
    said(bob, 'who takes the chapter on files?', alice)
    said(alice, 'me; carol does security', bob, carol)
    alice.keys('M-2')
    bob.type('/query alice')
    bob.sees('[alice]')
    said(bob, 'your half of the report is in the group')
    alice.sees('!1')
    said(carol, '@alice and the figures?')
    alice.sees('*1')
    alice.keys('M-i')
    alice.sees('> #proj-07')
    draw(alice, folder / 'inbox.png')
    alice.keys('Escape')
    alice.misses('> #proj-07')
    os.kill(server.pids('worker')[0], signal.SIGKILL)
    prof.type('a worker has just been killed (signal 9).')
    alice.sees('a worker has just been killed')
    alice.type('nobody got disconnected?!')
    alice.wait(lambda s: re.search(r'disconnected\?! +\d+ \+$|disconnected\?! +\d+ \+ *\u2502', s, re.M), 'the mark')
    alice.write('the cmsg buffer needs CMSG_SPACE, not CMSG_LEN')
    alice.sees('CMSG_LEN')
    draw(alice, folder / 'window.png')
    draw(bob, folder / 'direct.png')
    alice.keys('C-u', 'M-3')
    alice.sees('report until Friday')
    draw(alice, folder / 'group.png')
    alice.keys('M-2')
    alice.resize(40, 10)
    alice.wait(lambda s: len(s.split('\n')) == 10, 'the small screen')
    draw(alice, folder / 'window-40x10.png')
    light = mux.client(server, 'dave', 100, 24, '--theme', 'light')
    light.sees('connected]')
    prof.type('hello @dave')
    light.sees('hello @dave')
    draw(light, folder / 'light.png', LIGHT)
    slow_link(env, server, mux, prof, folder)
    alice.resize(80, 24)
    alice.wait(lambda s: len(s.split('\n')) == 24, '80 x 24')
    server.kill_all()
    alice.sees('connection lost')
    alice.type('the cmsg buffer needs CMSG_SPACE')
    alice.sees('[out 1]')
    alice.write('not CMSG_LEN, see man 3 cmsg')
    alice.sees('man 3 cmsg')
    draw(alice, folder / 'offline.png')
    mux.server.terminate()
    mux.server.wait()
