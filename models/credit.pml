/*
 * Calls under pressure: slots, absolute credit, rings that hold two records, replies that wait for
 * room, a server that stops reading when it holds too much; with the waiting of both sides, for
 * records and for room at once. As src/call does it, and the owner with one lock and one watcher.
 *
 * The client starts as many calls as it may. Requests and replies have one record or three. Handlers
 * end in any order, by another thread while the watcher sleeps. Memory is sequentially consistent
 * here (wake.pml shows why that may be assumed).
 *   - every call ends (else: invalid end state);
 *   - the server never has more calls in work than it admitted, nor two in a slot;
 *   - it never holds more than its limit and one request.
 *
 *@ any passes 0   as written
 *@ any fails  1   the client reads no replies while a request of its waits for room
 *@ any fails  2   credit does not grow
 *@ any fails  3   an answer does not lift the pause
 *@ any fails  4   who waits for room does not say so
 *@ any fails  5   who answers while the watcher sleeps does not tell it
 *@ any fails  6   the slot is free for the client before the last record of its reply
 *@ any fails  7   the server reads on, whatever it holds
 *@ any passes 8+   the server's slot is free again only after the reply was shown: it reads later
 *@ any fails  9   what was consumed is told only when everything is read and the peer has asked
 *@ any passes 10+  credit is given for what is taken, not for what is answered: slots still bound
 */
#define SLOTS 2
#ifndef CALLS
#define CALLS 3
#endif
#define RING 2
#define HELD_MAX 0 /* requests; one more is read before the pause */

#define FOR_RECORDS 1
#define FOR_ROOM 2
#define CLIENT 0
#define SERVER 1

c_decl {
\#include <stdlib.h>
};

byte mutation;

/* Of each side: */
byte tail[2], taken[2], waiting[2]; /* its region */
byte ring[4];                       /* slot << 1 | last */
bit bell[2];
byte written[2], head[2], peer_taken[2], armed[2]; /* at_channel */
bit rung[2]; /* has it rung for the peer's sleep? */
chan out[2] = [SLOTS] of { byte }; /* slots whose message is not all written */
byte parts[4];                     /* of the message of side and slot: records still to write */

/* client */
byte started, ended;
bit used[SLOTS], reading[SLOTS];
byte credit; /* the server's word */
/* server */
byte finished, held, in_work;
byte state[SLOTS]; /* 0 free, 1 half, 2 held, 3 answered */
bit paused, hot;

#define distance(from, to) ((to + 8 - from) % 8)
#define room(s) (distance(peer_taken[s], written[s]) < RING)

inline ring_if(s, what)
{
    if
    :: (waiting[1 - s] & what) != 0 && !rung[s] ->
        rung[s] = 1; /* for this sleep */
        bell[1 - s] = 1
    :: else
    fi
}

inline publish(s)
{
    if
    :: tail[s] != written[s] ->
        tail[s] = written[s];
        atomic { ring_if(s, FOR_RECORDS) }
    :: else
    fi
}

inline tell(s)
{
    if
    :: taken[s] != head[s] && (mutation != 9 || (waiting[1 - s] & FOR_ROOM) != 0) ->
        taken[s] = head[s];
        atomic { ring_if(s, FOR_ROOM) }
    :: else
    fi
}

/* Whether the last record of slot i's reply is written: its end as the server sees it. */
inline give_back(i)
{
    state[i] = 0;
    held--;
    in_work--;
    finished = (finished + 1) % 8;
    if
    :: mutation == 2
    :: mutation == 10
    :: else -> credit = (finished + SLOTS) % 8
    fi;
    if
    :: paused && held <= HELD_MAX && mutation != 3 ->
        paused = 0;
        hot = 1
    :: else
    fi
}

inline flush(s)
{
    atomic {
        do
        :: len(out[s]) > 0 ->
            if
            :: !room(s) -> peer_taken[s] = taken[1 - s]
            :: else
            fi;
            if
            :: room(s) ->
                out[s] ? <i>;
                parts[s * 2 + i]--;
                ring[s * 2 + written[s] % RING] = i * 2 + (parts[s * 2 + i] == 0);
                written[s] = (written[s] + 1) % 8;
                if
                :: parts[s * 2 + i] == 0 ->
                    out[s] ? _;
                    if
                    :: s == SERVER && mutation == 8 -> state[i] = 4
                    :: s == SERVER && mutation != 8 -> give_back(i)
                    :: else
                    fi
                :: else
                fi;
                i = 0
            :: else -> break
            fi
        :: else -> break
        od
    };
    publish(s);
    if
    :: s == SERVER && mutation == 8 ->
        atomic {
            if
            :: state[0] == 4 -> give_back(0)
            :: else
            fi;
            if
            :: state[1] == 4 -> give_back(1)
            :: else
            fi
        }
    :: else
    fi
}

