/* host.h - what the threads of a real-time run ask of the operating system: priority, cores of their
 * own, memory that stays.                                                         layer: reader */
#ifndef READER_HOST_H
#define READER_HOST_H

#include <pthread.h>
#include <stddef.h>

#include "config/status.h"

enum { HOST_CPUS_MAX = 8 };

enum host_role { /* in the order in which they must be served */
                 HOST_RX,
                 HOST_TX,
                 HOST_DSP,
                 HOST_INVENTORY, /* or EMIT */
                 HOST_PUBLISH,   /* like any other program */
};

struct host_cpus {
    size_t n;
    int cpu[HOST_CPUS_MAX];
};

/* CPU numbers of timing.cpu_list ("2,3"; "" = none).
 *   err  ST_RANGE with the text and what is accepted */
enum status host_cpus_parse(const char *text, struct host_cpus *cpus) must_check;

/* The one of the list a thread is pinned to: with one all four share it; with two RX and TX share the
 * first, DSP and INVENTORY the second; with three RX, TX, and the other two; from four on one each.
 *   ret  -1: not pinned (PUBLISH, an empty list) */
int host_cpu_of(const struct host_cpus *cpus, enum host_role role);

/* Priority (RX and TX before DSP and INVENTORY), pinning and locked memory, each where permitted;
 * what is not permitted is said in one line with the remedy.
 *   in   thread[n_threads], role[n_threads]   pre  the threads run */
void host_serve(const pthread_t *thread, const enum host_role *role, size_t n_threads,
                const struct host_cpus *cpus);

#endif
