/*
 * delivery.pml - direct messages, from the sender's outbox to the recipient's store.
 *
 * Two senders, two recipients, three messages: numbers 0 and 1 of sender 0 (ids 1, 2), number 2 of
 * sender 1 (id 1). TO says who receives which: bit g set, message g is for recipient 1. Names follow
 * the code: what is done here by push, spill, detach, load_more, ... is inbox.c, by settle, mark and
 * route is route.c, by tell_refusals, confirm and release refuse.c, by resume session.c, by hear
 * client_frames.c.
 *
 * One process chooses one event after another; every event is one step. So every interleaving of
 * clients, broker, the store's thread and faults is searched, and a trail reads as a list of events.
 *
 * A fault is one of: broker dies, the senders' worker dies, the recipients' worker dies, a recipient
 * dies or loses its connection, a sender does, a recipient's session is asked to resume although
 * nothing died (it left out an id). FAULTS of them happen at any time, also while the last is repaired.
 *
 * What a dead worker or broker takes along: of the way up, the oldest frames (it had read them), any
 * number; of the way down, everything. That is enough: a client takes frames whatever the broker does,
 * so one that survives in the kernel might as well have been taken just before the death.
 *
 * Not here: a full disk, expiry, several devices of a name, several sessions of a sender.
 *
 * Each rule below can be switched off with -DBREAK=n; tests/model/run --mutants proves that it matters.
 */
#ifndef TO
#define TO 0
#endif
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef THIRD
#define THIRD 1 /* 0: sender 1 says nothing */
#endif
#ifndef REFUSALS
#define REFUSALS 1 /* messages that the broker may refuse */
#endif

#ifndef BREAK
#define BREAK 0
#endif
#define CAREFUL_MARK  (BREAK != 1)  /* route_mark(): nothing in memory is called durable */
#define COMMIT_FIRST  (BREAK != 2)  /* a recipient commits, then acknowledges */
#define INCARNATION   (BREAK != 3)  /* a new broker numbers anew */
#define PREFIX        (BREAK != 4)  /* what is in memory goes to the disk before what is new */
#define DEDUPE        (BREAK != 5)  /* a recipient drops what it has heard */
#define DEAFNESS      (BREAK != 6)  /* between RESYNC and RESUME nothing is listened to, … */
#define PATIENCE      (BREAK != 7)  /* accepted: acknowledged or durable, not just taken */
#define CONTIGUITY    (BREAK != 6)  /* … and an id left out leads to RESYNC: either is enough here */
#define RISING_SEQ    (BREAK != 9)  /* within an incarnation the stream's numbers only rise */
#define WAIT_FOR_ROW  (BREAK != 10) /* an acknowledged entry waits until its row is known */
#define LOAD_PAUSE    (BREAK != 11) /* nothing is loaded while something is on the way to the disk */
#define STALE_LOADS   (BREAK != 12) /* what was loaded for a receiver that left is dropped */
#define NEXT_ID       (BREAK != 13) /* RESUME raises the mark of ids taken */
#define LATE_PUTS     (BREAK != 14) /* nor while one is that was acknowledged before its receiver left */
#define HOLD_BEHIND_REFUSAL (BREAK != 15) /* nothing behind a refusal is taken until it is confirmed */
#define STALE_ACKS    (BREAK != 16) /* an acknowledgement of another incarnation is ignored */
#define REMEMBER      (BREAK != 17) /* a refusal is said again until it is confirmed */
#define CONFIRM_LATE  (BREAK != 18) /* a client confirms a refusal after its commit, not before */
#define TOKENS        (BREAK != 19) /* a RESUME that answers an earlier RESYNC is ignored */

#define WINDOW 2
#define ROWS   8
#define QUEUE  9
#define UP     7
#define DOWN   8

#define SENDER(g)   ((g) == 2)
#define ID(g)       ((g) == 2 -> 1 : (g) + 1)
#define MSG(s, id)  ((s) * 2 + (id) - 1)
#define COUNT(s)    ((s) == 0 -> 2 : THIRD)
#define DEST(g)     ((TO >> (g)) & 1)

/* --- what lasts --- */

byte next_id[2] = 1;  /* sender: lowest id in the outbox */
byte fate[3];         /* sender: what it was told */
byte heard[4];        /* recipient * 2 + sender: highest id */
byte place_inc[2], place_seq[2];
bit shown[3];

