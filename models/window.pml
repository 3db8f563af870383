/*
 * The window for large messages: offer, seen, chunks, waiting for a chunk, give-back. As
 * src/shm/window.c, with the part of channel.c that it leans on (taken, waiting for room).
 *
 * The writer offers windows over the lifeline, which is read before the ring or after it as it comes;
 * it writes records with a chunk where the window is open and plain ones where not, and gives its
 * window back whenever it likes. Two chunks, a ring of three records. Memory is sequentially
 * consistent here; what the orders of the words must be is mutations 1 to 3, and wake.pml.
 *   - every chunk is read as it was written, from the window that it was written into;
 *   - no honest side breaks a rule; no wake-up is lost (else: invalid end state);
 *   - at the end the reader holds no window that was given back.
 *
 *@ any passes 0  as written
 *@ any fails  1  window_taken is told behind taken
 *@ any fails  2  who looks for a chunk loads window_taken before taken
 *@ any fails  3  window_seen is said before window_taken begins anew
 *@ any fails  4  a window is offered while the peer holds one
 *@ any fails  6  an offer that was given back meanwhile is taken all the same
 *@ any fails  7  a chunk is filled again before it was read
 *@ any passes 8+  the give-back does not wait until all is read: it lies behind it in the ring
 *@ any fails  5  the same, and the give-back goes over the lifeline
 */
#define CHUNKS 2
#define RING 3
#ifndef RECORDS
#define RECORDS 4
#endif
#define WINDOWS 2 /* are offered at most */

#define PLAIN 0
#define CHUNK 1
#define RETURN 2

c_decl {
\#include <stdlib.h>
};

byte mutation;

/* The writer's region and windows, the reader's words */
byte kind_of[RING], value_of[RING], tail;
byte chunk[6]; /* of window 1 and 2, at window * 2 */
byte taken, window_taken, window_seen;
bit waiting, rung, bell;     /* the writer for room; it sleeps in it */
chan lifeline = [4] of { bit, byte }; /* offer or (mutation 5) return, number */
bit over;

/* the writer */
byte number, chunks_written, chunks_taken, peer_taken, sent;
bit has; /* a window, mapped */

inline put(k, v)
{
    kind_of[tail % RING] = k;
    value_of[tail % RING] = v;
    tail++
}

/* arm for room, sleep, disarm */
inline sleep_for_room()
{
    before = peer_taken;
    atomic {
        waiting = 1;
        rung = 0
    };
    if
    :: taken != before -> waiting = 0
    :: else ->
        atomic { bell -> bell = 0 };
        waiting = 0
    fi;
    before = 0
}

inline ring_writer()
{
    atomic {
        if
        :: waiting && !rung ->
            rung = 1;
            bell = 1
        :: else
        fi
    }
}

/* at_window_is_consumed(), at_window_give_back() */
inline give_back()
{
    if
    :: chunks_taken != chunks_written -> chunks_taken = window_taken
    :: else
    fi;
    assert(chunks_taken <= chunks_written);
    if
    :: tail - peer_taken >= RING -> peer_taken = taken
    :: else
    fi;
    atomic {
        if
        :: (chunks_taken == chunks_written || mutation == 8 || mutation == 5) && tail - peer_taken < RING ->
            if
            :: mutation == 5 -> lifeline ! 0, number
            :: else -> put(RETURN, number)
            fi;
            has = 0
        :: else
        fi
    }
}

