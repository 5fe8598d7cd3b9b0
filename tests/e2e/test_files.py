"""Files by the reference client against the real server: section 6.9 of docs/protocol.md, docs/files.md."""
import os
import random

import frames
from files import Files
from frames import B_CHUNK, B_GROWS, B_HEAD, B_WINDOW, Frame
from harness import check, equal, until

CHUNK_ENDS = [B_HEAD + n * B_CHUNK for n in (1, 2)]
SIZES = [1, B_HEAD - 1, B_HEAD, B_HEAD + 17] + [end + near for end in CHUNK_ENDS for near in (-1, 0, 1)]


def content_of(size, seed=1):
    """Bytes that nobody would guess, the same each time."""
    return random.Random(seed * 1000003 + size).randbytes(size)


def folder(server):
    """The names of the files that the server has."""
    return sorted(path.name for path in (server.state / 'blobs').iterdir())


def nothing_left(server):
    """Waits until there is no file, and none is listed."""
    until(lambda: not folder(server), 'an empty folder of files')
    equal(server.ctl('file', 'list'), [], 'file list')


def pair(env, **settings):
    """A server with alice and bob on it."""
    server = env.server(**settings)
    return server, Files(env.login('alice', server)), Files(env.login('bob', server))


def no(frame, code, what):
    """This is a refusal with this code, and it has words."""
    equal((frame.op, frames.CODES.get(getattr(frame, 'code', 0))), (frames.B_NO, code), what)
    check(frame.text, '%s: no words' % what)
    return frame


def notice(files, blob, end):
    """The notice that a blob has ended, confirmed."""
    came = files.client.expect('BLOB_S', op=frames.B_NOTICE, blob=blob)
    equal(came.end, end, 'NOTICE.end')
    files.ask(frames.B_NOTED, blob=blob)
    return came


def test_whole(env):
    """Uploaded, stored under its name, fetched, removed once it is there; the sender is told."""
    server, alice, bob = pair(env)
    content = content_of(5 * B_CHUNK + 1234)
    blob = alice.upload(content, 'BOB')
    equal(folder(server), [blob.hex()], 'the folder')
    equal((server.state / 'blobs' / blob.hex()).read_bytes(), content, 'the file')
    state = alice.about(frames.B_WHAT, blob)
    equal((state.size, state.upto, state.complete, state.devices, state.have, state.declined),
          (len(content), len(content), 1, 1, 0, 0), 'STATE')
    equal(bob.download(blob), content, 'what bob gets')
    equal(bob.about(frames.B_HAVE, blob).asked, frames.B_HAVE, 'OK')
    notice(alice, blob, frames.FETCHED)
    no(bob.about(frames.B_WHAT, blob), 'no-such-blob', 'what, afterwards')
    nothing_left(server)


def test_sizes(env):
    """Every border and a byte beside it, whole and from each of these places on."""
    server, alice, bob = pair(env)
    for size in SIZES:
        content = content_of(size)
        blob = alice.upload(content, 'bob')
        for offset in [0] + [at for at in (size - 1, size) if at > 0] + [b for b in CHUNK_ENDS if b < size]:
            equal(bob.download(blob, offset), content[offset:], '%d bytes from %d on' % (size, offset))
        equal(bob.about(frames.B_HAVE, blob).op, frames.B_OK, 'have')
    nothing_left(server)


