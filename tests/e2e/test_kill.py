"""What survives the death of a process: kills at exactly the points that hurt, and the full disk."""
import os
import select
import shutil
import signal
import socket
import subprocess
import threading
import time

import csmsg
from csmsg import Frame
from harness import Skipped, NAME, Program, check, equal, full_run, parse_logfmt, scale, until

RECEIVE_LOBBY = 3


def need_faults(env):
    """True when this build knows the named points of death; without them there is nothing to test."""
    return env.build.name in ('faults', 'asan')


def lobby_texts(client, count, timeout=20.0):
    """(number, text) of the next messages of the lobby."""
    got = []
    while len(got) < count:
        frame = client.expect('DELIVER', timeout * scale())
        client.ack(frame)
        got.append((frame.seq, frame.text_body))
    return got


def heard_before_resync(client, timeout=20.0):
    """(number, text) of the lobby's messages that came before RESYNC."""
    heard = []
    while True:
        frame = client.recv(timeout * scale())
        if frame.name == 'RESYNC':
            return heard
        if frame.name == 'DELIVER':
            heard.append((frame.seq, frame.text_body))


def serve_resync(client, timeout=20.0, **fields):
    """Waits for RESYNC and answers it; returns the new incarnation."""
    incarnation = client.expect('RESYNC', timeout * scale()).incarnation
    client.resume(**fields)
    return incarnation


def test_broker_dies_between_two_recipients(env):
    """One lobby message reaches the first worker's members, then the broker dies: one order for all."""
    if not need_faults(env):
        return
    server = env.server(environ={'CSMSG_FAULT': 'room.half'}, server__workers=2)
    members = [env.login(name, server, caps=RECEIVE_LOBBY) for name in ('alice', 'bob', 'carol', 'dave')]
    workers = {row['user']: row['worker'] for row in server.ctl('who')}
    equal(len(set(workers.values())), 2, 'workers in use')
    alice = members[0]
    alice.send('#lobby', 'first')
    orders = [heard_before_resync(member) for member in members]
    equal(sorted(len(order) for order in orders), [0, 0, 1, 1], 'who heard it before the death')
    for member, order in zip(members, orders):
        member.resume(lobby_seen=max((number for number, _ in order), default=0), next_id=1)
    alice.send('#lobby', 'first', 1)  # not accepted yet: the outbox sends it again
    alice.send('#lobby', 'second', 2)
    for member, order in zip(members, orders):
        order += lobby_texts(member, 2 - len(order))
        equal(order, [(1, 'first'), (2, 'second')], 'the order of the lobby')


def test_broker_dies_between_deliver_and_ack(env):
    """The recipient has the message, its acknowledgement dies with the broker: no loss, no repeat shown."""
    if not need_faults(env):
        return
    server = env.server(environ={'CSMSG_FAULT': 'deliver.ack'})
    alice, bob = env.login('alice', server), env.login('bob', server)
    alice.send('bob', 'once')
    frame = bob.expect('DELIVER')
    equal(frame.text_body, 'once', 'what Bob received')
    bob.ack(frame)
    server.wait_log(timeout=20, sub='broker', ev='died')
    serve_resync(bob, incarnation=frame.incarnation, seq=frame.seq)
    serve_resync(alice, next_id=1)
    alice.send('bob', 'once', 1)
    alice.send('bob', 'after', 2)
    again = bob.expect('DELIVER', 20 * scale())
    check(again.incarnation > frame.incarnation, 'a number was reused after the death: %s' % again)
    equal((again.id, again.from_device), (frame.id, frame.from_device), 'the repeat names the same message')
    bob.ack(again)
    last = bob.take_message(20 * scale())
    equal(last.text_body, 'after', 'what follows')
    accepted = alice.expect('ACCEPTED', 20 * scale(), id=2)
    check(accepted.state in (2, 3), 'the state of the last message: %s' % accepted)