byte inc = 1;         /* store */
byte rows[2], acked[2], last_id[2];
byte row_of[2 * ROWS];

#define WAITING  0
#define ACCEPTED 1
#define REFUSED  2

/* --- what travels --- */

/* SEND: the id. ACK: SETTLED + the highest id settled. RESUME: RESUME + 4 * token + next_id. */
chan up_s[2] = [UP] of { byte };
#define SETTLED 16
#define RESUME  32
/* ACCEPTED: the id. REJECTED: 16 + id. RESYNC: RESYNC + token. */
chan down_s[2] = [DOWN] of { byte };
/* ACK: 0, inc * 32 + seq. RESUME: its token, the same. */
chan up_r[2] = [UP] of { byte, byte };
/* DELIVER: message, inc * 32 + seq. RESYNC: RESYNC, token. */
chan down_r[2] = [DOWN] of { byte, byte };
#define RESYNC 64

/* --- clients' memory --- */

bit loose[2] = 1;     /* the stream may start anywhere */
bit ack_due[2];
byte uncommitted[2];  /* message + 1: only where the commit comes late */
byte unwritten[2];    /* sender: a refused id + 1, the same */

/* --- the broker's memory --- */

#define GONE      0 /* a session: the broker does not know it, */
#define RESYNCING 1 /* has said RESYNC and awaits RESUME, */
#define READY     2
byte ses_s[2] = READY, ses_r[2] = READY;
byte token_s[2], token_r[2]; /* of the last RESYNC; a new broker goes on above */

byte taken[2];
byte first[2] = 1;    /* lowest unsettled id; taken + 1: none */
byte state[3];        /* of what is unsettled */
#define PENDING 1
#define SAFE    2     /* acknowledged or durable */
#define REFUSE  3
bit memory[3];        /* not on the way to the disk */
bit refusal[3];       /* refused, and the client has not confirmed that it knows */
byte held[2];         /* how many ids above taken wait until it has */
#define OWES(s) (refusal[(s) * 2] || ((s) == 0 && refusal[1]))

byte n[2], seq[2], acked_seq[2], row[2], acked_row[2], waiting[2];
bit loading[2];
byte e_msg[2 * WINDOW], e_state[2 * WINDOW], e_row[2 * WINDOW];
#define MEMORY  1
#define STORING 2
#define STORED  3

/*
 * Requests to the store. One is committed with its completion, or when the broker dies (any number of
 * them): when in between makes no difference to anybody.
 */
byte n_req, n_work; /* n_work: puts and loads among them; acks complete without a word */
byte q_kind[QUEUE], q_a[QUEUE], q_b[QUEUE], q_c[QUEUE];
#define PUT    1 /* a message, b mark, then row, c LINKED, LATE */
#define LOAD   2 /* a recipient, b after which row, c how many, STALE */
#define ACK    3 /* a recipient, b row */
#define LINKED 1 /* an entry waits for it */
#define LATE   2 /* acknowledged when its receiver left */
#define STALE  8

byte faults = FAULTS, refusals = REFUSALS;

hidden byte f, g, i, j, k, r_, x, y, top, kind_, a_, b_, c_;
hidden byte again; /* something that was settled came once more */

/* --- telling senders --- */

/* A session that was asked for its place hears nothing until it has told it. */
inline tell(s, what)
{
    if :: ses_s[s] == READY -> down_s[s] ! what :: else fi
}

inline settle(s)
{
    k = 0;
    do
    :: first[s] <= taken[s] && state[MSG(s, first[s])] != PENDING ->
        if
        :: state[MSG(s, first[s])] == REFUSE ->
            if :: k -> tell(s, k); k = 0 :: else fi;
            tell(s, 16 + first[s]);
            if :: !REMEMBER -> refusal[MSG(s, first[s])] = 0 :: else fi
        :: else -> k = first[s]
        fi;
        state[MSG(s, first[s])] = 0;
        first[s]++
    :: else -> break
    od;
    if :: again && first[s] > 1 -> k = first[s] - 1 :: else fi;
    again = 0;
    if :: k -> tell(s, k); k = 0 :: else fi
}

inline decide(g_)
{
    if :: state[g_] == PENDING -> state[g_] = SAFE :: else fi
}

