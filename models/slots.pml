/*
 * Call slots: generations, zombies, a cancel that crosses its response, half requests, the cancel
 * word, and the death of the server. As src/call/client.c and server.c do it.
 *
 * One client, one server, two call slots, two generations (so that they come round), rings of two
 * records each way. Any call may be given up at any moment; requests and replies have one record
 * or two; handlers end in any order. Each record carries, to check, the number of the call that it
 * is about:
 *   - no reply is delivered to another call than its own;
 *   - no honest side ever breaks a rule of the other;
 *   - every slot comes back (else: invalid end state);
 *   - a handler that looks at its cancel word sees cancelled only what was cancelled;
 *   - when the server dies, a call whose request "was never taken" did not run.
 *
 *@ any passes 0   as written
 *@ any fails  1   the slot of an abandoned call is free at once
 *@ any fails  2   the same, and replies are judged by their slot alone
 *@ any fails  3   what is still to come of the reply of an abandoned call is not skipped
 *@ any fails  4   a handler runs before `taken` is told
 *@ any fails  5   an abandoned half request is written to its end behind its CANCEL
 *@ any fails  6   a CANCEL that finds the ring full is forgotten
 *@ any fails  7   a CANCEL for no call is a lie
 *@ any fails  8   the cancel word is not cleared when its slot is used again
 *@ any fails  9   a generation may be 0
 *@ any fails  10  what a dead server had taken is judged by the end of a record, not its beginning
 *@ any fails  13  the same by a position that comes round while the call is in work
 *@ any passes 11+  a CANCEL carries no generation: it lies in one ring with the requests
 *@ any passes 12  replies carry no generation: zombies alone keep them apart
 */
#define SLOTS 2
#ifndef CALLS
#define CALLS 3
#endif
#define GENERATIONS 2
#define RING 2

#define REQUEST 1
#define DATA 2
#define CANCEL 3

/* a client's slot */
#define FREE 0
#define QUEUED 1 /* has a slot, nothing of it is in the ring */
#define HALF 2   /* its first record is */
#define LIVE 3
#define ZOMBIE 4

c_decl {
\#include <stdlib.h>
};

byte mutation;

/* The client's ring; the server's replies come through a queue of Promela's. */
typedef Record {
    byte kind;
    byte slot;
    byte generation;
    byte call; /* to check */
    bit more;
};
Record ring[RING];
byte tail, taken;
chan replies = [RING] of { bit, byte, byte, byte, bit }; /* first, slot, generation, call, more */
byte cancelled[SLOTS];

/* to check */
bit given_up[CALLS + 1];
bit ran[CALLS + 1];
bit dead;

/* client */
byte state[SLOTS], generation[SLOTS], call_of[SLOTS];
byte start_of[SLOTS]; /* where its last record lies in the ring */
byte behind[SLOTS];   /* what was written since its last record began; stays at RING + 1 */
bit owes_cancel[SLOTS], rest[SLOTS], two[SLOTS];
byte started;

/* Positions run free, here modulo 8. */
#define between(from, to) ((to + 8 - from) % 8)
#define has_room (between(taken, tail) < RING)

inline put(k, s, m)
{
    ring[tail % RING].kind = k;
    ring[tail % RING].slot = s;
    ring[tail % RING].generation = generation[s];
    ring[tail % RING].call = call_of[s];
    ring[tail % RING].more = m;
    behind[0] = (behind[0] > RING -> behind[0] : behind[0] + 1);
    behind[1] = (behind[1] > RING -> behind[1] : behind[1] + 1);
    if
    :: k != CANCEL ->
        behind[s] = 1;
        start_of[s] = (mutation == 13 -> tail : 0)
    :: else
    fi;
    tail = (tail + 1) % 8
}

inline release(s)
{
    state[s] = FREE;
    given_up[call_of[s]] = 0;
    ran[call_of[s]] = 0;
    owes_cancel[s] = 0;
    rest[s] = 0;
    two[s] = 0;
    call_of[s] = 0;
    start_of[s] = 0;
    behind[s] = 0
}

inline begin(s)
{
    atomic {
        state[s] == FREE && (s == 0 || state[0] != FREE) && started < CALLS && !dead -> started++;
        state[s] = QUEUED;
        call_of[s] = started;
        if
        :: mutation == 9 -> generation[s] = (generation[s] + 1) % GENERATIONS
        :: else -> generation[s] = generation[s] % GENERATIONS + 1
        fi;
        if
        :: mutation == 8 || mutation == 9
        :: else -> cancelled[s] = 0
        fi;
        if
        :: two[s] = 1
        :: true
        fi
    }
}

inline write(s)
{
    atomic {
        state[s] == QUEUED && has_room && !dead ->
        put(REQUEST, s, two[s]);
        state[s] = (two[s] -> HALF : LIVE)
    }
}

inline write_rest(s)
{
    atomic {
        state[s] == HALF && has_room && !dead ->
        put(DATA, s, 0);
        state[s] = LIVE
    }
}