def refusal_lost_with_the_broker(env):
    """Alice writes to herself. Three messages that wait fill her queue, so the first of two is refused; she
    acknowledges the three between it and the second. The broker dies before the refusal is told.

    Gives the server, Alice, asked to resume, Carol, who has resumed, and what Alice heard of the two.
    """
    server = env.server(environ={'CSMSG_FAULT': 'refusal.told'}, limits__queue_messages=3)
    me = csmsg.Identity('alice')
    env.login(me, server).bye()
    server.wait_log(sub='session', ev='drop', user='alice')
    carol = env.login('carol', server)
    for number in range(1, 4):
        carol.expect('ACCEPTED', id=carol.send('alice', 'c%d' % number), state=3)
    alice = env.login(me, server)
    waiting = [alice.expect('DELIVER', 20 * scale()) for _ in range(3)]

    def own(number):
        return Frame('SEND', id=number, kind=0, to='alice', heads=[], body=csmsg.plain_body('m%d' % number))
    alice.send_frames(own(1), Frame('ACK', kind=0, incarnation=waiting[2].incarnation, seq=waiting[2].seq, room=''),
                      own(2))
    heard = []
    frame = alice.recv(20 * scale())
    while frame.name != 'RESYNC':
        equal(frame.name, 'DELIVER', 'what came before the death')
        heard.append(frame.id)
        frame = alice.recv(20 * scale())
    serve_resync(carol, next_id=4)
    return server, alice, carol, heard


def hear_own(alice, heard, last):
    """Hears what Alice wrote to herself, as a client does, until she is told that `last` is settled."""
    frame = alice.recv(20 * scale())
    while frame.name != 'ACCEPTED' or frame.id < last:
        if frame.name == 'DELIVER':
            alice.ack(frame)
            if frame.sender == 'alice' and frame.id > max(heard, default=0):
                heard.append(frame.id)
        frame = alice.recv(20 * scale())


def empty_queue(server, alice):
    """Takes what waits for Alice: the acknowledgement of the three may have died with the broker or not."""
    if server.ctl('queue'):
        for _ in range(3):
            alice.take_message(20 * scale(), sender='carol')
    until(lambda: not server.ctl('queue') and ['empty'], 'the queue is empty')


def test_refusal_lost_and_then_taken(env):
    """The new broker takes what the old one had refused: it is heard, and before what followed it."""
    if not need_faults(env):
        return
    server, alice, _, heard = refusal_lost_with_the_broker(env)
    alice.resume(next_id=1)
    empty_queue(server, alice)
    alice.send('alice', 'm1', 1)
    alice.send('alice', 'm2', 2)
    hear_own(alice, heard, 2)
    equal(heard, [1, 2], 'what Alice has heard, who was told that both are delivered')


def test_refusal_lost_and_said_again(env):
    """The new broker refuses it, too: the sender is told so, and what she says later is heard."""
    if not need_faults(env):
        return
    server, alice, carol, heard = refusal_lost_with_the_broker(env)
    for number in range(4, 7 - sum(row['waiting'] for row in server.ctl('queue'))):
        carol.expect('ACCEPTED', id=carol.send('alice', 'again', number), state=3)
    alice.resume(next_id=1)
    alice.send('alice', 'm1', 1)
    equal(alice.take_rejected(1, 20 * scale()).code_name, 'queue-full', 'the fate of the first')
    empty_queue(server, alice)
    alice.send('alice', 'm2', 2)
    hear_own(alice, heard, 2)
    equal(heard, [2], 'what Alice has heard')


def test_broker_killed_from_outside(env):
    """SIGKILL of the broker: nobody is disconnected, what was stored is there, chat goes on."""
    server = env.server()
    alice, bob = env.login('alice', server), env.login('bob', server)
    env.login('carol', server).bye()
    alice.send('carol', 'for later')
    equal(alice.expect('ACCEPTED').state, 3, 'state of a message to somebody absent')
    os.kill(server.pids('broker')[0], signal.SIGKILL)
    serve_resync(alice, next_id=2)
    serve_resync(bob)
    alice.send('bob', 'still here', 2)
    equal(bob.take_message(20 * scale()).text_body, 'still here', 'what Bob received')
    drops = server.log.matches(0, {'sub': 'session', 'ev': 'drop', 'user': ('alice', 'bob')})
    equal(drops, [], 'dropped connections')
    carol = env.dial(server, None)
    carol.close()


