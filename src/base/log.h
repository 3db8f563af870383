/*
 * The log sink of roles: one line per event on stderr, logfmt. Library rooms never log above
 * debug. The message says what happened, what we do now, and what the reader can do.
 *
 *   at_log(AT_LOG_WARN, "instance=%s exit=%d | exited before it was ready; starting again", ...)
 */
#ifndef AT_BASE_LOG_H
#define AT_BASE_LOG_H

enum at_log_level { AT_LOG_DEBUG, AT_LOG_INFO, AT_LOG_WARN, AT_LOG_ERROR };

/* Called once by main.c; role is borrowed for ever. */
void at_log_init(const char *role, enum at_log_level least);
/* Any thread; one write(2) per line, cut at 2 KiB; control characters are made visible. */
void at_log(enum at_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * A line that a full pipe does not take (a role may have made its stderr non-blocking) is lost, and
 * counted: the next at_log() or at_log_catch_up() that is taken says how many. Cheap when none is.
 */
void at_log_catch_up(void);

#endif
