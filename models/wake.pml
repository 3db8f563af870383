/*
 * Waking: one producer, one consumer, a ring of two records, as src/shm/channel.c does it.
 *
 * Both directions of waiting are here. The consumer sleeps for records (AT_WAIT_RECORDS), the
 * producer for room (AT_WAIT_ROOM). Stores go through a buffer of their processor and become
 * visible later; `mutation` takes one thing away from the code, `weak` chooses the processor:
 *
 *   weak = 0   x86-64: the buffer is first in, first out; a seq_cst store (xchg) waits until it is
 *              empty; loads happen in program order.
 *   weak = 1   arm64 and what else C11 allows: stores to different places leave the buffer in any
 *              order, but a release store only after all before it; a seq_cst load waits for the
 *              seq_cst stores before it (stlr, ldar); a plain access moves across what does not
 *              forbid it.
 *
 * A lost wake-up shows as a state in which nobody can move and somebody is not done ("invalid end
 * state"); a record read before it was written, or written over before it was read, and a second
 * ring for one sleep are assertions.
 *
 *@ both passes 0   as written
 *@ both fails  1   publish: tail is stored without a fence before waiting is loaded
 *@ both fails  2   arm for records: waiting is stored without a fence before tail is loaded
 *@ both fails  3   tell: taken is stored without a fence before waiting is loaded
 *@ both fails  4   arm for room: waiting is stored without a fence before taken is loaded
 *@ both fails  5   arm for records: tail is not looked at again
 *@ both fails  6   arm for room: taken is not looked at again
 *@ both fails  7   a ring is not kept to one a sleep
 *@ both fails  8   waiting carries no count of sleeps
 *@ both fails  9   the consumer wakes and does not disarm
 *@ both fails  10  the producer wakes and does not disarm
 *@ both fails  11  a bell is emptied after arming, not when it wakes
 *@ both fails  12  room: what arm compares with is loaded in arm, not where the ring was found full
 *@ both fails  14  the order of arm is load, then store
 *@ weak passes 15+  disarm happens after the drain instead of before it
 *@ tso  passes 13+  a ring may come for nothing
 *@ weak passes 16  the bell is rung by somebody else, later: at_channel_publish_silently()
 *@ tso  passes 20  tail is stored relaxed and fenced behind: x86-64 keeps stores in order
 *@ weak fails  20  tail is stored relaxed and fenced behind: the record is not visible yet
 *@ tso  passes 21  taken is stored relaxed and fenced behind: x86-64 keeps loads before stores
 *@ weak fails  21  taken is stored relaxed and fenced behind: the record is still being read
 *@ tso  passes 22+  tail is loaded relaxed: x86-64 keeps loads in order
 *@ weak fails  22  tail is loaded relaxed: the record is read before it is known to be there
 *@ tso  passes 23  publish: waiting is loaded with acquire only: on x86-64 the store fences
 *@ weak fails  23  publish: waiting is loaded with acquire only: it passes the store
 *@ tso  passes 24+  arm: tail is loaded with acquire only: on x86-64 the store fences
 *@ weak fails  24  arm: tail is loaded with acquire only: it passes the store
 */
#ifndef RECORDS_SENT
#define RECORDS_SENT 3
#endif
#define RING 2
#define DEPTH 4

/* places */
#define TAIL 0       /* the producer's */
#define WAITING_P 1  /* the producer's: for room */
#define TAKEN 2      /* the consumer's */
#define WAITING_C 3  /* the consumer's: for records */
#define DATA 4       /* the ring: two records */
#define PLACES 6

#define RELAXED 0
#define RELEASE 1
#define SEQ_CST 2
#define ACQUIRE 1

#define FOR_RECORDS 1
#define FOR_ROOM 2

#define P 0
#define C 1

c_decl {
\#include <stdlib.h>
};

byte mutation;
bit weak;

byte mem[PLACES];
typedef Store {
    byte place;
    byte value;
    byte order;
};
typedef Buffer {
    Store at[DEPTH];
    byte n;
};
Buffer buffer[2];
bit bell[2]; /* an event that epoll has not reported yet */
bit owes_ring[2]; /* with mutation 16 */
byte rung_for[2]; /* to check: the sleep for which a ring came last */

/* The newest store of ours to the place, else memory. */
inline see(who, where, ret)
{
    ret = mem[where];
    if
    :: buffer[who].n > 0 && buffer[who].at[0].place == where -> ret = buffer[who].at[0].value
    :: else
    fi;
    if
    :: buffer[who].n > 1 && buffer[who].at[1].place == where -> ret = buffer[who].at[1].value
    :: else
    fi;
    if
    :: buffer[who].n > 2 && buffer[who].at[2].place == where -> ret = buffer[who].at[2].value
    :: else
    fi;
    if
    :: buffer[who].n > 3 && buffer[who].at[3].place == where -> ret = buffer[who].at[3].value
    :: else
    fi
}

