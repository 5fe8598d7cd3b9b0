"""Clients that break the protocol: each loses its own connection, with a reason in the log, while
two bystanders keep exchanging messages and no process of the server is replaced."""
import os
import random
import struct

import csmsg
import frames
import noise
from frames import Frame, encode, raw_frame
from harness import equal, raises
from hostile import Scene, good_frames

LOW_ORDER = [  # points of small order on Curve25519: no secret comes of them
    bytes(32), b'\x01' + bytes(31),
    bytes.fromhex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'),
    bytes.fromhex('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157'),
    bytes.fromhex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')]


def one_frame(frame):
    """A frame as one piece."""
    return b''.join(encode(frame))


def test_opening_cut_at_every_byte(env):
    """Preface and message 1, cut anywhere."""
    with Scene(env) as scene:
        for cut in range(len(scene.dial().opening()) + 1):
            client = scene.dial()
            client.send_bytes(client.opening()[:cut])
            scene.hang_up(client)
            scene.dropped(client, 'opening cut after %d bytes' % cut)


def test_login_cut_at_every_byte(env):
    """The LOGIN record, cut anywhere: nobody is registered before the last byte."""
    with Scene(env) as scene:
        cut, size = 0, 1
        while cut < size:
            client = scene.connect()
            login = client.identity.login(client.h, client.hello.challenge)
            record = client.seal(one_frame(login))
            size = len(record)
            client.send_bytes(record[:cut])
            scene.hang_up(client)
            scene.dropped(client, 'LOGIN cut after %d of %d bytes' % (cut, size))
            cut += 1
        equal(scene.login().welcome.flags & 1, 1, 'WELCOME.flags: the name was still free')


def test_send_cut_at_every_byte(env):
    """A SEND record, cut anywhere: the message is not delivered."""
    with Scene(env) as scene:
        carol = env.login('carol', scene.server)
        me, cut, size = csmsg.Identity('mallory'), 0, 1
        while cut < size:
            client = scene.login(me, next_id=cut + 1)
            record = client.seal(one_frame(Frame(
                'SEND', id=cut + 1, kind=0, to='carol', heads=[], body=csmsg.plain_body('cut'))))
            size = len(record)
            client.send_bytes(record[:cut])
            scene.hang_up(client)
            scene.dropped(client, 'SEND cut after %d of %d bytes' % (cut, size))
            cut += 1
        carol.ping()
        equal([f for f in carol.drain() if f.name == 'DELIVER'], [], 'what Carol received')


def test_one_byte_at_a_time(env):
    """The same bytes in the smallest pieces are a normal conversation."""
    def trickle(client, data):
        for index in range(len(data)):
            client.send_bytes(data[index:index + 1])
    with Scene(env) as scene:
        client = scene.dial()
        trickle(client, client.opening())
        client.connect(send=False)
        login = client.identity.login(client.h, client.hello.challenge)
        trickle(client, client.seal(one_frame(login)))
        equal(client.greeted().user, 'mallory', 'WELCOME.name')
        carol = env.login('carol', scene.server)
        trickle(client, client.seal(one_frame(Frame(
            'SEND', id=1, kind=0, to='carol', heads=[], body=csmsg.plain_body('slowly')))))
        equal(carol.take_message().text_body, 'slowly', 'what Carol received')


def test_wrong_magic(env):
    """A stranger's protocol is closed without an answer."""
    with Scene(env) as scene:
        for data in (b'GET / HTTP/1.1\r\nHost: lab\r\n\r\n', b'SSH-2.0-OpenSSH_9.2\r\n',
                     bytes(42), b'CSMH' + csmsg.preface()[4:]):
            client = scene.dial()
            scene.send_and_end(client, 'magic %r' % data[:8], data)
            equal(client.buffer, b'', 'the answer to the magic %r' % data[:8])


def test_versions(env):
    """Ranges that hold version 1 get it; others are refused with reason 1."""
    with Scene(env) as scene:
        for lowest, highest in ((1, 1), (1, 255), (0, 1), (0, 7)):
            client = scene.dial()
            client.preface = csmsg.preface(lowest, highest)
            client.connect()
            client.close()
        for lowest, highest in ((2, 2), (2, 255), (0, 0)):
            client = scene.dial()
            client.preface = csmsg.preface(lowest, highest)
            refused = raises(csmsg.Refused, client.connect, 'versions %d to %d' % (
                lowest, highest))
            equal(refused.reason, 1, 'reason for versions %d to %d' % (lowest, highest))
            scene.ends(client, 'after the refusal')


def test_preface_changed_on_the_way(env):
    """Both prefaces are in the prologue: with another one message 2 does not open."""
    with Scene(env) as scene:
        client = scene.dial()
        client.send_bytes(client.opening())
        client.preface = csmsg.preface(1, 2)
        raises(noise.NoiseError, lambda: client.connect(send=False), 'a changed preface')


def test_handshake_lengths(env):
    """Message 1 has 32 bytes."""
    with Scene(env) as scene:
        for size in (0, 1, 31, 33, 48, 1024, 1025, 65535):
            client = scene.dial()
            data = client.preface + struct.pack('<H', size) + os.urandom(size)
            scene.send_and_end(client, 'message 1 of %d bytes' % size, data)


def test_low_order_points(env):
    """An ephemeral key that would make the secret known."""
    with Scene(env) as scene:
        for point in LOW_ORDER:
            client = scene.dial()
            scene.send_and_end(client, 'ephemeral key %s' % point.hex(),
                               client.preface + csmsg.framed(point))


def test_record_lengths(env):
    """A record has at least 17 bytes; shorter ones end the connection, before login and after."""
    with Scene(env) as scene:
        for size in range(17):
            data = struct.pack('<H', size) + bytes(size)
            scene.send_and_end(scene.connect(), 'record of %d before login' % size, data)
        me = csmsg.Identity('mallory')
        for size in range(17):
            data = struct.pack('<H', size) + bytes(size)
            scene.send_and_end(scene.login(me), 'record of %d after login' % size, data)


def test_wrong_tag(env):
    """A flipped bit, a made-up record, a record twice: the end, without an answer."""
    def flipped(client, at):
        record = bytearray(client.seal(one_frame(Frame('PING', value=1))))
        record[at] ^= 1
        return bytes(record)
    with Scene(env) as scene:
        me = csmsg.Identity('mallory')
        for at in (2, 9, -16, -1):
            client = scene.connect()
            scene.send_and_end(client, 'bit flipped at %d before login' % at, flipped(client, at))
            client = scene.login(me)
            scene.send_and_end(client, 'bit flipped at %d' % at, flipped(client, at))
        for size in (17, 64, 300, 65535):
            data = struct.pack('<H', size) + os.urandom(size)
            scene.send_and_end(scene.connect(), 'made-up record of %d before login' % size, data)
            scene.send_and_end(scene.login(me), 'made-up record of %d' % size, data)
        client = scene.login(me)
        record = client.seal(one_frame(Frame('PING', value=1)))
        scene.send_and_end(client, 'the same record twice', record + record)
        client = scene.login(me)
        client.seal(b'')
        scene.send_and_end(client, 'a record left out', client.seal(
            one_frame(Frame('PING', value=1))))


def test_half_frames(env):
    """A record holds whole frames: a head without its payload is bad-frame."""
    with Scene(env) as scene:
        me = csmsg.Identity('mallory')
        whole = raw_frame(frames.TYPES['PING'], bytes(8))
        for cut in range(1, len(whole)):
            client = scene.login(me)
            scene.send_and_end(client, 'a frame cut to %d bytes inside its record' % cut,
                               client.seal(whole[:cut]), 'bad-frame')
        client = scene.login(me)
        scene.send_and_end(client, 'a length beyond the record', client.seal(
            struct.pack('<BH', frames.TYPES['PING'], 65535) + bytes(8)), 'bad-frame')


def test_wrong_state(env):
    """Before WELCOME only LOGIN, after it no LOGIN."""
    with Scene(env) as scene:
        for frame in good_frames() + [Frame('PART', data=b'x')]:
            client = scene.connect()
            scene.send_and_end(client, '%s before LOGIN' % frame, client.seal(one_frame(frame)),
                               'bad-state')
        client = scene.login()
        again = client.identity.login(client.h, client.hello.challenge)
        scene.send_and_end(client, 'a second LOGIN', client.seal(one_frame(again)), 'bad-state')


def test_frames_of_the_server(env):
    """What only a server says is refused from a client."""
    with Scene(env) as scene:
        me = csmsg.Identity('mallory')
        own = {'PART', 'PAD', 'PING', 'BYE', 'LOGIN'} | {f.name for f in good_frames()}
        for number, (name, _) in frames.TABLE.items():
            if name not in own:
                for payload in (b'', bytes(8), bytes(64)):
                    client = scene.login(me)
                    scene.send_and_end(client, '%s with %d bytes' % (name, len(payload)),
                                       client.seal(raw_frame(number, payload)),
                                       'bad-frame', 'bad-state')


def test_unknown_types(env):
    """Types that are reserved or not in the table."""
    with Scene(env) as scene:
        me = csmsg.Identity('mallory')
        for number in (0x06, 0x0f, 0x14, 0x1f, 0x26, 0x32, 0x40, 0x41, 0x52, 0x60, 0x63, 0x72,
                       0x80, 0xff):
            client = scene.login(me)
            scene.send_and_end(client, 'type %02x' % number,
                               client.seal(raw_frame(number, bytes(8))), 'bad-frame')


def test_malformed_fields(env):
    """Every frame with its payload cut at every byte, and with a byte too many."""
    with Scene(env) as scene:
        me = csmsg.Identity('mallory')
        for frame in good_frames():
            number, payload = frames.TYPES[frame.name], frames.payload_of(frame)
            open_end = len(getattr(frame, 'body', getattr(frame, 'data', b'')))  # a shorter body is still a body
            wrong = [payload[:cut] for cut in range(len(payload) - open_end)]
            if not open_end:
                wrong.append(payload + b'\0')
            for bad in wrong:
                client = scene.login(me)
                scene.send_and_end(client, '%s with the payload %s' % (frame.name, bad.hex()),
                                   client.seal(raw_frame(number, bad)), 'bad-frame')


def test_malformed_login(env):
    """LOGIN cut at every byte and with a byte too many."""
    with Scene(env) as scene:
        size = len(frames.payload_of(csmsg.Identity('mallory').login(bytes(32), bytes(16))))
        for cut in list(range(0, size)) + [size + 1]:
            client = scene.connect()
            login = client.identity.login(client.h, client.hello.challenge)
            payload = (frames.payload_of(login) + b'\0')[:cut]
            scene.send_and_end(client, 'LOGIN of %d bytes' % cut, client.seal(
                raw_frame(frames.TYPES['LOGIN'], payload)), 'bad-frame')


def test_values_out_of_range(env):
    """Kinds and operations that the document does not know."""
    with Scene(env) as scene:
        me = csmsg.Identity('mallory')
        body = csmsg.plain_body('x')
        wrong = [raw_frame(0x30, bytes([op]) + bytes(2)) for op in (0, 4, 255)]
        wrong += [raw_frame(0x50, bytes([op]) + b'\x06#lobby') for op in (0, 8, 255)]
        wrong += [raw_frame(0x50, p) for p in (b'\x03', b'\x05\x02', b'\x07\x06#lobby', b'\x06\x07#lobby')]
        wrong += [one_frame(Frame('SEND', id=1, kind=2, to='ann', heads=[], body=body)),
                  one_frame(Frame('ACK', kind=3, incarnation=0, seq=0, room='')),
                  one_frame(Frame('PRESENCE_C', op=frames.SET, state=2, text=''))]
        for data in wrong:
            client = scene.login(me)
            scene.send_and_end(client, 'frame %s' % data.hex(), client.seal(data), 'bad-frame')


def test_parts(env):
    """PARTs: the limit, one byte over it, and beginnings that lead to nothing."""
    def part(size):
        return Frame('PART', data=bytes(size))
    with Scene(env) as scene:
        me = csmsg.Identity('mallory')
        client = scene.login(me)
        head = frames.payload_of(Frame('SEND', id=1, kind=0, to='ann', heads=[], body=b''))
        client.send_frames(Frame('PART', data=head + bytes(60000 - len(head))))
        client.send_plain(raw_frame(frames.TYPES['SEND'], bytes(81920 - 60000)))
        equal(client.expect('REJECTED', id=1).code_name, 'too-large', 'a frame of 81920 bytes')
        client.send_frames(part(60000))
        scene.send_and_end(client, 'a frame of 81921 bytes', client.seal(
            raw_frame(frames.TYPES['SEND'], bytes(81921 - 60000))), 'bad-frame')
        for ending in (Frame('PRESENCE_C', op=frames.LIST),
                       Frame('ACK', kind=0, incarnation=0, seq=0, room='')):
            client = scene.login(me)
            scene.send_and_end(client, 'PART closed by %s' % ending, client.seal(
                one_frame(part(10)) + one_frame(ending)), 'bad-frame')
        client = scene.login(me)
        for _ in range(2):
            client.send_frames(part(40000))
        scene.send_and_end(client, 'PART without end', client.seal(one_frame(part(40000))),
                           'bad-frame')


def test_resume_forgets_a_part(env):
    """RESUME ends a beginning that was not closed; what follows is read afresh."""
    with Scene(env) as scene:
        client = scene.login()
        client.send('ann', 'hm', number=2)  # leaves one out
        client.expect('RESYNC')
        client.send_frames(Frame('PART', data=bytes(100)))
        client.resume()
        client.send('ann', 'hm', number=1)
        client.expect('ACCEPTED', id=1)


def test_replayed_login(env):
    """What one connection said is worth nothing on another."""
    with Scene(env) as scene:
        me = csmsg.Identity('mallory')
        first = scene.connect(me)
        login = me.login(first.h, first.hello.challenge)
        record = first.seal(one_frame(login))
        first.send_bytes(record)
        first.greeted()
        scene.send_and_end(scene.connect(me), 'the LOGIN record of another connection', record)
        for what, h_from, challenge_from in (
                ('the LOGIN of another connection', 0, 0), ('another hash', 0, 1),
                ('a challenge that was used before', 1, 0)):
            second = scene.connect(me)
            both = (first, second)
            frame = me.login(both[h_from].h, both[challenge_from].hello.challenge)
            scene.send_and_end(second, what, second.seal(one_frame(frame)), 'bad-login')
        first.ping()


def test_wrong_signature(env):
    """Signatures that do not hold: nothing is registered, nobody is let in."""
    with Scene(env) as scene:
        victim = csmsg.Identity('victim')
        env.login(victim, scene.server).bye()
        attempts = {
            'zeros': dict(signature=bytes(64)), 'another name signed': dict(user='victim'),
            'another device signed': dict(device=5)}
        for what, fields in attempts.items():
            client = scene.connect('free-name')
            login = client.identity.login(client.h, client.hello.challenge)
            for key, value in fields.items():
                setattr(login, key, value)
            codes = ['bad-login', 'name-taken'] if login.user == 'victim' else ['bad-login']
            scene.send_and_end(client, what, client.seal(one_frame(login)), *codes)
        client = scene.connect('victim')
        login = client.identity.login(client.h, client.hello.challenge, device_key=victim.key)
        scene.send_and_end(client, "the victim's key without its secret", client.seal(
            one_frame(login)), 'bad-login')
        equal(scene.login('free-name').welcome.flags & 1, 1,
              'WELCOME.flags: no failed login has registered the name')


def test_name_taken(env):
    """A name belongs to its key, in any spelling."""
    with Scene(env) as scene:
        for name in ('ann', 'ANN', 'Ann'):
            client = scene.connect(name)
            login = client.identity.login(client.h, client.hello.challenge)
            scene.send_and_end(client, 'name %s' % name, client.seal(one_frame(login)),
                               'name-taken', 'name-invalid')


def test_silence(env):
    """Clients that stop talking before their login are closed when their time is over."""
    with Scene(env, limits__first_byte_time='1s', limits__handshake_time='2s') as scene:
        silent, magic, half = scene.dial(), scene.dial(), scene.dial()
        magic.send_bytes(magic.opening()[:4])
        half.send_bytes(half.opening()[:-1])
        shaken, begun = scene.connect(), scene.connect()
        login = begun.identity.login(begun.h, begun.hello.challenge)
        begun.send_bytes(begun.seal(one_frame(login))[:-1])
        scene.ends(silent, 'a client that sends nothing')
        scene.ends(magic, 'a client that sends four bytes')
        scene.ends(half, 'a client that sends half its message 1')
        scene.ends(shaken, 'a client without LOGIN', 'timeout')
        scene.ends(begun, 'a client with half a LOGIN', 'timeout')


def test_trickling(env):
    """A byte now and then does not buy more time."""
    with Scene(env, limits__first_byte_time='1s', limits__handshake_time='2s') as scene:
        client = scene.dial()
        raises(csmsg.Closed, lambda: trickle_until_closed(client), 'a byte every 100 ms')
        scene.dropped(client, 'a client that trickles')


def trickle_until_closed(client):
    """One byte of the opening every 100 ms, for at most 10 s; Closed when the server ends it."""
    for index in range(100):
        if index < len(client.opening()) - 1:
            client.send_bytes(client.opening()[index:index + 1])
        try:
            client.ended(0.1)
            raise csmsg.Closed('end of stream')
        except TimeoutError:
            pass


def test_random_frames(env):
    """Valid records full of nonsense: at worst the connection ends."""
    with Scene(env) as scene:
        dice = random.Random(20241010)
        me = csmsg.Identity('mallory')
        kinds = [f for f in frames.TABLE if f not in (0, 1)]
        for _ in range(150):
            client = scene.login(me)
            data = raw_frame(dice.choice(kinds), dice.randbytes(dice.randrange(120)))
            for _ in range(dice.randrange(3)):
                data += one_frame(dice.choice(good_frames()))
            client.send_plain(data, padding=False)
            client.close()
        scene.login(me).ping()
