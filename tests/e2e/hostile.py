"""What the tests of hostile clients share: a server, two bystanders who talk throughout, and the
check that one connection ended, with a reason in the log."""
import threading

import csmsg
import frames
from csmsg import Closed
from frames import Frame
from harness import Failure, check, equal, scale


def good_frames():
    """A valid frame of every type that a client may send once it is logged in."""
    return [
        Frame('PING', value=7),
        Frame('RESUME', incarnation=0, seq=0, next_id=1, lobby_seen=0, token=1),
        Frame('SEND', id=1, kind=0, to='ann', heads=[], body=csmsg.plain_body('hm')),
        Frame('ACK', kind=0, incarnation=0, seq=0, room=''),
        Frame('PRESENCE_C', op=frames.SET, state=1, text='lunch'),
        Frame('PRESENCE_C', op=frames.LIST),
        Frame('PRESENCE_C', op=frames.ABOUT, person='ann'),
        Frame('GROUP_C', op=frames.JOIN, room='#lobby'),
        Frame('GROUP_C', op=frames.PARTING, room='#lobby'),
        Frame('HISTORY_C', room='#lobby', after=0, count=10),
        Frame('BLOB_C', op=frames.B_PUT, ref=1, blob=bytes(32), size=100, to='ann'),
        Frame('BLOB_C', op=frames.B_GET, ref=2, blob=bytes(32), offset=0),
        Frame('BLOB_C', op=frames.B_CREDIT, ref=2, upto=10),
        Frame('BLOB_C', op=frames.B_HAVE, blob=bytes(32)),
        Frame('DATA_C', ref=1, offset=0, data=b'sealed')]


class Bystanders:
    """Ann writes to Ben, one message after the other, in a thread, until told to stop."""

    def __init__(self, env, server):
        self.ann, self.ben = env.login('ann', server), env.login('ben', server)
        self.done, self.error, self.stopping = 0, None, False
        self.news = threading.Condition()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        """The thread."""
        try:
            while not self.stopping:
                text = 'message %d' % self.done
                number = self.ann.send('ben', text)
                equal(self.ben.take_message().text_body, text, 'what Ben received')
                self.ann.expect('ACCEPTED', id=number)
                with self.news:
                    self.done += 1
                    self.news.notify_all()
                    self.news.wait(0.005)  # others want the processor, too
        except Exception as error:  # whatever it is, the test must hear of it
            with self.news:
                self.error = error
                self.news.notify_all()

    def go_on(self):
        """Fails unless messages still pass between the two."""
        with self.news:
            goal = self.done + 3
            moved = self.news.wait_for(lambda: self.error or self.done >= goal, 10 * scale())
        check(moved and not self.error, 'the bystanders stopped after %d messages: %r' % (
            self.done, self.error or 'no progress in 10 s'))

    def stop(self):
        """Ends the thread."""
        self.stopping = True
        self.thread.join(15 * scale())


class Scene:
    """A server with bystanders; at the end they still talk and no process was replaced."""

    def __init__(self, env, **settings):
        self.env = env
        self.server = env.server(log__level='debug', **settings)
        self.bystanders = Bystanders(env, self.server)
        self.pids = self.main_pids()

    def main_pids(self):
        """The processes that must not change."""
        return sorted((row['role'], row['pid']) for row in self.server.processes()
                      if row['role'] != 'spare')

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.bystanders.go_on()
            self.bystanders.stop()
            equal(self.main_pids(), self.pids, 'the processes of the server after the attack')
        return False

    def dial(self, identity='mallory', source=None):
        """A client that has not spoken."""
        return self.env.dial(self.server, identity, source)

    def connect(self, identity='mallory'):
        """A client after its handshake."""
        return self.dial(identity).connect()

    def login(self, identity='mallory', **fields):
        """A client after its login."""
        return self.connect_and_login(identity, fields)

    def connect_and_login(self, identity, fields):
        client = self.connect(identity)
        client.login(**fields)
        return client

    def dropped(self, client, what):
        """Waits until the log says that this connection is gone, and why."""
        host, port = client.peer if hasattr(client, 'peer') else client.sock.getsockname()[:2]
        try:
            line = self.server.wait_log(  # refuse is the end of a connection without a user
                sub='session', ev=('drop', 'refuse'), peer='%s:%d' % (host, port))
        except Failure as failure:
            raise Failure('%s: no reason in the log. %s' % (what, failure)) from None
        check(line.get('reason', '-') not in ('', '-'), '%s: dropped without a reason: %s' % (
            what, line))
        return line['reason']

    def hang_up(self, client):
        """Closes the client's side and keeps its address for dropped()."""
        client.peer = client.sock.getsockname()[:2]
        client.close()

    def ends(self, client, what, *codes):
        """The server must end this connection: with one of these ERRORs, or, without codes, in
        silence. Then the log gives a reason and the bystanders go on."""
        try:
            came = client.ended(10 * scale())
        except TimeoutError:
            raise Failure('%s: the server did not end the connection' % what) from None
        errors = [frame.code_name for frame in came if frame.name == 'ERROR']
        if codes:
            check(len(errors) == 1 and errors[0] in codes, '%s: expected ERROR %s, came %s' % (
                what, ' or '.join(codes), came or 'the end alone'))
            check(came[-1].name == 'ERROR', '%s: something follows the ERROR: %s' % (what, came))
        else:
            equal(errors, [], what + ': errors where silence was expected')
        self.dropped(client, what)
        client.close()

    def send_and_end(self, client, what, data, *codes):
        """Sends bytes, then ends()."""
        try:
            client.send_bytes(data)
        except Closed:
            pass  # it ended before it had read everything
        self.ends(client, what, *codes)