#define owes_sc(who, i) (buffer[who].n > i && buffer[who].at[i].order == SEQ_CST)
#define fenced(who)                                                                                \
    (!owes_sc(who, 0) && !owes_sc(who, 1) && !owes_sc(who, 2) && !owes_sc(who, 3))

inline load(who, where, how, ret)
{
    d_step {
        (how != SEQ_CST || fenced(who)) -> see(who, where, ret)
    }
}

/* On x86-64 a seq_cst store is an exchange: visible before anything else happens. */
inline store(who, where, what, how)
{
    d_step {
        buffer[who].n < DEPTH -> buffer[who].at[buffer[who].n].place = where;
        buffer[who].at[buffer[who].n].value = what;
        buffer[who].at[buffer[who].n].order = how;
        buffer[who].n = buffer[who].n + 1
    };
    if
    :: !weak && how == SEQ_CST -> buffer[who].n == 0
    :: else
    fi
}

#define place_of(i) buffer[who].at[i].place
/* May the i-th store leave the buffer? */
#define leaves0 (buffer[who].n > 0)
#define leaves1                                                                                    \
    (weak && buffer[who].n > 1 && buffer[who].at[1].order == RELAXED && place_of(1) != place_of(0))
#define leaves2                                                                                    \
    (weak && buffer[who].n > 2 && buffer[who].at[2].order == RELAXED &&                            \
     place_of(2) != place_of(0) && place_of(2) != place_of(1))
#define leaves3                                                                                    \
    (weak && buffer[who].n > 3 && buffer[who].at[3].order == RELAXED &&                            \
     place_of(3) != place_of(0) && place_of(3) != place_of(1) && place_of(3) != place_of(2))

inline leave(i)
{
    k = i;
    mem[buffer[who].at[k].place] = buffer[who].at[k].value;
    do
    :: k + 1 < buffer[who].n ->
        buffer[who].at[k].place = buffer[who].at[k + 1].place;
        buffer[who].at[k].value = buffer[who].at[k + 1].value;
        buffer[who].at[k].order = buffer[who].at[k + 1].order;
        k++
    :: else -> break
    od;
    buffer[who].n = buffer[who].n - 1;
    buffer[who].at[buffer[who].n].place = 0;
    buffer[who].at[buffer[who].n].value = 0;
    buffer[who].at[buffer[who].n].order = 0;
    k = 0
}

proctype processor(byte who)
{
    byte k;

end:
    do
    :: d_step { leaves0 -> leave(0) }
    :: d_step { leaves1 -> leave(1) }
    :: d_step { leaves2 -> leave(2) }
    :: d_step { leaves3 -> leave(3) }
    od
}

inline ring(whom, value)
{
    d_step {
        assert(rung_for[whom] != value); /* once per sleep */
        rung_for[whom] = value;
        if
        :: mutation == 16 -> owes_ring[whom] = 1
        :: else -> bell[whom] = 1
        fi
    }
}

/* ring_if_waiting(): `what` the peer may wait for in w, just loaded. */
inline ring_if(whom, w, what, rung)
{
    if
    :: (w & what) != 0 && (mutation == 7 || w != rung) ->
        rung = w;
        ring(whom, w)
    :: else
    fi
}

/* sleeps << 2 | what, or without the count */
#define said(sleeps, what) (mutation == 8 -> what : sleeps * 4 + what)
#define order_unless(m) (mutation == m -> RELEASE : SEQ_CST)
/* A store whose fence comes behind it: relaxed, and the next load waits for it. */
#define order_tail (mutation == 20 -> RELAXED : order_unless(1))
#define order_taken (mutation == 21 -> RELAXED : order_unless(3))

inline fence_behind(who, m)
{
    if
    :: mutation == m -> buffer[who].n == 0
    :: else
    fi
}

proctype producer()
{
    byte tail, published, peer_taken, before, sleeps, armed, rung, w, taken, sent;

    do
    :: sent == RECORDS_SENT -> break
    :: sent < RECORDS_SENT ->
        /* at_channel_put() */
        if
        :: tail - peer_taken == RING -> load(P, TAKEN, ACQUIRE, peer_taken)
        :: else
        fi;
        if
        :: tail - peer_taken < RING ->
            sent++;
            store(P, DATA + tail % RING, sent, RELAXED);
            tail++;
            if
            :: sent < RECORDS_SENT -> goto next /* show it with the next one */
            :: true
            fi
        :: else
        fi;
        /* at_channel_publish() */
        if
        :: published != tail ->
            published = tail;
            store(P, TAIL, tail, order_tail);
            fence_behind(P, 20);
            load(P, WAITING_C, (mutation == 1 || mutation == 23 -> ACQUIRE : SEQ_CST), w);
            ring_if(C, w, FOR_RECORDS, rung)
        :: else
        fi;
        if
        :: tail - peer_taken < RING -> goto next
        :: else
        fi;
        /* at_channel_arm(AT_WAIT_ROOM) */
        before = peer_taken;
        if
        :: mutation == 12 -> load(P, TAKEN, ACQUIRE, before)
        :: else
        fi;
        if
        :: armed == 0 ->
            sleeps++;
            armed = 1;
            store(P, WAITING_P, said(sleeps, FOR_ROOM), order_unless(4))
        :: else
        fi;
        taken = before;
        if
        :: mutation != 6 -> load(P, TAKEN, (mutation == 4 -> ACQUIRE : SEQ_CST), taken)
        :: else
        fi;
        if
        :: mutation == 11 -> bell[P] = 0
        :: else
        fi;
        if
        :: taken == before ->
            /* asleep */
            d_step { bell[P] == 1 -> bell[P] = 0 }
        :: else
        fi;
        if
        :: mutation == 10 && taken == before
        :: else -> /* at_channel_disarm() */
            armed = 0;
            store(P, WAITING_P, 0, RELAXED)
        fi;
next:
        taken = 0;
        w = 0;
        before = 0
    od
}

