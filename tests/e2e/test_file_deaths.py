"""Files when somebody dies: docs/files.md, section 4. Whatever is killed, the bytes arrive, and nothing stays behind."""
import fcntl
import os
import pathlib
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import termios
import time
from unittest import mock

import frames
from files import Files, Resync
from frames import B_CHUNK, B_WINDOW
from harness import check, equal, until
from streams import narrow_connection
from test_files import content_of, folder, no, nothing_left, notice, pair
from test_groups import joined, created, leave, second
from test_kill import need_faults, serve_resync
from test_steps import sandboxed


def kill_worker_of(server, user):
    """SIGKILL of the worker that serves this user."""
    slot, = {row['worker'] for row in server.ctl('who') if row['user'] == user}
    since = server.log.mark()
    os.kill(next(row['pid'] for row in server.processes('worker') if row['slot'] == slot), signal.SIGKILL)
    server.wait_log(after=since, sub='session', ev='adopt')


def kill_broker(server):
    """SIGKILL of the broker."""
    os.kill(server.pids('broker')[0], signal.SIGKILL)


def resynced(files):
    """The client hears RESYNC and answers: every transfer is over."""
    serve_resync(files.client)
    files.client.pending.clear()


def part_of(files, blob, content, end, to='bob'):
    """Puts a blob, or goes on with it, up to a place; where it went on from."""
    ref, ready = files.put(blob, len(content), to)
    equal(ready.op, frames.B_READY, 'put: %s' % ready)
    files.send(ref, content, ready.upto, end)
    return ref, ready.upto


def test_deaths_of_a_worker_and_the_broker(env):
    """At each place: who sends loses at most what was not confirmed, who reads goes on where it was."""
    server, alice, bob = pair(env, server__workers=2)
    content, blob = content_of(6 * B_CHUNK + 77), os.urandom(32)
    ends = [24, 24 + B_CHUNK - 1, 24 + 2 * B_CHUNK, 24 + 3 * B_CHUNK + 1, len(content) - 1]
    at = got = 0
    for number, end in enumerate(ends):
        _, went_on = part_of(alice, blob, content, end)
        equal(went_on, at, 'the place to go on from')
        at = end
        down, _ = bob.get(blob, got)
        whole = 24 + (end - 24) // B_CHUNK * B_CHUNK
        equal(bob.take(down, got, whole), content[got:whole], 'what is there for bob')
        got = whole
        if number % 2:
            kill_broker(server)
            resynced(alice)
            resynced(bob)
        else:
            kill_worker_of(server, 'alice')
            resynced(alice)
            kill_worker_of(server, 'bob')
            resynced(bob)
    ref, went_on = part_of(alice, blob, content, len(content))
    equal(went_on, len(content) - 1, 'the last byte')
    equal(alice.done(ref, len(content)).op, frames.B_STORED, 'done')
    kill_broker(server)
    resynced(alice)
    resynced(bob)
    equal(alice.put(blob, len(content), 'bob')[1].complete, 1, 'put of what is stored')
    equal(bob.download(blob, got), content[got:], 'the rest')
    equal(bob.about(frames.B_HAVE, blob).op, frames.B_OK, 'have')
    notice(alice, blob, frames.FETCHED)
    nothing_left(server)


def test_a_master_dies(env):
    """Transfers go on without a master and under the next one; nobody hears RESYNC."""
    server, alice, bob = pair(env)
    content, blob = content_of(4 * B_CHUNK), os.urandom(32)
    ref, _ = part_of(alice, blob, content, 24 + B_CHUNK)
    down, _ = bob.get(blob)
    server.process.kill()
    server.process.wait()
    alice.send(ref, content, 24 + B_CHUNK, 24 + 2 * B_CHUNK)
    equal(bob.take(down, 0, 24 + 2 * B_CHUNK), content[:24 + 2 * B_CHUNK], 'without a master')
    other = alice.upload(b'y' * 99, 'bob')  # a descriptor is passed, too
    server = env.keep(server.restart())
    alice.send(ref, content, 24 + 2 * B_CHUNK)
    equal(alice.done(ref, len(content)).op, frames.B_STORED, 'done')
    equal(bob.take(down, 24 + 2 * B_CHUNK, len(content)), content[24 + 2 * B_CHUNK:], 'under the next master')
    kill_worker_of(server, 'bob')
    resynced(bob)
    for number in (blob, other):
        bob.download(number)
        equal(bob.about(frames.B_HAVE, number).op, frames.B_OK, 'have')
    nothing_left(server)