def test_worker_killed(env):
    """SIGKILL of a worker, again and again: same connections, same keys, nothing lost."""
    server = env.server(server__workers=1)
    alice, bob = env.login('alice', server), env.login('bob', server)
    for number in range(1, 11):
        old = server.pids('worker')[0]
        os.kill(old, signal.SIGKILL)
        for client in (alice, bob):
            serve_resync(client, next_id=number)
        alice.send('bob', 'm%d' % number, number)
        equal(bob.take_message().text_body, 'm%d' % number, 'what Bob received after death %d' % number)
        alice.expect('ACCEPTED', id=number)
        check(server.pids('worker')[0] != old, 'the worker was not replaced')
    adopted = server.wait_log(sub='session', ev='adopt', count=10)
    equal((adopted['adopted'], adopted['dropped']), ('2', '0'), 'the last adoption')


def test_who_talks_is_handed_on_first(env):
    """A successor asks for those that were heard within the last second; the silent ones follow."""
    server = env.server(server__workers=1)
    silent = [env.login('silent%d' % n, server) for n in range(12)]
    alice, bob = env.login('alice', server), env.login('bob', server)
    number, quiet = 0, time.monotonic() + 1.5
    while time.monotonic() < quiet:
        number += 1
        alice.send('bob', 'm%d' % number, number)
        equal(bob.take_message().text_body, 'm%d' % number, 'what Bob received')
        alice.expect('ACCEPTED', id=number)
    os.kill(server.pids('worker')[0], signal.SIGKILL)
    for client in (bob, alice):
        serve_resync(client, next_id=number + 1)
    adopted = server.wait_log(sub='session', ev='adopt')
    equal((adopted['adopted'], adopted['dropped'], adopted['first']), ('14', '0', '2'), 'the adoption')
    for client in silent:
        serve_resync(client)
    silent[0].send('alice', 'and I?', 1)
    equal(alice.take_message().text_body, 'and I?', 'what Alice received')
    alice.send('silent11', 'you, too', number + 1)
    equal(silent[11].take_message().text_body, 'you, too', 'what the last one received')


def test_worker_killed_in_handshake(env):
    """Who is not signed in yet is closed and dials again; a connection never looked at goes on."""
    server = env.server(server__workers=1)
    half = env.dial(server, 'alice').connect()
    os.kill(server.pids('worker')[0], signal.SIGKILL)
    half.ended(10)
    bob = env.login('bob', server)
    bob.send('bob', 'me')
    equal(bob.take_message().text_body, 'me', 'what Bob sent himself')


def test_quarantine(env):
    """A frame that crashes the worker, and its successor: then its sender is closed, all others live."""
    if not need_faults(env):
        return
    server = env.server(server__workers=1)
    evil, bob = env.login('mallory', server), env.login('bob', server)
    crash = bytes([0x7f, 0, 0])
    evil.send_plain(crash)
    line = server.wait_log(timeout=20, sub='session', ev='quarantine')
    equal(line['user'], 'mallory', 'who is in quarantine')
    check(line['peer'].startswith('127.0.0.1:'), 'without an address: %s' % line)
    evil.ended(10)
    serve_resync(bob)
    bob.send('bob', 'alive')
    equal(bob.take_message(20 * scale()).text_body, 'alive', 'what Bob sent himself')


def test_worker_talks_nonsense(env):
    """A worker that says what none may say loses its channel and is replaced; the others go on."""
    if not need_faults(env):
        return
    server = env.server(server__workers=2)
    alice = env.login('alice', server)
    bob = env.login('bob', server)
    rows = {row['user']: row['worker'] for row in server.ctl('who')}
    check(rows['alice'] != rows['bob'], 'both on one worker: %s' % rows)
    evil = env.dial(server, 'nonsense')
    try:
        evil.open()
    except (csmsg.Closed, csmsg.Refused, ConnectionError, TimeoutError):
        pass
    slot = server.wait_log(sub='worker', ev='untrusted')['w']
    server.wait_log(sub='worker', ev='died', w=slot)
    server.wait_log(sub='worker', ev='ready', count=3)
    name, other = ('alice', alice) if str(rows['alice']) != slot else ('bob', bob)
    carol = env.login('carol', server)
    carol.send(name, 'still there?')
    equal(other.take_message().text_body, 'still there?', 'the other worker goes on')


