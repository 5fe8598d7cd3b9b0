/*
 * rooms.pml - a room: one order for everybody, also across the death of whoever is between.
 *
 * Three messages. Sender 0 has ids 1 and 2: the first is a direct message that somebody present has
 * not acknowledged, so it is in memory only and keeps the durable mark low; the second is for the room.
 * Sender 1 has one for the room. Two members. Form, names and faults are those of delivery.pml; the room's part is
 * room.c. What becomes of the direct message is delivery.pml's matter: here it is acknowledged some
 * time, or lost with the broker.
 *
 * Not here: trimming, the backlog of newcomers, joining and leaving, refusals.
 */
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef BREAK
#define BREAK 0
#endif
#define COMMIT_FIRST (BREAK != 1) /* a number is durable before anybody sees the message */
#define ROOM_DEDUPE  (BREAK != 2) /* what has a number gets no second one: last_room_id */
#define CAREFUL_MARK (BREAK != 3) /* nothing in memory is called durable */
#define SEEN_DEDUPE  (BREAK != 4) /* a member drops numbers that it has seen */
#define STALE_LOADS  (BREAK != 5) /* what was loaded before RESYNC is dropped; two room messages do not need it */
#define ALL_BEFORE   (BREAK != 6) /* live is who has everything */

#define WINDOW 1
#define ROWS   4
#define QUEUE  6
#define UP     7
#define DOWN   6

#define SENDER(g)  ((g) == 2)
#define ID(g)      ((g) == 2 -> 1 : (g) + 1)
#define MSG(s, id) ((s) * 2 + (id) - 1)
#define COUNT(s)   (2 - (s))

/* --- what lasts --- */
byte next_id[2] = 1;          /* senders */
byte seen[2];                 /* members: highest number */
bit shown[6];                 /* member * 3 + message */
byte order[ROWS];             /* number - 1: message + 1, as the first member that saw it saw it */
byte rows, row_of[ROWS];      /* store */
byte last_id[2], last_room[2];
bit direct_seen;

/* --- what travels --- */
#define RESYNC 99
chan up_s[2] = [UP] of { byte };         /* SEND: id. RESUME: 16 + next_id */
chan down_s[2] = [DOWN] of { byte };     /* ACCEPTED: id */
chan up_r[2] = [UP] of { byte };         /* ACK: number. RESUME: 16 + number */
chan down_r[2] = [DOWN] of { byte, byte }; /* DELIVER: message, number */

/* --- the broker's memory --- */
#define GONE      0
#define RESYNCING 1
#define READY     2
byte ses_s[2] = READY, ses_r[2] = READY;
byte taken[2], first[2] = 1, state[3], room_id[2];
#define PENDING 1
#define SAFE    2
bit memory;                   /* the direct message is in memory */
byte head;
bit live[2] = 1, loading[2];
byte lobby_sent[2], lobby_acked[2];
byte n_req, q_kind[QUEUE], q_a[QUEUE], q_b[QUEUE], q_c[QUEUE];
#define PUT   1 /* a message, b mark; then number */
#define LOAD  2 /* a member, b after, c how many, STALE */
#define STALE 8

byte faults = FAULTS;
hidden byte f, g, i, k, x, kind_, a_, b_, c_;

/* --- senders --- */

inline settle(s)
{
    k = 0;
    do
    :: first[s] <= taken[s] && state[MSG(s, first[s])] == SAFE ->
        k = first[s]; state[MSG(s, k)] = 0; first[s]++
    :: else -> break
    od;
    if :: k -> down_s[s] ! k :: else fi
}

inline ask(kind1, a1, b1, c1)
{
    assert(n_req < QUEUE);
    q_kind[n_req] = kind1; q_a[n_req] = a1; q_b[n_req] = b1; q_c[n_req] = c1;
    n_req++
}

inline send_all(s)
{
    for (i : next_id[s] .. COUNT(s)) { up_s[s] ! i }
}