def test_connections_end(env):
    """Without a word, at the last byte: a new connection goes on there. So it does in one that begins while the other lives."""
    server, alice, bob = pair(env)
    content, blob = content_of(B_CHUNK + 300), os.urandom(32)
    part_of(alice, blob, content, len(content) - 1)
    again = Files(env.login(alice.client.identity, server))
    ref, went_on = part_of(again, blob, content, len(content))
    equal(went_on, len(content) - 1, 'beside the first')
    alice.client.close()
    again.client.close()
    third = Files(env.login(alice.client.identity, server))
    ref, ready = third.put(blob, len(content), 'bob')
    equal(ready.upto, len(content), 'the third')
    equal(third.done(ref, len(content)).op, frames.B_STORED, 'done')
    down, _ = bob.get(blob)
    bob.take(down, 0, 24 + B_CHUNK)
    bob.client.close()
    bob = Files(env.login(bob.client.identity, server))
    equal(bob.download(blob, 24 + B_CHUNK), content[24 + B_CHUNK:], 'the rest')
    bob.about(frames.B_HAVE, blob)
    nothing_left(server)


def test_named_points(env):
    """The broker dies between file and row, either way: as if nothing had been."""
    if not need_faults(env):
        return
    for point in ('blob.opened', 'blob.renamed', 'blob.forgotten'):
        server = env.server(point, environ={'CSMSG_FAULT': point})
        alice, bob = (Files(env.login(name, server)) for name in ('alice', 'bob'))
        content, blob, deaths = content_of(B_CHUNK + 5), os.urandom(32), 0
        while True:
            try:
                send_and_fetch(alice, bob, blob, content)
                break
            except Resync:
                deaths += 1
                resynced(alice)
                resynced(bob)
        equal((deaths, len(server.log.matches(0, {'sub': 'broker', 'ev': 'died'}))), (1, 1), '%s: deaths' % point)
        alice.client.ping()
        nothing_left(server)
        server.kill()


def send_and_fetch(alice, bob, blob, content):
    """All of it from wherever it is, until nobody knows it any more."""
    while True:
        state = bob.about(frames.B_WHAT, blob)
        if state.op == frames.B_NO and alice.known:
            return
        if state.op == frames.B_NO or not state.complete:
            ref, ready = alice.put(blob, len(content), 'bob')
            alice.known = True
            alice.send(ref, content, ready.upto)
            equal(alice.done(ref, len(content)).op, frames.B_STORED, 'done')
        equal(bob.download(blob), content, 'what bob gets')
        bob.about(frames.B_HAVE, blob)
        bob.about(frames.B_WHAT, os.urandom(32))  # the removal is durable when this is answered, or the broker is dead


def test_start(env):
    """Rows and folder are compared: what belongs to nobody goes, what is lost is told, what was renamed is complete."""
    server, alice, bob = pair(env)
    content = content_of(5000)
    kept, gone, renamed, cut = (alice.upload(content, 'bob') for _ in range(4))
    begun, named = os.urandom(32), os.urandom(32)
    part_of(alice, begun, content, 3000)
    part_of(alice, named, content, len(content))
    server.stop()
    blobs, store = server.state / 'blobs', sqlite3.connect(server.state / 'broker.db')
    (blobs / gone.hex()).unlink()
    (blobs / cut.hex()).write_bytes(content[:-1])
    (blobs / (named.hex() + '.part')).rename(blobs / named.hex())
    (blobs / os.urandom(32).hex()).write_bytes(b'nobody knows me')
    (blobs / (os.urandom(32).hex() + '.part')).write_bytes(b'nor me')
    (blobs / 'README').write_bytes(b'not a blob')
    store.execute('UPDATE blob SET complete=0 WHERE id=?', (renamed,))
    store.commit()
    store.close()
    server = env.keep(server.restart())
    until(lambda: len(folder(server)) == 5, 'what nobody knows is removed')
    equal(folder(server), sorted([kept.hex(), renamed.hex(), named.hex(), begun.hex() + '.part', 'README']), 'the folder')
    (blobs / 'README').unlink()
    alice, bob = (Files(env.login(f.client.identity, server)) for f in (alice, bob))
    for lost in (gone, cut):
        notice(alice, lost, frames.LOST)
        no(bob.get(lost)[1], 'no-such-blob', 'get of what is lost')
    for there in (kept, renamed, named):
        equal(bob.download(there), content, 'what is there')
        bob.about(frames.B_HAVE, there)
    equal(part_of(alice, begun, content, len(content))[1], 3000, 'the place to go on from')
    alice.about(frames.B_DROP, begun)
    nothing_left(server)