def test_hung_worker(env):
    """A stopped worker is found by its heartbeat, killed and adopted."""
    server = env.server(server__workers=1, process__heartbeat='100ms', process__heartbeat_limit='600ms')
    alice = env.login('alice', server)
    os.kill(server.pids('worker')[0], signal.SIGSTOP)
    server.wait_log(timeout=20, sub='worker', ev='hung')
    serve_resync(alice)
    alice.send('alice', 'to myself')
    equal(alice.take_message().text_body, 'to myself', 'after the replacement')


def test_everything_killed_after_the_last_acceptance(env):
    """Messages to absent users, all accepted, then SIGKILL of every process: all there, in order, once."""
    users = 1000 if full_run() else 50
    each = 100 if full_run() else 40
    server = env.server()
    people = [csmsg.Identity('u%04d' % n) for n in range(users)]
    for person in people:
        env.login(person, server, caps=0).bye()
    alice = env.login('alice', server)
    total = users * each
    sent, accepted = 0, 0
    while accepted < total:
        while sent < total and sent - accepted < 512:
            sent += 1
            alice.send('u%04d' % (sent % users), 'm%d' % sent, sent)
        frame = alice.expect('ACCEPTED', 30 * scale())
        equal(frame.state, 3, 'the state of message %d' % frame.id)
        accepted = frame.id
    server.kill_all()
    server = env.keep(server.restart())
    for n, person in enumerate(people):
        wanted = ['m%d' % k for k in range(1, total + 1) if k % users == n]
        client = env.login(person, server)
        got = []
        while len(got) < len(wanted):
            frame = client.expect('DELIVER', 30 * scale())
            client.ack(frame)
            got.append(frame.text_body)
        equal(got, wanted, 'what %s found' % person.name)
        client.bye()
    rows = until(lambda: not server.ctl('queue') and ['empty'], 'the queues are empty')
    equal(rows, ['empty'], 'the queues')


def test_stop_loses_nothing(env):
    """SIGTERM with messages in every state: what was accepted is there after the next start."""
    server = env.server()
    me = csmsg.Identity('bob')
    env.login(me, server).bye()
    alice = env.login('alice', server)
    for n in range(1, 301):
        alice.send('bob', 'm%d' % n, n)
    accepted = 0
    while accepted < 100:
        accepted = alice.expect('ACCEPTED').id
    server.stop()
    accepted = max([accepted] + [f.id for f in alice.drain(0.0) if f.name == 'ACCEPTED'])
    server = env.keep(server.restart())
    bob = env.login(me, server)
    got = [bob.take_message().text_body for _ in range(accepted)]
    equal(got, ['m%d' % n for n in range(1, accepted + 1)], 'what Bob found')


def test_master_killed(env):
    """SIGKILL of the master: chat goes on; a new one takes over sockets, children and connections."""
    server = env.server()
    alice, bob = env.login('alice', server), env.login('bob', server)
    workers, broker = server.pids('worker'), server.pids('broker')
    for number in (1, 3, 5):
        server.process.kill()
        server.process.wait()
        alice.send('bob', 'without a master', number)
        equal(bob.take_message().text_body, 'without a master', 'between two masters')
        alice.expect('ACCEPTED', id=number)
        waiting = env.dial(server, 'visitor%d' % number)  # waits in the backlog
        waiting.send_bytes(waiting.opening())
        server = env.keep(server.restart())
        waiting.connect(send=False)
        alice.send('bob', 'with a new one', number + 1)
        equal(bob.take_message().text_body, 'with a new one', 'after the takeover')
        alice.expect('ACCEPTED', id=number + 1)
    equal((sorted(server.pids('worker')), server.pids('broker')), (sorted(workers), broker), 'the children')
    os.kill(workers[0], signal.SIGKILL)
    server.wait_log(sub='session', ev='adopt')
    os.kill(broker[0], signal.SIGKILL)
    for client in (alice, bob):
        client.expect('RESYNC', 20 * scale())
    server.stop()


