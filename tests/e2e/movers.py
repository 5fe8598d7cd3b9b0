"""A file on its way from one client to another while the worker that serves both dies at named steps."""
import os
import time

import csmsg
import frames
import records
from files import Files, Resync
from frames import B_CHUNK
from harness import Failure, check, equal, until
from streams import judge_seals
from test_files import content_of, folder
from test_kill import serve_resync

SIZE = 5 * B_CHUNK + 77


class Movers:
    """Two clients with a file, and one that arms the points of death."""

    def __init__(self, env, **settings):
        self.log_of_seals = env.folder / 'seals'
        self.server = env.server(server__workers=1, environ={'CSMSG_SEALS': str(self.log_of_seals)}, **settings)
        self.alice, self.bob, self.kate = (Files(env.login(name, self.server)) for name in ('alice', 'bob', 'kate'))
        self.content = content_of(SIZE)
        self.since = 0
        self.resyncs = 0

    def answer_resyncs(self):
        """Whoever has heard RESYNC says RESUME; what came before it is over."""
        for files in (self.alice, self.bob, self.kate):
            while any(f.name == 'RESYNC' for f in files.client.pending):
                serve_resync(files.client)
                self.resyncs += 1
            files.client.pending = [f for f in files.client.pending if f.name == 'RESYNC']

    @staticmethod
    def opened(ask):
        """The answer to a put or get; who is told to come again later does."""
        ref, ready = ask()
        while ready.op == frames.B_NO and ready.code_name == 'busy':
            time.sleep(ready.retry_ms / 1000)
            ref, ready = ask()
        return ref, ready

    def move(self):
        """One file, whole, from wherever it is until bob has it."""
        blob, stored, at, got = os.urandom(32), False, 0, b''
        while True:
            try:
                if not stored:
                    ref, ready = self.opened(lambda: self.alice.put(blob, SIZE, 'bob'))
                    check(ready.op == frames.B_READY and ready.upto >= at, 'put again: %s, confirmed were %d' % (ready, at))
                    at = ready.upto
                    if not ready.complete:
                        self.alice.send(ref, self.content, at)
                        at = SIZE
                        equal(self.alice.done(ref, SIZE).op, frames.B_STORED, 'done')
                    stored = True
                ref, ready = self.opened(lambda: self.bob.get(blob, len(got)))
                if ready.op == frames.B_NO:  # the OK of have was lost
                    equal((ready.code_name, got), ('no-such-blob', self.content), 'get')
                    return
                got += self.bob.take(ref, len(got), SIZE)
                equal(got, self.content, 'what bob has')
                self.bob.ask(frames.B_STOP, ref=ref)
                equal(self.bob.about(frames.B_HAVE, blob).op, frames.B_OK, 'have')
                return
            except Resync:
                self.answer_resyncs()

    def arm(self, step, number, passes):
        """The worker will die at this step."""
        self.since = self.server.log.mark()
        self.kate.client.send_plain(records.pad(frames.raw_frame(0x7e, bytes([number]) + passes.to_bytes(2, 'little'))))
        self.server.log.wait(after=self.since, sub='fault', ev='armed', step=step)

    def died(self, step):
        """How often it has, since it was armed."""
        return len(self.server.log.matches(self.since, {'sub': 'fault', 'ev': 'step', 'step': step}))

    def die_at(self, step, number, passes, trigger=None):
        """Arms, and moves files until the worker has died there."""
        self.arm(step, number, passes)
        try:
            if trigger:
                trigger()
            for _ in range(50):
                self.move()
                if self.died(step):
                    self.move()
                    return
        except (Failure, TimeoutError, csmsg.Closed, csmsg.Unexpected) as error:
            raise Failure('death at %s, pass %d: %s: %s' % (step, passes, type(error).__name__, error)) from error
        raise Failure('the worker did not come to %s, pass %d' % (step, passes))

    def finish(self, deaths):
        """Nothing is left, nobody was disconnected, and no number was used for two plaintexts."""
        until(lambda: not folder(self.server), 'the folder of files to be empty')
        died = self.server.log.matches(0, {'sub': 'worker', 'ev': 'died'})
        check(len(died) >= deaths, '%d workers died instead of %d' % (len(died), deaths))
        equal(self.server.log.matches(0, {'sub': 'session', 'ev': ('drop', 'lost', 'quarantine')}), [], 'connections that ended')
        check(self.resyncs > 0, 'nobody has heard RESYNC')
        judge_seals(self.log_of_seals)