def test_power(env):
    """The machine has started anew: what was not stored is worth nothing, and its sender is told."""
    server, alice, _ = pair(env)
    content, blob = content_of(5000), os.urandom(32)
    stored = alice.upload(content, 'bob')
    part_of(alice, blob, content, 3000)
    server.kill_all()
    store = sqlite3.connect(server.state / 'broker.db')
    equal(len(store.execute('SELECT boot FROM meta').fetchone()[0]), 36, 'the boot that is noted')
    store.execute("UPDATE meta SET boot='another one'")
    store.commit()
    store.close()
    server = env.keep(server.restart())
    alice = Files(env.login(alice.client.identity, server))
    notice(alice, blob, frames.LOST)
    until(lambda: folder(server) == [stored.hex()], 'only what was stored')
    equal(part_of(alice, os.urandom(32), content, 1)[1], 0, 'the new one begins at the beginning')
    server.stop()
    server = env.keep(server.restart())
    equal(len(folder(server)), 2, 'the same boot: the upload stays')


def test_disk_full(env):
    """No room: refused before a byte; the disk gets full meanwhile: what is there stays, and it goes on when there is room."""
    place = env.folder / 'small'
    place.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=48m', 'none', place], capture_output=True, check=False).returncode:
        print('skipped: may not mount here')
        return
    try:
        fill(env, place)
    finally:
        for server in env.servers:
            server.kill()
        subprocess.run(['umount', place], check=False)


def fill(env, place):
    """The inside of test_disk_full."""
    server = env.server(folder='small', limits__disk_free='1MiB')
    alice, bob = (Files(env.login(name, server)) for name in ('alice', 'bob'))
    no(alice.put(os.urandom(32), 100 << 20, 'bob')[1], 'disk-full', 'put of what has no room')
    nothing_left(server)
    content, blob = content_of(12 << 20), os.urandom(32)
    ref, _ = part_of(alice, blob, content, 1 << 20)
    left = os.statvfs(place)
    ballast = place / 'ballast'
    ballast.write_bytes(bytes(left.f_bavail * left.f_frsize - (3 << 20)))
    ended = no(alice.send(ref, content, 1 << 20), 'disk-full', 'in the middle')
    check(ended.hint, 'a hint')
    number = alice.client.send('bob', 'chat goes on')
    equal(bob.client.take_message().text_body, 'chat goes on', 'a message meanwhile')
    alice.client.expect('ACCEPTED', id=number)
    ballast.unlink()
    ref, ready = alice.put(blob, len(content), 'bob')
    check(1 << 20 <= ready.upto < len(content), 'what is there: %d' % ready.upto)
    alice.send(ref, content, ready.upto)
    equal(alice.done(ref, len(content)).op, frames.B_STORED, 'done')
    equal(bob.download(blob), content, 'what bob gets')


def test_group(env):
    """Members who are absent fetch it later, a second device too; strangers and those who join later do not."""
    server = env.server()
    owner, client, room = created(env, server, 'prof', '#ta')
    people = [joined(env, server, name, '#ta') for name in ('ann', 'ben', 'cid')]
    laptop, _ = second(env, server, people[0][0], people[0][1])
    for _, member, _ in people[1:]:
        leave(server, member)
    prof = Files(client)
    blob = prof.upload(content_of(3 * B_CHUNK), '#TA')
    equal(prof.about(frames.B_WHAT, blob).devices, 4, 'devices')
    late = joined(env, server, 'late', '#ta')
    no(Files(late[1]).get(blob)[1], 'no-such-blob', 'who joined later')
    everybody = [people[0][0], laptop, people[1][0], people[2][0]]
    for number, device in enumerate(everybody):
        member = Files(env.login(device.identity, server))
        equal(member.download(blob), content_of(3 * B_CHUNK), 'what %s gets' % device.identity.name)
        equal(prof.about(frames.B_WHAT, blob).have, number, 'have')
        equal(member.about(frames.B_HAVE, blob).op, frames.B_OK, 'have')
    notice(prof, blob, frames.FETCHED)
    check(owner and room, 'the owner')
    nothing_left(server)