/* at_channel_arm(); quiet: may sleep */
inline arm(s, bits, quiet)
{
    atomic {
        before = peer_taken[s];
        if
        :: armed[s] != (bits) && (bits) != 0 ->
            rung[1 - s] = 0;
            armed[s] = bits;
            waiting[s] = bits
        :: armed[s] != 0 && (bits) == 0 ->
            armed[s] = 0;
            waiting[s] = 0
        :: else
        fi
    };
    quiet = !(((bits) & FOR_RECORDS) != 0 && tail[1 - s] != head[s]);
    if
    :: quiet && ((bits) & FOR_ROOM) != 0 -> quiet = (taken[1 - s] == before)
    :: else
    fi;
    before = 0;
    if
    :: !quiet -> disarm(s)
    :: else
    fi
}

inline disarm(s)
{
    atomic {
        if
        :: armed[s] != 0 ->
            armed[s] = 0;
            waiting[s] = 0
        :: else
        fi
    }
}

#define room_bit(s) (len(out[s]) > 0 && mutation != 4 -> FOR_ROOM : 0)

proctype client()
{
    byte i, before;
    bit quiet;

    do
    :: ended == CALLS -> break
    :: ended < CALLS ->
        /* read */
        atomic {
        do
        :: head[CLIENT] != tail[SERVER] && !(mutation == 1 && len(out[CLIENT]) > 0) ->
            i = ring[2 + head[CLIENT] % RING] / 2;
            assert(used[i]);
            if
            :: ring[2 + head[CLIENT] % RING] % 2 == 1 ->
                used[i] = (mutation == 6 && reading[i]);
                reading[i] = 0;
                ended++
            :: else ->
                reading[i] = 1;
                if
                :: mutation == 6 -> used[i] = 0
                :: else
                fi
            fi;
            ring[2 + head[CLIENT] % RING] = 0;
            head[CLIENT] = (head[CLIENT] + 1) % 8;
            i = 0
        :: else -> break
        od
        };
        tell(CLIENT);
        /* start */
        atomic {
        do
        :: started < CALLS && !(used[0] && used[1]) && (credit + 8 - started) % 8 > 0 &&
            (credit + 8 - started) % 8 < 4 ->
            i = (used[0] -> 1 : 0);
            used[i] = 1;
            started++;
            if
            :: parts[i] = 1
            :: parts[i] = 3
            fi;
            out[CLIENT] ! i;
            i = 0
        :: else -> break
        od
        };
        flush(CLIENT);
        arm(CLIENT, ((mutation == 1 && len(out[CLIENT]) > 0 -> 0 : FOR_RECORDS) + room_bit(CLIENT)), quiet);
        if
        :: quiet && ended < CALLS ->
            atomic { bell[CLIENT] == 1 -> bell[CLIENT] = 0 };
            disarm(CLIENT)
        :: else
        fi
    od
}

inline serve_records()
{
    atomic {
        do
        :: head[SERVER] != tail[CLIENT] && (!paused || mutation == 7) ->
        i = ring[head[SERVER] % RING] / 2;
        if
        :: state[i] == 0 ->
            in_work++;
            assert(in_work <= SLOTS);
            state[i] = 1
        :: else -> assert(state[i] == 1) /* a slot in use, or more than was said */
        fi;
        if
        :: ring[head[SERVER] % RING] % 2 == 1 ->
            state[i] = 2;
            held++;
            assert(held <= HELD_MAX + 1);
            paused = (held > HELD_MAX);
            if
            :: mutation == 10 -> credit = (credit + 1) % 8
            :: else
            fi
        :: else
        fi;
        ring[head[SERVER] % RING] = 0;
        head[SERVER] = (head[SERVER] + 1) % 8;
        i = 0
        :: else -> break
        od
    }
}

/* A handler ends: at_engine_answer(), by whoever holds the lock. */
inline answer(s)
{
    atomic {
        state[s] == 2 -> state[s] = 3;
        if
        :: parts[2 + s] = 1
        :: parts[2 + s] = 3
        fi;
        out[SERVER] ! s;
        hot = 1
    };
    flush(SERVER)
}

proctype server()
{
    byte i, before;
    bit quiet;

    do
    :: true ->
        serve_records();
        tell(SERVER);
        flush(SERVER);
        hot = 0;
        arm(SERVER, ((paused -> 0 : FOR_RECORDS) + room_bit(SERVER)), quiet);
        do
        :: !quiet || hot == 2 -> break
        :: else ->
end:        if
            :: atomic { bell[SERVER] == 1 -> bell[SERVER] = 0 };
                disarm(SERVER);
                break
            :: answer(0)
            :: answer(1)
            fi;
            /* at_process_changed() */
            if
            :: mutation != 5 ->
                hot = 0;
                arm(SERVER, ((paused -> 0 : FOR_RECORDS) + room_bit(SERVER)), quiet)
            :: else
            fi
        od
    od
}

init
{
    atomic {
        c_code { now.mutation = atoi(getenv("MUTATION")); };
        credit = SLOTS;
        run client();
        run server()
    }
}