def kill_with_master(server, roles):
    """SIGKILL of the master and of every process of these roles, as close together as can be."""
    pids = [pid for role in roles for pid in server.pids(role)]
    server.process.kill()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    server.process.wait()


def test_master_dies_with_others(env):
    """Whoever dies together with the master: the keeper has what they had, and connections live on."""
    server = env.server(server__workers=2)
    alice, bob = env.login('alice', server), env.login('bob', server)
    number = 0
    for roles in (['worker'], ['broker'], ['worker', 'spare'], ['worker', 'spare', 'broker']) * 2:
        number += 1
        keeper = server.pids('keeper')
        kill_with_master(server, roles)
        server = env.keep(server.restart())
        for client in (alice, bob):
            serve_resync(client, next_id=number)
        alice.send('bob', 'm%d' % number, number)
        equal(bob.take_message().text_body, 'm%d' % number, 'after the death of master and %s' % roles)
        alice.expect('ACCEPTED', id=number)
        check(server.pids('keeper') != keeper, 'the new master has no keeper of its own')


def test_master_dies_in_mid_takeover(env):
    """A new master that dies while it takes over, and has replaced a worker meanwhile, again and again."""
    server = env.server(server__workers=2)
    alice, bob = env.login('alice', server), env.login('bob', server)
    stopped = server.pids('worker')[0]
    server.process.kill()
    server.process.wait()
    os.kill(stopped, signal.SIGSTOP)  # hands nothing over as long as it is stopped
    for _ in range(3):
        late = Program(server.argv, server.folder, parse=parse_logfmt)
        env.programs.append(late)
        other = late.err.wait(20, sub='worker', ev='ready', w='1')['child']
        late.err.wait(20, sub='worker', ev='spare')
        os.kill(int(other), signal.SIGKILL)
        late.err.wait(20, sub='session', ev='adopt', w='1')
        late.process.kill()
        late.process.wait()
    server = env.keep(server.restart(process__heartbeat='200ms', process__heartbeat_limit='1s'))
    equal(server.wait_log(timeout=20, sub='worker', ev='hung')['child'], str(stopped), 'who did not answer')
    server.wait_log(timeout=20, sub='session', ev='adopt')
    for client in (alice, bob):
        client.drain(0.3)
        client.resume(next_id=1)
    alice.send('bob', 'still here', 1)
    equal(bob.take_message().text_body, 'still here', 'after three masters')


def without_workers(env):
    """A folder of programs whose workers never get ready: the daemon in it."""
    place = env.folder / 'bin'
    place.mkdir()
    for name in (NAME + 'd', NAME + '-broker', NAME + '-keeper'):
        shutil.copy(env.build / name, place)
    worker = place / (NAME + '-worker')
    worker.write_text('#!/bin/sh\nexec sleep 60\n')
    worker.chmod(0o755)
    return place / (NAME + 'd')


def test_master_dies_before_a_worker_is_replaced(env):
    """A slot has no worker when its master tells a keeper of it, and dies: its connections live on."""
    server = env.server(server__workers=1)
    alice, bob = env.login('alice', server), env.login('bob', server)
    kill_with_master(server, ['worker', 'spare'])
    late = Program([without_workers(env)] + server.argv[1:], server.folder, parse=parse_logfmt)
    env.programs.append(late)
    late.err.wait(20, sub='keeper', ev='ready')
    until(lambda: not os.path.exists(server.state / 'takeover.next'), 'the keeper knows everything')
    late.process.kill()
    late.process.wait()
    for line in late.err.matches(0, {'sub': 'worker', 'ev': 'start'}):
        os.kill(int(line['child']), signal.SIGKILL)
    server = env.keep(server.restart())
    for client in (alice, bob):
        serve_resync(client, next_id=1)
    alice.send('bob', 'still here', 1)
    equal(bob.take_message().text_body, 'still here', 'from the one keeper to the next')