def test_while_it_grows(env):
    """A download begins when there is nothing yet, and gets each part when it is there."""
    server, alice, bob = pair(env)
    content, blob = content_of(3 * B_CHUNK + 500), os.urandom(32)
    up, ready = alice.put(blob, len(content), 'bob')
    equal((ready.size, ready.upto, ready.complete), (len(content), 0, 0), 'READY of put')
    down, ready = bob.get(blob)
    equal((ready.size, ready.upto, ready.complete), (len(content), 0, 0), 'READY of get')
    at = 0
    for end in (B_HEAD, B_HEAD + B_CHUNK, B_HEAD + 2 * B_CHUNK):
        alice.send(up, content[:], at, end)
        equal(bob.take(down, at, end), content[at:end], 'up to %d' % end)
        at = end
    state = bob.about(frames.B_WHAT, blob)
    equal((state.upto, state.complete), (at, 0), 'STATE')
    alice.send(up, content, at)
    equal(bob.take(down, at, len(content)), content[at:], 'the rest')
    equal(bob.about(frames.B_HAVE, blob).op, frames.B_OK, 'have, before it is stored')
    equal(alice.done(up, len(content)).op, frames.B_STORED, 'done')
    notice(alice, blob, frames.FETCHED)
    nothing_left(server)


def test_unknown_size(env):
    """Of a pipe the size is told at the end, also to who reads already."""
    server, alice, bob = pair(env)
    content, blob = content_of(B_CHUNK + 99), os.urandom(32)
    up, _ = alice.put(blob, B_GROWS, 'bob')
    down, ready = bob.get(blob)
    equal(ready.size, B_GROWS, 'the size while nobody knows it')
    alice.send(up, content)
    no(alice.done(up, len(content) + 1), 'blob-differs', 'done with another size')
    up, ready = alice.put(blob, B_GROWS, 'bob')
    equal(ready.upto, len(content), 'READY after that')
    equal(alice.done(up, len(content)).op, frames.B_STORED, 'done')
    told = bob.answer(down, ops=(frames.B_READY,))
    equal((told.size, told.complete), (len(content), 1), 'the second READY')
    equal(bob.take(down, 0, len(content)), content, 'what bob gets')
    again, ready = alice.put(blob, len(content), 'bob')
    equal((ready.complete, ready.upto), (1, len(content)), 'put of what is stored')
    check(again, 'ref')


def test_window(env):
    """No more than a window is sent beyond what was credited, and credit brings the rest."""
    server, alice, bob = pair(env)
    content = content_of(2 * B_WINDOW)
    blob = alice.upload(content, 'bob')
    ref, _ = bob.get(blob)
    within = B_HEAD + (B_WINDOW - B_HEAD) // B_CHUNK * B_CHUNK
    equal(bob.take(ref, 0, within, credit=False), content[:within], 'the first window')
    bob.client.ping()
    equal([f for f in bob.client.drain(0.3) if f.name == 'DATA_S'], [], 'DATA beyond the window')
    bob.ask(frames.B_CREDIT, ref=ref, upto=2 * B_WINDOW)  # never sent: it is no credit
    bob.client.ping()
    equal([f for f in bob.client.drain(0.3) if f.name == 'DATA_S'], [], 'DATA for a credit of what was not sent')
    bob.ask(frames.B_CREDIT, ref=ref, upto=within)
    equal(bob.take(ref, within, len(content)), content[within:], 'the rest')


def test_out_of_place(env):
    """DATA with a gap, or beyond the size, ends the transfer; what was there stays, and it goes on from there."""
    server, alice, bob = pair(env)
    content, blob = content_of(B_CHUNK + 500), os.urandom(32)
    ref, _ = alice.put(blob, len(content), 'bob')
    alice.send(ref, content, 0, 24)
    alice.client.send_frames(Frame('DATA_C', ref=ref, offset=25, data=content[25:100]))
    no(alice.answer(ref, ops=(frames.B_NO,)), 'blob-differs', 'a gap')
    ref, ready = alice.put(blob, len(content), 'bob')
    equal(ready.upto, 24, 'what is there')
    alice.client.send_frames(Frame('DATA_C', ref=ref, offset=24, data=content[24:B_CHUNK] + b'x' * 17))
    alice.client.send_frames(Frame('DATA_C', ref=ref, offset=B_CHUNK + 17, data=b'x' * 500))
    no(alice.answer(ref, ops=(frames.B_NO,)), 'blob-differs', 'beyond the size')
    ref, ready = alice.put(blob, len(content), 'bob')
    alice.send(ref, content, 24)  # what is there may come again
    equal(alice.done(ref, len(content)).op, frames.B_STORED, 'done')
    equal(bob.download(blob), content, 'what bob gets')


