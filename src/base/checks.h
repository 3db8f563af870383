/*
 * at_check(): our own mistakes, in release builds too. Never for bytes from a peer, a file or a
 * shared mapping: those are input and end in an error code. Not used in code that runs inside a
 * user's process (libatoll never aborts its host).
 */
#ifndef AT_BASE_CHECKS_H
#define AT_BASE_CHECKS_H

/* Writes "file:line: function: check failed: text" to stderr and aborts. */
_Noreturn void at_check_failed(const char *file, int line, const char *function, const char *text);

#define at_check(expr) ((expr) ? (void)0 : at_check_failed(__FILE__, __LINE__, __func__, #expr))

#endif