def test_keeper_killed(env):
    """SIGKILL of the keeper: nobody notices, the next one is told everything."""
    server = env.server()
    alice, bob = env.login('alice', server), env.login('bob', server)
    for number in range(1, 4):
        old = server.pids('keeper')[0]
        os.kill(old, signal.SIGKILL)
        until(lambda: [row for row in server.processes('keeper') if row['state'] == 'ok' and row['pid'] != old],
              'another keeper knows everything')
        kill_with_master(server, ['worker'])
        server = env.keep(server.restart())
        for client in (alice, bob):
            serve_resync(client, next_id=number)
        alice.send('bob', 'm%d' % number, number)
        equal(bob.take_message().text_body, 'm%d' % number, 'after keeper, master and worker')


def test_master_and_keeper_killed(env):
    """Nobody is left who could introduce a new master: an orderly end at once, and a fresh start."""
    server = env.server()
    alice, bob = env.login('alice', server), csmsg.Identity('bob')
    env.login(bob, server).bye()
    alice.send('bob', 'kept', 1)
    alice.expect('ACCEPTED', id=1)
    kill_with_master(server, ['keeper'])
    equal(alice.expect('ERROR', 20 * scale()).code_name, 'stopping', 'what Alice was told')
    server = env.keep(server.restart())
    equal(env.login(bob, server).take_message().text_body, 'kept', 'what Bob found')


def test_nobody_takes_over(env):
    """No new master within the grace time: clients are told, and every process ends in order."""
    server = env.server(process__takeover_grace='1s')
    alice = env.login('alice', server)
    pids = [pid for pid in server.pids() if pid != server.pid]
    server.process.kill()
    server.process.wait()
    error = alice.expect('ERROR', 20 * scale())
    equal(error.code_name, 'stopping', 'what Alice was told')
    alice.ended(10)

    def lives(pid):
        try:
            with open('/proc/%d/stat' % pid, encoding='ascii') as stat:
                return stat.read().rsplit(')', 1)[1].split()[0] != 'Z'
        except (FileNotFoundError, ProcessLookupError):
            return False
    until(lambda: not any(lives(pid) for pid in pids), 'every process has ended', 20)


def test_rolling_restart(env):
    """`worker restart all`: every worker is another one, every connection is the same."""
    server = env.server(server__workers=2)
    alice, bob = env.login('alice', server), env.login('bob', server)
    before = server.pids('worker')
    server.ctl('worker', 'restart', 'all')
    for client in (alice, bob):
        serve_resync(client, next_id=1)
    until(lambda: not set(before) & set(server.pids('worker')), 'every worker is another one')
    alice.send('bob', 'same connection', 1)
    equal(bob.take_message().text_body, 'same connection', 'after the restart')


def test_upgrade(env):
    """`upgrade`: every process is a new program, every connection is the same."""
    server = env.server()
    alice, bob = env.login('alice', server), env.login('bob', server)
    before = set(server.pids('worker') + server.pids('broker'))
    server.ctl('upgrade', '/bin/false', status=1)
    equal(server.ctl('upgrade')[0].get('upgrading', ''), str(env.build / 'csce513fall24Msgd'), 'the answer')
    server.wait_log(timeout=20, sub='server', ev='takeover')
    until(lambda: not before & {row['pid'] for row in server.ctl('status') if row['role'] in ('worker', 'broker')}
          and all(row['state'] == 'ok' for row in server.ctl('status')), 'every child is another one', 20)
    equal(server.pids('master'), [server.pid], 'the master\'s pid')
    for client in (alice, bob):
        while client.drain(0.1):
            pass
        client.resume(next_id=1)
    alice.send('bob', 'new program', 1)
    equal(bob.take_message(20 * scale()).text_body, 'new program', 'after the upgrade')