def test_who_may(env):
    """Strangers learn nothing; another device may not go on with an upload; nobody sends to the lobby."""
    server, alice, _ = pair(env)
    eve = Files(env.login('eve', server))
    blob = alice.upload(b'x' * 100, 'bob')
    words = no(eve.about(frames.B_WHAT, blob), 'no-such-blob', 'what').text
    equal(no(eve.about(frames.B_WHAT, os.urandom(32)), 'no-such-blob', 'what of none').text, words, 'the same words')
    for op in (frames.B_HAVE, frames.B_DECLINE, frames.B_DROP):
        no(eve.about(op, blob), 'no-such-blob', 'op %d' % op)
    no(eve.get(blob)[1], 'no-such-blob', 'get')
    no(eve.put(blob, 100, 'bob')[1], 'blob-differs', 'put of the same number')
    no(alice.put(blob, 101, 'bob')[1], 'blob-differs', 'another size')
    no(alice.put(blob, 100, 'eve')[1], 'blob-differs', 'another recipient')
    no(alice.get(blob, 101)[1], 'blob-differs', 'beyond its end')
    no(alice.put(os.urandom(32), 100, '#lobby')[1], 'forbidden', 'the lobby')
    no(alice.put(os.urandom(32), 100, '#none')[1], 'no-such-room', 'no group')
    equal(no(alice.put(os.urandom(32), 100, 'bobb')[1], 'no-such-user', 'nobody').hint, 'did you mean bob?', 'hint')
    no(alice.put(os.urandom(32), 100, 'alice')[1], 'no-device', 'oneself, with one device')


def test_eight(env):
    """A ninth transfer is refused, until one is stopped; a number is not used twice."""
    server, alice, _ = pair(env)
    refs = [alice.put(os.urandom(32), 100, 'bob')[0] for _ in range(8)]
    no(alice.put(os.urandom(32), 100, 'bob')[1], 'too-many', 'the ninth')
    alice.ask(frames.B_STOP, ref=refs[0])
    alice.ask(frames.B_PUT, ref=refs[1], blob=os.urandom(32), size=100, to='bob')
    no(alice.answer(refs[1], ops=(frames.B_NO,)), 'blob-differs', 'the same ref')
    equal(alice.put(os.urandom(32), 100, 'bob')[1].op, frames.B_READY, 'one more')


def test_quotas(env):
    """Too long; too much of one; too much of all: each in words, and room comes back."""
    server, alice, bob = pair(env, limits__file_size='4MiB', limits__files_per_user='6MiB', limits__files_total='8MiB')
    no(alice.put(os.urandom(32), (4 << 20) + 1, 'bob')[1], 'too-large', 'file_size')
    first, second = os.urandom(32), os.urandom(32)
    equal(alice.put(first, 4 << 20, 'bob')[1].op, frames.B_READY, 'four')
    no(alice.put(second, 3 << 20, 'bob')[1], 'files-full', 'files_per_user')
    ref, ready = alice.put(second, B_GROWS, 'bob')
    equal(ready.op, frames.B_READY, 'what grows has the rest')
    no(alice.put(os.urandom(32), 1, 'bob')[1], 'files-full', 'that counts as it may grow')
    alice.send(ref, b'x' * (2 << 20))
    alice.client.send_frames(Frame('DATA_C', ref=ref, offset=2 << 20, data=b'x'))
    no(alice.answer(ref, ops=(frames.B_NO,)), 'blob-differs', 'beyond what it may grow to')
    no(bob.put(os.urandom(32), 3 << 20, 'alice')[1], 'files-full', 'files_total')
    equal(alice.about(frames.B_DROP, first).op, frames.B_OK, 'drop')
    equal(bob.put(os.urandom(32), 3 << 20, 'alice')[1].op, frames.B_READY, 'there is room again')