inline hear_sender(s)
{
    down_s[s] ? f;
    if
    :: f == RESYNC -> up_s[s] ! 16 + next_id[s]; send_all(s)
    :: else ->
        do
        :: next_id[s] <= f ->
            /* accepted: it was seen, or has a durable number */
            x = (MSG(s, next_id[s]) == 0 && direct_seen);
            for (i : 1 .. rows) { if :: row_of[i - 1] == MSG(s, next_id[s]) -> x = 1 :: else fi }
            assert(x);
            next_id[s]++
        :: else -> break
        od
    fi
}

/* --- the room --- */

#define ALIVE(r) (lobby_sent[r] >= head || !ALL_BEFORE)

inline catch_up(r)
{
    if
    :: ses_r[r] != READY || live[r] || loading[r] -> skip
    :: ses_r[r] == READY && !live[r] && !loading[r] && ALIVE(r) ->
        lobby_sent[r] = head;
        if :: lobby_sent[r] - lobby_acked[r] <= WINDOW -> live[r] = 1 :: else fi
    :: ses_r[r] == READY && !live[r] && !loading[r] && !ALIVE(r) ->
        if
        :: lobby_sent[r] - lobby_acked[r] < WINDOW ->
            loading[r] = 1;
            ask(LOAD, r, lobby_sent[r], WINDOW - (lobby_sent[r] - lobby_acked[r]))
        :: else
        fi
    fi
}

inline leave_live(r)
{
    if :: live[r] -> live[r] = 0; lobby_sent[r] = head :: else fi
}

inline hold(r)
{
    leave_live(r);
    loading[r] = 0;
    for (x : 1 .. n_req) {
        if
        :: STALE_LOADS && q_kind[x - 1] == LOAD && q_a[x - 1] == r -> q_c[x - 1] = q_c[x - 1] | STALE
        :: else
        fi
    }
}

inline resume_member(r, number)
{
    ses_r[r] = READY;
    hold(r);
    lobby_sent[r] = (number < head -> number : head);
    lobby_acked[r] = lobby_sent[r];
    catch_up(r)
}

inline fan_out(g_, number)
{
    for (i : 0 .. 1) {
        if :: live[i] && number - lobby_acked[i] > WINDOW -> leave_live(i) :: else fi
    }
    head = number;
    for (i : 0 .. 1) {
        if :: live[i] -> down_r[i] ! g_, number :: else fi
    }
    if :: ID(g_) > room_id[SENDER(g_)] -> room_id[SENDER(g_)] = ID(g_) :: else fi;
    if :: state[g_] == PENDING -> state[g_] = SAFE :: else fi
}

inline take(s, id)
{
    taken[s] = id;
    g = MSG(s, id);
    state[g] = PENDING;
    if
    :: g == 0 -> memory = 1
    :: g != 0 && ROOM_DEDUPE && id <= room_id[s] -> state[g] = SAFE
    :: else ->
        x = (CAREFUL_MARK && s == 0 && memory -> first[s] - 1 : id);
        ask(PUT, g, x, 0);
        if :: !COMMIT_FIRST -> fan_out(g, head + 1) :: else fi
    fi
}

inline from_sender(s)
{
    up_s[s] ? f;
    if
    :: f >= 16 ->
        ses_s[s] = READY;
        if
        :: f - 17 > taken[s] && f > 16 -> taken[s] = f - 17; first[s] = f - 16
        :: else
        fi
    :: f < 16 && ses_s[s] == RESYNCING -> skip
    :: f < 16 && ses_s[s] != RESYNCING ->
        if
        :: f <= taken[s] -> if :: f < first[s] -> down_s[s] ! first[s] - 1 :: else fi
        :: else -> assert(f == taken[s] + 1); take(s, f)
        fi
    fi
}

inline from_member(r)
{
    up_r[r] ? f;
    if
    :: f >= 16 -> resume_member(r, f - 16)
    :: f < 16 && ses_r[r] == RESYNCING -> skip
    :: else ->
        x = (live[r] -> head : lobby_sent[r]);
        if
        :: f <= x && f > lobby_acked[r] -> lobby_acked[r] = f; catch_up(r)
        :: else
        fi
    fi
}

