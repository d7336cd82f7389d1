/*
 * A process between host and server: what starts it, what it costs. It ends when the load ends.
 */
#ifndef BENCH_CANDIDATE_H
#define BENCH_CANDIDATE_H

#include <stdbool.h>
#include <sys/types.h>

struct candidate {
	pid_t pid;   /* -1 = it has ended */
	int status;  /* then: as waitpid tells it */
	int in, out; /* our ends of the pipes that are its stdin and stdout; -1 = closed */
};

/*
 * Starts ${command} (ends with NULL) with "{url}", "{host}" and "{port}" in its words replaced;
 * the URL's scheme is ${scheme}, with ${secure} its variant with TLS.
 */
struct candidate candidate_start(char *const *command, const char *scheme, bool secure, int port);

/* The same for a function of ours, which gets the child's ends of the pipes. */
struct candidate candidate_fork(
    void (*run)(int in, int out, const void *context), const void *context);

/* Bytes that the pipes hold, where the system lets us choose. */
void candidate_widen(struct candidate *candidate, int bytes);

/* Closes its stdin. */
void candidate_close_stdin(struct candidate *candidate);

bool candidate_ended(struct candidate *candidate);

/* Kills it if it still runs, closes the pipes. */
void candidate_end(struct candidate *candidate);

/* Seconds of processor time it has used so far, all its threads together. */
double candidate_cpu(const struct candidate *candidate);

/* Bytes. */
struct candidate_memory {
	long resident;     /* pages in memory */
	long proportional; /* the same, pages of several processes shared out among them */
	long peak;         /* the most that ever was resident */
};

struct candidate_memory candidate_memory(const struct candidate *candidate);

#endif