proctype writer()
{
    byte before, seen;
    bit no_room;

    do
    :: sent == RECORDS -> break
    :: !has && number < WINDOWS && sent < RECORDS -> /* at_window_offer() */
        if
        :: window_seen == 0 || mutation == 4 ->
            atomic {
                number++;
                has = 1;
                chunks_written = 0;
                chunks_taken = 0;
                lifeline ! 1, number
            }
        :: else -> goto plain
        fi
    :: sent < RECORDS && has -> /* at_window_next(), at_window_put() */
        seen = window_seen;
        if
        :: seen != number -> goto plain
        :: else
        fi;
        no_room = 0;
        if
        :: tail - peer_taken >= RING ->
            peer_taken = taken;
            no_room = (tail - peer_taken >= RING)
        :: else
        fi;
        if
        :: !no_room && chunks_written - chunks_taken >= CHUNKS && mutation != 7 ->
            if
            :: mutation == 2 ->
                chunks_taken = window_taken;
                peer_taken = taken
            :: else ->
                peer_taken = taken;
                chunks_taken = window_taken
            fi;
            assert(chunks_taken <= chunks_written);
            no_room = (chunks_written - chunks_taken >= CHUNKS)
        :: else
        fi;
        if
        :: no_room -> sleep_for_room()
        :: else ->
            atomic {
                sent++;
                chunk[(number - 1) * 2 + chunks_written % CHUNKS] = sent;
                put(CHUNK, chunks_written % CHUNKS);
                chunks_written++
            }
        fi
    :: sent < RECORDS ->
plain:
        if
        :: tail - peer_taken >= RING -> peer_taken = taken
        :: else
        fi;
        if
        :: tail - peer_taken >= RING -> sleep_for_room()
        :: else ->
            atomic {
                sent++;
                put(PLAIN, sent)
            }
        fi
    :: has -> give_back()
    od;
    if
    :: has -> /* upkeep looks once a second, at last when all is read */
        window_seen == number || chunks_written == 0;
        window_taken == chunks_written || chunks_written == 0;
        tail - taken < RING;
        peer_taken = taken;
        give_back()
    :: else
    fi;
    assert(!has);
    over = 1
}

proctype reader()
{
    byte head, told, got, n, my_number, my_taken, my_told, returned;
    bit mapped, offer;

    do
    :: lifeline ? offer, n ->
        if
        :: !offer -> /* mutation 5 */
            returned = n;
            if
            :: mapped && my_number == n ->
                mapped = 0;
                window_seen = 0
            :: else
            fi
        :: offer && returned != 0 && n <= returned && mutation != 6
        :: else -> /* at_window_accept() */
            assert(!(mapped && my_taken > 0));
            if
            :: mapped -> window_seen = 0
            :: else
            fi;
            atomic {
                mapped = 1;
                my_number = n;
                my_taken = 0;
                my_told = 0
            };
            if
            :: mutation == 3 ->
                window_seen = n;
                window_taken = 0
            :: else ->
                window_taken = 0;
                window_seen = n
            fi
        fi;
        n = 0;
        offer = 0
    :: atomic {
        head != tail ->
        n = value_of[head % RING];
        if
        :: kind_of[head % RING] == PLAIN ->
            got++;
            assert(n == got)
        :: kind_of[head % RING] == CHUNK ->
            got++;
            assert(mapped && n == my_taken % CHUNKS);
            assert(chunk[(my_number - 1) * 2 + n] == got);
            my_taken++
        :: else -> /* at_window_returned() */
            returned = n;
            if
            :: mapped && my_number == n ->
                mapped = 0;
                window_seen = 0
            :: else
            fi
        fi;
        kind_of[head % RING] = 0;
        value_of[head % RING] = 0;
        head++;
        n = 0
    }
    :: told != head -> /* at_channel_tell() */
        n = head;
        if
        :: mutation == 1 ->
            taken = n;
            ring_writer();
            window_taken = my_taken
        :: else ->
            if
            :: my_told != my_taken ->
                my_told = my_taken;
                window_taken = my_taken
            :: else
            fi;
            taken = n;
            ring_writer()
        fi;
        told = n;
        n = 0
    :: over && head == tail && told == head && len(lifeline) == 0 -> break
    od;
    assert(!mapped && got == RECORDS)
}

init
{
    atomic {
        c_code { now.mutation = atoi(getenv("MUTATION")); };
        run writer();
        run reader()
    }
}