/* --- the store --- */

inline commit()
{
    kind_ = q_kind[0]; a_ = q_a[0]; b_ = q_b[0]; c_ = q_c[0];
    for (i : 1 .. n_req - 1) {
        q_kind[i - 1] = q_kind[i]; q_a[i - 1] = q_a[i]; q_b[i - 1] = q_b[i]; q_c[i - 1] = q_c[i]
    }
    n_req--;
    q_kind[n_req] = 0; q_a[n_req] = 0; q_b[n_req] = 0; q_c[n_req] = 0;
    if
    :: kind_ == PUT ->
        assert(rows < ROWS);
        row_of[rows] = a_;
        rows++;
        if :: b_ > last_id[SENDER(a_)] -> last_id[SENDER(a_)] = b_ :: else fi;
        if :: ID(a_) > last_room[SENDER(a_)] -> last_room[SENDER(a_)] = ID(a_) :: else fi;
        b_ = rows
    :: else ->
        x = rows - b_;
        if :: x < (c_ & 7) -> c_ = (c_ & STALE) | x :: else fi
    fi
}

inline complete()
{
    commit();
    if
    :: kind_ == PUT -> if :: COMMIT_FIRST -> fan_out(a_, b_) :: else fi
    :: kind_ == LOAD && !(c_ & STALE) ->
        loading[a_] = 0;
        assert(c_ > 0); /* what is counted is there */
        for (i : 1 .. c_) { down_r[a_] ! row_of[b_ + i - 1], b_ + i }
        lobby_sent[a_] = b_ + c_;
        catch_up(a_)
    :: else
    fi
}

/* --- members --- */

inline hear_member(r)
{
    down_r[r] ? g, f;
    if
    :: g == RESYNC -> up_r[r] ! 16 + seen[r]
    :: g != RESYNC && SEEN_DEDUPE && f <= seen[r] -> up_r[r] ! seen[r]
    :: else ->
        assert(f == seen[r] + 1);  /* nothing missing */
        assert(!shown[r * 3 + g]); /* nothing twice */
        /* in the order of everybody */
        assert(order[f - 1] == 0 || order[f - 1] == g + 1);
        order[f - 1] = g + 1;
        shown[r * 3 + g] = 1;
        seen[r] = f;
        up_r[r] ! f
    fi
}

/* --- faults --- */

inline lose_up(c)
{
    do :: nempty(c) -> c ? _ :: break od
}

inline drop_s(c)
{
    do :: nempty(c) -> c ? _ :: empty(c) -> break od
}

inline drop_r(c)
{
    do :: nempty(c) -> c ? _, _ :: empty(c) -> break od
}

inline sender_lost(s)
{
    drop_s(down_s[s]);
    ses_s[s] = RESYNCING;
    down_s[s] ! RESYNC
}

inline member_lost(r)
{
    drop_r(down_r[r]);
    hold(r);
    live[r] = 0;
    ses_r[r] = GONE;
    lobby_sent[r] = 0; lobby_acked[r] = 0
}

inline broker_dies()
{
    do
    :: n_req > 0 -> n_req--; q_kind[n_req] = 0; q_a[n_req] = 0; q_b[n_req] = 0; q_c[n_req] = 0
    :: else -> break
    od;
    sender_lost(0); sender_lost(1); member_lost(0); member_lost(1);
    head = rows;
    memory = 0;
    for (i : 0 .. 1) { taken[i] = last_id[i]; first[i] = last_id[i] + 1; room_id[i] = last_room[i] }
    for (i : 0 .. 2) { state[i] = 0 }
}

inline sender_dies(s)
{
    drop_s(down_s[s]); drop_s(up_s[s]);
    ses_s[s] = READY;
    if
    :: next_id[s] - 1 > taken[s] -> taken[s] = next_id[s] - 1; first[s] = next_id[s]
    :: else
    fi;
    send_all(s)
}