/* --- the inbox --- */

#define N_STORED(r)  ((e_state[(r) * 2] >= STORING) + (e_state[(r) * 2 + 1] >= STORING))
#define N_STORING(r) ((e_state[(r) * 2] == STORING) + (e_state[(r) * 2 + 1] == STORING))
#define ANY_MEMORY(r) (e_state[(r) * 2] == MEMORY || e_state[(r) * 2 + 1] == MEMORY)
#define IN_MEMORY(s) ((s) == 0 -> memory[0] + memory[1] : memory[2])

inline ask(kind_, a_, b_, c_)
{
    assert(n_req < QUEUE);
    q_kind[n_req] = kind_; q_a[n_req] = a_; q_b[n_req] = b_; q_c[n_req] = c_;
    n_req++;
    n_work = n_work + (kind_ != ACK)
}

/* What the sender's durable mark becomes with this put: in x. */
inline mark(g_)
{
    x = (!CAREFUL_MARK || IN_MEMORY(SENDER(g_)) == 0 -> ID(g_) : first[SENDER(g_)] - 1)
}

inline put(r, g_, link_)
{
    memory[g_] = 0;
    mark(g_);
    waiting[r]++;
    ask(PUT, g_, x, link_)
}

inline spill(r)
{
    for (j : 0 .. WINDOW - 1) {
        if
        :: e_state[r * 2 + j] == MEMORY -> e_state[r * 2 + j] = STORING; put(r, e_msg[r * 2 + j], LINKED)
        :: else
        fi
    }
}

inline append(r, g_, state_, row_)
{
    assert(n[r] < WINDOW);
    e_msg[r * 2 + n[r]] = g_; e_state[r * 2 + n[r]] = state_; e_row[r * 2 + n[r]] = row_;
    n[r]++;
    seq[r]++;
    assert(seq[r] < 32);
    down_r[r] ! g_, inc * 32 + seq[r]
}

/* Puts that were acknowledged when their receiver left would come back from the disk: in y. */
inline late(r)
{
    y = 0;
    for (x : 1 .. n_req) {
        if
        :: LATE_PUTS && q_kind[x - 1] == PUT && DEST(q_a[x - 1]) == r && (q_c[x - 1] & LATE) -> y = 1
        :: else
        fi
    }
}

inline load_more(r)
{
    late(r);
    if
    :: ses_r[r] == READY && !loading[r] && waiting[r] > N_STORED(r) && n[r] <= WINDOW / 2 && !y &&
       (!LOAD_PAUSE || N_STORING(r) == 0) ->
        ask(LOAD, r, row[r], WINDOW - n[r]); loading[r] = 1
    :: else
    fi
}

inline push(r, g_)
{
    if
    :: ses_r[r] == READY && !loading[r] && waiting[r] == N_STORED(r) && n[r] < WINDOW ->
        append(r, g_, MEMORY, 0)
    :: else ->
        if :: PREFIX -> spill(r) :: else fi;
        put(r, g_, 0)
    fi
}

inline drop_first(r)
{
    e_msg[r * 2] = e_msg[r * 2 + 1]; e_state[r * 2] = e_state[r * 2 + 1]; e_row[r * 2] = e_row[r * 2 + 1];
    e_msg[r * 2 + 1] = 0; e_state[r * 2 + 1] = 0; e_row[r * 2 + 1] = 0;
    n[r]--
}

inline count_down(r)
{
    assert(waiting[r] > 0 || !LATE_PUTS); /* what waits is counted right */
    waiting[r]--
}

inline pop_acked(r)
{
    top = 0;
    do
    :: n[r] > 0 && seq[r] + 1 - n[r] <= acked_seq[r] && (!WAIT_FOR_ROW || e_state[r * 2] != STORING) ->
        assert(shown[e_msg[r * 2]]); /* no acknowledgement drops an unseen message */
        if
        :: e_state[r * 2] == MEMORY -> memory[e_msg[r * 2]] = 0; decide(e_msg[r * 2])
        :: else -> count_down(r); top = e_row[r * 2]
        fi;
        drop_first(r)
    :: else -> break
    od;
    if :: top -> acked_row[r] = top; ask(ACK, r, top, 0) :: else fi
}