def test_revoked_device(env):
    """Nothing waits for a device that was revoked."""
    server = env.server()
    owner, client, _ = created(env, server, 'prof', '#ta')
    bob, bobs, _ = joined(env, server, 'bob', '#ta')
    phone, _ = second(env, server, bob, bobs)
    prof = Files(client)
    blob = prof.upload(b'x' * 100, 'bob')
    Files(bobs).about(frames.B_HAVE, blob)
    equal(prof.about(frames.B_WHAT, blob).have, 1, 'have')
    bob.person.append(bobs, bob.person.entry_revoke(phone.keys.device, bob.keys))
    notice(prof, blob, frames.FETCHED)
    check(owner, 'the owner')
    nothing_left(server)


def files_of(pid):
    """The regular files that a process has open: {path: flags}."""
    found = {}
    for entry in os.listdir('/proc/%d/fd' % pid):
        try:
            path = os.readlink('/proc/%d/fd/%s' % (pid, entry))
            info = pathlib.Path('/proc/%d/fdinfo/%s' % (pid, entry)).read_text(encoding='ascii')
        except FileNotFoundError:
            continue  # closed since it was listed
        if not re.match(r'(socket|pipe|anon_inode|/memfd):?', path) and not path.startswith('/dev/'):
            found[path] = int(re.search(r'flags:\s*(\d+)', info).group(1), 8) & os.O_ACCMODE
    return found


def probed(server, client):
    """What a worker that was taken over can read and write by the descriptors it has: how many of each."""
    since = server.log.mark()
    client.send_plain(bytes([0x7d, 1, 0, 4]))
    return divmod(int(server.log.wait(after=since, sub='fault', ev='escape', what='4')['result']), 1000)


def test_the_one_file(env):
    """A worker has the files of its transfers, each in one direction, and can reach no other."""
    server, alice, bob = pair(env, server__workers=1)
    pid, = server.pids('worker')
    equal(files_of(pid), {}, 'files of a worker without a transfer')
    before = probed(server, alice.client) if need_faults(env) else None  # its slab, and /dev/null
    blob, begun = alice.upload(content_of(9000), 'bob'), os.urandom(32)
    for _ in range(20):
        alice.upload(content_of(50), 'bob')  # others that lie beside them
    part_of(alice, begun, content_of(9000), 100)
    blobs = server.state / 'blobs'
    equal(files_of(pid), {str(blobs / (begun.hex() + '.part')): os.O_WRONLY}, 'while alice sends')
    down, _ = bob.get(blob)
    equal(files_of(pid), {str(blobs / (begun.hex() + '.part')): os.O_WRONLY, str(blobs / blob.hex()): os.O_RDONLY},
          'while bob fetches as well')
    if need_faults(env):
        equal(probed(server, alice.client), (before[0] + 1, before[1] + 1), 'what it can read and write: one file each')
    if sandboxed(env):
        alice.client.send_plain(bytes([0x7d, 1, 0, 0]))
        came = server.wait_log(sub='fault', ev='escape', what='0')
        equal((came['result'], came['errno']), ('-1', '13'), 'opening a file')
    bob.take(down, 0, 9000)
    bob.ask(frames.B_STOP, ref=down)
    bob.client.ping()
    alice.client.close()
    until(lambda: files_of(pid) == {}, 'files when the transfers are over')


def stalled(sock):
    """True when no byte has come for a while; nothing is read."""
    def there():
        return struct.unpack('i', fcntl.ioctl(sock, termios.FIONREAD, bytes(4)))[0]
    before = there()
    time.sleep(0.1)
    return before == there() > 0


def test_chat_goes_first(env):
    """A client that reads slowly gets a message long before the rest of a window."""
    server = env.server(server__workers=1)
    alice = Files(env.login('alice', server))
    with mock.patch.object(socket, 'create_connection', narrow_connection):
        bob = Files(env.login('bob', server))
    content = content_of(B_WINDOW)
    blob = alice.upload(content, 'bob')
    down, _ = bob.get(blob)
    until(lambda: stalled(bob.client.sock), 'no more of it goes into the connection')
    alice.client.send('bob', 'urgent')
    alice.about(frames.B_WHAT, blob)  # answered behind the message, by the worker that has bob, too
    bob.client.expect('DELIVER')
    parts = [f for f in bob.client.pending if f.name == 'DATA_S']
    check(len(parts) <= 6, '%d parts of 16 came before the message' % len(parts))
    equal(bob.take(down, 0, 24 + 15 * B_CHUNK), content[:24 + 15 * B_CHUNK], 'the window')
