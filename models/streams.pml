/*
 * Streams: credit for each stream and for the channel, the pool for messages larger than a window,
 * WINDOW records that find no room, half-close, a stream that is given up. As src/call/stream_*.c.
 *
 * Two streams over one channel, one direction of messages, two messages each of 1 to 3 units; a
 * window is 2 units, the pool 1 more, a record carries one unit, both rings have two records. The
 * owner of stream 1 reads what is whole, sooner or later. The owner of stream 0 may stop reading for
 * ever, or give its stream up.
 *   - stream 1 ends whole, whatever stream 0 does; stream 0 as well while its owner reads
 *     (else: invalid end state). But for this: messages of stream 1 that are larger than its window
 *     may wait in vain for what of the pool stream 0 has, while its owner neither reads nor ends it;
 *   - nobody sends beyond its credit, or behind its half-close;
 *   - what is held is bounded by the windows and the pool.
 *
 *@ any passes 0   as written
 *@ any fails  1   the channel's window is no more than one stream's
 *@ any fails  2   a message larger than a window gets nothing out of the pool
 *@ any fails  3   what a stream had of the pool does not come back
 *@ any fails  4   a WINDOW that finds the ring full is forgotten
 *@ any fails  5   credit of the channel is given back in pieces larger than its reserve
 *@ any fails  6   the half-close passes the message before it
 *@ any fails  7   the pool is not asked
 *@ any fails  8   a stream that was given up keeps what it held
 *@ any fails  9   who waits for the pool is not served when something comes back
 */
#define WINDOW 2
#define POOL 1
#define RESERVE 2
#define CHANNEL_WINDOW (mutation == 1 -> WINDOW : 2 * WINDOW + RESERVE)
#define STEP (mutation == 5 -> 2 * WINDOW + RESERVE : 1)
#ifndef MESSAGES
#define MESSAGES 2
#endif

#define UNIT 0  /* and the message goes on */
#define LAST 1  /* unit of its message */
#define FIRST 2 /* bit: the message begins, `rest` more units follow */
#define END 4
#define CHANNEL 2 /* instead of a stream */

c_decl {
\#include <stdlib.h>
};

byte mutation;

chan data = [2] of { byte, byte, byte }; /* stream, what, rest */
chan back = [2] of { byte, byte };       /* stream or CHANNEL, credit */

/* the sender */
byte credit[2], channel_credit;
byte to_send[2], left[2]; /* messages; units of the one that is being sent */
bit begun[2], closed[2];

/* the reader */
byte window[2], held[2], whole[2], coming[2], share[2];
byte channel_window, channel_held, pool;
byte owed[3];
byte size[2]; /* of the oldest whole message: lengths, oldest in the low digit of base 4 */
bit ended[2], gone, stuck, hungry[2];
bit gives_up; /* may the owner of stream 0 */

#define share_of(n) (n > WINDOW -> n - WINDOW : 0)
#define pool_has(s, n) (pool - share[s] + n <= POOL || mutation == 7)

inline set_share(s, n)
{
    pool = pool - share[s] + n;
    share[s] = n
}

/* settle_one() */
inline settle_one(s)
{
    must = coming[s] > 0 && whole[s] == 0 && window[s] < coming[s];
    goal = WINDOW;
    if
    :: ended[s] || (s == 0 && gone) ->
        hungry[s] = 0;
        goal = 0
    :: else ->
        if
        :: must && held[s] + coming[s] > WINDOW && mutation != 2 ->
            if
            :: pool_has(s, share_of(held[s] + coming[s])) ->
                hungry[s] = 0;
                goal = held[s] + coming[s]
            :: else ->
                hungry[s] = 1;
                goal = WINDOW + share[s]
            fi
        :: else -> hungry[s] = 0
        fi
    fi;
    now_has = window[s] + held[s];
    if
    :: goal > now_has && (must || goal - now_has >= goal / 2) ->
        set_share(s, share_of(goal));
        window[s] = window[s] + goal - now_has;
        owed[s] = owed[s] + goal - now_has
    :: else
    fi;
    now_has = share_of(window[s] + held[s]);
    if
    :: now_has < share[s] && mutation != 3 -> set_share(s, now_has)
    :: else
    fi;
    must = 0;
    goal = 0;
    now_has = 0
}

inline settle_channel()
{
    if
    :: CHANNEL_WINDOW + pool >= channel_window + channel_held + STEP ->
        owed[CHANNEL] = owed[CHANNEL] + CHANNEL_WINDOW + pool - channel_window - channel_held;
        channel_window = CHANNEL_WINDOW + pool - channel_held
    :: else
    fi;
    assert(channel_held == held[0] + held[1]);
    assert(channel_held <= 2 * WINDOW + POOL)
}