inline inbox_ack(r, inc_, seq_)
{
    if
    :: (inc_ == inc || !STALE_ACKS) && seq_ <= seq[r] && seq_ > acked_seq[r] ->
        acked_seq[r] = seq_;
        pop_acked(r);
        load_more(r)
    :: else
    fi
}

inline forget_loads(r)
{
    loading[r] = 0;
    for (x : 1 .. n_req) {
        if
        :: STALE_LOADS && q_kind[x - 1] == LOAD && q_a[x - 1] == r -> q_c[x - 1] = q_c[x - 1] | STALE
        :: else
        fi
    }
}

/* The entry's put, the oldest that has one, goes on alone. */
inline unlink_put(r, late_)
{
    x = 0;
    do
    :: q_kind[x] == PUT && DEST(q_a[x]) == r && q_c[x] == LINKED -> q_c[x] = late_; break
    :: else -> x++
    od
}

inline detach(r)
{
    do
    :: n[r] > 0 ->
        y = (seq[r] + 1 - n[r] <= acked_seq[r]);
        g = e_msg[r * 2];
        if
        :: e_state[r * 2] == STORING -> unlink_put(r, y * LATE)
        :: e_state[r * 2] == MEMORY && y -> assert(shown[g]); memory[g] = 0; decide(g)
        :: e_state[r * 2] == MEMORY && !y -> put(r, g, 0)
        :: else
        fi;
        drop_first(r)
    :: else -> break
    od;
    ses_r[r] = GONE;
    forget_loads(r);
    if :: !RISING_SEQ -> seq[r] = 0; acked_seq[r] = 0 :: else fi;
    row[r] = acked_row[r]
}

inline resend(r, inc_, seq_)
{
    ses_r[r] = READY;
    inbox_ack(r, inc_, seq_);
    for (i : 1 .. n[r]) {
        down_r[r] ! e_msg[r * 2 + i - 1], inc * 32 + seq[r] - n[r] + i
    }
    load_more(r)
}

/* --- refusals --- */

inline confirm(s, next_)
{
    for (i : 1 .. COUNT(s)) {
        if :: i < next_ -> refusal[MSG(s, i)] = 0 :: else fi
    }
}

/* Those that were told before, to a session that may have missed it. */
inline tell_refusals(s, next_)
{
    x = next_ - 1;
    for (i : next_ .. first[s] - 1) {
        if
        :: refusal[MSG(s, i)] ->
            if :: i - 1 > x -> tell(s, i - 1) :: else fi;
            tell(s, 16 + i);
            x = i
        :: else
        fi
    }
}

/* --- taking --- */

inline resume_sender(s, next_)
{
    ses_s[s] = READY;
    if
    :: NEXT_ID && next_ - 1 > taken[s] ->
        assert(first[s] == taken[s] + 1 && held[s] == 0);
        taken[s] = next_ - 1;
        first[s] = next_
    :: else
    fi;
    confirm(s, next_);
    tell_refusals(s, next_)
}

inline take(s, id, refuse)
{
    taken[s] = id;
    g = MSG(s, id);
    if
    :: refuse ->
        state[g] = REFUSE;
        refusal[g] = 1;
        refusals--
    :: else ->
        state[g] = (PATIENCE -> PENDING : SAFE);
        memory[g] = 1;
        push(DEST(g), g)
    fi
}

inline route(s, id, refuse)
{
    if
    :: id <= taken[s] + held[s] -> again = (id < first[s])
    :: CONTIGUITY && id > taken[s] + held[s] + 1 ->
        assert(false); /* one session alone leaves no id out */
        resync_sender(s)
    :: else ->
        if
        :: held[s] == 0 && (refuse || !HOLD_BEHIND_REFUSAL || !OWES(s)) -> take(s, id, refuse)
        :: else -> held[s]++
        fi
    fi
}

/* The first that waits is judged. */
#define MAY_RELEASE(s, refuse) (held[s] && ((refuse) || !OWES(s)))
inline release(s, refuse)
{
    held[s]--;
    f = taken[s] + 1;
    take(s, f, refuse)
}

inline resync_sender(s)
{
    ses_s[s] = RESYNCING;
    token_s[s]++;
    assert(token_s[s] < 8);
    down_s[s] ! RESYNC + token_s[s]
}