proctype consumer()
{
    byte head, told, peer_tail, sleeps, armed, rung, w, tail, got, value;
    bool late;

    do
    :: head == RECORDS_SENT -> break
    :: head < RECORDS_SENT ->
        /* at_channel_next(), at_channel_copy(), at_channel_consume() */
        if
        :: peer_tail == head ->
            value = 0;
            if
            :: weak && mutation == 22 -> load(C, DATA + head % RING, RELAXED, value) /* too soon */
            :: true
            fi;
            load(C, TAIL, ACQUIRE, peer_tail)
        :: else -> value = 0
        fi;
        if
        :: peer_tail != head ->
            if
            :: value == 0 && !(weak && mutation == 21) -> load(C, DATA + head % RING, RELAXED, value)
            :: value == 0 && weak && mutation == 21 ->
                if
                :: load(C, DATA + head % RING, RELAXED, value)
                :: value = 0 /* later */
                fi
            :: else
            fi;
            if
            :: value != 0 -> assert(value == head + 1)
            :: else
            fi;
            head++;
            if
            :: value != 0 && peer_tail != head -> goto next /* tell later */
            :: true
            fi
        :: else
        fi;
        /* at_channel_tell() */
        if
        :: told != head ->
            told = head;
            store(C, TAKEN, head, order_taken);
            if
            :: weak && mutation == 21 && value == 0 ->
                load(C, DATA + (head - 1) % RING, RELAXED, value);
                assert(value == head)
            :: else
            fi;
            fence_behind(C, 21);
            load(C, WAITING_P, (mutation == 3 -> ACQUIRE : SEQ_CST), w);
            ring_if(P, w, FOR_ROOM, rung)
        :: else
        fi;
        if
        :: peer_tail != head || head == RECORDS_SENT -> goto next
        :: else
        fi;
        /* at_channel_disarm(), had it been forgotten before the drain */
        if
        :: late ->
            late = false;
            armed = 0;
            store(C, WAITING_C, 0, RELAXED)
        :: else
        fi;
        /* at_channel_arm(AT_WAIT_RECORDS) */
        tail = head;
        if
        :: mutation == 14 -> load(C, TAIL, SEQ_CST, tail)
        :: else
        fi;
        if
        :: armed == 0 ->
            sleeps++;
            armed = 1;
            store(C, WAITING_C, said(sleeps, FOR_RECORDS), order_unless(2))
        :: else
        fi;
        if
        :: mutation != 5 && mutation != 14 ->
            load(C, TAIL, (mutation == 2 || mutation == 24 -> ACQUIRE : SEQ_CST), tail)
        :: else
        fi;
        if
        :: mutation == 11 -> bell[C] = 0
        :: else
        fi;
        if
        :: tail == head ->
            d_step { bell[C] == 1 -> bell[C] = 0 };
            if
            :: mutation == 15 -> late = true
            :: mutation == 9
            :: else ->
                armed = 0;
                store(C, WAITING_C, 0, RELAXED)
            fi
        :: else ->
            armed = 0;
            store(C, WAITING_C, 0, RELAXED)
        fi;
next:
        tail = 0;
        w = 0;
        value = 0
    od
}

/* Whoever has given the lock back. */
proctype ringer()
{
end:
    do
    :: d_step { owes_ring[P] -> owes_ring[P] = 0; bell[P] = 1 }
    :: d_step { owes_ring[C] -> owes_ring[C] = 0; bell[C] = 1 }
    od
}

/* Rings for nothing, by a liar or by chance. */
proctype noise()
{
    if
    :: bell[P] = 1
    :: bell[C] = 1
    fi
}

init
{
    atomic {
        c_code {
            now.mutation = atoi(getenv("MUTATION"));
            now.weak = atoi(getenv("WEAK"));
        };
        run processor(P);
        run processor(C);
        run producer();
        run consumer();
        if
        :: mutation == 13 -> run noise()
        :: mutation == 16 -> run ringer()
        :: else
        fi
    }
}