inline feed_hungry()
{
    if
    :: hungry[0] && mutation != 9 -> settle_one(0)
    :: else
    fi;
    if
    :: hungry[1] && !hungry[0] && mutation != 9 -> settle_one(1)
    :: else
    fi
}

inline settle(s)
{
    had = share[s];
    settle_one(s);
    if
    :: share[s] < had -> feed_hungry()
    :: else
    fi;
    had = 0;
    settle_channel()
}

inline send(s)
{
    d_step {
        to_send[s] > 0 && left[s] > 0 && credit[s] > 0 && channel_credit > 0 && len(data) < 2 ->
        credit[s]--;
        channel_credit--;
        left[s]--;
        data ! s, ((begun[s] -> UNIT : FIRST) | (left[s] == 0 -> LAST : UNIT)), left[s];
        begun[s] = (left[s] > 0);
        if
        :: left[s] == 0 -> to_send[s]--
        :: else
        fi
    }
}

inline next_message(s)
{
    atomic {
        to_send[s] > 0 && left[s] == 0 ->
        if
        :: left[s] = 1
        :: left[s] = 2
        :: s == 0 || gives_up -> left[s] = 3
        fi
    }
}

inline close(s)
{
    d_step {
        !closed[s] && len(data) < 2 &&
        (to_send[s] == 0 || (mutation == 6 && to_send[s] == 1 && credit[s] == 0)) ->
        closed[s] = 1;
        data ! s, END, 0
    }
}

proctype sender()
{
    byte s, n;

end:
    do
    :: next_message(0)
    :: next_message(1)
    :: send(0)
    :: send(1)
    :: close(0)
    :: close(1)
    :: d_step {
        back ? s, n ->
        if
        :: s == CHANNEL -> channel_credit = channel_credit + n
        :: else -> credit[s] = credit[s] + n
        fi;
        s = 0;
        n = 0
    }
    od
}

inline take()
{
    d_step {
        data ? s, what, rest ->
        if
        :: what == END ->
            assert(coming[s] == 0);
            ended[s] = 1;
            settle(s)
        :: what != END && s == 0 && gone ->
            assert(channel_window > 0);
            channel_window--;
            settle_channel() /* dropped */
        :: else ->
            assert(!ended[s] && window[s] > 0 && channel_window > 0);
            window[s]--;
            channel_window--;
            held[s]++;
            channel_held++;
            if
            :: (what & FIRST) != 0 ->
                assert(coming[s] == 0);
                size[s] = size[s] + (whole[s] == 0 -> rest + 1 : 4 * (rest + 1))
            :: else
            fi;
            coming[s] = rest;
            if
            :: rest == 0 -> whole[s]++
            :: else
            fi;
            settle(s)
        fi;
        s = 0;
        what = 0;
        rest = 0
    }
}

inline read(s)
{
    d_step {
        whole[s] > 0 && !(s == 0 && (stuck || gone)) ->
        held[s] = held[s] - size[s] % 4;
        channel_held = channel_held - size[s] % 4;
        size[s] = size[s] / 4;
        whole[s]--;
        settle(s)
    }
}

inline pay(s)
{
    d_step {
        owed[s] > 0 && (len(back) < 2 || mutation == 4) ->
        if
        :: len(back) < 2 -> back ! s, owed[s]
        :: else
        fi;
        owed[s] = 0
    }
}

#define all_here(s) (ended[s] && whole[s] == 0 && coming[s] == 0)

proctype reader()
{
    byte s, what, rest, goal, now_has, had;
    bit must;

    do
    :: take()
    :: read(0)
    :: read(1)
    :: pay(0)
    :: pay(1)
    :: pay(CHANNEL)
    :: d_step { !stuck && !gone -> stuck = 1 }
    :: d_step {
        gives_up && !gone && stuck -> gone = 1; /* at_stream_uncount() */
        hungry[0] = 0;
        owed[0] = 0;
        channel_held = (mutation == 8 -> channel_held : channel_held - held[0]);
        held[0] = 0;
        whole[0] = 0;
        coming[0] = 0;
        size[0] = 0;
        set_share(0, 0);
        feed_hungry();
        settle_channel()
    }
    :: all_here(1) && (all_here(0) || stuck || gone) -> break
    od
}

init
{
    atomic {
        c_code { now.mutation = atoi(getenv("MUTATION")); };
        credit[0] = WINDOW;
        credit[1] = WINDOW;
        window[0] = WINDOW;
        window[1] = WINDOW;
        channel_credit = CHANNEL_WINDOW;
        channel_window = CHANNEL_WINDOW;
        if
        :: gives_up = 1
        :: true
        fi;
        to_send[0] = MESSAGES;
        to_send[1] = MESSAGES;
        run sender();
        run reader()
    }
}