inline resync_recipient(r)
{
    ses_r[r] = RESYNCING;
    token_r[r]++;
    down_r[r] ! RESYNC, token_r[r]
}

inline from_sender(s, refuse)
{
    up_s[s] ? f;
    if
    :: f >= RESUME ->
        if
        :: TOKENS && (ses_s[s] != RESYNCING || (f - RESUME) / 4 != token_s[s]) -> skip
        :: else ->
            assert(!(down_s[s] ?? [eval(RESYNC + token_s[s])])); /* whoever answers has heard the question */
            resume_sender(s, (f & 3))
        fi
    :: DEAFNESS && f < RESUME && ses_s[s] == RESYNCING -> skip
    :: (!DEAFNESS || ses_s[s] != RESYNCING) && f >= SETTLED && f < RESUME -> confirm(s, f - SETTLED + 1)
    :: else -> route(s, f, refuse)
    fi
}

inline from_recipient(r)
{
    up_r[r] ? g, f;
    if
    :: g ->
        if
        :: TOKENS && (ses_r[r] != RESYNCING || g != token_r[r]) -> skip
        :: else ->
            assert(!(down_r[r] ?? [RESYNC, eval(token_r[r])]));
            resend(r, ((f >> 5) & 3), (f & 31))
        fi
    :: DEAFNESS && !g && ses_r[r] == RESYNCING
    :: else -> inbox_ack(r, (f >> 5), (f & 31))
    fi
}

/* --- the store --- */

/* The oldest request becomes durable. */
inline commit()
{
    kind_ = q_kind[0]; a_ = q_a[0]; b_ = q_b[0]; c_ = q_c[0];
    for (i : 1 .. n_req - 1) {
        q_kind[i - 1] = q_kind[i]; q_a[i - 1] = q_a[i]; q_b[i - 1] = q_b[i]; q_c[i - 1] = q_c[i]
    }
    n_req--;
    n_work = n_work - (kind_ != ACK);
    q_kind[n_req] = 0; q_a[n_req] = 0; q_b[n_req] = 0; q_c[n_req] = 0;
    if
    :: kind_ == PUT ->
        r_ = DEST(a_);
        rows[r_]++;
        assert(rows[r_] <= ROWS);
        row_of[r_ * ROWS + rows[r_] - 1] = a_;
        if :: b_ > last_id[SENDER(a_)] -> last_id[SENDER(a_)] = b_ :: else fi;
        b_ = rows[r_]
    :: kind_ == LOAD ->
        if :: b_ < acked[a_] -> b_ = acked[a_] :: else fi;
        x = rows[a_] - b_;
        if :: x < (c_ & 7) -> c_ = (c_ & STALE) | x :: else fi
    :: else ->
        for (x : 1 .. b_) { assert(shown[row_of[a_ * ROWS + x - 1]]) }
        if :: b_ > acked[a_] -> acked[a_] = b_ :: else fi
    fi
}

inline stored_well(r, g_, row_, how)
{
    decide(g_);
    if
    :: how == LINKED ->
        x = 0;
        do :: e_state[r * 2 + x] == STORING -> break :: else -> x++ od;
        e_state[r * 2 + x] = STORED;
        e_row[r * 2 + x] = row_;
        row[r] = row_;
        pop_acked(r)
    :: how == LATE ->
        count_down(r);
        acked_row[r] = row_;
        ask(ACK, r, row_, 0)
    :: else
    fi;
    load_more(r)
}

inline loaded(r, after, rows_)
{
    loading[r] = 0;
    for (i : 1 .. rows_) {
        row[r] = after + i;
        append(r, row_of[r * ROWS + after + i - 1], STORED, after + i)
    }
    if
    :: rows_ == 0 ->
        assert(!LATE_PUTS); /* what is counted is there */
        waiting[r] = N_STORED(r)
    :: else -> load_more(r)
    fi
}

inline complete()
{
    do :: q_kind[0] == ACK -> commit() :: else -> break od;
    commit();
    if
    :: kind_ == PUT -> stored_well(DEST(a_), a_, b_, c_)
    :: kind_ == LOAD && !(c_ & STALE) -> loaded(a_, b_, c_)
    :: else
    fi
}

/* --- the clients --- */

