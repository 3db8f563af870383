/* Inside libatoll: what a context under way to many instances needs of many.c. Lock held. */
#ifndef AT_LIBATOLL_MANY_H
#define AT_LIBATOLL_MANY_H

struct at_many;
struct atoll_call;

/* Its answers that are still out are given up; the call ends CANCELLED. */
void at_many_cancel(struct atoll_call *call);
/* The context goes: nothing of it may stay in the engine, and nobody is told. */
void at_many_abandon(struct atoll_call *call);

#endif
