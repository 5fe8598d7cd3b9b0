"""Many unwanted connections at once: half-open ones, junk from one address and from many."""
import os
import struct

import csmsg
from harness import Failure, check, equal, full_run, scale, until
from hostile import Scene


def address(number):
    """One of many loopback addresses, over several networks."""
    return '127.0.%d.%d' % (1 + number // 200, 1 + number % 200)


def refusal(client):
    """The reason in the server's preface, or None when it was not refused."""
    try:
        client.connect()
    except csmsg.Refused as refused:
        return refused.reason
    except csmsg.Closed:
        return 'closed'
    return None


def still_open(clients):
    """How many of these connections the server has not ended yet."""
    count = 0
    for client in clients:
        try:
            client.ended(0.0001)
        except TimeoutError:
            count += 1
    return count


def test_half_open_handshakes(env):
    """5,000 (in the full run) that begin and do not go on: while they are open others log in, and
    then they are closed."""
    count, patience = (5000, '9s') if full_run() else (500, '3s')
    with Scene(env, limits__first_byte_time=patience, limits__handshake_time=patience) as scene:
        crowd = []
        for number in range(count):
            client = scene.dial(source=address(number))
            crowd.append(client)
            opening = client.opening()
            client.send_bytes(opening[:number % len(opening)])
            if number % 500 == 499:
                scene.bystanders.go_on()
        check(still_open(crowd) == count, 'only %d of %d are open at once' % (
            still_open(crowd), count))
        scene.login().ping()
        scene.bystanders.go_on()
        until(lambda: still_open(crowd) == 0, 'half-open connections are closed', 20)
        scene.dropped(crowd[0], 'the first of them')
        scene.dropped(crowd[-1], 'the last of them')
        equal(scene.login('late').welcome.user, 'late', 'a login after the crowd')


def test_connections_that_only_open(env):
    """Connections without a byte: closed after the time to the first byte."""
    with Scene(env, limits__first_byte_time='1s') as scene:
        crowd = [scene.dial(source=address(number)) for number in range(200)]
        scene.bystanders.go_on()
        until(lambda: still_open(crowd) == 0, 'silent connections are closed', 15)
        scene.dropped(crowd[0], 'the first of them')
        scene.dropped(crowd[-1], 'the last of them')


def junk(client, number):
    """Something that begins well and ends badly, of several kinds."""
    kinds = [os.urandom(64),
             client.preface + os.urandom(60),
             client.preface + csmsg.framed(os.urandom(32)) + struct.pack('<H', 200),
             client.opening() + struct.pack('<H', 100) + os.urandom(100)]
    try:
        client.send_bytes(kinds[number % len(kinds)])
    except csmsg.Closed:
        pass


def test_junk_from_one_address(env):
    """Over its rate an address is refused; others are not."""
    with Scene(env, limits__connects_per_address=5, limits__first_byte_time='1s',
               limits__handshake_time='2s') as scene:
        reasons = []
        for number in range(200):
            client = scene.dial(source='127.0.0.9')
            if number % 2:
                reasons.append(refusal(client))
            else:
                junk(client, number // 2)
            client.close()
        check(4 in reasons or 'closed' in reasons,
              'expected refusals with reason 4 (too many from this address), came %s' % (
                  sorted(set(map(str, reasons)))))
        scene.bystanders.go_on()
        other = scene.dial('carol', source='127.0.0.10')
        equal(refusal(other), None, 'the refusal of another address')
        other.login()


def test_junk_from_many_addresses(env):
    """Junk handshakes from everywhere; people go on logging in."""
    with Scene(env, limits__first_byte_time='1s', limits__handshake_time='2s') as scene:
        crowd = []
        for number in range(2000 if full_run() else 400):
            client = scene.dial(source=address(number))
            junk(client, number)
            crowd.append(client)
            if number % 100 == 99:
                scene.bystanders.go_on()
                friend = env.login('friend%d' % number, scene.server)
                friend.ping()
                friend.bye()
        until(lambda: still_open(crowd) == 0, 'junk connections are closed', 15)


def test_full(env):
    """More connections than limits.clients are refused with a reason, and room is reused."""
    with Scene(env, limits__clients=12) as scene:
        crowd, reasons = [], []
        for number in range(20):
            crowd.append(scene.dial('guest%d' % number))
            reasons.append(refusal(crowd[-1]))
            if reasons[-1] is None:
                crowd[-1].login()
        check(set(reasons) >= {None, 3}, 'expected some let in and some refused with 3 (full), '
              'came %s' % reasons)
        for client in crowd:
            client.close()

        def let_in():
            try:
                return env.login('late', scene.server)
            except (csmsg.Refused, csmsg.Closed):
                return None
        until(let_in, 'a login after the others have left', 10)


def test_slow_reader(env):
    """Somebody who never reads holds up nobody else."""
    with Scene(env, limits__window_messages=64) as scene:
        sleeper = env.login('sleeper', scene.server)
        sender = env.login('sender', scene.server)
        body = csmsg.plain_body('x' * 60000)
        try:
            for _ in range(40):
                sender.send('sleeper', body)
                scene.bystanders.go_on()
        except TimeoutError:
            raise Failure('the sender was stopped after %d messages' % sender.next_id) from None
        accepted = sender.expect('ACCEPTED', timeout=20 * scale())
        check(accepted.state == 3, 'expected ACCEPTED with state 3, came %s' % accepted)
        sleeper.close()