inline give_up(s)
{
    atomic {
        (state[s] == QUEUED || state[s] == HALF || state[s] == LIVE) && !dead ->
        given_up[call_of[s]] = 1;
        if
        :: state[s] == QUEUED -> release(s)
        :: else ->
            cancelled[s] = generation[s];
            if
            :: rest[s] /* part of the reply is here: no more than its rest will come */
            :: else ->
                if
                :: has_room -> put(CANCEL, s, 0)
                :: else -> owes_cancel[s] = (mutation != 6)
                fi
            fi;
            if
            :: mutation == 5 && state[s] == HALF -> goto half_cancelled
            :: else
            fi;
            state[s] = ZOMBIE;
            if
            :: mutation == 1 || mutation == 2 -> release(s)
            :: mutation == 3 && rest[s] -> release(s)
            :: else
            fi
        fi;
half_cancelled:
        true
    }
}

inline pay(s)
{
    atomic {
        owes_cancel[s] && has_room && !dead -> owes_cancel[s] = 0;
        put(CANCEL, s, 0)
    }
}

/* at_client_take() and at_client_take_data() */
inline take_reply()
{
    atomic {
        replies ? first, slot, number, call, more ->
        assert(state[slot] == LIVE || state[slot] == ZOMBIE); /* else the server broke a rule */
        assert(mutation == 2 || mutation == 12 || number == generation[slot]);
        assert(first == !rest[slot]);
        assert(state[slot] == ZOMBIE || call == call_of[slot]);
        if
        :: more -> rest[slot] = 1
        :: else -> release(slot)
        fi;
        first = 0;
        slot = 0;
        number = 0;
        call = 0;
        more = 0
    }
}

/* Everything that was published has been read: was the call never taken? */
inline judge(s)
{
    if
    :: state[s] == QUEUED || state[s] == HALF -> assert(!ran[call_of[s]])
    :: state[s] == LIVE &&
        (mutation == 13 -> between(taken, start_of[s]) < 4 :
            behind[s] <= between(taken, tail) + (mutation == 10)) ->
        assert(!ran[call_of[s]])
    :: else
    fi
}

#define all_free (state[0] == FREE && state[1] == FREE)

proctype client()
{
    byte slot, number, call;
    bit first, more;

    do
    :: begin(0)
    :: begin(1)
    :: write(0)
    :: write(1)
    :: write_rest(0)
    :: write_rest(1)
    :: give_up(0)
    :: give_up(1)
    :: pay(0)
    :: pay(1)
    :: take_reply()
    :: atomic {
        started == CALLS && all_free && !dead -> break
    }
    :: atomic {
        dead && empty(replies) ->
        judge(0);
        judge(1);
        break
    }
    od
}

/* server */
byte head;
byte serving[SLOTS], serving_generation[SLOTS]; /* the call in the slot; 0: none */
bit whole[SLOTS], answered[SLOTS], second[SLOTS], half_sent[SLOTS];

inline answer(s)
{
    answered[s] = 1;
    if
    :: second[s] = 1
    :: true
    fi
}

#define matches(r)                                                                                 \
    (serving[r.slot] != 0 && (serving_generation[r.slot] == r.generation || mutation == 11))

inline take_request()
{
    atomic {
        head != tail && !dead ->
        slot = ring[head % RING].slot;
        if
        :: ring[head % RING].kind == REQUEST ->
            assert(serving[slot] == 0); /* else the client broke a rule */
            serving[slot] = ring[head % RING].call;
            serving_generation[slot] = ring[head % RING].generation;
            whole[slot] = !ring[head % RING].more
        :: ring[head % RING].kind == DATA ->
            assert(matches(ring[head % RING]) && !whole[slot]);
            whole[slot] = 1
        :: ring[head % RING].kind == CANCEL ->
            if
            :: matches(ring[head % RING]) && !answered[slot] ->
                assert(given_up[serving[slot]]);
                if
                :: !whole[slot] -> answer(slot)
                :: else
                fi
            :: else -> assert(mutation != 7)
            fi
        fi;
        ring[head % RING].kind = 0;
        ring[head % RING].slot = 0;
        ring[head % RING].generation = 0;
        ring[head % RING].call = 0;
        ring[head % RING].more = 0;
        head = (head + 1) % 8;
        slot = 0
    }
}

inline tell()
{
    d_step {
        taken != head && !dead -> taken = head
    }
}

/* Handlers run when the turn is over, and by then what was taken is told. */
inline handle(s)
{
    atomic {
        serving[s] != 0 && whole[s] && !answered[s] && !dead &&
                (mutation == 4 || taken == head) ->
        ran[serving[s]] = 1;
        assert(cancelled[s] != serving_generation[s] || given_up[serving[s]]);
        answer(s)
    }
}

inline reply(s)
{
    atomic {
        answered[s] && nfull(replies) && !dead ->
        replies ! !half_sent[s], s, serving_generation[s], serving[s],
            (second[s] && !half_sent[s]);
        if
        :: second[s] && !half_sent[s] -> half_sent[s] = 1
        :: else ->
            serving[s] = 0;
            serving_generation[s] = 0;
            whole[s] = 0;
            answered[s] = 0;
            second[s] = 0;
            half_sent[s] = 0
        fi
    }
}

proctype server()
{
    byte slot;

end:
    do
    :: take_request()
    :: tell()
    :: handle(0)
    :: handle(1)
    :: reply(0)
    :: reply(1)
    od
}

/* Whose death it is: at any moment, or never. */
proctype death()
{
    if
    :: dead = 1
    :: true
    fi
}

init
{
    atomic {
        c_code { now.mutation = atoi(getenv("MUTATION")); };
        run client();
        run server();
        run death()
    }
}