inline told(s, id, what)
{
    fate[MSG(s, id)] = what;
    if
    :: what == ACCEPTED -> /* it was seen, or is durable in its recipient's queue */
        g = MSG(s, id);
        y = shown[g];
        for (x : acked[DEST(g)] + 1 .. rows[DEST(g)]) {
            if :: row_of[DEST(g) * ROWS + x - 1] == g -> y = 1 :: else fi
        }
        assert(y)
    :: else
    fi
}

/* At once: a frame may wait in the kernel for any time, and be lost there or not. */
inline send_all(s)
{
    for (i : next_id[s] .. COUNT(s)) { up_s[s] ! i }
}

inline refused(s, id)
{
    assert(id == next_id[s]);
    told(s, id, REFUSED);
    next_id[s]++
}

inline hear_sender(s)
{
    down_s[s] ? f;
    if
    :: f >= RESYNC -> up_s[s] ! RESUME + 4 * (f - RESYNC) + next_id[s]; send_all(s)
    :: f < RESYNC && f >= 16 ->
        if
        :: f - 16 >= next_id[s] && !CONFIRM_LATE -> unwritten[s] = f - 16 + 1; up_s[s] ! SETTLED + f - 16
        :: f - 16 >= next_id[s] && CONFIRM_LATE -> refused(s, f - 16); up_s[s] ! SETTLED + next_id[s] - 1
        :: else -> up_s[s] ! SETTLED + next_id[s] - 1
        fi
    :: else ->
        do
        :: next_id[s] <= f -> told(s, next_id[s], ACCEPTED); next_id[s]++
        :: else -> break
        od
    fi
}

inline see(r, g_)
{
    if
    :: DEDUPE && ID(g_) <= heard[r * 2 + SENDER(g_)]
    :: else ->
        assert(!shown[g_]); /* nothing twice */
        /* in the sender's order: what it said before to the same one was seen, or it knows that it was refused */
        assert(g_ != 1 || DEST(0) != DEST(1) || shown[0] || fate[0] == REFUSED);
        shown[g_] = 1;
        heard[r * 2 + SENDER(g_)] = ID(g_)
    fi
}

inline say_ack(r)
{
    up_r[r] ! 0, place_inc[r] * 32 + place_seq[r];
    ack_due[r] = 0
}

inline hear_recipient(r, batch)
{
    down_r[r] ? g, f;
    if
    :: g == RESYNC ->
        if :: ack_due[r] -> say_ack(r) :: else fi;
        loose[r] = 1;
        up_r[r] ! f, place_inc[r] * 32 + place_seq[r]
    :: else ->
        assert(loose[r] || (f >> 5) != place_inc[r] || (f & 31) <= place_seq[r] + 1); /* no gap */
        loose[r] = 0;
        if
        :: (f >> 5) != place_inc[r] || (f & 31) > place_seq[r] ->
            place_inc[r] = f >> 5; place_seq[r] = f & 31
        :: else
        fi;
        if
        :: COMMIT_FIRST ->
            see(r, g);
            ack_due[r] = 1;
            if :: batch && nempty(down_r[r]) -> skip :: !batch || empty(down_r[r]) -> say_ack(r) fi
        :: else -> say_ack(r); uncommitted[r] = g + 1
        fi
    fi
}

/* --- faults --- */

/* What a process had read on its way up is gone. */
inline lose_up_s(s)
{
    do :: nempty(up_s[s]) -> up_s[s] ? _ :: break od
}

inline lose_up_r(r)
{
    do :: nempty(up_r[r]) -> up_r[r] ? _, _ :: break od
}

inline empty_s(s)
{
    do :: nempty(up_s[s]) -> up_s[s] ? _ :: empty(up_s[s]) -> break od;
    do :: nempty(down_s[s]) -> down_s[s] ? _ :: empty(down_s[s]) -> break od
}

inline empty_r(r)
{
    do :: nempty(up_r[r]) -> up_r[r] ? _, _ :: empty(up_r[r]) -> break od;
    do :: nempty(down_r[r]) -> down_r[r] ? _, _ :: empty(down_r[r]) -> break od
}

inline lose_down()
{
    for (i : 0 .. 1) {
        do :: nempty(down_s[i]) -> down_s[i] ? _ :: empty(down_s[i]) -> break od;
        do :: nempty(down_r[i]) -> down_r[i] ? _, _ :: empty(down_r[i]) -> break od
    }
}