def test_drain(env):
    """A drained worker gets no new connections and keeps those it has."""
    server = env.server(server__workers=2)
    alice = env.login('alice', server)
    slot = server.ctl('who')[0]['worker']
    server.ctl('worker', 'drain', str(slot))
    others = [env.login('user-%s' % name, server) for name in ('ada', 'ben', 'cleo')]
    equal({row['worker'] for row in server.ctl('who') if row['user'] != 'alice'}, {1 - slot}, 'the workers of the new')
    others[0].send('alice', 'hello')
    equal(alice.take_message().text_body, 'hello', 'what Alice received')


def test_full_disk(env):
    """The disk fills while storing: the sender is told, nothing accepted is lost, later it goes on."""
    place = env.folder / 'small'
    place.mkdir()
    mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=48m', 'none', str(place)],
                             capture_output=True, check=False)
    if mounted.returncode != 0:
        raise Skipped('a full disk: needs root, to mount a small one')
    try:
        fill_and_drain(env, place)
    finally:
        for server in env.servers:
            server.kill()
        subprocess.run(['umount', str(place)], check=False)


def fill_and_drain(env, place):
    """The inside of test_full_disk."""
    server = env.server(folder='small', limits__disk_free='1MiB', limits__queue_per_sender=10000)
    me = csmsg.Identity('bob')
    env.login(me, server).bye()
    alice = env.login('alice', server)
    number, stored, rejected = 0, [], None
    text = 'x' * 16000
    while rejected is None and number < 6000:
        number += 1
        alice.send('bob', '%d %s' % (number, text), number)
        frame = alice.recv(30 * scale())
        while frame.name not in ('ACCEPTED', 'REJECTED'):
            frame = alice.recv(30 * scale())
        if frame.name == 'REJECTED':
            rejected = frame
            alice.settled(frame.id)
        else:
            stored.append(number)
    check(rejected is not None, 'the disk did not get full with %d messages' % number)
    equal(rejected.code_name, 'disk-full', 'the refusal')
    check(rejected.text and rejected.hint, 'a refusal without words: %s' % rejected)
    bob = env.login(me, server)
    for wanted in stored:
        frame = bob.take_message(30 * scale())
        equal(frame.text_body.split(' ')[0], str(wanted), 'the next message that Bob finds')
    bob.bye()

    def room_again():
        nonlocal number
        number += 1
        alice.send('bob', 'again', number)
        while True:
            frame = alice.recv(30 * scale())
            if frame.name in ('ACCEPTED', 'REJECTED') and frame.id == number:
                alice.settled(number)
                return frame.name == 'ACCEPTED'
    until(room_again, 'there is room again', 30)


def test_a_second_server_is_refused(env):
    """Two servers on one state folder would ruin it: the second says so and ends."""
    server = env.server()
    config = server.folder / 'second.conf'
    config.write_text('[server]\nlisten = 127.0.0.1:0\nstate_dir = %s\n' % server.state)
    done = subprocess.run([str(env.build / 'csce513fall24Msgd'), str(config)], capture_output=True,
                          timeout=20, check=False)
    equal(done.returncode, 1, 'exit status of the second server')
    check(b'another server runs' in done.stderr, 'its words: %r' % done.stderr)


def test_signal_to_the_whole_group(env):
    """SIGTERM to every process at once, as a shell or a supervisor may send it, is an end in order, too."""
    server = env.server()
    alice = env.login('alice', server)
    os.killpg(server.pid, signal.SIGTERM)
    equal(alice.expect('ERROR', 20 * scale()).code_name, 'stopping', 'what Alice was told')
    equal(server.wait(20), 0, 'exit status')
    equal(server.log.matches(0, {'ev': 'died'}), [], 'processes that died')


def test_a_keeper_that_is_just_dying(env):
    """After kill -9 of everything a new master may still get through to the keeper: it starts afresh."""
    state = env.folder / 'server' / 'state'
    state.mkdir(parents=True)
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ear.bind(str(state / 'takeover.sock'))
    ear.listen(1)

    def die():
        select.select([ear], [], [], 20 * scale())
        ear.close()

    dying = threading.Thread(target=die)
    dying.start()
    server = env.server()
    dying.join()
    env.login('alice', server)