def test_too_fast(env):
    """Questions cost tokens; stop, credit and noted do not."""
    server, alice, _ = pair(env, limits__file_requests=1)
    answers = [alice.about(frames.B_WHAT, os.urandom(32)) for _ in range(11)]
    for frame in answers[:10]:
        no(frame, 'no-such-blob', 'within the burst')
    check(0 < no(answers[10], 'too-fast', 'beyond').retry_ms <= 60000, 'retry_ms')
    alice.ask(frames.B_NOTED, blob=os.urandom(32))
    alice.ask(frames.B_STOP, ref=7)
    alice.client.ping()


def test_decline_and_drop(env):
    """Declined by all: removed. Taken back while somebody reads: he is told."""
    server, alice, bob = pair(env)
    blob = alice.upload(content_of(3 * B_WINDOW), 'bob')
    ref, _ = bob.get(blob)
    bob.client.expect('DATA_S', ref=ref)
    equal(alice.about(frames.B_DROP, blob).asked, frames.B_DROP, 'drop')
    no(bob.answer(ref, ops=(frames.B_NO,)), 'no-such-blob', 'who was reading')
    notice(alice, blob, frames.TAKEN_BACK)
    blob = alice.upload(b'x' * 50, 'bob')
    equal(bob.about(frames.B_DECLINE, blob).asked, frames.B_DECLINE, 'decline')
    notice(alice, blob, frames.FETCHED)
    ref, _ = alice.put(os.urandom(32), 1000, 'bob')
    alice.send(ref, b'x' * 1000, 0, 500)
    blob = bytes.fromhex(folder(server)[0].removesuffix('.part'))
    equal(alice.about(frames.B_DROP, blob).op, frames.B_OK, 'drop of an upload')
    nothing_left(server)


def test_expiry(env):
    """What nobody fetches goes when its time is over; the sender is told, also when absent, until it has confirmed."""
    server, alice, _ = pair(env, limits__file_keep='2s')
    blob = alice.upload(b'x' * 500, 'bob')
    identity = alice.client.identity
    alice.client.bye()
    server.wait_log(sub='file', ev='end', why='expired')
    for _ in range(2):
        alice = Files(env.login(identity, server))
        came = alice.client.expect('BLOB_S', op=frames.B_NOTICE, blob=blob)
        equal(came.end, frames.EXPIRED_BLOB, 'NOTICE')
        alice.client.bye()
    alice = Files(env.login(identity, server))
    notice(alice, blob, frames.EXPIRED_BLOB)
    alice.client.ping()
    alice.client.bye()
    alice = env.login(identity, server)
    alice.ping()
    equal([f for f in alice.drain(0.2) if f.name == 'BLOB_S'], [], 'a notice after it was confirmed')
    nothing_left(server)


def test_ctl(env):
    """The operator sees what there is, and ends it."""
    server, alice, _ = pair(env)
    blob = alice.upload(b'x' * 5000, 'bob')
    row, = server.ctl('file', 'list')
    equal((row['blob'], row['user'], row['to'], row['bytes'], row['complete'], row['devices'], row['have']),
          (blob.hex(), 'alice', 'bob', 5000, True, 1, 0), 'file list')
    shown = server.ctl('file', 'show', blob.hex()[:8])
    equal((shown[0]['blob'], shown[1]['user'], shown[1]['state']), (blob.hex(), 'bob', 'waits'), 'file show')
    server.ctl('file', 'show', 'ffff', status=2)
    server.ctl('file', 'show', '00000000', status=5)
    server.ctl('file', 'delete', blob.hex(), '--yes')
    notice(alice, blob, frames.DELETED_BLOB)
    nothing_left(server)
    server.ctl('file', 'delete', blob.hex(), '--yes', status=5)
    server.ctl('file', 'delete', blob.hex(), status=2)