inline broker_dies()
{
    lose_down();
    do
    :: n_req > 0 ->
        n_req--;
        q_kind[n_req] = 0; q_a[n_req] = 0; q_b[n_req] = 0; q_c[n_req] = 0
    :: else -> break
    od;
    n_work = 0;
    inc = inc + INCARNATION;
    for (i : 0 .. 1) {
        resync_sender(i);
        ses_r[i] = GONE;
        held[i] = 0;
        taken[i] = last_id[i]; first[i] = last_id[i] + 1;
        n[i] = 0; seq[i] = 0; acked_seq[i] = 0; loading[i] = 0;
        row[i] = acked[i]; acked_row[i] = acked[i]; waiting[i] = rows[i] - acked[i]
    }
    for (i : 0 .. 2) { state[i] = 0; memory[i] = 0; refusal[i] = 0 }
    for (i : 0 .. 3) { e_msg[i] = 0; e_state[i] = 0; e_row[i] = 0 }
}

inline senders_worker_dies()
{
    for (i : 0 .. 1) {
        do :: nempty(down_s[i]) -> down_s[i] ? _ :: empty(down_s[i]) -> break od;
        held[i] = 0;
        resync_sender(i)
    }
}

inline recipients_worker_dies()
{
    for (i : 0 .. 1) {
        do :: nempty(down_r[i]) -> down_r[i] ? _, _ :: empty(down_r[i]) -> break od
    }
    detach(0);
    detach(1);
    settle_all()
}

inline settle_all()
{
    settle(0);
    settle(1)
}

/* It comes back at once; the newer session ends the older one. That it was dead for a while is the
   same as that it was slow before. */
inline sender_dies(s, at_once)
{
    empty_s(s);
    unwritten[s] = 0;
    if :: !at_once -> held[s] = 0 :: else fi; /* the older session had ended when the newer one came */
    resume_sender(s, next_id[s]);
    send_all(s)
}

inline recipient_dies(r)
{
    empty_r(r);
    ack_due[r] = 0;
    uncommitted[r] = 0;
    loose[r] = 1;
    detach(r)
}

inline hold(r)
{
    forget_loads(r);
    resync_recipient(r)
}

/* --- everything --- */

#define ROOM_FRAMES (len(down_s[0]) <= DOWN - 5 && len(down_s[1]) <= DOWN - 5 && \
                   len(down_r[0]) <= DOWN - 4 && len(down_r[1]) <= DOWN - 4)
#define ROOM_DOWN (ROOM_FRAMES && n_req <= QUEUE - 4)
#define NEW_SEND(s) (ses_s[s] == READY && held[s] == 0 && up_s[s] ? [eval(taken[s] + 1)])
#define TWO (TO != 0) /* recipients that have something to do */

#define QUIET (n_work == 0 && ses_s[0] == READY && ses_s[1] == READY && ses_r[0] == READY && \
               (!TWO || ses_r[1] == READY) && \
               empty(up_s[0]) && empty(up_s[1]) && empty(down_s[0]) && empty(down_s[1]) && \
               empty(up_r[0]) && empty(up_r[1]) && empty(down_r[0]) && empty(down_r[1]) && \
               !uncommitted[0] && !uncommitted[1] && !unwritten[0] && !unwritten[1] && !held[0] && !held[1] && !ANY_MEMORY(0) && !ANY_MEMORY(1))

#define DONE(g) (((g) == 2 && !THIRD) || (fate[g] == ACCEPTED && shown[g]) || fate[g] == REFUSED)