/* --- everything --- */

#define ROOM_FRAMES (len(down_s[0]) <= DOWN - 2 && len(down_s[1]) <= DOWN - 2 && \
              len(down_r[0]) <= DOWN - 3 && len(down_r[1]) <= DOWN - 3)
#define ROOM (ROOM_FRAMES && n_req <= QUEUE - 3)
#define QUIET (n_req == 0 && !memory && ses_s[0] == READY && ses_s[1] == READY && \
               ses_r[0] == READY && ses_r[1] == READY && \
               empty(up_s[0]) && empty(up_s[1]) && empty(down_s[0]) && empty(down_s[1]) && \
               empty(up_r[0]) && empty(up_r[1]) && empty(down_r[0]) && empty(down_r[1]))

active proctype system()
{
    d_step { send_all(0); send_all(1); skip };
    do
    /* clients */
    :: d_step { nempty(down_s[0]) && len(up_s[0]) <= UP - 3 -> hear_sender(0); skip }
    :: d_step { nempty(down_s[1]) && len(up_s[1]) <= UP - 3 -> hear_sender(1); skip }
    :: d_step { nempty(down_r[0]) && nfull(up_r[0]) -> hear_member(0); skip }
    :: d_step { nempty(down_r[1]) && nfull(up_r[1]) -> hear_member(1); skip }
    :: d_step { memory && ROOM -> direct_seen = 1; memory = 0; state[0] = SAFE; settle(0); skip }
    /* the broker */
    :: d_step { nempty(up_s[0]) && ROOM -> from_sender(0); settle(0); skip }
    :: d_step { nempty(up_s[1]) && ROOM -> from_sender(1); settle(1); skip }
    :: d_step { ses_r[0] != GONE && nempty(up_r[0]) && ROOM -> from_member(0); skip }
    :: d_step { ses_r[1] != GONE && nempty(up_r[1]) && ROOM -> from_member(1); skip }
    :: d_step { ses_r[0] == GONE && ROOM -> ses_r[0] = RESYNCING; down_r[0] ! RESYNC, 0; skip }
    :: d_step { ses_r[1] == GONE && ROOM -> ses_r[1] = RESYNCING; down_r[1] ! RESYNC, 0; skip }
    :: d_step { n_req && ROOM_FRAMES -> complete(); settle(0); settle(1); skip }
    /* faults */
    :: atomic { faults && ROOM -> faults--;
        do :: n_req > 0 -> d_step { commit(); skip } :: break od;
        skip;
        d_step { broker_dies(); skip };
        lose_up(up_s[0]); lose_up(up_s[1]); lose_up(up_r[0]); lose_up(up_r[1]) }
    :: atomic { faults && ROOM -> faults--;
        d_step { sender_lost(0); sender_lost(1); skip };
        lose_up(up_s[0]); lose_up(up_s[1]) }
    :: atomic { faults && ROOM -> faults--;
        d_step { member_lost(0); member_lost(1); skip };
        lose_up(up_r[0]); lose_up(up_r[1]) }
    :: d_step { faults && ROOM -> faults--; sender_dies(0); skip }
    :: d_step { faults && ROOM -> faults--; sender_dies(1); skip }
    :: d_step { faults && ROOM -> faults--; member_lost(0); drop_s(up_r[0]); skip }
    :: d_step { faults && ROOM -> faults--; member_lost(0); drop_s(up_r[0]); resume_member(0, seen[0]); skip }
    :: d_step { faults && ses_r[0] == READY && ROOM -> faults--;
        hold(0); ses_r[0] = RESYNCING; down_r[0] ! RESYNC, 0; skip }
    /* nothing is under way: everybody has seen everything */
    :: atomic { QUIET ->
        assert(next_id[0] == 3 && next_id[1] == 2 && seen[0] == 2 && seen[1] == 2 && direct_seen);
        break }
    od
}