active proctype system()
{
    d_step { send_all(0); send_all(1); skip };
    do
    /* clients */
    :: d_step { nempty(down_s[0]) && !unwritten[0] && len(up_s[0]) <= UP - 3 -> hear_sender(0); skip }
    :: d_step { nempty(down_s[1]) && !unwritten[1] && len(up_s[1]) <= UP - 3 -> hear_sender(1); skip }
    :: d_step { nempty(down_r[0]) && len(up_r[0]) <= UP - 2 -> hear_recipient(0, 0); skip }
    :: d_step { TWO && nempty(down_r[1]) && len(up_r[1]) <= UP - 2 -> hear_recipient(1, 0); skip }
    :: d_step { len(down_r[0]) > 1 && len(up_r[0]) <= UP - 2 -> hear_recipient(0, 1); skip }
    :: d_step { TWO && len(down_r[1]) > 1 && len(up_r[1]) <= UP - 2 -> hear_recipient(1, 1); skip }
    :: d_step { unwritten[0] -> refused(0, unwritten[0] - 1); unwritten[0] = 0; skip }
    :: d_step { unwritten[1] -> refused(1, unwritten[1] - 1); unwritten[1] = 0; skip }
    :: d_step { uncommitted[0] -> see(0, uncommitted[0] - 1); uncommitted[0] = 0; skip }
    :: d_step { uncommitted[1] -> see(1, uncommitted[1] - 1); uncommitted[1] = 0; skip }
    /* the broker */
    :: d_step { nempty(up_s[0]) && ROOM_DOWN -> from_sender(0, 0); settle(0); skip }
    :: d_step { nempty(up_s[1]) && ROOM_DOWN -> from_sender(1, 0); settle(1); skip }
    :: d_step { NEW_SEND(0) && refusals && ROOM_DOWN -> from_sender(0, 1); settle(0); skip }
    :: d_step { NEW_SEND(1) && refusals && ROOM_DOWN -> from_sender(1, 1); settle(1); skip }
    :: d_step { MAY_RELEASE(0, 0) && ROOM_DOWN -> release(0, 0); settle(0); skip }
    :: d_step { MAY_RELEASE(0, 1) && refusals && ROOM_DOWN -> release(0, 1); settle(0); skip }
    :: d_step { ses_r[0] != GONE && nempty(up_r[0]) && ROOM_DOWN -> from_recipient(0); settle_all(); skip }
    :: d_step { TWO && ses_r[1] != GONE && nempty(up_r[1]) && ROOM_DOWN -> from_recipient(1); settle_all(); skip }
    :: d_step { ANY_MEMORY(0) && ROOM_DOWN -> spill(0); skip }
    :: d_step { TWO && ANY_MEMORY(1) && ROOM_DOWN -> spill(1); skip }
    :: d_step { ses_r[0] == GONE && ROOM_DOWN -> resync_recipient(0); skip }
    :: d_step { TWO && ses_r[1] == GONE && ROOM_DOWN -> resync_recipient(1); skip }
    /* the store */
    :: d_step { n_work && ROOM_FRAMES -> complete(); settle_all(); skip }
    /* faults */
    :: atomic { faults && ROOM_DOWN -> faults--;
        do :: n_req > 0 -> d_step { commit(); skip } :: break od;
        skip;
        d_step { broker_dies(); skip };
        lose_up_s(0); lose_up_s(1); lose_up_r(0); lose_up_r(1) }
    :: atomic { faults && ROOM_DOWN -> faults--;
        d_step { senders_worker_dies(); skip };
        lose_up_s(0); lose_up_s(1) }
    :: atomic { faults && ROOM_DOWN -> faults--;
        d_step { recipients_worker_dies(); skip };
        lose_up_r(0); lose_up_r(1) }
    :: d_step { faults && ROOM_DOWN -> faults--; sender_dies(0, 0); skip }
    :: d_step { faults && held[0] && ROOM_DOWN -> faults--; sender_dies(0, 1); skip }
    :: d_step { faults && ROOM_DOWN -> faults--; sender_dies(1, 0); skip }
    :: d_step { faults && ROOM_DOWN -> faults--; recipient_dies(0); settle_all(); skip }
    :: d_step { TWO && faults && ROOM_DOWN -> faults--; recipient_dies(1); settle_all(); skip }
    :: d_step { faults && ROOM_DOWN -> faults--; recipient_dies(0); resend(0, place_inc[0], place_seq[0]); settle_all(); skip }
    :: d_step { TWO && faults && ROOM_DOWN -> faults--; recipient_dies(1); resend(1, place_inc[1], place_seq[1]); settle_all(); skip }
    :: d_step { faults && ses_r[0] == READY && ROOM_DOWN -> faults--; hold(0); skip }
    :: d_step { TWO && faults && ses_r[1] == READY && ROOM_DOWN -> faults--; hold(1); skip }
    /* nothing is under way: everything is where it belongs */
    :: atomic { QUIET -> assert(DONE(0) && DONE(1) && DONE(2)); break }
    od
}
